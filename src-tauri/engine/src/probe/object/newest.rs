//! The newest object of a bucket.

use chrono::Utc;
use lifeboat_domain::check::{
    ObjectNewestProbe, Outcome,
    judge::{self, CouldNot, Listing},
};

use super::{Attempt, open};

pub(crate) async fn newest(attempt: &Attempt<'_>, probe: &ObjectNewestProbe) -> Result<Outcome, CouldNot> {
    let bucket = open(attempt, &probe.endpoint).await?;
    let mut listing = Listing::default();
    bucket.list(attempt, &probe.prefix, |object| listing.take(&probe.suffix, object)).await?;
    Ok(judge::object_newest(probe, &listing, Utc::now()))
}
