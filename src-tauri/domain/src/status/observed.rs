//! When an environment was observed: between a watch's beginning and its end, without what interrupted it.
//!
//! What happened outside of these spans is not known, and belongs to neither the good nor the bad time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use ts_rs::TS;
use uuid::Uuid;

use crate::{
    journal::Fact,
    plan::{id::Id, read::choice},
};

choice! {
    /// What interrupted a watch.
    pub enum Interruption {
        /// The program or the computer ended without saying so.
        Ended = "ended",
        /// The computer slept.
        Slept = "slept",
        /// Somebody set the computer's clock.
        Clock = "clock",
    }
}

/// A span of time, from its first instant to the one after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Span {
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
}

/// What is known of one device's watch.
#[derive(Debug, Default)]
struct Watch {
    spans: Vec<Span>,
    /// Since when it watches, and the last sign that it does.
    open: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Watch {
    fn begin(&mut self, at: DateTime<Utc>) {
        // A watch that was begun twice had ended unnoticed in between, after its last sign.
        if let Some((from, last)) = self.open.replace((at, at)) {
            self.spans.push(Span { from, until: last });
        }
    }

    fn end(&mut self, at: DateTime<Utc>) {
        if let Some((from, _)) = self.open.take() {
            self.spans.push(Span { from, until: at });
        }
    }

    fn seen(&mut self, at: DateTime<Utc>) {
        if let Some((_, last)) = &mut self.open {
            *last = at.max(*last);
        }
    }
}

/// The spans in which an environment was observed, by any device: in order, none touching another. `facts` are the
/// journal's, each with the device that wrote it and when, in the order of the journal; others than those of
/// watches may be left out, and health changes that a person's click found are to be. `last` is the last sign of the watch that has not ended, such as now while
/// somebody watches; without it, the last fact that the watch wrote down is.
#[expect(clippy::wildcard_enum_match_arm, reason = "facts of other kinds, later ones too, say nothing of this")]
pub fn observed<'a>(
    environment: &Id,
    facts: impl IntoIterator<Item = (Uuid, DateTime<Utc>, &'a Fact)>,
    last: Option<DateTime<Utc>>,
) -> Vec<Span> {
    let mut watches: BTreeMap<Uuid, Watch> = BTreeMap::new();
    for (device, at, fact) in facts {
        match fact {
            Fact::WatchStarted { environment: of } if of == environment => watches.entry(device).or_default().begin(at),
            Fact::WatchStopped { environment: of } if of == environment => watches.entry(device).or_default().end(at),
            Fact::WatchInterrupted { environment: of, from, until, .. } if of == environment && from < until => {
                let watch = watches.entry(device).or_default();
                if watch.open.is_some() {
                    watch.end(*from);
                    watch.begin(*until);
                }
            }
            Fact::HealthChanged { environment: of, .. } if of == environment => {
                watches.entry(device).or_default().seen(at);
            }
            _ => {}
        }
    }
    let mut spans = Vec::new();
    for (_, mut watch) in watches {
        if let Some((_, seen)) = watch.open {
            watch.end(last.map_or(seen, |last| last.max(seen)));
        }
        spans.extend(watch.spans);
    }
    joined(spans)
}

/// The same time in order, without overlaps and without empty spans.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.from < span.until);
    spans.sort_by_key(|span| span.from);
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
            Some(_) | None => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::status::{Health, HealthChange};

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn id(name: &str) -> Id {
        name.parse().unwrap()
    }

    /// What happened on a device at a minute.
    enum Word {
        Began,
        Ended,
        Cut(i64, i64),
        Changed,
        Elsewhere,
    }

    fn fact(word: &Word) -> Fact {
        let environment = id("production");
        match *word {
            Word::Began => Fact::WatchStarted { environment },
            Word::Ended => Fact::WatchStopped { environment },
            Word::Cut(from, until) => {
                Fact::WatchInterrupted { environment, from: at(from), until: at(until), why: Interruption::Slept }
            }
            Word::Changed => Fact::HealthChanged {
                environment,
                check: id("a"),
                name: "A".to_owned(),
                of: id("b"),
                plan: String::new(),
                change: HealthChange {
                    from: Health::Operational,
                    to: Health::Outage,
                    since: at(0),
                    samples: 1,
                    reason: String::new(),
                },
                answer: None,
            },
            Word::Elsewhere => Fact::WatchStopped { environment: id("range") },
        }
    }

    #[test]
    fn only_what_a_watch_saw_was_observed() {
        use Word::{Began, Changed, Cut, Elsewhere, Ended};
        /// Facts by device and minute, the last sign if known, and the minutes observed.
        type Row<'a> = (&'a [(u128, i64, Word)], Option<i64>, &'a [(i64, i64)]);
        let table: &[Row<'_>] = &[
            (&[], Some(9), &[]),
            (&[(1, 1, Changed)], Some(9), &[]),
            (&[(1, 1, Began), (1, 5, Ended)], Some(9), &[(1, 5)]),
            (&[(1, 1, Began), (1, 3, Elsewhere), (1, 5, Ended)], None, &[(1, 5)]),
            (&[(1, 1, Began), (1, 5, Changed)], Some(9), &[(1, 9)]),
            (&[(1, 1, Began), (1, 5, Changed)], None, &[(1, 5)]),
            (&[(1, 1, Began)], None, &[]),
            // A sleep, and a watch that was cut off.
            (&[(1, 1, Began), (1, 6, Cut(2, 6)), (1, 8, Ended)], None, &[(1, 2), (6, 8)]),
            (&[(1, 1, Began), (1, 6, Cut(3, 6)), (1, 6, Began), (1, 8, Ended)], None, &[(1, 3), (6, 8)]),
            (&[(1, 1, Began), (1, 3, Changed), (1, 6, Began), (1, 8, Ended)], None, &[(1, 3), (6, 8)]),
            (&[(1, 1, Began), (1, 6, Cut(3, 6)), (1, 9, Cut(6, 9)), (1, 9, Began)], Some(9), &[(1, 3)]),
            // A clock that was set back takes nothing away.
            (&[(1, 1, Began), (1, 2, Cut(4, 2)), (1, 8, Ended)], None, &[(1, 8)]),
            // Two devices.
            (&[(1, 1, Began), (2, 3, Began), (1, 4, Ended), (2, 6, Ended)], None, &[(1, 6)]),
            (&[(1, 1, Began), (1, 2, Ended), (2, 4, Began), (2, 6, Ended)], None, &[(1, 2), (4, 6)]),
        ];
        for (row, (words, last, expected)) in table.iter().enumerate() {
            let facts: Vec<(Uuid, DateTime<Utc>, Fact)> = words
                .iter()
                .map(|(device, minute, word)| (Uuid::from_u128(*device), at(*minute), fact(word)))
                .collect();
            let spans =
                observed(&id("production"), facts.iter().map(|(device, at, fact)| (*device, *at, fact)), last.map(at));
            let expected: Vec<Span> =
                expected.iter().map(|(from, until)| Span { from: at(*from), until: at(*until) }).collect();
            assert_eq!(spans, expected, "row {row}");
        }
    }
}
