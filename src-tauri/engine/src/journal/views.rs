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
    status::{CheckHealth, Flapping, Health, HealthChange, Steps, Suspicion},
};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use uuid::Uuid;

use super::{
    JournalError,
    pen::{one, write},
    row::{EntryRow, entry_of, select_entries},
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
#[serde(default)]
struct Telemetry {
    suspicion: Option<Suspicion>,
    last: Option<Sample>,
    steps: Steps,
    /// While it flaps its changes are no facts, so the health of now stands here.
    unsteady: Option<Unsteady>,
}

/// A health whose changes are not told one by one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Unsteady {
    flapping: Flapping,
    health: Health,
    since: Option<DateTime<Utc>>,
}

/// A health that a newer Lifeboat kept in another shape begins anew; the facts are not touched by that.
fn put_together(standing: Option<&str>, telemetry: Option<&str>) -> CheckHealth {
    let standing: Option<Standing> = standing.and_then(|body| serde_json::from_str(body).ok());
    let telemetry: Telemetry = telemetry.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let Telemetry { suspicion, last, steps, unsteady } = telemetry;
    let (health, since, flapping) = match (unsteady, standing) {
        (Some(unsteady), _) => (unsteady.health, unsteady.since, Some(unsteady.flapping)),
        (None, Some(standing)) => (standing.health, standing.since, None),
        (None, None) => (Health::NotChecked, None, None),
    };
    CheckHealth { health, since, suspicion, last, flapping, steps }
}

/// The kept health of one check.
pub(super) fn kept_health(connection: &Connection, key: &Key) -> Result<CheckHealth, JournalError> {
    let both = "SELECT (SELECT body FROM health WHERE environment = ?1 AND check_id = ?2), \
                (SELECT body FROM suspicion WHERE environment = ?1 AND check_id = ?2)";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?));
    let kept = one(connection, "read a kept health", both, (&key.0, &key.1), read)?;
    let (standing, telemetry) = kept.unwrap_or_default();
    Ok(put_together(standing.as_deref(), telemetry.as_deref()))
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
pub(super) fn keep_telemetry(connection: &Connection, key: &Key, health: &CheckHealth) -> Result<(), JournalError> {
    let flapping = health.flapping.clone();
    let telemetry = Telemetry {
        suspicion: health.suspicion.clone(),
        last: health.last.clone(),
        steps: health.steps,
        unsteady: flapping.map(|flapping| Unsteady { flapping, health: health.health, since: health.since }),
    };
    let keep = "INSERT INTO suspicion (environment, check_id, body) VALUES (?, ?, ?) \
                ON CONFLICT (environment, check_id) DO UPDATE SET body = excluded.body";
    let body = serde_json::to_string(&telemetry).map_err(JournalError::Fact)?;
    write(connection, "keep a suspicion", keep, (&key.0, &key.1, body))
}

/// Keeps what follows from a change of health.
pub(super) fn keep_health(connection: &Connection, key: &Key, change: &HealthChange) -> Result<(), JournalError> {
    let standing = Standing { health: change.to, since: Some(change.since) };
    let keep = "INSERT INTO health (environment, check_id, body) VALUES (?, ?, ?) \
                ON CONFLICT (environment, check_id) DO UPDATE SET body = excluded.body";
    let body = serde_json::to_string(&standing).map_err(JournalError::Fact)?;
    write(connection, "keep a health", keep, (&key.0, &key.1, body))
}

/// Keeps where a chain ends.
pub(super) fn keep_head(connection: &Connection, device: Uuid, sequence: u64, head: Hash) -> Result<(), JournalError> {
    let keep = "INSERT INTO head (device, sequence, hash) VALUES (?, ?, ?) \
                ON CONFLICT (device) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash";
    let values = (device.as_bytes().as_slice(), sequence as i64, head.0.as_slice());
    write(connection, "record the end of its chain", keep, values)
}

/// Drops every view and every index and makes them anew from the tables.
pub(super) fn rebuild(connection: &Connection) -> Result<Rebuilt, JournalError> {
    let rebuilding = |source: rusqlite::Error| JournalError::store("rebuild what it keeps for speed", source);
    let all = |question: &str| -> rusqlite::Result<Vec<EntryRow>> {
        connection.prepare(question)?.query_map([], |row| Ok(entry_of(row)))?.collect()
    };
    connection.execute_batch("REINDEX; DELETE FROM head; DELETE FROM health").map_err(rebuilding)?;
    let ends = all(select_entries!(
        "WHERE place IN (SELECT place FROM (SELECT place, max(sequence) FROM entry GROUP BY device))"
    ));
    let mut rebuilt = Rebuilt { chains: 0, healths: 0 };
    for end in ends.map_err(rebuilding)?.into_iter().filter_map(|row| row.entry) {
        keep_head(connection, end.device, end.sequence, end.hash)?;
        rebuilt.chains += 1;
    }
    // SQLite finds the newest of each check; what it means is read by the same types that wrote it.
    let changes = all(select_entries!(
        "WHERE place IN (SELECT max(place) FROM entry WHERE kind IN ('health-changed', 'flapping-began', 'flapping-ended') \
         GROUP BY body ->> '$.environment', body ->> '$.check') ORDER BY place"
    ));
    for entry in changes.map_err(rebuilding)?.into_iter().filter_map(|row| row.entry) {
        if let Some(
            Fact::HealthChanged { environment, check, change, .. }
            | Fact::FlappingBegan { environment, check, change, .. }
            | Fact::FlappingEnded { environment, check, change, .. },
        ) = Fact::from_parts(&entry.kind, &entry.body)
        {
            keep_health(connection, &(environment.to_string(), check.to_string()), &change)?;
            rebuilt.healths += 1;
        }
    }
    Ok(rebuilt)
}
