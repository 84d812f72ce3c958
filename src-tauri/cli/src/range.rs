//! `lifeboat range`: bring the practice range up and down, break it and mend it.

use std::fmt::Write as _;

use clap::{Subcommand, ValueEnum};
use lifeboat_domain::{Code, Problem, journal::Fact};
use lifeboat_range::{Phase, RangeStatus, Size};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, tell_problem},
    progress,
};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SizeArgument {
    /// 10 000 orders.
    Small,
    /// 1 000 000 orders; takes minutes.
    Large,
}

impl From<SizeArgument> for Size {
    fn from(size: SizeArgument) -> Self {
        match size {
            SizeArgument::Small => Self::Small,
            SizeArgument::Large => Self::Large,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum RangeVerb {
    /// Bring it up; it stays up in the background until `range down`.
    Up {
        /// How much data to fill it with.
        #[arg(long, value_enum, default_value = "small")]
        size: SizeArgument,
    },
    /// Take it down: no process, port or file is left, also after a crash.
    Down,
    /// Show whether it is up, its ports and its faults. What a range that was killed has left is cleared away.
    Status,
    /// Switch a fault on; `range faults` lists them.
    Break {
        /// The fault's name.
        fault: String,
    },
    /// Switch a fault off, or all of them.
    Mend {
        /// The fault's name, or a vendor's for all of its faults; all there are when absent.
        fault: Option<String>,
    },
    /// List the faults there are.
    Faults,
    /// The background process itself.
    #[command(hide = true)]
    Serve {
        #[arg(long, value_enum, default_value = "small")]
        size: SizeArgument,
    },
}

#[derive(Debug, Serialize)]
struct Faults {
    faults: Vec<lifeboat_range::FaultDescription>,
}

pub(crate) async fn run(place: &Place, verb: RangeVerb, answer: Answer) -> Result<Ending, Problem> {
    let home = &place.home;
    match verb {
        RangeVerb::Up { size } => {
            let size = Size::from(size);
            let program = std::env::current_exe()
                .map_err(|error| Problem::bug(format!("this program does not find itself: {error}")))?;
            let launcher = (program, vec!["range".to_owned(), "serve".to_owned()]);
            let status = lifeboat_range::up(home, size, launcher, |step| {
                progress::step(&format!("[{}/{}] {}", step.done + 1, step.of, step.step));
            })
            .await?;
            keep(place, answer, Fact::RangeStarted { size: word(size).to_owned() }).await;
            tell(&status, answer)
        }
        RangeVerb::Down => {
            let before = lifeboat_range::status(home).await;
            let status = progress::during("taking the range down", lifeboat_range::down(home)).await?;
            if before.phase != Phase::Down {
                keep(place, answer, Fact::RangeStopped {}).await;
            }
            tell(&status, answer)
        }
        RangeVerb::Status => {
            let mut status = lifeboat_range::status(home).await;
            if status.phase == Phase::Broken {
                progress::step(&format!("{}; clearing it away", status.detail));
                let clearing = lifeboat_range::clear(home);
                status = progress::during("ending the servers of a range that was killed", clearing).await?;
                if status.phase == Phase::Down {
                    keep(place, answer, Fact::RangeStopped {}).await;
                }
            }
            let ending = match status.phase {
                Phase::Up => Ending::Good,
                Phase::Broken => Ending::Bad,
                Phase::Down | Phase::Starting => Ending::CouldNotCheck,
            };
            tell(&status, answer)?;
            Ok(ending)
        }
        RangeVerb::Break { fault } => {
            let status = progress::during("switching the fault on", lifeboat_range::inject(home, &fault)).await?;
            keep(place, answer, Fact::FaultInjected { fault }).await;
            tell(&status, answer)
        }
        RangeVerb::Mend { fault } => {
            let before = lifeboat_range::status(home).await.faults;
            let mending = lifeboat_range::mend(home, fault.as_deref());
            let status = progress::during("mending", mending).await?;
            for mended in before.into_iter().filter(|fault| !status.faults.contains(fault)) {
                keep(place, answer, Fact::FaultMended { fault: mended }).await;
            }
            tell(&status, answer)
        }
        RangeVerb::Faults => {
            let faults = lifeboat_range::faults();
            let mut text = String::new();
            for fault in &faults {
                let _ = writeln!(text, "{:<24} {}", fault.name, fault.what);
            }
            answer.give(&Faults { faults }, &text)?;
            Ok(Ending::Good)
        }
        RangeVerb::Serve { size } => {
            lifeboat_range::serve(home, Size::from(size)).await?;
            Ok(Ending::Good)
        }
    }
}

const fn word(size: Size) -> &'static str {
    match size {
        Size::Small => "small",
        Size::Large => "large",
    }
}

/// Keeps what was done to the range in the journal. The range has changed already, so a journal that cannot be
/// written is told, but is no reason to call the verb failed.
async fn keep(place: &Place, answer: Answer, fact: Fact) {
    let kept = async {
        let engine = place.open().await?;
        let kept = engine.append(fact).await;
        engine.close().await;
        kept.map(|_| ())
    };
    if let Err(problem) = kept.await {
        let problem = Problem {
            code: Code::NotAllowedNow,
            message: format!("done, but not kept in the journal: {}", problem.message),
            ..problem
        };
        tell_problem(&problem, answer.json);
    }
}

fn tell(status: &RangeStatus, answer: Answer) -> Result<Ending, Problem> {
    let mut text = format!("{}\n", status.detail);
    for (name, port) in &status.ports {
        let _ = writeln!(text, "  {name:<10} 127.0.0.1:{port}");
    }
    if !status.faults.is_empty() {
        let _ = writeln!(text, "  faults: {}", status.faults.join(", "));
    }
    answer.give(status, &text)?;
    Ok(Ending::Good)
}
