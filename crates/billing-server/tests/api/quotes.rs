//! Quotes: what they say, who may accept them, and how often.

use std::sync::Arc;

use billing_server::{AppState, api_routes};
use billing_testkit::SeededIds;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{Got, ORIGIN, Rig, text};
use crate::shop::{END, Holder, MIDDLE, PAGES, PLANS, sells, shop, usd};

#[tokio::test]
async fn a_quote_says_what_is_owed_and_how_that_comes_about_and_changes_nothing() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let before = rig.store.snapshot().accounts;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    assert_eq!(rig.store.snapshot().accounts, before, "nothing changes");
    for (field, expected) in [
        ("subscription", json!(ana.subscription)),
        ("kinds", json!(["upgrade"])),
        ("timing", json!("now")),
        ("plan", json!("pro")),
        ("price", json!("pro-monthly")),
        ("quantity", json!(1)),
        ("interval", json!("month")),
        ("owed_now", usd(1000)),
        ("balance_after", usd(0)),
        ("effective_at", json!(MIDDLE)),
        ("next_charge", json!({ "at": END, "amount": usd(3000) })),
        ("loses", json!([])),
        ("source", json!("engine")),
        ("expires_at", json!("2026-03-17T00:15:00.000001Z")),
    ] {
        assert_eq!(quote[field], expected, "{field}");
    }
    assert!(text(&quote["id"]).starts_with("qte_"));
    assert!(text(&quote["token"]).starts_with("bq_"));
    let lines = quote["lines"].as_array().unwrap();
    let told: Vec<&str> = lines
        .iter()
        .map(|line| line["explanation"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "10.00 USD × 1339200 s / 2678400 s − 10.00 USD = −5.00 USD",
            "30.00 USD × 1339200 s / 2678400 s = 15.00 USD",
        ]
    );
    let sum: i64 = lines
        .iter()
        .map(|line| line["amount"]["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(sum, 1000);
    assert_eq!(
        lines[1]["share"],
        json!({ "part": 1_339_200, "whole": 2_678_400 })
    );
}

#[tokio::test]
async fn what_may_be_changed_is_listed_with_what_it_costs() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let path = format!("/v1/me/subscriptions/{}/changes", ana.subscription);
    let listed = rig.get(&path).by(&ana.session).send().await.ok(200);
    let listed = listed["data"].as_array().unwrap().clone();
    let pro = listed.iter().find(|row| row["price"] == "pro-monthly");
    assert_eq!(
        pro.unwrap(),
        &json!({
            "plan": "pro", "price": "pro-monthly", "quantity": 1, "kinds": ["upgrade"],
            "timing": "now", "effective_at": MIDDLE,
            "owed_now": usd(1000), "next_amount": usd(3000),
        })
    );
    for never in [
        "side-monthly",
        "pro-old",
        "pro-euro",
        "loose-monthly",
        "basic-monthly",
    ] {
        assert!(listed.iter().all(|row| row["price"] != never), "{never}");
    }
}

#[tokio::test]
async fn an_accepted_quote_is_paid_at_its_page_and_applied_once() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let once = || ana.accepts(&quote).header("idempotency-key", "once").send();
    let first = once().await;
    let change = first.ok(200);
    assert_eq!(change["status"], "awaiting_payment");
    assert_eq!(change["quote"], quote["id"]);
    assert_eq!(change["owed"], usd(1000));
    assert_eq!(change["by"], "buyer");
    let page = text(&change["checkout_url"]);
    let replayed = once().await;
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    assert_eq!(replayed.bytes, first.bytes);
    let again = ana.accepts(&quote).send().await.ok(200);
    assert_eq!(again, change, "one quote, one change");

    let me = ana.me().await;
    assert_eq!(me["subscriptions"][0]["plan"], "basic", "not paid yet");
    assert_eq!(me["subscriptions"][0]["change"], change);
    assert_eq!(me["open_changes"], json!([change]));
    let owed = &me["open_invoices"][0];
    assert_eq!(owed["purpose"], "change");
    assert_eq!(owed["change"], change["id"]);
    assert_eq!(owed["lines"], quote["lines"]);
    let listed = rig.get("/v1/me/changes").by(&ana.session).send().await;
    assert_eq!(listed.ok(200)["data"], json!([change]));

    rig.pays(&page).await;
    let me = ana.me().await;
    assert_eq!(me["subscriptions"][0]["plan"], "pro");
    assert_eq!(me["subscriptions"][0]["change"], Value::Null);
    assert_eq!(me["open_changes"], json!([]));
    let after = ana.accepts(&quote).send().await.ok(200);
    assert_eq!(after["id"], change["id"]);
    assert_eq!(after["status"], "applied");
    assert!(text(&after["applied_at"]).starts_with("2026-03-17T00:00:00"));
    assert_eq!(after["checkout_url"], Value::Null);
}

