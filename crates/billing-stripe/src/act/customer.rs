//! The customer that a checkout is for.

use billing_domain::effect::OpenCheckout;

use crate::call::Call;
use crate::client::Reply;
use crate::failure::Failure;
use crate::forms::customer;
use crate::provider::Stripe;
use crate::wire::{Customer, List};

/// Refused because an object is not there.
pub(super) const MISSING: &str = "resource_missing";

/// How words about the field that names the customer are marked.
const ABOUT_CUSTOMER: &str = " [customer]";

impl Stripe {
    /// Stripe's id of the customer: the one that we know, the one that was made for ours
    /// before, or one made now. `None`: a guest, whom nobody knows before the page asks.
    ///
    /// The key under which one is made is forgotten after a day, and what is made is
    /// kept here only once a page is open: so it is looked for first. Where Stripe does
    /// not search, or has not seen it yet, the key does what it can.
    pub(super) async fn customer_of(
        &self,
        order: &OpenCheckout,
    ) -> Result<Option<String>, Failure> {
        if let Some(known) = &order.customer_ref {
            return Ok(Some(known.clone()));
        }
        if order.external_ref.is_none() && order.email.is_none() {
            return Ok(None);
        }
        if let Ok(Some(found)) = self.made_before(order, None).await {
            return Ok(Some(found));
        }
        let call = customer::create(order, &self.operator);
        self.make_customer(order, call, None).await
    }

    /// The customer who was made for ours, other than `gone`.
    async fn made_before(
        &self,
        order: &OpenCheckout,
        gone: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let call = customer::search(order.customer, &self.operator);
        let found: Reply<List<Customer>> = self.client.send(call).await?;
        Ok(first(found.body, gone))
    }

    /// Another customer, in place of `gone`, who was deleted at Stripe. `None`: a
    /// guest, of whom nothing is known to make one of.
    pub(super) async fn customer_instead(
        &self,
        order: &OpenCheckout,
        gone: &str,
    ) -> Result<Option<String>, Failure> {
        if order.external_ref.is_none() && order.email.is_none() {
            return Ok(None);
        }
        let call = customer::create_instead(order, &self.operator, gone);
        self.make_customer(order, call, Some(gone)).await
    }

    async fn make_customer(
        &self,
        order: &OpenCheckout,
        call: Call,
        gone: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let failure = match self.client.send::<Customer>(call).await {
            Ok(made) if !made.body.id.is_empty() => return Ok(Some(made.body.id)),
            Ok(_) => Failure::unreadable("a customer without an id"),
            Err(failure) => failure,
        };
        if !failure.is_unknown() {
            return Err(failure);
        }
        // It may have been made, under another e-mail address or without our hearing
        // of it. What is not found yet is asked for again later, under the same key.
        match self.made_before(order, gone).await {
            Ok(found) => found.map(Some).ok_or(failure),
            Err(_) => Err(failure),
        }
    }
}

/// Whether a call was refused since its customer is not there any more.
pub(super) fn is_gone(failure: &Failure) -> bool {
    match failure {
        // The name of the field that is at fault ends their words.
        Failure::Refused(refusal) | Failure::Missing(refusal) => {
            refusal.code == MISSING && refusal.message.contains(ABOUT_CUSTOMER)
        }
        Failure::KeyTaken(_) | Failure::Failed(_) => false,
    }
}

fn first(found: List<Customer>, gone: Option<&str>) -> Option<String> {
    found
        .data
        .into_iter()
        .filter(|customer| Some(customer.id.as_str()) != gone)
        .find(|customer| customer.deleted != Some(true) && !customer.id.is_empty())
        .map(|customer| customer.id)
}

#[cfg(test)]
mod tests {
    use billing_ports::PerformError;

    use super::*;

    #[test]
    fn a_deleted_customer_is_not_found() {
        let of = |deleted: Option<bool>| Customer {
            id: "cus_1".to_owned(),
            deleted,
        };
        let list = |deleted| List {
            data: vec![of(deleted)],
            has_more: None,
        };
        assert_eq!(first(list(None), None).as_deref(), Some("cus_1"));
        assert_eq!(first(list(None), Some("cus_1")), None);
        assert_eq!(first(list(Some(true)), None), None);
        let failure = Failure::Failed(PerformError::NotSent(String::new()));
        assert!(!failure.is_unknown(), "nothing was made");
    }
}
