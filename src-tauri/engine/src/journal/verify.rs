//! Walking every chain, in the order of the file: from its first entry, or from the newest checkpoint of this device.
//!
//! The walk reads by place and not by an index, so that it sees what is stored even where an index disagrees. It
//! ends at the first entry that is not as it was written; what comes before is intact. On the way it compares the
//! chains with what their devices signed, and listens for clocks that were set back.

use std::{collections::BTreeMap, time::Instant};

use futures_util::TryStreamExt;
use lifeboat_domain::journal::{
    BadEntry, ChainFault, ChainWalk, Checkpoint, CheckpointFault, ClockReport, Entry, EntryId, Hash, PublicKey,
    Verification,
};
use sqlx::{Connection, Row, sqlite::SqliteConnection};
use uuid::Uuid;

use super::{
    Clock,
    error::{JournalError, is_damage, said},
    row::{checkpoint_of, entry_of, key_named, select_checkpoints, select_entries},
};

/// How far a walk came.
#[derive(Debug, Clone, Default)]
pub(super) struct Walked {
    /// Entries that are as they were written.
    pub(super) intact: u64,
    /// The place of the last of them.
    pub(super) place: i64,
    /// One walk for each device.
    pub(super) chains: BTreeMap<Uuid, ChainWalk>,
    /// The first bad entry, if any.
    pub(super) bad: Option<BadEntry>,
    /// The checkpoint the walk began after.
    since: Option<EntryId>,
    /// Checkpoints the chains agree with.
    checkpoints: u64,
    /// Entries and place of the last of those.
    confirmed: (u64, i64),
    /// The keys each device has named so far.
    keys: BTreeMap<Uuid, Vec<PublicKey>>,
    clock: ClockReport,
}

impl Walked {
    /// Steps over the next entry of the file.
    pub(super) fn step(&mut self, place: i64, entry: &Entry) -> Result<(), ChainFault> {
        let chain = self.chains.entry(entry.device).or_insert_with(|| ChainWalk::start(entry.device));
        let set_back = chain.is_set_back(entry);
        chain.step(entry)?;
        if set_back {
            self.clock.set_back += 1;
            self.clock.first_set_back.get_or_insert_with(|| entry.id().to_string());
        }
        if let Some((key, _)) = key_named(entry) {
            self.keys.entry(entry.device).or_default().push(key);
        }
        self.intact += 1;
        self.place = place;
        Ok(())
    }

    /// Whether entries before it were not walked, because a checkpoint vouches for them.
    pub(super) const fn took_on_word(&self) -> bool {
        self.since.is_some()
    }

    /// Compares the entry that was just stepped over with what was signed about it.
    fn compare(&mut self, checkpoint: &Checkpoint, head: Hash) {
        let keys = self.keys.get(&checkpoint.device).into_iter().flatten().copied();
        match checkpoint.holds(head, keys) {
            Ok(()) => {
                self.checkpoints += 1;
                self.confirmed = (self.intact, self.place);
            }
            Err(fault) => {
                let signed = checkpoint.signed_at().format("%Y-%m-%d %H:%M:%S UTC");
                let fault_said = format!("checkpoint {}, signed {signed}: {fault}", checkpoint.id());
                self.bad = Some(BadEntry { entry: checkpoint.id().to_string(), fault: fault_said });
                if fault == CheckpointFault::Rewritten {
                    // Nobody can say since when the chain is another: only what was signed before is sure.
                    (self.intact, self.place) = self.confirmed;
                }
            }
        }
    }

    /// Where a device's chain ends.
    fn end_of(&self, device: Uuid) -> (u64, Hash) {
        let chain = self.chains.get(&device).cloned().unwrap_or_else(|| ChainWalk::start(device));
        (chain.sequence(), chain.head())
    }

    /// The entry that should come next on a device, for naming one that cannot be read at all.
    fn next_label(&self) -> String {
        match self.chains.iter().next() {
            Some((device, chain)) if self.chains.len() == 1 => format!("{device}/{}", chain.sequence() + 1),
            Some(_) | None => format!("the one after place {}", self.place),
        }
    }
}

