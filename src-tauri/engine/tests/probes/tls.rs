//! TCP and TLS checks against real handshakes.

use std::{io::Write, sync::Arc};

use lifeboat_domain::{
    check::{
        Check, Probe, TcpProbe, TlsProbe,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::{Target, TlsMode},
    plan::quantity::Period,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use crate::postgres::server_check;
use crate::support::{
    Authority, Issued, Server, answer, assert_sample, bound, check, closed_port, head, http_check, id, measured, probe,
    prober,
};

pub(crate) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn acceptor(issued: &Issued) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) async fn serving(issued: &Issued, said: impl Into<String>) -> Server {
    let said: Arc<str> = said.into().into();
    let acceptor = acceptor(issued);
    Server::doing(move |stream| {
        let (acceptor, said) = (acceptor.clone(), Arc::clone(&said));
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                head(&mut stream).await;
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    })
    .await
}

pub(crate) fn ok() -> String {
    answer("200 OK", "text/plain", "OK")
}

pub(crate) fn tls_check() -> Check {
    check(Probe::Tls(TlsProbe { endpoint: id("end"), expires_after: Period::from_secs(14 * 86_400) }))
}

fn host(server: &Server, ca: &NamedTempFile) -> Target {
    Target::Host {
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
        server_name: "api.range.test".to_owned(),
        ca: Some(ca.path().to_str().unwrap().to_owned()),
        private: false,
    }
}

#[tokio::test]
async fn certificates_are_verified_and_have_to_last() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let ca = file(&ours.pem());
    for (issued, verdict, reason) in [
        (ours.issue("api.range.test", -1, 90), Operational, "certificate ends in 89d"),
        (ours.issue("api.range.test", -1, 9), Degraded, "certificate ends in 8d"),
        (ours.issue("api.range.test", -30, -2), Outage, "certificate has expired: it ended"),
        (ours.issue("api.range.test", 2, 90), Outage, "certificate is not yet valid"),
        (ours.issue("other.test", -1, 90), Outage, "certificate has the wrong name, expected api.range.test"),
        (theirs.issue("api.range.test", -1, 90), Outage, "certificate is from an unknown issuer"),
        (Authority::new("ours").issue("api.range.test", -1, 90), Outage, "certificate is from an unknown issuer"),
    ] {
        let server = serving(&issued, ok()).await;
        let sample = probe(&tls_check(), host(&server, &ca)).await;
        assert_sample(&sample, verdict, reason);
        if reason.contains("ends in 89d") {
            assert!((89.0..90.0).contains(&measured(&sample, "days left")));
        }
        if reason.contains("expired") {
            assert!((-3.0..-2.0).contains(&measured(&sample, "days left")));
        }
    }
}

/// A server of any kind: it takes PostgreSQL's wish for TLS first, and then does what it does with the connection.
async fn after_greeting<W, F>(what: W) -> Server
where
    W: Fn(TcpStream) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    Server::doing(move |mut stream| {
        let what = what.clone();
        async move {
            let mut first = [0; 8];
            if matches!(stream.peek(&mut first).await, Ok(8)) && first == [0, 0, 0, 8, 4, 210, 22, 47] {
                let _ = stream.read_exact(&mut first).await;
                let _ = stream.write_all(b"S").await;
            }
            what(stream).await;
        }
    })
    .await
}

/// The three kinds of check that speak TLS, to a server that has to be `api.range.test` or `localhost`.
fn encrypted_kinds(server: &Server, ca: Option<&NamedTempFile>) -> Vec<(Check, Target)> {
    let ca = ca.map(|ca| ca.path().to_str().unwrap().to_owned());
    let port = server.address.port();
    let host = Target::Host {
        host: "127.0.0.1".to_owned(),
        port,
        server_name: "localhost".to_owned(),
        ca: ca.clone(),
        private: false,
    };
    let web = Target::Http {
        url: format!("https://localhost:{port}"),
        ca: ca.clone(),
        credential: Some(id("good")),
        private: false,
    };
    let database = Target::Postgres {
        host: "localhost".to_owned(),
        port,
        database: "postgres".to_owned(),
        user: "lifeboat".to_owned(),
        credential: Some(id("good")),
        tls: TlsMode::VerifyFull,
        ca,
        private: false,
    };
    vec![(tls_check(), host), (http_check("/", vec![]), web), (server_check(false, &[]), database)]
}

#[tokio::test]
async fn every_kind_refuses_the_same_certificates_and_tells_them_apart() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let ca = file(&ours.pem());
    for (issued, reason) in [
        (ours.issue("localhost", -30, -2), "certificate has expired"),
        (ours.issue("localhost", 2, 90), "certificate is not yet valid"),
        (ours.issue("other.test", -1, 90), "certificate has the wrong name, expected localhost"),
        (theirs.issue("localhost", -1, 90), "certificate is from an unknown issuer"),
        (Issued::by_itself("localhost"), "certificate is from an unknown issuer"),
    ] {
        let acceptor = acceptor(&issued);
        let server = after_greeting(move |stream| {
            let acceptor = acceptor.clone();
            async move { drop(acceptor.accept(stream).await) }
        })
        .await;
        for (check, target) in encrypted_kinds(&server, Some(&ca)) {
            assert_sample(&probe(&check, target).await, Outage, reason);
        }
    }
    // An authority of our own is none of the system's, and the system's is none of ours: only what the endpoint says.
    let acceptor = acceptor(&ours.issue("localhost", -1, 90));
    let server = after_greeting(move |stream| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(stream).await) }
    })
    .await;
    for (check, target) in encrypted_kinds(&server, None) {
        let sample = probe(&check, target).await;
        // On a computer without any authority of its own it cannot be told.
        assert!(sample.verdict == Unknown || sample.reason.contains("unknown issuer"), "{sample:?}");
    }
}

