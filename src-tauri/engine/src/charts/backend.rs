//! A plotters back end that writes SVG elements with classes. Which class is told by a colour nobody sees.

use std::{convert::Infallible, fmt::Write as _};

use plotters::style::RGBColor;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// What an element of a chart is, for the style sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Grid,
    Axis,
    Label,
    Bound,
    Line,
    High,
    DotDegraded,
    DotOutage,
    DotUnknown,
    Empty,
    CellOperational,
    CellDegraded,
    CellOutage,
    CellUnknown,
    CellUnobserved,
}

/// Every class, at the place its colour stands for.
const CLASSES: [(Class, &str); 15] = [
    (Class::Grid, "chart-grid"),
    (Class::Axis, "chart-axis"),
    (Class::Label, "chart-label"),
    (Class::Bound, "chart-bound"),
    (Class::Line, "chart-line"),
    (Class::High, "chart-high"),
    (Class::DotDegraded, "chart-dot chart-dot-degraded"),
    (Class::DotOutage, "chart-dot chart-dot-outage"),
    (Class::DotUnknown, "chart-dot chart-dot-unknown"),
    (Class::Empty, "chart-label chart-empty"),
    (Class::CellOperational, "chart-cell chart-cell-operational"),
    (Class::CellDegraded, "chart-cell chart-cell-degraded"),
    (Class::CellOutage, "chart-cell chart-cell-outage"),
    (Class::CellUnknown, "chart-hatch"),
    (Class::CellUnobserved, "chart-unobserved"),
];

impl Class {
    /// The colour that stands for it while plotters draws.
    pub(super) fn colour(self) -> RGBColor {
        let place = CLASSES.iter().position(|(class, _)| *class == self).unwrap_or(0);
        RGBColor(0, 0, u8::try_from(place).unwrap_or(0))
    }

    fn name_of(colour: BackendColor) -> &'static str {
        CLASSES.get(usize::from(colour.rgb.2)).map_or("chart-grid", |(_, name)| name)
    }
}

/// Writes one drawing. Strokes of one class that follow each other become one path.
#[derive(Debug)]
pub(super) struct ClassedSvg<'a> {
    size: (u32, u32),
    out: &'a mut String,
    path: Option<(&'static str, String)>,
}

impl<'a> ClassedSvg<'a> {
    pub(super) fn new(out: &'a mut String, size: (u32, u32)) -> Self {
        let (width, height) = size;
        // Writing into a string cannot fail, here and below.
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" class=\"chart\">"
        );
        Self { size, out, path: None }
    }

    fn end_path(&mut self) {
        if let Some((class, data)) = self.path.take() {
            let _ = write!(self.out, "<path class=\"{class}\" fill=\"none\" d=\"{data}\"/>");
        }
    }

    fn stroke(&mut self, class: &'static str, points: impl IntoIterator<Item = BackendCoord>) {
        if self.path.as_ref().is_some_and(|(open, _)| *open != class) {
            self.end_path();
        }
        let (_, data) = self.path.get_or_insert_with(|| (class, String::new()));
        let mut last = None;
        for (x, y) in points {
            if last == Some((x, y)) {
                continue;
            }
            let _ = write!(data, "{}{x} {y}", if last.is_none() { 'M' } else { 'L' });
            last = Some((x, y));
        }
    }
}

impl DrawingBackend for ClassedSvg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        self.end_path();
        if !self.out.ends_with("</svg>") {
            self.out.push_str("</svg>");
        }
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        self.stroke(Class::name_of(colour), [(x, y), (x + 1, y)]);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.stroke(Class::name_of(style.color()), [from, to]);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.stroke(Class::name_of(style.color()), path);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let class = Class::name_of(style.color());
        if !fill {
            self.stroke(class, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]);
            return Ok(());
        }
        self.end_path();
        let (width, height) = ((right - left).max(0), (bottom - top).max(0));
        let _ = write!(
            self.out,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>"
        );
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, (x, y): BackendCoord) -> Drawn {
        self.end_path();
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let baseline = match style.anchor().v_pos {
            VPos::Top => "hanging",
            VPos::Center => "central",
            VPos::Bottom => "auto",
        };
        let _ = write!(
            self.out,
            "<text class=\"{}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" dominant-baseline=\"{baseline}\">{}</text>",
            Class::name_of(style.color()),
            escaped(text)
        );
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        // Fonts are the window's; half a size for each character is near enough to leave room.
        let size = style.size();
        Ok(((text.chars().count() as f64 * size * 0.5) as u32, size as u32))
    }
}

/// A text as XML, without the characters XML cannot carry.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' => out.push(' '),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escaped("<a href='x'>&\"\u{0}\n"), "&lt;a href=&apos;x&apos;&gt;&amp;&quot;\u{fffd} ");
    }

    #[test]
    fn every_class_finds_its_name() {
        for (class, name) in CLASSES {
            let RGBColor(red, green, blue) = class.colour();
            assert_eq!(Class::name_of(BackendColor { alpha: 1.0, rgb: (red, green, blue) }), name);
        }
    }
}
