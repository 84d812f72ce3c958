//! The circuit breakers of the providers: leave to ask, what came of it, and what a person wants.
//!
//! Deciding is the domain's and takes no waiting. What a breaker has seen outlives the program and is shared with other
//! programs on the same home through the journal's file: each looks there before it gives leave. Two programs may each
//! let one through at the same moment; neither lets a second one through.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, Utc};
use lifeboat_domain::{
    Id,
    check::{Sample, Verdict},
    journal::Fact,
    plan::{Plan, Provider, read::nearest},
    problem::{Code, Problem},
    provider::{Answer, Breaker, BreakerPhase, BreakerView, Forced, HeldBack, Observation, Permit},
};

use crate::{
    Engine,
    journal::{Clock, Journal, KeptBreaker},
    scheduler::SYSTEM,
};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 300;

/// A breaker, and what is told of it.
#[derive(Debug)]
struct Known {
    breaker: Breaker,
    kept: KeptBreaker,
}

/// All breakers of a home.
pub(crate) struct Breakers {
    journal: Journal,
    clock: Clock,
    begun: Instant,
    known: Mutex<BTreeMap<(Id, Id), Known>>,
}

/// Where something is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Where<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) environment: &'a Id,
}

/// What came of asking a provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) observation: Observation,
    pub(crate) took: Duration,
    pub(crate) reason: &'a str,
}

impl Breakers {
    pub(crate) fn new(journal: Journal, clock: Clock) -> Self {
        Self { journal, clock, begun: Instant::now(), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(Id, Id), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> DateTime<Utc> {
        (self.clock)().trunc_subsecs(6)
    }

    /// Takes over what another program wrote, and rules that changed.
    async fn refresh(&self, place: Where<'_>) {
        let kept = match self.journal.breakers(place.environment).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "circuit breakers go on from what this program knows");
                BTreeMap::new()
            }
        };
        let (wall, now) = (self.now(), self.begun.elapsed());
        let mut known = self.known();
        for (id, provider) in &place.plan.providers {
            let Some(rule) = &provider.breaker else { continue };
            let key = (place.environment.clone(), id.clone());
            let newer =
                kept.get(id).filter(|kept| known.get(&key).is_none_or(|known| known.kept.changed < kept.changed));
            if let Some(kept) = newer {
                let since = (wall - kept.changed).to_std().unwrap_or_default();
                let breaker = Breaker::remembered(rule.clone(), kept.memory, since, now);
                known.insert(key, Known { breaker, kept: kept.clone() });
            } else if let Some(known) = known.get_mut(&key) {
                known.breaker.ruled_by(rule.clone());
            } else {
                let breaker = Breaker::new(rule.clone());
                let kept = KeptBreaker {
                    memory: breaker.memory(now),
                    forced_by: None,
                    reason: String::new(),
                    since: wall,
                    changed: DateTime::UNIX_EPOCH,
                };
                known.insert(key, Known { breaker, kept });
            }
        }
    }

    /// Leave to ask a provider once; nothing to ask for when the plan gives it no breaker.
    pub(crate) async fn leave(&self, place: Where<'_>, provider: &Id) -> Result<Option<Permit>, HeldBack> {
        if place.plan.providers.get(provider).is_none_or(|provider| provider.breaker.is_none()) {
            return Ok(None);
        }
        self.refresh(place).await;
        let now = self.begun.elapsed();
        match self.known().get_mut(&(place.environment.clone(), provider.clone())) {
            Some(known) => known.breaker.permit(now).map(Some),
            None => Ok(None),
        }
    }

    /// Reports what came of asking.
    pub(crate) async fn report(
        &self,
        place: Where<'_>,
        provider: &Id,
        permit: Permit,
        Seen { observation, took, reason }: Seen<'_>,
    ) {
        let (now, wall) = (self.begun.elapsed(), self.now());
        let (kept, went, failures) = {
            let mut all = self.known();
            let Some(known) = all.get_mut(&(place.environment.clone(), provider.clone())) else { return };
            let before = (known.kept.memory, known.breaker.failures());
            let went = known.breaker.report(permit, observation, took, now);
            let memory = known.breaker.memory(now);
            if memory == before.0 && went.is_none() {
                return;
            }
            let since = if went.is_some() { wall } else { known.kept.since };
            let reason = if observation == Observation::Failed { reason.to_owned() } else { String::new() };
            known.kept = KeptBreaker { memory, since, changed: wall, reason, ..known.kept.clone() };
            (known.kept.clone(), went, known.breaker.failures())
        };
        self.keep(place, provider, &kept).await;
        let name = name_of(place.plan, provider);
        let fact = match went {
            Some(BreakerPhase::Open) => Fact::BreakerOpened {
                environment: place.environment.clone(),
                provider: provider.clone(),
                name,
                failures,
                reason: kept.reason,
            },
            Some(BreakerPhase::Closed) => {
                Fact::BreakerClosed { environment: place.environment.clone(), provider: provider.clone(), name }
            }
            Some(BreakerPhase::HalfOpen) | None => return,
        };
        if let Err(problem) = self.journal.append(SYSTEM.to_owned(), fact).await {
            tracing::warn!(%problem, "a circuit breaker changed and that could not be written down");
        }
    }

    async fn keep(&self, place: Where<'_>, provider: &Id, kept: &KeptBreaker) {
        if let Err(error) = self.journal.keep_breaker(place.environment, provider, kept).await {
            tracing::warn!(%error, "how a circuit breaker stands is not kept");
        }
    }

    /// Does what a person wants of a breaker, or leaves it to itself.
    async fn force(
        &self,
        place: Where<'_>,
        provider: &Id,
        (forced, by, reason): (Option<Forced>, &str, &str),
    ) -> Option<BreakerView> {
        self.refresh(place).await;
        let (now, wall) = (self.begun.elapsed(), self.now());
        let kept = {
            let mut all = self.known();
            let known = all.get_mut(&(place.environment.clone(), provider.clone()))?;
            known.breaker.force(forced);
            known.kept = KeptBreaker {
                memory: known.breaker.memory(now),
                forced_by: forced.map(|_| by.to_owned()),
                reason: reason.to_owned(),
                since: wall,
                changed: wall,
            };
            known.kept.clone()
        };
        self.keep(place, provider, &kept).await;
        self.views(place).await.remove(provider)
    }

    /// How the breakers stand, by provider.
    pub(crate) async fn views(&self, place: Where<'_>) -> BTreeMap<Id, BreakerView> {
        self.refresh(place).await;
        let (now, wall) = (self.begun.elapsed(), self.now());
        let known = self.known();
        let view = |(id, provider): (&Id, &Provider)| {
            let rule = provider.breaker.as_ref()?;
            let known = known.get(&(place.environment.clone(), id.clone()))?;
            let (phase, left) = known.breaker.phase(now);
            let view = BreakerView {
                provider: id.clone(),
                name: provider.name.clone(),
                phase,
                failures: known.breaker.failures(),
                of: rule.failures,
                since: (known.kept.changed > DateTime::UNIX_EPOCH).then_some(known.kept.since),
                until: left.and_then(|left| wall.checked_add_signed(chrono::TimeDelta::from_std(left).ok()?)),
                forced: known.breaker.forced(),
                by: known.kept.forced_by.clone(),
                reason: known.kept.reason.clone(),
            };
            Some((id.clone(), view))
        };
        place.plan.providers.iter().filter_map(view).collect()
    }
}

