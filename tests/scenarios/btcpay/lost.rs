//! Webhooks lost altogether: what a worker asks for leads to the same state.

use billing_testkit::fakes::btcpay::{DEFAULT_STORE, InvoiceStatus};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    Buyer, Shop, asks, bought, days, loses, opens, page, parked, pass_untold, pays, pays_untold,
    rereads, shop,
};
use crate::rig::StoreKind;
use crate::scenarios::harbor::text;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-19: a purchase whose webhooks never came.
    k_19_a_purchase_at_btcpay_is_found;
    /// K-19: a renewal, and its page that closed, without a word.
    k_19_a_renewal_at_btcpay_is_found;
    /// K-19: a change that was paid for, without a word.
    k_19_a_change_at_btcpay_is_found;
    /// K-19: a page that closed unpaid, and was paid afterward without a word.
    k_19_what_was_paid_after_its_page_closed_is_found;
    /// K-19: money that was on its way and is no more, of which BTCPay tells nobody.
    k_19_money_that_vanished_is_noticed;
    /// K-19: a purchase whose money vanished can be paid again.
    k_19_a_purchase_whose_money_vanished_can_be_paid_again;
    /// K-19: money that comes when the time of its checkout has run out is waited for.
    k_19_a_checkout_that_ran_out_over_new_money_is_granted_when_it_comes;
    /// K-19: settled, not settled and settled again by a person, without a word.
    k_19_what_is_settled_again_by_hand_is_found;
    /// K-19: what was invoiced of late is asked about within minutes, and nothing else is.
    k_19_a_fresh_invoice_is_asked_about_within_minutes;
    /// K-19: a page made anew is asked about as often as one of a new invoice.
    k_19_a_page_made_anew_is_asked_about_within_minutes;
    /// K-19: the first page that is made after an outage is asked about as often.
    k_19_the_first_page_after_an_outage_is_asked_about_within_minutes;
    /// K-19: an open invoice that is not understood is for a person, once.
    k_19_what_is_open_and_not_understood_is_for_a_person;
}

/// What is kept of a buyer, but for ids and instants of ours.
async fn kept(shop: &Shop, buyer: &Buyer) -> Value {
    let mut stands = buyer.stands(shop).await;
    for own in ["id", "customer", "created_at"] {
        stands[own].take();
    }
    let invoices = buyer.invoices(shop).await;
    let invoices: Vec<Value> = invoices
        .iter()
        .map(|row| {
            json!([
                row["purpose"],
                row["status"],
                row["cycle"],
                row["payments"],
                row["period_end"]
            ])
        })
        .collect();
    let url = format!("/v1/customers/{}/journal?limit=100", buyer.customer);
    let mut events: Vec<String> = shop
        .rows(&url)
        .await
        .iter()
        .map(|row| text(&row["event"]))
        .collect();
    events.sort();
    json!({ "stands": stands, "invoices": invoices, "events": events, "plan": buyer.plan(shop).await })
}

async fn k_19_a_purchase_at_btcpay_is_found(kind: StoreKind) {
    // Paid at once, or on its way while nobody heard of it.
    for lightning in [true, false] {
        let mut ends = Vec::new();
        for told in [true, false] {
            let shop = shop(kind).await;
            let ana = opens(&shop, "ana", "deck-monthly").await;
            if lightning {
                shop.fake.pay_by_lightning(&ana.page, 50_000).unwrap();
            } else {
                shop.fake
                    .rules(|rules| rules.block_every = Some(SignedDuration::from_hours(2)));
                shop.fake.pay_in_full(&ana.page).unwrap();
            }
            let by = SignedDuration::from_hours(5);
            if told {
                shop.pass(by).await;
            } else {
                assert!(loses(&shop) > 0);
                pass_untold(&shop, by).await;
            }
            assert_eq!(
                ana.plan(&shop).await,
                "deck",
                "told {told}, lightning {lightning}"
            );
            assert_eq!(ana.licenses(&shop).await.len(), 1);
            let kept = kept(&shop, &ana).await;
            ends.push(json!([kept["stands"], kept["plan"], kept["invoices"]]));
            shop.ends_well().await;
        }
        assert_eq!(ends[0], ends[1], "lightning {lightning}");
    }
}

