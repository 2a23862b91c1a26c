//! BTCPay, its Lightning node or its rates away: nothing is half-made, nobody lapses
//! by it, and nothing is charged at a rate that nobody knows.

use billing_domain::time::{Timestamp, shifted};
use billing_testkit::fakes::btcpay::lightning_failure;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    Shop, asked, bought, days, down, loses, opens, parked, pays, shop, shop_selling,
};
use crate::rig::StoreKind;
use crate::scenarios::harbor::PLANS;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-16: a checkout while BTCPay is down is a 502, and nothing is half-made.
    k_16_a_checkout_while_btcpay_is_down_makes_nothing;
    /// K-16: a renewal is tried again after 5 minutes, 30, 2 hours, 6 and 12, and then an
    /// operator is told; an outage lapses nobody.
    k_16_an_outage_of_btcpay_lapses_nobody;
    /// K-16: a page that closed while no other can be made lapses nobody.
    k_16_no_page_to_pay_at_lapses_nobody;
    /// K-16: an answer that was lost makes no second invoice.
    k_16_a_lost_answer_makes_no_second_invoice;
    /// K-16: a page that nobody heard of for longer than the grace lapses nobody.
    k_16_a_page_that_nobody_was_told_of_begins_no_grace;
    /// K-16: a key that BTCPay refuses is waited for, and then shown to a person.
    k_16_a_key_that_btcpay_refuses_lapses_nobody;
}

async fn k_16_a_checkout_while_btcpay_is_down_makes_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let asked = json!({ "price": "buoy-sats" });
    let faults = [
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::HtmlBadGateway,
        FaultKind::ServerError,
    ];
    for fault in faults {
        let name = fault.name();
        let session = shop.session(&ana).await;
        down(&shop, fault);
        let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
        refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
        assert!(!refused.text.contains("fakebtcpay"), "{}", refused.text);
        shop.settle().await;
        shop.fake.faults().clear();
        shop.pass(SignedDuration::from_hours(2)).await;
        let url = format!("/v1/subscriptions?customer={ana}");
        assert_eq!(shop.rows(&url).await, [] as [Value; 0], "{name}");
        shop.is_sound().await;
    }
    let orders = shop.fake.books().objects;
    let mut orders = orders
        .iter()
        .filter(|(order, _)| order.starts_with("order:"));
    assert!(orders.all(|(_, made)| *made == 1));
    let ben = bought(&shop, "ben", "buoy-sats").await;
    assert_eq!(ben.plan(&shop).await, "buoy");
    shop.is_sound().await;
}

/// What is waited after each try that got no answer, until the next one.
const WAITS: [SignedDuration; 5] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(12),
];

async fn unpaid_through(shop: &Shop, kind: FaultKind, on: &str) {
    let ana = bought(shop, "ana", "deck-monthly").await;
    shop.pass(days(29)).await;
    shop.fake
        .fault(Fault::next(kind).on("POST", on).times(10_000));
    let due = at(&ana.stands(shop).await["paid_through"]);
    shop.fake.requests().clear();
    // Tried six times, and then an operator is told.
    shop.pass(days(5)).await;
    let mut tries = vec![due];
    for wait in WAITS {
        tries.push(shifted(tries[tries.len() - 1], wait));
    }
    assert_eq!(asked(shop), tries);
    assert_eq!(ana.at_btcpay(shop).len(), 1);
    assert_eq!(shop.told("subscription.renewal_stalled"), 1);
    assert_eq!(parked(shop).await, ["attempts_exhausted"]);
    shop.pass(days(20)).await;
    assert_eq!(asked(shop), tries, "and not once more");
    assert_eq!(ana.plan(shop).await, "deck");
    assert_eq!(shop.told("subscription.lapsed"), 0);
    assert_eq!(ana.stands(shop).await["grace_ends_at"], Value::Null);
    // It is back, and an operator says so: one invoice, and its grace begins now.
    shop.fake.faults().clear();
    let row = shop.rows("/v1/parked?limit=100").await.remove(0);
    let url = format!("/v1/parked/{}/replay", row["id"].as_str().unwrap());
    shop.operate(&url, &json!({}))
        .await
        .is(StatusCode::NO_CONTENT);
    shop.settle().await;
    tries.push(shop.now());
    assert_eq!(asked(shop), tries);
    assert_eq!(ana.at_btcpay(shop).len(), 2);
    assert_ne!(ana.stands(shop).await["grace_ends_at"], Value::Null);
    pays(shop, &ana.owes(shop).await).await;
    assert_eq!(ana.stands(shop).await["status"], "active");
    assert_eq!(shop.told("subscription.lapsed"), 0);
    shop.ends_well().await;
}

