//! What is behind an open engine: the journal, the scheduler, the plan in force.

use std::{
    collections::BTreeSet,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lifeboat_domain::{
    Id,
    check::{ProbeKind, judge::Beat, redact::redact},
    plan::{LoadedPlan, Plan, PlanPlaces, lint::lint, read::nearest},
    problem::{Code, Problem},
};

use crate::{
    Options,
    journal::{Clock, Journal, Opening},
    plans::{self, ValuesFile},
    scheduler::{Force, Probers, Route, Scheduler},
    secrets::Vault,
    settings,
    view::{CheckResult, EnvironmentChoice, PlanView},
};

/// The longest account of a failure a job may give, in bytes.
const LONGEST_FAILURE: usize = 300;

/// Everything an engine shares with its clones and its tasks.
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) journal: Journal,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) clock: Clock,
    pub(crate) vault: Arc<Vault>,
    /// Where the plan in force has its values.
    places: Mutex<Arc<PlanPlaces>>,
    /// Why no plan is in force, while none is.
    without: Mutex<Option<Problem>>,
}

impl fmt::Debug for Core {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Core").field("home", &self.options.home).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) async fn open(
        options: Options,
        vault: Arc<Vault>,
        probers: Probers,
        clock: Clock,
        route: Route,
    ) -> Result<Self, Problem> {
        let journal = Journal::open(Opening { clock: clock.clone(), ..Opening::in_use(&options.home) }).await?;
        let scheduler = Scheduler::new(journal.clone(), clock.clone(), options.home.clone(), probers, route);
        let core =
            Self { options, journal, scheduler, clock, vault, places: Mutex::default(), without: Mutex::default() };
        match core.plan_read().await {
            Ok(_) => Ok(core),
            Err(problem) if problem.code == Code::EnvironmentUnknown => Err(problem),
            Err(problem) => {
                *core.without() = Some(problem);
                Ok(core)
            }
        }
    }

    /// Who acts: by the name chosen in the settings, unless the environment names somebody for this one time.
    pub(crate) fn actor(&self) -> String {
        let is_named = std::env::var_os("LIFEBOAT_PERSON").is_some_and(|name| !name.is_empty());
        let chosen = if is_named { None } else { settings::read(&self.options.home).name };
        chosen.map_or_else(|| self.options.actor.clone(), |name| format!("person:{name}"))
    }

    fn without(&self) -> MutexGuard<'_, Option<Problem>> {
        self.without.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the plan in force has its values.
    pub(crate) fn places(&self) -> Arc<PlanPlaces> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is in force, or why nothing is.
    pub(crate) fn force(&self) -> Result<Arc<Force>, Problem> {
        self.scheduler.force().ok_or_else(|| {
            self.without().clone().unwrap_or_else(|| Problem::new(Code::PlanMissing, "no plan is in force"))
        })
    }

    /// Reads the plan from disk and puts it in force when it is whole and new.
    pub(crate) async fn plan_read(&self) -> Result<PlanView, Problem> {
        let folder = self.options.plan.clone();
        let reading = crate::aside("reading the plan", move || Ok(plans::read(&folder)?)).await?;
        let mut view = PlanView {
            folder: self.options.plan.display().to_string(),
            plan: None,
            faults: Vec::new(),
            findings: Vec::new(),
            files: reading.texts,
            earlier_in_force: false,
        };
        match reading.plan {
            Ok(LoadedPlan { plan, places }) => {
                view.findings = lint(&plan, &places, (self.clock)().date_naive());
                self.put_in_force(&plan)?;
                *self.places.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(places);
                view.plan = Some(plan);
            }
            Err(faults) => {
                view.earlier_in_force = self.scheduler.force().is_some();
                *self.without() = Some(
                    Problem::new(
                        Code::PlanInvalid,
                        match faults.as_slice() {
                            [only] => format!("the plan has a fault: {only}"),
                            faults => format!("the plan has {} faults, first: {}", faults.len(), first(faults)),
                        },
                    )
                    .hint("Run `lifeboat plan check` to see them all; each names its file and line."),
                );
                view.faults = faults;
            }
        }
        Ok(view)
    }

    fn put_in_force(&self, plan: &Plan) -> Result<(), Problem> {
        let in_force = self.scheduler.force();
        if in_force.as_ref().is_some_and(|force| force.plan.hash == plan.hash) {
            return Ok(());
        }
        let current = in_force.map(|force| force.environment.clone()).filter(|id| plan.environments.contains_key(id));
        let environment = match current.or_else(|| self.options.environment.clone()) {
            Some(environment) => environment,
            None => plans::default_environment(plan, &self.options.home)
                .ok_or_else(|| Problem::bug("a whole plan without an environment"))?,
        };
        self.enforce(Arc::new(plan.clone()), &environment)?;
        Ok(())
    }

    /// Puts an environment of a plan in force.
    pub(crate) fn enforce(&self, plan: Arc<Plan>, environment: &Id) -> Result<(), Problem> {
        let values = ValuesFile::open(&self.options.home, environment);
        let known: Vec<String> = plan.environments.keys().map(ToString::to_string).collect();
        let unknown = || {
            let hint = match nearest(environment.as_str(), known.iter().map(String::as_str)) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => format!("The plan has: {}.", known.join(", ")),
            };
            Problem::new(Code::EnvironmentUnknown, format!("the plan has no environment \"{environment}\"")).hint(hint)
        };
        let force = Force::new(plan, environment.clone(), values).ok_or_else(unknown)?;
        self.scheduler.enforce(force);
        *self.without() = None;
        Ok(())
    }

    pub(crate) fn environments(&self) -> Result<Vec<EnvironmentChoice>, Problem> {
        let force = self.force()?;
        let choices = force.plan.environments.iter().map(|(id, environment)| {
            let current = id == &force.environment;
            let values =
                if current { force.values.look_now() } else { ValuesFile::open(&self.options.home, id).current() };
            EnvironmentChoice {
                id: id.clone(),
                name: environment.name.clone(),
                kind: environment.kind,
                current,
                bound_at: values.bound_at,
            }
        });
        Ok(choices.collect())
    }

    /// The problem of a check the plan does not have.
    pub(crate) fn unknown_check(force: &Force, check: &Id) -> Problem {
        let near = nearest(check.as_str(), force.checks.keys().map(Id::as_str));
        let hint = near.map_or_else(
            || "Run `lifeboat status` to see every check by name.".to_owned(),
            |near| format!("Did you mean \"{near}\"?"),
        );
        Problem::new(Code::CheckUnknown, format!("the plan has no check \"{check}\"")).hint(hint)
    }

    /// Keeps a beat of a job in the environment in force, and answers with that environment.
    pub(crate) async fn heartbeat(&self, check: &Id, failed: Option<String>) -> Result<(Id, Beat), Problem> {
        let force = self.force()?;
        let found = force.checks.get(check).ok_or_else(|| Self::unknown_check(&force, check))?;
        if found.probe.kind() != ProbeKind::Heartbeat {
            let message = format!("the check \"{check}\" is of kind {} and listens for nobody", found.probe.kind());
            return Err(Problem::new(Code::CheckUnknown, message)
                .hint("Name a check of kind heartbeat.")
                .field("check"));
        }
        let failed = failed.map(|why| redact(&why, &[], LONGEST_FAILURE));
        let beat = self.journal.beat(&force.environment, check, failed).await?;
        Ok((force.environment.clone(), beat))
    }

    pub(crate) async fn check_run(&self, checks: Option<Vec<Id>>) -> Result<Vec<CheckResult>, Problem> {
        let force = self.force()?;
        let wanted: BTreeSet<Id> = match checks {
            None => force.checks.keys().cloned().collect(),
            Some(checks) => checks.into_iter().collect(),
        };
        if let Some(unknown) = wanted.iter().find(|check| !force.checks.contains_key(*check)) {
            return Err(Self::unknown_check(&force, unknown));
        }
        // Somebody who asks now means the values of now, such as those of a range that has just come up.
        force.values.look_now();
        let actor = self.actor();
        self.scheduler.adopt(&force.plan).await;
        let flights = wanted.into_iter().filter_map(|check| {
            let flight = self.scheduler.fly(&force, &check, &actor)?;
            Some(async move { (check, flight.await) })
        });
        let landed = futures_util::future::join_all(flights).await;
        let board = crate::board::board(&self.scheduler, &self.journal, &force, (self.clock)()).await?;
        let mut results = Vec::with_capacity(landed.len());
        for (check, sample) in landed {
            let sample = sample.ok_or_else(|| {
                Problem::new(Code::NotAllowedNow, "the engine was closed before every check had ended")
            })?;
            if let Some(row) = board.checks.iter().find(|row| row.id == check) {
                results.push(CheckResult {
                    id: check,
                    name: row.name.clone(),
                    sample: (*sample).clone(),
                    row: row.clone(),
                });
            }
        }
        Ok(results)
    }
}

fn first(faults: &[lifeboat_domain::plan::read::PlanFault]) -> String {
    faults.first().map_or_else(String::new, ToString::to_string)
}

/// Where this program keeps its things when nobody says otherwise: `lifeboat` in the user's data folder.
pub fn default_home() -> std::path::PathBuf {
    directories::BaseDirs::new()
        .map_or_else(|| Path::new(".lifeboat").to_owned(), |folders| folders.data_dir().join("lifeboat"))
}
