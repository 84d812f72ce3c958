//! What is asked of a bucket itself: the settings that keep its objects from being lost.

use super::Otherwise;
use crate::plan::{
    id::Id,
    quantity::Period,
    read::{choice, kinds, table},
};

choice! {
    /// How firmly object lock holds.
    pub enum LockMode {
        /// Whoever has the right to may end it.
        Governance = "governance",
        /// Nobody may end it.
        Compliance = "compliance",
    }
}

choice! {
    /// A switch that keeps the public out of a bucket.
    pub enum PublicSwitch {
        /// New public access lists are refused.
        BlockPublicAcls = "block-public-acls",
        /// Public access lists are ignored.
        IgnorePublicAcls = "ignore-public-acls",
        /// Public policies are refused.
        BlockPublicPolicy = "block-public-policy",
        /// A public policy lets only the account itself in.
        RestrictPublicBuckets = "restrict-public-buckets",
    }
}

table! {
    /// The bucket is where it belongs.
    pub struct RegionExpectation {
        /// The region; absent means the endpoint's.
        pub is: Option<String>,
    }
}

table! {
    /// Objects keep their earlier versions.
    pub struct VersioningExpectation {
        /// Whether deleting a version also has to need a second factor.
        pub second_factor: bool = false,
    }
}

table! {
    /// New objects cannot be deleted for a while.
    pub struct ObjectLockExpectation {
        /// How firmly; absent means either way.
        pub mode: Option<LockMode>,
        /// For how long at least.
        pub at_least: Option<Period>,
    }
}

table! {
    /// Objects are copied to another bucket.
    pub struct ReplicationExpectation {
        /// The other bucket's name; absent means any.
        pub to: Option<String>,
    }
}

table! {
    /// The public is kept out.
    pub struct PublicAccessExpectation {
        /// Switches that may be off.
        pub except: Vec<PublicSwitch>,
    }
}

table! {
    /// Objects are encrypted where they lie.
    pub struct EncryptionExpectation {
        /// How, such as `AES256` or `aws:kms`; absent means any way.
        pub with: Option<String>,
    }
}

table! {
    /// No rule of the bucket deletes too soon.
    pub struct LifecycleExpectation {
        /// Nothing may be deleted sooner than this.
        pub keep: Period,
        /// Only rules that touch objects whose key begins so.
        pub prefix: String = String::new(),
    }
}

kinds! {
    /// A setting of a bucket.
    pub enum BucketAspect by BucketAspectKind {
        /// Where it is.
        Region(RegionExpectation) = "region",
        /// Earlier versions are kept.
        Versioning(VersioningExpectation) = "versioning",
        /// Objects cannot be deleted for a while.
        ObjectLock(ObjectLockExpectation) = "object-lock",
        /// Objects are copied elsewhere.
        Replication(ReplicationExpectation) = "replication",
        /// The public is kept out.
        PublicAccess(PublicAccessExpectation) = "public-access",
        /// Objects are encrypted.
        Encryption(EncryptionExpectation) = "encryption",
        /// Nothing is deleted too soon.
        Lifecycle(LifecycleExpectation) = "lifecycle",
    }
}

table! {
    /// What a setting of a bucket has to be.
    pub struct BucketExpectation {
        /// The verdict when it is not.
        pub otherwise: Otherwise = Otherwise::Outage,
    }
    with {
        /// The setting.
        pub aspect: BucketAspect,
    }
}

table! {
    /// `bucket`: it can be reached, and its settings keep its objects from being lost.
    pub struct BucketProbe {
        /// The bucket's endpoint.
        pub endpoint: Id,
        /// What its settings have to be.
        pub expect: Vec<BucketExpectation>,
    }
}
