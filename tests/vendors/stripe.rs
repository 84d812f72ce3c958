//! Stripe.

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{Class, Observation, Refusal, Vendor},
};
use lifeboat_engine::vendor::stripe::{Stripe, TestPayment};
use lifeboat_range::vendor::VendorFault::{self, *};

use crate::{
    contract,
    world::{World, told},
};

const PAYMENT: TestPayment<'_> =
    TestPayment { amount: 100, currency: "eur", method: "pm_card_visa", idempotency_key: "rehearsal-1" };

fn at<'a>(world: &'a World, attempt: &'a lifeboat_engine::probe::Attempt<'a>) -> Stripe<'a> {
    let VendorTarget::Stripe { api, credential } = world.target("stripe") else { panic!("not Stripe") };
    Stripe::at(attempt, api, credential)
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 10] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Unauthorized), Unknown, "does not accept our credential"),
        (Some(Forbidden), Unknown, "may not ask this"),
        (Some(TooMany), Unknown, "answers, and no more is known"),
        (Some(Failing), Outage, "answers and does not work"),
        (Some(Unavailable), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached (closed the connection"),
        (Some(Malformed), Outage, "the answer is not what the interface says"),
        (Some(Html), Outage, "the answer is not what the interface says"),
        (Some(Redirect), Outage, "answers and does not work"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::Stripe, fault);
        let sample = world.look(&world.prober, "stripe", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Stripe, fault);
        let sample = world.look(&world.prober, "stripe", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
    }
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    let (_, key) = world.stand_ins.credentials().into_iter().find(|(handle, _)| *handle == "range-stripe").unwrap();
    for fault in [Echo, Script] {
        world.breaks(Vendor::Stripe, fault);
        let sample = world.look(&world.prober, "stripe", Period::from_secs(10)).await;
        let attempt = world.attempt();
        let answer = at(&world, &attempt).test_payment(&PAYMENT).await;
        let all = format!("{sample:?} {answer:?}");
        assert!(!all.contains(&key), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
}

#[tokio::test]
async fn a_payment_is_made_once_however_often_it_is_asked_for() {
    let world = World::new().await;
    let attempt = world.attempt();
    let stripe = at(&world, &attempt);
    world.breaks(Vendor::Stripe, CutAfter);
    let lost = stripe.test_payment(&PAYMENT).await;
    assert_eq!((lost.class, lost.observation), (Class::Unknown, Observation::Failed), "{lost:?}");
    world.mends(Vendor::Stripe);
    let paid = stripe.test_payment(&PAYMENT).await;
    assert_eq!(paid.class, Class::Delivered, "{paid:?}");
    let again = stripe.test_payment(&PAYMENT).await;
    assert_eq!(again.reference, paid.reference);
    let looked = stripe.payment(paid.reference.as_deref().unwrap()).await;
    assert_eq!(looked.class, Class::Delivered);
    for asked in world.asked(Vendor::Stripe, "payment_intents") {
        contract::keeps("stripe", &asked);
    }
    let other = stripe.test_payment(&TestPayment { amount: 200, ..PAYMENT }).await;
    assert_eq!((other.refusal, other.code.as_deref()), (Some(Refusal::Request), Some("idempotency_error")));
}

#[tokio::test]
async fn declined_unavailable_and_unknown_are_three_things() {
    let world = World::new().await;
    let attempt = world.attempt();
    let stripe = at(&world, &attempt);
    let declined = TestPayment { method: "pm_card_chargeDeclined", idempotency_key: "rehearsal-2", ..PAYMENT };
    let answer = stripe.test_payment(&declined).await;
    assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Declined)));
    assert_eq!((answer.observation, answer.code.as_deref()), (Observation::Neither, Some("card_declined")));
    for (fault, class) in [
        (Unauthorized, Class::Refused),
        (TooMany, Class::RetryLater),
        (Failing, Class::Unknown),
        (CutBefore, Class::Unknown),
        (Malformed, Class::Unknown),
        (Html, Class::Unknown),
    ] {
        world.breaks(Vendor::Stripe, fault);
        let answer = stripe.test_payment(&TestPayment { idempotency_key: fault.name(), ..PAYMENT }).await;
        assert_eq!(answer.class, class, "{fault:?}: {answer:?}");
    }
    world.breaks(Vendor::Stripe, TooMany);
    assert_eq!(stripe.test_payment(&PAYMENT).await.retry_after_ms, Some(2_000));
}

#[tokio::test]
async fn no_payment_is_made_with_a_key_for_real_money() {
    let world = World::new().await;
    let live = world.with_secret("range-stripe", "sk_live_51abcdefgh");
    let attempt = live.attempt(&world.targets, Period::from_secs(10));
    let answer = at(&world, &attempt).test_payment(&PAYMENT).await;
    assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Here)));
    assert!(world.stand_ins.asked(Vendor::Stripe).is_empty());
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-stripe\": no credential is stored"),
        (world.with_secret("range-stripe", "two\nlines"), "the credential cannot be sent in a header"),
        (
            world.with_secret("range-stripe", "sk_test_wrong"),
            "Stripe does not accept our credential (Invalid API Key provided)",
        ),
    ] {
        let sample = world.look(&prober, "stripe", Period::from_secs(10)).await;
        assert_eq!(told(&sample).0, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
}
