//! The one task that writes. It gathers what is waiting into one transaction and acknowledges when that is on disk.
//!
//! Every transaction reads the chain's head anew, because another program may have appended since. A transaction
//! that fails fails everybody in it, with the reason, and the writer goes on. All of one is done on one thread in one
//! go: waking somebody for each statement would cost more than the statements do.

use std::{future, sync::Arc, time::Duration};

use lifeboat_domain::{
    journal::{Entry, Fact},
    problem::Problem,
    status::CheckHealth,
};
use rusqlite::{Connection, TransactionBehavior};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use super::{JournalError, SampleRecord, Shared, pen::Pen, reserve::Reserve, rollup, store, views};
use crate::view::Rebuilt;

/// How many writes may wait for the writer before their senders wait too.
pub(super) const WAITING: usize = 4_096;
/// The most writes in one transaction.
const BATCH: usize = 1_000;
/// How long a program's write may wait for company (`design/figures.md` B: 5 to 20 ms), and after how long without
/// any it waits no longer.
const COMPANY: Duration = Duration::from_millis(10);
const QUIET: Duration = Duration::from_millis(2);
/// How often new samples are rolled up.
const ROLL_EVERY: Duration = Duration::from_mins(1);
/// How often old samples and roll-ups are removed.
const PRUNE_EVERY: Duration = Duration::from_mins(10);
/// How often a disk that was full is looked at, and a journal that could not be opened for writing is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked whether there is space for a reserve that could not be made.
const RESERVE_EVERY: Duration = Duration::from_mins(1);

/// Something to write.
pub(super) enum Work {
    /// A fact; `once` means not when the newest of its kind says the same.
    Fact { actor: String, fact: Box<Fact>, once: bool },
    /// A sample, with what follows from it.
    Sample(Box<SampleRecord>),
    /// A signature under everything before.
    Checkpoint,
    /// What is kept for speed, made anew from the entries.
    Rebuild,
    /// The end: everything before it is written, then the file is closed.
    End,
}

/// What was written.
#[derive(Debug)]
pub(super) enum Written {
    Entry(Box<Entry>),
    Health(Box<CheckHealth>),
    Signed,
    Rebuilt(Rebuilt),
}

/// Something to write, and whom to tell.
pub(super) struct Write {
    pub(super) work: Work,
    pub(super) by_person: bool,
    pub(super) reply: oneshot::Sender<Result<Written, Problem>>,
}

/// Sends something to be written, and waits until it is on disk.
pub(super) async fn send(
    shared: &Shared,
    writer: &mpsc::Sender<Write>,
    work: Work,
    by_person: bool,
) -> Result<Written, Problem> {
    // What may pass by itself is tried each time.
    let read_only = shared.standing().read_only.clone();
    if let Some(problem) = read_only {
        return Err(problem);
    }
    let (reply, answer) = oneshot::channel();
    let closed = |()| Problem::from(JournalError::Closed);
    writer.send(Write { work, by_person, reply }).await.map_err(|_| closed(()))?;
    answer.await.map_err(|_| closed(()))?
}

/// Writes until told to end or until nobody is left who could send.
pub(super) async fn run(shared: Arc<Shared>, mut receiver: mpsc::Receiver<Write>, appended: Arc<Notify>) {
    let reserve = shared.opening.reserve();
    let look = Some(Instant::now() + LOOK_EVERY);
    let mut writer = Writer { shared, reserve, connection: None, rolled: None, pruned: None, appended: false, look };
    loop {
        let look = writer.look;
        let looking = async move {
            match look {
                Some(at) => sleep_until(at).await,
                None => future::pending().await,
            }
        };
        let first = tokio::select! {
            first = receiver.recv() => first,
            () = looking => {
                writer.look_around().await;
                continue;
            }
        };
        let Some(first) = first else { break };
        let (batch, end) = gather(first, &mut receiver).await;
        if !batch.is_empty() {
            writer.write_all(batch).await;
            // Results that change nothing have nobody to be told to.
            if std::mem::take(&mut writer.appended) {
                appended.notify_one();
            }
        }
        if let Some(end) = end {
            receiver.close();
            // A command that ends before the first look leaves a reserve behind all the same.
            if writer.look.is_some() {
                writer.look_around().await;
            }
            writer.put_away().await;
            drop(end);
            return;
        }
        writer.tidy_up().await;
    }
    writer.put_away().await;
}

struct Writer {
    shared: Arc<Shared>,
    reserve: Option<Reserve>,
    connection: Option<Connection>,
    rolled: Option<Instant>,
    pruned: Option<Instant>,
    /// Whether the last batch appended an entry.
    appended: bool,
    /// When to look next whether there is space again; nothing while all is well.
    look: Option<Instant>,
}

