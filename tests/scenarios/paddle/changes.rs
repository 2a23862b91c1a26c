//! Changing plans and pieces at Paddle, pausing there, and who follows whom.

use billing_testkit::fakes::paddle::{Action, Card, SubscriptionStatus};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    PLANS, Shop, accepted, bought, dashboard, days, id, invoices, only, only_at_paddle, opened,
    pays, plan_of, quoted, shop, taken_back,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-10: more seats are charged now as previewed; fewer make the next payment smaller.
    h_10_seats_at_paddle;
    /// H-11: a pause at Paddle ends access here, and going on brings it back.
    h_11_a_pause_at_paddle_is_followed;
    /// H-11: Paddle charges at once for a new period, as it is quoted.
    h_11_resuming_at_paddle_charges_what_is_quoted;
    /// G-02: the higher plan stays until the next payment date, though Paddle has
    /// the lower one already; it switches when it is read, with no job run.
    g_02_a_downgrade_at_paddle_waits_for_its_day;
    /// G-02: a cancellation waits for its day, and can be taken back there.
    g_02_a_cancellation_at_paddle_waits_for_its_day;
    /// G-02: it is taken back here, once and again, and Paddle renews.
    g_02_a_cancellation_at_paddle_is_taken_back;
    /// H-11: what is paused ends when its quote says so: there, at once.
    h_11_what_is_paused_at_paddle_is_canceled_as_quoted;
    /// G-03: an upgrade is billed at once, and clears a scheduled downgrade.
    g_03_an_upgrade_at_paddle_clears_a_downgrade;
    /// what an operator changes reaches Paddle.
    x_10_an_operator_s_change_reaches_paddle;
    /// what is changed at Paddle reaches us, and what disagrees is told.
    x_10_what_is_changed_at_paddle_reaches_us;
}

/// The price and pieces that Paddle has in place.
fn in_place(shop: &Shop) -> (String, u32) {
    let held = only_at_paddle(shop);
    let item = &held.items[0].bought;
    (item.price.id.clone(), item.quantity)
}

fn owed(quote: &Value) -> i64 {
    quote["owed_now"]["amount"].as_i64().unwrap()
}

async fn h_10_seats_at_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let asked = json!({ "price": "crew-monthly", "quantity": 3 });
    let checkout = opened(&shop, &ana, &asked).await;
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    let subscription = only(&shop, &ana).await;
    let session = shop.session(&ana).await;
    let quotes = format!("/v1/me/subscriptions/{}/quotes", id(&subscription));
    for wrong in [json!(0), json!(1), json!(21), json!(1.5)] {
        let asked = json!({ "quantity": wrong });
        let refused = shop.post_as(&session, &quotes, &asked).await;
        assert!(
            refused.status.is_client_error(),
            "{wrong}: {}",
            refused.text
        );
    }
    shop.pass(days(10)).await;

    // The quote is made, ten minutes go by, and it is accepted.
    let quote = quoted(&shop, &ana, &json!({ "quantity": 8 })).await;
    let charged_before = invoices(&shop, &ana).await.len();
    assert_eq!(charged_before, 1, "a quote charges nothing");
    let lines = quote["lines"].as_array().unwrap().len();
    shop.pass(jiff::SignedDuration::from_mins(10)).await;
    accepted(&shop, &ana, &quote).await;
    shop.settle().await;
    assert_eq!(in_place(&shop), ("pri_crew".to_owned(), 8));
    assert_eq!(only(&shop, &ana).await["quantity"], 8);
    let paid = invoices(&shop, &ana).await;
    assert_eq!(paid.len(), 2, "{paid:?}");
    let (purpose, status, amount) = paid[0].clone();
    assert_eq!((purpose.as_str(), status.as_str()), ("change", "settled"));
    let quoted_at = owed(&quote);
    assert!(
        quoted_at > 0 && quoted_at < 5 * 700,
        "prorated: {quoted_at}"
    );
    let most = quoted_at + i64::try_from(lines).unwrap();
    assert!(amount <= most, "{amount} of {quoted_at}");
    assert!(
        amount >= quoted_at - quoted_at / 100,
        "{amount} of {quoted_at}"
    );

    // Fewer: nothing now, a smaller payment at the renewal.
    let fewer = quoted(&shop, &ana, &json!({ "quantity": 2 })).await;
    assert_eq!(owed(&fewer), 0);
    assert_eq!(fewer["next_charge"]["amount"]["amount"], 1_400);
    accepted(&shop, &ana, &fewer).await;
    shop.settle().await;
    assert_eq!(only(&shop, &ana).await["quantity"], 8, "until then");
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
    shop.pass(days(25)).await;
    assert_eq!(only(&shop, &ana).await["quantity"], 2);
    let paid = invoices(&shop, &ana).await;
    assert_eq!(paid[0], ("renewal".into(), "settled".into(), 1_400));
    shop.ends_well().await;
}

