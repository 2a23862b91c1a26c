//! Renewals that are paid in bitcoin: invoiced by the engine, one page after another.

use billing_domain::journal::Event;
use billing_domain::time::{Timestamp, shifted};
use billing_testkit::fakes::btcpay::InvoiceStatus;
use serde_json::{Value, json};

use super::shop::{
    BLOCK, Shop, bought, days, dollars, page, parked, pays, pays_untold, shop, shop_selling,
};
use crate::rig::StoreKind;
use crate::scenarios::harbor::{PLANS, sat, text, usd};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-12: each cycle has one invoice, told with its link, its money and its dates.
    k_12_a_renewal_in_satoshi_is_told_with_all_that_it_takes_to_pay;
    /// K-13, K-14: satoshi as they stand; dollars as many satoshi as that day, exactly.
    k_14_btcpay_is_asked_for_satoshi_to_the_last_one;
    /// K-15: paid late, the same subscription and license go on.
    k_15_a_late_payment_through_btcpay_reactivates;
    /// K-12: a page that has closed is made anew for the same cycle, at the day's rate.
    k_12_a_page_that_closed_is_quoted_anew_in_the_same_cycle;
    /// K-18: four unpaid cycles are one open invoice and one lapse.
    k_18_four_unpaid_cycles_at_btcpay_are_one_lapse;
    /// K-11: after an outage of ours only the current cycle is invoiced.
    k_11_an_outage_of_ours_makes_one_invoice_at_btcpay;
    /// K-11: with `catch_up: each`, every cycle is invoiced, one after the other.
    k_11_each_cycle_of_an_outage_is_invoiced_where_the_catalog_says_so;
    /// K-11: with `lead`, an invoice comes before its cycle, and paying it early loses nothing.
    k_11_an_invoice_that_comes_ahead_is_paid_ahead;
}

fn at(text: &Value) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

async fn k_12_a_renewal_in_satoshi_is_told_with_all_that_it_takes_to_pay(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let mut numbers = Vec::new();
    for cycle in 1..=3 {
        let ends = at(&ana.stands(&shop).await["paid_through"]);
        shop.pass(shifted(ends, days(1)).duration_since(shop.now()))
            .await;
        let stands = ana.stands(&shop).await;
        let invoice = ana.newest(&shop).await;
        assert_eq!(invoice["purpose"], "renewal");
        assert_eq!(invoice["amount"], usd(2_500));
        assert_eq!(invoice["conversion"]["collected"], sat(50_000));
        assert_eq!(invoice["conversion"]["source"], "btcpay");
        numbers.push(invoice["cycle"].as_u64().unwrap());

        let pending = ana.happened(&shop, "subscription.renewal_pending").await;
        assert_eq!(pending.len(), cycle);
        let told = &pending[0];
        assert_eq!(told["subscription"], stands["id"]);
        assert_eq!(told["invoice"], invoice["id"]);
        assert_eq!(told["money"], invoice["amount"]);
        assert_eq!(told["note"], invoice["pay_url"]);
        assert_eq!(shop.told("subscription.renewal_pending"), cycle);
        // All that it takes to pay stands in the event itself, whoever is told of it.
        let renewal = &told["renewal"];
        assert_eq!(renewal["cycle"], invoice["cycle"]);
        assert_eq!(renewal["collected"], sat(50_000));
        assert_eq!(at(&renewal["due_at"]), ends);
        assert_eq!(renewal["grace_ends_at"], stands["grace_ends_at"]);
        let heard = shop.notifier.deliveries();
        let heard = heard.iter().flat_map(|(_, told)| &told.entries);
        let mut heard = heard.filter(|entry| entry.event == Event::SubscriptionRenewalPending);
        let heard = heard.next_back().and_then(|entry| entry.renewal).unwrap();
        assert_eq!(invoice["cycle"], heard.cycle);
        assert_eq!(heard.collected.amount, 50_000);
        assert_eq!(heard.collected.currency.to_string(), "sat");
        assert_eq!(
            (heard.due_at, at(&stands["grace_ends_at"])),
            (ends, heard.grace_ends_at)
        );

        // Once more, and a day later: there is one, at either side.
        shop.pass(days(1)).await;
        let open = ana.invoices(&shop).await;
        let open = open.iter().filter(|row| row["status"] == "open");
        assert_eq!(open.count(), 1);
        assert_eq!(ana.at_btcpay(&shop).len(), 1 + cycle);
        pays(&shop, &page(&invoice["pay_url"])).await;
        assert_eq!(ana.stands(&shop).await["status"], "active");
        assert_eq!(shop.told("subscription.renewed"), cycle);
    }
    assert!(
        numbers.is_sorted_by(|one, other| one + 1 == *other),
        "{numbers:?}"
    );
    // Each is found at BTCPay by subscription, cycle and try, and there is one of each.
    let orders = shop.fake.books().objects;
    let of_renewals = orders
        .iter()
        .filter(|(order, _)| order.starts_with("order:renewal:"));
    let of_renewals: Vec<u64> = of_renewals.map(|(_, made)| *made).collect();
    assert_eq!(of_renewals, [1, 1, 1]);
    assert_eq!(
        shop.notifier
            .events()
            .iter()
            .filter(|told| **told == Event::LicenseIssued)
            .count(),
        1
    );
    shop.ends_well().await;
}

