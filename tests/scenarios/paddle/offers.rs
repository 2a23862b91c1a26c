//! What Paddle's checkout sells besides one piece at its price: trials, discounts and
//! several pieces, each lived through over its cycles. Paddle's books, our rows and
//! what was foretold of them are one.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Unit};
use billing_testkit::fakes::paddle::{Card, PriceSeed, SubscriptionStatus};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::promises::charged;
use super::shop::{
    PLANS, Shop, bought, dashboard, days, id, invoices, only, only_at_paddle, opened, pays,
    plan_of, shop, transaction_of,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-25: a trial of Paddle's costs nothing, and its end the price, once.
    k_25_a_trial_at_paddle_is_charged_once_at_its_end;
    /// K-25: canceled within its trial it is never charged.
    k_25_a_trial_at_paddle_that_is_canceled_is_never_charged;
    /// K-25: a trial whose end nobody pays gives nothing after it.
    k_25_a_trial_at_paddle_that_nobody_pays_for_ends;
    /// K-21: Paddle charges by itself, and a code of ours that it would have to know
    /// is refused before anything is made there.
    k_21_paddle_takes_no_code_that_it_would_charge_by;
    /// X-09: what Paddle's own discount leaves is what our books have, cycle by cycle.
    x_09_a_discount_of_paddle_s_own_is_what_we_book;
    /// H-10: five seats are bought, renewed and changed as five.
    h_10_several_seats_at_paddle_renew_as_bought;
}

/// The plans with one that begins with a trial.
pub(super) fn tried() -> String {
    let more = r"
  studio:
    name: Studio
    rank: 15
    trial: 14d
    entitlements: { editor: write }
    prices:
      studio-monthly: { amount: 20.00, interval: month, paddle: pri_studio }
";
    PLANS.trim_end().to_owned() + more
}

/// Somebody in the trial of a plan.
async fn trying(shop: &Shop) -> String {
    let month = Some(Interval::MONTH);
    shop.fake.sell(&PriceSeed {
        trial: Some(Interval::new(Unit::Day, 14).unwrap()),
        ..PriceSeed::new("pri_studio", 2_000, Currency::USD, month)
    });
    shop.apply(&tried()).await.is(StatusCode::OK);
    let ana = bought(shop, "ana", "studio-monthly").await;
    assert_eq!(charged_in_all(shop), 0);
    let held = only(shop, &ana).await;
    assert_eq!(held["status"], "trialing");
    let there = only_at_paddle(shop);
    assert_eq!(there.status, SubscriptionStatus::Trialing);
    assert_eq!(held["trial_ends_at"], there.trial.unwrap().end.to_string());
    assert_eq!(plan_of(shop, &ana).await, "studio");
    ana
}

/// What Paddle has taken of everybody, in minor units.
fn charged_in_all(shop: &Shop) -> i64 {
    let books = shop.fake.books();
    let accounts = books.customers.values();
    accounts
        .flat_map(|account| account.charged.values())
        .sum::<i64>()
}

/// The next charges as they are foretold: when, and how much.
async fn foretold(shop: &Shop, customer: &str) -> Vec<(String, i64)> {
    let path = format!(
        "/v1/subscriptions/{}/forecast",
        id(&only(shop, customer).await)
    );
    let forecast = shop.read(&path).await;
    let entries = forecast["entries"].as_array().unwrap().iter();
    let charges = entries.map(|entry| {
        let at = entry["at"].as_str().unwrap().to_owned();
        (at, entry["amount"]["amount"].as_i64().unwrap())
    });
    charges.collect()
}

/// The amounts of a customer's invoices, oldest first, all of them settled.
async fn booked(shop: &Shop, customer: &str) -> Vec<i64> {
    let mut seen = invoices(shop, customer).await;
    seen.reverse();
    for (_, status, _) in &seen {
        assert_eq!(status, "settled", "{seen:?}");
    }
    seen.into_iter().map(|(.., amount)| amount).collect()
}

