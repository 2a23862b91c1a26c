//! Instants, intervals and the periods that hang on an anchor.
//!
//! Instants are UTC and cut to the microsecond. Period *k* of an interval is
//! `[anchor + k intervals, anchor + (k + 1) intervals)`, every bound computed
//! from the anchor and never from the bound before: 31 January, 28 February,
//! 31 March. Deliberately knows no clock and no time zone but UTC.

use std::fmt;

use jiff::tz::Offset;
use jiff::{SignedDuration, Span, ToSpan};
use serde::{Deserialize, Serialize};

pub use jiff::Timestamp;

/// The calendar unit of an [`Interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// How often a price is charged: every `count` units, `count` at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    unit: Unit,
    count: u16,
}

/// An interval of no length, or of more than [`Interval::MAX_YEARS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an interval is at least one unit and at most {max} years", max = Interval::MAX_YEARS)]
pub struct IntervalError;

/// A period's bounds lie outside the calendar (years −9999 to 9999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("date outside the calendar")]
pub struct CalendarError;

impl Interval {
    /// Longer agreements than this are typing mistakes.
    pub const MAX_YEARS: u16 = 100;

    /// Every `count` units.
    ///
    /// # Errors
    ///
    /// [`IntervalError`] for a count of zero or a length above [`Self::MAX_YEARS`].
    pub fn new(unit: Unit, count: u16) -> Result<Self, IntervalError> {
        let interval = Self { unit, count };
        let longest = u64::from(Self::MAX_YEARS).saturating_mul(NOMINAL_YEAR);
        if count == 0 || interval.nominal_seconds() > longest {
            return Err(IntervalError);
        }
        Ok(interval)
    }

    /// Every month.
    pub const MONTH: Self = Self {
        unit: Unit::Month,
        count: 1,
    };
    /// Every year.
    pub const YEAR: Self = Self {
        unit: Unit::Year,
        count: 1,
    };

    /// The calendar unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// How many units make one interval; at least one.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.count
    }

    /// Length in seconds for comparing intervals only: a month counts 2 629 746 s
    /// (a twelfth of the mean Gregorian year), so 30 days is shorter than a month.
    #[must_use]
    pub fn nominal_seconds(self) -> u64 {
        let unit = match self.unit {
            Unit::Day => NOMINAL_DAY,
            Unit::Week => NOMINAL_WEEK,
            Unit::Month => NOMINAL_MONTH,
            Unit::Year => NOMINAL_YEAR,
        };
        unit.saturating_mul(u64::from(self.count))
    }

    /// How many calendar months it has. `None`: it is counted in days.
    #[must_use]
    pub fn months(self) -> Option<u32> {
        match self.unit {
            Unit::Month => Some(u32::from(self.count)),
            Unit::Year => Some(u32::from(self.count).saturating_mul(12)),
            Unit::Day | Unit::Week => None,
        }
    }

    fn times(self, k: u32) -> Option<Span> {
        let units = i64::from(self.count).checked_mul(i64::from(k))?;
        match self.unit {
            Unit::Day => 0.days().try_days(units),
            Unit::Week => 0.weeks().try_weeks(units),
            Unit::Month => 0.months().try_months(units),
            Unit::Year => 0.years().try_years(units),
        }
        .ok()
    }
}

const NOMINAL_DAY: u64 = 86_400;
const NOMINAL_WEEK: u64 = 604_800;
const NOMINAL_MONTH: u64 = 2_629_746;
const NOMINAL_YEAR: u64 = 31_556_952;

impl fmt::Display for Interval {
    /// `month`, `3 months`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Year => "year",
        };
        match self.count {
            1 => f.write_str(unit),
            count => write!(f, "{count} {unit}s"),
        }
    }
}

