//! Availability: for how much of a span something is known to have worked, and for how much nothing is known.
//!
//! The three are always told together. What is not known is neither good nor bad time, so an objective is met only
//! when it would be met even if all of it had been bad, and missed only when it would be missed had all been good.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use ts_rs::TS;
use uuid::Uuid;

use super::{CheckHealth, Health, HealthChange, Known, Scope, Span, Timeline, observed};
use crate::{
    journal::Fact,
    plan::{
        Plan, ShareObjective,
        id::Id,
        quantity::{Percentage, Period},
        read::choice,
    },
};

/// Known for less than one part in this many: too little to speak of.
const ENOUGH: u64 = 100;

/// The spans availability is told over, in days.
pub const DAYS: [i64; 2] = [30, 90];

choice! {
    /// Whether an objective is met.
    pub enum Attainment {
        /// It is, whatever happened while nothing was known.
        Met = "met",
        /// It is not, whatever happened while nothing was known.
        Missed = "missed",
        /// That depends on what happened while nothing was known.
        Open = "open",
    }
}

/// How much of a span is known to have been what. The parts add up to the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Availability {
    /// The span.
    pub span: Span,
    /// It worked, less well included; in milliseconds, as all of these.
    pub up_ms: u64,
    /// Of that, it worked less well.
    pub degraded_ms: u64,
    /// It did not work.
    pub down_ms: u64,
    /// It was watched, but could not be checked.
    pub unknown_ms: u64,
    /// Nobody watched.
    pub not_observed_ms: u64,
    /// Worked on as planned; left out of every share.
    pub maintenance_ms: u64,
}

impl Availability {
    /// Adds a line up.
    pub fn of(line: &Timeline) -> Self {
        let mut sum = Self {
            span: line.span(),
            up_ms: 0,
            degraded_ms: 0,
            down_ms: 0,
            unknown_ms: 0,
            not_observed_ms: 0,
            maintenance_ms: 0,
        };
        // Rounded at the cuts, not in between, so that nothing is lost of the sum.
        let millis = |at: DateTime<Utc>| at.timestamp_millis();
        for (spell, known) in line.spells() {
            let length = u64::try_from(millis(spell.until) - millis(spell.from)).unwrap_or(0);
            let part = match known {
                Known::Maintenance => &mut sum.maintenance_ms,
                Known::Down => &mut sum.down_ms,
                Known::Unknown => &mut sum.unknown_ms,
                Known::NotObserved => &mut sum.not_observed_ms,
                Known::Degraded => {
                    sum.degraded_ms += length;
                    &mut sum.up_ms
                }
                Known::Up => &mut sum.up_ms,
            };
            *part += length;
        }
        sum
    }

    /// For how long it is known how it was.
    pub const fn known_ms(&self) -> u64 {
        self.up_ms + self.down_ms
    }

    /// The span without what was planned.
    pub const fn counted_ms(&self) -> u64 {
        self.known_ms() + self.unknown_ms + self.not_observed_ms
    }

    /// Whether enough is known to give a share at all.
    pub const fn is_enough(&self) -> bool {
        self.known_ms() > 0 && self.known_ms() * ENOUGH >= self.counted_ms()
    }

    /// The share of the known time in which it worked, from 0 to 1; nothing when too little is known.
    pub fn share(&self) -> Option<f64> {
        self.is_enough().then(|| self.up_ms as f64 / self.known_ms() as f64)
    }

    /// The share of the time in which it is known how it was, from 0 to 1.
    pub fn known_share(&self) -> f64 {
        if self.counted_ms() == 0 { 0.0 } else { self.known_ms() as f64 / self.counted_ms() as f64 }
    }

    /// Whether a share wanted is reached.
    pub fn attains(&self, wanted: Percentage) -> Attainment {
        let all = u128::from(self.counted_ms());
        let at_least = |ms: u64| u128::from(ms) * 1_000_000 >= all * u128::from(wanted.parts_per_million());
        if all == 0 {
            Attainment::Open
        } else if at_least(self.up_ms) {
            Attainment::Met
        } else if at_least(self.counted_ms() - self.down_ms) {
            Attainment::Open
        } else {
            Attainment::Missed
        }
    }

