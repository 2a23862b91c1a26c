//! The state of the fake, and what every change of it goes through: an instant,
//! an id, an event.
//!
//! Pure but for its own counter: the same calls at the same instants make the
//! same world. Knows no HTTP.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::time::{Timestamp, days};
use jiff::SignedDuration;
use serde_json::Value;

use super::decimal::Decimal;
use super::post::Queue;
use super::refusal::Refusal;
use super::things::{Delivery, Hook, Invoice, Method, PullPayment};

/// How the fake store is set up.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What a bitcoin costs, by upper-case currency; others are unknown.
    pub rates: BTreeMap<String, Decimal>,
    /// How long a rate is locked where the caller says nothing.
    pub expiration: SignedDuration,
    /// How long payments are looked for after that, where the caller says nothing.
    pub monitoring: SignedDuration,
    /// How often a block comes by itself. `None`: only by hand, as when a
    /// transaction pays too little to be mined.
    pub block_every: Option<SignedDuration>,
    /// Blocks that a payment needs on top where the caller names no policy.
    pub blocks: u32,
    /// What invoices can be paid with.
    pub methods: Vec<Method>,
    /// Whether an event of a type that nobody knows goes before every other one.
    pub unknown_events: bool,
    /// Whether its nodes have caught up with the chain, by its own word. What it does is
    /// the same either way.
    pub is_synchronized: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let rate = |code: &str, units, scale| (code.to_owned(), Decimal::new(units, scale));
        Self {
            rates: BTreeMap::from([
                rate("BTC", 1, 0),
                rate("SATS", super::decimal::SATOSHI, 0),
                rate("USD", 5_000_000, 2),
                rate("EUR", 4_500_000, 2),
            ]),
            // The defaults of a new store.
            expiration: SignedDuration::from_mins(15),
            monitoring: days(1),
            block_every: Some(SignedDuration::from_mins(10)),
            blocks: 1,
            methods: vec![Method::Chain, Method::Lightning],
            unknown_events: false,
            is_synchronized: true,
        }
    }
}

/// A BTCPay store, with everything that it holds.
#[derive(Debug, Clone)]
pub struct World {
    /// Its id.
    pub store_id: String,
    /// How it is set up.
    pub rules: Rules,
    /// What the key may do.
    pub permissions: Vec<String>,
    /// Invoices by id.
    pub invoices: BTreeMap<String, Invoice>,
    /// Ids of invoices in the order that they were made.
    pub order: Vec<String>,
    /// Those that bear an order number, or once did, by that number.
    pub(super) of_order: BTreeMap<String, Vec<String>>,
    /// When something happens by itself to which invoice, the soonest first.
    pub(super) turns: BTreeSet<(Timestamp, String)>,
    /// Pull payments by id.
    pub pulls: BTreeMap<String, PullPayment>,
    /// Webhooks by id.
    pub hooks: BTreeMap<String, Hook>,
    /// Deliveries, the earliest first.
    pub deliveries: Vec<Delivery>,
    /// Deliveries to hand over, in the order that they were made.
    pub(super) outbox: Vec<String>,
    /// What waits to be sent, by webhook. Kept in memory alone: a restart forgets it.
    pub(super) queues: BTreeMap<String, Queue>,
    counter: u128,
}

/// Signs of the ids: base 58.
const SIGNS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Signs of an id: enough for 128 bits.
const ID_LENGTH: usize = 22;
/// An odd number without a pattern: ids look drawn, and no two are alike.
const SCATTER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl World {
    /// An empty store.
    #[must_use]
    pub fn new(store_id: String, permissions: Vec<String>, rules: Rules) -> Self {
        Self {
            store_id,
            rules,
            permissions,
            invoices: BTreeMap::new(),
            order: Vec::new(),
            of_order: BTreeMap::new(),
            turns: BTreeSet::new(),
            pulls: BTreeMap::new(),
            hooks: BTreeMap::new(),
            deliveries: Vec::new(),
            outbox: Vec::new(),
            queues: BTreeMap::new(),
            counter: 0,
        }
    }

    /// A new id.
    pub(super) fn id(&mut self) -> String {
        self.counter = self.counter.wrapping_add(1);
        let mut rest = self.counter.wrapping_mul(SCATTER);
        let mut id = String::with_capacity(ID_LENGTH);
        for _sign in 0..ID_LENGTH {
            let place = usize::try_from(rest % 58).unwrap_or(0);
            id.push(SIGNS.get(place).map_or('1', |byte| char::from(*byte)));
            rest /= 58;
        }
        id
    }

    /// The invoice, or a refusal.
    pub(super) fn invoice(&self, id: &str) -> Result<&Invoice, Refusal> {
        self.invoices.get(id).ok_or_else(Refusal::no_invoice)
    }

    /// Whether the key has a permission, for this store or for all.
    pub(super) fn may(&self, permission: &str) -> bool {
        let scoped = format!("{permission}:{}", self.store_id);
        let mut held = self.permissions.iter();
        held.any(|held| held == permission || *held == scoped || held == "unrestricted")
    }

    /// Tells of an invoice: `with` is what this kind of event says besides.
    pub(super) fn tell(&mut self, kind: &str, invoice_id: &str, with: Value, now: Timestamp) {
        let Some(invoice) = self.invoices.get(invoice_id) else {
            return;
        };
        let mut event = serde_json::json!({
            "type": kind,
            "storeId": self.store_id,
            "invoiceId": invoice.id,
            "metadata": invoice.metadata,
        });
        if let (Value::Object(event), Value::Object(with)) = (&mut event, with) {
            event.extend(with);
        }
        if self.rules.unknown_events {
            let strange = serde_json::json!({
                "type": "LedgerReshuffled", "storeId": self.store_id, "shape": [1, {"of": null}],
            });
            self.post("LedgerReshuffled", &strange, now);
        }
        self.post(kind, &event, now);
    }

    /// Tells everybody who wants to hear of this kind.
    pub(super) fn post(&mut self, kind: &str, event: &Value, now: Timestamp) {
        let wants = |hook: &&Hook| {
            let all = hook.events.is_empty();
            hook.enabled && (all || hook.events.iter().any(|one| one == kind))
        };
        let wanting: Vec<String> = self
            .hooks
            .values()
            .filter(wants)
            .map(|one| one.id.clone())
            .collect();
        for hook in wanting {
            let id = self.id();
            self.deliver(Delivery {
                original: id.clone(),
                id,
                hook,
                kind: kind.to_owned(),
                at: now,
                event: event.clone(),
                attempt: None,
                lost: false,
            });
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.outbox.push(delivery.id.clone());
        self.deliveries.push(delivery);
    }

    /// A delivery by its id.
    pub(super) fn delivery(&self, id: &str) -> Option<&Delivery> {
        self.deliveries.iter().find(|one| one.id == id)
    }

    /// Makes another sending of a delivery: its id. `None`: there is no such delivery.
    pub(super) fn repeat(&mut self, id: &str, now: Timestamp) -> Option<String> {
        let before = self.delivery(id)?.clone();
        let id = self.id();
        self.deliveries.push(Delivery {
            id: id.clone(),
            at: now,
            attempt: None,
            lost: false,
            ..before
        });
        Some(id)
    }
}
