//! The plan as data: who the document belongs to, what must be back by when, what depends on what, the checks that
//! tell, the runbooks that bring it back, and whom to call.
//!
//! A plan is a folder of TOML files and message texts. Reading is pure: texts in, a plan or all its faults out. What
//! a plan that can be read says wrongly is found in `lint`.

mod folder;
pub mod id;
pub mod lint;
pub mod place;
mod platform;
pub mod quantity;
pub mod read;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use ts_rs::TS;

pub use self::{
    folder::{LARGEST_FILE, LoadedPlan, PlanFile, belongs},
    id::Id,
    lint::{Finding, FindingCode, FindingSeverity, lint},
    place::{Place, PlanPlaces},
    platform::{
        BackupPromise, Document, Fallback, Function, Objectives, PeriodObjective, Priority, Provider, ShareObjective,
        Store, System, Tier,
    },
    schema::{schema, schema_for},
};
use self::{quantity::Period, read::PlanFault};
use crate::{
    backup::Backups,
    check::Checks,
    communication::{Contacts, MessageTemplate, Severities},
    compliance::Compliance,
    drill::Drills,
    environment::Environment,
    maintenance::Maintenance,
    report::Reports,
    runbook::Runbook,
};

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Plan {
    /// Document control.
    pub document: Document,
    /// Recovery objectives.
    pub objectives: Objectives,
    /// Classes of impact.
    pub tiers: BTreeMap<Id, Tier>,
    /// Business functions.
    pub functions: BTreeMap<Id, Function>,
    /// Systems of ours.
    pub systems: BTreeMap<Id, System>,
    /// Data stores.
    pub stores: BTreeMap<Id, Store>,
    /// Outside providers.
    pub providers: BTreeMap<Id, Provider>,
    /// Checks.
    pub checks: Checks,
    /// Environments.
    pub environments: BTreeMap<Id, Environment>,
    /// Copies of the stores, what providers offer, and the questions that prove a copy (runbook 3).
    pub backups: Backups,
    /// Scenarios and their steps (runbook 4).
    pub runbooks: BTreeMap<Id, Runbook>,
    /// Who is told of what, and how fast (runbook 5.1).
    pub severities: Severities,
    /// People and who is on call (runbook 5.2).
    pub contacts: Contacts,
    /// Messages prepared in advance (runbook 5.1.2).
    pub templates: BTreeMap<Id, MessageTemplate>,
    /// The texts of those messages.
    pub template_texts: BTreeMap<Id, String>,
    /// Drills and their report (runbook 6.2).
    pub drills: Drills,
    /// What is written after an incident (runbook 7).
    pub reports: Reports,
    /// Law and regulators (runbook 8).
    pub compliance: Compliance,
    /// How the plan itself is kept up (runbook 10).
    pub maintenance: Maintenance,
    /// SHA-256 over every file's name and bytes: which plan this is, for the journal.
    pub hash: String,
}

impl Plan {
    /// Reads a plan from the files of its folder.
    ///
    /// # Errors
    /// All faults of all files, sorted by file and line. References between files are judged only when every
    /// file could be read, so that one typo does not cause a shower of faults that are not.
    pub fn read(files: &[PlanFile]) -> Result<Self, Vec<PlanFault>> {
        LoadedPlan::read(files).map(|loaded| loaded.plan)
    }

    /// The name of a function, system, store or provider.
    pub fn name_of(&self, id: &Id) -> Option<&str> {
        let function = self.functions.get(id).map(|function| function.name.as_str());
        function
            .or_else(|| self.systems.get(id).map(|system| system.name.as_str()))
            .or_else(|| self.stores.get(id).map(|store| store.name.as_str()))
            .or_else(|| self.providers.get(id).map(|provider| provider.name.as_str()))
    }

    /// A function's recovery time objective: its own, its tier's, or the platform's.
    pub fn rto_of(&self, function: &Function) -> Period {
        let tier = self.tiers.get(&function.tier).and_then(|tier| tier.rto);
        function.rto.or(tier).unwrap_or(self.objectives.rto.target)
    }

    /// The checks of an environment with its pace applied.
    pub fn checks_in(&self, environment: &Environment) -> Checks {
        let mut checks = self.checks.clone();
        if let Some(pace) = &environment.pace {
            for check in checks.values_mut() {
                check.interval = pace.interval.map_or(check.interval, |most| most.min(check.interval));
                check.retry = pace.retry.map_or(check.retry, |most| most.min(check.retry));
                check.timeout = pace.timeout.map_or(check.timeout, |most| most.min(check.timeout)).min(check.interval);
            }
        }
        checks
    }
}
