//! Environments: the same plan bound to other places.
//!
//! The plan says `primary-database`; an environment says which host, which credential handle. Values that are
//! only known on this computer, such as the ports of a practice range, stand as `${name}` and are filled in
//! from a file beside the journal. An environment holds handles of credentials, never credentials.

pub mod address;

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use ts_rs::TS;

use crate::plan::{
    id::Id,
    quantity::Period,
    read::{Faults, Node, Read, TableReader, choice, table},
};

choice! {
    /// What a mistake in this environment would cost.
    pub enum EnvironmentKind {
        /// Customers are on it.
        Production = "production",
        /// A copy for trying things.
        Staging = "staging",
        /// A practice range on this computer.
        Range = "range",
    }
}

/// A text with `${name}` places to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export, type = "string")]
pub struct Template(String);

impl Template {
    /// The text as written.
    pub fn as_written(&self) -> &str {
        &self.0
    }

    fn fill(&self, values: &BTreeMap<String, String>, missing: &mut Vec<String>) -> String {
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
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
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
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
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
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
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
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

/// Where something of the plan really is.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[ts(export)]
pub enum Endpoint {
    /// An HTTP service.
    Http(HttpEndpoint),
    /// A host and port.
    Host(HostEndpoint),
    /// A PostgreSQL database.
    Postgres(PostgresEndpoint),
    /// A bucket of an S3 store.
    Bucket(BucketEndpoint),
}

choice! {
    /// The kinds of endpoint.
    pub enum EndpointKind {
        /// See [`HttpEndpoint`].
        Http = "http",
        /// See [`HostEndpoint`].
        Host = "host",
        /// See [`PostgresEndpoint`].
        Postgres = "postgres",
        /// See [`BucketEndpoint`].
        Bucket = "bucket",
    }
}

impl Endpoint {
    /// Its kind.
    pub const fn kind(&self) -> EndpointKind {
        match self {
            Self::Http(_) => EndpointKind::Http,
            Self::Host(_) => EndpointKind::Host,
            Self::Postgres(_) => EndpointKind::Postgres,
            Self::Bucket(_) => EndpointKind::Bucket,
        }
    }
}

impl Read for Endpoint {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let mut reader = TableReader::open(node, faults)?;
        let kind: EndpointKind = reader.field("kind", None, faults)?;
        let endpoint = match kind {
            EndpointKind::Http => HttpEndpoint::read_from(&mut reader, faults).map(Self::Http),
            EndpointKind::Host => HostEndpoint::read_from(&mut reader, faults).map(Self::Host),
            EndpointKind::Postgres => PostgresEndpoint::read_from(&mut reader, faults).map(Self::Postgres),
            EndpointKind::Bucket => BucketEndpoint::read_from(&mut reader, faults).map(Self::Bucket),
        };
        reader.finish(faults).then_some(endpoint).flatten()
    }
}

table! {
    /// A quicker pace for practice: where set, no check is slower than this.
    pub struct Pace {
        /// At most this long from one start to the next.
        pub interval: Option<Period>,
        /// At most this long to the confirming sample.
        pub retry: Option<Period>,
        /// At most this long for one probe.
        pub timeout: Option<Period>,
    }
}

table! {
    /// One environment of the plan.
    pub struct Environment {
        /// What it is called on screen.
        pub name: String,
        /// What a mistake in it would cost.
        pub kind: EnvironmentKind,
        /// A quicker pace for practice.
        pub pace: Option<Pace>,
        /// Where things are.
        pub endpoints: BTreeMap<Id, Endpoint>,
        /// Endpoints this environment has none of, on purpose. Their checks are unknown here.
        pub absent: Vec<Id>,
    }
}

/// An endpoint with every value filled in: what a probe connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An HTTP service.
    Http {
        /// Scheme, host and port, no path.
        url: String,
        /// Certificate authority file.
        ca: Option<String>,
        /// Credential handle.
        credential: Option<Id>,
        /// Whether the plan allows its name to lead to private addresses.
        private: bool,
    },
    /// A host and port.
    Host {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// The name its certificate has to carry.
        server_name: String,
        /// Certificate authority file.
        ca: Option<String>,
        /// Whether the plan allows its name to lead to private addresses.
        private: bool,
    },
    /// A PostgreSQL database.
    Postgres {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// Database name.
        database: String,
        /// Role.
        user: String,
        /// Credential handle.
        credential: Option<Id>,
        /// How the connection is protected.
        tls: TlsMode,
        /// Certificate authority file.
        ca: Option<String>,
        /// Whether the plan allows its name to lead to private addresses.
        private: bool,
    },
    /// A bucket.
    Bucket {
        /// Store address; absent means AWS in the region.
        url: Option<String>,
        /// Bucket name.
        bucket: String,
        /// Region.
        region: String,
        /// Access key id.
        access_key: String,
        /// Credential handle.
        credential: Id,
        /// Whether the plan allows its name to lead to private addresses.
        private: bool,
    },
}

