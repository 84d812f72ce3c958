//! Status: what samples add up to.
//!
//! Two folds. `fold` turns one check's samples into its health and says when health *changed*: only changes
//! are facts. `Board::of` rolls healths up to systems, stores, providers and business functions. Stale is
//! unknown, unknown is never good.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    check::{Check, ProbeKind, Sample, Verdict},
    environment::EnvironmentKind,
    plan::{Plan, Priority, id::Id, quantity::Period, read::choice},
};

choice! {
    /// The health of a check, a part of the platform or a business function.
    pub enum Health {
        /// Never checked in this environment.
        NotChecked = "not-checked",
        /// As the plan wants it.
        Operational = "operational",
        /// It works, but not as the plan wants it.
        Degraded = "degraded",
        /// It does not work.
        Outage = "outage",
        /// It could not be checked, or not recently enough.
        Unknown = "unknown",
    }
}

impl From<Verdict> for Health {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Operational => Self::Operational,
            Verdict::Degraded => Self::Degraded,
            Verdict::Outage => Self::Outage,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl Health {
    /// How bad it is in a sum: outage, degraded, unknown and not checked, operational.
    pub const fn weight(self) -> u8 {
        match self {
            Self::Operational => 0,
            Self::NotChecked => 1,
            Self::Unknown => 2,
            Self::Degraded => 3,
            Self::Outage => 4,
        }
    }

    /// The worse of two.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }
}

/// Samples in a row that disagree with the present health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Suspicion {
    /// What the latest of them says.
    pub verdict: Verdict,
    /// How many so far.
    pub count: u32,
    /// When the first of them was taken: from then on the present health is in doubt.
    pub since: DateTime<Utc>,
    /// The unbroken run of one sort at its end. Kept for the fold, not for the screen.
    #[ts(skip)]
    pub run: SuspicionRun,
}

/// The samples at the end of a suspicion that are of one sort: failures, or probes without an answer. A probe
/// without an answer accuses nobody, so it does not count towards an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspicionRun {
    /// How many.
    pub count: u32,
    /// When the first of them was taken: if health changes to what they say, it changed then.
    pub since: DateTime<Utc>,
}

/// One check's health, folded from its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CheckHealth {
    /// The health now.
    pub health: Health,
    /// Since when; nothing before the first sample.
    pub since: Option<DateTime<Utc>>,
    /// Samples that disagree, not yet enough for a change.
    pub suspicion: Option<Suspicion>,
    /// The latest sample.
    pub last: Option<Sample>,
}

impl Default for CheckHealth {
    fn default() -> Self {
        Self { health: Health::NotChecked, since: None, suspicion: None, last: None }
    }
}

/// A change of health: what the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct HealthChange {
    /// Before.
    pub from: Health,
    /// After.
    pub to: Health,
    /// When the first sample that showed it was taken.
    pub since: DateTime<Utc>,
    /// How many samples it took to be sure.
    pub samples: u32,
    /// What the latest sample gives as the reason.
    pub reason: String,
}

/// Adds one sample to a check's health. Health gets better with one good sample. It changes in any other
/// direction after `failures` samples in a row that disagree with it: to a failure when that many in a row failed,
/// else to unknown. So what cannot be checked is never called down, and what is in doubt does not stay good.
pub fn fold(before: &CheckHealth, sample: &Sample, failures: u32) -> (CheckHealth, Option<HealthChange>) {
    let says = Health::from(sample.verdict);
    let mut after = CheckHealth { last: Some(sample.clone()), suspicion: None, ..before.clone() };
    if says == before.health {
        return (after, None);
    }
    let suspicion = suspicion_with(before.suspicion.as_ref(), sample);
    let enough = suspicion.count >= failures;
    let (to, since) = match says {
        // A recovery dates from the good sample itself, not from a suspicion that turned out to be one.
        Health::Operational => (says, sample.at),
        Health::Unknown if enough => (says, suspicion.since),
        Health::Degraded | Health::Outage if suspicion.run.count >= failures => (says, suspicion.run.since),
        Health::Degraded | Health::Outage if enough && before.health != Health::Unknown => {
            (Health::Unknown, suspicion.since)
        }
        Health::Unknown | Health::Degraded | Health::Outage | Health::NotChecked => {
            after.suspicion = Some(suspicion);
            return (after, None);
        }
    };
    let samples = if to == says && to != Health::Unknown { suspicion.run.count } else { suspicion.count };
    let reason = if to == says { sample.reason.clone() } else { format!("not sure yet: {}", sample.reason) };
    // Some failures, not enough of them: they go on counting from unknown.
    after.suspicion = (to != says).then_some(Suspicion {
        verdict: suspicion.verdict,
        count: suspicion.run.count,
        since: suspicion.run.since,
        run: suspicion.run,
    });
    after.health = to;
    after.since = Some(since);
    (after, Some(HealthChange { from: before.health, to, since, samples, reason }))
}

