//! The own-network guard at work: holds back a failure that may be this computer's own until hosts elsewhere, or the
//! references the plan names, have shown whether there is a network. What that means is the domain's.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    time::Duration,
};

use lifeboat_domain::{
    Id,
    check::{Check, FaultClass, Probe, Sample, TcpProbe, Verdict},
    plan::quantity::Period,
    status::{
        Health,
        network::{NO_NETWORK, Network, Sign, answered, may_be_ours, network},
    },
};
use tokio::{
    sync::{Mutex as Turn, watch as changing},
    time::{Instant, timeout_at},
};

use super::{Force, Key, Scheduler, held, watch::SCHEDULE};

/// How many other sites are asked.
const ASKED: usize = 3;
/// Failures within this time of each other happened at once.
const AT_ONCE: Duration = Duration::from_secs(15);
/// The longest a failure is held back.
const HELD_FOR: Duration = Duration::from_secs(10);
/// How long a finding stands before it is looked for again.
const STANDS_FOR: Duration = Duration::from_secs(5);
/// How long a reference has for its answer.
const REFERENCE: Period = Period::from_secs(3);

/// Tells whether there is a way out of this computer; tests have their own.
pub(crate) type Route = Arc<dyn Fn() -> bool + Send + Sync>;

/// Whether the operating system knows a way to anywhere. Nothing is sent: connecting a UDP socket only looks the
/// way up. The addresses are those kept for documentation (RFC 5737, RFC 3849), which nobody has.
pub(crate) fn route() -> Route {
    let leads = |from: SocketAddr, to: SocketAddr| UdpSocket::bind(from).and_then(|socket| socket.connect(to)).is_ok();
    Arc::new(move || {
        leads((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into())
            || leads((Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into())
    })
}

/// What the latest probe of a check of something elsewhere showed, and when.
#[derive(Debug, Clone)]
struct Shown {
    sign: Sign,
    at: Instant,
}

pub(super) struct Guard {
    route: Route,
    shown: Mutex<BTreeMap<Key, Shown>>,
    /// Changes whenever something was shown.
    news: changing::Sender<()>,
    /// When this computer was last found to have no network.
    absent: Mutex<Option<Instant>>,
    /// What the references answered, and when. Whoever asks while they are asked waits for the same answers.
    references: Turn<Option<(Instant, Vec<bool>)>>,
}

impl Guard {
    pub(super) fn new(route: Route) -> Self {
        Self {
            route,
            shown: Mutex::default(),
            news: changing::Sender::new(()),
            absent: Mutex::default(),
            references: Turn::default(),
        }
    }

    fn note(&self, key: Key, site: &str, fault: Option<FaultClass>) {
        held(&self.shown).insert(key, Shown { sign: Sign { site: site.to_owned(), fault }, at: Instant::now() });
        if answered(fault) {
            *held(&self.absent) = None;
        }
        self.news.send_replace(());
    }

    fn found_absent_lately(&self) -> bool {
        held(&self.absent).is_some_and(|at| at.elapsed() < STANDS_FOR)
    }
}

impl Scheduler {
    /// The sample as it is to be believed: unknown, when it is this computer that has no network.
    pub(super) async fn guarded(self: &Arc<Self>, force: &Arc<Force>, id: &Id, sample: Sample) -> Sample {
        let sites = force.elsewhere();
        let Some(site) = sites.get(id) else { return sample };
        let key = (force.environment.clone(), id.clone());
        self.guard.note(key.clone(), site, sample.fault);
        if !may_be_ours(sample.fault) {
            return sample;
        }
        let known = held(&self.memory).get(&key).map(|health| health.health);
        // What says no more than what is known already accuses nobody anew.
        if known == Some(Health::from(sample.verdict)) && held(&self.guard.absent).is_none() {
            return sample;
        }
        if !self.guard.found_absent_lately() && !self.without_network(force, &sites, &key).await {
            return sample;
        }
        Sample {
            verdict: Verdict::Unknown,
            reason: NO_NETWORK.to_owned(),
            measurements: Vec::new(),
            answer: Some(sample.reason),
            fault: Some(FaultClass::OwnNetwork),
            ..sample
        }
    }

    /// Looks elsewhere until it is clear whether this computer has a network, for ten seconds at most.
    async fn without_network(self: &Arc<Self>, force: &Arc<Force>, sites: &BTreeMap<Id, String>, key: &Key) -> bool {
        let since = Instant::now();
        let references = self.references(force).await;
        let mut asked: Vec<Key> = Vec::new();
        if references.is_empty() {
            let mut seen = BTreeSet::from([sites.get(&key.1)]);
            for (other, site) in sites {
                if asked.len() < ASKED && seen.insert(Some(site)) && self.fly(force, other, SCHEDULE).is_some() {
                    asked.push((key.0.clone(), other.clone()));
                }
            }
        }
        let mut news = self.guard.news.subscribe();
        loop {
            let (found, complete) = self.look_elsewhere(&asked, key, since, &references);
            let last = since.elapsed() >= HELD_FOR;
            if found == Network::Present || complete || last {
                let absent = found == Network::Absent;
                *held(&self.guard.absent) = absent.then(Instant::now);
                return absent;
            }
            // Woken by news or at the end; the guard lives as long as this.
            let _ = timeout_at(since + HELD_FOR, news.changed()).await;
        }
    }

    /// What has been shown since, and whether everybody asked has shown something.
    fn look_elsewhere(&self, asked: &[Key], own: &Key, since: Instant, references: &[bool]) -> (Network, bool) {
        let shown = held(&self.guard.shown);
        // An answer proves a network when it came after the failure; a failure just before it happened with it.
        let counts = |key: &Key, shown: &Shown| {
            shown.at >= since || key == own || (!answered(shown.sign.fault) && shown.at + AT_ONCE >= since)
        };
        let signs: Vec<Sign> =
            shown.iter().filter(|(key, shown)| counts(key, shown)).map(|(_, shown)| shown.sign.clone()).collect();
        let complete = asked.iter().all(|key| shown.get(key).is_some_and(|shown| counts(key, shown)));
        drop(shown);
        (network(&signs, (self.guard.route)(), references), complete)
    }

    /// Whether each of the references the plan names can be reached.
    async fn references(&self, force: &Force) -> Vec<bool> {
        let Some(named) = force.bound.network.as_ref().map(|network| &network.references) else { return Vec::new() };
        let mut kept = self.guard.references.lock().await;
        if let Some((at, answers)) = kept.as_ref()
            && at.elapsed() < STANDS_FOR
            && answers.len() == named.len()
        {
            return answers.clone();
        }
        let reached = named.iter().map(|endpoint| async move {
            let check = Check {
                name: format!("Reference {endpoint}"),
                of: endpoint.clone(),
                why: None,
                interval: REFERENCE,
                timeout: REFERENCE,
                failures: 1,
                retry: REFERENCE,
                slow: None,
                probe: Probe::Tcp(TcpProbe { endpoint: endpoint.clone() }),
            };
            answered(self.look(force, &check).await.fault)
        });
        let answers = futures_util::future::join_all(reached).await;
        *kept = Some((Instant::now(), answers.clone()));
        answers
    }
}
