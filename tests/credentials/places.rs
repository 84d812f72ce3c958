//! Storing, listing, trying and removing, in each place a credential can be, and what is said when one cannot.

use lifeboat_domain::provider::Vendor;
use lifeboat_range::vendor::{StandIns, VendorFault};
use serde_json::Value;

use crate::desk::Desk;

const CHECKS: &str = r#"
[checks.stripe]
name = "Stripe takes payments"
of = "database"
kind = "vendor"
endpoint = "stripe"
interval = "60s"
"#;

/// A plan whose one environment needs a key for the stand-in of Stripe, and a webhook of Slack.
async fn set_up(desk: &Desk) -> (StandIns, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = desk.path().join("authority.pem");
    let stand_ins = StandIns::alone(&authority).await.expect("the stand-ins");
    let port = stand_ins.port(Vendor::Stripe).expect("its port");
    desk.write("plan/checks.toml", CHECKS);
    desk.write(
        "plan/environments/staging.toml",
        &format!(
            "name = \"Staging\"\nkind = \"staging\"\n\n[endpoints.stripe]\nkind = \"stripe\"\nurl = \
             \"https://127.0.0.1:{port}\"\nca = '{}'\ncredential = \"stripe-key\"\n\n[endpoints.slack]\nkind = \
             \"slack\"\nwebhook = \"slack-webhook\"\n",
            authority.display()
        ),
    );
    let key = stand_ins.credentials().remove("range-stripe").expect("its key");
    (stand_ins, key)
}

fn state(desk: &Desk, handle: &str, more: &[&str]) -> Value {
    let answer = desk.run(&[&["--json"], more, &["secret", "list"]].concat());
    assert_eq!(answer.code, 0, "{answer:?}");
    let rows = answer.json()["rows"].clone();
    let rows = rows.as_array().expect("rows");
    rows.iter().find(|row| row["handle"] == handle).cloned().expect("its row")
}

