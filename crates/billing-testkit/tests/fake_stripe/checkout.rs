//! Buying: sessions, cards, trials, delayed payments, one-time sales.

use billing_testkit::fakes::stripe::{Card, FakeOptions, Payment};
use jiff::SignedDuration;
use serde_json::json;

use super::bench::{Bench, days, text};

#[tokio::test]
async fn a_sale_makes_a_subscription_and_tells_of_it() {
    let bench = Bench::new().await;
    let more = [
        ("metadata[billing_checkout]", "chk_1"),
        ("subscription_data[metadata][billing_customer]", "cus_1"),
        ("client_reference_id", "chk_1"),
    ];
    let id = bench.session("price_pro", &more).await;
    let path = format!("v1/checkout/sessions/{id}");
    let session = bench.get(&path).await;
    assert_eq!(session["status"], "open");
    assert_eq!(session["payment_status"], "unpaid");
    assert_eq!(session["amount_total"], 2_500);
    assert!(text(&session["url"]).contains(&id));

    assert_eq!(bench.fake.pay(&id, Card::Good), Ok(Payment::Complete));
    let session = bench.get(&path).await;
    assert_eq!(session["status"], "complete");
    assert_eq!(session["payment_status"], "paid");
    assert_eq!(session["url"], json!(null));
    let subscription = bench.subscription(&text(&session["subscription"])).await;
    assert_eq!(subscription["status"], "active");
    // A session's metadata is its own; the subscription has what it was given.
    assert_eq!(
        subscription["metadata"],
        json!({ "billing_customer": "cus_1" })
    );
    let item = &subscription["items"]["data"][0];
    assert_eq!(item["price"]["id"], "price_pro");
    assert_eq!(
        item["current_period_end"], 1_771_156_800,
        "15 February, noon"
    );
    assert_eq!(subscription["current_period_end"], json!(null));

    let customer = text(&session["customer"]);
    let account = bench.fake.books().of(&customer);
    assert_eq!((account.charges, account.charged["usd"]), (1, 2_500));
    let kinds = bench.fake.deliveries().kinds();
    for kind in [
        "customer.subscription.created",
        "invoice.paid",
        "customer.subscription.updated",
        "checkout.session.completed",
    ] {
        assert!(kinds.iter().any(|held| held == kind), "{kind} in {kinds:?}");
    }
    assert!(bench.fake.pay(&id, Card::Good).is_err(), "paid already");
}

#[tokio::test]
async fn a_declined_card_may_be_followed_by_another_that_authenticates() {
    let bench = Bench::new().await;
    let id = bench.session("price_basic", &[]).await;
    assert_eq!(bench.fake.pay(&id, Card::Declined), Ok(Payment::Declined));
    assert_eq!(
        bench.fake.pay(&id, Card::Authenticate),
        Ok(Payment::ActionRequired)
    );
    assert_eq!(bench.fake.books().count("subscription"), 0);
    assert_eq!(bench.fake.authenticate(&id, true), Ok(Payment::Complete));
    let session = bench.get(&format!("v1/checkout/sessions/{id}")).await;
    let account = bench.fake.books().of(&text(&session["customer"]));
    assert_eq!(account.charges, 1);
}

#[tokio::test]
async fn a_bank_debit_is_complete_before_it_is_paid() {
    for succeeds in [true, false] {
        let bench = Bench::new().await;
        let id = bench.session("price_basic", &[]).await;
        assert_eq!(bench.fake.pay(&id, Card::Delayed), Ok(Payment::Processing));
        let path = format!("v1/checkout/sessions/{id}");
        let session = bench.get(&path).await;
        assert_eq!(session["status"], "complete");
        assert_eq!(session["payment_status"], "unpaid");
        let subscription = text(&session["subscription"]);
        bench.fake.advance(days(3));
        let waiting = bench.subscription(&subscription).await;
        assert_eq!(waiting["status"], "incomplete", "the bank takes its time");
        bench.fake.settle(&id, succeeds).unwrap();
        bench.fake.advance(SignedDuration::from_secs(1));
        let (paid, status, kind) = if succeeds {
            ("paid", "active", "checkout.session.async_payment_succeeded")
        } else {
            (
                "unpaid",
                "incomplete_expired",
                "checkout.session.async_payment_failed",
            )
        };
        assert_eq!(bench.get(&path).await["payment_status"], paid);
        assert_eq!(bench.subscription(&subscription).await["status"], status);
        assert!(bench.fake.deliveries().take_kind(kind).is_some());
        assert!(bench.fake.settle(&id, succeeds).is_err() || !succeeds);
    }
}

