//! What a customer does on the platform: signs in, orders, pays with a sandbox card, reads media, and has the order
//! removed again. Everything is done in the range's database and bucket; only the card is none.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{delete, get, post},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{
    cluster::random_text,
    error::RangeError,
    platform_api::{Answer, Platform},
};

/// Who the test account is, in the rows of the range.
const EMAIL: &str = "person3@mail.test";
/// How many sessions are remembered, the newest.
const SESSIONS: usize = 64;

/// The test account and its sessions.
pub(crate) struct Customer {
    /// Its password, drawn anew for each range.
    pub(crate) password: String,
    /// The fault `orders-fail`.
    pub(crate) orders_fail: AtomicBool,
    sessions: Mutex<VecDeque<String>>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Customer").finish_non_exhaustive()
    }
}

impl Customer {
    pub(crate) fn new() -> Result<Self, RangeError> {
        Ok(Self { password: random_text()?, orders_fail: AtomicBool::new(false), sessions: Mutex::default() })
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = sent.and_then(|sent| sent.strip_prefix("Bearer "));
        token.is_some_and(|token| self.sessions().iter().any(|known| known == token))
    }
}

pub(crate) fn routes() -> Router<Arc<Platform>> {
    Router::new()
        .route("/auth/sign-in", post(sign_in))
        .route("/orders", post(order))
        .route("/orders/{order}/payment", post(pay))
        .route("/orders/{order}/media", get(media))
        .route("/orders/by-reference/{reference}", delete(remove))
}

fn refused(status: StatusCode, why: &str) -> Answer {
    (status, Json(json!({"error": why})))
}

fn signed_out() -> Answer {
    refused(StatusCode::UNAUTHORIZED, "sign in first")
}

fn failed(error: &sqlx::Error) -> Answer {
    tracing::debug!(%error, "a customer was not served");
    refused(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
}

async fn sign_in(State(platform): State<Arc<Platform>>, Json(given): Json<Value>) -> Answer {
    let known = sqlx::query("SELECT 1 FROM auth.users WHERE email = $1 AND email_confirmed_at IS NOT NULL")
        .bind(given["email"].as_str().unwrap_or_default())
        .fetch_optional(&platform.pool)
        .await;
    match known {
        Err(error) => failed(&error),
        Ok(Some(_)) if given["email"] == EMAIL && given["password"] == platform.customer.password.as_str() => {
            let Ok(token) = random_text() else {
                return refused(StatusCode::INTERNAL_SERVER_ERROR, "no session can be made");
            };
            let mut sessions = platform.customer.sessions();
            sessions.push_back(token.clone());
            if sessions.len() > SESSIONS {
                sessions.pop_front();
            }
            (StatusCode::OK, Json(json!({"token": token})))
        }
        Ok(_) => refused(StatusCode::UNAUTHORIZED, "no such account, or another password"),
    }
}

async fn order(State(platform): State<Arc<Platform>>, headers: HeaderMap, Json(given): Json<Value>) -> Answer {
    if !platform.customer.is_signed_in(&headers) {
        return signed_out();
    }
    if platform.customer.orders_fail.load(Ordering::Relaxed) {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "no order can be placed");
    }
    let placed = sqlx::query(
        "INSERT INTO public.orders (client_id, service, amount_cents, currency, question) \
         SELECT id, $2, 900, 'EUR', $3 FROM auth.users WHERE email = $1 RETURNING id",
    )
    .bind(EMAIL)
    .bind(given["service"].as_str().unwrap_or("three-cards"))
    .bind(given["reference"].as_str().map(question))
    .fetch_one(&platform.pool)
    .await;
    match placed {
        Ok(row) => (StatusCode::CREATED, Json(json!({"id": row.get::<i64, _>(0), "state": "pending"}))),
        Err(error) => failed(&error),
    }
}

fn question(reference: &str) -> String {
    format!("test order {reference}")
}

/// Takes the money of a card that is none, exactly once.
async fn pay(State(platform): State<Arc<Platform>>, headers: HeaderMap, Path(order): Path<i64>) -> Answer {
    if !platform.customer.is_signed_in(&headers) {
        return signed_out();
    }
    let paid = sqlx::query(
        "WITH paid AS (
           UPDATE public.orders SET state = 'paid' WHERE id = $1 AND state = 'pending'
             AND client_id = (SELECT id FROM auth.users WHERE email = $2)
           RETURNING id, client_id, amount_cents, currency
         )
         INSERT INTO public.payment_transactions
           (order_id, client_id, provider, provider_reference, idempotency_key, state, amount_cents, currency)
         SELECT id, client_id, 'stripe', 'sandbox_' || id, 'order-' || id || '-1', 'succeeded', amount_cents, currency
         FROM paid",
    )
    .bind(order)
    .bind(EMAIL)
    .execute(&platform.pool)
    .await;
    match paid {
        Ok(done) if done.rows_affected() == 1 => (StatusCode::CREATED, Json(json!({"state": "succeeded"}))),
        Ok(_) => refused(StatusCode::CONFLICT, "no order of yours waits for its payment"),
        Err(error) => failed(&error),
    }
}

/// Reads the newest object and compares it with its row, as a customer's player would not.
async fn media(State(platform): State<Arc<Platform>>, headers: HeaderMap, Path(_): Path<i64>) -> Answer {
    if !platform.customer.is_signed_in(&headers) {
        return signed_out();
    }
    let newest = sqlx::query(
        "SELECT stored.name, media.sha256 FROM public.media_assets AS media \
         JOIN storage.objects AS stored ON stored.id = media.object_id ORDER BY media.created_at DESC LIMIT 1",
    )
    .fetch_one(&platform.pool)
    .await;
    let (name, wanted): (String, Vec<u8>) = match newest {
        Ok(row) => (row.get(0), row.get(1)),
        Err(error) => return failed(&error),
    };
    match tokio::fs::read(platform.bucket.join(name)).await {
        Ok(content) if Sha256::digest(&content).as_slice() == wanted => {
            (StatusCode::OK, Json(json!({"bytes": content.len(), "sha256": hex::encode(wanted)})))
        }
        Ok(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the media are not what was uploaded"),
        Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "the media cannot be read"),
    }
}

/// Removes an order with its payments, both or neither; one that is not there is as good as removed.
async fn remove(State(platform): State<Arc<Platform>>, headers: HeaderMap, Path(reference): Path<String>) -> Answer {
    if !platform.customer.is_signed_in(&headers) {
        return signed_out();
    }
    let removed = async {
        let mut transaction = platform.pool.begin().await?;
        let asked = "SELECT orders.id FROM public.orders JOIN auth.users ON auth.users.id = orders.client_id \
                     WHERE email = $1 AND question = $2";
        let orders: Vec<i64> =
            sqlx::query_scalar(asked).bind(EMAIL).bind(question(&reference)).fetch_all(&mut *transaction).await?;
        for statement in [
            "DELETE FROM public.payment_transactions WHERE order_id = ANY ($1)",
            "DELETE FROM public.orders WHERE id = ANY ($1)",
        ] {
            sqlx::query(statement).bind(&orders).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok::<usize, sqlx::Error>(orders.len())
    };
    match removed.await {
        Ok(count) => (StatusCode::OK, Json(json!({"removed": count}))),
        Err(error) => failed(&error),
    }
}
