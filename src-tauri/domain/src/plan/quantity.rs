//! Quantities a plan is written in: durations, sizes, percentages and calendar dates.
//!
//! Each is read from the short text people write (`4h`, `1 MiB`, `99.9%`, `2025-07`) and printed the same
//! way. A bare number is refused: a recovery objective without a unit is how a plan goes wrong.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ts_rs::TS;

use super::read::shown;

/// A text that is not the quantity it should be. The words name what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuantityError(pub String);

macro_rules! as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A length of time with its unit, whole milliseconds, at most ten thousand days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(export, type = "string")]
pub struct Period(Duration);

as_text!(Period);

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const LONGEST_MS: u64 = 10_000 * 86_400_000;

impl Period {
    /// A period of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A period of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The same length as the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The same length as chrono's type.
    pub fn to_delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::from_std(self.0).unwrap_or(chrono::TimeDelta::MAX)
    }

    /// Whole milliseconds.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Period {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = |why: &str| {
            QuantityError(format!("{why}: write a number with a unit, such as \"30s\", \"4h\" or \"1h 30m\""))
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(fault("an empty duration"));
        }
        let mut total: u64 = 0;
        let mut smallest = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number: u64 = rest[..digits].parse().map_err(|_| fault("not a duration"))?;
            let after = rest[digits..].trim_start();
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let unit = &after[..letters];
            if unit.is_empty() {
                return Err(fault("a duration without a unit"));
            }
            let Some(&(_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(fault(&format!("an unknown unit \"{}\"", shown(unit))));
            };
            if millis >= smallest {
                return Err(fault("units out of order"));
            }
            smallest = millis;
            total = number
                .checked_mul(millis)
                .and_then(|part| total.checked_add(part))
                .filter(|sum| *sum <= LONGEST_MS)
                .ok_or_else(|| QuantityError("longer than ten thousand days".to_owned()))?;
            rest = after[letters..].trim_start();
        }
        Ok(Self::from_millis(total))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.as_millis();
        if left == 0 {
            return formatter.write_str("0s");
        }
        let mut first = true;
        for (unit, millis) in UNITS.iter().skip(1) {
            let count = left / millis;
            if count > 0 {
                if !first {
                    formatter.write_str(" ")?;
                }
                write!(formatter, "{count}{unit}")?;
                first = false;
                left %= millis;
            }
        }
        Ok(())
    }
}

/// A number of bytes. Decimal units (`kB`, `MB`, `GB`, `TB`) and binary ones (`KiB` ... `TiB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(export, type = "string")]
pub struct Size(u64);

as_text!(Size);

const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    /// A size in bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = |why: &str| {
            QuantityError(format!("{why}: write a whole number with a unit, such as \"64 KiB\" or \"10 GB\""))
        };
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().map_err(|_| fault("not a size"))?;
        let unit = text[digits..].trim();
        if unit.is_empty() {
            return Err(fault("a size without a unit"));
        }
        let Some(&(_, bytes)) = SIZES.iter().find(|(name, _)| *name == unit) else {
            return Err(fault(&format!("an unknown unit \"{}\"", shown(unit))));
        };
        number.checked_mul(bytes).map(Self).ok_or_else(|| QuantityError("a size too large to count".to_owned()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, bytes) in SIZES {
            if self.0 >= bytes && self.0.is_multiple_of(bytes) {
                return write!(formatter, "{} {unit}", self.0 / bytes);
            }
        }
        formatter.write_str("0 B")
    }
}

/// A share of a whole between 0 % and 100 %, exact to a ten-thousandth of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(export, type = "string")]
pub struct Percentage(u32);

as_text!(Percentage);

impl Percentage {
    /// Parts per million: 99.9 % is 999 000.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }
}

impl FromStr for Percentage {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || {
            QuantityError(
                "not a percentage: write it with its sign, such as \"99.9%\", at most four decimals".to_owned(),
            )
        };
        let number = text.trim().strip_suffix('%').ok_or_else(fault)?.trim();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || decimals.len() > 4 || !all_digits(whole) || !all_digits(decimals) {
            return Err(fault());
        }
        let padded = format!("{decimals:0<4}");
        let parts = whole.parse::<u32>().map_err(|_| fault())? * 10_000 + padded.parse::<u32>().map_err(|_| fault())?;
        if parts > 1_000_000 {
            return Err(QuantityError("more than 100%".to_owned()));
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:04}", self.0 % 10_000);
        let decimals = decimals.trim_end_matches('0');
        if decimals.is_empty() {
            write!(formatter, "{}%", self.0 / 10_000)
        } else {
            write!(formatter, "{}.{decimals}%", self.0 / 10_000)
        }
    }
}

