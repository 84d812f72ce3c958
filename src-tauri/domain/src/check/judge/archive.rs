//! Judging log archiving: that it is on, does not fail, and that no written log waits for too long.
//!
//! An idle server archives nothing, because PostgreSQL does not switch segments in which nothing was written; that
//! is no failure. The age of the last archived segment is what a restore would lose now.

use chrono::{DateTime, TimeDelta, Utc};

use super::replication::Lsn;
use super::words::{counted, elapsed};
use crate::check::{Outcome, PostgresArchiveProbe};

/// A server writes a little into each new segment by itself. Less than this in an unfinished one counts as idle.
const IDLE_BYTES: u64 = 8_192;

/// A segment and when something happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The segment's file name.
    pub segment: String,
    /// When, by the server's clock.
    pub at: DateTime<Utc>,
}

/// Finished segments that wait for the archiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// How many.
    pub count: u64,
    /// Since when the first of them waits.
    pub oldest: Option<DateTime<Utc>>,
}

/// What a server tells of its archiving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveState {
    /// The server's own time.
    pub now: DateTime<Utc>,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// The setting `archive_mode`: `off`, `on` or `always`.
    pub mode: String,
    /// Whether there is a command or library that archives.
    pub has_archiver: bool,
    /// Whether unfinished segments are finished after some time (`archive_timeout`).
    pub switches: bool,
    /// The last segment archived.
    pub archived: Option<Archived>,
    /// The last attempt that failed.
    pub failed: Option<Archived>,
    /// How many attempts failed since `since`.
    pub failures: u64,
    /// When counting began.
    pub since: DateTime<Utc>,
    /// Finished segments that wait; nothing when our role may not see them.
    pub ready: Option<Ready>,
    /// How far the log is written.
    pub position: Option<Lsn>,
    /// The size of a segment in bytes.
    pub segment_size: u64,
}

/// Judges a server that could be connected to.
pub fn archive(probe: &PostgresArchiveProbe, state: &ArchiveState) -> Outcome {
    let outcome = verdict(probe, state);
    match &state.archived {
        Some(last) => {
            let age = (state.now - last.at).max(TimeDelta::zero());
            outcome.measured("seconds since last archived", age.num_milliseconds() as f64 / 1_000.0, "s")
        }
        None => outcome,
    }
}

fn verdict(probe: &PostgresArchiveProbe, state: &ArchiveState) -> Outcome {
    if state.mode == "off" {
        return Outcome::outage("archiving is off");
    }
    if state.in_recovery && state.mode != "always" {
        return Outcome::outage("archives nothing: in recovery");
    }
    if !state.has_archiver {
        return Outcome::outage("archiving is on, but nothing is set to do it");
    }
    let last = state.archived.as_ref().map(|last| format!("last archived {} ago", elapsed(state.now - last.at)));
    if let Some(failed) = &state.failed
        && state.archived.as_ref().is_none_or(|last| failed.at > last.at)
    {
        return Outcome::outage(format!(
            "archiving fails: segment {} {} ago, {}; {}",
            failed.segment,
            elapsed(state.now - failed.at),
            counted(state.failures, "failure"),
            last.unwrap_or_else(|| "nothing archived yet".to_owned()),
        ));
    }
    let limit = probe.max_age;
    let waiting = Waiting::of(state);
    let age = waiting.since.map(|since| state.now - since);
    if let Some(age) = age.filter(|age| *age > limit.to_delta()) {
        let what = waiting.words();
        let last = last.unwrap_or_else(|| "nothing archived yet".to_owned());
        return Outcome::outage(format!("{what} for the archive since {}, limit {limit}; {last}", elapsed(age)));
    }
    let Some(last) = last else {
        let young = elapsed(state.now - state.since);
        return Outcome::unknown(format!("nothing archived yet and nothing failed: counting since {young}"));
    };
    Outcome::operational(if age.is_some() { format!("{last}, {}", waiting.words()) } else { last })
}

/// Written log that is not in the archive.
struct Waiting {
    finished: u64,
    since: Option<DateTime<Utc>>,
}

