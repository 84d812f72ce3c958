//! Judgement over many checks: own network, maintenance and mute, flapping, watches that were cut off.

use std::sync::atomic::{AtomicBool, AtomicI64};

use chrono::{DateTime, TimeDelta};
use lifeboat_domain::status::{Scope, Silence};

use super::*;
use crate::view::SilenceWanted;

const TWO_SITES: &str = r#"
[checks.port]
name = "Database port"
of = "database"
kind = "tcp"
endpoint = "database"
interval = "60s"
timeout = "5s"
failures = 1
retry = "100ms"

[checks.page]
name = "Page"
of = "payments"
kind = "tcp"
endpoint = "page"
interval = "60s"
timeout = "5s"
failures = 1
retry = "100ms"

[checks.here]
name = "Here"
of = "payments"
kind = "tcp"
endpoint = "here"
interval = "60s"
timeout = "5s"
failures = 1
retry = "100ms"
"#;

const ENDPOINTS: &str = r#"
[endpoints.page]
kind = "host"
host = "status.example.net"
port = "443"

[endpoints.here]
kind = "host"
host = "127.0.0.1"
port = "1"
"#;

const REFERENCES: &str = r#"
[endpoints.one]
kind = "host"
host = "1.example.com"
port = "443"

[endpoints.two]
kind = "host"
host = "2.example.edu"
port = "443"

[network]
references = ["one", "two"]
"#;

/// A home whose clock can be set and whose way out can be taken away.
struct World {
    place: Place,
    script: Arc<Script>,
    ahead_ms: Arc<AtomicI64>,
    route: Arc<AtomicBool>,
}

impl World {
    fn new(more: &str) -> Self {
        let place = Place::new();
        place.write("checks.toml", TWO_SITES);
        for name in ["production", "range"] {
            let text = if name == "range" { RANGE } else { PRODUCTION };
            place.write(&format!("environments/{name}.toml"), &format!("{text}{ENDPOINTS}{more}"));
        }
        Self { place, script: Script::new(), ahead_ms: Arc::default(), route: Arc::new(AtomicBool::new(true)) }
    }

    async fn open(&self) -> Engine {
        let (script, ahead, route) = (self.script.clone(), self.ahead_ms.clone(), self.route.clone());
        Engine::open_on(
            self.place.options(),
            Arc::new(crate::secrets::Vault::of(&self.place.options().home)),
            Arc::new(move |_| Ok(script.clone())),
            Arc::new(move || Utc::now() + TimeDelta::milliseconds(ahead.load(Ordering::SeqCst))),
            Arc::new(move || route.load(Ordering::SeqCst)),
        )
        .await
        .unwrap()
    }

