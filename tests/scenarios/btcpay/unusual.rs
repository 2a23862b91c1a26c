//! Money that does not come as it was asked for: in part, late, too much, twice, said
//! by a person and taken back again.

use billing_domain::parked::ParkReason;
use billing_domain::time::{Timestamp, shifted};
use billing_testkit::fakes::btcpay::{AdditionalStatus, InvoiceStatus};
use jiff::SignedDuration;
use serde_json::json;

use super::shop::{BLOCK, Buyer, asks, bought, days, dollars, loses, opens, parked, pays, shop};
use crate::rig::StoreKind;
use crate::scenarios::harbor::{sat, text, usd};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-20: a part grants nothing; the rest in time makes it whole.
    k_20_a_part_is_held_until_it_is_whole;
    /// K-20: paid after its page has closed, it counts once it is confirmed.
    k_20_paid_late_it_counts_once_it_is_confirmed;
    /// K-20: more than is owed pays for it, and the rest waits for a person.
    k_20_too_much_pays_and_the_rest_is_set_aside;
    /// K-20: settled and not settled, by a person's word.
    k_20_what_a_person_marks_counts_and_is_taken_back;
    /// K-20: not settled, by a person's word, where we had taken it back before.
    k_20_what_we_took_back_is_marked_by_a_person_all_the_same;
    /// K-20: two pages of one cycle, both paid late: one cycle, and the rest is the buyer's.
    k_20_two_tries_of_one_cycle_are_credited_once;
    /// K-20: of money that comes in several transactions each counts once.
    k_20_each_transaction_counts_once;
    /// K-20: money that was seen in time and heard of too late ends nothing.
    k_20_seen_in_time_and_heard_of_too_late_it_goes_on;
    /// K-20: what is not confirmed in time pays for nothing.
    k_20_what_is_never_confirmed_pays_for_nothing;
    /// K-20: what is confirmed when nobody waits for it any more pays as ever.
    k_20_what_is_confirmed_after_all_is_paid;
}

