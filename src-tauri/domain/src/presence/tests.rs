use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::{
    Code, Problem,
    check::ProbeKind,
    environment::EnvironmentKind,
    status::{
        Because, CheckRow, Counts, EnvironmentTag, Flapping, Health, PartKind, Quiet, Scope, Silence, SilenceKind,
        Watching, network::NoNetwork,
    },
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(2) + TimeDelta::seconds(seconds)
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// A check `CHECK` of a part `PART`, written `PART/CHECK`, in a health since a second, and alarming if it is bad.
fn row(name: &str, health: Health, since: i64) -> CheckRow {
    let (of, check) = name.split_once('/').unwrap();
    CheckRow {
        id: id(check),
        name: format!("The {check}"),
        kind: ProbeKind::Tcp,
        of: id(of),
        health,
        underlying: health,
        since: Some(at(since)),
        stale: false,
        suspicion: None,
        failures: 1,
        reason: format!("said {health}"),
        checked_at: Some(at(since)),
        latency_ms: None,
        interval_ms: 5_000,
        running: false,
        why: None,
        flapping: None,
        because: None,
        alerting: health.is_bad(),
        quiet: None,
    }
}

fn held(name: &str, health: Health, since: i64, quiet: Quiet) -> CheckRow {
    let flapping = matches!(quiet, Quiet::Flapping { .. });
    CheckRow {
        alerting: false,
        flapping: flapping.then(|| Flapping { since: at(since), from: health, changes: 3 }),
        quiet: Some(quiet),
        ..row(name, health, since)
    }
}

fn maintained(name: &str, underlying: Health) -> CheckRow {
    let quiet = Quiet::Maintenance { until: at(600) };
    CheckRow { health: Health::Maintenance, ..held(name, underlying, 0, quiet) }
}

fn muted() -> Quiet {
    Quiet::Muted { until: at(600) }
}

fn board(now: i64, checks: Vec<CheckRow>) -> Board {
    let part = |name: &str| PartRow {
        id: id(name),
        name: format!("Primary {name}"),
        kind: PartKind::System,
        health: Health::Operational,
        since: None,
        reason: String::new(),
        priority: None,
        about: None,
        fallback: None,
        breaker: None,
        checks: Vec::new(),
    };
    Board {
        environment: EnvironmentTag {
            id: id("production"),
            name: "Production".into(),
            kind: EnvironmentKind::Production,
        },
        as_of: at(now),
        checked_at: None,
        watching: Watching::Here,
        worst: Health::Operational,
        sentence: String::new(),
        counts: Counts::default(),
        tiers: Vec::new(),
        systems: vec![part("database"), part("application")],
        stores: Vec::new(),
        providers: Vec::new(),
        checks,
        needs: Vec::new(),
        changes: Vec::new(),
        silences: Vec::new(),
        no_network: None,
    }
}

fn silence(kind: SilenceKind, scope: Scope, from: i64, until: i64) -> Silence {
    let (entry, reason, by) = ("device/1".to_owned(), String::new(), "person:amal".to_owned());
    Silence { entry, kind, scope, from: at(from), until: at(until), reason, by }
}

#[test]
fn the_tray_says_the_worst_that_somebody_should_hear_of() {
    use Health::{Degraded, NotChecked, Operational, Outage, Unknown};
    use TrayState::{Attention, Outage as Out, Quiet as Calm};
    let because = Quiet::Because(Because { part: id("database"), name: "Primary database".into() });
    let good = || row("application/answers", Operational, 0);
    let cases: Vec<(TrayState, &str, Vec<CheckRow>)> = vec![
        (Calm, "all operational", vec![good()]),
        (Attention, "the plan has no checks", vec![]),
        (Out, "outage: Primary database since 02:14 UTC", vec![good(), row("database/port", Outage, 840)]),
        (
            Out,
            "outage: Primary database since 02:14 UTC",
            vec![
                row("database/port", Outage, 900),
                row("database/reads", Outage, 840),
                held("application/answers", Outage, 0, because.clone()),
            ],
        ),
        (
            Out,
            "outage: Primary database and 1 more since 02:00 UTC",
            vec![row("database/port", Outage, 60), row("application/answers", Outage, 0)],
        ),
        (Out, "outage: elsewhere since 02:00 UTC", vec![row("elsewhere/port", Outage, 0)]),
        (Out, "outage: Primary database since 1969-12-31 23:00 UTC", vec![row("database/port", Outage, -10_800)]),
        (
            Out,
            "outage: Primary database since 02:00 UTC",
            vec![row("application/answers", Degraded, 0), row("database/port", Outage, 0)],
        ),
        (Attention, "degraded: Primary database since 02:00 UTC", vec![good(), row("database/port", Degraded, 0)]),
        (Attention, "muted outage: Primary database since 02:00 UTC", vec![held("database/port", Outage, 0, muted())]),
        (
            Attention,
            "flapping degraded: Primary database since 02:00 UTC",
            vec![held("database/port", Degraded, 0, Quiet::Flapping { since: at(0) })],
        ),
        (
            Attention,
            "held back outage: Primary application since 02:00 UTC",
            vec![held("application/answers", Outage, 0, because)],
        ),
        (Attention, "not known: 1 of 2 checks has no answer", vec![good(), row("database/port", Unknown, 0)]),
        (Attention, "not known: 2 of 2 checks have no answer", vec![row("a/b", NotChecked, 0), row("c/d", Unknown, 0)]),
        (
            Calm,
            "in maintenance: 1 of 2 checks, the others operational",
            vec![good(), maintained("database/port", Outage)],
        ),
        (
            Attention,
            "not known: 1 of 2 checks has no answer",
            vec![row("a/b", Unknown, 0), maintained("database/port", Outage)],
        ),
    ];
    for (state, line, checks) in cases {
        let shown = tray(&board(900, checks.clone()));
        assert_eq!((shown.state, shown.line.as_str()), (state, format!("{line} · Production").as_str()), "{checks:?}");
    }
}

#[test]
fn the_tray_is_never_quiet_when_nobody_looks_or_nothing_is_known() {
    let good = || vec![row("application/answers", Health::Operational, 0)];
    let unwatched = Board { watching: Watching::Nobody, ..board(900, good()) };
    assert_eq!(tray(&unwatched), Tray { state: TrayState::Attention, line: "nobody is checking · Production".into() });
    let alone = Board { no_network: Some(NoNetwork { since: at(0) }), ..board(900, good()) };
    assert_eq!(tray(&alone).line, "no network on this computer · Production");
    let problem = Problem::new(Code::PlanInvalid, "the plan has\na fault");
    let none = tray_without_board(&problem);
    assert_eq!((none.state, none.line.as_str()), (TrayState::Attention, "nothing is known: the plan has\\u{a}a fault"));
    let long = tray_without_board(&Problem::new(Code::PlanInvalid, "a".repeat(500)));
    assert_eq!(long.line.chars().count(), "nothing is known: ".len() + 60);
}

#[test]
fn the_tray_says_until_when_everything_is_muted_and_of_no_other_mute() {
    let line = |scope, from, until| {
        let silences = vec![silence(SilenceKind::Mute, scope, from, until)];
        tray(&Board { silences, ..board(900, vec![row("application/answers", Health::Operational, 0)]) }).line
    };
    assert_eq!(line(Scope::Everything, 0, 1800), "all operational, muted until 02:30 UTC · Production");
    for (scope, from, until) in
        [(Scope::Everything, 0, 900), (Scope::Everything, 901, 1800), (Scope::Part(id("database")), 0, 1800)]
    {
        assert_eq!(line(scope, from, until), "all operational · Production");
    }
}

/// What is told, board after board, as `kind title`.
fn told(boards: &[Board]) -> Vec<Vec<String>> {
    let mut state = Told::default();
    boards
        .iter()
        .map(|board| {
            let (after, found) = notices(&state, board, None);
            let (again, twice) = notices(&after, board, None);
            assert_eq!((&again, twice), (&after, Vec::new()), "told twice of the same board");
            state = after;
            found.iter().map(|notice| format!("{}: {}", notice.kind, notice.title)).collect()
        })
        .collect()
}

const OUT: &str = "outage: Primary database is out · Production";
const BACK: &str = "recovery: Primary database works again · Production";

/// What is shown, the boards one after the other, and what is told of each.
type Case<'a> = (&'a str, Vec<Board>, Vec<&'a [&'a str]>);

