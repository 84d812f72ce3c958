//! A range from outside: real processes, real servers, looked at directly. The tests start this same program as the
//! background process, as `lifeboat range serve` does for people.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod faults;
mod home;
mod parts;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lifeboat_domain::{Code, Problem};
use lifeboat_range::{Phase, RangeError, RangeStatus, Size, clear, down, inject, serve, status, up};
use rustix::process::Signal;

use home::{Home, assert_nothing_is_left, eventually, launcher, processes_below, refuses, working_folders};

fn argument_after(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Not a story: what the stories start. Without the arguments that [`up`] appends it does nothing.
#[tokio::test]
async fn background() {
    match argument_after("--home") {
        Some(home) => serve(Path::new(&home), Size::Small).await.unwrap(),
        None => assert_eq!(argument_after("--size"), None),
    }
}

/// Not a story: a program that brings a range up, for a story that ends it half way.
#[tokio::test]
async fn starter() {
    if let Some(home) = argument_after("--bring-up") {
        up(Path::new(&home), Size::Small, launcher(), |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn one_range_with_every_fault() {
    let home = Home::new();
    let came_up = home.up().await;
    assert_eq!((came_up.phase, came_up.size), (Phase::Up, Some(Size::Small)));
    assert!(came_up.ports.iter().all(|(_, port)| (20_000..32_000).contains(port)), "{came_up:?}");
    let again = up(home.path(), Size::Small, launcher(), |_| {}).await.unwrap_err();
    assert_eq!(Problem::from(again).code, Code::RangeRunning);
    let data = home.data();

    parts::bindings_are_private_and_complete(&home);
    parts::servers_are_as_promised(&home, &data).await;
    parts::media_match_their_rows(&home, &data).await;
    parts::backup_restores_into_an_empty_database(&home, &data).await;
    parts::the_api_answers_strictly(&home).await;
    parts::the_platform_lives(&home).await;

    parts::the_store_lists_page_by_page_and_checks_signatures(&home).await;

    faults::database_faults(&home, &data).await;
    faults::file_faults(&home, &data).await;
    faults::object_faults(&home, &data).await;
    faults::api_faults(&home).await;
    faults::several_faults_at_once(&home).await;

    let wrong = inject(home.path(), "rain").await.unwrap_err();
    assert_eq!(Problem::from(wrong).code, Code::FaultUnknown);
    let ended = down_watched(&home, &came_up.ports).await;
    assert_nothing_is_left(&home, &ended, &data);
    assert!(came_up.ports.iter().all(|(_, port)| refuses(*port)));
    assert!(matches!(inject(home.path(), "api-slow").await, Err(RangeError::Down { .. })));
    assert_eq!(down(home.path()).await.unwrap().phase, Phase::Down);
}

/// Takes the range down and looks all the while: a server that is gone has lost its values before, or a checker would
/// take a range that ends for an outage.
async fn down_watched(home: &Home, ports: &[(String, u16)]) -> RangeStatus {
    let values = home.path().join("environments/range.json");
    let (done, mut ended) = tokio::sync::oneshot::channel();
    let ports: Vec<u16> = ports.iter().map(|(_, port)| *port).collect();
    let watch = std::thread::spawn(move || {
        let mut looks = 0_u64;
        while matches!(ended.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty)) {
            for port in &ports {
                assert!(!refuses(*port) || !values.exists(), "port {port} is closed, and the values still name it");
            }
            looks += 1;
        }
        looks
    });
    let status = down(home.path()).await.unwrap();
    done.send(()).unwrap();
    assert!(watch.join().unwrap() > 1, "nobody looked");
    status
}

#[tokio::test]
async fn a_range_ends_with_a_starter_that_does_not_wait_for_it() {
    for signal in [Signal::KILL, Signal::HUP, Signal::INT] {
        let home = Home::new();
        let mut starter = Command::new(std::env::current_exe().unwrap())
            .args(["starter", "--exact", "--", "--bring-up"])
            .arg(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the range's start", async || status(home.path()).await.phase == Phase::Starting).await;
        let background = home.background_process();
        let pid = rustix::process::Pid::from_raw(starter.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        starter.wait().unwrap();
        eventually("the end of the range", async || !Path::new(&format!("/proc/{background}")).exists()).await;
        assert_eq!(status(home.path()).await.phase, Phase::Down, "after {signal:?}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "a file is left after {signal:?}");
    }
}

#[tokio::test]
async fn two_ranges_stand_side_by_side_and_nothing_survives_a_kill() {
    let (one, other) = (Home::new(), Home::new());
    // Two starts at once in one home: one of them has it.
    let start = || up(one.path(), Size::Small, launcher(), |_| {});
    let (winner, loser, second) = tokio::join!(start(), start(), other.up());
    let (first, refused) = match (winner, loser) {
        (Ok(first), Err(refused)) | (Err(refused), Ok(first)) => (first, refused),
        both => panic!("one of two starts has the home: {both:?}"),
    };
    assert_eq!(Problem::from(refused).code, Code::RangeRunning);
    assert!(first.ports.iter().all(|(_, port)| !second.ports.iter().any(|(_, taken)| taken == port)));
    let (data, beside) = (one.data(), other.data());
    inject(one.path(), "api-down").await.unwrap();
    assert_eq!(other.get("/health").await.unwrap().0, 200);

    // Nobody can catch this one: the servers live on.
    let send = |home: &Home, signal| {
        let pid = rustix::process::Pid::from_raw(home.background_process()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    };
    send(&one, Signal::KILL);
    eventually("the end of the process", async || status(one.path()).await.phase == Phase::Broken).await;
    assert!(processes_below(&data) > 2);
    // Its values still say that it is up; clearing takes them away, and leaves a range that runs alone.
    assert!(one.path().join("environments/range.json").exists());
    let ended = clear(one.path()).await.unwrap();
    assert_nothing_is_left(&one, &ended, &data);
    assert_eq!(clear(other.path()).await.unwrap().phase, Phase::Up);
    assert!(first.ports.iter().all(|(_, port)| refuses(*port)));
    assert_eq!(status(other.path()).await.phase, Phase::Up);

    // A new start clears the ground by itself.
    send(&other, Signal::KILL);
    eventually("the end of the process", async || status(other.path()).await.phase == Phase::Broken).await;
    let servers: Vec<i32> =
        working_folders().into_iter().filter(|(_, folder)| folder.starts_with(&beside)).map(|(pid, _)| pid).collect();
    let again = other.up().await;
    assert_eq!(again.phase, Phase::Up);
    let now = working_folders();
    assert!(servers.iter().all(|pid| !now.contains_key(pid)), "a server of the killed range lives on");
    assert_eq!(other.get("/health").await.unwrap().0, 200);
    // What a shut-down of the computer sends.
    send(&other, Signal::TERM);
    eventually("an orderly end", async || status(other.path()).await.phase == Phase::Down && !beside.exists()).await;
    let ended = down(other.path()).await.unwrap();
    assert_nothing_is_left(&other, &ended, &beside);
}

#[tokio::test]
async fn a_range_that_cannot_come_up_says_why_and_leaves_nothing() {
    let home = Home::new();
    let absent = (PathBuf::from("/nowhere/lifeboat"), Vec::new());
    assert!(matches!(up(home.path(), Size::Small, absent, |_| {}).await, Err(RangeError::Program { .. })));
    // A program that ends at once, with words of its own.
    let wrong = (PathBuf::from("/bin/ls"), Vec::new());
    let error = up(home.path(), Size::Small, wrong, |_| {}).await.unwrap_err();
    assert!(matches!(&error, RangeError::Ended { log } if log.contains("--home")), "{error}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    assert_eq!(status(home.path()).await.phase, Phase::Down);
}