async fn k_19_a_renewal_at_btcpay_is_found(kind: StoreKind) {
    let mut ends = Vec::new();
    for told in [true, false] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        // The first page closes, and the second is paid.
        let by = days(35);
        if told {
            shop.pass(by).await;
        } else {
            pass_untold(&shop, by).await;
        }
        let owed = ana.owes(&shop).await;
        assert_eq!(ana.at_btcpay(&shop).len(), 3, "told {told}");
        pays_untold(&shop, &owed);
        if told {
            shop.settle().await;
        } else {
            assert!(loses(&shop) > 0);
            asks(&shop).await;
            asks(&shop).await;
        }
        assert_eq!(ana.stands(&shop).await["status"], "active");
        assert_eq!(shop.told("subscription.renewed"), 1);
        let mut kept = kept(&shop, &ana).await;
        // Of pages that BTCPay made at other instants.
        for row in kept["invoices"].as_array_mut().unwrap() {
            for paid in row[3].as_array_mut().unwrap() {
                paid["reference"].take();
                paid["at"].take();
            }
        }
        ends.push(kept);
        shop.ends_well().await;
    }
    assert_eq!(ends[0], ends[1]);
}

async fn k_19_a_change_at_btcpay_is_found(kind: StoreKind) {
    let mut ends = Vec::new();
    for told in [true, false] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        shop.pass(days(10)).await;
        let session = shop.session(&ana.customer).await;
        let url = format!(
            "/v1/me/subscriptions/{}/quotes",
            text(&ana.stands(&shop).await["id"])
        );
        let quote = shop
            .post_as(&session, &url, &json!({ "plan": "bridge" }))
            .await
            .json();
        let url = format!("/v1/me/quotes/{}/accept", text(&quote["id"]));
        let change = shop.post_as(&session, &url, &json!({})).await.json();
        assert_eq!(change["status"], "awaiting_payment", "{change:#}");
        let owed = page(&change["checkout_url"]);
        pays_untold(&shop, &owed);
        assert_eq!(ana.plan(&shop).await, "deck");
        if told {
            shop.settle().await;
        } else {
            assert!(loses(&shop) > 0);
            asks(&shop).await;
            asks(&shop).await;
        }
        assert_eq!(ana.plan(&shop).await, "bridge");
        assert_eq!(shop.told("plan.changed"), 1);
        assert_eq!(ana.licenses(&shop).await.len(), 1);
        ends.push(kept(&shop, &ana).await);
        shop.ends_well().await;
    }
    assert_eq!(ends[0], ends[1]);
}

async fn k_19_what_was_paid_after_its_page_closed_is_found(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.rules(|rules| rules.block_every = None);
    // A page that was left, and forgotten.
    let ana = opens(&shop, "ana", "deck-monthly").await;
    pass_untold(&shop, SignedDuration::from_hours(30)).await;
    rereads(&shop).await;
    ana.has_nothing(&shop).await;
    shop.fake.pay_late(&ana.page, 50_000).unwrap();
    loses(&shop);
    rereads(&shop).await;
    ana.has_nothing(&shop).await;
    shop.fake.confirm(&ana.page).unwrap();
    assert!(loses(&shop) > 0);
    rereads(&shop).await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(ana.licenses(&shop).await.len(), 1);
    let marked = shop.fake.invoice(&ana.page).unwrap();
    assert_eq!(marked.status, InvoiceStatus::Settled);
    // A renewal's first page, when the second is what can be paid.
    pass_untold(&shop, days(32)).await;
    let first = ana.owes(&shop).await;
    let through = ana.newest(&shop).await["period_end"].clone();
    pass_untold(&shop, days(3)).await;
    assert_ne!(ana.owes(&shop).await, first);
    shop.fake.pay_late(&first, 50_000).unwrap();
    shop.fake.confirm(&first).unwrap();
    loses(&shop);
    asks(&shop).await;
    assert_eq!(ana.stands(&shop).await["status"], "past_due");
    for _ in 0..2 {
        rereads(&shop).await;
        let stands = ana.stands(&shop).await;
        assert_eq!(stands["status"], "active");
        assert_eq!(stands["paid_through"], through);
    }
    assert_eq!(shop.told("subscription.renewed"), 1);
    shop.ends_well().await;
}