    /// Lets so much time pass.
    fn pass(&self, time: TimeDelta) {
        self.ahead_ms.fetch_add(time.num_milliseconds(), Ordering::SeqCst);
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn fails(&self, check: &str, verdict: Verdict, fault: FaultClass) {
        self.script.say(check, verdict);
        self.script.faults.lock().unwrap().insert(check.to_owned(), fault);
    }

    fn answers(&self, check: &str) {
        self.script.say(check, Verdict::Operational);
        self.script.faults.lock().unwrap().remove(check);
    }
}

fn healths(board: &Board) -> Vec<(&str, Health)> {
    board.checks.iter().map(|row| (row.id.as_str(), row.health)).collect()
}

async fn summaries(engine: &Engine) -> Vec<String> {
    let page = engine.journal_list(JournalQuery::default()).await.unwrap();
    page.entries.into_iter().rev().map(|entry| entry.summary).collect()
}

#[tokio::test]
async fn without_a_network_nobody_is_accused_and_with_one_again_everything_is_known() {
    use Health::{Operational, Outage, Unknown};
    let world = World::new("");
    let engine = world.open().await;
    engine.check_run(None).await.unwrap();
    // The names are gone, a server whose address is known is silent, and there is no way out.
    world.route.store(false, Ordering::SeqCst);
    world.fails("Database port", Verdict::Outage, FaultClass::Silent);
    world.fails("Page", Verdict::Unknown, FaultClass::Network);
    world.script.say("Here", Verdict::Outage);
    engine.check_run(None).await.unwrap();
    let board = engine.board().await.unwrap();
    assert_eq!(healths(&board), [("here", Outage), ("page", Unknown), ("port", Unknown)]);
    for check in ["page", "port"] {
        assert_eq!(row(&board, check).reason, "this computer has no network");
    }
    assert!(board.no_network.is_some());
    assert!(board.sentence.starts_with("This computer has no network"), "{}", board.sentence);
    let told = summaries(&engine).await;
    assert!(!told.iter().any(|line| line.starts_with("Database port is out")), "{told:?}");
    // One that is checked while others still show their last good sample.
    world.route.store(true, Ordering::SeqCst);
    for check in ["Database port", "Page", "Here"] {
        world.answers(check);
    }
    engine.check_run(None).await.unwrap();
    let board = engine.board().await.unwrap();
    assert_eq!(healths(&board), [("here", Operational), ("page", Operational), ("port", Operational)]);
    assert_eq!(board.no_network, None);
    engine.close().await;
}

#[tokio::test]
async fn names_of_several_sites_gone_at_once_are_our_network_also_with_a_route() {
    let world = World::new("");
    let engine = world.open().await;
    engine.check_run(None).await.unwrap();
    world.fails("Database port", Verdict::Unknown, FaultClass::Network);
    world.fails("Page", Verdict::Unknown, FaultClass::Network);
    // Only one of them is asked for: the guard asks the other itself.
    let before = world.script.runs("Page");
    let result = engine.check_run(Some(vec![id("port")])).await.unwrap().remove(0);
    assert_eq!(result.sample.reason, "this computer has no network");
    assert_eq!(result.sample.answer.as_deref(), Some("said unknown"), "what was seen is kept");
    assert_eq!(world.script.runs("Page"), before + 1);
    engine.close().await;
}

#[tokio::test]
async fn one_provider_down_with_others_up_is_still_an_outage() {
    let world = World::new("");
    let engine = world.open().await;
    engine.check_run(None).await.unwrap();
    for fault in [FaultClass::Silent, FaultClass::Network] {
        world.fails("Page", Verdict::Outage, fault);
        engine.check_run(Some(vec![id("page")])).await.unwrap();
        let board = engine.board().await.unwrap();
        assert_eq!((row(&board, "page").health, board.no_network), (Health::Outage, None), "{fault}");
        assert!(row(&board, "page").alerting);
        world.answers("Page");
        engine.check_run(Some(vec![id("page")])).await.unwrap();
    }
    engine.close().await;
}

#[tokio::test]
async fn references_of_the_plan_tell_silence_of_ours_from_theirs() {
    let world = World::new(REFERENCES);
    let engine = world.open().await;
    engine.check_run(None).await.unwrap();
    world.fails("Page", Verdict::Outage, FaultClass::Silent);
    for reference in ["Reference one", "Reference two"] {
        world.fails(reference, Verdict::Outage, FaultClass::Silent);
    }
    let asked = world.script.runs("Database port");
    let result = engine.check_run(Some(vec![id("page")])).await.unwrap().remove(0);
    assert_eq!(result.sample.reason, "this computer has no network");
    assert_eq!(world.script.runs("Database port"), asked, "with references nobody else is asked");
    engine.close().await;
    // One of them answers, even with a refusal.
    world.fails("Reference two", Verdict::Outage, FaultClass::Remote);
    let engine = world.open().await;
    let result = engine.check_run(Some(vec![id("page")])).await.unwrap().remove(0);
    assert_eq!(result.sample.reason, "said outage");
    engine.close().await;
}

fn wanted(world: &World, scope: Scope, minutes: i64) -> SilenceWanted {
    SilenceWanted { scope, from: None, until: world.now() + TimeDelta::minutes(minutes), reason: "upgrade".to_owned() }
}

#[tokio::test]
async fn maintenance_ends_by_itself_also_while_no_program_runs() {
    let world = World::new("");
    world.script.say("Database port", Verdict::Outage);
    let engine = world.open().await;
    let all: Vec<Silence> = engine.maintenance_begin(wanted(&world, Scope::Part(id("database")), 60)).await.unwrap();
    assert_eq!((all.len(), all[0].by.as_str()), (1, "person:amal"));
    engine.check_run(None).await.unwrap();
    let board = engine.board().await.unwrap();
    let port = row(&board, "port");
    assert_eq!((port.health, port.underlying, port.alerting), (Health::Maintenance, Health::Outage, false));
    assert_eq!(board.silences, all);
    engine.close().await;

    world.pass(TimeDelta::minutes(59));
    let engine = world.open().await;
    assert_eq!(engine.silences().await.unwrap().len(), 1, "it outlives the program");
    engine.close().await;
    world.pass(TimeDelta::minutes(2));
    let engine = world.open().await;
    assert!(engine.silences().await.unwrap().is_empty());
    let told = summaries(&engine).await;
    assert!(told.iter().any(|line| line.starts_with("Maintenance of database from ")), "{told:?}");
    engine.close().await;
}

#[tokio::test]
async fn what_is_silent_can_be_ended_early_once_and_alarms_again() {
    let world = World::new("");
    world.script.say("Database port", Verdict::Outage);
    let engine = world.open().await;
    engine.check_run(None).await.unwrap();
    let alerting = async || row(&engine.board().await.unwrap(), "port").alerting;
    assert!(alerting().await);
    let muted = engine.mute(wanted(&world, Scope::Check(id("port")), 30)).await.unwrap();
    assert!(!alerting().await);
    assert_eq!(row(&engine.board().await.unwrap(), "port").health, Health::Outage, "muted, not hidden");
    let entry = muted[0].entry.clone();
    assert_eq!(engine.maintenance_end(entry.clone()).await.unwrap_err().code, Code::NotAllowedNow);
    assert!(engine.unmute(entry.clone()).await.unwrap().is_empty());
    assert!(alerting().await);
    assert_eq!(engine.unmute(entry).await.unwrap_err().code, Code::NotAllowedNow);
    let maintained = engine.maintenance_begin(wanted(&world, Scope::Everything, 30)).await.unwrap();
    assert!(!alerting().await);
    engine.maintenance_end(maintained[0].entry.clone()).await.unwrap();
    assert!(alerting().await);
    // Another environment hears of none of it.
    engine.maintenance_begin(wanted(&world, Scope::Everything, 30)).await.unwrap();
    engine.environment_choose(id("range")).await.unwrap();
    assert!(engine.silences().await.unwrap().is_empty());
    engine.close().await;
}

#[tokio::test]
async fn what_the_plan_does_not_have_cannot_be_silent() {
    let world = World::new("");
    let engine = world.open().await;
    let problem = engine.mute(wanted(&world, Scope::Check(id("prot")), 30)).await.unwrap_err();
    assert_eq!((problem.code, problem.hint.as_deref()), (Code::CheckUnknown, Some("Did you mean \"port\"?")));
    let problem = engine.maintenance_begin(wanted(&world, Scope::Part(id("databse")), 30)).await.unwrap_err();
    assert_eq!((problem.code, problem.hint.as_deref()), (Code::Usage, Some("Did you mean \"database\"?")));
    world.place.write("checks.toml", &TWO_SITES.replace("payments", "database"));
    engine.plan_read().await.unwrap();
    let problem = engine.mute(wanted(&world, Scope::Part(id("payments")), 30)).await.unwrap_err();
    assert!(problem.message.starts_with("no check tells of"), "{problem}");
    let problem = engine.mute(wanted(&world, Scope::Everything, 25 * 60)).await.unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("until"));
    assert!(kinds(&engine).await.is_empty());
    engine.close().await;
}

