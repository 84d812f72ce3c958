//! The PostgreSQL programs and the user they run as. Servers never run as root: when the range is started by root its
//! children run as `postgres`. Children get an argument vector and a clean environment; passwords reach them through
//! a file that only their user may read.

use std::{
    env, fs, io,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use rustix::process::geteuid;
use tokio::process::Command;

use crate::error::RangeError;

/// What the range starts itself.
const PROGRAMS: [&str; 5] = ["postgres", "initdb", "pg_basebackup", "pg_dump", "pg_restore"];
/// The oldest major version with the role `pg_read_all_data`.
const OLDEST: u32 = 14;

/// The user the servers run as when the range is started by root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    user: u32,
    group: u32,
}

/// The programs, ready to be started.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    programs: PathBuf,
    account: Option<Account>,
    /// Where children work and where their passwords lie.
    data: PathBuf,
}

impl Tools {
    /// Finds the newest PostgreSQL of this computer and, for root, the user `postgres`.
    pub(crate) async fn find(data: &Path) -> Result<Self, RangeError> {
        let mut folders = installed(Path::new("/usr/lib/postgresql"));
        if let Ok(output) = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output().await
            && output.status.success()
        {
            folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        }
        folders.extend(env::var_os("PATH").iter().flat_map(|path| env::split_paths(path).collect::<Vec<_>>()));
        let programs = choose(&folders)?;
        let account = if geteuid().is_root() { Some(account("postgres").await?) } else { None };
        Ok(Self { programs, account, data: data.to_owned() })
    }

    /// A program as a child of the range, ended with the handle that waits for it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.data)
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("PGPASSFILE", self.passwords())
            .env("PGCONNECT_TIMEOUT", "10")
            .current_dir(&self.data)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            // A key pressed in the terminal is for the range, which then ends its children in order.
            .process_group(0);
        if let Some(Account { user, group }) = self.account {
            // Setting a user as root also drops root's other groups.
            command.uid(user).gid(group);
        }
        command
    }

    /// Where the children find the passwords.
    pub(crate) fn passwords(&self) -> PathBuf {
        self.data.join("passwords")
    }

    /// Hands a file or folder to the user the servers run as, with this mode.
    pub(crate) fn give(&self, path: &Path, mode: u32) -> Result<(), RangeError> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(RangeError::file("protect", path))?;
        if let Some(Account { user, group }) = self.account {
            chown(path, Some(user), Some(group)).map_err(RangeError::file("hand over", path))?;
        }
        Ok(())
    }
}

/// Runs a program to its end. Where its output goes is for the caller to say; its complaints are kept.
pub(crate) async fn run(program: &str, command: &mut Command) -> Result<(), RangeError> {
    let failed = |error: io::Error| RangeError::Program { program: program.to_owned(), output: error.to_string() };
    // Not `output()`, which would take the output away from the file it is meant for.
    let child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
    let output = child.wait_with_output().await.map_err(failed)?;
    ended(program, output.status, &String::from_utf8_lossy(&output.stderr))
}

fn ended(program: &str, status: ExitStatus, words: &str) -> Result<(), RangeError> {
    if status.success() {
        return Ok(());
    }
    let mut output = tail(words, 6);
    if output.is_empty() {
        output = status.to_string();
    }
    Err(RangeError::Program { program: program.to_owned(), output })
}

/// The last lines of a text, on one line.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("; ")
}

/// The program folders of the versions below a folder as Debian lays them out, newest first.
fn installed(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, _)| *version >= OLDEST)
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// The first folder that holds every program, else the first program that is nowhere.
fn choose(folders: &[PathBuf]) -> Result<PathBuf, RangeError> {
    let has = |folder: &PathBuf, program: &str| folder.join(program).is_file();
    if let Some(folder) = folders.iter().find(|folder| PROGRAMS.iter().all(|program| has(folder, program))) {
        // `postgres` finds its own files by the way it is called; a link leads elsewhere.
        return folder.canonicalize().map_err(RangeError::file("find", folder));
    }
    let missing = PROGRAMS.iter().find(|program| !folders.iter().any(|folder| has(folder, program)));
    Err(RangeError::ToolMissing { program: (*missing.unwrap_or(&PROGRAMS[0])).to_owned() })
}

/// The numbers of a user, asked of the system so that users from a directory service count too.
async fn account(name: &str) -> Result<Account, RangeError> {
    let missing = || RangeError::ToolMissing { program: format!("the user {name}") };
    let output = Command::new("id").args(["--", name]).stdin(Stdio::null()).output().await.map_err(|_| missing())?;
    if !output.status.success() {
        return Err(missing());
    }
    read_account(&String::from_utf8_lossy(&output.stdout)).ok_or_else(missing)
}

/// Reads `uid=101(postgres) gid=104(postgres) ...`.
fn read_account(text: &str) -> Option<Account> {
    let number = |key: &str| {
        let digits = text.split_ascii_whitespace().find_map(|word| word.strip_prefix(key))?;
        digits.split('(').next()?.parse().ok()
    };
    Some(Account { user: number("uid=")?, group: number("gid=")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(programs: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            fs::write(folder.path().join(program), "").unwrap();
        }
        folder
    }

    #[test]
    fn the_first_folder_with_every_program_is_taken() {
        let half = folder_with(&PROGRAMS[..2]);
        let whole = folder_with(&PROGRAMS);
        let chosen = choose(&[half.path().to_owned(), whole.path().to_owned()]).unwrap();
        assert_eq!(chosen, whole.path().canonicalize().unwrap());
    }

    #[test]
    fn a_missing_program_is_named() {
        let half = folder_with(&PROGRAMS[..2]);
        let error = choose(&[half.path().to_owned()]).unwrap_err();
        assert!(matches!(&error, RangeError::ToolMissing { program } if program == "pg_basebackup"), "{error}");
    }

    #[test]
    fn versions_are_compared_as_numbers_and_old_ones_left_out() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "13", "15", "100", "notes"] {
            fs::create_dir(root.path().join(version)).unwrap();
        }
        let found = installed(root.path());
        assert_eq!(found, [root.path().join("100/bin"), root.path().join("15/bin")]);
    }

    #[test]
    fn an_account_is_read_as_the_system_prints_it() {
        let account = read_account("uid=101(postgres) gid=104(postgres) groups=104(postgres),103(ssl-cert)\n");
        assert_eq!(account, Some(Account { user: 101, group: 104 }));
        assert_eq!(read_account("no such user"), None);
    }

    #[test]
    fn the_end_of_a_text_keeps_its_last_lines() {
        assert_eq!(tail("one\ntwo\n\nthree\n", 2), "two; three");
        assert_eq!(tail("", 2), "");
    }
}
