//! What the window is told about the program itself. Everything about the plan, the board and the journal has its
//! type in the engine.

use lifeboat_domain::{Problem, status::EnvironmentTag};
use lifeboat_engine::{
    secrets,
    settings::{Motion, Settings, Theme},
    view::EnvironmentChoice,
};
use lifeboat_range::RangeStatus;
use serde::Serialize;
use ts_rs::TS;

/// Where the program stands.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub(crate) struct AppView {
    /// Lifeboat's version.
    pub(crate) version: String,
    /// The folder it keeps everything in.
    pub(crate) home: String,
    /// The title of the plan in force.
    pub(crate) plan_title: Option<String>,
    /// The version of the plan in force.
    pub(crate) plan_version: Option<String>,
    /// How many faults the plan's files have.
    pub(crate) plan_faults: u32,
    /// The environment being looked at.
    pub(crate) environment: Option<EnvironmentTag>,
    /// The environments of the plan.
    pub(crate) environments: Vec<EnvironmentChoice>,
    /// The practice range of this home.
    pub(crate) range: RangeStatus,
    /// Why the journal is open for reading only, if it is.
    pub(crate) journal_read_only: Option<Problem>,
    /// Whether nobody has used this home before.
    pub(crate) first_run: bool,
    /// The operating system's keychain.
    pub(crate) keychain: KeychainView,
    /// What keeps the program from working, if anything does.
    pub(crate) problem: Option<Problem>,
}

/// How the wall is to be shown. What a person is called or does is no business of a wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub(crate) struct KioskView {
    /// Light or dark.
    pub(crate) theme: Theme,
    /// Whether anything moves.
    pub(crate) motion: Motion,
}

impl KioskView {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { theme: settings.theme, motion: settings.motion }
    }
}

/// The operating system's keychain as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub(crate) struct KeychainView {
    /// Its state.
    pub(crate) state: KeychainState,
    /// The state in words, and what to do about it.
    pub(crate) detail: String,
}

impl From<secrets::KeychainState> for KeychainView {
    fn from(found: secrets::KeychainState) -> Self {
        let (state, detail) = match found {
            secrets::KeychainState::Available { name } => (KeychainState::Available, name),
            secrets::KeychainState::Locked => {
                (KeychainState::Locked, "Unlock it, then look again under Settings.".to_owned())
            }
            secrets::KeychainState::Absent(why) => (KeychainState::Absent, sentence(&why)),
        };
        Self { state, detail }
    }
}

impl KeychainView {
    /// What is shown while the keychain has not answered: it may be asking a person to unlock it.
    pub(crate) fn unanswered() -> Self {
        Self {
            state: KeychainState::Locked,
            detail: "It has not answered yet; it may be waiting to be unlocked.".to_owned(),
        }
    }
}

/// A message of another program as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// The state of the operating system's keychain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub(crate) enum KeychainState {
    /// It answers.
    Available,
    /// It is there but locked.
    Locked,
    /// There is none.
    Absent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_keychain_says_is_a_sentence() {
        let view = KeychainView::from(secrets::KeychainState::Absent("no session bus".to_owned()));
        assert_eq!((view.state, view.detail.as_str()), (KeychainState::Absent, "No session bus."));
        assert_eq!(sentence(""), "");
        let view = KeychainView::from(secrets::KeychainState::Available { name: "Secret Service".to_owned() });
        assert_eq!((view.state, view.detail.as_str()), (KeychainState::Available, "Secret Service"));
    }
}
