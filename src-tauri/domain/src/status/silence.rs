//! Silence: maintenance and mute. A person plans or begins them with an end; they end by themselves.
//!
//! Maintenance says that work is under way: checking goes on, the status is shown as maintenance, nothing alarms and
//! the time does not count as downtime. Mute changes nothing but that nothing alarms. Both are folded from facts and
//! from the time alone, so one that ends while no program runs has ended all the same.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    journal::Fact,
    plan::{id::Id, read::choice},
    problem::{Code, Problem},
};

/// The longest maintenance.
const LONGEST_MAINTENANCE: TimeDelta = TimeDelta::days(7);
/// The longest mute.
const LONGEST_MUTE: TimeDelta = TimeDelta::hours(24);
/// How long before its beginning a maintenance may be planned.
const EARLIEST: TimeDelta = TimeDelta::days(90);
/// How far in the past a beginning may lie that is meant as now.
const JUST_NOW: TimeDelta = TimeDelta::minutes(5);
/// The longest reason, in characters.
const LONGEST_REASON: usize = 300;

/// How old the fact of a silence that is not over can be.
pub const OLDEST_SILENCE: TimeDelta = TimeDelta::days(98);

/// What is in maintenance or muted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Scope {
    /// Every check of the environment.
    Everything,
    /// Every check of a function, system, store or provider.
    Part(Id),
    /// One check.
    Check(Id),
}

impl Scope {
    /// Whether it holds for a check of a part.
    pub fn covers(&self, check: &Id, of: &Id) -> bool {
        match self {
            Self::Everything => true,
            Self::Part(part) => part == of,
            Self::Check(one) => one == check,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => formatter.write_str("everything"),
            Self::Part(part) => write!(formatter, "{part}"),
            Self::Check(check) => write!(formatter, "check {check}"),
        }
    }
}

choice! {
    /// The kinds of silence.
    pub enum SilenceKind {
        /// Work is under way.
        Maintenance = "maintenance",
        /// Nobody wants to hear of it for a while.
        Mute = "mute",
    }
}

/// A maintenance or a mute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Silence {
    /// The journal entry that began it: `device/sequence`.
    pub entry: String,
    /// Which of the two.
    pub kind: SilenceKind,
    /// For what.
    pub scope: Scope,
    /// From when on.
    pub from: DateTime<Utc>,
    /// When it ends, or ended.
    pub until: DateTime<Utc>,
    /// Why; may be empty for a mute.
    pub reason: String,
    /// Who wanted it: `person:NAME`.
    pub by: String,
}

impl Silence {
    /// Whether it holds at an instant.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.until
    }
}

/// A fact with its entry's name, when it was written and by whom.
pub type Said<'a> = (String, DateTime<Utc>, &'a str, &'a Fact);

/// Every maintenance and mute of an environment, past ones as well, each until it really ended; by beginning.
#[expect(clippy::wildcard_enum_match_arm, reason = "facts of other kinds, later ones too, say nothing of this")]
pub fn silences<'a>(environment: &Id, facts: impl IntoIterator<Item = Said<'a>>) -> Vec<Silence> {
    let mut begun: BTreeMap<String, Silence> = BTreeMap::new();
    let mut ended: Vec<(&str, DateTime<Utc>)> = Vec::new();
    for (entry, at, by, fact) in facts {
        let (kind, scope, from, until, reason) = match fact {
            Fact::MaintenancePlanned { environment: of, scope, from, until, reason } if of == environment => {
                (SilenceKind::Maintenance, scope, *from, *until, reason)
            }
            Fact::Muted { environment: of, scope, until, reason } if of == environment => {
                (SilenceKind::Mute, scope, at, *until, reason)
            }
            Fact::MaintenanceEnded { entry, .. } | Fact::Unmuted { entry, .. } => {
                ended.push((entry, at));
                continue;
            }
            _ => continue,
        };
        let (scope, reason, by) = (scope.clone(), reason.clone(), by.to_owned());
        begun.insert(entry.clone(), Silence { entry, kind, scope, from, until, reason, by });
    }
    // An end may have arrived before its beginning when the journals of two devices were joined.
    for (entry, at) in ended {
        if let Some(silence) = begun.get_mut(entry) {
            silence.until = silence.until.min(at.max(silence.from));
        }
    }
    let mut silences: Vec<Silence> = begun.into_values().collect();
    silences.sort_by(|one, other| (one.from, &one.entry).cmp(&(other.from, &other.entry)));
    silences
}

