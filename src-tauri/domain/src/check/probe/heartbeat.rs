//! What is expected of a job that reports by itself.

use super::Otherwise;
use crate::plan::{quantity::Period, read::table};

table! {
    /// `heartbeat`: a job reports each run with `lifeboat heartbeat`, and silence is an outage.
    pub struct HeartbeatProbe {
        /// Outage when it was silent for longer than this: the time between two runs, and what a slow run may add.
        pub max_age: Period,
        /// The verdict when the job reports that it failed.
        pub otherwise: Otherwise = Otherwise::Outage,
    }
}