async fn k_20_a_part_is_held_until_it_is_whole(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay(&ana.page, 49_999).unwrap();
    shop.fake.confirm(&ana.page).unwrap();
    shop.settle().await;
    ana.has_nothing(&shop).await;
    shop.fake.pay(&ana.page, 1).unwrap();
    shop.settle().await;
    ana.has_nothing(&shop).await;
    shop.fake.confirm(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(
        ana.newest(&shop).await["payments"][0]["amount"],
        sat(50_000)
    );
    // A part alone, whose page closes: nothing but something for a person.
    let ben = opens(&shop, "ben", "deck-monthly").await;
    shop.fake.pay(&ben.page, 49_999).unwrap();
    shop.pass(SignedDuration::from_hours(3)).await;
    assert_eq!(
        shop.fake.invoice(&ben.page).unwrap().status,
        InvoiceStatus::Expired
    );
    assert_eq!(ben.plan(&shop).await, "");
    assert_eq!(ben.licenses(&shop).await, [] as [String; 0]);
    assert_eq!(parked(&shop).await, ["amount_mismatch"]);
    // And of a renewal the same: it stays owed, at a page of its own.
    shop.pass(days(32)).await;
    let owed = ana.owes(&shop).await;
    shop.fake.pay(&owed, 10_000).unwrap();
    shop.pass(days(3)).await;
    assert_eq!(ana.stands(&shop).await["status"], "past_due");
    assert_ne!(ana.owes(&shop).await, owed);
    assert_eq!(parked(&shop).await, ["amount_mismatch"; 2]);
    assert_eq!(shop.told("subscription.renewed"), 0);
    shop.is_sound().await;
}

async fn k_20_paid_late_it_counts_once_it_is_confirmed(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay_late(&ana.page, 50_000).unwrap();
    let late = shop.fake.invoice(&ana.page).unwrap();
    assert_eq!(
        (late.status, late.additional),
        (InvoiceStatus::Expired, AdditionalStatus::PaidLate)
    );
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "");
    shop.fake.confirm(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(ana.licenses(&shop).await.len(), 1);
    // BTCPay was told what it waits for.
    let marked = shop.fake.invoice(&ana.page).unwrap();
    assert_eq!(marked.status, InvoiceStatus::Settled);
    // Late of a renewal, on its way when the grace ends: nobody lapses by it.
    shop.pass(days(37)).await;
    let owed = ana.owes(&shop).await;
    shop.fake.pay_in_full(&owed).unwrap();
    shop.pass(days(2)).await;
    assert_eq!(ana.stands(&shop).await["status"], "past_due");
    assert_eq!(ana.plan(&shop).await, "deck");
    shop.fake.confirm(&owed).unwrap();
    shop.settle().await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    assert_eq!(shop.told("subscription.lapsed"), 0);
    shop.ends_well().await;
}

async fn k_20_too_much_pays_and_the_rest_is_set_aside(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay(&ana.page, 60_000).unwrap();
    shop.fake.confirm(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(parked(&shop).await, ["amount_mismatch"]);
    let evidence = &shop.parked().await[0].evidence;
    assert!(
        evidence.contains("10000") || evidence.contains("10 000"),
        "{evidence}"
    );
    assert_eq!(shop.told("invoice.amount_mismatch"), 1);
    // Twice to one page, of a renewal: one cycle.
    shop.pass(days(32)).await;
    let owed = ana.owes(&shop).await;
    let through = ana.newest(&shop).await["period_end"].clone();
    for _ in 0..2 {
        shop.fake.pay(&owed, 50_000).unwrap();
    }
    shop.fake.confirm(&owed).unwrap();
    shop.settle().await;
    assert_eq!(ana.stands(&shop).await["paid_through"], through);
    assert_eq!(shop.told("subscription.renewed"), 1);
    assert_eq!(parked(&shop).await.len(), 2);
    let parked = shop.parked().await;
    assert!(
        parked
            .iter()
            .any(|row| row.reason == ParkReason::LatePayment)
    );
    shop.is_sound().await;
}

async fn k_20_what_a_person_marks_counts_and_is_taken_back(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(32)).await;
    let before = ana.stands(&shop).await;
    let owed = ana.owes(&shop).await;
    shop.fake.mark(&owed, true).unwrap();
    shop.settle().await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(shop.told("subscription.renewed"), 1);
    // The journal says by whose word.
    let said = async |who: &Buyer| {
        let settled = who.happened(&shop, "invoice.settled").await;
        let notes = settled.iter().map(|row| row["note"].clone());
        notes.collect::<Vec<_>>()
    };
    let by_hand = json!("marked as settled at the provider by a person");
    let both = said(&ana).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both.iter().filter(|note| **note == by_hand).count(), 1);
    // The money was not there after all.
    shop.fake.mark(&owed, false).unwrap();
    shop.settle().await;
    let after = ana.stands(&shop).await;
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["gives_access"], false, "{after:#}");
    assert_eq!(ana.plan(&shop).await, "");
    let invoice = ana.newest(&shop).await;
    assert_eq!(invoice["returned"][0]["state"], "done", "{invoice:#}");
    // Told again, it is nothing new.
    let told = shop.notifier.events().len();
    shop.fake.tell(
        "InvoiceInvalid",
        &owed,
        serde_json::json!({ "manuallyMarked": true }),
    );
    shop.settle().await;
    assert_eq!(shop.notifier.events().len(), told);
    assert_eq!(ana.plan(&shop).await, "");
    // Of a purchase, and of a page whose place another has taken, the same.
    let ben = opens(&shop, "ben", "deck-monthly").await;
    let eve = bought(&shop, "eve", "deck-monthly").await;
    shop.fake.mark(&ben.page, true).unwrap();
    shop.settle().await;
    assert_eq!(ben.plan(&shop).await, "deck");
    assert_eq!(said(&ben).await, [by_hand]);
    shop.fake.mark(&ben.page, false).unwrap();
    shop.settle().await;
    assert_eq!(ben.plan(&shop).await, "");
    shop.pass(days(32)).await;
    let first = eve.owes(&shop).await;
    shop.pass(days(3)).await;
    assert_ne!(eve.owes(&shop).await, first);
    shop.fake.mark(&first, true).unwrap();
    shop.settle().await;
    assert_eq!(eve.stands(&shop).await["status"], "active");
    assert_eq!(eve.plan(&shop).await, "deck");
    shop.fake.mark(&first, false).unwrap();
    shop.settle().await;
    assert_eq!(eve.plan(&shop).await, "");
    shop.is_sound().await;
}

