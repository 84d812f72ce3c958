//! A range from outside: real processes, real servers, looked at directly. The tests start this same program as the
//! background process, as `lifeboat range serve` does for people.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use lifeboat_domain::{Code, Problem};
use lifeboat_range::{Phase, Progress, RangeError, RangeStatus, Size, down, faults, inject, mend, serve, status, up};
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tempfile::TempDir;

/// Not a story: what the stories start. Without the arguments that [`up`] appends it does nothing.
#[tokio::test]
async fn background() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    match after("--home") {
        Some(home) => serve(Path::new(home), Size::Small).await.unwrap(),
        None => assert_eq!(after("--size"), None),
    }
}

fn launcher() -> (PathBuf, Vec<String>) {
    let arguments = ["background", "--exact", "--nocapture", "--"];
    (std::env::current_exe().unwrap(), arguments.map(str::to_owned).to_vec())
}

/// A home whose range is gone when the test is, however it ends.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self(tempfile::Builder::new().prefix("a home ").tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    async fn up(&self) -> RangeStatus {
        let mut steps: Vec<Progress> = Vec::new();
        let status = up(self.path(), Size::Small, launcher(), |step| steps.push(step)).await.unwrap();
        assert_eq!(steps.iter().map(|step| step.done).collect::<Vec<_>>(), (0..steps[0].of).collect::<Vec<_>>());
        status
    }

    fn record(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("range/state.json")).unwrap()).unwrap()
    }

    fn background_process(&self) -> i32 {
        self.record()["process"]["pid"].as_i64().unwrap() as i32
    }

    /// Where the clusters and buckets are, found by what the standby's server was started on.
    fn data(&self) -> PathBuf {
        let data = working_folders().into_values().find_map(|folder| {
            let data = folder.parent()?.to_owned();
            (folder.ends_with("primary") && self.owns(&data)).then_some(data)
        });
        data.unwrap()
    }

    fn owns(&self, data: &Path) -> bool {
        let port = self.bindings()["values"]["primary.port"].as_str().unwrap().to_owned();
        fs::read_to_string(data.join("primary/postmaster.pid")).is_ok_and(|text| text.lines().any(|line| line == port))
    }

    fn bindings(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("environments/range.json")).unwrap()).unwrap()
    }

    fn value(&self, name: &str) -> String {
        self.bindings()["values"][name].as_str().unwrap().to_owned()
    }

    async fn database(&self, port: &str, database: &str) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.value(port).parse().unwrap())
            .username("lifeboat_monitor")
            .password(self.bindings()["credentials"]["range-database"].as_str().unwrap())
            .database(database)
            .ssl_mode(PgSslMode::Disable);
        PgConnection::connect_with(&options).await.unwrap()
    }

    async fn ask<T>(&self, port: &str, question: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let mut connection = self.database(port, "samia").await;
        sqlx::query_scalar(AssertSqlSafe(question)).fetch_one(&mut connection).await.unwrap()
    }

    fn store(&self) -> aws_sdk_s3::Client {
        self.store_with(self.bindings()["credentials"]["range-objects"].as_str().unwrap())
    }

    fn store_with(&self, secret: &str) -> aws_sdk_s3::Client {
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

    async fn get(&self, path: &str) -> Result<(u16, Value), reqwest::Error> {
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
fn working_folders() -> BTreeMap<i32, PathBuf> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(|pid: i32| Some((pid, fs::read_link(format!("/proc/{pid}/cwd")).ok()?))).collect()
}

fn processes_below(folder: &Path) -> usize {
    working_folders().values().filter(|place| place.starts_with(folder)).count()
}

fn refuses(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

fn assert_nothing_is_left(home: &Home, status: &RangeStatus, data: &Path) {
    assert_eq!(status.phase, Phase::Down);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "a file is left in the home");
    assert!(!data.exists());
    assert_eq!(processes_below(data), 0);
}

#[tokio::test]
async fn one_range_with_every_fault() {
    let home = Home::new();
    let came_up = home.up().await;
    assert_eq!((came_up.phase, came_up.size), (Phase::Up, Some(Size::Small)));
    assert!(came_up.ports.iter().all(|(_, port)| (20_000..32_000).contains(port)), "{came_up:?}");
    let again = up(home.path(), Size::Small, launcher(), |_| {}).await.unwrap_err();
    assert_eq!(Problem::from(again).code, Code::RangeRunning);
    let data = home.data();

    bindings_are_private_and_complete(&home);
    servers_are_as_promised(&home, &data).await;
    media_match_their_rows(&home, &data).await;
    backup_restores_into_an_empty_database(&home, &data).await;
    the_api_answers_strictly(&home).await;
    the_platform_lives(&home).await;

    the_store_lists_page_by_page_and_checks_signatures(&home).await;

    database_faults(&home, &data).await;
    file_faults(&home, &data).await;
    object_faults(&home, &data).await;
    api_faults(&home).await;
    several_faults_at_once(&home).await;

    let wrong = inject(home.path(), "rain").await.unwrap_err();
    assert_eq!(Problem::from(wrong).code, Code::FaultUnknown);
    let ended = down(home.path()).await.unwrap();
    assert_nothing_is_left(&home, &ended, &data);
    assert!(came_up.ports.iter().all(|(_, port)| refuses(*port)));
    assert!(matches!(inject(home.path(), "api-slow").await, Err(RangeError::Down { .. })));
    assert_eq!(down(home.path()).await.unwrap().phase, Phase::Down);
}

fn bindings_are_private_and_complete(home: &Home) {
    let mode = |path: &str| fs::metadata(home.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("environments/range.json"), 0o600);
    assert_eq!(mode("range/state.json"), 0o600);
    let bindings = home.bindings();
    let keys = |name: &str| bindings[name].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let places = [
        "api.ca",
        "api.port",
        "api.tls-port",
        "dumps.folder",
        "names.port",
        "objects.access-key",
        "objects.port",
        "primary.port",
        "standby.port",
    ];
    assert_eq!(keys("values"), places);
    assert_eq!(keys("credentials"), ["range-database", "range-objects"]);
    assert!(bindings["bound_at"].is_string());
}

async fn servers_are_as_promised(home: &Home, data: &Path) {
    assert_eq!(home.ask::<String>("primary.port", "SHOW data_checksums").await, "on");
    assert_eq!(home.ask::<String>("primary.port", "SHOW archive_mode").await, "on");
    assert_eq!(home.ask::<String>("primary.port", "SHOW unix_socket_directories").await, "");
    assert_eq!(home.ask::<String>("primary.port", "SHOW listen_addresses").await, "127.0.0.1");
    assert!(home.ask::<bool>("standby.port", "SELECT pg_is_in_recovery()").await);
    assert_eq!(
        home.ask::<i64>("standby.port", "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'").await,
        1
    );
    assert!(!home.ask::<bool>("primary.port", "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").await);
    // What a check writes: into the log, not into a table.
    home.ask::<String>("primary.port", "SELECT pg_logical_emit_message(true, 'check', 'x')::text").await;
    assert!(files_below(&data.join("archive")).len() > 1);
    let uid = |path: &Path| std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).unwrap());
    assert_ne!(uid(&data.join("primary/postmaster.pid")), 0, "the server runs as root");
    assert_eq!(fs::metadata(data.join("primary")).unwrap().permissions().mode() & 0o777, 0o700);
}

