//! How the plan itself is kept up (runbook 10): reviews, and who has to approve which change.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{
    drill::Cadence,
    plan::{
        id::Id,
        quantity::{CalendarDate, Period},
        read::table,
    },
};

table! {
    /// A review that comes round (runbook 10.1).
    pub struct Review {
        /// What it is called.
        pub name: String,
        /// How often.
        pub every: Cadence,
        /// What is looked at.
        pub covers: Vec<String>,
        /// Who does it.
        pub owner: Option<Id>,
        /// When it was last done.
        pub last: Option<CalendarDate>,
    }
}

impl Review {
    /// The last day on which it is not overdue, counted from when it was last held; one that never was, from `since`.
    pub fn due(&self, since: CalendarDate) -> Option<NaiveDate> {
        self.every.after(self.last.unwrap_or(since).last_day())
    }
}

table! {
    /// How a change may be made before it is approved.
    pub struct BreakGlass {
        /// Who may.
        pub by: Vec<Id>,
        /// How soon the approval has to follow.
        pub approved_within: Period,
    }
}

table! {
    /// Who has to approve a kind of change (runbook 10.2); all of them.
    pub struct ApprovalRule {
        /// The kind of change.
        pub change: String,
        /// Who has to agree.
        pub approvers: Vec<Id>,
        /// Who makes it.
        pub lead: Vec<Id>,
        /// What happens when it cannot wait.
        pub break_glass: Option<BreakGlass>,
    }
}

table! {
    /// What `maintenance.toml` holds.
    pub struct Maintenance {
        /// Reviews.
        pub reviews: BTreeMap<Id, Review>,
        /// Approvals.
        pub approvals: BTreeMap<Id, ApprovalRule>,
    }
}
