//! Probes: looking at the live platform, once, within a bounded time.
//!
//! A probe only observes; what an observation means is decided in the domain. A probe never fails and never changes
//! what it looks at, beyond the one log record a write check asks for. When to look is the scheduler's matter.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use chrono::Utc;
use futures_util::FutureExt;
use lifeboat_domain::{
    Id, Problem,
    check::{
        Check, Outcome, Probe, Sample, Verdict,
        judge::{self, CouldNot},
    },
    environment::{Target, Unbound},
    plan::quantity::Period,
};

use crate::secrets::{SecretStore, Sensitive};

mod bounded;
mod folder;
pub(crate) mod http;
mod journey;
mod name;
mod network;
mod object;
mod plugin;
mod postgres;
mod query;
mod rows;
mod session;
mod store;
mod tls;
mod trust;
mod vendor;

pub(crate) use bounded::Bounded;
pub use network::{Resolver, SystemResolver};

/// No answer is read further, whatever it is an answer to.
const MOST_READ: usize = 1 << 20;

/// What endpoint names are bound to in the environment that is being watched.
pub type Targets = BTreeMap<Id, Result<Target, Unbound>>;

/// Looks at the platform. Cheap to clone; clones share what is expensive to build.
#[derive(Clone)]
pub struct Prober {
    secrets: Arc<dyn SecretStore>,
    resolver: Arc<dyn Resolver>,
    shared: Arc<Shared>,
}

/// What probes share. Never a connection: each probe makes its own, because that is what it is to prove.
#[derive(Debug)]
struct Shared {
    trust: trust::Trust,
    looks: folder::Looks,
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Prober").finish_non_exhaustive()
    }
}

impl Prober {
    /// A prober that takes credentials from `secrets`.
    pub fn new(secrets: Arc<dyn SecretStore>) -> Result<Self, Problem> {
        let trust = trust::Trust::new().map_err(|error| Problem::bug(format!("no TLS can be set up: {error}")))?;
        let shared = Arc::new(Shared { trust, looks: folder::Looks::default() });
        Ok(Self { secrets, resolver: Arc::new(SystemResolver), shared })
    }

    /// The same prober with other credentials, such as those of another environment.
    #[must_use]
    pub fn with_secrets(&self, secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets, ..self.clone() }
    }

    /// The same prober with names looked up elsewhere.
    #[must_use]
    pub fn with_resolver(&self, resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, ..self.clone() }
    }

    /// Something to ask outside, once, within a time that begins now.
    pub fn attempt<'a>(&'a self, targets: &'a Targets, limit: Period) -> Attempt<'a> {
        Attempt::new(self, targets, limit, Instant::now())
    }

    /// Looks once. Never fails, never panics, and ends within the check's time.
    ///
    /// The latency is what the other side took: reading a credential or the trusted certificates is not part of it.
    pub async fn probe(&self, check: &Check, targets: &Targets) -> Sample {
        let at = Utc::now();
        let started = Instant::now();
        let attempt = Attempt::new(self, targets, check.timeout, started);
        let kind = check.probe.kind();
        let work = AssertUnwindSafe(Box::pin(attempt.observe(&check.probe))).catch_unwind();
        let outcome = match tokio::time::timeout(check.timeout.get(), work).await {
            Ok(Ok(observed)) => observed.unwrap_or_else(|why| why.judge(kind)),
            Ok(Err(_)) => {
                tracing::error!(check = check.name, "a probe panicked");
                Outcome::new(Verdict::Unknown, "this program failed while looking; please report it")
            }
            Err(_) => attempt.ran_out(check.timeout).judge(kind),
        };
        let latency = started.elapsed().saturating_sub(*locked(&attempt.prepared));
        let Outcome { verdict, reason, measurements, answer, fault } =
            attempt.with_secrets(|secrets| judge::settle(outcome, check, latency, secrets));
        Sample { at, latency_ms: latency.as_secs_f64() * 1_000.0, verdict, reason, measurements, answer, fault }
    }
}

/// How far a probe has come, so that running out of time accuses whoever was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Reading from this computer: trusted certificates and the like.
    Preparing,
    /// Waiting for the keychain.
    Credential,
    /// Waiting for the name of the host.
    Resolving,
    /// Waiting for the server.
    Talking,
    /// Waiting for a program on this computer.
    Running,
    /// The server lists, so many objects so far.
    Listing(u64),
    /// The server hands out objects, so many so far.
    Reading(u64),
    /// Waiting for a folder of this computer.
    Folder,
}

