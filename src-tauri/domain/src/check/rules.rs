//! Rules between a check's own fields, told while the plan is read so that nobody learns of them at 3 am.
//!
//! References to other parts of the plan are judged with the plan, not here.

mod journey;
mod plugin;
mod query;

use serde_json_path::JsonPath;

use super::{Check, Expectation, HttpProbe, Method, Probe};
use crate::plan::{
    quantity::Period,
    read::{Faults, TableReader, shown},
};

pub(super) fn judge(check: &Check, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    if check.interval < Period::from_millis(100) {
        let hint = "The shortest interval is 100ms.".to_owned();
        reader.fault("interval", "checks more often than this program can", Some(hint), faults);
    }
    if check.timeout > check.interval {
        let hint = format!("Make it at most the interval, {}.", check.interval);
        reader.fault("timeout", "longer than the interval, so checks would queue up", Some(hint), faults);
    }
    if check.timeout.as_millis() == 0 {
        reader.fault("timeout", "no time to answer in", None, faults);
    }
    if !(1..=100).contains(&check.failures) {
        let hint = "Between 1 and 100.".to_owned();
        reader.fault("failures", format!("{} failures are not a usable number", check.failures), Some(hint), faults);
    }
    match &check.probe {
        Probe::Http(probe) => http(probe, reader, faults),
        Probe::Journey(probe) => journey::judge(check, probe, reader, faults),
        Probe::Plugin(probe) => plugin::judge(probe, reader, faults),
        Probe::Sql(probe) => query::sql(probe, reader, faults),
        Probe::PostgresSize(probe) => query::size(probe, reader, faults),
        Probe::Heartbeat(_)
        | Probe::Tcp(_)
        | Probe::Tls(_)
        | Probe::Postgres(_)
        | Probe::PostgresReplication(_)
        | Probe::PostgresArchive(_)
        | Probe::ObjectNewest(_)
        | Probe::StatusPage(_) => {}
    }
}

fn http(probe: &HttpProbe, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    for (at, expectation) in probe.expect.iter().enumerate() {
        if let Err(message) = validate(expectation, probe.method == Method::Head) {
            reader.fault("expect", format!("expectation {}: {message}", at + 1), None, faults);
        }
    }
    if let Err((message, hint)) = path(&probe.path) {
        reader.fault("path", message, hint.map(str::to_owned), faults);
    }
    for (name, value) in &probe.headers {
        let key = format!("headers.{name}");
        if let Err(message) = header(name, value) {
            let hint = (message == CREDENTIAL).then(|| "Give the endpoint a \"credential\" instead.".to_owned());
            reader.fault("headers", format!("\"{key}\": {message}"), hint, faults);
        }
    }
}

fn path(path: &str) -> Result<(), (&'static str, Option<&'static str>)> {
    if !path.starts_with('/') {
        return Err(("a path begins with a slash", None));
    }
    if path.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(("a path holds no spaces", Some("Write a space as \"%20\".")));
    }
    Ok(())
}

const CREDENTIAL: &str = "a plan holds no credentials";

fn header(name: &str, value: &str) -> Result<(), &'static str> {
    // RFC 9110 section 5.6.2, tokens; and 5.5, field values.
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("not the name of a header");
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return Err("the value holds letters a header cannot");
    }
    if ["authorization", "proxy-authorization", "cookie"].contains(&name.to_ascii_lowercase().as_str()) {
        return Err(CREDENTIAL);
    }
    Ok(())
}

fn validate(expectation: &Expectation, without_body: bool) -> Result<(), String> {
    let Expectation { status, json, text, .. } = expectation;
    let subjects = usize::from(!status.is_empty()) + usize::from(json.is_some()) + usize::from(text.is_some());
    if subjects != 1 {
        return Err("name exactly one of \"status\", \"json\" and \"text\"".to_owned());
    }
    if without_body && status.is_empty() {
        return Err("the answer to HEAD has no body to look into".to_owned());
    }
    if let Some(odd) = status.iter().find(|status| !(100..=599).contains(*status)) {
        return Err(format!("{odd} is not an HTTP status"));
    }
    if let Some(path) = json
        && let Err(error) = JsonPath::parse(path)
    {
        return Err(format!("\"{}\" is not a JSONPath: {}", shown(path), error.message()));
    }
    let comparisons = usize::from(expectation.is.is_some())
        + usize::from(expectation.is_not.is_some())
        + usize::from(!expectation.one_of.is_empty())
        + usize::from(expectation.at_most.is_some())
        + usize::from(expectation.at_least.is_some());
    match (json.is_some(), comparisons) {
        (true, 1) | (false, 0) => Ok(()),
        (true, _) => {
            Err("\"json\" needs exactly one of \"is\", \"is-not\", \"one-of\", \"at-most\" and \"at-least\"".to_owned())
        }
        (false, _) => Err("only \"json\" takes a comparison".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read::{Places, Source, read_file};

    /// Asserts that a check of a kind with these lines has a fault with these words, or none.
    #[track_caller]
    pub(super) fn faults_of(kind: &str, lines: &str, fault: Option<&str>) {
        let text = format!("[check]\nname = \"A\"\nof = \"a\"\nkind = \"{kind}\"\n{lines}\n");
        let source = Source::new("checks.toml", &text);
        let (_, faults) =
            read_file(&source, &mut Places::new(), |reader, faults| reader.field::<Check>("check", None, faults));
        let found: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
        match fault {
            None => assert!(found.is_empty(), "{lines}: {found:?}"),
            Some(words) => assert!(found.iter().any(|found| found.contains(words)), "{lines}: {found:?}"),
        }
    }

    #[test]
    fn rules_of_http_checks() {
        let good = r#"expect = [{ json = "$.status", is = "ok" }, { status = [200, 204] }, { text = "fine" }]"#;
        for (lines, fault) in [
            ("", None),
            (good, None),
            (r#"expect = [{ json = "$..items[?@.age > 3].name", at-most = 3 }]"#, None),
            (r#"expect = [{ json = "status", is = "ok" }]"#, Some("is not a JSONPath")),
            (r#"expect = [{ json = "$.a[", is = "ok" }]"#, Some("is not a JSONPath")),
            (r#"expect = [{ json = "$.a" }]"#, Some("needs exactly one of")),
            (r#"expect = [{ json = "$.a", is = 1, is-not = 2 }]"#, Some("needs exactly one of")),
            (r#"expect = [{ text = "a", is = 1 }]"#, Some("only \"json\"")),
            ("expect = [{ otherwise = \"degraded\" }]", Some("name exactly one")),
            ("expect = [{ status = [42] }]", Some("42 is not an HTTP status")),
            ("method = \"HEAD\"\nexpect = [{ text = \"a\" }]", Some("no body")),
            ("method = \"HEAD\"\nexpect = [{ status = [200] }]", None),
            ("path = \"health\"", Some("begins with a slash")),
            ("path = \"/a b\"", Some("no spaces")),
            ("headers = { \"X-A\" = \"b\" }", None),
            ("headers = { \"X A\" = \"b\" }", Some("not the name of a header")),
            ("headers = { \"X-A\" = \"b\\nc\" }", Some("letters a header cannot")),
            ("headers = { Authorization = \"Bearer x\" }", Some("no credentials")),
            ("interval = \"50ms\"\ntimeout = \"40ms\"", Some("more often")),
            ("timeout = \"31s\"", Some("longer than the interval")),
            ("timeout = \"0s\"", Some("no time")),
            ("failures = 0", Some("not a usable number")),
        ] {
            faults_of("http", &format!("endpoint = \"e\"\n{lines}"), fault);
        }
    }
}
