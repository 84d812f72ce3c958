//! Readiness: could we recover now? The newest evidence of each store's copies against its limit, the last restore that
//! proved one, and what the plan says is due.
//!
//! Evidence that exists and a restore that was proven are different things and are told apart. Nothing here is shown
//! without where it comes from: a check, an entry of the journal, or a line of the plan.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use ts_rs::TS;

use super::{Board, CheckHealth, Health};
use crate::{
    check::{Check, Probe, ProbeKind, Sample},
    plan::{
        Place, Plan, PlanPlaces, Priority,
        id::Id,
        quantity::{CalendarDate, Period},
        read::choice,
    },
};

/// What one check says of a store's copies.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Evidence {
    /// The check.
    pub check: Id,
    /// What it is called.
    pub name: String,
    /// Its kind.
    pub kind: ProbeKind,
    /// Its health now.
    pub health: Health,
    /// Whether its latest sample is too old to be believed.
    pub stale: bool,
    /// What it found.
    pub reason: String,
    /// How old the newest copy is now, or how far the repeating is behind, in milliseconds; nothing when not known.
    pub age_ms: Option<u64>,
    /// More than this is an outage.
    pub limit: Period,
    /// When it was looked at.
    pub checked_at: Option<DateTime<Utc>>,
    /// Whether mistakes and deletions are repeated too, so that it is no copy to return to.
    pub repeats_mistakes: bool,
}

/// How ready a store is to be recovered.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct StoreReadiness {
    /// Its name in the plan.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// The order it is recovered in.
    pub priority: Priority,
    /// The worst of its evidence; not checked without any of a copy.
    pub health: Health,
    /// What its checks say of its copies.
    pub evidence: Vec<Evidence>,
    /// When a restore last proved a copy, and the entry that says so; nothing when none ever did.
    pub proven: Option<Proven>,
    /// Where the plan has it.
    pub place: Place,
}

/// A restore that proved a copy.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Proven {
    /// When.
    pub at: DateTime<Utc>,
    /// The entry: `device/sequence`.
    pub entry: String,
}

choice! {
    /// What is due.
    pub enum DueKind {
        /// A drill.
        Drill = "drill",
        /// A review of a part of the plan.
        Review = "review",
        /// The review of the whole document.
        Document = "document",
    }
}

/// Something the plan wants done by a day.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Due {
    /// What it is.
    pub kind: DueKind,
    /// What it is called.
    pub name: String,
    /// How often it comes round, in words.
    pub every: Option<String>,
    /// The last day it may be done; nothing when the plan does not tie it to a day.
    #[ts(type = "string | null")]
    pub on: Option<NaiveDate>,
    /// Days since then, when it has passed.
    pub overdue_days: Option<u32>,
    /// When it was last done, as the plan says; nothing when it says nothing.
    pub last: Option<String>,
    /// Where the plan says so.
    pub place: Place,
}

/// Whether a recovery could begin now.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Readiness {
    /// The instant it is true for.
    pub as_of: DateTime<Utc>,
    /// All of it in one sentence.
    pub sentence: String,
    /// Stores, by priority.
    pub stores: Vec<StoreReadiness>,
    /// Drills and reviews, overdue ones first, those without a day last.
    pub due: Vec<Due>,
}

impl Readiness {
    /// How ready the environment of a board is. `healths` finds each check's health as it was kept.
    pub fn of<'h>(
        plan: &Plan,
        places: &PlanPlaces,
        board: &Board,
        healths: impl Fn(&Id) -> Option<&'h CheckHealth>,
    ) -> Self {
        let now = board.as_of;
        let evidence = |store: &Id| -> Vec<Evidence> {
            let rows = board.checks.iter().filter(|row| &row.of == store);
            rows.filter_map(|row| {
                let check = plan.checks.get(&row.id)?;
                let (measured, limit) = measured_by(check)?;
                let last = healths(&row.id).and_then(|health| health.last.as_ref());
                let repeats_mistakes = row.kind == ProbeKind::PostgresReplication;
                Some(Evidence {
                    check: row.id.clone(),
                    name: row.name.clone(),
                    kind: row.kind,
                    health: row.health,
                    stale: row.stale,
                    reason: row.reason.clone(),
                    // What repeats is as far behind as it was seen; a copy gets older.
                    age_ms: (last.zip(measured))
                        .and_then(|(sample, measured)| age(sample, measured, (!repeats_mistakes).then_some(now))),
                    limit,
                    checked_at: row.checked_at,
                    repeats_mistakes,
                })
            })
            .collect()
        };
        let mut stores: Vec<StoreReadiness> = (plan.stores.iter())
            .map(|(id, store)| {
                let evidence = evidence(id);
                // What only repeats is no copy to return to.
                let is_copied = evidence.iter().any(|found| !found.repeats_mistakes);
                let health = evidence.iter().map(|found| found.health).reduce(Health::worse).filter(|_| is_copied);
                StoreReadiness {
                    id: id.clone(),
                    name: store.name.clone(),
                    priority: store.priority,
                    health: health.unwrap_or(Health::NotChecked),
                    evidence,
                    // No fact says yet that a restore proved anything, so none is told.
                    proven: None,
                    place: places.place("plan.toml", &format!("stores.{id}")),
                }
            })
            .collect();
        stores.sort_by(|one, other| (one.priority, &one.id).cmp(&(other.priority, &other.id)));
        let due = due(plan, places, now.date_naive());
        Self { as_of: now, sentence: sentence(&stores, &due), stores, due }
    }
}

