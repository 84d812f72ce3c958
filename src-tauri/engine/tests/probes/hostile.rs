//! Answers meant to hold this program up or to fill its memory. Each ends in time, within bounds, and says why.
//!
//! Memory is measured from outside: this test starts itself again as a child that asks once, and looks at the most
//! that child ever held.

use std::{
    fs,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use lifeboat_domain::{
    check::{
        Check, Expectation, Feed, HttpProbe, Otherwise, Probe, StatusPageProbe,
        Verdict::{self, Degraded, Operational, Outage, Unknown},
    },
    environment::{Target, TlsMode},
    plan::quantity::Period,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    object::newest_check,
    postgres::server_check,
    support::{Server, answer, assert_sample, check, head, http_check, id, probe},
};

const LIMIT: Duration = Duration::from_millis(1_500);
/// What a probe may take longer than its time.
const GRACE: Duration = Duration::from_millis(100);
/// What a probe may add to the memory of this program, in KiB.
const MOST_ADDED: u64 = 16 << 10;
const MIB: usize = 1 << 20;
/// Tells the child what to ask, and where.
const ASKED: &str = "LIFEBOAT_HOSTILE_CASE";

/// What a server says first, what it then says over and over until nobody listens, and how long it waits before each.
struct Said {
    first: Vec<u8>,
    then: Vec<u8>,
    pause: Duration,
}

fn said(first: impl Into<Vec<u8>>, then: impl Into<Vec<u8>>) -> Said {
    Said { first: first.into(), then: then.into(), pause: Duration::ZERO }
}

fn dripping(first: &str) -> Said {
    Said { pause: Duration::from_millis(200), ..said(first, "x") }
}

fn json(body: &str) -> Said {
    said(answer("200 OK", "application/json", body), "")
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// Every case: its name, the kind of check, the verdict, and what the reason says.
const CASES: [(&str, &str, Verdict, &str); 47] = [
    ("calm", "json", Operational, "status 200"),
    ("drip in the status line", "json", Outage, "no answer within"),
    ("drip in the head", "json", Outage, "no answer within"),
    ("drip in the body", "json", Outage, "no answer within"),
    ("silence", "json", Outage, "no answer within"),
    ("endless status line", "json", Outage, "answer is not understood"),
    ("endless headers", "json", Outage, "answer is not understood"),
    ("endless header", "json", Outage, "answer is not understood"),
    ("too many headers", "json", Outage, "answer is not understood"),
    ("endless go-ahead", "json", Outage, "answer is not understood"),
    ("endless early hints", "json", Outage, "answer is not understood"),
    ("compressed", "json", Unknown, "answer is compressed (gzip), which was not asked for"),
    ("compressed and endless", "json", Unknown, "answer is compressed (gzip), which was not asked for"),
    ("10 GB, announced", "json", Unknown, "answer is longer than 1.0 MiB, too long to read as JSON"),
    ("10 GB, until the end", "json", Unknown, "answer is longer than 1.0 MiB"),
    ("10 GB, in chunks", "json", Unknown, "answer is longer than 1.0 MiB"),
    ("10 GB, announced", "text", Unknown, "no \"fine\" in the first 1.0 MiB of the answer"),
    ("10 GB, until the end", "page", Unknown, "status page: too long to read"),
    ("10 GB, in small chunks", "json", Unknown, "too long to read as JSON"),
    ("chunk larger than numbers", "json", Outage, "answer is not understood"),
    ("chunk of all numbers", "json", Unknown, "answer is longer than 1.0 MiB"),
    ("chunk that is no number", "json", Outage, "answer is not understood"),
    ("endless chunk extension", "json", Outage, "answer is not understood"),
    ("endless trailers", "json", Outage, "answer is not understood"),
    ("length too long", "json", Outage, "closed the connection before answering"),
    ("length too short", "json", Outage, "answer is not JSON"),
    ("two lengths", "json", Outage, "answer is not understood"),
    ("negative length", "json", Outage, "answer is not understood"),
    ("no protocol", "json", Outage, "answer is not understood"),
    ("endless nonsense", "json", Outage, "answer is not understood"),
    ("no letters", "json", Outage, "answer is not JSON"),
    ("nul in a header", "json", Outage, "answer is not understood"),
    ("many addresses", "text", Outage, "no \"fine\" in the answer"),
    ("lists in lists", "json", Outage, "answer is not JSON"),
    ("many lists", "json", Unknown, "answer holds too many values to read as JSON"),
    ("many objects", "json", Unknown, "answer holds too many values to read as JSON"),
    ("many objects", "page", Unknown, "status page: too many values to read"),
    ("as many objects as are read", "json", Outage, "$.status is missing"),
    ("redirects for ever", "following", Outage, "not followed: after 5 redirects"),
    ("10 GB, until the end", "bucket", Outage, "answer is not understood"),
    ("many objects on a page", "bucket", Outage, "answer is not understood"),
    ("many objects on a page", "bucket-below-a-path", Outage, "answer is not understood"),
    ("drip in the body", "bucket", Outage, "no answer within"),
    ("endless error", "postgres", Outage, "answer is not understood: longer than anything of use"),
    ("endless notices", "postgres", Outage, "answer is not understood: longer than anything of use"),
    ("no message", "postgres", Outage, "answer is not understood"),
    ("silence", "postgres", Outage, "no answer within"),
];

fn says(case: &str) -> Said {
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let spaces = vec![b' '; 65_536];
    let repeated = |piece: &str, length: usize| piece.repeat(length / piece.len());
    match case {
        "calm" => json(r#"{"status":"ok"}"#),
        "drip in the status line" => dripping("HTTP/1.1 200 "),
        "drip in the head" => dripping("HTTP/1.1 200 OK\r\nx-slow: "),
        "drip in the body" => dripping("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"),
        "silence" => Said { pause: Duration::from_mins(1), ..said("", "x") },
        "endless status line" => said("HTTP/1.1 200 ", "very well ".repeat(1_000)),
        "endless headers" => said(OK, "x-one-more: header\r\n".repeat(500)),
        "endless header" => said("HTTP/1.1 200 OK\r\nx-long: ", "x".repeat(10_000)),
        "too many headers" => said(format!("{OK}{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(200)), ""),
        "endless go-ahead" => said("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
        "endless early hints" => said("", "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n".repeat(100)),
        "compressed" => said(
            [
                format!("{JSON}content-encoding: gzip\r\ncontent-length: 20\r\n\r\n").as_bytes(),
                &[31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 237, 193, 1, 1, 0, 0, 0, 128, 144, 254],
            ]
            .concat(),
            "",
        ),
        "compressed and endless" => said(format!("{JSON}content-encoding: gzip\r\n\r\n"), vec![0xed; 65_536]),
        "10 GB, announced" => said(format!("{JSON}content-length: 10737418240\r\n\r\n"), spaces),
        "10 GB, until the end" => said(format!("{JSON}\r\n"), spaces),
        "10 GB, in chunks" => said(chunked, [b"10000\r\n".as_slice(), &spaces, b"\r\n"].concat()),
        "10 GB, in small chunks" => said(chunked, format!("100\r\n{}\r\n", " ".repeat(256)).repeat(500)),
        "chunk larger than numbers" => said(format!("{chunked}fffffffffffffffff\r\n"), spaces),
        "chunk of all numbers" => said(format!("{chunked}ffffffffffffffff\r\n"), spaces),
        "chunk that is no number" => said(format!("{chunked}all\r\n"), spaces),
        "endless chunk extension" => said(format!("{chunked}5;"), "x=y;".repeat(1_000)),
        "endless trailers" => said(format!("{chunked}0\r\n"), "x: y\r\n".repeat(1_000)),
        "length too long" => said(format!("{JSON}content-length: 99\r\n\r\n{{}}"), ""),
        "length too short" => said(format!("{JSON}content-length: 5\r\n\r\n{{\"status\":\"ok\"}}"), ""),
        "two lengths" => said(format!("{JSON}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"), ""),
        "negative length" => said(format!("{JSON}content-length: -1\r\n\r\n{{}}"), ""),
        "no protocol" => said("<html>welcome</html>\r\n\r\n", ""),
        "endless nonsense" => said("", vec![0xff; 65_536]),
        "no letters" => {
            said([format!("{JSON}content-length: 4\r\n\r\n").as_bytes(), &[0xc3, 0x28, 0xff, 0]].concat(), "")
        }
        "nul in a header" => said("HTTP/1.1 200 OK\r\nx-nul: a\0b\r\ncontent-length: 0\r\n\r\n", ""),
        "many addresses" => json(&repeated("://", MIB - 8)),
        "lists in lists" => json(&"[".repeat(MIB / 10)),
        "many lists" => json(&format!("[{}0]", repeated("[],", MIB - 8))),
        "many objects" => json(&format!("[{}0]", repeated("{\"a\":0},", MIB - 8))),
        "as many objects as are read" => json(&format!("[{}0]", "{\"a\":0},".repeat(10_000))),
        "redirects for ever" => {
            said("HTTP/1.1 302 Found\r\nlocation: /redirects%20for%20ever\r\ncontent-length: 0\r\n\r\n", "")
        }
        "many objects on a page" => {
            let page = format!("<?xml version=\"1.0\"?><ListBucketResult>{}", repeated("<Contents/>", MIB));
            said(answer("200 OK", "application/xml", &page), "")
        }
        "endless error" => said([b'E', 0x7f, 0xff, 0xff, 0xff], spaces),
        "endless notices" => {
            // Let in, ready, and from then on nothing but notices.
            let notice = b"N\0\0\0\x17SNOTICE\0C00000\0Mx\0\0";
            said(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I".to_vec(), notice.repeat(2_000))
        }
        "no message" => said([0, 0, 0, 0, 0, 0, 0, 0], ""),
        other => panic!("no such case: {other}"),
    }
}

fn check_of(kind: &str) -> Check {
    let expect = |json: Option<&str>, text: Option<&str>| Expectation {
        status: Vec::new(),
        json: json.map(str::to_owned),
        text: text.map(str::to_owned),
        is: None,
        is_not: None,
        one_of: json.map(|_| serde_json::json!("ok")).into_iter().collect(),
        at_most: None,
        at_least: None,
        otherwise: Otherwise::Outage,
    };
    let kind = match kind {
        "json" => http_check("/", vec![expect(Some("$.status"), None)]),
        "text" => http_check("/", vec![expect(None, Some("fine"))]),
        "following" => {
            let Probe::Http(probe) = http_check("/", vec![]).probe else { unreachable!() };
            check(Probe::Http(HttpProbe { follow: true, ..probe }))
        }
        "page" => check(Probe::StatusPage(StatusPageProbe {
            endpoint: id("end"),
            feed: Feed::Statuspage,
            components: Vec::new(),
        })),
        "bucket" | "bucket-below-a-path" => newest_check(),
        "postgres" => server_check(false, &[]),
        other => panic!("no such kind: {other}"),
    };
    Check { timeout: Period::from_millis(u64::try_from(LIMIT.as_millis()).unwrap()), ..kind }
}

fn target_of(kind: &str, port: u16) -> Target {
    match kind {
        "bucket" | "bucket-below-a-path" => Target::Bucket {
            url: Some(format!("http://127.0.0.1:{port}{}", if kind == "bucket" { "" } else { "/storage/v1/s3" })),
            bucket: "backups".to_owned(),
            region: "eu-west-1".to_owned(),
            access_key: "lifeboat".to_owned(),
            credential: id("good"),
            private: false,
        },
        "postgres" => Target::Postgres {
            host: "127.0.0.1".to_owned(),
            port,
            database: "postgres".to_owned(),
            user: "lifeboat".to_owned(),
            credential: Some(id("good")),
            tls: TlsMode::Off,
            ca: None,
            private: false,
        },
        _ => Target::Http { url: format!("http://127.0.0.1:{port}"), ca: None, credential: None, private: false },
    }
}

async fn serve(case: &'static str, kind: &'static str) -> Server {
    let said = Arc::new(says(case));
    Server::doing(move |mut stream| {
        let said = Arc::clone(&said);
        async move {
            if kind == "postgres" {
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1_024]).await;
            } else {
                head(&mut stream).await;
            }
            let _ = speak(&mut stream, &said).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

async fn speak(stream: &mut TcpStream, said: &Said) -> std::io::Result<()> {
    stream.write_all(&said.first).await?;
    while !said.then.is_empty() {
        if !said.pause.is_zero() {
            tokio::time::sleep(said.pause).await;
        }
        stream.write_all(&said.then).await?;
    }
    Ok(())
}

/// The most memory this process ever held, in KiB.
fn most_held() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// In the child: asks a calm server, so that what is needed once is there, then the hostile one.
#[expect(clippy::print_stdout, reason = "it is how the child tells its parent")]
fn ask(asked: &str) {
    let mut words = asked.split(' ');
    let mut word = || words.next().unwrap().to_owned();
    let (kind, calm, hostile) = (word(), word().parse().unwrap(), word().parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |port| runtime.block_on(probe(&check_of(&kind), target_of(&kind, port)));
    ask(calm);
    let before = most_held();
    let started = Instant::now();
    let sample = ask(hostile);
    let took = started.elapsed().as_millis();
    println!("\nASKED {} {took} {} {}", most_held() - before, sample.verdict, sample.reason);
}

/// What came of one case: KiB added, time taken, and verdict with reason.
fn in_a_child(kind: &str, calm: &Server, hostile: &Server) -> (u64, Duration, String) {
    let asked = format!("{kind} {} {}", calm.address.port(), hostile.address.port());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::no_answer_holds_up_or_fills_this_program", "--nocapture"])
        .env(ASKED, asked)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("ASKED ")).unwrap_or_else(|| {
        panic!("{kind}: {text}{}", String::from_utf8_lossy(&output.stderr));
    });
    let mut words = line.splitn(3, ' ');
    let mut number = || words.next().unwrap().parse().unwrap();
    let (added, took) = (number(), number());
    (added, Duration::from_millis(took), words.next().unwrap().to_owned())
}

#[test]
fn no_answer_holds_up_or_fills_this_program() {
    if let Ok(asked) = std::env::var(ASKED) {
        ask(&asked);
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut wrong = Vec::new();
    for (case, kind, verdict, reason) in CASES {
        let calm = runtime.block_on(serve("calm", kind));
        let hostile = runtime.block_on(serve(case, kind));
        // The time is that of the best of three, because other tests want this computer as well.
        let mut tried: Vec<_> = Vec::new();
        while tried.len() < 3 && tried.iter().all(|(_, took, _)| *took > LIMIT + GRACE) {
            tried.push(in_a_child(kind, &calm, &hostile));
        }
        let (added, took, told) = tried.pop().unwrap();
        let fine = added <= MOST_ADDED && took <= LIMIT + GRACE;
        if !fine || !told.starts_with(verdict.word()) || !told.contains(reason) {
            wrong.push(format!("{case} ({kind}): {added} KiB, {took:?}, {told}; expected {verdict} {reason}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_connection_cut_anywhere_is_an_outage_and_never_half_an_answer() {
    let whole = answer("200 OK", "application/json", r#"{"status":"ok"}"#);
    for rudely in [false, true] {
        for length in 0..=whole.len() {
            let said = whole.as_bytes()[..length].to_vec();
            let server = Server::doing(move |mut stream| {
                let said = said.clone();
                async move {
                    head(&mut stream).await;
                    let _ = stream.write_all(&said).await;
                    if rudely {
                        let _ = stream.set_zero_linger();
                    }
                }
            })
            .await;
            let sample = probe(&check_of("json"), server.http()).await;
            if length < whole.len() {
                assert_eq!(sample.verdict, Outage, "{length} {sample:?}");
                assert!(sample.reason.contains("the connection"), "{length} {sample:?}");
            } else if !rudely {
                // A reset may overtake the answer.
                assert_sample(&sample, Operational, "status 200");
            }
            assert_ne!(sample.verdict, Degraded);
        }
    }
}
