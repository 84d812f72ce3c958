//! Programs Lifeboat calls: where each is, which version, and the package that brings it.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use futures_util::future::join_all;
use tokio::process::Command;

use super::{DoctorItem, Finding};

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

struct Tool {
    program: &'static str,
    package: &'static str,
    what_for: &'static str,
    /// Whether Lifeboat works without it, but less well.
    optional: bool,
}

const fn server(program: &'static str, what_for: &'static str) -> Tool {
    Tool { program, package: "postgresql-15", what_for, optional: false }
}

const fn client(program: &'static str, what_for: &'static str) -> Tool {
    Tool { program, package: "postgresql-client-15", what_for, optional: false }
}

const TOOLS: [Tool; 6] = [
    client("pg_dump", "Backups of databases are made with it."),
    client("pg_restore", "Backups of databases are restored with it."),
    client("psql", "Databases are looked into with it by hand."),
    server("initdb", "The practice range makes its databases with it."),
    server("pg_basebackup", "The practice range makes its standby with it."),
    server("postgres", "The practice range runs it."),
];

/// PostgreSQL refuses to run as root: for root the range starts it as this user, whom Debian's server package makes.
const SERVERS_USER: &str = "postgres";

/// Where programs are looked for.
#[derive(Debug)]
pub(super) struct Places {
    folders: Vec<PathBuf>,
    is_root: bool,
}

impl Places {
    /// The newest PostgreSQL of Debian's folders first, then the search path.
    pub(super) fn of_this_computer() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = newest_postgresql(Path::new("/usr/lib/postgresql")).into_iter().chain(env::split_paths(&path));
        Self { folders: folders.collect(), is_root: rustix::process::geteuid().is_root() }
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(program)).find(|path| is_program(path))
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Debian keeps each version in a folder named by its number.
fn newest_postgresql(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root).ok()?.filter_map(Result::ok);
    let versions = versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    versions.filter(|(_, path)| path.join("bin").is_dir()).max().map(|(_, path)| path.join("bin"))
}

/// Looks for every program.
pub(super) async fn items(places: &Places) -> Vec<DoctorItem> {
    let mut items = join_all(TOOLS.iter().map(|tool| item(tool, places))).await;
    if places.is_root {
        items.push(user(SERVERS_USER).await);
    }
    items
}

/// Whether a user exists, asked of the system, so that users from a directory service count too.
async fn user(name: &str) -> DoctorItem {
    let (id, title) = ("servers-user", "User of the servers");
    let mut command = Command::new("id");
    command.args(["-u", "--", name]).stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => DoctorItem::new(id, title, Finding::Good, name),
        Ok(Ok(_)) => DoctorItem::new(id, title, Finding::Missing, format!("there is no user {name}"))
            .hint(
                "PostgreSQL does not run as root; the practice range runs it as this user. Install it with \
                 `apt-get install postgresql-15`, or work as another user than root.",
            )
            .package("postgresql-15"),
        Ok(Err(error)) => DoctorItem::new(id, title, Finding::Unknown, format!("could not be looked up: {error}")),
        Err(_) => DoctorItem::new(id, title, Finding::Unknown, "could not be looked up: no answer"),
    }
}

async fn item(tool: &Tool, places: &Places) -> DoctorItem {
    let Some(path) = places.find(tool.program) else {
        let finding = if tool.optional { Finding::Lacking } else { Finding::Missing };
        return DoctorItem::new(tool.program, tool.program, finding, "not found")
            .hint(format!("{} Install it with `apt-get install {}`.", tool.what_for, tool.package))
            .package(tool.package);
    };
    match version(&path).await {
        Ok(version) => {
            DoctorItem::new(tool.program, tool.program, Finding::Good, format!("{version}, {}", path.display()))
        }
        Err(why) => {
            let found = format!("{} does not start: {why}", path.display());
            DoctorItem::new(tool.program, tool.program, Finding::Missing, found)
                .hint(format!(
                    "{} Install it again with `apt-get install --reinstall {}`.",
                    tool.what_for, tool.package
                ))
                .package(tool.package)
        }
    }
}

async fn version(path: &Path) -> Result<String, String> {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).env("LC_ALL", "C").kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line: String = text.lines().next().unwrap_or_default().chars().take(120).collect();
    Ok(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, name: &str, text: &str) {
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn a_missing_tool_names_its_package() {
        let empty = tempfile::tempdir().unwrap();
        let places = Places { folders: vec![empty.path().to_owned()], is_root: true };
        let items = items(&places).await;
        assert_eq!(items.len(), 7);
        for item in &items[..6] {
            assert_eq!(item.finding, Finding::Missing, "{item:?}");
            let package = item.package.as_ref().unwrap();
            assert!(item.hint.as_ref().unwrap().contains(package.as_str()), "{item:?}");
        }
        assert_eq!(items[0].package.as_deref(), Some("postgresql-client-15"));
        assert_eq!(items[5].package.as_deref(), Some("postgresql-15"));
        assert_eq!(items[6].id, "servers-user");
    }

    #[tokio::test]
    async fn a_user_the_servers_need_is_looked_for() {
        assert_eq!(user("root").await.finding, Finding::Good);
        let missing = user("nobody-is-called-this").await;
        assert_eq!((missing.finding, missing.package.as_deref()), (Finding::Missing, Some("postgresql-15")));
    }

    #[tokio::test]
    async fn the_newest_postgresql_is_taken_and_asked_for_its_version() {
        let root = tempfile::tempdir().unwrap();
        for (version, answer) in [("9", "nine"), ("15", "fifteen"), ("13", "thirteen"), ("common", "no")] {
            let bin = root.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            program(&bin, "psql", &format!("#!/bin/sh\necho psql {answer}\n"));
        }
        let places = Places { folders: newest_postgresql(root.path()).into_iter().collect(), is_root: false };
        let found = items(&places).await;
        assert_eq!(found.len(), 6);
        assert_eq!(found[2].finding, Finding::Good);
        assert!(found[2].found.starts_with("psql fifteen, "), "{:?}", found[2]);
    }

    #[tokio::test]
    async fn a_tool_that_does_not_start_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), "psql", "#!/bin/sh\nexit 3\n");
        let places = Places { folders: vec![folder.path().to_owned()], is_root: false };
        let found = items(&places).await;
        assert_eq!(found[2].finding, Finding::Missing);
        assert!(found[2].found.contains("does not start"), "{:?}", found[2]);
    }
}
