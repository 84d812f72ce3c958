use std::fmt::Write;

use lifeboat_domain::status::{
    availability::{Attainment, AvailabilityRow},
    readiness::DueKind,
};

use super::*;

#[tokio::test]
async fn a_click_checks_folds_and_tells() {
    let (place, script) = (Place::new(), Script::new());
    let engine = place.open(&script).await;
    let results = engine.check_run(None).await.unwrap();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|result| result.row.health == Health::Operational));
    let board = engine.board().await.unwrap();
    assert_eq!(board.environment.id, id("production"));
    assert_eq!((board.worst, board.watching), (Health::Operational, Watching::Nobody));
    assert_eq!(board.sentence, "All 2 checks are operational.");

    script.say("Database port", Verdict::Outage);
    for expected in [Health::Operational, Health::Outage] {
        let results = engine.check_run(Some(vec![id("port")])).await.unwrap();
        assert_eq!((results[0].sample.verdict, results[0].row.health), (Verdict::Outage, expected));
    }
    let board = engine.board().await.unwrap();
    assert_eq!(board.sentence, "PostgreSQL is out, so Payments (critical) does not work.");
    assert_eq!(board.changes[0].summary, "Database port is out: said outage");
    assert_eq!(board.changes.len(), 4, "{:?}", board.changes);
    let entries = engine.journal_list(JournalQuery::default()).await.unwrap().entries;
    assert_eq!(entries[0].actor, "person:amal");
    assert_eq!(entries[0].body["answer"], "refused");

    let detail = engine.check_read(id("port")).await.unwrap();
    assert_eq!(detail.of_name, "PostgreSQL");
    assert_eq!(detail.samples.len(), 3);
    assert_eq!(detail.failing.unwrap().answer.as_deref(), Some("refused"));
    let history = engine.check_history(id("port"), HistorySpan::Hour).await.unwrap();
    assert_eq!((history.chart.points.len(), history.changes.len()), (3, 2));
    assert_eq!(history.parts.iter().map(|part| part.verdicts.outage).sum::<u32>(), 2);
    assert!(history.parts.iter().all(|part| (part.observed > 0.0) == (part.verdicts.total() > 0)));
    let day = engine.check_history(id("port"), HistorySpan::Day).await.unwrap();
    assert_eq!((day.parts.len(), day.chart.points.len()), (96, 96));
    assert_eq!(day.parts.iter().map(|part| part.verdicts.outage).sum::<u32>(), 2, "also before they are rolled up");
    for report in engine.availability().await.unwrap() {
        let of = |rows: &[AvailabilityRow]| rows.iter().map(|row| row.time.known_ms()).sum::<u64>();
        assert_eq!(of(&report.checks), 0, "nobody watched: three clicks are not known time");
        assert!(report.functions.iter().all(|row| row.share.is_none() && row.target == Attainment::Open));
    }
    let ready = engine.readiness().await.unwrap();
    assert!(ready.sentence.starts_with("Copies of 0 of "), "{}", ready.sentence);
    assert!(ready.due.iter().any(|due| due.kind == DueKind::Document && due.place.line > 1));
    assert!(detail.definition.contains(&("Target".to_owned(), "database: db.example.org:5432".to_owned())));
    assert!(detail.definition.contains(&("Every".to_owned(), "1m".to_owned())));

    let data = engine.data().await.unwrap();
    assert_eq!((data.samples, data.entries), (4, engine.journal_list(JournalQuery::default()).await.unwrap().total));
    assert!(data.journal_bytes > 4_096 && data.kept.len() == 4);
    settings::write(&place.home(), settings::Settings { name: Some("Mona".to_owned()), ..Default::default() }).unwrap();
    let fact = Fact::FaultMended { fault: "x".to_owned() };
    assert_eq!(engine.append(fact).await.unwrap().actor, "person:Mona", "from now on, without opening anew");

    let problem = engine.check_run(Some(vec![id("prot")])).await.unwrap_err();
    assert_eq!((problem.code, problem.hint.as_deref()), (Code::CheckUnknown, Some("Did you mean \"port\"?")));
    assert_eq!(engine.check_read(id("nothing")).await.unwrap_err().code, Code::CheckUnknown);
    engine.close().await;
}

