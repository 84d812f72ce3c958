//! The circuit breakers of the providers: what checks see, what a person wants, and what outlives the program.

use lifeboat_domain::provider::{BreakerPhase, BreakerView, Forced};

use super::*;

fn place(open_for: &str) -> Place {
    let place = Place::new();
    let breaker = format!("breaker = {{ failures = 2, open-for = \"{open_for}\" }}");
    let provider = format!("\n[providers.cards]\nname = \"Cards\"\nservice = \"Payments\"\n{breaker}\n");
    place.write("plan.toml", &PLAN.replace("\n[providers]\n", &provider));
    let check = "[checks.cards]\nname = \"Cards work\"\nof = \"cards\"\nkind = \"vendor\"\nendpoint = \"cards\"\n\
                 interval = \"60s\"\ntimeout = \"5s\"\n";
    place.write("checks.toml", check);
    for (name, text) in [("production", PRODUCTION), ("range", RANGE)] {
        let endpoint = "[endpoints.cards]\nkind = \"stripe\"\ncredential = \"cards\"\n";
        place.write(&format!("environments/{name}.toml"), &format!("{text}\n{endpoint}"));
    }
    place
}

async fn check(engine: &Engine, script: &Script, verdict: Verdict) -> BreakerView {
    script.say("Cards work", verdict);
    engine.check_run(None).await.unwrap();
    stands(engine).await
}

async fn stands(engine: &Engine) -> BreakerView {
    let board = engine.board().await.unwrap();
    board.providers.into_iter().find(|row| row.id.as_str() == "cards").unwrap().breaker.unwrap()
}

#[tokio::test]
async fn a_provider_that_fails_too_often_is_not_asked_until_it_works_again() {
    let (place, script) = (place("1ms"), Script::new());
    let engine = place.open(&script).await;
    assert_eq!(stands(&engine).await.phase, BreakerPhase::Closed);
    assert_eq!(check(&engine, &script, Verdict::Outage).await.failures, 1);
    // What could not be checked and what works less well say nothing against it.
    assert_eq!(check(&engine, &script, Verdict::Unknown).await.failures, 1);
    assert_eq!(check(&engine, &script, Verdict::Degraded).await.failures, 0);
    check(&engine, &script, Verdict::Outage).await;
    let opened = check(&engine, &script, Verdict::Outage).await;
    assert_eq!((opened.phase, opened.reason.as_str()), (BreakerPhase::HalfOpen, "said outage"));
    // A check is who tries, and its failure opens again.
    check(&engine, &script, Verdict::Outage).await;
    assert_eq!(check(&engine, &script, Verdict::Operational).await.phase, BreakerPhase::Closed);
    let told: Vec<String> = kinds(&engine).await.into_iter().filter(|kind| kind.starts_with("breaker")).collect();
    assert_eq!(told, ["breaker-opened", "breaker-opened", "breaker-closed"]);
    engine.close().await;
}

#[tokio::test]
async fn what_a_breaker_has_seen_outlives_the_program_and_is_seen_by_another() {
    let (place, script) = (place("1h"), Script::new());
    let engine = place.open(&script).await;
    check(&engine, &script, Verdict::Outage).await;
    engine.close().await;
    let engine = place.open(&script).await;
    assert_eq!(stands(&engine).await.failures, 1);
    let opened = check(&engine, &script, Verdict::Outage).await;
    assert_eq!(opened.phase, BreakerPhase::Open);
    let other = place.open(&script).await;
    let seen = stands(&other).await;
    assert_eq!((seen.phase, seen.since), (opened.phase, opened.since));
    let longer = (seen.until.unwrap() - opened.until.unwrap()).abs();
    assert!(longer < chrono::TimeDelta::minutes(1), "it stays open no longer than it would have: {longer}");
    other.close().await;
    engine.close().await;
}

#[tokio::test]
async fn a_person_decides_with_a_reason_and_that_is_written_down() {
    let (place, script) = (place("1h"), Script::new());
    let engine = place.open(&script).await;
    let other = place.open(&script).await;
    for reason in ["", "  ", &"x".repeat(301)] {
        let refused = engine.breaker_force(&id("cards"), Some(Forced::Open), reason).await.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("reason"));
    }
    let unknown = engine.breaker_force(&id("card"), Some(Forced::Open), "why").await.unwrap_err();
    assert!(unknown.hint.unwrap().contains("cards"));
    let held = engine.breaker_force(&id("cards"), Some(Forced::Open), "they asked us to stop").await.unwrap();
    assert_eq!((held.forced, held.phase, held.until), (Some(Forced::Open), BreakerPhase::Open, None));
    let seen = stands(&other).await;
    assert_eq!((seen.forced, seen.by.as_deref()), (Some(Forced::Open), Some("person:amal")));
    assert_eq!(seen.reason, "they asked us to stop");
    // Whatever is seen meanwhile, and for as long as it takes.
    assert_eq!(check(&engine, &script, Verdict::Operational).await.forced, Some(Forced::Open));
    let released = other.breaker_force(&id("cards"), None, "").await.unwrap();
    assert_eq!((released.forced, released.phase), (None, BreakerPhase::HalfOpen));
    assert_eq!(check(&engine, &script, Verdict::Operational).await.phase, BreakerPhase::Closed);
    let page = engine.journal_list(JournalQuery::default()).await.unwrap();
    let told: Vec<&str> = page
        .entries
        .iter()
        .filter(|entry| entry.kind == "breaker-forced")
        .map(|entry| entry.summary.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "Whether Cards is asked is left to what is seen of it again",
            "Cards is not asked, by hand: they asked us to stop"
        ]
    );
    other.close().await;
    engine.close().await;
}

#[tokio::test]
async fn who_is_held_back_gets_another_answer_than_who_fails() {
    use crate::breakers::{Where, held_back};
    let (place, script) = (place("1h"), Script::new());
    let engine = place.open(&script).await;
    engine.breaker_force(&id("cards"), Some(Forced::Open), "why").await.unwrap();
    let force = engine.core.force().unwrap();
    let at = Where { plan: &force.plan, environment: &force.environment };
    let why = engine.core.scheduler.breakers.leave(at, &id("cards")).await.unwrap_err();
    let answer = held_back("Cards", why);
    assert_eq!(answer.code.as_deref(), Some("breaker-open"));
    assert_eq!(answer.detail, "Cards: a person wants that the provider is not asked");
    // What the plan gives no breaker is asked.
    assert!(engine.core.scheduler.breakers.leave(at, &id("database")).await.unwrap().is_none());
    engine.close().await;
}

#[tokio::test]
async fn without_a_network_here_no_provider_is_held_to_have_failed() {
    let (place, script) = (place("1h"), Script::new());
    let probing = script.clone();
    let probers: Probers = Arc::new(move |_| Ok(probing.clone()));
    let vault = Arc::new(crate::secrets::Vault::of(&place.options().home));
    let engine = Engine::open_on(place.options(), vault, probers, wall_clock(), Arc::new(|| false)).await.unwrap();
    script.faults.lock().unwrap().insert("Cards work".to_owned(), FaultClass::Silent);
    for _ in 0..5 {
        let stands = check(&engine, &script, Verdict::Outage).await;
        assert_eq!((stands.phase, stands.failures), (BreakerPhase::Closed, 0));
    }
    engine.close().await;
}
