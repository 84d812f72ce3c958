//! Each fault of the range, from break to board to mend.

use std::time::Duration;

use acceptance::{Home, board_when, id, wait_for};
use lifeboat_domain::{
    journal::{EntryView, Fact},
    status::{Board, CheckRow, Health, Watching},
};
use lifeboat_engine::{Engine, view::JournalQuery};

/// A fault and what the board has to say of it: checks with their health and a part of the reason, and a business
/// function with its health.
struct Expected {
    fault: &'static str,
    checks: &'static [(&'static str, Health, &'static str)],
    function: (&'static str, Health),
}

const EXPECTED: &[Expected] = &[
    Expected {
        fault: "api-down",
        checks: &[
            ("application-health", Health::Outage, "refused"),
            ("application-certificate", Health::Outage, "refused"),
        ],
        function: ("user-authentication", Health::Outage),
    },
    Expected {
        fault: "api-degraded",
        checks: &[
            ("application-health", Health::Degraded, "degraded"),
            ("payments-health", Health::Degraded, "degraded"),
        ],
        function: ("payment-processing", Health::Degraded),
    },
    Expected {
        fault: "orders-fail",
        checks: &[("order-journey", Health::Outage, "step 2 of 4 \"create order\": status 500")],
        function: ("order-management", Health::Outage),
    },
    Expected {
        fault: "api-slow",
        checks: &[
            ("application-health", Health::Degraded, "slow"),
            ("authentication-signs-in", Health::Degraded, "slow"),
        ],
        function: ("user-authentication", Health::Degraded),
    },
    Expected {
        fault: "standby-cut",
        checks: &[("database-replication", Health::Outage, "cut off")],
        function: ("order-management", Health::Outage),
    },
    Expected {
        fault: "archiving-failing",
        checks: &[("database-archive", Health::Outage, "fail")],
        function: ("order-management", Health::Outage),
    },
    Expected {
        fault: "rows-corrupted",
        checks: &[("database-reads-and-writes", Health::Outage, "orders hold amounts or currencies that cannot be")],
        function: ("payment-processing", Health::Outage),
    },
    Expected {
        fault: "table-dropped",
        checks: &[("database-reads-and-writes", Health::Outage, "payment_transactions is gone")],
        function: ("payment-processing", Health::Outage),
    },
    Expected {
        fault: "bucket-gone",
        checks: &[
            ("storage-newest-upload", Health::Outage, "bucket"),
            ("storage-health", Health::Outage, "503"),
            ("application-health", Health::Degraded, "degraded"),
        ],
        function: ("content-delivery", Health::Outage),
    },
    Expected {
        fault: "newest-backup-deleted",
        checks: &[("database-backup-newest", Health::Outage, "old")],
        function: ("order-management", Health::Outage),
    },
    Expected {
        fault: "versioning-suspended",
        checks: &[("backup-bucket-settings", Health::Degraded, "versioning is suspended")],
        function: ("order-management", Health::Degraded),
    },
    Expected {
        fault: "object-corrupted",
        checks: &[("storage-sample", Health::Outage, "has another content than its row says, by SHA-256")],
        function: ("content-delivery", Health::Outage),
    },
    Expected {
        fault: "object-missing",
        checks: &[("storage-sample", Health::Outage, "is gone, and its row is there")],
        function: ("content-delivery", Health::Outage),
    },
    Expected {
        fault: "dump-missed",
        checks: &[("database-dump-newest", Health::Outage, "newest file is 3d")],
        function: ("order-management", Health::Outage),
    },
    Expected {
        fault: "name-gone",
        checks: &[("application-name", Health::Outage, "no such name")],
        function: ("user-authentication", Health::Outage),
    },
    Expected {
        fault: "primary-stopped",
        checks: &[
            ("database-port", Health::Outage, "refused"),
            ("database-reads-and-writes", Health::Outage, "refused"),
            ("application-database", Health::Outage, "503"),
            ("database-replication", Health::Outage, ""),
        ],
        function: ("order-management", Health::Outage),
    },
];

fn check<'a>(board: &'a Board, name: &str) -> &'a CheckRow {
    board.checks.iter().find(|check| check.id.as_str() == name).unwrap_or_else(|| panic!("no check {name}"))
}

