//! Stand-ins of the vendors: what lives on the internet, on loopback. Each keeps state as the real one does, refuses
//! what the real one refuses, and fails in the ways the real one fails.
//!
//! A stand-in answers one request after the other by pure bookkeeping ([`StandIn`]); how that travels, and what goes
//! wrong on the way, is [`wire`]'s. Stand-ins never ask anybody else and never look at the platform.

mod cloudflare;
mod fcm;
mod mail;
mod pagerduty;
mod slack;
mod square;
mod statuspage;
mod stripe;
mod supabase;
mod twilio;
mod wire;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use lifeboat_domain::provider::Vendor;
use serde_json::Value;

pub use self::mail::Mail;
use crate::{
    certificate::{self, Identity},
    cluster::random_text,
    error::RangeError,
    listener::{Listening, listen},
    place::{blocking, write_private},
};

/// In which way a stand-in fails. Those with a number answer with that status and the vendor's own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VendorFault {
    /// 401: the credential is not accepted.
    Unauthorized,
    /// 403: the credential may not do this.
    Forbidden,
    /// 404: what is asked for is not there.
    NotFound,
    /// 410: what is asked for is gone for good.
    Gone,
    /// 429 with `Retry-After: 2`.
    TooMany,
    /// 500.
    Failing,
    /// 503.
    Unavailable,
    /// Answers three seconds late.
    Slow,
    /// Takes the request and never answers.
    Hang,
    /// Cuts the connection before anything is done.
    CutBefore,
    /// Does it, then cuts the connection instead of answering.
    CutAfter,
    /// Says that all is well in JSON that breaks off.
    Malformed,
    /// Answers everything with a page and 200, as a captive portal or a catch-all does.
    Html,
    /// Answers without an end.
    Endless,
    /// Answers one byte each second.
    Drip,
    /// Answers a few bytes that unpack to a gigabyte.
    Bomb,
    /// Sends elsewhere: to an address that is never connected to.
    Redirect,
    /// Fails, and tells in its words everything it was asked with.
    Echo,
    /// Fails, with a script in its words.
    Script,
    /// 420 with `Retry-After: 2`: Statuspage's own status for being asked too often.
    Enough,
    /// Mail: does not know recipients whose address begins with `bounce`.
    Bounce,
    /// Mail: puts each recipient off the first time.
    Greylist,
    /// Mail: takes a message and says so three seconds late.
    Delay,
    /// Mail: lets nobody sign in.
    Auth,
    /// Mail: does not offer to encrypt.
    NoStarttls,
    /// Mail: has no room.
    Full,
}

/// The ways in which a stand-in that speaks HTTP can fail.
const OF_HTTP: [VendorFault; 19] = [
    VendorFault::Unauthorized,
    VendorFault::Forbidden,
    VendorFault::NotFound,
    VendorFault::Gone,
    VendorFault::TooMany,
    VendorFault::Failing,
    VendorFault::Unavailable,
    VendorFault::Slow,
    VendorFault::Hang,
    VendorFault::CutBefore,
    VendorFault::CutAfter,
    VendorFault::Malformed,
    VendorFault::Html,
    VendorFault::Endless,
    VendorFault::Drip,
    VendorFault::Bomb,
    VendorFault::Redirect,
    VendorFault::Echo,
    VendorFault::Script,
];

/// The ways in which the mail server can fail.
const OF_MAIL: [VendorFault; 10] = [
    VendorFault::Bounce,
    VendorFault::Greylist,
    VendorFault::Delay,
    VendorFault::Auth,
    VendorFault::NoStarttls,
    VendorFault::Full,
    VendorFault::Hang,
    VendorFault::CutBefore,
    VendorFault::CutAfter,
    VendorFault::Echo,
];

