//! A bucket's settings, against a store that tells them, a real one that does not know them, and some that misbehave.

use std::{collections::BTreeMap, sync::Arc};

use lifeboat_domain::{
    check::{
        BucketAspect, BucketExpectation, BucketProbe, Check, EncryptionExpectation, LifecycleExpectation, LockMode,
        ObjectLockExpectation, Otherwise, Probe, PublicAccessExpectation, RegionExpectation, ReplicationExpectation,
        Verdict::{self, Degraded, Operational, Outage, Unknown},
        VersioningExpectation,
    },
    plan::quantity::Period,
};
use tokio::io::AsyncWriteExt;

use crate::{
    object::{Store, at, error},
    support::{Server, answer, assert_sample, check, closed_port, head, id, probe},
};

fn expecting(aspects: Vec<BucketAspect>) -> Check {
    let expect = aspects.into_iter().map(|aspect| BucketExpectation { otherwise: Otherwise::Outage, aspect });
    check(Probe::Bucket(BucketProbe { endpoint: id("end"), expect: expect.collect() }))
}

fn versioning() -> BucketAspect {
    BucketAspect::Versioning(VersioningExpectation { second_factor: false })
}

fn everything() -> Vec<BucketAspect> {
    let month = Period::from_secs(30 * 86_400);
    vec![
        BucketAspect::Region(RegionExpectation { is: None }),
        versioning(),
        BucketAspect::ObjectLock(ObjectLockExpectation { mode: Some(LockMode::Compliance), at_least: Some(month) }),
        BucketAspect::Replication(ReplicationExpectation { to: Some("copy".to_owned()) }),
        BucketAspect::PublicAccess(PublicAccessExpectation { except: Vec::new() }),
        BucketAspect::Encryption(EncryptionExpectation { with: Some("aws:kms".to_owned()) }),
        BucketAspect::Lifecycle(LifecycleExpectation { keep: month, prefix: "daily/".to_owned() }),
    ]
}

fn xml(body: &str) -> String {
    answer("200 OK", "application/xml", &format!("<?xml version=\"1.0\"?>{body}"))
}

/// What a well-kept account answers, by a word of the question.
fn well_kept() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("HEAD", "HTTP/1.1 200 OK\r\nx-amz-bucket-region: eu-west-1\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("versioning", xml("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")),
        (
            "object-lock",
            xml("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                 <Mode>COMPLIANCE</Mode><Years>1</Years></DefaultRetention></Rule></ObjectLockConfiguration>"),
        ),
        (
            "replication",
            xml("<ReplicationConfiguration><Role>r</Role><Rule><Status>Enabled</Status><Destination>\
                 <Bucket>arn:aws:s3:::copy</Bucket></Destination></Rule></ReplicationConfiguration>"),
        ),
        (
            "publicAccessBlock",
            xml("<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true\
                 </IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true\
                 </RestrictPublicBuckets></PublicAccessBlockConfiguration>"),
        ),
        (
            "encryption",
            xml("<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
                 </SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"),
        ),
        (
            "lifecycle",
            xml("<LifecycleConfiguration><Rule><ID>clean</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix>\
                 </Filter><Expiration><Days>1</Days></Expiration></Rule><Rule><ID>off</ID><Status>Disabled</Status>\
                 <Filter></Filter><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"),
        ),
    ])
}

