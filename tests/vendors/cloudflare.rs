//! Cloudflare.

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{
        Answer, Class, Refusal, Vendor,
        cloudflare::{Change, PoolOrder, RecordContent},
    },
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::cloudflare::{Cloudflare, Parts, Purge},
};
use lifeboat_range::vendor::VendorFault::{self, *};

use crate::{
    contract,
    world::{World, told},
};

fn parts(world: &World) -> Parts<'_> {
    let VendorTarget::Cloudflare { zone, load_balancer, record, .. } = world.target("cloudflare") else {
        panic!("not Cloudflare")
    };
    Parts { zone, load_balancer: load_balancer.as_deref(), record: record.as_deref() }
}

fn of<'a>(world: &'a World, attempt: &'a Attempt<'a>, parts: Parts<'a>) -> Cloudflare<'a> {
    let VendorTarget::Cloudflare { api, credential, .. } = world.target("cloudflare") else { panic!("not Cloudflare") };
    Cloudflare::at(attempt, api, credential, parts)
}

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> Cloudflare<'a> {
    of(world, attempt, parts(world))
}

/// From the order of pools that is there to the opposite one.
async fn failover(cloudflare: &Cloudflare<'_>) -> Change<PoolOrder> {
    let seen = cloudflare.load_balancer().await.unwrap().order;
    let default_pools: Vec<String> = seen.default_pools.iter().rev().cloned().collect();
    let wanted = PoolOrder { fallback_pool: default_pools[1].clone(), default_pools };
    Change { seen, wanted }
}

