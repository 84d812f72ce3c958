//! The backups in the backup bucket: one finished dump of this range with what is known about it, and a history of
//! thirty days before it. The history holds real dumps too, but of structure alone, and its manifests say so.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::Stdio,
};

use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    cluster::{Cluster, DATABASE, Passwords},
    data::{count_rows, write_object},
    error::RangeError,
    place::{Place, blocking},
    tools::{Tools, run},
};

/// Days of history before the newest backup.
const HISTORY: i64 = 30;

/// Dumps what the arguments select into a file of this program's.
pub(crate) async fn dump(tools: &Tools, primary: &Cluster, arguments: &[&str], to: &Path) -> Result<(), RangeError> {
    let file = File::create(to).map_err(RangeError::file("create", to))?;
    let mut command = tools.command("pg_dump");
    command.args(["--host=127.0.0.1", "--username=postgres", "--no-password", "--port"]);
    command.arg(primary.port.to_string()).args(["--format=custom", "--compress=1", "--dbname", DATABASE]);
    command.args(arguments).stdout(file);
    run("pg_dump", &mut command).await
}

/// Restores a dump into a database of the primary, all or nothing.
pub(crate) async fn restore(tools: &Tools, primary: &Cluster, database: &str, from: &Path) -> Result<(), RangeError> {
    let file = File::open(from).map_err(RangeError::file("open", from))?;
    let mut command = tools.command("pg_restore");
    command.args(["--host=127.0.0.1", "--username=postgres", "--no-password", "--port"]);
    command.arg(primary.port.to_string()).args(["--single-transaction", "--exit-on-error", "--dbname", database]);
    command.stdin(file).stdout(Stdio::null());
    run("pg_restore", &mut command).await
}

/// Takes one whole backup of the quiet primary, now, and lays out the history before it.
pub(crate) async fn take(
    tools: &Tools,
    primary: &Cluster,
    passwords: &Passwords,
    place: &Place,
    bucket: PathBuf,
) -> Result<(), RangeError> {
    let dumps = place.dumps();
    let (whole, structure) = (place.aside().join("whole.dump"), place.aside().join("structure.dump"));
    let taken = Utc::now().trunc_subsecs(0);
    let facts = facts(primary, passwords).await?;
    tokio::try_join!(dump(tools, primary, &[], &whole), dump(tools, primary, &["--schema-only"], &structure),)?;
    blocking(move || {
        for days in (1..=HISTORY).rev() {
            let before = taken - Duration::days(days);
            // What a schedule at three in the morning leaves behind.
            let before =
                before.date_naive().and_hms_opt(3, 0, (days * 7 % 60) as u32).map_or(before, |time| time.and_utc());
            let manifest = json!({"complete": false, "contains": "structure only, as history of the practice range"});
            lay(&bucket, &structure, before, manifest.as_object().cloned().unwrap_or_default())?;
        }
        lay(&bucket, &whole, taken, facts)?;
        for (dump, taken) in [(&structure, taken - Duration::days(3)), (&whole, taken)] {
            keep(&dumps, dump, taken)?;
        }
        for dump in [whole, structure] {
            fs::remove_file(&dump).map_err(RangeError::file("remove", &dump))?;
        }
        Ok(())
    })
    .await
}

