//! What became of a check over an hour, a day, a week or more, and how available everything was: told from samples,
//! their roll-ups, and the facts of the journal. What they add up to is the domain's.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lifeboat_domain::{
    Id,
    check::Check,
    journal::Fact,
    problem::Problem,
    status::{
        RecentChange, Span,
        availability::{AvailabilityInput, AvailabilityReport, DAYS, Noted},
        rollup::{HistorySpan, Rollup, VerdictCounts},
    },
};
use serde::Serialize;
use ts_rs::TS;

use crate::{
    charts::{ChartDocument, history_chart, latency_chart},
    journal::{Journal, JournalError},
    scheduler::{Force, Scheduler},
};

/// How many samples the chart of an hour is drawn from at most: that hour at the shortest interval.
const CHARTED: u32 = 36_000;
/// How many changes one history lists at most.
const CHANGES: usize = 200;

/// One part of a history.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct HistoryPart {
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
    /// How many samples said what.
    pub verdicts: VerdictCounts,
    /// The share of it in which the check was watched, from 0 to 1.
    pub observed: f64,
    /// The shortest latency of those that answered, in milliseconds.
    pub min_ms: Option<f64>,
    /// Half of them took no longer.
    pub p50_ms: Option<f64>,
    /// 95 % of them took no longer.
    pub p95_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
}

/// What became of a check over a span.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct CheckHistory {
    /// The check.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// Which span.
    pub span: HistorySpan,
    /// Latency, and what was said.
    pub chart: ChartDocument,
    /// The span in parts, oldest first.
    pub parts: Vec<HistoryPart>,
    /// Changes of its health within the span, newest first, at most 200.
    pub changes: Vec<RecentChange>,
}

/// The history of a check of what is in force.
pub(crate) async fn history(
    scheduler: &Scheduler,
    journal: &Journal,
    force: &Force,
    (id, check): (&Id, &Check),
    span: HistorySpan,
    now: DateTime<Utc>,
) -> Result<CheckHistory, Problem> {
    let begins = span.parts(now);
    let since = begins.first().and_then(|begin| DateTime::from_timestamp(*begin, 0)).unwrap_or(now);
    let rollups = journal.rollups(&force.environment, id, span.grain(), since).await?;
    let facts = noted(journal, since).await?;
    let healths = BTreeMap::new();
    let input = AvailabilityInput {
        plan: &force.plan,
        environment: &force.environment,
        facts: &facts,
        healths: &healths,
        last: scheduler.watched_until(&force.environment),
        now,
    };
    let parts = parts(&begins, span, &rollups, &input.observed(), check, now);
    let changes = facts.iter().rev().filter_map(|noted| match &noted.fact {
        Fact::HealthChanged { environment, check, change, .. }
            if environment == &force.environment && check == id && noted.at >= since =>
        {
            Some(RecentChange {
                at: noted.at,
                check: Some(check.clone()),
                summary: noted.fact.summary(),
                to: Some(change.to),
                entry: noted.entry.clone(),
            })
        }
        _ => None,
    });
    let changes = changes.take(CHANGES).collect();
    let chart = if span == HistorySpan::Hour {
        let hour = now - span.period().to_delta();
        let samples = journal.samples(&force.environment, id, hour, CHARTED).await?;
        latency_chart(&samples, &parts, check.slow, now, span.period())
    } else {
        history_chart(&parts, span, check.slow, now)
    };
    Ok(CheckHistory { id: id.clone(), name: check.name.clone(), span, chart, parts, changes })
}

fn parts(
    begins: &[i64],
    span: HistorySpan,
    rollups: &BTreeMap<i64, Rollup>,
    observed: &[Span],
    check: &Check,
    now: DateTime<Utc>,
) -> Vec<HistoryPart> {
    let width = span.part_seconds();
    let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap_or(now);
    let part = |begin: &i64| {
        let mut sum = Rollup::default();
        rollups.range(begin..&(begin + width)).for_each(|(_, rollup)| sum.merge(rollup));
        let (from, until) = (at(*begin), at(begin + width));
        let length = (until.min(now) - from).max(TimeDelta::seconds(1));
        let seen: TimeDelta =
            (observed.iter()).map(|span| (span.until.min(until) - span.from.max(from)).max(TimeDelta::zero())).sum();
        let share = |part: TimeDelta| (part.as_seconds_f64() / length.as_seconds_f64()).clamp(0.0, 1.0);
        // Samples that somebody asked for while nobody watched were seen too, each for as long as it holds.
        let by_samples = check.interval.to_delta() * i32::try_from(sum.verdicts.total()).unwrap_or(i32::MAX);
        let observed = if sum.verdicts.total() == 0 { 0.0 } else { share(seen).max(share(by_samples)) };
        let ms = |us: Option<u64>| us.map(|us| us as f64 / 1_000.0);
        HistoryPart {
            from,
            until,
            verdicts: sum.verdicts,
            observed,
            min_ms: ms(sum.latency_min_us),
            p50_ms: sum.quantile(0.5),
            p95_ms: sum.quantile(0.95),
            max_ms: ms(sum.latency_max_us),
        }
    };
    begins.iter().map(part).collect()
}

/// Everything ever said of watches and maintenance, and changes of health since an instant.
async fn noted(journal: &Journal, since: DateTime<Utc>) -> Result<Vec<Noted>, JournalError> {
    const ALWAYS: [&str; 5] =
        ["watch-started", "watch-stopped", "watch-interrupted", "maintenance-planned", "maintenance-ended"];
    let mut facts = journal.facts(&ALWAYS, DateTime::UNIX_EPOCH).await?;
    facts.extend(journal.facts(&["health-changed"], since).await?);
    let noted = facts.into_iter().map(|(entry, fact)| Noted {
        entry: format!("{}/{}", entry.device, entry.sequence),
        device: entry.device,
        at: entry.at.to_utc(),
        fact,
    });
    Ok(noted.collect())
}

/// How available everything in force was.
pub(crate) async fn availability(
    scheduler: &Scheduler,
    journal: &Journal,
    force: &Force,
    now: DateTime<Utc>,
) -> Result<Vec<AvailabilityReport>, Problem> {
    let longest = DAYS.into_iter().max().unwrap_or(0);
    let facts: Vec<Noted> = noted(journal, now - TimeDelta::days(longest)).await?;
    let input = AvailabilityInput {
        plan: &force.plan,
        environment: &force.environment,
        facts: &facts,
        healths: &scheduler.healths(&force.environment).await,
        last: scheduler.watched_until(&force.environment),
        now,
    };
    input.reports().ok_or_else(|| Problem::bug("the environment in force is not in the plan in force"))
}
