//! What is known of each credential beside its value: where it is kept, since when, and when it last worked. One small
//! file of the home; losing it loses nothing but that.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{Id, environment::credential::CredentialPlace};
use serde::{Deserialize, Serialize};

use super::SecretFault;
use crate::settings::replace;

/// What is known of one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it is.
    pub place: CredentialPlace,
    /// Since when.
    pub set_at: DateTime<Utc>,
    /// When a test of it last went well.
    pub worked_at: Option<DateTime<Utc>>,
}

/// The file. It is read anew each time, because another program on this home may have written it.
#[derive(Debug)]
pub(super) struct Register {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Register {
    pub(super) fn new(home: &Path) -> Self {
        Self { path: home.join("credentials.json"), writing: Mutex::new(()) }
    }

    pub(super) fn all(&self) -> BTreeMap<Id, Kept> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the register of credentials is not understood");
                BTreeMap::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, "the register of credentials could not be read");
                }
                BTreeMap::new()
            }
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut BTreeMap<Id, Kept>)) -> Result<(), SecretFault> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.all();
        let before = all.clone();
        change(&mut all);
        if all == before {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&all).map_err(|error| SecretFault::NotKept(error.to_string()))?;
        replace(&self.path, &text).map_err(|error| SecretFault::NotKept(format!("{}: {error}", self.path.display())))
    }
}
