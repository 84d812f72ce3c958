//! Doctor: what this computer has and lacks, each lack with what to do about it.
//!
//! Looking changes nothing, and what cannot be looked at is unknown, not missing. `tools` looks for programs,
//! `machine` for disk, network, clock and display.

mod machine;
mod tools;

use std::{path::Path, time::Duration};

use chrono::Utc;
use lifeboat_domain::{journal::Verification, problem::Problem};
use serde::Serialize;
use ts_rs::TS;

use crate::{
    journal::{self, Journal},
    secrets::{KeychainState, keychain_state},
};

/// How long the keychain may take: one that waits for a person to unlock it counts as locked.
const KEYCHAIN_PATIENCE: Duration = Duration::from_secs(5);

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Finding {
    /// As it should be.
    Good,
    /// Lifeboat works without it, but less well.
    Lacking,
    /// Something will not work until it is there.
    Missing,
    /// It could not be looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct DoctorItem {
    /// A stable name, such as `pg_restore`.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// How it was found.
    pub finding: Finding,
    /// What was found: a version, a path, a number with its unit.
    pub found: String,
    /// What to do, as a sentence.
    pub hint: Option<String>,
    /// The Debian package that brings it.
    pub package: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct DoctorReport {
    /// In the order of looking.
    pub items: Vec<DoctorItem>,
}

impl DoctorItem {
    fn new(id: &str, name: &str, finding: Finding, found: impl Into<String>) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), finding, found: found.into(), hint: None, package: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn package(mut self, package: &str) -> Self {
        self.package = Some(package.to_owned());
        self
    }
}

impl DoctorReport {
    /// Whether everything is there that something will not work without.
    pub fn is_fit(&self) -> bool {
        self.items.iter().all(|item| item.finding != Finding::Missing)
    }
}

/// Looks at this computer and at a home, without opening an engine on it.
pub async fn doctor(home: &Path) -> DoctorReport {
    let state = if home.join("journal.sqlite").exists() {
        JournalState::found(journal::look(home).await)
    } else {
        JournalState::NotYet
    };
    examine(home, state, keychain().await).await
}

/// How the journal was found.
#[derive(Debug)]
pub(crate) enum JournalState {
    /// The home has none yet.
    NotYet,
    /// It can be read; what was verified of it, and what to know about it.
    Whole(Verification, Vec<Problem>),
    /// It cannot be read, or not be written.
    Trouble(Problem),
}

impl JournalState {
    /// How an open journal is.
    pub(crate) fn of(journal: &Journal) -> Self {
        match (journal.read_only(), journal.verification()) {
            (Some(problem), _) => Self::Trouble(problem),
            (None, Some(verification)) => Self::Whole(verification, journal.notes()),
            (None, None) => Self::Trouble(Problem::bug("a journal that was not verified")),
        }
    }

    /// How a journal is that nobody opened.
    fn found(looked: Result<(Verification, Vec<Problem>), Problem>) -> Self {
        match looked {
            Ok((verification, notes)) => Self::Whole(verification, notes),
            Err(problem) => Self::Trouble(problem),
        }
    }

    fn items(self) -> Vec<DoctorItem> {
        let (id, name) = ("journal", "Journal");
        let trouble = |problem: Problem| {
            let hint = problem.hint.unwrap_or_else(|| "Run `lifeboat journal verify`.".to_owned());
            DoctorItem::new(id, name, Finding::Missing, problem.message).hint(hint)
        };
        match self {
            Self::NotYet => {
                vec![DoctorItem::new(id, name, Finding::Good, "none yet; it is made when it is first needed")]
            }
            Self::Whole(verification, notes) => {
                let Verification { intact, checkpoints, since, .. } = &verification;
                let found = match since {
                    None => format!("{intact} entries, all intact, {checkpoints} signed checkpoints"),
                    Some(since) => format!("{intact} entries, verified since checkpoint {since}, the rest under way"),
                };
                let notes = (1..).zip(notes).map(|(number, note)| {
                    let hint = note.hint.unwrap_or_default();
                    DoctorItem::new(&format!("journal-note-{number}"), name, Finding::Lacking, note.message).hint(hint)
                });
                std::iter::once(DoctorItem::new(id, name, Finding::Good, found)).chain(notes).collect()
            }
            Self::Trouble(problem) => vec![trouble(problem)],
        }
    }
}

/// The keychain, by storing and removing an entry. A keychain that asks a person to unlock it is not waited for.
pub(crate) async fn keychain() -> DoctorItem {
    let (id, name) = ("keychain", "Keychain");
    let asked = tokio::time::timeout(KEYCHAIN_PATIENCE, tokio::task::spawn_blocking(keychain_state)).await;
    match asked {
        Ok(Ok(KeychainState::Available { name: found })) => DoctorItem::new(id, name, Finding::Good, found),
        Ok(Ok(KeychainState::Locked)) | Err(_) => {
            DoctorItem::new(id, name, Finding::Lacking, "locked").hint("Unlock your login keyring, then look again.")
        }
        Ok(Ok(KeychainState::Absent(why))) => DoctorItem::new(id, name, Finding::Lacking, format!("none: {why}"))
            .hint("Install and start a Secret Service, or keep credentials in an encrypted file: `lifeboat secret set HANDLE --file`.")
            .package("gnome-keyring"),
        Ok(Err(error)) => DoctorItem::new(id, name, Finding::Unknown, format!("could not be looked at: {error}")),
    }
}

/// The encrypted file of credentials, where somebody chose to have one.
fn credential_file(home: &Path) -> Option<DoctorItem> {
    let path = home.join("credentials.age");
    path.exists().then(|| {
        DoctorItem::new("credential-file", "Credential file", Finding::Good, path.display().to_string())
            .hint("Its passphrase is asked for under Settings, Credentials; programs take --passphrase-file.")
    })
}

/// Looks at everything.
pub(crate) async fn examine(home: &Path, journal: JournalState, keychain: DoctorItem) -> DoctorReport {
    let mut items = tools::items(&tools::Places::of_this_computer()).await;
    items.push(machine::disk(home));
    items.push(machine::home(home));
    items.extend(journal.items());
    items.push(keychain);
    items.extend(credential_file(home));
    items.push(machine::network(&machine::Routes::read()));
    items.push(machine::clock(Utc::now()));
    items.push(machine::display(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())));
    DoctorReport { items }
}

#[cfg(test)]
mod tests;