/// Whether a silence may be wanted now.
///
/// # Errors
/// When it has ended already, is longer than its kind may be, begins too long ago or too far ahead, or a maintenance
/// has no reason.
pub fn may_be_silent(
    kind: SilenceKind,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let refuse =
        |field: &str, message: String, hint: &str| Err(Problem::new(Code::Usage, message).hint(hint).field(field));
    let (longest, hint) = match kind {
        SilenceKind::Maintenance => {
            (LONGEST_MAINTENANCE, "A maintenance lasts seven days at most; plan another after it.")
        }
        SilenceKind::Mute => (LONGEST_MUTE, "A mute lasts 24 hours at most; for longer work begin a maintenance."),
    };
    if until <= from || until <= now {
        return refuse("until", format!("a {kind} that is over before it begins"), "Give an end in the future.");
    }
    if until - from > longest {
        return refuse("until", format!("a {kind} of this length is not allowed"), hint);
    }
    if from < now - JUST_NOW {
        return refuse("from", format!("a {kind} cannot begin in the past"), "What has been observed stays as it was.");
    }
    if from > now + EARLIEST {
        return refuse("from", format!("a {kind} this far ahead"), "Plan it 90 days ahead at most.");
    }
    if kind == SilenceKind::Maintenance && reason.trim().is_empty() {
        let hint = "Say what is done, for whoever sees the board meanwhile.";
        return refuse("reason", "a maintenance needs a reason".to_owned(), hint);
    }
    if reason.chars().count() > LONGEST_REASON {
        let hint = "Say it in 300 letters; the rest belongs into the ticket.";
        return refuse("reason", "the reason is too long".to_owned(), hint);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn id(name: &str) -> Id {
        name.parse().unwrap()
    }

    fn planned(scope: Scope, from: i64, until: i64) -> Fact {
        let reason = "upgrade".to_owned();
        Fact::MaintenancePlanned { environment: id("production"), scope, from: at(from), until: at(until), reason }
    }

    fn folded(facts: &[(i64, Fact)]) -> Vec<Silence> {
        let said = facts
            .iter()
            .enumerate()
            .map(|(place, (minute, fact))| (format!("device/{}", place + 1), at(*minute), "person:amal", fact));
        silences(&id("production"), said)
    }

    #[test]
    fn a_silence_holds_from_its_beginning_until_its_end_and_no_longer() {
        let found = folded(&[(1, planned(Scope::Everything, 5, 10))]);
        let holds: Vec<i64> = (0..15).filter(|minute| found[0].holds(at(*minute))).collect();
        assert_eq!(holds, [5, 6, 7, 8, 9]);
        assert_eq!((found[0].by.as_str(), found[0].reason.as_str()), ("person:amal", "upgrade"));
    }

    #[test]
    fn whoever_ends_it_early_ends_that_one_and_no_other() {
        let environment = id("production");
        let muted = Fact::Muted {
            environment: environment.clone(),
            scope: Scope::Everything,
            until: at(60),
            reason: String::new(),
        };
        let ended = |entry: &str| Fact::MaintenanceEnded {
            environment: environment.clone(),
            scope: Scope::Everything,
            entry: entry.to_owned(),
        };
        let facts = [
            (0, planned(Scope::Part(id("database")), 0, 60)),
            (1, planned(Scope::Check(id("port")), 1, 60)),
            (2, muted),
            (5, ended("device/2")),
            (6, ended("device/9")),
            // Before it began: it never holds.
            (7, planned(Scope::Everything, 30, 60)),
            (8, ended("device/6")),
        ];
        let found = folded(&facts);
        let ends: Vec<(i64, i64)> =
            found.iter().map(|silence| (silence.from.timestamp() / 60, silence.until.timestamp() / 60)).collect();
        assert_eq!(ends, [(0, 60), (1, 5), (2, 60), (30, 30)]);
        assert_eq!(found[2].kind, SilenceKind::Mute);
        let mut turned: Vec<_> = facts.iter().enumerate().collect();
        turned.reverse();
        let said = turned
            .into_iter()
            .map(|(place, (minute, fact))| (format!("device/{}", place + 1), at(*minute), "person:amal", fact));
        assert_eq!(silences(&environment, said), found, "the order of arrival does not matter");
        assert!(
            silences(&id("range"), facts.iter().map(|(minute, fact)| (String::new(), at(*minute), "", fact)))
                .is_empty()
        );
    }

    #[test]
    fn what_a_silence_covers() {
        let (port, database) = (id("port"), id("database"));
        for (scope, covers) in [
            (Scope::Everything, true),
            (Scope::Part(database.clone()), true),
            (Scope::Part(port.clone()), false),
            (Scope::Check(port.clone()), true),
            (Scope::Check(database.clone()), false),
        ] {
            assert_eq!(scope.covers(&port, &database), covers, "{scope}");
        }
    }

    #[test]
    fn every_silence_has_an_end_that_is_not_far() {
        use SilenceKind::{Maintenance, Mute};
        const DAY: i64 = 24 * 60;
        for (kind, from, until, reason, field) in [
            (Maintenance, 0, 60, "upgrade", None),
            (Maintenance, -5, 7 * DAY - 5, "upgrade", None),
            (Maintenance, 0, 7 * DAY + 1, "upgrade", Some("until")),
            (Maintenance, 90 * DAY, 97 * DAY, "upgrade", None),
            (Maintenance, 90 * DAY + 1, 91 * DAY, "upgrade", Some("from")),
            (Maintenance, -6, 60, "upgrade", Some("from")),
            (Maintenance, 0, 0, "upgrade", Some("until")),
            (Maintenance, -4, -1, "upgrade", Some("until")),
            (Maintenance, 0, 60, " ", Some("reason")),
            (Mute, 0, 60, "", None),
            (Mute, 0, DAY, "", None),
            (Mute, 0, DAY + 1, "", Some("until")),
        ] {
            let told = may_be_silent(kind, at(from), at(until), reason, at(0));
            assert_eq!(
                told.err().and_then(|problem| problem.field).as_deref(),
                field,
                "{kind} {from} {until} {reason}"
            );
        }
        assert!(may_be_silent(Mute, at(0), at(1), &"x".repeat(301), at(0)).is_err());
        assert_eq!(EARLIEST + LONGEST_MAINTENANCE + TimeDelta::days(1), OLDEST_SILENCE);
    }
}