/// Walks the journal and says what was found: all of it, or what this device has not signed yet when that spares
/// more than `at_once` entries. Fails only when SQLite cannot be asked at all.
pub(super) async fn verification(
    connection: &mut SqliteConnection,
    clock: &Clock,
    device: Option<Uuid>,
    at_once: u64,
) -> Result<(Walked, Verification), JournalError> {
    let (at, started) = (clock(), Instant::now());
    let reading = |source| JournalError::store("read its entries", source);
    // One transaction, so that entries, checkpoints and heads are of the same instant.
    let mut transaction = connection.begin().await.map_err(reading)?;
    let begun = match device {
        Some(device) => signed_start(&mut transaction, device, at_once).await,
        None => None,
    };
    let mut walked = walk(&mut transaction, begun.unwrap_or_default()).await?;
    // Nothing was written; how the transaction ends does not matter.
    let _ = transaction.rollback().await;
    let latest = walked.chains.values().filter_map(ChainWalk::at).map(|at| at.wall_ms).max();
    let ahead = latest.map_or(0, |latest| latest.saturating_sub(at.timestamp_millis()));
    walked.clock.ahead_ms = if ahead > ClockReport::TOLERANCE_MS { ahead } else { 0 };
    let verification = Verification {
        intact: walked.intact,
        bad: walked.bad.clone(),
        at,
        took_ms: started.elapsed().as_secs_f64() * 1_000.0,
        since: walked.since.map(|since| since.to_string()),
        checkpoints: walked.checkpoints,
        clock: walked.clock.clone(),
    };
    Ok((walked, verification))
}

/// Where a walk may begin because this device signed everything before. Nothing when there is no such checkpoint,
/// when it does not hold, or when anything about it cannot be read: then the whole journal is walked.
async fn signed_start(connection: &mut SqliteConnection, device: Uuid, at_once: u64) -> Option<Walked> {
    let newest = sqlx::query(select_checkpoints!("WHERE device = ? ORDER BY sequence DESC LIMIT 1"))
        .bind(device.as_bytes().as_slice())
        .fetch_optional(&mut *connection)
        .await
        .ok()??;
    let checkpoint = checkpoint_of(&newest).filter(|checkpoint| checkpoint.entries > at_once)?;
    let row = sqlx::query(select_entries!("WHERE device = ? AND sequence = ?"))
        .bind(device.as_bytes().as_slice())
        .bind(checkpoint.sequence as i64)
        .fetch_optional(&mut *connection)
        .await
        .ok()??;
    let row = entry_of(&row);
    let (entry, place) = (row.entry?, row.place);
    let mut walked = Walked { intact: checkpoint.entries, place, since: Some(checkpoint.id()), ..Walked::default() };
    let named = sqlx::query(select_entries!("WHERE kind = 'device-key-made' AND place <= ? ORDER BY place"))
        .bind(place)
        .fetch_all(&mut *connection)
        .await
        .ok()?;
    for entry in named.iter().filter_map(|row| entry_of(row).entry) {
        if let Some((key, _)) = key_named(&entry) {
            walked.keys.entry(entry.device).or_default().push(key);
        }
    }
    let chain = ChainWalk::after(&entry).ok()?;
    checkpoint.holds(chain.head(), walked.keys.get(&device).into_iter().flatten().copied()).ok()?;
    walked.chains.insert(device, chain);
    let others = sqlx::query("SELECT device FROM head WHERE device <> ?")
        .bind(device.as_bytes().as_slice())
        .fetch_all(&mut *connection)
        .await
        .ok()?;
    for other in others {
        let other: Vec<u8> = other.try_get_unchecked("device").ok()?;
        let last = sqlx::query(select_entries!("WHERE device = ? AND place <= ? ORDER BY sequence DESC LIMIT 1"))
            .bind(other.as_slice())
            .bind(place)
            .fetch_optional(&mut *connection)
            .await
            .ok()?;
        if let Some(last) = last {
            let entry = entry_of(&last).entry?;
            walked.chains.insert(entry.device, ChainWalk::after(&entry).ok()?);
        }
    }
    (walked.checkpoints, walked.confirmed) = (1, (walked.intact, walked.place));
    Some(walked)
}

async fn walk(connection: &mut SqliteConnection, mut walked: Walked) -> Result<Walked, JournalError> {
    let reading = |source| JournalError::store("read its entries", source);
    let mut signed = BTreeMap::new();
    let unsigned = match checkpoints(connection, &mut signed).await {
        Ok(unsigned) => unsigned,
        // The entries themselves may still be whole, and they are what counts.
        Err(error) if is_damage(&error) => {
            Some(BadEntry { entry: "of the table of checkpoints".to_owned(), fault: unreadable(&error) })
        }
        Err(error) => return Err(reading(error)),
    };
    let after = if walked.since.is_some() { walked.place } else { i64::MIN };
    let mut rows = sqlx::query(select_entries!("WHERE place > ? ORDER BY place")).bind(after).fetch(&mut *connection);
    while walked.bad.is_none() {
        let row = match rows.try_next().await {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) if is_damage(&error) => {
                walked.bad = Some(BadEntry { entry: walked.next_label(), fault: unreadable(&error) });
                break;
            }
            Err(error) => return Err(reading(error)),
        };
        let row = entry_of(&row);
        let step = match &row.entry {
            Some(entry) => walked.step(row.place, entry),
            None => Err(ChainFault::Altered),
        };
        match (step, &row.entry) {
            (Ok(()), Some(entry)) => {
                if let Some(checkpoint) = signed.get(&entry.id()) {
                    walked.compare(checkpoint, entry.hash);
                }
            }
            (Err(fault), _) => walked.bad = Some(BadEntry { entry: row.label, fault: fault.to_string() }),
            (Ok(()), None) => {}
        }
    }
    drop(rows);
    if walked.bad.is_none() {
        walked.bad = signed_beyond(&walked, &signed).or(unsigned);
    }
    if walked.bad.is_none() {
        walked.bad = match ends(connection).await {
            Ok(ends) => cut_off(&walked, &ends),
            Err(error) if is_damage(&error) => Some(BadEntry { entry: walked.next_label(), fault: unreadable(&error) }),
            Err(error) => return Err(reading(error)),
        };
    }
    Ok(walked)
}

