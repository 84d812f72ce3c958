//! The lease on an environment: of all programs on a home, one watches it. The operating system takes the lease back
//! when its holder ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use lifeboat_domain::Id;

/// Held as long as this is.
#[derive(Debug)]
pub(super) struct Lease {
    _file: File,
}

/// Takes the lease; nothing when another has it.
pub(super) fn take(home: &Path, environment: &Id) -> io::Result<Option<Lease>> {
    let file = open(&path_of(home, environment))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lease { _file: file })),
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
        drop(lease);
        assert!(!is_taken(home.path(), &environment));
        assert!(take(home.path(), &environment).unwrap().is_some());
    }
}
