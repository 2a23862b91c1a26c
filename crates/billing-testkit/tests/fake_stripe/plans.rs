//! Changing what is bought: previews, prorations, pending updates, schedules.

use billing_testkit::fakes::stripe::Card;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{Bench, days, text};

fn proration_lines(invoice: &Value) -> Vec<i64> {
    let lines = invoice["lines"]["data"].as_array().unwrap();
    let prorated =
        |line: &&Value| line["parent"]["subscription_item_details"]["proration"] == json!(true);
    let amounts = lines.iter().filter(prorated);
    amounts
        .map(|line| line["amount"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_preview_is_what_is_charged_at_its_pinned_instant() {
    for (price, hours) in [("price_pro", 1), ("price_pro", 371), ("price_year", 500)] {
        let bench = Bench::new().await;
        let id = bench.bought("price_basic", Card::Good).await;
        let item = bench.item(&id).await;
        bench.fake.advance(SignedDuration::from_hours(hours));
        let at = bench.fake.now().as_second().to_string();
        let preview = [
            ("subscription", id.as_str()),
            ("subscription_details[items][0][id]", item.as_str()),
            ("subscription_details[items][0][price]", price),
            ("subscription_details[proration_behavior]", "always_invoice"),
            ("subscription_details[proration_date]", at.as_str()),
        ];
        let previewed = bench.post("v1/invoices/create_preview", &preview).await;
        // The customer takes a minute to decide.
        bench.fake.advance(SignedDuration::from_mins(1));
        let update = [
            ("items[0][id]", item.as_str()),
            ("items[0][price]", price),
            ("proration_behavior", "always_invoice"),
            ("proration_date", at.as_str()),
            ("payment_behavior", "error_if_incomplete"),
        ];
        let path = format!("v1/subscriptions/{id}?expand[]=latest_invoice");
        let updated = bench.post(&format!("v1/subscriptions/{id}"), &update).await;
        let invoice = bench.get(&path).await["latest_invoice"].clone();
        assert_eq!(updated["latest_invoice"], invoice["id"]);
        assert_eq!(
            invoice["total"], previewed["total"],
            "{price} after {hours} h"
        );
        assert_eq!(proration_lines(&invoice), proration_lines(&previewed));
        assert_eq!(invoice["status"], "paid");
        let account = bench.fake.books().of(&text(&updated["customer"]));
        let charged = 1_000 + invoice["amount_due"].as_i64().unwrap();
        assert_eq!((account.charges, account.charged["usd"]), (2, charged));
    }
}

#[tokio::test]
async fn half_of_a_month_costs_half_of_the_difference() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let item = bench.item(&id).await;
    // January has 31 days from the 15th to the 15th: half of them.
    bench.fake.advance(SignedDuration::from_hours(31 * 12));
    let update = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_pro"),
        ("proration_behavior", "always_invoice"),
    ];
    let path = format!("v1/subscriptions/{id}");
    let invoice = bench.post(&path, &update).await["latest_invoice"].clone();
    let invoice = bench.get(&format!("v1/invoices/{}", text(&invoice))).await;
    assert_eq!(proration_lines(&invoice), [-500, 1_250]);
    assert_eq!(invoice["billing_reason"], "subscription_update");
}

#[tokio::test]
async fn prorations_wait_for_the_renewal_unless_told_otherwise() {
    let bench = Bench::new().await;
    let id = bench.bought("price_pro", Card::Good).await;
    let item = bench.item(&id).await;
    bench.fake.advance(SignedDuration::from_hours(31 * 12));
    let path = format!("v1/subscriptions/{id}");
    let update = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_basic"),
    ];
    let before = bench.subscription(&id).await["latest_invoice"].clone();
    assert_eq!(bench.post(&path, &update).await["latest_invoice"], before);
    let preview = [("subscription", id.as_str())];
    let next = bench.post("v1/invoices/create_preview", &preview).await;
    assert_eq!(next["total"], -1_250 + 500 + 1_000);
    // Below zero: nothing is due, and the rest is the customer's.
    assert_eq!(next["amount_due"], 250);
    bench.fake.advance(days(17));
    let customer = text(&bench.subscription(&id).await["customer"]);
    assert_eq!(bench.fake.books().of(&customer).charged["usd"], 2_500 + 250);
}

