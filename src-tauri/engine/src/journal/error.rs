//! What can go wrong with the journal, and in which words a person meets it.

use std::{io, path::PathBuf};

use lifeboat_domain::{
    journal::BadEntry,
    problem::{Code, Problem},
};

/// A failure of the journal, by what was tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("the journal is damaged at entry {entry}: {fault}")]
    Damaged { entry: String, fault: String },
    #[error("{} is not a journal: {fault}", path.display())]
    NotAJournal { path: PathBuf, fault: String },
    #[error("the journal was written by a newer Lifeboat: its schema is {found}, this program knows up to {known}")]
    Newer { found: i64, known: i64 },
    #[error("another program is writing to the journal and did not let go in time")]
    Busy,
    #[error("no space is left for the journal")]
    Full,
    #[error("no checkpoint can be signed: {0}")]
    Unsigned(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the copy cannot be restored: {0}")]
    BadCopy(String),
    #[error("the journal is closed")]
    Closed,
    #[error("there is a file already: {}", .0.display())]
    Exists(PathBuf),
    #[error("could not {what} {}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("could not write a fact as JSON")]
    Fact(#[source] serde_json::Error),
    #[error("could not bring the journal's schema up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    #[error("the journal could not {what}")]
    Store { what: &'static str, source: Refusal },
}

impl JournalError {
    /// A failure of SQLite, told apart by its code where somebody can act on it.
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
    pub(super) fn store(what: &'static str, source: impl Sqlite) -> Self {
        match source.primary_code() {
            Some(BUSY | LOCKED) => Self::Busy,
            Some(FULL) => Self::Full,
            code => Self::Store { what, source: Refusal { code, said: source.said() } },
        }
    }

    /// Work on a thread of its own did not come to its end.
    pub(super) fn cut_off(path: impl Into<PathBuf>, error: tokio::task::JoinError) -> Self {
        Self::file("work on", path, io::Error::other(error))
    }

    /// Whether it may pass without anybody opening the journal anew.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Busy | Self::Full | Self::Closed => true,
            Self::Store { source, .. } => !is_damage(source),
            Self::File { source, .. } => is_full(source),
            _ => false,
        }
    }

    pub(super) fn file(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { what, path: path.into(), source }
    }

    pub(super) fn damaged(bad: &BadEntry) -> Self {
        Self::Damaged { entry: bad.entry.clone(), fault: bad.fault.clone() }
    }
}

/// SQLite's primary result codes that are told apart here (sqlite.org/rescode.html).
pub(super) const NOT_UNDERSTOOD: i32 = 1;
pub(super) const BUSY: i32 = 5;
const LOCKED: i32 = 6;
pub(super) const NO_PERMISSION: i32 = 3;
pub(super) const READ_ONLY: i32 = 8;
pub(super) const IO: i32 = 10;
pub(super) const CANNOT_OPEN: i32 = 14;
pub(super) const CORRUPT: i32 = 11;
pub(super) const FULL: i32 = 13;
pub(super) const NOT_A_DATABASE: i32 = 26;

/// What SQLite refused, through whichever library it was asked.
pub(super) trait Sqlite {
    /// Its primary result code, when it was SQLite that refused.
    fn primary_code(&self) -> Option<i32>;
    /// Its own words, without the library's around them.
    fn said(&self) -> String;
}

impl Sqlite for sqlx::Error {
    fn primary_code(&self) -> Option<i32> {
        let code = self.as_database_error()?.code()?;
        code.parse::<i32>().ok().map(|code| code & 0xff)
    }

    fn said(&self) -> String {
        self.as_database_error().map_or_else(|| self.to_string(), |inner| inner.message().to_owned())
    }
}

impl Sqlite for rusqlite::Error {
    fn primary_code(&self) -> Option<i32> {
        self.sqlite_error().map(|error| error.extended_code & 0xff)
    }

    fn said(&self) -> String {
        self.to_string()
    }
}

/// A refusal that was told on.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub(crate) struct Refusal {
    code: Option<i32>,
    said: String,
}

impl Sqlite for Refusal {
    fn primary_code(&self) -> Option<i32> {
        self.code
    }

    fn said(&self) -> String {
        self.said.clone()
    }
}

/// Whether the file itself is broken, rather than the access to it.
pub(super) fn is_damage(error: &impl Sqlite) -> bool {
    matches!(error.primary_code(), Some(CORRUPT | NOT_A_DATABASE))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        let message = error.to_string();
        match error {
            JournalError::Damaged { .. } => Self::new(Code::JournalDamaged, message).hint(
                "The entries before it can be read and exported. Keep journal.sqlite as evidence, with journal.sqlite-wal and -shm where they exist; move all of them away to begin a \
                 new journal.",
            ),
            JournalError::NotAJournal { .. } => Self::new(Code::JournalDamaged, message)
                .hint("Lifeboat does not overwrite it. Move the file away to begin a new journal."),
            JournalError::Newer { .. } => Self::new(Code::JournalNewer, message)
                .hint("Update Lifeboat on this computer to write to this journal again."),
            JournalError::Busy => Self::new(Code::JournalBusy, message)
                .hint("Nothing was written. Try again; if it stays so, see which other program has this home open."),
            JournalError::Full => {
                Self::new(Code::DiskFull, message).hint("Nothing was written. Free some space and try again.")
            }
            JournalError::Unsigned(_) => Self::new(Code::KeychainLocked, message).hint(
                "Facts are kept all the same. Unlock or start the keychain that holds this device's key; the next \
                 checkpoint covers everything since.",
            ),
            JournalError::BadCopy(_) => {
                Self::new(Code::NotAllowedNow, message).hint("Nothing was restored. Use another backup.")
            }
            JournalError::Closed => Self::new(Code::NotAllowedNow, message).hint("Open the home again."),
            JournalError::Exists(_) => {
                Self::new(Code::NotAllowedNow, message).hint("Name another file; nothing is overwritten.")
            }
            JournalError::File { source, .. } => {
                let code = match source.kind() {
                    _ if is_full(&source) => Code::DiskFull,
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Code::PermissionDenied,
                    _ => Code::NotAllowedNow,
                };
                Self::new(code, format!("{message}: {source}"))
                    .hint("Check that the folder exists, is yours and has space, or name another with --home.")
            }
            JournalError::Fact(source) => Self::bug(format!("{message}: {source}")),
            JournalError::Migration(source) => Self::bug(format!("{message}: {source}")),
            JournalError::Store { source, .. } => {
                let message = format!("{message}: {source}");
                if is_damage(&source) {
                    Self::new(Code::JournalDamaged, message)
                        .hint("Run `lifeboat journal verify`; the entries before the damage can be exported.")
                } else {
                    Self::new(Code::NotAllowedNow, message)
                        .hint("Nothing was written. Look at the disk the home is on, then try again.")
                }
            }
        }
    }
}
