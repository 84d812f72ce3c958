//! Judging objects drawn by chance: whether each is there, whole, and what its row in the database says.
//!
//! Drawing is fair over a list of any length ([`Draw`]); chance itself comes from outside.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    could_not::CouldNot,
    words::{counted, line, quoted, size},
};
use crate::check::{ObjectSampleProbe, Outcome, ProbeKind, Verdict};

/// Draws a few of many without knowing how many there will be (reservoir sampling, algorithm R).
#[derive(Debug, Clone)]
pub struct Draw<T> {
    most: usize,
    offered: u64,
    drawn: Vec<T>,
}

impl<T> Draw<T> {
    /// A draw of at most so many.
    pub fn new(most: u32) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), offered: 0, drawn: Vec::new() }
    }

    /// Offers one more; `chance` is a random number, anew each time.
    pub fn offer(&mut self, chance: u64, one: T) {
        self.offered += 1;
        if self.drawn.len() < self.most {
            self.drawn.push(one);
            return;
        }
        // As good as even: the error is below one in 2^64 divided by how many were offered.
        let place = (u128::from(chance) * u128::from(self.offered)) >> 64;
        if let Some(kept) = usize::try_from(place).ok().and_then(|place| self.drawn.get_mut(place)) {
            *kept = one;
        }
    }

    /// How many were offered, and those drawn.
    pub fn finish(self) -> (u64, Vec<T>) {
        (self.offered, self.drawn)
    }
}

/// A row of the database about an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectRow {
    /// The object's key.
    pub key: String,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: Option<String>,
    /// The MD5 of its content, in hexadecimal.
    pub md5: Option<String>,
    /// The store's own mark of its content.
    pub etag: Option<String>,
}

impl ObjectRow {
    /// Reads a row as the database gives it as JSON. A digest may be text or bytes, which come as `\x…`.
    pub fn read(row: &Value) -> Result<Self, CouldNot> {
        let wrong = |why: &str| CouldNot::Local(format!("the query's rows cannot be used: {why}"));
        let key = row.get("key").and_then(Value::as_str).ok_or_else(|| wrong("no text in the column \"key\""))?;
        let text = |name: &str, digits: usize| match row.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                let plain = text.trim_start_matches("\\x").trim_matches('"').to_ascii_lowercase();
                let fits = digits == 0 || (plain.len() == digits && plain.bytes().all(|byte| byte.is_ascii_hexdigit()));
                if fits { Ok(Some(plain)) } else { Err(wrong(&format!("{} is no {name}", quoted(text)))) }
            }
            Some(_) => Err(wrong(&format!("the column \"{name}\" holds no text"))),
        };
        let size = match row.get("size") {
            None | Some(Value::Null) => None,
            // Kept in JSON by some platforms, where numbers may be texts.
            Some(Value::String(text)) => Some(text.parse().map_err(|_| wrong("the column \"size\" holds no number"))?),
            Some(number) => Some(number.as_u64().ok_or_else(|| wrong("the column \"size\" holds no number"))?),
        };
        let (sha256, md5, etag) = (text("sha256", 64)?, text("md5", 32)?, text("etag", 0)?);
        Ok(Self { key: key.to_owned(), size, sha256, md5, etag })
    }

    fn describes_content(&self) -> bool {
        self.sha256.is_some() || self.md5.is_some() || self.etag.is_some()
    }
}

/// What was found where an object should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundObject {
    /// It was read from its first byte to its last.
    Whole {
        /// How many bytes came.
        size: u64,
        /// Their SHA-256, in hexadecimal.
        sha256: String,
        /// Their MD5, in hexadecimal.
        md5: String,
        /// The store's mark.
        etag: Option<String>,
    },
    /// It is too large; pieces of it were read.
    Pieces {
        /// Its size, as the store says and its last piece proves.
        size: u64,
        /// The store's mark.
        etag: Option<String>,
    },
    /// It is not there.
    Gone,
    /// Its row was changed while it was read.
    Changed,
    /// It could not be read.
    Unread(CouldNot),
}

/// An object that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnObject {
    /// Its key.
    pub key: String,
    /// Its row, if there is one.
    pub row: Option<ObjectRow>,
    /// What was found.
    pub found: FoundObject,
}

/// A sample of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSample {
    /// How many objects the draw was from.
    pub objects: u64,
    /// Those that were drawn, from the list and from the rows.
    pub drawn: Vec<DrawnObject>,
}

