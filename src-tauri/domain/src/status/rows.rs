//! Rows of checks and parts, and their counts.

use chrono::{DateTime, TimeDelta, Utc};

use super::{CheckHealth, CheckRow, Counts, Health, PartKind, PartRow, stale_at};
use crate::{
    check::Check,
    plan::{Priority, id::Id, quantity::Period},
};

pub(super) fn check_row(check: &Check, health: &CheckHealth, running: bool, now: DateTime<Utc>, id: Id) -> CheckRow {
    let last = health.last.as_ref();
    let outdated = last.map(|sample| stale_at(check, sample.at)).filter(|until| now > *until);
    // A sample from the future was taken by a clock that ran ahead; nobody knows how old it really is.
    let early = last.is_some_and(|sample| stale_at(check, now) < sample.at);
    let stale = early || outdated.is_some();
    let reason = match last {
        None => "not checked yet".to_owned(),
        Some(sample) if early => {
            format!("last checked at a time that has not come yet, so by a wrong clock, then: {}", sample.reason)
        }
        Some(sample) if stale => {
            format!("last checked {} ago, then: {}", ago(now - sample.at), sample.reason)
        }
        Some(sample) => sample.reason.clone(),
    };
    CheckRow {
        id,
        name: check.name.clone(),
        kind: check.probe.kind(),
        of: check.of.clone(),
        health: if stale { Health::Unknown } else { health.health },
        underlying: if stale { Health::Unknown } else { health.health },
        since: match health.health {
            Health::Unknown | Health::NotChecked | Health::Maintenance => health.since,
            Health::Operational | Health::Degraded | Health::Outage if early => None,
            Health::Operational | Health::Degraded | Health::Outage => outdated.or(health.since),
        },
        stale,
        suspicion: health.suspicion.clone().filter(|_| !stale),
        failures: check.failures,
        reason,
        checked_at: last.map(|sample| sample.at),
        latency_ms: last.map(|sample| sample.latency_ms),
        interval_ms: check.interval.as_millis(),
        running,
        why: check.why.clone(),
        flapping: health.flapping.clone(),
        because: None,
        alerting: false,
        quiet: None,
    }
}

fn ago(delta: TimeDelta) -> Period {
    let seconds = u64::try_from(delta.num_seconds()).unwrap_or(0);
    let coarse = if seconds > 7_200 { seconds - seconds % 60 } else { seconds };
    Period::from_secs(coarse)
}

pub(super) fn part_row(
    id: &Id,
    name: &str,
    kind: PartKind,
    checks: &[CheckRow],
    priority: Option<Priority>,
    about: Option<String>,
    fallback: Option<String>,
) -> PartRow {
    let own: Vec<&CheckRow> = checks.iter().filter(|check| &check.of == id).collect();
    let worst = own.iter().copied().max_by_key(|check| (check.health.weight(), std::cmp::Reverse(&check.id)));
    let health = worst.map_or(Health::NotChecked, |check| check.health);
    let since = match health {
        // Good only since the last of its checks became good.
        Health::Operational => own.iter().filter_map(|check| check.since).max(),
        // Bad since the first of those that are this bad.
        Health::NotChecked | Health::Degraded | Health::Outage | Health::Unknown | Health::Maintenance => {
            own.iter().filter(|check| check.health == health).filter_map(|check| check.since).min()
        }
    };
    let reason = match worst {
        None => "the plan has no check for it".to_owned(),
        Some(check) if own.len() > 1 && health != Health::Operational => format!("{}: {}", check.name, check.reason),
        Some(check) => check.reason.clone(),
    };
    PartRow {
        id: id.clone(),
        name: name.to_owned(),
        kind,
        health,
        since,
        reason,
        priority,
        about,
        fallback,
        breaker: None,
        checks: own.iter().map(|check| check.id.clone()).collect(),
    }
}

pub(super) fn count(checks: &[CheckRow]) -> Counts {
    let mut counts = Counts::default();
    for check in checks {
        match check.health {
            Health::Operational => counts.operational += 1,
            Health::Degraded => counts.degraded += 1,
            Health::Outage => counts.outage += 1,
            Health::Unknown => counts.unknown += 1,
            Health::NotChecked => counts.not_checked += 1,
            Health::Maintenance => counts.maintenance += 1,
        }
    }
    counts
}
