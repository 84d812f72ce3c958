//! Reaching the file for reading, whatever it lies on.
//!
//! A journal in WAL mode wants files beside it even to be read. Where they cannot be made, it is read as it stands:
//! in place when the medium itself is read-only and so nobody can be writing, else from a private copy. A file of an
//! older schema that could not be brought up to date is read through views that look like the newer one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use lifeboat_domain::problem::{Code, Problem};
use sqlx::{
    Connection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions},
};
use uuid::Uuid;

use super::error::{CANNOT_OPEN, IO, JournalError, NO_PERMISSION, READ_ONLY, Sqlite as _, is_damage};

/// The first schema with wall clocks, checkpoints and suspicions.
const EVIDENCE: i64 = 2;

/// What a file of the first schema lacks.
const OLDER: &str = "
    CREATE TEMP VIEW entry AS SELECT place, device, sequence, wall_ms, counter, NULL AS clock_ms, actor, kind, body,
        previous, hash FROM main.entry;
    CREATE TEMP VIEW checkpoint AS SELECT 0 AS place, x'' AS device, 0 AS sequence, x'' AS head, 0 AS wall_ms,
        0 AS counter, 0 AS clock_ms, 0 AS entries, x'' AS key, x'' AS signature WHERE FALSE;
    CREATE TEMP VIEW suspicion AS SELECT environment, check_id, body FROM main.health;
";

/// A file that can be read.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) pool: SqlitePool,
    /// How it is read, when that is not the usual way.
    pub(super) note: Option<Problem>,
    /// Whether its schema is at least this program's, so that what others append can be followed.
    pub(super) current: bool,
    path: PathBuf,
    patience: Duration,
    /// Whether nobody can be writing to it.
    immutable: bool,
    /// Held as long as it is read from.
    _copy: Option<Arc<Copy>>,
}

impl Reach {
    /// The file that is read.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection for who reads a lot on a thread of its own.
    pub(super) fn open(&self) -> Result<rusqlite::Connection, JournalError> {
        self.try_open().map_err(|source| JournalError::store("open its file", source))
    }

    fn try_open(&self) -> rusqlite::Result<rusqlite::Connection> {
        use rusqlite::OpenFlags;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = if self.immutable {
            let path = self.path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            rusqlite::Connection::open_with_flags(
                format!("file:{path}?immutable=1"),
                flags | OpenFlags::SQLITE_OPEN_URI,
            )?
        } else {
            rusqlite::Connection::open_with_flags(&self.path, flags)?
        };
        connection.busy_timeout(self.patience)?;
        if !self.current {
            connection.execute_batch(OLDER)?;
        }
        Ok(connection)
    }
}

/// Finds the way to read a file.
pub(super) async fn reach(path: &Path, patience: Duration) -> Result<Reach, JournalError> {
    let (options, note, copy, immutable) = match look(&usual(path, patience)).await {
        Err(error) if is_out_of_reach(&error) => {
            if is_read_only_medium(path) && !has_log(path) {
                (usual(path, patience).immutable(true), Some(note_medium()), None, true)
            } else {
                let (copy, at) = copy_of(path)?;
                let options = usual(&copy.journal(), patience);
                (options, Some(note_copy(at)), Some(Arc::new(copy)), false)
            }
        }
        // Damage and the rest are told by whoever reads.
        Ok(()) | Err(_) => (usual(path, patience), None, None, false),
    };
    let schema = match SqliteConnection::connect_with(&options).await {
        Ok(mut connection) => super::store::version(&mut connection).await.unwrap_or(EVIDENCE),
        Err(error) if is_damage(&error) => EVIDENCE,
        Err(source) => return Err(JournalError::store("open its file", source)),
    };
    let current = schema >= EVIDENCE;
    let pool = SqlitePoolOptions::new().max_connections(4).after_connect(move |connection, _| {
        Box::pin(async move {
            if !current {
                sqlx::raw_sql(OLDER).execute(connection).await?;
            }
            Ok(())
        })
    });
    let pool = pool.connect_lazy_with(options);
    let path = copy.as_ref().map_or_else(|| path.to_owned(), |copy: &Arc<Copy>| copy.journal());
    Ok(Reach { pool, note, current, path, patience, immutable, _copy: copy })
}