#[tokio::test]
async fn clicks_and_schedule_share_one_flight() {
    let (place, script) = (Place::new(), Script::new());
    script.hold("Database port");
    let engine = place.open(&script).await;
    engine.watch().await.unwrap();
    until("the schedule starts it", || async { script.runs("Database port") == 1 }).await;
    let board = engine.board().await.unwrap();
    assert!(row(&board, "port").running);
    let clicks = (0..5).map(|_| engine.check_run(Some(vec![id("port")])));
    let all = futures_util::future::join_all(clicks);
    let (results, ()) = tokio::join!(all, async {
        until("the other check goes on", || async { script.runs("Other port") >= 3 }).await;
        script.let_go();
    });
    let times: BTreeSet<_> = results.into_iter().map(|result| result.unwrap()[0].sample.at).collect();
    assert_eq!((times.len(), script.runs("Database port")), (1, 1), "six asked, one probe");
    assert!(!row(&engine.board().await.unwrap(), "port").running);
    engine.close().await;
}

#[tokio::test]
async fn doubt_is_settled_after_the_retry_and_not_after_the_interval() {
    let (place, script) = (Place::new(), Script::new());
    script.say("Database port", Verdict::Outage);
    let engine = place.open(&script).await;
    let mut entries = engine.entries();
    engine.watch().await.unwrap();
    let since = Instant::now();
    loop {
        let entry = tokio::time::timeout(Duration::from_secs(20), entries.recv()).await.unwrap().unwrap();
        if entry.check.as_deref() == Some("port") {
            assert_eq!((entry.to, entry.actor.as_str()), (Some(Health::Outage), "schedule"));
            break;
        }
    }
    assert!(since.elapsed() < Duration::from_secs(15), "the interval is a minute");
    assert_eq!(script.runs("Database port"), 2);
    engine.close().await;
}

#[tokio::test]
async fn one_program_watches_and_the_other_takes_over() {
    let (place, script) = (Place::new(), Script::new());
    let first = place.open(&script).await;
    first.watch().await.unwrap();
    assert_eq!(first.board().await.unwrap().watching, Watching::Here);
    let second_script = Script::new();
    let second = place.open(&second_script).await;
    assert_eq!(second.board().await.unwrap().watching, Watching::Elsewhere);
    second.watch().await.unwrap();
    assert_eq!(second.board().await.unwrap().watching, Watching::Elsewhere);
    until("the second sees the first's samples", || async {
        row(&second.board().await.unwrap(), "port").health == Health::Operational
    })
    .await;
    assert_eq!(second_script.runs("Database port"), 0);
    first.close().await;
    until("the second takes over", || async { second.board().await.unwrap().watching == Watching::Here }).await;
    until("and checks", || async { second_script.runs("Database port") == 1 }).await;
    second.close().await;
    let third = place.open(&script).await;
    assert_eq!(third.board().await.unwrap().watching, Watching::Nobody);
    let kinds: Vec<String> = kinds(&third).await.into_iter().filter(|kind| kind.starts_with("watch")).collect();
    assert_eq!(kinds, ["watch-started", "watch-stopped", "watch-started", "watch-stopped"]);
    third.close().await;
}

#[tokio::test]
async fn an_engine_dropped_without_closing_lets_go_of_the_watch() {
    let (place, script) = (Place::new(), Script::new());
    let first = place.open(&script).await;
    first.watch().await.unwrap();
    drop(first);
    let second = place.open(&script).await;
    second.watch().await.unwrap();
    until("the second takes over", || async { second.board().await.unwrap().watching == Watching::Here }).await;
    second.close().await;
}

#[tokio::test]
async fn a_probe_that_panics_is_unknown_and_runs_again() {
    let (place, script) = (Place::new(), Script::new());
    place.write("checks.toml", &CHECKS.replace("Other port", "Panics"));
    let engine = place.open(&script).await;
    for _ in 0..2 {
        let result = engine.check_run(Some(vec![id("other")])).await.unwrap().remove(0);
        assert_eq!(result.sample.verdict, Verdict::Unknown);
        assert!(result.sample.reason.contains("mistake in Lifeboat"));
    }
    assert_eq!(script.runs("Panics"), 2);
    engine.close().await;
}

