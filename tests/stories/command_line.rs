//! The command line's promises: exit codes, stable JSON, words that say what to do.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use acceptance::{Home, program};

fn problem(text: &str) -> serde_json::Value {
    let value: serde_json::Value = serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["code", "field", "hint", "message"], "a problem always has the same four keys");
    value
}

#[test]
fn wrong_usage_exits_2_in_words_and_as_json() {
    let home = Home::new();
    for arguments in [&["frobnicate"][..], &["range"], &["range", "break"], &["check", "--no-such"]] {
        let answer = home.run(arguments);
        assert_eq!(answer.code, 2, "{arguments:?}: {answer:?}");
        assert!(!answer.err.is_empty());
    }
    let answer = home.run(&["--json", "frobnicate"]);
    assert_eq!(answer.code, 2);
    assert_eq!(problem(&answer.err)["code"], "usage");
    let answer = home.run(&["--json", "check", "no-such-check"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert_eq!(problem(&answer.err)["code"], "check-unknown");
    let answer = home.run(&["--json", "--env", "moon", "status"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert_eq!(problem(&answer.err)["code"], "environment-unknown");
}

#[test]
fn help_and_version_exit_0() {
    let home = Home::new();
    for arguments in [&["--help"][..], &["--version"], &["range", "--help"]] {
        let answer = home.run(arguments);
        assert_eq!(answer.code, 0, "{arguments:?}: {answer:?}");
        assert!(!answer.out.is_empty());
    }
}

#[test]
fn without_a_network_nobody_is_accused() {
    // Production cannot be reached from here: hosts are not found, credentials are not stored.
    let home = Home::new();
    let answer = home.run(&["--env", "production", "--json", "check", "supabase-status", "database-reads-and-writes"]);
    assert_eq!(answer.code, 3, "{answer:?}");
    for result in answer.json()["results"].as_array().expect("a list") {
        assert_eq!(result["sample"]["verdict"], "unknown", "{result:#?}");
        assert!(!result["sample"]["reason"].as_str().expect("text").is_empty());
    }
}

#[test]
fn the_range_says_what_it_does_not_know() {
    let home = Home::new();
    let answer = home.run(&["--json", "range", "break", "api-down"]);
    assert_eq!(problem(&answer.err)["code"], "range-down", "{answer:?}");
    let answer = home.run(&["--json", "range", "status"]);
    assert_eq!(answer.json()["phase"], "down");
    let answer = home.run(&["--json", "range", "faults"]);
    let faults = answer.json()["faults"].as_array().expect("a list").len();
    assert!(faults >= 10, "{answer:?}");
}

#[test]
fn doctor_looks_at_everything_and_says_what_to_do() {
    let home = Home::new();
    let answer = home.run(&["--json", "doctor"]);
    let value = answer.json();
    let items = value["items"].as_array().expect("a list");
    for wanted in ["pg_dump", "pg_restore", "initdb", "keychain", "network", "disk", "journal"] {
        assert!(items.iter().any(|item| item["id"] == wanted), "{wanted} is looked at: {items:#?}");
    }
    let mut missing = false;
    for item in items {
        if item["finding"] != "good" {
            missing |= item["finding"] == "missing";
            assert!(item["hint"].as_str().is_some_and(|hint| hint.ends_with('.')), "a hint is a sentence: {item:#?}");
        }
    }
    assert_eq!(answer.code, i32::from(missing), "{answer:?}");
}

#[test]
fn a_home_that_cannot_be_written_is_said_in_words() {
    let home = Home::new();
    let file = home.path().join("a file");
    std::fs::write(&file, "").expect("written");
    let answer: acceptance::Answer = Command::new(program())
        .arg("--home")
        .arg(file.join("below"))
        .args(["--json", "journal", "list"])
        .output()
        .expect("the program starts")
        .into();
    assert_eq!(answer.code, 3, "{answer:?}");
    assert!(problem(&answer.err)["hint"].as_str().is_some(), "{answer:?}");
}

#[test]
fn check_status_and_watch_on_a_healthy_range() {
    let home = Home::with_range();
    // A busy machine may make one sample slow; it does not stay so.
    let started = Instant::now();
    let answer = loop {
        let answer = home.run(&["--json", "check"]);
        if answer.code == 0 || started.elapsed() > Duration::from_secs(30) {
            break answer;
        }
    };
    assert_eq!(answer.code, 0, "{answer:?}");
    let results = answer.json()["results"].as_array().expect("a list").len();
    assert!(results >= 15, "all checks: {results}");

    let answer = home.run(&["status"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("All") && answer.out.contains("User authentication"), "{answer:?}");
    assert_eq!(home.run(&["--json", "status"]).json()["environment"]["id"], "range");

    // A second `range up` does not disturb the first.
    let answer = home.run(&["--json", "range", "up"]);
    assert_eq!(problem(&last_line(&answer.err))["code"], "range-running", "{answer:?}");

    // Watch shows a change as it happens, one object a line.
    let mut watch = home.command().args(["--json", "watch"]).stdout(Stdio::piped()).spawn().expect("watch starts");
    let lines = BufReader::new(watch.stdout.take().expect("output")).lines();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let started = Instant::now();
    let next = |what: &str, wanted: &dyn Fn(&serde_json::Value) -> bool| loop {
        let left = Duration::from_secs(40).saturating_sub(started.elapsed());
        let line = receiver.recv_timeout(left).unwrap_or_else(|_| panic!("waited in vain for {what}"));
        let value: serde_json::Value = serde_json::from_str(&line).expect("one object a line");
        if wanted(&value) {
            break;
        }
    };
    next("the first board", &|value| value.get("tiers").is_some());
    assert_eq!(home.run(&["range", "break", "api-down"]).code, 0);
    next("the outage", &|value| value["check"] == "application-health" && value["to"] == "outage");
    assert_eq!(home.run(&["range", "mend"]).code, 0);
    next("the recovery", &|value| value["check"] == "application-health" && value["to"] == "operational");
    let process = rustix_process(watch.id());
    rustix::process::kill_process(process, rustix::process::Signal::INT).expect("interrupted");
    assert!(watch.wait().expect("it ends").code().is_some(), "Ctrl-C ends it in order");

    assert_eq!(home.run(&["range", "down"]).code, 0);
    assert_eq!(home.run(&["--json", "range", "status"]).json()["phase"], "down");
}

fn rustix_process(id: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id")
}

fn last_line(text: &str) -> String {
    text.trim().lines().last().unwrap_or_default().to_owned()
}
