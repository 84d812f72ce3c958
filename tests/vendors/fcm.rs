//! Firebase Cloud Messaging.

use std::collections::BTreeMap;

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{Class, Effect, Observation, Refusal, Vendor},
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::fcm::{Addressee, Fcm, Notice},
};
use lifeboat_range::vendor::VendorFault::{self, *};
use serde_json::{Value, json};

use crate::{
    contract,
    world::{World, told},
};

static NOBODY: BTreeMap<String, String> = BTreeMap::new();

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> Fcm<'a> {
    let VendorTarget::Fcm { api, tokens, project, credential } = world.target("fcm") else { panic!("not FCM") };
    Fcm::at(attempt, api, tokens, project, credential)
}

fn to(device: &str) -> Notice<'_> {
    Notice { to: Addressee::Device(device), title: "We are back", body: "Your reading goes on.", data: &NOBODY }
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart_and_sends_nothing() {
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
        world.stand_ins.set_fault(Vendor::Fcm, fault);
        let sample = world.look(&world.prober, "fcm", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    for asked in world.asked(Vendor::Fcm, "") {
        contract::keeps("fcm", &asked);
    }
    for asked in world.asked(Vendor::Fcm, "messages:send") {
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(body["validate_only"], true, "{body}");
    }
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Fcm, fault);
        let sample = world.look(&world.prober, "fcm", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
    }
}

#[tokio::test]
async fn a_notice_is_taken_and_a_device_that_is_gone_is_told() {
    let world = World::new().await;
    let attempt = world.attempt();
    let fcm = at(&world, &attempt);
    let data = BTreeMap::from([("incident".to_owned(), "7".to_owned())]);
    let taken = fcm.send(&Notice { data: &data, ..to("ePz1:APA91bDevice") }).await;
    assert_eq!((taken.class, taken.status), (Class::Accepted, Some(200)), "{taken:?}");
    assert!(taken.reference.as_deref().is_some_and(|name| name.starts_with("projects/samia-tarot-range/messages/0:")));
    let topic = fcm.send(&Notice { to: Addressee::Topic("everybody"), ..to("") }).await;
    assert_eq!(topic.class, Class::Accepted, "{topic:?}");
    for asked in world.asked(Vendor::Fcm, "messages:send") {
        contract::keeps("fcm", &asked);
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(body["validate_only"], false, "{body}");
    }
    for (device, class, refusal, code, observation) in [
        ("gone:1", Class::Refused, Some(Refusal::Gone), "UNREGISTERED", Observation::Neither),
        ("other:1", Class::Refused, Some(Refusal::Permission), "SENDER_ID_MISMATCH", Observation::Neither),
        ("apple:1", Class::Refused, Some(Refusal::Permission), "THIRD_PARTY_AUTH_ERROR", Observation::Neither),
        ("busy:1", Class::RetryLater, None, "QUOTA_EXCEEDED", Observation::Neither),
        ("never-a-token", Class::Refused, Some(Refusal::Request), "INVALID_ARGUMENT", Observation::Neither),
    ] {
        let answer = fcm.send(&to(device)).await;
        let found = (answer.class, answer.refusal, answer.code.as_deref(), answer.observation);
        assert_eq!(found, (class, refusal, Some(code), observation), "{device}: {answer:?}");
    }
    let malformed = fcm.send(&to("never-a-token")).await;
    assert!(malformed.detail.starts_with("message.token: "), "{malformed:?}");
}

