//! Faults of the object store and the backups: what is there is moved aside, and back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    backup,
    data::{BACKUPS, MEDIA},
    error::RangeError,
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
