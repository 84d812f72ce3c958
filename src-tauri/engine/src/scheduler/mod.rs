//! Keeping checks checked: when each is due, one flight per check, results into the journal.
//!
//! A click and the schedule end in the same flight; they differ only in the actor. `schedule` is the timetable
//! without a clock, `gate` keeps a crowd of checks from becoming a storm, `guard` accuses nobody of this computer's own
//! network, `lease` lets only one program watch an environment. What a probe does and what its answer means is not here.

mod flight;
mod gate;
mod guard;
mod lease;
mod recall;
mod schedule;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::{Check, Checks, Sample},
    environment::{Environment, EnvironmentKind},
    journal::Fact,
    plan::Plan,
    problem::Problem,
    status::{
        CheckHealth, Watching,
        network::{host_of, is_elsewhere, site_of},
    },
};
use tokio::sync::{mpsc, watch as changing};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use crate::probe::Targets;

pub(crate) use self::guard::{Route, route};
use self::{flight::Flight, gate::Gate, guard::Guard};
use crate::{
    breakers::Breakers,
    journal::{Clock, Journal, SampleRecord},
    plans::{Values, ValuesFile},
    probe::Prober,
};

/// Probes a check once. Never fails: what could not be checked is a sample that says unknown.
pub trait Probing: Send + Sync {
    /// Probes a check, within its timeout.
    fn probe<'a>(&'a self, check: &'a Check, targets: &'a Targets)
    -> Pin<Box<dyn Future<Output = Sample> + Send + 'a>>;
}

impl Probing for Prober {
    fn probe<'a>(
        &'a self,
        check: &'a Check,
        targets: &'a Targets,
    ) -> Pin<Box<dyn Future<Output = Sample> + Send + 'a>> {
        Box::pin(Self::probe(self, check, targets))
    }
}

/// Makes a prober for the credentials an environment brings along.
pub(crate) type Probers = Arc<dyn Fn(&BTreeMap<Id, String>) -> Result<Arc<dyn Probing>, Problem> + Send + Sync>;

/// A prober with the values it was made for.
type Bound = (Arc<Values>, Arc<dyn Probing>);

/// Whose site each check of something elsewhere looks at.
type Sites = Arc<BTreeMap<Id, String>>;

/// Who acts when nobody does.
pub(crate) const SYSTEM: &str = "system";

/// A plan in force in one environment.
pub(crate) struct Force {
    /// The plan.
    pub(crate) plan: Arc<Plan>,
    /// Which of its environments.
    pub(crate) environment: Id,
    /// Its checks at the environment's pace.
    pub(crate) checks: Checks,
    /// The values the environment waits for.
    pub(crate) values: ValuesFile,
    bound: Environment,
    prober: Mutex<Option<Bound>>,
    gate: Gate,
    elsewhere: Mutex<Option<(Arc<Values>, Sites)>>,
}

impl fmt::Debug for Force {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Force").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl Force {
    /// Puts a plan in force. Nothing when it has no such environment.
    pub(crate) fn new(plan: Arc<Plan>, environment: Id, values: ValuesFile) -> Option<Self> {
        let bound = plan.environments.get(&environment)?.clone();
        let checks = plan.checks_in(&bound);
        let gate = Gate::new(&bound.limits.clone().unwrap_or_default());
        Some(Self {
            plan,
            environment,
            checks,
            values,
            bound,
            prober: Mutex::default(),
            gate,
            elsewhere: Mutex::default(),
        })
    }

    /// The targets of a check as they are bound now, and a prober that knows the credentials of now.
    fn bind(&self, check: &Check, probers: &Probers) -> Result<(Targets, Arc<dyn Probing>), Problem> {
        let values = self.values.current();
        let targets = values.targets(&self.bound, check);
        let mut kept = held(&self.prober);
        if let Some((of, prober)) = kept.as_ref()
            && Arc::ptr_eq(of, &values)
        {
            return Ok((targets, prober.clone()));
        }
        let prober = probers(&values.credentials)?;
        *kept = Some((values, prober.clone()));
        Ok((targets, prober))
    }

    /// The checks that look at something elsewhere, with whose site it is.
    pub(crate) fn elsewhere(&self) -> Sites {
        let values = self.values.current();
        let mut kept = held(&self.elsewhere);
        if let Some((of, sites)) = kept.as_ref()
            && Arc::ptr_eq(of, &values)
        {
            return sites.clone();
        }
        let site = |check: &Check| {
            let targets = values.targets(&self.bound, check);
            let mut hosts = targets.values().filter_map(|target| target.as_ref().ok()).map(host_of);
            hosts.find(|host| is_elsewhere(host)).map(|host| site_of(&host))
        };
        let sites = self.checks.iter().filter_map(|(id, check)| Some((id.clone(), site(check)?)));
        let sites = Arc::new(sites.collect::<BTreeMap<Id, String>>());
        *kept = Some((values, sites.clone()));
        sites
    }

