//! Vendors: the services of others, each in its own file, spoken to as its published interface says.
//!
//! A client asks and reads what was answered in the vendor's own terms; what that means is classed in the domain
//! ([`lifeboat_domain::provider`]). Connections, bounds and the judging of addresses are those of the probes: one judged
//! connection for each request, at most 1 MiB read, no redirect followed, credentials to the vendor's origin only.
//! Nothing here is asked again by itself; that is [`again`]'s, and whether at all is the breaker's.

use std::sync::{Arc, atomic::Ordering};

use hyper::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use lifeboat_domain::{
    Id,
    check::judge::CouldNot,
    environment::{Site, VendorTarget},
    provider::{Answer, Class, Effect, Refusal, Standing, StandingClaim},
};
use serde::de::DeserializeOwned;

use crate::{
    probe::{
        Attempt,
        http::{self, Place, Request},
    },
    secrets::Sensitive,
};

pub mod again;
pub mod cloudflare;
pub mod fcm;
mod field;
pub mod mail;
pub mod pagerduty;
mod service_account;
pub mod slack;
mod smtp;
pub mod square;
pub mod statuspage;
pub mod stripe;
pub mod supabase;
pub mod twilio;

/// How we stand with a vendor: one question that takes the fewest rights, changes nothing and reads nothing of a
/// customer.
pub(crate) async fn probe(attempt: &Attempt<'_>, target: &VendorTarget) -> Standing {
    let standing = match target {
        VendorTarget::Stripe { api, credential } => stripe::Stripe::at(attempt, api, credential).standing().await,
        VendorTarget::Square { api, credential, location, version } => {
            square::Square::at(attempt, api, credential, location.as_deref(), version).standing().await
        }
        VendorTarget::Supabase { api, credential, project } => {
            supabase::Supabase::at(attempt, api, credential, project).standing().await
        }
        VendorTarget::Cloudflare { api, credential, zone, load_balancer, record } => {
            let parts = cloudflare::Parts { zone, load_balancer: load_balancer.as_deref(), record: record.as_deref() };
            cloudflare::Cloudflare::at(attempt, api, credential, parts).standing().await
        }
        VendorTarget::PagerDuty { events, api, routing_key, token, from, service } => {
            let (token, from, service) = (token.as_ref(), from.as_deref(), service.as_deref());
            pagerduty::PagerDuty { attempt, events, api, routing_key, token, from, service }.standing().await
        }
        VendorTarget::Slack { api, hooks, webhook, token, channel } => {
            let (webhook, token, channel) = (webhook.as_ref(), token.as_ref(), channel.as_deref());
            slack::Slack { attempt, api, hooks, webhook, token, channel }.standing().await
        }
        VendorTarget::Twilio { api, account, key, credential, from } => {
            twilio::Twilio { attempt, api, account, key: key.as_deref(), credential, from }.standing().await
        }
        VendorTarget::Fcm { api, tokens, project, credential } => {
            fcm::Fcm::at(attempt, api, tokens, project, credential).standing().await
        }
        VendorTarget::Mail(server) => mail::Mail::at(attempt, server).standing().await,
        VendorTarget::Statuspage { api, credential, page } => {
            statuspage::Statuspage::at(attempt, api, credential, page).standing().await
        }
    };
    attempt.with_secrets(|secrets| standing.without(secrets))
}

/// A header that could be made, or why nothing is sent.
fn header(made: Result<HeaderValue, CouldNot>) -> Result<HeaderValue, Answer> {
    made.map_err(|why| Answer::of_silence(&why, false, Effect::Nothing))
}

/// An answer with nothing secret in it. Every public function of a client ends with this.
fn settled(attempt: &Attempt<'_>, answer: Answer) -> Answer {
    attempt.with_secrets(|secrets| answer.without(secrets))
}

/// A credential for a site, unless it would be shown to everybody on the way.
async fn secret(attempt: &Attempt<'_>, site: &Site, handle: &Id) -> Result<Arc<Sensitive>, Answer> {
    bounded(attempt, Effect::Nothing, async {
        http::credential_for(attempt, &http::web_address(&site.url)?, handle).await
    })
    .await
}

