//! Chapters 1 and 2 of a plan: the document, its objectives, classes of impact, functions, systems, stores and
//! providers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    id::Id,
    quantity::{CalendarDate, Percentage, Period},
    read::{Faults, Node, Read, TableReader, choice, table},
};
use crate::{communication::Channel, provider::BreakerRule};

table! {
    /// Document control, as auditors ask for it.
    pub struct Document {
        /// The document's number.
        pub id: String,
        /// Its title.
        pub title: String,
        /// The platform it is about.
        pub platform: String,
        /// Its version.
        pub version: String,
        /// When it was last changed.
        pub updated: CalendarDate,
        /// When it has to be reviewed next.
        pub next_review: CalendarDate,
        /// Who keeps it.
        pub owner: String,
        /// Who may read it.
        pub classification: String,
        /// Who approved it.
        pub approved_by: Vec<String>,
        /// The standard it follows.
        pub standard: Option<String>,
        /// What it is for.
        pub purpose: Option<String>,
        /// What it covers.
        pub scope: Vec<String>,
    }
}

table! {
    /// A length of time wanted, and the longest that can be borne.
    pub struct PeriodObjective {
        /// Wanted.
        pub target: Period,
        /// The longest that can be borne.
        pub tolerable: Period,
    }
}

table! {
    /// A share of time wanted, and the least that can be borne.
    pub struct ShareObjective {
        /// Wanted.
        pub target: Percentage,
        /// The least that can be borne.
        pub tolerable: Percentage,
    }
}

table! {
    /// Recovery objectives of the whole platform (runbook 1.3).
    pub struct Objectives {
        /// Recovery time objective: disruption to service restored.
        pub rto: PeriodObjective,
        /// Recovery point objective: age of the newest data that survives.
        pub rpo: PeriodObjective,
        /// Share of time the service is there.
        pub availability: ShareObjective,
        /// Transactions that may be lost, where the document states it beside the RPO.
        pub data_loss: Option<PeriodObjective>,
    }
}

table! {
    /// A class of business impact (runbook 1.4). The lower the rank, the earlier it is brought back.
    pub struct Tier {
        /// What it is called.
        pub name: String,
        /// Order of recovery, from 1.
        pub rank: u32,
        /// Its own recovery time objective, where it differs from the platform's.
        pub rto: Option<Period>,
        /// Its own recovery point objective, where it differs from the platform's.
        pub rpo: Option<Period>,
    }
}

table! {
    /// A business function: what customers and staff do.
    pub struct Function {
        /// What it is called.
        pub name: String,
        /// Its class of impact.
        pub tier: Id,
        /// Who answers for it.
        pub owner: Option<String>,
        /// Without these it does not work.
        pub requires: Vec<Id>,
        /// Without these it works less well.
        pub uses: Vec<Id>,
        /// Its own recovery time objective.
        pub rto: Option<Period>,
    }
}

table! {
    /// A system of ours (runbook 2.1).
    pub struct System {
        /// What it is called.
        pub name: String,
        /// Who runs it.
        pub provider: Option<Id>,
        /// Where it runs.
        pub region: Option<String>,
        /// Whether the document says it spans availability zones.
        pub multi_az: bool = false,
    }
}

choice! {
    /// Recovery priorities of data stores (runbook 2.2).
    pub enum Priority {
        /// First.
        P0 = "P0",
        /// Second.
        P1 = "P1",
        /// Third.
        P2 = "P2",
        /// Last.
        P3 = "P3",
    }
}

table! {
    /// How often a copy of a store is made.
    pub struct BackupPromise {
        /// What is made, such as `WAL` or `full`.
        pub what: String,
        /// How often; absent means all the time.
        pub every: Option<Period>,
    }
}

table! {
    /// A data store (runbook 2.2).
    pub struct Store {
        /// What it is called.
        pub name: String,
        /// What is in it.
        pub holds: String,
        /// The order it is recovered in.
        pub priority: Priority,
        /// Who runs it.
        pub provider: Option<Id>,
        /// Where it is.
        pub region: Option<String>,
        /// What the document promises of its copies.
        pub backups: Vec<BackupPromise>,
    }
}

table! {
    /// What is done when a provider fails.
    pub struct Fallback {
        /// What is done.
        pub what: String,
        /// The provider used instead, where there is one.
        pub provider: Option<Id>,
        /// The channel messages take instead, where there is one.
        pub channel: Option<Channel>,
        /// How long it takes at best.
        pub at_best: Period,
        /// How long it takes at worst.
        pub at_worst: Period,
    }
}

table! {
    /// An outside provider (runbook 2.3).
    pub struct Provider {
        /// What it is called.
        pub name: String,
        /// What it does for us.
        pub service: String,
        /// What is done when it fails.
        pub fallback: Option<Fallback>,
        /// When it is no longer asked, and when it is tried again (runbook 4.2.2). Its checks go on asking.
        pub breaker: Option<BreakerRule>,
    }
}

/// What `plan.toml` holds.
#[derive(Debug, Serialize)]
pub(super) struct Platform {
    pub(super) document: Document,
    pub(super) objectives: Objectives,
    pub(super) tiers: BTreeMap<Id, Tier>,
    pub(super) functions: BTreeMap<Id, Function>,
    pub(super) systems: BTreeMap<Id, System>,
    pub(super) stores: BTreeMap<Id, Store>,
    pub(super) providers: BTreeMap<Id, Provider>,
}

impl Read for Platform {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let mut reader = TableReader::open(node, faults)?;
        faults.describe("Who the plan belongs to, what must be back by when, and what depends on what.");
        let document = reader.field("document", None, faults);
        let objectives = reader.field("objectives", None, faults);
        let tiers = reader.described_field("tiers", "Classes of impact.", None, faults);
        let functions = reader.described_field("functions", "Business functions.", None, faults);
        let systems = reader.described_field("systems", "Systems of ours.", None, faults);
        let stores = reader.described_field("stores", "Data stores.", None, faults);
        let providers = reader.described_field("providers", "Outside providers.", None, faults);
        let whole = reader.finish(faults);
        let platform = Self {
            document: document?,
            objectives: objectives?,
            tiers: tiers?,
            functions: functions?,
            systems: systems?,
            stores: stores?,
            providers: providers?,
        };
        whole.then_some(platform)
    }
}
