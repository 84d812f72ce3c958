//! Who is told what, by which channel and how fast (runbook 5): severities, contacts, on-call, prepared messages.
//!
//! Sending is not here.

mod message;

use std::collections::BTreeMap;

use serde::Serialize;
use ts_rs::TS;

pub use self::message::{Audience, Blank, FilledBy, Form, MessageTemplate, Moment, TemplateField, Templates, blanks};
use crate::plan::{
    id::Id,
    quantity::{CalendarDate, Period},
    read::{Faults, Node, Read, Shapes, choice, table},
};

choice! {
    /// How a message reaches somebody.
    pub enum Channel {
        /// A call.
        Phone = "phone",
        /// A text message to a phone.
        Sms = "sms",
        /// A message in the team's chat.
        Chat = "chat",
        /// An e-mail.
        Email = "email",
        /// A push message to the app.
        Push = "push",
        /// A message inside the app.
        InApp = "in-app",
        /// The public status page.
        StatusPage = "status-page",
        /// The paging service.
        Pager = "pager",
    }
}

choice! {
    /// How bad an incident is (runbook 5.1.1). Not the recovery priority of a store, which uses the same letters.
    pub enum Severity {
        /// Critical.
        P0 = "P0",
        /// High.
        P1 = "P1",
        /// Medium.
        P2 = "P2",
        /// Low.
        P3 = "P3",
    }
}

table! {
    /// Whom an incident of one severity is told to, and how.
    pub struct SeverityRule {
        /// What the severity is called.
        pub name: Option<String>,
        /// The latest it may be told after it is declared.
        pub within: Option<Period>,
        /// Who is told.
        pub tell: Vec<Id>,
        /// By which channels.
        pub by: Vec<Channel>,
    }
}

table! {
    /// What `severities.toml` holds.
    pub struct Severities {
        /// The matrix people read (runbook 5.1.1).
        pub matrix: BTreeMap<Severity, SeverityRule>,
        /// What the escalation script does (runbook 5.2.2).
        pub script: BTreeMap<Severity, SeverityRule>,
    }
}

/// A time as a document states it: with a unit, or as a bare number that nobody can be sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum StatedPeriod {
    /// With its unit.
    Period(Period),
    /// A number without one.
    Bare(u32),
}

impl Read for StatedPeriod {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        if node.is_text() {
            Period::read(node, faults).map(Self::Period)
        } else {
            u32::read(node, faults).map(Self::Bare)
        }
    }

    fn shape(shapes: &mut Shapes) -> serde_json::Value {
        serde_json::json!({ "oneOf": [Period::shape(shapes), u32::shape(shapes)] })
    }
}

table! {
    /// Somebody, or a team, to be reached.
    pub struct Contact {
        /// Who it is.
        pub name: String,
        /// A number to call or text, in international form.
        pub phone: Option<String>,
        /// A name in the team's chat.
        pub chat: Option<String>,
        /// An e-mail address.
        pub email: Option<String>,
        /// A key or service of the paging service.
        pub pager: Option<String>,
        /// When somebody last proved that this reaches them.
        pub verified: Option<CalendarDate>,
        /// The contacts it stands for, where it is a team.
        pub members: Vec<Id>,
    }
}

table! {
    /// A time somebody is on call.
    pub struct Shift {
        /// Who.
        pub contact: Id,
        /// The first day.
        pub from: CalendarDate,
        /// The last day.
        pub until: CalendarDate,
    }
}

table! {
    /// One level of escalation: when it does not answer, the next is called.
    pub struct OnCallLevel {
        /// What it is called.
        pub name: String,
        /// Its place in the order, from 1.
        pub order: u32,
        /// Who is called.
        pub contacts: Vec<Id>,
        /// When nobody has answered for this long, the next level is called.
        pub escalate_after: Option<StatedPeriod>,
        /// Only then is it called; empty means always.
        pub conditions: Vec<String>,
        /// Who has it when; empty means that nobody has said.
        pub shifts: Vec<Shift>,
    }
}

table! {
    /// What `contacts.toml` holds.
    pub struct Contacts {
        /// People and teams.
        pub contacts: BTreeMap<Id, Contact>,
        /// Levels of escalation.
        pub on_call: BTreeMap<Id, OnCallLevel>,
    }
}

impl Contact {
    /// What a channel would use to reach them, where that is known. Channels that reach everybody need nothing.
    pub fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Phone | Channel::Sms => self.phone.as_deref(),
            Channel::Chat => self.chat.as_deref(),
            Channel::Email => self.email.as_deref(),
            Channel::Pager => self.pager.as_deref().or(self.phone.as_deref()),
            Channel::Push | Channel::InApp | Channel::StatusPage => Some(""),
        }
    }
}

impl Contacts {
    /// Whether a contact, or somebody of the team it stands for, can be reached by a channel.
    pub fn reaches(&self, contact: &Id, channel: Channel) -> bool {
        let Some(found) = self.contacts.get(contact) else { return false };
        // One level of teams: a team of teams is refused when the plan is read.
        found.address(channel).is_some_and(is_usable)
            || (found.members.iter())
                .filter_map(|member| self.contacts.get(member))
                .any(|member| member.address(channel).is_some_and(is_usable))
    }

    /// The levels in the order they are called.
    pub fn levels(&self) -> Vec<(&Id, &OnCallLevel)> {
        let mut levels: Vec<_> = self.on_call.iter().collect();
        levels.sort_by_key(|(id, level)| (level.order, (*id).clone()));
        levels
    }
}

/// Whether an address can be used, rather than being a stand-in such as `+XX-XXX`.
pub fn is_usable(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    !["xx", "tbd", "todo", "example", "changeme", "your_", "<", "???"].iter().any(|sign| lower.contains(sign))
}