fn by_token(rig: &Rig, token: &str) -> impl Future<Output = Got> {
    let ask = rig
        .post("/v1/quotes/accept")
        .json(json!({ "token": token }));
    ask.header("origin", ORIGIN).send()
}

#[tokio::test]
async fn whoever_holds_a_token_accepts_that_quote_and_nothing_else() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let other = ana.quote(json!({ "price": "pro-yearly" })).await;
    let token = text(&quote["token"]);
    let before = rig.store.snapshot().accounts;
    let mut bodies = Vec::new();
    // The prefix, the id, the first and the last of the signature, its length.
    for place in [0, 3, 20, 34, 35, 60, token.len() - 1] {
        let mut altered = token.clone().into_bytes();
        altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
        bodies.push(by_token(&rig, &String::from_utf8(altered).unwrap()).await);
    }
    let (id, signature) = token.split_at(35);
    let (other_id, other_signature) = other["token"].as_str().unwrap().split_at(35);
    for swapped in [
        format!("{id}{other_signature}"),
        format!("{other_id}{signature}"),
        token[..token.len() - 1].to_owned(),
        format!("{token}0"),
        token.to_uppercase(),
        text(&quote["id"]),
        "x".to_owned(),
    ] {
        bodies.push(by_token(&rig, &swapped).await);
    }
    for got in &bodies {
        let mut body = got.refused(401, "unauthorized");
        let mut first = bodies[0].json();
        body["instance"] = Value::Null;
        first["instance"] = Value::Null;
        assert_eq!(body, first, "one body for all causes");
    }
    assert_eq!(rig.store.snapshot().accounts, before);
    let ask = |token: Value| ana.accepts(&quote).json(json!({ "token": token })).send();
    ask(other["token"].clone())
        .await
        .refused(401, "unauthorized");
    ask(json!("x")).await.refused(401, "unauthorized");
    ask(json!(7)).await.wrong("token");
    assert_eq!(rig.store.snapshot().accounts, before);

    let got = by_token(&rig, &token).await;
    assert_eq!(got.header("access-control-allow-origin"), ORIGIN);
    let change = got.ok(200);
    assert_eq!(change["quote"], quote["id"]);
    assert_eq!(change["customer"], json!(ana.customer));
    assert_eq!(by_token(&rig, &token).await.ok(200), change);
    assert_eq!(ask(quote["token"].clone()).await.ok(200), change);
    rig.post("/v1/quotes/accept")
        .json(json!({ "token": token, "owed_now": 1 }))
        .send()
        .await
        .wrong("owed_now");
    rig.post("/v1/quotes/accept")
        .json(json!({}))
        .send()
        .await
        .wrong("token");
}

#[tokio::test]
async fn a_token_outlives_the_process_that_made_it() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let options = rig.state.options.as_ref().clone();
    let ids = Arc::new(SeededIds::new(4711));
    let state = AppState::new(rig.state.billing.clone(), ids, options);
    let another = Rig {
        app: Arc::new(api_routes(state)),
        state: rig.state.clone(),
        store: rig.store.clone(),
        clock: rig.clock.clone(),
        sandbox: rig.sandbox.clone(),
        events: rig.events.clone(),
        canary: Arc::clone(&rig.canary),
    };
    let change = by_token(&another, &text(&quote["token"])).await.ok(200);
    assert_eq!(change["status"], "awaiting_payment");
}

#[tokio::test]
async fn an_expired_quote_is_gone_either_way() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    rig.clock.advance(SignedDuration::from_mins(15));
    let session = ana.accepts(&quote).send().await;
    session.refused(410, "quote_expired");
    let token = by_token(&rig, &text(&quote["token"])).await;
    token.refused(410, "quote_expired");
    assert_eq!(ana.stands().await["plan"], "basic");
}

#[tokio::test]
async fn a_quote_is_stale_when_its_price_was_edited_or_another_change_was_applied() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let dearer = PLANS.replace(
        "pro-monthly: { amount: 30.00",
        "pro-monthly: { amount: 31.00",
    );
    sells(&rig.state.billing, &dearer).await;
    let got = ana.accepts(&quote).send().await;
    got.refused(409, "quote_stale");
    let token = by_token(&rig, &text(&quote["token"])).await;
    token.refused(409, "quote_stale");

    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let forced =
        ana.forced(json!({ "plan": "corp", "quantity": 2, "collect": "none", "reason": "asked" }));
    forced.send().await.ok(200);
    ana.accepts(&quote).send().await.refused(409, "quote_stale");
}

