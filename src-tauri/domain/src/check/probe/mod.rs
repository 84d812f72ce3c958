//! The kinds of check, and what each of them asks. One file a family; a new kind is one line of `kinds!`, its table,
//! its endpoints, its judge and its probe in the engine.

use super::Verdict;
use crate::plan::{
    id::Id,
    read::{choice, kinds},
};

mod bucket;
mod folder;
mod heartbeat;
mod http;
mod journey;
mod name;
mod network;
mod object;
mod plugin;
mod postgres;
mod query;
mod status_page;
mod vendor;

pub use self::{
    bucket::{
        BucketAspect, BucketAspectKind, BucketExpectation, BucketProbe, EncryptionExpectation, LifecycleExpectation,
        LockMode, ObjectLockExpectation, PublicAccessExpectation, PublicSwitch, RegionExpectation,
        ReplicationExpectation, VersioningExpectation,
    },
    folder::{FileNewestProbe, WithoutFolder},
    heartbeat::HeartbeatProbe,
    http::{Expectation, HttpProbe, Method},
    journey::{Capture, JourneyProbe, JourneyStep, StepMethod},
    name::{DnsProbe, RecordType},
    network::{TcpProbe, TlsProbe},
    object::{ObjectNewestProbe, ObjectSampleProbe},
    plugin::PluginProbe,
    postgres::{PostgresArchiveProbe, PostgresProbe, PostgresReplicationProbe, Question},
    query::{PostgresSizeProbe, SqlProbe, Wanted},
    status_page::{Feed, StatusPageProbe},
    vendor::VendorProbe,
};

pub(crate) use self::journey::{CREDENTIAL, RUN};

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

kinds! {
    /// What a check does.
    pub enum Probe by ProbeKind {
        /// One HTTP request.
        Http(HttpProbe) = "http",
        /// Several HTTP requests, one after the other.
        Journey(JourneyProbe) = "journey",
        /// A monitoring plug-in.
        Plugin(PluginProbe) = "plugin",
        /// A job that reports by itself.
        Heartbeat(HeartbeatProbe) = "heartbeat",
        /// A TCP connection.
        Tcp(TcpProbe) = "tcp",
        /// A TLS certificate.
        Tls(TlsProbe) = "tls",
        /// A PostgreSQL server.
        Postgres(PostgresProbe) = "postgres",
        /// A PostgreSQL standby.
        PostgresReplication(PostgresReplicationProbe) = "postgres-replication",
        /// A PostgreSQL log archive.
        PostgresArchive(PostgresArchiveProbe) = "postgres-archive",
        /// The size of a PostgreSQL database.
        PostgresSize(PostgresSizeProbe) = "postgres-size",
        /// A query and its expected answer.
        Sql(SqlProbe) = "sql",
        /// The newest object of a bucket.
        ObjectNewest(ObjectNewestProbe) = "object-newest",
        /// A name.
        Dns(DnsProbe) = "dns",
        /// A bucket's settings.
        Bucket(BucketProbe) = "bucket",
        /// Objects of a bucket against the database's rows.
        ObjectSample(ObjectSampleProbe) = "object-sample",
        /// The newest file of a folder.
        FileNewest(FileNewestProbe) = "file-newest",
        /// A provider's status page.
        StatusPage(StatusPageProbe) = "status-page",
        /// How we stand with a vendor.
        Vendor(VendorProbe) = "vendor",
    }
}

impl Probe {
    /// Whether it signs in with the credential of its endpoints.
    pub fn signs_in(&self) -> bool {
        match self {
            Self::Http(_)
            | Self::Postgres(_)
            | Self::PostgresReplication(_)
            | Self::PostgresArchive(_)
            | Self::PostgresSize(_)
            | Self::Sql(_)
            | Self::ObjectNewest(_)
            | Self::Bucket(_)
            | Self::ObjectSample(_)
            | Self::Vendor(_) => true,
            Self::Journey(probe) => probe.needs_credential(),
            Self::Plugin(probe) => probe.credential_variable.is_some(),
            Self::Heartbeat(_)
            | Self::Tcp(_)
            | Self::Tls(_)
            | Self::Dns(_)
            | Self::FileNewest(_)
            | Self::StatusPage(_) => false,
        }
    }

    /// The endpoints it needs, by key in the plan.
    pub fn endpoints(&self) -> Vec<(&'static str, &Id)> {
        match self {
            Self::Http(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Journey(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Plugin(probe) => probe.endpoint.iter().map(|endpoint| ("endpoint", endpoint)).collect(),
            Self::Heartbeat(_) => Vec::new(),
            Self::Tcp(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Tls(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Postgres(probe) => vec![("endpoint", &probe.endpoint)],
            Self::PostgresReplication(probe) => vec![("endpoint", &probe.endpoint), ("primary", &probe.primary)],
            Self::PostgresArchive(probe) => vec![("endpoint", &probe.endpoint)],
            Self::PostgresSize(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Sql(probe) => vec![("endpoint", &probe.endpoint)],
            Self::ObjectNewest(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Dns(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Bucket(probe) => vec![("endpoint", &probe.endpoint)],
            Self::ObjectSample(probe) => vec![("endpoint", &probe.endpoint), ("database", &probe.database)],
            Self::FileNewest(probe) => vec![("endpoint", &probe.endpoint)],
            Self::StatusPage(probe) => vec![("endpoint", &probe.endpoint)],
            Self::Vendor(probe) => vec![("endpoint", &probe.endpoint)],
        }
    }
}
