//! Telling how objects stand, in the words that both sides share.

use billing_domain::fact::{
    CheckoutPayment, Fact, Link, Observed, ProviderInvoiceState, SubscriptionSnapshot, Upcoming,
};
use billing_domain::ids::{CheckoutId, CustomerId, InvoiceId};
use billing_domain::invoice::{Purpose, Tried};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_domain::time::Timestamp;

use super::schedule::retry_at;
use super::{
    Checkout, CheckoutState, Customer, Invoice, InvoiceFor, InvoiceState, Phase, Subscription,
    World,
};

/// What a subscription's price is called when the order named none.
const UNNAMED_PRICE: &str = "amount";

/// How many of a subscription's latest invoices a read tells: a year of months.
const INVOICES_READ: usize = 12;

impl World {
    /// The page where a checkout is paid.
    pub(crate) fn checkout_url(&self, id: &str) -> String {
        format!("{}/checkout/{id}", self.rules.base_url)
    }

    /// The page where an invoice is paid.
    pub(crate) fn invoice_url(&self, id: &str) -> String {
        format!("{}/invoice/{id}", self.rules.base_url)
    }

    /// The facts of an object as it stands. Empty: there is no such object.
    pub(crate) fn read(&self, object: &ProviderRef) -> Vec<Observed> {
        match object.kind {
            RefKind::Checkout => self.read_checkout(&object.id),
            RefKind::Subscription => self.read_subscription(&object.id),
            RefKind::Invoice => self.read_invoice(&object.id),
            // A payment is part of its invoice here; what went back of it is not.
            RefKind::Payment => self.back_facts(&object.id),
            RefKind::Customer => self
                .find::<Subscription>(&object.id)
                .map(|subscription| self.subscription_fact(subscription))
                .collect(),
        }
    }

    fn read_checkout(&self, id: &str) -> Vec<Observed> {
        let Some(checkout) = self.checkouts.get(id) else {
            return Vec::new();
        };
        let bought = match &checkout.state {
            CheckoutState::Completed {
                subscription: Some(subscription),
                ..
            } => self.read_subscription(subscription),
            CheckoutState::Open
            | CheckoutState::Completed {
                subscription: None, ..
            }
            | CheckoutState::Expired { .. } => Vec::new(),
        };
        std::iter::once(self.checkout_fact(checkout))
            .chain(bought)
            .collect()
    }

    fn read_subscription(&self, id: &str) -> Vec<Observed> {
        let Some(subscription) = self.subscriptions.get(id) else {
            return Vec::new();
        };
        let mut invoices: Vec<Observed> = self
            .find::<Invoice>(id)
            .rev()
            .take(INVOICES_READ)
            .map(|invoice| self.invoice_fact(invoice))
            .collect();
        invoices.reverse();
        std::iter::once(self.subscription_fact(subscription))
            .chain(invoices)
            .collect()
    }

    fn read_invoice(&self, id: &str) -> Vec<Observed> {
        let Some(invoice) = self.invoices.get(id) else {
            return Vec::new();
        };
        let opened = matches!(invoice.state, InvoiceState::Open)
            .then(|| self.invoice_opened(invoice))
            .flatten();
        let stands = self.invoice_fact(invoice);
        let back = match &invoice.state {
            InvoiceState::Paid {
                payment: Some(payment),
            } => self.back_facts(payment),
            InvoiceState::Open | InvoiceState::Void | InvoiceState::Paid { payment: None } => {
                Vec::new()
            }
        };
        opened
            .into_iter()
            .filter(|opened| *opened != stands)
            .chain(std::iter::once(stands.clone()))
            .chain(back)
            .collect()
    }

