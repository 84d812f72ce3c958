//! HTTP: one request on a connection of its own, no proxy, no compression, a bounded answer.
//!
//! [`exchange`] asks once and gives back what came, whatever it is; what it means is judged in the domain. Status
//! pages are asked here too; they are requests whose answers are judged in another way.

use std::{
    convert::Infallible,
    error::Error,
    str::FromStr,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method,
    body::{Body, Incoming},
    client::conn::http1,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap,
        HeaderName, HeaderValue, LOCATION, USER_AGENT,
    },
};
use hyper_util::rt::TokioIo;
use lifeboat_domain::{
    Id,
    check::{
        Feed, HttpProbe, Method as Asked, Outcome, StatusPageProbe,
        judge::{self, CouldNot, HttpAnswer},
    },
    environment::{Target, address},
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::{
    Attempt, MOST_READ,
    bounded::{Allowance, Bounded},
    network::{encrypt, innermost},
    wrong_kind,
};
use crate::secrets::Sensitive;

/// A longer head is not understood.
const LONGEST_HEAD: usize = 64 << 10;
const MOST_HEADERS: usize = 100;
const MOST_REDIRECTS: usize = 5;
const AGENT: &str = concat!("lifeboat/", env!("CARGO_PKG_VERSION"));

/// One request to a place on the web.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Below the place's address, beginning with a slash; may have a query.
    pub(crate) path: &'a str,
    /// Sent to the place's own origin only. See [`headers`].
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What stands in the header `Authorization`, for the place's own origin only.
    pub(crate) authorization: Option<HeaderValue>,
    /// Whether redirects are followed; only for methods that change nothing.
    pub(crate) follow: bool,
}

/// A place on the web, as the plan says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Scheme, host and port.
    pub(crate) url: &'a str,
    /// Certificate authority file.
    pub(crate) ca: Option<&'a str>,
    /// Whether its name may lead to private addresses.
    pub(crate) private: bool,
}

/// What came back: at most 64 KiB of head and 1 MiB of body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether that is all of the body.
    pub(crate) whole: bool,
    /// Whether the credential was sent with the request that was answered so.
    pub(super) with_credential: bool,
    /// Why a redirect was not followed although it was asked for.
    pub(super) not_followed: Option<&'static str>,
}

impl Answer {
    /// As the domain judges it.
    pub(super) fn told(self) -> HttpAnswer {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let header = |name: HeaderName| self.headers.get(name).map(text);
        HttpAnswer {
            status: self.status,
            content_type: header(CONTENT_TYPE),
            encoding: header(CONTENT_ENCODING),
            location: header(LOCATION),
            not_followed: self.not_followed,
            headers: self.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
            whole: self.whole,
            with_credential: self.with_credential,
        }
    }
}

pub(super) async fn http(attempt: &Attempt<'_>, probe: &HttpProbe) -> Result<Outcome, CouldNot> {
    let request = Request {
        method: match probe.method {
            Asked::Get => Method::GET,
            Asked::Head => Method::HEAD,
        },
        path: &probe.path,
        headers: headers(&probe.headers)?,
        body: Bytes::new(),
        authorization: None,
        follow: probe.follow,
    };
    Ok(judge::http(probe, &exchange(attempt, &probe.endpoint, Some(bearer), request).await?.told()))
}

pub(super) async fn status_page(attempt: &Attempt<'_>, probe: &StatusPageProbe) -> Result<Outcome, CouldNot> {
    let request = Request {
        method: Method::GET,
        path: match probe.feed {
            Feed::Statuspage => "/api/v2/summary.json",
            Feed::Stripe => "/current/full",
            Feed::Google => "/incidents.json",
            Feed::Slack => "/api/v2.0.0/current",
        },
        headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
        body: Bytes::new(),
        authorization: None,
        follow: false,
    };
    Ok(judge::status_page(probe, &exchange(attempt, &probe.endpoint, Some(bearer), request).await?.told()))
}

/// The headers a plan states, in a form that can be sent.
pub(super) fn headers<'a>(stated: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<HeaderMap, CouldNot> {
    let header = |(name, value): (&String, &String)| {
        let unsendable = || CouldNot::Local(format!("header \"{name}\" cannot be sent"));
        let named = HeaderName::from_str(name).map_err(|_| unsendable())?;
        Ok((named, HeaderValue::from_str(value).map_err(|_| unsendable())?))
    };
    stated.into_iter().map(header).collect()
}

