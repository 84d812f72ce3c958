//! A real PostgreSQL cluster in a temporary folder, ended and removed when dropped.
//!
//! PostgreSQL refuses to run as root, so then everything is done as its own user.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use tempfile::TempDir;

const BIN: &str = "/usr/lib/postgresql/15/bin";
const WAIT: Duration = Duration::from_mins(1);

pub(crate) struct Cluster {
    server: Option<Child>,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop(Signal::QUIT);
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn command(program: &str) -> Command {
    let path = format!("{BIN}/{program}");
    assert!(Path::new(&path).exists(), "PostgreSQL 15 is needed for this test: apt-get install postgresql-15");
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env", &path]);
        command
    } else {
        Command::new(&path)
    };
    command.current_dir("/var/tmp").stdin(Stdio::null());
    command
}

fn run(program: &str, arguments: &[&str]) {
    let Output { status, stderr, .. } = command(program).args(arguments).output().unwrap();
    assert!(status.success(), "{program}: {}", String::from_utf8_lossy(&stderr));
}

fn postgres_user() -> Option<(u32, u32)> {
    is_root().then(|| {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let line = passwd.lines().find(|line| line.starts_with("postgres:")).expect("a user postgres").to_owned();
        let fields: Vec<u32> = line.split(':').skip(2).take(2).map(|field| field.parse().unwrap()).collect();
        (fields[0], fields[1])
    })
}

/// Gives a file to the user the server runs as.
fn give(path: &Path) {
    if let Some((user, group)) = postgres_user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("lifeboat-probes-").tempdir_in("/var/tmp").unwrap();
    give(folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn free_port() -> u16 {
    let start = u16::try_from(std::process::id() % 11_000).unwrap() + 20_000;
    let seed = u16::try_from(Instant::now().elapsed().as_nanos() % 977).unwrap();
    (0..12_000_u16)
        .map(|step| 20_000 + (start - 20_000 + seed * 11 + step * 7) % 12_000)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port below 32768")
}

impl Cluster {
    /// A new primary with these lines of configuration.
    pub(crate) async fn primary(settings: &str) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        let data = data.to_str().unwrap();
        run(
            "initdb",
            &[
                "-D",
                data,
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--wal-segsize=1",
            ],
        );
        let cluster = Self { server: None, port: free_port(), folder };
        cluster.write("pg_hba.conf", "host all postgres 127.0.0.1/32 trust\nhost replication postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
        cluster.write("extra.conf", settings);
        cluster.append("postgresql.conf", "include 'extra.conf'\n");
        cluster.started().await
    }

    /// A standby of a primary, streaming.
    pub(crate) async fn standby(primary: &Self) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        let port = primary.port.to_string();
        run(
            "pg_basebackup",
            &[
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "postgres",
                "-D",
                data.to_str().unwrap(),
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
            ],
        );
        let cluster = Self { server: None, port: free_port(), folder };
        cluster.started().await
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a file into the data folder, for the server alone.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).unwrap();
        give(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn append(&self, name: &str, text: &str) {
        let kept = fs::read_to_string(self.data().join(name)).unwrap();
        self.write(name, &format!("{kept}{text}"));
    }

    /// A folder the server may write to.
    pub(crate) fn archive_folder(&self) -> PathBuf {
        let path = self.folder.path().join("archive");
        if !path.exists() {
            fs::create_dir(&path).unwrap();
            give(&path);
        }
        path
    }

    async fn started(mut self) -> Self {
        self.start().await;
        self
    }

    pub(crate) async fn start(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let data = self.data();
        let socket = self.folder.path().to_str().unwrap().to_owned();
        assert_eq!(fs::metadata(&data).unwrap().mode() & 0o077, 0);
        let server = command("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .arg("-c")
            .arg(format!("unix_socket_directories={socket}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(server);
        let deadline = Instant::now() + WAIT;
        while let Err(error) = self.connect().await {
            assert!(Instant::now() < deadline, "{error}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn stop(&mut self, signal: Signal) {
        if let Some(mut server) = self.server.take() {
            if let Some(pid) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
            let _ = server.wait();
        }
    }

    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .database("postgres")
            .disable_statement_logging();
        PgConnection::connect_with(&options).await
    }

    /// Runs statements as the administrator.
    pub(crate) async fn run(&self, statements: &str) {
        let mut connection = self.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Waits until a query answers true.
    pub(crate) async fn until(&self, query: &str) {
        let deadline = Instant::now() + WAIT;
        let mut connection = self.connect().await.unwrap();
        loop {
            let row = sqlx::query(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap();
            if row.get::<Option<bool>, _>(0) == Some(true) {
                return;
            }
            assert!(Instant::now() < deadline, "never true: {query}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
