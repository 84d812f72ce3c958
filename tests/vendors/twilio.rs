//! Twilio.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{Class, Effect, Observation, Refusal, Vendor},
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::{
        again::Again,
        twilio::{Lost, Twilio},
    },
};
use lifeboat_range::vendor::VendorFault::{self, *};

use crate::{
    contract,
    world::{World, form, id},
};

const TO: &str = "+15005550100";
const BODY: &str = "P0 incident INC-2025-001: the database is down, 14:05 UTC";
const AGAIN: Again = Again { tries: 4, pause: Duration::from_millis(5), within: Duration::from_mins(1) };
const OFTEN: Duration = Duration::from_millis(5);

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> Twilio<'a> {
    let VendorTarget::Twilio { api, account, key, credential, from } = world.target("twilio") else {
        panic!("not Twilio")
    };
    Twilio { attempt, api, account, key: key.as_deref(), credential, from }
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 9] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Unauthorized), Unknown, "Twilio does not accept our credential (Authenticate)"),
        (Some(Forbidden), Unknown, "may not ask this"),
        (Some(NotFound), Outage, "answers and does not work"),
        (Some(TooMany), Unknown, "answers, and no more is known"),
        (Some(Unavailable), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached"),
        (Some(Html), Outage, "the answer is not what the interface says"),
        (Some(Redirect), Outage, "answers and does not work"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::Twilio, fault);
        let sample = world.look(&world.prober, "twilio", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    for asked in world.asked(Vendor::Twilio, "") {
        assert!(asked.method == "GET" && asked.query.is_empty(), "a check asked for more than it needs");
        contract::keeps("twilio", &asked);
    }
}

#[tokio::test]
async fn a_key_that_may_not_look_at_the_account_reads_nothing_of_a_customer() {
    let world = World::new().await;
    let targets = world.with_target("twilio", |target| match target {
        VendorTarget::Twilio { key, credential, .. } => {
            *key = Some(world.stand_ins.values()["twilio.key"].clone());
            *credential = id("range-twilio-key");
        }
        other => panic!("{other:?}"),
    });
    let attempt = world.attempt();
    assert_eq!(at(&world, &attempt).message(TO, BODY).await.class, Class::Accepted);
    for (fault, verdict) in [(None, Operational), (Some(Unauthorized), Unknown), (Some(Html), Outage)] {
        world.stand_ins.set_fault(Vendor::Twilio, fault);
        let sample = world.look_at(&world.prober, &targets, "twilio", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{}", sample.reason);
    }
    let asked = &world.asked(Vendor::Twilio, "Messages.json")[1];
    assert_eq!(form(asked.query.as_bytes())["DateSent"], "2000-01-01", "a day on which nothing was sent");
    contract::keeps("twilio", asked);
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Twilio, fault);
        let sample = world.look(&world.prober, "twilio", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
        let attempt = world.prober.attempt(&world.targets, Period::from_secs(2));
        let answer = at(&world, &attempt).message(TO, BODY).await;
        assert_eq!(answer.class, Class::Unknown, "{fault:?}: {answer:?}");
    }
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    for fault in [Echo, Script] {
        world.breaks(Vendor::Twilio, fault);
        let sample = world.look(&world.prober, "twilio", Period::from_secs(10)).await;
        let attempt = world.attempt();
        let twilio = at(&world, &attempt);
        let answers = (
            twilio.message(TO, BODY).await,
            twilio.call(TO, BODY).await,
            twilio.find(TO, Lost::Call, Utc::now()).await,
        );
        let all = format!("{sample:?} {answers:?}");
        let basic = world.asked(Vendor::Twilio, "")[0].headers["authorization"].to_str().unwrap()[6..].to_owned();
        for (handle, secret) in world.secrets("range-twilio") {
            assert!(!all.contains(&secret) && !all.contains(&basic), "{handle} in {all}");
        }
        assert!(!all.contains(TO) && !all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
}

#[tokio::test]
async fn b_72_a_message_that_was_taken_is_not_delivered_until_twilio_says_so() {
    let world = World::new().await;
    let attempt = world.attempt();
    let twilio = at(&world, &attempt);
    let taken = twilio.message(TO, BODY).await;
    assert_eq!((taken.class, taken.code.as_deref()), (Class::Accepted, Some("queued")), "{taken:?}");
    let sid = taken.reference.unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|code| code != "delivered") && seen.len() < 10 {
        seen.push(twilio.look(&sid).await.code.unwrap());
    }
    assert_eq!(seen, ["queued", "sending", "sent", "delivered"]);
    for (to, class, refusal) in
        [(TO, Class::Delivered, None), ("+15005530003", Class::Refused, Some(Refusal::Declined))]
    {
        let sid = twilio.message(to, BODY).await.reference.unwrap();
        let ended = twilio.delivery(&sid, OFTEN).await;
        assert_eq!((ended.class, ended.refusal, ended.observation == Observation::Failed), (class, refusal, false));
    }
    for (to, class) in [(TO, Class::Delivered), ("+15005550486", Class::Refused), ("+15005550480", Class::Refused)] {
        let called = twilio.call(to, BODY).await;
        assert_eq!(called.class, Class::Accepted, "{called:?}");
        let ended = twilio.delivery(&called.reference.unwrap(), OFTEN).await;
        assert_eq!(ended.class, class, "{to}: {ended:?}");
    }
    for asked in world.asked(Vendor::Twilio, "") {
        contract::keeps("twilio", &asked);
    }
}

#[tokio::test]
async fn what_never_arrives_is_looked_at_until_the_time_is_over_and_stays_accepted() {
    let world = World::new().await;
    let attempt = world.prober.attempt(&world.targets, Period::from_millis(1_500));
    let twilio = at(&world, &attempt);
    let sid = twilio.message("+15005530000", BODY).await.reference.unwrap();
    let ended = twilio.delivery(&sid, Duration::from_millis(50)).await;
    assert_eq!((ended.class, ended.code.as_deref()), (Class::Accepted, Some("sent")), "{ended:?}");
    let looks = world.asked(Vendor::Twilio, &sid).len();
    assert!(looks > 2, "it was looked at {looks} times");
}

#[tokio::test]
async fn that_a_message_cannot_be_looked_at_says_nothing_of_it() {
    let world = World::new().await;
    let attempt = world.attempt();
    let twilio = at(&world, &attempt);
    let sid = twilio.message(TO, BODY).await.reference.unwrap();
    for (fault, class) in [
        (Unauthorized, Class::Unknown),
        (NotFound, Class::Unknown),
        (TooMany, Class::RetryLater),
        (CutBefore, Class::RetryLater),
        (Html, Class::RetryLater),
    ] {
        world.breaks(Vendor::Twilio, fault);
        let answer = twilio.look(&sid).await;
        assert_eq!((answer.class, answer.refusal), (class, None), "{fault:?}: {answer:?}");
        let found = twilio.find(TO, Lost::Message(BODY), Utc::now()).await;
        assert_eq!((found.class, found.refusal), (class, None), "{fault:?}: {found:?}");
    }
    world.breaks(Vendor::Twilio, Unauthorized);
    assert_eq!(twilio.delivery(&sid, OFTEN).await.class, Class::Unknown);
}

#[tokio::test]
async fn b_82_quotes_lines_and_signs_of_markup_arrive_as_text() {
    let world = World::new().await;
    let attempt = world.attempt();
    let twilio = at(&world, &attempt);
    let text = "the \"orders\" table\nis gone & 100% + 🔥 $(id) </Say><Hangup/> a=b;c";
    assert_eq!(twilio.message(TO, text).await.class, Class::Accepted);
    assert_eq!(twilio.call(TO, text).await.class, Class::Accepted);
    let asked = world.asked(Vendor::Twilio, "");
    for asked in &asked {
        contract::keeps("twilio", asked);
    }
    assert_eq!(form(&asked[0].body)["Body"], text);
    let said = "the \"orders\" table is gone &amp; 100% + 🔥 $(id) &lt;/Say&gt;&lt;Hangup/&gt; a=b;c";
    assert_eq!(form(&asked[1].body)["Twiml"], format!("<Response><Say loop=\"2\">{said}</Say></Response>"));
}

#[tokio::test]
async fn b_85_each_refusal_and_failure_has_its_class() {
    let world = World::new().await;
    let attempt = world.attempt();
    let twilio = at(&world, &attempt);
    for (fault, class, refusal) in [
        (Unauthorized, Class::Refused, Some(Refusal::Credential)),
        (Forbidden, Class::Refused, Some(Refusal::Permission)),
        (NotFound, Class::Refused, Some(Refusal::Gone)),
        (TooMany, Class::RetryLater, None),
        (Failing, Class::Unknown, None),
        (Unavailable, Class::Unknown, None),
        (CutBefore, Class::Unknown, None),
        (Malformed, Class::Unknown, None),
        (Html, Class::Unknown, None),
        (Redirect, Class::Refused, Some(Refusal::Request)),
    ] {
        world.breaks(Vendor::Twilio, fault);
        for answer in [twilio.message(TO, BODY).await, twilio.call(TO, BODY).await] {
            assert_eq!((answer.class, answer.refusal), (class, refusal), "{fault:?}: {answer:?}");
        }
    }
    world.breaks(Vendor::Twilio, TooMany);
    assert_eq!(twilio.message(TO, BODY).await.retry_after_ms, Some(2_000));
    world.mends(Vendor::Twilio);
    for (to, from, refusal, code) in [
        ("+15005550001", twilio.from, Refusal::Request, "21211"),
        ("+15005550003", twilio.from, Refusal::Permission, "21408"),
        ("+15005550004", twilio.from, Refusal::Declined, "21610"),
        (TO, "+15005550007", Refusal::Request, "21606"),
    ] {
        let answer = Twilio { from, ..twilio }.message(to, BODY).await;
        assert_eq!((answer.refusal, answer.code.as_deref()), (Some(refusal), Some(code)), "{answer:?}");
        assert!(!answer.detail.contains(to), "{answer:?}");
    }
}

#[tokio::test]
async fn b_86_a_message_whose_answer_was_lost_is_looked_for_and_never_sent_again() {
    let world = World::new().await;
    let attempt = world.attempt();
    let twilio = at(&world, &attempt);
    let before = Utc::now();
    for (sent, fault) in [CutAfter, CutBefore, Failing].into_iter().enumerate() {
        world.breaks(Vendor::Twilio, fault);
        let text = Box::pin(AGAIN.ask(Effect::EachTime, || twilio.message(TO, BODY))).await;
        let call = Box::pin(AGAIN.ask(Effect::EachTime, || twilio.call(TO, BODY))).await;
        assert_eq!((text.class, call.class), (Class::Unknown, Class::Unknown), "{fault:?}");
        assert_eq!(world.asked(Vendor::Twilio, "Messages.json").len(), sent + 1, "{fault:?}");
        assert_eq!(world.asked(Vendor::Twilio, "Calls.json").len(), sent + 1, "{fault:?}");
    }
    world.mends(Vendor::Twilio);
    let found = twilio.find(TO, Lost::Message(BODY), before).await;
    assert_eq!((found.class, found.code.as_deref()), (Class::Accepted, Some("queued")), "{found:?}");
    assert_eq!(twilio.delivery(&found.reference.unwrap(), OFTEN).await.class, Class::Delivered);
    assert_eq!(twilio.find(TO, Lost::Call, before).await.class, Class::Accepted);
    let later = Utc::now() + TimeDelta::minutes(5);
    for (to, body, since) in [("+15005550101", BODY, before), (TO, "another", before), (TO, BODY, later)] {
        let none = twilio.find(to, Lost::Message(body), since).await;
        assert_eq!((none.class, none.observation), (Class::Unknown, Observation::Succeeded), "{none:?}");
    }
    for asked in world.asked(Vendor::Twilio, "") {
        contract::keeps("twilio", &asked);
    }
}

#[tokio::test]
async fn b_88_nothing_secret_or_personal_leaves_in_a_message_and_nobody_is_no_recipient() {
    let world = World::new().await;
    let attempt = world.attempt();
    let twilio = at(&world, &attempt);
    let (_, secret) = world.secrets("range-twilio").remove(0);
    let text = format!("P0: sign in fails for amal@example.org, tel. +49 30 12345678, with {secret}; see INC-1");
    for answer in [twilio.message(TO, &text).await, twilio.call(TO, &text).await] {
        assert_eq!(answer.class, Class::Accepted, "{answer:?}");
    }
    for asked in world.asked(Vendor::Twilio, ".json") {
        let form = form(&asked.body);
        let content = form.get("Body").or(form.get("Twiml")).unwrap();
        for personal in ["amal@example.org", "12345678", secret.as_str()] {
            assert!(!content.contains(personal), "{content}");
        }
        assert!(content.contains("P0: sign in fails for") && content.contains("see INC-1"), "{content}");
    }
    assert_eq!(twilio.message(TO, BODY).await.class, Class::Accepted);
    let asked = world.asked(Vendor::Twilio, "Messages.json").remove(1);
    assert_eq!(form(&asked.body)["Body"], BODY, "what is neither is left as it was written");
    let asked = world.stand_ins.asked(Vendor::Twilio).len();
    let (long, no_number) = ("x".repeat(1_601), "is no number in E.164");
    for (to, body, words) in [
        ("", BODY, "the recipient (To) is empty"),
        ("+XX-XXX-XXX-XXXX", BODY, no_number),
        ("015005550100", BODY, no_number),
        ("+15005550100&From=+1", BODY, no_number),
        (TO, "", "the message (Body) is empty"),
        (TO, long.as_str(), "the message (Body) is longer than 1600 characters"),
    ] {
        let answer = twilio.message(to, body).await;
        assert_eq!(answer.refusal, Some(Refusal::Here));
        assert!(answer.detail.contains(words), "{answer:?}");
    }
    let long = "&".repeat(900);
    for (words, answer) in [
        ("what is said is longer than 4000 characters", twilio.call(TO, &long).await),
        ("the account is not an id", Twilio { account: "AC1/../x", ..twilio }.message(TO, BODY).await),
        ("the account or key is not an id", Twilio { key: Some("SK1"), ..twilio }.message(TO, BODY).await),
        ("the sender (From) is no number", Twilio { from: "Lifeboat", ..twilio }.message(TO, BODY).await),
        ("the reference is not an id", twilio.look("../../Accounts").await),
    ] {
        assert!(answer.status.is_none() && answer.detail.contains(words), "{answer:?}");
    }
    assert_eq!(world.stand_ins.asked(Vendor::Twilio).len(), asked, "nothing of that was sent");
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-twilio\": no credential is stored"),
        (world.with_secret("range-twilio", "wrong"), "Twilio does not accept our credential (Authenticate)"),
    ] {
        let sample = world.look(&prober, "twilio", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
}
