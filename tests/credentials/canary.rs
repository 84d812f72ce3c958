//! Fifty values in every form credentials have, planted, used against a vendor that repeats everything it is told, and
//! looked for in everything this program wrote, said and started.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use lifeboat_domain::provider::Vendor;
use lifeboat_range::vendor::{StandIns, VendorFault};

use crate::desk::{Desk, files};

const FORMS: usize = 10;
const CANARIES: usize = 50;

/// A value, and the letters in it that stand nowhere else. They survive every way of writing the value down but those
/// that change all letters, which are looked for as well.
struct Canary {
    handle: String,
    core: String,
    value: String,
    /// What of the environment needs it.
    endpoint: String,
    /// The check that uses it, where one can.
    check: Option<String>,
    in_file: bool,
}

fn canary(number: usize, port: u16, ca: &str) -> Canary {
    let core = format!("cNry{:016x}{number:02}", 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1));
    let end = format!("canary-{number}");
    let handle = format!("handle-{number}");
    let site = format!("url = \"https://127.0.0.1:{port}\"\nca = '{ca}'\n");
    let needs = format!("credential = \"{handle}\"\n");
    let (kind, value, more, probe) = match number % FORMS {
        0 => {
            let hooks = format!("hooks-url = \"https://127.0.0.1:{port}\"\nwebhook = \"{handle}\"\n{site}");
            ("slack", format!("https://127.0.0.1:{port}/services/T0/B0/{core}"), hooks, "kind = \"vendor\"\n")
        }
        1 => ("stripe", format!("rk_test_{core}"), format!("{site}{needs}"), "kind = \"vendor\"\n"),
        2 => {
            let account = format!(
                "{{\n  \"type\": \"service_account\",\n  \"client_email\": \"a@b.test\",\n  \"private_key\": \
                 \"-----BEGIN PRIVATE KEY-----\\n{core}\\n-----END PRIVATE KEY-----\\n\"\n}}"
            );
            let tokens = format!("token-url = \"https://127.0.0.1:{port}\"\nproject = \"p\"\n{site}{needs}");
            ("fcm", account, tokens, "kind = \"vendor\"\n")
        }
        3 => {
            let place = format!(
                "host = \"127.0.0.1\"\nport = \"{port}\"\ndatabase = \"d\"\nuser = \"u\"\ntls = \"off\"\n{needs}"
            );
            ("postgres", format!("pä\"ss'\\ {core} $(id);&<>`%0a"), place, "kind = \"postgres\"\n")
        }
        4 => {
            let place = format!(
                "host = \"127.0.0.1\"\nport = \"{port}\"\nuser = \"u\"\nfrom = \"a@b.test\"\nca = '{ca}'\n{needs}"
            );
            ("mail", format!("пароль-{core}-🔑"), place, "kind = \"vendor\"\n")
        }
        5 => {
            let place = format!("account = \"AC0\"\nfrom = \"+15005550006\"\n{site}{needs}");
            ("twilio", core.clone(), place, "kind = \"vendor\"\n")
        }
        6 => ("http", format!("eyJ.{core}.x-y_z"), format!("{site}{needs}"), "kind = \"http\"\npath = \"/\"\n"),
        7 => {
            let place = format!(
                "url = \"https://127.0.0.1:{port}\"\nbucket = \"b\"\nregion = \"r\"\naccess-key = \"a\"\n{needs}"
            );
            ("bucket", format!("wJalr/{core}+K7=="), place, "kind = \"object-newest\"\nmax-age = \"1h\"\n")
        }
        8 => {
            let journey = "kind = \"journey\"\nsteps = [{ name = \"in\", method = \"POST\", path = \"/in\", body = \
                           '{\"password\": \"${credential}\"}' }]\n";
            ("http", format!("quote\" slash\\ {core}"), format!("{site}{needs}"), journey)
        }
        _ => {
            let events = format!("events-url = \"https://127.0.0.1:{port}\"\nrouting-key = \"{handle}\"\n{site}");
            ("pagerduty", format!("{core}0123456789")[..32].to_owned(), events, "kind = \"vendor\"\n")
        }
    };
    // A database, a store and a mail server would only wait for what the stand-in does not speak.
    let is_quick = !matches!(kind, "postgres" | "bucket" | "mail") || number < FORMS;
    let check = format!(
        "[checks.{end}]\nname = \"{end}\"\nof = \"database\"\ninterval = \"10s\"\ntimeout = \"5s\"\nendpoint = \
         \"{end}\"\n{probe}\n"
    );
    Canary {
        handle,
        core,
        value,
        endpoint: format!("[endpoints.{end}]\nkind = \"{kind}\"\n{more}\n"),
        check: is_quick.then_some(check),
        in_file: number >= CANARIES - 4,
    }
}

