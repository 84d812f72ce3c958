//! The journal on disk: facts in hash chains, and beside them samples and the healths they add up to.
//!
//! One SQLite file per home, which several programs may have open. Appending is in `writer`, noticing what was
//! appended in `follow`, walking the chains in `verify`, reading in `read`. What an entry is and how it is hashed
//! is the domain's; nothing here judges health.

mod error;
mod export;
mod facts;
mod follow;
mod read;
mod rollup;
mod row;
mod store;
mod verify;
mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    Connection as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub(crate) use self::{error::JournalError, store::make_home};
use self::{
    verify::Walked,
    writer::{Work, Write, Written},
};

/// Tells the wall clock; tests have their own.
pub(crate) type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The clock of this computer.
pub(crate) fn wall_clock() -> Clock {
    Arc::new(Utc::now)
}

/// How a journal is opened.
pub(crate) struct Opening {
    /// The folder it is in; made when it is not there.
    pub(crate) home: PathBuf,
    /// The wall clock.
    pub(crate) clock: Clock,
    /// How long to wait for another program that is writing.
    pub(crate) patience: Duration,
    /// The most pages the file may have; nothing means SQLite's own limit. Stands in for a full disk in tests.
    pub(crate) most_pages: Option<u32>,
}

impl Opening {
    /// The usual way.
    pub(crate) fn of(home: &Path) -> Self {
        Self { home: home.to_owned(), clock: wall_clock(), patience: Duration::from_secs(5), most_pages: None }
    }
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

/// What the journal can do at present.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// Why nothing may be appended, if so.
    read_only: Option<Problem>,
    /// Why the last batch was not written, until one is.
    trouble: Option<Problem>,
    /// Entries after this place are not shown, because one of them is not as it was written.
    through: Option<i64>,
    /// What the last verification found.
    verification: Option<Verification>,
}

struct Shared {
    path: PathBuf,
    clock: Clock,
    device: Option<Uuid>,
    reader: Option<SqlitePool>,
    standing: Mutex<Standing>,
    entries: broadcast::Sender<EntryView>,
}

impl Shared {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a walk over the chains found. A journal found damaged stays read-only until it is opened anew.
    fn judge(&self, walked: &Walked, verification: Verification) {
        let mut standing = self.standing();
        if let Some(bad) = &verification.bad {
            standing.read_only = Some(JournalError::damaged(bad).into());
            standing.through = Some(walked.place);
        }
        standing.verification = Some(verification);
    }
}

/// A home's journal. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
    writer: mpsc::Sender<Write>,
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Journal").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal and verifies it. One that is damaged, newer or no journal at all is open for reading only,
    /// as far as it can be read. Fails only when the home cannot be used.
    pub(crate) async fn open(opening: Opening) -> Result<Self, JournalError> {
        let store::Opened { path, device, reader, write_options, walked, verification, problem } =
            store::open(&opening).await?;
        let (entries, _) = broadcast::channel(1024);
        let standing = Standing { read_only: problem, ..Standing::default() };
        let shared =
            Arc::new(Shared { path, clock: opening.clock, device, reader, standing: Mutex::new(standing), entries });
        if let Some(verification) = verification {
            shared.judge(&walked, verification);
        }
        let (writer, receiver) = mpsc::channel(writer::WAITING);
        let (tasks, ended) = (TaskTracker::new(), CancellationToken::new());
        let appended = Arc::new(tokio::sync::Notify::new());
        tasks.spawn(writer::run(shared.clone(), write_options.clone(), receiver, appended.clone()));
        tasks.spawn(follow::run(shared.clone(), write_options, walked, appended, ended.clone()));
        tasks.close();
        Ok(Self { shared, writer, tasks, ended })
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
            Written::Health(_) => Err(Problem::bug("the journal answered a fact with a health")),
        }
    }

    /// Writes one sample down, folds it into the check's health, and appends the change of health if there is one:
    /// all or nothing. Answers with the health afterwards.
    pub(crate) async fn sample(&self, record: SampleRecord) -> Result<CheckHealth, Problem> {
        let by_person = record.actor.starts_with("person:");
        match self.write(Work::Sample(Box::new(record)), by_person).await? {
            Written::Health(health) => Ok(*health),
            Written::Entry(_) => Err(Problem::bug("the journal answered a sample with an entry")),
        }
    }

    async fn write(&self, work: Work, by_person: bool) -> Result<Written, Problem> {
        if let Some(problem) = self.read_only() {
            return Err(problem);
        }
        let (reply, answer) = oneshot::channel();
        let closed = |()| Problem::from(JournalError::Closed);
        self.writer.send(Write { work, by_person, reply }).await.map_err(|_| closed(()))?;
        answer.await.map_err(|_| closed(()))?
    }

    /// Entries as they are appended by any program, each once, in the order of the file.
    pub(crate) fn entries(&self) -> broadcast::Receiver<EntryView> {
        self.shared.entries.subscribe()
    }

    /// Why nothing may be appended, if so.
    pub(crate) fn read_only(&self) -> Option<Problem> {
        self.shared.standing().read_only.clone()
    }

    /// Why nothing can be written at this moment, if so: the above, or what the last attempt failed of.
    pub(crate) fn trouble(&self) -> Option<Problem> {
        let standing = self.shared.standing();
        standing.read_only.clone().or_else(|| standing.trouble.clone())
    }

    /// What the last verification found.
    pub(crate) fn verification(&self) -> Option<Verification> {
        self.shared.standing().verification.clone()
    }

    /// Verifies every chain from its first entry.
    pub(crate) async fn verify(&self) -> Result<Verification, Problem> {
        let Some(reader) = &self.shared.reader else {
            let problem = self.read_only().unwrap_or_else(|| JournalError::Closed.into());
            let bad = (problem.code == Code::JournalDamaged)
                .then(|| BadEntry { entry: "journal.sqlite".to_owned(), fault: problem.message.clone() });
            return match bad {
                Some(_) => Ok(Verification { intact: 0, bad, at: (self.shared.clock)(), took_ms: 0.0 }),
                None => Err(problem),
            };
        };
        let mut connection = reader.acquire().await.map_err(|source| JournalError::store("verify it", source))?;
        let (walked, verification) = verify::verification(&mut connection, &self.shared.clock).await?;
        self.shared.judge(&walked, verification.clone());
        Ok(verification)
    }

    /// Every kept health of an environment.
    pub(crate) async fn healths(&self, environment: &Id) -> Result<BTreeMap<Id, CheckHealth>, JournalError> {
        read::healths(&self.shared, environment).await
    }

    /// Writes what was sent so far and closes the file.
    pub(crate) async fn close(&self) {
        self.ended.cancel();
        let (reply, answer) = oneshot::channel();
        if self.writer.send(Write { work: Work::End, by_person: true, reply }).await.is_ok() {
            let _ = answer.await;
        }
        self.tasks.wait().await;
        if let Some(reader) = &self.shared.reader {
            reader.close().await;
        }
        if self.read_only().is_none() {
            self.settle().await;
        }
    }

    /// Moves everything into the one file, so that somebody who copies or moves it has all of it. SQLite keeps the
    /// newest entries in a file beside it for as long as anybody has it open; another program that does keeps them so.
    async fn settle(&self) {
        let options = SqliteConnectOptions::new().filename(&self.shared.path).busy_timeout(Duration::from_secs(1));
        if let Ok(mut connection) = SqliteConnection::connect_with(&options).await {
            if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await {
                tracing::warn!(%error, "the journal's newest entries stay in the file beside it");
            }
            let _ = connection.close().await;
        }
    }
}

#[cfg(test)]
mod tests;
