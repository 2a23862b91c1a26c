//! Our ids, carried through Paddle in `custom_data` and read back. What Paddle
//! copies from a transaction to its subscription, and from there to every later
//! transaction, is the same data.

use billing_domain::effect::{CreateInvoice, EffectKey, OpenCheckout};
use billing_domain::fact::Link;
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use serde_json::{Map, Value};

pub(crate) const CHECKOUT: &str = "billing_checkout";
pub(crate) const CUSTOMER: &str = "billing_customer";
pub(crate) const HOST_REF: &str = "billing_ref";
pub(crate) const OPERATOR: &str = "billing_operator";
pub(crate) const CHANGE: &str = "billing_change";
/// The invoice of ours that a charge is for, in the custom data of its item's price.
pub(crate) const INVOICE: &str = "billing_invoice";
/// The key of the effect that made a transaction.
pub(crate) const INTENT: &str = "intent";

/// Custom data of an object, as Paddle keeps it.
pub(crate) type Custom = Map<String, Value>;

/// What a new checkout's transaction carries.
pub(crate) fn of_checkout(order: &OpenCheckout, key: &EffectKey, operator: &str) -> Custom {
    let mut custom = Custom::new();
    let mut set = |name: &str, value: String| {
        custom.insert(name.to_owned(), Value::String(value));
    };
    set(CHECKOUT, order.checkout.to_string());
    set(CUSTOMER, order.customer.to_string());
    if let Some(external) = &order.external_ref {
        set(HOST_REF, external.clone());
    }
    set(OPERATOR, operator.to_owned());
    set(INTENT, key.to_string());
    custom
}

/// What the price of a charge for an invoice of ours carries.
pub(crate) fn of_invoice(order: &CreateInvoice, key: &EffectKey, operator: &str) -> Custom {
    let carried = [
        (INVOICE, order.invoice.to_string()),
        (OPERATOR, operator.to_owned()),
        (INTENT, key.to_string()),
    ];
    let carried = carried.map(|(name, value)| (name.to_owned(), Value::String(value)));
    carried.into_iter().collect()
}

/// The text under a name.
pub(crate) fn text<'a>(custom: Option<&'a Custom>, name: &str) -> Option<&'a str> {
    custom?.get(name)?.as_str()
}

/// Whether the object is of another deployment.
pub(crate) fn is_foreign(custom: Option<&Custom>, operator: &str) -> bool {
    text(custom, OPERATOR).is_some_and(|named| named != operator)
}

/// The link of an object with this custom data and these references.
pub(crate) fn link(
    account: &ProviderAccount,
    custom: Option<&Custom>,
    refs: impl IntoIterator<Item = (RefKind, Option<String>)>,
    prices: Vec<String>,
) -> Link {
    let mut garbled = false;
    let mut read = |name: &str| {
        let value = custom?.get(name)?;
        let text = value.as_str();
        garbled |= text.is_none();
        text
    };
    let (checkout, customer) = (read(CHECKOUT), read(CUSTOMER));
    let checkout_id = checkout.and_then(|text| text.parse().ok());
    let customer_id = customer.and_then(|text| text.parse().ok());
    garbled |= checkout.is_some() && checkout_id.is_none();
    garbled |= customer.is_some() && customer_id.is_none();
    let refs = refs
        .into_iter()
        .filter_map(|(kind, id)| {
            Some(ProviderRef {
                account: account.clone(),
                kind,
                id: id?,
            })
        })
        .collect();
    Link {
        checkout: checkout_id,
        customer: customer_id,
        refs,
        prices,
        garbled,
    }
}
