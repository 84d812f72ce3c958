use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use proptest::prelude::*;

use super::*;
use crate::check::Sample;

pub(in crate::status) mod boards;
mod judgement;

fn at(seconds: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 8, 0, 0).unwrap() + TimeDelta::seconds(seconds)
}

fn sample(seconds: i64, verdict: Verdict) -> Sample {
    Sample {
        at: at(seconds),
        latency_ms: 1.0,
        verdict,
        reason: format!("said {verdict}"),
        measurements: Vec::new(),
        answer: None,
        fault: None,
    }
}

fn verdict_of(letter: char) -> Verdict {
    match letter {
        'o' => Verdict::Operational,
        'd' => Verdict::Degraded,
        'x' => Verdict::Outage,
        '?' => Verdict::Unknown,
        other => panic!("no verdict {other}"),
    }
}

fn letter_of(health: Health) -> char {
    match health {
        Health::NotChecked => '-',
        Health::Operational => 'o',
        Health::Degraded => 'd',
        Health::Outage => 'x',
        Health::Unknown => '?',
        Health::Maintenance => 'm',
    }
}

/// Folds one sample a second, each a letter; answers with the last health and every change.
fn folded(letters: &str, failures: u32) -> (CheckHealth, Vec<HealthChange>) {
    let mut health = CheckHealth::default();
    let mut changes = Vec::new();
    for (second, letter) in letters.chars().enumerate() {
        let (after, change) = fold(&health, &sample(second as i64, verdict_of(letter)), failures);
        health = after;
        changes.extend(change);
    }
    (health, changes)
}

/// Health afterwards, when it is said to have begun, and how many samples it took.
type Change = (char, i64, u32);

#[test]
fn health_changes_after_enough_samples_and_dates_from_the_first() {
    // Samples, failures it takes, health afterwards, and when each change was noticed to have begun, with its samples.
    let cases: [(&str, u32, char, &[Change]); 16] = [
        ("", 3, '-', &[]),
        ("o", 3, 'o', &[('o', 0, 1)]),
        ("oooo", 3, 'o', &[('o', 0, 1)]),
        ("x", 3, '-', &[]),
        ("x", 1, 'x', &[('x', 0, 1)]),
        ("xxx", 3, 'x', &[('x', 0, 3)]),
        ("oxxo", 3, 'o', &[('o', 0, 1)]),
        ("oxxx", 3, 'x', &[('o', 0, 1), ('x', 1, 3)]),
        ("oxxxo", 3, 'o', &[('o', 0, 1), ('x', 1, 3), ('o', 4, 1)]),
        ("oddx", 3, 'x', &[('o', 0, 1), ('x', 1, 3)]),
        ("oxxxddd", 3, 'd', &[('o', 0, 1), ('x', 1, 3), ('d', 4, 3)]),
        ("o???", 3, '?', &[('o', 0, 1), ('?', 1, 3)]),
        // What could not be checked accuses nobody: two without an answer and one failure are not three failures.
        ("o??x", 3, '?', &[('o', 0, 1), ('?', 1, 3)]),
        ("o??xxx", 3, 'x', &[('o', 0, 1), ('?', 1, 3), ('x', 3, 3)]),
        // But a check that has not been good for that long is not shown as good either.
        ("ox?x?x?", 3, '?', &[('o', 0, 1), ('?', 1, 3)]),
        ("o???o", 3, 'o', &[('o', 0, 1), ('?', 1, 3), ('o', 4, 1)]),
    ];
    for (letters, failures, health, changes) in cases {
        let (after, found) = folded(letters, failures);
        assert_eq!(letter_of(after.health), health, "{letters}");
        let found: Vec<(char, i64, u32)> = found
            .iter()
            .map(|change| (letter_of(change.to), (change.since - at(0)).num_seconds(), change.samples))
            .collect();
        assert_eq!(found, changes, "{letters}");
        assert_eq!(after.since, changes.last().map(|(_, since, _)| at(*since)), "{letters}");
    }
}

#[test]
fn suspicion_counts_and_is_forgotten_on_agreement() {
    let suspicion = |letters: &str| folded(letters, 3).0.suspicion;
    assert_eq!(suspicion("o"), None);
    let found = suspicion("oxd").unwrap();
    assert_eq!((found.verdict, found.count, found.since), (Verdict::Degraded, 2, at(1)));
    assert_eq!(suspicion("oxo"), None);
    assert_eq!(suspicion("oxxx"), None);
    assert_eq!(suspicion("oxoxx").unwrap().since, at(3));
    assert_eq!(suspicion("x").unwrap().count, 1, "a first sample that is bad is in doubt too");
    let found = suspicion("o??x").unwrap();
    assert_eq!((found.verdict, found.count, found.since), (Verdict::Outage, 1, at(3)), "failures go on counting");
}

