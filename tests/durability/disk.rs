//! A disk in memory that knows what is on it for good and what is only on its way, and what a power cut may leave.
//!
//! Assumed, as ext4 does it in its usual mode: writes and lengths of a file are there for good once that file is
//! synced; a name that was made, changed or removed is there for good once its folder is synced, or the file it names.
//! [`Cut::Strict`] does without that last comfort: POSIX promises names only where the folder was synced. Until then
//! each write may be there, in whole sectors of 512 bytes or not at all, whatever became of those before it; an older
//! write to the same bytes never comes back after a newer one. The file of SQLite's shared memory (`-shm`) is never
//! synced and need not survive: it is left out, or full of nonsense.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

use crate::{dice::Dice, recording::Event};

const SECTOR: usize = 512;

/// What a power cut leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing.
    Dropped,
    /// Nothing, and no name that its folder's sync did not cover.
    Strict,
    /// Every name, and nothing that was written: files that were made stand there empty.
    Named,
    /// Everything.
    Kept,
    /// Of each write the first so many bytes.
    Torn(usize),
    /// Each write or not, as chance has it.
    Some(u64),
    /// Each sector of each write or not, as chance has it, and names up to some moment.
    Scattered(u64),
}

#[derive(Debug, Clone)]
enum Change {
    Written { offset: usize, bytes: Vec<u8> },
    Length(usize),
    Reserved(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Written { offset, bytes } => put(to, *offset, bytes),
            Self::Length(length) => to.resize(*length, 0),
            Self::Reserved(length) => to.resize(to.len().max(*length), 0),
        }
    }
}

fn put(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if to.len() < offset + bytes.len() {
        to.resize(offset + bytes.len(), 0);
    }
    to[offset..offset + bytes.len()].copy_from_slice(bytes);
}

#[derive(Debug, Clone, Default)]
struct File {
    safe: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Naming {
    Made(PathBuf, u64),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

type Names = BTreeMap<PathBuf, u64>;

impl Naming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Made(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Removed(path) => {
                names.remove(path);
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let (one, other) = match self {
            Self::Made(path, _) | Self::Removed(path) => (path, None),
            Self::Renamed(from, to) => (from, Some(to)),
        };
        std::iter::once(one).chain(other)
    }

    fn is_in(&self, folder: &Path) -> bool {
        self.paths().any(|path| path.parent() == Some(folder))
    }
}

/// The reserve is large and holds nothing that is ever read: an image has eight bytes that say how long it is.
pub(crate) fn is_noise(path: &Path) -> bool {
    path.to_string_lossy().starts_with("journal.reserve")
}

/// The files of an image by their path below the home.
pub(crate) type Image = BTreeMap<PathBuf, Vec<u8>>;

/// The disk after some events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    files: HashMap<u64, File>,
    folders: HashMap<u64, PathBuf>,
    /// Files of which only the length matters, and is all that is kept.
    noise: HashSet<u64>,
    /// Names as the program sees them, as they are for good, and only where folders were synced.
    names: Names,
    safe: Names,
    strict: Names,
    pending: Vec<(Naming, u64)>,
    strictly_pending: Vec<(Naming, u64)>,
}

impl Disk {
    /// One more event. Acknowledgements and injected failures are not the disk's.
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::Made { file, path } => {
                self.files.insert(*file, File::default());
                if is_noise(path) {
                    self.noise.insert(*file);
                } else {
                    self.noise.remove(file);
                }
                self.name(Naming::Made(path.clone(), *file), *file);
            }
            Event::Linked { file, path } => self.name(Naming::Made(path.clone(), *file), *file),
            Event::Folder { file, path } => {
                self.folders.insert(*file, path.clone());
            }
            Event::Written { file, offset, bytes } => {
                let change = if self.noise.contains(file) {
                    let length = offset + bytes.len() as u64;
                    Change::Written { offset: 0, bytes: length.to_le_bytes().to_vec() }
                } else {
                    Change::Written { offset: *offset as usize, bytes: bytes.clone() }
                };
                self.files.entry(*file).or_default().pending.push(change);
            }
            Event::Length { file, length } => {
                self.files.entry(*file).or_default().pending.push(Change::Length(*length as usize));
            }
            Event::Reserved { file, length } => {
                self.files.entry(*file).or_default().pending.push(Change::Reserved(*length as usize));
            }
            Event::Renamed { from, to } => {
                let file = self.names.get(from).copied().unwrap_or(0);
                self.name(Naming::Renamed(from.clone(), to.clone()), file);
            }
            Event::Removed { path } => {
                let file = self.names.get(path).copied().unwrap_or(0);
                self.name(Naming::Removed(path.clone()), file);
            }
            Event::Synced { file } => self.sync(*file),
            // The pages count as clean and are nowhere: no later sync brings them back.
            Event::SyncFailed { file } => {
                if let Some(file) = self.files.get_mut(file) {
                    file.pending.clear();
                }
            }
            Event::FolderMade { .. } | Event::Said(_) | Event::Failed { .. } => {}
        }
    }

    fn name(&mut self, naming: Naming, file: u64) {
        naming.apply(&mut self.names);
        self.pending.push((naming.clone(), file));
        self.strictly_pending.push((naming, file));
    }

    fn sync(&mut self, number: u64) {
        if let Some(file) = self.files.get_mut(&number) {
            for change in std::mem::take(&mut file.pending) {
                change.apply(&mut file.safe);
            }
        }
        let folder = self.folders.get(&number);
        let in_folder = |naming: &Naming| folder.is_some_and(|folder| naming.is_in(folder));
        settle(&mut self.pending, &mut self.safe, |naming, file| file == number || in_folder(naming));
        settle(&mut self.strictly_pending, &mut self.strict, |naming, _| in_folder(naming));
    }

    /// The files as a power cut at this moment may leave them.
    pub(crate) fn image(&self, cut: Cut) -> Image {
        let mut dice = Dice::new(match cut {
            Cut::Some(seed) | Cut::Scattered(seed) => seed,
            Cut::Dropped | Cut::Strict | Cut::Named | Cut::Kept | Cut::Torn(_) => 0,
        });
        let names = match cut {
            Cut::Dropped => self.safe.clone(),
            Cut::Strict => self.strict.clone(),
            Cut::Named | Cut::Kept | Cut::Torn(_) | Cut::Some(_) => self.names.clone(),
            Cut::Scattered(_) => {
                let mut names = self.safe.clone();
                let until = dice.below(self.pending.len() as u64 + 1) as usize;
                self.pending[..until].iter().for_each(|(naming, _)| naming.apply(&mut names));
                names
            }
        };
        let mut image = Image::new();
        for (path, number) in names {
            if path.to_string_lossy().ends_with("-shm") {
                if matches!(cut, Cut::Torn(_) | Cut::Scattered(_)) {
                    image.insert(path, vec![0xa5; 32_768]);
                }
                continue;
            }
            let Some(file) = self.files.get(&number) else { continue };
            let mut bytes = file.safe.clone();
            for change in &file.pending {
                leave(change, cut, &mut dice, &mut bytes);
            }
            image.insert(path, bytes);
        }
        image
    }
}

