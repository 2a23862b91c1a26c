//! Refunds that an operator orders: a link of BTCPay's, made once, which the buyer
//! claims. What it takes is told by the refund, not by the link.

use billing_testkit::fakes::btcpay::{AdditionalStatus, DEFAULT_STORE, InvoiceStatus};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Buyer, Shop, bought, loses, opens, parked, rereads, shop};
use crate::rig::{Seen, StoreKind};
use crate::scenarios::harbor::{sat, text};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a link is made once, takes nothing, and what is claimed of it does.
    x_11_a_refund_is_ordered_and_claimed_at_btcpay;
    /// a lost answer makes no second link, and in the end gives the first.
    x_11_a_lost_answer_makes_no_second_refund;
    /// what was not paid, or more than was, is promised to nobody.
    x_11_no_more_is_promised_than_was_paid;
    /// what is claimed, canceled and sent without a word is noticed.
    x_11_what_is_claimed_without_a_word_is_noticed;
    /// a link that was archived makes room for another, of what is left.
    x_11_a_link_that_was_archived_makes_room_for_another;
    /// a part that came out of time goes back by a link, once, and nobody waits.
    x_11_a_part_out_of_time_goes_back_by_a_link;
    /// a part at a page that another has followed goes back by its own name.
    x_11_a_part_goes_back_beside_what_was_paid_for;
    /// what was sent of it counts before another is made, though nobody told of it.
    x_11_what_was_sent_of_an_archived_link_is_not_promised_again;
}

async fn refunds(shop: &Shop, buyer: &Buyer, body: &Value) -> Seen {
    let invoice = text(&buyer.newest(shop).await["id"]);
    shop.operate(&format!("/v1/invoices/{invoice}/refund"), body)
        .await
}

/// The pull payment that a link leads to.
fn pull(refund: &Value) -> String {
    let url = text(&refund["url"]);
    url.rsplit_once('/').unwrap().1.to_owned()
}

/// How many links BTCPay has made.
fn links(shop: &Shop) -> usize {
    shop.fake.world().pulls.len()
}

async fn x_11_a_refund_is_ordered_and_claimed_at_btcpay(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let part = json!({ "amount": sat(20_000), "reason": "Half a month was down" });
    let first = refunds(&shop, &ana, &part).await;
    let first = first.is(StatusCode::CREATED).json();
    assert_eq!(first["amount"], sat(20_000));
    // Whoever clicks again has the same, and nothing else meanwhile.
    let again = refunds(&shop, &ana, &part).await;
    assert_eq!(again.is(StatusCode::CREATED).json(), first);
    let again = refunds(&shop, &ana, &json!({})).await;
    assert_eq!(again.is(StatusCode::CREATED).json(), first);
    let other = refunds(&shop, &ana, &json!({ "amount": sat(10_000) })).await;
    other.refused(StatusCode::CONFLICT, "refund_open");
    assert_eq!(links(&shop), 1);
    let told = ana.happened(&shop, "invoice.refund_promised").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["note"], "Half a month was down");
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck", "a promise is no refund");
    assert_eq!(ana.newest(&shop).await["returned"], json!([]));

    shop.fake.claim(&pull(&first)).unwrap();
    shop.fake.approve_claim(&pull(&first)).unwrap();
    shop.settle().await;
    let gone = &ana.newest(&shop).await["returned"][0];
    assert_eq!(
        (&gone["amount"], &gone["state"]),
        (&sat(20_000), &json!("done"))
    );
    assert_eq!(ana.plan(&shop).await, "deck", "a part keeps the access");

    // The rest, which is what is left, ends it once it was sent.
    let rest = refunds(&shop, &ana, &json!({})).await;
    let rest = rest.is(StatusCode::CREATED).json();
    assert_eq!(rest["amount"], sat(30_000));
    assert_eq!(links(&shop), 2);
    shop.fake.claim(&pull(&rest)).unwrap();
    shop.fake.approve_claim(&pull(&rest)).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "");
    let none = refunds(&shop, &ana, &json!({})).await;
    none.refused(StatusCode::CONFLICT, "nothing_to_refund");
    assert_eq!(parked(&shop).await, [] as [&str; 0]);
    assert_eq!(loses(&shop), 0);
    shop.ends_well().await;
}

