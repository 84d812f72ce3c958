//! Statuspage, with our own page.

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{Class, Effect, Observation, Refusal, Vendor},
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::statuspage::{IncidentStatus, PartStatus, Said, Statuspage},
};
use lifeboat_range::vendor::VendorFault::{self, *};

use crate::{
    contract,
    world::{World, told},
};

const PAYMENTS: &str = "vtnh60py4yd7";
const SAID: Said<'_> = Said {
    status: IncidentStatus::Investigating,
    body: "Some payments do not go through.",
    parts: &[(PAYMENTS, PartStatus::PartialOutage)],
    tell: true,
};

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> Statuspage<'a> {
    let VendorTarget::Statuspage { api, credential, page } = world.target("statuspage") else { panic!("another") };
    Statuspage::at(attempt, api, credential, page)
}

async fn payments(page: &Statuspage<'_>) -> String {
    let parts = page.parts().await.unwrap();
    parts.into_iter().find(|part| part.id == PAYMENTS).unwrap().status
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 10] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Unauthorized), Unknown, "does not accept our credential"),
        (Some(Forbidden), Unknown, "may not ask this"),
        (Some(NotFound), Outage, "answers and does not work"),
        (Some(TooMany), Unknown, "answers, and no more is known"),
        (Some(Failing), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached (closed the connection"),
        (Some(Malformed), Outage, "the answer is not what the interface says"),
        (Some(Html), Outage, "the answer is not what the interface says"),
        (Some(Redirect), Outage, "answers and does not work"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::Statuspage, fault);
        let sample = world.look(&world.prober, "statuspage", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Statuspage, fault);
        let sample = world.look(&world.prober, "statuspage", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
    }
}

#[tokio::test]
async fn an_incident_is_opened_updated_and_ended_and_parts_follow() {
    let world = World::new().await;
    let attempt = world.attempt();
    let page = at(&world, &attempt);
    assert_eq!(payments(&page).await, "operational");
    let opened = page.open("incident-7", "Payments fail", &SAID).await;
    assert_eq!((opened.class, opened.status), (Class::Delivered, Some(201)), "{opened:?}");
    let id = opened.reference.unwrap();
    assert_eq!(payments(&page).await, "partial_outage");
    let open = page.open_incidents().await.unwrap();
    assert_eq!(
        (open[0].id.as_str(), open[0].name.as_str(), open[0].status.as_str()),
        (&*id, "Payments fail", "investigating")
    );
    assert_eq!(open[0].key(), Some("incident-7"));
    let mended = Said {
        status: IncidentStatus::Resolved,
        body: "Payments go through again.",
        parts: &[(PAYMENTS, PartStatus::Operational)],
        tell: false,
    };
    assert_eq!(page.update(&id, &mended).await.class, Class::Delivered);
    assert_eq!(payments(&page).await, "operational");
    assert!(page.open_incidents().await.unwrap().is_empty());
    assert_eq!(
        page.incident_of("incident-7").await.unwrap().map(|incident| incident.status).as_deref(),
        Some("resolved")
    );
    for status in [PartStatus::MajorOutage, PartStatus::UnderMaintenance, PartStatus::DegradedPerformance] {
        assert_eq!(page.set_part(PAYMENTS, status).await.class, Class::Delivered, "{status:?}");
    }
    assert_eq!(payments(&page).await, "degraded_performance");
    for asked in world.asked(Vendor::Statuspage, "") {
        contract::keeps("statuspage", &asked);
    }
}

#[tokio::test]
async fn a_lost_answer_is_unknown_until_the_page_is_looked_at() {
    let world = World::new().await;
    let attempt = world.attempt();
    let page = at(&world, &attempt);
    for (fault, there) in [(CutBefore, false), (CutAfter, true)] {
        world.breaks(Vendor::Statuspage, fault);
        let lost = page.open("incident-8", "Payments fail", &SAID).await;
        assert_eq!((lost.class, lost.observation), (Class::Unknown, Observation::Failed), "{lost:?}");
        assert!(!lost.may_be_tried_again(Effect::EachTime));
        assert!(page.incident_of("incident-8").await.is_err());
        world.mends(Vendor::Statuspage);
        assert_eq!(page.incident_of("incident-8").await.unwrap().is_some(), there, "{fault:?}");
    }
    world.breaks(Vendor::Statuspage, CutAfter);
    let set = page.set_part(PAYMENTS, PartStatus::MajorOutage).await;
    assert_eq!(set.class, Class::Unknown);
    assert!(set.may_be_tried_again(Effect::Once), "said twice, a part is said once to be down");
}

#[tokio::test]
async fn every_class_of_answer() {
    let world = World::new().await;
    let attempt = world.attempt();
    let page = at(&world, &attempt);
    for (fault, class, refusal) in [
        (Unauthorized, Class::Refused, Some(Refusal::Credential)),
        (Forbidden, Class::Refused, Some(Refusal::Permission)),
        (NotFound, Class::Refused, Some(Refusal::Gone)),
        (Enough, Class::RetryLater, None),
        (TooMany, Class::RetryLater, None),
        (Failing, Class::Unknown, None),
        (Unavailable, Class::Unknown, None),
        (Malformed, Class::Unknown, None),
        (Html, Class::Unknown, None),
    ] {
        world.breaks(Vendor::Statuspage, fault);
        let answer = page.open("incident-9", "Payments fail", &SAID).await;
        assert_eq!((answer.class, answer.refusal), (class, refusal), "{fault:?}: {answer:?}");
    }
    for fault in [Enough, TooMany] {
        world.breaks(Vendor::Statuspage, fault);
        let answer = page.set_part(PAYMENTS, PartStatus::Operational).await;
        assert_eq!((answer.retry_after_ms, answer.observation), (Some(2_000), Observation::Neither), "{answer:?}");
    }
    world.mends(Vendor::Statuspage);
    let nameless = page.open("incident-9", "", &SAID).await;
    assert_eq!((nameless.refusal, nameless.detail.as_str()), (Some(Refusal::Request), "Name can't be blank"));
    let before = world.stand_ins.asked(Vendor::Statuspage).len();
    for answer in [
        page.set_part("../incidents", PartStatus::Operational).await,
        page.update("a/b", &SAID).await,
        page.open("k", "n", &Said { parts: &[("a/b", PartStatus::Operational)], ..SAID }).await,
    ] {
        assert_eq!(answer.refusal, Some(Refusal::Here), "{answer:?}");
    }
    assert_eq!(world.stand_ins.asked(Vendor::Statuspage).len(), before, "what leads elsewhere was asked for");
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    let key = world.stand_ins.credentials()["range-statuspage"].clone();
    for fault in [Echo, Script] {
        world.breaks(Vendor::Statuspage, fault);
        let attempt = world.attempt();
        let page = at(&world, &attempt);
        let sample = world.look(&world.prober, "statuspage", Period::from_secs(10)).await;
        let all = format!("{sample:?} {:?} {:?}", page.open("k", "n", &SAID).await, page.parts().await);
        assert!(!all.contains(&key), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
    world.mends(Vendor::Statuspage);
    let attempt = world.attempt();
    let page = at(&world, &attempt);
    let odd = format!("{key} \u{202e}<script>\u{1b}[31m");
    assert_eq!(page.open("k", &odd, &SAID).await.class, Class::Delivered);
    let shown = &page.open_incidents().await.unwrap()[0].name;
    assert!(!shown.contains(&key) && !shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-statuspage\": no credential is stored"),
        (world.with_secret("range-statuspage", "two\nlines"), "the credential cannot be sent in a header"),
        (
            world.with_secret("range-statuspage", "wrong-key"),
            "Statuspage does not accept our credential (Could not authenticate)",
        ),
    ] {
        let sample = world.look(&prober, "statuspage", Period::from_secs(10)).await;
        assert_eq!(told(&sample).0, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
}
