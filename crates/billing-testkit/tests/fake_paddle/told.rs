//! Events, notifications, lists, faults, refunds: what a caller hears.

use billing_domain::time::{Timestamp, days};
use billing_http::{Request, RetryPolicy};
use billing_testkit::fakes::paddle::{Card, FakePaddle, SIGNATURE_HEADER, signature};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use http::{HeaderName, Method};
use serde_json::{Value, json};

use crate::shop::{Shop, options};

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
async fn a_chargeback_takes_what_no_refund_has_taken() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_once", "quantity": 4}]);
    let (id, _) = shop.buy(items, Card::Pays).await;
    let world = shop.fake.world();
    let refund = json!({
        "action": "refund", "transaction_id": id, "reason": "error",
        "items": [{"item_id": world.transactions[&id].lines[0].id, "type": "partial",
            "amount": "500"}],
    });
    let pending = shop.post("adjustments", refund).await;
    assert_eq!(pending["status"], "pending_approval");
    assert!(shop.fake.win_dispute(&id).is_err());
    let taken = shop.fake.dispute(&id).unwrap();
    let won = shop.fake.win_dispute(&id).unwrap();
    let world = shop.fake.world();
    for adjustment in [taken, won] {
        assert_eq!(world.adjustments[&adjustment].totals().total, 1500);
    }
}

#[tokio::test]
async fn a_warning_moves_no_money_and_is_withdrawn_once() {
    let shop = Shop::open(options()).await;
    let items = json!([{"price_id": "pri_once", "quantity": 4}]);
    let (id, _) = shop.buy(items, Card::Pays).await;
    let customer = shop.get(&format!("transactions/{id}")).await["data"]["customer_id"].clone();
    let back = || {
        let account = shop.fake.books().of(customer.as_str().unwrap());
        account.refunded.get("usd").copied().unwrap_or(0)
    };
    shop.told();
    assert!(shop.fake.withdraw_warning(&id).is_err(), "there is none");
    let warning = shop.fake.warn_of_dispute(&id).unwrap();
    assert_eq!(shop.told(), ["adjustment.created"]);
    let shown = shop.get("adjustments?action=chargeback_warning").await["data"][0].clone();
    assert_eq!(
        (&shown["id"], &shown["status"]),
        (&json!(warning), &json!("approved"))
    );
    assert!(shop.fake.win_dispute(&id).is_err(), "nothing was taken");
    shop.fake.withdraw_warning(&id).unwrap();
    assert_eq!(shop.told(), ["adjustment.created", "adjustment.updated"]);
    let shown = shop.get("adjustments?action=chargeback_warning").await["data"][0].clone();
    assert_eq!(shown["status"], "reversed");
    assert!(shop.fake.withdraw_warning(&id).is_err(), "once");
    assert_eq!(back(), 0);
    // The whole can still be taken, and comes back whole.
    shop.fake.dispute(&id).unwrap();
    assert_eq!(back(), 2_000);
    shop.fake.win_dispute(&id).unwrap();
    assert_eq!(back(), 0);
    let bought = shop.get(&format!("transactions/{id}")).await["data"].clone();
    assert_eq!(bought["details"]["adjusted_totals"]["total"], "2000");
}
