//! A shop that gives licenses, somebody who bought one there, and what they do
//! with its key. Knows no promise.

use std::sync::{Arc, Mutex};

use billing::sandbox::{FnSink, Mode, Settlement, TestCard};
use billing_catalog::read_plan_file;
use billing_domain::time::Timestamp;
use billing_ports::store::Store;
use billing_ports::{Clock, WebhookRequest};
use futures_util::future::join_all;
use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{KEY, Seen, Site, StoreKind};

pub(super) const START: &str = "2026-03-01T12:00:00Z";

/// The middle of a month that was bought at [`START`], and its end: the sandbox
/// tells two events of one instant apart by a microsecond, and the payment is the
/// second.
pub(super) const MIDDLE: &str = "2026-03-17T00:00:00.000001Z";
pub(super) const END: &str = "2026-04-01T12:00:00.000001Z";

/// Two tiers with licenses, one sold by the piece, one in satoshi, and one that
/// stands beside the ladder.
pub(super) const PLANS: &str = r#"
currency: usd
product: "Harbor"
features:
  editor: { kind: level, levels: [none, read, write], name: "Editor" }
  seats:  { kind: count, name: "Seats" }
plans:
  deck:
    name: Deck
    rank: 10
    grace: 7d
    license: { max_machines: 3 }
    entitlements: { editor: read }
    prices:
      deck-monthly: { amount: 25.00, interval: month }
  bridge:
    name: Bridge
    rank: 20
    grace: 14d
    license: { max_machines: 9 }
    entitlements: { editor: write }
    prices:
      bridge-monthly: { amount: 75.00, interval: month }
      bridge-yearly:  { amount: 750.00, interval: year }
      bridge-euro:    { amount: 70.00, currency: eur, interval: month }
      bridge-old:     { amount: 60.00, interval: month, retired: 2026-01-01 }
  fleet:
    name: Fleet
    rank: 30
    quantity: { feature: seats, min: 2, max: 10, step: 2 }
    entitlements: { editor: write }
    prices:
      fleet-monthly: { amount: 12.00, interval: month }
  buoy:
    name: Buoy
    rank: 5
    license: { max_machines: 1 }
    prices:
      buoy-sats: { amount: 50000, currency: sat, interval: month }
  raft:
    name: Raft
    prices:
      raft-monthly: { amount: 3.00, interval: month }
"#;

/// Who pays each invoice at its page, as with bitcoin.
pub(super) const PAGES: Mode = Mode::EngineSchedule { saves_cards: false };

/// 50 000 dollars for a bitcoin, in cents.
pub(super) const RATE: u64 = 5_000_000;

/// A harbor whose books are in `store`.
pub(super) async fn over(store: Arc<dyn Store>, mode: Mode, settles: Option<Settlement>) -> Site {
    let catalog = read_plan_file("harbor.yaml", PLANS.as_bytes()).unwrap();
    Site::made(store, mode, settles, &catalog, START.parse().unwrap()).await
}

/// A harbor where everything is paid as it is listed.
pub(super) async fn harbor(kind: StoreKind, mode: Mode) -> Site {
    over(kind.fresh().await, mode, None).await
}

/// A harbor that collects satoshi, at its pages.
pub(super) async fn in_bitcoin(kind: StoreKind) -> Site {
    over(kind.fresh().await, PAGES, Some(Settlement::bitcoin(RATE))).await
}

pub(super) fn usd(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "usd" })
}

pub(super) fn sat(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "sat" })
}

#[track_caller]
pub(super) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// Moves the clock, working off what falls due on the way.
pub(super) async fn until(site: &Site, at: &str) {
    site.rig.run_until(at.parse::<Timestamp>().unwrap()).await;
}

/// What an operator reads.
pub(super) async fn read(site: &Site, url: &str) -> Value {
    site.get_as(KEY, url).await.is(StatusCode::OK).json()
}

/// The rows of a list that an operator reads, newest first.
pub(super) async fn listed(site: &Site, url: &str) -> Vec<Value> {
    let mut list = read(site, url).await;
    list["data"].as_array_mut().unwrap().drain(..).collect()
}

/// Pays at a page of the sandbox; no webhook is delivered yet.
pub(super) async fn pay(site: &Site, page: &str) {
    let reference = page.rsplit('/').next().unwrap();
    let paying = site.rig.sandbox.pay(reference, TestCard::Pays, None);
    paying.await.unwrap();
}

/// Pays at a page, and lets everything that follows happen.
pub(super) async fn pays(site: &Site, page: &str) {
    pay(site, page).await;
    site.rig.settle().await;
}

/// A license that was bought by a guest.
pub(super) struct Held {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) customer: String,
    pub(super) subscription: String,
}

