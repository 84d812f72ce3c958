//! How long a check took, over a window of time, on a logarithmic scale: 12 ms and 2 s are both to be seen.

use chrono::{DateTime, TimeDelta, Utc};
use lifeboat_domain::{
    check::{Sample, Verdict},
    plan::quantity::Period,
};
use plotters::element::PathElement;

use super::{
    ChartDocument, ChartPoint, ChartTable,
    backend::Class,
    downsample::m4,
    frame::{Failure, Frame, WIDTH, height, millis, stroke},
};
use crate::history::HistoryPart;

/// Above this many samples they are thinned out.
const MOST: usize = 1_000;
/// Pixels that share one column when they are.
const COLUMN: f64 = 2.0;
/// Silence of this many usual distances is a gap in the line.
const SILENCE: i32 = 3;

/// Draws the latencies of the samples from `now - window` to `now`, in any order, with the bound above which the
/// check is degraded, over a strip of parts.
pub fn latency_chart(
    samples: &[Sample],
    parts: &[HistoryPart],
    slow: Option<Period>,
    now: DateTime<Utc>,
    window: Period,
) -> ChartDocument {
    let begin = now - window.to_delta();
    let mut shown: Vec<&Sample> = samples.iter().filter(|sample| (begin..=now).contains(&sample.at)).collect();
    shown.sort_by_key(|sample| sample.at);
    let latencies: Vec<f64> = shown.iter().map(|sample| sample.latency_ms).collect();
    let frame = Frame::around(&latencies, slow, begin, now, parts);
    let finding = if shown.is_empty() { nothing(samples, begin, window) } else { finding(&shown) };
    let gap = usual_distance(&shown).map(|usual| usual * SILENCE);
    let shown = thinned(shown, &frame);
    let mut svg = String::new();
    // The back end writes into a string and cannot fail; a drawing that is not there still has its table.
    let points = draw(&mut svg, &frame, &shown, gap, &finding).unwrap_or_default();
    let rows = points.iter().zip(&shown).rev().map(|(point, sample)| {
        vec![point.label.clone(), point.value.clone(), sample.verdict.to_string(), sample.reason.clone()]
    });
    ChartDocument {
        width: WIDTH,
        height: frame.tall(),
        title: format!("Latency over the last {window}"),
        finding,
        table: ChartTable {
            headers: ["Time (UTC)", "Latency", "Verdict", "Reason"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
        },
        points,
        svg,
    }
}

fn thinned<'s>(samples: Vec<&'s Sample>, frame: &Frame) -> Vec<&'s Sample> {
    if samples.len() <= MOST {
        return samples;
    }
    let columns = f64::from(Frame::inside()) / COLUMN;
    let column = |sample: &&Sample| (frame.across(sample.at) / frame.width() * columns) as i64;
    let failing = |sample: &&Sample| sample.verdict != Verdict::Operational;
    let kept = m4(&samples, column, |sample| height(sample.latency_ms), failing);
    kept.into_iter().filter_map(|place| samples.get(place).copied()).collect()
}

/// The usual distance of two samples.
fn usual_distance(samples: &[&Sample]) -> Option<TimeDelta> {
    let mut distances: Vec<TimeDelta> = samples.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    distances.sort();
    distances.get(distances.len() / 2).copied()
}

fn draw(
    svg: &mut String,
    frame: &Frame,
    samples: &[&Sample],
    gap: Option<TimeDelta>,
    finding: &str,
) -> Result<Vec<ChartPoint>, Failure> {
    frame.draw(svg, samples.is_empty().then_some(finding), |root, area| {
        let place = |sample: &Sample| (frame.across(sample.at), height(sample.latency_ms));
        for line in unbroken(samples, gap) {
            let points: Vec<(f64, f64)> = line.iter().map(|sample| place(sample)).collect();
            area.draw(&PathElement::new(points, stroke(Class::Line)))?;
        }
        for (verdict, class, shape) in DOTS {
            for sample in samples.iter().filter(|sample| sample.verdict == verdict) {
                let (x, y) = area.map_coordinate(&place(sample));
                for path in shape {
                    let path: Vec<(i32, i32)> = path.iter().map(|(right, down)| (x + right, y + down)).collect();
                    root.draw(&PathElement::new(path, stroke(class)))?;
                }
            }
        }
        let points = samples.iter().map(|sample| {
            let (x, y) = area.map_coordinate(&place(sample));
            ChartPoint {
                series: "latency".to_owned(),
                x_px: f64::from(x),
                y_px: f64::from(y),
                label: sample.at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
                value: millis(sample.latency_ms),
                tone: Some(sample.verdict.to_string()),
            }
        });
        Ok(points.collect())
    })
}

/// A shape for each verdict that is not good, as strokes around its point: colour is never the only sign.
type Shape = &'static [&'static [(i32, i32)]];
const TRIANGLE: Shape = &[&[(0, -5), (5, 4), (-5, 4), (0, -5)]];
const CROSS: Shape = &[&[(-4, -4), (4, 4)], &[(-4, 4), (4, -4)]];
const SQUARE: Shape = &[&[(-4, -4), (4, -4), (4, 4), (-4, 4), (-4, -4)]];
const DOTS: [(Verdict, Class, Shape); 3] = [
    (Verdict::Unknown, Class::DotUnknown, SQUARE),
    (Verdict::Degraded, Class::DotDegraded, TRIANGLE),
    (Verdict::Outage, Class::DotOutage, CROSS),
];

/// Runs of samples that belong to one line: an unknown or a long silence breaks it.
fn unbroken<'l, 's>(samples: &'l [&'s Sample], gap: Option<TimeDelta>) -> impl Iterator<Item = &'l [&'s Sample]> {
    samples
        .chunk_by(move |one, other| {
            let known = one.verdict != Verdict::Unknown && other.verdict != Verdict::Unknown;
            known && gap.is_none_or(|gap| other.at - one.at <= gap)
        })
        .filter(|run| run.iter().all(|sample| sample.verdict != Verdict::Unknown))
}

fn nothing(samples: &[Sample], begin: DateTime<Utc>, window: Period) -> String {
    match samples.iter().map(|sample| sample.at).filter(|at| *at < begin).max() {
        Some(newest) => {
            format!("No samples in the last {window}; the newest is from {}.", newest.format("%Y-%m-%d %H:%M UTC"))
        }
        None => format!("No samples in the last {window}: the check has not run."),
    }
}

fn finding(samples: &[&Sample]) -> String {
    let all = samples.len();
    let mut answered: Vec<&Sample> =
        samples.iter().copied().filter(|sample| sample.verdict != Verdict::Unknown).collect();
    let bad = samples.iter().filter(|sample| sample.verdict != Verdict::Operational).count();
    let sum = match (bad, all) {
        (0, 1) => "the one sample was operational".to_owned(),
        (0, _) => format!("all {all} samples were operational"),
        (_, 1) => "the one sample was not operational".to_owned(),
        (1, _) => format!("1 of {all} samples was not operational"),
        (_, _) => format!("{bad} of {all} samples were not operational"),
    };
    answered.sort_by(|one, other| one.latency_ms.total_cmp(&other.latency_ms));
    match (answered.get(answered.len() / 2), answered.last()) {
        (Some(usual), Some(slowest)) => format!(
            "Usually {}, slowest {} at {}; {sum}.",
            millis(usual.latency_ms),
            millis(slowest.latency_ms),
            slowest.at.format("%H:%M UTC")
        ),
        (_, _) => format!("Nothing answered; {sum}."),
    }
}

#[cfg(test)]
mod tests;
