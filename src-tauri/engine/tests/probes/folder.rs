//! The newest file of a folder of this computer.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::{Duration, SystemTime},
};

use lifeboat_domain::{
    check::{
        Check, FileNewestProbe, Probe,
        Verdict::{Degraded, Operational, Outage, Unknown},
        WithoutFolder,
    },
    environment::Target,
    plan::quantity::{Period, Size},
};
use rustix::process::geteuid;

use crate::support::{assert_sample, check, id, measured, probe};

const HOUR: u64 = 3_600;

fn put(path: &Path, hours: u64, size: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, vec![b'x'; size]).unwrap();
    date(path, SystemTime::now() - Duration::from_secs(hours * HOUR));
}

fn date(path: &Path, modified: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

fn newest() -> FileNewestProbe {
    FileNewestProbe {
        endpoint: id("end"),
        prefix: "full_".to_owned(),
        suffix: ".dump".to_owned(),
        max_age: Period::from_secs(25 * HOUR),
        degraded_age: Some(Period::from_secs(24 * HOUR)),
        min_size: Size::from_bytes(10),
        without_folder: WithoutFolder::Outage,
    }
}

fn check_of(probe: FileNewestProbe) -> Check {
    check(Probe::FileNewest(probe))
}

fn at(path: &Path) -> Target {
    Target::Folder { path: path.to_str().unwrap().to_owned() }
}

#[tokio::test]
async fn the_newest_file_of_the_whole_folder_is_found_by_its_time() {
    let folder = tempfile::tempdir().unwrap();
    for day in 0..60_u64 {
        put(&folder.path().join(format!("{day:03}/full_{day:03}.dump")), (60 - day) * 24 - 22, 10);
    }
    put(&folder.path().join("full_zzz.log"), 0, 10);
    put(&folder.path().join("part_full_.dump"), 0, 10);
    let sample = probe(&check_of(newest()), at(folder.path())).await;
    assert_sample(&sample, Operational, "newest is 2h old, 10 B, of 60 files");
    assert!((measured(&sample, "newest age") - 7_200.0).abs() < 60.0);
    let path = folder.path().join("000/full_000.dump");
    for (hours, size, verdict, reason) in
        [(1, 10, Operational, "newest is 1h old"), (0, 9, Outage, "newest file has 9 B, expected at least 10 B")]
    {
        put(&path, hours, size);
        assert_sample(&probe(&check_of(newest()), at(folder.path())).await, verdict, reason);
    }
    date(&path, SystemTime::now() + Duration::from_secs(HOUR));
    assert_sample(&probe(&check_of(newest()), at(folder.path())).await, Unknown, "clock differs: the newest file is");
}

#[tokio::test]
async fn age_and_absence_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let sample = probe(&check_of(newest()), at(folder.path())).await;
    assert_sample(&sample, Outage, "no file beginning with \"full_\" ending in \".dump\"");
    put(&folder.path().join("full_a.dump"), 24, 10);
    assert_sample(&probe(&check_of(newest()), at(folder.path())).await, Degraded, "newest file is 1d old, limit 1d");
    put(&folder.path().join("full_a.dump"), 74, 10);
    assert_sample(&probe(&check_of(newest()), at(folder.path())).await, Outage, "newest file is 3d 2h old");
    let nowhere = folder.path().join("nowhere");
    let file = folder.path().join("full_a.dump");
    for (without_folder, verdict) in
        [(WithoutFolder::Outage, Outage), (WithoutFolder::Degraded, Degraded), (WithoutFolder::Unknown, Unknown)]
    {
        let check = check_of(FileNewestProbe { without_folder, ..newest() });
        assert_sample(&probe(&check, at(&nowhere)).await, verdict, "the folder is not there");
        assert_sample(&probe(&check, at(&file)).await, verdict, "it is not a folder");
        assert_sample(&probe(&check, at(&file.join("below"))).await, verdict, "it is not a folder");
    }
}

#[tokio::test]
async fn links_are_not_followed_out_of_the_folder_nor_round_in_it() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(&elsewhere.path().join("full_new.dump"), 0, 10);
    put(&folder.path().join("full_old.dump"), 74, 10);
    symlink(elsewhere.path(), folder.path().join("out")).unwrap();
    symlink(elsewhere.path().join("full_new.dump"), folder.path().join("full_link.dump")).unwrap();
    symlink(folder.path(), folder.path().join("round")).unwrap();
    let sample = probe(&check_of(newest()), at(folder.path())).await;
    assert_sample(&sample, Outage, "newest file is 3d 2h old");
    assert!((measured(&sample, "files") - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn what_may_not_be_read_leaves_the_newest_unknown() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("full_a.dump"), 1, 10);
    let closed = folder.path().join("closed");
    put(&closed.join("full_b.dump"), 0, 10);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let sample = probe(&check_of(newest()), at(folder.path())).await;
    // The administrator may read everything; what such a folder means is told by the judge's own test.
    if geteuid().is_root() {
        assert_sample(&sample, Operational, "of 2 files");
    } else {
        assert_sample(&sample, Unknown, "may not read \"closed\": permission denied");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}
