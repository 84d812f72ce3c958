//! The faults. Each is real damage to a real part, seen by whoever looks at that part and by nobody else, and each can
//! be mended exactly. Both ways are idempotent, and both return only when the part is seen to be broken or to work.

mod database;
mod files;

use std::{collections::BTreeSet, sync::atomic::Ordering};

use serde::{Deserialize, Serialize};

use crate::{FaultDescription, error::RangeError, place::blocking, serve::Range};

/// A fault, in the order in which they are mended: nothing in the database can be mended while it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
}

/// What each fault is called and does.
pub(crate) const FAULTS: [FaultDescription; 16] = [
    FaultDescription { name: "primary-stopped", what: "The primary database ends as in a crash." },
    FaultDescription { name: "standby-cut", what: "The standby no longer receives the primary's log." },
    FaultDescription { name: "archiving-failing", what: "The primary cannot write to its log archive." },
    FaultDescription { name: "rows-corrupted", what: "Forty orders hold impossible amounts or currencies." },
    FaultDescription { name: "table-dropped", what: "The table of payments is dropped with all that hangs on it." },
    FaultDescription { name: "bucket-gone", what: "The media bucket does not exist any more." },
    FaultDescription { name: "newest-backup-deleted", what: "The newest database backup is deleted." },
    FaultDescription { name: "api-slow", what: "Every answer of the platform's API takes two seconds longer." },
    FaultDescription { name: "api-degraded", what: "The platform's API answers, but says that it is degraded." },
    FaultDescription { name: "orders-fail", what: "The platform's API takes no new order." },
    FaultDescription { name: "api-down", what: "The platform's API refuses connections." },
    FaultDescription { name: "versioning-suspended", what: "The backup bucket keeps no earlier versions any more." },
    FaultDescription { name: "object-corrupted", what: "Three in ten media objects have a byte wrong." },
    FaultDescription { name: "object-missing", what: "Three in ten media objects are gone, and their rows are not." },
    FaultDescription { name: "dump-missed", what: "The newest dump in the dump folder is three days old." },
    FaultDescription { name: "name-gone", what: "The name of the platform's API does not exist any more." },
];

impl Fault {
    /// All of them, in the order of [`FAULTS`].
    pub(crate) const ALL: [Self; 16] = [
        Self::PrimaryStopped,
        Self::StandbyCut,
        Self::ArchivingFailing,
        Self::RowsCorrupted,
        Self::TableDropped,
        Self::BucketGone,
        Self::NewestBackupDeleted,
        Self::ApiSlow,
        Self::ApiDegraded,
        Self::OrdersFail,
        Self::ApiDown,
        Self::VersioningSuspended,
        Self::ObjectCorrupted,
        Self::ObjectMissing,
        Self::DumpMissed,
        Self::NameGone,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        FAULTS[self as usize].name
    }

    /// The fault of a name.
    pub(crate) fn named(name: &str) -> Result<Self, RangeError> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == name);
        found.ok_or_else(|| RangeError::FaultUnknown { name: name.to_owned() })
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_faults_belong_together() {
        for fault in Fault::ALL {
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
            assert_eq!(Fault::named(fault.name()).unwrap(), fault);
        }
        assert!(matches!(Fault::named("rain"), Err(RangeError::FaultUnknown { .. })));
    }
}
