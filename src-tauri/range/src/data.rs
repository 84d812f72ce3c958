//! The platform's rows and media objects. Every value follows from its row's number, so that the content of a media
//! object and the digest in its row agree without either having been read. Also the life of the platform while the
//! range is up: a heartbeat each second, now and then an order or an upload.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use sha2::Sha256;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    Size,
    cluster::{Cluster, DATABASE, Passwords},
    error::RangeError,
};

/// The bucket of pictures and recordings.
pub(crate) const MEDIA: &str = "samia-tarot-media";
/// The bucket of backups.
pub(crate) const BACKUPS: &str = "samia-tarot-backups";

/// More media objects than this are not laid out, however many orders there are.
const MOST_MEDIA: i64 = 20_000;
/// Orders that are laid out in one go.
const BATCH: i64 = 100_000;
/// How far the rows reach back, in seconds: 900 days.
const SPAN: i64 = 77_760_000;

/// What is laid out for each batch of orders.
const PIECES: [(&str, &str); 4] = [
    ("people", include_str!("../fixtures/users.sql")),
    ("media", include_str!("../fixtures/media.sql")),
    ("orders and payments", include_str!("../fixtures/orders.sql")),
    ("the audit log", include_str!("../fixtures/audit.sql")),
];

/// How much is laid out, and up to when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    orders: i64,
    /// How many media objects there are.
    pub(crate) media: i64,
    /// The time of the newest rows, in seconds since 1970.
    now: i64,
}

impl Extent {
    /// The extent of a size, up to this moment.
    pub(crate) fn of(size: Size) -> Self {
        let orders = match size {
            Size::Small => 10_000,
            Size::Large => 1_000_000,
        };
        Self { orders, media: (orders / 2).min(MOST_MEDIA), now: Utc::now().timestamp() }
    }

    /// How many steps filling has.
    pub(crate) fn steps(self) -> u32 {
        (self.batches() * PIECES.len() as i64) as u32 + 2
    }

    fn batches(self) -> i64 {
        (self.orders + BATCH - 1) / BATCH
    }
}

/// A media object and what its rows say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaObject {
    number: i64,
    object: String,
    /// Its key in the media bucket.
    pub(crate) key: String,
    /// Its content.
    pub(crate) content: Vec<u8>,
    uploaded: DateTime<Utc>,
}

impl MediaObject {
    /// The object with this number, uploaded then. `fixtures/functions.sql` and `media.sql` say the same.
    fn new(number: i64, uploaded: DateTime<Utc>) -> Self {
        let audio = number % 4 == 0;
        let word = hex::encode(Md5::digest(format!("media:{number}")));
        let mut content: Vec<u8> =
            if audio { b"\0\0\0\x20ftypM4A ".to_vec() } else { b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec() };
        content.extend(word.repeat(8 + (number % 57) as usize).into_bytes());
        let object = identity("object", number);
        let kind = if audio { "m4a" } else { "jpg" };
        Self { number, key: format!("{}/{object}.{kind}", uploaded.format("%Y/%m/%d")), object, content, uploaded }
    }

    /// The object with this number as the rows were laid out.
    fn laid_out(number: i64, extent: Extent) -> Self {
        let seconds = extent.now - (extent.media - number) * (SPAN / extent.media);
        Self::new(number, DateTime::from_timestamp(seconds, 0).unwrap_or_default())
    }
}