#[tokio::test]
async fn every_kind_tells_an_old_protocol_and_none_at_all() {
    let ca = file(&Authority::new("ours").pem());
    // TLS 1.1: an alert that the version is not spoken, and a greeting in it.
    let alert = vec![21, 3, 1, 0, 2, 2, 70];
    let mut greeting = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    greeting.extend([7; 32]);
    greeting.extend([0, 0, 0x2f, 0]);
    let web = answer("400 Bad Request", "text/plain", "this port speaks TLS").into_bytes();
    for (said, reason) in [
        (alert, "no TLS connection: the server speaks only an old version of it"),
        (greeting, "no TLS connection: the server speaks only an old version of it"),
        (web, "no TLS connection: the server speaks something else"),
        (vec![0xff; 64], "no TLS connection: the server speaks something else"),
    ] {
        let server = after_greeting(move |mut stream| {
            let said = said.clone();
            async move {
                let _ = stream.write_all(&said).await;
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.shutdown().await;
            }
        })
        .await;
        for (check, target) in encrypted_kinds(&server, Some(&ca)) {
            assert_sample(&probe(&check, target).await, Outage, reason);
        }
    }
    for (byte, reason) in [(b'N', "the server does not offer it"), (b'H', "the server speaks something else")] {
        let server = Server::doing(move |mut stream| async move {
            let _ = stream.read(&mut [0; 64]).await;
            let _ = stream.write_all(&[byte]).await;
        })
        .await;
        let (check, target) = encrypted_kinds(&server, Some(&ca)).pop().unwrap();
        assert_sample(&probe(&check, target).await, Outage, &format!("no TLS connection: {reason}"));
    }
}

#[tokio::test]
async fn a_changed_authority_file_is_read_again() {
    let (first, second) = (Authority::new("ours"), Authority::new("theirs"));
    let ca = file(&first.pem());
    let prober = prober();
    let server = serving(&second.issue("api.range.test", -1, 90), ok()).await;
    let targets = bound(host(&server, &ca));
    assert_sample(&prober.probe(&tls_check(), &targets).await, Outage, "unknown issuer");
    std::fs::write(ca.path(), second.pem()).unwrap();
    assert_sample(&prober.probe(&tls_check(), &targets).await, Operational, "certificate ends in");
}

#[tokio::test]
async fn what_is_no_tls_is_an_outage_and_no_trust_is_unknown() {
    let ca = file(&Authority::new("ours").pem());
    let plain = Server::doing(|mut stream| async move {
        let _ = stream.write_all(answer("400 Bad Request", "text/plain", "").as_bytes()).await;
        let _ = stream.shutdown().await;
    })
    .await;
    assert_sample(
        &probe(&tls_check(), host(&plain, &ca)).await,
        Outage,
        "no TLS connection: the server speaks something else",
    );
    let closing = Server::doing(|stream| async move { drop(stream) }).await;
    assert_sample(&probe(&tls_check(), host(&closing, &ca)).await, Outage, "the connection");
    for text in ["", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let sample = probe(&tls_check(), host(&plain, &file(text))).await;
        assert_sample(&sample, Unknown, "trusted certificates cannot be read");
    }
    let Target::Host { host, port, ca, .. } = host(&plain, &ca) else { unreachable!() };
    let odd = Target::Host { host, port, ca, server_name: "not a name".to_owned(), private: false };
    assert_sample(&probe(&tls_check(), odd).await, Unknown, "is not a server's name");
}

#[tokio::test]
async fn http_checks_verify_too() {
    let ours = Authority::new("ours");
    let ca = file(&ours.pem());
    let server = serving(&ours.issue("localhost", -1, 90), ok()).await;
    let url = format!("https://localhost:{}", server.address.port());
    let own = Some(ca.path().to_str().unwrap().to_owned());
    let trusted = Target::Http { url: url.clone(), ca: own.clone(), credential: Some(id("good")), private: false };
    assert_sample(&probe(&http_check("/", vec![]), trusted).await, Operational, "status 200");
    let system = Target::Http { url, ca: None, credential: None, private: false };
    let sample = probe(&http_check("/", vec![]), system).await;
    // On a computer without any authority of its own it cannot be told.
    assert!(sample.verdict == Unknown || sample.reason.contains("unknown issuer"), "{sample:?}");
    let expired = serving(&ours.issue("localhost", -9, -2), ok()).await;
    let url = format!("https://localhost:{}", expired.address.port());
    let sample = probe(&http_check("/", vec![]), Target::Http { url, ca: own, credential: None, private: false }).await;
    assert_sample(&sample, Outage, "certificate has expired");
}

#[tokio::test]
async fn a_port_accepts_connections_or_does_not() {
    let tcp = check(Probe::Tcp(TcpProbe { endpoint: id("end") }));
    let at = |host: &str, port| Target::Host {
        host: host.to_owned(),
        port,
        server_name: host.to_owned(),
        ca: None,
        private: false,
    };
    let server = Server::saying("").await;
    for host in ["127.0.0.1", "localhost"] {
        assert_sample(&probe(&tcp, at(host, server.address.port())).await, Operational, "accepts connections");
    }
    let nobody = closed_port().await;
    for host in ["127.0.0.1", "localhost"] {
        assert_sample(&probe(&tcp, at(host, nobody)).await, Outage, "refused the connection");
    }
    let quick = Check { timeout: Period::from_secs(5), ..tcp };
    assert_sample(&probe(&quick, at("no-such-host.invalid", 1)).await, Unknown, "name not ");
}