async fn k_25_a_trial_at_paddle_is_charged_once_at_its_end(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = trying(&shop).await;
    let begun = booked(&shop, &ana).await;
    assert_eq!(begun.iter().sum::<i64>(), 0, "{begun:?}");
    let ends = only(&shop, &ana).await["trial_ends_at"].clone();
    let next = foretold(&shop, &ana).await;
    assert_eq!(json!(next[0].0), ends);
    assert_eq!(next[0].1, 2_000);

    shop.pass(days(13)).await;
    assert_eq!(charged_in_all(&shop), 0);
    assert_eq!(only(&shop, &ana).await["status"], "trialing");
    shop.pass(days(2)).await;
    assert_eq!(charged(&shop, &ana).await.1, next[0].1);
    let held = only(&shop, &ana).await;
    assert_eq!(held["status"], "active");
    assert_eq!(plan_of(&shop, &ana).await, "studio");
    let period = only_at_paddle(&shop).period.unwrap();
    assert_eq!(json!(period.start.to_string()), ends);
    assert_eq!(held["paid_through"], period.end.to_string());
    let paid = booked(&shop, &ana).await;
    assert_eq!(paid[begun.len()..], [2_000]);

    let next = foretold(&shop, &ana).await;
    assert_eq!(next[0], (period.end.to_string(), 2_000));
    shop.pass(days(31)).await;
    assert_eq!(charged_in_all(&shop), 4_000);
    let paid = booked(&shop, &ana).await;
    assert_eq!(paid[begun.len()..], [2_000, 2_000]);
    shop.ends_well().await;
}

async fn k_25_a_trial_at_paddle_that_is_canceled_is_never_charged(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = trying(&shop).await;
    let held = only(&shop, &ana).await;
    shop.pass(days(3)).await;
    let session = shop.session(&ana).await;
    let cancel = format!("/v1/me/subscriptions/{}/cancel", id(&held));
    let canceled = shop.post_as(&session, &cancel, &json!({})).await;
    assert_eq!(
        canceled.is(StatusCode::OK).json()["ends_at"],
        held["trial_ends_at"]
    );
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "studio", "until its end");
    shop.pass(days(40)).await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    assert_eq!(only(&shop, &ana).await["status"], "canceled");
    assert_eq!(charged_in_all(&shop), 0);
    assert_eq!(booked(&shop, &ana).await.iter().sum::<i64>(), 0);
    shop.ends_well().await;
}

async fn k_25_a_trial_at_paddle_that_nobody_pays_for_ends(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = trying(&shop).await;
    let reference = only_at_paddle(&shop).id;
    shop.fake.set_card(&reference, Card::Declined).unwrap();
    shop.pass(days(13)).await;
    assert_eq!(plan_of(&shop, &ana).await, "studio");
    shop.pass(days(2)).await;
    assert_eq!(only_at_paddle(&shop).status, SubscriptionStatus::PastDue);
    assert_eq!(only(&shop, &ana).await["status"], "past_due");
    assert_eq!(charged_in_all(&shop), 0);
    shop.pass(days(60)).await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    assert_eq!(charged_in_all(&shop), 0);
    let paid = invoices(&shop, &ana).await;
    let settled = paid.iter().filter(|(_, status, _)| status == "settled");
    assert_eq!(
        settled.map(|(.., amount)| amount).sum::<i64>(),
        0,
        "{paid:?}"
    );
    shop.ends_well().await;
}

async fn k_21_paddle_takes_no_code_that_it_would_charge_by(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    for body in [
        json!({ "code": "HALF", "basis_points": 5_000, "cycles": 3 }),
        json!({ "code": "FIVE", "amount_off": { "amount": 500, "currency": "usd" } }),
        json!({ "code": "GIFT", "free_license": true, "max_uses": 1 }),
    ] {
        let made = shop.operate("/v1/discount-codes", &body).await;
        made.is(StatusCode::CREATED);
    }
    shop.fake.requests().clear();
    for code in ["half", "five"] {
        let asked = json!({ "price": "solo-monthly", "code": code });
        let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
        refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "code_not_taken");
    }
    assert!(shop.fake.requests().all().is_empty(), "Paddle is not asked");
    let codes = shop.rows("/v1/discount-codes").await;
    for code in &codes {
        assert_eq!((&code["used"], &code["reserved"]), (&json!(0), &json!(0)));
    }
    // What costs nothing is nothing that Paddle would charge.
    let asked = json!({ "price": "solo-monthly", "code": "gift" });
    let given = shop.post_as(&session, "/v1/checkouts", &asked).await;
    assert_eq!(given.is(StatusCode::CREATED).json()["status"], "completed");
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.pass(days(70)).await;
    assert_eq!(
        plan_of(&shop, &ana).await,
        "solo",
        "for as long as it lasts"
    );
    assert!(shop.fake.world().transactions.is_empty());
    shop.ends_well().await;
}

