//! Judging what a provider says of itself. Four shapes of feeds; a page of another shape, or one that answers with
//! HTML, is unknown: a status page that cannot be read says nothing about the provider.

use serde_json::Value;

use super::document::{NoDocument, document};
use super::http::HttpAnswer;
use super::words::{counted, quoted};
use crate::check::{Feed, Outcome, StatusPageProbe, Verdict};

/// What a feed says, or what about its shape is not as it was.
type Told = Result<Outcome, String>;

/// Judges a feed's answer.
pub fn status_page(probe: &StatusPageProbe, answer: &HttpAnswer) -> Outcome {
    read(probe, answer)
        .unwrap_or_else(|why| Outcome::unknown(format!("status page: {why}")))
        .answered(answer.evidence())
}

fn read(probe: &StatusPageProbe, answer: &HttpAnswer) -> Told {
    if answer.status != 200 {
        return Err(format!("status {}, expected 200", answer.status));
    }
    let media_type = answer.media_type();
    if media_type != "application/json" && !media_type.ends_with("+json") {
        return Err(format!("not JSON ({media_type})"));
    }
    if !answer.whole {
        return Err("too long to read".to_owned());
    }
    let document = document(&answer.body).map_err(|why| match why {
        NoDocument::TooMany => "too many values to read".to_owned(),
        NoDocument::NotJson => answer.compressed().unwrap_or_else(|| "not valid JSON".to_owned()),
    })?;
    match probe.feed {
        Feed::Statuspage => statuspage(&document, &probe.components),
        Feed::Stripe => stripe(&document, &probe.components),
        Feed::Google => google(&document, &probe.components),
        Feed::Slack => slack(&document, &probe.components),
    }
}

fn changed(what: &str) -> String {
    format!("its shape has changed: {what}")
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value.get(key).and_then(Value::as_array).ok_or_else(|| changed(&format!("no list \"{key}\"")))
}

/// Sums up several parts of a page; fine when none is bad.
fn sum(parts: Vec<Outcome>, fine: String) -> Outcome {
    let bad = parts.into_iter().filter(|part| part.verdict != Verdict::Operational).collect();
    Outcome::worst(bad).unwrap_or_else(|| Outcome::operational(fine))
}

/// Statuspage v2, `/api/v2/summary.json`.
fn statuspage(document: &Value, wanted: &[String]) -> Told {
    let status = document.get("status").ok_or_else(|| changed("no \"status\""))?;
    let indicator = text(status, "indicator").ok_or_else(|| changed("no \"status.indicator\""))?;
    let components = list(document, "components")?;
    if !wanted.is_empty() {
        let parts = wanted.iter().map(|name| {
            let found = components.iter().find(|component| text(component, "name") == Some(name));
            let found = found.ok_or_else(|| format!("no component {}", quoted(name)))?;
            let word = text(found, "status").ok_or_else(|| changed("a component without \"status\""))?;
            let verdict = match word {
                "operational" => Verdict::Operational,
                "degraded_performance" | "under_maintenance" => Verdict::Degraded,
                // Statuspage itself sums a partial outage up as "major".
                "partial_outage" | "major_outage" => Verdict::Outage,
                other => return Err(changed(&format!("component status {}", quoted(other)))),
            };
            Ok(Outcome::new(verdict, format!("says {}: {}", quoted(name), word.replace('_', " "))))
        });
        let parts = parts.map(|part: Told| part.unwrap_or_else(|why| Outcome::unknown(format!("status page: {why}"))));
        let fine = format!("says operational: {}", wanted.join(", "));
        return Ok(sum(parts.collect(), fine));
    }
    let verdict = match indicator {
        "none" => Verdict::Operational,
        "minor" | "maintenance" => Verdict::Degraded,
        "major" | "critical" => Verdict::Outage,
        other => return Err(changed(&format!("indicator {}", quoted(other)))),
    };
    let description = text(status, "description").unwrap_or(indicator);
    Ok(Outcome::new(verdict, format!("says {indicator}: {}", quoted(description))))
}

