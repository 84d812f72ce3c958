//! The faults. Each is real damage to a real part, seen by whoever looks at that part and by nobody else, and each can
//! be mended exactly. Both ways are idempotent, and both return only when the part is seen to be broken or to work.

mod database;
mod files;

use std::{collections::BTreeSet, sync::atomic::Ordering};

use lifeboat_domain::provider::Vendor;

use crate::{
    FaultDescription,
    error::RangeError,
    place::blocking,
    serve::Range,
    vendor::{VENDORS, VendorFault},
};

/// A fault, in the order in which they are mended: nothing in the database can be mended while it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    PrimaryStopped,
    StandbyCut,
    ArchivingFailing,
    RowsCorrupted,
    TableDropped,
    BucketGone,
    NewestBackupDeleted,
    ApiSlow,
    ApiDegraded,
    OrdersFail,
    ApiDown,
    VersioningSuspended,
    ObjectCorrupted,
    ObjectMissing,
    DumpMissed,
    NameGone,
    /// A vendor's stand-in fails in a way. One stand-in fails in one way at a time.
    Vendor(Vendor, VendorFault),
}

/// The faults of single parts, what each is called and does.
const PARTS: [(Fault, &str, &str); 16] = [
    (Fault::PrimaryStopped, "primary-stopped", "The primary database ends as in a crash."),
    (Fault::StandbyCut, "standby-cut", "The standby no longer receives the primary's log."),
    (Fault::ArchivingFailing, "archiving-failing", "The primary cannot write to its log archive."),
    (Fault::RowsCorrupted, "rows-corrupted", "Forty orders hold impossible amounts or currencies."),
    (Fault::TableDropped, "table-dropped", "The table of payments is dropped with all that hangs on it."),
    (Fault::BucketGone, "bucket-gone", "The media bucket does not exist any more."),
    (Fault::NewestBackupDeleted, "newest-backup-deleted", "The newest database backup is deleted."),
    (Fault::ApiSlow, "api-slow", "Every answer of the platform's API takes two seconds longer."),
    (Fault::ApiDegraded, "api-degraded", "The platform's API answers, but says that it is degraded."),
    (Fault::OrdersFail, "orders-fail", "The platform's API takes no new order."),
    (Fault::ApiDown, "api-down", "The platform's API refuses connections."),
    (Fault::VersioningSuspended, "versioning-suspended", "The backup bucket keeps no earlier versions any more."),
    (Fault::ObjectCorrupted, "object-corrupted", "Three in ten media objects have a byte wrong."),
    (Fault::ObjectMissing, "object-missing", "Three in ten media objects are gone, and their rows are not."),
    (Fault::DumpMissed, "dump-missed", "The newest dump in the dump folder is three days old."),
    (Fault::NameGone, "name-gone", "The name of the platform's API does not exist any more."),
];

/// Every fault there is.
pub(crate) fn faults() -> Vec<FaultDescription> {
    let parts = PARTS.into_iter().map(|(_, name, what)| (name.to_owned(), what.to_owned()));
    let vendors = VENDORS.into_iter().flat_map(|vendor| {
        VendorFault::of(vendor)
            .into_iter()
            .map(move |fault| (Fault::Vendor(vendor, fault).name(), format!("{} {}.", vendor.name(), fault.what())))
    });
    parts.chain(vendors).map(|(name, what)| FaultDescription { name, what }).collect()
}

impl Fault {
    /// All of them, in the order in which they are mended.
    pub(crate) fn all() -> Vec<Self> {
        let parts = PARTS.into_iter().map(|(fault, ..)| fault);
        let vendors = VENDORS
            .into_iter()
            .flat_map(|vendor| VendorFault::of(vendor).into_iter().map(move |fault| Self::Vendor(vendor, fault)));
        parts.chain(vendors).collect()
    }

    /// Its name, such as `primary-stopped` or `stripe=503`.
    pub(crate) fn name(self) -> String {
        if let Self::Vendor(vendor, fault) = self {
            return format!("{vendor}={}", fault.name());
        }
        PARTS.iter().find(|(part, ..)| *part == self).map(|(_, name, _)| (*name).to_owned()).unwrap_or_default()
    }

    /// The fault of a name.
    pub(crate) fn named(name: &str) -> Result<Self, RangeError> {
        let found = Self::all().into_iter().find(|fault| fault.name() == name);
        found.ok_or_else(|| RangeError::FaultUnknown { name: name.to_owned() })
    }

    /// The faults meant by a name that is to be mended: one, or all of a vendor's.
    pub(crate) fn meant(name: &str) -> Result<Vec<Self>, RangeError> {
        let of = |vendor: Vendor| VendorFault::of(vendor).into_iter().map(move |fault| Self::Vendor(vendor, fault));
        match VENDORS.into_iter().find(|vendor| vendor.word() == name) {
            Some(vendor) => Ok(of(vendor).collect()),
            None => Self::named(name).map(|fault| vec![fault]),
        }
    }

