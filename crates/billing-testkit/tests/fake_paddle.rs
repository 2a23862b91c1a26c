//! The fake Paddle, met over HTTP as an adapter meets it.
#![cfg(feature = "fakes")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic where a test would"
)]

use billing_domain::money::Currency;
use billing_domain::proration::TaxRate;
use billing_domain::time::{Interval, Timestamp, Unit, days};
use billing_http::{HttpClient, HttpOptions, Request, RetryPolicy};
use billing_testkit::fakes::paddle::{
    Card, DEFAULT_KEY, Exhausted, FakePaddle, FakePaddleOptions, PriceSeed, SIGNATURE_HEADER,
    SubscriptionStatus, TransactionStatus, signature,
};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A fake and somebody who calls it.
struct Shop {
    fake: FakePaddle,
    client: HttpClient,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn usd(id: &str, amount: i64, interval: Option<Interval>) -> PriceSeed {
    PriceSeed::new(id, amount, Currency::USD, interval)
}

fn options() -> FakePaddleOptions {
    let month = Some(Interval::MONTH);
    let trial = PriceSeed {
        trial: Some(Interval::new(Unit::Day, 14).unwrap()),
        ..usd("pri_tried", 1000, month)
    };
    let prices = vec![
        usd("pri_basic", 1000, month),
        usd("pri_pro", 3000, month),
        usd("pri_year", 30_000, Some(Interval::YEAR)),
        usd("pri_once", 500, None),
        trial,
    ];
    FakePaddleOptions::new(at("2026-01-01T00:00:00Z"), prices)
}

/// A change to the dearer price.
fn pro(mode: &str) -> Value {
    json!({
        "items": [{"price_id": "pri_pro", "quantity": 1}], "proration_billing_mode": mode,
    })
}

impl Shop {
    async fn open(options: FakePaddleOptions) -> Self {
        Self {
            fake: FakePaddle::start(options).await.unwrap(),
            client: HttpClient::new(HttpOptions::default()).unwrap(),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        let url = self.fake.url().join(path).unwrap();
        let mut request = Request::new(method, url, RetryPolicy::Never)
            .with_header(
                HeaderName::from_static("authorization"),
                &format!("Bearer {DEFAULT_KEY}"),
            )
            .unwrap();
        if !body.is_null() {
            let json = HeaderValue::from_static("application/json");
            request = request.with_body(json, body.to_string());
        }
        let response = self.client.send(request).await.unwrap();
        let body = serde_json::from_slice(&response.body).unwrap();
        (response.status.as_u16(), response.headers, body)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.send(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, _, body) = self.send(Method::POST, path, body).await;
        assert!((200..300).contains(&status), "{path}: {body}");
        body["data"].clone()
    }

    async fn patch(&self, path: &str, body: Value) -> Value {
        let (status, _, body) = self.send(Method::PATCH, path, body).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["data"].clone()
    }

    /// Status and code of a refusal.
    async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let (status, _, body) = self.send(method, path, body).await;
        let code = body["error"]["code"].as_str().unwrap_or("none").to_owned();
        assert!(
            body["error"]["detail"].is_string() && body["meta"]["request_id"].is_string(),
            "{body}"
        );
        (status, code)
    }

    async fn check(&self, method: Method, path: &str, body: Value, status: u16, code: &str) {
        let refused = self.refused(method, path, body).await;
        assert_eq!(refused, (status, code.to_owned()), "{path}");
    }

    /// A customer with an address who buys: transaction and subscription.
    async fn buy(&self, items: Value, card: Card) -> (String, String) {
        let email = format!("c{}@example.com", self.fake.world().customers.len());
        let customer = self.post("customers", json!({"email": email})).await;
        let customer_id = customer["id"].as_str().unwrap();
        let addresses = format!("customers/{customer_id}/addresses");
        let address = self.post(&addresses, json!({"country_code": "US"})).await;
        let body = json!({
            "items": items, "customer_id": customer_id, "address_id": address["id"],
            "custom_data": {"billing_customer": "cus_1", "intent": "eff_1"},
        });
        let made = self.post("transactions", body).await;
        let id = made["id"].as_str().unwrap().to_owned();
        self.fake.pay(&id, card).unwrap();
        let bought = self.get(&format!("transactions/{id}")).await;
        let subscription = bought["data"]["subscription_id"].as_str();
        (id, subscription.unwrap_or_default().to_owned())
    }

    async fn subscribe(&self, price: &str) -> String {
        let items = json!([{"price_id": price, "quantity": 1}]);
        self.buy(items, Card::Pays).await.1
    }

    async fn subscription(&self, id: &str) -> Value {
        self.get(&format!("subscriptions/{id}")).await["data"].clone()
    }

