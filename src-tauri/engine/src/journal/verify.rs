//! Walking every chain, in the order of the file: from its first entry, or from the newest checkpoint of this device.
//!
//! The walk reads by place and not by an index, so that it sees what is stored even where an index disagrees. It
//! ends at the first entry that is not as it was written; what comes before is intact. On the way it compares the
//! chains with what their devices signed, and listens for clocks that were set back.

use std::{collections::BTreeMap, time::Instant};

use lifeboat_domain::journal::{
    BadEntry, ChainFault, ChainWalk, Checkpoint, CheckpointFault, ClockReport, Entry, EntryId, Hash, PublicKey,
    Verification,
};
use rusqlite::{Connection, OptionalExtension as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Clock,
    error::{JournalError, Sqlite as _, is_damage},
    reach::Reach,
    row::{Columns as _, EntryRow, checkpoint_of, entry_of, key_named, select_checkpoints, select_entries},
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

    /// Names what is wrong at a row that could not be stepped over. One that was altered may lie about its own name,
    /// and one that is missing has none: each is the one that should come next.
    pub(super) fn bad_at(&self, row: &EntryRow, fault: ChainFault) -> BadEntry {
        let (entry, fault) = match (fault, row.id) {
            (ChainFault::Gap, Some((device, _))) => {
                (self.next_of(device), format!("it is missing: {} stands in its place", row.label()))
            }
            (ChainFault::Altered, Some((device, _))) if self.has_begun(device) => {
                (self.next_of(device), fault.to_string())
            }
            (ChainFault::Altered, Some((_, sequence))) if sequence != 1 => (self.next_label(), fault.to_string()),
            _ => (row.label(), fault.to_string()),
        };
        BadEntry { entry, fault }
    }

    fn next_of(&self, device: Uuid) -> String {
        format!("{device}/{}", self.end_of(device).0 + 1)
    }

    fn has_begun(&self, device: Uuid) -> bool {
        self.chains.get(&device).is_some_and(|chain| chain.sequence() > 0)
    }

    /// The entry that should come next on a device, for naming one that cannot be read at all.
    fn next_label(&self) -> String {
        let mut begun = self.chains.iter().filter(|(_, chain)| chain.sequence() > 0);
        match (begun.next(), begun.next()) {
            (Some((device, chain)), None) => format!("{device}/{}", chain.sequence() + 1),
            _ => format!("the one after place {}", self.place),
        }
    }
}

/// How many entries a walk goes before it asks whether somebody still wants it.
const STRETCH: u64 = 1_000;

/// Walks the journal on a thread of its own, so that nobody is kept waiting; see [`verification`].
pub(super) async fn aside(
    reach: &Reach,
    clock: &Clock,
    device: Option<Uuid>,
    at_once: u64,
    ended: CancellationToken,
) -> Result<(Walked, Verification), JournalError> {
    let (way, clock) = (reach.clone(), clock.clone());
    let walked = tokio::task::spawn_blocking(move || verification(&mut way.open()?, &clock, device, at_once, &ended));
    walked.await.unwrap_or_else(|error| Err(JournalError::cut_off(reach.path(), error)))
}

