//! What is true: the types, rules and folds of a recovery plan and its evidence.
//!
//! Nothing here waits, reads or writes, and time is always an argument. The modules follow the sentence of the
//! house: plan, check, status, incident, runbook, action, journal, report (so far the first three and the journal).

pub mod check;
pub mod environment;
pub mod journal;
pub mod plan;
pub mod problem;
pub mod status;

pub use plan::id::Id;
pub use problem::{Code, Problem};
