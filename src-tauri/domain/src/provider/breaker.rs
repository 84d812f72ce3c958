//! The circuit breaker before a provider: after so many failures in a row nobody asks for a while, then one may try.
//!
//! Pure and by the monotonic clock: `now` is the time since some beginning of the caller's, so that a wall clock that
//! jumps neither opens nor closes anything (B-59). What counts as a failure is [`Observation`]'s to say: a card that was
//! declined or a request that was wrong is none (B-57, B-58). Source of the rule: runbook 4.2.2.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Observation;
use crate::plan::{
    id::Id,
    quantity::Period,
    read::{Faults, TableReader, choice, table},
};

table! {
    /// When a provider is no longer asked, and when it is tried again.
    pub struct BreakerRule {
        /// So many failures in a row open it.
        pub failures: u32 = 5,
        /// For so long nobody asks; then one may try.
        pub open_for: Period = Period::from_secs(60),
        /// So many successes in a row close it, once one may try.
        pub successes: u32 = 1,
        /// An answer that takes longer counts as a failure.
        pub slow: Option<Period>,
    }
    judged by usable
}

fn usable(rule: &BreakerRule, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    for (key, count) in [("failures", rule.failures), ("successes", rule.successes)] {
        if !(1..=100).contains(&count) {
            reader.fault(key, format!("{count} is not a usable number"), Some("Between 1 and 100.".to_owned()), faults);
        }
    }
    if rule.open_for.as_millis() == 0 || rule.open_for > Period::from_secs(24 * 60 * 60) {
        let hint = Some("More than nothing, at most 24h.".to_owned());
        reader.fault("open-for", format!("{} is not a usable time", rule.open_for), hint, faults);
    }
}

impl Default for BreakerRule {
    fn default() -> Self {
        Self { failures: 5, open_for: Period::from_secs(60), successes: 1, slow: None }
    }
}

choice! {
    /// How a breaker stands.
    pub enum BreakerPhase {
        /// Everybody may ask.
        Closed = "closed",
        /// Nobody may ask.
        Open = "open",
        /// One at a time may try.
        HalfOpen = "half-open",
    }
}

choice! {
    /// What a person wants of a breaker, whatever it has seen.
    pub enum Forced {
        /// Nobody may ask.
        Open = "open",
        /// Everybody may ask.
        Closed = "closed",
    }
}

/// What a breaker has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Duration },
    HalfOpen { successes: u32, trying: bool },
}

/// What is kept of a breaker over a restart. The times are on the wall clock, because the monotonic one begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerMemory {
    /// How it stood. One that was being tried stands open for no longer.
    pub phase: BreakerPhase,
    /// Failures in a row while closed, successes in a row while half-open.
    pub count: u32,
    /// How long it was to stay open yet.
    pub left: Duration,
    /// What a person wanted.
    pub forced: Option<Forced>,
}

/// Leave to ask a provider once. Its outcome is reported to the breaker that gave it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a breaker waits for the outcome"]
pub struct Permit {
    /// Which turn of the breaker it belongs to; what is reported later says nothing of the provider now.
    turn: u64,
}

/// Why nobody may ask now. Another thing than a provider that fails (B-60).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeldBack {
    /// It failed too often; one may try after this time.
    #[error("the provider failed too often and is not asked")]
    Open(Duration),
    /// Somebody else is trying at this moment.
    #[error("the provider failed too often, and whether it works again is being tried")]
    BeingTried,
    /// A person wants that nobody asks.
    #[error("a person wants that the provider is not asked")]
    Forced,
}

/// A breaker as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct BreakerView {
    /// Before which provider.
    pub provider: Id,
    /// What the provider is called.
    pub name: String,
    /// How it stands.
    pub phase: BreakerPhase,
    /// Failures in a row.
    pub failures: u32,
    /// How many open it.
    pub of: u32,
    /// Since when it stands so; nothing when nothing has happened yet.
    pub since: Option<DateTime<Utc>>,
    /// Until when nobody asks.
    pub until: Option<DateTime<Utc>>,
    /// What a person wants of it.
    pub forced: Option<Forced>,
    /// Who: `person:NAME`.
    pub by: Option<String>,
    /// Why it stands so: the last failure, or the person's reason.
    pub reason: String,
}

/// A breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    rule: BreakerRule,
    state: State,
    forced: Option<Forced>,
    turn: u64,
}

impl Breaker {
    /// A closed one that has seen nothing.
    pub const fn new(rule: BreakerRule) -> Self {
        Self { rule, state: State::Closed { failures: 0 }, forced: None, turn: 0 }
    }

    /// One as it was remembered `since` ago. A wall clock that ran backwards meanwhile counts as no time, and one that
    /// jumped ahead opens nothing: whoever tries then is one.
    pub fn remembered(rule: BreakerRule, memory: BreakerMemory, since: Duration, now: Duration) -> Self {
        let left = memory.left.min(rule.open_for.get()).saturating_sub(since);
        let state = match memory.phase {
            BreakerPhase::Closed => State::Closed { failures: memory.count.min(rule.failures.saturating_sub(1)) },
            BreakerPhase::Open => State::Open { until: now + left },
            BreakerPhase::HalfOpen => State::HalfOpen { successes: memory.count, trying: false },
        };
        Self { rule, state, forced: memory.forced, turn: 0 }
    }

