//! `lifeboat status` and `lifeboat watch`: the board in a terminal.

use std::{fmt::Write as _, io::Write as _, time::Duration};

use lifeboat_domain::{
    Problem,
    journal::EntryView,
    status::{Board, CheckRow, FunctionRow, Health, PartRow, Quiet, Watching},
};
use lifeboat_engine::Engine;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::broadcast::error::RecvError,
};

use crate::{
    Place,
    answer::{Answer, Ending, health, tell_problem, time, visible},
    progress,
};

/// How soon the first whole picture is looked for, and how seldom the board is while entries tell of changes.
const SOON: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(2);

pub(crate) async fn show(place: &Place, answer: Answer) -> Result<Ending, Problem> {
    let engine = place.open().await?;
    let board = look(&engine).await;
    tell_trouble(&engine, answer);
    engine.close().await;
    let board = board?;
    answer.give(&board, &text(&board))?;
    Ok(ending(&board))
}

/// The board; when nobody keeps it fresh, everything is checked once first.
async fn look(engine: &Engine) -> Result<Board, Problem> {
    let board = engine.board().await?;
    if board.watching != Watching::Nobody {
        return Ok(board);
    }
    progress::during("nobody is watching, so checking once", engine.check_run(None)).await?;
    progress::during("looking again at what is suspect", engine.check_confirm()).await
}

fn ending(board: &Board) -> Ending {
    match board.worst {
        Health::Outage | Health::Degraded => Ending::Bad,
        Health::Unknown | Health::NotChecked => Ending::CouldNotCheck,
        Health::Operational | Health::Maintenance if board.counts.unknown + board.counts.not_checked > 0 => {
            Ending::CouldNotCheck
        }
        Health::Operational | Health::Maintenance => Ending::Good,
    }
}

