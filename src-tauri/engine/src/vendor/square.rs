//! Square: whether it takes payments at our location, and a payment in the sandbox that rehearses a failover.
//!
//! Source: Square's API reference. Errors are `{"errors":[{"category","code","detail"}]}`; the category says whose
//! they are. An outcome nobody knows is settled by cancelling by the payment's idempotency key, never by paying
//! elsewhere. Real money is never moved: a payment is made in the sandbox or not at all.

use hyper::{Method, header::HeaderName};
use lifeboat_domain::{
    Id,
    environment::Site,
    provider::{Answer, Effect, Observation, Refusal, Standing},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reply, ask, header, request, secret, settled};
use crate::probe::{Attempt, http::bearer};

const SQUARE_VERSION: HeaderName = HeaderName::from_static("square-version");
const SANDBOX: &str = "https://connect.squareupsandbox.com";
/// How the tokens of a sandbox begin that can be told by their look.
const SANDBOX_TOKEN: &str = "sandbox-";

/// Square's interface, for as long as one attempt lasts.
#[derive(Debug)]
pub struct Square<'a> {
    attempt: &'a Attempt<'a>,
    api: &'a Site,
    credential: &'a Id,
    location: Option<&'a str>,
    version: &'a str,
}

/// A payment that rehearses.
#[derive(Debug, Clone)]
pub struct SandboxPayment<'a> {
    /// In the currency's smallest unit.
    pub amount: u64,
    /// Three letters, ISO 4217, upper case.
    pub currency: &'a str,
    /// A source for the sandbox, such as `cnon:card-nonce-ok`.
    pub source: &'a str,
    /// Whether it is captured at once; otherwise it is only approved and can be cancelled.
    pub capture: bool,
    /// The same for every try of the same payment, 1 to 45 characters.
    pub idempotency_key: &'a str,
}

#[derive(Debug, Deserialize)]
struct Failures {
    errors: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    category: String,
    code: String,
    detail: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Locations {
    #[serde(default)]
    locations: Vec<Location>,
}

#[derive(Debug, Deserialize)]
struct Location {
    id: String,
    status: Option<String>,
    capabilities: Option<Vec<String>>,
}

impl Location {
    fn takes_cards(&self) -> bool {
        let capable = |all: &Vec<String>| all.iter().any(|one| one == "CREDIT_CARD_PROCESSING");
        self.status.as_deref() == Some("ACTIVE") && self.capabilities.as_ref().is_none_or(capable)
    }
}

#[derive(Debug, Deserialize)]
struct Paid {
    payment: Payment,
}

#[derive(Debug, Deserialize)]
struct Payment {
    id: String,
    status: String,
}

impl<'a> Square<'a> {
    /// Square at this place, with this credential and this version of the interface.
    pub const fn at(
        attempt: &'a Attempt<'a>,
        api: &'a Site,
        credential: &'a Id,
        location: Option<&'a str>,
        version: &'a str,
    ) -> Self {
        Self { attempt, api, credential, location, version }
    }

    /// Asks for our locations: the one right it takes is to read our own profile, and nothing of a customer is in it.
    pub(crate) async fn standing(&self) -> Standing {
        Standing::of(self.locations().await.unwrap_or_else(|answer| answer))
    }

    async fn locations(&self) -> Result<Answer, Answer> {
        let reply = self.send(Method::GET, "/v2/locations", Effect::Nothing, None).await?;
        if !reply.is_success() {
            return Ok(refused(&reply));
        }
        // An answer with errors in it is none.
        let Some(Locations { locations }) = reply.json().filter(|_| reply.json::<Failures>().is_none()) else {
            return Ok(reply.garbled());
        };
        let ours = |location: &Location| self.location.is_none_or(|wanted| location.id == wanted);
        Ok(match locations.iter().filter(|location| ours(location)).collect::<Vec<_>>().as_slice() {
            [] if self.location.is_some() => Answer::refused(Refusal::Gone, "the location of the plan is not there"),
            [] => Answer::refused(Refusal::Gone, "there is no location"),
            some if some.iter().any(|location| location.takes_cards()) => Answer::delivered("takes cards"),
            _ => Answer::refused(Refusal::Gone, "no location takes cards"),
        }
        .with_status(reply.status))
    }

    /// Makes a payment in the sandbox. Delivered means that it was captured, accepted that it is only approved.
    pub async fn test_payment(&self, payment: &SandboxPayment<'_>) -> Answer {
        settled(self.attempt, self.pay(payment).await.unwrap_or_else(|answer| answer))
    }

    async fn pay(&self, payment: &SandboxPayment<'_>) -> Result<Answer, Answer> {
        let key = keyed(payment.idempotency_key)?;
        self.sandbox_only().await?;
        let mut body = json!({
            "idempotency_key": key,
            "source_id": payment.source,
            "amount_money": {"amount": payment.amount, "currency": payment.currency},
            "autocomplete": payment.capture,
        });
        if let Some(location) = self.location {
            body["location_id"] = json!(location);
        }
        Ok(paid(&self.send(Method::POST, "/v2/payments", Effect::Once, Some(&body)).await?))
    }

    /// Real money may only be moved by the platform, so the place or the token has to be the sandbox's.
    async fn sandbox_only(&self) -> Result<(), Answer> {
        let token = secret(self.attempt, self.api, self.credential).await?;
        if self.api.url == SANDBOX || token.reveal().starts_with(SANDBOX_TOKEN) {
            return Ok(());
        }
        Err(Answer::refused(Refusal::Here, "neither the place nor the token is the sandbox's, so no payment is made"))
    }

