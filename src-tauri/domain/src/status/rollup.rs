//! Samples rolled up: what is left of them when there are too many to keep.
//!
//! A roll-up holds counts and sums, never averages, so that those of minutes add up to exactly those of their hour and
//! day. Quantiles come from counts in fixed steps, each at most a sixteenth wide. Where roll-ups lie is the engine's.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    check::{Sample, Verdict},
    plan::{quantity::Period, read::choice},
};

/// How long samples are kept one by one.
pub const SAMPLES_KEPT: Period = Period::from_secs(24 * 3_600);

choice! {
    /// How much time one roll-up stands for.
    pub enum Grain {
        /// A minute.
        Minute = "minute",
        /// An hour.
        Hour = "hour",
        /// A day, in UTC.
        Day = "day",
    }
}

impl Grain {
    /// Every grain, the finest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long it is, in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// How long roll-ups of this grain are kept.
    pub const fn kept(self) -> Period {
        let days = match self {
            Self::Minute => 7,
            Self::Hour => 90,
            Self::Day => 3 * 365,
        };
        Period::from_secs(days * 86_400)
    }

    /// Where the roll-up begins that an instant belongs to, in seconds since 1970.
    pub const fn begin(self, at: DateTime<Utc>) -> i64 {
        let seconds = at.timestamp();
        seconds - seconds.rem_euclid(self.seconds())
    }
}

/// How many samples said what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct VerdictCounts {
    /// Operational.
    pub operational: u32,
    /// Degraded.
    pub degraded: u32,
    /// Outage.
    pub outage: u32,
    /// Unknown: could not be checked.
    pub unknown: u32,
}

impl VerdictCounts {
    fn of(&mut self, verdict: Verdict) -> &mut u32 {
        match verdict {
            Verdict::Operational => &mut self.operational,
            Verdict::Degraded => &mut self.degraded,
            Verdict::Outage => &mut self.outage,
            Verdict::Unknown => &mut self.unknown,
        }
    }

    /// All of them.
    pub const fn total(self) -> u32 {
        self.operational.saturating_add(self.degraded).saturating_add(self.outage).saturating_add(self.unknown)
    }

    /// The worst that was said; nothing when nothing was.
    pub fn worst(self) -> Option<Verdict> {
        let counts = [
            (self.outage, Verdict::Outage),
            (self.degraded, Verdict::Degraded),
            (self.unknown, Verdict::Unknown),
            (self.operational, Verdict::Operational),
        ];
        counts.into_iter().find(|(count, _)| *count > 0).map(|(_, verdict)| verdict)
    }
}

/// The samples of one check in one stretch of time. Latencies are those of samples that had an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollup {
    /// How many said what.
    pub verdicts: VerdictCounts,
    /// Sum of latencies, in microseconds.
    pub latency_sum_us: u64,
    /// The shortest, in microseconds.
    pub latency_min_us: Option<u64>,
    /// The longest, in microseconds.
    pub latency_max_us: Option<u64>,
    /// How many latencies lie in which step; see [`step_of`].
    pub steps: BTreeMap<u16, u32>,
}

/// The longest latency that is told apart, in microseconds: eleven and a half days.
const LONGEST_US: u64 = 1_000_000_000_000;
/// Steps between a power of two and the next.
const STEPS: u64 = 16;

/// The step a latency belongs to. Below sixteen microseconds each has its own; above, sixteen steps lead from one power
/// of two to the next. Whole numbers only, so that every computer counts the same.
fn step_of(us: u64) -> u16 {
    let step = if us < STEPS {
        us
    } else {
        let power = u64::from(us.ilog2());
        (power - 3) * STEPS + ((us >> (power - 4)) - STEPS)
    };
    u16::try_from(step).unwrap_or(u16::MAX)
}

/// The middle of a step, in microseconds.
fn middle_of(step: u16) -> f64 {
    let step = u64::from(step);
    if step < STEPS {
        return step as f64;
    }
    let (power, within) = ((step / STEPS + 3).min(60), step % STEPS);
    let width = (1_u64 << (power - 4)) as f64;
    ((STEPS + within) as f64 + 0.5) * width
}