async fn k_20_what_we_took_back_is_marked_by_a_person_all_the_same(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(32)).await;
    let owed = ana.owes(&shop).await;
    let url = format!(
        "/v1/subscriptions/{}/cancel",
        text(&ana.stands(&shop).await["id"])
    );
    let canceled = shop.operate(&url, &json!({ "when": "now" })).await;
    assert!(canceled.status.is_success(), "{}", canceled.text);
    shop.settle().await;
    assert_eq!(
        shop.fake.invoice(&owed).unwrap().status,
        InvoiceStatus::Invalid
    );
    // Paid all the same, it is the buyer's.
    shop.fake.pay(&owed, 50_000).unwrap();
    shop.pass(BLOCK).await;
    let url = format!("/v1/customers/{}", ana.customer);
    let balances = async || shop.read(&url).await["balances"].clone();
    assert_eq!(balances().await, json!([usd(2_500)]));
    // A person says that it is settled, and then that it is not.
    shop.fake.mark(&owed, true).unwrap();
    shop.settle().await;
    assert_eq!(balances().await, json!([usd(2_500)]));
    shop.fake.mark(&owed, false).unwrap();
    shop.settle().await;
    assert_eq!(balances().await, json!([]));
    shop.is_sound().await;
}

async fn k_20_two_tries_of_one_cycle_are_credited_once(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(31)).await;
    let first = ana.owes(&shop).await;
    dollars(&shop, 100_000);
    shop.pass(days(3)).await;
    let second = ana.owes(&shop).await;
    assert_ne!(first, second);
    let through = ana.newest(&shop).await["period_end"].clone();
    // The older page is paid first, at its own rate, and then the newer one.
    shop.fake.pay_late(&first, 50_000).unwrap();
    shop.pass(BLOCK).await;
    assert_eq!(ana.stands(&shop).await["paid_through"], through);
    assert_eq!(ana.newest(&shop).await["status"], "settled");
    shop.fake.pay_late(&second, 25_000).unwrap();
    shop.pass(BLOCK).await;
    assert_eq!(ana.stands(&shop).await["paid_through"], through);
    assert_eq!(shop.told("subscription.renewed"), 1);
    assert_eq!(parked(&shop).await, ["late_payment"]);
    let evidence = &shop.parked().await[0].evidence;
    assert!(evidence.contains("went to the balance"), "{evidence}");
    // It is worth what it was paid for, and pays for the next cycle.
    shop.pass(days(31)).await;
    let next = ana.newest(&shop).await;
    assert_eq!(next["amount"]["amount"], 0, "{next:#}");
    assert_eq!(next["status"], "settled");
    assert_eq!(shop.told("subscription.renewed"), 2);
    shop.is_sound().await;
}

