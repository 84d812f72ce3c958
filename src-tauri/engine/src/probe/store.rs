//! How the S3 client reaches its store: over the same judged, verified and bounded connections as every other probe.
//!
//! The client knows buckets, signatures and listings; of names, addresses and certificates it knows nothing. What is
//! asked of a bucket is written in `object`.

use std::{
    error::Error,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    header::{CONNECTION, HOST, HeaderValue},
};
use lifeboat_domain::{check::judge::CouldNot, environment::address};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::{
    Attempt,
    http::{bounded, handshake},
    network::{encrypt, reach},
};

/// The longest listing or error that is read. A page of a listing has at most 1,000 keys of at most 1,024 bytes.
const LONGEST_PAGE: usize = 2 << 20;
/// More on a page than any store sends.
const MOST_OBJECTS: usize = 1_000;
const MOST_TAGS: usize = 50_000;

/// The way to one store, had before it is asked.
#[derive(Debug, Clone)]
pub(super) struct Store {
    host: String,
    /// What stands before the bucket in a path, without the slash at its end.
    path: String,
    addresses: Arc<[SocketAddr]>,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

impl Store {
    /// `private` is whether the plan allows the store's name to lead to private addresses.
    pub(super) async fn at(attempt: &Attempt<'_>, url: &Url, private: bool) -> Result<Self, CouldNot> {
        let host = url.host_str().unwrap_or_default();
        let tls = if url.scheme() == "https" {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|_| CouldNot::NotBound(format!("not bound: \"{host}\" is not a server's name")))?;
            Some((name, attempt.trust(None).await?))
        } else {
            None
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let addresses = attempt.addresses(host, port, private || address::names_itself(host)).await?;
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self { host: host.to_owned(), path, addresses: addresses.into(), tls })
    }

    async fn ask(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        if request.uri().host() != Some(self.host.as_str()) {
            return Err(ConnectorError::user("the client wants to ask another host".into()));
        }
        // Below the bucket stands an object, which is read piece by piece by whoever asked for it.
        let below = request.uri().path().strip_prefix(&self.path).unwrap_or_default();
        let object = below.trim_start_matches('/').split_once('/').is_some_and(|(_, key)| !key.is_empty());
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(authority).map_err(|error| ConnectorError::user(error.into()))?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() =
            target.parse().map_err(|error: hyper::http::uri::InvalidUri| ConnectorError::user(error.into()))?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        let io = |error: std::io::Error| ConnectorError::io(error.into());
        let stream = reach(&self.addresses).await.map_err(io)?;
        match self.tls {
            None => over(stream, request, object).await,
            Some((name, trust)) => {
                over(encrypt(stream, name, trust, &[b"http/1.1"]).await.map_err(io)?, request, object).await
            }
        }
        .map_err(|error| ConnectorError::other(error, None))
    }
}

impl HttpClient for Store {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Store {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().ask(request))
    }
}

async fn over<S>(
    stream: S,
    request: hyper::Request<SdkBody>,
    object: bool,
) -> Result<HttpResponse, Box<dyn Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection, allowance) = handshake(stream).await?;
    let moving = AbortOnDropHandle::new(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let (head, mut body) = sender.send_request(request).await?.into_parts();
    let body = if object && head.status.is_success() {
        allowance.set(usize::MAX);
        SdkBody::from_body_1_x(Moving { body, _moving: moving })
    } else {
        let (page, whole) = bounded(&mut body, LONGEST_PAGE, &allowance).await?;
        if !whole || page.split(|byte| *byte == b'<').count() > MOST_TAGS || objects(&page) > MOST_OBJECTS {
            return Err(
                std::io::Error::new(std::io::ErrorKind::InvalidData, "a page longer than any store sends").into()
            );
        }
        SdkBody::from(page)
    };
    Ok(HttpResponse::try_from(hyper::Response::from_parts(head, body))?)
}

fn objects(page: &[u8]) -> usize {
    page.windows(9).filter(|window| *window == b"<Contents").count()
}

/// A body that keeps its connection moving for as long as it is read.
struct Moving {
    body: Incoming,
    _moving: AbortOnDropHandle<()>,
}

impl Body for Moving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
