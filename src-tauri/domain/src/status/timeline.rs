//! What was known of a check, part or function over a span of time: a line of spells without gaps.
//!
//! A line of a check comes from the facts of its changes and from when the environment was observed; lines add up like
//! healths do on the board, except that not knowing weighs more than working less well: it may have been an outage.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Health, HealthChange, Span};
use crate::plan::read::choice;

choice! {
    /// What was known at an instant. In the order in which one outweighs another.
    pub enum Known {
        /// Worked on as planned, so nothing is counted.
        Maintenance = "maintenance",
        /// It did not work.
        Down = "down",
        /// It was watched, but could not be checked.
        Unknown = "unknown",
        /// Nobody watched.
        NotObserved = "not-observed",
        /// It worked, but not as the plan wants it.
        Degraded = "degraded",
        /// It worked.
        Up = "up",
    }
}

impl From<Health> for Known {
    fn from(health: Health) -> Self {
        match health {
            Health::NotChecked => Self::NotObserved,
            Health::Operational => Self::Up,
            Health::Degraded => Self::Degraded,
            Health::Outage => Self::Down,
            Health::Unknown => Self::Unknown,
            Health::Maintenance => Self::Maintenance,
        }
    }
}

/// What was known over a span, in spells that follow each other without gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    span: Span,
    /// Where each spell begins; the first begins with the span. Empty when the span is.
    spells: Vec<(DateTime<Utc>, Known)>,
}

impl Timeline {
    /// The same all the time.
    pub fn always(span: Span, known: Known) -> Self {
        let spells = if span.from < span.until { vec![(span.from, known)] } else { Vec::new() };
        Self { span, spells }
    }

    /// The line of a check. `changes` are those of its health, in the order of the journal, from the span's beginning on
    /// or from before; `now` is its health and since when, which stands where no change says otherwise. Outside of
    /// `observed` nothing was observed; inside of `maintenance` nothing counts.
    pub fn of_check(
        span: Span,
        changes: &[HealthChange],
        now: (Health, Option<DateTime<Utc>>),
        observed: &[Span],
        maintenance: &[Span],
    ) -> Self {
        let first = match (changes.first(), now) {
            (Some(change), _) => change.from,
            (None, (health, Some(since))) if since <= span.from => health,
            (None, _) => Health::NotChecked,
        };
        let mut line = Self::always(span, first.into());
        if let (true, (health, Some(since))) = (changes.is_empty(), now) {
            line.change_at(since, health.into());
        }
        for change in changes {
            line.change_at(change.since, change.to.into());
        }
        line.within(observed, Known::NotObserved).outside(maintenance, Known::Maintenance)
    }

    /// From an instant on it is this, whatever was believed before: a later change knows better.
    fn change_at(&mut self, at: DateTime<Utc>, known: Known) {
        if self.spells.is_empty() || at >= self.span.until {
            return;
        }
        let at = at.max(self.span.from);
        self.spells.retain(|(begin, _)| *begin < at);
        self.push(at, known);
    }

    fn push(&mut self, at: DateTime<Utc>, known: Known) {
        if self.spells.last().is_none_or(|(_, last)| *last != known) {
            self.spells.push((at, known));
        }
    }

    /// Each spell with its end.
    pub fn spells(&self) -> impl Iterator<Item = (Span, Known)> {
        let ends = self.spells.iter().skip(1).map(|(begin, _)| *begin).chain([self.span.until]);
        self.spells.iter().zip(ends).map(|((from, known), until)| (Span { from: *from, until }, *known))
    }

    /// The span it is of.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// What was known at an instant of its span.
    fn at(&self, at: DateTime<Utc>) -> Option<Known> {
        let after = self.spells.partition_point(|(begin, _)| *begin <= at);
        self.spells.get(after.checked_sub(1)?).map(|(_, known)| *known)
    }

    /// The same line inside of spans, and `otherwise` elsewhere.
    fn within(self, spans: &[Span], otherwise: Known) -> Self {
        self.masked(spans, |inside, known| if inside { known } else { otherwise })
    }

    /// The same line outside of spans, and `otherwise` inside.
    fn outside(self, spans: &[Span], otherwise: Known) -> Self {
        self.masked(spans, |inside, known| if inside { otherwise } else { known })
    }

    fn masked(self, spans: &[Span], say: impl Fn(bool, Known) -> Known) -> Self {
        let edges = spans.iter().flat_map(|span| [span.from, span.until]);
        let cuts = cuts(self.span, edges.chain(self.spells.iter().map(|(begin, _)| *begin)));
        let mut masked = Self { span: self.span, spells: Vec::new() };
        for at in cuts {
            let inside = spans.iter().any(|span| span.from <= at && at < span.until);
            if let Some(known) = self.at(at) {
                masked.push(at, say(inside, known));
            }
        }
        masked
    }

    /// What cannot do without any of `required` and works less well without `used`. Not knowing of what is merely used
    /// changes nothing: at worst it made it work less well.
    pub fn sum<'t>(
        span: Span,
        required: impl IntoIterator<Item = &'t Self>,
        used: impl IntoIterator<Item = &'t Self>,
    ) -> Self {
        let required: Vec<&Self> = required.into_iter().collect();
        let used: Vec<&Self> = used.into_iter().collect();
        if required.is_empty() && used.is_empty() {
            return Self::always(span, Known::NotObserved);
        }
        let begins = required.iter().chain(&used).flat_map(|line| line.spells.iter().map(|(begin, _)| *begin));
        let mut sum = Self { span, spells: Vec::new() };
        for at in cuts(span, begins) {
            let needed = required.iter().filter_map(|line| line.at(at)).min();
            let known = needed.into_iter().chain(used.iter().filter_map(|line| line.at(at)).map(softened)).min();
            // Only what is merely used, and nobody looked at any of it: then nothing is known of the whole either.
            let blind = required.is_empty()
                && used.iter().all(|line| matches!(line.at(at), None | Some(Known::NotObserved | Known::Unknown)));
            sum.push(at, if blind { Known::NotObserved } else { known.unwrap_or(Known::NotObserved) });
        }
        sum
    }
}

/// What a part that is merely used does to what uses it.
const fn softened(known: Known) -> Known {
    match known {
        Known::Down | Known::Degraded => Known::Degraded,
        Known::Maintenance | Known::Unknown | Known::NotObserved | Known::Up => Known::Up,
    }
}

/// Where anything may change within a span, the span's beginning included.
fn cuts(span: Span, edges: impl Iterator<Item = DateTime<Utc>>) -> BTreeSet<DateTime<Utc>> {
    if span.from >= span.until {
        return BTreeSet::new();
    }
    edges.filter(|at| span.from < *at && *at < span.until).chain([span.from]).collect()
}