    /// Takes what waits: kinds of the events.
    fn told(&self) -> Vec<String> {
        let kinds = self.fake.deliveries().kinds();
        drop(self.fake.deliveries().take());
        kinds
    }
}

#[tokio::test]
async fn a_preview_comes_to_the_amounts_of_the_published_sample() {
    let month = Some(Interval::MONTH);
    let mut options = FakePaddleOptions::new(
        at("2024-02-08T11:02:03.946454Z"),
        vec![
            usd("pri_seat", 3000, month),
            usd("pri_voice", 10_000, month),
            usd("pri_vip", 28_500, month),
        ],
    );
    options.rules.tax = TaxRate { millionths: 88_750 };
    let shop = Shop::open(options).await;
    let items = json!([
        {"price_id": "pri_seat", "quantity": 10}, {"price_id": "pri_voice", "quantity": 1},
    ]);
    let (_, id) = shop.buy(items, Card::Pays).await;
    shop.fake.clock().set(at("2024-02-08T11:05:53.748Z"));
    let before = shop.fake.world();
    let change = json!({
        "items": [
            {"price_id": "pri_seat", "quantity": 50}, {"price_id": "pri_vip", "quantity": 1},
        ],
        "proration_billing_mode": "prorated_immediately",
    });
    let path = format!("subscriptions/{id}/preview");
    let shown = shop.patch(&path, change.clone()).await;

    let now = &shown["immediate_transaction"];
    let lines = &now["details"]["line_items"];
    let totals = |value: &Value| {
        ["subtotal", "tax", "total"].map(|field| value[field].as_str().unwrap().to_owned())
    };
    assert_eq!(totals(&lines[0]["totals"]), ["149990", "13311", "163301"]);
    assert_eq!(totals(&lines[1]["totals"]), ["28498", "2529", "31027"]);
    assert_eq!(lines[0]["proration"]["rate"], "0.99993");
    assert_eq!(
        totals(&now["details"]["totals"]),
        ["178488", "15840", "194328"]
    );
    assert_eq!(now["details"]["totals"]["credit"], "43546");
    assert_eq!(now["details"]["totals"]["grand_total"], "150782");
    let credits = &now["adjustments"][0];
    assert_eq!(
        totals(&credits["items"][0]["totals"]),
        ["29998", "2662", "32660"]
    );
    assert_eq!(
        totals(&credits["items"][1]["totals"]),
        ["9999", "887", "10886"]
    );
    assert_eq!(totals(&credits["totals"]), ["39997", "3549", "43546"]);
    let next = &shown["next_transaction"];
    assert_eq!(
        totals(&next["details"]["totals"]),
        ["178500", "15841", "194341"]
    );
    assert_eq!(
        next["billing_period"]["starts_at"],
        "2024-03-08T11:02:03.946454Z"
    );
    assert_eq!(
        next["billing_period"]["ends_at"],
        "2024-04-08T11:02:03.946454Z"
    );
    let summary = json!({
        "credit": {"amount": "43546", "currency_code": "USD"},
        "charge": {"amount": "194328", "currency_code": "USD"},
        "result": {"action": "charge", "amount": "150782", "currency_code": "USD"},
    });
    assert_eq!(shown["update_summary"], summary);
    assert!(shown["id"].is_null());

    // Nothing happened; the same change then takes what was shown.
    assert_eq!(shop.fake.world().events.len(), before.events.len());
    shop.patch(&format!("subscriptions/{id}"), change).await;
    let paid = shop.get("transactions?origin=subscription_update").await;
    assert_eq!(paid["data"][0]["payments"][0]["amount"], "150782");
    assert_eq!(paid["data"][0]["status"], "completed");
}

#[tokio::test]
async fn the_same_call_twice_is_done_twice_and_the_books_show_it() {
    let shop = Shop::open(options()).await;
    let body = json!({"items": [{"price_id": "pri_basic", "quantity": 1}]});
    let one = shop.post("transactions", body.clone()).await;
    let two = shop.post("transactions", body).await;
    assert_ne!(one["id"], two["id"]);
    assert_eq!(shop.fake.books().count("transactions"), 2);
    assert_eq!(one["status"], "draft");
    let url = format!(
        "https://shop.example.com/pay?_ptxn={}",
        one["id"].as_str().unwrap()
    );
    assert_eq!(one["checkout"]["url"], url.as_str());
    for made in [&one, &two] {
        assert_eq!(
            shop.fake.pay(made["id"].as_str().unwrap(), Card::Pays),
            Ok(true)
        );
    }
    let books = shop.fake.books();
    assert_eq!(books.count("subscriptions"), 2);
    let charges: u64 = books.customers.values().map(|one| one.charges).sum();
    assert_eq!(charges, 2);
}

#[tokio::test]
async fn there_is_one_customer_for_an_address() {
    let shop = Shop::open(options()).await;
    let body = json!({"email": "Sam@example.com"});
    let made = shop.post("customers", body.clone()).await;
    let (status, _, answer) = shop.send(Method::POST, "customers", body).await;
    assert_eq!(status, 409);
    assert_eq!(answer["error"]["code"], "customer_already_exists");
    let detail = answer["error"]["detail"].as_str().unwrap();
    assert!(detail.contains(made["id"].as_str().unwrap()), "{detail}");
    let found = shop
        .get("customers?email=Sam@example.com&status=active,archived")
        .await;
    assert_eq!(found["data"][0]["id"], made["id"]);
    let none = shop.get("customers?email=other@example.com").await;
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_paid_checkout_makes_a_subscription_and_hands_its_data_on() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    assert_eq!(
        shop.told(),
        [
            "customer.created",
            "address.created",
            "transaction.created",
            "transaction.ready",
            "transaction.paid",
            "subscription.created",
            "subscription.activated",
            "transaction.updated",
            "transaction.completed",
        ]
    );
    let shown = shop.subscription(&id).await;
    assert_eq!(shown["custom_data"]["billing_customer"], "cus_1");
    assert_eq!(
        shown["current_billing_period"]["ends_at"],
        "2026-02-01T00:00:00Z"
    );
    assert!(shown["management_urls"]["cancel"].is_string());
    let events = shop.get("events?order_by=id[ASC]").await;
    let events = events["data"].as_array().unwrap();
    let created = events
        .iter()
        .find(|one| one["event_type"] == "subscription.created")
        .unwrap();
    assert!(created["data"]["transaction_id"].is_string());
    assert!(created["data"]["management_urls"].is_null());

    shop.fake.advance(days(31));
    let renewal = shop.get("transactions?origin=subscription_recurring").await;
    assert_eq!(
        renewal["data"][0]["custom_data"]["billing_customer"],
        "cus_1"
    );
    assert_eq!(renewal["data"][0]["status"], "completed");
    assert_eq!(
        shop.told(),
        [
            "subscription.updated",
            "transaction.created",
            "transaction.paid",
            "transaction.completed",
        ]
    );
}

#[tokio::test]
async fn a_declined_checkout_stays_open_and_a_one_time_purchase_makes_no_subscription() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_once", "quantity": 3}]);
    let (id, _) = shop.buy(items, Card::Declined).await;
    let shown = shop.get(&format!("transactions/{id}")).await["data"].clone();
    assert_eq!(shown["status"], "ready");
    assert_eq!(shown["payments"][0]["error_code"], "declined");
    assert_eq!(shop.fake.pay(&id, Card::Pays), Ok(true));
    let shown = shop.get(&format!("transactions/{id}")).await["data"].clone();
    assert_eq!(shown["status"], "completed");
    assert!(shown["subscription_id"].is_null());
    assert_eq!(shown["details"]["totals"]["total"], "1500");
    assert!(shop.fake.pay(&id, Card::Pays).is_err());
    let account = shop.fake.books().of(shown["customer_id"].as_str().unwrap());
    assert_eq!((account.charges, account.declined), (1, 1));
}

