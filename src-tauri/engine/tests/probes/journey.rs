//! Journeys against a small server that keeps orders.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lifeboat_domain::{
    check::{
        Capture, Check, Expectation, JourneyProbe, JourneyStep, Otherwise, Probe, StepMethod,
        Verdict::{self, Degraded, Operational, Outage, Unknown},
    },
    environment::Target,
    plan::quantity::Period,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{SECRET, Server, answer, assert_sample, check, head, id, measured, probe};

const TOKEN: &str = "t0ken-of-this-session";

/// What the server does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    OrdersFail,
    PaymentHangs,
    PaymentDegraded,
    DeleteFails,
    Everything(u16),
}

/// A platform with sign-in, orders and payments; every request is written down.
async fn platform(fault: Fault) -> (Server, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let server = Server::doing(move |stream| {
        let kept = Arc::clone(&kept);
        async move { serve(stream, fault, &kept).await }
    })
    .await;
    (server, seen)
}

async fn serve(mut stream: TcpStream, fault: Fault, seen: &Mutex<Vec<String>>) {
    let mut request = head(&mut stream).await;
    let length = request
        .to_lowercase()
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next().and_then(|length| length.parse::<usize>().ok()));
    while length.is_some_and(|length| request.split("\r\n\r\n").nth(1).unwrap_or_default().len() < length) {
        let mut more = [0; 1_024];
        let count = stream.read(&mut more).await.unwrap_or(0);
        request.push_str(&String::from_utf8_lossy(&more[..count]));
        if count == 0 {
            break;
        }
    }
    let line = request.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    seen.lock().unwrap().push(line.clone());
    let authorized = request.contains(&format!("Bearer {TOKEN}"));
    let json = |status: &str, body: &str| answer(status, "application/json", body);
    let text = match (line.as_str(), fault) {
        (_, Fault::Everything(status)) => json(&format!("{status} Odd"), "{}"),
        ("POST /sign-in", _) if request.contains(SECRET) => json("200 OK", &format!(r#"{{"token": "{TOKEN}"}}"#)),
        ("POST /sign-in", _) => json("401 Unauthorized", "{}"),
        _ if !authorized => json("401 Unauthorized", "{}"),
        ("POST /orders", Fault::OrdersFail) => json("500 Oh", &format!(r#"{{"error": "no order for {TOKEN}"}}"#)),
        ("POST /orders", _) => json("201 Created\r\nlocation: /orders/17", r#"{"id": 17}"#),
        ("POST /orders/17/payment", Fault::PaymentHangs) => std::future::pending().await,
        ("POST /orders/17/payment", Fault::PaymentDegraded) => json("200 OK", r#"{"state": "pending"}"#),
        ("POST /orders/17/payment", _) => json("200 OK", r#"{"state": "succeeded"}"#),
        ("DELETE /orders/17", Fault::DeleteFails) => json("500 Oh", "{}"),
        ("DELETE /orders/17", _) => answer("204 No Content", "text/plain", ""),
        _ => json("404 Not Found", "{}"),
    };
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn step(name: &str, method: StepMethod, path: &str) -> JourneyStep {
    let token =
        if path == "/sign-in" { BTreeMap::new() } else { BTreeMap::from([("authorization", "Bearer ${token}")]) };
    JourneyStep {
        name: name.to_owned(),
        method,
        path: path.to_owned(),
        headers: token.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: None,
        expect: Vec::new(),
        capture: Vec::new(),
    }
}

fn capture(name: &str, json: Option<&str>, header: Option<&str>, secret: bool) -> Capture {
    Capture { name: id(name), json: json.map(str::to_owned), header: header.map(str::to_owned), secret }
}

fn state(is: &str, otherwise: Otherwise) -> Expectation {
    Expectation {
        status: Vec::new(),
        json: Some("$.state".to_owned()),
        text: None,
        is: Some(is.into()),
        is_not: None,
        one_of: Vec::new(),
        at_most: None,
        at_least: None,
        otherwise,
    }
}

fn journey() -> Check {
    let sign_in = JourneyStep {
        body: Some(r#"{"email": "person1@mail.test", "password": "${credential}"}"#.to_owned()),
        capture: vec![capture("token", Some("$.token"), None, true)],
        ..step("sign in", StepMethod::Post, "/sign-in")
    };
    let order = JourneyStep {
        body: Some(r#"{"service": "dream", "reference": "${run}"}"#.to_owned()),
        capture: vec![capture("order", Some("$.id"), None, false), capture("place", None, Some("location"), false)],
        ..step("create order", StepMethod::Post, "/orders")
    };
    let pay = JourneyStep {
        expect: vec![state("succeeded", Otherwise::Degraded)],
        ..step("pay", StepMethod::Post, "/orders/${order}/payment")
    };
    check(Probe::Journey(JourneyProbe {
        endpoint: id("end"),
        steps: vec![sign_in, order, pay],
        clean_up: vec![step("delete order", StepMethod::Delete, "/orders/${order}")],
        clean_up_time: None,
        production: false,
    }))
}

fn lines(seen: &Mutex<Vec<String>>) -> Vec<String> {
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn b_92_signing_in_is_proved_by_a_test_account_and_no_back_door() {
    let (server, seen) = platform(Fault::None).await;
    let sample = probe(&journey(), server.http_as("good")).await;
    assert_sample(&sample, Operational, "3 steps, cleaned up");
    assert_eq!(lines(&seen), ["POST /sign-in", "POST /orders", "POST /orders/17/payment", "DELETE /orders/17"]);
    for name in ["sign in", "create order", "pay", "delete order"] {
        assert!(measured(&sample, name) > 0.0);
    }
    // Who is not let in has not shown that signing in is broken: it may be our password.
    let sample = probe(&journey(), server.http_as("bad")).await;
    assert_sample(&sample, Unknown, "step 1 of 3 \"sign in\": refused our credential (status 401)");
    let sample = probe(&journey(), server.http()).await;
    assert_sample(&sample, Unknown, "not bound: the endpoint has no credential");
    assert_eq!(server.connections(), 5, "nothing was left to clean up, and without a credential nobody was asked");
}

#[tokio::test]
async fn a_journey_ends_at_the_step_that_fails_and_cleans_up() {
    for (fault, verdict, reason, last) in [
        (Fault::OrdersFail, Outage, "step 2 of 3 \"create order\": status 500, expected 200 to 299", "POST /orders"),
        (
            Fault::PaymentDegraded,
            Degraded,
            "step 3 of 3 \"pay\": $.state is \"pending\", expected \"succeeded\"",
            "DELETE /orders/17",
        ),
        (
            Fault::DeleteFails,
            Degraded,
            "clean-up \"delete order\" failed, so something may be left behind: status 500",
            "DELETE /orders/17",
        ),
        (Fault::Everything(429), Unknown, "step 1 of 3 \"sign in\": asks us to come less often", "POST /sign-in"),
        (Fault::Everything(302), Outage, "step 1 of 3 \"sign in\": status 302", "POST /sign-in"),
    ] {
        let (server, seen) = platform(fault).await;
        let sample = probe(&journey(), server.http_as("good")).await;
        assert_sample(&sample, verdict, reason);
        assert_eq!(lines(&seen).last().unwrap(), last);
        let told = format!("{sample:?}");
        assert!(!told.contains(TOKEN) && !told.contains(SECRET), "{told}");
    }
}

#[tokio::test]
async fn a_step_that_hangs_leaves_time_to_clean_up() {
    let (server, seen) = platform(Fault::PaymentHangs).await;
    let quick = Check { timeout: Period::from_millis(1_600), ..journey() };
    let started = Instant::now();
    let sample = probe(&quick, server.http_as("good")).await;
    assert!(started.elapsed() < Duration::from_millis(1_700), "{:?}", started.elapsed());
    assert_sample(&sample, Outage, "step 3 of 3 \"pay\": no answer within ");
    assert_eq!(lines(&seen).last().unwrap(), "DELETE /orders/17");
    assert_eq!(sample.measurements.len(), 4, "{sample:?}");
}

#[tokio::test]
async fn a_credential_does_not_travel_where_everybody_sees_it() {
    let open =
        Target::Http { url: "http://192.0.2.1".to_owned(), ca: None, credential: Some(id("good")), private: false };
    let sample = probe(&journey(), open).await;
    let verdict: Verdict = sample.verdict;
    assert_eq!((verdict, sample.reason.as_str()), (Unknown, "not asked: the credential would travel unencrypted"));
}
