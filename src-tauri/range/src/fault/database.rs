//! Faults of the two database servers, their archive, and what is in them.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, time::Duration};

use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use super::Fault;
use crate::{
    backup,
    cluster::{Cluster, DATABASE},
    error::RangeError,
    place::{remove_file, write_private},
    serve::Range,
};

/// How long a part may take to break or to work again.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many orders are damaged.
const DAMAGED: i64 = 40;

impl Range {
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
    pub(super) async fn mend_primary(&self, on: &BTreeSet<Fault>) -> Result<(), RangeError> {
        self.primary.start().await?;
        self.follow(on).await?;
        if on.contains(&Fault::ArchivingFailing) {
            return Ok(());
        }
        self.archive_until("last_archived_time IS NOT NULL").await
    }

    pub(super) async fn cut_standby(&self) -> Result<(), RangeError> {
        let mut connection = self.administer(&self.standby, "postgres").await?;
        tell(&mut connection, "ALTER SYSTEM SET primary_conninfo = ''").await?;
        tell(&mut connection, "SELECT pg_reload_conf()").await?;
        let question = "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)";
        wait_until(&mut connection, question, "cutting the standby off").await
    }

    pub(super) async fn mend_standby(&self, on: &BTreeSet<Fault>) -> Result<(), RangeError> {
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

    pub(super) async fn fail_archiving(&self) -> Result<(), RangeError> {
        self.open_archive(0o500)?;
        self.archive_until("last_failed_time > coalesce(last_archived_time, '-infinity')").await
    }

    pub(super) async fn mend_archiving(&self) -> Result<(), RangeError> {
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
    pub(super) async fn corrupt_rows(&self) -> Result<(), RangeError> {
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

    pub(super) async fn mend_rows(&self) -> Result<(), RangeError> {
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
    pub(super) async fn drop_table(&self) -> Result<(), RangeError> {
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

    pub(super) async fn mend_table(&self) -> Result<(), RangeError> {
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
