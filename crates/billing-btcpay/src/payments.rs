//! What was paid for an invoice, transaction by transaction, in satoshi. Knows nothing
//! of what it was owed for.

use billing_domain::time::Timestamp;

use crate::api_error::CallError;
use crate::decimal::Decimal;
use crate::wire::{Method, Payment, at};

/// The currency in which a bitcoin is paid.
const BITCOIN: &str = "BTC";

/// A transaction that counts, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paid {
    /// BTCPay's id of it.
    pub(crate) id: String,
    pub(crate) satoshi: i64,
    /// When it was seen.
    pub(crate) at: Timestamp,
    /// Whether it has the confirmations that the store asks for.
    pub(crate) settled: bool,
}

/// What is there, as far as it makes up the whole that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sorted<'a> {
    /// The first transactions that together are enough: their sum, and when the last of
    /// them came. `None`: all of them are not.
    pub(crate) whole: Option<(i64, Timestamp)>,
    /// The others, each for itself.
    pub(crate) rest: &'a [Paid],
}

/// The transactions, oldest first. One that was replaced or spent twice is none.
pub(crate) fn received(methods: &[Method]) -> Result<Vec<Paid>, CallError> {
    let mut received = Vec::new();
    for method in methods {
        for payment in &method.payments {
            let settled = match payment.status.as_deref() {
                Some("Settled") => true,
                Some("Processing") => false,
                _ => continue,
            };
            received.push(Paid {
                id: payment.id.clone(),
                satoshi: satoshi(method, payment).ok_or_else(unreadable)?,
                at: at(payment.received_date.unwrap_or_default()),
                settled,
            });
        }
    }
    received.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    Ok(received)
}

/// Parts what makes up `owed` from what came besides. Told again later, when more has
/// come, the first part is the same.
pub(crate) fn sort(paid: &[Paid], owed: i64) -> Sorted<'_> {
    let mut sum = 0_i64;
    for (index, payment) in paid.iter().enumerate() {
        sum = sum.saturating_add(payment.satoshi);
        if sum >= owed {
            let rest = paid.get(index.saturating_add(1)..).unwrap_or_default();
            return Sorted {
                whole: Some((sum, payment.at)),
                rest,
            };
        }
    }
    Sorted {
        whole: None,
        rest: paid,
    }
}

/// All of it together.
pub(crate) fn sum(paid: &[Paid]) -> i64 {
    let amounts = paid.iter().map(|payment| payment.satoshi);
    amounts.fold(0, i64::saturating_add)
}

fn satoshi(method: &Method, payment: &Payment) -> Option<i64> {
    let net = match payment.fee {
        Some(fee) => payment.value.minus(fee)?,
        None => payment.value,
    };
    let named = method.payment_method_id.as_deref().unwrap_or(BITCOIN);
    let by_name = named.split(['-', '_']).next().unwrap_or(named);
    let currency = method.currency.as_deref().unwrap_or(by_name);
    if currency == BITCOIN {
        return net.satoshi();
    }
    // The invoice is in satoshi, and so is the rate.
    let rate: Decimal = method.rate?;
    net.times(rate)?.floor()
}

fn unreadable() -> CallError {
    CallError::Unknown("a payment is of an amount that cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(amounts: &[i64]) -> Vec<Paid> {
        let paid = amounts.iter().zip(0..).map(|(satoshi, second)| Paid {
            id: second.to_string(),
            satoshi: *satoshi,
            at: at(second),
            settled: true,
        });
        paid.collect()
    }

    #[test]
    fn the_first_that_are_enough_are_the_whole_whatever_comes_later() {
        for (amounts, owed, whole, rest) in [
            (&[][..], 50, None, 0),
            (&[49], 50, None, 1),
            (&[50], 50, Some((50, at(0))), 0),
            (&[60], 50, Some((60, at(0))), 0),
            (&[20, 30], 50, Some((50, at(1))), 0),
            (&[20, 30, 50], 50, Some((50, at(1))), 1),
            (&[60, 1], 50, Some((60, at(0))), 1),
        ] {
            let paid = paid(amounts);
            let sorted = sort(&paid, owed);
            assert_eq!(sorted.whole, whole, "{amounts:?}");
            assert_eq!(sorted.rest.len(), rest, "{amounts:?}");
        }
    }

    #[test]
    fn transactions_are_read_in_satoshi_whatever_they_were_paid_in() {
        let methods: Vec<Method> = serde_json::from_value(serde_json::json!([
            {
                "paymentMethodId": "BTC-LN", "currency": "BTC", "rate": "100000000",
                "payments": [
                    { "id": "ln", "receivedDate": 20, "value": "0.00010000999", "fee": "0.0", "status": "Settled" },
                    { "id": "gone", "receivedDate": 1, "value": "1.0", "fee": "0.0", "status": "Invalid" },
                ],
            },
            {
                "paymentMethod": "BTC", "rate": "100000000",
                "payments": [
                    { "id": "chain", "receivedDate": 10, "value": "0.0005", "fee": "0.00000100", "status": "Processing" },
                ],
            },
            {
                "paymentMethodId": "LTC-CHAIN", "currency": "LTC", "rate": "123456.5",
                "payments": [{ "id": "ltc", "receivedDate": 30, "value": "0.1", "status": "Settled" }],
            },
        ]))
        .unwrap();
        let read = received(&methods).unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|it| (it.id.as_str(), it.satoshi, it.settled))
            .collect();
        assert_eq!(
            read,
            [
                ("chain", 49_900, false),
                ("ln", 10_000, true),
                ("ltc", 12_345, true)
            ]
        );
    }
}