#[tokio::test]
async fn a_failing_renewal_is_active_first_then_past_due_and_ends_at_last() {
    for (exhausted, last) in [
        (Exhausted::Cancel, SubscriptionStatus::Canceled),
        (Exhausted::Pause, SubscriptionStatus::Paused),
    ] {
        let mut options = options();
        options.rules.exhausted = exhausted;
        let shop = Shop::open(options).await;
        let items = json!([{"price_id": "pri_basic", "quantity": 1}]);
        let (_, id) = shop.buy(items, Card::PaysOnce).await;
        shop.told();
        shop.fake.advance(days(31));
        let waiting = shop.fake.deliveries().take();
        let told: Vec<(String, Value)> = waiting
            .iter()
            .map(|one| {
                let body: Value = serde_json::from_slice(&one.event.body).unwrap();
                (one.event.kind.clone(), body["data"]["status"].clone())
            })
            .collect();
        let expected = [
            ("subscription.updated", "active"),
            ("transaction.created", "ready"),
            ("transaction.payment_failed", "ready"),
            ("transaction.past_due", "past_due"),
            ("subscription.updated", "past_due"),
            ("subscription.past_due", "past_due"),
        ];
        let expected = expected.map(|(kind, status)| (kind.to_owned(), Value::from(status)));
        assert_eq!(told, expected);
        shop.fake.advance(days(31));
        assert_eq!(shop.fake.world().subscriptions[&id].status, last);
        let attempts = shop
            .fake
            .world()
            .transactions
            .values()
            .last()
            .unwrap()
            .payments
            .len();
        assert_eq!(attempts, 5);
    }
}

#[tokio::test]
async fn an_overdue_renewal_is_paid_with_a_new_card() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_basic", "quantity": 1}]);
    let (_, id) = shop.buy(items, Card::PaysOnce).await;
    shop.fake.advance(days(32));
    assert_eq!(shop.subscription(&id).await["status"], "past_due");
    let path = format!("subscriptions/{id}/update-payment-method-transaction");
    let due = shop.get(&path).await["data"].clone();
    assert_eq!(due["status"], "past_due");
    shop.told();
    shop.fake
        .pay(due["id"].as_str().unwrap(), Card::Pays)
        .unwrap();
    assert_eq!(
        shop.told(),
        [
            "transaction.paid",
            "subscription.updated",
            "transaction.completed"
        ]
    );
    assert_eq!(shop.subscription(&id).await["status"], "active");
    // With nothing due, the transaction is one of nothing.
    let fresh = shop.get(&path).await["data"].clone();
    assert_eq!(fresh["origin"], "subscription_payment_method_change");
    assert_eq!(fresh["details"]["totals"]["grand_total"], "0");
}

#[tokio::test]
async fn every_way_of_billing_changes_the_items_at_once() {
    // Half of January is left: 15.5 days of 31.
    let half = SignedDuration::from_hours(372);
    for (mode, now, next) in [
        // 15.00 charged, 5.00 credited.
        ("prorated_immediately", Some("1000"), "3000"),
        ("prorated_next_billing_period", None, "4000"),
        ("full_immediately", Some("3000"), "3000"),
        ("full_next_billing_period", None, "6000"),
        ("do_not_bill", None, "3000"),
    ] {
        let shop = Shop::open(options()).await;
        let id = shop.subscribe("pri_basic").await;
        shop.fake.advance(half);
        shop.told();
        let path = format!("subscriptions/{id}");
        let change = json!({
            "items": [{"price_id": "pri_pro", "quantity": 1}], "proration_billing_mode": mode,
        });
        let shown = shop.patch(&path, change.clone()).await;
        assert_eq!(shown["items"].as_array().unwrap().len(), 1, "{mode}");
        assert_eq!(shown["items"][0]["price"]["id"], "pri_pro", "{mode}");
        assert_eq!(
            shown["current_billing_period"]["ends_at"],
            "2026-02-01T00:00:00Z"
        );
        let made = shop.get("transactions?origin=subscription_update").await;
        assert_eq!(
            made["data"][0]["details"]["totals"]["grand_total"].as_str(),
            now,
            "{mode}"
        );
        // The same again changes nothing, and nobody is told.
        shop.told();
        let again = shop.patch(&path, change).await;
        assert_eq!(again["updated_at"], shown["updated_at"], "{mode}");
        assert_eq!(shop.told(), [""; 0], "{mode}");
        shop.fake.advance(days(16));
        let renewal = shop.get("transactions?origin=subscription_recurring").await;
        let total = &renewal["data"][0]["details"]["totals"]["grand_total"];
        assert_eq!(total, next, "{mode}");
    }
}

#[tokio::test]
async fn a_downgrade_leaves_a_credit_that_the_next_renewal_uses() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_pro").await;
    shop.fake.advance(SignedDuration::from_hours(372));
    let change = json!({
        "items": [{"price_id": "pri_basic", "quantity": 1}],
        "proration_billing_mode": "prorated_immediately",
    });
    let shown = shop
        .patch(&format!("subscriptions/{id}/preview"), change.clone())
        .await;
    assert_eq!(shown["update_summary"]["result"]["action"], "credit");
    assert_eq!(shown["update_summary"]["result"]["amount"], "1000");
    let after = shop.patch(&format!("subscriptions/{id}"), change).await;
    let customer = after["customer_id"].as_str().unwrap();
    let balances = shop
        .get(&format!("customers/{customer}/credit-balances"))
        .await;
    assert_eq!(balances["data"][0]["balance"]["available"], "1000");
    let credits = shop.get("adjustments?action=credit").await;
    assert_eq!(credits["data"][0]["totals"]["total"], "1500");
    shop.fake.advance(days(16));
    let renewal = shop.get("transactions?origin=subscription_recurring").await;
    assert_eq!(renewal["data"][0]["details"]["totals"]["grand_total"], "0");
    assert_eq!(renewal["data"][0]["details"]["totals"]["credit"], "1000");
    assert_eq!(shop.fake.books().of(customer).charges, 1);
}

