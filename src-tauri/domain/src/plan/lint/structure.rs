//! What depends on what: tiers, priorities, checks and copies of stores.

use std::collections::BTreeMap;

use super::{FindingCode as Code, Linter, at, in_plan};
use crate::{
    backup::BackupMethod,
    check::ProbeKind,
    plan::{Id, Priority},
};

/// The rank of a tier that a store's priority stands for.
const fn rank_of(priority: Priority) -> u32 {
    match priority {
        Priority::P0 => 1,
        Priority::P1 => 2,
        Priority::P2 => 3,
        Priority::P3 => 4,
    }
}

impl Linter<'_> {
    pub(super) fn structure(&mut self) {
        self.dependencies_come_first();
        self.stores_fit_functions();
        self.stores_are_watched_and_copied();
        self.zones_are_shown();
        self.checks_differ();
    }

    fn rank(&self, function: &Id) -> Option<u32> {
        let function = self.plan.functions.get(function)?;
        self.plan.tiers.get(&function.tier).map(|tier| tier.rank)
    }

    fn dependencies_come_first(&mut self) {
        for (id, function) in &self.plan.functions {
            for needed in &function.requires {
                let (Some(own), Some(other)) = (self.rank(id), self.rank(needed)) else { continue };
                if other > own {
                    let name = self.plan.name_of(needed).unwrap_or(needed.as_str());
                    let message = format!(
                        "\"{}\" (rank {own}) needs \"{name}\" (rank {other}), which comes later",
                        function.name
                    );
                    let values =
                        [in_plan(format!("functions.{id}.requires")), in_plan(format!("functions.{needed}.tier"))];
                    self.find(Code::DependencyOfLowerTier, message, values);
                }
            }
        }
    }

    fn stores_fit_functions(&mut self) {
        for (id, store) in &self.plan.stores {
            let needing = self.plan.functions.iter().filter(|(_, function)| function.requires.contains(id));
            let first = needing.filter_map(|(name, _)| Some((self.rank(name)?, name))).min();
            match first {
                None => {
                    let message = format!("no function requires the store \"{}\"", store.name);
                    self.find(Code::StoreNobodyNeeds, message, [in_plan(format!("stores.{id}"))]);
                }
                Some((rank, function)) if rank != rank_of(store.priority) => {
                    let name = self.plan.name_of(function).unwrap_or(function.as_str());
                    let message = format!(
                        "\"{}\" is recovered as {}, and \"{name}\" (rank {rank}) requires it",
                        store.name, store.priority
                    );
                    let values =
                        [in_plan(format!("stores.{id}.priority")), in_plan(format!("functions.{function}.tier"))];
                    self.find(Code::PriorityDiffersFromTier, message, values);
                }
                Some(_) => {}
            }
        }
    }

    fn stores_are_watched_and_copied(&mut self) {
        for (id, store) in &self.plan.stores {
            let here = in_plan(format!("stores.{id}"));
            if !self.plan.checks.values().any(|check| check.of == *id) {
                let message = format!("no check tells of the store \"{}\"", store.name);
                self.find(Code::StoreWithoutCheck, message, [here.clone()]);
            }
            let mut sets = self.plan.backups.sets.iter().filter(|(_, set)| set.of.contains(id)).peekable();
            let promised = in_plan(format!("stores.{id}.backups"));
            if sets.peek().is_none() {
                if store.backups.is_empty() {
                    let message = format!("the store \"{}\" has no copy", store.name);
                    self.find(Code::StoreWithoutBackup, message, [here]);
                }
            } else if sets.clone().all(|(_, set)| set.method == BackupMethod::Replication) {
                let message = format!("replication is the only copy of the store \"{}\"", store.name);
                let sets = sets.map(|(set, _)| at("backups.toml", format!("sets.{set}.method")));
                let values: Vec<_> = std::iter::once(promised).chain(sets).collect();
                self.find(Code::ReplicationCountedAsBackup, message, values);
            }
        }
    }

    fn zones_are_shown(&mut self) {
        for (id, system) in &self.plan.systems {
            let shown = self
                .plan
                .checks
                .values()
                .any(|check| check.of == *id && check.probe.kind() == ProbeKind::PostgresReplication);
            if system.multi_az && !shown {
                let message = format!("\"{}\" is said to span zones, and no check looks at a second one", system.name);
                self.find(Code::MultiZoneWithoutCheck, message, [in_plan(format!("systems.{id}.multi-az"))]);
            }
        }
    }

    fn checks_differ(&mut self) {
        let mut asked: BTreeMap<String, &Id> = BTreeMap::new();
        for (id, check) in &self.plan.checks {
            let Ok(probe) = serde_json::to_string(&check.probe) else { continue };
            if let Some(other) = asked.insert(probe, id) {
                let message = format!("\"{other}\" and \"{id}\" ask the same");
                let values = [other, id].map(|check| at("checks.toml", format!("checks.{check}")));
                self.find(Code::CheckTwice, message, values);
            }
        }
    }
}