impl VendorFault {
    /// The ways in which this vendor's stand-in can fail.
    pub(crate) fn of(vendor: Vendor) -> Vec<Self> {
        match vendor {
            Vendor::Mail => OF_MAIL.to_vec(),
            Vendor::Statuspage => [&OF_HTTP[..], &[Self::Enough]].concat(),
            _ => OF_HTTP.to_vec(),
        }
    }

    /// What it is called after the vendor's name, as in `stripe=503`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "401",
            Self::Forbidden => "403",
            Self::NotFound => "404",
            Self::Gone => "410",
            Self::TooMany => "429",
            Self::Failing => "500",
            Self::Unavailable => "503",
            Self::Slow => "slow",
            Self::Hang => "hang",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
            Self::Malformed => "malformed",
            Self::Html => "html",
            Self::Endless => "endless",
            Self::Drip => "drip",
            Self::Bomb => "bomb",
            Self::Redirect => "redirect",
            Self::Echo => "echo",
            Self::Script => "script",
            Self::Enough => "420",
            Self::Bounce => "bounce",
            Self::Greylist => "greylist",
            Self::Delay => "delay",
            Self::Auth => "auth",
            Self::NoStarttls => "no-starttls",
            Self::Full => "full",
        }
    }

    /// What it does, after the vendor's name.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Unauthorized => "does not accept our credential",
            Self::Forbidden => "accepts our credential and lets it do nothing",
            Self::NotFound => "does not know what it is asked for",
            Self::Gone => "says that what it is asked for is gone",
            Self::TooMany => "asks us to come less often",
            Self::Failing => "fails inside",
            Self::Unavailable => "is not available",
            Self::Slow => "answers three seconds late",
            Self::Hang => "takes requests and never answers",
            Self::CutBefore => "cuts the connection before it does anything",
            Self::CutAfter => "does what it is asked and cuts the connection instead of answering",
            Self::Malformed => "answers with JSON that breaks off",
            Self::Html => "answers everything with a page",
            Self::Endless => "answers without an end",
            Self::Drip => "answers one byte each second",
            Self::Bomb => "answers a few bytes that unpack to a gigabyte",
            Self::Redirect => "sends to an address that is never connected to",
            Self::Echo => "fails and repeats everything it was told",
            Self::Script => "fails, with a script in its words",
            Self::Enough => "has had enough of us for now",
            Self::Bounce => "does not know recipients whose address begins with bounce",
            Self::Greylist => "puts each recipient off the first time",
            Self::Delay => "takes a message and says so three seconds late",
            Self::Auth => "lets nobody sign in",
            Self::NoStarttls => "does not offer to encrypt",
            Self::Full => "has no room for messages",
        }
    }

    /// The status it answers with, for those that are one.
    const fn status(self) -> Option<u16> {
        match self {
            Self::Unauthorized => Some(401),
            Self::Forbidden => Some(403),
            Self::NotFound => Some(404),
            Self::Gone => Some(410),
            Self::Enough => Some(420),
            Self::TooMany => Some(429),
            Self::Failing | Self::Echo | Self::Script => Some(500),
            Self::Unavailable => Some(503),
            _ => None,
        }
    }
}

/// The vendors that have a stand-in.
pub(crate) const VENDORS: [Vendor; 10] = [
    Vendor::PagerDuty,
    Vendor::Slack,
    Vendor::Twilio,
    Vendor::Fcm,
    Vendor::Mail,
    Vendor::Statuspage,
    Vendor::Stripe,
    Vendor::Square,
    Vendor::Supabase,
    Vendor::Cloudflare,
];

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How.
    pub method: Method,
    /// For what, without the query.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// With which headers.
    pub headers: HeaderMap,
    /// With which body.
    pub body: Bytes,
}

