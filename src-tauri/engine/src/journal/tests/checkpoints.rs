//! What is signed, and what can be told by it.

use lifeboat_domain::journal::Hash;
use sqlx::Row;
use uuid::Uuid;

use super::{
    keys::{Chain, open_signing, signed, signing},
    *,
};

/// Somebody with the file who knows how Lifeboat works: no triggers, heads as the entries are.
async fn tamper(home: &Path, statements: &[&str]) {
    let mut connection = raw(home).await;
    for table in ["entry", "checkpoint"] {
        for what in ["changed", "removed", "replaced"] {
            let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {table}_is_never_{what}"));
            sqlx::query(drop).execute(&mut connection).await.unwrap();
        }
    }
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await.unwrap();
    }
    let heads = "INSERT OR REPLACE INTO head SELECT device, sequence, hash FROM entry WHERE place IN \
                 (SELECT max(place) FROM entry GROUP BY device)";
    sqlx::query(heads).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Makes every entry from a place on anew, with one of them saying something else: a chain without any fault.
async fn rewrite(home: &Path, from: i64) {
    tamper(home, &[]).await;
    let mut connection = raw(home).await;
    let rows = sqlx::query(row::select_entries!("ORDER BY place")).fetch_all(&mut connection).await.unwrap();
    let mut previous = None;
    for row in rows.iter().map(row::entry_of) {
        let mut entry = row.entry.unwrap();
        if row.place >= from {
            if row.place == from {
                entry.body = "{\"fault\":\"nothing-happened\"}".to_owned();
            }
            entry.previous = previous.unwrap_or(entry.previous);
            entry.hash = entry.digest();
            sqlx::query("UPDATE entry SET body = ?, previous = ?, hash = ? WHERE place = ?")
                .bind(&entry.body)
                .bind(entry.previous.0.as_slice())
                .bind(entry.hash.0.as_slice())
                .bind(row.place)
                .execute(&mut connection)
                .await
                .unwrap();
        }
        previous = Some(entry.hash);
    }
    connection.close().await.unwrap();
    tamper(home, &[]).await;
}

#[tokio::test]
async fn every_thousand_entries_are_signed_on_the_way() {
    let (home, chain) = (home(), Chain::new());
    let journal = open_signing(home.path(), &chain).await;
    append(&journal, "first").await;
    journal.checkpoint().await.unwrap();
    let names: Vec<String> = (0..2_500).map(|number| number.to_string()).collect();
    let appends = names.iter().map(|name| journal.append("system".to_owned(), fault(name)));
    for written in futures_util::future::join_all(appends).await {
        written.unwrap();
    }
    let mut connection = raw(home.path()).await;
    let at: Vec<i64> =
        sqlx::query_scalar("SELECT sequence FROM checkpoint ORDER BY place").fetch_all(&mut connection).await.unwrap();
    assert_eq!(at, [2, 1_002, 2_002]);
    assert_eq!(journal.verify().await.unwrap().checkpoints, 3);
    journal.close().await;
}

