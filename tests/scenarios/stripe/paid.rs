//! What of a period counts as paid: what the invoice of that period says, whatever
//! else Stripe charges meanwhile.

use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use billing_testkit::fakes::stripe::{Card, Payment};
use jiff::SignedDuration;
use serde_json::Value;

use super::shop::{Shop, Sold, dashboard, days, reasons, shop, sold};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// W-06: within the hour in which a renewal is a draft, a paid upgrade pays for
    /// itself and not for the new period.
    w_06_an_upgrade_in_the_draft_hour_pays_no_renewal;
    /// W-06: a change that nobody pays takes no time that is paid.
    w_06_an_unpaid_change_takes_no_paid_time;
    /// H-11: a period that a pause has left out is not paid by resuming in it.
    h_11_a_period_left_out_is_not_paid;
    /// H-11: resumed from here, a period begins at once, or nothing changes.
    h_11_resuming_after_a_period_left_out_begins_anew;
    /// H-11: a voided invoice tells by itself that its period was left out.
    h_11_a_voided_invoice_is_enough;
}

/// Until when it is paid, as an operator sees it.
async fn paid_through(shop: &Shop, held: &Sold) -> Timestamp {
    let stands = held.stands(shop).await;
    stands["paid_through"].as_str().unwrap().parse().unwrap()
}

/// The current period, as Stripe counts it.
fn period(shop: &Shop, held: &Sold) -> (Timestamp, Timestamp) {
    let there = held.there(shop);
    let item = &there["items"]["data"][0];
    let bound = |name: &str| Timestamp::from_second(item[name].as_i64().unwrap()).unwrap();
    (bound("current_period_start"), bound("current_period_end"))
}

fn latest(shop: &Shop, held: &Sold) -> String {
    let there = held.there(shop);
    there["latest_invoice"].as_str().unwrap().to_owned()
}

async fn w_06_an_upgrade_in_the_draft_hour_pays_no_renewal(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "deckhand-monthly").await;
    let (_, first_end) = period(&shop, &held);
    let minutes = SignedDuration::from_mins(10);
    shop.pass_until(first_end.checked_add(minutes).unwrap())
        .await;
    let draft = latest(&shop, &held);
    assert_eq!(shop.fake.object(&draft).unwrap()["status"], "draft");
    shop.fake
        .switch_in_portal(&held.subscription, "price_bosun")
        .unwrap();
    shop.settle().await;
    let upgrade = latest(&shop, &held);
    assert_ne!(upgrade, draft);
    assert_eq!(shop.fake.object(&upgrade).unwrap()["status"], "paid");
    assert_eq!(held.plan(&shop).await, "bosun");
    assert_eq!(paid_through(&shop, &held).await, first_end);
    // Nor do the account's books, read as a whole, say anything else.
    let stripe = "stripe/main".parse().unwrap();
    shop.billing.reread(&stripe, |_| ()).await.unwrap();
    shop.work().await;
    assert_eq!(paid_through(&shop, &held).await, first_end);

    shop.pass(SignedDuration::from_hours(2)).await;
    assert_eq!(shop.fake.object(&draft).unwrap()["status"], "paid");
    assert_eq!(latest(&shop, &held), upgrade);
    let (_, second_end) = period(&shop, &held);
    assert_eq!(paid_through(&shop, &held).await, second_end);
    shop.ends_well().await;
}

async fn w_06_an_unpaid_change_takes_no_paid_time(kind: StoreKind) {
    let shop = shop(kind).await;
    for (who, into) in [("ana", 5), ("ben", 40)] {
        let held = sold(&shop, who, "deckhand-monthly").await;
        shop.pass(days(into)).await;
        let (_, end) = period(&shop, &held);
        assert_eq!(paid_through(&shop, &held).await, end);
        shop.fake
            .set_card(&held.payer, Some(Card::FailsLater))
            .unwrap();
        shop.fake
            .switch_in_portal(&held.subscription, "price_bosun")
            .unwrap();
        shop.settle().await;
        assert_eq!(held.status(&shop).await, "past_due");
        assert_eq!(paid_through(&shop, &held).await, end, "{who}");
        assert_eq!(held.stands(&shop).await["gives_access"], true);

        let owed = latest(&shop, &held);
        let paid = shop.fake.pay_invoice(&owed, Card::Good).unwrap();
        assert_eq!(paid, Payment::Complete);
        shop.settle().await;
        assert_eq!(held.status(&shop).await, "active");
        assert_eq!(paid_through(&shop, &held).await, end, "{who}");
    }
    shop.ends_well().await;
}

/// How often a customer was charged.
fn charges(shop: &Shop, held: &Sold) -> u64 {
    shop.fake.books().of(&held.payer).charges
}

fn collection<'a>(held: &Sold, unset: bool) -> (String, Vec<(&'a str, &'a str)>) {
    let fields = if unset {
        ("pause_collection", "")
    } else {
        ("pause_collection[behavior]", "void")
    };
    (format!("subscriptions/{}", held.subscription), vec![fields])
}

