//! Whatever is changed in a stored entry is found and named, and what comes before it can still be read.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::view::JournalQuery;

const ENTRIES: u64 = 8;

async fn written(home: &Path) -> Uuid {
    let journal = open(home).await;
    for number in 1..=ENTRIES {
        append(&journal, &format!("fault-{number}")).await;
    }
    journal.close().await;
    let mut connection = raw(home).await;
    for trigger in ["entry_is_never_changed", "entry_is_never_removed", "entry_is_never_replaced"] {
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
        sqlx::query(drop).execute(&mut connection).await.unwrap();
    }
    // So that a change may leave the table as it pleases: lengths and uniqueness are not what protects.
    sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    journal.shared.device().unwrap()
}

async fn tamper(home: &Path, statements: &[&str]) {
    let mut connection = raw(home).await;
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut connection).await.unwrap();
    for statement in statements {
        let safe = sqlx::AssertSqlSafe((*statement).to_owned());
        sqlx::query(safe).execute(&mut connection).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    connection.close().await.unwrap();
}

/// Opens, and expects so many intact entries and the name of the first bad one.
async fn expect_bad(home: &Path, intact: u64, entry: &str, what: &str) {
    let journal = open(home).await;
    let verification = journal.verification().unwrap();
    let bad = verification.bad.unwrap_or_else(|| panic!("{what}: not found"));
    assert_eq!((verification.intact, bad.entry.as_str()), (intact, entry), "{what}: {}", bad.fault);
    let problem = journal.append(PERSON.to_owned(), fault("more")).await.unwrap_err();
    assert_eq!(problem.code, Code::JournalDamaged, "{what}");
    assert!(problem.message.contains(entry), "{what}: {problem}");
    let page = journal.list(&JournalQuery::default()).await.unwrap();
    assert_eq!((page.entries.len() as u64, page.total), (intact, intact), "{what}");
    assert_eq!(page.read_only.unwrap().code, Code::JournalDamaged, "{what}");
    let export = journal.export(Some(home.join("exported.jsonl"))).await.unwrap();
    assert_eq!(export.entries, intact, "{what}");
    std::fs::remove_file(export.path).unwrap();
    journal.close().await;
}

#[tokio::test]
async fn every_kind_of_tampering_is_named() {
    let template = home();
    let device = written(template.path()).await;
    let swap = [
        "UPDATE entry SET sequence = 100 WHERE place = 3",
        "UPDATE entry SET sequence = 3 WHERE place = 4",
        "UPDATE entry SET sequence = 4 WHERE place = 3",
    ];
    let swap_places = [
        "UPDATE entry SET place = 100 WHERE place = 3",
        "UPDATE entry SET place = 3 WHERE place = 4",
        "UPDATE entry SET place = 4 WHERE place = 100",
    ];
    let duplicate = "INSERT INTO entry SELECT 100, device, 9, wall_ms, counter, actor, kind, body, previous, hash, clock_ms \
                     FROM entry WHERE place = 3";
    let cases: [(&str, &[&str], u64, u64); 17] = [
        ("removed inside", &["DELETE FROM entry WHERE place = 4"], 3, 4),
        ("removed first", &["DELETE FROM entry WHERE place = 1"], 0, 1),
        ("removed last", &["DELETE FROM entry WHERE place = 8"], 7, 8),
        ("removed all", &["DELETE FROM entry"], 0, 1),
        ("sequences swapped", &swap, 2, 3),
        ("places swapped", &swap_places, 2, 3),
        ("another sequence", &["UPDATE entry SET sequence = 4 + 1024 WHERE place = 4"], 3, 4),
        ("duplicated at the end", &[duplicate], 8, 9),
        ("body cut", &["UPDATE entry SET body = substr(body, 1, 5) WHERE place = 6"], 5, 6),
        ("body emptied", &["UPDATE entry SET body = '' WHERE place = 6"], 5, 6),
        ("hash cut", &["UPDATE entry SET hash = substr(hash, 1, 31) WHERE place = 6"], 5, 6),
        ("actor moved into kind", &["UPDATE entry SET actor = '', kind = actor || kind WHERE place = 2"], 1, 2),
        ("not text any more", &["UPDATE entry SET body = CAST(x'ff' AS TEXT) WHERE place = 7"], 6, 7),
        ("counter beyond its size", &["UPDATE entry SET counter = counter + 4294967296 WHERE place = 5"], 4, 5),
        ("later time", &["UPDATE entry SET wall_ms = wall_ms + 1 WHERE place = 1"], 0, 1),
        ("other wall clock", &["UPDATE entry SET clock_ms = clock_ms - 1 WHERE place = 2"], 1, 2),
        ("no wall clock", &["UPDATE entry SET clock_ms = NULL WHERE place = 2"], 1, 2),
    ];
    for (what, statements, intact, bad) in cases {
        let copy = home();
        std::fs::copy(template.path().join("journal.sqlite"), copy.path().join("journal.sqlite")).unwrap();
        tamper(copy.path(), statements).await;
        expect_bad(copy.path(), intact, &format!("{device}/{bad}"), what).await;
    }
}

