//! The journal: facts that nobody can quietly change.
//!
//! Each device writes its own chain: an entry's hash covers every field and the hash before it. What is hashed
//! is exactly what is stored, byte for byte, so verifying needs no second serialisation. Order across devices
//! comes from a hybrid logical clock, then device, then sequence. A chain shows edits, swaps and removals
//! inside; it cannot show that its end was cut off.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ts_rs::TS;
use uuid::Uuid;

use crate::{
    plan::id::Id,
    status::{Health, HealthChange, HealthEvent, Interruption, Scope},
};

/// A point of the hybrid logical clock: never behind the wall clock it was taken at, never behind an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HybridTime {
    /// Milliseconds since 1970, UTC.
    pub wall_ms: i64,
    /// Counts entries within one millisecond, or while the wall clock stands behind.
    pub counter: u32,
}

impl HybridTime {
    /// The next point, given the highest seen so far and the wall clock. A wall clock that went back does not
    /// take the order back with it.
    #[must_use]
    pub fn next(highest: Option<Self>, wall_ms: i64) -> Self {
        match highest {
            Some(highest) if highest.wall_ms >= wall_ms => match highest.counter.checked_add(1) {
                Some(counter) => Self { wall_ms: highest.wall_ms, counter },
                None => Self { wall_ms: highest.wall_ms.saturating_add(1), counter: 0 },
            },
            Some(_) | None => Self { wall_ms, counter: 0 },
        }
    }

    /// As a time of day.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.wall_ms).unwrap_or_default()
    }
}

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// One entry, with every field that is hashed exactly as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The device whose chain it is in.
    pub device: Uuid,
    /// Its place in that chain, from 1, without gaps.
    pub sequence: u64,
    /// When, in the order of the hybrid logical clock.
    pub at: HybridTime,
    /// Who: `schedule`, `system` or `person:NAME`.
    pub actor: String,
    /// The fact's kind, such as `health-changed`.
    pub kind: String,
    /// The fact as JSON, as it was written.
    pub body: String,
    /// The hash of the entry before; [`genesis`] for the first.
    pub previous: Hash,
    /// The hash of this one.
    pub hash: Hash,
}

/// What the first entry of a device points back to.
pub fn genesis(device: Uuid) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"lifeboat journal genesis 1\n");
    hasher.update(device.as_bytes());
    Hash(hasher.finalize().into())
}

impl Entry {
    /// Makes the next entry of a chain.
    pub fn seal(
        device: Uuid,
        sequence: u64,
        at: HybridTime,
        actor: String,
        kind: String,
        body: String,
        previous: Hash,
    ) -> Self {
        let mut entry = Self { device, sequence, at, actor, kind, body, previous, hash: Hash([0; 32]) };
        entry.hash = entry.digest();
        entry
    }

    /// The hash its fields have. Every field has a fixed length or its length before it, so that no two
    /// different entries have the same bytes.
    pub fn digest(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(b"lifeboat journal entry 1\n");
        hasher.update(self.previous.0);
        hasher.update(self.device.as_bytes());
        hasher.update(self.sequence.to_be_bytes());
        hasher.update(self.at.wall_ms.to_be_bytes());
        hasher.update(self.at.counter.to_be_bytes());
        for text in [&self.actor, &self.kind, &self.body] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        Hash(hasher.finalize().into())
    }
}

/// What is wrong with a chain at one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainFault {
    /// The entry's bytes are not those that were hashed.
    Altered,
    /// The entry does not follow the one before it.
    Unlinked,
    /// Entries are missing before it.
    Gap,
    /// Its clock runs backwards.
    OutOfOrder,
}

impl fmt::Display for ChainFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Altered => "its content is not what was written",
            Self::Unlinked => "it does not follow the entry before it",
            Self::Gap => "entries before it are missing",
            Self::OutOfOrder => "its time runs backwards",
        })
    }
}

/// Follows one device's chain entry by entry.
#[derive(Debug, Clone)]
pub struct ChainWalk {
    device: Uuid,
    sequence: u64,
    head: Hash,
    at: Option<HybridTime>,
}

impl ChainWalk {
    /// Before the first entry of a device.
    pub fn start(device: Uuid) -> Self {
        Self { device, sequence: 0, head: genesis(device), at: None }
    }

    /// Steps over one entry; on a fault the walk stays where it was.
    pub fn step(&mut self, entry: &Entry) -> Result<(), ChainFault> {
        if entry.digest() != entry.hash || entry.device != self.device {
            return Err(ChainFault::Altered);
        }
        if entry.sequence != self.sequence + 1 {
            return Err(ChainFault::Gap);
        }
        if entry.previous != self.head {
            return Err(ChainFault::Unlinked);
        }
        if self.at.is_some_and(|before| before >= entry.at) {
            return Err(ChainFault::OutOfOrder);
        }
        (self.sequence, self.head, self.at) = (entry.sequence, entry.hash, Some(entry.at));
        Ok(())
    }

