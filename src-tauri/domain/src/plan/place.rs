//! Where the values of a plan stand, so that what is found later can be shown at its line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::read::{Places, PlanFault};

/// A place in a plan's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Place {
    /// The file, relative to the plan's folder.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Where each value of a plan stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanPlaces {
    files: BTreeMap<String, Places>,
}

impl PlanPlaces {
    /// The places of one file, to be filled in while it is read.
    pub(super) fn of_file(&mut self, file: &str) -> &mut Places {
        self.files.entry(file.to_owned()).or_default()
    }

    /// Where a value stands: its own key, else the nearest table around it that was written, else the file's start.
    /// `path` is dotted, with `[n]` for the entries of lists.
    pub fn place(&self, file: &str, path: &str) -> Place {
        let places = self.files.get(file);
        let mut path = path;
        let (line, column) = loop {
            if let Some(place) = places.and_then(|places| places.get(path)) {
                break *place;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => break (1, 1),
            }
        };
        Place { file: file.to_owned(), line, column }
    }

    /// A fault at a value.
    pub(super) fn fault(&self, file: &str, field: &str, message: String, hint: Option<String>) -> PlanFault {
        let Place { file, line, column } = self.place(file, field);
        PlanFault::new(&file, (line, column), field, message, hint)
    }
}
