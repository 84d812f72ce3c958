//! A stand-in of what lives on the internet: the platform's own API, whose answers are found out from the range's
//! database and buckets at each call, and the status pages of the providers in the shapes of the real ones.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use chrono::Utc;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    customer::{self, Customer},
    error::RangeError,
    listener::{Listening, listen_on},
};

/// How long the API waits for its database before it says that it is down.
const PATIENCE: Duration = Duration::from_millis(800);
/// What the fault `api-slow` adds to every answer.
const SLOWNESS: Duration = Duration::from_secs(2);

pub(crate) type Answer = (StatusCode, Json<Value>);

/// What the answers depend on.
#[derive(Debug)]
pub(crate) struct Platform {
    /// Signed in as the platform.
    pub(crate) pool: PgPool,
    /// The media bucket's folder.
    pub(crate) bucket: PathBuf,
    /// The fault `api-slow`.
    pub(crate) slow: AtomicBool,
    /// The fault `api-degraded`.
    pub(crate) degraded: AtomicBool,
    /// Who signs in and orders.
    pub(crate) customer: Customer,
}

impl Platform {
    /// Whether the database answers a question with at least one row, soon enough.
    async fn answers(&self, question: &'static str) -> bool {
        let row = timeout(PATIENCE, sqlx::query(question).fetch_optional(&self.pool)).await;
        matches!(row, Ok(Ok(Some(_))))
    }

    fn word(&self) -> &'static str {
        if self.degraded.load(Ordering::Relaxed) { "degraded" } else { "ok" }
    }

    fn has_bucket(&self) -> bool {
        self.bucket.is_dir()
    }
}

async fn health(State(platform): State<Arc<Platform>>) -> Answer {
    let (database, storage) = (platform.answers("SELECT 1").await, platform.has_bucket());
    let status = if database && storage { platform.word() } else { "degraded" };
    let parts = json!({"database": verdict(database), "storage": verdict(storage)});
    (
        StatusCode::OK,
        Json(json!({"status": status, "parts": parts, "version": env!("CARGO_PKG_VERSION"), "time": Utc::now()})),
    )
}

async fn database(State(platform): State<Arc<Platform>>) -> Answer {
    part(platform.answers("SELECT 1").await, "ok")
}

async fn payments(State(platform): State<Arc<Platform>>) -> Answer {
    let taken = platform.answers("SELECT 1 FROM public.payment_transactions LIMIT 1").await;
    part(taken, platform.word())
}

async fn storage(State(platform): State<Arc<Platform>>) -> Answer {
    part(platform.has_bucket(), "ok")
}

async fn authentication(State(platform): State<Arc<Platform>>) -> Answer {
    let question = "SELECT 1 FROM auth.users WHERE email = 'person1@mail.test' AND email_confirmed_at IS NOT NULL";
    if platform.answers(question).await {
        (StatusCode::OK, Json(json!({"authenticated": true})))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"authenticated": false, "error": "users cannot be read"})))
    }
}

fn verdict(works: bool) -> &'static str {
    if works { "ok" } else { "down" }
}

fn part(works: bool, word: &'static str) -> Answer {
    if works {
        (StatusCode::OK, Json(json!({"status": word})))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "down"})))
    }
}

/// The parts each provider reports on, as many as a check has to look through.
const PROVIDERS: [(&str, &str, &[&str]); 3] = [
    (
        "supabase",
        "Supabase",
        &["API Gateway", "Auth", "Connection Pooler", "Database", "Edge Functions", "Realtime", "Storage"],
    ),
    ("square", "Square", &["Payments", "Checkout", "Card Processing", "Developer APIs", "Webhooks"]),
    ("twilio", "Twilio", &["REST API", "Programmable Messaging", "SMS", "Voice", "Verify"]),
];

/// A status page as Statuspage.io answers, version 2 of its API. Nothing after `/v2/` but these two is known.
async fn statuspage(Path((provider, document)): Path<(String, String)>) -> Answer {
    let Some((id, name, parts)) = PROVIDERS.iter().find(|(id, ..)| *id == provider) else { return unknown().await };
    let now = Utc::now();
    let mut page = json!({
        "page": {"id": id, "name": name, "url": format!("https://status.{id}.test"), "time_zone": "Etc/UTC", "updated_at": now},
        "status": {"indicator": "none", "description": "All Systems Operational"},
    });
    match document.as_str() {
        "status.json" => {}
        "summary.json" => {
            let components: Vec<_> = parts
                .iter()
                .enumerate()
                .map(|(position, part)| {
                    json!({"id": format!("{id}-{position}"), "name": part, "status": "operational", "position": position + 1,
                           "group": false, "group_id": null, "only_show_if_degraded": false, "page_id": id, "updated_at": now})
                })
                .collect();
            page["components"] = Value::Array(components);
            page["incidents"] = json!([]);
            page["scheduled_maintenances"] = json!([]);
        }
        _ => return unknown().await,
    }
    (StatusCode::OK, Json(page))
}