fn unreadable(error: &sqlx::Error) -> String {
    format!("it cannot be read: {}", said(error))
}

/// Reads every checkpoint; answers with the first row that is none.
async fn checkpoints(
    connection: &mut SqliteConnection,
    signed: &mut BTreeMap<EntryId, Checkpoint>,
) -> Result<Option<BadEntry>, sqlx::Error> {
    let mut rows = sqlx::query(select_checkpoints!("ORDER BY place")).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let Some(checkpoint) = checkpoint_of(&row) else {
            let place = row.try_get_unchecked::<i64, _>("place").unwrap_or(-1);
            let entry = format!("of the checkpoint at place {place}");
            return Ok(Some(BadEntry { entry, fault: "the checkpoint is not what was written".to_owned() }));
        };
        signed.insert(checkpoint.id(), checkpoint);
    }
    Ok(None)
}

/// A checkpoint that saw more of a chain than there is.
fn signed_beyond(walked: &Walked, signed: &BTreeMap<EntryId, Checkpoint>) -> Option<BadEntry> {
    let beyond = signed.values().find(|checkpoint| checkpoint.sequence > walked.end_of(checkpoint.device).0)?;
    let (reached, _) = walked.end_of(beyond.device);
    let signed = beyond.signed_at().format("%Y-%m-%d %H:%M:%S UTC");
    let entry = EntryId { device: beyond.device, sequence: reached + 1 }.to_string();
    let fault = match beyond.holds(beyond.head, [beyond.key]) {
        Err(fault) => format!("checkpoint {}, signed {signed}: {fault}", beyond.id()),
        Ok(()) => format!("it is missing: checkpoint {}, signed {signed}, saw the chain reach that far", beyond.id()),
    };
    Some(BadEntry { entry, fault })
}

type End = (Option<Uuid>, i64, Option<Hash>);

async fn ends(connection: &mut SqliteConnection) -> Result<Vec<End>, sqlx::Error> {
    let rows = sqlx::query("SELECT device, sequence, hash FROM head").fetch_all(connection).await?;
    let bytes = |row: &sqlx::sqlite::SqliteRow, name: &str| row.try_get_unchecked::<Vec<u8>, _>(name).ok();
    Ok(rows
        .iter()
        .map(|row| {
            let device = bytes(row, "device").and_then(|bytes| Uuid::from_slice(&bytes).ok());
            let hash = bytes(row, "hash").and_then(|bytes| bytes.try_into().ok()).map(Hash);
            (device, row.try_get_unchecked("sequence").unwrap_or(-1), hash)
        })
        .collect())
}

/// Compares where the chains end with where they are recorded to end.
fn cut_off(walked: &Walked, ends: &[End]) -> Option<BadEntry> {
    let not_as_recorded = "it is not where the chain was recorded to end".to_owned();
    for (device, sequence, hash) in ends {
        let Some(device) = device else {
            return Some(BadEntry { entry: walked.next_label(), fault: not_as_recorded });
        };
        let (reached, head) = walked.end_of(*device);
        if i64::try_from(reached).is_ok_and(|reached| reached < *sequence) {
            let fault = format!("it is missing: the chain was recorded to end at {sequence}");
            return Some(BadEntry { entry: format!("{device}/{}", reached + 1), fault });
        }
        if i64::try_from(reached) != Ok(*sequence) || Some(head) != *hash {
            return Some(BadEntry { entry: format!("{device}/{reached}"), fault: not_as_recorded });
        }
    }
    let unrecorded = walked.chains.iter().find(|(device, _)| !ends.iter().any(|end| end.0 == Some(**device)));
    unrecorded
        .map(|(device, chain)| BadEntry { entry: format!("{device}/{}", chain.sequence()), fault: not_as_recorded })
}
