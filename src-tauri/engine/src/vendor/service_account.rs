//! A service account of Google's: its key file, and the signed statement that a token is had for (RFC 7523).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Deserialize;
use serde_json::json;

use crate::secrets::Sensitive;

/// A service account's key file. What is missing is told by name.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    client_email: Option<String>,
}

/// Who signs, and with what.
pub(super) struct Account {
    email: String,
    key_id: String,
    key: RsaKeyPair,
}

impl Account {
    /// The account of a key file, or what about the file is not right. The reader's own words are not passed on, because
    /// they may quote what was read.
    pub(super) fn read(file: &str) -> Result<Self, String> {
        let file: KeyFile = serde_json::from_str(file).map_err(|_| "is not a JSON object".to_owned())?;
        match file.kind.as_deref() {
            Some("service_account") => {}
            Some(_) => return Err("is of another type than \"service_account\"".to_owned()),
            None => return Err("has no \"type\"".to_owned()),
        }
        let email = file.client_email.filter(|email| email.contains('@')).ok_or("has no \"client_email\"")?;
        let key_id = file.private_key_id.ok_or("has no \"private_key_id\"")?;
        let pem = Sensitive::new(file.private_key.ok_or("has no \"private_key\"")?);
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.reveal().as_bytes());
        let key = der.ok().and_then(|der| RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok());
        let key = key.ok_or("has a \"private_key\" that is no RSA key")?;
        Ok(Self { email, key_id, key })
    }

    /// What proves who asks, for an hour from `now`, in seconds since 1970 (RFC 7523, RS256).
    pub(super) fn assertion(&self, scope: &str, audience: &str, now: i64) -> Result<String, &'static str> {
        let head = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({"iss": self.email, "scope": scope, "aud": audience, "iat": now, "exp": now + 3_600});
        let [head, claims] = [head, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "has a \"private_key\" that does not sign")?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_key_file_that_is_none_is_told_by_what_is_missing_and_without_its_words() {
        let file = |more: Value| {
            let mut file = json!({"type": "service_account", "client_email": "a@p.test",
                "private_key_id": "1", "private_key": "hunter2"});
            file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            file.to_string()
        };
        for (text, words) in [
            ("hunter2".to_owned(), "is not a JSON object"),
            ("[\"hunter2\"]".to_owned(), "is not a JSON object"),
            ("{}".to_owned(), "has no \"type\""),
            (file(json!({"type": "authorized_user"})), "is of another type than \"service_account\""),
            (file(json!({"client_email": null})), "has no \"client_email\""),
            (file(json!({"client_email": 5})), "is not a JSON object"),
            (file(json!({"private_key_id": null})), "has no \"private_key_id\""),
            (file(json!({"private_key": null})), "has no \"private_key\""),
            (file(json!({})), "has a \"private_key\" that is no RSA key"),
            (
                file(json!({"private_key": "-----BEGIN PRIVATE KEY-----\nhunter2=\n-----END PRIVATE KEY-----\n"})),
                "has a \"private_key\" that is no RSA key",
            ),
        ] {
            assert_eq!(Account::read(&text).err().as_deref(), Some(words), "{text}");
        }
    }
}
