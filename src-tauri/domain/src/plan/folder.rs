//! A plan's folder: which files belong to a plan, and reading them all into one plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Plan,
    id::Id,
    place::PlanPlaces,
    platform::Platform,
    read::{self, Faults, Node, Places, PlanFault, Read, Source, TableReader, read_part},
    rules,
};
use crate::{
    backup::Backups,
    check::Checks,
    communication::{Contacts, Severities, Templates},
    compliance::Compliance,
    drill::Drills,
    environment::Environment,
    maintenance::Maintenance,
    report::Reports,
    runbook::Runbook,
};

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

/// A plan and where its values stand.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedPlan {
    /// The plan.
    pub plan: Plan,
    /// Where each of its values stands.
    pub places: PlanPlaces,
}

/// What `checks.toml` holds.
#[derive(Debug, Serialize)]
pub(super) struct ChecksFile {
    checks: Checks,
}

impl Read for ChecksFile {
    fn read(node: &Node<'_, '_>, faults: &mut Faults<'_>) -> Option<Self> {
        let mut reader = TableReader::open(node, faults)?;
        faults.describe("What is asked of the live platform.");
        let checks = reader.described_field("checks", "Checks by name.", None, faults);
        let whole = reader.finish(faults);
        checks.filter(|_| whole).map(|checks| Self { checks })
    }
}

/// What a file of a plan holds, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileKind {
    Platform,
    Checks,
    Environment(Id),
    Backups,
    Runbook(Id),
    Severities,
    Contacts,
    Templates,
    TemplateText(Id),
    Drills,
    Reports,
    Compliance,
    Maintenance,
}

/// The files of a plan that have fixed names.
pub(super) const FIXED: [(&str, FileKind); 10] = [
    ("plan.toml", FileKind::Platform),
    ("checks.toml", FileKind::Checks),
    ("backups.toml", FileKind::Backups),
    ("severities.toml", FileKind::Severities),
    ("contacts.toml", FileKind::Contacts),
    ("templates.toml", FileKind::Templates),
    ("drills.toml", FileKind::Drills),
    ("reports.toml", FileKind::Reports),
    ("compliance.toml", FileKind::Compliance),
    ("maintenance.toml", FileKind::Maintenance),
];

/// A folder of files of one kind: its name, the files' ending, and the kind.
type Folder = (&'static str, &'static str, fn(Id) -> FileKind);

const FOLDERS: [Folder; 3] = [
    ("environments/", ".toml", FileKind::Environment),
    ("runbooks/", ".toml", FileKind::Runbook),
    ("templates/", ".md", FileKind::TemplateText),
];

impl FileKind {
    /// The kind of a file, or what is wrong with its name and a hint.
    pub(super) fn of(name: &str) -> Result<Self, (String, Option<String>)> {
        if let Some((_, kind)) = FIXED.into_iter().find(|(fixed, _)| *fixed == name) {
            return Ok(kind);
        }
        for (folder, ending, kind) in FOLDERS {
            if let Some(stem) = name.strip_prefix(folder).and_then(|rest| rest.strip_suffix(ending)) {
                let hint = || Some("Use lower-case letters, digits and hyphens, a letter first.".to_owned());
                return stem
                    .parse()
                    .map(kind)
                    .map_err(|_| (format!("\"{}\" is not a name for a file here", read::shown(stem)), hint()));
            }
        }
        let hint = read::nearest(name, FIXED.iter().map(|(fixed, _)| *fixed)).map_or_else(
            || {
                let fixed: Vec<&str> = FIXED.iter().map(|(fixed, _)| *fixed).collect();
                format!("A plan has environments/*.toml, runbooks/*.toml, templates/*.md, {}.", fixed.join(", "))
            },
            |near| format!("Did you mean \"{near}\"?"),
        );
        Err(("not a file of a plan".to_owned(), Some(hint)))
    }
}

/// Whether a file in a plan's folder is meant as part of the plan, by its name: every TOML file, and the texts of
/// messages. Other files may lie beside them.
pub fn belongs(name: &str) -> bool {
    let ends_in = |ending: &str| name.rsplit_once('.').is_some_and(|(_, last)| last == ending);
    ends_in("toml") || (name.starts_with("templates/") && ends_in("md"))
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    platform: Option<Platform>,
    checks: Option<ChecksFile>,
    environments: BTreeMap<Id, Environment>,
    backups: Option<Backups>,
    runbooks: BTreeMap<Id, Runbook>,
    severities: Option<Severities>,
    contacts: Option<Contacts>,
    templates: Option<Templates>,
    template_texts: BTreeMap<Id, String>,
    drills: Option<Drills>,
    reports: Option<Reports>,
    compliance: Option<Compliance>,
    maintenance: Option<Maintenance>,
}

