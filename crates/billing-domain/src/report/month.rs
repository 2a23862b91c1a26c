//! A calendar month in UTC.

use std::fmt;

use jiff::tz::Offset;

use crate::time::Timestamp;

/// A month of a year, in UTC; months ascend with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Months since the beginning of year 0.
    since: i32,
}

/// Months of a year.
const YEAR: i32 = 12;

impl Month {
    /// The month of an instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let civil = Offset::UTC.to_datetime(at);
        let years = i32::from(civil.year()).saturating_mul(YEAR);
        Self {
            since: years.saturating_add(i32::from(civil.month()).saturating_sub(1)),
        }
    }

    /// So many months earlier.
    #[must_use]
    pub fn back(self, months: u16) -> Self {
        Self {
            since: self.since.saturating_sub(i32::from(months)),
        }
    }
}

impl fmt::Display for Month {
    /// `2026-03`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let year = self.since.checked_div_euclid(YEAR).unwrap_or(0);
        let month = self.since.checked_rem_euclid(YEAR).unwrap_or(0);
        write!(f, "{year:04}-{:02}", month.saturating_add(1))
    }
}
