//! Discount codes: made, listed, typed at a checkout, used up, retired.

use billing_sandbox::Mode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{Got, READ, Rig, WRITE, text};
use crate::shop::{Holder, PAGES, shop, usd};

async fn made(rig: &Rig, body: Value) -> Got {
    let ask = rig.post("/v1/discount-codes").by(WRITE).json(body);
    ask.send().await
}

async fn buys(rig: &Rig, price: &str, code: &str) -> Got {
    let body = json!({ "price": price, "code": code });
    rig.post("/v1/checkouts").json(body).send().await
}

#[tokio::test]
async fn a_code_is_made_listed_and_retired() {
    let rig = shop(PAGES).await;
    let table = [
        (
            json!({ "code": "spring-26", "basis_points": 2500, "max_uses": 10, "cycles": 3 }),
            json!({ "code": "SPRING-26", "kind": "percent", "basis_points": 2500 }),
        ),
        (
            json!({ "code": "five", "amount_off": usd(500), "plans": ["pro"] }),
            json!({ "code": "FIVE", "kind": "fixed", "amount": usd(500) }),
        ),
        (
            json!({ "code": "nine", "set_price": usd(900), "expires_at": "2026-06-01T00:00:00Z" }),
            json!({ "code": "NINE", "kind": "set_price", "amount": usd(900) }),
        ),
        (
            json!({ "code": "gift", "free_license": true }),
            json!({ "code": "GIFT", "kind": "free_license" }),
        ),
    ];
    let mut ids = Vec::new();
    for (body, expected) in table {
        rig.clock.advance(SignedDuration::from_secs(1));
        let code = made(&rig, body).await.ok(201);
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&code[field], value, "{field}");
        }
        assert!(text(&code["id"]).starts_with("dsc_"));
        ids.insert(0, code["id"].clone());
    }
    let listed = rig.get("/v1/discount-codes").by(READ).send().await.ok(200);
    let rows = listed["data"].as_array().unwrap();
    let found: Vec<Value> = rows.iter().map(|row| row["id"].clone()).collect();
    assert_eq!(found, ids, "newest first");
    assert_eq!(rows[2]["plans"], json!(["pro"]));
    assert_eq!(rows[3]["max_uses"], 10);
    assert_eq!(rows[3]["cycles"], 3);

    let again = made(&rig, json!({ "code": "Gift", "free_license": true })).await;
    again.refused(409, "already_exists");
    let path = format!("/v1/discount-codes/{}", text(&ids[0]));
    let gone = rig.delete(&path).by(WRITE).send().await;
    assert_eq!(gone.status, 204);
    let twice = rig.delete(&path).by(WRITE).send().await;
    twice.refused(404, "not_found");
    buys(&rig, "pro-monthly", "gift")
        .await
        .refused(422, "code_unknown");
    made(&rig, json!({ "code": "gift", "free_license": true }))
        .await
        .ok(201);
}

#[tokio::test]
async fn what_is_wrong_with_a_code_is_named() {
    let rig = shop(PAGES).await;
    let table = [
        (json!({ "basis_points": 1 }), "code"),
        (json!({ "code": "a b", "basis_points": 1 }), "code"),
        (json!({ "code": "x".repeat(65), "basis_points": 1 }), "code"),
        (json!({ "code": "x" }), "basis_points"),
        (
            json!({ "code": "x", "basis_points": 1, "free_license": true }),
            "basis_points",
        ),
        (json!({ "code": "x", "basis_points": 0 }), "basis_points"),
        (
            json!({ "code": "x", "basis_points": 10_001 }),
            "basis_points",
        ),
        (
            json!({ "code": "x", "basis_points": 99_999 }),
            "basis_points",
        ),
        (json!({ "code": "x", "amount_off": 5 }), "amount_off"),
        (json!({ "code": "x", "amount_off": usd(0) }), "amount_off"),
        (
            json!({ "code": "x", "amount_off": usd(-1) }),
            "amount_off.amount",
        ),
        (
            json!({ "code": "x", "amount_off": { "amount": 1 } }),
            "amount_off.currency",
        ),
        (
            json!({ "code": "x", "amount_off": { "amount": 1, "currency": "xxy" } }),
            "amount_off.currency",
        ),
        (
            json!({ "code": "x", "set_price": { "amount": 1, "currency": "usd", "unit": 1 } }),
            "set_price.unit",
        ),
        (
            json!({ "code": "x", "free_license": false }),
            "free_license",
        ),
        (
            json!({ "code": "x", "free_license": "yes" }),
            "free_license",
        ),
        (
            json!({ "code": "x", "basis_points": 1, "plans": ["nosuch"] }),
            "plans",
        ),
        (
            json!({ "code": "x", "basis_points": 1, "plans": [7] }),
            "plans",
        ),
        (
            json!({ "code": "x", "basis_points": 1, "plans": "pro" }),
            "plans",
        ),
        (
            json!({ "code": "x", "basis_points": 1, "cycles": 0 }),
            "cycles",
        ),
        (
            json!({ "code": "x", "basis_points": 1, "max_uses": 1.5 }),
            "max_uses",
        ),
        (
            json!({ "code": "x", "basis_points": 1, "expires_at": "soon" }),
            "expires_at",
        ),
        (json!({ "code": "x", "basis_points": 1, "uses": 1 }), "uses"),
    ];
    for (body, field) in table {
        made(&rig, body).await.wrong(field);
    }
    let listed = rig.get("/v1/discount-codes").by(READ).send().await.ok(200);
    assert_eq!(listed["data"], json!([]));
    let path = "/v1/discount-codes/x";
    rig.delete(path)
        .by(WRITE)
        .send()
        .await
        .refused(404, "not_found");
    rig.delete(path)
        .by(READ)
        .send()
        .await
        .refused(403, "insufficient_scope");
}

