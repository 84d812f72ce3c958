//! What the window costs, beside a blank window of the same kit. Needs a display; `npm run bench` brings one.

use std::{
    env, fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::Command;

use crate::{
    Failure, built,
    checks::Place,
    load::Server,
    process::{self, Running},
    say,
    table::{Row, median},
};

const ROUNDS: usize = 3;
const CHECKS: usize = 1_000;
/// Until the first checks are made and memory has settled.
const SETTLING: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_mins(1);

struct Opened {
    ready_ms: f64,
    memory: f64,
}

pub(crate) async fn measure() -> Result<Vec<Row>, Failure> {
    if env::var_os("DISPLAY").is_none() && env::var_os("WAYLAND_DISPLAY").is_none() {
        return Err("there is no display".into());
    }
    let server = Server::start(0).await?;
    let (mut ours, mut blanks) = (vec![], vec![]);
    for round in 1..=ROUNDS {
        say(&format!("window, round {round} of {ROUNDS}"));
        blanks.push(blank().await?);
        ours.push(lifeboat(&server).await?);
    }
    server.end().await;
    let of = |all: &[Opened], part: fn(&Opened) -> f64| median(all.iter().map(part).collect());
    let (ready, blank_ready) = (of(&ours, |one| one.ready_ms), of(&blanks, |one| one.ready_ms));
    let (memory, blank_memory) = (of(&ours, |one| one.memory), of(&blanks, |one| one.memory));
    Ok(vec![
        Row::new(
            "cold start to the board",
            format!("{ready:.0} ms"),
            format!("blank window, page loaded: {blank_ready:.0} ms ({:.2} of it)", ready / blank_ready),
        )
        .promised("at most 1.5", ready <= blank_ready * 1.5),
        Row::new(
            "memory with the board open and 1,000 checks (PSS, all processes)",
            format!("{memory:.0} MiB"),
            format!("blank window: {blank_memory:.0} MiB ({:.2} of it)", memory / blank_memory),
        )
        .promised("at most 1.25", memory <= blank_memory * 1.25),
    ])
}

async fn blank() -> Result<Opened, Failure> {
    let program = env::current_exe()?.with_file_name("examples").join("blank");
    if !program.is_file() {
        return Err(format!("{} is not built", program.display()).into());
    }
    let begun = Instant::now();
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running::start(&mut command)?;
    let mut lines = running.lines()?;
    let ready = tokio::time::timeout(PATIENCE, async {
        while let Some(line) = lines.next_line().await? {
            if line == "ready" {
                return Ok(());
            }
        }
        Err::<(), Failure>("the blank window ended".into())
    });
    ready.await??;
    let ready_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    tokio::time::sleep(SETTLING).await;
    let memory = process::proportional(running.pid);
    running.end().await;
    Ok(Opened { ready_ms, memory })
}

async fn lifeboat(server: &Server) -> Result<Opened, Failure> {
    let place = Place::new(server.addresses.healthy, &[], CHECKS)?;
    let begun = Instant::now();
    let mut command = Command::new(built("lifeboat-desktop")?);
    command.arg("--home").arg(place.home()).arg("--plan").arg(place.plan()).args(["--env", "production"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running::start(&mut command)?;
    while !said_ready(&place.home().join("logs")) {
        if begun.elapsed() > PATIENCE {
            return Err("the window did not become ready".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ready_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    tokio::time::sleep(SETTLING).await;
    let memory = process::proportional(running.pid);
    running.end().await;
    Ok(Opened { ready_ms, memory })
}

/// The window's log says when its page has shown something.
fn said_ready(logs: &Path) -> bool {
    let files = fs::read_dir(logs).into_iter().flatten().flatten();
    files.into_iter().any(|file| fs::read_to_string(file.path()).is_ok_and(|text| text.contains("the window is ready")))
}
