//! Faults found in scripts that did these jobs before, each as a test: what went wrong there must not here.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use lifeboat_domain::{
    check::{
        BucketProbe, Check, DnsProbe, Feed, FileNewestProbe, ObjectSampleProbe, Otherwise, PostgresArchiveProbe,
        PostgresProbe, PostgresReplicationProbe, Probe, RecordType, Sample, StatusPageProbe, TcpProbe, TlsProbe,
        Verdict::{Operational, Outage, Unknown},
        WithoutFolder,
    },
    environment::{Target, TlsMode},
    plan::quantity::{Period, Size},
};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::{
    cluster::Cluster,
    object::{Store, at, error, newest_check},
    support::{SECRET, Server, assert_sample, bound, check, http_check, id, probe, prober},
};

/// Computers west and east of Greenwich, where a time without its zone is taken for too young or too old.
const ZONES: [&str; 3] = ["America/New_York", "Asia/Dubai", "Pacific/Kiritimati"];
const ZONE: &str = "LIFEBOAT_TEST_ZONE";

/// Runs a test of this file again on a computer in each zone. True in the test that is so run.
fn in_other_zones(test: &str) -> bool {
    if std::env::var_os(ZONE).is_some() {
        return true;
    }
    for zone in ZONES {
        let run = Command::new(std::env::current_exe().unwrap())
            .args([format!("faults::{test}").as_str(), "--exact"])
            .env("TZ", zone)
            .env(ZONE, zone)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && told.contains("1 passed"), "{zone}: {told}");
    }
    false
}

#[tokio::test]
async fn b_17_the_newest_of_many_pages_is_found() {
    let store = Store::new().await;
    for number in 0..1_100 {
        store.put(&format!("daily/{number:05}.dump"), 100, 10);
    }
    store.put("daily/01050.dump", 2, 12);
    let sample = probe(&newest_check(), store.target("backups", "good")).await;
    assert_sample(&sample, Operational, "newest is 2h old, 12 B, of 1100 objects");
}

#[tokio::test]
async fn b_18_an_object_is_as_old_in_every_time_zone() {
    if !in_other_zones("b_18_an_object_is_as_old_in_every_time_zone") {
        return;
    }
    let store = Store::new().await;
    for (hours, verdict, reason) in
        [(28, Outage, "newest object is 1d 4h old, limit 1d 1h"), (22, Operational, "newest is 22h old")]
    {
        store.put("daily/a.dump", hours, 10);
        assert_sample(&probe(&newest_check(), store.target("backups", "good")).await, verdict, reason);
    }
}

#[tokio::test]
async fn b_19_access_denied_is_never_good_and_says_so() {
    let store = Server::saying(error("403 Forbidden", "AccessDenied")).await;
    let sample = probe(&newest_check(), at(&format!("http://{}", store.address), "backups", "good")).await;
    assert_sample(&sample, Unknown, "refused our credential (status 403: Some words)");
}

/// A store with one object of 64 KiB, and a database that knows its digest.
async fn described() -> (Store, Cluster) {
    let (store, cluster) = (Store::new().await, Cluster::primary("").await);
    store.put("media/a.jpg", 2, 64 << 10);
    let sha256 = hex::encode(Sha256::digest(vec![b'x'; 64 << 10]));
    cluster
        .run(&format!(
            "create role lifeboat_monitor login password '{SECRET}'; create table media (name text, sha256 text); \
             grant select on media to lifeboat_monitor; insert into media values ('media/a.jpg', '{sha256}')"
        ))
        .await;
    (store, cluster)
}

fn sampling() -> Check {
    check(Probe::ObjectSample(ObjectSampleProbe {
        endpoint: id("end"),
        database: id("database"),
        prefix: String::new(),
        suffix: String::new(),
        sample: 5,
        query: "select name as key, sha256 from media where name = any($1)".to_owned(),
        rows: None,
        settled: Period::from_secs(60),
        whole: Size::from_bytes(1 << 20),
        otherwise: Otherwise::Outage,
        without_row: Otherwise::Outage,
    }))
}

fn database(port: u16) -> Target {
    Target::Postgres {
        host: "127.0.0.1".to_owned(),
        port,
        database: "postgres".to_owned(),
        user: "lifeboat_monitor".to_owned(),
        credential: Some(id("good")),
        tls: TlsMode::Off,
        ca: None,
        private: false,
    }
}

