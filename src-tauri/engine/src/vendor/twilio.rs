//! Twilio: text messages and calls.
//!
//! Source: Twilio's REST API 2010-04-01. Bodies are forms, errors are `{"code","message","status"}`, and what becomes of
//! a message is asked by its SID, since this program has no address Twilio could call back. There is no key for a
//! repeat: a message whose answer was lost is looked for, and never sent again by itself.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hyper::{Method, header::HeaderValue};
use lifeboat_domain::{
    Id,
    check::redact::redact,
    environment::Site,
    provider::{Answer, Class, Effect, Observation, Refusal, Standing},
};
use serde::Deserialize;

use super::{Reply, ask, field, header, request, secret, settled, unseen};
use crate::probe::{
    Attempt,
    http::{Request, secret_header},
};

const LONGEST_BODY: usize = 1_600;
const LONGEST_INSTRUCTIONS: usize = 4_000;
/// A SID is two letters and 32 digits.
const SID: usize = 34;
/// How far Twilio's clock may be behind ours.
const SKEW: TimeDelta = TimeDelta::seconds(60);

/// Twilio's interface, for as long as one attempt lasts. The fields are those of the endpoint of that name.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is described at the endpoint it is bound from")]
pub struct Twilio<'a> {
    pub attempt: &'a Attempt<'a>,
    pub api: &'a Site,
    pub account: &'a str,
    pub key: Option<&'a str>,
    pub credential: &'a Id,
    pub from: &'a str,
}

