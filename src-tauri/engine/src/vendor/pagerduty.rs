//! PagerDuty: events that page whoever is on call, and incidents made by hand.
//!
//! Source: PagerDuty's Events API v2 and REST API v2. That an event is taken is no proof of a page: it may meet a
//! service that is disabled, or nobody on call. What became of it is asked by its key. An event under a key that is open
//! changes that alert instead of making another, and an incident under one is refused, so both may be asked for again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use hyper::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, FROM, HeaderName, HeaderValue, RETRY_AFTER},
};
use lifeboat_domain::{
    Id,
    environment::Site,
    provider::{Answer, Effect, Observation, Refusal, Standing},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Reply, again::Again, ask, field, field::here, header, knocked, request, secret, settled, unseen};
use crate::{
    probe::{
        Attempt,
        http::{Request, secret_header},
    },
    secrets::Sensitive,
};

/// The interface's version, and what stands in for it on the way.
const VERSION: HeaderValue =
    HeaderValue::from_static("application/vnd.pagerduty+json;version=2, application/json;q=0.9");
/// In how many seconds a REST key may ask again.
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const LONGEST_KEY: usize = 255;
const LONGEST_SUMMARY: usize = 1_024;
const LARGEST_EVENT: usize = 512 * 1_024;

/// How an event is asked for again, as PagerDuty advises.
pub const EVENTS_AGAIN: Again = Again { tries: 4, pause: Duration::from_secs(30), within: Duration::from_mins(5) };

/// PagerDuty's interfaces, for as long as one attempt lasts. The fields are those of the endpoint of that name.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is described at the endpoint it is bound from")]
pub struct PagerDuty<'a> {
    pub attempt: &'a Attempt<'a>,
    pub events: &'a Site,
    pub api: &'a Site,
    pub routing_key: &'a Id,
    pub token: Option<&'a Id>,
    pub from: Option<&'a str>,
    pub service: Option<&'a str>,
}

/// How bad it is, in PagerDuty's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are words")]
pub enum Severity {
    Critical,
    Error,
    Warning,
    Info,
}

/// Something that pages.
#[derive(Debug, Clone, Serialize)]
pub struct Event<'a> {
    /// The same for everything about one incident, at most 255 characters.
    #[serde(skip)]
    pub dedup_key: &'a str,
    /// What is wrong, at most 1,024 characters.
    pub summary: &'a str,
    /// What it is wrong with, such as a host.
    pub source: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// When it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<DateTime<Utc>>,
    /// The part of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<&'a str>,
    /// What the source belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<&'a str>,
    /// What kind of thing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'a str>,
    /// What else there is to know.
    #[serde(rename = "custom_details", skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<&'a str, &'a str>,
}

/// An incident made in somebody's name.
#[derive(Debug, Clone)]
pub struct Incident<'a> {
    /// The same for every try of the same incident, at most 255 characters.
    pub incident_key: &'a str,
    /// What is wrong, at most 1,024 characters.
    pub title: &'a str,
    /// More about it.
    pub details: &'a str,
    /// Whether it may wake people.
    pub urgent: bool,
    /// The id of the escalation policy, where it is not the service's own.
    pub escalation_policy: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Enqueued {
    status: String,
    message: Option<String>,
    dedup_key: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Debug, Deserialize)]
struct FailureBody {
    code: Option<u32>,
    message: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Made {
    incident: Held,
}

#[derive(Debug, Deserialize)]
struct Listed {
    incidents: Vec<Held>,
}

/// What has an id and a status: an incident, a service.
#[derive(Debug, Deserialize)]
struct Held {
    id: String,
    status: String,
}

#[derive(Debug, Deserialize)]
struct Service {
    service: Held,
}

#[derive(Debug, Deserialize)]
struct Abilities {
    #[serde(rename = "abilities")]
    _all: Vec<String>,
}

impl PagerDuty<'_> {
    /// Asks for the service that pages, or where none is named for the account's abilities; without a REST key there is
    /// nothing that could be asked without paging somebody.
    pub(crate) async fn standing(&self) -> Standing {
        if let Err(answer) = self.integration_key().await {
            return Standing::of(answer);
        }
        match self.token {
            Some(token) => Standing::of(self.service(token).await.unwrap_or_else(|answer| answer)),
            None => {
                knocked(self.attempt, self.events, "it answers; without a REST key only a page would tell more").await
            }
        }
    }

