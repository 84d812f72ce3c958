//! Twilio as a stand-in: messages and calls that move on each time they are looked at. Numbers that end as Twilio's own
//! numbers for tests do are refused as those are.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::Utc;
use hyper::Method;
use serde_json::{Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

/// The number the account may send from.
const FROM: &str = "+15005550006";
const LONGEST_BODY: usize = 1_600;
const LONGEST_INSTRUCTIONS: usize = 4_000;

pub(super) struct Twilio {
    account: String,
    token: String,
    key: String,
    key_secret: String,
    sent: Vec<Sent>,
}

/// A message or a call.
struct Sent {
    sid: String,
    to: String,
    from: String,
    body: String,
    made: String,
    /// How often it was looked at.
    looks: usize,
}

impl Sent {
    fn is_call(&self) -> bool {
        self.sid.starts_with("CA")
    }

    /// How far it has come, and why no further.
    fn status(&self) -> (&'static str, Option<u32>) {
        let way: &[&'static str] = match (self.is_call(), self.to.as_str()) {
            (false, to) if to.ends_with("30003") => &["queued", "sent", "undelivered"],
            (false, to) if to.ends_with("30000") => &["queued", "sent"],
            (false, _) => &["queued", "sending", "sent", "delivered"],
            (true, to) if to.ends_with("0486") => &["queued", "ringing", "busy"],
            (true, to) if to.ends_with("0480") => &["queued", "ringing", "no-answer"],
            (true, _) => &["queued", "ringing", "in-progress", "completed"],
        };
        let status = way.get(self.looks).or(way.last()).copied().unwrap_or_default();
        (status, (status == "undelivered").then_some(30_003))
    }

    fn told(&self, account: &str) -> Value {
        let (status, error_code) = self.status();
        let mut told = json!({
            "sid": self.sid, "account_sid": account, "to": self.to, "from": self.from, "status": status,
            "date_created": self.made, "direction": "outbound-api", "api_version": "2010-04-01",
        });
        if !self.is_call() {
            told["body"] = json!(self.body);
            told["error_code"] = json!(error_code);
            told["error_message"] = json!(error_code.map(|_| "Unreachable destination handset"));
            told["date_sent"] = if status == "queued" { Value::Null } else { json!(self.made) };
        }
        told
    }
}

impl Twilio {
    pub(super) fn new() -> Result<Self, RangeError> {
        let secrets = (secret("AC", 34)?, secret("", 32)?, secret("SK", 34)?, secret("", 32)?);
        let (account, token, key, key_secret) = secrets;
        Ok(Self { account, token, key, key_secret, sent: Vec::new() })
    }

    fn make(&mut self, asked: &Asked, call: bool) -> Told {
        let Some(form) = asked.form() else { return error(400, 21_604, "A 'To' phone number is required.") };
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let (to, from) = (field("To"), field("From"));
        let content = field(if call { "Twiml" } else { "Body" });
        let refused = match (to, from, content) {
            ("", ..) => Some((21_604, "A 'To' phone number is required.".to_owned())),
            (_, "", _) => Some((21_603, "A 'From' phone number is required.".to_owned())),
            (.., "") if call => Some((21_205, "Url parameter is required.".to_owned())),
            (.., "") => Some((21_602, "Message body is required.".to_owned())),
            (to, ..) if !is_number(to) || to.ends_with("5550001") => {
                Some((21_211, format!("The 'To' number {to} is not a valid phone number.")))
            }
            (to, ..) if to.ends_with("5550003") => {
                let words = format!("Permission to send an SMS has not been enabled for the region of {to}.");
                Some((21_408, words))
            }
            (to, ..) if to.ends_with("5550004") => {
                Some((21_610, "Attempt to send to unsubscribed recipient".to_owned()))
            }
            (_, from, _) if from != FROM => {
                Some((21_606, format!("The 'From' number {from} is not a message-capable phone number.")))
            }
            (.., content) if !call && content.chars().count() > LONGEST_BODY => {
                Some((21_617, "The concatenated message body exceeds the 1600 character limit".to_owned()))
            }
            (.., content) if call && content.chars().count() > LONGEST_INSTRUCTIONS => {
                Some((21_208, "Twiml exceeds 4000 characters".to_owned()))
            }
            _ => None,
        };
        if let Some((code, words)) = refused {
            return error(400, code, &words);
        }
        let sid = format!("{}{:032x}", if call { "CA" } else { "SM" }, self.sent.len() + 1);
        let made = Utc::now().to_rfc2822();
        let sent = Sent { sid, to: to.to_owned(), from: from.to_owned(), body: content.to_owned(), made, looks: 0 };
        let told = sent.told(&self.account);
        self.sent.push(sent);
        Told::json(201, &told)
    }

    fn list(&self, asked: &Asked, call: bool) -> Told {
        let query = asked.query();
        let is = |name: &str, value: &str| query.get(name).is_none_or(|wanted| wanted == value);
        let fits = |sent: &&Sent| {
            sent.is_call() == call && is("To", &sent.to) && is("From", &sent.from) && !query.contains_key("DateSent")
        };
        let told: Vec<Value> = self.sent.iter().rev().filter(fits).map(|sent| sent.told(&self.account)).collect();
        let name = if call { "calls" } else { "messages" };
        Told::json(200, &json!({name: told, "page": 0, "page_size": 50, "next_page_uri": null}))
    }

    fn look(&mut self, sid: &str, path: &str) -> Told {
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.sid == sid) else { return missing(path) };
        let told = sent.told(&self.account);
        sent.looks += 1;
        Told::json(200, &told)
    }
}