/// What is looked for when an answer was lost.
#[derive(Debug, Clone, Copy)]
pub enum Lost<'a> {
    /// A text message with these words.
    Message(&'a str),
    /// A call.
    Call,
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: u32,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Account {
    sid: String,
    status: String,
}

/// A message or a call. What it says and whom it went to is compared and never told.
#[derive(Deserialize)]
struct Sent {
    sid: String,
    status: String,
    to: Option<String>,
    body: Option<String>,
    date_created: Option<String>,
    error_code: Option<u32>,
}

#[derive(Deserialize)]
struct Listed {
    messages: Option<Vec<Sent>>,
    calls: Option<Vec<Sent>>,
}

impl Twilio<'_> {
    /// Asks for the account itself. A key may not ask that; it lists the messages of a day before there were any.
    pub(crate) async fn standing(&self) -> Standing {
        Standing::of(match self.key {
            None => self.active().await.unwrap_or_else(|answer| answer),
            Some(_) => self.may_list().await.unwrap_or_else(|answer| answer),
        })
    }

    async fn active(&self) -> Result<Answer, Answer> {
        let path = format!("/2010-04-01/Accounts/{}.json", self.account()?);
        let reply = self.ask(Effect::Nothing, request(Method::GET, &path)).await?;
        if !reply.is_success() {
            return Err(refused(&reply));
        }
        let account = reply.json::<Account>().filter(|account| account.sid == self.account);
        Ok(match account.as_ref().map(|account| account.status.as_str()) {
            Some("active") => Answer::delivered("the account is active"),
            Some(status @ ("suspended" | "closed")) => {
                Answer::refused(Refusal::Gone, &format!("the account is {status}"))
                    .with_status(reply.status)
                    .coded(Some(status))
            }
            Some(_) | None => reply.garbled(),
        })
    }

    async fn may_list(&self) -> Result<Answer, Answer> {
        let path = format!("{}?DateSent=2000-01-01&PageSize=1", self.path("Messages.json")?);
        let reply = self.ask(Effect::Nothing, request(Method::GET, &path)).await?;
        match reply.json::<Listed>() {
            _ if !reply.is_success() => Err(refused(&reply)),
            Some(Listed { messages: Some(_), .. }) => Ok(Answer::delivered("the key may list messages")),
            Some(_) | None => Err(reply.garbled()),
        }
    }

    /// Sends a text message. Accepted means that Twilio took it; what becomes of it is asked by its reference.
    ///
    /// It leaves through networks that anybody may read in, so credentials, addresses and numbers are taken out.
    pub async fn message(&self, to: &str, body: &str) -> Answer {
        settled(self.attempt, self.text(to, body).await.unwrap_or_else(|answer| answer))
    }

    async fn text(&self, to: &str, body: &str) -> Result<Answer, Answer> {
        field::text("the message (Body)", body, LONGEST_BODY)?;
        let body = self.fit_for_all(body).await?;
        self.send("Messages.json", to, ("Body", &body)).await
    }

    /// Calls a number and says this, twice. Delivered means that somebody, or something, answered.
    pub async fn call(&self, to: &str, words: &str) -> Answer {
        settled(self.attempt, self.ring(to, words).await.unwrap_or_else(|answer| answer))
    }

    async fn ring(&self, to: &str, words: &str) -> Result<Answer, Answer> {
        field::text("what is said", words, LONGEST_INSTRUCTIONS)?;
        let words = self.fit_for_all(words).await?;
        // XML has no way to write these.
        let words: String = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let instructions = format!("<Response><Say loop=\"2\">{}</Say></Response>", field::unmarked(&words));
        field::text("what is said", &instructions, LONGEST_INSTRUCTIONS)?;
        self.send("Calls.json", to, ("Twiml", &instructions)).await
    }

    async fn send(&self, what: &str, to: &str, content: (&str, &str)) -> Result<Answer, Answer> {
        field::number("the recipient (To)", to)?;
        field::number("the sender (From)", self.from)?;
        let path = self.path(what)?;
        let asked = request(Method::POST, &path).with_form([("To", to), ("From", self.from), content]);
        let reply = self.ask(Effect::EachTime, asked).await?;
        if !reply.is_success() {
            return Ok(refused(&reply));
        }
        Ok(state(&reply))
    }

    /// Asks what became of a message or a call: `reference` of the answer that made it. That it could not be looked at
    /// says nothing of it.
    pub async fn look(&self, reference: &str) -> Answer {
        settled(self.attempt, self.at(reference).await.unwrap_or_else(unseen))
    }

    async fn at(&self, reference: &str) -> Result<Answer, Answer> {
        field::id("the reference", reference, &["SM", "MM", "CA"], SID)?;
        let what = if reference.starts_with("CA") { "Calls" } else { "Messages" };
        let path = self.path(&format!("{what}/{reference}.json"))?;
        let reply = self.ask(Effect::Nothing, request(Method::GET, &path)).await?;
        if reply.is_success() { Ok(state(&reply)) } else { Err(refused(&reply)) }
    }

    /// Looks every so often, until it is delivered or failed or the attempt's time is over; the last that was seen is
    /// told.
    pub async fn delivery(&self, reference: &str, every: Duration) -> Answer {
        let mut seen = None;
        loop {
            let answer = self.look(reference).await;
            let pause = every.max(answer.retry_after().unwrap_or_default());
            match answer.class {
                Class::Accepted => seen = Some(answer),
                Class::RetryLater if self.attempt.left() > pause => {}
                Class::Delivered | Class::Refused => return answer,
                Class::RetryLater | Class::Unknown => return seen.unwrap_or(answer),
            }
            if let Some(seen) = seen.take_if(|_| self.attempt.left() <= pause) {
                return seen;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks for the newest that went to this number since a moment. None is no proof that there will be none, so it
    /// stays unknown then.
    pub async fn find(&self, to: &str, lost: Lost<'_>, since: DateTime<Utc>) -> Answer {
        settled(self.attempt, self.found(to, lost, since).await.unwrap_or_else(unseen))
    }

    async fn found(&self, to: &str, lost: Lost<'_>, since: DateTime<Utc>) -> Result<Answer, Answer> {
        field::number("the recipient (To)", to)?;
        // Not by DateSent: what is queued has none yet, and would not be found.
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("To", to), ("From", self.from), ("PageSize", "100")])
            .finish();
        let what = if matches!(lost, Lost::Call) { "Calls.json" } else { "Messages.json" };
        let path = format!("{}?{query}", self.path(what)?);
        let reply = self.ask(Effect::Nothing, request(Method::GET, &path)).await?;
        if !reply.is_success() {
            return Err(refused(&reply));
        }
        let listed = reply.json::<Listed>();
        let sent = listed.and_then(|listed| if matches!(lost, Lost::Call) { listed.calls } else { listed.messages });
        let sent = sent.ok_or_else(|| reply.garbled())?;
        let body = match lost {
            Lost::Message(body) => Some(self.fit_for_all(body).await?),
            Lost::Call => None,
        };
        let fits = |sent: &&Sent| {
            let made = sent.date_created.as_deref().and_then(|date| DateTime::parse_from_rfc2822(date).ok());
            made.is_some_and(|made| made >= since - SKEW)
                && sent.to.as_deref() == Some(to)
                // An account on trial has a word put before it.
                && body.as_ref().is_none_or(|body| sent.body.as_ref().is_some_and(|sent| sent.ends_with(body)))
        };
        Ok(match sent.iter().find(fits) {
            Some(sent) => of(sent, &reply),
            None => Answer {
                observation: Observation::Succeeded,
                ..Answer::unknown("Twilio lists none so far").with_status(reply.status)
            },
        })
    }

    /// The text as anybody may read it.
    async fn fit_for_all(&self, text: &str) -> Result<String, Answer> {
        secret(self.attempt, self.api, self.credential).await?;
        Ok(self.attempt.with_secrets(|secrets| redact(text, secrets, text.len())))
    }

    fn account(&self) -> Result<&str, Answer> {
        field::id("the account", self.account, &["AC"], SID).map(|()| self.account)
    }

    fn path(&self, what: &str) -> Result<String, Answer> {
        Ok(format!("/2010-04-01/Accounts/{}/{what}", self.account()?))
    }

    async fn ask(&self, effect: Effect, asked: Request<'_>) -> Result<Reply, Answer> {
        let user = self.key.unwrap_or(self.account);
        field::id("the account or key", user, &["AC", "SK"], SID)?;
        let token = secret(self.attempt, self.api, self.credential).await?;
        let authorization = basic(user, token.reveal())?;
        ask(self.attempt, self.api, effect, asked.authorized(authorization)).await
    }
}

/// Who we are (RFC 7617).
fn basic(user: &str, password: &str) -> Result<HeaderValue, Answer> {
    header(secret_header(&format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))))
}