async fn k_19_money_that_vanished_is_noticed(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(37)).await;
    let ends = ana.stands(&shop).await["grace_ends_at"].clone();
    let owed = ana.owes(&shop).await;
    // Asked about before, so that what is read later was read already.
    asks(&shop).await;
    for _ in 0..2 {
        // On its way, which suspends the lapse.
        shop.fake.advance(SignedDuration::from_hours(1));
        shop.fake.pay_in_full(&owed).unwrap();
        loses(&shop);
        asks(&shop).await;
        assert_ne!(ana.stands(&shop).await["grace_ends_at"], ends);
        shop.fake.advance(SignedDuration::from_hours(1));
        // Spent elsewhere: the grace ends when it was to end.
        shop.fake.double_spend(&owed).unwrap();
        assert_eq!(shop.fake.invoice(&owed).unwrap().status, InvoiceStatus::New);
        assert_eq!(loses(&shop), 0, "BTCPay tells nobody");
        asks(&shop).await;
        assert_eq!(ana.stands(&shop).await["grace_ends_at"], ends);
        asks(&shop).await;
    }
    // What is asked again and says the same is not written again.
    assert_eq!(shop.billing.reconcile().await.unwrap().news, 0);
    pays(&shop, &owed).await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    shop.ends_well().await;
}

async fn k_19_a_purchase_whose_money_vanished_can_be_paid_again(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let customer = shop.customer("ana").await;
    let session = shop.session(&customer).await;
    let asked = json!({ "price": "deck-monthly" });
    let opened = shop.post_as(&session, "/v1/checkouts", &asked).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let ana = Buyer {
        customer,
        page: page(&opened["url"]),
    };
    let url = format!("/v1/checkouts/{}", text(&opened["id"]));
    for _ in 0..2 {
        shop.fake.advance(SignedDuration::from_mins(5));
        shop.fake.pay_in_full(&ana.page).unwrap();
        shop.settle().await;
        let waits = shop.read(&url).await;
        assert_eq!(waits["status"], "pending", "{waits:#}");
        shop.fake.advance(SignedDuration::from_mins(5));
        shop.fake.double_spend(&ana.page).unwrap();
        assert_eq!(loses(&shop), 0, "BTCPay tells nobody");
        asks(&shop).await;
        let again = shop.read(&url).await;
        assert_eq!(
            (&again["status"], &again["url"]),
            (&json!("open"), &opened["url"]),
            "{again:#}"
        );
        ana.has_nothing(&shop).await;
    }
    pays(&shop, &ana.page).await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(shop.read(&url).await["status"], "completed");
    // Left unpaid, its time runs out as ever, and nothing is owed for it.
    let ben = opens(&shop, "ben", "deck-monthly").await;
    shop.fake.pay_in_full(&ben.page).unwrap();
    shop.settle().await;
    shop.fake.double_spend(&ben.page).unwrap();
    asks(&shop).await;
    shop.pass(SignedDuration::from_hours(3)).await;
    assert_eq!(ben.newest(&shop).await["status"], "void");
    ben.has_nothing(&shop).await;
    shop.ends_well().await;
}