impl StandIn for Twilio {
    fn answer(&mut self, asked: &Asked) -> Told {
        let basic = |user: &str, token: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{token}")));
        let by_key = asked.header("authorization") == basic(&self.key, &self.key_secret);
        if !by_key && asked.header("authorization") != basic(&self.account, &self.token) {
            return error(401, 20_003, "Authenticate");
        }
        let segments = asked.segments();
        let ["2010-04-01", "Accounts", account, rest @ ..] = segments.as_slice() else { return missing(&asked.path) };
        if account.trim_end_matches(".json") != self.account {
            return missing(&asked.path);
        }
        match (&asked.method, rest) {
            // A key that is no main key may not look at the account.
            (&Method::GET, []) if by_key => error(401, 20_003, "Authenticate"),
            (&Method::GET, []) => Told::json(
                200,
                &json!({"sid": self.account, "friendly_name": "Practice", "status": "active", "type": "Full"}),
            ),
            (&Method::POST, ["Messages.json"]) => self.make(asked, false),
            (&Method::POST, ["Calls.json"]) => self.make(asked, true),
            (&Method::GET, ["Messages.json"]) => self.list(asked, false),
            (&Method::GET, ["Calls.json"]) => self.list(asked, true),
            (&Method::GET, ["Messages" | "Calls", sid]) => {
                let sid = sid.trim_end_matches(".json").to_owned();
                self.look(&sid, &asked.path)
            }
            _ => missing(&asked.path),
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        match status {
            401 => error(401, 20_003, "Authenticate"),
            403 => error(403, 20_403, "Forbidden"),
            404 => error(404, 20_404, "The requested resource was not found"),
            429 => error(429, 20_429, "Too Many Requests"),
            503 => error(503, 20_503, "Service is unavailable"),
            _ => error(status, 20_500, words),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("account", self.account.clone()), ("key", self.key.clone()), ("from", FROM.to_owned())]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-twilio", self.token.clone()), ("range-twilio-key", self.key_secret.clone())]
    }
}

fn is_number(to: &str) -> bool {
    to.strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn missing(path: &str) -> Told {
    error(404, 20_404, &format!("The requested resource {path} was not found"))
}

fn error(status: u16, code: u32, message: &str) -> Told {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    Told::json(status, &json!({"code": code, "message": message, "more_info": more, "status": status}))
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
    fn a_message_without_what_it_has_to_have_is_refused() {
        let mut twilio = Twilio::new().unwrap();
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", twilio.account, twilio.token)));
        let (own, path) =
            (("authorization", basic.as_str()), format!("/2010-04-01/Accounts/{}/Messages.json", twilio.account));
        let form = ("content-type", "application/x-www-form-urlencoded");
        let long = format!("To=%2B15005550100&From=%2B15005550006&Body={}", "x".repeat(1_601));
        for (headers, body, told) in [
            (&[own, form][..], "To=%2B15005550100&From=%2B15005550006&Body=a", "201"),
            (&[own, form], "Too=%2B15005550100&From=%2B15005550006&Body=a", "21604"),
            (&[own, form], "To=%2B15005550100&Body=a", "21603"),
            (&[own, form], "To=%2B15005550100&From=%2B15005550006", "21602"),
            (&[own, form], "To=12&From=%2B15005550006&Body=a", "21211"),
            (&[own, form], "To=%2B15005550100&From=%2B15005550100&Body=a", "21606"),
            (&[own, form], &long, "21617"),
            (&[own], "To=%2B15005550100&From=%2B15005550006&Body=a", "21604"),
            (&[form], "To=%2B15005550100&From=%2B15005550006&Body=a", "20003"),
        ] {
            let told_ = words(&twilio.answer(&asked(Method::POST, &path, headers, body)));
            assert!(told_.contains(told), "{body}: {told_}");
        }
        assert_eq!(twilio.sent.len(), 1);
    }
}
