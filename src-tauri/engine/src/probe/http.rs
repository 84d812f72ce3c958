//! HTTP requests: one connection, one request, no redirects followed, no proxy, and never more than 1 MiB read.
//!
//! Status pages are asked here too; they are requests whose answers are judged in another way.

use std::{net::IpAddr, sync::Arc};

use lifeboat_domain::{
    Id,
    check::{
        Feed, HttpProbe, Method, Outcome, StatusPageProbe,
        judge::{self, CouldNot, HttpAnswer},
    },
    environment::Target,
};
use reqwest::{
    RequestBuilder, Response, Url,
    header::{CONTENT_TYPE, HeaderName, LOCATION},
};

use super::{Attempt, network::innermost, wrong_kind};
use crate::secrets::Sensitive;

/// A longer answer is not read to its end. Health endpoints and feeds are far shorter.
const LONGEST_BODY: usize = 1 << 20;
const USER_AGENT: &str = concat!("lifeboat/", env!("CARGO_PKG_VERSION"));

pub(super) async fn http(attempt: &Attempt<'_>, probe: &HttpProbe) -> Result<Outcome, CouldNot> {
    let answer = ask(attempt, &probe.endpoint, &probe.path, |client, url| {
        let method = match probe.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
        };
        probe.headers.iter().fold(client.request(method, url), |request, (name, value)| request.header(name, value))
    })
    .await?;
    Ok(judge::http(probe, &answer))
}

pub(super) async fn status_page(attempt: &Attempt<'_>, probe: &StatusPageProbe) -> Result<Outcome, CouldNot> {
    let path = match probe.feed {
        Feed::Statuspage => "/api/v2/summary.json",
        Feed::Stripe => "/current/full",
        Feed::Google => "/incidents.json",
        Feed::Slack => "/api/v2.0.0/current",
    };
    let json = "application/json";
    let answer = ask(attempt, &probe.endpoint, path, |client, url| client.get(url).header("accept", json)).await?;
    Ok(judge::status_page(probe, &answer))
}

async fn ask(
    attempt: &Attempt<'_>,
    endpoint: &Id,
    path: &str,
    request: impl FnOnce(&reqwest::Client, Url) -> RequestBuilder,
) -> Result<HttpAnswer, CouldNot> {
    let Target::Http { url, ca, credential } = attempt.target(endpoint)? else { return Err(wrong_kind()) };
    let credential = match credential {
        Some(handle) => Some(credential_for(attempt, url, handle).await?),
        None => None,
    };
    send(attempt, (url, ca.as_deref(), path), credential.is_some(), |client, url| {
        let request = request(client, url);
        match &credential {
            Some(credential) => request.bearer_auth(credential.reveal()),
            None => request,
        }
    })
    .await
}

/// A credential for a server, unless it would be shown to everybody on the way.
pub(super) async fn credential_for(attempt: &Attempt<'_>, url: &str, handle: &Id) -> Result<Arc<Sensitive>, CouldNot> {
    let url: Url = url.parse().map_err(|_| not_an_address(url))?;
    if url.scheme() != "https" && !url.host_str().is_some_and(is_loopback) {
        return Err(CouldNot::Unprotected);
    }
    attempt.credential(handle).await
}

fn not_an_address(url: &str) -> CouldNot {
    CouldNot::NotBound(format!("not bound: \"{url}\" is not an address"))
}

/// Sends one request to a server's address, with the authorities of a file or the system's, and reads the answer.
pub(super) async fn send(
    attempt: &Attempt<'_>,
    (url, ca, path): (&str, Option<&str>, &str),
    with_credential: bool,
    request: impl FnOnce(&reqwest::Client, Url) -> RequestBuilder,
) -> Result<HttpAnswer, CouldNot> {
    let not_an_address = || not_an_address(url);
    let url: Url = format!("{url}{path}").parse().map_err(|_| not_an_address())?;
    let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or_else(not_an_address)?;
    let host = host.to_owned();
    let encrypted = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(not_an_address()),
    };
    let trust = if encrypted { attempt.trust(ca).await? } else { attempt.prober.shared.trust.nobody() };
    let mut trust = (*trust).clone();
    trust.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let addresses = attempt.resolve(&host, port).await?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(trust)
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .resolve_to_addrs(&host, &addresses)
        .build()
        .map_err(|error| CouldNot::Local(innermost(&error)))?;
    let response = request(&client, url).send().await.map_err(|error| fault(attempt, &error))?;
    read(attempt, response, with_credential).await
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn read(attempt: &Attempt<'_>, mut response: Response, with_credential: bool) -> Result<HttpAnswer, CouldNot> {
    let header = |name: HeaderName| {
        response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let (status, content_type, location) = (response.status().as_u16(), header(CONTENT_TYPE), header(LOCATION));
    let mut body = Vec::new();
    let mut whole = true;
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(attempt, &error))? {
        let room = LONGEST_BODY - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            whole = false;
            break;
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(HttpAnswer { status, content_type, location, headers, body, whole, with_credential })
}

fn fault(attempt: &Attempt<'_>, error: &reqwest::Error) -> CouldNot {
    if error.is_builder() {
        return CouldNot::Local(innermost(error));
    }
    attempt.fault_in(error).unwrap_or_else(|| CouldNot::Garbled(innermost(error)))
}
