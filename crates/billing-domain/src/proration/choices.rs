//! The eight choices that make a way of prorating, each of them explicit.
//!
//! Knows no arithmetic: what a choice does is in the modules that ask for it.

use super::ratio::Ratio;

/// A way of prorating: eight choices, none of them implied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Choices {
    /// What time is counted in.
    pub unit: TimeUnit,
    /// Whose midnight ends a day; matters to units of calendar days alone.
    pub zone: DayZone,
    /// How exactly the share is kept before money is taken of it.
    pub precision: Precision,
    /// How an amount becomes whole minor units.
    pub rounding: Rounding,
    /// What is rounded: each unit, each line, a side, the net, or net and tax apart.
    pub scope: Scope,
    /// What a credit is a share of.
    pub credit: CreditBasis,
    /// What happens to discounts.
    pub discount: DiscountRule,
    /// What happens to lines of nothing.
    pub zero_lines: ZeroLines,
}

/// What time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// Nanoseconds: the instants as they are.
    Instant,
    /// Whole seconds; instants are cut to the second.
    Second,
    /// Whole minutes; start, end and change are each cut to the minute.
    Minute,
    /// Calendar days, the day of the end excluded: the day of the change
    /// belongs to what comes after it.
    CalendarDay,
    /// As [`TimeUnit::CalendarDay`], but a day on which something ends for good
    /// is used up: it is not credited, and it is charged.
    CalendarDayUsedUp,
    /// Calendar days, both ends included: `(left + 1) / (days + 1)`. The end of
    /// the period is its last day, not the day after it.
    CalendarDayInclusive,
    /// Days of the 30/360 calendar over 30 days a month: 23 May to 15 June is
    /// 22 of 30.
    Fixed30,
    /// Whole stretches of 24 hours, rounded down on either side of the fraction.
    WholeDay,
}

impl TimeUnit {
    /// Whether the parts of a split period count as much as the whole. Not so
    /// where a day can belong to both parts, or a rest of a day to neither, or a
    /// 31st day to no month.
    #[must_use]
    pub const fn tiles(self) -> bool {
        match self {
            Self::Instant | Self::Second | Self::Minute | Self::CalendarDay => true,
            Self::CalendarDayUsedUp
            | Self::CalendarDayInclusive
            | Self::Fixed30
            | Self::WholeDay => false,
        }
    }
}

/// Whose midnight ends a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayZone {
    /// Coordinated universal time.
    Utc,
    /// The merchant's time zone.
    Merchant,
    /// The customer's time zone.
    Customer,
}

/// How exactly the share is kept before money is taken of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// A fraction of whole numbers.
    Exact,
    /// A decimal of nine places, half up.
    NineDecimals,
    /// A decimal of five places, half up.
    FiveDecimals,
    /// The share is exact; the amount of a credit is cut after five places of a
    /// minor unit before it is rounded and taxed.
    CreditFiveDecimals,
}

impl Precision {
    /// `ratio` as this precision writes it: a fraction in lowest terms, or a
    /// decimal with all of its places.
    #[must_use]
    pub fn show(self, ratio: Ratio) -> String {
        match self {
            Self::Exact | Self::CreditFiveDecimals => ratio.to_string(),
            Self::NineDecimals => ratio.to_decimal(9),
            Self::FiveDecimals => ratio.to_decimal(5),
        }
    }
}

/// How an amount becomes whole minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearest; a half goes away from zero: 2.5 is 3, −2.5 is −3.
    HalfAwayFromZero,
    /// To the nearest; a half goes toward zero: 2.5 is 2, −2.5 is −2.
    HalfTowardZero,
    /// To the nearest; a half goes to the even neighbor: 2.5 is 2, 3.5 is 4.
    HalfEven,
    /// Down, toward negative infinity: 2.9 is 2, −2.1 is −3.
    Floor,
    /// Toward zero: 2.9 is 2, −2.9 is −2.
    Truncate,
    /// Up, toward positive infinity: 2.1 is 3, −2.9 is −2.
    Ceiling,
}

/// What is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The share of one unit, which is then taken `quantity` times.
    Unit,
    /// Each line.
    Line,
    /// The sum of the credits and the sum of the charges; the lines of a side
    /// follow by largest remainder.
    Side,
    /// The sum of everything, once; the lines follow by largest remainder.
    Net,
    /// Each line's net and each line's tax, both from the exact net.
    NetAndTax,
    /// Each line's total and each line's tax; the net is their difference. Both are
    /// shares of the whole's, whose tax is rounded first, a half toward zero.
    TotalAndTax,
}

/// What a credit is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreditBasis {
    /// The price of what ends, as it stands.
    CurrentPrice,
    /// What was debited for what ends; the price where nothing is known of that.
    OriginalDebit,
    /// The price of what ends, but never more than was paid less what was
    /// already credited.
    PaidLessCredited,
    /// What was charged for the period so far, less the value of the time used.
    ChargedSoFar,
    /// Nothing is credited: the time used is billed, and so is the new time.
    UsedTime,
    /// Nothing is credited: the difference of the prices is charged, never less
    /// than nothing.
    DifferenceOfPrices,
}

/// What happens to discounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiscountRule {
    /// Taken off before the share is: the price is the discounted price.
    Before,
    /// Shared as the price is, on a line of its own.
    SplitProRata,
    /// Left out of prorations.
    None,
}

/// What happens to lines of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ZeroLines {
    /// They stay.
    Keep,
    /// They are left out.
    Drop,
}