/// The measurement that tells a copy's age, and the oldest it may be; nothing for checks of other things. A server
/// with nothing to archive archives nothing, so the age of its archive says little: there the reason has to do.
fn measured_by(check: &Check) -> Option<(Option<&'static str>, Period)> {
    if let Probe::ObjectNewest(probe) = &check.probe {
        return Some((Some("newest age"), probe.max_age));
    }
    if let Probe::PostgresArchive(probe) = &check.probe {
        return Some((None, probe.max_age));
    }
    if let Probe::PostgresReplication(probe) = &check.probe {
        return Some((Some("seconds behind"), probe.outage_behind));
    }
    None
}

/// A measured age in milliseconds, with the time that has passed since when `now` is given.
fn age(sample: &Sample, measured: &str, now: Option<DateTime<Utc>>) -> Option<u64> {
    let found = sample.measurements.iter().find(|found| found.name == measured && found.value.is_finite())?;
    let seconds = if found.unit == "s" || found.unit == "seconds" { found.value } else { return None };
    let since = now.map_or(0, |now| (now - sample.at).num_milliseconds().max(0));
    Some((seconds.max(0.0) * 1_000.0) as u64 + since.unsigned_abs())
}

fn due(plan: &Plan, places: &PlanPlaces, today: NaiveDate) -> Vec<Due> {
    let document = &plan.document;
    let overdue =
        |on: Option<NaiveDate>| on.and_then(|on| u32::try_from((today - on).num_days()).ok()).filter(|days| *days > 0);
    let mut due = vec![Due {
        kind: DueKind::Document,
        name: document.title.clone(),
        every: None,
        on: Some(document.next_review.last_day()),
        overdue_days: overdue(Some(document.next_review.last_day())),
        last: Some(document.updated.to_string()),
        place: places.place("plan.toml", "document.next-review"),
    }];
    due.extend(plan.maintenance.reviews.iter().map(|(id, review)| {
        let on = review.due(document.updated);
        Due {
            kind: DueKind::Review,
            name: review.name.clone(),
            every: Some(review.every.to_string()),
            on,
            overdue_days: overdue(on),
            last: review.last.map(|last| last.to_string()),
            place: places.place("maintenance.toml", &format!("reviews.{id}")),
        }
    }));
    due.extend(plan.drills.drills.iter().map(|(id, drill)| {
        // No fact says yet that a drill was held: the first day it was due is the one it is due since.
        let on = drill.starts.map(CalendarDate::last_day);
        Due {
            kind: DueKind::Drill,
            name: drill.name.clone(),
            every: Some(drill.every.to_string()),
            on,
            overdue_days: overdue(on),
            last: None,
            place: places.place("drills.toml", &format!("drills.{id}")),
        }
    }));
    due.sort_by_key(|due| (due.on.is_none(), due.on, due.kind));
    due
}

fn sentence(stores: &[StoreReadiness], due: &[Due]) -> String {
    let of = |health: Health| stores.iter().filter(move |store| store.health == health).count();
    let (all, good) = (stores.len(), of(Health::Operational));
    let (out, blind) = (of(Health::Outage) + of(Health::Degraded), of(Health::Unknown) + of(Health::NotChecked));
    let plural = |many: usize| if many == 1 { "store" } else { "stores" };
    let mut text = if good == all && all > 0 {
        "Copies of every store are as new as the plan wants".to_owned()
    } else {
        format!("Copies of {good} of {all} stores are as new as the plan wants")
    };
    if out > 0 {
        let _ = write!(text, "; of {out} they are not");
    }
    if blind > 0 {
        let _ = write!(text, "; of {blind} nothing is known");
    }
    let unproven = stores.iter().filter(|store| store.proven.is_none()).count();
    let _ = match unproven {
        0 => write!(text, "."),
        _ if unproven == all => write!(text, ". No restore has ever been proven."),
        _ => write!(text, ". No restore of {unproven} {} has ever been proven.", plural(unproven)),
    };
    let late = due.iter().filter(|due| due.overdue_days.is_some()).count();
    if late > 0 {
        let is = if late == 1 { "is" } else { "are" };
        let _ = write!(text, " {late} of {} drills and reviews {is} overdue.", due.len());
    }
    text
}

#[cfg(test)]
#[path = "tests/readiness.rs"]
mod tests;
