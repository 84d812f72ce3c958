//! Status: what samples add up to.
//!
//! Two folds. `fold` turns one check's samples into its health and says when health *changed*: only changes
//! are facts. `Board::of` rolls healths up to systems, stores, providers and business functions. Stale is
//! unknown, unknown is never good.

pub mod availability;
mod board;
mod fold;
mod functions;
mod observed;
pub mod readiness;
pub mod rollup;
mod rows;
mod silence;
mod timeline;

pub use self::{
    board::{
        Board, BoardInput, Cause, CheckRow, Counts, EnvironmentTag, FunctionRow, Need, PartKind, PartRow, RecentChange,
        TierRow, Watching,
    },
    fold::{CheckHealth, HealthChange, Suspicion, SuspicionRun, fold, stale_at},
    observed::{Interruption, Span, observed},
    silence::Scope,
    timeline::{Known, Timeline},
};
use crate::{check::Verdict, plan::read::choice};

choice! {
    /// The health of a check, a part of the platform or a business function.
    pub enum Health {
        /// Never checked in this environment.
        NotChecked = "not-checked",
        /// As the plan wants it.
        Operational = "operational",
        /// It works, but not as the plan wants it.
        Degraded = "degraded",
        /// It does not work.
        Outage = "outage",
        /// It could not be checked, or not recently enough.
        Unknown = "unknown",
    }
}

impl From<Verdict> for Health {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Operational => Self::Operational,
            Verdict::Degraded => Self::Degraded,
            Verdict::Outage => Self::Outage,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl Health {
    /// How bad it is in a sum: outage, degraded, unknown and not checked, operational.
    pub const fn weight(self) -> u8 {
        match self {
            Self::Operational => 0,
            Self::NotChecked => 1,
            Self::Unknown => 2,
            Self::Degraded => 3,
            Self::Outage => 4,
        }
    }

    /// The worse of two.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }
}

#[cfg(test)]
mod tests;
