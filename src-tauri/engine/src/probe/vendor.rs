//! Asking a vendor how we stand with it.

use lifeboat_domain::{
    check::{
        Outcome, VendorProbe,
        judge::{self, CouldNot},
    },
    environment::Target,
};

use super::{Attempt, wrong_kind};
use crate::vendor;

pub(super) async fn vendor(attempt: &Attempt<'_>, probe: &VendorProbe) -> Result<Outcome, CouldNot> {
    let Target::Vendor(target) = attempt.target(&probe.endpoint)? else { return Err(wrong_kind()) };
    Ok(judge::vendor(target.vendor(), &vendor::probe(attempt, target).await))
}
