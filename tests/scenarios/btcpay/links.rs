//! Links to pay a renewal by: they live as long as it can be paid, while BTCPay's own page
//! closes with its rate.

use billing_domain::time::shifted;
use billing_testkit::fakes::btcpay::InvoiceStatus;
use billing_testkit::fakes::rig::FaultKind;
use billing_testkit::receiver::Receiver;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{BLOCK, Buyer, Shop, bought, days, dollars, down, loses, page, parked, shop};
use crate::rig::{PUBLIC, Seen, StoreKind, assert_sent_as_documented};
use crate::scenarios::harbor::{sat, text};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-12: the link of an event, days later: another page for the same cycle, once.
    k_12_a_link_of_days_ago_is_paid_at_the_rate_of_the_day;
    /// K-12: what was altered, is too old or leads to nothing that is owed makes nothing.
    k_12_a_link_makes_nothing_that_is_not_owed;
    /// K-12: while BTCPay is away nothing is made, and the link goes on working.
    k_12_a_link_survives_an_outage_of_btcpay;
    /// K-12: what receivers are sent of a renewal, and of its reminders, has the link of days.
    k_12_events_that_are_sent_have_the_link_of_days;
}

/// Somebody who owes a renewal since yesterday, and the link of the event that says so.
async fn owing(shop: &Shop, who: &str) -> (Buyer, String) {
    let buyer = bought(shop, who, "deck-monthly").await;
    let end = shifted(shop.now(), days(32));
    shop.pass(end.duration_since(shop.now())).await;
    let link = link_of(shop, &buyer).await;
    (buyer, link)
}

/// The link of the newest event.
async fn link_of(shop: &Shop, buyer: &Buyer) -> String {
    let pending = buyer.happened(shop, "subscription.renewal_pending").await;
    let link = text(&pending[0]["renewal"]["pay_url"]);
    assert!(
        link.starts_with(&format!("{PUBLIC}/renewal?link=br_")),
        "{link}"
    );
    link
}

/// Visits a link, as programs that look through mail do.
async fn visits(shop: &Shop, link: &str) -> Seen {
    let seen = shop.get(link).await;
    assert_eq!(seen.header("cache-control"), "no-store");
    let policy = seen.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    assert!(!seen.text.contains("<script"), "{}", seen.text);
    seen
}

/// Presses the button of a link's page.
async fn presses(shop: &Shop, link: &str) -> Seen {
    let (_, token) = link.split_once("link=").unwrap();
    shop.submit("/renewal", &[("link", token)]).await
}

/// BTCPay's id of the page to which a press led.
#[track_caller]
fn led(seen: &Seen) -> String {
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    assert_eq!(seen.header("cache-control"), "no-store");
    assert_eq!(seen.header("referrer-policy"), "no-referrer");
    page(&json!(seen.header("location")))
}

#[track_caller]
fn says(seen: Seen, words: &str) {
    let seen = seen.is(StatusCode::OK);
    assert!(seen.text.contains(words), "{}", seen.text);
    assert!(!seen.text.contains("<form"), "{}", seen.text);
}

async fn k_12_a_link_of_days_ago_is_paid_at_the_rate_of_the_day(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, link) = owing(&shop, "ana").await;
    let open = ana.newest(&shop).await;
    let first = ana.owes(&shop).await;
    // As long as it can be paid at, it is used.
    assert_eq!(led(&presses(&shop, &link).await), first);

    // Three days later. Nobody has worked since, and nothing that BTCPay says has come.
    dollars(&shop, 100_000);
    shop.fake.advance(days(3));
    loses(&shop);
    assert_eq!(
        shop.fake.invoice(&first).unwrap().status,
        InvoiceStatus::Expired
    );
    let seen = visits(&shop, &link).await.is(StatusCode::OK);
    for word in [
        "Your renewal of <bdi>Deck</bdi>",
        "$25",
        "Can be paid until",
    ] {
        assert!(seen.text.contains(word), "{word}: {}", seen.text);
    }
    assert_eq!(
        format!("{PUBLIC}/renewal?link={}", seen.field("link")),
        link
    );
    assert_eq!(ana.newest(&shop).await, open, "a visit makes nothing");
    assert_eq!(ana.at_btcpay(&shop).len(), 2);

    // Pressed twice at once: one page, for the same cycle, at the day's rate.
    let (one, other) = tokio::join!(presses(&shop, &link), presses(&shop, &link));
    let second = led(&one);
    assert_eq!(led(&other), second);
    assert_ne!(first, second);
    let anew = ana.newest(&shop).await;
    for same in ["id", "cycle", "amount", "period_start", "period_end"] {
        assert_eq!(anew[same], open[same], "{same}");
    }
    assert_eq!(open["conversion"]["collected"], sat(50_000));
    assert_eq!(anew["conversion"]["collected"], sat(25_000));
    assert_eq!(led(&presses(&shop, &link).await), second);
    assert_eq!(ana.at_btcpay(&shop).len(), 3);
    // Told again, it lives as long as the grace, which the days without a page prolong.
    let again = link_of(&shop, &ana).await;
    assert_ne!(again, link);
    assert_eq!(led(&presses(&shop, &again).await), second);

    // Paid, and not confirmed yet.
    shop.fake.pay_in_full(&second).unwrap();
    for _ in 0..2 {
        says(presses(&shop, &link).await, "Your payment is on its way");
    }
    shop.fake.confirm(&second).unwrap();
    shop.settle().await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    assert_eq!(shop.told("subscription.renewed"), 1);
    says(presses(&shop, &link).await, "This renewal is paid");
    says(visits(&shop, &link).await, "This renewal is paid");
    shop.ends_well().await;

    // The first page is paid after all: the cycle is credited once.
    let before = ana.stands(&shop).await;
    shop.fake.pay_late(&first, 50_000).unwrap();
    shop.pass(BLOCK).await;
    assert_eq!(ana.stands(&shop).await, before);
    assert_eq!(parked(&shop).await, ["late_payment"]);
    assert_eq!(shop.told("subscription.renewed"), 1);
    shop.is_sound().await;
}

