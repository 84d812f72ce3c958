//! The two database servers: a primary that archives its log, and a standby that streams from it. Here is how they
//! are made, started and ended; what is in the database is in `data`, what goes wrong with it in `fault`.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::Signal;
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use crate::{
    error::RangeError,
    place::{postmaster_in, write_private},
    process::Process,
    tools::{Tools, run, tail},
};

/// The platform's database.
pub(crate) const DATABASE: &str = "samia";
/// The slot that keeps log for the standby.
const SLOT: &str = "standby";
/// How long a server may take to start; after a crash it first replays its log.
const START: Duration = Duration::from_mins(1);

/// Settings both servers share. Paths are relative to the cluster's folder, so that none has to be quoted. The unused
/// rest of a log segment is stored as a hole: a range left up over night would fill the disk otherwise.
const SETTINGS: &str = r#"
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 60
shared_buffers = '64MB'
max_wal_size = '256MB'
wal_level = replica
max_wal_senders = 8
max_replication_slots = 8
hot_standby = on
hot_standby_feedback = on
wal_receiver_status_interval = '1s'
wal_retrieve_retry_interval = '300ms'
archive_mode = on
archive_timeout = '5s'
archive_command = 'cp --sparse=always "%p" "../archive/.%f.part" && mv "../archive/.%f.part" "../archive/%f"'
timezone = 'UTC'
log_timezone = 'UTC'
"#;

/// Settings while the database is filled: nothing needs to survive a crash then.
const FILLING: [&str; 7] = [
    "wal_level=minimal",
    "max_wal_senders=0",
    "archive_mode=off",
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
    "maintenance_work_mem=256MB",
];

/// Passwords of the servers' roles, drawn anew for each range.
#[derive(Clone)]
pub(crate) struct Passwords {
    pub(crate) superuser: String,
    pub(crate) platform: String,
    pub(crate) replicator: String,
    pub(crate) monitor: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Passwords(***)")
    }
}

/// A random text of 48 hexadecimal digits.
pub(crate) fn random_text() -> Result<String, RangeError> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(|error| RangeError::Random(error.to_string()))?;
    Ok(hex::encode(bytes))
}

impl Passwords {
    /// Draws them.
    pub(crate) fn draw() -> Result<Self, RangeError> {
        Ok(Self {
            superuser: random_text()?,
            platform: random_text()?,
            replicator: random_text()?,
            monitor: random_text()?,
        })
    }

    /// Lays them down for the children that connect: `pg_basebackup`, `pg_dump`, the standby.
    pub(crate) fn lay_down(&self, tools: &Tools) -> Result<(), RangeError> {
        let text = format!("*:*:*:postgres:{}\n*:*:*:replicator:{}\n", self.superuser, self.replicator);
        write_private(&tools.passwords(), text.as_bytes())?;
        tools.give(&tools.passwords(), 0o600)
    }
}

/// One database server.
#[derive(Debug)]
pub(crate) struct Cluster {
    name: &'static str,
    folder: PathBuf,
    /// Its port on loopback.
    pub(crate) port: u16,
    tools: Tools,
    process: Mutex<Option<Process>>,
}

impl Cluster {
    /// A server that is not there yet.
    pub(crate) fn new(name: &'static str, data: &Path, port: u16, tools: &Tools) -> Self {
        Self { name, folder: data.join(name), port, tools: tools.clone(), process: Mutex::new(None) }
    }

    /// Makes an empty cluster with checksums and small log segments.
    pub(crate) async fn create(&self, passwords: &Passwords) -> Result<(), RangeError> {
        self.make_folder()?;
        let first = self.tools.passwords().with_file_name("first-password");
        write_private(&first, passwords.superuser.as_bytes())?;
        self.tools.give(&first, 0o600)?;
        let mut command = self.tools.command("initdb");
        command.arg("--pgdata").arg(&self.folder).arg("--pwfile").arg(&first).stdout(Stdio::null());
        command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
        command.args(["--data-checksums", "--wal-segsize=1", "--no-sync", "--no-instructions"]);
        let made = run("initdb", &mut command).await;
        crate::place::remove_file(&first)?;
        made?;
        self.add_settings(SETTINGS)
    }