async fn sampled(store: &Store, cluster: &Cluster) -> Sample {
    let targets = BTreeMap::from([
        (id("end"), Ok(store.target("backups", "good"))),
        (id("database"), Ok(database(cluster.port))),
    ]);
    prober().probe(&sampling(), &targets).await
}

#[tokio::test]
async fn b_20_a_wrong_byte_behind_the_first_kilobyte_is_found() {
    let (store, cluster) = described().await;
    assert_sample(&sampled(&store, &cluster).await, Operational, "1 object drawn from 1 as their rows say");
    let path = store.folder.path().join("backups/media/a.jpg");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut content = fs::read(&path).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(&path, content).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_sample(&sampled(&store, &cluster).await, Outage, "\"media/a.jpg\" has another content than its row says");
}

#[tokio::test]
async fn b_21_storage_behind_a_path_of_its_own_is_asked_there() {
    let listing = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    let store = Server::doing(move |mut stream| async move {
        let asked = crate::support::head(&mut stream).await;
        let there = asked.starts_with("GET /storage/v1/s3/media?") || asked.starts_with("GET /storage/v1/s3/media/?");
        let said =
            if there { crate::support::answer("200 OK", "application/xml", listing) } else { error("404 No", "") };
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, said.as_bytes()).await;
    })
    .await;
    for end in ["", "/"] {
        let target = at(&format!("http://{}/storage/v1/s3{end}", store.address), "media", "good");
        assert_sample(&probe(&newest_check(), target).await, Outage, "no object under \"daily/\"");
    }
}

