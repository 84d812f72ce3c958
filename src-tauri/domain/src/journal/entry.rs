//! One entry: its times, its fields, and the bytes that are hashed.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

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
    /// What the wall clock said, in milliseconds since 1970, UTC; nothing in entries from before it was kept. The
    /// order never follows it, but it is what people are shown: after one moment with a clock that was ahead, the
    /// hybrid clock stays ahead.
    pub clock_ms: Option<i64>,
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
        (at, clock_ms): (HybridTime, Option<i64>),
        actor: String,
        kind: String,
        body: String,
        previous: Hash,
    ) -> Self {
        let mut entry = Self { device, sequence, at, clock_ms, actor, kind, body, previous, hash: Hash([0; 32]) };
        entry.hash = entry.digest();
        entry
    }

    /// The hash its fields have. Every field has a fixed length or its length before it, so that no two
    /// different entries have the same bytes. Entries without a wall clock are hashed as they were in version 1.
    pub fn digest(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(match self.clock_ms {
            None => b"lifeboat journal entry 1\n",
            Some(_) => b"lifeboat journal entry 2\n",
        });
        hasher.update(self.previous.0);
        hasher.update(self.device.as_bytes());
        hasher.update(self.sequence.to_be_bytes());
        hasher.update(self.at.wall_ms.to_be_bytes());
        hasher.update(self.at.counter.to_be_bytes());
        if let Some(clock_ms) = self.clock_ms {
            hasher.update(clock_ms.to_be_bytes());
        }
        for text in [&self.actor, &self.kind, &self.body] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        Hash(hasher.finalize().into())
    }

    /// What it is called everywhere.
    pub fn id(&self) -> EntryId {
        EntryId { device: self.device, sequence: self.sequence }
    }

    /// The time a person is shown: the wall clock's where it was kept.
    pub fn told_at(&self) -> DateTime<Utc> {
        self.clock_ms.and_then(DateTime::from_timestamp_millis).unwrap_or_else(|| self.at.to_utc())
    }
}

/// The name of an entry: its device and its place in that device's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The device.
    pub device: Uuid,
    /// The place, from 1.
    pub sequence: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.device, self.sequence)
    }
}
