//! Judging a PostgreSQL server: that it reads, that it keeps writes, and that its data answers the plan's questions.

use super::could_not::{CouldNot, DatabaseError};
use super::words::quoted;
use crate::check::{Outcome, PostgresProbe, ProbeKind, Question, Verdict};

/// What a server told of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresState {
    /// Whether it replays somebody else's log.
    pub in_recovery: bool,
    /// Whether a new transaction may not write.
    pub read_only: bool,
    /// What came of the write, when one was tried.
    pub write: Option<Result<(), DatabaseError>>,
    /// The answers to the plan's questions, in their order.
    pub answers: Vec<QuestionAnswer>,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionAnswer {
    /// First row, first column, as text; nothing for a null.
    Value(Option<String>),
    /// There was no row.
    NoRow,
    /// The server answered with an error.
    Error(DatabaseError),
}

/// Judges a server that could be connected to.
pub fn postgres(probe: &PostgresProbe, state: &PostgresState) -> Outcome {
    let mut outcomes = Vec::new();
    if probe.write {
        outcomes.extend(write(state).err());
    }
    let asked = probe.questions.iter().zip(&state.answers);
    outcomes.extend(asked.filter_map(|(question, answer)| judge(question, answer)));
    if state.answers.len() < probe.questions.len() {
        outcomes.push(Outcome::unknown("not every question was asked"));
    }
    Outcome::worst(outcomes).unwrap_or_else(|| {
        let does = if probe.write { "reads and writes" } else { "reads" };
        let standby = if state.in_recovery { ", in recovery" } else { "" };
        let questions = match probe.questions.len() {
            0 => String::new(),
            1 => ", 1 question answered as expected".to_owned(),
            many => format!(", {many} questions answered as expected"),
        };
        Outcome::operational(format!("{does}{standby}{questions}"))
    })
}

fn write(state: &PostgresState) -> Result<(), Outcome> {
    if state.in_recovery {
        return Err(Outcome::outage("accepts no writes: in recovery"));
    }
    if state.read_only {
        return Err(Outcome::outage("accepts no writes: read-only"));
    }
    match &state.write {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => {
            let told = error.could_not().judge(ProbeKind::Postgres);
            Err(Outcome::new(told.verdict, format!("did not keep a write: {}", told.reason)))
        }
        None => Err(Outcome::unknown("no write was tried")),
    }
}

