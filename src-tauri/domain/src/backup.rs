//! Copies of the stores as the plan promises them (runbook 3): which sets are made, what providers really offer, and
//! the questions whose answers prove that a copy is whole.
//!
//! Making and reading copies back is not here; this only says what has been promised.

use std::collections::BTreeMap;

use crate::plan::{
    id::Id,
    quantity::{CalendarDate, Period},
    read::{choice, table},
};

choice! {
    /// How a copy is made.
    pub enum BackupMethod {
        /// The provider copies the whole store at once.
        Snapshot = "snapshot",
        /// A logical dump of the database.
        Dump = "dump",
        /// The log is kept, so that any moment can be returned to.
        PointInTime = "point-in-time",
        /// Objects or files are copied one by one.
        Copy = "copy",
        /// Changes are repeated elsewhere as they happen, mistakes and deletions included.
        Replication = "replication",
    }
}

choice! {
    /// How far a copy is tried after it was made.
    pub enum Proof {
        /// Not at all.
        Nothing = "nothing",
        /// Its list of contents is read.
        Contents = "contents",
        /// A small part is read.
        Sample = "sample",
        /// Every byte is read.
        Read = "read",
        /// It is restored and questioned.
        Restore = "restore",
    }
}

table! {
    /// A set of copies.
    pub struct BackupSet {
        /// What it is called.
        pub name: String,
        /// The stores it is a copy of.
        pub of: Vec<Id>,
        /// How it is made.
        pub method: BackupMethod,
        /// How often; absent means all the time.
        pub every: Option<Period>,
        /// How long a copy is kept; absent means that nobody has said.
        pub keep: Option<Period>,
        /// The provider that makes it; absent means that we do.
        pub provider: Option<Id>,
        /// Where it lies: a region, a bucket, a folder.
        pub stored: Option<String>,
        /// The region it is repeated to.
        pub copied_to: Option<String>,
        /// Only these tables, where it is not the whole store.
        pub tables: Vec<String>,
        /// Whether it holds the structure only, without data.
        pub structure_only: bool = false,
        /// How it is encrypted.
        pub encryption: Option<String>,
        /// How far each copy is tried.
        pub proof: Proof = Proof::Nothing,
        /// Where the runbook says so.
        pub section: Option<String>,
    }
}

table! {
    /// What a provider's edition offers.
    pub struct Edition {
        /// What the provider calls it.
        pub name: String,
        /// How long daily copies are kept.
        pub daily: Option<Period>,
        /// How far back any moment can be returned to.
        pub point_in_time: Option<Period>,
    }
}

table! {
    /// What a provider offers, from its own pages rather than from the runbook.
    pub struct ProviderOffer {
        /// The provider.
        pub provider: Id,
        /// Where it says so.
        pub source: String,
        /// When that was last read.
        pub checked: Option<CalendarDate>,
        /// What can be had.
        pub editions: Vec<Edition>,
        /// Whether daily copies end when point-in-time recovery begins.
        pub point_in_time_ends_daily: bool = false,
        /// The most a point-in-time recovery loses.
        pub point_in_time_loses: Option<Period>,
        /// Whether copies can be repeated to another region.
        pub other_regions: bool = false,
        /// Stores its database copies never contain.
        pub leaves_out: Vec<Id>,
    }
}

choice! {
    /// When an integrity question is asked.
    pub enum AskedWhen {
        /// Every day, of the live database.
        Daily = "daily",
        /// In an incident, to see how far the damage goes.
        Incident = "incident",
        /// Of a restored copy, before it is used.
        Restored = "restored",
    }
}

table! {
    /// A question to a database that tells whether its data is whole.
    pub struct IntegrityQuery {
        /// What it is called.
        pub name: String,
        /// The store asked.
        pub of: Id,
        /// When it is asked.
        pub asked: Vec<AskedWhen>,
        /// The query; it is run in a read-only transaction.
        pub query: String,
        /// The one right answer (first row, first column, as text); absent means that somebody has to judge.
        pub is: Option<String>,
        /// The least right answer, where it is a number.
        pub at_least: Option<i64>,
        /// What another answer means.
        pub means: Option<String>,
        /// Where the runbook says so.
        pub section: Option<String>,
    }
}

table! {
    /// What `backups.toml` holds.
    pub struct Backups {
        /// Sets of copies.
        pub sets: BTreeMap<Id, BackupSet>,
        /// What providers offer.
        pub offers: BTreeMap<Id, ProviderOffer>,
        /// Questions that prove data whole.
        pub queries: BTreeMap<Id, IntegrityQuery>,
    }
}
