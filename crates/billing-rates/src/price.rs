//! Reading a price digit by digit: from a decimal text to minor units, rounded once.
//!
//! Never a float: `67000.15` is not one. Knows no source.

/// Most digits of a price that is read: what 128 bits hold, with room to shift.
const DIGITS_MAX: usize = 24;

/// Furthest that the point is moved by an exponent: nobody's price of a bitcoin has
/// more digits before or after it.
const EXPONENT_MAX: i32 = 24;

/// Why a text is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is no decimal number.
    #[error("says no number")]
    NotANumber,
    /// It is below zero.
    #[error("says less than zero")]
    Negative,
    /// It is zero, or rounds to it.
    #[error("says zero")]
    Zero,
    /// It has more digits than any price.
    #[error("says a number beyond all bounds")]
    TooLarge,
}

/// The price in minor units of a currency with so many decimal places, rounded to
/// the nearest, halves up.
///
/// # Errors
///
/// [`PriceError`] says what is wrong with the text.
pub(crate) fn minor_units(text: &str, places: u8) -> Result<u64, PriceError> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PriceError::NotANumber);
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Err(PriceError::Zero);
    }
    if negative {
        return Err(PriceError::Negative);
    }
    if digits.len() > DIGITS_MAX || fraction.len() > DIGITS_MAX {
        return Err(PriceError::TooLarge);
    }
    let number: u128 = digits.parse().map_err(|_beyond| PriceError::TooLarge)?;
    let after = i32::try_from(fraction.len()).map_err(|_beyond| PriceError::TooLarge)?;
    let shift = i32::from(places)
        .saturating_add(exponent)
        .saturating_sub(after);
    let units = moved(number, shift).ok_or(PriceError::TooLarge)?;
    match u64::try_from(units) {
        Ok(0) => Err(PriceError::Zero),
        Ok(units) => Ok(units),
        Err(_beyond) => Err(PriceError::TooLarge),
    }
}

/// `number` times ten to the power of `shift`, rounded to the nearest. `None`: it
/// is beyond 128 bits.
fn moved(number: u128, shift: i32) -> Option<u128> {
    let power = 10_u128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return number.checked_mul(power?);
    }
    let Some(power) = power else {
        // So far behind the point that nothing is left.
        return Some(0);
    };
    let whole = number.checked_div(power)?;
    let rest = number.checked_rem(power)?;
    let up = rest.checked_mul(2)? >= power;
    whole.checked_add(u128::from(up))
}

fn read_exponent(text: &str) -> Result<i32, PriceError> {
    let exponent: i32 = text.parse().map_err(|_none| PriceError::NotANumber)?;
    if exponent.abs() > EXPONENT_MAX {
        return Err(PriceError::TooLarge);
    }
    Ok(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_exactly_and_rounded_once() {
        for (text, places, units) in [
            ("67000.15", 2, 6_700_015),
            ("67000.1", 2, 6_700_010),
            ("67000", 2, 6_700_000),
            ("67000.15000", 2, 6_700_015),
            ("67000.14499999999999", 2, 6_700_014),
            ("67000.145", 2, 6_700_015),
            ("9007199254740993.01", 2, 900_719_925_474_099_301),
            ("0.005", 2, 1),
            ("10400000.5", 0, 10_400_001),
            ("20500.1234", 3, 20_500_123),
            ("6.7e4", 2, 6_700_000),
            ("6700015E-2", 2, 6_700_015),
            ("000067.5", 2, 6_750),
        ] {
            assert_eq!(minor_units(text, places), Ok(units), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_says_why() {
        for (text, error) in [
            ("0", PriceError::Zero),
            ("0.000", PriceError::Zero),
            ("0.004", PriceError::Zero),
            ("-1", PriceError::Negative),
            ("NaN", PriceError::NotANumber),
            ("Infinity", PriceError::NotANumber),
            ("", PriceError::NotANumber),
            (".5", PriceError::NotANumber),
            ("67,000.15", PriceError::NotANumber),
            ("6.7e", PriceError::NotANumber),
            ("6.7e99", PriceError::TooLarge),
            ("1e-24", PriceError::Zero),
            ("999999999999999999999999999", PriceError::TooLarge),
            ("999999999999999999999", PriceError::TooLarge),
        ] {
            assert_eq!(minor_units(text, 2), Err(error), "{text}");
        }
    }
}
