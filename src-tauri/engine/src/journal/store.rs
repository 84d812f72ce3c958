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
use sqlx::{
    Connection, Row,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use super::{
    Opening,
    error::{JournalError, is_damage, said},
    reach::{self, Reach},
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
            let fault = said(&source);
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
            opened.problem.get_or_insert_with(|| error.into());
        }
    }
    Ok(opened)
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
    let mut connection = reach.pool.acquire().await.map_err(|source| JournalError::store("open its file", source))?;
    let (walked, verification) = verify::verification(&mut connection, &opening.clock, device, opening.at_once).await?;
    drop(connection);
    Ok((reach, walked, verification))
}

/// Makes the file ready to be written, and answers with its device and whether that took the reserve.
pub(super) async fn prepare_alone(path: &Path, opening: &Opening) -> Result<(Uuid, bool), JournalError> {
    // Two programs that start together on a new home must not both make the schema.
    let alone = alone(&opening.home.join("journal.lock"), opening.patience).await?;
    make_private_file(path)?;
    let prepared = match prepare(path, &write_options(opening, false)).await {
        Err(JournalError::Full) if opening.reserve().is_some_and(|reserve| reserve.release()) => {
            prepare(path, &write_options(opening, true)).await.map(|device| (device, true))
        }
        prepared => prepared.map(|device| (device, false)),
    };
    // Verifying takes a while in a large journal and needs nobody to wait.
    drop(alone);
    prepared
}

/// Makes the schema, or brings it up to date, and answers with the device.
async fn prepare(path: &Path, options: &SqliteConnectOptions) -> Result<Uuid, JournalError> {
    let opening = |source| JournalError::store("open its file", source);
    let mut connection = SqliteConnection::connect_with(options).await.map_err(opening)?;
    migrate(&mut connection, &SCHEMA, path).await?;
    let device = device(&mut connection).await?;
    connection.close().await.map_err(opening)?;
    Ok(device)
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

async fn device(connection: &mut SqliteConnection) -> Result<Uuid, JournalError> {
    let naming = |source| JournalError::store("name its device", source);
    let known = sqlx::query("SELECT device FROM device").fetch_optional(&mut *connection).await.map_err(naming)?;
    if let Some(row) = known {
        let bytes: Vec<u8> = row.try_get("device").map_err(naming)?;
        return Uuid::from_slice(&bytes).map_err(|error| naming(sqlx::Error::Decode(error.into())));
    }
    name_device(connection).await
}

/// Gives the file a device id of its own, instead of the one it had.
pub(super) async fn name_device(connection: &mut SqliteConnection) -> Result<Uuid, JournalError> {
    let device = Uuid::now_v7();
    sqlx::query("INSERT OR REPLACE INTO device (singleton, device, made_ms) VALUES (1, ?, ?)")
        .bind(device.as_bytes().as_slice())
        .bind(Utc::now().timestamp_millis())
        .execute(connection)
        .await
        .map_err(|source| JournalError::store("name its device", source))?;
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