    /// Whether this is a range, and it is not running.
    pub(crate) fn not_running(&self) -> bool {
        self.bound.kind == EnvironmentKind::Range
            && !self.bound.placeholders().is_empty()
            && self.values.current().is_of_nothing()
    }

    /// The targets of a check, for showing.
    pub(crate) fn targets(&self, check: &Check) -> Targets {
        self.values.current().targets(&self.bound, check)
    }
}

/// How many samples of one check wait for a disk that is full; of more, the newest.
const MOST_UNWRITTEN: usize = 500;

/// A check by environment and name.
type Key = (Id, Id);

/// Everything that checks, on the schedule or on a click.
pub(crate) struct Scheduler {
    journal: Journal,
    /// The circuit breakers before the providers.
    pub(crate) breakers: Breakers,
    clock: Clock,
    home: PathBuf,
    probers: Probers,
    force: changing::Sender<Option<Arc<Force>>>,
    guard: Guard,
    air: Mutex<BTreeMap<Key, Flight>>,
    /// Healths as this program folded them: what is left of the board when the journal cannot be written.
    memory: Mutex<BTreeMap<Key, CheckHealth>>,
    /// Samples that could not be written, oldest first.
    unwritten: Mutex<BTreeMap<Key, VecDeque<SampleRecord>>>,
    landed: Mutex<Option<mpsc::UnboundedSender<watch::Landed>>>,
    watching: changing::Sender<Option<Watching>>,
    begun: AtomicBool,
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scheduler").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Scheduler {
    pub(crate) fn new(journal: Journal, clock: Clock, home: PathBuf, probers: Probers, route: Route) -> Arc<Self> {
        Arc::new(Self {
            breakers: Breakers::new(journal.clone(), clock.clone()),
            journal,
            clock,
            home,
            probers,
            force: changing::Sender::new(None),
            guard: Guard::new(route),
            air: Mutex::default(),
            memory: Mutex::default(),
            unwritten: Mutex::default(),
            landed: Mutex::default(),
            watching: changing::Sender::new(None),
            begun: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            ended: CancellationToken::new(),
        })
    }

    /// What is in force, if anything.
    pub(crate) fn force(&self) -> Option<Arc<Force>> {
        self.force.borrow().clone()
    }

    /// Puts something else in force; a watch goes on there.
    pub(crate) fn enforce(&self, force: Force) {
        self.force.send_replace(Some(Arc::new(force)));
    }

    /// Says in the journal that the plan in force is what is checked by from here on. A journal that cannot be
    /// written keeps nobody from checking. Answers whether it is said.
    pub(crate) async fn adopt(&self, plan: &Plan) -> bool {
        let fact = Fact::PlanAdopted {
            document: plan.document.id.clone(),
            version: plan.document.version.clone(),
            hash: plan.hash.clone(),
        };
        let noted = self.journal.append_once(SYSTEM.to_owned(), fact).await;
        if let Err(problem) = &noted {
            tracing::warn!(code = %problem.code, message = %problem.message, "the plan's adoption could not be noted");
        }
        noted.is_ok()
    }

    /// The last sign of a watch of an environment: now, while somebody watches.
    pub(crate) fn watched_until(&self, environment: &Id) -> Option<DateTime<Utc>> {
        match self.watching(environment) {
            Watching::Here | Watching::Elsewhere => Some((self.clock)()),
            Watching::Nobody => lease::last_sign(&self.home, environment),
        }
    }

    /// Ends when this does.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Who keeps checking an environment.
    pub(crate) fn watching(&self, environment: &Id) -> Watching {
        let own = *self.watching.borrow();
        own.unwrap_or_else(|| {
            if lease::is_taken(&self.home, environment) { Watching::Elsewhere } else { Watching::Nobody }
        })
    }

    /// The checks in flight in an environment.
    pub(crate) fn running(&self, environment: &Id) -> BTreeSet<Id> {
        held(&self.air).keys().filter(|(of, _)| of == environment).map(|(_, check)| check.clone()).collect()
    }

    /// Every health of an environment: as the journal keeps it, or newer from memory where that could not be written.
    pub(crate) async fn healths(&self, environment: &Id) -> BTreeMap<Id, CheckHealth> {
        let mut healths = match self.journal.healths(environment).await {
            Ok(healths) => healths,
            Err(error) => {
                tracing::debug!(%error, "healths come from memory only");
                BTreeMap::new()
            }
        };
        for ((of, check), health) in held(&self.memory).iter() {
            let taken = |health: &CheckHealth| health.last.as_ref().map(|sample| sample.at);
            if of == environment && taken(health) > healths.get(check).and_then(taken) {
                healths.insert(check.clone(), health.clone());
            }
        }
        healths
    }

    /// Ends flights and watch, and waits for them.
    pub(crate) async fn close(&self) {
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole between any two statements, so a panic elsewhere has not spoiled it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
