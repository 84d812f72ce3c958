//! What happens: everything that waits, reads or writes. Knows no window and no command line.
//!
//! One `Engine` holds one home: its journal, its plan, one environment of it. Window and command line may each
//! have an engine on the same home at the same time.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lifeboat_domain::{
    Id,
    check::judge::Beat,
    journal::{EntryView, Fact, Verification},
    plan::quantity::Period,
    problem::Problem,
    status::{
        Board, Span,
        availability::AvailabilityReport,
        readiness::Readiness,
        rollup::{Grain, HistorySpan, SAMPLES_KEPT},
    },
};
use tokio::sync::broadcast;
use tokio_util::sync::DropGuard;

mod board;
pub mod breakers;
pub mod charts;
mod definition;
pub mod doctor;
mod engine;
pub mod history;
mod journal;
pub mod plans;
pub mod probe;
pub mod scheduler;
pub mod secrets;
pub mod settings;
mod silence;
pub mod vendor;
pub mod view;

pub use self::engine::default_home;
use self::{
    doctor::DoctorReport,
    engine::Core,
    history::CheckHistory,
    journal::{Clock, wall_clock},
    probe::Prober,
    scheduler::{Probers, Probing, Route},
    secrets::{Fixed, Keychain, Layered, SecretStore, Sensitive},
    view::{
        Backup, CheckDetail, CheckResult, DataView, EnvironmentChoice, Export, JournalPage, JournalQuery, Kept,
        PlanView, Rebuilt, Restored,
    },
};

/// What an engine is opened on.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for the journal and everything else this program keeps.
    pub home: PathBuf,
    /// The plan's folder.
    pub plan: PathBuf,
    /// The environment; nothing means the range when it is bound, else production, else the first.
    pub environment: Option<Id>,
    /// Who acts, for the journal: `person:NAME`.
    pub actor: String,
}

/// An open home. Cheap to clone; the last clone dropped closes it.
#[derive(Debug, Clone)]
pub struct Engine {
    core: Arc<Core>,
    // Tasks hold the core's parts too; this is what tells them that nobody holds the engine any more.
    _ends: Arc<DropGuard>,
}

impl Engine {
    /// Opens the home, verifies the journal and reads the plan. A plan with faults, a damaged or newer journal do
    /// not keep it from opening: what still works, works, and the rest answers with its problem.
    ///
    /// # Errors
    /// When the home cannot be used, or `options` names an environment the plan does not have.
    pub async fn open(options: Options) -> Result<Self, Problem> {
        Self::open_on(options, probers(), wall_clock(), scheduler::route()).await
    }

    /// Opens the home with another prober than the real one, for tests.
    pub async fn open_with(options: Options, probing: Arc<dyn Probing>) -> Result<Self, Problem> {
        Self::open_on(options, Arc::new(move |_| Ok(probing.clone())), wall_clock(), scheduler::route()).await
    }

    async fn open_on(options: Options, probers: Probers, clock: Clock, route: Route) -> Result<Self, Problem> {
        let core = Core::open(options, probers, clock, route).await?;
        let ends = core.scheduler.ended().clone().drop_guard();
        Ok(Self { core: Arc::new(core), _ends: Arc::new(ends) })
    }

    /// The board now.
    pub async fn board(&self) -> Result<Board, Problem> {
        let core = &self.core;
        board::board(&core.scheduler, &core.journal, &*core.force()?, (core.clock)()).await
    }

    /// Checks once, now: all checks, or those named. A check that is running already is waited for, not run twice.
    pub async fn check_run(&self, checks: Option<Vec<Id>>) -> Result<Vec<CheckResult>, Problem> {
        self.core.check_run(checks).await
    }

