//! The writer: a seeded script of every kind of write, and a line for each thing that was acknowledged, written after
//! the acknowledgement. It runs in this program, started again by the tests, so that it can be killed.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use lifeboat_domain::{
    Id,
    check::Verdict,
    journal::{EntryView, Fact},
    problem::Problem,
};
use lifeboat_engine::{Engine, view::JournalQuery};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    dice::Dice,
    examine::{Acknowledged, examine},
    world::{self, CHECKS, ENVIRONMENTS, Says, World, write_plan},
};

const PERSON: &str = "person:amal";
const PROGRAM: &str = "schedule";
/// The name of the test that is the writer when it is started with orders.
const WRITER: &str = "script::the_script_to_its_end_keeps_all_it_acknowledged";

/// What the writer is to do.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) home: PathBuf,
    pub(crate) plan: PathBuf,
    /// Where the lines go.
    pub(crate) acks: PathBuf,
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    /// Whether the schedule checks along.
    pub(crate) watch: bool,
}

impl Orders {
    pub(crate) fn of(world: &World, seed: u64, steps: u64) -> Self {
        let (home, plan, acks) = (world.home(), world.plan(), world.beside("acks"));
        Self { home, plan, acks, seed, steps, watch: false }
    }

    /// This program, as the writer.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", WRITER, "--nocapture", "--test-threads=1"]);
        let set = |name: &str| format!("LIFEBOAT_WRITER_{name}");
        command.env(set("HOME"), &self.home).env(set("PLAN"), &self.plan).env(set("ACKS"), &self.acks);
        command.env(set("SEED"), self.seed.to_string()).env(set("STEPS"), self.steps.to_string());
        command.env(set("WATCH"), self.watch.to_string());
        // Whoever runs the tests keeps a keychain for other things.
        command.env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn from_environment() -> Option<Self> {
        let get = |name: &str| std::env::var(format!("LIFEBOAT_WRITER_{name}")).ok();
        Some(Self {
            home: get("HOME")?.into(),
            plan: get("PLAN")?.into(),
            acks: get("ACKS")?.into(),
            seed: get("SEED")?.parse().ok()?,
            steps: get("STEPS")?.parse().ok()?,
            watch: get("WATCH")?.parse().ok()?,
        })
    }
}

/// Not for its own sake only: started with orders, this is the writer that the other tests kill, record and fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_to_its_end_keeps_all_it_acknowledged() {
    if let Some(orders) = Orders::from_environment() {
        perform(&orders).await;
        return;
    }
    let world = World::new();
    let orders = Orders { watch: true, ..Orders::of(&world, 7, 120) };
    perform(&orders).await;
    let mut acknowledged = Acknowledged::default();
    acknowledged.hear_file(&orders.acks);
    assert!(acknowledged.done && acknowledged.failed.is_empty(), "{:?}", acknowledged.failed);
    let found = examine(&orders.home, &orders.plan, &mut acknowledged).await.unwrap();
    // The key that closing names has nobody to be told to.
    assert!(found <= 1, "{found} entries were not acknowledged");
    assert!(acknowledged.entries.len() > 100 && acknowledged.samples.len() > 20 && acknowledged.checkpoints > 0);
    let wrote =
        |folder: &str| acknowledged.files.keys().any(|path| path.parent().is_some_and(|at| at.ends_with(folder)));
    assert!(wrote("exports") && wrote("copies"));
}

/// Where the lines go: each in one write, so that no line is half there.
#[derive(Debug, Clone)]
struct Acks(Arc<Mutex<File>>);

impl Acks {
    fn open(path: &Path) -> Self {
        let file = File::options().append(true).create(true).open(path).expect("a place for acknowledgements");
        Self(Arc::new(Mutex::new(file)))
    }

    fn line(&self, text: &str) {
        self.0.lock().unwrap().write_all(format!("{text}\n").as_bytes()).expect("a line");
    }

    fn entry(&self, entry: &EntryView) {
        self.line(&format!("entry {} {}", entry.id, entry.hash));
    }

