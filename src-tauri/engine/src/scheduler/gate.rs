//! The gate before the network: how many flights may start at once, in all and to one server.
//!
//! A flight that has been waiting for an answer for a while costs next to nothing, so it stops counting: a crowd of
//! hung servers must not hold up the healthy ones.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use lifeboat_domain::environment::Target;
use tokio::sync::Semaphore;

use super::{Targets, held};

/// Flights at once in all.
const IN_ALL: usize = 64;
/// Flights at once to one server.
const TO_ONE: usize = 8;
/// How long a flight counts among all.
const COUNTS_FOR: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Gate {
    counts_for: Duration,
    all: Semaphore,
    servers: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { counts_for: COUNTS_FOR, all: Semaphore::new(IN_ALL), servers: Mutex::default() }
    }
}

impl Gate {
    /// Does the work when there is room for it.
    pub(super) async fn pass<T>(&self, server: Option<String>, work: impl Future<Output = T>) -> T {
        let server = server
            .map(|name| held(&self.servers).entry(name).or_insert_with(|| Arc::new(Semaphore::new(TO_ONE))).clone());
        // The semaphores are never closed; without a permit the work is done all the same.
        let _to_one = match &server {
            Some(server) => server.acquire().await.ok(),
            None => None,
        };
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

/// The server a check talks to; nothing when its endpoint is not bound.
pub(super) fn server_of(targets: &Targets) -> Option<String> {
    let target = targets.values().find_map(|target| target.as_ref().ok())?;
    Some(match target {
        Target::Http { url, .. } => authority(url),
        Target::Host { host, port, .. } | Target::Postgres { host, port, .. } => format!("{host}:{port}"),
        Target::Bucket { url, region, .. } => url.as_deref().map_or_else(|| format!("s3:{region}"), authority),
        Target::Name { servers, .. } => {
            servers.first().map_or_else(|| "resolver".to_owned(), |server| format!("dns:{server}"))
        }
        Target::Folder { path } => format!("folder:{path}"),
    })
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

    #[test]
    fn servers_are_told_apart_by_host_and_port() {
        assert_eq!(authority("http://127.0.0.1:20001/providers/stripe"), "127.0.0.1:20001");
        assert_eq!(authority("https://api.example.org"), "api.example.org");
    }

    #[tokio::test]
    async fn at_most_eight_at_once_to_one_server_and_sixty_four_in_all() {
        let gate = Gate { counts_for: Duration::from_mins(10), ..Gate::default() };
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Everybody inside lets the others try to get in before leaving.
        let work = || async {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..500 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
        };
        join_all((0..50).map(|_| gate.pass(Some("one".to_owned()), work()))).await;
        assert_eq!(most.swap(0, Ordering::SeqCst), 8);
        join_all((0..200).map(|number| gate.pass(Some(format!("server {number}")), work()))).await;
        assert_eq!(most.load(Ordering::SeqCst), 64);
    }

    #[tokio::test]
    async fn five_hundred_hung_servers_do_not_hold_up_a_healthy_one() {
        let gate = Arc::new(Gate { counts_for: Duration::from_millis(1), ..Gate::default() });
        let hung: Vec<_> = (0..500)
            .map(|number| {
                let gate = gate.clone();
                tokio::spawn(
                    async move { gate.pass(Some(format!("hung {number}")), std::future::pending::<()>()).await },
                )
            })
            .collect();
        let healthy = gate.pass(Some("healthy".to_owned()), async { true });
        assert!(tokio::time::timeout(Duration::from_secs(20), healthy).await.unwrap());
        hung.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
