//! What each fault breaks, and that mending it leaves nothing behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use lifeboat_domain::{Code, Problem};
use lifeboat_range::{faults, inject, mend, status};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::home::{Home, files_below, refuses};

pub(crate) async fn database_faults(home: &Home, data: &Path) {
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

pub(crate) async fn file_faults(home: &Home, data: &Path) {
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

pub(crate) async fn object_faults(home: &Home, data: &Path) {
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

pub(crate) async fn api_faults(home: &Home) {
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

    a_customer_orders_unless_orders_fail(home).await;

    inject(path, "api-down").await.unwrap();
    for port in ["api.port", "api.tls-port"] {
        assert!(refuses(home.value(port).parse().unwrap()), "{port}");
    }
    mend(path, Some("api-down")).await.unwrap();
    assert_eq!(home.get("/health").await.unwrap().0, 200);
}

async fn a_customer_orders_unless_orders_fail(home: &Home) {
    let client = reqwest::Client::new();
    let address = |path: &str| format!("http://127.0.0.1:{}{path}", home.value("api.port"));
    let send = async |method: &str, path: &str, token: &str, body: Value| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client.request(method, address(path)).bearer_auth(token).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let password = home.bindings()["credentials"]["range-test-account"].as_str().unwrap().to_owned();
    let account = |password: &str| serde_json::json!({"email": "person3@mail.test", "password": password});
    assert_eq!(send("POST", "/auth/sign-in", "", account("wrong")).await.0, 401);
    let (code, session) = send("POST", "/auth/sign-in", "", account(&password)).await;
    let token = session["token"].as_str().unwrap();
    assert_eq!(code, 200);

    let wanted = serde_json::json!({"service": "dream", "reference": "r-1"});
    assert_eq!(send("POST", "/orders", "nobody", wanted.clone()).await.0, 401);
    let (code, order) = send("POST", "/orders", token, wanted.clone()).await;
    assert_eq!((code, &order["state"]), (201, &Value::from("pending")));
    let place = format!("/orders/{}", order["id"]);
    let paid = send("POST", &format!("{place}/payment"), token, Value::Null).await;
    assert_eq!(paid, (201, serde_json::json!({"state": "succeeded"})));
    assert_eq!(send("POST", &format!("{place}/payment"), token, Value::Null).await.0, 409, "paid once");
    assert_eq!(send("GET", &format!("{place}/media"), token, Value::Null).await.0, 200);
    for removed in [1, 0] {
        let answer = send("DELETE", "/orders/by-reference/r-1", token, Value::Null).await;
        assert_eq!(answer, (200, serde_json::json!({"removed": removed})));
    }

    inject(home.path(), "orders-fail").await.unwrap();
    assert_eq!(send("POST", "/orders", token, wanted.clone()).await.0, 500);
    assert_eq!(home.get("/health").await.unwrap().0, 200, "nobody else notices");
    mend(home.path(), Some("orders-fail")).await.unwrap();
    assert_eq!(send("POST", "/orders", token, wanted).await.0, 201);
    assert_eq!(send("DELETE", "/orders/by-reference/r-1", token, Value::Null).await.0, 200);
}

pub(crate) async fn several_faults_at_once(home: &Home) {
    let path = home.path();
    // A vendor fails in one way at a time, so of its faults the last one stays.
    let (vendors, parts): (Vec<_>, Vec<_>) = faults().into_iter().partition(|fault| fault.name.contains('='));
    for fault in parts.iter().rev().chain(&vendors) {
        inject(path, &fault.name).await.unwrap();
    }
    let of = |name: &str| name.split('=').next().unwrap_or_default().to_owned();
    let failing: BTreeSet<String> = vendors.iter().map(|fault| of(&fault.name)).collect();
    assert!(!failing.is_empty());
    assert_eq!(status(path).await.faults.len(), parts.len() + failing.len());
    let mended = mend(path, None).await.unwrap();
    assert!(mended.faults.is_empty());
    assert_eq!(mended.detail, "up, everything works");
    assert_eq!(home.get("/health").await.unwrap().1["status"], "ok");
}
