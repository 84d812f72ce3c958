//! Names, against servers of the domain name system on this computer that answer as they are told.

use std::{net::SocketAddr, sync::Arc};

use hickory_resolver::proto::{
    op::{Message, MessageType, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType as Type,
        rdata::{A, AAAA, CNAME, MX, NS, TXT},
    },
};
use lifeboat_domain::{
    check::{
        Check, DnsProbe, Otherwise, Probe, RecordType,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::Target,
    plan::quantity::Period,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinHandle,
};

use crate::support::{assert_sample, check, id, measured, probe, unbound};

/// What a server does with a question.
enum Reply {
    Records(Vec<RData>),
    Code(ResponseCode),
    /// Only a stream holds all of it.
    TooLong(Vec<RData>),
    Silence,
    Garbage,
}

type Answers = Arc<dyn Fn(&str, Type) -> Reply + Send + Sync>;

struct Server {
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    async fn new(answers: impl Fn(&str, Type) -> Reply + Send + Sync + 'static) -> Self {
        let answers: Answers = Arc::new(answers);
        let (stream, datagrams) = loop {
            let stream = TcpListener::bind("127.0.0.1:0").await.unwrap();
            // The same number may be taken for datagrams.
            if let Ok(datagrams) = UdpSocket::bind(stream.local_addr().unwrap()).await {
                break (stream, datagrams);
            }
        };
        let address = stream.local_addr().unwrap();
        let by_stream = Arc::clone(&answers);
        let tasks = vec![
            tokio::spawn(async move {
                let mut buffer = [0; 1_500];
                while let Ok((size, from)) = datagrams.recv_from(&mut buffer).await {
                    if let Some(answer) = reply(&buffer[..size], &answers, false) {
                        let _ = datagrams.send_to(&answer, from).await;
                    }
                }
            }),
            tokio::spawn(async move {
                while let Ok((connection, _)) = stream.accept().await {
                    tokio::spawn(talk(connection, Arc::clone(&by_stream)));
                }
            }),
        ];
        Self { address, tasks }
    }

    async fn saying(values: Vec<RData>) -> Self {
        Self::new(move |_, _| Reply::Records(values.clone())).await
    }

    async fn refusing(code: ResponseCode) -> Self {
        Self::new(move |_, _| Reply::Code(code)).await
    }
}

async fn talk(mut connection: TcpStream, answers: Answers) {
    while let Ok(size) = connection.read_u16().await {
        let mut question = vec![0; usize::from(size)];
        connection.read_exact(&mut question).await.unwrap();
        let Some(answer) = reply(&question, &answers, true) else { return };
        connection.write_u16(answer.len() as u16).await.unwrap();
        connection.write_all(&answer).await.unwrap();
    }
}

fn reply(question: &[u8], answers: &Answers, by_stream: bool) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).ok()?;
    let query: Query = asked.queries.first()?.clone();
    let mut answer = Message::response(asked.id, asked.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.authoritative = true;
    answer.add_query(query.clone());
    let record = |data: RData| Record::from_rdata(query.name().clone(), 300, data);
    match answers(&query.name().to_string().to_lowercase(), query.query_type()) {
        Reply::Records(values) => {
            answer.add_answers(values.into_iter().map(record));
        }
        Reply::Code(code) => answer.metadata.response_code = code,
        Reply::TooLong(values) if by_stream => {
            answer.add_answers(values.into_iter().map(record));
        }
        Reply::TooLong(_) => answer.metadata.truncation = true,
        Reply::Silence => return None,
        Reply::Garbage => return Some([question.get(..2)?, &[0xff; 40]].concat()),
    }
    answer.to_vec().ok()
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn a(last: u8) -> RData {
    RData::A(A::new(192, 0, 2, last))
}

fn dns() -> DnsProbe {
    DnsProbe {
        endpoint: id("end"),
        record: RecordType::A,
        all_of: Vec::new(),
        any_of: Vec::new(),
        none_outside: Vec::new(),
        otherwise: Otherwise::Outage,
        min_ttl: None,
    }
}

fn at(servers: &[&Server]) -> Target {
    let servers = servers.iter().map(|server| server.address.to_string()).collect();
    Target::Name { name: "api.example.test".to_owned(), servers, private: false }
}

#[tokio::test]
async fn every_type_of_record_is_asked_for_and_compared() {
    let server = Server::new(|name_asked, kind| {
        assert_eq!(name_asked, "api.example.test.");
        Reply::Records(match kind {
            Type::A => vec![a(1), a(2)],
            Type::AAAA => vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))],
            Type::CNAME => vec![RData::CNAME(CNAME(name("Edge.example.test.")))],
            Type::MX => vec![RData::MX(MX::new(10, name("mail.example.test.")))],
            Type::TXT => vec![RData::TXT(TXT::new(vec!["v=spf1 ".to_owned(), "-all".to_owned()]))],
            Type::NS => vec![RData::NS(NS(name("ns1.example.test.")))],
            _ => unreachable!(),
        })
    })
    .await;
    for (record, wanted) in [
        (RecordType::A, "192.0.2.2"),
        (RecordType::Aaaa, "2001:db8::1"),
        (RecordType::Cname, "edge.example.test"),
        (RecordType::Mx, "10 mail.example.test"),
        (RecordType::Txt, "v=spf1 -all"),
        (RecordType::Ns, "ns1.example.test"),
    ] {
        let check_of = |all_of: &str| check(Probe::Dns(DnsProbe { record, all_of: vec![all_of.to_owned()], ..dns() }));
        let sample = probe(&check_of(wanted), at(&[&server])).await;
        assert_sample(&sample, Operational, "resolves to");
        assert!((measured(&sample, "time to live") - 300.0).abs() < f64::EPSILON);
        assert_sample(&probe(&check_of("other"), at(&[&server])).await, Outage, "without \"other\"");
    }
    let lasting = |seconds| check(Probe::Dns(DnsProbe { min_ttl: Some(Period::from_secs(seconds)), ..dns() }));
    assert_sample(&probe(&lasting(300), at(&[&server])).await, Operational, "resolves to 192.0.2.1, 192.0.2.2");
    assert_sample(&probe(&lasting(301), at(&[&server])).await, Degraded, "others keep it for 5m");
    let foreign = check(Probe::Dns(DnsProbe { none_outside: vec!["192.0.2.1".to_owned()], ..dns() }));
    assert_sample(&probe(&foreign, at(&[&server])).await, Outage, "\"192.0.2.2\", which nobody expects");
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told_from_a_server_that_does_not_say() {
    let quick = Check { timeout: Period::from_millis(1_200), ..check(Probe::Dns(dns())) };
    for (server, verdict, reason) in [
        (Server::refusing(ResponseCode::NXDomain).await, Outage, "no such name"),
        (Server::saying(Vec::new()).await, Outage, "the name has no A record"),
        (
            Server::saying(vec![RData::CNAME(CNAME(name("gone.example.test.")))]).await,
            Outage,
            "the name has no A record",
        ),
        (Server::refusing(ResponseCode::ServFail).await, Outage, "could not find out (SERVFAIL)"),
        (Server::refusing(ResponseCode::Refused).await, Unknown, "does not answer us (REFUSED)"),
        (Server::refusing(ResponseCode::NotImp).await, Unknown, "answered"),
        (Server::new(|_, _| Reply::Silence).await, Unknown, "no answer within"),
        (Server::new(|_, _| Reply::Garbage).await, Unknown, ""),
        (Server::new(|_, _| Reply::TooLong((1..=200).map(a).collect())).await, Operational, "192.0.2.3 and 197 more"),
    ] {
        assert_sample(&probe(&quick, at(&[&server])).await, verdict, reason);
    }
    // A server that answers late, in a check that has given it up, accuses nobody either.
    let nobody = {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap().to_string()
    };
    for server in [nobody.as_str(), "no-such-host.invalid", "127.0.0.1:dns"] {
        let target =
            Target::Name { name: "api.example.test".to_owned(), servers: vec![server.to_owned()], private: false };
        assert_sample(&probe(&quick, target).await, Unknown, server);
    }
    let cloud = Target::Name {
        name: "api.example.test".to_owned(),
        servers: vec!["169.254.169.254:53".to_owned()],
        private: true,
    };
    assert_sample(&probe(&quick, cloud).await, Unknown, "a link-local address, which is never connected to");
    let odd = Target::Name { name: "a..b".to_owned(), servers: Vec::new(), private: false };
    assert_sample(&probe(&quick, odd).await, Unknown, "is not a name");
    let absent = crate::support::prober().probe(&quick, &unbound(lifeboat_domain::environment::Unbound::Absent)).await;
    assert_sample(&absent, Unknown, "this environment has none");
}