    async fn service(&self, token: &Id) -> Result<Answer, Answer> {
        let path = match self.service {
            Some(service) => format!("/services/{}", checked("the service's id", service)?),
            None => "/abilities".to_owned(),
        };
        let reply = self.rest(token, Effect::Nothing, request(Method::GET, &path)).await?;
        if !reply.is_success() {
            return Ok(refused(&reply));
        }
        let works = match self.service {
            Some(_) => reply.json::<Service>().map(|told| told.service.status),
            None => reply.json::<Abilities>().map(|_| "active".to_owned()),
        };
        Ok(match works.as_deref() {
            Some("active" | "warning" | "critical") => Answer::delivered("the service pages"),
            Some(status @ ("disabled" | "maintenance")) => {
                Answer::refused(Refusal::Gone, &format!("the service is in status \"{status}\" and pages nobody"))
                    .with_status(reply.status)
                    .coded(Some(status))
            }
            Some(_) | None => reply.garbled(),
        })
    }

    /// Pages, or adds to the alert that is open under the same key. Accepted means that PagerDuty took it.
    pub async fn trigger(&self, event: &Event<'_>) -> Answer {
        self.settled(self.enqueue("trigger", event.dedup_key, Some(event)).await)
    }

    /// Tells that somebody is at it.
    pub async fn acknowledge(&self, dedup_key: &str) -> Answer {
        self.settled(self.enqueue("acknowledge", dedup_key, None).await)
    }

    /// Tells that it is over. The next event under the same key pages again.
    pub async fn resolve(&self, dedup_key: &str) -> Answer {
        self.settled(self.enqueue("resolve", dedup_key, None).await)
    }

    /// Pages as often as it takes, all under the event's one key. Each try has the whole time of an attempt, so that one
    /// that hangs does not take the others' away.
    pub async fn send(&self, event: &Event<'_>, again: Again) -> Answer {
        let once = || async {
            let attempt = self.attempt.afresh();
            PagerDuty { attempt: &attempt, ..*self }.trigger(event).await
        };
        Box::pin(again.ask(Effect::Once, once)).await
    }

    fn settled(&self, answer: Result<Answer, Answer>) -> Answer {
        settled(self.attempt, answer.unwrap_or_else(|answer| answer))
    }

    async fn integration_key(&self) -> Result<Arc<Sensitive>, Answer> {
        let key = secret(self.attempt, self.events, self.routing_key).await?;
        let is_key = key.reveal().len() == 32 && key.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_key {
            return Ok(key);
        }
        Err(here(&format!("credential \"{}\" is not an integration key: 32 letters and digits", self.routing_key)))
    }

    async fn enqueue(&self, action: &str, dedup_key: &str, event: Option<&Event<'_>>) -> Result<Answer, Answer> {
        field::text("the dedup key", dedup_key, LONGEST_KEY)?;
        if let Some(event) = event {
            field::text("the summary", event.summary, LONGEST_SUMMARY)?;
            field::text("the source", event.source, LARGEST_EVENT)?;
        }
        let key = self.integration_key().await?;
        let mut body = json!({"routing_key": key.reveal(), "event_action": action, "dedup_key": dedup_key});
        if let (Some(event), Value::Object(fields)) = (event, &mut body) {
            fields.insert("payload".to_owned(), json!(event));
            fields.insert("client".to_owned(), json!("Lifeboat"));
        }
        let asked = request(Method::POST, "/v2/enqueue").with_json(&body);
        if asked.body.len() > LARGEST_EVENT {
            return Err(here("the event is larger than 512 KiB"));
        }
        let reply = ask(self.attempt, self.events, Effect::Once, asked).await?;
        Ok(enqueued(&reply, dedup_key))
    }

    /// Makes an incident, or finds the one that is open under the same key. Accepted means that it is open, delivered
    /// that somebody has it.
    pub async fn incident(&self, incident: &Incident<'_>) -> Answer {
        self.settled(self.make(incident).await)
    }

