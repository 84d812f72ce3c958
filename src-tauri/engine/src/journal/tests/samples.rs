//! Samples: kept, shown, removed.

use chrono::TimeDelta;
use lifeboat_domain::status::Health;

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
async fn old_samples_go_but_the_newest_failing_stays() {
    let home = home();
    let journal = open(home.path()).await;
    for (number, verdict) in
        [Verdict::Outage, Verdict::Degraded, Verdict::Operational, Verdict::Operational].into_iter().enumerate()
    {
        journal.sample(record("database-port", sample_at(number as i64, verdict))).await.unwrap();
    }
    let now = sample_at(2, Verdict::Operational).at + TimeDelta::hours(24) + TimeDelta::milliseconds(500);
    let mut connection = raw(home.path()).await;
    assert_eq!(writer::prune(&mut connection, now).await.unwrap(), 2);
    let (environment, check) = ("range".parse().unwrap(), "database-port".parse().unwrap());
    let left = journal.samples(&environment, &check, DateTime::UNIX_EPOCH, 9).await.unwrap();
    assert_eq!(left, [sample_at(3, Verdict::Operational), sample_at(1, Verdict::Degraded)]);
    assert_eq!(writer::prune(&mut connection, now + TimeDelta::days(9)).await.unwrap(), 1);
    assert!(journal.failing(&environment, &check).await.unwrap().is_some());
    journal.close().await;
}
