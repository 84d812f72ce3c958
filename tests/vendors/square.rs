//! Square.

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{Answer, Class, Observation, Refusal, Vendor},
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::square::{SandboxPayment, Square},
};
use lifeboat_range::vendor::VendorFault::{self, *};

use crate::{
    contract,
    world::{World, told},
};

const PAYMENT: SandboxPayment<'_> = SandboxPayment {
    amount: 100,
    currency: "EUR",
    source: "cnon:card-nonce-ok",
    capture: false,
    idempotency_key: "rehearsal-1",
};

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> Square<'a> {
    let VendorTarget::Square { api, credential, location, version } = world.target("square") else {
        panic!("not Square")
    };
    Square::at(attempt, api, credential, location.as_deref(), version)
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
        world.stand_ins.set_fault(Vendor::Square, fault);
        let sample = world.look(&world.prober, "square", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    for asked in world.stand_ins.asked(Vendor::Square) {
        assert_eq!(asked.path, "/v2/locations");
        contract::keeps("square", &asked);
    }
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Square, fault);
        let sample = world.look(&world.prober, "square", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
    }
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    let token = world.secret_of("range-square");
    for fault in [Echo, Script] {
        world.breaks(Vendor::Square, fault);
        let sample = world.look(&world.prober, "square", Period::from_secs(10)).await;
        let attempt = world.attempt();
        let square = at(&world, &attempt);
        let answers = [
            square.test_payment(&PAYMENT).await,
            square.cancel_unknown("rehearsal-1").await,
            square.payment("a").await,
        ];
        let all = format!("{sample:?} {answers:?}");
        assert!(!all.contains(&token), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
}

#[tokio::test]
async fn a_payment_whose_answer_was_lost_is_cancelled_by_its_key() {
    let world = World::new().await;
    let attempt = world.attempt();
    let square = at(&world, &attempt);
    world.breaks(Vendor::Square, CutAfter);
    let lost = square.test_payment(&PAYMENT).await;
    assert_eq!((lost.class, lost.observation), (Class::Unknown, Observation::Failed), "{lost:?}");
    let lost = square.cancel_unknown(PAYMENT.idempotency_key).await;
    assert_eq!(lost.class, Class::Unknown, "{lost:?}");
    world.mends(Vendor::Square);
    // Cancelled before its answer was lost as well; cancelling again changes nothing.
    assert_eq!(square.cancel_unknown(PAYMENT.idempotency_key).await.class, Class::Delivered);
    let made = square.test_payment(&PAYMENT).await;
    assert_eq!((made.class, made.code.as_deref()), (Class::Delivered, Some("CANCELED")), "{made:?}");
    // Where there never was a payment there is none to cancel, and that is what is wanted.
    world.breaks(Vendor::Square, CutBefore);
    let lost = square.test_payment(&SandboxPayment { idempotency_key: "rehearsal-2", ..PAYMENT }).await;
    assert_eq!(lost.class, Class::Unknown, "{lost:?}");
    world.mends(Vendor::Square);
    assert_eq!(square.cancel_unknown("rehearsal-2").await.class, Class::Delivered);
    for asked in world.stand_ins.asked(Vendor::Square) {
        contract::keeps("square", &asked);
    }
}

#[tokio::test]
async fn a_payment_is_made_once_however_often_it_is_asked_for() {
    let world = World::new().await;
    let attempt = world.attempt();
    let square = at(&world, &attempt);
    let approved = square.test_payment(&PAYMENT).await;
    assert_eq!((approved.class, approved.code.as_deref()), (Class::Accepted, Some("APPROVED")), "{approved:?}");
    assert_eq!(square.test_payment(&PAYMENT).await.reference, approved.reference);
    let looked = square.payment(approved.reference.as_deref().unwrap()).await;
    assert_eq!(looked.code.as_deref(), Some("APPROVED"));
    let other = square.test_payment(&SandboxPayment { amount: 200, ..PAYMENT }).await;
    assert_eq!((other.refusal, other.code.as_deref()), (Some(Refusal::Request), Some("IDEMPOTENCY_KEY_REUSED")));
    let captured = SandboxPayment { capture: true, idempotency_key: "rehearsal-2", ..PAYMENT };
    let paid = square.test_payment(&captured).await;
    assert_eq!((paid.class, paid.code.as_deref()), (Class::Delivered, Some("COMPLETED")), "{paid:?}");
    assert_ne!(paid.reference, approved.reference);
    // What was captured stays: only a refund would give it back.
    let kept = square.cancel_unknown("rehearsal-2").await;
    assert_eq!((kept.class, kept.refusal), (Class::Refused, Some(Refusal::Request)), "{kept:?}");
    let gone = square.payment("nobody").await;
    assert_eq!((gone.class, gone.refusal), (Class::Refused, Some(Refusal::Gone)), "{gone:?}");
}

#[tokio::test]
async fn declined_unavailable_and_unknown_are_three_things() {
    let world = World::new().await;
    let attempt = world.attempt();
    let square = at(&world, &attempt);
    let declined = SandboxPayment { source: "cnon:card-nonce-declined", ..PAYMENT };
    let answer = square.test_payment(&declined).await;
    assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Declined)));
    assert_eq!((answer.observation, answer.code.as_deref()), (Observation::Neither, Some("GENERIC_DECLINE")));
    for (fault, class, refusal, observation) in [
        (Unauthorized, Class::Refused, Some(Refusal::Credential), Observation::Neither),
        (Forbidden, Class::Refused, Some(Refusal::Permission), Observation::Neither),
        (TooMany, Class::RetryLater, None, Observation::Neither),
        (Unavailable, Class::RetryLater, None, Observation::Failed),
        (Failing, Class::Unknown, None, Observation::Failed),
        (CutBefore, Class::Unknown, None, Observation::Failed),
        (Malformed, Class::Unknown, None, Observation::Failed),
        (Html, Class::Unknown, None, Observation::Failed),
    ] {
        world.breaks(Vendor::Square, fault);
        let payment = SandboxPayment { idempotency_key: fault.name(), ..PAYMENT };
        for answer in [square.test_payment(&payment).await, square.cancel_unknown(fault.name()).await] {
            let Answer { class: found, refusal: why, observation: health, .. } = answer;
            assert_eq!((found, why, health), (class, refusal, observation), "{fault:?}: {answer:?}");
        }
    }
    world.breaks(Vendor::Square, TooMany);
    assert_eq!(square.test_payment(&PAYMENT).await.retry_after_ms, Some(2_000));
}