async fn k_16_an_outage_of_btcpay_lapses_nobody(kind: StoreKind) {
    for fault in [
        FaultKind::ServerError,
        FaultKind::HtmlBadGateway,
        lightning_failure(),
    ] {
        unpaid_through(&shop(kind).await, fault, "/").await;
    }
}

async fn k_16_no_page_to_pay_at_lapses_nobody(kind: StoreKind) {
    for comes_back in [true, false] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        shop.pass(days(32)).await;
        let first = ana.owes(&shop).await;
        let ends = at(&ana.stands(&shop).await["grace_ends_at"]);
        let closes = shop.fake.invoice(&first).unwrap().expires;
        let through = at(&ana.stands(&shop).await["paid_through"]);
        shop.fake.fault(
            Fault::next(FaultKind::ServerError)
                .on("POST", "/")
                .times(10_000),
        );
        shop.pass(days(12)).await;
        assert!(ends < shop.now());
        assert_eq!(ana.newest(&shop).await["pay_url"], Value::Null);
        assert_eq!(ana.stands(&shop).await["status"], "past_due");
        assert_eq!(ana.plan(&shop).await, "deck");
        assert_eq!(shop.told("subscription.lapsed"), 0);
        assert_eq!(shop.told("subscription.renewal_stalled"), 1);
        let limit = shifted(through, days(30));
        if comes_back {
            shop.fake.faults().clear();
            let row = shop.rows("/v1/parked?limit=100").await.remove(0);
            let url = format!("/v1/parked/{}/replay", row["id"].as_str().unwrap());
            shop.operate(&url, &json!({}))
                .await
                .is(StatusCode::NO_CONTENT);
            shop.settle().await;
            // What was left of the grace when the page closed is left now.
            let second = ana.owes(&shop).await;
            let opened = shop.fake.invoice(&second).unwrap().created;
            let later = shifted(ends, opened.duration_since(closes));
            assert_eq!(at(&ana.stands(&shop).await["grace_ends_at"]), later);
            pays(&shop, &second).await;
            assert_eq!(ana.stands(&shop).await["status"], "active");
            assert_eq!(shop.told("subscription.lapsed"), 0);
            shop.ends_well().await;
        } else {
            assert_eq!(at(&ana.stands(&shop).await["grace_ends_at"]), limit);
            shop.pass(limit.duration_since(shop.now())).await;
            assert_eq!(ana.stands(&shop).await["status"], "lapsed");
            assert_eq!(ana.plan(&shop).await, "");
            shop.is_sound().await;
        }
    }
}

fn at(text: &Value) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

async fn k_16_a_lost_answer_makes_no_second_invoice(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(29)).await;
    let lost = Fault::next(FaultKind::LostAnswer).on("POST", "/").after();
    shop.fake.fault(lost);
    shop.pass(days(3)).await;
    assert!(shop.fake.faults().open().is_empty(), "it struck");
    assert_eq!(ana.at_btcpay(&shop).len(), 2);
    pays(&shop, &ana.owes(&shop).await).await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    // Of a checkout, the buyer is told that it failed, and another one is another sale.
    let ben = opens(&shop, "ben", "deck-monthly").await;
    pays(&shop, &ben.page).await;
    assert_eq!(ben.plan(&shop).await, "deck");
    shop.ends_well().await;
}

