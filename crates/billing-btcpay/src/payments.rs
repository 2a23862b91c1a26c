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
    /// The first transactions that together are enough, and of which none can be spared,
    /// oldest first. Empty: all of them are not enough.
    pub(crate) whole: Vec<&'a Paid>,
    /// The others, each for itself.
    pub(crate) rest: Vec<&'a Paid>,
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

/// Parts what makes up `owed` from what came besides. Told again, when more has come
/// later, the first part is the same. Where an older transaction is confirmed only
/// then, it may not be: what is told names the transactions, so that each counts once.
pub(crate) fn sort(paid: &[Paid], owed: i64) -> Sorted<'_> {
    let mut whole: Vec<&Paid> = Vec::new();
    let mut above = owed.saturating_neg();
    for payment in paid {
        if above >= 0 {
            break;
        }
        above = above.saturating_add(payment.satoshi);
        whole.push(payment);
    }
    if above < 0 {
        whole.clear();
    }
    // Whoever paid too little at first, and then all of it, is owed the first.
    whole.retain(|payment| {
        let spared = payment.satoshi <= above;
        if spared {
            above = above.saturating_sub(payment.satoshi);
        }
        !spared
    });
    let is_besides = |payment: &&Paid| !whole.iter().any(|part| part.id == payment.id);
    let rest = paid.iter().filter(is_besides).collect();
    Sorted { whole, rest }
}

/// When the last of them came. `None`: there are none.
pub(crate) fn last(paid: &[&Paid]) -> Option<Timestamp> {
    paid.iter().map(|payment| payment.at).max()
}

/// All of it together.
pub(crate) fn sum<'a>(paid: impl IntoIterator<Item = &'a Paid>) -> i64 {
    let amounts = paid.into_iter().map(|payment| payment.satoshi);
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
        for (amounts, whole, rest) in [
            (&[][..], &[][..], &[][..]),
            (&[49], &[], &["0"]),
            (&[50], &["0"], &[]),
            (&[60], &["0"], &[]),
            (&[20, 30], &["0", "1"], &[]),
            (&[20, 30, 50], &["0", "1"], &["2"]),
            (&[60, 1], &["0"], &["1"]),
            // What it is enough without came besides.
            (&[20, 50], &["1"], &["0"]),
            (&[10, 30, 40], &["1", "2"], &["0"]),
        ] {
            let paid = paid(amounts);
            let sorted = sort(&paid, 50);
            let named = |them: &[&Paid]| them.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
            assert_eq!(named(&sorted.whole), whole, "{amounts:?}");
            assert_eq!(named(&sorted.rest), rest, "{amounts:?}");
            let latest = whole.last().map(|id| at(id.parse().unwrap()));
            assert_eq!(last(&sorted.whole), latest, "{amounts:?}");
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
