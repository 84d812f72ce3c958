//! Opening the file: made when absent, brought up to date when older, left alone when newer or damaged.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono::Utc;
use lifeboat_domain::{
    journal::{BadEntry, Verification},
    problem::Problem,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};
use sqlx::{
    Connection as _,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Opening,
    error::{JournalError, NOT_UNDERSTOOD, Sqlite as _, is_damage},
    reach::{self, Reach, has_log, log_of},
    reserve::RESERVE,
    verify::{self, Walked},
};

/// The journal's schema, from its first version on.
pub(super) static SCHEMA: Migrator = sqlx::migrate!("migrations/local");

/// A page of the file, as SQLite makes it by default.
const PAGE: u64 = 4_096;

/// What opening found.
pub(super) struct Opened {
    /// The device, when it can be written.
    pub(super) device: Option<Uuid>,
    /// The way to read it, if it can be read.
    pub(super) reach: Option<Reach>,
    pub(super) walked: Walked,
    pub(super) verification: Option<Verification>,
    pub(super) problem: Option<Problem>,
    /// Whether what kept it from being written may pass by itself.
    pub(super) passing: bool,
    /// Whether the reserve was given up for it.
    pub(super) reserve_in_use: bool,
}

/// The file of a home.
pub(super) fn file_of(home: &Path) -> PathBuf {
    home.join("journal.sqlite")
}

/// How the file is opened for writing. `most_pages` stands in for a full disk; giving the reserve up makes room there.
pub(super) fn write_options(opening: &Opening, reserve_given_up: bool) -> SqliteConnectOptions {
    let mut options = SqliteConnectOptions::new()
        .filename(file_of(&opening.home))
        .create_if_missing(false)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(opening.patience);
    if let Some(pages) = opening.most_pages {
        let more = if reserve_given_up { RESERVE / PAGE } else { 0 };
        options = options.pragma("max_page_count", (u64::from(pages) + more).to_string());
    }
    if reserve_given_up {
        // The log shares the little space there is; moved into the file often, it stays small.
        options = options.pragma("wal_autocheckpoint", "100");
    }
    options
}

/// Opens the file for the first time in this program. Fails only when the home cannot be used at all.
pub(super) async fn open(opening: &Opening) -> Result<Opened, JournalError> {
    make_home(&opening.home)?;
    let path = file_of(&opening.home);
    let mut opened = Opened {
        device: None,
        reach: None,
        walked: Walked::default(),
        verification: None,
        problem: None,
        passing: false,
        reserve_in_use: false,
    };
    match prepare_alone(&path, opening).await {
        Ok((device, reserve_in_use)) => {
            (opened.device, opened.reserve_in_use) = (Some(device), reserve_in_use);
        }
        Err(JournalError::Store { source, .. }) if is_damage(&source) => {
            let fault = source.said();
            if !has_entries(&path).await {
                opened.problem = Some(JournalError::NotAJournal { path, fault }.into());
                return Ok(opened);
            }
            let bad = BadEntry { entry: "journal.sqlite".to_owned(), fault };
            opened.problem = Some(JournalError::damaged(&bad).into());
        }
        // What is not there yet cannot be shown either.
        Err(error @ (JournalError::Busy | JournalError::File { .. })) if !path.exists() => return Err(error),
        // Newer, no space, held by another, not ours: what can be read is read all the same.
        Err(error) => {
            opened.passing = error.is_passing();
            opened.problem = Some(error.into());
        }
    }
    match verified(&path, opening, opened.device).await {
        Ok((reach, walked, verification)) => {
            (opened.walked, opened.verification, opened.reach) = (walked, Some(verification), Some(reach));
        }
        Err(error) => {
            // What cannot be read is not written to, and does not pass for empty.
            if opened.device.take().is_some() {
                let error = not_as_written(error);
                (opened.passing, opened.problem) = (error.is_passing(), Some(error.into()));
            } else {
                opened.problem.get_or_insert_with(|| error.into());
            }
        }
    }
    Ok(opened)
}

/// When SQLite does not understand a question about a file of a known schema, that schema is not what was written.
fn not_as_written(error: JournalError) -> JournalError {
    match &error {
        JournalError::Store { source, .. } if source.primary_code() == Some(NOT_UNDERSTOOD) => {
            JournalError::damaged(&BadEntry { entry: "journal.sqlite".to_owned(), fault: source.said() })
        }
        _ => error,
    }
}

