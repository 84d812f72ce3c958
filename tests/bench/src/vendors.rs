//! What it costs to ask providers how we stand with them, and to ask a circuit breaker for leave.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use lifeboat_domain::{
    Id,
    check::{Check, Probe, VendorProbe, Verdict},
    environment::{Site, Target, VendorTarget},
    plan::quantity::Period,
    provider::{Breaker, BreakerRule, Observation, Vendor},
};
use lifeboat_engine::{
    probe::{Prober, Targets},
    secrets::{Fixed, Sensitive},
};
use lifeboat_range::vendor::StandIns;
use rustls::pki_types::{ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::CertificateDer};
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{
    Failure,
    process::{self, Running},
    say,
    table::Row,
};

/// Probes a minute.
const RATE: u32 = 1_000;
const WARMING_UP: Duration = Duration::from_secs(3);
const DECISIONS: u32 = 1_000_000;

/// Where the stand-in is, and what it accepts.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    port: u16,
    authority: PathBuf,
    credential: String,
}

/// Stands in for the vendors until its input ends.
pub(crate) async fn stand_in(folder: &Path) -> Result<(), Failure> {
    let authority = folder.join("authority.pem");
    let stand_ins = StandIns::alone(&authority).await?;
    let port = stand_ins.port(Vendor::Stripe).ok_or("no stand-in of Stripe")?;
    let credential = stand_ins.credentials().remove("range-stripe").ok_or("no credential of Stripe")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&Place { port, authority, credential })?)?;
    out.flush()?;
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    Ok(())
}

/// Asks how we stand, at the rate, until it is ended.
pub(crate) async fn ask(place: &str) -> Result<(), Failure> {
    let place: Place = serde_json::from_str(place)?;
    let id = |text: &str| text.parse::<Id>();
    let secrets = Fixed::new([(id("stripe")?, Sensitive::new(place.credential))]);
    let prober = Prober::new(Arc::new(secrets)).map_err(|problem| problem.message)?;
    let api = Site {
        url: format!("https://127.0.0.1:{}", place.port),
        ca: Some(place.authority.to_string_lossy().into_owned()),
        private: false,
    };
    let target = Target::Vendor(VendorTarget::Stripe { api, credential: id("stripe")? });
    let targets: Targets = BTreeMap::from([(id("stripe")?, Ok(target))]);
    let check = Check {
        name: "Stripe".to_owned(),
        of: id("stripe")?,
        why: None,
        interval: Period::from_secs(60),
        timeout: Period::from_secs(5),
        failures: 1,
        retry: Period::from_secs(1),
        slow: None,
        probe: Probe::Vendor(VendorProbe { endpoint: id("stripe")? }),
    };
    let mut ticks = tokio::time::interval(Duration::from_mins(1) / RATE);
    loop {
        ticks.tick().await;
        let sample = prober.probe(&check, &targets).await;
        if sample.verdict != Verdict::Operational {
            return Err(sample.reason.into());
        }
    }
}

/// The least it can cost: connect, shake hands, ask, read, at the rate, until it is ended.
pub(crate) fn raw(place: &str) -> Result<(), Failure> {
    let place: Place = serde_json::from_str(place)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&place.authority)?)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    let config = Arc::new(config);
    let (begun, every) = (Instant::now(), Duration::from_mins(1) / RATE);
    for number in 0_u32.. {
        thread::sleep((every * number).saturating_sub(begun.elapsed()));
        let connection = ClientConnection::new(Arc::clone(&config), ServerName::try_from("127.0.0.1")?)?;
        let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", place.port))?);
        write!(
            stream,
            "GET /v1/balance HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            place.credential
        )?;
        let mut answer = Vec::new();
        // Whoever closes without saying so has answered all the same.
        drop(stream.read_to_end(&mut answer));
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err("the stand-in did not answer 200".into());
        }
    }
    Ok(())
}

/// Both, beside each other, and the breaker.
pub(crate) async fn measure(seconds: u64) -> Result<Vec<Row>, Failure> {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let mut command = Command::new(&program);
    command.args(["stand-in", "--folder"]).arg(folder.path());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut server = Running::start(&mut command)?;
    let input = server.input()?;
    let place = server.lines()?.next_line().await?.ok_or("the stand-ins did not come up")?;
    let mut cost = BTreeMap::new();
    for part in ["ask-raw", "ask"] {
        say(&format!("vendors: {part}"));
        let mut command = Command::new(&program);
        let running = Running::start(command.args([part, "--place", &place]))?;
        tokio::time::sleep(WARMING_UP).await;
        let (before, since) = (process::cpu(running.pid)?, Instant::now());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let used = process::cpu(running.pid)?.own - before.own;
        cost.insert(part, 100.0 * used / since.elapsed().as_secs_f64());
        running.end().await;
    }
    drop(input);
    server.end().await;
    let (ours, raw) = (cost["ask"], cost["ask-raw"]);
    let probes = Row::new(
        "1,000 provider probes a minute, each over its own TLS connection",
        format!("{ours:.2} % of a core"),
        format!("plain TLS sockets: {raw:.2} %"),
    )
    .promised("less than 1 % of a core", ours < 1.0);
    let nanoseconds = decision();
    let breaker = Row::new("a circuit breaker's decision and its outcome", format!("{nanoseconds:.0} ns"), "")
        .promised("less than 1 µs", nanoseconds < 1_000.0);
    Ok(vec![probes, breaker])
}

/// Nanoseconds for leave and what came of it, on average.
fn decision() -> f64 {
    let mut breaker = Breaker::new(BreakerRule::default());
    let begun = Instant::now();
    for number in 0..DECISIONS {
        let now = Duration::from_micros(u64::from(number));
        // Every tenth fails, so that it counts and begins anew.
        let observation = if number % 10 == 0 { Observation::Failed } else { Observation::Succeeded };
        if let Ok(permit) = std::hint::black_box(&mut breaker).permit(now) {
            std::hint::black_box(breaker.report(permit, observation, Duration::ZERO, now));
        }
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(DECISIONS)
}
