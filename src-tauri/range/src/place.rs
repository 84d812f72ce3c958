//! Where a range keeps things. In the home: its state, its log, the certificate authority, and the bindings that the
//! engine reads. The clusters and buckets lie in a data folder, which for root is outside the home, because the
//! user `postgres` must be able to walk to it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::{error::RangeError, process::Process};
use rustix::process::Signal;

/// The paths of one home's range.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The home, without links and dots.
    pub(crate) home: PathBuf,
    /// What is kept about the range.
    pub(crate) folder: PathBuf,
    /// The clusters, the archive and the buckets.
    pub(crate) data: PathBuf,
}

/// The right to be the range of a home; ends with the process that holds it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Place {
    /// The paths for a home, which need not exist: one that was removed leads where it led before.
    pub(crate) fn of(home: &Path) -> Result<Self, RangeError> {
        let home =
            std::path::absolute(home).and_then(|home| resolve(&home, 0)).map_err(RangeError::file("find", home))?;
        let folder = home.join("range");
        let data = if geteuid().is_root() {
            let hash = hex::encode(Sha256::digest(home.as_os_str().as_encoded_bytes()));
            PathBuf::from(format!("/var/tmp/lifeboat-range-{}", &hash[..16]))
        } else {
            folder.join("data")
        };
        Ok(Self { home, folder, data })
    }

    /// The paths for a home, which is made if need be, and the folder that only this user may enter.
    pub(crate) fn prepare(home: &Path) -> Result<Self, RangeError> {
        let place = Self::of(home)?;
        // The bindings hold a path inside it, and what is read as JSON is text.
        if place.home.to_str().is_none() {
            return Err(RangeError::NotText { home: place.home });
        }
        // A home that is made here is as private as one the journal makes.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&place.home)
            .map_err(RangeError::file("create", &place.home))?;
        private_folder(&place.folder)?;
        Ok(place)
    }

    /// Who runs the range and where it listens.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// The authority that signed the API's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// What the engine fills the environment `range` with.
    pub(crate) fn bindings(&self) -> PathBuf {
        self.home.join("environments").join("range.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The root of the object store, a folder for each bucket.
    pub(crate) fn objects(&self) -> PathBuf {
        self.data.join("objects")
    }

    /// The folder of nightly dumps, as a server has it besides its bucket.
    pub(crate) fn dumps(&self) -> PathBuf {
        self.data.join("dumps")
    }

    /// What faults have put away for their mending.
    pub(crate) fn aside(&self) -> PathBuf {
        self.data.join("aside")
    }

    /// Takes the right to be this home's range.
    pub(crate) fn lock(&self) -> Result<Lock, RangeError> {
        let path = self.lock_file();
        loop {
            private_folder(&self.folder)?;
            let file = match OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path) {
                // Removed between the two lines by a `down` that just ended.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(RangeError::file("open", &path))?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(RangeError::Running { home: self.home.clone() }),
                Err(TryLockError::Error(error)) => return Err(RangeError::file("lock", path)(error)),
            }
            // Whoever had the lock before may have removed the file: then this is a lock on nothing.
            let ours = file.metadata().map_err(RangeError::file("read", &path))?;
            if fs::metadata(&path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok(Lock { _file: file });
            }
        }
    }

    /// Whether anything of a range is there.
    pub(crate) fn has_remains(&self) -> bool {
        self.data.symlink_metadata().is_ok() || self.state().exists() || self.bindings().exists()
    }

    /// Ends the servers that work in the data folder, and removes it and the bindings. The caller holds the lock.
    pub(crate) async fn clear(&self) -> Result<(), RangeError> {
        remove_file(&self.bindings())?;
        end_servers(&self.data).await?;
        match self.data.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(RangeError::file("read", &self.data)(error)),
            Ok(there) if !there.is_dir() || there.uid() != geteuid().as_raw() => {
                return Err(RangeError::Foreign { path: self.data.clone() });
            }
            Ok(_) => {}
        }
        for _ in 0..20 {
            let data = self.data.clone();
            match blocking(move || Ok(fs::remove_dir_all(data))).await? {
                // A thread that was told to stop may just have written one more file.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    sleep(Duration::from_millis(50)).await;
                }
                other => return other.map_err(RangeError::file("remove", &self.data)),
            }
        }
        Err(RangeError::NotInTime { what: "emptying the data folder".to_owned(), seconds: 1 })
    }

    /// Removes everything, the lock last.
    pub(crate) async fn remove(&self, lock: Lock) -> Result<(), RangeError> {
        self.clear().await?;
        let kept = self.lock_file();
        if let Ok(entries) = fs::read_dir(&self.folder) {
            for entry in entries.flatten().map(|entry| entry.path()).filter(|path| *path != kept) {
                remove_file(&entry)?;
            }
        }
        remove_file(&kept)?;
        drop(lock);
        // Both may hold what is not ours, or be taken by a range that is coming up: then they stay.
        let _ = fs::remove_dir(&self.folder);
        let _ = fs::remove_dir(self.home.join("environments"));
        Ok(())
    }

    /// Makes the data folder anew. Others may walk through it, since `postgres` has to, but not look around.
    pub(crate) fn create_data(&self) -> Result<(), RangeError> {
        DirBuilder::new().mode(0o711).create(&self.data).map_err(RangeError::file("create", &self.data))?;
        for folder in [self.objects(), self.aside()] {
            private_folder(&folder)?;
        }
        Ok(())
    }
}

