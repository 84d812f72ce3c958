//! What a type looks like in a plan file, as JSON Schema.
//!
//! Nothing here repeats a declaration: a reader is run over an empty table and every key it asks for is noted, so
//! the schema is what the reader reads. Tables told apart by `kind` are run once for each kind.

use std::{any::type_name, borrow::Cow, collections::BTreeMap, mem};

use serde_json::{Map, Value, json};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Faults, Node, Read, Source};

/// Shapes of types collected so far, by the type's name.
#[derive(Debug, Default)]
pub struct Shapes {
    definitions: BTreeMap<String, Value>,
}

/// What was noted while a reader ran over an empty table.
#[derive(Debug, Default)]
pub(super) struct Recording {
    shapes: Shapes,
    keys: Vec<Key>,
    descriptions: Vec<&'static str>,
    text_wanted: bool,
}

#[derive(Debug)]
struct Key {
    name: String,
    shape: Value,
    required: bool,
}

impl Recording {
    pub(super) fn key<T: Read>(&mut self, name: &str, description: &'static str, default: Option<&T>) {
        let mut shape = T::shape(&mut self.shapes);
        if let Some(shape) = shape.as_object_mut() {
            let description = sentence(description);
            if !description.is_empty() {
                shape.insert("description".to_owned(), description.into());
            }
            let default = default.and_then(|default| serde_json::to_value(default).ok());
            if let Some(default) = default {
                shape.insert("default".to_owned(), default);
            }
        }
        self.keys.push(Key { name: name.to_owned(), shape, required: default.is_none() && T::absent().is_none() });
    }

    pub(super) fn describe(&mut self, description: &'static str) {
        self.descriptions.push(description);
    }

    pub(super) const fn text_wanted(&mut self) {
        self.text_wanted = true;
    }

    fn object(&self, kind: Option<&str>, description: &str) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for key in &self.keys {
            let shape = match kind {
                Some(kind) if key.name == "kind" => json!({ "const": kind, "description": sentence(description) }),
                _ => key.shape.clone(),
            };
            properties.insert(key.name.clone(), shape);
            if key.required {
                required.push(key.name.as_str());
            }
        }
        let mut object = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if let Some(object) = object.as_object_mut() {
            if !required.is_empty() {
                object.insert("required".to_owned(), required.into());
            }
            if let Some(kind) = kind {
                object.insert("title".to_owned(), kind.into());
            }
            let description = sentence(description);
            if !description.is_empty() {
                object.insert("description".to_owned(), description.into());
            }
        }
        object
    }
}

impl Shapes {
    /// The shape of a type that is read from a table: a reference, with the table itself among the definitions.
    pub fn table<T: Read>(&mut self) -> Value {
        let name = short_name::<T>();
        if !self.definitions.contains_key(name) {
            // Known before it is looked at, so that a type may hold itself.
            self.definitions.insert(name.to_owned(), Value::Null);
            let shape = self.observe::<T>();
            self.definitions.insert(name.to_owned(), shape);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// The shape of a choice between words.
    pub(crate) fn choice<T>(&mut self, description: &str, words: &[(&str, &str)]) -> Value {
        let name = short_name::<T>();
        if !self.definitions.contains_key(name) {
            let meanings: Vec<String> =
                words.iter().map(|(word, meaning)| format!("`{word}`: {}", sentence(meaning))).collect();
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let description = format!("{}\n\n{}", sentence(description), meanings.join("\n\n"));
            let shape = json!({ "type": "string", "enum": words, "description": description });
            self.definitions.insert(name.to_owned(), shape);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// All definitions that references point to.
    pub fn into_definitions(self) -> Map<String, Value> {
        self.definitions.into_iter().collect()
    }

    fn observe<T: Read>(&mut self) -> Value {
        let whole = self.record::<T>(None);
        if whole.keys.is_empty() {
            // Not a table after all: read from a text, or from anything.
            return if whole.text_wanted { json!({ "type": "string" }) } else { json!({}) };
        }
        let description = whole.descriptions.first().copied().unwrap_or_default();
        let kind = whole.keys.iter().find(|key| key.name == "kind");
        let Some(kinds) = kind.and_then(|kind| self.words_of(&kind.shape)) else {
            return whole.object(None, description);
        };
        let variants: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                let variant = self.record::<T>(Some(kind));
                variant.object(Some(kind), variant.descriptions.last().copied().unwrap_or_default())
            })
            .collect();
        json!({ "type": "object", "required": ["kind"], "oneOf": variants, "description": sentence(description) })
    }

    /// The words of a choice, when the shape points to one.
    fn words_of(&self, shape: &Value) -> Option<Vec<String>> {
        let name = shape.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        let words = self.definitions.get(name)?.get("enum")?.as_array()?;
        Some(words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn record<T: Read>(&mut self, kind: Option<&str>) -> Recording {
        let mut table = DeTable::new();
        if let Some(kind) = kind {
            let key = Spanned::new(0..0, Cow::Borrowed("kind"));
            table.insert(key, Spanned::new(0..0, DeValue::String(Cow::Borrowed(kind))));
        }
        let value = Spanned::new(0..0, DeValue::Table(table));
        let source = Source::new("", "");
        let mut faults = Faults::new(&source);
        faults.recording = Some(Recording { shapes: mem::take(self), ..Recording::default() });
        let _ = T::read(&Node::new(&value, String::new()), &mut faults);
        let mut recording = faults.recording.take().unwrap_or_default();
        *self = mem::take(&mut recording.shapes);
        recording
    }
}

fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// A documentation comment as one paragraph, without the brackets that link to code.
fn sentence(documentation: &str) -> String {
    let lines: Vec<&str> = documentation.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ").replace("[`", "`").replace("`]", "`")
}
