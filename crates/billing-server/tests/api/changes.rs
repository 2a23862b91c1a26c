//! Changes: scheduled, taken back, listed, and made by operators.

use billing_sandbox::Mode;
use serde_json::{Value, json};

use crate::rig::{READ, Rig, text};
use crate::shop::{END, Holder, MIDDLE, PAGES, shop, usd};

#[tokio::test]
async fn a_downgrade_waits_for_the_period_s_end_and_can_be_taken_back() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let quote = ana.quote(json!({ "plan": "basic" })).await;
    assert_eq!(quote["timing"], "period_end");
    assert_eq!(quote["owed_now"], usd(0));
    assert_eq!(quote["effective_at"], END);
    assert_eq!(
        quote["loses"],
        json!([{
            "kind": "entitlement", "feature": "sso",
            "from": { "feature": "sso", "name": "Single sign-on", "kind": "flag", "enabled": true },
        }])
    );
    let change = ana.accepts(&quote).send().await.ok(200);
    assert_eq!(change["status"], "scheduled");
    assert_eq!(change["checkout_url"], Value::Null);
    let me = ana.me().await;
    assert_eq!(me["subscriptions"][0]["plan"], "pro");
    assert_eq!(
        me["subscriptions"][0]["scheduled"],
        json!({
            "at": END, "plan": "basic", "price": "basic-monthly",
            "unit": usd(1000), "quantity": 1, "why": "change", "change": change["id"],
        })
    );
    assert_eq!(me["open_changes"], json!([change]));

    let path = format!("/v1/me/changes/{}", text(&change["id"]));
    for _ in 0..2 {
        let taken = rig.delete(&path).by(&ana.session).send().await;
        assert_eq!((taken.status, taken.bytes.len()), (204, 0));
    }
    let me = ana.me().await;
    assert_eq!(me["subscriptions"][0]["scheduled"], Value::Null);
    assert_eq!(me["open_changes"], json!([]));
    let path = format!("/v1/changes/{}", text(&change["id"]));
    let over = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(over["status"], "canceled");
    assert_eq!(over["ended_at"], MIDDLE);
}

#[tokio::test]
async fn a_scheduled_plan_is_the_plan_from_its_instant_on_with_no_job_run() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    ana.changes(json!({ "plan": "basic" })).await;
    rig.clock.set(END.parse().unwrap());
    let stands = ana.stands().await;
    assert_eq!(stands["plan"], "basic");
    assert_eq!(stands["scheduled"], Value::Null);
}

#[tokio::test]
async fn what_is_applied_is_not_taken_back() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let change = ana.changes(json!({ "plan": "pro" })).await;
    rig.pays(&text(&change["checkout_url"])).await;
    let path = format!("/v1/me/changes/{}", text(&change["id"]));
    let got = rig.delete(&path).by(&ana.session).send().await;
    got.refused(409, "illegal_transition");
    assert_eq!(ana.stands().await["plan"], "pro");
}

#[tokio::test]
async fn an_upgrade_takes_the_place_of_a_scheduled_downgrade() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let down = ana.changes(json!({ "plan": "basic" })).await;
    let quote = ana.quote(json!({ "plan": "corp", "quantity": 2 })).await;
    let lost = quote["loses"].as_array().unwrap();
    assert!(lost.iter().any(|loss| loss["kind"] == "scheduled_change"));
    let up = ana.accepts(&quote).send().await.ok(200);
    rig.pays(&text(&up["checkout_url"])).await;
    assert_eq!(ana.stands().await["plan"], "corp");
    assert_eq!(ana.stands().await["scheduled"], Value::Null);
    let path = format!("/v1/changes/{}", text(&down["id"]));
    let down = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(down["status"], "superseded");
}

