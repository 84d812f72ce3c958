//! A program that is killed while writing loses nothing it had acknowledged.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use super::*;

const HOME: &str = "LIFEBOAT_TEST_KILLED_HOME";
const KILLS: usize = 20;

/// Not a test of its own: the program that is killed. Without the variable it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_to_be_killed() {
    let Some(home) = std::env::var_os(HOME) else {
        assert!(std::env::var_os(HOME).is_none());
        return;
    };
    let journal = open(Path::new(&home)).await;
    let writers = (0..4).map(|_| {
        let journal = journal.clone();
        tokio::spawn(async move {
            loop {
                let entry = append(&journal, "acknowledged").await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "acknowledged {}", entry.sequence).unwrap();
                out.flush().unwrap();
            }
        })
    });
    futures_util::future::join_all(writers).await;
}

#[tokio::test]
async fn killed_at_any_moment_no_acknowledged_entry_is_lost() {
    let home = home();
    let mut highest = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::tests::killed::writer_to_be_killed", "--nocapture", "--test-threads=1"])
            .env(HOME, home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut killed = false;
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            let Some(sequence) = line.split("acknowledged ").nth(1).and_then(|text| text.trim().parse::<u64>().ok())
            else {
                continue;
            };
            highest = highest.max(sequence);
            seen += 1;
            // Another moment each time.
            if seen > kill * 3 && !killed {
                killed = true;
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(killed, "the writer ended by itself, {seen} entries in");
        let journal = open(home.path()).await;
        let verification = journal.verification().unwrap();
        assert_eq!(verification.bad, None);
        assert!(verification.intact >= highest, "{highest} acknowledged, {} there", verification.intact);
        journal.close().await;
    }
    assert!(highest >= KILLS as u64);
}
