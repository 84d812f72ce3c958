//! Noticing what was appended, by this program or another on the same file, and passing it on.
//!
//! One broadcaster for both: entries go out once and in the order of the file, whoever wrote them. Each is walked
//! first, so an entry that does not follow its chain closes the journal instead of being shown.

use std::{sync::Arc, time::Duration};

use lifeboat_domain::journal::{BadEntry, ChainFault, EntryView};
use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    JournalError, Shared,
    row::{entry_of, select_entries},
    verify::Walked,
};

/// How often SQLite is asked whether another program has written.
const EVERY: Duration = Duration::from_secs(1);

/// Follows until told to end, then looks one last time.
pub(super) async fn run(
    shared: Arc<Shared>,
    options: SqliteConnectOptions,
    mut walked: Walked,
    appended: Arc<Notify>,
    ended: CancellationToken,
) {
    if shared.reader.is_none() || shared.standing().through.is_some() {
        return;
    }
    let mut watcher = None;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let (own, last) = tokio::select! {
            () = appended.notified() => (true, false),
            _ = ticks.tick() => (false, false),
            () = ended.cancelled() => (true, true),
        };
        match look(&shared, &options, &mut watcher, &mut walked, own).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "the journal could not be followed");
                watcher = None;
            }
        }
        if last {
            return;
        }
    }
}

/// A connection of our own, and the version of the data it saw last.
struct Watcher {
    connection: SqliteConnection,
    version: i64,
}

/// Looks for new entries and passes them on. Answers whether to go on following.
async fn look(
    shared: &Shared,
    options: &SqliteConnectOptions,
    watcher: &mut Option<Watcher>,
    walked: &mut Walked,
    own: bool,
) -> Result<bool, JournalError> {
    let reading = |source| JournalError::store("look for new entries", source);
    if watcher.is_none() {
        let connection = SqliteConnection::connect_with(&options.clone().read_only(true)).await.map_err(reading)?;
        *watcher = Some(Watcher { connection, version: -1 });
    }
    let Some(Watcher { connection, version }) = watcher.as_mut() else { return Ok(true) };
    let now: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await.map_err(reading)?;
    if now == *version && !own {
        return Ok(true);
    }
    *version = now;
    let rows = sqlx::query(select_entries!("WHERE place > ? ORDER BY place"))
        .bind(walked.place)
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    for row in &rows {
        let row = entry_of(row);
        let step = match &row.entry {
            Some(entry) => walked.step(row.place, entry),
            None => Err(ChainFault::Altered),
        };
        match (step, &row.entry) {
            (Ok(()), Some(entry)) => {
                // Nobody may be listening.
                let _ = shared.entries.send(EntryView::from(entry));
            }
            (Ok(()), None) => {}
            (Err(fault), _) => {
                let bad = BadEntry { entry: row.label, fault: fault.to_string() };
                tracing::error!(entry = %bad.entry, fault = %bad.fault, "the journal is damaged");
                let mut standing = shared.standing();
                standing.read_only = Some(JournalError::damaged(&bad).into());
                standing.through = Some(walked.place);
                return Ok(false);
            }
        }
    }
    Ok(true)
}
