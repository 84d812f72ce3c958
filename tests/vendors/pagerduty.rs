//! PagerDuty.

use std::{collections::BTreeMap, time::Duration};

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{Class, Observation, Refusal, Vendor},
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::{
        again::Again,
        pagerduty::{Event, Incident, PagerDuty, Severity},
    },
};
use lifeboat_range::vendor::VendorFault::{self, *};

use crate::{
    contract,
    world::{World, json},
};

/// What the runbook's script broke on (B-82).
const AWKWARD: &str = "the \"orders\" table\nis\tgone \\ 🔥 ${HOME} $(id) <b> 'x' \u{0}";
const AGAIN: Again = Again { tries: 4, pause: Duration::from_millis(5), within: Duration::from_mins(1) };

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> PagerDuty<'a> {
    let VendorTarget::PagerDuty { events, api, routing_key, token, from, service } = world.target("pagerduty") else {
        panic!("not PagerDuty")
    };
    let (token, from, service) = (token.as_ref(), from.as_deref(), service.as_deref());
    PagerDuty { attempt, events, api, routing_key, token, from, service }
}

fn event(dedup_key: &str) -> Event<'_> {
    Event {
        dedup_key,
        summary: "the database is down",
        source: "primary-database",
        severity: Severity::Critical,
        timestamp: None,
        component: None,
        group: None,
        class: None,
        details: BTreeMap::new(),
    }
}

