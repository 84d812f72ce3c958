//! Judging an HTTP answer by the plan's expectations: status, JSON and text.
//!
//! A green status with a body that says "degraded" is degraded, and a plain `OK` is fine when no JSON was asked
//! for. A 401 to our credential is about the credential, not about the service.

use std::cell::LazyCell;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::document::{NoDocument, document};
use super::words::{line, quoted, size};
use crate::check::{Expectation, HttpProbe, Outcome, Verdict};

/// What a server answered to one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// The `Content-Encoding`; none was asked for.
    pub encoding: Option<String>,
    /// Where a redirect points, when this is one.
    pub location: Option<String>,
    /// Why it was not followed, when it was to be.
    pub not_followed: Option<&'static str>,
    /// Every header by its name in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text, what is no UTF-8 replaced.
    pub body: String,
    /// Whether that is all of it. Reading stops at a bound.
    pub whole: bool,
    /// Whether a credential was sent with the request.
    pub with_credential: bool,
}

impl HttpAnswer {
    /// The media type without parameters, lower case.
    pub(super) fn media_type(&self) -> String {
        let text = self.content_type.as_deref().unwrap_or("no content type");
        line(text.split(';').next().unwrap_or(text), 80).to_ascii_lowercase()
    }

    /// What keeps us from reading the body, when it came compressed although nothing of the kind was asked for.
    pub(super) fn compressed(&self) -> Option<String> {
        let encoding = self.encoding.as_deref()?;
        let plain = encoding.trim().is_empty() || encoding.trim().eq_ignore_ascii_case("identity");
        (!plain).then(|| format!("answer is compressed ({}), which was not asked for", line(encoding, 40)))
    }

    /// The first value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The answer as kept for evidence.
    pub(super) fn evidence(&self) -> String {
        let header = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{name}: {value}\n")).unwrap_or_default()
        };
        let (kind, place) = (header("content-type", &self.content_type), header("location", &self.location));
        format!("HTTP status {}\n{kind}{place}\n{}", self.status, self.body)
    }
}

/// Judges an answer; the worst condition that does not hold decides.
pub fn http(probe: &HttpProbe, answer: &HttpAnswer) -> Outcome {
    expected(&probe.expect, answer)
}

/// Judges an answer by expectations, of whatever they are.
pub(super) fn expected(expect: &[Expectation], answer: &HttpAnswer) -> Outcome {
    let mut outcomes = vec![status(expect, answer)];
    // Who was not let in has not seen the service, so its body is not judged.
    if outcomes.iter().all(|outcome| outcome.verdict != Verdict::Unknown) {
        let document = LazyCell::new(|| document(&answer.body));
        for expectation in expect.iter().filter(|expectation| expectation.status.is_empty()) {
            let held = match (&expectation.json, &expectation.text) {
                (Some(path), _) => json(path, expectation, answer, &document),
                (None, Some(text)) => contains(text, expectation, answer),
                (None, None) => Ok(()),
            };
            outcomes.extend(held.err());
        }
    }
    let fine = Outcome::operational(format!("status {}", answer.status));
    Outcome::worst(outcomes).unwrap_or(fine).answered(answer.evidence())
}

fn status(expect: &[Expectation], answer: &HttpAnswer) -> Outcome {
    let got = answer.status;
    let stated: Vec<&Expectation> = expect.iter().filter(|expectation| !expectation.status.is_empty()).collect();
    let failed = if stated.is_empty() {
        (!(200..=299).contains(&got)).then(|| (Verdict::Outage, "200 to 299".to_owned()))
    } else {
        let failed = stated.iter().filter(|expectation| !expectation.status.contains(&got));
        let worst = failed.max_by_key(|expectation| Verdict::from(expectation.otherwise).weight());
        worst.map(|expectation| {
            let fine: Vec<String> = expectation.status.iter().map(u16::to_string).collect();
            (expectation.otherwise.into(), fine.join(" or "))
        })
    };
    let Some((verdict, expected)) = failed else {
        return Outcome::operational(format!("status {got}"));
    };
    match got {
        401 | 403 if answer.with_credential => {
            Outcome::unknown(format!("{} (status {got})", super::CREDENTIAL_REFUSED))
        }
        429 => Outcome::unknown("asks us to come less often (status 429)"),
        _ => {
            let to = answer.location.as_deref().map(|to| format!(", points to {}", quoted(to))).unwrap_or_default();
            let why = answer.not_followed.map(|why| format!(", not followed: {why}")).unwrap_or_default();
            Outcome::new(verdict, format!("status {got}, expected {expected}{to}{why}"))
        }
    }
}