#[tokio::test]
async fn a_code_takes_something_off_and_is_used_up() {
    let rig = shop(PAGES).await;
    made(
        &rig,
        json!({ "code": "half", "basis_points": 5000, "max_uses": 1, "plans": ["pro"] }),
    )
    .await
    .ok(201);
    buys(&rig, "basic-monthly", "half")
        .await
        .refused(422, "code_not_for_this");
    buys(&rig, "pro-monthly", "nosuch")
        .await
        .refused(422, "code_unknown");
    rig.post("/v1/checkouts")
        .json(json!({ "plan": "free", "code": "half" }))
        .send()
        .await
        .refused(422, "code_not_for_this");
    let customer = rig.customer("ana").await;
    let body = json!({ "customer": customer, "price": "pro-monthly", "code": " Half " });
    let opened = rig.post("/v1/checkouts").by(WRITE).json(body).send().await;
    let opened = opened.ok(201);
    assert_eq!(opened["status"], "open");
    let uses = |listed: &Value| {
        let row = &listed["data"][0];
        (row["used"].clone(), row["reserved"].clone())
    };
    let listed = rig.get("/v1/discount-codes").by(READ).send().await.ok(200);
    assert_eq!(uses(&listed), (json!(0), json!(1)));
    buys(&rig, "pro-monthly", "half")
        .await
        .refused(422, "code_used_up");
    rig.pays(&text(&opened["url"])).await;
    let listed = rig.get("/v1/discount-codes").by(READ).send().await.ok(200);
    assert_eq!(uses(&listed), (json!(1), json!(0)));
    let ana = Holder::holding(&rig, customer).await;
    let stands = ana.stands().await;
    assert_eq!(stands["unit"], usd(3000));
    assert_eq!(stands["discount"]["kind"], "percent");
    assert_eq!(stands["discount"]["basis_points"], 5000);
    assert_eq!(stands["discount"]["code"], listed["data"][0]["id"]);
    let invoices = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    let invoice = &invoices["data"][0];
    assert_eq!(invoice["amount"], usd(1500));
    let lines = invoice["lines"].as_array().unwrap();
    let told: Vec<&str> = lines
        .iter()
        .map(|line| line["explanation"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        ["30.00 USD, as it stands", "−15.00 USD, as it stands"]
    );
}

#[tokio::test]
async fn a_full_discount_is_complete_at_once_and_no_provider_is_asked() {
    let rig = shop(PAGES).await;
    made(&rig, json!({ "code": "gift", "free_license": true }))
        .await
        .ok(201);
    rig.sandbox.inject(billing_sandbox::Fault::NotReached);
    let opened = buys(&rig, "pro-monthly", "gift").await.ok(201);
    assert_eq!(opened["status"], "completed");
    assert_eq!(opened["url"], Value::Null);
}

#[tokio::test]
async fn a_provider_that_charges_by_itself_takes_no_codes_of_ours() {
    let rig = shop(Mode::OwnSchedule).await;
    made(&rig, json!({ "code": "half", "basis_points": 5000 }))
        .await
        .ok(201);
    buys(&rig, "pro-monthly", "half")
        .await
        .refused(422, "code_not_taken");
}