/// Every spelling that is looked for.
struct Wanted(Vec<(String, Vec<u8>)>);

impl Wanted {
    fn of(canaries: &[Canary]) -> Self {
        let mut spellings = Vec::new();
        for Canary { handle, core, value, .. } in canaries {
            spellings.push((handle.clone(), core.clone().into_bytes()));
            spellings.push((format!("{handle} in base64"), base64(value.as_bytes()).into_bytes()));
            let hex = core.bytes().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            spellings.push((format!("{handle} in hexadecimal"), hex.into_bytes()));
        }
        Self(spellings)
    }

    fn in_bytes<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a str> {
        // All cores begin alike: looking for that first is a hundred times quicker than for each.
        let found: Vec<&str> =
            self.0.iter().filter(|(_, spelling)| contains(bytes, spelling)).map(|(name, _)| name.as_str()).collect();
        found.into_iter()
    }

    fn under(&self, folder: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (path, bytes) in files(folder) {
            found.extend(self.in_bytes(&bytes).map(|name| format!("{name} in {}", path.display())));
        }
        found
    }

    /// What the kernel tells of a process and those it started.
    fn in_process(&self, pid: u32) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for part in ["cmdline", "environ"] {
            let bytes = fs::read(format!("/proc/{pid}/{part}")).unwrap_or_default();
            found.extend(self.in_bytes(&bytes).map(|name| format!("{name} in {part} of {pid}")));
        }
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_ascii_whitespace().filter_map(|child| child.parse().ok()) {
                found.extend(self.in_process(child));
            }
        }
        found
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let Some((first, rest)) = part.split_first() else { return false };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks_exact(3) {
        let bits = (u32::from(part[0]) << 16) | (u32::from(part[1]) << 8) | u32::from(part[2]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(LETTERS[(bits >> shift) as usize & 63]));
        }
    }
    // Without the last letters, which depend on what follows.
    text
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_canaries_are_found_nowhere_but_where_they_are_kept() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let desk = Desk::with_keyring();
    let authority = desk.path().join("authority.pem");
    let stand_ins = StandIns::alone(&authority).await.expect("the stand-ins");
    stand_ins.set_fault(Vendor::Stripe, Some(VendorFault::Echo));
    let port = stand_ins.port(Vendor::Stripe).expect("its port");
    let ca = authority.to_string_lossy().into_owned();
    let canaries: Vec<Canary> = (0..CANARIES).map(|number| canary(number, port, &ca)).collect();
    let mut environment = "name = \"Staging\"\nkind = \"staging\"\n\n".to_owned();
    environment.extend(canaries.iter().map(|canary| canary.endpoint.as_str()));
    desk.write("plan/environments/staging.toml", &environment);
    desk.write("plan/checks.toml", &canaries.iter().filter_map(|canary| canary.check.as_deref()).collect::<String>());

    let asked = tokio::task::spawn_blocking(move || {
        walk(&desk, &canaries);
        let asked = stand_ins.asked(Vendor::Stripe);
        let used = |canary: &&Canary| {
            asked.iter().any(|asked| {
                let told = format!("{:?} {} {}", asked.headers, asked.path, String::from_utf8_lossy(&asked.body));
                told.contains(&canary.core)
            })
        };
        canaries.iter().filter(used).count()
    })
    .await
    .expect("the walk");
    // Looking for what was never used would prove nothing.
    assert!(asked >= 3 * CANARIES / FORMS, "only {asked} canaries were ever sent to anybody");
}

