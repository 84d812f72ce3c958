//! Rules between a check's own fields, told while the plan is read so that nobody learns of them at 3 am.
//!
//! References to other parts of the plan are judged with the plan, not here.

mod journey;
mod plugin;
mod query;

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json_path::JsonPath;

use super::{Check, DnsProbe, Expectation, HttpProbe, Method, ObjectSampleProbe, Probe, RecordType};
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
        Probe::Dns(probe) => dns(probe, reader, faults),
        Probe::ObjectSample(probe) => object_sample(probe, reader, faults),
        Probe::Heartbeat(_)
        | Probe::Bucket(_)
        | Probe::FileNewest(_)
        | Probe::Tcp(_)
        | Probe::Tls(_)
        | Probe::Postgres(_)
        | Probe::PostgresReplication(_)
        | Probe::PostgresArchive(_)
        | Probe::ObjectNewest(_)
        | Probe::StatusPage(_)
        | Probe::Vendor(_) => {}
    }
}

fn dns(probe: &DnsProbe, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    let lists = [("all-of", &probe.all_of), ("any-of", &probe.any_of), ("none-outside", &probe.none_outside)];
    for (key, values) in lists {
        for value in values {
            if let Some(kind) = odd_value(probe.record, value) {
                reader.fault(key, format!("\"{value}\" is not {kind}"), None, faults);
            }
        }
    }
    if !probe.none_outside.is_empty()
        && let Some(odd) = probe.all_of.iter().find(|value| !probe.none_outside.contains(value))
    {
        reader.fault("none-outside", format!("\"{odd}\" has to be there and may not be"), None, faults);
    }
}

/// What a value that no record of the type can hold should be.
fn odd_value(record: RecordType, value: &str) -> Option<&'static str> {
    let name = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let (fits, kind) = match record {
        RecordType::A => (value.parse::<Ipv4Addr>().is_ok(), "an IPv4 address"),
        RecordType::Aaaa => (value.parse::<Ipv6Addr>().is_ok(), "an IPv6 address"),
        RecordType::Mx => {
            let fits =
                value.split_once(' ').is_some_and(|(rank, host)| rank.parse::<u16>().is_ok() && name(host.trim()));
            (fits, "a mail server such as \"10 mail.example.org\"")
        }
        RecordType::Cname | RecordType::Ns => (name(value), "a name"),
        RecordType::Txt => (true, "a text"),
    };
    (!fits).then_some(kind)
}

fn object_sample(probe: &ObjectSampleProbe, reader: &mut TableReader<'_, '_>, faults: &mut Faults<'_>) {
    if !(1..=1_000).contains(&probe.sample) {
        let hint = Some("Between 1 and 1000.".to_owned());
        reader.fault("sample", format!("{} objects are not a usable number", probe.sample), hint, faults);
    }
    if !probe.query.contains("$1") {
        let hint = Some("Compare the key with any($1), such as \"where name = any($1)\".".to_owned());
        reader.fault("query", "does not ask for the keys that were drawn", hint, faults);
    }
    if probe.rows.as_ref().is_some_and(|rows| !rows.contains("$1")) {
        let hint = Some("End it with \"order by random() limit $1\".".to_owned());
        reader.fault("rows", "does not say how many rows are drawn", hint, faults);
    }
    if probe.whole.bytes() > 1 << 30 {
        let hint = Some("At most 1 GiB; of larger objects pieces are read.".to_owned());
        reader.fault("whole", format!("{} is too much to read", probe.whole), hint, faults);
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
    fn rules_of_the_other_kinds() {
        let query = "database = \"d\"\nquery = \"select name as key from objects where name = any($1)\"";
        let sample = |line: &str| format!("{query}\n{line}");
        for (kind, lines, fault) in [
            ("dns", "all-of = [\"192.0.2.1\"]\nmin-ttl = \"60s\"", None),
            ("dns", "all-of = [\"192.0.2\"]", Some("is not an IPv4 address")),
            ("dns", "record = \"AAAA\"\nany-of = [\"192.0.2.1\"]", Some("is not an IPv6 address")),
            ("dns", "record = \"MX\"\nany-of = [\"10 mail.example.org\"]", None),
            ("dns", "record = \"MX\"\nany-of = [\"mail.example.org\"]", Some("is not a mail server")),
            ("dns", "record = \"CNAME\"\nnone-outside = [\"a b\"]", Some("is not a name")),
            ("dns", "record = \"TXT\"\nall-of = [\"v=spf1 include:example.org -all\"]", None),
            ("dns", "record = \"SRV\"", Some("unknown word \"SRV\"")),
            ("dns", "all-of = [\"192.0.2.1\"]\nnone-outside = [\"192.0.2.2\"]", Some("has to be there and may not be")),
            ("bucket", "", None),
            (
                "bucket",
                "expect = [{ kind = \"versioning\", otherwise = \"degraded\" }, { kind = \"lifecycle\", keep = \"30d\" }]",
                None,
            ),
            ("bucket", "expect = [{ kind = \"versioning\", keep = \"30d\" }]", Some("unknown key \"keep\"")),
            ("bucket", "expect = [{ kind = \"lock\" }]", Some("unknown word \"lock\"")),
            ("bucket", "expect = [{ kind = \"lifecycle\" }]", Some("\"keep\"")),
            ("object-sample", &sample(""), None),
            ("object-sample", &sample("rows = \"select key from o order by random() limit $1\""), None),
            ("object-sample", &sample("rows = \"select key from o limit 3\""), Some("how many rows")),
            ("object-sample", &sample("sample = 0"), Some("not a usable number")),
            ("object-sample", &sample("whole = \"2 GiB\""), Some("too much to read")),
            (
                "object-sample",
                "database = \"d\"\nquery = \"select name as key from objects\"",
                Some("keys that were drawn"),
            ),
            ("file-newest", "max-age = \"25h\"", None),
            ("file-newest", "max-age = \"25h\"\nwithout-folder = \"operational\"", Some("unknown word")),
        ] {
            faults_of(kind, &format!("endpoint = \"e\"\n{lines}"), fault);
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
