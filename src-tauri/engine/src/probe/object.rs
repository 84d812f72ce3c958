//! The newest object of a bucket. Lists to the end, because a listing comes in the order of keys.
//!
//! Nothing of this computer's own cloud settings is used: no profile, no environment, no metadata address.

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::SdkError,
    operation::list_objects_v2::ListObjectsV2Error,
    types::Object,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use chrono::{DateTime, Utc};
use lifeboat_domain::{
    check::{
        ObjectNewestProbe, Outcome,
        judge::{self, CouldNot, Listing, NewestObject, StoreRefusal},
    },
    environment::Target,
};
use url::Url;

use super::{Attempt, Stage, network::innermost, store::Store, wrong_kind};

pub(super) async fn newest(attempt: &Attempt<'_>, probe: &ObjectNewestProbe) -> Result<Outcome, CouldNot> {
    let Target::Bucket { url, bucket, region, access_key, credential, private } = attempt.target(&probe.endpoint)?
    else {
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
        .endpoint_url(&address)
        .force_path_style(true)
        .http_client(store)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    let listing = list(attempt, &Client::from_conf(config.build()), bucket, probe).await?;
    Ok(judge::object_newest(probe, &listing, Utc::now()))
}

async fn list(
    attempt: &Attempt<'_>,
    client: &Client,
    bucket: &str,
    probe: &ObjectNewestProbe,
) -> Result<Listing, CouldNot> {
    let mut listing = Listing::default();
    let mut listed = 0;
    let mut from: Option<String> = None;
    loop {
        let page = client
            .list_objects_v2()
            .bucket(bucket)
            .set_prefix((!probe.prefix.is_empty()).then(|| probe.prefix.clone()))
            .set_continuation_token(from.clone())
            .send()
            .await
            .map_err(|error| fault(attempt, &error))?;
        for object in page.contents() {
            let read = read(object).ok_or_else(|| CouldNot::Garbled("an object without key or time".to_owned()))?;
            listing.take(&probe.suffix, read);
            listed += 1;
        }
        attempt.now_at(Stage::Listing(listed));
        if page.is_truncated() != Some(true) {
            return Ok(listing);
        }
        let next = page.next_continuation_token().map(str::to_owned);
        if next.is_none() || next == from {
            return Err(CouldNot::Garbled("the listing does not go on".to_owned()));
        }
        from = next;
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

fn fault(attempt: &Attempt<'_>, error: &SdkError<ListObjectsV2Error, HttpResponse>) -> CouldNot {
    let succeeded = error.raw_response().is_some_and(|response| response.status().is_success());
    match error {
        // Well answered, but by something that is no store.
        SdkError::ServiceError(_) | SdkError::ResponseError(_) if succeeded => {
            CouldNot::Garbled("not the listing of a bucket".to_owned())
        }
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            let told = service.err().meta();
            // An error without a code did not come from an S3 store, or was not understood.
            StoreRefusal { status, code: text(told.code()), message: text(told.message()) }.could_not()
        }
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            StoreRefusal { status, code: String::new(), message: String::new() }.could_not()
        }
        SdkError::ConstructionFailure(_) => CouldNot::Local(innermost(error)),
        other => attempt.fault_in(other).unwrap_or_else(|| CouldNot::Garbled(innermost(other))),
    }
}
