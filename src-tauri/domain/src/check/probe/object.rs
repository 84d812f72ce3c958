//! What is asked of the objects of a bucket.

use super::Otherwise;
use crate::plan::{
    id::Id,
    quantity::{Period, Size},
    read::table,
};

table! {
    /// `object-newest`: the newest object under a prefix, over all pages, is young and large enough.
    pub struct ObjectNewestProbe {
        /// The bucket's endpoint.
        pub endpoint: Id,
        /// Only objects whose key begins so.
        pub prefix: String = String::new(),
        /// Only objects whose key ends so.
        pub suffix: String = String::new(),
        /// Outage when the newest is older than this.
        pub max_age: Period,
        /// Degraded when the newest is older than this.
        pub degraded_age: Option<Period>,
        /// Outage when the newest is smaller than this: an empty backup is no backup.
        pub min_size: Size = Size::from_bytes(1),
    }
}

table! {
    /// `object-sample`: objects drawn by chance are read whole and are what the database's rows say.
    pub struct ObjectSampleProbe {
        /// The bucket's endpoint.
        pub endpoint: Id,
        /// The endpoint of the database that describes the objects.
        pub database: Id,
        /// Only objects whose key begins so.
        pub prefix: String = String::new(),
        /// Only objects whose key ends so.
        pub suffix: String = String::new(),
        /// How many objects are drawn, over all pages of the list; as many rows are drawn with `rows`.
        pub sample: u32 = 10,
        /// The rows of the keys `$1`, a list of texts, with columns `key`, `size` and, where known, `sha256`, `md5`, `etag`.
        /// It is run in a read-only transaction.
        pub query: String,
        /// Keys of `$1` rows drawn by chance, so that a row whose object is gone can be found.
        pub rows: Option<String>,
        /// Objects younger than this are not drawn: their rows may not be written yet.
        pub settled: Period = Period::from_secs(300),
        /// Objects up to this size are read whole; of larger ones pieces are, and their size is compared.
        pub whole: Size = Size::from_bytes(16 << 20),
        /// The verdict of an object that is gone or differs from its row.
        pub otherwise: Otherwise = Otherwise::Outage,
        /// The verdict of an object without a row: nothing is lost, but nobody knows of it.
        pub without_row: Otherwise = Otherwise::Degraded,
    }
}
