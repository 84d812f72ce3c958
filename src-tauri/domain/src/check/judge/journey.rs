//! Judging a journey: what each step sends with what was carried over, what its answer leaves behind, and what the
//! steps add up to. Making the requests is the engine's.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use serde_json_path::JsonPath;

use super::document::document;
use super::http::{HttpAnswer, expected};
use super::words::{counted, quoted};
use crate::check::probe::{CREDENTIAL, RUN};
use crate::check::{JourneyProbe, JourneyStep, Outcome, StepMethod, Verdict};
use crate::places;

/// The longest value that is carried over, in bytes.
const LONGEST: usize = 4_096;

/// What one step sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRequest {
    /// How.
    pub method: StepMethod,
    /// Where, below the endpoint's address.
    pub path: String,
    /// With these headers.
    pub headers: Vec<(String, String)>,
    /// With this JSON.
    pub body: Option<String>,
    /// Whether the endpoint's credential is in it.
    pub with_credential: bool,
}

/// The values of a journey under way.
#[derive(Default)]
pub struct Carried {
    values: BTreeMap<String, Value>,
    secrets: Vec<String>,
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Carried").field("names", &self.values.keys()).finish_non_exhaustive()
    }
}

impl Carried {
    /// At the beginning: the text that differs each time, and the endpoint's credential if it is needed.
    pub fn new(run: &str, credential: Option<&str>) -> Self {
        let mut values = BTreeMap::from([(RUN.to_owned(), Value::from(run))]);
        values.extend(credential.map(|credential| (CREDENTIAL.to_owned(), Value::from(credential))));
        Self { values, secrets: Vec::new() }
    }

