//! Between window and engine: the one engine of this window, the range of its home, and the journal's event.
//!
//! A home that cannot be opened is tried again at the next call, so that a disk made free or a permission given is
//! enough. What the engine knows is asked anew each time. Only the keychain's answer is kept: asking may bring up a
//! window in which a person is to unlock it, so it is asked at the start and when a person looks again.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lifeboat_domain::{
    Code, Id, Problem,
    environment::EnvironmentKind,
    journal::{EntryView, Fact},
    status::EnvironmentTag,
};
use lifeboat_engine::{
    Engine,
    doctor::DoctorReport,
    secrets::{keychain_state, within},
    view::JournalQuery,
};
use lifeboat_range::{Phase, Progress, RangeStatus, Size};
use tauri::{AppHandle, Emitter, Manager};
use tokio::sync::{OnceCell, broadcast::error::RecvError, watch};
use tracing::{error, info, warn};

use crate::{
    options::{self, Options},
    presence::Presence,
    view::{AppView, KeychainView},
};

/// An entry was appended to the journal.
const JOURNAL: &str = "journal";

/// How long the first answer to the window waits for the keychain.
const KEYCHAIN_PATIENCE: Duration = Duration::from_secs(2);

/// How long a person may take to unlock the keychain.
const UNLOCK_PATIENCE: Duration = Duration::from_mins(2);

/// How long the range may take to come up in the hands of another program.
const RANGE_PATIENCE: Duration = Duration::from_mins(5);

/// An open engine, and whether its home was new when it was opened.
#[derive(Debug)]
struct Opened {
    engine: Engine,
    fresh: bool,
}

/// What the commands talk to.
#[derive(Debug)]
pub(crate) struct Bridge {
    window: AppHandle,
    home: PathBuf,
    plan: PathBuf,
    environment: Option<Id>,
    start_range: bool,
    opened: OnceCell<Opened>,
    keychain: watch::Sender<Option<KeychainView>>,
    /// Why the range asked for at the start did not come up.
    range_problem: Mutex<Option<Problem>>,
    /// What a person asked for that is not done yet.
    jobs: Mutex<Vec<&'static str>>,
}

/// Something under way, until it is dropped.
#[derive(Debug)]
struct Job<'a> {
    jobs: &'a Mutex<Vec<&'static str>>,
    name: &'static str,
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        let mut jobs = lock(self.jobs);
        if let Some(at) = jobs.iter().position(|name| *name == self.name) {
            jobs.swap_remove(at);
        }
    }
}

impl Bridge {
    pub(crate) fn new(window: AppHandle, options: &Options) -> Self {
        Self {
            window,
            home: options.home(),
            plan: options.plan(),
            environment: options.environment.clone(),
            start_range: options.start_range,
            opened: OnceCell::new(),
            keychain: watch::Sender::new(None),
            range_problem: Mutex::new(None),
            jobs: Mutex::default(),
        }
    }

