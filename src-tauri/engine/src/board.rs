//! The board and one check in full, put together from the plan in force, the healths and the journal.
//!
//! What the roll-ups mean is the domain's; here is only where their parts come from.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use lifeboat_domain::{
    Id,
    environment::EnvironmentKind,
    journal::EntryView,
    plan::PlanPlaces,
    problem::Problem,
    status::{Board, BoardInput, RecentChange, Span, observed, readiness::Readiness},
};

use crate::{
    breakers::Where,
    definition,
    journal::{Journal, JournalError},
    scheduler::{Force, Scheduler},
    view::CheckDetail,
};

/// How many changes the board lists at most.
const CHANGES: usize = 50;
/// How many samples one check shows at most.
const SAMPLES: u32 = 200;

/// The board of what is in force, now.
pub(crate) async fn board(
    scheduler: &Scheduler,
    journal: &Journal,
    force: &Force,
    now: DateTime<Utc>,
) -> Result<Board, Problem> {
    let changes = changes(journal, force, now).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the board does without recent changes");
        Vec::new()
    });
    let silences = crate::silence::silences(journal, &force.environment, now).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the board does without maintenance and mute");
        Vec::new()
    });
    let input = BoardInput {
        plan: &force.plan,
        environment: &force.environment,
        healths: &scheduler.healths(&force.environment).await,
        running: &scheduler.running(&force.environment),
        watching: scheduler.watching(&force.environment),
        changes,
        silences,
        breakers: scheduler.breakers.views(Where { plan: &force.plan, environment: &force.environment }).await,
        elsewhere: &force.elsewhere().keys().cloned().collect(),
        not_running: force.not_running(),
        now,
    };
    Board::of(input).ok_or_else(|| Problem::bug("the environment in force is not in the plan in force"))
}

/// When the environment in force was observed, by this home or another whose journal is joined.
pub(crate) async fn observed_spans(
    scheduler: &Scheduler,
    journal: &Journal,
    force: &Force,
) -> Result<Vec<Span>, Problem> {
    let kinds = ["watch-started", "watch-stopped", "watch-interrupted"];
    let facts = journal.facts(&kinds, DateTime::UNIX_EPOCH).await?;
    let facts = facts.iter().map(|(entry, fact)| (entry.device, entry.at.to_utc(), fact));
    Ok(observed(&force.environment, facts, scheduler.watched_until(&force.environment)))
}

/// What the journal says of the last hour that concerns the environment in force, newest first.
async fn changes(journal: &Journal, force: &Force, now: DateTime<Utc>) -> Result<Vec<RecentChange>, JournalError> {
    let kind = force.plan.environments.get(&force.environment).map(|environment| environment.kind);
    let concerns = |entry: &EntryView| match &entry.environment {
        Some(environment) => environment == force.environment.as_str(),
        // A range's faults change nothing elsewhere.
        None => match entry.kind.as_str() {
            "range-started" | "range-stopped" | "fault-injected" | "fault-mended" => {
                kind == Some(EnvironmentKind::Range)
            }
            _ => true,
        },
    };
    // More than are shown, because those of other environments are left out.
    let entries = journal.since(now - TimeDelta::hours(1), CHANGES * 20).await?;
    let changes = entries.into_iter().filter(concerns).take(CHANGES).map(|entry| RecentChange {
        at: entry.at,
        check: entry.check.and_then(|check| check.parse().ok()),
        summary: entry.summary,
        to: entry.to,
        entry: entry.id,
    });
    Ok(changes.collect())
}

/// One check in full.
pub(crate) async fn detail(
    scheduler: &Scheduler,
    journal: &Journal,
    force: &Arc<Force>,
    id: &Id,
    now: DateTime<Utc>,
) -> Result<Option<CheckDetail>, Problem> {
    let board = board(scheduler, journal, force, now).await?;
    let row = board.checks.into_iter().find(|row| &row.id == id);
    let (Some(row), Some(check)) = (row, force.checks.get(id)) else { return Ok(None) };
    let environment = &force.environment;
    // Samples are telemetry: where they cannot be read, the rest of the answer is still worth giving.
    let samples = journal.samples(environment, id, DateTime::UNIX_EPOCH, SAMPLES).await.unwrap_or_default();
    let failing = journal.failing(environment, id).await.unwrap_or_default();
    Ok(Some(CheckDetail {
        of_name: force.plan.name_of(&check.of).unwrap_or(check.of.as_str()).to_owned(),
        definition: definition::in_words(check, &force.targets(check)),
        row,
        failing,
        samples,
    }))
}

/// How ready the stores of what is in force are to be recovered, and what is due.
pub(crate) async fn readiness(
    scheduler: &Scheduler,
    journal: &Journal,
    force: &Force,
    places: &PlanPlaces,
    now: DateTime<Utc>,
) -> Result<Readiness, Problem> {
    let board = board(scheduler, journal, force, now).await?;
    let healths = scheduler.healths(&force.environment).await;
    Ok(Readiness::of(&force.plan, places, &board, |check| healths.get(check)))
}