/// Stripe, `/current/full`. The shape has changed over the years, so the sum is looked for under its known names.
fn stripe(document: &Value, wanted: &[String]) -> Told {
    let judge = |name: &str, word: &str| {
        let verdict = match word.to_ascii_lowercase().as_str() {
            "up" => Verdict::Operational,
            "degraded" => Verdict::Degraded,
            "down" => Verdict::Outage,
            other => return Err(changed(&format!("state {}", quoted(other)))),
        };
        Ok(Outcome::new(verdict, format!("says {}: {}", quoted(name), word.to_ascii_lowercase())))
    };
    if wanted.is_empty() {
        let names = ["UptimeStatus", "uptimestatus", "largestatus"];
        let word = names.iter().find_map(|name| text(document, name)).ok_or_else(|| changed("no \"UptimeStatus\""))?;
        return judge(text(document, "message").unwrap_or("all services"), word);
    }
    let states = document.get("statuses").and_then(Value::as_object).ok_or_else(|| changed("no \"statuses\""))?;
    let parts = wanted.iter().map(|name| match states.get(name).and_then(Value::as_str) {
        Some(word) => judge(name, word),
        None => Err(format!("no component {}", quoted(name))),
    });
    let parts = parts.map(|part| part.unwrap_or_else(|why| Outcome::unknown(format!("status page: {why}"))));
    Ok(sum(parts.collect(), format!("says up: {}", wanted.join(", "))))
}

/// Whether an incident is about what we depend on. One that does not say what it is about may be.
fn concerns_us<'a>(names: impl Iterator<Item = &'a str>, wanted: &[String]) -> bool {
    let mut names = names.peekable();
    wanted.is_empty() || names.peek().is_none() || names.any(|name| wanted.iter().any(|wanted| wanted == name))
}

/// Google, `/incidents.json`: every incident, also those that are over. Without an `end` it is open.
fn google(document: &Value, wanted: &[String]) -> Told {
    let incidents = document.as_array().ok_or_else(|| changed("not a list"))?;
    if incidents.iter().any(|incident| text(incident, "begin").is_none()) {
        return Err(changed("an incident without \"begin\""));
    }
    let concerns = |incident: &Value| {
        let products = incident.get("affected_products").and_then(Value::as_array);
        let titles = products.into_iter().flatten().filter_map(|product| text(product, "title"));
        concerns_us(titles.chain(text(incident, "service_name")), wanted)
    };
    // An end that is no time is none.
    let open = |incident: &&Value| text(incident, "end").is_none_or(str::is_empty);
    let parts: Result<Vec<Outcome>, String> = incidents
        .iter()
        .filter(open)
        .filter(|incident| concerns(incident))
        .map(|incident| {
            let severity = text(incident, "severity").map(str::to_ascii_lowercase);
            let verdict = match (text(incident, "status_impact"), severity.as_deref()) {
                (Some("SERVICE_OUTAGE"), _) | (None, Some("high")) => Verdict::Outage,
                (Some("SERVICE_DISRUPTION" | "SERVICE_INFORMATION"), _) | (None, Some("medium" | "low")) => {
                    Verdict::Degraded
                }
                _ => return Err(changed("an open incident without a known severity")),
            };
            let words = text(incident, "external_desc").or_else(|| text(incident, "service_name"));
            Ok(Outcome::new(verdict, format!("says: {}", quoted(words.unwrap_or("an incident is open")))))
        })
        .collect();
    Ok(sum(parts?, "says: no open incident".to_owned()))
}

