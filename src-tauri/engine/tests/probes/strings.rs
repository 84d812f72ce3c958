//! Hostile texts in every place of an answer from which something is kept: they stay texts, on one line, of a bound.

use lifeboat_domain::{
    check::{Check, Expectation, Feed, Otherwise, Probe, StatusPageProbe, Verdict},
    environment::{Target, TlsMode},
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    hostile_strings::{assert_inert, hostile_strings},
    object::newest_check,
    postgres::server_check,
    support::{Server, answer, bound, check, head, http_check, id, prober},
};

/// The number a request asks for: that of the text it wants.
fn number(request: &str) -> usize {
    let digits = request.split('/').nth(1).unwrap_or_default();
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

async fn web(say: impl Fn(&str) -> Vec<u8> + Send + Sync + Clone + 'static) -> Server {
    Server::doing(move |mut stream| {
        let say = say.clone();
        async move {
            let request = head(&mut stream).await;
            let text = &hostile_strings()[number(&request)];
            let _ = stream.write_all(&say(text)).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

fn json_is(path: &str, value: &str) -> Expectation {
    Expectation {
        status: Vec::new(),
        json: Some(path.to_owned()),
        text: None,
        is: Some(json!(value)),
        is_not: None,
        one_of: Vec::new(),
        at_most: None,
        at_least: None,
        otherwise: Otherwise::Outage,
    }
}

/// Asks for each of the texts.
async fn all_inert(check_of: impl Fn(usize) -> Check, target: impl Fn(usize) -> Target) {
    let prober = prober();
    for number in 0..hostile_strings().len() {
        let sample = prober.probe(&check_of(number), &bound(target(number))).await;
        assert_ne!(sample.verdict, Verdict::Operational, "{sample:?}");
        assert!(!sample.reason.is_empty() && sample.reason.len() <= 300, "{sample:?}");
        assert_inert(&sample.reason, false);
        if let Some(answer) = &sample.answer {
            assert!(answer.len() <= 4_096);
            assert_inert(answer, true);
        }
    }
}

#[tokio::test]
async fn in_a_body_and_in_a_value() {
    let plain = web(|text| answer("500 Oh", "text/plain", text).into_bytes()).await;
    all_inert(|number| http_check(&format!("/{number}/"), vec![]), |_| plain.http()).await;
    let json =
        web(|text| answer("200 OK", "application/json", &json!({ "status": text }).to_string()).into_bytes()).await;
    let expect = || vec![json_is("$.status", "ok")];
    all_inert(|number| http_check(&format!("/{number}/"), expect()), |_| json.http()).await;
}

#[tokio::test]
async fn in_a_status_line_and_in_headers() {
    let server = web(|text| {
        format!("HTTP/1.1 302 {text}\r\nlocation: {text}\r\ncontent-type: {text}\r\ncontent-length: 0\r\n\r\n")
            .into_bytes()
    })
    .await;
    all_inert(|number| http_check(&format!("/{number}/"), vec![json_is("$", "ok")]), |_| server.http()).await;
    let location =
        web(|text| format!("HTTP/1.1 302 Found\r\nlocation: {text}\r\ncontent-length: 0\r\n\r\n").into_bytes()).await;
    all_inert(|number| http_check(&format!("/{number}/"), vec![]), |_| location.http()).await;
}

#[tokio::test]
async fn in_a_providers_words() {
    let server = web(|text| {
        let page = json!({ "status": { "indicator": "major", "description": text }, "components": [] });
        answer("200 OK", "application/json", &page.to_string()).into_bytes()
    })
    .await;
    let page = || {
        check(Probe::StatusPage(StatusPageProbe {
            endpoint: id("end"),
            feed: Feed::Statuspage,
            components: Vec::new(),
        }))
    };
    let at = |number: usize| Target::Http {
        url: format!("http://{}/{number}", server.address),
        ca: None,
        credential: None,
        private: false,
    };
    all_inert(|_| page(), at).await;
}

#[tokio::test]
async fn in_a_databases_error() {
    let server = Server::doing(|mut stream| async move {
        let mut start = vec![0; 4_096];
        let Ok(length) = stream.read(&mut start).await else { return };
        // The role's name is the number: `user`, NUL, name, NUL.
        let start = String::from_utf8_lossy(&start[..length]).into_owned();
        let mut words = start.split('\0').skip_while(|word| *word != "user");
        let number: usize = words.nth(1).unwrap().parse().unwrap();
        let text = hostile_strings()[number].replace('\0', " ");
        let mut fields = Vec::new();
        for (kind, value) in [("S", "FATAL"), ("C", "57P03"), ("M", text.as_str())] {
            fields.extend([kind.as_bytes(), value.as_bytes(), b"\0"].concat());
        }
        fields.push(0);
        let mut message = vec![b'E'];
        message.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
        message.extend(fields);
        let _ = stream.write_all(&message).await;
        let _ = stream.shutdown().await;
    })
    .await;
    let at = |number: usize| Target::Postgres {
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
        database: "postgres".to_owned(),
        user: number.to_string(),
        credential: None,
        tls: TlsMode::Off,
        ca: None,
        private: false,
    };
    all_inert(|_| server_check(false, &[]), at).await;
}

#[tokio::test]
async fn in_a_stores_error() {
    let server = web(|text| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let body = format!("<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>{text}</Message></Error>");
        answer("500 Oh", "application/xml", &body).into_bytes()
    })
    .await;
    let at = |number: usize| Target::Bucket {
        url: Some(format!("http://{}", server.address)),
        bucket: format!("{number:03}"),
        region: "eu-west-1".to_owned(),
        access_key: "lifeboat".to_owned(),
        credential: id("good"),
        private: false,
    };
    all_inert(|_| newest_check(), at).await;
}