#[tokio::test]
async fn a_credit_beyond_what_is_due_goes_to_the_balance() {
    let bench = Bench::new().await;
    let id = bench.bought("price_pro", Card::Good).await;
    let item = bench.item(&id).await;
    let path = format!("v1/subscriptions/{id}");
    let update = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_basic"),
        ("proration_behavior", "always_invoice"),
    ];
    let updated = bench.post(&path, &update).await;
    let customer = text(&updated["customer"]);
    let read = bench.get(&format!("v1/customers/{customer}")).await;
    assert_eq!(read["balance"], -1_500);
    bench.fake.advance(days(32));
    let account = bench.fake.books().of(&customer);
    assert_eq!((account.charges, account.charged["usd"]), (1, 2_500));
    let read = bench.get(&format!("v1/customers/{customer}")).await;
    assert_eq!(read["balance"], -500);
}

#[tokio::test]
async fn an_item_without_its_id_is_a_second_item() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let path = format!("v1/subscriptions/{id}");
    let updated = bench.post(&path, &[("items[0][price]", "price_pro")]).await;
    assert_eq!(updated["items"]["data"].as_array().unwrap().len(), 2);
    let (status, _) = bench
        .refused(&path, &[("items[0][price]", "price_pro")])
        .await;
    assert_eq!(status, 400, "the same price twice");
    let (_, error) = bench.refused(&path, &[("items[0][id]", "si_none")]).await;
    assert_eq!(error["code"], "resource_missing");
}

#[tokio::test]
async fn another_interval_bills_at_once_whatever_is_said_of_prorations() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let item = bench.item(&id).await;
    bench.fake.advance(days(10));
    let update = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_year"),
        ("proration_behavior", "none"),
    ];
    let updated = bench.post(&format!("v1/subscriptions/{id}"), &update).await;
    let now = bench.fake.now().as_second();
    assert_eq!(updated["billing_cycle_anchor"], now);
    assert_eq!(updated["items"]["data"][0]["current_period_start"], now);
    let account = bench.fake.books().of(&text(&updated["customer"]));
    assert_eq!(account.charged["usd"], 1_000 + 25_000);
}

#[tokio::test]
async fn a_pending_update_waits_for_its_payment_or_expires() {
    for pays in [true, false] {
        let bench = Bench::new().await;
        let id = bench.bought("price_basic", Card::Good).await;
        let item = bench.item(&id).await;
        let customer = text(&bench.subscription(&id).await["customer"]);
        bench
            .fake
            .set_card(&customer, Some(Card::FailsLater))
            .unwrap();
        let mut update = vec![
            ("items[0][id]", item.as_str()),
            ("items[0][price]", "price_pro"),
            ("proration_behavior", "always_invoice"),
            ("payment_behavior", "pending_if_incomplete"),
            ("metadata[a]", "b"),
        ];
        let path = format!("v1/subscriptions/{id}");
        let (_, error) = bench.refused(&path, &update).await;
        assert_eq!(error["param"], "metadata[a]");
        update.pop();
        let pending = bench.post(&path, &update).await;
        assert_eq!(pending["status"], "active");
        assert_eq!(pending["items"]["data"][0]["price"]["id"], "price_basic");
        let expires = pending["pending_update"]["expires_at"].as_i64().unwrap();
        assert_eq!(expires - bench.fake.now().as_second(), 23 * 3_600);
        let invoice = text(&pending["latest_invoice"]);
        let (price, kind, status) = if pays {
            bench.fake.pay_invoice(&invoice, Card::Good).unwrap();
            (
                "price_pro",
                "customer.subscription.pending_update_applied",
                "paid",
            )
        } else {
            bench.fake.advance(SignedDuration::from_hours(23));
            (
                "price_basic",
                "customer.subscription.pending_update_expired",
                "void",
            )
        };
        let after = bench.subscription(&id).await;
        assert_eq!(after["pending_update"], json!(null));
        assert_eq!(after["items"]["data"][0]["price"]["id"], price);
        assert!(bench.fake.deliveries().take_kind(kind).is_some());
        let invoice = bench.get(&format!("v1/invoices/{invoice}")).await;
        assert_eq!(invoice["status"], status);
    }
}