#[tokio::test]
async fn b_36_every_look_ends_when_nobody_answers() {
    let server = Server::doing(|mut stream| async move {
        let mut buffer = [0; 4_096];
        while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    let (end, host, port) = (id("end"), "127.0.0.1".to_owned(), server.address.port());
    let host_target = Target::Host { host: host.clone(), port, server_name: host.clone(), ca: None, private: false };
    let bucket = || at(&format!("http://{}", server.address), "backups", "good");
    let name =
        Target::Name { name: "api.example.test".to_owned(), servers: vec![server.address.to_string()], private: false };
    let Probe::ObjectNewest(newest) = newest_check().probe else { unreachable!() };
    let dns = DnsProbe {
        endpoint: end.clone(),
        record: RecordType::A,
        all_of: Vec::new(),
        any_of: Vec::new(),
        none_outside: Vec::new(),
        otherwise: Otherwise::Outage,
        min_ttl: None,
    };
    let kinds: Vec<(Probe, Target)> = vec![
        (http_check("/", Vec::new()).probe, server.http()),
        (Probe::Tls(TlsProbe { endpoint: end.clone(), expires_after: Period::from_secs(60) }), host_target),
        (
            Probe::StatusPage(StatusPageProbe { endpoint: end.clone(), feed: Feed::Stripe, components: Vec::new() }),
            server.http(),
        ),
        (postgres(), database(port)),
        (
            Probe::PostgresReplication(PostgresReplicationProbe {
                endpoint: end.clone(),
                primary: end.clone(),
                degraded_behind: Period::from_secs(60),
                outage_behind: Period::from_secs(60),
                degraded_bytes: Size::from_bytes(1),
            }),
            database(port),
        ),
        (
            Probe::PostgresArchive(PostgresArchiveProbe { endpoint: end.clone(), max_age: Period::from_secs(60) }),
            database(port),
        ),
        (Probe::ObjectNewest(newest), bucket()),
        (Probe::Bucket(BucketProbe { endpoint: end.clone(), expect: Vec::new() }), bucket()),
        (sampling().probe, bucket()),
        (Probe::Dns(dns), name),
    ];
    let limit = Duration::from_millis(800);
    for (probe_of, target) in kinds {
        let check = Check { timeout: Period::from_millis(800), ..check(probe_of) };
        let begun = Instant::now();
        let sample = probe(&check, target).await;
        assert!(begun.elapsed() < limit + Duration::from_secs(1), "{:?} took {:?}", check.probe, begun.elapsed());
        assert!(matches!(sample.verdict, Outage | Unknown), "{sample:?}");
        assert!(sample.reason.contains("no answer within"), "{sample:?}");
    }
}

#[tokio::test]
async fn b_37_the_words_of_a_status_page_are_kept() {
    let page = |indicator: &str, words: &str| {
        format!(r#"{{"status":{{"indicator":"{indicator}","description":"{words}"}},"components":[]}}"#)
    };
    let check = check(Probe::StatusPage(StatusPageProbe {
        endpoint: id("end"),
        feed: Feed::Statuspage,
        components: Vec::new(),
    }));
    for (indicator, words) in [("none", "All Systems Operational"), ("major", "Partial System Outage")] {
        let server = Server::answering("200 OK", "application/json", &page(indicator, words)).await;
        let sample = probe(&check, server.http()).await;
        let kept: Sample = serde_json::from_str(&serde_json::to_string(&sample).unwrap()).unwrap();
        assert!(kept.reason.contains(words), "{kept:?}");
        assert_eq!(kept.answer.is_some(), indicator != "none", "what was bad is kept whole: {kept:?}");
    }
}

fn postgres() -> Probe {
    Probe::Postgres(PostgresProbe { endpoint: id("end"), write: false, questions: Vec::new() })
}

#[tokio::test]
async fn b_38_a_port_that_answers_is_not_a_database_that_works() {
    let server = Server::doing(|stream| async move { drop(stream) }).await;
    let port = server.address.port();
    let host = "127.0.0.1".to_owned();
    let open = Target::Host { host: host.clone(), port, server_name: host, ca: None, private: false };
    let tcp = check(Probe::Tcp(TcpProbe { endpoint: id("end") }));
    assert_sample(&probe(&tcp, open).await, Operational, "accepts connections");
    assert_eq!(probe(&check(postgres()), database(port)).await.verdict, Outage);
}

#[tokio::test]
async fn b_123_the_first_key_is_not_taken_for_the_newest() {
    let store = Store::new().await;
    for day in 0..60_u64 {
        store.put(&format!("daily/{day:03}.dump"), (60 - day) * 24 - 22, 10);
    }
    let sample = probe(&newest_check(), store.target("backups", "good")).await;
    assert_sample(&sample, Operational, "newest is 2h old, 10 B, of 60 objects");
}

#[tokio::test]
async fn b_124_a_file_is_as_old_in_every_time_zone() {
    if !in_other_zones("b_124_a_file_is_as_old_in_every_time_zone") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let newest = check(Probe::FileNewest(FileNewestProbe {
        endpoint: id("end"),
        prefix: String::new(),
        suffix: String::new(),
        max_age: Period::from_secs(25 * 3_600),
        degraded_age: None,
        min_size: Size::from_bytes(1),
        without_folder: WithoutFolder::Outage,
    }));
    let path = folder.path().join("a.dump");
    fs::write(&path, "x").unwrap();
    for (hours, verdict) in [(28_u64, Outage), (22, Operational)] {
        let modified = SystemTime::now() - Duration::from_hours(hours);
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        let target = Target::Folder { path: folder.path().to_str().unwrap().to_owned() };
        assert_eq!(probe(&newest, target).await.verdict, verdict, "{hours} hours old");
    }
}

#[tokio::test]
async fn b_126_one_check_judges_every_bucket_alike_and_leaves_no_connection_open() {
    let (store, cluster) = described().await;
    fs::create_dir(store.folder.path().join("copies")).unwrap();
    store.put("daily/a.dump", 74, 10);
    let copied = store.folder.path().join("copies/daily");
    fs::create_dir(&copied).unwrap();
    fs::write(copied.join("a.dump"), vec![b'x'; 10]).unwrap();
    let old = SystemTime::now() - Duration::from_hours(74);
    fs::File::options().write(true).open(copied.join("a.dump")).unwrap().set_modified(old).unwrap();
    let prober = prober();
    let mut told = Vec::new();
    for bucket in ["backups", "copies"] {
        told.push(prober.probe(&newest_check(), &bound(store.target(bucket, "good"))).await.reason);
    }
    assert_eq!(told, ["newest object is 3d 2h old, limit 1d 1h"; 2]);
    for _ in 0..3 {
        assert_sample(&sampled(&store, &cluster).await, Outage, "has no row");
    }
    cluster.until("select count(*) = 0 from pg_stat_activity where application_name = 'lifeboat'").await;
}
