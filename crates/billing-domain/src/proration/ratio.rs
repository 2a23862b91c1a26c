//! Fractions of whole numbers in 128 bits, and rounding them. No float.
//!
//! Every operation is checked: what does not fit is `None`, never wrong.

use std::fmt;

use super::choices::Rounding;

/// A fraction, kept as it was counted: 15/30 stays 15/30.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// The upper number; carries the sign.
    numerator: i128,
    /// The lower number, above zero.
    denominator: i128,
}

impl Ratio {
    /// The whole.
    pub const ONE: Self = Self::whole(1);

    /// `numerator / denominator`; `None` unless the denominator is above zero.
    #[must_use]
    pub const fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator <= 0 {
            return None;
        }
        Some(Self {
            numerator,
            denominator,
        })
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(number: i128) -> Self {
        Self {
            numerator: number,
            denominator: 1,
        }
    }

    /// The upper number, as counted.
    #[must_use]
    pub const fn numerator(self) -> i128 {
        self.numerator
    }

    /// The lower number, as counted; above zero.
    #[must_use]
    pub const fn denominator(self) -> i128 {
        self.denominator
    }

    /// The same value in lowest terms.
    #[must_use]
    pub fn reduced(self) -> Self {
        let mut divisor = self.numerator.unsigned_abs();
        let mut rest = self.denominator.unsigned_abs();
        while let Some(next) = divisor.checked_rem(rest) {
            (divisor, rest) = (rest, next);
        }
        // What is left divides the denominator, so it fits and is above zero.
        let divided = i128::try_from(divisor).ok().and_then(|divisor| {
            let numerator = self.numerator.checked_div(divisor)?;
            Self::new(numerator, self.denominator.checked_div(divisor)?)
        });
        divided.unwrap_or(self)
    }

    /// The sum. `None` when it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.denominator == other.denominator {
            let numerator = self.numerator.checked_add(other.numerator)?;
            return Self::new(numerator, self.denominator);
        }
        let (one, two) = (self.reduced(), other.reduced());
        let left = one.numerator.checked_mul(two.denominator)?;
        let right = two.numerator.checked_mul(one.denominator)?;
        let denominator = one.denominator.checked_mul(two.denominator)?;
        Self::new(left.checked_add(right)?, denominator)
    }

    /// The product with a whole number. `None` when it does not fit.
    #[must_use]
    pub fn checked_mul(self, factor: i128) -> Option<Self> {
        Self::new(self.numerator.checked_mul(factor)?, self.denominator)
    }

    /// As a whole number. `None` when it does not fit.
    #[must_use]
    pub fn round(self, rounding: Rounding) -> Option<i128> {
        let down = self.numerator.checked_div_euclid(self.denominator)?;
        let rest = self.numerator.checked_rem_euclid(self.denominator)?;
        // `rest` is below the denominator, so its double is compared by subtraction.
        let to_half = rest.cmp(&self.denominator.checked_sub(rest)?);
        let negative = self.numerator < 0;
        let up = match rounding {
            Rounding::Floor => false,
            Rounding::Ceiling => rest != 0,
            Rounding::Truncate => negative && rest != 0,
            Rounding::HalfAwayFromZero => to_half.is_gt() || (to_half.is_eq() && !negative),
            Rounding::HalfTowardZero => to_half.is_gt() || (to_half.is_eq() && negative),
            Rounding::HalfEven => to_half.is_gt() || (to_half.is_eq() && down.checked_rem(2)? != 0),
        };
        if up { down.checked_add(1) } else { Some(down) }
    }

    /// As a fraction of a power of ten with `places` decimals. `None` when it
    /// does not fit.
    #[must_use]
    pub fn to_places(self, places: u32, rounding: Rounding) -> Option<Self> {
        let ten = 10_i128.checked_pow(places)?;
        Self::new(self.checked_mul(ten)?.round(rounding)?, ten)
    }

    /// As a decimal with `places` places, half away from zero; as a fraction
    /// where that does not fit.
    #[must_use]
    pub fn to_decimal(self, places: u32) -> String {
        let rounded = self.to_places(places, Rounding::HalfAwayFromZero);
        let Some(rounded) = rounded else {
            return self.to_string();
        };
        let (units, ten) = (rounded.numerator.unsigned_abs(), rounded.denominator);
        let ten = ten.unsigned_abs();
        let (Some(whole), Some(rest)) = (units.checked_div(ten), units.checked_rem(ten)) else {
            return self.to_string();
        };
        let sign = if rounded.numerator < 0 { "-" } else { "" };
        let width = usize::try_from(places).unwrap_or(0);
        if width == 0 {
            return format!("{sign}{whole}");
        }
        format!("{sign}{whole}.{rest:0width$}")
    }
}

impl PartialEq for Ratio {
    /// Equal in value: 1/2 is 15/30.
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self.reduced(), other.reduced());
        one.numerator == two.numerator && one.denominator == two.denominator
    }
}

impl Eq for Ratio {}

impl fmt::Display for Ratio {
    /// In lowest terms: `1/2`; a whole number without its denominator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lowest = self.reduced();
        if lowest.denominator == 1 {
            write!(f, "{}", lowest.numerator)
        } else {
            write!(f, "{}/{}", lowest.numerator, lowest.denominator)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rounding_does_what_it_says_on_either_side_of_zero() {
        use Rounding::{Ceiling, Floor, HalfAwayFromZero, HalfEven, HalfTowardZero, Truncate};
        for (numerator, expected) in [
            (25, [3, 2, 2, 2, 2, 3]),
            (-25, [-3, -2, -2, -3, -2, -2]),
            (35, [4, 3, 4, 3, 3, 4]),
            (-35, [-4, -3, -4, -4, -3, -3]),
            (21, [2, 2, 2, 2, 2, 3]),
            (-29, [-3, -3, -3, -3, -2, -2]),
            (30, [3, 3, 3, 3, 3, 3]),
        ] {
            let ratio = Ratio::new(numerator, 10).unwrap();
            let all = [
                HalfAwayFromZero,
                HalfTowardZero,
                HalfEven,
                Floor,
                Truncate,
                Ceiling,
            ];
            assert_eq!(
                all.map(|rounding| ratio.round(rounding).unwrap()),
                expected,
                "{numerator}/10"
            );
        }
    }

    #[test]
    fn fractions_print_in_lowest_terms_and_decimals_in_full() {
        let share = Ratio::new(22, 30).unwrap();
        assert_eq!(share.to_string(), "11/15");
        assert_eq!(share.to_decimal(9), "0.733333333");
        assert_eq!(Ratio::new(-1, 2).unwrap().to_decimal(5), "-0.50000");
        assert_eq!(Ratio::new(30, 30).unwrap().to_string(), "1");
        assert_eq!(Ratio::ONE.to_decimal(0), "1");
        assert_eq!(Ratio::new(1, 0), None);
        let sum = Ratio::new(14, 31).unwrap().checked_add(Ratio::ONE).unwrap();
        assert_eq!(
            sum.checked_add(Ratio::new(12, 28).unwrap())
                .unwrap()
                .to_string(),
            "408/217"
        );
    }
}
