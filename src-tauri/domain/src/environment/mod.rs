//! Environments: the same plan bound to other places.
//!
//! The plan says `primary-database`; an environment says which host, which credential handle. Values that are
//! only known on this computer, such as the ports of a practice range, stand as `${name}` and are filled in
//! from a file beside the journal. An environment holds handles of credentials, never credentials.

pub mod address;
pub mod credential;
mod endpoint;
mod vendor;

use std::{collections::BTreeMap, fmt, path::Path};

pub use self::endpoint::{
    BucketEndpoint, Endpoint, EndpointKind, FolderEndpoint, HostEndpoint, HttpEndpoint, NameEndpoint, PostgresEndpoint,
    Template, TlsMode,
};
use self::vendor::Filling;
pub use self::vendor::{
    CloudflareEndpoint, FcmEndpoint, MailEndpoint, MailServer, MailTls, PagerDutyEndpoint, Site, SlackEndpoint,
    SquareEndpoint, StatuspageEndpoint, StripeEndpoint, SupabaseEndpoint, TwilioEndpoint, VendorTarget,
};
use crate::plan::{
    id::Id,
    quantity::Period,
    read::{choice, table},
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
    /// How this computer's own network is told from what is elsewhere.
    pub struct OwnNetwork {
        /// Endpoints of others, independent of the platform and of each other, at least two. When none of them can be
        /// reached, it is this computer that has no network.
        pub references: Vec<Id>,
    }
}

table! {
    /// How many checks may be under way at once.
    pub struct Limits {
        /// In all.
        pub in_all: u32 = 64,
        /// To one host. On this computer every port counts as a host.
        pub per_host: u32 = 8,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_all: 64, per_host: 8 }
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
        /// How this computer's own network is told from what is elsewhere.
        pub network: Option<OwnNetwork>,
        /// How many checks may be under way at once.
        pub limits: Option<Limits>,
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
    /// A name of the domain name system.
    Name {
        /// The name in full.
        name: String,
        /// Whom to ask; empty means this computer's own resolver.
        servers: Vec<String>,
        /// Whether the plan allows names of servers to lead to private addresses.
        private: bool,
    },
    /// A folder of this computer.
    Folder {
        /// Its path, from the root.
        path: String,
    },
    /// A vendor's interface.
    Vendor(VendorTarget),
}

impl Target {
    /// A value of it by the name a plug-in's command has for it. Never its credential.
    pub fn value(&self, name: &str) -> Option<String> {
        match (self, name) {
            (Self::Http { url, .. } | Self::Bucket { url: Some(url), .. }, "url") => Some(url.clone()),
            (Self::Http { url, .. }, "host") => host_and_port(url).map(|(host, _)| host.to_owned()),
            (Self::Http { url, .. }, "port") => host_and_port(url).map(|(_, port)| port.to_owned()),
            (Self::Host { host, .. } | Self::Postgres { host, .. } | Self::Name { name: host, .. }, "host") => {
                Some(host.clone())
            }
            (Self::Host { port, .. } | Self::Postgres { port, .. }, "port") => Some(port.to_string()),
            (Self::Host { server_name, .. }, "server-name") => Some(server_name.clone()),
            (Self::Postgres { database, .. }, "database") => Some(database.clone()),
            (Self::Postgres { user, .. }, "user") => Some(user.clone()),
            (Self::Bucket { bucket, .. }, "bucket") => Some(bucket.clone()),
            (Self::Bucket { region, .. }, "region") => Some(region.clone()),
            (Self::Folder { path }, "path") => Some(path.clone()),
            _ => None,
        }
    }

    /// The handle of its credential. A vendor may have several: [`VendorTarget::credentials`].
    pub const fn credential(&self) -> Option<&Id> {
        match self {
            Self::Http { credential, .. } | Self::Postgres { credential, .. } => credential.as_ref(),
            Self::Bucket { credential, .. } => Some(credential),
            Self::Host { .. } | Self::Name { .. } | Self::Folder { .. } | Self::Vendor(_) => None,
        }
    }

    /// Every credential it needs, by its key in the plan.
    pub fn credentials(&self) -> Vec<(&'static str, &Id)> {
        match self {
            Self::Vendor(vendor) => vendor.credentials(),
            Self::Http { .. }
            | Self::Postgres { .. }
            | Self::Bucket { .. }
            | Self::Host { .. }
            | Self::Name { .. }
            | Self::Folder { .. } => {
                self.credential().map(|credential| ("credential", credential)).into_iter().collect()
            }
        }
    }
}

/// The host and the port of an address; a port that is not written is the scheme's.
fn host_and_port(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let usual = if scheme == "https" { "443" } else { "80" };
    let (host, port) = match place.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':').unwrap_or(usual)),
        None => place.split_once(':').unwrap_or((place, usual)),
    };
    (!host.is_empty()).then_some((host, port))
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

/// Names without a value, as the reason that nothing is bound.
fn all_there(mut missing: Vec<String>) -> Result<(), Unbound> {
    missing.sort();
    missing.dedup();
    if missing.is_empty() { Ok(()) } else { Err(Unbound::Missing(missing)) }
}

type Bound = (Option<String>, Box<dyn FnOnce(u16) -> Target>);

fn bound(vendor: VendorTarget) -> Bound {
    (None, Box::new(move |_| Target::Vendor(vendor)))
}

