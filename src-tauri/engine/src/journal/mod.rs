//! The journal on disk: facts in hash chains, and beside them samples and the healths they add up to.
//!
//! One SQLite file per home, which several programs may have open. Appending is in `writer` and `pen`, signing in
//! `sealing`, noticing what was appended in `follow`, walking the chains in `verify`, reading in `reach` and `read`,
//! copies in `backup`. What an entry is and how it is hashed is the domain's; nothing here judges health.

mod backup;
mod bell;
mod breaker;
mod error;
mod export;
mod facts;
mod follow;
mod heartbeat;
mod key;
mod pen;
mod pending;
mod reach;
mod read;
mod reserve;
mod rollup;
mod row;
mod sealing;
mod shared;
mod store;
mod verify;
mod views;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::Sample,
    journal::{BadEntry, Entry, EntryView, Fact, Verification},
    problem::{Code, Problem},
    status::CheckHealth,
};
use sqlx::{
    Connection as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub(crate) use self::{backup::restore, breaker::KeptBreaker, error::JournalError, reserve::Space, store::make_home};
use self::{
    reserve::{Reserve, free_space},
    shared::Shared,
    writer::{Work, Write, Written},
};
use crate::{
    secrets::{Keychain, SecretKeeper},
    view::Rebuilt,
};

/// Tells the wall clock; tests have their own.
pub(crate) type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The clock of this computer.
pub(crate) fn wall_clock() -> Clock {
    Arc::new(Utc::now)
}

/// How a journal is opened.
#[derive(Clone)]
pub(crate) struct Opening {
    /// The folder it is in; made when it is not there.
    pub(crate) home: PathBuf,
    /// The wall clock.
    pub(crate) clock: Clock,
    /// How long to wait for another program that is writing.
    pub(crate) patience: Duration,
    /// The most pages the file may have; nothing means SQLite's own limit. Stands in for a full disk in tests.
    pub(crate) most_pages: Option<u32>,
    /// Where the key for checkpoints is kept; nothing means that none are signed.
    pub(crate) keys: Option<Arc<dyn SecretKeeper>>,
    /// Whether space is reserved for a full disk.
    pub(crate) reserves: bool,
    /// How much space there is.
    pub(crate) space: Space,
    /// A journal of at most this many entries is verified whole when it is opened; of a larger one first what this
    /// device has not signed, the rest in the background.
    pub(crate) at_once: u64,
}

/// This many entries are verified in the blink of an eye.
const AT_ONCE: u64 = 10_000;

impl Opening {
    /// With nothing but the file.
    pub(crate) fn of(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            clock: wall_clock(),
            patience: Duration::from_secs(5),
            most_pages: None,
            keys: None,
            reserves: false,
            space: free_space(),
            at_once: AT_ONCE,
        }
    }

    /// With everything that belongs to a home in use: signed checkpoints and a reserve.
    pub(crate) fn in_use(home: &Path) -> Self {
        Self { keys: Some(Arc::new(Keychain)), reserves: true, ..Self::of(home) }
    }

    fn reserve(&self) -> Option<Reserve> {
        self.reserves.then(|| Reserve::of(&self.home, self.space.clone()))
    }
}

/// Looks at a home's journal without changing anything about it, not even who may read it.
pub(crate) async fn look(home: &Path) -> Result<(Verification, Vec<Problem>), Problem> {
    let (reach, verification) = store::look(&Opening::of(home)).await?;
    if let Some(bad) = &verification.bad {
        return Err(JournalError::damaged(bad).into());
    }
    let notes = reach.note.into_iter().chain(key::file_note(home)).chain(shared::clock_notes(&verification));
    Ok((verification, notes.collect()))
}

