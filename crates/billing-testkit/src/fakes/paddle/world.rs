//! The state of the fake, and what every change of it goes through: an instant,
//! an id, an event.
//!
//! Pure but for its own counters: the same calls at the same instants make the
//! same world. Knows no HTTP.

use std::collections::BTreeMap;

use billing_domain::money::Currency;
use billing_domain::proration::TaxRate;
use billing_domain::time::{Interval, Timestamp, days};
use jiff::SignedDuration;
use serde_json::Value;

use super::amount::TaxMode;
use super::refusal::Refusal;
use super::render;
use super::things::{
    Address, Adjustment, Customer, Destination, Discount, Event, Notification, NotificationStatus,
    Price, Product, Subscription, Transaction,
};

/// What becomes of a subscription when every attempt to be paid failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exhausted {
    /// It ends.
    #[default]
    Cancel,
    /// It is paused.
    Pause,
}

/// How the fake account is set up.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The page that opens checkouts; `_ptxn` is added. `None`: the account has
    /// no default payment link, and transactions are refused.
    pub checkout_page: Option<String>,
    /// The tax on every sale.
    pub tax: TaxRate,
    /// How long a captured payment takes to be processed.
    pub processing: SignedDuration,
    /// When a declined renewal is tried again, each counted from the first attempt.
    pub retries: Vec<SignedDuration>,
    /// What becomes of a subscription after the last of them.
    pub exhausted: Exhausted,
    /// Whether refunds are approved at once instead of waiting for a decision.
    pub approve_refunds: bool,
    /// Whether everything of one instant bears the very same microsecond.
    pub collide: bool,
    /// Whether an event of a type that nobody knows goes before every other one.
    pub unknown_events: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            checkout_page: Some("https://shop.example.com/pay".to_owned()),
            tax: TaxRate::default(),
            processing: SignedDuration::ZERO,
            // Three tries within two weeks, then the rest of 30 days of grace.
            retries: vec![days(3), days(7), days(14), days(30)],
            exhausted: Exhausted::Cancel,
            approve_refunds: false,
            collide: false,
            unknown_events: false,
        }
    }
}

/// What is sold, as a test writes it.
#[derive(Debug, Clone)]
pub struct PriceSeed {
    /// `pri_…`.
    pub id: String,
    /// The price of one unit, in minor units.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
    /// How often it is charged. `None`: once.
    pub interval: Option<Interval>,
    /// How long it is tried before. `None`: not at all.
    pub trial: Option<Interval>,
    /// How it stands to its tax.
    pub tax_mode: TaxMode,
}

impl PriceSeed {
    /// A price without trial, its tax on top.
    #[must_use]
    pub fn new(id: &str, amount: i64, currency: Currency, interval: Option<Interval>) -> Self {
        Self {
            id: id.to_owned(),
            amount,
            currency,
            interval,
            trial: None,
            tax_mode: TaxMode::AccountSetting,
        }
    }
}

/// A Paddle account, with everything that it holds.
#[derive(Debug, Clone)]
pub struct World {
    /// How it is set up.
    pub rules: Rules,
    /// Products by id.
    pub products: BTreeMap<String, Product>,
    /// Prices by id.
    pub prices: BTreeMap<String, Price>,
    /// Customers by id.
    pub customers: BTreeMap<String, Customer>,
    /// Addresses by id.
    pub addresses: BTreeMap<String, Address>,
    /// Discounts by id.
    pub discounts: BTreeMap<String, Discount>,
    /// Transactions by id.
    pub transactions: BTreeMap<String, Transaction>,
    /// Subscriptions by id.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Adjustments by id.
    pub adjustments: BTreeMap<String, Adjustment>,
    /// What customers are owed, in minor units, by customer and currency.
    pub balances: BTreeMap<(String, String), i64>,
    /// Everything that happened, the oldest first.
    pub events: Vec<Event>,
    /// Notifications by id.
    pub notifications: BTreeMap<String, Notification>,
    /// Destinations by id.
    pub destinations: BTreeMap<String, Destination>,
    /// Notifications to send, in the order that they were made.
    pub(super) outbox: Vec<String>,
    counter: u64,
    last: Timestamp,
}

/// Signs of the ids: Crockford's base 32 in lower case.
const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Signs of an id after its prefix.
const ID_LENGTH: usize = 26;