#[tokio::test]
async fn an_error_if_incomplete_leaves_everything_as_it_was() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let item = bench.item(&id).await;
    let before = bench.subscription(&id).await;
    let customer = text(&before["customer"]);
    for (card, code) in [
        (Card::Declined, "card_declined"),
        (
            Card::Authenticate,
            "subscription_payment_intent_requires_action",
        ),
    ] {
        bench.fake.set_card(&customer, Some(card)).unwrap();
        let update = [
            ("items[0][id]", item.as_str()),
            ("items[0][price]", "price_pro"),
            ("proration_behavior", "always_invoice"),
            ("payment_behavior", "error_if_incomplete"),
        ];
        let path = format!("v1/subscriptions/{id}");
        let (status, error) = bench.refused(&path, &update).await;
        assert_eq!((status, &error["code"]), (402, &json!(code)));
        assert_eq!(error["type"], "card_error");
        assert_eq!(bench.subscription(&id).await, before);
    }
    assert_eq!(bench.fake.books().count("invoice"), 1);
}

#[tokio::test]
async fn a_schedule_brings_the_lower_price_at_the_end_of_the_period() {
    let bench = Bench::new().await;
    let id = bench.bought("price_pro", Card::Good).await;
    let from = [("from_subscription", id.as_str())];
    let schedule = bench.post("v1/subscription_schedules", &from).await;
    let path = format!("v1/subscription_schedules/{}", text(&schedule["id"]));
    let start = schedule["phases"][0]["start_date"].to_string();
    let end = schedule["phases"][0]["end_date"].to_string();
    let mut phases = vec![
        ("end_behavior", "release"),
        ("proration_behavior", "none"),
        ("phases[0][start_date]", start.as_str()),
        ("phases[0][end_date]", end.as_str()),
        ("phases[0][items][0][price]", "price_pro"),
        ("phases[1][items][0][price]", "price_basic"),
        ("phases[1][items][0][quantity]", "1"),
        ("phases[1][proration_behavior]", "none"),
    ];
    let mut old = phases.clone();
    old.push(("phases[1][iterations]", "1"));
    old.push(("phases[1][end_date]", "1999999999"));
    let (_, error) = bench.refused(&path, &old).await;
    assert_eq!(error["code"], "parameter_unknown");
    phases.push(("phases[1][duration][interval]", "month"));
    bench.post(&path, &phases).await;

    let item = bench.item(&id).await;
    let direct = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_basic"),
    ];
    let (status, _) = bench
        .refused(&format!("v1/subscriptions/{id}"), &direct)
        .await;
    assert_eq!(status, 400, "the schedule owns the items");

    bench.fake.advance(days(32));
    let after = bench.subscription(&id).await;
    assert_eq!(after["items"]["data"][0]["price"]["id"], "price_basic");
    assert_eq!(after["items"]["data"][0]["id"], json!(item));
    let account = bench.fake.books().of(&text(&after["customer"]));
    assert_eq!(account.charged["usd"], 2_500 + 1_000);
    bench.fake.advance(days(31));
    assert_eq!(bench.get(&path).await["status"], "released");
    assert_eq!(bench.subscription(&id).await["schedule"], json!(null));
}