/// Walks the journal and says what was found: all of it, or what this device has not signed yet when that spares
/// more than `at_once` entries. Fails only when SQLite cannot be asked at all, or when the end comes first.
pub(super) fn verification(
    connection: &mut Connection,
    clock: &Clock,
    device: Option<Uuid>,
    at_once: u64,
    ended: &CancellationToken,
) -> Result<(Walked, Verification), JournalError> {
    let (at, started) = (clock(), Instant::now());
    // One transaction, so that entries, checkpoints and heads are of the same instant. Nothing is written in it.
    let transaction = connection.transaction().map_err(|source| JournalError::store("read its entries", source))?;
    let begun = device.and_then(|device| signed_start(&transaction, device, at_once));
    let mut walked = walk(&transaction, begun.unwrap_or_default(), ended)?;
    drop(transaction);
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
fn signed_start(connection: &Connection, device: Uuid, at_once: u64) -> Option<Walked> {
    let one = |sql: &str, device: &[u8], until: i64| {
        connection.query_row(sql, (device, until), |row| Ok(entry_of(row))).optional().ok()
    };
    let device_bytes = device.as_bytes().as_slice();
    let newest = select_checkpoints!("WHERE device = ? ORDER BY sequence DESC LIMIT 1");
    let checkpoint =
        connection.query_row(newest, [device_bytes], |row| Ok(checkpoint_of(row))).optional().ok()???;
    if checkpoint.entries <= at_once {
        return None;
    }
    let signed = select_entries!("WHERE device = ? AND sequence = ?");
    let row = one(signed, device_bytes, checkpoint.sequence as i64)??;
    let (entry, place) = (row.entry?, row.place);
    let mut walked = Walked { intact: checkpoint.entries, place, since: Some(checkpoint.id()), ..Walked::default() };
    let named = select_entries!("WHERE kind = 'device-key-made' AND place <= ? ORDER BY place");
    let mut named = connection.prepare(named).ok()?;
    for row in named.query_map([place], |row| Ok(entry_of(row))).ok()? {
        let entry = row.ok()?.entry;
        if let Some((entry, (key, _))) = entry.and_then(|entry| key_named(&entry).map(|named| (entry, named))) {
            walked.keys.entry(entry.device).or_default().push(key);
        }
    }
    let chain = ChainWalk::after(&entry).ok()?;
    checkpoint.holds(chain.head(), walked.keys.get(&device).into_iter().flatten().copied()).ok()?;
    walked.chains.insert(device, chain);
    let mut others = connection.prepare("SELECT device FROM head WHERE device <> ?").ok()?;
    for other in others.query_map([device_bytes], |row| row.get::<_, Vec<u8>>(0)).ok()? {
        let last = select_entries!("WHERE device = ? AND place <= ? ORDER BY sequence DESC LIMIT 1");
        if let Some(last) = one(last, &other.ok()?, place)? {
            let entry = last.entry?;
            walked.chains.insert(entry.device, ChainWalk::after(&entry).ok()?);
        }
    }
    (walked.checkpoints, walked.confirmed) = (1, (walked.intact, walked.place));
    Some(walked)
}

fn walk(connection: &Connection, mut walked: Walked, ended: &CancellationToken) -> Result<Walked, JournalError> {
    let reading = |source: rusqlite::Error| JournalError::store("read its entries", source);
    let mut signed = BTreeMap::new();
    let unsigned = match checkpoints(connection, &mut signed) {
        Ok(unsigned) => unsigned,
        // The entries themselves may still be whole, and they are what counts.
        Err(error) if is_damage(&error) => {
            Some(BadEntry { entry: "of the table of checkpoints".to_owned(), fault: unreadable(&error) })
        }
        Err(error) => return Err(reading(error)),
    };
    match step_over(connection, &mut walked, &signed, ended) {
        Ok(true) => {}
        Ok(false) => return Err(JournalError::Closed),
        Err(error) if is_damage(&error) => {
            walked.bad = Some(BadEntry { entry: walked.next_label(), fault: unreadable(&error) });
        }
        Err(error) => return Err(reading(error)),
    }
    if walked.bad.is_none() {
        walked.bad = signed_beyond(&walked, &signed).or(unsigned);
    }
    if walked.bad.is_none() {
        walked.bad = match ends(connection) {
            Ok(ends) => cut_off(&walked, &ends),
            Err(error) if is_damage(&error) => Some(BadEntry { entry: walked.next_label(), fault: unreadable(&error) }),
            Err(error) => return Err(reading(error)),
        };
    }
    Ok(walked)
}

/// Steps over every entry up to the first bad one. Answers whether it got to the end before the journal's.
fn step_over(
    connection: &Connection,
    walked: &mut Walked,
    signed: &BTreeMap<EntryId, Checkpoint>,
    ended: &CancellationToken,
) -> rusqlite::Result<bool> {
    let after = if walked.since.is_some() { walked.place } else { i64::MIN };
    let mut entries = connection.prepare(select_entries!("WHERE place > ? ORDER BY place"))?;
    let mut rows = entries.query([after])?;
    while walked.bad.is_none() {
        if walked.intact.is_multiple_of(STRETCH) && ended.is_cancelled() {
            return Ok(false);
        }
        let Some(row) = rows.next()? else { break };
        let row = entry_of(row);
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
            (Err(fault), _) => {
                walked.bad = Some(walked.bad_at(&row, fault));
            }
            (Ok(()), None) => {}
        }
    }
    Ok(true)
}

fn unreadable(error: &rusqlite::Error) -> String {
    format!("it cannot be read: {}", error.said())
}

/// Reads every checkpoint; answers with the first row that is none.
fn checkpoints(
    connection: &Connection,
    signed: &mut BTreeMap<EntryId, Checkpoint>,
) -> rusqlite::Result<Option<BadEntry>> {
    let mut checkpoints = connection.prepare(select_checkpoints!("ORDER BY place"))?;
    let mut rows = checkpoints.query([])?;
    while let Some(row) = rows.next()? {
        let Some(checkpoint) = checkpoint_of(row) else {
            let place = row.number(0).flatten().unwrap_or(-1);
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

fn ends(connection: &Connection) -> rusqlite::Result<Vec<End>> {
    let mut heads = connection.prepare("SELECT device, sequence, hash FROM head")?;
    let end = |row: &rusqlite::Row<'_>| {
        let device = row.bytes(0).and_then(|bytes| Uuid::from_slice(bytes).ok());
        let hash = row.bytes(2).and_then(|bytes| bytes.try_into().ok()).map(Hash);
        Ok((device, row.number(1).flatten().unwrap_or(-1), hash))
    };
    heads.query_map([], end)?.collect()
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
