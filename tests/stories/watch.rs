//! A watch that ends: well when it is asked to, and known for what it is when it was killed.

use std::{
    process::{Child, Stdio},
    time::Duration,
};

use acceptance::{Home, id, wait_for};
use lifeboat_domain::status::Watching;
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_mins(1);

/// Begins to watch the range, which is not up, in another program and waits until it does.
async fn watching(home: &Home) -> Child {
    let mut command = home.command();
    command.args(["--env", "range", "watch"]).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("the program starts");
    let engine = home.engine().await;
    if engine.board().await.expect("a board").environment.id != id("range") {
        engine.environment_choose(id("range")).await.expect("the range");
    }
    wait_for("the watch", PATIENCE, async || {
        (engine.board().await.expect("a board").watching == Watching::Elsewhere).then_some(())
    })
    .await;
    wait_for("its beginning in the journal", PATIENCE, async || {
        kinds(home).iter().any(|kind| kind == "watch-started").then_some(())
    })
    .await;
    engine.close().await;
    child
}

fn kinds(home: &Home) -> Vec<String> {
    let listed = home.run(&["--json", "journal", "list", "--limit", "200"]).json();
    let entries = listed["entries"].as_array().expect("a list");
    let kinds = entries.iter().rev().filter_map(|entry| entry["kind"].as_str());
    kinds.filter(|kind| kind.starts_with("watch-")).map(str::to_owned).collect()
}

fn send(child: &mut Child, signal: Signal) {
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(process, signal).expect("sent");
    child.wait().expect("it ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_being_asked_to_end_is_an_end_in_the_journal() {
    for signal in [Signal::HUP, Signal::TERM, Signal::INT] {
        let home = Home::new();
        let mut child = watching(&home).await;
        send(&mut child, signal);
        assert_eq!(kinds(&home), ["watch-started", "watch-stopped"], "{signal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_was_killed_is_a_gap_and_not_a_time_without_outages() {
    let home = Home::new();
    let mut child = watching(&home).await;
    send(&mut child, Signal::KILL);
    assert_eq!(kinds(&home), ["watch-started"]);
    home.run(&["--env", "range", "watch", "--for", "1"]);
    assert_eq!(kinds(&home), ["watch-started", "watch-interrupted", "watch-started", "watch-stopped"]);
    let listed = home.run(&["--json", "journal", "list", "--kind", "watch-interrupted"]).json();
    let gap = &listed["entries"][0];
    assert_eq!(gap["body"]["why"], "ended", "{gap:#?}");
    assert!(gap["summary"].as_str().is_some_and(|text| text.starts_with("Nobody watched range from ")), "{gap:#?}");
    assert!(gap["body"]["from"].as_str() <= gap["body"]["until"].as_str());
}
