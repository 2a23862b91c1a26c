//! Named sets of choices: ours, and those of other billing systems.
//!
//! Says what each system does by its public documentation and its open source;
//! computes nothing.

use std::fmt;
use std::str::FromStr;

use super::choices::{
    Choices, CreditBasis, DayZone, DiscountRule, Precision, Rounding, Scope, TimeUnit, ZeroLines,
};

/// A named way of prorating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Ours: seconds, exact; the net is the value of the period after the
    /// change, rounded once, less what was charged so far.
    Engine,
    /// Stripe's classic billing mode: seconds, each line rounded, credits from
    /// the current price.
    Stripe,
    /// Stripe's flexible billing mode: credits from the original debit,
    /// discounts on lines of their own.
    StripeFlexible,
    /// Paddle: minutes, a rate of five decimals, total and tax each rounded.
    Paddle,
    /// Kill Bill: calendar days, nine decimals, credits held to what is left of
    /// what was paid.
    KillBill,
    /// Kill Bill with a fixed proration of 30 days.
    KillBill30,
    /// Lago: calendar days of the customer, net and tax rounded apart.
    Lago,
    /// Lago's prorated usage: quantities in hundred-thousandths of a unit,
    /// summed and rounded up.
    LagoUsage,
    /// Polar: seconds, half to even; seats are truncated, see
    /// [`Dialect::seat_choices`].
    Polar,
    /// Meteroid: calendar days left over days in the period.
    Meteroid,
    /// Flexprice: calendar days with both ends, credits held to what was paid.
    Flexprice,
    /// `OpenMeter`: exact instants, time used is billed, lines of nothing dropped.
    OpenMeter,
    /// Keysat: whole 24-hour days left, of the difference of the prices.
    Keysat,
}

/// A text that names no dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown dialect")]
pub struct UnknownDialect;

/// Stripe's classic mode, from which others differ in a choice or two.
const STRIPE: Choices = Choices {
    unit: TimeUnit::Second,
    zone: DayZone::Utc,
    precision: Precision::Exact,
    rounding: Rounding::HalfAwayFromZero,
    scope: Scope::Line,
    credit: CreditBasis::CurrentPrice,
    discount: DiscountRule::Before,
    zero_lines: ZeroLines::Keep,
};

const KILL_BILL: Choices = Choices {
    unit: TimeUnit::CalendarDay,
    zone: DayZone::Customer,
    precision: Precision::NineDecimals,
    rounding: Rounding::HalfAwayFromZero,
    scope: Scope::Line,
    credit: CreditBasis::PaidLessCredited,
    discount: DiscountRule::None,
    zero_lines: ZeroLines::Keep,
};

const LAGO: Choices = Choices {
    unit: TimeUnit::CalendarDayUsedUp,
    zone: DayZone::Customer,
    precision: Precision::CreditFiveDecimals,
    rounding: Rounding::HalfAwayFromZero,
    scope: Scope::NetAndTax,
    credit: CreditBasis::CurrentPrice,
    discount: DiscountRule::None,
    zero_lines: ZeroLines::Keep,
};

impl Dialect {
    /// Every dialect, ours first.
    pub const ALL: [Self; 13] = [
        Self::Engine,
        Self::Stripe,
        Self::StripeFlexible,
        Self::Paddle,
        Self::KillBill,
        Self::KillBill30,
        Self::Lago,
        Self::LagoUsage,
        Self::Polar,
        Self::Meteroid,
        Self::Flexprice,
        Self::OpenMeter,
        Self::Keysat,
    ];

    /// Its name: `stripe-flexible`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Stripe => "stripe",
            Self::StripeFlexible => "stripe-flexible",
            Self::Paddle => "paddle",
            Self::KillBill => "kill-bill",
            Self::KillBill30 => "kill-bill-30",
            Self::Lago => "lago",
            Self::LagoUsage => "lago-usage",
            Self::Polar => "polar",
            Self::Meteroid => "meteroid",
            Self::Flexprice => "flexprice",
            Self::OpenMeter => "openmeter",
            Self::Keysat => "keysat",
        }
    }

    /// Its eight choices.
    #[must_use]
    pub const fn choices(self) -> Choices {
        match self {
            Self::Engine => Choices {
                scope: Scope::Net,
                credit: CreditBasis::ChargedSoFar,
                ..STRIPE
            },
            Self::Stripe => STRIPE,
            Self::StripeFlexible => Choices {
                credit: CreditBasis::OriginalDebit,
                discount: DiscountRule::SplitProRata,
                ..STRIPE
            },
            Self::Paddle => Choices {
                unit: TimeUnit::Minute,
                precision: Precision::FiveDecimals,
                scope: Scope::TotalAndTax,
                ..STRIPE
            },
            Self::KillBill => KILL_BILL,
            Self::KillBill30 => Choices {
                unit: TimeUnit::Fixed30,
                ..KILL_BILL
            },
            Self::Lago => LAGO,
            Self::LagoUsage => Choices {
                unit: TimeUnit::CalendarDay,
                precision: Precision::Exact,
                rounding: Rounding::Ceiling,
                scope: Scope::Side,
                ..LAGO
            },
            Self::Polar => Choices {
                rounding: Rounding::HalfEven,
                ..STRIPE
            },
            Self::Meteroid => Choices {
                unit: TimeUnit::CalendarDay,
                discount: DiscountRule::None,
                ..STRIPE
            },
            Self::Flexprice => Choices {
                unit: TimeUnit::CalendarDayInclusive,
                zone: DayZone::Customer,
                credit: CreditBasis::PaidLessCredited,
                discount: DiscountRule::None,
                ..STRIPE
            },
            Self::OpenMeter => Choices {
                unit: TimeUnit::Instant,
                credit: CreditBasis::UsedTime,
                discount: DiscountRule::None,
                zero_lines: ZeroLines::Drop,
                ..STRIPE
            },
            Self::Keysat => Choices {
                unit: TimeUnit::WholeDay,
                rounding: Rounding::Floor,
                credit: CreditBasis::DifferenceOfPrices,
                discount: DiscountRule::None,
                ..STRIPE
            },
        }
    }

    /// Its choices for a change of the number of seats alone, of which only the
    /// seats more or less are prorated.
    #[must_use]
    pub const fn seat_choices(self) -> Choices {
        let choices = self.choices();
        match self {
            Self::Polar => Choices {
                rounding: Rounding::Truncate,
                ..choices
            },
            Self::Engine
            | Self::Stripe
            | Self::StripeFlexible
            | Self::Paddle
            | Self::KillBill
            | Self::KillBill30
            | Self::Lago
            | Self::LagoUsage
            | Self::Meteroid
            | Self::Flexprice
            | Self::OpenMeter
            | Self::Keysat => choices,
        }
    }

    /// Whether a change and its inverse at one instant sum to zero, before tax.
    /// Not so where nothing is credited, or where sums are rounded up.
    #[must_use]
    pub const fn inverse_cancels(self) -> bool {
        match self {
            Self::Engine
            | Self::Stripe
            | Self::StripeFlexible
            | Self::Paddle
            | Self::KillBill
            | Self::KillBill30
            | Self::Lago
            | Self::Polar
            | Self::Meteroid
            | Self::Flexprice => true,
            Self::LagoUsage | Self::OpenMeter | Self::Keysat => false,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, UnknownDialect> {
        let mut all = Self::ALL.into_iter();
        all.find(|dialect| dialect.name() == text)
            .ok_or(UnknownDialect)
    }
}