impl Waiting {
    fn of(state: &ArchiveState) -> Self {
        // What was written last before is not known better than by the last success, or by when counting began.
        let last = state.archived.as_ref().map_or(state.since, |last| last.at);
        let current = state.position.map(|position| position.0 / state.segment_size.max(1));
        let done = state.archived.as_ref().and_then(|last| number(&last.segment, state.segment_size));
        let finished = match (state.ready, current, done) {
            (Some(ready), _, _) => ready.count,
            (None, Some(current), Some(done)) => current.saturating_sub(done + 1),
            (None, Some(current), None) => current.saturating_sub(1),
            (None, None, _) => 0,
        };
        if finished > 0 {
            return Self { finished, since: Some(state.ready.and_then(|ready| ready.oldest).unwrap_or(last)) };
        }
        let written = state.position.map_or(0, |position| position.0 % state.segment_size.max(1));
        let unfinished = !state.switches && !state.in_recovery && written > IDLE_BYTES;
        Self { finished: 0, since: unfinished.then_some(last) }
    }

    fn words(&self) -> String {
        match self.finished {
            0 => "an unfinished segment waits".to_owned(),
            1 => "1 segment waits".to_owned(),
            many => format!("{many} segments wait"),
        }
    }
}

/// The number of a segment from its file name: 8 digits of timeline, then the log and the segment in it, hexadecimal.
fn number(segment: &str, segment_size: u64) -> Option<u64> {
    let log = u64::from_str_radix(segment.get(8..16)?, 16).ok()?;
    let within = u64::from_str_radix(segment.get(16..24)?, 16).ok()?;
    Some(log * ((1 << 32) / segment_size.max(1)) + within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict::{Operational, Outage, Unknown};
    use crate::plan::quantity::Period;

    const MIB: u64 = 1 << 20;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn ago(seconds: i64) -> DateTime<Utc> {
        now() - TimeDelta::seconds(seconds)
    }

    fn archived(number: u64, seconds: i64) -> Archived {
        Archived { segment: format!("{:08X}{:08X}{number:08X}", 1, 0), at: ago(seconds) }
    }

    /// A server on 1 MiB segments that has archived segment 2 42 seconds ago and is at the beginning of segment 3.
    fn state() -> ArchiveState {
        ArchiveState {
            now: now(),
            in_recovery: false,
            mode: "on".to_owned(),
            has_archiver: true,
            switches: true,
            archived: Some(archived(2, 42)),
            failed: None,
            failures: 0,
            since: ago(86_400),
            ready: Some(Ready { count: 0, oldest: None }),
            position: Some(Lsn(3 * MIB + 200)),
            segment_size: MIB,
        }
    }

    fn judged(state: &ArchiveState) -> Outcome {
        let probe = PostgresArchiveProbe { endpoint: "db".parse().unwrap(), max_age: Period::from_secs(3_600) };
        archive(&probe, state)
    }

    #[test]
    fn archiving_has_to_be_on_and_not_to_fail() {
        let failed = |number, seconds| ArchiveState { failed: Some(archived(number, seconds)), failures: 3, ..state() };
        for (state, verdict, reason) in [
            (state(), Operational, "last archived 42s ago"),
            (ArchiveState { mode: "off".to_owned(), ..state() }, Outage, "archiving is off"),
            (ArchiveState { in_recovery: true, ..state() }, Outage, "archives nothing: in recovery"),
            (
                ArchiveState { in_recovery: true, mode: "always".to_owned(), ..state() },
                Operational,
                "last archived 42s ago",
            ),
            (ArchiveState { has_archiver: false, ..state() }, Outage, "archiving is on, but nothing is set to do it"),
            (
                failed(3, 5),
                Outage,
                "archiving fails: segment 000000010000000000000003 5s ago, 3 failures; last archived 42s ago",
            ),
            // An older failure was mended by the success after it.
            (failed(2, 43), Operational, "last archived 42s ago"),
            (
                ArchiveState { archived: None, failures: 1, ..failed(1, 5) },
                Outage,
                "archiving fails: segment 000000010000000000000001 5s ago, 1 failure; nothing archived yet",
            ),
        ] {
            let outcome = judged(&state);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
        assert_eq!(judged(&state()).measurements[0].name, "seconds since last archived");
        assert!((judged(&state()).measurements[0].value - 42.0).abs() < f64::EPSILON);
    }

    #[test]
    fn b_09_settings_that_look_right_do_not_hide_an_archive_that_fails() {
        let set = state();
        assert!(set.mode == "on" && set.has_archiver && set.switches);
        let failing = ArchiveState { failed: Some(archived(3, 5)), failures: 9, ..set.clone() };
        assert_eq!((judged(&set).verdict, judged(&failing).verdict), (Operational, Outage));
        let never = ArchiveState { archived: None, ..set };
        assert_eq!(judged(&never).verdict, Unknown, "nothing was ever archived");
    }

    #[test]
    fn an_idle_server_is_no_failure() {
        let idle = ArchiveState { archived: Some(archived(2, 36_000)), ..state() };
        assert_eq!(judged(&idle).verdict, Operational);
        assert_eq!(judged(&ArchiveState { ready: None, ..idle.clone() }).verdict, Operational);
        assert_eq!(judged(&ArchiveState { switches: false, ..idle }).verdict, Operational);
    }

    #[test]
    fn written_log_must_not_wait_longer_than_allowed() {
        let waits = |count, seconds| ArchiveState {
            archived: Some(archived(2, 36_000)),
            ready: Some(Ready { count, oldest: Some(ago(seconds)) }),
            ..state()
        };
        let at = |position| ArchiveState { position: Some(Lsn(position)), ..state() };
        let old = |state: ArchiveState| ArchiveState { archived: Some(archived(2, 7_200)), ..state };
        for (state, verdict, reason) in [
            (waits(1, 10), Operational, "last archived 10h ago, 1 segment waits"),
            (waits(2, 3_600), Operational, "last archived 10h ago, 2 segments wait"),
            (waits(2, 3_601), Outage, "2 segments wait for the archive since 1h, limit 1h; last archived 10h ago"),
            // Without a view of the waiting files, the numbers of the segments tell.
            (
                ArchiveState { ready: None, ..old(at(5 * MIB)) },
                Outage,
                "2 segments wait for the archive since 2h, limit 1h; last archived 2h ago",
            ),
            (ArchiveState { ready: None, ..at(5 * MIB) }, Operational, "last archived 42s ago, 2 segments wait"),
            // Without archive_timeout an unfinished segment may stay where it is for ever.
            (
                ArchiveState { switches: false, ..old(at(3 * MIB + 9_000)) },
                Outage,
                "an unfinished segment waits for the archive since 2h, limit 1h; last archived 2h ago",
            ),
            (ArchiveState { switches: true, ..old(at(3 * MIB + 9_000)) }, Operational, "last archived 2h ago"),
        ] {
            let outcome = judged(&state);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
    }

    #[test]
    fn nothing_archived_yet_is_not_good_and_becomes_an_outage_when_log_waits() {
        let new = ArchiveState { archived: None, since: ago(300), ..state() };
        let outcome = judged(&new);
        assert_eq!(outcome.verdict, Unknown);
        assert_eq!(outcome.reason, "nothing archived yet and nothing failed: counting since 5m");
        assert!(outcome.measurements.is_empty());
        let waits =
            ArchiveState { ready: Some(Ready { count: 1, oldest: Some(ago(4_000)) }), since: ago(5_000), ..new };
        assert_eq!(judged(&waits).verdict, Outage);
        let unseen = ArchiveState { ready: None, ..waits };
        assert_eq!(judged(&unseen).verdict, Outage);
        assert_eq!(judged(&ArchiveState { position: None, ..unseen }).verdict, Unknown);
    }

    #[test]
    fn segments_are_counted_over_the_borders_of_logs() {
        assert_eq!(number("000000010000000000000003", 16 * MIB), Some(3));
        assert_eq!(number("0000000200000001000000FF", 16 * MIB), Some(511));
        assert_eq!(number("000000010000000000000003.00000028.backup", 16 * MIB), Some(3));
        for odd in ["", "00000002.history", "00000001000000000000000G", "ééééééééééééé"] {
            assert_eq!(number(odd, MIB), None, "{odd}");
        }
        assert_eq!(number("000000010000000000000003", 0), Some(3));
    }
}
