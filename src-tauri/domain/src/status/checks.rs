//! Checks judged together: what nothing can be known of now, what is because of what, what is in maintenance, and
//! which of them should alarm.

use chrono::{DateTime, Utc};
use serde::Serialize;
use ts_rs::TS;

use super::{
    Because, BoardInput, CheckHealth, CheckRow, Health, Silence, SilenceKind,
    causes::causes,
    network::{NO_NETWORK, NoNetwork, no_network},
    rows::check_row,
};
use crate::{check::Checks, plan::id::Id};

/// Why a check that is bad does not alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[ts(export)]
pub enum Quiet {
    /// Work on it is under way.
    Maintenance {
        /// Until when.
        until: DateTime<Utc>,
    },
    /// Somebody muted it.
    Muted {
        /// Until when.
        until: DateTime<Utc>,
    },
    /// A part it cannot do without is out, and alarms.
    Because(Because),
    /// It changes too often.
    Flapping {
        /// Since when.
        since: DateTime<Utc>,
    },
}

/// Every check with what is known of it, what holds its alarm back, and whether this computer has a network at all.
pub(super) fn check_rows(
    input: &BoardInput<'_>,
    checks: &Checks,
    silences: &[Silence],
) -> (Vec<CheckRow>, Option<NoNetwork>) {
    let (nothing, now) = (CheckHealth::default(), input.now);
    let health_of = |id: &Id| input.healths.get(id).unwrap_or(&nothing);
    let far = checks.iter().filter(|(id, _)| input.elsewhere.contains(*id));
    let no_network = no_network(far.map(|(id, check)| (check, health_of(id))), now);
    let mut rows: Vec<CheckRow> = checks
        .iter()
        .map(|(id, check)| {
            let mut row = check_row(check, health_of(id), input.running.contains(id), now, id.clone());
            if input.not_running {
                blind(&mut row, "the practice range is not running; `lifeboat range up` brings it up", None);
            } else if let Some(found) = no_network.filter(|_| input.elsewhere.contains(id)) {
                blind(&mut row, NO_NETWORK, Some(found.since));
            }
            row
        })
        .collect();
    let causes = causes(input.plan, &rows);
    for row in &mut rows {
        let hold: Vec<&Silence> =
            silences.iter().filter(|silence| silence.holds(now) && silence.scope.covers(&row.id, &row.of)).collect();
        let fails = row.is_bad() || row.underlying == Health::Unknown;
        row.because = causes.get(&row.of).filter(|_| fails).cloned();
        alarm(row, &hold);
        let longest = hold.iter().filter(|silence| silence.kind == SilenceKind::Maintenance);
        if let Some(maintenance) = longest.max_by_key(|silence| silence.until) {
            maintained(row, maintenance);
        }
    }
    (rows, no_network)
}

/// Nothing can be known of this check now, whatever was known before.
fn blind(row: &mut CheckRow, reason: &str, since: Option<DateTime<Utc>>) {
    (row.health, row.underlying, row.suspicion) = (Health::Unknown, Health::Unknown, None);
    row.since = since.or(row.since);
    reason.clone_into(&mut row.reason);
}

/// A check in maintenance is shown as that, with what is underneath.
fn maintained(row: &mut CheckRow, silence: &Silence) {
    row.health = Health::Maintenance;
    row.since = Some(silence.from);
    let until = silence.until.format("%Y-%m-%d %H:%M UTC");
    row.reason = format!("in maintenance until {until} ({}); {}: {}", silence.reason, row.underlying, row.reason);
}

/// Whether a check should alarm now, and why not if it is bad and should not. The one that holds it back longest is
/// told: work under way, then somebody's wish, then the part it is because of, then its own unsteadiness.
fn alarm(row: &mut CheckRow, silences: &[&Silence]) {
    let of_kind =
        |kind| silences.iter().filter(move |silence| silence.kind == kind).max_by_key(|silence| silence.until);
    let (maintenance, mute) = (of_kind(SilenceKind::Maintenance), of_kind(SilenceKind::Mute));
    row.quiet = maintenance
        .map(|silence| Quiet::Maintenance { until: silence.until })
        .or_else(|| mute.map(|silence| Quiet::Muted { until: silence.until }))
        .or_else(|| row.because.clone().map(Quiet::Because))
        .or_else(|| row.flapping.as_ref().map(|flapping| Quiet::Flapping { since: flapping.since }));
    row.alerting = row.is_bad() && row.quiet.is_none();
}
