//! How the background process tells the one that started it how far it is: a line of JSON for each step, in a file
//! that belongs to that one start. A file is simple, survives either end, and tells two starts at once apart.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use lifeboat_domain::Problem;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::Progress;

/// The environment variable that names the file.
pub(crate) const VARIABLE: &str = "LIFEBOAT_RANGE_PROGRESS";

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Line {
    /// A step begins.
    Step(Progress),
    /// The range is up.
    Ready,
    /// It will not come up.
    Failed(Problem),
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct Teller {
    file: Option<File>,
    done: u32,
    of: u32,
}

impl Teller {
    /// Tells whoever set the variable, or nobody.
    pub(crate) fn from_environment(of: u32) -> Self {
        let path = std::env::var_os(VARIABLE).map(PathBuf::from);
        let file = path.and_then(|path| File::options().append(true).open(path).ok());
        Self { file, done: 0, of }
    }

    /// Whether somebody waits for the range to come up.
    pub(crate) const fn is_heard(&self) -> bool {
        self.file.is_some()
    }

    /// A step begins; the one before it is done.
    pub(crate) fn step(&mut self, step: impl Into<String>) {
        let step = step.into();
        tracing::info!(done = self.done, of = self.of, "{step}");
        self.tell(&Line::Step(Progress { step, done: self.done, of: self.of }));
        self.done += 1;
    }

    /// The last word.
    pub(crate) fn tell(&mut self, line: &Line) {
        if let Some(file) = &mut self.file
            && let Ok(mut text) = serde_json::to_vec(line)
        {
            text.push(b'\n');
            // Nobody may be reading any more; the range comes up all the same.
            let _ = file.write_all(&text);
        }
    }
}

/// Cancels `ending` when the one that started this process ends before it has taken the range over. It holds the
/// other end of this process's standard input and writes one byte once the range is up; the end of a process, also of
/// one that is killed, closes what it holds.
pub(crate) fn end_with_starter(ending: CancellationToken) {
    // A thread of its own: what waits for input can wait forever, and must not keep the runtime from ending.
    std::thread::spawn(move || {
        let mut byte = [0];
        if !matches!(std::io::stdin().read(&mut byte), Ok(1)) {
            tracing::warn!("whoever started this range has ended");
            ending.cancel();
        }
    });
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Listener {
    reader: BufReader<File>,
    partial: String,
}

impl Listener {
    /// Reads the file from its beginning.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self { reader: BufReader::new(File::open(path)?), partial: String::new() })
    }

    /// The next whole line, if it has been written.
    pub(crate) fn next(&mut self) -> Option<Line> {
        self.reader.read_line(&mut self.partial).ok()?;
        if !self.partial.ends_with('\n') {
            return None;
        }
        serde_json::from_str(&std::mem::take(&mut self.partial)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let file = File::create(&path).unwrap();
        let mut listener = Listener::open(&path).unwrap();
        assert_eq!(listener.next(), None);
        let mut teller = Teller { file: Some(file.try_clone().unwrap()), done: 0, of: 2 };
        teller.step("Looking");
        (&file).write_all(b"\"rea").unwrap();
        assert_eq!(listener.next(), Some(Line::Step(Progress { step: "Looking".to_owned(), done: 0, of: 2 })));
        assert_eq!(listener.next(), None);
        (&file).write_all(b"dy\"\n").unwrap();
        assert_eq!(listener.next(), Some(Line::Ready));
    }
}
