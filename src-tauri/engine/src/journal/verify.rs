//! Walking every chain from its first entry, in the order of the file.
//!
//! The walk reads by place and not by an index, so that it sees what is stored even where an index disagrees. It
//! ends at the first entry that is not as it was written; what comes before is intact.

use std::{collections::BTreeMap, time::Instant};

use futures_util::TryStreamExt;
use lifeboat_domain::journal::{BadEntry, ChainFault, ChainWalk, Entry, Hash, Verification};
use sqlx::{Connection, Row, sqlite::SqliteConnection};
use uuid::Uuid;

use super::{
    Clock,
    error::{JournalError, is_damage, said},
    row::{entry_of, select_entries},
};

/// How far a walk came.
#[derive(Debug, Clone, Default)]
pub(super) struct Walked {
    /// Entries that are as they were written.
    pub(super) intact: u64,
    /// The place of the last of them.
    pub(super) place: i64,
    /// One walk for each device.
    pub(super) chains: BTreeMap<Uuid, ChainWalk>,
    /// The first bad entry, if any.
    pub(super) bad: Option<BadEntry>,
}

impl Walked {
    /// Steps over the next entry of the file.
    pub(super) fn step(&mut self, place: i64, entry: &Entry) -> Result<(), ChainFault> {
        let chain = self.chains.entry(entry.device).or_insert_with(|| ChainWalk::start(entry.device));
        chain.step(entry)?;
        self.intact += 1;
        self.place = place;
        Ok(())
    }

    /// The entry that should come next on a device, for naming one that cannot be read at all.
    fn next_label(&self) -> String {
        match self.chains.iter().next() {
            Some((device, chain)) if self.chains.len() == 1 => format!("{device}/{}", chain.sequence() + 1),
            Some(_) | None => format!("the one after place {}", self.place),
        }
    }
}

/// Walks the whole journal and says what was found. Fails only when SQLite cannot be asked at all.
pub(super) async fn verification(
    connection: &mut SqliteConnection,
    clock: &Clock,
) -> Result<(Walked, Verification), JournalError> {
    let (at, started) = (clock(), Instant::now());
    let walked = walk(connection).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let verification = Verification { intact: walked.intact, bad: walked.bad.clone(), at, took_ms };
    Ok((walked, verification))
}

async fn walk(connection: &mut SqliteConnection) -> Result<Walked, JournalError> {
    let reading = |source| JournalError::store("read its entries", source);
    // One transaction, so that entries and heads are of the same instant.
    let mut transaction = connection.begin().await.map_err(reading)?;
    let mut walked = Walked::default();
    let mut rows = sqlx::query(select_entries!("ORDER BY place")).fetch(&mut *transaction);
    loop {
        let row = match rows.try_next().await {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) if is_damage(&error) => {
                walked.bad = Some(BadEntry { entry: walked.next_label(), fault: unreadable(&error) });
                break;
            }
            Err(error) => return Err(reading(error)),
        };
        let row = entry_of(&row);
        let step = match &row.entry {
            Some(entry) => walked.step(row.place, entry),
            None => Err(ChainFault::Altered),
        };
        if let Err(fault) = step {
            walked.bad = Some(BadEntry { entry: row.label, fault: fault.to_string() });
            break;
        }
    }
    drop(rows);
    if walked.bad.is_none() {
        walked.bad = match ends(&mut transaction).await {
            Ok(ends) => cut_off(&walked, &ends),
            Err(error) if is_damage(&error) => Some(BadEntry { entry: walked.next_label(), fault: unreadable(&error) }),
            Err(error) => return Err(reading(error)),
        };
    }
    // Nothing was written; how the transaction ends does not matter.
    let _ = transaction.rollback().await;
    Ok(walked)
}

fn unreadable(error: &sqlx::Error) -> String {
    format!("it cannot be read: {}", said(error))
}

type End = (Option<Uuid>, i64, Option<Hash>);

async fn ends(connection: &mut SqliteConnection) -> Result<Vec<End>, sqlx::Error> {
    let rows = sqlx::query("SELECT device, sequence, hash FROM head").fetch_all(connection).await?;
    let bytes = |row: &sqlx::sqlite::SqliteRow, name: &str| row.try_get_unchecked::<Vec<u8>, _>(name).ok();
    Ok(rows
        .iter()
        .map(|row| {
            let device = bytes(row, "device").and_then(|bytes| Uuid::from_slice(&bytes).ok());
            let hash = bytes(row, "hash").and_then(|bytes| bytes.try_into().ok()).map(Hash);
            (device, row.try_get_unchecked("sequence").unwrap_or(-1), hash)
        })
        .collect())
}

/// Compares where the chains end with where they are recorded to end.
fn cut_off(walked: &Walked, ends: &[End]) -> Option<BadEntry> {
    let not_as_recorded = "it is not where the chain was recorded to end".to_owned();
    for (device, sequence, hash) in ends {
        let Some(device) = device else {
            return Some(BadEntry { entry: walked.next_label(), fault: not_as_recorded });
        };
        let (reached, head) = walked
            .chains
            .get(device)
            .map_or((0, ChainWalk::start(*device).head()), |chain| (chain.sequence(), chain.head()));
        if i64::try_from(reached).is_ok_and(|reached| reached < *sequence) {
            let fault = format!("it is missing: the chain was recorded to end at {sequence}");
            return Some(BadEntry { entry: format!("{device}/{}", reached + 1), fault });
        }
        if i64::try_from(reached) != Ok(*sequence) || Some(head) != *hash {
            return Some(BadEntry { entry: format!("{device}/{reached}"), fault: not_as_recorded });
        }
    }
    let unrecorded = walked.chains.iter().find(|(device, _)| !ends.iter().any(|end| end.0 == Some(**device)));
    unrecorded
        .map(|(device, chain)| BadEntry { entry: format!("{device}/{}", chain.sequence()), fault: not_as_recorded })
}