/// The suspicion after one more sample that disagrees. Clocks may go back; the earliest instant counts.
fn suspicion_with(before: Option<&Suspicion>, sample: &Sample) -> Suspicion {
    let fresh = SuspicionRun { count: 1, since: sample.at };
    let Some(before) = before else {
        return Suspicion { verdict: sample.verdict, count: 1, since: sample.at, run: fresh };
    };
    let of_one_sort = (before.verdict == Verdict::Unknown) == (sample.verdict == Verdict::Unknown);
    let run = if of_one_sort {
        SuspicionRun { count: before.run.count.saturating_add(1), since: before.run.since.min(sample.at) }
    } else {
        fresh
    };
    Suspicion {
        verdict: sample.verdict,
        count: before.count.saturating_add(1),
        since: before.since.min(sample.at),
        run,
    }
}

/// When a check that was last sampled at `last` stops being believed: twice its interval, and the time one
/// probe may take.
pub fn stale_at(check: &Check, last: DateTime<Utc>) -> DateTime<Utc> {
    last + check.interval.to_delta() * 2 + check.timeout.to_delta()
}

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
    /// Its health, unknown when stale.
    pub health: Health,
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
    /// What changed in the last hour, newest first.
    pub changes: Vec<RecentChange>,
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
    /// The instant.
    pub now: DateTime<Utc>,
}

impl Board {
    /// Rolls everything up. Nothing when the plan has no such environment.
    pub fn of(input: BoardInput<'_>) -> Option<Self> {
        let BoardInput { plan, environment: id, healths, running, watching, changes, now } = input;
        let environment = plan.environments.get(id)?;
        let nothing = CheckHealth::default();
        let checks: Vec<CheckRow> = plan
            .checks_in(environment)
            .into_iter()
            .map(|(id, check)| {
                let health = healths.get(&id).unwrap_or(&nothing);
                check_row(&check, health, running.contains(&id), now, id)
            })
            .collect();
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
                part_row(
                    id,
                    &provider.name,
                    PartKind::Provider,
                    &checks,
                    None,
                    Some(provider.service.clone()),
                    fallback,
                )
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
        Some(Self {
            environment: EnvironmentTag { id: id.clone(), name: environment.name.clone(), kind: environment.kind },
            as_of: now,
            checked_at: checks.iter().filter_map(|check| check.checked_at).max(),
            watching,
            worst,
            sentence: sentence(&tiers, counts),
            counts,
            tiers,
            systems,
            stores,
            providers,
            checks,
            changes,
        })
    }
}

fn check_row(check: &Check, health: &CheckHealth, running: bool, now: DateTime<Utc>, id: Id) -> CheckRow {
    let last = health.last.as_ref();
    let outdated = last.map(|sample| stale_at(check, sample.at)).filter(|until| now > *until);
    // A sample from the future was taken by a clock that ran ahead; nobody knows how old it really is.
    let early = last.is_some_and(|sample| stale_at(check, now) < sample.at);
    let stale = early || outdated.is_some();
    let reason = match last {
        None => "not checked yet".to_owned(),
        Some(sample) if early => {
            format!("last checked at a time that has not come yet, so by a wrong clock, then: {}", sample.reason)
        }
        Some(sample) if stale => {
            format!("last checked {} ago, then: {}", ago(now - sample.at), sample.reason)
        }
        Some(sample) => sample.reason.clone(),
    };
    CheckRow {
        id,
        name: check.name.clone(),
        kind: check.probe.kind(),
        of: check.of.clone(),
        health: if stale { Health::Unknown } else { health.health },
        since: match health.health {
            Health::Unknown | Health::NotChecked => health.since,
            Health::Operational | Health::Degraded | Health::Outage if early => None,
            Health::Operational | Health::Degraded | Health::Outage => outdated.or(health.since),
        },
        stale,
        suspicion: health.suspicion.clone().filter(|_| !stale),
        failures: check.failures,
        reason,
        checked_at: last.map(|sample| sample.at),
        latency_ms: last.map(|sample| sample.latency_ms),
        interval_ms: check.interval.as_millis(),
        running,
        why: check.why.clone(),
    }
}

