//! Drills: what they practise, when, and what passing means; scenarios nobody practises; figures nobody can take.

use super::{FindingCode as Code, Linter, at, in_runbook};
use crate::report::MetricKind;

const FILE: &str = "drills.toml";
const REPORTS: &str = "reports.toml";

impl Linter<'_> {
    pub(super) fn drills(&mut self) {
        for (id, drill) in &self.plan.drills.drills {
            let here = || [at(FILE, format!("drills.{id}"))];
            if drill.runbook.is_none() && drill.story.is_none() {
                let message = format!("the drill \"{}\" practises no scenario", drill.name);
                self.find(Code::DrillWithoutScenario, message, here());
            }
            if drill.success.is_empty() {
                let message = format!("the drill \"{}\" does not say what passing means", drill.name);
                self.find(Code::DrillWithoutSuccess, message, here());
            }
            if let (Some(week), None) = (drill.week, drill.starts) {
                let message = format!("the drill \"{}\" is in week {week}, counted from nowhere", drill.name);
                self.find(Code::DrillWeekUndefined, message, [at(FILE, format!("drills.{id}.week"))]);
            }
            if drill.owner.is_none() {
                let message = format!("nobody answers for the drill \"{}\"", drill.name);
                self.find(Code::DrillWithoutOwner, message, here());
            }
        }
        for (id, runbook) in &self.plan.runbooks {
            if !self.plan.drills.drills.values().any(|drill| drill.runbook.as_ref() == Some(id)) {
                let message = format!("no drill practises \"{}\"", runbook.name);
                self.find(Code::ScenarioWithoutDrill, message, [in_runbook(id, "name"), at(FILE, "drills")]);
            }
        }
        for (id, metric) in &self.plan.reports.metrics {
            if metric.kind == MetricKind::Duration && (metric.from.is_none() || metric.until.is_none()) {
                let end = if metric.from.is_none() { "beginning" } else { "end" };
                let message = format!("the {end} of \"{}\" is not kept", metric.name);
                self.find(Code::DurationWithoutMoments, message, [at(REPORTS, format!("metrics.{id}"))]);
            }
        }
        if self.plan.reports.lessons.as_ref().is_some_and(|lessons| lessons.states.len() < 2) {
            let message = "a lesson has one state only, so it never closes";
            self.find(Code::LessonsNeverClose, message, [at(REPORTS, "lessons.states")]);
        }
    }
}
