//! The watch: takes the lease of the environment in force and keeps its checks checked until told to end; while
//! another program has the lease, waits to take over.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{Id, journal::Fact, status::Watching};
use tokio::{
    sync::{mpsc, watch as changing},
    time::Instant,
};

use super::{
    Force, Scheduler, held, lease,
    schedule::{Pace, Schedule},
};

/// How often the lease is tried while another has it, and how often values and clock are looked at while watching.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Wall clock and monotonic clock further apart than this: the computer slept, or somebody set the clock.
const JUMP: i64 = 5;
/// Who keeps the schedule, for the journal.
const SCHEDULE: &str = "schedule";

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
                    self.keep(force, &mut forces).await;
                    drop(lease);
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
    async fn keep(self: &Arc<Self>, mut force: Arc<Force>, forces: &mut changing::Receiver<Option<Arc<Force>>>) {
        let environment = force.environment.clone();
        let (sender, mut landed) = mpsc::unbounded_channel();
        *held(&self.landed) = Some(sender);
        self.note(Fact::WatchStarted { environment: environment.clone() }).await;
        self.watching.send_replace(Some(Watching::Here));
        let begun = Instant::now();
        let mut schedule = timetable(&force, Duration::ZERO);
        let mut values = force.values.current();
        let mut looked = (begun, (self.clock)());
        loop {
            let now = begun.elapsed();
            for check in schedule.tick(now) {
                self.fly(&force, &check, SCHEDULE);
            }
            let wake = (looked.0 + LOOK_EVERY).min(schedule.next().map_or(looked.0 + LOOK_EVERY, |at| begun + at));
            tokio::select! {
                () = self.ended.cancelled() => break,
                () = tokio::time::sleep_until(wake) => {}
                Some(flight) = landed.recv() => {
                    if flight.environment == environment {
                        schedule.landed(&flight.check, flight.in_doubt, begun.elapsed());
                    }
                }
                _ = forces.changed() => match forces.borrow_and_update().clone() {
                    Some(next) if next.environment == environment => {
                        schedule = timetable(&next, begun.elapsed());
                        force = next;
                    }
                    Some(_) | None => break,
                },
            }
            if looked.0.elapsed() >= LOOK_EVERY {
                let before = std::mem::replace(&mut looked, (Instant::now(), (self.clock)()));
                let bound = force.values.current();
                if !Arc::ptr_eq(&bound, &values) || has_jumped(before, looked) {
                    values = bound;
                    schedule.all_soon(begun.elapsed());
                }
            }
        }
        *held(&self.landed) = None;
        self.note(Fact::WatchStopped { environment }).await;
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

/// Whether the wall clock went another way than the monotonic one. Linux stops the latter while asleep.
fn has_jumped(before: (Instant, DateTime<Utc>), after: (Instant, DateTime<Utc>)) -> bool {
    let passed = after.0.duration_since(before.0).as_secs() as i64;
    ((after.1 - before.1).num_seconds() - passed).abs() > JUMP
}