async fn media_match_their_rows(home: &Home, data: &Path) {
    let mut connection = home.database("primary.port", "samia").await;
    let rows: Vec<(String, i64, Vec<u8>, chrono::DateTime<chrono::Utc>)> = sqlx::query_as(
        "SELECT name, bytes, sha256, objects.created_at FROM storage.objects JOIN public.media_assets ON object_id = objects.id
         WHERE bucket_id = 'samia-tarot-media'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(rows.len() >= 5_000);
    let bucket = data.join("objects/samia-tarot-media");
    for (name, bytes, sha256, created) in &rows {
        let content = fs::read(bucket.join(name)).unwrap();
        assert_eq!((content.len() as i64, Sha256::digest(&content).to_vec()), (*bytes, sha256.clone()), "{name}");
        let modified = chrono::DateTime::<chrono::Utc>::from(bucket.join(name).metadata().unwrap().modified().unwrap());
        assert_eq!(modified.timestamp(), created.timestamp(), "{name}");
    }
    assert!(files_below(&bucket).len() >= rows.len());
}

async fn backup_restores_into_an_empty_database(home: &Home, data: &Path) {
    let dumps = || {
        files_below(&data.join("objects/samia-tarot-backups/daily"))
            .into_iter()
            .filter(|path| path.extension().is_some_and(|kind| kind == "dump"))
    };
    let modified = |path: &PathBuf| path.metadata().unwrap().modified().unwrap();
    assert_eq!(dumps().count(), 31);
    let newest = dumps().max_by_key(modified).unwrap();
    assert_ne!(dumps().min(), Some(newest.clone()), "the newest is not the first by name");
    for dump in dumps() {
        let day = dump.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(chrono::DateTime::<chrono::Utc>::from(modified(&dump)).format("%Y-%m-%d").to_string(), day);
    }
    let manifest: Value = serde_json::from_slice(&fs::read(newest.with_extension("manifest.json")).unwrap()).unwrap();
    let content = fs::read(&newest).unwrap();
    assert_eq!(manifest["size"], content.len());
    assert_eq!(manifest["sha256"], hex::encode(Sha256::digest(&content)));
    assert_eq!(manifest["rows"]["public.orders"], 10_000);
    let system: String = home.ask("primary.port", "SELECT system_identifier::text FROM pg_control_system()").await;
    assert_eq!(manifest["system_identifier"], system);

    // By hand and as the administrator, whose password the range keeps for its children.
    let passwords = fs::read_to_string(data.join("passwords")).unwrap();
    let administrator = passwords.lines().find_map(|line| line.strip_prefix("*:*:*:postgres:")).unwrap();
    let port = home.value("primary.port");
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port.parse().unwrap())
        .username("postgres")
        .password(administrator)
        .database("postgres")
        .ssl_mode(PgSslMode::Disable);
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query("CREATE DATABASE copy TEMPLATE template0").execute(&mut connection).await.unwrap();
    let restored = tokio::process::Command::new("/usr/lib/postgresql/15/bin/pg_restore")
        .args(["--exit-on-error", "--host=127.0.0.1", "--username=postgres", "--dbname=copy", "--port", &port])
        .env("PGPASSWORD", administrator)
        .stdin(fs::File::open(&newest).unwrap())
        .output()
        .await
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let mut copy = PgConnection::connect_with(&options.database("copy")).await.unwrap();
    for (table, rows) in manifest["rows"].as_object().unwrap() {
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut copy)
            .await
            .unwrap();
        assert_eq!(*rows, count, "{table}");
    }
    copy.close().await.unwrap();
    sqlx::query("DROP DATABASE copy").execute(&mut connection).await.unwrap();
}

