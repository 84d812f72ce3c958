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
    quantity::{Period, Size},
    read::{Faults, Node, Read, TableReader, choice, table},
};

pub mod judge;
pub mod redact;
mod rules;

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

choice! {
    /// The verdict of a condition that does not hold.
    pub enum Otherwise {
        /// The check is degraded.
        Degraded = "degraded",
        /// The check is an outage.
        Outage = "outage",
    }
}

impl From<Otherwise> for Verdict {
    fn from(otherwise: Otherwise) -> Self {
        match otherwise {
            Otherwise::Degraded => Self::Degraded,
            Otherwise::Outage => Self::Outage,
        }
    }
}

choice! {
    /// The HTTP methods a check may use; a check never changes anything.
    pub enum Method {
        /// Ask for the resource.
        Get = "GET",
        /// Ask for the headers only.
        Head = "HEAD",
    }
}

table! {
    /// One expectation of an answer. It names one subject (`status`, `json` or `text`); `json` also takes one
    /// comparison. Without any `status` expectation, 200 to 299 is expected.
    pub struct Expectation {
        /// The statuses that are fine.
        pub status: Vec<u16>,
        /// A JSONPath (RFC 9535) into the body, such as `$.database.status`.
        pub json: Option<String>,
        /// A text the body has to contain.
        pub text: Option<String>,
        /// The JSON value has to equal this.
        pub is: Option<serde_json::Value>,
        /// The JSON value must differ from this.
        pub is_not: Option<serde_json::Value>,
        /// The JSON value has to be one of these.
        pub one_of: Vec<serde_json::Value>,
        /// The JSON value has to be a number up to this.
        pub at_most: Option<f64>,
        /// The JSON value has to be a number from this.
        pub at_least: Option<f64>,
        /// The verdict when it does not hold.
        pub otherwise: Otherwise = Otherwise::Outage,
    }
}

table! {
    /// `http`: one request, judged by status, body and time.
    pub struct HttpProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// The path below the endpoint's address.
        pub path: String = "/".to_owned(),
        /// How to ask.
        pub method: Method = Method::Get,
        /// Headers to send; never secrets, those belong to the endpoint's credential.
        pub headers: BTreeMap<String, String>,
        /// What the answer has to be.
        pub expect: Vec<Expectation>,
    }
}

table! {
    /// `tcp`: a connection is accepted.
    pub struct TcpProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
    }
}

table! {
    /// `tls`: the certificate is trusted, fits the name and lasts.
    pub struct TlsProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// Degraded when the certificate ends sooner than this.
        pub expires_after: Period = Period::from_secs(14 * 86_400),
    }
}

table! {
    /// A question to a database with its one expected answer (first row, first column, as text).
    pub struct Question {
        /// The query; it is run in a read-only transaction.
        pub query: String,
        /// The answer expected.
        pub is: String,
        /// What another answer means, in words for the board.
        pub means: String,
        /// The verdict of another answer.
        pub otherwise: Otherwise = Otherwise::Outage,
    }
}

table! {
    /// `postgres`: connects, reads, and, where asked, proves that a write is made durable.
    pub struct PostgresProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// Whether to write a record to the log and have it flushed. Touches no table.
        pub write: bool = false,
        /// Questions whose answers the plan knows.
        pub questions: Vec<Question>,
    }
}

table! {
    /// `postgres-replication`: the standby streams, and is not far behind.
    pub struct PostgresReplicationProbe {
        /// The standby's endpoint.
        pub endpoint: Id,
        /// The primary's endpoint, so that bytes behind can be told from the primary's own position.
        pub primary: Id,
        /// Degraded when further behind than this.
        pub degraded_behind: Period = Period::from_secs(60),
        /// Outage when further behind than this.
        pub outage_behind: Period = Period::from_secs(3_600),
        /// Degraded when more bytes are missing than this.
        pub degraded_bytes: Size = Size::from_bytes(64 << 20),
    }
}

table! {
    /// `postgres-archive`: finished log segments reach the archive.
    pub struct PostgresArchiveProbe {
        /// The primary's endpoint.
        pub endpoint: Id,
        /// Outage when written log has waited for the archive longer than this.
        pub max_age: Period,
    }
}

table! {
    /// `object-newest`: the newest object under a prefix, over all pages, is young and large enough.
    pub struct ObjectNewestProbe {
        /// The bucket's endpoint.
        pub endpoint: Id,
        /// Only objects whose key begins so.
        pub prefix: String = String::new(),
        /// Only objects whose key ends so.
        pub suffix: String = String::new(),
        /// Outage when the newest is older than this.
        pub max_age: Period,
        /// Degraded when the newest is older than this.
        pub degraded_age: Option<Period>,
        /// Outage when the newest is smaller than this: an empty backup is no backup.
        pub min_size: Size = Size::from_bytes(1),
    }
}

choice! {
    /// The shape of a provider's status feed.
    pub enum Feed {
        /// Statuspage v2: `/api/v2/summary.json`.
        Statuspage = "statuspage",
        /// Stripe: `/current/full`.
        Stripe = "stripe",
        /// Google: `/incidents.json`.
        Google = "google",
        /// Slack: `/api/v2.0.0/current`.
        Slack = "slack",
    }
}

