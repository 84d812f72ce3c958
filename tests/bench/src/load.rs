//! The server that is checked, and the references that check it. Each runs as a process of its own.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    process::Command,
};

use crate::{
    Failure,
    process::{Running, quiet},
};

/// Where the server listens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    /// Answers at once.
    pub(crate) healthy: SocketAddr,
    /// Accept and never answer.
    pub(crate) hung: Vec<SocketAddr>,
}

/// When requests came, in seconds since the server began, by path.
pub(crate) type Arrivals = BTreeMap<String, Vec<f64>>;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"status\":\"ok\"}";

/// Serves until its input ends; each line of input is answered with the arrivals since the one before.
pub(crate) async fn serve(hung: usize) -> Result<(), Failure> {
    let healthy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut addresses = Addresses { healthy: healthy.local_addr()?, hung: Vec::new() };
    for number in 0..hung {
        // Each on an address of its own, so that a cap for one host does not spare the checker anything.
        let host = Ipv4Addr::new(127, 0, 1 + (number / 250) as u8, 1 + (number % 250) as u8);
        let listener = TcpListener::bind((host, 0)).await?;
        addresses.hung.push(listener.local_addr()?);
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
    }
    let (begun, arrivals) = (Instant::now(), Arc::new(Mutex::new(Arrivals::new())));
    let noted = Arc::clone(&arrivals);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = healthy.accept().await {
            let (at, noted) = (begun.elapsed().as_secs_f64(), Arc::clone(&noted));
            tokio::spawn(async move {
                let mut request = Vec::with_capacity(512);
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read_buf(&mut request).await {
                        Ok(read) if read > 0 => {}
                        _ => return,
                    }
                }
                let words = String::from_utf8_lossy(&request);
                let path = words.split(' ').nth(1).unwrap_or("").to_owned();
                noted.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default().push(at);
                drop(stream.write_all(ANSWER).await);
                drop(stream.shutdown().await);
            });
        }
    });
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&addresses)?)?;
    let mut asked = BufReader::new(tokio::io::stdin()).lines();
    while asked.next_line().await?.is_some() {
        let taken = std::mem::take(&mut *arrivals.lock().unwrap_or_else(PoisonError::into_inner));
        writeln!(out, "{}", serde_json::to_string(&taken)?)?;
        out.flush()?;
    }
    Ok(())
}

/// The server, as seen by who measures.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    input: tokio::process::ChildStdin,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    pub(crate) addresses: Addresses,
}

impl Server {
    pub(crate) async fn start(hung: usize) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--hung", &hung.to_string()]);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut running = Running::start(&mut command)?;
        let (input, mut lines) = (running.input()?, running.lines()?);
        let first = lines.next_line().await?.ok_or("the server did not come up")?;
        Ok(Self { running, input, lines, addresses: serde_json::from_str(&first)? })
    }

    /// The arrivals since the last time.
    pub(crate) async fn take(&mut self) -> Result<Arrivals, Failure> {
        self.input.write_all(b"take\n").await?;
        let line = self.lines.next_line().await?.ok_or("the server has ended")?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) async fn end(self) {
        drop(self.input);
        self.running.end().await;
    }
}

/// Checks on a plain socket, one after another at the rate, until it is ended.
pub(crate) fn raw(address: SocketAddr, rate: u32) -> Result<(), Failure> {
    let (begun, every) = (Instant::now(), Duration::from_secs(1) / rate);
    for number in 0_u32.. {
        thread::sleep((every * number).saturating_sub(begun.elapsed()));
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET /raw/{number} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err("the server did not answer 200".into());
        }
    }
    Ok(())
}

/// One process of a plug-in for each check, at the rate, until it is ended.
pub(crate) async fn plugins(address: SocketAddr, rate: u32, program: &Path) -> Result<(), Failure> {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    for number in 0_u64.. {
        ticks.tick().await;
        let path = format!("/plugin/{number}");
        let mut child = quiet(program).args(["-I", &host, "-p", &port, "-u", &path, "-s", "ok"]).spawn()?;
        tokio::spawn(async move { child.wait().await });
    }
    Ok(())
}
