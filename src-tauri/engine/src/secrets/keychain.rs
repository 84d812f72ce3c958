//! The operating system's keychain: its entries, and whether it can be used at all.
//!
//! Calls block, and one that has to ask a person blocks for as long as the person takes. So one is made at a time, and
//! who finds another still waiting is told that the keychain does not answer, instead of piling up behind it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keyring::Entry;
use lifeboat_domain::Id;

use super::{SecretFault, SecretKeeper, SecretStore, Sensitive};

/// The name under which credentials stand in the keychain.
pub const KEYCHAIN_SERVICE: &str = "com.samiatarot.lifeboat";

/// How long a call waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(3);

/// The operating system's keychain.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keychain;

impl SecretStore for Keychain {
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        let _turn = TURNS.take(PATIENCE)?;
        let entry = Entry::new(KEYCHAIN_SERVICE, handle.as_str()).map_err(|error| fault(&error))?;
        entry.get_password().map(Sensitive::new).map_err(|error| fault(&error))
    }
}

impl SecretKeeper for Keychain {
    fn set(&self, handle: &Id, secret: &Sensitive) -> Result<(), SecretFault> {
        let _turn = TURNS.take(PATIENCE)?;
        let entry = Entry::new(KEYCHAIN_SERVICE, handle.as_str()).map_err(|error| fault(&error))?;
        entry.set_password(secret.reveal()).map_err(|error| fault(&error))
    }

    fn remove(&self, handle: &Id) -> Result<(), SecretFault> {
        let _turn = TURNS.take(PATIENCE)?;
        let entry = Entry::new(KEYCHAIN_SERVICE, handle.as_str()).map_err(|error| fault(&error))?;
        entry.delete_credential().map_err(|error| fault(&error))
    }
}

/// Lets one call at a time through.
struct Turns {
    taken: Mutex<bool>,
    free: Condvar,
}

static TURNS: Turns = Turns { taken: Mutex::new(false), free: Condvar::new() };

/// Held while a call is under way.
struct Turn<'a>(&'a Turns);

impl Turns {
    fn taken(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, patience: Duration) -> Result<Turn<'_>, SecretFault> {
        let waited = self.free.wait_timeout_while(self.taken(), patience, |taken| *taken);
        let (mut taken, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(SecretFault::Unanswered);
        }
        *taken = true;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.taken() = false;
        self.0.free.notify_one();
    }
}

/// Whether this computer's keychain can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeychainState {
    /// It keeps what it is given.
    Available {
        /// What kind of keychain it is.
        name: String,
    },
    /// It is there but locked.
    Locked,
    /// There is none, and why that is thought.
    Absent(String),
}

/// Stores a probe entry in the keychain, reads it back and removes it. Blocks, and may ask a person to unlock.
pub fn keychain_state() -> KeychainState {
    match round_trip() {
        Ok(()) => KeychainState::Available { name: keychain_name().to_owned() },
        Err(SecretFault::Locked | SecretFault::Unanswered) => KeychainState::Locked,
        Err(SecretFault::Missing) => KeychainState::Absent("it does not keep what it is given".to_owned()),
        Err(SecretFault::Absent(why) | SecretFault::Unreadable(why)) => KeychainState::Absent(why),
        Err(other) => KeychainState::Absent(other.to_string()),
    }
}

fn round_trip() -> Result<(), SecretFault> {
    let _turn = TURNS.take(PATIENCE)?;
    // A name of its own for each process, so that two doctors do not take each other's entry away.
    let name = format!("doctor-probe-{}", std::process::id());
    let entry = Entry::new(KEYCHAIN_SERVICE, &name).map_err(|error| fault(&error))?;
    entry.set_password("works").map_err(|error| fault(&error))?;
    let read = entry.get_password().map_err(|error| fault(&error));
    let removed = entry.delete_credential().map_err(|error| fault(&error));
    if read? != "works" {
        return Err(SecretFault::Unreadable("it gives back something else".to_owned()));
    }
    removed
}

const fn keychain_name() -> &'static str {
    if cfg!(target_os = "macos") {
        "macOS keychain"
    } else if cfg!(target_os = "windows") {
        "Windows Credential Manager"
    } else {
        "Secret Service"
    }
}

fn fault(error: &keyring::Error) -> SecretFault {
    use keyring::Error;
    match error {
        Error::NoEntry => SecretFault::Missing,
        Error::NoDefaultStore => SecretFault::Absent(match Entry::store_status() {
            Err(why) => why.to_string(),
            Ok(()) => "no store answers".to_owned(),
        }),
        Error::NoStorageAccess(why) => by_words(&why.to_string(), SecretFault::Locked),
        Error::PlatformFailure(why) => {
            let words = why.to_string();
            by_words(&words, SecretFault::Absent(words.clone()))
        }
        // The content of an entry that cannot be read is never part of a message.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => SecretFault::Unreadable("it is no text".to_owned()),
        Error::Ambiguous(entries) => SecretFault::Unreadable(format!("{} entries fit the handle", entries.len())),
        other => SecretFault::Unreadable(other.to_string()),
    }
}

/// The Secret Service tells its states apart by name only; other platforms' errors go by their kind.
fn by_words(words: &str, otherwise: SecretFault) -> SecretFault {
    let has = |parts: &[&str]| parts.iter().any(|part| words.to_ascii_lowercase().contains(part));
    if has(&["locked", "dismissed"]) {
        SecretFault::Locked
    } else if has(&["serviceunknown", "not provided by any", "namehasnoowner", "no result found", "does not exist"]) {
        SecretFault::Absent(words.to_owned())
    } else {
        otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_another_waiting_is_told_so_and_goes_on_when_it_is_over() {
        let turns = Turns { taken: Mutex::new(false), free: Condvar::new() };
        let first = turns.take(Duration::ZERO).unwrap();
        assert_eq!(turns.take(Duration::from_millis(10)).err(), Some(SecretFault::Unanswered));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| turns.take(Duration::from_secs(20)).map(drop));
            drop(first);
            second.join().unwrap().unwrap();
        });
    }

    #[test]
    fn the_keychains_errors_are_told_apart() {
        let platform = |words: &str| keyring::Error::PlatformFailure(words.to_owned().into());
        for (error, expected) in [
            (keyring::Error::NoEntry, "no credential is stored"),
            (platform("org.freedesktop.Secret.Error.IsLocked"), "the keychain is locked"),
            (platform("prompt dismissed"), "the keychain is locked"),
            (keyring::Error::NoStorageAccess("user said no".to_owned().into()), "the keychain is locked"),
            (
                keyring::Error::NoStorageAccess("Secret Service: no result found".to_owned().into()),
                "this computer has no keychain: Secret Service: no result found",
            ),
            (
                platform("org.freedesktop.DBus.Error.ServiceUnknown"),
                "this computer has no keychain: org.freedesktop.DBus.Error.ServiceUnknown",
            ),
            (platform("no bus"), "this computer has no keychain: no bus"),
            (keyring::Error::BadEncoding(b"hunter2".to_vec()), "the credential cannot be read: it is no text"),
            (
                keyring::Error::TooLong("a".to_owned(), 1),
                "the credential cannot be read: Value of 'a' is longer than the platform limit of 1 chars",
            ),
        ] {
            assert_eq!(fault(&error).to_string(), expected);
        }
    }
}