async fn k_14_btcpay_is_asked_for_satoshi_to_the_last_one(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let ben = bought(&shop, "ben", "buoy-sats").await;
    // 2 500 cents × 100 000 000 ÷ 6 400 003 is 39 062.48…
    for (dollars_each, satoshi) in [(50_000, 50_000), (100_000, 25_000), (64_000, 39_063)] {
        dollars(&shop, dollars_each);
        if ana.invoices(&shop).await.len() > 1 || dollars_each != 50_000 {
            shop.pass(days(31)).await;
        }
        let invoice = ana.newest(&shop).await;
        let conversion = &invoice["conversion"];
        assert_eq!(conversion["listed"], usd(2_500));
        assert_eq!(conversion["collected"], sat(satoshi));
        assert_eq!(conversion["rate"], json!(dollars_each * 100));
        let asked = ana.at_btcpay(&shop).pop().unwrap();
        assert_eq!(
            (asked.currency.as_str(), asked.due()),
            ("SATS", i128::from(satoshi))
        );

        let verbatim = ben.newest(&shop).await;
        assert_eq!(verbatim["amount"], sat(50_000));
        assert_eq!(verbatim["conversion"], Value::Null);
        assert!(!verbatim.to_string().contains("\"rate\""), "{verbatim}");
        let asked = ben.at_btcpay(&shop).pop().unwrap();
        assert_eq!(asked.due(), 50_000);
        assert!(
            !asked.metadata.to_string().contains("conversion"),
            "{}",
            asked.metadata
        );
        for buyer in [&ana, &ben] {
            if buyer.newest(&shop).await["status"] == "open" {
                pays(&shop, &buyer.owes(&shop).await).await;
            }
        }
    }
    let paid = shop.fake.books().of(&ana.customer).charged["sat"];
    assert_eq!(paid, 50_000 + 25_000 + 39_063);
    shop.ends_well().await;
}

async fn k_15_a_late_payment_through_btcpay_reactivates(kind: StoreKind) {
    for lapsed in [false, true] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        let before = (ana.stands(&shop).await, ana.licenses(&shop).await);
        // Grace is seven days from the end of what is paid.
        shop.pass(days(if lapsed { 41 } else { 35 })).await;
        let now = ana.stands(&shop).await;
        let status = if lapsed { "lapsed" } else { "past_due" };
        assert_eq!(now["status"], status);
        assert_eq!(ana.plan(&shop).await, if lapsed { "" } else { "deck" });
        let owed = ana.owes(&shop).await;
        pays(&shop, &owed).await;
        let after = ana.stands(&shop).await;
        assert_eq!(after["id"], before.0["id"]);
        assert_eq!(after["status"], "active");
        assert_eq!(ana.licenses(&shop).await, before.1, "the same license");
        assert_eq!(before.1.len(), 1);
        let invoice = ana.newest(&shop).await;
        assert_eq!(invoice["status"], "settled");
        assert_eq!(after["paid_through"], invoice["period_end"]);
        if !lapsed {
            assert_eq!(invoice["period_start"], before.0["paid_through"]);
        }
        assert_eq!(ana.happened(&shop, "subscription.renewed").await.len(), 1);
        assert_eq!(shop.told("license.issued"), 1);
        shop.ends_well().await;
    }
}

