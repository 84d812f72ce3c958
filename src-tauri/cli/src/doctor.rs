//! `lifeboat doctor`: what this computer has and lacks.

use std::fmt::Write as _;

use lifeboat_domain::Problem;
use lifeboat_engine::doctor::{Finding, doctor};

use crate::{
    Place,
    answer::{Answer, Ending, visible},
    progress,
};

pub(crate) async fn run(place: &Place, answer: Answer) -> Result<Ending, Problem> {
    let report = progress::during("looking at this computer", doctor(&place.home)).await;
    let mut text = String::new();
    let width = report.items.iter().map(|item| item.name.chars().count()).max().unwrap_or(0);
    for item in &report.items {
        let word = match item.finding {
            Finding::Good => "✓ good   ",
            Finding::Lacking => "◐ lacking",
            Finding::Missing => "✕ missing",
            Finding::Unknown => "? unknown",
        };
        let padding = " ".repeat(width.saturating_sub(item.name.chars().count()));
        let _ = writeln!(text, "{word}  {}{padding}  {}", item.name, visible(&item.found));
        if item.finding != Finding::Good {
            if let Some(hint) = &item.hint {
                let _ = writeln!(text, "             {}", visible(hint));
            }
            if let Some(package) = &item.package {
                let _ = writeln!(text, "             Debian package: {package}");
            }
        }
    }
    let missing = report.items.iter().any(|item| item.finding == Finding::Missing);
    answer.give(&report, &text)?;
    Ok(if missing { Ending::Bad } else { Ending::Good })
}