impl Rollup {
    /// Takes in one sample.
    pub fn add(&mut self, sample: &Sample) {
        let count = self.verdicts.of(sample.verdict);
        *count = count.saturating_add(1);
        if sample.verdict == Verdict::Unknown {
            return;
        }
        // What is not a number becomes zero; what is too long becomes the longest.
        let us = ((sample.latency_ms * 1_000.0).round() as u64).min(LONGEST_US);
        self.latency_sum_us = self.latency_sum_us.saturating_add(us);
        self.latency_min_us = Some(self.latency_min_us.map_or(us, |least| least.min(us)));
        self.latency_max_us = self.latency_max_us.max(Some(us));
        let step = self.steps.entry(step_of(us)).or_default();
        *step = step.saturating_add(1);
    }

    /// Takes in everything another holds.
    pub fn merge(&mut self, other: &Self) {
        for (verdict, count) in [
            (Verdict::Operational, other.verdicts.operational),
            (Verdict::Degraded, other.verdicts.degraded),
            (Verdict::Outage, other.verdicts.outage),
            (Verdict::Unknown, other.verdicts.unknown),
        ] {
            let mine = self.verdicts.of(verdict);
            *mine = mine.saturating_add(count);
        }
        self.latency_sum_us = self.latency_sum_us.saturating_add(other.latency_sum_us);
        self.latency_min_us = [self.latency_min_us, other.latency_min_us].into_iter().flatten().min();
        self.latency_max_us = self.latency_max_us.max(other.latency_max_us);
        for (step, count) in &other.steps {
            let mine = self.steps.entry(*step).or_default();
            *mine = mine.saturating_add(*count);
        }
    }

    /// The latency that a share of the samples did not exceed, in milliseconds, to a thirty-second; never outside the
    /// shortest and longest. Nothing when nothing answered.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.steps.values().map(|count| u64::from(*count)).sum();
        let (least, most) = (self.latency_min_us?, self.latency_max_us?);
        let rank = ((all as f64 * share).ceil() as u64).clamp(1, all.max(1));
        let mut passed = 0;
        let step = self.steps.iter().find(|(_, count)| {
            passed += u64::from(**count);
            passed >= rank
        });
        let (step, _) = step?;
        Some(middle_of(*step).clamp(least as f64, most as f64) / 1_000.0)
    }
}

choice! {
    /// How far back a history goes.
    pub enum HistorySpan {
        /// An hour.
        Hour = "1h",
        /// A day.
        Day = "24h",
        /// A week.
        Week = "7d",
        /// Thirty days.
        Month = "30d",
        /// Ninety days.
        Quarter = "90d",
    }
}

impl HistorySpan {
    /// Every span, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// How long it is.
    pub const fn period(self) -> Period {
        let hours = match self {
            Self::Hour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
            Self::Quarter => 90 * 24,
        };
        Period::from_secs(hours * 3_600)
    }

    /// What it is told from: the finest grain that is kept for as long.
    pub const fn grain(self) -> Grain {
        match self {
            Self::Hour | Self::Day => Grain::Minute,
            Self::Week | Self::Month => Grain::Hour,
            Self::Quarter => Grain::Day,
        }
    }

    /// How much time one of its parts stands for, in seconds: whole grains, about a hundred to a span.
    pub const fn part_seconds(self) -> i64 {
        match self {
            Self::Hour => 60,
            Self::Day => 15 * 60,
            Self::Week => 2 * 3_600,
            Self::Month => 6 * 3_600,
            Self::Quarter => 86_400,
        }
    }

