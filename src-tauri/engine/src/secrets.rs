//! Credentials: where they are kept, and how they are carried without being shown.
//!
//! Plan and journal hold handles only. A credential comes from what an environment brings along (a practice range)
//! or from the operating system's keychain; this module writes none down, except for the probe entry that tells
//! whether the keychain works, and what it is told to keep.

use std::{collections::BTreeMap, fmt, sync::Arc};

use keyring::Entry;
use lifeboat_domain::{Code, Id, Problem};

/// The name under which credentials stand in the keychain.
pub const KEYCHAIN_SERVICE: &str = "com.samiatarot.lifeboat";

/// A secret text. Prints as `***`, cannot be serialized, and is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(String);

impl Sensitive {
    /// Takes a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl Drop for Sensitive {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        // Keeps the compiler from leaving the overwriting out.
        std::hint::black_box(&bytes);
    }
}

/// Why a credential could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// Nothing is stored under the handle.
    #[error("no credential is stored")]
    Missing,
    /// The keychain is there but locked.
    #[error("the keychain is locked")]
    Locked,
    /// This computer has no keychain.
    #[error("this computer has no keychain: {0}")]
    Absent(String),
    /// Something is stored, but cannot be read.
    #[error("the credential cannot be read: {0}")]
    Unreadable(String),
}

impl From<SecretFault> for Problem {
    fn from(fault: SecretFault) -> Self {
        let (code, hint) = match &fault {
            SecretFault::Missing => (Code::CredentialMissing, "Store the credential under the handle the plan names."),
            SecretFault::Locked => (Code::KeychainLocked, "Unlock the keychain, then try again."),
            SecretFault::Absent(_) => {
                (Code::KeychainAbsent, "Install and start a keychain such as gnome-keyring, then try again.")
            }
            SecretFault::Unreadable(_) => (Code::CredentialMissing, "Store the credential again."),
        };
        Self::new(code, fault.to_string()).hint(hint)
    }
}

/// Somewhere credentials are kept. Calls may block for as long as a person takes to unlock a keychain.
pub trait SecretStore: Send + Sync {
    /// The credential with this handle.
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault>;
}

/// A place that also takes secrets: the key of this device is made here, not brought along.
pub trait SecretKeeper: SecretStore {
    /// Keeps a secret under a handle, instead of what was there.
    fn set(&self, handle: &Id, secret: &Sensitive) -> Result<(), SecretFault>;
}

/// The operating system's keychain.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keychain;

impl SecretStore for Keychain {
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        let entry = Entry::new(KEYCHAIN_SERVICE, handle.as_str()).map_err(|error| fault(&error))?;
        entry.get_password().map(Sensitive::new).map_err(|error| fault(&error))
    }
}

impl SecretKeeper for Keychain {
    fn set(&self, handle: &Id, secret: &Sensitive) -> Result<(), SecretFault> {
        let entry = Entry::new(KEYCHAIN_SERVICE, handle.as_str()).map_err(|error| fault(&error))?;
        entry.set_password(secret.reveal()).map_err(|error| fault(&error))
    }
}

/// Two stores, one in front of the other: what the first does not have is looked for in the second.
#[derive(Clone)]
pub struct Layered {
    first: Arc<dyn SecretStore>,
    then: Arc<dyn SecretStore>,
}

impl fmt::Debug for Layered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Layered")
    }
}

impl Layered {
    /// Puts a store in front of another, such as an environment's own credentials in front of the keychain.
    pub fn new(first: Arc<dyn SecretStore>, then: Arc<dyn SecretStore>) -> Self {
        Self { first, then }
    }
}

impl SecretStore for Layered {
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        match self.first.get(handle) {
            Err(SecretFault::Missing) => self.then.get(handle),
            found => found,
        }
    }
}

/// Credentials in memory: those of a practice range, and those of tests.
#[derive(Debug, Clone, Default)]
pub struct Fixed(BTreeMap<Id, Sensitive>);

impl Fixed {
    /// A store of these credentials.
    pub fn new(secrets: impl IntoIterator<Item = (Id, Sensitive)>) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl SecretStore for Fixed {
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        self.0.get(handle).cloned().ok_or(SecretFault::Missing)
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
        Err(SecretFault::Locked) => KeychainState::Locked,
        Err(SecretFault::Missing) => KeychainState::Absent("it does not keep what it is given".to_owned()),
        Err(SecretFault::Absent(why) | SecretFault::Unreadable(why)) => KeychainState::Absent(why),
    }
}

fn round_trip() -> Result<(), SecretFault> {
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

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Sensitive::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Fixed::new([(id("a"), secret.clone())])), "*** Fixed({Id(\"a\"): ***})");
        assert_eq!(secret.reveal(), "hunter2");
    }

    struct Broken(SecretFault);

    impl SecretStore for Broken {
        fn get(&self, _: &Id) -> Result<Sensitive, SecretFault> {
            Err(self.0.clone())
        }
    }

    #[test]
    fn the_second_store_is_asked_only_for_what_the_first_does_not_have() {
        let fixed = |handle: &str, secret: &str| Arc::new(Fixed::new([(id(handle), Sensitive::new(secret))]));
        let both = Layered::new(fixed("a", "first"), fixed("b", "second"));
        assert_eq!(both.get(&id("a")).unwrap().reveal(), "first");
        assert_eq!(both.get(&id("b")).unwrap().reveal(), "second");
        assert_eq!(both.get(&id("c")), Err(SecretFault::Missing));
        let locked = Layered::new(Arc::new(Broken(SecretFault::Locked)), fixed("a", "second"));
        assert_eq!(locked.get(&id("a")), Err(SecretFault::Locked));
    }

    #[test]
    fn each_fault_has_its_code_and_says_what_to_do() {
        for (fault, code) in [
            (SecretFault::Missing, Code::CredentialMissing),
            (SecretFault::Locked, Code::KeychainLocked),
            (SecretFault::Absent("why".to_owned()), Code::KeychainAbsent),
            (SecretFault::Unreadable("why".to_owned()), Code::CredentialMissing),
        ] {
            let problem = Problem::from(fault);
            assert_eq!(problem.code, code);
            assert!(problem.hint.is_some());
        }
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