    /// Whether both break the same part, so that the one takes the other's place.
    pub(crate) fn replaces(self, other: Self) -> bool {
        matches!((self, other), (Self::Vendor(one, _), Self::Vendor(another, _)) if one == another && self != other)
    }

    fn breaks_through_the_primary(self) -> bool {
        matches!(self, Self::ArchivingFailing | Self::RowsCorrupted | Self::TableDropped)
    }
}

impl Range {
    /// Breaks a part, and waits until it is broken.
    pub(crate) async fn break_part(&self, fault: Fault) -> Result<(), RangeError> {
        if fault.breaks_through_the_primary() && !self.primary.is_running().await {
            return Err(RangeError::PrimaryStopped { fault: fault.name() });
        }
        match fault {
            Fault::PrimaryStopped => self.primary.crash().await,
            Fault::StandbyCut => self.cut_standby().await,
            Fault::ArchivingFailing => self.fail_archiving().await,
            Fault::RowsCorrupted => self.corrupt_rows().await,
            Fault::TableDropped => self.drop_table().await,
            Fault::BucketGone => self.take_bucket_away(),
            Fault::NewestBackupDeleted => self.delete_newest_backup(),
            Fault::ApiSlow => {
                self.platform.slow.store(true, Ordering::Relaxed);
                Ok(())
            }
            Fault::ApiDegraded => {
                self.platform.degraded.store(true, Ordering::Relaxed);
                Ok(())
            }
            Fault::OrdersFail => {
                self.platform.customer.orders_fail.store(true, Ordering::Relaxed);
                Ok(())
            }
            Fault::ApiDown => {
                self.api.close().await;
                Ok(())
            }
            Fault::VersioningSuspended => {
                self.settings.versioning_suspended.store(true, Ordering::Relaxed);
                Ok(())
            }
            Fault::ObjectCorrupted | Fault::ObjectMissing => self.damage_media(fault).await,
            Fault::DumpMissed => self.miss_dump(),
            Fault::NameGone => {
                self.names.gone.store(true, Ordering::Relaxed);
                Ok(())
            }
            Fault::Vendor(vendor, fault) => {
                self.vendors.set_fault(vendor, Some(fault));
                Ok(())
            }
        }
    }

    /// Mends a part, whether it is broken or not, and waits until it works. `on` are all faults that are on.
    pub(crate) async fn mend_part(&self, fault: Fault, on: &BTreeSet<Fault>) -> Result<(), RangeError> {
        match fault {
            Fault::PrimaryStopped => self.mend_primary(on).await,
            Fault::StandbyCut => self.mend_standby(on).await,
            Fault::ArchivingFailing => self.mend_archiving().await,
            Fault::RowsCorrupted => self.mend_rows().await,
            Fault::TableDropped => self.mend_table().await,
            Fault::BucketGone => self.mend_bucket(),
            Fault::NewestBackupDeleted => self.mend_newest_backup(),
            Fault::ApiSlow => {
                self.platform.slow.store(false, Ordering::Relaxed);
                Ok(())
            }
            Fault::ApiDegraded => {
                self.platform.degraded.store(false, Ordering::Relaxed);
                Ok(())
            }
            Fault::OrdersFail => {
                self.platform.customer.orders_fail.store(false, Ordering::Relaxed);
                Ok(())
            }
            Fault::ApiDown => self.api.reopen().await,
            Fault::VersioningSuspended => {
                self.settings.versioning_suspended.store(false, Ordering::Relaxed);
                Ok(())
            }
            Fault::ObjectCorrupted | Fault::ObjectMissing => {
                let (kept, media) = (self.place.aside().join(fault.name()), self.media_folder());
                blocking(move || files::put_back(&kept, &media)).await
            }
            Fault::DumpMissed => files::put_back(&self.place.aside().join(fault.name()), &self.place.dumps()),
            Fault::NameGone => {
                self.names.gone.store(false, Ordering::Relaxed);
                Ok(())
            }
            Fault::Vendor(vendor, fault) => {
                self.vendors.end_fault(vendor, fault);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_faults_belong_together() {
        let all = Fault::all();
        assert_eq!(all.len(), faults().len());
        for (fault, told) in all.iter().zip(faults()) {
            assert_eq!(fault.name(), told.name);
            assert_eq!(Fault::named(&told.name).unwrap(), *fault);
        }
        let distinct: BTreeSet<Fault> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
        for name in ["rain", "stripe", "stripe=rain", "rain=503", ""] {
            assert!(matches!(Fault::named(name), Err(RangeError::FaultUnknown { .. })), "{name}");
        }
    }

    #[test]
    fn a_vendor_is_mended_whole_and_fails_in_one_way_at_a_time() {
        let failing = Fault::named("stripe=503").unwrap();
        let slow = Fault::named("stripe=slow").unwrap();
        assert!(failing.replaces(slow) && !failing.replaces(failing) && !failing.replaces(Fault::ApiSlow));
        assert!(Fault::meant("stripe").unwrap().contains(&slow));
        assert_eq!(Fault::meant("api-slow").unwrap(), [Fault::ApiSlow]);
        assert!(Fault::meant("rain").is_err());
    }
}
