//! Files that are whole or not there: exports and backups.

use std::{
    fs,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use super::JournalError;

/// A file that gets its name only when it is whole.
pub(super) struct Pending {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<fs::File>>,
    finished: bool,
}

impl Pending {
    pub(super) fn begin(path: &Path) -> Result<Self, JournalError> {
        // Taking the name first is what refuses to overwrite; the whole file then replaces this empty one.
        create_new(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let temporary = path.with_file_name(format!(".{name}.partial"));
        let mut pending = Self { path: path.to_owned(), temporary, file: None, finished: false };
        pending.file = Some(BufWriter::new(create_new(&pending.temporary)?));
        Ok(pending)
    }

    /// Where it is until it is whole. Empty and private; whoever fills it past this sees to its being on disk.
    pub(super) fn temporary(&self) -> &Path {
        &self.temporary
    }

    pub(super) fn line(&mut self, line: &str) -> Result<(), JournalError> {
        let writing = |source| JournalError::file("write", &self.temporary, source);
        match &mut self.file {
            Some(file) => writeln!(file, "{line}").map_err(writing),
            None => Ok(()),
        }
    }

    pub(super) fn finish(mut self) -> Result<(), JournalError> {
        let writing = |source| JournalError::file("write", &self.temporary, source);
        if let Some(file) = self.file.take() {
            let file = file.into_inner().map_err(|error| writing(error.into_error()))?;
            file.sync_all().map_err(writing)?;
        }
        fs::rename(&self.temporary, &self.path).map_err(|source| JournalError::file("write", &self.path, source))?;
        // A name that a power cut may take away again is not there: it goes, as everything does that was not finished.
        sync_name(&self.path).map_err(|source| JournalError::file("put on disk", &self.path, source))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.temporary);
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Puts a name itself on disk. A file system that knows no syncing of folders has done what it can.
pub(super) fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::File::open(folder)?.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

pub(super) fn create_new(path: &Path) -> Result<fs::File, JournalError> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => JournalError::Exists(path.to_owned()),
        _ => JournalError::file("make the file", path, source),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_put_on_disk_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        sync_name(&folder.path().join("there")).unwrap();
        let gone = folder.path().join("gone/there");
        assert_eq!(sync_name(&gone).unwrap_err().kind(), io::ErrorKind::NotFound);
        // Linux makes these up and cannot sync them.
        #[cfg(target_os = "linux")]
        sync_name(Path::new("/proc/self/status")).unwrap();
    }

    #[test]
    fn a_file_whose_name_is_not_on_disk_is_not_left_behind() {
        let place = tempfile::tempdir().unwrap();
        let (folder, away) = (place.path().join("folder"), place.path().join("away"));
        fs::create_dir(&folder).unwrap();
        let mut pending = Pending::begin(&folder.join("export")).unwrap();
        pending.line("whole").unwrap();
        // What cannot be found cannot be finished; nothing is left where it was begun either.
        fs::rename(&folder, &away).unwrap();
        pending.finish().unwrap_err();
        assert!(!folder.exists());
    }
}
