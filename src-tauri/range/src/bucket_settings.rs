//! What the object store says of its buckets' settings, as a well-kept account has them: versions and a lock on
//! backups, the public kept out of both buckets. What nobody has set is answered as real stores do.

use std::sync::atomic::{AtomicBool, Ordering};

use s3s::{
    S3Result,
    dto::{
        BucketLocationConstraint, BucketVersioningStatus, DefaultRetention, GetBucketEncryptionOutput,
        GetBucketLifecycleConfigurationOutput, GetBucketLocationOutput, GetBucketReplicationOutput,
        GetBucketVersioningOutput, GetObjectLockConfigurationOutput, GetPublicAccessBlockOutput, HeadBucketOutput,
        ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
        PublicAccessBlockConfiguration,
    },
    s3_error,
};

use crate::data::BACKUPS;

/// Where the buckets are.
const REGION: &str = "eu-west-1";
/// Backups cannot be deleted for so many days.
const LOCKED: i32 = 30;

/// The settings that faults change.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The fault `versioning-suspended`.
    pub(crate) versioning_suspended: AtomicBool,
}

impl Settings {
    pub(crate) fn head_bucket(&self, _: &str) -> S3Result<HeadBucketOutput> {
        Ok(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..HeadBucketOutput::default() })
    }

    pub(crate) fn get_bucket_location(&self, _: &str) -> S3Result<GetBucketLocationOutput> {
        let location_constraint = Some(BucketLocationConstraint::from(REGION.to_owned()));
        Ok(GetBucketLocationOutput { location_constraint })
    }

    pub(crate) fn get_bucket_versioning(&self, bucket: &str) -> S3Result<GetBucketVersioningOutput> {
        let status = match (bucket, self.versioning_suspended.load(Ordering::Relaxed)) {
            (BACKUPS, false) => Some(BucketVersioningStatus::ENABLED),
            (BACKUPS, true) => Some(BucketVersioningStatus::SUSPENDED),
            _ => None,
        };
        let status = status.map(BucketVersioningStatus::from_static);
        Ok(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() })
    }

    pub(crate) fn get_object_lock_configuration(&self, bucket: &str) -> S3Result<GetObjectLockConfigurationOutput> {
        if bucket != BACKUPS {
            return Err(s3_error!(ObjectLockConfigurationNotFoundError));
        }
        let retention = DefaultRetention {
            days: Some(LOCKED),
            mode: Some(ObjectLockRetentionMode::from_static(ObjectLockRetentionMode::GOVERNANCE)),
            years: None,
        };
        let object_lock_configuration = Some(ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
            rule: Some(ObjectLockRule { default_retention: Some(retention) }),
        });
        Ok(GetObjectLockConfigurationOutput { object_lock_configuration })
    }

    pub(crate) fn get_public_access_block(&self, _: &str) -> S3Result<GetPublicAccessBlockOutput> {
        let public_access_block_configuration = Some(PublicAccessBlockConfiguration {
            block_public_acls: Some(true),
            block_public_policy: Some(true),
            ignore_public_acls: Some(true),
            restrict_public_buckets: Some(true),
        });
        Ok(GetPublicAccessBlockOutput { public_access_block_configuration })
    }

    pub(crate) fn get_bucket_replication(&self, _: &str) -> S3Result<GetBucketReplicationOutput> {
        Err(s3_error!(ReplicationConfigurationNotFoundError))
    }

    pub(crate) fn get_bucket_encryption(&self, _: &str) -> S3Result<GetBucketEncryptionOutput> {
        Err(s3_error!(ServerSideEncryptionConfigurationNotFoundError))
    }

    pub(crate) fn get_bucket_lifecycle_configuration(
        &self,
        _: &str,
    ) -> S3Result<GetBucketLifecycleConfigurationOutput> {
        Err(s3_error!(NoSuchLifecycleConfiguration))
    }
}
