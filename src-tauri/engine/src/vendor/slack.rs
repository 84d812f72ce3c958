//! Slack: messages by an incoming webhook, or by a bot that can say where its message stands.
//!
//! Source: Slack's pages on incoming webhooks and its web API. A webhook's address is its secret, answers in plain text
//! and cannot be tried without posting. The web API answers 200 and says in its body that it refused. Neither knows a
//! message again, so what was lost is never sent twice.

use hyper::{Method, header::HeaderName};
use lifeboat_domain::{
    Id,
    environment::Site,
    provider::{Answer, Effect, Refusal, Standing},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Reply, ask, field, field::here, header, knocked, request, secret, settled};
use crate::{
    probe::{
        Attempt,
        http::{self, bearer},
    },
    secrets::Sensitive,
};

/// What the bot's token may do.
const SCOPES: HeaderName = HeaderName::from_static("x-oauth-scopes");
const JSON: &str = "application/json; charset=utf-8";
const LONGEST_TEXT: usize = 40_000;
const MOST_BLOCKS: usize = 50;
/// Where the addresses of webhooks begin.
const HOOKS: &str = "/services/";

/// Slack's interfaces, for as long as one attempt lasts. The fields are those of the endpoint of that name.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is described at the endpoint it is bound from")]
pub struct Slack<'a> {
    pub attempt: &'a Attempt<'a>,
    pub api: &'a Site,
    pub hooks: &'a Site,
    pub webhook: Option<&'a Id>,
    pub token: Option<&'a Id>,
    pub channel: Option<&'a str>,
}

/// Something to say.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// All of it in words, at most 40,000 characters. Nothing in it is taken for markup, so no foreign text calls a
    /// channel together or hides where a link leads.
    pub text: &'a str,
    /// How it is laid out, in Slack's own terms; at most 50.
    pub blocks: &'a [Value],
}

#[derive(Debug, Deserialize)]
struct Told {
    ok: bool,
    error: Option<String>,
    needed: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
    user_id: Option<String>,
    response_metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    messages: Vec<String>,
}

/// An incoming webhook, taken apart.
struct Webhook {
    home: Site,
    path: String,
}

