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

/// A home as the first schema left it: two entries without a wall clock, a kept health, nothing signed.
async fn of_the_first_schema(home: &Path) -> (lifeboat_domain::journal::Entry, CheckHealth) {
    let first: Vec<Migration> = store::SCHEMA.iter().filter(|step| step.version == 1).cloned().collect();
    let path = home.join("journal.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    store::migrate(&mut connection, &Migrator::with_migrations(first), &path).await.unwrap();
    let device = store::name_device(&plain(home)).unwrap();
    let mut walk = lifeboat_domain::journal::ChainWalk::start(device);
    let change = lifeboat_domain::status::HealthChange {
        from: lifeboat_domain::status::Health::NotChecked,
        to: lifeboat_domain::status::Health::Outage,
        since: sample_at(0, Verdict::Outage).at,
        samples: 3,
        reason: "refused".to_owned(),
    };
    let facts = [
        fault("one"),
        Fact::HealthChanged {
            environment: "range".parse().unwrap(),
            check: "database-port".parse().unwrap(),
            name: "Database port".to_owned(),
            of: "primary-database".parse().unwrap(),
            plan: "abc".to_owned(),
            change,
            answer: None,
        },
    ];
    let mut last = None;
    for (number, fact) in facts.into_iter().enumerate() {
        let (kind, body) = fact.to_parts().unwrap();
        let at = lifeboat_domain::journal::HybridTime { wall_ms: 1_780_000_000_000 + number as i64, counter: 0 };
        let entry = Entry::seal(device, walk.sequence() + 1, (at, None), PERSON.to_owned(), kind, body, walk.head());
        walk.step(&entry).unwrap();
        sqlx::query(
            "INSERT INTO entry (device, sequence, wall_ms, counter, actor, kind, body, previous, hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(device.as_bytes().as_slice())
        .bind(entry.sequence as i64)
        .bind(at.wall_ms)
        .bind(0)
        .bind(&entry.actor)
        .bind(&entry.kind)
        .bind(&entry.body)
        .bind(entry.previous.0.as_slice())
        .bind(entry.hash.0.as_slice())
        .execute(&mut connection)
        .await
        .unwrap();
        last = Some(entry);
    }
    views::keep_head(&plain(home), device, walk.sequence(), walk.head()).unwrap();
    let health = CheckHealth {
        health: lifeboat_domain::status::Health::Outage,
        since: Some(sample_at(0, Verdict::Outage).at),
        suspicion: None,
        last: Some(sample_at(9, Verdict::Outage)),
        ..CheckHealth::default()
    };
    sqlx::query("INSERT INTO health VALUES ('range', 'database-port', ?), ('range', 'never', ?)")
        .bind(serde_json::to_string(&health).unwrap())
        .bind(serde_json::to_string(&CheckHealth::default()).unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    (last.unwrap(), health)
}

#[tokio::test]
async fn a_journal_of_the_first_schema_is_brought_up_to_date_and_still_verifies() {
    let home = home();
    let (last, health) = of_the_first_schema(home.path()).await;
    let journal = open(home.path()).await;
    assert_eq!(journal.read_only(), None);
    let verification = journal.verification().unwrap();
    assert_eq!((verification.intact, verification.bad), (2, None));
    let environment: Id = "range".parse().unwrap();
    let kept = journal.healths(&environment).await.unwrap();
    assert_eq!(kept[&"database-port".parse::<Id>().unwrap()], health);
    journal.rebuild().await.unwrap();
    assert_eq!(journal.healths(&environment).await.unwrap(), kept, "rebuilt, it is what was kept before");
    let entry = append(&journal, "two").await;
    assert_eq!((entry.previous, entry.sequence), (last.hash, 3));
    assert!(entry.clock_ms.is_some());
    assert_eq!(journal.verify().await.unwrap().intact, 3);
    let told = journal.list(&crate::view::JournalQuery::default()).await.unwrap().entries;
    assert_eq!(told[1].at.timestamp_millis(), 1_780_000_000_001, "the hybrid time where there is no other");
    journal.close().await;
    let copies = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(copies.filter(|name| name.to_string_lossy().starts_with("journal-schema-1-")).count(), 1);
}

#[tokio::test]
async fn looking_reads_an_older_journal_and_changes_nothing_about_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    of_the_first_schema(home.path()).await;
    let path = home.path().join("journal.sqlite");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = std::fs::read(&path).unwrap();
    let (verification, notes) = look(home.path()).await.unwrap();
    assert_eq!((verification.intact, verification.bad, notes), (2, None, vec![]));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(!home.path().join("journal.lock").exists());
}
