//! Each rule on a plan that keeps it and on one that breaks it, and all of them on the bundled plan.

mod sound;

use std::collections::BTreeSet;

use self::sound::sound;
use super::{FindingCode as Code, *};
use crate::plan::{LoadedPlan, PlanFile, tests::bundled};

fn findings(files: &[PlanFile]) -> Vec<Finding> {
    let loaded = LoadedPlan::read(files).unwrap_or_else(|faults| panic!("the plan has faults: {faults:#?}"));
    lint(&loaded.plan, &loaded.places, NaiveDate::from_ymd_opt(2026, 11, 23).unwrap())
}

/// A change to one file: what stands there, and what shall. Nothing to replace means added at the end.
type Change = (&'static str, &'static str, &'static str);

fn changed(changes: &[Change]) -> Vec<PlanFile> {
    let mut files = sound();
    for (name, from, to) in changes {
        if from.is_empty() && !files.iter().any(|file| file.name == *name) {
            files.push(PlanFile { name: (*name).to_owned(), bytes: Vec::new() });
        }
        let file = files.iter_mut().find(|file| file.name == *name).unwrap();
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        assert!(text.contains(from), "{name} does not contain {from}");
        let text = if from.is_empty() { format!("{text}\n{to}\n") } else { text.replacen(from, to, 1) };
        file.bytes = text.into_bytes();
    }
    files
}

const OTHER_RUNBOOK: &str = r#"
name = "Other"
rto = "10m"
serves = ["sell"]
severity = "P0"
steps = [{ id = "wait", name = "Wait", phase = "assess", budget = "1m", kind = "wait", until = ["orders-read"] }]
"#;

/// What breaks each rule, one change or two.
const BREAKS: &[(Code, &[Change])] = &[
    (Code::ScenarioSlowerThanFunction, &[("runbooks/orders-lost.toml", "\"20m\"", "\"25m\"")]),
    (
        Code::ScenarioSlowerThanPlatform,
        &[
            ("runbooks/orders-lost.toml", "\"20m\"", "\"40m\""),
            ("runbooks/orders-lost.toml", "serves = [\"sell\"]", "serves = []"),
        ],
    ),
    (Code::FallbackSlowerThanScenario, &[("plan.toml", "at-worst = \"10m\"", "at-worst = \"25m\"")]),
    (
        Code::FallbackSlowerThanPlatform,
        &[("plan.toml", "at-best = \"1m\", at-worst = \"5m\"", "at-best = \"1m\", at-worst = \"40m\"")],
    ),
    (Code::AvailabilityShorterThanRto, &[("plan.toml", "99.9%", "99.99%")]),
    (
        Code::DataLossRepeatsRpo,
        &[("plan.toml", "[tiers]", "data-loss = { target = \"1h\", tolerable = \"4h\" }\n[tiers]")],
    ),
    (
        Code::DataLossContradictsRpo,
        &[("plan.toml", "[tiers]", "data-loss = { target = \"2h\", tolerable = \"4h\" }\n[tiers]")],
    ),
    (
        Code::FunctionWithoutObjective,
        &[
            ("plan.toml", ", rto = \"20m\"", ""),
            ("runbooks/other.toml", "", OTHER_RUNBOOK),
            (
                "drills.toml",
                "",
                "[drills.other]\nname = \"Other\"\nkind = \"tabletop\"\nevery = \"yearly\"\nduration = \"1h\"\nowner = \"boss\"\nrunbook = \"other\"\nsuccess = [\"Done\"]",
            ),
        ],
    ),
    (
        Code::DependencyOfLowerTier,
        &[
            ("plan.toml", "[\"orders\", \"sell\"]", "[\"orders\"]"),
            ("plan.toml", "[\"shop\", \"orders\"]", "[\"shop\", \"orders\", \"report\"]"),
        ],
    ),
    (Code::PriorityDiffersFromTier, &[("plan.toml", "\"P0\"", "\"P2\"")]),
    (
        Code::StoreNobodyNeeds,
        &[("plan.toml", "[\"orders\", \"sell\"]", "[\"sell\"]"), ("plan.toml", "[\"shop\", \"orders\"]", "[\"shop\"]")],
    ),
    (
        Code::StoreWithoutCheck,
        &[("checks.toml", "of = \"orders\"", "of = \"shop\""), ("checks.toml", "of = \"orders\"", "of = \"shop\"")],
    ),
    (
        Code::StoreWithoutBackup,
        &[
            ("backups.toml", "of = [\"orders\"]", "of = []"),
            ("backups.toml", "of = [\"orders\"]", "of = []"),
            ("plan.toml", "backups = [{ what = \"Log\", every = \"2m\" }]", ""),
        ],
    ),
    (Code::MultiZoneWithoutCheck, &[("plan.toml", "region = \"eu-one\"", "region = \"eu-one\"\nmulti-az = true")]),
    (
        Code::CheckTwice,
        &[("checks.toml", "", "[checks.again]\nname = \"Again\"\nof = \"shop\"\nkind = \"http\"\nendpoint = \"shop\"")],
    ),
    (Code::BackupRarerThanRpo, &[("plan.toml", "rpo = { target = \"1h\"", "rpo = { target = \"1m\"")]),
    (
        Code::ReplicationCountedAsBackup,
        &[
            ("backups.toml", "\"point-in-time\"", "\"replication\""),
            ("backups.toml", "of = [\"orders\"]\nmethod = \"dump\"", "of = []\nmethod = \"dump\""),
        ],
    ),
    (Code::RetentionNotOffered, &[("backups.toml", "keep = \"7d\"", "keep = \"60d\"")]),
    (Code::RetentionOnlyInSomeEditions, &[("backups.toml", "keep = \"7d\"", "keep = \"14d\"")]),
    (
        Code::PointInTimeEndsDaily,
        &[
            ("backups.toml", "method = \"dump\"", "method = \"snapshot\"\nprovider = \"cloud\""),
            ("backups.toml", "keep = \"30d\"", "keep = \"7d\""),
        ],
    ),
    (Code::PromiseDiffersFromOffer, &[("backups.toml", "every = \"2m\"", "every = \"5m\"")]),
    (Code::RegionCopyNotOffered, &[("backups.toml", "keep = \"7d\"", "keep = \"7d\"\ncopied-to = \"eu-two\"")]),
    (Code::StoreLeftOut, &[("backups.toml", "checked =", "leaves-out = [\"orders\"]\nchecked =")]),
    (Code::OfferNotChecked, &[("backups.toml", "\"2026-10\"", "\"2025-01\"")]),
    (Code::RetentionUnknown, &[("backups.toml", "keep = \"30d\"\n", "")]),
    (Code::CopyNotReadWhole, &[("backups.toml", "\"restore\"", "\"contents\"")]),
    (Code::QueryWithoutAnswer, &[("backups.toml", "is = \"0\"", "")]),
    (Code::QueryTwice, &[("backups.toml", "select count(*) from orders where not paid", "SELECT  1")]),
    (Code::ContactPlaceholder, &[("contacts.toml", "+49 30 1234568", "+XX-XXX")]),
    (
        Code::ContactUnverified,
        &[("contacts.toml", "\"@second\"\nverified = \"2026-11-10\"", "\"@second\"\nverified = \"2026-09-01\"")],
    ),
    (
        Code::ContactWithoutAddress,
        &[
            ("contacts.toml", "[contacts.team]", "[contacts.guard]\nname = \"Guard\"\n\n[contacts.team]"),
            ("maintenance.toml", "[\"boss\", \"keeper\"]", "[\"boss\", \"guard\"]"),
        ],
    ),
    (
        Code::SeverityTellsNobody,
        &[("severities.toml", "[\"team\", \"boss\"]", "[]"), ("severities.toml", "[\"boss\", \"team\"]", "[]")],
    ),
    (
        Code::SeverityCannotReach,
        &[
            ("severities.toml", "[\"phone\", \"chat\"]", "[\"email\"]"),
            ("severities.toml", "[\"chat\", \"phone\"]", "[\"email\"]"),
        ],
    ),
    (Code::ChannelsDiffer, &[("severities.toml", "[\"chat\", \"phone\"]", "[\"phone\"]")]),
    (Code::PeopleDiffer, &[("severities.toml", "[\"boss\", \"team\"]", "[\"boss\"]")]),
    (
        Code::SeverityNotInScript,
        &[("severities.toml", "[script.P0]", "[matrix.P1]\ntell = [\"keeper\"]\nby = [\"chat\"]\n[script.P0]")],
    ),
    (
        Code::OnCallWithoutRotation,
        &[("contacts.toml", "shifts = [{ contact = \"boss\", from = \"2026-01\", until = \"2026-12\" }]", "")],
    ),
    (Code::OnCallGap, &[("contacts.toml", "\"2026-11-16\"", "\"2026-11-18\"")]),
    (Code::EscalationWithoutUnit, &[("contacts.toml", "\"5m\"", "5")]),
    (Code::EscalationWithoutTime, &[("contacts.toml", "escalate-after = \"5m\"", "")]),
    (Code::EscalationSlowerThanSeverity, &[("contacts.toml", "\"5m\"", "\"10m\"")]),
    (Code::EscalationEnds, &[("contacts.toml", "[\"boss\", \"keeper\"]", "[\"boss\"]")]),
    (Code::ConditionNobodyEvaluates, &[("contacts.toml", "[\"P0\"]", "[\"sometimes\"]")]),
    (Code::TemplateUnknownField, &[("templates/outage.md", "", "Until {{ ended }}.")]),
    (Code::TemplateFieldUnfilled, &[("templates.toml", ", filled-by = \"incident\"", "")]),
    (Code::TemplateFieldUnused, &[("templates/outage.md", "{{ begun }}", "today")]),
    (Code::PromiseInMessage, &[("templates/outage.md", "", "Back in 2 hours.")]),
    (Code::MomentWithoutMessage, &[("templates.toml", ", \"over\"", "")]),
    (Code::DrillWithoutSuccess, &[("drills.toml", "[\"Every order is there\"]", "[]")]),
    (Code::DrillWeekUndefined, &[("drills.toml", "starts = \"2026-12-07\"", "")]),
    (Code::DrillWithoutOwner, &[("drills.toml", "owner = \"keeper\"", "")]),
    (
        Code::DrillWithoutScenario,
        &[(
            "drills.toml",
            "",
            "[drills.more]\nname = \"More\"\nkind = \"restore\"\nevery = \"yearly\"\nduration = \"1h\"\nowner = \"boss\"\nsuccess = [\"Done\"]",
        )],
    ),
    (Code::ScenarioWithoutDrill, &[("drills.toml", "runbook = \"orders-lost\"", "story = \"Fire\"")]),
    (Code::DestructiveWithoutApproval, &[("runbooks/orders-lost.toml", "[\"restore\"]", "[\"prove\"]")]),
    (Code::StepsLongerThanRto, &[("runbooks/orders-lost.toml", "\"10m\"", "\"15m\"")]),
    (Code::ChoiceLosesTooMuch, &[("runbooks/orders-lost.toml", "loses = \"2m\"", "loses = \"5h\"")]),
    (Code::FallbacksDiffer, &[("runbooks/orders-lost.toml", "{ provider = \"other\" }", "{ channel = \"email\" }")]),
    (Code::SettingPlaceholder, &[("runbooks/orders-lost.toml", "\"full\"", "\"your_speed\"")]),
    (Code::LawKnowsNoSeverity, &[("compliance.toml", "law = \"report\"", "law = \"report\"\nseverity = \"P1\"")]),
    (Code::DeadlineFromWrongMoment, &[("compliance.toml", "clock = \"awareness\"\nlaw", "clock = \"detection\"\nlaw")]),
    (
        Code::DeadlineLaterThanLaw,
        &[("compliance.toml", "[\"Authority\"]\nwithin = \"72h\"", "[\"Authority\"]\nwithin = \"96h\"")],
    ),
    (Code::ObligationWithoutLaw, &[("compliance.toml", "law = \"report\"", "")]),
    (Code::ObligationWithoutEvidence, &[("compliance.toml", "[\"What happened\"]", "[]")]),
    (Code::LegalBasisUnfit, &[("compliance.toml", "\"legal-obligation\"", "\"vital-interests\"")]),
    (Code::CategoriesDiffer, &[("compliance.toml", "categories = [\"people\"]", "categories = [\"persons\"]")]),
    (Code::ResidencyNeverMatches, &[("compliance.toml", "[\"DE\"]", "[\"EU\"]")]),
    (Code::RegionUnknown, &[("compliance.toml", "eu-one = { country = \"DE\" }, ", "")]),
    (
        Code::RegionNotAllowed,
        &[("plan.toml", "\"eu-one\"", "\"eu-two\""), ("compliance.toml", "[\"DE\", \"IE\"]", "[\"DE\"]")],
    ),
    (Code::DocumentOverdue, &[("plan.toml", "\"2027-05\"", "\"2026-05\"")]),
    (Code::ReviewOverdue, &[("maintenance.toml", "\"2026-11-02\"", "\"2026-09-02\"")]),
    (
        Code::ApprovalWithoutBreakGlass,
        &[("maintenance.toml", "break-glass = { by = [\"keeper\"], approved-within = \"1d\" }", "")],
    ),
    (Code::DurationWithoutMoments, &[("reports.toml", "from = \"began-at\", ", "")]),
    (Code::LessonsNeverClose, &[("reports.toml", ", \"done\"", "")]),
];

#[test]
fn a_sound_plan_has_no_findings() {
    assert_eq!(findings(&sound()), []);
}

#[test]
fn each_rule_finds_what_breaks_it_and_nothing_else_is_found() {
    for (code, changes) in BREAKS {
        let found = findings(&changed(changes));
        let codes: BTreeSet<Code> = found.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, BTreeSet::from([*code]), "{code}: {found:#?}");
        for finding in &found {
            assert!(!finding.places.is_empty(), "{code} has no place");
            assert!(finding.places.iter().all(|place| place.line >= 1 && place.column >= 1), "{code}: {finding:?}");
            assert!(!finding.message.ends_with('.') && finding.why.ends_with(['.', '?']), "{code}: {finding:?}");
        }
    }
}

