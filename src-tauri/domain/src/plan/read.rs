//! Reading a plan's TOML so that *every* mistake is told at once, each with file, line, column and a hint.
//!
//! Serde stops at the first mistake, which at 3 am means one restart per typo. Here a table is read field by
//! field and faults are collected on the way; a value that could not be read is simply absent from the result.
//! One declaration (`table!`, `choice!`) gives the type and its reader, so the two cannot drift apart.

use std::{collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use ts_rs::TS;

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

    fn place(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
    }
}

/// Collects the faults of one file.
#[derive(Debug)]
pub struct Faults<'a> {
    source: &'a Source<'a>,
    list: Vec<PlanFault>,
}

impl<'a> Faults<'a> {
    /// No faults yet.
    pub fn new(source: &'a Source<'a>) -> Self {
        Self { source, list: Vec::new() }
    }

    /// Adds a fault at a byte range of the file.
    pub fn add(&mut self, span: &Range<usize>, field: &str, message: impl Into<String>, hint: Option<String>) {
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

    /// All faults so far, in the order of the file.
    pub fn into_list(mut self) -> Vec<PlanFault> {
        self.list.sort();
        self.list.dedup();
        self.list
    }
}

/// Where each value of a file stands, by dotted path, for faults found after reading.
pub type Places = BTreeMap<String, (String, u32, u32)>;

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
        self.expected(what, faults);
        None
    }

    /// A fault at this value.
    pub fn fault(&self, message: impl Into<String>, hint: Option<String>, faults: &mut Faults<'_>) {
        faults.add(&self.span, &self.path, message, hint);
    }
}

/// Something that can be read from a plan file.
pub trait Read: Sized {
    /// Reads the value; on a mistake adds to `faults` and gives nothing.
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self>;

    /// What an absent key means; nothing means that the key is required.
    fn absent() -> Option<Self> {
        None
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
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the file has the key.
    pub fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// Reads a key; absent keys get `default`, or what the type says an absence means, or are a fault.
    pub fn field<T: Read>(&mut self, key: &str, default: Option<T>, faults: &mut Faults<'_>) -> Option<T> {
        self.asked.push(key.to_owned());
        let value = if let Some(node) = self.child(key) {
            T::read(&node, faults)
        } else {
            if let Some(value) = default.or_else(T::absent) {
                return Some(value);
            }
            faults.add(&self.span, &self.path_of(key), format!("\"{key}\" is missing"), None);
            None
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

    /// Calls every key nobody asked for unknown. Answers whether the whole table could be read.
    pub fn finish(self, faults: &mut Faults<'_>) -> bool {
        for (name, _) in self.table {
            let key: &str = name.get_ref();
            if !self.asked.iter().any(|asked| asked == key) {
                let hint = nearest(key, self.asked.iter().map(String::as_str))
                    .map(|near| format!("Did you mean \"{near}\"?"))
                    .or_else(|| Some(format!("Known here: {}.", self.asked.join(", "))));
                faults.add(&name.span(), &self.path_of(key), format!("unknown key \"{key}\""), hint);
            }
        }
        self.whole
    }
}

/// The known word a mistyped one most likely stands for.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Reads a whole file. Syntax mistakes are collected too, and what could be parsed is still read.
pub fn read_file<T>(
    source: &Source<'_>,
    places: &mut Places,
    read: impl FnOnce(&mut TableReader<'_, '_>, &mut Faults<'_>) -> Option<T>,
) -> (Option<T>, Vec<PlanFault>) {
    let mut faults = Faults::new(source);
    let (document, errors) = DeTable::parse_recoverable(source.text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        faults.add(&span, "", format!("not valid TOML: {}", error.message()), None);
    }
    note_places(source, document.get_ref(), "", places);
    let mut reader =
        TableReader { table: document.get_ref(), span: 0..0, path: String::new(), asked: Vec::new(), whole: true };
    let value = read(&mut reader, &mut faults);
    let whole = reader.finish(&mut faults);
    let faults = faults.into_list();
    (value.filter(|_| whole && faults.is_empty()), faults)
}

fn note_places(source: &Source<'_>, table: &DeTable<'_>, path: &str, places: &mut Places) {
    for (name, value) in table {
        let key: &str = name.get_ref();
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let (line, column) = source.place(name.span().start);
        if let DeValue::Table(inner) = value.get_ref() {
            note_places(source, inner, &path, places);
        }
        places.insert(path, (source.file.to_owned(), line, column));
    }
}

impl Read for String {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        node.text("a text", faults).map(str::to_owned)
    }
}

impl Read for bool {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        if let DeValue::Boolean(value) = node.value {
            return Some(*value);
        }
        node.expected("true or false", faults);
        None
    }
}

macro_rules! read_whole_number {
    ($($type:ty),*) => {$(
        impl Read for $type {
            fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
                let DeValue::Integer(number) = node.value else {
                    node.expected("a whole number", faults);
                    return None;
                };
                let value = <$type>::from_str_radix(number.as_str(), number.radix()).ok();
                if value.is_none() {
                    node.fault(format!("{number} is not between {} and {}", <$type>::MIN, <$type>::MAX), None, faults);
                }
                value
            }
        }
    )*};
}
read_whole_number!(u16, u32, u64, i64);

impl Read for f64 {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let text = match node.value {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => {
                node.expected("a number", faults);
                return None;
            }
        };
        let value = text.parse::<Self>().ok().filter(|value| value.is_finite());
        if value.is_none() {
            node.fault(format!("{text} is not a finite number"), None, faults);
        }
        value
    }
}

