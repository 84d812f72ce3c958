//! The mistakes of a plan's file: collected while it is read, each at its line and column.

use std::{borrow::Cow, ops::Range};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::shape::Recording;
use crate::text::visible;

/// One mistake in a plan, at its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
#[ts(export)]
pub struct PlanFault {
    /// The file, relative to the plan's folder.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The dotted path of the value, such as `checks.api.interval`; empty when the file itself is at fault.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl PlanFault {
    /// A mistake at a line and column. Its words are shown to people, and may hold what a file says: they are kept on
    /// one line, with what would steer a terminal written out.
    pub fn new(
        file: &str,
        (line, column): (u32, u32),
        field: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let file = visible(file).into_owned();
        let field = visible(field).into_owned();
        Self { file, line, column, field, message: plain(message.into()), hint: hint.map(plain) }
    }

    /// A mistake of a whole file.
    pub fn of_file(file: &str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self::new(file, (1, 1), "", message, hint)
    }
}

/// The same text where it is plain already, as nearly all are.
fn plain(text: String) -> String {
    match visible(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(plain) => plain,
    }
}

/// A plan file's text, able to turn byte offsets into lines and columns.
#[derive(Debug)]
pub struct Source<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    /// Prepares a text for reading; `file` is its name in messages.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { file, text, line_starts: std::iter::once(0).chain(starts).collect() }
    }

    /// The whole text.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Line and column, from 1, of a byte offset.
    pub fn place(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        // Characters are counted where people look; far out on a line bytes have to do, or long lines take forever.
        let counted = offset.min(start + LONGEST_COUNTED);
        let before = self.text.as_bytes().get(start..counted).unwrap_or_default();
        let characters = before.iter().filter(|byte| !matches!(byte, 0x80..=0xbf)).count();
        let column = characters + (offset - counted) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

/// How far into a line columns are counted in characters.
const LONGEST_COUNTED: usize = 512;

/// The most faults told of one file.
const MOST_FAULTS: usize = 1_000;

/// A text short enough to be shown in a message.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
    }
}

/// Collects the faults of one file.
#[derive(Debug)]
pub struct Faults<'a> {
    source: &'a Source<'a>,
    list: Vec<PlanFault>,
    more: bool,
    /// What is read, when the schema is made.
    pub(super) recording: Option<Recording>,
}

impl<'a> Faults<'a> {
    /// No faults yet.
    pub fn new(source: &'a Source<'a>) -> Self {
        Self { source, list: Vec::new(), more: false, recording: None }
    }

    /// Adds a fault at a byte range of the file.
    pub fn add(&mut self, span: &Range<usize>, field: &str, message: impl Into<String>, hint: Option<String>) {
        if self.is_full() {
            self.more = true;
            return;
        }
        let place = self.source.place(span.start);
        self.list.push(PlanFault::new(self.source.file, place, field, message, hint));
    }

    /// Says what is being read, for the schema.
    pub(crate) fn describe(&mut self, description: &'static str) {
        if let Some(recording) = &mut self.recording {
            recording.describe(description);
        }
    }

    /// Whether there are so many that further ones are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MOST_FAULTS
    }

    /// All faults so far, in the order of the file.
    pub fn into_list(mut self) -> Vec<PlanFault> {
        if self.more {
            let message = format!("more than {MOST_FAULTS} mistakes; the others are not listed");
            self.list.push(PlanFault::of_file(self.source.file, message, Some("Is this the right file?".to_owned())));
        }
        self.list.sort();
        self.list.dedup();
        self.list
    }
}
