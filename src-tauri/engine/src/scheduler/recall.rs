//! What is known of a check without looking, or only beside what a look shows: whether it may be made here at all,
//! what was heard of a job, how large something was before.

use std::time::Instant;

use chrono::TimeDelta;
use lifeboat_domain::{
    Id,
    check::{Check, HeartbeatProbe, Outcome, Probe, ProbeKind, Sample, Verdict, judge},
};

use super::{Force, Scheduler};

impl Scheduler {
    /// The outcome of a check that needs no probe.
    pub(super) async fn known(&self, force: &Force, id: &Id, check: &Check) -> Option<Sample> {
        let (at, begun) = ((self.clock)(), Instant::now());
        let outcome = match (check.refused_in(force.bound.kind), &check.probe) {
            (Some(refused), probe) => refused.judge(probe.kind()),
            (None, Probe::Heartbeat(probe)) => self.heard(force, id, probe).await,
            (None, _) => return None,
        };
        let took = begun.elapsed();
        let Outcome { verdict, reason, measurements, answer } = judge::settle(outcome, check, took, &[]);
        Some(Sample { at, latency_ms: took.as_secs_f64() * 1_000.0, verdict, reason, measurements, answer })
    }

    async fn heard(&self, force: &Force, id: &Id, probe: &HeartbeatProbe) -> Outcome {
        match self.journal.heard(&force.environment, id).await {
            Ok(beat) => {
                // Whoever brings an environment up may say that a job has run with it.
                let along = force.values.current().beats.get(id).copied();
                let along = along.map(|at| judge::Beat { at, failed: None, good_at: Some(at) });
                let newest = beat.into_iter().chain(along).max_by_key(|beat| beat.at);
                judge::heartbeat(probe, newest.as_ref(), (self.clock)())
            }
            Err(error) => Outcome::new(Verdict::Unknown, format!("what was heard of it cannot be read: {error}")),
        }
    }

    /// The sample with what earlier ones of the same check add to it.
    pub(super) async fn compared(&self, force: &Force, id: &Id, check: &Check, sample: Sample) -> Sample {
        let Probe::PostgresSize(probe) = &check.probe else { return sample };
        if probe.growth_at_most.is_none() {
            return sample;
        }
        let day = sample.at - TimeDelta::days(1);
        match self.journal.oldest_measured(&force.environment, id, day, judge::SIZE).await {
            Ok(earlier) => judge::growth(probe, sample, earlier.as_ref()),
            Err(error) => {
                tracing::debug!(%error, kind = %ProbeKind::PostgresSize, "earlier samples cannot be read");
                judge::growth(probe, sample, None)
            }
        }
    }
}
