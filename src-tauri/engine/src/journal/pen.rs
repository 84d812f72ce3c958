//! Continuing this device's chain inside one transaction: facts, samples with what follows from them, checkpoints.
//!
//! When a transaction begins and ends is the writer's; what a change of health is, the domain's.

use std::{collections::BTreeMap, sync::Arc};

use chrono::SubsecRound;
use lifeboat_domain::{
    journal::{BadEntry, ChainFault, Checkpoint, Entry, Fact, Hash, HybridTime, Signature, genesis},
    status::{CheckHealth, fold},
};
use sqlx::{Row, sqlite::SqliteConnection};
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
    pub(super) async fn at_head(
        connection: &mut SqliteConnection,
        device: Uuid,
        clock_ms: i64,
    ) -> Result<Self, JournalError> {
        let reading = |source| JournalError::store("read the end of its chain", source);
        let last = sqlx::query(select_entries!("WHERE device = ? ORDER BY sequence DESC LIMIT 1"))
            .bind(device.as_bytes().as_slice())
            .fetch_optional(&mut *connection)
            .await
            .map_err(reading)?;
        let (sequence, head, at) = match last.as_ref().map(entry_of) {
            None => (0, genesis(device), None),
            // Nothing is built on an entry that was changed behind our back.
            Some(row) => {
                let whole = row.entry.filter(|entry| entry.digest() == entry.hash).ok_or_else(|| {
                    JournalError::damaged(&BadEntry { entry: row.label, fault: ChainFault::Altered.to_string() })
                })?;
                (whole.sequence, whole.hash, Some(whole.at))
            }
        };
        let highest = sqlx::query("SELECT wall_ms, counter FROM entry ORDER BY wall_ms DESC, counter DESC LIMIT 1")
            .fetch_optional(&mut *connection)
            .await
            .map_err(reading)?
            .map(|row| HybridTime {
                wall_ms: row.get_unchecked("wall_ms"),
                counter: u32::try_from(row.get_unchecked::<i64, _>("counter")).unwrap_or(u32::MAX),
            });
        let signed: i64 = sqlx::query_scalar("SELECT coalesce(max(sequence), 0) FROM checkpoint WHERE device = ?")
            .bind(device.as_bytes().as_slice())
            .fetch_one(connection)
            .await
            .map_err(reading)?;
        Ok(Self {
            device,
            sequence,
            head,
            at,
            highest,
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

    pub(super) async fn fact(
        &mut self,
        connection: &mut SqliteConnection,
        actor: &str,
        fact: &Fact,
        once: bool,
    ) -> Result<Entry, JournalError> {
        let (kind, body) = fact.to_parts().map_err(JournalError::Fact)?;
        if once {
            let newest = sqlx::query(select_entries!("WHERE kind = ? ORDER BY place DESC LIMIT 1"))
                .bind(&kind)
                .fetch_optional(&mut *connection)
                .await
                .map_err(|source| JournalError::store("read its newest entry of a kind", source))?;
            if let Some(same) = newest.and_then(|row| entry_of(&row).entry).filter(|entry| entry.body == body) {
                return Ok(same);
            }
        }
        let at = HybridTime::next(self.highest, self.clock_ms);
        let times = (at, Some(self.clock_ms));
        let entry = Entry::seal(self.device, self.sequence + 1, times, actor.to_owned(), kind, body, self.head);
        sqlx::query(
            "INSERT INTO entry (device, sequence, wall_ms, counter, clock_ms, actor, kind, body, previous, hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(entry.device.as_bytes().as_slice())
        .bind(entry.sequence as i64)
        .bind(at.wall_ms)
        .bind(i64::from(at.counter))
        .bind(entry.clock_ms)
        .bind(&entry.actor)
        .bind(&entry.kind)
        .bind(&entry.body)
        .bind(entry.previous.0.as_slice())
        .bind(entry.hash.0.as_slice())
        .execute(&mut *connection)
        .await
        .map_err(|source| JournalError::store("append an entry", source))?;
        (self.sequence, self.head, self.moved) = (entry.sequence, entry.hash, true);
        (self.at, self.highest) = (Some(at), Some(at));
        if self.unsigned() >= SIGN_EVERY {
            self.sign(connection).await?;
        }
        Ok(entry)
    }

    /// Signs how far the chain has come, if that is further than what is signed and there is a key.
    pub(super) async fn sign(&mut self, connection: &mut SqliteConnection) -> Result<(), JournalError> {
        let signing = |source| JournalError::store("keep a checkpoint", source);
        let (Some(key), Some(at)) = (&self.key, self.at) else { return Ok(()) };
        if self.unsigned() == 0 {
            return Ok(());
        }
        let others: i64 = sqlx::query_scalar("SELECT coalesce(sum(sequence), 0) FROM head WHERE device <> ?")
            .bind(self.device.as_bytes().as_slice())
            .fetch_one(&mut *connection)
            .await
            .map_err(signing)?;
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
        sqlx::query(
            "INSERT INTO checkpoint (device, sequence, head, wall_ms, counter, clock_ms, entries, key, signature) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(checkpoint.device.as_bytes().as_slice())
        .bind(checkpoint.sequence as i64)
        .bind(checkpoint.head.0.as_slice())
        .bind(at.wall_ms)
        .bind(i64::from(at.counter))
        .bind(checkpoint.clock_ms)
        .bind(checkpoint.entries as i64)
        .bind(checkpoint.key.0.as_slice())
        .bind(checkpoint.signature.0.as_slice())
        .execute(connection)
        .await
        .map_err(signing)?;
        self.signed = self.sequence;
        Ok(())
    }

    pub(super) async fn sample(
        &mut self,
        connection: &mut SqliteConnection,
        record: &SampleRecord,
    ) -> Result<CheckHealth, JournalError> {
        let mut sample = record.sample.clone();
        // As precise as it is stored, so that folding the stored samples again gives the same health.
        sample.at = sample.at.trunc_subsecs(6);
        let key = (record.environment.to_string(), record.check.to_string());
        let before = match self.healths.remove(&key) {
            Some(health) => health,
            None => views::kept_health(connection, &key).await?,
        };
        let (after, change) = fold(&before, &sample, record.failures);
        if self.sparing && after.suspicion.is_none() && (after.health, after.since) == (before.health, before.since) {
            // It says what is known; the space is for what is not.
            self.healths.insert(key, before);
            return Ok(after);
        }
        insert_sample(connection, &key, &sample).await?;
        views::keep_suspicion(connection, &key, &after).await?;
        if let Some(change) = change {
            views::keep_health(connection, &key, &change).await?;
            let fact = Fact::HealthChanged {
                environment: record.environment.clone(),
                check: record.check.clone(),
                name: record.name.clone(),
                of: record.of.clone(),
                plan: record.plan.clone(),
                change,
                answer: sample.answer.clone(),
            };
            self.fact(connection, &record.actor, &fact, false).await?;
        }
        self.healths.insert(key, after.clone());
        Ok(after)
    }

    pub(super) async fn record_head(&self, connection: &mut SqliteConnection) -> Result<(), JournalError> {
        if !self.moved {
            return Ok(());
        }
        views::keep_head(connection, self.device, self.sequence, self.head).await
    }
}

async fn insert_sample(
    connection: &mut SqliteConnection,
    (environment, check): &(String, String),
    sample: &lifeboat_domain::check::Sample,
) -> Result<(), JournalError> {
    let verdict = serde_json::to_value(sample.verdict).map_err(JournalError::Fact)?;
    sqlx::query(
        "INSERT INTO sample (environment, check_id, at_us, latency_ms, verdict, reason, measurements, answer) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(environment)
    .bind(check)
    .bind(sample.at.timestamp_micros())
    .bind(sample.latency_ms)
    .bind(verdict.as_str().unwrap_or("unknown"))
    .bind(&sample.reason)
    .bind(serde_json::to_string(&sample.measurements).map_err(JournalError::Fact)?)
    .bind(&sample.answer)
    .execute(connection)
    .await
    .map_err(|source| JournalError::store("keep a sample", source))?;
    Ok(())
}
