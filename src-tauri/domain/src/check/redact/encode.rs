//! How a secret looks inside of base64 and hexadecimal text, whatever stands before and after it there.

use std::fmt::Write;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `&#x2d;` and `\u002d`.
const LONGEST_ESCAPE: usize = 6;

/// The letters that the secret alone decides, for each of the three places it may have in base64, in both alphabets,
/// and in hexadecimal of both cases.
pub(super) fn spellings(secret: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3 {
        for last in [*b"+/", *b"-_"] {
            all.push(inside(secret, before, last));
        }
    }
    let mut hex = String::new();
    for byte in secret {
        let _ = write!(hex, "{byte:02x}");
    }
    all.push(hex.to_ascii_uppercase());
    all.push(hex);
    all
}

/// The six-bit groups that lie wholly within the secret when so many bytes stand before it.
fn inside(secret: &[u8], before: usize, last: [u8; 2]) -> String {
    let bit = |at: usize| (secret[at / 8] >> (7 - at % 8)) & 1;
    let first = match before {
        0 => 0,
        1 => 4,
        _ => 2,
    };
    let groups = (secret.len() * 8 - first) / 6;
    let letter = |group: usize| {
        let value = (0..6).fold(0, |value, at| (value << 1) | bit(first + group * 6 + at));
        let letter = LETTERS.get(usize::from(value)).copied();
        char::from(letter.unwrap_or_else(|| last[usize::from(value) - LETTERS.len()]))
    };
    (0..groups).map(letter).collect()
}

/// Where a secret stands some of whose letters are written as `%2d`, `\u002d`, `\x2d`, `&#45;` or `&#x2d;`.
pub(super) fn escaped(text: &str, from: usize, secret: &str) -> Option<(usize, usize)> {
    let text = text.as_bytes();
    let first = *secret.as_bytes().first()?;
    let begins = |at: &usize| text[*at] == first || b"%\\&".contains(&text[*at]);
    (from..text.len()).filter(begins).find_map(|start| {
        let mut at = start;
        for byte in secret.bytes() {
            at += written(&text[at..], byte)?;
        }
        Some((start, at))
    })
}

/// How long the piece at the end of a text is that begins a secret: at least so many of its letters, the last of them
/// perhaps half written.
pub(super) fn begun(text: &str, secret: &str, least: usize) -> Option<usize> {
    let longest = LONGEST_ESCAPE * secret.len();
    (text.ceil_char_boundary(text.len().saturating_sub(longest))..text.len()).find_map(|start| {
        let mut rest = &text.as_bytes()[start..];
        for (at, byte) in secret.bytes().enumerate() {
            match written(rest, byte) {
                Some(length) => rest = &rest[length..],
                None if at >= least && is_half_written(rest) => return Some(text.len() - start),
                None => return None,
            }
        }
        None
    })
}

fn is_half_written(rest: &[u8]) -> bool {
    rest.is_empty() || (rest.len() < LONGEST_ESCAPE && b"%\\&".contains(&rest[0]))
}

/// How many bytes at the beginning of a text stand for this one.
fn written(text: &[u8], byte: u8) -> Option<usize> {
    if text.first() == Some(&byte) {
        return Some(1);
    }
    let digits = |from: usize, until: usize, radix| {
        let digits = std::str::from_utf8(text.get(from..until)?).ok()?;
        (u32::from_str_radix(digits, radix).ok()? == u32::from(byte)).then_some(until)
    };
    let reference = |from: usize, radix| {
        let end = from + text.get(from..)?.iter().take(8).position(|byte| *byte == b';')?;
        digits(from, end, radix).map(|end| end + 1)
    };
    match text {
        [b'%', ..] => digits(1, 3, 16),
        [b'\\', b'x', ..] => digits(2, 4, 16),
        [b'\\', b'u', ..] => digits(2, 6, 16),
        [b'&', b'#', b'x' | b'X', ..] => reference(3, 16),
        [b'&', b'#', ..] => reference(2, 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands_in_base64() {
        let all = spellings(b"hunter22");
        for encoded in ["aHVudGVyMjI=", "YWh1bnRlcjIy", "YWFodW50ZXIyMg==", "68756e7465723232", "68756E7465723232"] {
            assert!(all.iter().any(|spelling| encoded.contains(spelling)), "{encoded} {all:?}");
        }
        assert!(spellings(&[0xff; 9]).contains(&"////////////".to_owned()));
        assert!(spellings(&[0xff; 9]).contains(&"____________".to_owned()));
    }
}
