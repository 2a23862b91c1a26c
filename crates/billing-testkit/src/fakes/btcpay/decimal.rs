//! Exact decimals, as Greenfield writes amounts: texts like `5.00`. Knows no currency.

use std::fmt;

use serde_json::Value;

/// Satoshi in a bitcoin.
pub const SATOSHI: i128 = 100_000_000;

/// Most digits of an amount that is read: above every sum of money there is, and
/// far enough below 128 bits to multiply two of them.
const DIGITS_MAX: usize = 18;

/// A number with so many digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The number without its point.
    units: i128,
    /// How many of its digits stand after the point.
    scale: u32,
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self { units: 0, scale: 0 };

    /// So many units of the last of `scale` digits.
    #[must_use]
    pub const fn new(units: i128, scale: u32) -> Self {
        Self { units, scale }
    }

    /// Reads `5`, `5.00` or `-0.1`. `None`: it is no such number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{part}");
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain || digits.len() > DIGITS_MAX {
            return None;
        }
        let units: i128 = digits.parse().ok()?;
        Some(Self {
            units: if negative { -units } else { units },
            scale: u32::try_from(part.len()).ok()?,
        })
    }

    /// Reads a JSON text or number. `None`: it is none, or no such number.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The number without its point.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.units
    }

    /// How many hundredths it is, without the rest.
    #[must_use]
    pub fn hundredths(self) -> i128 {
        let above = self.units.saturating_mul(100);
        above.checked_div(power(self.scale)).unwrap_or(0)
    }

    /// The satoshi that buy it at `rate` for a bitcoin, rounded up as BTCPay does.
    #[must_use]
    pub fn in_satoshi(self, rate: Self) -> i128 {
        let above = self.units.saturating_mul(power(rate.scale));
        let above = above.saturating_mul(SATOSHI);
        let below = rate.units.saturating_mul(power(self.scale));
        ceil(above, below)
    }

    /// What `satoshi` are worth at `rate` for a bitcoin, rounded to `digits`.
    #[must_use]
    pub fn of_satoshi(satoshi: i128, rate: Self, digits: u32) -> Self {
        let above = satoshi.saturating_mul(rate.units);
        let above = above.saturating_mul(power(digits)).saturating_mul(2);
        let below = power(rate.scale).saturating_mul(SATOSHI);
        let twice = above.checked_div(below).unwrap_or(0);
        Self {
            units: twice.saturating_add(1).div_euclid(2),
            scale: digits,
        }
    }

    /// Satoshi as bitcoin: `0.00050000`.
    #[must_use]
    pub const fn bitcoin(satoshi: i128) -> Self {
        Self {
            units: satoshi,
            scale: 8,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let one = power(self.scale);
        let units = self.units.saturating_abs();
        let whole = units.checked_div(one).unwrap_or(units);
        if self.scale == 0 {
            return write!(f, "{sign}{whole}");
        }
        let part = units.checked_rem(one).unwrap_or(0);
        let width = usize::try_from(self.scale).unwrap_or(0);
        write!(f, "{sign}{whole}.{part:0width$}")
    }
}

/// Ten, so many times.
fn power(digits: u32) -> i128 {
    10_i128.checked_pow(digits).unwrap_or(i128::MAX)
}

fn ceil(above: i128, below: i128) -> i128 {
    let whole = above.checked_div_euclid(below).unwrap_or(0);
    let rest = above.checked_rem_euclid(below).unwrap_or(0);
    if rest > 0 {
        whole.saturating_add(1)
    } else {
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn texts_are_read_and_written_digit_by_digit() {
        for text in ["0", "5", "5.00", "0.05", "-0.10", "50000.123"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        for text in ["", ".5", "5,0", "1e3", "NaN", "+1", "1234567890123456789"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn satoshi_are_rounded_up_and_their_worth_to_the_nearest() {
        let rate = decimal("30000.00");
        assert_eq!(decimal("25.00").in_satoshi(rate), 83_334);
        assert_eq!(Decimal::of_satoshi(83_334, rate, 2).to_string(), "25.00");
        assert_eq!(decimal("50000").in_satoshi(decimal("100000000")), 50_000);
    }
}