/// Whether an object may be drawn at `now`: its row has had the time to be written.
pub fn settled(probe: &ObjectSampleProbe, modified: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - modified >= probe.settled.to_delta()
}

/// What it means that the rows could not be read. It says nothing about the objects, whoever is to blame.
pub fn rows_unread(why: &CouldNot) -> CouldNot {
    CouldNot::Unfinished(format!("rows could not be read: {}", why.words()))
}

/// Judges a sample.
pub fn object_sample(probe: &ObjectSampleProbe, sample: &ObjectSample) -> Outcome {
    let ObjectSample { objects, drawn } = sample;
    let outcomes: Vec<Outcome> = drawn.iter().map(|object| judge(probe, object)).collect();
    let told: Vec<String> = outcomes.iter().map(|outcome| outcome.reason.clone()).collect();
    let bad = outcomes.iter().filter(|outcome| outcome.verdict.weight() > 0).count();
    let outcome = match Outcome::worst(outcomes) {
        None => {
            let place =
                if probe.prefix.is_empty() { String::new() } else { format!(" under {}", quoted(&probe.prefix)) };
            Outcome::unknown(format!("no object to draw{place} that is older than {}", probe.settled))
        }
        Some(worst) if worst.verdict == Verdict::Operational => Outcome::operational(equal(*objects, drawn)),
        Some(worst) => worst,
    };
    outcome
        .measured("objects", *objects as f64, "objects")
        .measured("drawn", drawn.len() as f64, "objects")
        .measured("at fault", bad as f64, "objects")
        .answered(told.join("\n"))
}

fn equal(objects: u64, drawn: &[DrawnObject]) -> String {
    let pieces = drawn.iter().filter(|object| matches!(object.found, FoundObject::Pieces { .. })).count() as u64;
    let by_size = drawn.iter().filter(|object| object.row.as_ref().is_some_and(|row| !row.describes_content()));
    let limits = match (pieces, by_size.count() as u64) {
        (0, 0) => String::new(),
        (0, _) => ", by their size alone".to_owned(),
        (pieces, _) => format!(", {pieces} of them too large to be read whole"),
    };
    let count = counted(drawn.len() as u64, "object");
    format!("{count} drawn from {objects} as their rows say{limits}")
}

/// Each reason names the object, because somebody will have to look at it.
fn judge(probe: &ObjectSampleProbe, object: &DrawnObject) -> Outcome {
    let key = quoted_end(&object.key);
    let otherwise = |why: String| Outcome::new(probe.otherwise.into(), format!("{key} {why}"));
    let (found, etag, digests) = match (&object.found, &object.row) {
        (FoundObject::Unread(why), _) => {
            let judged = why.judge(ProbeKind::ObjectSample);
            return Outcome { reason: format!("{key} could not be read: {}", judged.reason), ..judged };
        }
        (FoundObject::Changed, _) => return Outcome::operational(format!("{key} was changed meanwhile")),
        // Deleted since it was listed, and its row with it.
        (FoundObject::Gone, None) => return Outcome::operational(format!("{key} was deleted meanwhile")),
        (FoundObject::Gone, Some(_)) => return otherwise("is gone, and its row is there".to_owned()),
        (_, None) => return Outcome::new(probe.without_row.into(), format!("{key} has no row")),
        (FoundObject::Whole { size, sha256, md5, etag }, Some(_)) => (*size, etag, Some((sha256, md5))),
        (FoundObject::Pieces { size, etag }, Some(_)) => (*size, etag, None),
    };
    let row = object.row.clone().unwrap_or_default();
    if let Some(wanted) = row.size.filter(|wanted| *wanted != found) {
        return otherwise(format!("has {found} bytes, its row says {wanted}"));
    }
    let same = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    if let Some((sha256, md5)) = digests {
        if !same(&row.sha256, sha256) {
            return otherwise("has another content than its row says, by SHA-256".to_owned());
        }
        if !same(&row.md5, md5) {
            return otherwise("has another content than its row says, by MD5".to_owned());
        }
    }
    let mark = etag.as_ref().map(|etag| etag.trim_matches('"').to_ascii_lowercase());
    if mark.is_some_and(|mark| !same(&row.etag, &mark)) {
        return otherwise("has another content than its row says, by the store's mark".to_owned());
    }
    Outcome::operational(format!("{key} is as its row says, {}", size(found)))
}