#[tokio::test]
async fn changes_are_listed_newest_first_and_by_what_is_asked() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let first = ana.changes(json!({ "plan": "basic" })).await;
    rig.clock.set("2026-03-17T00:01:00Z".parse().unwrap());
    let second = ana.changes(json!({ "plan": "corp", "quantity": 2 })).await;
    let mine = |query: &str| {
        let path = format!("/v1/me/changes{query}");
        rig.get(&path).by(&ana.session).send()
    };
    let page = mine("?limit=1").await.ok(200);
    assert_eq!(page["data"], json!([second]));
    let next = format!("?limit=1&cursor={}", text(&page["next_cursor"]));
    let page = mine(&next).await.ok(200);
    assert_eq!(page["data"][0]["id"], first["id"]);
    assert_eq!(page["next_cursor"], Value::Null);
    mine("?limit=0").await.wrong("limit");
    mine("?cursor=x").await.wrong("cursor");

    let one = format!("/v1/changes/{}", text(&second["id"]));
    assert_eq!(rig.get(&one).by(READ).send().await.ok(200), second);
    for (query, count) in [
        (String::new(), 2),
        ("?status=open".to_owned(), 2),
        ("?status=closed".to_owned(), 0),
        ("?customer=ana".to_owned(), 2),
        (format!("?subscription={}", ana.subscription), 2),
        (format!("?subscription=sub_{}", "0".repeat(32)), 0),
    ] {
        let path = format!("/v1/changes{query}");
        let found = rig.get(&path).by(READ).send().await.ok(200);
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
        assert!(
            !found.to_string().contains("/sandbox/"),
            "no page to pay at"
        );
    }
    let get = |path: &str| rig.get(path).by(READ).send();
    get("/v1/changes?status=x").await.wrong("status");
    get("/v1/changes?customer=bob")
        .await
        .refused(404, "customer_not_found");
    get("/v1/changes?subscription=x")
        .await
        .refused(404, "not_found");
    get("/v1/changes/x").await.refused(404, "not_found");
}

async fn an_operator_changes_at_once(rig: &Rig) {
    let ana = Holder::of(rig, "ana", "pro-monthly").await;
    let said = ana.forced(json!({ "plan": "basic", "collect": "none", "reason": "a favor" }));
    let change = said.send().await.ok(200);
    rig.deliver().await;
    assert_eq!(change["by"], "operator");
    assert_eq!(change["reason"], "a favor");
    assert_eq!(change["owed"], usd(0));
    assert_eq!(ana.stands().await["plan"], "basic");
    let journal = rig.get("/v1/customers/ana/journal").by(READ).send().await;
    let journal = journal.ok(200);
    let rows = journal["data"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["change"] == change["id"]));
}

#[tokio::test]
async fn an_operator_changes_at_once_what_the_engine_counts() {
    an_operator_changes_at_once(&shop(PAGES).await).await;
}

#[tokio::test]
async fn an_operator_changes_at_once_what_the_provider_counts() {
    an_operator_changes_at_once(&shop(Mode::OwnSchedule).await).await;
}

#[tokio::test]
async fn an_operator_collects_the_difference_or_is_told_that_there_is_none() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let down = ana.forced(json!({ "plan": "basic", "collect": "invoice", "reason": "asked" }));
    let told = down.send().await.refused(422, "nothing_to_collect");
    assert!(text(&told["detail"]).contains("without collecting"));
    let up = ana
        .forced(json!({ "plan": "corp", "quantity": 2, "collect": "invoice", "reason": "asked" }));
    let change = up.send().await.ok(200);
    assert_eq!(change["status"], "awaiting_payment");
    // (40.00 − 30.00) for half the month.
    assert_eq!(change["owed"], usd(500));
    assert_eq!(ana.stands().await["plan"], "pro");
    rig.pays(&text(&change["checkout_url"])).await;
    assert_eq!(ana.stands().await["plan"], "corp");
}

#[tokio::test]
async fn what_is_wrong_with_an_operator_s_change_is_named() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let before = rig.store.snapshot();
    let good = json!({ "plan": "basic", "collect": "none", "reason": "asked" });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        ana.forced(body).send()
    };
    with("reason", Value::Null).await.wrong("reason");
    with("reason", json!("")).await.wrong("reason");
    with("collect", Value::Null).await.wrong("collect");
    with("collect", json!("all")).await.wrong("collect");
    with("quantity", json!(0)).await.wrong("quantity");
    with("amount", json!(1)).await.wrong("amount");
    with("plan", json!("nosuch"))
        .await
        .refused(422, "unknown_target");
    with("quantity", json!(2))
        .await
        .refused(422, "quantity_out_of_bounds");
    for key in [READ, &ana.session] {
        let path = format!("/v1/subscriptions/{}/change-plan", ana.subscription);
        let got = rig.post(&path).by(key).json(good.clone()).send().await;
        got.refused(403, "insufficient_scope");
    }
    assert_eq!(rig.store.snapshot(), before);
}
