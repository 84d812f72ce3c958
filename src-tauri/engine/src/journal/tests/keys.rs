//! The key of this device: made, kept, lost, out of reach.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, sync::Mutex};

use lifeboat_domain::journal::KeyPlace;
use uuid::Uuid;

use super::*;
use crate::{
    secrets::{SecretFault, SecretStore, Sensitive},
    view::JournalQuery,
};

/// A keychain in memory, or one that answers with a fault.
#[derive(Default)]
pub(super) struct Chain {
    kept: Mutex<BTreeMap<Id, Sensitive>>,
    fault: Mutex<Option<SecretFault>>,
}

impl Chain {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn failing(fault: SecretFault) -> Arc<Self> {
        let chain = Self::new();
        *chain.fault.lock().unwrap() = Some(fault);
        chain
    }

    fn absent() -> Arc<Self> {
        Self::failing(SecretFault::Absent("no bus".to_owned()))
    }
}

impl SecretStore for Chain {
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        match &*self.fault.lock().unwrap() {
            Some(fault) => Err(fault.clone()),
            None => self.kept.lock().unwrap().get(handle).cloned().ok_or(SecretFault::Missing),
        }
    }
}

impl SecretKeeper for Chain {
    fn set(&self, handle: &Id, secret: &Sensitive) -> Result<(), SecretFault> {
        if let Some(fault) = &*self.fault.lock().unwrap() {
            return Err(fault.clone());
        }
        self.kept.lock().unwrap().insert(handle.clone(), secret.clone());
        Ok(())
    }

    fn remove(&self, handle: &Id) -> Result<(), SecretFault> {
        self.kept.lock().unwrap().remove(handle).map(drop).ok_or(SecretFault::Missing)
    }
}

pub(super) fn signing(home: &Path, chain: &Arc<Chain>) -> Opening {
    Opening { keys: Some(chain.clone()), ..Opening::of(home) }
}

pub(super) async fn open_signing(home: &Path, chain: &Arc<Chain>) -> Journal {
    Journal::open(signing(home, chain)).await.unwrap()
}

async fn keys_made(journal: &Journal) -> Vec<KeyPlace> {
    let query = JournalQuery { kind: Some("device-key-made".to_owned()), ..JournalQuery::default() };
    let page = journal.list(&query).await.unwrap();
    page.entries.iter().rev().map(|entry| serde_json::from_value(entry.body["kept"].clone()).unwrap()).collect()
}

/// A journal with so many entries and a checkpoint under them; answers with its device.
pub(super) async fn signed(home: &Path, chain: &Arc<Chain>, entries: u64) -> Uuid {
    let journal = open_signing(home, chain).await;
    for number in 1..=entries {
        append(&journal, &format!("fault-{number}")).await;
    }
    journal.close().await;
    journal.shared.device().unwrap()
}

#[tokio::test]
async fn closing_signs_and_the_key_is_a_fact() {
    let (home, chain) = (home(), Chain::new());
    let device = signed(home.path(), &chain, 3).await;
    let journal = open_signing(home.path(), &chain).await;
    let verification = journal.verification().unwrap();
    assert_eq!((verification.intact, verification.checkpoints, verification.bad), (4, 1, None));
    assert_eq!(keys_made(&journal).await, [KeyPlace::Keychain]);
    assert_eq!(journal.notes(), []);
    journal.close().await;
    // Nothing new, nothing to sign; and the same key the next time.
    let journal = open_signing(home.path(), &chain).await;
    assert_eq!(journal.verification().unwrap().checkpoints, 1);
    append(&journal, "more").await;
    journal.checkpoint().await.unwrap();
    journal.checkpoint().await.unwrap();
    let verification = journal.verify().await.unwrap();
    assert_eq!((verification.checkpoints, verification.bad), (2, None));
    assert_eq!(keys_made(&journal).await.len(), 1);
    assert_eq!(journal.shared.device(), Some(device));
    journal.close().await;
}