async fn x_09_a_discount_of_paddle_s_own_is_what_we_book(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    // A person gives a quarter off the next two periods, in the dashboard.
    let path = format!("subscriptions/{}", only_at_paddle(&shop).id);
    let quarter = json!({ "discount": {
        "type": "percentage", "amount": "25", "description": "Sorry for the outage",
        "recur": true, "maximum_recurring_intervals": 2,
        "effective_from": "next_billing_period",
    } });
    dashboard(&shop, "PATCH", &path, &quarter).await;
    shop.settle().await;
    assert_eq!(charged(&shop, &ana).await, (1, 3_000));
    let mut taken = vec![3_000];
    for amount in [2_250, 2_250, 3_000] {
        shop.pass(days(31)).await;
        taken.push(amount);
        let (times, sum) = charged(&shop, &ana).await;
        assert_eq!(usize::try_from(times).unwrap(), taken.len());
        assert_eq!(sum, taken.iter().sum::<i64>());
        assert_eq!(booked(&shop, &ana).await, taken);
        // The plan is what was bought, whatever Paddle takes for it.
        let held = only(&shop, &ana).await;
        assert_eq!(
            (&held["plan"], &held["status"]),
            (&json!("team"), &json!("active"))
        );
        assert_eq!(held["unit"]["amount"], 3_000);
        let period = only_at_paddle(&shop).period.unwrap();
        assert_eq!(held["paid_through"], period.end.to_string());
        // We foretell our price: what Paddle gives besides is Paddle's to know.
        assert_eq!(
            foretold(&shop, &ana).await[0],
            (period.end.to_string(), 3_000)
        );
    }
    shop.ends_well().await;
}

async fn h_10_several_seats_at_paddle_renew_as_bought(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let asked = json!({ "price": "crew-monthly", "quantity": 5 });
    let checkout = opened(&shop, &ana, &asked).await;
    let made = shop.fake.world().transactions[&transaction_of(&checkout)].clone();
    assert_eq!(made.items[0].quantity, 5);
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    assert_eq!(seats(&shop, &ana).await, (json!(5), json!(5)));
    assert_eq!(charged(&shop, &ana).await, (1, 3_500));
    let ends = only(&shop, &ana).await["paid_through"].clone();
    let next = foretold(&shop, &ana).await;
    assert_eq!((json!(next[0].0), next[0].1), (ends, 3_500));
    shop.pass(days(32)).await;
    assert_eq!(charged(&shop, &ana).await, (2, 3_500 + next[0].1));
    assert_eq!(booked(&shop, &ana).await, [3_500, 3_500]);

    // Two more, given in the dashboard: they are here, and so is what they cost.
    let path = format!("subscriptions/{}", only_at_paddle(&shop).id);
    let more = json!({ "items": [{ "price_id": "pri_crew", "quantity": 7 }],
                       "proration_billing_mode": "prorated_immediately" });
    dashboard(&shop, "PATCH", &path, &more).await;
    shop.settle().await;
    assert_eq!(seats(&shop, &ana).await, (json!(7), json!(7)));
    let (times, sum) = charged(&shop, &ana).await;
    let cost = sum - 7_000;
    assert!(times == 3 && cost > 0 && cost < 2 * 700, "{cost}");
    assert_eq!(booked(&shop, &ana).await, [3_500, 3_500, cost]);
    assert_eq!(foretold(&shop, &ana).await[0].1, 4_900);
    // Three fewer, for nothing: from now on, as it is there.
    let fewer = json!({ "items": [{ "price_id": "pri_crew", "quantity": 4 }],
                        "proration_billing_mode": "do_not_bill" });
    dashboard(&shop, "PATCH", &path, &fewer).await;
    shop.settle().await;
    assert_eq!(seats(&shop, &ana).await, (json!(4), json!(4)));
    shop.pass(days(31)).await;
    assert_eq!(charged(&shop, &ana).await, (4, sum + 2_800));
    assert_eq!(booked(&shop, &ana).await, [3_500, 3_500, cost, 2_800]);
    shop.ends_well().await;
}

/// The pieces that are held, and the seats that they give.
async fn seats(shop: &Shop, customer: &str) -> (Value, Value) {
    let path = format!("/v1/customers/{customer}/entitlements");
    let given = shop.read(&path).await;
    let mut of = given["access"]["entitlements"].as_array().unwrap().iter();
    let seats = of.find(|one| one["feature"] == "seats").unwrap();
    (
        only(shop, customer).await["quantity"].clone(),
        seats["limit"].clone(),
    )
}
