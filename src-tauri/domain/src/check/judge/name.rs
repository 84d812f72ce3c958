//! Judging a name: that it resolves, to what the plan says, wherever it was asked.
//!
//! That a name does not exist is an answer. That nobody could be asked is none: it may be our own network, and this
//! computer's resolver that could not find out may have lost its own way. Only servers the plan names answer for the
//! zone itself.

use std::net::IpAddr;

use super::words::{line, quoted};
use crate::{
    check::{DnsProbe, Outcome, RecordType, Verdict},
    plan::quantity::Period,
};

/// What one server said of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameAnswer {
    /// Records of the type asked for.
    Found {
        /// Their values.
        values: Vec<String>,
        /// The shortest time others may keep one of them, in seconds.
        ttl: u32,
        /// Whether the server answers for the zone itself, so that the time is not counted down.
        authoritative: bool,
    },
    /// The name does not exist (NXDOMAIN).
    NoSuchName,
    /// The name exists, but has no record of the type.
    NoSuchRecord,
    /// The server could not find out (SERVFAIL).
    Failed,
    /// The server will not answer us (REFUSED).
    Refused,
    /// Another refusal, by the protocol's name for it.
    Other(String),
    /// No answer came.
    Silent(Period),
    /// The server could not be asked.
    Unreachable(String),
}

/// A server and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAnswer {
    /// The server, as it is called in the environment.
    pub server: String,
    /// What it said.
    pub answer: NameAnswer,
}

impl NameAnswer {
    /// Whether it says how things are with the name.
    fn decides(&self) -> bool {
        matches!(self, Self::Found { .. } | Self::NoSuchName | Self::NoSuchRecord)
    }

    fn words(&self, record: RecordType) -> String {
        match self {
            Self::Found { values, .. } => listed(values),
            Self::NoSuchName => "no such name".to_owned(),
            Self::NoSuchRecord => format!("the name has no {record} record"),
            Self::Failed => "could not find out (SERVFAIL)".to_owned(),
            Self::Refused => "does not answer us (REFUSED)".to_owned(),
            Self::Other(code) => format!("answered {}", line(code, 40)),
            Self::Silent(limit) => format!("no answer within {limit}"),
            Self::Unreachable(why) => line(why, 120),
        }
    }
}

/// Judges what this computer's resolvers said, in the order in which it would ask them: the first that knows decides.
pub fn dns_here(probe: &DnsProbe, answers: &[ServerAnswer]) -> Outcome {
    let told = transcript(probe, answers);
    match answers.iter().find(|answer| answer.answer.decides()) {
        Some(first) => judge(probe, &first.answer),
        None => Outcome::unknown(match answers.first() {
            Some(first) => format!("this computer's resolver: {}", first.answer.words(probe.record)),
            None => "this computer has no resolver".to_owned(),
        }),
    }
    .answered(told)
}

/// Judges what servers named by the plan said. Each answers for the name, so each has to be right; one that does not
/// answer while another does is missed, and when none does nothing is known.
pub fn dns_named(probe: &DnsProbe, answers: &[ServerAnswer]) -> Outcome {
    let told = transcript(probe, answers);
    let words = |of: &ServerAnswer| format!("{}: {}", line(&of.server, 80), of.answer.words(probe.record));
    let some = answers.iter().any(|answer| answer.answer.decides());
    let all_failed = !answers.is_empty() && answers.iter().all(|answer| answer.answer == NameAnswer::Failed);
    let outcomes = answers.iter().map(|of| match (of.answer.decides(), some, all_failed) {
        (true, _, _) => {
            let judged = judge(probe, &of.answer);
            let alone = answers.len() == 1 || judged.verdict == Verdict::Operational;
            if alone {
                judged
            } else {
                Outcome { reason: format!("{}: {}", line(&of.server, 80), judged.reason), ..judged }
            }
        }
        (false, true, _) => Outcome::degraded(words(of)),
        (false, false, true) => Outcome::outage(words(of)),
        (false, false, false) => Outcome::unknown(words(of)),
    });
    Outcome::worst(outcomes.collect()).unwrap_or_else(|| Outcome::unknown("no server was asked")).answered(told)
}

fn transcript(probe: &DnsProbe, answers: &[ServerAnswer]) -> String {
    let lines = answers.iter().map(|of| format!("{}: {}", of.server, of.answer.words(probe.record)));
    lines.collect::<Vec<_>>().join("\n")
}

fn judge(probe: &DnsProbe, answer: &NameAnswer) -> Outcome {
    let NameAnswer::Found { values, ttl, authoritative } = answer else {
        return Outcome::outage(answer.words(probe.record));
    };
    let told = |outcome: Outcome| {
        outcome.measured("values", values.len() as f64, "values").measured("time to live", f64::from(*ttl), "s")
    };
    if let Some(reason) = differs(probe, values) {
        return told(Outcome::new(probe.otherwise.into(), reason));
    }
    match probe.min_ttl {
        Some(_) if !authoritative => {
            told(Outcome::unknown("how long others may keep it is not known: the answer comes from a cache"))
        }
        Some(least) if u64::from(*ttl) * 1_000 < least.as_millis() => {
            let kept = Period::from_secs(u64::from(*ttl));
            told(Outcome::degraded(format!("others keep it for {kept}, expected at least {least}")))
        }
        Some(_) | None => told(Outcome::operational(format!("resolves to {}", listed(values)))),
    }
}

