//! What evidence costs: appending beside a plain file that is synced, verifying beside reading and hashing, starting.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lifeboat_domain::journal::Fact;
use lifeboat_engine::{Engine, Options};
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

use crate::{
    Failure,
    checks::Place,
    process, say,
    table::{Row, median, quantile},
};

/// How long one turn of appending takes. Turns alternate, because a disk has moods.
const TURN: Duration = Duration::from_secs(4);
const TURNS: usize = 3;
const WRITERS: usize = 100;
/// What an entry weighs in the file it is compared with.
const LINE: usize = 220;

pub(crate) async fn measure(entries: u64) -> Result<Vec<Row>, Failure> {
    let place = Place::new(SocketAddr::from(([127, 0, 0, 1], 9)), &[], 0)?;
    fs::create_dir_all(place.home())?;
    let mut rows = appending(&place).await?;
    rows.extend(large(&place, entries).await?);
    Ok(rows)
}

async fn open(place: &Place, actor: &str) -> Result<Engine, Failure> {
    let options = Options { home: place.home(), plan: place.plan(), environment: None, actor: actor.to_owned() };
    Ok(Engine::open(options).await.map_err(|problem| problem.to_string())?)
}

fn fact(number: u64) -> Fact {
    Fact::FaultInjected {
        fault: format!(
            "a fault of a plausible length, number {number:012}, so that an entry weighs what entries weigh"
        ),
    }
}

async fn append(engine: &Engine, number: u64) -> Result<(), Failure> {
    engine.append(fact(number)).await.map_err(|problem| problem.to_string())?;
    Ok(())
}

/// One turn: how many a second, and after how many milliseconds all but one in a hundred were acknowledged.
struct Turn {
    rate: f64,
    p99_ms: f64,
}

impl Turn {
    fn of(begun: Instant, waited: Vec<f64>) -> Self {
        Self { rate: waited.len() as f64 / begun.elapsed().as_secs_f64(), p99_ms: quantile(waited, 0.99) * 1_000.0 }
    }
}

/// Appends with so many at once.
async fn appended(engine: &Engine, at_once: usize) -> Result<Turn, Failure> {
    let begun = Instant::now();
    let numbers = stream::iter((0_u64..).take_while(|_| begun.elapsed() < TURN));
    let done = numbers.map(async |number| {
        let since = Instant::now();
        append(engine, number).await.map(|()| since.elapsed().as_secs_f64())
    });
    let waited = done.buffer_unordered(at_once).try_collect().await?;
    Ok(Turn::of(begun, waited))
}

/// Lines into a plain file, each synced.
fn synced_file(folder: &Path) -> Result<Turn, Failure> {
    let mut file = fs::File::create(folder.join("reference"))?;
    let (begun, mut waited, line) = (Instant::now(), vec![], vec![b'x'; LINE]);
    while begun.elapsed() < TURN {
        let since = Instant::now();
        file.write_all(&line)?;
        file.sync_data()?;
        waited.push(since.elapsed().as_secs_f64());
    }
    Ok(Turn::of(begun, waited))
}

