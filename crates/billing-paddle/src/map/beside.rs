//! What is charged beside the items of a subscription for an invoice of ours: known by
//! what the price of its item carries, since a charge inherits its custom data from the
//! subscription, and anybody may write that of a page.

use billing_domain::fact::Fact;
use billing_domain::ids::InvoiceId;

use super::Teller;
use crate::correlation::{INVOICE, is_foreign, text};
use crate::money::listed;
use crate::wire::Transaction;

/// Why nothing was collected, where Paddle gave it up or a person did.
const GIVEN_UP: &str = "canceled";

impl Teller {
    /// The invoice of ours that a transaction is for. `None`: it is for none.
    pub(super) fn invoice_of(&self, transaction: &Transaction) -> Option<InvoiceId> {
        if transaction.is_by_payer() {
            return None;
        }
        let mut carried = transaction.items.iter().filter_map(|item| {
            let data = item.price_data();
            let ours = data.filter(|data| !is_foreign(Some(data), &self.operator));
            text(ours, INVOICE)?.parse().ok()
        });
        carried.next()
    }
}

/// What a transaction for an invoice of ours tells. `paid` is captured, and can still fall
/// through; a charge by card that is under way can be paid by nobody else meanwhile.
pub(super) fn beside_seen(
    transaction: &Transaction,
    invoice: InvoiceId,
    no_sum: &'static str,
) -> Result<Vec<Fact>, &'static str> {
    let page = transaction.checkout.as_ref();
    let opened = |pay_url| Fact::InvoiceOpened {
        invoice,
        reference: transaction.id.clone(),
        pay_url,
        conversion: None,
    };
    let at_a_page = || vec![opened(page.and_then(|page| page.url.clone()))];
    Ok(match transaction.status.as_str() {
        "completed" => {
            let paid = Fact::InvoicePaid {
                invoice,
                payment: transaction.id.clone(),
                // As it was priced here: tax on top of it is Paddle's.
                amount: listed(transaction).ok_or(no_sum)?,
                conversion: None,
                parts: Vec::new(),
            };
            vec![opened(None), paid]
        }
        "canceled" => vec![Fact::ChargeFailed {
            invoice,
            reason: GIVEN_UP.to_owned(),
        }],
        "past_due" => at_a_page(),
        "draft" | "ready" | "billed" if !transaction.is_beside() => at_a_page(),
        _ => Vec::new(),
    })
}