    /// What is to be remembered over a restart.
    pub fn memory(&self, now: Duration) -> BreakerMemory {
        let (phase, count, left) = match self.state {
            State::Closed { failures } => (BreakerPhase::Closed, failures, Duration::ZERO),
            State::Open { until } => (BreakerPhase::Open, 0, until.saturating_sub(now)),
            State::HalfOpen { successes, .. } => (BreakerPhase::HalfOpen, successes, Duration::ZERO),
        };
        BreakerMemory { phase, count, left, forced: self.forced }
    }

    /// How it stands, and for how long at least it stays open.
    pub fn phase(&self, now: Duration) -> (BreakerPhase, Option<Duration>) {
        match (self.forced, self.state) {
            (Some(Forced::Open), _) => (BreakerPhase::Open, None),
            (Some(Forced::Closed), _) | (None, State::Closed { .. }) => (BreakerPhase::Closed, None),
            (None, State::Open { until }) if now < until => (BreakerPhase::Open, Some(until.saturating_sub(now))),
            (None, State::Open { .. } | State::HalfOpen { .. }) => (BreakerPhase::HalfOpen, None),
        }
    }

    /// Failures in a row, as far as it is closed.
    pub const fn failures(&self) -> u32 {
        match self.state {
            State::Closed { failures } => failures,
            State::Open { .. } | State::HalfOpen { .. } => self.rule.failures,
        }
    }

    /// What a person wants of it.
    pub const fn forced(&self) -> Option<Forced> {
        self.forced
    }

    /// Asks for leave. Half-open it is given to one at a time (B-56).
    pub fn permit(&mut self, now: Duration) -> Result<Permit, HeldBack> {
        match self.forced {
            Some(Forced::Open) => return Err(HeldBack::Forced),
            Some(Forced::Closed) => return Ok(Permit { turn: self.turn }),
            None => {}
        }
        match self.state {
            State::Closed { .. } => {}
            State::Open { until } if now < until => return Err(HeldBack::Open(until.saturating_sub(now))),
            State::HalfOpen { trying: true, .. } => return Err(HeldBack::BeingTried),
            State::Open { .. } => self.go(State::HalfOpen { successes: 0, trying: true }),
            State::HalfOpen { successes, trying: false } => self.state = State::HalfOpen { successes, trying: true },
        }
        Ok(Permit { turn: self.turn })
    }

    /// Reports what came of asking. Answers with the phase it went to, when it went to another.
    ///
    /// A call that was let through before the breaker changed says nothing of the provider now, and neither does one
    /// that a person forced through. One failure opens a half-open breaker again.
    #[expect(clippy::needless_pass_by_value, reason = "what was reported once cannot be reported again")]
    pub fn report(
        &mut self,
        permit: Permit,
        observation: Observation,
        took: Duration,
        now: Duration,
    ) -> Option<BreakerPhase> {
        if permit.turn != self.turn || self.forced.is_some() {
            return None;
        }
        let slow = self.rule.slow.is_some_and(|slow| took > slow.get());
        let failed = match observation {
            Observation::Neither => None,
            Observation::Succeeded => Some(slow),
            Observation::Failed => Some(true),
        };
        let open = State::Open { until: now + self.rule.open_for.get() };
        match (self.state, failed) {
            // Opened means a new turn, and no permit is of a turn in which it was open.
            (State::Open { .. }, _) | (State::Closed { .. }, None) => None,
            (State::Closed { .. }, Some(false)) => {
                self.state = State::Closed { failures: 0 };
                None
            }
            (State::Closed { failures }, Some(true)) if failures + 1 < self.rule.failures => {
                self.state = State::Closed { failures: failures + 1 };
                None
            }
            (State::Closed { .. } | State::HalfOpen { .. }, Some(true)) => {
                self.go(open);
                Some(BreakerPhase::Open)
            }
            (State::HalfOpen { successes, .. }, None) => {
                self.state = State::HalfOpen { successes, trying: false };
                None
            }
            (State::HalfOpen { successes, .. }, Some(false)) if successes + 1 < self.rule.successes => {
                self.state = State::HalfOpen { successes: successes + 1, trying: false };
                None
            }
            (State::HalfOpen { .. }, Some(false)) => {
                self.go(State::Closed { failures: 0 });
                Some(BreakerPhase::Closed)
            }
        }
    }

    /// Does what a person wants, or leaves it to itself again: one that was held open has to be tried first.
    pub fn force(&mut self, forced: Option<Forced>) {
        let state = match self.forced {
            // Who was trying belongs to a turn that is over.
            None => match self.state {
                State::HalfOpen { successes, .. } => State::HalfOpen { successes, trying: false },
                state @ (State::Closed { .. } | State::Open { .. }) => state,
            },
            Some(Forced::Open) => State::HalfOpen { successes: 0, trying: false },
            Some(Forced::Closed) => State::Closed { failures: 0 },
        };
        self.forced = forced;
        self.go(state);
    }

    /// The same with another rule, as when the plan was changed.
    pub const fn ruled_by(&mut self, rule: BreakerRule) {
        self.rule = rule;
    }

    const fn go(&mut self, state: State) {
        self.state = state;
        self.turn += 1;
    }
}

#[cfg(test)]
mod tests;
