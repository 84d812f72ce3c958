//! Values that stand behind a name which says that they are secret, however they are quoted.

use super::{MASK, is_word, mask_where, next_word};

/// Parts of names whose values are taken out, without underscores and hyphens.
const NAMES: [&str; 23] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "authorization",
    "authentication",
    "cookie",
    "credential",
    "signature",
    "sessionid",
    "bearer",
    "email",
    "phone",
    "mobile",
    "msisdn",
    "whatsapp",
    "cardnumber",
];
/// Names whose value, outside of quotes, is the rest of the line.
const HEADERS: [&str; 3] = ["authorization", "authentication", "cookie"];
fn name_is_secret(word: &str, names: &[&str]) -> bool {
    let plain: String = word.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase();
    names.iter().any(|name| plain.contains(name))
}

/// `name=value`, `name: value`, `"name": "value"`, `<name>value</name>`, also with escaped quotes.
pub(super) fn fields(text: &str) -> String {
    mask_where(text, |text, from| {
        let mut at = from;
        while let Some((start, end)) = next_word(text, at, is_word) {
            at = end;
            if !name_is_secret(&text[start..end], &NAMES) {
                continue;
            }
            if let Some(value) = value_after(text, start, end)
                && &text[value.0..value.1] != MASK
            {
                return Some(value);
            }
        }
        None
    })
}

/// Where the value of the field whose name stands at `start..end` begins and ends.
fn value_after(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let skip = |at: usize, of: &[char]| text.len() - text[at..].trim_start_matches(of).len();
    if text[..start].ends_with('<') && text[end..].starts_with('>') {
        let length = text[end + 1..].find('<').unwrap_or(text.len() - end - 1);
        return (length > 0).then_some((end + 1, end + 1 + length));
    }
    let separator = skip(end, &['\\', '"', '\'', ']', ' ', '\t']);
    if !text[separator..].starts_with(['=', ':']) {
        return None;
    }
    let value = skip(separator, &['=', ':', '>', ' ', '\t', '\r', '\n']);
    let escapes = skip(value, &['\\']) - value;
    let rest = &text[value + escapes..];
    if let Some(quote) = rest.chars().next().filter(|first| ['"', '\''].contains(first)) {
        let inside = value + escapes + 1;
        return non_empty(inside, closing(text, inside, quote, escapes));
    }
    if text[value..].starts_with(['{', '[']) {
        return non_empty(value + 1, bracket_end(text, value));
    }
    let header = name_is_secret(&text[start..end], &HEADERS);
    let stop = |letter: char| {
        ['\r', '\n'].contains(&letter)
            || (!header
                && (letter.is_whitespace() || [',', ';', '&', '}', ']', ')', '"', '\'', '<', '>'].contains(&letter)))
    };
    let length = text[value..].find(stop).unwrap_or(text.len() - value);
    non_empty(value, value + length)
}

fn non_empty(start: usize, end: usize) -> Option<(usize, usize)> {
    (start < end).then_some((start, end))
}

/// The end of a quoted value: the quote with no more backslashes before it than the opening one had.
fn closing(text: &str, inside: usize, quote: char, escapes: usize) -> usize {
    for (at, _) in text[inside..].match_indices(quote) {
        let value = &text[inside..inside + at];
        let before = value.len() - value.trim_end_matches('\\').len();
        if before <= escapes || (escapes == 0 && before.is_multiple_of(2)) {
            return inside + at - before;
        }
    }
    text.len()
}

/// The end of a value in brackets, without the last one; the whole rest when it is not closed.
fn bracket_end(text: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text[start..].char_indices() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth -= 1;
                if depth == 0 {
                    return start + at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use crate::check::redact::tests::plain;

    #[test]
    fn fields_named_like_secrets_lose_their_values() {
        for (text, kept) in [
            ("password=hunter2 user=a", "password=*** user=a"),
            ("PGPASSWORD='hun ter2' x", "PGPASSWORD='***' x"),
            (r#"{"password":"hunter2","a":1}"#, r#"{"password":"***","a":1}"#),
            (r#"{"apiKey" : "x\"y", "b":2}"#, r#"{"apiKey" : "***", "b":2}"#),
            (r#"{\"api_key\":\"hunter2\"}"#, r#"{\"api_key\":\"***\"}"#),
            (r#"{"token": 12345, "b": 2}"#, r#"{"token": ***, "b": 2}"#),
            (r#"{"secrets": {"a": "b"}, "c": 3}"#, r#"{"secrets": {***}, "c": 3}"#),
            (r#"{"secret": ["a", "b""#, r#"{"secret": [***"#),
            ("Authorization: Bearer abc def\nHost: a", "Authorization: ***\nHost: a"),
            ("set-cookie: a=b; path=/\nx", "set-cookie: ***\nx"),
            ("?access_token=abc&x=1", "?access_token=***&x=1"),
            ("<SecretAccessKey>abc</SecretAccessKey>", "<SecretAccessKey>***</SecretAccessKey>"),
            ("client-secret: abc", "client-secret: ***"),
            ("email: a", "email: ***"),
            ("password authentication failed", "password authentication failed"),
            ("the token has expired", "the token has expired"),
            ("password=", "password="),
            ("status: ok", "status: ok"),
        ] {
            assert_eq!(plain(text), kept);
        }
    }
}
