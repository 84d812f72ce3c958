//! What is true: the types, rules and folds of a recovery plan and its evidence.
//!
//! Nothing here waits, reads or writes, and time is always an argument. The modules follow the sentence of the
//! house: plan, check, status, incident, runbook, action, journal, report. Of incident and action there is nothing yet;
//! backup, communication, drill, compliance and maintenance are further chapters of the plan.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod backup;
pub mod check;
pub mod communication;
pub mod compliance;
pub mod drill;
pub mod environment;
pub mod journal;
pub mod maintenance;
mod places;
pub mod plan;
pub mod presence;
pub mod problem;
pub mod provider;
pub mod report;
pub mod runbook;
pub mod status;
pub mod text;

pub use plan::id::Id;
pub use problem::{Code, Problem};