async fn the_api_answers_strictly(home: &Home) {
    for (path, key, value) in [
        ("/health", "status", Value::from("ok")),
        ("/health/database", "status", "ok".into()),
        ("/health/payments", "status", "ok".into()),
        ("/health/storage", "status", "ok".into()),
        ("/auth/test", "authenticated", true.into()),
        ("/providers/stripe/current/full", "largestatus", "up".into()),
    ] {
        let (code, answer) = home.get(path).await.unwrap();
        assert_eq!((code, &answer[key]), (200, &value), "{path}");
    }
    for provider in ["supabase", "square", "twilio"] {
        let (code, answer) = home.get(&format!("/providers/{provider}/api/v2/summary.json")).await.unwrap();
        assert_eq!((code, &answer["status"]["indicator"]), (200, &Value::from("none")), "{provider}");
        assert!(answer["components"].as_array().is_some_and(|components| components.len() > 3), "{provider}");
        assert_eq!(home.get(&format!("/providers/{provider}/api/v2/status.json")).await.unwrap().0, 200);
    }
    assert_eq!(home.get("/providers/push/incidents.json").await.unwrap(), (200, serde_json::json!([])));
    assert_eq!(home.get("/health/").await.unwrap().0, 404);
    assert_eq!(home.get("/providers/nobody/api/v2/status.json").await.unwrap().0, 404);
    let address = format!("http://127.0.0.1:{}/health", home.value("api.port"));
    let posted = reqwest::Client::new().post(address).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 405);
    assert!(posted.json::<Value>().await.unwrap()["error"].is_string());

    let authority = reqwest::Certificate::from_pem(&fs::read(home.value("api.ca")).unwrap()).unwrap();
    let port: u16 = home.value("api.tls-port").parse().unwrap();
    let secure = reqwest::Client::builder()
        .tls_certs_only([authority])
        .resolve("api.range.test", ([127, 0, 0, 1], port).into())
        .build()
        .unwrap();
    let answer = secure.get(format!("https://api.range.test:{port}/health")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

async fn the_store_lists_page_by_page_and_checks_signatures(home: &Home) {
    let mut pages = home.store().list_objects_v2().bucket("samia-tarot-media").into_paginator().send();
    let (mut keys, mut newest) = (Vec::new(), i64::MIN);
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.contents().len());
        for object in page.contents() {
            keys.push(object.key().unwrap().to_owned());
            newest = newest.max(object.last_modified().unwrap().secs());
        }
    }
    assert!(keys.len() >= 5_000 && sizes.len() > 5 && sizes[0] == 1_000, "{sizes:?}");
    assert!(chrono::Utc::now().timestamp() - newest < 600, "the newest upload is not new");
    let bytes: i64 = home.ask("primary.port", &format!("SELECT bytes FROM public.media_assets JOIN storage.objects ON objects.id = object_id WHERE name = '{}'", keys[17])).await;
    let object = home.store().get_object().bucket("samia-tarot-media").key(&keys[17]).send().await.unwrap();
    assert_eq!(object.content_length(), Some(bytes));

    let unsigned =
        reqwest::get(format!("http://127.0.0.1:{}/samia-tarot-media/", home.value("objects.port"))).await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 403);
    let wrong =
        home.store_with("not the secret").list_objects_v2().bucket("samia-tarot-media").send().await.unwrap_err();
    assert_eq!(wrong.raw_response().map(|response| response.status().as_u16()), Some(403));
}

