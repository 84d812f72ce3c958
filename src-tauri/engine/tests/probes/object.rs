//! The newest object of a bucket, against a real S3 store in this process and against stores that misbehave.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use lifeboat_domain::{
    check::{
        Check, ObjectNewestProbe, Probe,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::Target,
    plan::quantity::{Period, Size},
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;

use crate::support::{SECRET, Server, answer, assert_sample, check, closed_port, id, measured, probe};

const HOUR: u64 = 3_600;

/// An S3 store over a folder, with a bucket `backups`.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
}

impl Store {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("backups")).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("lifeboat", SECRET));
        let service = builder.build();
        let server = Server::doing(move |stream| {
            let service = service.clone();
            async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            }
        })
        .await;
        Self { folder, server }
    }

    pub(crate) fn put(&self, key: &str, hours: u64, size: usize) {
        let path = self.folder.path().join("backups").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![b'x'; size]).unwrap();
        date(&path, SystemTime::now() - Duration::from_secs(hours * HOUR));
    }

    pub(crate) fn target(&self, bucket: &str, credential: &str) -> Target {
        at(&format!("http://{}", self.server.address), bucket, credential)
    }
}

fn date(path: &Path, modified: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

pub(crate) fn at(url: &str, bucket: &str, credential: &str) -> Target {
    Target::Bucket {
        url: Some(url.to_owned()),
        bucket: bucket.to_owned(),
        region: "eu-west-1".to_owned(),
        access_key: "lifeboat".to_owned(),
        credential: id(credential),
        private: false,
    }
}

pub(crate) fn newest_check() -> Check {
    check(Probe::ObjectNewest(ObjectNewestProbe {
        endpoint: id("end"),
        prefix: "daily/".to_owned(),
        suffix: ".dump".to_owned(),
        max_age: Period::from_secs(25 * HOUR),
        degraded_age: Some(Period::from_secs(24 * HOUR)),
        min_size: Size::from_bytes(10),
    }))
}

#[tokio::test]
async fn the_newest_is_not_among_the_first_keys_and_its_age_is_in_utc() {
    let store = Store::new().await;
    for day in 0..60_u64 {
        store.put(&format!("daily/{day:03}.dump"), (60 - day) * 24 - 22, 10);
    }
    store.put("weekly/zzz.dump", 0, 10);
    let sample = probe(&newest_check(), store.target("backups", "good")).await;
    assert_sample(&sample, Operational, "newest is 2h old, 10 B, of 60 objects");
    assert!((measured(&sample, "newest age") - 7_200.0).abs() < 60.0);
}

#[tokio::test]
async fn every_page_is_read() {
    let store = Store::new().await;
    for number in 0..1_100 {
        store.put(&format!("daily/{number:05}.dump"), 100, 10);
    }
    store.put("daily/01050.dump", 3, 12);
    let sample = probe(&newest_check(), store.target("backups", "good")).await;
    assert_sample(&sample, Operational, "newest is 3h old, 12 B, of 1100 objects");
}

#[tokio::test]
async fn age_size_and_absence_are_judged() {
    let store = Store::new().await;
    assert_sample(&probe(&newest_check(), store.target("backups", "good")).await, Outage, "no object under \"daily/\"");
    for (hours, size, verdict, reason) in [
        (74, 10, Outage, "newest object is 3d 2h old, limit 1d 1h"),
        (24, 10, Degraded, "newest object is 1d old, limit 1d"),
        (1, 10, Operational, "newest is 1h old"),
        (0, 0, Outage, "newest object has 0 B, expected at least 10 B"),
    ] {
        store.put("daily/a.dump", hours, size);
        // A file beside it that is not asked for changes nothing.
        store.put("daily/a.log", 0, 99);
        assert_sample(&probe(&newest_check(), store.target("backups", "good")).await, verdict, reason);
    }
    let future = SystemTime::now() + Duration::from_secs(HOUR);
    date(&store.folder.path().join("backups/daily/a.dump"), future);
    assert_sample(&probe(&newest_check(), store.target("backups", "good")).await, Unknown, "clock differs");
}

#[tokio::test]
async fn refused_is_not_missing_and_missing_is_not_refused() {
    let store = Store::new().await;
    assert_sample(&probe(&newest_check(), store.target("gone-bucket", "good")).await, Outage, "the bucket is gone");
    assert_sample(&probe(&newest_check(), store.target("backups", "bad")).await, Unknown, "refused our credential");
    let Target::Bucket { url, bucket, region, credential, .. } = store.target("backups", "good") else {
        unreachable!()
    };
    let stranger =
        Target::Bucket { url, bucket, region, credential, access_key: "stranger".to_owned(), private: false };
    assert_sample(&probe(&newest_check(), stranger).await, Unknown, "refused our credential");
    assert_sample(
        &probe(&newest_check(), store.target("backups", "nowhere")).await,
        Unknown,
        "no credential is stored",
    );
    let nobody = at(&format!("http://127.0.0.1:{}", closed_port().await), "backups", "good");
    assert_sample(&probe(&newest_check(), nobody).await, Outage, "refused the connection");
    let nowhere = at("http://no-such-host.invalid", "backups", "good");
    assert_sample(&probe(&newest_check(), nowhere).await, Unknown, "name not ");
}

pub(crate) fn error(status: &str, code: &str) -> String {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Some words</Message></Error>");
    answer(status, "application/xml", &body)
}

#[tokio::test]
async fn stores_that_misbehave() {
    let empty =
        r#"<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated></ListBucketResult>"#;
    for (said, verdict, reason) in [
        (error("501 Not Implemented", "NotImplemented"), Unknown, "not implemented there"),
        (error("403 Forbidden", "AccessDenied"), Unknown, "refused our credential (status 403: Some words)"),
        (error("403 Forbidden", "RequestTimeTooSkewed"), Unknown, "clock differs"),
        (error("301 Moved", "PermanentRedirect"), Unknown, "another region"),
        (error("503 Slow Down", "SlowDown"), Unknown, "less often"),
        (error("500 Oh", "InternalError"), Outage, "status 500: Some words"),
        (answer("503 Oh", "text/html", "<html>sorry</html>"), Outage, "status 503"),
        (answer("200 OK", "text/html", "<html>Welcome</html>"), Outage, "not understood"),
        (answer("200 OK", "text/plain", "OK"), Outage, "not understood"),
        (answer("200 OK", "application/xml", empty), Outage, "the listing does not go on"),
        (String::new(), Outage, "closed the connection before answering"),
    ] {
        let store = Server::saying(said.clone()).await;
        let sample = probe(&newest_check(), at(&format!("http://{}", store.address), "backups", "good")).await;
        assert_sample(&sample, verdict, reason);
        assert_eq!(store.connections(), 1, "asked more than once: {said}");
    }
    let silent = Server::doing(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let quick = Check { timeout: Period::from_millis(300), ..newest_check() };
    let sample = probe(&quick, at(&format!("http://{}", silent.address), "backups", "good")).await;
    assert_sample(&sample, Outage, "no answer within 300ms");
}
