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

/// What its prices come to: before tax that is put on top, before discounts. `None`: in
/// an unknown currency.
///
/// A price may hold its tax, and a subtotal never does: so the prices count, where what is
/// asked bears them out.
pub(crate) fn listed(transaction: &Transaction) -> Option<Money> {
    let code = transaction.currency_code.as_deref()?;
    let totals = &transaction.details.totals;
    let by_price = transaction.items.iter().try_fold(0_i64, |sum, item| {
        let unit = item.price.as_ref()?.unit.as_ref()?;
        let pieces = i64::from(item.pieces());
        let priced = unit.amount.0.checked_mul(pieces)?;
        (unit.currency_code == code).then_some(())?;
        sum.checked_add(priced)
    });
    let subtotal = totals.subtotal.map(|it| it.0);
    let tax = totals.tax.map_or(0, |it| it.0);
    let with_tax = subtotal.and_then(|net| net.checked_add(tax));
    let discounted = totals.discount.is_some_and(|it| it.0 > 0);
    let bears_out = discounted || by_price == subtotal || by_price == with_tax;
    let amount = by_price.filter(|_| bears_out).or(subtotal)?;
    money(Minor(amount), code)
}

/// Paddle's text for minor units.
pub(crate) fn text(money: Money) -> String {
    money.amount.to_string()
}

/// Paddle's spelling of a currency.
pub(crate) fn code(currency: Currency) -> String {
    currency.code().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use billing_domain::money::{Currency, Money};
    use serde_json::json;

    use super::listed;

    #[test]
    fn what_prices_come_to_is_told_whether_tax_is_in_them_or_on_top() {
        for (subtotal, tax, discount, price, told) in [
            ("9900", "0", "0", "USD", 9_900),
            // On top, and within.
            ("9900", "1980", "0", "USD", 9_900),
            ("8250", "1650", "0", "USD", 9_900),
            // Taken off after it was listed.
            ("8250", "825", "4125", "USD", 9_900),
            // Another price than that of the item: a country's own.
            ("5000", "1000", "0", "USD", 5_000),
            ("9100", "0", "0", "EUR", 9_100),
        ] {
            let transaction = serde_json::from_value(json!({
                "id": "txn_1", "currency_code": "USD",
                "items": [{ "quantity": 3, "price": {
                    "id": "pri_1", "unit_price": { "amount": "3300", "currency_code": price },
                }}],
                "details": { "totals": {
                    "subtotal": subtotal, "tax": tax, "discount": discount,
                }},
            }));
            let told = Money::new(told, Currency::USD);
            assert_eq!(
                listed(&transaction.unwrap()),
                Some(told),
                "{subtotal} {tax}"
            );
        }
    }
}
