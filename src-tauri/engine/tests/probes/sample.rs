//! Objects drawn by chance against rows of a real PostgreSQL, from a real S3 store.

use std::{collections::BTreeMap, fs};

use lifeboat_domain::{
    check::{
        Check, ObjectSampleProbe, Otherwise, Probe, Sample,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::{Target, TlsMode},
    plan::quantity::{Period, Size},
};
use lifeboat_engine::probe::Targets;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::{
    cluster::Cluster,
    object::{Store, at, error},
    support::{SECRET, Server, assert_sample, check, id, measured, prober},
};

const QUERY: &str = "select name as key, size, sha256, md5 from media where name = any($1)";
const ROWS: &str = "select name from media order by random() limit $1";

/// A store and a database that describes it.
struct Platform {
    store: Store,
    cluster: Cluster,
}

impl Platform {
    async fn new() -> Self {
        let cluster = Cluster::primary("").await;
        cluster
            .run(&format!(
                "create role lifeboat_monitor login password '{SECRET}'; \
                 create table media (name text primary key, size bigint, sha256 bytea, md5 text); \
                 grant select on media to lifeboat_monitor; create table private (name text)"
            ))
            .await;
        Self { store: Store::new().await, cluster }
    }

    /// An object two hours old and its row.
    async fn put(&self, key: &str, content: &[u8]) {
        self.store.put(key, 2, 1);
        self.overwrite(key, content);
        let (sha256, md5) = (hex::encode(Sha256::digest(content)), hex::encode(Md5::digest(content)));
        let size = content.len();
        self.cluster
            .run(&format!(
                "insert into media values ('{key}', {size}, '\\x{sha256}', '{md5}') on conflict (name) do update \
                 set size = excluded.size, sha256 = excluded.sha256, md5 = excluded.md5"
            ))
            .await;
    }

    /// Another content of the same age.
    fn overwrite(&self, key: &str, content: &[u8]) {
        let path = self.store.folder.path().join("backups").join(key);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, content).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }

    fn targets(&self) -> Targets {
        BTreeMap::from([
            (id("end"), Ok(self.store.target("backups", "good"))),
            (id("database"), Ok(database(self.cluster.port, "good"))),
        ])
    }

    async fn sample(&self, check: &Check) -> Sample {
        prober().probe(check, &self.targets()).await
    }
}

fn database(port: u16, credential: &str) -> Target {
    Target::Postgres {
        host: "127.0.0.1".to_owned(),
        port,
        database: "postgres".to_owned(),
        user: "lifeboat_monitor".to_owned(),
        credential: Some(id(credential)),
        tls: TlsMode::Off,
        ca: None,
        private: false,
    }
}

fn sampling() -> ObjectSampleProbe {
    ObjectSampleProbe {
        endpoint: id("end"),
        database: id("database"),
        prefix: "media/".to_owned(),
        suffix: ".jpg".to_owned(),
        sample: 20,
        query: QUERY.to_owned(),
        rows: Some(ROWS.to_owned()),
        settled: Period::from_secs(3_600),
        whole: Size::from_bytes(64 << 10),
        otherwise: Otherwise::Outage,
        without_row: Otherwise::Degraded,
    }
}

fn check_of(probe: ObjectSampleProbe) -> Check {
    Check { timeout: Period::from_secs(30), ..check(Probe::ObjectSample(probe)) }
}

#[tokio::test]
async fn objects_are_read_to_their_last_byte_and_held_against_their_rows() {
    let platform = Platform::new().await;
    let check = check_of(sampling());
    assert_sample(&platform.sample(&check).await, Unknown, "no object to draw under \"media/\" that is older than 1h");
    let content = vec![b'x'; 5_000];
    for number in 0..8 {
        platform.put(&format!("media/{number} of eight.jpg"), &content).await;
    }
    // Neither too young nor asked for.
    platform.store.put("media/new.jpg", 0, 10);
    platform.store.put("media/other.png", 2, 10);
    let sample = platform.sample(&check).await;
    assert_sample(&sample, Operational, "8 objects drawn from 8 as their rows say");
    assert!((measured(&sample, "at fault")).abs() < f64::EPSILON);

    let one = "media/3 of eight.jpg";
    let mut damaged = content.clone();
    damaged[4_999] ^= 1;
    let path = platform.store.folder.path().join("backups").join(one);
    for (now, verdict, reason) in [
        (Some(damaged), Outage, "has another content than its row says, by SHA-256"),
        (Some(vec![b'x'; 4_999]), Outage, "has 4999 bytes, its row says 5000"),
        (Some(Vec::new()), Outage, "has 0 bytes, its row says 5000"),
        (None, Outage, "is gone, and its row is there"),
    ] {
        match now {
            Some(now) => platform.overwrite(one, &now),
            None => fs::remove_file(&path).unwrap(),
        }
        let sample = platform.sample(&check).await;
        assert_sample(&sample, verdict, &format!("\"{one}\" {reason}"));
        assert_eq!(sample.answer.unwrap().lines().count(), 8, "every object drawn is told");
    }
    // Without drawing from the rows nobody misses it.
    let objects_only = check_of(ObjectSampleProbe { rows: None, ..sampling() });
    assert_sample(&platform.sample(&objects_only).await, Operational, "7 objects drawn from 7");
    platform.cluster.run("delete from media where name like '%3 of%' or name like '%4 of%'").await;
    assert_sample(&platform.sample(&check).await, Degraded, "\"media/4 of eight.jpg\" has no row");
    platform.cluster.run("update media set sha256 = null, md5 = repeat('0', 32) where name like '%5 of%'").await;
    assert_sample(&platform.sample(&check).await, Outage, "has another content than its row says, by MD5");
    platform.cluster.until("select count(*) = 0 from pg_stat_activity where application_name = 'lifeboat'").await;
}

