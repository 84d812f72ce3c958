//! Credentials: servers that send back whatever they were given, in every place and spelling, get nothing of it kept.

use std::fmt::Write;

use lifeboat_domain::{
    check::{
        Feed, Probe, Sample, StatusPageProbe,
        Verdict::{Outage, Unknown},
    },
    environment::{Target, TlsMode},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    object::newest_check,
    postgres::server_check,
    support::{SECRET, Server, check, head, http_check, id, probe},
};

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let value = three.iter().fold(0_u32, |value, byte| (value << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            encoded.push(char::from(LETTERS[(value >> (18 - 6 * at)) as usize & 63]));
        }
    }
    encoded
}

/// The header's value, plain and in the spellings it may come back in.
fn spellings(value: &str) -> Vec<String> {
    let hex = value.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let url = value.bytes().fold(String::new(), |mut url, byte| {
        let _ = write!(url, "%{byte:02X}");
        url
    });
    let split: String = value.chars().flat_map(|letter| [letter, '\u{200b}']).collect();
    vec![
        value.to_owned(),
        base64(value),
        base64(&format!("x{value}")),
        base64(&format!("xy{value}")),
        value.replace('-', "%2d").replace(' ', "%20"),
        url,
        hex,
        split,
        value.split(' ').next_back().unwrap_or_default().to_owned(),
    ]
}

/// Nothing of the secret that could be told is in what is kept: no eight letters of any spelling of it.
#[track_caller]
fn assert_clean(sample: &Sample) {
    let kept = format!("{}\n{}", sample.reason, sample.answer.as_deref().unwrap_or_default());
    for spelling in spellings(SECRET) {
        let letters: Vec<char> = spelling.chars().filter(|letter| *letter != '\u{200b}').collect();
        for window in letters.windows(12) {
            let piece: String = window.iter().collect();
            assert!(!kept.contains(&piece), "{piece} of {spelling} in {kept}");
        }
    }
}

/// Sends the authorization back: whole answers, made of the header's value.
async fn echo(say: impl Fn(&str) -> String + Send + Sync + Clone + 'static) -> Server {
    Server::doing(move |mut stream| {
        let say = say.clone();
        async move {
            let request = head(&mut stream).await;
            let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization: "));
            let value = line.map(|line| line["authorization: ".len()..].to_owned()).unwrap_or_default();
            let _ = stream.write_all(say(&value).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

const ENDS: &str = "content-type: application/json\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn what_a_web_server_sends_back_is_not_kept() {
    let page = StatusPageProbe { endpoint: id("end"), feed: Feed::Statuspage, components: Vec::new() };
    let page = check(Probe::StatusPage(page));
    for spelling in 0..spellings("").len() {
        let of = move |value: &str| spellings(value)[spelling].clone();
        let servers = [
            echo(move |value| format!("HTTP/1.1 500 {}\r\n{ENDS}", of(value))).await,
            echo(move |value| format!("HTTP/1.1 302 Found\r\nlocation: /{}\r\n{ENDS}", of(value))).await,
            echo(move |value| format!("HTTP/1.1 500 Oh\r\nx-debug: {}\r\n{ENDS}", of(value))).await,
            echo(move |value| format!("HTTP/1.1 500 Oh\r\n{ENDS}you sent {}, why?", of(value))).await,
            echo(move |value| {
                let description = format!("{}{}", "x".repeat(60), of(value));
                let page = serde_json::json!({
                    "status": { "indicator": "major", "description": description }, "components": [],
                });
                format!("HTTP/1.1 200 OK\r\n{ENDS}{page}")
            })
            .await,
            echo(move |value| {
                let chunks = of(value).chars().fold(String::new(), |mut chunks, letter| {
                    let _ = write!(chunks, "{:x}\r\n{letter}\r\n", letter.len_utf8());
                    chunks
                });
                format!("HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
            })
            .await,
        ];
        for server in servers {
            for check in [&http_check("/", vec![]), &page] {
                assert_clean(&probe(check, server.http_as("good")).await);
            }
        }
    }
}

/// A message of PostgreSQL's protocol.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat()
}

#[tokio::test]
async fn what_a_database_sends_back_is_not_kept() {
    for spelling in 0..spellings("").len() {
        let server = Server::doing(move |mut stream| async move {
            let mut read = vec![0; 4_096];
            let _ = stream.read(&mut read).await;
            // Asks for the password as it is.
            let _ = stream.write_all(&message(b'R', &3_u32.to_be_bytes())).await;
            let Ok(length) = stream.read(&mut read).await else { return };
            let password = String::from_utf8_lossy(&read[5..length]).trim_end_matches('\0').to_owned();
            assert_eq!(password, SECRET);
            let text = format!("{} {}", "x".repeat(148), spellings(&password)[spelling]);
            let fields = format!("SFATAL\0C57P03\0M{text}\0D{text}\0\0");
            let _ = stream.write_all(&message(b'E', fields.as_bytes())).await;
            let _ = stream.shutdown().await;
        })
        .await;
        let target = Target::Postgres {
            host: "127.0.0.1".to_owned(),
            port: server.address.port(),
            database: "postgres".to_owned(),
            user: "lifeboat".to_owned(),
            credential: Some(id("good")),
            tls: TlsMode::Off,
            ca: None,
            private: false,
        };
        let sample = probe(&server_check(false, &[]), target).await;
        assert_eq!(sample.verdict, Outage, "{sample:?}");
        assert_clean(&sample);
    }
}

#[tokio::test]
async fn a_store_is_never_told_the_secret_and_its_words_are_redacted() {
    for spelling in 0..spellings("").len() {
        let server = echo(move |signed| {
            assert!(signed.starts_with("AWS4-HMAC-SHA256") && !signed.contains(SECRET), "{signed}");
            let text = format!("{} {signed}", spellings(SECRET)[spelling]);
            let body =
                format!("<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>{text}</Message></Error>");
            format!("HTTP/1.1 500 Oh\r\ncontent-type: application/xml\r\nconnection: close\r\n\r\n{body}")
        })
        .await;
        let target = Target::Bucket {
            url: Some(format!("http://{}", server.address)),
            bucket: "backups".to_owned(),
            region: "eu-west-1".to_owned(),
            access_key: "lifeboat".to_owned(),
            credential: id("good"),
            private: false,
        };
        let sample = probe(&newest_check(), target).await;
        assert_eq!(sample.verdict, Outage, "{sample:?}");
        assert_clean(&sample);
    }
}

#[tokio::test]
async fn a_credential_does_not_travel_unencrypted_to_where_others_listen() {
    let database = Target::Postgres {
        host: "db.example.org".to_owned(),
        port: 5432,
        database: "postgres".to_owned(),
        user: "lifeboat".to_owned(),
        credential: Some(id("good")),
        tls: TlsMode::Off,
        ca: None,
        private: true,
    };
    let web = Target::Http {
        url: "http://api.example.org".to_owned(),
        ca: None,
        credential: Some(id("good")),
        private: true,
    };
    for (check, target) in [(server_check(false, &[]), database), (http_check("/", vec![]), web)] {
        let sample = probe(&check, target).await;
        assert_eq!(
            (sample.verdict, sample.reason.as_str()),
            (Unknown, "not asked: the credential would travel unencrypted")
        );
    }
}
