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

/// One line of what can be seen, at most `most` bytes.
pub(crate) fn line(text: &str, most: usize) -> String {
    cut(&one_line(text), most)
}

/// One line of what can be seen: words with single spaces between them.
pub(crate) fn one_line(text: &str) -> String {
    let shown: String = text.chars().filter_map(|letter| shown(letter, false)).collect();
    let words: Vec<&str> = shown.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The same for several lines: the lines and their indents stay.
pub(super) fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter_map(|letter| shown(letter, true)).collect()
}

/// A letter as it may be shown. What breaks lines becomes a space. What nobody sees is left out, because it turns the
/// order of letters around, or hides one text in another, such as a secret from those who take it out.
fn shown(letter: char, lines: bool) -> Option<char> {
    match letter {
        '\n' | '\t' if lines => Some(letter),
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        _ if letter.is_control() || is_invisible(letter) => None,
        // Spaces of all widths, which would otherwise pass for different words.
        _ if letter.is_whitespace() => Some(' '),
        _ => Some(letter),
    }
}

/// Unicode's format characters and others without a look of their own: directions, joiners, fillers, tags.
const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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
        assert_eq!(line("a\u{202e}b\u{2028}c\u{200b}d\u{1b}[31m\u{feff}", 80), "ab cd[31m");
        assert_eq!(lines("a\r\n\tb\u{2066}\0\rc\u{2029}d"), "a\n\tb c d");
        assert!(quoted(&"x".repeat(500)).len() <= 82);
        assert_eq!(counted(1, "failure"), "1 failure");
        assert_eq!(counted(0, "failure"), "0 failures");
    }
}