#[tokio::test]
async fn sessions_expire_by_themselves_or_by_hand() {
    let bench = Bench::new().await;
    let first = bench.session("price_basic", &[]).await;
    let path = format!("v1/checkout/sessions/{first}/expire");
    assert_eq!(bench.post(&path, &[]).await["status"], "expired");
    assert_eq!(bench.refused(&path, &[]).await.0, 400);
    let second = bench.session("price_basic", &[]).await;
    bench.fake.advance(days(1));
    let path = format!("v1/checkout/sessions/{second}");
    assert_eq!(bench.get(&path).await["status"], "expired");
    let soon = (bench.fake.now().as_second() + 60).to_string();
    let fields = [
        ("mode", "subscription"),
        ("line_items[0][price]", "price_basic"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://shop.test/done"),
        ("expires_at", soon.as_str()),
    ];
    let (_, error) = bench.refused("v1/checkout/sessions", &fields).await;
    assert_eq!(error["param"], "expires_at");
}

#[tokio::test]
async fn what_the_real_one_refuses_is_refused() {
    let bench = Bench::new().await;
    let base = [
        ("mode", "payment"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://shop.test/done"),
    ];
    for (price, more, param) in [
        ("price_pro", ("locale", "en"), "line_items[0][price]"),
        ("price_none", ("locale", "en"), "line_items[0][price]"),
        ("price_once", ("colour", "red"), "colour"),
        (
            "price_once",
            ("subscription_data[metadata][a]", "b"),
            "subscription_data",
        ),
        (
            "price_once",
            ("discounts[0][coupon]", "none"),
            "discounts[0][coupon]",
        ),
    ] {
        let mut fields = base.to_vec();
        fields.push(("line_items[0][price]", price));
        fields.push(more);
        let (status, error) = bench.refused("v1/checkout/sessions", &fields).await;
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{error}");
    }
    assert_eq!(bench.fake.books().count("checkout.session"), 0);
}

#[tokio::test]
async fn a_one_time_sale_has_a_payment_and_no_subscription() {
    let bench = Bench::new().await;
    let fields = [
        ("mode", "payment"),
        ("line_items[0][price]", "price_once"),
        ("line_items[0][quantity]", "2"),
        ("payment_intent_data[metadata][billing_checkout]", "chk_2"),
        ("customer_creation", "always"),
        ("invoice_creation[enabled]", "true"),
        ("success_url", "https://shop.test/done"),
    ];
    let session = bench.post("v1/checkout/sessions", &fields).await;
    let id = text(&session["id"]);
    bench.fake.pay(&id, Card::Good).unwrap();
    let path =
        format!("v1/checkout/sessions/{id}?expand[]=payment_intent&expand[]=invoice.payments");
    let session = bench.get(&path).await;
    assert_eq!(session["subscription"], json!(null));
    assert_eq!(session["payment_intent"]["amount"], 9_800);
    assert_eq!(
        session["payment_intent"]["metadata"]["billing_checkout"],
        "chk_2"
    );
    let invoice = &session["invoice"];
    assert_eq!(
        (&invoice["status"], &invoice["total"]),
        (&json!("paid"), &json!(9_800))
    );
    let paid = &invoice["payments"]["data"][0]["payment"]["payment_intent"];
    assert_eq!(paid, &session["payment_intent"]["id"]);
}

#[tokio::test]
async fn a_trial_without_a_card_ends_as_it_was_told() {
    for (behavior, status) in [
        ("cancel", "canceled"),
        ("pause", "paused"),
        ("create_invoice", "past_due"),
    ] {
        let bench = Bench::new().await;
        let ending = "subscription_data[trial_settings][end_behavior][missing_payment_method]";
        let more = [
            ("subscription_data[trial_period_days]", "14"),
            ("payment_method_collection", "if_required"),
            (ending, behavior),
        ];
        let id = bench.session("price_pro", &more).await;
        bench.fake.complete_without_card(&id).unwrap();
        let session = bench.get(&format!("v1/checkout/sessions/{id}")).await;
        assert_eq!(session["payment_status"], "no_payment_required");
        let id = text(&session["subscription"]);
        let trialing = bench.subscription(&id).await;
        assert_eq!(trialing["status"], "trialing");
        assert_eq!(
            trialing["trial_end"],
            trialing["items"]["data"][0]["current_period_end"]
        );
        bench.fake.advance(days(12));
        let told = bench
            .fake
            .deliveries()
            .take_kind("customer.subscription.trial_will_end");
        assert!(told.is_some());
        bench.fake.advance(days(2) + SignedDuration::from_hours(1));
        assert_eq!(
            bench.subscription(&id).await["status"],
            status,
            "{behavior}"
        );
        assert_eq!(
            bench.fake.books().of(&text(&session["customer"])).charges,
            0
        );
    }
}

#[tokio::test]
async fn a_trial_with_a_card_is_charged_at_its_end() {
    let bench = Bench::new().await;
    let more = [("subscription_data[trial_period_days]", "7")];
    let id = bench.session("price_pro", &more).await;
    assert!(
        bench.fake.complete_without_card(&id).is_err(),
        "a card is asked for"
    );
    bench.fake.pay(&id, Card::Good).unwrap();
    let session = bench.get(&format!("v1/checkout/sessions/{id}")).await;
    let customer = text(&session["customer"]);
    assert_eq!(bench.fake.books().of(&customer).charges, 0);
    bench.fake.advance(days(7) + SignedDuration::from_hours(1));
    assert_eq!(bench.fake.books().of(&customer).charged["usd"], 2_500);
}

#[tokio::test]
async fn coupons_come_off_for_as_long_as_they_last() {
    let bench = Bench::new().await;
    let percent = [("id", "half"), ("percent_off", "50"), ("duration", "once")];
    bench.post("v1/coupons", &percent).await;
    let amount = [
        ("id", "three"),
        ("amount_off", "300"),
        ("currency", "usd"),
        ("duration", "repeating"),
        ("duration_in_months", "2"),
    ];
    bench.post("v1/coupons", &amount).await;
    for (coupon, first, second, third) in [
        ("half", 1_250, 2_500, 2_500),
        ("three", 2_200, 2_200, 2_500),
    ] {
        let id = bench
            .session("price_pro", &[("discounts[0][coupon]", coupon)])
            .await;
        bench.fake.pay(&id, Card::Good).unwrap();
        let session = bench.get(&format!("v1/checkout/sessions/{id}")).await;
        assert_eq!(session["amount_total"], first);
        let customer = text(&session["customer"]);
        let mut sum = 0;
        for charge in [first, second, third] {
            sum += charge;
            assert_eq!(
                bench.fake.books().of(&customer).charged["usd"],
                sum,
                "{coupon}"
            );
            bench.fake.advance(days(31) + SignedDuration::from_hours(1));
        }
    }
}

#[tokio::test]
async fn live_and_test_mode_follow_the_key() {
    let options = FakeOptions {
        key: super::bench::KEY.to_owned(),
        ..FakeOptions::default()
    };
    let bench = Bench::with(options).await;
    let customer = bench.post("v1/customers", &[("email", "a@b.test")]).await;
    assert_eq!(customer["livemode"], false);
}
