//! The harness of the stories: a home in a temporary folder, the real `lifeboat` program, and waiting for what
//! should come with a deadline instead of sleeping. Nothing here decides anything about the product.

#![expect(clippy::expect_used, reason = "a set-up that does not work ends the story, and says what it was")]

use std::{
    future::Future,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lifeboat_domain::{Id, status::Board};
use lifeboat_engine::{Engine, Options};
use tempfile::TempDir;

/// A home of its own, with the range that may be up in it. Dropping it takes the range down.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    alone: Option<MutexGuard<'static, ()>>,
}

/// Held by the story whose range is up: several at once would be slow, and checks say so.
static ALONE: Mutex<()> = Mutex::new(());

/// What a run of the program answered.
#[derive(Debug)]
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Answer {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is not one JSON object.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty home.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::Builder::new().prefix("lifeboat story ").tempdir().expect("a temporary folder");
        Self { folder, alone: None }
    }

    /// A home whose range is up.
    ///
    /// # Panics
    /// When the range does not come up.
    pub fn with_range() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut home = Self::new();
        home.alone = Some(alone);
        let answer = home.run(&["range", "up"]);
        assert_eq!(answer.code, 0, "the range did not come up: {answer:?}");
        home
    }

    /// Its folder. The name has a space in it, as people's folders do.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program with its home and the bundled plan, ready for a verb.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.arg("--home").arg(self.path()).env_remove("LIFEBOAT_PLAN").env_remove("LIFEBOAT_HOME");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.command().args(arguments).output().expect("the program starts").into()
    }

    /// Opens the engine on this home, as the window does.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn engine(&self) -> Engine {
        let options = Options {
            home: self.path().to_owned(),
            plan: bundled_plan(),
            environment: None,
            actor: "person:story".to_owned(),
        };
        Engine::open(options).await.expect("the engine opens")
    }
}

/// The range is taken down while the folder is still there and nobody else begins.
impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.run(&["range", "down"]);
    }
}

/// The bundled plan's folder.
pub fn bundled_plan() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src-tauri/plans/samia-tarot")
}

/// A copy of the bundled plan that a story may spoil.
///
/// # Panics
/// When it cannot be copied.
pub fn plan_copy(into: &Path) -> PathBuf {
    let to = into.join("plan");
    copy_folder(&bundled_plan(), &to);
    to
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder") {
        let entry = entry.expect("an entry");
        let copy = to.join(entry.file_name());
        if entry.file_type().expect("its kind").is_dir() {
            copy_folder(&entry.path(), &copy);
        } else {
            std::fs::copy(entry.path(), copy).expect("a copy");
        }
    }
}

/// The program built beside the stories.
///
/// # Panics
/// When it has not been built.
pub fn program() -> PathBuf {
    let here = std::env::current_exe().expect("this program's path");
    let folder = here.parent().and_then(Path::parent).expect("target folder");
    let program = folder.join(format!("lifeboat{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is missing: run `cargo build --workspace` first", program.display());
    program
}

/// Asks again and again until `question` has an answer, at most for `limit`.
///
/// # Panics
/// When the deadline passes; the message says what was waited for.
pub async fn wait_for<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut question: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = question().await {
            return answer;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The board once `good` holds.
///
/// # Panics
/// When it does not hold within `limit`; the message carries the last board.
pub async fn board_when(engine: &Engine, what: &str, limit: Duration, good: impl Fn(&Board) -> bool) -> Board {
    let started = Instant::now();
    loop {
        let board = engine.board().await.expect("a board");
        if good(&board) {
            return board;
        }
        let checks: Vec<String> =
            board.checks.iter().map(|check| format!("{} {}: {}", check.id, check.health, check.reason)).collect();
        assert!(started.elapsed() < limit, "waited {limit:?} in vain for {what}; the board: {checks:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A name of the plan.
///
/// # Panics
/// When it is none.
pub fn id(name: &str) -> Id {
    name.parse().expect("a name")
}
