//! Square's sandbox as a stand-in: one location, and payments that are approved, captured and cancelled.

use std::collections::{BTreeMap, HashMap};

use hyper::Method;
use serde_json::{Map, Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

const LOCATION: &str = "LRANGE0000001";

pub(super) struct Square {
    token: String,
    payments: BTreeMap<String, Value>,
    /// What was asked under an idempotency key, and which payment it made or how it was refused.
    answered: HashMap<String, (Value, Result<String, Told>)>,
}

/// What a payment may say here; Square refuses any other field by name.
const KNOWN: [&str; 5] = ["source_id", "idempotency_key", "amount_money", "autocomplete", "location_id"];

impl Square {
    pub(super) fn new() -> Result<Self, RangeError> {
        Ok(Self { token: secret("sandbox-sq0atb-", 37)?, payments: BTreeMap::new(), answered: HashMap::new() })
    }

    fn pay(&mut self, body: &Map<String, Value>) -> Told {
        let key = match idempotency_key(body) {
            Ok(key) => key.to_owned(),
            Err(told) => return told,
        };
        let whole = Value::Object(body.clone());
        if let Some((earlier, outcome)) = self.answered.get(&key) {
            if *earlier != whole {
                let words = "The idempotency key can only be retried with the same request data.";
                return invalid("IDEMPOTENCY_KEY_REUSED", words, Some("idempotency_key"));
            }
            return match outcome {
                Ok(id) => self.tell(id),
                Err(told) => told.clone(),
            };
        }
        let outcome = self.make(body);
        let told = match &outcome {
            Ok(id) => self.tell(id),
            Err(told) => told.clone(),
        };
        // A request that could not be carried out leaves its key free.
        if matches!(told.status, 200 | 402) {
            self.answered.insert(key, (whole, outcome));
        }
        told
    }

    fn make(&mut self, body: &Map<String, Value>) -> Result<String, Told> {
        if let Some(odd) = body.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(invalid("UNKNOWN_BODY_PARAMETER", "Field is not known.", Some(odd)));
        }
        let Some(source) = body.get("source_id") else {
            return Err(missing("source_id"));
        };
        let Some(source) = source.as_str() else {
            return Err(invalid("EXPECTED_STRING", "Expected a string value.", Some("source_id")));
        };
        let Some(amount) = body.get("amount_money") else {
            return Err(missing("amount_money"));
        };
        let Some(cents) = amount["amount"].as_u64() else {
            return Err(invalid("EXPECTED_INTEGER", "Expected an integer value.", Some("amount_money.amount")));
        };
        if cents == 0 {
            return Err(invalid("VALUE_TOO_LOW", "`amount_money.amount` must be greater than 0.", None));
        }
        if !amount["currency"].as_str().is_some_and(|code| code.len() == 3 && code == code.to_uppercase()) {
            let words = "`currency` is not a valid enum value for `Currency`.";
            return Err(invalid("INVALID_ENUM_VALUE", words, Some("amount_money.currency")));
        }
        let capture = match body.get("autocomplete") {
            None => true,
            Some(Value::Bool(capture)) => *capture,
            Some(_) => return Err(invalid("EXPECTED_BOOLEAN", "Expected a boolean value.", Some("autocomplete"))),
        };
        if body.get("location_id").is_some_and(|location| location != LOCATION) {
            return Err(error(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "Location not found.", Some("location_id")));
        }
        match source {
            "cnon:card-nonce-ok" => {}
            "cnon:card-nonce-declined" => {
                let words = "Authorization error: 'GENERIC_DECLINE'";
                return Err(error(402, "PAYMENT_METHOD_ERROR", "GENERIC_DECLINE", words, None));
            }
            _ => {
                let words = "Card nonce not found in this sandbox application environment.";
                return Err(error(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", words, Some("source_id")));
            }
        }
        let id = format!("range{:028}", self.payments.len() + 1);
        let payment = json!({
            "id": id, "status": if capture { "COMPLETED" } else { "APPROVED" }, "amount_money": amount,
            "location_id": LOCATION, "source_type": "CARD",
        });
        self.payments.insert(id.clone(), payment);
        Ok(id)
    }

    fn tell(&self, id: &str) -> Told {
        if let Some(payment) = self.payments.get(id) {
            return Told::json(200, &json!({"payment": payment}));
        }
        let words = format!("Could not find payment with id: {id}");
        error(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", &words, Some("payment_id"))
    }

    fn cancel(&mut self, body: &Map<String, Value>) -> Told {
        let key = match idempotency_key(body) {
            Ok(key) => key,
            Err(told) => return told,
        };
        let made = self.answered.get(key).and_then(|(_, outcome)| outcome.as_ref().ok());
        if let Some(payment) = made.and_then(|id| self.payments.get_mut(id)) {
            if payment["status"] == "COMPLETED" {
                return invalid("BAD_REQUEST", "A completed payment cannot be canceled.", None);
            }
            payment["status"] = json!("CANCELED");
        }
        Told::json(200, &json!({}))
    }
}

impl StandIn for Square {
    fn answer(&mut self, asked: &Asked) -> Told {
        if asked.header("authorization").strip_prefix("Bearer ") != Some(self.token.as_str()) {
            let words = "This request could not be authorized.";
            return error(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", words, None);
        }
        let version = asked.header("square-version");
        if !version.is_empty() && chrono::NaiveDate::parse_from_str(version, "%Y-%m-%d").is_err() {
            return invalid("INVALID_SQUARE_VERSION_FORMAT", "The version is not a date.", Some("Square-Version"));
        }
        let body = || match asked.json() {
            Some(Value::Object(body)) => Ok(body),
            Some(_) | None => Err(invalid("EXPECTED_JSON_BODY", "Expected a JSON body.", None)),
        };
        match (&asked.method, asked.segments().as_slice()) {
            (&Method::GET, ["v2", "locations"]) => Told::json(
                200,
                &json!({"locations": [{
                    "id": LOCATION, "name": "Range", "status": "ACTIVE", "capabilities": ["CREDIT_CARD_PROCESSING"],
                }]}),
            ),
            (&Method::POST, ["v2", "payments"]) => body().map_or_else(|told| told, |body| self.pay(&body)),
            (&Method::POST, ["v2", "payments", "cancel"]) => body().map_or_else(|told| told, |body| self.cancel(&body)),
            (&Method::GET, ["v2", "payments", id]) => self.tell(id),
            _ => error(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "Resource not found.", None),
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        let (category, code) = match status {
            401 => ("AUTHENTICATION_ERROR", "UNAUTHORIZED"),
            403 => ("AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES"),
            404 => ("INVALID_REQUEST_ERROR", "NOT_FOUND"),
            410 => ("INVALID_REQUEST_ERROR", "GONE"),
            429 => ("RATE_LIMIT_ERROR", "RATE_LIMITED"),
            503 => ("API_ERROR", "SERVICE_UNAVAILABLE"),
            _ => ("API_ERROR", "INTERNAL_SERVER_ERROR"),
        };
        error(status, category, code, words, None)
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("location", LOCATION.to_owned())]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-square", self.token.clone())]
    }
}

fn idempotency_key(body: &Map<String, Value>) -> Result<&str, Told> {
    let field = Some("idempotency_key");
    match body.get("idempotency_key").map(Value::as_str) {
        None => Err(missing("idempotency_key")),
        Some(None) => Err(invalid("EXPECTED_STRING", "Expected a string value.", field)),
        Some(Some("")) => Err(invalid("VALUE_EMPTY", "Field must not be blank.", field)),
        Some(Some(key)) if key.len() > 45 => {
            Err(invalid("VALUE_TOO_LONG", "Field must not be greater than 45 in length.", field))
        }
        Some(Some(key)) => Ok(key),
    }
}

fn missing(field: &str) -> Told {
    invalid("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", Some(field))
}

fn invalid(code: &str, words: &str, field: Option<&str>) -> Told {
    error(400, "INVALID_REQUEST_ERROR", code, words, field)
}

fn error(status: u16, category: &str, code: &str, words: &str, field: Option<&str>) -> Told {
    let mut failure = json!({"category": category, "code": code, "detail": words});
    if let Some(field) = field {
        failure["field"] = json!(field);
    }
    Told::json(status, &json!({"errors": [failure]}))
}
