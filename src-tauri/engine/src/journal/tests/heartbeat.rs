//! Beats of jobs, and the sizes of a day ago.

use lifeboat_domain::check::Measurement;

use super::*;

#[tokio::test]
async fn of_each_job_the_newest_beat_and_the_last_good_one_are_kept() {
    let home = home();
    let millis = Arc::new(AtomicI64::new(1_790_000_000_000));
    let opening = || Opening { clock: clock_at(&millis), ..Opening::of(home.path()) };
    let (journal, other) = (Journal::open(opening()).await.unwrap(), Journal::open(opening()).await.unwrap());
    let (range, job): (Id, Id) = ("range".parse().unwrap(), "backup-job".parse().unwrap());
    assert_eq!(journal.heard(&range, &job).await.unwrap(), None);
    let at = |millis| Utc.timestamp_millis_opt(millis).unwrap();
    for (failed, good) in [
        (Some("first"), None),
        (None, Some(1_790_000_002_000)),
        (Some("again"), Some(1_790_000_002_000)),
        (None, Some(1_790_000_004_000)),
    ] {
        millis.fetch_add(1_000, Ordering::SeqCst);
        let beat = journal.beat(&range, &job, failed.map(str::to_owned)).await.unwrap();
        assert_eq!(beat.at, at(millis.load(Ordering::SeqCst)));
        assert_eq!((beat.failed.as_deref(), beat.good_at), (failed, good.map(at)));
        assert_eq!(other.heard(&range, &job).await.unwrap(), Some(beat), "another program hears it too");
    }
    assert_eq!(journal.heard(&"production".parse().unwrap(), &job).await.unwrap(), None);
    assert_eq!(journal.total().await.unwrap(), 0, "a beat is no fact");
    other.close().await;
    journal.close().await;
    assert!(journal.heard(&range, &job).await.is_err());
}

#[tokio::test]
async fn the_oldest_sample_with_a_measurement_is_found() {
    let home = home();
    let journal = open(home.path()).await;
    for (second, name) in [(0, "bytes"), (1, "other"), (2, "bytes"), (3, "bytes")] {
        let measurements = vec![Measurement { name: name.to_owned(), value: 1.0, unit: String::new() }];
        let sample = Sample { measurements, ..sample_at(second, Verdict::Operational) };
        journal.sample(record("database-size", sample)).await.unwrap();
    }
    let (range, check): (Id, Id) = ("range".parse().unwrap(), "database-size".parse().unwrap());
    for (since, name, found) in [(0, "bytes", Some(0)), (1, "bytes", Some(2)), (1, "other", Some(1)), (0, "none", None)]
    {
        let since = sample_at(since, Verdict::Operational).at;
        let oldest = journal.oldest_measured(&range, &check, since, name).await.unwrap();
        let at = oldest.map(|sample| sample.at);
        assert_eq!(at, found.map(|second| sample_at(second, Verdict::Operational).at), "{name}");
    }
    journal.close().await;
}
