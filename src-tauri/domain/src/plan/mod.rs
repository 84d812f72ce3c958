//! The plan as data: who the document belongs to, what must be back by when, what depends on what, and the
//! checks that tell.
//!
//! A plan is a folder of TOML files. Reading is pure: texts in, a plan or all its faults out.

pub mod id;
pub mod quantity;
pub mod read;
mod rules;

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};
use ts_rs::TS;

pub use self::id::Id;
use self::{
    quantity::{CalendarDate, Percentage, Period},
    read::{Places, PlanFault, Source, choice, read_file, table},
};
use crate::{check::Checks, environment::Environment, journal::Hash};

table! {
    /// Document control, as auditors ask for it.
    pub struct Document {
        /// The document's number.
        pub id: String,
        /// Its title.
        pub title: String,
        /// The platform it is about.
        pub platform: String,
        /// Its version.
        pub version: String,
        /// When it was last changed.
        pub updated: CalendarDate,
        /// When it has to be reviewed next.
        pub next_review: CalendarDate,
        /// Who keeps it.
        pub owner: String,
        /// Who may read it.
        pub classification: String,
        /// Who approved it.
        pub approved_by: Vec<String>,
        /// The standard it follows.
        pub standard: Option<String>,
        /// What it is for.
        pub purpose: Option<String>,
        /// What it covers.
        pub scope: Vec<String>,
    }
}

table! {
    /// A length of time wanted, and the longest that can be borne.
    pub struct PeriodObjective {
        /// Wanted.
        pub target: Period,
        /// The longest that can be borne.
        pub tolerable: Period,
    }
}

table! {
    /// A share of time wanted, and the least that can be borne.
    pub struct ShareObjective {
        /// Wanted.
        pub target: Percentage,
        /// The least that can be borne.
        pub tolerable: Percentage,
    }
}

table! {
    /// Recovery objectives of the whole platform (runbook 1.3).
    pub struct Objectives {
        /// Recovery time objective: disruption to service restored.
        pub rto: PeriodObjective,
        /// Recovery point objective: age of the newest data that survives.
        pub rpo: PeriodObjective,
        /// Share of time the service is there.
        pub availability: ShareObjective,
        /// Transactions that may be lost, as the runbook states it beside the RPO.
        pub data_loss: PeriodObjective,
    }
}

table! {
    /// A class of business impact (runbook 1.4). The lower the rank, the earlier it is brought back.
    pub struct Tier {
        /// What it is called.
        pub name: String,
        /// Order of recovery, from 1.
        pub rank: u32,
        /// Its own recovery time objective, where it differs from the platform's.
        pub rto: Option<Period>,
        /// Its own recovery point objective, where it differs from the platform's.
        pub rpo: Option<Period>,
    }
}

table! {
    /// A business function: what customers and staff do.
    pub struct Function {
        /// What it is called.
        pub name: String,
        /// Its class of impact.
        pub tier: Id,
        /// Who answers for it.
        pub owner: Option<String>,
        /// Without these it does not work.
        pub requires: Vec<Id>,
        /// Without these it works less well.
        pub uses: Vec<Id>,
        /// Its own recovery time objective.
        pub rto: Option<Period>,
    }
}

table! {
    /// A system of ours (runbook 2.1).
    pub struct System {
        /// What it is called.
        pub name: String,
        /// Who runs it.
        pub provider: Option<Id>,
        /// Where it runs.
        pub region: Option<String>,
        /// Whether the document says it spans availability zones.
        pub multi_az: bool = false,
    }
}

choice! {
    /// Recovery priorities of data stores (runbook 2.2).
    pub enum Priority {
        /// First.
        P0 = "P0",
        /// Second.
        P1 = "P1",
        /// Third.
        P2 = "P2",
        /// Last.
        P3 = "P3",
    }
}

table! {
    /// How often a copy of a store is made.
    pub struct BackupPromise {
        /// What is made, such as `WAL` or `full`.
        pub what: String,
        /// How often; absent means all the time.
        pub every: Option<Period>,
    }
}

table! {
    /// A data store (runbook 2.2).
    pub struct Store {
        /// What it is called.
        pub name: String,
        /// What is in it.
        pub holds: String,
        /// The order it is recovered in.
        pub priority: Priority,
        /// Who runs it.
        pub provider: Option<Id>,
        /// Where it is.
        pub region: Option<String>,
        /// What the document promises of its copies.
        pub backups: Vec<BackupPromise>,
    }
}

