//! What samples were rolled up to, over a day and more: the latency that half of them did not exceed, that which nearly
//! all did not exceed, and what they said.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use lifeboat_domain::{plan::quantity::Period, status::rollup::HistorySpan};
use plotters::element::PathElement;

use super::{
    ChartDocument, ChartPoint, ChartTable,
    backend::Class,
    frame::{Failure, Frame, WIDTH, height, millis, stroke},
};
use crate::history::HistoryPart;

/// Draws the parts of a span that ends `now`, with the bound above which the check is degraded.
pub fn history_chart(
    parts: &[HistoryPart],
    span: HistorySpan,
    slow: Option<Period>,
    now: DateTime<Utc>,
) -> ChartDocument {
    let begin = parts.first().map_or(now, |part| part.from);
    let latencies: Vec<f64> = parts.iter().flat_map(|part| [part.p50_ms, part.p95_ms]).flatten().collect();
    let frame = Frame::around(&latencies, slow, begin, now, parts);
    let finding = finding(parts, span);
    let mut svg = String::new();
    let points = draw(&mut svg, &frame, parts, &finding).unwrap_or_default();
    let shown = |latency: Option<f64>| latency.map_or_else(|| "–".to_owned(), millis);
    let rows = parts.iter().rev().map(|part| {
        vec![label(part, span), shown(part.p50_ms), shown(part.p95_ms), shown(part.max_ms), said(part), share(part)]
    });
    ChartDocument {
        width: WIDTH,
        height: frame.tall(),
        title: format!("Latency and verdicts over the last {span}"),
        finding,
        table: ChartTable {
            headers: ["Time (UTC)", "Median", "95 %", "Slowest", "Verdicts", "Observed"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
        },
        points,
        svg,
    }
}

fn draw(svg: &mut String, frame: &Frame, parts: &[HistoryPart], finding: &str) -> Result<Vec<ChartPoint>, Failure> {
    let is_empty = parts.iter().all(|part| part.p50_ms.is_none());
    frame.draw(svg, is_empty.then_some(finding), |root, area| {
        let middle = |part: &HistoryPart| {
            let until = part.until.min(frame.now);
            frame.across(part.from + (until - part.from) / 2)
        };
        for (class, of) in
            [(Class::High, (|part| part.p95_ms) as fn(&HistoryPart) -> Option<f64>), (Class::Line, |part| part.p50_ms)]
        {
            for run in parts.chunk_by(|one, other| of(one).is_some() && of(other).is_some()) {
                let line: Vec<(f64, f64)> =
                    run.iter().filter_map(|part| Some((middle(part), height(of(part)?)))).collect();
                match line.as_slice() {
                    [] => {}
                    // One part alone is a short stroke, or it would not be seen.
                    [(x, y)] => {
                        let (x, y) = area.map_coordinate(&(*x, *y));
                        root.draw(&PathElement::new([(x - 2, y), (x + 2, y)], stroke(class)))?;
                    }
                    line => area.draw(&PathElement::new(line.to_vec(), stroke(class)))?,
                }
            }
        }
        let foot = f64::from(frame.foot());
        let span = frame.now - frame.begin;
        Ok(parts
            .iter()
            .map(|part| {
                let (x, y) = area.map_coordinate(&(middle(part), part.p50_ms.map_or(foot, height)));
                let value = match (part.p50_ms, part.p95_ms) {
                    (Some(half), Some(most)) => {
                        format!("half within {}, 95 % within {}; {}", millis(half), millis(most), said(part))
                    }
                    (_, _) => said(part),
                };
                ChartPoint {
                    series: "history".to_owned(),
                    x_px: f64::from(x),
                    y_px: f64::from(y),
                    label: part
                        .from
                        .format(if span.num_days() > 0 { "%Y-%m-%d %H:%M UTC" } else { "%H:%M UTC" })
                        .to_string(),
                    value,
                    tone: part.verdicts.worst().map(|verdict| verdict.to_string()),
                }
            })
            .collect())
    })
}

fn label(part: &HistoryPart, span: HistorySpan) -> String {
    let form = if span == HistorySpan::Quarter { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" };
    part.from.format(form).to_string()
}

/// What a part's samples said, in words: `120 operational, 3 outage`.
pub(crate) fn said(part: &HistoryPart) -> String {
    let counts = part.verdicts;
    let words: Vec<String> = [
        (counts.outage, "outage"),
        (counts.degraded, "degraded"),
        (counts.unknown, "unknown"),
        (counts.operational, "operational"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    if words.is_empty() { "not observed".to_owned() } else { words.join(", ") }
}

fn share(part: &HistoryPart) -> String {
    lifeboat_domain::status::availability::percent(part.observed)
}

fn finding(parts: &[HistoryPart], span: HistorySpan) -> String {
    let sum = |of: fn(&HistoryPart) -> u32| parts.iter().map(of).map(u64::from).sum::<u64>();
    let all = sum(|part| part.verdicts.total());
    if all == 0 {
        return format!("Nobody looked in the last {span}.");
    }
    let good = sum(|part| part.verdicts.operational);
    let slowest = parts
        .iter()
        .filter(|part| part.max_ms.is_some())
        .max_by(|one, other| one.max_ms.unwrap_or(0.0).total_cmp(&other.max_ms.unwrap_or(0.0)));
    let mut text = match slowest.and_then(|part| Some((part, part.max_ms?))) {
        Some((part, most)) => format!("Slowest {} at {} UTC; ", millis(most), label(part, span)),
        None => "Nothing answered; ".to_owned(),
    };
    let _ = if good == all {
        write!(text, "all {all} samples were operational")
    } else {
        write!(text, "{} of {all} samples were not operational", all - good)
    };
    let unseen = parts.iter().filter(|part| part.verdicts.total() == 0).count();
    if unseen > 0 {
        let _ = write!(text, "; {unseen} of {} parts were not observed", parts.len());
    }
    text.push('.');
    text
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use lifeboat_domain::status::rollup::VerdictCounts;
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_400, 0).unwrap()
    }

    fn parts(span: HistorySpan, of: impl Fn(usize) -> (VerdictCounts, Option<f64>)) -> Vec<HistoryPart> {
        let width = TimeDelta::seconds(span.part_seconds());
        let begins = span.parts(now());
        let begins = begins.iter().enumerate();
        begins
            .map(|(place, begin)| {
                let from = DateTime::from_timestamp(*begin, 0).unwrap();
                let (verdicts, latency) = of(place);
                HistoryPart {
                    from,
                    until: from + width,
                    verdicts,
                    observed: if verdicts.total() == 0 { 0.0 } else { 1.0 },
                    min_ms: latency,
                    p50_ms: latency,
                    p95_ms: latency.map(|latency| latency * 2.0),
                    max_ms: latency.map(|latency| latency * 3.0),
                }
            })
            .collect()
    }

    const GOOD: VerdictCounts = VerdictCounts { operational: 12, degraded: 0, outage: 0, unknown: 0 };
    const NONE: VerdictCounts = VerdictCounts { operational: 0, degraded: 0, outage: 0, unknown: 0 };

    #[test]
    fn what_was_not_observed_is_neither_good_nor_bad() {
        let chart = history_chart(&parts(HistorySpan::Day, |_| (NONE, None)), HistorySpan::Day, None, now());
        assert_eq!(chart.finding, "Nobody looked in the last 24h.");
        assert!(chart.svg.contains("chart-unobserved") && !chart.svg.contains("chart-cell"));
        assert_eq!(chart.points.len(), 96);
        assert!(chart.points.iter().all(|point| point.value == "not observed" && point.tone.is_none()));
        assert_eq!(chart.table.rows[0][4..], ["not observed", "0 %"]);
    }

    #[test]
    fn every_verdict_has_its_own_shape_and_its_words() {
        let mixed = parts(HistorySpan::Week, |place| match place {
            3 => (VerdictCounts { outage: 2, ..GOOD }, Some(80.0)),
            5 => (VerdictCounts { degraded: 6, ..GOOD }, Some(80.0)),
            8 => (VerdictCounts { unknown: 4, ..NONE }, None),
            11 => (NONE, None),
            _ => (GOOD, Some(40.0)),
        });
        let chart = history_chart(&mixed, HistorySpan::Week, Some(Period::from_secs(1)), now());
        for class in
            ["chart-cell-outage", "chart-cell-degraded", "chart-hatch", "chart-unobserved", "chart-high", "chart-bound"]
        {
            assert!(chart.svg.contains(class), "{class}");
        }
        assert!(
            chart.finding.ends_with("12 of 996 samples were not operational; 1 of 84 parts were not observed."),
            "{}",
            chart.finding
        );
        assert_eq!(chart.points[3].value, "half within 80 ms, 95 % within 160 ms; 2 outage, 12 operational");
        assert_eq!(chart.points[3].tone.as_deref(), Some("outage"));
        assert_eq!(chart.table.rows.len(), 84);
    }

    proptest! {
        #[test]
        fn whatever_was_rolled_up_the_drawing_is_whole_small_and_without_colour(
            counts in prop::collection::vec((0u32..40, 0u32..9, 0u32..9, 0u32..9, prop::option::of(0.0f64..1e7)), 120),
            which in 0usize..5,
        ) {
            let span = HistorySpan::ALL[which];
            let parts = parts(span, |place| {
                let (operational, degraded, outage, unknown, latency) = counts[place % counts.len()];
                let verdicts = VerdictCounts { operational, degraded, outage, unknown };
                (verdicts, latency.filter(|_| verdicts.total() > unknown))
            });
            let chart = history_chart(&parts, span, Some(Period::from_secs(2)), now());
            prop_assert!(chart.svg.len() <= 64 * 1024, "{} bytes", chart.svg.len());
            prop_assert!(chart.svg.matches('<').count() / 2 <= 1_500);
            prop_assert!(!chart.svg.contains('#') && !chart.svg.contains("rgb"));
            prop_assert!(chart.svg.ends_with("</svg>"));
            prop_assert_eq!(chart.points.len(), parts.len());
            for point in &chart.points {
                prop_assert!((0.0..=f64::from(chart.width)).contains(&point.x_px));
                prop_assert!((0.0..=f64::from(chart.height)).contains(&point.y_px));
            }
        }
    }
}
