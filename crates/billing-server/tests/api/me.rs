//! What a customer with a session sees and does.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{ORIGIN, READ, Rig, WRITE, text};

#[tokio::test]
async fn a_customer_sees_its_own() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let token = rig.session(&ana).await;
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    insta::assert_json_snapshot!(me, {
        ".customer.id" => "[id]",
        ".access.entitlements" => "[entitlements]",
        ".subscriptions[].id" => "[id]",
        ".subscriptions[].customer" => "[id]",
    }, @r#"
    {
      "access": {
        "entitlements": "[entitlements]",
        "lost": [],
        "plan": "personal",
        "until": null
      },
      "customer": {
        "attached": [],
        "balances": [],
        "claim": null,
        "email": "ana@example.com",
        "external_ref": "ana",
        "id": "[id]",
        "joined_at": "2026-03-01T12:00:00Z",
        "member_of": null,
        "negotiated_terms": []
      },
      "grants": [],
      "licenses": [],
      "open_changes": [],
      "open_invoices": [],
      "subscriptions": [
        {
          "change": null,
          "collection": null,
          "created_at": "2026-03-01T12:00:00Z",
          "customer": "[id]",
          "discount": null,
          "disputed": [],
          "due_at": null,
          "ends_at": null,
          "gives_access": true,
          "grace_ends_at": null,
          "id": "[id]",
          "interval": "month",
          "paid_through": "2026-04-01T12:00:00Z",
          "plan": "personal",
          "price": "personal-monthly",
          "promise": null,
          "provider": "sandbox/main",
          "quantity": 1,
          "renews": true,
          "scheduled": null,
          "status": "active",
          "trial_ends_at": null,
          "unit": {
            "amount": 500,
            "currency": "usd"
          },
          "withheld": []
        }
      ],
      "usage": {
        "features": [],
        "spending_limits": []
      }
    }
    "#);
    let mine = rig
        .get("/v1/me/entitlements")
        .by(&token)
        .send()
        .await
        .ok(200);
    assert_eq!(mine, me["access"]);
    let gate = rig
        .get("/v1/me/entitlements/editor?level=write")
        .by(&token)
        .send()
        .await
        .ok(200);
    assert_eq!(gate["allowed"], true);
}

#[tokio::test]
async fn a_customer_cancels_at_the_period_s_end_and_may_repeat_it() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let token = rig.session(&ana).await;
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    let id = text(&me["subscriptions"][0]["id"]);
    let path = format!("/v1/me/subscriptions/{id}/cancel");
    let end = "2026-04-01T12:00:00Z";
    let said = rig.post(&path).by(&token).send().await.ok(200);
    assert_eq!(
        said,
        json!({ "ok": true, "already": false, "ends_at": end })
    );
    rig.state.billing.work_until_idle().await.unwrap();
    rig.deliver().await;
    let said = rig.post(&path).by(&token).send().await.ok(200);
    assert_eq!(said, json!({ "ok": true, "already": true, "ends_at": end }));
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    assert_eq!(me["access"]["plan"], "personal", "paid is paid");
    assert_eq!(me["subscriptions"][0]["renews"], false);
    rig.post(&path)
        .by(&token)
        .json(json!({ "when": "now" }))
        .send()
        .await
        .wrong("when");
}