impl Writer {
    async fn write_all(&mut self, batch: Vec<Write>) {
        let (works, replies): (Vec<Work>, Vec<_>) = batch.into_iter().map(|write| (write.work, write.reply)).unzip();
        let works = Arc::new(works);
        let mut done = self.commit(&works).await;
        if matches!(done, Err(JournalError::Full)) && self.give_up_reserve() {
            done = self.commit(&works).await;
        }
        match done {
            Ok(written) => {
                self.shared.standing().trouble = None;
                for (reply, written) in replies.into_iter().zip(written) {
                    // Whoever asked may have gone; it is written all the same.
                    let _ = reply.send(Ok(written));
                }
            }
            Err(error) => {
                // The connection may stand in a half-done transaction; a new one does not.
                self.connection = None;
                let damaged = matches!(error, JournalError::Damaged { .. });
                let problem = Problem::from(error);
                tracing::warn!(code = %problem.code, message = %problem.message, "a batch was not written");
                let mut standing = self.shared.standing();
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

    async fn commit(&mut self, works: &Arc<Vec<Work>>) -> Result<Vec<Written>, JournalError> {
        if self.shared.device().is_none() {
            self.shared.prepare_again().await?;
        }
        let (shared, works, open) = (self.shared.clone(), works.clone(), self.connection.take());
        let done = aside(&self.shared, move || {
            let sparing = shared.standing().reserve_in_use;
            let mut connection = match open {
                Some(connection) => connection,
                None => store::open_to_write(&shared.opening, sparing)?,
            };
            let done = transact(&mut connection, &shared, &works, sparing)?;
            Ok((connection, done))
        });
        let (connection, (written, pen)) = done.await?;
        self.connection = Some(connection);
        self.shared.unsigned.send_replace(pen.unsigned());
        self.appended = pen.moved();
        Ok(written)
    }

    /// Gives the reserve up, so that facts can still be written. Answers whether there was one.
    fn give_up_reserve(&mut self) -> bool {
        if !self.reserve.as_ref().is_some_and(Reserve::release) {
            return false;
        }
        tracing::warn!("no space is left: the journal's reserve was given up");
        self.shared.standing().reserve_in_use = true;
        self.connection = None;
        self.look = Some(Instant::now() + LOOK_EVERY);
        true
    }

    /// Looks whether what was wrong has passed, and makes the reserve when there is space for it.
    async fn look_around(&mut self) {
        if self.shared.device().is_none() {
            let passing = self.shared.standing().unready.is_some();
            self.look = passing.then(|| Instant::now() + LOOK_EVERY);
            if !passing || self.shared.prepare_again().await.is_err() {
                return;
            }
        }
        let Some(reserve) = self.reserve.clone() else {
            self.look = None;
            return;
        };
        let made = tokio::task::spawn_blocking(move || reserve.make()).await;
        let whole = matches!(made, Ok(Ok(true)));
        let mut standing = self.shared.standing();
        if whole && std::mem::take(&mut standing.reserve_in_use) {
            tracing::info!("there is space again: the journal's reserve was made anew");
            standing.trouble = None;
            self.connection = None;
        }
        let wait = if standing.reserve_in_use { LOOK_EVERY } else { RESERVE_EVERY };
        self.look = (!whole).then(|| Instant::now() + wait);
    }

    /// Rolls new samples up and removes old ones, now and then. Space that is short is not spent on it.
    async fn tidy_up(&mut self) {
        if self.shared.standing().reserve_in_use {
            return;
        }
        let roll = self.rolled.is_none_or(|last| last.elapsed() >= ROLL_EVERY);
        let prune = self.pruned.is_none_or(|last| last.elapsed() >= PRUNE_EVERY);
        if !roll && !prune {
            return;
        }
        let Some(mut open) = self.connection.take() else { return };
        let now = (self.shared.opening.clock)();
        let tidied = aside(&self.shared, move || {
            let rolled = if roll { rollup::roll(&mut open) } else { Ok(false) };
            let pruned = if prune { rollup::prune(&open, now).map(drop) } else { Ok(()) };
            Ok((open, rolled, pruned))
        });
        let Ok((open, rolled, pruned)) = tidied.await else { return };
        self.connection = Some(open);
        if prune {
            self.pruned = Some(Instant::now());
        }
        if let Err(error) = pruned {
            tracing::warn!(%error, "old samples could not be removed");
        }
        if roll {
            // What waits is taken soon, but not before what others want to write.
            self.rolled = (!matches!(rolled, Ok(true))).then(Instant::now);
        }
        if let Err(error) = rolled {
            tracing::warn!(%error, "samples could not be rolled up");
        }
    }

    async fn put_away(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Closing may move the log into the file.
            let _ = tokio::task::spawn_blocking(move || drop(connection)).await;
        }
    }
}

/// Does something with the file on a thread where nobody else is kept waiting.
async fn aside<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(JournalError::cut_off(store::file_of(&shared.opening.home), error)))
}

/// Writes everything in one transaction.
fn transact(
    connection: &mut Connection,
    shared: &Shared,
    works: &[Work],
    sparing: bool,
) -> Result<(Vec<Written>, Pen), JournalError> {
    let device = shared.device().ok_or(JournalError::Closed)?;
    let begin = |source: rusqlite::Error| JournalError::store("begin to write", source);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(begin)?;
    // First, because the pen goes by it.
    let rebuilt = works.iter().any(|work| matches!(work, Work::Rebuild)).then(|| views::rebuild(&transaction));
    let rebuilt = rebuilt.transpose()?;
    let clock_ms = (shared.opening.clock)().timestamp_millis();
    let mut pen =
        Pen::at_head(&transaction, device, clock_ms)?.signing_with(shared.key.get().cloned()).sparing(sparing);
    let mut written = Vec::with_capacity(works.len());
    for work in works {
        written.push(match work {
            Work::Fact { actor, fact, once } => Written::Entry(Box::new(pen.fact(&transaction, actor, fact, *once)?)),
            Work::Sample(record) => Written::Health(Box::new(pen.sample(&transaction, record)?)),
            Work::Checkpoint => {
                pen.sign(&transaction)?;
                Written::Signed
            }
            Work::Rebuild => Written::Rebuilt(rebuilt.ok_or(JournalError::Closed)?),
            Work::End => return Err(JournalError::Closed),
        });
    }
    pen.record_head(&transaction)?;
    transaction.commit().map_err(|source| JournalError::store("put a batch on disk", source))?;
    Ok((written, pen))
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
            next = timeout_at(until.min(Instant::now() + QUIET), receiver.recv()).await.ok().flatten();
        }
    }
    (batch, None)
}
