//! Circuit breakers as they last stood: one row for each provider, replaced whole. Like beats they are no evidence; what
//! changed is a fact beside it.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    provider::{BreakerMemory, BreakerPhase, Forced},
};
use sqlx::{
    Connection, Row,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteSynchronous},
};

use super::{Journal, JournalError, store};

/// A breaker as it stood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptBreaker {
    /// What it had seen.
    pub(crate) memory: BreakerMemory,
    /// Who forced it: `person:NAME`.
    pub(crate) forced_by: Option<String>,
    /// Why it stands as it does.
    pub(crate) reason: String,
    /// Since when it is in its phase.
    pub(crate) since: DateTime<Utc>,
    /// When that was written down.
    pub(crate) changed: DateTime<Utc>,
}

impl Journal {
    /// Keeps how a breaker stands.
    pub(crate) async fn keep_breaker(
        &self,
        environment: &Id,
        provider: &Id,
        kept: &KeptBreaker,
    ) -> Result<(), JournalError> {
        if self.read_only().is_some() {
            return Ok(());
        }
        let keeping = |source| JournalError::store("keep a circuit breaker", source);
        // Lost in a power cut it costs a few failures more, so it does not wait for the disk.
        let options = SqliteConnectOptions::new()
            .filename(store::file_of(&self.shared.opening.home))
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(self.shared.opening.patience);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(keeping)?;
        sqlx::query("INSERT OR REPLACE INTO breaker VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(environment.as_str())
            .bind(provider.as_str())
            .bind(kept.memory.phase.word())
            .bind(kept.memory.count)
            .bind(i64::try_from(kept.memory.left.as_micros()).unwrap_or(i64::MAX))
            .bind(kept.memory.forced.map(Forced::word))
            .bind(&kept.forced_by)
            .bind(&kept.reason)
            .bind(kept.since.timestamp_micros())
            .bind(kept.changed.timestamp_micros())
            .execute(&mut connection)
            .await
            .map_err(keeping)?;
        connection.close().await.map_err(keeping)
    }

    /// The breakers of an environment as they last stood, by provider. A row nobody understands is left out.
    pub(crate) async fn breakers(&self, environment: &Id) -> Result<BTreeMap<Id, KeptBreaker>, JournalError> {
        let reader = self.shared.reader()?;
        let rows = sqlx::query(
            "SELECT provider, phase, count, left_us, forced, forced_by, reason, since_us, changed_us FROM breaker \
             WHERE environment = ?",
        )
        .bind(environment.as_str())
        .fetch_all(&reader)
        .await
        .map_err(|source| JournalError::store("read its circuit breakers", source))?;
        Ok(rows.iter().filter_map(kept).collect())
    }
}

fn kept(row: &SqliteRow) -> Option<(Id, KeptBreaker)> {
    let time = |column: usize| row.try_get(column).ok().and_then(DateTime::from_timestamp_micros);
    let phase = match row.try_get(1).ok()? {
        "closed" => BreakerPhase::Closed,
        "open" => BreakerPhase::Open,
        "half-open" => BreakerPhase::HalfOpen,
        _ => return None,
    };
    let forced = match row.try_get::<Option<&str>, _>(4).ok()? {
        Some("open") => Some(Forced::Open),
        Some("closed") => Some(Forced::Closed),
        Some(_) | None => None,
    };
    let left = u64::try_from(row.try_get::<i64, _>(3).ok()?).unwrap_or(0);
    let memory = BreakerMemory { phase, count: row.try_get(2).ok()?, left: Duration::from_micros(left), forced };
    let breaker = KeptBreaker {
        memory,
        forced_by: row.try_get(5).ok()?,
        reason: row.try_get(6).ok()?,
        since: time(7)?,
        changed: time(8)?,
    };
    Some((row.try_get::<&str, _>(0).ok()?.parse().ok()?, breaker))
}
