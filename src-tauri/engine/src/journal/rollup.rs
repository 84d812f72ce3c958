//! Samples are rolled up beside the writing, in the order in which they arrived: each pass takes those that have come
//! since the last, and moves its mark in the same transaction. So each is in the roll-ups exactly once, wherever a
//! program is killed. What a roll-up is, and how long it is kept, is the domain's.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::{Sample, Verdict},
    status::rollup::{Grain, Rollup, SAMPLES_KEPT, VerdictCounts},
};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};
use sqlx::Row as _;

use super::{Journal, JournalError};

/// The most samples of one pass, so that nobody who writes waits long.
const PASS: i64 = 10_000;

/// Which roll-up: grain, environment, check, beginning.
type Key = (Grain, String, String, i64);

/// Rolls up what has come since the last pass; answers whether more is waiting.
pub(super) fn roll(connection: &mut Connection) -> Result<bool, JournalError> {
    try_roll(connection).map_err(|source| JournalError::store("roll samples up", source))
}

fn try_roll(connection: &mut Connection) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mark: Option<i64> = transaction.query_row("SELECT place FROM rolled", [], |row| row.get(0)).optional()?;
    let mut rolled: BTreeMap<Key, Rollup> = BTreeMap::new();
    let (mut last, mut passed) = (None, 0);
    {
        let mut waiting = transaction.prepare_cached(
            "SELECT place, at_us, latency_ms, verdict, environment, check_id FROM sample WHERE place > ? \
             ORDER BY place LIMIT ?",
        )?;
        let mut rows = waiting.query([mark.unwrap_or(0), PASS])?;
        while let Some(row) = rows.next()? {
            (last, passed) = (Some(row.get::<_, i64>(0)?), passed + 1);
            // Telemetry that is damaged is left out, and keeps nobody from writing.
            let (Some(sample), Ok(environment), Ok(check)) =
                (bare(row), row.get::<_, String>(4), row.get::<_, String>(5))
            else {
                continue;
            };
            for grain in Grain::ALL {
                let key = (grain, environment.clone(), check.clone(), grain.begin(sample.at));
                rolled.entry(key).or_default().add(&sample);
            }
        }
    }
    let Some(last) = last else { return Ok(false) };
    for (key, new) in &rolled {
        let mut whole = read(&transaction, key)?;
        whole.merge(new);
        write(&transaction, key, &whole)?;
    }
    transaction.execute(
        "INSERT INTO rolled (singleton, place) VALUES (1, ?) ON CONFLICT DO UPDATE SET place = excluded.place",
        [last],
    )?;
    transaction.commit()?;
    Ok(passed == PASS)
}

/// Removes old samples that are rolled up, and old roll-ups. Of each check the newest sample that was not operational
/// stays, because its answer is still asked for, and of all the last, because the mark is told by its place.
pub(super) fn prune(connection: &Connection, now: DateTime<Utc>) -> Result<u64, JournalError> {
    try_prune(connection, now).map_err(|source| JournalError::store("remove old samples", source))
}

fn try_prune(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<u64> {
    let oldest = now - SAMPLES_KEPT.to_delta();
    let samples = connection.execute(
        "DELETE FROM sample WHERE at_us < ? AND place <= coalesce((SELECT place FROM rolled), 0) \
         AND place < (SELECT max(place) FROM sample) AND place NOT IN \
         (SELECT max(place) FROM sample WHERE verdict <> 'operational' GROUP BY environment, check_id)",
        [oldest.timestamp_micros()],
    )?;
    for grain in Grain::ALL {
        let oldest = grain.begin(now - grain.kept().to_delta());
        connection.execute("DELETE FROM rollup WHERE grain = ? AND begin_s < ?", (grain.word(), oldest))?;
    }
    Ok(samples as u64)
}

fn read(connection: &Connection, (grain, environment, check, begin): &Key) -> rusqlite::Result<Rollup> {
    let mut known = connection
        .prepare_cached("SELECT * FROM rollup WHERE grain = ? AND environment = ? AND check_id = ? AND begin_s = ?")?;
    let known = known.query_row((grain.word(), environment, check, begin), |row| Ok(rollup_of(row))).optional()?;
    Ok(known.unwrap_or_default())
}

fn write(
    connection: &Connection,
    (grain, environment, check, begin): &Key,
    rollup: &Rollup,
) -> rusqlite::Result<usize> {
    let steps: Vec<(&u16, &u32)> = rollup.steps.iter().collect();
    let whole = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    connection.prepare_cached("INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute((
        grain.word(),
        environment,
        check,
        begin,
        rollup.verdicts.operational,
        rollup.verdicts.degraded,
        rollup.verdicts.outage,
        rollup.verdicts.unknown,
        whole(rollup.latency_sum_us),
        rollup.latency_min_us.map(whole),
        rollup.latency_max_us.map(whole),
        serde_json::to_string(&steps).unwrap_or_default(),
    ))
}