/// Buys `price` as a guest, who exchanges the checkout for the license.
pub(super) async fn bought(site: &Site, price: &str) -> Held {
    let wanted = json!({ "price": price });
    let opened = site.post_as("", "/v1/checkouts", &wanted).await;
    let opened = opened.is(StatusCode::CREATED).json();
    pays(site, opened["url"].as_str().unwrap()).await;
    let secret = text(&opened["checkout_secret"]);
    let given = exchanged(site, &secret).await;
    let id = text(&given["id"]);
    let row = read(site, &format!("/v1/licenses/{id}")).await;
    Held {
        id,
        key: text(&given["key"]),
        secret,
        customer: text(&row["customer"]),
        subscription: text(&row["subscription"]),
    }
}

/// The license that a checkout's secret is exchanged for.
pub(super) async fn exchanged(site: &Site, secret: &str) -> Value {
    let body = json!({ "checkout_secret": secret });
    let given = site.post_as("", "/v1/licenses/exchange", &body).await;
    given.is(StatusCode::OK).json()["license"].take()
}

impl Held {
    /// The license as its buyer gets it now.
    pub(super) async fn shown(&self, site: &Site) -> Value {
        exchanged(site, &self.secret).await
    }

    /// What the license says now: its plan, its entitlements, its end.
    pub(super) async fn says(&self, site: &Site) -> (String, Value, Option<Timestamp>) {
        let shown = self.shown(site).await;
        let claims = site.says(&text(&shown["token"])).await;
        let end = claims.exp.map(|at| Timestamp::from_second(at).unwrap());
        (claims.plan, json!(claims.entitlements), end)
    }

    /// Asks something by the license's key.
    pub(super) async fn asks(&self, site: &Site, path: &str, more: &Value) -> Seen {
        let mut body = more.clone();
        body["license_key"] = self.key.as_str().into();
        site.post_as("", path, &body).await
    }

    pub(super) async fn quote(&self, site: &Site, more: Value) -> Value {
        let seen = self.asks(site, "/v1/upgrade-quote", &more).await;
        seen.is(StatusCode::OK).json()
    }

    pub(super) async fn upgrade(&self, site: &Site, more: Value) -> Seen {
        self.asks(site, "/v1/upgrade", &more).await
    }

    /// An operator changes what the license shows.
    pub(super) async fn forced(&self, site: &Site, body: &Value) -> Seen {
        let path = format!("/v1/admin/licenses/{}/change-plan", self.id);
        site.operate(&path, body).await
    }

    pub(super) async fn stands(&self, site: &Site) -> Value {
        read(site, &format!("/v1/subscriptions/{}", self.subscription)).await
    }

    /// Its customer's invoices, oldest first.
    pub(super) async fn invoices(&self, site: &Site) -> Vec<Value> {
        let url = format!("/v1/invoices?customer={}&limit=100", self.customer);
        let mut rows = listed(site, &url).await;
        rows.reverse();
        rows
    }

    /// What happened to its customer under the name `event`.
    pub(super) async fn happened(&self, site: &Site, event: &str) -> Vec<Value> {
        let url = format!("/v1/customers/{}/journal?limit=100", self.customer);
        let mut rows = listed(site, &url).await;
        rows.retain(|row| row["event"] == event);
        rows
    }
}

/// How often `event` was told.
pub(super) fn told(site: &Site, event: &str) -> usize {
    let events = site.rig.notifier.events();
    let named = events.iter().filter(|told| told.as_str() == event);
    named.count()
}

/// The webhooks that the sandbox sends now.
pub(super) async fn sent(site: &Site) -> Vec<WebhookRequest> {
    caught(site, 200).await
}

/// The webhooks that the sandbox sends now, and will send again.
pub(super) async fn unanswered(site: &Site) -> Vec<WebhookRequest> {
    caught(site, 500).await
}

async fn caught(site: &Site, answer: u16) -> Vec<WebhookRequest> {
    let caught = Mutex::new(Vec::new());
    let sink = FnSink(|webhook| {
        caught.lock().unwrap().push(webhook);
        async move { Ok(answer) }
    });
    let now = site.rig.clock.now();
    site.rig.sandbox.pump(now, &sink).await.unwrap();
    caught.into_inner().unwrap()
}

/// Posts every webhook `times` times at once, while two workers work.
pub(super) async fn storm(site: &Site, webhooks: &[WebhookRequest], times: usize) {
    assert!(!webhooks.is_empty());
    let posts = (0..times)
        .flat_map(|_| webhooks)
        .map(|webhook| site.deliver("sandbox", webhook));
    let works = (0..2).map(|_| site.rig.billing.work_until_idle());
    let (answers, worked) = futures_util::join!(join_all(posts), join_all(works));
    for answer in answers {
        answer.is(StatusCode::OK);
    }
    for work in worked {
        work.unwrap();
    }
    site.rig.settle().await;
}

/// Nothing waits, nothing was set aside for a person, and the books are sound.
pub(super) async fn ends_well(site: &Site) {
    site.rig.settle().await;
    site.rig.assert_nothing_left().await;
    assert_eq!(site.rig.parked().await, []);
    site.rig.assert_sound().await;
}
