//! The plan's files as JSON Schema (draft 2020-12), made from the readers, so that editors can complete and check a
//! plan while it is written.

use serde_json::{Map, Value, json};

use super::{
    folder::{ChecksFile, FIXED, FileKind},
    platform::Platform,
    read::{Read, Shapes},
};
use crate::{
    backup::Backups,
    communication::{Contacts, Severities, Templates},
    compliance::Compliance,
    drill::Drills,
    environment::Environment,
    maintenance::Maintenance,
    report::Reports,
    runbook::Runbook,
};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

impl FileKind {
    /// The shape of such a file; nothing for texts, which have none.
    fn shape(&self, shapes: &mut Shapes) -> Option<Value> {
        Some(match self {
            Self::Platform => Platform::shape(shapes),
            Self::Checks => ChecksFile::shape(shapes),
            Self::Environment(_) => Environment::shape(shapes),
            Self::Backups => Backups::shape(shapes),
            Self::Runbook(_) => Runbook::shape(shapes),
            Self::Severities => Severities::shape(shapes),
            Self::Contacts => Contacts::shape(shapes),
            Self::Templates => Templates::shape(shapes),
            Self::TemplateText(_) => return None,
            Self::Drills => Drills::shape(shapes),
            Self::Reports => Reports::shape(shapes),
            Self::Compliance => Compliance::shape(shapes),
            Self::Maintenance => Maintenance::shape(shapes),
        })
    }
}

/// The schema of one file of a plan by its name, such as `plan.toml` or `runbooks/outage.toml`. Nothing for texts of
/// messages and for names that are no files of a plan.
pub fn schema_for(file: &str) -> Option<Value> {
    let kind = FileKind::of(file).ok()?;
    let mut shapes = Shapes::default();
    let shape = kind.shape(&mut shapes)?;
    Some(document(file, &shape, shapes))
}

/// The schema of a whole plan: an object that has each file's contents under the file's name.
pub fn schema() -> Value {
    let mut shapes = Shapes::default();
    let mut properties = Map::new();
    for (name, kind) in FIXED {
        properties.extend(kind.shape(&mut shapes).map(|shape| (name.to_owned(), shape)));
    }
    let shape = json!({
        "type": "object",
        "properties": properties,
        "patternProperties": {
            "^environments/[a-z][a-z0-9-]{0,63}\\.toml$": Environment::shape(&mut shapes),
            "^runbooks/[a-z][a-z0-9-]{0,63}\\.toml$": Runbook::shape(&mut shapes),
            "^templates/[a-z][a-z0-9-]{0,63}\\.md$": { "type": "string" },
        },
        "required": ["plan.toml", "checks.toml"],
        "additionalProperties": false,
    });
    document("a plan's folder", &shape, shapes)
}

fn document(title: &str, shape: &Value, shapes: Shapes) -> Value {
    let mut document = Map::new();
    document.insert("$schema".to_owned(), DRAFT.into());
    document.insert("title".to_owned(), format!("Lifeboat: {title}").into());
    if let Some(shape) = shape.as_object() {
        document.extend(shape.clone());
    }
    document.insert("$defs".to_owned(), shapes.into_definitions().into());
    document.into()
}
