//! The engine from outside: a small plan, a scripted prober, one or two engines on a home.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use lifeboat_domain::{
    check::{Check, FaultClass, Sample, Verdict},
    environment::Target,
    problem::Code,
    status::{CheckRow, Health, Watching},
};
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::scheduler::Targets;

mod breakers;
mod judgement;
mod plans;
mod recall;
mod watching;

const PLAN: &str = r#"
[document]
id = "DR-1"
title = "Plan"
platform = "Platform"
version = "1.0"
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

const CHECKS: &str = r#"
[checks.port]
name = "Database port"
of = "database"
kind = "tcp"
endpoint = "database"
interval = "60s"
timeout = "5s"
failures = 2
retry = "100ms"

[checks.other]
name = "Other port"
of = "database"
kind = "tcp"
endpoint = "database"
interval = "200ms"
timeout = "200ms"
failures = 2
retry = "100ms"
"#;

const PRODUCTION: &str = r#"
name = "Production"
kind = "production"

[endpoints.database]
kind = "host"
host = "db.example.org"
port = "5432"
"#;

const RANGE: &str = r#"
name = "Practice range"
kind = "range"

[endpoints.database]
kind = "host"
host = "127.0.0.1"
port = "${primary.port}"
"#;

/// A home with a plan beside it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in [
            ("plan.toml", PLAN),
            ("checks.toml", CHECKS),
            ("environments/production.toml", PRODUCTION),
            ("environments/range.toml", RANGE),
        ] {
            place.write(name, text);
        }
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.plan().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn plan(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn bind(&self, text: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.home().join("environments/range.json");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn options(&self) -> Options {
        Options { home: self.home(), plan: self.plan(), environment: None, actor: "person:amal".to_owned() }
    }

    async fn open(&self, probing: &Arc<Script>) -> Engine {
        Engine::open_with(self.options(), probing.clone()).await.unwrap()
    }
}

const VALUES: &str = r#"{"bound_at": "2026-11-23T08:00:00Z", "values": {"primary.port": "20001"}, "credentials": {}}"#;

/// A prober that says what it is told, and counts.
struct Script {
    says: Mutex<BTreeMap<String, Verdict>>,
    faults: Mutex<BTreeMap<String, FaultClass>>,
    runs: Mutex<BTreeMap<String, usize>>,
    now: AtomicUsize,
    most: AtomicUsize,
    /// Probes of these checks wait until they are let go.
    held: watch::Sender<BTreeSet<String>>,
}

impl Script {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::default(),
            faults: Mutex::default(),
            runs: Mutex::default(),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            held: watch::Sender::new(BTreeSet::new()),
        })
    }

    fn say(&self, check: &str, verdict: Verdict) {
        self.says.lock().unwrap().insert(check.to_owned(), verdict);
    }

    fn hold(&self, check: &str) {
        self.held.send_modify(|held| {
            held.insert(check.to_owned());
        });
    }

    fn let_go(&self) {
        self.held.send_modify(BTreeSet::clear);
    }

    fn runs(&self, check: &str) -> usize {
        self.runs.lock().unwrap().get(check).copied().unwrap_or(0)
    }
}

impl Probing for Script {
    fn probe<'a>(
        &'a self,
        check: &'a Check,
        targets: &'a Targets,
    ) -> Pin<Box<dyn Future<Output = Sample> + Send + 'a>> {
        Box::pin(async move {
            let at = Utc::now();
            *self.runs.lock().unwrap().entry(check.name.clone()).or_default() += 1;
            self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let mut held = self.held.subscribe();
            let _ = held.wait_for(|held| !held.contains(&check.name)).await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            let unbound = targets.values().find_map(|target| target.as_ref().err());
            let told = self.says.lock().unwrap().get(&check.name).copied().unwrap_or(Verdict::Operational);
            assert!(check.name != "Panics", "a mistake in a probe");
            let (verdict, reason) = match unbound {
                Some(unbound) => (Verdict::Unknown, unbound.to_string()),
                None => (told, format!("said {told}")),
            };
            let answer = (verdict != Verdict::Operational).then(|| "refused".to_owned());
            let fault = self.faults.lock().unwrap().get(&check.name).copied();
            Sample { at, latency_ms: 1.5, verdict, reason, measurements: Vec::new(), answer, fault }
        })
    }
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn row<'b>(board: &'b Board, check: &str) -> &'b CheckRow {
    board.checks.iter().find(|row| row.id.as_str() == check).unwrap()
}

async fn kinds(engine: &Engine) -> Vec<String> {
    let page = engine.journal_list(JournalQuery::default()).await.unwrap();
    page.entries.into_iter().rev().map(|entry| entry.kind).collect()
}

/// Waits until something holds, for at most ten seconds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
