//! Rules of checks that ask a database about its data and its size.

use super::{Faults, TableReader};
use crate::check::{PostgresSizeProbe, SqlProbe};

pub(super) fn sql(probe: &SqlProbe, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    if probe.query.trim().is_empty() {
        reader.fault("query", "nothing to ask", None, faults);
    }
    let number = probe.at_least.is_some() || probe.at_most.is_some();
    let rows = probe.rows_at_least.is_some() || probe.rows_at_most.is_some();
    let subjects = [probe.is.is_some(), number, probe.max_age.is_some(), rows];
    if subjects.iter().filter(|named| **named).count() != 1 {
        let hint =
            "Give one of \"is\", \"at-least\" or \"at-most\", \"max-age\", \"rows-at-least\" or \"rows-at-most\".";
        reader.fault("query", "needs exactly one kind of expected answer", Some(hint.to_owned()), faults);
    }
    if probe.at_least.zip(probe.at_most).is_some_and(|(least, most)| least > most) {
        reader.fault("at-least", "more than \"at-most\", so no answer would do", None, faults);
    }
    if probe.rows_at_least.zip(probe.rows_at_most).is_some_and(|(least, most)| least > most) {
        reader.fault("rows-at-least", "more than \"rows-at-most\", so no answer would do", None, faults);
    }
    if probe.wanted_rows_are_too_many() {
        reader.fault("query", "counts more than a million rows", Some("Let the query count them.".to_owned()), faults);
    }
}

pub(super) fn size(probe: &PostgresSizeProbe, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    let limits = [probe.database_at_most, probe.table_at_most, probe.growth_at_most, probe.disk];
    if limits.iter().all(Option::is_none) {
        let hint = "Give \"database-at-most\", \"table-at-most\", \"growth-at-most\", or \"disk\" with \"headroom\".";
        reader.fault("endpoint", "limits nothing, so it could never fail", Some(hint.to_owned()), faults);
    }
    if probe.disk.is_some() != probe.headroom.is_some() {
        let (there, missing) = if probe.disk.is_some() { ("disk", "headroom") } else { ("headroom", "disk") };
        reader.fault(there, format!("says nothing without \"{missing}\""), None, faults);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::faults_of;

    #[test]
    fn rules_of_sql_checks() {
        for (lines, fault) in [
            ("query = \"select 1\"\nis = \"1\"", None),
            ("query = \"select 1\"\nat-least = 1\nat-most = 2.5", None),
            ("query = \"select now()\"\nmax-age = \"1h\"", None),
            ("query = \"select 1\"\nrows-at-least = 1", None),
            ("query = \"select 1\"", Some("exactly one kind")),
            ("query = \"select 1\"\nis = \"1\"\nat-most = 2", Some("exactly one kind")),
            ("query = \" \"\nis = \"1\"", Some("nothing to ask")),
            ("query = \"select 1\"\nat-least = 3\nat-most = 2", Some("no answer would do")),
            ("query = \"select 1\"\nrows-at-least = 3\nrows-at-most = 2", Some("no answer would do")),
            ("query = \"select 1\"\nrows-at-most = 1000001", Some("more than a million")),
        ] {
            faults_of("sql", &format!("endpoint = \"e\"\n{lines}"), fault);
        }
    }

    #[test]
    fn rules_of_size_checks() {
        for (lines, fault) in [
            ("database-at-most = \"8 GB\"", None),
            ("disk = \"8 GB\"\nheadroom = \"20%\"", None),
            ("", Some("could never fail")),
            ("disk = \"8 GB\"", Some("without \"headroom\"")),
            ("table-at-most = \"1 GB\"\nheadroom = \"20%\"", Some("without \"disk\"")),
        ] {
            faults_of("postgres-size", &format!("endpoint = \"e\"\n{lines}"), fault);
        }
    }
}
