//! The encrypted file: `credentials.age` of the home, for a computer without a keychain, and only when somebody chose
//! it. Any `age` can open it with the passphrase. It stays open in memory until the program ends, or until the file is
//! changed by another program under another passphrase.
//!
//! Source of the format: age-encryption.org/v1, with scrypt. 2^17 is OWASP's least for scrypt.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Write as _},
    iter,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use age::{DecryptError, Decryptor, Encryptor, secrecy::SecretString};
use lifeboat_domain::Id;
use serde::Serialize;
use sha2::{Digest, Sha256};
use ts_rs::TS;
use zeroize::Zeroizing;

use super::{SecretFault, Sensitive};
use crate::settings::replace;

/// The cost of trying a passphrase: 2 to this, 128 MiB and about half a second.
const WORK: u8 = 17;
/// A file that wants more than this is not opened: it would take all memory.
const MOST_WORK: u8 = 20;
/// The largest file read, in bytes.
const LARGEST: u64 = 16 << 20;
/// The shortest passphrase of a new file, in characters.
const SHORTEST: usize = 12;

/// How the encrypted file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export, rename = "CredentialFileState")]
pub enum FileState {
    /// There is none.
    None,
    /// There is one, and nobody has given its passphrase.
    Locked,
    /// Its passphrase is known to this program.
    Open,
}

struct Opened {
    passphrase: Sensitive,
    secrets: BTreeMap<Id, Sensitive>,
    /// Which content that is; nothing before the file is first written.
    content: Option<[u8; 32]>,
}

/// The encrypted file of one home. Calls block, for the passphrase's cost.
pub(super) struct EncryptedFile {
    path: PathBuf,
    opened: Mutex<Option<Opened>>,
}

impl EncryptedFile {
    pub(super) fn new(home: &Path) -> Self {
        Self { path: home.join("credentials.age"), opened: Mutex::default() }
    }

    fn opened(&self) -> MutexGuard<'_, Option<Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> FileState {
        match (self.opened().is_some(), self.path.exists()) {
            (true, _) => FileState::Open,
            (false, true) => FileState::Locked,
            (false, false) => FileState::None,
        }
    }

    /// Opens it, or makes ready to write one under this passphrase.
    pub(super) fn open(&self, passphrase: &Sensitive) -> Result<(), SecretFault> {
        let mut opened = self.opened();
        let (secrets, content) = match self.read()? {
            Some(bytes) => (decrypted(&bytes, passphrase)?, Some(hash(&bytes))),
            None if passphrase.reveal().chars().count() < SHORTEST => return Err(SecretFault::ShortPassphrase),
            None => (BTreeMap::new(), None),
        };
        *opened = Some(Opened { passphrase: passphrase.clone(), secrets, content });
        Ok(())
    }

    pub(super) fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        let mut opened = self.opened();
        self.refresh(&mut opened)?;
        let opened =
            opened.as_ref().ok_or(if self.path.exists() { SecretFault::FileLocked } else { SecretFault::Missing });
        opened?.secrets.get(handle).cloned().ok_or(SecretFault::Missing)
    }

    pub(super) fn set(&self, handle: &Id, secret: &Sensitive) -> Result<(), SecretFault> {
        self.change(|secrets| {
            secrets.insert(handle.clone(), secret.clone());
            Ok(())
        })
    }

    pub(super) fn remove(&self, handle: &Id) -> Result<(), SecretFault> {
        self.change(|secrets| secrets.remove(handle).map(drop).ok_or(SecretFault::Missing))
    }

    /// Reads it, changes it and puts it back, while no other program does.
    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<Id, Sensitive>) -> Result<(), SecretFault>,
    ) -> Result<(), SecretFault> {
        let mut opened = self.opened();
        let _alone = self.alone()?;
        self.refresh(&mut opened)?;
        let opened = opened.as_mut().ok_or(SecretFault::FileLocked)?;
        let mut secrets = opened.secrets.clone();
        change(&mut secrets)?;
        let bytes = encrypted(&secrets, &opened.passphrase)?;
        replace(&self.path, &bytes).map_err(|error| self.not_kept(&error))?;
        opened.content = Some(hash(&bytes));
        opened.secrets = secrets;
        Ok(())
    }

    /// Held while the file is changed.
    fn alone(&self) -> Result<File, SecretFault> {
        let beside = self.path.with_extension("lock");
        let file = File::options().write(true).create(true).truncate(false).open(beside);
        let file = file.map_err(|error| self.not_kept(&error))?;
        file.lock().map_err(|error| self.not_kept(&error))?;
        Ok(file)
    }

    fn not_kept(&self, error: &io::Error) -> SecretFault {
        SecretFault::NotKept(format!("{}: {error}", self.path.display()))
    }

    /// What another program wrote meanwhile counts; under another passphrase it is locked again.
    fn refresh(&self, opened: &mut Option<Opened>) -> Result<(), SecretFault> {
        let Some(open) = opened else { return Ok(()) };
        let read = self.read()?;
        let content = read.as_deref().map(hash);
        if content == open.content {
            return Ok(());
        }
        match read.map(|bytes| decrypted(&bytes, &open.passphrase)).transpose() {
            Ok(secrets) => {
                open.secrets = secrets.unwrap_or_default();
                open.content = content;
                Ok(())
            }
            Err(fault) => {
                *opened = None;
                Err(if fault == SecretFault::WrongPassphrase { SecretFault::FileLocked } else { fault })
            }
        }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, SecretFault> {
        let damaged = |error: io::Error| SecretFault::FileDamaged(format!("it cannot be read: {error}"));
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(error)),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() as u64 > LARGEST {
            return Err(SecretFault::FileDamaged("it is larger than such a file can be".to_owned()));
        }
        Ok(Some(bytes))
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn encrypted(secrets: &BTreeMap<Id, Sensitive>, passphrase: &Sensitive) -> Result<Vec<u8>, SecretFault> {
    let not_kept = |error: &dyn std::fmt::Display| SecretFault::NotKept(error.to_string());
    let texts: BTreeMap<&str, &str> =
        secrets.iter().map(|(handle, secret)| (handle.as_str(), secret.reveal())).collect();
    // Room for all of it from the start, so that growing leaves no copies behind. JSON makes six letters of one at most.
    let room = texts.iter().map(|(handle, secret)| 6 * secret.len() + handle.len() + 8).sum::<usize>() + 8;
    let mut plain = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *plain, &texts).map_err(|error| not_kept(&error))?;
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.reveal()));
    recipient.set_work_factor(WORK);
    let encryptor =
        Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient)).map_err(|error| not_kept(&error))?;
    let mut bytes = Vec::new();
    let mut writer = encryptor.wrap_output(&mut bytes).map_err(|error| not_kept(&error))?;
    writer.write_all(&plain).map_err(|error| not_kept(&error))?;
    writer.finish().map_err(|error| not_kept(&error))?;
    Ok(bytes)
}

