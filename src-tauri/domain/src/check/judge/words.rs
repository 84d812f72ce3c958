//! Numbers and pieces of answers as words for one line on a board.

use std::time::Duration;

use chrono::TimeDelta;

use crate::check::redact::cut;

/// A length of time in its two largest units: `3d 2h`, `42s`, `350ms`. What is negative counts as nothing.
pub(super) fn elapsed(length: TimeDelta) -> String {
    let millis = length.num_milliseconds().max(0);
    if millis < 1_000 {
        return if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") };
    }
    let seconds = millis / 1_000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let from = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = parts.iter().skip(from).take(2).filter(|(count, _)| *count > 0);
    shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

/// How long a probe took: `850ms`, `2.1s`, then as [`elapsed`].
pub(super) fn took(length: Duration) -> String {
    if length < Duration::from_secs(1) {
        return format!("{}ms", length.as_millis());
    }
    if length < Duration::from_mins(1) {
        return format!("{:.1}s", length.as_secs_f64());
    }
    elapsed(TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX))
}

/// A number of bytes, rounded for reading: `512 B`, `80.0 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

/// One line without control characters, at most `most` bytes.
pub(super) fn line(text: &str, most: usize) -> String {
    let spaced: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    cut(&words.join(" "), most)
}

/// A foreign text in quotes, short enough for a reason.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", line(text, 80))
}

/// The plural where one is needed: `1 object`, `2 objects`.
pub(super) fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_two_units_at_most() {
        for (millis, words) in [
            (-5, "0s"),
            (0, "0s"),
            (350, "350ms"),
            (42_900, "42s"),
            (60_000, "1m"),
            (3_661_000, "1h 1m"),
            (3_601_000, "1h"),
            (266_400_000, "3d 2h"),
            (86_400_000, "1d"),
        ] {
            assert_eq!(elapsed(TimeDelta::milliseconds(millis)), words);
        }
        assert!(elapsed(TimeDelta::MAX).contains('d'));
        for (millis, words) in [(850, "850ms"), (2_149, "2.1s"), (90_000, "1m 30s")] {
            assert_eq!(took(Duration::from_millis(millis)), words);
        }
    }

    #[test]
    fn sizes_and_lines_are_short() {
        for (bytes, words) in [(0, "0 B"), (1_023, "1023 B"), (83_886_080, "80.0 MiB"), (u64::MAX, "16777216.0 TiB")] {
            assert_eq!(size(bytes), words);
        }
        assert_eq!(line("a\n\n b\tc\u{7}", 80), "a b c");
        assert!(quoted(&"x".repeat(500)).len() <= 82);
        assert_eq!(counted(1, "failure"), "1 failure");
        assert_eq!(counted(0, "failure"), "0 failures");
    }
}
