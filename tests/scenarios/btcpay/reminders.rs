//! Reminders of renewals that are paid in bitcoin: a day before one is due, and two days
//! before its grace ends.

use billing_domain::time::{Timestamp, shifted, shifted_back};
use billing_ports::Mail;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Buyer, Shop, bought, days, page, pays, shop_selling};
use crate::rig::{PUBLIC, StoreKind};
use crate::scenarios::harbor::{PLANS, sat, text, usd};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-12: each is told once a cycle, at its time, with all that it takes to pay.
    k_12_a_renewal_is_called_to_mind_before_it_is_due_and_before_it_lapses;
    /// K-12: nobody is reminded of what is paid, on its way, canceled or paused.
    k_12_nobody_is_reminded_of_what_is_not_owed;
    /// K-12: after an outage of ours what no longer helps is not told.
    k_12_what_comes_too_late_to_help_is_not_told;
    /// K-12: whoever has an address on file gets each by mail, once, with the link.
    k_12_a_reminder_goes_by_mail_once_with_the_link;
}

/// Both kinds.
const KINDS: [&str; 2] = ["subscription.renewal_due", "subscription.grace_ending"];

/// A deck that is invoiced five days before its month ends.
async fn ahead(kind: StoreKind) -> Shop {
    let price = "deck-monthly: { amount: 25.00, interval: month";
    assert!(PLANS.contains(price));
    let plans = PLANS.replace(price, &format!("{price}, lead: 5d"));
    shop_selling(kind, &plans).await
}

fn at(text: &Value) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

async fn until(shop: &Shop, at: Timestamp) {
    shop.pass(at.duration_since(shop.now())).await;
}

/// When the current period of theirs ends.
async fn ends(shop: &Shop, who: &Buyer) -> Timestamp {
    at(&who.stands(shop).await["paid_through"])
}

/// How often each kind was told to the host.
fn told(shop: &Shop) -> [usize; 2] {
    KINDS.map(|event| shop.told(event))
}