/// A link is made at BTCPay, and its answer is lost.
async fn makes_one_unheard(shop: &Shop, ana: &Buyer) {
    let path = format!(
        "/api/v1/stores/{DEFAULT_STORE}/invoices/{}/refund",
        ana.page
    );
    shop.fake
        .fault(Fault::next(FaultKind::LostAnswer).on("POST", &path).after());
    let lost = refunds(shop, ana, &json!({})).await;
    lost.refused(StatusCode::BAD_GATEWAY, "provider_error");
}

async fn x_11_a_lost_answer_makes_no_second_refund(kind: StoreKind) {
    let shop = shop(kind).await;
    // Made, and nobody heard of it.
    let ana = bought(&shop, "ana", "deck-monthly").await;
    makes_one_unheard(&shop, &ana).await;
    assert_eq!(links(&shop), 1);
    let there = refunds(&shop, &ana, &json!({})).await;
    let there = there.is(StatusCode::CREATED).json();
    assert_eq!(there["amount"], sat(50_000));
    shop.pass(super::shop::days(2)).await;
    assert_eq!(links(&shop), 1, "a worker tries again, and finds it");
    let same = refunds(&shop, &ana, &json!({})).await;
    assert_eq!(same.is(StatusCode::CREATED).json(), there);
    shop.ends_well().await;
}

async fn x_11_no_more_is_promised_than_was_paid(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    for (body, status, code) in [
        (
            sat(50_001),
            StatusCode::UNPROCESSABLE_ENTITY,
            "refund_beyond_paid",
        ),
        (sat(0), StatusCode::BAD_REQUEST, "invalid_request"),
        (sat(-1), StatusCode::BAD_REQUEST, "invalid_request"),
        (
            json!({ "amount": 100, "currency": "usd" }),
            StatusCode::BAD_REQUEST,
            "invalid_request",
        ),
    ] {
        let refused = refunds(&shop, &ana, &json!({ "amount": body })).await;
        refused.refused(status, code);
    }
    // What a shopkeeper has promised besides counts.
    let body = json!({
        "refundVariant": "RateThen", "payoutMethodId": "BTC-CHAIN", "subtractPercentage": "50",
    });
    let path = format!("invoices/{}/refund", ana.page);
    super::shop::dashboard(&shop, &path, &body).await;
    let refused = refunds(&shop, &ana, &json!({ "amount": sat(25_001) })).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    assert_eq!(refused.json()["provider_code"], "promised_already");
    let rest = refunds(&shop, &ana, &json!({ "amount": sat(25_000) })).await;
    rest.is(StatusCode::CREATED);
    assert_eq!(links(&shop), 2);
    // A renewal that nobody has paid.
    shop.pass(super::shop::days(31)).await;
    let refused = refunds(&shop, &ana, &json!({})).await;
    refused.refused(StatusCode::CONFLICT, "nothing_to_refund");
    let ben = opens(&shop, "ben", "deck-monthly").await;
    assert_eq!(ben.invoices(&shop).await, [] as [Value; 0]);
    let none = "/v1/invoices/inv_00000000000000000000000000000001/refund";
    let refused = shop.operate(none, &json!({})).await;
    refused.refused(StatusCode::NOT_FOUND, "not_found");
    assert_eq!(parked(&shop).await, [] as [&str; 0]);
    shop.ends_well().await;
}

