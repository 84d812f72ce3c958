//! Judging a monitoring plug-in by its exit code, with its first line as the reason and its performance data as
//! measurements. The rules are those of the Monitoring Plugins Development Guidelines.

use super::words::line;
use crate::check::{Measurement, Outcome};

/// How many measurements of one run are kept.
const MOST: usize = 32;

/// How a plug-in ended and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PluginRun {
    /// Its exit code; nothing when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output, as far as that was kept.
    pub output: String,
    /// What it wrote to its standard error.
    pub errors: String,
}

/// Judges one run.
pub fn plugin(run: &PluginRun) -> Outcome {
    let (text, data) = parts(&run.output);
    let first = |text: &str| text.lines().map(str::trim).find(|line| !line.is_empty()).map(|text| line(text, 240));
    let said = first(&text).or_else(|| first(&run.errors));
    let words = said.clone().unwrap_or_else(|| "it said nothing".to_owned());
    let outcome = match run.code {
        Some(0) => Outcome::operational(words),
        Some(1) => Outcome::degraded(words),
        Some(2) => Outcome::outage(words),
        Some(3) => Outcome::unknown(words),
        Some(126 | 127) => Outcome::unknown(format!("the plug-in could not be run: {words}")),
        Some(code) => Outcome::unknown(format!("the plug-in ended with {code}, which means nothing: {words}")),
        None => Outcome::unknown(format!("the plug-in was ended by a signal: {words}")),
    };
    let measurements = measurements(&data);
    let errors = if run.errors.trim().is_empty() { String::new() } else { format!("\n{}", run.errors) };
    Outcome { measurements, ..outcome }.answered(format!("{}{errors}", run.output))
}

/// The words and the performance data. Data stands behind the first bar of the first line, and of the long text from
/// the first bar to the end.
fn parts(output: &str) -> (String, String) {
    let (first, rest) = output.split_once('\n').unwrap_or((output, ""));
    let (text, data) = first.split_once('|').unwrap_or((first, ""));
    let (long, more) = rest.split_once('|').unwrap_or((rest, ""));
    (format!("{text}\n{long}"), format!("{data} {more}"))
}

/// `'label'=value[unit];[warn];[crit];[min];[max]`, separated by spaces. What is not such is passed over.
fn measurements(data: &str) -> Vec<Measurement> {
    let mut found = Vec::new();
    let mut rest = data.trim_start();
    while found.len() < MOST
        && let Some((label, after)) = label(rest)
    {
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let value = after[..end].split(';').next().unwrap_or_default();
        if let Some((value, unit)) = quantity(value) {
            found.push(Measurement { name: line(&label, 80), value, unit });
        }
        rest = after[end..].trim_start();
    }
    found
}

/// The label before an equals sign, and what follows it. Quotes are doubled inside quotes.
fn label(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let (label, after) = text.split_once('=')?;
        // A word without a value before it is none of the data.
        let label = label.rsplit(char::is_whitespace).next().unwrap_or(label);
        return Some((label.to_owned(), after));
    };
    let mut label = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'')?;
        label.push_str(part);
        match (after.strip_prefix('\''), after.strip_prefix('=')) {
            (Some(more), _) => {
                label.push('\'');
                rest = more;
            }
            (None, Some(value)) => return Some((label, value)),
            (None, None) => return None,
        }
    }
}

/// A number and its unit; `U` is a value that could not be told, and unknown units are no data.
fn quantity(text: &str) -> Option<(f64, String)> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '%');
    let value = number.parse::<f64>().ok().filter(|value| value.is_finite())?;
    let unit = match &text[number.len()..] {
        "c" => "count",
        "B" => "bytes",
        unit @ ("" | "s" | "ms" | "us" | "%" | "KB" | "MB" | "GB" | "TB") => unit,
        _ => return None,
    };
    Some((value, unit.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};

    fn run(code: Option<i32>, output: &str) -> PluginRun {
        PluginRun { code, output: output.to_owned(), errors: String::new() }
    }

    #[test]
    fn the_exit_code_decides() {
        for (code, output, verdict, reason) in [
            (Some(0), "DISK OK - 40 GB free | /=3GB", Operational, "DISK OK - 40 GB free"),
            (Some(1), "DISK WARNING", Degraded, "DISK WARNING"),
            (Some(2), "\n \nDISK CRITICAL\nmore", Outage, "DISK CRITICAL"),
            (Some(3), "no such disk", Unknown, "no such disk"),
            (Some(4), "odd", Unknown, "the plug-in ended with 4, which means nothing: odd"),
            (Some(127), "", Unknown, "the plug-in could not be run: it said nothing"),
            (None, "half", Unknown, "the plug-in was ended by a signal: half"),
            (Some(0), "", Operational, "it said nothing"),
            (Some(2), " | a=1", Outage, "it said nothing"),
        ] {
            let outcome = plugin(&run(code, output));
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
        let torn = PluginRun { errors: "cannot open\nit".to_owned(), ..run(Some(3), "") };
        assert_eq!(plugin(&torn).reason, "cannot open");
        assert_eq!(plugin(&torn).answer.unwrap(), "\ncannot open\nit");
    }

    #[test]
    fn b_94_the_word_pass_in_an_answer_proves_nothing() {
        assert_eq!(plugin(&run(Some(2), "PASS: all tests PASS")).verdict, Outage);
        assert_eq!(plugin(&run(Some(3), "OK")).verdict, Unknown);
        assert_eq!(plugin(&run(Some(0), "0 FAILED, CRITICAL: 0")).verdict, Operational);
    }

    #[test]
    fn performance_data_becomes_measurements() {
        let of = |output: &str| {
            let measured = plugin(&run(Some(0), output)).measurements;
            measured.into_iter().map(|one| format!("{}={}{}", one.name, one.value, one.unit)).collect::<Vec<_>>()
        };
        for (output, found) in [
            ("OK", vec![]),
            ("OK | time=0.25s;1;2;0;10 size=512B;;;0", vec!["time=0.25s", "size=512bytes"]),
            ("OK|'free space'=12.5%;@10:20;~:5 'it''s'=3", vec!["free space=12.5%", "it's=3"]),
            ("OK | a=1us b=2ms c=3KB d=4MB e=5c f=-6", vec!["a=1us", "b=2ms", "c=3KB", "d=4MB", "e=5count", "f=-6"]),
            ("OK | a=U b=1 c=1x d= =2 e", vec!["b=1", "=2"]),
            ("OK | inf=inf nan=NaN huge=1e999 a=1e3", vec!["a=1000"]),
            ("OK | a=1\nlong text\nmore | b=2\nc=3", vec!["a=1", "b=2", "c=3"]),
            ("OK | 'open=1", vec![]),
            ("OK | 'a'b=1", vec![]),
            ("OK | stray a=1", vec!["a=1"]),
            ("OK | é'=1 ü=2s", vec!["é'=1", "ü=2s"]),
        ] {
            assert_eq!(of(output), found, "{output}");
        }
        let many = " a=1".repeat(100);
        assert_eq!(of(&format!("OK |{many}")).len(), MOST);
    }
}
