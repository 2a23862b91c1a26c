//! Customers, grants, subscriptions and invoices.

use poem::http::Method;
use serde_json::json;

use crate::rig::{READ, Rig, WRITE, text};

#[tokio::test]
async fn a_customer_is_made_once_and_found_both_ways() {
    let rig = Rig::new().await;
    let body = json!({ "external_ref": "did:plc:ana", "email": "ana@example.com" });
    let made = rig
        .post("/v1/customers")
        .by(WRITE)
        .json(body.clone())
        .send()
        .await
        .ok(201);
    insta::assert_json_snapshot!(made, { ".id" => "[id]" }, @r#"
    {
      "attached": [],
      "balances": [],
      "claim": null,
      "email": "ana@example.com",
      "external_ref": "did:plc:ana",
      "id": "[id]",
      "joined_at": "2026-03-01T12:00:00Z",
      "member_of": null,
      "negotiated_terms": []
    }
    "#);
    let id = text(&made["id"]);
    for who in [id.as_str(), "did:plc:ana"] {
        let found = rig
            .get(&format!("/v1/customers/{who}"))
            .by(READ)
            .send()
            .await
            .ok(200);
        assert_eq!(found, made);
    }
    let again = rig.post("/v1/customers").by(WRITE).json(body).send().await;
    let refused = again.refused(409, "already_exists");
    assert_eq!(refused["customer"], id.as_str());
    let listed = rig
        .get("/v1/customers?external_ref=did:plc:ana")
        .by(READ)
        .send()
        .await
        .ok(200);
    assert_eq!(listed, json!({ "data": [made], "next_cursor": null }));
    for other in ["nobody", "%00", ""] {
        let path = format!("/v1/customers?external_ref={other}");
        let none = rig.get(&path).by(READ).send().await.ok(200);
        assert_eq!(none["data"], json!([]));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_customer_is_named() {
    let rig = Rig::new().await;
    let id = format!("cus_{}", "0".repeat(32));
    let table = [
        (json!({ "external_ref": "" }), "external_ref"),
        (json!({ "external_ref": "x".repeat(256) }), "external_ref"),
        (json!({ "external_ref": "a\u{0}b" }), "external_ref"),
        (json!({ "external_ref": id }), "external_ref"),
        (json!({ "email": "nobody" }), "email"),
        (json!({ "member_of": "ana" }), "member_of"),
        (json!({ "member_of": id }), "member_of"),
        (json!({ "joined_at": "yesterday" }), "joined_at"),
        (json!({ "lang": "in German" }), "lang"),
        (json!({ "lang": "de_DE" }), "lang"),
        (json!({ "github": "https://github.com/ana" }), "github"),
        (json!({ "name": "Ana" }), "name"),
    ];
    for (body, field) in table {
        let got = rig.post("/v1/customers").by(WRITE).json(body).send().await;
        got.wrong(field);
    }
}

#[tokio::test]
async fn what_is_known_of_a_customer_is_changed_and_taken_back() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let path = format!("/v1/customers/{ana}");
    let tell = async |body: serde_json::Value| {
        let ask = rig.ask(Method::PATCH, &path).by(WRITE);
        ask.json(body).send().await
    };
    let said = tell(json!({ "lang": "pt-BR", "github": "ana-dev" })).await;
    let said = said.ok(200);
    assert_eq!(
        (&said["lang"], &said["github"]),
        (&json!("pt-BR"), &json!("ana-dev"))
    );
    let kept = tell(json!({ "lang": "de" })).await.ok(200);
    assert_eq!(
        (&kept["lang"], &kept["github"]),
        (&json!("de"), &json!("ana-dev"))
    );
    let repeated = tell(json!({ "lang": "de" })).await.ok(200);
    assert_eq!(repeated, kept);
    let back = tell(json!({ "lang": null, "github": null })).await.ok(200);
    assert!(back.get("lang").is_none() && back.get("github").is_none());
    let journal = rig
        .get(&format!("{path}/journal"))
        .by(READ)
        .send()
        .await
        .ok(200);
    let rows = journal["data"].as_array().unwrap().iter();
    let told = rows
        .filter(|row| row["event"] == "customer.updated")
        .count();
    assert_eq!(told, 3, "what changes nothing is not told");
    for (body, field) in [
        (json!({}), "lang"),
        (json!({ "lang": "x" }), "lang"),
        (json!({ "github": "-ana" }), "github"),
        (json!({ "email": "eve@x.test" }), "email"),
    ] {
        tell(body).await.wrong(field);
    }
    let nobody = rig.ask(Method::PATCH, "/v1/customers/nobody").by(WRITE);
    let nobody = nobody.json(json!({ "lang": "de" })).send().await;
    nobody.refused(404, "customer_not_found");
}

#[tokio::test]
async fn lists_are_complete_page_by_page() {
    let rig = Rig::new().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(rig.customer(&format!("user-{n}")).await);
        rig.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    let mut seen = Vec::new();
    let mut path = "/v1/customers?limit=2".to_owned();
    loop {
        let page = rig.get(&path).by(READ).send().await.ok(200);
        let rows = page["data"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|row| text(&row["id"])));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/customers?limit=2&cursor={cursor}");
    }
    seen.reverse();
    assert_eq!(seen, made);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=sub_00000000000000000000000000000000", "cursor"),
    ] {
        let got = rig
            .get(&format!("/v1/customers?{query}"))
            .by(READ)
            .send()
            .await;
        got.wrong(field);
    }
}