/// The identity of the n-th of a kind.
fn identity(kind: &str, number: i64) -> String {
    let text = hex::encode(Md5::digest(format!("{kind}:{number}")));
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

/// Makes the roles, the database and its rows. Tells each step as it begins.
pub(crate) async fn fill(
    primary: &Cluster,
    passwords: &Passwords,
    extent: Extent,
    mut step: impl FnMut(String),
) -> Result<(), RangeError> {
    let failed = || RangeError::database("fill the platform's database");
    step("Creating the platform's database".to_owned());
    let mut connection = primary.administer(passwords, "postgres").await?;
    for (name, value) in [
        ("range.platform_password", &passwords.platform),
        ("range.replicator_password", &passwords.replicator),
        ("range.monitor_password", &passwords.monitor),
    ] {
        set(&mut connection, name, value).await?;
    }
    run(&mut connection, include_str!("../fixtures/roles.sql")).await?;
    run(&mut connection, "CREATE DATABASE samia").await?;
    connection.close().await.map_err(failed())?;

    let mut connection = primary.administer(passwords, DATABASE).await?;
    run(&mut connection, include_str!("../fixtures/schema.sql")).await?;
    run(&mut connection, include_str!("../fixtures/functions.sql")).await?;
    for (name, value) in [("samia.orders", extent.orders), ("samia.media", extent.media), ("samia.now", extent.now)] {
        set(&mut connection, name, &value.to_string()).await?;
    }
    for batch in 0..extent.batches() {
        let (first, last) = (batch * BATCH + 1, ((batch + 1) * BATCH).min(extent.orders));
        set(&mut connection, "samia.first", &first.to_string()).await?;
        set(&mut connection, "samia.last", &last.to_string()).await?;
        for (what, statements) in PIECES {
            step(format!("Laying out {what} of orders {first} to {last}"));
            run(&mut connection, statements).await?;
        }
    }
    step("Tying the rows together".to_owned());
    run(&mut connection, include_str!("../fixtures/constraints.sql")).await?;
    run(&mut connection, "VACUUM (ANALYZE)").await?;
    connection.close().await.map_err(failed())
}

async fn run(connection: &mut PgConnection, statements: &'static str) -> Result<(), RangeError> {
    sqlx::raw_sql(statements)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(RangeError::database("fill the platform's database"))
}

/// Hands a value to the statements of a session.
async fn set(connection: &mut PgConnection, name: &str, value: &str) -> Result<(), RangeError> {
    sqlx::query("SELECT set_config($1, $2, false)")
        .bind(name)
        .bind(value)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(RangeError::database("prepare a session"))
}

/// Writes the media objects of the rows into the bucket's folder, each with the time of its upload. Blocks.
pub(crate) fn write_media(bucket: &Path, extent: Extent, stop: &CancellationToken) -> Result<(), RangeError> {
    let mut folder = PathBuf::new();
    for number in 1..=extent.media {
        if stop.is_cancelled() {
            return Err(RangeError::Interrupted);
        }
        let object = MediaObject::laid_out(number, extent);
        let path = bucket.join(&object.key);
        if let Some(parent) = path.parent()
            && parent != folder
        {
            fs::create_dir_all(parent).map_err(RangeError::file("create", parent))?;
            parent.clone_into(&mut folder);
        }
        write_object(&path, &object.content, object.uploaded).map_err(RangeError::file("write", &path))?;
    }
    Ok(())
}

/// Writes an object with the time it was uploaded.
pub(crate) fn write_object(path: &Path, content: &[u8], uploaded: DateTime<Utc>) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(content)?;
    file.set_modified(SystemTime::from(uploaded))
}

/// What keeps the platform alive.
#[derive(Debug)]
pub(crate) struct Life {
    /// Signed in as the platform.
    pub(crate) pool: PgPool,
    /// The media bucket's folder.
    pub(crate) bucket: PathBuf,
    /// Where a file is written before it is moved into the bucket whole.
    pub(crate) aside: PathBuf,
    /// How many media objects there are.
    pub(crate) media: i64,
}

