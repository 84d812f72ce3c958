//! `lifeboat check history` and `lifeboat status --availability`: what became of checks over time.

use std::fmt::Write as _;

use clap::{Subcommand, builder::PossibleValuesParser};
use lifeboat_domain::{
    Problem,
    check::Verdict,
    status::{
        availability::{Attainment, AvailabilityReport, AvailabilityRow, percent},
        rollup::HistorySpan,
    },
};
use lifeboat_engine::history::{CheckHistory, HistoryPart};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, time, visible},
    check, progress,
};

#[derive(Debug, Subcommand)]
pub(crate) enum CheckVerb {
    /// Show what became of a check: its latencies, what it said, and when nobody looked.
    History {
        /// The check's name in the plan.
        #[arg(value_name = "ID")]
        check: String,
        /// How far back.
        #[arg(long, default_value = "24h", value_parser = PossibleValuesParser::new(HistorySpan::ALL.map(HistorySpan::word)))]
        span: String,
    },
}

pub(crate) async fn run(place: &Place, verb: &CheckVerb, answer: Answer) -> Result<Ending, Problem> {
    let CheckVerb::History { check, span } = verb;
    let id = check::id(check)?;
    // The words have been looked at while the arguments were read.
    let span = HistorySpan::ALL.into_iter().find(|known| known.word() == span).unwrap_or(HistorySpan::Day);
    let engine = progress::during("opening the journal", place.open()).await?;
    let history = engine.check_history(id, span).await;
    engine.close().await;
    let history = history?;
    answer.give(&history, &text(&history))?;
    Ok(Ending::Good)
}

fn text(history: &CheckHistory) -> String {
    let mut text = format!("{}, the last {}\n{}\n\n", visible(&history.name), history.span, history.chart.finding);
    for line in history.parts.chunks(60) {
        let letters: String = line.iter().map(letter).collect();
        let from = line.first().map_or_else(String::new, |part| part.from.format("%Y-%m-%d %H:%M UTC").to_string());
        let _ = writeln!(text, "  {from}  {letters}");
    }
    let _ = writeln!(text, "\n  · operational  ◐ degraded  ✕ outage  ? unknown  (blank) not observed");
    if !history.changes.is_empty() {
        let _ = writeln!(text, "\nChanges");
        for change in &history.changes {
            let _ = writeln!(text, "  {}  {}", time(change.at), visible(&change.summary));
        }
    }
    text
}

fn letter(part: &HistoryPart) -> char {
    match part.verdicts.worst() {
        Some(Verdict::Operational) => '·',
        Some(Verdict::Degraded) => '◐',
        Some(Verdict::Outage) => '✕',
        Some(Verdict::Unknown) => '?',
        None => ' ',
    }
}

#[derive(Debug, Serialize)]
struct Reports {
    availability: Vec<AvailabilityReport>,
}

pub(crate) async fn availability(place: &Place, answer: Answer) -> Result<Ending, Problem> {
    let engine = progress::during("opening the journal", place.open()).await?;
    let reports = engine.availability().await;
    engine.close().await;
    let reports = reports?;
    let mut text = String::new();
    for report in &reports {
        let objective = &report.objective;
        let _ = writeln!(
            text,
            "The last {} days (wanted {}, at least {})",
            report.days, objective.target, objective.tolerable
        );
        for (head, rows) in [("Functions", &report.functions), ("Parts", &report.parts), ("Checks", &report.checks)] {
            let _ = writeln!(text, "\n  {head}");
            for row in rows {
                line(&mut text, row);
            }
        }
        text.push('\n');
    }
    let rows = || reports.iter().flat_map(|report| &report.functions);
    let ending = if rows().any(|row| row.tolerable == Attainment::Missed) {
        Ending::Bad
    } else if rows().any(|row| row.tolerable == Attainment::Open) {
        Ending::CouldNotCheck
    } else {
        Ending::Good
    };
    answer.give(&Reports { availability: reports }, &text)?;
    Ok(ending)
}

fn line(text: &mut String, row: &AvailabilityRow) {
    let share = row.share.map_or_else(|| "–".to_owned(), percent);
    let target = match row.target {
        Attainment::Met => "target met",
        Attainment::Missed => "target missed",
        Attainment::Open => "cannot be said",
    };
    let _ = writeln!(
        text,
        "    {:<30} {share:>9}  known {:>9}  {target:<14}  {}",
        visible(&row.name),
        percent(row.known),
        row.sentence
    );
}
