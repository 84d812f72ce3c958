//! Monitoring plug-ins as real programs, also such as never end, fork, flood and die.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lifeboat_domain::{
    check::{
        Check, PluginProbe, Probe,
        Verdict::{Degraded, Operational, Outage, Unknown},
    },
    environment::Target,
    plan::quantity::Period,
};

use crate::support::{SECRET, assert_sample, check, id, measured, probe};

fn plugin(command: &[&str]) -> Check {
    check(Probe::Plugin(PluginProbe {
        endpoint: Some(id("end")),
        command: command.iter().map(|&argument| argument.to_owned()).collect(),
        credential_variable: None,
    }))
}

/// A plug-in written in a line of shell. The probe itself uses none.
fn script(text: &str) -> Check {
    plugin(&["/bin/sh", "-c", text])
}

fn host() -> Target {
    Target::Http {
        url: "https://api.example.org:8443".to_owned(),
        ca: None,
        credential: Some(id("good")),
        private: false,
    }
}

#[tokio::test]
async fn a_plugin_is_judged_by_its_end() {
    for (text, verdict, reason) in [
        ("echo 'DISK OK - free | /=3GB'", Operational, "DISK OK - free"),
        ("echo warm; exit 1", Degraded, "warm"),
        ("echo hot; exit 2", Outage, "hot"),
        ("echo what; exit 3", Unknown, "what"),
        ("echo odd; exit 77", Unknown, "the plug-in ended with 77, which means nothing: odd"),
        ("echo dying; kill -9 $$", Unknown, "the plug-in was ended by a signal: dying"),
        ("echo broken >&2; exit 2", Outage, "broken"),
        ("exit 2", Outage, "it said nothing"),
        ("cat; echo nothing came in", Operational, "nothing came in"),
        ("pwd", Operational, "/"),
        ("echo 'password=hunter2'; exit 2", Outage, "password=***"),
        ("printf 'a\\033[31mb\\377c'; exit 1", Degraded, "a[31mb"),
    ] {
        assert_sample(&probe(&script(text), host()).await, verdict, reason);
    }
    let sample = probe(&script("echo \"OK | 'free space'=12.5%;10;5 time=3ms x=U\""), host()).await;
    assert!((measured(&sample, "free space") - 12.5).abs() < 1e-9);
    assert_eq!(sample.measurements.len(), 2);
}

#[tokio::test]
async fn a_plugin_gets_arguments_as_they_are_and_nothing_of_our_environment() {
    let echo = plugin(&["/bin/echo", "${host}", "${port};", "$(id)", "`id`", "a b", "*"]);
    assert_sample(&probe(&echo, host()).await, Operational, "api.example.org 8443; $(id) `id` a b *");
    let sample = probe(&plugin(&["/usr/bin/env", "--null"]), host()).await;
    // What nobody sees is left out of a reason, such as what ends each of them here.
    assert_sample(&sample, Operational, "LANG=CPATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
    assert_eq!(sample.reason.matches('=').count(), 2, "{}", sample.reason);

    let mut secret = script("echo \"got $PLUGIN_SECRET\"; exit 2");
    let Probe::Plugin(probe_) = &mut secret.probe else { unreachable!() };
    probe_.credential_variable = Some("PLUGIN_SECRET".to_owned());
    assert_sample(&probe(&secret, host()).await, Outage, "got ***");
    let nobody = Target::Host { host: "h".to_owned(), port: 1, server_name: "h".to_owned(), ca: None, private: false };
    assert_sample(&probe(&secret, nobody.clone()).await, Unknown, "the endpoint has no credential");
    assert_sample(
        &probe(&plugin(&["/bin/echo", "${database}"]), nobody).await,
        Unknown,
        "the endpoint has no database",
    );
    assert_eq!(SECRET.len(), 28);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_unknown_and_says_what_to_install() {
    for (program, reason) in [
        ("/usr/lib/nagios/plugins/check_nothing", "install the monitoring plug-ins"),
        ("/nonexistent/check", "there is no /nonexistent/check: install it, or correct its path in the plan"),
        ("/etc", "/etc may not be run by this user"),
    ] {
        assert_sample(&probe(&plugin(&[program]), host()).await, Unknown, reason);
    }
}

/// Processes whose command line holds a text, this one left out.
fn running(text: &str) -> Vec<PathBuf> {
    let holds = |folder: &Path| {
        let line = fs::read(folder.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    };
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    all.filter(|path| path.join("cmdline").exists() && holds(path)).collect()
}

/// Children of this process that have ended and were not reaped.
fn zombies() -> usize {
    let own = std::process::id().to_string();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let states = all.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let dead = states.filter(|stat| {
        let after: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        after.first() == Some(&"Z") && after.get(1) == Some(&own.as_str())
    });
    dead.count()
}

async fn gone(what: &str, there: impl Fn() -> bool) {
    let since = Instant::now();
    while there() {
        assert!(since.elapsed() < Duration::from_secs(10), "{what} is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn b_36_a_program_that_never_ends_or_leaves_something_behind_never_blocks() {
    let within = |millis, check| Check { timeout: Period::from_millis(millis), ..check };
    for (text, mark) in [
        ("sleep 97.101", "97.101"),
        ("trap '' TERM INT HUP; sleep 97.102", "97.102"),
        ("sleep 97.103 & sleep 97.103", "97.103"),
        ("tail -f /dev/null & while :; do :; done # 97.104", "97.104"),
        ("yes 97.105", "97.105"),
    ] {
        let started = Instant::now();
        let sample = probe(&within(900, script(text)), host()).await;
        assert!(started.elapsed() < Duration::from_secs(1), "{text}: {:?}", started.elapsed());
        assert_sample(&sample, Unknown, "the plug-in did not end within 900ms");
        gone(mark, || !running(mark).is_empty()).await;
    }
    // It ends, but what it started holds its output open: in its group, or in a session of its own.
    for (text, mark) in [("sleep 97.201 & echo done", "97.201"), ("setsid sleep 5.202 & echo done", "")] {
        let started = Instant::now();
        assert_sample(&probe(&within(5_000, script(text)), host()).await, Operational, "done");
        assert!(started.elapsed() < Duration::from_secs(3), "{text}: {:?}", started.elapsed());
        gone(mark, || !mark.is_empty() && !running(mark).is_empty()).await;
    }
    gone("a zombie", || zombies() > 0).await;
}

#[tokio::test]
async fn a_flood_is_read_and_only_its_beginning_kept() {
    let sample = probe(&script("echo first; head -c 30000000 /dev/zero | tr '\\0' x; exit 1"), host()).await;
    assert_sample(&sample, Degraded, "first");
    assert!(sample.answer.unwrap().len() <= 4_096);
}
