//! TCP and TLS checks against real handshakes.

use std::{io::Write, sync::Arc};

use lifeboat_domain::{
    check::{
        Check, Probe, TcpProbe, TlsProbe,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::Target,
    plan::quantity::Period,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::support::{
    Authority, Issued, Server, answer, assert_sample, bound, check, closed_port, head, http_check, id, measured, probe,
    prober,
};

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

async fn serving(issued: &Issued) -> Server {
    let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::doing(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                head(&mut stream).await;
                let _ = stream.write_all(answer("200 OK", "text/plain", "OK").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    })
    .await
}

fn tls_check() -> Check {
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
        let server = serving(&issued).await;
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

#[tokio::test]
async fn a_changed_authority_file_is_read_again() {
    let (first, second) = (Authority::new("ours"), Authority::new("theirs"));
    let ca = file(&first.pem());
    let prober = prober();
    let server = serving(&second.issue("api.range.test", -1, 90)).await;
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
    let server = serving(&ours.issue("localhost", -1, 90)).await;
    let url = format!("https://localhost:{}", server.address.port());
    let own = Some(ca.path().to_str().unwrap().to_owned());
    let trusted = Target::Http { url: url.clone(), ca: own.clone(), credential: Some(id("good")), private: false };
    assert_sample(&probe(&http_check("/", vec![]), trusted).await, Operational, "status 200");
    let system = Target::Http { url, ca: None, credential: None, private: false };
    let sample = probe(&http_check("/", vec![]), system).await;
    // On a computer without any authority of its own it cannot be told.
    assert!(sample.verdict == Unknown || sample.reason.contains("unknown issuer"), "{sample:?}");
    let expired = serving(&ours.issue("localhost", -9, -2)).await;
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