    /// The last good entry's sequence, 0 before the first.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The last good entry's hash.
    pub const fn head(&self) -> Hash {
        self.head
    }
}

/// Everything the journal can say. Past tense: it has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fact {
    /// A plan came into force on this device.
    PlanAdopted {
        /// The document's number.
        document: String,
        /// Its version.
        version: String,
        /// Which plan, by content.
        hash: String,
    },
    /// A check's health changed.
    HealthChanged {
        /// In which environment.
        environment: Id,
        /// Which check.
        check: Id,
        /// What the check is called.
        name: String,
        /// The part it tells of.
        of: Id,
        /// Which plan, by content.
        plan: String,
        /// The change.
        #[serde(flatten)]
        change: HealthChange,
        /// The failing answer, redacted and bounded.
        answer: Option<String>,
    },
    /// A check's health changes too often: from here on its changes are not told one by one.
    FlappingBegan {
        /// In which environment.
        environment: Id,
        /// Which check.
        check: Id,
        /// What the check is called.
        name: String,
        /// The part it tells of.
        of: Id,
        /// Which plan, by content.
        plan: String,
        /// The change that was one too many.
        #[serde(flatten)]
        change: HealthChange,
        /// The failing answer, redacted and bounded.
        answer: Option<String>,
    },
    /// A check's health is steady again.
    FlappingEnded {
        /// In which environment.
        environment: Id,
        /// Which check.
        check: Id,
        /// What the check is called.
        name: String,
        /// The part it tells of.
        of: Id,
        /// Which plan, by content.
        plan: String,
        /// From the health at the beginning to that of now.
        #[serde(flatten)]
        change: HealthChange,
        /// The failing answer, redacted and bounded.
        answer: Option<String>,
        /// Changes of health that were not told.
        changes: u32,
    },
    /// Checking began: from here on silence means that nothing changed.
    WatchStarted {
        /// In which environment.
        environment: Id,
    },
    /// Checking ended: from here on nothing was observed.
    WatchStopped {
        /// In which environment.
        environment: Id,
    },
    /// For a while nothing was observed although a watch had begun and not ended.
    WatchInterrupted {
        /// In which environment.
        environment: Id,
        /// The last sign of watching.
        from: DateTime<Utc>,
        /// When watching went on.
        until: DateTime<Utc>,
        /// What interrupted it.
        why: Interruption,
    },
    /// Somebody planned work: what it is for is in maintenance from a time to a time.
    MaintenancePlanned {
        /// In which environment.
        environment: Id,
        /// What is worked on.
        scope: Scope,
        /// From when on.
        from: DateTime<Utc>,
        /// When it ends by itself.
        until: DateTime<Utc>,
        /// What is done.
        reason: String,
    },
    /// Somebody ended a maintenance before its time.
    MaintenanceEnded {
        /// In which environment.
        environment: Id,
        /// What was worked on.
        scope: Scope,
        /// The entry that planned it: `device/sequence`.
        entry: String,
    },
    /// Somebody wants no alarms for a while.
    Muted {
        /// In which environment.
        environment: Id,
        /// Of what.
        scope: Scope,
        /// When it ends by itself.
        until: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// Somebody wants alarms again before the time.
    Unmuted {
        /// In which environment.
        environment: Id,
        /// Of what.
        scope: Scope,
        /// The entry that muted it: `device/sequence`.
        entry: String,
    },
    /// A practice range came up.
    RangeStarted {
        /// How much data it was filled with.
        size: String,
    },
    /// A practice range was taken down.
    RangeStopped {},
    /// A fault was switched on in the practice range.
    FaultInjected {
        /// Which.
        fault: String,
    },
    /// A fault was switched off in the practice range.
    FaultMended {
        /// Which.
        fault: String,
    },
}

/// Times within a summary, in UTC.
const MINUTE: &str = "%Y-%m-%d %H:%M UTC";

/// What a fact of a check's health says beside what happened.
#[derive(Debug, Clone)]
pub struct CheckNamed {
    /// In which environment.
    pub environment: Id,
    /// Which check.
    pub check: Id,
    /// What the check is called.
    pub name: String,
    /// The part it tells of.
    pub of: Id,
    /// Which plan, by content.
    pub plan: String,
    /// The failing answer, redacted and bounded.
    pub answer: Option<String>,
}