    async fn make(&self, incident: &Incident<'_>) -> Result<Answer, Answer> {
        field::text("the incident's key", incident.incident_key, LONGEST_KEY)?;
        field::text("the title", incident.title, LONGEST_SUMMARY)?;
        let token = self.token.ok_or_else(|| here("the endpoint names no REST key, so no incident is made"))?;
        let from = self.from.ok_or_else(|| here("the endpoint names nobody in whose name incidents are made"))?;
        let service = self.service.ok_or_else(|| here("the endpoint names no service incidents are made for"))?;
        let mut body = json!({
            "type": "incident",
            "title": incident.title,
            "service": {"id": checked("the service's id", service)?, "type": "service_reference"},
            "urgency": if incident.urgent { "high" } else { "low" },
            "incident_key": incident.incident_key,
            "body": {"type": "incident_body", "details": incident.details},
        });
        if let (Some(policy), Value::Object(fields)) = (incident.escalation_policy, &mut body) {
            let policy = checked("the escalation policy's id", policy)?;
            fields.insert("escalation_policy".to_owned(), json!({"id": policy, "type": "escalation_policy_reference"}));
        }
        let asked =
            request(Method::POST, "/incidents").with_json(&json!({"incident": body})).with_header(FROM, from)?;
        let reply = self.rest(token, Effect::Once, asked).await?;
        match reply.json::<Made>() {
            Some(Made { incident }) if reply.is_success() => Ok(state(&incident, reply.status)),
            _ if reply.is_success() => Ok(reply.garbled()),
            // What an earlier try has made is what was asked for.
            _ if reply.status == 400 => match self.newest(token, incident.incident_key, true).await {
                Ok(Some(open)) => Ok(open),
                Ok(None) | Err(_) => Ok(refused(&reply)),
            },
            _ => Ok(refused(&reply)),
        }
    }

    /// Asks what became of an event or an incident, by its key.
    pub async fn look(&self, key: &str) -> Answer {
        let Some(token) = self.token else {
            return here("the endpoint names no REST key, so nothing can be looked at");
        };
        self.settled(match self.newest(token, key, false).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let none = Answer::unknown("there is no incident under this key so far");
                Ok(Answer { observation: Observation::Succeeded, ..none })
            }
            Err(answer) => Err(unseen(answer)),
        })
    }

    /// The newest incident under a key.
    async fn newest(&self, token: &Id, key: &str, open: bool) -> Result<Option<Answer>, Answer> {
        field::text("the key", key, LONGEST_KEY)?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("incident_key", key).append_pair("sort_by", "created_at:desc").append_pair("limit", "1");
        if let Some(service) = self.service {
            query.append_pair("service_ids[]", service);
        }
        if open {
            query.append_pair("statuses[]", "triggered").append_pair("statuses[]", "acknowledged");
        }
        let path = format!("/incidents?{}", query.finish());
        let reply = self.rest(token, Effect::Nothing, request(Method::GET, &path)).await?;
        if !reply.is_success() {
            return Err(refused(&reply));
        }
        let Some(Listed { incidents }) = reply.json() else { return Err(reply.garbled()) };
        Ok(incidents.first().map(|incident| state(incident, reply.status)))
    }

    /// A request with what every one to the REST interface has to have.
    async fn rest(&self, token: &Id, effect: Effect, mut asked: Request<'_>) -> Result<Reply, Answer> {
        let key = secret(self.attempt, self.api, token).await?;
        asked.headers.insert(ACCEPT, VERSION);
        asked.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let authorization = header(secret_header(&format!("Token token={}", key.reveal())))?;
        ask(self.attempt, self.api, effect, asked.authorized(authorization)).await
    }
}

/// An id of PagerDuty's that may stand in a path.
fn checked<'a>(field: &str, id: &'a str) -> Result<&'a str, Answer> {
    field::id(field, id, &[""], id.len().clamp(1, 64)).map(|()| id)
}

