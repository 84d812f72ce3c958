//! The lease on an environment: of all programs on a home, one watches it. The operating system takes the lease back
//! when its holder ends, however it ends. The file holds the last sign of life of whoever had it, so that a watch that
//! was cut off is known to have lasted until then.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use lifeboat_domain::Id;

/// Held as long as this is.
#[derive(Debug)]
pub(super) struct Lease {
    file: File,
}

impl Lease {
    /// Leaves a sign of life. Not forced to disk: after a power cut an older one is found, which claims less.
    pub(super) fn sign(&self, now: DateTime<Utc>) -> io::Result<()> {
        // Of fixed length, so that no rest of a longer one stays behind it.
        self.file.write_all_at(format!("{:020}\n", now.timestamp_millis()).as_bytes(), 0)
    }
}

/// The last sign of life of whoever had the lease.
pub(super) fn last_sign(home: &Path, environment: &Id) -> Option<DateTime<Utc>> {
    let text = std::fs::read_to_string(path_of(home, environment)).ok()?;
    DateTime::from_timestamp_millis(text.trim().parse().ok()?)
}

/// Takes the lease; nothing when another has it.
pub(super) fn take(home: &Path, environment: &Id) -> io::Result<Option<Lease>> {
    let file = open(&path_of(home, environment))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lease { file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether somebody has the lease.
pub(super) fn is_taken(home: &Path, environment: &Id) -> bool {
    // A shared lock, held for this one look, keeps nobody out for longer than that.
    File::open(path_of(home, environment))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn path_of(home: &Path, environment: &Id) -> PathBuf {
    home.join(format!("watch-{environment}.lock"))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_until_it_is_given_back() {
        let home = tempfile::tempdir().unwrap();
        let environment: Id = "range".parse().unwrap();
        assert!(!is_taken(home.path(), &environment));
        let lease = take(home.path(), &environment).unwrap();
        assert!(lease.is_some());
        assert!(take(home.path(), &environment).unwrap().is_none());
        assert!(is_taken(home.path(), &environment));
        assert!(take(home.path(), &"production".parse().unwrap()).unwrap().is_some());
        assert_eq!(last_sign(home.path(), &environment), None);
        let now = DateTime::from_timestamp_millis(1_790_000_000_123).unwrap();
        lease.as_ref().unwrap().sign(now).unwrap();
        drop(lease);
        assert_eq!(last_sign(home.path(), &environment), Some(now));
        assert!(!is_taken(home.path(), &environment));
        assert!(take(home.path(), &environment).unwrap().is_some());
    }
}