table! {
    /// What is done when a provider fails.
    pub struct Fallback {
        /// What is done.
        pub what: String,
        /// The provider used instead, where there is one.
        pub provider: Option<Id>,
        /// How long it takes at best.
        pub at_best: Period,
        /// How long it takes at worst.
        pub at_worst: Period,
    }
}

table! {
    /// An outside provider (runbook 2.3).
    pub struct Provider {
        /// What it is called.
        pub name: String,
        /// What it does for us.
        pub service: String,
        /// What is done when it fails.
        pub fallback: Option<Fallback>,
    }
}

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Plan {
    /// Document control.
    pub document: Document,
    /// Recovery objectives.
    pub objectives: Objectives,
    /// Classes of impact.
    pub tiers: BTreeMap<Id, Tier>,
    /// Business functions.
    pub functions: BTreeMap<Id, Function>,
    /// Systems of ours.
    pub systems: BTreeMap<Id, System>,
    /// Data stores.
    pub stores: BTreeMap<Id, Store>,
    /// Outside providers.
    pub providers: BTreeMap<Id, Provider>,
    /// Checks.
    pub checks: Checks,
    /// Environments.
    pub environments: BTreeMap<Id, Environment>,
    /// SHA-256 over every file's name and bytes: which plan this is, for the journal.
    pub hash: String,
}

/// One file of a plan's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFile {
    /// Path relative to the folder, with forward slashes.
    pub name: String,
    /// The file's bytes; a plan is text, but what is on disk may not be.
    pub bytes: Vec<u8>,
}

/// The largest plan file read, in bytes.
pub const LARGEST_FILE: usize = 4 << 20;

struct PlanTables {
    document: Document,
    objectives: Objectives,
    tiers: BTreeMap<Id, Tier>,
    functions: BTreeMap<Id, Function>,
    systems: BTreeMap<Id, System>,
    stores: BTreeMap<Id, Store>,
    providers: BTreeMap<Id, Provider>,
}

impl Plan {
    /// Reads a plan from the files of its folder.
    ///
    /// # Errors
    /// All faults of all files, sorted by file and line. References between files are judged only when every
    /// file could be read, so that one typo does not cause a shower of faults that are not.
    pub fn read(files: &[PlanFile]) -> Result<Self, Vec<PlanFault>> {
        let mut faults = Vec::new();
        let mut places = BTreeMap::new();
        let mut tables = None;
        let mut checks = None;
        let mut environments = BTreeMap::new();
        for file in files {
            let Some(text) = text_of(file, &mut faults) else { continue };
            let source = Source::new(&file.name, text);
            let file_places = places.entry(file.name.clone()).or_insert_with(Places::new);
            let found = match file.name.as_str() {
                "plan.toml" => {
                    let (read, found) = read_file(&source, file_places, |reader, faults| {
                        let document = reader.field("document", None, faults);
                        let objectives = reader.field("objectives", None, faults);
                        let tiers = reader.field("tiers", None, faults);
                        let functions = reader.field("functions", None, faults);
                        let systems = reader.field("systems", None, faults);
                        let stores = reader.field("stores", None, faults);
                        let providers = reader.field("providers", None, faults);
                        Some(PlanTables {
                            document: document?,
                            objectives: objectives?,
                            tiers: tiers?,
                            functions: functions?,
                            systems: systems?,
                            stores: stores?,
                            providers: providers?,
                        })
                    });
                    tables = read;
                    found
                }
                "checks.toml" => {
                    let (read, found) = read_file(&source, file_places, |reader, faults| {
                        reader.field::<Checks>("checks", None, faults)
                    });
                    checks = read;
                    found
                }
                name => match environment_name(name) {
                    Some(Ok(id)) => {
                        let (read, found) = read_file(&source, file_places, Environment::read_from);
                        if let Some(environment) = read {
                            environments.insert(id, environment);
                        }
                        found
                    }
                    Some(Err(message)) => vec![file_fault(name, message, None)],
                    None => {
                        let known = ["plan.toml", "checks.toml"];
                        let hint = read::nearest(name, known.into_iter()).map_or_else(
                            || "A plan has plan.toml, checks.toml and environments/*.toml.".to_owned(),
                            |near| format!("Did you mean \"{near}\"?"),
                        );
                        vec![file_fault(name, "not a file of a plan".to_owned(), Some(hint))]
                    }
                },
            };
            faults.extend(found);
        }
        for needed in ["plan.toml", "checks.toml"] {
            if !files.iter().any(|file| file.name == needed) {
                faults.push(file_fault(needed, "the file is missing".to_owned(), None));
            }
        }
        if !files.iter().any(|file| file.name.starts_with("environments/")) {
            let hint = Some("Bind the plan's endpoints in environments/production.toml.".to_owned());
            faults.push(file_fault("environments", "the plan has no environment".to_owned(), hint));
        }
        if let (Some(tables), Some(checks), true) = (tables, checks, faults.is_empty()) {
            let plan = Self {
                document: tables.document,
                objectives: tables.objectives,
                tiers: tables.tiers,
                functions: tables.functions,
                systems: tables.systems,
                stores: tables.stores,
                providers: tables.providers,
                checks,
                environments,
                hash: hash_of(files),
            };
            faults = rules::judge(&plan, &places);
            if faults.is_empty() {
                return Ok(plan);
            }
        }
        faults.sort();
        faults.dedup();
        Err(faults)
    }

