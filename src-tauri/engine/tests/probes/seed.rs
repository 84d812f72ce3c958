//! What the runbook's own scripts got wrong, by number.

use lifeboat_domain::{
    check::{
        PostgresProbe, Probe, TcpProbe,
        Verdict::{Operational, Outage, Unknown},
    },
    environment::{Target, TlsMode, Unbound},
};

use crate::support::{Server, assert_sample, check, http_check, id, probe, prober, unbound};

#[tokio::test]
async fn b_38_a_host_that_answers_is_not_a_database_that_works() {
    let server = Server::doing(|stream| async move { drop(stream) }).await;
    let host = "127.0.0.1".to_owned();
    let port = server.address.port();
    let tcp = check(Probe::Tcp(TcpProbe { endpoint: id("end") }));
    let open = Target::Host { host: host.clone(), port, server_name: host.clone(), ca: None, private: false };
    assert_sample(&probe(&tcp, open).await, Operational, "accepts connections");
    let database = check(Probe::Postgres(PostgresProbe { endpoint: id("end"), write: false, questions: Vec::new() }));
    let none = Target::Postgres {
        host,
        port,
        database: "postgres".to_owned(),
        user: "postgres".to_owned(),
        credential: None,
        tls: TlsMode::Off,
        ca: None,
        private: false,
    };
    assert_sample(&probe(&database, none).await, Outage, "the connection");
}

#[tokio::test]
async fn b_89_an_address_nobody_has_given_is_named_and_fails_nobody() {
    let missing = unbound(Unbound::Missing(vec!["api.base-url".to_owned()]));
    let sample = prober().probe(&http_check("/health", Vec::new()), &missing).await;
    assert_sample(&sample, Unknown, "not bound: no value for api.base-url");
}
