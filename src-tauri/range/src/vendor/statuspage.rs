//! Statuspage as a stand-in: one page with its parts, and incidents that are opened, updated and looked for.

use std::collections::BTreeMap;

use chrono::Utc;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

const PAGE: &str = "kctbh9vrtdwd";
const PARTS: [(&str, &str); 4] = [
    ("8kbf7d35c070", "Website and apps"),
    ("vtnh60py4yd7", "Payments"),
    ("zq1ck8r7m2pl", "Consultations"),
    ("b13yz5g2cw10", "Messages"),
];
const PART_WORDS: [&str; 5] =
    ["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"];
const INCIDENT_WORDS: [&str; 8] =
    ["investigating", "identified", "monitoring", "resolved", "scheduled", "in_progress", "verifying", "completed"];
/// The fields an incident may have here.
const KNOWN: [&str; 7] = ["name", "status", "body", "components", "component_ids", "deliver_notifications", "metadata"];

pub(super) struct Statuspage {
    key: String,
    parts: BTreeMap<&'static str, &'static str>,
    /// The newest last.
    incidents: Vec<Value>,
}

impl Statuspage {
    pub(super) fn new() -> Result<Self, RangeError> {
        let parts = PARTS.iter().map(|(id, _)| (*id, "operational")).collect();
        Ok(Self { key: secret("", 36)?, parts, incidents: Vec::new() })
    }

    fn part(&self, id: &str) -> Option<Value> {
        let (position, (id, name)) = PARTS.iter().enumerate().find(|(_, (known, _))| *known == id)?;
        Some(json!({
            "id": id, "page_id": PAGE, "name": name, "status": self.parts[id], "position": position + 1,
            "description": null, "group": false, "group_id": null, "only_show_if_degraded": false, "showcase": true,
        }))
    }

    fn set_part(&mut self, id: &str, asked: &Asked) -> Told {
        let Some(part) = asked.json().and_then(|body| body.get("component").cloned()) else {
            return refused(422, "component is missing");
        };
        let Some(word) = known(&PART_WORDS, part.get("status")) else {
            return several(422, "Component status is not included in the list");
        };
        let Some(status) = PARTS.iter().find(|(known, _)| *known == id).and_then(|(id, _)| self.parts.get_mut(id))
        else {
            return missing();
        };
        *status = word;
        self.part(id).map_or_else(missing, |part| Told::json(200, &part))
    }

    /// What an incident is asked to be, when that can be.
    fn wanted(&self, asked: &Asked) -> Result<Map<String, Value>, Told> {
        let body = asked.json().ok_or_else(|| refused(400, "The request is not JSON"))?;
        let Some(Value::Object(incident)) = body.get("incident").cloned() else {
            return Err(refused(422, "incident is missing"));
        };
        if let Some(odd) = incident.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(several(422, &format!("{odd} is not a field of an incident")));
        }
        if incident.get("status").is_some_and(|word| known(&INCIDENT_WORDS, Some(word)).is_none()) {
            return Err(several(422, "Status is not included in the list"));
        }
        let flat = |value: &Value| value.as_object().is_some_and(|value| value.values().all(Value::is_object));
        if incident.get("metadata").is_some_and(|metadata| !flat(metadata)) {
            return Err(several(422, "Metadata top level values must be objects"));
        }
        let parts = incident.get("components").and_then(Value::as_object);
        for (id, word) in parts.into_iter().flatten() {
            if !self.parts.contains_key(id.as_str()) || known(&PART_WORDS, Some(word)).is_none() {
                return Err(several(422, "Components are not those of this page"));
            }
        }
        Ok(incident)
    }

    fn follow(&mut self, incident: &Map<String, Value>) {
        let parts = incident.get("components").and_then(Value::as_object);
        for (id, word) in parts.into_iter().flatten() {
            if let (Some(status), Some(word)) = (self.parts.get_mut(id.as_str()), known(&PART_WORDS, Some(word))) {
                *status = word;
            }
        }
    }

    fn open(&mut self, asked: &Asked) -> Told {
        let incident = match self.wanted(asked) {
            Ok(incident) => incident,
            Err(told) => return told,
        };
        let name = incident.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() {
            return several(422, "Name can't be blank");
        }
        self.follow(&incident);
        let made = json!({
            "id": format!("p31zjtct2{:03}", self.incidents.len() + 1), "page_id": PAGE, "name": name,
            "status": incident.get("status").cloned().unwrap_or_else(|| json!("investigating")),
            "impact": "none", "created_at": Utc::now(), "updated_at": Utc::now(),
            "metadata": incident.get("metadata").cloned().unwrap_or_else(|| json!({})),
            "incident_updates": [update(&incident)],
        });
        self.incidents.push(made.clone());
        Told::json(201, &made)
    }

    fn update(&mut self, id: &str, asked: &Asked) -> Told {
        let incident = match self.wanted(asked) {
            Ok(incident) => incident,
            Err(told) => return told,
        };
        self.follow(&incident);
        let Some(known) = self.incidents.iter_mut().find(|known| known["id"] == id) else { return missing() };
        for name in ["name", "status", "metadata"] {
            if let Some(value) = incident.get(name) {
                known[name] = value.clone();
            }
        }
        if let Some(updates) = known["incident_updates"].as_array_mut() {
            updates.insert(0, update(&incident));
        }
        Told::json(200, known)
    }

    fn newest_first(&self, also_over: bool) -> Told {
        let over = |incident: &&Value| incident["status"] == "resolved" || incident["status"] == "completed";
        let found = self.incidents.iter().rev().filter(|incident| also_over || !over(incident));
        Told::json(200, &Value::Array(found.take(100).cloned().collect()))
    }
}

impl StandIn for Statuspage {
    fn answer(&mut self, asked: &Asked) -> Told {
        if asked.header("authorization") != format!("OAuth {}", self.key) {
            return refused(401, "Could not authenticate");
        }
        let segments = asked.segments();
        let Some(rest) = segments.strip_prefix(&["v1", "pages", PAGE]) else { return missing() };
        match (&asked.method, rest) {
            (&Method::GET, []) => {
                Told::json(200, &json!({"id": PAGE, "name": "Samia Tarot", "subdomain": "samiatarot"}))
            }
            (&Method::GET, ["components"]) => {
                let parts = PARTS.iter().filter_map(|(id, _)| self.part(id)).collect();
                Told::json(200, &Value::Array(parts))
            }
            (&Method::PATCH | &Method::PUT, ["components", id]) => self.set_part(id, asked),
            (&Method::GET, ["incidents"]) => self.newest_first(true),
            (&Method::GET, ["incidents", "unresolved"]) => self.newest_first(false),
            (&Method::POST, ["incidents"]) => self.open(asked),
            (&Method::PATCH | &Method::PUT, ["incidents", id]) => self.update(id, asked),
            _ => missing(),
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        refused(status, words)
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("page", PAGE.to_owned())]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-statuspage", self.key.clone())]
    }
}

fn update(incident: &Map<String, Value>) -> Value {
    json!({"status": incident.get("status"), "body": incident.get("body"), "created_at": Utc::now()})
}

fn known(words: &[&'static str], word: Option<&Value>) -> Option<&'static str> {
    let word = word?.as_str()?;
    words.iter().find(|known| **known == word).copied()
}

fn missing() -> Told {
    refused(404, "Not found")
}

fn refused(status: u16, words: &str) -> Told {
    Told::json(status, &json!({"error": words}))
}

/// What is wrong with the fields comes as a list.
fn several(status: u16, words: &str) -> Told {
    Told::json(status, &json!({"error": [words]}))
}
