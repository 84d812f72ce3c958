//! Endpoints as an environment writes them: a table for each kind, with places to be filled in. What a probe
//! connects to once they are is a [`Target`](super::Target).

use std::collections::BTreeMap;

use serde::Serialize;
use ts_rs::TS;

use super::vendor::{
    CloudflareEndpoint, FcmEndpoint, MailEndpoint, PagerDutyEndpoint, SlackEndpoint, SquareEndpoint,
    StatuspageEndpoint, StripeEndpoint, SupabaseEndpoint, TwilioEndpoint,
};
use crate::{
    places,
    plan::{
        id::Id,
        read::{Faults, Node, Read, choice, kinds, table},
    },
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
        places::fill(&self.0, |name| values.get(name).cloned(), missing)
    }
}

impl Read for Template {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let text = node.text("a text", faults)?;
        if !places::are_closed(text) {
            node.fault("\"${\" without a closing \"}\"", None, faults);
            return None;
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

table! {
    /// A name of the domain name system.
    pub struct NameEndpoint {
        /// The name in full, such as `api.example.org`.
        pub name: Template,
        /// Whom to ask, as addresses or names with or without a port. Empty means this computer's own resolver; to
        /// learn what the zone really holds, name the zone's own servers.
        pub servers: Vec<Template>,
        /// Whether the names of servers may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// A folder of this computer.
    pub struct FolderEndpoint {
        /// Its path, from the root.
        pub path: Template,
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
        /// A name of the domain name system.
        Name(NameEndpoint) = "name",
        /// A folder of this computer.
        Folder(FolderEndpoint) = "folder",
        /// PagerDuty.
        PagerDuty(PagerDutyEndpoint) = "pagerduty",
        /// Slack.
        Slack(SlackEndpoint) = "slack",
        /// Twilio.
        Twilio(TwilioEndpoint) = "twilio",
        /// Firebase Cloud Messaging.
        Fcm(FcmEndpoint) = "fcm",
        /// A mail server.
        Mail(MailEndpoint) = "mail",
        /// Stripe.
        Stripe(StripeEndpoint) = "stripe",
        /// Square.
        Square(SquareEndpoint) = "square",
        /// A project at Supabase.
        Supabase(SupabaseEndpoint) = "supabase",
        /// A zone at Cloudflare.
        Cloudflare(CloudflareEndpoint) = "cloudflare",
        /// Our own page at Statuspage.
        Statuspage(StatuspageEndpoint) = "statuspage",
    }
}