/// Why an endpoint has no target now. Checks that need it are unknown, with this as the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unbound {
    /// Values nobody has filled in; for a range this means that it is not up.
    Missing(Vec<String>),
    /// A value that cannot be used.
    Unusable(String),
    /// The environment says that it has none.
    Absent,
}

impl fmt::Display for Unbound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(names) => write!(formatter, "not bound: no value for {}", names.join(", ")),
            Self::Unusable(why) => write!(formatter, "not bound: {why}"),
            Self::Absent => formatter.write_str("this environment has none"),
        }
    }
}

impl Environment {
    /// The target of an endpoint with `values` filled in. Nothing when the environment does not know the name.
    pub fn target(&self, endpoint: &Id, values: &BTreeMap<String, String>) -> Option<Result<Target, Unbound>> {
        if self.absent.contains(endpoint) {
            return Some(Err(Unbound::Absent));
        }
        self.endpoints.get(endpoint).map(|endpoint| bind(endpoint, values))
    }

    /// Every name its endpoints wait for, sorted.
    pub fn placeholders(&self) -> Vec<String> {
        let nothing = BTreeMap::new();
        let mut names: Vec<String> = self
            .endpoints
            .values()
            .filter_map(|endpoint| match bind(endpoint, &nothing) {
                Err(Unbound::Missing(names)) => Some(names),
                Ok(_) | Err(Unbound::Unusable(_) | Unbound::Absent) => None,
            })
            .flatten()
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

fn bind(endpoint: &Endpoint, values: &BTreeMap<String, String>) -> Result<Target, Unbound> {
    let mut missing = Vec::new();
    let mut fill = |template: &Template| template.fill(values, &mut missing);
    // The port is judged last: with values missing it is no number, and that is not the port's fault.
    let (port, target): (Option<String>, Box<dyn FnOnce(u16) -> Target>) = match endpoint {
        Endpoint::Http(http) => {
            let (url, ca, credential) = (fill(&http.url), http.ca.as_ref().map(&mut fill), http.credential.clone());
            let (url, private) = (url.trim_end_matches('/').to_owned(), http.private);
            (None, Box::new(move |_| Target::Http { url, ca, credential, private }))
        }
        Endpoint::Host(end) => {
            let host = fill(&end.host);
            let server_name = end.server_name.as_ref().map_or_else(|| host.clone(), &mut fill);
            let (ca, private) = (end.ca.as_ref().map(&mut fill), end.private);
            (Some(fill(&end.port)), Box::new(move |port| Target::Host { host, port, server_name, ca, private }))
        }
        Endpoint::Postgres(end) => {
            let (host, database, user) = (fill(&end.host), fill(&end.database), fill(&end.user));
            let (credential, tls, private) = (end.credential.clone(), end.tls, end.private);
            let ca = end.ca.as_ref().map(&mut fill);
            (
                Some(fill(&end.port)),
                Box::new(move |port| Target::Postgres { host, port, database, user, credential, tls, ca, private }),
            )
        }
        Endpoint::Bucket(end) => {
            let url = end.url.as_ref().map(&mut fill);
            let (bucket, region, access_key) = (fill(&end.bucket), fill(&end.region), fill(&end.access_key));
            let (credential, private) = (end.credential.clone(), end.private);
            (None, Box::new(move |_| Target::Bucket { url, bucket, region, access_key, credential, private }))
        }
    };
    if !missing.is_empty() {
        missing.sort();
        missing.dedup();
        return Err(Unbound::Missing(missing));
    }
    let port = match port {
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port > 0 => port,
            Ok(_) | Err(_) => return Err(Unbound::Unusable(format!("\"{text}\" is not a port"))),
        },
        None => 0,
    };
    Ok(target(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(port: &str) -> Endpoint {
        Endpoint::Postgres(PostgresEndpoint {
            host: Template("127.0.0.1".to_owned()),
            port: Template(port.to_owned()),
            database: Template("samia".to_owned()),
            user: Template("lifeboat".to_owned()),
            credential: None,
            tls: TlsMode::Off,
            ca: None,
            private: false,
        })
    }

    #[test]
    fn values_are_filled_in_and_missing_ones_named() {
        let endpoint = postgres("${primary.port}");
        assert_eq!(bind(&endpoint, &BTreeMap::new()), Err(Unbound::Missing(vec!["primary.port".to_owned()])));
        let values = BTreeMap::from([("primary.port".to_owned(), "15432".to_owned())]);
        assert!(matches!(bind(&endpoint, &values), Ok(Target::Postgres { port: 15_432, .. })));
    }

    #[test]
    fn a_port_has_to_be_one() {
        for port in ["0", "65536", "-1", "http", ""] {
            assert!(matches!(bind(&postgres(port), &BTreeMap::new()), Err(Unbound::Unusable(_))), "{port} was bound");
        }
    }
}
