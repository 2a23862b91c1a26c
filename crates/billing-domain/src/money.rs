//! Money: an integer of minor units with its currency.
//!
//! There is no `+`: adding is checked, and refuses mixed currencies. A share is
//! computed in 128 bits and rounded once, half away from zero. No float exists
//! here, and no exchange rate: converting is not this module's business.

mod currency;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use currency::{Currency, UnknownCurrency};

/// Why two amounts could not be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The two amounts are of different currencies.
    #[error("mixed currencies {0} and {1}")]
    Mixed(Currency, Currency),
    /// The result does not fit 64 bits of minor units.
    #[error("amount out of range")]
    OutOfRange,
    /// A share with a denominator of zero or below.
    #[error("share of nothing")]
    NoDenominator,
}

/// Why a decimal text is not an amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not digits with at most one point.
    #[error("not a decimal number")]
    NotDecimal,
    /// More decimals than the currency has.
    #[error("{found} decimals where {currency} has {allowed}")]
    TooPrecise {
        /// Decimals found in the text.
        found: usize,
        /// Decimals that the currency has.
        allowed: u8,
        /// The currency.
        currency: Currency,
    },
    /// Does not fit 64 bits of minor units.
    #[error("amount out of range")]
    OutOfRange,
}

/// An amount in minor units of a currency. May be negative (a credit).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents of USD, yen of JPY, satoshi of SAT.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `amount` minor units of `currency`.
    #[must_use]
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self {
            amount: 0,
            currency,
        }
    }

    /// Whether nothing is owed either way.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.amount == 0
    }

    /// The sum.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::OutOfRange`] on overflow.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self
            .amount
            .checked_add(other.amount)
            .ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    /// The difference.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::OutOfRange`] on overflow.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self
            .amount
            .checked_sub(other.amount)
            .ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    /// The price of `quantity` pieces.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] on overflow.
    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyError> {
        let amount = self
            .amount
            .checked_mul(i64::from(quantity))
            .ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    /// `numerator / denominator` of this amount, rounded once, half away from zero.
    ///
    /// # Errors
    ///
    /// [`MoneyError::NoDenominator`] unless `denominator` is positive,
    /// [`MoneyError::OutOfRange`] when the result does not fit.
    pub fn share_half_away_from_zero(
        self,
        numerator: i64,
        denominator: i64,
    ) -> Result<Self, MoneyError> {
        if denominator <= 0 {
            return Err(MoneyError::NoDenominator);
        }
        let product = i128::from(self.amount)
            .checked_mul(i128::from(numerator))
            .ok_or(MoneyError::OutOfRange)?;
        let amount = divide_half_away_from_zero(product, i128::from(denominator))
            .and_then(|rounded| i64::try_from(rounded).ok())
            .ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    /// Splits this amount by `weights` so that the parts sum to the whole, to the unit.
    ///
    /// Each part is its exact share rounded toward zero; the units left over go
    /// to the largest remainders, earlier parts first among equals.
    ///
    /// # Errors
    ///
    /// [`MoneyError::NoDenominator`] when the weights sum to zero,
    /// [`MoneyError::OutOfRange`] when they do not fit.
    pub fn split_largest_remainder(self, weights: &[u32]) -> Result<Vec<Self>, MoneyError> {
        let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        if total == 0 {
            return Err(MoneyError::NoDenominator);
        }
        let mut parts = Vec::with_capacity(weights.len());
        let mut left = i128::from(self.amount);
        for (place, weight) in weights.iter().enumerate() {
            let exact = i128::from(self.amount)
                .checked_mul(i128::from(*weight))
                .ok_or(MoneyError::OutOfRange)?;
            let whole = exact.checked_div(total).ok_or(MoneyError::OutOfRange)?;
            let rest = exact.checked_rem(total).ok_or(MoneyError::OutOfRange)?;
            left = left.checked_sub(whole).ok_or(MoneyError::OutOfRange)?;
            parts.push((place, whole, rest.unsigned_abs()));
        }
        let unit = left.signum();
        parts.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
        for part in &mut parts {
            if left == 0 {
                break;
            }
            part.1 = part.1.checked_add(unit).ok_or(MoneyError::OutOfRange)?;
            left = left.checked_sub(unit).ok_or(MoneyError::OutOfRange)?;
        }
        parts.sort_by_key(|part| part.0);
        parts
            .into_iter()
            .map(|(_, amount, _)| {
                let amount = i64::try_from(amount).map_err(|_too_large| MoneyError::OutOfRange)?;
                Ok(Self { amount, ..self })
            })
            .collect()
    }

    /// Reads a decimal such as `20.00` exactly, in the currency's own exponent.
    ///
    /// Fewer decimals are filled up; more are refused rather than rounded.
    ///
    /// # Errors
    ///
    /// [`DecimalError`] says what is wrong with the text.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let point_without_fraction = digits.ends_with('.');
        if whole.is_empty() || point_without_fraction || !all_digits(whole) || !all_digits(fraction)
        {
            return Err(DecimalError::NotDecimal);
        }
        let places = usize::from(currency.exponent());
        if fraction.len() > places {
            return Err(DecimalError::TooPrecise {
                found: fraction.len(),
                allowed: currency.exponent(),
                currency,
            });
        }
        let mut amount: i64 = 0;
        let filled = fraction.bytes().chain(std::iter::repeat(b'0')).take(places);
        for digit in whole.bytes().chain(filled) {
            let digit = i64::from(digit.saturating_sub(b'0'));
            // Built up on its own side of zero, so that the smallest amount reads back too.
            let digit = if negative {
                digit.saturating_neg()
            } else {
                digit
            };
            amount = amount
                .checked_mul(10)
                .and_then(|shifted| shifted.checked_add(digit))
                .ok_or(DecimalError::OutOfRange)?;
        }
        Ok(Self { amount, currency })
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::Mixed(self.currency, other.currency))
        }
    }
}

