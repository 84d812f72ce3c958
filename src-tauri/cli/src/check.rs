//! `lifeboat check`: every check, or those named, once.

use std::fmt::Write as _;

use lifeboat_domain::{Code, Id, Problem, status::Health};
use lifeboat_engine::view::CheckResult;
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, health, visible},
    progress, status,
};

#[derive(Debug, Serialize)]
struct Results {
    results: Vec<CheckResult>,
}

pub(crate) async fn run(place: &Place, names: &[String], answer: Answer) -> Result<Ending, Problem> {
    let checks = names.iter().map(|name| id(name)).collect::<Result<Vec<Id>, Problem>>()?;
    let engine = place.open().await?;
    let wanted = if checks.is_empty() { None } else { Some(checks) };
    let results = progress::during("checking", engine.check_run(wanted)).await;
    status::tell_trouble(&engine, answer);
    engine.close().await;
    let results = results?;
    let mut text = String::new();
    let width = results.iter().map(|result| result.name.chars().count()).max().unwrap_or(0);
    for result in &results {
        let padding = width.saturating_sub(result.name.chars().count());
        let _ = writeln!(
            text,
            "{} {}{} {:>7.0} ms  {}",
            health(Health::from(result.sample.verdict)),
            visible(&result.name),
            " ".repeat(padding),
            result.sample.latency_ms,
            visible(&result.sample.reason)
        );
    }
    let ending = Ending::of_verdicts(results.iter().map(|result| result.sample.verdict));
    answer.give(&Results { results }, &text)?;
    Ok(ending)
}

fn id(name: &str) -> Result<Id, Problem> {
    name.parse().map_err(|_| {
        Problem::new(Code::CheckUnknown, format!("no check is called \"{name}\""))
            .field("check")
            .hint("`lifeboat status --json` lists them.")
    })
}