#[test]
fn every_rule_is_tried() {
    let tried: BTreeSet<Code> = BREAKS.iter().map(|(code, _)| *code).collect();
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !tried.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_shift_that_ended_leaves_a_gap_until_today() {
    let found = findings(&changed(&[("contacts.toml", "until = \"2026-12\" },\n]", "until = \"2026-11-20\" },\n]")]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("since 2026-11-20"), "{found:?}");
}

#[test]
fn steps_that_lead_back_are_counted_once() {
    let found = findings(&changed(&[("runbooks/orders-lost.toml", "then = \"prove\"", "then = \"look\"")]));
    assert_eq!(found, [], "going back adds no time of its own");
}

/// A line of the bundled plan, by its file and what stands on it.
type Line = (&'static str, &'static str);

/// What the runbook's own contradictions look like, each with the lines that disagree.
const BUNDLED: &[(Code, &[Line])] = &[
    (Code::AvailabilityShorterThanRto, &[("plan.toml", "availability ="), ("plan.toml", "rto =")]),
    (Code::DataLossRepeatsRpo, &[("plan.toml", "data-loss ="), ("plan.toml", "rpo =")]),
    (Code::FallbackSlowerThanPlatform, &[("plan.toml", "Manual migration"), ("plan.toml", "rto =")]),
    (
        Code::FallbackSlowerThanScenario,
        &[("plan.toml", "Manual migration"), ("runbooks/database-outage.toml", "rto = \"2h\"")],
    ),
    (
        Code::FallbackSlowerThanScenario,
        &[("plan.toml", "Manual processing"), ("runbooks/payment-outage.toml", "rto = \"5m\"")],
    ),
    (
        Code::FallbacksDiffer,
        &[("plan.toml", "Delayed delivery"), ("runbooks/communication-outage.toml", "provider = \"push\"")],
    ),
    (
        Code::BackupRarerThanRpo,
        &[("plan.toml", "Snapshot"), ("backups.toml", "every = \"1d\""), ("plan.toml", "rpo =")],
    ),
    (
        Code::BackupRarerThanRpo,
        &[("plan.toml", "what = \"Backup\""), ("backups.toml", "every = \"1w\""), ("plan.toml", "rpo =")],
    ),
    (Code::ReplicationCountedAsBackup, &[("plan.toml", "Replication"), ("backups.toml", "method = \"replication\"")]),
    (Code::RetentionOnlyInSomeEditions, &[("backups.toml", "keep = \"30d\""), ("backups.toml", "editions =")]),
    (
        Code::PointInTimeEndsDaily,
        &[
            ("backups.toml", "[sets.daily-snapshot]"),
            ("backups.toml", "[sets.point-in-time]"),
            ("backups.toml", "point-in-time-ends-daily"),
        ],
    ),
    (Code::PromiseDiffersFromOffer, &[("backups.toml", "every = \"1h\""), ("backups.toml", "point-in-time-loses")]),
    (Code::RegionCopyNotOffered, &[("backups.toml", "copied-to"), ("backups.toml", "[offers.supabase]")]),
    (
        Code::QueryTwice,
        &[("backups.toml", "[queries.orphaned-orders]"), ("backups.toml", "[queries.orphaned-orders-found]")],
    ),
    (Code::MultiZoneWithoutCheck, &[("plan.toml", "multi-az = true")]),
    (Code::StoreWithoutCheck, &[("plan.toml", "[stores.configuration]")]),
    (
        Code::ChannelsDiffer,
        &[("severities.toml", "by = [\"phone\", \"chat\"]"), ("severities.toml", "by = [\"pager\", \"sms\"]")],
    ),
    (Code::PeopleDiffer, &[("severities.toml", "\"ceo\""), ("severities.toml", "tell = [\"cto\"]")]),
    (
        Code::SeverityCannotReach,
        &[("severities.toml", "by = [\"phone\", \"chat\"]"), ("contacts.toml", "[contacts.ceo]")],
    ),
    (Code::ContactPlaceholder, &[("contacts.toml", "+XX-XXX-XXX-XXXX")]),
    (Code::ContactUnverified, &[("contacts.toml", "[contacts.cto]")]),
    (Code::ContactWithoutAddress, &[("contacts.toml", "[contacts.ceo]"), ("severities.toml", "\"ceo\"")]),
    (Code::OnCallWithoutRotation, &[("contacts.toml", "[on-call.primary]")]),
    (Code::EscalationWithoutUnit, &[("contacts.toml", "escalate-after = 15")]),
    (Code::EscalationEnds, &[("contacts.toml", "contacts = [\"cto\"]")]),
    (Code::ConditionNobodyEvaluates, &[("contacts.toml", "conditions =")]),
    (
        Code::TemplateFieldUnfilled,
        &[("templates.toml", "time-estimate ="), ("templates/status-page.md", "{{ time-estimate }}")],
    ),
    (
        Code::PromiseInMessage,
        &[("templates/database-outage-notice.md", "2 hours"), ("runbooks/database-outage.toml", "rto = \"2h\"")],
    ),
    (Code::DrillWithoutScenario, &[("drills.toml", "[drills.database-recovery]")]),
    (Code::DrillWithoutSuccess, &[("drills.toml", "[drills.end-to-end]")]),
    (
        Code::ScenarioWithoutDrill,
        &[("runbooks/data-corruption.toml", "name = \"Data corruption\""), ("drills.toml", "[drills.")],
    ),
    (Code::ChoiceLosesTooMuch, &[("runbooks/data-corruption.toml", "loses = \"24h\""), ("plan.toml", "rpo =")]),
    (
        Code::DestructiveWithoutApproval,
        &[
            ("runbooks/application-outage.toml", "destructive = true"),
            ("runbooks/application-outage.toml", "[[steps]]"),
        ],
    ),
    (
        Code::DeadlineFromWrongMoment,
        &[("compliance.toml", "clock = \"asking\""), ("compliance.toml", "clock = \"awareness\"")],
    ),
    (Code::LawKnowsNoSeverity, &[("compliance.toml", "severity = \"P0\""), ("compliance.toml", "[laws.gdpr-33]")]),
    (
        Code::CategoriesDiffer,
        &[("compliance.toml", "categories = [\"personal_data\"]"), ("compliance.toml", "\"personal_profiles\"")],
    ),
    (Code::ResidencyNeverMatches, &[("compliance.toml", "allowed ="), ("plan.toml", "region = \"eu-west-1\"")]),
    (Code::DocumentOverdue, &[("plan.toml", "next-review ="), ("plan.toml", "updated =")]),
    (Code::ReviewOverdue, &[("maintenance.toml", "every = \"yearly\""), ("plan.toml", "updated =")]),
    (Code::ApprovalWithoutBreakGlass, &[("maintenance.toml", "[approvals.procedures]")]),
    (Code::DurationWithoutMoments, &[("reports.toml", "time-to-detection =")]),
];

#[test]
fn the_bundled_plan_says_what_the_runbook_says_wrongly() {
    let files = bundled();
    let found = findings(&files);
    let line = |place: &Place| {
        let file = files.iter().find(|file| file.name == place.file).unwrap();
        let text = std::str::from_utf8(&file.bytes).unwrap();
        text.lines().nth(place.line as usize - 1).unwrap_or_default().to_owned()
    };
    for (code, lines) in BUNDLED {
        let matches = |finding: &&Finding| {
            finding.code == *code
                && finding.places.len() >= lines.len()
                && (finding.places.iter().zip(*lines))
                    .all(|(place, (file, text))| place.file == *file && line(place).contains(text))
        };
        let close: Vec<_> = found.iter().filter(|finding| finding.code == *code).collect();
        assert!(found.iter().any(|finding| matches(&finding)), "{code} at {lines:?}; found: {close:#?}");
    }
}

#[test]
fn findings_of_a_day_change_with_the_day() {
    let loaded = LoadedPlan::read(&bundled()).unwrap();
    let overdue = |today: &str| {
        lint(&loaded.plan, &loaded.places, today.parse().unwrap())
            .iter()
            .any(|finding| finding.code == Code::DocumentOverdue)
    };
    assert!(!overdue("2025-07-31"), "due in July is not overdue on its last day");
    assert!(overdue("2025-08-01"));
}