/// One question under way to somebody outside, bounded in time, whose credentials are remembered so that none of them
/// is told.
pub struct Attempt<'a> {
    prober: &'a Prober,
    targets: &'a Targets,
    limit: Period,
    deadline: Instant,
    stage: Mutex<Stage>,
    prepared: Mutex<Duration>,
    used: Mutex<Vec<Arc<Sensitive>>>,
    /// Whether a request may have reached the other side.
    pub(crate) sent: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Attempt<'a> {
    /// The same once more, with all of its time.
    pub(crate) fn afresh(&self) -> Self {
        Self::new(self.prober, self.targets, self.limit, Instant::now())
    }

    fn new(prober: &'a Prober, targets: &'a Targets, limit: Period, started: Instant) -> Self {
        Self {
            prober,
            targets,
            limit,
            deadline: started + limit.get(),
            stage: Mutex::new(Stage::Preparing),
            prepared: Mutex::new(Duration::ZERO),
            used: Mutex::new(Vec::new()),
            sent: AtomicBool::new(false),
        }
    }
}

impl std::fmt::Debug for Attempt<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Attempt").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Attempt<'_> {
    async fn observe(&self, probe: &Probe) -> Result<Outcome, CouldNot> {
        match probe {
            Probe::Http(probe) => http::http(self, probe).await,
            Probe::Journey(probe) => journey::journey(self, probe).await,
            Probe::Plugin(probe) => plugin::plugin(self, probe).await,
            // Beats are heard where samples are kept; there is nobody to ask.
            Probe::Heartbeat(_) => Err(CouldNot::Local("nothing to look at: the job reports by itself".to_owned())),
            Probe::Tcp(probe) => tls::tcp(self, probe).await,
            Probe::Tls(probe) => tls::tls(self, probe).await,
            Probe::Postgres(probe) => postgres::server(self, probe).await,
            Probe::PostgresReplication(probe) => Box::pin(postgres::replication(self, probe)).await,
            Probe::PostgresArchive(probe) => postgres::archive(self, probe).await,
            Probe::PostgresSize(probe) => query::size(self, probe).await,
            Probe::Sql(probe) => query::sql(self, probe).await,
            Probe::ObjectNewest(probe) => object::newest(self, probe).await,
            Probe::Dns(probe) => name::dns(self, probe).await,
            Probe::Bucket(probe) => object::bucket(self, probe).await,
            Probe::ObjectSample(probe) => object::sample(self, probe).await,
            Probe::FileNewest(probe) => folder::newest(self, probe).await,
            Probe::StatusPage(probe) => http::status_page(self, probe).await,
            Probe::Vendor(probe) => vendor::vendor(self, probe).await,
        }
    }

    fn target(&self, endpoint: &Id) -> Result<&Target, CouldNot> {
        match self.targets.get(endpoint) {
            Some(Ok(target)) => Ok(target),
            Some(Err(unbound)) => Err(CouldNot::NotBound(unbound.to_string())),
            None => Err(CouldNot::NotBound(format!("not bound: the environment has no endpoint \"{endpoint}\""))),
        }
    }

    fn now_at(&self, stage: Stage) {
        *locked(&self.stage) = stage;
    }

    /// The time left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Does something on this computer that is not part of the latency.
    async fn prepare<T>(&self, stage: Stage, work: impl Future<Output = T>) -> T {
        self.now_at(stage);
        let started = Instant::now();
        let result = work.await;
        *locked(&self.prepared) += started.elapsed();
        result
    }

    /// A credential, read off the asynchronous threads, because a keychain may ask a person first.
    pub(crate) async fn credential(&self, handle: &Id) -> Result<Arc<Sensitive>, CouldNot> {
        let secrets = Arc::clone(&self.prober.secrets);
        let wanted = handle.clone();
        let read = tokio::task::spawn_blocking(move || secrets.get(&wanted));
        let read = self.prepare(Stage::Credential, read).await;
        let secret = read
            .map_err(|_| CouldNot::NoCredential(format!("credential \"{handle}\": could not be read")))?
            .map_err(|fault| CouldNot::NoCredential(format!("credential \"{handle}\": {fault}")))?;
        let secret = Arc::new(secret);
        locked(&self.used).push(Arc::clone(&secret));
        Ok(secret)
    }

    /// Takes a secret for one that is in use, though it was not kept anywhere: a token that was had for a credential.
    pub(crate) fn uses(&self, secret: Sensitive) -> Arc<Sensitive> {
        let secret = Arc::new(secret);
        locked(&self.used).push(Arc::clone(&secret));
        secret
    }

    /// Does something with the secrets that were in use, so that none of them is told.
    pub(crate) fn with_secrets<T>(&self, work: impl FnOnce(&[&str]) -> T) -> T {
        let used = locked(&self.used);
        let secrets: Vec<&str> = used.iter().map(|secret| secret.reveal()).collect();
        work(&secrets)
    }

    /// How long it may take in all.
    pub(crate) const fn limit(&self) -> Period {
        self.limit
    }

    /// What it means that nothing came of it within this time.
    pub(crate) fn ran_out(&self, limit: Period) -> CouldNot {
        match *locked(&self.stage) {
            Stage::Preparing => CouldNot::Local(format!("this computer was not ready within {limit}")),
            Stage::Credential => CouldNot::NoCredential(format!("the keychain did not answer within {limit}")),
            Stage::Resolving => CouldNot::NameUnresolved(limit),
            Stage::Talking => CouldNot::NoAnswer(limit),
            Stage::Running => CouldNot::Unfinished(format!("the plug-in did not end within {limit}")),
            Stage::Listing(objects) => {
                CouldNot::Unfinished(format!("listing did not end within {limit}: {objects} objects so far"))
            }
            Stage::Reading(objects) => {
                CouldNot::Unfinished(format!("reading did not end within {limit}: {objects} objects so far"))
            }
            Stage::Folder => CouldNot::Local(format!("the folder was not read within {limit}")),
        }
    }
}