async fn k_19_a_checkout_that_ran_out_over_new_money_is_granted_when_it_comes(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay_in_full(&ana.page).unwrap();
    shop.settle().await;
    shop.fake.double_spend(&ana.page).unwrap();
    asks(&shop).await;
    // Paid anew just before its time runs out, which nobody tells.
    shop.fake.advance(SignedDuration::from_mins(59));
    shop.fake.pay_in_full(&ana.page).unwrap();
    loses(&shop);
    shop.fake.advance(SignedDuration::from_mins(2));
    shop.settle().await;
    assert_eq!(
        ana.newest(&shop).await["status"],
        "open",
        "it is owed still"
    );
    ana.has_nothing(&shop).await;
    shop.fake.confirm(&ana.page).unwrap();
    loses(&shop);
    asks(&shop).await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(ana.newest(&shop).await["status"], "settled");
    assert_eq!(ana.invoices(&shop).await.len(), 1);
    assert_eq!(parked(&shop).await, [] as [&str; 0]);
    shop.ends_well().await;
}

async fn k_19_what_is_settled_again_by_hand_is_found(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(32)).await;
    let owed = ana.owes(&shop).await;
    for round in 0..2 {
        for (settled, plan) in [(true, "deck"), (false, "")] {
            shop.fake.mark(&owed, settled).unwrap();
            loses(&shop);
            // Whatever is read again and again of the same state is nothing new.
            for _ in 0..3 {
                shop.fake.advance(SignedDuration::from_secs(3_601));
                rereads(&shop).await;
                assert_eq!(ana.plan(&shop).await, plan, "{round} {settled}");
            }
        }
    }
    let account = "btcpay/main".parse().unwrap();
    let again = shop.billing.reread(&account, |_| {}).await.unwrap();
    assert_eq!(again.lost, 0, "every state is told once");
    assert_eq!(shop.told("subscription.renewed"), 1);
    assert_eq!(parked(&shop).await, [] as [&str; 0]);
    shop.is_sound().await;
}

async fn k_19_the_first_page_after_an_outage_is_asked_about_within_minutes(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(29)).await;
    let pages = Fault::next(FaultKind::ServerError).on("POST", "/");
    shop.fake.fault(pages.times(10_000));
    shop.pass(days(2) + SignedDuration::from_hours(1)).await;
    let invoiced = ana.newest(&shop).await;
    assert_eq!(invoiced["pay_url"], Value::Null, "{invoiced:#}");
    shop.fake.faults().clear();
    // It is tried again two hours after the third time.
    shop.pass(SignedDuration::from_hours(2)).await;
    let page = ana.owes(&shop).await;
    let made = shop.fake.invoice(&page).unwrap().created;
    let minutes = SignedDuration::from_mins(3);
    let since = shop.now().duration_since(made);
    assert!(since < SignedDuration::from_hours(2), "{since}");
    shop.fake.advance(minutes);
    assert_eq!(shop.billing.reconcile_fresh().await.unwrap().asked, 1);
    // Paid, and no webhook of it comes.
    pays_untold(&shop, &page);
    assert!(loses(&shop) > 0);
    shop.fake.advance(minutes);
    assert_eq!(shop.billing.reconcile_fresh().await.unwrap().news, 1);
    shop.work().await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    shop.fake.advance(SignedDuration::from_hours(2));
    assert_eq!(shop.billing.reconcile_fresh().await.unwrap().asked, 0);
    shop.ends_well().await;
}

