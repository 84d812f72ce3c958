//! What the engine answers to the window and to `--json`, where the domain has no type of its own for it.

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    check::Sample,
    environment::EnvironmentKind,
    journal::{EntryView, Verification},
    plan::{Id, Plan, lint::Finding, read::PlanFault},
    problem::Problem,
    status::CheckRow,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::charts::ChartDocument;

/// The result of checking once.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct CheckResult {
    /// The check's name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// What this one sample says; the board may need more of them before health changes.
    pub sample: Sample,
    /// The check on the board afterwards.
    pub row: CheckRow,
}

/// One check in full.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct CheckDetail {
    /// The check on the board.
    pub row: CheckRow,
    /// What the part it tells of is called.
    pub of_name: String,
    /// How the plan defines it, as labels and values.
    pub definition: Vec<(String, String)>,
    /// The latest sample that was not operational, with the answer that was kept.
    pub failing: Option<Sample>,
    /// The newest samples, newest first, at most 200.
    pub samples: Vec<Sample>,
    /// Latency over the last hour.
    pub chart: ChartDocument,
}

/// What to list of the journal.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct JournalQuery {
    /// Only entries before this place in the journal (`cursor` of the page before).
    pub before: Option<String>,
    /// At most this many; 200 at most.
    pub limit: Option<u32>,
    /// Only this kind of fact.
    pub kind: Option<String>,
    /// Only this check.
    pub check: Option<String>,
    /// Only entries whose summary, actor or body contain this text.
    pub text: Option<String>,
}

/// A page of the journal, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct JournalPage {
    /// The entries.
    pub entries: Vec<EntryView>,
    /// Where the next page begins; nothing at the end.
    pub cursor: Option<String>,
    /// Entries in the whole journal.
    pub total: u64,
    /// What the last verification found.
    pub verification: Option<Verification>,
    /// Why the journal is open for reading only, if it is.
    pub read_only: Option<Problem>,
    /// What a person should know although the journal works.
    pub notes: Vec<Problem>,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Export {
    /// The file.
    pub path: String,
    /// How many entries it holds.
    pub entries: u64,
    /// How many signed checkpoints.
    pub checkpoints: u64,
}

/// A copy of the journal that was made for keeping elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Backup {
    /// The copy.
    pub path: String,
    /// What it must be, beside it: restoring compares.
    pub manifest: String,
    /// How many entries it holds.
    pub entries: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// A journal that was restored from a copy.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Restored {
    /// The home it is in now.
    pub home: String,
    /// How many entries the copy held.
    pub entries: u64,
    /// The device the copy was made on.
    pub from: uuid::Uuid,
    /// The device this home is from now on.
    pub device: uuid::Uuid,
    /// When the copy was made.
    pub made: DateTime<Utc>,
}

/// What was made anew from the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Rebuilt {
    /// Ends of chains.
    pub chains: u64,
    /// Healths of checks.
    pub healths: u64,
}

/// A plan file as text, for showing a fault at its line.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct PlanText {
    /// Path relative to the folder.
    pub name: String,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A plan as the window shows it. Exactly one of `plan` and `faults` has something in it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct PlanView {
    /// Where it is.
    pub folder: String,
    /// The plan, when it is whole.
    pub plan: Option<Plan>,
    /// What is wrong with it, when it is not.
    pub faults: Vec<PlanFault>,
    /// What it says wrongly though it can be read: contradictions, gaps, things overdue. Worst first.
    pub findings: Vec<Finding>,
    /// Its files.
    pub files: Vec<PlanText>,
    /// Whether the board still runs on an earlier version, because the files on disk have faults.
    pub earlier_in_force: bool,
}

/// An environment to choose.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct EnvironmentChoice {
    /// Its name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// What a mistake in it would cost.
    pub kind: EnvironmentKind,
    /// Whether it is the one in use.
    pub current: bool,
    /// When its values were filled in; for a range this is when it came up.
    pub bound_at: Option<DateTime<Utc>>,
}
