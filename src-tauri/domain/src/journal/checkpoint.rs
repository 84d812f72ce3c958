//! Signed checkpoints: what a chain alone cannot show, that its end was cut off or that all of it was made anew.
//!
//! A checkpoint says: this device's chain reached this sequence with this hash. Whoever has one, with the device's
//! public key, can tell a shorter or a different chain from it. Keys themselves are not here, only their public half.

use std::fmt;

use chrono::{DateTime, Utc};
use ring::signature::{ED25519, UnparsedPublicKey};
use uuid::Uuid;

use super::{EntryId, Hash, HybridTime};

/// The public half of an Ed25519 key (RFC 8032). In text: hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hash(self.0), formatter)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// An Ed25519 signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// What a device signed about its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The device.
    pub device: Uuid,
    /// How far its chain reached.
    pub sequence: u64,
    /// The hash of the entry there.
    pub head: Hash,
    /// The hybrid time of the entry there.
    pub at: HybridTime,
    /// The wall clock when it was signed, in milliseconds since 1970, UTC.
    pub clock_ms: i64,
    /// Entries in the whole journal at that moment, those of other devices included.
    pub entries: u64,
    /// The key it is signed with.
    pub key: PublicKey,
    /// Over [`Self::signed_bytes`].
    pub signature: Signature,
}

/// What is wrong with a checkpoint, or with a chain that disagrees with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointFault {
    /// The signature is not over these fields by this key.
    Forged,
    /// The device never said that this key is its own.
    StrangeKey,
    /// The chain has another entry there.
    Rewritten,
}

impl fmt::Display for CheckpointFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Forged => "its signature does not hold",
            Self::StrangeKey => "it is signed with a key that this device had not named",
            Self::Rewritten => "the chain has another entry there: it was made anew after it was signed",
        })
    }
}

impl Checkpoint {
    /// What is signed: `lifeboat journal checkpoint 1\n`, the 16 bytes of the device, the sequence, the 32 bytes of
    /// the head, the hybrid time (eight and four bytes), the wall clock, the number of entries (eight bytes each) and
    /// the 32 bytes of the key; numbers big-endian.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"lifeboat journal checkpoint 1\n".to_vec();
        bytes.extend_from_slice(self.device.as_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.head.0);
        bytes.extend_from_slice(&self.at.wall_ms.to_be_bytes());
        bytes.extend_from_slice(&self.at.counter.to_be_bytes());
        bytes.extend_from_slice(&self.clock_ms.to_be_bytes());
        bytes.extend_from_slice(&self.entries.to_be_bytes());
        bytes.extend_from_slice(&self.key.0);
        bytes
    }

    /// The entry it was made at.
    pub const fn id(&self) -> EntryId {
        EntryId { device: self.device, sequence: self.sequence }
    }

    /// When it was signed, by the wall clock of then.
    pub fn signed_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.clock_ms).unwrap_or_default()
    }

    /// Whether it holds for a chain that has this hash at its sequence, given the keys the device had named by then.
    pub fn holds(&self, head: Hash, named: impl IntoIterator<Item = PublicKey>) -> Result<(), CheckpointFault> {
        if !named.into_iter().any(|key| key == self.key) {
            return Err(CheckpointFault::StrangeKey);
        }
        if UnparsedPublicKey::new(&ED25519, self.key.0).verify(&self.signed_bytes(), &self.signature.0).is_err() {
            return Err(CheckpointFault::Forged);
        }
        if self.head != head {
            return Err(CheckpointFault::Rewritten);
        }
        Ok(())
    }
}
