//! A payment that an operator records, for an invoice that nobody collects.

use billing_domain::decide::{Verdict, apply_fact};
use billing_domain::fact::{CheckoutPayment, Fact, Link, Observed};
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::money::Money;
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, Locator};

use crate::billing::Billing;
use crate::error::EngineError;
use crate::manual::MANUAL;
use crate::ring::Deciding;

/// Longest reference of a payment; a bank's line is shorter.
const MAX_REFERENCE: usize = 200;

/// Why a payment was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// There is no such invoice.
    #[error("no such invoice")]
    NotFound,
    /// A provider collects it, and tells of its payments.
    #[error("only manual invoices are marked paid by hand")]
    NotManual,
    /// It is paid, or no longer owed.
    #[error("the invoice is not open")]
    NotOpen,
    /// The reference is empty or too long.
    #[error("a payment has a reference of 1 to {MAX_REFERENCE} characters")]
    BadReference,
    /// It was paid in the future.
    #[error("a payment is not in the future")]
    InTheFuture,
    /// It was paid before the invoice was opened.
    #[error("a payment is not before its invoice")]
    BeforeOpened,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Marks a manual invoice paid: `reference` names the payment (a second
    /// recording of the same is nothing new), `amount` is what was paid (`None`:
    /// exactly what is owed), `paid_at` when.
    ///
    /// # Errors
    ///
    /// [`PaymentError`], and nothing is written.
    pub async fn record_payment(
        &self,
        invoice: InvoiceId,
        reference: &str,
        amount: Option<Money>,
        paid_at: Timestamp,
        actor: Option<&str>,
    ) -> Result<Invoice, PaymentError> {
        let parts = self.parts()?;
        let reference = reference.trim();
        if reference.is_empty() || reference.chars().count() > MAX_REFERENCE {
            return Err(PaymentError::BadReference);
        }
        if paid_at > parts.now() {
            return Err(PaymentError::InTheFuture);
        }
        let found = parts.store.find(&Locator::Invoice(invoice)).await;
        let customer = found
            .map_err(EngineError::from)?
            .ok_or(PaymentError::NotFound)?;
        let known = parts.store.get_invoice(invoice).await;
        let checkout = known
            .map_err(EngineError::from)?
            .and_then(|(_, invoice)| invoice.checkout);
        let also = Also {
            invoices: vec![invoice],
            checkouts: checkout.into_iter().collect(),
            ..Also::default()
        };
        let deciding = Deciding::about(customer).by(actor).with(also);
        let decided = parts
            .decide(&deciding, |draft, catalog| {
                let held = draft.account.invoice(invoice);
                let held = held.cloned().ok_or(PaymentError::NotFound)?;
                if held.has_payment(reference) {
                    return Ok(held);
                }
                let account = held.provider.clone().ok_or(PaymentError::NotManual)?;
                if account.provider().as_str() != MANUAL {
                    return Err(PaymentError::NotManual);
                }
                if held.state != InvoiceState::Open {
                    return Err(PaymentError::NotOpen);
                }
                if paid_at < held.opened_at {
                    return Err(PaymentError::BeforeOpened);
                }
                let observed = told(&held, reference, amount.unwrap_or(held.amount), paid_at);
                if apply_fact(draft, &account, &observed, catalog) == Verdict::Unlinked {
                    return Err(PaymentError::NotFound);
                }
                Ok(draft.account.invoice(invoice).cloned().unwrap_or(held))
            })
            .await?;
        Ok(decided.said)
    }
}

/// The payment as a fact: of a checkout where it is the first, else of an invoice.
fn told(invoice: &Invoice, reference: &str, amount: Money, paid_at: Timestamp) -> Observed {
    let payment = reference.to_owned();
    let fact = match invoice.checkout {
        Some(checkout) => Fact::CheckoutCompleted {
            checkout,
            reference: checkout.to_string(),
            payment: CheckoutPayment::Paid {
                payment,
                amount,
                conversion: None,
                parts: Vec::new(),
            },
            customer_ref: None,
            email: None,
            sold: None,
        },
        None => Fact::InvoicePaid {
            invoice: invoice.id,
            payment,
            amount,
            conversion: None,
            parts: Vec::new(),
        },
    };
    Observed {
        link: Link {
            checkout: fact.checkout(),
            ..Link::default()
        },
        fact,
        at: paid_at,
    }
}