table! {
    /// `status-page`: what a provider says of itself. Never enough alone to decide a restore.
    pub struct StatusPageProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// The feed's shape.
        pub feed: Feed = Feed::Statuspage,
        /// Only these components of the page, by name; empty means the page's own sum.
        pub components: Vec<String>,
    }
}

/// What a check does.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[ts(export)]
pub enum Probe {
    /// One HTTP request.
    Http(HttpProbe),
    /// A TCP connection.
    Tcp(TcpProbe),
    /// A TLS certificate.
    Tls(TlsProbe),
    /// A PostgreSQL server.
    Postgres(PostgresProbe),
    /// A PostgreSQL standby.
    PostgresReplication(PostgresReplicationProbe),
    /// A PostgreSQL log archive.
    PostgresArchive(PostgresArchiveProbe),
    /// The newest object of a bucket.
    ObjectNewest(ObjectNewestProbe),
    /// A provider's status page.
    StatusPage(StatusPageProbe),
}

choice! {
    /// The kinds of check.
    pub enum ProbeKind {
        /// See [`HttpProbe`].
        Http = "http",
        /// See [`TcpProbe`].
        Tcp = "tcp",
        /// See [`TlsProbe`].
        Tls = "tls",
        /// See [`PostgresProbe`].
        Postgres = "postgres",
        /// See [`PostgresReplicationProbe`].
        PostgresReplication = "postgres-replication",
        /// See [`PostgresArchiveProbe`].
        PostgresArchive = "postgres-archive",
        /// See [`ObjectNewestProbe`].
        ObjectNewest = "object-newest",
        /// See [`StatusPageProbe`].
        StatusPage = "status-page",
    }
}

impl Probe {
    /// Its kind.
    pub const fn kind(&self) -> ProbeKind {
        match self {
            Self::Http(_) => ProbeKind::Http,
            Self::Tcp(_) => ProbeKind::Tcp,
            Self::Tls(_) => ProbeKind::Tls,
            Self::Postgres(_) => ProbeKind::Postgres,
            Self::PostgresReplication(_) => ProbeKind::PostgresReplication,
            Self::PostgresArchive(_) => ProbeKind::PostgresArchive,
            Self::ObjectNewest(_) => ProbeKind::ObjectNewest,
            Self::StatusPage(_) => ProbeKind::StatusPage,
        }
    }

    /// The endpoints it needs, by key in the plan.
    pub fn endpoints(&self) -> Vec<(&'static str, &Id)> {
        match self {
            Self::Http(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Tcp(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Tls(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Postgres(probe) => vec![("endpoint", &probe.endpoint)],
            Self::PostgresReplication(probe) => vec![("endpoint", &probe.endpoint), ("primary", &probe.primary)],
            Self::PostgresArchive(probe) => vec![("endpoint", &probe.endpoint)],
            Self::ObjectNewest(probe) => vec![("endpoint", &probe.endpoint)],
            Self::StatusPage(probe) => vec![("endpoint", &probe.endpoint)],
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
        let kind: Option<ProbeKind> = reader.field("kind", None, faults);
        let check = Self::read_from(&mut reader, kind, faults);
        // Without a kind its keys cannot be told from unknown ones; the missing kind is fault enough.
        let whole = kind.is_some() && reader.finish(faults);
        check.filter(|_| whole)
    }
}

impl Check {
    fn read_from(reader: &mut TableReader<'_, '_>, kind: Option<ProbeKind>, faults: &mut Faults<'_>) -> Option<Self> {
        let name = reader.field("name", None, faults);
        let of = reader.field("of", None, faults);
        let why = reader.field("why", None, faults);
        let interval = reader.field("interval", Some(Period::from_secs(30)), faults);
        let timeout = reader.field("timeout", Some(Period::from_secs(5)), faults);
        let failures = reader.field("failures", Some(3), faults);
        let retry = reader.field("retry", Some(Period::from_secs(5)), faults);
        let slow = reader.field("slow", None, faults);
        let probe = kind.and_then(|kind| match kind {
            ProbeKind::Http => HttpProbe::read_from(reader, faults).map(Probe::Http),
            ProbeKind::Tcp => TcpProbe::read_from(reader, faults).map(Probe::Tcp),
            ProbeKind::Tls => TlsProbe::read_from(reader, faults).map(Probe::Tls),
            ProbeKind::Postgres => PostgresProbe::read_from(reader, faults).map(Probe::Postgres),
            ProbeKind::PostgresReplication => {
                PostgresReplicationProbe::read_from(reader, faults).map(Probe::PostgresReplication)
            }
            ProbeKind::PostgresArchive => PostgresArchiveProbe::read_from(reader, faults).map(Probe::PostgresArchive),
            ProbeKind::ObjectNewest => ObjectNewestProbe::read_from(reader, faults).map(Probe::ObjectNewest),
            ProbeKind::StatusPage => StatusPageProbe::read_from(reader, faults).map(Probe::StatusPage),
        });
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
}

/// Checks by name, as the plan has them.
pub type Checks = BTreeMap<Id, Check>;