    /// The name of a function, system, store or provider.
    pub fn name_of(&self, id: &Id) -> Option<&str> {
        let function = self.functions.get(id).map(|function| function.name.as_str());
        function
            .or_else(|| self.systems.get(id).map(|system| system.name.as_str()))
            .or_else(|| self.stores.get(id).map(|store| store.name.as_str()))
            .or_else(|| self.providers.get(id).map(|provider| provider.name.as_str()))
    }

    /// A function's recovery time objective: its own, its tier's, or the platform's.
    pub fn rto_of(&self, function: &Function) -> Period {
        let tier = self.tiers.get(&function.tier).and_then(|tier| tier.rto);
        function.rto.or(tier).unwrap_or(self.objectives.rto.target)
    }

    /// The checks of an environment with its pace applied.
    pub fn checks_in(&self, environment: &Environment) -> Checks {
        let mut checks = self.checks.clone();
        if let Some(pace) = &environment.pace {
            for check in checks.values_mut() {
                check.interval = pace.interval.map_or(check.interval, |most| most.min(check.interval));
                check.retry = pace.retry.map_or(check.retry, |most| most.min(check.retry));
                check.timeout = pace.timeout.map_or(check.timeout, |most| most.min(check.timeout)).min(check.interval);
            }
        }
        checks
    }
}

fn environment_name(name: &str) -> Option<Result<Id, String>> {
    let stem = name.strip_prefix("environments/")?.strip_suffix(".toml")?;
    Some(stem.parse().map_err(|_| format!("\"{stem}\" is not a name for an environment")))
}

fn file_fault(file: &str, message: String, hint: Option<String>) -> PlanFault {
    PlanFault { file: file.to_owned(), line: 1, column: 1, field: String::new(), message, hint }
}

fn text_of<'a>(file: &'a PlanFile, faults: &mut Vec<PlanFault>) -> Option<&'a str> {
    if file.bytes.len() > LARGEST_FILE {
        let message = format!("larger than {} MiB", LARGEST_FILE >> 20);
        faults.push(file_fault(&file.name, message, Some("A plan is text that people read.".to_owned())));
        return None;
    }
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let good = String::from_utf8_lossy(file.bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned();
            let line = good.matches('\n').count() + 1;
            let column = good.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            faults.push(PlanFault {
                file: file.name.clone(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
                field: String::new(),
                message: "not UTF-8 text".to_owned(),
                hint: Some("Save the file as UTF-8.".to_owned()),
            });
            None
        }
    }
}

fn hash_of(files: &[PlanFile]) -> String {
    let mut sorted: Vec<&PlanFile> = files.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    let mut hasher = Sha256::new();
    hasher.update(b"lifeboat plan 1\n");
    for file in sorted {
        for part in [file.name.as_bytes(), &file.bytes] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    Hash(hasher.finalize().into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundled() -> Vec<PlanFile> {
        macro_rules! files {
            ($($name:literal),*) => {
                vec![$(PlanFile {
                    name: $name.to_owned(),
                    bytes: include_bytes!(concat!("../../../plans/samia-tarot/", $name)).to_vec(),
                }),*]
            };
        }
        files!("plan.toml", "checks.toml", "environments/production.toml", "environments/range.toml")
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
            faults
                .iter()
                .any(|fault| fault.file == "plan.toml" && fault.line == 3 && fault.message == "not UTF-8 text")
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
        files[3].bytes.pop();
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
}
