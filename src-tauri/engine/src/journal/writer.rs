//! The one task that writes. It gathers what is waiting into one transaction and acknowledges when that is on disk.
//!
//! Every transaction reads the chain's head anew, because another program may have appended since. A transaction
//! that fails fails everybody in it, with the reason, and the writer goes on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::SubsecRound;
use lifeboat_domain::{
    journal::{BadEntry, ChainFault, CheckNamed, Entry, Fact, Hash, HybridTime, genesis},
    problem::Problem,
    status::{CheckHealth, observe},
};
use sqlx::{
    Connection, Row,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{
    JournalError, SampleRecord, Shared, rollup,
    row::{entry_of, select_entries},
};

/// How many writes may wait for the writer before their senders wait too.
pub(super) const WAITING: usize = 4_096;
/// The most writes in one transaction.
const BATCH: usize = 1_000;
/// How long a program's write may wait for company (`design/figures.md` B: 5 to 20 ms).
const COMPANY: Duration = Duration::from_millis(10);
/// How often new samples are rolled up.
const ROLL_EVERY: Duration = Duration::from_mins(1);
/// How often old samples and roll-ups are removed.
const PRUNE_EVERY: Duration = Duration::from_mins(10);

/// Something to write.
pub(super) enum Work {
    /// A fact; `once` means not when the newest of its kind says the same.
    Fact { actor: String, fact: Box<Fact>, once: bool },
    /// A sample, with what follows from it.
    Sample(Box<SampleRecord>),
    /// The end: everything before it is written, then the file is closed.
    End,
}

/// What was written.
#[derive(Debug)]
pub(super) enum Written {
    Entry(Box<Entry>),
    Health(Box<CheckHealth>),
}

/// Something to write, and whom to tell.
pub(super) struct Write {
    pub(super) work: Work,
    pub(super) by_person: bool,
    pub(super) reply: oneshot::Sender<Result<Written, Problem>>,
}

/// Writes until told to end or until nobody is left who could send.
pub(super) async fn run(
    shared: Arc<Shared>,
    options: SqliteConnectOptions,
    mut receiver: mpsc::Receiver<Write>,
    appended: Arc<Notify>,
) {
    let mut connection = None;
    let (mut rolled, mut pruned) = (None::<Instant>, None::<Instant>);
    while let Some(first) = receiver.recv().await {
        let (batch, end) = gather(first, &mut receiver).await;
        if !batch.is_empty() {
            write_all(&shared, &options, &mut connection, batch).await;
            appended.notify_one();
        }
        if let Some(end) = end {
            receiver.close();
            if let Some(connection) = connection.take() {
                let _ = SqliteConnection::close(connection).await;
            }
            drop(end);
            return;
        }
        let Some(open) = connection.as_mut() else { continue };
        if rolled.is_none_or(|last| last.elapsed() >= ROLL_EVERY) {
            match rollup::roll(open).await {
                // What waits is taken soon, but not before what others want to write.
                Ok(more) => rolled = (!more).then(Instant::now),
                Err(error) => {
                    rolled = Some(Instant::now());
                    tracing::warn!(%error, "samples could not be rolled up");
                }
            }
        }
        if pruned.is_none_or(|last| last.elapsed() >= PRUNE_EVERY) {
            pruned = Some(Instant::now());
            if let Err(error) = rollup::prune(open, (shared.clock)()).await {
                tracing::warn!(%error, "old samples could not be removed");
            }
        }
    }
    if let Some(connection) = connection {
        let _ = SqliteConnection::close(connection).await;
    }
}

/// The writes of one transaction, and the word to end if it was among them.
async fn gather(first: Write, receiver: &mut mpsc::Receiver<Write>) -> (Vec<Write>, Option<Write>) {
    let until = Instant::now() + COMPANY;
    let mut batch = Vec::new();
    let mut next = Some(first);
    while let Some(write) = next.take() {
        if matches!(write.work, Work::End) {
            return (batch, Some(write));
        }
        batch.push(write);
        if batch.len() >= BATCH {
            break;
        }
        next = receiver.try_recv().ok();
        // A person is not kept waiting; what is here already comes along.
        if next.is_none() && !batch.iter().any(|write| write.by_person) {
            next = timeout_at(until, receiver.recv()).await.ok().flatten();
        }
    }
    (batch, None)
}

async fn write_all(
    shared: &Shared,
    options: &SqliteConnectOptions,
    connection: &mut Option<SqliteConnection>,
    batch: Vec<Write>,
) {
    let (works, replies): (Vec<Work>, Vec<_>) = batch.into_iter().map(|write| (write.work, write.reply)).unzip();
    match commit(shared, options, connection, &works).await {
        Ok(written) => {
            shared.standing().trouble = None;
            for (reply, written) in replies.into_iter().zip(written) {
                // Whoever asked may have gone; it is written all the same.
                let _ = reply.send(Ok(written));
            }
        }
        Err(error) => {
            // The connection may stand in a half-done transaction; a new one does not.
            *connection = None;
            let damaged = matches!(error, JournalError::Damaged { .. });
            let problem = Problem::from(error);
            tracing::warn!(code = %problem.code, message = %problem.message, "a batch was not written");
            let mut standing = shared.standing();
            standing.trouble = Some(problem.clone());
            if damaged {
                standing.read_only.get_or_insert_with(|| problem.clone());
            }
            drop(standing);
            for reply in replies {
                let _ = reply.send(Err(problem.clone()));
            }
        }
    }
}

async fn commit(
    shared: &Shared,
    options: &SqliteConnectOptions,
    connection: &mut Option<SqliteConnection>,
    works: &[Work],
) -> Result<Vec<Written>, JournalError> {
    let opening = |source| JournalError::store("open its file for writing", source);
    let device = shared.device.ok_or(JournalError::Closed)?;
    if connection.is_none() {
        *connection = Some(SqliteConnection::connect_with(options).await.map_err(opening)?);
    }
    let connection = connection.as_mut().ok_or(JournalError::Closed)?;
    let begin = |source| JournalError::store("begin to write", source);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(begin)?;
    let mut pen = Pen::at_head(&mut transaction, device, (shared.clock)().timestamp_millis()).await?;
    let mut written = Vec::with_capacity(works.len());
    for work in works {
        written.push(match work {
            Work::Fact { actor, fact, once } => {
                Written::Entry(Box::new(pen.fact(&mut transaction, actor, fact, *once).await?))
            }
            Work::Sample(record) => Written::Health(Box::new(pen.sample(&mut transaction, record).await?)),
            Work::End => return Err(JournalError::Closed),
        });
    }
    pen.record_head(&mut transaction).await?;
    transaction.commit().await.map_err(|source| JournalError::store("put a batch on disk", source))?;
    Ok(written)
}

/// Continues a chain inside one transaction.
struct Pen {
    device: Uuid,
    sequence: u64,
    head: Hash,
    highest: Option<HybridTime>,
    wall_ms: i64,
    moved: bool,
    /// The healths of this transaction, so that each row is read and written once.
    healths: BTreeMap<(String, String), CheckHealth>,
}

impl Pen {
    /// Reads where the chain ends, and the highest instant of all devices.
    async fn at_head(connection: &mut SqliteConnection, device: Uuid, wall_ms: i64) -> Result<Self, JournalError> {
        let reading = |source| JournalError::store("read the end of its chain", source);
        let last = sqlx::query(select_entries!("WHERE device = ? ORDER BY sequence DESC LIMIT 1"))
            .bind(device.as_bytes().as_slice())
            .fetch_optional(&mut *connection)
            .await
            .map_err(reading)?;
        let (sequence, head) = match last.as_ref().map(entry_of) {
            None => (0, genesis(device)),
            // Nothing is built on an entry that was changed behind our back.
            Some(row) => {
                let whole = row.entry.filter(|entry| entry.digest() == entry.hash).ok_or_else(|| {
                    JournalError::damaged(&BadEntry { entry: row.label, fault: ChainFault::Altered.to_string() })
                })?;
                (whole.sequence, whole.hash)
            }
        };
        let highest = sqlx::query("SELECT wall_ms, counter FROM entry ORDER BY wall_ms DESC, counter DESC LIMIT 1")
            .fetch_optional(connection)
            .await
            .map_err(reading)?
            .map(|row| HybridTime {
                wall_ms: row.get_unchecked("wall_ms"),
                counter: u32::try_from(row.get_unchecked::<i64, _>("counter")).unwrap_or(u32::MAX),
            });
        Ok(Self { device, sequence, head, highest, wall_ms, moved: false, healths: BTreeMap::new() })
    }

    async fn fact(
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
        let at = HybridTime::next(self.highest, self.wall_ms);
        let entry = Entry::seal(self.device, self.sequence + 1, at, actor.to_owned(), kind, body, self.head);
        sqlx::query(
            "INSERT INTO entry (device, sequence, wall_ms, counter, actor, kind, body, previous, hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(entry.device.as_bytes().as_slice())
        .bind(entry.sequence as i64)
        .bind(at.wall_ms)
        .bind(i64::from(at.counter))
        .bind(&entry.actor)
        .bind(&entry.kind)
        .bind(&entry.body)
        .bind(entry.previous.0.as_slice())
        .bind(entry.hash.0.as_slice())
        .execute(connection)
        .await
        .map_err(|source| JournalError::store("append an entry", source))?;
        (self.sequence, self.head, self.highest, self.moved) = (entry.sequence, entry.hash, Some(at), true);
        Ok(entry)
    }

    async fn sample(
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
            None => kept_health(connection, &key).await?,
        };
        let (after, event) = observe(&before, &sample, record.failures);
        insert_sample(connection, &key, &sample).await?;
        sqlx::query(
            "INSERT INTO health (environment, check_id, body) VALUES (?, ?, ?) \
             ON CONFLICT (environment, check_id) DO UPDATE SET body = excluded.body",
        )
        .bind(&key.0)
        .bind(&key.1)
        .bind(serde_json::to_string(&after).map_err(JournalError::Fact)?)
        .execute(&mut *connection)
        .await
        .map_err(|source| JournalError::store("keep a health", source))?;
        if let Some(event) = event {
            let named = CheckNamed {
                environment: record.environment.clone(),
                check: record.check.clone(),
                name: record.name.clone(),
                of: record.of.clone(),
                plan: record.plan.clone(),
                answer: sample.answer.clone(),
            };
            self.fact(connection, &record.actor, &Fact::of_health(named, event), false).await?;
        }
        self.healths.insert(key, after.clone());
        Ok(after)
    }

    async fn record_head(&self, connection: &mut SqliteConnection) -> Result<(), JournalError> {
        if !self.moved {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO head (device, sequence, hash) VALUES (?, ?, ?) \
             ON CONFLICT (device) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash",
        )
        .bind(self.device.as_bytes().as_slice())
        .bind(self.sequence as i64)
        .bind(self.head.0.as_slice())
        .execute(connection)
        .await
        .map_err(|source| JournalError::store("record the end of its chain", source))?;
        Ok(())
    }
}

async fn kept_health(
    connection: &mut SqliteConnection,
    (environment, check): &(String, String),
) -> Result<CheckHealth, JournalError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM health WHERE environment = ? AND check_id = ?")
        .bind(environment)
        .bind(check)
        .fetch_optional(connection)
        .await
        .map_err(|source| JournalError::store("read a kept health", source))?;
    // A health that a newer Lifeboat kept in another shape begins anew; the facts are not touched by that.
    Ok(body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default())
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
