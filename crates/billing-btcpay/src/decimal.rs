//! Decimal numbers as BTCPay writes them, exact. Knows no float, and rounds only down:
//! what is told as paid is never more than what came.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Most decimals that are read: twice those of a bitcoin, and more than any payment has.
const SCALE_MAX: usize = 18;

/// Decimal places of a bitcoin: a satoshi is the last.
const BITCOIN_SCALE: u32 = 8;

/// A number with decimals: `units` of ten to the minus `scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    units: i128,
    scale: u32,
}

impl Decimal {
    /// Reads digits with at most one point. `None`: it is something else, or too long.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let decimals = decimals.trim_end_matches('0');
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(decimals) || decimals.len() > SCALE_MAX {
            return None;
        }
        let units: i128 = format!("{whole}{decimals}").parse().ok()?;
        Some(Self {
            units: if negative {
                units.checked_neg()?
            } else {
                units
            },
            scale: u32::try_from(decimals.len()).ok()?,
        })
    }

    /// The product. `None`: it is too large.
    pub(crate) fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            units: self.units.checked_mul(other.units)?,
            scale: self.scale.checked_add(other.scale)?,
        })
    }

    /// The difference. `None`: it is too large.
    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = self.at_scale(scale)?.checked_sub(other.at_scale(scale)?)?;
        Some(Self { units, scale })
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        let further = scale.checked_sub(self.scale)?;
        self.units.checked_mul(10_i128.checked_pow(further)?)
    }

    /// Itself in whole units, rounded down. `None`: it is too large.
    pub(crate) fn floor(self) -> Option<i64> {
        let whole = self.units.div_euclid(10_i128.checked_pow(self.scale)?);
        i64::try_from(whole).ok()
    }

    /// An amount of bitcoin in satoshi, rounded down. `None`: it is too large.
    pub(crate) fn satoshi(self) -> Option<i64> {
        let per_bitcoin = Self {
            units: 10_i128.checked_pow(BITCOIN_SCALE)?,
            scale: 0,
        };
        self.times(per_bitcoin)?.floor()
    }
}

impl<'de> Deserialize<'de> for Decimal {
    /// From a text, which BTCPay writes, or from a number, which it may.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match Value::deserialize(deserializer)? {
            Value::String(text) => Self::parse(text.trim()),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        read.ok_or_else(|| serde::de::Error::custom("no decimal number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn satoshi_are_exact_and_rounded_down() {
        for (bitcoin, satoshi) in [
            ("0.0005", 50_000),
            ("0.00050000", 50_000),
            ("1", 100_000_000),
            ("0.000000019", 1),
            ("0.00000000999", 0),
            ("20999999.9769", 2_099_999_997_690_000),
            ("-0.000000001", -1),
        ] {
            assert_eq!(
                Decimal::parse(bitcoin).unwrap().satoshi(),
                Some(satoshi),
                "{bitcoin}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "", ".", ".5", "1,5", "1e3", "+1", "0x1", "1.2.3", "--1", "NaN", " 1",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(60)), None);
        assert_eq!(Decimal::parse(&format!("0.{}", "1".repeat(19))), None);
        let large = Decimal::parse(&"9".repeat(30)).unwrap();
        assert_eq!(large.satoshi(), None);
        assert_eq!(large.times(large), None);
    }

    #[test]
    fn differences_and_products_keep_their_decimals() {
        let parse = |text| Decimal::parse(text).unwrap();
        assert_eq!(parse("0.5").minus(parse("0.0005")), Some(parse("0.4995")));
        assert_eq!(
            parse("0.0005").times(parse("100000000")).unwrap().floor(),
            Some(50_000)
        );
        assert_eq!(parse("1.500").floor(), Some(1));
    }
}