#[tokio::test]
async fn servers_that_disagree_are_told_apart() {
    let all = check(Probe::Dns(DnsProbe { all_of: vec!["192.0.2.1".to_owned()], ..dns() }));
    let quick = Check { timeout: Period::from_millis(1_500), ..all };
    let (good, stale, silent) =
        (Server::saying(vec![a(1)]).await, Server::saying(vec![a(9)]).await, Server::new(|_, _| Reply::Silence).await);
    let sample = probe(&quick, at(&[&good, &stale])).await;
    assert_sample(&sample, Outage, &format!("{}: resolves to 192.0.2.9, without \"192.0.2.1\"", stale.address));
    assert!(sample.answer.unwrap().contains(&good.address.to_string()), "what the good one said is kept too");
    let sample = probe(&quick, at(&[&silent, &good])).await;
    assert_sample(&sample, Degraded, &format!("{}: no answer within", silent.address));
    assert_sample(&probe(&quick, at(&[&good, &good])).await, Operational, "resolves to 192.0.2.1");
}

#[tokio::test]
async fn this_computers_own_resolver_is_asked_when_none_is_named() {
    let quick = Check { timeout: Period::from_secs(3), ..check(Probe::Dns(dns())) };
    let target = Target::Name { name: "no-such-name.invalid".to_owned(), servers: Vec::new(), private: false };
    let sample = probe(&quick, target).await;
    // Where these tests run there may be no network. With one the name is not there; without, nothing is known.
    match sample.verdict {
        Outage => assert_eq!(sample.reason, "no such name"),
        Unknown => assert!(sample.reason.starts_with("this computer"), "{}", sample.reason),
        other => panic!("a name that cannot be resolves: {other}: {}", sample.reason),
    }
}