/// Makes the names for good that a sync covers, and what was done to the same names before.
fn settle(pending: &mut Vec<(Naming, u64)>, safe: &mut Names, covers: impl Fn(&Naming, u64) -> bool) {
    let mut covered: HashSet<PathBuf> = HashSet::new();
    let mut settled = Vec::new();
    for (naming, file) in std::mem::take(pending).into_iter().rev() {
        if covers(&naming, file) || naming.paths().any(|path| covered.contains(path)) {
            covered.extend(naming.paths().cloned());
            settled.push(naming);
        } else {
            pending.push((naming, file));
        }
    }
    pending.reverse();
    settled.iter().rev().for_each(|naming| naming.apply(safe));
}

fn leave(change: &Change, cut: Cut, dice: &mut Dice, bytes: &mut Vec<u8>) {
    match (cut, change) {
        (Cut::Dropped | Cut::Strict | Cut::Named, _) => {}
        (Cut::Kept, _) | (Cut::Torn(_), Change::Length(_) | Change::Reserved(_)) => change.apply(bytes),
        (Cut::Torn(most), Change::Written { offset, bytes: written }) => {
            put(bytes, *offset, &written[..written.len().min(most)]);
        }
        (Cut::Scattered(_), Change::Written { offset, bytes: written }) => {
            // The sectors are the disk's, so a write may begin in the middle of one.
            let mut at = 0;
            while at < written.len() {
                let end = written.len().min(at + SECTOR - (offset + at) % SECTOR);
                if dice.coin() {
                    put(bytes, offset + at, &written[at..end]);
                }
                at = end;
            }
        }
        (Cut::Some(_) | Cut::Scattered(_), _) => {
            if dice.coin() {
                change.apply(bytes);
            }
        }
    }
}

#[test]
fn what_was_not_synced_may_be_gone_and_what_was_is_there() {
    let event = |offset, text: &str| Event::Written { file: 1, offset, bytes: text.as_bytes().to_vec() };
    let mut disk = Disk::default();
    disk.take(&Event::Folder { file: 9, path: PathBuf::new() });
    disk.take(&Event::Made { file: 1, path: "a".into() });
    disk.take(&event(0, "one"));
    assert_eq!(disk.image(Cut::Dropped), Image::new());
    assert_eq!(disk.image(Cut::Kept), Image::from([("a".into(), b"one".to_vec())]));
    disk.take(&Event::Synced { file: 1 });
    disk.take(&event(3, "two"));
    disk.take(&Event::Renamed { from: "a".into(), to: "b".into() });
    assert_eq!(disk.image(Cut::Dropped), Image::from([("a".into(), b"one".to_vec())]));
    assert_eq!(disk.image(Cut::Strict), Image::new(), "its folder was not synced");
    assert_eq!(disk.image(Cut::Torn(1)), Image::from([("b".into(), b"onet".to_vec())]));
    let some: Vec<Image> = (0..20).map(|seed| disk.image(Cut::Some(seed))).collect();
    assert!(
        some.iter().any(|image| image[Path::new("b")] == b"one")
            && some.iter().any(|image| image[Path::new("b")] == b"onetwo")
    );
    disk.take(&Event::Synced { file: 9 });
    assert_eq!(disk.image(Cut::Strict), Image::from([("b".into(), b"one".to_vec())]));
    disk.take(&Event::SyncFailed { file: 1 });
    disk.take(&event(6, "three"));
    disk.take(&Event::Synced { file: 1 });
    assert_eq!(disk.image(Cut::Dropped), Image::from([("b".into(), b"one\0\0\0three".to_vec())]), "lost for good");
}
