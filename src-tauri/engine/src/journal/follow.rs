//! Noticing what was appended, by this program or another on the same file, and passing it on.
//!
//! One broadcaster for both: entries go out once and in the order of the file, whoever wrote them. Each is walked
//! first, so an entry that does not follow its chain closes the journal instead of being shown.

use std::{future, sync::Arc, time::Duration};

use lifeboat_domain::journal::{ChainFault, EntryView};
use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    JournalError, Shared,
    bell::Bell,
    reach::log_of,
    row::{entry_of, select_entries},
    store,
    verify::Walked,
};

/// How often SQLite is asked whether another program has written, where no bell tells. Promised are at most two
/// wake-ups a second while nothing happens, and that another program's entries arrive within one.
const EVERY: Duration = Duration::from_millis(900);
/// How often it is asked although a bell would tell.
const EVERY_WITH_BELL: Duration = Duration::from_mins(1);
/// How long a bell is not listened to after it rang: somebody who writes all the time is looked at twice a second.
const REST: Duration = Duration::from_millis(500);

/// Follows until told to end, then looks one last time.
pub(super) async fn run(shared: Arc<Shared>, appended: Arc<Notify>, ended: CancellationToken) {
    let Some(mut walked) = shared.walked(&ended).await else { return };
    let options = store::write_options(&shared.opening, false).read_only(true);
    let log = log_of(&store::file_of(&shared.opening.home));
    let (mut watcher, mut bell, mut deaf) = (None, None, false);
    let (mut asked, mut rang) = (Instant::now(), Instant::now());
    let mut own = true;
    loop {
        match look(&shared, &options, &mut watcher, &mut walked, own).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                tracing::warn!(%error, "the journal could not be followed");
                (watcher, bell) = (None, None);
            }
        }
        // Only on the log, which is there while anybody reads: signs of life beside it are no news.
        if bell.is_none() && !deaf && watcher.is_some() {
            bell = Bell::on(&log).ok();
            deaf = bell.is_none();
            own = false;
            // Somebody may have written before it hung.
            continue;
        }
        if ended.is_cancelled() {
            break;
        }
        let ring = async {
            match &bell {
                Some(bell) => {
                    sleep_until(rang + REST).await;
                    bell.rings().await
                }
                None => future::pending().await,
            }
        };
        let ask = if bell.is_some() && watcher.is_some() { EVERY_WITH_BELL } else { EVERY };
        own = tokio::select! {
            () = appended.notified() => true,
            () = ended.cancelled() => true,
            () = sleep_until(asked + ask) => {
                asked = Instant::now();
                false
            }
            rung = ring => {
                rang = Instant::now();
                if rung.is_err() {
                    (bell, deaf) = (None, true);
                }
                false
            }
        };
    }
    // Dropped, it would stay open for another moment, and whoever waits for the end wants the file to themselves.
    if let Some(Watcher { connection, .. }) = watcher {
        let _ = connection.close().await;
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
    if shared.standing().through.is_some() {
        // Found damaged: what comes now is not shown.
        return Ok(false);
    }
    let reading = |source| JournalError::store("look for new entries", source);
    if watcher.is_none() {
        let connection = SqliteConnection::connect_with(options).await.map_err(reading)?;
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
                let bad = walked.bad_at(&row, fault);
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