async fn k_12_a_link_makes_nothing_that_is_not_owed(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, link) = owing(&shop, "ana").await;
    let (_, token) = link.split_once("link=").unwrap();
    let pages = ana.at_btcpay(&shop).len();

    // Whatever is not as it was made is one answer, whether there is such an invoice or not.
    let nothing = shop.get("/renewal").await.is(StatusCode::NOT_FOUND);
    let unknown = format!("br_{}{}", "0".repeat(32), &token[35..]);
    let longer = format!("{}f{}", &token[..35], &token[36..]);
    let other = if token.ends_with('0') { "1" } else { "0" };
    let altered = format!("{}{other}", &token[..token.len() - 1]);
    for wrong in ["", "br_", &token[..40], &unknown, &longer, &altered] {
        let wrong = format!("{PUBLIC}/renewal?link={wrong}");
        for seen in [visits(&shop, &wrong).await, presses(&shop, &wrong).await] {
            assert_eq!(seen.status, StatusCode::NOT_FOUND, "{wrong}");
            assert_eq!(seen.text, nothing.text, "{wrong}");
        }
    }

    // A page of another site's cannot press the button.
    let abroad = shop.submit_abroad("/renewal", &[("link", token)]).await;
    assert_eq!(abroad.is(StatusCode::NOT_FOUND).text, nothing.text);
    assert_eq!(ana.at_btcpay(&shop).len(), pages);

    // Unpaid beyond its grace, and long after that.
    shop.pass(days(7)).await;
    let over = presses(&shop, &link).await.is(StatusCode::GONE);
    assert!(over.text.contains("too old"), "{}", over.text);
    assert!(
        visits(&shop, &link)
            .await
            .is(StatusCode::GONE)
            .text
            .contains("too old")
    );
    assert_eq!(ana.stands(&shop).await["status"], "lapsed");
    shop.pass(days(8)).await;
    let seen = presses(&shop, &link).await.is(StatusCode::NOT_FOUND);
    assert_eq!(seen.text, nothing.text);
    // Pages of the rest of the grace were made by themselves, and none by a link.
    assert!(ana.at_btcpay(&shop).len() >= pages);

    // Canceled, nothing is owed.
    let (ben, of_ben) = owing(&shop, "ben").await;
    let held = text(&ben.stands(&shop).await["id"]);
    let at_once = json!({ "when": "now" });
    let canceled = shop
        .operate(&format!("/v1/subscriptions/{held}/cancel"), &at_once)
        .await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    let before = ben.at_btcpay(&shop).len();
    says(visits(&shop, &of_ben).await, "owed no longer");
    says(presses(&shop, &of_ben).await, "owed no longer");
    assert_eq!(ben.at_btcpay(&shop).len(), before);
    shop.ends_well().await;
}

async fn k_12_a_link_survives_an_outage_of_btcpay(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, link) = owing(&shop, "ana").await;
    let first = ana.owes(&shop).await;
    shop.fake.advance(days(3));
    loses(&shop);
    let before = ana.newest(&shop).await;
    for fault in [
        FaultKind::ServerError,
        FaultKind::HtmlBadGateway,
        FaultKind::CutBody,
    ] {
        down(&shop, fault);
        let seen = presses(&shop, &link).await.is(StatusCode::BAD_GATEWAY);
        assert!(seen.text.contains("Try again"), "{}", seen.text);
        assert!(!seen.text.contains("fakebtcpay"), "{}", seen.text);
        assert_eq!(
            format!("{PUBLIC}/renewal?link={}", seen.field("link")),
            link
        );
        shop.fake.faults().clear();
        assert_eq!(ana.newest(&shop).await, before);
    }
    let second = led(&presses(&shop, &link).await);
    assert_ne!(first, second);
    super::shop::pays(&shop, &second).await;
    assert_eq!(ana.stands(&shop).await["status"], "active");
    shop.ends_well().await;
}

async fn k_12_events_that_are_sent_have_the_link_of_days(kind: StoreKind) {
    let shop = shop(kind).await;
    let receiver = Receiver::start().await.unwrap();
    let renewals = [
        "subscription.renewal_pending",
        "subscription.renewal_due",
        "subscription.grace_ending",
    ];
    let asked = json!({ "url": receiver.url("/events"), "events": renewals });
    let made = shop.operate("/v1/webhook-endpoints", &asked).await;
    made.is(StatusCode::CREATED);
    let (ana, link) = owing(&shop, "ana").await;
    let first = ana.owes(&shop).await;
    assert!(shop.events.send_due().await.unwrap() > 0);
    let sent = || -> Vec<Value> {
        let got = receiver.got();
        let bodies = got.iter().map(|got| serde_json::from_slice(&got.body));
        bodies.map(Result::unwrap).collect()
    };
    let pending = sent().pop().unwrap();
    assert_eq!(pending["type"], "subscription.renewal_pending");
    assert_eq!(text(&pending["data"]["renewal"]["pay_url"]), link);
    assert_eq!(page(&pending["data"]["note"]), first);

    // Days later BTCPay's own page has closed, and the link leads to another.
    shop.fake.advance(days(3));
    loses(&shop);
    let second = led(&presses(&shop, &link).await);
    assert_ne!(second, first);
    shop.pass(days(8)).await;
    assert!(shop.events.send_due().await.unwrap() > 0);
    assert_sent_as_documented(&sent());
    shop.is_sound().await;
}
