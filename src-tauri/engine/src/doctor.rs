//! Doctor: what this computer has and lacks, each lack with what to do about it.

use serde::Serialize;
use ts_rs::TS;

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Finding {
    /// As it should be.
    Good,
    /// Lifeboat works without it, but less well.
    Lacking,
    /// Something will not work until it is there.
    Missing,
    /// It could not be looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct DoctorItem {
    /// A stable name, such as `pg_restore`.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// How it was found.
    pub finding: Finding,
    /// What was found: a version, a path, a number with its unit.
    pub found: String,
    /// What to do, as a sentence.
    pub hint: Option<String>,
    /// The Debian package that brings it.
    pub package: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct DoctorReport {
    /// In the order of looking.
    pub items: Vec<DoctorItem>,
}
