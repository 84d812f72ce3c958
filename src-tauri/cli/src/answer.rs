//! How an answer looks: words for people, one object for programs. Text that comes from outside is shown with its
//! control characters made visible, so that no answer of a server can write to the terminal.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
};

use chrono::{DateTime, Local, Utc};
pub(crate) use lifeboat_domain::text::visible;
use lifeboat_domain::{Code, Problem, check::Verdict, status::Health, text::is_hidden};
use serde::Serialize;

/// How to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) json: bool,
}

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Good,
    Bad,
    Usage,
    CouldNotCheck,
}

impl Ending {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::CouldNotCheck => 3,
        }
    }

    /// Something bad outweighs something unknown: both need a person, the first needs one now.
    pub(crate) fn of_verdicts(verdicts: impl Iterator<Item = Verdict>) -> Self {
        verdicts.fold(Self::Good, |ending, verdict| match (ending, verdict) {
            (_, Verdict::Outage | Verdict::Degraded) => Self::Bad,
            (Self::Good, Verdict::Unknown) => Self::CouldNotCheck,
            (ending, Verdict::Unknown | Verdict::Operational) => ending,
        })
    }

    pub(crate) fn of_problem(problem: &Problem) -> Self {
        match problem.code {
            Code::Usage | Code::CheckUnknown | Code::EnvironmentUnknown | Code::FaultUnknown => Self::Usage,
            Code::PlanInvalid | Code::JournalDamaged => Self::Bad,
            Code::PlanMissing
            | Code::EnvironmentUnbound
            | Code::JournalNewer
            | Code::JournalBusy
            | Code::ToolMissing
            | Code::KeychainLocked
            | Code::KeychainAbsent
            | Code::CredentialMissing
            | Code::CredentialFileLocked
            | Code::CredentialFileDamaged
            | Code::DiskFull
            | Code::PermissionDenied
            | Code::NotAllowedNow
            | Code::RangeRunning
            | Code::RangeDown
            | Code::RangeFailed
            | Code::Unreachable
            | Code::Bug => Self::CouldNotCheck,
        }
    }
}

impl Answer {
    /// Gives the answer: `value` to programs, `text` to people.
    pub(crate) fn give(self, value: &impl Serialize, text: &str) -> Result<(), Problem> {
        let line = if self.json {
            json(value).map_err(|error| Problem::bug(format!("the answer is not JSON: {error}")))?
        } else {
            text.trim_end().to_owned()
        };
        // A reader that went away, such as `head`, is no problem of ours.
        let _ = writeln!(std::io::stdout(), "{line}");
        let _ = std::io::stdout().flush();
        Ok(())
    }
}

/// Tells a problem on standard error: as an object, or in words with its hint.
pub(crate) fn tell_problem(problem: &Problem, json: bool) {
    let text = if json {
        self::json(problem).unwrap_or_default()
    } else {
        let mut text = format!("lifeboat: {}", visible(&problem.message));
        if let Some(hint) = &problem.hint {
            let _ = write!(text, "\n  {}", visible(hint));
        }
        text
    };
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The value as one line of JSON. Inside texts, letters that would steer a terminal stand escaped: JSON itself asks
/// that only of the first thirty-two.
fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.contains(is_hidden) {
        return Ok(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_hidden(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    Ok(escaped)
}

/// A health as its shape and its word, coloured on a terminal that wants it.
pub(crate) fn health(health: Health) -> String {
    let (shape, colour) = match health {
        Health::Operational => ("✓", "32"),
        Health::Degraded => ("◐", "33"),
        Health::Outage => ("✕", "1;31"),
        Health::Unknown => ("?", "35"),
        Health::NotChecked => ("–", "2"),
        Health::Maintenance => ("⚒", "36"),
    };
    paint(&format!("{shape} {:<11}", health.word()), colour)
}

fn paint(text: &str, colour: &str) -> String {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// A time in UTC and, where it differs, in the local zone.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    let local = at.with_timezone(&Local);
    let utc = at.format("%Y-%m-%d %H:%M:%S UTC");
    if local.offset().local_minus_utc() == 0 {
        utc.to_string()
    } else {
        format!("{utc} ({})", local.format("%H:%M %:z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_outweighs_what_is_unknown() {
        use Verdict::{Degraded, Operational, Outage, Unknown};
        for (verdicts, code) in [
            (vec![], 0),
            (vec![Operational, Operational], 0),
            (vec![Operational, Unknown], 3),
            (vec![Unknown, Degraded], 1),
            (vec![Outage, Unknown, Operational], 1),
        ] {
            assert_eq!(Ending::of_verdicts(verdicts.iter().copied()).code(), code, "{verdicts:?}");
        }
    }

    #[test]
    fn b_125_something_bad_never_ends_as_good_and_what_is_not_set_up_accuses_nobody() {
        let of = |verdict| Ending::of_verdicts([Verdict::Operational, verdict].into_iter());
        assert_eq!((of(Verdict::Outage), of(Verdict::Degraded)), (Ending::Bad, Ending::Bad));
        assert_eq!(of(Verdict::Unknown), Ending::CouldNotCheck);
        let unbound = Problem::new(Code::EnvironmentUnbound, "no value for the database");
        assert_eq!(Ending::of_problem(&unbound), Ending::CouldNotCheck);
    }

    #[test]
    fn an_answer_for_programs_cannot_steer_a_terminal_either() {
        let told = "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2028}\u{e0041} كيف";
        let line = json(&told).unwrap();
        assert!(!line.contains(is_hidden), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), told);
    }
}