#[tokio::test]
async fn a_journal_whose_schema_is_damaged_does_not_pass_for_empty() {
    let home = home();
    written(home.path()).await;
    let alter = "UPDATE sqlite_schema SET sql = replace(sql, 'clock_ms', 'clock_ls') WHERE name = 'entry'";
    let mut connection = raw(home.path()).await;
    for statement in ["PRAGMA writable_schema = ON", alter] {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let journal = open(home.path()).await;
    let page = journal.list(&JournalQuery::default()).await.unwrap();
    assert_eq!(page.read_only.unwrap().code, Code::JournalDamaged);
    assert!(journal.verify().await.unwrap().bad.unwrap().fault.contains("clock_ms"));
    assert_eq!(journal.append(PERSON.to_owned(), fault("more")).await.unwrap_err().code, Code::JournalDamaged);
    journal.close().await;
}

#[tokio::test]
async fn nothing_is_appended_where_the_index_and_the_recorded_end_disagree() {
    let home = home();
    let device = written(home.path()).await;
    let journal = open(home.path()).await;
    // As if the index had lost the newest entry.
    tamper(home.path(), &["UPDATE head SET sequence = 9"]).await;
    let problem = journal.append(PERSON.to_owned(), fault("more")).await.unwrap_err();
    assert_eq!(problem.code, Code::JournalDamaged);
    assert!(problem.message.contains(&format!("{device}/8")), "{problem}");
    journal.close().await;
}

#[tokio::test]
async fn damage_done_while_open_closes_the_journal() {
    let home = home();
    let device = written(home.path()).await;
    let journal = open(home.path()).await;
    assert_eq!(journal.read_only(), None);
    tamper(home.path(), &["UPDATE entry SET actor = 'person:mallory' WHERE place = 8"]).await;
    // Nothing is built on the changed entry.
    let problem = journal.append(PERSON.to_owned(), fault("more")).await.unwrap_err();
    assert_eq!(problem.code, Code::JournalDamaged);
    assert!(problem.message.contains(&format!("{device}/8")), "{problem}");
    assert_eq!(journal.verify().await.unwrap().intact, 7);
    assert_eq!(summaries(&journal).await.len(), 7);
    journal.close().await;
}

#[tokio::test]
async fn an_entry_forged_by_another_program_is_not_passed_on() {
    let home = home();
    written(home.path()).await;
    let journal = open(home.path()).await;
    let mut entries = journal.entries();
    tamper(
        home.path(),
        &["INSERT INTO entry SELECT 9, device, 9, wall_ms + 1, counter, actor, kind, body, hash, hash, clock_ms FROM entry \
           WHERE place = 8"],
    )
    .await;
    until("the forgery is noticed", || async { journal.read_only().is_some() }).await;
    assert_eq!(journal.read_only().unwrap().code, Code::JournalDamaged);
    assert!(entries.try_recv().is_err());
    assert_eq!(summaries(&journal).await.len(), 8);
    journal.close().await;
}

/// Flips a bit of one stored byte, for every byte of every column of one entry.
#[tokio::test]
async fn any_flipped_byte_of_an_entry_is_found() {
    let template = home();
    written(template.path()).await;
    let file = std::fs::read(template.path().join("journal.sqlite")).unwrap();
    let copy = home();
    let path = copy.path().join("journal.sqlite");
    // The fifth entry as SQLite stores it: its texts and blobs stand in the file as they are.
    let mut connection = raw(template.path()).await;
    let row = sqlx::query("SELECT CAST(actor || kind || body AS BLOB) || previous || hash FROM entry WHERE place = 5")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let record: Vec<u8> = sqlx::Row::get_unchecked(&row, 0);
    let at = file.windows(record.len()).position(|window| window == record).unwrap();
    // Device, sequence and both clocks stand before the texts.
    let begin = at - (16 + 1 + 6);
    for offset in begin..at + record.len() {
        let mut damaged = file.clone();
        damaged[offset] ^= 1 << (offset % 8);
        std::fs::write(&path, &damaged).unwrap();
        let whole = CancellationToken::new();
        let (walked, verification) =
            verify::verification(&mut plain(copy.path()), &wall_clock(), None, 0, &whole).unwrap();
        assert!(verification.bad.is_some(), "byte {offset} of the file, {} of the entry", offset - begin);
        assert_eq!(walked.intact, 4, "byte {}", offset - begin);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Any damage anywhere in the file: the journal opens, does not panic, and never shows an entry that was not
    /// written.
    #[test]
    fn whatever_is_damaged_nothing_false_is_shown(flips in prop::collection::vec((0usize..1 << 20, 1u8..=255), 1..4)) {
        static TEMPLATE: std::sync::OnceLock<(Vec<u8>, Vec<String>)> = std::sync::OnceLock::new();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (file, written) = TEMPLATE.get_or_init(|| runtime.block_on(async {
            let home = home();
            super::damage::written(home.path()).await;
            let journal = open(home.path()).await;
            let mut told = summaries(&journal).await;
            told.reverse();
            journal.close().await;
            (std::fs::read(home.path().join("journal.sqlite")).unwrap(), told)
        }));
        let mut damaged = file.clone();
        for (offset, flip) in flips {
            let length = damaged.len();
            damaged[offset % length] ^= flip;
        }
        runtime.block_on(async {
            let home = home();
            std::fs::write(home.path().join("journal.sqlite"), &damaged).unwrap();
            match Journal::open(Opening::of(home.path())).await {
                Ok(journal) => {
                    if let Ok(page) = journal.list(&JournalQuery::default()).await {
                        let mut told: Vec<String> = page.entries.into_iter().map(|entry| entry.summary).collect();
                        told.reverse();
                        assert_eq!(told, written[..told.len()], "an entry that was never written");
                    }
                    journal.close().await;
                }
                Err(error) => assert!(!Problem::from(error).message.is_empty()),
            }
        });
    }
}