    /// What a person asked for that is not done yet, by name.
    pub(crate) fn jobs(&self) -> Vec<&'static str> {
        lock(&self.jobs).clone()
    }

    fn begin_job(&self, name: &'static str) -> Job<'_> {
        lock(&self.jobs).push(name);
        Job { jobs: &self.jobs, name }
    }

    /// The home.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The engine, opened by the first who asks.
    pub(crate) async fn engine(&self) -> Result<&Engine, Problem> {
        Ok(&self.opened().await?.engine)
    }

    async fn opened(&self) -> Result<&Opened, Problem> {
        self.opened.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<Opened, Problem> {
        let options = lifeboat_engine::Options {
            home: self.home.clone(),
            plan: self.plan.clone(),
            environment: self.environment.clone(),
            actor: options::actor(),
        };
        let engine = Engine::open(options).await.inspect_err(|problem| warn!(%problem, "home not opened"))?;
        let fresh = self.environment.is_none() && is_fresh(&engine).await;
        tauri::async_runtime::spawn(forward(engine.clone(), self.window.clone()));
        // In a home nobody has used, the only environment with values is production. It is not checked before
        // somebody chose it: the welcome asks.
        if !fresh {
            begin(&engine).await;
        }
        info!(home = %self.home.display(), fresh, "home opened");
        Ok(Opened { engine, fresh })
    }

    /// Opens the home and, when asked for, brings the range up.
    pub(crate) async fn start(&self) {
        self.look_at_keychain();
        if self.opened().await.is_err() || !self.start_range {
            return;
        }
        if let Err(problem) = self.range_ensure().await {
            error!(%problem, "range not started");
            *lock(&self.range_problem) = Some(problem);
        }
    }

    /// Ends the watch and waits until everything is written. The range stays up.
    pub(crate) async fn close(&self) {
        if let Some(opened) = self.opened.get() {
            opened.engine.close().await;
        }
        let range = lifeboat_range::status(&self.home).await;
        if range.phase == Phase::Up {
            info!("closed; the practice range stays up until `lifeboat range down`");
        } else {
            info!("closed");
        }
    }

    pub(crate) async fn app_read(&self) -> AppView {
        let (range, keychain) = tokio::join!(self.range_status(), self.keychain());
        let mut view = AppView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            home: self.home.display().to_string(),
            plan_title: None,
            plan_version: None,
            plan_faults: 0,
            environment: None,
            environments: Vec::new(),
            range,
            journal_read_only: None,
            first_run: false,
            keychain,
            problem: lock(&self.range_problem).clone(),
        };
        match self.opened().await {
            Ok(opened) => self.fill(&mut view, opened).await,
            Err(problem) => view.problem = Some(problem),
        }
        view
    }

    async fn fill(&self, view: &mut AppView, opened: &Opened) {
        let (plan, environments, page) = tokio::join!(
            opened.engine.plan_read(),
            opened.engine.environments(),
            opened.engine.journal_list(JournalQuery { limit: Some(1), ..JournalQuery::default() }),
        );
        match plan {
            Ok(plan) => {
                view.plan_faults = u32::try_from(plan.faults.len()).unwrap_or(u32::MAX);
                if let Some(plan) = plan.plan {
                    view.plan_title = Some(plan.document.title);
                    view.plan_version = Some(plan.document.version);
                }
            }
            Err(problem) => view.problem = Some(problem),
        }
        match environments {
            Ok(environments) => {
                view.environment = environments.iter().find(|choice| choice.current).map(|choice| EnvironmentTag {
                    id: choice.id.clone(),
                    name: choice.name.clone(),
                    kind: choice.kind,
                });
                let bound = environments.iter().any(|choice| choice.bound_at.is_some());
                view.first_run = opened.fresh && !self.start_range && !bound && view.range.phase == Phase::Down;
                view.environments = environments;
            }
            // A plan with faults has no environments; its faults are told already.
            Err(problem) if problem.code == Code::PlanInvalid => {}
            Err(problem) => view.problem = Some(problem),
        }
        match page {
            Ok(page) => view.journal_read_only = page.read_only,
            Err(problem) => view.problem = Some(problem),
        }
    }

    async fn keychain(&self) -> KeychainView {
        let mut answer = self.keychain.subscribe();
        match tokio::time::timeout(KEYCHAIN_PATIENCE, answer.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone().unwrap_or_else(KeychainView::unanswered),
            Ok(Err(_)) | Err(_) => KeychainView::unanswered(),
        }
    }

    /// Asks the keychain, without waiting for its answer: a person may have to unlock it first.
    fn look_at_keychain(&self) {
        let kept = self.keychain.clone();
        tauri::async_runtime::spawn_blocking(move || drop(kept.send_replace(Some(keychain_state().into()))));
    }

    /// Asks the keychain and waits for a person, if it does.
    pub(crate) async fn keychain_unlock(&self) -> KeychainView {
        let asked = within(UNLOCK_PATIENCE, || Ok(keychain_state())).await;
        let view = asked.map_or_else(|_| KeychainView::unanswered(), KeychainView::from);
        self.keychain.send_replace(Some(view.clone()));
        view
    }

    pub(crate) async fn environment_choose(&self, environment: Id) -> Result<AppView, Problem> {
        let engine = self.engine().await?;
        engine.environment_choose(environment).await?;
        begin(engine).await;
        Ok(self.app_read().await)
    }

    /// Looks at this computer; at the keychain once more too, since whoever asks may have unlocked it.
    pub(crate) async fn doctor_run(&self) -> Result<DoctorReport, Problem> {
        self.look_at_keychain();
        match self.opened().await {
            Ok(opened) => opened.engine.doctor().await,
            Err(_) => Ok(lifeboat_engine::doctor::doctor(&self.home).await),
        }
    }

    pub(crate) async fn range_status(&self) -> RangeStatus {
        lifeboat_range::status(&self.home).await
    }

    /// Brings the range up, writes that down, and looks at its environment.
    pub(crate) async fn range_up(
        &self,
        size: Size,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<RangeStatus, Problem> {
        let _job = self.begin_job("Starting the practice range");
        let engine = self.engine().await?;
        let program = env::current_exe()
            .map_err(|error| Problem::bug(format!("this program's own path could not be found: {error}")))?;
        let launcher = (program, vec!["range".to_owned(), "serve".to_owned()]);
        let status = lifeboat_range::up(&self.home, size, launcher, progress).await?;
        *lock(&self.range_problem) = None;
        self.append(engine, Fact::RangeStarted { size: size_name(size).to_owned() }).await;
        self.look_at_range(engine).await?;
        Ok(status)
    }

    /// Takes the range down and writes that down.
    pub(crate) async fn range_down(&self) -> Result<RangeStatus, Problem> {
        let _job = self.begin_job("Stopping the practice range");
        let before = self.range_status().await;
        let status = lifeboat_range::down(&self.home).await?;
        if before.phase != Phase::Down {
            self.append(self.engine().await?, Fact::RangeStopped {}).await;
        }
        Ok(status)
    }

    /// Has the range up, whatever state it is found in.
    async fn range_ensure(&self) -> Result<(), Problem> {
        let deadline = Instant::now() + RANGE_PATIENCE;
        loop {
            match self.range_status().await.phase {
                Phase::Up => return self.look_at_range(self.engine().await?).await,
                Phase::Down => {
                    return self.range_up(Size::Small, |step| info!(step = step.step, "range")).await.map(drop);
                }
                Phase::Broken => drop(self.range_down().await?),
                Phase::Starting if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(250)).await,
                Phase::Starting => {
                    return Err(Problem::new(Code::RangeFailed, "the practice range did not finish coming up")
                        .hint("Take it down with `lifeboat range down`, then start it again."));
                }
            }
        }
    }

    async fn look_at_range(&self, engine: &Engine) -> Result<(), Problem> {
        let environments = engine.environments().await?;
        if let Some(range) = environments.into_iter().find(|choice| choice.kind == EnvironmentKind::Range) {
            engine.environment_choose(range.id).await?;
            begin(engine).await;
        }
        Ok(())
    }

    /// Writes a fact down about something that has happened already: a journal that is open for reading only does
    /// not undo it.
    async fn append(&self, engine: &Engine, fact: Fact) {
        if let Err(problem) = engine.append(fact).await {
            warn!(%problem, "fact not written");
        }
    }
}

