//! Queries with known answers and sizes, against a real PostgreSQL.

use lifeboat_domain::{
    check::{
        Check, Otherwise, PostgresSizeProbe, Probe, SqlProbe,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::{Target, TlsMode},
    plan::quantity::{Period, Size},
};

use crate::{
    cluster::Cluster,
    support::{assert_sample, check, id, measured, probe},
};

/// A role that may connect and nothing else, as on a managed server.
const MONITOR: &str = "create role lifeboat_monitor login password 'correct-horse-battery-staple';";

fn target(port: u16) -> Target {
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

fn sql(query: &str, change: impl FnOnce(&mut SqlProbe)) -> Check {
    let mut probe = SqlProbe {
        endpoint: id("end"),
        query: query.to_owned(),
        is: None,
        at_least: None,
        at_most: None,
        max_age: None,
        rows_at_least: None,
        rows_at_most: None,
        means: Some("it is wrong".to_owned()),
        otherwise: Otherwise::Outage,
    };
    change(&mut probe);
    check(Probe::Sql(probe))
}

fn is(query: &str, answer: &str) -> Check {
    sql(query, |probe| probe.is = Some(answer.to_owned()))
}

fn between(query: &str, least: f64, most: f64) -> Check {
    sql(query, |probe| (probe.at_least, probe.at_most) = (Some(least), Some(most)))
}

fn young(query: &str) -> Check {
    sql(query, |probe| probe.max_age = Some(Period::from_secs(3_600)))
}

fn rows(query: &str, least: u64, most: u64) -> Check {
    sql(query, |probe| (probe.rows_at_least, probe.rows_at_most) = (Some(least), Some(most)))
}

#[tokio::test]
async fn queries_are_answered_in_every_type_and_change_nothing() {
    let cluster = Cluster::primary("").await;
    cluster.run(MONITOR).await;
    cluster
        .run(
            "create type mood as enum ('fine', 'bad'); create table public.orders (id int, paid boolean); \
             insert into orders select n, n % 2 = 0 from generate_series(1, 20) n; \
             grant all on public.orders to lifeboat_monitor; create table public.private (a int)",
        )
        .await;
    let there = || target(cluster.port);
    for (check, verdict, reason) in [
        (is("select count(*) from orders", "20"), Operational, "answered \"20\""),
        (is("select 'a b'::varchar", "a b"), Operational, "answered \"a b\""),
        (is("select 1.50::numeric -- exact\n;", "1.50"), Operational, "answered \"1.50\""),
        (is("select true", "true"), Operational, "answered"),
        (is("select 'fine'::mood", "fine"), Operational, "answered"),
        (is("select '{\"a\": [1]}'::jsonb", "{\"a\": [1]}"), Operational, "answered"),
        (
            is("select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            Operational,
            "",
        ),
        (is("select timestamptz '2026-11-23 10:00+02'", "2026-11-23 08:00:00+00"), Operational, "answered"),
        (is("select 'x', 2, 3", "x"), Operational, "answered \"x\" (the first of 3 columns)"),
        (is("select id from orders order by id desc", "20"), Operational, "answered \"20\""),
        (is("with a as (select 7 as n) select n from a", "7"), Operational, "answered \"7\""),
        (is("select count(*) from orders where paid", "0"), Outage, "it is wrong: got \"10\", expected \"0\""),
        (is("select null::int", "0"), Outage, "it is wrong: got null, expected \"0\""),
        (is("select id from orders where id < 0", "0"), Outage, "it is wrong: no row, expected \"0\""),
        (is("select * from nowhere", "0"), Outage, "it is wrong: relation \"nowhere\" does not exist (42P01)"),
        (is("select a from private", "0"), Unknown, "does not let us look: permission denied"),
        (is("select 1; select 2", "1"), Unknown, "the query is not valid"),
        (is("select 1) as a (b); delete from orders; --", "1"), Unknown, "the query is not valid"),
        (is("delete from orders returning id", "1"), Unknown, "the query is not valid"),
        (is("with a as (delete from orders returning id) select id from a", "1"), Unknown, ""),
        (is("select 1 where $1 = 1", "1"), Unknown, "the query is not valid"),
        (is("select from orders", "1"), Unknown, "the query is not valid"),
        (is("select set_config('transaction_read_only', 'off', true)", "on"), Outage, "must be set before any query"),
        (between("select 5::bigint", 1.0, 5.0), Operational, "answered 5, expected at least 1, at most 5"),
        (between("select 5.5::float8", 1.0, 5.0), Outage, "it is wrong: got 5.5"),
        (between("select 'many'", 1.0, 5.0), Outage, "it is wrong: got \"many\", expected a number"),
        (young("select now() - interval '59 minutes'"), Operational, "59m old"),
        (
            young("select (now() at time zone 'UTC' - interval '2 hours')::timestamp"),
            Outage,
            "it is wrong: 2h old, limit 1h",
        ),
        (young("select '2020-01-01'::date"), Outage, "old, limit 1h"),
        (young("select now() + interval '2 hours'"), Outage, "it is wrong: the time is "),
        (young("select 'infinity'::timestamptz"), Outage, "in the future"),
        (young("select '-infinity'::timestamptz"), Outage, "old, limit 1h"),
        (
            young("select max(now()) from orders where id < 0"),
            Outage,
            "it is wrong: got null, expected a time within 1h",
        ),
        (young("select 'soon'"), Unknown, "the query is not valid: invalid input syntax"),
        (young("select 5"), Unknown, "the query is not valid: cannot cast"),
        (rows("select * from orders", 1, 20), Operational, "20 rows"),
        (rows("select from orders", 1, 19), Outage, "it is wrong: 20 rows or more, expected at least 1 row"),
        (rows("select generate_series(1, 1000000000)", 1, 5), Outage, "6 rows or more"),
        (rows("select * from orders where false", 1, 5), Outage, "it is wrong: 0 rows"),
    ] {
        assert_sample(&probe(&check, there()).await, verdict, reason);
    }
    let sample = probe(&young("select now() - interval '10 minutes'"), there()).await;
    assert!((measured(&sample, "age") - 600.0).abs() < 60.0, "{sample:?}");

    let slow = Check { timeout: Period::from_millis(800), ..is("select pg_sleep(60)", "") };
    assert_sample(&probe(&slow, there()).await, Unknown, "the query did not end in time");
    let left =
        "select count(*) = 0 from pg_stat_activity where query like '%pg_sleep(60)%' and application_name = 'lifeboat'";
    cluster.until(left).await;

    // A very long answer is cut where it is made, not sent whole.
    let long = probe(&is("select repeat('x', 50000000)", "x"), there()).await;
    assert_sample(&long, Outage, "it is wrong: got \"xxx");
    cluster.until("select count(*) = 20 from orders").await;
}

fn size(change: impl FnOnce(&mut PostgresSizeProbe)) -> Check {
    let mut probe = PostgresSizeProbe {
        endpoint: id("end"),
        database_at_most: Some(Size::from_bytes(10 << 30)),
        table_at_most: None,
        growth_at_most: None,
        disk: None,
        headroom: None,
        otherwise: Otherwise::Degraded,
    };
    change(&mut probe);
    check(Probe::PostgresSize(probe))
}

#[tokio::test]
async fn b_08_tables_with_any_name_are_measured_with_all_that_belongs_to_them() {
    let cluster = Cluster::primary("").await;
    cluster.run(MONITOR).await;
    let there = || target(cluster.port);
    assert_sample(&probe(&size(|_| {}), there()).await, Operational, "in 0 tables");

    // Nothing is granted on any of these.
    cluster
        .run(
            "create table public.\"Weird Table\" as select repeat(md5(n::text), 20) as t from generate_series(1, 5000) n; \
             create index on public.\"Weird Table\" (left(t, 20)); \
             create schema \"Odd.Schema\"; create table \"Odd.Schema\".\"drop\"\"; --\" (a int); \
             create table public.events (at date, body text) partition by range (at); \
             create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01') \
               partition by range (at); \
             create table public.events_2026_a partition of public.events_2026 for values from ('2026-01-01') to ('2026-07-01'); \
             create table public.events_old partition of public.events default; \
             insert into events select date '2026-02-01', repeat('y', 900) from generate_series(1, 3000); \
             insert into events select date '2020-02-01', repeat('y', 900) from generate_series(1, 3000); \
             create temporary table passing as select 1;",
        )
        .await;
    let sample = probe(&size(|probe| probe.table_at_most = Some(Size::from_bytes(5 << 20))), there()).await;
    assert_sample(&sample, Degraded, "table public.events is ");
    for (table, parts) in [("events", "events_2026_a, events_old"), ("\"Weird Table\"", "\"Weird Table\"")] {
        let told = measured(&sample, &format!("table public.{table}"));
        assert!((told - catalog(&cluster, parts).await).abs() < 0.5, "{table}: {told}");
    }
    assert!(measured(&sample, "database size") > 10e6, "{sample:?}");
    let answer = sample.answer.unwrap();
    for line in ["public.events in 3 partitions", "public.\"Weird Table\"", "\"Odd.Schema\".\"drop\"\"; --\""] {
        assert!(answer.contains(line), "{answer}");
    }
    assert!(!answer.contains("passing") && !answer.contains("events_old"), "{answer}");

    let tight = probe(&size(|probe| probe.database_at_most = Some(Size::from_bytes(1 << 20))), there()).await;
    assert_sample(&tight, Degraded, "database is ");
    let disk = |bytes| {
        size(|probe| {
            probe.disk = Some(Size::from_bytes(bytes));
            probe.headroom = Some("50%".parse().unwrap());
        })
    };
    assert_sample(&probe(&disk(1 << 40), there()).await, Operational, "in 3 tables, largest public.events ");
    assert_sample(&probe(&disk(30 << 20), there()).await, Degraded, "of the disk is left, ");
    cluster.run("create database hidden").await;
    cluster.run("revoke connect on database hidden from public").await;
    assert_sample(&probe(&disk(1 << 40), there()).await, Unknown, "1 database hidden from our role");
    assert_sample(&probe(&size(|_| {}), there()).await, Operational, "in 3 tables");

    // A table that is being changed keeps its size to itself; that says nothing about the server.
    let mut holder = cluster.connect().await.unwrap();
    sqlx::raw_sql("begin; lock table public.events_old in access exclusive mode").execute(&mut holder).await.unwrap();
    let quick = Check { timeout: Period::from_millis(900), ..size(|_| {}) };
    assert_sample(&probe(&quick, there()).await, Unknown, "the sizes were not told in time; is a table locked?");
}

/// What the server itself says of these tables together.
async fn catalog(cluster: &Cluster, tables: &str) -> f64 {
    use sqlx::Row;
    let mut connection = cluster.connect().await.unwrap();
    let sizes = tables.split(", ").map(|table| format!("pg_total_relation_size('public.{table}')"));
    let query = format!("select ({})::float8", sizes.collect::<Vec<_>>().join(" + "));
    sqlx::query(sqlx::AssertSqlSafe(query)).fetch_one(&mut connection).await.unwrap().get(0)
}
