//! Rules of journeys: every place that is filled in has a value by then, and the time is enough to clean up.

use std::collections::BTreeSet;

use serde_json_path::JsonPath;

use super::{CREDENTIAL as HELD_CREDENTIAL, Faults, TableReader, header, path, shown, validate};
use crate::check::probe::{CREDENTIAL, RUN};
use crate::check::{Check, JourneyProbe, JourneyStep};
use crate::places;

pub(super) fn judge(check: &Check, probe: &JourneyProbe, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    if probe.steps.is_empty() {
        reader.fault("steps", "a journey without steps", None, faults);
    }
    if probe.reserve(check.timeout) >= check.timeout {
        let hint = Some(format!("Make it shorter than the timeout, {}.", check.timeout));
        reader.fault("clean-up-time", "leaves no time for the steps", hint, faults);
    }
    let mut known: BTreeSet<&str> = BTreeSet::from([RUN, CREDENTIAL]);
    let all =
        probe.steps.iter().map(|step| ("steps", step)).chain(probe.clean_up.iter().map(|step| ("clean-up", step)));
    for (key, step) in all {
        if let Err(message) = validated(step, &known) {
            reader.fault(key, format!("step \"{}\": {message}", shown(&step.name)), None, faults);
        }
        known.extend(step.capture.iter().map(|capture| capture.name.as_str()));
    }
}

fn validated(step: &JourneyStep, known: &BTreeSet<&str>) -> Result<(), String> {
    path(&step.path).map_err(|(message, _)| message.to_owned())?;
    if places::names(&step.path).any(|name| name == CREDENTIAL) {
        return Err("a credential does not belong into a path, which everybody logs".to_owned());
    }
    for (name, value) in &step.headers {
        match header(name, value) {
            // A credential that comes from elsewhere is none that the plan holds.
            Err(message) if message == HELD_CREDENTIAL && value.contains("${") => {}
            Err(message) => return Err(format!("header \"{}\": {message}", shown(name))),
            Ok(()) => {}
        }
    }
    if let Some(body) = &step.body
        && let Err(error) = serde_json::from_str::<serde_json::Value>(body)
    {
        return Err(format!("the body is not JSON: {error}"));
    }
    for text in JourneyProbe::texts(step) {
        if !places::are_closed(text) {
            return Err("\"${\" without a closing \"}\"".to_owned());
        }
        if let Some(name) = places::names(text).find(|name| !known.contains(name)) {
            return Err(format!("no earlier step captures \"{}\"", shown(name)));
        }
    }
    for (at, expectation) in step.expect.iter().enumerate() {
        validate(expectation, false).map_err(|message| format!("expectation {}: {message}", at + 1))?;
    }
    for capture in &step.capture {
        let name = &capture.name;
        if [RUN, CREDENTIAL].contains(&name.as_str()) {
            return Err(format!("\"{name}\" has a meaning already"));
        }
        match (&capture.json, &capture.header) {
            (Some(json), None) => {
                JsonPath::parse(json)
                    .map_err(|error| format!("\"{}\" is not a JSONPath: {}", shown(json), error.message()))?;
            }
            (None, Some(_)) => {}
            _ => return Err(format!("capture \"{name}\" needs either \"json\" or \"header\"")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::faults_of;

    #[test]
    fn rules_of_journeys() {
        let step = |rest: &str| format!("steps = [{{ name = \"a\", path = \"/a\"{rest} }}]");
        let capture = r#", capture = [{ name = "token", json = "$.token", secret = true }]"#;
        let then = |next: &str| {
            format!("steps = [{{ name = \"a\", path = \"/a\"{capture} }}, {{ name = \"b\", path = \"/b\", {next} }}]")
        };
        for (lines, fault) in [
            (step(""), None),
            (step(r#", method = "PUT", body = '{"a": "${run} ${credential}"}'"#), None),
            (then(r#"headers = { Authorization = "Bearer ${token}" }"#), None),
            ("steps = []".to_owned(), Some("without steps")),
            (step(r#", method = "HEAD""#), Some("unknown word")),
            (step(r#", body = "{""#), Some("not JSON")),
            (step(r#", headers = { Authorization = "Bearer x" }"#), Some("holds no credentials")),
            (step(r#", headers = { "X A" = "x" }"#), Some("not the name of a header")),
            (step(r#", headers = { "X-A" = "${token}" }"#), Some("no earlier step captures \"token\"")),
            (step(r#", headers = { "X-A" = "${run" }"#), Some("without a closing")),
            (step(r#", capture = [{ name = "run", json = "$.a" }]"#), Some("has a meaning already")),
            (step(r#", capture = [{ name = "x" }]"#), Some("either \"json\" or \"header\"")),
            (step(r#", capture = [{ name = "x", json = "$.a[" }]"#), Some("not a JSONPath")),
            (step(", expect = [{ status = [42] }]"), Some("not an HTTP status")),
            (r#"steps = [{ name = "a", path = "/${credential}" }]"#.to_owned(), Some("belong into a path")),
            (r#"steps = [{ name = "a", path = "a" }]"#.to_owned(), Some("begins with a slash")),
            (format!("{}\nclean-up = [{{ name = \"z\", path = \"/${{token}}\" }}]", then("expect = []")), None),
            (
                format!("{}\nclean-up = [{{ name = \"z\", path = \"/${{order}}\" }}]", step("")),
                Some("captures \"order\""),
            ),
            (
                format!("{}\nclean-up = [{{ name = \"z\", path = \"/z\" }}]\nclean-up-time = \"5s\"", step("")),
                Some("no time for the steps"),
            ),
        ] {
            faults_of("journey", &format!("endpoint = \"e\"\n{lines}"), fault);
        }
    }
}