async fn k_20_each_transaction_counts_once(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "buoy-sats").await;
    shop.pass(days(32)).await;
    // A part, and its page closes: for a person. Another page is made.
    let owed = ana.owes(&shop).await;
    let through = ana.newest(&shop).await["period_end"].clone();
    shop.fake.pay(&owed, 20_000).unwrap();
    shop.pass(days(3)).await;
    assert_ne!(ana.owes(&shop).await, owed);
    assert_eq!(parked(&shop).await, ["amount_mismatch"]);
    // The rest comes there all the same, and again, and is told several times.
    shop.fake.pay_late(&owed, 30_000).unwrap();
    shop.pass(BLOCK).await;
    let stands = ana.stands(&shop).await;
    assert_eq!(
        (&stands["status"], &stands["paid_through"]),
        (&"active".into(), &through)
    );
    let invoice = ana.newest(&shop).await;
    let paid = |payments: &serde_json::Value| -> Vec<_> {
        let payments = payments.as_array().unwrap().iter();
        payments
            .map(|row| (row["amount"].clone(), row["credited"].clone()))
            .collect()
    };
    assert_eq!(
        paid(&invoice["payments"]),
        [(sat(50_000), true.into())],
        "{invoice:#}"
    );
    assert_eq!(parked(&shop).await, ["amount_mismatch"]);
    for _ in 0..2 {
        for event in ["InvoicePaymentSettled", "InvoiceSettled"] {
            shop.fake.tell(event, &owed, serde_json::json!({}));
        }
        shop.settle().await;
    }
    assert_eq!(ana.newest(&shop).await, invoice);
    shop.fake.pay(&owed, 7_000).unwrap();
    shop.pass(BLOCK).await;
    let more = ana.newest(&shop).await;
    let both = [(sat(50_000), true.into()), (sat(7_000), false.into())];
    assert_eq!(paid(&more["payments"]), both, "{more:#}");
    let rows = shop.parked().await;
    let said = "SAT 7000 went to the balance";
    assert!(
        rows.iter().any(|row| row.evidence.contains(said)),
        "{rows:#?}"
    );
    shop.is_sound().await;

    // Of a purchase, the older one is confirmed when the newer was enough already.
    shop.fake.rules(|rules| rules.block_every = None);
    let ben = opens(&shop, "ben", "buoy-sats").await;
    shop.fake.pay(&ben.page, 40_000).unwrap();
    shop.fake.advance(SignedDuration::from_mins(1));
    shop.fake.pay_by_lightning(&ben.page, 50_000).unwrap();
    shop.settle().await;
    assert_eq!(ben.plan(&shop).await, "buoy");
    assert_eq!(parked(&shop).await.len(), 2);
    shop.fake.confirm(&ben.page).unwrap();
    shop.settle().await;
    let invoice = ben.newest(&shop).await;
    let both = [(sat(50_000), true.into()), (sat(40_000), false.into())];
    assert_eq!(paid(&invoice["payments"]), both, "{invoice:#}");
    let parked = shop.parked().await;
    let late = parked
        .iter()
        .filter(|row| row.reason == ParkReason::LatePayment);
    assert_eq!(late.count(), 2);
    shop.is_sound().await;
}

async fn k_20_seen_in_time_and_heard_of_too_late_it_goes_on(kind: StoreKind) {
    for in_time in [true, false] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        shop.fake.rules(|rules| rules.block_every = None);
        shop.pass(days(36)).await;
        let before = ana.stands(&shop).await;
        let ends: Timestamp = before["grace_ends_at"].as_str().unwrap().parse().unwrap();
        let owed = ana.owes(&shop).await;
        let through = ana.newest(&shop).await["period_end"].clone();
        let moment = SignedDuration::from_mins(if in_time { -1 } else { 1 });
        let seen = shifted(ends, moment);
        shop.pass(seen.duration_since(shop.now())).await;
        let owed = if shop.fake.invoice(&owed).unwrap().status == InvoiceStatus::New {
            owed
        } else {
            ana.owes(&shop).await
        };
        shop.fake.pay_in_full(&owed).unwrap();
        // The webhook is away, and the grace is over when somebody asks.
        assert!(loses(&shop) > 0);
        shop.fake.advance(SignedDuration::from_mins(30));
        shop.work().await;
        assert_eq!(ana.stands(&shop).await["status"], "lapsed");
        assert_eq!(ana.plan(&shop).await, "");
        asks(&shop).await;
        let stands = ana.stands(&shop).await;
        assert_eq!(stands["id"], before["id"]);
        if in_time {
            assert_eq!(stands["status"], "past_due", "{stands:#}");
            assert_eq!(ana.plan(&shop).await, "deck");
        } else {
            assert_eq!(stands["status"], "lapsed", "{stands:#}");
        }
        // Once it is there it pays for the cycle, or begins another one.
        shop.fake.confirm(&owed).unwrap();
        shop.settle().await;
        let stands = ana.stands(&shop).await;
        assert_eq!(stands["status"], "active");
        assert_eq!(stands["paid_through"] == through, in_time);
        assert_eq!(ana.plan(&shop).await, "deck");
        assert_eq!(shop.told("subscription.lapsed"), 1);
        shop.ends_well().await;
    }
}

