//! Messages prepared in advance: their blanks, and who fills them.

use std::collections::BTreeMap;

use super::Channel;
use crate::plan::{
    id::Id,
    read::{choice, table},
};

choice! {
    /// Who a message is for.
    pub enum Audience {
        /// Everybody.
        Public = "public",
        /// Customers that were affected.
        Customers = "customers",
        /// Ourselves.
        Internal = "internal",
    }
}

choice! {
    /// When in an incident a message is meant for.
    pub enum Moment {
        /// When it begins.
        Beginning = "beginning",
        /// While it lasts.
        Ongoing = "ongoing",
        /// When it is over.
        Over = "over",
    }
}

choice! {
    /// What may stand in a blank.
    pub enum Form {
        /// Words.
        Text = "text",
        /// A moment, with its time zone.
        Time = "time",
        /// A length of time.
        Duration = "duration",
        /// Several lines.
        List = "list",
    }
}

choice! {
    /// Who fills a blank.
    pub enum FilledBy {
        /// The clock, when the message is sent.
        Clock = "clock",
        /// The incident's own record.
        Incident = "incident",
        /// The recipient's record.
        Recipient = "recipient",
        /// Whoever sends it.
        Sender = "sender",
    }
}

table! {
    /// A blank of a message.
    pub struct TemplateField {
        /// What has to stand there.
        pub what: String,
        /// In which form.
        pub form: Form = Form::Text,
        /// Who fills it; absent means that nobody has said.
        pub filled_by: Option<FilledBy>,
        /// Whether the message may go out without it.
        pub optional: bool = false,
    }
}

table! {
    /// A message prepared in advance. Its text is the file of the same name under `templates/`, with blanks written
    /// as `{{ name }}`.
    pub struct MessageTemplate {
        /// What it is called.
        pub name: String,
        /// The channel it is written for.
        pub channel: Channel,
        /// Who it is for.
        pub audience: Audience,
        /// When it is meant for.
        pub moments: Vec<Moment>,
        /// Its subject line, where the channel has one.
        pub subject: Option<String>,
        /// Its blanks.
        pub fields: BTreeMap<Id, TemplateField>,
        /// Where the runbook has it.
        pub section: Option<String>,
    }
}

table! {
    /// What `templates.toml` holds.
    pub struct Templates {
        /// Messages by name.
        pub templates: BTreeMap<Id, MessageTemplate>,
    }
}

/// A blank as it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blank<'a> {
    /// What is between the braces, trimmed; nothing when they are never closed.
    pub name: Option<&'a str>,
    /// Where the braces open, in bytes.
    pub at: usize,
}

/// The blanks of a text, in their order.
pub fn blanks(text: &str) -> Vec<Blank<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{").map(|open| from + open) {
        let inside = &text[open + 2..];
        let line_end = inside.find('\n').unwrap_or(inside.len());
        let close = inside[..line_end].find("}}");
        found.push(Blank { name: close.map(|close| inside[..close].trim()), at: open });
        from = open + 2 + close.map_or(0, |close| close + 2);
    }
    found
}
