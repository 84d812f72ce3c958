//! What every part of a range that is up has to be and do.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::home::{Home, eventually, files_below};

/// The words of all vendors. The mail server's credential goes by another: in `range-mail` stands "email", and what
/// follows that is taken out of every text.
const VENDORS: [&str; 11] =
    ["pagerduty", "slack", "twilio", "fcm", "mail", "smtp", "stripe", "square", "supabase", "cloudflare", "statuspage"];

pub(crate) fn bindings_are_private_and_complete(home: &Home) {
    let mode = |path: &str| fs::metadata(home.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("environments/range.json"), 0o600);
    assert_eq!(mode("range/state.json"), 0o600);
    let bindings = home.bindings();
    let keys = |name: &str| bindings[name].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    // Those of the vendors' stand-ins begin with the vendor's word.
    let of_a_vendor = |key: &String| {
        let key = key.trim_start_matches("range-");
        VENDORS.iter().any(|vendor| key.starts_with(vendor))
    };
    let (vendors, values): (Vec<_>, Vec<_>) = keys("values").into_iter().partition(of_a_vendor);
    let (secrets, credentials): (Vec<_>, Vec<_>) = keys("credentials").into_iter().partition(of_a_vendor);
    for vendor in ["pagerduty", "slack", "stripe", "twilio"] {
        assert!(vendors.contains(&format!("{vendor}.port")), "{vendor} has no port in {vendors:?}");
        assert!(secrets.iter().any(|handle| handle.starts_with(&format!("range-{vendor}"))), "{vendor} in {secrets:?}");
    }
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
    assert_eq!(values, places);
    assert_eq!(credentials, ["range-database", "range-objects", "range-test-account"]);
    assert_eq!(keys("beats"), ["database-backup-job"]);
    assert!(bindings["bound_at"].is_string());
    // By these two a reader tells a range that was killed, and that a number was given to another program.
    let process = &home.record()["process"];
    assert_eq!((&bindings["pid"], &bindings["started"]), (&process["pid"], &process["started"]));
}

pub(crate) async fn servers_are_as_promised(home: &Home, data: &Path) {
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

pub(crate) async fn media_match_their_rows(home: &Home, data: &Path) {
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

pub(crate) async fn backup_restores_into_an_empty_database(home: &Home, data: &Path) {
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

pub(crate) async fn the_api_answers_strictly(home: &Home) {
    for (path, key, value) in [
        ("/health", "status", Value::from("ok")),
        ("/health/database", "status", "ok".into()),
        ("/health/payments", "status", "ok".into()),
        ("/health/storage", "status", "ok".into()),
        ("/auth/test", "authenticated", true.into()),
        ("/providers/stripe/current/full", "largestatus", "up".into()),
        ("/providers/slack/api/v2.0.0/current", "status", "ok".into()),
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

pub(crate) async fn the_store_lists_page_by_page_and_checks_signatures(home: &Home) {
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

pub(crate) async fn the_platform_lives(home: &Home) {
    let question = "SELECT beats FROM public.platform_heartbeat";
    let before: i64 = home.ask("standby.port", question).await;
    eventually("a heartbeat on the standby", async || home.ask::<i64>("standby.port", question).await > before).await;
    let question = "SELECT count(*) FROM public.orders WHERE id > 10000";
    eventually("an order", async || home.ask::<i64>("primary.port", question).await > 0).await;
}
