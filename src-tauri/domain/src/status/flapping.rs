//! Flap control: health that changes too often is told as flapping once, instead of change by change.
//!
//! The measure is that of Nagios Core ("Detection and Handling of State Flapping" in its manual): of the last 21
//! samples, the share of the 20 steps between them in which health changed, newer ones weighing up to 1.5 times as
//! much as older ones; flapping begins above 30 % and ends below 20 %, its built-in thresholds. Health itself goes on
//! being folded as ever.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{CheckHealth, Health, HealthChange, fold};
use crate::check::Sample;

/// Steps between samples that are looked at.
const STEPS: u32 = 20;
/// What the newest step weighs; the oldest weighs [`OLDEST`], those between as much as lies between.
const NEWEST: f64 = 1.2;
const OLDEST: f64 = 0.8;
/// Above this share of changes flapping begins, in percent.
const BEGINS_ABOVE: f64 = 30.0;
/// Below this it ends, in percent.
const ENDS_BELOW: f64 = 20.0;

/// In which of the last steps health changed: one bit each, the newest is the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Steps(u32);

impl Steps {
    /// After one more step.
    #[must_use]
    const fn then(self, changed: bool) -> Self {
        Self(((self.0 << 1) | changed as u32) & ((1 << STEPS) - 1))
    }

    /// The weighed share of steps with a change, in percent.
    pub fn percent(self) -> f64 {
        let weight = |step: u32| NEWEST - (NEWEST - OLDEST) * f64::from(step) / f64::from(STEPS - 1);
        let changes: f64 = (0..STEPS).filter(|step| self.0 >> step & 1 == 1).map(weight).sum();
        changes * 100.0 / f64::from(STEPS)
    }
}

/// A health that changes too often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Flapping {
    /// Since when.
    pub since: DateTime<Utc>,
    /// The health when it was found to flap.
    pub from: Health,
    /// Changes since then.
    pub changes: u32,
}

/// What a sample brought that is worth keeping as a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum HealthEvent {
    /// Health changed.
    Changed(HealthChange),
    /// Health changed, once too often: from here on its changes are not told one by one.
    FlappingBegan(HealthChange),
    /// Health is steady again: from that at the beginning to that of now, after so many changes.
    FlappingEnded(HealthChange, u32),
}

impl HealthEvent {
    /// From which health to which.
    pub const fn change(&self) -> &HealthChange {
        match self {
            Self::Changed(change) | Self::FlappingBegan(change) | Self::FlappingEnded(change, _) => change,
        }
    }
}

