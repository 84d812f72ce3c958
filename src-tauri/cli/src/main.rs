//! Lifeboat on the command line: the same engine as the window, for terminals, SSH, cron and scripts.
//!
//! Answers go to standard output, progress and problems to standard error; with `--json` an answer is one object
//! and a problem is `{code, message, hint, field}`. Exit codes: 0 all good, 1 something bad, 2 wrong usage,
//! 3 could not check.

mod answer;
mod breaker;
mod check;
mod doctor;
mod heartbeat;
mod history;
mod journal;
mod plan;
mod progress;
mod range;
mod silence;
mod status;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{
    Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};
use lifeboat_domain::{Code, Id, Problem};
use lifeboat_engine::{Engine, Options};

use answer::{Answer, Ending};

/// Disaster recovery command center: checks a platform against its recovery plan and keeps the evidence.
#[derive(Debug, Parser)]
#[command(name = "lifeboat", version, max_term_width = 120, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    /// Where the journal and everything else is kept.
    #[arg(long, global = true, env = "LIFEBOAT_HOME", value_parser = folder(), value_name = "DIR")]
    home: Option<PathBuf>,
    /// The plan's folder; the bundled plan when absent.
    #[arg(long, global = true, env = "LIFEBOAT_PLAN", value_parser = folder(), value_name = "DIR")]
    plan: Option<PathBuf>,
    /// The environment; the practice range when one is up.
    #[arg(long = "env", global = true, value_name = "NAME")]
    environment: Option<String>,
    /// Answer with JSON: one object per answer.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

/// A folder. Empty is accepted, because an empty variable of the environment means the same as none.
fn folder() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read the plan, and say everything that is wrong with it.
    #[command(subcommand)]
    Plan(plan::PlanVerb),
    /// Check once, now: all checks or those named.
    #[command(args_conflicts_with_subcommands = true)]
    Check {
        /// Names of checks in the plan.
        #[arg(value_name = "ID")]
        checks: Vec<String>,
        #[command(subcommand)]
        verb: Option<history::CheckVerb>,
    },
    /// Show the board: functions by tier, data stores, systems, providers.
    Status {
        /// Show instead for how much of the last 30 and 90 days each worked, and for how much nothing is known.
        #[arg(long)]
        availability: bool,
    },
    /// Keep checking and show every change of health, until interrupted.
    Watch {
        /// End after this many seconds.
        #[arg(long = "for", value_name = "SECONDS")]
        seconds: Option<u64>,
    },
    /// The practice range: a whole platform on this computer, with faults to switch on.
    #[command(subcommand)]
    Range(range::RangeVerb),
    /// The journal: every fact that was kept.
    #[command(subcommand)]
    Journal(journal::JournalVerb),
    /// Report that a job ran, for a check of kind heartbeat. In cron name the environment: --env production.
    Heartbeat {
        /// The check that listens for the job.
        #[arg(value_name = "ID")]
        check: String,
        /// The job went well; so when nothing is said.
        #[arg(long, conflicts_with = "failed")]
        ok: bool,
        /// The job failed, and why.
        #[arg(long, value_name = "MESSAGE")]
        failed: Option<String>,
    },
    /// Say that work is under way: checking goes on, nothing alarms, and it ends by itself.
    #[command(subcommand)]
    Maintenance(silence::MaintenanceVerb),
    /// Want no alarms for a while; what is wrong is shown all the same.
    Mute(silence::MuteArguments),
    /// Want alarms again before the time.
    Unmute {
        /// Its entry, as the board gives it; may be left out while only one is muted.
        entry: Option<String>,
    },
    /// The circuit breakers: which providers are asked, and which failed too often.
    #[command(subcommand)]
    Breaker(breaker::BreakerVerb),
    /// Look at what this computer has and lacks.
    Doctor,
}

/// Where a verb works: folders chosen, engine not yet open.
#[derive(Debug)]
struct Place {
    home: PathBuf,
    plan: Option<PathBuf>,
    environment: Option<Id>,
}