fn incident(incident_key: &str) -> Incident<'_> {
    Incident { incident_key, title: "P0: down", details: AWKWARD, urgent: true, escalation_policy: None }
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 9] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Unauthorized), Unknown, "PagerDuty does not accept our credential"),
        (Some(Forbidden), Unknown, "may not ask this"),
        (Some(NotFound), Outage, "answers and does not work"),
        (Some(TooMany), Unknown, "answers, and no more is known"),
        (Some(Unavailable), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached"),
        (Some(Html), Outage, "the answer is not what the interface says"),
        (Some(Redirect), Outage, "answers and does not work"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::PagerDuty, fault);
        let sample = world.look(&world.prober, "pagerduty", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    for asked in world.asked(Vendor::PagerDuty, "") {
        assert_eq!(asked.path, "/services/PRANGE1", "a check asked for more than it needs");
        contract::keeps("pagerduty", &asked);
    }
}

#[tokio::test]
async fn without_a_rest_key_nothing_is_known_but_that_it_answers() {
    let world = World::new().await;
    let targets = world.with_target("pagerduty", |target| match target {
        VendorTarget::PagerDuty { token, .. } => *token = None,
        other => panic!("{other:?}"),
    });
    for (fault, verdict, words) in [
        (None, Unknown, "it answers; without a REST key only a page would tell more"),
        (Some(Failing), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached"),
    ] {
        world.stand_ins.set_fault(Vendor::PagerDuty, fault);
        let sample = world.look_at(&world.prober, &targets, "pagerduty", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    assert!(world.asked(Vendor::PagerDuty, "enqueue").is_empty());
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::PagerDuty, fault);
        let sample = world.look(&world.prober, "pagerduty", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        let attempt = world.prober.attempt(&world.targets, Period::from_secs(2));
        let answer = at(&world, &attempt).trigger(&event("incident-1")).await;
        assert_eq!(answer.class, Class::Unknown, "{fault:?}: {answer:?}");
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
    }
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    for fault in [Echo, Script] {
        world.breaks(Vendor::PagerDuty, fault);
        let sample = world.look(&world.prober, "pagerduty", Period::from_secs(10)).await;
        let attempt = world.attempt();
        let pagerduty = at(&world, &attempt);
        let answers = (
            pagerduty.trigger(&event("incident-1")).await,
            pagerduty.incident(&incident("incident-1")).await,
            pagerduty.look("incident-1").await,
        );
        let all = format!("{sample:?} {answers:?}");
        for (handle, secret) in world.secrets("range-pagerduty") {
            assert!(!all.contains(&secret), "{handle} in {all}");
        }
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
}

#[tokio::test]
async fn b_82_b_88_quotes_lines_and_emoji_arrive_as_they_were_written() {
    let world = World::new().await;
    let attempt = world.attempt();
    let pagerduty = at(&world, &attempt);
    let told = Event {
        summary: AWKWARD,
        source: AWKWARD,
        timestamp: Some(chrono::Utc::now()),
        component: Some(AWKWARD),
        group: Some("platform"),
        class: Some("outage"),
        details: BTreeMap::from([(AWKWARD, AWKWARD)]),
        ..event(AWKWARD)
    };
    assert_eq!(pagerduty.trigger(&told).await.class, Class::Accepted);
    assert_eq!(pagerduty.incident(&incident("by-hand")).await.class, Class::Accepted);
    let asked = world.asked(Vendor::PagerDuty, "");
    let (event, incident) = (json(&asked[0]), json(&asked[1]));
    for value in [&event["payload"]["summary"], &event["dedup_key"], &event["payload"]["custom_details"][AWKWARD]] {
        assert_eq!(value, AWKWARD);
    }
    assert_eq!(incident["incident"]["body"]["details"], AWKWARD);
    for asked in &asked {
        contract::keeps("pagerduty", asked);
    }
}

#[tokio::test]
async fn b_83_b_84_an_incident_carries_sender_version_and_credential_as_the_interface_wants_them() {
    let world = World::new().await;
    let attempt = world.attempt();
    let made = at(&world, &attempt).incident(&incident("incident-1")).await;
    assert_eq!((made.class, made.status), (Class::Accepted, Some(201)), "{made:?}");
    let asked = &world.asked(Vendor::PagerDuty, "/incidents")[0];
    contract::keeps("pagerduty", asked);
    let header = |name: &str| asked.headers[name].to_str().unwrap();
    assert_eq!(header("from"), "lifeboat@range.test");
    assert!(header("authorization").starts_with("Token token="));
    // Nobody is made up in whose name it might be.
    let mut nobody = at(&world, &attempt);
    nobody.from = None;
    let answer = nobody.incident(&incident("incident-2")).await;
    assert_eq!((answer.refusal, answer.status), (Some(Refusal::Here), None));
    nobody.from = Some("stranger@range.test");
    let answer = nobody.incident(&incident("incident-2")).await;
    assert_eq!((answer.refusal, answer.code.as_deref()), (Some(Refusal::Request), Some("1008")), "{answer:?}");
}

#[tokio::test]
async fn b_85_each_refusal_and_failure_of_an_event_has_its_class() {
    let world = World::new().await;
    let attempt = world.attempt();
    let pagerduty = at(&world, &attempt);
    for (fault, class, refusal) in [
        (Unauthorized, Class::Refused, Some(Refusal::Credential)),
        (NotFound, Class::Refused, Some(Refusal::Gone)),
        (TooMany, Class::RetryLater, None),
        (Failing, Class::Unknown, None),
        (Unavailable, Class::Unknown, None),
        (CutBefore, Class::Unknown, None),
        (CutAfter, Class::Unknown, None),
        (Malformed, Class::Unknown, None),
        (Html, Class::Unknown, None),
        (Redirect, Class::Refused, Some(Refusal::Request)),
    ] {
        world.breaks(Vendor::PagerDuty, fault);
        let answer = pagerduty.trigger(&event(fault.name())).await;
        assert_eq!((answer.class, answer.refusal), (class, refusal), "{fault:?}: {answer:?}");
    }
    world.breaks(Vendor::PagerDuty, TooMany);
    assert_eq!(pagerduty.trigger(&event("a")).await.retry_after_ms, Some(2_000));
    assert_eq!(pagerduty.incident(&incident("a")).await.retry_after_ms, Some(2_000));
}

#[tokio::test]
async fn b_86_a_page_that_is_asked_for_again_is_one_page() {
    let world = World::new().await;
    let attempt = world.attempt();
    let pagerduty = at(&world, &attempt);
    world.breaks(Vendor::PagerDuty, CutAfter);
    let lost = pagerduty.send(&event("incident-1"), AGAIN).await;
    assert_eq!((lost.class, lost.observation), (Class::Unknown, Observation::Failed), "{lost:?}");
    let asked = world.asked(Vendor::PagerDuty, "enqueue");
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|one| json(one)["dedup_key"] == "incident-1" && one.body == asked[0].body));
    world.mends(Vendor::PagerDuty);
    let sent = pagerduty.send(&event("incident-1"), AGAIN).await;
    assert_eq!((sent.class, sent.reference.as_deref()), (Class::Accepted, Some("incident-1")));
    // Five events, one incident; and one made by hand under the same key is that one too.
    let found = pagerduty.look("incident-1").await;
    let by_hand = pagerduty.incident(&incident("incident-1")).await;
    assert_eq!((by_hand.class, &by_hand.reference), (Class::Accepted, &found.reference), "{by_hand:?}");
    assert_eq!(found.reference.as_deref(), Some("Q0000000000001"));
    let other = pagerduty.incident(&incident("incident-2")).await;
    assert_eq!(other.reference.as_deref(), Some("Q0000000000002"), "another was made in between: {other:?}");
    for asked in world.asked(Vendor::PagerDuty, "") {
        contract::keeps("pagerduty", &asked);
    }
}

#[tokio::test]
async fn an_incident_whose_answer_was_lost_is_found_when_it_is_asked_for_again() {
    let world = World::new().await;
    let attempt = world.attempt();
    let pagerduty = at(&world, &attempt);
    world.breaks(Vendor::PagerDuty, CutAfter);
    assert_eq!(pagerduty.incident(&incident("incident-1")).await.class, Class::Unknown);
    world.mends(Vendor::PagerDuty);
    let again = pagerduty.incident(&incident("incident-1")).await;
    assert_eq!((again.class, again.reference.as_deref()), (Class::Accepted, Some("Q0000000000001")));
}

#[tokio::test]
async fn a_page_is_delivered_only_when_somebody_has_it() {
    let world = World::new().await;
    let attempt = world.attempt();
    let pagerduty = at(&world, &attempt);
    let before = pagerduty.look("incident-1").await;
    assert_eq!((before.class, before.observation), (Class::Unknown, Observation::Succeeded), "{before:?}");
    assert_eq!(pagerduty.trigger(&event("incident-1")).await.class, Class::Accepted);
    assert_eq!(pagerduty.look("incident-1").await.class, Class::Accepted);
    assert_eq!(pagerduty.acknowledge("incident-1").await.class, Class::Accepted);
    assert_eq!(pagerduty.look("incident-1").await.class, Class::Delivered);
    assert_eq!(pagerduty.resolve("incident-1").await.class, Class::Accepted);
    assert_eq!(pagerduty.look("incident-1").await.code.as_deref(), Some("resolved"));
    // A key that was resolved pages again, as another incident.
    assert_eq!(pagerduty.trigger(&event("incident-1")).await.class, Class::Accepted);
    assert_eq!(pagerduty.look("incident-1").await.reference.as_deref(), Some("Q0000000000002"));
    // That it cannot be looked at says nothing of it.
    for fault in [Unauthorized, Forbidden, Html] {
        world.breaks(Vendor::PagerDuty, fault);
        let answer = pagerduty.look("incident-1").await;
        assert!([Class::Unknown, Class::RetryLater].contains(&answer.class), "{fault:?}: {answer:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_right_is_refused_by_its_field_before_anything_is_sent() {
    let world = World::new().await;
    let attempt = world.attempt();
    let pagerduty = at(&world, &attempt);
    let (key, summary, large) = ("k".repeat(256), "s".repeat(1_025), "x".repeat(600 << 10));
    let mut answers = vec![
        ("the dedup key is empty", pagerduty.trigger(&event("")).await),
        ("the dedup key is longer than 255 characters", pagerduty.resolve(&key).await),
        ("the summary is empty", pagerduty.trigger(&Event { summary: " ", ..event("a") }).await),
        (
            "the summary is longer than 1024 characters",
            pagerduty.trigger(&Event { summary: &summary, ..event("a") }).await,
        ),
        ("the source is empty", pagerduty.trigger(&Event { source: "", ..event("a") }).await),
        ("the title is empty", pagerduty.incident(&Incident { title: "", ..incident("a") }).await),
    ];
    let details = BTreeMap::from([("log", large.as_str())]);
    answers.push(("the event is larger than 512 KiB", pagerduty.trigger(&Event { details, ..event("a") }).await));
    for (words, answer) in answers {
        assert_eq!((answer.refusal, answer.detail.as_str()), (Some(Refusal::Here), words));
    }
    assert!(world.stand_ins.asked(Vendor::PagerDuty).is_empty());
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    let secret = |handle: &str| world.secrets(handle)[0].1.clone();
    let (key, rest) = ("range-pagerduty", "range-pagerduty-rest");
    for (secrets, words) in [
        (vec![], "credential \"range-pagerduty\": no credential is stored"),
        (vec![(key, "too-short".to_owned())], "credential \"range-pagerduty\" is not an integration key"),
        (vec![(key, secret(key))], "credential \"range-pagerduty-rest\": no credential is stored"),
        (vec![(key, secret(key)), (rest, "two\nlines".to_owned())], "the credential cannot be sent in a header"),
        (vec![(key, secret(key)), (rest, "wrong".to_owned())], "PagerDuty does not accept our credential"),
    ] {
        let prober = world.with_secrets(&secrets);
        let sample = world.look(&prober, "pagerduty", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
    let wrong = world.with_secrets(&[(key, "0".repeat(32))]);
    let attempt = wrong.attempt(&world.targets, Period::from_secs(10));
    let answer = at(&world, &attempt).trigger(&event("a")).await;
    assert_eq!(answer.refusal, Some(Refusal::Credential), "{answer:?}");
}
