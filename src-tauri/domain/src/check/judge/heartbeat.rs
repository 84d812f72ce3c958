//! Judging a job by what was heard of it. Silence is told even when nobody runs the job any more.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::words::{elapsed, quoted};
use crate::check::{HeartbeatProbe, Outcome, Verdict};

/// How far ahead a beat may be before clocks are doubted.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// The newest beat of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beat {
    /// When it was heard.
    pub at: DateTime<Utc>,
    /// What the job says went wrong, if it did.
    pub failed: Option<String>,
    /// When the job last reported that all went well.
    pub good_at: Option<DateTime<Utc>>,
}

/// Judges the silence since the newest beat.
pub fn heartbeat(probe: &HeartbeatProbe, beat: Option<&Beat>, now: DateTime<Utc>) -> Outcome {
    let Some(beat) = beat else { return Outcome::unknown("never heard of") };
    let (age, limit) = (now - beat.at, probe.max_age);
    let good = match beat.good_at {
        Some(at) => format!("last good {} ago", elapsed(now - at)),
        None => "never good".to_owned(),
    };
    let outcome = if age < -AHEAD {
        Outcome::unknown(format!("last heard of {} in the future: was the clock set back?", elapsed(-age)))
    } else if age > limit.to_delta() {
        let failed = beat.failed.as_ref().map(|why| format!("; it had failed then: {}, {good}", quoted(why)));
        Outcome::outage(format!("silent for {}, limit {limit}{}", elapsed(age), failed.unwrap_or_default()))
    } else if let Some(why) = &beat.failed {
        let words = format!("reported a failure {} ago: {}; {good}", elapsed(age), quoted(why));
        Outcome::new(Verdict::from(probe.otherwise), words)
    } else {
        Outcome::operational(format!("heard of {} ago", elapsed(age)))
    };
    outcome.measured("seconds since heard of", age.as_seconds_f64(), "s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Otherwise;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};
    use crate::plan::quantity::Period;

    #[test]
    fn silence_is_an_outage_and_what_was_never_heard_of_is_unknown() {
        let probe = HeartbeatProbe { max_age: Period::from_secs(90_000), otherwise: Otherwise::Degraded };
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let ago = |seconds| now - TimeDelta::seconds(seconds);
        let good = |seconds| Beat { at: ago(seconds), failed: None, good_at: Some(ago(seconds)) };
        let failed = |seconds, good_at| Beat { at: ago(seconds), failed: Some("disk full".to_owned()), good_at };
        for (beat, verdict, reason) in [
            (None, Unknown, "never heard of"),
            (Some(good(5)), Operational, "heard of 5s ago"),
            (Some(good(-60)), Operational, "heard of 0s ago"),
            (Some(good(-61)), Unknown, "last heard of 1m 1s in the future: was the clock set back?"),
            (Some(good(90_000)), Operational, "heard of 1d 1h ago"),
            (Some(good(90_001)), Outage, "silent for 1d 1h, limit 1d 1h"),
            (
                Some(failed(60, Some(ago(86_460)))),
                Degraded,
                "reported a failure 1m ago: \"disk full\"; last good 1d ago",
            ),
            (
                Some(failed(180_000, None)),
                Outage,
                "silent for 2d 2h, limit 1d 1h; it had failed then: \"disk full\", never good",
            ),
        ] {
            let outcome = heartbeat(&probe, beat.as_ref(), now);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
            assert_eq!(outcome.measurements.len(), usize::from(beat.is_some()));
        }
    }
}
