//! Statuspage: what our own status page says, and saying it.
//!
//! Source: Statuspage's REST API, version 1. The key stands in `Authorization: OAuth`, a page may be asked once each
//! second (420 or 429 beyond), and an error is `{"error": text or list of texts}`. Nothing is made once by a key there,
//! so an incident carries ours in its metadata: one whose answer was lost is looked for before it is made again.
//! What other providers say of themselves is read by the check kind `status-page`.

use hyper::{
    Method,
    header::{HeaderValue, RETRY_AFTER},
};
use lifeboat_domain::{
    Id,
    check::judge::CouldNot,
    environment::Site,
    provider::{Answer, Effect, Refusal, Standing, answer::shown},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{Reply, ask, header, request, secret, settled};
use crate::{
    probe::{Attempt, http::secret_header},
    secrets::Sensitive,
};

/// Our page at Statuspage, for as long as one attempt lasts.
#[derive(Debug)]
pub struct Statuspage<'a> {
    attempt: &'a Attempt<'a>,
    api: &'a Site,
    credential: &'a Id,
    page: &'a str,
}

/// How a part of the platform is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartStatus {
    /// It works.
    Operational,
    /// It is being worked on.
    UnderMaintenance,
    /// It is slow or poor.
    DegradedPerformance,
    /// It is gone for some.
    PartialOutage,
    /// It is gone for all.
    MajorOutage,
}

/// How far an incident has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// The cause is being looked for.
    Investigating,
    /// The cause is known.
    Identified,
    /// It is mended and watched.
    Monitoring,
    /// It is over.
    Resolved,
}

/// A part as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// How it is said to be, in the interface's word.
    pub status: String,
}

/// An incident as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// How far it has come, in the interface's word.
    pub status: String,
    #[serde(default)]
    metadata: Value,
}

/// What is said of an incident.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// How far it has come.
    pub status: IncidentStatus,
    /// What the public reads.
    pub body: &'a str,
    /// Parts it concerns, by id, and how they are said to be from now on.
    pub parts: &'a [(&'a str, PartStatus)],
    /// Whether those who asked for news are told.
    pub tell: bool,
}

#[derive(Deserialize)]
struct Page {
    id: String,
}

#[derive(Deserialize)]
struct Failure {
    error: Reasons,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reasons {
    One(String),
    Several(Vec<String>),
}

impl<'a> Statuspage<'a> {
    /// This page, at this place, with this credential.
    pub const fn at(attempt: &'a Attempt<'a>, api: &'a Site, credential: &'a Id, page: &'a str) -> Self {
        Self { attempt, api, credential, page }
    }

    /// Asks for the page itself, which changes nothing.
    pub(crate) async fn standing(&self) -> Standing {
        let asked = async {
            let reply = self.ask(Method::GET, "", None, Effect::Nothing).await?;
            match reply.json::<Page>().filter(|page| page.id == self.page) {
                Some(_) => Ok(Answer::delivered("the page is ours")),
                None => Err(reply.garbled()),
            }
        };
        Standing::of(asked.await.unwrap_or_else(|answer: Answer| answer))
    }

    /// The parts the page shows, at most the first hundred.
    pub async fn parts(&self) -> Result<Vec<Part>, Answer> {
        let parts: Vec<Part> = self.read("/components").await?;
        let shown = |part: Part| Part { name: self.shown(&part.name), status: self.shown(&part.status), ..part };
        Ok(parts.into_iter().filter(|part| is_id(&part.id)).map(shown).collect())
    }

    /// The incidents that are not over, at most the newest hundred.
    pub async fn open_incidents(&self) -> Result<Vec<Incident>, Answer> {
        self.incidents("/incidents/unresolved").await
    }

    /// The newest incident, open or over, that was made under this key; for when the answer to [`Self::open`] was lost.
    pub async fn incident_of(&self, key: &str) -> Result<Option<Incident>, Answer> {
        let incidents = self.incidents("/incidents").await?;
        Ok(incidents.into_iter().find(|incident| incident.key() == Some(key)))
    }

    /// Opens an incident under a key of ours. Asked twice, it is opened twice; see [`Self::incident_of`].
    pub async fn open(&self, key: &str, name: &str, said: &Said<'_>) -> Answer {
        let mut incident = match told(said) {
            Ok(incident) => incident,
            Err(answer) => return answer,
        };
        incident.insert("name".to_owned(), json!(name));
        incident.insert("metadata".to_owned(), json!({"lifeboat": {"key": key}}));
        self.write(Method::POST, "/incidents", json!({"incident": incident}), Effect::EachTime).await
    }

