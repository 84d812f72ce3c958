//! Status: what samples add up to.
//!
//! Two folds. `fold` turns one check's samples into its health and says when health *changed*: only changes
//! are facts, and of health that flaps only that it does. `Board::of` rolls healths up to systems, stores, providers
//! and business functions, and says of each check whether it should alarm, or why not. Stale is unknown, unknown is
//! never good.

pub mod availability;
mod board;
mod causes;
mod checks;
mod flapping;
mod fold;
mod functions;
pub mod network;
mod observed;
pub mod readiness;
pub mod rollup;
mod rows;
mod sentence;
mod silence;
mod timeline;

pub use self::{
    board::{
        Board, BoardInput, Cause, CheckRow, Counts, EnvironmentTag, FunctionRow, Need, PartKind, PartRow, RecentChange,
        TierRow, Watching,
    },
    causes::Because,
    checks::Quiet,
    flapping::{Flapping, HealthEvent, Steps, observe},
    fold::{CheckHealth, HealthChange, Suspicion, SuspicionRun, fold, stale_at},
    observed::{Interruption, Span, observed},
    silence::{OLDEST_SILENCE, Said, Scope, Silence, SilenceKind, may_be_silent, silences},
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
        /// Work on it is under way, so what it shows counts neither way.
        Maintenance = "maintenance",
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
    /// How bad it is in a sum: outage, degraded, unknown and not checked, maintenance, operational.
    pub const fn weight(self) -> u8 {
        match self {
            Self::Operational => 0,
            Self::Maintenance => 1,
            Self::NotChecked => 2,
            Self::Unknown => 3,
            Self::Degraded => 4,
            Self::Outage => 5,
        }
    }

    /// Whether something was seen to be wrong.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Degraded | Self::Outage)
    }

    /// The worse of two.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }
}

#[cfg(test)]
mod tests;
