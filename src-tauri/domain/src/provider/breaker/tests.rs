use proptest::prelude::*;

use super::*;
use crate::provider::Observation::{Failed, Neither, Succeeded};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The runbook's for Stripe: 5 failures, 300 s.
fn stripe() -> BreakerRule {
    BreakerRule { failures: 5, open_for: Period::from_secs(300), successes: 1, slow: None }
}

/// Asks once if that is allowed, and reports.
fn ask(breaker: &mut Breaker, observation: Observation, now: Duration) -> Result<Option<BreakerPhase>, HeldBack> {
    let permit = breaker.permit(now)?;
    Ok(breaker.report(permit, observation, Duration::ZERO, now))
}

fn opened(rule: &BreakerRule) -> Breaker {
    let mut breaker = Breaker::new(rule.clone());
    for _ in 0..rule.failures {
        ask(&mut breaker, Failed, seconds(0)).unwrap();
    }
    assert_eq!(breaker.phase(seconds(0)).0, BreakerPhase::Open);
    breaker
}

#[test]
fn b_56_half_open_lets_one_through_and_one_failure_opens_again() {
    let mut breaker = opened(&stripe());
    let permit = breaker.permit(seconds(300)).unwrap();
    for _ in 0..3 {
        assert_eq!(breaker.permit(seconds(300)), Err(HeldBack::BeingTried));
    }
    assert_eq!(breaker.report(permit, Failed, Duration::ZERO, seconds(301)), Some(BreakerPhase::Open));
    assert_eq!(breaker.permit(seconds(302)), Err(HeldBack::Open(seconds(299))));
    assert_eq!(ask(&mut breaker, Succeeded, seconds(601)), Ok(Some(BreakerPhase::Closed)));
}

#[test]
fn b_57_b_58_what_is_ours_and_what_was_declined_does_not_count() {
    let mut breaker = Breaker::new(stripe());
    for _ in 0..100 {
        assert_eq!(ask(&mut breaker, Neither, seconds(0)), Ok(None));
    }
    assert_eq!(breaker.failures(), 0);
    for _ in 0..4 {
        ask(&mut breaker, Failed, seconds(0)).unwrap();
    }
    // Neither ends the row nor lengthens it.
    ask(&mut breaker, Neither, seconds(0)).unwrap();
    assert_eq!(breaker.failures(), 4);
    assert_eq!(ask(&mut breaker, Failed, seconds(0)), Ok(Some(BreakerPhase::Open)));
    // Who tries and is declined gives the turn back.
    assert_eq!(ask(&mut breaker, Neither, seconds(300)), Ok(None));
    assert_eq!(breaker.phase(seconds(300)).0, BreakerPhase::HalfOpen);
    assert_eq!(ask(&mut breaker, Succeeded, seconds(300)), Ok(Some(BreakerPhase::Closed)));
}

#[test]
fn b_59_a_wall_clock_that_jumps_neither_opens_nor_closes_anything() {
    let breaker = opened(&stripe());
    let memory = breaker.memory(seconds(100));
    assert_eq!(memory.left, seconds(200));
    let ahead = Breaker::remembered(stripe(), memory, seconds(1_000_000), seconds(7));
    assert_eq!(ahead.phase(seconds(7)).0, BreakerPhase::HalfOpen);
    let still = Breaker::remembered(stripe(), memory, Duration::ZERO, seconds(7));
    assert_eq!(still.phase(seconds(7)), (BreakerPhase::Open, Some(seconds(200))));
    // Nobody may make it stay open for longer than the plan says.
    let odd = BreakerMemory { left: seconds(1_000_000), ..memory };
    let bounded = Breaker::remembered(stripe(), odd, Duration::ZERO, seconds(7));
    assert_eq!(bounded.phase(seconds(7)), (BreakerPhase::Open, Some(seconds(300))));
}

#[test]
fn b_60_who_is_held_back_can_tell_that_from_a_failure() {
    let mut breaker = opened(&stripe());
    assert_eq!(breaker.permit(seconds(1)), Err(HeldBack::Open(seconds(299))));
    breaker.force(Some(Forced::Open));
    assert_eq!(breaker.permit(seconds(1_000)), Err(HeldBack::Forced));
}

#[test]
fn slow_answers_count_as_failures_where_the_plan_says_so() {
    let rule = BreakerRule { failures: 2, slow: Some(Period::from_secs(3)), ..stripe() };
    let mut breaker = Breaker::new(rule);
    for (took, phase) in [(3_000, None), (3_001, None), (3_001, Some(BreakerPhase::Open))] {
        let permit = breaker.permit(seconds(0)).unwrap();
        assert_eq!(breaker.report(permit, Succeeded, Duration::from_millis(took), seconds(0)), phase);
    }
}