fn usual(path: &Path, patience: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true).busy_timeout(patience)
}

async fn look(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(&mut connection).await?;
    connection.close().await
}

fn is_out_of_reach(error: &sqlx::Error) -> bool {
    matches!(error.primary_code(), Some(CANNOT_OPEN | READ_ONLY | NO_PERMISSION | IO))
}

fn is_read_only_medium(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|space| space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

pub(super) fn log_of(path: &Path) -> PathBuf {
    path.with_extension("sqlite-wal")
}

/// Whether there are entries beside the file that were never moved into it.
pub(super) fn has_log(path: &Path) -> bool {
    fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0)
}

fn note_medium() -> Problem {
    Problem::new(Code::PermissionDenied, "the journal is on a medium that cannot be written")
        .hint("It is shown as it stands. To go on with it, make a backup of it and restore that into another home.")
}

fn note_copy(at: SystemTime) -> Problem {
    let at = chrono::DateTime::<chrono::Utc>::from(at).format("%Y-%m-%d %H:%M:%S UTC");
    Problem::new(Code::PermissionDenied, format!("the journal belongs to another account: a copy from {at} is shown"))
        .hint("Open it as the account it belongs to. What is appended there from now on is not shown here.")
}

/// A private copy of a journal, removed when nobody reads it any more.
#[derive(Debug)]
struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn journal(&self) -> PathBuf {
        self.folder.join("journal.sqlite")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// How often a file that is being written to is copied again before that is given up.
const ATTEMPTS: u32 = 5;

fn copy_of(path: &Path) -> Result<(Copy, SystemTime), JournalError> {
    use std::os::unix::fs::DirBuilderExt;
    let failed = |source| JournalError::file("copy, to be able to read it,", path, source);
    let copy = Copy { folder: env::temp_dir().join(format!("lifeboat-{}", Uuid::now_v7())) };
    fs::DirBuilder::new().mode(0o700).create(&copy.folder).map_err(failed)?;
    for _ in 0..ATTEMPTS {
        let (before, at) = (state(path), SystemTime::now());
        fs::copy(path, copy.journal()).map_err(failed)?;
        if has_log(path) {
            fs::copy(log_of(path), log_of(&copy.journal())).map_err(failed)?;
        }
        // A copy may carry over a mode that keeps its owner out.
        super::store::restrict(&copy.journal())?;
        if state(path) == before {
            return Ok((copy, at));
        }
    }
    Err(JournalError::Busy)
}

type State = [Option<(u64, SystemTime)>; 2];

fn state(path: &Path) -> State {
    [path.to_owned(), log_of(path)].map(|path| {
        let file = fs::metadata(path).ok()?;
        Some((file.len(), file.modified().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Journal, Opening};
    use lifeboat_domain::journal::Fact;

    #[tokio::test]
    async fn a_copy_holds_what_is_only_in_the_log_and_goes_away() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(Opening::of(home.path())).await.unwrap();
        journal.append("person:amal".to_owned(), Fact::RangeStopped {}).await.unwrap();
        let path = home.path().join("journal.sqlite");
        assert!(has_log(&path), "the entry is in the log only");
        let (copy, _) = copy_of(&path).unwrap();
        let reached = reach(&copy.journal(), Duration::from_secs(1)).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM entry").fetch_one(&reached.pool).await.unwrap();
        assert_eq!((count, reached.current, reached.note), (1, true, None));
        reached.pool.close().await;
        let folder = copy.folder.clone();
        drop(copy);
        assert!(!folder.exists());
        journal.close().await;
    }

    #[tokio::test]
    async fn a_file_on_a_read_only_medium_is_read_in_place() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(Opening::of(home.path())).await.unwrap();
        journal.append("person:amal".to_owned(), Fact::RangeStopped {}).await.unwrap();
        journal.close().await;
        let path = home.path().join("journal.sqlite");
        assert!(!has_log(&path), "closing moved everything into the one file");
        look(&usual(&path, Duration::from_secs(1)).immutable(true)).await.unwrap();
        assert!(!log_of(&path).exists(), "nothing was made beside it");
    }
}
