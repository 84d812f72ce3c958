//! Judging a standby: that it streams, and how far behind it is.
//!
//! Three things that are easily got wrong are told apart here: an idle primary (nothing is behind although the
//! last replayed change is old), a standby that is cut off (nothing seems behind, because nothing arrives), and
//! one that has been promoted.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};

use super::could_not::CouldNot;
use super::words::{elapsed, size};
use crate::check::{Outcome, PostgresReplicationProbe, Verdict};

/// A position in the write-ahead log, in bytes. Written by PostgreSQL as two hexadecimal halves, `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(pub u64);

impl FromStr for Lsn {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (high, low) = text.split_once('/').unwrap_or((text, ""));
        let (high, low) = (u32::from_str_radix(high, 16)?, u32::from_str_radix(low, 16)?);
        Ok(Self(u64::from(high) << 32 | u64::from(low)))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// What the standby tells of the process that receives the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// There is none.
    None,
    /// There is one, but our role may not see what it does.
    Hidden,
    /// Its status, `streaming` when all is well.
    Status(String),
}

/// An earlier look, taken in the same probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// How far the log had arrived then.
    pub received: Lsn,
    /// When, by the standby's clock.
    pub at: DateTime<Utc>,
}

/// What a standby tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandbyState {
    /// The standby's own time, so that no other clock is compared with it.
    pub now: DateTime<Utc>,
    /// Whether it is a standby at all.
    pub in_recovery: bool,
    /// Whether somebody has stopped the replay.
    pub paused: bool,
    /// The process that receives the log.
    pub receiver: Receiver,
    /// How far the log has arrived; nothing on a server that never received any.
    pub received: Option<Lsn>,
    /// How far it is replayed.
    pub replayed: Option<Lsn>,
    /// When the last replayed transaction was committed on the primary; nothing before the first.
    pub last_replayed: Option<DateTime<Utc>>,
    /// An earlier look, when the first one seemed to be behind.
    pub earlier: Option<Earlier>,
}

/// The standby's view and the primary's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationState {
    /// The standby.
    pub standby: StandbyState,
    /// The primary's position, asked before the standby was, or why it could not be asked.
    pub primary: Result<Lsn, CouldNot>,
}

/// Judges a standby that could be connected to.
pub fn replication(probe: &PostgresReplicationProbe, state: &ReplicationState) -> Outcome {
    let standby = &state.standby;
    if !standby.in_recovery {
        return Outcome::outage("is no standby any more: it accepts writes of its own");
    }
    let behind = Behind::of(state);
    let outcome = match &standby.receiver {
        Receiver::None => Outcome::outage(cut_off("its receiver is not running", state)),
        Receiver::Status(status) if status != "streaming" => {
            Outcome::outage(cut_off(&format!("its receiver is {status}"), state))
        }
        Receiver::Hidden => Outcome::unknown(
            "does not let us look: the role may not see the receiver's status, which takes pg_read_all_stats",
        ),
        Receiver::Status(_) => streaming(probe, state, behind),
    };
    let outcome = match behind.bytes {
        Some(bytes) => outcome.measured("bytes behind", bytes as f64, "bytes"),
        None => outcome,
    };
    match (&standby.receiver, behind.time) {
        // What does not arrive cannot be counted: the age of the last change would only look like a lag.
        (Receiver::Status(status), Some(time)) if status == "streaming" => {
            outcome.measured("seconds behind", time.num_milliseconds() as f64 / 1_000.0, "s")
        }
        _ => outcome,
    }
}

#[derive(Debug, Clone, Copy)]
struct Behind {
    bytes: Option<u64>,
    time: Option<TimeDelta>,
}

impl Behind {
    fn of(state: &ReplicationState) -> Self {
        let standby = &state.standby;
        let replayed = standby.replayed;
        let bytes = match (&state.primary, replayed) {
            (Ok(primary), Some(replayed)) => Some(primary.0.saturating_sub(replayed.0)),
            _ => None,
        };
        let nothing_waits = standby.received.is_some() && standby.received <= replayed;
        let since_earlier = standby
            .earlier
            .filter(|earlier| Some(earlier.received) <= replayed)
            .map(|earlier| standby.now - earlier.at);
        let time = if nothing_waits {
            Some(TimeDelta::zero())
        } else {
            since_earlier.or_else(|| standby.last_replayed.map(|last| standby.now - last))
        };
        Self { bytes, time: time.map(|time| time.max(TimeDelta::zero())) }
    }
}

fn cut_off(how: &str, state: &ReplicationState) -> String {
    let last = match state.standby.last_replayed {
        Some(last) => format!("last replayed change {} ago", elapsed(state.standby.now - last)),
        None => "no change replayed yet".to_owned(),
    };
    match &state.primary {
        Ok(_) => format!("is cut off: {how}; {last}"),
        Err(why) => format!("receives nothing: {how}, and the primary: {}; {last}", why.words()),
    }
}

