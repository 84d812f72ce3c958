//! Firebase Cloud Messaging as a stand-in, with the place where a service account gets its tokens: a signature is really
//! verified, and a device that is gone is said to be.

use std::{collections::BTreeSet, sync::OnceLock};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Utc;
use hyper::Method;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rsa::{
    Generate, PrivateKey,
    pkcs1::EncodeRsaPublicKey,
    pkcs8::{EncodePrivateKey, LineEnding},
};
use serde_json::{Value, json};

use super::{Asked, StandIn, Told, secret};
use crate::error::RangeError;

const PROJECT: &str = "samia-tarot-range";
const EMAIL: &str = "lifeboat@samia-tarot-range.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";
const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
/// The fields a message may have.
const KNOWN: [&str; 10] =
    ["name", "data", "notification", "android", "webpush", "apns", "fcmOptions", "token", "topic", "condition"];
/// Seconds by which a clock may be off.
const SKEW: i64 = 300;

pub(super) struct Fcm {
    /// What signs and what verifies; the service account's key file and its public half.
    keys: &'static Keys,
    key_id: String,
    tokens: BTreeSet<String>,
    sent: usize,
}

struct Keys {
    private: String,
    public: Vec<u8>,
}

/// One pair for as long as this program runs: making one takes a second.
fn keys() -> Result<&'static Keys, RangeError> {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    if let Some(keys) = KEYS.get() {
        return Ok(keys);
    }
    let failed = |cause: String| RangeError::Random(cause);
    let private = PrivateKey::try_generate().map_err(|error| failed(error.to_string()))?;
    let public = private.to_public_key().to_pkcs1_der().map_err(|error| failed(error.to_string()))?;
    let private = private.to_pkcs8_pem(LineEnding::LF).map_err(|error| failed(error.to_string()))?;
    Ok(KEYS.get_or_init(|| Keys { private: private.to_string(), public: public.as_bytes().to_vec() }))
}

impl Fcm {
    pub(super) fn new() -> Result<Self, RangeError> {
        Ok(Self { keys: keys()?, key_id: secret("", 40)?, tokens: BTreeSet::new(), sent: 0 })
    }

