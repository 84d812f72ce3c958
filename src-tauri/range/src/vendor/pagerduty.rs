//! PagerDuty as a stand-in: events that open, join and close alerts by their key, and incidents made by hand. One
//! service, one person on call, who acknowledges nothing unless told.

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::{Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

const SERVICE: &str = "PRANGE1";
/// The one user incidents may be made in the name of.
const USER: &str = "lifeboat@range.test";
const VERSION: &str = "application/vnd.pagerduty+json;version=2";
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

pub(super) struct PagerDuty {
    routing_key: String,
    token: String,
    incidents: Vec<Incident>,
}

struct Incident {
    id: String,
    key: String,
    title: String,
    status: &'static str,
    urgency: String,
}

impl Incident {
    fn told(&self) -> Value {
        json!({
            "id": self.id, "type": "incident", "title": self.title, "status": self.status, "urgency": self.urgency,
            "incident_key": self.key, "service": {"id": SERVICE, "type": "service_reference"},
        })
    }
}

impl PagerDuty {
    pub(super) fn new() -> Result<Self, RangeError> {
        Ok(Self { routing_key: secret("", 32)?, token: secret("u+", 20)?, incidents: Vec::new() })
    }

    fn open(&mut self, key: &str) -> Option<&mut Incident> {
        self.incidents.iter_mut().find(|incident| incident.key == key && incident.status != "resolved")
    }

    fn begin(&mut self, key: String, title: String, urgency: &str) -> Value {
        let id = format!("Q{:013}", self.incidents.len() + 1);
        let incident = Incident { id, key, title, status: "triggered", urgency: urgency.to_owned() };
        let told = incident.told();
        self.incidents.push(incident);
        told
    }

    fn enqueue(&mut self, asked: &Asked) -> Told {
        let Some(Value::Object(event)) = asked.json() else {
            let words = json!({"status": "Unrecognized object", "message": "Event object format is unrecognized",
                "errors": ["JSON parse error"]});
            return Told::json(400, &words);
        };
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let errors = self.faults(&event);
        if !errors.is_empty() {
            return invalid_event("Event object is invalid", &errors);
        }
        if text("routing_key") != self.routing_key {
            return invalid_event("Invalid routing key", &[]);
        }
        let key = match text("dedup_key") {
            "" => format!("{:032}", self.incidents.len() + 1),
            key => key.to_owned(),
        };
        let summary = event.get("payload").and_then(|payload| payload["summary"].as_str()).unwrap_or_default();
        match (text("event_action"), self.open(&key)) {
            // An alert that is open takes the newer words.
            ("trigger", Some(open)) => summary.clone_into(&mut open.title),
            ("trigger", None) => {
                self.begin(key.clone(), summary.to_owned(), "high");
            }
            ("acknowledge", Some(open)) => open.status = "acknowledged",
            ("resolve", Some(open)) => open.status = "resolved",
            // Taken all the same; it changes nothing.
            _ => {}
        }
        Told::json(202, &json!({"status": "success", "message": "Event processed", "dedup_key": key}))
    }

    fn faults(&self, event: &serde_json::Map<String, Value>) -> Vec<String> {
        let mut errors = Vec::new();
        let mut is = |right: bool, words: &str| {
            if !right {
                errors.push(words.to_owned());
            }
        };
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let key = text("routing_key").unwrap_or_default();
        is(key.len() == self.routing_key.len(), "Length of 'routing_key' is incorrect (should be 32 characters)");
        let action = text("event_action").unwrap_or_default();
        is(["trigger", "acknowledge", "resolve"].contains(&action), "'event_action' is not valid");
        let dedup = text("dedup_key").unwrap_or_default();
        is(dedup.chars().count() <= 255, "'dedup_key' is too long (maximum is 255 characters)");
        if action != "trigger" {
            is(!dedup.is_empty(), "'dedup_key' is missing or blank");
            return errors;
        }
        let payload = event.get("payload").cloned().unwrap_or_default();
        for name in ["summary", "source"] {
            let there = payload[name].as_str().is_some_and(|text| !text.is_empty());
            is(there, &format!("'payload.{name}' is missing or blank"));
        }
        let summary = payload["summary"].as_str().unwrap_or_default();
        is(summary.chars().count() <= 1_024, "'summary' is too long (maximum is 1024 characters)");
        let severity = payload["severity"].as_str().unwrap_or_default();
        is(
            SEVERITIES.contains(&severity),
            "'payload.severity' is invalid (must be one of the following: critical, error, warning or info)",
        );
        errors
    }

    fn rest(&mut self, asked: &Asked) -> Told {
        if asked.header("authorization") != format!("Token token={}", self.token) {
            return error(401, 2006, "You are not authorized to access this resource", &[]);
        }
        if !asked.header("accept").contains(VERSION) {
            return error(400, 2001, "Invalid Input Provided", &["The Accept header names no version."]);
        }
        if !asked.header("content-type").starts_with("application/json") {
            return error(400, 2001, "Invalid Input Provided", &["The Content-Type is not application/json."]);
        }
        match (&asked.method, asked.segments().as_slice()) {
            (&Method::GET, ["abilities"]) => Told::json(200, &json!({"abilities": ["urgencies", "teams"]})),
            (&Method::GET, ["services", SERVICE]) => Told::json(
                200,
                &json!({"service": {"id": SERVICE, "type": "service", "name": "Practice", "status": "active"}}),
            ),
            (&Method::GET, ["incidents"]) => self.list(asked),
            (&Method::POST, ["incidents"]) => self.make(asked),
            _ => error(404, 2100, "Not Found", &[]),
        }
    }

    fn list(&self, asked: &Asked) -> Told {
        let query: Vec<(String, String)> = super::pairs(asked.query.as_bytes());
        let all = |name: &str| {
            query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        let (keys, statuses, services) = (all("incident_key"), all("statuses[]"), all("service_ids[]"));
        let limit = all("limit").first().and_then(|limit| limit.parse().ok()).unwrap_or(25);
        let fits = |incident: &&Incident| {
            keys.iter().all(|key| *key == incident.key)
                && (statuses.is_empty() || statuses.contains(&incident.status))
                && (services.is_empty() || services.contains(&SERVICE))
        };
        let told: Vec<Value> = self.incidents.iter().rev().filter(fits).take(limit).map(Incident::told).collect();
        Told::json(200, &json!({"incidents": told, "limit": limit, "offset": 0, "more": false, "total": null}))
    }

    fn make(&mut self, asked: &Asked) -> Told {
        if asked.header("from") != USER {
            return error(400, 1008, "Requester User Not Found", &[]);
        }
        let wrong = |words: &str| error(400, 2001, "Invalid Input Provided", &[words]);
        let Some(body) = asked.json() else { return wrong("The body is not JSON.") };
        let incident = &body["incident"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if text(&incident["type"]) != "incident" {
            return wrong("Incident type must be incident.");
        }
        if text(&incident["title"]).is_empty() {
            return wrong("Title cannot be empty.");
        }
        if incident["service"] != json!({"id": SERVICE, "type": "service_reference"}) {
            return wrong("Service must be present.");
        }
        if !incident["body"].is_null()
            && (text(&incident["body"]["type"]) != "incident_body" || !incident["body"]["details"].is_string())
        {
            return wrong("Body is invalid.");
        }
        let key = text(&incident["incident_key"]);
        if !key.is_empty() && self.open(&key).is_some() {
            let words = "Open incident with matching dedup key already exists on this service";
            return error(400, 2002, "Arguments Caused Error", &[words]);
        }
        let urgency = incident["urgency"].as_str().unwrap_or("high").to_owned();
        let made = self.begin(key, text(&incident["title"]), &urgency);
        Told::json(201, &json!({"incident": made}))
    }
}

impl StandIn for PagerDuty {
    fn answer(&mut self, asked: &Asked) -> Told {
        match (&asked.method, asked.segments().as_slice()) {
            (&Method::POST, ["v2", "enqueue"]) => self.enqueue(asked),
            // What the host of the events says to anything else.
            (_, ["v2", ..] | []) => Told::text(404, "Not Found"),
            _ => self.rest(asked),
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        error(status, 2000, words, &[])
    }

    fn refuse(&self, asked: &Asked, status: u16, words: &str) -> Told {
        match (asked.path.as_str(), status) {
            ("/v2/enqueue", 401 | 403) => invalid_event("Invalid routing key", &[]),
            ("/v2/enqueue", 429) => Told::json(429, &json!({"status": "throttle exceeded", "message": words})),
            ("/v2/enqueue", status) => Told::json(status, &json!({"status": "error", "message": words, "errors": []})),
            (_, 429) => self.refusal(429, words).with("ratelimit-reset", "2"),
            _ => self.refusal(status, words),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("service", SERVICE.to_owned()), ("user", USER.to_owned())]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-pagerduty", self.routing_key.clone()), ("range-pagerduty-rest", self.token.clone())]
    }
}

fn invalid_event(message: &str, errors: &[String]) -> Told {
    Told::json(400, &json!({"status": "invalid event", "message": message, "errors": errors}))
}

fn error(status: u16, code: u32, message: &str, errors: &[&str]) -> Told {
    let mut body = BTreeMap::from([("code", json!(code)), ("message", json!(message))]);
    if !errors.is_empty() {
        body.insert("errors", json!(errors));
    }
    Told::json(status, &json!({"error": body}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, path: &str, headers: &[(&'static str, &str)], body: &str) -> Asked {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let header = |(name, value): &(&'static str, &str)| {
            (hyper::header::HeaderName::from_static(name), value.parse().unwrap())
        };
        Asked {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(header).collect(),
            body: body.to_owned().into(),
        }
    }

    fn words(told: &Told) -> String {
        format!("{} {}", told.status, String::from_utf8_lossy(&told.body))
    }

    #[test]
    fn an_event_without_what_it_has_to_have_is_refused() {
        let mut pagerduty = PagerDuty::new().unwrap();
        let key = pagerduty.routing_key.clone();
        let payload = json!({"summary": "a", "source": "b", "severity": "critical"});
        let event = json!({"routing_key": key, "event_action": "trigger", "dedup_key": "k", "payload": payload});
        let mut ask = |pointer: &str, value: Value, kind: &str| {
            let mut event = event.clone();
            *event.pointer_mut(pointer).unwrap() = value;
            words(&pagerduty.answer(&asked(Method::POST, "/v2/enqueue", &[("content-type", kind)], &event.to_string())))
        };
        assert!(ask("/dedup_key", json!("k"), "application/json").starts_with("202"));
        for (pointer, value, told) in [
            ("/routing_key", json!("short"), "Length of 'routing_key' is incorrect"),
            ("/routing_key", json!("0".repeat(32)), "Invalid routing key"),
            ("/event_action", json!("page"), "'event_action' is not valid"),
            ("/event_action", json!("resolve"), "202"),
            ("/dedup_key", json!("k".repeat(256)), "'dedup_key' is too long"),
            ("/payload/summary", json!(""), "'payload.summary' is missing or blank"),
            ("/payload/summary", json!("s".repeat(1_025)), "'summary' is too long"),
            ("/payload/source", json!(null), "'payload.source' is missing or blank"),
            ("/payload/severity", json!("bad"), "'payload.severity' is invalid"),
        ] {
            let words = ask(pointer, value, "application/json");
            assert!(words.contains(told), "{pointer}: {words}");
        }
        assert!(ask("/dedup_key", json!("k"), "text/plain").contains("Unrecognized object"));
    }

    #[test]
    fn an_incident_wants_credential_version_kind_sender_and_a_key_that_is_free() {
        let mut pagerduty = PagerDuty::new().unwrap();
        let token = format!("Token token={}", pagerduty.token);
        let whole = [
            ("authorization", token.as_str()),
            ("accept", VERSION),
            ("content-type", "application/json"),
            ("from", USER),
        ];
        let service = json!({"id": SERVICE, "type": "service_reference"});
        let body = json!({"incident": {"type": "incident", "title": "a", "service": service, "incident_key": "k"}});
        let mut ask = |headers: &[(&'static str, &str)]| {
            words(&pagerduty.answer(&asked(Method::POST, "/incidents", headers, &body.to_string())))
        };
        for (missing, told) in [(0, "401"), (1, "400"), (2, "400"), (3, "Requester User Not Found")] {
            let headers: Vec<_> =
                whole.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, one)| *one).collect();
            assert!(ask(&headers).contains(told), "without {}", whole[missing].0);
        }
        let script = [("authorization", "Token wrong"), whole[1], whole[2], whole[3]];
        assert!(ask(&script).starts_with("401"));
        assert!(ask(&whole).starts_with("201"));
        assert!(ask(&whole).contains("Open incident with matching dedup key already exists"));
    }
}