/// What is wrong with the values, if anything is.
fn differs(probe: &DnsProbe, values: &[String]) -> Option<String> {
    let found: Vec<String> = values.iter().map(|value| normal(probe.record, value)).collect();
    let there = |wanted: &String| found.contains(&normal(probe.record, wanted));
    if let Some(missing) = probe.all_of.iter().find(|wanted| !there(wanted)) {
        return Some(format!("resolves to {}, without {}", listed(values), quoted(missing)));
    }
    if !probe.any_of.is_empty() && !probe.any_of.iter().any(there) {
        return Some(format!("resolves to {}, none of them expected", listed(values)));
    }
    if probe.none_outside.is_empty() {
        return None;
    }
    let allowed: Vec<String> = probe.none_outside.iter().map(|value| normal(probe.record, value)).collect();
    let foreign = values.iter().find(|value| !allowed.contains(&normal(probe.record, value)))?;
    Some(format!("resolves to {}, which nobody expects", quoted(foreign)))
}

/// One way of writing what can be written in several.
fn normal(record: RecordType, value: &str) -> String {
    match record {
        RecordType::A | RecordType::Aaaa => {
            value.parse::<IpAddr>().map_or_else(|_| value.to_owned(), |address| address.to_string())
        }
        RecordType::Cname | RecordType::Mx | RecordType::Ns => {
            let words: Vec<&str> = value.split_whitespace().collect();
            words.join(" ").trim_end_matches('.').to_ascii_lowercase()
        }
        RecordType::Txt => value.to_owned(),
    }
}