async fn stripe() -> Answer {
    let statuses =
        json!({"api": "up", "dashboard": "up", "stripejs": "up", "checkoutjs": "up", "webhooks": "up", "emails": "up"});
    let page =
        json!({"largestatus": "up", "message": "All services are online.", "time": Utc::now(), "statuses": statuses});
    (StatusCode::OK, Json(page))
}

/// The incidents as Google lists them; none is the good answer.
async fn push() -> Answer {
    (StatusCode::OK, Json(json!([])))
}

/// Slack's own page: no incident is the good answer.
async fn slack() -> Answer {
    let now = Utc::now();
    let page = json!({"status": "ok", "date_created": now, "date_updated": now, "active_incidents": []});
    (StatusCode::OK, Json(page))
}

async fn unknown() -> Answer {
    (StatusCode::NOT_FOUND, Json(json!({"error": "not found"})))
}

async fn not_allowed() -> Answer {
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({"error": "method not allowed"})))
}

async fn delay(State(platform): State<Arc<Platform>>, request: Request, next: Next) -> Response {
    if platform.slow.load(Ordering::Relaxed) {
        sleep(SLOWNESS).await;
    }
    next.run(request).await
}

fn router(platform: Arc<Platform>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/database", get(database))
        .route("/health/payments", get(payments))
        .route("/health/storage", get(storage))
        .route("/auth/test", get(authentication))
        .route("/providers/{provider}/api/v2/{document}", get(statuspage))
        .route("/providers/stripe/current/full", get(stripe))
        .route("/providers/push/incidents.json", get(push))
        .route("/providers/slack/api/v2.0.0/current", get(slack))
        .merge(customer::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Arc::clone(&platform), delay))
        .with_state(platform)
}

/// The API with its plain and its TLS port, which open and close together.
#[derive(Debug)]
pub(crate) struct PlatformApi {
    router: Router,
    acceptor: Acceptor,
    ports: (u16, u16),
    open: Mutex<Option<(Listening, Listening)>>,
}

#[derive(Clone)]
struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Acceptor")
    }
}

impl PlatformApi {
    /// Opens the API on two ports.
    pub(crate) fn start(
        platform: Arc<Platform>,
        server: Arc<rustls::ServerConfig>,
        plain: TcpListener,
        secure: TcpListener,
    ) -> Result<Self, RangeError> {
        let router = router(platform);
        let acceptor = Acceptor(TlsAcceptor::from(server));
        let open = open(&router, &acceptor, plain, secure)?;
        let ports = (open.0.port, open.1.port);
        Ok(Self { router, acceptor, ports, open: Mutex::new(Some(open)) })
    }

    /// The plain port and the TLS port.
    pub(crate) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// Closes both ports; connections are refused from now on.
    pub(crate) async fn close(&self) {
        if let Some((plain, secure)) = self.open.lock().await.take() {
            plain.close().await;
            secure.close().await;
        }
    }

    /// Opens the same two ports again, unless they are open.
    pub(crate) async fn reopen(&self) -> Result<(), RangeError> {
        let mut current = self.open.lock().await;
        if current.is_none() {
            let (plain, secure) = (listen_on(self.ports.0).await?, listen_on(self.ports.1).await?);
            *current = Some(open(&self.router, &self.acceptor, plain, secure)?);
        }
        Ok(())
    }
}

fn open(
    router: &Router,
    acceptor: &Acceptor,
    plain: TcpListener,
    secure: TcpListener,
) -> Result<(Listening, Listening), RangeError> {
    let plain_router = router.clone();
    let plain = Listening::start(plain, move |stream| converse(stream, plain_router.clone()));
    let (secure_router, acceptor) = (router.clone(), acceptor.0.clone());
    let secure = Listening::start(secure, move |stream| {
        let (router, acceptor) = (secure_router.clone(), acceptor.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, router).await;
            }
        }
    });
    let failed = || RangeError::file("listen for", "the platform's API");
    Ok((plain.map_err(failed())?, secure.map_err(failed())?))
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let server = Builder::new(TokioExecutor::new());
    if let Err(error) = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await {
        tracing::debug!(%error, "a connection to the platform's API broke");
    }
}
