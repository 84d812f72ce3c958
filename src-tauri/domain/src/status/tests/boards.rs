use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::plan::{Id, Plan, PlanFile};

pub(in crate::status) const PLAN: &str = r#"
[document]
id = "DR-1"
title = "Plan"
platform = "Platform"
version = "1.0"
updated = "2026-01"
next-review = "2027-01"
owner = "SRE"
classification = "Internal"

[objectives]
rto = { target = "4h", tolerable = "24h" }
rpo = { target = "1h", tolerable = "4h" }
availability = { target = "99.9%", tolerable = "99.5%" }
data-loss = { target = "1h", tolerable = "4h" }

[tiers]
later = { name = "Later", rank = 2 }
critical = { name = "Critical", rank = 1 }

[functions.sign-in]
name = "Sign-in"
tier = "critical"
requires = ["application"]

[functions.orders]
name = "Orders"
tier = "critical"
requires = ["sign-in", "database"]
uses = ["messages"]

[functions.reports]
name = "Reports"
tier = "later"
requires = ["settings"]

[systems.application]
name = "Application"

[stores.settings]
name = "Settings"
holds = "Settings"
priority = "P2"

[stores.database]
name = "Database"
holds = "Everything"
priority = "P0"

[providers.messages]
name = "Messages"
service = "SMS"
fallback = { what = "Later", at-best = "15m", at-worst = "30m" }
"#;

const CHECKS: &str = r#"
[checks.answers]
name = "Application answers"
of = "application"
kind = "tcp"
endpoint = "somewhere"

[checks.port]
name = "Database port"
of = "database"
kind = "tcp"
endpoint = "somewhere"

[checks.reads]
name = "Database reads"
of = "database"
kind = "tcp"
endpoint = "somewhere"

[checks.page]
name = "Status page"
of = "messages"
kind = "tcp"
endpoint = "somewhere"
"#;

const ENVIRONMENT: &str = r#"
name = "Production"
kind = "production"

[endpoints.somewhere]
kind = "host"
host = "example.org"
port = "1"
"#;

pub(in crate::status) fn bare_plan() -> Plan {
    plan()
}

/// A row of a check that is the only one of a part, both of one name.
pub(in crate::status) fn row_of(id: Id, health: Health) -> CheckRow {
    CheckRow {
        of: id.clone(),
        name: id.to_string(),
        id,
        kind: crate::check::ProbeKind::Tcp,
        health,
        underlying: health,
        since: None,
        stale: false,
        suspicion: None,
        failures: 1,
        reason: String::new(),
        checked_at: None,
        latency_ms: None,
        interval_ms: 30_000,
        running: false,
        why: None,
        flapping: None,
        because: None,
        alerting: false,
        quiet: None,
    }
}

pub(in crate::status) fn plan() -> Plan {
    let files = [("plan.toml", PLAN), ("checks.toml", CHECKS), ("environments/production.toml", ENVIRONMENT)];
    Plan::read(&files.map(|(name, text)| PlanFile { name: name.to_owned(), bytes: text.into() })).unwrap()
}

pub(super) fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// The board `now` seconds in, with each check's samples as letters, one a second, one enough for a change.
fn board_at(now: DateTime<Utc>, samples: &[(&str, &str)]) -> Board {
    let healths: BTreeMap<Id, CheckHealth> =
        samples.iter().map(|(check, letters)| (id(check), folded(letters, 1).0)).collect();
    Board::of(BoardInput {
        plan: &plan(),
        environment: &id("production"),
        healths: &healths,
        running: &BTreeSet::new(),
        watching: Watching::Here,
        changes: Vec::new(),
        silences: Vec::new(),
        breakers: BTreeMap::new(),
        elsewhere: &BTreeSet::new(),
        not_running: false,
        now,
    })
    .unwrap()
}

fn board(samples: &[(&str, &str)]) -> Board {
    board_at(at(5), samples)
}

fn function<'b>(board: &'b Board, name: &str) -> &'b FunctionRow {
    board.tiers.iter().flat_map(|tier| &tier.functions).find(|function| function.id.as_str() == name).unwrap()
}

const GOOD: [(&str, &str); 4] = [("answers", "o"), ("port", "o"), ("reads", "o"), ("page", "o")];