/// One sample to be written down, with what is needed to judge it and to speak of it.
#[derive(Debug, Clone)]
pub(crate) struct SampleRecord {
    /// In which environment.
    pub(crate) environment: Id,
    /// Of which check.
    pub(crate) check: Id,
    /// What the check is called.
    pub(crate) name: String,
    /// The part it tells of.
    pub(crate) of: Id,
    /// Samples in a row before health changes for the worse.
    pub(crate) failures: u32,
    /// Which plan, by content.
    pub(crate) plan: String,
    /// Who had it checked.
    pub(crate) actor: String,
    /// What was found.
    pub(crate) sample: Sample,
}

/// A home's journal. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
    writer: mpsc::Sender<Write>,
    tasks: TaskTracker,
    ended: CancellationToken,
    // Ends the tasks when nobody has the journal any more.
    _ends: Arc<DropGuard>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Journal").field("home", &self.shared.opening.home).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal and verifies it, a large one first from its newest checkpoint on and the rest in the
    /// background. One that is damaged, newer, not ours to write or no journal at all is open for reading only, as far
    /// as it can be read. Fails only when the home cannot be used.
    pub(crate) async fn open(opening: Opening) -> Result<Self, JournalError> {
        let opened = store::open(&opening).await?;
        let signs = opening.keys.is_some();
        let shared = Arc::new(Shared::new(opening));
        shared.admit(opened);
        let (writer, receiver) = mpsc::channel(writer::WAITING);
        let (tasks, ended) = (TaskTracker::new(), CancellationToken::new());
        let appended = Arc::new(tokio::sync::Notify::new());
        tasks.spawn(writer::run(shared.clone(), receiver, appended.clone()));
        tasks.spawn(follow::run(shared.clone(), appended, ended.clone()));
        tasks.spawn(shared::verify_in_full(shared.clone(), ended.clone()));
        if signs {
            tasks.spawn(sealing::run(shared.clone(), writer.downgrade(), ended.clone()));
        }
        tasks.close();
        let ends = Arc::new(ended.clone().drop_guard());
        Ok(Self { shared, writer, tasks, ended, _ends: ends })
    }

    /// Appends a fact. Acknowledged means on disk. A person's fact is written at once; a program's may wait some
    /// milliseconds for company.
    pub(crate) async fn append(&self, actor: String, fact: Fact) -> Result<Entry, Problem> {
        let by_person = actor.starts_with("person:");
        self.entry(Work::Fact { actor, fact: Box::new(fact), once: false }, by_person).await
    }

    /// Appends a fact unless the newest of its kind already says the same; answers with the one that stands.
    pub(crate) async fn append_once(&self, actor: String, fact: Fact) -> Result<Entry, Problem> {
        self.entry(Work::Fact { actor, fact: Box::new(fact), once: true }, false).await
    }

    async fn entry(&self, work: Work, by_person: bool) -> Result<Entry, Problem> {
        match self.write(work, by_person).await? {
            Written::Entry(entry) => Ok(*entry),
            Written::Health(_) | Written::Signed | Written::Rebuilt(_) => Err(out_of_turn()),
        }
    }

    /// Writes one sample down, folds it into the check's health, and appends the change of health if there is one:
    /// all or nothing. Answers with the health afterwards.
    pub(crate) async fn sample(&self, record: SampleRecord) -> Result<CheckHealth, Problem> {
        let by_person = record.actor.starts_with("person:");
        match self.write(Work::Sample(Box::new(record)), by_person).await? {
            Written::Health(health) => Ok(*health),
            Written::Entry(_) | Written::Signed | Written::Rebuilt(_) => Err(out_of_turn()),
        }
    }

    /// Signs how far this device's chain has come; on disk when it answers. For the end of a destructive act: what was
    /// done cannot be cut off unseen any more.
    pub(crate) async fn checkpoint(&self) -> Result<(), Problem> {
        sealing::checkpoint(&self.shared, &self.writer).await
    }

    /// Drops what is kept for speed and makes it anew from the entries.
    pub(crate) async fn rebuild(&self) -> Result<Rebuilt, Problem> {
        match self.write(Work::Rebuild, true).await? {
            Written::Rebuilt(rebuilt) => Ok(rebuilt),
            Written::Entry(_) | Written::Health(_) | Written::Signed => Err(out_of_turn()),
        }
    }

    async fn write(&self, work: Work, by_person: bool) -> Result<Written, Problem> {
        writer::send(&self.shared, &self.writer, work, by_person).await
    }

    /// Entries as they are appended by any program, each once, in the order of the file.
    pub(crate) fn entries(&self) -> broadcast::Receiver<EntryView> {
        self.shared.entries.subscribe()
    }

    /// Why nothing may be appended, if so.
    pub(crate) fn read_only(&self) -> Option<Problem> {
        let standing = self.shared.standing();
        standing.read_only.clone().or_else(|| standing.unready.clone())
    }

    /// Why nothing can be written at this moment, if so: the above, or what the last attempt failed of.
    pub(crate) fn stopped(&self) -> Option<Problem> {
        self.read_only().or_else(|| self.shared.standing().trouble.clone())
    }

    /// What keeps the journal from its full work, if anything does: the above, or that it lives on its reserve.
    pub(crate) fn trouble(&self) -> Option<Problem> {
        self.stopped().or_else(|| self.shared.standing().reserve_in_use.then(shared::reserve_in_use))
    }

    /// What a person should know although the journal works: how it is read, where its key is, what its clock did.
    pub(crate) fn notes(&self) -> Vec<Problem> {
        self.shared.notes()
    }

    /// What the last verification found.
    pub(crate) fn verification(&self) -> Option<Verification> {
        self.shared.standing().verification.clone()
    }

    /// Verifies every chain from its first entry.
    pub(crate) async fn verify(&self) -> Result<Verification, Problem> {
        if let Ok(reader) = self.shared.reader() {
            return self.shared.verify_in_full(&reader).await.map_err(Problem::from);
        }
        let problem = self.read_only().unwrap_or_else(|| JournalError::Closed.into());
        if problem.code != Code::JournalDamaged {
            return Err(problem);
        }
        Ok(Verification {
            intact: 0,
            bad: Some(BadEntry { entry: "journal.sqlite".to_owned(), fault: problem.message }),
            at: (self.shared.opening.clock)(),
            took_ms: 0.0,
            since: None,
            checkpoints: 0,
            clock: lifeboat_domain::journal::ClockReport::default(),
        })
    }

    /// Every kept health of an environment.
    pub(crate) async fn healths(
        &self,
        environment: &Id,
    ) -> Result<std::collections::BTreeMap<Id, CheckHealth>, JournalError> {
        views::kept_healths(&self.shared.reader()?, environment).await
    }

    /// Signs and writes what was sent so far and closes the file.
    pub(crate) async fn close(&self) {
        self.ended.cancel();
        if *self.shared.unsigned.borrow() > 0
            && self.read_only().is_none()
            && let Err(problem) = self.checkpoint().await
        {
            tracing::warn!(code = %problem.code, message = %problem.message, "the newest entries stay unsigned");
        }
        let (reply, answer) = oneshot::channel();
        if self.writer.send(Write { work: Work::End, by_person: true, reply }).await.is_ok() {
            let _ = answer.await;
        }
        self.tasks.wait().await;
        if let Ok(reader) = self.shared.reader() {
            reader.close().await;
        }
        if self.read_only().is_none() {
            self.settle().await;
        }
    }

    /// Moves everything into the one file, so that somebody who copies or moves it has all of it. SQLite keeps the
    /// newest entries in a file beside it for as long as anybody has it open; another program that does keeps them so.
    async fn settle(&self) {
        let options = SqliteConnectOptions::new()
            .filename(store::file_of(&self.shared.opening.home))
            .busy_timeout(Duration::from_secs(1));
        if let Ok(mut connection) = SqliteConnection::connect_with(&options).await {
            if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await {
                tracing::warn!(%error, "the journal's newest entries stay in the file beside it");
            }
            let _ = connection.close().await;
        }
    }
}

fn out_of_turn() -> Problem {
    Problem::bug("the journal answered something else than it was asked")
}

#[cfg(test)]
mod tests;
