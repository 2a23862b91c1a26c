//! What was paid for an invoice, as it is told: the whole with the transactions that it
//! is made of, and each of the others by itself. Knows nothing of pages.

use billing_domain::fact::{CheckoutPayment, Fact, Observed, PaymentPart, ProviderInvoiceState};
use billing_domain::time::Timestamp;

use super::{EMAIL, Seen, Teller, garbled, satoshi};
use crate::correlation::{self, Ours};
use crate::decimal::Decimal;
use crate::payments::{Paid, Sorted, last, sort, sum};

/// How a person's word is named, for what no transaction has brought.
const VOUCHED: &str = "vouched";

/// A payment as it is told.
struct Payment<'a> {
    name: &'a str,
    satoshi: i64,
    parts: Vec<PaymentPart>,
}

impl Teller {
    /// The money is there, or a person says so.
    pub(super) fn settled(&self, seen: &Seen) -> Vec<Observed> {
        let settled = seen.settled();
        let sorted = sort(&settled, seen.owed);
        if !sorted.whole.is_empty() {
            return self.as_sorted(seen, &sorted);
        }
        // A person, or a store that waits for no confirmation, settles what is still
        // without one. What is not needed for it waits to be confirmed.
        let mut sorted = sort(&seen.paid, seen.owed);
        if !sorted.whole.is_empty() {
            sorted.rest.retain(|payment| payment.settled);
            return self.as_sorted(seen, &sorted);
        }
        let mut parts: Vec<PaymentPart> = seen.paid.iter().map(|paid| part(seen, paid)).collect();
        let came = sum(&seen.paid);
        let amount = if seen.is_marked() {
            let vouched = PaymentPart {
                id: format!("{}:{VOUCHED}", seen.invoice.id),
                amount: satoshi(seen.owed.saturating_sub(came)),
                at: seen.read_at(),
                vouched: true,
            };
            parts.push(vouched);
            seen.owed
        } else {
            // Less than is owed, by a tolerance that is not ours: told as what it is.
            let told = seen.invoice.paid_amount.and_then(Decimal::floor);
            told.unwrap_or(came)
        };
        let whole = Payment {
            name: &seen.invoice.id,
            satoshi: amount,
            parts,
        };
        vec![self.paid(seen, whole, seen.read_at())]
    }

    /// The whole under the name of the invoice, with the transactions that it is made
    /// of; each of the others by itself.
    pub(super) fn as_sorted(&self, seen: &Seen, sorted: &Sorted<'_>) -> Vec<Observed> {
        let whole = last(&sorted.whole).map(|at| {
            let whole = Payment {
                name: &seen.invoice.id,
                satoshi: sum(sorted.whole.iter().copied()),
                parts: sorted.whole.iter().map(|paid| part(seen, paid)).collect(),
            };
            self.paid(seen, whole, at)
        });
        let rest = sorted.rest.iter().map(|one| {
            let alone = Payment {
                name: &one.id,
                satoshi: one.satoshi,
                parts: Vec::new(),
            };
            self.paid(seen, alone, one.at)
        });
        whole.into_iter().chain(rest).collect()
    }

    fn paid(&self, seen: &Seen, told: Payment<'_>, at: Timestamp) -> Observed {
        let payment = told.name.to_owned();
        let amount = satoshi(told.satoshi);
        let parts = told.parts;
        let conversion = self.conversion(seen);
        let fact = match seen.ours {
            Ours::Checkout(checkout) => Fact::CheckoutCompleted {
                checkout,
                reference: seen.invoice.id.clone(),
                payment: CheckoutPayment::Paid {
                    payment,
                    amount,
                    conversion,
                    parts,
                },
                customer_ref: None,
                email: correlation::text(&seen.metadata(), EMAIL).map(str::to_owned),
                sold: None,
            },
            Ours::Invoice(invoice) => Fact::InvoicePaid {
                invoice,
                payment,
                amount,
                conversion,
                parts,
            },
            Ours::Garbled => garbled(seen, ProviderInvoiceState::Paid),
        };
        self.observed(seen, fact, at)
    }
}

/// What is not confirmed is a part by a person's word alone, where there is one.
fn part(seen: &Seen, paid: &Paid) -> PaymentPart {
    PaymentPart {
        id: paid.id.clone(),
        amount: satoshi(paid.satoshi),
        at: paid.at,
        vouched: seen.is_marked() && !paid.settled,
    }
}
