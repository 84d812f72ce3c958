//! A bucket's settings, each asked for on its own.

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput,
    types::{
        BucketVersioningStatus, ExpirationStatus, LifecycleExpiration, LifecycleRule, MfaDeleteStatus,
        NoncurrentVersionExpiration, ObjectLockEnabled, ObjectLockRetentionMode, ReplicationConfiguration,
        ReplicationRuleStatus,
    },
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use chrono::DateTime;
use futures_util::future::join_all;
use lifeboat_domain::check::{
    BucketAspect, BucketProbe, LockMode, Outcome, PublicSwitch,
    judge::{self, BucketSetting, CouldNot, Deletion, DeletionRule, ObjectLock, ReplicationRule, VersioningState},
};

use super::{Attempt, Bucket, fault, open};

/// What stores answer when a setting was never made, which is an answer.
const NEVER_MADE: [&str; 5] = [
    "ObjectLockConfigurationNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration",
];

pub(crate) async fn bucket(attempt: &Attempt<'_>, probe: &BucketProbe) -> Result<Outcome, CouldNot> {
    let bucket = open(attempt, &probe.endpoint).await?;
    let head = bucket.client.head_bucket().bucket(bucket.name).send().await;
    let region = match &head {
        Ok(head) => head.bucket_region().map(str::to_owned),
        // A store that sends us to another region says to which.
        Err(error) => elsewhere(error),
    };
    let asked = match head {
        Ok(_) => {
            let mut asked = Vec::with_capacity(probe.expect.len());
            for wanted in &probe.expect {
                asked.push(ask(attempt, &bucket, &wanted.aspect, region.clone()));
            }
            join_all(asked).await
        }
        Err(error) => {
            let fault = fault(attempt, &error, "a bucket");
            let known = region.filter(|_| probe.expect.iter().any(|of| matches!(of.aspect, BucketAspect::Region(_))));
            let Some(region) = known else { return Err(fault) };
            let answer = |aspect: &BucketAspect| match aspect {
                BucketAspect::Region(_) => Ok(BucketSetting::Region(region.clone())),
                _ => Err(fault.clone()),
            };
            probe.expect.iter().map(|wanted| answer(&wanted.aspect)).collect()
        }
    };
    Ok(judge::bucket(probe, bucket.region, &asked))
}

fn elsewhere<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let response = error.raw_response().filter(|response| matches!(response.status().as_u16(), 301 | 307 | 400))?;
    response.headers().get("x-amz-bucket-region").map(str::to_owned)
}

