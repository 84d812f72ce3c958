//! Charts: one plotters drawing with token classes instead of colours, and the table behind it.
//!
//! The drawing carries no colour and no style, so light, dark and print need no second one. `backend` writes it,
//! `downsample` keeps it small; `latency` charts samples, `history` what they were rolled up to, both in a `frame` and
//! above a `strip` of verdicts.

mod backend;
mod downsample;
mod frame;
mod history;
mod latency;
mod strip;

use serde::Serialize;
use ts_rs::TS;

pub use self::{history::history_chart, latency::latency_chart};

/// One point of a chart, for reading out.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct ChartPoint {
    /// Which series it is of.
    pub series: String,
    /// Pixels from the left of the drawing.
    pub x_px: f64,
    /// Pixels from the top of the drawing.
    pub y_px: f64,
    /// What it stands for, such as a time.
    pub label: String,
    /// Its value with its unit.
    pub value: String,
    /// The verdict it carries, if any: `operational`, `degraded`, `outage`, `unknown`.
    pub tone: Option<String>,
}

/// The table behind a chart.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct ChartTable {
    /// Column heads.
    pub headers: Vec<String>,
    /// Rows, newest first.
    pub rows: Vec<Vec<String>>,
}

/// A chart as the window shows it: the drawing, what it says, and the same as a table.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct ChartDocument {
    /// SVG with classes from the tokens, no literal colours, all text escaped.
    pub svg: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Its title.
    pub title: String,
    /// What it shows, in one sentence.
    pub finding: String,
    /// Its points.
    pub points: Vec<ChartPoint>,
    /// The table behind it.
    pub table: ChartTable,
}
