//! Judging how large a database is, what of it, how fast it grows, and what is left of its disk.

use chrono::TimeDelta;

use super::words::{counted, elapsed, line, size};
use crate::check::{Measurement, Outcome, PostgresSizeProbe, Sample, Verdict};

/// What the size is called among the measurements.
pub const SIZE: &str = "database size";
/// And the growth.
const GROWTH: &str = "growth per day";
/// Growth is not told from less than this: what is written in bursts would look like a flood.
const SHORTEST: TimeDelta = TimeDelta::hours(1);
/// How many tables are kept as measurements, the largest first.
const MEASURED: usize = 5;

/// What a server tells of its sizes, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSize {
    /// The database.
    pub database: u64,
    /// All databases of the server whose sizes our role may see.
    pub all: u64,
    /// How many databases it may not.
    pub hidden: u64,
    /// The largest tables, largest first.
    pub tables: Vec<TableSize>,
    /// How many tables there are.
    pub count: u64,
}

/// A table with its indexes, its long values and its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Its name, quoted where SQL would have to.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// How many partitions it has.
    pub partitions: u64,
}

/// Judges the sizes of now. Growth is judged by [`growth`], which knows of earlier ones.
pub fn database_size(probe: &PostgresSizeProbe, told: &DatabaseSize) -> Outcome {
    let over = Verdict::from(probe.otherwise);
    let mut outcomes = Vec::new();
    if let Some(limit) = probe.database_at_most.filter(|limit| told.database > limit.bytes()) {
        outcomes.push(Outcome::new(over, format!("database is {}, limit {limit}", size(told.database))));
    }
    if let Some(limit) = probe.table_at_most {
        for table in told.tables.iter().filter(|table| table.bytes > limit.bytes()) {
            let words = format!("table {} is {}, limit {limit}", line(&table.name, 80), size(table.bytes));
            outcomes.push(Outcome::new(over, words));
        }
    }
    if let (Some(disk), Some(headroom)) = (probe.disk, probe.headroom) {
        let left = disk.bytes().saturating_sub(told.all);
        let share = left as f64 / disk.bytes().max(1) as f64;
        if share * 1e6 < f64::from(headroom.parts_per_million()) {
            let share = share * 100.0;
            let words = format!("{share:.1}% of the disk is left, {} of {disk}; wanted {headroom}", size(left));
            outcomes.push(Outcome::new(over, words));
        } else if told.hidden > 0 {
            let databases = counted(told.hidden, "database");
            outcomes.push(Outcome::unknown(format!(
                "what is left of the disk is not known: {databases} hidden from our role"
            )));
        }
    }
    let tables = counted(told.count, "table");
    let largest = told.tables.first();
    let largest = largest.map(|table| format!(", largest {} {}", line(&table.name, 80), size(table.bytes)));
    let fine =
        || Outcome::operational(format!("{} in {tables}{}", size(told.database), largest.clone().unwrap_or_default()));
    let outcome = Outcome::worst(outcomes).unwrap_or_else(fine).measured(SIZE, told.database as f64, "bytes");
    let outcome = told.tables.iter().take(MEASURED).fold(outcome, |outcome, table| {
        outcome.measured(&format!("table {}", line(&table.name, 80)), table.bytes as f64, "bytes")
    });
    outcome.answered(evidence(told))
}

fn evidence(told: &DatabaseSize) -> String {
    let lines = told.tables.iter().map(|table| {
        let partitions = match table.partitions {
            0 => String::new(),
            count => format!(" in {}", counted(count, "partition")),
        };
        format!("{:>12}  {}{partitions}\n", size(table.bytes), line(&table.name, 120))
    });
    let rest = told.count.saturating_sub(told.tables.len() as u64);
    let rest = if rest > 0 { format!("and {}\n", counted(rest, "smaller table")) } else { String::new() };
    format!("{:>12}  the database\n{}{rest}", size(told.database), lines.collect::<String>())
}

fn size_of(sample: &Sample) -> Option<f64> {
    let mut measured = sample.measurements.iter();
    measured.find(|measurement| measurement.name == SIZE).map(|measurement| measurement.value)
}

/// Judges a sample's growth since an earlier sample of the same check, the oldest of the last day that told a size.
pub fn growth(probe: &PostgresSizeProbe, sample: Sample, earlier: Option<&Sample>) -> Sample {
    let (Some(limit), Some(now)) = (probe.growth_at_most, size_of(&sample)) else { return sample };
    let since = earlier.map(|earlier| sample.at - earlier.at).filter(|since| *since >= SHORTEST);
    let Some((since, before)) = since.zip(earlier.and_then(size_of)) else {
        return worse(sample, Verdict::Unknown, &format!("growth is told after {}", elapsed(SHORTEST)));
    };
    let per_day = (now - before) * TimeDelta::days(1).as_seconds_f64() / since.as_seconds_f64();
    let mut sample = sample;
    sample.measurements.push(Measurement { name: GROWTH.to_owned(), value: per_day.round(), unit: "bytes".to_owned() });
    if per_day <= limit.bytes() as f64 {
        return sample;
    }
    let words = format!("grows by {} a day, limit {limit}, told from {}", size(per_day as u64), elapsed(since));
    worse(sample, probe.otherwise.into(), &words)
}

