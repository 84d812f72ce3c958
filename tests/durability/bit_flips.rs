//! One bit of a finished journal is flipped, anywhere in its file. What is shown is what was written, up to the first
//! entry that is not; that one is named; and nothing is acknowledged that the next start would not find.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use lifeboat_domain::{
    check::Verdict,
    journal::{EntryView, Fact},
    problem::Code,
};
use lifeboat_engine::{Engine, view::JournalQuery};
use sqlx::{
    Connection as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use crate::{
    count,
    dice::Dice,
    say,
    world::{self, CHECKS, Says, World},
};

const LANES: usize = 3;
/// Facts in the journal, beside what its samples add.
const FACTS: u64 = 300;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A journal in one file, and every entry of it, the first first.
struct Written {
    bytes: Vec<u8>,
    entries: Vec<EntryView>,
    raw: Vec<Vec<u8>>,
    key: Vec<u8>,
    reserve: u64,
}

#[test]
fn whichever_bit_is_flipped_no_altered_entry_is_shown_as_good() {
    let (flips, seed) = (count("FLIPS", 300), count("SEED", u64::from(std::process::id())));
    let since = Instant::now();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(info);
    }));
    let world = World::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let written = runtime().block_on(written(&world));
    let (next, faults, found) = (AtomicU64::new(0), Mutex::new(Vec::new()), Mutex::new(BTreeMap::<&str, u64>::new()));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let (runtime, folder) = (runtime(), world::folder());
                loop {
                    let flip = next.fetch_add(1, Ordering::SeqCst);
                    if flip >= flips || faults.lock().unwrap().len() >= 5 {
                        return;
                    }
                    let bit = Dice::new(seed ^ flip << 20).below(written.bytes.len() as u64 * 8) as usize;
                    match runtime.block_on(judge(folder.path(), &world.plan(), &written, bit)) {
                        Ok(kind) => *found.lock().unwrap().entry(kind).or_default() += 1,
                        Err(fault) => faults.lock().unwrap().push(format!("bit {bit}: {fault}")),
                    }
                }
            });
        }
    });
    let (faults, found) = (faults.into_inner().unwrap(), found.into_inner().unwrap());
    assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    let each: Vec<String> = found.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    say(&format!(
        "{flips} flipped bits in {} bytes, {} entries (seed {seed}, {} s): {}; no altered entry shown as good",
        written.bytes.len(),
        written.entries.len(),
        since.elapsed().as_secs(),
        each.join(", "),
    ));
    assert!(found.get(NAMED).is_some_and(|named| *named > flips / 10), "hardly any flip met an entry: {found:?}");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked");
}

const NAMED: &str = "found and named";
const UNREADABLE: &str = "made the whole file unreadable and were said";
const BESIDE: &str = "met no entry and were said, with all entries shown";
const HARMLESS: &str = "met no entry";
const WHILE_WRITING: &str = "met no entry and were found by the next write";

async fn written(world: &World) -> Written {
    let says = Arc::new(Says::default());
    let (home, plan) = (world.home(), world.plan());
    let engine = world::open(&home, &plan, "person:amal", &says).await.expect("it opens");
    for number in 0..FACTS {
        let fault = format!("fault-{number} {}", "x".repeat((number * 37 % 300) as usize));
        engine.append(Fact::FaultInjected { fault }).await.expect("appended");
        if number % 5 == 0 {
            let verdict = if number % 20 < 10 { Verdict::Outage } else { Verdict::Operational };
            says.say(CHECKS[number as usize / 5 % 3], verdict);
            engine.check_run(None).await.expect("checked");
        }
    }
    engine.journal_checkpoint().await.expect("signed");
    let entries = shown(&engine).await.expect("listed");
    engine.close().await;
    let file = home.join("journal.sqlite");
    assert!(!home.join("journal.sqlite-wal").exists(), "it is one file");
    let raw = raw(&file).await;
    assert_eq!(raw.len(), entries.len());
    let (bytes, key) = (std::fs::read(file).expect("the journal"), std::fs::read(home.join("device.key")));
    let reserve = std::fs::metadata(home.join("journal.reserve")).map_or(0, |file| file.len());
    Written { bytes, entries, raw, key: key.unwrap_or_default(), reserve }
}

/// What the program shows, the first entry first.
async fn shown(engine: &Engine) -> Result<Vec<EntryView>, String> {
    let mut entries = Vec::new();
    let mut query = JournalQuery { limit: Some(200), ..JournalQuery::default() };
    loop {
        let page = engine.journal_list(query.clone()).await.map_err(|problem| format!("listing: {problem:?}"))?;
        entries.extend(page.entries);
        query.before = page.cursor;
        if query.before.is_none() {
            entries.reverse();
            return Ok(entries);
        }
    }
}