impl Place {
    fn plan_folder(&self) -> Result<&Path, Problem> {
        self.plan.as_deref().ok_or_else(|| {
            Problem::new(Code::PlanMissing, "the bundled plan was not found beside this program")
                .hint("Name the plan's folder with --plan DIR.")
                .field("plan")
        })
    }

    async fn open(&self) -> Result<Engine, Problem> {
        let options = Options {
            home: self.home.clone(),
            plan: self.plan_folder()?.to_owned(),
            environment: self.environment.clone(),
            actor: actor(),
        };
        // A long journal takes a while to be read from end to end.
        progress::during("opening the journal and verifying it", Engine::open(options)).await
    }
}

fn bundled_plan() -> Option<PathBuf> {
    let program = std::env::current_exe().ok();
    lifeboat_engine::plans::bundled_plan(program.as_deref().and_then(Path::parent))
}

fn actor() -> String {
    let name = ["LIFEBOAT_PERSON", "SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned());
    format!("person:{name}")
}

fn main() -> ExitCode {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let json = std::env::args_os().any(|argument| argument == "--json");
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if json && error.use_stderr() => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or("wrong usage").trim_start_matches("error: ").to_owned();
            answer::tell_problem(&Problem::new(Code::Usage, first).hint("Run `lifeboat --help`."), true);
            return ExitCode::from(2);
        }
        Err(error) => {
            // Help and version are answers, everything else a mistake; clap knows which stream is which.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("LIFEBOAT_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off")),
        )
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            answer::tell_problem(&Problem::bug(format!("the runtime did not start: {error}")), json);
            return ExitCode::from(3);
        }
    };
    let ending = runtime.block_on(run(arguments)).unwrap_or_else(|problem| {
        answer::tell_problem(&problem, json);
        Ending::of_problem(&problem)
    });
    // Not waiting for blocking calls that hang, such as a locked keychain's.
    runtime.shutdown_background();
    ExitCode::from(ending.code())
}

async fn run(arguments: Arguments) -> Result<Ending, Problem> {
    let answer = Answer { json: arguments.json };
    let environment = match arguments.environment {
        Some(name) => Some(name.parse::<Id>().map_err(|_| {
            Problem::new(Code::EnvironmentUnknown, format!("no environment is called \"{name}\""))
                .field("env")
                .hint("See the plan's folder environments.")
        })?),
        None => None,
    };
    let place = Place {
        home: arguments.home.filter(|home| !home.as_os_str().is_empty()).unwrap_or_else(lifeboat_engine::default_home),
        plan: arguments.plan.filter(|plan| !plan.as_os_str().is_empty()).or_else(bundled_plan),
        environment,
    };
    match arguments.verb {
        Verb::Plan(verb) => plan::run(&place, &verb, answer),
        Verb::Check { verb: Some(verb), .. } => history::run(&place, &verb, answer).await,
        Verb::Check { checks, verb: None } => check::run(&place, &checks, answer).await,
        Verb::Status { availability: true } => history::availability(&place, answer).await,
        Verb::Status { availability: false } => status::show(&place, answer).await,
        Verb::Watch { seconds } => status::watch(&place, seconds, answer).await,
        Verb::Range(verb) => range::run(&place, verb, answer).await,
        Verb::Journal(verb) => journal::run(&place, verb, answer).await,
        Verb::Heartbeat { check, ok: _, failed } => heartbeat::run(&place, &check, failed, answer).await,
        Verb::Maintenance(verb) => silence::maintenance(&place, verb, answer).await,
        Verb::Mute(arguments) => silence::mute(&place, arguments, answer).await,
        Verb::Unmute { entry } => silence::unmute(&place, entry, answer).await,
        Verb::Breaker(verb) => breaker::run(&place, verb, answer).await,
        Verb::Doctor => doctor::run(&place, answer).await,
    }
}
