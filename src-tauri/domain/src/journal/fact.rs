//! Everything the journal can say.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    plan::{id::Id, read::choice},
    status::{Health, HealthChange},
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

impl Fact {
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
                Health::Unknown | Health::NotChecked => format!("{name} could not be checked: {}", change.reason),
            },
            Self::WatchStarted { environment } => format!("Watching of {environment} began"),
            Self::WatchStopped { environment } => format!("Watching of {environment} ended"),
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