fn judge(question: &Question, answer: &QuestionAnswer) -> Option<Outcome> {
    let Question { means, is, .. } = question;
    let verdict = Verdict::from(question.otherwise);
    match answer {
        QuestionAnswer::Value(Some(value)) if value == is => None,
        QuestionAnswer::Value(Some(value)) => {
            Some(Outcome::new(verdict, format!("{means}: got {}, expected {}", quoted(value), quoted(is))))
        }
        QuestionAnswer::Value(None) => {
            Some(Outcome::new(verdict, format!("{means}: got null, expected {}", quoted(is))))
        }
        QuestionAnswer::NoRow => Some(Outcome::new(verdict, format!("{means}: no row, expected {}", quoted(is)))),
        QuestionAnswer::Error(error) => {
            let could_not = error.could_not();
            // The server cannot answer what the plan says it can: a missing table is the very thing asked about.
            if let CouldNot::Answered(why) = could_not {
                return Some(Outcome::outage(format!("{means}: {why}")));
            }
            Some(could_not.judge(ProbeKind::Postgres))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Otherwise;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};

    fn question(otherwise: Otherwise) -> Question {
        Question {
            query: "select count(*) from orders where amount < 0".to_owned(),
            is: "0".to_owned(),
            means: "orders hold amounts that cannot be".to_owned(),
            otherwise,
        }
    }

    fn probe(write: bool, questions: Vec<Question>) -> PostgresProbe {
        PostgresProbe { endpoint: "db".parse().unwrap(), write, questions }
    }

    fn state() -> PostgresState {
        PostgresState { in_recovery: false, read_only: false, write: None, answers: Vec::new() }
    }

    fn error(state: &str, message: &str) -> DatabaseError {
        DatabaseError { state: state.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn a_server_has_to_keep_writes_where_asked() {
        let kept = PostgresState { write: Some(Ok(())), ..state() };
        let full = error("53100", "could not extend file: No space left on device");
        for (write, state, verdict, reason) in [
            (false, state(), Operational, "reads"),
            (false, PostgresState { in_recovery: true, ..state() }, Operational, "reads, in recovery"),
            (false, PostgresState { read_only: true, ..state() }, Operational, "reads"),
            (true, kept.clone(), Operational, "reads and writes"),
            (true, PostgresState { in_recovery: true, ..state() }, Outage, "accepts no writes: in recovery"),
            (true, PostgresState { read_only: true, ..kept }, Outage, "accepts no writes: read-only"),
            (
                true,
                PostgresState { write: Some(Err(full)), ..state() },
                Outage,
                "did not keep a write: could not extend file: No space left on device (53100)",
            ),
            (
                true,
                PostgresState { write: Some(Err(error("42501", "permission denied"))), ..state() },
                Unknown,
                "did not keep a write: does not let us look: permission denied",
            ),
            (true, state(), Unknown, "no write was tried"),
        ] {
            let outcome = postgres(&probe(write, Vec::new()), &state);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
    }

    #[test]
    fn questions_have_one_good_answer() {
        use QuestionAnswer::{Error, NoRow, Value};
        let means = "orders hold amounts that cannot be";
        let text = |value: &str| Value(Some(value.to_owned()));
        for (otherwise, answer, verdict, reason) in [
            (Otherwise::Outage, text("0"), Operational, "reads, 1 question answered as expected".to_owned()),
            (Otherwise::Outage, text("3"), Outage, format!("{means}: got \"3\", expected \"0\"")),
            (Otherwise::Outage, text("0 "), Outage, format!("{means}: got \"0\", expected \"0\"")),
            (Otherwise::Degraded, text("3"), Degraded, format!("{means}: got \"3\", expected \"0\"")),
            (Otherwise::Degraded, Value(None), Degraded, format!("{means}: got null, expected \"0\"")),
            (Otherwise::Outage, NoRow, Outage, format!("{means}: no row, expected \"0\"")),
            (
                Otherwise::Degraded,
                Error(error("42P01", "relation \"orders\" does not exist")),
                Outage,
                format!("{means}: relation \"orders\" does not exist (42P01)"),
            ),
            (
                Otherwise::Outage,
                Error(error("42501", "permission denied for table orders")),
                Unknown,
                "does not let us look: permission denied for table orders".to_owned(),
            ),
        ] {
            let outcome =
                postgres(&probe(false, vec![question(otherwise)]), &PostgresState { answers: vec![answer], ..state() });
            assert_eq!((outcome.verdict, outcome.reason), (verdict, reason));
        }
    }

    #[test]
    fn the_worst_answer_decides_and_none_may_be_left_out() {
        let questions = vec![question(Otherwise::Degraded), question(Otherwise::Outage), question(Otherwise::Outage)];
        let wrong = || QuestionAnswer::Value(Some("9".to_owned()));
        let all = PostgresState { answers: vec![wrong(), wrong(), wrong()], ..state() };
        let outcome = postgres(&probe(false, questions.clone()), &all);
        assert_eq!(outcome.verdict, Outage);
        assert!(outcome.reason.ends_with("; and 1 more"), "{}", outcome.reason);
        assert_eq!(postgres(&probe(false, questions), &state()).verdict, Unknown);
        let good = QuestionAnswer::Value(Some("0".to_owned()));
        let two = PostgresState { answers: vec![good.clone(), good], ..state() };
        let outcome = postgres(&probe(false, vec![question(Otherwise::Outage), question(Otherwise::Outage)]), &two);
        assert_eq!(outcome.reason, "reads, 2 questions answered as expected");
    }
}
