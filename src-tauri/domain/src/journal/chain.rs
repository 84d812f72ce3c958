//! Following one device's chain entry by entry.

use std::fmt;

use uuid::Uuid;

use super::{Entry, Hash, HybridTime, genesis};

/// A time service sets a clock back by fractions of a second; that is not told.
const CLOCK_TOLERANCE_MS: i64 = 1_000;

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
    clock_ms: Option<i64>,
}

impl ChainWalk {
    /// Before the first entry of a device.
    pub fn start(device: Uuid) -> Self {
        Self { device, sequence: 0, head: genesis(device), at: None, clock_ms: None }
    }

    /// After an entry that is known to be in the chain, such as one that a checkpoint vouches for.
    pub fn after(entry: &Entry) -> Result<Self, ChainFault> {
        if entry.digest() != entry.hash {
            return Err(ChainFault::Altered);
        }
        let Entry { device, sequence, hash: head, at, clock_ms, .. } = *entry;
        Ok(Self { device, sequence, head, at: Some(at), clock_ms })
    }

    /// Steps over one entry; on a fault the walk stays where it was.
    pub fn step(&mut self, entry: &Entry) -> Result<(), ChainFault> {
        let after = Self::after(entry)?;
        if entry.device != self.device {
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
        *self = after;
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

    /// The hybrid time of the last good entry.
    pub const fn at(&self) -> Option<HybridTime> {
        self.at
    }

    /// Whether the wall clock was set back before an entry that comes next.
    pub fn is_set_back(&self, next: &Entry) -> bool {
        match (self.clock_ms, next.clock_ms) {
            (Some(before), Some(now)) => now < before.saturating_sub(CLOCK_TOLERANCE_MS),
            (None, _) | (_, None) => false,
        }
    }
}
