//! What a page is about, copied out of the world.

use billing_domain::money::Money;
use billing_domain::time::{Interval, Timestamp};
use url::Url;

use super::What;
use crate::world::{Checkout, CheckoutState, Invoice, InvoiceState, World};

/// Something to pay, and how it stands.
pub(crate) struct Offer {
    pub(crate) what: What,
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) quantity: u32,
    /// What it costs, as listed.
    pub(crate) amount: Money,
    /// What is paid with: the same, or what is collected for it.
    pub(crate) collected: Money,
    pub(crate) recurring: Option<Interval>,
    /// When the trial ends. `None`: paid today.
    pub(crate) trial_end: Option<Timestamp>,
    /// Known beforehand. `None`: not known, or of no interest.
    pub(crate) email: Option<String>,
    /// Whether the page asks for an e-mail address.
    pub(crate) asks_email: bool,
    /// Where the buyer goes after paying. `None`: nowhere, the page says thanks.
    pub(crate) success_url: Option<String>,
    /// Where the buyer goes without paying. Empty: nowhere.
    pub(crate) cancel_url: String,
    /// The origin of the success URL, for the page's policy.
    pub(crate) return_origin: Option<String>,
    pub(crate) standing: Standing,
    pub(crate) now: Timestamp,
}

/// How something to pay stands.
pub(crate) enum Standing {
    Open,
    /// A card waits for its confirmation.
    Confirming,
    Paid,
    /// It can no longer be paid, for this reason.
    Closed(&'static str),
}

impl Offer {
    /// `None`: there is nothing of that kind and id.
    pub(crate) fn find(world: &World, what: What, id: &str, now: Timestamp) -> Option<Self> {
        match what {
            What::Checkout => world
                .get::<Checkout>(id)
                .map(|checkout| Self::of_checkout(checkout, now)),
            What::Invoice => world
                .get::<Invoice>(id)
                .map(|invoice| Self::of_invoice(invoice, now)),
        }
    }

    fn of_checkout(checkout: Checkout, now: Timestamp) -> Self {
        let standing = match checkout.state {
            CheckoutState::Open if checkout.confirming.is_some() => Standing::Confirming,
            CheckoutState::Open => Standing::Open,
            CheckoutState::Completed { .. } => Standing::Paid,
            CheckoutState::Expired { canceled: true } => Standing::Closed("It was taken back."),
            CheckoutState::Expired { canceled: false } => {
                Standing::Closed("This page has expired: it was open for a limited time.")
            }
        };
        let collected = checkout.collected();
        let order = checkout.order;
        let return_origin = Url::parse(&order.success_url)
            .ok()
            .map(|url| url.origin().ascii_serialization());
        Self {
            what: What::Checkout,
            id: checkout.id,
            description: order.description,
            quantity: order.quantity,
            amount: order.amount,
            collected,
            recurring: order.recurring,
            trial_end: order.trial_end.filter(|end| now < *end),
            asks_email: order.email.is_none(),
            email: order.email,
            success_url: Some(order.success_url),
            cancel_url: order.cancel_url,
            return_origin,
            standing,
            now,
        }
    }

    fn of_invoice(invoice: Invoice, now: Timestamp) -> Self {
        let collected = invoice.collected();
        let standing = match invoice.state {
            InvoiceState::Open if invoice.confirming.is_some() => Standing::Confirming,
            InvoiceState::Open => Standing::Open,
            InvoiceState::Paid { .. } => Standing::Paid,
            InvoiceState::Void => Standing::Closed("This invoice was taken back."),
        };
        Self {
            what: What::Invoice,
            id: invoice.id,
            description: invoice.description,
            quantity: 1,
            amount: invoice.amount,
            collected,
            recurring: None,
            trial_end: None,
            email: None,
            asks_email: false,
            success_url: None,
            cancel_url: String::new(),
            return_origin: None,
            standing,
            now,
        }
    }
}
