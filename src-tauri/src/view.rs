//! What the window is told about the program itself. Everything about the plan, the board and the journal has its
//! type in the engine.

use lifeboat_domain::{Problem, status::EnvironmentTag};
use lifeboat_engine::view::EnvironmentChoice;
use lifeboat_range::RangeStatus;
use serde::Serialize;
use ts_rs::TS;

/// Where the program stands.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub(crate) struct AppView {
    /// Lifeboat's version.
    pub(crate) version: String,
    /// The folder it keeps everything in.
    pub(crate) home: String,
    /// The title of the plan in force.
    pub(crate) plan_title: Option<String>,
    /// The version of the plan in force.
    pub(crate) plan_version: Option<String>,
    /// How many faults the plan's files have.
    pub(crate) plan_faults: u32,
    /// The environment being looked at.
    pub(crate) environment: Option<EnvironmentTag>,
    /// The environments of the plan.
    pub(crate) environments: Vec<EnvironmentChoice>,
    /// The practice range of this home.
    pub(crate) range: RangeStatus,
    /// Why the journal is open for reading only, if it is.
    pub(crate) journal_read_only: Option<Problem>,
    /// Whether nobody has used this home before.
    pub(crate) first_run: bool,
    /// The operating system's keychain.
    pub(crate) keychain: KeychainView,
    /// What keeps the program from working, if anything does.
    pub(crate) problem: Option<Problem>,
}

/// The operating system's keychain as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub(crate) struct KeychainView {
    /// Its state.
    pub(crate) state: KeychainState,
    /// The state in words, and what to do about it.
    pub(crate) detail: String,
}

/// The state of the operating system's keychain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub(crate) enum KeychainState {
    /// It answers.
    Available,
    /// It is there but locked.
    Locked,
    /// There is none.
    Absent,
}
