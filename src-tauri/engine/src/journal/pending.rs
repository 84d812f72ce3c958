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
        self.finished = true;
        sync_name(&self.path);
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

/// Puts a name itself on disk. A file system that cannot do this has done what it can.
pub(super) fn sync_name(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = fs::File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
    {
        let _ = folder.sync_all();
    }
}

pub(super) fn create_new(path: &Path) -> Result<fs::File, JournalError> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => JournalError::Exists(path.to_owned()),
        _ => JournalError::file("make the file", path, source),
    })
}
