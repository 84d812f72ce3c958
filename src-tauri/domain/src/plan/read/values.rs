//! Readers of plain values: texts, numbers, lists and tables of names.
//!
//! Types of the domain bring their own readers with the macros beside this module.

use std::collections::BTreeMap;

use serde_json::json;
use toml::de::DeValue;

use super::{Faults, Node, Read, Shapes, TableReader, read_from_text, shown};
use crate::plan::quantity::{CalendarDate, Percentage, Period, Size};

impl Read for String {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        // A text over several lines means the same whichever system's line ends it was saved with (TOML 1.0, "String").
        node.text("a text", faults).map(|text| text.replace("\r\n", "\n"))
    }

    fn shape(_: &mut Shapes) -> serde_json::Value {
        json!({ "type": "string" })
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

    fn shape(_: &mut Shapes) -> serde_json::Value {
        json!({ "type": "boolean" })
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
                    node.fault(format!("{} is not between {} and {}", shown(number.as_str()), <$type>::MIN, <$type>::MAX), None, faults);
                }
                value
            }

            fn shape(_: &mut Shapes) -> serde_json::Value {
                json!({ "type": "integer", "minimum": <$type>::MIN, "maximum": <$type>::MAX })
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
            DeValue::Integer(_)
            | DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                node.expected("a number", faults);
                return None;
            }
        };
        let value = text.parse::<Self>().ok().filter(|value| value.is_finite());
        if value.is_none() {
            node.fault(format!("{} is not a finite number", shown(text)), None, faults);
        }
        value
    }

    fn shape(_: &mut Shapes) -> serde_json::Value {
        json!({ "type": "number" })
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

    fn shape(_: &mut Shapes) -> serde_json::Value {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        T::read(node, faults).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn shape(shapes: &mut Shapes) -> serde_json::Value {
        T::shape(shapes)
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
            .map(|(at, item)| {
                if faults.is_full() {
                    return None;
                }
                T::read(&Node::new(item, format!("{}[{at}]", node.path)), faults)
            })
            .collect();
        read.into_iter().collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn shape(shapes: &mut Shapes) -> serde_json::Value {
        json!({ "type": "array", "items": T::shape(shapes) })
    }
}

/// A table whose keys are names. An entry that could not be read is left out, the others stay readable.
impl<K: Read + Ord, V: Read> Read for BTreeMap<K, V> {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let reader = TableReader::open(node, faults)?;
        let mut map = Self::new();
        for (name, value) in reader.table {
            if faults.is_full() {
                return None;
            }
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

    fn shape(shapes: &mut Shapes) -> serde_json::Value {
        json!({ "type": "object", "propertyNames": K::shape(shapes), "additionalProperties": V::shape(shapes) })
    }
}

read_from_text!(
    "a duration in quotes, such as \"4h\"" like r"^\s*([0-9]+\s*(w|d|h|m|s|ms)\s*)+$",
    Period
);
read_from_text!(
    "a size in quotes, such as \"64 KiB\"" like r"^\s*[0-9]+\s*(TiB|GiB|MiB|KiB|TB|GB|MB|kB|B)\s*$",
    Size
);
read_from_text!(
    "a percentage in quotes, such as \"99.9%\"" like r"^\s*[0-9]{1,3}(\.[0-9]{0,4})?\s*%\s*$",
    Percentage
);
read_from_text!(
    "a date in quotes, such as \"2025-07\"" like r"^\s*[0-9]{4}-(0[1-9]|1[0-2])(-[0-3][0-9])?\s*$",
    CalendarDate
);
