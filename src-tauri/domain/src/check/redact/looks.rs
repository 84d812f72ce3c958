//! What gives itself away by its look: users in addresses, bearer tokens, keys, e-mail addresses, telephone numbers.

use super::{MASK, is_word, mask_where, next_word};

/// Beginnings of words that are tokens by their look.
const TOKENS: [&str; 13] = [
    "eyJ",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "AKIA",
    "ASIA",
    "ghp_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "sbp_",
];

/// `scheme://user:password@host`: everything before the last `@`.
pub(super) fn users_in_addresses(text: &str) -> String {
    mask_where(text, |text, from| {
        let mut at = from;
        while let Some(found) = text[at..].find("://") {
            let start = at + found + 3;
            let stop = |letter: char| letter.is_whitespace() || ['"', '\'', '<', '>'].contains(&letter);
            let end = start + text[start..].find(stop).unwrap_or(text.len() - start);
            if let Some(sign) = text[start..end].rfind('@')
                && !["", MASK].contains(&&text[start..start + sign])
            {
                return Some((start, start + sign));
            }
            // Another address may begin in the same word, but none of them has a user.
            at = if text[start..end].contains('@') { start } else { end };
        }
        None
    })
}

/// `Bearer x` and `Basic x` outside of a header.
pub(super) fn schemes(text: &str) -> String {
    mask_where(text, |text, from| {
        let mut at = from;
        while let Some((start, end)) = next_word(text, at, is_word) {
            at = end;
            let scheme = ["bearer", "basic", "aws4-hmac-sha256"].iter();
            if !scheme.clone().any(|scheme| text[start..end].eq_ignore_ascii_case(scheme)) {
                continue;
            }
            let spaces = text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
            let value = end + spaces;
            let length = text[value..].find(|letter: char| !is_credential(letter)).unwrap_or(text.len() - value);
            if spaces > 0 && length >= 8 {
                return Some((value, value + length));
            }
        }
        None
    })
}

fn is_credential(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter)
}

/// Words that are tokens by their look.
pub(super) fn tokens(text: &str) -> String {
    mask_where(text, |text, from| {
        let mut at = from;
        while let Some((start, end)) = next_word(text, at, is_credential) {
            at = end;
            let word = &text[start..end];
            let token = TOKENS.iter().find_map(|token| word.find(token));
            if let Some(within) = token.filter(|within| end - start - within >= 16) {
                return Some((start + within, end));
            }
        }
        None
    })
}

/// E-mail addresses, whole.
pub(super) fn mail_addresses(text: &str) -> String {
    mask_where(text, |text, from| {
        let mut at = from;
        while let Some(found) = text[at..].find('@') {
            let sign = at + found;
            let local = |letter: char| letter.is_alphanumeric() || "._%+-'".contains(letter);
            let before = &text[from..sign];
            let start = from + before.trim_end_matches(local).len();
            let domain = |letter: char| letter.is_alphanumeric() || letter == '.' || letter == '-';
            let after = &text[sign + 1..];
            let length = after.find(|letter| !domain(letter)).unwrap_or(after.len());
            let host = after[..length].trim_end_matches(['.', '-']);
            if start < sign && host.contains('.') {
                return Some((start, sign + 1 + host.len()));
            }
            at = sign + 1;
        }
        None
    })
}

/// Telephone numbers: `+` or `00` and 8 to 15 digits, or groups of digits as people write them.
pub(super) fn phone_numbers(text: &str) -> String {
    mask_where(text, |text, from| {
        let mut at = from;
        let part = |letter: char| letter.is_ascii_digit() || "+()-. ".contains(letter);
        while let Some((start, end)) = next_word(text, at, part) {
            at = end;
            let run = &text[start..end];
            let inner = run.trim_start_matches([' ', '.', '-', ')']);
            let start = end - inner.len();
            let inner = inner.trim_end_matches([' ', '.', '-', '(']);
            let stop = start + inner.len();
            // Digits that go on as a word, such as those of an identifier, are no telephone number.
            let joined = text[..start].ends_with(is_word) || text[stop..].starts_with(is_word);
            if !joined && is_phone(inner) {
                return Some((start, stop));
            }
        }
        None
    })
}

fn is_phone(text: &str) -> bool {
    let groups: Vec<&str> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let digits: usize = groups.iter().map(|group| group.len()).sum();
    if !(8..=15).contains(&digits) {
        return false;
    }
    if text.starts_with('+') || text.starts_with("00") {
        return true;
    }
    let date = groups.len() >= 3 && groups[0].len() == 4 && groups[1].len() == 2 && groups[2].len() == 2;
    let address = groups.len() == 4 && groups.iter().all(|group| group.len() <= 3) && text.matches('.').count() == 3;
    let grouped = (3..=6).contains(&groups.len()) && groups.iter().all(|group| (2..=5).contains(&group.len()));
    digits >= 9 && grouped && !date && !address
}

#[cfg(test)]
mod tests {
    use crate::check::redact::tests::plain;

    #[test]
    fn secrets_by_their_look_are_taken_out() {
        for (text, kept) in [
            ("postgres://lifeboat:hunter2@db/x", "postgres://***@db/x"),
            ("see https://a:p@ss@host/x?y", "see https://***@host/x?y"),
            ("https://host/path stays", "https://host/path stays"),
            ("got Bearer abcdefgh12345", "got Bearer ***"),
            ("basic dXNlcjpwYXNz.", "basic ***"),
            ("a basic rule", "a basic rule"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.sig", "***"),
            ("key sk_live_0123456789abcdef.", "key ***"),
            ("id AKIAIOSFODNN7EXAMPLE", "id ***"),
            ("write to jane.o'doe+x@mail.example.org.", "write to ***."),
            ("jane@localhost", "jane@localhost"),
            ("@example.org", "@example.org"),
            ("call +49 171 1234567 now", "call *** now"),
            ("call (555) 123-4567", "call ***"),
            ("call 0171 123 45 67.", "call ***."),
            ("0049 171 1234567", "***"),
        ] {
            assert_eq!(plain(text), kept);
        }
    }
}
