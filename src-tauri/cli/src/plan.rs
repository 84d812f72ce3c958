//! `lifeboat plan`: what is wrong with the plan, all of it at once.

use std::fmt::Write as _;

use clap::Subcommand;
use lifeboat_domain::{
    Problem,
    plan::{Plan, read::PlanFault},
};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, visible},
};

#[derive(Debug, Subcommand)]
pub(crate) enum PlanVerb {
    /// Read every file and tell every mistake with file, line and column.
    Check,
}

/// A fault as a finding of `plan check --json`.
#[derive(Debug, Serialize)]
struct Finding<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
    field: &'a str,
    places: [FindingPlace<'a>; 1],
}

#[derive(Debug, Serialize)]
struct FindingPlace<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

#[derive(Debug, Serialize)]
struct Checked<'a> {
    folder: String,
    valid: bool,
    document: Option<&'a str>,
    version: Option<&'a str>,
    hash: Option<&'a str>,
    findings: Vec<Finding<'a>>,
}

pub(crate) fn run(place: &Place, verb: &PlanVerb, answer: Answer) -> Result<Ending, Problem> {
    match verb {
        PlanVerb::Check => check(place, answer),
    }
}

fn check(place: &Place, answer: Answer) -> Result<Ending, Problem> {
    let folder = place.plan_folder()?;
    let read = lifeboat_engine::plans::read(folder)?.plan;
    let (plan, faults): (Option<&Plan>, &[PlanFault]) = match &read {
        Ok(plan) => (Some(plan), &[]),
        Err(faults) => (None, faults),
    };
    let checked = Checked {
        folder: folder.display().to_string(),
        valid: plan.is_some(),
        document: plan.map(|plan| plan.document.id.as_str()),
        version: plan.map(|plan| plan.document.version.as_str()),
        hash: plan.map(|plan| plan.hash.as_str()),
        findings: faults
            .iter()
            .map(|fault| Finding {
                code: "plan-fault",
                severity: "error",
                message: &fault.message,
                hint: fault.hint.as_deref(),
                field: &fault.field,
                places: [FindingPlace { file: &fault.file, line: fault.line, column: fault.column }],
            })
            .collect(),
    };
    let mut text = String::new();
    for fault in faults {
        let _ = writeln!(
            text,
            "{}:{}:{}: {}{}",
            fault.file,
            fault.line,
            fault.column,
            if fault.field.is_empty() { String::new() } else { format!("{}: ", visible(&fault.field)) },
            visible(&fault.message)
        );
        if let Some(hint) = &fault.hint {
            let _ = writeln!(text, "    {}", visible(hint));
        }
    }
    match plan {
        Some(plan) => {
            let _ = writeln!(
                text,
                "{} {} version {}: {} functions, {} checks, {} environments, no faults",
                plan.document.id,
                visible(&plan.document.title),
                plan.document.version,
                plan.functions.len(),
                plan.checks.len(),
                plan.environments.len()
            );
        }
        None => {
            let plural = if faults.len() == 1 { "fault" } else { "faults" };
            let _ = writeln!(text, "{} {plural} in {}", faults.len(), folder.display());
        }
    }
    answer.give(&checked, &text)?;
    Ok(if plan.is_some() { Ending::Good } else { Ending::Bad })
}