/// Looks at a home's journal without changing anything about it.
pub(super) async fn look(opening: &Opening) -> Result<(Reach, Verification), JournalError> {
    let (reach, _, verification) = verified(&file_of(&opening.home), opening, None).await?;
    Ok((reach, verification))
}

/// Finds the way to read the file, and verifies it.
pub(super) async fn verified(
    path: &Path,
    opening: &Opening,
    device: Option<Uuid>,
) -> Result<(Reach, Walked, Verification), JournalError> {
    let reach = reach::reach(path, opening.patience).await?;
    let whole = CancellationToken::new();
    let (walked, verification) = verify::aside(&reach, &opening.clock, device, opening.at_once, whole).await?;
    Ok((reach, walked, verification))
}

/// Makes the file ready to be written, and answers with its device and whether that took the reserve.
pub(super) async fn prepare_alone(path: &Path, opening: &Opening) -> Result<(Uuid, bool), JournalError> {
    // Two programs that start together on a new home must not both make the schema.
    let alone = alone(&opening.home.join("journal.lock"), opening.patience).await?;
    make_private_file(path)?;
    let prepared = match prepare(path, opening, false).await {
        Err(JournalError::Full) if opening.reserve().is_some_and(|reserve| reserve.release()) => {
            prepare(path, opening, true).await.map(|device| (device, true))
        }
        prepared => prepared.map(|device| (device, false)),
    };
    // Verifying takes a while in a large journal and needs nobody to wait.
    drop(alone);
    prepared
}

/// Statements that are kept ready.
const STATEMENTS: usize = 32;

/// A connection for writing. What the log holds is on disk by then: after a failed sync it reads as if it were, and
/// SQLite would take it for committed once nobody has the file open any more. An entry built on that would go with it.
pub(super) fn open_to_write(opening: &Opening, reserve_given_up: bool) -> Result<Connection, JournalError> {
    let (path, failed) = (file_of(&opening.home), |source| JournalError::store("open its file for writing", source));
    let mut connection = open_synced(&path, opening, reserve_given_up).map_err(failed)?;
    if has_log(&path) {
        put_log_on_disk(&mut connection, &log_of(&path))?;
    }
    Ok(connection)
}

/// As [`write_options`] has it for who asks through sqlx.
fn open_synced(path: &Path, opening: &Opening, reserve_given_up: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(opening.patience)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    if let Some(pages) = opening.most_pages {
        let more = if reserve_given_up { RESERVE / PAGE } else { 0 };
        connection.pragma_update(None, "max_page_count", i64::from(pages) + more as i64)?;
    }
    if reserve_given_up {
        connection.pragma_update(None, "wal_autocheckpoint", 100)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn put_log_on_disk(connection: &mut Connection, log: &Path) -> Result<(), JournalError> {
    // Nobody else writes to the log meanwhile. Whoever does so now has been here before.
    let alone = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Err(error) => match JournalError::store("open its file for writing", error) {
            JournalError::Busy => return Ok(()),
            error => return Err(error),
        },
        Ok(begun) => begun,
    };
    let written = write_again(log);
    alone.rollback().map_err(|source| JournalError::store("open its file for writing", source))?;
    match written {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written.map_err(|source| JournalError::file("put on disk", log, source)),
    }
}

/// Writes a file over itself. Synced alone it would stay where it is: it counts as written.
fn write_again(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
    let (mut helping, mut at) = (vec![0; 1 << 20], 0);
    loop {
        let read = file.read_at(&mut helping, at)?;
        if read == 0 {
            return file.sync_all();
        }
        file.write_all_at(&helping[..read], at)?;
        at += read as u64;
    }
}

/// Makes the schema, or brings it up to date, and answers with the device.
async fn prepare(path: &Path, opening: &Opening, reserve_given_up: bool) -> Result<Uuid, JournalError> {
    let failed = |source| JournalError::store("open its file", source);
    let to_write = opening.clone();
    let open = tokio::task::spawn_blocking(move || open_to_write(&to_write, reserve_given_up));
    let open = open.await.unwrap_or_else(|error| Err(JournalError::cut_off(path, error)))?;
    let mut connection =
        SqliteConnection::connect_with(&write_options(opening, reserve_given_up)).await.map_err(failed)?;
    migrate(&mut connection, &SCHEMA, path).await?;
    connection.close().await.map_err(failed)?;
    let named = tokio::task::spawn_blocking(move || device(&open));
    named.await.unwrap_or_else(|error| Err(JournalError::cut_off(path, error)))
}

/// Brings the schema up to date. An older file is copied first; a newer one is not touched.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    schema: &Migrator,
    path: &Path,
) -> Result<(), JournalError> {
    let known = schema.iter().map(|migration| migration.version).max().unwrap_or(0);
    let found = version(connection).await?;
    if found > known {
        return Err(JournalError::Newer { found, known });
    }
    if found == known {
        return Ok(());
    }
    if found > 0 {
        let copy = path.with_file_name(format!("journal-schema-{found}-{}.sqlite", Utc::now().format("%Y%m%dT%H%M%S")));
        sqlx::query("VACUUM INTO ?")
            .bind(copy.to_string_lossy().into_owned())
            .execute(&mut *connection)
            .await
            .map_err(|source| JournalError::store("copy itself before its schema changes", source))?;
        restrict(&copy)?;
    }
    schema.run_direct(None, connection, false).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(source) | sqlx::migrate::MigrateError::ExecuteMigration(source, _) => {
            JournalError::store("bring its schema up to date", source)
        }
        other => JournalError::Migration(other),
    })
}

