//! Changes of items: what they cost, and what is refused.

use billing_domain::proration::TaxRate;
use billing_domain::time::{Interval, days};
use billing_testkit::fakes::paddle::{Card, FakePaddleOptions};
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::shop::{Shop, at, options, pro, usd};

#[tokio::test]
async fn a_preview_comes_to_the_amounts_of_the_published_sample() {
    let month = Some(Interval::MONTH);
    let mut options = FakePaddleOptions::new(
        at("2024-02-08T11:02:03.946454Z"),
        vec![
            usd("pri_seat", 3000, month),
            usd("pri_voice", 10_000, month),
            // What the sample sells it for in the United States.
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
async fn what_is_put_back_unbilled_is_still_what_was_charged_for() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}");
    let put = |price: &str, mode: &str| {
        json!({
            "items": [{"price_id": price, "quantity": 1}], "proration_billing_mode": mode,
        })
    };
    shop.fake.advance(SignedDuration::from_hours(372));
    let owed = async || {
        let asked = put("pri_pro", "prorated_immediately");
        let shown = shop.patch(&format!("{path}/preview"), asked).await;
        let result = &shown["update_summary"]["result"];
        (
            result["action"].as_str().unwrap().to_owned(),
            result["amount"].as_str().unwrap().to_owned(),
        )
    };
    let whole = ("charge".to_owned(), "1000".to_owned());
    assert_eq!(owed().await, whole);
    // Nobody was charged for what is put there unbilled.
    shop.patch(&path, put("pri_tried", "do_not_bill")).await;
    assert_eq!(owed().await, ("charge".to_owned(), "1500".to_owned()));
    shop.patch(&path, put("pri_basic", "do_not_bill")).await;
    assert_eq!(owed().await, whole);
    // Once it is credited, it is charged for no more.
    shop.patch(&path, put("pri_pro", "prorated_immediately"))
        .await;
    shop.patch(&path, put("pri_basic", "do_not_bill")).await;
    assert_eq!(owed().await, ("charge".to_owned(), "1500".to_owned()));
    shop.patch(&path, put("pri_pro", "do_not_bill")).await;
    let down = put("pri_basic", "prorated_immediately");
    let shown = shop.patch(&format!("{path}/preview"), down).await;
    assert_eq!(shown["update_summary"]["result"]["action"], "credit");
    // What the next period is charged is of the next period.
    shop.fake.advance(days(31));
    shop.patch(&path, put("pri_basic", "do_not_bill")).await;
    assert_eq!(owed().await.0, "charge");
    let up = put("pri_pro", "prorated_immediately");
    let shown = shop.patch(&format!("{path}/preview"), up).await;
    assert_eq!(shown["update_summary"]["credit"]["amount"], "0");
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
async fn a_charge_of_its_own_price_is_no_less_than_is_charged_and_in_the_same_money() {
    let shop = Shop::open(options()).await;
    let id = shop.subscribe("pri_basic").await;
    let path = format!("subscriptions/{id}/charge");
    let body = |amount: &str, currency: &str| {
        json!({ "effective_from": "immediately", "items": [{ "quantity": 1, "price": {
            "description": "Calls", "product": { "name": "Calls" },
            "unit_price": { "amount": amount, "currency_code": currency },
            "custom_data": { "of": "ours" },
        }}]})
    };
    let little = "subscription_update_transaction_balance_less_than_charge_limit";
    shop.check(Method::POST, &path, body("69", "USD"), 400, little)
        .await;
    shop.check(Method::POST, &path, body("70", "EUR"), 400, "bad_request")
        .await;
    shop.post(&path, body("70", "USD")).await;
    let made = shop.get("transactions?origin=subscription_charge").await;
    let made = made["data"].as_array().unwrap();
    assert_eq!(made.len(), 1);
    let price = &made[0]["items"][0]["price"];
    assert_eq!(
        (&price["type"], &price["custom_data"]["of"]),
        (&json!("custom"), &json!("ours"))
    );
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