/// A stretch of time, `start` included, `end` excluded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// The first instant of the period.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Period {
    /// Period number `k` (from 0) of `interval`, counted from `anchor`.
    ///
    /// # Errors
    ///
    /// [`CalendarError`] when a bound leaves the calendar.
    pub fn at(anchor: Timestamp, interval: Interval, k: u32) -> Result<Self, CalendarError> {
        let next = k.checked_add(1).ok_or(CalendarError)?;
        Ok(Self {
            start: step(anchor, interval, k)?,
            end: step(anchor, interval, next)?,
        })
    }

    /// Period `k` of `interval` where the periods hang `months` whole months
    /// after `anchor`: an earlier interval has used those up. The day of the
    /// anchor is kept where the interval has whole months, too.
    ///
    /// # Errors
    ///
    /// [`CalendarError`] when a bound lies outside the calendar.
    pub fn after_months(
        anchor: Timestamp,
        months: u32,
        interval: Interval,
        k: u32,
    ) -> Result<Self, CalendarError> {
        if months == 0 {
            return Self::at(anchor, interval, k);
        }
        let Some(length) = interval.months() else {
            let hung = month_step(anchor, months)?;
            return Self::at(hung, interval, k);
        };
        let bound = |k: u32| {
            let total = length
                .checked_mul(k)
                .and_then(|sum| sum.checked_add(months));
            month_step(anchor, total.ok_or(CalendarError)?)
        };
        Ok(Self {
            start: bound(k)?,
            end: bound(k.checked_add(1).ok_or(CalendarError)?)?,
        })
    }

    /// Where period `k` begins that [`Self::at`] gives.
    ///
    /// # Errors
    ///
    /// [`CalendarError`] when it lies outside the calendar.
    pub fn start_of(
        anchor: Timestamp,
        interval: Interval,
        k: u32,
    ) -> Result<Timestamp, CalendarError> {
        step(anchor, interval, k)
    }

    /// Where period `k` begins that [`Self::after_months`] gives.
    ///
    /// # Errors
    ///
    /// [`CalendarError`] when it lies outside the calendar.
    pub fn start_after_months(
        anchor: Timestamp,
        months: u32,
        interval: Interval,
        k: u32,
    ) -> Result<Timestamp, CalendarError> {
        if months == 0 {
            return step(anchor, interval, k);
        }
        let Some(length) = interval.months() else {
            return step(month_step(anchor, months)?, interval, k);
        };
        let total = length
            .checked_mul(k)
            .and_then(|sum| sum.checked_add(months));
        month_step(anchor, total.ok_or(CalendarError)?)
    }

    /// Whether `now` lies within.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    /// Its length.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

fn month_step(anchor: Timestamp, months: u32) -> Result<Timestamp, CalendarError> {
    step(anchor, Interval::MONTH, months)
}

fn step(anchor: Timestamp, interval: Interval, k: u32) -> Result<Timestamp, CalendarError> {
    let span = interval.times(k).ok_or(CalendarError)?;
    // UTC has no other offset, so that a civil time is one instant.
    Offset::UTC
        .to_datetime(anchor)
        .checked_add(span)
        .and_then(|civil| Offset::UTC.to_timestamp(civil))
        .map_err(|_out_of_range| CalendarError)
}

/// `instant` moved by `by`, held at the ends of the calendar instead of failing.
#[must_use]
pub fn shifted(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// `instant` moved back by `by`, held at the ends of the calendar instead of failing.
#[must_use]
pub fn shifted_back(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// `days` of 24 hours.
#[must_use]
pub fn days(days: u16) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days).saturating_mul(24))
}

