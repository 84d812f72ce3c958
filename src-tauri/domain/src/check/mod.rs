//! Checks: what the plan asks of the live platform, and what an answer means.
//!
//! A probe (in the engine) only observes; the verdict is decided here. "Could not check" is a verdict of its
//! own: it is never shown as good, and never as down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::plan::{
    id::Id,
    quantity::Period,
    read::{Faults, Node, Read, TableReader, choice},
};

pub mod judge;
mod probe;
pub mod redact;
mod rules;

pub use self::probe::{
    Expectation, Feed, HttpProbe, Method, ObjectNewestProbe, Otherwise, PostgresArchiveProbe, PostgresProbe,
    PostgresReplicationProbe, Probe, ProbeKind, Question, StatusPageProbe, TcpProbe, TlsProbe,
};

choice! {
    /// What one sample says.
    pub enum Verdict {
        /// Everything asked for was there.
        Operational = "operational",
        /// It works, but not as the plan wants it.
        Degraded = "degraded",
        /// It does not work.
        Outage = "outage",
        /// It could not be checked, so nothing is known.
        Unknown = "unknown",
    }
}

impl Verdict {
    /// How bad it is when several are summed up: outage, degraded, unknown, operational. Unknown outweighs
    /// operational, because what is not known is never shown as good.
    pub const fn weight(self) -> u8 {
        match self {
            Self::Operational => 0,
            Self::Unknown => 1,
            Self::Degraded => 2,
            Self::Outage => 3,
        }
    }
}

/// A check as the plan states it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Check {
    /// What it is called on the board.
    pub name: String,
    /// The function, system, store or provider it tells of.
    pub of: Id,
    /// What it means when it fails, for somebody woken by it.
    pub why: Option<String>,
    /// Time from one start to the next.
    pub interval: Period,
    /// The whole probe has to end within this.
    pub timeout: Period,
    /// Samples in a row before health changes for the worse.
    pub failures: u32,
    /// While suspect: time to the confirming sample.
    pub retry: Period,
    /// Slower than this is degraded.
    pub slow: Option<Period>,
    /// What it does.
    pub probe: Probe,
}

impl Read for Check {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let mut reader = TableReader::open(node, faults)?;
        let check = Self::read_from(&mut reader, faults);
        reader.finish(faults).then_some(check).flatten()
    }
}

impl Check {
    fn read_from(reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let name = reader.field("name", None, faults);
        let of = reader.field("of", None, faults);
        let why = reader.field("why", None, faults);
        let interval = reader.field("interval", Some(Period::from_secs(30)), faults);
        let timeout = reader.field("timeout", Some(Period::from_secs(5)), faults);
        let failures = reader.field("failures", Some(3), faults);
        let retry = reader.field("retry", Some(Period::from_secs(5)), faults);
        let slow = reader.field("slow", None, faults);
        let probe = Probe::read_from(reader, faults);
        let check = Self {
            name: name?,
            of: of?,
            why: why?,
            interval: interval?,
            timeout: timeout?,
            failures: failures?,
            retry: retry?,
            slow: slow?,
            probe: probe?,
        };
        rules::judge(&check, reader, faults);
        Some(check)
    }
}

/// A number taken while checking, kept for charts and evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Measurement {
    /// What was measured, such as `bytes behind`.
    pub name: String,
    /// How much.
    pub value: f64,
    /// In what, such as `bytes`, `s`, `days`.
    pub unit: String,
}

choice! {
    /// Where the fault lies that kept a probe from an answer.
    pub enum FaultClass {
        /// In what this computer or the plan lacks.
        Local = "local",
        /// In this computer's network, as the guard found; see `status::network`.
        OwnNetwork = "own-network",
        /// On the way: the name or the way to the host was not found.
        Network = "network",
        /// Nobody answered in time: the way, or the other side.
        Silent = "silent",
        /// At the other side, which was reached.
        Remote = "remote",
    }
}

/// What one probe found, already judged. Never an error: a probe that could not work is `unknown`.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one line: lower case, no full stop, numbers with units.
    pub reason: String,
    /// What was measured beside the time it took.
    pub measurements: Vec<Measurement>,
    /// The answer as kept for evidence: redacted, at most 4 KiB. Only kept when the verdict is not operational.
    pub answer: Option<String>,
    /// Where the fault lies when there was no answer to judge.
    pub fault: Option<FaultClass>,
}

/// One result of one check: local telemetry, not evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Sample {
    /// When the probe was started.
    pub at: DateTime<Utc>,
    /// How long it took, from the monotonic clock.
    pub latency_ms: f64,
    /// What it says.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What was measured.
    pub measurements: Vec<Measurement>,
    /// The failing answer, redacted and bounded.
    pub answer: Option<String>,
    /// Where the fault lies when there was no answer to judge; not kept for longer than the latest sample.
    #[serde(default)]
    pub fault: Option<FaultClass>,
}

/// Checks by name, as the plan has them.
pub type Checks = BTreeMap<Id, Check>;
