//! One check's health, folded from its samples.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Flapping, Health, Steps};
use crate::check::{Check, Sample, Verdict};

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
    /// Whether it changes too often, and since when.
    #[serde(default)]
    pub flapping: Option<Flapping>,
    /// In which of the last steps it changed. Kept for the fold, not for the screen.
    #[serde(default)]
    #[ts(skip)]
    pub steps: Steps,
}

impl Default for CheckHealth {
    fn default() -> Self {
        Self {
            health: Health::NotChecked,
            since: None,
            suspicion: None,
            last: None,
            flapping: None,
            steps: Steps::default(),
        }
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
        Health::Unknown | Health::Degraded | Health::Outage | Health::NotChecked | Health::Maintenance => {
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

/// When a check that was last sampled at `last` stops being believed: after twice its interval.
pub fn stale_at(check: &Check, last: DateTime<Utc>) -> DateTime<Utc> {
    last + check.interval.to_delta() * 2
}
