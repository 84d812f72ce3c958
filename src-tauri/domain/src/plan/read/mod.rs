//! Reading a plan's TOML so that *every* mistake is told at once, each with file, line, column and a hint.
//!
//! Serde stops at the first mistake, which at 3 am means one restart per typo. Here a table is read field by
//! field and faults are collected on the way; a value that could not be read is simply absent from the result.
//! One declaration (`table!`, `choice!`, `kinds!`) gives the type, its reader and its shape for editors.

mod depth;
mod fault;
mod macros;
mod shape;
mod values;

use std::{collections::BTreeMap, ops::Range};

use serde::Serialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub(crate) use self::{
    fault::shown,
    macros::{choice, default_value, doc_text, kinds, read_from_text, table},
};
pub use self::{
    fault::{Faults, PlanFault, Source},
    shape::Shapes,
};

/// The most values of a file whose places are kept, and how deep.
const MOST_PLACES: usize = 50_000;
const DEEPEST_PLACE: usize = 16;

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
    if let Some((at, what)) = depth::too_deep(source.text()) {
        faults.add(&(at..at), "", what, Some("Is a bracket or a quote missing before this?".to_owned()));
        return (None, faults.into_list());
    }
    let (document, errors) = DeTable::parse_recoverable(source.text());
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