/// Adds one sample to a check's health, as [`fold`] does, and says what is worth keeping of it.
pub fn observe(before: &CheckHealth, sample: &Sample, failures: u32) -> (CheckHealth, Option<HealthEvent>) {
    let (mut after, change) = fold(before, sample, failures);
    // That a check is checked for the first time is no sign of unsteadiness.
    let counted = change.as_ref().filter(|change| change.from != Health::NotChecked);
    after.steps = before.steps.then(counted.is_some());
    let percent = after.steps.percent();
    let event = match (&mut after.flapping, change) {
        (None, Some(change)) if percent > BEGINS_ABOVE => {
            after.flapping = Some(Flapping { since: sample.at, from: change.to, changes: 0 });
            Some(HealthEvent::FlappingBegan(change))
        }
        (None, change) => change.map(HealthEvent::Changed),
        (Some(flapping), change) => {
            flapping.changes = flapping.changes.saturating_add(u32::from(change.is_some()));
            let steady = HealthChange {
                from: flapping.from,
                to: after.health,
                since: after.since.unwrap_or(sample.at),
                samples: change.map_or(1, |change| change.samples),
                reason: sample.reason.clone(),
            };
            let changes = flapping.changes;
            (percent < ENDS_BELOW).then(|| {
                after.flapping = None;
                HealthEvent::FlappingEnded(steady, changes)
            })
        }
    };
    (after, event)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::check::Verdict;

    fn samples(letters: &str) -> Vec<Sample> {
        let sample = |(second, letter): (usize, char)| Sample {
            at: DateTime::UNIX_EPOCH + TimeDelta::seconds(second as i64),
            latency_ms: 1.0,
            verdict: if letter == 'o' { Verdict::Operational } else { Verdict::Outage },
            reason: format!("said {letter}"),
            measurements: Vec::new(),
            answer: None,
            fault: None,
        };
        letters.chars().enumerate().map(sample).collect()
    }

    /// Observes samples with one failure enough; what each of them brought.
    fn observed(letters: &str) -> (CheckHealth, Vec<Option<HealthEvent>>) {
        let mut health = CheckHealth::default();
        let mut events = Vec::new();
        for sample in samples(letters) {
            let (after, event) = observe(&health, &sample, 1);
            health = after;
            events.push(event);
        }
        (health, events)
    }

    #[test]
    fn health_that_changes_now_and_then_is_told_change_by_change() {
        let (health, events) = observed(&"oooooooox".repeat(10));
        assert_eq!(health.flapping, None);
        assert_eq!(events.iter().flatten().count(), 20);
        assert!(events.iter().flatten().all(|event| matches!(event, HealthEvent::Changed(_))));
    }

    #[test]
    fn flapping_is_told_once_when_it_begins_and_once_when_it_ends() {
        let letters = format!("{}{}", "ox".repeat(500), "o".repeat(30));
        let (health, events) = observed(&letters);
        let told: Vec<(usize, &HealthEvent)> =
            events.iter().enumerate().filter_map(|(at, event)| event.as_ref().map(|event| (at, event))).collect();
        assert!(told.len() < 12, "{} facts of a thousand changes", told.len());
        let began = told.iter().position(|(_, event)| matches!(event, HealthEvent::FlappingBegan(_))).unwrap();
        assert_eq!(began, told.len() - 2, "nothing is told between");
        let (at, HealthEvent::FlappingEnded(change, changes)) = told[began + 1] else { panic!("it did not end") };
        assert!(at > 1_000 && *changes > 980, "{at} {changes}");
        assert_eq!((change.to, change.since.timestamp()), (Health::Operational, 1_000));
        assert_eq!((health.health, health.flapping), (Health::Operational, None));
    }

    proptest! {
        #[test]
        fn flapping_hides_nothing_of_the_health_and_keeps_the_facts_few(letters in "[ox]{0,200}|(ox{1,4}){0,60}") {
            let (mut plain, mut health) = (CheckHealth::default(), CheckHealth::default());
            // The same measure from the whole history: Nagios's sum over the last 20 steps.
            let mut changed: Vec<bool> = Vec::new();
            let mut flapping = false;
            let mut told = Health::NotChecked;
            for sample in samples(&letters) {
                let (after, change) = fold(&plain, &sample, 2);
                changed.push(change.as_ref().is_some_and(|change| change.from != Health::NotChecked));
                plain = after;
                let (after, event) = observe(&health, &sample, 2);
                health = after;
                let percent: f64 = changed.iter().rev().take(20).enumerate()
                    .map(|(age, changed)| if *changed { 1.2 - 0.4 * age as f64 / 19.0 } else { 0.0 }).sum::<f64>() * 5.0;
                match &event {
                    Some(HealthEvent::Changed(change)) => {
                        prop_assert!(!flapping);
                        prop_assert_eq!(change.from, told);
                        told = change.to;
                    }
                    Some(HealthEvent::FlappingBegan(change)) => {
                        prop_assert!(!flapping && percent > 30.0);
                        prop_assert_eq!(change.from, told);
                        (flapping, told) = (true, change.to);
                    }
                    Some(HealthEvent::FlappingEnded(change, _)) => {
                        prop_assert!(flapping && percent < 20.0);
                        prop_assert_eq!(change.from, told);
                        (flapping, told) = (false, change.to);
                    }
                    None => prop_assert!(flapping || change.is_none()),
                }
                prop_assert_eq!(health.flapping.is_some(), flapping);
                prop_assert_eq!((health.health, health.since, &health.suspicion), (plain.health, plain.since, &plain.suspicion));
                prop_assert!(flapping || told == health.health);
            }
        }
    }
}
