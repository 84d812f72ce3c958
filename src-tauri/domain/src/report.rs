//! What is written after an incident (runbook 7): the post-mortem's sections, the figures kept, and lessons.
//!
//! Writing them is not here.

use std::collections::BTreeMap;

use crate::{
    drill::ReportSection,
    plan::{
        id::Id,
        read::{choice, table},
    },
};

choice! {
    /// What a figure of an incident is.
    pub enum MetricKind {
        /// A moment.
        Moment = "moment",
        /// A length of time between two moments.
        Duration = "duration",
        /// A length of time that was promised.
        Target = "target",
        /// A number of people or things.
        Count = "count",
        /// An amount of money in the smallest unit.
        Money = "money",
        /// A word.
        Word = "word",
    }
}

table! {
    /// A figure kept of each incident.
    pub struct Metric {
        /// What it is called.
        pub name: String,
        /// What it is.
        pub kind: MetricKind,
        /// The moment a duration is counted from.
        pub from: Option<Id>,
        /// The moment a duration is counted to.
        pub until: Option<Id>,
        /// Whether an incident may lack it.
        pub optional: bool = true,
        /// The words it may hold, where they are given.
        pub one_of: Vec<String>,
    }
}

table! {
    /// What is kept of a lesson learned.
    pub struct LessonRecord {
        /// Its blanks.
        pub fields: Vec<String>,
        /// The states it passes through, in order.
        pub states: Vec<String>,
    }
}

table! {
    /// What `reports.toml` holds.
    pub struct Reports {
        /// The post-mortem's sections.
        pub post_mortem: Vec<ReportSection>,
        /// Figures kept of each incident.
        pub metrics: BTreeMap<Id, Metric>,
        /// What is kept of a lesson.
        pub lessons: Option<LessonRecord>,
    }
}
