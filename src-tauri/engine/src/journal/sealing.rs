//! Signing checkpoints: when they are due, and with which key.
//!
//! Every thousand entries the pen signs on the way. Here it is done a minute after the first entry that is not signed,
//! and when somebody asks. The key is looked for when it is first needed, because a keychain may have to be unlocked,
//! and its public half is a fact before anything is signed with it.

use std::{sync::Arc, time::Duration};

use lifeboat_domain::{
    journal::{BadEntry, Fact, KeyPlace, PublicKey},
    problem::Problem,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    JournalError, Shared,
    key::{self, DeviceKey, Found, KeyFault, Seed},
    pen::SIGN_EVERY,
    row::{entry_of, key_named, select_entries},
    writer::{Work, Write, Written, send},
};
use crate::secrets::SecretFault;

/// Entries stay unsigned for this long at most.
const WITHIN: Duration = Duration::from_mins(1);
/// How long the keychain may take: one that waits for a person counts as locked.
const PATIENCE: Duration = Duration::from_secs(5);
/// Who makes keys, for the journal.
const SYSTEM: &str = "system";

/// A key that was named in the journal, but could not be kept yet.
pub(super) type Made = (Seed, KeyPlace);

/// Signs what is due until told to end.
pub(super) async fn run(shared: Arc<Shared>, writer: mpsc::WeakSender<Write>, ended: CancellationToken) {
    let mut unsigned = shared.unsigned.subscribe();
    let until_due = async {
        loop {
            if unsigned.wait_for(|entries| *entries > 0).await.is_err() {
                return;
            }
            let _ = tokio::time::timeout(WITHIN, unsigned.wait_for(|entries| *entries >= SIGN_EVERY)).await;
            let Some(writer) = writer.upgrade() else { return };
            if checkpoint(&shared, &writer).await.is_err() {
                drop(writer);
                // Told in the notes; a keychain may be unlocked meanwhile.
                tokio::time::sleep(WITHIN).await;
            }
        }
    };
    tokio::select! {
        () = until_due => {}
        () = ended.cancelled() => {}
    }
}

/// Signs how far this device's chain has come.
pub(super) async fn checkpoint(shared: &Shared, writer: &mpsc::Sender<Write>) -> Result<(), Problem> {
    let done = async {
        ensure_key(shared, writer).await?;
        send(shared, writer, Work::Checkpoint, true).await.map(drop)
    };
    let done = done.await;
    shared.standing().unsigned = done.as_ref().err().cloned();
    done
}

fn unsigned(fault: KeyFault) -> Problem {
    JournalError::Unsigned(Box::new(fault)).into()
}

/// Has the key at hand: the one that is kept, else a new one, which the journal is told of first.
async fn ensure_key(shared: &Shared, writer: &mpsc::Sender<Write>) -> Result<(), Problem> {
    let Some(keeper) = shared.opening.keys.clone() else { return Ok(()) };
    let mut made = shared.making.lock().await;
    if shared.key.get().is_some() {
        return Ok(());
    }
    let device = shared.device().ok_or(JournalError::Closed)?;
    let home = shared.opening.home.clone();
    let named = keys_named(shared, device).await?;
    if let Some((seed, place)) = made.take() {
        return keep(shared, &mut made, device, seed, place).await;
    }
    let found = aside({
        let home = home.clone();
        move || key::look(&home, device, &*keeper)
    });
    match found.await.map_err(unsigned)? {
        Found::Key(key) if named.is_empty() || named.iter().any(|(known, _)| *known == key.public()) => {
            if named.is_empty() {
                name(shared, writer, &key).await?;
            }
            let _ = shared.key.set(Arc::new(key));
            Ok(())
        }
        Found::Key(_) => {
            // This device has signed with a key of which this journal knows nothing, but it knows others.
            let fault = "the journal does not know the key this device signs with: it was made anew elsewhere";
            let bad = BadEntry { entry: format!("{device}/1"), fault: fault.to_owned() };
            let problem = Problem::from(JournalError::damaged(&bad));
            shared.standing().read_only.get_or_insert_with(|| problem.clone());
            Err(problem)
        }
        // Where there was a keychain once, its absence is this session's: the key is not replaced for that.
        Found::None(KeyPlace::File) if named.last().is_some_and(|(_, kept)| *kept == KeyPlace::Keychain) => {
            let out_of_reach = "the one that holds this device's key is not reachable from here".to_owned();
            Err(unsigned(SecretFault::Absent(out_of_reach).into()))
        }
        Found::None(place) => {
            let seed = Seed::random().map_err(unsigned)?;
            name(shared, writer, &seed.key(place).map_err(unsigned)?).await?;
            keep(shared, &mut made, device, seed, place).await
        }
    }
}

/// Keeps a key that the journal knows; on failure it stays at hand for the next attempt.
async fn keep(
    shared: &Shared,
    made: &mut Option<Made>,
    device: Uuid,
    seed: Seed,
    place: KeyPlace,
) -> Result<(), Problem> {
    let Some(keeper) = shared.opening.keys.clone() else { return Ok(()) };
    let home = shared.opening.home.clone();
    *made = Some((seed.clone(), place));
    let key = aside(move || seed.keep(place, &home, device, &*keeper)).await.map_err(unsigned)?;
    *made = None;
    let _ = shared.key.set(Arc::new(key));
    Ok(())
}

async fn name(shared: &Shared, writer: &mpsc::Sender<Write>, key: &DeviceKey) -> Result<(), Problem> {
    let fact = Fact::DeviceKeyMade { key: key.public().to_string(), kept: key.kept };
    let work = Work::Fact { actor: SYSTEM.to_owned(), fact: Box::new(fact), once: false };
    match send(shared, writer, work, true).await? {
        Written::Entry(_) => Ok(()),
        Written::Health(_) | Written::Signed | Written::Rebuilt(_) => Err(super::out_of_turn()),
    }
}

/// The keys this device has named, oldest first.
async fn keys_named(shared: &Shared, device: Uuid) -> Result<Vec<(PublicKey, KeyPlace)>, JournalError> {
    let rows = sqlx::query(select_entries!("WHERE kind = 'device-key-made' AND device = ? ORDER BY place"))
        .bind(device.as_bytes().as_slice())
        .fetch_all(&shared.reader()?)
        .await
        .map_err(|source| JournalError::store("read the keys of its device", source))?;
    Ok(rows.iter().filter_map(|row| key_named(&entry_of(row).entry?)).collect())
}

/// Asks the keychain where nobody else is kept waiting, and not for ever.
async fn aside<T: Send + 'static>(ask: impl FnOnce() -> Result<T, KeyFault> + Send + 'static) -> Result<T, KeyFault> {
    match tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(ask)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(KeyFault::NoKey),
        Err(_) => Err(SecretFault::Locked.into()),
    }
}