/// The program blocks its thread; stand-ins need others to answer on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it ends well")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_stored_tried_replaced_and_removed_in_a_real_keychain() {
    let desk = Desk::with_keyring();
    let (stand_ins, key) = set_up(&desk).await;
    aside(move || {
        assert_eq!(state(&desk, "stripe-key", &[])["state"], "missing");
        let answer = desk.run(&["secret", "test", "stripe-key"]);
        assert_eq!(answer.code, 3, "{answer:?}");
        assert!(answer.out.contains("no credential is stored"), "{answer:?}");

        let answer = desk.run_with("sk_test_expired\n", &["--json", "secret", "set", "stripe-key"]);
        assert_eq!((answer.code, answer.json()["place"].as_str()), (0, Some("keychain")), "{answer:?}");
        let answer = desk.run(&["secret", "test", "stripe-key"]);
        assert_eq!(answer.code, 1, "{answer:?}");
        assert!(answer.out.contains("reachable, NOT authenticated, functional not known"), "{answer:?}");
        assert!(answer.out.contains("`lifeboat secret set stripe-key`"), "{answer:?}");
        assert_eq!(state(&desk, "stripe-key", &[])["worked_at"], Value::Null);

        let answer = desk.run_with(&format!("{key}\n"), &["secret", "set", "stripe-key"]);
        assert_eq!(answer.code, 0, "{answer:?}");
        let answer = desk.run(&["--json", "secret", "test", "stripe-key"]);
        assert_eq!((answer.code, answer.json()["tests"][0]["accepted"].as_str()), (0, Some("yes")), "{answer:?}");
        let row = state(&desk, "stripe-key", &[]);
        assert_eq!(row["state"], "stored");
        assert!(row["worked_at"].is_string() && row["set_at"].is_string(), "{row}");
        assert_eq!((&row["uses"][0]["endpoint"], &row["uses"][0]["checks"][0]), (&"stripe".into(), &"stripe".into()));

        stand_ins.set_fault(Vendor::Stripe, Some(VendorFault::Forbidden));
        let answer = desk.run(&["secret", "test", "stripe-key"]);
        assert!(answer.out.contains("reachable, authenticated, functional not known"), "{answer:?}");
        stand_ins.set_fault(Vendor::Stripe, None);

        // The webhook is missing, which is not the same as not accepted.
        let answer = desk.run(&["--json", "secret", "test", "--all"]);
        assert_eq!((answer.code, answer.json()["tests"].as_array().map(Vec::len)), (3, Some(2)), "{answer:?}");

        assert_eq!(desk.run(&["secret", "remove", "stripe-key"]).code, 0);
        assert_eq!(state(&desk, "stripe-key", &[])["state"], "missing");
        let answer = desk.run(&["secret", "remove", "stripe-key"]);
        assert_eq!(answer.code, 3, "{answer:?}");
        let journal = desk.run(&["--json", "journal", "list"]).out;
        for kind in ["credential-stored", "credential-tested", "credential-removed"] {
            assert!(journal.contains(kind), "{journal}");
        }
        assert!(!journal.contains(&key));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keychain_is_told_within_a_bound() {
    let desk = Desk::with_keyring();
    let (_stand_ins, key) = set_up(&desk).await;
    aside(move || {
        assert_eq!(desk.run_with(&key, &["secret", "set", "stripe-key"]).code, 0);
        desk.lock();
        assert_eq!(state(&desk, "stripe-key", &[])["state"], "locked");
        let answer = desk.run(&["secret", "test", "stripe-key"]);
        assert_eq!(answer.code, 3, "{answer:?}");
        assert!(answer.out.contains("keychain"), "{answer:?}");
        let doctor = desk.run(&["doctor"]);
        assert!(doctor.out.contains("locked"), "{doctor:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keychain_an_encrypted_file_is_used_only_when_it_is_chosen() {
    let desk = Desk::without_keyring();
    let (_stand_ins, key) = set_up(&desk).await;
    aside(move || {
        let answer = desk.run_with(&key, &["secret", "set", "stripe-key"]);
        assert_eq!(answer.code, 3, "{answer:?}");
        assert!(answer.err.contains("this computer has no keychain") && answer.err.contains("--file"), "{answer:?}");
        assert!(!desk.home().join("credentials.age").exists());
        let doctor = desk.run(&["doctor"]);
        assert!(doctor.out.contains("none: "), "{doctor:?}");

        let passphrase = desk.write_private("passphrase", "correct horse battery\n");
        let with = |arguments: &[&'static str]| {
            let mut all = vec!["--passphrase-file".to_owned(), passphrase.clone()];
            all.extend(arguments.iter().map(|&argument| argument.to_owned()));
            all
        };
        let run = |input: &str, arguments: &[&'static str]| {
            let all = with(arguments);
            desk.run_with(input, &all.iter().map(String::as_str).collect::<Vec<&str>>())
        };
        let answer = run(&key, &["secret", "set", "stripe-key", "--file"]);
        assert_eq!(answer.code, 0, "{answer:?}");
        assert_eq!(run("", &["secret", "test", "stripe-key"]).code, 0);
        assert_eq!(run("", &["check", "stripe"]).code, 0);
        let row = state(&desk, "stripe-key", &["--passphrase-file", &passphrase]);
        assert_eq!(row["state"], "in-file");

        // Without the passphrase it is locked, and a wrong one changes nothing.
        assert_eq!(state(&desk, "stripe-key", &[])["state"], "locked");
        let wrong = desk.write_private("wrong", "correct horse batterz\n");
        let answer = desk.run(&["--json", "--passphrase-file", &wrong, "secret", "list"]);
        assert_eq!(answer.code, 3, "{answer:?}");
        assert!(answer.err.contains("credential-file-locked"), "{answer:?}");
        desk.write("open-to-all", "correct horse battery\n");
        let open = desk.path().join("open-to-all").to_string_lossy().into_owned();
        let answer = desk.run(&["--passphrase-file", &open, "secret", "list"]);
        assert!(answer.err.contains("others may read it"), "{answer:?}");
        assert_eq!(run("", &["secret", "remove", "stripe-key"]).code, 0);

        std::fs::write(desk.home().join("credentials.age"), "no such file").expect("a damaged file");
        let answer = run("", &["--json", "secret", "list"]);
        assert!(answer.err.contains("credential-file-damaged"), "{answer:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_cannot_work_is_refused_with_its_name_and_never_shown() {
    let desk = Desk::with_keyring();
    let (_stand_ins, _) = set_up(&desk).await;
    aside(move || {
        for (handle, value, words) in [
            ("stripe-key", "sk_test hunter2", "this cannot be \"stripe-key\""),
            ("slack-webhook", "hooks.slack.com/hunter2", "a webhook is an address with https://"),
            ("stripe-key", "\n", "it is empty"),
            ("stripe-kez", "hunter2", "Did you mean \"stripe-key\"?"),
            ("Stripe", "hunter2", "no credential is called"),
        ] {
            let answer = desk.run_with(value, &["secret", "set", handle]);
            assert_eq!(answer.code, 2, "{answer:?}");
            assert!(answer.err.contains(words), "{answer:?}");
            assert!(!answer.err.contains("hunter2") && !answer.out.contains("hunter2"), "{answer:?}");
        }
        // An argument is no way in.
        assert_eq!(desk.run(&["secret", "set", "stripe-key", "hunter2"]).code, 2);
        assert_eq!(state(&desk, "stripe-key", &[])["state"], "missing");
    })
    .await;
}
