//! Credentials as a plan speaks of them: by handle, who needs which, where one is kept, and what none can be.
//!
//! The values are the engine's; nothing here ever holds one for longer than it takes to look at its form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{EndpointKind, Environment, Target};
use crate::{
    check::{Probe, Verdict, judge},
    plan::{Plan, id::Id, read::choice},
    provider::{Standing, StandingClaim},
};

/// The longest credential that is kept, in bytes. Service accounts are about 2 KiB.
const LONGEST: usize = 64 * 1_024;

choice! {
    /// Where a credential is kept.
    pub enum CredentialPlace {
        /// In the operating system's keychain.
        Keychain = "keychain",
        /// In the encrypted file of the home.
        File = "file",
        /// In the memory of one program, until it ends.
        Session = "session",
    }
}

impl CredentialPlace {
    /// For a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Keychain => "the keychain",
            Self::File => "the encrypted file",
            Self::Session => "memory, until the window closes",
        }
    }
}

/// What needs a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CredentialUse {
    /// In which environment.
    pub environment: Id,
    /// Which endpoint.
    pub endpoint: Id,
    /// The endpoint's kind.
    pub kind: EndpointKind,
    /// Its key there, such as `webhook`.
    pub key: String,
    /// The checks that sign in with it.
    pub checks: Vec<Id>,
}

/// Every handle the plan's environments name, with what needs it.
pub fn credentials(plan: &Plan) -> BTreeMap<Id, Vec<CredentialUse>> {
    let mut named: BTreeMap<Id, Vec<CredentialUse>> = BTreeMap::new();
    for (id, environment) in &plan.environments {
        for (endpoint, target) in environment.sketched() {
            let Some(kind) = environment.endpoints.get(endpoint).map(super::Endpoint::kind) else { continue };
            for (key, handle) in target.credentials() {
                named.entry(handle.clone()).or_default().push(CredentialUse {
                    environment: id.clone(),
                    endpoint: endpoint.clone(),
                    kind,
                    key: key.to_owned(),
                    checks: signing_in(plan, endpoint),
                });
            }
        }
    }
    named
}

fn signing_in(plan: &Plan, endpoint: &Id) -> Vec<Id> {
    let uses = |probe: &Probe| probe.signs_in() && probe.endpoints().iter().any(|(_, needed)| *needed == endpoint);
    plan.checks.iter().filter(|(_, check)| uses(&check.probe)).map(|(id, _)| id.clone()).collect()
}

impl Environment {
    /// Its endpoints with something in every open place: good for reading what they need, not for talking to.
    fn sketched(&self) -> impl Iterator<Item = (&Id, Target)> {
        // A port and a part of any text; folders, which it does not fit, need no credential.
        let values: BTreeMap<String, String> =
            self.placeholders().into_iter().map(|name| (name, "1".to_owned())).collect();
        self.endpoints.keys().filter_map(move |id| Some((id, self.target(id, &values)?.ok()?)))
    }
}

/// Why a text cannot be what is needed there, whatever the other side thinks of it. Nothing when it may be.
pub fn unusable(kind: EndpointKind, key: &str, value: &str) -> Option<&'static str> {
    let printable = |value: &str| value.bytes().all(|byte| byte.is_ascii_graphic());
    if value.trim().is_empty() {
        return Some("it is empty");
    }
    if value.len() > LONGEST {
        return Some("it is longer than 64 KiB");
    }
    if value.contains('\0') {
        return Some("it has a zero byte in it");
    }
    match (kind, key) {
        // A database, a mail server and the key of a store take any words.
        (EndpointKind::Postgres | EndpointKind::Mail | EndpointKind::Bucket, _) => {
            value.contains(['\n', '\r']).then_some("it has more than one line")
        }
        (EndpointKind::Slack, "webhook") => {
            (!printable(value) || !value.starts_with("https://")).then_some("a webhook is an address with https://")
        }
        (EndpointKind::Fcm, _) => {
            let account: Option<serde_json::Value> = serde_json::from_str(value).ok();
            let is_account = account
                .is_some_and(|account| ["client_email", "private_key"].iter().all(|field| account[field].is_string()));
            (!is_account).then_some("a service account is the whole JSON file, with client_email and private_key")
        }
        (EndpointKind::PagerDuty, "routing-key") => {
            let is_key = value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
            (!is_key).then_some("an integration key has 32 letters and digits")
        }
        // What a journey sends may be anything; a header takes no line and no letter beyond ASCII.
        (EndpointKind::Http, _) => value.contains(['\n', '\r']).then_some("it has more than one line"),
        _ => (!printable(value)).then_some("it has spaces, line breaks or letters beyond ASCII in it"),
    }
}