    /// Says more of an incident. Asked twice, the page says it twice.
    pub async fn update(&self, incident: &str, said: &Said<'_>) -> Answer {
        match (path("/incidents/", incident), told(said)) {
            (Ok(path), Ok(said)) => self.write(Method::PATCH, &path, json!({"incident": said}), Effect::EachTime).await,
            (Err(answer), _) | (_, Err(answer)) => answer,
        }
    }

    /// Says how a part is. Asked twice, it is said once.
    pub async fn set_part(&self, part: &str, status: PartStatus) -> Answer {
        let body = json!({"component": {"status": word(status)}});
        match path("/components/", part) {
            Ok(path) => self.write(Method::PATCH, &path, body, Effect::Once).await,
            Err(answer) => answer,
        }
    }

    async fn incidents(&self, path: &str) -> Result<Vec<Incident>, Answer> {
        let shown = |incident: Incident| Incident {
            name: self.shown(&incident.name),
            status: self.shown(&incident.status),
            ..incident
        };
        let incidents: Vec<Incident> = self.read(path).await?;
        Ok(incidents.into_iter().filter(|incident| is_id(&incident.id)).map(shown).collect())
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Answer> {
        let asked = async {
            let reply = self.ask(Method::GET, path, None, Effect::Nothing).await?;
            reply.json::<T>().ok_or_else(|| reply.garbled())
        };
        asked.await.map_err(|answer| settled(self.attempt, answer))
    }

    async fn write(&self, method: Method, path: &str, body: Value, effect: Effect) -> Answer {
        let asked = async {
            let reply = self.ask(method, path, Some(body), effect).await?;
            match reply.json::<Page>().filter(|made| is_id(&made.id)) {
                Some(made) => Ok(Answer::delivered("said").with_status(reply.status).made(Some(&made.id))),
                None => Err(reply.garbled()),
            }
        };
        settled(self.attempt, asked.await.unwrap_or_else(|answer| answer))
    }

    /// A success, or what its refusal means.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>, effect: Effect) -> Result<Reply, Answer> {
        if !is_id(self.page) {
            return Err(Answer::refused(Refusal::Here, "that is not the id of a page"));
        }
        let key = secret(self.attempt, self.api, self.credential).await?;
        let path = format!("/v1/pages/{}{path}", self.page);
        let asked = request(method, &path).authorized(header(oauth(&key))?);
        let asked = match &body {
            Some(body) => asked.with_json(body),
            None => asked,
        };
        let reply = ask(self.attempt, self.api, effect, asked).await?;
        if reply.is_success() { Ok(reply) } else { Err(refused(&reply)) }
    }

    fn shown(&self, name: &str) -> String {
        self.attempt.with_secrets(|secrets| shown(name, secrets))
    }
}

impl Incident {
    /// The key of ours it was made under.
    pub fn key(&self) -> Option<&str> {
        self.metadata.get("lifeboat")?.get("key")?.as_str()
    }
}

fn oauth(key: &Sensitive) -> Result<HeaderValue, CouldNot> {
    secret_header(&format!("OAuth {}", key.reveal()))
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn path(before: &str, id: &str) -> Result<String, Answer> {
    if is_id(id) { Ok(format!("{before}{id}")) } else { Err(Answer::refused(Refusal::Here, "that is not an id")) }
}

/// The word the interface has for it.
fn word(status: impl Serialize) -> Value {
    serde_json::to_value(status).unwrap_or(Value::Null)
}

fn told(said: &Said<'_>) -> Result<Map<String, Value>, Answer> {
    if said.parts.iter().any(|(part, _)| !is_id(part)) {
        return Err(Answer::refused(Refusal::Here, "that is not the id of a part"));
    }
    let parts: Map<String, Value> =
        said.parts.iter().map(|(part, status)| ((*part).to_owned(), word(status))).collect();
    let ids: Vec<&str> = said.parts.iter().map(|(part, _)| *part).collect();
    Ok(Map::from_iter([
        ("status".to_owned(), word(said.status)),
        ("body".to_owned(), json!(said.body)),
        ("components".to_owned(), Value::Object(parts)),
        ("component_ids".to_owned(), json!(ids)),
        ("deliver_notifications".to_owned(), json!(said.tell)),
    ]))
}

fn refused(reply: &Reply) -> Answer {
    let words = match reply.json::<Failure>().map(|failure| failure.error) {
        Some(Reasons::One(reason)) => reason,
        Some(Reasons::Several(reasons)) => reasons.join("; "),
        None => format!("status {}", reply.status),
    };
    match reply.status {
        // Its own word for having been asked too often.
        420 => Answer::of_status(429, reply.effect, reply.header(&RETRY_AFTER), &words).with_status(420),
        _ => reply.answer(&words, None),
    }
}
