//! Faults of files: buckets, objects, backups and dumps. What is broken is moved aside whole and moved back as it was.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::Fault;
use crate::{
    backup,
    data::{BACKUPS, MEDIA},
    error::RangeError,
    place::blocking,
    serve::Range,
};

impl Range {
    fn media_bucket(&self) -> (PathBuf, PathBuf) {
        (self.place.objects().join(MEDIA), self.place.aside().join(MEDIA))
    }

    pub(super) fn take_bucket_away(&self) -> Result<(), RangeError> {
        let (from, to) = self.media_bucket();
        if from.exists() { rename(&from, &to) } else { Ok(()) }
    }

    pub(super) fn mend_bucket(&self) -> Result<(), RangeError> {
        let (to, from) = self.media_bucket();
        if from.exists() { rename(&from, &to) } else { Ok(()) }
    }

    /// The media bucket's folder, wherever it is now.
    pub(super) fn media_folder(&self) -> PathBuf {
        let (here, aside) = self.media_bucket();
        if aside.exists() { aside } else { here }
    }

    /// Which objects follows from their names, so that the two damages never meet in one.
    pub(super) async fn damage_media(&self, fault: Fault) -> Result<(), RangeError> {
        let (kept, media) = (self.place.aside().join(fault.name()), self.media_folder());
        let corrupts = fault == Fault::ObjectCorrupted;
        blocking(move || {
            let digits = if corrupts { 0..5 } else { 5..10 };
            let moved = put_aside(&media, &kept, |file| last_digit(file).is_some_and(|digit| digits.contains(&digit)))?;
            for path in moved.iter().filter(|_| corrupts) {
                corrupt(&kept.join(path), &media.join(path)).map_err(RangeError::file("damage", media.join(path)))?;
            }
            Ok(())
        })
        .await
    }

    /// Moves today's dump away; the one before it is three days old.
    pub(super) fn miss_dump(&self) -> Result<(), RangeError> {
        let dumps = self.place.dumps();
        let modified = |file: &PathBuf| file.metadata().and_then(|there| there.modified()).ok();
        let newest = files_below(&dumps)?.into_iter().max_by_key(modified);
        let kept = self.place.aside().join(Fault::DumpMissed.name());
        put_aside(&dumps, &kept, |file| Some(file) == newest.as_deref()).map(|_| ())
    }

    /// Moves the newest dump and its manifest away, and the day with them: a store has no empty folders.
    pub(super) fn delete_newest_backup(&self) -> Result<(), RangeError> {
        let Some((dump, manifest)) = backup::newest(&self.place.objects().join(BACKUPS)) else { return Ok(()) };
        let Some(day) = dump.parent() else { return Ok(()) };
        let kept = self.kept_backup(day);
        fs::create_dir_all(&kept).map_err(RangeError::file("create", &kept))?;
        for path in [&dump, &manifest] {
            if let Some(name) = path.file_name().filter(|_| path.exists()) {
                rename(path, &kept.join(name))?;
            }
        }
        let _ = fs::remove_dir(day);
        Ok(())
    }

    fn kept_backup(&self, day: &Path) -> PathBuf {
        self.place.aside().join("daily").join(day.file_name().unwrap_or_default())
    }

    pub(super) fn mend_newest_backup(&self) -> Result<(), RangeError> {
        let kept = self.place.aside().join("daily");
        let Ok(days) = fs::read_dir(&kept) else { return Ok(()) };
        for day in days.flatten() {
            let to = self.place.objects().join(BACKUPS).join("daily").join(day.file_name());
            fs::create_dir_all(&to).map_err(RangeError::file("create", &to))?;
            for file in fs::read_dir(day.path()).map_err(RangeError::file("read", day.path()))?.flatten() {
                rename(&file.path(), &to.join(file.file_name()))?;
            }
        }
        fs::remove_dir_all(&kept).map_err(RangeError::file("remove", &kept))
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), RangeError> {
    fs::rename(from, to).map_err(RangeError::file("move", from))
}

/// Moves chosen files of a folder aside, each to the same path below `kept`.
fn put_aside(folder: &Path, kept: &Path, chosen: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, RangeError> {
    let mut moved = Vec::new();
    for file in files_below(folder)?.into_iter().filter(|file| chosen(file)) {
        let Ok(path) = file.strip_prefix(folder) else { continue };
        let to = kept.join(path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(RangeError::file("create", parent))?;
        }
        rename(&file, &to)?;
        moved.push(path.to_owned());
    }
    Ok(moved)
}

/// Moves everything back, over whatever stands there.
pub(super) fn put_back(kept: &Path, folder: &Path) -> Result<(), RangeError> {
    if !kept.exists() {
        return Ok(());
    }
    for file in files_below(kept)? {
        let Ok(path) = file.strip_prefix(kept) else { continue };
        let to = folder.join(path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(RangeError::file("create", parent))?;
        }
        rename(&file, &to)?;
    }
    fs::remove_dir_all(kept).map_err(RangeError::file("remove", kept))
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, RangeError> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let failed = || RangeError::file("read", &folder);
        for entry in fs::read_dir(&folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let kind = entry.file_type().map_err(failed())?;
            if kind.is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    Ok(found)
}

/// The last digit of an object's identity, in hexadecimal.
fn last_digit(file: &Path) -> Option<u32> {
    file.file_stem()?.to_str()?.chars().next_back()?.to_digit(16)
}

/// The same file with its last byte wrong, of the same size and time.
fn corrupt(original: &Path, to: &Path) -> io::Result<()> {
    let mut content = fs::read(original)?;
    if let Some(last) = content.last_mut() {
        *last ^= 1;
    }
    let mut file = fs::File::create(to)?;
    file.write_all(&content)?;
    file.set_modified(fs::metadata(original)?.modified()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_comes_back_as_it_was() {
        let (folder, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let kept = aside.path().join("kept");
        for name in ["2026/11/a0.jpg", "2026/11/b7.jpg", "2026/12/c3.jpg"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let before = fs::metadata(folder.path().join("2026/11/a0.jpg")).unwrap().modified().unwrap();
        let moved = put_aside(folder.path(), &kept, |path| last_digit(path).is_some_and(|digit| digit < 5)).unwrap();
        assert_eq!(moved.len(), 2);
        for path in &moved {
            corrupt(&kept.join(path), &folder.path().join(path)).unwrap();
        }
        let damaged = fs::read(folder.path().join("2026/11/a0.jpg")).unwrap();
        assert_eq!((damaged.len(), damaged == b"2026/11/a0.jpg"), (14, false));
        assert_eq!(fs::metadata(folder.path().join("2026/11/a0.jpg")).unwrap().modified().unwrap(), before);
        fs::remove_file(folder.path().join("2026/12/c3.jpg")).unwrap();
        for _ in 0..2 {
            put_back(&kept, folder.path()).unwrap();
            for path in ["2026/11/a0.jpg", "2026/11/b7.jpg", "2026/12/c3.jpg"] {
                assert_eq!(fs::read(folder.path().join(path)).unwrap(), path.as_bytes());
            }
            assert!(!kept.exists());
        }
    }
}