#[tokio::test]
async fn a_cancellation_is_taken_back_before_its_day_and_not_after() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let token = rig.session(&ana).await;
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    let id = text(&me["subscriptions"][0]["id"]);
    let canceling = format!("/v1/me/subscriptions/{id}/cancel");
    rig.post(&canceling).by(&token).send().await.ok(200);
    rig.state.billing.work_until_idle().await.unwrap();
    rig.deliver().await;
    let path = format!("/v1/me/subscriptions/{id}/cancellation");
    for already in [false, true] {
        let said = rig.delete(&path).by(&token).send().await.ok(200);
        let done = json!({ "ok": true, "already": already, "asked": false });
        assert_eq!(said, done);
    }
    let me = rig.get("/v1/me").by(&token).send().await.ok(200);
    let held = &me["subscriptions"][0];
    assert_eq!(
        (&held["renews"], &held["ends_at"]),
        (&json!(true), &Value::Null)
    );

    // An operator may as well, and nobody once it has ended.
    rig.clock.advance(SignedDuration::from_secs(1));
    rig.post(&canceling).by(&token).send().await.ok(200);
    let path = format!("/v1/subscriptions/{id}/cancellation");
    let by = WRITE;
    rig.delete(&path).by(by).send().await.ok(200);
    rig.clock.advance(SignedDuration::from_secs(1));
    rig.post(&format!("/v1/subscriptions/{id}/cancel"))
        .by(by)
        .json(json!({ "when": "now" }))
        .send()
        .await
        .ok(200);
    let over = rig.delete(&path).by(by).send().await;
    over.refused(409, "illegal_transition");
}

#[tokio::test]
async fn what_is_another_s_does_not_exist() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let bob = rig.customer("bob").await;
    rig.buys(&ana, "personal-monthly").await;
    let ana_s = rig.session(&ana).await;
    let me = rig.get("/v1/me").by(&ana_s).send().await.ok(200);
    let hers = text(&me["subscriptions"][0]["id"]);
    let bob_s = rig.session(&bob).await;
    let none = format!("sub_{}", "0".repeat(32));
    for id in [hers.as_str(), &none, &bob, "x"] {
        let path = format!("/v1/me/subscriptions/{id}/cancel");
        let mut body = rig
            .post(&path)
            .by(&bob_s)
            .send()
            .await
            .refused(404, "not_found");
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
    let held = rig
        .get(&format!("/v1/subscriptions/{hers}"))
        .by(READ)
        .send()
        .await
        .ok(200);
    assert_eq!(held["ends_at"], Value::Null);
}

#[tokio::test]
async fn a_session_ends() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let token = rig.session(&ana).await;
    rig.get("/v1/me").by(&token).send().await.ok(200);
    rig.clock.advance(SignedDuration::from_mins(61));
    rig.get("/v1/me")
        .by(&token)
        .send()
        .await
        .refused(401, "unauthorized");
}

#[tokio::test]
async fn a_link_opens_once() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let make = || async {
        let made = rig
            .post("/v1/billing-sessions")
            .by(WRITE)
            .json(json!({ "customer": "ana", "return_url": format!("{ORIGIN}/billing?x=1") }))
            .send()
            .await
            .ok(201);
        let url = text(&made["url"]);
        let (page, link) = url.split_once("&link=").unwrap();
        assert_eq!(page, format!("{ORIGIN}/billing?x=1"));
        link.to_owned()
    };
    let open = |link: String| {
        rig.post("/v1/billing-sessions/open")
            .json(json!({ "link": link }))
    };
    let link = make().await;
    let opened = open(link.clone()).send().await;
    assert_eq!(opened.header("cache-control"), "no-store");
    let token = text(&opened.ok(201)["token"]);
    rig.get("/v1/me").by(&token).send().await.ok(200);
    open(link).send().await.refused(404, "session_expired");
    open("bl_nosuch".to_owned())
        .send()
        .await
        .refused(404, "session_expired");
    let late = make().await;
    rig.clock.advance(SignedDuration::from_mins(16));
    open(late).send().await.refused(404, "session_expired");
}

#[tokio::test]
async fn a_session_is_made_for_known_customers_and_allowed_pages() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let ask = |body| rig.post("/v1/billing-sessions").by(WRITE).json(body);
    ask(json!({ "customer": "nobody" }))
        .send()
        .await
        .refused(404, "customer_not_found");
    ask(json!({})).send().await.wrong("customer");
    ask(json!({ "customer": "ana", "return_url": "https://evil.example/" }))
        .send()
        .await
        .wrong("return_url");
    let made = ask(json!({ "customer": "ana" })).send().await.ok(201);
    assert_eq!(made["url"], Value::Null);
}
