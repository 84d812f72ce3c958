//! What can go wrong with a range, and how it is said to a person. Nothing here holds a password: what a program
//! wrote is kept only as far as it goes into a message, and no program is ever given a secret as an argument.

use std::{io, path::PathBuf};

use lifeboat_domain::{Code, Problem};

/// The Debian package that brings every program the range needs.
const PACKAGE: &str = "postgresql-15";

/// Why a range could not be started, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum RangeError {
    /// Another process has the range of this home.
    #[error("a range is already up in {}", home.display())]
    Running {
        /// The home.
        home: PathBuf,
    },
    /// There is no range to talk to.
    #[error("no range is up in {}", home.display())]
    Down {
        /// The home.
        home: PathBuf,
    },
    /// There is no such fault.
    #[error("the range knows no fault \"{name}\"")]
    FaultUnknown {
        /// The name that was asked for.
        name: String,
    },
    /// The fault works on a part that another fault has stopped.
    #[error("{fault} works through the primary database, which is stopped")]
    PrimaryStopped {
        /// The fault.
        fault: String,
    },
    /// A program is not installed.
    #[error("{program} was not found")]
    ToolMissing {
        /// The program.
        program: String,
    },
    /// A file or folder could not be made, read, moved or removed.
    #[error("could not {what} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder the range would use belongs to somebody else.
    #[error("{} belongs to somebody else", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The path of the home is not text, so it cannot be written down for others.
    #[error("the path of the home is not UTF-8 text: {}", home.display())]
    NotText {
        /// The home.
        home: PathBuf,
    },
    /// A database did not do what it was asked.
    #[error("could not {what}: {source}")]
    Database {
        /// What was tried, as a verb with its object.
        what: &'static str,
        /// What the database or its driver said.
        source: Box<sqlx::Error>,
    },
    /// A program ended badly.
    #[error("{program} failed: {output}")]
    Program {
        /// The program.
        program: String,
        /// Its last words.
        output: String,
    },
    /// Something did not come about in time.
    #[error("{what} took longer than {seconds} s")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
    },
    /// No port on loopback is free.
    #[error("no free port was found on 127.0.0.1 between {from} and {to}")]
    NoPort {
        /// The first port tried.
        from: u16,
        /// The first port not tried any more.
        to: u16,
    },
    /// A certificate could not be made.
    #[error("could not make the certificate of {name}: {cause}")]
    Certificate {
        /// The name on the certificate.
        name: &'static str,
        /// Why not.
        cause: String,
    },
    /// The operating system gave no random numbers.
    #[error("could not draw a random key: {0}")]
    Random(String),
    /// The background process said what is wrong.
    #[error("{0}")]
    Told(Problem),
    /// The background process ended without a word.
    #[error("the range's background process ended: {log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// The background process is there, but does not answer.
    #[error("the range's background process does not answer: {cause}")]
    Silent {
        /// Why not.
        cause: String,
    },
    /// It was told to end while it was coming up.
    #[error("the range was told to end before it was up")]
    Interrupted,
}

