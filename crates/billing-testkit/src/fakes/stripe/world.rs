//! Everything that the fake keeps, and telling what happened to it.
//!
//! Knows neither endpoints nor what leads to what: that is in the modules
//! beside it.

use std::collections::BTreeMap;

use billing_domain::time::Timestamp;
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use url::Url;

use super::old;
use super::options::{AfterRetries, BillingMode, Version};
use super::refusal::Refusal;
use super::thing::{
    Charge, Coupon, Customer, Dispute, Intent, Invoice, Price, Product, Refund, Schedule, Session,
    Subscription,
};
use crate::fakes::rig::{Books, FakeClock, Outbox, Webhook};

/// How the account is set up.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) livemode: bool,
    pub(super) billing_mode: BillingMode,
    pub(super) retries: Vec<SignedDuration>,
    pub(super) after_retries: AfterRetries,
    pub(super) search_lag: SignedDuration,
    /// Whether refunds are pending until a bank has decided.
    pub(super) hold_refunds: bool,
    /// The fake's own address, for links.
    pub(super) url: Url,
}

/// An event as it happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) created: i64,
    /// The object in the pinned version.
    pub(super) object: Value,
    pub(super) previous: Option<Value>,
    pub(super) request: Option<String>,
    pub(super) key: Option<String>,
}

/// An endpoint for webhooks, as it was registered. The fake sends to where its
/// outbox is aimed at, whatever is registered.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) enabled_events: Vec<String>,
    pub(super) api_version: Option<String>,
    pub(super) disabled: bool,
    pub(super) created: i64,
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: FakeClock,
    pub(super) outbox: Outbox,
    pub(super) rules: Rules,
    pub(super) products: BTreeMap<String, Product>,
    pub(super) prices: BTreeMap<String, Price>,
    pub(super) coupons: BTreeMap<String, Coupon>,
    pub(super) customers: BTreeMap<String, Customer>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    pub(super) schedules: BTreeMap<String, Schedule>,
    pub(super) invoices: BTreeMap<String, Invoice>,
    pub(super) intents: BTreeMap<String, Intent>,
    pub(super) charges: BTreeMap<String, Charge>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) endpoints: BTreeMap<String, Endpoint>,
    pub(super) events: Vec<Event>,
    pub(super) books: Books,
    /// The version that webhooks are rendered in.
    pub(super) webhook_version: Version,
    /// The request and the key that what happens now is owed to.
    pub(super) cause: Option<(String, Option<String>)>,
    /// What was last told of an object, to say what an update changed.
    told: BTreeMap<String, Value>,
    made: u64,
}

impl World {
    pub(super) fn new(clock: FakeClock, outbox: Outbox, rules: Rules, version: Version) -> Self {
        Self {
            clock,
            outbox,
            rules,
            products: BTreeMap::new(),
            prices: BTreeMap::new(),
            coupons: BTreeMap::new(),
            customers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            schedules: BTreeMap::new(),
            invoices: BTreeMap::new(),
            intents: BTreeMap::new(),
            charges: BTreeMap::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            events: Vec::new(),
            books: Books::default(),
            webhook_version: version,
            cause: None,
            told: BTreeMap::new(),
            made: 0,
        }
    }

    /// Now, in whole seconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// A new id: later ones sort behind earlier ones of the same kind.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.made = self.made.saturating_add(1);
        let mode = if prefix == "cs" && !self.rules.livemode {
            "test_"
        } else {
            ""
        };
        format!("{prefix}_{mode}1Fake{:012}", self.made)
    }

    /// A link to a page of the fake.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.rules.url)
    }

    /// Tells that something happened to an object, rendered as it is now.
    pub(super) fn tell(&mut self, kind: &'static str, object: Value) {
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
        let before = self.told.insert(id.to_owned(), object.clone());
        let previous = before
            .filter(|_| kind.ends_with(".updated"))
            .map(|before| difference(&before, &object));
        let stamp = self.outbox.stamp();
        let (request, key) = self.cause.clone().unzip();
        let event = Event {
            id: self.id("evt"),
            kind,
            created: stamp.as_second(),
            object,
            previous,
            request,
            key: key.flatten(),
        };
        let body = render(&event, self.webhook_version, self.rules.livemode).to_string();
        self.outbox.push(Webhook {
            id: event.id.clone(),
            kind: kind.to_owned(),
            at: stamp,
            body: Bytes::from(body),
        });
        self.events.push(event);
    }

    pub(super) fn price(&self, id: &str) -> Result<&Price, Refusal> {
        find(&self.prices, "price", id)
    }

    pub(super) fn customer(&self, id: &str) -> Result<&Customer, Refusal> {
        find(&self.customers, "customer", id)
    }

    pub(super) fn subscription(&self, id: &str) -> Result<&Subscription, Refusal> {
        find(&self.subscriptions, "subscription", id)
    }

    pub(super) fn invoice(&self, id: &str) -> Result<&Invoice, Refusal> {
        find(&self.invoices, "invoice", id)
    }

    pub(super) fn session(&self, id: &str) -> Result<&Session, Refusal> {
        find(&self.sessions, "checkout.session", id)
    }

    pub(super) fn schedule(&self, id: &str) -> Result<&Schedule, Refusal> {
        find(&self.schedules, "subscription schedule", id)
    }

    /// Puts a subscription back after a change.
    pub(super) fn put(&mut self, subscription: Subscription) {
        self.subscriptions
            .insert(subscription.id.clone(), subscription);
    }

    /// How much there is of everything, with the accounts.
    pub(super) fn counted(&self) -> Books {
        let mut books = self.books.clone();
        for (kind, number) in [
            ("product", self.products.len()),
            ("price", self.prices.len()),
            ("coupon", self.coupons.len()),
            ("customer", self.customers.len()),
            ("checkout.session", self.sessions.len()),
            ("subscription", self.subscriptions.len()),
            ("subscription_schedule", self.schedules.len()),
            ("invoice", self.invoices.len()),
            ("payment_intent", self.intents.len()),
            ("charge", self.charges.len()),
            ("refund", self.refunds.len()),
            ("dispute", self.disputes.len()),
            ("event", self.events.len()),
            ("webhook_endpoint", self.endpoints.len()),
        ] {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            books.objects.insert(kind.to_owned(), number);
        }
        books
    }
}

/// Finds an object or refuses as a missing one.
pub(super) fn find<'a, T>(
    all: &'a BTreeMap<String, T>,
    kind: &str,
    id: &str,
) -> Result<&'a T, Refusal> {
    all.get(id).ok_or_else(|| Refusal::no_such(kind, id))
}

/// The instant of a whole second; what leaves the calendar is its beginning.
pub(super) fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// An event as it is sent and listed.
pub(super) fn render(event: &Event, version: Version, livemode: bool) -> Value {
    let object = old::rendered(event.object.clone(), version);
    let mut data = json!({ "object": object });
    if let (Some(previous), Some(fields)) = (&event.previous, data.as_object_mut()) {
        fields.insert("previous_attributes".to_owned(), previous.clone());
    }
    json!({
        "id": event.id,
        "object": "event",
        "api_version": version.name(),
        "created": event.created,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": { "id": event.request, "idempotency_key": event.key },
        "type": event.kind,
    })
}

/// The top fields that differ, as they were before.
fn difference(before: &Value, now: &Value) -> Value {
    let (Some(before), Some(now)) = (before.as_object(), now.as_object()) else {
        return Value::Null;
    };
    let changed = before
        .iter()
        .filter(|(name, value)| now.get(*name) != Some(value));
    let changed: Map<String, Value> = changed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(changed)
}