/// How a credential is written into the header `Authorization`.
type Scheme = fn(&Sensitive) -> Result<HeaderValue, CouldNot>;

/// A credential as a bearer token (RFC 6750).
pub(crate) fn bearer(credential: &Sensitive) -> Result<HeaderValue, CouldNot> {
    secret_header(&format!("Bearer {}", credential.reveal()))
}

/// A header whose value is not shown.
pub(crate) fn secret_header(value: &str) -> Result<HeaderValue, CouldNot> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| CouldNot::NoCredential("the credential cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Asks an endpoint once, with its credential where a scheme for it is given.
pub(super) async fn exchange(
    attempt: &Attempt<'_>,
    endpoint: &Id,
    scheme: Option<Scheme>,
    request: Request<'_>,
) -> Result<Answer, CouldNot> {
    let Target::Http { url, ca, credential, private } = attempt.target(endpoint)? else {
        return Err(wrong_kind());
    };
    let place = Place { url, ca: ca.as_deref(), private: *private };
    let authorization = match (credential, scheme) {
        (Some(handle), Some(scheme)) => Some(scheme(&*credential_for(attempt, &web_address(url)?, handle).await?)?),
        (Some(_) | None, _) => None,
    };
    talk(attempt, place, &Request { authorization, ..request }).await
}

/// Asks once, following redirects where the request says so. Ends with the attempt's time at the latest, because the
/// attempt does; holds nothing open afterwards.
pub(crate) async fn talk(
    attempt: &Attempt<'_>,
    Place { url, ca, private }: Place<'_>,
    request: &Request<'_>,
) -> Result<Answer, CouldNot> {
    let own = web_address(url)?;
    if own.query().is_some() || own.fragment().is_some() {
        return Err(CouldNot::NotBound(format!("not bound: \"{url}\" has a query or a fragment")));
    }
    let mut url = web_address(&format!("{url}{}", request.path))?;
    if url.origin() != own.origin() {
        // A path such as "@elsewhere" would lead elsewhere.
        return Err(CouldNot::NotBound(format!("not bound: \"{}\" leaves the endpoint", request.path)));
    }
    let mut redirects = 0;
    loop {
        // What the plan says of its endpoint holds for that alone: no other origin gets the credential or the
        // headers, and no other host may lead to a private address or vouch for itself.
        let home = url.origin() == own.origin();
        let host = url.host_str().unwrap_or_default();
        let named = url.host() == own.host() && (private || address::names_itself(host));
        let ours = request.authorization.as_ref().filter(|_| home);
        let trust = match url.scheme() {
            "https" => Some(attempt.trust(ca.filter(|_| home)).await?),
            _ => None,
        };
        let addresses = attempt.addresses(host, url.port_or_known_default().unwrap_or_default(), named).await?;
        let stream = attempt.connect(&addresses).await?;
        let stated = if home { request.headers.clone() } else { HeaderMap::new() };
        let sent = head(request, &url, stated, ours)?;
        let mut answer = match trust {
            None => once(attempt, stream, sent).await?,
            Some(trust) => {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                    .map_err(|_| CouldNot::NotBound(format!("not bound: \"{host}\" is not a server's name")))?;
                let encrypted = encrypt(stream, name, trust, &[b"http/1.1"]).await;
                once(attempt, encrypted.map_err(|error| attempt.io_fault(&error))?, sent).await?
            }
        };
        answer.with_credential = ours.is_some();
        match next(request, &url, &answer, redirects) {
            Ok(Some(further)) => url = further,
            Ok(None) => return Ok(answer),
            Err(why) => return Ok(Answer { not_followed: Some(why), ..answer }),
        }
        redirects += 1;
    }
}

/// A credential for a server, unless it would be shown to everybody on the way.
pub(crate) async fn credential_for(attempt: &Attempt<'_>, url: &Url, handle: &Id) -> Result<Arc<Sensitive>, CouldNot> {
    protected(url)?;
    attempt.credential(handle).await
}

/// Whether what is sent there is seen by nobody on the way.
pub(crate) fn protected(url: &Url) -> Result<(), CouldNot> {
    if url.scheme() != "https" && !address::is_near(url.host_str().unwrap_or_default()) {
        return Err(CouldNot::Unprotected);
    }
    Ok(())
}

/// An address with a host, as `http` or `https`, without a name and password in it.
pub(crate) fn web_address(text: &str) -> Result<Url, CouldNot> {
    let url: Option<Url> = text.parse().ok();
    url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| CouldNot::NotBound(format!("not bound: \"{text}\" is not an address")))
}