#[tokio::test]
async fn a_check_that_flaps_fills_no_journal() {
    let world = World::new("");
    let engine = world.open().await;
    for run in 0..60 {
        world.script.say("Page", if run % 2 == 0 { Verdict::Operational } else { Verdict::Outage });
        engine.check_run(Some(vec![id("page")])).await.unwrap();
    }
    let kinds: Vec<String> = kinds(&engine).await.into_iter().filter(|kind| kind != "plan-adopted").collect();
    assert!(kinds.len() < 10, "{kinds:?}");
    assert_eq!(kinds.last().unwrap(), "flapping-began");
    let board = engine.board().await.unwrap();
    let page = row(&board, "page");
    assert_eq!((page.health, page.alerting), (Health::Outage, false), "the truth is shown");
    assert!(page.flapping.as_ref().is_some_and(|flapping| flapping.changes > 40));
    engine.close().await;
}

#[tokio::test]
async fn a_watch_that_was_killed_is_known_to_have_ended_at_its_last_sign() {
    let world = World::new("");
    // What a watch leaves that is killed: its beginning in the journal, its last sign in the lease's file.
    let engine = world.open().await;
    engine.append(Fact::WatchStarted { environment: id("production") }).await.unwrap();
    let last = world.now() + TimeDelta::minutes(7);
    engine.close().await;
    std::fs::write(world.place.home().join("watch-production.lock"), format!("{:020}\n", last.timestamp_millis()))
        .unwrap();
    world.pass(TimeDelta::minutes(30));
    let engine = world.open().await;
    engine.watch().await.unwrap();
    engine.close().await;
    let page = world.open().await.journal_list(JournalQuery::default()).await.unwrap();
    let interrupted = page.entries.iter().find(|entry| entry.kind == "watch-interrupted").unwrap();
    assert_eq!(interrupted.body["why"], "ended");
    let from: DateTime<Utc> = interrupted.body["from"].as_str().unwrap().parse().unwrap();
    assert_eq!(from.timestamp_millis(), last.timestamp_millis());
    let spans = world.open().await.observed().await.unwrap();
    assert_eq!(spans[0].until, from, "{spans:?}");
    assert!(spans.len() == 2 && spans[1].from - from >= TimeDelta::minutes(23) - TimeDelta::seconds(10), "{spans:?}");
    // One that ended well leaves no gap.
    let engine = world.open().await;
    engine.watch().await.unwrap();
    engine.close().await;
    let engine = world.open().await;
    assert_eq!(kinds(&engine).await.iter().filter(|kind| *kind == "watch-interrupted").count(), 1);
    engine.close().await;
}

#[tokio::test]
async fn a_clock_that_jumps_is_a_gap_in_what_was_observed() {
    let world = World::new("");
    let engine = world.open().await;
    engine.watch().await.unwrap();
    until("everything was checked", || async { world.script.runs("Page") == 1 }).await;
    let mut entries = engine.entries();
    world.pass(TimeDelta::hours(8));
    let interrupted = loop {
        let entry = tokio::time::timeout(Duration::from_secs(20), entries.recv()).await.unwrap().unwrap();
        if entry.kind == "watch-interrupted" {
            break entry;
        }
    };
    assert_eq!(interrupted.body["why"], "clock", "this computer did not sleep");
    let at = |key: &str| interrupted.body[key].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(at("until") - at("from") >= TimeDelta::hours(8));
    until("everything is checked again, once", || async { world.script.runs("Page") == 2 }).await;
    engine.close().await;
}