pub(super) async fn version(connection: &mut SqliteConnection) -> Result<i64, JournalError> {
    let reading = |source| JournalError::store("read its schema", source);
    let known: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'")
            .fetch_one(&mut *connection)
            .await
            .map_err(reading)?;
    if known == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(reading)
}

fn device(connection: &Connection) -> Result<Uuid, JournalError> {
    let known = connection.query_row("SELECT device FROM device", [], |row| row.get::<_, [u8; 16]>(0)).optional();
    match known.map_err(|source| JournalError::store("name its device", source))? {
        Some(bytes) => Ok(Uuid::from_bytes(bytes)),
        None => name_device(connection),
    }
}

/// Gives the file a device id of its own, instead of the one it had.
pub(super) fn name_device(connection: &Connection) -> Result<Uuid, JournalError> {
    let device = Uuid::now_v7();
    let insert = "INSERT OR REPLACE INTO device (singleton, device, made_ms) VALUES (1, ?, ?)";
    let named = connection.execute(insert, (device.as_bytes().as_slice(), Utc::now().timestamp_millis()));
    named.map_err(|source| JournalError::store("name its device", source))?;
    Ok(device)
}

/// Whether entries can still be read from a file that has damage somewhere.
async fn has_entries(path: &Path) -> bool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true);
    let Ok(mut connection) = SqliteConnection::connect_with(&options).await else { return false };
    sqlx::query("SELECT place FROM entry LIMIT 1").fetch_optional(&mut connection).await.is_ok()
}

/// Makes the folder, for its owner only.
pub(crate) fn make_home(home: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(home);
    made.map_err(|source| JournalError::file("make the folder", home, source))
}

/// Makes the file for its owner only; SQLite gives its companions the same mode.
fn make_private_file(path: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::OpenOptionsExt;
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => restrict(path),
        Err(source) => Err(JournalError::file("make the file", path, source)),
    }
}

pub(super) fn restrict(path: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |source| JournalError::file("make private", path, source);
    let mut permissions = fs::metadata(path).map_err(failed)?.permissions();
    if permissions.mode().trailing_zeros() >= 6 {
        return Ok(());
    }
    permissions.set_mode(0o600);
    fs::set_permissions(path, permissions).map_err(failed)
}

/// Waits until no other program is opening the journal; the lock ends with the file.
pub(super) async fn alone(path: &Path, patience: Duration) -> Result<fs::File, JournalError> {
    make_private_file(path)?;
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|source| JournalError::file("open the file", path, source))?;
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if since.elapsed() < patience => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(fs::TryLockError::WouldBlock) => return Err(JournalError::Busy),
            Err(fs::TryLockError::Error(source)) => return Err(JournalError::file("lock the file", path, source)),
        }
    }
}