/// Each entry as SQLite reads it, every column; up to the first that it cannot read.
async fn raw(file: &Path) -> Vec<Vec<u8>> {
    use futures_util::TryStreamExt as _;
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(false).read_only(true);
    let Ok(mut connection) = SqliteConnection::connect_with(&options).await else { return Vec::new() };
    let query = "SELECT CAST(concat_ws('|', hex(device), sequence, wall_ms, counter, hex(actor), hex(kind), \
                 hex(body), hex(previous), hex(hash)) AS BLOB) FROM entry ORDER BY place";
    let mut rows = sqlx::query(query).fetch(&mut connection);
    let mut entries = Vec::new();
    while let Ok(Some(row)) = rows.try_next().await {
        entries.push(row.try_get(0).unwrap_or_default());
    }
    entries
}

async fn judge(folder: &Path, plan: &Path, written: &Written, bit: usize) -> Result<&'static str, String> {
    let home = folder.join("home");
    if home.exists() {
        std::fs::remove_dir_all(&home).map_err(|error| error.to_string())?;
    }
    std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
    let file = home.join("journal.sqlite");
    let mut bytes = written.bytes.clone();
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(&file, &bytes).map_err(|error| error.to_string())?;
    // What else the home has: the key, and the reserve, which need not be made anew each time.
    std::fs::write(home.join("device.key"), &written.key).map_err(|error| error.to_string())?;
    let reserve = std::fs::File::create(home.join("journal.reserve")).map_err(|error| error.to_string())?;
    reserve.set_len(written.reserve).map_err(|error| error.to_string())?;
    let raw = raw(&file).await;
    let altered = raw.iter().zip(&written.raw).position(|(now, then)| now != then);
    let altered = altered.or((raw.len() != written.raw.len()).then_some(raw.len().min(written.raw.len())));

    let says = Arc::new(Says::default());
    let engine =
        world::open(&home, plan, "person:amal", &says).await.map_err(|problem| format!("opening: {problem:?}"))?;
    let read_only = match engine.journal_list(JournalQuery::default()).await {
        // Refused in words: nothing is shown, and not silently.
        Err(problem) if problem.code == Code::JournalDamaged => {
            engine.close().await;
            return Ok(UNREADABLE);
        }
        page => page.map_err(|problem| format!("{problem:?}"))?,
    };
    let (verification, read_only) = (read_only.verification, read_only.read_only);
    let entries = shown(&engine).await?;
    // Opening may have noted the plan once more, behind everything else.
    let of_then = entries.len().min(written.entries.len());
    if entries[..of_then] != written.entries[..of_then] {
        let first = entries.iter().zip(&written.entries).find(|(now, then)| now != then);
        return Err(format!("an altered entry is shown as good: {first:?}"));
    }
    // Health and samples may be damaged too: the board still answers or says why not.
    let _ = engine.board().await;
    let _ = engine.check_read(CHECKS[0].parse().expect("a name")).await;
    let appended = engine.append(Fact::RangeStopped {}).await;
    let shown_after = shown(&engine).await;
    engine.close().await;

    let bad = verification.and_then(|verification| verification.bad);
    match (&read_only, bad) {
        (Some(problem), Some(bad)) => {
            if problem.code != Code::JournalDamaged {
                return Err(format!("damaged, and called {problem:?}"));
            }
            if let Ok(entry) = appended {
                return Err(format!("appended {entry:?} to a damaged journal"));
            }
            // The first that is not shown is the first that was altered, and has its name.
            if let Some(altered) = altered {
                let name = written.entries.get(altered).map_or("", |entry| &entry.id);
                let sequence = written.entries.get(altered).map_or(0, |entry| entry.sequence);
                if entries.len() != altered {
                    return Err(format!("entry {altered} was altered, {} are shown: {bad:?}", entries.len()));
                }
                if bad.entry != name && !bad.entry.ends_with(&format!("/{sequence}")) && !bad.entry.contains("place") {
                    return Err(format!("entry {name} was altered, {bad:?} is named"));
                }
            }
            Ok(NAMED)
        }
        (Some(problem), None) if problem.code == Code::JournalDamaged && entries.is_empty() => Ok(UNREADABLE),
        // Damage beside the entries: they are all shown, and nothing is written.
        (Some(problem), None)
            if problem.code == Code::JournalDamaged && entries == written.entries && appended.is_err() =>
        {
            Ok(BESIDE)
        }
        (Some(problem), None) => Err(format!("read-only without a bad entry: {problem:?}, {} shown", entries.len())),
        (None, Some(bad)) => Err(format!("{bad:?}, and open for writing")),
        (None, None) => {
            if entries.len() < written.entries.len() || altered.is_some() {
                return Err(format!("not found: entry {altered:?} altered, {} shown", entries.len()));
            }
            let Ok(appended) = appended else { return Ok(WHILE_WRITING) };
            let again =
                world::open(&home, plan, "person:amal", &says).await.map_err(|problem| format!("{problem:?}"))?;
            let (trouble, after) = (again.trouble(), shown(&again).await?);
            again.close().await;
            if trouble.is_some() || !after.iter().any(|entry| entry.hash == appended.hash) {
                let places = (appended.sequence, shown_after.map(|shown| shown.len()), after.len());
                return Err(format!("appended {places:?}, and then: {trouble:?}"));
            }
            Ok(HARMLESS)
        }
    }
}