#[test]
fn only_what_needs_a_person_is_told_and_never_twice() {
    use Health::{Degraded, Operational, Outage, Unknown};
    let database = |health, since| row("database/port", health, since);
    let because = || Quiet::Because(Because { part: id("database"), name: "Primary database".into() });
    let start = || board(0, vec![database(Operational, -100)]);
    let out = |now| board(now, vec![database(Outage, 5)]);
    let none: &[&str] = &[];
    let cases: Vec<Case<'_>> = vec![
        (
            "an outage, once it has lasted, and its end",
            vec![start(), out(6), out(15), out(60), board(61, vec![database(Operational, 61)])],
            vec![none, none, &[OUT], none, &[BACK]],
        ),
        (
            "a blip is not told, nor its end",
            vec![start(), out(6), board(9, vec![database(Operational, 9)])],
            vec![none; 3],
        ),
        (
            "what was out before is not told anew; that it is over is",
            vec![
                board(0, vec![database(Outage, -100)]),
                board(60, vec![database(Outage, -100)]),
                board(61, vec![database(Operational, 61)]),
            ],
            vec![none, none, &[BACK]],
        ),
        (
            "degraded and unknown call nobody",
            vec![start(), board(60, vec![database(Degraded, 5)]), board(90, vec![database(Unknown, 60)])],
            vec![none; 3],
        ),
        (
            "not known is no end, and no new outage after it",
            vec![
                start(),
                out(20),
                board(50, vec![database(Unknown, 50)]),
                out(90),
                board(99, vec![database(Operational, 95)]),
            ],
            vec![none, &[OUT], none, none, &[BACK]],
        ),
        (
            "better but not well is said so",
            vec![start(), out(20), board(30, vec![database(Degraded, 30)])],
            vec![none, &[OUT], &["recovery: Primary database works again, but is degraded · Production"]],
        ),
        (
            "muted is not told, and told when the mute ends",
            vec![start(), board(20, vec![held("database/port", Outage, 5, muted())]), out(700)],
            vec![none, none, &[OUT]],
        ),
        (
            "an end is told in spite of a mute",
            vec![start(), out(20), board(40, vec![held("database/port", Operational, 40, muted())])],
            vec![none, &[OUT], &[BACK]],
        ),
        ("maintenance is not told", vec![start(), board(60, vec![maintained("database/port", Outage)])], vec![none; 2]),
        (
            "flapping is not told, nor one of its good moments",
            vec![
                start(),
                out(20),
                board(30, vec![held("database/port", Operational, 30, Quiet::Flapping { since: at(25) })]),
                board(40, vec![held("database/port", Outage, 35, Quiet::Flapping { since: at(25) })]),
                board(90, vec![database(Operational, 60)]),
            ],
            vec![none, &[OUT], none, none, &[BACK]],
        ),
        (
            "what follows is not told",
            vec![start(), board(60, vec![database(Outage, 5), held("application/answers", Outage, 5, because())])],
            vec![none, &[OUT]],
        ),
        (
            "what is seen before its cause is told as its cause",
            vec![
                start(),
                board(6, vec![database(Operational, 0), row("application/answers", Outage, 4)]),
                board(30, vec![database(Outage, 8), held("application/answers", Outage, 4, because())]),
            ],
            vec![none, none, &[OUT]],
        ),
        (
            "what follows and mends a moment after its cause is not told",
            vec![
                start(),
                board(60, vec![database(Outage, 5), held("application/answers", Outage, 5, because())]),
                board(62, vec![database(Operational, 61), row("application/answers", Outage, 5)]),
                board(66, vec![database(Operational, 61), row("application/answers", Operational, 65)]),
            ],
            vec![none, &[OUT], &[BACK], none],
        ),
        (
            "what goes on failing after its cause mended is told by itself",
            vec![
                start(),
                board(60, vec![database(Outage, 5), held("application/answers", Outage, 5, because())]),
                board(62, vec![database(Operational, 61), row("application/answers", Outage, 5)]),
                board(71, vec![database(Operational, 61), row("application/answers", Outage, 5)]),
            ],
            vec![none, &[OUT], &[BACK], &["outage: Primary application is out · Production"]],
        ),
        (
            "a second check of the same part adds nothing, but must be well for the end",
            vec![
                start(),
                out(20),
                board(30, vec![database(Outage, 5), row("database/reads", Outage, 12)]),
                board(40, vec![database(Operational, 40), row("database/reads", Outage, 12)]),
                board(50, vec![database(Operational, 40), row("database/reads", Operational, 45)]),
            ],
            vec![none, &[OUT], none, none, &[BACK]],
        ),
        (
            "a check that is gone from the plan ends nothing",
            vec![start(), out(20), board(30, vec![])],
            vec![none, &[OUT], none],
        ),
    ];
    for (what, boards, expected) in cases {
        assert_eq!(told(&boards), expected, "{what}");
    }
}

