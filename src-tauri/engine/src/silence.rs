//! Maintenance and mute: begun and ended by a person, kept as facts, folded in the domain.

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    journal::Fact,
    plan::read::nearest,
    problem::{Code, Problem},
    status::{OLDEST_SILENCE, Scope, Silence, SilenceKind, may_be_silent, silences as folded},
};

use crate::{
    Engine,
    journal::{Journal, JournalError},
    scheduler::Force,
    view::SilenceWanted,
};

/// The kinds of fact a silence is folded from.
const KINDS: [&str; 4] = ["maintenance-planned", "maintenance-ended", "muted", "unmuted"];

/// Maintenances and mutes of an environment that hold or are planned, by beginning.
pub(crate) async fn silences(
    journal: &Journal,
    environment: &Id,
    now: DateTime<Utc>,
) -> Result<Vec<Silence>, JournalError> {
    let facts = journal.facts(&KINDS, now - OLDEST_SILENCE).await?;
    let said = facts.iter().map(|(entry, fact)| {
        (format!("{}/{}", entry.device, entry.sequence), entry.at.to_utc(), entry.actor.as_str(), fact)
    });
    let mut silences = folded(environment, said);
    silences.retain(|silence| now < silence.until);
    Ok(silences)
}

impl Engine {
    /// Maintenances and mutes that hold or are planned, by beginning.
    pub async fn silences(&self) -> Result<Vec<Silence>, Problem> {
        let (force, now) = (self.core.force()?, (self.core.clock)());
        Ok(silences(&self.core.journal, &force.environment, now).await?)
    }

    /// Plans a maintenance, or begins one now; answers with what is silent afterwards.
    ///
    /// # Errors
    /// When the plan does not have what it is for, or the domain does not allow its times or its reason.
    pub async fn maintenance_begin(&self, wanted: SilenceWanted) -> Result<Vec<Silence>, Problem> {
        let (environment, from) = self.allowed(SilenceKind::Maintenance, &wanted)?;
        let SilenceWanted { scope, until, reason, .. } = wanted;
        self.append(Fact::MaintenancePlanned { environment, scope, from, until, reason: reason.trim().to_owned() })
            .await?;
        self.silences().await
    }

    /// Ends a maintenance before its time, or takes one back that has not begun. `entry` is that of [`Silence`].
    ///
    /// # Errors
    /// When no such maintenance holds or is planned.
    pub async fn maintenance_end(&self, entry: String) -> Result<Vec<Silence>, Problem> {
        let (environment, scope) = self.one_silent(SilenceKind::Maintenance, &entry).await?;
        self.append(Fact::MaintenanceEnded { environment, scope, entry }).await?;
        self.silences().await
    }

    /// Mutes alarms from now on; answers with what is silent afterwards.
    ///
    /// # Errors
    /// When the plan does not have what is to be muted, or the domain does not allow the time.
    pub async fn mute(&self, wanted: SilenceWanted) -> Result<Vec<Silence>, Problem> {
        let (environment, _) = self.allowed(SilenceKind::Mute, &wanted)?;
        let SilenceWanted { scope, until, reason, .. } = wanted;
        self.append(Fact::Muted { environment, scope, until, reason: reason.trim().to_owned() }).await?;
        self.silences().await
    }

    /// Ends a mute before its time. `entry` is that of [`Silence`].
    ///
    /// # Errors
    /// When no such mute holds.
    pub async fn unmute(&self, entry: String) -> Result<Vec<Silence>, Problem> {
        let (environment, scope) = self.one_silent(SilenceKind::Mute, &entry).await?;
        self.append(Fact::Unmuted { environment, scope, entry }).await?;
        self.silences().await
    }

    /// The environment in force and the beginning, when this may be silent.
    fn allowed(&self, kind: SilenceKind, wanted: &SilenceWanted) -> Result<(Id, DateTime<Utc>), Problem> {
        let (force, now) = (self.core.force()?, (self.core.clock)());
        known(&force, &wanted.scope)?;
        let from = wanted.from.filter(|_| kind == SilenceKind::Maintenance).unwrap_or(now);
        may_be_silent(kind, from, wanted.until, &wanted.reason, now)?;
        Ok((force.environment.clone(), from))
    }

    /// The environment in force and what one silence of it is for.
    async fn one_silent(&self, kind: SilenceKind, entry: &str) -> Result<(Id, Scope), Problem> {
        let force = self.core.force()?;
        let found = self.silences().await?.into_iter().find(|silence| silence.entry == entry && silence.kind == kind);
        let scope = found.map(|silence| silence.scope).ok_or_else(|| {
            Problem::new(Code::NotAllowedNow, format!("no such {kind} holds or is planned"))
                .hint("It may have ended already; look at the board again.")
        })?;
        Ok((force.environment.clone(), scope))
    }
}

/// Whether the plan has what is to be silent, and something checks it.
fn known(force: &Force, scope: &Scope) -> Result<(), Problem> {
    match scope {
        Scope::Everything => Ok(()),
        Scope::Check(check) if force.checks.contains_key(check) => Ok(()),
        Scope::Check(check) => Err(crate::engine::Core::unknown_check(force, check)),
        Scope::Part(part) if force.checks.values().any(|check| &check.of == part) => Ok(()),
        Scope::Part(part) if force.plan.name_of(part).is_some() => {
            let message = format!("no check tells of \"{part}\" itself, so there is nothing to be silent");
            Err(Problem::new(Code::Usage, message).hint("Name one of the parts it stands on.").field("scope"))
        }
        Scope::Part(part) => {
            let plan = &force.plan;
            let parts = (plan.functions.keys())
                .chain(plan.systems.keys())
                .chain(plan.stores.keys())
                .chain(plan.providers.keys());
            let near = nearest(part.as_str(), parts.map(Id::as_str));
            let hint = near.map_or_else(
                || "Run `lifeboat status --json` to see every part by name.".to_owned(),
                |near| format!("Did you mean \"{near}\"?"),
            );
            let message = format!("the plan has no function, system, store or provider \"{part}\"");
            Err(Problem::new(Code::Usage, message).hint(hint).field("scope"))
        }
    }
}
