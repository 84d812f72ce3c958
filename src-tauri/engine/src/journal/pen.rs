//! Continuing this device's chain inside one transaction: facts, samples with what follows from them, checkpoints.
//!
//! When a transaction begins and ends is the writer's; what a change of health is, the domain's.

use std::{collections::BTreeMap, sync::Arc};

use chrono::SubsecRound;
use lifeboat_domain::{
    journal::{BadEntry, ChainFault, CheckNamed, Checkpoint, Entry, Fact, Hash, HybridTime, Signature, genesis},
    status::{CheckHealth, observe},
};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use uuid::Uuid;

use super::{
    JournalError, SampleRecord,
    key::DeviceKey,
    row::{entry_of, select_entries},
    views,
};

/// A checkpoint is signed after this many entries at the latest.
pub(super) const SIGN_EVERY: u64 = 1_000;

/// Continues a chain inside one transaction.
pub(super) struct Pen {
    device: Uuid,
    sequence: u64,
    head: Hash,
    /// The hybrid time of the chain's last entry.
    at: Option<HybridTime>,
    /// The latest hybrid time of all devices.
    highest: Option<HybridTime>,
    clock_ms: i64,
    moved: bool,
    /// How far this chain is signed.
    signed: u64,
    key: Option<Arc<DeviceKey>>,
    /// Whether only what matters is kept, because space is short.
    sparing: bool,
    /// The healths of this transaction, so that each row is read once.
    healths: BTreeMap<(String, String), CheckHealth>,
}

impl Pen {
    /// Reads where the chain ends, and the highest instant of all devices.
    pub(super) fn at_head(connection: &Connection, device: Uuid, clock_ms: i64) -> Result<Self, JournalError> {
        const READING: &str = "read the end of its chain";
        let own = [device.as_bytes().as_slice()];
        let last = select_entries!("WHERE device = ? ORDER BY sequence DESC LIMIT 1");
        let last = one(connection, READING, last, own, |row| Ok(entry_of(row)))?;
        let (sequence, head, at) = match last {
            None => (0, genesis(device), None),
            // Nothing is built on an entry that was changed behind our back.
            Some(row) => {
                let bad = BadEntry { entry: row.label(), fault: ChainFault::Altered.to_string() };
                let whole = row.entry.filter(|entry| entry.digest() == entry.hash);
                let whole = whole.ok_or_else(|| JournalError::damaged(&bad))?;
                (whole.sequence, whole.hash, Some(whole.at))
            }
        };
        let highest = "SELECT wall_ms, counter FROM entry ORDER BY wall_ms DESC, counter DESC LIMIT 1";
        let highest = one(connection, READING, highest, [], |row| {
            let counter = u32::try_from(row.get::<_, i64>(1)?).unwrap_or(u32::MAX);
            Ok(HybridTime { wall_ms: row.get(0)?, counter })
        })?;
        // Found by an index, and an index may be what is damaged.
        let recorded = "SELECT sequence, hash FROM head WHERE device = ?";
        let recorded: Option<(i64, Vec<u8>)> =
            one(connection, READING, recorded, own, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (recorded_at, recorded) = recorded.unwrap_or_else(|| (0, genesis(device).0.to_vec()));
        if u64::try_from(recorded_at) != Ok(sequence) || recorded != head.0 {
            let fault = format!("it is not where the chain was recorded to end, which is {recorded_at}");
            return Err(JournalError::damaged(&BadEntry { entry: format!("{device}/{sequence}"), fault }));
        }
        let signed = "SELECT coalesce(max(sequence), 0) FROM checkpoint WHERE device = ?";
        let signed: i64 = one(connection, READING, signed, own, |row| row.get(0))?.unwrap_or(0);
        Ok(Self {
            device,
            sequence,
            head,
            at,
            highest: highest.max(at),
            clock_ms,
            moved: false,
            signed: signed.unsigned_abs(),
            key: None,
            sparing: false,
            healths: BTreeMap::new(),
        })
    }

    /// Signs on the way what is due, with this key.
    pub(super) fn signing_with(mut self, key: Option<Arc<DeviceKey>>) -> Self {
        self.key = key;
        self
    }

    /// Keeps samples only where they matter to a health.
    pub(super) const fn sparing(mut self, sparing: bool) -> Self {
        self.sparing = sparing;
        self
    }

    /// Entries of this chain that no checkpoint covers yet.
    pub(super) const fn unsigned(&self) -> u64 {
        self.sequence.saturating_sub(self.signed)
    }

    /// Whether it appended anything.
    pub(super) const fn moved(&self) -> bool {
        self.moved
    }

    pub(super) fn fact(
        &mut self,
        connection: &Connection,
        actor: &str,
        fact: &Fact,
        once: bool,
    ) -> Result<Entry, JournalError> {
        let (kind, body) = fact.to_parts().map_err(JournalError::Fact)?;
        if once {
            let newest = select_entries!("WHERE kind = ? ORDER BY place DESC LIMIT 1");
            let newest = one(connection, "read its newest entry of a kind", newest, [&kind], |row| Ok(entry_of(row)))?;
            if let Some(same) = newest.and_then(|row| row.entry).filter(|entry| entry.body == body) {
                return Ok(same);
            }
        }
        let at = HybridTime::next(self.highest, self.clock_ms);
        let times = (at, Some(self.clock_ms));
        let entry = Entry::seal(self.device, self.sequence + 1, times, actor.to_owned(), kind, body, self.head);
        let insert = "INSERT INTO entry (device, sequence, wall_ms, counter, clock_ms, actor, kind, body, previous, \
                      hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = (
            entry.device.as_bytes().as_slice(),
            entry.sequence as i64,
            at.wall_ms,
            at.counter,
            entry.clock_ms,
            &entry.actor,
            &entry.kind,
            &entry.body,
            entry.previous.0.as_slice(),
            entry.hash.0.as_slice(),
        );
        write(connection, "append an entry", insert, values)?;
        (self.sequence, self.head, self.moved) = (entry.sequence, entry.hash, true);
        (self.at, self.highest) = (Some(at), Some(at));
        if self.unsigned() >= SIGN_EVERY {
            self.sign(connection)?;
        }
        Ok(entry)
    }

