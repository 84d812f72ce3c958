//! How a stand-in's answers travel, and what goes wrong on the way when a fault is on.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Frame, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::Sleep};
use tokio_rustls::TlsAcceptor;

use super::{Asked, Life, Told, VendorFault, locked};
use crate::{error::RangeError, listener::Listening};

/// What `slow` adds.
const SLOWNESS: Duration = Duration::from_secs(3);
/// A body that is longer is not read to its end.
const LONGEST_BODY: usize = 1 << 20;
/// The requests that are remembered, the newest.
const REMEMBERED: usize = 4_096;

/// The connection is cut instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

/// Serves one stand-in over TLS.
pub(super) fn listen(
    listener: TcpListener,
    server: Arc<rustls::ServerConfig>,
    life: Arc<Mutex<Life>>,
) -> Result<Listening, RangeError> {
    let acceptor = TlsAcceptor::from(server);
    let listening = Listening::start(listener, move |stream| {
        let (acceptor, life) = (acceptor.clone(), Arc::clone(&life));
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let answering = service_fn(move |request| answer(Arc::clone(&life), request));
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), answering).await {
                tracing::debug!(%error, "a connection to a stand-in broke");
            }
        }
    });
    listening.map_err(RangeError::file("listen for", "a stand-in"))
}

async fn answer(life: Arc<Mutex<Life>>, request: Request<Incoming>) -> Result<Response<Telling>, Cut> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(|_| Cut)?.to_bytes();
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    let fault = {
        let mut life = locked(&life);
        if life.asked.len() >= REMEMBERED {
            life.asked.remove(0);
        }
        life.asked.push(asked.clone());
        if life.spared > 0 {
            life.spared -= 1;
            None
        } else {
            life.fault
        }
    };
    let done = || locked(&life).stand_in.answer(&asked);
    let refused = |status, words: &str| locked(&life).stand_in.refuse(&asked, status, words);
    match fault {
        None => Ok(told(done())),
        Some(VendorFault::Slow) => {
            tokio::time::sleep(SLOWNESS).await;
            Ok(told(done()))
        }
        Some(VendorFault::Hang) => std::future::pending().await,
        Some(VendorFault::CutBefore) => Err(Cut),
        Some(VendorFault::CutAfter) => {
            done();
            Err(Cut)
        }
        Some(VendorFault::Malformed) => Ok(plain(200, "application/json", "{\"id\":\"abc\",\"status\":")),
        Some(VendorFault::Html) => {
            Ok(plain(200, "text/html", "<!doctype html><title>Sign in to the network</title><p>Welcome</p>"))
        }
        Some(VendorFault::Endless) => Ok(endless(Telling::Endless)),
        Some(VendorFault::Drip) => Ok(endless(Telling::Drip(Box::pin(tokio::time::sleep(Duration::ZERO))))),
        Some(VendorFault::Bomb) => {
            let mut response = plain(200, "application/json", BOMB);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Ok(response)
        }
        Some(VendorFault::Redirect) => {
            let mut response = plain(307, "text/plain", "");
            response
                .headers_mut()
                .insert(LOCATION, HeaderValue::from_static("http://169.254.169.254/latest/meta-data"));
            Ok(response)
        }
        Some(fault @ VendorFault::Echo) => {
            let headers: Vec<String> = asked
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
                .collect();
            let words = format!("{} {} {}", asked.path, headers.join(" "), String::from_utf8_lossy(&asked.body));
            Ok(told(refused(fault.status().unwrap_or(500), &words)))
        }
        Some(fault @ VendorFault::Script) => {
            let words = "<img src=x onerror=\"fetch('https://evil.test')\"><script>alert(1)</script>\u{202e}\u{1b}[31m";
            Ok(told(refused(fault.status().unwrap_or(500), words)))
        }
        Some(fault @ (VendorFault::TooMany | VendorFault::Enough)) => {
            Ok(told(refused(fault.status().unwrap_or(429), "Too many requests.").with("retry-after", "2")))
        }
        Some(fault) => Ok(told(refused(fault.status().unwrap_or(500), "The stand-in was told to answer so."))),
    }
}

/// A gzip head and the beginning of a stream; nobody who asks for no compression has a reason to unpack it.
const BOMB: &str = "\u{1f}\u{8b}\u{8}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{3}";

fn told(told: Told) -> Response<Telling> {
    let mut response = plain(told.status, told.content_type, told.body);
    for (name, value) in told.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn plain(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Telling> {
    let mut response = Response::new(Telling::Once(Some(body.into())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn endless(telling: Telling) -> Response<Telling> {
    let mut response = Response::new(telling);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A body: once, without an end, or one byte each second.
enum Telling {
    Once(Option<Bytes>),
    Endless,
    Drip(Pin<Box<Sleep>>),
}

impl Body for Telling {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const MUCH: &[u8] = &[b' '; 16 << 10];
        match &mut *self {
            Self::Once(body) => {
                Poll::Ready(body.take().filter(|body| !body.is_empty()).map(|body| Ok(Frame::data(body))))
            }
            Self::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(MUCH))))),
            Self::Drip(pause) => match pause.as_mut().poll(context) {
                Poll::Ready(()) => {
                    *pause = Box::pin(tokio::time::sleep(Duration::from_secs(1)));
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }
}
