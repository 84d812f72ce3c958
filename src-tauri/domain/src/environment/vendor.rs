//! The endpoints of vendors: where each one's interface is, who we are there, and which credentials stand for us.
//!
//! The addresses are the vendors' own; an environment that practises binds others. A credential is always a handle.
//! Source of the addresses and of what each interface wants: the vendors' published interfaces (runbook 2.3 and 5.1).

use std::collections::BTreeMap;

use super::Template;
use crate::{
    plan::{
        id::Id,
        read::{choice, table},
    },
    provider::Vendor,
};

fn at(url: &str) -> Template {
    Template(url.to_owned())
}

table! {
    /// PagerDuty: events that page, and incidents.
    pub struct PagerDutyEndpoint {
        /// Where events are sent.
        pub events_url: Template = at("https://events.pagerduty.com"),
        /// Where incidents are made and read.
        pub url: Template = at("https://api.pagerduty.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential that holds the service's integration key, 32 characters.
        pub routing_key: Id,
        /// The credential that holds a REST key; without it incidents are not made and nothing is asked.
        pub token: Option<Id>,
        /// The e-mail address of the user in whose name incidents are made.
        pub from: Option<Template>,
        /// The id of the service incidents are made for, such as `PABC123`.
        pub service: Option<Template>,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// Slack: an incoming webhook, a bot, or both.
    pub struct SlackEndpoint {
        /// Where the web interface is.
        pub url: Template = at("https://slack.com"),
        /// Where incoming webhooks are; the credential of a webhook has to lead there.
        pub hooks_url: Template = at("https://hooks.slack.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential that holds the whole address of an incoming webhook, which is secret.
        pub webhook: Option<Id>,
        /// The credential that holds a bot's token.
        pub token: Option<Id>,
        /// The channel the bot writes to, by id.
        pub channel: Option<Template>,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// Twilio: text messages and calls.
    pub struct TwilioEndpoint {
        /// Where the interface is.
        pub url: Template = at("https://api.twilio.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The account's SID, which is not secret.
        pub account: Template,
        /// The SID of an API key that is used instead of the account's own token; not secret.
        pub key: Option<Template>,
        /// The credential that holds the token, or the key's secret.
        pub credential: Id,
        /// The number messages and calls come from, in E.164.
        pub from: Template,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// Firebase Cloud Messaging, HTTP v1.
    pub struct FcmEndpoint {
        /// Where messages are sent.
        pub url: Template = at("https://fcm.googleapis.com"),
        /// Where a token is had for the service account.
        pub token_url: Template = at("https://oauth2.googleapis.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The project's id.
        pub project: Template,
        /// The credential that holds the service account's key, the whole JSON file.
        pub credential: Id,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

choice! {
    /// How mail is protected on its way to the server.
    pub enum MailTls {
        /// Plain at first, encrypted before anything is said.
        Starttls = "starttls",
        /// Encrypted from the first byte.
        Implicit = "implicit",
    }
}

table! {
    /// A mail server that takes our messages.
    pub struct MailEndpoint {
        /// The server's name or address.
        pub host: Template,
        /// The port, in quotes.
        pub port: Template = at("587"),
        /// How the connection is protected. Without protection no mail is sent.
        pub tls: MailTls = MailTls::Starttls,
        /// The name its certificate has to carry, when it is not the host.
        pub server_name: Option<Template>,
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The user to sign in as; without it nobody signs in.
        pub user: Option<Template>,
        /// The credential that holds the user's password.
        pub credential: Option<Id>,
        /// Whom our mail is from, such as `Lifeboat <lifeboat@example.org>`.
        pub from: Template,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// Stripe.
    pub struct StripeEndpoint {
        /// Where the interface is.
        pub url: Template = at("https://api.stripe.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential that holds a key; for checks a restricted one that may only read the balance.
        pub credential: Id,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// Square.
    pub struct SquareEndpoint {
        /// Where the interface is; the sandbox is `https://connect.squareupsandbox.com`.
        pub url: Template = at("https://connect.squareup.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential that holds an access token.
        pub credential: Id,
        /// The location payments are taken at.
        pub location: Option<Template>,
        /// The version of the interface, a date.
        pub version: Template = at("2025-08-20"),
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// A project at Supabase, through the management interface.
    pub struct SupabaseEndpoint {
        /// Where the interface is.
        pub url: Template = at("https://api.supabase.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential that holds an access token.
        pub credential: Id,
        /// The project's reference, 20 lowercase letters.
        pub project: Template,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// A zone at Cloudflare.
    pub struct CloudflareEndpoint {
        /// Where the interface is.
        pub url: Template = at("https://api.cloudflare.com"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential that holds a token with the least rights: load balancers, DNS and cache of the one zone.
        pub credential: Id,
        /// The zone's id.
        pub zone: Template,
        /// The id of the load balancer that is switched, where there is one.
        pub load_balancer: Option<Template>,
        /// The id of the DNS record that is switched, where there is one.
        pub record: Option<Template>,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

table! {
    /// Our own status page at Statuspage.
    pub struct StatuspageEndpoint {
        /// Where the interface is.
        pub url: Template = at("https://api.statuspage.io"),
        /// A file with the certificate authority to trust instead of the system's.
        pub ca: Option<Template>,
        /// The credential that holds a key.
        pub credential: Id,
        /// The page's id.
        pub page: Template,
        /// Whether its name may lead to private addresses; an address or `localhost` may without.
        pub private: bool = false,
    }
}

/// A place on the web that a vendor's client talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port, no path.
    pub url: String,
    /// Certificate authority file.
    pub ca: Option<String>,
    /// Whether the plan allows its name to lead to private addresses.
    pub private: bool,
}

/// A mail server with every value filled in. The fields are those of [`MailEndpoint`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is described at the endpoint it is bound from")]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub server_name: String,
    pub ca: Option<String>,
    pub user: Option<String>,
    pub credential: Option<Id>,
    pub from: String,
    pub private: bool,
}

/// A vendor's endpoint with every value filled in. The fields are those of the endpoint of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is described at the endpoint it is bound from")]
pub enum VendorTarget {
    /// PagerDuty.
    PagerDuty {
        events: Site,
        api: Site,
        routing_key: Id,
        token: Option<Id>,
        from: Option<String>,
        service: Option<String>,
    },
    /// Slack.
    Slack { api: Site, hooks: Site, webhook: Option<Id>, token: Option<Id>, channel: Option<String> },
    /// Twilio.
    Twilio { api: Site, account: String, key: Option<String>, credential: Id, from: String },
    /// Firebase Cloud Messaging.
    Fcm { api: Site, tokens: Site, project: String, credential: Id },
    /// A mail server.
    Mail(MailServer),
    /// Stripe.
    Stripe { api: Site, credential: Id },
    /// Square.
    Square { api: Site, credential: Id, location: Option<String>, version: String },
    /// Supabase.
    Supabase { api: Site, credential: Id, project: String },
    /// Cloudflare.
    Cloudflare { api: Site, credential: Id, zone: String, load_balancer: Option<String>, record: Option<String> },
    /// Statuspage.
    Statuspage { api: Site, credential: Id, page: String },
}

impl VendorTarget {
    /// Whose interface it is.
    pub const fn vendor(&self) -> Vendor {
        match self {
            Self::PagerDuty { .. } => Vendor::PagerDuty,
            Self::Slack { .. } => Vendor::Slack,
            Self::Twilio { .. } => Vendor::Twilio,
            Self::Fcm { .. } => Vendor::Fcm,
            Self::Mail(_) => Vendor::Mail,
            Self::Stripe { .. } => Vendor::Stripe,
            Self::Square { .. } => Vendor::Square,
            Self::Supabase { .. } => Vendor::Supabase,
            Self::Cloudflare { .. } => Vendor::Cloudflare,
            Self::Statuspage { .. } => Vendor::Statuspage,
        }
    }

    /// The credentials it needs, by their key in the plan.
    pub fn credentials(&self) -> Vec<(&'static str, &Id)> {
        match self {
            Self::PagerDuty { routing_key, token, .. } => {
                let token = token.iter().map(|token| ("token", token));
                std::iter::once(("routing-key", routing_key)).chain(token).collect()
            }
            Self::Slack { webhook, token, .. } => {
                let webhook = webhook.iter().map(|webhook| ("webhook", webhook));
                webhook.chain(token.iter().map(|token| ("token", token))).collect()
            }
            Self::Mail(server) => server.credential.iter().map(|credential| ("credential", credential)).collect(),
            Self::Twilio { credential, .. }
            | Self::Fcm { credential, .. }
            | Self::Stripe { credential, .. }
            | Self::Square { credential, .. }
            | Self::Supabase { credential, .. }
            | Self::Cloudflare { credential, .. }
            | Self::Statuspage { credential, .. } => vec![("credential", credential)],
        }
    }

    /// The host and the port that is knocked at first; checks of one host share its limits.
    pub fn place(&self) -> Option<(String, u16)> {
        let site = match self {
            Self::Mail(server) => return Some((server.host.clone(), server.port)),
            Self::PagerDuty { events: site, .. }
            | Self::Slack { api: site, .. }
            | Self::Twilio { api: site, .. }
            | Self::Fcm { api: site, .. }
            | Self::Stripe { api: site, .. }
            | Self::Square { api: site, .. }
            | Self::Supabase { api: site, .. }
            | Self::Cloudflare { api: site, .. }
            | Self::Statuspage { api: site, .. } => site,
        };
        let (host, port) = super::host_and_port(&site.url)?;
        Some((host.to_owned(), port.parse().ok()?))
    }
}

/// Fills places in, and remembers which had no value.
pub(super) struct Filling<'a> {
    pub(super) values: &'a BTreeMap<String, String>,
    pub(super) missing: &'a mut Vec<String>,
}

impl Filling<'_> {
    pub(super) fn text(&mut self, template: &Template) -> String {
        template.fill(self.values, self.missing)
    }

    pub(super) fn maybe(&mut self, template: Option<&Template>) -> Option<String> {
        template.map(|template| self.text(template))
    }

    fn site(&mut self, url: &Template, ca: Option<&Template>, private: bool) -> Site {
        Site { url: self.text(url).trim_end_matches('/').to_owned(), ca: self.maybe(ca), private }
    }
}

pub(super) fn pagerduty(end: &PagerDutyEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    VendorTarget::PagerDuty {
        events: fill.site(&end.events_url, end.ca.as_ref(), end.private),
        api: fill.site(&end.url, end.ca.as_ref(), end.private),
        routing_key: end.routing_key.clone(),
        token: end.token.clone(),
        from: fill.maybe(end.from.as_ref()),
        service: fill.maybe(end.service.as_ref()),
    }
}

pub(super) fn slack(end: &SlackEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    VendorTarget::Slack {
        api: fill.site(&end.url, end.ca.as_ref(), end.private),
        hooks: fill.site(&end.hooks_url, end.ca.as_ref(), end.private),
        webhook: end.webhook.clone(),
        token: end.token.clone(),
        channel: fill.maybe(end.channel.as_ref()),
    }
}

pub(super) fn twilio(end: &TwilioEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    VendorTarget::Twilio {
        api: fill.site(&end.url, end.ca.as_ref(), end.private),
        account: fill.text(&end.account),
        key: fill.maybe(end.key.as_ref()),
        credential: end.credential.clone(),
        from: fill.text(&end.from),
    }
}

pub(super) fn fcm(end: &FcmEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    VendorTarget::Fcm {
        api: fill.site(&end.url, end.ca.as_ref(), end.private),
        tokens: fill.site(&end.token_url, end.ca.as_ref(), end.private),
        project: fill.text(&end.project),
        credential: end.credential.clone(),
    }
}

/// The port is filled in and judged by who asks.
pub(super) fn mail(end: &MailEndpoint, fill: &mut Filling<'_>) -> impl FnOnce(u16) -> VendorTarget + use<> {
    let host = fill.text(&end.host);
    let server_name = fill.maybe(end.server_name.as_ref()).unwrap_or_else(|| host.clone());
    let (ca, user, from) = (fill.maybe(end.ca.as_ref()), fill.maybe(end.user.as_ref()), fill.text(&end.from));
    let (tls, credential, private) = (end.tls, end.credential.clone(), end.private);
    move |port| VendorTarget::Mail(MailServer { host, port, tls, server_name, ca, user, credential, from, private })
}

pub(super) fn stripe(end: &StripeEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    let api = fill.site(&end.url, end.ca.as_ref(), end.private);
    VendorTarget::Stripe { api, credential: end.credential.clone() }
}

pub(super) fn square(end: &SquareEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    VendorTarget::Square {
        api: fill.site(&end.url, end.ca.as_ref(), end.private),
        credential: end.credential.clone(),
        location: fill.maybe(end.location.as_ref()),
        version: fill.text(&end.version),
    }
}

pub(super) fn supabase(end: &SupabaseEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    let api = fill.site(&end.url, end.ca.as_ref(), end.private);
    VendorTarget::Supabase { api, credential: end.credential.clone(), project: fill.text(&end.project) }
}

pub(super) fn cloudflare(end: &CloudflareEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    VendorTarget::Cloudflare {
        api: fill.site(&end.url, end.ca.as_ref(), end.private),
        credential: end.credential.clone(),
        zone: fill.text(&end.zone),
        load_balancer: fill.maybe(end.load_balancer.as_ref()),
        record: fill.maybe(end.record.as_ref()),
    }
}

pub(super) fn statuspage(end: &StatuspageEndpoint, fill: &mut Filling<'_>) -> VendorTarget {
    let api = fill.site(&end.url, end.ca.as_ref(), end.private);
    VendorTarget::Statuspage { api, credential: end.credential.clone(), page: fill.text(&end.page) }
}
