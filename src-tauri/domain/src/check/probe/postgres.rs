//! What is asked of PostgreSQL.

use super::Otherwise;
use crate::plan::{
    id::Id,
    quantity::{Period, Size},
    read::table,
};

table! {
    /// A question to a database with its one expected answer (first row, first column, as text).
    pub struct Question {
        /// The query; it is run in a read-only transaction.
        pub query: String,
        /// The answer expected.
        pub is: String,
        /// What another answer means, in words for the board.
        pub means: String,
        /// The verdict of another answer.
        pub otherwise: Otherwise = Otherwise::Outage,
    }
}

table! {
    /// `postgres`: connects, reads, and, where asked, proves that a write is made durable.
    pub struct PostgresProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// Whether to write a record to the log and have it flushed. Touches no table.
        pub write: bool = false,
        /// Questions whose answers the plan knows.
        pub questions: Vec<Question>,
    }
}

table! {
    /// `postgres-replication`: the standby streams, and is not far behind.
    pub struct PostgresReplicationProbe {
        /// The standby's endpoint.
        pub endpoint: Id,
        /// The primary's endpoint, so that bytes behind can be told from the primary's own position.
        pub primary: Id,
        /// Degraded when further behind than this.
        pub degraded_behind: Period = Period::from_secs(60),
        /// Outage when further behind than this.
        pub outage_behind: Period = Period::from_secs(3_600),
        /// Degraded when more bytes are missing than this.
        pub degraded_bytes: Size = Size::from_bytes(64 << 20),
    }
}

table! {
    /// `postgres-archive`: finished log segments reach the archive.
    pub struct PostgresArchiveProbe {
        /// The primary's endpoint.
        pub endpoint: Id,
        /// Outage when written log has waited for the archive longer than this.
        pub max_age: Period,
    }
}