/// The target is of another kind than the check; the plan's reader keeps this from happening.
fn wrong_kind() -> CouldNot {
    CouldNot::NotBound("not bound: the endpoint is of another kind".to_owned())
}

#[cfg(test)]
mod tests {
    use lifeboat_domain::check::TcpProbe;

    use super::*;
    use crate::secrets::{Fixed, SecretFault};

    pub(super) fn attempt<'a>(prober: &'a Prober, targets: &'a Targets) -> Attempt<'a> {
        Attempt::new(prober, targets, Period::from_secs(4), Instant::now())
    }

    #[test]
    fn running_out_of_time_accuses_whoever_was_waited_for() {
        let prober = Prober::new(Arc::new(Fixed::default())).unwrap();
        let targets = Targets::default();
        let attempt = attempt(&prober, &targets);
        for (stage, reason, verdict) in [
            (Stage::Preparing, "this computer was not ready within 4s", Verdict::Unknown),
            (Stage::Credential, "the keychain did not answer within 4s", Verdict::Unknown),
            (Stage::Resolving, "name not resolved within 4s", Verdict::Unknown),
            (Stage::Talking, "no answer within 4s", Verdict::Outage),
            (Stage::Running, "the plug-in did not end within 4s", Verdict::Unknown),
            (Stage::Listing(54_000), "listing did not end within 4s: 54000 objects so far", Verdict::Unknown),
            (Stage::Reading(7), "reading did not end within 4s: 7 objects so far", Verdict::Unknown),
            (Stage::Folder, "the folder was not read within 4s", Verdict::Unknown),
        ] {
            attempt.now_at(stage);
            let outcome = attempt.ran_out(Period::from_secs(4)).judge(lifeboat_domain::check::ProbeKind::Http);
            assert_eq!((outcome.reason.as_str(), outcome.verdict), (reason, verdict));
        }
    }

    /// A keychain that waits for a person, and one that fails in a way nobody thought of.
    struct Odd(bool);

    impl SecretStore for Odd {
        fn get(&self, _: &Id) -> Result<Sensitive, SecretFault> {
            assert!(self.0, "a keychain that panics");
            std::thread::sleep(Duration::from_millis(400));
            Err(SecretFault::Locked)
        }
    }

    #[tokio::test]
    async fn a_keychain_is_never_held_against_the_platform() {
        let id = |text: &str| text.parse::<Id>().unwrap();
        let target =
            Target::Http { url: "http://127.0.0.1:9".to_owned(), ca: None, credential: Some(id("a")), private: false };
        let targets = BTreeMap::from([(id("end"), Ok(target))]);
        let probe = Probe::Http(lifeboat_domain::check::HttpProbe {
            endpoint: id("end"),
            path: "/".to_owned(),
            method: lifeboat_domain::check::Method::Get,
            headers: BTreeMap::new(),
            follow: false,
            expect: Vec::new(),
        });
        let mut check = Check {
            name: "A".to_owned(),
            of: id("a"),
            why: None,
            interval: Period::from_secs(30),
            timeout: Period::from_secs(5),
            failures: 1,
            retry: Period::from_secs(1),
            slow: None,
            probe,
        };
        let locked = Prober::new(Arc::new(Odd(true))).unwrap();
        let sample = locked.probe(&check, &targets).await;
        assert_eq!(sample.reason, "credential \"a\": the keychain is locked");
        assert!(sample.latency_ms < 300.0, "the keychain's time was counted: {}", sample.latency_ms);
        let panicking = locked.with_secrets(Arc::new(Odd(false)));
        assert_eq!(panicking.probe(&check, &targets).await.verdict, Verdict::Unknown);
        check.timeout = Period::from_millis(50);
        let sample = locked.probe(&check, &targets).await;
        assert_eq!(sample.reason, "the keychain did not answer within 50ms");
        check.probe = Probe::Tcp(TcpProbe { endpoint: id("nowhere") });
        assert_eq!(locked.probe(&check, &targets).await.verdict, Verdict::Unknown);
    }
}