async fn k_20_what_is_never_confirmed_pays_for_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay_in_full(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "");
    shop.pass(days(5)).await;
    assert_eq!(
        shop.fake.invoice(&ana.page).unwrap().status,
        InvoiceStatus::Invalid
    );
    assert_eq!(ana.plan(&shop).await, "");
    // It may still be confirmed: a person is asked, once, and told of what.
    let asked = shop.parked().await;
    let [row] = &asked[..] else {
        panic!("{asked:#?}");
    };
    assert_eq!(row.reason, ParkReason::Conflict);
    assert!(row.evidence.contains(&ana.page), "{}", row.evidence);
    assert!(row.evidence.contains("50000"), "{}", row.evidence);
    for _ in 0..2 {
        shop.fake.tell("InvoiceInvalid", &ana.page, json!({}));
        shop.settle().await;
    }
    assert_eq!(parked(&shop).await, ["conflict"]);
    // Nor does a renewal: it lapses, later than it would have, and once.
    let ben = opens(&shop, "ben", "buoy-sats").await;
    pays(&shop, &ben.page).await;
    shop.pass(days(32)).await;
    let owed = ben.owes(&shop).await;
    shop.fake.pay_in_full(&owed).unwrap();
    shop.pass(days(20)).await;
    assert_eq!(
        shop.fake.invoice(&owed).unwrap().status,
        InvoiceStatus::Invalid
    );
    assert_eq!(ben.plan(&shop).await, "");
    assert_eq!(shop.told("subscription.lapsed"), 1);
    assert_eq!(shop.told("subscription.renewed"), 0);
    let of_renewal = async || {
        let rows = shop.parked().await.into_iter();
        rows.filter(|row| row.evidence.contains(&owed))
            .map(|row| row.reason)
            .collect::<Vec<_>>()
    };
    assert_eq!(of_renewal().await, [ParkReason::Conflict]);
    for _ in 0..2 {
        shop.fake.tell("InvoiceInvalid", &owed, json!({}));
        shop.settle().await;
    }
    assert_eq!(of_renewal().await, [ParkReason::Conflict]);
    shop.is_sound().await;
}

async fn k_20_what_is_confirmed_after_all_is_paid(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay_in_full(&ana.page).unwrap();
    shop.pass(days(5)).await;
    assert_eq!(parked(&shop).await, ["conflict"]);
    assert_eq!(ana.plan(&shop).await, "");
    shop.fake.confirm(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(ana.newest(&shop).await["status"], "settled");
    // Of a renewal the same, while its grace goes on.
    let ben = bought(&shop, "ben", "deck-monthly").await;
    shop.pass(days(32)).await;
    let owed = ben.owes(&shop).await;
    let through = ben.newest(&shop).await["period_end"].clone();
    shop.fake.pay_in_full(&owed).unwrap();
    shop.pass(days(7)).await;
    assert_eq!(
        shop.fake.invoice(&owed).unwrap().status,
        InvoiceStatus::Invalid
    );
    assert_eq!(ben.newest(&shop).await["status"], "open");
    assert_eq!(parked(&shop).await, ["conflict"; 2]);
    shop.fake.confirm(&owed).unwrap();
    shop.settle().await;
    let stands = ben.stands(&shop).await;
    assert_eq!(
        (&stands["status"], &stands["paid_through"]),
        (&"active".into(), &through),
        "{stands:#}"
    );
    assert_eq!(ben.newest(&shop).await["status"], "settled");
    assert_eq!(parked(&shop).await, ["conflict"; 2]);
    shop.is_sound().await;
}