    /// Where its parts begin, in seconds since 1970, up to the one that `now` belongs to.
    pub fn parts(self, now: DateTime<Utc>) -> Vec<i64> {
        let width = self.part_seconds();
        let last = now.timestamp().div_euclid(width) * width;
        let many =
            TimeDelta::milliseconds(i64::try_from(self.period().as_millis()).unwrap_or(i64::MAX)).num_seconds() / width;
        (0..many).rev().map(|back| last - back * width).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(seconds: i64, latency_ms: f64, verdict: Verdict) -> Sample {
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        Sample { at, latency_ms, verdict, reason: String::new(), measurements: Vec::new(), answer: None, fault: None }
    }

    fn verdict(place: usize) -> Verdict {
        [Verdict::Operational, Verdict::Degraded, Verdict::Outage, Verdict::Unknown][place % 4]
    }

    #[test]
    fn every_grain_is_kept_for_as_long_as_a_history_asks_of_it() {
        for span in HistorySpan::ALL {
            assert!(span.grain().kept() >= span.period(), "{span}");
            assert_eq!(span.part_seconds() % span.grain().seconds(), 0, "{span}");
            let now = DateTime::from_timestamp(1_790_000_123, 0).unwrap();
            let parts = span.parts(now);
            assert!((60..=120).contains(&parts.len()), "{span} has {}", parts.len());
            assert!(parts.windows(2).all(|pair| pair[1] - pair[0] == span.part_seconds()));
            let last = *parts.last().unwrap();
            assert!(last <= now.timestamp() && now.timestamp() < last + span.part_seconds(), "{span}");
        }
        assert!(SAMPLES_KEPT >= HistorySpan::Day.period());
    }

    #[test]
    fn steps_follow_each_other_without_gap_and_are_narrow() {
        let mut before = 0;
        for us in (0..5_000_u64).chain((13..40).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let step = step_of(us);
            assert!(step >= before, "{us}");
            before = step;
            let error = (middle_of(step) - us as f64).abs();
            assert!(error <= us as f64 / 32.0 + 0.5, "{us} is {error} away from the middle of its step");
        }
        assert_eq!((step_of(0), step_of(15), step_of(16), step_of(31), step_of(32)), (0, 15, 16, 31, 32));
        assert!(step_of(LONGEST_US) < 1_000);
    }

    #[test]
    fn what_is_no_latency_does_no_harm() {
        let mut rollup = Rollup::default();
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0] {
            rollup.add(&sample(0, odd, Verdict::Outage));
        }
        assert_eq!((rollup.latency_min_us, rollup.latency_max_us), (Some(0), Some(LONGEST_US)));
        assert_eq!(rollup.verdicts.total(), 4);
    }

    #[test]
    fn without_an_answer_there_is_no_latency() {
        let mut rollup = Rollup::default();
        rollup.add(&sample(0, 4_000.0, Verdict::Unknown));
        assert_eq!((rollup.quantile(0.5), rollup.latency_max_us), (None, None));
        assert_eq!(rollup.verdicts.worst(), Some(Verdict::Unknown));
        assert_eq!(Rollup::default().verdicts.worst(), None);
    }

    proptest! {
        #[test]
        fn minutes_merged_to_hours_and_days_equal_what_is_rolled_up_directly(
            samples in prop::collection::vec((0i64..3 * 86_400, 0.0f64..90_000.0, 0usize..4), 0..300),
        ) {
            let samples: Vec<Sample> =
                samples.into_iter().map(|(at, latency, kind)| sample(at, latency, verdict(kind))).collect();
            let direct = |grain: Grain| {
                let mut of: BTreeMap<i64, Rollup> = BTreeMap::new();
                for sample in &samples {
                    of.entry(grain.begin(sample.at)).or_default().add(sample);
                }
                of
            };
            let merged = |from: &BTreeMap<i64, Rollup>, grain: Grain| {
                let mut of: BTreeMap<i64, Rollup> = BTreeMap::new();
                for (begin, rollup) in from {
                    let at = DateTime::from_timestamp(*begin, 0).unwrap();
                    of.entry(grain.begin(at)).or_default().merge(rollup);
                }
                of
            };
            let minutes = direct(Grain::Minute);
            let hours = merged(&minutes, Grain::Hour);
            prop_assert_eq!(&hours, &direct(Grain::Hour));
            prop_assert_eq!(merged(&hours, Grain::Day), direct(Grain::Day));
        }

        #[test]
        fn quantiles_are_near_those_of_the_samples(
            mut latencies in prop::collection::vec(0.02f64..60_000.0, 1..200), share in 0.0f64..=1.0,
        ) {
            let mut rollup = Rollup::default();
            for latency in &latencies {
                rollup.add(&sample(0, *latency, Verdict::Operational));
            }
            latencies.sort_by(f64::total_cmp);
            let rank = ((latencies.len() as f64 * share).ceil() as usize).clamp(1, latencies.len());
            let exact = latencies[rank - 1];
            let found = rollup.quantile(share).unwrap();
            prop_assert!((found - exact).abs() <= exact / 30.0 + 0.001, "{} instead of {}", found, exact);
        }
    }
}
