//! Reading: pages of entries, samples, kept healths. Of a damaged journal only the intact prefix.

use super::{
    Journal, JournalError, Shared,
    row::{entry_of, sample_of, select_entries, select_samples},
};
use crate::view::{JournalPage, JournalQuery};
use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::Sample,
    journal::{Entry, EntryView},
    problem::{Code, Problem},
};

/// Entries looked at in one go while searching.
const CHUNK: i64 = 500;
/// The most entries on one page.
const PAGE: usize = 200;

impl Shared {
    /// The last place that may be shown.
    pub(super) fn through(&self) -> i64 {
        self.standing().through.unwrap_or(i64::MAX)
    }

    /// At most [`CHUNK`] entries before a place, newest first, of a kind and check if given.
    async fn entries_before(
        &self,
        before: i64,
        kind: Option<&str>,
        check: Option<&str>,
    ) -> Result<Vec<(i64, Entry)>, JournalError> {
        // By place and never by an index: an index may be what is damaged.
        let rows = sqlx::query(select_entries!(
            "WHERE place < ?1 AND place <= ?2 AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR \
             (json_valid(body) AND json_extract(body, '$.check') = ?4)) ORDER BY place DESC LIMIT ?5"
        ))
        .bind(before)
        .bind(self.through())
        .bind(kind)
        .bind(check)
        .bind(CHUNK)
        .fetch_all(&self.reader()?)
        .await
        .map_err(|source| JournalError::store("read its entries", source))?;
        Ok(rows.iter().map(entry_of).filter_map(|row| row.entry.map(|entry| (row.place, entry))).collect())
    }
}

