//! The adapter against official samples, and against canned answers.

mod calls;
mod changes;
mod charges;
mod checkouts;
mod events;
mod examine;
mod previews;
mod refunds;
mod samples;
mod signature;
mod status;

use std::ops::Deref;
use std::sync::Arc;

use billing_domain::effect::{ChangeSubscription, ChangeWhen, EffectKey, OpenCheckout};
use billing_domain::fact::{Fact, Observed, SubscriptionSnapshot};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Interval, Period, Timestamp};
use billing_http::{HttpClient, HttpOptions};
use billing_testkit::{Canary, ManualClock};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::map::Teller;
use crate::{Paddle, PaddleOptions};

/// The key of these tests.
const KEY: &str = "pdl_sdbx_apikey_test";

/// The webhook secret of these tests.
const SECRET: &str = "pdl_ntfset_test_secret";

const MONTHLY: &str = "pri_month";
const BIGGER: &str = "pri_bigger";
const YEARLY: &str = "pri_year";

fn account() -> ProviderAccount {
    "paddle/main".parse().unwrap()
}

fn options() -> PaddleOptions {
    let key = SecretString::from(KEY);
    PaddleOptions {
        webhook_secrets: vec![SecretString::from(SECRET)],
        ..PaddleOptions::new(account(), key, "acme".to_owned())
    }
}

fn teller() -> Teller {
    Teller::new(&options())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period(start: &str, end: &str) -> Period {
    Period {
        start: at(start),
        end: at(end),
    }
}

fn january() -> Period {
    period("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
}

fn february() -> Period {
    period("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
}

fn span(period: Period) -> Value {
    json!({ "starts_at": period.start, "ends_at": period.end })
}

fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

/// Long after whatever is told of here.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(at("2026-01-20T00:00:00Z")))
}

/// A server that plays Paddle. Whatever is asked of it, no log tells key or secret.
struct Far {
    server: MockServer,
    /// Last: it listens until all others are gone.
    _canary: Canary,
}

impl Deref for Far {
    type Target = MockServer;

    fn deref(&self) -> &MockServer {
        &self.server
    }
}

/// A server that plays Paddle, and the adapter that talks to it.
async fn paddle() -> (Far, Paddle) {
    let server = MockServer::start().await;
    let options = PaddleOptions {
        base_url: Some(Url::parse(&server.uri()).unwrap()),
        ..options()
    };
    let http = HttpClient::new(HttpOptions::default()).unwrap();
    let paddle = Paddle::new(&options, http, clock()).unwrap();
    let far = Far {
        server,
        _canary: Canary::over([KEY, SECRET]),
    };
    (far, paddle)
}

/// Puts our seal under what is noted on a subscription.
fn seal(held: &mut Value) {
    let noted = held["custom_data"].get("billing_deferred").cloned();
    if let Some(noted) = noted {
        let id = held["id"].as_str().unwrap().to_owned();
        let note = serde_json::from_value(noted).unwrap();
        held["custom_data"]["billing_deferred"] = teller().sealed(&id, &note).unwrap();
    }
}

/// Answers a call with an object.
async fn answer(server: &MockServer, verb: &str, place: &str, data: &Value) {
    respond(server, verb, place, 200, json!({ "data": data })).await;
}

async fn respond(server: &MockServer, verb: &str, place: &str, status: u16, mut body: Value) {
    if let Some(data) = body.get_mut("data") {
        seal(data);
    }
    Mock::given(method(verb))
        .and(path(place))
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .mount(server)
        .await;
}

fn refusal(code: &str, detail: &str) -> Value {
    json!({
        "error": { "type": "request_error", "code": code, "detail": detail },
        "meta": { "request_id": "req-1" },
    })
}

/// The bodies that were sent with this method to this place, in order.
async fn sent(server: &MockServer, verb: &str, place: &str) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests
        .iter()
        .filter(|request| request.method.as_str() == verb && request.url.path() == place)
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect()
}

/// A price as it stands in items.
fn price(id: &str) -> Value {
    let interval = if id == YEARLY { "year" } else { "month" };
    json!({
        "id": id,
        "unit_price": { "amount": "2000", "currency_code": "USD" },
        "billing_cycle": { "interval": interval, "frequency": 1 },
        "status": "active",
    })
}

/// An active subscription of a price, in `period`.
fn subscription(price_id: &str, period: Period) -> Value {
    json!({
        "id": "sub_1",
        "status": "active",
        "customer_id": "ctm_1",
        "currency_code": "USD",
        "created_at": "2026-01-01T00:00:01Z",
        "updated_at": "2026-01-01T00:00:01Z",
        "current_billing_period": span(period),
        "billing_cycle": { "interval": "month", "frequency": 1 },
        "items": [{ "price": price(price_id), "quantity": 1, "recurring": true }],
        "custom_data": { "billing_operator": "acme", "theirs": 1 },
    })
}

/// A transaction of a subscription, for `period`.
fn transaction(status: &str, period: Period) -> Value {
    json!({
        "id": format!("txn_{status}"),
        "status": status,
        "origin": "subscription_recurring",
        "subscription_id": "sub_1",
        "customer_id": "ctm_1",
        "currency_code": "USD",
        "created_at": period.start,
        "updated_at": period.start,
        "billing_period": span(period),
        "items": [{ "price": price(MONTHLY), "quantity": 1 }],
        "details": { "totals": { "total": "2000", "grand_total": "2000" } },
    })
}

fn change(price_ref: &str, when: ChangeWhen) -> ChangeSubscription {
    ChangeSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
        description: "Team".to_owned(),
        price_ref: price_ref.to_owned(),
        amount: usd(4_000),
        quantity: 1,
        interval: Some(Interval::MONTH),
        when,
        ends_discount: false,
    }
}

fn checkout() -> OpenCheckout {
    OpenCheckout {
        provider: account(),
        checkout: "chk_00000000000000000000000000000001".parse().unwrap(),
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        external_ref: Some("did:ana".to_owned()),
        customer_ref: None,
        email: None,
        description: "Team".to_owned(),
        amount: usd(2_000),
        quantity: 1,
        price_ref: Some(MONTHLY.to_owned()),
        discount: None,
        recurring: Some(Interval::MONTH),
        trial_end: None,
        success_url: "https://app.example.com/yes".to_owned(),
        cancel_url: "https://app.example.com/no".to_owned(),
        expires_at: at("2026-01-02T00:00:00Z"),
    }
}

fn key() -> EffectKey {
    EffectKey::checkout(checkout().checkout)
}

fn snapshot(facts: &[Observed]) -> &SubscriptionSnapshot {
    for observed in facts {
        if let Fact::SubscriptionSeen(seen) = &observed.fact {
            return seen;
        }
    }
    panic!("the subscription is told: {facts:?}")
}