/// A key in quotes. The end of a long one tells it from its neighbours.
fn quoted_end(key: &str) -> String {
    let key = line(key, 1_024);
    let letters = key.chars().count();
    if letters <= 80 {
        return format!("\"{key}\"");
    }
    let end: String = key.chars().skip(letters - 79).collect();
    format!("\"…{end}\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::{
        Otherwise,
        Verdict::{Degraded, Operational, Outage, Unknown},
    };
    use crate::plan::quantity::{Period, Size};

    fn probe() -> ObjectSampleProbe {
        ObjectSampleProbe {
            endpoint: "bucket".parse().unwrap(),
            database: "database".parse().unwrap(),
            prefix: String::new(),
            suffix: String::new(),
            sample: 3,
            query: "select".to_owned(),
            rows: None,
            settled: Period::from_secs(300),
            whole: Size::from_bytes(1_024),
            otherwise: Otherwise::Outage,
            without_row: Otherwise::Degraded,
        }
    }

    fn whole() -> FoundObject {
        FoundObject::Whole {
            size: 10,
            sha256: "a".repeat(64),
            md5: "b".repeat(32),
            etag: Some(format!("\"{}\"", "c".repeat(32))),
        }
    }

    fn row() -> ObjectRow {
        ObjectRow {
            key: "a.jpg".to_owned(),
            size: Some(10),
            sha256: Some("a".repeat(64)),
            md5: Some("b".repeat(32)),
            etag: Some("c".repeat(32)),
        }
    }

    fn drawn(row: Option<ObjectRow>, found: FoundObject) -> DrawnObject {
        DrawnObject { key: "a.jpg".to_owned(), row, found }
    }

    #[test]
    fn each_difference_between_object_and_row_is_named() {
        let other = || Some("d".repeat(64));
        let large = || FoundObject::Pieces { size: 10, etag: Some("\"e-7\"".to_owned()) };
        let by_size = || ObjectRow { sha256: None, md5: None, etag: None, ..row() };
        for (row, found, verdict, reason) in [
            (Some(row()), whole(), Operational, "1 object drawn from 60 as their rows say"),
            (Some(by_size()), whole(), Operational, "1 object drawn from 60 as their rows say, by their size alone"),
            (
                Some(ObjectRow { etag: Some("e-7".to_owned()), ..row() }),
                large(),
                Operational,
                "1 object drawn from 60 as their rows say, 1 of them too large to be read whole",
            ),
            (Some(ObjectRow { size: None, ..row() }), whole(), Operational, "1 object drawn from 60 as their rows say"),
            (None, whole(), Degraded, "\"a.jpg\" has no row"),
            (Some(row()), FoundObject::Gone, Outage, "\"a.jpg\" is gone, and its row is there"),
            (Some(row()), FoundObject::Changed, Operational, "1 object drawn from 60 as their rows say"),
            (None, FoundObject::Gone, Operational, "1 object drawn from 60 as their rows say"),
            (Some(ObjectRow { size: Some(11), ..row() }), whole(), Outage, "\"a.jpg\" has 10 bytes, its row says 11"),
            (Some(ObjectRow { size: Some(11), ..row() }), large(), Outage, "\"a.jpg\" has 10 bytes, its row says 11"),
            (
                Some(ObjectRow { sha256: other(), ..row() }),
                whole(),
                Outage,
                "\"a.jpg\" has another content than its row says, by SHA-256",
            ),
            (
                Some(ObjectRow { md5: Some("d".repeat(32)), ..row() }),
                whole(),
                Outage,
                "\"a.jpg\" has another content than its row says, by MD5",
            ),
            (
                Some(ObjectRow { etag: other(), ..row() }),
                whole(),
                Outage,
                "\"a.jpg\" has another content than its row says, by the store's mark",
            ),
            (
                Some(ObjectRow { etag: other(), ..row() }),
                large(),
                Outage,
                "\"a.jpg\" has another content than its row says, by the store's mark",
            ),
            (
                Some(row()),
                FoundObject::Unread(CouldNot::Closed),
                Outage,
                "\"a.jpg\" could not be read: closed the connection before answering",
            ),
            (
                Some(row()),
                FoundObject::Unread(CouldNot::CredentialRefused("status 403".to_owned())),
                Unknown,
                "\"a.jpg\" could not be read: refused our credential (status 403)",
            ),
        ] {
            let outcome = object_sample(&probe(), &ObjectSample { objects: 60, drawn: vec![drawn(row, found)] });
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
    }

    #[test]
    fn every_object_drawn_is_told_and_the_worst_decides() {
        let drawn = vec![
            drawn(Some(row()), whole()),
            drawn(None, whole()),
            drawn(Some(row()), FoundObject::Gone),
            drawn(Some(ObjectRow { size: Some(1), ..row() }), whole()),
        ];
        let outcome = object_sample(&probe(), &ObjectSample { objects: 9, drawn: drawn.clone() });
        assert_eq!(
            (outcome.verdict, outcome.reason.as_str()),
            (Outage, "\"a.jpg\" is gone, and its row is there; and 1 more")
        );
        let values: Vec<f64> = outcome.measurements.iter().map(|measured| measured.value).collect();
        assert_eq!(values, [9.0, 4.0, 3.0]);
        assert_eq!(outcome.answer.unwrap().lines().count(), 4);
        let milder = ObjectSampleProbe { otherwise: Otherwise::Degraded, without_row: Otherwise::Outage, ..probe() };
        let outcome = object_sample(&milder, &ObjectSample { objects: 9, drawn });
        assert_eq!((outcome.verdict, outcome.reason.as_str()), (Outage, "\"a.jpg\" has no row"));
        let nothing = object_sample(&probe(), &ObjectSample { objects: 0, drawn: Vec::new() });
        assert_eq!((nothing.verdict, nothing.reason.as_str()), (Unknown, "no object to draw that is older than 5m"));
    }

    #[test]
    fn rows_are_read_as_databases_give_them() {
        let digest = "AB".repeat(32);
        let read =
            ObjectRow::read(&json!({"key": "k", "size": 7, "sha256": format!("\\x{digest}"), "more": []})).unwrap();
        assert_eq!((read.size, read.sha256), (Some(7), Some(digest.to_lowercase())));
        let read = ObjectRow::read(&json!({"key": "k", "size": "7", "md5": null, "etag": "\"Ab-2\""})).unwrap();
        assert_eq!((read.size, read.md5, read.etag.as_deref()), (Some(7), None, Some("ab-2")));
        for (row, words) in [
            (json!({"name": "k"}), "no text in the column \"key\""),
            (json!({"key": 3}), "no text in the column \"key\""),
            (json!({"key": "k", "size": -1}), "the column \"size\" holds no number"),
            (json!({"key": "k", "size": "x"}), "the column \"size\" holds no number"),
            (json!({"key": "k", "sha256": "beef"}), "\"beef\" is no sha256"),
            (json!({"key": "k", "md5": 7}), "the column \"md5\" holds no text"),
        ] {
            let outcome = ObjectRow::read(&row).unwrap_err().judge(ProbeKind::ObjectSample);
            assert_eq!(outcome.verdict, Unknown);
            assert!(outcome.reason.ends_with(words), "{}", outcome.reason);
        }
    }

    #[test]
    fn a_draw_is_fair_over_all_pages() {
        let mut times = vec![0_u32; 3_000];
        // Numbers spread evenly stand for chance (a Weyl sequence through a mixer).
        let mut chance = 0_u64;
        for _ in 0..2_000 {
            let mut draw = Draw::new(30);
            for one in 0..3_000_usize {
                chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = (chance ^ (chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                draw.offer(mixed ^ (mixed >> 31), one);
            }
            let (offered, drawn) = draw.finish();
            assert_eq!((offered, drawn.len()), (3_000, 30));
            for one in drawn {
                times[one] += 1;
            }
        }
        // Twenty times each; a thousand keys at a time, as a page holds them, 20 000 in all.
        for page in times.chunks(1_000) {
            let sum: u32 = page.iter().sum();
            assert!((19_000..21_000).contains(&sum), "a page was drawn {sum} times");
        }
        assert!(times.iter().all(|times| (1..60).contains(times)), "a key is preferred or passed over");
        let mut few = Draw::new(30);
        few.offer(7, "only");
        assert_eq!(few.finish(), (1, vec!["only"]));
    }

    #[test]
    fn long_keys_are_told_by_their_end() {
        let told = quoted_end(&format!("{}/one.jpg", "folder".repeat(40)));
        assert!(told.starts_with("\"…") && told.ends_with("/one.jpg\""), "{told}");
        assert_eq!(told.chars().count(), 82);
    }
}
