//! Stripe: whether it takes payments, and a payment in test mode that rehearses a failover.
//!
//! Source: Stripe's API reference. Bodies are forms, errors are `{"error":{"type","code","message"}}`, and a repeat
//! under the same `Idempotency-Key` gets the first answer again, a stored 500 included. Real money is never moved: a
//! payment is made with a key for test mode or not at all.

use hyper::{Method, header::HeaderName};
use lifeboat_domain::{
    Id,
    environment::Site,
    provider::{Answer, Effect, Observation, Refusal, Standing},
};
use serde::Deserialize;

use super::{Reply, ask, header, request, secret, settled};
use crate::probe::{Attempt, http::bearer};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Stripe's interface, for as long as one attempt lasts.
#[derive(Debug)]
pub struct Stripe<'a> {
    attempt: &'a Attempt<'a>,
    api: &'a Site,
    credential: &'a Id,
}

/// A payment that rehearses.
#[derive(Debug, Clone)]
pub struct TestPayment<'a> {
    /// In the currency's smallest unit.
    pub amount: u64,
    /// Three letters, ISO 4217, lower case.
    pub currency: &'a str,
    /// A test method of payment, such as `pm_card_visa`.
    pub method: &'a str,
    /// The same for every try of the same payment, at most 255 characters.
    pub idempotency_key: &'a str,
}

#[derive(Debug, Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Debug, Deserialize)]
struct FailureBody {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Balance {
    object: String,
    livemode: bool,
}

#[derive(Debug, Deserialize)]
struct PaymentIntent {
    id: String,
    status: String,
}

impl<'a> Stripe<'a> {
    /// Stripe at this place, with this credential.
    pub const fn at(attempt: &'a Attempt<'a>, api: &'a Site, credential: &'a Id) -> Self {
        Self { attempt, api, credential }
    }

    /// Asks for the balance: the one right a restricted key needs, and nothing of a customer.
    pub(crate) async fn standing(&self) -> Standing {
        Standing::of(self.balance().await.unwrap_or_else(|answer| answer))
    }

    async fn balance(&self) -> Result<Answer, Answer> {
        let key = secret(self.attempt, self.api, self.credential).await?;
        let asked = request(Method::GET, "/v1/balance").authorized(header(bearer(&key))?);
        let reply = ask(self.attempt, self.api, Effect::Nothing, asked).await?;
        if !reply.is_success() {
            return Ok(refused(&reply));
        }
        match reply.json::<Balance>() {
            Some(balance) if balance.object == "balance" => {
                Ok(Answer::delivered(if balance.livemode { "live mode" } else { "test mode" }))
            }
            Some(_) | None => Ok(reply.garbled()),
        }
    }

    /// Makes and confirms a payment in test mode. Delivered means that it succeeded.
    pub async fn test_payment(&self, payment: &TestPayment<'_>) -> Answer {
        settled(self.attempt, self.pay(payment).await.unwrap_or_else(|answer| answer))
    }

    async fn pay(&self, payment: &TestPayment<'_>) -> Result<Answer, Answer> {
        let key = secret(self.attempt, self.api, self.credential).await?;
        // Secret and restricted keys; the word says the mode.
        if !["sk_test_", "rk_test_"].iter().any(|prefix| key.reveal().starts_with(prefix)) {
            return Err(Answer::refused(Refusal::Here, "not a key for test mode, so no payment is made"));
        }
        let amount = payment.amount.to_string();
        let asked = request(Method::POST, "/v1/payment_intents")
            .with_form([
                ("amount", amount.as_str()),
                ("currency", payment.currency),
                ("payment_method", payment.method),
                ("confirm", "true"),
                ("automatic_payment_methods[enabled]", "true"),
                ("automatic_payment_methods[allow_redirects]", "never"),
            ])
            .with_header(IDEMPOTENCY_KEY, payment.idempotency_key)?
            .authorized(header(bearer(&key))?);
        let reply = ask(self.attempt, self.api, Effect::Once, asked).await?;
        Ok(intent(&reply))
    }

    /// Asks what became of a payment: `reference` of the answer that made it.
    pub async fn payment(&self, reference: &str) -> Answer {
        settled(self.attempt, self.look(Method::GET, reference, "").await.unwrap_or_else(|answer| answer))
    }

    /// Cancels a payment that is not through yet.
    pub async fn payment_cancel(&self, reference: &str) -> Answer {
        settled(self.attempt, self.look(Method::POST, reference, "/cancel").await.unwrap_or_else(|answer| answer))
    }

    async fn look(&self, method: Method, reference: &str, what: &str) -> Result<Answer, Answer> {
        if !is_reference(reference) {
            return Err(Answer::refused(Refusal::Here, "that is not the id of a payment"));
        }
        let key = secret(self.attempt, self.api, self.credential).await?;
        let effect = if method == Method::GET { Effect::Nothing } else { Effect::Once };
        let path = format!("/v1/payment_intents/{reference}{what}");
        let asked = request(method, &path).authorized(header(bearer(&key))?);
        Ok(intent(&ask(self.attempt, self.api, effect, asked).await?))
    }
}

/// An id as Stripe makes them; anything else would lead to another path.
fn is_reference(text: &str) -> bool {
    (4..=255).contains(&text.len())
        && text.starts_with("pi_")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A payment as it stands.
fn intent(reply: &Reply) -> Answer {
    if !reply.is_success() {
        return refused(reply);
    }
    let Some(intent) = reply.json::<PaymentIntent>().filter(|intent| is_reference(&intent.id)) else {
        return reply.garbled();
    };
    let answer = match intent.status.as_str() {
        "succeeded" => Answer::delivered("paid"),
        "canceled" => Answer::delivered("cancelled"),
        "requires_payment_method" => Answer::refused(Refusal::Declined, "the method of payment was declined"),
        other => Answer::accepted(&format!("the payment is {other}")),
    };
    answer.with_status(reply.status).coded(Some(&intent.status)).made(Some(&intent.id))
}

/// What Stripe's own types of error mean; without one, the status decides.
fn refused(reply: &Reply) -> Answer {
    let Some(Failure { error }) = reply.json::<Failure>() else {
        return reply.answer(&format!("status {}", reply.status), None);
    };
    let message = error.message.as_deref().unwrap_or("no reason given");
    let code = error.decline_code.as_deref().or(error.code.as_deref()).unwrap_or(&error.kind);
    match (error.kind.as_str(), reply.status) {
        ("card_error", _) | (_, 402) => Answer::refused(Refusal::Declined, message),
        // Another try of the same payment is under way.
        (_, 409) => Answer::retry_later(Observation::Neither, message),
        // What Stripe itself depends on failed.
        (_, 424) => Answer::retry_later(Observation::Failed, message),
        ("idempotency_error", _) => Answer::refused(Refusal::Request, message),
        _ => reply.answer(message, None),
    }
    .with_status(reply.status)
    .coded(Some(code))
}
