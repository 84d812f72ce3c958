use chrono::TimeZone;
use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 15, 0, 0).unwrap()
}

fn hour() -> Period {
    Period::from_secs(3_600)
}

fn sample(seconds_ago: i64, latency_ms: f64, verdict: Verdict) -> Sample {
    Sample {
        at: now() - TimeDelta::seconds(seconds_ago),
        latency_ms,
        verdict,
        reason: "because <it> & \"that\"".to_owned(),
        measurements: Vec::new(),
        answer: None,
        fault: None,
    }
}

fn typical() -> Vec<Sample> {
    let mut samples: Vec<Sample> =
        (0..240).map(|place| sample(place * 15, 11.0 + (place % 3) as f64, Verdict::Operational)).collect();
    samples[230] = sample(230 * 15, 2_100.0, Verdict::Degraded);
    samples[100] = sample(1_500, 5_000.0, Verdict::Unknown);
    samples[50] = sample(750, 900.0, Verdict::Outage);
    samples
}

#[test]
fn the_finding_says_what_the_chart_shows() {
    let slow = Some(Period::from_secs(1));
    let chart = latency_chart(&typical(), &[], slow, now(), hour());
    assert_eq!(chart.finding, "Usually 12 ms, slowest 2.1 s at 14:02 UTC; 3 of 240 samples were not operational.");
    assert_eq!(chart.title, "Latency over the last 1h");
    let one = [sample(60, 0.4, Verdict::Operational)];
    assert_eq!(
        latency_chart(&one, &[], slow, now(), hour()).finding,
        "Usually 0.4 ms, slowest 0.4 ms at 14:59 UTC; the one sample was operational."
    );
    let blind = [sample(60, 1.0, Verdict::Unknown), sample(90, 1.0, Verdict::Unknown)];
    assert_eq!(
        latency_chart(&blind, &[], slow, now(), hour()).finding,
        "Nothing answered; 2 of 2 samples were not operational."
    );
}

#[test]
fn without_samples_it_says_why() {
    let chart = latency_chart(&[], &[], None, now(), hour());
    assert_eq!(chart.finding, "No samples in the last 1h: the check has not run.");
    assert!(chart.svg.contains("chart-empty") && chart.points.is_empty() && chart.table.rows.is_empty());
    let old = [sample(9_000, 1.0, Verdict::Operational)];
    assert_eq!(
        latency_chart(&old, &[], None, now(), hour()).finding,
        "No samples in the last 1h; the newest is from 2026-11-23 12:30 UTC."
    );
}

#[test]
fn the_drawing_stays_as_it_is() {
    let samples: Vec<Sample> = typical().into_iter().step_by(10).collect();
    let chart = latency_chart(&samples, &[], Some(Period::from_secs(1)), now(), hour());
    insta::assert_snapshot!(chart.svg.replace('>', ">\n"));
}

#[test]
fn unknown_and_silence_break_the_line_and_each_verdict_has_its_shape() {
    let chart = latency_chart(&typical(), &[], None, now(), hour());
    let paths: Vec<&str> = chart.svg.split("<path ").filter(|path| path.starts_with("class=\"chart-line\"")).collect();
    assert_eq!(paths.len(), 1, "one path for the series");
    assert_eq!(paths[0].matches('M').count(), 2, "broken at the unknown");
    for class in ["chart-dot-degraded", "chart-dot-outage", "chart-dot-unknown"] {
        assert_eq!(chart.svg.matches(class).count(), 1, "{class}");
    }
    let silent: Vec<Sample> =
        typical().into_iter().filter(|sample| !(1_000..1_400).contains(&(now() - sample.at).num_seconds())).collect();
    let chart = latency_chart(&silent, &[], None, now(), hour());
    let path = chart.svg.split("<path ").find(|path| path.starts_with("class=\"chart-line\"")).unwrap();
    assert_eq!(path.matches('M').count(), 3);
}

#[test]
fn an_hour_of_ten_checks_a_second_stays_small_and_keeps_its_spike() {
    let mut samples: Vec<Sample> = (0..36_000)
        .map(|place| Sample {
            at: now() - TimeDelta::milliseconds(place * 100),
            ..sample(0, 10.0 + (place % 17) as f64, if place % 2 == 0 { Verdict::Outage } else { Verdict::Unknown })
        })
        .collect();
    samples[20_000].latency_ms = 8_000.0;
    let chart = latency_chart(&samples, &[], Some(Period::from_secs(1)), now(), hour());
    assert!(chart.svg.len() <= 64 << 10, "{} bytes", chart.svg.len());
    assert!(chart.svg.matches('<').count() <= 1_500);
    assert!(chart.points.len() <= 1_500, "{} points", chart.points.len());
    assert!(chart.points.iter().any(|point| point.value == "8 s"), "the spike is gone");
    assert!(chart.finding.contains("36000 of 36000"), "{}", chart.finding);
}

/// Whether markup is one whole element, with every quote and tag closed.
fn is_well_formed(svg: &str) -> bool {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        if rest[..start].contains('>') {
            return false;
        }
        let Some(end) = rest.find('>') else { return false };
        let tag = &rest[start + 1..end];
        if !tag.matches('"').count().is_multiple_of(2) || tag.contains('<') {
            return false;
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap_or_default());
        }
        rest = &rest[end + 1..];
    }
    open.is_empty() && rest.is_empty()
}

proptest! {
    #[test]
    fn every_input_gives_a_whole_chart(
        samples in prop::collection::vec((-100i64..4_000, prop_oneof![Just(f64::NAN), Just(f64::INFINITY), -5.0f64..1e12], 0usize..4), 0..1_300),
        slow in prop::option::of(0u64..10_000_000),
        window in 1u64..4_000,
    ) {
        let kinds = [Verdict::Operational, Verdict::Degraded, Verdict::Outage, Verdict::Unknown];
        let samples: Vec<Sample> =
            samples.into_iter().map(|(ago, latency, verdict)| sample(ago, latency, kinds[verdict])).collect();
        let chart = latency_chart(&samples, &[], slow.map(Period::from_millis), now(), Period::from_secs(window));
        prop_assert!(is_well_formed(&chart.svg), "{}", chart.svg);
        prop_assert!(!chart.svg.contains('#') && !chart.svg.contains("style=") && !chart.svg.contains("NaN"));
        prop_assert!(chart.svg.len() <= 64 << 10, "{} bytes", chart.svg.len());
        prop_assert!(chart.finding.ends_with('.'));
        for point in &chart.points {
            prop_assert!((0.0..=f64::from(WIDTH)).contains(&point.x_px) && (0.0..=f64::from(chart.height)).contains(&point.y_px));
        }
        let shown = samples.iter().filter(|sample| sample.at <= now() && sample.at >= now() - TimeDelta::seconds(window as i64)).count();
        if shown <= MOST {
            prop_assert_eq!(chart.points.len(), shown);
        }
        prop_assert_eq!(chart.points.len(), chart.table.rows.len());
        for (point, row) in chart.points.iter().zip(chart.table.rows.iter().rev()) {
            prop_assert_eq!((&point.label, &point.value), (&row[0], &row[1]));
            prop_assert_eq!(point.tone.as_ref(), Some(&row[2]));
        }
    }
}