/// Cuts an instant to whole microseconds, the precision that every store keeps.
#[must_use]
pub fn to_micros(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn month_ends_are_computed_from_the_anchor() {
        let anchor = at("2025-01-31T12:00:00Z");
        let ends: Vec<String> = (0..5)
            .map(|k| {
                Period::at(anchor, Interval::MONTH, k)
                    .unwrap()
                    .end
                    .to_string()
            })
            .collect();
        assert_eq!(
            ends,
            [
                "2025-02-28T12:00:00Z",
                "2025-03-31T12:00:00Z",
                "2025-04-30T12:00:00Z",
                "2025-05-31T12:00:00Z",
                "2025-06-30T12:00:00Z"
            ]
        );
    }

    #[test]
    fn leap_days_come_back_every_four_years() {
        let anchor = at("2024-02-29T00:00:00Z");
        let starts: Vec<String> = (0..5)
            .map(|k| {
                Period::at(anchor, Interval::YEAR, k)
                    .unwrap()
                    .start
                    .to_string()
            })
            .collect();
        assert_eq!(
            starts,
            [
                "2024-02-29T00:00:00Z",
                "2025-02-28T00:00:00Z",
                "2026-02-28T00:00:00Z",
                "2027-02-28T00:00:00Z",
                "2028-02-29T00:00:00Z"
            ]
        );
    }

    #[test]
    fn thirty_days_is_shorter_than_a_month() {
        let thirty_days = Interval::new(Unit::Day, 30).unwrap();
        assert!(thirty_days.nominal_seconds() < Interval::MONTH.nominal_seconds());
        assert_eq!(
            Interval::new(Unit::Month, 12).unwrap().nominal_seconds(),
            Interval::YEAR.nominal_seconds()
        );
    }

    #[test]
    fn intervals_of_no_length_or_beyond_a_century_are_refused() {
        assert_eq!(Interval::new(Unit::Day, 0), Err(IntervalError));
        assert_eq!(Interval::new(Unit::Year, 101), Err(IntervalError));
        assert!(Interval::new(Unit::Year, 100).is_ok());
    }

    #[test]
    fn the_end_of_the_calendar_is_an_error_not_a_panic() {
        assert_eq!(
            Period::at(Timestamp::MAX, Interval::MONTH, 1),
            Err(CalendarError)
        );
        assert_eq!(
            Period::at(Timestamp::UNIX_EPOCH, Interval::YEAR, u32::MAX),
            Err(CalendarError)
        );
    }

    /// Every unit, and every count of it that an interval may have.
    fn any_interval() -> impl Strategy<Value = Interval> {
        let unit = prop_oneof![
            Just((Unit::Day, 36_524)),
            Just((Unit::Week, 5_217)),
            Just((Unit::Month, 1_200)),
            Just((Unit::Year, Interval::MAX_YEARS))
        ];
        let count = unit
            .prop_flat_map(|(unit, most)| (Just(unit), prop_oneof![3 => 1..=13u16, 1 => 1..=most]));
        count.prop_map(|(unit, count)| Interval::new(unit, count).unwrap())
    }

    /// Any microsecond from 1900 to 2100.
    fn any_anchor() -> impl Strategy<Value = Timestamp> {
        (-2_208_988_800_000_000i64..4_102_444_800_000_000)
            .prop_map(|micros| Timestamp::from_microsecond(micros).unwrap())
    }

    proptest! {
        /// No gap and no overlap: each period ends where the next begins, and the
        /// first begins at the anchor.
        #[test]
        fn periods_tile_time(anchor in any_anchor(), interval in any_interval(), k in 0u32..70) {
            let this = Period::at(anchor, interval, k).unwrap();
            let next = Period::at(anchor, interval, k + 1).unwrap();
            prop_assert!(this.start < this.end);
            prop_assert_eq!(this.end, next.start);
            if k == 0 {
                prop_assert_eq!(this.start, anchor);
            }
        }

        /// So every instant from the anchor on lies in one period and in no other.
        #[test]
        fn every_instant_lies_in_one_period(
            anchor in any_anchor(), interval in any_interval(), k in 0u32..70, share in 0i64..1_000_000
        ) {
            let period = Period::at(anchor, interval, k).unwrap();
            let micros = i128::from(share) * period.length().as_micros() / 1_000_000;
            let within = SignedDuration::from_micros(i64::try_from(micros).unwrap());
            let instant = shifted(period.start, within);
            let holding: Vec<u32> = (0..72)
                .filter(|k| Period::at(anchor, interval, *k).unwrap().contains(instant))
                .collect();
            prop_assert_eq!(holding, [k]);
        }
    }

    #[test]
    fn the_longest_intervals_are_a_century() {
        for (unit, most) in [
            (Unit::Day, 36_524),
            (Unit::Week, 5_217),
            (Unit::Month, 1_200),
            (Unit::Year, Interval::MAX_YEARS),
        ] {
            assert!(Interval::new(unit, most).is_ok(), "{unit:?}");
            assert_eq!(
                Interval::new(unit, most + 1),
                Err(IntervalError),
                "{unit:?}"
            );
        }
    }
}