impl Parts {
    fn take(&mut self, kind: FileKind, source: &Source<'_>, places: &mut Places, faults: &mut Vec<PlanFault>) {
        match kind {
            FileKind::Platform => self.platform = part(source, places, faults),
            FileKind::Checks => self.checks = part(source, places, faults),
            FileKind::Environment(id) => {
                self.environments.extend(part(source, places, faults).map(|environment| (id, environment)));
            }
            FileKind::Backups => self.backups = part(source, places, faults),
            FileKind::Runbook(id) => {
                self.runbooks.extend(part(source, places, faults).map(|runbook| (id, runbook)));
            }
            FileKind::Severities => self.severities = part(source, places, faults),
            FileKind::Contacts => self.contacts = part(source, places, faults),
            FileKind::Templates => self.templates = part(source, places, faults),
            FileKind::TemplateText(id) => {
                self.template_texts.insert(id, source.text().to_owned());
            }
            FileKind::Drills => self.drills = part(source, places, faults),
            FileKind::Reports => self.reports = part(source, places, faults),
            FileKind::Compliance => self.compliance = part(source, places, faults),
            FileKind::Maintenance => self.maintenance = part(source, places, faults),
        }
    }

    /// The whole plan, when every part that is needed could be read.
    fn into_plan(self, hash: String) -> Option<Plan> {
        let platform = self.platform?;
        Some(Plan {
            document: platform.document,
            objectives: platform.objectives,
            tiers: platform.tiers,
            functions: platform.functions,
            systems: platform.systems,
            stores: platform.stores,
            providers: platform.providers,
            checks: self.checks?.checks,
            environments: self.environments,
            backups: or_nothing(self.backups)?,
            runbooks: self.runbooks,
            severities: or_nothing(self.severities)?,
            contacts: or_nothing(self.contacts)?,
            templates: or_nothing(self.templates)?.templates,
            template_texts: self.template_texts,
            drills: or_nothing(self.drills)?,
            reports: or_nothing(self.reports)?,
            compliance: or_nothing(self.compliance)?,
            maintenance: or_nothing(self.maintenance)?,
            hash,
        })
    }
}

fn part<T: Read>(source: &Source<'_>, places: &mut Places, faults: &mut Vec<PlanFault>) -> Option<T> {
    let (value, found) = read_part(source, places);
    faults.extend(found);
    value
}

/// A part, or what an empty file in its place would say.
fn or_nothing<T: Read>(part: Option<T>) -> Option<T> {
    part.or_else(|| read_part(&Source::new("", ""), &mut Places::new()).0)
}

impl LoadedPlan {
    /// Reads a plan from the files of its folder and keeps where its values stand.
    ///
    /// # Errors
    /// As [`Plan::read`].
    pub fn read(files: &[PlanFile]) -> Result<Self, Vec<PlanFault>> {
        let mut faults = Vec::new();
        let mut places = PlanPlaces::default();
        let mut parts = Parts::default();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for file in files {
            match FileKind::of(&file.name) {
                Err((message, hint)) => faults.push(PlanFault::of_file(&file.name, message, hint)),
                Ok(_) if !seen.insert(&file.name) => {
                    faults.push(PlanFault::of_file(&file.name, "the file is there twice", None));
                }
                Ok(kind) => {
                    if let Some(text) = text_of(file, &mut faults) {
                        let source = Source::new(&file.name, text);
                        parts.take(kind, &source, places.of_file(&file.name), &mut faults);
                    }
                }
            }
        }
        for needed in ["plan.toml", "checks.toml"] {
            if !seen.contains(needed) {
                faults.push(PlanFault::of_file(needed, "the file is missing", None));
            }
        }
        if !files.iter().any(|file| file.name.starts_with("environments/")) {
            let hint = Some("Bind the plan's endpoints in environments/production.toml.".to_owned());
            faults.push(PlanFault::of_file("environments", "the plan has no environment", hint));
        }
        if faults.is_empty()
            && let Some(plan) = parts.into_plan(hash_of(files))
        {
            faults = rules::judge(&plan, &places);
            if faults.is_empty() {
                return Ok(Self { plan, places });
            }
        }
        faults.sort();
        faults.dedup();
        Err(faults)
    }
}

fn text_of<'a>(file: &'a PlanFile, faults: &mut Vec<PlanFault>) -> Option<&'a str> {
    if file.bytes.len() > LARGEST_FILE {
        let message = format!("larger than {} MiB", LARGEST_FILE >> 20);
        faults.push(PlanFault::of_file(&file.name, message, Some("A plan is text that people read.".to_owned())));
        return None;
    }
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let good = String::from_utf8_lossy(file.bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned();
            let line = good.matches('\n').count() + 1;
            let column = good.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            let place = (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX));
            let hint = Some("Save the file as UTF-8.".to_owned());
            faults.push(PlanFault::new(&file.name, place, "", "not UTF-8 text", hint));
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
    hasher.finalize().iter().fold(String::new(), |mut hash, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}
