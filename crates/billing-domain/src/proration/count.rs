//! Counting time: how much of a period a part of it is.
//!
//! Knows no money.

use jiff::tz::TimeZone;

use crate::money::MoneyError;
use crate::time::{Period, Timestamp};

use super::choices::{Choices, DayZone, Precision, Rounding, TimeUnit};
use super::input::Zones;
use super::output::{Counted, ProrationError};
use super::ratio::Ratio;

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const DAY: i128 = 86_400 * SECOND;

/// Days of a month in the 30/360 calendar.
const MONTH_DAYS: i128 = 30;
/// Days of a year in the 30/360 calendar.
const YEAR_DAYS: i128 = 360;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// The whole.
    pub(super) period: Period,
    /// The part of it.
    pub(super) part: Period,
    /// Whether the part begins where something has ended for good.
    pub(super) after_end: bool,
}

/// Counts a part of a period in the units of the dialect.
pub(super) fn count(
    choices: Choices,
    zones: Zones<'_>,
    stretch: Stretch,
) -> Result<Counted, ProrationError> {
    let Stretch { period, part, .. } = stretch;
    if part.end < part.start || part.start < period.start || part.end > period.end {
        return Err(ProrationError::PartOutsidePeriod);
    }
    let zone = match choices.zone {
        DayZone::Utc => None,
        DayZone::Merchant => zones.merchant,
        DayZone::Customer => zones.customer,
    };
    counted(choices.unit, zone, stretch)
        .ok_or(ProrationError::Money(MoneyError::OutOfRange))
        .and_then(|counted| {
            let sound = counted.whole > 0;
            sound.then_some(counted).ok_or(ProrationError::EmptyPeriod)
        })
}

/// The share in the precision of the dialect.
pub(super) fn share(precision: Precision, counted: Counted) -> Option<Ratio> {
    let exact = Ratio::new(counted.part, counted.whole)?;
    match precision {
        Precision::Exact | Precision::CreditFiveDecimals => Some(exact),
        Precision::NineDecimals => exact.to_places(9, Rounding::HalfAwayFromZero),
        Precision::FiveDecimals => exact.to_places(5, Rounding::HalfAwayFromZero),
    }
}

fn counted(unit: TimeUnit, zone: Option<&TimeZone>, stretch: Stretch) -> Option<Counted> {
    let Stretch { period, part, .. } = stretch;
    let place = |instant| place(unit, zone, instant);
    let (first, last) = (place(period.start)?, place(period.end)?);
    let (from, to) = (place(part.start)?, place(part.end)?);
    let whole = last.checked_sub(first)?;
    let length = to.checked_sub(from)?;
    match unit {
        TimeUnit::Instant | TimeUnit::Second | TimeUnit::Minute | TimeUnit::CalendarDay => {
            Some(Counted {
                part: length,
                whole,
            })
        }
        TimeUnit::CalendarDayUsedUp => {
            let from = from.checked_add(i128::from(stretch.after_end))?.min(last);
            let ends_early = part.end < period.end && part.start < part.end;
            let to = to.checked_add(i128::from(ends_early))?.min(last);
            let part = to.checked_sub(from)?.max(0);
            Some(Counted { part, whole })
        }
        TimeUnit::CalendarDayInclusive => {
            let part = length.checked_add(1)?;
            let whole = whole.checked_add(1)?;
            Some(Counted { part, whole })
        }
        TimeUnit::Fixed30 => {
            // The nearest number of months, one at least.
            let half = MONTH_DAYS.checked_div(2)?;
            let months = whole.checked_add(half)?.checked_div(MONTH_DAYS)?;
            let whole = months.max(1).checked_mul(MONTH_DAYS)?;
            let part = length.min(whole);
            Some(Counted { part, whole })
        }
        TimeUnit::WholeDay => Some(Counted {
            part: length.checked_div(DAY)?,
            whole: whole.checked_div(DAY)?,
        }),
    }
}

/// The place of an instant on a ruler marked in `unit`.
fn place(unit: TimeUnit, zone: Option<&TimeZone>, instant: Timestamp) -> Option<i128> {
    match unit {
        TimeUnit::Instant | TimeUnit::WholeDay => Some(instant.as_nanosecond()),
        TimeUnit::Second => instant.as_nanosecond().checked_div_euclid(SECOND),
        TimeUnit::Minute => instant.as_nanosecond().checked_div_euclid(MINUTE),
        TimeUnit::CalendarDay | TimeUnit::CalendarDayUsedUp | TimeUnit::CalendarDayInclusive => {
            let offset = zone.map_or(0, |zone| zone.to_offset(instant).seconds());
            let offset = i128::from(offset).checked_mul(SECOND)?;
            let local = instant.as_nanosecond().checked_add(offset)?;
            local.checked_div_euclid(DAY)
        }
        TimeUnit::Fixed30 => {
            let local = zone.map_or_else(
                || TimeZone::UTC.to_datetime(instant),
                |zone| zone.to_datetime(instant),
            );
            let date = local.date();
            let years = i128::from(date.year()).checked_mul(YEAR_DAYS)?;
            let months = i128::from(date.month()).checked_mul(MONTH_DAYS)?;
            let day = i128::from(date.day()).min(MONTH_DAYS);
            years.checked_add(months)?.checked_add(day)
        }
    }
}
