//! What is asked of a bucket.

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