fn good_but(check: &str, letters: &'static str) -> Vec<(&'static str, &'static str)> {
    GOOD.iter().map(|(name, good)| if *name == check { (*name, letters) } else { (*name, *good) }).collect()
}

#[test]
fn before_the_first_check_nothing_is_known() {
    let board = board(&[]);
    assert_eq!(board.sentence, "Nothing has been checked yet.");
    assert_eq!((board.worst, board.counts.not_checked, board.checked_at), (Health::NotChecked, 4, None));
    assert!(board.checks.iter().all(|row| row.reason == "not checked yet"));
}

#[test]
fn all_good_is_good_but_what_nobody_checks_is_not() {
    let board = board(&GOOD);
    assert_eq!(board.sentence, "All 4 checks are operational.");
    assert_eq!(function(&board, "orders").health, Health::Operational);
    assert!(function(&board, "orders").causes.is_empty());
    let reports = function(&board, "reports");
    assert_eq!(reports.health, Health::NotChecked, "its store has no check");
    assert_eq!(reports.causes[0].reason, "the plan has no check for it");
    assert_eq!(board.worst, Health::NotChecked);
}

#[test]
fn what_needs_what_is_told_as_the_plan_has_it() {
    let board = board(&[]);
    let orders: Vec<(&str, bool)> = (board.needs.iter())
        .filter(|need| need.function.as_str() == "orders")
        .map(|need| (need.on.as_str(), need.required))
        .collect();
    assert_eq!(orders, [("sign-in", true), ("database", true), ("messages", false)]);
}

#[test]
fn an_outage_goes_through_functions_to_functions() {
    let board = board(&good_but("answers", "ox"));
    for name in ["sign-in", "orders"] {
        assert_eq!(function(&board, name).health, Health::Outage, "{name}");
        assert_eq!(function(&board, name).since, Some(at(1)), "{name}");
    }
    let cause = &function(&board, "orders").causes[0];
    assert_eq!((cause.part.as_str(), cause.required), ("sign-in", true));
    assert_eq!(cause.reason, "Application: said outage");
    assert_eq!(function(&board, "orders").parts, ["application", "database", "messages"].map(id));
    assert_eq!(board.sentence, "Application is out, so 2 critical functions do not work: Orders, Sign-in.");
    assert_eq!(board.worst, Health::Outage);
}

#[test]
fn what_is_merely_used_degrades_and_no_more() {
    let board = board(&good_but("page", "x"));
    assert_eq!(board.providers[0].health, Health::Outage);
    assert_eq!(board.providers[0].fallback.as_deref(), Some("Later (15m to 30m)"));
    let orders = function(&board, "orders");
    assert_eq!((orders.health, orders.causes[0].required), (Health::Degraded, false));
    assert_eq!(board.sentence, "Messages is out, so Orders (critical) works less well.");
    let unknown = super::boards::board(&good_but("page", "?"));
    assert_eq!(function(&unknown, "orders").health, Health::Unknown, "unknown is not good, and not degraded either");
}

#[test]
fn a_part_is_as_bad_as_its_worst_check_since_the_first_of_those() {
    let mut samples = good_but("port", "oox");
    samples[2].1 = "ox";
    let board = board(&samples);
    let database = &board.stores[0];
    assert_eq!((database.health, database.since), (Health::Outage, Some(at(1))));
    assert_eq!(database.reason, "Database port: said outage");
    let recovered = super::boards::board(&good_but("reads", "oxo"));
    assert_eq!(recovered.stores[0].since, Some(at(2)), "good since the last became good");
    assert_eq!(recovered.stores[0].priority.map(|priority| priority.to_string()).as_deref(), Some("P0"));
    assert_eq!(recovered.stores[1].health, Health::NotChecked);
}

#[test]
fn the_worst_functions_of_a_tier_come_first() {
    let board = board(&good_but("port", "x"));
    let names: Vec<&str> = board.tiers[0].functions.iter().map(|function| function.id.as_str()).collect();
    assert_eq!((board.tiers[0].id.as_str(), names), ("critical", vec!["orders", "sign-in"]));
    let board = super::boards::board(&good_but("answers", "d"));
    assert!(board.tiers[0].functions.is_sorted_by_key(|function| std::cmp::Reverse(function.health.weight())));
}