#[tokio::test]
async fn a_new_cycle_begins_at_once() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    shop.fake.advance(SignedDuration::from_hours(372));
    let change = |mode: &str| {
        json!({
            "items": [{"price_id": "pri_year", "quantity": 1}], "proration_billing_mode": mode,
        })
    };
    let path = format!("subscriptions/{id}");
    let next = change("prorated_next_billing_period");
    assert_eq!(shop.refused(Method::PATCH, &path, next).await.0, 400);
    let shown = shop.patch(&path, change("prorated_immediately")).await;
    assert_eq!(
        shown["current_billing_period"]["ends_at"],
        "2027-01-16T12:00:00Z"
    );
    let made = shop.get("transactions?origin=subscription_update").await;
    assert_eq!(made["data"][0]["details"]["totals"]["grand_total"], "29500");
}

#[tokio::test]
async fn a_declined_change_is_taken_back_or_stays_as_asked() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_basic", "quantity": 1}]);
    let (_, id) = shop.buy(items, Card::PaysOnce).await;
    let path = format!("subscriptions/{id}");
    let mut change = json!({
        "items": [{"price_id": "pri_pro", "quantity": 1}],
        "proration_billing_mode": "prorated_immediately",
    });
    let refused = shop.refused(Method::PATCH, &path, change.clone()).await;
    assert_eq!(refused, (400, "subscription_payment_declined".to_owned()));
    assert_eq!(
        shop.subscription(&id).await["items"][0]["price"]["id"],
        "pri_basic"
    );
    let given_up = shop.get("transactions?status=canceled").await;
    assert_eq!(given_up["data"].as_array().unwrap().len(), 1);
    change["on_payment_failure"] = json!("apply_change");
    let shown = shop.patch(&path, change).await;
    assert_eq!(shown["status"], "past_due");
    assert_eq!(shown["items"][0]["price"]["id"], "pri_pro");
}

#[tokio::test]
async fn what_paddle_refuses_of_items_is_refused_by_name() {
    let mut options = options();
    options.rules.processing = SignedDuration::from_mins(10);
    let shop = Shop::open(options).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}");
    let now = "prorated_immediately";
    // The first payment is not processed yet.
    let code = "subscription_credit_creation_against_processing_transaction";
    shop.check(Method::PATCH, &path, pro(now), 400, code).await;
    shop.fake.advance(SignedDuration::from_mins(10));
    for (body, status, code) in [
        (
            json!({"items": [{"price_id": "pri_pro", "quantity": 1}]}),
            400,
            "subscription_items_update_missing_proration_billing_mode",
        ),
        (
            json!({"items": [], "proration_billing_mode": now}),
            400,
            "subscription_all_items_removed",
        ),
        (
            json!({"items": [{"price_id": "pri_basic"}, {"price_id": "pri_basic"}],
                "proration_billing_mode": now}),
            400,
            "subscription_duplicate_price_ids",
        ),
        (
            json!({"items": [{"price_id": "pri_once", "quantity": 1}],
                "proration_billing_mode": now}),
            400,
            "subscription_no_recurring_items_remain",
        ),
        (
            json!({"items": [{"price_id": "pri_pro"}], "proration_billing_mode": now}),
            400,
            "subscription_quantity_missing_for_new_items",
        ),
        (
            json!({"scheduled_change": {"action": "cancel"}}),
            400,
            "subscription_scheduled_change_invalid_update",
        ),
        (
            json!({"next_billed_at": "2026-01-01T00:20:00Z",
                "proration_billing_mode": "do_not_bill"}),
            409,
            "subscription_next_billed_at_too_soon",
        ),
    ] {
        shop.check(Method::PATCH, &path, body, status, code).await;
    }
    assert_eq!(
        shop.subscription(&id).await["items"][0]["price"]["id"],
        "pri_basic"
    );
}

#[tokio::test]
async fn a_scheduled_change_and_a_coming_renewal_lock_a_subscription() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}");
    let (cancel, pause) = (format!("{path}/cancel"), format!("{path}/pause"));
    let charge = format!("{path}/charge");
    shop.post(&cancel, json!({})).await;
    let pending = "subscription_locked_pending_changes";
    for action in [&cancel, &pause] {
        shop.check(Method::POST, action, json!({}), 400, pending)
            .await;
    }
    let code = "subscription_invalid_billing_mode_for_scheduled_change";
    let next = pro("full_next_billing_period");
    shop.check(Method::PATCH, &path, next, 400, code).await;
    let undone = shop.patch(&path, json!({"scheduled_change": null})).await;
    assert_eq!(undone["next_billed_at"], "2026-02-01T00:00:00Z");

    // Half an hour before the renewal, and a moment before that.
    shop.fake.clock().set(at("2026-01-31T23:29:59Z"));
    shop.patch(&format!("{path}/preview"), pro("full_immediately"))
        .await;
    shop.fake.clock().set(at("2026-01-31T23:30:00Z"));
    let code = "subscription_locked_renewal";
    let dearer = pro("full_immediately");
    shop.check(Method::PATCH, &path, dearer, 409, code).await;
    shop.check(Method::POST, &cancel, json!({}), 409, code)
        .await;
    let items = json!({"effective_from": "immediately",
        "items": [{"price_id": "pri_once", "quantity": 1}]});
    shop.check(Method::POST, &charge, items, 409, code).await;
}

