//! A fake Stripe: stateful, on loopback, by its own clock.
//!
//! What a caller sees of it is HTTP; what a test does beside that, as a
//! customer, a bank or the passing of time, is on [`FakeStripe`]. It speaks the
//! version [`PINNED_VERSION`], and [`OLD_VERSION`] on demand. It is never more
//! lenient than the real one: parameters that an endpoint does not know are
//! refused. Taxes, metered prices, several currencies of one price and
//! promotion codes are left out: asking for them is an unknown parameter.

mod acts;
mod api;
mod bill;
mod by_name;
mod change;
mod collect;
mod due;
mod expand;
mod idempotency;
mod lifecycle;
mod old;
mod options;
mod page;
mod params;
mod provider;
mod refusal;
mod render;
mod sale;
mod thing;
mod world;

use std::ops::Deref;
use std::sync::{Arc, MutexGuard};

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp};
use serde_json::Value;

use self::api::PriceSeed;
use self::provider::{State, Stripe};
use self::world::{Rules, World};
use super::rig::{Books, FakeClock, Outbox, Provider as _, Rig, StartError, hmac_sha256_hex, lock};

pub use self::options::{
    AfterRetries, BillingMode, FakeOptions, OLD_VERSION, PINNED_VERSION, Version,
};
pub use self::sale::{ActError, Payment};
pub use self::thing::{Card, UnknownCard};

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// A fake Stripe that is being served. It ends when this is dropped.
#[derive(Debug)]
pub struct FakeStripe {
    rig: Rig,
    stripe: Arc<Stripe>,
}

impl Deref for FakeStripe {
    type Target = Rig;