/// A value of any simple kind, for answers that are compared as JSON.
impl Read for serde_json::Value {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        match node.value {
            DeValue::String(text) => Some(Self::from(text.as_ref())),
            DeValue::Boolean(value) => Some(Self::from(*value)),
            DeValue::Integer(_) => i64::read(node, faults).map(Self::from),
            DeValue::Float(_) => f64::read(node, faults).map(Self::from),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                node.expected("a text, a number, true or false", faults);
                None
            }
        }
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        T::read(node, faults).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let DeValue::Array(items) = node.value else {
            node.expected("a list", faults);
            return None;
        };
        let read: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(at, item)| T::read(&Node::new(item, format!("{}[{at}]", node.path)), faults))
            .collect();
        read.into_iter().collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

/// A table whose keys are names. An entry that could not be read is left out, the others stay readable.
impl<K: Read + Ord, V: Read> Read for BTreeMap<K, V> {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let reader = TableReader::open(node, faults)?;
        let mut map = Self::new();
        for (name, value) in reader.table {
            let path = reader.path_of(name.get_ref());
            let key_value = DeValue::String(name.get_ref().clone());
            let key = K::read(&Node { value: &key_value, span: name.span(), path: path.clone() }, faults);
            let value = V::read(&Node::new(value, path), faults);
            if let (Some(key), Some(value)) = (key, value) {
                map.insert(key, value);
            }
        }
        Some(map)
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

/// Reads a type from its text form, with the type's own words as the fault.
macro_rules! read_from_text {
    ($what:literal, $($type:ty),*) => {$(
        impl $crate::plan::read::Read for $type {
            fn read(
                node: &$crate::plan::read::Node<'_, '_>,
                faults: &mut $crate::plan::read::Faults<'_>,
            ) -> Option<Self> {
                match node.text($what, faults)?.parse() {
                    Ok(value) => Some(value),
                    Err(error) => {
                        let error: $crate::plan::quantity::QuantityError = error;
                        let (message, hint) = match error.0.split_once(": ") {
                            Some((message, hint)) => {
                                let mut letters = hint.chars();
                                let sentence = letters.next().map(|first| {
                                    format!("{}{}.", first.to_uppercase(), letters.as_str())
                                });
                                (message.to_owned(), sentence)
                            }
                            None => (error.0, None),
                        };
                        node.fault(message, hint, faults);
                        None
                    }
                }
            }
        }
    )*};
}
pub(crate) use read_from_text;

use super::quantity::{CalendarDate, Percentage, Period, Size};
read_from_text!("a duration in quotes, such as \"4h\"", Period);
read_from_text!("a size in quotes, such as \"64 KiB\"", Size);
read_from_text!("a percentage in quotes, such as \"99.9%\"", Percentage);
read_from_text!("a date in quotes, such as \"2025-07\"", CalendarDate);

/// Declares a table of the plan: the type, its reader and its shape for the window. Keys in the file are the
/// fields in kebab-case. A field may have a default; `Option`, `Vec` and maps may be absent.
macro_rules! table {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty $(= $default:expr)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, ts_rs::TS)]
        #[ts(export)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $name {
            /// Reads the fields from a table that may hold others as well.
            pub(crate) fn read_from(
                reader: &mut $crate::plan::read::TableReader<'_, '_>,
                faults: &mut $crate::plan::read::Faults<'_>,
            ) -> Option<Self> {
                $(
                    #[allow(unused_mut, unused_assignments, clippy::allow_attributes, reason = "a default is optional")]
                    let mut default: Option<$type> = None;
                    $( default = Some($default); )?
                    let $field = reader.field(&stringify!($field).replace('_', "-"), default, faults);
                )*
                Some(Self { $( $field: $field?, )* })
            }
        }

        impl $crate::plan::read::Read for $name {
            fn read(
                node: &$crate::plan::read::Node<'_, '_>,
                faults: &mut $crate::plan::read::Faults<'_>,
            ) -> Option<Self> {
                let mut reader = $crate::plan::read::TableReader::open(node, faults)?;
                let value = Self::read_from(&mut reader, faults);
                reader.finish(faults).then_some(value).flatten()
            }
        }
    };
}
pub(crate) use table;

/// Declares a choice between words: the enum, its reader with a suggestion for a mistyped word, and its name.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, ts_rs::TS,
        )]
        #[ts(export)]
        pub enum $name {
            $( $(#[$variant_meta])* #[serde(rename = $word)] $variant, )*
        }

        impl $name {
            /// The word it is written as.
            pub const fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.word())
            }
        }

        impl $crate::plan::read::Read for $name {
            fn read(
                node: &$crate::plan::read::Node<'_, '_>,
                faults: &mut $crate::plan::read::Faults<'_>,
            ) -> Option<Self> {
                const WORDS: &[&str] = &[$($word),*];
                let text = node.text("a text", faults)?;
                match text {
                    $( $word => Some(Self::$variant), )*
                    _ => {
                        let hint = $crate::plan::read::nearest(text, WORDS.iter().copied())
                            .map_or_else(
                                || format!("One of: {}.", WORDS.join(", ")),
                                |near| format!("Did you mean \"{near}\"?"),
                            );
                        node.fault(format!("unknown word \"{text}\""), Some(hint), faults);
                        None
                    }
                }
            }
        }
    };
}
pub(crate) use choice;
