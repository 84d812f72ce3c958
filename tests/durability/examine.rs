//! What must hold of a home however its writer ended: everything acknowledged is there and nothing twice, the chain is
//! whole, kept healths agree with the facts, SQLite finds its file in order, and the next write works.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use lifeboat_domain::journal::Fact;
use lifeboat_engine::view::JournalQuery;
use sqlx::{
    Connection as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use crate::{script::fingerprint, world};

/// What a writer has said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acknowledged {
    /// Hash by `device/sequence`.
    pub(crate) entries: BTreeMap<String, String>,
    /// Environment, check, microseconds since 1970.
    pub(crate) samples: BTreeSet<(String, String, i64)>,
    /// Fingerprint of its content by file: exports, copies and their manifests.
    pub(crate) files: BTreeMap<PathBuf, u64>,
    /// Signatures under the chain.
    pub(crate) checkpoints: u64,
    /// What was refused, and why.
    pub(crate) failed: Vec<String>,
    /// Whether the script came to its end.
    pub(crate) done: bool,
    /// Every entry that has been there, so that what nobody acknowledged is counted once.
    seen: BTreeSet<String>,
}

impl Acknowledged {
    pub(crate) fn hear(&mut self, line: &str) {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.splitn(3, ' ').collect();
        match (kind, words.as_slice()) {
            ("entry", [id, hash]) => {
                let before = self.entries.insert((*id).to_owned(), (*hash).to_owned());
                assert!(before.is_none_or(|before| before == *hash), "{id} was acknowledged as two entries");
            }
            ("sample", [environment, check, at]) => {
                let at = at.parse().expect("microseconds");
                self.samples.insert(((*environment).to_owned(), (*check).to_owned(), at));
            }
            ("export" | "backup" | "manifest", _) => {
                let (print, path) = rest.split_once(' ').expect("a number and a path");
                self.files.insert(path.into(), print.parse().expect("a fingerprint"));
            }
            ("checkpoints", [signed]) => self.checkpoints = signed.parse().expect("a number"),
            ("failed", _) => self.failed.push(rest.to_owned()),
            ("done", _) => self.done = true,
            _ => {}
        }
    }

    pub(crate) fn hear_file(&mut self, path: &Path) {
        // No file: it ended before it could say anything.
        std::fs::read_to_string(path).unwrap_or_default().lines().for_each(|line| self.hear(line));
    }
}