/// How we stand with whatever a check looked at, as far as its sample tells.
pub fn standing(verdict: Verdict, reason: &str, fault: Option<crate::check::FaultClass>) -> Standing {
    use crate::check::FaultClass;
    use StandingClaim::{No, NotKnown, Yes};
    let (reachable, authenticated, functional) = match (verdict, fault) {
        (Verdict::Operational | Verdict::Degraded, _) => (Yes, Yes, Yes),
        _ if reason.contains(judge::CREDENTIAL_REFUSED) => (Yes, No, NotKnown),
        (Verdict::Outage, Some(FaultClass::Silent)) => (No, NotKnown, NotKnown),
        (Verdict::Outage, None | Some(FaultClass::Remote)) => (Yes, NotKnown, No),
        (Verdict::Unknown, Some(FaultClass::Remote)) => (Yes, NotKnown, NotKnown),
        (Verdict::Outage | Verdict::Unknown, _) => (NotKnown, NotKnown, NotKnown),
    };
    Standing { reachable, authenticated, functional, detail: reason.to_owned(), answer: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::FaultClass;

    #[test]
    fn only_what_cannot_work_is_refused() {
        let account = r#"{"type":"service_account","client_email":"a@b.test","private_key":"---"}"#;
        for (kind, key, value, good) in [
            (EndpointKind::Postgres, "credential", "päss \"wörd'\\ 🔑", true),
            (EndpointKind::Postgres, "credential", " ", false),
            (EndpointKind::Postgres, "credential", "a\nb", false),
            (EndpointKind::Postgres, "credential", "a\0b", false),
            (EndpointKind::Slack, "webhook", "https://hooks.slack.com/services/T0/B0/x", true),
            (EndpointKind::Slack, "webhook", "hooks.slack.com/services/T0/B0/x", false),
            (EndpointKind::Slack, "token", "xoxb-1", true),
            (EndpointKind::Fcm, "credential", account, true),
            (EndpointKind::Fcm, "credential", "{\"client_email\":1}", false),
            (EndpointKind::PagerDuty, "routing-key", "0123456789abcdef0123456789ABCDEF", true),
            (EndpointKind::PagerDuty, "routing-key", "0123456789abcdef", false),
            (EndpointKind::Stripe, "credential", "rk_test_1", true),
            (EndpointKind::Stripe, "credential", "rk_test_1 ", false),
            (EndpointKind::Stripe, "credential", "rk_tést", false),
            (EndpointKind::Http, "credential", "a token with spaces", true),
        ] {
            assert_eq!(unusable(kind, key, value).is_none(), good, "{kind} {key} {value:?}");
        }
        assert!(unusable(EndpointKind::Mail, "credential", &"a".repeat(LONGEST + 1)).is_some());
    }

    #[test]
    fn a_sample_tells_the_three_claims_apart() {
        use StandingClaim::{No, NotKnown, Yes};
        for (verdict, reason, fault, claims) in [
            (Verdict::Operational, "answers", None, (Yes, Yes, Yes)),
            (Verdict::Degraded, "slow", None, (Yes, Yes, Yes)),
            (Verdict::Unknown, "refused our credential (status 401)", Some(FaultClass::Remote), (Yes, No, NotKnown)),
            (Verdict::Outage, "refused the connection", Some(FaultClass::Silent), (No, NotKnown, NotKnown)),
            (Verdict::Outage, "status 500", None, (Yes, NotKnown, No)),
            (Verdict::Unknown, "name not found", Some(FaultClass::Network), (NotKnown, NotKnown, NotKnown)),
            (Verdict::Unknown, "no credential", Some(FaultClass::Local), (NotKnown, NotKnown, NotKnown)),
        ] {
            let found = standing(verdict, reason, fault);
            assert_eq!((found.reachable, found.authenticated, found.functional), claims, "{reason}");
        }
    }
}
