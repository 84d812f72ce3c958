//! Samples: kept, shown, removed.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use lifeboat_domain::status::{
    Health,
    rollup::{Grain, Rollup},
};

use super::*;

#[tokio::test]
async fn only_a_change_of_health_is_a_fact() {
    let home = home();
    let journal = open(home.path()).await;
    let verdicts = [
        Verdict::Operational,
        Verdict::Operational,
        Verdict::Outage,
        Verdict::Operational,
        Verdict::Outage,
        Verdict::Outage,
        Verdict::Outage,
        Verdict::Operational,
    ];
    for (number, verdict) in verdicts.into_iter().enumerate() {
        journal.sample(record("database-port", sample_at(number as i64, verdict))).await.unwrap();
    }
    let mut told = summaries(&journal).await;
    told.reverse();
    assert_eq!(
        told,
        [
            "Database port is operational",
            "Database port is out: said outage",
            "Database port is operational again (was outage)"
        ]
    );
    let environment: Id = "range".parse().unwrap();
    let check: Id = "database-port".parse().unwrap();
    let samples = journal.samples(&environment, &check, DateTime::UNIX_EPOCH, 5).await.unwrap();
    assert_eq!(samples.len(), 5);
    assert_eq!(samples[0], sample_at(7, Verdict::Operational), "newest first, as it was");
    let failing = journal.failing(&environment, &check).await.unwrap().unwrap();
    assert_eq!((failing.at, failing.answer.is_some()), (sample_at(6, Verdict::Outage).at, true));
    assert_eq!(journal.healths(&environment).await.unwrap()[&check].health, Health::Operational);
    assert!(journal.healths(&"production".parse().unwrap()).await.unwrap().is_empty());
    journal.close().await;
}

#[tokio::test]
async fn old_samples_go_once_they_are_rolled_up_but_the_newest_failing_stays() {
    let home = home();
    let journal = open(home.path()).await;
    for (number, verdict) in
        [Verdict::Outage, Verdict::Degraded, Verdict::Operational, Verdict::Operational].into_iter().enumerate()
    {
        journal.sample(record("database-port", sample_at(number as i64, verdict))).await.unwrap();
    }
    let now = sample_at(2, Verdict::Operational).at + TimeDelta::hours(24) + TimeDelta::milliseconds(500);
    let mut connection = raw(home.path()).await;
    sqlx::query("UPDATE rolled SET place = 0").execute(&mut connection).await.unwrap();
    assert_eq!(rollup::prune(&plain(home.path()), now).unwrap(), 0, "nothing goes that is not rolled up");
    while rollup::roll(&mut plain(home.path())).unwrap() {}
    assert_eq!(rollup::prune(&plain(home.path()), now).unwrap(), 2);
    let (environment, check) = ("range".parse().unwrap(), "database-port".parse().unwrap());
    let left = journal.samples(&environment, &check, DateTime::UNIX_EPOCH, 9).await.unwrap();
    assert_eq!(left, [sample_at(3, Verdict::Operational), sample_at(1, Verdict::Degraded)]);
    assert_eq!(rollup::prune(&plain(home.path()), now + TimeDelta::days(9)).unwrap(), 0, "the last keeps its place");
    assert!(journal.failing(&environment, &check).await.unwrap().is_some());
    journal.close().await;
}

/// Every roll-up as text, so that they can be compared.
async fn rollups(connection: &mut SqliteConnection) -> Vec<String> {
    let rows = sqlx::query_scalar(
        "SELECT grain || ' ' || environment || ' ' || check_id || ' ' || begin_s || ' ' || operational || ' ' || degraded \
         || ' ' || outage || ' ' || unknown || ' ' || latency_sum_us || ' ' || coalesce(latency_min_us, '-') || ' ' \
         || coalesce(latency_max_us, '-') || ' ' || steps FROM rollup ORDER BY grain, environment, check_id, begin_s",
    );
    rows.fetch_all(connection).await.unwrap()
}

/// Writes samples of two checks past the journal, as it would.
async fn write_samples(connection: &mut SqliteConnection, samples: &[(usize, Sample)]) {
    for (which, sample) in samples {
        sqlx::query(
            "INSERT INTO sample (environment, check_id, at_us, latency_ms, verdict, reason, measurements) \
             VALUES ('range', ?, ?, ?, ?, '', '[]')",
        )
        .bind(["port", "reads"][which % 2])
        .bind(sample.at.timestamp_micros())
        .bind(sample.latency_ms)
        .bind(sample.verdict.word())
        .execute(&mut *connection)
        .await
        .unwrap();
    }
}

