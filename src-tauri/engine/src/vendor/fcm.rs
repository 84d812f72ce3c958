//! Firebase Cloud Messaging, HTTP v1: notices to phones.
//!
//! Source: Google's discovery document of `fcm` v1, and RFC 7523 for how a service account's key becomes a token. The
//! token is had for each attempt, from where the plan says and not from where the key file does, and is kept nowhere.

use std::{collections::BTreeMap, sync::Arc};

use chrono::Utc;
use hyper::Method;
use lifeboat_domain::{
    Id,
    check::judge::CouldNot,
    environment::Site,
    provider::{Answer, Effect, Observation, Refusal, Standing},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reply, ask, header, request, secret, service_account::Account, settled};
use crate::{
    probe::{
        Attempt,
        http::{bearer, protected, web_address},
    },
    secrets::Sensitive,
};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Where a token is had, below the plan's address.
const TOKEN: &str = "/token";
/// Nobody listens to it; a message to it is only ever looked at.
const PROBE_TOPIC: &str = "lifeboat-probe";

/// Firebase Cloud Messaging, for as long as one attempt lasts.
#[derive(Debug)]
pub struct Fcm<'a> {
    attempt: &'a Attempt<'a>,
    api: &'a Site,
    tokens: &'a Site,
    project: &'a str,
    credential: &'a Id,
}

/// Whom a notice is for.
#[derive(Debug, Clone, Copy)]
pub enum Addressee<'a> {
    /// One app on one device, by its registration token.
    Device(&'a str),
    /// All that listen to a topic.
    Topic(&'a str),
}

/// A notice.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// For whom.
    pub to: Addressee<'a>,
    /// Its first line.
    pub title: &'a str,
    /// What it says.
    pub body: &'a str,
    /// What the app gets besides.
    pub data: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    token_type: String,
}

#[derive(Deserialize)]
struct NoToken {
    error: String,
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct Sent {
    name: String,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Deserialize)]
struct FailureBody {
    message: Option<String>,
    status: Option<String>,
    #[serde(default)]
    details: Vec<Detail>,
}

/// Either of the two shapes: one has the code, the other the fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    error_code: Option<String>,
    #[serde(default)]
    field_violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Violation {
    field: Option<String>,
    description: Option<String>,
}

impl<'a> Fcm<'a> {
    /// Firebase Cloud Messaging at this place, for this project, with this service account.
    pub const fn at(
        attempt: &'a Attempt<'a>,
        api: &'a Site,
        tokens: &'a Site,
        project: &'a str,
        credential: &'a Id,
    ) -> Self {
        Self { attempt, api, tokens, project, credential }
    }

    /// Has a message looked at that is not sent: the one right that sending needs.
    pub(crate) async fn standing(&self) -> Standing {
        let message = json!({"topic": PROBE_TOPIC, "notification": {"title": "Lifeboat", "body": "Not sent"}});
        Standing::of(self.ask(&message, Effect::Nothing).await.unwrap_or_else(|answer| answer))
    }

    /// Sends a notice. Accepted means that Google took it; whether a phone shows it nobody tells.
    pub async fn send(&self, notice: &Notice<'_>) -> Answer {
        let (kind, to) = match notice.to {
            Addressee::Device(token) => ("token", token),
            Addressee::Topic(topic) => ("topic", topic),
        };
        let message = json!({
            kind: to,
            "notification": {"title": notice.title, "body": notice.body},
            "data": notice.data,
        });
        let answer = self.ask(&message, Effect::EachTime).await.unwrap_or_else(|answer| answer);
        settled(self.attempt, answer)
    }