#[tokio::test]
async fn a_price_lock_that_would_be_lost_is_named() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let retired = PLANS.replace(
        "basic-monthly: { amount: 10.00, interval: month }",
        "basic-monthly: { amount: 10.00, interval: month, retired: 2026-03-16 }\n      \
         basic-new: { amount: 15.00, interval: month }",
    );
    sells(&rig.state.billing, &retired).await;
    let promise = json!({
        "retired_at": "2026-03-16T00:00:00Z", "lasts": "forever", "then": null, "notice": null,
        "entitlements": "follow", "quantity_held": false,
        "notice_seconds": 2_592_000, "rejoin_seconds": 2_592_000,
    });
    assert_eq!(ana.me().await["subscriptions"][0]["promise"], promise);
    assert_eq!(ana.stands().await["promise"], promise);
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    assert_eq!(
        quote["loses"],
        json!([{ "kind": "price_lock", "price": "basic-monthly", "unit": usd(1000) }])
    );
    assert_eq!(quote["keeps"], Value::Null);
}

#[tokio::test]
async fn a_price_lock_that_is_kept_is_named() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "corp-monthly").await;
    let sold = ana.quote(json!({ "quantity": 4 })).await;
    assert_eq!(sold["keeps"], Value::Null, "it is sold");
    let price = PLANS.lines().find(|line| line.contains("corp-monthly:"));
    let price = price.unwrap().trim();
    for (lock, told) in [
        ("", json!({ "lasts": "forever" })),
        (
            ", lock: { until: 2027-01-01, then: corp-new }",
            json!({ "lasts": "until", "until": "2027-01-01T00:00:00Z" }),
        ),
        (
            ", lock: { cycles: 5, then: corp-new }",
            json!({ "lasts": "cycles", "cycles_left": 5 }),
        ),
    ] {
        let rig = shop(PAGES).await;
        let ana = Holder::of(&rig, "ana", "corp-monthly").await;
        let old = price.replace(" }", &format!(", retired: 2026-03-16{lock} }}"));
        let new = price.replace("corp-monthly", "corp-new");
        let retired = PLANS.replace(price, &format!("{old}\n      {new}"));
        sells(&rig.state.billing, &retired).await;
        let mut expected = told;
        expected["price"] = "corp-monthly".into();
        expected["unit"] = sold["unit"].clone();
        for quantity in [4, 6] {
            let quote = ana.quote(json!({ "quantity": quantity })).await;
            assert_eq!(quote["keeps"], expected, "{quantity} pieces");
            assert_eq!(quote["loses"], json!([]));
        }
        let lost = ana.quote(json!({ "plan": "pro" })).await;
        assert_eq!(lost["keeps"], Value::Null);
        assert_eq!(lost["loses"][0]["kind"], "price_lock");
    }
}

#[tokio::test]
async fn what_is_another_s_is_not_found_as_what_is_missing() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let quote = ana.quote(json!({ "plan": "pro" })).await;
    let change = ana.accepts(&quote).send().await.ok(200);
    rig.customer("bob").await;
    let bob = rig.session("bob").await;
    let none = "0".repeat(32);
    let before = rig.store.snapshot();
    let mut bodies = Vec::new();
    for id in [ana.subscription.as_str(), &format!("sub_{none}"), "x"] {
        let path = format!("/v1/me/subscriptions/{id}/quotes");
        let asked = rig.post(&path).by(&bob).json(json!({ "plan": "pro" }));
        bodies.push(asked.send().await);
        let path = format!("/v1/me/subscriptions/{id}/changes");
        bodies.push(rig.get(&path).by(&bob).send().await);
    }
    for id in [text(&quote["id"]), format!("qte_{none}"), "x".to_owned()] {
        let path = format!("/v1/me/quotes/{id}/accept");
        bodies.push(rig.post(&path).by(&bob).send().await);
    }
    for id in [text(&change["id"]), format!("chg_{none}"), "x".to_owned()] {
        let path = format!("/v1/me/changes/{id}");
        bodies.push(rig.delete(&path).by(&bob).send().await);
    }
    let mut first = bodies[0].json();
    first["instance"] = Value::Null;
    for got in bodies {
        let mut body = got.refused(404, "not_found");
        body["instance"] = Value::Null;
        assert_eq!(body, first);
    }
    let hers = rig.get("/v1/me/changes").by(&bob).send().await.ok(200);
    assert_eq!(hers["data"], json!([]));
    assert_eq!(rig.store.snapshot(), before);
}