    /// Cancels whatever stands under the idempotency key of a payment in the sandbox whose outcome nobody knows.
    /// Delivered means that no payment stands under it, be it that there never was one.
    pub async fn cancel_unknown(&self, idempotency_key: &str) -> Answer {
        settled(self.attempt, self.cancel(idempotency_key).await.unwrap_or_else(|answer| answer))
    }

    async fn cancel(&self, idempotency_key: &str) -> Result<Answer, Answer> {
        let body = json!({"idempotency_key": keyed(idempotency_key)?});
        self.sandbox_only().await?;
        let reply = self.send(Method::POST, "/v2/payments/cancel", Effect::Once, Some(&body)).await?;
        if !reply.is_success() {
            return Ok(refused(&reply));
        }
        // A success is an object with nothing in it.
        Ok(match reply.json::<Value>() {
            Some(Value::Object(body)) if !body.contains_key("errors") => {
                Answer::delivered("no payment stands under this key").with_status(reply.status)
            }
            Some(_) | None => reply.garbled(),
        })
    }

    /// Asks what became of a payment: `reference` of the answer that made it.
    pub async fn payment(&self, reference: &str) -> Answer {
        settled(self.attempt, self.look(reference).await.unwrap_or_else(|answer| answer))
    }

    async fn look(&self, reference: &str) -> Result<Answer, Answer> {
        if !is_reference(reference) {
            return Err(Answer::refused(Refusal::Here, "that is not the id of a payment"));
        }
        let path = format!("/v2/payments/{reference}");
        Ok(paid(&self.send(Method::GET, &path, Effect::Nothing, None).await?))
    }

    async fn send(&self, method: Method, path: &str, effect: Effect, body: Option<&Value>) -> Result<Reply, Answer> {
        let token = secret(self.attempt, self.api, self.credential).await?;
        let asked =
            request(method, path).with_header(SQUARE_VERSION, self.version)?.authorized(header(bearer(&token))?);
        let asked = match body {
            Some(body) => asked.with_json(body),
            None => asked,
        };
        ask(self.attempt, self.api, effect, asked).await
    }
}

/// A key of a length Square takes; a longer one it would refuse after we had counted on it.
fn keyed(key: &str) -> Result<&str, Answer> {
    if (1..=45).contains(&key.chars().count()) {
        return Ok(key);
    }
    Err(Answer::refused(Refusal::Here, "an idempotency key has 1 to 45 characters"))
}

/// An id as Square makes them; anything else would lead to another path.
fn is_reference(text: &str) -> bool {
    (1..=192).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// A payment as it stands.
fn paid(reply: &Reply) -> Answer {
    if !reply.is_success() {
        return refused(reply);
    }
    let Some(Paid { payment }) = reply.json::<Paid>().filter(|paid| is_reference(&paid.payment.id)) else {
        return reply.garbled();
    };
    let answer = match payment.status.as_str() {
        "COMPLETED" => Answer::delivered("paid"),
        "CANCELED" => Answer::delivered("cancelled"),
        "FAILED" => Answer::refused(Refusal::Declined, "the payment failed"),
        other => Answer::accepted(&format!("the payment is {other}")),
    };
    answer.with_status(reply.status).coded(Some(&payment.status)).made(Some(&payment.id))
}

/// What Square's own categories and codes mean; without them, the status decides.
fn refused(reply: &Reply) -> Answer {
    let failures = reply.json::<Failures>().map(|failures| failures.errors).unwrap_or_default();
    let Some(Failure { category, code, detail }) = failures.first() else {
        return reply.answer(&format!("status {}", reply.status), None);
    };
    let detail = detail.as_deref().unwrap_or("no reason given");
    let by_status = || reply.answer(detail, Some(code));
    let answer = match (category.as_str(), code.as_str()) {
        // These two say that nothing was done and that it may be asked again.
        (_, "TEMPORARY_ERROR" | "SERVICE_UNAVAILABLE") => Answer::retry_later(Observation::Failed, detail),
        ("RATE_LIMIT_ERROR", _) => Answer::retry_later(Observation::Neither, detail),
        ("PAYMENT_METHOD_ERROR", _) => Answer::refused(Refusal::Declined, detail),
        ("AUTHENTICATION_ERROR", "UNAUTHORIZED" | "ACCESS_TOKEN_EXPIRED" | "ACCESS_TOKEN_REVOKED") => {
            Answer::refused(Refusal::Credential, detail)
        }
        ("AUTHENTICATION_ERROR", _) => Answer::refused(Refusal::Permission, detail),
        ("INVALID_REQUEST_ERROR", "NOT_FOUND" | "GONE") => Answer::refused(Refusal::Gone, detail),
        // Another try of the same payment may be under way.
        (_, "CONFLICT") => Answer { observation: Observation::Neither, ..Answer::unknown(detail) },
        ("INVALID_REQUEST_ERROR", "REQUEST_TIMEOUT") => by_status(),
        ("INVALID_REQUEST_ERROR", _) if reply.status < 500 => Answer::refused(Refusal::Request, detail),
        _ => by_status(),
    };
    Answer { retry_after_ms: by_status().retry_after_ms, ..answer.with_status(reply.status).coded(Some(code)) }
}
