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
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

use super::{Journal, JournalError};

/// The most samples of one pass, so that nobody who writes waits long.
const PASS: i64 = 10_000;

/// Which roll-up: grain, environment, check, beginning.
type Key = (Grain, String, String, i64);

/// Rolls up what has come since the last pass; answers whether more is waiting.
pub(super) async fn roll(connection: &mut SqliteConnection) -> Result<bool, JournalError> {
    let failed = |source| JournalError::store("roll samples up", source);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let mark: Option<i64> =
        sqlx::query_scalar("SELECT place FROM rolled").fetch_optional(&mut *transaction).await.map_err(failed)?;
    let rows = sqlx::query(
        "SELECT place, environment, check_id, at_us, latency_ms, verdict FROM sample WHERE place > ? \
         ORDER BY place LIMIT ?",
    )
    .bind(mark.unwrap_or(0))
    .bind(PASS)
    .fetch_all(&mut *transaction)
    .await
    .map_err(failed)?;
    let Some(last) = rows.last().map(|row| row.get::<i64, _>("place")) else { return Ok(false) };
    let mut rolled: BTreeMap<Key, Rollup> = BTreeMap::new();
    for row in &rows {
        let Some(sample) = bare(row) else { continue };
        // Telemetry that is damaged is left out, and keeps nobody from writing.
        let names = (row.try_get::<String, _>("environment"), row.try_get::<String, _>("check_id"));
        let (Ok(environment), Ok(check)) = names else { continue };
        for grain in Grain::ALL {
            let key = (grain, environment.clone(), check.clone(), grain.begin(sample.at));
            rolled.entry(key).or_default().add(&sample);
        }
    }
    for (key, new) in &rolled {
        let mut whole = read(&mut transaction, key).await.map_err(failed)?;
        whole.merge(new);
        write(&mut transaction, key, &whole).await.map_err(failed)?;
    }
    sqlx::query("INSERT INTO rolled (singleton, place) VALUES (1, ?) ON CONFLICT DO UPDATE SET place = excluded.place")
        .bind(last)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(rows.len() as i64 == PASS)
}

/// Removes old samples that are rolled up, and old roll-ups. Of each check the newest sample that was not operational
/// stays, because its answer is still asked for, and of all the last, because the mark is told by its place.
pub(super) async fn prune(connection: &mut SqliteConnection, now: DateTime<Utc>) -> Result<u64, JournalError> {
    let failed = |source| JournalError::store("remove old samples", source);
    let oldest = now - SAMPLES_KEPT.to_delta();
    let samples = sqlx::query(
        "DELETE FROM sample WHERE at_us < ? AND place <= coalesce((SELECT place FROM rolled), 0) \
         AND place < (SELECT max(place) FROM sample) AND place NOT IN \
         (SELECT max(place) FROM sample WHERE verdict <> 'operational' GROUP BY environment, check_id)",
    )
    .bind(oldest.timestamp_micros())
    .execute(&mut *connection)
    .await
    .map_err(failed)?;
    for grain in Grain::ALL {
        sqlx::query("DELETE FROM rollup WHERE grain = ? AND begin_s < ?")
            .bind(grain.word())
            .bind(grain.begin(now - grain.kept().to_delta()))
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(samples.rows_affected())
}

async fn read(connection: &mut SqliteConnection, (grain, environment, check, begin): &Key) -> sqlx::Result<Rollup> {
    let row = sqlx::query("SELECT * FROM rollup WHERE grain = ? AND environment = ? AND check_id = ? AND begin_s = ?")
        .bind(grain.word())
        .bind(environment)
        .bind(check)
        .bind(begin)
        .fetch_optional(connection)
        .await?;
    Ok(row.as_ref().map(rollup_of).unwrap_or_default())
}

async fn write(
    connection: &mut SqliteConnection,
    (grain, environment, check, begin): &Key,
    rollup: &Rollup,
) -> sqlx::Result<()> {
    let steps: Vec<(&u16, &u32)> = rollup.steps.iter().collect();
    let whole = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    sqlx::query("INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(grain.word())
        .bind(environment)
        .bind(check)
        .bind(begin)
        .bind(rollup.verdicts.operational)
        .bind(rollup.verdicts.degraded)
        .bind(rollup.verdicts.outage)
        .bind(rollup.verdicts.unknown)
        .bind(whole(rollup.latency_sum_us))
        .bind(rollup.latency_min_us.map(whole))
        .bind(rollup.latency_max_us.map(whole))
        .bind(serde_json::to_string(&steps).unwrap_or_default())
        .execute(connection)
        .await?;
    Ok(())
}

fn rollup_of(row: &SqliteRow) -> Rollup {
    let us = |name: &str| row.try_get::<Option<i64>, _>(name).ok().flatten().and_then(|us| u64::try_from(us).ok());
    let count = |name: &str| row.try_get::<u32, _>(name).unwrap_or(0);
    let steps: Vec<(u16, u32)> =
        row.try_get("steps").ok().and_then(|text: String| serde_json::from_str(&text).ok()).unwrap_or_default();
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
fn bare(row: &SqliteRow) -> Option<Sample> {
    let verdict = row.try_get::<String, _>("verdict").ok()?;
    Some(Sample {
        at: DateTime::from_timestamp_micros(row.try_get("at_us").ok()?)?,
        latency_ms: row.try_get("latency_ms").ok()?,
        verdict: serde_json::from_value::<Verdict>(verdict.into()).ok()?,
        reason: String::new(),
        measurements: Vec::new(),
        answer: None,
        fault: None,
    })
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
        let failed = |source| JournalError::store("read its roll-ups", source);
        let reader = self.shared.reader()?;
        // One transaction, so that no sample moves from the rest to the roll-ups between the two questions.
        let mut transaction = reader.begin().await.map_err(failed)?;
        let from = grain.begin(since);
        let rows =
            sqlx::query("SELECT * FROM rollup WHERE grain = ? AND environment = ? AND check_id = ? AND begin_s >= ?")
                .bind(grain.word())
                .bind(environment.as_str())
                .bind(check.as_str())
                .bind(from)
                .fetch_all(&mut *transaction)
                .await
                .map_err(failed)?;
        let mut rollups: BTreeMap<i64, Rollup> =
            rows.iter().filter_map(|row| Some((row.try_get::<i64, _>("begin_s").ok()?, rollup_of(row)))).collect();
        let rest = sqlx::query(
            "SELECT at_us, latency_ms, verdict FROM sample WHERE environment = ? AND check_id = ? AND at_us >= ? \
             AND place > coalesce((SELECT place FROM rolled), 0)",
        )
        .bind(environment.as_str())
        .bind(check.as_str())
        .bind(from.saturating_mul(1_000_000))
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
        for sample in rest.iter().filter_map(bare) {
            rollups.entry(grain.begin(sample.at)).or_default().add(&sample);
        }
        Ok(rollups)
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