#[tokio::test]
async fn a_notice_whose_answer_was_lost_is_not_sent_again() {
    let world = World::new().await;
    let attempt = world.attempt();
    let fcm = at(&world, &attempt);
    // These break the asking for a token, before anything is sent.
    for (fault, class) in [
        (CutBefore, Class::RetryLater),
        (CutAfter, Class::RetryLater),
        (Failing, Class::RetryLater),
        (TooMany, Class::RetryLater),
        (Unauthorized, Class::Refused),
        (Malformed, Class::RetryLater),
    ] {
        world.breaks(Vendor::Fcm, fault);
        let answer = fcm.send(&to("ePz1:device")).await;
        assert_eq!(answer.class, class, "{fault:?}: {answer:?}");
    }
    assert!(world.asked(Vendor::Fcm, "messages:send").is_empty());
    // These break the sending alone: the tokens come from another stand-in that works.
    let tokens = World::new().await;
    let VendorTarget::Fcm { tokens: site, .. } = tokens.target("fcm") else { panic!("not FCM") };
    let VendorTarget::Fcm { api, project, credential, .. } = world.target("fcm") else { panic!("not FCM") };
    let prober = world.with_secret("range-fcm", &tokens.stand_ins.credentials()["range-fcm"]);
    for (fault, class) in [
        (CutBefore, Class::Unknown),
        (CutAfter, Class::Unknown),
        (Failing, Class::Unknown),
        (Unavailable, Class::Unknown),
        (Malformed, Class::Unknown),
        (Html, Class::Unknown),
        (TooMany, Class::RetryLater),
        (Forbidden, Class::Refused),
    ] {
        world.breaks(Vendor::Fcm, fault);
        let attempt = prober.attempt(&world.targets, Period::from_secs(10));
        let answer = Fcm::at(&attempt, api, site, project, credential).send(&to("ePz1:device")).await;
        assert_eq!(answer.class, class, "{fault:?}: {answer:?}");
        assert_eq!(answer.may_be_tried_again(Effect::EachTime), class == Class::RetryLater, "{fault:?}");
    }
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    let tokens = World::new().await;
    let VendorTarget::Fcm { tokens: site, .. } = tokens.target("fcm") else { panic!("not FCM") };
    let VendorTarget::Fcm { api, project, credential, .. } = world.target("fcm") else { panic!("not FCM") };
    let prober = world.with_secret("range-fcm", &tokens.stand_ins.credentials()["range-fcm"]);
    for fault in [Echo, Script] {
        world.breaks(Vendor::Fcm, fault);
        let own = world.attempt();
        let attempt = prober.attempt(&world.targets, Period::from_secs(10));
        let answers = [
            // The assertion is repeated, then the token.
            at(&world, &own).send(&to("ePz1:device")).await,
            Fcm::at(&attempt, api, site, project, credential).send(&to("ePz1:device")).await,
        ];
        let all = format!("{answers:?}");
        assert!(!all.contains("eyJ") && !all.contains("ya29.") && !all.contains("PRIVATE KEY"), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
    let sent = world.asked(Vendor::Fcm, "messages:send");
    assert!(sent.iter().all(|asked| asked.headers["authorization"].to_str().unwrap().contains("ya29.")), "{sent:?}");
}

#[tokio::test]
async fn a_credential_that_is_missing_malformed_or_no_longer_good_is_named() {
    let world = World::new().await;
    let good: Value = serde_json::from_str(&world.stand_ins.credentials()["range-fcm"]).unwrap();
    let with = |name: &str, value: Value| {
        let mut file = good.clone();
        file[name] = value;
        world.with_secret("range-fcm", &file.to_string())
    };
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-fcm\": no credential is stored"),
        (
            world.with_secret("range-fcm", "hunter2"),
            "credential \"range-fcm\": is not a JSON object; store the whole JSON key file",
        ),
        (with("type", json!("authorized_user")), "credential \"range-fcm\": is of another type than"),
        (with("private_key", Value::Null), "credential \"range-fcm\": has no \"private_key\""),
        (
            with("private_key_id", json!("0".repeat(40))),
            "does not accept our credential (credential \"range-fcm\": Invalid JWT Signature.",
        ),
        (
            with("client_email", json!("gone@range.test")),
            "does not accept our credential (credential \"range-fcm\": Invalid grant: account not found",
        ),
    ] {
        let sample = world.look(&prober, "fcm", Period::from_secs(10)).await;
        assert_eq!(told(&sample).0, Unknown, "{}", sample.reason);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
    assert!(world.asked(Vendor::Fcm, "messages:send").is_empty());
}

#[tokio::test]
async fn the_token_is_had_from_where_the_plan_says_whatever_the_key_file_says() {
    let world = World::new().await;
    let mut file: Value = serde_json::from_str(&world.stand_ins.credentials()["range-fcm"]).unwrap();
    file["token_uri"] = json!("http://169.254.169.254/token");
    let sample = world.look(&world.with_secret("range-fcm", &file.to_string()), "fcm", Period::from_secs(10)).await;
    assert_eq!(told(&sample), (Operational, "reachable, authenticated, functional"));
}
