//! Reading facts by their kind, for what is folded from them.

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    journal::{Entry, Fact},
};

use super::{
    Journal, JournalError,
    row::{entry_of, select_entries},
};

impl Journal {
    /// Every entry of these kinds since an instant, with its fact, in the order of the file.
    pub(crate) async fn facts(&self, kinds: &[&str], since: DateTime<Utc>) -> Result<Vec<(Entry, Fact)>, JournalError> {
        let Ok(reader) = self.shared.reader() else { return Ok(Vec::new()) };
        let wanted = serde_json::to_string(kinds).map_err(JournalError::Fact)?;
        let rows = sqlx::query(select_entries!(
            "WHERE kind IN (SELECT value FROM json_each(?)) AND wall_ms >= ? AND place <= ? ORDER BY place"
        ))
        .bind(wanted)
        .bind(since.timestamp_millis())
        .bind(self.shared.through())
        .fetch_all(&reader)
        .await
        .map_err(|source| JournalError::store("read its facts", source))?;
        let facts = rows.iter().filter_map(|row| entry_of(row).entry);
        Ok(facts
            .filter_map(|entry| Some((Fact::from_parts(&entry.kind, &entry.body)?, entry)))
            .map(|(fact, entry)| (entry, fact))
            .collect())
    }

    /// The newest entry that tells of a watch of an environment by this home.
    pub(crate) async fn newest_of_watch(&self, environment: &Id) -> Result<Option<(Entry, Fact)>, JournalError> {
        let (Ok(reader), Some(device)) = (self.shared.reader(), self.shared.device()) else { return Ok(None) };
        let row = sqlx::query(select_entries!(
            "WHERE kind IN ('watch-started', 'watch-stopped', 'watch-interrupted') AND device = ?1 AND place <= ?2 \
             AND json_valid(body) AND json_extract(body, '$.environment') = ?3 ORDER BY place DESC LIMIT 1"
        ))
        .bind(device.as_bytes().as_slice())
        .bind(self.shared.through())
        .bind(environment.as_str())
        .fetch_optional(&reader)
        .await
        .map_err(|source| JournalError::store("read its newest entry of a watch", source))?;
        let entry = row.and_then(|row| entry_of(&row).entry);
        Ok(entry
            .and_then(|entry| Some((Fact::from_parts(&entry.kind, &entry.body)?, entry)))
            .map(|(fact, entry)| (entry, fact)))
    }
}