/// Divides, rounding halves away from zero. `None` when the divisor is not positive.
pub(crate) fn divide_half_away_from_zero(value: i128, divisor: i128) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    let whole = value.checked_div(divisor)?;
    let rest = value.checked_rem(divisor)?;
    // `rest` is below the divisor, so its double is compared by subtraction, which cannot overflow.
    let at_least_half = rest.checked_abs()? >= divisor.checked_sub(rest.checked_abs()?)?;
    if at_least_half {
        whole.checked_add(value.signum())
    } else {
        Some(whole)
    }
}

impl fmt::Display for Money {
    /// `USD 20.00`; a minus stands before the digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.currency.code().to_ascii_uppercase();
        let sign = if self.amount < 0 { "-" } else { "" };
        let places = usize::from(self.currency.exponent());
        let digits = format!(
            "{:0>width$}",
            self.amount.unsigned_abs(),
            width = places.saturating_add(1)
        );
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
        if fraction.is_empty() {
            write!(f, "{code} {sign}{whole}")
        } else {
            write!(f, "{code} {sign}{whole}.{fraction}")
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(amount: i64) -> Money {
        Money::new(amount, Currency::USD)
    }

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        let kwd = "kwd".parse().unwrap();
        for (text, currency, amount) in [
            ("20.00", Currency::USD, 2000),
            ("20", Currency::USD, 2000),
            ("0.5", Currency::USD, 50),
            ("-0.05", Currency::USD, -5),
            ("50000", Currency::SAT, 50_000),
            ("1.234", kwd, 1234),
            ("92233720368547758.07", Currency::USD, i64::MAX),
            ("-92233720368547758.08", Currency::USD, i64::MIN),
        ] {
            assert_eq!(
                Money::parse_decimal(text, currency),
                Ok(Money::new(amount, currency))
            );
        }
        for text in [
            "", "-", ".5", "5.", "1e3", "1_000", "1,5", "NaN", "+1", " 1", "1.2.3", "٣",
        ] {
            assert_eq!(
                Money::parse_decimal(text, Currency::USD),
                Err(DecimalError::NotDecimal)
            );
        }
        assert_eq!(
            Money::parse_decimal("20.001", Currency::USD),
            Err(DecimalError::TooPrecise {
                found: 3,
                allowed: 2,
                currency: Currency::USD
            })
        );
        assert_eq!(
            Money::parse_decimal("92233720368547758.08", Currency::USD),
            Err(DecimalError::OutOfRange)
        );
    }

