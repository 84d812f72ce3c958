//! Slack as a stand-in: one workspace with one channel, an incoming webhook for it, and a bot.

use hyper::Method;
use serde_json::{Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

const CHANNEL: &str = "C0RANGE01";
const ARCHIVED: &str = "C0RANGE02";
/// The bot has not been asked in.
const FOREIGN: &str = "C0RANGE03";
const TEAM: &str = "T0RANGE01";
const HOOK: &str = "B0RANGE01";
const LONGEST_TEXT: usize = 40_000;

pub(super) struct Slack {
    token: String,
    /// The last part of the webhook's address.
    hook: String,
    port: u16,
    posted: u32,
}

impl Slack {
    pub(super) fn new() -> Result<Self, RangeError> {
        Ok(Self { token: secret("xoxb-1234567890-", 56)?, hook: secret("", 24)?, port: 0, posted: 0 })
    }

    fn hook(&mut self, asked: &Asked) -> Told {
        match asked.segments().as_slice() {
            ["services", TEAM, HOOK, key] if *key == self.hook => {}
            ["services", TEAM, HOOK, _] => return Told::text(403, "invalid_token"),
            ["services", TEAM, ..] => return Told::text(404, "no_service"),
            _ => return Told::text(404, "no_team"),
        }
        let Some(Value::Object(message)) = asked.json() else { return Told::text(400, "invalid_payload") };
        let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
        let blocks = message.get("blocks");
        if text.is_empty() && blocks.is_none() {
            return Told::text(400, "no_text");
        }
        if blocks.is_some_and(|blocks| !are_blocks(blocks)) {
            return Told::text(400, "invalid_blocks");
        }
        self.posted += 1;
        Told::text(200, "ok")
    }

    fn web(&mut self, asked: &Asked) -> Told {
        match asked.header("authorization").strip_prefix("Bearer ") {
            Some(token) if token == self.token => {}
            Some(_) => return not("invalid_auth"),
            None => return not("not_authed"),
        }
        match (&asked.method, asked.segments().as_slice()) {
            (&Method::GET | &Method::POST, ["api", "auth.test"]) => Told::json(
                200,
                &json!({
                    "ok": true, "url": "https://range.test/", "team": "Practice", "user": "lifeboat", "team_id": TEAM,
                    "user_id": "U0RANGE01", "bot_id": "B0RANGE02", "is_enterprise_install": false,
                }),
            )
            .with("x-oauth-scopes", "chat:write,incoming-webhook"),
            (&Method::POST, ["api", "chat.postMessage"]) => self.post(asked),
            _ => not("unknown_method"),
        }
    }

    fn post(&mut self, asked: &Asked) -> Told {
        let Some(Value::Object(message)) = asked.json() else { return not("invalid_json") };
        let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
        let channel = message.get("channel").and_then(Value::as_str).unwrap_or_default();
        let blocks = message.get("blocks");
        let wrong = match channel {
            ARCHIVED => Some("is_archived"),
            FOREIGN => Some("not_in_channel"),
            CHANNEL => None,
            _ => Some("channel_not_found"),
        };
        if let Some(wrong) = wrong {
            return not(wrong);
        }
        if text.is_empty() && blocks.is_none() {
            return not("no_text");
        }
        if text.chars().count() > LONGEST_TEXT {
            return not("msg_too_long");
        }
        if blocks.is_some_and(|blocks| !are_blocks(blocks)) {
            return not("invalid_blocks");
        }
        self.posted += 1;
        let ts = format!("1700000000.{:06}", self.posted);
        let message = json!({"type": "message", "text": text, "ts": ts, "bot_id": "B0RANGE02"});
        Told::json(200, &json!({"ok": true, "channel": channel, "ts": ts, "message": message}))
    }
}

impl StandIn for Slack {
    fn answer(&mut self, asked: &Asked) -> Told {
        match (&asked.method, asked.segments().as_slice()) {
            (_, ["api", ..]) => self.web(asked),
            (&Method::POST, _) => self.hook(asked),
            _ => Told::text(404, "no_team"),
        }
    }

    /// A webhook's refusal.
    fn refusal(&self, status: u16, words: &str) -> Told {
        match status {
            401 => Told::text(403, "invalid_token"),
            403 => Told::text(403, "action_prohibited"),
            404 => Told::text(404, "channel_not_found"),
            410 => Told::text(410, "channel_is_archived"),
            429 => Told::text(429, "rate_limited"),
            _ => Told::text(status, words),
        }
    }

    fn refuse(&self, asked: &Asked, status: u16, words: &str) -> Told {
        if asked.segments().first() != Some(&"api") {
            return self.refusal(status, words);
        }
        match status {
            401 => not("invalid_auth"),
            403 => Told::json(200, &json!({"ok": false, "error": "missing_scope", "needed": "chat:write"})),
            404 => not("channel_not_found"),
            410 => not("is_archived"),
            429 => Told::json(429, &json!({"ok": false, "error": "ratelimited"})),
            503 => Told::json(503, &json!({"ok": false, "error": "service_unavailable"})),
            _ => {
                let more = json!({"messages": [words]});
                Told::json(status, &json!({"ok": false, "error": "internal_error", "response_metadata": more}))
            }
        }
    }

    fn reached_at(&mut self, port: u16) {
        self.port = port;
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("channel", CHANNEL.to_owned())]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        let address = format!("https://127.0.0.1:{}/services/{TEAM}/{HOOK}/{}", self.port, self.hook);
        vec![("range-slack-webhook", address), ("range-slack-bot", self.token.clone())]
    }
}

fn are_blocks(blocks: &Value) -> bool {
    blocks.as_array().is_some_and(|all| all.len() <= 50 && all.iter().all(|block| block["type"].is_string()))
}

fn not(error: &str) -> Told {
    Told::json(200, &json!({"ok": false, "error": error}))
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
    fn a_webhook_answers_in_plain_text_and_the_web_interface_with_200() {
        let mut slack = Slack::new().unwrap();
        let (hook, bearer) = (format!("/services/{TEAM}/{HOOK}/{}", slack.hook), format!("Bearer {}", slack.token));
        let json = ("content-type", "application/json");
        let (bot, text) = (("authorization", bearer.as_str()), r#"{"text":"a"}"#);
        let post = "/api/chat.postMessage";
        for (path, headers, body, told) in [
            (hook.as_str(), &[json][..], text, "200 ok"),
            (&hook, &[json], "{", "400 invalid_payload"),
            (&hook, &[], text, "400 invalid_payload"),
            (&hook, &[json], "{}", "400 no_text"),
            (&hook, &[json], r#"{"text":"a","blocks":[{}]}"#, "400 invalid_blocks"),
            ("/services/T0RANGE01/B0RANGE01/wrong", &[json], text, "403 invalid_token"),
            ("/services/T0RANGE01/B1/wrong", &[json], text, "404 no_service"),
            ("/elsewhere", &[json], text, "404 no_team"),
            (post, &[json], text, r#"200 {"error":"not_authed","ok":false}"#),
            (post, &[json, ("authorization", "Bearer x")], text, r#"200 {"error":"invalid_auth","ok":false}"#),
            (post, &[json, bot], text, r#"200 {"error":"channel_not_found","ok":false}"#),
            (post, &[json, bot], r#"{"channel":"C0RANGE01"}"#, r#"200 {"error":"no_text","ok":false}"#),
            (post, &[bot], text, r#"200 {"error":"invalid_json","ok":false}"#),
        ] {
            assert_eq!(words(&slack.answer(&asked(Method::POST, path, headers, body))), told, "{path} {body}");
        }
        assert_eq!(slack.posted, 1);
    }
}
