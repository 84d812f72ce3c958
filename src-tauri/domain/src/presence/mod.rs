//! Presence: what a desktop is told of the board while nobody looks at the window.
//!
//! Three small judgements: what the tray shows, what is worth calling a person for, and what still runs when somebody
//! wants to quit. Each is a function of the board; showing, sounding and asking is the shell's.

mod notice;
mod running;
mod tray;

pub use self::{
    notice::{Notice, NoticeKind, Route, Told, notices},
    running::{Running, RunningKind, still_running},
    tray::{Tray, TrayState, tray, tray_without_board},
};
use crate::{
    plan::id::Id,
    status::{Board, PartRow},
};

/// What a part of the board is called.
fn name_of<'a>(board: &'a Board, part: &'a Id) -> &'a str {
    let parts = board.systems.iter().chain(&board.stores).chain(&board.providers);
    let functions = board.tiers.iter().flat_map(|tier| &tier.functions);
    parts
        .map(|PartRow { id, name, .. }| (id, name))
        .chain(functions.map(|function| (&function.id, &function.name)))
        .find(|(id, _)| *id == part)
        .map_or(part.as_str(), |(_, name)| name)
}

#[cfg(test)]
mod tests;