/// The sample with this verdict, where it is worse than its own.
fn worse(sample: Sample, verdict: Verdict, words: &str) -> Sample {
    if verdict.weight() <= sample.verdict.weight() {
        return sample;
    }
    let reason = format!("{words}; {}", sample.reason);
    Sample { verdict, reason, ..sample }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::check::Otherwise;
    use crate::check::Verdict::{Degraded, Operational, Outage, Unknown};
    use crate::plan::quantity::Size;

    const MIB: u64 = 1 << 20;

    fn probe() -> PostgresSizeProbe {
        PostgresSizeProbe {
            endpoint: "db".parse().unwrap(),
            database_at_most: Some(Size::from_bytes(100 * MIB)),
            table_at_most: Some(Size::from_bytes(60 * MIB)),
            growth_at_most: None,
            disk: None,
            headroom: None,
            otherwise: Otherwise::Degraded,
        }
    }

    fn table(name: &str, mib: u64, partitions: u64) -> TableSize {
        TableSize { name: name.to_owned(), bytes: mib * MIB, partitions }
    }

    fn told() -> DatabaseSize {
        DatabaseSize {
            database: 90 * MIB,
            all: 120 * MIB,
            hidden: 0,
            tables: vec![table("public.\"Weird Table\"", 50, 0), table("public.events", 20, 12)],
            count: 7,
        }
    }

    #[test]
    fn databases_tables_and_disks_have_limits() {
        let on_disk = |mib: u64, headroom: &str| PostgresSizeProbe {
            disk: Some(Size::from_bytes(mib * MIB)),
            headroom: Some(headroom.parse().unwrap()),
            ..probe()
        };
        let small = |limit: u64| PostgresSizeProbe { table_at_most: Some(Size::from_bytes(limit * MIB)), ..probe() };
        let tight = PostgresSizeProbe {
            database_at_most: Some(Size::from_bytes(80 * MIB)),
            otherwise: Otherwise::Outage,
            ..probe()
        };
        let hidden = DatabaseSize { hidden: 1, ..told() };
        let weird = "public.\"Weird Table\"";
        for (probe, told, verdict, reason) in [
            (probe(), told(), Operational, format!("90.0 MiB in 7 tables, largest {weird} 50.0 MiB")),
            (probe(), hidden.clone(), Operational, format!("90.0 MiB in 7 tables, largest {weird} 50.0 MiB")),
            (tight, told(), Outage, "database is 90.0 MiB, limit 80 MiB".to_owned()),
            (small(40), told(), Degraded, format!("table {weird} is 50.0 MiB, limit 40 MiB")),
            (small(10), told(), Degraded, format!("table {weird} is 50.0 MiB, limit 10 MiB; and 1 more")),
            (on_disk(200, "40%"), told(), Operational, format!("90.0 MiB in 7 tables, largest {weird} 50.0 MiB")),
            (
                on_disk(200, "41%"),
                told(),
                Degraded,
                "40.0% of the disk is left, 80.0 MiB of 200 MiB; wanted 41%".to_owned(),
            ),
            (on_disk(100, "1%"), told(), Degraded, "0.0% of the disk is left, 0 B of 100 MiB; wanted 1%".to_owned()),
            (
                on_disk(200, "40%"),
                hidden,
                Unknown,
                "what is left of the disk is not known: 1 database hidden from our role".to_owned(),
            ),
        ] {
            let outcome = database_size(&probe, &told);
            assert_eq!((outcome.verdict, outcome.reason), (verdict, reason));
            assert_eq!(outcome.measurements.len(), 3);
        }
        let empty = DatabaseSize { tables: Vec::new(), count: 0, ..told() };
        assert_eq!(database_size(&probe(), &empty).reason, "90.0 MiB in 0 tables");
    }

    #[test]
    fn tables_are_told_by_size() {
        let answer = database_size(&probe(), &told()).answer.unwrap();
        let lines: Vec<&str> = answer.lines().map(str::trim_start).collect();
        assert_eq!(
            lines,
            [
                "90.0 MiB  the database",
                "50.0 MiB  public.\"Weird Table\"",
                "20.0 MiB  public.events in 12 partitions",
                "and 5 smaller tables"
            ]
        );
    }

    fn sample(minutes: i64, mib: u64) -> Sample {
        Sample {
            at: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(minutes),
            latency_ms: 1.0,
            verdict: Operational,
            reason: "fine".to_owned(),
            measurements: vec![Measurement {
                name: SIZE.to_owned(),
                value: (mib * MIB) as f64,
                unit: "bytes".to_owned(),
            }],
            answer: None,
        }
    }

    #[test]
    fn growth_is_told_from_an_hour_or_more() {
        let limited = PostgresSizeProbe { growth_at_most: Some(Size::from_bytes(48 * MIB)), ..probe() };
        for (earlier, verdict, reason, measured) in [
            (None, Unknown, "growth is told after 1h; fine", None),
            (Some(sample(1_441, 10)), Unknown, "growth is told after 1h; fine", None),
            (Some(sample(1_440, 10)), Operational, "fine", Some(48.0)),
            (Some(sample(1_440, 9)), Degraded, "grows by 72.0 MiB a day, limit 48 MiB, told from 1h; fine", Some(72.0)),
            (Some(sample(60, 12)), Operational, "fine", Some(0.0)),
            (Some(sample(60, 24)), Operational, "fine", Some(-12.0)),
        ] {
            let judged = growth(&limited, sample(1_500, 12), earlier.as_ref());
            assert_eq!((judged.verdict, judged.reason.as_str()), (verdict, reason));
            let found = judged.measurements.iter().find(|measurement| measurement.name == GROWTH);
            assert_eq!(found.map(|found| found.value / MIB as f64), measured);
        }
        let bad = Sample { verdict: Outage, ..sample(1_500, 12) };
        assert_eq!(growth(&limited, bad.clone(), None), bad, "what is worse already stays as it is");
        assert_eq!(growth(&probe(), sample(1_500, 12), None), sample(1_500, 12), "nobody asked");
        let unseen = Sample { measurements: Vec::new(), ..sample(1_500, 12) };
        assert_eq!(growth(&limited, unseen.clone(), Some(&sample(60, 1))), unseen);
    }
}
