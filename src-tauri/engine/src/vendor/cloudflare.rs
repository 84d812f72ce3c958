//! Cloudflare: where a load balancer and a DNS record send, and what the cache holds.
//!
//! Source: Cloudflare's API, version 4. Every answer is an envelope `{"success","errors","result"}`, and one that says
//! `false` is a refusal whatever its status. A change is asked for with what whoever wants it has seen; it is compared
//! with what is there, and what puts it back is handed over. The interface knows no condition on a write, so a change
//! by another in the moment between our reading and our writing is not noticed.

use hyper::Method;
use lifeboat_domain::{
    Id,
    environment::Site,
    provider::{
        Answer, Class, Effect, Refusal, Standing,
        cloudflare::{Change, Changed, DnsRecord, LoadBalancer, PoolOrder, RecordContent, Step, TokenStatus, Zone},
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Reply, ask, header, request, secret, settled};
use crate::probe::{Attempt, http::bearer};

const BASE: &str = "/client/v4";
/// The addresses that may be purged with one request on every plan of theirs.
const MOST_FILES: usize = 30;

/// Cloudflare's interface for one zone, for as long as one attempt lasts.
#[derive(Debug)]
pub struct Cloudflare<'a> {
    attempt: &'a Attempt<'a>,
    api: &'a Site,
    credential: &'a Id,
    parts: Parts<'a>,
}

/// What of the zone is ours, by id.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The zone.
    pub zone: &'a str,
    /// The load balancer that is switched.
    pub load_balancer: Option<&'a str>,
    /// The DNS record that is switched.
    pub record: Option<&'a str>,
}

/// What of the cache is thrown away.
#[derive(Debug, Clone, Copy)]
pub enum Purge<'a> {
    /// All of it: every visitor's next request goes to the origin.
    Everything,
    /// What is kept for these addresses, at most thirty.
    Files(&'a [&'a str]),
}

#[derive(Debug, Deserialize)]
struct Envelope<T> {
    success: bool,
    #[serde(default = "Vec::new")]
    errors: Vec<Failure>,
    result: Option<T>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: i64,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Token {
    status: TokenStatus,
}

#[derive(Debug, Deserialize)]
struct Purged {
    id: String,
}

impl<'a> Cloudflare<'a> {
    /// Cloudflare at this place, with this credential.
    pub const fn at(attempt: &'a Attempt<'a>, api: &'a Site, credential: &'a Id, parts: Parts<'a>) -> Self {
        Self { attempt, api, credential, parts }
    }

    /// Asks whether the token is accepted, which takes no right, and then reads what it is there to switch.
    pub(crate) async fn standing(&self) -> Standing {
        Standing::of(self.verified().await.unwrap_or_else(|answer| answer))
    }

    async fn verified(&self) -> Result<Answer, Answer> {
        let token: Token = self.read(&format!("{BASE}/user/tokens/verify")).await?;
        if token.status != TokenStatus::Active {
            return Ok(Answer::refused(Refusal::Credential, &format!("the token is {}", token.status)));
        }
        if self.parts.load_balancer.is_some() {
            self.load_balancer().await?;
        }
        if self.parts.record.is_some() {
            self.record().await?;
        }
        Ok(Answer::delivered("the token is active"))
    }

    /// The zone. Takes a right of its own, which the token need not have for anything else.
    pub async fn zone(&self) -> Result<Zone, Answer> {
        self.read(&self.zone_path("")?).await
    }

    /// The load balancer.
    pub async fn load_balancer(&self) -> Result<LoadBalancer, Answer> {
        self.read(&self.load_balancer_path()?).await
    }

    /// The DNS record.
    pub async fn record(&self) -> Result<DnsRecord, Answer> {
        self.read(&self.record_path()?).await
    }

    /// Changes where the load balancer sends, or puts it back.
    pub async fn switch_load_balancer(&self, change: &Change<PoolOrder>) -> Changed<PoolOrder> {
        self.switch(self.load_balancer_path(), change).await
    }

    /// Changes where the DNS record leads, or puts it back.
    pub async fn switch_record(&self, change: &Change<RecordContent>) -> Changed<RecordContent> {
        self.switch(self.record_path(), change).await
    }

    async fn switch<S>(&self, path: Result<String, Answer>, change: &Change<S>) -> Changed<S>
    where
        S: Clone + PartialEq + Serialize + DeserializeOwned,
    {
        let unchanged = |answer| Changed { answer: settled(self.attempt, answer), revert: None };
        let path = match path {
            Ok(path) => path,
            Err(answer) => return unchanged(answer),
        };
        match self.read::<S>(&path).await.map(|now| change.step(&now)) {
            Err(answer) => return unchanged(answer),
            Ok(Step::Nothing) => return unchanged(Answer::delivered("it is so already")),
            Ok(Step::Stop) => {
                let words = "it is not as it was seen: somebody else changed it, so nothing is changed";
                return unchanged(Answer::refused(Refusal::Here, words));
            }
            Ok(Step::Change) => {}
        }
        let answer = self.write(&path, &change.wanted).await.unwrap_or_else(|answer| answer);
        // What may have been changed can be put back: the way back looks first as well.
        let touched = matches!(answer.class, Class::Accepted | Class::Delivered | Class::Unknown);
        Changed { answer: settled(self.attempt, answer), revert: touched.then(|| change.clone().reversed()) }
    }

