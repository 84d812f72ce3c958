//! A desk of its own: a session bus that starts nothing by itself, a keyring or none, a home, a plan. Whatever the
//! program writes down lies under one folder.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use acceptance::{Answer, program};
use tempfile::TempDir;

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

const PLAN: &str = r#"
[document]
id = "DR-1"
title = "Plan"
platform = "Platform"
version = "1.0"
updated = "2026-01"
next-review = "2027-01"
owner = "SRE"
classification = "Internal"

[objectives]
rto = { target = "4h", tolerable = "24h" }
rpo = { target = "1h", tolerable = "4h" }
availability = { target = "99.9%", tolerable = "99.5%" }
data-loss = { target = "1h", tolerable = "4h" }

[tiers]
critical = { name = "Critical", rank = 1 }

[functions.payments]
name = "Payments"
tier = "critical"
requires = ["database"]

[systems]

[stores.database]
name = "PostgreSQL"
holds = "All data"
priority = "P0"

[providers]
"#;

/// A child that does not outlive the desk.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where everything happens.
pub(crate) struct Desk {
    keyring: Option<Kept>,
    bus: Option<Kept>,
    address: String,
    folder: TempDir,
}

/// What was started ends before its folder goes, the keyring before its bus.
impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.keyring.take());
        drop(self.bus.take());
    }
}

impl Desk {
    /// With an unlocked keyring.
    pub(crate) fn with_keyring() -> Self {
        let mut desk = Self::without_keyring();
        let (bus, address) = desk.start_bus();
        (desk.bus, desk.address) = (Some(bus), address);
        desk.keyring = Some(desk.start_keyring());
        desk
    }

    /// With neither bus nor keyring.
    pub(crate) fn without_keyring() -> Self {
        let folder = tempfile::Builder::new().prefix("lifeboat credentials ").tempdir().expect("a temporary folder");
        for part in ["home", "plan/environments", "tmp", "data", "config", "cache", "runtime", "bus"] {
            std::fs::create_dir_all(folder.path().join(part)).expect("a folder");
        }
        let desk = Self { folder, address: "unix:path=/nonexistent".to_owned(), bus: None, keyring: None };
        desk.write("plan/plan.toml", PLAN);
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a file");
    }

    /// A file nobody else may read, such as one with a passphrase.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        self.write(name, text);
        let path = self.path().join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its rights");
        path.to_string_lossy().into_owned()
    }

    fn start_bus(&self) -> (Kept, String) {
        // A socket's path has room for about a hundred letters and its address none for spaces.
        let sockets = "/tmp";
        self.write("bus.conf", &BUS.replace("FOLDER", sockets));
        let config = format!("--config-file={}", self.path().join("bus.conf").display());
        let mut bus = Command::new("dbus-daemon")
            .args([&config, "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("dbus-daemon starts");
        let mut address = String::new();
        let out = bus.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut address).expect("its address");
        (Kept(bus), address.trim().to_owned())
    }

    fn start_keyring(&self) -> Kept {
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--unlock", "--components=secrets", "--foreground"]);
        self.surroundings(&mut command);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut keyring = child.expect("gnome-keyring-daemon starts");
        let mut input = keyring.stdin.take().expect("its input");
        input.write_all(b"a password for this desk\n").expect("its password");
        drop(input);
        let started = Instant::now();
        while self.is_locked() != Some(false) {
            assert!(started.elapsed() < Duration::from_secs(20), "the keyring did not unlock");
            std::thread::sleep(Duration::from_millis(50));
        }
        Kept(keyring)
    }

    fn is_locked(&self) -> Option<bool> {
        let out = self.ask(&[
            "/org/freedesktop/secrets/collection/login",
            "org.freedesktop.DBus.Properties.Get",
            "string:org.freedesktop.Secret.Collection",
            "string:Locked",
        ])?;
        Some(out.contains("boolean true"))
    }

    fn ask(&self, words: &[&str]) -> Option<String> {
        let mut command = Command::new("dbus-send");
        command.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"]).args(words);
        self.surroundings(&mut command);
        let output = command.stdin(Stdio::null()).output().expect("dbus-send starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Locks the keyring, as a screen lock may.
    pub(crate) fn lock(&self) {
        let locked = self.ask(&[
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login",
        ]);
        assert!(locked.is_some() && self.is_locked() == Some(true), "the keyring did not lock");
    }

    fn surroundings(&self, command: &mut Command) {
        let part = |name: &str| self.path().join(name);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).env("HOME", self.path()).env("TMPDIR", part("tmp"));
        command.env("XDG_DATA_HOME", part("data")).env("XDG_CONFIG_HOME", part("config"));
        command.env("XDG_CACHE_HOME", part("cache")).env("XDG_RUNTIME_DIR", part("runtime"));
        command.env("USER", "tester").env("LIFEBOAT_LOG", "trace");
    }

    /// The program on this desk.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        self.surroundings(&mut command);
        command.arg("--home").arg(self.home()).arg("--plan").arg(self.path().join("plan")).args(arguments);
        command.stdin(Stdio::null()).current_dir(self.path());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Runs it to its end with something on its standard input.
    pub(crate) fn run_with(&self, input: &str, arguments: &[&str]) -> Answer {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut to = child.stdin.take().expect("its input");
        // A program that refuses before it reads closes its end; that is its answer.
        let _ = to.write_all(input.as_bytes());
        drop(to);
        child.wait_with_output().expect("it ends").into()
    }
}

/// Every file under a folder, with what is in it. Sockets and pipes have nothing in them.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            Ok(kind) if kind.is_file() => {
                let mut bytes = Vec::new();
                // A file that has gone meanwhile holds nothing any more.
                if let Ok(mut file) = std::fs::File::open(&path) {
                    let _ = file.read_to_end(&mut bytes);
                    found.push((path, bytes));
                }
            }
            _ => {}
        }
    }
    found
}
