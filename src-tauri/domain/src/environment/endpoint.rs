//! Endpoints as an environment writes them: a table for each kind, with places to be filled in. What a probe
//! connects to once they are is a [`Target`](super::Target).

use std::collections::BTreeMap;

use serde::Serialize;
use ts_rs::TS;

use crate::plan::{
    id::Id,
    read::{Faults, Node, Read, choice, kinds, table},
};

/// A text with `${name}` places to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export, type = "string")]
pub struct Template(pub(super) String);

impl Template {
    /// The text as written.
    pub fn as_written(&self) -> &str {
        &self.0
    }

    /// The text with its places filled in; names without a value are added to `missing`.
    pub(super) fn fill(&self, values: &BTreeMap<String, String>, missing: &mut Vec<String>) -> String {
        let mut filled = String::new();
        let mut rest = self.0.as_str();
        while let Some(start) = rest.find("${") {
            filled.push_str(&rest[..start]);
            let after = &rest[start + 2..];
            let end = after.find('}').unwrap_or(after.len());
            let name = &after[..end];
            match values.get(name) {
                Some(value) => filled.push_str(value),
                None => missing.push(name.to_owned()),
            }
            rest = after.get(end + 1..).unwrap_or("");
        }
        filled.push_str(rest);
        filled
    }
}

impl Read for Template {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let text = node.text("a text", faults)?;
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(end) = rest[start..].find('}') else {
                node.fault("\"${\" without a closing \"}\"", None, faults);
                return None;
            };
            rest = &rest[start + end + 1..];
        }
        Some(Self(text.to_owned()))
    }
}

choice! {
    /// How a connection is protected.
    pub enum TlsMode {
        /// Encrypted, certificate and name verified.
        VerifyFull = "verify-full",
        /// Plain. Only for loopback and private test networks.
        Off = "off",
    }
}

table! {
    /// An HTTP service.
    pub struct HttpEndpoint {
        /// Scheme, host and port, such as `https://api.example.org`.
        pub url: Template,
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential sent as a bearer token.
        pub credential: Option<Id>,
    }
}

table! {
    /// A host and port.
    pub struct HostEndpoint {
        /// The host's name or address.
        pub host: Template,
        /// The port, in quotes.
        pub port: Template,
        /// The name its certificate has to carry, when it is not the host.
        pub server_name: Option<Template>,
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
    }
}

table! {
    /// A PostgreSQL database.
    pub struct PostgresEndpoint {
        /// The host's name or address.
        pub host: Template,
        /// The port, in quotes.
        pub port: Template = Template("5432".to_owned()),
        /// The database's name.
        pub database: Template,
        /// The role to connect as.
        pub user: Template,
        /// The credential that holds its password.
        pub credential: Option<Id>,
        /// How the connection is protected.
        pub tls: TlsMode = TlsMode::VerifyFull,
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
    }
}

table! {
    /// A bucket of an S3 store.
    pub struct BucketEndpoint {
        /// The store's address; absent means AWS in the region.
        pub url: Option<Template>,
        /// The bucket's name.
        pub bucket: Template,
        /// The region to sign for.
        pub region: Template,
        /// The access key's id, which is not secret.
        pub access_key: Template,
        /// The credential that holds the secret key.
        pub credential: Id,
    }
}

kinds! {
    /// Where something of the plan really is.
    pub enum Endpoint by EndpointKind {
        /// An HTTP service.
        Http(HttpEndpoint) = "http",
        /// A host and port.
        Host(HostEndpoint) = "host",
        /// A PostgreSQL database.
        Postgres(PostgresEndpoint) = "postgres",
        /// A bucket of an S3 store.
        Bucket(BucketEndpoint) = "bucket",
    }
}
