//! Our ids, carried through BTCPay in an invoice's metadata and read back, with the
//! rate that it was made at.

use billing_domain::fact::Link;
use billing_domain::ids::{CheckoutId, CustomerId, InvoiceId};
use billing_domain::invoice::Conversion;
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use serde_json::{Map, Value};

/// BTCPay's own name of what an order goes by; it keeps an index of it.
pub(crate) const ORDER: &str = "orderId";
pub(crate) const CHECKOUT: &str = "billing_checkout";
pub(crate) const CUSTOMER: &str = "billing_customer";
pub(crate) const HOST_REF: &str = "billing_ref";
pub(crate) const OPERATOR: &str = "billing_operator";
pub(crate) const INVOICE: &str = "billing_invoice";
/// How the price was converted, where it was.
pub(crate) const CONVERSION: &str = "billing_conversion";
/// That the rate is the one that it was made at.
pub(crate) const SEAL: &str = "billing_seal";
/// That it was taken back by us, and not marked invalid by a person.
pub(crate) const TAKEN_BACK: &str = "billing_taken_back";

/// Metadata of an invoice, as BTCPay keeps it.
pub(crate) type Metadata = Map<String, Value>;

/// What an invoice of BTCPay's is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ours {
    /// The page of a checkout.
    Checkout(CheckoutId),
    /// An invoice of the engine's.
    Invoice(InvoiceId),
    /// Something of ours that cannot be read.
    Garbled,
}

impl Ours {
    /// The kind that the engine knows it by.
    pub(crate) const fn kind(self) -> RefKind {
        match self {
            Self::Checkout(_) => RefKind::Checkout,
            Self::Invoice(_) | Self::Garbled => RefKind::Invoice,
        }
    }
}

/// The text under a name.
pub(crate) fn text<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a str> {
    metadata.get(name)?.as_str()
}

/// What it is to us. `None`: somebody else's, in the same store.
pub(crate) fn ours(metadata: &Metadata, operator: &str) -> Option<Ours> {
    if text(metadata, OPERATOR) != Some(operator) {
        return None;
    }
    if let Some(named) = metadata.get(INVOICE) {
        let id: Option<InvoiceId> = named.as_str().and_then(|id| id.parse().ok());
        return Some(id.map_or(Ours::Garbled, Ours::Invoice));
    }
    let named = metadata.get(CHECKOUT)?;
    let id: Option<CheckoutId> = named.as_str().and_then(|id| id.parse().ok());
    Some(id.map_or(Ours::Garbled, Ours::Checkout))
}

/// How the price was converted, by the word of whoever wrote it there last. `None`: it
/// was not; or what is there says otherwise than what is collected, and so says nothing.
pub(crate) fn conversion(metadata: &Metadata, collected: i64) -> Option<Conversion> {
    let told = metadata.get(CONVERSION)?.clone();
    let told: Conversion = serde_json::from_value(told).ok()?;
    (told.collected.amount == collected).then_some(told)
}

/// Whether we have taken it back.
pub(crate) fn is_taken_back(metadata: &Metadata) -> bool {
    metadata.get(TAKEN_BACK) == Some(&Value::Bool(true))
}

/// The link of the invoice with this id and metadata.
pub(crate) fn link(account: &ProviderAccount, id: &str, ours: Ours, metadata: &Metadata) -> Link {
    let customer = metadata.get(CUSTOMER);
    let customer_id: Option<CustomerId> = customer
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok());
    let checkout = match ours {
        Ours::Checkout(id) => Some(id),
        Ours::Invoice(_) | Ours::Garbled => None,
    };
    Link {
        checkout,
        customer: customer_id,
        refs: vec![ProviderRef {
            account: account.clone(),
            kind: ours.kind(),
            id: id.to_owned(),
        }],
        prices: Vec::new(),
        garbled: ours == Ours::Garbled || (customer.is_some() && customer_id.is_none()),
    }
}
