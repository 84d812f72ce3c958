//! Cloudflare: what traffic is sent where, as one sees it, and a change of it that can be put back.
//!
//! A [`Change`] holds what was seen and what is wanted; its reverse puts back. What is changed is only what stands in
//! it; the names are the vendor's own.

use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

use super::Answer;
use crate::{check::judge::words::line, plan::read::choice, text::is_hidden};

/// The longest text that is shown, and the longest that is put back, in bytes.
const LONGEST: (usize, usize) = (200, 4_096);

/// Where a load balancer sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PoolOrder {
    /// Ids of pools, in the order in which they are tried.
    #[serde(deserialize_with = "each_exact")]
    pub default_pools: Vec<String>,
    /// The pool when none of these is healthy.
    #[serde(deserialize_with = "exact")]
    pub fallback_pool: String,
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LoadBalancer {
    /// The name it answers for.
    #[serde(deserialize_with = "told")]
    pub name: String,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How it chooses; `off` goes by the order, other ways may send elsewhere whatever the order is.
    #[serde(default, deserialize_with = "told")]
    pub steering_policy: String,
    /// Where it sends.
    #[serde(flatten)]
    pub order: PoolOrder,
}

/// Where a DNS record leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RecordContent {
    /// An address or a name.
    #[serde(deserialize_with = "exact")]
    pub content: String,
    /// How long it may be kept, in seconds; 1 is as the vendor likes.
    pub ttl: u32,
    /// Whether it leads through Cloudflare, where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub proxied: Option<bool>,
}

/// A DNS record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DnsRecord {
    /// Its name.
    #[serde(deserialize_with = "told")]
    pub name: String,
    /// Its type, such as `CNAME`.
    #[serde(rename = "type", deserialize_with = "told")]
    pub kind: String,
    /// Where it leads.
    #[serde(flatten)]
    pub content: RecordContent,
}

choice! {
    /// What a token is worth.
    pub enum TokenStatus {
        /// It is accepted.
        Active = "active",
        /// It is switched off.
        Disabled = "disabled",
        /// Its time is over.
        Expired = "expired",
        /// A word that is not known here.
        #[serde(other)]
        Unknown = "unknown",
    }
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Zone {
    /// Its domain.
    #[serde(deserialize_with = "told")]
    pub name: String,
    /// The vendor's word for its state, such as `active`.
    #[serde(default, deserialize_with = "told")]
    pub status: String,
    /// Whether it is only served names, with nothing else done for it.
    #[serde(default)]
    pub paused: bool,
}

/// From what was seen to what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Change<S> {
    /// What whoever wants the change has seen.
    pub seen: S,
    /// What is to be there instead.
    pub wanted: S,
}

/// What is to be done about a change, given what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: what is wanted is there.
    Nothing,
    /// It is to be changed.
    Change,
    /// Nothing: somebody else changed it since it was seen.
    Stop,
}

impl<S: PartialEq> Change<S> {
    /// The step from what is there now. Asked again after an answer was lost, it does nothing twice.
    pub fn step(&self, now: &S) -> Step {
        match now {
            now if *now == self.wanted => Step::Nothing,
            now if *now == self.seen => Step::Change,
            _ => Step::Stop,
        }
    }

    /// The change that puts back what was seen.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { seen: self.wanted, wanted: self.seen }
    }
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Changed<S> {
    /// What was answered.
    pub answer: Answer,
    /// What puts back what was there; nothing when nothing was changed.
    pub revert: Option<Change<S>>,
}

const fn yes() -> bool {
    true
}

fn told<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(line(&String::deserialize(from)?, LONGEST.0))
}

/// Whether a text can be put back as it was; one that would not look like what it is, is not taken.
fn judged<E: serde::de::Error>(text: String) -> Result<String, E> {
    if text.is_empty() || text.len() > LONGEST.1 || text.contains(is_hidden) {
        return Err(E::custom("a text nobody would put back"));
    }
    Ok(text)
}

fn exact<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    judged(String::deserialize(from)?)
}

fn each_exact<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Vec::<String>::deserialize(from)?.into_iter().map(judged).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_made_once_and_put_back_and_never_over_somebody_elses() {
        let change = Change { seen: "old", wanted: "new" };
        let back = change.clone().reversed();
        for (now, step, reverse) in [
            ("old", Step::Change, Step::Nothing),
            ("new", Step::Nothing, Step::Change),
            ("other", Step::Stop, Step::Stop),
        ] {
            assert_eq!((change.step(&now), back.step(&now)), (step, reverse), "{now}");
        }
        assert_eq!(back.reversed(), change);
    }

    #[test]
    fn what_is_put_back_is_what_was_read() {
        let read = json!({
            "id": "a", "name": "www.test", "type": "CNAME", "content": "a.test", "ttl": 1, "proxied": true, "meta": {},
        });
        let record: DnsRecord = serde_json::from_value(read).unwrap();
        let wanted = json!({"content": "a.test", "ttl": 1, "proxied": true});
        assert_eq!(serde_json::to_value(record.content).unwrap(), wanted);
        for content in ["", "a\u{202e}b", "a\nb"] {
            let read = json!({"content": content, "ttl": 1});
            assert!(serde_json::from_value::<RecordContent>(read).is_err(), "{content:?}");
        }
    }
}
