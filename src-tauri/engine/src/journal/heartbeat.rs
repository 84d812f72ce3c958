//! Beats of jobs that report by themselves. Of each job the newest is kept; like samples they are no evidence.
//!
//! A beat is one row that nothing else hangs on, so it does not wait in the writer's line.

use chrono::{DateTime, SubsecRound, Utc};
use lifeboat_domain::{Id, check::judge::Beat, problem::Problem};
use sqlx::{
    Connection, Row,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous},
};

use super::{Journal, JournalError, store};

impl Journal {
    /// Keeps a beat of now: that a job went well, or what went wrong.
    pub(crate) async fn beat(&self, environment: &Id, check: &Id, failed: Option<String>) -> Result<Beat, Problem> {
        if let Some(problem) = self.read_only() {
            return Err(problem);
        }
        let at = (self.shared.opening.clock)().trunc_subsecs(6);
        let good = failed.is_none().then_some(at.timestamp_micros());
        let keeping = |source| JournalError::store("keep a heartbeat", source);
        let options = SqliteConnectOptions::new()
            .filename(store::file_of(&self.shared.opening.home))
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(self.shared.opening.patience);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(keeping)?;
        let row = sqlx::query(
            "INSERT INTO heartbeat (environment, check_id, at_us, failed, good_us) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (environment, check_id) DO UPDATE SET at_us = excluded.at_us, failed = excluded.failed, \
             good_us = coalesce(excluded.good_us, good_us) RETURNING good_us",
        )
        .bind(environment.as_str())
        .bind(check.as_str())
        .bind(at.timestamp_micros())
        .bind(&failed)
        .bind(good)
        .fetch_one(&mut connection)
        .await
        .map_err(keeping)?;
        let good_at = row.get::<Option<i64>, _>(0).and_then(DateTime::from_timestamp_micros);
        connection.close().await.map_err(keeping)?;
        Ok(Beat { at, failed, good_at })
    }

    /// The newest beat of a job, if one was ever heard.
    pub(crate) async fn heard(&self, environment: &Id, check: &Id) -> Result<Option<Beat>, JournalError> {
        let reader = self.shared.reader()?;
        let row = sqlx::query("SELECT at_us, failed, good_us FROM heartbeat WHERE environment = ? AND check_id = ?")
            .bind(environment.as_str())
            .bind(check.as_str())
            .fetch_optional(&reader)
            .await
            .map_err(|source| JournalError::store("read its heartbeats", source))?;
        let time = |micros: i64| DateTime::<Utc>::from_timestamp_micros(micros);
        Ok(row.and_then(|row| {
            let at = time(row.try_get(0).ok()?)?;
            let good_at = row.try_get::<Option<i64>, _>(2).ok()?.and_then(time);
            Some(Beat { at, failed: row.try_get(1).ok()?, good_at })
        }))
    }
}
