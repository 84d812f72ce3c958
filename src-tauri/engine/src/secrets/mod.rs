//! Credentials: where they are kept, and how they are carried without being shown.
//!
//! Plan and journal hold handles only. A credential comes from what an environment brings along (a practice range), or
//! from the [`Vault`]: memory, the operating system's keychain, or an encrypted file that somebody chose to have. No
//! value leaves this program other than to whom it is for; which are needed is the domain's.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use lifeboat_domain::{Code, Id, Problem};
use serde::{Deserialize, Deserializer, de::Error as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

mod file;
mod keychain;
mod register;
mod vault;

pub use self::{
    file::FileState,
    keychain::{KEYCHAIN_SERVICE, Keychain, KeychainState, keychain_state},
    register::Kept,
    vault::{Found, Vault},
};

/// A secret text. Prints as `***`, cannot be serialized, and is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Sensitive(String);

impl Sensitive {
    /// Takes a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Takes a newline at its end away, which is where it was read from and no part of it.
    pub fn without_last_newline(&mut self) {
        let kept = self.0.strip_suffix('\n').map_or(self.0.len(), |text| text.strip_suffix('\r').unwrap_or(text).len());
        self.0.truncate(kept);
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

/// From a text. An error does not quote what it was given.
impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom("this is no text"))
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
    /// The keychain did not answer, as one does not that waits for a person.
    #[error("the keychain does not answer; it may be waiting to be unlocked")]
    Unanswered,
    /// This computer has no keychain.
    #[error("this computer has no keychain: {0}")]
    Absent(String),
    /// Something is stored, but cannot be read.
    #[error("the credential cannot be read: {0}")]
    Unreadable(String),
    /// It may be in the encrypted file, whose passphrase nobody has given yet.
    #[error("the encrypted file is locked")]
    FileLocked,
    /// The passphrase does not open the encrypted file.
    #[error("this is not the passphrase of the encrypted file")]
    WrongPassphrase,
    /// The passphrase is too short for a new file.
    #[error("the passphrase is too short")]
    ShortPassphrase,
    /// The encrypted file is not what was written.
    #[error("the encrypted file is damaged: {0}")]
    FileDamaged(String),
    /// Something could not be written.
    #[error("the credential could not be kept: {0}")]
    NotKept(String),
}

impl From<SecretFault> for Problem {
    fn from(fault: SecretFault) -> Self {
        let (code, hint) = match &fault {
            SecretFault::Unanswered => {
                (Code::KeychainLocked, "Look for a window that asks for the keychain's password, then try again.")
            }
            SecretFault::FileLocked => (
                Code::CredentialFileLocked,
                "Give its passphrase under Settings, Credentials, or with --passphrase-file on the command line.",
            ),
            SecretFault::WrongPassphrase => (Code::CredentialFileLocked, "Try again; nothing was changed."),
            SecretFault::ShortPassphrase => (Code::Usage, "Use at least 12 characters."),
            SecretFault::FileDamaged(_) => (
                Code::CredentialFileDamaged,
                "Put back a copy of credentials.age, or remove it and store its credentials again.",
            ),
            SecretFault::NotKept(_) => (Code::PermissionDenied, "See that there is room and that you may write there."),
            SecretFault::Missing => (Code::CredentialMissing, "Store the credential under the handle the plan names."),
            SecretFault::Locked => (Code::KeychainLocked, "Unlock the keychain, then try again."),
            SecretFault::Absent(_) => (
                Code::KeychainAbsent,
                "Start a keychain such as gnome-keyring, keep it for this session only, or in an encrypted file.",
            ),
            SecretFault::Unreadable(_) => (Code::CredentialMissing, "Store the credential again."),
        };
        let problem = Self::new(code, fault.to_string()).hint(hint);
        match fault {
            SecretFault::WrongPassphrase | SecretFault::ShortPassphrase => problem.field("passphrase"),
            _ => problem,
        }
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

    /// Takes what is kept under a handle away. [`SecretFault::Missing`] when there is nothing.
    fn remove(&self, handle: &Id) -> Result<(), SecretFault>;
}

/// Does what may wait for a keychain on a thread of its own, for so long at most.
pub async fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> Result<T, SecretFault> + Send + 'static,
) -> Result<T, SecretFault> {
    match tokio::time::timeout(patience, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(SecretFault::Unreadable("looking for it did not end well".to_owned())),
        Err(_) => Err(SecretFault::Unanswered),
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

    #[test]
    fn what_is_no_text_is_refused_without_being_quoted() {
        let error = serde_json::from_str::<Sensitive>("{\"hunter2\":1}").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(serde_json::from_str::<Sensitive>("\"hünter\\n2\"").unwrap().reveal(), "hünter\n2");
    }

    #[tokio::test]
    async fn what_hangs_is_not_waited_for() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let hung = within(Duration::from_millis(20), move || {
            let _ = ended.recv();
            Ok(())
        });
        assert_eq!(hung.await, Err(SecretFault::Unanswered));
        drop(end);
        let panicked: Result<(), _> = within(Duration::from_secs(5), || panic!("a keychain that panics")).await;
        assert!(matches!(panicked, Err(SecretFault::Unreadable(_))));
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
            (SecretFault::Unanswered, Code::KeychainLocked),
            (SecretFault::FileLocked, Code::CredentialFileLocked),
            (SecretFault::WrongPassphrase, Code::CredentialFileLocked),
            (SecretFault::ShortPassphrase, Code::Usage),
            (SecretFault::FileDamaged("why".to_owned()), Code::CredentialFileDamaged),
            (SecretFault::NotKept("why".to_owned()), Code::PermissionDenied),
        ] {
            let problem = Problem::from(fault);
            assert_eq!(problem.code, code);
            assert!(problem.hint.is_some());
        }
    }
}