    /// All of it in words, never a share without how much it stands on.
    pub fn sentence(&self) -> String {
        let period = |ms: u64| Period::from_millis(coarse(ms));
        let mut text = match self.share() {
            Some(share) => format!(
                "{} of the time that is known; known are {} of {}",
                percent(share),
                period(self.known_ms()),
                period(self.counted_ms())
            ),
            None if self.known_ms() == 0 => "nothing is known".to_owned(),
            None => format!("not enough known: {} of {}", period(self.known_ms()), period(self.counted_ms())),
        };
        for (ms, what) in [
            (self.down_ms, "down"),
            (self.degraded_ms, "degraded, counted as up"),
            (self.maintenance_ms, "in maintenance, left out"),
        ] {
            if ms > 0 {
                let _ = write!(text, "; {} {what}", period(ms));
            }
        }
        text
    }
}

/// A share with as many decimals as it takes not to look better than it is: rounded down.
pub fn percent(share: f64) -> String {
    let parts = (share.clamp(0.0, 1.0) * 100_000.0).floor() as u64;
    match (parts / 1_000, parts % 1_000) {
        (whole, 0) => format!("{whole} %"),
        (whole, rest) => format!("{whole}.{} %", format!("{rest:03}").trim_end_matches('0')),
    }
}

/// Without what nobody reads: seconds beside hours, minutes beside days.
const fn coarse(ms: u64) -> u64 {
    match ms {
        0..60_000 => ms - ms % 1_000,
        60_000..86_400_000 => ms - ms % 60_000,
        _ => ms - ms % 3_600_000,
    }
}

/// Availability against what the plan wants.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct AvailabilityRow {
    /// The check, part or function.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// How much is known to have been what.
    pub time: Availability,
    /// The share of the known time in which it worked, from 0 to 1; nothing when too little is known.
    pub share: Option<f64>,
    /// The share of the time that is known, from 0 to 1.
    pub known: f64,
    /// The plan's target: whether it is met.
    pub target: Attainment,
    /// The least the plan can bear: whether it is met.
    pub tolerable: Attainment,
    /// All of it in words.
    pub sentence: String,
}

impl AvailabilityRow {
    fn of(id: &Id, name: &str, line: &Timeline, objective: &ShareObjective) -> Self {
        let time = Availability::of(line);
        Self {
            id: id.clone(),
            name: name.to_owned(),
            share: time.share(),
            known: time.known_share(),
            target: time.attains(objective.target),
            tolerable: time.attains(objective.tolerable),
            sentence: time.sentence(),
            time,
        }
    }
}

/// Availability of everything over one span.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct AvailabilityReport {
    /// How many days it looks back.
    pub days: u32,
    /// What the plan wants.
    pub objective: ShareObjective,
    /// Business functions, in the plan's order.
    pub functions: Vec<AvailabilityRow>,
    /// Systems, stores and providers.
    pub parts: Vec<AvailabilityRow>,
    /// Checks.
    pub checks: Vec<AvailabilityRow>,
}

/// A fact with its entry, the device that wrote it, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    /// The entry: `device/sequence`.
    pub entry: String,
    /// The device.
    pub device: Uuid,
    /// When it was written down.
    pub at: DateTime<Utc>,
    /// The fact.
    pub fact: Fact,
}

/// What availability is told from.
#[derive(Debug)]
pub struct AvailabilityInput<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Which of its environments.
    pub environment: &'a Id,
    /// Facts of health, watches and maintenance within the longest span at least, in the order of the journal.
    pub facts: &'a [Noted],
    /// Healths now.
    pub healths: &'a BTreeMap<Id, CheckHealth>,
    /// The last sign of a watch that has not ended; see [`observed`].
    pub last: Option<DateTime<Utc>>,
    /// The instant.
    pub now: DateTime<Utc>,
}