async fn h_11_a_pause_at_paddle_is_followed(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    let path = format!("subscriptions/{}", only_at_paddle(&shop).id);
    let pause = json!({ "effective_from": "immediately" });
    shop.pass(days(3)).await;
    dashboard(&shop, "POST", &format!("{path}/pause"), &pause).await;
    shop.settle().await;
    assert_eq!(only_at_paddle(&shop).status, SubscriptionStatus::Paused);
    assert_eq!(only(&shop, &ana).await["status"], "paused");
    assert_eq!(shop.told("subscription.paused"), 1);
    let paid = invoices(&shop, &ana).await.len();
    shop.pass(days(40)).await;
    assert_eq!(
        invoices(&shop, &ana).await.len(),
        paid,
        "nothing is charged"
    );
    assert_eq!(plan_of(&shop, &ana).await, "");

    let resume =
        json!({ "effective_from": "immediately", "on_resume": "start_new_billing_period" });
    dashboard(&shop, "POST", &format!("{path}/resume"), &resume).await;
    shop.settle().await;
    assert_eq!(only(&shop, &ana).await["status"], "active");
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(invoices(&shop, &ana).await.len(), paid + 1);
    assert_eq!(shop.told("subscription.resumed"), 1);
    shop.ends_well().await;
}

async fn g_02_a_downgrade_at_paddle_waits_for_its_day(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    shop.pass(days(5)).await;
    let quote = quoted(&shop, &ana, &json!({ "plan": "solo" })).await;
    assert_eq!((owed(&quote), &quote["timing"]), (0, &json!("period_end")));
    accepted(&shop, &ana, &quote).await;
    shop.settle().await;
    assert_eq!(in_place(&shop).0, "pri_solo", "unbilled, under a note");
    let held = only(&shop, &ana).await;
    assert_eq!(
        (&held["plan"], &held["status"]),
        (&json!("team"), &json!("active"))
    );
    assert_eq!(held["scheduled"]["plan"], "solo");
    assert_eq!(held["scheduled"]["at"], held["paid_through"]);
    assert_eq!(
        invoices(&shop, &ana).await.len(),
        1,
        "nothing is charged or credited"
    );

    // Whatever Paddle tells meanwhile, the higher plan stays.
    for _ in 0..3 {
        shop.pass(days(7)).await;
        let path = format!("subscriptions/{}", only_at_paddle(&shop).id);
        let now = dashboard(
            &shop,
            "PATCH",
            &path,
            &json!({ "collection_mode": "automatic" }),
        )
        .await;
        shop.fake.tell("subscription.updated", now);
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, "team");
    }
    // Nobody works, nothing is delivered: at that instant it is the lower one.
    let day: jiff::Timestamp = held["paid_through"].as_str().unwrap().parse().unwrap();
    let before = day.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
    shop.fake.clock().set(before);
    assert_eq!(plan_of(&shop, &ana).await, "team");
    shop.fake.clock().set(day);
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.pass(days(1)).await;
    assert_eq!(
        invoices(&shop, &ana).await[0],
        ("renewal".into(), "settled".into(), 1_000)
    );
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.ends_well().await;
}

