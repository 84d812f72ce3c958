//! Everywhere credentials are kept, as one store: memory, the keychain, the encrypted file. What somebody keeps for this
//! session comes first; after that the register says where each is. Nothing goes to the file unless it was chosen.

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{Id, environment::credential::CredentialPlace};

use super::{
    FileState, Keychain, SecretFault, SecretKeeper, SecretStore, Sensitive,
    file::EncryptedFile,
    register::{Kept, Register},
};

/// Every credential a home can reach. Calls may block as long as a keychain does.
pub struct Vault {
    keychain: Arc<dyn SecretKeeper>,
    file: EncryptedFile,
    register: Register,
    session: Mutex<BTreeMap<Id, (Sensitive, Kept)>>,
    /// What was removed last, for as long as that may be undone.
    removed: Mutex<BTreeMap<Id, (Sensitive, CredentialPlace)>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("file", &self.file.state()).finish_non_exhaustive()
    }
}

/// What was found under a handle, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    There(CredentialPlace),
    /// It may be there; somebody has to unlock that place first.
    Locked(CredentialPlace),
    /// It is nowhere.
    Missing,
    /// It cannot be read, and why.
    Unreadable(String),
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vault {
    /// What this home can reach on this computer.
    pub fn of(home: &Path) -> Self {
        Self::with(home, Arc::new(Keychain))
    }

    /// The same with another keychain, for tests.
    pub fn with(home: &Path, keychain: Arc<dyn SecretKeeper>) -> Self {
        Self {
            keychain,
            file: EncryptedFile::new(home),
            register: Register::new(home),
            session: Mutex::default(),
            removed: Mutex::default(),
        }
    }

    fn find(&self, handle: &Id) -> (CredentialPlace, Result<Sensitive, SecretFault>) {
        if let Some((secret, _)) = held(&self.session).get(handle) {
            return (CredentialPlace::Session, Ok(secret.clone()));
        }
        let in_file = || (CredentialPlace::File, self.file.get(handle));
        let register = self.register.all();
        if register.get(handle).is_some_and(|kept| kept.place == CredentialPlace::File) {
            return in_file();
        }
        match self.keychain.get(handle) {
            // A register that was lost knows nothing of the file; one that was not says what is in it.
            Err(SecretFault::Missing | SecretFault::Absent(_))
                if self.file.state() != FileState::None
                    && !register.values().any(|kept| kept.place == CredentialPlace::File) =>
            {
                in_file()
            }
            found => (CredentialPlace::Keychain, found),
        }
    }

    /// Whether there is something under a handle, and where.
    pub fn look(&self, handle: &Id) -> Found {
        match self.find(handle) {
            (place, Ok(_)) => Found::There(place),
            (_, Err(SecretFault::Missing | SecretFault::Absent(_))) => Found::Missing,
            (place, Err(SecretFault::Locked | SecretFault::Unanswered | SecretFault::FileLocked)) => {
                Found::Locked(place)
            }
            (_, Err(fault)) => Found::Unreadable(fault.to_string()),
        }
    }

    /// What is known of every credential: those kept for this session as they are there.
    pub fn known(&self) -> BTreeMap<Id, Kept> {
        let mut all = self.register.all();
        all.extend(held(&self.session).iter().map(|(handle, (_, kept))| (handle.clone(), kept.clone())));
        all
    }

    /// Keeps a credential there, and nowhere else that can be reached.
    pub fn set(
        &self,
        handle: &Id,
        secret: &Sensitive,
        place: CredentialPlace,
        now: DateTime<Utc>,
    ) -> Result<(), SecretFault> {
        let kept = Kept { place, set_at: now, worked_at: None };
        match place {
            // What is kept elsewhere stays there: it counts again when the session is over.
            CredentialPlace::Session => {
                held(&self.session).insert(handle.clone(), (secret.clone(), kept));
            }
            CredentialPlace::Keychain => {
                self.keychain.set(handle, secret)?;
                self.note(handle, kept)?;
                let _ = self.file.remove(handle);
            }
            CredentialPlace::File => {
                self.file.set(handle, secret)?;
                self.note(handle, kept)?;
                let _ = self.keychain.remove(handle);
            }
        }
        held(&self.removed).remove(handle);
        Ok(())
    }

    fn note(&self, handle: &Id, kept: Kept) -> Result<(), SecretFault> {
        self.register.change(|all| {
            all.insert(handle.clone(), kept);
        })?;
        held(&self.session).remove(handle);
        Ok(())
    }

    /// Takes a credential away from where it counts now, and says where that was. It can be had back with
    /// [`Vault::restore`] until [`Vault::forget`].
    pub fn remove(&self, handle: &Id) -> Result<CredentialPlace, SecretFault> {
        let (place, secret) = self.find(handle);
        match place {
            CredentialPlace::Session => drop(held(&self.session).remove(handle)),
            CredentialPlace::Keychain => self.keychain.remove(handle)?,
            CredentialPlace::File => self.file.remove(handle)?,
        }
        if place != CredentialPlace::Session {
            self.register.change(|all| {
                all.remove(handle);
            })?;
        }
        // What could not be read can be taken away, but not had back.
        if let Ok(secret) = secret {
            held(&self.removed).insert(handle.clone(), (secret, place));
        }
        Ok(place)
    }

    /// Puts back what was removed.
    pub fn restore(&self, handle: &Id, now: DateTime<Utc>) -> Result<CredentialPlace, SecretFault> {
        let (secret, place) = held(&self.removed).get(handle).cloned().ok_or(SecretFault::Missing)?;
        self.set(handle, &secret, place, now)?;
        Ok(place)
    }

    /// Forgets what was removed.
    pub fn forget(&self, handle: &Id) {
        held(&self.removed).remove(handle);
    }

    /// Remembers that a test of it went well.
    pub fn worked(&self, handle: &Id, now: DateTime<Utc>) -> Result<(), SecretFault> {
        if let Some((_, kept)) = held(&self.session).get_mut(handle) {
            kept.worked_at = Some(now);
            return Ok(());
        }
        let unknown = || Kept { place: CredentialPlace::Keychain, set_at: now, worked_at: None };
        self.register.change(|all| all.entry(handle.clone()).or_insert_with(unknown).worked_at = Some(now))
    }

    /// How the encrypted file stands.
    pub fn file(&self) -> FileState {
        self.file.state()
    }

    /// Opens the encrypted file, or makes ready to write one under this passphrase.
    pub fn open_file(&self, passphrase: &Sensitive) -> Result<(), SecretFault> {
        self.file.open(passphrase)
    }
}

