//! Clocks that were wrong, views that are rebuilt, disks that are full, copies that are restored.

use std::sync::atomic::{AtomicBool, AtomicU64};

use proptest::prelude::*;
use sqlx::Row;

use super::{
    keys::{Chain, signing},
    *,
};
use crate::view::JournalQuery;

#[tokio::test]
async fn people_are_shown_the_wall_clock_though_the_order_stays_ahead_of_it() {
    let home = home();
    let now = 1_790_000_000_000;
    let year = 365 * 24 * 3_600 * 1_000;
    let millis = Arc::new(AtomicI64::new(now));
    let opening = Opening { clock: clock_at(&millis), ..Opening::of(home.path()) };
    let journal = Journal::open(opening.clone()).await.unwrap();
    append(&journal, "one").await;
    millis.store(now + year, Ordering::SeqCst);
    append(&journal, "with a wrong clock").await;
    millis.store(now + 1_000, Ordering::SeqCst);
    let after = append(&journal, "with the right one again").await;
    assert!(after.at.wall_ms >= now + year, "the order does not go back");
    let page = journal.list(&JournalQuery::default()).await.unwrap();
    let shown: Vec<i64> = page.entries.iter().map(|entry| entry.at.timestamp_millis()).collect();
    assert_eq!(shown, [now + 1_000, now + year, now]);
    let since = journal.since(Utc.timestamp_millis_opt(now + 500).unwrap(), 9).await.unwrap();
    assert_eq!(since.len(), 2, "what is recent is so by the wall clock");

    let verification = journal.verify().await.unwrap();
    assert_eq!(verification.bad, None, "a wrong clock is not damage");
    assert_eq!(verification.clock.ahead_ms, year - 1_000);
    assert_eq!((verification.clock.set_back, verification.clock.first_set_back), (1, Some(after.id().to_string())));
    let notes = journal.notes();
    assert!(notes[0].message.contains("ahead of the wall clock"), "{}", notes[0]);
    assert!(notes[1].message.contains(&after.id().to_string()), "{}", notes[1]);
    // Five minutes are not told.
    millis.store(now + year - 4 * 60_000, Ordering::SeqCst);
    assert_eq!(journal.verify().await.unwrap().clock.ahead_ms, 0);
    journal.close().await;
}

/// Every row of everything that is kept for speed.
async fn kept(home: &Path) -> Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut connection = raw(home).await;
    let rows = sqlx::query(
        "SELECT CAST(device AS BLOB) AS one, CAST(sequence AS BLOB) AS two, CAST(hash AS BLOB) AS three FROM head \
         UNION ALL SELECT CAST(environment AS BLOB), CAST(check_id AS BLOB), CAST(body AS BLOB) FROM health ORDER BY 1, 2",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happened, what is kept for speed is what the entries say, to the byte.
    #[test]
    fn rebuilt_views_are_the_kept_ones(
        happened in prop::collection::vec((0usize..5, 0usize..4, 0usize..2, any::<bool>()), 1..80)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let home = home();
            let (one, other) = tokio::join!(open(home.path()), open(home.path()));
            let kinds = [Verdict::Operational, Verdict::Degraded, Verdict::Outage, Verdict::Unknown];
            for (number, (what, check, environment, by_one)) in happened.into_iter().enumerate() {
                let journal = if by_one { &one } else { &other };
                let Some(verdict) = kinds.get(what) else {
                    append(journal, "between").await;
                    continue;
                };
                let mut sample = record(&format!("check-{check}"), sample_at(number as i64, *verdict));
                sample.environment = ["range", "production"][environment].parse().unwrap();
                sample.failures = 1 + check as u32;
                journal.sample(sample).await.unwrap();
            }
            let healths = async || {
                (one.healths(&"range".parse().unwrap()).await.unwrap(),
                 one.healths(&"production".parse().unwrap()).await.unwrap())
            };
            let (before, told) = (kept(home.path()).await, healths().await);
            one.rebuild().await.unwrap();
            prop_assert_eq!(&kept(home.path()).await, &before);
            let mut connection = raw(home.path()).await;
            sqlx::raw_sql("DELETE FROM head; DELETE FROM health").execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            other.rebuild().await.unwrap();
            prop_assert_eq!(&kept(home.path()).await, &before);
            prop_assert_eq!(healths().await, told, "what follows from samples is left as it was");
            prop_assert_eq!(one.verify().await.unwrap().bad, None);
            one.close().await;
            other.close().await;
            Ok(())
        })?;
    }
}

/// A disk that is full at so many pages, until it is told that there is space again.
fn full_at(home: &Path, pages: u32, space: &Arc<AtomicU64>) -> Opening {
    let space = space.clone();
    Opening {
        most_pages: Some(pages),
        reserves: true,
        space: Arc::new(move |_| Ok(space.load(Ordering::SeqCst))),
        clock: Arc::new(|| sample_at(100, Verdict::Operational).at),
        ..Opening::of(home)
    }
}

