//! What happens: everything that waits, reads or writes. Knows no window and no command line.
//!
//! One `Engine` holds one home: its journal, its plan, one environment of it. Window and command line may each
//! have an engine on the same home at the same time.

use std::path::PathBuf;

use lifeboat_domain::{
    journal::{EntryView, Fact, Verification},
    plan::Id,
    problem::Problem,
    status::Board,
};
use tokio::sync::broadcast;

pub mod charts;
pub mod doctor;
pub mod probe;
pub mod secrets;
pub mod view;

use view::{CheckDetail, CheckResult, EnvironmentChoice, Export, JournalPage, JournalQuery, PlanView};

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
pub struct Engine {}

fn unbuilt<T>() -> Result<T, Problem> {
    Err(Problem::bug("not built yet"))
}

impl Engine {
    /// Opens the home, verifies the journal and reads the plan. A plan with faults, a damaged or newer journal do
    /// not keep it from opening: what still works, works, and the rest answers with its problem.
    pub async fn open(_options: Options) -> Result<Self, Problem> {
        unbuilt()
    }

    /// The board now.
    pub async fn board(&self) -> Result<Board, Problem> {
        unbuilt()
    }

    /// Checks once, now: all checks, or those named. A check that is running already is waited for, not run twice.
    pub async fn check_run(&self, _checks: Option<Vec<Id>>) -> Result<Vec<CheckResult>, Problem> {
        unbuilt()
    }

    /// One check in full.
    pub async fn check_read(&self, _check: Id) -> Result<CheckDetail, Problem> {
        unbuilt()
    }

    /// Begins checking on schedule, unless another program on this home does; then follows, ready to take over.
    /// Ends when the engine is closed.
    pub async fn watch(&self) -> Result<(), Problem> {
        unbuilt()
    }

    /// Ends the watch, says so in the journal, and waits until everything is written.
    pub async fn close(&self) {}

    /// The environments of the plan.
    pub async fn environments(&self) -> Result<Vec<EnvironmentChoice>, Problem> {
        unbuilt()
    }

    /// Changes to another environment; the watch goes on there.
    pub async fn environment_choose(&self, _environment: Id) -> Result<(), Problem> {
        unbuilt()
    }

    /// Reads the plan from disk again, and puts it in force when it is whole.
    pub async fn plan_read(&self) -> Result<PlanView, Problem> {
        unbuilt()
    }

    /// Appends a fact in the name of the actor. Acknowledged means on disk.
    pub async fn append(&self, _fact: Fact) -> Result<EntryView, Problem> {
        unbuilt()
    }

    /// A page of the journal.
    pub async fn journal_list(&self, _query: JournalQuery) -> Result<JournalPage, Problem> {
        unbuilt()
    }

    /// Verifies every chain of the journal from its first entry.
    pub async fn journal_verify(&self) -> Result<Verification, Problem> {
        unbuilt()
    }

    /// Writes the journal as one JSON object a line to a new file (in `home/exports` when no path is given).
    pub async fn journal_export(&self, _path: Option<PathBuf>) -> Result<Export, Problem> {
        unbuilt()
    }

    /// Entries as they are appended, by this program or another on the same home, within a second.
    pub fn entries(&self) -> broadcast::Receiver<EntryView> {
        broadcast::channel(1).1
    }
}