#[test]
fn stale_becomes_unknown_and_says_since_when() {
    // Checked every 30 s: believed for twice that.
    let row = |seconds| board_at(at(seconds), &GOOD).checks[0].clone();
    assert_eq!((row(60).health, row(60).stale), (Health::Operational, false));
    let stale = row(61);
    assert_eq!((stale.health, stale.stale, stale.since), (Health::Unknown, true, Some(at(60))));
    assert_eq!(stale.reason, "last checked 1m 1s ago, then: said operational");
    let board = board_at(at(61), &GOOD);
    assert_eq!(board.sentence, "Nothing is known to be broken, but 4 of 4 checks have no answer.");
    assert_eq!((board.counts.unknown, board.counts.operational), (4, 0));
    assert_eq!(function(&board, "orders").health, Health::Unknown);
    let broken = board_at(at(61), &good_but("answers", "x"));
    assert_eq!(broken.checks[0].health, Health::Unknown, "an old outage is not known to go on");
}

#[test]
fn a_sample_from_the_future_is_not_believed() {
    let row = |seconds| board_at(at(seconds), &GOOD).checks[0].clone();
    assert_eq!(row(-60).health, Health::Operational, "clocks differ a little");
    let early = row(-600);
    assert_eq!((early.health, early.stale, early.since), (Health::Unknown, true, None));
    assert!(early.reason.contains("wrong clock"), "{}", early.reason);
}

#[test]
fn a_check_in_doubt_shows_both_its_health_and_the_doubt() {
    let doubtful = folded("ox", 3).0;
    let healths = BTreeMap::from([(id("answers"), doubtful)]);
    let (plan, running) = (plan(), BTreeSet::new());
    let (production, nowhere) = (id("production"), id("nowhere"));
    let input = |environment| BoardInput {
        plan: &plan,
        environment,
        healths: &healths,
        running: &running,
        watching: Watching::Nobody,
        changes: Vec::new(),
        silences: Vec::new(),
        breakers: BTreeMap::new(),
        elsewhere: &running,
        not_running: false,
        now: at(3),
    };
    let board = Board::of(input(&production)).unwrap();
    let row = &board.checks[0];
    assert_eq!((row.health, row.suspicion.as_ref().unwrap().count, row.failures), (Health::Operational, 1, 3));
    assert_eq!(row.reason, "said outage");
    assert!(Board::of(input(&nowhere)).is_none());
}

proptest! {
    /// Whatever the checks say: good is only what rests on nothing but good, and an outage only on an outage.
    #[test]
    fn unknown_is_never_green_and_never_down(letters in prop::collection::vec("[odx?]{0,3}", 4), now in -1_000i64..1_000) {
        let names = ["answers", "port", "reads", "page"];
        let samples: Vec<(&str, &str)> = names.into_iter().zip(letters.iter().map(String::as_str)).collect();
        let board = board_at(at(now), &samples);
        for function in board.tiers.iter().flat_map(|tier| &tier.functions) {
            let rests_on: Vec<Health> =
                board.checks.iter().filter(|check| function.parts.contains(&check.of)).map(|check| check.health).collect();
            if function.health == Health::Operational {
                prop_assert!(!rests_on.is_empty() && rests_on.iter().all(|health| *health == Health::Operational));
                prop_assert!(function.causes.is_empty());
            } else {
                prop_assert!(!function.causes.is_empty());
            }
            if function.health == Health::Outage {
                prop_assert!(rests_on.contains(&Health::Outage));
            }
            prop_assert!(function.causes.is_sorted_by_key(|cause| std::cmp::Reverse((cause.required, cause.health.weight()))));
        }
        let counts = board.counts;
        prop_assert_eq!(counts.operational + counts.degraded + counts.outage + counts.unknown + counts.not_checked, 4);
        prop_assert!(board.sentence.ends_with('.'));
        prop_assert!(board.sentence != "All 4 checks are operational." || counts.operational == 4);
    }
}

#[test]
fn a_board_with_functions_nothing_is_known_of_does_not_say_that_they_work() {
    // Something nobody needs is out, and what payments need could not be checked.
    let board = board(&[("answers", "???"), ("port", "???"), ("reads", "???"), ("page", "xxx")]);
    assert_eq!(board.counts.outage, 1);
    assert!(!board.sentence.contains("Every business function works"), "{}", board.sentence);
}