fn function(board: &Board, name: &str) -> Health {
    let mut functions = board.tiers.iter().flat_map(|tier| &tier.functions);
    functions.find(|function| function.id.as_str() == name).unwrap_or_else(|| panic!("no function {name}")).health
}

fn all_good(board: &Board) -> bool {
    board.worst == Health::Operational && board.checks.iter().all(|check| check.health == Health::Operational)
}

async fn changes(engine: &Engine, name: &str) -> Vec<EntryView> {
    let query = JournalQuery {
        kind: Some("health-changed".to_owned()),
        check: Some(name.to_owned()),
        ..JournalQuery::default()
    };
    engine.journal_list(query).await.expect("a page").entries
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_goes_from_break_to_board_to_mend() {
    let home = Home::with_range();
    let engine = home.engine().await;
    engine.watch().await.expect("a watch");
    let board = board_when(&engine, "a healthy range", Duration::from_secs(30), all_good).await;
    assert_eq!(board.environment.id, id("range"), "the range is up, so it is the default");
    assert_eq!(board.watching, Watching::Here);

    for expected in EXPECTED {
        let fault = expected.fault;
        let before = engine.journal_list(JournalQuery::default()).await.expect("a page").total;
        let answer = home.run(&["range", "break", fault]);
        assert_eq!(answer.code, 0, "{fault} was not switched on: {answer:?}");
        let broken = |board: &Board| {
            expected.checks.iter().all(|(name, health, reason)| {
                let check = check(board, name);
                check.health == *health && check.reason.contains(reason)
            }) && function(board, expected.function.0) == expected.function.1
        };
        board_when(&engine, &format!("{fault} on the board"), Duration::from_secs(30), broken).await;
        for (name, health, reason) in expected.checks {
            let newest = changes(&engine, name).await.into_iter().next().expect("an entry for the change");
            assert_eq!(newest.to, Some(*health), "{fault}: {newest:?}");
            assert!(newest.summary.contains(reason), "{fault}: {newest:?}");
        }
        let answer = home.run(&["check", expected.checks[0].0]);
        assert_eq!(answer.code, 1, "{fault}: the command line sees it too: {answer:?}");

        let answer = home.run(&["range", "mend", fault]);
        assert_eq!(answer.code, 0, "{fault} was not mended: {answer:?}");
        let board = board_when(&engine, &format!("{fault} mended"), Duration::from_secs(40), all_good).await;
        assert!(board.changes.iter().any(|change| change.to == Some(Health::Operational)));
        let after = engine.journal_list(JournalQuery::default()).await.expect("a page").total;
        assert!(after >= before + 4, "{fault}: break, change, mend and change are kept ({before} -> {after})");
    }
    let verification = engine.journal_verify().await.expect("a verification");
    assert_eq!(verification.bad, None);

    // A range that goes away is noticed without a restart, and comes back the same way.
    assert_eq!(home.run(&["range", "down"]).code, 0);
    board_when(&engine, "checks without a range", Duration::from_secs(20), |board| {
        check(board, "database-port").health == Health::Unknown
    })
    .await;
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_elsewhere_follows_and_takes_over() {
    let home = Home::with_range();
    let first = home.engine().await;
    let second = home.engine().await;
    first.watch().await.expect("a watch");
    board_when(&first, "first samples", Duration::from_secs(30), |board| board.counts.not_checked == 0).await;
    second.watch().await.expect("a watch");
    let board =
        board_when(&second, "the other's samples", Duration::from_secs(5), |board| board.counts.not_checked == 0).await;
    assert_eq!(board.watching, Watching::Elsewhere);

    // What one appends the other sees within a second.
    let mut entries = second.entries();
    let kept = first.append(Fact::FaultInjected { fault: "none".to_owned() }).await.expect("an entry");
    let seen = tokio::time::timeout(Duration::from_secs(1), async {
        loop {
            let entry = entries.recv().await.expect("an entry");
            if entry.id == kept.id {
                return entry;
            }
        }
    });
    assert_eq!(seen.await.expect("within a second").hash, kept.hash);

    first.close().await;
    drop(first);
    wait_for("the second to take over", Duration::from_secs(10), || async {
        let board = second.board().await.expect("a board");
        (board.watching == Watching::Here).then_some(())
    })
    .await;
    assert_eq!(second.journal_verify().await.expect("a verification").bad, None);
    second.close().await;
}