    fn file(&self, what: &str, path: &Path) {
        self.line(&format!("{what} {} {}", fingerprint(path), path.display()));
    }

    fn failed(&self, what: &str, problem: &Problem) {
        self.line(&format!("failed {what} {} {}", problem.code, problem.message.replace('\n', " ")));
    }
}

async fn perform(orders: &Orders) {
    let acks = Acks::open(&orders.acks);
    let mut writer = Writer { orders, acks: acks.clone(), says: Arc::default(), person: None, program: None };
    let mut dice = Dice::new(orders.seed);
    for number in 0..orders.steps {
        let step = Step::roll(&mut dice);
        if let Err(problem) = writer.act(number, &step, &mut dice).await {
            acks.failed(step.name(), &problem);
        }
    }
    writer.close().await;
    acks.line("done");
}

/// Tells one content of a file from another.
pub(crate) fn fingerprint(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::fs::read(path).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    PersonsFact,
    ProgramsFact,
    Sample,
    Burst,
    Export,
    Adopt,
    Environment,
    Checkpoint,
    Backup,
    Rebuild,
    Reopen,
}

impl Step {
    fn roll(dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..35 => Self::PersonsFact,
            35..47 => Self::ProgramsFact,
            47..77 => Self::Sample,
            77..84 => Self::Burst,
            84..87 => Self::Export,
            87..90 => Self::Adopt,
            90..92 => Self::Environment,
            92..94 => Self::Checkpoint,
            94..96 => Self::Backup,
            96..98 => Self::Rebuild,
            _ => Self::Reopen,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::PersonsFact => "persons-fact",
            Self::ProgramsFact => "programs-fact",
            Self::Sample => "sample",
            Self::Burst => "burst",
            Self::Export => "export",
            Self::Adopt => "adopt",
            Self::Environment => "environment",
            Self::Checkpoint => "checkpoint",
            Self::Backup => "backup",
            Self::Rebuild => "rebuild",
            Self::Reopen => "reopen",
        }
    }
}

struct Writer<'o> {
    orders: &'o Orders,
    acks: Acks,
    says: Arc<Says>,
    /// The window, say; and another program on the same home.
    person: Option<(Engine, Id)>,
    program: Option<Engine>,
}

