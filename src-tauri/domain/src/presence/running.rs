//! What still runs when somebody wants to quit, and what becomes of it.

use serde::Serialize;
use ts_rs::TS;

use crate::{
    plan::read::choice,
    status::{Board, SilenceKind, Watching},
};

choice! {
    /// What still runs.
    pub enum RunningKind {
        /// This program checks the plan.
        Watch = "watch",
        /// The practice range is up.
        Range = "range",
        /// Work is under way, told as a maintenance.
        Maintenance = "maintenance",
        /// Alarms are muted.
        Mute = "mute",
        /// Something a person asked for is not done yet.
        Job = "job",
    }
}

/// One thing that still runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Running {
    /// What it is.
    pub kind: RunningKind,
    /// What it is, and what becomes of it, as a sentence.
    pub text: String,
}

/// What still runs. Nothing means that quitting needs no question.
pub fn still_running(board: Option<&Board>, is_range_up: bool, jobs: &[&str]) -> Vec<Running> {
    let mut running = Vec::new();
    let mut add = |kind, text: String| running.push(Running { kind, text });
    for job in jobs {
        add(RunningKind::Job, format!("{job} is not done yet and ends where it is."));
    }
    if let Some(board) = board.filter(|board| board.watching == Watching::Here && !board.checks.is_empty()) {
        let checks = match board.checks.len() {
            1 => "1 check is".to_owned(),
            many => format!("{many} checks are"),
        };
        let name = &board.environment.name;
        add(RunningKind::Watch, format!("{checks} being watched in {name}; nobody watches afterwards."));
    }
    if is_range_up {
        let text = "The practice range is up and stays up; `lifeboat range down` takes it down.";
        add(RunningKind::Range, text.to_owned());
    }
    for silence in board.into_iter().flat_map(|board| board.silences.iter().filter(|it| it.holds(board.as_of))) {
        let until = silence.until.format("%Y-%m-%d %H:%M UTC");
        let (kind, what) = match silence.kind {
            SilenceKind::Maintenance => (RunningKind::Maintenance, "A maintenance"),
            SilenceKind::Mute => (RunningKind::Mute, "A mute"),
        };
        add(kind, format!("{what} of {} goes on until {until}.", silence.scope));
    }
    running
}