/// What a check of kind `vendor` saw of the provider's health. What could not be checked says nothing of it.
pub(crate) fn seen(sample: &Sample) -> Seen<'_> {
    let observation = match sample.verdict {
        Verdict::Operational | Verdict::Degraded => Observation::Succeeded,
        Verdict::Outage => Observation::Failed,
        Verdict::Unknown => Observation::Neither,
    };
    let took = Duration::from_secs_f64(sample.latency_ms.max(0.0) / 1_000.0);
    Seen { observation, took, reason: &sample.reason }
}

/// The answer to who is held back.
pub fn held_back(name: &str, why: HeldBack) -> Answer {
    let wait = match why {
        HeldBack::Open(left) => Some(left),
        HeldBack::BeingTried | HeldBack::Forced => None,
    };
    Answer::held_back(&format!("{name}: {why}"), wait)
}

fn name_of(plan: &Plan, provider: &Id) -> String {
    plan.providers.get(provider).map_or_else(|| provider.to_string(), |provider| provider.name.clone())
}

impl Engine {
    /// How the circuit breakers of the environment in force stand, by provider.
    pub async fn breakers(&self) -> Result<Vec<BreakerView>, Problem> {
        let force = self.core.force()?;
        let place = Where { plan: &force.plan, environment: &force.environment };
        Ok(self.core.scheduler.breakers.views(place).await.into_values().collect())
    }

    /// Forces a breaker open or closed, or leaves it to itself again; answers with how it stands.
    ///
    /// # Errors
    /// When the plan gives the provider no breaker, when there is no reason, or when it cannot be written down.
    pub async fn breaker_force(
        &self,
        provider: &Id,
        forced: Option<Forced>,
        reason: &str,
    ) -> Result<BreakerView, Problem> {
        let force = self.core.force()?;
        let guarded = |plan: &Plan| -> Vec<String> {
            let with = plan.providers.iter().filter(|(_, provider)| provider.breaker.is_some());
            with.map(|(id, _)| id.to_string()).collect()
        };
        let known = guarded(&force.plan);
        let unknown = || {
            let hint = match nearest(provider.as_str(), known.iter().map(String::as_str)) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => format!("Breakers guard: {}.", known.join(", ")),
            };
            Problem::new(Code::Usage, format!("no circuit breaker guards \"{provider}\"")).hint(hint).field("provider")
        };
        let reason = reason.trim();
        if !known.iter().any(|id| id == provider.as_str()) {
            return Err(unknown());
        }
        if forced.is_some() && (reason.is_empty() || reason.chars().count() > LONGEST_REASON) {
            return Err(Problem::new(Code::Usage, "a reason is missing or too long")
                .hint("Say in up to 300 characters why; whoever comes next will want to know.")
                .field("reason"));
        }
        // First the evidence: who changes what others rely on is written down or does not change it.
        let fact = Fact::BreakerForced {
            environment: force.environment.clone(),
            provider: provider.clone(),
            name: name_of(&force.plan, provider),
            to: forced,
            reason: reason.to_owned(),
        };
        let by = self.core.actor();
        self.append(fact).await?;
        let place = Where { plan: &force.plan, environment: &force.environment };
        let view = self.core.scheduler.breakers.force(place, provider, (forced, &by, reason)).await;
        view.ok_or_else(unknown)
    }
}