async fn ask(
    attempt: &Attempt<'_>,
    bucket: &Bucket<'_>,
    aspect: &BucketAspect,
    region: Option<String>,
) -> Result<BucketSetting, CouldNot> {
    let (client, name) = (&bucket.client, bucket.name);
    match aspect {
        BucketAspect::Region(_) => {
            if let Some(region) = region {
                return Ok(BucketSetting::Region(region));
            }
            let told = client.get_bucket_location().bucket(name).send().await;
            let told = told.map_err(|error| fault(attempt, &error, "a bucket's region"))?;
            // The oldest region has no name here, and the next one its first name.
            Ok(BucketSetting::Region(match told.location_constraint().map_or("", |place| place.as_str()) {
                "" => "us-east-1".to_owned(),
                "EU" => "eu-west-1".to_owned(),
                region => region.to_owned(),
            }))
        }
        BucketAspect::Versioning(_) => {
            let told = client.get_bucket_versioning().bucket(name).send().await;
            let told = told.map_err(|error| fault(attempt, &error, "a bucket's versioning"))?;
            let state = match told.status() {
                Some(BucketVersioningStatus::Enabled) => VersioningState::On,
                Some(_) => VersioningState::Suspended,
                None => VersioningState::Off,
            };
            let second_factor = told.mfa_delete() == Some(&MfaDeleteStatus::Enabled);
            Ok(BucketSetting::Versioning { state, second_factor })
        }
        BucketAspect::ObjectLock(_) => {
            let told = client.get_object_lock_configuration().bucket(name).send().await;
            let told = made(attempt, told, "a bucket's object lock")?;
            let lock = told.and_then(|told| told.object_lock_configuration);
            let on = lock.filter(|lock| lock.object_lock_enabled() == Some(&ObjectLockEnabled::Enabled));
            Ok(BucketSetting::ObjectLock(on.map(|lock| ObjectLock { retention: retention(&lock) })))
        }
        BucketAspect::Replication(_) => {
            let told = client.get_bucket_replication().bucket(name).send().await;
            let told = made(attempt, told, "a bucket's replication")?.and_then(|told| told.replication_configuration);
            let rules = told.iter().flat_map(ReplicationConfiguration::rules).map(|rule| ReplicationRule {
                enabled: *rule.status() == ReplicationRuleStatus::Enabled,
                to: rule.destination().map_or("", |to| to.bucket()).rsplit(':').next().unwrap_or_default().to_owned(),
            });
            Ok(BucketSetting::Replication(rules.collect()))
        }
        BucketAspect::PublicAccess(_) => {
            let told = client.get_public_access_block().bucket(name).send().await;
            let told = made(attempt, told, "a bucket's public access")?;
            let Some(on) = told.and_then(|told| told.public_access_block_configuration) else {
                return Ok(BucketSetting::PublicAccess(Vec::new()));
            };
            let switches = [
                (PublicSwitch::BlockPublicAcls, on.block_public_acls()),
                (PublicSwitch::IgnorePublicAcls, on.ignore_public_acls()),
                (PublicSwitch::BlockPublicPolicy, on.block_public_policy()),
                (PublicSwitch::RestrictPublicBuckets, on.restrict_public_buckets()),
            ];
            let on = switches.into_iter().filter(|(_, on)| *on == Some(true)).map(|(switch, _)| switch);
            Ok(BucketSetting::PublicAccess(on.collect()))
        }
        BucketAspect::Encryption(_) => {
            let told = client.get_bucket_encryption().bucket(name).send().await;
            let told = made(attempt, told, "a bucket's encryption")?;
            let rules = told.and_then(|told| told.server_side_encryption_configuration).map(|told| told.rules);
            let with =
                rules.unwrap_or_default().into_iter().find_map(|rule| rule.apply_server_side_encryption_by_default);
            Ok(BucketSetting::Encryption(with.map(|with| with.sse_algorithm().as_str().to_owned())))
        }
        BucketAspect::Lifecycle(_) => {
            let told = client.get_bucket_lifecycle_configuration().bucket(name).send().await;
            let told = made(attempt, told, "a bucket's lifecycle")?;
            let rules = told.iter().flat_map(GetBucketLifecycleConfigurationOutput::rules).flat_map(deletions);
            Ok(BucketSetting::Lifecycle(rules.collect()))
        }
    }
}

/// A setting; nothing when it was never made.
fn made<T, E>(
    attempt: &Attempt<'_>,
    told: Result<T, SdkError<E, HttpResponse>>,
    wanted: &str,
) -> Result<Option<T>, CouldNot>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match told {
        Ok(told) => Ok(Some(told)),
        Err(error) => match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some(code) if NEVER_MADE.contains(&code) => Ok(None),
            _ => Err(fault(attempt, &error, wanted)),
        },
    }
}

fn retention(lock: &aws_sdk_s3::types::ObjectLockConfiguration) -> Option<(LockMode, u64)> {
    let retention = lock.rule()?.default_retention()?;
    let mode = match retention.mode()? {
        ObjectLockRetentionMode::Compliance => LockMode::Compliance,
        // Anything new is taken for the weaker one.
        _ => LockMode::Governance,
    };
    let days = retention.days().or_else(|| retention.years().map(|years| years.saturating_mul(365)))?;
    Some((mode, u64::try_from(days).unwrap_or(0)))
}

/// What an enabled rule deletes.
fn deletions(rule: &LifecycleRule) -> Vec<DeletionRule> {
    if *rule.status() != ExpirationStatus::Enabled {
        return Vec::new();
    }
    let filter = rule.filter();
    #[expect(deprecated, reason = "rules made long ago have their prefix there, and delete all the same")]
    let old = rule.prefix();
    let prefix = old
        .or_else(|| filter.and_then(|filter| filter.prefix()))
        .or_else(|| filter.and_then(|filter| filter.and()).and_then(|and| and.prefix()))
        .unwrap_or_default();
    let days = |days: i32| u64::try_from(days).unwrap_or(0);
    let expiration = rule.expiration();
    let found = [
        expiration.and_then(LifecycleExpiration::days).map(|after| Deletion::After(days(after))),
        expiration
            .and_then(LifecycleExpiration::date)
            .and_then(|date| DateTime::from_timestamp(date.secs(), 0))
            .map(Deletion::On),
        rule.noncurrent_version_expiration()
            .and_then(NoncurrentVersionExpiration::noncurrent_days)
            .map(|after| Deletion::VersionsAfter(days(after))),
    ];
    let named = |deletes| DeletionRule {
        name: rule.id().unwrap_or("without a name").to_owned(),
        prefix: prefix.to_owned(),
        deletes,
    };
    found.into_iter().flatten().map(named).collect()
}
