//! The board: every check, part and business function at one instant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    Because, CheckHealth, Flapping, Health, Quiet, Silence, Suspicion,
    checks::check_rows,
    functions::{Functions, tier_rows},
    network::NoNetwork,
    rows::{count, part_row},
    sentence::{Spoken, sentence},
};
use crate::{
    check::ProbeKind,
    environment::EnvironmentKind,
    plan::{Plan, Priority, id::Id, quantity::Period, read::choice},
    provider::BreakerView,
};

choice! {
    /// Who keeps checking.
    pub enum Watching {
        /// This program.
        Here = "here",
        /// Another program on the same journal.
        Elsewhere = "elsewhere",
        /// Nobody: what is shown only gets older.
        Nobody = "nobody",
    }
}

/// A check on the board.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct CheckRow {
    /// Its name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// Its kind.
    pub kind: ProbeKind,
    /// The part it tells of.
    pub of: Id,
    /// Its health, unknown when stale, maintenance while work on it is under way.
    pub health: Health,
    /// Its health without regard to maintenance.
    pub underlying: Health,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// Whether the latest sample is too old to be believed.
    pub stale: bool,
    /// Samples that disagree, not yet enough for a change.
    pub suspicion: Option<Suspicion>,
    /// How many in a row it takes.
    pub failures: u32,
    /// The latest sample's reason, or why there is none.
    pub reason: String,
    /// When the latest sample was taken.
    pub checked_at: Option<DateTime<Utc>>,
    /// How long it took.
    pub latency_ms: Option<f64>,
    /// Time from one start to the next, in milliseconds.
    pub interval_ms: u64,
    /// Whether it is being checked at this moment.
    pub running: bool,
    /// What it means when it fails.
    pub why: Option<String>,
    /// Whether its health changes too often to be told change by change.
    pub flapping: Option<Flapping>,
    /// The part that is out and that its own part cannot do without, while it fails.
    pub because: Option<Because>,
    /// Whether it should alarm: it is bad, and nothing holds it back.
    pub alerting: bool,
    /// What holds it back, or would if it were bad.
    pub quiet: Option<Quiet>,
}

impl CheckRow {
    /// Whether something was seen to be wrong, in maintenance or not.
    pub const fn is_bad(&self) -> bool {
        self.underlying.is_bad()
    }
}

choice! {
    /// What a row of the board is.
    pub enum PartKind {
        /// A system of ours.
        System = "system",
        /// A data store.
        Store = "store",
        /// An outside provider.
        Provider = "provider",
    }
}

/// A system, store or provider on the board.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct PartRow {
    /// Its name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// The worst of its checks; not checked when it has none.
    pub health: Health,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// The reason of the worst check.
    pub reason: String,
    /// Recovery priority of a store.
    pub priority: Option<Priority>,
    /// What a provider does for us, or what a store holds.
    pub about: Option<String>,
    /// What is done when a provider fails, with its best and worst time.
    pub fallback: Option<String>,
    /// The circuit breaker before a provider.
    pub breaker: Option<BreakerView>,
    /// Its checks, by name in the plan.
    pub checks: Vec<Id>,
}

/// Why a function is not operational.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Cause {
    /// The part at fault.
    pub part: Id,
    /// What the part is called.
    pub name: String,
    /// The part's health.
    pub health: Health,
    /// The part's reason.
    pub reason: String,
    /// Whether the function cannot do without it.
    pub required: bool,
}

/// A business function on the board.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct FunctionRow {
    /// Its name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// Its health.
    pub health: Health,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// Recovery time objective.
    pub rto: Period,
    /// What is at fault, worst first; empty when operational.
    pub causes: Vec<Cause>,
    /// Every part it depends on, directly or through others.
    pub parts: Vec<Id>,
    /// Checks of the function itself.
    pub checks: Vec<Id>,
}

/// That a function needs a part or another function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Need {
    /// The function.
    pub function: Id,
    /// What it needs.
    pub on: Id,
    /// Whether it does not work without it; else it works less well.
    pub required: bool,
}

/// A tier with its functions.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct TierRow {
    /// Its name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// Its functions, worst first.
    pub functions: Vec<FunctionRow>,
}

/// How many checks are in which health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[ts(export)]
pub struct Counts {
    /// Operational.
    pub operational: u32,
    /// Degraded.
    pub degraded: u32,
    /// Outage.
    pub outage: u32,
    /// Unknown, stale included.
    pub unknown: u32,
    /// Never checked.
    pub not_checked: u32,
    /// In maintenance, whatever is underneath.
    pub maintenance: u32,
}

/// A change of health as the board lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RecentChange {
    /// When it was written down.
    pub at: DateTime<Utc>,
    /// The check; nothing for changes that are not of health.
    pub check: Option<Id>,
    /// What happened, in words.
    pub summary: String,
    /// Health afterwards, where it is a change of health.
    pub to: Option<Health>,
    /// The journal entry that proves it: `device/sequence`.
    pub entry: String,
}

/// The environment a board is of.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct EnvironmentTag {
    /// Its name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// What a mistake in it would cost.
    pub kind: EnvironmentKind,
}