#[tokio::test]
async fn a_plan_is_granted_and_taken_back() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let path = format!("/v1/customers/{ana}/grants");
    let body = json!({ "plan": "team", "ends_at": "2026-04-01T00:00:00Z" });
    let grant = rig.post(&path).by(WRITE).json(body).send().await.ok(201);
    insta::assert_json_snapshot!(grant, { ".id" => "[id]" }, @r#"
    {
      "ends_at": "2026-04-01T00:00:00Z",
      "gives_access": true,
      "id": "[id]",
      "plan": "team",
      "reason": "comp",
      "starts_at": "2026-03-01T12:00:00Z"
    }
    "#);
    let listed = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(listed["data"], json!([grant]));
    let one = format!("{path}/{}", text(&grant["id"]));
    assert_eq!(rig.delete(&one).by(WRITE).send().await.status, 204);
    rig.delete(&one)
        .by(WRITE)
        .send()
        .await
        .refused(404, "not_found");
    let held = rig
        .get(&format!("/v1/customers/{ana}/entitlements"))
        .by(READ)
        .send()
        .await;
    assert_eq!(held.ok(200)["access"]["plan"], "free");
    let ask = |body| rig.post(&path).by(WRITE).json(body);
    ask(json!({ "plan": "nosuch" })).send().await.wrong("plan");
    ask(json!({ "plan": "NO SUCH" })).send().await.wrong("plan");
    ask(json!({})).send().await.wrong("plan");
    ask(json!({ "plan": "team", "reason": "love" }))
        .send()
        .await
        .wrong("reason");
    ask(json!({ "plan": "team", "ends_at": "2026-01-01T00:00:00Z" }))
        .send()
        .await
        .wrong("ends_at");
    rig.delete(&format!("{path}/x"))
        .by(WRITE)
        .send()
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn operators_see_and_cancel_what_is_bought() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    rig.buys("ana", "team-monthly").await;
    let list = |query: &str| rig.get(&format!("/v1/subscriptions?{query}")).by(READ);
    let all = list("").send().await.ok(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    for (query, count) in [
        ("customer=ana", 2),
        ("plan=team", 1),
        ("plan=team&status=trialing", 1),
        ("plan=team&status=canceled", 0),
    ] {
        let found = list(query).send().await.ok(200);
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
    list("customer=nobody")
        .send()
        .await
        .refused(404, "customer_not_found");
    list("status=happy").send().await.wrong("status");
    list("plan=A%20B").send().await.wrong("plan");

    let personal = list("plan=personal").send().await.ok(200);
    let id = text(&personal["data"][0]["id"]);
    let path = format!("/v1/subscriptions/{id}");
    let one = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(one, personal["data"][0]);
    let cancel = format!("{path}/cancel");
    rig.post(&cancel)
        .by(WRITE)
        .json(json!({ "when": "never" }))
        .send()
        .await
        .wrong("when");
    rig.clock.advance(jiff::SignedDuration::from_secs(1));
    let said = rig
        .post(&cancel)
        .by(WRITE)
        .json(json!({ "when": "now" }))
        .send()
        .await
        .ok(200);
    assert_eq!(said["already"], false);
    rig.clock.advance(jiff::SignedDuration::from_secs(1));
    rig.state.billing.work_until_idle().await.unwrap();
    rig.deliver().await;
    rig.clock.advance(jiff::SignedDuration::from_secs(1));
    let one = rig.get(&path).by(READ).send().await.ok(200);
    assert_eq!(one["status"], "canceled");
    assert_eq!(one["gives_access"], false);
    for id in ["x", &ana, &format!("sub_{}", "0".repeat(32))] {
        rig.get(&format!("/v1/subscriptions/{id}"))
            .by(READ)
            .send()
            .await
            .refused(404, "not_found");
        let path = format!("/v1/subscriptions/{id}/cancel");
        rig.post(&path)
            .by(WRITE)
            .send()
            .await
            .refused(404, "not_found");
    }
}

#[tokio::test]
async fn invoices_are_listed_with_their_payments() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let all = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    insta::assert_json_snapshot!(all, {
        ".data[].id" => "[id]", ".data[].customer" => "[id]", ".data[].subscription" => "[id]",
        ".data[].payments[].reference" => "[ref]",
    }, @r#"
    {
      "data": [
        {
          "amount": {
            "amount": 500,
            "currency": "usd"
          },
          "change": null,
          "closed_at": "2026-03-01T12:00:00Z",
          "collection": null,
          "conversion": null,
          "customer": "[id]",
          "cycle": null,
          "disputed": false,
          "id": "[id]",
          "lines": [],
          "opened_at": "2026-03-01T12:00:00Z",
          "pay_url": null,
          "payments": [
            {
              "amount": {
                "amount": 500,
                "currency": "usd"
              },
              "at": "2026-03-01T12:00:00Z",
              "credited": true,
              "reference": "[ref]"
            }
          ],
          "period_end": "2026-04-01T12:00:00Z",
          "period_start": "2026-03-01T12:00:00Z",
          "provider": "sandbox/main",
          "purpose": "purchase",
          "returned": [],
          "status": "settled",
          "subscription": "[id]"
        }
      ],
      "next_cursor": null
    }
    "#);
    let id = text(&all["data"][0]["id"]);
    let one = rig
        .get(&format!("/v1/invoices/{id}"))
        .by(READ)
        .send()
        .await
        .ok(200);
    assert_eq!(one, all["data"][0]);
    for (query, count) in [
        ("status=open", 0),
        ("status=closed", 1),
        ("customer=ana", 1),
    ] {
        let found = rig
            .get(&format!("/v1/invoices?{query}"))
            .by(READ)
            .send()
            .await
            .ok(200);
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
    let subscription = text(&one["subscription"]);
    let path = format!("/v1/invoices?subscription={subscription}");
    assert_eq!(rig.get(&path).by(READ).send().await.ok(200)["data"][0], one);
    rig.get("/v1/invoices?status=paid")
        .by(READ)
        .send()
        .await
        .wrong("status");
    rig.get("/v1/invoices/x")
        .by(READ)
        .send()
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn the_journal_tells_what_happened_and_who_did_it() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.clock.advance(jiff::SignedDuration::from_secs(1));
    let opened = rig
        .post("/v1/checkouts")
        .by(WRITE)
        .json(json!({ "customer": ana, "price": "personal-monthly" }))
        .send()
        .await
        .ok(201);
    rig.clock.advance(jiff::SignedDuration::from_secs(1));
    rig.pays(&text(&opened["url"])).await;
    let path = format!("/v1/customers/{ana}/journal");
    let told = rig.get(&path).by(READ).send().await.ok(200);
    let events: Vec<&str> = told["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect();
    insta::assert_snapshot!(events.join("\n"), @r"
    invoice.settled
    subscription.activated
    subscription.created
    checkout.completed
    checkout.created
    customer.created
    ");
    let first = told["data"].as_array().unwrap().last().unwrap();
    assert!(text(&first["actor"]).starts_with("key_"), "{first}");
}