impl Fact {
    /// The fact of what happened to a check's health.
    pub fn of_health(named: CheckNamed, event: HealthEvent) -> Self {
        let CheckNamed { environment, check, name, of, plan, answer } = named;
        match event {
            HealthEvent::Changed(change) => Self::HealthChanged { environment, check, name, of, plan, change, answer },
            HealthEvent::FlappingBegan(change) => {
                Self::FlappingBegan { environment, check, name, of, plan, change, answer }
            }
            HealthEvent::FlappingEnded(change, changes) => {
                Self::FlappingEnded { environment, check, name, of, plan, change, answer, changes }
            }
        }
    }

    /// The fact as the entry stores it: its kind, and its JSON without the kind.
    ///
    /// # Errors
    /// Never for facts of this type; the signature is serde's.
    pub fn to_parts(&self) -> Result<(String, String), serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        let kind = value
            .as_object_mut()
            .and_then(|object| object.remove("kind"))
            .and_then(|kind| kind.as_str().map(str::to_owned))
            .unwrap_or_default();
        Ok((kind, serde_json::to_string(&value)?))
    }

    /// The fact an entry holds; nothing for kinds of a newer Lifeboat.
    pub fn from_parts(kind: &str, body: &str) -> Option<Self> {
        let mut value: serde_json::Value = serde_json::from_str(body).ok()?;
        value.as_object_mut()?.insert("kind".to_owned(), kind.into());
        serde_json::from_value(value).ok()
    }

    /// What happened, in one line for a person.
    pub fn summary(&self) -> String {
        match self {
            Self::PlanAdopted { document, version, .. } => format!("Plan {document} version {version} came into force"),
            Self::HealthChanged { name, change, .. } => match change.to {
                Health::Operational if change.from == Health::NotChecked => format!("{name} is operational"),
                Health::Operational => format!("{name} is operational again (was {})", change.from),
                Health::Degraded => format!("{name} is degraded: {}", change.reason),
                Health::Outage => format!("{name} is out: {}", change.reason),
                Health::Unknown | Health::NotChecked | Health::Maintenance => {
                    format!("{name} could not be checked: {}", change.reason)
                }
            },
            Self::FlappingBegan { name, change, .. } => {
                format!("{name} changes too often and is flapping, now {}: {}", change.to, change.reason)
            }
            Self::FlappingEnded { name, change, changes, .. } => {
                format!("{name} is steady again and {}, after {changes} changes: {}", change.to, change.reason)
            }
            Self::WatchStarted { environment } => format!("Watching of {environment} began"),
            Self::WatchStopped { environment } => format!("Watching of {environment} ended"),
            Self::WatchInterrupted { environment, from, until, why } => {
                let (from, until) = (from.format(MINUTE), until.format(MINUTE));
                match why {
                    Interruption::Ended => {
                        format!("Nobody watched {environment} from {from} to {until}: the watch was cut off")
                    }
                    Interruption::Slept => {
                        format!("Nobody watched {environment} from {from} to {until}: this computer slept")
                    }
                    Interruption::Clock => {
                        format!("While {environment} was watched, this computer's clock was set from {from} to {until}")
                    }
                }
            }
            Self::MaintenancePlanned { scope, from, until, reason, .. } => {
                format!("Maintenance of {scope} from {} to {}: {reason}", from.format(MINUTE), until.format(MINUTE))
            }
            Self::MaintenanceEnded { scope, .. } => format!("Maintenance of {scope} was ended"),
            Self::Muted { scope, until, reason, .. } if reason.is_empty() => {
                format!("Alarms of {scope} are muted until {}", until.format(MINUTE))
            }
            Self::Muted { scope, until, reason, .. } => {
                format!("Alarms of {scope} are muted until {}: {reason}", until.format(MINUTE))
            }
            Self::Unmuted { scope, .. } => format!("Alarms of {scope} are no longer muted"),
            Self::RangeStarted { size } => format!("Practice range came up ({size})"),
            Self::RangeStopped {} => "Practice range was taken down".to_owned(),
            Self::FaultInjected { fault } => format!("Fault switched on in the practice range: {fault}"),
            Self::FaultMended { fault } => format!("Fault mended in the practice range: {fault}"),
        }
    }
}

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
    /// When.
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
            Some(
                Fact::HealthChanged { change, .. }
                | Fact::FlappingBegan { change, .. }
                | Fact::FlappingEnded { change, .. },
            ) => Some(change.to),
            Some(_) | None => None,
        };
        let summary =
            fact.map_or_else(|| format!("{} (written by a newer Lifeboat)", entry.kind), |fact| fact.summary());
        Self {
            id: format!("{}/{}", entry.device, entry.sequence),
            device: entry.device,
            sequence: entry.sequence,
            at: entry.at.to_utc(),
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

#[cfg(test)]
mod tests;
