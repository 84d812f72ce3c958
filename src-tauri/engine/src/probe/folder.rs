//! The newest file below a folder of this computer. Links are not followed, so a look never leaves the folder.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    check::{
        FileNewestProbe, Outcome,
        judge::{self, CouldNot, FolderState, Listing, NewestObject},
    },
    environment::Target,
};

use super::{Attempt, Stage, locked, wrong_kind};

/// Entries one look takes in.
const ENTRIES: u64 = 200_000;

/// Folders that are being looked at. A mount that hangs holds its look for good: another would hang beside it.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<BTreeSet<PathBuf>>);

pub(super) async fn newest(attempt: &Attempt<'_>, probe: &FileNewestProbe) -> Result<Outcome, CouldNot> {
    let Target::Folder { path } = attempt.target(&probe.endpoint)? else { return Err(wrong_kind()) };
    let folder = PathBuf::from(path);
    let shared = Arc::clone(&attempt.prober.shared);
    if !locked(&shared.looks.0).insert(folder.clone()) {
        return Err(CouldNot::Local("the folder has not answered the last look yet".to_owned()));
    }
    let stop = Stop::default();
    let (told, given_up) = (Pattern { prefix: probe.prefix.clone(), suffix: probe.suffix.clone() }, stop.0.clone());
    attempt.now_at(Stage::Folder);
    let looked = tokio::task::spawn_blocking(move || {
        let state = look(&folder, &told, ENTRIES, &given_up);
        locked(&shared.looks.0).remove(&folder);
        state
    });
    let state = looked.await.map_err(|_| CouldNot::Local("the folder could not be read".to_owned()))?;
    drop(stop);
    Ok(judge::file_newest(probe, &state.map_err(|error| CouldNot::Local(words(&error)))?, Utc::now()))
}

/// Ends a look when nobody waits for it any more.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Pattern {
    prefix: String,
    suffix: String,
}

fn words(error: &io::Error) -> String {
    let words = error.to_string();
    format!("the folder cannot be read: {}", words.split(" (os error").next().unwrap_or(&words).to_lowercase())
}

/// Looks at every file below a folder, or until `most` entries.
fn look(folder: &Path, pattern: &Pattern, most: u64, given_up: &AtomicBool) -> io::Result<FolderState> {
    match fs::metadata(folder) {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return Ok(FolderState::NotAFolder),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => return Ok(FolderState::Missing),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotADirectory) => return Ok(FolderState::NotAFolder),
        Err(error) => return Err(error),
    }
    let mut files = Listing::default();
    let mut closed: Option<(String, u64)> = None;
    let mut seen = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let name = below(folder, &next);
                closed = Some(closed.map_or((name, 1), |(first, count)| (first, count + 1)));
                continue;
            }
            // Removed since it was seen.
            Err(error) if error.kind() == io::ErrorKind::NotFound && next != folder => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            seen += 1;
            if seen > most {
                return Ok(FolderState::TooMuch(most));
            }
            if given_up.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            // Neither of these follows a link.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && fits(&entry, pattern) {
                match entry.metadata().and_then(|there| Ok((there.len(), there.modified()?))) {
                    Ok((size, modified)) => {
                        let modified: DateTime<Utc> = modified.into();
                        files.take("", NewestObject { key: below(folder, &entry.path()), size, modified });
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(FolderState::Read { files, closed })
}

fn fits(entry: &fs::DirEntry, pattern: &Pattern) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    name.starts_with(&pattern.prefix) && name.ends_with(&pattern.suffix)
}

/// A path as seen from the folder; the folder itself by its own path.
fn below(folder: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let shown = if relative.as_os_str().is_empty() { folder } else { relative };
    shown.to_string_lossy().into_owned()
}