#[tokio::test]
async fn on_a_full_disk_the_reserve_holds_a_thousand_facts_of_a_person() {
    let home = home();
    let reserve = home.path().join("journal.reserve");
    let space = Arc::new(AtomicU64::new(u64::MAX));
    let opening = full_at(home.path(), 60, &space);
    assert!(opening.reserve().unwrap().make().unwrap());
    let file = std::fs::metadata(&reserve).unwrap();
    assert_eq!(file.len(), 8 << 20);
    assert!(std::os::unix::fs::MetadataExt::blocks(&file) * 512 >= 8 << 20, "really allocated");

    let journal = Journal::open(opening).await.unwrap();
    let check = |verdict, seconds| record("database-port", sample_at(seconds, verdict));
    journal.sample(check(Verdict::Operational, 0)).await.unwrap();
    space.store(0, Ordering::SeqCst);
    let mut acknowledged = 1;
    while reserve.exists() {
        append(&journal, &"x".repeat(900)).await;
        acknowledged += 1;
        assert!(acknowledged < 1_000, "the file never became full");
    }
    // The one that found the disk full was acknowledged like the others.
    let trouble = journal.trouble().unwrap();
    assert_eq!(trouble.code, Code::DiskFull);
    assert!(trouble.message.contains("reserve is in use"), "{trouble}");
    assert_eq!(journal.list(&JournalQuery::default()).await.unwrap().read_only, None, "facts are kept");
    for number in 0..1_000 {
        append(&journal, &format!("written down during the incident, line {number}")).await;
    }
    // Samples that say what is known are not kept; those that say something else are.
    let (environment, id) = ("range".parse().unwrap(), "database-port".parse().unwrap());
    let samples = async || journal.samples(&environment, &id, DateTime::UNIX_EPOCH, 99).await.unwrap().len();
    for seconds in 1..=5 {
        journal.sample(check(Verdict::Operational, seconds)).await.unwrap();
    }
    assert_eq!(samples().await, 1);
    for seconds in 6..=10 {
        journal.sample(check(Verdict::Outage, seconds)).await.unwrap();
    }
    assert_eq!(samples().await, 4, "the three that made it an outage");
    let last = summaries(&journal).await.remove(0);
    assert_eq!(last, "Database port is out: said outage");
    let total = journal.total().await.unwrap();
    assert_eq!(journal.verify().await.unwrap().intact, total);
    assert!(total >= acknowledged + 1_001);

    // There is space again: the reserve is made anew by itself.
    space.store(u64::MAX, Ordering::SeqCst);
    until("the reserve is back", || async { reserve.exists() }).await;
    until("nothing is wrong any more", || async { journal.trouble().is_none() }).await;
    journal.close().await;
}

#[tokio::test]
async fn a_reserve_takes_no_space_that_others_need() {
    let home = home();
    let space = Arc::new(AtomicU64::new(10 << 20));
    let reserve = full_at(home.path(), 99, &space).reserve().unwrap();
    assert!(!reserve.make().unwrap());
    assert!(!home.path().join("journal.reserve").exists());
    space.store(16 << 20, Ordering::SeqCst);
    assert!(reserve.make().unwrap() && reserve.make().unwrap());
    assert!(reserve.release() && !reserve.release());
}

#[tokio::test]
async fn a_journal_opened_on_a_full_disk_begins_on_its_reserve() {
    let home = home();
    let space = Arc::new(AtomicU64::new(u64::MAX));
    let opening = full_at(home.path(), 4, &space);
    opening.reserve().unwrap().make().unwrap();
    space.store(0, Ordering::SeqCst);
    let journal = Journal::open(opening).await.unwrap();
    assert_eq!(journal.read_only(), None);
    assert!(journal.trouble().unwrap().message.contains("reserve is in use"));
    assert_eq!(append(&journal, "the incident").await.sequence, 1);
    journal.close().await;
}

#[tokio::test]
async fn a_journal_that_could_not_be_written_when_it_was_opened_begins_by_itself() {
    let home = home();
    let journal = open(home.path()).await;
    append(&journal, "one").await;
    journal.close().await;
    let mut other = raw(home.path()).await;
    sqlx::query("PRAGMA locking_mode = EXCLUSIVE").execute(&mut other).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let opening = Opening { patience: Duration::from_millis(50), ..Opening::of(home.path()) };
    let journal = Journal::open(opening).await.unwrap();
    assert_eq!(journal.read_only().unwrap().code, Code::JournalBusy);
    assert_eq!(journal.append(PERSON.to_owned(), fault("two")).await.unwrap_err().code, Code::JournalBusy);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    until("it can be written", || async { journal.read_only().is_none() }).await;
    let mut heard = journal.entries();
    assert_eq!(append(&journal, "two").await.sequence, 2);
    assert_eq!(heard.recv().await.unwrap().sequence, 2, "and is followed");
    journal.close().await;
}

