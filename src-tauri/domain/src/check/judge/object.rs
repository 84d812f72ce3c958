//! Judging the newest object of a bucket: how old, how large, and whether there is one at all.
//!
//! A listing comes in the order of keys, not of age, so only a listing to its end knows the newest.

use chrono::{DateTime, TimeDelta, Utc};

use super::words::{counted, elapsed, quoted, size};
use crate::{
    check::{ObjectNewestProbe, Outcome},
    plan::quantity::{Period, Size},
};

/// How far a store's clock may be ahead before its times are not believed.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// The newest object that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestObject {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was uploaded, by the store's clock.
    pub modified: DateTime<Utc>,
}

/// A listing taken to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// How many objects fit the prefix and the suffix.
    pub objects: u64,
    /// The newest of them.
    pub newest: Option<NewestObject>,
}

impl Listing {
    /// Counts an object and keeps it when it is the newest so far. The key decides between equal times.
    ///
    /// Markers of folders (empty objects whose key ends with a slash) and keys with another ending are passed over.
    pub fn take(&mut self, suffix: &str, object: NewestObject) {
        let marker = object.size == 0 && object.key.ends_with('/');
        if marker || !object.key.ends_with(suffix) {
            return;
        }
        self.objects += 1;
        let rank = |object: &NewestObject| (object.modified, object.key.clone());
        if self.newest.as_ref().is_none_or(|newest| rank(newest) < rank(&object)) {
            self.newest = Some(object);
        }
    }
}

/// What is wanted of the newest of something.
pub(super) struct Wanted<'a> {
    /// What it is called: `object`, `file`.
    pub(super) noun: &'static str,
    /// Where it is looked for when nothing narrows that: `in the bucket`.
    pub(super) place: &'static str,
    /// How the prefix narrows that: `under`, `beginning with`.
    pub(super) below: &'static str,
    pub(super) prefix: &'a str,
    pub(super) suffix: &'a str,
    pub(super) max_age: Period,
    pub(super) degraded_age: Option<Period>,
    pub(super) min_size: Size,
}

/// Judges a listing at `now`.
pub fn object_newest(probe: &ObjectNewestProbe, listing: &Listing, now: DateTime<Utc>) -> Outcome {
    let wanted = Wanted {
        noun: "object",
        place: "in the bucket",
        below: "under",
        prefix: &probe.prefix,
        suffix: &probe.suffix,
        max_age: probe.max_age,
        degraded_age: probe.degraded_age,
        min_size: probe.min_size,
    };
    newest(&wanted, listing, now)
}

/// Judges the newest of a listing at `now`.
pub(super) fn newest(wanted: &Wanted<'_>, listing: &Listing, now: DateTime<Utc>) -> Outcome {
    let Wanted { noun, place, below, prefix, suffix, .. } = wanted;
    let unit = format!("{noun}s");
    let Some(newest) = &listing.newest else {
        let reason = match (*prefix, *suffix) {
            ("", "") => format!("no {noun} {place}"),
            (prefix, "") => format!("no {noun} {below} {}", quoted(prefix)),
            ("", suffix) => format!("no {noun} ending in {}", quoted(suffix)),
            (prefix, suffix) => format!("no {noun} {below} {} ending in {}", quoted(prefix), quoted(suffix)),
        };
        return Outcome::outage(reason).measured(&unit, 0.0, &unit);
    };
    let age = now - newest.modified;
    verdict(wanted, newest, age)
        .unwrap_or_else(|| {
            let counted = counted(listing.objects, noun);
            Outcome::operational(format!("newest is {} old, {}, of {counted}", elapsed(age), size(newest.size)))
        })
        .measured(&unit, listing.objects as f64, &unit)
        .measured("newest age", (age.num_milliseconds() as f64 / 1_000.0).max(0.0), "s")
        .measured("newest size", newest.size as f64, "bytes")
        .answered(format!("newest: {}\nsize: {}\nmodified: {}", newest.key, newest.size, newest.modified.to_rfc3339()))
}

