//! Supabase's management interface: a project's state, its backups, and what brings it back.
//!
//! Source: Supabase's Management API, version 1. Errors are `{"message"}`; what is accepted is answered 201 with
//! nothing in it, and is not done yet. Restoring works on the project itself: there is no other target. So whatever
//! takes data or the project away wants an [`Approved`], which is compared with the project before anything is sent.
//! What to do when is not decided here.

use hyper::Method;
use lifeboat_domain::{
    Id,
    environment::Site,
    provider::{
        Answer, Effect, Refusal, Standing,
        supabase::{
            Approved, ProjectBackupSchedule, ProjectBackups, ProjectReadOnly, ProjectRef, ProjectService,
            ProjectServiceHealth, ProjectStatus, RestorePoint,
        },
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Reply, ask, header, request, secret, settled};
use crate::probe::{Attempt, http::bearer};

/// The longest they take to look at a service, in milliseconds.
const LONGEST_LOOK: u128 = 10_000;
const LONGEST_NAME: usize = 20;

/// Supabase's interface for one project, for as long as one attempt lasts.
#[derive(Debug)]
pub struct Supabase<'a> {
    attempt: &'a Attempt<'a>,
    api: &'a Site,
    credential: &'a Id,
    project: &'a str,
}

#[derive(Debug, Deserialize)]
struct Failure {
    message: Value,
}

#[derive(Debug, Deserialize)]
struct Project {
    status: ProjectStatus,
}

impl<'a> Supabase<'a> {
    /// Supabase at this place, with this credential, for the project of this reference.
    pub const fn at(attempt: &'a Attempt<'a>, api: &'a Site, credential: &'a Id, project: &'a str) -> Self {
        Self { attempt, api, credential, project }
    }

    /// Asks for the project's state: the right to read projects, and nothing of a customer.
    pub(crate) async fn standing(&self) -> Standing {
        match self.status().await {
            Ok(status) => status.standing(Answer::delivered("read")),
            Err(answer) => Standing::of(answer),
        }
    }

    /// The project's state.
    pub async fn status(&self) -> Result<ProjectStatus, Answer> {
        self.read("").await.map(|project: Project| project.status)
    }

    /// How these services of the project are; at least one has to be named.
    pub async fn health(&self, services: &[ProjectService]) -> Result<Vec<ProjectServiceHealth>, Answer> {
        if services.is_empty() {
            return Err(Answer::refused(Refusal::Here, "no service is named whose health is to be asked for"));
        }
        // They have to end before we do, or we would not hear which service it was.
        let patience = (self.attempt.left().as_millis() * 3 / 4).min(LONGEST_LOOK);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(services.iter().map(|service| ("services", service.word())));
        let query = query.append_pair("timeout_ms", &patience.to_string()).finish();
        self.read(&format!("/health?{query}")).await
    }

    /// The backups, and the points in time that can be gone back to.
    pub async fn backups(&self) -> Result<ProjectBackups, Answer> {
        self.read("/database/backups").await
    }

    /// When the daily backup is taken. Refused where the organisation's plan has none.
    pub async fn backup_schedule(&self) -> Result<ProjectBackupSchedule, Answer> {
        self.read("/database/backups/schedule").await
    }

    /// Sets when the daily backup is taken: `HH:MM:SS`, UTC.
    pub async fn set_backup_schedule(&self, at: &str) -> Result<ProjectBackupSchedule, Answer> {
        let body = json!({"schedule_for": at});
        let reply = self.send(Method::PATCH, "/database/backups/schedule", Effect::Once, Some(&body)).await;
        reply.and_then(|reply| self.told(&reply)).map_err(|answer| settled(self.attempt, answer))
    }

    /// A restore point: this one, or the newest.
    pub async fn restore_point(&self, name: Option<&str>) -> Result<RestorePoint, Answer> {
        let query = match name {
            Some(name) => format!(
                "?{}",
                url::form_urlencoded::Serializer::new(String::new()).append_pair("name", named(name)?).finish()
            ),
            None => String::new(),
        };
        self.read(&format!("/database/backups/restore-point{query}")).await
    }

    /// Marks a point to go back to. It may be pending at first; whether an answer that was lost made one is seen by
    /// asking for it.
    pub async fn make_restore_point(&self, name: &str) -> Result<RestorePoint, Answer> {
        let body = json!({"name": named(name)?});
        let reply = self.send(Method::POST, "/database/backups/restore-point", Effect::EachTime, Some(&body)).await;
        reply.and_then(|reply| self.told(&reply)).map_err(|answer| settled(self.attempt, answer))
    }