    async fn write<S>(&self, path: &str, wanted: &S) -> Result<Answer, Answer>
    where
        S: PartialEq + Serialize + DeserializeOwned,
    {
        let body = serde_json::to_value(wanted)
            .map_err(|_| Answer::refused(Refusal::Here, "what is wanted cannot be written as JSON"))?;
        let reply = self.send(Method::PATCH, path, Effect::Once, Some(&body)).await?;
        Ok(if self.told::<S>(&reply)? == *wanted {
            Answer::delivered("changed").with_status(reply.status)
        } else {
            Answer::unknown("they say that it is changed, and tell something else").with_status(reply.status)
        })
    }

    /// Throws away what the cache holds.
    pub async fn purge(&self, what: Purge<'_>) -> Answer {
        settled(self.attempt, self.thrown_away(what).await.unwrap_or_else(|answer| answer))
    }

    async fn thrown_away(&self, what: Purge<'_>) -> Result<Answer, Answer> {
        let body = match what {
            Purge::Everything => json!({"purge_everything": true}),
            Purge::Files(files) if (1..=MOST_FILES).contains(&files.len()) => json!({"files": files}),
            Purge::Files(_) => return Err(Answer::refused(Refusal::Here, "1 to 30 addresses are purged at a time")),
        };
        let reply = self.send(Method::POST, &self.zone_path("/purge_cache")?, Effect::Once, Some(&body)).await?;
        let purged: Purged = self.told(&reply)?;
        Ok(Answer::accepted("being purged").with_status(reply.status).made(Some(&purged.id)))
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Answer> {
        let reply = self.send(Method::GET, path, Effect::Nothing, None).await;
        reply.and_then(|reply| self.told(&reply)).map_err(|answer| settled(self.attempt, answer))
    }

    fn told<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, Answer> {
        if let Some(envelope) = reply.json::<Envelope<Value>>().filter(|envelope| !envelope.success) {
            return Err(refused(reply, envelope.errors.first()));
        }
        if !reply.is_success() {
            return Err(refused(reply, None));
        }
        let envelope = reply.kept::<Envelope<T>>(self.attempt);
        envelope.and_then(|envelope| envelope.result).ok_or_else(|| reply.garbled())
    }

    fn zone_path(&self, rest: &str) -> Result<String, Answer> {
        Ok(format!("{BASE}/zones/{}{rest}", id("zone", Some(self.parts.zone))?))
    }

    fn load_balancer_path(&self) -> Result<String, Answer> {
        self.zone_path(&format!("/load_balancers/{}", id("load balancer", self.parts.load_balancer)?))
    }

    fn record_path(&self) -> Result<String, Answer> {
        self.zone_path(&format!("/dns_records/{}", id("DNS record", self.parts.record)?))
    }

    async fn send(&self, method: Method, path: &str, effect: Effect, body: Option<&Value>) -> Result<Reply, Answer> {
        let token = secret(self.attempt, self.api, self.credential).await?;
        let asked = request(method, path).authorized(header(bearer(&token))?);
        let asked = match body {
            Some(body) => asked.with_json(body),
            None => asked,
        };
        ask(self.attempt, self.api, effect, asked).await
    }
}

/// An id as Cloudflare makes them, 32 digits of sixteen; anything else would lead to another path.
fn id<'t>(what: &str, text: Option<&'t str>) -> Result<&'t str, Answer> {
    let Some(text) = text else {
        return Err(Answer::refused(Refusal::Here, &format!("the plan names no {what}")));
    };
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(Answer::refused(Refusal::Here, &format!("the id of the {what} is not one of Cloudflare's")))
}

/// What Cloudflare's codes mean where the status does not say it.
fn refused(reply: &Reply, failure: Option<&Failure>) -> Answer {
    let Some(Failure { code, message }) = failure else {
        return if reply.is_success() {
            Answer::refused(Refusal::Request, "refused without a reason").with_status(reply.status)
        } else {
            reply.answer(&format!("status {}", reply.status), None)
        };
    };
    let message = message.as_deref().unwrap_or("no reason given");
    let answer = match code {
        // Not a token, or not one they know.
        1_000 | 6_003 | 6_111 => Answer::refused(Refusal::Credential, message),
        10_000 if reply.status != 403 => Answer::refused(Refusal::Credential, message),
        _ if reply.is_success() => Answer::refused(Refusal::Request, message),
        _ => reply.answer(message, None),
    };
    answer.with_status(reply.status).coded(Some(&code.to_string()))
}
