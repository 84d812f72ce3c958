//! A plan with mistakes: all of them, with file and line.

use acceptance::{Home, plan_copy};
use lifeboat_domain::text::is_hidden;

#[test]
fn the_bundled_plan_has_no_faults() {
    let home = Home::new();
    let answer = home.run(&["--json", "plan", "check"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(answer.json()["valid"], true);
    assert_eq!(answer.json()["document"], "DR-SAMIA-2025-001");
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let home = Home::new();
    let plan = plan_copy(home.path());
    let spoil = |name: &str, from: &str, to: &str| {
        let path = plan.join(name);
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
    };
    spoil("plan.toml", "rto = { target = \"4h\"", "rto = { target = \"4\"");
    spoil("checks.toml", "kind = \"tcp\"", "kind = \"tpc\"");
    spoil("environments/range.toml", "kind = \"range\"", "kind = \"rage\"");
    std::fs::write(plan.join("check.toml"), "[checks]\n").expect("written");

    let plan = plan.to_str().expect("text");
    let answer = home.run(&["--plan", plan, "--json", "plan", "check"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    let value = answer.json();
    let findings = value["findings"].as_array().expect("a list");
    for (file, message) in [
        ("plan.toml", "without a unit"),
        ("checks.toml", "unknown word"),
        ("environments/range.toml", "unknown word"),
        ("check.toml", "not a file of a plan"),
    ] {
        let finding = findings.iter().find(|finding| finding["places"][0]["file"] == file);
        let finding = finding.unwrap_or_else(|| panic!("nothing said of {file}: {findings:#?}"));
        assert!(finding["message"].as_str().expect("text").contains(message), "{finding:#?}");
        assert!(finding["places"][0]["line"].as_u64().expect("a line") >= 1);
        assert_eq!(finding["severity"], "error");
    }

    let answer = home.run(&["--plan", plan, "plan", "check"]);
    assert_eq!(answer.code, 1);
    assert!(answer.out.contains("Did you mean \"tcp\"?"), "{answer:?}");
    assert!(answer.out.lines().any(|line| line.starts_with("plan.toml:")), "{answer:?}");

    // Checking with a plan that cannot be read says so instead of checking something else.
    let answer = home.run(&["--plan", plan, "--json", "check"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    let problem: serde_json::Value = serde_json::from_str(answer.err.trim()).expect("a problem");
    assert_eq!(problem["code"], "plan-invalid");
}

#[test]
fn a_plan_that_is_not_there_is_said_in_words() {
    let home = Home::new();
    let answer = home.run(&["--plan", "/nowhere/at/all", "--json", "plan", "check"]);
    assert_eq!(answer.code, 3, "{answer:?}");
    let problem: serde_json::Value = serde_json::from_str(answer.err.trim()).expect("a problem");
    assert_eq!(problem["code"], "plan-missing");
    assert!(problem["hint"].as_str().is_some());
}

#[test]
fn a_hostile_plan_steers_no_terminal() {
    const HOSTILE: &str = r"</b>\u001b[2J\u001b]0;x\u0007\r\nforged: line\u009b31m\u007f\u202e\u200b\u2028\u0000";
    let home = Home::new();
    let folder = plan_copy(home.path());
    // Every name, title and sentence of the plan, wherever a text stands alone on its line.
    for file in ["plan.toml", "checks.toml", "contacts.toml", "severities.toml", "backups.toml", "drills.toml"] {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).expect("text");
        let spoilt = text.lines().map(|line| match line.split_once(" = \"") {
            Some((key @ ("name" | "title" | "version" | "why" | "fallback" | "role"), _)) => {
                format!("{key} = \"{HOSTILE} {}\"\n", line.len())
            }
            _ => format!("{line}\n"),
        });
        std::fs::write(&path, spoilt.collect::<String>()).expect("written");
    }
    let plan = folder.to_str().expect("text");
    let check = || {
        let ways: [&[&str]; 2] = [&["--plan", plan, "--json", "plan", "check"], &["--plan", plan, "plan", "check"]];
        ways.map(|arguments| home.run(arguments))
    };
    let [json, text] = check();
    assert_eq!((json.code, text.code), (0, 0), "{json:?} {text:?}");
    let findings = json.json()["findings"].as_array().expect("a list").len();
    assert!(findings >= 15, "{findings} findings");
    assert!(text.out.contains("forged"), "the strings are not in what is told: {text:?}");

    std::fs::write(folder.join("evil\u{1b}[2J\u{202e}.toml"), "").expect("written");
    std::fs::write(folder.join("reports.toml"), "\"a\\u001b[2J\\u202e\" = 1\n").expect("written");
    let [broken, told] = check();
    assert_eq!((broken.code, told.code), (1, 1), "{broken:?} {told:?}");
    assert!(told.out.contains("evil\\u{1b}[2J\\u{202e}.toml:1:1"), "{told:?}");

    for answer in [&json, &text, &broken, &told] {
        for line in answer.out.lines().chain(answer.err.lines()) {
            assert!(!line.contains(is_hidden) && !line.starts_with("forged"), "{line:?}");
        }
    }
    for answer in [&json, &broken] {
        assert_eq!(answer.out.lines().count(), 1, "{answer:?}");
    }
}
