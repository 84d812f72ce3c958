//! Stripe as a stand-in: the balance, and payments that know their idempotency keys.

use std::collections::{BTreeMap, HashMap};

use hyper::Method;
use serde_json::{Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

pub(super) struct Stripe {
    key: String,
    payments: BTreeMap<String, Value>,
    /// What was asked and answered under an idempotency key.
    answered: HashMap<String, (Vec<u8>, Told)>,
}

/// The fields a payment may have here; Stripe refuses any other by name.
const KNOWN: [&str; 6] = [
    "amount",
    "currency",
    "payment_method",
    "confirm",
    "automatic_payment_methods[enabled]",
    "automatic_payment_methods[allow_redirects]",
];

impl Stripe {
    pub(super) fn new() -> Result<Self, RangeError> {
        Ok(Self { key: secret("sk_test_51", 107)?, payments: BTreeMap::new(), answered: HashMap::new() })
    }

    fn pay(&mut self, asked: &Asked) -> Told {
        let Some(form) = asked.form() else {
            return invalid("parameter_missing", "Missing required param: amount.", Some("amount"));
        };
        let key = asked.header("idempotency-key").to_owned();
        if !key.is_empty()
            && let Some((body, told)) = self.answered.get(&key)
        {
            if *body != asked.body {
                let words = "Keys for idempotent requests can only be used with the same parameters they were first \
                             used with.";
                return error(400, "idempotency_error", None, words, None);
            }
            return told.clone().with("idempotent-replayed", "true");
        }
        let told = self.make(&form);
        if !key.is_empty() {
            self.answered.insert(key, (asked.body.to_vec(), told.clone()));
        }
        told
    }

    fn make(&mut self, form: &BTreeMap<String, String>) -> Told {
        if let Some(odd) = form.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return invalid("parameter_unknown", &format!("Received unknown parameter: {odd}"), Some(odd));
        }
        let amount = match form.get("amount").map(|amount| amount.parse::<u64>()) {
            None => return invalid("parameter_missing", "Missing required param: amount.", Some("amount")),
            Some(Err(_)) => return invalid("parameter_invalid_integer", "Invalid integer", Some("amount")),
            Some(Ok(amount)) => amount,
        };
        let Some(currency) = form.get("currency") else {
            return invalid("parameter_missing", "Missing required param: currency.", Some("currency"));
        };
        if amount < 50 {
            let words = "Amount must be at least 50 cents";
            return invalid("amount_too_small", words, Some("amount"));
        }
        let id = format!("pi_{:024}", self.payments.len() + 1);
        let confirmed = form.get("confirm").is_some_and(|confirm| confirm == "true");
        let method = form.get("payment_method").map(String::as_str);
        if confirmed && method.is_some_and(|method| method.starts_with("pm_card_chargeDeclined")) {
            return error(402, "card_error", Some("card_declined"), "Your card was declined.", None);
        }
        let status = match (confirmed, method) {
            (true, Some(_)) => "succeeded",
            (_, Some(_)) => "requires_confirmation",
            (_, None) => "requires_payment_method",
        };
        let payment = json!({
            "id": id, "object": "payment_intent", "amount": amount, "currency": currency, "status": status,
            "amount_received": if status == "succeeded" { amount } else { 0 }, "livemode": false,
        });
        self.payments.insert(id, payment.clone());
        Told::json(200, &payment)
    }
}

impl StandIn for Stripe {
    fn answer(&mut self, asked: &Asked) -> Told {
        match asked.header("authorization").strip_prefix("Bearer ") {
            Some(key) if key == self.key => {}
            Some(_) => return error(401, "invalid_request_error", None, "Invalid API Key provided", None),
            None => return error(401, "invalid_request_error", None, "You did not provide an API key.", None),
        }
        match (&asked.method, asked.segments().as_slice()) {
            (&Method::GET, ["v1", "balance"]) => Told::json(
                200,
                &json!({
                    "object": "balance", "livemode": false,
                    "available": [{"amount": 0, "currency": "eur", "source_types": {"card": 0}}],
                    "pending": [{"amount": 0, "currency": "eur", "source_types": {"card": 0}}],
                }),
            ),
            (&Method::POST, ["v1", "payment_intents"]) => self.pay(asked),
            (&Method::GET, ["v1", "payment_intents", id]) => match self.payments.get(*id) {
                Some(payment) => Told::json(200, payment),
                None => missing(id),
            },
            (&Method::POST, ["v1", "payment_intents", id, "cancel"]) => match self.payments.get_mut(*id) {
                Some(payment) if payment["status"] == "succeeded" => {
                    let words = "You cannot cancel this PaymentIntent because it has a status of succeeded.";
                    invalid("payment_intent_unexpected_state", words, None)
                }
                Some(payment) => {
                    payment["status"] = json!("canceled");
                    Told::json(200, payment)
                }
                None => missing(id),
            },
            _ => {
                let words = format!("Unrecognized request URL ({}: {}).", asked.method, asked.path);
                error(404, "invalid_request_error", None, &words, None)
            }
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        let kind = match status {
            500.. => "api_error",
            402 => "card_error",
            _ => "invalid_request_error",
        };
        let code = (status == 429).then_some("rate_limit");
        error(status, kind, code, words, None)
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-stripe", self.key.clone())]
    }
}

fn missing(id: &str) -> Told {
    let words = format!("No such payment_intent: '{id}'");
    error(404, "invalid_request_error", Some("resource_missing"), &words, Some("intent"))
}

fn invalid(code: &str, words: &str, param: Option<&str>) -> Told {
    error(400, "invalid_request_error", Some(code), words, param)
}

fn error(status: u16, kind: &str, code: Option<&str>, words: &str, param: Option<&str>) -> Told {
    let mut body = json!({"type": kind, "message": words});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    if let Some(param) = param {
        body["param"] = json!(param);
    }
    Told::json(status, &json!({"error": body}))
}