    /// Signs how far the chain has come, if that is further than what is signed and there is a key.
    pub(super) fn sign(&mut self, connection: &Connection) -> Result<(), JournalError> {
        const SIGNING: &str = "keep a checkpoint";
        let (Some(key), Some(at)) = (&self.key, self.at) else { return Ok(()) };
        if self.unsigned() == 0 {
            return Ok(());
        }
        let others = "SELECT coalesce(sum(sequence), 0) FROM head WHERE device <> ?";
        let others: i64 =
            one(connection, SIGNING, others, [self.device.as_bytes().as_slice()], |row| row.get(0))?.unwrap_or(0);
        let checkpoint = key.sign(Checkpoint {
            device: self.device,
            sequence: self.sequence,
            head: self.head,
            at,
            clock_ms: self.clock_ms,
            entries: self.sequence + others.unsigned_abs(),
            key: key.public(),
            signature: Signature([0; 64]),
        });
        let insert = "INSERT INTO checkpoint (device, sequence, head, wall_ms, counter, clock_ms, entries, key, \
                      signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = (
            checkpoint.device.as_bytes().as_slice(),
            checkpoint.sequence as i64,
            checkpoint.head.0.as_slice(),
            at.wall_ms,
            at.counter,
            checkpoint.clock_ms,
            checkpoint.entries as i64,
            checkpoint.key.0.as_slice(),
            checkpoint.signature.0.as_slice(),
        );
        write(connection, SIGNING, insert, values)?;
        self.signed = self.sequence;
        Ok(())
    }

    pub(super) fn sample(
        &mut self,
        connection: &Connection,
        record: &SampleRecord,
    ) -> Result<CheckHealth, JournalError> {
        let mut sample = record.sample.clone();
        // As precise as it is stored, so that folding the stored samples again gives the same health.
        sample.at = sample.at.trunc_subsecs(6);
        let key = (record.environment.to_string(), record.check.to_string());
        let before = match self.healths.remove(&key) {
            Some(health) => health,
            None => views::kept_health(connection, &key)?,
        };
        let (after, event) = observe(&before, &sample, record.failures);
        if self.sparing && after.suspicion.is_none() && (after.health, after.since) == (before.health, before.since) {
            // It says what is known; the space is for what is not.
            self.healths.insert(key, before);
            return Ok(after);
        }
        insert_sample(connection, &key, &sample)?;
        views::keep_telemetry(connection, &key, &after)?;
        if let Some(event) = event {
            views::keep_health(connection, &key, event.change())?;
            let named = CheckNamed {
                environment: record.environment.clone(),
                check: record.check.clone(),
                name: record.name.clone(),
                of: record.of.clone(),
                plan: record.plan.clone(),
                answer: sample.answer.clone(),
            };
            self.fact(connection, &record.actor, &Fact::of_health(named, event), false)?;
        }
        self.healths.insert(key, after.clone());
        Ok(after)
    }

    pub(super) fn record_head(&self, connection: &Connection) -> Result<(), JournalError> {
        if !self.moved {
            return Ok(());
        }
        views::keep_head(connection, self.device, self.sequence, self.head)
    }
}

fn insert_sample(
    connection: &Connection,
    (environment, check): &(String, String),
    sample: &lifeboat_domain::check::Sample,
) -> Result<(), JournalError> {
    let insert = "INSERT INTO sample (environment, check_id, at_us, latency_ms, verdict, reason, measurements, answer) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let values = (
        environment,
        check,
        sample.at.timestamp_micros(),
        sample.latency_ms,
        sample.verdict.word(),
        &sample.reason,
        serde_json::to_string(&sample.measurements).map_err(JournalError::Fact)?,
        &sample.answer,
    );
    write(connection, "keep a sample", insert, values)
}

/// The one row of a question, if there is one.
pub(super) fn one<T>(
    connection: &Connection,
    what: &'static str,
    question: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, JournalError> {
    let row = connection.prepare_cached(question).and_then(|mut question| question.query_row(values, read).optional());
    row.map_err(|source| JournalError::store(what, source))
}

/// Writes once.
pub(super) fn write(
    connection: &Connection,
    what: &'static str,
    statement: &str,
    values: impl Params,
) -> Result<(), JournalError> {
    let written = connection.prepare_cached(statement).and_then(|mut statement| statement.execute(values));
    written.map(drop).map_err(|source| JournalError::store(what, source))
}
