//! What a plan that can be read says wrongly: places that contradict each other, promises nobody can keep, people
//! nobody can reach.
//!
//! Findings never stop a plan from being used; they say what it will cost. Mistakes that make a plan unusable are
//! faults, and are told while reading.

mod backups;
mod code;
mod compliance;
mod drills;
mod maintenance;
mod messages;
mod objectives;
mod people;
mod runbooks;
mod structure;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use self::code::{FindingCode, FindingSeverity};
use super::{Place, Plan, PlanPlaces};
use crate::text::visible;

/// Something a plan says wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, rename = "PlanFinding")]
pub struct Finding {
    /// What kind it is.
    pub code: FindingCode,
    /// How much it weighs.
    pub severity: FindingSeverity,
    /// What is wrong, with the values that are.
    pub message: String,
    /// What it costs at three in the morning.
    pub why: String,
    /// The places that disagree, the one to change first.
    pub places: Vec<Place>,
}

/// Everything a plan says wrongly on a day, worst first, then by place.
pub fn lint(plan: &Plan, places: &PlanPlaces, today: NaiveDate) -> Vec<Finding> {
    let mut linter = Linter { plan, places, today, findings: Vec::new() };
    linter.objectives();
    linter.structure();
    linter.backups();
    linter.people();
    linter.messages();
    linter.drills();
    linter.runbooks();
    linter.compliance();
    linter.maintenance();
    let mut findings = linter.findings;
    findings.sort_by(|one, other| {
        (one.severity, &one.places, one.code, &one.message).cmp(&(
            other.severity,
            &other.places,
            other.code,
            &other.message,
        ))
    });
    findings
}

struct Linter<'a> {
    plan: &'a Plan,
    places: &'a PlanPlaces,
    today: NaiveDate,
    findings: Vec<Finding>,
}

impl Linter<'_> {
    /// Adds a finding at values, each given by file and dotted path.
    fn find<File: AsRef<str>, Path: AsRef<str>>(
        &mut self,
        code: FindingCode,
        message: impl Into<String>,
        values: impl IntoIterator<Item = (File, Path)>,
    ) {
        let places = values.into_iter().map(|(file, path)| self.places.place(file.as_ref(), path.as_ref())).collect();
        self.find_at(code, message, places);
    }

    /// Adds a finding at places.
    fn find_at(&mut self, code: FindingCode, message: impl Into<String>, mut places: Vec<Place>) {
        let mut seen: Vec<Place> = Vec::new();
        places.retain(|place| {
            let new = !seen.contains(place);
            if new {
                seen.push(place.clone());
            }
            new
        });
        // A message may quote what the plan says; on a terminal or a page it stays one line that does nothing.
        let (message, why) = (visible(&message.into()).into_owned(), code.why().to_owned());
        self.findings.push(Finding { code, severity: code.severity(), message, why, places });
    }
}

/// A value of `plan.toml`.
fn in_plan(path: impl Into<String>) -> (String, String) {
    ("plan.toml".to_owned(), path.into())
}

/// A value of a runbook.
fn in_runbook(runbook: &super::Id, path: impl Into<String>) -> (String, String) {
    (format!("runbooks/{runbook}.toml"), path.into())
}

/// A value of another file.
fn at(file: &str, path: impl Into<String>) -> (String, String) {
    (file.to_owned(), path.into())
}
