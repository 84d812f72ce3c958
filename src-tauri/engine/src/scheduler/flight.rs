//! A flight: one probe of one check, from the gate to the journal. Whoever asks while it is in the air gets its result.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use lifeboat_domain::{
    Id,
    check::{Check, FaultClass, Probe, Sample, Verdict},
    status::{CheckHealth, observe},
};
use tokio::sync::oneshot;

use super::{Force, Key, MOST_UNWRITTEN, Scheduler, gate::hosts_of, held, watch::Landed};
use crate::{
    breakers::{Where, seen},
    journal::SampleRecord,
};

/// What a flight brought home; nothing when the engine was closed meanwhile.
pub(crate) type Flight = Shared<BoxFuture<'static, Option<Arc<Sample>>>>;

/// How much longer than its timeout a probe may take before it is given up. Probes keep their own time; this is for
/// one that does not.
const OVERTIME: Duration = Duration::from_secs(2);

impl Scheduler {
    /// Checks once, now; joins the flight that is in the air already, if one is.
    pub(crate) fn fly(self: &Arc<Self>, force: &Arc<Force>, id: &Id, actor: &str) -> Option<Flight> {
        let check = force.checks.get(id)?;
        let key = (force.environment.clone(), id.clone());
        let mut air = held(&self.air);
        if let Some(flight) = air.get(&key) {
            return Some(flight.clone());
        }
        let (reply, answer) = oneshot::channel();
        let flight: Flight = answer.map(Result::ok).boxed().shared();
        air.insert(key.clone(), flight.clone());
        drop(air);
        let (scheduler, force, id) = (self.clone(), force.clone(), id.clone());
        let (check, actor) = (check.clone(), actor.to_owned());
        self.tasks.spawn(async move {
            let guarded = async {
                // A breaker keeps nobody from checking; while it is open what a check sees says nothing to it, and when
                // one may try, a check is as good as anybody.
                let place = Where { plan: &force.plan, environment: &force.environment };
                let leave = match check.probe {
                    Probe::Vendor(_) => scheduler.breakers.leave(place, &check.of).await.ok().flatten(),
                    _ => None,
                };
                let sample = scheduler.probe(&force, &id, &check).await;
                let sample = scheduler.guarded(&force, &id, sample).await;
                // Only now is it known whether it was this computer that had no network.
                if let Some(permit) = leave {
                    scheduler.breakers.report(place, &check.of, permit, seen(&sample)).await;
                }
                sample
            };
            // What changes things is let finish, so that it cleans up after itself.
            let may_be_left = !matches!(check.probe, Probe::Journey(_));
            let sample = tokio::select! {
                sample = guarded => Some(sample),
                () = scheduler.ended.cancelled(), if may_be_left => None,
            };
            let in_doubt = match &sample {
                Some(sample) => {
                    let record = SampleRecord {
                        environment: force.environment.clone(),
                        check: id.clone(),
                        name: check.name.clone(),
                        of: check.of.clone(),
                        failures: check.failures,
                        plan: force.plan.hash.clone(),
                        actor,
                        sample: sample.clone(),
                    };
                    scheduler.record(record).await.suspicion.is_some()
                }
                None => false,
            };
            held(&scheduler.air).remove(&key);
            if let Some(landed) = held(&scheduler.landed).as_ref() {
                // The watch may have ended.
                let _ = landed.send(Landed { environment: key.0, check: id, in_doubt });
            }
            if let Some(sample) = sample {
                // Nobody may have waited.
                let _ = reply.send(Arc::new(sample));
            }
        });
        Some(flight)
    }

    async fn probe(&self, force: &Force, id: &Id, check: &Check) -> Sample {
        match self.known(force, id, check).await {
            Some(sample) => sample,
            None => self.compared(force, id, check, self.look(force, check).await).await,
        }
    }

    pub(super) async fn look(&self, force: &Force, check: &Check) -> Sample {
        let (at, begun) = ((self.clock)(), Instant::now());
        let unknown = |reason: String| Sample {
            at,
            latency_ms: begun.elapsed().as_secs_f64() * 1_000.0,
            verdict: Verdict::Unknown,
            reason,
            measurements: Vec::new(),
            answer: None,
            fault: Some(FaultClass::Local),
        };
        let (targets, prober) = match force.bind(check, &self.probers) {
            Ok(bound) => bound,
            Err(problem) => return unknown(problem.message),
        };
        let limited = async {
            let probe = AssertUnwindSafe(prober.probe(check, &targets)).catch_unwind();
            match tokio::time::timeout(check.timeout.get() + OVERTIME, probe).await {
                Ok(Ok(sample)) => sample,
                Ok(Err(_)) => unknown("the check itself failed: this is a mistake in Lifeboat".to_owned()),
                Err(_) => unknown("the check did not end: this is a mistake in Lifeboat".to_owned()),
            }
        };
        force.gate.pass(hosts_of(&targets), limited).await
    }

    /// Writes a sample down, after those that could not be written before it: no change of health is lost to a full
    /// disk. What cannot be written is folded in memory, so the board goes on telling.
    async fn record(&self, record: SampleRecord) -> CheckHealth {
        let key = (record.environment.clone(), record.check.clone());
        let (sample, failures) = (record.sample.clone(), record.failures);
        let health = if let Some(health) = self.write_in_order(&key, record).await {
            health
        } else {
            let remembered = held(&self.memory).get(&key).cloned();
            let before = if let Some(health) = remembered {
                health
            } else {
                let mut kept = self.journal.healths(&key.0).await.unwrap_or_default();
                kept.remove(&key.1).unwrap_or_default()
            };
            observe(&before, &sample, failures).0
        };
        held(&self.memory).insert(key, health.clone());
        health
    }

    /// Writes what waits for a check and then its newest sample. On failure the rest goes on waiting.
    async fn write_in_order(&self, key: &Key, record: SampleRecord) -> Option<CheckHealth> {
        let mut waiting = held(&self.unwritten).remove(key).unwrap_or_default();
        waiting.push_back(record);
        let mut health = None;
        while let Some(next) = waiting.front() {
            let Ok(written) = self.journal.sample(next.clone()).await else {
                // Behind damage nothing is ever written, so nothing needs to wait for it.
                if self.journal.read_only().is_none() {
                    while waiting.len() > MOST_UNWRITTEN {
                        waiting.pop_front();
                    }
                    held(&self.unwritten).insert(key.clone(), waiting);
                }
                return None;
            };
            health = Some(written);
            waiting.pop_front();
        }
        health
    }
}