macro_rules! ensure {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

/// Opens a home as the next start of the program does, and says what does not hold. Answers with how many entries are
/// there that nobody acknowledged and that were not there at the last look.
pub(crate) async fn examine(home: &Path, plan: &Path, acknowledged: &mut Acknowledged) -> Result<usize, String> {
    let engine = world::open(home, plan, "person:amal", &Arc::default())
        .await
        .map_err(|problem| format!("opening: {problem:?}"))?;
    if let Some(trouble) = engine.trouble() {
        return Err(format!("opened with trouble: {trouble:?}"));
    }
    let query = JournalQuery { limit: Some(1), ..JournalQuery::default() };
    let page = engine.journal_list(query).await.map_err(|problem| format!("listing: {problem:?}"))?;
    let verification = page.verification.ok_or("it was not verified")?;
    ensure!(verification.bad.is_none(), "the chain: {:?}", verification.bad);
    if plan.is_dir() {
        engine.board().await.map_err(|problem| format!("the board: {problem:?}"))?;
    }
    let next = engine.append(Fact::RangeStopped {}).await.map_err(|problem| format!("the next append: {problem:?}"))?;
    let broken = |error: sqlx::Error| format!("SQLite: {error}");
    let file =
        SqliteConnectOptions::new().filename(home.join("journal.sqlite")).create_if_missing(false).read_only(true);
    let mut connection = SqliteConnection::connect_with(&file).await.map_err(broken)?;
    let kept = views(&mut connection).await.map_err(broken)?;
    engine.journal_rebuild().await.map_err(|problem| format!("rebuilding: {problem:?}"))?;
    let rebuilt = views(&mut connection).await.map_err(broken)?;
    ensure!(kept == rebuilt, "kept {kept:?}, rebuilt {rebuilt:?}");
    engine.journal_checkpoint().await.map_err(|problem| format!("signing: {problem:?}"))?;
    let verification = engine.journal_verify().await.map_err(|problem| format!("verifying: {problem:?}"))?;
    ensure!(verification.bad.is_none(), "the chain afterwards: {:?}", verification.bad);
    let signed = verification.checkpoints;
    ensure!(signed > acknowledged.checkpoints, "{signed} checkpoints, {} acknowledged", acknowledged.checkpoints);
    acknowledged.checkpoints = signed;
    let looked = look(&mut connection).await.map_err(broken)?;
    let _ = connection.close().await;
    engine.close().await;
    ensure!(looked.integrity == "ok", "integrity_check: {}", looked.integrity);
    ensure!(looked.entries.get(&next.id) == Some(&next.hash), "the next entry is not there");
    // The look's own entries: this one, and the plan's adoption when the writer did not come so far.
    acknowledged.entries.insert(next.id, next.hash);
    for (id, hash) in &acknowledged.entries {
        let there = looked.entries.get(id);
        ensure!(
            there == Some(hash),
            "{id} was acknowledged with {hash}, there is {there:?} of {}",
            looked.entries.len()
        );
    }
    for sample in &acknowledged.samples {
        ensure!(looked.samples.contains(sample), "the sample {sample:?} was acknowledged and is not there");
    }
    for (path, print) in &acknowledged.files {
        // The home may have been moved since: it is the last two names that tell.
        let (name, folder) = (path.file_name(), path.parent().and_then(Path::file_name));
        let path = home.join(folder.unwrap_or_default()).join(name.unwrap_or_default());
        ensure!(fingerprint(&path) == *print, "{} was acknowledged and is not what it was", path.display());
    }
    if let Some(twice) = looked.twice {
        return Err(format!("written twice: {twice}"));
    }
    for (check, health) in &looked.healths {
        let told = looked.changes.get(check).map_or("not-checked", String::as_str);
        ensure!(told == health, "{check:?} is kept as {health}, the facts say {told}");
    }
    let unknown = |id: &&String| !acknowledged.seen.contains(*id) && !acknowledged.entries.contains_key(*id);
    let beyond = looked.entries.keys().filter(unknown).count();
    acknowledged.seen = looked.entries.into_keys().collect();
    Ok(beyond)
}

/// What is kept for speed, as it stands in the file.
async fn views(connection: &mut SqliteConnection) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    let heads = sqlx::query_as("SELECT hex(device), CAST(sequence AS TEXT), hex(hash) FROM head ORDER BY 1");
    let mut views: Vec<_> = heads.fetch_all(&mut *connection).await?;
    let healths = sqlx::query_as("SELECT environment, check_id, body FROM health ORDER BY 1, 2");
    views.extend(healths.fetch_all(connection).await?);
    Ok(views)
}

/// What is in the file, read past the engine.
struct Looked {
    integrity: String,
    entries: BTreeMap<String, String>,
    samples: BTreeSet<(String, String, i64)>,
    /// The newest fact's word on each check.
    changes: BTreeMap<(String, String), String>,
    healths: BTreeMap<(String, String), String>,
    /// A fact that stands in two entries.
    twice: Option<String>,
}

async fn look(connection: &mut SqliteConnection) -> Result<Looked, sqlx::Error> {
    let integrity = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut *connection).await?;
    let (mut entries, mut changes) = (BTreeMap::new(), BTreeMap::new());
    let (mut facts, mut twice) = (BTreeSet::new(), None);
    let rows =
        sqlx::query("SELECT lower(hex(device)), sequence, lower(hex(hash)), kind, body FROM entry ORDER BY place");
    for row in rows.fetch_all(&mut *connection).await? {
        let (device, sequence, hash): (String, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (kind, body): (String, String) = (row.try_get(3)?, row.try_get(4)?);
        let dashed = [&device[..8], &device[8..12], &device[12..16], &device[16..20], &device[20..]].join("-");
        entries.insert(format!("{dashed}/{sequence}"), hash);
        match kind.as_str() {
            "fault-injected" if !facts.insert(body.clone()) => twice = Some(body),
            "health-changed" | "flapping-began" | "flapping-ended" => {
                let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
                let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                changes.insert((word("environment"), word("check")), word("to"));
            }
            _ => {}
        }
    }
    let rows = sqlx::query("SELECT environment, check_id, at_us FROM sample").fetch_all(&mut *connection).await?;
    let samples = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
    let samples = samples.collect::<Result<_, sqlx::Error>>()?;
    let mut healths = BTreeMap::new();
    for row in sqlx::query("SELECT environment, check_id, body FROM health").fetch_all(connection).await? {
        let body: String = row.try_get(2)?;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        healths.insert((row.try_get(0)?, row.try_get(1)?), body["health"].as_str().unwrap_or_default().to_owned());
    }
    Ok(Looked { integrity, entries, samples, changes, healths, twice })
}
