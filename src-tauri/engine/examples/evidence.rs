//! What the journal promises in figures, measured by hand: `cargo run --release --example evidence -- VERB FOLDER`.
//!
//! `build` fills a home with a million entries, `start` and `verify` measure it, `full` fills the disk the folder is on
//! and goes on writing (give it a small one), `idle` counts wake-ups while nothing happens.

#![expect(clippy::print_stdout, reason = "its answer is what it prints")]

use std::{
    error::Error,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use lifeboat_domain::journal::Fact;
use lifeboat_engine::{Engine, Options, view::JournalQuery};

type Done = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let home = PathBuf::from(arguments.next().ok_or("name a folder")?);
    match verb.to_str() {
        Some("build") => build(&home, 1_000_000).await,
        Some("start") => start(&home).await,
        Some("verify") => verify(&home).await,
        Some("full") => full(&home).await,
        Some("idle") => idle(&home).await,
        _ => Err("build, start, verify, full or idle".into()),
    }
}

async fn open(home: &Path) -> Result<Engine, Box<dyn Error>> {
    let plan = lifeboat_engine::plans::bundled_plan(None).ok_or("no plan")?;
    let options = Options { home: home.to_owned(), plan, environment: None, actor: "person:amal".to_owned() };
    Ok(Engine::open(options).await?)
}

fn fact(number: u32) -> Fact {
    Fact::FaultInjected { fault: format!("the primary database of the practice range was stopped, number {number}") }
}

async fn build(home: &Path, entries: u32) -> Done {
    let engine = open(home).await?;
    let since = Instant::now();
    for thousand in 0..entries / 1_000 {
        for done in join_all((0..1_000).map(|number| engine.append(fact(thousand * 1_000 + number)))).await {
            done?;
        }
    }
    let took = since.elapsed();
    println!("{entries} entries in {took:.1?}, {:.0} a second", f64::from(entries) / took.as_secs_f64());
    engine.close().await;
    Ok(())
}

async fn start(home: &Path) -> Done {
    let since = Instant::now();
    let engine = open(home).await?;
    let opened = since.elapsed();
    engine.append(fact(0)).await?;
    let appended = since.elapsed();
    let first = engine.journal_list(JournalQuery::default()).await?;
    let listed = since.elapsed();
    println!("{} entries: open {opened:.1?}, first entry kept {appended:.1?}, listed {listed:.1?}", first.total);
    println!("verified so far: {:?}", first.verification.map(|found| (found.since, found.took_ms)));
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let page = engine.journal_list(JournalQuery::default()).await?;
        if let Some(found) = page.verification.filter(|found| found.since.is_none()) {
            println!("in full: {} intact, {} checkpoints, {:.0} ms", found.intact, found.checkpoints, found.took_ms);
            break;
        }
    }
    engine.close().await;
    Ok(())
}

async fn verify(home: &Path) -> Done {
    let engine = open(home).await?;
    for _ in 0..3 {
        let found = engine.journal_verify().await?;
        let rate = found.intact as f64 / found.took_ms * 1_000.0;
        println!("{} entries in {:.0} ms, {rate:.0} a second, bad: {:?}", found.intact, found.took_ms, found.bad);
    }
    let since = Instant::now();
    println!("rebuilt {:?} in {:.1?}", engine.journal_rebuild().await?, since.elapsed());
    engine.close().await;
    Ok(())
}

async fn full(home: &Path) -> Done {
    let engine = open(home).await?;
    engine.append(fact(0)).await?;
    let reserve = home.join("journal.reserve");
    while !reserve.exists() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let filler = home.join("filler");
    let mut file = fs::File::create(&filler)?;
    let ended = loop {
        if let Err(error) = file.write_all(&[7; 4_096]) {
            break error;
        }
    };
    println!("the disk is full: {ended}");
    let mut kept = 0;
    while reserve.exists() {
        engine.append(fact(kept)).await?;
        kept += 1;
    }
    println!("{kept} entries until the reserve was needed; trouble: {:?}", engine.trouble().map(|told| told.message));
    let mut more = 0;
    let refused = loop {
        match engine.append(fact(more)).await {
            Ok(_) => more += 1,
            Err(problem) => break problem.message,
        }
        if more == 20_000 {
            break "not refused".to_owned();
        }
    };
    println!("{more} entries more, one at a time, all acknowledged, then: {refused}");
    let found = engine.journal_verify().await?;
    println!("{} intact, bad: {:?}", found.intact, found.bad);
    fs::remove_file(&filler)?;
    let since = Instant::now();
    while engine.trouble().is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("well again {:.1?} after there was space, the reserve is back: {}", since.elapsed(), reserve.exists());
    engine.append(fact(0)).await?;
    engine.close().await;
    Ok(())
}

async fn idle(home: &Path) -> Done {
    let engine = open(home).await?;
    engine.append(fact(0)).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = switches()?;
    tokio::time::sleep(Duration::from_secs(30)).await;
    println!("{:.2} wake-ups of any thread a second", (switches()? - before) as f64 / 30.0);
    engine.close().await;
    Ok(())
}

/// How often any thread of this process went to sleep by itself.
fn switches() -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or("0");
        sum += line.trim().parse::<u64>()?;
    }
    Ok(sum)
}