/// A day (`2025-07-15`) or a whole month (`2025-07`), as documents are dated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(export, type = "string")]
pub struct CalendarDate {
    first: NaiveDate,
    whole_month: bool,
}

as_text!(CalendarDate);

impl CalendarDate {
    /// A single day.
    pub const fn day(day: NaiveDate) -> Self {
        Self { first: day, whole_month: false }
    }

    /// The first day it covers.
    pub const fn first_day(self) -> NaiveDate {
        self.first
    }

    /// The last day it covers: something due "in July" is overdue in August.
    pub fn last_day(self) -> NaiveDate {
        if !self.whole_month {
            return self.first;
        }
        let (year, month) = match self.first.month() {
            12 => (self.first.year() + 1, 1),
            month => (self.first.year(), month + 1),
        };
        NaiveDate::from_ymd_opt(year, month, 1).and_then(|next| next.pred_opt()).unwrap_or(self.first)
    }
}

impl FromStr for CalendarDate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || {
            QuantityError("not a date: write a day such as \"2025-07-15\" or a month such as \"2025-07\"".to_owned())
        };
        let text = text.trim();
        let whole_month = text.len() == 7;
        let day = if whole_month { format!("{text}-01") } else { text.to_owned() };
        if day.len() != 10 {
            return Err(fault());
        }
        let first = NaiveDate::parse_from_str(&day, "%Y-%m-%d").map_err(|_| fault())?;
        Ok(Self { first, whole_month })
    }
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.whole_month { "%Y-%m" } else { "%Y-%m-%d" };
        write!(formatter, "{}", self.first.format(form))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_unknown_unit_is_told_short_enough_to_be_read() {
        let unit = "a".repeat(10_000);
        assert!(format!("4{unit}").parse::<Period>().unwrap_err().to_string().len() < 200);
        assert!(format!("4{unit}").parse::<Size>().unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn periods_need_a_unit() {
        for (text, millis) in [
            ("4h", 14_400_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("2w", 1_209_600_000),
            ("0s", 0),
        ] {
            assert_eq!(text.parse::<Period>().unwrap().as_millis(), millis, "{text}");
        }
        for text in
            ["", "4", "h", "4 hours", "-4h", "4h 2h", "30m 1h", "4.5h", "99999999999999999999h", "11000d", "4h;"]
        {
            assert!(text.parse::<Period>().is_err(), "{text} was read as a duration");
        }
    }

    #[test]
    fn sizes_tell_thousands_from_1024s() {
        assert_eq!("64 KiB".parse::<Size>().unwrap().bytes(), 65_536);
        assert_eq!("10GB".parse::<Size>().unwrap().bytes(), 10_000_000_000);
        for text in ["10", "10 gb", "-1 B", "1.5 GB", "99999999999 TiB", ""] {
            assert!(text.parse::<Size>().is_err(), "{text} was read as a size");
        }
    }

    #[test]
    fn percentages_are_exact() {
        assert_eq!("99.9%".parse::<Percentage>().unwrap().parts_per_million(), 999_000);
        assert_eq!("100%".parse::<Percentage>().unwrap().to_string(), "100%");
        for text in ["99.9", "101%", "100.0001%", "-1%", "99.99999%", "%", ".5%"] {
            assert!(text.parse::<Percentage>().is_err(), "{text} was read as a percentage");
        }
    }

    #[test]
    fn a_month_lasts_until_its_last_day() {
        let july: CalendarDate = "2025-07".parse().unwrap();
        assert_eq!(july.last_day(), NaiveDate::from_ymd_opt(2025, 7, 31).unwrap());
        let december: CalendarDate = "2025-12".parse().unwrap();
        assert_eq!(december.last_day(), NaiveDate::from_ymd_opt(2025, 12, 31).unwrap());
        for text in ["2025-13", "2025-02-30", "July 2025", "25-07", ""] {
            assert!(text.parse::<CalendarDate>().is_err(), "{text} was read as a date");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in 0..LONGEST_MS, bytes: u64, parts in 0u32..=1_000_000) {
            let period = Period::from_millis(millis);
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
            let size = Size::from_bytes(bytes);
            prop_assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
            let share = Percentage(parts);
            prop_assert_eq!(share.to_string().parse::<Percentage>().unwrap(), share);
        }

        #[test]
        fn no_text_makes_a_quantity_panic(text in "\\PC{0,24}") {
            let _ = text.parse::<Period>();
            let _ = text.parse::<Size>();
            let _ = text.parse::<Percentage>();
            let _ = text.parse::<CalendarDate>();
        }
    }
}
