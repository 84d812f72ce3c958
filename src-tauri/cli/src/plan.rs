//! `lifeboat plan`: what is wrong with the plan, all of it at once.

use std::fmt::Write as _;

use chrono::Utc;
use clap::Subcommand;
use lifeboat_domain::{
    Code, Problem,
    plan::{
        LoadedPlan,
        lint::{Finding, lint},
        read::PlanFault,
        schema, schema_for,
    },
};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, visible},
};

#[derive(Debug, Subcommand)]
pub(crate) enum PlanVerb {
    /// Read every file, tell every mistake with file, line and column, and what the plan says wrongly.
    ///
    /// Mistakes that keep the plan from being read exit 1. Findings, such as contradictions, exit 0 unless --strict.
    Check {
        /// Exit 1 for findings, too.
        #[arg(long)]
        strict: bool,
    },
    /// Print the JSON Schema of the plan, or of one of its files, so that editors can complete it.
    Schema {
        /// A file of the plan, such as checks.toml.
        file: Option<String>,
    },
}

/// A mistake or a finding of `plan check --json`.
#[derive(Debug, Serialize)]
struct Told<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    why: Option<&'a str>,
    hint: Option<&'a str>,
    field: &'a str,
    places: Vec<ToldPlace<'a>>,
}

#[derive(Debug, Serialize)]
struct ToldPlace<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

impl<'a> From<&'a PlanFault> for Told<'a> {
    fn from(fault: &'a PlanFault) -> Self {
        Self {
            code: "plan-fault",
            severity: "error",
            message: &fault.message,
            why: None,
            hint: fault.hint.as_deref(),
            field: &fault.field,
            places: vec![ToldPlace { file: &fault.file, line: fault.line, column: fault.column }],
        }
    }
}

impl<'a> From<&'a Finding> for Told<'a> {
    fn from(finding: &'a Finding) -> Self {
        let place = |place: &'a lifeboat_domain::plan::Place| ToldPlace {
            file: &place.file,
            line: place.line,
            column: place.column,
        };
        Self {
            code: finding.code.word(),
            severity: finding.severity.word(),
            message: &finding.message,
            why: Some(&finding.why),
            hint: None,
            field: "",
            places: finding.places.iter().map(place).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Checked<'a> {
    folder: String,
    valid: bool,
    document: Option<&'a str>,
    version: Option<&'a str>,
    hash: Option<&'a str>,
    findings: Vec<Told<'a>>,
}

pub(crate) fn run(place: &Place, verb: &PlanVerb, answer: Answer) -> Result<Ending, Problem> {
    match verb {
        PlanVerb::Check { strict } => check(place, *strict, answer),
        PlanVerb::Schema { file } => print_schema(file.as_deref(), answer),
    }
}

fn print_schema(file: Option<&str>, answer: Answer) -> Result<Ending, Problem> {
    let schema = match file {
        None => schema(),
        Some(file) => schema_for(file).ok_or_else(|| {
            Problem::new(Code::Usage, format!("\"{file}\" is not a file of a plan"))
                .hint("A plan has plan.toml, checks.toml, environments/*.toml and more; see the bundled one.")
                .field("file")
        })?,
    };
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Problem::bug(format!("the schema is not JSON: {error}")))?;
    answer.give(&schema, &text)?;
    Ok(Ending::Good)
}

fn check(place: &Place, strict: bool, answer: Answer) -> Result<Ending, Problem> {
    let folder = place.plan_folder()?;
    let read = lifeboat_engine::plans::read(folder)?.plan;
    let (loaded, faults): (Option<&LoadedPlan>, &[PlanFault]) = match &read {
        Ok(loaded) => (Some(loaded), &[]),
        Err(faults) => (None, faults),
    };
    let findings = loaded.map_or_else(Vec::new, |loaded| lint(&loaded.plan, &loaded.places, Utc::now().date_naive()));
    let plan = loaded.map(|loaded| &loaded.plan);
    let checked = Checked {
        folder: folder.display().to_string(),
        valid: plan.is_some(),
        document: plan.map(|plan| plan.document.id.as_str()),
        version: plan.map(|plan| plan.document.version.as_str()),
        hash: plan.map(|plan| plan.hash.as_str()),
        findings: faults.iter().map(Told::from).chain(findings.iter().map(Told::from)).collect(),
    };
    let mut text = String::new();
    for fault in faults {
        tell_fault(&mut text, fault);
    }
    for finding in &findings {
        tell_finding(&mut text, finding);
    }
    if let Some(plan) = plan {
        let plural = if findings.len() == 1 { "finding" } else { "findings" };
        let _ = writeln!(
            text,
            "{} {} version {}: {} functions, {} checks, {} environments; no faults, {} {plural}",
            plan.document.id,
            visible(&plan.document.title),
            visible(&plan.document.version),
            plan.functions.len(),
            plan.checks.len(),
            plan.environments.len(),
            findings.len()
        );
    } else {
        let plural = if faults.len() == 1 { "fault" } else { "faults" };
        let _ = writeln!(text, "{} {plural} in {}", faults.len(), visible(&folder.display().to_string()));
    }
    answer.give(&checked, &text)?;
    Ok(if plan.is_none() || (strict && !findings.is_empty()) { Ending::Bad } else { Ending::Good })
}

fn tell_fault(text: &mut String, fault: &PlanFault) {
    let field = if fault.field.is_empty() { String::new() } else { format!("{}: ", visible(&fault.field)) };
    let place = format!("{}:{}:{}", fault.file, fault.line, fault.column);
    let _ = writeln!(text, "{place}: {field}{}", visible(&fault.message));
    if let Some(hint) = &fault.hint {
        let _ = writeln!(text, "    {}", visible(hint));
    }
}

fn tell_finding(text: &mut String, finding: &Finding) {
    let mut places = finding.places.iter().map(|place| format!("{}:{}:{}", place.file, place.line, place.column));
    let first = places.next().unwrap_or_default();
    let _ = writeln!(text, "{first}: {} [{}]: {}", finding.severity, finding.code, visible(&finding.message));
    for place in places {
        let _ = writeln!(text, "    and {place}");
    }
    let _ = writeln!(text, "    {}", visible(&finding.why));
}
