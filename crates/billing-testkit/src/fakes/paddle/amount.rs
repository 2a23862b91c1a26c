//! Money of the fake: totals with tax, and shares of them.
//!
//! Paddle prorates a total and its tax, each rounded, and takes the difference;
//! the arithmetic is the `paddle` dialect of the domain. Knows no items.

use billing_domain::money::{Currency, Money};
use billing_domain::proration::{Change, Dialect, Item, TaxRate, Zones, prorate};
use billing_domain::time::{Period, Timestamp};
use serde_json::{Value, json};

use super::refusal::Refusal;

/// A whole, in the unit that rates of tax are told in.
const MILLION: i128 = 1_000_000;

/// How a price stands to its tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TaxMode {
    /// As the account says; the account of the fake adds tax on top.
    #[default]
    AccountSetting,
    /// Tax is added on top.
    External,
    /// Tax is within the price.
    Internal,
}

impl TaxMode {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AccountSetting => "account_setting",
            Self::External => "external",
            Self::Internal => "internal",
        }
    }
}

/// What something costs: `total = subtotal - discount + tax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Totals {
    /// Before discount and tax, in minor units.
    pub subtotal: i64,
    /// The discount, in minor units.
    pub discount: i64,
    /// The tax, in minor units.
    pub tax: i64,
    /// What is asked of the customer, in minor units.
    pub total: i64,
}

impl Totals {
    /// The totals of a gross price less a discount.
    pub(super) fn of(gross: i64, discount: i64, mode: TaxMode, rate: TaxRate) -> Self {
        let left = gross.saturating_sub(discount);
        match mode {
            TaxMode::AccountSetting | TaxMode::External => {
                let tax = share(left, i128::from(rate.millionths), MILLION);
                Self {
                    subtotal: gross,
                    discount,
                    tax,
                    total: left.saturating_add(tax),
                }
            }
            TaxMode::Internal => {
                let whole = MILLION.saturating_add(i128::from(rate.millionths));
                let tax = share(left, i128::from(rate.millionths), whole);
                Self {
                    subtotal: gross.saturating_sub(tax),
                    discount,
                    tax,
                    total: left,
                }
            }
        }
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            subtotal: self.subtotal.saturating_add(other.subtotal),
            discount: self.discount.saturating_add(other.discount),
            tax: self.tax.saturating_add(other.tax),
            total: self.total.saturating_add(other.total),
        }
    }

    /// A part of the total, with its part of the tax and of the discount.
    pub(super) fn part(self, total: i64) -> Self {
        if total >= self.total {
            return self;
        }
        let of = |amount| share(amount, i128::from(total), i128::from(self.total.max(1)));
        let (tax, discount) = (of(self.tax), of(self.discount));
        Self {
            subtotal: total.saturating_sub(tax).saturating_add(discount),
            discount,
            tax,
            total,
        }
    }

    pub(super) fn json(self) -> Value {
        json!({
            "subtotal": self.subtotal.to_string(),
            "discount": self.discount.to_string(),
            "tax": self.tax.to_string(),
            "total": self.total.to_string(),
        })
    }
}

/// The share of a period that something is charged or credited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// A decimal of at most five places: `0.99993`.
    pub rate: String,
    /// The part of the period, from the instant of the change.
    pub period: Period,
}

impl Share {
    /// All of `period`.
    pub(super) fn whole(period: Period) -> Self {
        Self {
            rate: "1".to_owned(),
            period,
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.rate == "1"
    }

    pub(super) fn json(&self) -> Value {
        json!({"rate": self.rate, "billing_period": period_json(self.period)})
    }
}

/// What is left of `full` when `period` is left at `at`.
pub(super) fn prorated(
    full: Totals,
    currency: Currency,
    period: Period,
    at: Timestamp,
) -> Result<(Totals, Share), Refusal> {
    let item = |amount| Item::new(Money::new(amount, currency), 1);
    let begins = [item(full.total), item(full.tax), item(full.discount)];
    let change = Change {
        period: Some(period),
        at,
        ends: &[],
        begins: &begins,
        tax: TaxRate::default(),
        zones: Zones::default(),
    };
    let done = prorate(&change, Dialect::Paddle.choices())
        .map_err(|error| Refusal::internal(&format!("cannot prorate: {error}")))?;
    let amount = |place: usize| done.lines.get(place).map_or(0, |line| line.amount.amount);
    let (total, tax, discount) = (amount(0), amount(1), amount(2));
    let totals = Totals {
        subtotal: total.saturating_sub(tax).saturating_add(discount),
        discount,
        tax,
        total,
    };
    let left = Period {
        start: at,
        end: period.end,
    };
    let rate = plain(&done.ratio.to_decimal(5));
    Ok((totals, Share { rate, period: left }))
}

/// A rate of tax as a decimal: `0.08875`.
pub(super) fn rate_json(rate: TaxRate) -> String {
    let million = 1_000_000;
    let whole = rate.millionths.checked_div(million).unwrap_or(0);
    let part = rate.millionths.checked_rem(million).unwrap_or(0);
    plain(&format!("{whole}.{part:06}"))
}

pub(super) fn period_json(period: Period) -> Value {
    json!({"starts_at": period.start.to_string(), "ends_at": period.end.to_string()})
}

/// A decimal without zeros at its end.
fn plain(decimal: &str) -> String {
    if !decimal.contains('.') {
        return decimal.to_owned();
    }
    let cut = decimal.trim_end_matches('0').trim_end_matches('.');
    cut.to_owned()
}

/// `amount × part / whole` to the nearest; a half goes toward zero, as Paddle's
/// published samples have it: 8.875 % of 300.00 is 26.62.
fn share(amount: i64, part: i128, whole: i128) -> i64 {
    let exact = i128::from(amount).saturating_mul(part);
    let doubled = exact.unsigned_abs().saturating_mul(2);
    let whole = whole.unsigned_abs();
    let up = doubled.saturating_add(whole).saturating_sub(1);
    let rounded = up.checked_div(whole.saturating_mul(2)).unwrap_or(0);
    let rounded = i64::try_from(rounded).unwrap_or(i64::MAX);
    if exact < 0 {
        rounded.saturating_neg()
    } else {
        rounded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_is_rounded_as_the_samples_have_it() {
        let rate = TaxRate { millionths: 88_750 };
        for (net, tax) in [
            (30_000, 2662),
            (150_000, 13_312),
            (10_000, 887),
            (28_500, 2529),
            (19_900, 1766),
        ] {
            let totals = Totals::of(net, 0, TaxMode::AccountSetting, rate);
            assert_eq!((totals.tax, totals.total), (tax, net + tax), "{net}");
        }
        assert_eq!(rate_json(rate), "0.08875");
        assert_eq!(rate_json(TaxRate::default()), "0");
    }

    #[test]
    fn tax_within_a_price_is_taken_out_of_it() {
        let rate = TaxRate {
            millionths: 200_000,
        };
        let totals = Totals::of(50_000, 0, TaxMode::Internal, rate);
        assert_eq!((totals.subtotal, totals.tax), (41_667, 8333));
        assert_eq!(totals.total, 50_000);
    }
}
