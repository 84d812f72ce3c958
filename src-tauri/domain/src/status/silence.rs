//! Silence: maintenance and mute, by whom, for what, from when until when.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::plan::id::Id;

/// What is in maintenance or muted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Scope {
    /// Every check of the environment.
    Everything,
    /// Every check of a function, system, store or provider.
    Part(Id),
    /// One check.
    Check(Id),
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => formatter.write_str("everything"),
            Self::Part(part) => write!(formatter, "{part}"),
            Self::Check(check) => write!(formatter, "check {check}"),
        }
    }
}
