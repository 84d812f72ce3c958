//! What a database is asked about its data and its size.

use super::Otherwise;
use crate::plan::{
    id::Id,
    quantity::{Percentage, Period, Size},
    read::table,
};

table! {
    /// `sql`: one query whose answer is known, run in a read-only transaction. The answer is the first column of the
    /// first row.
    pub struct SqlProbe {
        /// The database's endpoint.
        pub endpoint: Id,
        /// The query, a single statement.
        pub query: String,
        /// The answer has to be this, as text.
        pub is: Option<String>,
        /// The answer has to be a number from this.
        pub at_least: Option<f64>,
        /// The answer has to be a number up to this.
        pub at_most: Option<f64>,
        /// The answer has to be a time no longer ago than this.
        pub max_age: Option<Period>,
        /// So many rows at least.
        pub rows_at_least: Option<u64>,
        /// So many rows at most.
        pub rows_at_most: Option<u64>,
        /// What another answer means, in words for the board.
        pub means: Option<String>,
        /// The verdict of another answer.
        pub otherwise: Otherwise = Otherwise::Outage,
    }
}

/// In which form the answer to a query is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// As text.
    Text,
    /// As seconds since that time, by the server's clock; no more than this is wanted.
    Age(Period),
    /// As a number of rows; more than so many need not be counted.
    Rows(u64),
}

impl SqlProbe {
    /// In which form its answer is wanted.
    pub fn wanted(&self) -> Wanted {
        if let Some(limit) = self.max_age {
            return Wanted::Age(limit);
        }
        let bound = self.rows_at_least.max(self.rows_at_most);
        bound.map_or(Wanted::Text, |bound| Wanted::Rows(bound.saturating_add(1)))
    }

    /// Whether it would count so many rows that the server should be asked to count them.
    pub(crate) fn wanted_rows_are_too_many(&self) -> bool {
        matches!(self.wanted(), Wanted::Rows(bound) if bound > 1_000_001)
    }
}

table! {
    /// `postgres-size`: how large a database and its tables are, and how fast it grows. Partitions count for the table
    /// they belong to, and indexes and long values for theirs.
    pub struct PostgresSizeProbe {
        /// The database's endpoint.
        pub endpoint: Id,
        /// The largest the database may be.
        pub database_at_most: Option<Size>,
        /// The largest any of its tables may be.
        pub table_at_most: Option<Size>,
        /// The most it may grow in a day, told from the samples of the last one.
        pub growth_at_most: Option<Size>,
        /// The size of the disk all databases of the server are on. No server tells it by itself.
        pub disk: Option<Size>,
        /// How much of that disk has to be left.
        pub headroom: Option<Percentage>,
        /// The verdict when a limit is passed.
        pub otherwise: Otherwise = Otherwise::Degraded,
    }
}