    /// Values captured as secrets: they are taken out of what is kept.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// What a step sends, or the names of the values that are missing.
    pub fn request(&self, step: &JourneyStep) -> Result<StepRequest, Vec<String>> {
        let mut missing = Vec::new();
        let plain = |name: &str| self.values.get(name).map(text_of);
        let path = places::fill(&step.path, |name| plain(name).map(|text| in_path(&text)), &mut missing);
        let mut headers: Vec<(String, String)> = step
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), places::fill(value, |name| plain(name), &mut missing)))
            .collect();
        let body = step.body.as_deref().map(|body| self.body(body, &mut missing));
        let names_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if body.is_some() && !headers.iter().any(names_type) {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if !missing.is_empty() {
            missing.sort();
            missing.dedup();
            return Err(missing);
        }
        let with_credential = JourneyProbe::texts(step).any(|text| places::names(text).any(|name| name == CREDENTIAL));
        Ok(StepRequest { method: step.method, path, headers, body, with_credential })
    }

    /// Fills the texts inside a JSON document, so that no value can change what the document is. A text that is
    /// nothing but a place becomes the value itself, such as a number.
    fn body(&self, body: &str, missing: &mut Vec<String>) -> String {
        let mut document: Value = serde_json::from_str(body).unwrap_or_default();
        self.fill(&mut document, missing);
        document.to_string()
    }

    fn fill(&self, value: &mut Value, missing: &mut Vec<String>) {
        match value {
            Value::String(text) => {
                let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                *value = match whole.and_then(|name| self.values.get(name)) {
                    Some(carried) => carried.clone(),
                    None => Value::from(places::fill(text, |name| self.values.get(name).map(text_of), missing)),
                };
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item, missing)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.fill(field, missing)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Judges the answer to a step, and keeps of it what later steps need.
    pub fn take(&mut self, step: &JourneyStep, answer: &HttpAnswer) -> Outcome {
        let outcome = expected(&step.expect, answer);
        if matches!(outcome.verdict, Verdict::Outage | Verdict::Unknown) {
            return outcome;
        }
        let document = document(&answer.body).ok();
        for capture in &step.capture {
            let (place, found) = match (&capture.json, &capture.header) {
                (Some(path), _) => (path.clone(), document.as_ref().and_then(|document| at(document, path))),
                (None, Some(header)) => (format!("header {header}"), answer.header(header).map(Value::from)),
                (None, None) => continue,
            };
            let Some(found) = found.filter(|value| text_of(value).len() <= LONGEST) else {
                let words = format!("nothing to carry over as \"{}\" at {place}", capture.name);
                return Outcome::outage(words).answered(answer.evidence());
            };
            if capture.secret {
                self.secrets.push(text_of(&found));
            }
            self.values.insert(capture.name.to_string(), found);
        }
        outcome
    }
}

/// The one value at a path: a text, a number, true or false.
fn at(document: &Value, path: &str) -> Option<Value> {
    let parsed = JsonPath::parse(path).ok()?;
    let found = parsed.query(document).first().cloned()?;
    (found.is_string() || found.is_number() || found.is_boolean()).then_some(found)
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// As a part of a path: nothing in a value can lead elsewhere. RFC 3986 section 2.3.
fn in_path(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    // A value of dots alone would be a way up.
    let dots = text.bytes().all(|byte| byte == b'.');
    text.bytes()
        .map(|byte| if plain(byte) && !dots { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// One step as it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Walked {
    /// What it is called.
    pub name: String,
    /// What came of it; nothing when a value it needs was never had, so that it was left out.
    pub outcome: Option<Outcome>,
    /// How long it took.
    pub took: Duration,
}

impl Walked {
    fn verdict(&self) -> Option<Verdict> {
        self.outcome.as_ref().map(|outcome| outcome.verdict)
    }

    fn reason(&self) -> &str {
        self.outcome.as_ref().map_or("left out", |outcome| &outcome.reason)
    }
}

/// Sums up a journey from the steps that were made.
pub fn journey(probe: &JourneyProbe, steps: &[Walked], clean_up: &[Walked]) -> Outcome {
    let weight = |step: &Walked| step.verdict().map_or(0, Verdict::weight);
    let walked = steps.len();
    let left_behind = clean_up
        .iter()
        .find(|step| weight(step) > 0)
        .map(|step| format!("clean-up \"{}\" failed, so something may be left behind: {}", step.name, step.reason()));
    let worst = steps.iter().enumerate().max_by_key(|(at, step)| (weight(step), usize::MAX - at));
    let outcome = match worst.filter(|(_, step)| weight(step) > 0) {
        Some((at, step)) => {
            let place = format!("step {} of {} {}", at + 1, probe.steps.len(), quoted(&step.name));
            let more = left_behind.map(|words| format!("; {words}")).unwrap_or_default();
            let verdict = step.verdict().unwrap_or(Verdict::Unknown);
            let outcome = Outcome::new(verdict, format!("{place}: {}{more}", step.reason()));
            Outcome { answer: step.outcome.as_ref().and_then(|outcome| outcome.answer.clone()), ..outcome }
        }
        None if walked < probe.steps.len() => Outcome::unknown("not every step was made"),
        None => match left_behind {
            Some(words) => Outcome::degraded(words),
            None if clean_up.is_empty() => Outcome::operational(counted(walked as u64, "step")),
            None => Outcome::operational(format!("{}, cleaned up", counted(walked as u64, "step"))),
        },
    };
    steps
        .iter()
        .chain(clean_up)
        .fold(outcome, |outcome, step| outcome.measured(&step.name, step.took.as_secs_f64() * 1_000.0, "ms"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};
    use crate::check::{Capture, Expectation};

    fn step(path: &str, body: Option<&str>) -> JourneyStep {
        JourneyStep {
            name: "sign in".to_owned(),
            method: StepMethod::Post,
            path: path.to_owned(),
            headers: BTreeMap::new(),
            body: body.map(str::to_owned),
            expect: Vec::new(),
            capture: Vec::new(),
        }
    }

    fn capture(name: &str, json: Option<&str>, header: Option<&str>, secret: bool) -> Capture {
        Capture {
            name: name.parse().unwrap(),
            json: json.map(str::to_owned),
            header: header.map(str::to_owned),
            secret,
        }
    }

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            body: body.to_owned(),
            headers: vec![("location".to_owned(), "/orders/7".to_owned())],
            whole: true,
            ..HttpAnswer::default()
        }
    }

    fn carried() -> Carried {
        let mut carried = Carried::new("run-1", Some("hunter2\""));
        carried.values.insert("order".to_owned(), json!(7));
        carried.values.insert("odd".to_owned(), json!("../a?b=\"c\"&d/é"));
        carried.values.insert("dots".to_owned(), json!(".."));
        carried
    }

    #[test]
    fn values_are_filled_in_without_changing_what_is_asked() {
        for (path, body, filled, sent) in [
            ("/orders", None, "/orders", None),
            ("/orders/${order}/${run}", None, "/orders/7/run-1", None),
            ("/a/${odd}", None, "/a/..%2Fa%3Fb%3D%22c%22%26d%2F%C3%A9", None),
            ("/a/${dots}/b", None, "/a/%2E%2E/b", None),
            ("/", Some(r#"{"id": "${order}", "of": "o-${order}"}"#), "/", Some(r#"{"id":7,"of":"o-7"}"#)),
            ("/", Some(r#"["${credential}", 1, null]"#), "/", Some(r#"["hunter2\"",1,null]"#)),
            ("/", Some(r#"{"a": {"b": "${odd}"}}"#), "/", Some("{\"a\":{\"b\":\"../a?b=\\\"c\\\"&d/é\"}}")),
        ] {
            let request = carried().request(&step(path, body)).unwrap();
            assert_eq!((request.path.as_str(), request.body.as_deref()), (filled, sent));
            assert_eq!(request.with_credential, body.is_some_and(|body| body.contains("credential")));
            assert_eq!(request.headers.len(), usize::from(body.is_some()), "JSON is called so");
        }
        let missing = carried().request(&step("/${token}/${order}", Some(r#"["${media}", "${token}"]"#)));
        assert_eq!(missing.unwrap_err(), ["media", "token"]);
    }

    #[test]
    fn what_an_answer_leaves_behind_is_carried_over() {
        let mut carried = Carried::new("run-1", None);
        let mut signing_in = step("/sign-in", None);
        signing_in.capture = vec![
            capture("token", Some("$.session.token"), None, true),
            capture("number", Some("$.n"), None, false),
            capture("place", None, Some("Location"), false),
        ];
        let outcome = carried.take(&signing_in, &answer(200, r#"{"session": {"token": "t0ken"}, "n": 5}"#));
        assert_eq!((outcome.verdict, carried.secrets()), (Operational, ["t0ken".to_owned()].as_slice()));
        assert_eq!(carried.values["number"], json!(5));
        assert_eq!(carried.values["place"], json!("/orders/7"));
        for (body, place) in [
            ("{}", "\"token\" at $.session.token"),
            ("none", "\"token\" at $.session.token"),
            (r#"{"session": {"token": {"a": 1}}}"#, "\"token\" at $.session.token"),
            (r#"{"session": {"token": "a"}, "n": null}"#, "\"number\" at $.n"),
        ] {
            let outcome = Carried::new("run-1", None).take(&signing_in, &answer(200, body));
            assert_eq!((outcome.verdict, outcome.reason), (Outage, format!("nothing to carry over as {place}")));
        }
        let refused = Carried::new("run-1", None).take(&signing_in, &answer(503, "{}"));
        assert_eq!(refused.reason, "status 503, expected 200 to 299");
        signing_in.expect = vec![Expectation { status: vec![204], ..Expectation::none() }];
        assert_eq!(Carried::new("run-1", None).take(&signing_in, &answer(200, "{}")).verdict, Outage);
    }

    fn walked(name: &str, outcome: Option<(Verdict, &str)>) -> Walked {
        let outcome = outcome.map(|(verdict, reason)| Outcome::new(verdict, reason).answered("kept"));
        Walked { name: name.to_owned(), outcome, took: Duration::from_millis(5) }
    }

    #[test]
    fn the_failing_step_is_named_and_what_is_left_behind_told() {
        let probe = JourneyProbe {
            endpoint: "api".parse().unwrap(),
            steps: vec![step("/a", None), step("/b", None)],
            clean_up: vec![step("/c", None)],
            clean_up_time: None,
            production: false,
        };
        let good = || walked("sign in", Some((Operational, "status 200")));
        let bad = |verdict| walked("order", Some((verdict, "status 503")));
        let dirty = || walked("delete", Some((Outage, "status 500")));
        let left = "clean-up \"delete\" failed, so something may be left behind: status 500";
        for (steps, clean_up, verdict, reason) in [
            (vec![good(), good()], vec![good()], Operational, "2 steps, cleaned up".to_owned()),
            (vec![good(), good()], vec![], Operational, "2 steps".to_owned()),
            (vec![good(), good()], vec![dirty()], Degraded, left.to_owned()),
            (vec![good(), bad(Outage)], vec![good()], Outage, "step 2 of 2 \"order\": status 503".to_owned()),
            (vec![bad(Unknown)], vec![walked("delete", None)], Unknown, "step 1 of 2 \"order\": status 503".to_owned()),
            (vec![bad(Outage)], vec![dirty()], Outage, format!("step 1 of 2 \"order\": status 503; {left}")),
            (vec![bad(Degraded), good()], vec![good()], Degraded, "step 1 of 2 \"order\": status 503".to_owned()),
            (vec![bad(Degraded), bad(Outage)], vec![], Outage, "step 2 of 2 \"order\": status 503".to_owned()),
            (vec![good()], vec![], Unknown, "not every step was made".to_owned()),
        ] {
            let made = steps.len() + clean_up.len();
            let outcome = journey(&probe, &steps, &clean_up);
            assert_eq!((outcome.verdict, outcome.reason), (verdict, reason));
            assert_eq!(outcome.measurements.len(), made, "each step's time is told");
        }
    }
}