    /// Its address, its clock, the faults that are ordered, the requests so far and
    /// the webhooks that wait.
    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl FakeStripe {
    /// Starts one on loopback.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the port is taken.
    pub async fn start(options: FakeOptions) -> Result<Self, StartError> {
        let bound = Rig::bind(options.port).await?;
        let clock = if options.running {
            FakeClock::running(options.start)
        } else {
            FakeClock::still(options.start)
        };
        let outbox = Outbox::new(sign, clock.clone(), options.webhook_secrets);
        let rules = Rules {
            livemode: options.key.contains("_live_"),
            billing_mode: options.billing_mode,
            retries: options.retries,
            after_retries: options.after_retries,
            search_lag: options.search_lag,
            hold_refunds: false,
            url: bound.url().clone(),
        };
        let version = options.webhook_version;
        let world = World::new(clock.clone(), outbox.clone(), rules, version);
        let stripe = Arc::new(Stripe::new(options.key, clock.clone(), world));
        let provider: Arc<dyn super::rig::Provider> = Arc::<Stripe>::clone(&stripe);
        let rig = Rig::serve(bound, provider, clock, outbox)?;
        Ok(Self { rig, stripe })
    }

    /// How often and how much everybody was charged, and how much there is of everything.
    #[must_use]
    pub fn books(&self) -> Books {
        self.stripe.books()
    }

    /// Puts a price and its product there. `interval: None`: bought once.
    pub fn price(
        &self,
        id: &str,
        product: &str,
        unit_amount: i64,
        currency: Currency,
        interval: Option<Interval>,
    ) {
        let seed = PriceSeed {
            id: id.to_owned(),
            product: product.to_owned(),
            unit_amount,
            currency,
            interval,
        };
        api::put_price(&mut self.state().world, seed);
    }

    /// Renders webhooks in a version from now on.
    pub fn set_webhook_version(&self, version: Version) {
        self.state().world.webhook_version = version;
    }

    /// The object of an id as the API would answer it in the pinned version,
    /// without a request. `None`: there is no such object.
    #[must_use]
    pub fn object(&self, id: &str) -> Option<Value> {
        expand::object(&self.state().world, id)
    }

    /// Pays an open session with a card.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such session, or it is not open.
    pub fn pay(&self, session: &str, card: Card) -> Result<Payment, ActError> {
        sale::pay(&mut self.state().world, session, Some(card))
    }

    /// The buyer gives this address at the page of an open session, which asks for
    /// one where none is filled in.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such session, or it is not open.
    pub fn give_email(&self, session: &str, email: &str) -> Result<(), ActError> {
        sale::give_email(&mut self.state().world, session, email)
    }

    /// Completes an open session without a card, where none is asked for.
    ///
    /// # Errors
    ///
    /// [`ActError`] when a card is asked for, or the session is not open.
    pub fn complete_without_card(&self, session: &str) -> Result<Payment, ActError> {
        sale::pay(&mut self.state().world, session, None)
    }

    /// The customer of a session passes the bank's authentication, or fails it.
    ///
    /// # Errors
    ///
    /// [`ActError`] when nobody asked for it.
    pub fn authenticate(&self, session: &str, passes: bool) -> Result<Payment, ActError> {
        sale::authenticate(&mut self.state().world, session, passes)
    }

    /// The bank says what became of the delayed payment of a session or an invoice.
    ///
    /// # Errors
    ///
    /// [`ActError`] when none is outstanding.
    pub fn settle(&self, id: &str, succeeds: bool) -> Result<(), ActError> {
        sale::settle(&mut self.state().world, id, succeeds)
    }

    /// Pays an open invoice on its page, where the customer also authenticates;
    /// the card is kept.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such invoice, or it is not open.
    pub fn pay_invoice(&self, invoice: &str, card: Card) -> Result<Payment, ActError> {
        acts::pay_invoice(&mut self.state().world, invoice, card)
    }

    /// Puts a card on file for a customer and all its subscriptions. `None`: none is.
    ///
    /// # Errors
    ///
    /// [`ActError::Unknown`] when there is no such customer.
    pub fn set_card(&self, customer: &str, card: Option<Card>) -> Result<(), ActError> {
        acts::set_card(&mut self.state().world, customer, card)
    }

    /// Cancels as the portal does: by a date at the end of the period, not by the flag.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such subscription, or it has ended.
    pub fn cancel_in_portal(&self, subscription: &str) -> Result<(), ActError> {
        acts::cancel_in_portal(&mut self.state().world, subscription)
    }

    /// Takes a cancellation back as the portal does.
    ///
    /// # Errors
    ///
    /// [`ActError`] when none is pending.
    pub fn renew_in_portal(&self, subscription: &str) -> Result<(), ActError> {
        acts::renew_in_portal(&mut self.state().world, subscription)
    }

    /// Switches the first item to a price as the portal does, billed now.
    ///
    /// # Errors
    ///
    /// [`ActError`] when it is refused.
    pub fn switch_in_portal(&self, subscription: &str, price: &str) -> Result<(), ActError> {
        acts::switch_in_portal(&mut self.state().world, subscription, price)
    }

    /// Gives money back in the dashboard, all that is left or a part, for a
    /// payment named by charge, intent or invoice; the refund's id.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is nothing to give back.
    pub fn refund(&self, payment: &str, amount: Option<i64>) -> Result<String, ActError> {
        acts::refund(&mut self.state().world, payment, amount)
    }

    /// Whether refunds are pending from now on, until a bank has decided, as those of
    /// bank debits are.
    pub fn hold_refunds(&self, hold: bool) {
        self.state().world.rules.hold_refunds = hold;
    }

    /// The bank has given the money back that was pending.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such refund, or it is not pending.
    pub fn settle_refund(&self, refund: &str) -> Result<(), ActError> {
        acts::settle_refund(&mut self.state().world, refund)
    }

    /// The bank could not give the money back.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such refund, or it has failed.
    pub fn fail_refund(&self, refund: &str) -> Result<(), ActError> {
        acts::fail_refund(&mut self.state().world, refund)
    }

    /// The cardholder disputes a payment; the dispute's id.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such payment, or it cannot be disputed.
    pub fn dispute(&self, payment: &str) -> Result<String, ActError> {
        acts::dispute(&mut self.state().world, payment)
    }

    /// The bank decides a dispute. Lost: the money is gone.
    ///
    /// # Errors
    ///
    /// [`ActError`] when there is no such dispute, or it is closed.
    pub fn close_dispute(&self, dispute: &str, won: bool) -> Result<(), ActError> {
        acts::close_dispute(&mut self.state().world, dispute, won)
    }

    /// An act by name, as `POST /_act/{name}` takes it.
    ///
    /// # Errors
    ///
    /// [`ActError::State`] says what was wrong with it.
    pub fn act(&self, name: &str, body: &Value) -> Result<Value, ActError> {
        self.stripe.act(name, body).map_err(ActError::State)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.stripe.state)
    }
}

/// `t=<unix seconds>,v1=<hex>`, a `v1` for each secret.
fn sign(secrets: &[String], body: &[u8], now: Timestamp) -> Vec<(String, String)> {
    let seconds = now.as_second();
    let mut message = format!("{seconds}.").into_bytes();
    message.extend_from_slice(body);
    let mut value = format!("t={seconds}");
    for secret in secrets {
        value.push_str(",v1=");
        value.push_str(&hmac_sha256_hex(secret, &message));
    }
    vec![(SIGNATURE_HEADER.to_owned(), value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_body_has_its_known_signature() {
        let body =
            br#"{"id":"evt_test_1","object":"event","type":"customer.subscription.updated"}"#;
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let headers = sign(&["whsec_test_secret".to_owned()], body, at);
        let expected = "t=1700000000,v1=6d1695090a29031f4a635fba8776b80e\
            9058dddec671fd5bdf1d7c278222cf63";
        assert_eq!(
            headers,
            [(SIGNATURE_HEADER.to_owned(), expected.to_owned())]
        );
    }
}