impl RangeError {
    /// Says what was tried with a file.
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    /// Says what was tried with a database.
    pub(crate) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { what, source: Box::new(source) }
    }

    fn code(&self) -> Code {
        match self {
            Self::Running { .. } => Code::RangeRunning,
            Self::Down { .. } => Code::RangeDown,
            Self::FaultUnknown { .. } => Code::FaultUnknown,
            Self::PrimaryStopped { .. } => Code::NotAllowedNow,
            Self::ToolMissing { .. } => Code::ToolMissing,
            Self::Foreign { .. } => Code::PermissionDenied,
            Self::NotText { .. } => Code::Usage,
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Code::PermissionDenied,
                _ => Code::RangeFailed,
            },
            Self::Database { source, .. } => {
                match source.as_database_error().and_then(sqlx::error::DatabaseError::code) {
                    // disk_full, appendix A of PostgreSQL's manual.
                    Some(code) if code == "53100" => Code::DiskFull,
                    _ => Code::RangeFailed,
                }
            }
            Self::Program { output, .. } | Self::Ended { log: output }
                if output.contains("No space left on device") =>
            {
                Code::DiskFull
            }
            Self::Told(problem) => problem.code,
            Self::Program { .. }
            | Self::Ended { .. }
            | Self::NotInTime { .. }
            | Self::NoPort { .. }
            | Self::Certificate { .. }
            | Self::Random(_)
            | Self::Silent { .. }
            | Self::Interrupted => Code::RangeFailed,
        }
    }

    fn hint(&self, code: Code) -> String {
        match (self, code) {
            (Self::FaultUnknown { .. }, _) => "`lifeboat range faults` lists all of them.".to_owned(),
            (Self::NotText { .. }, _) => "Name another folder with --home.".to_owned(),
            (Self::PrimaryStopped { .. }, _) => "Mend primary-stopped first.".to_owned(),
            (_, Code::ToolMissing) => {
                format!("Install the Debian package {PACKAGE}, for instance with `sudo apt-get install {PACKAGE}`.")
            }
            (_, Code::RangeRunning) => "End it with `lifeboat range down`, or use another home.".to_owned(),
            (_, Code::RangeDown) => "Start one with `lifeboat range up`.".to_owned(),
            (_, Code::DiskFull) => {
                "Free some space: a small range needs about 400 MB, a large one about 5 GB. Then run `lifeboat range down` and `lifeboat range up`."
                    .to_owned()
            }
            (_, Code::PermissionDenied) => {
                "Work as the user who started the range, in a home that this user may write to.".to_owned()
            }
            (Self::NoPort { .. }, _) => "End programs that listen on many ports, then try again.".to_owned(),
            _ => "Run `lifeboat range down`, then `lifeboat range up`. If it happens again, the message says which part failed."
                .to_owned(),
        }
    }
}

impl From<&RangeError> for Problem {
    fn from(error: &RangeError) -> Self {
        if let RangeError::Told(problem) = error {
            return problem.clone();
        }
        let code = error.code();
        Self::new(code, error.to_string()).hint(error.hint(code))
    }
}

impl From<RangeError> for Problem {
    fn from(error: RangeError) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: io::ErrorKind) -> RangeError {
        RangeError::file("write", "/home/range/state.json")(io::Error::from(kind))
    }

    #[test]
    fn every_error_has_a_code_and_says_what_to_do() {
        let cases = [
            (RangeError::Running { home: "/home".into() }, Code::RangeRunning, "range down"),
            (RangeError::Down { home: "/home".into() }, Code::RangeDown, "range up"),
            (RangeError::FaultUnknown { name: "rain".into() }, Code::FaultUnknown, "range faults"),
            (RangeError::ToolMissing { program: "initdb".into() }, Code::ToolMissing, "postgresql-15"),
            (RangeError::PrimaryStopped { fault: "table-dropped".to_owned() }, Code::NotAllowedNow, "Mend"),
            (RangeError::NotText { home: "/home".into() }, Code::Usage, "--home"),
            (file(io::ErrorKind::StorageFull), Code::DiskFull, "Free some space"),
            (file(io::ErrorKind::PermissionDenied), Code::PermissionDenied, "user"),
            (file(io::ErrorKind::NotFound), Code::RangeFailed, "range down"),
            (
                RangeError::Program { program: "initdb".into(), output: "write: No space left on device".into() },
                Code::DiskFull,
                "Free some space",
            ),
            (RangeError::Ended { log: "terminated".into() }, Code::RangeFailed, "range down"),
        ];
        for (error, code, words) in cases {
            let problem = Problem::from(error);
            assert_eq!(problem.code, code, "{problem:?}");
            assert!(problem.hint.as_ref().is_some_and(|hint| hint.contains(words)), "{problem:?}");
            assert!(!problem.message.ends_with('.'), "{problem:?}");
        }
    }

    #[test]
    fn what_the_background_process_told_is_passed_on_unchanged() {
        let told = Problem::new(Code::DiskFull, "no space").hint("Free some.");
        assert_eq!(Problem::from(RangeError::Told(told.clone())), told);
    }
}