pub(crate) async fn watch(place: &Place, seconds: Option<u64>, answer: Answer) -> Result<Ending, Problem> {
    let mut asked = Asked::catch()?;
    let engine = place.open().await?;
    let mut entries = engine.entries();
    engine.watch().await?;
    let board = engine.board().await?;
    if !answer.json {
        let following = match board.watching {
            Watching::Elsewhere => " (another program keeps checking; this one follows)",
            Watching::Here | Watching::Nobody => "",
        };
        progress::step(&format!("watching {}{following}; Ctrl-C ends it", board.environment.name));
    }
    let until = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(until);
    // The first picture comes when every check has been made once.
    let mut first = Some(board);
    let (mut told, mut sentence) = (None, String::new());
    let mut looked = tokio::time::Instant::now();
    let result = loop {
        tokio::select! {
            () = &mut until => break Ok(()),
            () = asked.comes() => break Ok(()),
            () = tokio::time::sleep_until(looked + if first.is_some() { SOON } else { SELDOM }) => {
                looked = tokio::time::Instant::now();
                // While nothing can be kept, no entry comes: the board itself is told then, whenever it changes.
                let trouble = engine.trouble();
                if trouble != told {
                    match &trouble {
                        Some(problem) => tell_problem(problem, answer.json),
                        None => progress::step("the journal is kept again"),
                    }
                    told = trouble;
                }
                if first.is_none() && told.is_none() {
                    continue;
                }
                match engine.board().await {
                    Ok(board) if first.is_some() && board.counts.not_checked > 0 => {}
                    Ok(board) if first.is_some() || sentence != board.sentence => {
                        first = None;
                        sentence.clone_from(&board.sentence);
                        if let Err(problem) = answer.give(&board, &text(&board)) {
                            break Err(problem);
                        }
                    }
                    Ok(_) => {}
                    Err(problem) => break Err(problem),
                }
            }
            entry = entries.recv() => match entry {
                Ok(entry) => {
                    if let Err(problem) = answer.give(&entry, &line(&entry)) {
                        break Err(problem);
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    let _ = writeln!(std::io::stderr(), "{missed} entries came too fast to show; see `lifeboat journal list`");
                }
                Err(RecvError::Closed) => break Ok(()),
            },
        }
    };
    let board = engine.board().await;
    engine.close().await;
    result?;
    Ok(ending(&board?))
}

/// Says when what was seen could not be kept.
pub(crate) fn tell_trouble(engine: &Engine, answer: Answer) {
    if let Some(problem) = engine.trouble() {
        tell_problem(&problem, answer.json);
    }
}

/// What asks this program to end: a person, the system, or the terminal that is gone. Caught from the beginning, so
/// that a watch never ends without saying so.
struct Asked {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Asked {
    fn catch() -> Result<Self, Problem> {
        let of = |kind| signal(kind).map_err(|error| Problem::bug(format!("a signal cannot be caught: {error}")));
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
            hangup: of(SignalKind::hangup())?,
        })
    }

    async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

fn line(entry: &EntryView) -> String {
    format!("{}  {}", time(entry.at), visible(&entry.summary))
}

fn text(board: &Board) -> String {
    let mut text = String::new();
    let counts = board.counts;
    let _ = writeln!(text, "{}", board.sentence);
    for silence in &board.silences {
        let _ = writeln!(text, "  {}", crate::silence::in_words(silence, board.as_of));
    }
    let maintenance =
        if counts.maintenance > 0 { format!(", {} in maintenance", counts.maintenance) } else { String::new() };
    let watching = match board.watching {
        Watching::Here | Watching::Elsewhere => "being watched",
        Watching::Nobody => "nobody is watching",
    };
    let _ = writeln!(
        text,
        "{} · as of {} · {} operational, {} degraded, {} outage, {} unknown, {} not checked{maintenance} · {watching}",
        board.environment.name,
        time(board.as_of),
        counts.operational,
        counts.degraded,
        counts.outage,
        counts.unknown,
        counts.not_checked
    );
    for tier in &board.tiers {
        let _ = writeln!(text, "\n{}", tier.name);
        for function in &tier.functions {
            function_line(&mut text, function);
        }
    }
    for (head, parts) in [("Data stores", &board.stores), ("Systems", &board.systems), ("Providers", &board.providers)]
    {
        let _ = writeln!(text, "\n{head}");
        for part in parts {
            part_line(&mut text, part, &board.checks);
        }
    }
    if !board.changes.is_empty() {
        let _ = writeln!(text, "\nChanged in the last hour");
        for change in board.changes.iter().take(10) {
            let _ = writeln!(text, "  {}  {}", time(change.at), visible(&change.summary));
        }
    }
    text
}

fn function_line(text: &mut String, function: &FunctionRow) {
    let since = function.since.filter(|_| function.health != Health::Operational).map(time);
    let since = since.map_or_else(String::new, |since| format!("  since {since}"));
    let _ = writeln!(text, "  {} {:<28} RTO {}{since}", health(function.health), visible(&function.name), function.rto);
    for cause in function.causes.iter().take(3) {
        let _ = writeln!(text, "      {}: {}", visible(&cause.name), visible(&cause.reason));
    }
}

fn part_line(text: &mut String, part: &PartRow, checks: &[CheckRow]) {
    let _ = writeln!(text, "  {} {:<28} {}", health(part.health), visible(&part.name), visible(&part.reason));
    if let (Health::Outage | Health::Degraded, Some(fallback)) = (part.health, &part.fallback) {
        let _ = writeln!(text, "      Fallback: {}", visible(fallback));
    }
    for check in checks.iter().filter(|check| check.of == part.id) {
        if let Some(because) = &check.because {
            let _ = writeln!(text, "      {}: because of {}", visible(&check.name), visible(&because.name));
        }
        if let Some(flapping) = &check.flapping {
            let _ = writeln!(text, "      {}: flapping since {}", visible(&check.name), time(flapping.since));
        }
        if let (true, Some(Quiet::Muted { until })) = (check.is_bad(), &check.quiet) {
            let _ = writeln!(text, "      {}: muted until {}", visible(&check.name), time(*until));
        }
    }
}