impl AvailabilityInput<'_> {
    /// When the environment was observed.
    pub fn observed(&self) -> Vec<Span> {
        let facts = self.facts.iter().map(|noted| (noted.device, noted.at, &noted.fact));
        observed(self.environment, facts, self.last)
    }

    /// Maintenance as it was planned, and ended early where it was.
    #[expect(clippy::wildcard_enum_match_arm, reason = "facts of other kinds, later ones too, say nothing of this")]
    fn maintenance(&self) -> Vec<(Scope, Span)> {
        let mut planned: Vec<(&str, Scope, Span)> = Vec::new();
        for noted in self.facts {
            match &noted.fact {
                Fact::MaintenancePlanned { environment, scope, from, until, .. } if environment == self.environment => {
                    planned.push((&noted.entry, scope.clone(), Span { from: *from, until: *until }));
                }
                Fact::MaintenanceEnded { environment, entry, .. } if environment == self.environment => {
                    for (_, _, span) in planned.iter_mut().filter(|(of, _, _)| of == entry) {
                        span.until = span.until.min(noted.at);
                    }
                }
                _ => {}
            }
        }
        planned.into_iter().map(|(_, scope, span)| (scope, span)).collect()
    }

    /// Availability over each of [`DAYS`]. Nothing when the plan has no such environment.
    pub fn reports(&self) -> Option<Vec<AvailabilityReport>> {
        let environment = self.plan.environments.get(self.environment)?;
        let checks = self.plan.checks_in(environment);
        let (seen, maintenance) = (self.observed(), self.maintenance());
        let mut changes: BTreeMap<&Id, Vec<(DateTime<Utc>, HealthChange)>> = BTreeMap::new();
        for noted in self.facts {
            if let Fact::HealthChanged { environment, check, change, .. } = &noted.fact
                && environment == self.environment
            {
                changes.entry(check).or_default().push((noted.at, change.clone()));
            }
        }
        let reports = DAYS.into_iter().map(|days| {
            let span = Span { from: self.now - TimeDelta::days(days), until: self.now };
            let lines: BTreeMap<&Id, Timeline> = (checks.iter())
                .map(|(id, check)| {
                    // What was written down before the span is known from the first change inside of it.
                    let own: Vec<HealthChange> = (changes.get(id).into_iter().flatten())
                        .filter(|(at, _)| *at >= span.from)
                        .map(|(_, change)| change.clone())
                        .collect();
                    let health = self.healths.get(id);
                    let now = health.map_or((Health::NotChecked, None), |health| (health.health, health.since));
                    let own_maintenance: Vec<Span> = (maintenance.iter())
                        .filter(|(scope, _)| scope.covers(id, &check.of))
                        .map(|(_, span)| *span)
                        .collect();
                    (id, Timeline::of_check(span, &own, now, &seen, &own_maintenance))
                })
                .collect();
            self.report(days, span, &lines)
        });
        Some(reports.collect())
    }

    fn report(&self, days: i64, span: Span, lines: &BTreeMap<&Id, Timeline>) -> AvailabilityReport {
        let plan = self.plan;
        let objective = &plan.objectives.availability;
        let of = |part: &Id| {
            let own = lines.iter().filter(|(check, _)| plan.checks.get(**check).is_some_and(|check| &check.of == part));
            Timeline::sum(span, own.map(|(_, line)| line), [])
        };
        let names = (plan.systems.iter().map(|(id, system)| (id, &system.name)))
            .chain(plan.stores.iter().map(|(id, store)| (id, &store.name)))
            .chain(plan.providers.iter().map(|(id, provider)| (id, &provider.name)));
        let mut all: BTreeMap<&Id, Timeline> = BTreeMap::new();
        let parts = names.map(|(id, name)| {
            let line = of(id);
            let row = AvailabilityRow::of(id, name, &line, objective);
            all.insert(id, line);
            row
        });
        let parts: Vec<AvailabilityRow> = parts.collect();
        // Plans have no circles of functions, so that this ends.
        while let Some((id, function)) = plan.functions.iter().find(|(id, function)| {
            let needs = function.requires.iter().chain(&function.uses);
            !all.contains_key(id) && needs.into_iter().all(|need| all.contains_key(need))
        }) {
            let own = of(id);
            let is_checked = plan.checks.values().any(|check| &check.of == id);
            let required = function.requires.iter().filter_map(|need| all.get(need)).chain(is_checked.then_some(&own));
            let line = Timeline::sum(span, required, function.uses.iter().filter_map(|need| all.get(need)));
            all.insert(id, line);
        }
        let functions = plan
            .functions
            .iter()
            .filter_map(|(id, function)| Some(AvailabilityRow::of(id, &function.name, all.get(id)?, objective)));
        let checks = lines
            .iter()
            .filter_map(|(id, line)| Some(AvailabilityRow::of(id, &plan.checks.get(*id)?.name, line, objective)));
        AvailabilityReport {
            days: u32::try_from(days).unwrap_or(0),
            objective: objective.clone(),
            functions: functions.collect(),
            parts,
            checks: checks.collect(),
        }
    }
}

#[cfg(test)]
#[path = "tests/availability.rs"]
mod tests;