#[test]
fn a_call_from_before_says_nothing_of_now() {
    let mut breaker = Breaker::new(BreakerRule { failures: 1, ..stripe() });
    let (early, late) = (breaker.permit(seconds(0)).unwrap(), breaker.permit(seconds(0)).unwrap());
    assert_eq!(breaker.report(early, Failed, Duration::ZERO, seconds(1)), Some(BreakerPhase::Open));
    let trying = breaker.permit(seconds(301)).unwrap();
    assert_eq!(breaker.report(late, Succeeded, Duration::ZERO, seconds(302)), None);
    assert_eq!(breaker.permit(seconds(302)), Err(HeldBack::BeingTried));
    assert_eq!(breaker.report(trying, Succeeded, Duration::ZERO, seconds(302)), Some(BreakerPhase::Closed));
}

#[test]
fn what_a_person_wants_goes_before_what_was_seen() {
    let mut breaker = opened(&stripe());
    breaker.force(Some(Forced::Closed));
    for _ in 0..10 {
        assert_eq!(ask(&mut breaker, Failed, seconds(1)), Ok(None));
    }
    breaker.force(None);
    assert_eq!((breaker.phase(seconds(1)).0, breaker.failures()), (BreakerPhase::Closed, 0));
    breaker.force(Some(Forced::Open));
    let memory = breaker.memory(seconds(1));
    assert_eq!(memory.forced, Some(Forced::Open));
    let mut again = Breaker::remembered(stripe(), memory, seconds(5), seconds(0));
    assert_eq!(again.permit(seconds(0)), Err(HeldBack::Forced));
    again.force(None);
    assert_eq!(again.phase(seconds(0)).0, BreakerPhase::HalfOpen, "what was held open has to be tried first");
}

#[test]
fn leaving_a_breaker_to_itself_while_somebody_tries_does_not_block_it() {
    let mut breaker = opened(&stripe());
    let permit = breaker.permit(seconds(300)).unwrap();
    breaker.force(None);
    assert_eq!(breaker.report(permit, Succeeded, Duration::ZERO, seconds(300)), None);
    assert_eq!(ask(&mut breaker, Succeeded, seconds(300)), Ok(Some(BreakerPhase::Closed)));
}

/// Something that happens to a breaker.
#[derive(Debug, Clone)]
enum Event {
    Ask,
    Report { which: usize, observation: Observation, took: u64 },
    Force(Option<Forced>),
    Pass(u64),
    Restart { wall: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let observation = prop_oneof![Just(Succeeded), Just(Failed), Just(Neither)];
    let forced = prop_oneof![3 => Just(None), 1 => Just(Some(Forced::Open)), 1 => Just(Some(Forced::Closed))];
    prop_oneof![
        6 => Just(Event::Ask),
        8 => (0..4_usize, observation, 0..6_u64)
            .prop_map(|(which, observation, took)| Event::Report { which, observation, took }),
        1 => forced.prop_map(Event::Force),
        4 => (1..40_u64).prop_map(Event::Pass),
        1 => (0..40_u64).prop_map(|wall| Event::Restart { wall }),
    ]
}

/// The same rules told in another way: results are kept in a list and counted anew each time, and a permit counts by
/// its number.
#[derive(Debug, Default)]
struct Reference {
    forced: Option<Forced>,
    /// When it opened, while it is not closed.
    opened: Option<u64>,
    /// Failed or not, what counted since it closed or began to be tried.
    results: Vec<bool>,
    /// Whose turn it is to try.
    trying: Option<usize>,
    /// Permits with a lower number say nothing.
    from: usize,
    given: usize,
}

impl Reference {
    fn ask(&mut self, rule: &BreakerRule, now: u64) -> Option<usize> {
        let open_for = rule.open_for.get().as_secs();
        let allowed = match (self.forced, self.opened) {
            (Some(forced), _) => forced == Forced::Closed,
            (None, None) => true,
            (None, Some(opened)) => now >= opened + open_for && self.trying.is_none(),
        };
        if !allowed {
            return None;
        }
        let number = self.given;
        self.given += 1;
        if self.forced.is_none() && self.opened.is_some() {
            self.trying = Some(number);
            self.from = self.from.max(number);
        }
        Some(number)
    }

