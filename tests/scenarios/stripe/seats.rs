//! Plans by the seat through Stripe's Checkout: bought, renewed, and altered there.

use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_testkit::fakes::stripe::{Card, FakeOptions, Payment};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, account, dashboard, days, options, session_of, with};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-10: five seats are charged, licensed and renewed as five; what Stripe's portal
    /// makes of them reaches the limits and the next charge.
    h_10_seats_at_stripe;
}

const PLANS: &str = r#"
currency: usd
product: "Cellar Storage"
features:
  seats: { kind: count, name: "Seats" }
plans:
  crew:
    name: Crew
    license: { max_machines: 1 }
    quantity: { feature: seats, min: 2, max: 20 }
    prices:
      crew-monthly: { amount: 7.00, interval: month, stripe: price_crew }
"#;

async fn crews(kind: StoreKind) -> Shop {
    let fake = account(FakeOptions::default()).await;
    let month = Some(Interval::MONTH);
    fake.price("price_crew", "prod_crew", 700, Currency::USD, month);
    let options = options(&fake, "cellar");
    with(kind.fresh().await, fake, options, PLANS).await
}

/// So many seats: of the subscription, of what the customer may do, and of the license.
async fn seats(shop: &Shop, customer: &str, secret: &str) -> [Value; 3] {
    let me = shop.me(customer).await;
    let mut entitlements = me["access"]["entitlements"].as_array().unwrap().iter();
    let limit = entitlements.find(|row| row["feature"] == "seats").unwrap();
    let body = json!({ "checkout_secret": secret });
    let given = shop.post_as("", "/v1/licenses/exchange", &body).await;
    let given = given.is(StatusCode::OK).json();
    [
        me["subscriptions"][0]["quantity"].clone(),
        limit["limit"].clone(),
        given["license"]["seats"].clone(),
    ]
}

async fn h_10_seats_at_stripe(kind: StoreKind) {
    let shop = crews(kind).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    let body = json!({ "price": "crew-monthly", "quantity": 5 });
    let checkout = shop.post_as(&session, "/v1/checkouts", &body).await;
    let checkout = checkout.is(StatusCode::CREATED).json();
    let secret = checkout["checkout_secret"].as_str().unwrap();
    let page = session_of(&checkout);
    assert_eq!(shop.fake.object(&page).unwrap()["amount_total"], 3_500);
    assert_eq!(shop.fake.pay(&page, Card::Good).unwrap(), Payment::Complete);
    shop.settle().await;
    let page = shop.fake.object(&page).unwrap();
    let (payer, held) = (page["customer"].as_str(), page["subscription"].as_str());
    let (payer, held) = (payer.unwrap(), held.unwrap());
    let charged = || {
        let account = shop.fake.books().of(payer);
        (account.charges, account.charged["usd"])
    };
    let invoiced = async || {
        let rows = shop
            .rows(&format!("/v1/invoices?customer={ana}&limit=100"))
            .await;
        let rows = rows.iter().rev().map(|row| {
            assert_eq!(row["status"], "settled", "{row}");
            row["amount"]["amount"].as_i64().unwrap()
        });
        rows.collect::<Vec<i64>>()
    };
    let five = [json!(5), json!(5), json!(5)];
    assert_eq!(seats(&shop, &ana, secret).await, five);
    assert_eq!((charged(), invoiced().await), ((1, 3_500), vec![3_500]));

    // Renewed as five.
    let month = days(31) + SignedDuration::from_hours(1);
    shop.pass(month).await;
    assert_eq!(seats(&shop, &ana, secret).await, five);
    assert_eq!(charged(), (2, 7_000));
    assert_eq!(invoiced().await, [3_500, 3_500]);

    // The portal makes eight of them, and charges the rest of the month at once.
    shop.pass(days(10)).await;
    let there = shop.fake.object(held).unwrap();
    let item = there["items"]["data"][0]["id"].as_str().unwrap();
    let more = [
        ("items[0][id]", item),
        ("items[0][quantity]", "8"),
        ("proration_behavior", "always_invoice"),
    ];
    dashboard(&shop.fake, "POST", &format!("subscriptions/{held}"), &more).await;
    shop.settle().await;
    let eight = [json!(8), json!(8), json!(8)];
    assert_eq!(seats(&shop, &ana, secret).await, eight);
    let (times, all) = charged();
    let for_more = all - 7_000;
    assert_eq!(times, 3);
    assert!(for_more > 0 && for_more < 3 * 700, "prorated: {for_more}");
    assert_eq!(invoiced().await, [3_500, 3_500, for_more]);

    // Renewed as eight, and then as three.
    shop.pass(month - days(10)).await;
    assert_eq!(charged(), (4, 7_000 + for_more + 5_600));
    let fewer = [
        ("items[0][id]", item),
        ("items[0][quantity]", "3"),
        ("proration_behavior", "none"),
    ];
    dashboard(&shop.fake, "POST", &format!("subscriptions/{held}"), &fewer).await;
    shop.settle().await;
    let three = [json!(3), json!(3), json!(3)];
    assert_eq!(seats(&shop, &ana, secret).await, three);
    assert_eq!(charged().0, 4, "nothing is charged for fewer");
    shop.pass(month).await;
    assert_eq!(charged(), (5, 7_000 + for_more + 5_600 + 2_100));
    assert_eq!(invoiced().await, [3_500, 3_500, for_more, 5_600, 2_100]);
    shop.ends_well().await;
}
