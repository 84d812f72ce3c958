//! Names: what servers of the domain name system say of one, each asked for itself.
//!
//! Nothing is kept and nothing of this computer's own knowledge (its hosts file, its search list, its cache) is used,
//! because the question is what others are told.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all};
use hickory_resolver::{
    NameServerPool, PoolContext, TlsConfig,
    config::{ConnectionConfig, NameServerConfig, ResolverOpts},
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider, xfer::DnsHandle},
    proto::{
        op::{DnsRequestOptions, Query, ResponseCode},
        rr::{Name, RData, RecordType as Type},
    },
    system_conf::read_system_conf,
};
use lifeboat_domain::{
    check::{
        DnsProbe, Outcome, RecordType,
        judge::{self, CouldNot, NameAnswer, ServerAnswer},
    },
    environment::{Target, address},
    plan::quantity::Period,
};

use super::{Attempt, Stage, wrong_kind};

/// Servers asked at most.
const SERVERS: usize = 16;
const PORT: u16 = 53;

pub(super) async fn dns(attempt: &Attempt<'_>, probe: &DnsProbe) -> Result<Outcome, CouldNot> {
    let Target::Name { name, servers, private } = attempt.target(&probe.endpoint)? else { return Err(wrong_kind()) };
    let question = question(name, probe.record)?;
    // A little sooner than the check's own end, so that what the others said is not lost with one.
    let limit = attempt.left().mul_f64(0.8);
    let mut asked = Vec::new();
    if servers.is_empty() {
        let here = attempt.prepare(Stage::Preparing, tokio::task::spawn_blocking(own_resolvers)).await;
        let here = here.map_err(|_| CouldNot::Local("this computer's resolver is not known".to_owned()))??;
        for server in here.into_iter().take(SERVERS) {
            asked.push(ask(attempt, server.to_string(), Whom::Own(server), &question, limit));
        }
    } else {
        for server in servers.iter().take(SERVERS) {
            asked.push(ask(attempt, server.clone(), Whom::Named { private: *private }, &question, limit));
        }
    }
    // All at once, so that a silent one takes nobody's time.
    let answers = join_all(asked).await;
    Ok(if servers.is_empty() { judge::dns_here(probe, &answers) } else { judge::dns_named(probe, &answers) })
}

fn question(name: &str, record: RecordType) -> Result<Query, CouldNot> {
    let not_a_name = |_| CouldNot::NotBound(format!("not bound: \"{name}\" is not a name"));
    let mut name = Name::from_utf8(name).map_err(not_a_name)?;
    name.set_fqdn(true);
    Ok(Query::query(name, type_of(record)))
}

const fn type_of(record: RecordType) -> Type {
    match record {
        RecordType::A => Type::A,
        RecordType::Aaaa => Type::AAAA,
        RecordType::Cname => Type::CNAME,
        RecordType::Mx => Type::MX,
        RecordType::Txt => Type::TXT,
        RecordType::Ns => Type::NS,
    }
}

/// The servers this computer is told to ask.
fn own_resolvers() -> Result<Vec<SocketAddr>, CouldNot> {
    let (config, _) = read_system_conf()
        .map_err(|error| CouldNot::Local(format!("this computer's resolver is not known: {error}")))?;
    let port = |server: &NameServerConfig| server.connections.first().map_or(PORT, |connection| connection.port);
    let mut servers: Vec<SocketAddr> = Vec::new();
    for server in config.name_servers() {
        let server = SocketAddr::new(server.ip, port(server));
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    Ok(servers)
}

/// Whom a question goes to.
enum Whom {
    /// A resolver of this computer, which is not the plan's to judge.
    Own(SocketAddr),
    /// A server the plan names, whose address is judged like any other.
    Named { private: bool },
}

/// The address of a server: an address or a name, with or without a port.
async fn find(attempt: &Attempt<'_>, server: &str, private: bool) -> Result<SocketAddr, CouldNot> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if address::literal(server).is_none() => {
            let odd = |_| CouldNot::NotBound(format!("not bound: \"{port}\" is not a port"));
            (host, port.parse().map_err(odd)?)
        }
        Some(_) | None => (server, PORT),
    };
    let found = attempt.addresses(host, port, private || address::names_itself(host)).await?;
    found.first().copied().ok_or_else(|| CouldNot::NameNotFound(host.to_owned()))
}

async fn ask(attempt: &Attempt<'_>, server: String, whom: Whom, question: &Query, limit: Duration) -> ServerAnswer {
    let address = match whom {
        Whom::Own(address) => Ok(address),
        Whom::Named { private } => find(attempt, &server, private).await,
    };
    let answer = match address {
        Ok(address) => {
            // Running out of time says nothing of the name.
            attempt.now_at(Stage::Resolving);
            look_up(question.clone(), address, limit).await
        }
        Err(why) => NameAnswer::Unreachable(why.words()),
    };
    ServerAnswer { server, answer }
}

async fn look_up(question: Query, server: SocketAddr, limit: Duration) -> NameAnswer {
    let (mut datagrams, mut stream) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    (datagrams.port, stream.port) = (server.port(), server.port());
    let config = NameServerConfig::new(server.ip(), true, vec![datagrams, stream]);
    let mut options = ResolverOpts::default();
    options.timeout = limit;
    options.attempts = 0;
    options.num_concurrent_reqs = 1;
    let silent = || NameAnswer::Silent(Period::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)));
    let Ok(tls) = TlsConfig::new() else { return NameAnswer::Unreachable("no client can be set up".to_owned()) };
    let pool = NameServerPool::from_config(
        [config],
        Arc::new(PoolContext::new(options, tls)),
        TokioRuntimeProvider::default(),
    );
    let wanted = question.query_type();
    let mut answers = pool.lookup(question, DnsRequestOptions::default());
    let Ok(Some(answer)) = tokio::time::timeout(limit, answers.next()).await else { return silent() };
    match answer {
        Ok(answer) if answer.response_code == ResponseCode::NXDomain => NameAnswer::NoSuchName,
        Ok(answer) => {
            let records = answer.answers.iter().filter(|record| record.record_type() == wanted);
            let found: Vec<(String, u32)> = records.map(|record| (value(&record.data), record.ttl)).collect();
            // Addresses behind an alias are only as lasting as the alias.
            match answer.answers.iter().map(|record| record.ttl).min().filter(|_| !found.is_empty()) {
                Some(ttl) => NameAnswer::Found {
                    values: found.into_iter().map(|(value, _)| value).collect(),
                    ttl,
                    authoritative: answer.authoritative,
                },
                None => NameAnswer::NoSuchRecord,
            }
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. }))) => match response_code {
            ResponseCode::NXDomain => NameAnswer::NoSuchName,
            _ => NameAnswer::NoSuchRecord,
        },
        Err(NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail))) => NameAnswer::Failed,
        Err(NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused))) => NameAnswer::Refused,
        Err(NetError::Dns(DnsError::ResponseCode(code))) => NameAnswer::Other(code.to_str().to_owned()),
        Err(NetError::Timeout | NetError::NoConnections) => silent(),
        Err(error) => NameAnswer::Unreachable(error.to_string()),
    }
}

fn value(data: &RData) -> String {
    match data {
        // Texts are kept in pieces of 255 bytes that belong together.
        RData::TXT(texts) => {
            let pieces = texts.txt_data.iter().map(|piece| String::from_utf8_lossy(piece).into_owned());
            pieces.collect()
        }
        other => other.to_string(),
    }
}