    #[test]
    fn amounts_print_in_major_units() {
        assert_eq!(usd(2000).to_string(), "USD 20.00");
        assert_eq!(usd(-5).to_string(), "USD -0.05");
        assert_eq!(usd(i64::MIN).to_string(), "USD -92233720368547758.08");
        assert_eq!(Money::new(50_000, Currency::SAT).to_string(), "SAT 50000");
    }

    #[test]
    fn shares_round_half_away_from_zero() {
        for (amount, numerator, denominator, share) in [
            (5, 1, 2, 3),
            (-5, 1, 2, -3),
            (4, 1, 3, 1),
            (5, 1, 3, 2),
            (1, 1, 2, 1),
            (i64::MAX, 1, 1, i64::MAX),
        ] {
            assert_eq!(
                usd(amount).share_half_away_from_zero(numerator, denominator),
                Ok(usd(share)),
                "{amount} × {numerator}/{denominator}"
            );
        }
        assert_eq!(
            usd(1).share_half_away_from_zero(1, 0),
            Err(MoneyError::NoDenominator)
        );
        assert_eq!(
            usd(i64::MAX).share_half_away_from_zero(2, 1),
            Err(MoneyError::OutOfRange)
        );
    }

    #[test]
    fn mixed_currencies_and_overflow_are_refused() {
        let eur = Money::new(1, Currency::EUR);
        assert_eq!(
            usd(1).checked_add(eur),
            Err(MoneyError::Mixed(Currency::USD, Currency::EUR))
        );
        assert_eq!(
            usd(1).checked_sub(eur),
            Err(MoneyError::Mixed(Currency::USD, Currency::EUR))
        );
        assert_eq!(
            usd(i64::MAX).checked_add(usd(1)),
            Err(MoneyError::OutOfRange)
        );
        assert_eq!(
            usd(i64::MIN).checked_sub(usd(1)),
            Err(MoneyError::OutOfRange)
        );
        assert_eq!(usd(i64::MAX).checked_mul(2), Err(MoneyError::OutOfRange));
    }

    proptest! {
        #[test]
        fn splitting_conserves_the_whole(amount: i64, weights in proptest::collection::vec(0u32.., 1..12)) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let parts = usd(amount).split_largest_remainder(&weights).unwrap();
            let sum: i128 = parts.iter().map(|part| i128::from(part.amount)).sum();
            prop_assert_eq!(sum, i128::from(amount));
            let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                // Never more than one unit from the exact share.
                let distance = i128::from(part.amount) * total - i128::from(amount) * i128::from(*weight);
                prop_assert!(distance.abs() < total);
            }
        }

        #[test]
        fn a_share_and_its_complement_sum_to_the_whole_within_one_unit(
            amount in -1_000_000_000_000i64..1_000_000_000_000, part in 0i64..=86_400
        ) {
            let one = usd(amount).share_half_away_from_zero(part, 86_400).unwrap();
            let rest = usd(amount).share_half_away_from_zero(86_400 - part, 86_400).unwrap();
            prop_assert!((one.amount + rest.amount - amount).abs() <= 1);
        }

        #[test]
        fn what_is_printed_reads_back(amount: i64) {
            let text = usd(amount).to_string();
            let digits = text.strip_prefix("USD ").unwrap();
            prop_assert_eq!(Money::parse_decimal(digits, Currency::USD), Ok(usd(amount)));
        }
    }
}