/// One request to a vendor. Its headers and body go to the site's own origin only, and no redirect is followed.
async fn ask(attempt: &Attempt<'_>, site: &Site, effect: Effect, request: Request<'_>) -> Result<Reply, Answer> {
    let place = Place { url: &site.url, ca: site.ca.as_deref(), private: site.private };
    let answer = bounded(attempt, effect, http::talk(attempt, place, &request)).await?;
    let http::Answer { status, headers, body, whole, .. } = answer;
    Ok(Reply { status, headers, body, whole, effect })
}

/// How we stand as far as a site tells that is asked for nothing: that it answers. `known` says why there is no more.
async fn knocked(attempt: &Attempt<'_>, site: &Site, known: &str) -> Standing {
    match ask(attempt, site, Effect::Nothing, request(Method::GET, "/")).await {
        Ok(reply) if reply.status < 500 => Standing {
            reachable: StandingClaim::Yes,
            authenticated: StandingClaim::NotKnown,
            functional: StandingClaim::NotKnown,
            detail: known.to_owned(),
            answer: None,
        },
        Ok(reply) => Standing::of(reply.answer(&format!("status {}", reply.status), None)),
        Err(answer) => Standing::of(answer),
    }
}

/// A look that was refused says nothing about what was to be looked at.
fn unseen(answer: Answer) -> Answer {
    match answer.class {
        Class::Refused => Answer { class: Class::Unknown, refusal: None, ..answer },
        _ => answer,
    }
}

/// Does something within the attempt's time. What was begun and not ended is silence.
async fn bounded<T>(
    attempt: &Attempt<'_>,
    effect: Effect,
    work: impl Future<Output = Result<T, CouldNot>>,
) -> Result<T, Answer> {
    attempt.sent.store(false, Ordering::Relaxed);
    let done = tokio::time::timeout(attempt.left(), work).await;
    let done = done.unwrap_or_else(|_| Err(attempt.ran_out(attempt.limit())));
    done.map_err(|why| Answer::of_silence(&why, attempt.sent.load(Ordering::Relaxed), effect))
}

/// A request that wants JSON back.
fn request(method: Method, path: &str) -> Request<'_> {
    Request {
        method,
        path,
        headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
        body: bytes::Bytes::new(),
        authorization: None,
        follow: false,
    }
}

impl Request<'_> {
    /// With a body of this type.
    fn with_body(mut self, content_type: &'static str, body: impl Into<bytes::Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { body: body.into(), ..self }
    }

    /// With a form as its body. Text that is none of ours is encoded here and nowhere else.
    fn with_form<'b>(self, fields: impl IntoIterator<Item = (&'b str, &'b str)>) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.with_body("application/x-www-form-urlencoded", form)
    }

    /// With JSON as its body.
    fn with_json(self, value: &serde_json::Value) -> Self {
        self.with_body("application/json", value.to_string())
    }

    /// With one more header. Text that cannot stand in one is refused before anything is sent.
    fn with_header(mut self, name: HeaderName, value: &str) -> Result<Self, Answer> {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Answer::refused(Refusal::Here, &format!("header \"{name}\" cannot be sent")))?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// With what stands in the header `Authorization`.
    fn authorized(self, authorization: HeaderValue) -> Self {
        Self { authorization: Some(authorization), ..self }
    }
}

/// What a vendor answered, whatever it is.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    whole: bool,
    effect: Effect,
}

impl Reply {
    /// Whether it says that it went well.
    const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as what the interface says it is; nothing when it is something else or was not read to its end.
    fn json<T: DeserializeOwned>(&self) -> Option<T> {
        if self.whole { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// The body as a value that is handed on. What repeats a credential is not.
    fn kept<T: DeserializeOwned>(&self, attempt: &Attempt<'_>) -> Option<T> {
        let body = String::from_utf8_lossy(&self.body);
        let repeats = attempt.with_secrets(|secrets| secrets.iter().any(|secret| body.contains(secret)));
        if repeats { None } else { self.json() }
    }

    /// Its class by status, with the vendor's own words and code.
    fn answer(&self, detail: &str, code: Option<&str>) -> Answer {
        Answer::of_status(self.status, self.effect, self.header(&RETRY_AFTER), detail).coded(code)
    }

    /// A success whose body is not what the interface says. What changes something may have been done.
    fn garbled(&self) -> Answer {
        let what = if self.whole { "the answer is not what the interface says" } else { "the answer is too long" };
        Answer::of_status(500, self.effect, None, &format!("status {}: {what}", self.status)).with_status(self.status)
    }
}