    /// How a checkout stands.
    pub(crate) fn checkout_fact(&self, checkout: &Checkout) -> Observed {
        let ours = checkout.order.checkout;
        let reference = checkout.id.clone();
        let (fact, subscription, customer) = match &checkout.state {
            CheckoutState::Open => {
                let fact = Fact::CheckoutOpened {
                    checkout: ours,
                    url: self.checkout_url(&reference),
                    reference,
                    expires_at: checkout.order.expires_at,
                    conversion: checkout.conversion.clone(),
                    customer_ref: None,
                };
                (fact, None, checkout.order.customer_ref.as_deref())
            }
            CheckoutState::Completed {
                customer,
                payment,
                subscription,
            } => {
                let payment = match payment {
                    Some(payment) => CheckoutPayment::Paid {
                        payment: payment.clone(),
                        amount: checkout.collected(),
                        conversion: checkout.conversion.clone(),
                        parts: Vec::new(),
                    },
                    None => CheckoutPayment::NotRequired,
                };
                let known = self.get::<Customer>(customer);
                let fact = Fact::CheckoutCompleted {
                    checkout: ours,
                    reference,
                    payment,
                    customer_ref: Some(customer.clone()),
                    email: known.and_then(|known| known.email),
                    sold: None,
                };
                (fact, subscription.as_deref(), Some(customer.as_str()))
            }
            CheckoutState::Expired { canceled } => {
                let fact = Fact::CheckoutEnded {
                    checkout: ours,
                    reference,
                    canceled: *canceled,
                };
                (fact, None, checkout.order.customer_ref.as_deref())
            }
        };
        let refs = [
            (RefKind::Subscription, subscription),
            (RefKind::Customer, customer),
            (RefKind::Checkout, Some(checkout.id.as_str())),
        ];
        self.observed(
            fact,
            checkout.stamp,
            Some(ours),
            checkout.order.customer,
            &refs,
        )
    }

    /// How a subscription stands.
    pub(crate) fn subscription_fact(&self, subscription: &Subscription) -> Observed {
        let (status, ended_at) = match &subscription.phase {
            Phase::Trialing => (Status::Trialing, None),
            Phase::Active => (Status::Active, None),
            Phase::PastDue { .. } => (Status::PastDue, None),
            Phase::Paused => (Status::Paused, None),
            Phase::Canceled { at } => (Status::Canceled, Some(*at)),
        };
        let price = subscription.price_ref.as_deref().unwrap_or(UNNAMED_PRICE);
        let fact = Fact::SubscriptionSeen(SubscriptionSnapshot {
            reference: subscription.id.clone(),
            customer_ref: Some(subscription.customer.clone()),
            status,
            price_ref: price.to_owned(),
            quantity: subscription.quantity,
            period: Some(subscription.period),
            trial_end: subscription.trial_end,
            // It takes no discounts, whose end hangs on it.
            first_charged_at: None,
            cancel_at: subscription.cancel_at,
            ended_at,
            paid_through: None,
            upcoming: Upcoming::default(),
        });
        let refs = [
            (RefKind::Subscription, Some(subscription.id.as_str())),
            (RefKind::Customer, Some(subscription.customer.as_str())),
        ];
        let checkout = Some(subscription.checkout);
        self.observed(fact, subscription.stamp, checkout, subscription.ours, &refs)
    }

