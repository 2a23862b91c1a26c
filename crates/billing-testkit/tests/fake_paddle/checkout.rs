//! Customers, checkouts, one-time purchases, trials, discounts.

use billing_domain::time::days;
use billing_http::{Request, RetryPolicy};
use billing_testkit::fakes::paddle::{Card, TransactionStatus};
use http::Method;
use serde_json::json;

use crate::shop::{Shop, options};

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
async fn who_types_an_address_that_is_known_is_its_customer() {
    let shop = Shop::open(options()).await;
    let page = json!({"items": [{"price_id": "pri_basic", "quantity": 1}]});
    let mut buyers = Vec::new();
    for typed in [Some("sam@example.com"), Some("SAM@example.com"), None, None] {
        let made = shop.post("transactions", page.clone()).await;
        let id = made["id"].as_str().unwrap();
        if let Some(typed) = typed {
            shop.fake.give_email(id, typed).unwrap();
        }
        assert_eq!(shop.fake.pay(id, Card::Pays), Ok(true));
        // It asks once.
        assert!(shop.fake.give_email(id, "eve@example.com").is_err());
        let paid = shop
            .get(&format!("transactions/{id}?include=customer"))
            .await;
        let customer = &paid["data"]["customer"];
        assert_eq!(customer["id"], paid["data"]["customer_id"]);
        buyers.push(customer["id"].clone());
    }
    assert_eq!(buyers[0], buyers[1]);
    assert_ne!(buyers[0], buyers[2]);
    assert_ne!(buyers[2], buyers[3]);
    assert_eq!(shop.fake.world().customers.len(), 3);
    // One whom the merchant names is asked for nothing.
    let mut named = page;
    named["customer_id"] = buyers[0].clone();
    let made = shop.post("transactions", named).await;
    let id = made["id"].as_str().unwrap();
    assert!(shop.fake.give_email(id, "eve@example.com").is_err());
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
