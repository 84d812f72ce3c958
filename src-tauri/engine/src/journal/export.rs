//! The journal as one JSON object a line, with every field as it was hashed, so that others can verify it with a
//! few lines of their own.

use std::{
    fs,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use futures_util::TryStreamExt;
use lifeboat_domain::{journal::Entry, problem::Problem};
use serde::Serialize;

use super::{
    Journal, JournalError,
    row::{entry_of, select_entries},
    store::make_home,
};
use crate::view::Export;

/// One line. The hash is SHA-256 over `lifeboat journal entry 1\n`, the 32 bytes of `previous`, the 16 bytes of
/// `device`, `sequence`, `wall_ms` (eight bytes each) and `counter` (four), all big-endian, then `actor`, `kind` and
/// `body`, each with its length in bytes before it as eight bytes. The first `previous` of a device is SHA-256 over
/// `lifeboat journal genesis 1\n` and the device's 16 bytes.
#[derive(Serialize)]
struct Line<'a> {
    device: String,
    sequence: u64,
    wall_ms: i64,
    counter: u32,
    actor: &'a str,
    kind: &'a str,
    body: &'a str,
    previous: String,
    hash: String,
}

impl<'a> From<&'a Entry> for Line<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            device: entry.device.to_string(),
            sequence: entry.sequence,
            wall_ms: entry.at.wall_ms,
            counter: entry.at.counter,
            actor: &entry.actor,
            kind: &entry.kind,
            body: &entry.body,
            previous: entry.previous.to_string(),
            hash: entry.hash.to_string(),
        }
    }
}

impl Journal {
    /// Writes every entry that can be shown to a new file. There is a whole file afterwards or none; nothing is
    /// overwritten. Without a path it goes to `exports` beside the journal.
    pub(crate) async fn export(&self, path: Option<PathBuf>) -> Result<Export, Problem> {
        if self.shared.reader.is_none() {
            return Err(self.read_only().unwrap_or_else(|| JournalError::Closed.into()));
        }
        let path = if let Some(path) = path {
            path
        } else {
            let folder = self.shared.path.with_file_name("exports");
            make_home(&folder)?;
            folder.join(format!("journal-{}.jsonl", (self.shared.clock)().format("%Y%m%dT%H%M%S%3fZ")))
        };
        let mut pending = Pending::begin(&path)?;
        let entries = self.copy_to(&mut pending).await?;
        pending.finish()?;
        Ok(Export { path: path.display().to_string(), entries })
    }

    async fn copy_to(&self, pending: &mut Pending) -> Result<u64, JournalError> {
        let reader = self.shared.reader.as_ref().ok_or(JournalError::Closed)?;
        let reading = |source| JournalError::store("read its entries", source);
        let mut rows =
            sqlx::query(select_entries!("WHERE place <= ? ORDER BY place")).bind(self.shared.through()).fetch(reader);
        let mut entries = 0;
        while let Some(row) = rows.try_next().await.map_err(reading)? {
            let Some(entry) = entry_of(&row).entry else { continue };
            let line = serde_json::to_string(&Line::from(&entry)).map_err(JournalError::Fact)?;
            pending.line(&line)?;
            entries += 1;
        }
        Ok(entries)
    }
}

/// A file that gets its name only when it is whole.
struct Pending {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<fs::File>>,
    finished: bool,
}

impl Pending {
    fn begin(path: &Path) -> Result<Self, JournalError> {
        // Taking the name first is what refuses to overwrite; the whole file then replaces this empty one.
        create_new(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let temporary = path.with_file_name(format!(".{name}.partial"));
        let mut pending = Self { path: path.to_owned(), temporary, file: None, finished: false };
        pending.file = Some(BufWriter::new(create_new(&pending.temporary)?));
        Ok(pending)
    }

    fn line(&mut self, line: &str) -> Result<(), JournalError> {
        let writing = |source| JournalError::file("write", &self.temporary, source);
        match &mut self.file {
            Some(file) => writeln!(file, "{line}").map_err(writing),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), JournalError> {
        let writing = |source| JournalError::file("write", &self.temporary, source);
        if let Some(file) = self.file.take() {
            let file = file.into_inner().map_err(|error| writing(error.into_error()))?;
            file.sync_all().map_err(writing)?;
        }
        fs::rename(&self.temporary, &self.path).map_err(|source| JournalError::file("write", &self.path, source))?;
        self.finished = true;
        // The name itself has to be on disk too. A file system that cannot do this has done what it can.
        if let Some(folder) = self.path.parent()
            && let Ok(folder) = fs::File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
        {
            let _ = folder.sync_all();
        }
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

fn create_new(path: &Path) -> Result<fs::File, JournalError> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => JournalError::Exists(path.to_owned()),
        _ => JournalError::file("make the file", path, source),
    })
}
