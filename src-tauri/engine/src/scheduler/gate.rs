//! The gate before the network: how many flights may start at once, in all and to one host.
//!
//! A flight that has been waiting for an answer for a while costs next to nothing, so it stops counting: a crowd of
//! hung servers must not hold up the healthy ones. A flight to several hosts waits for room at each of them, always
//! in the same order, so that no two flights wait for each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use lifeboat_domain::{
    environment::{Limits, Target},
    status::network::{host_of, is_elsewhere},
};
use tokio::sync::Semaphore;

use super::{Targets, held};

/// How long a flight counts among all. Fifty hung servers a second must not take all the room there is.
const COUNTS_FOR: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Gate {
    counts_for: Duration,
    all: Semaphore,
    per_host: usize,
    hosts: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Self {
        let (in_all, per_host) = (limits.in_all.max(1) as usize, limits.per_host.max(1) as usize);
        Self { counts_for: COUNTS_FOR, all: Semaphore::new(in_all), per_host, hosts: Mutex::default() }
    }

    /// Does the work when there is room for it.
    pub(super) async fn pass<T>(&self, hosts: BTreeSet<String>, work: impl Future<Output = T>) -> T {
        let hosts: Vec<Arc<Semaphore>> = {
            let mut known = held(&self.hosts);
            let of = |host| known.entry(host).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))).clone();
            hosts.into_iter().map(of).collect()
        };
        let mut permits = Vec::with_capacity(hosts.len());
        for host in &hosts {
            // The semaphores are never closed; without a permit the work is done all the same.
            permits.extend(host.acquire().await.ok());
        }
        let counted = self.all.acquire().await.ok();
        let mut work = pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(self.counts_for) => {}
        }
        drop(counted);
        work.await
    }
}

/// The hosts a check talks to. On this computer every port stands for a host of its own: behind them are programs
/// that have nothing to do with each other, such as the parts of a practice range.
pub(super) fn hosts_of(targets: &Targets) -> BTreeSet<String> {
    let of = |target: &Target| {
        let host = host_of(target);
        match target {
            _ if is_elsewhere(&host) => host.to_lowercase(),
            Target::Host { port, .. } | Target::Postgres { port, .. } => format!("{host}:{port}"),
            Target::Http { url, .. } => authority(url),
            Target::Bucket { url, .. } => url.as_deref().map_or(host, authority),
            Target::Name { servers, .. } => servers.first().cloned().unwrap_or(host),
            Target::Folder { path } => format!("folder:{path}"),
            Target::Vendor(vendor) => {
                vendor.place().map_or_else(|| host.clone(), |(host, port)| format!("{host}:{port}"))
            }
        }
    };
    targets.values().filter_map(|target| target.as_ref().ok()).map(of).collect()
}

fn authority(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split(['/', '?', '#']).next().unwrap_or(after).to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    fn one(host: impl Into<String>) -> BTreeSet<String> {
        BTreeSet::from([host.into()])
    }

    #[test]
    fn every_host_of_a_check_counts_and_here_every_port_is_one() {
        let http = |url: &str| Ok(Target::Http { url: url.to_owned(), ca: None, credential: None, private: false });
        let hosts = |urls: &[&str]| -> Vec<String> {
            let name = |place: usize| format!("end-{place}").parse().unwrap();
            hosts_of(&urls.iter().enumerate().map(|(place, url)| (name(place), http(url))).collect())
                .into_iter()
                .collect()
        };
        assert_eq!(hosts(&["http://127.0.0.1:20001/providers/stripe"]), ["127.0.0.1:20001"]);
        assert_eq!(hosts(&["http://127.0.0.1:20001", "http://127.0.0.1:20002"]).len(), 2);
        assert_eq!(hosts(&["https://Api.example.org:8443/a", "https://api.example.org"]), ["api.example.org"]);
        assert_eq!(hosts(&["https://b.test", "https://a.test"]), ["a.test", "b.test"]);
    }

    #[tokio::test]
    async fn no_more_at_once_than_the_limits_to_one_host_and_in_all() {
        let gate = Gate { counts_for: Duration::from_mins(10), ..Gate::new(&Limits::default()) };
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Everybody inside lets the others try to get in before leaving.
        let work = || async {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..500 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
        };
        join_all((0..50).map(|_| gate.pass(one("one"), work()))).await;
        assert_eq!(most.swap(0, Ordering::SeqCst), 8);
        join_all((0..200).map(|number| gate.pass(one(number.to_string()), work()))).await;
        assert_eq!(most.swap(0, Ordering::SeqCst), 64);
        // The second host of a check counts as its first does.
        join_all((0..50).map(|number| gate.pass(BTreeSet::from([number.to_string(), "shared".to_owned()]), work())))
            .await;
        assert_eq!(most.swap(0, Ordering::SeqCst), 8);
        let narrow = Gate { counts_for: Duration::from_mins(10), ..Gate::new(&Limits { in_all: 3, per_host: 2 }) };
        join_all((0..50).map(|_| narrow.pass(one("one"), work()))).await;
        assert_eq!(most.swap(0, Ordering::SeqCst), 2);
        join_all((0..50).map(|number| narrow.pass(one(number.to_string()), work()))).await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn checks_of_the_same_hosts_never_wait_for_each_other_in_a_circle() {
        let gate = Gate::new(&Limits { in_all: 2, per_host: 1 });
        let done = AtomicUsize::new(0);
        let hosts = |number: usize| (0..3).map(|step| ((number + step) % 4).to_string()).collect();
        let all = join_all((0..100).map(|number| {
            gate.pass(hosts(number), async {
                tokio::task::yield_now().await;
                done.fetch_add(1, Ordering::SeqCst);
            })
        }));
        tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 100);
    }

    #[tokio::test]
    async fn five_hundred_hung_servers_do_not_hold_up_a_healthy_one() {
        let gate = Arc::new(Gate { counts_for: Duration::from_millis(1), ..Gate::new(&Limits::default()) });
        let hung: Vec<_> = (0..500)
            .map(|number| {
                let gate = gate.clone();
                tokio::spawn(
                    async move { gate.pass(one(format!("hung {number}")), std::future::pending::<()>()).await },
                )
            })
            .collect();
        let healthy = gate.pass(one("healthy"), async { true });
        assert!(tokio::time::timeout(Duration::from_secs(20), healthy).await.unwrap());
        hung.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