async fn x_11_a_link_that_was_archived_makes_room_for_another(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let made = async |body: Value| {
        let made = refunds(&shop, &ana, &body).await;
        made.is(StatusCode::CREATED).json()
    };
    let first = made(json!({})).await;
    shop.fake.archive_promise(&pull(&first)).unwrap();
    // Nothing was paid out of it: it is void.
    let second = made(json!({ "amount": sat(20_000) })).await;
    assert_ne!(second["url"], first["url"]);
    assert_eq!(second["amount"], sat(20_000));
    assert_eq!(made(json!({ "amount": sat(20_000) })).await, second);
    shop.fake.claim(&pull(&second)).unwrap();
    shop.fake.approve_claim(&pull(&second)).unwrap();
    shop.settle().await;
    shop.fake.archive_promise(&pull(&second)).unwrap();
    // What was paid out of it counts.
    let more = refunds(&shop, &ana, &json!({ "amount": sat(30_001) })).await;
    more.refused(StatusCode::UNPROCESSABLE_ENTITY, "refund_beyond_paid");
    let third = made(json!({})).await;
    assert_eq!(third["amount"], sat(30_000));
    assert_eq!(links(&shop), 3);
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(parked(&shop).await, [] as [&str; 0]);
    shop.ends_well().await;
}

/// Hours in which no webhook comes, and then what a worker reads of the store.
async fn untold(shop: &Shop) {
    super::shop::pass_untold(shop, SignedDuration::from_hours(2)).await;
    rereads(shop).await;
}

async fn x_11_what_is_claimed_without_a_word_is_noticed(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let link = refunds(&shop, &ana, &json!({})).await;
    let link = link.is(StatusCode::CREATED).json();
    shop.settle().await;
    // So late that BTCPay has stopped looking for payments of the page long ago.
    shop.pass(super::shop::days(20)).await;
    let returned = async || ana.newest(&shop).await["returned"].clone();
    shop.fake.claim(&pull(&link)).unwrap();
    untold(&shop).await;
    assert_eq!(returned().await[0]["state"], "pending");
    let none = refunds(&shop, &ana, &json!({})).await;
    none.refused(StatusCode::CONFLICT, "nothing_to_refund");
    shop.fake.cancel_claim(&pull(&link)).unwrap();
    untold(&shop).await;
    assert_eq!(returned().await[0]["state"], "failed");
    // It counts no more, and the same link is there.
    let again = refunds(&shop, &ana, &json!({})).await;
    assert_eq!(again.is(StatusCode::CREATED).json(), link);
    shop.fake.claim(&pull(&link)).unwrap();
    shop.fake.approve_claim(&pull(&link)).unwrap();
    untold(&shop).await;
    assert_eq!(returned().await[1]["state"], "done");
    assert_eq!(ana.plan(&shop).await, "");
    assert_eq!(parked(&shop).await, [] as [&str; 0]);
    shop.ends_well().await;
}

async fn x_11_a_part_out_of_time_goes_back_by_a_link(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    for satoshi in [10_000, 2_000] {
        shop.fake.pay(&ana.page, satoshi).unwrap();
    }
    shop.pass(SignedDuration::from_hours(3)).await;
    let late = shop.fake.invoice(&ana.page).unwrap();
    assert_eq!(
        (late.status, late.additional),
        (InvoiceStatus::Expired, AdditionalStatus::PaidPartial)
    );
    assert_eq!(parked(&shop).await, ["amount_mismatch"; 2]);
    // Never more than came, whatever the invoice costs.
    let more = refunds(&shop, &ana, &json!({ "amount": sat(12_001) })).await;
    more.refused(StatusCode::UNPROCESSABLE_ENTITY, "refund_beyond_paid");
    makes_one_unheard(&shop, &ana).await;
    let made = refunds(&shop, &ana, &json!({})).await;
    let made = made.is(StatusCode::CREATED).json();
    assert_eq!(made["amount"], sat(12_000));
    let again = refunds(&shop, &ana, &json!({})).await;
    assert_eq!(again.is(StatusCode::CREATED).json(), made);
    shop.pass(super::shop::days(1)).await;
    assert_eq!(links(&shop), 1);
    assert_eq!(parked(&shop).await, ["amount_mismatch"; 2], "not gone yet");
    shop.is_sound().await;

    for told in [true, false] {
        if told {
            shop.fake.claim(&pull(&made)).unwrap();
            shop.fake.approve_claim(&pull(&made)).unwrap();
        }
        shop.settle().await;
        let invoice = ana.newest(&shop).await;
        let gone = &invoice["returned"][0];
        assert_eq!(
            (&gone["amount"], &gone["state"]),
            (&sat(12_000), &json!("done")),
            "{invoice:#}"
        );
        assert_eq!(ana.happened(&shop, "invoice.refunded").await.len(), 1);
        assert_eq!(parked(&shop).await, [] as [&str; 0], "solved by itself");
    }
    ana.has_nothing(&shop).await;
    let none = refunds(&shop, &ana, &json!({})).await;
    none.refused(StatusCode::CONFLICT, "nothing_to_refund");
    assert_eq!(links(&shop), 1);
    shop.ends_well().await;
}

