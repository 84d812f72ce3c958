//! Where probes may connect to: names that lead astray, names that change, and redirects.

use std::{
    collections::VecDeque,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::BoxFuture;
use lifeboat_domain::{
    check::{
        Check, Feed, HttpProbe, Probe, Sample, StatusPageProbe, TcpProbe,
        Verdict::{Operational, Outage, Unknown},
    },
    environment::{Target, TlsMode},
};
use lifeboat_engine::probe::{Prober, Resolver};
use tokio::io::AsyncWriteExt;

use crate::{
    object::newest_check,
    postgres::server_check,
    support::{SECRET, Server, answer, assert_sample, bound, check, head, http_check, id, prober},
    tls::{file, serving, tls_check},
};

/// Answers one look-up after the other with these addresses, the last of them for ever.
struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn leading_to(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        Arc::new(Self { answers: Mutex::new(answers.collect()), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Names {
    fn look_up(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { Ok(answer.unwrap()) })
    }
}

fn with(names: &Arc<Names>) -> Prober {
    let names: Arc<dyn Resolver> = Arc::<Names>::clone(names);
    prober().with_resolver(names)
}

async fn serving_web() -> Server {
    Server::answering("200 OK", "text/plain", "OK").await
}

fn web(host: &str, port: u16, private: bool) -> Target {
    Target::Http { url: format!("http://{host}:{port}"), ca: None, credential: None, private }
}

/// A check of every kind that connects, to a host at a port.
fn every_kind(host: &str, port: u16, private: bool) -> Vec<(Check, Target)> {
    let page = StatusPageProbe { endpoint: id("end"), feed: Feed::Slack, components: Vec::new() };
    let end = |server_name: &str| Target::Host {
        host: host.to_owned(),
        port,
        server_name: server_name.to_owned(),
        ca: None,
        private,
    };
    let database = |tls| Target::Postgres {
        host: host.to_owned(),
        port,
        database: "postgres".to_owned(),
        user: "lifeboat".to_owned(),
        credential: None,
        tls,
        ca: None,
        private,
    };
    let bucket = Target::Bucket {
        url: Some(format!("http://{host}:{port}")),
        bucket: "backups".to_owned(),
        region: "eu-west-1".to_owned(),
        access_key: "lifeboat".to_owned(),
        credential: id("good"),
        private,
    };
    vec![
        (http_check("/", vec![]), web(host, port, private)),
        (check(Probe::StatusPage(page)), web(host, port, private)),
        (check(Probe::Tcp(TcpProbe { endpoint: id("end") })), end(host)),
        (tls_check(), end("api.test")),
        (server_check(false, &[]), database(TlsMode::Off)),
        (newest_check(), bucket),
    ]
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_asked_unless_the_plan_says_so() {
    let server = serving_web().await;
    for address in ["127.0.0.1", "::ffff:127.0.0.1"] {
        let prober = with(&Names::leading_to(&[&[address]]));
        for (check, target) in every_kind("api.example.org", server.address.port(), false) {
            let sample = prober.probe(&check, &bound(target)).await;
            assert_sample(&sample, Unknown, "not asked: api.example.org leads to");
            assert_sample(&sample, Unknown, "a loopback address; \"private = true\" at the endpoint would allow it");
        }
    }
    assert_eq!(server.connections(), 0);
    let names = Names::leading_to(&[&["127.0.0.1"]]);
    let allowed = every_kind("api.example.org", server.address.port(), true);
    let kinds = allowed.len();
    for (check, target) in allowed {
        let sample = with(&names).probe(&check, &bound(target)).await;
        assert!(!sample.reason.contains("not asked"), "{sample:?}");
    }
    server.accepts(kinds).await;
    assert_eq!((server.connections(), names.asked()), (kinds, kinds));
}

#[tokio::test]
async fn nothing_allows_a_link_local_address() {
    for address in ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "0.0.0.0"] {
        let prober = with(&Names::leading_to(&[&[address]]));
        for (check, target) in every_kind("api.example.org", 80, true) {
            assert_sample(&prober.probe(&check, &bound(target)).await, Unknown, "which is never connected to");
        }
    }
    for (check, target) in every_kind("169.254.169.254", 80, true) {
        let sample = prober().probe(&check, &bound(target)).await;
        assert_sample(&sample, Unknown, "169.254.169.254 leads to 169.254.169.254, a link-local address");
    }
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let server = serving_web().await;
    let port = server.address.port();
    // Whoever looked a second time would be led elsewhere, to where nobody may go, and the other way round.
    for (check, target) in every_kind("api.example.org", port, true) {
        let names = Names::leading_to(&[&["127.0.0.1"], &["169.254.169.254"]]);
        let before = server.connections();
        let sample = with(&names).probe(&check, &bound(target)).await;
        assert!(!sample.reason.contains("not asked"), "{sample:?}");
        server.accepts(before + 1).await;
        assert_eq!((names.asked(), server.connections() - before), (1, 1), "{}", check.probe.kind());
    }
    for (check, target) in every_kind("api.example.org", port, true) {
        let names = Names::leading_to(&[&["169.254.169.254"], &["127.0.0.1"]]);
        let before = server.connections();
        assert_sample(&with(&names).probe(&check, &bound(target)).await, Unknown, "a link-local address");
        assert_eq!((names.asked(), server.connections() - before), (1, 0));
    }
    // Of several, only those that may be.
    let names = Names::leading_to(&[&["169.254.169.254", "0.0.0.0", "127.0.0.1"]]);
    let sample = with(&names).probe(&http_check("/", vec![]), &bound(web("api.example.org", port, true))).await;
    assert_sample(&sample, Operational, "status 200");
}

#[tokio::test]
async fn localhost_is_this_computer_whatever_its_name_server_says() {
    let server = serving_web().await;
    let port = server.address.port();
    let at = |names: &Arc<Names>| {
        let prober = with(names);
        async move { prober.probe(&http_check("/", vec![]), &bound(web("localhost", port, false))).await }
    };
    assert_sample(&at(&Names::leading_to(&[&["192.168.0.1", "127.0.0.1"]])).await, Operational, "status 200");
    assert_sample(&at(&Names::leading_to(&[&["1.1.1.1"]])).await, Unknown, "name not found: localhost");
}

fn following(path: &str) -> Check {
    let Probe::Http(probe) = http_check(path, vec![]).probe else { unreachable!() };
    let headers = [("x-note".to_owned(), "for the endpoint alone".to_owned())].into();
    check(Probe::Http(HttpProbe { follow: true, headers, ..probe }))
}

/// Sends everybody who asks for `/away` elsewhere, and says what else it was asked.
async fn moved(to: String) -> (Server, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&seen);
    let server = Server::doing(move |mut stream| {
        let (writer, to) = (Arc::clone(&writer), to.clone());
        async move {
            let request = head(&mut stream).await.to_ascii_lowercase();
            let said = if request.starts_with("get /away") {
                format!("HTTP/1.1 307 Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
            } else {
                answer("200 OK", "text/plain", "OK")
            };
            writer.lock().unwrap().push(request);
            let _ = stream.write_all(said.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    (server, seen)
}

async fn sent(to: &str, target: impl Fn(&Server) -> Target, prober: &Prober) -> (Sample, Vec<String>) {
    let (server, seen) = moved(to.to_owned()).await;
    let sample = prober.probe(&following("/away"), &bound(target(&server))).await;
    let seen = seen.lock().unwrap().clone();
    (sample, seen)
}

#[tokio::test]
async fn a_redirect_is_followed_where_the_plan_says_so_and_the_credential_stays_at_home() {
    let (sample, seen) = sent("/here?a=b", |server| server.http_as("good"), &prober()).await;
    assert_sample(&sample, Operational, "status 200");
    assert!(seen[1].starts_with("get /here?a=b "), "{seen:?}");
    for request in &seen {
        assert!(request.contains(&format!("authorization: bearer {SECRET}")), "{request}");
        assert!(request.contains("x-note: for the endpoint alone"), "{request}");
    }
    // The same host at another port is another origin.
    let (elsewhere, seen) = moved(String::new()).await;
    let to = format!("http://{}/", elsewhere.address);
    let (sample, first) = sent(&to, |server| server.http_as("good"), &prober()).await;
    assert_sample(&sample, Operational, "status 200");
    let seen = seen.lock().unwrap().clone();
    assert!(first[0].contains("authorization") && seen.len() == 1, "{seen:?}");
    assert!(!seen[0].contains("authorization") && !seen[0].contains("x-note"), "{seen:?}");
}

#[tokio::test]
async fn a_redirect_leads_nowhere_the_plan_does_not_name() {
    let (inside, seen) = moved(String::new()).await;
    let port = inside.address.port();
    let names = Names::leading_to(&[&["127.0.0.1"]]);
    let private = |server: &Server| web("api.example.org", server.address.port(), true);
    let literal = |server: &Server| server.http();
    for (to, kind) in [
        (format!("http://127.0.0.1:{port}/"), "127.0.0.1, a loopback address"),
        (format!("http://other.example.org:{port}/"), "127.0.0.1, a loopback address"),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), "a loopback address"),
        (format!("http://2130706433:{port}/"), "127.0.0.1, a loopback address"),
        (format!("//localhost:{port}/"), "127.0.0.1, a loopback address"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "a link-local address"),
        ("http://[fd00:ec2::254]/".to_owned(), "a cloud's metadata address"),
    ] {
        let (sample, _) = sent(&to, private, &with(&names)).await;
        assert_sample(&sample, Unknown, "not asked");
        assert_sample(&sample, Unknown, kind);
    }
    let (sample, _) = sent(&format!("http://localhost:{port}/"), literal, &prober()).await;
    assert_sample(&sample, Unknown, "not asked: localhost leads to");
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_redirect_that_goes_on_for_ever_or_gives_up_encryption_is_not_followed() {
    let (sample, seen) = sent("/away", Server::http, &prober()).await;
    assert_sample(
        &sample,
        Outage,
        "status 307, expected 200 to 299, points to \"/away\", not followed: after 5 redirects",
    );
    assert_eq!(seen.len(), 6);
    for place in ["ftp://127.0.0.1/", "http://", "http://u:p@127.0.0.1/", "javascript:alert(1)", "data:text/plain,OK"] {
        let (sample, seen) = sent(place, Server::http, &prober()).await;
        assert_sample(&sample, Outage, "not followed: that is no address");
        assert_eq!(seen.len(), 1, "{place}");
    }
    let ours = crate::support::Authority::new("ours");
    let ca = file(&ours.pem());
    let plain = serving_web().await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", plain.address);
    let server = serving(&ours.issue("localhost", -1, 90), moved).await;
    let target = Target::Http {
        url: format!("https://localhost:{}", server.address.port()),
        ca: Some(ca.path().to_str().unwrap().to_owned()),
        credential: None,
        private: false,
    };
    let sample = prober().probe(&following("/"), &bound(target)).await;
    assert_sample(&sample, Outage, "not followed: that is not encrypted");
    assert_eq!(plain.connections(), 0);
}