/// What PagerDuty's answer to an event means.
fn enqueued(reply: &Reply, dedup_key: &str) -> Answer {
    let Some(told) = reply.json::<Enqueued>() else {
        return if reply.is_success() {
            reply.garbled()
        } else {
            reply.answer(&format!("status {}", reply.status), None)
        };
    };
    if reply.is_success() {
        if told.status != "success" || told.dedup_key.as_deref() != Some(dedup_key) {
            return reply.garbled();
        }
        return Answer::accepted("taken; whether anybody is paged is not known yet")
            .with_status(reply.status)
            .made(Some(dedup_key));
    }
    let words = words(told.message.as_deref(), &told.errors);
    // The key stands in the body, so a wrong one is a wrong body to PagerDuty, told apart by its words alone.
    let about_the_key = words.to_lowercase().replace('_', " ").contains("routing key");
    let answer = match reply.status {
        400 if about_the_key => Answer::refused(Refusal::Credential, &words).with_status(reply.status),
        _ => reply.answer(&words, None),
    };
    answer.coded(Some(&told.status))
}

/// An incident as it stands.
fn state(incident: &Held, status: u16) -> Answer {
    let answer = match incident.status.as_str() {
        "triggered" => Answer::accepted("the incident is open, and nobody has acknowledged it"),
        "acknowledged" => Answer::delivered("somebody has acknowledged the incident"),
        "resolved" => Answer::delivered("the incident is resolved"),
        other => Answer::accepted(&format!("the incident is {other}")),
    };
    answer.with_status(status).coded(Some(&incident.status)).made(Some(&incident.id))
}

/// What the REST interface's refusal means.
fn refused(reply: &Reply) -> Answer {
    let (words, code) = match reply.json::<Failure>() {
        Some(Failure { error }) => (words(error.message.as_deref(), &error.errors), error.code),
        None => (format!("status {}", reply.status), None),
    };
    let after = reply.header(&RETRY_AFTER).or_else(|| reply.header(&RATELIMIT_RESET));
    let answer = match reply.status {
        // The account has not booked what this takes.
        402 => Answer::refused(Refusal::Permission, &words).with_status(402),
        status => Answer::of_status(status, reply.effect, after, &words),
    };
    answer.coded(code.map(|code| code.to_string()).as_deref())
}

fn words(message: Option<&str>, errors: &[String]) -> String {
    let message = message.unwrap_or("no reason given");
    if errors.is_empty() { message.to_owned() } else { format!("{message}: {}", errors.join(", ")) }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderMap;
    use lifeboat_domain::provider::Class::{self, Refused, RetryLater, Unknown};

    use super::*;

    fn reply(status: u16, body: &Value) -> Reply {
        let headers = HeaderMap::from_iter([(RATELIMIT_RESET, HeaderValue::from_static("41"))]);
        Reply { status, headers, body: body.to_string().into_bytes(), whole: true, effect: Effect::Once }
    }

    #[test]
    fn an_event_is_taken_only_by_202_with_its_own_key() {
        let taken = |key: &str| json!({"status": "success", "message": "Event processed", "dedup_key": key});
        let wrong =
            |message: &str, errors: &[&str]| json!({"status": "invalid event", "message": message, "errors": errors});
        let table: [(u16, Value, Class, Option<Refusal>); 7] = [
            (202, taken("a"), Class::Accepted, None),
            (202, taken("another"), Unknown, None),
            (202, json!({"status": "ignored"}), Unknown, None),
            (400, wrong("Event object is invalid", &["'source' is missing"]), Refused, Some(Refusal::Request)),
            (400, wrong("Invalid routing key", &[]), Refused, Some(Refusal::Credential)),
            (400, wrong("Invalid", &["Length of 'routing_key' is incorrect"]), Refused, Some(Refusal::Credential)),
            (429, json!({"status": "throttle exceeded"}), RetryLater, None),
        ];
        for (status, body, class, refusal) in table {
            let answer = enqueued(&reply(status, &body), "a");
            assert_eq!((answer.class, answer.refusal, answer.status), (class, refusal, Some(status)), "{body}");
        }
    }

    #[test]
    fn the_rest_interface_says_in_its_own_header_when_to_come_back() {
        let error = json!({"error": {"code": 2020, "message": "Rate Limit Exceeded"}});
        let busy = refused(&reply(429, &error));
        assert_eq!((busy.class, busy.retry_after_ms, busy.code.as_deref()), (RetryLater, Some(41_000), Some("2020")));
        let unpaid = refused(&reply(402, &json!({"error": {"message": "Account does not have the abilities"}})));
        assert_eq!((unpaid.class, unpaid.refusal), (Refused, Some(Refusal::Permission)));
    }
}