#[tokio::test]
async fn what_is_paused_or_ended_takes_little() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}");
    let (cancel, pause) = (format!("{path}/cancel"), format!("{path}/pause"));
    let resume = format!("{path}/resume");
    let code = "subscription_must_be_paused";
    let now = json!({"effective_from": "immediately"});
    shop.check(Method::POST, &resume, now.clone(), 400, code)
        .await;
    shop.post(&pause, now.clone()).await;
    let code = "subscription_incorrect_proration_on_paused_subscription";
    shop.check(Method::PATCH, &path, pro("full_immediately"), 400, code)
        .await;
    assert_eq!(shop.refused(Method::POST, &cancel, json!({})).await.0, 400);
    let shown = shop.patch(&path, pro("do_not_bill")).await;
    assert_eq!(shown["status"], "paused");
    assert_eq!(shown["items"][0]["price"]["id"], "pri_pro");
    shop.post(&cancel, now).await;
    let code = "subscription_update_when_canceled";
    shop.check(Method::PATCH, &path, pro("do_not_bill"), 400, code)
        .await;
    let code = "subscription_is_canceled_action_invalid";
    for action in [&cancel, &pause, &resume] {
        shop.check(Method::POST, action, json!({}), 400, code).await;
    }
    let none = "subscriptions/sub_none";
    shop.check(Method::GET, none, Value::Null, 404, "not_found")
        .await;
}

#[tokio::test]
async fn a_subscription_cancels_pauses_and_goes_on() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}");
    shop.fake.cancel_in_portal(&id).unwrap();
    let shown = shop.subscription(&id).await;
    assert_eq!(shown["status"], "active");
    assert!(shown["next_billed_at"].is_null());
    assert_eq!(
        shown["scheduled_change"]["effective_at"],
        "2026-02-01T00:00:00Z"
    );
    shop.patch(&path, json!({"scheduled_change": null})).await;

    let pause = json!({"resume_at": "2026-03-05T00:00:00Z"});
    shop.post(&format!("{path}/pause"), pause).await;
    shop.told();
    shop.fake.advance(days(31));
    assert_eq!(shop.told(), ["subscription.updated", "subscription.paused"]);
    let shown = shop.subscription(&id).await;
    assert_eq!(shown["status"], "paused");
    assert_eq!(shown["scheduled_change"]["action"], "resume");
    assert_eq!(shop.fake.world().transactions.len(), 1);
    shop.fake.advance(days(33));
    let shown = shop.subscription(&id).await;
    assert_eq!(shown["status"], "active");
    assert_eq!(
        shown["current_billing_period"]["starts_at"],
        "2026-03-05T00:00:00Z"
    );
    assert_eq!(
        shown["current_billing_period"]["ends_at"],
        "2026-04-05T00:00:00Z"
    );
    assert_eq!(shop.fake.world().transactions.len(), 2);

    // Held for a day within the period, and continued in it without a bill.
    shop.post(
        &format!("{path}/pause"),
        json!({"effective_from": "immediately"}),
    )
    .await;
    shop.fake.advance(days(1));
    let resume = json!({"effective_from": "immediately",
        "on_resume": "continue_existing_billing_period"});
    let shown = shop.post(&format!("{path}/resume"), resume).await;
    assert_eq!(
        shown["current_billing_period"]["ends_at"],
        "2026-04-05T00:00:00Z"
    );
    assert_eq!(shop.fake.world().transactions.len(), 2);

    shop.post(
        &format!("{path}/cancel"),
        json!({"effective_from": "next_billing_period"}),
    )
    .await;
    shop.told();
    shop.fake.advance(days(40));
    assert_eq!(
        shop.told(),
        ["subscription.updated", "subscription.canceled"]
    );
    let shown = shop.subscription(&id).await;
    assert_eq!(
        (&shown["status"], &shown["canceled_at"]),
        (&json!("canceled"), &json!("2026-04-05T00:00:00Z"))
    );
}

#[tokio::test]
async fn a_trial_costs_nothing_and_is_billed_at_its_end() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_tried", "quantity": 1}]);
    let (transaction, id) = shop.buy(items, Card::Pays).await;
    let world = shop.fake.world();
    assert_eq!(world.transactions[&transaction].grand_total(), 0);
    assert_eq!(
        world.transactions[&transaction].status,
        TransactionStatus::Completed
    );
    let shown = shop.subscription(&id).await;
    assert_eq!(shown["status"], "trialing");
    assert_eq!(
        shown["items"][0]["trial_dates"]["ends_at"],
        "2026-01-15T00:00:00Z"
    );
    shop.fake.advance(days(14));
    let shown = shop.subscription(&id).await;
    assert_eq!(shown["status"], "active");
    assert_eq!(
        shown["current_billing_period"]["ends_at"],
        "2026-02-15T00:00:00Z"
    );
    let account = shop.fake.books().of(shown["customer_id"].as_str().unwrap());
    assert_eq!(account.charged.get("usd"), Some(&1000));
}

#[tokio::test]
async fn charges_beside_the_items_are_taken_now_or_with_the_renewal() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}/charge");
    let body = |from: &str| json!({"effective_from": from, "items": [{"price_id": "pri_once", "quantity": 2}]});
    let shown = shop
        .post(&format!("{path}/preview"), body("immediately"))
        .await;
    let totals = &shown["immediate_transaction"]["details"]["totals"];
    assert_eq!(totals["grand_total"], "1000");
    shop.post(&path, body("immediately")).await;
    let made = shop.get("transactions?origin=subscription_charge").await;
    assert_eq!(made["data"][0]["payments"][0]["amount"], "1000");
    shop.post(&path, body("next_billing_period")).await;
    let shown = shop
        .get(&format!("subscriptions/{id}?include=next_transaction"))
        .await;
    let totals = &shown["data"]["next_transaction"]["details"]["totals"];
    assert_eq!(totals["grand_total"], "2000");
    shop.fake.advance(days(31));
    let made = shop.get("transactions?origin=subscription_recurring").await;
    assert_eq!(made["data"][0]["payments"][0]["amount"], "2000");
}