impl Slack<'_> {
    /// Asks who the bot is and what it may do. Of a webhook it can be told that its address is one of Slack's and that
    /// Slack answers; whether it works is known only by posting.
    pub(crate) async fn standing(&self) -> Standing {
        if let Some(handle) = self.webhook
            && let Err(answer) = self.webhook(handle).await
        {
            return Standing::of(answer);
        }
        match (self.token, self.webhook) {
            (Some(token), _) => Standing::of(self.bot(token).await.unwrap_or_else(|answer| answer)),
            (None, Some(_)) => {
                knocked(self.attempt, self.hooks, "it answers; whether a webhook works is known only by posting").await
            }
            (None, None) => Standing::of(here("the endpoint names neither a webhook nor a bot")),
        }
    }

    async fn bot(&self, token: &Id) -> Result<Answer, Answer> {
        let key = secret(self.attempt, self.api, token).await?;
        let asked = request(Method::GET, "/api/auth.test").authorized(header(bearer(&key))?);
        let reply = ask(self.attempt, self.api, Effect::Nothing, asked).await?;
        let told = understood(&reply)?;
        if told.user_id.is_none() {
            return Err(reply.garbled());
        }
        let may_write = |scopes: &str| scopes.split(',').any(|scope| scope.trim() == "chat:write");
        if reply.header(&SCOPES).is_some_and(|scopes| !may_write(scopes)) {
            let why = "the bot may not write: scope chat:write is missing";
            return Err(Answer::refused(Refusal::Permission, why).with_status(reply.status));
        }
        Ok(Answer::delivered("the bot may write").with_status(reply.status))
    }

    /// Posts by the incoming webhook, into the one channel it was made for. Accepted means that Slack took it; there is
    /// no way to look at it afterwards.
    pub async fn notify(&self, message: &Message<'_>) -> Answer {
        settled(self.attempt, self.hook(message).await.unwrap_or_else(|answer| answer))
    }

    async fn hook(&self, message: &Message<'_>) -> Result<Answer, Answer> {
        let body = Value::Object(message.fields()?);
        let handle = self.webhook.ok_or_else(|| here("the endpoint names no webhook"))?;
        let Webhook { home, path } = self.webhook(handle).await?;
        let asked = request(Method::POST, &path).with_body(JSON, body.to_string());
        let reply = ask(self.attempt, &home, Effect::EachTime, asked).await?;
        Ok(hooked(&reply))
    }

    /// The address of a webhook, which has to lead where webhooks are. No part of it is ever told.
    async fn webhook(&self, handle: &Id) -> Result<Webhook, Answer> {
        let address = secret(self.attempt, self.hooks, handle).await?;
        let not = |what: &str| here(&format!("credential \"{handle}\" {what}"));
        let url = http::web_address(address.reveal()).map_err(|_| not("is not the address of a webhook"))?;
        let home = http::web_address(&self.hooks.url).map_err(|_| here("the endpoint's hooks-url is no address"))?;
        if url.origin() != home.origin() {
            return Err(not("leads elsewhere than to the endpoint's hooks-url"));
        }
        if !url.path().starts_with(HOOKS) || url.query().is_some() || url.fragment().is_some() {
            return Err(not("is not the address of a webhook"));
        }
        // A part of it is as good as the whole.
        self.attempt.uses(Sensitive::new(url.path()));
        if let Some(last) = url.path_segments().and_then(|mut parts| parts.next_back()).filter(|last| !last.is_empty())
        {
            self.attempt.uses(Sensitive::new(last));
        }
        let home = Site { url: home.origin().ascii_serialization(), ..self.hooks.clone() };
        Ok(Webhook { home, path: url.path().to_owned() })
    }

    /// Posts as the bot into the endpoint's channel. Delivered means that the message stands there; its reference is
    /// the channel and the message's time.
    pub async fn post(&self, message: &Message<'_>) -> Answer {
        settled(self.attempt, self.posted(message).await.unwrap_or_else(|answer| answer))
    }

    async fn posted(&self, message: &Message<'_>) -> Result<Answer, Answer> {
        let mut fields = message.fields()?;
        let token = self.token.ok_or_else(|| here("the endpoint names no bot"))?;
        let channel = self.channel.ok_or_else(|| here("the endpoint names no channel"))?;
        field::text("the channel", channel, 80)?;
        fields.insert("channel".to_owned(), json!(channel));
        let key = secret(self.attempt, self.api, token).await?;
        let asked = request(Method::POST, "/api/chat.postMessage")
            .with_body(JSON, Value::Object(fields).to_string())
            .authorized(header(bearer(&key))?);
        let reply = ask(self.attempt, self.api, Effect::EachTime, asked).await?;
        match understood(&reply)? {
            Told { channel: Some(channel), ts: Some(ts), .. } => {
                let reference = format!("{channel}/{ts}");
                Ok(Answer::delivered("it stands in the channel").with_status(reply.status).made(Some(&reference)))
            }
            Told { .. } => Ok(reply.garbled()),
        }
    }
}

impl Message<'_> {
    fn fields(&self) -> Result<Map<String, Value>, Answer> {
        field::text("the text", self.text, LONGEST_TEXT)?;
        if self.blocks.len() > MOST_BLOCKS {
            return Err(here(&format!("the message has more than {MOST_BLOCKS} blocks")));
        }
        let mut fields = Map::from_iter([("text".to_owned(), json!(field::unmarked(self.text)))]);
        if !self.blocks.is_empty() {
            fields.insert("blocks".to_owned(), json!(self.blocks));
        }
        Ok(fields)
    }
}

/// What a webhook's answer means: one word, in plain text.
fn hooked(reply: &Reply) -> Answer {
    let word = std::str::from_utf8(&reply.body).unwrap_or_default().trim();
    let is_word = reply.whole && (2..=60).contains(&word.len()) && word.bytes().all(is_of_a_word);
    if reply.is_success() {
        return match word {
            "ok" if reply.status == 200 => Answer::accepted("taken by Slack").with_status(reply.status),
            _ => reply.garbled(),
        };
    }
    if is_word { by_word(reply, word, word) } else { reply.answer(&format!("status {}", reply.status), None) }
}

/// What the web API's answer says, when it says that it went well.
fn understood(reply: &Reply) -> Result<Told, Answer> {
    let Some(told) = reply.json::<Told>() else {
        let status = || reply.answer(&format!("status {}", reply.status), None);
        return Err(if reply.is_success() { reply.garbled() } else { status() });
    };
    if told.ok && reply.is_success() {
        return Ok(told);
    }
    let word = told.error.as_deref().unwrap_or("no reason given");
    let more = told.needed.iter().chain(told.response_metadata.iter().flat_map(|metadata| &metadata.messages));
    let details: Vec<&str> = std::iter::once(word).chain(more.map(String::as_str)).collect();
    Err(by_word(reply, word, &details.join(": ")))
}

const fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// What Slack's own words mean; one that is not known is classed by the status it came with.
fn by_word(reply: &Reply, word: &str, details: &str) -> Answer {
    let refused = |refusal| Answer::refused(refusal, details);
    let answer = match word {
        "not_authed" | "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired" | "invalid_token"
        | "no_service" | "no_service_id" | "no_active_hooks" | "no_team" | "team_disabled" => {
            refused(Refusal::Credential)
        }
        "missing_scope"
        | "no_permission"
        | "not_allowed_token_type"
        | "access_denied"
        | "accesslimited"
        | "ekm_access_denied"
        | "org_login_required"
        | "not_in_channel"
        | "action_prohibited"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "posting_to_general_channel_denied" => refused(Refusal::Permission),
        "channel_not_found" | "channel_is_archived" | "is_archived" | "user_not_found" => refused(Refusal::Gone),
        "ratelimited" | "rate_limited" => {
            // By its word it is the same with any status.
            return Answer::of_status(429, reply.effect, reply.header(&hyper::header::RETRY_AFTER), details)
                .with_status(reply.status)
                .coded(Some(word));
        }
        // Slack says of these that it may have been done in part.
        "internal_error" | "fatal_error" | "rollup_error" | "service_unavailable" | "request_timeout" => {
            return Answer::of_status(500, reply.effect, None, details).with_status(reply.status).coded(Some(word));
        }
        _ if reply.is_success() => refused(Refusal::Request),
        _ => return reply.answer(details, Some(word)),
    };
    answer.with_status(reply.status).coded(Some(word))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER};
    use lifeboat_domain::provider::{
        Class::{self, Refused, RetryLater, Unknown},
        Observation,
    };

    use super::*;

    fn reply(status: u16, body: &str, effect: Effect) -> Reply {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        Reply { status, headers, body: body.as_bytes().to_vec(), whole: true, effect }
    }

    #[test]
    fn each_of_slacks_words_has_a_meaning() {
        let table: [(&str, Class, Option<Refusal>); 9] = [
            ("invalid_auth", Refused, Some(Refusal::Credential)),
            ("missing_scope", Refused, Some(Refusal::Permission)),
            ("not_in_channel", Refused, Some(Refusal::Permission)),
            ("channel_not_found", Refused, Some(Refusal::Gone)),
            ("is_archived", Refused, Some(Refusal::Gone)),
            ("msg_too_long", Refused, Some(Refusal::Request)),
            ("a_word_of_tomorrow", Refused, Some(Refusal::Request)),
            ("ratelimited", RetryLater, None),
            ("internal_error", Unknown, None),
        ];
        for (word, class, refusal) in table {
            let body = json!({"ok": false, "error": word}).to_string();
            let answer = understood(&reply(200, &body, Effect::EachTime)).unwrap_err();
            assert_eq!((answer.class, answer.refusal, answer.code.as_deref()), (class, refusal, Some(word)));
        }
        let asked = understood(&reply(200, r#"{"ok":false,"error":"internal_error"}"#, Effect::Nothing)).unwrap_err();
        assert_eq!((asked.class, asked.observation), (RetryLater, Observation::Failed));
        let busy = understood(&reply(429, r#"{"ok":false,"error":"ratelimited"}"#, Effect::EachTime)).unwrap_err();
        assert_eq!((busy.observation, busy.retry_after_ms), (Observation::Neither, Some(7_000)));
    }

    #[test]
    fn a_webhook_answers_with_a_word_and_with_nothing_else() {
        for (status, body, class, refusal) in [
            (200, "ok", Class::Accepted, None),
            (200, "<html>welcome</html>", Unknown, None),
            (202, "ok", Unknown, None),
            (400, "invalid_payload", Refused, Some(Refusal::Request)),
            (403, "invalid_token", Refused, Some(Refusal::Credential)),
            (403, "action_prohibited", Refused, Some(Refusal::Permission)),
            (403, "<html>blocked</html>", Refused, Some(Refusal::Permission)),
            (404, "no_service", Refused, Some(Refusal::Credential)),
            (404, "channel_not_found", Refused, Some(Refusal::Gone)),
            (410, "channel_is_archived", Refused, Some(Refusal::Gone)),
            (429, "rate_limited", RetryLater, None),
            (500, "rollup_error", Unknown, None),
            (503, "", RetryLater, None),
        ] {
            let answer = hooked(&reply(status, body, Effect::EachTime));
            assert_eq!((answer.class, answer.refusal, answer.status), (class, refusal, Some(status)), "{body}");
        }
    }
}