fn json(
    path: &str,
    expectation: &Expectation,
    answer: &HttpAnswer,
    document: &Result<Value, NoDocument>,
) -> Result<(), Outcome> {
    if *document == Err(NoDocument::TooMany) {
        return Err(Outcome::unknown("answer holds too many values to read as JSON"));
    }
    let Ok(document) = document else {
        if let Some(compressed) = answer.compressed() {
            return Err(Outcome::unknown(compressed));
        }
        if !answer.whole {
            let read = size(answer.body.len() as u64);
            return Err(Outcome::unknown(format!("answer is longer than {read}, too long to read as JSON")));
        }
        if answer.body.trim().is_empty() {
            return Err(Outcome::outage("answer is empty, expected JSON"));
        }
        return Err(Outcome::outage(format!("answer is not JSON ({})", answer.media_type())));
    };
    let Ok(parsed) = JsonPath::parse(path) else {
        return Err(Outcome::unknown(format!("{} is not a JSONPath", quoted(path))));
    };
    let otherwise = |words: String| Outcome::new(expectation.otherwise.into(), words);
    let found = parsed.query(document).all();
    if found.is_empty() {
        return Err(otherwise(format!("{path} is missing")));
    }
    // A path may find several values; then every one of them has to hold.
    match found.into_iter().find_map(|value| mismatch(value, expectation)) {
        Some(words) => Err(otherwise(format!("{path} {words}"))),
        None => Ok(()),
    }
}

fn contains(text: &str, expectation: &Expectation, answer: &HttpAnswer) -> Result<(), Outcome> {
    if answer.body.contains(text) {
        return Ok(());
    }
    if let Some(compressed) = answer.compressed() {
        return Err(Outcome::unknown(compressed));
    }
    if !answer.whole {
        let read = size(answer.body.len() as u64);
        return Err(Outcome::unknown(format!("no {} in the first {read} of the answer", quoted(text))));
    }
    Err(Outcome::new(expectation.otherwise.into(), format!("no {} in the answer", quoted(text))))
}

/// What is wrong with a value, if anything.
fn mismatch(value: &Value, expectation: &Expectation) -> Option<String> {
    let got = shown(value);
    if let Some(wanted) = &expectation.is {
        return (!equal(value, wanted)).then(|| format!("is {got}, expected {}", shown(wanted)));
    }
    if let Some(unwanted) = &expectation.is_not {
        return equal(value, unwanted).then(|| format!("is {got}, expected anything else"));
    }
    if !expectation.one_of.is_empty() {
        let fine = expectation.one_of.iter().any(|wanted| equal(value, wanted));
        let wanted: Vec<String> = expectation.one_of.iter().map(shown).collect();
        return (!fine).then(|| format!("is {got}, expected one of {}", wanted.join(", ")));
    }
    let (bound, words, holds): (f64, &str, fn(f64, f64) -> bool) = match (expectation.at_most, expectation.at_least) {
        (Some(most), _) => (most, "at most", |number, most| number <= most),
        (None, Some(least)) => (least, "at least", |number, least| number >= least),
        (None, None) => return None,
    };
    match value.as_f64() {
        Some(number) if holds(number, bound) => None,
        Some(_) => Some(format!("is {got}, expected {words} {bound}")),
        None => Some(format!("is {got}, expected a number, {words} {bound}")),
    }
}