#[tokio::test]
async fn a_refund_waits_for_approval_and_a_chargeback_does_not() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_once", "quantity": 4}]);
    let (id, _) = shop.buy(items, Card::Pays).await;
    let bought = shop.get(&format!("transactions/{id}")).await["data"].clone();
    let line = &bought["details"]["line_items"][0]["id"];
    let customer = bought["customer_id"].as_str().unwrap();
    let partial = |amount: &str| {
        json!({
            "action": "refund", "transaction_id": id, "reason": "error",
            "items": [{"item_id": line, "type": "partial", "amount": amount}],
        })
    };
    let made = shop.post("adjustments", partial("500")).await;
    assert_eq!(made["status"], "pending_approval");
    let again = shop
        .refused(Method::POST, "adjustments", partial("500"))
        .await;
    assert_eq!(again, (400, "adjustment_pending_refund_request".to_owned()));
    assert_eq!(shop.fake.books().of(customer).refunds, 0);
    shop.told();
    shop.fake
        .decide_refund(made["id"].as_str().unwrap(), true)
        .unwrap();
    assert_eq!(shop.told(), ["adjustment.updated"]);
    assert_eq!(
        shop.fake.books().of(customer).refunded.get("usd"),
        Some(&500)
    );
    let above = shop
        .refused(Method::POST, "adjustments", partial("1501"))
        .await;
    assert_eq!(
        above,
        (400, "adjustment_amount_above_remaining_allowed".to_owned())
    );
    let rest = shop.fake.refund(&id).unwrap();
    shop.fake.decide_refund(&rest, false).unwrap();
    let bought = shop.get(&format!("transactions/{id}")).await["data"].clone();
    assert_eq!(bought["details"]["adjusted_totals"]["total"], "1500");
    shop.told();
    shop.fake.dispute(&id).unwrap();
    assert_eq!(shop.told(), ["adjustment.created"]);
    let all = shop
        .get(&format!(
            "adjustments?transaction_id={id}&action=chargeback"
        ))
        .await;
    assert_eq!(all["data"][0]["status"], "approved");
    assert_eq!(all["data"][0]["totals"]["total"], "1500");
}