/// Where the answer sends us, when it does and the request wants that; or why not.
fn next(request: &Request<'_>, from: &Url, answer: &Answer, redirects: usize) -> Result<Option<Url>, &'static str> {
    let moved = [301, 302, 303, 307, 308].contains(&answer.status);
    let Some(place) = answer.headers.get(LOCATION).filter(|_| moved && request.follow) else { return Ok(None) };
    let to = place.to_str().ok().and_then(|place| from.join(place).ok()).ok_or("that is no address")?;
    let to = web_address(to.as_str()).map_err(|_| "that is no address")?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err("that is not encrypted");
    }
    if redirects == MOST_REDIRECTS {
        return Err("after 5 redirects");
    }
    Ok(Some(to))
}

fn head(
    request: &Request<'_>,
    url: &Url,
    stated: HeaderMap,
    authorization: Option<&HeaderValue>,
) -> Result<hyper::Request<Full<Bytes>>, CouldNot> {
    let unsendable = |what: &str| CouldNot::Local(format!("{what} cannot be sent"));
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut headers = HeaderMap::from_iter([
        (HOST, HeaderValue::from_str(&host).map_err(|_| unsendable("the host"))?),
        (USER_AGENT, HeaderValue::from_static(AGENT)),
        (ACCEPT, HeaderValue::from_static("*/*")),
        // Without it any compression would be right, and unpacking is how a small answer becomes a large one.
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        (CONNECTION, HeaderValue::from_static("close")),
    ]);
    headers.extend(stated);
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    let mut made = hyper::Request::builder()
        .method(request.method.clone())
        .uri(target)
        .body(Full::new(request.body.clone()))
        .map_err(|_| unsendable("the path"))?;
    *made.headers_mut() = headers;
    Ok(made)
}

/// Sends one request over a connection and reads its answer to the bound.
async fn once<S>(attempt: &Attempt<'_>, stream: S, request: hyper::Request<Full<Bytes>>) -> Result<Answer, CouldNot>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let fault = |error: hyper::Error| fault(attempt, &error);
    let (mut sender, connection, allowance) = handshake(stream).await.map_err(fault)?;
    // From here on nobody knows whether it has arrived.
    attempt.sent.store(true, Ordering::Relaxed);
    let asking = async {
        let mut response = sender.send_request(request).await.map_err(fault)?;
        let (body, whole) = bounded(response.body_mut(), MOST_READ, &allowance).await.map_err(fault)?;
        let headers = std::mem::take(response.headers_mut());
        let status = response.status().as_u16();
        Ok(Answer { status, headers, body, whole, with_credential: false, not_followed: None })
    };
    // The connection moves only while it is asked on; what goes wrong on it is told to who asks.
    let moving = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answer = asking => answer,
        never = moving => match never {},
    }
}

type Handshake<S, B> = (http1::SendRequest<B>, http1::Connection<TokioIo<Bounded<S>>, B>, Allowance);

/// Readies a connection for one request. What comes back has a head of bounded length, and so has everything that may
/// come before it.
pub(super) async fn handshake<S, B>(stream: S) -> Result<Handshake<S, B>, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // What is read last with a head may be of the body already.
    let stream = Bounded::to(2 * LONGEST_HEAD, stream);
    let allowance = stream.allowance();
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LONGEST_HEAD).max_headers(MOST_HEADERS);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    Ok((sender, connection, allowance))
}

/// A body read to so many bytes, and whether that is all of it.
pub(super) async fn bounded(
    body: &mut Incoming,
    most: usize,
    allowance: &Allowance,
) -> Result<(Vec<u8>, bool), hyper::Error> {
    // Chunks have a length and two line ends each; whoever sends more of these than of anything else is not heard out.
    allowance.set(most + 2 * LONGEST_HEAD);
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(_) if allowance.is_used_up() => return Ok((read, false)),
            Err(error) => return Err(error),
        };
        let room = most - read.len();
        read.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            return Ok((read, false));
        }
    }
    Ok((read, true))
}

fn fault(attempt: &Attempt<'_>, error: &hyper::Error) -> CouldNot {
    if error.is_user() {
        return CouldNot::Local(innermost(error));
    }
    attempt.fault_in(error).unwrap_or_else(|| CouldNot::Garbled(innermost(error)))
}
