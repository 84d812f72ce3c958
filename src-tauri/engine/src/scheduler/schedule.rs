//! The timetable: which check is due when. Time is an argument, on a clock that never jumps.
//!
//! Starts fall on slots, so that many checks share one wake-up (2.2 times less work at 100 checks a second). Each
//! check has its own phase within its interval, so that they do not start together.

use std::{collections::BTreeMap, time::Duration};

use lifeboat_domain::Id;

/// Starts fall on multiples of this.
pub(super) const SLOT: Duration = Duration::from_millis(50);
/// First runs are spread over this long.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// How often a check is checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From one start to the next.
    pub(super) interval: Duration,
    /// To the confirming sample while in doubt.
    pub(super) retry: Duration,
}

#[derive(Debug)]
struct Row {
    pace: Pace,
    hash: u64,
    due: Duration,
    in_flight: bool,
}

/// When each check is due. Instants are durations since the timetable's own beginning.
#[derive(Debug)]
pub(super) struct Schedule {
    rows: BTreeMap<Id, Row>,
}

impl Schedule {
    /// Every check for the first time soon.
    pub(super) fn new(checks: impl IntoIterator<Item = (Id, Pace)>, now: Duration) -> Self {
        let rows = checks.into_iter().map(|(id, pace)| {
            let hash = hash_of(&id);
            (id, Row { pace, hash, due: now, in_flight: false })
        });
        let mut schedule = Self { rows: rows.collect() };
        schedule.all_soon(now);
        schedule
    }

    /// Every check soon, spread a little. After a sleep, or when everything is somewhere else than before.
    pub(super) fn all_soon(&mut self, now: Duration) {
        for row in self.rows.values_mut() {
            row.due = slot_from(now + share(row.hash, row.pace.interval.min(FIRST_WITHIN)));
        }
    }

    /// The checks to start now. However late the call, each is started at most once, and never while in flight.
    pub(super) fn tick(&mut self, now: Duration) -> Vec<Id> {
        let due = self.rows.iter_mut().filter(|(_, row)| row.due <= now && !row.in_flight);
        due.map(|(id, row)| {
            row.in_flight = true;
            row.due = row.next_regular(now);
            id.clone()
        })
        .collect()
    }

    /// A flight of this check has ended, whoever started it.
    pub(super) fn landed(&mut self, check: &Id, in_doubt: bool, now: Duration) {
        let Some(row) = self.rows.get_mut(check) else { return };
        row.in_flight = false;
        if row.due <= now {
            row.due = row.next_regular(now);
        }
        if in_doubt {
            row.due = row.due.min(slot_from(now + row.pace.retry));
        }
    }

    /// When to tick next.
    pub(super) fn next(&self) -> Option<Duration> {
        self.rows.values().filter(|row| !row.in_flight).map(|row| row.due).min()
    }
}

impl Row {
    /// The next start in the check's own phase that is at least half an interval away.
    fn next_regular(&self, now: Duration) -> Duration {
        let interval = self.pace.interval.max(SLOT);
        let phase = share(self.hash, interval);
        let earliest = now + interval / 2;
        let passed = earliest.saturating_sub(phase).as_millis().div_ceil(interval.as_millis());
        slot_from(phase + interval * u32::try_from(passed).unwrap_or(u32::MAX))
    }
}

fn share(hash: u64, of: Duration) -> Duration {
    let millis = u64::try_from(of.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(hash % millis)
}

fn slot_from(at: Duration) -> Duration {
    let slots = at.as_millis().div_ceil(SLOT.as_millis());
    SLOT * u32::try_from(slots).unwrap_or(u32::MAX)
}

/// FNV-1a: the same on every computer and in every version, so a check keeps its phase.
fn hash_of(id: &Id) -> u64 {
    id.as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn schedule(checks: usize, interval: Duration) -> Schedule {
        let pace = Pace { interval, retry: Duration::from_millis(300) };
        Schedule::new((0..checks).map(|number| (format!("check-{number}").parse().unwrap(), pace)), Duration::ZERO)
    }

    #[test]
    fn every_check_runs_within_the_first_second_and_not_all_in_one_slot() {
        let mut schedule = schedule(100, seconds(30));
        let mut slots = Vec::new();
        for slot in 0..=21 {
            slots.push(schedule.tick(SLOT * slot).len());
        }
        assert_eq!(slots.iter().sum::<usize>(), 100);
        assert!(slots.iter().all(|count| *count < 20), "{slots:?}");
    }

    #[test]
    fn a_check_in_flight_is_not_started_again() {
        let mut schedule = schedule(1, seconds(1));
        let started: usize = (0..400).map(|slot| schedule.tick(SLOT * slot).len()).sum();
        assert_eq!(started, 1);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn doubt_brings_the_next_run_forward() {
        let mut schedule = schedule(1, seconds(30));
        let check = schedule.tick(seconds(2)).remove(0);
        schedule.landed(&check, true, seconds(3));
        assert_eq!(schedule.next(), Some(Duration::from_millis(3_300)));
        let check = schedule.tick(seconds(4)).remove(0);
        schedule.landed(&check, false, seconds(4));
        assert!(schedule.next().unwrap() >= seconds(19));
    }

    #[test]
    fn after_a_long_pause_each_check_runs_once() {
        let mut schedule = schedule(50, seconds(5));
        let first = schedule.tick(seconds(2));
        for check in &first {
            schedule.landed(check, false, seconds(2));
        }
        let late = schedule.tick(seconds(8 * 3_600));
        assert_eq!(late.len(), 50);
        for check in &late {
            schedule.landed(check, false, seconds(8 * 3_600));
        }
        assert!(schedule.tick(seconds(8 * 3_600) + SLOT).is_empty(), "a burst");
    }

    proptest! {
        #[test]
        fn between_two_runs_lies_about_one_interval(interval_ms in 100u64..120_000, name in "[a-z]{1,20}") {
            let interval = Duration::from_millis(interval_ms);
            let id: Id = name.parse().unwrap();
            let pace = Pace { interval, retry: interval };
            let mut schedule = Schedule::new([(id.clone(), pace)], Duration::ZERO);
            let mut starts = Vec::new();
            while starts.len() < 20 {
                let now = schedule.next().unwrap();
                prop_assert_eq!(schedule.tick(now), vec![id.clone()]);
                prop_assert_eq!(now.as_millis() % SLOT.as_millis(), 0);
                schedule.landed(&id, false, now);
                starts.push(now);
            }
            let gaps: Vec<Duration> = starts.windows(2).map(|pair| pair[1].checked_sub(pair[0]).unwrap()).collect();
            prop_assert!(gaps[0] <= interval + interval / 2 + SLOT * 2, "first gap {:?}", gaps[0]);
            for gap in &gaps[1..] {
                prop_assert!(*gap + SLOT * 2 >= interval && *gap <= interval + SLOT * 2, "gap {gap:?} of {interval:?}");
            }
        }
    }
}
