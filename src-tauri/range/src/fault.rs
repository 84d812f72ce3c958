//! The faults. Each is real damage to a real part, seen by whoever looks at that part and by nobody else, and each can
//! be mended exactly. Both ways are idempotent, and both return only when the part is seen to be broken or to work.

mod files;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, sync::atomic::Ordering, time::Duration};

use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::{
    FaultDescription, backup,
    cluster::{Cluster, DATABASE},
    error::RangeError,
    place::{blocking, remove_file, write_private},
    serve::Range,
};

/// How long a part may take to break or to work again.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many orders are damaged.
const DAMAGED: i64 = 40;

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
    ApiDown,
    VersioningSuspended,
    ObjectCorrupted,
    ObjectMissing,
    DumpMissed,
    NameGone,
}

/// What each fault is called and does.
pub(crate) const FAULTS: [FaultDescription; 15] = [
    FaultDescription { name: "primary-stopped", what: "The primary database ends as in a crash." },
    FaultDescription { name: "standby-cut", what: "The standby no longer receives the primary's log." },
    FaultDescription { name: "archiving-failing", what: "The primary cannot write to its log archive." },
    FaultDescription { name: "rows-corrupted", what: "Forty orders hold impossible amounts or currencies." },
    FaultDescription { name: "table-dropped", what: "The table of payments is dropped with all that hangs on it." },
    FaultDescription { name: "bucket-gone", what: "The media bucket does not exist any more." },
    FaultDescription { name: "newest-backup-deleted", what: "The newest database backup is deleted." },
    FaultDescription { name: "api-slow", what: "Every answer of the platform's API takes two seconds longer." },
    FaultDescription { name: "api-degraded", what: "The platform's API answers, but says that it is degraded." },
    FaultDescription { name: "api-down", what: "The platform's API refuses connections." },
    FaultDescription { name: "versioning-suspended", what: "The backup bucket keeps no earlier versions any more." },
    FaultDescription { name: "object-corrupted", what: "Three in ten media objects have a byte wrong." },
    FaultDescription { name: "object-missing", what: "Three in ten media objects are gone, and their rows are not." },
    FaultDescription { name: "dump-missed", what: "The newest dump in the dump folder is three days old." },
    FaultDescription { name: "name-gone", what: "The name of the platform's API does not exist any more." },
];

