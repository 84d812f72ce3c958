//! How long a check took, over a window of time, on a logarithmic scale: 12 ms and 2 s are both to be seen.

use std::convert::Infallible;

use chrono::{DateTime, TimeDelta, Utc};
use lifeboat_domain::{
    check::{Sample, Verdict},
    plan::quantity::Period,
};
use plotters::{
    chart::ChartBuilder,
    coord::{Shift, cartesian::Cartesian2d, types::RangedCoordf64},
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::{PathElement, Text},
    style::{
        Color, IntoFont, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    ChartDocument, ChartPoint, ChartTable,
    backend::{Class, ClassedSvg},
    downsample::m4,
};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 220;
/// Room for the labels: left, bottom, and around.
const LABELS: (u32, u32) = (56, 24);
const MARGIN: u32 = 10;
/// More on the right, where half of the last time stands beyond the plot.
const RIGHT: u32 = 22;
/// Above this many samples they are thinned out.
const MOST: usize = 1_000;
/// Pixels that share one column when they are.
const COLUMN: f64 = 2.0;
/// Latencies are shown from here: below is noise, and zero has no logarithm.
const LEAST_MS: f64 = 0.1;
/// Silence of this many usual distances is a gap in the line.
const SILENCE: i32 = 3;

type Failure = DrawingAreaErrorKind<Infallible>;
type Chart<'a> = DrawingArea<ClassedSvg<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the latencies of the samples from `now - window` to `now`, in any order, with the bound above which the
/// check is degraded.
pub fn latency_chart(samples: &[Sample], slow: Option<Period>, now: DateTime<Utc>, window: Period) -> ChartDocument {
    let begin = now - window.to_delta();
    let mut shown: Vec<&Sample> = samples.iter().filter(|sample| (begin..=now).contains(&sample.at)).collect();
    shown.sort_by_key(|sample| sample.at);
    let frame = Frame::around(&shown, slow, begin, now);
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
        height: HEIGHT,
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

/// What the axes span.
struct Frame {
    begin: DateTime<Utc>,
    now: DateTime<Utc>,
    /// Decimal logarithms of milliseconds, whole.
    decades: (i32, i32),
    slow_ms: Option<f64>,
}

impl Frame {
    fn around(samples: &[&Sample], slow: Option<Period>, begin: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let slow_ms = slow.map(|slow| slow.as_millis() as f64);
        let heights = || samples.iter().map(|sample| height(sample.latency_ms)).chain(slow_ms.map(height));
        let lowest = heights().fold(f64::INFINITY, f64::min);
        let highest = heights().fold(f64::NEG_INFINITY, f64::max);
        let decades = if lowest <= highest {
            let bottom = lowest.floor() as i32;
            (bottom, (highest.ceil() as i32).max(bottom + 1))
        } else {
            (0, 3)
        };
        Self { begin, now, decades, slow_ms }
    }

    /// Seconds since the beginning.
    fn across(&self, at: DateTime<Utc>) -> f64 {
        (at - self.begin).as_seconds_f64()
    }

    fn width(&self) -> f64 {
        self.across(self.now).max(1.0)
    }
}

fn height(latency_ms: f64) -> f64 {
    let finite = if latency_ms.is_finite() { latency_ms } else { LEAST_MS };
    finite.clamp(LEAST_MS, 1e9).log10()
}

fn thinned<'s>(samples: Vec<&'s Sample>, frame: &Frame) -> Vec<&'s Sample> {
    if samples.len() <= MOST {
        return samples;
    }
    let columns = f64::from(WIDTH - LABELS.0 - MARGIN - RIGHT) / COLUMN;
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
    let root = ClassedSvg::new(svg, (WIDTH, HEIGHT)).into_drawing_area();
    let (bottom, top) = (f64::from(frame.decades.0), f64::from(frame.decades.1));
    let chart = ChartBuilder::on(&root)
        .margin(MARGIN)
        .set_left_and_bottom_label_area_size(0)
        .margin_left(MARGIN + LABELS.0)
        .margin_right(RIGHT)
        .margin_bottom(LABELS.1)
        .build_cartesian_2d(0.0..frame.width(), bottom..top)?;
    let area = chart.plotting_area();
    axes(&root, area, frame)?;
    if samples.is_empty() {
        let middle = area.map_coordinate(&(frame.width() / 2.0, f64::midpoint(bottom, top)));
        root.draw(&Text::new(finding.to_owned(), middle, label(Class::Empty, HPos::Center, VPos::Center)))?;
    }
    if let Some(slow_ms) = frame.slow_ms {
        let level = height(slow_ms);
        area.draw(&PathElement::new([(0.0, level), (frame.width(), level)], stroke(Class::Bound)))?;
        let (x, y) = area.map_coordinate(&(frame.width(), level));
        let text = format!("degraded above {}", millis(slow_ms));
        root.draw(&Text::new(text, (x - 2, y - 3), label(Class::Label, HPos::Right, VPos::Bottom)))?;
    }
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
    let points = points.collect();
    root.present()?;
    Ok(points)
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

fn axes(root: &DrawingArea<ClassedSvg<'_>, Shift>, area: &Chart<'_>, frame: &Frame) -> Result<(), Failure> {
    let (bottom, top) = frame.decades;
    let left = |decade: i32| (0.0, f64::from(decade));
    for decade in bottom + 1..=top {
        let right = (frame.width(), f64::from(decade));
        area.draw(&PathElement::new([left(decade), right], stroke(Class::Grid)))?;
    }
    let ticks = ticks(frame);
    let foot = f64::from(bottom);
    area.draw(&PathElement::new([(0.0, foot), (frame.width(), foot)], stroke(Class::Axis)))?;
    for at in &ticks {
        let (x, y) = area.map_coordinate(&(frame.across(*at), foot));
        root.draw(&PathElement::new([(x, y), (x, y + 4)], stroke(Class::Axis)))?;
    }
    for decade in bottom..=top {
        let (x, y) = area.map_coordinate(&left(decade));
        let text = millis(10f64.powi(decade));
        root.draw(&Text::new(text, (x - 6, y), label(Class::Label, HPos::Right, VPos::Center)))?;
    }
    for at in &ticks {
        let (x, y) = area.map_coordinate(&(frame.across(*at), foot));
        let text = at.format("%H:%M").to_string();
        root.draw(&Text::new(text, (x, y + 7), label(Class::Label, HPos::Center, VPos::Top)))?;
    }
    Ok(())
}

/// Whole instants of the clock, about six of them.
fn ticks(frame: &Frame) -> Vec<DateTime<Utc>> {
    const STEPS: [i64; 12] = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400];
    let wanted = frame.width() / 6.0;
    let step = STEPS.into_iter().find(|step| *step as f64 >= wanted).unwrap_or(wanted as i64);
    let first = (frame.begin.timestamp() + step - 1).div_euclid(step) * step;
    let end = frame.now.timestamp();
    let mut ticks = Vec::new();
    let mut at = first;
    while at <= end && ticks.len() < 12 {
        ticks.extend(DateTime::from_timestamp(at, 0));
        at += step;
    }
    ticks
}

/// Runs of samples that belong to one line: an unknown or a long silence breaks it.
fn unbroken<'l, 's>(samples: &'l [&'s Sample], gap: Option<TimeDelta>) -> impl Iterator<Item = &'l [&'s Sample]> {
    samples
        .chunk_by(move |one, other| {
            let known = one.verdict != Verdict::Unknown && other.verdict != Verdict::Unknown;
            known && gap.is_none_or(|gap| other.at - one.at <= gap)
        })
        .filter(|run| run.iter().all(|sample| sample.verdict != Verdict::Unknown))
}

fn stroke(class: Class) -> ShapeStyle {
    class.colour().stroke_width(1)
}

fn label(class: Class, across: HPos, down: VPos) -> TextStyle<'static> {
    ("sans-serif", 12).into_font().color(&class.colour()).pos(Pos::new(across, down))
}

/// A latency for people: `0.4 ms`, `12 ms`, `2.1 s`.
fn millis(latency_ms: f64) -> String {
    match latency_ms {
        ms if !ms.is_finite() => "unknown".to_owned(),
        ms if ms < 1.0 => format!("{} ms", trimmed(ms)),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{} s", trimmed(ms / 1_000.0)),
    }
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
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
