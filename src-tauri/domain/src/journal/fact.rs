//! Everything the journal can say.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    plan::{id::Id, read::choice},
    provider::Forced,
    status::{Health, HealthChange, HealthEvent, Interruption, Scope},
};

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
    /// A provider failed so often in a row that it is not asked for a while.
    BreakerOpened {
        /// In which environment.
        environment: Id,
        /// Which provider.
        provider: Id,
        /// What the provider is called.
        name: String,
        /// So many failures.
        failures: u32,
        /// The last of them.
        reason: String,
    },
    /// A provider works again and is asked again.
    BreakerClosed {
        /// In which environment.
        environment: Id,
        /// Which provider.
        provider: Id,
        /// What the provider is called.
        name: String,
    },
    /// Somebody decided whether a provider is asked, or left it to what is seen of it again.
    BreakerForced {
        /// In which environment.
        environment: Id,
        /// Which provider.
        provider: Id,
        /// What the provider is called.
        name: String,
        /// What was wanted; nothing means that it is left to itself.
        to: Option<Forced>,
        /// Why.
        reason: String,
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
    /// A key was made with which this device signs its checkpoints from here on.
    DeviceKeyMade {
        /// Its public half, in hexadecimal.
        key: String,
        /// Where the private half is kept.
        kept: KeyPlace,
    },
    /// This home began as a copy of another device's journal, under a device id of its own.
    JournalRestored {
        /// The device the copy was made on.
        from: Uuid,
        /// Where its chain ended.
        sequence: u64,
        /// With which hash.
        head: String,
        /// When the copy was made.
        made: DateTime<Utc>,
        /// The copy's SHA-256.
        sha256: String,
    },
}

choice! {
    /// Where a device keeps the private half of its key.
    pub enum KeyPlace {
        /// In the operating system's keychain.
        Keychain = "keychain",
        /// In a file of the home that only its owner can read, because there was no keychain.
        File = "file",
    }
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
            Self::BreakerOpened { name, failures, reason, .. } => {
                format!("{name} is not asked for a while, after {failures} failures in a row: {reason}")
            }
            Self::BreakerClosed { name, .. } => format!("{name} works again and is asked again"),
            Self::BreakerForced { name, to, reason, .. } => match to {
                Some(Forced::Open) => format!("{name} is not asked, by hand: {reason}"),
                Some(Forced::Closed) => format!("{name} is asked whatever is seen of it, by hand: {reason}"),
                None => format!("Whether {name} is asked is left to what is seen of it again"),
            },
            Self::RangeStarted { size } => format!("Practice range came up ({size})"),
            Self::RangeStopped {} => "Practice range was taken down".to_owned(),
            Self::FaultInjected { fault } => format!("Fault switched on in the practice range: {fault}"),
            Self::FaultMended { fault } => format!("Fault mended in the practice range: {fault}"),
            Self::DeviceKeyMade { key, kept } => {
                let short = key.get(..16).unwrap_or(key);
                format!("This device signs with key {short} from here on, kept in {}", kept.in_words())
            }
            Self::JournalRestored { from, sequence, made, .. } => format!(
                "This journal was restored from the copy device {from} made on {}, up to its entry {sequence}",
                made.format("%Y-%m-%d %H:%M UTC")
            ),
        }
    }
}

impl KeyPlace {
    /// For a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Keychain => "the keychain",
            Self::File => "a file, because there was no keychain",
        }
    }
}