/// Where an absolute path leads. What does not exist is taken as written, but a link to it is still followed.
fn resolve(path: &Path, followed: u32) -> io::Result<PathBuf> {
    /// As many links as the system follows.
    const MOST_LINKS: u32 = 40;
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let Some(parent) = path.parent() else { return Ok(path.to_owned()) };
    if let Ok(target) = path.read_link() {
        if followed >= MOST_LINKS {
            return Err(rustix::io::Errno::LOOP.into());
        }
        return resolve(&parent.join(target), followed + 1);
    }
    let parent = resolve(parent, followed)?;
    let plain = match path.file_name() {
        Some(name) => parent.join(name),
        None => parent.parent().unwrap_or(&parent).to_owned(),
    };
    if plain == path {
        return Ok(plain);
    }
    // What could not be looked up as it was written may be there as it is meant.
    if followed >= MOST_LINKS {
        return Err(rustix::io::Errno::LOOP.into());
    }
    resolve(&plain, followed + 1)
}

/// Ends every PostgreSQL program that works in a folder: its postmasters in an orderly way if they can, then at once.
async fn end_servers(data: &Path) -> Result<(), RangeError> {
    for (signal, limit) in [(Signal::INT, 10), (Signal::QUIT, 5), (Signal::KILL, 5)] {
        let all = Process::of_postgres_in(data);
        let postmasters = ["standby", "primary"].into_iter().filter_map(|name| postmaster_in(&data.join(name)));
        let mut told: Vec<_> = postmasters.filter(|postmaster| all.contains(postmaster)).collect();
        if told.is_empty() {
            told = all;
        }
        for process in &told {
            process.signal(signal);
        }
        for process in told {
            process.ends_within(Duration::from_secs(limit)).await;
        }
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while !Process::of_postgres_in(data).is_empty() {
        if Instant::now() > deadline {
            return Err(RangeError::NotInTime { what: "ending the range's database servers".to_owned(), seconds: 25 });
        }
        for process in Process::of_postgres_in(data) {
            process.signal(Signal::KILL);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The server that says it has this cluster.
pub(crate) fn postmaster_in(cluster: &Path) -> Option<Process> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    Process::of(text.lines().next()?.trim().parse().ok()?)
}

/// Makes a folder that only this user may enter; it may be there.
pub(crate) fn private_folder(path: &Path) -> Result<(), RangeError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(RangeError::file("create", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a file; it may be gone.
pub(crate) fn remove_file(path: &Path) -> Result<(), RangeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RangeError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file that only this user may read, whole or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), RangeError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(name);
    remove_file(&part)?;
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    })();
    written.map_err(|error| {
        let _ = fs::remove_file(&part);
        RangeError::file("write", path)(error)
    })
}

/// Runs something that waits for the disk beside the tasks that answer.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RangeError> + Send + 'static,
) -> Result<T, RangeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(RangeError::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn one_home_has_one_range_and_another_home_another() {
        let home = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let place = Place::prepare(home.path()).unwrap();
        let lock = place.lock().unwrap();
        assert!(matches!(Place::of(home.path()).unwrap().lock(), Err(RangeError::Running { .. })));
        let beside = Place::prepare(other.path()).unwrap();
        beside.lock().unwrap();
        assert_ne!(place.data, beside.data);
        drop(lock);
        place.lock().unwrap();
    }

    #[tokio::test]
    async fn removing_leaves_nothing_and_a_lock_on_a_removed_file_does_not_count() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::prepare(home.path()).unwrap();
        let lock = place.lock().unwrap();
        place.create_data().unwrap();
        fs::create_dir_all(home.path().join("environments")).unwrap();
        write_private(&place.bindings(), b"{}").unwrap();
        write_private(&place.state(), b"{}").unwrap();
        assert!(place.has_remains());
        place.remove(lock).await.unwrap();
        assert!(!place.has_remains());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        place.lock().unwrap();
    }

    #[test]
    fn a_home_made_for_a_range_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("above/home");
        Place::prepare(&home).unwrap();
        assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_private_file_is_for_its_owner_only_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        write_private(&path, b"first and longer").unwrap();
        write_private(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_to_one_home_lead_to_one_range() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("a home with spaces");
        fs::create_dir(&home).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&home, &link).unwrap();
        let there = Place::of(&home).unwrap();
        assert_eq!(there.data, Place::of(&link).unwrap().data);
        // The range of a removed home still lies where the links led to.
        let below = folder.path().join("link to link");
        std::os::unix::fs::symlink("link", &below).unwrap();
        fs::remove_dir(&home).unwrap();
        for gone in [link, below.clone(), folder.path().join("not there/../link to link")] {
            assert_eq!(Place::of(&gone).unwrap().data, there.data, "{}", gone.display());
        }
        assert_eq!(Place::of(&below.join("deep/er")).unwrap().home, there.home.join("deep/er"));
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::os::unix::fs::symlink(&one, &other).unwrap();
        std::os::unix::fs::symlink(&other, &one).unwrap();
        assert!(matches!(Place::of(&one), Err(RangeError::File { .. })));
    }

    #[test]
    fn a_home_whose_path_is_no_text_is_refused_before_anything_is_made() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(std::ffi::OsStr::from_bytes(b"home \xff"));
        assert!(matches!(Place::prepare(&home), Err(RangeError::NotText { .. })));
        assert!(!home.exists());
    }
}
