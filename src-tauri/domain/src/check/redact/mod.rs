//! Taking secrets and personal data out of what is kept: answers, reasons, error texts.
//!
//! Works on any text, also broken and hostile ones, without a grammar: the credentials in use, fields named like
//! secrets, headers, addresses with a password in them, tokens by their look, e-mail addresses and telephone
//! numbers. It would rather take too much than too little. No search patterns: those can be made to take for ever.

mod encode;
mod fields;
mod looks;

use fields::fields;
use looks::{mail_addresses, phone_numbers, schemes, tokens, users_in_addresses};

/// The longest answer that is kept, in bytes.
pub const ANSWER_LIMIT: usize = 4_096;

/// What stands where something was taken out.
const MASK: &str = "***";
/// What stands at the end of a text that was cut.
const CUT: &str = " (cut)";
/// A shorter secret is not looked for in encodings: too much else would look like it.
const SHORTEST_ENCODED: usize = 8;
/// So much of a secret at the end of a text that was cut is taken out as well.
const SHORTEST_PIECE: usize = 4;
/// Only this much is looked at; a kept answer is far shorter.
const LOOKED_AT: usize = 64 * 1_024;

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
        if secret.len() >= SHORTEST_ENCODED {
            all.extend(encode::spellings(secret.as_bytes()));
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
    for spelling in spellings {
        text = mask_where(&text, |text, from| encode::escaped(text, from, spelling));
    }
    without_pieces(&text, spellings)
}

/// A text that was cut before it came here may end amid a secret.
fn without_pieces(text: &str, spellings: &[String]) -> String {
    let piece =
        |before: &str| spellings.iter().filter_map(|spelling| encode::begun(before, spelling, SHORTEST_PIECE)).max();
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(CUT) {
        let before = rest[..at].trim_end();
        match piece(before) {
            Some(length) => result.extend([&before[..before.len() - length], MASK, CUT]),
            None => result.push_str(&rest[..at + CUT.len()]),
        }
        rest = &rest[at + CUT.len()..];
    }
    result.push_str(rest);
    result
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

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn plain(text: &str) -> String {
        redact(text, &[], 4_096)
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

    #[test]
    fn a_secret_that_was_encoded_or_cut_is_taken_out() {
        let secret = "correct-horse-battery-staple";
        for text in [
            // `Bearer ` before it, and one and two letters before it.
            "QmVhcmVyIGNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGU=",
            "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==",
            "YWNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGU",
            "636f72726563742d686f7273652d626174746572792d737461706c65",
            "636F72726563742D686F7273652D626174746572792D737461706C65",
            "correct%2dhorse-battery%2Dstaple",
            "%63orrect\\u002dhorse\\x2dbattery&#45;st&#x61;ple",
            "got correct-horse (cut), expected",
            "got %63%6f%72%72%65%63%74%2D%6 (cut)",
            "got \"correct-horse-battery-stapl (cut)\"",
        ] {
            let kept = redact(text, &[secret], 4_096);
            assert!(kept.contains(MASK) && !kept.contains("orre") && kept.len() < text.len(), "{kept}");
        }
        assert_eq!(redact("a word (cut)", &[secret], 99), "a word (cut)");
    }

    #[test]
    fn long_answers_that_are_hard_to_read_are_read_to_a_bound() {
        for piece in
            ["://", "a@", "password=", "{\"token\":[", "eyJ", "\\\"secret", "(cut) ", "+4", "<token>", "Bearer "]
        {
            // A scan from every place to the end would take minutes.
            let kept = redact(&piece.repeat((1 << 20) / piece.len()), &["correct-horse-battery-staple"], ANSWER_LIMIT);
            assert!(kept.len() <= ANSWER_LIMIT);
        }
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
