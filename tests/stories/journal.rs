//! A journal that somebody or something has touched: the first bad entry is named, the rest stays readable.

use acceptance::Home;
use lifeboat_domain::{journal::Fact, text::is_hidden};

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

#[tokio::test(flavor = "multi_thread")]
async fn hostile_words_stay_on_one_line_of_an_export_and_steer_no_terminal() {
    let hostile = [
        "\r\nforged: line",
        "\u{2028}forged\u{2029}\u{85}",
        "\u{1b}[2J\u{9b}31m\u{7f}\u{7}\0",
        "\u{202e}\u{2066}\u{200b}\u{e0041}",
        "</script><img src=x onerror=alert(1)>",
        "\"},{\"device\":\"x\"}",
        "'; DROP TABLE entries; --",
        "=cmd|' /C calc'!A0",
        "${primary.port}{{x}}%n",
    ];
    let home = Home::new();
    let engine = home.engine().await;
    for text in hostile.iter().map(|text| (*text).to_owned()).chain([hostile.concat().repeat(200)]) {
        engine.append(Fact::FaultInjected { fault: text }).await.expect("an entry");
    }
    engine.close().await;
    for arguments in [&["journal", "list"][..], &["--json", "journal", "list"], &["journal", "verify"]] {
        let answer = home.run(arguments);
        assert_eq!(answer.code, 0, "{answer:?}");
        assert!(!answer.out.lines().any(|line| line.contains(is_hidden) || line.starts_with("forged")), "{answer:?}");
    }
    let file = home.path().join("export.jsonl");
    let answer = home.run(&["--json", "journal", "export", file.to_str().expect("text")]);
    assert_eq!(answer.code, 0, "{answer:?}");
    let text = std::fs::read_to_string(&file).expect("the export");
    let entries = home.run(&["--json", "journal", "verify"]).json()["intact"].as_u64().expect("a number");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert!(lines.len() as u64 >= entries && entries >= 10, "{} lines for {entries} entries", lines.len());
    for hostile in hostile {
        assert!(lines.iter().any(|line| holds(line, hostile)), "{hostile:?} was changed");
    }
}

/// Whether a text stands in a value, or in the JSON that one of its texts is.
fn holds(value: &serde_json::Value, text: &str) -> bool {
    match value {
        serde_json::Value::String(found) => {
            found == text || serde_json::from_str(found).is_ok_and(|inner| holds(&inner, text))
        }
        serde_json::Value::Array(items) => items.iter().any(|item| holds(item, text)),
        serde_json::Value::Object(fields) => fields.values().any(|field| holds(field, text)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => false,
    }
}
