//! What was said over time, as a strip of parts under a chart: how much of each part was which verdict, and how much of
//! it nobody looked at. A verdict differs in shape as well as in colour: an outage fills its part, a degradation half of
//! its width, unknown is hatched, and what was not observed is a dotted line.

use lifeboat_domain::check::Verdict;
use plotters::{
    coord::Shift,
    drawing::DrawingArea,
    element::{PathElement, Rectangle},
    style::Color,
};

use super::{
    backend::{Class, ClassedSvg},
    frame::{Failure, stroke},
};
use crate::history::HistoryPart;

/// Pixels between a plot and the strip, and the strip's height.
pub(super) const GAP: u32 = 6;
pub(super) const HEIGHT: u32 = 24;

/// Pixels from the left and from the top.
type Pixel = (i32, i32);

/// Draws parts. `across` tells the pixel of an instant in seconds since 1970, `top` the strip's upper edge.
pub(super) fn draw(
    root: &DrawingArea<ClassedSvg<'_>, Shift>,
    parts: &[HistoryPart],
    across: impl Fn(i64) -> i32,
    top: i32,
) -> Result<(), Failure> {
    let height = HEIGHT as i32;
    let mut rectangles: Vec<(Class, Pixel, Pixel)> = Vec::new();
    let mut hatches: Vec<(Pixel, Pixel)> = Vec::new();
    let mut blind: Vec<(i32, i32)> = Vec::new();
    for part in parts {
        let (left, right) = (across(part.from.timestamp()), across(part.until.timestamp()));
        let right = if right - left > 3 { right - 1 } else { right.max(left + 1) };
        let total = part.verdicts.total();
        if total == 0 {
            blind.push((left, across(part.until.timestamp())));
            continue;
        }
        // From below: the worst first. What was said at all is seen, however little it was.
        let room = (f64::from(height) * part.observed.clamp(0.0, 1.0)).round().max(2.0);
        let mut foot = top + height;
        for (count, verdict) in [
            (part.verdicts.outage, Verdict::Outage),
            (part.verdicts.degraded, Verdict::Degraded),
            (part.verdicts.unknown, Verdict::Unknown),
            (part.verdicts.operational, Verdict::Operational),
        ] {
            if count == 0 {
                continue;
            }
            let least = if verdict == Verdict::Operational { 1.0 } else { 4.0 };
            let tall = (room * f64::from(count) / f64::from(total)).round().max(least) as i32;
            let head = (foot - tall).max(top);
            if head >= foot {
                break;
            }
            match verdict {
                Verdict::Outage => rectangles.push((Class::CellOutage, (left, head), (right, foot))),
                Verdict::Degraded => {
                    let middle = left + (right - left + 1) / 2;
                    rectangles.push((Class::CellOperational, (left, head), (right, foot)));
                    rectangles.push((Class::CellDegraded, (left, head), (middle.max(left + 1), foot)));
                }
                Verdict::Unknown => hatches.push(((left, head), (right, foot))),
                Verdict::Operational => rectangles.push((Class::CellOperational, (left, head), (right, foot))),
            }
            foot = head;
        }
    }
    rectangles.sort_by_key(|(class, _, _)| *class != Class::CellOperational);
    for (class, one, other) in rectangles {
        root.draw(&Rectangle::new([one, other], class.colour().filled()))?;
    }
    for ((left, head), (right, foot)) in hatches {
        // From the lower left to the upper right, cut off where the part ends.
        let mut start = left + head - foot;
        while start < right {
            let (from, until) = (start.max(left), (start + foot - head).min(right));
            if from < until {
                let line = [(from, foot - (from - start)), (until, foot - (until - start))];
                root.draw(&PathElement::new(line, stroke(Class::CellUnknown)))?;
            }
            start += 4;
        }
        let border = [(left, head), (right, head), (right, foot), (left, foot), (left, head)];
        root.draw(&PathElement::new(border, stroke(Class::CellUnknown)))?;
    }
    let middle = top + height / 2;
    for run in blind.chunk_by(|one, other| one.1 == other.0) {
        if let (Some((left, _)), Some((_, right))) = (run.first(), run.last()) {
            root.draw(&PathElement::new([(*left, middle), (*right, middle)], stroke(Class::CellUnobserved)))?;
        }
    }
    Ok(())
}