    /// Whether the project takes no writes because its disk is full.
    pub async fn read_only(&self) -> Result<ProjectReadOnly, Answer> {
        self.read("/readonly").await
    }

    /// Lets the project take writes for a quarter of an hour although its disk is full.
    pub async fn disable_read_only(&self) -> Answer {
        self.act("/readonly/temporary-disable", None).await
    }

    /// Brings a paused project back. This restores no backup.
    pub async fn resume(&self) -> Answer {
        self.act("/restore", None).await
    }

    /// Stops the project: nobody can use it until it is resumed.
    pub async fn pause(&self, approved: Approved<'_>) -> Answer {
        self.act_on_approval(approved, "/pause", None).await
    }

    /// Takes the project back to a point in time, in seconds since 1970. What was written later is lost.
    pub async fn restore_to(&self, approved: Approved<'_>, unix: u64) -> Answer {
        let body = json!({"recovery_time_target_unix": unix});
        self.act_on_approval(approved, "/database/backups/restore-pitr", Some(&body)).await
    }

    /// Takes the project back to a backup. What was written later is lost.
    pub async fn restore_backup(&self, approved: Approved<'_>, id: i64) -> Answer {
        self.act_on_approval(approved, "/database/backups/restore", Some(&json!({"id": id}))).await
    }

    /// Takes the project back to a restore point. What was written later is lost.
    pub async fn undo_to(&self, approved: Approved<'_>, name: &str) -> Answer {
        match named(name) {
            Ok(name) => self.act_on_approval(approved, "/database/backups/undo", Some(&json!({"name": name}))).await,
            Err(answer) => answer,
        }
    }

    async fn act_on_approval(&self, approved: Approved<'_>, path: &str, body: Option<&Value>) -> Answer {
        match self.project() {
            Ok(project) if !approved.is_for(&project) => {
                Answer::refused(Refusal::Here, "what was typed to confirm is not the project's reference")
            }
            Ok(_) => self.act(path, body).await,
            Err(answer) => answer,
        }
    }

    /// Asks for something to be done. Accepted is all it can be: what becomes of it is seen by [`Self::status`].
    async fn act(&self, path: &str, body: Option<&Value>) -> Answer {
        let reply = self.send(Method::POST, path, Effect::EachTime, body).await;
        let answer = match reply {
            Ok(reply) if !reply.is_success() => refused(&reply),
            // Nothing, or what is not described; a page would be somebody else's answer.
            Ok(reply) if reply.whole && (reply.body.is_empty() || reply.json::<Value>().is_some()) => {
                Answer::accepted("accepted, and not done yet").with_status(reply.status)
            }
            Ok(reply) => reply.garbled(),
            Err(answer) => answer,
        };
        settled(self.attempt, answer)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Answer> {
        let reply = self.send(Method::GET, path, Effect::Nothing, None).await;
        reply.and_then(|reply| self.told(&reply)).map_err(|answer| settled(self.attempt, answer))
    }

    fn told<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, Answer> {
        if !reply.is_success() {
            return Err(refused(reply));
        }
        reply.kept(self.attempt).ok_or_else(|| reply.garbled())
    }

    fn project(&self) -> Result<ProjectRef, Answer> {
        ProjectRef::of(self.project).ok_or_else(|| {
            Answer::refused(Refusal::Here, "a project's reference has 20 lowercase letters; the plan's has not")
        })
    }

    async fn send(&self, method: Method, path: &str, effect: Effect, body: Option<&Value>) -> Result<Reply, Answer> {
        let path = format!("/v1/projects/{}{path}", self.project()?);
        let token = secret(self.attempt, self.api, self.credential).await?;
        let asked = request(method, &path).authorized(header(bearer(&token))?);
        let asked = match body {
            Some(body) => asked.with_json(body),
            None => asked,
        };
        ask(self.attempt, self.api, effect, asked).await
    }
}

/// A name of a restore point.
fn named(name: &str) -> Result<&str, Answer> {
    if (1..=LONGEST_NAME).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(Answer::refused(Refusal::Here, "the name of a restore point has 1 to 20 characters"))
}

/// What the status means, in their words, which may be one or a list.
fn refused(reply: &Reply) -> Answer {
    let message = reply.json::<Failure>().map(|failure| match failure.message {
        Value::String(message) => message,
        other => other.to_string(),
    });
    reply.answer(&message.unwrap_or_else(|| format!("status {}", reply.status)), None)
}
