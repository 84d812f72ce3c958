//! The values an environment waits for: `<home>/environments/<name>.json`, written by whoever brings it up.
//!
//! The file holds credentials, so one that others can read is refused. It is looked at again when it changes, so a
//! range that comes up or goes down is noticed while running.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::Check,
    environment::{Environment, Target, Unbound},
};
use serde::Deserialize;

/// The largest file of values read, in bytes.
const LARGEST: u64 = 1 << 20;
/// How often at most the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the values of an environment are.
pub(crate) fn path_of(home: &Path, environment: &Id) -> PathBuf {
    home.join("environments").join(format!("{environment}.json"))
}

/// The values of an environment at one instant.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Values {
    /// When they were written.
    pub(crate) bound_at: Option<DateTime<Utc>>,
    /// The process that stands behind them, when one does.
    pub(crate) pid: Option<i32>,
    /// When that process started, in clock ticks since the computer did: field 22 of `/proc/PID/stat`.
    pub(crate) started: Option<u64>,
    /// What `${name}` stands for.
    #[serde(default)]
    #[serde(rename = "values")]
    pub(crate) places: BTreeMap<String, String>,
    /// Secrets by handle.
    #[serde(default)]
    pub(crate) credentials: BTreeMap<Id, String>,
    /// Jobs that ran while the environment was brought up, by the check that listens for them.
    #[serde(default)]
    pub(crate) beats: BTreeMap<Id, DateTime<Utc>>,
    /// Why the file cannot be used, if so.
    #[serde(skip)]
    pub(crate) refused: Option<String>,
}

impl fmt::Debug for Values {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handles: Vec<&Id> = self.credentials.keys().collect();
        formatter
            .debug_struct("Values")
            .field("bound_at", &self.bound_at)
            .field("pid", &self.pid)
            .field("started", &self.started)
            .field("places", &self.places)
            .field("credentials", &handles)
            .field("beats", &self.beats)
            .field("refused", &self.refused)
            .finish()
    }
}

impl Values {
    /// The targets of a check's endpoints. When the file of values was refused, that is why they are not bound.
    pub(crate) fn targets(&self, environment: &Environment, check: &Check) -> BTreeMap<Id, Result<Target, Unbound>> {
        let bind = |endpoint: &Id| {
            let target = environment.target(endpoint, &self.places).unwrap_or(Err(Unbound::Absent));
            match (target, &self.refused) {
                (Err(Unbound::Missing(_)), Some(why)) => Err(Unbound::Unusable(why.clone())),
                (target, _) => target,
            }
        };
        check.probe.endpoints().into_iter().map(|(_, endpoint)| (endpoint.clone(), bind(endpoint))).collect()
    }
}

/// What tells one state of the file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    mode: u32,
}

#[derive(Debug)]
struct Kept {
    looked: Instant,
    stamp: Option<Stamp>,
    values: Arc<Values>,
}

/// The file of one environment's values.
#[derive(Debug)]
pub(crate) struct ValuesFile {
    path: PathBuf,
    kept: Mutex<Kept>,
}

impl ValuesFile {
    /// Reads it for the first time.
    pub(crate) fn open(home: &Path, environment: &Id) -> Self {
        let path = path_of(home, environment);
        let stamp = stamp_of(&path);
        let values = Arc::new(read(&path));
        Self { path, kept: Mutex::new(Kept { looked: Instant::now(), stamp, values }) }
    }

    /// The values now. The file is looked at no more than once a second, and read only when it changed.
    pub(crate) fn current(&self) -> Arc<Values> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.looked.elapsed() >= LOOK_EVERY {
            self.look(&mut kept);
        }
        kept.values.clone()
    }

    /// The values now, looked at whatever the time.
    pub(crate) fn look_now(&self) -> Arc<Values> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut kept);
        kept.values.clone()
    }

    fn look(&self, kept: &mut Kept) {
        kept.looked = Instant::now();
        let stamp = stamp_of(&self.path);
        if stamp != kept.stamp {
            kept.stamp = stamp;
            kept.values = Arc::new(read(&self.path));
        }
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok(), size: metadata.len(), mode: metadata.permissions().mode() })
}

fn read(path: &Path) -> Values {
    match try_read(path) {
        Ok(values) => values,
        Err(why) => Values { refused: Some(why), ..Values::default() },
    }
}

fn try_read(path: &Path) -> Result<Values, String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Values::default()),
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    let metadata = file.metadata().map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(format!("{shown} holds credentials but others may read it; make it private with chmod 600"));
    }
    if metadata.len() > LARGEST {
        return Err(format!("{shown} is larger than a file of values can be"));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    // serde's words can quote what they could not read, and that may be a credential: only the place is told.
    serde_json::from_str(&text)
        .map_err(|error| format!("{shown} is not a file of values: line {}, column {}", error.line(), error.column()))
}