fn walk(desk: &Desk, canaries: &[Canary]) {
    let passphrase = desk.write_private("passphrase", "a passphrase of some length\n");
    let wanted = Wanted::of(canaries);
    // The search itself: each spelling is found where it is.
    let probe = desk.path().join("tmp/probe");
    fs::write(&probe, format!("{} {}", canaries[7].core, base64(canaries[4].value.as_bytes()))).expect("a probe");
    assert_eq!(wanted.under(&desk.path().join("tmp")).len(), 2, "the search does not find what is there");
    fs::remove_file(&probe).expect("it is gone");

    let mut said = Vec::new();
    for canary in canaries {
        let mut arguments = vec!["--passphrase-file", &passphrase, "secret", "set", &canary.handle];
        if canary.in_file {
            arguments.push("--file");
        }
        let answer = desk.run_with(&canary.value, &arguments);
        assert_eq!(answer.code, 0, "{}: {} {}", canary.handle, answer.out, answer.err);
        said.push((arguments.join(" "), answer));
    }

    let output = fs::File::create(desk.path().join("watch.txt")).expect("a file for what it says");
    let mut command = desk.command(&["--passphrase-file", &passphrase, "watch", "--for", "300"]);
    let errors = output.try_clone().expect("the same for both");
    let watching = command.stdout(output).stderr(errors).stdin(Stdio::null()).spawn();
    let mut watching = Running(watching.expect("the program starts"));
    let begun = Instant::now();
    let is_done = || {
        let listed = desk.run(&["--json", "status"]);
        let board = listed.json();
        let checks = board["checks"].as_array().expect("checks");
        !checks.is_empty() && checks.iter().all(|check| check["health"] != "not-checked")
    };
    while !is_done() {
        assert!(begun.elapsed() < Duration::from_secs(200), "not every check was made");
        let found = wanted.in_process(watching.0.id());
        assert_eq!(found, BTreeSet::new(), "told by the kernel");
    }
    // While it runs, the journal's latest pages stand in the write-ahead log only.
    assert!(desk.home().join("journal.sqlite-wal").exists());
    assert_eq!(wanted.under(desk.path()), BTreeSet::new(), "written down while running");

    for arguments in [
        &["secret", "test", "--all"][..],
        &["--json", "secret", "test", "--all"],
        &["--json", "secret", "list"],
        &["secret", "list"],
        &["--json", "check"],
        &["--json", "status"],
        &["--json", "journal", "list"],
        &["journal", "export"],
        &["doctor"],
        &["secret", "remove", "handle-1"],
    ] {
        let answer = desk.run(&[&["--passphrase-file", passphrase.as_str()], arguments].concat());
        assert!(!answer.out.is_empty(), "{arguments:?}: {answer:?}");
        said.push((arguments.join(" "), answer));
    }
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&watching.0), rustix::process::Signal::TERM);
    let _ = watching.0.wait();

    for (verb, answer) in &said {
        for text in [&answer.out, &answer.err] {
            let found: Vec<&str> = wanted.in_bytes(text.as_bytes()).collect();
            assert_eq!(found, Vec::<&str>::new(), "said by `{verb}`");
        }
    }
    let seen = files(desk.path());
    for name in ["journal.sqlite", "credentials.age", "credentials.json", "watch.txt"] {
        assert!(seen.iter().any(|(path, bytes)| path.ends_with(name) && !bytes.is_empty()), "{name} was not looked at");
    }
    assert!(seen.iter().any(|(path, _)| path.parent().is_some_and(|folder| folder.ends_with("exports"))));
    assert_eq!(wanted.under(desk.path()), BTreeSet::new(), "written down");
}
