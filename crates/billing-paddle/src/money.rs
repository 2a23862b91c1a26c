//! Amounts between Paddle's texts and ours. Knows no prices.

use billing_domain::money::{Currency, Money};

use crate::wire::{Minor, Transaction};

/// Minor units of a currency by its code. `None`: an unknown currency.
pub(crate) fn money(amount: Minor, code: &str) -> Option<Money> {
    let currency: Currency = code.parse().ok()?;
    Some(Money::new(amount.0, currency))
}

/// What the buyer is charged by a transaction: everything, tax included, less
/// credit.
pub(crate) fn charged(transaction: &Transaction) -> Option<Money> {
    let totals = &transaction.details.totals;
    let amount = totals.grand_total.or(totals.total)?;
    money(amount, transaction.currency_code.as_deref()?)
}

/// Paddle's text for minor units.
pub(crate) fn text(money: Money) -> String {
    money.amount.to_string()
}

/// Paddle's spelling of a currency.
pub(crate) fn code(currency: Currency) -> String {
    currency.code().to_ascii_uppercase()
}
