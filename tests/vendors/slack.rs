//! Slack.

use std::time::Duration;

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{Class, Effect, Refusal, Vendor},
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::{
        again::Again,
        slack::{Message, Slack},
    },
};
use lifeboat_range::vendor::VendorFault::{self, *};
use serde_json::json;

use crate::{
    contract,
    world::{World, json},
};

const HELLO: Message<'_> = Message { text: "the database is down", blocks: &[] };
const AGAIN: Again = Again { tries: 4, pause: Duration::from_millis(5), within: Duration::from_mins(1) };

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> Slack<'a> {
    let VendorTarget::Slack { api, hooks, webhook, token, channel } = world.target("slack") else {
        panic!("not Slack")
    };
    Slack { attempt, api, hooks, webhook: webhook.as_ref(), token: token.as_ref(), channel: channel.as_deref() }
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 9] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Unauthorized), Unknown, "Slack does not accept our credential (invalid_auth)"),
        (Some(Forbidden), Unknown, "may not ask this (missing_scope: chat:write)"),
        (Some(TooMany), Unknown, "answers, and no more is known"),
        (Some(Failing), Outage, "answers and does not work"),
        (Some(Unavailable), Outage, "answers and does not work (service_unavailable)"),
        (Some(CutBefore), Outage, "cannot be reached"),
        (Some(Html), Outage, "the answer is not what the interface says"),
        (Some(Redirect), Outage, "answers and does not work"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::Slack, fault);
        let sample = world.look(&world.prober, "slack", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    for asked in world.asked(Vendor::Slack, "") {
        assert_eq!(asked.path, "/api/auth.test", "a check asked for more than it needs");
        contract::keeps("slack", &asked);
    }
}

