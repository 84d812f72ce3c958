//! PostgreSQL checks against a real primary, a real standby and a real archive.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use lifeboat_domain::{
    Id,
    check::{
        Check, Otherwise, PostgresArchiveProbe, PostgresProbe, PostgresReplicationProbe, Probe, Question, Sample,
        Verdict::{self, Degraded, Operational, Outage, Unknown},
    },
    environment::{Target, TlsMode},
    plan::quantity::{Period, Size},
};
use lifeboat_engine::secrets::{SecretFault, SecretStore, Sensitive};
use rustix::process::Signal;

use crate::{
    cluster::Cluster,
    support::{Authority, SECRET, Server, assert_sample, check, closed_port, id, measured, probe, prober},
};

const MONITOR: &str = "create role lifeboat_monitor login password 'correct-horse-battery-staple'; \
     grant pg_monitor to lifeboat_monitor;";

fn target(port: u16, credential: &str) -> Target {
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

pub(crate) fn server_check(write: bool, questions: &[(&str, &str, Otherwise)]) -> Check {
    let questions = questions.iter().map(|(query, is, otherwise)| Question {
        query: (*query).to_owned(),
        is: (*is).to_owned(),
        means: "it is wrong".to_owned(),
        otherwise: *otherwise,
    });
    check(Probe::Postgres(PostgresProbe { endpoint: id("end"), write, questions: questions.collect() }))
}

#[tokio::test]
async fn a_server_reads_writes_and_answers_questions() {
    let mut cluster = Cluster::primary("").await;
    cluster.run(MONITOR).await;
    cluster
        .run(
            "create table public.orders (amount int); insert into orders values (1), (-2); \
              grant select on public.orders to lifeboat_monitor; create table public.private (a int)",
        )
        .await;
    let there = || target(cluster.port, "good");

    assert_sample(&probe(&server_check(false, &[]), there()).await, Operational, "reads");
    assert_sample(&probe(&server_check(true, &[]), there()).await, Operational, "reads and writes");

    let outage = Otherwise::Outage;
    for (query, is, otherwise, verdict, reason) in [
        ("select count(*) from orders", "2", outage, Operational, "1 question answered as expected"),
        ("select count(*) from orders; \n", "2", outage, Operational, "1 question answered"),
        ("select count(*) from orders -- all of them", "2", outage, Operational, "1 question answered"),
        ("with a as (select 1.50::numeric x) select x, 'b', 3 from a", "1.50", outage, Operational, "1 question"),
        ("select true", "true", outage, Operational, "1 question"),
        ("values ('a'), ('b')", "a", outage, Operational, "1 question"),
        ("select array[1,2]", "{1,2}", outage, Operational, "1 question"),
        ("select count(*) from orders where amount < 0", "0", outage, Outage, "it is wrong: got \"1\", expected \"0\""),
        ("select 1", "2", Otherwise::Degraded, Degraded, "it is wrong: got \"1\", expected \"2\""),
        ("select null::int", "1", outage, Outage, "it is wrong: got null, expected \"1\""),
        ("select 1 where false", "1", outage, Outage, "it is wrong: no row, expected \"1\""),
        ("select * from nowhere", "1", outage, Outage, "it is wrong: relation \"nowhere\" does not exist (42P01)"),
        ("select a from private", "1", outage, Unknown, "does not let us look: permission denied for table private"),
        ("selec 1", "1", outage, Unknown, "the query is not valid"),
        // Nothing a question says can change anything.
        ("select 1) as a (b); drop table orders; --", "1", outage, Unknown, "the query is not valid"),
        ("select 1; select 2", "1", outage, Unknown, "the query is not valid"),
        ("select set_config('transaction_read_only', 'off', true)", "off", outage, Outage, "it is wrong"),
    ] {
        let sample = probe(&server_check(false, &[(query, is, otherwise)]), there()).await;
        assert_sample(&sample, verdict, reason);
    }
    let all =
        server_check(true, &[("select * from nowhere", "1", outage), ("select count(*) from orders", "2", outage)]);
    assert_sample(&probe(&all, there()).await, Outage, "relation \"nowhere\"");

    let quick = Check {
        timeout: Period::from_millis(700),
        ..server_check(false, &[("select pg_sleep(60)::text", "", outage)])
    };
    let sample = probe(&quick, there()).await;
    assert_eq!(sample.verdict, Outage, "{sample:?}");
    cluster.until("select count(*) = 0 from pg_stat_activity where query like '%pg_sleep(60)::text%' and application_name = 'lifeboat'").await;

    cluster.run("alter role lifeboat_monitor set default_transaction_read_only = on").await;
    assert_sample(&probe(&server_check(true, &[]), there()).await, Outage, "accepts no writes: read-only");
    assert_sample(&probe(&server_check(false, &[]), there()).await, Operational, "reads");

    // Whom the server does not let in has not seen whether it works.
    assert_sample(
        &probe(&server_check(false, &[]), target(cluster.port, "bad")).await,
        Unknown,
        "refused our credential",
    );
    let Target::Postgres { host, port, user, tls, ca, .. } = there() else { unreachable!() };
    let anonymous = Target::Postgres {
        host: host.clone(),
        port,
        database: "postgres".to_owned(),
        user: user.clone(),
        credential: None,
        tls,
        ca: ca.clone(),
        private: false,
    };
    assert_sample(&probe(&server_check(false, &[]), anonymous).await, Unknown, "refused our credential");
    let gone = Target::Postgres {
        host,
        port,
        database: "samia".to_owned(),
        user,
        credential: Some(id("good")),
        tls,
        ca,
        private: false,
    };
    assert_sample(&probe(&server_check(false, &[]), gone).await, Outage, "database \"samia\" does not exist (3D000)");

    let port = cluster.port;
    cluster.stop(Signal::QUIT);
    assert_sample(&probe(&server_check(true, &[]), target(port, "good")).await, Outage, "refused the connection");
}

#[tokio::test]
async fn what_is_no_postgres_is_an_outage() {
    let silent = Server::doing(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let quick = Check { timeout: Period::from_millis(400), ..server_check(false, &[]) };
    assert_sample(&probe(&quick, target(silent.address.port(), "good")).await, Outage, "no answer within 400ms");
    let closing = Server::doing(|stream| async move { drop(stream) }).await;
    assert_sample(&probe(&quick, target(closing.address.port(), "good")).await, Outage, "the connection");
    let web = Server::doing(|mut stream| async move {
        use tokio::io::AsyncWriteExt;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.shutdown().await;
    })
    .await;
    let sample = probe(&quick, target(web.address.port(), "good")).await;
    assert_sample(&sample, Outage, "answer is not understood");
    assert_sample(&probe(&quick, target(closed_port().await, "nowhere")).await, Unknown, "no credential is stored");
}

#[tokio::test]
async fn encrypted_connections_are_verified() {
    let authority = Authority::new("ours");
    let issued = authority.issue("localhost", -1, 90);
    let cluster = Cluster::primary("").await;
    cluster.write("server.crt", &issued.certificate);
    cluster.write("server.key", &issued.key);
    cluster.run(MONITOR).await;
    let ca = tempfile::NamedTempFile::new().unwrap();
    fs::write(ca.path(), authority.pem()).unwrap();
    let at = |host: &str, ca: Option<&str>| Target::Postgres {
        host: host.to_owned(),
        port: cluster.port,
        database: "postgres".to_owned(),
        user: "lifeboat_monitor".to_owned(),
        credential: Some(id("good")),
        tls: TlsMode::VerifyFull,
        ca: ca.map(str::to_owned),
        private: false,
    };
    let own = ca.path().to_str().unwrap();
    let plain = server_check(false, &[]);
    assert_sample(&probe(&plain, at("localhost", Some(own))).await, Outage, "no TLS connection");
    cluster.run("alter system set ssl = on").await;
    cluster.run("select pg_reload_conf()").await;
    cluster.until("select current_setting('ssl') = 'on'").await;
    assert_sample(&probe(&plain, at("localhost", Some(own))).await, Operational, "reads");
    assert_sample(&probe(&plain, at("127.0.0.1", Some(own))).await, Outage, "certificate has the wrong name");
    assert_sample(&probe(&plain, at("localhost", None)).await, Outage, "certificate is from an unknown issuer");
    assert_sample(&probe(&plain, at("localhost", Some("/nonexistent"))).await, Unknown, "trusted certificates");
}

fn replication_check() -> Check {
    check(Probe::PostgresReplication(PostgresReplicationProbe {
        endpoint: id("standby"),
        primary: id("primary"),
        degraded_behind: Period::from_secs(60),
        outage_behind: Period::from_secs(3_600),
        degraded_bytes: Size::from_bytes(1 << 20),
    }))
}

async fn replication(standby: Target, primary: Target) -> Sample {
    let targets = BTreeMap::from([(id("standby"), Ok(standby)), (id("primary"), Ok(primary))]);
    prober().probe(&replication_check(), &targets).await
}

/// A keychain that waits for a person over one of its credentials.
struct Waiting;

impl SecretStore for Waiting {
    fn get(&self, handle: &Id) -> Result<Sensitive, SecretFault> {
        if handle.as_str() == "waits" {
            std::thread::sleep(Duration::from_secs(2));
        }
        Ok(Sensitive::new(SECRET))
    }
}

#[tokio::test]
async fn a_keychain_that_waits_for_a_person_is_held_against_no_server() {
    let silent = || {
        Server::doing(|stream| async move {
            let _stream = stream;
            std::future::pending::<()>().await;
        })
    };
    let (standby, primary) = (silent().await, silent().await);
    let prober = prober().with_secrets(Arc::new(Waiting));
    let check = Check { timeout: Period::from_millis(500), ..replication_check() };
    let targets = BTreeMap::from([
        (id("standby"), Ok(target(standby.address.port(), "waits"))),
        (id("primary"), Ok(target(primary.address.port(), "good"))),
    ]);
    let sample = prober.probe(&check, &targets).await;
    assert_sample(&sample, Unknown, "the keychain did not answer within 500ms");
    assert_eq!((standby.connections(), primary.connections()), (0, 0));
}

#[tokio::test]
async fn a_standby_streams_is_cut_off_and_is_promoted() {
    let mut primary = Cluster::primary("wal_level = replica\nmax_wal_senders = 4\nwal_keep_size = 64MB\n").await;
    primary.run(MONITOR).await;
    primary.run("create role nobody_special login password 'correct-horse-battery-staple'").await;
    let standby = Cluster::standby(&primary).await;
    standby.until("select status = 'streaming' from pg_stat_wal_receiver union all select false limit 1").await;
    let (first, second) = (target(primary.port, "good"), target(standby.port, "good"));
    let now = || replication(second.clone(), first.clone());

    // B-121, B-122: nothing was committed since the standby came up, and that is fine.
    let sample = now().await;
    assert_sample(&sample, Operational, "streams, 0s behind, ");
    assert!(measured(&sample, "seconds behind") < 1.0);
    let sample = probe(&server_check(true, &[]), second.clone()).await;
    assert_sample(&sample, Outage, "accepts no writes: in recovery");

    // Replay held back: received, but not replayed.
    standby.run("select pg_wal_replay_pause()").await;
    primary.run("create table filler as select repeat('x', 1000) from generate_series(1, 4000)").await;
    standby.until("select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() + 2000000").await;
    let sample = now().await;
    assert_sample(&sample, Degraded, "MiB behind, limit 1 MiB, replay is paused");
    assert!(measured(&sample, "bytes behind") > 2_000_000.0);
    standby.run("select pg_wal_replay_resume()").await;
    standby.until("select pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()").await;
    assert_sample(&now().await, Operational, "streams, 0s behind, ");

    // A role that may not look is not told that all is well.
    let Target::Postgres { host, port, database, credential, tls, ca, .. } = second.clone() else { unreachable!() };
    let blind = Target::Postgres {
        host,
        port,
        database,
        user: "nobody_special".to_owned(),
        credential,
        tls,
        ca,
        private: false,
    };
    assert_sample(&replication(blind, first.clone()).await, Unknown, "pg_read_all_stats");

    // The keychain waits for a person before it gives the primary's credential: nobody is accused of it.
    let slow = prober().with_secrets(Arc::new(Waiting));
    let targets =
        BTreeMap::from([(id("standby"), Ok(second.clone())), (id("primary"), Ok(target(primary.port, "waits")))]);
    let check = Check { timeout: Period::from_millis(1_600), ..replication_check() };
    let sample = slow.probe(&check, &targets).await;
    assert_sample(&sample, Unknown, "the primary could not be asked: the keychain did not answer within 800ms");

    // The primary cannot be asked, but the standby streams.
    let sample = replication(second.clone(), target(closed_port().await, "good")).await;
    assert_sample(&sample, Unknown, "but the primary could not be asked: refused the connection");

    // Cut off: what has arrived is replayed, so by itself it looks caught up.
    standby.run("alter system set primary_conninfo = ''").await;
    standby.run("select pg_reload_conf()").await;
    standby.until("select count(*) = 0 from pg_stat_wal_receiver").await;
    assert_sample(&now().await, Outage, "is cut off: its receiver is not running; last replayed change");

    // The primary is gone altogether.
    primary.stop(Signal::INT);
    assert_sample(
        &now().await,
        Outage,
        "receives nothing: its receiver is not running, and the primary: refused the connection",
    );

    standby.run("select pg_promote()").await;
    assert_sample(&now().await, Outage, "is no standby any more");
    assert_sample(&replication(target(closed_port().await, "good"), second).await, Outage, "refused the connection");
}

fn archive_check() -> Check {
    check(Probe::PostgresArchive(PostgresArchiveProbe { endpoint: id("end"), max_age: Period::from_secs(3_600) }))
}

async fn archive(cluster: &Cluster) -> Sample {
    probe(&archive_check(), target(cluster.port, "good")).await
}

#[tokio::test]
async fn an_archive_is_off_new_works_and_fails() {
    let mut cluster = Cluster::primary("").await;
    cluster.run(MONITOR).await;
    assert_sample(&archive(&cluster).await, Outage, "archiving is off");

    let folder = cluster.archive_folder();
    let place = folder.to_str().unwrap().to_owned();
    cluster.stop(Signal::INT);
    cluster.write("extra.conf", "archive_mode = on\narchive_timeout = 60\n");
    cluster.start().await;
    assert_sample(&archive(&cluster).await, Outage, "archiving is on, but nothing is set to do it");

    let command = format!("alter system set archive_command = 'test -w {place} && cp %p {place}/%f'");
    cluster.run(&command).await;
    cluster.run("select pg_reload_conf()").await;
    cluster.until("select current_setting('archive_command') <> ''").await;
    let sample = archive(&cluster).await;
    assert_sample(&sample, Unknown, "nothing archived yet and nothing failed");

    cluster.run("create table a as select 1; select pg_switch_wal()").await;
    cluster.until("select archived_count > 0 from pg_stat_archiver").await;
    let sample = archive(&cluster).await;
    assert_sample(&sample, Operational, "last archived ");
    assert!(measured(&sample, "seconds since last archived") < 60.0);

    // The folder is gone: the archiver tries again and again.
    fs::rename(&folder, folder.with_extension("away")).unwrap();
    cluster.run("create table b as select 1; select pg_switch_wal()").await;
    cluster.until("select last_failed_time > last_archived_time from pg_stat_archiver").await;
    assert_sample(&archive(&cluster).await, Outage, "archiving fails: segment 0000000100000000000000");

    fs::rename(folder.with_extension("away"), &folder).unwrap();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o700, 0o700);
    cluster.run("select pg_switch_wal()").await;
    cluster.run("select pg_reload_conf()").await;
    cluster.until("select last_archived_time > last_failed_time from pg_stat_archiver").await;
    assert_sample(&archive(&cluster).await, Operational, "last archived ");

    // Without the right to look at waiting files the numbers of the segments have to do.
    cluster.run("revoke pg_monitor from lifeboat_monitor").await;
    assert_sample(&archive(&cluster).await, Operational, "last archived ");
    let verdict: Verdict = probe(&archive_check(), target(cluster.port, "bad")).await.verdict;
    assert_eq!((verdict, SECRET.len()), (Unknown, 28));
}
