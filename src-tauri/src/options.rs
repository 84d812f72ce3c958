//! The shell's command line. What is not given comes from the environment, then from the places every program on
//! this computer uses.

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand, ValueEnum};
use lifeboat_domain::Id;
use lifeboat_range::Size;

/// Lifeboat's window: live checks of a recovery plan, on a board, into a journal.
#[derive(Debug, Parser)]
#[command(name = "lifeboat-desktop", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// The folder for the journal and everything else this program keeps.
    #[arg(long, env = "LIFEBOAT_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// The plan's folder; the bundled plan when not given.
    #[arg(long, env = "LIFEBOAT_PLAN", value_name = "DIR")]
    plan: Option<PathBuf>,
    /// The environment to look at; the range when it is up.
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) environment: Option<Id>,
    /// Brings the practice range up as soon as the window is there.
    #[arg(long)]
    pub(crate) start_range: bool,
    /// Shows only the wall: the board to be read from afar, without anything that acts.
    #[arg(long)]
    pub(crate) kiosk: bool,
    /// Starts in the tray, as at login; where the desktop has none, the window is shown.
    #[arg(long)]
    pub(crate) background: bool,
    /// Draws without help of the graphics card, for windows that stay blank.
    #[arg(long)]
    pub(crate) safe_graphics: bool,
    /// The window was not ready in time before.
    #[arg(long, hide = true)]
    pub(crate) was_not_ready: bool,
    /// Does not hear that the window is ready unless graphics are safe, so that tests see what happens then.
    #[arg(long, hide = true)]
    pub(crate) withhold_ready: bool,
    #[command(subcommand)]
    pub(crate) hidden: Option<Hidden>,
}

/// What this program also does, though nobody types it: being the background process of the range.
#[derive(Debug, Subcommand)]
pub(crate) enum Hidden {
    #[command(hide = true)]
    Range {
        #[command(subcommand)]
        verb: RangeVerb,
    },
}

/// The verbs of the range this program knows.
#[derive(Debug, Subcommand)]
pub(crate) enum RangeVerb {
    /// Runs the servers of the range until it is told to end.
    Serve {
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        #[arg(long)]
        size: SizeName,
    },
}

/// A range's size as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SizeName {
    Small,
    Large,
}

impl From<SizeName> for Size {
    fn from(name: SizeName) -> Self {
        match name {
            SizeName::Small => Self::Small,
            SizeName::Large => Self::Large,
        }
    }
}

impl Options {
    /// The home: as given, else the usual place of this user.
    pub(crate) fn home(&self) -> PathBuf {
        absolute(self.home.clone().unwrap_or_else(lifeboat_engine::default_home))
    }

    /// What to be started with at login: in the tray, on the home that was given, if one was.
    pub(crate) fn at_login(&self) -> Vec<String> {
        let home = self
            .home
            .iter()
            .flat_map(|home| ["--home".to_owned(), quoted(&absolute(home.clone()).display().to_string())]);
        ["--background".to_owned()].into_iter().chain(home).collect()
    }

    /// The plan's folder: as given, else the bundled one.
    pub(crate) fn plan(&self) -> PathBuf {
        absolute(self.plan.clone().unwrap_or_else(bundled_plan))
    }
}

/// The plan that comes with the program. Where it is not, its place is answered all the same: the engine says that
/// no plan is there.
fn bundled_plan() -> PathBuf {
    let program = env::current_exe().ok();
    lifeboat_engine::plans::bundled_plan(program.as_deref().and_then(Path::parent))
        .unwrap_or_else(|| PathBuf::from("plans/samia-tarot"))
}

/// Who acts, for the journal.
pub(crate) fn actor() -> String {
    let name = ["USER", "LOGNAME"].iter().find_map(|key| env::var(key).ok().filter(|name| !name.is_empty()));
    format!("person:{}", name.unwrap_or_else(|| "unknown".to_owned()))
}

/// An argument as the command of a desktop entry has it: first quoted for the command, then escaped for the file.
fn quoted(argument: &str) -> String {
    let mut quoted = String::from('"');
    for letter in argument.chars() {
        match letter {
            '"' | '`' | '$' => quoted.extend(['\\', '\\', letter]),
            '\\' => quoted.push_str(r"\\\\"),
            '%' => quoted.push_str("%%"),
            '\n' => quoted.push_str(r"\n"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A path that still means the same after a change of folder.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_process_of_the_range_is_reached_by_the_words_the_range_appends() {
        let options =
            Options::try_parse_from(["lifeboat-desktop", "range", "serve", "--home", "/h", "--size", "small"]).unwrap();
        let Some(Hidden::Range { verb: RangeVerb::Serve { home, size } }) = options.hidden else {
            panic!("not understood: {options:?}");
        };
        assert_eq!((home, Size::from(size)), (PathBuf::from("/h"), Size::Small));
    }

    #[test]
    fn at_login_the_same_home_is_opened_in_the_tray() {
        let given = ["lifeboat-desktop", "--home", "/a b/$x%\"\\"];
        let options = Options::try_parse_from(given).unwrap();
        assert_eq!(options.at_login(), ["--background", "--home", r#""/a b/\\$x%%\\"\\\\""#]);
    }

    #[test]
    fn a_relative_home_is_made_absolute() {
        let options = Options::try_parse_from(["lifeboat-desktop", "--home", "somewhere"]).unwrap();
        assert!(options.home().is_absolute());
        assert!(options.home().ends_with("somewhere"));
    }

    #[test]
    fn an_environment_that_is_no_name_is_refused() {
        assert!(Options::try_parse_from(["lifeboat-desktop", "--env", "Not A Name"]).is_err());
        assert!(Options::try_parse_from(["lifeboat-desktop", "--env", "production"]).is_ok());
    }
}
