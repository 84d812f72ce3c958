//! Judging: what an observation means. Pure functions from plain observations to an [`Outcome`].
//!
//! Probes observe and never decide; nothing here waits. Every reason is one line in lower case whose numbers
//! carry units, so that it can stand on the board as it is.

use std::time::Duration;

use super::{Check, Measurement, Outcome, Verdict, redact};

mod archive;
mod bucket;
mod could_not;
mod document;
mod folder;
mod heartbeat;
mod http;
mod journey;
mod name;
mod object;
mod plugin;
mod postgres;
mod query;
mod replication;
mod sample;
mod size;
mod status_page;
mod tls;
mod vendor;
pub(crate) mod words;

pub use archive::{ArchiveState, Archived, Ready, archive};
pub use bucket::{BucketSetting, Deletion, DeletionRule, ObjectLock, ReplicationRule, VersioningState, bucket};
pub use could_not::{CREDENTIAL_REFUSED, CertificateFault, CouldNot, DatabaseError, StoreRefusal};
pub use folder::{FolderState, file_newest};
pub use heartbeat::{Beat, heartbeat};
pub use http::{HttpAnswer, http};
pub use journey::{Carried, StepRequest, Walked, journey};
pub use name::{NameAnswer, ServerAnswer, dns_here, dns_named};
pub use object::{Listing, NewestObject, object_newest};
pub use plugin::{PluginRun, plugin};
pub use postgres::{PostgresState, QuestionAnswer, postgres};
pub use query::{SqlAnswer, sql};
pub use replication::{Earlier, Lsn, Receiver, ReplicationState, StandbyState, replication};
pub use sample::{Draw, DrawnObject, FoundObject, ObjectRow, ObjectSample, object_sample, rows_unread, settled};
pub use size::{DatabaseSize, SIZE, TableSize, database_size, growth};
pub use status_page::status_page;
pub use tls::{TlsCertificate, tls};
pub use vendor::vendor;

/// Only this much of an answer is looked at, in bytes; far less is kept.
const LOOKED_AT: usize = 64 * 1_024;
/// The longest reason, in bytes.
const REASON_LIMIT: usize = 300;

impl Outcome {
    /// An outcome with its reason and nothing else.
    pub fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { verdict, reason: reason.into(), measurements: Vec::new(), answer: None, fault: None }
    }

    pub(crate) fn operational(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Operational, reason)
    }

    pub(crate) fn degraded(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Degraded, reason)
    }

    pub(crate) fn outage(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Outage, reason)
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, reason)
    }

    /// Adds a measurement.
    #[must_use]
    pub fn measured(mut self, name: &str, value: f64, unit: &str) -> Self {
        self.measurements.push(Measurement { name: name.to_owned(), value, unit: unit.to_owned() });
        self
    }

    /// Adds the answer it was judged by.
    #[must_use]
    pub fn answered(mut self, answer: impl Into<String>) -> Self {
        self.answer = Some(answer.into());
        self
    }

    /// The worst of several, the first of them when equal; how many more were as bad is told.
    fn worst(outcomes: Vec<Self>) -> Option<Self> {
        let weight = outcomes.iter().map(|outcome| outcome.verdict.weight()).max()?;
        let equal = outcomes.iter().filter(|outcome| outcome.verdict.weight() == weight).count();
        let mut worst = outcomes.into_iter().find(|outcome| outcome.verdict.weight() == weight)?;
        if weight > 0 && equal > 1 {
            worst.reason = format!("{}; and {} more", worst.reason, equal - 1);
        }
        Some(worst)
    }
}

/// TCP has nothing to judge but that the connection was accepted.
pub fn tcp() -> Outcome {
    Outcome::operational("accepts connections")
}

