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
    Connection, Row, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use super::{
    Opening,
    error::{JournalError, is_damage, said},
    verify::{self, Walked},
};

/// The journal's schema, from its first version on.
pub(super) static SCHEMA: Migrator = sqlx::migrate!("migrations/local");

/// What opening found.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) device: Option<Uuid>,
    pub(super) reader: Option<SqlitePool>,
    pub(super) write_options: SqliteConnectOptions,
    pub(super) walked: Walked,
    pub(super) verification: Option<Verification>,
    pub(super) problem: Option<Problem>,
}

/// Opens the file for the first time in this program. Fails only when the home cannot be used at all.
pub(super) async fn open(opening: &Opening) -> Result<Opened, JournalError> {
    make_home(&opening.home)?;
    let path = opening.home.join("journal.sqlite");
    // Two programs that start together on a new home must not both make the schema.
    let alone = alone(&opening.home.join("journal.lock"), opening.patience).await?;
    make_private_file(&path)?;
    let mut write_options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(false)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(opening.patience);
    if let Some(pages) = opening.most_pages {
        write_options = write_options.pragma("max_page_count", pages.to_string());
    }
    let mut opened = Opened {
        path: path.clone(),
        device: None,
        reader: None,
        write_options,
        walked: Walked::default(),
        verification: None,
        problem: None,
    };
    let prepared = prepare(&path, &opened.write_options).await;
    // Verifying takes a while in a large journal and needs nobody to wait.
    drop(alone);
    match prepared {
        Ok(device) => opened.device = Some(device),
        Err(JournalError::Store { source, .. }) if is_damage(&source) => {
            let fault = said(&source);
            if !has_entries(&path).await {
                opened.problem = Some(JournalError::NotAJournal { path, fault }.into());
                return Ok(opened);
            }
            let bad = BadEntry { entry: "journal.sqlite".to_owned(), fault };
            opened.problem = Some(JournalError::damaged(&bad).into());
        }
        // Newer, no space, held by another: what can be read is read all the same.
        Err(error) => opened.problem = Some(error.into()),
    }
    let read_options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(false)
        .read_only(true)
        // A walk over all entries hands them over in larger helpings.
        .row_buffer_size(1_024)
        .busy_timeout(opening.patience);
    let reader = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(read_options);
    match verified(&reader, opening).await {
        Ok((walked, verification)) => {
            (opened.walked, opened.verification, opened.reader) = (walked, Some(verification), Some(reader));
        }
        Err(error) => {
            opened.problem.get_or_insert_with(|| error.into());
        }
    }
    Ok(opened)
}

async fn verified(reader: &SqlitePool, opening: &Opening) -> Result<(Walked, Verification), JournalError> {
    let mut connection = reader.acquire().await.map_err(|source| JournalError::store("open its file", source))?;
    verify::verification(&mut connection, &opening.clock).await
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

async fn version(connection: &mut SqliteConnection) -> Result<i64, JournalError> {
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
    let device = Uuid::now_v7();
    sqlx::query("INSERT INTO device (singleton, device, made_ms) VALUES (1, ?, ?)")
        .bind(device.as_bytes().as_slice())
        .bind(Utc::now().timestamp_millis())
        .execute(connection)
        .await
        .map_err(naming)?;
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

fn restrict(path: &Path) -> Result<(), JournalError> {
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
async fn alone(path: &Path, patience: Duration) -> Result<fs::File, JournalError> {
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
