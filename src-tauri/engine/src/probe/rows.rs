//! Rows of a database in the plan author's own words, as JSON: read-only, with bound values.

use lifeboat_domain::{Id, check::judge::CouldNot};
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{
    Attempt,
    network::innermost,
    postgres::{begin_reading, connect},
    session::{Session, column, fault},
};

/// A connection for reading. Nothing is held open between two queries.
pub(super) struct Reader(Session);

impl Reader {
    pub(super) async fn open(attempt: &Attempt<'_>, endpoint: &Id) -> Result<Self, CouldNot> {
        connect(attempt, endpoint).await.map(Self)
    }

    /// The first column of the rows of a query that takes how many as `$1`, as text.
    pub(super) async fn keys(
        &mut self,
        attempt: &Attempt<'_>,
        query: &str,
        most: u32,
    ) -> Result<Vec<String>, CouldNot> {
        let wrapped = format!("select asked.lifeboat_key::text from (\n{}\n) as asked (lifeboat_key)", single(query));
        let rows = self.all(attempt, &wrapped, (&i64::from(most), Type::INT8)).await?;
        let keys: Result<Vec<Option<String>>, CouldNot> = rows.iter().map(|row| column(row, 0)).collect();
        Ok(keys?.into_iter().flatten().collect())
    }

    /// The rows of a query that takes a list of texts as `$1`.
    pub(super) async fn rows(
        &mut self,
        attempt: &Attempt<'_>,
        query: &str,
        keys: &[String],
    ) -> Result<Vec<Value>, CouldNot> {
        let wrapped = format!("select to_jsonb(asked)::text from (\n{}\n) as asked", single(query));
        let rows = self.all(attempt, &wrapped, (&keys, Type::TEXT_ARRAY)).await?;
        let read = |row| {
            let text: &str = column(row, 0)?;
            serde_json::from_str(text).map_err(|error| CouldNot::Garbled(innermost(&error)))
        };
        rows.iter().map(read).collect()
    }

    // Where SQL is not ours: the plan's author writes it, for this very database. The transaction is read-only, and
    // the extended protocol takes a single statement, so none can be smuggled in behind.
    async fn all(
        &mut self,
        attempt: &Attempt<'_>,
        query: &str,
        parameter: (&(dyn ToSql + Sync), Type),
    ) -> Result<Vec<Row>, CouldNot> {
        let fault = |error| fault(attempt, &error);
        begin_reading(attempt, &mut self.0).await.map_err(fault)?;
        let rows = self.0.rows(query, &[parameter]).await.map_err(fault)?;
        self.0.execute("rollback").await.map_err(fault)?;
        Ok(rows)
    }

    pub(super) async fn close(self) {
        self.0.leave().await;
    }
}

fn single(query: &str) -> &str {
    query.trim_end_matches([';', ' ', '\n', '\t', '\r'])
}
