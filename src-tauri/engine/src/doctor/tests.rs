use chrono::TimeZone;

use super::{machine::Routes, *};
use crate::journal::Opening;

fn routes(version_4: &str, version_6: &str) -> Routes {
    Routes { version_4: Ok(version_4.to_owned()), version_6: Ok(version_6.to_owned()) }
}

const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
const LOOPBACK_6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                          00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

#[test]
fn a_default_route_is_a_network() {
    let local = format!("{HEAD}eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
    let default = format!("{local}eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
    let default_6 = LOOPBACK_6.replace("      lo", "   wlan0");
    for (version_4, version_6, finding) in [
        (HEAD, "", Finding::Lacking),
        (&local, LOOPBACK_6, Finding::Lacking),
        (&default, LOOPBACK_6, Finding::Good),
        (HEAD, &default_6, Finding::Good),
    ] {
        let item = machine::network(&routes(version_4, version_6));
        assert_eq!(item.finding, finding, "{version_4}{version_6}");
        assert_eq!(item.hint.is_some(), finding != Finding::Good);
    }
    let unreadable = || Err(std::io::Error::other("no"));
    let item = machine::network(&Routes { version_4: unreadable(), version_6: unreadable() });
    assert_eq!(item.finding, Finding::Unknown);
}

#[test]
fn a_clock_that_cannot_be_right_is_told() {
    for (year, finding) in [(1970, Finding::Missing), (2026, Finding::Good), (2080, Finding::Missing)] {
        let now = chrono::Utc.with_ymd_and_hms(year, 6, 1, 0, 0, 0).unwrap();
        assert_eq!(machine::clock(now).finding, finding, "{year}");
    }
}

#[test]
fn a_window_needs_a_display() {
    assert_eq!(machine::display(|_| false).finding, Finding::Lacking);
    assert_eq!(machine::display(|name| name == "DISPLAY").found, "DISPLAY is set");
}

#[tokio::test]
async fn a_home_is_looked_at_without_making_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("not/made/yet");
    let report = doctor(&home).await;
    assert!(!home.exists());
    let item = |id: &str| report.items.iter().find(|item| item.id == id).unwrap();
    assert_eq!(item("home").finding, Finding::Good);
    assert_eq!(item("journal").found, "none yet; it is made when it is first needed");
    assert_ne!(item("disk").finding, Finding::Unknown);
    for item in &report.items {
        assert!(item.finding == Finding::Good || item.finding == Finding::Unknown || item.hint.is_some(), "{item:?}");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(machine::home(&file.join("home")).finding, Finding::Missing);
}

#[tokio::test]
async fn the_journal_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(Opening::of(folder.path())).await.unwrap();
    journal.append("system".to_owned(), lifeboat_domain::journal::Fact::RangeStopped {}).await.unwrap();
    journal.close().await;
    let report = doctor(folder.path()).await;
    let item = report.items.iter().find(|item| item.id == "journal").unwrap();
    assert_eq!((item.finding, item.found.as_str()), (Finding::Good, "1 entries, all intact, 0 signed checkpoints"));
}
