//! Buying.

use serde_json::json;

use crate::rig::{ORIGIN, READ, Rig, WRITE, text};

#[tokio::test]
async fn a_guest_buys_and_only_the_webhook_completes_it() {
    let rig = Rig::new().await;
    let opened = rig
        .post("/v1/checkouts")
        .json(json!({ "plan": "personal", "interval": "year", "email": "guest@example.com" }))
        .send()
        .await
        .ok(201);
    insta::assert_json_snapshot!(opened, {
        ".id" => "[id]", ".checkout_secret" => "[secret]", ".url" => "[url]",
    }, @r#"
    {
      "checkout_secret": "[secret]",
      "expires_at": "2026-03-02T12:00:00Z",
      "id": "[id]",
      "status": "open",
      "url": "[url]"
    }
    "#);
    assert!(text(&opened["checkout_secret"]).starts_with("cs_"));
    let path = format!("/v1/checkouts/{}", text(&opened["id"]));
    let standing = rig.get(&path).send().await.ok(200);
    insta::assert_json_snapshot!(standing, { ".id" => "[id]", ".url" => "[url]" }, @r#"
    {
      "expires_at": "2026-03-02T12:00:00Z",
      "id": "[id]",
      "plan": "personal",
      "price": "personal-yearly",
      "status": "open",
      "url": "[url]"
    }
    "#);
    rig.pays(&text(&opened["url"])).await;
    let standing = rig.get(&path).send().await.ok(200);
    assert_eq!(standing["status"], "completed");
    assert_eq!(standing["url"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_free_plan_is_complete_at_once() {
    let rig = Rig::new().await;
    let opened = rig
        .post("/v1/checkouts")
        .json(json!({ "plan": "free" }))
        .send()
        .await
        .ok(201);
    assert_eq!(opened["status"], "completed");
    assert_eq!(opened["url"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_session_buys_for_its_customer_and_a_key_for_whom_it_names() {
    let rig = Rig::new().await;
    let ana = rig.customer("did:plc:ana").await;
    let token = rig.session(&ana).await;
    let opened = rig
        .post("/v1/checkouts")
        .by(&token)
        .json(json!({ "price": "personal-monthly" }))
        .send()
        .await
        .ok(201);
    rig.pays(&text(&opened["url"])).await;
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    assert_eq!(me["access"]["plan"], "personal");

    rig.customer("bob").await;
    rig.buys("bob", "team-monthly").await;
    let held = rig
        .get("/v1/customers/bob/entitlements")
        .by(READ)
        .send()
        .await
        .ok(200);
    assert_eq!(held["access"]["plan"], "team");
}

#[tokio::test]
async fn what_is_wrong_with_a_checkout_is_named() {
    let rig = Rig::new().await;
    let price = "personal-monthly";
    let table = [
        (json!({}), "plan"),
        (json!({ "plan": "personal", "price": price }), "price"),
        (json!({ "price": price, "interval": "month" }), "interval"),
        (json!({ "plan": "nosuch" }), "plan"),
        (json!({ "plan": "../etc" }), "plan"),
        (json!({ "price": "price_1NosuchAtAll" }), "price"),
        (json!({ "plan": "personal", "interval": "week" }), "plan"),
        (
            json!({ "plan": "personal", "interval": "fortnight" }),
            "interval",
        ),
        (json!({ "price": price, "quantity": 0 }), "quantity"),
        (json!({ "price": price, "quantity": -1 }), "quantity"),
        (json!({ "price": price, "quantity": 1.5 }), "quantity"),
        (json!({ "price": price, "quantity": 2 }), "quantity"),
        (json!({ "price": price, "quantity": "1" }), "quantity"),
        (
            json!({ "price": "team-monthly", "quantity": 501 }),
            "quantity",
        ),
        (
            json!({ "price": "team-monthly", "quantity": 4_294_967_296_u64 }),
            "quantity",
        ),
        (json!({ "price": price, "email": "nobody" }), "email"),
        (
            json!({ "price": price, "email": "a b@example.com" }),
            "email",
        ),
        (
            json!({ "price": price, "email": "a\u{0}@example.com" }),
            "email",
        ),
        (json!({ "price": price, "provider": "stripe" }), "provider"),
        (
            json!({ "price": price, "success_url": "https://evil.example/" }),
            "success_url",
        ),
        (
            json!({ "price": price, "cancel_url": "javascript:alert(1)" }),
            "cancel_url",
        ),
        (
            json!({ "price": price, "cancel_url": "x".repeat(3000) }),
            "cancel_url",
        ),
        (json!({ "price": price, "amount": 1 }), "amount"),
        (json!({ "price": 5 }), "price"),
        (json!([]), "body"),
        (json!(null), "body"),
    ];
    for (body, field) in table {
        let got = rig.post("/v1/checkouts").json(body.clone()).send().await;
        assert_eq!(got.status, 400, "{body}");
        got.wrong(field);
    }
    assert!(
        rig.store.snapshot().accounts.is_empty(),
        "nothing was written"
    );
}

#[tokio::test]
async fn every_mistake_comes_in_one_answer() {
    let rig = Rig::new().await;
    let got = rig
        .post("/v1/checkouts")
        .json(json!({ "quantity": 0, "email": "x", "plam": "free" }))
        .send()
        .await;
    insta::assert_json_snapshot!(got.json(), { ".instance" => "[id]" }, @r#"
    {
      "code": "invalid_request",
      "detail": "the request is not valid; see errors",
      "errors": [
        {
          "field": "quantity",
          "message": "must be a whole number from 1 to 4294967295"
        },
        {
          "field": "email",
          "message": "must be an e-mail address"
        },
        {
          "field": "plan",
          "message": "either plan or price is required"
        },
        {
          "field": "plam",
          "message": "is not known here"
        }
      ],
      "instance": "[id]",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
}

#[tokio::test]
async fn only_an_operator_names_a_customer() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let body = json!({ "price": "personal-monthly", "customer": ana });
    let ask = || rig.post("/v1/checkouts").json(body.clone());
    ask().send().await.refused(401, "unauthorized");
    let token = rig.session(&ana).await;
    ask()
        .by(&token)
        .send()
        .await
        .refused(403, "insufficient_scope");
    ask()
        .by(READ)
        .send()
        .await
        .refused(403, "insufficient_scope");
    ask().by(WRITE).send().await.ok(201);
    rig.post("/v1/checkouts")
        .by(WRITE)
        .json(json!({ "price": "personal-monthly", "customer": "nobody" }))
        .send()
        .await
        .refused(404, "customer_not_found");
}

#[tokio::test]
async fn buyers_return_to_allowed_origins_and_our_own_pages() {
    let rig = Rig::new().await;
    let wish = format!("{ORIGIN}/thanks?c={{checkout}}");
    let opened = rig
        .post("/v1/checkouts")
        .json(json!({ "price": "personal-monthly", "success_url": wish }))
        .send()
        .await
        .ok(201);
    let books = rig.store.snapshot();
    let held = &books.accounts[0].account.checkouts[0];
    assert_eq!(held.id.to_string(), text(&opened["id"]));
    let leads_to = wish.replace("{checkout}", &text(&opened["id"]));
    assert_eq!(held.success_url, leads_to);
    assert_eq!(
        held.cancel_url,
        format!(
            "https://billing.example.com/checkout/cancel?checkout={}",
            held.id
        )
    );
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_a_502() {
    let rig = Rig::new().await;
    rig.sandbox.inject(billing_sandbox::Fault::NotReached);
    rig.post("/v1/checkouts")
        .json(json!({ "price": "personal-monthly" }))
        .send()
        .await
        .refused(502, "provider_error");
}

#[tokio::test]
async fn a_checkout_that_does_not_exist_and_another_kind_of_id_are_one() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let none = format!("chk_{}", "0".repeat(32));
    for id in [none.as_str(), &ana, "x", "%00", "chk_%F0%9F"] {
        let got = rig.get(&format!("/v1/checkouts/{id}")).send().await;
        let mut body = got.refused(404, "not_found");
        body["instance"] = json!("");
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(body, @r#"
    {
      "code": "not_found",
      "detail": "no such thing",
      "instance": "",
      "status": 404,
      "title": "Not Found",
      "type": "about:blank"
    }
    "#);
        }
    }
}
