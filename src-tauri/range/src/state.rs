//! What a range tells about itself in files: the record of who runs it and where, which only its user may read, and
//! the bindings that fill in the environment `range` for the engine.

use std::{collections::BTreeMap, fs, os::unix::fs::DirBuilderExt};

use serde::{Deserialize, Serialize};

use crate::{
    Phase, RangeStatus, Size,
    error::RangeError,
    place::{Place, write_private},
    process::Process,
};

/// Who runs the range, and how to talk to it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The background process.
    pub(crate) process: Process,
    /// Coming up or up.
    pub(crate) phase: Phase,
    /// Its size.
    pub(crate) size: Size,
    /// When it came up, RFC 3339.
    pub(crate) since: Option<String>,
    /// Where it takes orders.
    pub(crate) control: u16,
    /// What an order has to carry.
    pub(crate) token: String,
    /// Faults that are on.
    pub(crate) faults: Vec<String>,
    /// Servers and their ports.
    pub(crate) ports: Vec<(String, u16)>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Record")
            .field("process", &self.process)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// The record of this place, if there is one that can be read.
    pub(crate) fn read(place: &Place) -> Option<Self> {
        serde_json::from_slice(&fs::read(place.state()).ok()?).ok()
    }

    /// Writes it down.
    pub(crate) fn write(&self, place: &Place) -> Result<(), RangeError> {
        write_json(&place.state(), self)
    }

    /// The range as this record tells it.
    pub(crate) fn status(&self, detail: String) -> RangeStatus {
        RangeStatus {
            phase: self.phase,
            detail,
            size: Some(self.size),
            since: self.since.clone(),
            faults: self.faults.clone(),
            ports: self.ports.clone(),
        }
    }
}

/// What the environment's places are filled with, and the secrets its credentials stand for. A reader believes them
/// only while the process they name runs: one that was killed could not take its file away.
///
/// The process stands in two keys: `pid`, its number, and `started`, when it started in clock ticks since the
/// computer did, which is field 22 of `/proc/PID/stat` (see proc(5)). A number that the system has given to another
/// program has another start.
#[derive(Serialize)]
pub(crate) struct Bindings {
    /// The background process, as the keys `pid` and `started`.
    #[serde(flatten)]
    pub(crate) process: Process,
    /// When they were made, RFC 3339.
    pub(crate) bound_at: String,
    /// Texts by place.
    pub(crate) values: BTreeMap<String, String>,
    /// When jobs that report by themselves ran, RFC 3339, by the check that listens.
    pub(crate) beats: BTreeMap<&'static str, String>,
    /// Secrets by credential.
    pub(crate) credentials: BTreeMap<&'static str, String>,
}

impl Bindings {
    /// Writes them beside the journal.
    pub(crate) fn write(&self, place: &Place) -> Result<(), RangeError> {
        let path = place.bindings();
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(RangeError::file("create", folder))?;
        }
        write_json(&path, self)
    }
}

fn write_json(path: &std::path::Path, value: &impl Serialize) -> Result<(), RangeError> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| RangeError::file("write", path)(std::io::Error::other(error)))?;
    write_private(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_keeps_its_token_to_itself() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::prepare(home.path()).unwrap();
        assert!(Record::read(&place).is_none());
        let record = Record {
            process: Process::own().unwrap(),
            phase: Phase::Starting,
            size: Size::Small,
            since: None,
            control: 20_000,
            token: "only-for-us".to_owned(),
            faults: vec!["api-slow".to_owned()],
            ports: vec![("platform-api".to_owned(), 20_001)],
        };
        record.write(&place).unwrap();
        let read = Record::read(&place).unwrap();
        assert!(read.process.is_alive());
        assert_eq!(read.token, record.token);
        assert_eq!(read.status("coming up".to_owned()).faults, ["api-slow"]);
        assert!(!format!("{record:?}").contains("only-for-us"));
    }

    #[test]
    fn bindings_name_the_process_that_stands_behind_them() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::prepare(home.path()).unwrap();
        let own = Process::own().unwrap();
        let bindings = Bindings {
            process: own,
            beats: BTreeMap::new(),
            bound_at: "2026-01-01T00:00:00Z".to_owned(),
            values: BTreeMap::new(),
            credentials: BTreeMap::new(),
        };
        bindings.write(&place).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&fs::read(place.bindings()).unwrap()).unwrap();
        assert_eq!((&written["pid"], &written["started"]), (&own.pid.into(), &own.started.into()));
    }

    #[test]
    fn half_a_record_is_none() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::prepare(home.path()).unwrap();
        fs::write(place.state(), "{\"process\": {\"pid\": 1").unwrap();
        assert!(Record::read(&place).is_none());
    }
}