    /// Has a message looked at, when it is to have no effect, or sent.
    async fn ask(&self, message: &Value, effect: Effect) -> Result<Answer, Answer> {
        if !is_project(self.project) {
            return Err(Answer::refused(Refusal::Here, "that is not the id of a project"));
        }
        let token = self.token().await?;
        let path = format!("/v1/projects/{}/messages:send", self.project);
        let asked = request(Method::POST, &path)
            .with_json(&json!({"validate_only": effect == Effect::Nothing, "message": message}))
            .authorized(header(bearer(&token))?);
        let reply = ask(self.attempt, self.api, effect, asked).await?;
        if !reply.is_success() {
            return Ok(refused(&reply));
        }
        match reply.json::<Sent>().filter(|sent| sent.name.starts_with("projects/")) {
            Some(sent) => Ok(Answer::accepted("taken").with_status(reply.status).made(Some(&sent.name))),
            None => Ok(reply.garbled()),
        }
    }

    /// A token for the service account, good for an hour.
    async fn token(&self) -> Result<Arc<Sensitive>, Answer> {
        let api = web_address(&self.api.url).and_then(|url| protected(&url));
        api.map_err(|why| Answer::of_silence(&why, false, Effect::Nothing))?;
        let file = secret(self.attempt, self.tokens, self.credential).await?;
        let unusable = |what: &str| {
            let why = format!(
                "credential \"{}\": {what}; store the whole JSON key file of a service account",
                self.credential
            );
            Answer::of_silence(&CouldNot::NoCredential(why), false, Effect::Nothing)
        };
        let account = Account::read(file.reveal()).map_err(|what| unusable(&what))?;
        let assertion = account
            .assertion(SCOPE, &format!("{}{TOKEN}", self.tokens.url), Utc::now().timestamp())
            .map_err(unusable)?;
        let assertion = self.attempt.uses(Sensitive::new(assertion));
        let asked = request(Method::POST, TOKEN).with_form([("grant_type", GRANT), ("assertion", assertion.reveal())]);
        let reply = ask(self.attempt, self.tokens, Effect::Nothing, asked).await?;
        if !reply.is_success() {
            return Err(no_token(&reply, self.credential));
        }
        match reply.json::<Token>() {
            Some(token) if token.token_type.eq_ignore_ascii_case("bearer") => {
                Ok(self.attempt.uses(Sensitive::new(token.access_token)))
            }
            Some(_) | None => Err(reply.garbled()),
        }
    }
}