/// The newest page of a renewal that was not paid in time, and the one before it.
async fn quoted_anew(shop: &Shop, ana: &super::shop::Buyer) -> (String, String) {
    let first = ana.owes(shop).await;
    dollars(shop, 100_000);
    shop.pass(days(3)).await;
    let second = ana.owes(shop).await;
    assert_ne!(first, second);
    (first, second)
}

async fn k_12_a_page_that_closed_is_quoted_anew_in_the_same_cycle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    shop.pass(days(32)).await;
    let open = ana.newest(&shop).await;
    let stands = ana.stands(&shop).await;
    let (first, second) = quoted_anew(&shop, &ana).await;
    let anew = ana.newest(&shop).await;
    for same in ["id", "cycle", "amount", "period_start", "period_end"] {
        assert_eq!(anew[same], open[same], "{same}");
    }
    assert_eq!(open["conversion"]["collected"], sat(50_000));
    assert_eq!(anew["conversion"]["collected"], sat(25_000));
    assert_eq!(anew["conversion"]["rate"], 10_000_000);
    assert_eq!(
        ana.stands(&shop).await["grace_ends_at"],
        stands["grace_ends_at"]
    );
    assert_eq!(
        shop.fake.invoice(&first).unwrap().status,
        InvoiceStatus::Expired
    );
    // Who keeps the old link can be told where to pay now.
    let pending = ana.happened(&shop, "subscription.renewal_pending").await;
    assert_eq!(pending.len(), 2);
    assert_eq!(pending[0]["note"], anew["pay_url"]);
    assert_eq!(pending[0]["invoice"], pending[1]["invoice"]);
    assert_eq!(pending[0]["renewal"]["collected"], sat(25_000));
    assert_eq!(pending[1]["renewal"]["collected"], sat(50_000));
    for same in ["cycle", "due_at", "grace_ends_at"] {
        assert_eq!(pending[0]["renewal"][same], pending[1]["renewal"][same]);
    }
    pays(&shop, &second).await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    assert_eq!(
        ana.newest(&shop).await["payments"][0]["amount"],
        sat(25_000)
    );
    shop.ends_well().await;
    // The first is paid after all: once is enough, the rest is the buyer's money.
    let before = ana.stands(&shop).await;
    shop.fake.pay_late(&first, 50_000).unwrap();
    shop.pass(BLOCK).await;
    assert_eq!(ana.stands(&shop).await, before);
    assert_eq!(parked(&shop).await, ["late_payment"]);
    assert_eq!(shop.told("subscription.renewed"), 1);
    shop.is_sound().await;
}

async fn k_18_four_unpaid_cycles_at_btcpay_are_one_lapse(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let bought_at = at(&ana.stands(&shop).await["paid_through"]);
    shop.pass(days(31 + 122)).await;
    let invoices = ana.invoices(&shop).await;
    assert_eq!(invoices.len(), 2, "{invoices:#?}");
    assert_eq!(invoices[1]["status"], "open");
    assert_eq!(shop.told("subscription.lapsed"), 1);
    assert_eq!(shop.told("subscription.past_due"), 1);
    assert_eq!(ana.stands(&shop).await["status"], "lapsed");
    assert_eq!(ana.plan(&shop).await, "");
    assert_eq!(shop.told("invoice.opened"), 1);
    // A page lives three days and grace seven: three pages, and none after the lapse.
    let made = ana.at_btcpay(&shop);
    let renewals: Vec<_> = made.iter().skip(1).collect();
    assert_eq!(renewals.len(), 3);
    assert!(
        renewals
            .iter()
            .all(|held| held.created < shifted(bought_at, days(7)))
    );
    shop.ends_well().await;
}

async fn k_11_an_outage_of_ours_makes_one_invoice_at_btcpay(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let ben = bought(&shop, "ben", "buoy-sats").await;
    // Nobody works for three months.
    shop.fake.advance(days(100));
    for _ in 0..3 {
        shop.settle().await;
    }
    for buyer in [&ana, &ben] {
        let invoices = buyer.invoices(&shop).await;
        assert_eq!(invoices.len(), 2, "{invoices:#?}");
        assert_eq!(buyer.at_btcpay(&shop).len(), 2);
        let invoice = &invoices[1];
        assert!(at(&invoice["period_start"]) <= shop.now());
        assert!(shop.now() < at(&invoice["period_end"]));
        pays(&shop, text(&invoice["pay_url"]).rsplit('/').next().unwrap()).await;
        assert_eq!(buyer.stands(&shop).await["status"], "active");
    }
    shop.ends_well().await;
}

