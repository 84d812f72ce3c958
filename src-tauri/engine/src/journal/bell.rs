//! Hearing that somebody wrote to a file, without asking again and again: an idle program stays asleep.
//!
//! Where the operating system has no such bell, or none left, whoever listens has to ask.

use std::{io, path::Path};

/// Rings when a file was written to.
#[derive(Debug)]
pub(super) struct Bell {
    // To the runtime a watch is what a pipe is: something with a descriptor that is read when it is ready.
    #[cfg(target_os = "linux")]
    inner: tokio::net::unix::pipe::Receiver,
    #[cfg(not(target_os = "linux"))]
    inner: std::convert::Infallible,
}

impl Bell {
    /// Hangs a bell on a file that is there, or on every file in a folder.
    #[cfg(target_os = "linux")]
    pub(super) fn on(file: &Path) -> io::Result<Self> {
        use rustix::fs::inotify;
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watch, file, inotify::WatchFlags::MODIFY)?;
        Ok(Self { inner: tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(watch)? })
    }

    /// There is none on this system.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn on(_file: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Waits until it rings; many rings since the last time count as one.
    #[cfg(target_os = "linux")]
    pub(super) async fn rings(&self) -> io::Result<()> {
        let mut events = [0; 4_096];
        self.inner.readable().await?;
        loop {
            match self.inner.try_read(&mut events) {
                Ok(_) => {}
                // Everything was read.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Cannot be called: there is no bell.
    #[cfg(not(target_os = "linux"))]
    pub(super) async fn rings(&self) -> io::Result<()> {
        match self.inner {}
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    #[tokio::test]
    async fn it_rings_once_for_many_writes_and_not_without_any() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "before").unwrap();
        let bell = Bell::on(&file).unwrap();
        fs::write(folder.path().join("beside"), "something else").unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), bell.rings()).await.is_err());
        for text in ["one", "two", "three"] {
            fs::write(&file, text).unwrap();
        }
        bell.rings().await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), bell.rings()).await.is_err());
    }
}
