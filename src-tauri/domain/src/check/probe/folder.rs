//! What is asked of a folder of this computer.

use crate::{
    check::Verdict,
    plan::{
        id::Id,
        quantity::{Period, Size},
        read::{choice, table},
    },
};

choice! {
    /// The verdict of a folder that is not there.
    pub enum WithoutFolder {
        /// The check is an outage.
        Outage = "outage",
        /// The check is degraded.
        Degraded = "degraded",
        /// Nothing is known: the folder belongs to another computer.
        Unknown = "unknown",
    }
}

impl From<WithoutFolder> for Verdict {
    fn from(without: WithoutFolder) -> Self {
        match without {
            WithoutFolder::Outage => Self::Outage,
            WithoutFolder::Degraded => Self::Degraded,
            WithoutFolder::Unknown => Self::Unknown,
        }
    }
}

table! {
    /// `file-newest`: the newest file below a folder is young and large enough.
    pub struct FileNewestProbe {
        /// The folder's endpoint.
        pub endpoint: Id,
        /// Only files whose name begins so.
        pub prefix: String = String::new(),
        /// Only files whose name ends so.
        pub suffix: String = String::new(),
        /// Outage when the newest is older than this.
        pub max_age: Period,
        /// Degraded when the newest is older than this.
        pub degraded_age: Option<Period>,
        /// Outage when the newest is smaller than this: an empty backup is no backup.
        pub min_size: Size = Size::from_bytes(1),
        /// The verdict of a folder that is not there.
        pub without_folder: WithoutFolder = WithoutFolder::Outage,
    }
}