    /// How an invoice stands.
    pub(crate) fn invoice_fact(&self, invoice: &Invoice) -> Observed {
        let fact = match (&invoice.purpose, &invoice.state) {
            (
                InvoiceFor::Period {
                    subscription,
                    period,
                    purpose,
                    ..
                },
                state,
            ) => Fact::ProviderInvoiceSeen {
                reference: invoice.id.clone(),
                subscription_ref: Some(subscription.clone()),
                amount: invoice.amount,
                period: Some(*period),
                state: match state {
                    InvoiceState::Open if invoice.failures > 0 => ProviderInvoiceState::Failed,
                    InvoiceState::Open => ProviderInvoiceState::Open,
                    InvoiceState::Paid { .. } => ProviderInvoiceState::Paid,
                    InvoiceState::Void => ProviderInvoiceState::Void,
                },
                purpose: *purpose,
                collected: None,
                opened_at: invoice.opened_at,
                tried: tried(invoice, *purpose),
            },
            (InvoiceFor::Engine { invoice: ours }, InvoiceState::Open) if invoice.failures > 0 => {
                Fact::PaymentFailed {
                    invoice: *ours,
                    reason: "card_declined".to_owned(),
                }
            }
            (InvoiceFor::Engine { invoice: ours }, InvoiceState::Open) => {
                self.opened(*ours, invoice)
            }
            (InvoiceFor::Engine { invoice: ours }, InvoiceState::Paid { payment }) => {
                Fact::InvoicePaid {
                    invoice: *ours,
                    // What took no payment is its own receipt.
                    payment: payment.clone().unwrap_or_else(|| invoice.id.clone()),
                    amount: invoice.collected(),
                    conversion: invoice.conversion.clone(),
                    parts: Vec::new(),
                }
            }
            (InvoiceFor::Engine { .. }, InvoiceState::Void) => Fact::Irrelevant,
        };
        self.about_invoice(invoice, fact)
    }

    /// That an invoice of the engine's was made. `None`: it is one of our own schedule.
    pub(crate) fn invoice_opened(&self, invoice: &Invoice) -> Option<Observed> {
        let InvoiceFor::Engine { invoice: ours } = &invoice.purpose else {
            return None;
        };
        Some(self.about_invoice(invoice, self.opened(*ours, invoice)))
    }

    fn opened(&self, ours: InvoiceId, invoice: &Invoice) -> Fact {
        Fact::InvoiceOpened {
            invoice: ours,
            reference: invoice.id.clone(),
            pay_url: Some(self.invoice_url(&invoice.id)),
            conversion: invoice.conversion.clone(),
        }
    }

    /// A fact about an invoice, at the instant of its last change.
    pub(crate) fn about_invoice(&self, invoice: &Invoice, fact: Fact) -> Observed {
        let checkout = match &invoice.purpose {
            InvoiceFor::Period { checkout, .. } => Some(*checkout),
            InvoiceFor::Engine { .. } => None,
        };
        let refs = [
            (RefKind::Subscription, invoice.subscription()),
            (RefKind::Customer, Some(invoice.customer.as_str())),
            (RefKind::Invoice, Some(invoice.id.as_str())),
        ];
        self.observed(fact, invoice.stamp, checkout, invoice.ours, &refs)
    }

    pub(super) fn observed(
        &self,
        fact: Fact,
        at: Timestamp,
        checkout: Option<CheckoutId>,
        customer: CustomerId,
        refs: &[(RefKind, Option<&str>)],
    ) -> Observed {
        let refs = refs
            .iter()
            .filter_map(|(kind, id)| {
                Some(ProviderRef {
                    account: self.rules.account.clone(),
                    kind: *kind,
                    id: (*id)?.to_owned(),
                })
            })
            .collect();
        Observed {
            fact,
            at,
            link: Link {
                checkout,
                customer: Some(customer),
                refs,
                garbled: false,
                prices: Vec::new(),
            },
        }
    }
}

impl Invoice {
    /// The subscription of ours that it belongs to, if it does.
    pub(crate) fn subscription(&self) -> Option<&str> {
        match &self.purpose {
            InvoiceFor::Period { subscription, .. } => Some(subscription),
            InvoiceFor::Engine { .. } => None,
        }
    }
}

/// How often the card was tried for a cycle in vain, and when it is again.
fn tried(invoice: &Invoice, purpose: Option<Purpose>) -> Option<Tried> {
    let is_owed = invoice.state == InvoiceState::Open && purpose == Some(Purpose::Renewal);
    is_owed.then(|| Tried {
        times: u32::from(invoice.failures),
        next_at: invoice
            .opened_at
            .and_then(|since| retry_at(since, invoice.failures)),
    })
}
