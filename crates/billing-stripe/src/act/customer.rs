//! The customer that a checkout is for.

use billing_domain::effect::OpenCheckout;

use crate::client::Reply;
use crate::failure::Failure;
use crate::forms::customer;
use crate::provider::Stripe;
use crate::wire::{Customer, List};

impl Stripe {
    /// Stripe's id of the customer: the one that we know, or one made for ours.
    /// `None`: a guest, whom nobody knows before the page asks.
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
        let call = customer::create(order, &self.operator);
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
        let call = customer::search(order.customer, &self.operator);
        match self.client.send(call).await {
            Ok(Reply { body, .. }) => first(body).map(Some).ok_or(failure),
            Err(_) => Err(failure),
        }
    }
}

fn first(found: List<Customer>) -> Option<String> {
    found
        .data
        .into_iter()
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
        assert_eq!(first(list(None)).as_deref(), Some("cus_1"));
        assert_eq!(first(list(Some(true))), None);
        let failure = Failure::Failed(PerformError::NotSent(String::new()));
        assert!(!failure.is_unknown(), "nothing was made");
    }
}
