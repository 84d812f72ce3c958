//! Checks that need more than a look: jobs that report, journeys that may not be made.

use super::*;

const LISTENING: &str = r#"
[checks.backup-job]
name = "Backup job"
of = "database"
kind = "heartbeat"
max-age = "25h"

[checks.order-journey]
name = "Orders can be placed"
of = "payments"
kind = "journey"
endpoint = "site"
steps = [{ name = "look", path = "/" }]
"#;

const SITE: &str = "\n[endpoints.site]\nkind = \"http\"\nurl = \"http://127.0.0.1:9\"\n";

fn place() -> Place {
    let place = Place::new();
    place.write("checks.toml", &format!("{CHECKS}{LISTENING}"));
    place.write("environments/production.toml", &format!("{PRODUCTION}{SITE}"));
    place.write("environments/range.toml", &format!("{RANGE}{SITE}"));
    place
}

async fn sample(engine: &Engine, check: &str) -> (Verdict, String) {
    let results = engine.check_run(Some(vec![id(check)])).await.unwrap();
    (results[0].sample.verdict, results[0].sample.reason.clone())
}

#[tokio::test]
async fn a_job_is_known_by_what_was_heard_of_it() {
    let (place, script) = (place(), Script::new());
    let engine = place.open(&script).await;
    assert_eq!(sample(&engine, "backup-job").await, (Verdict::Unknown, "never heard of".to_owned()));

    let (environment, beat) = engine.heartbeat(&id("backup-job"), None).await.unwrap();
    assert_eq!((environment, beat.failed, beat.good_at), (id("production"), None, Some(beat.at)));
    let (verdict, reason) = sample(&engine, "backup-job").await;
    assert_eq!(verdict, Verdict::Operational, "{reason}");

    let why = "disk full, password=hunter2".to_owned();
    let (_, beat) = engine.heartbeat(&id("backup-job"), Some(why)).await.unwrap();
    assert_eq!(beat.failed.as_deref(), Some("disk full, password=***"));
    assert!(beat.good_at.unwrap() < beat.at, "the good one before is remembered");
    let (verdict, reason) = sample(&engine, "backup-job").await;
    assert_eq!(verdict, Verdict::Outage);
    assert!(reason.contains("disk full") && reason.contains("; last good "), "{reason}");

    // What is heard in one environment says nothing of another.
    engine.environment_choose(id("range")).await.unwrap();
    assert_eq!(sample(&engine, "backup-job").await.0, Verdict::Unknown);
    assert_eq!(script.runs("Backup job"), 0, "there is nothing to look at");

    for (check, code) in [("port", Code::CheckUnknown), ("backup-jop", Code::CheckUnknown)] {
        let problem = engine.heartbeat(&id(check), None).await.unwrap_err();
        assert_eq!(problem.code, code, "{problem:?}");
        assert!(problem.hint.is_some());
    }
    engine.close().await;
}

#[tokio::test]
async fn a_job_that_ran_while_a_range_came_up_was_heard_of() {
    let (place, script) = (place(), Script::new());
    let beats =
        format!(r#"{{"values": {{"primary.port": "1"}}, "beats": {{"backup-job": "{}"}}}}"#, Utc::now().to_rfc3339());
    place.bind(&beats, 0o600);
    let engine = place.open(&script).await;
    assert_eq!(engine.board().await.unwrap().environment.id, id("range"));
    assert_eq!(sample(&engine, "backup-job").await.0, Verdict::Operational);
    engine.heartbeat(&id("backup-job"), Some("no space".to_owned())).await.unwrap();
    assert_eq!(sample(&engine, "backup-job").await.0, Verdict::Outage, "the newest counts");
    engine.close().await;
}

#[tokio::test]
async fn a_journey_is_not_made_in_production_unless_the_plan_says_so() {
    let (place, script) = (place(), Script::new());
    let engine = place.open(&script).await;
    let (verdict, reason) = sample(&engine, "order-journey").await;
    assert_eq!(verdict, Verdict::Unknown);
    assert_eq!(reason, "not made: it changes things, and the plan does not say that it may in production");
    assert_eq!(script.runs("Orders can be placed"), 0);

    engine.environment_choose(id("range")).await.unwrap();
    assert_eq!(sample(&engine, "order-journey").await.0, Verdict::Operational);
    engine.environment_choose(id("production")).await.unwrap();
    place.write("checks.toml", &format!("{CHECKS}{LISTENING}production = true\n"));
    assert!(engine.plan_read().await.unwrap().plan.is_some());
    assert_eq!(sample(&engine, "order-journey").await.0, Verdict::Operational);
    assert_eq!(script.runs("Orders can be placed"), 2);
    engine.close().await;
}

#[tokio::test]
async fn a_journey_under_way_is_let_finish_when_the_engine_closes() {
    let (place, script) = (place(), Script::new());
    let engine = Engine::open_with(Options { environment: Some(id("range")), ..place.options() }, script.clone());
    let engine = engine.await.unwrap();
    for check in ["Orders can be placed", "Other port"] {
        script.hold(check);
    }
    let run = |check: &str| {
        let (engine, check) = (engine.clone(), id(check));
        tokio::spawn(async move { engine.check_run(Some(vec![check])).await })
    };
    let (journey, port) = (run("order-journey"), run("other"));
    until("both are under way", || async { script.runs("Orders can be placed") + script.runs("Other port") == 2 })
        .await;
    let closing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.close().await }
    });
    assert_eq!(port.await.unwrap().unwrap_err().code, Code::NotAllowedNow, "a look is left");
    assert!(!journey.is_finished() && !closing.is_finished());
    script.let_go();
    assert_eq!(journey.await.unwrap().unwrap()[0].sample.verdict, Verdict::Operational);
    closing.await.unwrap();
}

#[tokio::test]
async fn b_93_a_result_that_cannot_be_written_is_not_lost() {
    let (place, script) = (place(), Script::new());
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::write(place.home().join("journal.sqlite"), "no journal, and nowhere to write to. ".repeat(99)).unwrap();
    script.say("Database port", Verdict::Outage);
    let engine = place.open(&script).await;
    let before = Utc::now();
    let results = engine.check_run(None).await.unwrap();
    assert_eq!(results.len(), 4, "every check was made");
    let port = results.iter().find(|result| result.id == id("port")).unwrap();
    assert_eq!((port.sample.verdict, port.sample.reason.as_str()), (Verdict::Outage, "said outage"));
    assert!((before..=Utc::now()).contains(&port.sample.at), "in UTC, as everything is");
    assert_eq!(sample(&engine, "backup-job").await.0, Verdict::Unknown, "what was heard cannot be read");
    assert_eq!(engine.heartbeat(&id("backup-job"), None).await.unwrap_err().code, Code::JournalDamaged);
    engine.close().await;
}