fn decrypted(bytes: &[u8], passphrase: &Sensitive) -> Result<BTreeMap<Id, Sensitive>, SecretFault> {
    let damaged = |why: &str| SecretFault::FileDamaged(why.to_owned());
    let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.reveal()));
    identity.set_max_work_factor(MOST_WORK);
    let decryptor = Decryptor::new(bytes).map_err(|_| damaged("it does not begin as such a file does"))?;
    if !decryptor.is_scrypt() {
        return Err(damaged("it is not encrypted with a passphrase"));
    }
    let mut reader = decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(|error| match error {
        DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys => {
            SecretFault::WrongPassphrase
        }
        DecryptError::ExcessiveWork { .. } => damaged("it asks for more work than is allowed"),
        _ => damaged("its head was changed"),
    })?;
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    reader.read_to_end(&mut plain).map_err(|_| damaged("its content was changed or cut off"))?;
    serde_json::from_slice(&plain).map_err(|_| damaged("its content is not a list of credentials"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    fn file(home: &Path) -> EncryptedFile {
        EncryptedFile::new(home)
    }

    #[test]
    fn what_is_kept_under_a_passphrase_is_there_again_private_and_unreadable() {
        let home = tempfile::tempdir().unwrap();
        let (secret, passphrase) = (Sensitive::new("hünter \"2\"\n🔑"), Sensitive::new("correct horse battery"));
        let first = file(home.path());
        assert_eq!((first.state(), first.get(&id("a"))), (FileState::None, Err(SecretFault::Missing)));
        assert_eq!(first.set(&id("a"), &secret), Err(SecretFault::FileLocked), "nobody chose to have one");
        assert_eq!(first.open(&Sensitive::new("short")), Err(SecretFault::ShortPassphrase));
        first.open(&passphrase).unwrap();
        first.set(&id("a"), &secret).unwrap();
        let path = home.path().join("credentials.age");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let kept = fs::read(&path).unwrap();
        assert!(!kept.windows(6).any(|part| part == "hünte".as_bytes()));

        let second = file(home.path());
        assert_eq!((second.state(), second.get(&id("a"))), (FileState::Locked, Err(SecretFault::FileLocked)));
        assert_eq!(second.open(&Sensitive::new("correct horse batterz")), Err(SecretFault::WrongPassphrase));
        second.open(&passphrase).unwrap();
        assert_eq!(second.get(&id("a")).unwrap(), secret);
        assert_eq!(second.get(&id("b")), Err(SecretFault::Missing));

        // Each sees what the other wrote, and neither takes it back.
        second.set(&id("b"), &Sensitive::new("other")).unwrap();
        assert_eq!(first.get(&id("b")).unwrap().reveal(), "other");
        first.remove(&id("a")).unwrap();
        assert_eq!(first.remove(&id("a")), Err(SecretFault::Missing));
        assert_eq!(second.get(&id("a")), Err(SecretFault::Missing));
        assert_eq!(second.get(&id("b")).unwrap().reveal(), "other");
    }

    #[test]
    fn a_damaged_file_is_told_from_a_wrong_passphrase_and_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let passphrase = Sensitive::new("correct horse battery");
        let first = file(home.path());
        first.open(&passphrase).unwrap();
        first.set(&id("a"), &Sensitive::new("secret")).unwrap();
        let path = home.path().join("credentials.age");
        let good = fs::read(&path).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bytes in [Vec::new(), b"{}".to_vec(), good[..good.len() - 1].to_vec(), flipped] {
            fs::write(&path, &bytes).unwrap();
            assert!(matches!(file(home.path()).open(&passphrase), Err(SecretFault::FileDamaged(_))));
            assert!(matches!(
                first.set(&id("b"), &passphrase),
                Err(SecretFault::FileDamaged(_) | SecretFault::FileLocked)
            ));
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        fs::write(&path, good).unwrap();
        first.open(&passphrase).unwrap();
        assert_eq!(first.get(&id("a")).unwrap().reveal(), "secret");
    }
}
