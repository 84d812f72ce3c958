//! Two programs on one file.

use std::{collections::BTreeSet, time::Instant};

use futures_util::future::join_all;
use lifeboat_domain::status::observe;
use proptest::prelude::*;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_programs_with_eight_writers_each_keep_one_whole_chain() {
    let home = home();
    let (one, other) = tokio::join!(open(home.path()), open(home.path()));
    let writers = (0..16).map(|writer| {
        let journal = if writer % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move {
            let mut sequences = Vec::new();
            for number in 0..10 {
                let actor = if writer % 4 == 0 { "system" } else { PERSON };
                let entry = journal.append(actor.to_owned(), fault(&format!("{writer}-{number}"))).await.unwrap();
                sequences.push(entry.sequence);
            }
            assert!(sequences.is_sorted());
            sequences
        })
    });
    let sequences: BTreeSet<u64> = join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(sequences, (1..=160).collect(), "dense, and each given once");
    let verification = one.verify().await.unwrap();
    assert_eq!((verification.intact, verification.bad), (160, None));
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn each_program_sees_the_others_entries_within_a_second() {
    let home = home();
    let (one, other) = tokio::join!(open(home.path()), open(home.path()));
    let mut heard = (one.entries(), other.entries());
    let since = Instant::now();
    append(&one, "from one").await;
    append(&other, "from the other").await;
    for entries in [&mut heard.0, &mut heard.1] {
        for sequence in 1..=2 {
            let entry = tokio::time::timeout(Duration::from_secs(10), entries.recv()).await.unwrap().unwrap();
            assert_eq!(entry.sequence, sequence);
        }
    }
    // Twice the polling time and a slow machine's share; the promise itself is measured by a benchmark.
    assert!(since.elapsed() < Duration::from_secs(5));
    one.close().await;
    other.close().await;
    assert!(heard.0.try_recv().is_err() && heard.1.try_recv().is_err(), "an entry was told twice");
}

#[tokio::test]
async fn samples_of_two_programs_add_up_to_one_health() {
    let home = home();
    let (one, other) = tokio::join!(open(home.path()), open(home.path()));
    let outage = |seconds| record("database-port", sample_at(seconds, Verdict::Outage));
    assert!(one.sample(outage(0)).await.unwrap().suspicion.is_some());
    assert_eq!(other.sample(outage(1)).await.unwrap().suspicion.unwrap().count, 2);
    let health = one.sample(outage(2)).await.unwrap();
    assert_eq!(health.health, lifeboat_domain::status::Health::Outage);
    assert_eq!(summaries(&other).await, ["Database port is out: said outage"]);
    one.close().await;
    other.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The kept healths are what folding the stored samples again gives, and every change of health is a fact.
    #[test]
    fn kept_healths_are_the_fold_of_the_samples(
        verdicts in prop::collection::vec((0usize..4, 0usize..3, any::<bool>()), 1..60)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let home = home();
            let (one, other) = tokio::join!(open(home.path()), open(home.path()));
            let kinds = [Verdict::Operational, Verdict::Degraded, Verdict::Outage, Verdict::Unknown];
            let sent = verdicts.iter().enumerate().map(|(number, (verdict, check, by_one))| {
                let journal = if *by_one { &one } else { &other };
                journal.sample(record(&format!("check-{check}"), sample_at(number as i64, kinds[*verdict])))
            });
            for written in join_all(sent).await {
                written.unwrap();
            }
            let environment: Id = "range".parse().unwrap();
            let kept = one.healths(&environment).await.unwrap();
            let mut changes = 0;
            for (check, health) in &kept {
                let mut connection = raw(home.path()).await;
                let rows = sqlx::query(
                    "SELECT at_us, latency_ms, verdict, reason, measurements, answer FROM sample WHERE check_id = ? ORDER BY place",
                ).bind(check.as_str()).fetch_all(&mut connection).await.unwrap();
                let mut folded = CheckHealth::default();
                for sample in rows.iter().map(|row| row::sample_of(row).unwrap()) {
                    let (next, event) = observe(&folded, &sample, 3);
                    folded = next;
                    changes += usize::from(event.is_some());
                }
                assert_eq!(&folded, health);
            }
            assert_eq!(one.total().await.unwrap() as usize, changes);
            assert_eq!(one.verify().await.unwrap().bad, None);
            one.close().await;
            other.close().await;
        });
    }
}
