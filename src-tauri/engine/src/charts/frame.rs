//! The frame of a chart of latencies: time across, milliseconds upwards on a logarithmic scale, so that 12 ms and 2 s are
//! both to be seen, the bound above which a check is degraded, and the strip of verdicts underneath.

use std::convert::Infallible;

use chrono::{DateTime, Utc};
use lifeboat_domain::plan::quantity::Period;
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
    backend::{Class, ClassedSvg},
    strip,
};
use crate::history::HistoryPart;

pub(super) const WIDTH: u32 = 640;
const HEIGHT: u32 = 220;
/// Room for the labels: left, bottom, and around.
const LABELS: (u32, u32) = (56, 24);
const MARGIN: u32 = 10;
/// More on the right, where half of the last time stands beyond the plot.
const RIGHT: u32 = 22;
/// Latencies are shown from here: below is noise, and zero has no logarithm.
const LEAST_MS: f64 = 0.1;

pub(super) type Failure = DrawingAreaErrorKind<Infallible>;
pub(super) type Chart<'a> = DrawingArea<ClassedSvg<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What the axes span, and what stands under them.
pub(super) struct Frame {
    pub(super) begin: DateTime<Utc>,
    pub(super) now: DateTime<Utc>,
    /// Decimal logarithms of milliseconds, whole.
    decades: (i32, i32),
    slow_ms: Option<f64>,
    /// What was said, in parts; without any there is no strip.
    parts: Vec<HistoryPart>,
}

impl Frame {
    /// A frame for latencies, with the bound above which a check is degraded, over a strip of parts.
    pub(super) fn around(
        latencies: &[f64],
        slow: Option<Period>,
        begin: DateTime<Utc>,
        now: DateTime<Utc>,
        parts: &[HistoryPart],
    ) -> Self {
        let slow_ms = slow.map(|slow| slow.as_millis() as f64);
        let heights = || latencies.iter().copied().chain(slow_ms).map(height);
        let lowest = heights().fold(f64::INFINITY, f64::min);
        let highest = heights().fold(f64::NEG_INFINITY, f64::max);
        let decades = if lowest <= highest {
            let bottom = lowest.floor() as i32;
            (bottom, (highest.ceil() as i32).max(bottom + 1))
        } else {
            (0, 3)
        };
        Self { begin, now, decades, slow_ms, parts: parts.to_vec() }
    }

    /// Pixels from top to bottom.
    pub(super) fn tall(&self) -> u32 {
        HEIGHT + self.under()
    }

    fn under(&self) -> u32 {
        if self.parts.is_empty() { 0 } else { strip::GAP + strip::HEIGHT }
    }

    /// The lowest height of the axis.
    pub(super) const fn foot(&self) -> i32 {
        self.decades.0
    }

    /// Pixels from left to right inside.
    pub(super) const fn inside() -> u32 {
        WIDTH - LABELS.0 - MARGIN - RIGHT
    }

    /// Draws axes, bound and strip, and what `fill` draws between them. `empty` is said where nothing is to be drawn.
    pub(super) fn draw<T>(
        &self,
        svg: &mut String,
        empty: Option<&str>,
        fill: impl FnOnce(&DrawingArea<ClassedSvg<'_>, Shift>, &Chart<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let root = ClassedSvg::new(svg, (WIDTH, self.tall())).into_drawing_area();
        let (bottom, top) = (f64::from(self.decades.0), f64::from(self.decades.1));
        let chart = ChartBuilder::on(&root)
            .margin(MARGIN)
            .set_left_and_bottom_label_area_size(0)
            .margin_left(MARGIN + LABELS.0)
            .margin_right(RIGHT)
            .margin_bottom(LABELS.1 + self.under())
            .build_cartesian_2d(0.0..self.width(), bottom..top)?;
        let area = chart.plotting_area();
        axes(&root, area, self)?;
        if let Some(empty) = empty {
            let middle = area.map_coordinate(&(self.width() / 2.0, f64::midpoint(bottom, top)));
            root.draw(&Text::new(empty.to_owned(), middle, label(Class::Empty, HPos::Center, VPos::Center)))?;
        }
        if let Some(slow_ms) = self.slow_ms {
            let level = height(slow_ms);
            area.draw(&PathElement::new([(0.0, level), (self.width(), level)], stroke(Class::Bound)))?;
            let (x, y) = area.map_coordinate(&(self.width(), level));
            let text = format!("degraded above {}", millis(slow_ms));
            // Above the line, unless that would be outside the drawing.
            let (beside, side) = if y < 16 { (y + 3, VPos::Top) } else { (y - 3, VPos::Bottom) };
            root.draw(&Text::new(text, (x - 2, beside), label(Class::Label, HPos::Right, side)))?;
        }
        let (_, foot) = area.map_coordinate(&(0.0, bottom));
        let across = |second: i64| {
            let at = DateTime::from_timestamp(second, 0).unwrap_or(self.begin).clamp(self.begin, self.now);
            area.map_coordinate(&(self.across(at), bottom)).0
        };
        strip::draw(&root, &self.parts, across, foot + strip::GAP as i32)?;
        let filled = fill(&root, area)?;
        root.present()?;
        Ok(filled)
    }

    /// Seconds since the beginning.
    pub(super) fn across(&self, at: DateTime<Utc>) -> f64 {
        (at - self.begin).as_seconds_f64()
    }

    pub(super) fn width(&self) -> f64 {
        self.across(self.now).max(1.0)
    }
}

/// A latency on the axis: its decimal logarithm.
pub(super) fn height(latency_ms: f64) -> f64 {
    let finite = if latency_ms.is_finite() { latency_ms } else { LEAST_MS };
    finite.clamp(LEAST_MS, 1e9).log10()
}

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
        let text = at.format(if frame.width() > 2.0 * 86_400.0 { "%Y-%m-%d" } else { "%H:%M" }).to_string();
        root.draw(&Text::new(text, (x, y + frame.under() as i32 + 7), label(Class::Label, HPos::Center, VPos::Top)))?;
    }
    Ok(())
}

/// Whole instants of the clock, about six of them.
fn ticks(frame: &Frame) -> Vec<DateTime<Utc>> {
    const STEPS: [i64; 15] =
        [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600];
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

pub(super) fn stroke(class: Class) -> ShapeStyle {
    class.colour().stroke_width(1)
}

pub(super) fn label(class: Class, across: HPos, down: VPos) -> TextStyle<'static> {
    ("sans-serif", 12).into_font().color(&class.colour()).pos(Pos::new(across, down))
}

/// A latency for people: `0.4 ms`, `12 ms`, `2.1 s`.
pub(super) fn millis(latency_ms: f64) -> String {
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