    /// Checks what is suspect again, at the plan's pace, until every health is sure; then the board.
    pub async fn check_confirm(&self) -> Result<Board, Problem> {
        loop {
            let board = self.board().await?;
            let suspect: Vec<Id> =
                board.checks.iter().filter(|check| check.suspicion.is_some()).map(|check| check.id.clone()).collect();
            if suspect.is_empty() {
                return Ok(board);
            }
            let force = self.core.force()?;
            let retries = suspect.iter().filter_map(|id| force.checks.get(id)).map(|check| check.retry.get());
            tokio::time::sleep(retries.max().unwrap_or_default()).await;
            self.check_run(Some(suspect)).await?;
        }
    }

    /// Why nothing can be kept at present, if so: a full disk, a damaged or a newer journal.
    pub fn trouble(&self) -> Option<Problem> {
        self.core.journal.trouble()
    }

    /// One check in full.
    pub async fn check_read(&self, check: Id) -> Result<CheckDetail, Problem> {
        let core = &self.core;
        let force = core.force()?;
        let detail = board::detail(&core.scheduler, &core.journal, &force, &check, (core.clock)()).await?;
        detail.ok_or_else(|| Core::unknown_check(&force, &check))
    }

    /// What became of one check over a span.
    pub async fn check_history(&self, check: Id, span: HistorySpan) -> Result<CheckHistory, Problem> {
        let core = &self.core;
        let force = core.force()?;
        let found = force.checks.get(&check).ok_or_else(|| Core::unknown_check(&force, &check))?;
        history::history(&core.scheduler, &core.journal, &force, (&check, found), span, (core.clock)()).await
    }

    /// How available every function, part and check was over 30 and 90 days.
    pub async fn availability(&self) -> Result<Vec<AvailabilityReport>, Problem> {
        let core = &self.core;
        history::availability(&core.scheduler, &core.journal, &*core.force()?, (core.clock)()).await
    }

    /// How ready the stores are to be recovered, and what the plan says is due.
    pub async fn readiness(&self) -> Result<Readiness, Problem> {
        let core = &self.core;
        let (force, places) = (core.force()?, core.places());
        board::readiness(&core.scheduler, &core.journal, &force, &places, (core.clock)()).await
    }

    /// When the environment in force was observed: what happened outside of these spans is not known.
    pub async fn observed(&self) -> Result<Vec<Span>, Problem> {
        let core = &self.core;
        board::observed_spans(&core.scheduler, &core.journal, &*core.force()?).await
    }

    /// Begins checking on schedule, unless another program on this home does; then follows, ready to take over.
    /// Ends when the engine is closed.
    pub async fn watch(&self) -> Result<(), Problem> {
        self.core.scheduler.watch().await;
        Ok(())
    }

    /// Ends the watch, says so in the journal, and waits until everything is written.
    pub async fn close(&self) {
        self.core.scheduler.close().await;
        self.core.journal.close().await;
    }

    /// The environments of the plan.
    pub async fn environments(&self) -> Result<Vec<EnvironmentChoice>, Problem> {
        let core = self.core.clone();
        aside("looking at the environments", move || core.environments()).await
    }

    /// Changes to another environment; the watch goes on there.
    pub async fn environment_choose(&self, environment: Id) -> Result<(), Problem> {
        let core = self.core.clone();
        let choosing = move || {
            let force = core.force()?;
            if force.environment == environment {
                return Ok(());
            }
            core.enforce(force.plan.clone(), &environment)
        };
        aside("choosing the environment", choosing).await
    }

    /// Reads the plan from disk again, and puts it in force when it is whole.
    pub async fn plan_read(&self) -> Result<PlanView, Problem> {
        self.core.plan_read().await
    }

    /// Appends a fact in the name of the actor. Acknowledged means on disk.
    pub async fn append(&self, fact: Fact) -> Result<EntryView, Problem> {
        if let Ok(force) = self.core.force() {
            self.core.scheduler.adopt(&force.plan).await;
        }
        let entry = self.core.journal.append(self.core.actor(), fact).await?;
        Ok(EntryView::from(&entry))
    }

    /// Keeps a beat of a job that reports by itself: that it went well, or what went wrong. Answers with the
    /// environment it counts for.
    pub async fn heartbeat(&self, check: &Id, failed: Option<String>) -> Result<(Id, Beat), Problem> {
        self.core.heartbeat(check, failed).await
    }