/// A message or a call as it stands.
fn state(reply: &Reply) -> Answer {
    match reply.json::<Sent>() {
        Some(sent) if field::id("", &sent.sid, &["SM", "MM", "CA"], SID).is_ok() => of(&sent, reply),
        Some(_) | None => reply.garbled(),
    }
}

fn of(sent: &Sent, reply: &Reply) -> Answer {
    let told = match sent.error_code {
        Some(code) => format!("it is {}: error {code}", sent.status),
        None => format!("it is {}", sent.status),
    };
    let answer = match sent.status.as_str() {
        "delivered" | "read" => Answer::delivered(&told),
        "in-progress" | "completed" => Answer::delivered("the call was answered, by a person or a machine"),
        "busy" | "no-answer" => Answer::refused(Refusal::Declined, "nobody answered the call"),
        // The other network had the last word.
        "failed" | "undelivered" | "canceled" => Answer::refused(Refusal::Declined, &told),
        _ => Answer::accepted(&told),
    };
    let code = sent.error_code.map(|code| code.to_string());
    answer.with_status(reply.status).coded(code.as_deref().or(Some(&sent.status))).made(Some(&sent.sid))
}

/// What Twilio's refusal means. Its codes are told and hardly judged by, since Twilio changes them.
fn refused(reply: &Reply) -> Answer {
    let Some(Failure { code, message }) = reply.json() else {
        return reply.answer(&format!("status {}", reply.status), None);
    };
    let word = code.to_string();
    match (reply.status, code) {
        // The recipient has said stop.
        (400, 21_610) => Answer::refused(Refusal::Declined, &message).with_status(400).coded(Some(&word)),
        // The account may not send to this country.
        (400, 21_408) => Answer::refused(Refusal::Permission, &message).with_status(400).coded(Some(&word)),
        _ => reply.answer(&message, Some(&word)),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderMap;
    use lifeboat_domain::provider::Class::{Accepted, Delivered, Refused};
    use serde_json::json;

    use super::*;

    #[test]
    fn each_status_of_a_message_and_of_a_call_has_its_class() {
        for (statuses, class) in [
            (&["queued", "accepted", "scheduled", "sending", "sent", "partially_delivered", "ringing"][..], Accepted),
            (&["delivered", "read", "in-progress", "completed"], Delivered),
            (&["failed", "undelivered", "canceled", "busy", "no-answer"], Refused),
        ] {
            for status in statuses {
                let body = json!({"sid": format!("SM{:032}", 1), "status": status, "error_code": null});
                let body = body.to_string().into_bytes();
                let reply =
                    Reply { status: 201, headers: HeaderMap::new(), body, whole: true, effect: Effect::EachTime };
                let answer = state(&reply);
                assert_eq!((answer.class, answer.code.as_deref()), (class, Some(*status)));
                assert_eq!(answer.refusal, (class == Refused).then_some(Refusal::Declined), "{status}");
                assert_ne!(answer.observation, Observation::Failed, "{status}");
            }
        }
    }
}
