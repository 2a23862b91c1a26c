//! A stateful fake of Paddle Billing.
//!
//! Keeps prices, customers, transactions, subscriptions, adjustments, events
//! and notifications, in the shapes of Paddle's published samples. Charges and
//! prorates as Paddle does, by the domain's `paddle` dialect. Has no idempotency
//! keys, since Paddle has none: the same call twice is done twice.
//!
//! What happens when a renewal comes due:
//!
//! 1. The subscription is `active` in its next period, and `subscription.updated`
//!    says so before any money moved.
//! 2. A transaction is made, from the items, what waited for this renewal, and
//!    the customer's balance.
//! 3. The card pays: `transaction.paid`, then `transaction.completed`.
//! 4. Or it is declined: `transaction.payment_failed`, `transaction.past_due`,
//!    `subscription.updated` (past due), `subscription.past_due`; it is tried
//!    again as [`Rules::retries`] says, and at last the subscription ends or is
//!    paused as [`Rules::exhausted`] says.
//!
//! Known to differ: no businesses, no country overrides, no currency
//! conversion, fees at one rate, and a date is moved with `do_not_bill` only.

mod account;
mod act;
mod acts;
mod adjust;
mod amount;
mod browser;
mod buyer;
mod change;
mod page;
mod pages;
mod pay;
mod preview;
mod read;
mod refusal;
mod render;
mod routes;
mod schedule;
mod sell;
mod sign;
mod things;
mod till;
mod world;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use billing_domain::time::Timestamp;
use serde_json::Value;
use url::Url;

pub use amount::{Share, TaxMode, Totals};
pub use refusal::Refusal;
pub use sign::{SIGNATURE_HEADER, signature};
pub use things::{
    Action, Address, AdjustedLine, Adjustment, AdjustmentAction, AdjustmentStatus, Bought, Card,
    Credit, Customer, Destination, Discount, Dunning, Event, Line, Notification,
    NotificationStatus, Off, Origin, Payment, Price, Product, Scheduled, SubscribedItem,
    Subscription, SubscriptionStatus, Transaction, TransactionStatus,
};
pub use world::{Exhausted, PriceSeed, Rules, World};

use super::rig::{Books, FakeClock, Outbox, Provider as _, Rig, StartError};
use till::Till;

/// The key that a fake takes where no other is given.
pub const DEFAULT_KEY: &str = "pdl_sdbx_apikey_fake";
/// The secret that a fake signs with where no other is given.
pub const DEFAULT_SECRET: &str = "pdl_ntfset_fake";

/// How a fake is set up.
#[derive(Clone)]
pub struct FakePaddleOptions {
    /// The port of loopback; 0 takes one that is free.
    pub port: u16,
    /// Where its clock stands at first.
    pub start: Timestamp,
    /// Whether the clock runs on by itself.
    pub running: bool,
    /// The API key that it takes.
    pub key: String,
    /// What it signs with: one secret, or several during a rotation.
    pub secrets: Vec<String>,
    /// Where it delivers. `None`: notifications are held to be taken by hand.
    pub webhook: Option<Url>,
    /// How the account is set up.
    pub rules: Rules,
    /// What is sold.
    pub prices: Vec<PriceSeed>,
}

impl FakePaddleOptions {
    /// A fake that sells `prices`, stands at `start` and holds its notifications.
    #[must_use]
    pub fn new(start: Timestamp, prices: Vec<PriceSeed>) -> Self {
        Self {
            port: 0,
            start,
            running: false,
            key: DEFAULT_KEY.to_owned(),
            secrets: vec![DEFAULT_SECRET.to_owned()],
            webhook: None,
            rules: Rules::default(),
            prices,
        }
    }
}

impl fmt::Debug for FakePaddleOptions {
    /// Shows neither key nor secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePaddleOptions")
            .field("port", &self.port)
            .field("start", &self.start)
            .field("prices", &self.prices.len())
            .finish_non_exhaustive()
    }
}

/// A fake Paddle that is being served. It ends when this is dropped.
#[derive(Debug)]
pub struct FakePaddle {
    rig: Rig,
    till: Arc<Till>,
}

impl Deref for FakePaddle {
    type Target = Rig;

    /// Its address, its clock, the faults that are ordered, the requests so far and
    /// the webhooks that wait.
    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl FakePaddle {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the port is taken.
    pub async fn start(options: FakePaddleOptions) -> Result<Self, StartError> {
        let bound = Rig::bind(options.port).await?;
        let clock = if options.running {
            FakeClock::running(options.start)
        } else {
            FakeClock::still(options.start)
        };
        let outbox = Outbox::new(sign::headers, clock.clone(), options.secrets.clone());
        outbox.set_target(options.webhook.clone());
        let mut world = World::new(options.rules);
        for seed in &options.prices {
            world.sell(seed, options.start);
        }
        let id = "ntfset_01000000000000000000000000".to_owned();
        let destination = Destination {
            id: id.clone(),
            description: "The fake's own destination".to_owned(),
            url: options.webhook.map(String::from).unwrap_or_default(),
            active: true,
            events: Vec::new(),
            secret: options.secrets.first().cloned().unwrap_or_default(),
        };
        world.destinations.insert(id, destination);
        let till = Arc::new(Till::new(
            world,
            clock.clone(),
            outbox.clone(),
            options.key,
            bound.url().clone(),
        ));
        let provider = Arc::clone(&till);
        let rig = Rig::serve(bound, provider, clock, outbox)?;
        Ok(Self { rig, till })
    }

    /// How often and how much everybody was charged, and how much there is of
    /// everything: a transaction made twice is there twice.
    #[must_use]
    pub fn books(&self) -> Books {
        self.till.books()
    }

    /// A copy of everything that it holds.
    #[must_use]
    pub fn world(&self) -> World {
        self.till.with(|world, _now| world.clone())
    }

    /// Changes how the account is set up, from now on.
    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        self.till.with(|world, _now| change(&mut world.rules));
    }

