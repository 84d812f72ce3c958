//! Plans on disk: the folder, the values an environment waits for, and where the bundled plan is.
//!
//! What a plan means and what is wrong with it is the domain's. Nothing here keeps a plan in force.

mod folder;
mod values;

use std::path::{Path, PathBuf};

use lifeboat_domain::{
    Id,
    environment::EnvironmentKind,
    plan::{LoadedPlan, Plan, PlanFile, read::PlanFault},
    problem::{Code, Problem},
};

pub(crate) use self::values::{Values, ValuesFile};
use crate::view::PlanText;

/// A failure to read a plan's folder at all. Mistakes inside it are faults of the plan.
#[derive(Debug, thiserror::Error)]
pub enum PlansError {
    /// The folder is not there.
    #[error("there is no plan at {}", .0.display())]
    Missing(PathBuf),
    /// The folder is there, but could not be read.
    #[error("could not read the plan's folder {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<PlansError> for Problem {
    fn from(error: PlansError) -> Self {
        let message = error.to_string();
        match error {
            PlansError::Missing(_) => Self::new(Code::PlanMissing, message)
                .hint("Name the folder that holds plan.toml with --plan, or leave it out for the bundled plan."),
            PlansError::Folder { source, .. } => {
                let code = match source.kind() {
                    std::io::ErrorKind::PermissionDenied => Code::PermissionDenied,
                    _ => Code::PlanMissing,
                };
                Self::new(code, format!("{message}: {source}")).hint("Check that the folder can be read by you.")
            }
        }
    }
}

/// A plan's folder as it was read.
#[derive(Debug)]
pub struct Reading {
    /// Its files as text, for showing faults at their line.
    pub texts: Vec<PlanText>,
    /// The plan and where its values stand, or everything that keeps it from being read.
    pub plan: Result<LoadedPlan, Vec<PlanFault>>,
}

/// Reads a plan from its folder.
pub fn read(folder: &Path) -> Result<Reading, PlansError> {
    let (files, mut faults) = folder::read(folder)?;
    let texts = files.iter().map(text_of).collect();
    let plan = match LoadedPlan::read(&files) {
        Ok(plan) if faults.is_empty() => Ok(plan),
        Ok(_) => Err(faults),
        Err(found) => {
            faults.extend(found);
            faults.sort();
            Err(faults)
        }
    };
    Ok(Reading { texts, plan })
}

fn text_of(file: &PlanFile) -> PlanText {
    PlanText { name: file.name.clone(), text: String::from_utf8_lossy(&file.bytes).into_owned() }
}

/// The environment to begin with when nobody named one: a range that is up, else production, else the first.
pub(crate) fn default_environment(plan: &Plan, home: &Path) -> Option<Id> {
    let of_kind = |kind| {
        move |(id, environment): (&Id, &lifeboat_domain::environment::Environment)| {
            (environment.kind == kind).then(|| id.clone())
        }
    };
    let mut ranges = plan.environments.iter().filter_map(of_kind(EnvironmentKind::Range));
    ranges
        .find(|id| values::is_up(home, id))
        .or_else(|| plan.environments.iter().find_map(of_kind(EnvironmentKind::Production)))
        .or_else(|| plan.environments.keys().next().cloned())
}

/// Where the plan that comes with Lifeboat is, looked for from the folder of the running program.
pub fn bundled_plan(executable_folder: Option<&Path>) -> Option<PathBuf> {
    // While developing, the plan in the source tree is meant, not the copy that the build laid beside the program.
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans/samia-tarot");
    if cfg!(debug_assertions) && source.join("plan.toml").is_file() {
        return Some(source.canonicalize().unwrap_or(source));
    }
    installed_plan(executable_folder)
}

/// Where packages put it.
pub(crate) fn installed_plan(executable_folder: Option<&Path>) -> Option<PathBuf> {
    let mut places = Vec::new();
    if let Some(folder) = executable_folder {
        places.push(folder.join("plans/samia-tarot"));
        // Tauri's packages put resources into lib/<product name>.
        if let Some(libraries) = folder.parent().map(|prefix| prefix.join("lib"))
            && let Ok(entries) = std::fs::read_dir(libraries)
        {
            let mut named: Vec<PathBuf> = entries
                .filter_map(Result::ok)
                .filter(|entry| entry.file_name().to_string_lossy().to_lowercase().starts_with("lifeboat"))
                .map(|entry| entry.path().join("plans/samia-tarot"))
                .collect();
            named.sort();
            places.extend(named);
        }
    }
    places.push(PathBuf::from("/usr/lib/lifeboat/plans/samia-tarot"));
    places
        .into_iter()
        .find(|place| place.join("plan.toml").is_file())
        .map(|place| place.canonicalize().unwrap_or(place))
}

#[cfg(test)]
mod tests;
