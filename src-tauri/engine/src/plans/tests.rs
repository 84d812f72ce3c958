use std::{fs, os::unix::fs::symlink};

use super::*;

fn names(files: &[PlanFile]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

#[test]
fn only_what_could_be_meant_as_part_of_the_plan_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x = 1").unwrap();
    };
    for name in [
        "plan.toml",
        "checks.toml",
        "plans.toml",
        "environments/range.toml",
        "environments/deep/er.toml",
        "notes.md",
        ".hidden.toml",
        ".git/config.toml",
        "plan.toml~",
        ".plan.toml.swp",
        "#plan.toml#",
    ] {
        write(name);
    }
    let (files, faults) = folder::read(folder.path()).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(
        names(&files),
        ["checks.toml", "environments/deep/er.toml", "environments/range.toml", "plan.toml", "plans.toml"]
    );
    let faults = read(folder.path()).unwrap().plan.unwrap_err();
    assert!(faults.iter().any(|fault| fault.file == "plans.toml" && fault.message.contains("not a file of a plan")));
    assert!(faults.iter().any(|fault| fault.file == "environments/deep/er.toml"));
}

#[test]
fn a_link_out_of_the_folder_is_a_fault_and_one_inside_is_not() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.toml"), "password = 'canary'").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plan.toml"), "x = 1").unwrap();
    symlink(outside.path().join("secret.toml"), folder.path().join("checks.toml")).unwrap();
    symlink("plan.toml", folder.path().join("copy.toml")).unwrap();
    symlink("nowhere", folder.path().join("lost.toml")).unwrap();
    symlink(outside.path(), folder.path().join("environments")).unwrap();
    let (files, faults) = folder::read(folder.path()).unwrap();
    assert_eq!(names(&files), ["copy.toml", "plan.toml"]);
    let told: Vec<(&str, &str)> = faults.iter().map(|fault| (fault.file.as_str(), fault.message.as_str())).collect();
    assert_eq!(told[0], ("checks.toml", "a link that leads out of the plan's folder"));
    assert_eq!(told[1].0, "lost.toml");
    assert_eq!(told.len(), 2);
}

#[test]
fn large_and_many_files_are_faults_and_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plan.toml"), vec![b'#'; lifeboat_domain::plan::LARGEST_FILE + 10]).unwrap();
    let faults = read(folder.path()).unwrap().plan.unwrap_err();
    assert!(faults.iter().any(|fault| fault.file == "plan.toml" && fault.message.contains("larger")), "{faults:?}");
    for number in 0..300 {
        fs::write(folder.path().join(format!("file-{number}.toml")), "").unwrap();
    }
    let (files, faults) = folder::read(folder.path()).unwrap();
    assert!(files.len() <= 201);
    assert!(faults.iter().any(|fault| fault.message.contains("more than 200 files")), "{faults:?}");
}

#[test]
fn a_folder_that_is_not_there_is_a_missing_plan() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for path in ["nowhere", "file", "file/inside"] {
        let problem = Problem::from(read(&folder.path().join(path)).unwrap_err());
        assert_eq!(problem.code, Code::PlanMissing, "{path}");
        assert!(problem.hint.is_some());
    }
}

#[test]
fn the_default_environment_is_a_range_that_is_up_then_production() {
    let home = tempfile::tempdir().unwrap();
    let plan = read(&bundled_plan(None).unwrap()).unwrap().plan.unwrap().plan;
    assert_eq!(default_environment(&plan, home.path()).unwrap().as_str(), "production");
    fs::create_dir(home.path().join("environments")).unwrap();
    fs::write(home.path().join("environments/range.json"), "{}").unwrap();
    assert_eq!(default_environment(&plan, home.path()).unwrap().as_str(), "range");
    // Killed, and its number given to another program since: this one.
    let write = |pid: u32, started: u64| {
        let text = format!(r#"{{"pid": {pid}, "started": {started}, "values": {{"primary.port": "1"}}}}"#);
        let path = home.path().join("environments/range.json");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    let own = fs::read_to_string("/proc/self/stat").unwrap();
    let began: u64 = own.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse().unwrap();
    write(std::process::id(), began);
    assert_eq!(default_environment(&plan, home.path()).unwrap().as_str(), "range");
    let file = ValuesFile::open(home.path(), &"range".parse().unwrap());
    assert!(!file.look_now().places.is_empty());
    write(std::process::id(), began + 1);
    assert_eq!(default_environment(&plan, home.path()).unwrap().as_str(), "production");
    assert!(file.look_now().is_of_nothing(), "its values are not believed");
    fs::write(home.path().join("environments/range.json"), "{}").unwrap();
    let mut none = plan.clone();
    none.environments.retain(|id, _| id.as_str() == "range");
    fs::remove_file(home.path().join("environments/range.json")).unwrap();
    assert_eq!(default_environment(&none, home.path()).unwrap().as_str(), "range");
}

#[test]
fn credentials_do_not_show_in_debug_output() {
    let values: Values =
        serde_json::from_str(r#"{"values": {"port": "1"}, "credentials": {"range-database": "canary"}}"#).unwrap();
    let text = format!("{values:?}");
    assert!(text.contains("range-database") && !text.contains("canary"), "{text}");
}
