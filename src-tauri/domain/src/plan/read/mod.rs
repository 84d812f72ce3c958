//! Reading a plan's TOML so that *every* mistake is told at once, each with file, line, column and a hint.
//!
//! Serde stops at the first mistake, which at 3 am means one restart per typo. Here a table is read field by
//! field and faults are collected on the way; a value that could not be read is simply absent from the result.
//! One declaration (`table!`, `choice!`, `kinds!`) gives the type, its reader and its shape for editors.

mod depth;
mod macros;
mod shape;
mod values;

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use ts_rs::TS;

pub(crate) use self::macros::{choice, doc_text, kinds, read_from_text, table};
use self::shape::Recording;
pub use self::shape::Shapes;

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

/// The most values of a file whose places are kept, and how deep.
const MOST_PLACES: usize = 50_000;
const DEEPEST_PLACE: usize = 16;

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
    recording: Option<Recording>,
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
        let (line, column) = self.source.place(span.start);
        self.list.push(PlanFault {
            file: self.source.file.to_owned(),
            line,
            column,
            field: field.to_owned(),
            message: message.into(),
            hint,
        });
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
            self.list.push(PlanFault {
                file: self.source.file.to_owned(),
                line: 1,
                column: 1,
                field: String::new(),
                message: format!("more than {MOST_FAULTS} mistakes; the others are not listed"),
                hint: Some("Is this the right file?".to_owned()),
            });
        }
        self.list.sort();
        self.list.dedup();
        self.list
    }
}

/// Line and column of each value of a file, by dotted path, for what is found after reading.
pub type Places = BTreeMap<String, (u32, u32)>;

/// One value in a file, with its place and its dotted path.
#[derive(Debug, Clone)]
pub struct Node<'v, 'i> {
    value: &'v DeValue<'i>,
    span: Range<usize>,
    path: String,
}

impl<'v, 'i> Node<'v, 'i> {
    fn new(value: &'v Spanned<DeValue<'i>>, path: String) -> Self {
        Self { value: value.get_ref(), span: value.span(), path }
    }

    fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn expected(&self, what: &str, faults: &mut Faults<'_>) {
        let message = format!("expected {what}, found {}", self.kind());
        faults.add(&self.span, &self.path, message, None);
    }

    /// The text of a string, or a fault.
    pub fn text(&self, what: &str, faults: &mut Faults<'_>) -> Option<&'v str> {
        if let DeValue::String(text) = self.value {
            return Some(text.as_ref());
        }
        if let Some(recording) = &mut faults.recording {
            recording.text_wanted();
        }
        self.expected(what, faults);
        None
    }

    /// Whether it is a text.
    pub(crate) const fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// A fault at this value.
    pub fn fault(&self, message: impl Into<String>, hint: Option<String>, faults: &mut Faults<'_>) {
        faults.add(&self.span, &self.path, message, hint);
    }
}

/// Something that can be read from a plan file.
pub trait Read: Sized + Serialize {
    /// Reads the value; on a mistake adds to `faults` and gives nothing.
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self>;

    /// What an absent key means; nothing means that the key is required.
    fn absent() -> Option<Self> {
        None
    }

    /// What it looks like in a file, as JSON Schema. The reader of a table need not say it: it is observed.
    fn shape(shapes: &mut Shapes) -> serde_json::Value {
        shapes.table::<Self>()
    }
}

/// A table being read: remembers which keys were asked for, so that the others can be called unknown.
#[derive(Debug)]
pub struct TableReader<'v, 'i> {
    table: &'v DeTable<'i>,
    span: Range<usize>,
    path: String,
    asked: Vec<String>,
    whole: bool,
    unknown_keys_pardoned: bool,
}

impl<'v, 'i> TableReader<'v, 'i> {
    /// Opens a value as a table.
    pub fn open(node: &Node<'v, 'i>, faults: &mut Faults<'_>) -> Option<Self> {
        if let DeValue::Table(table) = node.value {
            return Some(Self {
                table,
                span: node.span.clone(),
                path: node.path.clone(),
                asked: Vec::new(),
                whole: true,
                unknown_keys_pardoned: false,
            });
        }
        node.expected("a table", faults);
        None
    }