#[tokio::test]
async fn a_released_schedule_changes_nothing() {
    let bench = Bench::new().await;
    let id = bench.bought("price_pro", Card::Good).await;
    let from = [("from_subscription", id.as_str())];
    let schedule = bench.post("v1/subscription_schedules", &from).await;
    let (status, _) = bench.refused("v1/subscription_schedules", &from).await;
    assert_eq!(status, 400, "one schedule each");
    let path = format!(
        "v1/subscription_schedules/{}/release",
        text(&schedule["id"])
    );
    assert_eq!(bench.post(&path, &[]).await["status"], "released");
    assert_eq!(bench.subscription(&id).await["schedule"], json!(null));
    bench.fake.advance(days(32));
    let after = bench.subscription(&id).await;
    assert_eq!(after["items"]["data"][0]["price"]["id"], "price_pro");
}

#[tokio::test]
async fn a_phase_keeps_the_discounts_that_it_names() {
    for keeps in [true, false] {
        let bench = Bench::new().await;
        let coupon = [
            ("id", "tenth"),
            ("percent_off", "10.00"),
            ("duration", "forever"),
        ];
        bench.post("v1/coupons", &coupon).await;
        let id = bench
            .session("price_pro", &[("discounts[0][coupon]", "tenth")])
            .await;
        bench.fake.pay(&id, Card::Good).unwrap();
        let session = bench.get(&format!("v1/checkout/sessions/{id}")).await;
        let id = text(&session["subscription"]);
        let discount = text(&bench.subscription(&id).await["discounts"][0]);
        let from = [("from_subscription", id.as_str())];
        let schedule = bench.post("v1/subscription_schedules", &from).await;
        let start = schedule["phases"][0]["start_date"].to_string();
        let end = schedule["phases"][0]["end_date"].to_string();
        let mut phases = vec![
            ("phases[0][start_date]", start.as_str()),
            ("phases[0][end_date]", end.as_str()),
            ("phases[0][items][0][price]", "price_pro"),
            ("phases[0][discounts][0][discount]", discount.as_str()),
            ("phases[1][items][0][price]", "price_basic"),
            ("phases[1][duration][interval]", "month"),
        ];
        if keeps {
            phases.push(("phases[1][discounts][0][discount]", discount.as_str()));
        }
        let path = format!("v1/subscription_schedules/{}", text(&schedule["id"]));
        bench.post(&path, &phases).await;
        bench.fake.advance(days(32));
        let account = bench.fake.books().of(&text(&session["customer"]));
        let second = if keeps { 900 } else { 1_000 };
        assert_eq!(account.charged["usd"], 2_250 + second);
    }
}

#[tokio::test]
async fn a_trial_within_a_schedule_is_sent_again() {
    let bench = Bench::new().await;
    let more = [("subscription_data[trial_period_days]", "14")];
    let id = bench.session("price_pro", &more).await;
    bench.fake.pay(&id, Card::Good).unwrap();
    let session = bench.get(&format!("v1/checkout/sessions/{id}")).await;
    let id = text(&session["subscription"]);
    let from = [("from_subscription", id.as_str())];
    let schedule = bench.post("v1/subscription_schedules", &from).await;
    let start = schedule["phases"][0]["start_date"].to_string();
    let end = schedule["phases"][0]["end_date"].to_string();
    let mut phases = vec![
        ("phases[0][start_date]", start.as_str()),
        ("phases[0][end_date]", end.as_str()),
        ("phases[0][items][0][price]", "price_pro"),
        ("phases[1][items][0][price]", "price_basic"),
        ("phases[1][duration][interval]", "month"),
    ];
    let path = format!("v1/subscription_schedules/{}", text(&schedule["id"]));
    let (_, error) = bench.refused(&path, &phases).await;
    assert_eq!(error["param"], "phases[0][trial_end]");
    phases.push(("phases[0][trial_end]", end.as_str()));
    bench.post(&path, &phases).await;
    bench.fake.advance(days(15));
    let after = bench.subscription(&id).await;
    assert_eq!(after["status"], "active");
    let account = bench.fake.books().of(&text(&after["customer"]));
    assert_eq!(account.charged["usd"], 1_000);
}
