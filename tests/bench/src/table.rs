//! The table: one promise a row, what was measured, beside what, and whether the promise holds.

use std::{fmt::Write as _, fs, path::Path};

use crate::Failure;

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    ours: String,
    reference: String,
    promise: String,
    /// Nothing where there was nothing to compare with.
    kept: Option<bool>,
}

impl Row {
    pub(crate) fn new(what: &str, ours: impl Into<String>, reference: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            ours: ours.into(),
            reference: reference.into(),
            promise: String::new(),
            kept: None,
        }
    }

    pub(crate) fn promised(mut self, promise: &str, kept: bool) -> Self {
        (self.promise, self.kept) = (promise.to_owned(), Some(kept));
        self
    }

    pub(crate) fn not_measured(what: &str, why: &str) -> Self {
        Self::new(what, format!("not measured: {why}"), "")
    }
}

pub(crate) fn render(rows: &[Row], machine: &str) -> String {
    let mut text =
        format!("{machine}\n\n| what | Lifeboat | beside it | promise | kept |\n| --- | --- | --- | --- | --- |\n");
    for Row { what, ours, reference, promise, kept } in rows {
        let kept = match kept {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {what} | {ours} | {reference} | {promise} | {kept} |");
    }
    text
}

/// Puts the table between its marks.
pub(crate) fn replace(file: &Path, table: &str) -> Result<(), Failure> {
    let text = fs::read_to_string(file)?;
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        return Err(format!("{} has no marks {BEGIN} and {END}", file.display()).into());
    };
    let begin = begin + BEGIN.len();
    if begin > end {
        return Err(format!("{}: {END} stands before {BEGIN}", file.display()).into());
    }
    fs::write(file, format!("{}\n\n{}\n{}", &text[..begin], table.trim_end(), &text[end..]))?;
    Ok(())
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which `share` of all lie.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_replaced_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("README.md");
        fs::write(&file, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).unwrap();
        let row = Row::new("appending", "2", "1").promised("at least 1", true);
        replace(&file, &render(&[row], "a machine")).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("\nafter\n") && !text.contains("old"), "{text}");
        assert!(text.contains("| appending | 2 | 1 | at least 1 | yes |"), "{text}");
        fs::write(&file, "no marks").unwrap();
        assert!(replace(&file, "").is_err());
    }

    #[test]
    fn quantiles_are_of_the_sorted_values() {
        let values = || (1..=100).rev().map(f64::from).collect::<Vec<_>>();
        assert_eq!((quantile(values(), 0.99), quantile(values(), 0.5), median(vec![3.0, 1.0, 2.0])), (99.0, 50.0, 2.0));
    }
}
