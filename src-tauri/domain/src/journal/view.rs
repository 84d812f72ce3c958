//! The journal as the window and `--json` show it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use ts_rs::TS;
use uuid::Uuid;

use super::{Entry, Fact};
use crate::status::Health;

/// An entry as the window and `--json` show it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct EntryView {
    /// `device/sequence`, which finds it again in an export.
    pub id: String,
    /// The device whose chain it is in.
    pub device: Uuid,
    /// Its place in that chain.
    pub sequence: u64,
    /// When, by the wall clock of then.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// The fact's kind.
    pub kind: String,
    /// What happened, in one line.
    pub summary: String,
    /// The environment it is about, if any.
    pub environment: Option<String>,
    /// The check it is about, if any.
    pub check: Option<String>,
    /// Health afterwards, where it is a change of health.
    pub to: Option<Health>,
    /// The fact itself.
    pub body: serde_json::Value,
    /// Its hash.
    pub hash: String,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        let fact = Fact::from_parts(&entry.kind, &entry.body);
        let body: serde_json::Value =
            serde_json::from_str(&entry.body).unwrap_or_else(|_| serde_json::Value::String(entry.body.clone()));
        let text = |key: &str| body.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let to = match &fact {
            Some(Fact::HealthChanged { change, .. }) => Some(change.to),
            Some(_) | None => None,
        };
        let summary =
            fact.map_or_else(|| format!("{} (written by a newer Lifeboat)", entry.kind), |fact| fact.summary());
        Self {
            id: entry.id().to_string(),
            device: entry.device,
            sequence: entry.sequence,
            at: entry.told_at(),
            actor: entry.actor.clone(),
            kind: entry.kind.clone(),
            summary,
            environment: text("environment"),
            check: text("check"),
            to,
            hash: entry.hash.to_string(),
            body,
        }
    }
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Verification {
    /// Entries that are as they were written.
    pub intact: u64,
    /// The first bad entry, if any.
    pub bad: Option<BadEntry>,
    /// When it was verified.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub took_ms: f64,
    /// The checkpoint it began after, because everything before is vouched for by it; nothing when it began at the
    /// first entry.
    pub since: Option<String>,
    /// Signed checkpoints that the chain agrees with.
    pub checkpoints: u64,
    /// What the entries tell about the clock.
    pub clock: ClockReport,
}

/// What the entries tell about the wall clocks they were written by. Not damage: the order does not follow them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ClockReport {
    /// How far the order's clock is ahead of the wall clock, in milliseconds; 0 unless more than five minutes.
    pub ahead_ms: i64,
    /// Entries before which the wall clock was set back.
    pub set_back: u64,
    /// The first of them.
    pub first_set_back: Option<String>,
}

impl ClockReport {
    /// Ahead by this much is not told: clocks of programs and of time services differ.
    pub const TOLERANCE_MS: i64 = 5 * 60 * 1_000;

    /// What is odd, as a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.ahead_ms > 0 {
            let minutes = self.ahead_ms / 60_000;
            sentences.push(format!(
                "The journal's order is {minutes} minutes ahead of the wall clock: the clock was wrong once, or is                  wrong now. Times shown are the wall clock's; the order is not affected."
            ));
        }
        if let Some(first) = &self.first_set_back {
            sentences.push(match self.set_back {
                1 => format!("The wall clock was set back before entry {first}."),
                times => format!("The wall clock was set back {times} times, first before entry {first}."),
            });
        }
        sentences
    }
}

/// The first entry of a chain that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct BadEntry {
    /// `device/sequence`.
    pub entry: String,
    /// What is wrong with it.
    pub fault: String,
}