async fn k_11_each_cycle_of_an_outage_is_invoiced_where_the_catalog_says_so(kind: StoreKind) {
    let plans = format!("{PLANS}rules:\n  catch_up: each\n");
    let shop = shop_selling(kind, &plans).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let bought_until = at(&ana.stands(&shop).await["paid_through"]);
    // Nobody works for three months, and three cycles begin.
    shop.fake.advance(days(100));
    let back = shop.now();
    let mut ends = bought_until;
    for cycle in 1..=3 {
        // Lists go by the instant at which something was made.
        shop.pass(BLOCK).await;
        let invoices = ana.invoices(&shop).await;
        assert_eq!(invoices.len(), 1 + cycle, "one after the other");
        assert_eq!(ana.at_btcpay(&shop).len(), 1 + cycle);
        let invoice = invoices.last().unwrap();
        assert_eq!(invoice["status"], "open");
        assert_eq!(invoice["cycle"], cycle);
        assert_eq!(at(&invoice["period_start"]), ends, "without a gap");
        assert_eq!(invoice["conversion"]["collected"], sat(50_000));
        ends = at(&invoice["period_end"]);
        assert_eq!(ends > back, cycle == 3, "{ends}");
        pays_untold(&shop, &page(&invoice["pay_url"]));
        shop.fake.advance(BLOCK);
        shop.settle().await;
        assert_eq!(at(&ana.stands(&shop).await["paid_through"]), ends);
    }
    shop.pass(days(1)).await;
    assert_eq!(ana.invoices(&shop).await.len(), 4);
    assert_eq!(shop.told("subscription.renewal_skipped"), 0);
    assert_eq!(shop.told("subscription.lapsed"), 0);
    assert_eq!(ana.stands(&shop).await["status"], "active");
    shop.ends_well().await;
}

async fn k_11_an_invoice_that_comes_ahead_is_paid_ahead(kind: StoreKind) {
    let price = "deck-monthly: { amount: 25.00, interval: month";
    let plans = PLANS.replace(price, &format!("{price}, lead: 3d"));
    let shop = shop_selling(kind, &plans).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let first = at(&ana.stands(&shop).await["paid_through"]);
    let comes = shifted(first, days(-3));
    shop.pass(shifted(comes, days(-1)).duration_since(shop.now()))
        .await;
    assert_eq!(ana.at_btcpay(&shop).len(), 1);
    shop.pass(days(2)).await;
    let invoice = ana.newest(&shop).await;
    assert_eq!(at(&invoice["opened_at"]), comes);
    assert_eq!(at(&invoice["period_start"]), first);
    let pending = ana.happened(&shop, "subscription.renewal_pending").await;
    assert_eq!(pending.len(), 1);
    assert_eq!(at(&pending[0]["renewal"]["due_at"]), first);
    assert_eq!(
        at(&pending[0]["renewal"]["grace_ends_at"]),
        shifted(first, days(7))
    );
    // Nothing is past due before the period ends, and what is paid ahead follows it.
    assert_eq!(ana.stands(&shop).await["status"], "active");
    pays(&shop, &ana.owes(&shop).await).await;
    let paid = ana.stands(&shop).await;
    assert_eq!(paid["paid_through"], invoice["period_end"]);
    shop.pass(days(10)).await;
    assert_eq!(shop.told("subscription.past_due"), 0);
    // Left unpaid, it is past due from the end of the period, and its grace counts from there.
    let second = at(&paid["paid_through"]);
    shop.pass(shifted(second, days(-1)).duration_since(shop.now()))
        .await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    shop.pass(days(2)).await;
    let stands = ana.stands(&shop).await;
    assert_eq!(stands["status"], "past_due");
    assert_eq!(at(&stands["grace_ends_at"]), shifted(second, days(7)));
    assert_eq!(ana.plan(&shop).await, "deck");
    pays(&shop, &ana.owes(&shop).await).await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    shop.ends_well().await;
}