#[tokio::test]
async fn a_backup_made_while_writing_is_restored_as_another_device() {
    let (home, chain) = (home(), Chain::new());
    let journal = Journal::open(signing(home.path(), &chain)).await.unwrap();
    for number in 0..20 {
        append(&journal, &format!("before-{number}")).await;
    }
    let ended = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (journal, ended) = (journal.clone(), ended.clone());
        async move {
            while !ended.load(Ordering::SeqCst) {
                append(&journal, "meanwhile").await;
            }
        }
    });
    let copy = home.path().join("copy.sqlite");
    let backup = journal.backup(&copy).await.unwrap();
    ended.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    assert!(backup.entries >= 21, "{backup:?}");
    let again = journal.backup(&copy).await.unwrap_err();
    assert_eq!(again.code, Code::NotAllowedNow, "nothing is overwritten");
    let device = journal.shared.device().unwrap();
    journal.close().await;

    let elsewhere = super::home();
    let restored = restore(elsewhere.path(), &copy, PERSON.to_owned()).await.unwrap();
    assert_eq!((restored.from, restored.entries), (device, backup.entries));
    assert_ne!(restored.device, device);
    let occupied = restore(elsewhere.path(), &copy, PERSON.to_owned()).await.unwrap_err();
    assert_eq!(occupied.code, Code::NotAllowedNow);

    let chain = Chain::new();
    let journal = Journal::open(signing(elsewhere.path(), &chain)).await.unwrap();
    let verification = journal.verification().unwrap();
    assert_eq!((verification.intact, verification.bad), (backup.entries + 1, None));
    assert_eq!(verification.checkpoints, 1, "what the old device signed still holds");
    let first = append(&journal, "here").await;
    assert_eq!((first.device, first.sequence), (restored.device, 2));
    let told = summaries(&journal).await;
    assert!(
        told[1].starts_with(&format!("This journal was restored from the copy device {device} made on")),
        "{}",
        told[1]
    );
    journal.checkpoint().await.unwrap();
    let verification = journal.verify().await.unwrap();
    assert_eq!((verification.bad, verification.checkpoints), (None, 2));
    journal.close().await;
    // A large restored journal opens on the word of the new device's checkpoint.
    let opening = Opening { at_once: 3, ..signing(elsewhere.path(), &chain) };
    let verification = store::open(&opening).await.unwrap().verification.unwrap();
    assert_eq!(verification.since, Some(format!("{}/3", restored.device)));
    assert_eq!((verification.intact, verification.bad), (backup.entries + 3, None));
}

#[tokio::test]
async fn a_damaged_copy_is_refused_with_the_reason_and_leaves_nothing() {
    let home = home();
    let journal = open(home.path()).await;
    for number in 0..20 {
        append(&journal, &format!("fault-{number}")).await;
    }
    let copy = home.path().join("copy.sqlite");
    journal.backup(&copy).await.unwrap();
    journal.close().await;
    let (whole, manifest) = (std::fs::read(&copy).unwrap(), home.path().join("copy.sqlite.manifest.json"));
    let told = std::fs::read_to_string(&manifest).unwrap();
    let sha256 = serde_json::from_str::<serde_json::Value>(&told).unwrap()["sha256"].as_str().unwrap().to_owned();
    let flipped = {
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    let cases: [(&[u8], Option<String>, &str); 5] = [
        (&flipped, Some(told.clone()), "SHA-256"),
        (&whole[..whole.len() - 4_096], Some(told.clone()), "bytes instead of"),
        (&whole, Some(told.replace(&sha256, &"0".repeat(64))), "SHA-256"),
        (&whole, Some(told.replace("\"sequence\": 20", "\"sequence\": 19")), "do not end where"),
        (&whole, None, "manifest"),
    ];
    for (bytes, told, said) in cases {
        std::fs::write(&copy, bytes).unwrap();
        let _ = std::fs::remove_file(&manifest);
        if let Some(told) = told {
            std::fs::write(&manifest, told).unwrap();
        }
        let elsewhere = super::home();
        let problem = restore(elsewhere.path(), &copy, PERSON.to_owned()).await.unwrap_err();
        assert!(problem.message.contains(said), "{said}: {problem}");
        assert!(!elsewhere.path().join("journal.sqlite").exists());
        assert!(!elsewhere.path().join(".journal.sqlite.partial").exists());
    }
}
