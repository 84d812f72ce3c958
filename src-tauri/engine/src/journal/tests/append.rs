//! Appending, listing, exporting: one program.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

use futures_util::future::join_all;
use lifeboat_domain::journal::{ChainWalk, Hash, HybridTime};
use proptest::prelude::*;

use super::*;
use crate::view::JournalQuery;

#[tokio::test]
async fn what_is_acknowledged_is_there_after_opening_again() {
    let home = home();
    let journal = open(home.path()).await;
    let first = append(&journal, "api-down").await;
    let second = append(&journal, "api-slow").await;
    assert_eq!((first.sequence, second.sequence), (1, 2));
    assert_eq!(second.previous, first.hash);
    journal.close().await;

    let journal = open(home.path()).await;
    assert_eq!(journal.verification().unwrap().intact, 2);
    let third = append(&journal, "api-degraded").await;
    assert_eq!((third.device, third.sequence, third.previous), (first.device, 3, second.hash));
    assert_eq!(summaries(&journal).await.len(), 3);
    journal.close().await;
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    let home = home();
    let inner = home.path().join("inner");
    let journal = open(&inner).await;
    append(&journal, "api-down").await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let files: Vec<_> = std::fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2);
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    journal.close().await;
}

#[tokio::test]
async fn entries_cannot_be_changed_removed_or_replaced_through_sql() {
    let home = home();
    let journal = open(home.path()).await;
    append(&journal, "api-down").await;
    let mut connection = raw(home.path()).await;
    for statement in [
        "UPDATE entry SET body = '{}'",
        "DELETE FROM entry",
        "INSERT OR REPLACE INTO entry SELECT place, device, sequence, wall_ms, counter, actor, kind, '{}', previous, hash, clock_ms FROM entry",
        "INSERT OR REPLACE INTO entry SELECT place + 7, device, sequence, wall_ms, counter, actor, kind, '{}', previous, hash, clock_ms FROM entry",
    ] {
        let refused = sqlx::query(statement).execute(&mut connection).await.unwrap_err().to_string();
        assert!(refused.contains("journal entries are never"), "{statement}: {refused}");
    }
    assert_eq!(journal.verify().await.unwrap().bad, None);
    journal.close().await;
}

#[tokio::test]
async fn a_hundred_at_once_share_few_commits() {
    let home = home();
    let journal = open(home.path()).await;
    append(&journal, "first").await;
    let commits = || async {
        // Each commit that changes something raises SQLite's change counter by one.
        let bytes = std::fs::metadata(home.path().join("journal.sqlite-wal")).unwrap().len();
        bytes / 4_120
    };
    let before = commits().await;
    let one_alone = {
        append(&journal, "second").await;
        commits().await - before
    };
    let before = commits().await;
    let names: Vec<String> = (0..100).map(|number| format!("fault-{number}")).collect();
    let written = join_all(names.iter().map(|name| journal.append("system".to_owned(), fault(name)))).await;
    let sequences: BTreeSet<u64> = written.into_iter().map(|entry| entry.unwrap().sequence).collect();
    assert_eq!(sequences, (3..=102).collect());
    let pages = commits().await - before;
    assert!(pages < one_alone * 25, "{pages} pages logged for 100 entries, {one_alone} for one");
    journal.close().await;
}

#[tokio::test]
async fn own_entries_are_broadcast_once_and_in_order() {
    let home = home();
    let journal = open(home.path()).await;
    let mut entries = journal.entries();
    for name in ["one", "two", "three"] {
        append(&journal, name).await;
    }
    journal.close().await;
    let mut seen = Vec::new();
    while let Ok(entry) = entries.try_recv() {
        seen.push(entry.sequence);
    }
    assert_eq!(seen, [1, 2, 3]);
}

#[tokio::test]
async fn a_fact_that_stands_is_not_repeated() {
    let home = home();
    let journal = open(home.path()).await;
    let adopted = |hash: &str| Fact::PlanAdopted {
        document: "DR-1".to_owned(),
        version: "1.0".to_owned(),
        hash: hash.to_owned(),
    };
    let mut sequences = Vec::new();
    for hash in ["a", "a", "b", "b", "a"] {
        sequences.push(journal.append_once("system".to_owned(), adopted(hash)).await.unwrap().sequence);
    }
    assert_eq!(sequences, [1, 1, 2, 2, 3]);
    journal.close().await;
}

