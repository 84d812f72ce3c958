//! Safe graphics: what WebKit is told when its window stays blank on this computer's graphics card.
//!
//! WebKit reads it from the environment of the process, before there is any window; so the program becomes itself
//! once more, with it. That happens when asked for on the command line, and once by itself when the window is not
//! ready in time.

use std::{env, ffi::OsString, io, os::unix::process::CommandExt, process::Command};

/// What WebKit is told.
const SAFE: [(&str, &str); 2] = [("WEBKIT_DISABLE_DMABUF_RENDERER", "1"), ("WEBKIT_DISABLE_COMPOSITING_MODE", "1")];

/// Whether this process draws safely already.
pub(crate) fn are_safe() -> bool {
    SAFE.iter().all(|(key, value)| env::var_os(key).is_some_and(|set| set == *value))
}

/// Becomes this program again, with safe graphics and `more` arguments. Returns only when that is not possible.
pub(crate) fn become_safe(more: &[&str]) -> io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    Command::new(program).args(arguments(env::args_os().skip(1), more)).envs(SAFE).exec()
}

/// The arguments there are, with those that are missing.
fn arguments(given: impl Iterator<Item = OsString>, more: &[&str]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    for argument in more {
        if !arguments.iter().any(|there| there == argument) {
            arguments.push(argument.into());
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_keeps_what_was_given_and_says_everything_once() {
        let given = || ["--home", "/h", "--safe-graphics"].map(OsString::from).into_iter();
        let after = arguments(given(), &["--safe-graphics", "--was-not-ready"]);
        assert_eq!(after, ["--home", "/h", "--safe-graphics", "--was-not-ready"]);
        assert_eq!(arguments(after.into_iter(), &["--was-not-ready"]).len(), 4);
    }
}
