//! Amounts as Stripe writes them. It counts some currencies in other units than
//! ISO 4217 does; everything else in this crate speaks ISO.

use std::cmp::Ordering;

use billing_domain::money::{Currency, Money};

/// What Stripe counts without decimals.
const ZERO_DECIMAL: [&str; 14] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
    "xof",
];

/// Without decimals as well; the list above is long enough.
const ZERO_DECIMAL_FRANC: &str = "xpf";

/// What Stripe counts in thousandths.
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// The decimal places in which Stripe counts a currency: two, but for those above
/// (ISK and UGX have none in ISO 4217, and two here).
fn exponent(currency: Currency) -> u32 {
    let code = currency.code();
    if ZERO_DECIMAL.contains(&code) || code == ZERO_DECIMAL_FRANC {
        0
    } else if THREE_DECIMAL.contains(&code) {
        3
    } else {
        2
    }
}

/// What an amount of Stripe's comes to. `None`: the currency is not known, or it has
/// a fraction of our smallest unit.
pub(crate) fn read(amount: i64, code: &str) -> Option<Money> {
    let currency: Currency = code.parse().ok()?;
    let amount = moved(amount, exponent(currency), u32::from(currency.exponent()))?;
    Some(Money::new(amount, currency))
}

/// An amount as Stripe is told of it. `None`: it cannot be said.
pub(crate) fn write(money: Money) -> Option<i64> {
    let currency = money.currency;
    moved(
        money.amount,
        u32::from(currency.exponent()),
        exponent(currency),
    )
}

/// The same amount, counted in `to` decimal places instead of `from`.
fn moved(amount: i64, from: u32, to: u32) -> Option<i64> {
    let factor = 10_i64.checked_pow(from.abs_diff(to))?;
    match to.cmp(&from) {
        Ordering::Equal => Some(amount),
        Ordering::Greater => amount.checked_mul(factor),
        Ordering::Less => (amount.checked_rem(factor)? == 0)
            .then(|| amount.checked_div(factor))
            .flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_counted_as_stripe_counts_them() {
        for (code, theirs, ours) in [
            ("usd", 2_000, 2_000),
            ("jpy", 500, 500),
            ("kwd", 1_230, 1_230),
            ("isk", 50_000, 500),
            ("ugx", 50_000, 500),
            ("mga", 500, 50_000),
            ("xpf", 500, 500),
        ] {
            let money = read(theirs, code).unwrap();
            assert_eq!(money.amount, ours, "{code}");
            assert_eq!(write(money), Some(theirs), "{code}");
        }
    }

    #[test]
    fn what_is_no_amount_of_ours_is_not_rounded() {
        assert_eq!(read(150, "isk"), None);
        assert_eq!(read(1, "zzz"), None);
    }
}
