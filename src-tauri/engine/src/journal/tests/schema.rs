//! Files of other versions, and files that are no journal.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::*;

#[tokio::test]
async fn a_newer_journal_is_read_and_not_written() {
    let home = home();
    let journal = open(home.path()).await;
    append(&journal, "one").await;
    journal.close().await;
    let mut connection = raw(home.path()).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();

    let journal = open(home.path()).await;
    assert_eq!(journal.read_only().unwrap().code, Code::JournalNewer);
    assert_eq!(journal.append(PERSON.to_owned(), fault("two")).await.unwrap_err().code, Code::JournalNewer);
    assert_eq!(summaries(&journal).await.len(), 1);
    assert_eq!(journal.verify().await.unwrap().intact, 1);
    journal.close().await;
}

#[tokio::test]
async fn an_older_journal_is_copied_before_it_is_changed() {
    let home = home();
    let journal = open(home.path()).await;
    append(&journal, "one").await;
    journal.close().await;
    let mut steps: Vec<Migration> = store::SCHEMA.iter().cloned().collect();
    let next = steps.iter().map(|step| step.version).max().unwrap() + 1;
    steps.push(Migration::new(
        next,
        Cow::Borrowed("one more table"),
        MigrationType::Simple,
        sqlx::SqlSafeStr::into_sql_str("CREATE TABLE more (place INTEGER PRIMARY KEY) STRICT"),
        false,
    ));
    let schema = Migrator::with_migrations(steps);
    let mut connection = raw(home.path()).await;
    store::migrate(&mut connection, &schema, &home.path().join("journal.sqlite")).await.unwrap();
    store::migrate(&mut connection, &schema, &home.path().join("journal.sqlite")).await.unwrap();
    sqlx::query("SELECT place FROM more").fetch_optional(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let copies: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("journal-schema-"))
        .collect();
    assert_eq!(copies.len(), 1);
    let other = super::home();
    std::fs::copy(&copies[0], other.path().join("journal.sqlite")).unwrap();
    let copy = open(other.path()).await;
    assert_eq!(copy.verification().unwrap().intact, 1);
    copy.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_left_as_it_is() {
    let home = home();
    let path = home.path().join("journal.sqlite");
    let text = "Dear diary, ".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let journal = open(home.path()).await;
    let problem = journal.read_only().unwrap();
    assert_eq!(problem.code, Code::JournalDamaged);
    assert!(problem.message.contains("is not a journal"), "{problem}");
    assert_eq!(journal.append(PERSON.to_owned(), fault("two")).await.unwrap_err().code, Code::JournalDamaged);
    assert!(journal.sample(record("database-port", sample_at(0, Verdict::Outage))).await.is_err());
    assert!(summaries(&journal).await.is_empty());
    assert!(journal.export(None).await.is_err());
    assert!(journal.verify().await.unwrap().bad.is_some());
    journal.close().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_home_that_cannot_be_made_says_so() {
    let home = home();
    std::fs::write(home.path().join("file"), "").unwrap();
    let Err(error) = Journal::open(Opening::of(&home.path().join("file/home"))).await else {
        panic!("a folder inside a file")
    };
    let problem = Problem::from(error);
    assert!(problem.message.starts_with("could not make the folder"), "{problem}");
    assert!(problem.hint.is_some());
}

#[tokio::test]
async fn without_space_a_new_journal_opens_for_reading_and_says_why() {
    let home = home();
    let full = Journal::open(Opening { most_pages: Some(4), ..Opening::of(home.path()) }).await.unwrap();
    assert_eq!(full.read_only().unwrap().code, Code::DiskFull);
    assert_eq!(full.append(PERSON.to_owned(), fault("two")).await.unwrap_err().code, Code::DiskFull);
    full.close().await;
    let journal = open(home.path()).await;
    assert_eq!(append(&journal, "one").await.sequence, 1);
    journal.close().await;
}
