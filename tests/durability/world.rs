//! The writer's world: a small plan, a prober that answers as the script says, homes that are quick to write.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
};

use chrono::Utc;
use lifeboat_domain::{
    check::{Check, Sample, Verdict},
    problem::Problem,
};
use lifeboat_engine::{
    Engine, Options,
    scheduler::{Probing, Targets},
};
use tempfile::TempDir;

/// The checks of the plan.
pub(crate) const CHECKS: [&str; 3] = ["first", "second", "third"];
/// Its environments; the first is the one an engine begins in.
pub(crate) const ENVIRONMENTS: [&str; 2] = ["production", "staging"];

const PLAN: &str = r#"
[document]
id = "DR-1"
title = "Plan"
platform = "Platform"
version = "VERSION"
updated = "2026-01"
next-review = "2027-01"
owner = "SRE"
classification = "Internal"

[objectives]
rto = { target = "4h", tolerable = "24h" }
rpo = { target = "1h", tolerable = "4h" }
availability = { target = "99.9%", tolerable = "99.5%" }
data-loss = { target = "1h", tolerable = "4h" }

[tiers]
critical = { name = "Critical", rank = 1 }

[functions.payments]
name = "Payments"
tier = "critical"
requires = ["database"]

[systems]

[stores.database]
name = "PostgreSQL"
holds = "All data"
priority = "P0"

[providers]
"#;

/// A folder that is gone when this is dropped, in memory where the computer offers that.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("lifeboat-durability-");
    if memory.is_dir()
        && let Ok(folder) = builder.tempdir_in(memory)
    {
        return folder;
    }
    builder.tempdir().expect("a temporary folder")
}

/// Writes the plan in one of its versions.
pub(crate) fn write_plan(folder: &Path, version: u64) {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the plan's folder");
        // In one go: another program may be reading.
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).expect("the plan");
        std::fs::rename(&beside, &path).expect("the plan");
    };
    let checks: Vec<String> = CHECKS
        .iter()
        .map(|id| {
            format!(
                "[checks.{id}]\nname = \"Check {id}\"\nof = \"database\"\nkind = \"tcp\"\nendpoint = \"database\"\n\
                 interval = \"60s\"\ntimeout = \"5s\"\nfailures = 2\nretry = \"100ms\"\n"
            )
        })
        .collect();
    put("checks.toml", &checks.concat());
    for id in ENVIRONMENTS {
        let text = format!(
            "name = \"{id}\"\nkind = \"{id}\"\n\n[endpoints.database]\nkind = \"host\"\nhost = \"db.example.org\"\n\
             port = \"5432\"\n"
        );
        put(&format!("environments/{id}.toml"), &text);
    }
    put("plan.toml", &PLAN.replace("VERSION", &format!("1.{version}")));
}

/// A prober that says of each check what it was told, and nothing happens on any network.
#[derive(Debug, Default)]
pub(crate) struct Says(Mutex<BTreeMap<String, Verdict>>);

impl Says {
    /// From now on this check's answer is that.
    pub(crate) fn say(&self, check: &str, verdict: Verdict) {
        self.0.lock().unwrap().insert(format!("Check {check}"), verdict);
    }
}

impl Probing for Says {
    fn probe<'a>(&'a self, check: &'a Check, _: &'a Targets) -> Pin<Box<dyn Future<Output = Sample> + Send + 'a>> {
        let verdict = self.0.lock().unwrap().get(&check.name).copied().unwrap_or(Verdict::Operational);
        Box::pin(async move {
            let answer = (verdict != Verdict::Operational).then(|| "refused".to_owned());
            let reason = format!("said {verdict}");
            Sample { at: Utc::now(), latency_ms: 1.5, verdict, fault: None, reason, measurements: Vec::new(), answer }
        })
    }
}

/// Opens a home as somebody.
pub(crate) async fn open(home: &Path, plan: &Path, actor: &str, says: &Arc<Says>) -> Result<Engine, Problem> {
    let options = Options {
        home: home.to_owned(),
        plan: plan.to_owned(),
        environment: ENVIRONMENTS[0].parse().ok(),
        actor: actor.to_owned(),
    };
    Engine::open_with(options, says.clone()).await
}

/// A home and the plan beside it. The home itself is not made: the engine makes it.
#[derive(Debug)]
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { folder: folder() };
        write_plan(&world.plan(), 0);
        world
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    /// A path beside home and plan.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
