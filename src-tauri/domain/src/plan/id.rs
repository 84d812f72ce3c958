//! Names of things in a plan.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::quantity::QuantityError;
use super::read::read_from_text;

/// The name of something in the plan: lower-case letters, digits and hyphens, 1 to 64 characters, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(export, type = "string")]
pub struct Id(String);

impl Id {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(QuantityError(
            "not a name: use lower-case letters, digits and hyphens, a letter first, such as \"primary-database\""
                .to_owned(),
        ))
    }
}

impl TryFrom<String> for Id {
    type Error = QuantityError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

read_from_text!("a name in quotes" like r"^[a-z][a-z0-9-]{0,63}$", Id);
