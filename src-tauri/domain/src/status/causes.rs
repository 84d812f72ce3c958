//! What is because of what: a check that fails while a part is out that its own part cannot do without is told as
//! because of that part, and does not alarm by itself.
//!
//! Three things hold (after OneUptime): alarming stops, checking does not; a new alarm is held back, an end never;
//! and whatever is bad, something alarms. The last is why parts that need each other never excuse one another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use ts_rs::TS;

use super::{CheckRow, Health};
use crate::plan::{Plan, id::Id};

/// The part a failing check is because of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Because {
    /// Its name in the plan.
    pub part: Id,
    /// What it is called.
    pub name: String,
}

/// What each part cannot do without, itself included, directly or through others. Ends for circles, too.
pub(super) fn needed(plan: &Plan, part: &Id) -> BTreeSet<Id> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![part];
    while let Some(next) = waiting.pop() {
        if !reached.insert(next.clone()) {
            continue;
        }
        waiting.extend(plan.functions.get(next).into_iter().flat_map(|function| &function.requires));
        waiting.extend(plan.systems.get(next).and_then(|system| system.provider.as_ref()));
        waiting.extend(plan.stores.get(next).and_then(|store| store.provider.as_ref()));
    }
    reached
}

/// For each part with a failing check, the part it is because of, if there is one.
pub(super) fn causes(plan: &Plan, checks: &[CheckRow]) -> BTreeMap<Id, Because> {
    let failing = |check: &&CheckRow| check.is_bad() || check.underlying == Health::Unknown;
    let bad: BTreeSet<&Id> = checks.iter().filter(failing).map(|check| &check.of).collect();
    let out: BTreeSet<&Id> =
        checks.iter().filter(|check| check.underlying == Health::Outage).map(|check| &check.of).collect();
    let needs: BTreeMap<&Id, BTreeSet<Id>> = bad.union(&out).map(|part| (*part, needed(plan, part))).collect();
    let needs_of = |one: &Id, other: &Id| needs.get(one).is_some_and(|needed| needed.contains(other));
    // What is out and needed, but does not itself need the part: it comes before it.
    let before = |part: &Id| -> Vec<&Id> {
        out.iter().copied().filter(|other| needs_of(part, other) && !needs_of(other, part)).collect()
    };
    bad.iter()
        .filter_map(|part| {
            let earlier = before(part);
            let root = earlier.iter().copied().find(|candidate| before(candidate).is_empty())?;
            let name = plan.name_of(root).unwrap_or(root.as_str()).to_owned();
            Some(((*part).clone(), Because { part: root.clone(), name }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::status::tests::boards::{bare_plan, row_of};

    fn id(number: usize) -> Id {
        format!("part-{number}").parse().unwrap()
    }

    /// A plan of functions that need each other as told, circles included, and one check row for each.
    fn world(edges: &[(usize, usize)], healths: &[Health]) -> (Plan, Vec<CheckRow>) {
        static BARE: std::sync::LazyLock<Plan> = std::sync::LazyLock::new(bare_plan);
        let mut plan = BARE.clone();
        let pattern = plan.functions.values().next().unwrap().clone();
        plan.functions = (0..healths.len())
            .map(|number| {
                let requires = edges.iter().filter(|(from, _)| *from == number).map(|(_, to)| id(*to)).collect();
                let function = crate::plan::Function { requires, uses: Vec::new(), ..pattern.clone() };
                (id(number), function)
            })
            .collect();
        let rows = healths.iter().enumerate().map(|(number, health)| row_of(id(number), *health)).collect();
        (plan, rows)
    }

    #[test]
    fn the_first_that_is_out_is_the_cause_of_all_that_need_it() {
        use Health::{Degraded, Operational, Outage, Unknown};
        let because = |edges: &[(usize, usize)], healths: &[Health]| -> Vec<(usize, usize)> {
            let (plan, rows) = world(edges, healths);
            let found = causes(&plan, &rows);
            let number = |id: &Id| id.as_str().trim_start_matches("part-").parse().unwrap();
            found.iter().map(|(part, because)| (number(part), number(&because.part))).collect()
        };
        let chain = [(0, 1), (1, 2)];
        assert_eq!(because(&chain, &[Outage, Outage, Outage]), [(0, 2), (1, 2)]);
        assert_eq!(because(&chain, &[Outage, Operational, Outage]), [(0, 2)], "through one that shows nothing");
        assert_eq!(because(&chain, &[Outage, Outage, Operational]), [(0, 1)]);
        assert_eq!(because(&chain, &[Degraded, Unknown, Outage]), [(0, 2), (1, 2)]);
        assert_eq!(because(&chain, &[Outage, Degraded, Operational]), [], "degraded excuses no outage");
        assert_eq!(because(&chain, &[Operational, Outage, Outage]), [(1, 2)]);
        // Two that need each other, and one that needs both.
        let circle = [(0, 1), (1, 0), (2, 0)];
        assert_eq!(because(&circle, &[Outage, Outage, Outage]), [(2, 0)]);
        assert_eq!(because(&[(0, 0)], &[Outage]), []);
    }

    proptest! {
        #[test]
        fn whatever_is_out_something_is_its_own_cause(
            edges in prop::collection::vec((0usize..8, 0usize..8), 0..30),
            states in prop::collection::vec(0usize..4, 8),
        ) {
            let kinds = [Health::Operational, Health::Degraded, Health::Outage, Health::Unknown];
            let healths: Vec<Health> = states.iter().map(|state| kinds[*state]).collect();
            let (plan, rows) = world(&edges, &healths);
            let found = causes(&plan, &rows);
            for (part, because) in &found {
                prop_assert!(needed(&plan, part).contains(&because.part));
                prop_assert!(rows.iter().any(|row| row.of == because.part && row.health == Health::Outage));
                prop_assert!(!found.contains_key(&because.part), "a cause with a cause");
            }
            if healths.contains(&Health::Outage) {
                prop_assert!(rows.iter().any(|row| row.health == Health::Outage && !found.contains_key(&row.of)));
            }
        }
    }
}