#[tokio::test]
async fn pages_follow_each_other_and_filters_hold() {
    let home = home();
    let journal = open(home.path()).await;
    let appended = (0..730).map(|number| {
        let fact = if number % 3 == 0 {
            Fact::FaultMended { fault: format!("Fault-{number}") }
        } else {
            fault(&format!("Fault-{number}"))
        };
        journal.append("system".to_owned(), fact)
    });
    join_all(appended).await;
    let mut query = JournalQuery { limit: Some(100), ..JournalQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = journal.list(&query).await.unwrap();
        assert_eq!(page.total, 730);
        seen.extend(page.entries.iter().map(|entry| entry.sequence));
        query.before = page.cursor;
        if query.before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=730).rev().collect::<Vec<u64>>());

    let count = async |query: JournalQuery| journal.list(&query).await.unwrap().entries.len();
    let mended = JournalQuery { kind: Some("fault-mended".to_owned()), ..JournalQuery::default() };
    assert_eq!(count(mended).await, 200, "a page holds 200 at most");
    let text = JournalQuery { text: Some("fault-72".to_owned()), ..JournalQuery::default() };
    assert_eq!(count(text).await, 11, "72 and 720 to 729");
    let check = JournalQuery { check: Some("database-port".to_owned()), ..JournalQuery::default() };
    assert_eq!(count(check).await, 0);
    let wrong = JournalQuery { before: Some("yesterday".to_owned()), ..JournalQuery::default() };
    assert_eq!(journal.list(&wrong).await.unwrap_err().code, Code::Usage);
    journal.close().await;
}

#[tokio::test]
async fn an_export_can_be_verified_by_others_and_overwrites_nothing() {
    let home = home();
    let journal = open(home.path()).await;
    for name in ["one", "two \"quoted\" \u{202e}", "three\nlines"] {
        append(&journal, name).await;
    }
    let export = journal.export(None).await.unwrap();
    assert_eq!(export.entries, 3);
    let text = std::fs::read_to_string(&export.path).unwrap();
    let field = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    let hash = |line: &serde_json::Value, name: &str| Hash(hex::decode(field(line, name)).unwrap().try_into().unwrap());
    let mut walk = None;
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let entry = Entry {
            device: field(&line, "device").parse().unwrap(),
            sequence: line["sequence"].as_u64().unwrap(),
            at: HybridTime {
                wall_ms: line["wall_ms"].as_i64().unwrap(),
                counter: u32::try_from(line["counter"].as_u64().unwrap()).unwrap(),
            },
            clock_ms: line["clock_ms"].as_i64(),
            actor: field(&line, "actor"),
            kind: field(&line, "kind"),
            body: field(&line, "body"),
            previous: hash(&line, "previous"),
            hash: hash(&line, "hash"),
        };
        walk.get_or_insert_with(|| ChainWalk::start(entry.device)).step(&entry).unwrap();
    }
    assert_eq!(walk.unwrap().sequence(), 3);

    let path = PathBuf::from(&export.path);
    assert_eq!(journal.export(Some(path.clone())).await.unwrap_err().code, Code::NotAllowedNow);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let nowhere = home.path().join("no/such/folder.jsonl");
    assert!(journal.export(Some(nowhere)).await.is_err());
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    journal.close().await;
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_heals() {
    let home = home();
    let full = Journal::open(Opening { most_pages: Some(24), ..Opening::of(home.path()) }).await.unwrap();
    let mut acknowledged = 0;
    let problem = loop {
        match full.append(PERSON.to_owned(), fault(&"x".repeat(900))).await {
            Ok(entry) => acknowledged = entry.sequence,
            Err(problem) => break problem,
        }
        assert!(acknowledged < 1_000, "the file never became full");
    };
    assert_eq!(problem.code, Code::DiskFull);
    assert!(problem.hint.is_some());
    assert_eq!(full.append(PERSON.to_owned(), fault(&"y".repeat(900))).await.unwrap_err().code, Code::DiskFull);
    let page = full.list(&JournalQuery::default()).await.unwrap();
    assert_eq!(page.read_only.unwrap().code, Code::DiskFull, "the window has to say so");
    full.close().await;

    let journal = open(home.path()).await;
    assert_eq!(journal.verification().unwrap().intact, acknowledged);
    assert_eq!(append(&journal, "space again").await.sequence, acknowledged + 1);
    assert_eq!(journal.list(&JournalQuery::default()).await.unwrap().read_only, None);
    journal.close().await;
}

#[tokio::test]
async fn a_journal_held_by_another_program_is_busy_and_then_not() {
    let home = home();
    let opening = Opening { patience: Duration::from_millis(50), ..Opening::of(home.path()) };
    let journal = Journal::open(opening).await.unwrap();
    append(&journal, "one").await;
    let mut other = raw(home.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let problem = journal.append(PERSON.to_owned(), fault("two")).await.unwrap_err();
    assert_eq!(problem.code, Code::JournalBusy);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(append(&journal, "three").await.sequence, 2);
    assert_eq!(journal.verify().await.unwrap().bad, None);
    journal.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the wall clock jumps, the order of the entries never runs backwards.
    #[test]
    fn time_never_runs_backwards(walls in prop::collection::vec(-1_000_000i64..4_000_000_000_000, 1..30)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let home = home();
            let millis = Arc::new(AtomicI64::new(0));
            let opening = Opening { clock: clock_at(&millis), ..Opening::of(home.path()) };
            let journal = Journal::open(opening).await.unwrap();
            let mut last = None;
            for wall in walls {
                millis.store(wall, Ordering::SeqCst);
                let entry = append(&journal, "tick").await;
                assert!(Some(entry.at) > last, "{:?} after {last:?}", entry.at);
                assert!(entry.at.wall_ms >= wall);
                last = Some(entry.at);
            }
            assert_eq!(journal.verify().await.unwrap().bad, None);
            journal.close().await;
        });
    }
}
