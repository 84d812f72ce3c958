//! Maintenance and mute on the command line, what reading verbs leave alone, and a range that was killed.

use acceptance::Home;

fn kinds(home: &Home) -> Vec<String> {
    let listed = home.run(&["--json", "journal", "list", "--limit", "200"]).json();
    let entries = listed["entries"].as_array().expect("a list");
    // Each home also names the key it signs with, once.
    let kinds = entries.iter().rev().filter_map(|entry| entry["kind"].as_str());
    kinds.filter(|kind| *kind != "device-key-made").map(str::to_owned).collect()
}

#[test]
fn a_maintenance_is_planned_listed_and_ended_early() {
    let home = Home::new();
    let begun = home.run(&[
        "--json",
        "--env",
        "production",
        "maintenance",
        "begin",
        "--part",
        "primary-database",
        "--for",
        "2h",
        "--reason",
        "upgrade",
    ]);
    assert_eq!(begun.code, 0, "{begun:?}");
    let value = begun.json();
    assert_eq!(value["silences"][0]["scope"]["part"], "primary-database");
    let muted = home.run(&["--json", "--env", "production", "mute", "--for", "30m"]).json();
    assert_eq!(muted["silences"].as_array().map(Vec::len), Some(2), "{muted:#?}");
    let listed = home.run(&["--env", "production", "maintenance", "list"]);
    assert!(listed.out.contains("Maintenance of primary-database until"), "{listed:?}");
    assert!(listed.out.contains("Alarms muted of everything until"), "{listed:?}");
    assert_eq!(home.run(&["--env", "production", "maintenance", "end"]).code, 0);
    let left = home.run(&["--json", "--env", "production", "unmute"]).json();
    assert_eq!(left["silences"].as_array().map(Vec::len), Some(0), "{left:#?}");
    assert_eq!(kinds(&home), ["plan-adopted", "maintenance-planned", "muted", "maintenance-ended", "unmuted"]);
    for arguments in [
        ["mute", "--for", "25h"].as_slice(),
        &["mute"],
        &["mute", "--for", "soon"],
        &["mute", "--check", "database-prot", "--for", "1h"],
        &["maintenance", "begin", "--for", "8d", "--reason", "upgrade"],
        &["maintenance", "begin", "--for", "1h", "--reason", " "],
    ] {
        let refused = home.run(&[&["--env", "production"], arguments].concat());
        assert_eq!(refused.code, 2, "{arguments:?}: {refused:?}");
    }
    let nothing = home.run(&["--env", "production", "maintenance", "end"]);
    assert_eq!(nothing.code, 3, "{nothing:?}");
}

#[test]
fn reading_verbs_adopt_no_plan() {
    let home = Home::new();
    assert_eq!(home.run(&["--env", "production", "mute", "--for", "30m"]).code, 0);
    // Another plan, given to verbs that only read.
    let place = tempfile::tempdir().expect("a folder");
    let plan = acceptance::plan_copy(place.path());
    let file = plan.join("plan.toml");
    let text = std::fs::read_to_string(&file).expect("the plan");
    std::fs::write(&file, format!("{text}\n# another\n")).expect("written");
    let folder = plan.to_str().expect("text");
    let before = kinds(&home);
    for verb in [["journal", "verify"].as_slice(), &["journal", "list"], &["plan", "check"], &["maintenance", "list"]] {
        let answer = home.run(&[&["--plan", folder, "--env", "production"], verb].concat());
        assert_eq!(answer.code, 0, "{verb:?}: {answer:?}");
    }
    assert_eq!(kinds(&home), before);
    assert_eq!(home.run(&["--plan", folder, "--env", "production", "unmute"]).code, 0);
    assert_eq!(kinds(&home), [before.as_slice(), &["plan-adopted".to_owned(), "unmuted".to_owned()]].concat());
}

#[test]
fn values_of_a_range_that_was_killed_are_not_believed() {
    let home = Home::new();
    let folder = home.path().join("environments");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("range.json");
    // No process has this number: it is above what Linux gives out.
    let text = r#"{"bound_at": "2026-01-01T00:00:00Z", "pid": 4194305, "started": 1, "values": {"api.port": "1"}, "credentials": {}}"#;
    std::fs::write(&file, text).expect("written");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, private).expect("private");
    let board = home.run(&["--json", "--env", "range", "status"]);
    assert_eq!(board.code, 3, "could not check: {board:?}");
    let value = board.json();
    assert_eq!(value["sentence"], "The practice range is not running, so nothing is known of it.");
    assert_eq!(value["counts"]["outage"], 0);
    let chosen = home.run(&["--json", "maintenance", "list"]);
    assert_eq!(chosen.code, 0, "{chosen:?}");
    let muted = home.run(&["mute", "--for", "30m"]);
    assert_eq!(muted.code, 0, "{muted:?}");
    let listed = home.run(&["--json", "journal", "list", "--kind", "muted"]).json();
    assert_eq!(listed["entries"][0]["environment"], "production", "a dead range is no default");
}