impl World {
    /// An empty account.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            products: BTreeMap::new(),
            prices: BTreeMap::new(),
            customers: BTreeMap::new(),
            addresses: BTreeMap::new(),
            discounts: BTreeMap::new(),
            transactions: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            adjustments: BTreeMap::new(),
            balances: BTreeMap::new(),
            events: Vec::new(),
            notifications: BTreeMap::new(),
            destinations: BTreeMap::new(),
            outbox: Vec::new(),
            counter: 0,
            last: Timestamp::UNIX_EPOCH,
        }
    }

    /// Puts a price, and a product for it, into the catalog.
    pub fn sell(&mut self, seed: &PriceSeed, now: Timestamp) -> Price {
        let product_id = self.id("pro");
        self.products.insert(
            product_id.clone(),
            Product {
                id: product_id.clone(),
                name: seed.id.clone(),
                custom_data: Value::Null,
                created_at: now,
            },
        );
        let price = Price {
            id: seed.id.clone(),
            product_id,
            description: seed.id.clone(),
            amount: seed.amount,
            currency: seed.currency,
            tax_mode: seed.tax_mode,
            interval: seed.interval,
            trial: seed.trial,
            // As wide as Paddle's own widest range.
            quantity: (1, 999_999),
            active: true,
            catalog: true,
            custom_data: Value::Null,
            created_at: now,
            updated_at: now,
        };
        self.prices.insert(price.id.clone(), price.clone());
        price
    }

    /// A new id with a prefix; later ids sort after earlier ones.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.counter = self.counter.saturating_add(1);
        let mut rest = self.counter;
        let mut signs = vec!['0'; ID_LENGTH];
        for sign in signs.iter_mut().rev() {
            let place = usize::try_from(rest & 31).unwrap_or(0);
            *sign = SIGNS.get(place).map_or('0', |byte| char::from(*byte));
            rest >>= 5;
        }
        // The time of a real id; ids of the fake have none.
        if let Some(sign) = signs.get_mut(1) {
            *sign = '1';
        }
        format!("{prefix}_{}", signs.into_iter().collect::<String>())
    }

    /// The next instant at or after `now`: a microsecond after the one before,
    /// or the very same where instants are to collide.
    pub(super) fn tick(&mut self, now: Timestamp) -> Timestamp {
        if self.rules.collide {
            self.last = now;
            return now;
        }
        let after = self.last.saturating_add(SignedDuration::from_micros(1));
        let after = after.unwrap_or(now);
        self.last = now.max(after);
        self.last
    }

    /// Tells everybody that asked about what happened.
    pub(super) fn tell(&mut self, kind: &str, data: Value, now: Timestamp) {
        if self.rules.unknown_events {
            let id = self.id("evt");
            let at = self.tick(now);
            self.post(&Event {
                id,
                kind: "ledger.reshuffled".to_owned(),
                at,
                data: serde_json::json!({"id": "ldg_1", "shape": {"of": ["tomorrow"]}}),
            });
        }
        let id = self.id("evt");
        let at = self.tick(now);
        self.post(&Event {
            id,
            kind: kind.to_owned(),
            at,
            data,
        });
    }

    /// Tells about a transaction as it stands.
    pub(super) fn tell_transaction(&mut self, kind: &str, id: &str, now: Timestamp) {
        if let Some(transaction) = self.transactions.get(id) {
            let data = render::transaction_event(self, transaction);
            self.tell(kind, data, now);
        }
    }

    /// Tells about a subscription as it stands.
    pub(super) fn tell_subscription(&mut self, kind: &str, id: &str, now: Timestamp) {
        if let Some(subscription) = self.subscriptions.get(id) {
            let mut data = render::subscription_event(subscription);
            if kind == "subscription.created" {
                data["transaction_id"] = Value::from(subscription.transaction_id.clone());
            }
            self.tell(kind, data, now);
        }
    }

    /// The transaction, or a refusal.
    pub(super) fn transaction(&self, id: &str) -> Result<&Transaction, Refusal> {
        let found = self.transactions.get(id);
        found.ok_or_else(|| Refusal::not_found(id))
    }

    /// The subscription, or a refusal.
    pub(super) fn subscription(&self, id: &str) -> Result<&Subscription, Refusal> {
        let found = self.subscriptions.get(id);
        found.ok_or_else(|| Refusal::not_found(id))
    }

    /// Changes a transaction and marks it as changed.
    pub(super) fn with_transaction(
        &mut self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Transaction),
    ) {
        let at = self.tick(now);
        if let Some(transaction) = self.transactions.get_mut(id) {
            change(transaction);
            transaction.updated_at = at;
        }
    }

    /// Changes a subscription and marks it as changed.
    pub(super) fn with_subscription(
        &mut self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Subscription),
    ) {
        let at = self.tick(now);
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            change(subscription);
            subscription.updated_at = at;
        }
    }

    /// Makes a notification of an event for a destination.
    pub(super) fn notify(&mut self, event: Event, destination_id: &str, replay: bool) -> String {
        let id = self.id("ntf");
        let notification = Notification {
            id: id.clone(),
            event,
            status: NotificationStatus::NotAttempted,
            replay,
            destination_id: destination_id.to_owned(),
            attempts: 0,
            last_attempt_at: None,
            delivered_at: None,
            replayed_at: None,
        };
        self.notifications.insert(id.clone(), notification);
        self.outbox.push(id.clone());
        id
    }

    fn post(&mut self, event: &Event) {
        let wants = |destination: &&Destination| {
            let all = destination.events.is_empty();
            destination.active && (all || destination.events.contains(&event.kind))
        };
        let wanting = self.destinations.values().filter(wants);
        let wanting: Vec<String> = wanting.map(|one| one.id.clone()).collect();
        self.events.push(event.clone());
        for destination_id in wanting {
            self.notify(event.clone(), &destination_id, false);
        }
    }
}