async fn k_12_a_renewal_is_called_to_mind_before_it_is_due_and_before_it_lapses(kind: StoreKind) {
    let shop = ahead(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    for cycle in 1..=2 {
        let due = ends(&shop, &ana).await;
        let grace_ends = shifted(due, days(7));
        let moment = SignedDuration::from_secs(1);
        for (event, when) in KINDS.iter().zip([days(-1), days(5)]) {
            let when = shifted(due, when);
            until(&shop, shifted_back(when, moment)).await;
            assert_eq!(ana.happened(&shop, event).await.len(), cycle - 1, "{event}");
            until(&shop, shifted(when, days(1))).await;
            let rows = ana.happened(&shop, event).await;
            assert_eq!(rows.len(), cycle, "{event}");
            let (entry, invoice) = (&rows[0], ana.newest(&shop).await);
            assert_eq!(at(&entry["at"]), when);
            assert_eq!(entry["invoice"], invoice["id"]);
            assert_eq!(entry["subscription"], ana.stands(&shop).await["id"]);
            assert_eq!(entry["money"], usd(2_500));
            let renewal = &entry["renewal"];
            assert_eq!(renewal["cycle"], invoice["cycle"]);
            assert_eq!(renewal["collected"], sat(50_000));
            assert_eq!(at(&renewal["due_at"]), due);
            assert_eq!(at(&renewal["grace_ends_at"]), grace_ends);
            // The link is the one that was told when it could first be paid.
            let pending = ana.happened(&shop, "subscription.renewal_pending").await;
            let link = text(&renewal["pay_url"]);
            assert!(link.starts_with(&format!("{PUBLIC}/renewal?link=br_")));
            assert_eq!(pending[0]["renewal"]["pay_url"], link);
        }
        // BTCPay closed page after page meanwhile, and that is no reason to tell it again.
        assert!(ana.at_btcpay(&shop).len() > cycle + 1);
        assert_eq!(told(&shop), [cycle, cycle]);
        // The reminder's link leads to where it is paid.
        let link = text(&ana.happened(&shop, KINDS[1]).await[0]["renewal"]["pay_url"]);
        let (_, token) = link.split_once("link=").unwrap();
        let led = shop.submit("/renewal", &[("link", token)]).await;
        assert_eq!(led.status, StatusCode::SEE_OTHER, "{}", led.text);
        pays(&shop, &page(&json!(led.header("location")))).await;
        assert_eq!(ana.stands(&shop).await["status"], "active");
    }
    shop.ends_well().await;
}

async fn k_12_nobody_is_reminded_of_what_is_not_owed(kind: StoreKind) {
    let shop = ahead(kind).await;
    let mut buyers = Vec::new();
    for who in ["early", "late", "canceled", "paused", "lapsed"] {
        buyers.push(bought(&shop, who, "deck-monthly").await);
    }
    let [early, late, canceled, paused, lapsed] = &buyers[..] else {
        unreachable!()
    };
    let due = ends(&shop, early).await;
    until(&shop, shifted(due, days(-2))).await;
    pays(&shop, &early.owes(&shop).await).await;
    for (who, act) in [(canceled, "cancel"), (paused, "pause")] {
        let id = text(&who.stands(&shop).await["id"]);
        let asked = shop
            .operate(&format!("/v1/subscriptions/{id}/{act}"), &json!({}))
            .await;
        assert!(asked.status.is_success(), "{act}: {}", asked.text);
    }
    // Seen a day before it is due and not confirmed for long, while the others are reminded.
    until(&shop, shifted(due, SignedDuration::from_hours(-25))).await;
    shop.fake.pay_in_full(&late.owes(&shop).await).unwrap();
    until(&shop, due).await;
    assert_eq!(told(&shop), [1, 0]);
    assert_eq!(lapsed.happened(&shop, KINDS[0]).await.len(), 1);
    let on_its_way = late.at_btcpay(&shop).pop().unwrap();
    shop.fake.confirm(&on_its_way.id).unwrap();
    until(&shop, shifted(due, days(20))).await;
    assert_eq!(told(&shop), [1, 1]);
    assert_eq!(lapsed.stands(&shop).await["status"], "lapsed");
    for who in [early, late, canceled, paused] {
        for event in KINDS {
            assert_eq!(who.happened(&shop, event).await, [] as [Value; 0]);
        }
    }
    assert_eq!(late.stands(&shop).await["status"], "active");
    shop.ends_well().await;
}

async fn k_12_what_comes_too_late_to_help_is_not_told(kind: StoreKind) {
    let shop = ahead(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let due = ends(&shop, &ana).await;
    until(&shop, shifted(due, days(-4))).await;
    // Nobody works until a day before the end of grace: one of two still helps.
    let back = shifted(due, days(6));
    shop.fake.advance(back.duration_since(shop.now()));
    for _ in 0..3 {
        shop.settle().await;
    }
    assert_eq!(told(&shop), [0, 1]);
    pays(&shop, &ana.owes(&shop).await).await;
    // Nobody works for months: of all that was owed meanwhile only what is owed is told.
    let due = ends(&shop, &ana).await;
    until(&shop, shifted(due, days(-4))).await;
    shop.fake.advance(days(100));
    for _ in 0..3 {
        shop.settle().await;
    }
    assert_eq!(told(&shop), [0, 1]);
    assert_eq!(shop.told("subscription.lapsed"), 1);
    shop.ends_well().await;
}

/// The letters that are no links to somebody's billing.
async fn letters(shop: &Shop) -> Vec<Mail> {
    let mut mail = shop.mail().await;
    mail.retain(|mail| mail.id.starts_with("jrn_"));
    mail
}

async fn k_12_a_reminder_goes_by_mail_once_with_the_link(kind: StoreKind) {
    let shop = ahead(kind).await;
    let on_file = json!({ "external_ref": "ana", "email": "ana@example.com" });
    let known = shop.operate("/v1/customers", &on_file).await;
    let customer = text(&known.is(StatusCode::CREATED).json()["id"]);
    let session = shop.session(&customer).await;
    let asked = json!({ "price": "deck-monthly" });
    let opened = shop.post_as(&session, "/v1/checkouts", &asked).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let ana = Buyer {
        customer,
        page: page(&opened["url"]),
    };
    pays(&shop, &ana.page).await;
    let ben = bought(&shop, "ben", "deck-monthly").await;
    let due = ends(&shop, &ana).await;
    // The host cannot be told at first: told again, the same letter goes once.
    until(&shop, shifted(due, SignedDuration::from_hours(-25))).await;
    assert_eq!(letters(&shop).await, []);
    shop.notifier.fail_next(2);
    until(&shop, shifted(due, days(1))).await;
    let sent = letters(&shop).await;
    assert_eq!(told(&shop), [2, 0], "ben, too, who has no address");
    assert_eq!(sent.len(), 1);
    let told_of = &ana.happened(&shop, KINDS[0]).await[0];
    assert_eq!(
        (&sent[0].id, &*sent[0].to),
        (&text(&told_of["id"]), "ana@example.com")
    );
    let link = text(&told_of["renewal"]["pay_url"]);
    assert!(
        sent[0].text.lines().any(|line| line == link),
        "{}",
        sent[0].text
    );
    assert!(
        sent[0]
            .text
            .contains("The next period of Deck at Harbor is due on")
    );
    assert!(
        sent[0].text.contains("It costs USD 25.00,"),
        "{}",
        sent[0].text
    );
    assert!(
        sent[0]
            .subject
            .starts_with("Your renewal at Harbor is due on ")
    );

    until(&shop, shifted(due, days(5))).await;
    let sent = letters(&shop).await;
    assert_eq!((told(&shop), sent.len()), ([2, 2], 2));
    assert!(
        sent[1]
            .subject
            .starts_with("Your renewal at Harbor can be paid until ")
    );
    assert!(
        sent[1].text.contains("and is not paid.\nUnpaid on "),
        "{}",
        sent[1].text
    );
    pays(&shop, &ana.owes(&shop).await).await;
    pays(&shop, &ben.owes(&shop).await).await;
    assert_eq!(letters(&shop).await.len(), 2);
    shop.ends_well().await;
}
