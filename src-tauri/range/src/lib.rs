//! The practice range: real PostgreSQL clusters, an object store and stand-ins of what lives on the internet, each
//! with faults to switch on. The engine does not know it: to the engine it is an environment like any other.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

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

/// Why a range could not be started, changed or removed. Placeholder until the modules are in.
#[derive(Debug, thiserror::Error)]
pub enum RangeError {
    /// Not built yet.
    #[error("not built yet")]
    Unbuilt,
}

/// Brings a range up in the background and waits until it is ready. `launcher` is the program and first arguments
/// that end in [`serve`] when started, such as `lifeboat range serve`; home and size are appended to them.
pub async fn up(
    _home: &Path,
    _size: Size,
    _launcher: (PathBuf, Vec<String>),
    _progress: impl FnMut(Progress) + Send,
) -> Result<RangeStatus, RangeError> {
    Err(RangeError::Unbuilt)
}

/// The background process itself: runs until it is told to end.
pub async fn serve(_home: &Path, _size: Size) -> Result<(), RangeError> {
    Err(RangeError::Unbuilt)
}

/// Ends the range and removes everything it made: processes, ports, files. Also after a crash.
pub async fn down(_home: &Path) -> Result<RangeStatus, RangeError> {
    Err(RangeError::Unbuilt)
}

/// How the range is found now.
pub async fn status(_home: &Path) -> RangeStatus {
    RangeStatus {
        phase: Phase::Down,
        detail: String::new(),
        size: None,
        since: None,
        faults: Vec::new(),
        ports: Vec::new(),
    }
}

/// A fault that can be switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultDescription {
    /// Its name, such as `primary-stopped`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub what: &'static str,
}

/// Every fault there is.
pub fn faults() -> &'static [FaultDescription] {
    &[]
}

/// Switches a fault on. Switching it on twice is the same as once.
pub async fn inject(_home: &Path, _fault: &str) -> Result<RangeStatus, RangeError> {
    Err(RangeError::Unbuilt)
}

/// Switches one fault off, or all of them, and waits until the range works again.
pub async fn mend(_home: &Path, _fault: Option<&str>) -> Result<RangeStatus, RangeError> {
    Err(RangeError::Unbuilt)
}
