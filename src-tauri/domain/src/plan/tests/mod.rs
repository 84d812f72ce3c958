//! What reading a plan accepts, and what it says of mistakes.

mod endpoints;
mod hostile;
mod schema;
mod strings;

use super::*;

/// The bundled plan, as any program would find it in its folder.
pub(crate) fn bundled() -> Vec<PlanFile> {
    macro_rules! files {
        ($($name:literal),* $(,)?) => {
            vec![$(PlanFile {
                name: $name.to_owned(),
                bytes: include_bytes!(concat!("../../../../plans/samia-tarot/", $name)).to_vec(),
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

#[test]
fn a_plan_needs_only_its_first_three_files() {
    let small: Vec<PlanFile> = bundled()
        .into_iter()
        .filter(|file| ["plan.toml", "checks.toml", "environments/production.toml"].contains(&file.name.as_str()))
        .collect();
    let plan = Plan::read(&small).unwrap();
    assert!(plan.runbooks.is_empty() && plan.backups.sets.is_empty() && plan.contacts.contacts.is_empty());
}

#[test]
fn the_whole_runbook_is_there() {
    let plan = Plan::read(&bundled()).unwrap();
    let sections: Vec<&str> = plan.runbooks.values().filter_map(|runbook| runbook.section.as_deref()).collect();
    assert_eq!(sections, ["4.2.1", "4.4.2", "4.1.2", "4.1.1", "4.3.1", "4.2.2", "4.4.1"]);
    let rto: Vec<String> = plan.runbooks.values().map(|runbook| runbook.rto.to_string()).collect();
    assert_eq!(rto, ["1h", "15m", "4h", "2h", "1h", "30m", "5m"]);
    assert_eq!(plan.severities.matrix.len(), 4);
    assert_eq!(plan.contacts.on_call.len(), 3);
    assert_eq!(plan.drills.drills.len(), 5);
    assert_eq!(plan.compliance.obligations.len(), 3);
    assert_eq!(plan.maintenance.reviews.len(), 4);
    assert_eq!(plan.maintenance.approvals.len(), 4);
    assert_eq!(plan.templates.len(), plan.template_texts.len());
}

#[test]
fn every_reference_of_the_later_chapters_is_judged() {
    for (file, from, to, field) in [
        ("backups.toml", "of = [\"media-storage\"]", "of = [\"media\"]", "sets.media-copy.of"),
        (
            "backups.toml",
            "provider = \"supabase\"\nsource",
            "provider = \"supabas\"\nsource",
            "offers.supabase.provider",
        ),
        ("runbooks/media-outage.toml", "\"content-delivery\"", "\"content\"", "serves"),
        ("runbooks/media-outage.toml", "\"storage-newest-upload\"]\n\n", "\"newest\"]\n\n", "shown-by"),
        ("runbooks/media-outage.toml", "from = \"media-copy\"", "from = \"copy\"", "steps[3].from"),
        ("runbooks/media-outage.toml", "binds = [\"media-bucket\"]", "binds = [\"bucket\"]", "steps[0].binds"),
        ("runbooks/data-corruption.toml", "then = \"restore-tables\"", "then = \"tables\"", "steps[2].options[2].then"),
        ("runbooks/data-corruption.toml", "id = \"scope\"", "id = \"isolate\"", "steps[1].id"),
        (
            "runbooks/database-outage.toml",
            "template = \"database-outage-notice\"",
            "template = \"notice\"",
            "steps[3].template",
        ),
        (
            "runbooks/payment-outage.toml",
            "id = \"queue\"",
            "id = \"queue\"\nfallback = \"switch\"",
            "steps[0].fallback",
        ),
        ("severities.toml", "\"ceo\"", "\"chief\"", "matrix.P0.tell"),
        ("contacts.toml", "members = [\"sre-team-lead\"]", "members = [\"sre-team\"]", "contacts.sre-team.members"),
        ("contacts.toml", "order = 2", "order = 1", "on-call.secondary.order"),
        (
            "templates.toml",
            "[templates.status-page]",
            "[templates.page]\nname = \"Page\"\nchannel = \"email\"\naudience = \"public\"\n[templates.status-page]",
            "templates.page",
        ),
        ("templates/user-email.md", "{{ user-name }}", "{{ user-name", ""),
        ("drills.toml", "participants", "runbook = \"fire\"\nparticipants", "drills.database-recovery.runbook"),
        ("reports.toml", "from = \"detected-at\"", "from = \"severity\"", "metrics.time-to-response.from"),
        ("compliance.toml", "law = \"gdpr-33\"", "law = \"gdpr\"", "obligations.personal-data-breach.law"),
        ("maintenance.toml", "\"dpo\"", "\"officer\"", "approvals.procedures.approvers"),
    ] {
        let faults = faults_with(file, from, to);
        let found = faults.iter().find(|fault| fault.file == file && fault.field == field);
        assert!(found.is_some_and(|fault| fault.line >= 1), "{file} {field}: {faults:#?}");
    }
}

#[test]
fn runbooks_may_not_walk_each_other_forever() {
    let faults = faults_with(
        "runbooks/media-outage.toml",
        "[[steps]]\n",
        "[[steps]]\nid = \"again\"\nname = \"Again\"\nphase = \"assess\"\nbudget = \"1m\"\nkind = \"runbook\"\nrunbook = \"media-outage\"\n\n[[steps]]\n",
    );
    assert!(faults.iter().any(|fault| fault.message.contains("walks itself")), "{faults:?}");
}

#[test]
fn a_step_without_its_kind_is_one_fault() {
    let faults = faults_with("runbooks/media-outage.toml", "kind = \"wait\"", "kind = \"wit\"");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].hint.as_deref(), Some("Did you mean \"wait\"?"));
}

#[test]
fn files_that_belong_are_told_from_those_beside_them() {
    for (name, whether) in [
        ("plan.toml", true),
        ("anything.toml", true),
        ("templates/status-page.md", true),
        ("README.md", false),
        ("templates/picture.png", false),
        ("plan.toml.bak", false),
    ] {
        assert_eq!(belongs(name), whether, "{name}");
    }
}
