//! How an answer looks: words for people, one object for programs. Text that comes from outside is shown with its
//! control characters made visible, so that no answer of a server can write to the terminal.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
};

use chrono::{DateTime, Local, Utc};
use lifeboat_domain::{Code, Problem, check::Verdict, status::Health};
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
            serde_json::to_string(value).map_err(|error| Problem::bug(format!("the answer is not JSON: {error}")))?
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
        serde_json::to_string(problem).unwrap_or_default()
    } else {
        let mut text = format!("lifeboat: {}", visible(&problem.message));
        if let Some(hint) = &problem.hint {
            let _ = write!(text, "\n  {}", visible(hint));
        }
        text
    };
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The text with control characters, line breaks and direction overrides written out.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let hidden = letter.is_control()
                || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
            let escaped: Box<dyn Iterator<Item = char>> =
                if hidden { Box::new(letter.escape_unicode()) } else { Box::new(std::iter::once(letter)) };
            escaped
        })
        .collect()
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
    fn an_answer_from_outside_cannot_steer_the_terminal() {
        assert_eq!(visible("down\u{1b}[2J\r\n\u{202e}x"), "down\\u{1b}[2J\\u{d}\\u{a}\\u{202e}x");
        assert_eq!(visible("كيف 星野 ◐"), "كيف 星野 ◐");
    }
}