#[tokio::test]
async fn of_a_webhook_alone_it_is_told_that_slack_answers_and_nothing_is_posted() {
    let world = World::new().await;
    let targets = world.with_target("slack", |target| match target {
        VendorTarget::Slack { token, .. } => *token = None,
        other => panic!("{other:?}"),
    });
    for (fault, verdict, words) in [
        (None, Unknown, "it answers; whether a webhook works is known only by posting"),
        (Some(Failing), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached"),
    ] {
        world.stand_ins.set_fault(Vendor::Slack, fault);
        let sample = world.look_at(&world.prober, &targets, "slack", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    assert!(world.asked(Vendor::Slack, "").iter().all(|asked| asked.method == "GET" && asked.path == "/"));
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Slack, fault);
        let sample = world.look(&world.prober, "slack", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
        let attempt = world.prober.attempt(&world.targets, Period::from_secs(2));
        let answer = at(&world, &attempt).notify(&HELLO).await;
        assert_eq!(answer.class, Class::Unknown, "{fault:?}: {answer:?}");
    }
}

#[tokio::test]
async fn neither_the_bots_token_nor_any_part_of_a_webhooks_address_is_told() {
    let world = World::new().await;
    for fault in [Echo, Script, NotFound, CutBefore] {
        world.breaks(Vendor::Slack, fault);
        let sample = world.look(&world.prober, "slack", Period::from_secs(10)).await;
        let attempt = world.attempt();
        let slack = at(&world, &attempt);
        let all = format!("{sample:?} {:?} {:?}", slack.notify(&HELLO).await, slack.post(&HELLO).await);
        for (handle, secret) in world.secrets("range-slack") {
            let path = secret.split_once("/services").map_or(secret.as_str(), |(_, path)| path);
            let last = path.rsplit('/').next().unwrap();
            assert!([&secret, path, last].iter().all(|part| !all.contains(part)), "{handle} in {all}");
        }
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
}

#[tokio::test]
async fn b_82_quotes_lines_and_emoji_arrive_and_foreign_markup_does_nothing() {
    let world = World::new().await;
    let attempt = world.attempt();
    let slack = at(&world, &attempt);
    let text = "the \"orders\" table\nis gone \\ 🔥 $(id) <!channel> <https://evil.test|click> & more";
    let blocks = [json!({"type": "section", "text": {"type": "plain_text", "text": text}})];
    let message = Message { text, blocks: &blocks };
    let taken = slack.notify(&message).await;
    assert_eq!((taken.class, taken.reference), (Class::Accepted, None), "taken is all a webhook says");
    let stands = slack.post(&message).await;
    assert_eq!((stands.class, stands.reference.as_deref()), (Class::Delivered, Some("C0RANGE01/1700000000.000002")));
    for asked in world.asked(Vendor::Slack, "") {
        contract::keeps("slack", &asked);
        let unmarked =
            "the \"orders\" table\nis gone \\ 🔥 $(id) &lt;!channel&gt; &lt;https://evil.test|click&gt; &amp; more";
        assert_eq!(json(&asked)["text"], unmarked);
        assert_eq!(json(&asked)["blocks"], json!(blocks));
    }
}

#[tokio::test]
async fn b_85_each_refusal_and_failure_has_its_class() {
    let world = World::new().await;
    let attempt = world.attempt();
    let slack = at(&world, &attempt);
    for (fault, class, refusal, code) in [
        (Unauthorized, Class::Refused, Some(Refusal::Credential), ["invalid_token", "invalid_auth"]),
        (Forbidden, Class::Refused, Some(Refusal::Permission), ["action_prohibited", "missing_scope"]),
        (NotFound, Class::Refused, Some(Refusal::Gone), ["channel_not_found", "channel_not_found"]),
        (Gone, Class::Refused, Some(Refusal::Gone), ["channel_is_archived", "is_archived"]),
        (TooMany, Class::RetryLater, None, ["rate_limited", "ratelimited"]),
        (Failing, Class::Unknown, None, ["", "internal_error"]),
        (Unavailable, Class::Unknown, None, ["", "service_unavailable"]),
        (CutBefore, Class::Unknown, None, ["", ""]),
        (Malformed, Class::Unknown, None, ["", ""]),
        (Html, Class::Unknown, None, ["", ""]),
    ] {
        world.breaks(Vendor::Slack, fault);
        for (answer, code) in [slack.notify(&HELLO).await, slack.post(&HELLO).await].into_iter().zip(code) {
            assert_eq!((answer.class, answer.refusal), (class, refusal), "{fault:?}: {answer:?}");
            assert_eq!(answer.code.as_deref().unwrap_or_default(), code, "{fault:?}: {answer:?}");
        }
    }
    world.breaks(Vendor::Slack, TooMany);
    assert_eq!(slack.notify(&HELLO).await.retry_after_ms, Some(2_000));
    world.mends(Vendor::Slack);
    for (channel, refusal) in
        [("C0RANGE02", Refusal::Gone), ("C0RANGE03", Refusal::Permission), ("C0NOWHERE", Refusal::Gone)]
    {
        let answer = Slack { channel: Some(channel), ..slack }.post(&HELLO).await;
        assert_eq!(answer.refusal, Some(refusal), "{channel}: {answer:?}");
    }
}

#[tokio::test]
async fn b_86_a_message_whose_answer_was_lost_is_not_sent_again() {
    let world = World::new().await;
    let attempt = world.attempt();
    let slack = at(&world, &attempt);
    for (sent, fault) in [CutAfter, CutBefore, Failing, Html].into_iter().enumerate() {
        world.breaks(Vendor::Slack, fault);
        let hooked = Box::pin(AGAIN.ask(Effect::EachTime, || slack.notify(&HELLO))).await;
        let posted = Box::pin(AGAIN.ask(Effect::EachTime, || slack.post(&HELLO))).await;
        assert_eq!((hooked.class, posted.class), (Class::Unknown, Class::Unknown), "{fault:?}");
        assert_eq!(world.asked(Vendor::Slack, "/services/").len(), sent + 1, "{fault:?}");
        assert_eq!(world.asked(Vendor::Slack, "chat.postMessage").len(), sent + 1, "{fault:?}");
    }
    // What was not done is tried again.
    let before = world.stand_ins.asked(Vendor::Slack).len();
    world.breaks(Vendor::Slack, TooMany);
    let hurried = Again { tries: 2, ..AGAIN };
    assert_eq!(Box::pin(hurried.ask(Effect::EachTime, || slack.notify(&HELLO))).await.class, Class::RetryLater);
    assert_eq!(world.stand_ins.asked(Vendor::Slack).len(), before + 2);
}

#[tokio::test]
async fn what_cannot_be_right_is_refused_by_its_field_before_anything_is_sent() {
    let world = World::new().await;
    let attempt = world.attempt();
    let slack = at(&world, &attempt);
    let long = "x".repeat(40_001);
    let blocks = vec![json!({"type": "divider"}); 51];
    for (words, message) in [
        ("the text is empty", Message { text: " ", ..HELLO }),
        ("the text is longer than 40000 characters", Message { text: &long, ..HELLO }),
        ("the message has more than 50 blocks", Message { blocks: &blocks, ..HELLO }),
    ] {
        for answer in [slack.notify(&message).await, slack.post(&message).await] {
            assert_eq!((answer.refusal, answer.detail.as_str()), (Some(Refusal::Here), words));
        }
    }
    for (words, answer) in [
        ("the endpoint names no channel", Slack { channel: None, ..slack }.post(&HELLO).await),
        ("the endpoint names no bot", Slack { token: None, ..slack }.post(&HELLO).await),
        ("the endpoint names no webhook", Slack { webhook: None, ..slack }.notify(&HELLO).await),
    ] {
        assert_eq!((answer.refusal, answer.detail.as_str()), (Some(Refusal::Here), words));
    }
    assert!(world.stand_ins.asked(Vendor::Slack).is_empty());
}

#[tokio::test]
async fn a_webhook_that_leads_elsewhere_is_not_asked_and_not_told() {
    let world = World::new().await;
    let good = world.secrets("range-slack-webhook")[0].1.clone();
    let elsewhere = "leads elsewhere than to the endpoint's hooks-url";
    let no_webhook = "is not the address of a webhook";
    for (webhook, words) in [
        ("https://hooks.evil.test/services/T1/B1/hunter2hunter2".to_owned(), elsewhere),
        (good.replace("https", "http"), elsewhere),
        (good.replace("127.0.0.1", "127.0.0.1.evil.test"), elsewhere),
        (good.replace("https://", "https://hunter2@"), no_webhook),
        (good.replace("/services/", "/api/"), no_webhook),
        (format!("{good}?hunter2"), no_webhook),
        ("hunter2hunter2".to_owned(), no_webhook),
    ] {
        let prober = world.with_secrets(&[("range-slack-webhook", webhook.clone())]);
        let attempt = prober.attempt(&world.targets, Period::from_secs(10));
        let answer = at(&world, &attempt).notify(&HELLO).await;
        assert_eq!(answer.refusal, Some(Refusal::Here), "{answer:?}");
        assert_eq!(answer.detail, format!("credential \"range-slack-webhook\" {words}"));
        let sample = world.look(&prober, "slack", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, Unknown);
        assert!(sample.reason.contains(words) && !sample.reason.contains("hunter2"), "{}", sample.reason);
    }
    assert!(world.stand_ins.asked(Vendor::Slack).is_empty());
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    let (webhook, bot) = ("range-slack-webhook", "range-slack-bot");
    let hook = world.secrets(webhook)[0].1.clone();
    for (secrets, words) in [
        (vec![], "credential \"range-slack-webhook\": no credential is stored"),
        (vec![(webhook, hook.clone())], "credential \"range-slack-bot\": no credential is stored"),
        (vec![(webhook, hook.clone()), (bot, "two\nlines".to_owned())], "the credential cannot be sent in a header"),
        (vec![(webhook, hook.clone()), (bot, "xoxb-wrong".to_owned())], "Slack does not accept our credential"),
    ] {
        let sample = world.look(&world.with_secrets(&secrets), "slack", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
    let replaced = hook.rsplit_once('/').map(|(front, _)| format!("{front}/replaced0replaced0replac")).unwrap();
    let prober = world.with_secrets(&[(webhook, replaced)]);
    let attempt = prober.attempt(&world.targets, Period::from_secs(10));
    let answer = at(&world, &attempt).notify(&HELLO).await;
    assert_eq!((answer.refusal, answer.code.as_deref()), (Some(Refusal::Credential), Some("invalid_token")));
}