async fn telling(answers: BTreeMap<&'static str, String>) -> Server {
    let answers = Arc::new(answers);
    Server::doing(move |mut stream| {
        let answers = Arc::clone(&answers);
        async move {
            let question = head(&mut stream).await;
            let line = question.lines().next().unwrap_or_default().to_owned();
            let found = answers.iter().find(|(word, _)| line.contains(**word));
            let unknown = error("501 Not Implemented", "NotImplemented");
            let _ = stream.write_all(found.map_or(&unknown, |(_, answer)| answer).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

async fn judged(check: &Check, answers: BTreeMap<&'static str, String>) -> (Verdict, String, Option<String>) {
    let server = telling(answers).await;
    let sample = probe(check, at(&format!("http://{}", server.address), "backups", "good")).await;
    assert_sample(&sample, sample.verdict, "");
    (sample.verdict, sample.reason, sample.answer)
}

#[tokio::test]
async fn every_setting_of_a_well_kept_bucket_is_read() {
    let (verdict, reason, _) = judged(&expecting(everything()), well_kept()).await;
    assert_eq!(verdict, Operational, "{reason}");
    assert_eq!(
        reason,
        "in eu-west-1, versioning is on, compliance lock for 365d, replicated to copy, public access is blocked, \
         encrypted with aws:kms, no rule deletes within 30d"
    );
}

#[tokio::test]
async fn each_setting_is_asked_for_and_judged_on_its_own() {
    let missing = |code| error("404 Not Found", code);
    let suspended = xml("<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>");
    let never = xml("<VersioningConfiguration/>");
    let rule = |body: &str| {
        xml(&format!(
            "<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status>{body}</Rule></LifecycleConfiguration>"
        ))
    };
    let by_day = rule("<Prefix>daily/</Prefix><Expiration><Days>7</Days></Expiration>");
    let versions = rule(
        "<Filter><And><Prefix></Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter>\
         <NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration>",
    );
    let lifted =
        xml("<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>");
    for (question, said, verdict, reason) in [
        ("versioning", suspended, Outage, "versioning is suspended"),
        ("versioning", never, Outage, "versioning is off"),
        (
            "versioning",
            error("403 Forbidden", "AccessDenied"),
            Unknown,
            "versioning is not known: does not let us look",
        ),
        ("versioning", error("405 No", "MethodNotAllowed"), Unknown, "versioning is not known: not implemented there"),
        ("versioning", error("500 Oh", "InternalError"), Outage, "versioning is not known: status 500"),
        ("object-lock", missing("ObjectLockConfigurationNotFoundError"), Outage, "object lock is off"),
        ("object-lock", error("501 No", "NotImplemented"), Unknown, "object-lock is not known: not implemented there"),
        ("replication", missing("ReplicationConfigurationNotFoundError"), Outage, "not replicated"),
        ("publicAccessBlock", missing("NoSuchPublicAccessBlockConfiguration"), Outage, "public access is not blocked"),
        ("publicAccessBlock", lifted, Outage, "ignore-public-acls, block-public-policy, restrict-public-buckets off"),
        (
            "encryption",
            missing("ServerSideEncryptionConfigurationNotFoundError"),
            Outage,
            "new objects are not encrypted",
        ),
        ("lifecycle", missing("NoSuchLifecycleConfiguration"), Operational, "no rule deletes within 30d"),
        ("lifecycle", by_day, Outage, "rule \"old\" deletes after 7d"),
        ("lifecycle", versions, Outage, "rule \"old\" deletes earlier versions after 3d"),
    ] {
        let mut answers = well_kept();
        answers.insert(question, said);
        let (found, told, kept) = judged(&expecting(everything()), answers).await;
        assert_eq!(found, verdict, "{told}");
        assert!(told.contains(reason), "{told} does not hold {reason}");
        let told_of = kept.map_or(0, |kept| kept.lines().count());
        assert_eq!(told_of, if verdict == Operational { 0 } else { 7 }, "every setting is told of");
    }
    let milder = BucketExpectation { otherwise: Otherwise::Degraded, aspect: versioning() };
    let check = check(Probe::Bucket(BucketProbe { endpoint: id("end"), expect: vec![milder] }));
    let off =
        BTreeMap::from([("HEAD", well_kept()["HEAD"].clone()), ("versioning", xml("<VersioningConfiguration/>"))]);
    assert_eq!(judged(&check, off).await.0, Degraded);
}

#[tokio::test]
async fn a_store_that_does_not_know_settings_leaves_them_unknown() {
    let store = Store::new().await;
    let reached = probe(&expecting(Vec::new()), store.target("backups", "good")).await;
    assert_sample(&reached, Operational, "can be reached");
    let sample = probe(&expecting(vec![versioning()]), store.target("backups", "good")).await;
    assert_sample(&sample, Unknown, "versioning is not known: not implemented there");
}

#[tokio::test]
async fn a_bucket_that_cannot_be_reached_is_told_from_one_we_may_not_see() {
    let store = Store::new().await;
    for (bucket, credential, verdict, reason) in [
        ("gone-bucket", "good", Outage, "the bucket is gone"),
        ("backups", "bad", Unknown, "refused our credential"),
        ("backups", "nowhere", Unknown, "no credential is stored"),
    ] {
        let sample = probe(&expecting(vec![versioning()]), store.target(bucket, credential)).await;
        assert_sample(&sample, verdict, reason);
    }
    let nobody = at(&format!("http://127.0.0.1:{}", closed_port().await), "backups", "good");
    assert_sample(&probe(&expecting(vec![versioning()]), nobody).await, Outage, "refused the connection");
    // Another region answers with its name, which is what the check asks.
    let moved = "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: us-east-1\r\ncontent-length: 0\r\n\r\n".to_owned();
    let region = vec![BucketAspect::Region(RegionExpectation { is: None })];
    let (verdict, reason, _) = judged(&expecting(region), BTreeMap::from([("HEAD", moved.clone())])).await;
    assert_eq!((verdict, reason.as_str()), (Outage, "in us-east-1, expected eu-west-1"));
    let (verdict, reason, _) = judged(&expecting(vec![versioning()]), BTreeMap::from([("HEAD", moved)])).await;
    assert_eq!(verdict, Unknown, "{reason}");
    let unnamed = BTreeMap::from([
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("location", xml("<LocationConstraint>EU</LocationConstraint>")),
    ]);
    let region = vec![BucketAspect::Region(RegionExpectation { is: None })];
    assert_eq!(judged(&expecting(region), unnamed).await.1, "in eu-west-1");
}