    fn token(&mut self, asked: &Asked) -> Told {
        let Some(form) = asked.form() else { return no_token("invalid_request", "The request is no form.") };
        if form.get("grant_type").map(String::as_str) != Some(GRANT) {
            return no_token("unsupported_grant_type", "Invalid grant_type");
        }
        let Some(assertion) = form.get("assertion") else {
            return no_token("invalid_request", "Missing parameter: assertion");
        };
        if let Err(why) = self.verified(assertion, &format!("https://{}/token", asked.header("host"))) {
            return no_token("invalid_grant", why);
        }
        let Ok(token) = secret("ya29.c.", 180) else { return self.refusal(500, "Internal error encountered.") };
        self.tokens.insert(token.clone());
        Told::json(200, &json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
    }

    /// Whether the service account signed this, for us, now (RFC 7523).
    fn verified(&self, assertion: &str, audience: &str) -> Result<(), &'static str> {
        let malformed = "Invalid JWT: Failed to parse.";
        let (signed, signature) = assertion.rsplit_once('.').ok_or(malformed)?;
        let (head, claims) = signed.split_once('.').ok_or(malformed)?;
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed);
        let value = |text: &str| serde_json::from_slice::<Value>(&bytes(text)?).map_err(|_| malformed);
        let (head, claims) = (value(head)?, value(claims)?);
        if head["alg"] != "RS256" {
            return Err("Invalid JWT: wrong algorithm.");
        }
        if claims["iss"] != EMAIL {
            return Err("Invalid grant: account not found");
        }
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.keys.public);
        if head["kid"] != self.key_id.as_str() || key.verify(signed.as_bytes(), &bytes(signature)?).is_err() {
            return Err("Invalid JWT Signature.");
        }
        if claims["aud"] != audience {
            return Err("Invalid JWT: Failed audience check.");
        }
        if claims["scope"] != SCOPE {
            return Err("Invalid OAuth scope or ID token audience provided.");
        }
        let (now, made, ends) = (Utc::now().timestamp(), claims["iat"].as_i64(), claims["exp"].as_i64());
        match (made, ends) {
            (Some(made), Some(ends)) if (made - now).abs() <= SKEW && ends > now && ends - made <= 3_600 => Ok(()),
            _ => Err("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                      Check your iat and exp values in the JWT claim."),
        }
    }

    fn send(&mut self, asked: &Asked) -> Told {
        let Some(body) = asked.json() else {
            return bad_request("", "Invalid JSON payload received.");
        };
        let Some(whole) = body.as_object() else { return bad_request("", "Root element must be a message.") };
        if let Some(odd) =
            whole.keys().find(|name| !["message", "validate_only", "validateOnly"].contains(&name.as_str()))
        {
            return bad_request(
                "",
                &format!("Invalid JSON payload received. Unknown name \"{odd}\": Cannot find field."),
            );
        }
        let Some(message) = body["message"].as_object() else {
            return bad_request("message", "Request must contain a message.");
        };
        if let Some(odd) = message.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            let words =
                format!("Invalid JSON payload received. Unknown name \"{odd}\" at 'message': Cannot find field.");
            return bad_request("message", &words);
        }
        if let Some(data) = message.get("data")
            && !data.as_object().is_some_and(|data| data.values().all(Value::is_string))
        {
            return bad_request("message.data", "Invalid value at 'message.data' (TYPE_STRING)");
        }
        let targets: Vec<&str> =
            ["token", "topic", "condition"].into_iter().filter(|name| message.contains_key(*name)).collect();
        let [target] = targets[..] else {
            return bad_request("message", "Exactly one of token, topic or condition must be given.");
        };
        let to = message[target].as_str().unwrap_or_default();
        if target == "token" {
            // What has no colon never was a device's; one that begins so was, once.
            if !to.contains(':') {
                let words = "The registration token is not a valid FCM registration token";
                let details = json!([{"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"},
                    {"@type": BAD_REQUEST, "fieldViolations": [{"field": "message.token", "description": words}]}]);
                return error(400, "INVALID_ARGUMENT", words, &details);
            }
            for (begins, status, word, code, words) in [
                ("gone", 404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found."),
                ("other", 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch"),
                ("apple", 401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", "Auth error from APNS or Web Push Service"),
                ("busy", 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Device message rate exceeded"),
            ] {
                if to.starts_with(begins) {
                    return error(status, word, words, &json!([{"@type": FCM_ERROR, "errorCode": code}]));
                }
            }
        }
        let dry = [&body["validate_only"], &body["validateOnly"]].into_iter().any(|flag| flag == true);
        let id = if dry { "fake_message_id".to_owned() } else { self.number() };
        Told::json(200, &json!({"name": format!("projects/{PROJECT}/messages/{id}")}))
    }

    fn number(&mut self) -> String {
        self.sent += 1;
        format!("0:{:016}%31bd1c96", self.sent)
    }
}

impl StandIn for Fcm {
    fn answer(&mut self, asked: &Asked) -> Told {
        match (&asked.method, asked.segments().as_slice()) {
            (&Method::POST, ["token"]) => self.token(asked),
            (&Method::POST, ["v1", "projects", project, "messages:send"]) => {
                let token = asked.header("authorization").strip_prefix("Bearer ");
                if !token.is_some_and(|token| self.tokens.contains(token)) {
                    return self.refusal(401, "Request had invalid authentication credentials.");
                }
                if *project != PROJECT {
                    return self.refusal(403, "Permission 'cloudmessaging.messages.create' denied on resource.");
                }
                self.send(asked)
            }
            _ => self.refusal(404, "Requested entity was not found."),
        }
    }

    fn refusal(&self, status: u16, words: &str) -> Told {
        let word = match status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 | 410 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            503 => "UNAVAILABLE",
            500.. => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        };
        error(status, word, words, &json!([]))
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("project", PROJECT.to_owned())]
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        let file = json!({
            "type": "service_account", "project_id": PROJECT, "private_key_id": self.key_id,
            "private_key": self.keys.private, "client_email": EMAIL, "client_id": "100000000000000000000",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        vec![("range-fcm", file.to_string())]
    }
}

fn no_token(error: &str, words: &str) -> Told {
    Told::json(400, &json!({"error": error, "error_description": words}))
}

fn bad_request(field: &str, words: &str) -> Told {
    let details = json!([{"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": words}]}]);
    error(400, "INVALID_ARGUMENT", words, &details)
}

fn error(status: u16, word: &str, words: &str, details: &Value) -> Told {
    let mut body = json!({"code": status, "message": words, "status": word});
    if details.as_array().is_some_and(|details| !details.is_empty()) {
        body["details"] = details.clone();
    }
    Told::json(status, &json!({"error": body}))
}
