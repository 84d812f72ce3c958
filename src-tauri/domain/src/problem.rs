//! The one error that crosses a border: to the window, to `--json`, to a person.
//!
//! A code exists only where somebody acts on it. Messages are lower case without a full stop, the
//! cause after a colon; a hint is a sentence that says what to do.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What went wrong, as a name that programs may compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Code {
    /// The plan has faults; every one is listed with file and line.
    PlanInvalid,
    /// There is no plan at the given place.
    PlanMissing,
    /// The plan has no environment of that name.
    EnvironmentUnknown,
    /// The environment has values nobody has filled in, such as a range that is not up.
    EnvironmentUnbound,
    /// The plan has no check of that name.
    CheckUnknown,
    /// The journal's chain is broken; the part before the break is readable.
    JournalDamaged,
    /// The journal was written by a newer Lifeboat; it is open for reading only.
    JournalNewer,
    /// Another program holds the journal and did not let go in time.
    JournalBusy,
    /// A program that is needed is not installed.
    ToolMissing,
    /// The keychain is there but locked.
    KeychainLocked,
    /// This computer has no keychain service.
    KeychainAbsent,
    /// A credential the plan names is not stored.
    CredentialMissing,
    /// The encrypted file of credentials is locked, or its passphrase is not the one that was given.
    CredentialFileLocked,
    /// The encrypted file of credentials is damaged.
    CredentialFileDamaged,
    /// No space is left where something had to be written.
    DiskFull,
    /// The operating system refused access to a file or folder.
    PermissionDenied,
    /// Not possible in the present state; nothing was done.
    NotAllowedNow,
    /// A range is already up in this home.
    RangeRunning,
    /// No range is up in this home.
    RangeDown,
    /// The range could not be started or changed.
    RangeFailed,
    /// The range knows no fault of that name.
    FaultUnknown,
    /// Something could not be reached over the network.
    Unreachable,
    /// The command line or the arguments of a call are wrong.
    Usage,
    /// Our own mistake. Please report it.
    Bug,
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).ok();
        formatter.write_str(name.as_ref().and_then(|name| name.as_str()).unwrap_or("bug"))
    }
}

/// An error in the words of the person who meets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
#[ts(export)]
pub struct Problem {
    /// The name programs compare.
    pub code: Code,
    /// What happened, cause after a colon.
    pub message: String,
    /// What to do about it, as a sentence.
    pub hint: Option<String>,
    /// The field of a form, plan or call that is at fault.
    pub field: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, field: None }
    }

    /// Adds the sentence that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the field at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Our own mistake, with what was being tried.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Code::Bug, message)
            .hint("This is a mistake in Lifeboat. Please report it with the output of `lifeboat doctor`.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelled_in_kebab_case() {
        assert_eq!(Code::PlanInvalid.to_string(), "plan-invalid");
        assert_eq!(Code::EnvironmentUnbound.to_string(), "environment-unbound");
    }

    #[test]
    fn a_problem_always_has_the_same_four_keys() {
        let value = serde_json::to_value(Problem::new(Code::Usage, "no such verb")).unwrap();
        assert_eq!(value, serde_json::json!({"code": "usage", "message": "no such verb", "hint": null, "field": null}));
    }
}