/// What a manifest says of the database.
async fn facts(primary: &Cluster, passwords: &Passwords) -> Result<Map<String, Value>, RangeError> {
    let mut connection = primary.administer(passwords, DATABASE).await?;
    let (position, version, system): (String, String, String) = sqlx::query_as(
        "SELECT pg_current_wal_lsn()::text, current_setting('server_version'), system_identifier::text FROM pg_control_system()",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(RangeError::database("read what the backup is of"))?;
    let rows: Map<String, Value> =
        count_rows(&mut connection).await?.into_iter().map(|(table, rows)| (table, rows.into())).collect();
    let facts = json!({
        "complete": true, "database": DATABASE, "lsn": position, "server_version": version,
        "system_identifier": system, "rows": rows,
    });
    Ok(facts.as_object().cloned().unwrap_or_default())
}

/// Puts a dump into the folder of nightly dumps.
fn keep(folder: &Path, dump: &Path, taken: DateTime<Utc>) -> Result<(), RangeError> {
    fs::create_dir_all(folder).map_err(RangeError::file("create", folder))?;
    let to = folder.join(format!("samia_full_{}.dump", taken.format("%Y%m%d_%H%M%S")));
    fs::copy(dump, &to).map_err(RangeError::file("write", &to))?;
    date(&to, taken)
}

fn date(file: &Path, taken: DateTime<Utc>) -> Result<(), RangeError> {
    let dated = File::options().append(true).open(file).and_then(|open| open.set_modified(taken.into()));
    dated.map_err(RangeError::file("date", file))
}

/// Puts a dump and its manifest into the bucket as if uploaded at that time.
fn lay(bucket: &Path, dump: &Path, taken: DateTime<Utc>, mut manifest: Map<String, Value>) -> Result<(), RangeError> {
    let folder = bucket.join("daily").join(taken.format("%Y-%m-%d").to_string());
    fs::create_dir_all(&folder).map_err(RangeError::file("create", &folder))?;
    let name = format!("samia_full_{}", taken.format("%Y%m%dT%H%M%SZ"));
    let to = folder.join(format!("{name}.dump"));
    fs::copy(dump, &to).map_err(RangeError::file("write", &to))?;
    date(&to, taken)?;
    manifest.insert("file".to_owned(), format!("{name}.dump").into());
    manifest.insert("taken_at".to_owned(), json!(taken));
    manifest.insert("size".to_owned(), to.metadata().map_err(RangeError::file("read", &to))?.len().into());
    manifest.insert("sha256".to_owned(), digest(&to)?.into());
    let to = folder.join(format!("{name}.manifest.json"));
    let text = format!("{:#}\n", Value::Object(manifest));
    write_object(&to, text.as_bytes(), taken).map_err(RangeError::file("write", &to))
}

/// The SHA-256 of a file, in hexadecimal.
fn digest(path: &Path) -> Result<String, RangeError> {
    let failed = || RangeError::file("read", path);
    let mut file = File::open(path).map_err(failed())?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        let count = file.read(&mut buffer).map_err(failed())?;
        if count == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
    }
}

/// The newest dump in the bucket's folder and its manifest, by the time of upload.
pub(crate) fn newest(bucket: &Path) -> Option<(PathBuf, PathBuf)> {
    let days = fs::read_dir(bucket.join("daily")).ok()?.flatten();
    let files = days.filter_map(|day| fs::read_dir(day.path()).ok()).flatten().flatten().map(|file| file.path());
    let dumps = files.filter(|path| path.extension().is_some_and(|extension| extension == "dump"));
    let dump = dumps.max_by_key(|path| path.metadata().and_then(|there| there.modified()).ok())?;
    let manifest = dump.with_extension("manifest.json");
    Some((dump, manifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_told_by_time_and_a_manifest_by_its_dump() {
        let bucket = tempfile::tempdir().unwrap();
        let dump = bucket.path().join("some.dump");
        fs::write(&dump, "dump").unwrap();
        let now = Utc::now().trunc_subsecs(0);
        lay(bucket.path(), &dump, now, Map::new()).unwrap();
        lay(bucket.path(), &dump, now - Duration::days(40), Map::new()).unwrap();
        let (newest, manifest) = newest(bucket.path()).unwrap();
        assert!(newest.to_string_lossy().contains(&now.format("%Y-%m-%d/samia_full_%Y%m%dT").to_string()));
        let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
        assert_eq!(manifest["size"], 4);
        assert_eq!(manifest["sha256"], hex::encode(Sha256::digest("dump")));
        assert_eq!(newest.metadata().unwrap().modified().unwrap(), std::time::SystemTime::from(now));
    }
}
