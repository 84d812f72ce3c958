use std::collections::{BTreeMap, BTreeSet};

use chrono::{TimeDelta, TimeZone};

use super::*;
use crate::{
    check::{Measurement, Verdict},
    plan::{LoadedPlan, PlanFile},
    status::{BoardInput, Watching, fold},
};

const CHECKS: &str = r#"
[checks.newest]
name = "Newest dump"
of = "database"
kind = "object-newest"
endpoint = "bucket"
max-age = "2h"

[checks.behind]
name = "Standby"
of = "database"
kind = "postgres-replication"
endpoint = "standby"
primary = "somewhere"

[checks.settings-behind]
name = "Settings standby"
of = "settings"
kind = "postgres-replication"
endpoint = "standby"
primary = "somewhere"
"#;

const ENVIRONMENT: &str = r#"
name = "Production"
kind = "production"

[endpoints.somewhere]
kind = "postgres"
host = "one.example.org"
port = "5432"
database = "app"
user = "monitor"
credential = "one"

[endpoints.standby]
kind = "postgres"
host = "two.example.org"
port = "5432"
database = "app"
user = "monitor"
credential = "one"

[endpoints.bucket]
kind = "bucket"
url = "https://objects.example.org"
bucket = "copies"
region = "eu-west-1"
access-key = "one"
credential = "two"
"#;

const DRILLS: &str = r#"
[drills.restore]
name = "Restore"
kind = "restore"
every = "monthly"
starts = "2026-11-01"
duration = "2h"

[drills.talk]
name = "Talk"
kind = "tabletop"
every = "quarterly"
duration = "3h"
"#;

const REVIEWS: &str = r#"
[reviews.monthly]
name = "Contacts"
every = "monthly"

[reviews.yearly]
name = "Strategy"
every = "yearly"
last = "2026-06-01"
"#;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).unwrap()
}

fn sample(minutes_ago: i64, name: &str, seconds: f64, verdict: Verdict) -> Sample {
    Sample {
        at: now() - TimeDelta::minutes(minutes_ago),
        latency_ms: 1.0,
        verdict,
        reason: "as said".to_owned(),
        measurements: vec![Measurement { name: name.to_owned(), value: seconds, unit: "s".to_owned() }],
        answer: None,
        fault: None,
    }
}

fn readiness(samples: &[(&str, Sample)]) -> Readiness {
    let files = [
        ("plan.toml", super::super::tests::boards::PLAN),
        ("checks.toml", CHECKS),
        ("environments/production.toml", ENVIRONMENT),
        ("drills.toml", DRILLS),
        ("maintenance.toml", REVIEWS),
    ];
    let files = files.map(|(name, text)| PlanFile { name: name.to_owned(), bytes: text.into() });
    let LoadedPlan { plan, places } = LoadedPlan::read(&files).unwrap();
    let healths: BTreeMap<Id, CheckHealth> = samples
        .iter()
        .map(|(check, sample)| (check.parse().unwrap(), fold(&CheckHealth::default(), sample, 1).0))
        .collect();
    let board = Board::of(BoardInput {
        plan: &plan,
        environment: &"production".parse().unwrap(),
        healths: &healths,
        running: &BTreeSet::new(),
        watching: Watching::Here,
        changes: Vec::new(),
        silences: Vec::new(),
        breakers: BTreeMap::new(),
        elsewhere: &BTreeSet::new(),
        not_running: false,
        now: now(),
    })
    .unwrap();
    Readiness::of(&plan, &places, &board, |check| healths.get(check))
}

#[test]
fn a_copy_gets_older_and_what_repeats_is_no_copy() {
    let ready = readiness(&[
        ("newest", sample(0, "newest age", 600.0, Verdict::Operational)),
        ("behind", sample(0, "seconds behind", 3.0, Verdict::Operational)),
        ("settings-behind", sample(0, "seconds behind", 3.0, Verdict::Operational)),
    ]);
    let [database, settings] = ready.stores.as_slice() else { panic!("two stores") };
    assert_eq!((database.id.as_str(), database.health), ("database", Health::Operational), "by priority");
    let newest = database.evidence.iter().find(|found| found.check.as_str() == "newest").unwrap();
    assert_eq!((newest.age_ms, newest.limit), (Some(600_000), "2h".parse().unwrap()));
    assert_eq!((settings.health, settings.evidence.len()), (Health::NotChecked, 1), "replication alone is no copy");
    assert!(settings.evidence[0].repeats_mistakes);
    assert!(ready.stores.iter().all(|store| store.proven.is_none()));
    assert!(ready.sentence.starts_with(
        "Copies of 1 of 2 stores are as new as the plan wants; of 1 nothing is known. No restore has ever been proven."
    ));
    let later = readiness(&[("newest", sample(10, "newest age", 600.0, Verdict::Operational))]);
    let newest = &later.stores[0].evidence.iter().find(|found| found.check.as_str() == "newest").unwrap();
    assert_eq!(newest.age_ms, Some(1_200_000), "ten minutes have passed");
    assert_eq!((newest.health, newest.stale), (Health::Unknown, true), "and nobody has looked since");
}

#[test]
fn what_was_never_looked_at_is_not_good() {
    let ready = readiness(&[]);
    assert!(ready.stores.iter().all(|store| store.health == Health::NotChecked));
    assert!(ready.stores.iter().flat_map(|store| &store.evidence).all(|found| found.age_ms.is_none()));
    assert!(ready.sentence.starts_with("Copies of 0 of 2 stores"));
}

#[test]
fn what_is_due_comes_overdue_first_and_says_where_the_plan_says_so() {
    let due = readiness(&[]).due;
    let told: Vec<(DueKind, &str, Option<String>, Option<u32>)> = due
        .iter()
        .map(|due| (due.kind, due.name.as_str(), due.on.map(|on| on.to_string()), due.overdue_days))
        .collect();
    assert_eq!(
        told,
        [
            (DueKind::Review, "Contacts", Some("2026-02-28".to_owned()), Some(268)),
            (DueKind::Drill, "Restore", Some("2026-11-01".to_owned()), Some(22)),
            (DueKind::Document, "Plan", Some("2027-01-31".to_owned()), None),
            (DueKind::Review, "Strategy", Some("2027-06-01".to_owned()), None),
            (DueKind::Drill, "Talk", None, None),
        ]
    );
    assert_eq!((due[1].place.file.as_str(), due[1].place.line), ("drills.toml", 2));
    assert_eq!((due[2].place.file.as_str(), due[2].place.line), ("plan.toml", 8));
}
