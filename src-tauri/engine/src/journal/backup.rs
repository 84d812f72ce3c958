//! Copies of the journal for keeping elsewhere, and homes that begin with one.
//!
//! A copy is made while the journal is in use, and beside it a manifest of what it must be. Restored, it goes on under
//! a device id and a key of its own: two homes with one device would write two histories under one name. The old chain
//! stays what it was and can be verified. The key itself is never copied.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    journal::{Fact, Hash},
    problem::Problem,
};
use rusqlite::TransactionBehavior;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Journal, JournalError, Opening,
    pen::Pen,
    pending::{Pending, create_new, sync_name},
    reach,
    store::{self, file_of, make_home},
    verify::{self, Walked},
    wall_clock,
};
use crate::view::{Backup, Restored};

/// What a copy must be.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Manifest {
    /// The version of the program that made it.
    lifeboat: String,
    made: DateTime<Utc>,
    /// The device it was made on.
    device: Uuid,
    entries: u64,
    bytes: u64,
    sha256: String,
    /// Where each chain ends.
    chains: Vec<Chain>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Chain {
    device: Uuid,
    sequence: u64,
    head: String,
}

fn chains_of(walked: &Walked) -> Vec<Chain> {
    let ends = walked.chains.iter();
    ends.map(|(device, chain)| Chain { device: *device, sequence: chain.sequence(), head: chain.head().to_string() })
        .collect()
}

/// The manifest stands beside its copy.
fn manifest_of(copy: &Path) -> PathBuf {
    let mut name = copy.as_os_str().to_owned();
    name.push(".manifest.json");
    PathBuf::from(name)
}

impl Journal {
    /// Copies the journal to a new file while it is in use. There is a whole copy with its manifest afterwards, or
    /// neither; nothing is overwritten.
    pub(crate) async fn backup(&self, path: &Path) -> Result<Backup, Problem> {
        let reader = self.shared.reader()?;
        let copying = |source| JournalError::store("copy itself", source);
        // Asked of the file: a journal that cannot be written here can be copied all the same.
        let device: Vec<u8> =
            sqlx::query_scalar("SELECT device FROM device").fetch_one(&reader).await.map_err(copying)?;
        let device = Uuid::from_slice(&device).map_err(|error| copying(sqlx::Error::Decode(error.into())))?;
        // So that the copy's end is vouched for. Without a key it is not.
        if self.shared.device().is_some()
            && let Err(problem) = self.checkpoint().await
        {
            tracing::warn!(code = %problem.code, message = %problem.message, "the copy's newest entries stay unsigned");
        }
        let copy = Pending::begin(path)?;
        let mut manifest_file = Pending::begin(&manifest_of(path))?;
        sqlx::query("VACUUM INTO ?")
            .bind(copy.temporary().to_string_lossy().into_owned())
            .execute(&reader)
            .await
            .map_err(copying)?;
        // What is verified is the copy, not what it was made from.
        let reach = reach::reach(copy.temporary(), self.shared.opening.patience).await?;
        let (walked, verification) =
            verify::aside(&reach, &self.shared.opening.clock, None, 0, self.ended.clone()).await?;
        reach.pool.close().await;
        if let Some(bad) = &verification.bad {
            return Err(JournalError::damaged(bad).into());
        }
        let (bytes, sha256) = digest(copy.temporary().to_owned()).await?;
        let manifest = Manifest {
            lifeboat: env!("CARGO_PKG_VERSION").to_owned(),
            made: (self.shared.opening.clock)(),
            device,
            entries: verification.intact,
            bytes,
            sha256: sha256.to_string(),
            chains: chains_of(&walked),
        };
        manifest_file.line(&serde_json::to_string_pretty(&manifest).map_err(JournalError::Fact)?)?;
        manifest_file.finish()?;
        if let Err(error) = copy.finish() {
            let _ = fs::remove_file(manifest_of(path));
            return Err(error.into());
        }
        Ok(Backup {
            path: path.display().to_string(),
            manifest: manifest_of(path).display().to_string(),
            entries: manifest.entries,
            sha256: manifest.sha256,
        })
    }
}

/// Restores a copy into a home that has no journal.
pub(crate) async fn restore(home: &Path, copy: &Path, actor: String) -> Result<Restored, Problem> {
    let manifest = read_manifest(copy)?;
    make_home(home)?;
    let (path, partial) = (file_of(home), home.join(".journal.sqlite.partial"));
    let _alone = store::alone(&home.join("journal.lock"), Opening::of(home).patience).await?;
    if path.exists() {
        return Err(JournalError::Exists(path).into());
    }
    // What an attempt before this one left.
    let _ = fs::remove_file(&partial);
    let restored = restore_into(&partial, copy, &manifest, actor).await.and_then(|(entries, device)| {
        fs::rename(&partial, &path).map_err(|source| JournalError::file("write", &path, source))?;
        sync_name(&path).map_err(|source| {
            let _ = fs::remove_file(&path);
            JournalError::file("put on disk", &path, source)
        })?;
        let home = home.display().to_string();
        Ok(Restored { home, entries, from: manifest.device, device, made: manifest.made })
    });
    if restored.is_err() {
        let _ = fs::remove_file(&partial);
    }
    restored.map_err(Problem::from)
}