impl SecretStore for Vault {
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        self.find(handle).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Chain {
        kept: Mutex<BTreeMap<Id, Sensitive>>,
        fault: Mutex<Option<SecretFault>>,
    }

    impl Chain {
        fn fails(&self, fault: Option<SecretFault>) {
            *held(&self.fault) = fault;
        }

        fn fault(&self) -> Result<(), SecretFault> {
            held(&self.fault).clone().map_or(Ok(()), Err)
        }
    }

    impl SecretStore for Chain {
        fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
            self.fault()?;
            held(&self.kept).get(handle).cloned().ok_or(SecretFault::Missing)
        }
    }

    impl SecretKeeper for Chain {
        fn set(&self, handle: &Id, secret: &Sensitive) -> Result<(), SecretFault> {
            self.fault()?;
            held(&self.kept).insert(handle.clone(), secret.clone());
            Ok(())
        }

        fn remove(&self, handle: &Id) -> Result<(), SecretFault> {
            self.fault()?;
            held(&self.kept).remove(handle).map(drop).ok_or(SecretFault::Missing)
        }
    }

    const SESSION: CredentialPlace = CredentialPlace::Session;
    const KEYCHAIN: CredentialPlace = CredentialPlace::Keychain;
    const FILE: CredentialPlace = CredentialPlace::File;

    fn world() -> (tempfile::TempDir, Arc<Chain>, Vault, Id) {
        let home = tempfile::tempdir().unwrap();
        let chain = Arc::<Chain>::default();
        let vault = Vault::with(home.path(), chain.clone());
        (home, chain, vault, "slack-webhook".parse().unwrap())
    }

    fn secret(text: &str) -> Sensitive {
        Sensitive::new(text)
    }

    #[test]
    fn what_was_set_last_counts_and_what_was_before_is_nowhere_else() {
        let (home, chain, vault, handle) = world();
        let now = Utc::now();
        assert_eq!(vault.look(&handle), Found::Missing);
        vault.set(&handle, &secret("one"), KEYCHAIN, now).unwrap();
        assert_eq!((vault.look(&handle), vault.get(&handle)), (Found::There(KEYCHAIN), Ok(secret("one"))));
        vault.set(&handle, &secret("two"), SESSION, now).unwrap();
        assert_eq!((vault.look(&handle), vault.get(&handle)), (Found::There(SESSION), Ok(secret("two"))));
        assert_eq!(vault.remove(&handle), Ok(SESSION));
        assert_eq!(vault.get(&handle), Ok(secret("one")), "the session's only hid it");
        assert_eq!(
            vault.set(&handle, &secret("three"), FILE, now),
            Err(SecretFault::FileLocked),
            "nobody chose a file"
        );
        vault.open_file(&secret("correct horse battery")).unwrap();
        vault.set(&handle, &secret("three"), FILE, now).unwrap();
        assert!(chain.kept.lock().unwrap().is_empty());
        assert_eq!((vault.look(&handle), vault.get(&handle)), (Found::There(FILE), Ok(secret("three"))));
        let again = Vault::with(home.path(), chain.clone());
        assert_eq!((again.look(&handle), again.file()), (Found::Locked(FILE), FileState::Locked));
        let other: Id = "stripe-key".parse().unwrap();
        assert_eq!(again.look(&other), Found::Missing, "the register says that it is not in the file");
        let register = home.path().join("credentials.json");
        let kept = std::fs::read(&register).unwrap();
        std::fs::remove_file(&register).unwrap();
        assert_eq!(again.look(&other), Found::Locked(FILE), "without the register nobody knows");
        std::fs::write(&register, kept).unwrap();
        vault.set(&handle, &secret("four"), KEYCHAIN, now).unwrap();
        assert_eq!(again.get(&handle), Ok(secret("four")));
        assert_eq!(vault.file.get(&handle), Err(SecretFault::Missing));
        let kept = std::fs::read_to_string(home.path().join("credentials.json")).unwrap();
        assert!(kept.contains("slack-webhook") && !kept.contains("four"), "{kept}");
    }

    #[test]
    fn a_keychain_that_cannot_be_used_is_told_and_the_session_helps() {
        let (_home, chain, vault, handle) = world();
        for (fault, found) in [
            (SecretFault::Locked, Found::Locked(KEYCHAIN)),
            (SecretFault::Unanswered, Found::Locked(KEYCHAIN)),
            (SecretFault::Absent("no bus".to_owned()), Found::Missing),
            (
                SecretFault::Unreadable("why".to_owned()),
                Found::Unreadable("the credential cannot be read: why".to_owned()),
            ),
        ] {
            chain.fails(Some(fault.clone()));
            assert_eq!(vault.look(&handle), found);
            assert_eq!(vault.set(&handle, &secret("one"), KEYCHAIN, Utc::now()), Err(fault));
            assert!(vault.known().is_empty(), "nothing is said to be kept that is not");
        }
        vault.set(&handle, &secret("one"), SESSION, Utc::now()).unwrap();
        assert_eq!(vault.get(&handle), Ok(secret("one")));
        assert_eq!(vault.known()[&handle].place, SESSION);
    }

    #[test]
    fn what_was_removed_comes_back_until_it_is_forgotten() {
        let (_home, chain, vault, handle) = world();
        vault.set(&handle, &secret("one"), KEYCHAIN, Utc::now()).unwrap();
        vault.worked(&handle, Utc::now()).unwrap();
        assert!(vault.known()[&handle].worked_at.is_some());
        assert_eq!(vault.remove(&handle), Ok(KEYCHAIN));
        assert_eq!((vault.look(&handle), vault.known().len()), (Found::Missing, 0));
        assert_eq!(vault.restore(&handle, Utc::now()), Ok(KEYCHAIN));
        assert_eq!(vault.get(&handle), Ok(secret("one")));
        assert_eq!(vault.remove(&handle), Ok(KEYCHAIN));
        vault.forget(&handle);
        assert_eq!(vault.restore(&handle, Utc::now()), Err(SecretFault::Missing));
        assert_eq!(vault.remove(&handle), Err(SecretFault::Missing));
        chain.fails(Some(SecretFault::Locked));
        assert_eq!(vault.remove(&handle), Err(SecretFault::Locked));
    }
}
