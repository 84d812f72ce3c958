//! `npm run bench`: what Lifeboat costs, beside what others cost for the same work in the same minutes.
//!
//! Absolute times say more about the computer than about the program; a ratio to a reference measured beside it does
//! not. Nothing here is asserted: a promise that is missed is said in the table, in the same words as one that is kept.

use std::{env, error::Error, io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

mod checks;
mod journal;
mod load;
mod process;
mod table;
mod vendors;
mod window;

/// What a measurement may fail of; it is told and the others go on.
type Failure = Box<dyn Error + Send + Sync>;

/// Measures Lifeboat beside references.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Options {
    /// Only these: checks, delay, vendors, journal, window.
    only: Vec<String>,
    /// Seconds of each steady measurement.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Entries of the large journal.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// The file whose table is replaced, between the marks `<!-- bench -->` and `<!-- /bench -->`.
    #[arg(long)]
    write: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The parts that run as processes of their own, so that their time can be told apart.
#[derive(Debug, Subcommand)]
enum Part {
    /// The server that is checked; it notes when each request came.
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        hung: usize,
    },
    /// The least a checker can do: connect, ask, read, on a plain socket.
    #[command(hide = true)]
    Raw {
        #[arg(long)]
        address: std::net::SocketAddr,
        #[arg(long)]
        rate: u32,
    },
    /// The vendors that are asked.
    #[command(hide = true)]
    StandIn {
        #[arg(long)]
        folder: PathBuf,
    },
    /// Asks a vendor how we stand.
    #[command(hide = true)]
    Ask {
        #[arg(long)]
        place: String,
    },
    /// The least that asking can cost.
    #[command(hide = true)]
    AskRaw {
        #[arg(long)]
        place: String,
    },
    /// One process of a plug-in for each check.
    #[command(hide = true)]
    Plugins {
        #[arg(long)]
        address: std::net::SocketAddr,
        #[arg(long)]
        rate: u32,
        program: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    drop(rustls::crypto::ring::default_provider().install_default());
    let options = Options::parse();
    let done = match options.part {
        Some(Part::Serve { hung }) => load::serve(hung).await,
        Some(Part::Raw { address, rate }) => load::raw(address, rate),
        Some(Part::Plugins { address, rate, program }) => load::plugins(address, rate, &program).await,
        Some(Part::StandIn { folder }) => vendors::stand_in(&folder).await,
        Some(Part::Ask { place }) => vendors::ask(&place).await,
        Some(Part::AskRaw { place }) => vendors::raw(&place),
        None => measure(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<(), Failure> {
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut rows = Vec::new();
    if wanted("checks") {
        take("checks", &mut rows, checks::cost(options.seconds).await);
    }
    if wanted("delay") {
        take("delay", &mut rows, checks::delay(options.seconds.max(45)).await);
    }
    if wanted("vendors") {
        take("vendors", &mut rows, vendors::measure(options.seconds).await);
    }
    if wanted("journal") {
        take("journal", &mut rows, journal::measure(options.entries).await);
    }
    if wanted("window") {
        take("window", &mut rows, window::measure().await);
    }
    let table = table::render(&rows, &process::machine());
    std::io::stdout().write_all(table.as_bytes())?;
    if let Some(file) = &options.write {
        table::replace(file, &table)?;
    }
    Ok(())
}

/// A subject that could not be measured is a row that says so.
fn take(subject: &str, rows: &mut Vec<table::Row>, measured: Result<Vec<table::Row>, Failure>) {
    match measured {
        Ok(measured) => rows.extend(measured),
        Err(error) => rows.push(table::Row::not_measured(subject, &error.to_string())),
    }
}

/// The programs that were built together with this one.
fn built(name: &str) -> Result<PathBuf, Failure> {
    let program = env::current_exe()?.with_file_name(name);
    if program.is_file() { Ok(program) } else { Err(format!("{} is not built", program.display()).into()) }
}

/// Says how far it is; the table alone goes to standard output.
fn say(words: &str) {
    drop(writeln!(std::io::stderr(), "{words}"));
}