fn rollup_of(row: &Row<'_>) -> Rollup {
    let us = |name: &str| row.get::<_, Option<i64>>(name).ok().flatten().and_then(|us| u64::try_from(us).ok());
    let count = |name: &str| row.get::<_, u32>(name).unwrap_or(0);
    let steps: Vec<(u16, u32)> =
        row.get("steps").ok().and_then(|text: String| serde_json::from_str(&text).ok()).unwrap_or_default();
    Rollup {
        verdicts: VerdictCounts {
            operational: count("operational"),
            degraded: count("degraded"),
            outage: count("outage"),
            unknown: count("unknown"),
        },
        latency_sum_us: us("latency_sum_us").unwrap_or(0),
        latency_min_us: us("latency_min_us"),
        latency_max_us: us("latency_max_us"),
        steps: steps.into_iter().collect(),
    }
}

/// As much of a sample as a roll-up needs.
fn bare(row: &Row<'_>) -> Option<Sample> {
    let verdict: String = row.get("verdict").ok()?;
    Some(Sample {
        at: DateTime::from_timestamp_micros(row.get("at_us").ok()?)?,
        latency_ms: row.get("latency_ms").ok()?,
        verdict: serde_json::from_value::<Verdict>(verdict.into()).ok()?,
        reason: String::new(),
        measurements: Vec::new(),
        answer: None,
        fault: None,
    })
}

/// The roll-ups of a check since where one begins; the samples not yet in them included.
fn rollups(
    connection: &mut Connection,
    (grain, environment, check, from): &Key,
) -> rusqlite::Result<BTreeMap<i64, Rollup>> {
    // One transaction, so that no sample moves from the rest to the roll-ups between the two questions.
    let transaction = connection.transaction()?;
    let mut rollups: BTreeMap<i64, Rollup> = BTreeMap::new();
    let mut known = transaction
        .prepare("SELECT * FROM rollup WHERE grain = ? AND environment = ? AND check_id = ? AND begin_s >= ?")?;
    let mut rows = known.query((grain.word(), environment, check, from))?;
    while let Some(row) = rows.next()? {
        if let Ok(begin) = row.get("begin_s") {
            rollups.insert(begin, rollup_of(row));
        }
    }
    let mut rest = transaction.prepare(
        "SELECT at_us, latency_ms, verdict FROM sample WHERE environment = ? AND check_id = ? AND at_us >= ? \
         AND place > coalesce((SELECT place FROM rolled), 0)",
    )?;
    let mut rows = rest.query((environment, check, from.saturating_mul(1_000_000)))?;
    while let Some(row) = rows.next()? {
        if let Some(sample) = bare(row) {
            rollups.entry(grain.begin(sample.at)).or_default().add(&sample);
        }
    }
    Ok(rollups)
}

impl Journal {
    /// The roll-ups of a check since an instant, by where they begin; the samples not yet in them included.
    pub(crate) async fn rollups(
        &self,
        environment: &Id,
        check: &Id,
        grain: Grain,
        since: DateTime<Utc>,
    ) -> Result<BTreeMap<i64, Rollup>, JournalError> {
        let reach = self.shared.reach()?;
        let path = reach.path().to_owned();
        let key = (grain, environment.to_string(), check.to_string(), grain.begin(since));
        let read = tokio::task::spawn_blocking(move || {
            rollups(&mut reach.open()?, &key).map_err(|source| JournalError::store("read its roll-ups", source))
        });
        read.await.unwrap_or_else(|error| Err(JournalError::cut_off(path, error)))
    }

    /// How large its file is, with what SQLite keeps beside it.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |suffix: &str| {
            let mut path = super::store::file_of(&self.shared.opening.home).into_os_string();
            path.push(suffix);
            std::fs::metadata(path).map_or(0, |file| file.len())
        };
        size("") + size("-wal") + size("-shm")
    }

    /// How many samples and roll-ups are kept.
    pub(crate) async fn kept(&self) -> Result<(u64, u64), JournalError> {
        let reader = self.shared.reader()?;
        let row =
            sqlx::query("SELECT (SELECT count(*) FROM sample) AS samples, (SELECT count(*) FROM rollup) AS rollups")
                .fetch_one(&reader)
                .await
                .map_err(|source| JournalError::store("count its samples", source))?;
        Ok((row.get::<i64, _>("samples").unsigned_abs(), row.get::<i64, _>("rollups").unsigned_abs()))
    }
}
