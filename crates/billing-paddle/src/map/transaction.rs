//! Transactions: a checkout of ours, an invoice of Paddle's, a payment. Money is
//! there when one is `completed`; `paid` is captured, and can still fall through.

use billing_domain::fact::{
    CheckoutPayment, Fact, Link, Observed, ProviderInvoiceState, Sold, SoldItem,
};
use billing_domain::invoice::{Purpose, Tried};
use billing_domain::provider::RefKind;
use billing_domain::time::Timestamp;

use super::Teller;
use super::beside::beside_seen;
use crate::correlation::{HOST_REF, is_foreign, link};
use crate::money::{charged, listed};
use crate::wire::{Item, Span, Transaction};

/// Why one tells nothing that it should.
const NO_SUM: &str = "a transaction of no sum, or in an unknown currency";

/// What was said of a transaction besides how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing.
    Nothing,
    /// An attempt to collect it failed.
    PaymentFailed,
}

impl Teller {
    /// Whether another deployment has sold it.
    pub(crate) fn is_elsewhere(&self, transaction: &Transaction) -> bool {
        is_foreign(transaction.custom_data.as_ref(), &self.operator)
    }

    /// What ties it to a customer.
    pub(crate) fn transaction_link(&self, transaction: &Transaction) -> Link {
        let refs = [
            (RefKind::Subscription, transaction.subscription_id.clone()),
            (RefKind::Invoice, Some(transaction.id.clone())),
            (RefKind::Checkout, Some(transaction.id.clone())),
            (RefKind::Customer, transaction.customer_id.clone()),
        ];
        let prices = transaction.items.iter().filter_map(|item| item.price_ref());
        let prices = prices.map(str::to_owned).collect();
        let custom = transaction.custom_data.as_ref();
        link(&self.account, custom, refs, prices)
    }

    /// That the subscription that it pays for is to be read. `None`: it pays for none,
    /// or not for one of ours.
    pub(crate) fn subscription_of(&self, transaction: &Transaction) -> Option<Observed> {
        if self.is_elsewhere(transaction) {
            return None;
        }
        let id = transaction.subscription_id.as_deref()?;
        Some(Observed {
            fact: Fact::Hinted {
                object: self.object(RefKind::Subscription, id),
            },
            at: transaction.at(),
            link: self.transaction_link(transaction),
        })
    }

    /// That it is to be read who has bought: an event does not tell the address that
    /// was given, which a guest's purchase is claimed by. `None`: nothing was bought,
    /// or by somebody whom the host knows.
    pub(crate) fn buyer_of(
        &self,
        transaction: &Transaction,
        told: &[Observed],
    ) -> Option<Observed> {
        let is_bought = told
            .iter()
            .any(|seen| matches!(seen.fact, Fact::CheckoutCompleted { email: None, .. }));
        let custom = transaction.custom_data.as_ref();
        let is_named = custom.is_some_and(|custom| custom.contains_key(HOST_REF));
        (is_bought && !is_named).then(|| Observed {
            fact: Fact::Hinted {
                object: self.object(RefKind::Checkout, &transaction.id),
            },
            at: transaction.at(),
            link: self.transaction_link(transaction),
        })
    }

    /// That the page of a checkout of ours is there: one whose answer was lost is heard of
    /// so, and closed where nobody waits for it any more. `None`: it is no such page.
    pub(crate) fn page_of(&self, transaction: &Transaction) -> Option<Observed> {
        let open = matches!(transaction.status.as_str(), "draft" | "ready");
        let made_here = transaction.is_checkout() && !transaction.is_by_payer();
        let ours = open && made_here && !self.is_elsewhere(transaction);
        let link = self.transaction_link(transaction);
        let checkout = link.checkout.filter(|_| ours)?;
        let url = transaction.checkout.as_ref()?.url.clone()?;
        Some(Observed {
            fact: Fact::CheckoutOpened {
                checkout,
                reference: transaction.id.clone(),
                url,
                // Paddle's pages do not close by themselves: ours says when it does.
                expires_at: Timestamp::MAX,
                conversion: None,
                customer_ref: transaction.customer_id.clone(),
            },
            at: transaction.at(),
            link,
        })
    }

    /// A transaction of which nothing is to be told but that it is there.
    pub(crate) fn uneventful(&self, transaction: &Transaction) -> Observed {
        Observed {
            fact: Fact::Irrelevant,
            at: transaction.at(),
            link: self.transaction_link(transaction),
        }
    }