/// Slack, `/api/v2.0.0/current`.
fn slack(document: &Value, wanted: &[String]) -> Told {
    let status = text(document, "status").ok_or_else(|| changed("no \"status\""))?;
    let incidents = list(document, "active_incidents")?;
    if !["ok", "active"].contains(&status) || (status == "active" && incidents.is_empty()) {
        return Err(changed(&format!(
            "status {} with {}",
            quoted(status),
            counted(incidents.len() as u64, "incident")
        )));
    }
    let concerns = |incident: &&Value| {
        let services = incident.get("services").and_then(Value::as_array);
        concerns_us(services.into_iter().flatten().filter_map(Value::as_str), wanted)
    };
    let parts: Result<Vec<Outcome>, String> = incidents
        .iter()
        .filter(concerns)
        .map(|incident| {
            let kind = text(incident, "type").unwrap_or("nothing");
            let verdict = match kind {
                "outage" => Verdict::Outage,
                "incident" | "notice" | "maintenance" => Verdict::Degraded,
                other => return Err(changed(&format!("incident type {}", quoted(other)))),
            };
            let title = text(incident, "title").unwrap_or("an incident is open");
            Ok(Outcome::new(verdict, format!("says {kind}: {}", quoted(title))))
        })
        .collect();
    Ok(sum(parts?, "says ok".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};

    fn judged(feed: Feed, components: &[&str], body: &Value) -> (Verdict, String) {
        let probe = StatusPageProbe {
            endpoint: "page".parse().unwrap(),
            feed,
            components: components.iter().map(|&name| name.to_owned()).collect(),
        };
        let answer = HttpAnswer {
            status: 200,
            content_type: Some("application/json; charset=utf-8".to_owned()),
            body: body.to_string(),
            whole: true,
            ..HttpAnswer::default()
        };
        let outcome = status_page(&probe, &answer);
        (outcome.verdict, outcome.reason)
    }

    #[test]
    fn statuspage_indicators() {
        let page = |indicator: &str| json!({"status": {"indicator": indicator, "description": "Some Words"}, "components": []});
        for (indicator, verdict) in [
            ("none", Operational),
            ("minor", Degraded),
            ("maintenance", Degraded),
            ("major", Outage),
            ("critical", Outage),
            ("purple", Unknown),
        ] {
            assert_eq!(judged(Feed::Statuspage, &[], &page(indicator)).0, verdict, "{indicator}");
        }
        assert_eq!(judged(Feed::Statuspage, &[], &page("minor")).1, "says minor: \"Some Words\"");
    }

    #[test]
    fn statuspage_components_are_picked_by_name() {
        let page = json!({"status": {"indicator": "critical", "description": "All is lost"}, "components": [
            {"name": "Database", "status": "operational"},
            {"name": "Auth", "status": "degraded_performance"},
            {"name": "Storage", "status": "partial_outage"},
            {"name": "Edge", "status": "under_maintenance"},
            {"name": "Odd", "status": "purple"},
        ]});
        for (wanted, verdict, reason) in [
            (&["Database"][..], Operational, "says operational: Database"),
            (&["Auth"], Degraded, "says \"Auth\": degraded performance"),
            (&["Edge"], Degraded, "says \"Edge\": under maintenance"),
            (&["Database", "Auth", "Storage"], Outage, "says \"Storage\": partial outage"),
            (&["Database", "Realtime"], Unknown, "status page: no component \"Realtime\""),
            (&["Odd"], Unknown, "status page: its shape has changed: component status \"purple\""),
            (&["Realtime", "Storage"], Outage, "says \"Storage\": partial outage"),
        ] {
            assert_eq!(judged(Feed::Statuspage, wanted, &page), (verdict, reason.to_owned()));
        }
    }

    #[test]
    fn stripe_states() {
        for (body, verdict, reason) in [
            (
                json!({"UptimeStatus": "up", "message": "All services are online."}),
                Operational,
                "says \"All services are online.\": up",
            ),
            (json!({"largestatus": "up"}), Operational, "says \"all services\": up"),
            (json!({"uptimestatus": "Degraded"}), Degraded, "says \"all services\": degraded"),
            (json!({"UptimeStatus": "down"}), Outage, "says \"all services\": down"),
            (json!({"UptimeStatus": "purple"}), Unknown, "status page: its shape has changed: state \"purple\""),
            (json!({"status": "up"}), Unknown, "status page: its shape has changed: no \"UptimeStatus\""),
        ] {
            assert_eq!(judged(Feed::Stripe, &[], &body), (verdict, reason.to_owned()));
        }
        let parts = json!({"UptimeStatus": "down", "statuses": {"api": "up", "dashboard": "down"}});
        assert_eq!(judged(Feed::Stripe, &["api"], &parts), (Operational, "says up: api".to_owned()));
        assert_eq!(judged(Feed::Stripe, &["api", "dashboard"], &parts).0, Outage);
        assert_eq!(judged(Feed::Stripe, &["webhooks"], &parts).0, Unknown);
        assert_eq!(judged(Feed::Stripe, &["api"], &json!({"UptimeStatus": "up"})).0, Unknown);
    }

    #[test]
    fn google_incidents_are_open_without_an_end() {
        let one = |rest: Value| {
            let mut incident = json!({"begin": "2026-11-23T00:00:00Z", "external_desc": "Messages are late"});
            incident.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            json!([{"begin": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z", "severity": "high"}, incident])
        };
        for (body, verdict) in [
            (json!([]), Operational),
            (one(json!({"end": "2026-11-23T01:00:00Z", "severity": "high"})), Operational),
            (one(json!({"end": null, "severity": "high"})), Outage),
            (one(json!({"severity": "medium"})), Degraded),
            (one(json!({"severity": "LOW", "end": ""})), Degraded),
            (one(json!({"status_impact": "SERVICE_OUTAGE", "severity": "low"})), Outage),
            (one(json!({"status_impact": "SERVICE_DISRUPTION", "severity": "high"})), Degraded),
            (one(json!({"status_impact": "SERVICE_INFORMATION"})), Degraded),
            (one(json!({"severity": "purple"})), Unknown),
            (one(json!({})), Unknown),
            (json!([{"id": "x"}]), Unknown),
            (json!(["x"]), Unknown),
            (json!({"incidents": []}), Unknown),
        ] {
            assert_eq!(judged(Feed::Google, &[], &body).0, verdict, "{body}");
        }
        let named = one(json!({"severity": "high", "affected_products": [{"title": "Cloud Messaging"}]}));
        assert_eq!(
            judged(Feed::Google, &["Cloud Messaging"], &named),
            (Outage, "says: \"Messages are late\"".to_owned())
        );
        assert_eq!(judged(Feed::Google, &["Hosting"], &named).0, Operational);
        // What an incident is about, or when it ended, is told under another name than it was.
        for changed in [json!({"products": ["Hosting"]}), json!({"affected_products": {"0": {"title": "Hosting"}}})] {
            let mut incident = json!({"severity": "high"});
            incident.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            assert_eq!(judged(Feed::Google, &["Cloud Messaging"], &one(incident)).0, Outage, "{changed}");
        }
        assert_eq!(judged(Feed::Google, &[], &one(json!({"severity": "high", "end": {"seconds": 1}}))).0, Outage);
        let service = one(json!({"severity": "high", "service_name": "Hosting"}));
        assert_eq!(judged(Feed::Google, &["Hosting"], &service).0, Outage);
    }

    #[test]
    fn slack_incidents() {
        let active = |kind: &str| {
            json!({"status": "active", "active_incidents": [
                {"type": kind, "title": "Trouble", "services": ["Login/SSO"]}]})
        };
        for (body, verdict) in [
            (json!({"status": "ok", "active_incidents": []}), Operational),
            (active("outage"), Outage),
            (active("incident"), Degraded),
            (active("notice"), Degraded),
            (active("maintenance"), Degraded),
            (active("purple"), Unknown),
            (json!({"status": "active", "active_incidents": []}), Unknown),
            (json!({"status": "ok"}), Unknown),
            (json!({"status": "fine", "active_incidents": []}), Unknown),
            (json!([]), Unknown),
        ] {
            assert_eq!(judged(Feed::Slack, &[], &body).0, verdict, "{body}");
        }
        assert_eq!(judged(Feed::Slack, &["Messaging"], &active("outage")).0, Operational);
        let unnamed = json!({"status": "active", "active_incidents": [{"type": "outage", "title": "Trouble"}]});
        assert_eq!(judged(Feed::Slack, &["Messaging"], &unnamed).0, Outage);
        assert_eq!(
            judged(Feed::Slack, &["Login/SSO"], &active("outage")),
            (Outage, "says outage: \"Trouble\"".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_read_is_unknown_for_every_feed() {
        for feed in [Feed::Statuspage, Feed::Stripe, Feed::Google, Feed::Slack] {
            let probe = StatusPageProbe { endpoint: "page".parse().unwrap(), feed, components: Vec::new() };
            let good = HttpAnswer {
                status: 200,
                content_type: Some("application/json".to_owned()),
                body: "{\"hello\": 1}".to_owned(),
                whole: true,
                ..HttpAnswer::default()
            };
            let html = Some("text/html".to_owned());
            for (answer, reason) in [
                (HttpAnswer { status: 503, ..good.clone() }, "status page: status 503, expected 200"),
                (HttpAnswer { status: 302, ..good.clone() }, "status page: status 302, expected 200"),
                (HttpAnswer { content_type: html, ..good.clone() }, "status page: not JSON (text/html)"),
                (HttpAnswer { content_type: None, ..good.clone() }, "status page: not JSON (no content type)"),
                (HttpAnswer { body: "<html>".to_owned(), ..good.clone() }, "status page: not valid JSON"),
                (HttpAnswer { whole: false, ..good.clone() }, "status page: too long to read"),
                (good, "status page: its shape has changed: "),
            ] {
                let outcome = status_page(&probe, &answer);
                assert_eq!(outcome.verdict, Unknown);
                assert!(outcome.reason.starts_with(reason), "{}", outcome.reason);
            }
        }
    }
}