/// Equal as JSON, where `1` and `1.0` are the same number.
fn equal(one: &Value, other: &Value) -> bool {
    if one == other {
        return true;
    }
    let whole = |value: &Value| value.is_i64() || value.is_u64();
    match (one.as_f64(), other.as_f64()) {
        // Two whole numbers were compared exactly already; as floats large ones would all look alike.
        (Some(first), Some(second)) if !(whole(one) && whole(other)) => first.total_cmp(&second).is_eq(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
impl Expectation {
    /// An expectation of nothing, to be filled in.
    pub(crate) fn none() -> Self {
        Self {
            status: Vec::new(),
            json: None,
            text: None,
            is: None,
            is_not: None,
            one_of: Vec::new(),
            at_most: None,
            at_least: None,
            otherwise: crate::check::Otherwise::Outage,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::Otherwise::{self, Degraded as OrDegraded, Outage as OrOutage};
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};
    use crate::check::{Method, Verdict};

    fn probe(expect: Vec<Expectation>) -> HttpProbe {
        HttpProbe {
            endpoint: "api".parse().unwrap(),
            path: "/".to_owned(),
            method: Method::Get,
            headers: std::collections::BTreeMap::new(),
            follow: false,
            expect,
        }
    }

    fn nothing(otherwise: Otherwise) -> Expectation {
        Expectation { otherwise, ..Expectation::none() }
    }

    fn at(path: &str) -> Expectation {
        Expectation { json: Some(path.to_owned()), ..nothing(OrOutage) }
    }

    fn text(text: &str) -> Expectation {
        Expectation { text: Some(text.to_owned()), ..nothing(OrOutage) }
    }

    fn statuses(status: &[u16], otherwise: Otherwise) -> Expectation {
        Expectation { status: status.to_vec(), ..nothing(otherwise) }
    }

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            content_type: Some("text/html; charset=utf-8".to_owned()),
            body: body.to_owned(),
            whole: true,
            ..HttpAnswer::default()
        }
    }

    /// What the bundled plan asks of `/health`.
    fn healthy() -> Vec<Expectation> {
        vec![
            Expectation { one_of: vec![json!("ok"), json!("degraded")], ..at("$.status") },
            Expectation { is: Some(json!("ok")), otherwise: OrDegraded, ..at("$.status") },
        ]
    }

    fn judged(expect: Vec<Expectation>, answer: &HttpAnswer) -> (Verdict, String) {
        let outcome = http(&probe(expect), answer);
        (outcome.verdict, outcome.reason)
    }

    #[test]
    fn statuses_are_judged_by_expectation() {
        let table: [(Vec<Expectation>, u16, Verdict, &str); 14] = [
            (vec![], 200, Operational, "status 200"),
            (vec![], 299, Operational, "status 299"),
            (vec![], 199, Outage, "status 199, expected 200 to 299"),
            (vec![], 301, Outage, "status 301, expected 200 to 299"),
            (vec![], 401, Outage, "status 401, expected 200 to 299"),
            (vec![], 404, Outage, "status 404, expected 200 to 299"),
            (vec![], 429, Unknown, "asks us to come less often (status 429)"),
            (vec![], 500, Outage, "status 500, expected 200 to 299"),
            (vec![], 503, Outage, "status 503, expected 200 to 299"),
            (vec![statuses(&[401], OrOutage)], 401, Operational, "status 401"),
            (vec![statuses(&[200, 204], OrOutage)], 503, Outage, "status 503, expected 200 or 204"),
            (vec![statuses(&[200], OrDegraded)], 503, Degraded, "status 503, expected 200"),
            (
                vec![statuses(&[200], OrDegraded), statuses(&[200, 201], OrOutage)],
                503,
                Outage,
                "status 503, expected 200 or 201",
            ),
            (vec![statuses(&[429], OrOutage)], 429, Operational, "status 429"),
        ];
        for (expect, status, verdict, reason) in table {
            assert_eq!(judged(expect, &answer(status, "")), (verdict, reason.to_owned()));
        }
    }

    #[test]
    fn a_refused_credential_is_about_the_credential() {
        for status in [401, 403] {
            let refused = HttpAnswer { with_credential: true, ..answer(status, "{}") };
            let reason = format!("refused our credential (status {status})");
            assert_eq!(judged(healthy(), &refused), (Unknown, reason));
            assert_eq!(judged(vec![statuses(&[status], OrOutage)], &refused).0, Operational);
        }
        let forbidden = HttpAnswer { with_credential: true, ..answer(500, "") };
        assert_eq!(judged(vec![], &forbidden).0, Outage);
    }

    #[test]
    fn a_redirect_is_told_with_its_place_and_not_followed() {
        let moved = HttpAnswer { location: Some("https://login.test/".to_owned()), ..answer(302, "") };
        let reason = "status 302, expected 200 to 299, points to \"https://login.test/\"";
        assert_eq!(judged(vec![], &moved), (Outage, reason.to_owned()));
    }

    #[test]
    fn b_90_a_plain_ok_passes_when_no_json_was_asked() {
        assert_eq!(judged(vec![], &answer(200, "OK")).0, Operational);
        assert_eq!(judged(vec![text("OK")], &answer(200, "OK")).0, Operational);
    }

    #[test]
    fn b_91_a_degraded_body_with_status_200_is_not_good() {
        for (body, verdict, reason) in [
            (r#"{"status":"ok"}"#, Operational, "status 200"),
            (r#"{"status":"degraded","db":"down"}"#, Degraded, "$.status is \"degraded\", expected \"ok\""),
            (r#"{"status":"down"}"#, Outage, "$.status is \"down\", expected one of \"ok\", \"degraded\""),
            (r#"{"status":null}"#, Outage, "$.status is null, expected one of \"ok\", \"degraded\""),
            (r#"{"state":"ok"}"#, Outage, "$.status is missing"),
            ("<html>welcome</html>", Outage, "answer is not JSON (text/html); and 1 more"),
            ("", Outage, "answer is empty, expected JSON; and 1 more"),
        ] {
            assert_eq!(judged(healthy(), &answer(200, body)), (verdict, reason.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_failing_status_is_told_before_its_body() {
        let (verdict, reason) = judged(healthy(), &answer(503, "<html>sorry</html>"));
        assert_eq!(verdict, Outage);
        assert!(reason.starts_with("status 503, expected 200 to 299"), "{reason}");
    }

    #[test]
    fn every_comparison_has_its_edges() {
        let one = |change: fn(&mut Expectation)| {
            let mut expectation = at("$.n");
            change(&mut expectation);
            vec![expectation]
        };
        let table: [(Vec<Expectation>, &str, Verdict, &str); 17] = [
            (one(|e| e.is = Some(json!(1))), r#"{"n":1.0}"#, Operational, "status 200"),
            (one(|e| e.is = Some(json!(1))), r#"{"n":"1"}"#, Outage, "$.n is \"1\", expected 1"),
            (
                one(|e| e.is = Some(json!(9_007_199_254_740_993_u64))),
                r#"{"n":9007199254740992}"#,
                Outage,
                "$.n is 9007199254740992, expected 9007199254740993",
            ),
            (one(|e| e.is = Some(json!(true))), r#"{"n":true}"#, Operational, "status 200"),
            (one(|e| e.is = Some(json!("x"))), r#"{"n":["x"]}"#, Outage, "$.n is a list, expected \"x\""),
            (one(|e| e.is = Some(json!("x"))), r#"{"n":{"x":1}}"#, Outage, "$.n is an object, expected \"x\""),
            (one(|e| e.is_not = Some(json!("down"))), r#"{"n":"up"}"#, Operational, "status 200"),
            (
                one(|e| e.is_not = Some(json!("down"))),
                r#"{"n":"down"}"#,
                Outage,
                "$.n is \"down\", expected anything else",
            ),
            (one(|e| e.is_not = Some(json!("down"))), r"{}", Outage, "$.n is missing"),
            (one(|e| e.at_most = Some(5.0)), r#"{"n":5}"#, Operational, "status 200"),
            (one(|e| e.at_most = Some(5.0)), r#"{"n":5.1}"#, Outage, "$.n is 5.1, expected at most 5"),
            (one(|e| e.at_most = Some(5.0)), r#"{"n":"5"}"#, Outage, "$.n is \"5\", expected a number, at most 5"),
            (one(|e| e.at_most = Some(5.0)), r#"{"n":null}"#, Outage, "$.n is null, expected a number, at most 5"),
            (one(|e| e.at_least = Some(2.5)), r#"{"n":2.5}"#, Operational, "status 200"),
            (one(|e| e.at_least = Some(2.5)), r#"{"n":2}"#, Outage, "$.n is 2, expected at least 2.5"),
            (
                vec![Expectation { is: Some(json!("ok")), ..at("$.parts[*].state") }],
                r#"{"parts":[{"state":"ok"},{"state":"bad"}]}"#,
                Outage,
                "$.parts[*].state is \"bad\", expected \"ok\"",
            ),
            (
                vec![Expectation { is: Some(json!("ok")), ..at("$.parts[*].state") }],
                r#"{"parts":[]}"#,
                Outage,
                "$.parts[*].state is missing",
            ),
        ];
        for (expect, body, verdict, reason) in table {
            assert_eq!(judged(expect, &answer(200, body)), (verdict, reason.to_owned()), "{body}");
        }
    }

    #[test]
    fn texts_have_to_be_there() {
        assert_eq!(judged(vec![text("fine")], &answer(200, "all is fine")).0, Operational);
        let (verdict, reason) = judged(vec![text("fine")], &answer(200, "all is well"));
        assert_eq!((verdict, reason.as_str()), (Outage, "no \"fine\" in the answer"));
    }

    #[test]
    fn a_body_that_was_not_read_to_its_end_is_not_held_against_the_server() {
        let half = HttpAnswer { whole: false, ..answer(200, "[1, 2") };
        assert_eq!(judged(healthy(), &half).0, Unknown);
        assert_eq!(judged(vec![text("fine")], &half).0, Unknown);
        assert_eq!(judged(vec![text("1, 2")], &half).0, Operational);
        assert_eq!(judged(vec![], &half).0, Operational);
    }

    #[test]
    fn a_compressed_answer_is_not_held_against_the_server() {
        let packed = HttpAnswer { encoding: Some("gzip".to_owned()), ..answer(200, "\u{1f}\u{8b}") };
        let reason = "answer is compressed (gzip), which was not asked for";
        assert_eq!(judged(vec![text("fine")], &packed), (Unknown, reason.to_owned()));
        assert_eq!(judged(healthy(), &packed), (Unknown, format!("{reason}; and 1 more")));
        assert_eq!(judged(vec![], &packed).0, Operational);
        assert_eq!(judged(vec![], &HttpAnswer { status: 500, ..packed }).0, Outage);
        let plain = HttpAnswer { encoding: Some("identity".to_owned()), ..answer(200, "no") };
        assert_eq!(judged(vec![text("fine")], &plain).0, Outage);
    }

    #[test]
    fn the_answer_is_kept_with_its_head() {
        let kept = http(&probe(vec![]), &answer(503, "sorry")).answer.unwrap();
        assert_eq!(kept, "HTTP status 503\ncontent-type: text/html; charset=utf-8\n\nsorry");
    }

    #[test]
    fn a_path_that_is_none_never_passes() {
        assert_eq!(judged(vec![Expectation { is: Some(json!(1)), ..at("status") }], &answer(200, "{}")).0, Unknown);
    }
}
