//! The watch: takes the lease of the environment in force and keeps its checks checked until told to end; while
//! another program has the lease, waits to take over.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    journal::Fact,
    status::{Interruption, Watching},
};
use tokio::{
    sync::{mpsc, watch as changing},
    time::Instant,
};

use super::{
    Force, Scheduler, held,
    lease::{self, Lease},
    schedule::{Pace, Schedule},
};

/// How often the lease is tried while another has it, and how often values and clock are looked at while watching.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Wall clock and monotonic clock further apart than this: the computer slept, or somebody set the clock.
const JUMP: i64 = 5;
/// Who keeps the schedule, for the journal.
pub(super) const SCHEDULE: &str = "schedule";

/// Word of a flight that has ended.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) environment: Id,
    pub(super) check: Id,
    pub(super) in_doubt: bool,
}

impl Scheduler {
    /// Begins to watch, once, and waits until it is clear who watches.
    pub(crate) async fn watch(self: &Arc<Self>) {
        if !self.begun.swap(true, Ordering::SeqCst) {
            let scheduler = self.clone();
            self.tasks.spawn(async move { scheduler.watch_on().await });
        }
        let mut watching = self.watching.subscribe();
        let clear = watching.wait_for(Option::is_some);
        tokio::select! {
            // The sender lives as long as `self`.
            _ = clear => {}
            () = self.ended.cancelled() => {}
        }
    }

    async fn watch_on(self: &Arc<Self>) {
        let mut forces = self.force.subscribe();
        while !self.ended.is_cancelled() {
            let force = forces.borrow_and_update().clone();
            let taken = force.as_ref().map(|force| lease::take(&self.home, &force.environment));
            let watching = match (force, taken) {
                (Some(force), Some(Ok(Some(lease)))) => {
                    self.keep(force, &mut forces, &lease).await;
                    continue;
                }
                (Some(_), Some(Ok(None))) => Watching::Elsewhere,
                (_, Some(Err(error))) => {
                    tracing::warn!(%error, "the lease could not be asked for");
                    Watching::Nobody
                }
                (None, _) | (Some(_), None) => Watching::Nobody,
            };
            self.watching.send_replace(Some(watching));
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = forces.changed() => {}
                () = self.ended.cancelled() => {}
            }
        }
        self.watching.send_replace(None);
    }

    /// Keeps checking until the environment in force is another, or the end.
    async fn keep(
        self: &Arc<Self>,
        mut force: Arc<Force>,
        forces: &mut changing::Receiver<Option<Arc<Force>>>,
        lease: &Lease,
    ) {
        let environment = force.environment.clone();
        if let Some(fact) = self.cut_off(&environment).await {
            self.note(fact).await;
        }
        let mut adopted = self.adopt(&force.plan).await;
        let (sender, mut landed) = mpsc::unbounded_channel();
        *held(&self.landed) = Some(sender);
        self.note(Fact::WatchStarted { environment: environment.clone() }).await;
        self.watching.send_replace(Some(Watching::Here));
        let begun = Instant::now();
        let mut schedule = timetable(&force, Duration::ZERO);
        let mut values = force.values.current();
        let mut looked = (begun, (self.clock)());
        let mut asleep = asleep(begun);
        sign(lease, looked.1);
        loop {
            let now = begun.elapsed();
            for check in schedule.tick(now) {
                self.fly(&force, &check, SCHEDULE);
            }
            let wake = (looked.0 + LOOK_EVERY).min(schedule.next().map_or(looked.0 + LOOK_EVERY, |at| begun + at));
            tokio::select! {
                () = self.ended.cancelled() => break,
                () = tokio::time::sleep_until(wake) => {}
                Some(first) = landed.recv() => {
                    // Those of one batch of the journal land together, and the timetable is gone through once for all.
                    let together = std::iter::once(first).chain(std::iter::from_fn(|| landed.try_recv().ok()));
                    for flight in together.filter(|flight| flight.environment == environment) {
                        schedule.landed(&flight.check, flight.in_doubt, begun.elapsed());
                    }
                }
                _ = forces.changed() => {
                    let next = forces.borrow_and_update().clone();
                    let Some(next) = next.filter(|next| next.environment == environment) else { break };
                    schedule = timetable(&next, begun.elapsed());
                    if next.plan.hash != force.plan.hash {
                        adopted = self.adopt(&next.plan).await;
                    }
                    force = next;
                }
            }
            if looked.0.elapsed() >= LOOK_EVERY {
                let before = std::mem::replace(&mut looked, (Instant::now(), (self.clock)()));
                let bound = force.values.current();
                let jumped = has_jumped(before, looked);
                if jumped {
                    let slept = std::mem::replace(&mut asleep, self::asleep(begun));
                    let why =
                        if asleep.saturating_sub(slept) > JUMP { Interruption::Slept } else { Interruption::Clock };
                    let (environment, from, until) = (environment.clone(), before.1, looked.1);
                    self.note(Fact::WatchInterrupted { environment, from, until, why }).await;
                }
                sign(lease, looked.1);
                // A journal that was closed for a moment is told as soon as it takes something again.
                if !adopted && self.journal.stopped().is_none() {
                    adopted = self.adopt(&force.plan).await;
                }
                if jumped || !Arc::ptr_eq(&bound, &values) {
                    values = bound;
                    schedule.all_soon(begun.elapsed());
                }
            }
        }
        *held(&self.landed) = None;
        self.note(Fact::WatchStopped { environment }).await;
    }

    /// What a watch of this home left open that was cut off: from its last sign of life until now.
    async fn cut_off(&self, environment: &Id) -> Option<Fact> {
        let newest = self.journal.newest_of_watch(environment).await.inspect_err(|error| {
            tracing::warn!(%error, "whether the last watch was cut off could not be read");
        });
        let begun = match newest.ok()?? {
            (entry, Fact::WatchStarted { .. }) => entry.at.to_utc(),
            (_, Fact::WatchInterrupted { until, .. }) => until,
            _ => return None,
        };
        let until = (self.clock)();
        let from = lease::last_sign(&self.home, environment).map_or(begun, |sign| sign.clamp(begun, until.max(begun)));
        Some(Fact::WatchInterrupted { environment: environment.clone(), from, until, why: Interruption::Ended })
    }

    /// Appends a fact of the watch. A journal that cannot be written does not stop the watch.
    async fn note(&self, fact: Fact) {
        if let Err(problem) = self.journal.append(SCHEDULE.to_owned(), fact).await {
            tracing::warn!(code = %problem.code, message = %problem.message, "the watch could not be noted");
        }
    }
}

fn timetable(force: &Force, now: Duration) -> Schedule {
    let paces = force
        .checks
        .iter()
        .map(|(id, check)| (id.clone(), Pace { interval: check.interval.get(), retry: check.retry.get() }));
    Schedule::new(paces, now)
}

fn sign(lease: &Lease, now: DateTime<Utc>) {
    if let Err(error) = lease.sign(now) {
        tracing::debug!(%error, "no sign of life could be left");
    }
}

/// Seconds this computer has slept, up to a constant: what its time since starting, sleep included, is ahead of
/// the monotonic clock, which stops while asleep.
fn asleep(begun: Instant) -> i64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let up: f64 = text.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0.0);
    up as i64 - begun.elapsed().as_secs() as i64
}

/// Whether the wall clock went another way than the monotonic one. Linux stops the latter while asleep.
fn has_jumped(before: (Instant, DateTime<Utc>), after: (Instant, DateTime<Utc>)) -> bool {
    let passed = after.0.duration_since(before.0).as_secs() as i64;
    ((after.1 - before.1).num_seconds() - passed).abs() > JUMP
}
