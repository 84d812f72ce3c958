//! What is kept for speed though it follows from the entries: where each chain ends, and each check's health. It can be
//! dropped and rebuilt, and is then the same to the byte.
//!
//! A check's suspicion and latest sample stand beside its health. They follow from samples, which are telemetry, so
//! rebuilding leaves them as they are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::Sample,
    journal::{Fact, Hash},
    status::{CheckHealth, Health, HealthChange, Suspicion},
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, sqlite::SqliteConnection};
use uuid::Uuid;

use super::{
    JournalError,
    row::{entry_of, select_entries},
};
use crate::view::Rebuilt;

/// A check by environment and name, as text.
pub(super) type Key = (String, String);

/// The part of a health that follows from facts.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Standing {
    health: Health,
    since: Option<DateTime<Utc>>,
}

/// The part that follows from samples.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Telemetry {
    suspicion: Option<Suspicion>,
    last: Option<Sample>,
}

/// A health that a newer Lifeboat kept in another shape begins anew; the facts are not touched by that.
fn put_together(standing: Option<&str>, telemetry: Option<&str>) -> CheckHealth {
    let standing: Option<Standing> = standing.and_then(|body| serde_json::from_str(body).ok());
    let telemetry: Telemetry = telemetry.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let (health, since) = standing.map_or((Health::NotChecked, None), |standing| (standing.health, standing.since));
    CheckHealth { health, since, suspicion: telemetry.suspicion, last: telemetry.last }
}

/// The kept health of one check.
pub(super) async fn kept_health(connection: &mut SqliteConnection, key: &Key) -> Result<CheckHealth, JournalError> {
    let reading = |source| JournalError::store("read a kept health", source);
    let row = sqlx::query(
        "SELECT (SELECT body FROM health WHERE environment = ?1 AND check_id = ?2), \
         (SELECT body FROM suspicion WHERE environment = ?1 AND check_id = ?2)",
    )
    .bind(&key.0)
    .bind(&key.1)
    .fetch_one(connection)
    .await
    .map_err(reading)?;
    let body = |column: usize| row.try_get::<Option<String>, _>(column).map_err(reading);
    Ok(put_together(body(0)?.as_deref(), body(1)?.as_deref()))
}

/// Every kept health of an environment.
pub(super) async fn kept_healths(
    reader: &sqlx::SqlitePool,
    environment: &Id,
) -> Result<BTreeMap<Id, CheckHealth>, JournalError> {
    let rows = sqlx::query(
        "SELECT check_id, max(standing), max(telemetry) FROM (\
         SELECT check_id, body AS standing, NULL AS telemetry FROM health WHERE environment = ?1 UNION ALL \
         SELECT check_id, NULL, body FROM suspicion WHERE environment = ?1) GROUP BY check_id",
    )
    .bind(environment.as_str())
    .fetch_all(reader)
    .await
    .map_err(|source| JournalError::store("read its healths", source))?;
    let kept = rows.iter().filter_map(|row| {
        let check = row.try_get::<String, _>(0).ok()?.parse().ok()?;
        let body = |column: usize| row.try_get::<Option<String>, _>(column).ok().flatten();
        Some((check, put_together(body(1).as_deref(), body(2).as_deref())))
    });
    Ok(kept.collect())
}

/// Keeps what follows from a sample.
pub(super) async fn keep_suspicion(
    connection: &mut SqliteConnection,
    key: &Key,
    health: &CheckHealth,
) -> Result<(), JournalError> {
    let telemetry = Telemetry { suspicion: health.suspicion.clone(), last: health.last.clone() };
    sqlx::query(
        "INSERT INTO suspicion (environment, check_id, body) VALUES (?, ?, ?) \
         ON CONFLICT (environment, check_id) DO UPDATE SET body = excluded.body",
    )
    .bind(&key.0)
    .bind(&key.1)
    .bind(serde_json::to_string(&telemetry).map_err(JournalError::Fact)?)
    .execute(connection)
    .await
    .map_err(|source| JournalError::store("keep a suspicion", source))?;
    Ok(())
}

/// Keeps what follows from a change of health.
pub(super) async fn keep_health(
    connection: &mut SqliteConnection,
    key: &Key,
    change: &HealthChange,
) -> Result<(), JournalError> {
    let standing = Standing { health: change.to, since: Some(change.since) };
    sqlx::query(
        "INSERT INTO health (environment, check_id, body) VALUES (?, ?, ?) \
         ON CONFLICT (environment, check_id) DO UPDATE SET body = excluded.body",
    )
    .bind(&key.0)
    .bind(&key.1)
    .bind(serde_json::to_string(&standing).map_err(JournalError::Fact)?)
    .execute(connection)
    .await
    .map_err(|source| JournalError::store("keep a health", source))?;
    Ok(())
}

/// Keeps where a chain ends.
pub(super) async fn keep_head(
    connection: &mut SqliteConnection,
    device: Uuid,
    sequence: u64,
    head: Hash,
) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO head (device, sequence, hash) VALUES (?, ?, ?) \
         ON CONFLICT (device) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash",
    )
    .bind(device.as_bytes().as_slice())
    .bind(sequence as i64)
    .bind(head.0.as_slice())
    .execute(connection)
    .await
    .map_err(|source| JournalError::store("record the end of its chain", source))?;
    Ok(())
}

/// Drops every view and makes it anew from the entries.
pub(super) async fn rebuild(connection: &mut SqliteConnection) -> Result<Rebuilt, JournalError> {
    let rebuilding = |source| JournalError::store("rebuild what it keeps for speed", source);
    sqlx::raw_sql("DELETE FROM head; DELETE FROM health").execute(&mut *connection).await.map_err(rebuilding)?;
    let ends = sqlx::query(select_entries!(
        "WHERE place IN (SELECT place FROM (SELECT place, max(sequence) FROM entry GROUP BY device))"
    ))
    .fetch_all(&mut *connection)
    .await
    .map_err(rebuilding)?;
    let mut rebuilt = Rebuilt { chains: 0, healths: 0 };
    for end in ends.iter().filter_map(|row| entry_of(row).entry) {
        keep_head(connection, end.device, end.sequence, end.hash).await?;
        rebuilt.chains += 1;
    }
    // SQLite finds the newest of each check; what it means is read by the same types that wrote it.
    let changes = sqlx::query(select_entries!(
        "WHERE place IN (SELECT max(place) FROM entry WHERE kind = 'health-changed' \
         GROUP BY body ->> '$.environment', body ->> '$.check') ORDER BY place"
    ))
    .fetch_all(&mut *connection)
    .await
    .map_err(rebuilding)?;
    for entry in changes.iter().filter_map(|row| entry_of(row).entry) {
        if let Some(Fact::HealthChanged { environment, check, change, .. }) = Fact::from_parts(&entry.kind, &entry.body)
        {
            keep_health(connection, &(environment.to_string(), check.to_string()), &change).await?;
            rebuilt.healths += 1;
        }
    }
    Ok(rebuilt)
}
