//! Business functions: what they depend on decides how they are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Cause, CheckRow, FunctionRow, Health, PartRow, TierRow};
use crate::plan::{Plan, id::Id};

pub(super) struct Functions<'a> {
    pub(super) plan: &'a Plan,
    pub(super) parts: &'a BTreeMap<&'a Id, &'a PartRow>,
    pub(super) checks: &'a [CheckRow],
}

struct Verdicts {
    health: Health,
    since: Option<DateTime<Utc>>,
    reason: String,
}

impl Functions<'_> {
    /// The health of a part or function; plans without circles make this end.
    fn verdict(&self, id: &Id) -> Option<Verdicts> {
        if let Some(part) = self.parts.get(id) {
            return Some(Verdicts { health: part.health, since: part.since, reason: part.reason.clone() });
        }
        let row = self.row(id)?;
        let reason = row.causes.first().map_or_else(String::new, |cause| format!("{}: {}", cause.name, cause.reason));
        Some(Verdicts { health: row.health, since: row.since, reason })
    }

    fn row(&self, id: &Id) -> Option<FunctionRow> {
        let function = self.plan.functions.get(id)?;
        let own: Vec<&CheckRow> = self.checks.iter().filter(|check| &check.of == id).collect();
        let mut causes = Vec::new();
        let mut health = Health::Operational;
        let mut since = None;
        let mut note = |part: &Id, name: &str, found: Verdicts, required: bool| {
            let counted = if required { found.health } else { softened(found.health) };
            if counted.weight() > health.weight() {
                since = found.since;
            } else if counted == health {
                // Good only since the last part became good; bad since the first that is this bad.
                let both = [since, found.since].into_iter().flatten();
                since = if counted == Health::Operational { both.max() } else { both.min() };
            }
            health = health.worse(counted);
            if found.health != Health::Operational {
                causes.push(Cause {
                    part: part.clone(),
                    name: name.to_owned(),
                    health: found.health,
                    reason: found.reason,
                    required,
                });
            }
        };
        for check in &own {
            let found = Verdicts { health: check.health, since: check.since, reason: check.reason.clone() };
            note(&check.of, &check.name, found, true);
        }
        for (list, required) in [(&function.requires, true), (&function.uses, false)] {
            for part in list {
                let name = self.plan.name_of(part).unwrap_or(part.as_str());
                if let Some(found) = self.verdict(part) {
                    note(part, name, found, required);
                }
            }
        }
        if own.is_empty() && function.requires.is_empty() && function.uses.is_empty() {
            health = Health::NotChecked;
        }
        causes.sort_by_key(|cause| std::cmp::Reverse((cause.required, cause.health.weight())));
        Some(FunctionRow {
            id: id.clone(),
            name: function.name.clone(),
            health,
            since,
            rto: self.plan.rto_of(function),
            causes,
            parts: self.all_parts(id),
            checks: own.iter().map(|check| check.id.clone()).collect(),
        })
    }

    fn all_parts(&self, id: &Id) -> Vec<Id> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![id];
        while let Some(function) = waiting.pop().and_then(|id| self.plan.functions.get(id)) {
            for part in function.requires.iter().chain(&function.uses) {
                if reached.insert(part.clone()) && self.plan.functions.contains_key(part) {
                    waiting.push(part);
                }
            }
        }
        reached.into_iter().filter(|part| !self.plan.functions.contains_key(part)).collect()
    }
}

/// What a part that a function merely uses does to it: at worst it works less well.
const fn softened(health: Health) -> Health {
    match health {
        Health::Outage | Health::Degraded => Health::Degraded,
        Health::Operational | Health::Unknown | Health::NotChecked | Health::Maintenance => health,
    }
}

pub(super) fn tier_rows(plan: &Plan, functions: &Functions<'_>) -> Vec<TierRow> {
    let mut tiers: Vec<_> = plan.tiers.iter().collect();
    tiers.sort_by_key(|(id, tier)| (tier.rank, *id));
    tiers
        .into_iter()
        .map(|(id, tier)| {
            let mut rows: Vec<FunctionRow> = (plan.functions.iter())
                .filter(|(_, function)| &function.tier == id)
                .filter_map(|(function, _)| functions.row(function))
                .collect();
            rows.sort_by_key(|function| std::cmp::Reverse(function.health.weight()));
            TierRow { id: id.clone(), name: tier.name.clone(), functions: rows }
        })
        .collect()
}
