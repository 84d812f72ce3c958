//! Entries, checkpoints and samples as rows. What cannot be read as an entry was altered: that is an answer, not a failure.

use lifeboat_domain::{
    check::{Sample, Verdict},
    journal::{Checkpoint, Entry, Fact, Hash, HybridTime, KeyPlace, PublicKey, Signature},
};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

/// A query for entries. Texts are read as bytes, so that a byte that is not UTF-8 any more does not end the walk.
macro_rules! select_entries {
    ($rest:literal) => {
        concat!(
            "SELECT place, device, sequence, wall_ms, counter, clock_ms, actor, kind, body, previous, hash FROM entry ",
            $rest
        )
    };
}

/// A query for samples.
macro_rules! select_samples {
    ($rest:literal) => {
        concat!("SELECT at_us, latency_ms, verdict, reason, measurements, answer FROM sample ", $rest)
    };
}

/// A query for checkpoints.
macro_rules! select_checkpoints {
    ($rest:literal) => {
        concat!(
            "SELECT place, device, sequence, head, wall_ms, counter, clock_ms, entries, key, signature FROM checkpoint ",
            $rest
        )
    };
}

pub(super) use {select_checkpoints, select_entries, select_samples};

/// A row of the entry table: where it stands, what it calls itself, and itself if it can be read.
pub(super) struct EntryRow {
    pub(super) place: i64,
    pub(super) id: Option<(Uuid, i64)>,
    pub(super) entry: Option<Entry>,
}

impl EntryRow {
    pub(super) fn label(&self) -> String {
        match self.id {
            Some((device, sequence)) => format!("{device}/{sequence}"),
            None => format!("the one at place {}", self.place),
        }
    }
}

/// A row as either library hands it over. What is of another type than it was written with cannot be read.
pub(super) trait Columns {
    /// Nothing where it cannot be read, and nothing in it where it is empty: the one was altered, the other may be.
    #[expect(clippy::option_option, reason = "the two are told apart")]
    fn number(&self, column: usize) -> Option<Option<i64>>;
    fn bytes(&self, column: usize) -> Option<&[u8]>;
}

impl Columns for SqliteRow {
    fn number(&self, column: usize) -> Option<Option<i64>> {
        // SQLite would read nothing as 0.
        self.try_get_unchecked(column).ok()
    }

    fn bytes(&self, column: usize) -> Option<&[u8]> {
        self.try_get_unchecked(column).ok()
    }
}

impl Columns for rusqlite::Row<'_> {
    fn number(&self, column: usize) -> Option<Option<i64>> {
        self.get_ref(column).ok()?.as_i64_or_null().ok()
    }

    fn bytes(&self, column: usize) -> Option<&[u8]> {
        self.get_ref(column).ok()?.as_bytes().ok()
    }
}

/// The entry in a row that was asked for with `select_entries`.
pub(super) fn entry_of(row: &impl Columns) -> EntryRow {
    let place = row.number(0).flatten().unwrap_or(-1);
    let device = row.bytes(1).and_then(|bytes| Uuid::from_slice(bytes).ok());
    let sequence = row.number(2).flatten();
    EntryRow { place, id: device.zip(sequence), entry: whole_entry(row, device, sequence) }
}

fn whole_entry(row: &impl Columns, device: Option<Uuid>, sequence: Option<i64>) -> Option<Entry> {
    let text = |column: usize| Some(str::from_utf8(row.bytes(column)?).ok()?.to_owned());
    let hash = |column: usize| row.bytes(column)?.try_into().ok().map(Hash);
    let number = |column: usize| row.number(column)?;
    Some(Entry {
        device: device?,
        sequence: u64::try_from(sequence?).ok()?,
        at: HybridTime { wall_ms: number(3)?, counter: u32::try_from(number(4)?).ok()? },
        clock_ms: row.number(5)?,
        actor: text(6)?,
        kind: text(7)?,
        body: text(8)?,
        previous: hash(9)?,
        hash: hash(10)?,
    })
}

/// A checkpoint in a row that was asked for with `select_checkpoints`; nothing when it is not what one looks like.
pub(super) fn checkpoint_of(row: &impl Columns) -> Option<Checkpoint> {
    let number = |column: usize| row.number(column)?;
    let whole = |column: usize| u64::try_from(number(column)?).ok();
    Some(Checkpoint {
        device: Uuid::from_slice(row.bytes(1)?).ok()?,
        sequence: whole(2)?,
        head: Hash(row.bytes(3)?.try_into().ok()?),
        at: HybridTime { wall_ms: number(4)?, counter: u32::try_from(number(5)?).ok()? },
        clock_ms: number(6)?,
        entries: whole(7)?,
        key: PublicKey(row.bytes(8)?.try_into().ok()?),
        signature: Signature(row.bytes(9)?.try_into().ok()?),
    })
}

/// The key an entry names as its device's own.
pub(super) fn key_named(entry: &Entry) -> Option<(PublicKey, KeyPlace)> {
    if entry.kind != "device-key-made" {
        return None;
    }
    match Fact::from_parts(&entry.kind, &entry.body) {
        Some(Fact::DeviceKeyMade { key, kept }) => Some((PublicKey(hex::decode(key).ok()?.try_into().ok()?), kept)),
        Some(_) | None => None,
    }
}

/// A sample; nothing when a newer Lifeboat wrote it in a way this one does not know.
pub(super) fn sample_of(row: &SqliteRow) -> Option<Sample> {
    Some(Sample {
        at: chrono::DateTime::from_timestamp_micros(row.try_get("at_us").ok()?)?,
        latency_ms: row.try_get("latency_ms").ok()?,
        verdict: verdict_of(&row.try_get::<String, _>("verdict").ok()?)?,
        reason: row.try_get("reason").ok()?,
        measurements: serde_json::from_str(&row.try_get::<String, _>("measurements").ok()?).ok()?,
        answer: row.try_get("answer").ok()?,
        fault: None,
    })
}

fn verdict_of(text: &str) -> Option<Verdict> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}
