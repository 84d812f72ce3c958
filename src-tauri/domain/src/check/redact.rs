//! Taking secrets and personal data out of what is kept: answers, reasons, error texts.
//!
//! Works on any text, also broken and hostile ones, without a grammar: the credentials in use, fields named like
//! secrets, headers, addresses with a password in them, tokens by their look, e-mail addresses and telephone
//! numbers. It would rather take too much than too little. No search patterns: those can be made to take for ever.

/// The longest answer that is kept, in bytes.
pub const ANSWER_LIMIT: usize = 4_096;

/// What stands where something was taken out.
const MASK: &str = "***";
/// What stands at the end of a text that was cut.
const CUT: &str = " (cut)";
/// Only this much is looked at; a kept answer is far shorter.
const LOOKED_AT: usize = 64 * 1_024;

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

/// The text without secrets, at most `limit` bytes, cut between characters.
///
/// None of `secrets` is left in it, as it is or as JSON or a URL would write it. Doing it again changes nothing.
pub fn redact(text: &str, secrets: &[&str], limit: usize) -> String {
    let spellings = spellings(secrets);
    let clean = |text: &String| !spellings.iter().any(|spelling| text.contains(spelling));
    // The mark of a cut may itself look like a secret, or make one of what stands before it.
    [CUT, ""].into_iter().filter_map(|mark| settled(text, &spellings, limit, mark)).find(clean).unwrap_or_default()
}

/// Taking one thing out may bring another into view, so it is done until nothing changes.
fn settled(text: &str, spellings: &[String], limit: usize, mark: &str) -> Option<String> {
    let mut text = first_look(text, spellings).to_owned();
    for _ in 0..16 {
        let next = cut_with(&pass(&text, spellings), limit, mark);
        if next == text {
            return Some(text);
        }
        text = next;
    }
    None
}

/// The text, shortened to `limit` bytes between characters; what was cut says so where there is room.
pub fn cut(text: &str, limit: usize) -> String {
    cut_with(text, limit, CUT)
}

fn cut_with(text: &str, limit: usize, mark: &str) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mark = if limit > 2 * mark.len() { mark } else { "" };
    let kept = text.floor_char_boundary(limit - mark.len());
    // No half of a mask, which would be masked again and grow.
    let kept = text[..kept].trim_end_matches(['*', ' ']);
    format!("{kept}{mark}")
}

fn first_look<'a>(text: &'a str, spellings: &[String]) -> &'a str {
    if text.len() <= LOOKED_AT {
        return text;
    }
    // A secret that straddles the end would not be recognised, so as much as the longest is left away as well.
    let longest = spellings.iter().map(String::len).max().unwrap_or(0).max(512);
    &text[..text.floor_char_boundary(LOOKED_AT.saturating_sub(longest))]
}

/// How each secret may be written, the longest first. A text that consists of masks is none.
fn spellings(secrets: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for secret in secrets.iter().filter(|secret| secret.bytes().any(|byte| byte != b'*')) {
        all.push((*secret).to_owned());
        if let Ok(json) = serde_json::to_string(secret) {
            all.push(json[1..json.len() - 1].to_owned());
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        for form in [|byte: u8| format!("%{byte:02X}"), |byte: u8| format!("%{byte:02x}")] {
            let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { form(byte) };
            all.push(secret.bytes().map(one).collect());
        }
    }
    all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    all.dedup();
    all
}

fn pass(text: &str, spellings: &[String]) -> String {
    let mut text = masked(text, spellings);
    for rule in [fields, users_in_addresses, schemes, tokens, mail_addresses, phone_numbers] {
        text = rule(&text);
    }
    // A rule may have joined two pieces to a secret.
    masked(&text, spellings)
}

fn masked(text: &str, spellings: &[String]) -> String {
    let mut text = text.to_owned();
    for spelling in spellings {
        if text.contains(spelling.as_str()) {
            text = text.replace(spelling.as_str(), MASK);
        }
    }
    text
}

/// Copies a text with some ranges masked; the ranges are found from left to right.
fn mask_where(text: &str, mut find: impl FnMut(&str, usize) -> Option<(usize, usize)>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, end)) = find(text, at).filter(|(start, end)| at <= *start && start < end) {
        result.push_str(&text[at..start]);
        result.push_str(MASK);
        at = end;
    }
    result.push_str(&text[at..]);
    result
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '-'
}

