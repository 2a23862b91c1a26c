//! A shop whose plans can be changed, and somebody who holds one of them.

use billing_catalog::read_plan_file;
use billing_engine::Billing;
use billing_sandbox::Mode;
use serde_json::{Value, json};

use crate::rig::{Ask, Making, ORIGIN, READ, Rig, WRITE, text};

/// Two prices a kind apart, seats in steps, and everything that refuses.
pub(crate) const PLANS: &str = r#"
currency: usd
product: "Acme"
features:
  seats: { kind: count, name: "Seats" }
  sso:   { kind: flag, name: "Single sign-on" }
plans:
  free:
    name: Free
    rank: 0
  basic:
    name: Basic
    rank: 10
    prices:
      basic-monthly: { amount: 10.00, interval: month }
  side:
    name: Side
    rank: 10
    prices:
      side-monthly: { amount: 11.00, interval: month }
  pro:
    name: Pro
    rank: 20
    entitlements: { sso: true }
    prices:
      pro-monthly: { amount: 30.00, interval: month }
      pro-yearly:  { amount: 300.00, interval: year }
      pro-euro:    { amount: 28.00, currency: eur, interval: month }
      pro-old:     { amount: 20.00, interval: month, retired: 2026-01-01 }
      pro-once:    { amount: 900.00, interval: once }
      pro-away:    { amount: 29.00, interval: month, stripe: p-0001 }
  team:
    name: Team
    rank: 30
    quantity: { feature: seats, min: 2, max: 10, step: 2 }
    prices:
      team-monthly: { amount: 12.00, interval: month }
  corp:
    name: Corp
    rank: 40
    quantity: { feature: seats, min: 2, max: 10, step: 2 }
    prices:
      corp-monthly: { amount: 20.00, interval: month }
  loose:
    name: Loose
    prices:
      loose-monthly: { amount: 3.00, interval: month }
"#;

/// Whoever sells: the engine counts, and buyers pay each invoice at its page.
pub(crate) const PAGES: Mode = Mode::EngineSchedule { saves_cards: false };

/// A shop with [`PLANS`].
pub(crate) async fn shop(mode: Mode) -> Rig {
    Rig::made(Making {
        mode,
        plans: PLANS,
        ..Making::default()
    })
    .await
}

/// The middle of what is paid on 1 March, to the second, and its end.
pub(crate) const MIDDLE: &str = "2026-03-17T00:00:00.000001Z";
pub(crate) const END: &str = "2026-04-01T12:00:00.000001Z";

/// Somebody with a session, who holds a subscription.
pub(crate) struct Holder<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) customer: String,
    pub(crate) session: String,
    pub(crate) subscription: String,
}

impl<'a> Holder<'a> {
    /// Buys `body`'s price on 1 March and stands in the middle of that month.
    pub(crate) async fn of(rig: &'a Rig, name: &str, price: &str) -> Self {
        let customer = rig.customer(name).await;
        rig.buys(&customer, price).await;
        Self::holding(rig, customer).await
    }

    /// Somebody who holds one subscription already, in the middle of its month.
    pub(crate) async fn holding(rig: &'a Rig, customer: String) -> Self {
        let path = format!("/v1/subscriptions?customer={customer}");
        let held = rig.get(&path).by(READ).send().await.ok(200);
        let subscription = text(&held["data"][0]["id"]);
        // The sandbox tells two events of one instant apart by a microsecond: the
        // payment is the second.
        rig.clock.set(MIDDLE.parse().unwrap());
        let session = rig.session(&customer).await;
        Self {
            rig,
            customer,
            session,
            subscription,
        }
    }

    pub(crate) fn asks_for(&self, wanted: Value) -> Ask<'a> {
        let path = format!("/v1/me/subscriptions/{}/quotes", self.subscription);
        self.rig.post(&path).by(&self.session).json(wanted)
    }

    /// A quote.
    pub(crate) async fn quote(&self, wanted: Value) -> Value {
        self.asks_for(wanted).send().await.ok(201)
    }

    pub(crate) fn accepts(&self, quote: &Value) -> Ask<'a> {
        let path = format!("/v1/me/quotes/{}/accept", text(&quote["id"]));
        self.rig.post(&path).by(&self.session)
    }

    /// A change that was accepted.
    pub(crate) async fn changes(&self, wanted: Value) -> Value {
        let quote = self.quote(wanted).await;
        self.accepts(&quote).send().await.ok(200)
    }

    /// The subscription as an operator sees it.
    pub(crate) async fn stands(&self) -> Value {
        let path = format!("/v1/subscriptions/{}", self.subscription);
        self.rig.get(&path).by(READ).send().await.ok(200)
    }

    pub(crate) async fn me(&self) -> Value {
        let me = self.rig.get("/v1/me").by(&self.session).send().await;
        me.ok(200)
    }

    /// An operator changes it.
    pub(crate) fn forced(&self, body: Value) -> Ask<'a> {
        let path = format!("/v1/subscriptions/{}/change-plan", self.subscription);
        self.rig.post(&path).by(WRITE).json(body)
    }
}

/// Puts other plans in force.
pub(crate) async fn sells(billing: &Billing, plans: &str) {
    let file = format!("{plans}\ncheckout:\n  allowed_origins: [\"{ORIGIN}\"]\n");
    let catalog = read_plan_file("plans", file.as_bytes()).unwrap();
    billing.apply_catalog(&catalog).await.unwrap();
}

/// Money as it is shown.
pub(crate) fn usd(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "usd" })
}
