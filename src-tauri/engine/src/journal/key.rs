//! The key this device signs its checkpoints with: made once, kept in the keychain, or where there is none in a file
//! of the home that only its owner can read.
//!
//! What is signed is the domain's; when, is `sealing`'s.

use std::{
    fmt, fs,
    io::{self, Write as _},
    path::Path,
};

use lifeboat_domain::{
    Id,
    journal::{Checkpoint, KeyPlace, PublicKey, Signature},
    problem::{Code, Problem},
};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair},
};
use uuid::Uuid;

use super::pending::sync_name;
use crate::secrets::{SecretFault, SecretKeeper, Sensitive};

/// The file a key is kept in when there is no keychain.
const FILE: &str = "device.key";

/// A key that can sign.
pub(super) struct DeviceKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
    /// Where its private half is kept.
    pub(super) kept: KeyPlace,
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DeviceKey {} in {}", self.public, self.kept.in_words())
    }
}

/// A key that was found, or what can be said about its absence.
#[derive(Debug)]
pub(super) enum Found {
    Key(DeviceKey),
    /// There is none, and this is where one would be kept.
    None(KeyPlace),
}

/// Why the key cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyFault {
    #[error("{0}")]
    Keychain(#[from] SecretFault),
    #[error("the file {FILE} of the home cannot be used: {0}")]
    File(#[from] io::Error),
    #[error("what is kept as the key is no key")]
    NoKey,
    #[error("this computer gave no random bytes")]
    NoRandomness,
}

/// A key's private half as it is kept: 32 bytes in hexadecimal.
#[derive(Debug, Clone)]
pub(super) struct Seed(Sensitive);

impl Seed {
    pub(super) fn random() -> Result<Self, KeyFault> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| KeyFault::NoRandomness)?;
        Ok(Self(Sensitive::new(hex::encode(bytes))))
    }

    pub(super) fn key(&self, kept: KeyPlace) -> Result<DeviceKey, KeyFault> {
        let bytes = hex::decode(self.0.reveal().trim()).map_err(|_| KeyFault::NoKey)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&bytes).map_err(|_| KeyFault::NoKey)?;
        let public = PublicKey(pair.public_key().as_ref().try_into().map_err(|_| KeyFault::NoKey)?);
        Ok(DeviceKey { pair, public, kept })
    }

    /// Keeps it, and answers with what is kept then: of two programs that made a key at the same time, one wins.
    /// Blocks as long as the keychain does.
    pub(super) fn keep(
        &self,
        kept: KeyPlace,
        home: &Path,
        device: Uuid,
        keeper: &dyn SecretKeeper,
    ) -> Result<DeviceKey, KeyFault> {
        match kept {
            KeyPlace::Keychain => {
                keeper.set(&handle(device)?, &self.0)?;
                Self(keeper.get(&handle(device)?)?).key(kept)
            }
            KeyPlace::File => match write_new(&home.join(FILE), self.0.reveal()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read_file(home)?.key(kept),
                Err(error) => Err(error.into()),
                Ok(()) => self.key(kept),
            },
        }
    }
}

/// Looks for the key of a device: in the home, then in the keychain. Blocks as long as the keychain does.
pub(super) fn look(home: &Path, device: Uuid, keeper: &dyn SecretKeeper) -> Result<Found, KeyFault> {
    match read_file(home) {
        Ok(seed) => return seed.key(KeyPlace::File).map(Found::Key),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    match keeper.get(&handle(device)?) {
        Ok(secret) => Seed(secret).key(KeyPlace::Keychain).map(Found::Key),
        Err(SecretFault::Missing) => Ok(Found::None(KeyPlace::Keychain)),
        Err(SecretFault::Absent(_)) => Ok(Found::None(KeyPlace::File)),
        Err(fault) => Err(fault.into()),
    }
}

impl DeviceKey {
    pub(super) const fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs a checkpoint in this key's name.
    pub(super) fn sign(&self, mut checkpoint: Checkpoint) -> Checkpoint {
        checkpoint.key = self.public;
        let signature = self.pair.sign(&checkpoint.signed_bytes());
        // An Ed25519 signature has 64 bytes; were it otherwise, the zeros would not verify.
        checkpoint.signature = Signature(signature.as_ref().try_into().unwrap_or([0; 64]));
        checkpoint
    }
}

fn handle(device: Uuid) -> Result<Id, KeyFault> {
    format!("device-key-{device}").parse().map_err(|_| KeyFault::NoKey)
}

fn read_file(home: &Path) -> io::Result<Seed> {
    fs::read_to_string(home.join(FILE)).map(|text| Seed(Sensitive::new(text)))
}

/// Writes the file unless it is there. It gets its name when all of it is on disk: half a key after a power cut would be
/// taken for one.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let making = path.with_extension(format!("key-partial-{}", Uuid::now_v7()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&making)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        // Unlike renaming, this replaces nothing.
        .and_then(|()| fs::hard_link(&making, path));
    let _ = fs::remove_file(&making);
    written?;
    sync_name(path).inspect_err(|_| {
        // Signed with and then gone, it could not be made again.
        let _ = fs::remove_file(path);
    })
}

/// That the key is kept in a file, if it is: something to know, and to say aloud.
pub(crate) fn file_note(home: &Path) -> Option<Problem> {
    let path = home.join(FILE);
    path.exists().then(|| {
        let message = format!("this device's signing key is kept in a file: {}", path.display());
        Problem::new(Code::KeychainAbsent, message).hint(
            "There was no keychain when it was made. Whoever can read that file can sign in this device's name; keep it \
             out of copies and backups.",
        )
    })
}