async fn k_16_a_page_that_nobody_was_told_of_begins_no_grace(kind: StoreKind) {
    // BTCPay says that it made the page, or says nothing; it cannot be asked either way.
    for told in [true, false] {
        let brief = PLANS.replace("grace: 7d", "grace: 12h");
        let shop = shop_selling(kind, &brief).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        let through = at(&ana.stands(&shop).await["paid_through"]);
        let moment = SignedDuration::from_secs(1);
        shop.pass_until(shifted(through, -moment)).await;
        shop.fake
            .fault(Fault::next(FaultKind::LostAnswer).on("POST", "/").after());
        shop.fake.advance(moment);
        shop.work().await;
        assert_eq!(ana.at_btcpay(&shop).len(), 2, "it was made");
        down(&shop, FaultKind::ServerError);
        if !told {
            loses(&shop);
        }
        shop.pass(SignedDuration::from_hours(20)).await;
        assert_eq!(shop.told("subscription.renewal_pending"), 0);
        assert_eq!(ana.stands(&shop).await["grace_ends_at"], Value::Null);
        // It is back: the page that was made is the one to pay at, from now on.
        shop.fake.faults().clear();
        let back = shop.now();
        shop.pass(SignedDuration::from_hours(11)).await;
        assert_eq!(ana.at_btcpay(&shop).len(), 2);
        assert_eq!(shop.told("subscription.renewal_pending"), 1);
        assert_eq!(shop.told("subscription.lapsed"), 0);
        let stands = ana.stands(&shop).await;
        assert_eq!(stands["status"], "past_due");
        assert!(at(&stands["due_at"]) >= back, "told {told}: {stands:#}");
        let grace = at(&stands["grace_ends_at"]).duration_since(at(&stands["due_at"]));
        assert_eq!(grace, SignedDuration::from_hours(12));
        pays(&shop, &ana.owes(&shop).await).await;
        assert_eq!(ana.stands(&shop).await["status"], "active");
        assert_eq!(shop.told("subscription.lapsed"), 0);
        shop.ends_well().await;
    }
}

async fn k_16_a_key_that_btcpay_refuses_lapses_nobody(kind: StoreKind) {
    for mended_in_time in [true, false] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        shop.pass(days(29)).await;
        let all = shop.fake.world().permissions.clone();
        shop.fake.permit(Vec::new());
        // It falls due on the thirty-first day, and is tried each hour.
        shop.pass(days(4)).await;
        assert_eq!(parked(&shop).await, [] as [&str; 0]);
        assert_eq!(shop.told("subscription.renewal_stalled"), 0);
        if !mended_in_time {
            shop.pass(days(2)).await;
            assert_eq!(parked(&shop).await, ["attempts_exhausted"]);
            assert_eq!(shop.told("subscription.renewal_stalled"), 1);
        }
        assert_eq!(ana.plan(&shop).await, "deck");
        shop.fake.permit(all);
        if !mended_in_time {
            let row = shop.rows("/v1/parked?limit=100").await.remove(0);
            let url = format!("/v1/parked/{}/replay", row["id"].as_str().unwrap());
            let replayed = shop.operate(&url, &json!({})).await;
            replayed.is(StatusCode::NO_CONTENT);
        }
        shop.pass(SignedDuration::from_hours(2)).await;
        assert_eq!(ana.at_btcpay(&shop).len(), 2);
        pays(&shop, &ana.owes(&shop).await).await;
        assert_eq!(ana.stands(&shop).await["status"], "active");
        for never in ["subscription.lapsed", "subscription.grace_ending"] {
            assert_eq!(shop.told(never), 0, "{never}");
        }
        shop.ends_well().await;
    }
}
