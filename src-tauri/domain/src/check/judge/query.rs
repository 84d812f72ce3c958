//! Judging what a database says of its data: the one answer the plan knows.

use chrono::TimeDelta;

use super::could_not::{CouldNot, DatabaseError};
use super::postgres::QuestionAnswer;
use super::words::{counted, elapsed, quoted};
use crate::check::{Outcome, ProbeKind, SqlProbe, Verdict, Wanted};
use crate::plan::quantity::Period;

/// How far ahead a time of the data may be: clocks differ a little.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// What came of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlAnswer {
    /// Its first row and column, in the form that was wanted: as text, as seconds ago, as a number of rows.
    pub answer: QuestionAnswer,
    /// How many columns it has.
    pub columns: usize,
}

/// Judges the answer to a query.
pub fn sql(probe: &SqlProbe, told: &SqlAnswer) -> Outcome {
    let wrong = |words: String| {
        let means = probe.means.as_ref().map(|means| format!("{means}: ")).unwrap_or_default();
        Outcome::new(Verdict::from(probe.otherwise), format!("{means}{words}"))
    };
    let value = match &told.answer {
        QuestionAnswer::Error(error) => return refused(probe, error),
        QuestionAnswer::NoRow => return wrong(format!("no row, expected {}", probe.expected())),
        QuestionAnswer::Value(None) => return wrong(format!("got null, expected {}", probe.expected())),
        QuestionAnswer::Value(Some(value)) => value,
    };
    let outcome = match probe.wanted() {
        Wanted::Rows(_) => rows(probe, value),
        Wanted::Age(limit) => age(probe, value, limit),
        Wanted::Text => text(probe, value),
    };
    match outcome {
        Ok(fine) if told.columns > 1 && !matches!(probe.wanted(), Wanted::Rows(_)) => {
            let reason = format!("{} (the first of {} columns)", fine.reason, told.columns);
            Outcome { reason, ..fine }
        }
        Ok(fine) => fine,
        Err(Outcome { reason, measurements, .. }) => Outcome { measurements, ..wrong(reason) },
    }
}

/// The server answered, but not the query.
fn refused(probe: &SqlProbe, error: &DatabaseError) -> Outcome {
    match (error.state.as_str(), error.could_not()) {
        // The server gave up when we did; how long a query takes says nothing about the data.
        ("57014", _) => Outcome::unknown("the query did not end in time"),
        // A value that is no time, a query that is no query: the plan's mistake, not the platform's.
        ("08P01" | "22007" | "22008" | "22P02" | "42846" | "42883" | "42P02" | "42P10", _) => {
            CouldNot::Local(format!("the query is not valid: {}", error.message)).judge(ProbeKind::Sql)
        }
        // What the plan asks about is not there, and that is the answer.
        (_, CouldNot::Answered(why)) => {
            let means = probe.means.as_ref().map(|means| format!("{means}: ")).unwrap_or_default();
            Outcome::outage(format!("{means}{why}"))
        }
        (_, other) => other.judge(ProbeKind::Sql),
    }
}