/// What was asked to be changed.
fn writes(world: &World) -> usize {
    world.stand_ins.asked(Vendor::Cloudflare).iter().filter(|asked| asked.method == "PATCH").count()
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 11] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Unauthorized), Unknown, "does not accept our credential"),
        (Some(Forbidden), Unknown, "may not ask this"),
        (Some(NotFound), Outage, "answers and does not work"),
        (Some(TooMany), Unknown, "answers, and no more is known"),
        (Some(Failing), Outage, "answers and does not work"),
        (Some(Unavailable), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached (closed the connection"),
        (Some(Malformed), Outage, "the answer is not what the interface says"),
        (Some(Html), Outage, "the answer is not what the interface says"),
        (Some(Redirect), Outage, "answers and does not work"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::Cloudflare, fault);
        let sample = world.look(&world.prober, "cloudflare", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    for asked in world.stand_ins.asked(Vendor::Cloudflare) {
        assert_eq!(asked.method, "GET");
        contract::keeps("cloudflare", &asked);
    }
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Cloudflare, fault);
        let sample = world.look(&world.prober, "cloudflare", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
    }
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    let token = world.secret_of("range-cloudflare");
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    let change = failover(&cloudflare).await;
    for fault in [Echo, Script] {
        world.breaks(Vendor::Cloudflare, fault);
        let sample = world.look(&world.prober, "cloudflare", Period::from_secs(10)).await;
        let zone = cloudflare.zone().await.unwrap_err();
        let changed = cloudflare.switch_load_balancer(&change).await;
        let purged = cloudflare.purge(Purge::Everything).await;
        let all = format!("{sample:?} {zone:?} {changed:?} {purged:?}");
        assert!(!all.contains(&token), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
}

#[tokio::test]
async fn traffic_is_switched_and_put_back() {
    let world = World::new().await;
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    assert_eq!(cloudflare.zone().await.unwrap().status, "active");

    let change = failover(&cloudflare).await;
    let before = cloudflare.load_balancer().await.unwrap();
    let switched = cloudflare.switch_load_balancer(&change).await;
    assert_eq!(switched.answer.class, Class::Delivered, "{switched:?}");
    assert_eq!(cloudflare.load_balancer().await.unwrap().order, change.wanted);
    let back = cloudflare.switch_load_balancer(&switched.revert.unwrap()).await;
    assert_eq!(back.answer.class, Class::Delivered, "{back:?}");
    assert_eq!(cloudflare.load_balancer().await.unwrap(), before);

    let before = cloudflare.record().await.unwrap();
    assert_eq!(before.kind, "CNAME");
    let wanted = RecordContent { content: "backup.range.test".to_owned(), ..before.content.clone() };
    let change = Change { seen: before.content.clone(), wanted: wanted.clone() };
    let switched = cloudflare.switch_record(&change).await;
    assert_eq!(switched.answer.class, Class::Delivered, "{switched:?}");
    assert_eq!(cloudflare.record().await.unwrap().content, wanted);
    // The way back is kept with the incident, and may be walked by another program on another day.
    let kept = serde_json::to_string(&switched.revert.unwrap()).unwrap();
    let back = cloudflare.switch_record(&serde_json::from_str(&kept).unwrap()).await;
    assert_eq!(back.answer.class, Class::Delivered, "{back:?}");
    assert_eq!(cloudflare.record().await.unwrap(), before);

    for asked in world.stand_ins.asked(Vendor::Cloudflare) {
        contract::keeps("cloudflare", &asked);
    }
}

#[tokio::test]
async fn what_somebody_else_changed_is_left_alone() {
    let world = World::new().await;
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    let mine = failover(&cloudflare).await;
    let theirs = PoolOrder { default_pools: vec![mine.seen.default_pools[0].clone()], ..mine.seen.clone() };
    let meanwhile = Change { seen: mine.seen.clone(), wanted: theirs.clone() };
    assert_eq!(cloudflare.switch_load_balancer(&meanwhile).await.answer.class, Class::Delivered);
    for change in [mine.clone(), mine.reversed()] {
        let refused = cloudflare.switch_load_balancer(&change).await;
        assert_eq!((refused.answer.class, refused.answer.refusal), (Class::Refused, Some(Refusal::Here)));
        assert!(refused.answer.detail.contains("somebody else changed it"), "{refused:?}");
        assert_eq!(refused.revert, None);
    }
    assert_eq!(cloudflare.load_balancer().await.unwrap().order, theirs);
    assert_eq!(writes(&world), 1);
}

#[tokio::test]
async fn a_switch_whose_answer_was_lost_is_not_made_twice_and_can_be_put_back() {
    let world = World::new().await;
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    let change = failover(&cloudflare).await;
    // The way back is handed over whether it was changed or not, and is right in both cases.
    for (fault, there) in [(CutBefore, &change.seen), (CutAfter, &change.wanted)] {
        let before = writes(&world);
        world.stand_ins.set_fault_after(Vendor::Cloudflare, 1, Some(fault));
        let lost = cloudflare.switch_load_balancer(&change).await;
        assert_eq!((lost.answer.class, writes(&world)), (Class::Unknown, before + 1), "{fault:?}: {lost:?}");
        world.mends(Vendor::Cloudflare);
        assert_eq!(cloudflare.load_balancer().await.unwrap().order, *there, "{fault:?}");
        // Asked for again it looks, and does nothing twice.
        assert_eq!(cloudflare.switch_load_balancer(&change).await.answer.class, Class::Delivered);
        assert_eq!(cloudflare.load_balancer().await.unwrap().order, change.wanted);
        let again = cloudflare.switch_load_balancer(&change).await;
        assert_eq!(again.answer.detail, "it is so already");
        let back = cloudflare.switch_load_balancer(&lost.revert.unwrap()).await;
        assert_eq!(back.answer.class, Class::Delivered, "{fault:?}: {back:?}");
        assert_eq!(cloudflare.load_balancer().await.unwrap().order, change.seen);
    }
    // Lost while looking: nothing was changed.
    world.breaks(Vendor::Cloudflare, CutBefore);
    let lost = cloudflare.switch_load_balancer(&change).await;
    assert_eq!((lost.answer.class, lost.revert), (Class::RetryLater, None));
}

#[tokio::test]
async fn an_answer_that_repeats_the_credential_is_not_handed_on() {
    let world = World::new().await;
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    let seen = cloudflare.record().await.unwrap().content;
    let wanted = RecordContent { content: world.secret_of("range-cloudflare"), ..seen.clone() };
    let switched = cloudflare.switch_record(&Change { seen, wanted }).await;
    assert_eq!(switched.answer.class, Class::Unknown, "{:?}", switched.answer);
    let kept = cloudflare.record().await.unwrap_err();
    assert_eq!((kept.class, kept.detail.contains("not what the interface says")), (Class::RetryLater, true));
}

#[tokio::test]
async fn every_class_of_answer_is_told_apart() {
    use Class::{Refused, RetryLater, Unknown};
    let world = World::new().await;
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    let change = failover(&cloudflare).await;
    for (fault, read, done, refusal) in [
        (Unauthorized, Refused, Refused, Some(Refusal::Credential)),
        (Forbidden, Refused, Refused, Some(Refusal::Permission)),
        (NotFound, Refused, Refused, Some(Refusal::Gone)),
        (TooMany, RetryLater, RetryLater, None),
        (Failing, RetryLater, Unknown, None),
        (Unavailable, RetryLater, Unknown, None),
        (CutBefore, RetryLater, Unknown, None),
        (CutAfter, RetryLater, Unknown, None),
        (Malformed, RetryLater, Unknown, None),
        (Html, RetryLater, Unknown, None),
    ] {
        world.breaks(Vendor::Cloudflare, fault);
        // A change looks first, so what goes wrong then changes nothing.
        let changed = cloudflare.switch_load_balancer(&change).await;
        assert_eq!(changed.revert, None, "{fault:?}");
        for answer in [cloudflare.zone().await.unwrap_err(), changed.answer] {
            assert_eq!((answer.class, answer.refusal), (read, refusal), "{fault:?}: {answer:?}");
        }
        let purged = cloudflare.purge(Purge::Everything).await;
        assert_eq!((purged.class, purged.refusal), (done, refusal), "{fault:?}: {purged:?}");
    }
    world.breaks(Vendor::Cloudflare, TooMany);
    assert_eq!(cloudflare.zone().await.unwrap_err().retry_after_ms, Some(2_000));
}

#[tokio::test]
async fn the_cache_is_thrown_away_in_whole_or_in_part() {
    let world = World::new().await;
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    for what in [Purge::Everything, Purge::Files(&["https://media.range.test/a.jpg"])] {
        let purged = cloudflare.purge(what).await;
        assert_eq!(purged.class, Class::Accepted, "{purged:?}");
        assert!(purged.reference.is_some());
    }
    let refused = cloudflare.purge(Purge::Files(&["media/a.jpg"])).await;
    assert_eq!((refused.class, refused.code.as_deref()), (Class::Refused, Some("1107")), "{refused:?}");
    for asked in world.asked(Vendor::Cloudflare, "purge_cache").iter().take(2) {
        contract::keeps("cloudflare", asked);
    }
}

#[tokio::test]
async fn what_the_plan_does_not_name_is_not_asked_for() {
    let world = World::new().await;
    let attempt = world.attempt();
    let nothing = of(&world, &attempt, Parts { load_balancer: None, record: Some("../purge_cache"), ..parts(&world) });
    let no_zone = of(&world, &attempt, Parts { zone: "", ..parts(&world) });
    let many = ["https://a.test"; 31];
    let answers: [Answer; 6] = [
        nothing.load_balancer().await.unwrap_err(),
        nothing.record().await.unwrap_err(),
        no_zone.zone().await.unwrap_err(),
        no_zone.purge(Purge::Everything).await,
        nothing.purge(Purge::Files(&[])).await,
        nothing.purge(Purge::Files(&many)).await,
    ];
    for answer in answers {
        assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Here)), "{answer:?}");
    }
    assert!(world.stand_ins.asked(Vendor::Cloudflare).is_empty());
}