    /// Puts a price into the catalog.
    pub fn sell(&self, seed: &PriceSeed) {
        self.till.with(|world, now| world.sell(seed, now));
    }

    /// A customer pays in the checkout, or is declined: whether the money came.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it cannot be paid.
    pub fn pay(&self, transaction_id: &str, card: Card) -> Result<bool, Refusal> {
        self.till
            .with(|world, now| world.pay(transaction_id, card, now))
    }

    /// The buyer types an address in the checkout of a transaction, which asks for one
    /// where it is nobody's yet. There is one customer of each address.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it asks for nothing.
    pub fn give_email(&self, transaction_id: &str, email: &str) -> Result<(), Refusal> {
        self.till
            .with(|world, _now| world.give_email(transaction_id, email))
    }

    /// Whoever is to pay rewrites the checkout of a transaction in the browser, as
    /// Paddle's own script lets anybody do: `items` and `customData` of `change` take the
    /// place of what the merchant put there.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, it is paid, or its items are none.
    pub fn rewrite_in_browser(&self, transaction_id: &str, change: &Value) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.rewrite_in_browser(transaction_id, change, now))
    }

    /// Anybody opens a checkout in the browser by the public token, with `items` and
    /// `customData` of their own: the transaction.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when the items are none.
    pub fn open_in_browser(&self, page: &Value) -> Result<String, Refusal> {
        self.till
            .with(|world, now| world.open_in_browser(page, now))
    }

    /// Changes what a subscription is paid with from its next attempt on.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such subscription.
    pub fn set_card(&self, subscription_id: &str, card: Card) -> Result<(), Refusal> {
        self.till
            .with(|world, _now| world.set_card(subscription_id, card))
    }

    /// A customer cancels in the portal, for the end of the period.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such subscription, or it has ended.
    pub fn cancel_in_portal(&self, subscription_id: &str) -> Result<(), Refusal> {
        self.till
            .with(|world, now| acts::cancel_in_portal(world, subscription_id, now))
    }

    /// Somebody refunds a whole transaction in the dashboard: the adjustment,
    /// which waits for approval unless the account approves at once.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it cannot be refunded.
    pub fn refund(&self, transaction_id: &str) -> Result<String, Refusal> {
        let body = serde_json::json!({
            "action": "refund", "type": "full", "reason": "dashboard",
            "transaction_id": transaction_id,
        });
        self.till
            .with(|world, now| world.create_adjustment(&body, now))
    }

    /// Paddle approves or rejects a refund.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such refund, or it was decided on already.
    pub fn decide_refund(&self, adjustment_id: &str, approve: bool) -> Result<(), Refusal> {
        self.till
            .with(|world, now| world.decide_refund(adjustment_id, approve, now))
    }

    /// The customer's bank takes a payment back: the adjustment.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it was never paid.
    pub fn dispute(&self, transaction_id: &str) -> Result<String, Refusal> {
        self.till
            .with(|world, now| world.chargeback(transaction_id, false, now))
    }

    /// The bank gives a payment back again: the adjustment.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it was not taken back.
    pub fn win_dispute(&self, transaction_id: &str) -> Result<String, Refusal> {
        self.till
            .with(|world, now| world.reverse_chargeback(transaction_id, false, now))
    }

    /// The customer's bank warns that it may take a payment back: the adjustment. No
    /// money moves.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it was never paid.
    pub fn warn_of_dispute(&self, transaction_id: &str) -> Result<String, Refusal> {
        self.till
            .with(|world, now| world.chargeback(transaction_id, true, now))
    }

    /// The bank withdraws its warning: the adjustment.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or no warning stands.
    pub fn withdraw_warning(&self, transaction_id: &str) -> Result<String, Refusal> {
        self.till
            .with(|world, now| world.reverse_chargeback(transaction_id, true, now))
    }

    /// Tells of something, of any type and shape.
    pub fn tell(&self, event_type: &str, data: Value) {
        self.till
            .with(|world, now| world.tell(event_type, data, now));
    }

    /// Loses every notification of a type that waits, as if each attempt had
    /// failed: how many. They can be listed as failed, and replayed.
    #[must_use]
    pub fn lose(&self, event_type: &str) -> usize {
        self.till.lose(event_type)
    }
}