impl Asked {
    /// A header as text; empty without one.
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The parts of the path.
    fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// The body as JSON, when it says that it is and is.
    fn json(&self) -> Option<Value> {
        let is_json = self.header("content-type").split(';').next().is_some_and(|kind| kind == "application/json");
        if is_json { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// The body as a form, when it says that it is one.
    fn form(&self) -> Option<BTreeMap<String, String>> {
        let kind = self.header("content-type").split(';').next() == Some("application/x-www-form-urlencoded");
        kind.then(|| pairs(&self.body))
    }

    /// The query in its parts.
    fn query(&self) -> BTreeMap<String, String> {
        pairs(self.query.as_bytes())
    }
}

fn pairs<T: FromIterator<(String, String)>>(text: &[u8]) -> T {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// What is answered.
#[derive(Debug, Clone)]
struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Told {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json", body: body.to_string().into_bytes() }
    }

    fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), content_type: "text/plain", body: body.as_bytes().to_vec() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A vendor's interface over HTTP, as bookkeeping.
trait StandIn: Send + Sync {
    /// Answers one request, as the vendor would: what is not allowed, missing or wrong is refused in its own words.
    fn answer(&mut self, asked: &Asked) -> Told;

    /// How the vendor words this status.
    fn refusal(&self, status: u16, words: &str) -> Told;

    /// The same for a vendor that words it by what was asked.
    fn refuse(&self, _: &Asked, status: u16, words: &str) -> Told {
        self.refusal(status, words)
    }

    /// The port it is reached at, for a vendor whose secrets are addresses.
    fn reached_at(&mut self, _: u16) {}

    /// What the environment's places are filled with besides the address.
    fn values(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The secrets it accepts, by the handle the range's environment gives them.
    fn credentials(&self) -> Vec<(&'static str, String)>;
}

/// What a stand-in has been asked, and how it fails now.
struct Life {
    fault: Option<VendorFault>,
    /// So many requests are answered well before the fault is felt.
    spared: usize,
    asked: Vec<Asked>,
    stand_in: Box<dyn StandIn>,
}

/// One stand-in with its port.
struct Open {
    listening: Listening,
    speaks: Speaks,
}

/// What a stand-in speaks, with what it keeps.
enum Speaks {
    Http(Arc<Mutex<Life>>),
    Smtp(mail::Post),
}

impl Speaks {
    /// Changes the fault that is on.
    fn switch(&self, change: impl FnOnce(Option<VendorFault>) -> Option<VendorFault>) {
        match self {
            Self::Http(life) => {
                let mut life = locked(life);
                life.fault = change(life.fault);
            }
            Self::Smtp(post) => post.switch(change),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Http(life) => locked(life).stand_in.values(),
            Self::Smtp(post) => post.values(),
        }
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Http(life) => locked(life).stand_in.credentials(),
            Self::Smtp(post) => post.credentials(),
        }
    }
}

/// The stand-ins that are up.
pub struct StandIns {
    open: BTreeMap<Vendor, Open>,
}

impl std::fmt::Debug for StandIns {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.open.keys()).finish()
    }
}

fn locked(life: &Mutex<Life>) -> std::sync::MutexGuard<'_, Life> {
    life.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A secret in a vendor's own form, drawn anew.
fn secret(prefix: &str, length: usize) -> Result<String, RangeError> {
    let mut text = prefix.to_owned();
    while text.len() < length {
        text.push_str(&random_text()?);
    }
    text.truncate(length);
    Ok(text)
}

impl StandIns {
    /// Opens all of them, each on a port of its own, behind the range's certificate. Mails are kept in this folder.
    pub(crate) async fn start(identity: &Identity, mails: PathBuf) -> Result<Self, RangeError> {
        let mut open = BTreeMap::new();
        let all: Vec<(Vendor, Box<dyn StandIn>)> = vec![
            (Vendor::Stripe, Box::new(stripe::Stripe::new()?)),
            (Vendor::Square, Box::new(square::Square::new()?)),
            (Vendor::Supabase, Box::new(supabase::Supabase::new()?)),
            (Vendor::Cloudflare, Box::new(cloudflare::Cloudflare::new()?)),
            (Vendor::PagerDuty, Box::new(pagerduty::PagerDuty::new()?)),
            (Vendor::Slack, Box::new(slack::Slack::new()?)),
            (Vendor::Twilio, Box::new(twilio::Twilio::new()?)),
            (Vendor::Fcm, Box::new(blocking(fcm::Fcm::new).await?)),
            (Vendor::Statuspage, Box::new(statuspage::Statuspage::new()?)),
        ];
        for (vendor, stand_in) in all {
            let life = Arc::new(Mutex::new(Life { fault: None, spared: 0, asked: Vec::new(), stand_in }));
            let listening = wire::listen(listen().await?, Arc::clone(&identity.server), Arc::clone(&life))?;
            locked(&life).stand_in.reached_at(listening.port);
            open.insert(vendor, Open { listening, speaks: Speaks::Http(life) });
        }
        let (listening, post) = mail::Post::open(Arc::clone(&identity.server), mails).await?;
        open.insert(Vendor::Mail, Open { listening, speaks: Speaks::Smtp(post) });
        Ok(Self { open })
    }

