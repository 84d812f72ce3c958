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
            "SELECT place, device, sequence, wall_ms, counter, clock_ms, CAST(actor AS BLOB) AS actor, ",
            "CAST(kind AS BLOB) AS kind, CAST(body AS BLOB) AS body, previous, hash FROM entry ",
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

/// A row of the entry table: where it stands, what it should be called, and itself if it can be read.
pub(super) struct EntryRow {
    pub(super) place: i64,
    pub(super) label: String,
    pub(super) entry: Option<Entry>,
}

pub(super) fn entry_of(row: &SqliteRow) -> EntryRow {
    let place = row.try_get_unchecked::<i64, _>("place").unwrap_or(-1);
    let device = row.try_get_unchecked::<Vec<u8>, _>("device").ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
    let sequence = row.try_get_unchecked::<i64, _>("sequence").ok();
    let label = match (device, sequence) {
        (Some(device), Some(sequence)) => format!("{device}/{sequence}"),
        (None, _) | (_, None) => format!("the one at place {place}"),
    };
    EntryRow { place, label, entry: whole_entry(row, device, sequence) }
}

fn whole_entry(row: &SqliteRow, device: Option<Uuid>, sequence: Option<i64>) -> Option<Entry> {
    let text = |name: &str| String::from_utf8(row.try_get_unchecked::<Vec<u8>, _>(name).ok()?).ok();
    let hash = |name: &str| row.try_get_unchecked::<Vec<u8>, _>(name).ok()?.try_into().ok().map(Hash);
    Some(Entry {
        device: device?,
        sequence: u64::try_from(sequence?).ok()?,
        at: HybridTime {
            wall_ms: row.try_get_unchecked("wall_ms").ok()?,
            counter: u32::try_from(row.try_get_unchecked::<i64, _>("counter").ok()?).ok()?,
        },
        clock_ms: row.try_get_unchecked("clock_ms").ok()?,
        actor: text("actor")?,
        kind: text("kind")?,
        body: text("body")?,
        previous: hash("previous")?,
        hash: hash("hash")?,
    })
}

/// A checkpoint; nothing when the row is not what one looks like.
pub(super) fn checkpoint_of(row: &SqliteRow) -> Option<Checkpoint> {
    let bytes = |name: &str| row.try_get_unchecked::<Vec<u8>, _>(name).ok();
    let number = |name: &str| u64::try_from(row.try_get_unchecked::<i64, _>(name).ok()?).ok();
    Some(Checkpoint {
        device: Uuid::from_slice(&bytes("device")?).ok()?,
        sequence: number("sequence")?,
        head: Hash(bytes("head")?.try_into().ok()?),
        at: HybridTime {
            wall_ms: row.try_get_unchecked("wall_ms").ok()?,
            counter: u32::try_from(row.try_get_unchecked::<i64, _>("counter").ok()?).ok()?,
        },
        clock_ms: row.try_get_unchecked("clock_ms").ok()?,
        entries: number("entries")?,
        key: PublicKey(bytes("key")?.try_into().ok()?),
        signature: Signature(bytes("signature")?.try_into().ok()?),
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
    })
}

fn verdict_of(text: &str) -> Option<Verdict> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}