#[tokio::test]
async fn without_a_keychain_the_key_is_a_private_file_and_that_is_said() {
    let (home, chain) = (home(), Chain::absent());
    signed(home.path(), &chain, 1).await;
    let file = home.path().join("device.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let journal = open_signing(home.path(), &chain).await;
    assert_eq!(keys_made(&journal).await, [KeyPlace::File]);
    let notes = journal.notes();
    assert_eq!(notes[0].code, Code::KeychainAbsent);
    assert!(notes[0].message.contains("device.key"), "{}", notes[0]);
    append(&journal, "more").await;
    journal.checkpoint().await.unwrap();
    assert_eq!(journal.verify().await.unwrap().checkpoints, 2);
    journal.close().await;
    let report = crate::doctor::doctor(home.path()).await;
    assert!(report.items.iter().any(|item| item.found.contains("device.key")), "{report:?}");
    // A file that is gone is replaced, and everybody sees that.
    std::fs::remove_file(&file).unwrap();
    signed(home.path(), &chain, 1).await;
    let journal = open_signing(home.path(), &chain).await;
    assert_eq!(keys_made(&journal).await, [KeyPlace::File, KeyPlace::File]);
    assert_eq!(journal.verification().unwrap().bad, None);
    journal.close().await;
}

#[tokio::test]
async fn a_keychain_out_of_reach_replaces_no_key_and_loses_no_fact() {
    let (home, chain) = (home(), Chain::new());
    signed(home.path(), &chain, 1).await;
    for fault in [SecretFault::Locked, SecretFault::Absent("no bus".to_owned())] {
        *chain.fault.lock().unwrap() = Some(fault.clone());
        let journal = open_signing(home.path(), &chain).await;
        append(&journal, "kept all the same").await;
        let problem = journal.checkpoint().await.unwrap_err();
        assert!(problem.message.starts_with("no checkpoint can be signed"), "{problem}");
        assert!(journal.notes().contains(&problem), "{fault}");
        journal.close().await;
    }
    *chain.fault.lock().unwrap() = None;
    let journal = open_signing(home.path(), &chain).await;
    append(&journal, "signed again").await;
    journal.checkpoint().await.unwrap();
    assert_eq!(keys_made(&journal).await.len(), 1);
    assert_eq!((journal.verify().await.unwrap().bad, journal.notes()), (None, vec![]));
    journal.close().await;
}

#[tokio::test]
async fn a_lost_key_is_replaced_in_sight_of_everybody() {
    let (home, chain) = (home(), Chain::new());
    signed(home.path(), &chain, 1).await;
    signed(home.path(), &Chain::new(), 1).await;
    let journal = open_signing(home.path(), &chain).await;
    assert_eq!(keys_made(&journal).await.len(), 2);
    assert_eq!(journal.verification().unwrap().checkpoints, 2);
    journal.close().await;
}

#[tokio::test]
async fn a_journal_made_anew_with_another_key_is_not_gone_on_with() {
    let (home, own) = (home(), Chain::new());
    let device = signed(home.path(), &own, 2).await;
    std::fs::remove_file(home.path().join("journal.sqlite")).unwrap();
    // Somebody writes another history in this device's name. The key is out of reach for them.
    let journal = open(home.path()).await;
    journal.close().await;
    let mut connection = raw(home.path()).await;
    let naming = sqlx::query("UPDATE device SET device = ?").bind(device.as_bytes().as_slice());
    naming.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    signed(home.path(), &Chain::new(), 2).await;

    let journal = open_signing(home.path(), &own).await;
    append(&journal, "not noticed yet").await;
    assert_eq!(journal.checkpoint().await.unwrap_err().code, Code::JournalDamaged);
    assert_eq!(journal.append(PERSON.to_owned(), fault("more")).await.unwrap_err().code, Code::JournalDamaged);
    journal.close().await;
}
