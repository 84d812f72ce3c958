//! What the object store says of its buckets' settings, as a well-kept account has them: versions and a lock on
//! backups, the public kept out of both buckets. What nobody has set is answered as real stores do.

use std::sync::atomic::{AtomicBool, Ordering};

use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        BucketLocationConstraint, BucketVersioningStatus, DefaultRetention, GetBucketEncryptionInput,
        GetBucketEncryptionOutput, GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
        GetBucketLocationInput, GetBucketLocationOutput, GetBucketReplicationInput, GetBucketReplicationOutput,
        GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectLockConfigurationInput,
        GetObjectLockConfigurationOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput, HeadBucketInput,
        HeadBucketOutput, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
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

#[async_trait::async_trait]
impl S3 for Settings {
    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let bucket_region = Some(REGION.to_owned());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(
        &self,
        _: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let location_constraint = Some(BucketLocationConstraint::from(REGION.to_owned()));
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        let status = match (request.input.bucket.as_str(), self.versioning_suspended.load(Ordering::Relaxed)) {
            (BACKUPS, false) => Some(BucketVersioningStatus::ENABLED),
            (BACKUPS, true) => Some(BucketVersioningStatus::SUSPENDED),
            _ => None,
        };
        let status = status.map(BucketVersioningStatus::from_static);
        Ok(S3Response::new(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() }))
    }

    async fn get_object_lock_configuration(
        &self,
        request: S3Request<GetObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<GetObjectLockConfigurationOutput>> {
        if request.input.bucket != BACKUPS {
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
        Ok(S3Response::new(GetObjectLockConfigurationOutput { object_lock_configuration }))
    }

    async fn get_public_access_block(
        &self,
        _: S3Request<GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
        let public_access_block_configuration = Some(PublicAccessBlockConfiguration {
            block_public_acls: Some(true),
            block_public_policy: Some(true),
            ignore_public_acls: Some(true),
            restrict_public_buckets: Some(true),
        });
        Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration }))
    }

    async fn get_bucket_replication(
        &self,
        _: S3Request<GetBucketReplicationInput>,
    ) -> S3Result<S3Response<GetBucketReplicationOutput>> {
        Err(s3_error!(ReplicationConfigurationNotFoundError))
    }

    async fn get_bucket_encryption(
        &self,
        _: S3Request<GetBucketEncryptionInput>,
    ) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
        Err(s3_error!(ServerSideEncryptionConfigurationNotFoundError))
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        _: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
        Err(s3_error!(NoSuchLifecycleConfiguration))
    }
}
