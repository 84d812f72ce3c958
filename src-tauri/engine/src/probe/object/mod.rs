//! Object stores: one client for everything that is asked of a bucket, and what its errors say.
//!
//! Nothing of this computer's own cloud settings is used: no profile, no environment, no metadata address.

mod bucket;
mod newest;
mod sample;

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
    types::Object,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use chrono::DateTime;
use lifeboat_domain::{
    Id,
    check::judge::{CouldNot, NewestObject, StoreRefusal},
    environment::Target,
};
use url::Url;

pub(super) use self::{bucket::bucket, newest::newest, sample::sample};
use super::{Attempt, Stage, network::innermost, store::Store, wrong_kind};

/// A bucket that can be asked.
struct Bucket<'a> {
    client: Client,
    name: &'a str,
    region: &'a str,
}

async fn open<'a>(attempt: &'a Attempt<'_>, endpoint: &Id) -> Result<Bucket<'a>, CouldNot> {
    let Target::Bucket { url, bucket, region, access_key, credential, private } = attempt.target(endpoint)? else {
        return Err(wrong_kind());
    };
    let address = match url {
        Some(url) => url.clone(),
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    let not_an_address = || CouldNot::NotBound(format!("not bound: \"{address}\" is not an address"));
    let parsed: Url = address.parse().map_err(|_| not_an_address())?;
    if !["http", "https"].contains(&parsed.scheme()) || !parsed.has_host() {
        return Err(not_an_address());
    }
    let secret = attempt.credential(credential).await?;
    let store = Store::at(attempt, &parsed, *private).await?;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.clone()))
        .credentials_provider(Credentials::new(access_key, secret.reveal(), None, None, "lifeboat"))
        // One host for all buckets, so that the host that was judged is the one that is asked.
        // The client puts the bucket right behind the address, also behind a path.
        .endpoint_url(format!("{}/", address.trim_end_matches('/')))
        .force_path_style(true)
        .http_client(store)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Ok(Bucket { client: Client::from_conf(config.build()), name: bucket, region })
}

impl Bucket<'_> {
    /// Goes through the bucket's list to its end: the listing comes in the order of keys, not of age.
    async fn list(
        &self,
        attempt: &Attempt<'_>,
        prefix: &str,
        mut take: impl FnMut(NewestObject),
    ) -> Result<(), CouldNot> {
        let mut listed = 0;
        let mut from: Option<String> = None;
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(self.name)
                .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
                .set_continuation_token(from.clone())
                .send()
                .await
                .map_err(|error| fault(attempt, &error, "the listing of a bucket"))?;
            for object in page.contents() {
                take(read(object).ok_or_else(|| CouldNot::Garbled("an object without key or time".to_owned()))?);
                listed += 1;
            }
            attempt.now_at(Stage::Listing(listed));
            if page.is_truncated() != Some(true) {
                return Ok(());
            }
            let next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() || next == from {
                return Err(CouldNot::Garbled("the listing does not go on".to_owned()));
            }
            from = next;
        }
    }
}

fn read(object: &Object) -> Option<NewestObject> {
    let modified = object.last_modified()?;
    Some(NewestObject {
        key: object.key()?.to_owned(),
        size: u64::try_from(object.size().unwrap_or(0)).unwrap_or(0),
        modified: DateTime::from_timestamp(modified.secs(), modified.subsec_nanos())?,
    })
}

/// What an error says; `wanted` is what was asked for.
fn fault<E>(attempt: &Attempt<'_>, error: &SdkError<E, HttpResponse>, wanted: &str) -> CouldNot
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let succeeded = error.raw_response().is_some_and(|response| response.status().is_success());
    match error {
        // Well answered, but by something that is no store.
        SdkError::ServiceError(_) | SdkError::ResponseError(_) if succeeded => {
            CouldNot::Garbled(format!("not {wanted}"))
        }
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => match refusal(error) {
            Some(refusal) => refusal.could_not(),
            None => CouldNot::Garbled(innermost(error)),
        },
        SdkError::ConstructionFailure(_) => CouldNot::Local(innermost(error)),
        other => attempt.fault_in(other).unwrap_or_else(|| CouldNot::Garbled(innermost(other))),
    }
}

/// What the store answered, when it answered with an error.
fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<StoreRefusal> {
    let status = error.raw_response()?.status().as_u16();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Some(match error.as_service_error() {
        Some(told) => StoreRefusal { status, code: text(told.code()), message: text(told.message()) },
        // An error without a code did not come from an S3 store, or was not understood.
        None => StoreRefusal { status, code: String::new(), message: String::new() },
    })
}