impl Writer<'_> {
    async fn person(&mut self) -> Result<(Engine, Id), Problem> {
        if let Some(open) = &self.person {
            return Ok(open.clone());
        }
        let engine = world::open(&self.orders.home, &self.orders.plan, PERSON, &self.says).await?;
        // What is shown as having happened must have happened for good, whoever wrote it.
        let (mut entries, acks) = (engine.entries(), self.acks.clone());
        tokio::spawn(async move {
            loop {
                match entries.recv().await {
                    Ok(entry) => acks.entry(&entry),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        if self.orders.watch {
            engine.watch().await?;
        }
        let environment = ENVIRONMENTS[0].parse().expect("a name");
        Ok(self.person.insert((engine, environment)).clone())
    }

    async fn program(&mut self) -> Result<Engine, Problem> {
        if let Some(engine) = &self.program {
            return Ok(engine.clone());
        }
        let engine = world::open(&self.orders.home, &self.orders.plan, PROGRAM, &self.says).await?;
        Ok(self.program.insert(engine).clone())
    }

    async fn close(&mut self) {
        if let Some((engine, _)) = self.person.take() {
            engine.close().await;
        }
        if let Some(engine) = self.program.take() {
            engine.close().await;
        }
    }

    fn fact(&self, number: u64, part: u64) -> Fact {
        // A text of its own, so that one written twice would show; of many lengths, so that pages fill unevenly.
        let length = (number * 37 + part * 11) % 700;
        let fault =
            format!("{}-{}-{number}-{part} {}", self.orders.seed, std::process::id(), "x".repeat(length as usize));
        Fact::FaultInjected { fault }
    }

    async fn act(&mut self, number: u64, step: &Step, dice: &mut Dice) -> Result<(), Problem> {
        // Rolled before anything can fail, so that the script is the same however often something does.
        let chance = dice.number();
        match step {
            Step::PersonsFact => {
                let entry = self.person().await?.0.append(self.fact(number, 0)).await?;
                self.acks.entry(&entry);
            }
            Step::ProgramsFact => {
                let entry = self.program().await?.append(self.fact(number, 0)).await?;
                self.acks.entry(&entry);
            }
            Step::Sample => self.sample(chance).await?,
            Step::Burst => self.burst(number, chance).await?,
            Step::Export => {
                let export = self.person().await?.0.journal_export(None).await?;
                self.acks.file("export", Path::new(&export.path));
            }
            Step::Adopt => self.adopt(number).await?,
            Step::Environment => {
                let engine = self.person().await?.0;
                let environment: Id = ENVIRONMENTS[(chance % 2) as usize].parse().expect("a name");
                engine.environment_choose(environment.clone()).await?;
                self.person = Some((engine, environment));
            }
            Step::Checkpoint => {
                let engine = self.person().await?.0;
                engine.journal_checkpoint().await?;
                let signed = engine.journal_verify().await?.checkpoints;
                self.acks.line(&format!("checkpoints {signed}"));
            }
            Step::Backup => self.backup(number).await?,
            Step::Rebuild => {
                self.person().await?.0.journal_rebuild().await?;
            }
            Step::Reopen => self.close().await,
        }
        Ok(())
    }

    async fn sample(&mut self, chance: u64) -> Result<(), Problem> {
        let (engine, environment) = self.person().await?;
        let check = CHECKS[(chance % 3) as usize];
        let verdicts = [Verdict::Operational, Verdict::Outage, Verdict::Outage, Verdict::Degraded, Verdict::Unknown];
        self.says.say(check, verdicts[(chance / 3 % 5) as usize]);
        let results = engine.check_run(Some(vec![check.parse().expect("a name")])).await?;
        // A result is shown even when it could not be kept; that it could not is what trouble says.
        if let Some(trouble) = engine.trouble() {
            return Err(trouble);
        }
        for result in results {
            self.acks.line(&format!("sample {environment} {} {}", result.id, result.sample.at.timestamp_micros()));
        }
        Ok(())
    }

    async fn burst(&mut self, number: u64, chance: u64) -> Result<(), Problem> {
        let engines = [self.person().await?.0, self.program().await?];
        let appends = (1..=4 + chance % 9).map(|part| {
            let (engine, fact, acks) =
                (engines[(part % 2) as usize].clone(), self.fact(number, part), self.acks.clone());
            async move {
                let entry = engine.append(fact).await?;
                acks.entry(&entry);
                Ok(())
            }
        });
        join_all(appends).await.into_iter().collect()
    }

    async fn backup(&mut self, number: u64) -> Result<(), Problem> {
        let engine = self.person().await?.0;
        let folder = self.orders.home.join("copies");
        let _ = std::fs::create_dir(&folder);
        let name = format!("{}-{}-{number}.sqlite", self.orders.seed, std::process::id());
        let backup = engine.journal_backup(folder.join(name)).await?;
        self.acks.file("backup", Path::new(&backup.path));
        self.acks.file("manifest", Path::new(&backup.manifest));
        Ok(())
    }

    async fn adopt(&mut self, number: u64) -> Result<(), Problem> {
        let engine = self.person().await?.0;
        write_plan(&self.orders.plan, self.orders.seed % 1_000 * 10_000 + number);
        let hash = engine.plan_read().await?.plan.map(|plan| plan.hash);
        let query = JournalQuery { limit: Some(1), kind: Some("plan-adopted".to_owned()), ..JournalQuery::default() };
        // It is noted with the first thing done by it; if that fails, with the next.
        for part in 0..2 {
            let entry = engine.append(self.fact(number, part)).await?;
            self.acks.entry(&entry);
            let newest = engine.journal_list(query.clone()).await?.entries.pop();
            if let Some(entry) = newest.filter(|entry| entry.body["hash"].as_str() == hash.as_deref()) {
                self.acks.entry(&entry);
                return Ok(());
            }
        }
        Err(Problem::bug("an adoption was not noted"))
    }
}