#[tokio::test]
async fn objects_of_every_page_may_be_drawn() {
    let platform = Platform::new().await;
    for number in 0..1_000 {
        platform.store.put(&format!("media/{number:05}.jpg"), 0, 1);
    }
    // The first page holds none that may be drawn.
    for number in 1_000..1_100 {
        platform.store.put(&format!("media/{number:05}.jpg"), 2, 1);
    }
    let sample = platform.sample(&check_of(ObjectSampleProbe { rows: None, ..sampling() })).await;
    assert_sample(&sample, Degraded, "has no row; and 19 more");
    assert!((measured(&sample, "objects") - 100.0).abs() < f64::EPSILON);
    let keys = |sample: &Sample| sample.answer.clone().unwrap();
    let again = platform.sample(&check_of(ObjectSampleProbe { rows: None, ..sampling() })).await;
    assert_ne!(keys(&sample), keys(&again), "drawn anew each time");
}

#[tokio::test]
async fn a_large_object_is_read_in_pieces_and_its_size_is_proved() {
    let platform = Platform::new().await;
    platform.put("media/large.jpg", &vec![7; 3 << 20]).await;
    let check = check_of(sampling());
    let sample = platform.sample(&check).await;
    assert_sample(
        &sample,
        Operational,
        "1 object drawn from 1 as their rows say, 1 of them too large to be read whole",
    );
    platform.overwrite("media/large.jpg", &vec![7; (3 << 20) - 1]);
    assert_sample(&platform.sample(&check).await, Outage, "has 3145727 bytes, its row says 3145728");
    let whole = check_of(ObjectSampleProbe { whole: Size::from_bytes(4 << 20), ..sampling() });
    platform.put("media/large.jpg", &vec![7; 3 << 20]).await;
    assert_sample(&platform.sample(&whole).await, Operational, "1 object drawn from 1 as their rows say");
}

#[tokio::test]
async fn a_database_that_cannot_be_asked_says_nothing_of_the_objects() {
    let mut platform = Platform::new().await;
    platform.put("media/a.jpg", b"content").await;
    let asking = |query: &str| check_of(ObjectSampleProbe { query: query.to_owned(), ..sampling() });
    for (query, reason) in [
        ("selec $1", "rows could not be read: the query is not valid"),
        ("select name as key from private where name = any($1)", "rows could not be read: does not let us look"),
        ("select name as key from nowhere where name = any($1)", "relation \"nowhere\" does not exist"),
        ("select size from media where name = any($1)", "no text in the column \"key\""),
        ("delete from media where name = any($1) returning name as key", "rows could not be read"),
        (
            "select name as key from media where name = any($1)) as asked; drop table media; --",
            "rows could not be read",
        ),
    ] {
        assert_sample(&platform.sample(&asking(query)).await, Unknown, reason);
    }
    assert_sample(&platform.sample(&check_of(sampling())).await, Operational, "1 object drawn");
    let mut targets = platform.targets();
    targets.insert(id("database"), Ok(database(platform.cluster.port, "bad")));
    let sample = prober().probe(&check_of(sampling()), &targets).await;
    assert_sample(&sample, Unknown, "rows could not be read: refused our credential");
    platform.cluster.stop(rustix::process::Signal::QUIT);
    let sample = platform.sample(&check_of(sampling())).await;
    assert_sample(&sample, Unknown, "rows could not be read: refused the connection");
}

#[tokio::test]
async fn a_store_that_does_not_hand_out_what_it_lists_is_told() {
    let platform = Platform::new().await;
    platform.put("media/a.jpg", b"content").await;
    let listing = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated><Contents>\
        <Key>media/a.jpg</Key><LastModified>2020-01-01T00:00:00Z</LastModified><Size>7</Size></Contents></ListBucketResult>";
    for (object, verdict, reason) in [
        (error("403 Forbidden", "AccessDenied"), Unknown, "\"media/a.jpg\" could not be read: refused our credential"),
        (error("403 Forbidden", "InvalidObjectState"), Unknown, "could not be read"),
        (error("500 Oh", "InternalError"), Outage, "\"media/a.jpg\" could not be read: status 500"),
        (error("404 Gone", "NoSuchKey"), Outage, "is gone, and its row is there"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncont".to_owned(),
            Outage,
            "could not be read: closed the connection",
        ),
        (crate::support::answer("200 OK", "image/jpeg", "CONTENT"), Outage, "another content than its row says"),
    ] {
        let list = crate::support::answer("200 OK", "application/xml", listing);
        let store = Server::doing(move |mut stream| {
            let (list, object) = (list.clone(), object.clone());
            async move {
                let asked = crate::support::head(&mut stream).await;
                let said = if asked.starts_with("GET /backups/media") { object } else { list };
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, said.as_bytes()).await;
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
            }
        })
        .await;
        let mut targets = platform.targets();
        targets.insert(id("end"), Ok(at(&format!("http://{}", store.address), "backups", "good")));
        let sample = prober().probe(&check_of(sampling()), &targets).await;
        assert_sample(&sample, verdict, reason);
    }
}
