//! Progress on standard error for anything that takes over two seconds.

use std::{
    future::Future,
    io::{IsTerminal, Write as _},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior};

/// Waits for `work`; from two seconds on says every second on a terminal, or every ten elsewhere, that it still runs.
pub(crate) async fn during<T>(label: &str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let mut ticks =
        tokio::time::interval_at(started + Duration::from_secs(2), Duration::from_secs(if terminal { 1 } else { 10 }));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tokio::pin!(work);
    let mut shown = false;
    loop {
        tokio::select! {
            result = &mut work => {
                if shown && terminal {
                    let _ = write!(std::io::stderr(), "\r\u{1b}[K");
                }
                return result;
            }
            _ = ticks.tick() => {
                shown = true;
                let seconds = started.elapsed().as_secs();
                let _ = if terminal {
                    write!(std::io::stderr(), "\r\u{1b}[K{label} … {seconds} s")
                } else {
                    writeln!(std::io::stderr(), "{label} … {seconds} s")
                };
                let _ = std::io::stderr().flush();
            }
        }
    }
}

/// Says one step of longer work.
pub(crate) fn step(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