async fn empty(home: &Path) -> SqliteConnection {
    open(home).await.close().await;
    raw(home).await
}

/// Samples in an order in which they may arrive: mostly forward, some late.
fn arriving(seed: u64, many: usize) -> Vec<(usize, Sample)> {
    let mut state = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let verdicts = [Verdict::Operational, Verdict::Degraded, Verdict::Outage, Verdict::Unknown];
    (0..many)
        .map(|number| {
            let late = if next(10) == 0 { next(90_000) } else { 0 };
            let mut sample = sample_at(number as i64 * 97 - late as i64, verdicts[next(4) as usize]);
            sample.latency_ms = next(5_000_000) as f64 / 1_000.0;
            (next(2) as usize, sample)
        })
        .collect()
}

#[tokio::test]
async fn rollups_equal_all_samples_rolled_up_at_once_however_the_passes_fell() {
    for seed in 0..6 {
        let samples = arriving(seed, 400);
        let (at_once, in_passes) = (home(), home());
        let mut whole = empty(at_once.path()).await;
        write_samples(&mut whole, &samples).await;
        while rollup::roll(&mut plain(at_once.path())).unwrap() {}
        let mut passing = empty(in_passes.path()).await;
        let mut rest = samples.as_slice();
        let mut size = seed as usize;
        while !rest.is_empty() {
            size = (size * 31 + 7) % 90;
            let (now, later) = rest.split_at(size.min(rest.len()));
            write_samples(&mut passing, now).await;
            rest = later;
            rollup::roll(&mut plain(in_passes.path())).unwrap();
        }
        while rollup::roll(&mut plain(in_passes.path())).unwrap() {}
        assert_eq!(rollups(&mut passing).await, rollups(&mut whole).await, "seed {seed}");
        // Another pass with nothing new changes nothing.
        let before = rollups(&mut passing).await;
        assert!(!rollup::roll(&mut plain(in_passes.path())).unwrap());
        assert_eq!(rollups(&mut passing).await, before);
    }
}

#[tokio::test]
async fn a_pass_that_is_cut_off_anywhere_is_as_if_it_had_not_begun() {
    let (cut, whole) = (home(), home());
    let samples = arriving(9, 120);
    let mut expected = empty(whole.path()).await;
    write_samples(&mut expected, &samples).await;
    rollup::roll(&mut plain(whole.path())).unwrap();
    let mut connection = empty(cut.path()).await;
    write_samples(&mut connection, &samples).await;
    // The file may not grow: the pass fails wherever the room ends, and then at each later place.
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut connection).await.unwrap();
    let mut failures = 0;
    for room in 0.. {
        let mut narrow = plain(cut.path());
        narrow.pragma_update(None, "max_page_count", pages + room).unwrap();
        if rollup::roll(&mut narrow).is_ok() {
            break;
        }
        failures += 1;
        assert_eq!(rollups(&mut connection).await, Vec::<String>::new());
    }
    assert!(failures > 1, "the room ended at {failures} places only");
    assert_eq!(rollups(&mut connection).await, rollups(&mut expected).await);
}

#[tokio::test]
async fn what_is_read_holds_every_sample_rolled_up_or_not() {
    let home = home();
    let samples = arriving(3, 300);
    let mut connection = empty(home.path()).await;
    let journal = open(home.path()).await;
    let (environment, check): (Id, Id) = ("range".parse().unwrap(), "port".parse().unwrap());
    for (number, part) in samples.chunks(50).enumerate() {
        write_samples(&mut connection, part).await;
        if number % 2 == 0 {
            rollup::roll(&mut plain(home.path())).unwrap();
        }
        for grain in Grain::ALL {
            let mut expected: BTreeMap<i64, Rollup> = BTreeMap::new();
            for (_, sample) in samples.iter().take((number + 1) * 50).filter(|(which, _)| which % 2 == 0) {
                expected.entry(grain.begin(sample.at)).or_default().add(sample);
            }
            let found = journal.rollups(&environment, &check, grain, DateTime::UNIX_EPOCH).await.unwrap();
            assert_eq!(found, expected, "{grain} after {} samples", (number + 1) * 50);
        }
    }
    journal.close().await;
}