#[tokio::test]
async fn the_stand_in_refuses_what_cloudflare_refuses() {
    let world = World::new().await;
    let attempt = world.attempt();
    let cloudflare = at(&world, &attempt);
    let change = failover(&cloudflare).await;
    let nowhere = PoolOrder { fallback_pool: "nobody".to_owned(), ..change.wanted.clone() };
    let refused = cloudflare.switch_load_balancer(&Change { wanted: nowhere, ..change.clone() }).await;
    assert_eq!((refused.answer.refusal, refused.answer.code.as_deref()), (Some(Refusal::Request), Some("1002")));
    assert_eq!(refused.revert, None);
    let none = "0".repeat(32);
    let elsewhere = of(&world, &attempt, Parts { record: Some(&none), ..parts(&world) });
    let missing = elsewhere.record().await.unwrap_err();
    assert_eq!((missing.refusal, missing.code.as_deref()), (Some(Refusal::Gone), Some("81044")));
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-cloudflare\": no credential is stored"),
        (world.with_secret("range-cloudflare", "two\nlines"), "the credential cannot be sent in a header"),
        (
            world.with_secret("range-cloudflare", "wrong"),
            "Cloudflare does not accept our credential (Invalid API Token)",
        ),
    ] {
        let sample = world.look(&prober, "cloudflare", Period::from_secs(10)).await;
        assert_eq!(told(&sample).0, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
}