/// Somebody whose second period was left out, since its collection was paused.
async fn left_out(shop: &Shop, who: &str) -> (Sold, Timestamp) {
    let held = sold(shop, who, "bosun-monthly").await;
    let end = paid_through(shop, &held).await;
    shop.pass(days(10)).await;
    let customer: CustomerId = held.customer.parse().unwrap();
    let id = held.id.parse().unwrap();
    shop.billing
        .pause(&customer.into(), id, None)
        .await
        .unwrap();
    shop.settle().await;
    shop.pass(days(30)).await;
    let skipped = latest(shop, &held);
    assert_eq!(shop.fake.object(&skipped).unwrap()["status"], "void");
    assert_eq!(held.status(shop).await, "paused");
    assert_eq!(paid_through(shop, &held).await, end);
    (held, end)
}

async fn h_11_a_period_left_out_is_not_paid(kind: StoreKind) {
    let shop = shop(kind).await;
    let (held, end) = left_out(&shop, "ana").await;
    let (path, fields) = collection(&held, true);
    dashboard(&shop.fake, "POST", &path, &fields).await;
    shop.settle().await;
    assert_eq!(held.there(&shop)["status"], "active");
    assert!(held.there(&shop)["pause_collection"].is_null());
    // Nobody owes it, and nobody has paid it.
    assert_eq!(held.status(&shop).await, "paused");
    assert_eq!(paid_through(&shop, &held).await, end);
    assert_eq!(held.plan(&shop).await, "free");
    shop.pass(days(10)).await;
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(charges(&shop, &held), 1);

    let (_, second_end) = period(&shop, &held);
    shop.pass_until(
        second_end
            .checked_add(SignedDuration::from_hours(3))
            .unwrap(),
    )
    .await;
    assert_eq!(charges(&shop, &held), 2);
    assert_eq!(held.status(&shop).await, "active");
    assert_eq!(held.plan(&shop).await, "bosun");
    assert_eq!(paid_through(&shop, &held).await, period(&shop, &held).1);
    shop.ends_well().await;
}

async fn h_11_resuming_after_a_period_left_out_begins_anew(kind: StoreKind) {
    let shop = shop(kind).await;
    let (held, end) = left_out(&shop, "ana").await;
    let customer: CustomerId = held.customer.parse().unwrap();
    let id = held.id.parse().unwrap();
    // Declined, it stays as it is.
    shop.fake
        .set_card(&held.payer, Some(Card::FailsLater))
        .unwrap();
    shop.billing
        .resume(&customer.into(), id, None)
        .await
        .unwrap();
    shop.settle().await;
    assert_eq!(held.status(&shop).await, "paused");
    assert!(held.there(&shop)["pause_collection"].is_object());
    assert_eq!(paid_through(&shop, &held).await, end);
    assert_eq!(reasons(&shop).await, ["provider_refused"]);
    let parked = shop.rows("/v1/parked?limit=10").await;
    let url = format!("/v1/parked/{}/discard", parked[0]["id"].as_str().unwrap());
    let discarded = shop
        .operate(&url, &Value::Object(serde_json::Map::new()))
        .await;
    assert!(discarded.status.is_success(), "{}", discarded.text);

    shop.fake.advance(SignedDuration::from_mins(1));
    shop.fake.set_card(&held.payer, Some(Card::Good)).unwrap();
    shop.billing
        .resume(&customer.into(), id, None)
        .await
        .unwrap();
    shop.settle().await;
    assert!(held.there(&shop)["pause_collection"].is_null());
    assert_eq!(held.status(&shop).await, "active");
    assert_eq!(held.plan(&shop).await, "bosun");
    assert_eq!(charges(&shop, &held), 2);
    let (start, end) = period(&shop, &held);
    assert_eq!(
        start,
        Timestamp::from_second(shop.now().as_second()).unwrap()
    );
    assert_eq!(paid_through(&shop, &held).await, end);
    shop.pass(days(32)).await;
    assert_eq!(charges(&shop, &held), 3);
    shop.ends_well().await;
}

async fn h_11_a_voided_invoice_is_enough(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    let end = paid_through(&shop, &held).await;
    shop.pass(days(10)).await;
    let (path, fields) = collection(&held, false);
    dashboard(&shop.fake, "POST", &path, &fields).await;
    shop.fake.advance(days(25));
    // Everything else is lost.
    let told = shop.fake.deliveries().take();
    let voided: Vec<_> = told
        .into_iter()
        .filter(|it| it.event.kind == "invoice.voided")
        .collect();
    assert_eq!(voided.len(), 1);
    shop.deliver_each(&voided).await;
    shop.work().await;
    assert_eq!(held.status(&shop).await, "paused");
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(paid_through(&shop, &held).await, end);
    shop.ends_well().await;
}
