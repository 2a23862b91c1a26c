//! What ties an object to a customer: our own words on it, and the objects that it
//! belongs to.

use billing_domain::fact::Link;
use billing_domain::provider::RefKind;

use super::Teller;
use crate::wire::Metadata;

/// Our checkout.
pub(crate) const CHECKOUT_KEY: &str = "billing_checkout";
/// Our customer.
pub(crate) const CUSTOMER_KEY: &str = "billing_customer";
/// The host application's name for the customer.
pub(crate) const REFERENCE_KEY: &str = "billing_ref";
/// Our invoice, on one that we made.
pub(crate) const INVOICE_KEY: &str = "billing_invoice";
/// The order of ours that a refund was made for.
pub(crate) const REFUND_KEY: &str = "billing_refund";
/// Why a refund was made, in the words of whoever ordered it.
pub(crate) const REASON_KEY: &str = "billing_reason";
/// Our change, on the schedule that brings it.
pub(crate) const CHANGE_KEY: &str = "billing_change";
/// The deployment that made the object.
pub(crate) const OPERATOR_KEY: &str = "billing_operator";

/// Longest value that Stripe's metadata takes.
pub(crate) const VALUE_MAX_CHARS: usize = 500;

/// The order in which objects tie, strongest first.
const STRENGTH: [RefKind; 5] = [
    RefKind::Subscription,
    RefKind::Invoice,
    RefKind::Checkout,
    RefKind::Payment,
    RefKind::Customer,
];

impl Teller {
    /// What ties an object with these words and these neighbors. `None`: another
    /// deployment that shares the account made it.
    pub(crate) fn link(
        &self,
        metadata: Option<&Metadata>,
        refs: &[(RefKind, Option<&str>)],
        prices: Vec<String>,
    ) -> Option<Link> {
        let word = |key: &str| metadata.and_then(|words| words.get(key));
        if word(OPERATOR_KEY).is_some_and(|name| *name != self.operator) {
            return None;
        }
        let checkout = word(CHECKOUT_KEY).map(|text| text.parse());
        let customer = word(CUSTOMER_KEY).map(|text| text.parse());
        let garbled = matches!(checkout, Some(Err(_))) || matches!(customer, Some(Err(_)));
        let refs = STRENGTH
            .iter()
            .flat_map(|kind| refs.iter().filter(move |(held, _)| held == kind))
            .filter_map(|(kind, id)| Some((*kind, (*id)?)))
            .filter(|(_, id)| !id.is_empty())
            .map(|(kind, id)| self.reference(kind, id))
            .collect();
        Some(Link {
            checkout: checkout.and_then(Result::ok),
            customer: customer.and_then(Result::ok),
            refs,
            prices,
            garbled,
        })
    }
}