fn ago(delta: TimeDelta) -> Period {
    let seconds = u64::try_from(delta.num_seconds()).unwrap_or(0);
    let coarse = if seconds > 7_200 { seconds - seconds % 60 } else { seconds };
    Period::from_secs(coarse)
}

fn part_row(
    id: &Id,
    name: &str,
    kind: PartKind,
    checks: &[CheckRow],
    priority: Option<Priority>,
    about: Option<String>,
    fallback: Option<String>,
) -> PartRow {
    let own: Vec<&CheckRow> = checks.iter().filter(|check| &check.of == id).collect();
    let worst = own.iter().copied().max_by_key(|check| (check.health.weight(), std::cmp::Reverse(&check.id)));
    let health = worst.map_or(Health::NotChecked, |check| check.health);
    let since = match health {
        // Good only since the last of its checks became good.
        Health::Operational => own.iter().filter_map(|check| check.since).max(),
        // Bad since the first of those that are this bad.
        Health::NotChecked | Health::Degraded | Health::Outage | Health::Unknown => {
            own.iter().filter(|check| check.health == health).filter_map(|check| check.since).min()
        }
    };
    let reason = match worst {
        None => "the plan has no check for it".to_owned(),
        Some(check) if own.len() > 1 && health != Health::Operational => format!("{}: {}", check.name, check.reason),
        Some(check) => check.reason.clone(),
    };
    PartRow {
        id: id.clone(),
        name: name.to_owned(),
        kind,
        health,
        since,
        reason,
        priority,
        about,
        fallback,
        checks: own.iter().map(|check| check.id.clone()).collect(),
    }
}

struct Functions<'a> {
    plan: &'a Plan,
    parts: &'a BTreeMap<&'a Id, &'a PartRow>,
    checks: &'a [CheckRow],
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
        Health::Operational | Health::Unknown | Health::NotChecked => health,
    }
}

fn tier_rows(plan: &Plan, functions: &Functions<'_>) -> Vec<TierRow> {
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

fn count(checks: &[CheckRow]) -> Counts {
    let mut counts = Counts::default();
    for check in checks {
        match check.health {
            Health::Operational => counts.operational += 1,
            Health::Degraded => counts.degraded += 1,
            Health::Outage => counts.outage += 1,
            Health::Unknown => counts.unknown += 1,
            Health::NotChecked => counts.not_checked += 1,
        }
    }
    counts
}

fn sentence(tiers: &[TierRow], counts: Counts) -> String {
    let all = counts.operational + counts.degraded + counts.outage + counts.unknown + counts.not_checked;
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
            let hit: Vec<&str> = (tier.functions.iter())
                .filter(|function| function.health == health)
                .map(|function| function.name.as_str())
                .collect();
            if let Some((first, others)) = hit.split_first() {
                let class = tier.name.to_lowercase();
                return if others.is_empty() {
                    format!("{first} ({class}) {one}.")
                } else {
                    format!("{} {class} functions {many}: {}.", hit.len(), hit.join(", "))
                };
            }
        }
    }
    let bad = counts.outage + counts.degraded;
    if bad > 0 {
        let plural = if bad == 1 { "check is" } else { "checks are" };
        return format!("Every business function works; {bad} {plural} not operational.");
    }
    let blind = counts.unknown + counts.not_checked;
    if blind > 0 {
        let plural = if blind == 1 { "check has" } else { "checks have" };
        return format!("Nothing is known to be broken, but {blind} of {all} {plural} no answer.");
    }
    format!("All {all} checks are operational.")
}
