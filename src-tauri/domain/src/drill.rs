//! Drills as the plan schedules them, and what their report has to say (runbook 6.2).
//!
//! Holding a drill is not here.

use std::collections::BTreeMap;

use chrono::{Days, Months, NaiveDate};

use crate::plan::{
    id::Id,
    quantity::{CalendarDate, Period},
    read::{choice, table},
};

choice! {
    /// How often something comes round.
    pub enum Cadence {
        /// Every week.
        Weekly = "weekly",
        /// Every month.
        Monthly = "monthly",
        /// Every three months.
        Quarterly = "quarterly",
        /// Every six months.
        HalfYearly = "half-yearly",
        /// Every year.
        Yearly = "yearly",
    }
}

impl Cadence {
    /// How many months lie between two of them; a week counts as none.
    pub const fn months(self) -> u32 {
        match self {
            Self::Weekly => 0,
            Self::Monthly => 1,
            Self::Quarterly => 3,
            Self::HalfYearly => 6,
            Self::Yearly => 12,
        }
    }

    /// The day it comes round after a day.
    pub fn after(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Weekly => day.checked_add_days(Days::new(7)),
            Self::Monthly | Self::Quarterly | Self::HalfYearly | Self::Yearly => {
                day.checked_add_months(Months::new(self.months()))
            }
        }
    }
}

choice! {
    /// What kind of practice it is.
    pub enum DrillKind {
        /// Copies are restored.
        Restore = "restore",
        /// Traffic is moved.
        Failover = "failover",
        /// Everything from alarm to report.
        EndToEnd = "end-to-end",
        /// People talk it through.
        Tabletop = "tabletop",
    }
}

table! {
    /// A series of drills.
    pub struct Drill {
        /// What it is called.
        pub name: String,
        /// What kind of practice it is.
        pub kind: DrillKind,
        /// How often.
        pub every: Cadence,
        /// The week of the month as the document numbers it.
        pub week: Option<u32>,
        /// The first day it was due; absent means that the calendar has no anchor.
        pub starts: Option<CalendarDate>,
        /// How long it takes.
        pub duration: Period,
        /// Who takes part.
        pub participants: Vec<String>,
        /// Who answers for it.
        pub owner: Option<Id>,
        /// The runbook it practises.
        pub runbook: Option<Id>,
        /// The story, where there is no runbook.
        pub story: Option<String>,
        /// What has to be true for it to count as passed.
        pub success: Vec<String>,
        /// Where the runbook has it.
        pub section: Option<String>,
    }
}

table! {
    /// One blank of a report.
    pub struct ReportField {
        /// What it is called.
        pub name: String,
        /// Whether it may stay empty.
        pub optional: bool = false,
        /// Whether there may be several.
        pub many: bool = false,
        /// The words it may hold, where they are given.
        pub one_of: Vec<String>,
    }
}

table! {
    /// One part of a report.
    pub struct ReportSection {
        /// Its name for programs.
        pub id: Id,
        /// Its heading.
        pub name: String,
        /// Its blanks.
        pub fields: Vec<ReportField>,
    }
}

table! {
    /// What `drills.toml` holds.
    pub struct Drills {
        /// Series of drills.
        pub drills: BTreeMap<Id, Drill>,
        /// What a drill's report has to say.
        pub report: Vec<ReportSection>,
    }
}