    fn report(&mut self, rule: &BreakerRule, number: usize, failed: Option<bool>, now: u64) {
        let is_tried = self.opened.is_some();
        if self.forced.is_some() || number < self.from || (is_tried && self.trying != Some(number)) {
            return;
        }
        self.trying = None;
        self.results.extend(failed);
        let in_a_row = |wanted: bool| self.results.iter().rev().take_while(|result| **result == wanted).count();
        if is_tried {
            self.from = number + 1;
            if failed == Some(true) {
                self.turn(Some(now));
            } else if in_a_row(false) >= rule.successes as usize {
                self.turn(None);
            }
        } else if in_a_row(true) >= rule.failures as usize {
            self.turn(Some(now));
        }
    }

    fn turn(&mut self, opened: Option<u64>) {
        (self.opened, self.from, self.trying) = (opened, self.given, None);
        self.results.clear();
    }

    fn force(&mut self, rule: &BreakerRule, forced: Option<Forced>, now: u64) {
        let (before, opened, results) = (self.forced, self.opened, std::mem::take(&mut self.results));
        let waited = now.saturating_sub(rule.open_for.get().as_secs());
        match before {
            None => {
                // What was seen goes on from where it was, but for who was trying.
                self.turn(opened);
                self.results = results;
            }
            // Long enough ago to be tried at once.
            Some(Forced::Open) => self.turn(Some(waited)),
            Some(Forced::Closed) => self.turn(None),
        }
        self.forced = forced;
    }

    fn restart(&mut self, rule: &BreakerRule, wall: u64, now: u64) {
        let open_for = rule.open_for.get().as_secs();
        (self.from, self.trying) = (self.given, None);
        if let Some(opened) = self.opened.filter(|opened| now < opened + open_for) {
            // May lie before the beginning of this clock, but what counts is when the wait is over.
            self.opened = Some(opened.saturating_sub(wall).max((now + 1).saturating_sub(open_for + 1)));
        }
    }

    fn phase(&self, rule: &BreakerRule, now: u64) -> BreakerPhase {
        match (self.forced, self.opened) {
            (Some(Forced::Open), _) => BreakerPhase::Open,
            (Some(Forced::Closed), _) | (None, None) => BreakerPhase::Closed,
            (None, Some(opened)) if now < opened + rule.open_for.get().as_secs() => BreakerPhase::Open,
            (None, Some(_)) => BreakerPhase::HalfOpen,
        }
    }
}

proptest! {
    #[test]
    fn it_does_as_the_reference_whatever_happens(
        events in prop::collection::vec(event(), 1..300),
        failures in 1..5_u32,
        successes in 1..4_u32,
        slow in prop::option::of(2..5_u64),
    ) {
        let rule = BreakerRule {
            failures,
            open_for: Period::from_secs(30),
            successes,
            slow: slow.map(Period::from_secs),
        };
        // Late enough that nothing of the reference lies before its beginning.
        let mut now = 1_000;
        let mut breaker = Breaker::new(rule.clone());
        let mut reference = Reference::default();
        let mut under_way: Vec<(usize, Permit)> = Vec::new();
        for event in events {
            match event {
                Event::Ask => {
                    let (given, expected) = (breaker.permit(seconds(now)), reference.ask(&rule, now));
                    prop_assert_eq!(given.is_ok(), expected.is_some(), "{:?} {:?}", given, reference);
                    under_way.extend(expected.zip(given.ok()));
                }
                Event::Report { which, observation, took } if !under_way.is_empty() => {
                    let (number, permit) = under_way.remove(which % under_way.len());
                    let was = breaker.phase(seconds(now)).0;
                    let went = breaker.report(permit, observation, seconds(took), seconds(now));
                    let failed = match observation {
                        Neither => None,
                        Succeeded => Some(slow.is_some_and(|slow| took > slow)),
                        Failed => Some(true),
                    };
                    reference.report(&rule, number, failed, now);
                    if let Some(went) = went {
                        prop_assert_eq!(went, breaker.phase(seconds(now)).0);
                        prop_assert_ne!(went, was);
                    }
                }
                Event::Report { .. } => {}
                Event::Force(forced) => {
                    breaker.force(forced);
                    reference.force(&rule, forced, now);
                }
                Event::Pass(time) => now += time,
                Event::Restart { wall } => {
                    let memory = breaker.memory(seconds(now));
                    breaker = Breaker::remembered(rule.clone(), memory, seconds(wall), seconds(now));
                    reference.restart(&rule, wall, now);
                    under_way.clear();
                }
            }
            prop_assert_eq!(breaker.phase(seconds(now)).0, reference.phase(&rule, now), "{:?}", reference);
        }
    }

    #[test]
    fn half_open_never_lets_two_through_at_once(asks in 1..50_usize) {
        let mut breaker = opened(&stripe());
        let through = (0..asks).filter_map(|_| breaker.permit(seconds(300)).ok()).count();
        prop_assert_eq!(through, 1);
    }
}