#[tokio::test]
async fn pages_end_and_still_name_an_absolute_next() {
    let shop = Shop::open(options()).await;
    let body = json!({"items": [{"price_id": "pri_once", "quantity": 1}]});
    for _ in 0..35 {
        shop.post("transactions", body.clone()).await;
    }
    let first = shop.get("transactions?per_page=200&status=draft").await;
    let pagination = &first["meta"]["pagination"];
    assert_eq!(pagination["per_page"], 30);
    assert_eq!(pagination["has_more"], true);
    assert_eq!(pagination["estimated_total"], 35);
    let next = pagination["next"].as_str().unwrap();
    let path = next.strip_prefix(shop.fake.url().as_str()).unwrap();
    let second = shop.get(path).await;
    assert_eq!(second["data"].as_array().unwrap().len(), 5);
    assert_eq!(second["meta"]["pagination"]["has_more"], false);
    assert!(
        second["meta"]["pagination"]["next"]
            .as_str()
            .unwrap()
            .starts_with("http://")
    );
    assert_ne!(first["data"][29]["id"], second["data"][0]["id"]);
    let none = shop
        .get("transactions?created_at[GT]=2026-01-02T00:00:00Z")
        .await;
    assert_eq!(none["meta"]["pagination"]["estimated_total"], 0);
    let unknown = shop
        .refused(Method::GET, "transactions?custom_data=x", Value::Null)
        .await;
    assert_eq!(unknown, (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn notifications_are_signed_by_every_secret_of_a_rotation() {
    let shop = Shop::open(options()).await;
    let secrets = ["pdl_ntfset_old".to_owned(), "pdl_ntfset_new".to_owned()];
    shop.fake.deliveries().set_secrets(secrets.to_vec());
    shop.post("customers", json!({"email": "sam@example.com"}))
        .await;
    let taken = shop.fake.deliveries().take();
    let webhook = taken.first().unwrap();
    let mut headers = webhook.headers.iter();
    let (_, header) = headers.find(|(name, _)| name == SIGNATURE_HEADER).unwrap();
    let now = shop.fake.clock().now();
    assert_eq!(*header, signature(&secrets, &webhook.event.body, now));
    assert_eq!(header.matches(";h1=").count(), 2);
    assert_ne!(signature(&secrets[..1], &webhook.event.body, now), *header);
}

#[tokio::test]
async fn a_lost_notification_is_listed_and_replayed_under_another_id() {
    let shop = Shop::open(options()).await;
    shop.post("customers", json!({"email": "sam@example.com"}))
        .await;
    shop.subscribe("pri_basic").await;
    assert_eq!(shop.fake.lose("subscription.created"), 1);
    shop.told();
    let failed = shop.get("notifications?status=failed").await;
    assert_eq!(failed["data"].as_array().unwrap().len(), 1);
    let lost = &failed["data"][0];
    assert_eq!(lost["type"], "subscription.created");
    let path = format!("notifications/{}/replay", lost["id"].as_str().unwrap());
    let replay = shop.post(&path, Value::Null).await;
    let taken = shop.fake.deliveries().take();
    let body: Value = serde_json::from_slice(&taken[0].event.body).unwrap();
    assert_eq!(body["notification_id"], replay["notification_id"]);
    assert_ne!(body["notification_id"], lost["id"]);
    assert_eq!(body["event_id"], lost["payload"]["event_id"]);
    let delivered = shop.get("notifications?status=delivered").await;
    assert!(delivered["meta"]["pagination"]["estimated_total"].as_u64() > Some(5));
}

#[tokio::test]
async fn instants_collide_and_unknown_types_come_when_they_are_asked_for() {
    let shop = Shop::open(options()).await;
    shop.subscribe("pri_basic").await;
    let instants = |shop: &Shop| -> Vec<Timestamp> {
        shop.fake.world().events.iter().map(|one| one.at).collect()
    };
    let apart = instants(&shop);
    assert!(apart.windows(2).all(|pair| pair[0] < pair[1]));
    shop.fake.rules(|rules| {
        rules.collide = true;
        rules.unknown_events = true;
    });
    shop.told();
    shop.fake.advance(days(31));
    let together = instants(&shop).split_off(apart.len());
    assert!(together.windows(2).all(|pair| pair[0] == pair[1]));
    let told = shop.told();
    assert_eq!(told.len(), 8);
    assert_eq!(told[0], "ledger.reshuffled");
}

#[tokio::test]
async fn faults_strike_before_or_after_the_effect() {
    let shop = Shop::open(options()).await;
    let limited = FaultKind::RateLimited {
        retry_after: Some(7),
    };
    shop.fake
        .fault(Fault::next(limited).on("POST", "/transactions"));
    let body = json!({"items": [{"price_id": "pri_once", "quantity": 1}]});
    let (status, headers, answer) = shop.send(Method::POST, "transactions", body.clone()).await;
    assert_eq!(status, 429);
    assert_eq!(headers.get("retry-after").unwrap(), "7");
    assert_eq!(answer["error"]["code"], "too_many_requests");
    assert_eq!(shop.fake.books().count("transactions"), 0);
    let after = Fault::next(FaultKind::ServerError).on("POST", "/transactions");
    shop.fake.fault(after.after());
    let refused = shop.refused(Method::POST, "transactions", body).await;
    assert_eq!(refused, (500, "internal_error".to_owned()));
    assert_eq!(shop.fake.books().count("transactions"), 1);
    assert!(shop.fake.faults().open().is_empty());
}

#[tokio::test]
async fn a_wrong_key_and_a_broken_body_are_refused() {
    let shop = Shop::open(options()).await;
    let url = shop.fake.url().join("prices").unwrap();
    let bare = Request::new(Method::GET, url.clone(), RetryPolicy::Never);
    let answer = shop.client.send(bare.clone()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 401);
    let wrong = bare.with_header(HeaderName::from_static("authorization"), "Bearer pdl_wrong");
    let answer = shop.client.send(wrong.unwrap()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 403);
    let text = json!({"items": "none", "custom_data": "text"});
    assert_eq!(
        shop.refused(Method::POST, "transactions", text).await.0,
        400
    );
    let unknown = json!({"items": [{"price_id": "pri_none"}]});
    let refused = shop.refused(Method::POST, "transactions", unknown).await;
    assert_eq!(refused, (400, "transaction_price_not_found".to_owned()));
}

#[tokio::test]
async fn a_discount_holds_for_as_long_as_it_says() {
    let shop = Shop::open(options()).await;
    let body = json!({
        "items": [{"price_id": "pri_basic", "quantity": 1}],
        "discount": {"type": "percentage", "amount": "12.5", "description": "two months",
            "recur": true, "maximum_recurring_intervals": 2},
    });
    let made = shop.post("transactions", body).await;
    assert_eq!(made["details"]["totals"]["discount"], "125");
    shop.fake
        .pay(made["id"].as_str().unwrap(), Card::Pays)
        .unwrap();
    shop.fake.advance(days(60));
    let renewals = shop
        .get("transactions?origin=subscription_recurring&order_by=id[ASC]")
        .await;
    let total = |place: usize| renewals["data"][place]["details"]["totals"]["total"].clone();
    assert_eq!((total(0), total(1)), (json!("875"), json!("1000")));
}

#[tokio::test]
async fn a_portal_session_links_to_subscriptions_of_its_customer_alone() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let other = shop.subscribe("pri_basic").await;
    let customer = shop.subscription(&id).await["customer_id"].clone();
    let path = format!("customers/{}/portal-sessions", customer.as_str().unwrap());
    let made = shop.post(&path, json!({"subscription_ids": [id]})).await;
    let link = made["urls"]["subscriptions"][0]["cancel_subscription"]
        .as_str()
        .unwrap();
    assert!(link.contains("token=pga_") && link.contains(&id));
    assert!(made["urls"]["general"]["overview"].is_string());
    let strange = json!({"subscription_ids": [other]});
    assert_eq!(shop.refused(Method::POST, &path, strange).await.0, 404);
}

#[tokio::test]
async fn changes_that_charge_are_limited_by_the_hour() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}");
    let change = |quantity: u32| {
        json!({
            "items": [{"price_id": "pri_basic", "quantity": quantity}],
            "proration_billing_mode": "full_immediately",
        })
    };
    for quantity in 2..22 {
        shop.patch(&path, change(quantity)).await;
    }
    let refused = shop.refused(Method::PATCH, &path, change(22)).await;
    assert_eq!(refused, (429, "too_many_requests".to_owned()));
    shop.fake.advance(SignedDuration::from_mins(61));
    shop.patch(&path, change(22)).await;
}

#[tokio::test]
async fn a_destination_has_a_secret_of_its_own() {
    let shop = Shop::open(options()).await;
    let receiver = Shop::open(options()).await;
    let url = receiver.fake.url().join("hooks").unwrap();
    let body = json!({
        "description": "billing", "type": "url", "destination": url.as_str(),
        "subscribed_events": ["customer.created"],
    });
    let made = shop.post("notification-settings", body).await;
    let secret = made["endpoint_secret_key"].as_str().unwrap().to_owned();
    let all = shop.get("notification-settings").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    assert_eq!(shop.fake.deliveries().target(), Some(url));
    shop.fake.deliveries().set_target(None);
    shop.post("customers", json!({"email": "sam@example.com"}))
        .await;
    let taken = shop.fake.deliveries().take();
    // The same event, once for each destination.
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].event.id, taken[1].event.id);
    assert_ne!(taken[0].event.body, taken[1].event.body);
    let now = shop.fake.clock().now();
    let own = signature(&[secret], &taken[0].event.body, now);
    let own = own.split_once(";h1=").unwrap().1;
    let mut headers = taken[0].headers.iter();
    let (_, header) = headers.find(|(name, _)| name == SIGNATURE_HEADER).unwrap();
    assert!(header.contains(own));
}

