//! Sums of prices over a month. Prices of one interval are summed exactly and divided once.

use std::collections::BTreeMap;

use crate::money::{Currency, Money, MoneyError, divide_half_away_from_zero};
use crate::time::Interval;

/// What was added, by currency and the interval's length in nominal seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    exact: BTreeMap<(Currency, u64), i128>,
}

impl Sums {
    /// Adds what is charged every `interval`.
    pub(super) fn add(&mut self, rate: Money, interval: Interval) {
        let key = (rate.currency, interval.nominal_seconds());
        let sum = self.exact.entry(key).or_default();
        *sum = sum.saturating_add(i128::from(rate.amount));
    }

    /// What it comes to in a month in one currency: each interval's sum rounded once,
    /// half away from zero.
    pub(super) fn of(&self, currency: Currency) -> Result<Money, MoneyError> {
        let mut total = Money::zero(currency);
        for ((held, seconds), sum) in &self.exact {
            if *held == currency {
                let amount = monthly(*sum, *seconds)?;
                total = total.checked_add(Money::new(amount, currency))?;
            }
        }
        Ok(total)
    }

    /// The same in every currency, by currency.
    pub(super) fn all(&self) -> Result<Vec<Money>, MoneyError> {
        let mut currencies: Vec<Currency> = self.exact.keys().map(|(held, _)| *held).collect();
        currencies.dedup();
        currencies.into_iter().map(|held| self.of(held)).collect()
    }
}

/// What `sum` every so many seconds is in a month: a twelfth of the mean Gregorian year, so
/// that a year is exactly twelve of them.
fn monthly(sum: i128, seconds: u64) -> Result<i64, MoneyError> {
    let month = i128::from(Interval::MONTH.nominal_seconds());
    sum.checked_mul(month)
        .and_then(|product| divide_half_away_from_zero(product, i128::from(seconds)))
        .and_then(|amount| i64::try_from(amount).ok())
        .ok_or(MoneyError::OutOfRange)
}
