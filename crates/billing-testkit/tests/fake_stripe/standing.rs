//! Going on: renewals, falling behind, pausing, ending, giving money back.

use billing_testkit::fakes::stripe::{AfterRetries, BillingMode, Card, FakeOptions};
use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use super::bench::{Bench, days, text};

#[tokio::test]
async fn a_year_is_twelve_charges_on_the_day_of_the_month() {
    let bench = Bench::with(FakeOptions {
        start: "2026-01-31T08:00:00Z".parse().unwrap(),
        ..FakeOptions::default()
    })
    .await;
    let id = bench.bought("price_basic", Card::Good).await;
    for (days_on, ends) in [(0, "2026-02-28"), (29, "2026-03-31"), (32, "2026-04-30")] {
        bench.fake.advance(days(days_on));
        let subscription = bench.subscription(&id).await;
        let end = subscription["items"]["data"][0]["current_period_end"].as_i64();
        let end = jiff::Timestamp::from_second(end.unwrap())
            .unwrap()
            .to_string();
        assert!(end.starts_with(ends), "{end}, not {ends}");
    }
    bench.fake.advance(days(365 - 29 - 32));
    let customer = text(&bench.subscription(&id).await["customer"]);
    assert_eq!(bench.fake.books().of(&customer).charges, 12, "{customer}");
}

#[tokio::test]
async fn a_renewal_is_a_draft_for_an_hour() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    bench.fake.advance(days(31));
    let path = format!("v1/subscriptions/{id}?expand[]=latest_invoice");
    let renewed = bench.get(&path).await;
    assert_eq!(renewed["latest_invoice"]["status"], "draft");
    assert_eq!(
        renewed["latest_invoice"]["billing_reason"],
        "subscription_cycle"
    );
    assert_eq!(renewed["status"], "active");
    bench.fake.advance(SignedDuration::from_hours(1));
    assert_eq!(bench.get(&path).await["latest_invoice"]["status"], "paid");
}

#[tokio::test]
async fn a_failing_card_ends_as_the_account_is_set_up() {
    for (after_retries, status, reason) in [
        (AfterRetries::Cancel, "canceled", json!("payment_failed")),
        (AfterRetries::Unpaid, "unpaid", json!(null)),
        (AfterRetries::PastDue, "past_due", json!(null)),
    ] {
        let bench = Bench::with(FakeOptions {
            after_retries,
            ..FakeOptions::default()
        })
        .await;
        let id = bench.bought("price_basic", Card::Good).await;
        let customer = text(&bench.subscription(&id).await["customer"]);
        bench
            .fake
            .set_card(&customer, Some(Card::Declined))
            .unwrap();
        bench.fake.advance(days(31) + SignedDuration::from_hours(1));
        assert_eq!(bench.subscription(&id).await["status"], "past_due");
        bench.fake.advance(days(15));
        let ended = bench.subscription(&id).await;
        assert_eq!(ended["status"], status);
        assert_eq!(ended["cancellation_details"]["reason"], reason);
        assert_eq!(bench.fake.books().of(&customer).declined, 4);
    }
}

#[tokio::test]
async fn paying_what_is_owed_recovers() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let customer = text(&bench.subscription(&id).await["customer"]);
    bench
        .fake
        .set_card(&customer, Some(Card::Authenticate))
        .unwrap();
    bench.fake.advance(days(31) + SignedDuration::from_hours(1));
    let behind = bench.subscription(&id).await;
    assert_eq!(behind["status"], "past_due");
    let told = bench
        .fake
        .deliveries()
        .take_kind("invoice.payment_action_required");
    assert!(told.is_some());
    let invoice = text(&behind["latest_invoice"]);
    bench.fake.pay_invoice(&invoice, Card::Good).unwrap();
    assert_eq!(bench.subscription(&id).await["status"], "active");
    assert_eq!(bench.fake.books().of(&customer).charges, 2);
}

#[tokio::test]
async fn the_portal_cancels_by_a_date_that_the_flag_does_not_undo() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let path = format!("v1/subscriptions/{id}");
    bench.fake.cancel_in_portal(&id).unwrap();
    let canceling = bench.subscription(&id).await;
    assert_eq!(canceling["cancel_at_period_end"], false);
    assert_eq!(
        canceling["cancel_at"],
        canceling["items"]["data"][0]["current_period_end"]
    );
    let half = bench
        .post(&path, &[("cancel_at_period_end", "false")])
        .await;
    assert_eq!(half["cancel_at"], canceling["cancel_at"], "still canceling");
    let whole = [("cancel_at_period_end", "false"), ("cancel_at", "")];
    assert_eq!(bench.post(&path, &whole).await["cancel_at"], json!(null));
    bench.fake.cancel_in_portal(&id).unwrap();
    bench.fake.advance(days(31));
    let ended = bench.subscription(&id).await;
    assert_eq!(ended["status"], "canceled");
    assert_eq!(
        ended["cancellation_details"]["reason"],
        "cancellation_requested"
    );
}

