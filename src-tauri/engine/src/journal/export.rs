//! The journal as one JSON object a line, with every field as it was hashed and signed, so that others can verify it
//! with a few lines of their own: first the entries, then the checkpoints.

use std::path::PathBuf;

use futures_util::TryStreamExt;
use lifeboat_domain::{
    journal::{Checkpoint, Entry},
    problem::Problem,
};
use serde::Serialize;

use super::{
    Journal, JournalError,
    pending::Pending,
    row::{checkpoint_of, entry_of, select_checkpoints, select_entries},
    store::{file_of, make_home},
};
use crate::view::Export;

/// An entry's line. With a `clock_ms`, the hash is SHA-256 over `lifeboat journal entry 2\n`, the 32 bytes of
/// `previous`, the 16 bytes of `device`, `sequence`, `wall_ms` (eight bytes each), `counter` (four) and `clock_ms`
/// (eight), all big-endian, then `actor`, `kind` and `body`, each with its length in bytes before it as eight bytes.
/// Without a `clock_ms`, as in entries from before it was kept, it begins with `lifeboat journal entry 1\n` and leaves
/// the eight bytes out. The first `previous` of a device is SHA-256 over `lifeboat journal genesis 1\n` and the device's
/// 16 bytes. `wall_ms` and `counter` give the order, which never runs backwards; `clock_ms` is what the wall clock said.
#[derive(Serialize)]
struct Line<'a> {
    device: String,
    sequence: u64,
    wall_ms: i64,
    counter: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_ms: Option<i64>,
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
            clock_ms: entry.clock_ms,
            actor: &entry.actor,
            kind: &entry.kind,
            body: &entry.body,
            previous: entry.previous.to_string(),
            hash: entry.hash.to_string(),
        }
    }
}

/// A checkpoint's line: `{"checkpoint": {...}}`. The signature is Ed25519 by `key` over `lifeboat journal checkpoint 1\n`,
/// the 16 bytes of `device`, `sequence` (eight bytes), the 32 bytes of `head`, `wall_ms` (eight), `counter` (four),
/// `clock_ms`, `entries` (eight each), all big-endian, and the 32 bytes of `key`. It holds when that key stands in a
/// `device-key-made` entry of the device at or before `sequence`, and the entry at `sequence` has the hash `head`. A
/// chain that ends before a checkpoint's `sequence` was cut off.
#[derive(Serialize)]
struct CheckpointLine {
    checkpoint: CheckpointFields,
}

#[derive(Serialize)]
struct CheckpointFields {
    device: String,
    sequence: u64,
    head: String,
    wall_ms: i64,
    counter: u32,
    clock_ms: i64,
    entries: u64,
    key: String,
    signature: String,
}

impl From<Checkpoint> for CheckpointLine {
    fn from(checkpoint: Checkpoint) -> Self {
        let checkpoint = CheckpointFields {
            device: checkpoint.device.to_string(),
            sequence: checkpoint.sequence,
            head: checkpoint.head.to_string(),
            wall_ms: checkpoint.at.wall_ms,
            counter: checkpoint.at.counter,
            clock_ms: checkpoint.clock_ms,
            entries: checkpoint.entries,
            key: checkpoint.key.to_string(),
            signature: hex::encode(checkpoint.signature.0),
        };
        Self { checkpoint }
    }
}

impl Journal {
    /// Writes every entry that can be shown, and every checkpoint, to a new file. There is a whole file afterwards or none; nothing is
    /// overwritten. Without a path it goes to `exports` beside the journal.
    pub(crate) async fn export(&self, path: Option<PathBuf>) -> Result<Export, Problem> {
        if self.shared.reader().is_err() {
            return Err(self.read_only().unwrap_or_else(|| JournalError::Closed.into()));
        }
        let path = if let Some(path) = path {
            path
        } else {
            let folder = file_of(&self.shared.opening.home).with_file_name("exports");
            make_home(&folder)?;
            folder.join(format!("journal-{}.jsonl", (self.shared.opening.clock)().format("%Y%m%dT%H%M%S%3fZ")))
        };
        let mut pending = Pending::begin(&path)?;
        let (entries, checkpoints) = self.copy_to(&mut pending).await?;
        pending.finish()?;
        Ok(Export { path: path.display().to_string(), entries, checkpoints })
    }

    async fn copy_to(&self, pending: &mut Pending) -> Result<(u64, u64), JournalError> {
        let reader = self.shared.reader()?;
        let reading = |source| JournalError::store("read its entries", source);
        // One transaction, so that no checkpoint tells of an entry that is not there.
        let mut transaction = reader.begin().await.map_err(reading)?;
        let mut rows = sqlx::query(select_entries!("WHERE place <= ? ORDER BY place"))
            .bind(self.shared.through())
            .fetch(&mut *transaction);
        let mut written = (0, 0);
        while let Some(row) = rows.try_next().await.map_err(reading)? {
            let Some(entry) = entry_of(&row).entry else { continue };
            let line = serde_json::to_string(&Line::from(&entry)).map_err(JournalError::Fact)?;
            pending.line(&line)?;
            written.0 += 1;
        }
        drop(rows);
        let mut rows = sqlx::query(select_checkpoints!("ORDER BY place")).fetch(&mut *transaction);
        while let Some(row) = rows.try_next().await.map_err(reading)? {
            let Some(checkpoint) = checkpoint_of(&row) else { continue };
            let line = serde_json::to_string(&CheckpointLine::from(checkpoint)).map_err(JournalError::Fact)?;
            pending.line(&line)?;
            written.1 += 1;
        }
        drop(rows);
        let _ = transaction.rollback().await;
        Ok(written)
    }
}