/// The whole board at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Board {
    /// Which environment.
    pub environment: EnvironmentTag,
    /// The instant it is true for.
    pub as_of: DateTime<Utc>,
    /// When the newest sample was taken.
    pub checked_at: Option<DateTime<Utc>>,
    /// Who keeps checking.
    pub watching: Watching,
    /// The worst health of any function or part.
    pub worst: Health,
    /// The whole state in one sentence.
    pub sentence: String,
    /// How many checks are in which health.
    pub counts: Counts,
    /// Functions by tier.
    pub tiers: Vec<TierRow>,
    /// Systems of ours.
    pub systems: Vec<PartRow>,
    /// Data stores, by priority.
    pub stores: Vec<PartRow>,
    /// Outside providers.
    pub providers: Vec<PartRow>,
    /// Every check.
    pub checks: Vec<CheckRow>,
    /// What needs what, directly, as the plan has it.
    pub needs: Vec<Need>,
    /// What changed in the last hour, newest first.
    pub changes: Vec<RecentChange>,
    /// Maintenances and mutes that hold or are planned, by beginning.
    pub silences: Vec<Silence>,
    /// That this computer has no network, if so.
    pub no_network: Option<NoNetwork>,
}

/// What a board is made of besides the plan.
#[derive(Debug)]
pub struct BoardInput<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Which of its environments.
    pub environment: &'a Id,
    /// Healths by check.
    pub healths: &'a BTreeMap<Id, CheckHealth>,
    /// Checks being checked at this moment.
    pub running: &'a BTreeSet<Id>,
    /// Who keeps checking.
    pub watching: Watching,
    /// What changed in the last hour, newest first.
    pub changes: Vec<RecentChange>,
    /// Maintenances and mutes of the environment; those that are over are left out.
    pub silences: Vec<Silence>,
    /// Circuit breakers, by provider.
    pub breakers: BTreeMap<Id, BreakerView>,
    /// Checks of something that is not on this computer.
    pub elsewhere: &'a BTreeSet<Id>,
    /// Whether the environment is a range that is not running.
    pub not_running: bool,
    /// The instant.
    pub now: DateTime<Utc>,
}

impl Board {
    /// Rolls everything up. Nothing when the plan has no such environment.
    pub fn of(input: BoardInput<'_>) -> Option<Self> {
        let BoardInput { plan, environment: id, watching, not_running, now, .. } = input;
        let environment = plan.environments.get(id)?;
        let silences: Vec<Silence> = input.silences.iter().filter(|silence| now < silence.until).cloned().collect();
        let (checks, no_network) = check_rows(&input, &plan.checks_in(environment), &silences);
        let systems: Vec<PartRow> = (plan.systems.iter())
            .map(|(id, system)| {
                let about = system.region.as_ref().map(|region| {
                    if system.multi_az { format!("{region}, several zones (as the plan says)") } else { region.clone() }
                });
                part_row(id, &system.name, PartKind::System, &checks, None, about, None)
            })
            .collect();
        let mut stores: Vec<PartRow> = (plan.stores.iter())
            .map(|(id, store)| {
                part_row(
                    id,
                    &store.name,
                    PartKind::Store,
                    &checks,
                    Some(store.priority),
                    Some(store.holds.clone()),
                    None,
                )
            })
            .collect();
        stores.sort_by(|one, other| (one.priority, &one.id).cmp(&(other.priority, &other.id)));
        let providers: Vec<PartRow> = (plan.providers.iter())
            .map(|(id, provider)| {
                let fallback = provider.fallback.as_ref().map(|fallback| {
                    if fallback.at_best == fallback.at_worst {
                        format!("{} ({})", fallback.what, fallback.at_worst)
                    } else {
                        format!("{} ({} to {})", fallback.what, fallback.at_best, fallback.at_worst)
                    }
                });
                let about = Some(provider.service.clone());
                let row = part_row(id, &provider.name, PartKind::Provider, &checks, None, about, fallback);
                PartRow { breaker: input.breakers.get(id).cloned(), ..row }
            })
            .collect();
        let parts: BTreeMap<&Id, &PartRow> =
            systems.iter().chain(&stores).chain(&providers).map(|part| (&part.id, part)).collect();
        let functions = Functions { plan, parts: &parts, checks: &checks };
        let tiers = tier_rows(plan, &functions);
        let counts = count(&checks);
        let worst = tiers
            .iter()
            .flat_map(|tier| &tier.functions)
            .map(|function| function.health)
            .chain(parts.values().filter(|part| !part.checks.is_empty()).map(|part| part.health))
            .fold(Health::Operational, Health::worse);
        // What is bad of a part is the part's own unless every failing check of it is because of another.
        let own = |part: &&PartRow| {
            checks.iter().any(|check| check.of == part.id && check.is_bad() && check.because.is_none())
        };
        let roots: Vec<&PartRow> = parts.values().copied().filter(|part| part.health.is_bad()).filter(own).collect();
        Some(Self {
            environment: EnvironmentTag { id: id.clone(), name: environment.name.clone(), kind: environment.kind },
            as_of: now,
            checked_at: checks.iter().filter_map(|check| check.checked_at).max(),
            watching,
            worst,
            sentence: sentence(&Spoken {
                plan,
                tiers: &tiers,
                counts,
                roots: &roots,
                no_network: no_network.is_some(),
                not_running,
            }),
            counts,
            tiers,
            systems,
            stores,
            providers,
            checks,
            needs: needs(plan),
            changes: input.changes,
            silences,
            no_network,
        })
    }
}

fn needs(plan: &Plan) -> Vec<Need> {
    let of = |function: &Id, on: &[Id], required: bool| -> Vec<Need> {
        on.iter().map(|on| Need { function: function.clone(), on: on.clone(), required }).collect()
    };
    let functions = plan.functions.iter();
    functions
        .flat_map(|(id, function)| [of(id, &function.requires, true), of(id, &function.uses, false)].concat())
        .collect()
}