fn listed(values: &[String]) -> String {
    let shown: Vec<String> = values.iter().take(3).map(|value| line(value, 60)).collect();
    match values.len() {
        0..=3 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), more - 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{
        Otherwise,
        Verdict::{Degraded, Operational, Outage, Unknown},
    };

    fn probe(record: RecordType) -> DnsProbe {
        DnsProbe {
            endpoint: "name".parse().unwrap(),
            record,
            all_of: Vec::new(),
            any_of: Vec::new(),
            none_outside: Vec::new(),
            otherwise: Otherwise::Outage,
            min_ttl: None,
        }
    }

    fn found(values: &[&str]) -> NameAnswer {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        NameAnswer::Found { values, ttl: 300, authoritative: true }
    }

    fn said(answers: Vec<NameAnswer>) -> Vec<ServerAnswer> {
        let named = |(number, answer)| ServerAnswer { server: format!("ns{}", number + 1), answer };
        answers.into_iter().enumerate().map(named).collect()
    }

    fn silent() -> NameAnswer {
        NameAnswer::Silent(Period::from_secs(2))
    }

    /// A type of record, the values found, those wanted (all, any, nothing else), and what follows.
    type Case = (RecordType, &'static [&'static str], [&'static [&'static str]; 3], Verdict, &'static str);

    #[test]
    fn values_are_compared_as_their_record_is_written() {
        use RecordType::{A, Aaaa, Cname, Mx, Ns, Txt};
        let words = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let table: [Case; 13] = [
            (A, &["192.0.2.1"], [&[], &[], &[]], Operational, "resolves to 192.0.2.1"),
            (
                A,
                &["192.0.2.1", "192.0.2.2"],
                [&["192.0.2.2"], &[], &[]],
                Operational,
                "resolves to 192.0.2.1, 192.0.2.2",
            ),
            (
                A,
                &["192.0.2.1"],
                [&["192.0.2.1", "192.0.2.2"], &[], &[]],
                Outage,
                "resolves to 192.0.2.1, without \"192.0.2.2\"",
            ),
            (A, &["192.0.2.1"], [&[], &["192.0.2.9", "192.0.2.1"], &[]], Operational, "resolves to 192.0.2.1"),
            (A, &["192.0.2.1"], [&[], &["192.0.2.9"], &[]], Outage, "resolves to 192.0.2.1, none of them expected"),
            (
                A,
                &["192.0.2.1", "203.0.113.9"],
                [&[], &[], &["192.0.2.1"]],
                Outage,
                "resolves to \"203.0.113.9\", which nobody expects",
            ),
            (A, &["192.0.2.1"], [&[], &[], &["192.0.2.1", "192.0.2.2"]], Operational, "resolves to 192.0.2.1"),
            (Aaaa, &["2001:db8::1"], [&["2001:0DB8:0::1"], &[], &[]], Operational, "resolves to 2001:db8::1"),
            (
                Cname,
                &["Edge.Example.org."],
                [&["edge.example.org"], &[], &[]],
                Operational,
                "resolves to Edge.Example.org.",
            ),
            (
                Mx,
                &["10 mail.example.org."],
                [&["10  mail.example.org"], &[], &[]],
                Operational,
                "resolves to 10 mail.example.org.",
            ),
            (
                Mx,
                &["20 mail.example.org."],
                [&["10 mail.example.org"], &[], &[]],
                Outage,
                "resolves to 20 mail.example.org., without \"10 mail.example.org\"",
            ),
            (
                Txt,
                &["v=spf1 -all"],
                [&["V=SPF1 -all"], &[], &[]],
                Outage,
                "resolves to v=spf1 -all, without \"V=SPF1 -all\"",
            ),
            (Ns, &["a.", "b.", "c.", "d.", "e."], [&[], &[], &[]], Operational, "resolves to a., b., c. and 2 more"),
        ];
        for (record, values, [all, any, outside], verdict, reason) in table {
            let probe =
                DnsProbe { all_of: words(all), any_of: words(any), none_outside: words(outside), ..probe(record) };
            let outcome = dns_here(&probe, &said(vec![found(values)]));
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
            let milder = DnsProbe { otherwise: Otherwise::Degraded, ..probe };
            let expected = if verdict == Outage { Degraded } else { verdict };
            assert_eq!(dns_named(&milder, &said(vec![found(values)])).verdict, expected);
        }
    }

    #[test]
    fn this_computers_resolver_is_believed_only_where_it_knows() {
        for (answers, verdict, reason) in [
            (vec![found(&["192.0.2.1"])], Operational, "resolves to 192.0.2.1"),
            (vec![NameAnswer::NoSuchName], Outage, "no such name"),
            (vec![NameAnswer::NoSuchRecord], Outage, "the name has no A record"),
            (vec![NameAnswer::Failed], Unknown, "this computer's resolver: could not find out (SERVFAIL)"),
            (vec![NameAnswer::Refused], Unknown, "this computer's resolver: does not answer us (REFUSED)"),
            (vec![NameAnswer::Other("NOTIMP".to_owned())], Unknown, "this computer's resolver: answered NOTIMP"),
            (vec![silent()], Unknown, "this computer's resolver: no answer within 2s"),
            (vec![silent(), NameAnswer::Failed, found(&["192.0.2.1"])], Operational, "resolves to 192.0.2.1"),
            (vec![silent(), NameAnswer::NoSuchName, found(&["192.0.2.1"])], Outage, "no such name"),
            (Vec::new(), Unknown, "this computer has no resolver"),
        ] {
            let outcome = dns_here(&probe(RecordType::A), &said(answers));
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
    }

    #[test]
    fn each_server_the_plan_names_has_to_be_right() {
        let probe = DnsProbe { all_of: vec!["192.0.2.1".to_owned()], ..probe(RecordType::A) };
        let good = || found(&["192.0.2.1"]);
        for (answers, verdict, reason) in [
            (vec![good(), good()], Operational, "resolves to 192.0.2.1"),
            (vec![good(), found(&["192.0.2.8"])], Outage, "ns2: resolves to 192.0.2.8, without \"192.0.2.1\""),
            (vec![good(), NameAnswer::NoSuchName], Outage, "ns2: no such name"),
            (vec![NameAnswer::NoSuchName], Outage, "no such name"),
            (vec![good(), silent()], Degraded, "ns2: no answer within 2s"),
            (vec![good(), NameAnswer::Refused], Degraded, "ns2: does not answer us (REFUSED)"),
            (vec![NameAnswer::Failed, NameAnswer::Failed], Outage, "ns1: could not find out (SERVFAIL); and 1 more"),
            (vec![NameAnswer::Failed, silent()], Unknown, "ns1: could not find out (SERVFAIL); and 1 more"),
            (vec![silent()], Unknown, "ns1: no answer within 2s"),
            (vec![NameAnswer::Refused], Unknown, "ns1: does not answer us (REFUSED)"),
            (vec![NameAnswer::Unreachable("name not found: ns1".to_owned())], Unknown, "ns1: name not found: ns1"),
            (Vec::new(), Unknown, "no server was asked"),
        ] {
            let count = answers.len();
            let outcome = dns_named(&probe, &said(answers));
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
            assert_eq!(outcome.answer.unwrap_or_default().lines().count(), count, "every server is told of");
        }
    }

    #[test]
    fn the_time_others_keep_it_is_only_known_from_the_zone_itself() {
        let probe = DnsProbe { min_ttl: Some(Period::from_secs(300)), ..probe(RecordType::A) };
        for (ttl, authoritative, verdict, reason) in [
            (300, true, Operational, "resolves to 192.0.2.1"),
            (299, true, Degraded, "others keep it for 4m 59s, expected at least 5m"),
            (3_600, false, Unknown, "how long others may keep it is not known: the answer comes from a cache"),
        ] {
            let answer = NameAnswer::Found { values: vec!["192.0.2.1".to_owned()], ttl, authoritative };
            let outcome = dns_named(&probe, &said(vec![answer]));
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
            let measured: Vec<f64> = outcome.measurements.iter().map(|measured| measured.value).collect();
            assert_eq!(measured, [1.0, f64::from(ttl)]);
        }
    }
}
