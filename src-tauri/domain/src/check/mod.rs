//! Checks: what the plan asks of the live platform, and what an answer means.
//!
//! A probe (in the engine) only observes; the verdict is decided here. "Could not check" is a verdict of its
//! own: it is never shown as good, and never as down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use self::judge::CouldNot;
use crate::{
    environment::EnvironmentKind,
    plan::{
        id::Id,
        quantity::Period,
        read::{choice, table},
    },
};

pub mod judge;
mod probe;
pub mod redact;
mod rules;

pub use self::probe::{
    BucketAspect, BucketAspectKind, BucketExpectation, BucketProbe, Capture, DnsProbe, EncryptionExpectation,
    Expectation, Feed, FileNewestProbe, HeartbeatProbe, HttpProbe, JourneyProbe, JourneyStep, LifecycleExpectation,
    LockMode, Method, ObjectLockExpectation, ObjectNewestProbe, ObjectSampleProbe, Otherwise, PluginProbe,
    PostgresArchiveProbe, PostgresProbe, PostgresReplicationProbe, PostgresSizeProbe, Probe, ProbeKind,
    PublicAccessExpectation, PublicSwitch, Question, RecordType, RegionExpectation, ReplicationExpectation, SqlProbe,
    StatusPageProbe, StepMethod, TcpProbe, TlsProbe, VendorProbe, VersioningExpectation, Wanted, WithoutFolder,
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

table! {
    /// A check as the plan states it.
    pub struct Check {
        /// What it is called on the board.
        pub name: String,
        /// The function, system, store or provider it tells of.
        pub of: Id,
        /// What it means when it fails, for somebody woken by it.
        pub why: Option<String>,
        /// Time from one start to the next.
        pub interval: Period = Period::from_secs(30),
        /// The whole probe has to end within this.
        pub timeout: Period = Period::from_secs(5),
        /// Samples in a row before health changes for the worse.
        pub failures: u32 = 3,
        /// While suspect: time to the confirming sample.
        pub retry: Period = Period::from_secs(5),
        /// Slower than this is degraded.
        pub slow: Option<Period>,
    }
    with {
        /// What it does.
        pub probe: Probe,
    }
    judged by rules::judge
}

impl Check {
    /// What keeps it from being made in an environment of this kind, if anything does.
    pub fn refused_in(&self, kind: EnvironmentKind) -> Option<CouldNot> {
        match (&self.probe, kind) {
            (Probe::Journey(journey), EnvironmentKind::Production) if !journey.production => {
                let words = "not made: it changes things, and the plan does not say that it may in production";
                Some(CouldNot::Local(words.to_owned()))
            }
            _ => None,
        }
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