#[tokio::test]
async fn a_range_that_comes_and_goes_is_noticed() {
    let (place, script) = (Place::new(), Script::new());
    let mut options = place.options();
    options.environment = Some(id("range"));
    let engine = Engine::open_with(options, script.clone()).await.unwrap();
    engine.watch().await.unwrap();
    let reason = async |engine: &Engine| row(&engine.board().await.unwrap(), "port").reason.clone();
    let is = async |wanted: &str| {
        until(wanted, || async { reason(&engine).await.contains(wanted) }).await;
    };
    is("the practice range is not running").await;
    until("it is unknown", || async { row(&engine.board().await.unwrap(), "port").health == Health::Unknown }).await;
    place.bind(VALUES, 0o600);
    is("said operational").await;
    let range = engine.environments().await.unwrap().into_iter().find(|choice| choice.current).unwrap();
    assert_eq!(range.bound_at.unwrap().to_rfc3339(), "2026-11-23T08:00:00+00:00");
    place.bind(VALUES, 0o644);
    is("others may read it").await;
    place.bind("{\"values\": \"secret-canary\"}", 0o600);
    is("is not a file of values: line 1").await;
    assert!(!reason(&engine).await.contains("canary"));
    std::fs::remove_file(place.home().join("environments/range.json")).unwrap();
    is("the practice range is not running").await;
    engine.close().await;
}

#[tokio::test]
async fn another_environment_has_its_own_healths_and_watch() {
    let (place, script) = (Place::new(), Script::new());
    place.bind(VALUES, 0o600);
    let engine = place.open(&script).await;
    assert_eq!(engine.board().await.unwrap().environment.id, id("range"), "a range that is up is taken first");
    engine.watch().await.unwrap();
    until("the range is checked", || async { script.runs("Database port") == 1 }).await;
    engine.environment_choose(id("production")).await.unwrap();
    until("production is watched", || async {
        engine.board().await.unwrap().watching == Watching::Here && script.runs("Database port") == 2
    })
    .await;
    let problem = engine.environment_choose(id("produktion")).await.unwrap_err();
    assert_eq!(
        (problem.code, problem.hint.as_deref()),
        (Code::EnvironmentUnknown, Some("Did you mean \"production\"?"))
    );
    engine.close().await;
    let engine = place.open(&script).await;
    let entries = engine.journal_list(JournalQuery { kind: Some("watch-started".to_owned()), ..Default::default() });
    let watched: Vec<_> = entries.await.unwrap().entries.into_iter().filter_map(|entry| entry.environment).collect();
    assert_eq!(watched, ["production", "range"]);
    assert!(engine.board().await.unwrap().changes.iter().all(|change| !change.summary.contains("production")));
    engine.close().await;
}

#[tokio::test]
async fn without_a_journal_the_board_still_works() {
    let (place, script) = (Place::new(), Script::new());
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::write(
        place.home().join("journal.sqlite"),
        "not a database at all, but long enough to be one. ".repeat(99),
    )
    .unwrap();
    script.say("Database port", Verdict::Outage);
    let engine = place.open(&script).await;
    engine.watch().await.unwrap();
    until("the outage is on the board", || async {
        row(&engine.board().await.unwrap(), "port").health == Health::Outage
    })
    .await;
    assert_eq!(engine.append(Fact::RangeStopped {}).await.unwrap_err().code, Code::JournalDamaged);
    let page = engine.journal_list(JournalQuery::default()).await.unwrap();
    assert_eq!(page.read_only.unwrap().code, Code::JournalDamaged);
    let detail = engine.check_read(id("port")).await.unwrap();
    assert_eq!((detail.row.health, detail.samples.len()), (Health::Outage, 0));
    let report = engine.doctor().await.unwrap();
    let journal = report.items.iter().find(|item| item.id == "journal").unwrap();
    assert_eq!(journal.finding, doctor::Finding::Missing);
    engine.close().await;
}

#[tokio::test]
async fn many_checks_all_run_soon() {
    let (place, script) = (Place::new(), Script::new());
    let mut checks = String::new();
    for number in 0..200 {
        writeln!(checks, "[checks.check-{number}]\nname = \"Check {number}\"\nof = \"database\"").unwrap();
        writeln!(checks, "kind = \"tcp\"\nendpoint = \"database\"\ninterval = \"60s\"").unwrap();
    }
    place.write("checks.toml", &checks);
    let engine = place.open(&script).await;
    engine.watch().await.unwrap();
    until("all have run", || async { engine.board().await.unwrap().counts.operational == 200 }).await;
    assert!(script.most.load(Ordering::SeqCst) <= 8, "all are on one server");
    assert!((0..200).all(|number| script.runs(&format!("Check {number}")) == 1));
    engine.close().await;
}