    /// Opens them alone, without a range, and writes the authority to trust into this file. Mails are kept beside it.
    pub async fn alone(authority: &Path) -> Result<Self, RangeError> {
        let identity = certificate::create()?;
        write_private(authority, identity.authority.as_bytes())?;
        Self::start(&identity, authority.with_file_name("mails")).await
    }

    /// Those that are up.
    pub fn vendors(&self) -> Vec<Vendor> {
        self.open.keys().copied().collect()
    }

    /// The port of one.
    pub fn port(&self, vendor: Vendor) -> Option<u16> {
        self.open.get(&vendor).map(|open| open.listening.port)
    }

    /// Makes one fail in a way, or no longer.
    pub fn set_fault(&self, vendor: Vendor, fault: Option<VendorFault>) {
        self.set_fault_after(vendor, 0, fault);
    }

    /// Makes one fail in a way once it has answered so many requests more.
    pub fn set_fault_after(&self, vendor: Vendor, requests: usize, fault: Option<VendorFault>) {
        if let Some(open) = self.open.get(&vendor) {
            if let Speaks::Http(life) = &open.speaks {
                locked(life).spared = requests;
            }
            open.speaks.switch(|_| fault);
        }
    }

    /// Ends a fault, if it is the one that is on.
    pub(crate) fn end_fault(&self, vendor: Vendor, fault: VendorFault) {
        if let Some(open) = self.open.get(&vendor) {
            open.speaks.switch(|on| on.filter(|on| *on != fault));
        }
    }

    /// Everything one that speaks HTTP was asked since it came up.
    pub fn asked(&self, vendor: Vendor) -> Vec<Asked> {
        match self.open.get(&vendor).map(|open| &open.speaks) {
            Some(Speaks::Http(life)) => locked(life).asked.clone(),
            Some(Speaks::Smtp(_)) | None => Vec::new(),
        }
    }

    /// The mails that were taken, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        match self.open.get(&Vendor::Mail).map(|open| &open.speaks) {
            Some(Speaks::Smtp(post)) => post.mails(),
            Some(Speaks::Http(_)) | None => Vec::new(),
        }
    }

    /// What the environment's places are filled with: `stripe.port` and what else a vendor has.
    pub fn values(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for (vendor, open) in &self.open {
            values.insert(format!("{vendor}.port"), open.listening.port.to_string());
            values.extend(open.speaks.values().into_iter().map(|(name, value)| (format!("{vendor}.{name}"), value)));
        }
        values
    }

    /// The secrets they accept, by the handle the range's environment gives them.
    pub fn credentials(&self) -> BTreeMap<&'static str, String> {
        self.open.values().flat_map(|open| open.speaks.credentials()).collect()
    }

    /// Closes all ports.
    pub(crate) async fn close(self) {
        for open in self.open.into_values() {
            open.listening.close().await;
            if let Speaks::Smtp(post) = open.speaks {
                post.close().await;
            }
        }
    }
}