/// The next word at or after a place: its start and its end.
fn next_word(text: &str, from: usize, part: impl Fn(char) -> bool) -> Option<(usize, usize)> {
    let start = from + text[from..].find(&part)?;
    let length = text[start..].find(|letter| !part(letter)).unwrap_or(text.len() - start);
    Some((start, start + length))
}

fn name_is_secret(word: &str, names: &[&str]) -> bool {
    let plain: String = word.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase();
    names.iter().any(|name| plain.contains(name))
}

/// `name=value`, `name: value`, `"name": "value"`, `<name>value</name>`, also with escaped quotes.
fn fields(text: &str) -> String {
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

/// `scheme://user:password@host`: everything before the last `@`.
fn users_in_addresses(text: &str) -> String {
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
            at = start;
        }
        None
    })
}

/// `Bearer x` and `Basic x` outside of a header.
fn schemes(text: &str) -> String {
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
fn tokens(text: &str) -> String {
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
fn mail_addresses(text: &str) -> String {
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
fn phone_numbers(text: &str) -> String {
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
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> String {
        redact(text, &[], 4_096)
    }

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

    #[test]
    fn evidence_is_left_alone() {
        for text in [
            "at 2026-11-23 07:42:11 UTC, 2026-11-23T07:42:11Z",
            "000000010000000000000003 16/B374D848",
            "192.168.100.200:5432 127.0.0.1",
            "1763884800 bytes, 1073741824",
            "0198f6a2-7f6e-7c3a-9d3e-0123456789ab",
            "status 503, expected 200 to 299",
            r#"{"status":"degraded","checks":[{"name":"db","latency_ms":12.5}]}"#,
            "relation \"public.orders\" does not exist (42P01)",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn the_credential_in_use_is_taken_out_however_it_is_written() {
        let secret = "h\"n/t r2";
        for text in ["got h\"n/t r2!", r#"got h\"n/t r2!"#, "got h%22n%2Ft%20r2!", "got h%22n%2ft%20r2!"] {
            let kept = redact(text, &[secret], 4_096);
            assert!(kept.starts_with("got ***") && !kept.contains("r2"), "{kept}");
        }
        assert_eq!(redact("a b a", &["a", ""], 99), "*** b ***");
        assert_eq!(redact("***", &["*"], 99), "***");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdefghijklmnopq", 16), "abcdefghij (cut)");
        assert_eq!(cut("éééééééééééé", 5), "éé");
        assert_eq!(cut("abc", 0), "");
        let long = redact(&"word ".repeat(100_000), &[], ANSWER_LIMIT);
        assert!(long.len() <= ANSWER_LIMIT && long.ends_with("word (cut)"), "{}", &long[long.len() - 20..]);
        // A secret across the end of what is looked at.
        let straddling = format!("{}hunter2hunter2", "x ".repeat(LOOKED_AT / 2 - 3));
        assert!(!redact(&straddling, &["hunter2hunter2"], usize::MAX).contains("hunt"));
    }

    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            "\\PC{0,12}",
            Just("password".to_owned()),
            Just("://".to_owned()),
            Just("@".to_owned()),
            Just("\\\"".to_owned()),
            Just("=".to_owned()),
            Just(": {[".to_owned()),
            Just("Bearer ".to_owned()),
            Just("***".to_owned()),
            Just("*".to_owned()),
            Just("eyJ".to_owned()),
            Just("+49 171".to_owned()),
            Just("\n".to_owned()),
            Just("<token>".to_owned()),
            Just(" (cut)".to_owned()),
            Just("hunter2".to_owned()),
            Just("a.b@c.de".to_owned()),
            "[0-9 ()+.-]{0,16}",
        ];
        proptest::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_secret_survives_and_nothing_grows(
            text in hostile(),
            secret in prop_oneof![Just("hunter2".to_owned()), "[a-zA-Z0-9\"/%@:= é]{1,12}"],
            limit in 0_usize..200,
        ) {
            let kept = redact(&text, &[&secret], limit);
            prop_assert!(kept.len() <= limit);
            prop_assert!(!kept.contains(&secret), "{kept}");
            prop_assert_eq!(redact(&kept, &[&secret], limit), kept);
        }

        #[test]
        fn any_text_is_read_to_its_end(text in "\\PC{0,400}") {
            let kept = plain(&text);
            prop_assert_eq!(plain(&kept), kept);
        }
    }
}