impl Life {
    /// Lives until it is dropped. What fails because a fault is on is not done; that is what the fault is for.
    pub(crate) async fn live(mut self) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for beat in 0_i64.. {
            ticks.tick().await;
            let mut done = self.beat().await;
            if beat % 5 == 0 && done.is_ok() {
                done = self.order(beat).await;
            }
            if beat % 30 == 0 && done.is_ok() {
                done = self.upload().await;
            }
            if let Err(error) = done {
                tracing::debug!(%error, "the platform could not work");
            }
        }
    }

    async fn beat(&self) -> Result<(), RangeError> {
        sqlx::query("UPDATE public.platform_heartbeat SET beats = beats + 1, beat_at = now() WHERE id = 1")
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(RangeError::database("beat"))
    }

    /// An order and its payment, both or neither.
    async fn order(&self, beat: i64) -> Result<(), RangeError> {
        sqlx::query(
            "WITH placed AS (
               INSERT INTO public.orders (client_id, service, state, amount_cents, currency)
               SELECT id, 'three-cards', 'paid', 900, 'EUR' FROM public.profiles ORDER BY id LIMIT 1 OFFSET $1 % 1000
               RETURNING id, client_id, amount_cents, currency
             )
             INSERT INTO public.payment_transactions
               (order_id, client_id, provider, provider_reference, idempotency_key, state, amount_cents, currency)
             SELECT id, client_id, 'stripe', 'pi_' || md5('live:' || id), 'order-' || id || '-1', 'succeeded', amount_cents, currency
             FROM placed",
        )
        .bind(beat)
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(RangeError::database("place an order"))
    }

    /// An object and its rows. The object comes first: a row without its object would be a loss.
    async fn upload(&mut self) -> Result<(), RangeError> {
        let object = MediaObject::new(self.media + 1, Utc::now());
        let path = self.store(&object)?;
        let stored = sqlx::query(
            "WITH owner AS (SELECT id FROM public.profiles ORDER BY id LIMIT 1 OFFSET $1 % 1000),
             stored AS (
               INSERT INTO storage.objects (id, bucket_id, name, owner, metadata, created_at)
               SELECT $2::uuid, $3, $4, owner.id, jsonb_build_object('number', $1, 'size', $5::bigint), $8 FROM owner
             )
             INSERT INTO public.media_assets (id, owner_id, object_id, kind, bytes, sha256, created_at)
             SELECT $6::uuid, owner.id, $2::uuid, (CASE WHEN $1 % 4 = 0 THEN 'audio' ELSE 'image' END)::public.media_kind,
                    $5, $7, $8
             FROM owner",
        )
        .bind(object.number)
        .bind(&object.object)
        .bind(MEDIA)
        .bind(&object.key)
        .bind(object.content.len() as i64)
        .bind(identity("media", object.number))
        .bind(Sha256::digest(&object.content).to_vec())
        .bind(object.uploaded)
        .execute(&self.pool)
        .await;
        if let Err(error) = stored {
            let _ = fs::remove_file(path);
            return Err(RangeError::database("describe an upload")(error));
        }
        self.media += 1;
        Ok(())
    }

    /// Puts an object into the bucket, whole. Never makes the bucket itself: it may be gone on purpose.
    fn store(&self, object: &MediaObject) -> Result<PathBuf, RangeError> {
        let path = self.bucket.join(&object.key);
        let part = self.aside.join("upload.part");
        write_object(&part, &object.content, object.uploaded).map_err(RangeError::file("write", &part))?;
        let mut folder = self.bucket.clone();
        for name in Path::new(&object.key).parent().into_iter().flat_map(Path::components) {
            folder.push(name);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(RangeError::file("create", folder)(error));
                }
                _ => {}
            }
        }
        fs::rename(&part, &path).map_err(RangeError::file("write", &path))?;
        Ok(path)
    }
}

/// The rows of every table of the platform, by name.
pub(crate) async fn count_rows(connection: &mut PgConnection) -> Result<Vec<(String, i64)>, RangeError> {
    let failed = || RangeError::database("count the rows");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
         WHERE table_type = 'BASE TABLE' AND table_schema IN ('auth', 'public', 'storage') ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed())?;
    let mut counts = Vec::new();
    for table in tables {
        // The server has quoted the name.
        let rows = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut *connection)
            .await
            .map_err(failed())?;
        counts.push((table, rows));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_range_has_no_more_media_than_the_most() {
        assert_eq!(Extent::of(Size::Small).media, 5_000);
        assert_eq!(Extent::of(Size::Large).media, MOST_MEDIA);
        assert_eq!(Extent::of(Size::Large).steps(), 42);
    }

    #[test]
    fn the_newest_object_is_new_and_content_follows_from_the_number() {
        let extent = Extent::of(Size::Small);
        let newest = MediaObject::laid_out(extent.media, extent);
        assert_eq!(newest.uploaded.timestamp(), extent.now);
        assert!(newest.content.starts_with(b"\0\0\0\x20ftyp"), "number 5000 is a recording");
        assert_eq!(newest.content.len(), 12 + 32 * (8 + 5_000 % 57));
        assert_eq!(MediaObject::laid_out(7, extent), MediaObject::laid_out(7, extent));
        assert_ne!(MediaObject::laid_out(7, extent).content, MediaObject::laid_out(8, extent).content);
    }

    #[test]
    fn an_upload_never_makes_the_bucket() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pool = {
            let _inside = runtime.enter();
            sqlx::postgres::PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap()
        };
        let bucket = folder.path().join("bucket");
        let life = Life { pool, bucket: bucket.clone(), aside: folder.path().to_owned(), media: 1 };
        assert!(life.store(&MediaObject::new(2, Utc::now())).is_err());
        assert!(!bucket.exists());
        fs::create_dir(&bucket).unwrap();
        assert!(life.store(&MediaObject::new(2, Utc::now())).unwrap().is_file());
    }
}
