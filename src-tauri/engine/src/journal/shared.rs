//! What a journal's tasks share: the way to the file, and what it can do at present.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lifeboat_domain::{
    journal::{EntryView, Verification},
    problem::{Code, Problem},
};
use sqlx::SqlitePool;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    JournalError, Opening,
    key::{self, DeviceKey},
    reach::Reach,
    sealing::Made,
    store::{self, Opened},
    verify::{self, Walked},
};

/// What the journal can do at present.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Why nothing may be appended until the journal is opened anew, if so.
    pub(super) read_only: Option<Problem>,
    /// Why it is not ready to be written, though it may be later.
    pub(super) unready: Option<Problem>,
    /// Why the last batch was not written, until one is.
    pub(super) trouble: Option<Problem>,
    /// Whether the reserve was given up.
    pub(super) reserve_in_use: bool,
    /// Why the last checkpoint was not signed, until one is.
    pub(super) unsigned: Option<Problem>,
    /// Entries after this place are not shown, because one of them is not as it was written.
    pub(super) through: Option<i64>,
    /// What the last verification found.
    pub(super) verification: Option<Verification>,
}

/// The ways to the file.
#[derive(Debug, Default)]
struct Ways {
    device: Option<Uuid>,
    reach: Option<Reach>,
}

pub(super) struct Shared {
    pub(super) opening: Opening,
    ways: Mutex<Ways>,
    standing: Mutex<Standing>,
    pub(super) entries: broadcast::Sender<EntryView>,
    /// How far the first walk came, once there was one.
    walked: watch::Sender<Option<Walked>>,
    /// Entries of this device that no checkpoint covers yet.
    pub(super) unsigned: watch::Sender<u64>,
    /// The key of this device, once it was needed.
    pub(super) key: OnceLock<Arc<DeviceKey>>,
    /// Held while the key is looked for.
    pub(super) making: tokio::sync::Mutex<Option<Made>>,
}

/// That the journal lives on its reserve.
pub(super) fn reserve_in_use() -> Problem {
    Problem::new(Code::DiskFull, "no space is left: the journal's reserve is in use").hint(
        "Facts are still kept; results that change nothing are not. Free some space: at least 1,000 more facts fit.",
    )
}

/// What entries tell about the clock.
pub(super) fn clock_notes(verification: &Verification) -> impl Iterator<Item = Problem> + use<> {
    verification.clock.sentences().into_iter().map(|sentence| {
        Problem::new(Code::NotAllowedNow, sentence).hint("See that the clock is right, best with a time service.")
    })
}

impl Shared {
    pub(super) fn new(opening: Opening) -> Self {
        Self {
            opening,
            ways: Mutex::default(),
            standing: Mutex::default(),
            entries: broadcast::Sender::new(1_024),
            walked: watch::Sender::new(None),
            unsigned: watch::Sender::new(0),
            key: OnceLock::new(),
            making: tokio::sync::Mutex::new(None),
        }
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ways(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The device that writes here, once the file is ready to be written.
    pub(super) fn device(&self) -> Option<Uuid> {
        self.ways().device
    }

    /// Where to read from.
    pub(super) fn reader(&self) -> Result<SqlitePool, JournalError> {
        self.reach().map(|reach| reach.pool)
    }

    /// The way to read from it.
    pub(super) fn reach(&self) -> Result<Reach, JournalError> {
        self.ways().reach.clone().ok_or(JournalError::Closed)
    }

    /// Takes in what opening found.
    pub(super) fn admit(&self, opened: Opened) {
        let Opened { device, reach, walked, verification, problem, passing, reserve_in_use } = opened;
        let follow = reach.as_ref().is_some_and(|reach| reach.current && reach.note.is_none());
        *self.ways() = Ways { device, reach };
        let mut standing = self.standing();
        (standing.unready, standing.trouble) = (None, None);
        if device.is_some() {
            // A reserve given up earlier stays given up until it is made anew.
            standing.reserve_in_use |= reserve_in_use;
        } else if passing {
            standing.unready = problem;
        } else {
            standing.read_only = problem;
        }
        drop(standing);
        if let Some(verification) = verification {
            self.judge(&walked, verification);
        }
        if follow && self.standing().through.is_none() {
            self.walked.send_replace(Some(walked));
        }
    }

    /// Tries once more to make the file ready to be written.
    pub(super) async fn prepare_again(&self) -> Result<(), JournalError> {
        let path = store::file_of(&self.opening.home);
        let (device, reserve_in_use) = store::prepare_alone(&path, &self.opening).await?;
        let (reach, walked, verification) = store::verified(&path, &self.opening, Some(device)).await?;
        tracing::info!("the journal can be written again");
        self.admit(Opened {
            device: Some(device),
            reach: Some(reach),
            walked,
            verification: Some(verification),
            problem: None,
            passing: false,
            reserve_in_use,
        });
        Ok(())
    }

    /// How far the first walk came; waits for it. Nothing when the end comes first.
    pub(super) async fn walked(&self, ended: &CancellationToken) -> Option<Walked> {
        let mut walks = self.walked.subscribe();
        tokio::select! {
            // What was appended before the end is still to be told.
            biased;
            walked = walks.wait_for(Option::is_some) => walked.ok()?.clone(),
            () = ended.cancelled() => None,
        }
    }

    /// Takes in what a walk over the chains found. A journal found damaged stays read-only until it is opened anew.
    fn judge(&self, walked: &Walked, verification: Verification) {
        let mut standing = self.standing();
        if let Some(bad) = &verification.bad {
            standing.read_only = Some(JournalError::damaged(bad).into());
            standing.through = Some(walked.place);
        }
        standing.verification = Some(verification);
    }

    /// Verifies every chain from its first entry.
    pub(super) async fn verify_in_full(&self, ended: CancellationToken) -> Result<Verification, JournalError> {
        let (walked, verification) = verify::aside(&self.reach()?, &self.opening.clock, None, 0, ended).await?;
        self.judge(&walked, verification.clone());
        Ok(verification)
    }

    /// What a person should know although the journal works.
    pub(super) fn notes(&self) -> Vec<Problem> {
        let mut notes: Vec<Problem> = self.ways().reach.iter().filter_map(|reach| reach.note.clone()).collect();
        let standing = self.standing();
        notes.extend(standing.reserve_in_use.then(reserve_in_use));
        notes.extend(standing.unsigned.clone());
        notes.extend(key::file_note(&self.opening.home));
        notes.extend(standing.verification.iter().flat_map(clock_notes));
        notes
    }
}

/// Verifies what opening took on the word of a checkpoint, once and in the background.
pub(super) async fn verify_in_full(shared: Arc<Shared>, ended: CancellationToken) {
    let Some(walked) = shared.walked(&ended).await else { return };
    if !walked.took_on_word() {
        return;
    }
    match shared.verify_in_full(ended.clone()).await {
        Err(_) if ended.is_cancelled() => {}
        Ok(Verification { bad: Some(bad), .. }) => {
            tracing::error!(entry = %bad.entry, fault = %bad.fault, "the journal is damaged");
        }
        Ok(verification) => tracing::info!(entries = verification.intact, "the journal was verified in full"),
        Err(error) => tracing::warn!(%error, "the journal could not be verified in full"),
    }
}
