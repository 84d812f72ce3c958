//! Text from outside, made fit to be shown: what a terminal or a page would act on instead of showing is written out.

use std::borrow::Cow;

/// Whether a letter steers what shows it, or hides in it: control characters, line and paragraph separators, marks of
/// direction, letters without width, tags.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line, with every hidden letter written out: `\u{1b}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_or_hide_is_written_out_and_nothing_else() {
        assert_eq!(visible("down\u{1b}[2J\r\n\u{202e}x"), "down\\u{1b}[2J\\u{d}\\u{a}\\u{202e}x");
        for hidden in ['\u{7f}', '\u{85}', '\u{9b}', '\u{61c}', '\u{200b}', '\u{2028}', '\u{2066}', '\u{e0041}'] {
            assert_eq!(visible(&format!("a{hidden}b")), format!("a{}b", hidden.escape_unicode()));
        }
        // A joiner is hidden too, so a family of emoji is shown as its members: it stays readable.
        assert!(matches!(visible("كيف 星野 ◐ é 👍🏽"), Cow::Borrowed(_)));
    }
}