async fn g_02_a_cancellation_at_paddle_waits_for_its_day(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    shop.pass(days(5)).await;
    let held = only(&shop, &ana).await;
    let session = shop.session(&ana).await;
    let cancel = format!("/v1/me/subscriptions/{}/cancel", id(&held));
    for already in [false, true] {
        let canceled = shop.post_as(&session, &cancel, &json!({})).await;
        let canceled = canceled.is(StatusCode::OK).json();
        assert_eq!(canceled["already"], already);
        assert_eq!(canceled["ends_at"], held["paid_through"]);
        shop.settle().await;
    }
    let scheduled = only_at_paddle(&shop).scheduled.unwrap();
    assert_eq!(scheduled.action, Action::Cancel);
    assert_eq!(plan_of(&shop, &ana).await, "team");

    // Somebody keeps it in the dashboard.
    let path = format!("subscriptions/{}", only_at_paddle(&shop).id);
    dashboard(&shop, "PATCH", &path, &json!({ "scheduled_change": null })).await;
    shop.settle().await;
    assert_eq!(only(&shop, &ana).await["ends_at"], Value::Null);
    shop.pass(days(30)).await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(invoices(&shop, &ana).await.len(), 2);

    // And cancels it in the portal: with every worker asleep it ends on its day.
    let reference = only_at_paddle(&shop).id;
    shop.fake.cancel_in_portal(&reference).unwrap();
    shop.settle().await;
    let held = only(&shop, &ana).await;
    assert_eq!(held["ends_at"], held["paid_through"]);
    let day: jiff::Timestamp = held["paid_through"].as_str().unwrap().parse().unwrap();
    shop.fake
        .clock()
        .set(day.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap());
    assert_eq!(plan_of(&shop, &ana).await, "team");
    shop.fake.clock().set(day);
    assert_eq!(plan_of(&shop, &ana).await, "");
    shop.pass(days(1)).await;
    assert_eq!(only(&shop, &ana).await["status"], "canceled");
    assert_eq!(shop.told("subscription.canceled"), 1);
    shop.ends_well().await;
}

async fn g_02_a_cancellation_at_paddle_is_taken_back(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    shop.pass(days(5)).await;
    let subscription = id(&only(&shop, &ana).await).to_owned();
    let session = shop.session(&ana).await;
    let cancel = format!("/v1/me/subscriptions/{subscription}/cancel");
    let undo = format!("/v1/me/subscriptions/{subscription}/cancellation");
    let canceled = shop.post_as(&session, &cancel, &json!({})).await;
    canceled.is(StatusCode::OK);
    // Before Paddle has heard of either: it hears of both, in this order.
    let back = shop.delete_as(&session, &undo).await;
    let asked = json!({ "ok": true, "already": false, "asked": true });
    assert_eq!(back.is(StatusCode::OK).json(), asked);
    shop.settle().await;
    assert!(only_at_paddle(&shop).scheduled.is_none());
    assert_eq!(only(&shop, &ana).await["ends_at"], Value::Null);
    assert_eq!(shop.told("subscription.cancel_unscheduled"), 1);

    shop.pass(jiff::SignedDuration::from_secs(1)).await;
    let canceled = shop.post_as(&session, &cancel, &json!({})).await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    assert!(only_at_paddle(&shop).scheduled.is_some());
    shop.pass(days(1)).await;
    let session = shop.session(&ana).await;
    for already in [false, true] {
        let back = shop.delete_as(&session, &undo).await;
        let done = json!({ "ok": true, "already": already, "asked": false });
        assert_eq!(back.is(StatusCode::OK).json(), done);
    }
    assert!(only_at_paddle(&shop).scheduled.is_none());
    assert_eq!(only(&shop, &ana).await["renews"], true);
    shop.settle().await;
    assert_eq!(shop.told("subscription.cancel_unscheduled"), 2);
    shop.pass(days(30)).await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
    shop.ends_well().await;
}

async fn h_11_what_is_paused_at_paddle_is_canceled_as_quoted(kind: StoreKind) {
    let shop = shop(kind).await;
    let goes_on = PLANS.replace(
        "    name: Team\n",
        "    name: Team\n    on_pause: period_end\n",
    );
    assert_ne!(goes_on, PLANS);
    shop.apply(&goes_on).await.is(StatusCode::OK);
    let ana = bought(&shop, "ana", "team-monthly").await;
    shop.pass(days(3)).await;
    let pause = quoted(&shop, &ana, &json!({ "pause": true })).await;
    accepted(&shop, &ana, &pause).await;
    shop.settle().await;
    shop.pass(days(2)).await;
    assert_eq!(only(&shop, &ana).await["status"], "paused");
    assert_eq!(plan_of(&shop, &ana).await, "team", "until it is paid");

    let cancel = quoted(&shop, &ana, &json!({ "cancel": true })).await;
    assert_eq!(cancel["effective_at"], json!(shop.fake.now()));
    accepted(&shop, &ana, &cancel).await;
    shop.settle().await;
    let held = only(&shop, &ana).await;
    assert_eq!(held["status"], "canceled");
    assert_eq!(held["ends_at"], cancel["effective_at"]);
    assert_eq!(only_at_paddle(&shop).status, SubscriptionStatus::Canceled);
    assert_eq!(plan_of(&shop, &ana).await, "");
    shop.ends_well().await;
}