fn streaming(probe: &PostgresReplicationProbe, state: &ReplicationState, behind: Behind) -> Outcome {
    let mut bad = Vec::new();
    match behind.time {
        Some(time) if time > probe.outage_behind.to_delta() => {
            bad.push((Verdict::Outage, format!("{} behind, limit {}", elapsed(time), probe.outage_behind)));
        }
        Some(time) if time > probe.degraded_behind.to_delta() => {
            bad.push((Verdict::Degraded, format!("{} behind, limit {}", elapsed(time), probe.degraded_behind)));
        }
        Some(_) | None => {}
    }
    if let Some(bytes) = behind.bytes.filter(|bytes| *bytes > probe.degraded_bytes.bytes()) {
        bad.push((Verdict::Degraded, format!("{} behind, limit {}", size(bytes), probe.degraded_bytes)));
    }
    let paused = if state.standby.paused { ", replay is paused" } else { "" };
    let bad: Vec<Outcome> =
        bad.into_iter().map(|(verdict, words)| Outcome::new(verdict, format!("{words}{paused}"))).collect();
    if let Some(worst) = Outcome::worst(bad) {
        return worst;
    }
    let time =
        behind.time.map_or_else(|| "nothing replayed yet".to_owned(), |time| format!("{} behind", elapsed(time)));
    match (&state.primary, behind.bytes) {
        // A cut that nobody has noticed yet looks just like this, so it is not called good.
        (Err(why), _) => Outcome::unknown(format!(
            "streams, {time} by its own account, but the primary could not be asked: {}",
            why.words()
        )),
        (Ok(_), None) => Outcome::unknown("streams, but has replayed nothing yet"),
        (Ok(_), Some(_)) if state.standby.paused => Outcome::degraded(format!("replay is paused, {time}")),
        (Ok(_), Some(bytes)) => Outcome::operational(format!("streams, {time}, {}", size(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};
    use crate::plan::quantity::{Period, Size};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn probe() -> PostgresReplicationProbe {
        PostgresReplicationProbe {
            endpoint: "standby".parse().unwrap(),
            primary: "primary".parse().unwrap(),
            degraded_behind: Period::from_secs(60),
            outage_behind: Period::from_secs(3_600),
            degraded_bytes: Size::from_bytes(64 << 20),
        }
    }

    /// A standby that has everything up to 1000.
    fn standby() -> StandbyState {
        StandbyState {
            now: now(),
            in_recovery: true,
            paused: false,
            receiver: Receiver::Status("streaming".to_owned()),
            received: Some(Lsn(1_000)),
            replayed: Some(Lsn(1_000)),
            last_replayed: Some(now()),
            earlier: None,
        }
    }

    fn seconds_ago(seconds: i64) -> DateTime<Utc> {
        now() - TimeDelta::seconds(seconds)
    }

    fn judged(standby: StandbyState, primary: Result<Lsn, CouldNot>) -> Outcome {
        replication(&probe(), &ReplicationState { standby, primary })
    }

    fn measured(outcome: &Outcome, name: &str) -> Option<f64> {
        outcome.measurements.iter().find(|measured| measured.name == name).map(|measured| measured.value)
    }

    /// Verdict, reason, bytes behind, seconds behind.
    type Row = (StandbyState, Result<Lsn, CouldNot>, Verdict, &'static str, Option<f64>, Option<f64>);

    #[test]
    fn a_standby_streams_and_is_near() {
        let waits = |seconds| StandbyState {
            received: Some(Lsn(2_000)),
            last_replayed: Some(seconds_ago(seconds)),
            ..standby()
        };
        let far = Lsn(1_000 + (64 << 20) + 1);
        let rows: Vec<Row> = vec![
            (standby(), Ok(Lsn(1_000)), Operational, "streams, 0s behind, 0 B", Some(0.0), Some(0.0)),
            // The primary was asked first, so a standby may be ahead of what it said.
            (standby(), Ok(Lsn(900)), Operational, "streams, 0s behind, 0 B", Some(0.0), Some(0.0)),
            (waits(60), Ok(Lsn(2_000)), Operational, "streams, 1m behind, 1000 B", Some(1_000.0), Some(60.0)),
            (waits(61), Ok(Lsn(2_000)), Degraded, "1m 1s behind, limit 1m", Some(1_000.0), Some(61.0)),
            (waits(3_600), Ok(Lsn(2_000)), Degraded, "1h behind, limit 1m", Some(1_000.0), Some(3_600.0)),
            (waits(3_601), Ok(Lsn(2_000)), Outage, "1h 0m behind", Some(1_000.0), Some(3_601.0)),
            (waits(-5), Ok(Lsn(2_000)), Operational, "streams, 0s behind, 1000 B", Some(1_000.0), Some(0.0)),
            (standby(), Ok(far), Degraded, "64.0 MiB behind, limit 64 MiB", Some(67_108_865.0), Some(0.0)),
            (
                StandbyState { paused: true, ..waits(61) },
                Ok(Lsn(2_000)),
                Degraded,
                "1m 1s behind, limit 1m, replay is paused",
                Some(1_000.0),
                Some(61.0),
            ),
            (
                StandbyState { paused: true, ..standby() },
                Ok(Lsn(1_000)),
                Degraded,
                "replay is paused, 0s behind",
                Some(0.0),
                Some(0.0),
            ),
        ];
        for (standby, primary, verdict, reason, bytes, seconds) in rows {
            let outcome = judged(standby, primary);
            assert_eq!(outcome.verdict, verdict, "{}", outcome.reason);
            let reason = reason.replace("1h 0m behind", "1h behind, limit 1h");
            assert_eq!(outcome.reason, reason);
            assert_eq!((measured(&outcome, "bytes behind"), measured(&outcome, "seconds behind")), (bytes, seconds));
        }
    }

    #[test]
    fn b_122_an_idle_standby_is_not_behind() {
        let idle = StandbyState { last_replayed: Some(seconds_ago(44 * 60)), ..standby() };
        let outcome = judged(idle.clone(), Ok(Lsn(1_000)));
        assert_eq!((outcome.verdict, measured(&outcome, "seconds behind")), (Operational, Some(0.0)));
        // The first change after a long idle time has arrived and is not replayed yet: a second look tells.
        let first = StandbyState { received: Some(Lsn(1_100)), ..idle };
        assert_eq!(judged(first.clone(), Ok(Lsn(1_100))).verdict, Degraded);
        let earlier = Earlier { received: Lsn(1_000), at: now() - TimeDelta::milliseconds(250) };
        let outcome = judged(StandbyState { earlier: Some(earlier), ..first.clone() }, Ok(Lsn(1_100)));
        assert_eq!((outcome.verdict, measured(&outcome, "seconds behind")), (Operational, Some(0.25)));
        let stuck = Earlier { received: Lsn(1_100), ..earlier };
        assert_eq!(judged(StandbyState { earlier: Some(stuck), ..first }, Ok(Lsn(1_100))).verdict, Degraded);
    }

    #[test]
    fn b_121_nothing_replayed_yet_is_no_failure_to_check_and_not_good_either() {
        let fresh = StandbyState { last_replayed: None, ..standby() };
        assert_eq!(judged(fresh.clone(), Ok(Lsn(1_000))).verdict, Operational);
        let waiting = StandbyState { received: Some(Lsn(2_000)), ..fresh.clone() };
        let outcome = judged(waiting, Ok(Lsn(2_000)));
        assert_eq!((outcome.verdict, outcome.reason.as_str()), (Operational, "streams, nothing replayed yet, 1000 B"));
        assert_eq!(measured(&outcome, "seconds behind"), None);
        let empty = StandbyState { received: None, replayed: None, ..fresh };
        assert_eq!(judged(empty.clone(), Ok(Lsn(1_000))).verdict, Unknown);
        assert_eq!(judged(empty, Err(CouldNot::Refused)).verdict, Unknown);
        let promoted = StandbyState { in_recovery: false, received: None, replayed: None, ..standby() };
        let outcome = judged(promoted, Ok(Lsn(1_000)));
        assert_eq!(outcome.verdict, Outage);
        assert!(outcome.reason.starts_with("is no standby any more"), "{}", outcome.reason);
    }

    #[test]
    fn a_cut_standby_never_looks_caught_up() {
        let old = StandbyState { last_replayed: Some(seconds_ago(180)), ..standby() };
        for (receiver, primary, words) in [
            (Receiver::None, Ok(Lsn(1_000)), "is cut off: its receiver is not running; last replayed change 3m ago"),
            (
                Receiver::Status("waiting".to_owned()),
                Ok(Lsn(1_000)),
                "is cut off: its receiver is waiting; last replayed change 3m ago",
            ),
            (
                Receiver::None,
                Err(CouldNot::Refused),
                "receives nothing: its receiver is not running, and the primary: refused the connection; \
                 last replayed change 3m ago",
            ),
        ] {
            let outcome = judged(StandbyState { receiver, ..old.clone() }, primary);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (Outage, words));
            assert_eq!(measured(&outcome, "seconds behind"), None);
        }
        let never = StandbyState { receiver: Receiver::None, last_replayed: None, ..standby() };
        assert!(judged(never, Ok(Lsn(1_000))).reason.ends_with("no change replayed yet"));
    }

    #[test]
    fn what_could_not_be_seen_is_unknown() {
        let hidden = StandbyState { receiver: Receiver::Hidden, ..standby() };
        assert_eq!(judged(hidden, Ok(Lsn(1_000))).verdict, Unknown);
        let outcome = judged(standby(), Err(CouldNot::NoCredential("no credential \"a\" is stored".to_owned())));
        assert_eq!(outcome.verdict, Unknown);
        assert!(outcome.reason.contains("the primary could not be asked: no credential"), "{}", outcome.reason);
        // Its own view is enough to be called late.
        let late = StandbyState { received: Some(Lsn(2_000)), last_replayed: Some(seconds_ago(4_000)), ..standby() };
        assert_eq!(judged(late, Err(CouldNot::Refused)).verdict, Outage);
    }

    #[test]
    fn positions_are_two_hexadecimal_halves() {
        let position: Lsn = "16/B374D848".parse().unwrap();
        assert_eq!(position, Lsn(0x0016_B374_D848));
        assert_eq!(position.to_string(), "16/B374D848");
        for text in ["", "16", "16/", "/1", "x/y", "16/B374D8481"] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
    }
}
