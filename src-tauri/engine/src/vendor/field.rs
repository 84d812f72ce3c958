//! What the fields of a request may hold, judged before anything is sent: a message that is refused at three in the
//! morning is one that nobody got. What is wrong is told by the field's name, never by what stands in it.

use lifeboat_domain::provider::{Answer, Refusal};

/// Nothing was sent, and why.
pub(super) fn here(why: &str) -> Answer {
    Answer::refused(Refusal::Here, why)
}

/// A text that has to be there, of at most so many characters.
pub(super) fn text(field: &str, value: &str, most: usize) -> Result<(), Answer> {
    if value.trim().is_empty() {
        return Err(here(&format!("{field} is empty")));
    }
    if value.chars().nth(most).is_some() {
        return Err(here(&format!("{field} is longer than {most} characters")));
    }
    Ok(())
}

/// A telephone number as E.164 writes it.
pub(super) fn number(field: &str, value: &str) -> Result<(), Answer> {
    let digits = value.strip_prefix('+').unwrap_or_default();
    let is_number = (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    match value.trim() {
        "" => Err(here(&format!("{field} is empty"))),
        _ if is_number => Ok(()),
        _ => Err(here(&format!("{field} is no number in E.164: a plus, the country's code, 15 digits at most"))),
    }
}

/// An id as vendors make them: this beginning, and nothing that leads to another path.
pub(super) fn id(field: &str, value: &str, beginnings: &[&str], length: usize) -> Result<(), Answer> {
    let is_id = value.len() == length
        && beginnings.iter().any(|beginning| value.starts_with(beginning))
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(()) } else { Err(here(&format!("{field} is not an id of {length} letters and digits"))) }
}

/// Text as it stands where three signs begin markup, as in XML and in Slack's messages.
pub(super) fn unmarked(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(judged: Result<(), Answer>) -> Option<String> {
        judged.err().map(|answer| {
            assert_eq!(answer.refusal, Some(Refusal::Here));
            answer.detail
        })
    }

    #[test]
    fn texts_are_there_and_short_enough() {
        for (value, told) in [
            ("", Some("the summary is empty")),
            (" \n", Some("the summary is empty")),
            ("äöü", None),
            ("äöüß", Some("the summary is longer than 3 characters")),
        ] {
            assert_eq!(why(text("the summary", value, 3)).as_deref(), told, "{value:?}");
        }
    }

    #[test]
    fn numbers_are_those_of_e_164() {
        for number_ in ["+15005550006", "+4930123456", "+123456789012345"] {
            assert_eq!(why(number("To", number_)), None, "{number_}");
        }
        for number_ in
            ["+XX-XXX-XXX-XXXX", "15005550006", "+0123456789", "+1234567890123456", "+1 500 555", "+١٢٣٤٥٦٧٨"]
        {
            assert!(why(number("To", number_)).unwrap().starts_with("To is no number"), "{number_}");
        }
        assert_eq!(why(number("To", " ")).unwrap(), "To is empty");
    }

    #[test]
    fn ids_lead_nowhere_else() {
        assert_eq!(why(id("SID", "SM12", &["SM", "MM"], 4)), None);
        for value in ["", "AC12", "SM123", "SM/.", "SM1?", "SMé"] {
            assert!(why(id("SID", value, &["SM", "MM"], 4)).is_some(), "{value}");
        }
        assert_eq!(unmarked("<!channel> & <b>"), "&lt;!channel&gt; &amp; &lt;b&gt;");
    }
}
