//! Renewals, dunning, cancellation and pauses on a calendar.

use billing_domain::time::days;
use billing_testkit::fakes::paddle::{Card, Exhausted, SubscriptionStatus};
use http::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, options, pro};

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