#[tokio::test]
async fn checkpoints_cannot_be_changed_removed_or_replaced_through_sql() {
    let (home, chain) = (home(), Chain::new());
    signed(home.path(), &chain, 1).await;
    let mut connection = raw(home.path()).await;
    for statement in [
        "UPDATE checkpoint SET sequence = 1",
        "DELETE FROM checkpoint",
        "INSERT OR REPLACE INTO checkpoint SELECT * FROM checkpoint",
        "INSERT OR REPLACE INTO checkpoint SELECT place + 7, device, sequence, head, wall_ms, counter, clock_ms, entries, \
         key, signature FROM checkpoint",
    ] {
        let refused = sqlx::query(statement).execute(&mut connection).await.unwrap_err().to_string();
        assert!(refused.contains("checkpoints are never"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn a_tail_cut_off_behind_a_checkpoint_is_told_and_the_checkpoint_named() {
    let (home, chain) = (home(), Chain::new());
    let device = signed(home.path(), &chain, 5).await;
    tamper(home.path(), &["DELETE FROM entry WHERE sequence > 3"]).await;
    let journal = open_signing(home.path(), &chain).await;
    let verification = journal.verification().unwrap();
    let bad = verification.bad.unwrap();
    assert_eq!((verification.intact, bad.entry), (3, format!("{device}/4")));
    assert!(bad.fault.contains(&format!("checkpoint {device}/6")), "{}", bad.fault);
    assert_eq!(journal.append(PERSON.to_owned(), fault("more")).await.unwrap_err().code, Code::JournalDamaged);
    journal.close().await;
}

#[tokio::test]
async fn a_chain_made_anew_is_told_and_only_what_was_signed_before_is_shown() {
    let (home, chain) = (home(), Chain::new());
    let device = signed(home.path(), &chain, 2).await;
    signed(home.path(), &chain, 4).await;
    // Entries: two, the key, signed at three; four more, signed at seven.
    rewrite(home.path(), 5).await;
    let journal = open_signing(home.path(), &chain).await;
    let verification = journal.verification().unwrap();
    let bad = verification.bad.unwrap();
    assert_eq!((verification.intact, bad.entry), (3, format!("{device}/7")));
    assert!(bad.fault.contains("made anew"), "{}", bad.fault);
    assert_eq!(summaries(&journal).await.len(), 3);
    journal.close().await;
}

#[tokio::test]
async fn a_checkpoint_that_was_touched_is_told() {
    let (template, chain) = (home(), Chain::new());
    signed(template.path(), &chain, 2).await;
    for (statement, said) in [
        ("UPDATE checkpoint SET entries = entries + 1", "signature does not hold"),
        ("UPDATE checkpoint SET clock_ms = clock_ms + 1", "signature does not hold"),
        ("UPDATE checkpoint SET signature = zeroblob(64)", "signature does not hold"),
        ("UPDATE checkpoint SET key = randomblob(32)", "had not named"),
        ("UPDATE checkpoint SET sequence = sequence + 5", "signature does not hold"),
        ("UPDATE checkpoint SET sequence = 1", "had not named"),
    ] {
        let copy = home();
        std::fs::copy(template.path().join("journal.sqlite"), copy.path().join("journal.sqlite")).unwrap();
        tamper(copy.path(), &[statement]).await;
        let journal = open_signing(copy.path(), &chain).await;
        let bad = journal.verification().unwrap().bad.unwrap_or_else(|| panic!("{statement}: not found"));
        assert!(bad.fault.contains(said), "{statement}: {}", bad.fault);
        journal.close().await;
    }
}

#[tokio::test]
async fn a_large_journal_opens_on_the_word_of_its_checkpoint_and_is_then_verified_in_full() {
    let (home, chain) = (home(), Chain::new());
    let device = signed(home.path(), &chain, 20).await;
    let opening = || Opening { at_once: 5, ..signing(home.path(), &chain) };
    let opened = store::open(&opening()).await.unwrap();
    let verification = opened.verification.unwrap();
    assert_eq!(verification.since, Some(format!("{device}/21")));
    assert_eq!((verification.intact, verification.bad), (21, None));
    let journal = Journal::open(opening()).await.unwrap();
    until("the whole of it is verified", || async { journal.verification().unwrap().since.is_none() }).await;
    assert_eq!(journal.verification().unwrap().intact, 21);
    append(&journal, "more").await;
    journal.close().await;

    // Behind the checkpoint's back: found in the background, and then the journal is closed to writing.
    tamper(home.path(), &["UPDATE entry SET actor = 'person:mallory' WHERE sequence = 4"]).await;
    let opened = store::open(&opening()).await.unwrap();
    assert_eq!(opened.verification.unwrap().bad, None, "not looked at yet");
    let journal = Journal::open(opening()).await.unwrap();
    until("the damage is found", || async { journal.read_only().is_some() }).await;
    let problem = journal.append(PERSON.to_owned(), fault("late")).await.unwrap_err();
    assert!(problem.message.contains(&format!("{device}/4")), "{problem}");
    assert_eq!(summaries(&journal).await.len(), 3);
    journal.close().await;
}

#[tokio::test]
async fn what_a_checkpoint_does_not_cover_is_verified_when_opening() {
    let (home, chain) = (home(), Chain::new());
    let device = signed(home.path(), &chain, 20).await;
    let journal = open(home.path()).await;
    append(&journal, "unsigned").await;
    append(&journal, "unsigned too").await;
    journal.close().await;
    let opening = || Opening { at_once: 5, ..signing(home.path(), &chain) };
    for (statement, entry) in [
        ("UPDATE entry SET actor = 'person:mallory' WHERE sequence = 22", 22),
        ("UPDATE entry SET actor = 'person:mallory' WHERE sequence = 21", 21),
    ] {
        tamper(home.path(), &[statement]).await;
        let bad = store::open(&opening()).await.unwrap().verification.unwrap().bad.unwrap();
        assert_eq!(bad.entry, format!("{device}/{entry}"), "the checkpoint's own entry is verified too");
    }
}

/// Somebody who has nothing but the export and this page: no code of the journal's.
#[tokio::test]
async fn an_export_carries_what_a_third_party_needs_to_verify_signatures() {
    let (home, chain) = (home(), Chain::new());
    signed(home.path(), &chain, 3).await;
    let journal = open_signing(home.path(), &chain).await;
    let export = journal.export(None).await.unwrap();
    assert_eq!((export.entries, export.checkpoints), (4, 1));
    journal.close().await;
    let text = std::fs::read_to_string(&export.path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let checkpoint = &lines[4]["checkpoint"];
    let bytes = |field: &str| hex::decode(checkpoint[field].as_str().unwrap()).unwrap();
    let number = |field: &str| checkpoint[field].as_u64().unwrap().to_be_bytes();
    let named = lines.iter().find(|line| line["kind"] == "device-key-made").unwrap();
    let body: serde_json::Value = serde_json::from_str(named["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["key"], checkpoint["key"]);
    assert_eq!(lines[3]["hash"], checkpoint["head"]);
    let mut message = b"lifeboat journal checkpoint 1\n".to_vec();
    message.extend_from_slice(checkpoint["device"].as_str().unwrap().parse::<Uuid>().unwrap().as_bytes());
    message.extend_from_slice(&number("sequence"));
    message.extend_from_slice(&bytes("head"));
    message.extend_from_slice(&number("wall_ms"));
    message.extend_from_slice(&number("counter")[4..]);
    message.extend_from_slice(&number("clock_ms"));
    message.extend_from_slice(&number("entries"));
    message.extend_from_slice(&bytes("key"));
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, bytes("key"));
    key.verify(&message, &bytes("signature")).unwrap();
    assert!(key.verify(&message[1..], &bytes("signature")).is_err());
}

/// A row of the checkpoint table that is no checkpoint any more hides no entry.
#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_is_told_and_the_entries_stay_shown() {
    let (home, chain) = (home(), Chain::new());
    signed(home.path(), &chain, 2).await;
    let mut connection = raw(home.path()).await;
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut connection).await.unwrap();
    sqlx::query("DROP TRIGGER checkpoint_is_never_changed").execute(&mut connection).await.unwrap();
    sqlx::query("UPDATE checkpoint SET head = x'00'").execute(&mut connection).await.unwrap();
    let heads = sqlx::query("SELECT hash FROM head").fetch_all(&mut connection).await.unwrap();
    assert_eq!(heads[0].get::<Vec<u8>, _>(0).len(), Hash([0; 32]).0.len());
    connection.close().await.unwrap();
    let journal = open_signing(home.path(), &chain).await;
    let verification = journal.verification().unwrap();
    assert!(verification.bad.unwrap().entry.contains("checkpoint at place 1"));
    assert_eq!((verification.intact, summaries(&journal).await.len()), (3, 3));
    journal.close().await;
}
