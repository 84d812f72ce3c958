//! What the tray shows: a shape, and a line of text that says the same.

use chrono::{DateTime, Utc};

use super::name_of;
use crate::{
    plan::{id::Id, read::choice},
    problem::Problem,
    status::{Board, CheckRow, Health, Quiet, Scope, SilenceKind, Watching},
    text::visible,
};

/// The longest name in the line, in characters.
const LONGEST_NAME: usize = 60;

choice! {
    /// The shape of the tray's icon.
    pub enum TrayState {
        /// All is known to be well, or work on all that is not is under way.
        Quiet = "quiet",
        /// Somebody should look when there is time: something is degraded, muted or not known.
        Attention = "attention",
        /// Something does not work.
        Outage = "outage",
    }
}

/// What the tray shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tray {
    /// The icon.
    pub state: TrayState,
    /// The first line of the menu.
    pub line: String,
}

impl Tray {
    fn new(state: TrayState, line: impl Into<String>) -> Self {
        Self { state, line: line.into() }
    }
}

/// What the tray shows when there is no board: nothing is known, and that is never quiet.
pub fn tray_without_board(problem: &Problem) -> Tray {
    Tray::new(TrayState::Attention, format!("nothing is known: {}", short(&problem.message)))
}

/// What the tray shows of a board. The worst that somebody should hear of decides; an outage that alarms comes before
/// one that is muted or flaps, and nothing unknown is ever quiet.
pub fn tray(board: &Board) -> Tray {
    let Tray { state, mut line } = state_of(board);
    let muted = board.silences.iter().filter(|silence| {
        silence.kind == SilenceKind::Mute && silence.scope == Scope::Everything && silence.holds(board.as_of)
    });
    if let Some(until) = muted.map(|silence| silence.until).max() {
        line = format!("{line}, muted until {}", clock(until));
    }
    Tray { state, line: format!("{line} · {}", short(&board.environment.name)) }
}

fn state_of(board: &Board) -> Tray {
    use TrayState::{Attention, Outage, Quiet as Calm};
    let rows = |wanted: &dyn Fn(&CheckRow) -> bool| board.checks.iter().filter(|row| wanted(row)).collect::<Vec<_>>();
    let all = board.checks.len();
    let out = rows(&|row| row.alerting && row.health == Health::Outage);
    if !out.is_empty() {
        return Tray::new(Outage, what("outage", board, &out));
    }
    if all == 0 {
        return Tray::new(Attention, "the plan has no checks");
    }
    if board.no_network.is_some() {
        return Tray::new(Attention, "no network on this computer");
    }
    let degraded = rows(&|row| row.alerting);
    if !degraded.is_empty() {
        return Tray::new(Attention, what("degraded", board, &degraded));
    }
    // Work on it is under way: those are shown as maintenance, and not looked for here.
    let held = rows(&|row| row.health.is_bad());
    if let Some(first) = held.first() {
        let why = match &first.quiet {
            Some(Quiet::Muted { .. }) => "muted",
            Some(Quiet::Flapping { .. }) => "flapping",
            Some(Quiet::Because(_) | Quiet::Maintenance { .. }) | None => "held back",
        };
        return Tray::new(Attention, what(&format!("{why} {}", first.health), board, &held));
    }
    let blind = rows(&|row| matches!(row.health, Health::Unknown | Health::NotChecked)).len();
    match board.watching {
        Watching::Nobody => return Tray::new(Attention, "nobody is checking"),
        Watching::Here | Watching::Elsewhere => {}
    }
    if blind > 0 {
        let have = if blind == 1 { "has" } else { "have" };
        return Tray::new(Attention, format!("not known: {blind} of {all} checks {have} no answer"));
    }
    match rows(&|row| row.health == Health::Maintenance).len() {
        0 => Tray::new(Calm, "all operational"),
        some => Tray::new(Calm, format!("in maintenance: {some} of {all} checks, the others operational")),
    }
}

/// Such as `outage: Primary database and 2 more since 02:14 UTC`.
fn what(word: &str, board: &Board, rows: &[&CheckRow]) -> String {
    let mut parts: Vec<&Id> = Vec::new();
    for row in rows {
        if !parts.contains(&&row.of) {
            parts.push(&row.of);
        }
    }
    let mut line = format!("{word}: {}", parts.first().map_or_else(String::new, |part| short(name_of(board, part))));
    if parts.len() > 1 {
        line = format!("{line} and {} more", parts.len() - 1);
    }
    match rows.iter().filter_map(|row| row.since).min() {
        Some(since) if since.date_naive() == board.as_of.date_naive() => format!("{line} since {}", clock(since)),
        Some(since) => format!("{line} since {}", since.format("%Y-%m-%d %H:%M UTC")),
        None => line,
    }
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M UTC").to_string()
}

/// A name in one short line: a menu shows it as it is.
fn short(name: &str) -> String {
    let name = visible(name);
    if name.chars().count() <= LONGEST_NAME {
        return name.into_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}
