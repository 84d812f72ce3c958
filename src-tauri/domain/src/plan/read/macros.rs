//! One declaration gives a type, its reader, its description for editors and its shape for the window, so that the
//! four cannot drift apart.

/// The text of a documentation comment, and nothing for any other attribute.
macro_rules! doc_text {
    (doc = $text:expr) => {
        $text
    };
    ($($other:tt)*) => {
        ""
    };
}
pub(crate) use doc_text;

/// The default of a field, when it has one.
macro_rules! default_value {
    () => {
        None
    };
    ($default:expr) => {
        Some($default)
    };
}
pub(crate) use default_value;

/// Reads a type from its text form, with the type's own words as the fault. The pattern after `like` is what
/// editors check while one types; the reader stays the judge.
macro_rules! read_from_text {
    ($what:literal $(like $pattern:literal)?, $type:ty) => {
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

            fn shape(_: &mut $crate::plan::read::Shapes) -> serde_json::Value {
                serde_json::json!({ "type": "string", $("pattern": $pattern)? })
            }
        }
    };
}
pub(crate) use read_from_text;

/// Declares a table of the plan. Keys in the file are the fields in kebab-case. A field may have a default;
/// `Option`, `Vec` and maps may be absent. A part declared by `kinds!` may follow after `with`: its keys stand in
/// the same table. A function named after `judged by` tells what is wrong between the fields.
macro_rules! table {
    (
        $(#[$($meta:tt)*])*
        pub struct $name:ident {
            $( $(#[$($field_meta:tt)*])* pub $field:ident : $type:ty $(= $default:expr)? ),* $(,)?
        }
        $(with { $(#[$($part_meta:tt)*])* pub $part:ident : $part_type:ident $(,)? })?
        $(judged by $judge:path)?
    ) => {
        $(#[$($meta)*])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, ts_rs::TS)]
        #[ts(export)]
        pub struct $name {
            $( $(#[$($field_meta)*])* pub $field: $type, )*
            $( $(#[$($part_meta)*])* pub $part: $part_type, )?
        }

        impl $name {
            /// Reads the fields from a table that may hold others as well.
            pub(crate) fn read_from(
                reader: &mut $crate::plan::read::TableReader<'_, '_>,
                faults: &mut $crate::plan::read::Faults<'_>,
            ) -> Option<Self> {
                faults.describe(concat!($($crate::plan::read::doc_text!($($meta)*), "\n"),*));
                $(
                    let $field = reader.described_field(
                        &stringify!($field).replace('_', "-"),
                        concat!($($crate::plan::read::doc_text!($($field_meta)*), "\n"),*),
                        $crate::plan::read::default_value!($($default)?),
                        faults,
                    );
                )*
                $( let $part = <$part_type>::read_from(reader, faults); )?
                let value = Self { $( $field: $field?, )* $( $part: $part?, )? };
                $( $judge(&value, reader, faults); )?
                Some(value)
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
        $(#[$($meta:tt)*])*
        pub enum $name:ident {
            $( $(#[$($variant_meta:tt)*])* $variant:ident = $word:literal ),* $(,)?
        }
    ) => {
        $(#[$($meta)*])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, ts_rs::TS,
        )]
        #[ts(export)]
        pub enum $name {
            $( $(#[$($variant_meta)*])* #[serde(rename = $word)] $variant, )*
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
                        node.fault(format!("unknown word \"{}\"", $crate::plan::read::shown(text)), Some(hint), faults);
                        None
                    }
                }
            }

            fn shape(shapes: &mut $crate::plan::read::Shapes) -> serde_json::Value {
                shapes.choice::<Self>(
                    concat!($($crate::plan::read::doc_text!($($meta)*), "\n"),*),
                    &[$(($word, concat!($($crate::plan::read::doc_text!($($variant_meta)*), "\n"),*))),*],
                )
            }
        }
    };
}
pub(crate) use choice;

/// Declares a choice between tables, told apart by their key `kind`, and the choice of its words.
macro_rules! kinds {
    (
        $(#[$($meta:tt)*])*
        pub enum $name:ident by $kinds:ident {
            $( $(#[$($variant_meta:tt)*])* $variant:ident($inner:ident) = $word:literal ),* $(,)?
        }
    ) => {
        $crate::plan::read::choice! {
            #[doc = concat!("The kinds of [`", stringify!($name), "`].")]
            pub enum $kinds {
                $( $(#[$($variant_meta)*])* $variant = $word ),*
            }
        }

        $(#[$($meta)*])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, ts_rs::TS)]
        #[serde(tag = "kind")]
        #[ts(export)]
        pub enum $name {
            $( $(#[$($variant_meta)*])* #[serde(rename = $word)] $variant($inner), )*
        }

        impl $name {
            /// Its kind.
            pub const fn kind(&self) -> $kinds {
                match self { $( Self::$variant(_) => $kinds::$variant, )* }
            }

            /// Reads its kind and the keys of that kind from a table that may hold others as well.
            pub(crate) fn read_from(
                reader: &mut $crate::plan::read::TableReader<'_, '_>,
                faults: &mut $crate::plan::read::Faults<'_>,
            ) -> Option<Self> {
                let Some(kind) = reader.field("kind", None, faults) else {
                    // Without a kind its keys cannot be told from unknown ones; the missing kind is fault enough.
                    reader.pardon_unknown_keys();
                    return None;
                };
                match kind {
                    $( $kinds::$variant => <$inner>::read_from(reader, faults).map(Self::$variant), )*
                }
            }
        }

        impl $crate::plan::read::Read for $name {
            fn read(
                node: &$crate::plan::read::Node<'_, '_>,
                faults: &mut $crate::plan::read::Faults<'_>,
            ) -> Option<Self> {
                let mut reader = $crate::plan::read::TableReader::open(node, faults)?;
                faults.describe(concat!($($crate::plan::read::doc_text!($($meta)*), "\n"),*));
                let value = Self::read_from(&mut reader, faults);
                reader.finish(faults).then_some(value).flatten()
            }
        }
    };
}
pub(crate) use kinds;
