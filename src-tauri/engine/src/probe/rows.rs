//! Rows of a database in the plan author's own words, as JSON: read-only, with bound values.

use lifeboat_domain::{Id, check::judge::CouldNot};
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{Attempt, postgres};

/// A connection for reading. Nothing is held open between two queries.
pub(super) struct Reader(PgConnection);

impl Reader {
    pub(super) async fn open(attempt: &Attempt<'_>, endpoint: &Id) -> Result<Self, CouldNot> {
        postgres::connect(attempt, endpoint).await.map(Self)
    }

    /// The first column of the rows of a query that takes how many as `$1`, as text.
    pub(super) async fn keys(
        &mut self,
        attempt: &Attempt<'_>,
        query: &str,
        most: u32,
    ) -> Result<Vec<String>, CouldNot> {
        let wrapped = format!("select asked.lifeboat_key::text from (\n{}\n) as asked (lifeboat_key)", single(query));
        let query = sqlx::query(AssertSqlSafe(wrapped)).bind(i64::from(most));
        self.all(attempt, query, |row| row.try_get::<Option<String>, _>(0))
            .await
            .map(|keys| keys.into_iter().flatten().collect())
    }

    /// The rows of a query that takes a list of texts as `$1`.
    pub(super) async fn rows(
        &mut self,
        attempt: &Attempt<'_>,
        query: &str,
        keys: &[String],
    ) -> Result<Vec<Value>, CouldNot> {
        let wrapped = format!("select to_jsonb(asked) from (\n{}\n) as asked", single(query));
        let query = sqlx::query(AssertSqlSafe(wrapped)).bind(keys);
        self.all(attempt, query, |row| row.try_get(0)).await
    }

    // Where SQL is not ours: the plan's author writes it, for this very database. The transaction is read-only, and
    // the extended protocol takes a single statement, so none can be smuggled in behind.
    async fn all<T>(
        &mut self,
        attempt: &Attempt<'_>,
        query: Query<'_, Postgres, PgArguments>,
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, CouldNot> {
        let fault = |error| postgres::fault(attempt, &error);
        postgres::begin_reading(attempt, &mut self.0).await.map_err(fault)?;
        let rows = query.persistent(false).fetch_all(&mut self.0).await.map_err(fault)?;
        postgres::execute(&mut self.0, "rollback").await.map_err(fault)?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(fault)
    }

    pub(super) async fn close(self) {
        postgres::leave(self.0).await;
    }
}

fn single(query: &str) -> &str {
    query.trim_end_matches([';', ' ', '\n', '\t', '\r'])
}