/// Waits for a condition that a platform at work brings about by itself.
async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while !condition().await {
        assert!(Instant::now() < deadline, "{what} did not come about");
        looks.tick().await;
    }
}

async fn the_platform_lives(home: &Home) {
    let question = "SELECT beats FROM public.platform_heartbeat";
    let before: i64 = home.ask("standby.port", question).await;
    eventually("a heartbeat on the standby", async || home.ask::<i64>("standby.port", question).await > before).await;
    let question = "SELECT count(*) FROM public.orders WHERE id > 10000";
    eventually("an order", async || home.ask::<i64>("primary.port", question).await > 0).await;
}

async fn database_faults(home: &Home, data: &Path) {
    let path = home.path();

    for _ in 0..2 {
        assert_eq!(inject(path, "primary-stopped").await.unwrap().faults, ["primary-stopped"]);
    }
    assert!(refuses(home.value("primary.port").parse().unwrap()));
    assert_eq!(home.get("/health/database").await.unwrap(), (503, serde_json::json!({"status": "down"})));
    assert_eq!(home.get("/health").await.unwrap().1["status"], "degraded");
    let refused = inject(path, "rows-corrupted").await.unwrap_err();
    assert_eq!(Problem::from(refused).code, Code::NotAllowedNow);
    assert_eq!(status(path).await.faults, ["primary-stopped"]);
    assert!(mend(path, Some("primary-stopped")).await.unwrap().faults.is_empty());
    assert_eq!(home.get("/health/database").await.unwrap().0, 200);

    inject(path, "standby-cut").await.unwrap();
    let receivers = "SELECT count(*) FROM pg_stat_wal_receiver";
    assert_eq!(home.ask::<i64>("standby.port", receivers).await, 0);
    mend(path, Some("standby-cut")).await.unwrap();
    assert_eq!(home.ask::<i64>("standby.port", receivers).await, 1);
    assert_eq!(
        home.ask::<i64>("primary.port", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").await,
        1
    );

    let archives = "SELECT last_archived_time IS NOT NULL FROM pg_stat_archiver";
    assert!(home.ask::<bool>("primary.port", archives).await, "a crash makes the server forget what it archived");
    inject(path, "archiving-failing").await.unwrap();
    let fails = "SELECT last_failed_time > last_archived_time FROM pg_stat_archiver";
    assert!(home.ask::<bool>("primary.port", fails).await);
    mend(path, Some("archiving-failing")).await.unwrap();
    assert!(!home.ask::<bool>("primary.port", fails).await);

    let orders = "SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM public.orders o WHERE id <= 10000";
    let payments =
        "SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM public.payment_transactions p WHERE order_id <= 10000";
    let shape = "SELECT string_agg(line, E'\n' ORDER BY line) FROM (
        SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) AS line FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT relname || ' ' || relkind::text || ' ' || relrowsecurity || ' ' || coalesce(relacl::text, '') FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT tablename || ' ' || policyname || ' ' || coalesce(qual, '') FROM pg_policies
        UNION ALL SELECT viewname || definition FROM pg_views WHERE schemaname = 'public') AS lines";
    let before: (String, String, String) = (
        home.ask("primary.port", orders).await,
        home.ask("primary.port", payments).await,
        home.ask("primary.port", shape).await,
    );

    let impossible = "select count(*) from public.orders where amount_cents < 0 or currency !~ '^[A-Z]{3}$'";
    inject(path, "rows-corrupted").await.unwrap();
    assert_eq!(home.ask::<i64>("primary.port", impossible).await, 40);
    mend(path, Some("rows-corrupted")).await.unwrap();
    assert_eq!(home.ask::<i64>("primary.port", impossible).await, 0);

    let there = "select count(*) from pg_catalog.pg_class where oid = to_regclass('public.payment_transactions')";
    inject(path, "table-dropped").await.unwrap();
    assert_eq!(home.ask::<i64>("primary.port", there).await, 0);
    assert_eq!(home.get("/health/payments").await.unwrap().0, 503);
    mend(path, Some("table-dropped")).await.unwrap();
    assert_eq!(home.ask::<i64>("primary.port", there).await, 1);
    assert_eq!(home.get("/health/payments").await.unwrap().0, 200);

    assert_eq!(home.ask::<String>("primary.port", orders).await, before.0);
    assert_eq!(home.ask::<String>("primary.port", payments).await, before.1);
    assert_eq!(home.ask::<String>("primary.port", shape).await, before.2);
    assert_eq!(fs::read_dir(data.join("aside")).unwrap().count(), 0, "a fault left something aside");
}