    fn child(&self, key: &str) -> Option<Node<'v, 'i>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Node::new(value, self.path_of(key)))
    }

    fn path_of(&self, key: &str) -> String {
        let key = shown(key);
        if self.path.is_empty() { key.into_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the file has the key.
    pub fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// Reads a key; absent keys get `default`, or what the type says an absence means, or are a fault.
    pub fn field<T: Read>(&mut self, key: &str, default: Option<T>, faults: &mut Faults<'_>) -> Option<T> {
        self.described_field(key, "", default, faults)
    }

    /// Reads a key as [`Self::field`] does; `description` is what editors show of it.
    pub(crate) fn described_field<T: Read>(
        &mut self,
        key: &str,
        description: &'static str,
        default: Option<T>,
        faults: &mut Faults<'_>,
    ) -> Option<T> {
        self.asked.push(key.to_owned());
        if let Some(mut recording) = faults.recording.take() {
            recording.key(key, description, default.as_ref());
            faults.recording = Some(recording);
        }
        let value = if let Some(node) = self.child(key) {
            T::read(&node, faults)
        } else {
            let absent = default.or_else(T::absent);
            if absent.is_none() {
                faults.add(&self.span, &self.path_of(key), format!("\"{key}\" is missing"), None);
            }
            absent
        };
        self.whole &= value.is_some();
        value
    }

    /// A fault at a key, or at the table when the key is absent.
    pub fn fault(&mut self, key: &str, message: impl Into<String>, hint: Option<String>, faults: &mut Faults<'_>) {
        let span = self.child(key).map_or_else(|| self.span.clone(), |node| node.span);
        faults.add(&span, &self.path_of(key), message, hint);
        self.whole = false;
    }

    /// Keys nobody asks for are not called unknown: what would ask for them could not be read.
    pub(crate) fn pardon_unknown_keys(&mut self) {
        self.unknown_keys_pardoned = true;
    }

    /// Calls every key nobody asked for unknown. Answers whether the whole table could be read.
    pub fn finish(self, faults: &mut Faults<'_>) -> bool {
        if self.unknown_keys_pardoned {
            return self.whole;
        }
        for (name, _) in self.table {
            let key: &str = name.get_ref();
            if faults.is_full() {
                break;
            }
            if !self.asked.iter().any(|asked| asked == key) {
                let hint = nearest(key, self.asked.iter().map(String::as_str))
                    .map(|near| format!("Did you mean \"{near}\"?"))
                    .or_else(|| Some(format!("Known here: {}.", self.asked.join(", "))));
                faults.add(&name.span(), &self.path_of(key), format!("unknown key \"{}\"", shown(key)), hint);
            }
        }
        self.whole
    }
}

/// The known word a mistyped one most likely stands for.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Nothing near a long text is a slip of the finger.
    if word.len() > 100 {
        return None;
    }
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Reads a whole file. Syntax mistakes are collected too, and what could be parsed is still read.
pub fn read_part<T: Read>(source: &Source<'_>, places: &mut Places) -> (Option<T>, Vec<PlanFault>) {
    read_node(source, places, T::read)
}

/// Reads a whole file as [`read_part`] does, field by field; keys nobody asks for are unknown.
pub fn read_file<T>(
    source: &Source<'_>,
    places: &mut Places,
    read: impl FnOnce(&mut TableReader<'_, '_>, &mut Faults<'_>) -> Option<T>,
) -> (Option<T>, Vec<PlanFault>) {
    read_node(source, places, |node, faults| {
        let mut reader = TableReader::open(node, faults)?;
        let value = read(&mut reader, faults);
        reader.finish(faults).then_some(value).flatten()
    })
}

fn read_node<T>(
    source: &Source<'_>,
    places: &mut Places,
    read: impl FnOnce(&Node<'_, '_>, &mut Faults<'_>) -> Option<T>,
) -> (Option<T>, Vec<PlanFault>) {
    let mut faults = Faults::new(source);
    if let Some((at, what)) = depth::too_deep(source.text) {
        faults.add(&(at..at), "", what, Some("Is a bracket or a quote missing before this?".to_owned()));
        return (None, faults.into_list());
    }
    let (document, errors) = DeTable::parse_recoverable(source.text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        faults.add(&span, "", format!("not valid TOML: {}", shown(error.message())), None);
        if faults.is_full() {
            break;
        }
    }
    note_places(source, document.get_ref(), "", 0, places);
    let whole = DeValue::Table(document.into_inner());
    let value = read(&Node { value: &whole, span: 0..0, path: String::new() }, &mut faults);
    let faults = faults.into_list();
    (value.filter(|_| faults.is_empty()), faults)
}

fn note_places(source: &Source<'_>, table: &DeTable<'_>, path: &str, depth: usize, places: &mut Places) {
    for (name, value) in table {
        let key = shown(name.get_ref());
        let path = if path.is_empty() { key.into_owned() } else { format!("{path}.{key}") };
        note_place(source, value.get_ref(), path, name.span().start, depth, places);
    }
}

fn note_place(source: &Source<'_>, value: &DeValue<'_>, path: String, start: usize, depth: usize, places: &mut Places) {
    if depth > DEEPEST_PLACE || places.len() >= MOST_PLACES {
        return;
    }
    match value {
        DeValue::Table(inner) => note_places(source, inner, &path, depth + 1, places),
        DeValue::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let path = format!("{path}[{at}]");
                note_place(source, item.get_ref(), path, item.span().start, depth + 1, places);
                if places.len() >= MOST_PLACES {
                    break;
                }
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
    places.insert(path, source.place(start));
}
