//! The practice range: real PostgreSQL clusters, an object store and stand-ins of what lives on the internet, each
//! with faults to switch on. The engine does not know it: to the engine it is an environment like any other.

mod backup;
mod bucket_settings;
mod certificate;
mod cluster;
mod control;
mod customer;
mod data;
mod error;
mod fault;
mod launch;
mod listener;
mod names;
mod object_store;
mod place;
mod platform_api;
mod process;
mod progress;
mod serve;
mod state;
mod tools;
pub mod vendor;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use ts_rs::TS;

use control::Ask;
pub use error::RangeError;
use place::{Lock, Place};
use state::Record;

/// How much data the platform's database is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export, rename = "RangeSize")]
pub enum Size {
    /// 10 000 orders.
    Small,
    /// 1 000 000 orders.
    Large,
}

/// The state a range is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export, rename = "RangePhase")]
pub enum Phase {
    /// Nothing is there.
    Down,
    /// It is coming up.
    Starting,
    /// It is up.
    Up,
    /// Something was left behind by a range that did not end well; `down` removes it.
    Broken,
}

/// A range as it is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, rename = "RangeStatus")]
pub struct RangeStatus {
    /// Its state.
    pub phase: Phase,
    /// The state in one line for a person.
    pub detail: String,
    /// Its size, when it is there.
    pub size: Option<Size>,
    /// When it came up, RFC 3339.
    pub since: Option<String>,
    /// Faults switched on now.
    pub faults: Vec<String>,
    /// Servers by name with their ports on loopback.
    pub ports: Vec<(String, u16)>,
}

/// A step of coming up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, rename = "RangeProgress")]
pub struct Progress {
    /// What is being done, in words.
    pub step: String,
    /// Steps done.
    pub done: u32,
    /// Steps in all.
    pub of: u32,
}

/// How long a fault may take to be switched; restoring a large table takes longest.
const SWITCHING: Duration = Duration::from_mins(5);

/// Brings a range up in the background and waits until it is ready. `launcher` is the program and first arguments
/// that end in [`serve`] when started, such as `lifeboat range serve`; home and size are appended to them as
/// `--home HOME --size small|large`. What a range that ended badly has left is removed first.
///
/// A caller that ends before this returns, however it ends, takes the range with it: nobody else would know of it.
pub async fn up(
    home: &Path,
    size: Size,
    launcher: (PathBuf, Vec<String>),
    progress: impl FnMut(Progress) + Send,
) -> Result<RangeStatus, RangeError> {
    launch::up(home, size, launcher, progress).await
}

/// The background process itself: builds the range and runs until it is told to end, by [`down`], by SIGINT, SIGTERM
/// or SIGHUP, or by its home's removal. It has removed everything when it returns.
pub async fn serve(home: &Path, size: Size) -> Result<(), RangeError> {
    serve::serve(home, size).await
}

/// Ends the range and removes everything it made: processes, ports, files. Also after a crash.
pub async fn down(home: &Path) -> Result<RangeStatus, RangeError> {
    let place = Place::of(home)?;
    if let Some(record) = Record::read(&place) {
        let process = record.process;
        if process.is_alive() && control::ask(&record, Ask::Stop, Duration::from_secs(5)).await.is_err() {
            process.signal(Signal::TERM);
        }
        if !process.ends_within(Duration::from_secs(40)).await {
            process.signal(Signal::KILL);
            process.ends_within(Duration::from_secs(5)).await;
        }
    }
    if place.folder.exists() || place.has_remains() {
        // The home itself may have been deleted over a range that lives outside it.
        let home_was_there = place.home.exists();
        if !home_was_there {
            std::fs::create_dir_all(&place.home).map_err(RangeError::file("create", &place.home))?;
        }
        let lock = wait_for_lock(&place, Duration::from_secs(10)).await?;
        place.remove(lock).await?;
        if !home_was_there {
            let _ = std::fs::remove_dir(&place.home);
        }
    }
    Ok(status(home).await)
}

/// Removes what a range that was killed has left: its servers, found by their pid files and the folder they work in,
/// its files, and the values it was found by. A range that runs, or is just coming up, is left alone.
pub async fn clear(home: &Path) -> Result<RangeStatus, RangeError> {
    let found = status(home).await;
    if found.phase == Phase::Broken {
        let place = Place::of(home)?;
        // What was killed a moment ago may not have let go of its lock yet.
        match wait_for_lock(&place, Duration::from_secs(2)).await {
            Ok(lock) => place.remove(lock).await?,
            // Somebody clears the ground already, or builds on it.
            Err(RangeError::Running { .. }) => return Ok(found),
            Err(error) => return Err(error),
        }
    }
    Ok(status(home).await)
}

/// A range that ends keeps its lock to the last; one that is just coming up keeps it for good.
async fn wait_for_lock(place: &Place, patience: Duration) -> Result<Lock, RangeError> {
    let deadline = Instant::now() + patience;
    loop {
        match place.lock() {
            Err(RangeError::Running { .. }) if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
            other => return other,
        }
    }
}

/// How the range is found now.
pub async fn status(home: &Path) -> RangeStatus {
    let bare = |phase, detail: &str| RangeStatus {
        phase,
        detail: detail.to_owned(),
        size: None,
        since: None,
        faults: Vec::new(),
        ports: Vec::new(),
    };
    let Ok(place) = Place::of(home) else { return bare(Phase::Down, "not up") };
    match Record::read(&place) {
        Some(record) if record.process.is_alive() => {
            match control::ask(&record, Ask::Status, Duration::from_secs(3)).await {
                Ok(status) => status,
                Err(error) => record.status(error.to_string()),
            }
        }
        Some(_) => bare(Phase::Broken, "the background process has ended and left its parts behind"),
        None if place.has_remains() => bare(Phase::Broken, "parts of a range are left behind"),
        None => bare(Phase::Down, "not up"),
    }
}

/// A fault that can be switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultDescription {
    /// Its name, such as `primary-stopped` or `stripe=503`.
    pub name: String,
    /// What it does, in one sentence.
    pub what: String,
}

/// Every fault there is.
pub fn faults() -> Vec<FaultDescription> {
    fault::faults()
}

/// Switches a fault on, and waits until the part is broken. Switching it on twice is the same as once.
pub async fn inject(home: &Path, fault: &str) -> Result<RangeStatus, RangeError> {
    fault::Fault::named(fault)?;
    order(home, Ask::Inject(fault.to_owned())).await
}

/// Switches one fault off, those of a vendor by its name, or all of them, and waits until the range works again.
pub async fn mend(home: &Path, fault: Option<&str>) -> Result<RangeStatus, RangeError> {
    fault.map(fault::Fault::meant).transpose()?;
    order(home, Ask::Mend(fault.map(str::to_owned))).await
}

async fn order(home: &Path, ask: Ask) -> Result<RangeStatus, RangeError> {
    let place = Place::of(home)?;
    match Record::read(&place) {
        Some(record) if record.process.is_alive() => control::ask(&record, ask, SWITCHING).await,
        _ => Err(RangeError::Down { home: place.home }),
    }
}