fn verdict(wanted: &Wanted<'_>, newest: &NewestObject, age: TimeDelta) -> Option<Outcome> {
    let noun = wanted.noun;
    if age < -CLOCK_TOLERANCE {
        let ahead = elapsed(age.abs());
        return Some(Outcome::unknown(format!("clock differs: the newest {noun} is {ahead} in the future")));
    }
    let told = |limit| format!("newest {noun} is {} old, limit {limit}", elapsed(age));
    if age > wanted.max_age.to_delta() {
        return Some(Outcome::outage(told(wanted.max_age)));
    }
    if newest.size < wanted.min_size.bytes() {
        let found = size(newest.size);
        return Some(Outcome::outage(format!("newest {noun} has {found}, expected at least {}", wanted.min_size)));
    }
    match wanted.degraded_age {
        Some(limit) if age > limit.to_delta() => Some(Outcome::degraded(told(limit))),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};
    use crate::plan::quantity::{Period, Size};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn object(key: &str, seconds: i64, size: u64) -> NewestObject {
        NewestObject { key: key.to_owned(), size, modified: now() - TimeDelta::seconds(seconds) }
    }

    fn probe() -> ObjectNewestProbe {
        ObjectNewestProbe {
            endpoint: "bucket".parse().unwrap(),
            prefix: "daily/".to_owned(),
            suffix: ".dump".to_owned(),
            max_age: Period::from_secs(25 * 3_600),
            degraded_age: Some(Period::from_secs(24 * 3_600)),
            min_size: Size::from_bytes(1_024),
        }
    }

    fn judged(newest: NewestObject) -> Outcome {
        object_newest(&probe(), &Listing { objects: 60, newest: Some(newest) }, now())
    }

    #[test]
    fn the_newest_has_to_be_young_and_large_enough() {
        let hour = 3_600;
        for (seconds, size, verdict, reason) in [
            (2 * hour, 4_096, Operational, "newest is 2h old, 4.0 KiB, of 60 objects"),
            (24 * hour, 1_024, Operational, "newest is 1d old, 1.0 KiB, of 60 objects"),
            (24 * hour + 1, 1_024, Degraded, "newest object is 1d old, limit 1d"),
            (25 * hour, 1_024, Degraded, "newest object is 1d 1h old, limit 1d"),
            (74 * hour, 4_096, Outage, "newest object is 3d 2h old, limit 1d 1h"),
            (hour, 1_023, Outage, "newest object has 1023 B, expected at least 1 KiB"),
            (hour, 0, Outage, "newest object has 0 B, expected at least 1 KiB"),
            (-300, 4_096, Operational, "newest is 0s old, 4.0 KiB, of 60 objects"),
            (-301, 4_096, Unknown, "clock differs: the newest object is 5m 1s in the future"),
        ] {
            let outcome = judged(object("daily/a.dump", seconds, size));
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
            let names: Vec<&str> = outcome.measurements.iter().map(|measured| measured.name.as_str()).collect();
            assert_eq!(names, ["objects", "newest age", "newest size"]);
            assert!(outcome.answer.unwrap().starts_with("newest: daily/a.dump\n"));
        }
    }

    #[test]
    fn no_object_is_an_outage_that_says_where() {
        for (prefix, suffix, reason) in [
            ("daily/", ".dump", "no object under \"daily/\" ending in \".dump\""),
            ("daily/", "", "no object under \"daily/\""),
            ("", ".dump", "no object ending in \".dump\""),
            ("", "", "no object in the bucket"),
        ] {
            let probe = ObjectNewestProbe { prefix: prefix.to_owned(), suffix: suffix.to_owned(), ..probe() };
            let outcome = object_newest(&probe, &Listing::default(), now());
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (Outage, reason));
        }
    }

    #[test]
    fn b_17_the_newest_is_found_wherever_it_stands_in_the_listing() {
        let mut listing = Listing::default();
        for (key, seconds, size) in [
            ("daily/2026-10-04.dump", 7 * 604_800, 9),
            ("daily/2026-11-22.dump", 7_200, 9),
            ("daily/2026-11-23/", 10, 0),
            ("daily/2026-11-23.log", 10, 9),
            ("daily/a.dump", 7_200, 9),
            ("daily/zz.dump", 900_000, 9),
        ] {
            listing.take(".dump", object(key, seconds, size));
        }
        assert_eq!(listing.objects, 4);
        assert_eq!(listing.newest.unwrap().key, "daily/a.dump");
        let mut any = Listing::default();
        any.take("", object("folder/", 1, 0));
        any.take("", object("odd/", 1, 1));
        assert_eq!(any.objects, 1);
    }
}
