//! A journal that somebody or something has touched: the first bad entry is named, the rest stays readable.

use acceptance::Home;
use lifeboat_domain::journal::Fact;

async fn home_with_entries() -> (Home, Vec<String>) {
    let home = Home::new();
    let engine = home.engine().await;
    let mut ids = Vec::new();
    for number in 0..40 {
        let fact = Fact::FaultInjected { fault: format!("trial-marker-{number:02}") };
        ids.push(engine.append(fact).await.expect("an entry").id);
    }
    engine.close().await;
    (home, ids)
}

fn flip(home: &Home, marker: &[u8]) {
    let path = home.path().join("journal.sqlite");
    let mut bytes = std::fs::read(&path).expect("the journal");
    let places: Vec<usize> =
        bytes.windows(marker.len()).enumerate().filter(|(_, window)| *window == marker).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the marker is in the file");
    for at in places {
        bytes[at] ^= 0x01;
    }
    std::fs::write(&path, bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_named_and_the_part_before_it_stays_readable() {
    let (home, ids) = home_with_entries().await;
    let good = home.run(&["--json", "journal", "verify"]);
    assert_eq!(good.code, 0, "{good:?}");
    flip(&home, b"trial-marker-17");

    let answer = home.run(&["--json", "journal", "verify"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    let value = answer.json();
    assert_eq!(value["bad"]["entry"].as_str(), Some(ids[17].as_str()), "{value:#?}");
    let text = home.run(&["journal", "verify"]);
    assert!(text.out.contains(&ids[17]), "{text:?}");

    let listed = home.run(&["--json", "journal", "list", "--limit", "200"]).json();
    assert_eq!(listed["read_only"]["code"], "journal-damaged", "{listed:#?}");
    let shown: Vec<&str> =
        listed["entries"].as_array().expect("a list").iter().filter_map(|entry| entry["id"].as_str()).collect();
    assert!(shown.contains(&ids[16].as_str()), "the intact part is shown");
    assert!(!shown.contains(&ids[17].as_str()), "what follows is not passed off as good");

    // Nothing is appended behind the damage, and what was there is untouched.
    let engine = home.engine().await;
    let refused = engine.append(Fact::FaultInjected { fault: "late".to_owned() }).await.expect_err("refused");
    assert_eq!(refused.code.to_string(), "journal-damaged");
    assert!(refused.message.contains(&ids[17]), "{refused:?}");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_journal_is_left_alone() {
    let home = Home::new();
    let path = home.path().join("journal.sqlite");
    let noise: Vec<u8> = (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&path, &noise).expect("written");
    let answer = home.run(&["--json", "journal", "list"]);
    let said = format!("{}{}", answer.out, answer.err);
    assert!(said.contains("journal-damaged"), "{answer:?}");
    assert_eq!(std::fs::read(&path).expect("the file"), noise, "it was not overwritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_can_be_verified_by_others() {
    let (home, ids) = home_with_entries().await;
    let file = home.path().join("export.jsonl");
    let name = file.to_str().expect("text");
    let answer = home.run(&["--json", "journal", "export", name]);
    assert_eq!(answer.code, 0, "{answer:?}");
    let text = std::fs::read_to_string(&file).expect("the export");
    assert!(text.lines().count() >= ids.len());
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        if let Some(checkpoint) = entry.get("checkpoint") {
            assert_eq!(checkpoint["signature"].as_str().map(str::len), Some(128));
            continue;
        }
        assert_eq!(entry["hash"].as_str().map(str::len), Some(64));
    }
    let again = home.run(&["--json", "journal", "export", name]);
    assert_ne!(again.code, 0, "an export never overwrites: {again:?}");
}
