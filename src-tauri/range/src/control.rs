//! How other processes talk to the range's own: one line of JSON each way over loopback, with a random token that
//! stands in a file only the range's user may read. What an order does is decided in `serve`.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use lifeboat_domain::{Code, Problem};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{RangeStatus, error::RangeError, listener::Listening, serve::Serving, state::Record};

/// The longest line taken.
const LONGEST: u64 = 64 * 1024;
/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ask {
    /// How it is.
    Status,
    /// Switch a fault on.
    Inject(String),
    /// Switch one fault off, or all.
    Mend(Option<String>),
    /// End.
    Stop,
}

#[derive(Serialize, Deserialize)]
struct Order {
    token: String,
    ask: Ask,
}

type Reply = Result<RangeStatus, Problem>;

/// Takes orders until it is closed.
pub(crate) fn serve(listener: TcpListener, serving: Arc<Serving>) -> Result<Listening, RangeError> {
    Listening::start(listener, move |stream| {
        let serving = Arc::clone(&serving);
        async move {
            if let Err(error) = converse(stream, &serving).await {
                tracing::debug!(%error, "a conversation broke off");
            }
        }
    })
    .map_err(RangeError::file("listen for", "orders"))
}

async fn converse(stream: TcpStream, serving: &Serving) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new(reader.take(LONGEST)).read_line(&mut line)).await??;
    let order: Option<Order> = serde_json::from_str(&line).ok();
    let (reply, stop): (Reply, bool) = match order {
        Some(order) if order.token == serving.token() => {
            let reply = match &order.ask {
                Ask::Status | Ask::Stop => Ok(serving.status()),
                Ask::Inject(fault) => serving.inject(fault).await.map_err(Problem::from),
                Ask::Mend(fault) => serving.mend(fault.as_deref()).await.map_err(Problem::from),
            };
            (reply, order.ask == Ask::Stop)
        }
        _ => (Err(Problem::new(Code::PermissionDenied, "the range does not take orders from this program")), false),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    writer.write_all(&text).await?;
    writer.shutdown().await?;
    if stop {
        serving.end();
    }
    Ok(())
}

/// Asks the range of this record, and waits for its reply.
pub(crate) async fn ask(record: &Record, ask: Ask, limit: Duration) -> Result<RangeStatus, RangeError> {
    let silent = |cause: String| RangeError::Silent { cause };
    let conversation = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, record.control)).await?;
        let mut line = serde_json::to_vec(&Order { token: record.token.clone(), ask })?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut text = Vec::new();
        stream.take(LONGEST).read_to_end(&mut text).await?;
        Ok::<_, std::io::Error>(serde_json::from_slice::<Reply>(&text)?)
    };
    match timeout(limit, conversation).await {
        Err(_) => Err(silent(format!("nothing came within {} s", limit.as_secs()))),
        Ok(Err(error)) => Err(silent(error.to_string())),
        Ok(Ok(reply)) => reply.map_err(RangeError::Told),
    }
}