    /// What it tells, in the order in which it is to be decided. The subscription
    /// that it pays for is only hinted at: whoever holds the answer reads it.
    pub(crate) fn transaction(&self, transaction: &Transaction, said: Said) -> Vec<Observed> {
        if self.is_elsewhere(transaction) {
            return Vec::new();
        }
        // Nothing is charged by it: it carries a new card.
        if transaction.origin.as_deref() == Some("subscription_payment_method_change") {
            return Vec::new();
        }
        let link = self.transaction_link(transaction);
        let observe = |fact| Observed {
            fact,
            at: transaction.at(),
            link: link.clone(),
        };
        let mut facts = Vec::new();
        match self.seen(transaction, said, &link) {
            Ok(told) => facts.extend(told.into_iter().map(observe)),
            Err(why) => facts.push(observe(Fact::Unreadable {
                object: self.object(RefKind::Invoice, &transaction.id),
                why: why.to_owned(),
            })),
        }
        facts.extend(
            transaction
                .adjustments
                .iter()
                .filter_map(|adjustment| self.adjustment(adjustment))
                .map(|seen| Observed {
                    link: link.clone(),
                    ..seen
                }),
        );
        facts
    }

    /// What it tells of how it stands.
    fn seen(
        &self,
        transaction: &Transaction,
        said: Said,
        link: &Link,
    ) -> Result<Vec<Fact>, &'static str> {
        if let Some(ours) = self.invoice_of(transaction) {
            return beside_seen(transaction, ours, NO_SUM);
        }
        let invoice = invoice_seen(transaction, said)?;
        let checkout = checkout_seen(transaction, link)?;
        Ok(invoice.into_iter().chain(checkout).collect())
    }
}

/// Paddle's own invoice, where it is for a subscription and for money: a trial begins
/// with a transaction of nothing.
fn invoice_seen(transaction: &Transaction, said: Said) -> Result<Option<Fact>, &'static str> {
    if !transaction.recurs() {
        return Ok(None);
    }
    let state = match (transaction.status.as_str(), said) {
        ("completed", _) => ProviderInvoiceState::Paid,
        // Nobody owes what nobody has bought yet.
        _ if transaction.subscription_id.is_none() => return Ok(None),
        ("canceled", _) => ProviderInvoiceState::Void,
        ("billed" | "past_due" | "ready", Said::PaymentFailed) => ProviderInvoiceState::Failed,
        ("billed" | "past_due", Said::Nothing) => ProviderInvoiceState::Open,
        _ => return Ok(None),
    };
    let amount = charged(transaction).ok_or(NO_SUM)?;
    Ok((!amount.is_zero()).then(|| Fact::ProviderInvoiceSeen {
        reference: transaction.id.clone(),
        subscription_ref: transaction.subscription_id.clone(),
        amount,
        period: transaction.billing_period.map(Span::period),
        state,
        purpose: Some(purpose(transaction)),
        collected: None,
        opened_at: transaction.created_at,
        tried: tried(transaction, state),
    }))
}

/// How often Paddle has tried to collect it in vain, while it is owed. When it tries again it
/// does not say.
fn tried(transaction: &Transaction, state: ProviderInvoiceState) -> Option<Tried> {
    let is_owed = matches!(
        state,
        ProviderInvoiceState::Open | ProviderInvoiceState::Failed
    );
    let tries = transaction.payments.iter();
    let failed = tries.filter(|one| one.status == "error").count();
    (is_owed && failed > 0).then(|| Tried {
        times: u32::try_from(failed).unwrap_or(u32::MAX),
        next_at: None,
    })
}

fn purpose(transaction: &Transaction) -> Purpose {
    match transaction.origin.as_deref() {
        Some("api" | "web") => Purpose::Purchase,
        Some("subscription_update") => Purpose::Change,
        Some("subscription_charge") => Purpose::OneTime,
        _ => Purpose::Renewal,
    }
}

/// The end of a checkout of ours.
fn checkout_seen(transaction: &Transaction, link: &Link) -> Result<Option<Fact>, &'static str> {
    let Some(checkout) = link.checkout.filter(|_| transaction.is_checkout()) else {
        return Ok(None);
    };
    let reference = transaction.id.clone();
    Ok(match transaction.status.as_str() {
        "completed" => {
            let amount = charged(transaction).ok_or(NO_SUM)?;
            let payment = if amount.is_zero() {
                CheckoutPayment::NotRequired
            } else {
                CheckoutPayment::Paid {
                    payment: transaction.id.clone(),
                    amount,
                    conversion: None,
                    parts: Vec::new(),
                }
            };
            Some(Fact::CheckoutCompleted {
                checkout,
                reference,
                payment,
                customer_ref: transaction.customer_id.clone(),
                email: transaction
                    .customer
                    .as_ref()
                    .and_then(|buyer| buyer.email.clone()),
                sold: Some(sold(transaction)),
            })
        }
        "canceled" if !transaction.is_by_payer() => Some(Fact::CheckoutEnded {
            checkout,
            reference,
            canceled: true,
        }),
        _ => None,
    })
}

/// What it sells: a browser may have put other items there than were ordered.
fn sold(transaction: &Transaction) -> Sold {
    let item = |item: &Item| SoldItem {
        price_ref: item.price_ref().unwrap_or_default().to_owned(),
        quantity: item.pieces(),
    };
    Sold {
        items: transaction.items.iter().map(item).collect(),
        listed: listed(transaction),
        once: !transaction.recurs(),
        by_payer: transaction.is_by_payer(),
    }
}