async fn k_19_what_is_open_and_not_understood_is_for_a_person(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(32)).await;
    let owed = ana.owes(&shop).await;
    let path = format!("/api/v1/stores/{DEFAULT_STORE}/invoices/{owed}");
    let mut frozen = json!({
        "id": owed, "storeId": DEFAULT_STORE, "amount": "50000", "currency": "SATS",
        "createdTime": 1_767_225_600, "expirationTime": 1_800_000_000, "status": "Frozen",
    });
    frozen["metadata"] = shop.fake.invoice(&owed).unwrap().metadata;
    let gone = json!({ "code": "invoice-not-found", "message": "The invoice was not found" });
    for (status, body, reasons) in [
        (404, gone, &["conflict"][..]),
        (200, frozen, &["conflict", "unreadable"]),
    ] {
        let read = |path: &str, status, body| {
            let kind = FaultKind::Fixed { status, body };
            Fault::next(kind).on("GET", path).times(10_000)
        };
        let payments = format!("{path}/payment-methods");
        shop.fake.fault(read(&payments, 200, json!([])));
        shop.fake.fault(read(&path, status, body));
        for _ in 0..3 {
            shop.fake.advance(SignedDuration::from_secs(3_601));
            asks(&shop).await;
            let mut told = parked(&shop).await;
            told.sort_unstable();
            assert_eq!(told, reasons, "once, and not each hour");
        }
        shop.fake.faults().clear();
    }
    assert_eq!(ana.owes(&shop).await, owed, "nothing else came of it");
    pays(&shop, &owed).await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
}

async fn k_19_a_fresh_invoice_is_asked_about_within_minutes(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let ben = bought(&shop, "ben", "deck-monthly").await;
    shop.pass(days(31)).await;
    let old = ana.owes(&shop).await;
    shop.pass(SignedDuration::from_hours(3)).await;
    let customer = &ben.customer;
    pays(&shop, &ben.owes(&shop).await).await;
    let held = text(&ben.stands(&shop).await["id"]);
    let session = shop.session(customer).await;
    let url = format!("/v1/me/subscriptions/{held}/quotes");
    let quote = shop
        .post_as(&session, &url, &json!({ "plan": "bridge" }))
        .await;
    let quote = text(&quote.is(StatusCode::CREATED).json()["id"]);
    let url = format!("/v1/me/quotes/{quote}/accept");
    let change = shop.post_as(&session, &url, &json!({})).await;
    let fresh = page(&change.is(StatusCode::OK).json()["checkout_url"]);
    let read = |page: &str| {
        let path = format!("/api/v1/stores/{DEFAULT_STORE}/invoices/{page}");
        shop.fake.requests().to("GET", &path).len()
    };
    let (of_old, of_fresh) = (read(&old), read(&fresh));
    for minutes in [3, 3, 3] {
        shop.fake.advance(SignedDuration::from_mins(minutes));
        let asked = shop.billing.reconcile_fresh().await.unwrap();
        assert_eq!((asked.asked, asked.unanswered), (1, 0));
    }
    assert_eq!((read(&old), read(&fresh)), (of_old, of_fresh + 3));
    // Paid, and no webhook of it comes.
    pays_untold(&shop, &fresh);
    assert!(loses(&shop) > 0);
    shop.fake.advance(SignedDuration::from_mins(3));
    assert_eq!(shop.billing.reconcile_fresh().await.unwrap().news, 1);
    shop.work().await;
    assert_eq!(ben.plan(&shop).await, "bridge");
    // What is left is old, and is asked about each hour.
    assert_eq!(shop.billing.reconcile_fresh().await.unwrap().asked, 0);
    assert_eq!(shop.billing.reconcile().await.unwrap().asked, 1);
    assert_eq!(read(&old), of_old + 1);
    shop.work().await;
    shop.ends_well().await;
}

async fn k_19_a_page_made_anew_is_asked_about_within_minutes(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(32)).await;
    let first = ana.owes(&shop).await;
    let closes = shop.fake.invoice(&first).unwrap().expires;
    shop.pass_until(closes).await;
    asks(&shop).await;
    let second = ana.owes(&shop).await;
    assert_ne!(first, second);
    let minutes = SignedDuration::from_mins(3);
    shop.fake.advance(minutes);
    assert_eq!(shop.billing.reconcile_fresh().await.unwrap().asked, 1);
    // Paid, and no webhook of it comes.
    pays_untold(&shop, &second);
    assert!(loses(&shop) > 0);
    shop.fake.advance(minutes);
    assert_eq!(shop.billing.reconcile_fresh().await.unwrap().news, 1);
    shop.work().await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    shop.ends_well().await;
}