async fn appending(place: &Place) -> Result<Vec<Row>, Failure> {
    // A person is not kept waiting for company, so one at a time is the commit itself.
    let (person, program) = (open(place, "person:bench").await?, open(place, "system").await?);
    let (mut single, mut many, mut plain) = (vec![], vec![], vec![]);
    for turn in 1..=TURNS {
        say(&format!("journal: appending, turn {turn} of {TURNS}"));
        plain.push(synced_file(&place.home())?);
        single.push(appended(&person, 1).await?);
        many.push(appended(&program, WRITERS).await?);
    }
    person.close().await;
    program.close().await;
    let p99 = |turns: &[Turn]| median(turns.iter().map(|turn| turn.p99_ms).collect());
    let (person_p99, plain_p99) = (p99(&single), p99(&plain));
    let rate = |turns: &[Turn]| median(turns.iter().map(|turn| turn.rate).collect());
    let (single, many, plain) = (rate(&single), rate(&many), rate(&plain));
    Ok(vec![
        Row::new(
            "append, one at a time, acknowledged on disk",
            format!("{single:.0}/s"),
            format!("file with fdatasync: {plain:.0}/s ({:.2} of it)", single / plain),
        )
        .promised("at least 0.7", single >= plain * 0.7),
        Row::new(
            "append of a person, acknowledged",
            format!("p99 {person_p99:.2} ms"),
            format!("fdatasync: p99 {plain_p99:.2} ms ({:.1} times)", person_p99 / plain_p99),
        )
        .promised("at most 3 times", person_p99 <= plain_p99 * 3.0),
        Row::new(
            &format!("append, {WRITERS} at once"),
            format!("{many:.0}/s"),
            format!("one at a time: {single:.0}/s ({:.0} times)", many / single),
        )
        .promised("at least 10 times, 5,000/s", many >= single * 10.0 && many >= 5_000.0),
    ])
}

async fn large(place: &Place, entries: u64) -> Result<Vec<Row>, Failure> {
    say(&format!("journal: writing {entries} entries"));
    let engine = open(place, "system").await?;
    stream::iter(0..entries).map(|number| append(&engine, number)).buffer_unordered(1_000).try_collect::<()>().await?;
    let (mut verified, mut scanned) = (vec![], vec![]);
    for _ in 0..TURNS {
        say("journal: verifying");
        let begun = Instant::now();
        let verification = engine.journal_verify().await.map_err(|problem| problem.to_string())?;
        verified.push(verification.intact as f64 / begun.elapsed().as_secs_f64());
        if verification.bad.is_some() {
            return Err("the journal did not verify".into());
        }
        let file = place.home().join("journal.sqlite");
        scanned.push(tokio::task::spawn_blocking(move || scan(&file)).await??);
    }
    say("journal: rebuilding");
    let own = || process::cpu(std::process::id()).map(|cpu| cpu.own);
    let before = own()?;
    engine.journal_rebuild().await.map_err(|problem| problem.to_string())?;
    let rebuilt = own()? - before;
    engine.close().await;
    let mut started = vec![];
    for _ in 0..TURNS {
        say("journal: starting");
        let begun = Instant::now();
        let engine = open(place, "system").await?;
        engine.board().await.map_err(|problem| problem.to_string())?;
        started.push(begun.elapsed().as_secs_f64() * 1_000.0);
        engine.close().await;
    }
    let (verified, scanned, started) = (median(verified), median(scanned), median(started));
    Ok(vec![
        Row::new(
            &format!("verify {entries} entries in full"),
            format!("{verified:.0} entries/s"),
            format!("reading and hashing the same bytes: {scanned:.0}/s ({:.2} of it)", verified / scanned),
        )
        .promised("at least 0.6 of it and 700,000/s", verified >= scanned * 0.6 && verified >= 700_000.0),
        Row::new(&format!("start with {entries} entries, to the board"), format!("{started:.0} ms"), "")
            .promised("at most 300 ms", started <= 300.0),
        Row::new(&format!("make anew what is kept for speed of {entries} entries"), format!("{rebuilt:.2} CPU-s"), "")
            .promised("at most 3 CPU-s", rebuilt <= 3.0),
    ])
}

/// Entries a second, when every entry's bytes are only read and hashed.
fn scan(path: &Path) -> Result<f64, Failure> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut entries =
        connection.prepare("SELECT device, actor, kind, body, previous, hash FROM entry ORDER BY place")?;
    let (begun, mut read) = (Instant::now(), 0_u64);
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let mut hasher = Sha256::new();
        for column in 0..6 {
            hasher.update(row.get_ref(column)?.as_bytes()?);
        }
        // What is not used would not be computed.
        if hasher.finalize().iter().all(|byte| *byte == 0) {
            return Err("a hash of nothing but zeroes".into());
        }
        read += 1;
    }
    Ok(read as f64 / begun.elapsed().as_secs_f64())
}