async fn file_faults(home: &Home, data: &Path) {
    let path = home.path();
    let bucket = data.join("objects/samia-tarot-media");
    inject(path, "bucket-gone").await.unwrap();
    assert!(!bucket.exists());
    assert_eq!(home.get("/health/storage").await.unwrap(), (503, serde_json::json!({"status": "down"})));
    let store = home.store();
    let missing = store.list_objects_v2().bucket("samia-tarot-media").send().await.unwrap_err().into_service_error();
    assert!(missing.is_no_such_bucket(), "{missing}");
    mend(path, Some("bucket-gone")).await.unwrap();
    assert!(files_below(&bucket).len() >= 5_000);
    assert_eq!(home.get("/health/storage").await.unwrap().0, 200);

    let backups = || {
        let files = files_below(&data.join("objects/samia-tarot-backups"));
        files
            .into_iter()
            .map(|path| (path.clone(), path.metadata().unwrap().modified().unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    let before = backups();
    let newest = |files: &BTreeMap<PathBuf, SystemTime>| files.values().max().copied().unwrap();
    inject(path, "newest-backup-deleted").await.unwrap();
    assert_eq!(backups().len(), before.len() - 2);
    assert!(newest(&before).duration_since(newest(&backups())).unwrap() > Duration::from_mins(1));
    mend(path, Some("newest-backup-deleted")).await.unwrap();
    assert_eq!(backups(), before);
}

async fn object_faults(home: &Home, data: &Path) {
    let path = home.path();
    let bucket = data.join("objects/samia-tarot-media");
    // What is uploaded meanwhile is no part of the comparison.
    let contents = || {
        let files = files_below(&bucket).into_iter().map(|path| {
            let there = path.metadata().unwrap();
            let content = (there.modified().unwrap(), Sha256::digest(fs::read(&path).unwrap()).to_vec());
            (path, content)
        });
        files.collect::<BTreeMap<_, _>>()
    };
    let before = contents();
    inject(path, "object-corrupted").await.unwrap();
    let damaged = contents();
    let differing = before.iter().filter(|(path, content)| damaged.get(*path) != Some(*content)).count();
    assert!((before.len() / 4..before.len() / 2).contains(&differing), "{differing} of {}", before.len());
    assert!(before.iter().all(|(path, (modified, _))| damaged[path].0 == *modified), "the time of a damaged object");
    inject(path, "object-missing").await.unwrap();
    let missing = before.keys().filter(|path| !path.exists()).count();
    assert!((before.len() / 4..before.len() / 2).contains(&missing), "{missing} of {}", before.len());
    // Mended while the bucket itself is away.
    inject(path, "bucket-gone").await.unwrap();
    mend(path, Some("object-corrupted")).await.unwrap();
    mend(path, Some("bucket-gone")).await.unwrap();
    mend(path, Some("object-missing")).await.unwrap();
    let after = contents();
    assert!(before.iter().all(|(path, content)| after.get(path) == Some(content)), "not mended exactly");

    let versioning = async || home.store().get_bucket_versioning().bucket("samia-tarot-backups").send().await.unwrap();
    assert_eq!(versioning().await.status().unwrap().as_str(), "Enabled");
    inject(path, "versioning-suspended").await.unwrap();
    assert_eq!(versioning().await.status().unwrap().as_str(), "Suspended");
    mend(path, Some("versioning-suspended")).await.unwrap();
    assert_eq!(versioning().await.status().unwrap().as_str(), "Enabled");
    let lock = home.store().get_object_lock_configuration().bucket("samia-tarot-backups").send().await.unwrap();
    let rule = lock.object_lock_configuration().and_then(|lock| lock.rule()).and_then(|rule| rule.default_retention());
    assert_eq!(rule.and_then(aws_sdk_s3::types::DefaultRetention::days), Some(30));
    let never = home.store().get_bucket_lifecycle_configuration().bucket("samia-tarot-backups").send().await;
    assert_eq!(never.unwrap_err().into_service_error().meta().code(), Some("NoSuchLifecycleConfiguration"));

    let dumps = || files_below(Path::new(&home.value("dumps.folder")));
    let newest = || dumps().iter().map(|dump| dump.metadata().unwrap().modified().unwrap()).max().unwrap();
    let before = (dumps(), newest());
    inject(path, "dump-missed").await.unwrap();
    assert!(newest().elapsed().unwrap() > Duration::from_hours(48));
    mend(path, Some("dump-missed")).await.unwrap();
    assert_eq!((dumps(), newest()), before);
    assert_eq!(fs::read_dir(data.join("aside")).unwrap().count(), 0, "a fault left something aside");
}

async fn api_faults(home: &Home) {
    let path = home.path();
    inject(path, "api-slow").await.unwrap();
    let begun = Instant::now();
    assert_eq!(home.get("/auth/test").await.unwrap().0, 200);
    assert!(begun.elapsed() >= Duration::from_secs(2));
    mend(path, Some("api-slow")).await.unwrap();
    let begun = Instant::now();
    assert_eq!(home.get("/auth/test").await.unwrap().0, 200);
    assert!(begun.elapsed() < Duration::from_secs(2));

    inject(path, "api-degraded").await.unwrap();
    for place in ["/health", "/health/payments"] {
        let (code, answer) = home.get(place).await.unwrap();
        assert_eq!((code, &answer["status"]), (200, &Value::from("degraded")));
    }
    mend(path, Some("api-degraded")).await.unwrap();
    assert_eq!(home.get("/health/payments").await.unwrap().1["status"], "ok");

    inject(path, "api-down").await.unwrap();
    for port in ["api.port", "api.tls-port"] {
        assert!(refuses(home.value(port).parse().unwrap()), "{port}");
    }
    mend(path, Some("api-down")).await.unwrap();
    assert_eq!(home.get("/health").await.unwrap().0, 200);
}

async fn several_faults_at_once(home: &Home) {
    let path = home.path();
    for fault in faults().iter().rev() {
        inject(path, fault.name).await.unwrap();
    }
    assert_eq!(status(path).await.faults.len(), faults().len());
    let mended = mend(path, None).await.unwrap();
    assert!(mended.faults.is_empty());
    assert_eq!(mended.detail, "up, everything works");
    assert_eq!(home.get("/health").await.unwrap().1["status"], "ok");
}

#[tokio::test]
async fn two_ranges_stand_side_by_side_and_nothing_survives_a_kill() {
    let (one, other) = (Home::new(), Home::new());
    // Two starts at once in one home: one of them has it.
    let start = || up(one.path(), Size::Small, launcher(), |_| {});
    let (winner, loser, second) = tokio::join!(start(), start(), other.up());
    let (first, refused) = match (winner, loser) {
        (Ok(first), Err(refused)) | (Err(refused), Ok(first)) => (first, refused),
        both => panic!("one of two starts has the home: {both:?}"),
    };
    assert_eq!(Problem::from(refused).code, Code::RangeRunning);
    assert!(first.ports.iter().all(|(_, port)| !second.ports.iter().any(|(_, taken)| taken == port)));
    let (data, beside) = (one.data(), other.data());
    inject(one.path(), "api-down").await.unwrap();
    assert_eq!(other.get("/health").await.unwrap().0, 200);

    // Nobody can catch this one: the servers live on.
    let send = |home: &Home, signal| {
        let pid = rustix::process::Pid::from_raw(home.background_process()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    };
    send(&one, Signal::KILL);
    eventually("the end of the process", async || status(one.path()).await.phase == Phase::Broken).await;
    assert!(processes_below(&data) > 2);
    let ended = down(one.path()).await.unwrap();
    assert_nothing_is_left(&one, &ended, &data);
    assert!(first.ports.iter().all(|(_, port)| refuses(*port)));
    assert_eq!(status(other.path()).await.phase, Phase::Up);

    // A new start clears the ground by itself.
    send(&other, Signal::KILL);
    eventually("the end of the process", async || status(other.path()).await.phase == Phase::Broken).await;
    let servers: Vec<i32> =
        working_folders().into_iter().filter(|(_, folder)| folder.starts_with(&beside)).map(|(pid, _)| pid).collect();
    let again = other.up().await;
    assert_eq!(again.phase, Phase::Up);
    let now = working_folders();
    assert!(servers.iter().all(|pid| !now.contains_key(pid)), "a server of the killed range lives on");
    assert_eq!(other.get("/health").await.unwrap().0, 200);
    // What a shut-down of the computer sends.
    send(&other, Signal::TERM);
    eventually("an orderly end", async || status(other.path()).await.phase == Phase::Down && !beside.exists()).await;
    let ended = down(other.path()).await.unwrap();
    assert_nothing_is_left(&other, &ended, &beside);
}

#[tokio::test]
async fn a_range_that_cannot_come_up_says_why_and_leaves_nothing() {
    let home = Home::new();
    let absent = (PathBuf::from("/nowhere/lifeboat"), Vec::new());
    assert!(matches!(up(home.path(), Size::Small, absent, |_| {}).await, Err(RangeError::Program { .. })));
    // A program that ends at once, with words of its own.
    let wrong = (PathBuf::from("/bin/ls"), Vec::new());
    let error = up(home.path(), Size::Small, wrong, |_| {}).await.unwrap_err();
    assert!(matches!(&error, RangeError::Ended { log } if log.contains("--home")), "{error}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    assert_eq!(status(home.path()).await.phase, Phase::Down);
}