#[tokio::test]
async fn real_money_is_never_moved_and_nothing_unsendable_is_sent() {
    let world = World::new().await;
    let live = world.with_secret("range-square", "EAAAlive-token");
    let attempt = live.attempt(&world.targets, Period::from_secs(10));
    let square = at(&world, &attempt);
    let own = world.attempt();
    let sandbox = at(&world, &own);
    let long = "k".repeat(46);
    for answer in [
        square.test_payment(&PAYMENT).await,
        square.cancel_unknown("rehearsal-1").await,
        sandbox.test_payment(&SandboxPayment { idempotency_key: "", ..PAYMENT }).await,
        sandbox.test_payment(&SandboxPayment { idempotency_key: &long, ..PAYMENT }).await,
        sandbox.payment("../locations").await,
    ] {
        assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Here)), "{answer:?}");
    }
    assert!(world.stand_ins.asked(Vendor::Square).is_empty());
}

#[tokio::test]
async fn the_stand_in_refuses_what_square_refuses() {
    let world = World::new().await;
    let attempt = world.attempt();
    let VendorTarget::Square { api, credential, location, version } = world.target("square") else { panic!() };
    let square = at(&world, &attempt);
    let elsewhere = Square::at(&attempt, api, credential, Some("LNOBODY"), version);
    let undated = Square::at(&attempt, api, credential, location.as_deref(), "newest");
    for (answer, code) in [
        (square.test_payment(&SandboxPayment { amount: 0, ..PAYMENT }).await, "VALUE_TOO_LOW"),
        (square.test_payment(&SandboxPayment { currency: "eur", ..PAYMENT }).await, "INVALID_ENUM_VALUE"),
        (square.test_payment(&SandboxPayment { source: "cnon:nobody", ..PAYMENT }).await, "NOT_FOUND"),
        (elsewhere.test_payment(&PAYMENT).await, "NOT_FOUND"),
        (undated.test_payment(&PAYMENT).await, "INVALID_SQUARE_VERSION_FORMAT"),
    ] {
        assert_eq!((answer.class, answer.code.as_deref()), (Class::Refused, Some(code)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-square\": no credential is stored"),
        (world.with_secret("range-square", "two\nlines"), "the credential cannot be sent in a header"),
        (
            world.with_secret("range-square", "sandbox-wrong"),
            "Square does not accept our credential (This request could not be authorized.)",
        ),
    ] {
        let sample = world.look(&prober, "square", Period::from_secs(10)).await;
        assert_eq!(told(&sample).0, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
}
