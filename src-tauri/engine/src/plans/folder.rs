//! A plan's folder as files. Only what could be meant as part of the plan is read; what must not be read, such as a
//! link that leads out of the folder, is a fault of the plan.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use lifeboat_domain::plan::{LARGEST_FILE, PlanFile, belongs, read::PlanFault};

use super::PlansError;

/// The most files a plan may have.
const MOST_FILES: usize = 200;
/// How deep folders may be nested.
const DEEPEST: usize = 4;

/// The plan's files in the order of their names, and what kept others from being read.
pub(super) fn read(folder: &Path) -> Result<(Vec<PlanFile>, Vec<PlanFault>), PlansError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PlansError::Missing(folder.to_owned()),
        _ => PlansError::Folder { path: folder.to_owned(), source },
    };
    let root = folder.canonicalize().map_err(failed)?;
    if !root.is_dir() {
        return Err(PlansError::Missing(folder.to_owned()));
    }
    let mut found = Found { root: &root, files: Vec::new(), faults: Vec::new(), seen: 0 };
    found.folder(&root, "", 0).map_err(failed)?;
    if found.seen > MOST_FILES {
        let message = format!("more than {MOST_FILES} files");
        let hint = "Is this the right folder? A plan has plan.toml, checks.toml and environments/*.toml.";
        found.faults.push(PlanFault::of_file("", message, Some(hint.to_owned())));
    }
    found.files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((found.files, found.faults))
}

struct Found<'a> {
    root: &'a Path,
    files: Vec<PlanFile>,
    faults: Vec<PlanFault>,
    seen: usize,
}

impl Found<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else { continue };
            if is_left_by_others(&name) || self.seen > MOST_FILES {
                continue;
            }
            let path = entry.path();
            let is_part = belongs(&name);
            let metadata = match self.inside(&path) {
                Ok(metadata) => metadata,
                Err(message) if is_part => {
                    self.faults.push(PlanFault::of_file(&name, message, None));
                    continue;
                }
                // A link to somewhere else that would be no part was not meant as part of the plan.
                Err(_) => continue,
            };
            if metadata.is_dir() {
                if depth < DEEPEST {
                    self.folder(&path, &format!("{name}/"), depth + 1)?;
                }
            } else if is_part {
                self.seen += 1;
                self.file(&path, name, &metadata);
            }
        }
        Ok(())
    }

    /// What is at a path, if it is inside the plan's folder.
    fn inside(&self, path: &Path) -> Result<fs::Metadata, String> {
        let real = path.canonicalize().map_err(|error| format!("cannot be read: {error}"))?;
        if !real.starts_with(self.root) {
            return Err("a link that leads out of the plan's folder".to_owned());
        }
        real.metadata().map_err(|error| format!("cannot be read: {error}"))
    }

    fn file(&mut self, path: &Path, name: String, metadata: &fs::Metadata) {
        if !metadata.is_file() {
            self.faults.push(PlanFault::of_file(&name, "not a file that can be read as text", None));
            return;
        }
        let mut bytes = Vec::new();
        // One byte more than allowed is enough for the domain to say that the file is too large.
        let read = File::open(path).and_then(|file| file.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => self.files.push(PlanFile { name, bytes }),
            Err(error) => self.faults.push(PlanFault::of_file(&name, format!("cannot be read: {error}"), None)),
        }
    }
}

/// Hidden files, and what editors leave beside the real ones under a name that ends like theirs.
fn is_left_by_others(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.starts_with(['.', '#']) || last.ends_with(['~', '#'])
}