#[test]
fn reasons_are_those_of_the_sample_that_decided() {
    let (_, changes) = folded("oxxx", 3);
    assert_eq!((changes[1].from, changes[1].reason.as_str()), (Health::Operational, "said outage"));
    let (_, changes) = folded("o??x", 3);
    assert_eq!(changes[1].reason, "not sure yet: said outage");
}

#[test]
fn a_clock_that_went_back_does_not_date_a_change_after_its_samples() {
    let (health, _) = fold(&CheckHealth::default(), &sample(10, Verdict::Operational), 2);
    let (health, _) = fold(&health, &sample(12, Verdict::Outage), 2);
    let (health, change) = fold(&health, &sample(3, Verdict::Outage), 2);
    assert_eq!((change.unwrap().since, health.health), (at(3), Health::Outage));
}

#[test]
fn worse_is_a_sum_that_never_turns_unknown_into_good() {
    let all = [Health::NotChecked, Health::Operational, Health::Degraded, Health::Outage, Health::Unknown];
    for one in all {
        for other in all {
            assert_eq!(one.worse(other), other.worse(one));
            assert_eq!(
                one.worse(other) == Health::Operational,
                one == Health::Operational && other == Health::Operational
            );
        }
    }
}

/// The rules again, over the whole history instead of a step: the last health, and how many changes there were.
fn model(verdicts: &[Verdict], failures: usize) -> (Health, usize) {
    let failed = |verdict: &Verdict| matches!(verdict, Verdict::Degraded | Verdict::Outage);
    let (mut health, mut changes) = (Health::NotChecked, 0);
    // Where the samples begin that disagree with the present health.
    let mut begin = 0;
    for end in 1..=verdicts.len() {
        let latest = verdicts[end - 1];
        if Health::from(latest) == health {
            begin = end;
            continue;
        }
        let disagreeing = &verdicts[begin..end];
        let failing = disagreeing.iter().rev().take_while(|verdict| failed(verdict)).count();
        let next = if latest == Verdict::Operational {
            Some(Health::Operational)
        } else if failing >= failures {
            Some(Health::from(latest))
        } else if disagreeing.len() >= failures && health != Health::Unknown {
            Some(Health::Unknown)
        } else {
            None
        };
        if let Some(next) = next {
            (health, changes) = (next, changes + 1);
            // Failures that were not yet enough go on counting.
            begin = if next == Health::Unknown { end - failing } else { end };
        }
    }
    (health, changes)
}

proptest! {
    #[test]
    fn folding_equals_the_rules_over_the_whole_history(places in prop::collection::vec(0usize..4, 0..60), failures in 1u32..6) {
        let kinds = [Verdict::Operational, Verdict::Degraded, Verdict::Outage, Verdict::Unknown];
        let verdicts: Vec<Verdict> = places.into_iter().map(|place| kinds[place]).collect();
        let mut health = CheckHealth::default();
        let mut changes: Vec<HealthChange> = Vec::new();
        for (second, verdict) in verdicts.iter().enumerate() {
            let sample = sample(second as i64, *verdict);
            let (after, change) = fold(&health, &sample, failures);
            prop_assert_eq!(after.last.as_ref(), Some(&sample));
            if let Some(change) = change {
                prop_assert_eq!(change.from, health.health);
                prop_assert_eq!(change.to, after.health);
                prop_assert_ne!(change.from, change.to);
                prop_assert!(change.since <= sample.at && change.samples >= 1);
                changes.push(change);
            } else {
                prop_assert_eq!(after.health, health.health);
            }
            health = after;
        }
        prop_assert_eq!((health.health, changes.len()), model(&verdicts, failures as usize));
        prop_assert!(changes.windows(2).all(|pair| pair[0].to == pair[1].from));
        // An outage or a degradation rests on that many failures in a row, never on silence.
        for change in &changes {
            if matches!(change.to, Health::Outage | Health::Degraded) {
                let first = (change.since - at(0)).num_seconds() as usize;
                let run = &verdicts[first..first + failures as usize];
                prop_assert!(run.iter().all(|verdict| matches!(verdict, Verdict::Outage | Verdict::Degraded)));
            }
        }
        // Whatever is still called good was good within the last samples.
        if health.health == Health::Operational {
            let last = &verdicts[verdicts.len().saturating_sub(failures as usize)..];
            prop_assert!(last.contains(&Verdict::Operational));
        }
    }
}