#[test]
fn another_environment_begins_anew() {
    let elsewhere = |now, health, since| {
        let tag = EnvironmentTag { id: id("staging"), name: "Staging".into(), kind: EnvironmentKind::Staging };
        Board { environment: tag, ..board(now, vec![row("database/port", health, since)]) }
    };
    let here = board(20, vec![row("database/port", Health::Outage, 5)]);
    let first = board(0, vec![row("database/port", Health::Operational, -9)]);
    let boards = [first, here, elsewhere(30, Health::Operational, -9), elsewhere(60, Health::Outage, 40)];
    assert_eq!(told(&boards), [&[] as &[&str], &[OUT], &[], &["outage: Primary database is out · Staging"]]);
}

#[test]
fn a_lost_network_and_a_damaged_journal_are_told_once_each_time() {
    let with = |now, gone: Option<i64>| Board {
        no_network: gone.map(|since| NoNetwork { since: at(since) }),
        ..board(now, vec![])
    };
    let boards =
        [with(0, None), with(6, Some(5)), with(20, Some(5)), with(60, Some(5)), with(61, None), with(90, Some(70))];
    let gone: &[&str] = &["no-network: This computer has no network"];
    assert_eq!(told(&boards), [&[], &[], gone, &[], &[], gone]);

    let damaged = Problem::new(Code::JournalDamaged, "entry 4 is not as it was written").hint("Keep the file.");
    let (after, found) = notices(&Told::default(), &with(0, None), Some(&damaged));
    assert_eq!(found[0].body, "entry 4 is not as it was written. Keep the file.");
    assert_eq!((found.len(), found[0].kind, found[0].route.hash().as_str()), (1, NoticeKind::Journal, "#/journal"));
    assert_eq!(notices(&after, &with(9, None), Some(&damaged)).1, []);
}