async fn g_03_an_upgrade_at_paddle_clears_a_downgrade(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    shop.pass(days(5)).await;
    let down = quoted(&shop, &ana, &json!({ "plan": "solo" })).await;
    let down = accepted(&shop, &ana, &down).await;
    shop.settle().await;
    taken_back(&shop, &ana, &down).await;
    shop.settle().await;
    assert_eq!(in_place(&shop).0, "pri_team");
    assert_eq!(only(&shop, &ana).await["scheduled"], Value::Null);

    let ben = bought(&shop, "ben", "solo-monthly").await;
    let reference = only(&shop, &ben).await;
    shop.pass(days(10)).await;
    let year = quoted(&shop, &ben, &json!({ "price": "solo-yearly" })).await;
    assert!(owed(&year) > 0, "another interval begins now: {year:#}");
    let up = quoted(&shop, &ben, &json!({ "plan": "team" })).await;
    accepted(&shop, &ben, &up).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ben).await, "team", "at once");
    assert_eq!(id(&only(&shop, &ben).await), id(&reference));
    let paid = invoices(&shop, &ben).await;
    assert_eq!(
        (paid[0].0.as_str(), paid[0].1.as_str()),
        ("change", "settled")
    );
    assert!(
        (paid[0].2 - owed(&up)).abs() <= 2,
        "{paid:?} of {}",
        owed(&up)
    );

    // Fewer seats, which wait, and up to another plan, which clears them.
    let cal = shop.customer("cal").await;
    let asked = json!({ "price": "crew-monthly", "quantity": 3 });
    let checkout = opened(&shop, &cal, &asked).await;
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    let reference = only(&shop, &cal).await;
    shop.pass(days(5)).await;
    let fewer = quoted(&shop, &cal, &json!({ "quantity": 2 })).await;
    let fewer = accepted(&shop, &cal, &fewer).await;
    shop.settle().await;
    assert_eq!(only(&shop, &cal).await["scheduled"]["quantity"], 2);
    let up = quoted(&shop, &cal, &json!({ "plan": "team", "quantity": 1 })).await;
    // 30.00 less the 21.00 of the three seats that are paid, for 26 days of 31.
    assert!((owed(&up) - 755).abs() <= 2, "{up:#}");
    assert!(
        up["loses"].to_string().contains("scheduled_change"),
        "{up:#}"
    );
    accepted(&shop, &cal, &up).await;
    shop.settle().await;
    let held = only(&shop, &cal).await;
    assert_eq!(id(&held), id(&reference));
    assert_eq!(held["scheduled"], Value::Null);
    assert_eq!(
        (&held["plan"], &held["quantity"]),
        (&json!("team"), &json!(1))
    );
    let charged = invoices(&shop, &cal).await[0].2;
    assert!((charged - owed(&up)).abs() <= 2, "{charged} of {up:#}");
    let cleared = shop.read(&format!("/v1/changes/{}", id(&fewer))).await;
    assert_eq!(cleared["status"], "superseded");
    shop.pass(days(40)).await;
    let paid = invoices(&shop, &cal).await;
    assert!(
        paid.contains(&("renewal".into(), "settled".into(), 3_000)),
        "{paid:?}"
    );
    shop.ends_well().await;
}

