//! Charging beside a schedule that Stripe runs: an invoice of our own, collected by the
//! payment method of the subscription that it is for.
//!
//! It is looked for first, so that one whose answer was lost is gone on with, also when
//! Stripe has forgotten the keys: a draft without its line gets it, and nothing is made twice.

use billing_domain::effect::{CreateInvoice, EffectKey};

use super::{Acted, readable};
use crate::amount;
use crate::client::Reply;
use crate::failure::Failure;
use crate::forms::{invoice as forms, read as reads};
use crate::provider::Stripe;
use crate::wire::{Invoice, List, Subscription, id_of};

/// What is refused for a customer whom Stripe does not know.
const NO_CUSTOMER: &str = "no_customer";

/// What is refused that Stripe cannot be told.
const BAD_AMOUNT: &str = "amount_not_sayable";

impl Stripe {
    /// Charges what is owed beside the schedule of `subscription`.
    pub(super) async fn charge_beside(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        subscription: &str,
    ) -> Acted {
        let Some(customer) = order.customer_ref.as_deref() else {
            return Err(Failure::refused(NO_CUSTOMER, "the customer is not known"));
        };
        let amount = amount::write(order.amount)
            .ok_or_else(|| Failure::refused(BAD_AMOUNT, "the amount cannot be said"))?;
        let listed: Reply<List<Invoice>> = self.client.send(forms::of_customer(customer)).await?;
        let mut listed = listed.body.data.into_iter();
        let made = match listed.find(|one| one.ours() == Some(order.invoice)) {
            Some(made) => made,
            None => self.draft(key, order, customer, subscription).await?,
        };
        let id = made.id.clone().unwrap_or_default();
        if made.is_draft() {
            if made.lines().is_empty() {
                let line = forms::line(order, customer, &id, amount, key);
                let _made: Reply<serde::de::IgnoredAny> = self.client.send(line).await?;
            }
            let _final: Reply<Invoice> = self.client.send(forms::finalize(&id, key)).await?;
        }
        self.invoice_as_it_stands(&id).await
    }

    /// Takes an invoice of ours back. One that is paid, or closed already, is told.
    pub(super) async fn take_back(&self, reference: &str) -> Acted {
        match self.client.send::<Invoice>(forms::void(reference)).await {
            Ok(_) | Err(Failure::Refused(_)) => self.invoice_as_it_stands(reference).await,
            Err(failure) => Err(failure),
        }
    }

    async fn draft(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        customer: &str,
        subscription: &str,
    ) -> Result<Invoice, Failure> {
        let held: Reply<Subscription> = self.client.send(reads::subscription(subscription)).await?;
        let method = id_of(held.body.default_payment_method.as_ref());
        let call = forms::draft(order, customer, method, &self.operator, key);
        let made: Reply<Invoice> = self.client.send(call).await?;
        if !made.replayed {
            return Ok(made.body);
        }
        // What was answered then is not how it stands now.
        let id = made.body.id.unwrap_or_default();
        let now: Reply<Invoice> = self.client.send(reads::invoice(&id)).await?;
        Ok(now.body)
    }

    async fn invoice_as_it_stands(&self, id: &str) -> Acted {
        let reply: Reply<Invoice> = self.client.send(reads::invoice(id)).await?;
        readable(self.teller.invoice(&reply.body, reply.at))
    }
}