#[test]
fn a_notice_leads_to_its_check_and_holds_nothing_a_server_acts_on() {
    let hostile = CheckRow {
        reason: format!("<img src=x>&amp;\u{1b}[2J\u{202e}{}", "a".repeat(500)),
        ..row("database/port", Health::Outage, 5)
    };
    let (told, _) = notices(&Told::default(), &board(0, vec![]), None);
    let (_, found) = notices(&told, &board(20, vec![hostile]), None);
    let [notice] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(notice.route.hash(), "#/status/check/port");
    assert!(notice.sounds());
    assert!(notice.body.starts_with("The port: ‹img src=x›＆amp;\\u{1b}[2J\\u{202e}aaa"), "{}", notice.body);
    assert_eq!(notice.body.chars().count(), 200);
}

#[test]
fn quitting_names_what_still_runs_and_asks_for_nothing_else() {
    let watched = || board(900, vec![row("application/answers", Health::Operational, 0)]);
    let idle = Board { watching: Watching::Elsewhere, ..watched() };
    let kinds = |running: Vec<Running>| running.into_iter().map(|one| one.kind).collect::<Vec<_>>();
    assert_eq!(kinds(still_running(None, false, &[])), []);
    assert_eq!(kinds(still_running(Some(&idle), false, &[])), []);
    assert_eq!(kinds(still_running(Some(&board(0, vec![])), false, &[])), [], "a plan without checks");
    let silences = vec![
        silence(SilenceKind::Maintenance, Scope::Part(id("database")), 0, 1800),
        silence(SilenceKind::Mute, Scope::Everything, 0, 1800),
        silence(SilenceKind::Maintenance, Scope::Everything, 1000, 1800),
    ];
    let busy = Board { silences, ..watched() };
    let running = still_running(Some(&busy), true, &["Starting the practice range"]);
    let texts: Vec<&str> = running.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Starting the practice range is not done yet and ends where it is.",
            "1 check is being watched in Production; nobody watches afterwards.",
            "The practice range is up and stays up; `lifeboat range down` takes it down.",
            "A maintenance of database goes on until 1970-01-01 02:30 UTC.",
            "A mute of everything goes on until 1970-01-01 02:30 UTC.",
        ]
    );
}