    /// Copies the primary into a standby that streams from it through a slot of its own.
    pub(crate) async fn copy_from(&self, primary: &Self) -> Result<(), RangeError> {
        self.make_folder()?;
        let mut command = self.tools.command("pg_basebackup");
        command.arg("--pgdata").arg(&self.folder).stdout(Stdio::null());
        command.args(["--host=127.0.0.1", "--username=replicator", "--no-password", "--port"]);
        command.arg(primary.port.to_string());
        command.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
        command.args(["--create-slot", "--slot", SLOT]);
        run("pg_basebackup", &mut command).await?;
        // The connection goes into the main file, so that a fault can lay an empty one over it and take it away again.
        let automatic = self.folder.join("postgresql.auto.conf");
        File::create(&automatic).map_err(RangeError::file("write", &automatic))?;
        self.add_settings(&format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user=replicator passfile=../passwords application_name={SLOT}'\nprimary_slot_name = '{SLOT}'\n",
            primary.port
        ))
    }

    fn make_folder(&self) -> Result<(), RangeError> {
        fs::create_dir(&self.folder).map_err(RangeError::file("create", &self.folder))?;
        self.tools.give(&self.folder, 0o700)
    }

    fn add_settings(&self, settings: &str) -> Result<(), RangeError> {
        let path = self.folder.join("postgresql.conf");
        let mut file = File::options().append(true).open(&path).map_err(RangeError::file("open", &path))?;
        file.write_all(settings.as_bytes()).map_err(RangeError::file("write", &path))
    }

    /// Starts the server and waits until it answers.
    pub(crate) async fn start(&self) -> Result<(), RangeError> {
        self.start_with(&[]).await
    }

    /// Starts the server for filling: nothing is archived or kept safe.
    pub(crate) async fn start_for_filling(&self) -> Result<(), RangeError> {
        self.start_with(&FILLING).await
    }

    async fn start_with(&self, settings: &[&str]) -> Result<(), RangeError> {
        let mut process = self.process.lock().await;
        if process.is_some_and(Process::is_alive) {
            return Ok(());
        }
        let log = self.folder.with_extension("log");
        let append =
            || File::options().create(true).append(true).mode(0o600).open(&log).map_err(RangeError::file("open", &log));
        let mut command = self.tools.command("postgres");
        command.arg("-D").arg(&self.folder).arg("-p").arg(self.port.to_string());
        for setting in settings {
            command.args(["-c", setting]);
        }
        // It outlives this program on purpose: a server whose range was killed is found and ended by `down`.
        command.kill_on_drop(false).stdout(append()?).stderr(append()?);
        let mut child = command
            .spawn()
            .map_err(|error| RangeError::Program { program: self.program(), output: error.to_string() })?;
        let started = child.id().and_then(|pid| Process::of(pid as i32));
        *process = started;
        let deadline = Instant::now() + START;
        loop {
            if let Ok(Some(_)) = child.try_wait() {
                *process = None;
                let text = fs::read_to_string(&log).unwrap_or_default();
                return Err(RangeError::Program { program: self.program(), output: tail(&text, 4) });
            }
            if started.is_some() && postmaster_in(&self.folder) == started && self.says_ready() {
                break;
            }
            if Instant::now() > deadline {
                return Err(RangeError::NotInTime {
                    what: format!("starting the {} database", self.name),
                    seconds: START.as_secs(),
                });
            }
            sleep(Duration::from_millis(20)).await;
        }
        // Collects it when it ends, whoever ends it.
        tokio::spawn(async move { child.wait().await });
        Ok(())
    }

    fn program(&self) -> String {
        format!("the {} database's server", self.name)
    }

    /// The eighth line of its pid file says how far it is (`miscinit.h`).
    fn says_ready(&self) -> bool {
        fs::read_to_string(self.folder.join("postmaster.pid"))
            .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
    }

    /// Whether the server runs.
    pub(crate) async fn is_running(&self) -> bool {
        self.process.lock().await.is_some_and(Process::is_alive)
    }

    /// Ends the server in order: sessions are broken off, what was committed is written.
    pub(crate) async fn stop(&self) -> Result<(), RangeError> {
        self.end(&[(Signal::INT, 10), (Signal::QUIT, 10), (Signal::KILL, 5)]).await
    }

    /// Ends the server as a crash would.
    pub(crate) async fn crash(&self) -> Result<(), RangeError> {
        self.end(&[(Signal::QUIT, 10), (Signal::KILL, 5)]).await
    }

    async fn end(&self, signals: &[(Signal, u64)]) -> Result<(), RangeError> {
        let mut kept = self.process.lock().await;
        let Some(process) = *kept else { return Ok(()) };
        for (signal, seconds) in signals {
            process.signal(*signal);
            if process.ends_within(Duration::from_secs(*seconds)).await {
                *kept = None;
                return Ok(());
            }
        }
        Err(RangeError::NotInTime { what: format!("ending the {} database", self.name), seconds: 25 })
    }

    /// How to sign in as a role.
    pub(crate) fn options(&self, user: &str, password: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(user)
            .password(password)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("lifeboat-range")
            .disable_statement_logging()
    }

    /// Signs in as the superuser.
    pub(crate) async fn administer(&self, passwords: &Passwords, database: &str) -> Result<PgConnection, RangeError> {
        let options = self.options("postgres", &passwords.superuser, database);
        PgConnection::connect_with(&options).await.map_err(RangeError::database("sign in as administrator"))
    }
}