#[tokio::test]
async fn a_later_attempt_gets_through_and_the_subscription_goes_on() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_basic", "quantity": 1}]);
    let (_, id) = shop.buy(items, Card::PaysOnce).await;
    shop.fake.advance(days(32));
    assert_eq!(shop.subscription(&id).await["status"], "past_due");
    let change = pro("prorated_immediately");
    let path = format!("subscriptions/{id}");
    let code = "subscription_update_when_past_due";
    shop.check(Method::PATCH, &path, change, 400, code).await;
    shop.fake.set_card(&id, Card::Pays).unwrap();
    assert!(shop.fake.set_card("sub_none", Card::Pays).is_err());
    shop.fake.advance(days(3));
    let shown = shop.subscription(&id).await;
    assert_eq!(shown["status"], "active");
    assert_eq!(
        shown["current_billing_period"]["ends_at"],
        "2026-03-01T00:00:00Z"
    );
    let customer = shown["customer_id"].as_str().unwrap();
    let account = shop.fake.books().of(customer);
    assert_eq!((account.charges, account.declined), (2, 1));
}

#[tokio::test]
async fn a_paused_subscription_takes_another_cycle_and_is_billed_for_it_when_it_goes_on() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}");
    shop.post(
        &format!("{path}/pause"),
        json!({"effective_from": "immediately"}),
    )
    .await;
    let year = json!({
        "items": [{"price_id": "pri_year", "quantity": 1}],
        "proration_billing_mode": "do_not_bill",
    });
    shop.patch(&path, year).await;
    shop.fake.advance(days(2));
    let shown = shop
        .post(
            &format!("{path}/resume"),
            json!({"effective_from": "immediately"}),
        )
        .await;
    assert_eq!(
        shown["current_billing_period"]["ends_at"],
        "2027-01-03T00:00:00Z"
    );
    let customer = shown["customer_id"].as_str().unwrap();
    assert_eq!(
        shop.fake.books().of(customer).charged.get("usd"),
        Some(&31_000)
    );
}

#[tokio::test]
async fn people_can_click_through_checkout_and_portal() {
    let shop = Shop::open(options()).await;
    let items = json!({"items": [{"price_id": "pri_basic", "quantity": 1}]});
    let made = shop.post("transactions", items).await;
    let id = made["id"].as_str().unwrap();
    let page = async |method: Method, path: String| {
        let url = shop.fake.url().join(&path).unwrap();
        let answer = shop
            .client
            .send(Request::new(method, url, RetryPolicy::Never))
            .await;
        String::from_utf8(answer.unwrap().body.to_vec()).unwrap()
    };
    let shown = page(Method::GET, format!("checkout?_ptxn={id}")).await;
    assert!(shown.contains("draft: 1000 USD"), "{shown}");
    let declined = page(Method::POST, format!("checkout?_ptxn={id}&card=declined")).await;
    assert!(declined.contains("Declined."), "{declined}");
    let paid = page(Method::POST, format!("checkout?_ptxn={id}&card=pays")).await;
    assert!(paid.contains("Paid."), "{paid}");
    let again = page(Method::POST, format!("checkout?_ptxn={id}&card=pays")).await;
    assert!(again.contains("transaction_not_ready"), "{again}");
    let bought = shop.get(&format!("transactions/{id}")).await["data"].clone();
    let subscription = bought["subscription_id"].as_str().unwrap();
    let path = format!("portal/cpl_1?subscription_id={subscription}");
    let ended = page(Method::POST, path).await;
    assert!(ended.contains("Will end"), "{ended}");
    let shown = shop.subscription(subscription).await;
    assert_eq!(shown["scheduled_change"]["action"], "cancel");
}

#[tokio::test]
async fn nothing_that_is_printed_shows_a_secret() {
    let mut options = options();
    options.key = "pdl_live_apikey_hush".to_owned();
    options.secrets = vec!["pdl_ntfset_hush".to_owned()];
    assert!(!format!("{options:?}").contains("hush"));
    let fake = FakePaddle::start(options).await.unwrap();
    let printed = format!("{fake:?} {:?} {:?}", fake.world(), fake.deliveries());
    assert!(printed.contains("pri_basic") && !printed.contains("hush"));
}

#[tokio::test]
async fn a_manual_sale_is_billed_and_waits() {
    let shop = Shop::open(options()).await;
    let customer = shop
        .post("customers", json!({"email": "sam@example.com"}))
        .await;
    let customer_id = customer["id"].as_str().unwrap();
    let addresses = format!("customers/{customer_id}/addresses");
    let address = shop.post(&addresses, json!({"country_code": "DE"})).await;
    let body = json!({
        "items": [{"price_id": "pri_once", "quantity": 2}], "collection_mode": "manual",
        "customer_id": customer_id, "address_id": address["id"], "status": "billed",
    });
    let made = shop.post("transactions", body).await;
    assert_eq!(made["status"], "billed");
    assert_eq!(made["details"]["totals"]["balance"], "1000");
    assert!(made["invoice_number"].is_string());
    let path = format!("transactions/{}", made["id"].as_str().unwrap());
    let items = json!({"items": [{"price_id": "pri_once", "quantity": 1}]});
    shop.check(Method::PATCH, &path, items, 400, "transaction_immutable")
        .await;
    let credit = json!({"action": "credit", "type": "full", "reason": "goodwill",
        "transaction_id": made["id"]});
    assert_eq!(shop.post("adjustments", credit).await["status"], "approved");
    let refund = json!({"action": "refund", "type": "full", "reason": "error",
        "transaction_id": made["id"]});
    let code = "adjustment_transaction_invalid_status_for_refund";
    shop.check(Method::POST, "adjustments", refund, 400, code)
        .await;
    let shown = shop.patch(&path, json!({"status": "canceled"})).await;
    assert_eq!(shown["status"], "canceled");
}