/// The last word on every outcome, of whatever kind: too slow is degraded, and what is kept is redacted and bounded.
///
/// `secrets` are the credentials that were in use; none of them survives in the reason or the answer.
pub fn settle(outcome: Outcome, check: &Check, latency: Duration, secrets: &[&str]) -> Outcome {
    let mut outcome = slow(outcome, check, latency);
    // First what can be seen, then what is secret in it, and only then what is too long: in any other order half a
    // secret, or one that was hidden from whoever takes it out, could stay.
    outcome.reason = redact::redact(&words::one_line(&outcome.reason), secrets, REASON_LIMIT);
    outcome.answer = match outcome.verdict {
        Verdict::Operational => None,
        Verdict::Degraded | Verdict::Outage | Verdict::Unknown => outcome
            .answer
            .map(|answer| {
                redact::redact(&words::lines(&redact::cut(&answer, LOOKED_AT)), secrets, redact::ANSWER_LIMIT)
            })
            .filter(|answer| !answer.is_empty()),
    };
    outcome
}

fn slow(outcome: Outcome, check: &Check, latency: Duration) -> Outcome {
    match check.slow {
        Some(limit) if outcome.verdict == Verdict::Operational && latency > limit.get() => Outcome {
            verdict: Verdict::Degraded,
            reason: format!("took {}, slow above {limit}", words::took(latency)),
            ..outcome
        },
        Some(_) | None => outcome,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::check::{Probe, TcpProbe};
    use crate::plan::quantity::Period;

    pub(crate) fn check(probe: Probe) -> Check {
        Check {
            name: "A".to_owned(),
            of: "a".parse().unwrap(),
            why: None,
            interval: Period::from_secs(30),
            timeout: Period::from_secs(5),
            failures: 3,
            retry: Period::from_secs(5),
            slow: Some(Period::from_secs(1)),
            probe,
        }
    }

    #[test]
    fn slow_is_degraded_and_only_what_was_good_can_be_slow() {
        let check = check(Probe::Tcp(TcpProbe { endpoint: "e".parse().unwrap() }));
        let settled = |outcome, millis| settle(outcome, &check, Duration::from_millis(millis), &[]);
        let slow = settled(tcp().measured("days left", 3.0, "days"), 2_149);
        assert_eq!((slow.verdict, slow.reason.as_str()), (Verdict::Degraded, "took 2.1s, slow above 1s"));
        assert_eq!(slow.measurements.len(), 1);
        assert_eq!(settled(tcp(), 1_000).verdict, Verdict::Operational);
        for verdict in [Verdict::Degraded, Verdict::Outage, Verdict::Unknown] {
            let kept = settled(Outcome::new(verdict, "because"), 9_000);
            assert_eq!((kept.verdict, kept.reason.as_str()), (verdict, "because"));
        }
        let unbounded = Check { slow: None, ..check.clone() };
        assert_eq!(settle(tcp(), &unbounded, Duration::from_mins(1), &[]).verdict, Verdict::Operational);
    }

    #[test]
    fn what_is_kept_is_redacted_and_only_kept_of_failures() {
        let check = check(Probe::Tcp(TcpProbe { endpoint: "e".parse().unwrap() }));
        let settled = |outcome| settle(outcome, &check, Duration::ZERO, &["hunter2"]);
        assert_eq!(settled(tcp().answered("fine")).answer, None);
        let bad = settled(Outcome::outage("got\nhunter2").answered("password=x and hunter2".repeat(900)));
        assert_eq!(bad.reason, "got ***");
        let answer = bad.answer.unwrap();
        assert!(answer.len() <= redact::ANSWER_LIMIT && !answer.contains("hunter2"), "{answer}");
    }

    #[test]
    fn the_worst_of_several_is_told_with_how_many_more() {
        let found = Outcome::worst(vec![
            Outcome::operational("a"),
            Outcome::outage("b"),
            Outcome::degraded("c"),
            Outcome::outage("d"),
        ]);
        assert_eq!(found.unwrap().reason, "b; and 1 more");
        assert_eq!(Outcome::worst(vec![Outcome::operational("a"), Outcome::operational("b")]).unwrap().reason, "a");
        assert!(Outcome::worst(Vec::new()).is_none());
    }
}
