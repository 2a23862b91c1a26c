//! Currencies: what they are called, and how small their smallest unit is. Knows no
//! amount and no rate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A currency: three lower-case letters and a number of decimal places.
///
/// Known are the ISO 4217 currencies and `sat` (a hundred-millionth of a
/// bitcoin, exponent 0).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

/// A text that names no known currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency (expected a three-letter code such as usd, eur or sat)")]
pub struct UnknownCurrency;

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self {
        code: *b"usd",
        exponent: 2,
    };
    /// Euro.
    pub const EUR: Self = Self {
        code: *b"eur",
        exponent: 2,
    };
    /// Satoshi: a hundred-millionth of a bitcoin.
    pub const SAT: Self = Self {
        code: *b"sat",
        exponent: 0,
    };

    /// Decimal places of the minor unit: JPY 0, USD 2, KWD 3, SAT 0.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.exponent
    }

    /// The lower-case code, as in `usd`.
    #[must_use]
    pub fn code(&self) -> &str {
        // Only ASCII letters are ever stored.
        std::str::from_utf8(&self.code).unwrap_or("xxx")
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    /// Reads a code in either case.
    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        let code: [u8; 3] = text
            .as_bytes()
            .try_into()
            .map_err(|_wrong_length| UnknownCurrency)?;
        let code = code.map(|byte| byte.to_ascii_lowercase());
        if code == Self::SAT.code {
            return Ok(Self::SAT);
        }
        let known =
            iso_currency::Currency::from_code(&text.to_ascii_uppercase()).ok_or(UnknownCurrency)?;
        // Currencies without a minor unit of their own (gold, test codes) cannot be charged.
        let exponent = known.exponent().ok_or(UnknownCurrency)?;
        let exponent = u8::try_from(exponent).map_err(|_too_large| UnknownCurrency)?;
        Ok(Self { code, exponent })
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(text: String) -> Result<Self, UnknownCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_know_their_exponent() {
        for (code, exponent) in [
            ("usd", 2),
            ("JPY", 0),
            ("kwd", 3),
            ("sat", 0),
            ("SAT", 0),
            ("HUF", 2),
            ("mru", 2),
        ] {
            assert_eq!(
                code.parse::<Currency>().map(Currency::exponent),
                Ok(exponent),
                "{code}"
            );
        }
        for unknown in ["", "us", "usdx", "xau", "zzz", "€€€", "u$d"] {
            assert_eq!(
                unknown.parse::<Currency>(),
                Err(UnknownCurrency),
                "{unknown}"
            );
        }
    }
}
