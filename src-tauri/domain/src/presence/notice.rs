//! What a person is called for: an outage at its root, its end, a damaged journal, a network that is gone.
//!
//! A fold: what has been told already goes in, what is to be told now comes out, and nothing is told twice. What a
//! person muted, what is in maintenance, what flaps, and what is only because of something else is not told; that an
//! outage is over is never held back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::name_of;
use crate::{
    plan::{id::Id, read::choice},
    problem::Problem,
    status::{Board, CheckRow, Health, Quiet},
    text::visible,
};

/// How long something must have lasted before a person is called. What it is because of is often seen a moment later,
/// and then that is told instead.
const SETTLED: TimeDelta = TimeDelta::seconds(10);
/// The longest text of a notice, in characters.
const LONGEST: usize = 200;

choice! {
    /// What a notice is about.
    pub enum NoticeKind {
        /// Something does not work any more.
        Outage = "outage",
        /// It works again.
        Recovery = "recovery",
        /// The journal can no longer be written, or is not as it was written.
        Journal = "journal",
        /// This computer has no network.
        NoNetwork = "no-network",
    }
}

/// The screen that shows what a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The board.
    Status,
    /// One check on the board.
    Check(Id),
    /// The journal.
    Journal,
}

impl Route {
    /// The place within the window.
    pub fn hash(&self) -> String {
        match self {
            Self::Status => "#/status".to_owned(),
            Self::Check(check) => format!("#/status/check/{check}"),
            Self::Journal => "#/journal".to_owned(),
        }
    }
}

/// One call for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The first line.
    pub title: String,
    /// The rest, without anything a notification server would act on.
    pub body: String,
    /// Where a click leads.
    pub route: Route,
}

impl Notice {
    fn new(kind: NoticeKind, title: &str, body: &str, route: Route) -> Self {
        Self { kind, title: plain(title), body: plain(body), route }
    }

    /// Whether it is worth a sound.
    pub const fn sounds(&self) -> bool {
        matches!(self.kind, NoticeKind::Outage)
    }
}

/// What has been told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// When the first board of this environment was looked at. What began before is on the board already.
    from: Option<(Id, DateTime<Utc>)>,
    /// Parts that are told as out, with their checks that were.
    out: BTreeMap<Id, BTreeSet<Id>>,
    /// Parts that fail, when they were last seen to do so because of something else. One that is left failing for a
    /// moment when that mends begins to count only then, however long it has failed.
    followed: BTreeMap<Id, DateTime<Utc>>,
    no_network: bool,
    journal: bool,
}

/// What is to be told now, and what has been told afterwards. `journal` says why the journal cannot be relied on.
pub fn notices(told: &Told, board: &Board, journal: Option<&Problem>) -> (Told, Vec<Notice>) {
    let mut after = told.clone();
    let mut found = Vec::new();
    if after.from.as_ref().is_none_or(|(environment, _)| *environment != board.environment.id) {
        after.from = Some((board.environment.id.clone(), board.as_of));
        after.out.clear();
        after.followed.clear();
        after.no_network = false;
    }
    let from = after.from.as_ref().map_or(board.as_of, |(_, from)| *from);
    recoveries(board, &mut after.out, &mut found);
    outages(board, from, &mut after, &mut found);
    match board.no_network {
        Some(gone) if !after.no_network && gone.since + SETTLED <= board.as_of => {
            after.no_network = true;
            let body = "Nothing is known of what is elsewhere until it is back.";
            found.push(Notice::new(NoticeKind::NoNetwork, "This computer has no network", body, Route::Status));
        }
        Some(_) => {}
        None => after.no_network = false,
    }
    match journal {
        Some(problem) if !after.journal => {
            after.journal = true;
            let body = format!("{}. {}", problem.message, problem.hint.as_deref().unwrap_or_default());
            let title = "The journal is open for reading only";
            found.push(Notice::new(NoticeKind::Journal, title, body.trim_end(), Route::Journal));
        }
        Some(_) => {}
        None => after.journal = false,
    }
    (after, found)
}

fn outages(board: &Board, from: DateTime<Utc>, after: &mut Told, found: &mut Vec<Notice>) {
    let out = board.checks.iter().filter(|row| row.alerting && row.health == Health::Outage);
    let mut parts: BTreeMap<&Id, Vec<&CheckRow>> = BTreeMap::new();
    for row in out {
        parts.entry(&row.of).or_default().push(row);
    }
    let fails = |part: &Id| board.checks.iter().any(|row| row.of == *part && row.is_bad());
    after.followed.retain(|part, _| fails(part));
    for row in board.checks.iter().filter(|row| row.is_bad() && matches!(row.quiet, Some(Quiet::Because(_)))) {
        after.followed.insert(row.of.clone(), board.as_of);
    }
    let (told, followed) = (&mut after.out, &after.followed);
    for (part, rows) in parts {
        if let Some(checks) = told.get_mut(part) {
            checks.extend(rows.iter().map(|row| row.id.clone()));
            continue;
        }
        let since = rows.iter().filter_map(|row| row.since).min().unwrap_or(board.as_of);
        let is_old = since < from;
        let counts_from = followed.get(part).map_or(since, |followed| since.max(*followed));
        if !is_old && counts_from + SETTLED > board.as_of {
            continue;
        }
        told.insert(part.clone(), rows.iter().map(|row| row.id.clone()).collect());
        let Some(row) = rows.first().filter(|_| !is_old) else { continue };
        let (name, environment) = (name_of(board, part), &board.environment.name);
        let body = format!("{}: {}. Since {}.", row.name, row.reason, since.format("%H:%M:%S UTC"));
        let title = format!("{name} is out · {environment}");
        found.push(Notice::new(NoticeKind::Outage, &title, &body, Route::Check(row.id.clone())));
    }
}

/// A part is back when each of its checks that was out has an answer again, and none of them is out or unsteady.
fn recoveries(board: &Board, told: &mut BTreeMap<Id, BTreeSet<Id>>, found: &mut Vec<Notice>) {
    told.retain(|part, checks| {
        let rows: Vec<&CheckRow> = board.checks.iter().filter(|row| checks.contains(&row.id)).collect();
        let is_over = |row: &&CheckRow| {
            matches!(row.underlying, Health::Operational | Health::Degraded) && row.flapping.is_none()
        };
        if !rows.iter().all(is_over) {
            return true;
        }
        // A check that the plan does not have any more ends nothing.
        if let Some(worst) = rows.iter().max_by_key(|row| row.underlying.weight()) {
            let (name, environment) = (name_of(board, part), &board.environment.name);
            let how = if worst.underlying == Health::Degraded { "works again, but is degraded" } else { "works again" };
            let title = format!("{name} {how} · {environment}");
            let body = format!("{}: {}.", worst.name, worst.reason);
            found.push(Notice::new(NoticeKind::Recovery, &title, &body, Route::Check(worst.id.clone())));
        }
        false
    });
}

/// Text as every notification server shows it the same: some take markup, so what begins markup is put otherwise.
fn plain(text: &str) -> String {
    let shown = visible(text);
    let letters = shown.chars().map(|letter| match letter {
        '<' => '‹',
        '>' => '›',
        '&' => '＆',
        other => other,
    });
    if shown.chars().count() <= LONGEST {
        return letters.collect();
    }
    letters.take(LONGEST - 1).chain(['…']).collect()
}