fn read_manifest(copy: &Path) -> Result<Manifest, JournalError> {
    let path = manifest_of(copy);
    let text = fs::read(&path).map_err(|source| JournalError::file("read the manifest", &path, source))?;
    serde_json::from_slice(&text)
        .map_err(|error| JournalError::BadCopy(format!("its manifest {} cannot be read: {error}", path.display())))
}

async fn restore_into(
    partial: &Path,
    copy: &Path,
    manifest: &Manifest,
    actor: String,
) -> Result<(u64, Uuid), JournalError> {
    let mut from = fs::File::open(copy).map_err(|source| JournalError::file("read", copy, source))?;
    let mut to = create_new(partial)?;
    io::copy(&mut from, &mut to).map_err(|source| JournalError::file("write", partial, source))?;
    let (bytes, sha256) = digest(partial.to_owned()).await?;
    if bytes != manifest.bytes {
        return Err(JournalError::BadCopy(format!("it has {bytes} bytes instead of {}", manifest.bytes)));
    }
    if sha256.to_string() != manifest.sha256 {
        return Err(JournalError::BadCopy("its content is not what was copied: the SHA-256 is another".to_owned()));
    }
    let restoring = |source| JournalError::store("be restored", source);
    let mut connection = SqliteConnection::connect_with(&alone(partial)).await.map_err(restoring)?;
    store::migrate(&mut connection, &store::SCHEMA, partial).await?;
    connection.close().await.map_err(restoring)?;
    let (path, manifest) = (partial.to_owned(), manifest.clone());
    let begun = tokio::task::spawn_blocking(move || begin_anew(&path, &manifest, &actor));
    begun.await.unwrap_or_else(|error| Err(JournalError::cut_off(partial, error)))
}

/// Verifies what was copied and gives it a device id of its own.
fn begin_anew(path: &Path, manifest: &Manifest, actor: &str) -> Result<(u64, Uuid), JournalError> {
    let restoring = |source: rusqlite::Error| JournalError::store("be restored", source);
    let mut connection = rusqlite::Connection::open(path).map_err(restoring)?;
    connection.pragma_update(None, "synchronous", "full").map_err(restoring)?;
    let clock = wall_clock();
    let (walked, verification) = verify::verification(&mut connection, &clock, None, 0, &CancellationToken::new())?;
    if let Some(bad) = &verification.bad {
        return Err(JournalError::BadCopy(format!("entry {}: {}", bad.entry, bad.fault)));
    }
    if chains_of(&walked) != manifest.chains || verification.intact != manifest.entries {
        return Err(JournalError::BadCopy("its chains do not end where the manifest says".to_owned()));
    }
    let end = walked.chains.get(&manifest.device);
    let fact = Fact::JournalRestored {
        from: manifest.device,
        sequence: end.map_or(0, lifeboat_domain::journal::ChainWalk::sequence),
        head: end.map_or_else(String::new, |chain| chain.head().to_string()),
        made: manifest.made,
        sha256: manifest.sha256.clone(),
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(restoring)?;
    let device = store::name_device(&transaction)?;
    let mut pen = Pen::at_head(&transaction, device, clock().timestamp_millis())?;
    pen.fact(&transaction, actor, &fact, false)?;
    pen.record_head(&transaction)?;
    transaction.commit().map_err(restoring)?;
    connection.close().map_err(|(_, source)| restoring(source))?;
    Ok((verification.intact, device))
}

/// For a file that nobody else has open, so that nothing is left beside it.
fn alone(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).synchronous(SqliteSynchronous::Full)
}

/// A file's length and SHA-256, once it is on disk.
async fn digest(path: PathBuf) -> Result<(u64, Hash), JournalError> {
    let reading = {
        let path = path.clone();
        move |source| JournalError::file("read", path, source)
    };
    let read = move || -> io::Result<(u64, Hash)> {
        let mut file = fs::File::open(&path)?;
        file.sync_all()?;
        let (mut hasher, mut helping, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
        loop {
            let read = file.read(&mut helping)?;
            if read == 0 {
                return Ok((bytes, Hash(hasher.finalize().into())));
            }
            bytes += read as u64;
            hasher.update(&helping[..read]);
        }
    };
    let done = tokio::task::spawn_blocking(read).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(reading)
}