#[tokio::test]
async fn canceling_at_the_end_or_now() {
    let bench = Bench::new().await;
    let later = bench.bought("price_basic", Card::Good).await;
    let path = format!("v1/subscriptions/{later}");
    let asked = bench.post(&path, &[("cancel_at_period_end", "true")]).await;
    assert_eq!(asked["status"], "active");
    assert_eq!(asked["canceled_at"], bench.fake.now().as_second());
    bench.fake.advance(days(31));
    assert_eq!(bench.subscription(&later).await["status"], "canceled");
    let (status, _) = bench
        .refused(&path, &[("cancel_at_period_end", "false")])
        .await;
    assert_eq!(status, 400, "a canceled one cannot be revived");

    let now = bench.bought("price_basic", Card::Good).await;
    let path = format!("v1/subscriptions/{now}");
    let (status, canceled) = bench.call(Method::DELETE, &path, &[]).await;
    assert_eq!((status, &canceled["status"]), (200, &json!("canceled")));
    assert_eq!(bench.call(Method::DELETE, &path, &[]).await.0, 404);
}

#[tokio::test]
async fn pausing_stops_the_periods_and_resuming_bills() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let path = format!("v1/subscriptions/{id}");
    let paused = bench.post(&format!("{path}/pause"), &[]).await;
    assert_eq!(paused["status"], "paused");
    bench.fake.advance(days(100));
    let customer = text(&paused["customer"]);
    assert_eq!(bench.fake.books().of(&customer).charges, 1);
    let resume = [("billing_cycle_anchor[type]", "now")];
    let resumed = bench.post(&format!("{path}/resume"), &resume).await;
    assert_eq!(resumed["status"], "active");
    assert_eq!(
        resumed["billing_cycle_anchor"],
        bench.fake.now().as_second()
    );
    assert_eq!(bench.fake.books().of(&customer).charges, 2);
    assert_eq!(bench.refused(&format!("{path}/resume"), &[]).await.0, 400);
    assert!(
        bench
            .fake
            .deliveries()
            .take_kind("customer.subscription.resumed")
            .is_some()
    );
}

#[tokio::test]
async fn pausing_needs_the_flexible_mode_and_no_schedule() {
    let classic = Bench::with(FakeOptions {
        billing_mode: BillingMode::Classic,
        ..FakeOptions::default()
    })
    .await;
    let id = classic.bought("price_basic", Card::Good).await;
    assert_eq!(
        classic
            .refused(&format!("v1/subscriptions/{id}/pause"), &[])
            .await
            .0,
        400
    );
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let from = [("from_subscription", id.as_str())];
    bench.post("v1/subscription_schedules", &from).await;
    assert_eq!(
        bench
            .refused(&format!("v1/subscriptions/{id}/pause"), &[])
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_collection_that_is_paused_leaves_the_status_alone() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let path = format!("v1/subscriptions/{id}");
    let paused = bench
        .post(&path, &[("pause_collection[behavior]", "void")])
        .await;
    assert_eq!(paused["status"], "active");
    assert_eq!(paused["pause_collection"]["behavior"], "void");
    bench.fake.advance(days(32));
    let invoice = text(&bench.subscription(&id).await["latest_invoice"]);
    assert_eq!(
        bench.get(&format!("v1/invoices/{invoice}")).await["status"],
        "void"
    );
    let resumed = bench.post(&path, &[("pause_collection", "")]).await;
    assert_eq!(resumed["pause_collection"], json!(null));
}

#[tokio::test]
async fn refunds_stop_at_what_was_charged() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let path = format!("v1/subscriptions/{id}?expand[]=latest_invoice.payments");
    let subscription = bench.get(&path).await;
    let payment = &subscription["latest_invoice"]["payments"]["data"][0];
    let intent = text(&payment["payment"]["payment_intent"]);
    let part = [("payment_intent", intent.as_str()), ("amount", "400")];
    assert_eq!(bench.post("v1/refunds", &part).await["status"], "succeeded");
    let more = [("payment_intent", intent.as_str()), ("amount", "700")];
    assert_eq!(
        bench.refused("v1/refunds", &more).await.1["param"],
        "amount"
    );
    let rest = [("payment_intent", intent.as_str())];
    let refund = bench.post("v1/refunds", &rest).await;
    assert_eq!(refund["amount"], 600);
    let (_, error) = bench.refused("v1/refunds", &rest).await;
    assert_eq!(error["code"], "charge_already_refunded");
    let customer = text(&subscription["customer"]);
    let account = bench.fake.books().of(&customer);
    assert_eq!((account.refunds, account.refunded["usd"]), (2, 1_000));
    bench.fake.fail_refund(&text(&refund["id"])).unwrap();
    assert_eq!(bench.fake.books().of(&customer).refunded["usd"], 400);
}

#[tokio::test]
async fn a_lost_dispute_takes_the_money() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let subscription = bench.subscription(&id).await;
    let dispute = bench
        .fake
        .dispute(&text(&subscription["latest_invoice"]))
        .unwrap();
    bench.fake.close_dispute(&dispute, false).unwrap();
    let read = bench.get(&format!("v1/disputes/{dispute}")).await;
    assert_eq!(read["status"], "lost");
    let path = format!(
        "v1/disputes?payment_intent={}",
        text(&read["payment_intent"])
    );
    assert_eq!(bench.get(&path).await["data"][0]["id"], read["id"]);
    let account = bench.fake.books().of(&text(&subscription["customer"]));
    assert_eq!(account.refunded["usd"], 1_000);
    assert!(
        bench
            .fake
            .deliveries()
            .take_kind("charge.dispute.closed")
            .is_some()
    );
}
