use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeZone;
use lifeboat_domain::check::Verdict;
use sqlx::{Connection, sqlite::SqliteConnection};
use tempfile::TempDir;

use super::*;

mod append;
mod checkpoints;
mod damage;
mod evidence;
mod heartbeat;
mod keys;
mod killed;
mod samples;
mod schema;
mod together;

const PERSON: &str = "person:amal";

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Opens at the time of the samples, so that they are not old enough to be removed.
async fn open(home: &Path) -> Journal {
    let clock: Clock = Arc::new(|| sample_at(100, Verdict::Operational).at);
    Journal::open(Opening { clock, ..Opening::of(home) }).await.unwrap()
}

fn fault(name: &str) -> Fact {
    Fact::FaultInjected { fault: name.to_owned() }
}

async fn append(journal: &Journal, name: &str) -> Entry {
    journal.append(PERSON.to_owned(), fault(name)).await.unwrap()
}

/// A connection past the journal, as somebody with the file would have.
async fn raw(home: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.join("journal.sqlite"));
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// The same, for what is done without waiting.
fn plain(home: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(home.join("journal.sqlite")).unwrap()
}

async fn summaries(journal: &Journal) -> Vec<String> {
    let page = journal.list(&crate::view::JournalQuery::default()).await.unwrap();
    page.entries.into_iter().map(|entry| entry.summary).collect()
}

/// A wall clock that goes where it is told.
fn clock_at(millis: &Arc<AtomicI64>) -> Clock {
    let millis = millis.clone();
    Arc::new(move || Utc.timestamp_millis_opt(millis.load(Ordering::SeqCst)).unwrap())
}

fn sample_at(seconds: i64, verdict: Verdict) -> Sample {
    Sample {
        at: Utc.timestamp_opt(1_790_000_000 + seconds, 0).unwrap(),
        latency_ms: 12.5,
        verdict,
        reason: format!("said {verdict}"),
        measurements: Vec::new(),
        answer: (verdict != Verdict::Operational).then(|| "503 Service Unavailable".to_owned()),
        fault: None,
    }
}

fn record(check: &str, sample: Sample) -> SampleRecord {
    SampleRecord {
        environment: "range".parse().unwrap(),
        check: check.parse().unwrap(),
        name: "Database port".to_owned(),
        of: "primary-database".parse().unwrap(),
        failures: 3,
        plan: "abc".to_owned(),
        actor: "schedule".to_owned(),
        sample,
    }
}

/// Waits until something holds, for at most ten seconds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let since = std::time::Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