/// Begins watching; the board says so itself when nobody watches.
async fn begin(engine: &Engine) {
    if let Err(problem) = engine.watch().await {
        warn!(%problem, "watch not begun");
    }
}

/// Whether nothing has been checked in this home and no range was ever started.
async fn is_fresh(engine: &Engine) -> bool {
    for kind in ["health-changed", "range-started", "watch-started"] {
        let query = JournalQuery { limit: Some(1), kind: Some(kind.to_owned()), ..JournalQuery::default() };
        match engine.journal_list(query).await {
            Ok(page) if page.entries.is_empty() && page.read_only.is_none() => {}
            Ok(_) | Err(_) => return false,
        }
    }
    engine.environments().await.is_ok_and(|environments| environments.iter().all(|choice| choice.bound_at.is_none()))
}

/// Tells the window of each entry. When entries came faster than the window was told, the newest one stands for
/// those that were missed: the window reads again whatever it shows.
async fn forward(engine: Engine, window: AppHandle) {
    let mut entries = engine.entries();
    loop {
        match entries.recv().await {
            Ok(entry) => tell(&window, &entry),
            Err(RecvError::Lagged(missed)) => {
                warn!(missed, "journal entries passed over");
                let query = JournalQuery { limit: Some(1), ..JournalQuery::default() };
                if let Ok(page) = engine.journal_list(query).await {
                    page.entries.iter().for_each(|entry| tell(&window, entry));
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn tell(window: &AppHandle, entry: &EntryView) {
    window.state::<Presence>().ring();
    if let Err(error) = window.emit(JOURNAL, entry) {
        warn!(%error, "window not told of an entry");
    }
}

const fn size_name(size: Size) -> &'static str {
    match size {
        Size::Small => "small",
        Size::Large => "large",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