impl SqlProbe {
    /// What it expects, in words.
    pub fn expected(&self) -> String {
        let all = [
            self.is.as_deref().map(quoted),
            self.at_least.map(|least| format!("at least {least}")),
            self.at_most.map(|most| format!("at most {most}")),
            self.max_age.map(|age| format!("a time within {age}")),
            self.rows_at_least.map(|least| format!("at least {}", counted(least, "row"))),
            self.rows_at_most.map(|most| format!("at most {}", counted(most, "row"))),
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn text(probe: &SqlProbe, value: &str) -> Result<Outcome, Outcome> {
    let got = quoted(value);
    if let Some(is) = &probe.is {
        return if is == value {
            Ok(Outcome::operational(format!("answered {got}")))
        } else {
            Err(Outcome::outage(format!("got {got}, expected {}", probe.expected())))
        };
    }
    let Some(number) = value.trim().parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return Err(Outcome::outage(format!("got {got}, expected a number, {}", probe.expected())));
    };
    let holds = probe.at_least.is_none_or(|least| number >= least) && probe.at_most.is_none_or(|most| number <= most);
    let outcome = if holds {
        Ok(Outcome::operational(format!("answered {value}, expected {}", probe.expected())))
    } else {
        Err(Outcome::outage(format!("got {value}, expected {}", probe.expected())))
    };
    measured(outcome, "answer", number, "")
}

fn age(probe: &SqlProbe, value: &str, limit: Period) -> Result<Outcome, Outcome> {
    let Some(seconds) = value.parse::<f64>().ok().filter(|seconds| !seconds.is_nan()) else {
        return Err(Outcome::outage(format!("got {}, expected {}", quoted(value), probe.expected())));
    };
    // What PostgreSQL calls infinity has no place among times.
    #[expect(clippy::cast_possible_truncation, reason = "bounded to what a length of time can hold")]
    let age = TimeDelta::milliseconds((seconds.clamp(-1e12, 1e12) * 1_000.0) as i64);
    let outcome = if age < -AHEAD {
        Err(Outcome::outage(format!("the time is {} in the future", elapsed(-age))))
    } else if age > limit.to_delta() {
        Err(Outcome::outage(format!("{} old, limit {limit}", elapsed(age))))
    } else {
        Ok(Outcome::operational(format!("{} old", elapsed(age))))
    };
    if seconds.is_finite() { measured(outcome, "age", seconds, "s") } else { outcome }
}

fn rows(probe: &SqlProbe, value: &str) -> Result<Outcome, Outcome> {
    let Ok(found) = value.parse::<u64>() else {
        return Err(Outcome::outage(format!("got {}, expected {}", quoted(value), probe.expected())));
    };
    // Counting ends just behind the bound.
    let more = matches!(probe.wanted(), Wanted::Rows(most) if found >= most);
    let found_words = format!("{}{}", counted(found, "row"), if more { " or more" } else { "" });
    let outcome = if probe.rows_at_least.is_some_and(|least| found < least)
        || probe.rows_at_most.is_some_and(|most| found > most)
    {
        Err(Outcome::outage(format!("{found_words}, expected {}", probe.expected())))
    } else {
        Ok(Outcome::operational(found_words))
    };
    measured(outcome, "rows", found as f64, "rows")
}

fn measured(outcome: Result<Outcome, Outcome>, name: &str, value: f64, unit: &str) -> Result<Outcome, Outcome> {
    match outcome {
        Ok(outcome) => Ok(outcome.measured(name, value, unit)),
        Err(outcome) => Err(outcome.measured(name, value, unit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Otherwise;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};

    fn probe(change: impl FnOnce(&mut SqlProbe)) -> SqlProbe {
        let mut probe = SqlProbe {
            endpoint: "db".parse().unwrap(),
            query: "select 1".to_owned(),
            is: None,
            at_least: None,
            at_most: None,
            max_age: None,
            rows_at_least: None,
            rows_at_most: None,
            means: None,
            otherwise: Otherwise::Outage,
        };
        change(&mut probe);
        probe
    }

    fn judged(probe: &SqlProbe, answer: QuestionAnswer) -> (Verdict, String) {
        let outcome = sql(probe, &SqlAnswer { answer, columns: 1 });
        (outcome.verdict, outcome.reason)
    }

    fn value(text: &str) -> QuestionAnswer {
        QuestionAnswer::Value(Some(text.to_owned()))
    }

    #[test]
    fn an_answer_is_judged_as_text_number_time_or_rows() {
        let is = probe(|probe| probe.is = Some("7".to_owned()));
        let between = probe(|probe| (probe.at_least, probe.at_most) = (Some(-2.5), Some(5.0)));
        let young = probe(|probe| probe.max_age = Some(Period::from_secs(3_600)));
        let some = probe(|probe| (probe.rows_at_least, probe.rows_at_most) = (Some(1), Some(3)));
        for (probe, answer, verdict, reason) in [
            (&is, "7", Operational, "answered \"7\""),
            (&is, "7.0", Outage, "got \"7.0\", expected \"7\""),
            (&between, "5", Operational, "answered 5, expected at least -2.5, at most 5"),
            (&between, "-2.5", Operational, "answered -2.5, expected at least -2.5, at most 5"),
            (&between, "5.01", Outage, "got 5.01, expected at least -2.5, at most 5"),
            (&between, "NaN", Outage, "got \"NaN\", expected a number, at least -2.5, at most 5"),
            (&between, "many", Outage, "got \"many\", expected a number, at least -2.5, at most 5"),
            (&young, "3600.000", Operational, "1h old"),
            (&young, "-59", Operational, "0s old"),
            (&young, "-61", Outage, "the time is 1m 1s in the future"),
            (&young, "3601.5", Outage, "1h old, limit 1h"),
            (&young, "Infinity", Outage, "11574074d 1h old, limit 1h"),
            (&young, "-Infinity", Outage, "the time is 11574074d 1h in the future"),
            (&some, "0", Outage, "0 rows, expected at least 1 row, at most 3 rows"),
            (&some, "1", Operational, "1 row"),
            (&some, "3", Operational, "3 rows"),
            (&some, "4", Outage, "4 rows or more, expected at least 1 row, at most 3 rows"),
        ] {
            assert_eq!(judged(probe, value(answer)), (verdict, reason.to_owned()), "{answer}");
        }
        assert_eq!(is.wanted(), Wanted::Text);
        assert_eq!(young.wanted(), Wanted::Age(Period::from_secs(3_600)));
        assert_eq!(some.wanted(), Wanted::Rows(4));
    }

    #[test]
    fn what_is_no_answer_is_told_in_words() {
        let error = |state: &str| {
            QuestionAnswer::Error(DatabaseError { state: state.to_owned(), message: "it says so".to_owned() })
        };
        let known = probe(|probe| {
            probe.is = Some("0".to_owned());
            probe.means = Some("orders are lost".to_owned());
            probe.otherwise = Otherwise::Degraded;
        });
        for (answer, verdict, reason) in [
            (QuestionAnswer::NoRow, Degraded, "orders are lost: no row, expected \"0\""),
            (QuestionAnswer::Value(None), Degraded, "orders are lost: got null, expected \"0\""),
            (value("1"), Degraded, "orders are lost: got \"1\", expected \"0\""),
            (error("42P01"), Outage, "orders are lost: it says so (42P01)"),
            (error("42501"), Unknown, "does not let us look: it says so"),
            (error("42601"), Unknown, "the query is not valid: it says so"),
            (error("22007"), Unknown, "the query is not valid: it says so"),
            (error("57014"), Unknown, "the query did not end in time"),
        ] {
            assert_eq!(judged(&known, answer), (verdict, reason.to_owned()));
        }
        let three = sql(&known, &SqlAnswer { answer: value("0"), columns: 3 });
        assert_eq!(three.reason, "answered \"0\" (the first of 3 columns)");
    }
}