async fn x_11_a_part_goes_back_beside_what_was_paid_for(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(super::shop::days(32)).await;
    let first = ana.owes(&shop).await;
    shop.fake.pay(&first, 10_000).unwrap();
    shop.pass(super::shop::days(3)).await;
    assert_eq!(parked(&shop).await, ["amount_mismatch"]);
    let next = ana.owes(&shop).await;
    assert_ne!(next, first);
    super::shop::pays(&shop, &next).await;
    let invoice = ana.newest(&shop).await;
    let payments = invoice["payments"].as_array().unwrap();
    let aside = payments.iter().find(|paid| paid["credited"] == false);
    let aside = text(&aside.unwrap()["reference"]);

    let unknown = refunds(&shop, &ana, &json!({ "payment": "nothing" })).await;
    unknown.refused(StatusCode::BAD_REQUEST, "invalid_request");
    let part = json!({ "payment": aside });
    let made = refunds(&shop, &ana, &part).await;
    let made = made.is(StatusCode::CREATED).json();
    assert_eq!(made["amount"], sat(10_000));
    let whole = json!({ "payment": next });
    let other = refunds(&shop, &ana, &whole).await;
    other.refused(StatusCode::CONFLICT, "refund_open");
    shop.fake.claim(&pull(&made)).unwrap();
    shop.fake.approve_claim(&pull(&made)).unwrap();
    shop.settle().await;
    assert_eq!(parked(&shop).await, [] as [&str; 0]);
    assert_eq!(ana.stands(&shop).await["status"], "active");
    assert_eq!(ana.plan(&shop).await, "deck", "what was paid for stands");
    let gone = refunds(&shop, &ana, &part).await;
    gone.refused(StatusCode::CONFLICT, "nothing_to_refund");
    // And so does what settled it, which is none of the part.
    let rest = refunds(&shop, &ana, &json!({})).await;
    let rest = rest.is(StatusCode::CREATED).json();
    assert_eq!(rest["amount"], sat(50_000));
    assert_eq!(links(&shop), 2);
    shop.ends_well().await;
}

async fn x_11_what_was_sent_of_an_archived_link_is_not_promised_again(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    // Paid twice: there is more at BTCPay than what may be promised of the first payment.
    shop.fake.pay(&ana.page, 50_000).unwrap();
    shop.fake.confirm(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(parked(&shop).await, ["late_payment"]);
    let first = refunds(&shop, &ana, &json!({ "amount": sat(20_000) })).await;
    let first = first.is(StatusCode::CREATED).json();
    shop.fake.claim(&pull(&first)).unwrap();
    shop.fake.approve_claim(&pull(&first)).unwrap();
    shop.fake.archive_promise(&pull(&first)).unwrap();
    // Nothing of it has been told yet.
    let rest = refunds(&shop, &ana, &json!({})).await;
    let rest = rest.is(StatusCode::CREATED).json();
    assert_eq!(rest["amount"], sat(30_000));
    let gone = &ana.newest(&shop).await["returned"][0];
    assert_eq!(
        (&gone["amount"], &gone["state"]),
        (&sat(20_000), &json!("done"))
    );
    // Told at last, it counts once.
    shop.settle().await;
    assert_eq!(
        ana.newest(&shop).await["returned"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    shop.fake.claim(&pull(&rest)).unwrap();
    shop.fake.approve_claim(&pull(&rest)).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "");
    assert_eq!(parked(&shop).await, ["late_payment"]);
    shop.is_sound().await;
}
