//! HTTP checks and status pages against servers that answer well, badly, slowly, endlessly or not at all.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lifeboat_domain::{
    check::{
        Check, Expectation, Feed, Otherwise, Probe, StatusPageProbe,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::{Target, Unbound},
    plan::quantity::Period,
};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{
    SECRET, Server, answer, assert_sample, bound, check, closed_port, head, http_check, id, probe, prober, unbound,
};

fn status_is(wanted: &str, otherwise: Otherwise) -> Expectation {
    Expectation {
        status: Vec::new(),
        json: Some("$.status".to_owned()),
        text: None,
        is: Some(json!(wanted)),
        is_not: None,
        one_of: Vec::new(),
        at_most: None,
        at_least: None,
        otherwise,
    }
}

fn within(millis: u64, check: Check) -> Check {
    Check { timeout: Period::from_millis(millis), ..check }
}

#[tokio::test]
async fn answers_are_judged_by_status_and_body() {
    let ok = || vec![status_is("ok", Otherwise::Degraded)];
    for (status, content_type, body, expect, verdict, reason) in [
        ("200 OK", "text/plain", "OK", vec![], Operational, "status 200"),
        ("200 OK", "application/json", r#"{"status":"ok"}"#, ok(), Operational, "status 200"),
        ("200 OK", "application/json", r#"{"status":"degraded"}"#, ok(), Degraded, "$.status is \"degraded\""),
        ("200 OK", "text/html", "<html>Welcome</html>", ok(), Outage, "answer is not JSON (text/html)"),
        ("503 Service Unavailable", "text/html", "sorry", ok(), Outage, "status 503, expected 200 to 299"),
        ("429 Too Many Requests", "text/html", "", vec![], Unknown, "less often"),
        ("401 Unauthorized", "text/html", "", vec![], Outage, "status 401"),
    ] {
        let server = Server::answering(status, content_type, body).await;
        let sample = probe(&http_check("/health", expect), server.http()).await;
        assert_sample(&sample, verdict, reason);
        assert!(sample.latency_ms > 0.0);
    }
}

#[tokio::test]
async fn the_failing_answer_is_kept_without_the_secrets_in_it() {
    let body = format!(r#"{{"status":"down","token":"abc","used":"{SECRET}","mail":"jane@example.org"}}"#);
    let server = Server::answering("500 Oh", "application/json", &body).await;
    let sample = probe(&http_check("/", vec![]), server.http_as("good")).await;
    assert_sample(&sample, Outage, "status 500");
    let kept = sample.answer.unwrap();
    let expected = r#"{"status":"down","token":"***","used":"***","mail":"***"}"#;
    assert_eq!(kept, format!("HTTP status 500\ncontent-type: application/json\n\n{expected}"));
}

#[tokio::test]
async fn the_request_is_plain_and_carries_the_credential() {
    let seen = Arc::new(Mutex::new(String::new()));
    let writer = Arc::clone(&seen);
    let server = Server::doing(move |mut stream| {
        let writer = Arc::clone(&writer);
        async move {
            let request = head(&mut stream).await;
            *writer.lock().unwrap() = request;
            let _ = stream.write_all(answer("403 No", "text/plain", "no").as_bytes()).await;
        }
    })
    .await;
    let sample = probe(&http_check("/health?deep=1", vec![]), server.http_as("good")).await;
    assert_sample(&sample, Unknown, "refused our credential (status 403)");
    let request = seen.lock().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /health?deep=1 http/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("authorization: bearer {SECRET}\r\n")), "{request}");
    assert!(request.contains("user-agent: lifeboat/"), "{request}");
    assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
}

#[tokio::test]
async fn each_probe_makes_its_own_connection() {
    let server = Server::doing(|mut stream| async move {
        // Keeps the connection open, as if it could be used again.
        while !head(&mut stream).await.is_empty() {
            let _ = stream.write_all(answer("200 OK", "text/plain", "OK").as_bytes()).await;
        }
    })
    .await;
    let prober = prober();
    for _ in 0..3 {
        let sample = prober.probe(&http_check("/", vec![]), &bound(server.http())).await;
        assert_sample(&sample, Operational, "status 200");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::saying("HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n").await;
    let sample = probe(&http_check("/", vec![]), server.http()).await;
    assert_sample(&sample, Outage, "status 302, expected 200 to 299, points to \"/again\"");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn broken_connections_are_outages_with_their_own_words() {
    let nobody = Target::Http {
        url: format!("http://127.0.0.1:{}", closed_port().await),
        ca: None,
        credential: None,
        private: false,
    };
    assert_sample(&probe(&http_check("/", vec![]), nobody).await, Outage, "refused the connection");

    let closing = Server::saying("").await;
    assert_sample(&probe(&http_check("/", vec![]), closing.http()).await, Outage, "closed the connection before");

    let half = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it").await;
    assert_sample(&probe(&http_check("/", vec![]), half.http()).await, Outage, "closed the connection before");

    let other = Server::saying("SSH-2.0-OpenSSH_9.2\r\n").await;
    assert_sample(&probe(&http_check("/", vec![]), other.http()).await, Outage, "answer is not understood");
}

#[tokio::test]
async fn a_server_that_does_not_finish_is_out_of_time() {
    let silent = Server::doing(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let sample = probe(&within(250, http_check("/", vec![])), silent.http()).await;
    assert_sample(&sample, Outage, "no answer within 250ms");
    assert!((250.0..2_000.0).contains(&sample.latency_ms), "{}", sample.latency_ms);

    let dripping = Server::doing(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"x").await.is_ok() {
            drops.tick().await;
        }
    })
    .await;
    assert_sample(
        &probe(&within(300, http_check("/", vec![])), dripping.http()).await,
        Outage,
        "no answer within 300ms",
    );
}

#[tokio::test]
async fn an_endless_body_is_read_to_a_bound() {
    let endless = Server::doing(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n").await;
        let chunk = vec![b' '; 65_536];
        while stream.write_all(&chunk).await.is_ok() {}
    })
    .await;
    assert_sample(&probe(&http_check("/", vec![]), endless.http()).await, Operational, "status 200");
    let json = http_check("/", vec![status_is("ok", Otherwise::Outage)]);
    let sample = probe(&json, endless.http()).await;
    assert_sample(&sample, Unknown, "answer is longer than 1.0 MiB, too long to read as JSON");
    assert!(sample.answer.is_none_or(|answer| answer.len() <= 4_096));
}

#[tokio::test]
async fn slow_is_degraded() {
    let server = Server::doing(|mut stream| async move {
        head(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(120)).await;
        let _ = stream.write_all(answer("200 OK", "text/plain", "OK").as_bytes()).await;
    })
    .await;
    let slow = Check { slow: Some(Period::from_millis(100)), ..http_check("/", vec![]) };
    assert_sample(&probe(&slow, server.http()).await, Degraded, "ms, slow above 100ms");
}

#[tokio::test]
async fn what_could_not_be_asked_is_unknown() {
    let plain = http_check("/", vec![]);
    let prober = prober();
    for (targets, reason) in [
        (unbound(Unbound::Absent), "this environment has none"),
        (unbound(Unbound::Missing(vec!["api.port".to_owned()])), "not bound: no value for api.port"),
        (lifeboat_engine::probe::Targets::default(), "no endpoint \"end\""),
    ] {
        assert_sample(&prober.probe(&plain, &targets).await, Unknown, reason);
    }
    let http = |url: &str, ca: Option<&str>, credential: Option<&str>| Target::Http {
        url: url.to_owned(),
        ca: ca.map(str::to_owned),
        credential: credential.map(id),
        private: false,
    };
    for (target, reason) in [
        (http("http://no-such-host.invalid", None, None), "name not "),
        (http("http://127.0.0.1:9", None, Some("nowhere")), "credential \"nowhere\": no credential is stored"),
        (http("http://192.0.2.1", None, Some("good")), "would travel unencrypted"),
        (http("https://127.0.0.1:9", Some("/nonexistent/ca.pem"), None), "trusted certificates cannot be read"),
        (http("ftp://127.0.0.1", None, None), "is not an address"),
        (http("nonsense", None, None), "is not an address"),
        (
            Target::Host { host: "a".to_owned(), port: 1, server_name: "a".to_owned(), ca: None, private: false },
            "of another kind",
        ),
    ] {
        assert_sample(&probe(&within(5_000, plain.clone()), target).await, Unknown, reason);
    }
}

fn page(feed: Feed) -> Check {
    check(Probe::StatusPage(StatusPageProbe { endpoint: id("end"), feed, components: Vec::new() }))
}

#[tokio::test]
async fn status_pages_are_asked_at_their_places() {
    for (feed, path, body) in [
        (
            Feed::Statuspage,
            "/providers/a/api/v2/summary.json",
            r#"{"status":{"indicator":"none","description":"All Systems Operational"},"components":[]}"#,
        ),
        (Feed::Stripe, "/providers/a/current/full", r#"{"UptimeStatus":"up"}"#),
        (Feed::Google, "/providers/a/incidents.json", "[]"),
        (Feed::Slack, "/providers/a/api/v2.0.0/current", r#"{"status":"ok","active_incidents":[]}"#),
    ] {
        let (wanted, body) = (format!("GET {path} HTTP/1.1"), body.to_owned());
        let server = Server::doing(move |mut stream| {
            let (wanted, body) = (wanted.clone(), body.clone());
            async move {
                let status = if head(&mut stream).await.starts_with(&wanted) { "200 OK" } else { "404 Not Found" };
                let _ = stream.write_all(answer(status, "application/json", &body).as_bytes()).await;
            }
        })
        .await;
        let url = format!("http://{}/providers/a", server.address);
        let sample = probe(&page(feed), Target::Http { url, ca: None, credential: None, private: false }).await;
        assert_sample(&sample, Operational, "says");
    }
}

#[tokio::test]
async fn a_status_page_that_is_down_accuses_nobody() {
    let nobody = Target::Http {
        url: format!("http://127.0.0.1:{}", closed_port().await),
        ca: None,
        credential: None,
        private: false,
    };
    assert_sample(&probe(&page(Feed::Statuspage), nobody).await, Unknown, "status page: refused the connection");
    let html = Server::answering("200 OK", "text/html", "<html>").await;
    assert_sample(&probe(&page(Feed::Statuspage), html.http()).await, Unknown, "status page: not JSON (text/html)");
    let changed = Server::answering("200 OK", "application/json", "{}").await;
    assert_sample(&probe(&page(Feed::Google), changed.http()).await, Unknown, "status page: its shape has changed");
    let broken = Server::answering("502 Bad Gateway", "text/html", "").await;
    assert_sample(&probe(&page(Feed::Slack), broken.http()).await, Unknown, "status page: status 502");
}
