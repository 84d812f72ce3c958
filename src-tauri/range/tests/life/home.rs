//! A home with a range of its own, and the ways to look at the range directly: files, processes, servers.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lifeboat_range::{Phase, Progress, RangeStatus, Size, down, up};
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tempfile::TempDir;

pub(crate) fn launcher() -> (PathBuf, Vec<String>) {
    let arguments = ["background", "--exact", "--nocapture", "--"];
    (std::env::current_exe().unwrap(), arguments.map(str::to_owned).to_vec())
}

/// A home whose range is gone when the test is, however it ends.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self(tempfile::Builder::new().prefix("a home ").tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn up(&self) -> RangeStatus {
        let mut steps: Vec<Progress> = Vec::new();
        let status = up(self.path(), Size::Small, launcher(), |step| steps.push(step)).await.unwrap();
        assert_eq!(steps.iter().map(|step| step.done).collect::<Vec<_>>(), (0..steps[0].of).collect::<Vec<_>>());
        status
    }

    pub(crate) fn record(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("range/state.json")).unwrap()).unwrap()
    }

    pub(crate) fn background_process(&self) -> i32 {
        self.record()["process"]["pid"].as_i64().unwrap() as i32
    }

    /// Where the clusters and buckets are, found by what the standby's server was started on.
    pub(crate) fn data(&self) -> PathBuf {
        let data = working_folders().into_values().find_map(|folder| {
            let data = folder.parent()?.to_owned();
            (folder.ends_with("primary") && self.owns(&data)).then_some(data)
        });
        data.unwrap()
    }

    pub(crate) fn owns(&self, data: &Path) -> bool {
        let port = self.bindings()["values"]["primary.port"].as_str().unwrap().to_owned();
        fs::read_to_string(data.join("primary/postmaster.pid")).is_ok_and(|text| text.lines().any(|line| line == port))
    }

    pub(crate) fn bindings(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("environments/range.json")).unwrap()).unwrap()
    }

    pub(crate) fn value(&self, name: &str) -> String {
        self.bindings()["values"][name].as_str().unwrap().to_owned()
    }

    pub(crate) async fn database(&self, port: &str, database: &str) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.value(port).parse().unwrap())
            .username("lifeboat_monitor")
            .password(self.bindings()["credentials"]["range-database"].as_str().unwrap())
            .database(database)
            .ssl_mode(PgSslMode::Disable);
        PgConnection::connect_with(&options).await.unwrap()
    }

    pub(crate) async fn ask<T>(&self, port: &str, question: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let mut connection = self.database(port, "samia").await;
        sqlx::query_scalar(AssertSqlSafe(question)).fetch_one(&mut connection).await.unwrap()
    }

    pub(crate) fn store(&self) -> aws_sdk_s3::Client {
        self.store_with(self.bindings()["credentials"]["range-objects"].as_str().unwrap())
    }

    pub(crate) fn store_with(&self, secret: &str) -> aws_sdk_s3::Client {
        let configuration = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(format!("http://127.0.0.1:{}", self.value("objects.port")))
            .region(aws_sdk_s3::config::Region::new("eu-west-1"))
            .credentials_provider(aws_sdk_s3::config::Credentials::new(
                self.value("objects.access-key"),
                secret,
                None,
                None,
                "range",
            ))
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(configuration)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(u16, Value), reqwest::Error> {
        let address = format!("http://127.0.0.1:{}{path}", self.value("api.port"));
        let response = reqwest::Client::new().get(address).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let home = self.path().to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(down(&home)).unwrap();
        })
        .join()
        .unwrap();
    }
}

/// The folder each process of this computer works in.
pub(crate) fn working_folders() -> BTreeMap<i32, PathBuf> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(|pid: i32| Some((pid, fs::read_link(format!("/proc/{pid}/cwd")).ok()?))).collect()
}

pub(crate) fn processes_below(folder: &Path) -> usize {
    working_folders().values().filter(|place| place.starts_with(folder)).count()
}

pub(crate) fn refuses(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

pub(crate) fn assert_nothing_is_left(home: &Home, status: &RangeStatus, data: &Path) {
    assert_eq!(status.phase, Phase::Down, "{status:?}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "a file is left in the home");
    assert!(!data.exists());
    assert_eq!(processes_below(data), 0);
}

/// Waits for a condition that a platform at work brings about by itself.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(90);
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while !condition().await {
        assert!(Instant::now() < deadline, "{what} did not come about");
        looks.tick().await;
    }
}