fn bind(endpoint: &Endpoint, values: &BTreeMap<String, String>) -> Result<Target, Unbound> {
    let mut missing = Vec::new();
    let fill = &mut Filling { values, missing: &mut missing };
    // The port is judged last: with values missing it is no number, and that is not the port's fault.
    let (port, target): Bound = match endpoint {
        Endpoint::Http(http) => {
            let (url, ca, credential) = (fill.text(&http.url), fill.maybe(http.ca.as_ref()), http.credential.clone());
            let (url, private) = (url.trim_end_matches('/').to_owned(), http.private);
            (None, Box::new(move |_| Target::Http { url, ca, credential, private }))
        }
        Endpoint::Host(end) => {
            let host = fill.text(&end.host);
            let server_name = fill.maybe(end.server_name.as_ref()).unwrap_or_else(|| host.clone());
            let (ca, private) = (fill.maybe(end.ca.as_ref()), end.private);
            (Some(fill.text(&end.port)), Box::new(move |port| Target::Host { host, port, server_name, ca, private }))
        }
        Endpoint::Postgres(end) => {
            let (host, database, user) = (fill.text(&end.host), fill.text(&end.database), fill.text(&end.user));
            let (credential, tls, private) = (end.credential.clone(), end.tls, end.private);
            let ca = fill.maybe(end.ca.as_ref());
            (
                Some(fill.text(&end.port)),
                Box::new(move |port| Target::Postgres { host, port, database, user, credential, tls, ca, private }),
            )
        }
        Endpoint::Bucket(end) => {
            let url = fill.maybe(end.url.as_ref());
            let (bucket, region) = (fill.text(&end.bucket), fill.text(&end.region));
            let (access_key, credential, private) = (fill.text(&end.access_key), end.credential.clone(), end.private);
            (None, Box::new(move |_| Target::Bucket { url, bucket, region, access_key, credential, private }))
        }
        Endpoint::Name(end) => {
            let name = fill.text(&end.name);
            let (servers, private) = (end.servers.iter().map(|server| fill.text(server)).collect(), end.private);
            (None, Box::new(move |_| Target::Name { name, servers, private }))
        }
        Endpoint::Folder(end) => {
            let path = fill.text(&end.path);
            (None, Box::new(move |_| Target::Folder { path }))
        }
        Endpoint::Mail(end) => {
            let target = vendor::mail(end, fill);
            (Some(fill.text(&end.port)), Box::new(move |port| Target::Vendor(target(port))))
        }
        Endpoint::PagerDuty(end) => bound(vendor::pagerduty(end, fill)),
        Endpoint::Slack(end) => bound(vendor::slack(end, fill)),
        Endpoint::Twilio(end) => bound(vendor::twilio(end, fill)),
        Endpoint::Fcm(end) => bound(vendor::fcm(end, fill)),
        Endpoint::Stripe(end) => bound(vendor::stripe(end, fill)),
        Endpoint::Square(end) => bound(vendor::square(end, fill)),
        Endpoint::Supabase(end) => bound(vendor::supabase(end, fill)),
        Endpoint::Cloudflare(end) => bound(vendor::cloudflare(end, fill)),
        Endpoint::Statuspage(end) => bound(vendor::statuspage(end, fill)),
    };
    all_there(missing)?;
    let port = match port {
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port > 0 => port,
            Ok(_) | Err(_) => return Err(Unbound::Unusable(format!("\"{text}\" is not a port"))),
        },
        None => 0,
    };
    let target = target(port);
    if let Target::Folder { path } = &target
        && !Path::new(path).is_absolute()
    {
        return Err(Unbound::Unusable(format!("\"{path}\" is not a path from the root")));
    }
    Ok(target)
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
    fn a_target_tells_its_values_and_never_its_credential() {
        let http = |url: &str| Target::Http {
            url: url.to_owned(),
            ca: None,
            credential: Some("secret".parse().unwrap()),
            private: false,
        };
        for (url, host, port) in [
            ("https://api.example.org", Some("api.example.org"), Some("443")),
            ("http://127.0.0.1:8080", Some("127.0.0.1"), Some("8080")),
            ("http://[::1]:81/a:b", Some("::1"), Some("81")),
            ("http://user:word@a.test/x", Some("a.test"), Some("80")),
            ("nothing", None, None),
        ] {
            let target = http(url);
            assert_eq!((target.value("host").as_deref(), target.value("port").as_deref()), (host, port), "{url}");
            assert_eq!(target.value("credential"), None);
        }
        let bound = bind(&postgres("5433"), &BTreeMap::new()).unwrap();
        for (name, value) in [("port", Some("5433")), ("database", Some("samia")), ("bucket", None)] {
            assert_eq!(bound.value(name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn a_folder_is_named_from_the_root() {
        let folder = |path: &str| Endpoint::Folder(FolderEndpoint { path: Template(path.to_owned()) });
        let values = BTreeMap::from([("home".to_owned(), "/srv".to_owned())]);
        let bound = bind(&folder("${home}/dumps"), &values);
        assert_eq!(bound, Ok(Target::Folder { path: "/srv/dumps".to_owned() }));
        for path in ["dumps", "", "../dumps", "~/dumps"] {
            assert!(matches!(bind(&folder(path), &values), Err(Unbound::Unusable(_))), "{path} was bound");
        }
    }

    #[test]
    fn a_port_has_to_be_one() {
        for port in ["0", "65536", "-1", "http", ""] {
            assert!(matches!(bind(&postgres(port), &BTreeMap::new()), Err(Unbound::Unusable(_))), "{port} was bound");
        }
    }
}
