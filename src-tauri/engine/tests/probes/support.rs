//! Checks made short, servers that do as they are told, and certificates.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{Datelike, Days, NaiveDate, Utc};
use lifeboat_domain::{
    Id,
    check::{Check, Expectation, HttpProbe, Method, Probe, Sample, Verdict},
    environment::{Target, Unbound},
    plan::quantity::Period,
};
use lifeboat_engine::{
    probe::{Prober, Targets},
    secrets::{Fixed, Sensitive},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) const SECRET: &str = "correct-horse-battery-staple";

pub(crate) fn id(text: &str) -> Id {
    text.parse().unwrap()
}

pub(crate) fn prober() -> Prober {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let secrets = [("good", SECRET), ("bad", "wrong-horse")];
    let secrets = secrets.map(|(handle, secret)| (id(handle), Sensitive::new(secret)));
    Prober::new(Arc::new(Fixed::new(secrets))).unwrap()
}

pub(crate) fn check(probe: Probe) -> Check {
    Check {
        name: "Test".to_owned(),
        of: id("test"),
        why: None,
        interval: Period::from_secs(30),
        timeout: Period::from_secs(10),
        failures: 1,
        retry: Period::from_secs(1),
        slow: None,
        probe,
    }
}

pub(crate) fn http_check(path: &str, expect: Vec<Expectation>) -> Check {
    check(Probe::Http(HttpProbe {
        endpoint: id("end"),
        path: path.to_owned(),
        method: Method::Get,
        headers: BTreeMap::new(),
        follow: false,
        expect,
    }))
}

pub(crate) fn bound(target: Target) -> Targets {
    BTreeMap::from([(id("end"), Ok(target))])
}

pub(crate) fn unbound(why: Unbound) -> Targets {
    BTreeMap::from([(id("end"), Err(why))])
}

pub(crate) async fn probe(check: &Check, target: Target) -> Sample {
    prober().probe(check, &bound(target)).await
}

#[track_caller]
pub(crate) fn assert_sample(sample: &Sample, verdict: Verdict, reason: &str) {
    assert_eq!(sample.verdict, verdict, "{}", sample.reason);
    assert!(sample.reason.contains(reason), "{} does not hold {reason}", sample.reason);
    assert!(!format!("{sample:?}").contains(SECRET), "{sample:?}");
    assert!(verdict != Verdict::Operational || sample.answer.is_none(), "{sample:?}");
}

pub(crate) fn measured(sample: &Sample, name: &str) -> f64 {
    let found = sample.measurements.iter().find(|measured| measured.name == name);
    found.unwrap_or_else(|| panic!("{name} was not measured: {sample:?}")).value
}

/// A server on a free port of 127.0.0.1; ended when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Does something with each connection.
    pub(crate) async fn doing<W, F>(what: W) -> Self
    where
        W: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(what(stream));
            }
        });
        Self { address, accepted, task }
    }

    /// Reads a request's head, answers with these bytes, and closes.
    pub(crate) async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::doing(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                head(&mut stream).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    /// Answers every request with this status and body.
    pub(crate) async fn answering(status: &str, content_type: &str, body: &str) -> Self {
        Self::saying(answer(status, content_type, body)).await
    }

    pub(crate) fn http(&self) -> Target {
        Target::Http { url: format!("http://{}", self.address), ca: None, credential: None, private: false }
    }

    pub(crate) fn http_as(&self, handle: &str) -> Target {
        Target::Http { url: format!("http://{}", self.address), ca: None, credential: Some(id(handle)), private: false }
    }

    /// Waits until so many connections were accepted: who connects may be done with it before the server is.
    pub(crate) async fn accepts(&self, count: usize) {
        let accepted = async {
            while self.connections() < count {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(10), accepted).await;
    }

    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The head of a request.
pub(crate) async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4_096];
    while !read.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => read.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// A port nobody listens on.
pub(crate) async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as text.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Issued {
    /// A certificate nobody stands behind but itself.
    pub(crate) fn by_itself(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues for a name, valid from and until so many days from today.
    pub(crate) fn issue(&self, name: &str, from: i64, until: i64) -> Issued {
        let date = |days: i64| {
            let today: NaiveDate = Utc::now().date_naive();
            let shift = Days::new(days.unsigned_abs());
            let day = if days < 0 { today - shift } else { today + shift };
            rcgen::date_time_ymd(day.year(), u8::try_from(day.month()).unwrap(), u8::try_from(day.day()).unwrap())
        };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date(from);
        params.not_after = date(until);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}