    /// A page of the journal.
    pub async fn journal_list(&self, query: JournalQuery) -> Result<JournalPage, Problem> {
        self.core.journal.list(&query).await
    }

    /// Verifies every chain of the journal from its first entry.
    pub async fn journal_verify(&self) -> Result<Verification, Problem> {
        self.core.journal.verify().await
    }

    /// Writes the journal as one JSON object a line to a new file (in `home/exports` when no path is given).
    pub async fn journal_export(&self, path: Option<PathBuf>) -> Result<Export, Problem> {
        self.core.journal.export(path).await
    }

    /// Signs how far this device's chain has come. After a destructive act, before it is reported as done.
    pub async fn journal_checkpoint(&self) -> Result<(), Problem> {
        self.core.journal.checkpoint().await
    }

    /// What a person should know about the journal although it works, such as that its key is kept in a file.
    pub fn journal_notes(&self) -> Vec<Problem> {
        self.core.journal.notes()
    }

    /// Drops what the journal keeps for speed and makes it anew from its entries.
    pub async fn journal_rebuild(&self) -> Result<Rebuilt, Problem> {
        self.core.journal.rebuild().await
    }

    /// Makes a consistent copy of the journal, with a manifest beside it. Nothing is overwritten.
    pub async fn journal_backup(&self, path: PathBuf) -> Result<Backup, Problem> {
        self.core.journal.backup(&path).await
    }

    /// Restores a copy into a home that has no journal, under a device id of its own.
    ///
    /// # Errors
    /// When the home has a journal, or the copy is not what its manifest says; nothing is left behind then.
    pub async fn journal_restore(home: &Path, copy: &Path, actor: String) -> Result<Restored, Problem> {
        journal::restore(home, copy, actor).await
    }

    /// What is kept in the home, how much of it there is, and for how long.
    pub async fn data(&self) -> Result<DataView, Problem> {
        let journal = &self.core.journal;
        let (samples, rollups) = journal.kept().await?;
        let kept = |what: String, kept: Period| Kept { what, kept };
        let kept = [kept("sample".to_owned(), SAMPLES_KEPT)]
            .into_iter()
            .chain(Grain::ALL.map(|grain| kept(grain.to_string(), grain.kept())));
        Ok(DataView {
            home: self.core.options.home.display().to_string(),
            plan: self.core.options.plan.display().to_string(),
            logs: self.core.options.home.join("logs").display().to_string(),
            journal_bytes: journal.bytes(),
            entries: journal.total().await?,
            samples,
            rollups,
            kept: kept.collect(),
        })
    }

    /// Entries as they are appended, by this program or another on the same home, within a second.
    pub fn entries(&self) -> broadcast::Receiver<EntryView> {
        self.core.journal.entries()
    }

    /// What this computer has and lacks, the journal as this engine has it open included.
    pub async fn doctor(&self) -> Result<DoctorReport, Problem> {
        let state = doctor::JournalState::of(&self.core.journal);
        Ok(doctor::examine(&self.core.options.home, state, doctor::keychain().await).await)
    }
}

/// Does what waits for the disk where nobody else is kept waiting.
async fn aside<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Problem::bug(format!("{what} did not end well: {error}"))))
}

/// The real probers: one TLS set-up for all, each with the credentials its environment brings along before the keychain.
fn probers() -> Probers {
    let shared = std::sync::OnceLock::new();
    Arc::new(move |credentials| {
        let keychain: Arc<dyn SecretStore> = Arc::new(Keychain);
        let prober = if let Some(prober) = shared.get() {
            prober
        } else {
            let made = Prober::new(keychain.clone())?;
            shared.get_or_init(|| made)
        };
        let provided = Fixed::new(credentials.iter().map(|(handle, secret)| (handle.clone(), Sensitive::new(secret))));
        Ok(Arc::new(prober.with_secrets(Arc::new(Layered::new(Arc::new(provided), keychain)))))
    })
}

#[cfg(test)]
mod tests;