impl Fault {
    /// All of them, in the order of [`FAULTS`].
    pub(crate) const ALL: [Self; 15] = [
        Self::PrimaryStopped,
        Self::StandbyCut,
        Self::ArchivingFailing,
        Self::RowsCorrupted,
        Self::TableDropped,
        Self::BucketGone,
        Self::NewestBackupDeleted,
        Self::ApiSlow,
        Self::ApiDegraded,
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
            Fault::BucketGone => {
                let (from, to) = self.media_bucket();
                if from.exists() { files::rename(&from, &to) } else { Ok(()) }
            }
            Fault::NewestBackupDeleted => self.delete_newest_backup(),
            Fault::ApiSlow => {
                self.platform.slow.store(true, Ordering::Relaxed);
                Ok(())
            }
            Fault::ApiDegraded => {
                self.platform.degraded.store(true, Ordering::Relaxed);
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
            Fault::BucketGone => {
                let (to, from) = self.media_bucket();
                if from.exists() { files::rename(&from, &to) } else { Ok(()) }
            }
            Fault::NewestBackupDeleted => self.mend_newest_backup(),
            Fault::ApiSlow => {
                self.platform.slow.store(false, Ordering::Relaxed);
                Ok(())
            }
            Fault::ApiDegraded => {
                self.platform.degraded.store(false, Ordering::Relaxed);
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

    async fn administer(&self, cluster: &Cluster, database: &str) -> Result<PgConnection, RangeError> {
        cluster.administer(&self.passwords, database).await
    }

    /// Waits until the standby streams and has what the primary has, unless a fault keeps it from it.
    pub(crate) async fn follow(&self, on: &BTreeSet<Fault>) -> Result<(), RangeError> {
        self.standby.start().await?;
        if on.contains(&Fault::StandbyCut) || !self.primary.is_running().await {
            return Ok(());
        }
        let mut connection = self.administer(&self.primary, "postgres").await?;
        let question = "SELECT coalesce(bool_or(state = 'streaming' AND pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < 65536), false)
                        FROM pg_stat_replication";
        wait_until(&mut connection, question, "following the primary").await?;
        let mut connection = self.administer(&self.standby, "postgres").await?;
        let question = "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')";
        wait_until(&mut connection, question, "following the primary").await
    }

    /// A crash also takes what the server knew of its archiving, so it has to archive once before anybody can see that
    /// it does.
    async fn mend_primary(&self, on: &BTreeSet<Fault>) -> Result<(), RangeError> {
        self.primary.start().await?;
        self.follow(on).await?;
        if on.contains(&Fault::ArchivingFailing) {
            return Ok(());
        }
        self.archive_until("last_archived_time IS NOT NULL").await
    }

    async fn cut_standby(&self) -> Result<(), RangeError> {
        let mut connection = self.administer(&self.standby, "postgres").await?;
        tell(&mut connection, "ALTER SYSTEM SET primary_conninfo = ''").await?;
        tell(&mut connection, "SELECT pg_reload_conf()").await?;
        let question = "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)";
        wait_until(&mut connection, question, "cutting the standby off").await
    }

    async fn mend_standby(&self, on: &BTreeSet<Fault>) -> Result<(), RangeError> {
        self.standby.start().await?;
        let mut connection = self.administer(&self.standby, "postgres").await?;
        tell(&mut connection, "ALTER SYSTEM RESET primary_conninfo").await?;
        tell(&mut connection, "SELECT pg_reload_conf()").await?;
        let others: BTreeSet<_> = on.iter().copied().filter(|fault| *fault != Fault::StandbyCut).collect();
        self.follow(&others).await
    }

    fn open_archive(&self, mode: u32) -> Result<(), RangeError> {
        let archive = self.place.data.join("archive");
        fs::set_permissions(&archive, fs::Permissions::from_mode(mode)).map_err(RangeError::file("protect", archive))
    }

    async fn fail_archiving(&self) -> Result<(), RangeError> {
        self.open_archive(0o500)?;
        self.archive_until("last_failed_time > coalesce(last_archived_time, '-infinity')").await
    }

    async fn mend_archiving(&self) -> Result<(), RangeError> {
        self.open_archive(0o700)?;
        if !self.primary.is_running().await {
            return Ok(());
        }
        self.archive_until("last_archived_time > coalesce(last_failed_time, '-infinity')").await
    }

    /// Gives the archiver something to do, and waits until it has done it or failed.
    pub(crate) async fn archive_until(&self, outcome: &'static str) -> Result<(), RangeError> {
        let mut connection = self.administer(&self.primary, DATABASE).await?;
        tell(&mut connection, "SELECT pg_logical_emit_message(true, 'range', 'archive')").await?;
        tell(&mut connection, "SELECT pg_switch_wal()").await?;
        let question = format!("SELECT coalesce({outcome}, false) FROM pg_stat_archiver");
        wait_until(&mut connection, &question, "archiving").await
    }

    /// The rules that forbid the damage are taken away and put back as NOT VALID, as a careless migration does:
    /// new rows are still judged, old ones are not.
    async fn corrupt_rows(&self) -> Result<(), RangeError> {
        let failed = || RangeError::database("damage orders");
        let mut connection = self.administer(&self.primary, DATABASE).await?;
        let mut transaction = connection.begin().await.map_err(failed())?;
        tell(&mut transaction, "LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE").await?;
        let before: Vec<(i64, i32, String)> = sqlx::query_as(
            "SELECT id, amount_cents, currency::text FROM public.orders ORDER BY hashint8(id), id LIMIT $1",
        )
        .bind(DAMAGED)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed())?;
        let kept = self.place.aside().join("orders.json");
        let image = serde_json::to_vec(&before).map_err(|error| RangeError::file("write", &kept)(error.into()))?;
        write_private(&kept, &image)?;
        tell(
            &mut transaction,
            "ALTER TABLE public.orders DROP CONSTRAINT orders_amount_possible, DROP CONSTRAINT orders_currency_possible",
        )
        .await?;
        let numbers: Vec<i64> = before.into_iter().map(|(number, ..)| number).collect();
        sqlx::query(
            "UPDATE public.orders
             SET amount_cents = CASE WHEN id % 2 = 0 THEN -1 - amount_cents ELSE amount_cents END,
                 currency = CASE WHEN id % 2 = 0 THEN currency ELSE '?' || lower(left(currency, 2)) END
             WHERE id = ANY ($1)",
        )
        .bind(numbers)
        .execute(&mut *transaction)
        .await
        .map_err(failed())?;
        tell(
            &mut transaction,
            "ALTER TABLE public.orders
               ADD CONSTRAINT orders_amount_possible CHECK (amount_cents >= 0) NOT VALID,
               ADD CONSTRAINT orders_currency_possible CHECK (currency ~ '^[A-Z]{3}$') NOT VALID",
        )
        .await?;
        transaction.commit().await.map_err(failed())
    }

    async fn mend_rows(&self) -> Result<(), RangeError> {
        let kept = self.place.aside().join("orders.json");
        if !kept.exists() {
            return Ok(());
        }
        if !self.primary.is_running().await {
            return Err(RangeError::PrimaryStopped { fault: Fault::RowsCorrupted.name() });
        }
        let failed = || RangeError::database("mend orders");
        let image = fs::read(&kept).map_err(RangeError::file("read", &kept))?;
        let before: Vec<(i64, i32, String)> =
            serde_json::from_slice(&image).map_err(|error| RangeError::file("read", &kept)(error.into()))?;
        let (mut numbers, mut amounts, mut currencies) = (Vec::new(), Vec::new(), Vec::new());
        for (number, amount, currency) in before {
            numbers.push(number);
            amounts.push(amount);
            currencies.push(currency);
        }
        let mut connection = self.administer(&self.primary, DATABASE).await?;
        let mut transaction = connection.begin().await.map_err(failed())?;
        sqlx::query(
            "UPDATE public.orders SET amount_cents = before.amount_cents, currency = before.currency
             FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS before (id, amount_cents, currency)
             WHERE orders.id = before.id",
        )
        .bind(numbers)
        .bind(amounts)
        .bind(currencies)
        .execute(&mut *transaction)
        .await
        .map_err(failed())?;
        for statement in [
            "ALTER TABLE public.orders VALIDATE CONSTRAINT orders_amount_possible",
            "ALTER TABLE public.orders VALIDATE CONSTRAINT orders_currency_possible",
        ] {
            tell(&mut transaction, statement).await?;
        }
        transaction.commit().await.map_err(failed())?;
        remove_file(&kept)
    }

    /// Writers wait from the dump to the drop, so that the dump holds the last payment made.
    async fn drop_table(&self) -> Result<(), RangeError> {
        let failed = || RangeError::database("drop the table of payments");
        let kept = self.place.aside().join("payment_transactions.dump");
        let mut connection = self.administer(&self.primary, DATABASE).await?;
        let mut transaction = connection.begin().await.map_err(failed())?;
        tell(&mut transaction, "LOCK TABLE public.payment_transactions IN SHARE MODE").await?;
        let selection = ["--table=public.payment_transactions", "--table=public.monthly_revenue"];
        backup::dump(&self.tools, &self.primary, &selection, &kept).await?;
        tell(&mut transaction, "DROP TABLE public.payment_transactions CASCADE").await?;
        transaction.commit().await.map_err(failed())
    }

    async fn mend_table(&self) -> Result<(), RangeError> {
        let kept = self.place.aside().join("payment_transactions.dump");
        if !kept.exists() {
            return Ok(());
        }
        if !self.primary.is_running().await {
            return Err(RangeError::PrimaryStopped { fault: Fault::TableDropped.name() });
        }
        let mut connection = self.administer(&self.primary, DATABASE).await?;
        let there: bool = sqlx::query_scalar("SELECT to_regclass('public.payment_transactions') IS NOT NULL")
            .fetch_one(&mut connection)
            .await
            .map_err(RangeError::database("look for the table of payments"))?;
        // Somebody may have practised the restore and put it back already.
        if !there {
            backup::restore(&self.tools, &self.primary, DATABASE, &kept).await?;
            tell(&mut connection, "ANALYZE public.payment_transactions").await?;
        }
        remove_file(&kept)
    }
}

async fn tell(connection: &mut PgConnection, statement: &'static str) -> Result<(), RangeError> {
    sqlx::query(statement).execute(connection).await.map(|_| ()).map_err(RangeError::database("change the database"))
}

/// Asks a yes-or-no question until the answer is yes.
async fn wait_until(connection: &mut PgConnection, question: &str, what: &str) -> Result<(), RangeError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Every question is written in this file.
        let yes: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(question))
            .fetch_one(&mut *connection)
            .await
            .map_err(RangeError::database("look at the servers"))?;
        if yes {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(RangeError::NotInTime { what: what.to_owned(), seconds: PATIENCE.as_secs() });
        }
        sleep(Duration::from_millis(50)).await;
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
