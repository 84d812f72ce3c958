//! Law and regulators as the plan states them (runbook 8): the record of a recovery, where data may go, and who has
//! to be told by when.
//!
//! Judging a real incident is not here, and nothing here is legal advice.

use std::collections::BTreeMap;

use crate::{
    communication::Severity,
    plan::{
        id::Id,
        quantity::{CalendarDate, Period},
        read::{choice, table},
    },
};

choice! {
    /// The lawful bases of GDPR Article 6(1).
    pub enum LegalBasis {
        /// (a) The person agreed.
        Consent = "consent",
        /// (b) A contract with the person needs it.
        Contract = "contract",
        /// (c) The law demands it.
        LegalObligation = "legal-obligation",
        /// (d) Somebody's life is at stake.
        VitalInterests = "vital-interests",
        /// (e) A public task needs it.
        PublicTask = "public-task",
        /// (f) We, or others, have good reason.
        LegitimateInterests = "legitimate-interests",
    }
}

table! {
    /// What is recorded when personal data is recovered (runbook 8.1.1).
    pub struct RecoveryAudit {
        /// The event's name in the record.
        pub event: String,
        /// The basis it claims.
        pub legal_basis: LegalBasis,
        /// What is recorded.
        pub fields: Vec<String>,
        /// Who is told.
        pub tell: Vec<Id>,
        /// Only when one of these kinds of data is touched.
        pub categories: Vec<String>,
    }
}

table! {
    /// A list of countries as it stood on a day.
    pub struct CountryList {
        /// The day it was true.
        pub version: CalendarDate,
        /// Where it was read.
        pub source: String,
        /// Country codes (ISO 3166-1 alpha-2).
        pub countries: Vec<String>,
    }
}

table! {
    /// A region data can be recovered to.
    pub struct Region {
        /// Who names it so.
        pub provider: Option<Id>,
        /// The country it lies in (ISO 3166-1 alpha-2).
        pub country: String,
    }
}

table! {
    /// Where which data may be recovered to (runbook 8.1.2).
    pub struct Residency {
        /// Kinds of data that have to stay.
        pub categories: Vec<String>,
        /// Places allowed, as the runbook writes them.
        pub allowed: Vec<String>,
        /// The European Economic Area.
        pub eea: Option<CountryList>,
        /// Countries with an adequacy decision.
        pub adequate: Option<CountryList>,
        /// Regions and the country each lies in.
        pub regions: BTreeMap<Id, Region>,
    }
}

choice! {
    /// The moment a deadline is counted from.
    pub enum ClockStart {
        /// The harm began.
        Disruption = "disruption",
        /// A check or a person noticed something.
        Detection = "detection",
        /// We were reasonably certain.
        Awareness = "awareness",
        /// Somebody asked the program, so the deadline moves each time.
        Asking = "asking",
    }
}

table! {
    /// A rule of law.
    pub struct Law {
        /// What it is called.
        pub name: String,
        /// The latest a report may come.
        pub within: Period,
        /// Counted from.
        pub clock: ClockStart,
        /// What the report has to say.
        pub contents: Vec<String>,
        /// Where it was read.
        pub source: String,
    }
}

table! {
    /// A report owed to regulators (runbook 8.2.1).
    pub struct Obligation {
        /// What it is called.
        pub name: String,
        /// What sets it off.
        pub trigger: String,
        /// Who is told.
        pub authorities: Vec<String>,
        /// The latest it may come.
        pub within: Period,
        /// Counted from.
        pub clock: ClockStart,
        /// Only from this severity on, as the runbook has it.
        pub severity: Option<Severity>,
        /// Only then, in words.
        pub conditions: Vec<String>,
        /// The law behind it.
        pub law: Option<Id>,
        /// What has to be at hand.
        pub evidence: Vec<String>,
    }
}

table! {
    /// What `compliance.toml` holds.
    pub struct Compliance {
        /// The record of a recovery.
        pub audit: Option<RecoveryAudit>,
        /// Where data may go.
        pub residency: Option<Residency>,
        /// Rules of law.
        pub laws: BTreeMap<Id, Law>,
        /// Reports owed to regulators.
        pub obligations: BTreeMap<Id, Obligation>,
    }
}
