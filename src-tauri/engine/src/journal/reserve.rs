//! The reserve: space that is taken in good times, so that an incident can still be written down on a full disk.
//!
//! It is really allocated and cannot be compressed. When it is given up and when it is made again is the writer's.

use std::{
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::rand::{SecureRandom, SystemRandom};

/// How large it is: a thousand facts of a person, each in its own transaction, and room to spare.
pub(super) const RESERVE: u64 = 8 << 20;
/// This much must stay free beside it before it is made.
const BESIDE: u64 = 8 << 20;
const HELPING: usize = 1 << 20;

/// Tells how many bytes a program may still take where a folder is; tests have their own.
pub(crate) type Space = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// The space of the file system.
pub(crate) fn free_space() -> Space {
    Arc::new(|folder| {
        let space = rustix::fs::statvfs(folder)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    })
}

/// The reserve of a home.
#[derive(Clone)]
pub(super) struct Reserve {
    path: PathBuf,
    space: Space,
}

impl fmt::Debug for Reserve {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reserve").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Reserve {
    pub(super) fn of(home: &Path, space: Space) -> Self {
        Self { path: home.join("journal.reserve"), space }
    }

    pub(super) fn is_whole(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() == RESERVE)
    }

    /// Makes it unless it is there, if there is space for it and as much again. Answers whether it is there now.
    pub(super) fn make(&self) -> io::Result<bool> {
        use std::os::unix::fs::OpenOptionsExt;
        if self.is_whole() {
            return Ok(true);
        }
        let home = self.path.parent().unwrap_or(Path::new("."));
        if (self.space)(home)? < RESERVE + BESIDE {
            return Ok(false);
        }
        let making = self.path.with_extension("reserve-partial");
        let filled = || -> io::Result<()> {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&making)?;
            let mut helping = vec![0; HELPING];
            for _ in 0..RESERVE / HELPING as u64 {
                SystemRandom::new().fill(&mut helping).map_err(|_| io::Error::other("no random bytes"))?;
                file.write_all(&helping)?;
            }
            file.sync_all()?;
            fs::rename(&making, &self.path)
        };
        match filled() {
            // Another program may have made it in between.
            Err(_) if self.is_whole() => Ok(true),
            Err(error) => {
                let _ = fs::remove_file(&making);
                Err(error)
            }
            Ok(()) => Ok(true),
        }
    }

    /// Gives the space up. Answers whether there was any.
    pub(super) fn release(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }
}