async fn x_10_an_operator_s_change_reaches_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "solo-monthly").await;
    let held = only(&shop, &ana).await;
    let url = format!("/v1/subscriptions/{}/change-plan", id(&held));
    let body = json!({ "plan": "team", "collect": "none", "reason": "a promise" });
    let changed = shop.operate(&url, &body).await;
    assert!(changed.status.is_success(), "{}", changed.text);
    shop.settle().await;
    assert_eq!(in_place(&shop).0, "pri_team");
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(invoices(&shop, &ana).await.len(), 1, "no money moves");
    // Paddle would begin a year that nobody pays for.
    let body = json!({ "price": "solo-yearly", "collect": "none", "reason": "a promise" });
    let refused = shop.operate(&url, &body).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "charged_by_provider");
    shop.settle().await;
    assert_eq!(in_place(&shop).0, "pri_team");
    let cancel = format!("/v1/subscriptions/{}/cancel", id(&held));
    let canceled = shop.operate(&cancel, &json!({ "when": "now" })).await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    assert_eq!(only_at_paddle(&shop).status, SubscriptionStatus::Canceled);
    assert_eq!(plan_of(&shop, &ana).await, "");
    shop.ends_well().await;
}

async fn x_10_what_is_changed_at_paddle_reaches_us(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "solo-monthly").await;
    let path = format!("subscriptions/{}", only_at_paddle(&shop).id);
    let to = |price: &str| {
        json!({ "items": [{ "price_id": price, "quantity": 1 }],
                "proration_billing_mode": "prorated_immediately" })
    };
    shop.pass(days(3)).await;
    dashboard(&shop, "PATCH", &path, &to("pri_team")).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(
        invoices(&shop, &ana).await.len(),
        2,
        "and what was charged for it"
    );
    shop.ends_well().await;

    // A price that our catalog does not know: what is held stays, and a person is told.
    shop.pass(days(1)).await;
    dashboard(&shop, "PATCH", &path, &to("pri_foreign")).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    let parked = shop.rows("/v1/parked?reason=unknown_price").await;
    assert_eq!(parked.len(), 1, "{parked:#?}");
    assert!(
        parked[0]["evidence"]
            .as_str()
            .unwrap()
            .contains("pri_foreign")
    );
    // Changed back, and nobody told: comparing the books tells, and changes nothing.
    dashboard(&shop, "PATCH", &path, &to("pri_solo")).await;
    assert!(!shop.fake.deliveries().take().is_empty());
    assert_eq!(drifts(&shop).await, ["drift_price"]);
    assert_eq!(plan_of(&shop, &ana).await, "team");
    let account = "paddle/main".parse().unwrap();
    let reread = shop.billing.reread(&account, |_| ()).await.unwrap();
    assert!(reread.finished);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    assert_eq!(drifts(&shop).await, Vec::<String>::new());
    shop.is_sound().await;
}

/// In what our books differ from Paddle's.
async fn drifts(shop: &Shop) -> Vec<String> {
    let mut codes = Vec::new();
    let drifted = shop
        .billing
        .drift(None, |_, drift| codes.push(drift.code.as_str().to_owned()));
    assert!(drifted.await.unwrap().unanswered.is_empty());
    codes
}

async fn h_11_resuming_at_paddle_charges_what_is_quoted(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    shop.pass(days(3)).await;
    let pause = quoted(&shop, &ana, &json!({ "pause": true })).await;
    assert_eq!((owed(&pause), &pause["next_charge"]), (0, &Value::Null));
    assert_eq!(only_at_paddle(&shop).status, SubscriptionStatus::Active);
    let change = accepted(&shop, &ana, &pause).await;
    assert_eq!(change["status"], "applied");
    assert_eq!(only_at_paddle(&shop).status, SubscriptionStatus::Paused);
    shop.settle().await;
    assert_eq!(only(&shop, &ana).await["status"], "paused");
    shop.pass(days(40)).await;

    let before = invoices(&shop, &ana).await;
    let resume = quoted(&shop, &ana, &json!({ "resume": true })).await;
    assert_eq!(
        (&resume["source"], &resume["pinned"]),
        (&json!("provider"), &json!(false))
    );
    assert_eq!(only_at_paddle(&shop).status, SubscriptionStatus::Paused);
    assert_eq!(
        invoices(&shop, &ana).await,
        before,
        "a quote charges nothing"
    );
    let change = accepted(&shop, &ana, &resume).await;
    shop.settle().await;
    assert_eq!(change["status"], "applied");
    let held = only(&shop, &ana).await;
    assert_eq!(held["status"], "active");
    let paid = invoices(&shop, &ana).await;
    assert_eq!(paid.len(), before.len() + 1);
    assert_eq!((paid[0].1.as_str(), paid[0].2), ("settled", owed(&resume)));
    assert_eq!(resume["next_charge"]["at"], held["paid_through"]);
    shop.ends_well().await;
}