impl Journal {
    /// A page, newest first. Newest is what arrived last in this file; within one device that is also its clock's
    /// order.
    pub(crate) async fn list(&self, query: &JournalQuery) -> Result<JournalPage, Problem> {
        let limit = query.limit.map_or(PAGE, |limit| (limit as usize).clamp(1, PAGE));
        let text = query.text.as_ref().map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
        let mut before = match &query.before {
            None => i64::MAX,
            Some(cursor) => cursor.parse().map_err(|_| {
                Problem::new(Code::Usage, format!("\"{cursor}\" is not a place in the journal"))
                    .hint("Give the cursor of the page before, or nothing for the newest page.")
                    .field("before")
            })?,
        };
        let mut page = JournalPage {
            entries: Vec::new(),
            cursor: None,
            total: self.total().await?,
            verification: self.verification(),
            read_only: self.stopped(),
            notes: self.notes(),
        };
        if self.shared.reader().is_err() || page.total == 0 {
            return Ok(page);
        }
        'pages: loop {
            let found = self.shared.entries_before(before, query.kind.as_deref(), query.check.as_deref()).await?;
            let last = (found.len() as i64) < CHUNK;
            for (place, entry) in found {
                let view = EntryView::from(&entry);
                if text.as_ref().is_none_or(|text| contains(&view, &entry.body, text)) {
                    if page.entries.len() == limit {
                        page.cursor = Some(before.to_string());
                        break 'pages;
                    }
                    page.entries.push(view);
                }
                before = place;
            }
            if last {
                break;
            }
        }
        Ok(page)
    }

    /// Entries that can be shown.
    pub(crate) async fn total(&self) -> Result<u64, JournalError> {
        let Ok(reader) = self.shared.reader() else { return Ok(0) };
        let standing_through = self.shared.standing().through;
        if let (Some(_), Some(verification)) = (standing_through, self.verification()) {
            return Ok(verification.intact);
        }
        // Chains have no gaps, so where they end is how many there are; counting a million entries takes a while.
        let total: i64 = sqlx::query_scalar("SELECT coalesce(sum(sequence), 0) FROM head")
            .fetch_one(&reader)
            .await
            .map_err(|source| JournalError::store("count its entries", source))?;
        Ok(total.unsigned_abs())
    }

    /// What happened since an instant, newest first, at most so many.
    pub(crate) async fn since(&self, since: DateTime<Utc>, most: usize) -> Result<Vec<EntryView>, JournalError> {
        if self.shared.reader().is_err() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(select_entries!(
            "WHERE wall_ms >= ?1 AND coalesce(clock_ms, wall_ms) >= ?1 AND place <= ?2 \
             ORDER BY wall_ms DESC, counter DESC LIMIT ?3"
        ))
        .bind(since.timestamp_millis())
        .bind(self.shared.through())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.shared.reader()?)
        .await
        .map_err(|source| JournalError::store("read its newest entries", source))?;
        Ok(rows.iter().filter_map(|row| entry_of(row).entry).map(|entry| EntryView::from(&entry)).collect())
    }

    /// The newest samples of a check, newest first.
    pub(crate) async fn samples(
        &self,
        environment: &Id,
        check: &Id,
        since: DateTime<Utc>,
        most: u32,
    ) -> Result<Vec<Sample>, JournalError> {
        let rows = sqlx::query(select_samples!(
            "WHERE environment = ? AND check_id = ? AND at_us >= ? ORDER BY at_us DESC, place DESC LIMIT ?"
        ))
        .bind(environment.as_str())
        .bind(check.as_str())
        .bind(since.timestamp_micros())
        .bind(most)
        .fetch_all(&self.shared.reader()?)
        .await
        .map_err(|source| JournalError::store("read its samples", source))?;
        Ok(rows.iter().filter_map(sample_of).collect())
    }

    /// The oldest sample of a check since an instant that has a measurement of this name.
    pub(crate) async fn oldest_measured(
        &self,
        environment: &Id,
        check: &Id,
        since: DateTime<Utc>,
        name: &str,
    ) -> Result<Option<Sample>, JournalError> {
        let row = sqlx::query(select_samples!(
            "WHERE environment = ? AND check_id = ? AND at_us >= ? AND EXISTS (SELECT 1 FROM json_each(measurements) \
             WHERE json_extract(value, '$.name') = ?) ORDER BY at_us, place LIMIT 1"
        ))
        .bind(environment.as_str())
        .bind(check.as_str())
        .bind(since.timestamp_micros())
        .bind(name)
        .fetch_optional(&self.shared.reader()?)
        .await
        .map_err(|source| JournalError::store("read its samples", source))?;
        Ok(row.as_ref().and_then(sample_of))
    }

    /// When a check last found what it looks at working.
    pub(crate) async fn last_good(&self, environment: &Id, check: &Id) -> Result<Option<DateTime<Utc>>, JournalError> {
        let at: Option<i64> = sqlx::query_scalar(
            "SELECT at_us FROM sample WHERE environment = ? AND check_id = ? AND verdict IN ('operational', 'degraded') \
             ORDER BY at_us DESC LIMIT 1",
        )
        .bind(environment.as_str())
        .bind(check.as_str())
        .fetch_optional(&self.shared.reader()?)
        .await
        .map_err(|source| JournalError::store("read its samples", source))?;
        Ok(at.and_then(DateTime::from_timestamp_micros))
    }

    /// The newest sample of a check that was not operational.
    pub(crate) async fn failing(&self, environment: &Id, check: &Id) -> Result<Option<Sample>, JournalError> {
        let row = sqlx::query(select_samples!(
            "WHERE environment = ? AND check_id = ? AND verdict <> 'operational' ORDER BY place DESC LIMIT 1"
        ))
        .bind(environment.as_str())
        .bind(check.as_str())
        .fetch_optional(&self.shared.reader()?)
        .await
        .map_err(|source| JournalError::store("read its samples", source))?;
        Ok(row.as_ref().and_then(sample_of))
    }
}

fn contains(view: &EntryView, body: &str, text: &str) -> bool {
    [view.summary.as_str(), &view.actor, body].iter().any(|place| place.to_lowercase().contains(text))
}
