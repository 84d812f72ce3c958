//! What reading a plan accepts, and what it says of mistakes.

use super::*;

/// The bundled plan, as any program would find it in its folder.
pub(crate) fn bundled() -> Vec<PlanFile> {
    macro_rules! files {
        ($($name:literal),* $(,)?) => {
            vec![$(PlanFile {
                name: $name.to_owned(),
                bytes: include_bytes!(concat!("../../../plans/samia-tarot/", $name)).to_vec(),
            }),*]
        };
    }
    files!(
        "plan.toml",
        "checks.toml",
        "environments/production.toml",
        "environments/range.toml",
        "backups.toml",
        "runbooks/database-outage.toml",
        "runbooks/data-corruption.toml",
        "runbooks/application-outage.toml",
        "runbooks/partial-degradation.toml",
        "runbooks/media-outage.toml",
        "runbooks/payment-outage.toml",
        "runbooks/communication-outage.toml",
        "severities.toml",
        "contacts.toml",
        "templates.toml",
        "templates/status-page.md",
        "templates/user-email.md",
        "templates/incident-page.md",
        "templates/database-outage-notice.md",
        "drills.toml",
        "reports.toml",
        "compliance.toml",
        "maintenance.toml",
    )
}

fn faults_with(name: &str, from: &str, to: &str) -> Vec<PlanFault> {
    let mut files = bundled();
    let file = files.iter_mut().find(|file| file.name == name).unwrap();
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    assert!(text.contains(from), "{name} does not contain {from}");
    file.bytes = text.replacen(from, to, 1).into_bytes();
    Plan::read(&files).expect_err("the mistake was not noticed")
}

#[test]
fn the_bundled_plan_is_read_whole() {
    let plan = Plan::read(&bundled()).unwrap();
    assert_eq!(plan.document.id, "DR-SAMIA-2025-001");
    assert_eq!(plan.functions.len(), 11);
    assert_eq!(plan.environments.len(), 2);
    assert!(plan.checks.len() >= 15);
    let range = plan.environments.get("range").unwrap();
    assert!(range.placeholders().contains(&"primary.port".to_owned()));
    assert!(plan.checks_in(range).values().all(|check| check.interval <= Period::from_secs(5)));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let mut files = bundled();
    let checks = files.iter_mut().find(|file| file.name == "checks.toml").unwrap();
    checks.bytes = b"[checks.one]\nname = \"One\"\nof = \"application\"\nkind = \"htpp\"\n\n[checks.two]\nname = 2\nof = \"application\"\nkind = \"tcp\"\nendpoint = \"platform-api\"\nintervall = \"4x\"\ntimeout = \"4\"\n".to_vec();
    let faults = Plan::read(&files).unwrap_err();
    let told: Vec<(u32, &str, Option<&str>)> =
        faults.iter().map(|fault| (fault.line, fault.message.as_str(), fault.hint.as_deref())).collect();
    assert_eq!(
        told,
        [
            (4, "unknown word \"htpp\"", Some("Did you mean \"http\"?")),
            (7, "expected a text, found a whole number", None),
            (11, "unknown key \"intervall\"", Some("Did you mean \"interval\"?")),
            (
                12,
                "a duration without a unit",
                Some("Write a number with a unit, such as \"30s\", \"4h\" or \"1h 30m\".")
            ),
        ]
    );
}

#[test]
fn names_that_do_not_exist_are_found_where_they_are_used() {
    let faults = faults_with("plan.toml", "tier = \"critical\"", "tier = \"critcal\"");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].hint.as_deref(), Some("Did you mean \"critical\"?"));
    assert_eq!(faults[0].field, "functions.user-authentication.tier");
    assert!(faults[0].line > 30);
    let faults = faults_with("checks.toml", "of = \"media-storage\"", "of = \"media\"");
    assert_eq!(faults[0].field, "checks.storage-health.of");
    let faults = faults_with("environments/range.toml", "[endpoints.media-bucket]", "[endpoints.media-buckets]");
    assert!(faults.iter().any(|fault| fault.message.contains("storage-newest-upload")), "{faults:?}");
}

#[test]
fn an_endpoint_has_to_fit_the_check() {
    let faults = faults_with("checks.toml", "endpoint = \"backup-bucket\"", "endpoint = \"platform-api\"");
    assert_eq!(faults.len(), 2, "once for each environment: {faults:?}");
    assert!(faults[0].message.contains("needs an endpoint of kind bucket, not http"));
}

#[test]
fn circles_between_functions_are_found() {
    let faults = faults_with(
        "plan.toml",
        "requires = [\"application\", \"authentication\"]",
        "requires = [\"application\", \"active-consultations\"]",
    );
    assert!(faults.iter().any(|fault| fault.message.contains("depends on itself")), "{faults:?}");
}

#[test]
fn objectives_need_units_and_an_order() {
    let faults = faults_with("plan.toml", "rto = { target = \"4h\"", "rto = { target = \"4\"");
    assert!(faults[0].message.contains("without a unit"));
    let faults = faults_with("plan.toml", "rto = { target = \"4h\"", "rto = { target = \"48h\"");
    assert!(faults[0].message.contains("longer than the tolerable"));
}

#[test]
fn broken_files_are_faults_with_a_place() {
    let files = vec![
        PlanFile { name: "plan.toml".to_owned(), bytes: b"[document\nid = \"x\"\n\xff".to_vec() },
        PlanFile { name: "check.toml".to_owned(), bytes: Vec::new() },
        PlanFile { name: "environments/Range!.toml".to_owned(), bytes: Vec::new() },
    ];
    let faults = Plan::read(&files).unwrap_err();
    assert!(faults.iter().all(|fault| fault.line >= 1 && fault.column >= 1));
    assert!(
        faults.iter().any(|fault| fault.file == "plan.toml" && fault.line == 3 && fault.message == "not UTF-8 text")
    );
    assert!(faults.iter().any(|fault| fault.hint.as_deref() == Some("Did you mean \"checks.toml\"?")));
    assert!(faults.iter().any(|fault| fault.file == "checks.toml" && fault.message == "the file is missing"));
    assert!(faults.iter().any(|fault| fault.file == "environments/Range!.toml"));
}

#[test]
fn syntax_mistakes_are_all_told() {
    let mut files = bundled();
    files[1].bytes = b"[checks.a\nname = \nkind = \"http\"\nof == 3\n".to_vec();
    let faults = Plan::read(&files).unwrap_err();
    let lines: std::collections::BTreeSet<u32> =
        faults.iter().filter(|fault| fault.message.starts_with("not valid TOML")).map(|fault| fault.line).collect();
    assert!(lines.len() >= 2, "{faults:?}");
}

#[test]
fn the_hash_changes_with_any_byte_of_any_file() {
    let one = Plan::read(&bundled()).unwrap().hash;
    let mut files = bundled();
    files[0].bytes.push(b'\n');
    assert_ne!(one, Plan::read(&files).unwrap().hash);
    files.reverse();
    files.last_mut().unwrap().bytes.pop();
    assert_eq!(one, Plan::read(&files).unwrap().hash);
}

proptest::proptest! {
    #[test]
    fn no_file_makes_reading_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let files = vec![PlanFile { name: "plan.toml".to_owned(), bytes }];
        let faults = Plan::read(&files).unwrap_err();
        proptest::prop_assert!(faults.iter().all(|fault| fault.line > 0));
    }
}
