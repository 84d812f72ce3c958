//! The whole state in one sentence, what everything else is because of first.

use std::collections::BTreeSet;

use super::{Counts, FunctionRow, Health, PartRow, TierRow, causes::needed};
use crate::plan::{Plan, id::Id};

/// What the sentence is about.
pub(super) struct Spoken<'a> {
    pub(super) plan: &'a Plan,
    pub(super) tiers: &'a [TierRow],
    pub(super) counts: Counts,
    /// Parts that are bad, and not because of another.
    pub(super) roots: &'a [&'a PartRow],
    /// This computer has no network.
    pub(super) no_network: bool,
    /// The environment is a range that is not running.
    pub(super) not_running: bool,
}

pub(super) fn sentence(spoken: &Spoken<'_>) -> String {
    let counts = spoken.counts;
    if spoken.not_running {
        return "The practice range is not running, so nothing is known of it.".to_owned();
    }
    if spoken.no_network {
        let bad = counts.outage + counts.degraded;
        let rest = if bad > 0 { format!(" {}", found(spoken)) } else { String::new() };
        return format!("This computer has no network, so nothing is known of what is elsewhere.{rest}");
    }
    found(spoken)
}

fn found(&Spoken { plan, tiers, counts, roots, .. }: &Spoken<'_>) -> String {
    let all =
        counts.operational + counts.degraded + counts.outage + counts.unknown + counts.not_checked + counts.maintenance;
    if all == 0 {
        return "The plan has no checks, so nothing is known.".to_owned();
    }
    if counts.not_checked == all {
        return "Nothing has been checked yet.".to_owned();
    }
    for (health, one, many) in
        [(Health::Outage, "does not work", "do not work"), (Health::Degraded, "works less well", "work less well")]
    {
        for tier in tiers {
            let rows: Vec<&FunctionRow> = tier.functions.iter().filter(|function| function.health == health).collect();
            let hit: Vec<&str> = rows.iter().map(|function| function.name.as_str()).collect();
            if let Some((first, others)) = hit.split_first() {
                let class = tier.name.to_lowercase();
                let needs: BTreeSet<Id> = rows.iter().flat_map(|row| needed(plan, &row.id)).collect();
                let stands_on = |part: &Id| needs.contains(part) || rows.iter().any(|row| row.parts.contains(part));
                let at_root: Vec<&PartRow> = roots.iter().copied().filter(|root| stands_on(&root.id)).collect();
                let why = because_of(&at_root);
                return why
                    + &if others.is_empty() {
                        format!("{first} ({class}) {one}.")
                    } else {
                        format!("{} {class} functions {many}: {}.", hit.len(), hit.join(", "))
                    };
            }
        }
    }
    let bad = counts.outage + counts.degraded;
    let unsure = (tiers.iter().flat_map(|tier| &tier.functions))
        .filter(|function| matches!(function.health, Health::Unknown | Health::NotChecked))
        .count();
    if bad > 0 && unsure > 0 {
        let (checks, functions) =
            (if bad == 1 { "check is" } else { "checks are" }, if unsure == 1 { "function" } else { "functions" });
        return format!("{bad} {checks} not operational, and nothing is known of {unsure} business {functions}.");
    }
    if bad > 0 {
        let plural = if bad == 1 { "check is" } else { "checks are" };
        return format!("Every business function works; {bad} {plural} not operational.");
    }
    let blind = counts.unknown + counts.not_checked;
    if blind > 0 {
        let plural = if blind == 1 { "check has" } else { "checks have" };
        return format!("Nothing is known to be broken, but {blind} of {all} {plural} no answer.");
    }
    if counts.maintenance == all {
        return "Everything is in maintenance.".to_owned();
    }
    if counts.maintenance > 0 {
        return format!(
            "{} of {all} checks are operational, {} in maintenance.",
            counts.operational, counts.maintenance
        );
    }
    format!("All {all} checks are operational.")
}

/// The parts at the root of what hit these functions, as the beginning of a sentence: those that are out, or else
/// those that are degraded.
fn because_of(roots: &[&PartRow]) -> String {
    let at_fault = |health: Health| -> Vec<&str> {
        roots.iter().filter(|root| root.health == health).map(|root| root.name.as_str()).collect()
    };
    for (health, word) in [(Health::Outage, "out"), (Health::Degraded, "degraded")] {
        match at_fault(health).as_slice() {
            [] => {}
            [one] => return format!("{one} is {word}, so "),
            [first, second] => return format!("{first} and {second} are {word}, so "),
            [first, second, rest @ ..] => return format!("{first}, {second} and {} more are {word}, so ", rest.len()),
        }
    }
    String::new()
}
