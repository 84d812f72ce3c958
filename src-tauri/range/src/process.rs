//! Processes by number and start, so that a number the system has given to another program is never taken for ours.
//! Reads `/proc`, which is what Linux offers; ends only what the range itself started.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::error::RangeError;

/// How often a process is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// A process of this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: i32,
    /// When it started, in clock ticks since the computer did.
    pub(crate) started: u64,
}

impl Process {
    /// The process with this number; nothing when there is none or it has ended and only waits to be collected.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = read_stat(&stat)?;
        (!matches!(state, 'Z' | 'X')).then_some(Self { pid, started })
    }

    /// This program.
    pub(crate) fn own() -> Result<Self, RangeError> {
        let own = i32::try_from(std::process::id()).ok().and_then(Self::of);
        own.ok_or_else(|| RangeError::Silent { cause: "/proc cannot be read".to_owned() })
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends it a signal, unless it has ended.
    pub(crate) fn signal(self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid)
            && self.is_alive()
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::debug!(pid = self.pid, %error, "a signal was not delivered");
        }
    }

    /// Waits until it has ended; tells whether it did in time.
    pub(crate) async fn ends_within(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }

    /// The PostgreSQL programs that work inside a folder. Every child of a range is started there, and only those
    /// programs count: a person's shell that happens to stand in the folder is left alone.
    pub(crate) fn of_postgres_in(folder: &Path) -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|&pid| is_postgres(pid) && works_in(pid, folder))
            .filter_map(Self::of)
            .collect()
    }
}

/// State and start of a process from its `stat` line; the name in brackets may itself hold brackets and spaces.
fn read_stat(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // Field 22 of proc(5), of which two came before the bracket and one just now.
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

fn link(pid: i32, name: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/{name}")).ok().map(|target| before_it_was_deleted(&target))
}

/// The system marks what a link of `/proc` leads to when it is gone. A path is bytes, and need not be text.
fn before_it_was_deleted(target: &Path) -> PathBuf {
    let bytes = target.as_os_str().as_bytes();
    PathBuf::from(OsStr::from_bytes(bytes.strip_suffix(b" (deleted)").unwrap_or(bytes)))
}

fn is_postgres(pid: i32) -> bool {
    const PROGRAMS: [&str; 6] = ["postgres", "initdb", "pg_basebackup", "pg_dump", "pg_restore", "pg_receivewal"];
    link(pid, "exe")
        .is_some_and(|program| program.file_name().is_some_and(|name| PROGRAMS.iter().any(|known| name == *known)))
}

fn works_in(pid: i32, folder: &Path) -> bool {
    link(pid, "cwd").is_some_and(|place| place.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "41 (a) b (c) S 1 41 41 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 1 0 987654 1 2 3";
        assert_eq!(read_stat(stat), Some(('S', 987_654)));
    }

    #[test]
    fn a_folder_that_is_gone_or_whose_path_is_no_text_is_still_a_folder() {
        let path = |bytes| Path::new(OsStr::from_bytes(bytes));
        for (target, folder) in [
            (&b"/home/range"[..], &b"/home/range"[..]),
            (b"/home/range (deleted)", b"/home/range"),
            (b"/home \xff/range (deleted)", b"/home \xff/range"),
        ] {
            assert_eq!(before_it_was_deleted(path(target)), path(folder));
        }
    }

    #[test]
    fn this_program_is_alive_and_another_start_is_another_program() {
        let own = Process::own().unwrap();
        assert!(own.is_alive());
        assert!(!Process { started: own.started + 1, ..own }.is_alive());
    }

    #[test]
    fn a_folder_without_postgres_has_no_processes() {
        assert_eq!(Process::of_postgres_in(Path::new("/nowhere/at/all")), []);
    }
}
