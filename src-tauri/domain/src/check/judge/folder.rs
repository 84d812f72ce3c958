//! Judging the newest file of a folder. As with objects only a look at every one of them knows the newest, so what
//! could not be looked at leaves it unknown.

use chrono::{DateTime, Utc};

use super::{
    object::{Listing, Wanted, newest},
    words::quoted,
};
use crate::check::{FileNewestProbe, Outcome};

/// What was found of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderState {
    /// There is none.
    Missing,
    /// It is something else.
    NotAFolder,
    /// It was read to its end.
    Read {
        /// The files that fit, by their paths below the folder.
        files: Listing,
        /// The folders below that we may not read, and how many those are.
        closed: Option<(String, u64)>,
    },
    /// It holds more than one look takes in; so many entries were looked at.
    TooMuch(u64),
}

/// Judges a folder at `now`.
pub fn file_newest(probe: &FileNewestProbe, folder: &FolderState, now: DateTime<Utc>) -> Outcome {
    let (files, closed) = match folder {
        FolderState::Missing => return Outcome::new(probe.without_folder.into(), "the folder is not there"),
        FolderState::NotAFolder => return Outcome::new(probe.without_folder.into(), "it is not a folder"),
        FolderState::TooMuch(entries) => {
            return Outcome::unknown(format!("the folder holds more than {entries} entries"));
        }
        FolderState::Read { files, closed } => (files, closed),
    };
    if let Some((first, count)) = closed {
        let others = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        return Outcome::unknown(format!("may not read {}{others}: permission denied", quoted(first)));
    }
    let wanted = Wanted {
        noun: "file",
        place: "in the folder",
        below: "beginning with",
        prefix: &probe.prefix,
        suffix: &probe.suffix,
        max_age: probe.max_age,
        degraded_age: probe.degraded_age,
        min_size: probe.min_size,
    };
    newest(&wanted, files, now)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::check::{
        Verdict::{Degraded, Operational, Outage, Unknown},
        WithoutFolder,
        judge::NewestObject,
    };
    use crate::plan::quantity::{Period, Size};

    #[test]
    fn a_folder_is_judged_by_its_newest_file_once_everything_was_seen() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let probe = FileNewestProbe {
            endpoint: "dumps".parse().unwrap(),
            prefix: String::new(),
            suffix: ".dump".to_owned(),
            max_age: Period::from_secs(25 * 3_600),
            degraded_age: Some(Period::from_secs(24 * 3_600)),
            min_size: Size::from_bytes(10),
            without_folder: WithoutFolder::Outage,
        };
        let read = |seconds, size| FolderState::Read {
            files: Listing {
                objects: 3,
                newest: Some(NewestObject {
                    key: "a/b.dump".to_owned(),
                    size,
                    modified: now - TimeDelta::seconds(seconds),
                }),
            },
            closed: None,
        };
        let FolderState::Read { files, .. } = read(60, 10) else { unreachable!() };
        let closed = |count| FolderState::Read { files: files.clone(), closed: Some(("old".to_owned(), count)) };
        for (state, verdict, reason) in [
            (read(60, 10), Operational, "newest is 1m old, 10 B, of 3 files"),
            (read(24 * 3_600 + 1, 10), Degraded, "newest file is 1d old, limit 1d"),
            (read(26 * 3_600, 10), Outage, "newest file is 1d 2h old, limit 1d 1h"),
            (read(60, 9), Outage, "newest file has 9 B, expected at least 10 B"),
            (read(-3_600, 10), Unknown, "clock differs: the newest file is 1h in the future"),
            (FolderState::Read { files: Listing::default(), closed: None }, Outage, "no file ending in \".dump\""),
            (closed(1), Unknown, "may not read \"old\": permission denied"),
            (closed(3), Unknown, "may not read \"old\" and 2 more: permission denied"),
            (FolderState::TooMuch(100_000), Unknown, "the folder holds more than 100000 entries"),
            (FolderState::Missing, Outage, "the folder is not there"),
            (FolderState::NotAFolder, Outage, "it is not a folder"),
        ] {
            let outcome = file_newest(&probe, &state, now);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
        for (without_folder, verdict) in [(WithoutFolder::Degraded, Degraded), (WithoutFolder::Unknown, Unknown)] {
            let probe = FileNewestProbe { without_folder, ..probe.clone() };
            assert_eq!(file_newest(&probe, &FolderState::Missing, now).verdict, verdict);
        }
    }
}