fn is_project(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Why no token was given. Whatever is wrong with the account, Google calls it a bad request.
fn no_token(reply: &Reply, credential: &Id) -> Answer {
    let Some(why) = reply.json::<NoToken>() else {
        return reply.answer(&format!("status {}", reply.status), None);
    };
    let words = why.error_description.as_deref().unwrap_or("no reason given");
    let answer = match (why.error.as_str(), reply.status) {
        // A key cannot be told to be good by a clock that is wrong.
        ("invalid_grant", 400..=499) if words.contains("reasonable timeframe") => {
            Answer::refused(Refusal::Here, "this computer's clock differs from Google's")
        }
        (
            "invalid_grant" | "invalid_client" | "unauthorized_client" | "deleted_client" | "disabled_client",
            400..=499,
        ) => Answer::refused(Refusal::Credential, &format!("credential \"{credential}\": {words}")),
        _ => reply.answer(words, None),
    };
    answer.with_status(reply.status).coded(Some(&why.error))
}

/// What Google's own words for it mean; without one of these, the status decides.
fn refused(reply: &Reply) -> Answer {
    let Some(Failure { error }) = reply.json::<Failure>() else {
        return reply.answer(&format!("status {}", reply.status), None);
    };
    let code = error.details.iter().find_map(|detail| detail.error_code.as_deref());
    let field = error.details.iter().flat_map(|detail| &detail.field_violations).find_map(|violation| {
        let (field, what) = (violation.field.as_deref()?, violation.description.as_deref()?);
        Some(if field.is_empty() { what.to_owned() } else { format!("{field}: {what}") })
    });
    let words = field.or(error.message).unwrap_or_else(|| "no reason given".to_owned());
    let code = code.or(error.status.as_deref());
    match code {
        Some("UNREGISTERED") => Answer::refused(Refusal::Gone, &words),
        // Apple's or the browser's keys, which Firebase holds for us, are not ours to be told from ours by the status.
        Some("SENDER_ID_MISMATCH" | "THIRD_PARTY_AUTH_ERROR") => Answer::refused(Refusal::Permission, &words),
        Some("QUOTA_EXCEEDED") => {
            let answer = reply.answer(&words, None);
            Answer { retry_after_ms: answer.retry_after_ms, ..Answer::retry_later(Observation::Neither, &words) }
        }
        _ => reply.answer(&words, None),
    }
    .with_status(reply.status)
    .coded(code)
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use lifeboat_domain::provider::Class;

    use super::*;

    fn reply(status: u16, body: &Value) -> Reply {
        let body = body.to_string().into_bytes();
        Reply { status, headers: HeaderMap::new(), body, whole: true, effect: Effect::EachTime }
    }

    #[test]
    fn a_refused_account_is_told_by_name_and_a_wrong_clock_is_ours() {
        let handle: Id = "push".parse().unwrap();
        for (status, body, refusal, words) in [
            (
                400,
                json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
                Refusal::Credential,
                "credential \"push\": Invalid JWT Signature.",
            ),
            (
                400,
                json!({"error": "invalid_grant", "error_description":
                    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."}),
                Refusal::Here,
                "this computer's clock differs from Google's",
            ),
            (400, json!({"error": "invalid_request"}), Refusal::Request, "no reason given"),
            (401, json!(["what"]), Refusal::Credential, "status 401"),
        ] {
            let answer = no_token(&reply(status, &body), &handle);
            assert_eq!((answer.refusal, answer.detail.as_str()), (Some(refusal), words));
        }
    }

    #[test]
    fn both_shapes_of_a_bad_request_are_read_and_its_words_decide() {
        let told = |status: u16, word: &str, details: Value| {
            refused(&reply(
                status,
                &json!({"error": {"code": status, "message": "Why.", "status": word, "details": details}}),
            ))
        };
        let coded =
            |code: &str| json!([{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]);
        let fields = json!([{"@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "message.token", "description": "not a token"}]}]);
        for (answer, class, refusal, code, words) in [
            (
                told(400, "INVALID_ARGUMENT", fields),
                Class::Refused,
                Some(Refusal::Request),
                "INVALID_ARGUMENT",
                "message.token: not a token",
            ),
            (
                told(400, "INVALID_ARGUMENT", coded("INVALID_ARGUMENT")),
                Class::Refused,
                Some(Refusal::Request),
                "INVALID_ARGUMENT",
                "Why.",
            ),
            (
                told(404, "NOT_FOUND", coded("UNREGISTERED")),
                Class::Refused,
                Some(Refusal::Gone),
                "UNREGISTERED",
                "Why.",
            ),
            (
                told(401, "UNAUTHENTICATED", coded("THIRD_PARTY_AUTH_ERROR")),
                Class::Refused,
                Some(Refusal::Permission),
                "THIRD_PARTY_AUTH_ERROR",
                "Why.",
            ),
            (
                told(401, "UNAUTHENTICATED", json!([])),
                Class::Refused,
                Some(Refusal::Credential),
                "UNAUTHENTICATED",
                "Why.",
            ),
            (
                told(429, "RESOURCE_EXHAUSTED", coded("QUOTA_EXCEEDED")),
                Class::RetryLater,
                None,
                "QUOTA_EXCEEDED",
                "Why.",
            ),
            (told(500, "INTERNAL", coded("INTERNAL")), Class::Unknown, None, "INTERNAL", "Why."),
        ] {
            let found = (answer.class, answer.refusal, answer.code.as_deref(), answer.detail.as_str());
            assert_eq!(found, (class, refusal, Some(code), words));
        }
    }
}
