//! The gate over HTTP.

use serde_json::{Value, json};

use crate::rig::{READ, Rig};

#[tokio::test]
async fn the_gate_answers_200_either_way() {
    let rig = Rig::new().await;
    let ana = rig.customer("did:plc:ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let table = [
        (
            "projects",
            json!({ "allowed": true, "limit": 20, "unlimited": false }),
        ),
        (
            "projects?amount=20",
            json!({ "allowed": true, "limit": 20, "unlimited": false }),
        ),
        (
            "projects?amount=21",
            json!({ "allowed": false, "reason": "not_in_plan", "plan_needed": "team" }),
        ),
        ("editor?level=write", json!({ "allowed": true })),
        (
            "editor?level=rule",
            json!({ "allowed": false, "reason": "unknown_feature" }),
        ),
        (
            "sso",
            json!({ "allowed": false, "reason": "not_in_plan", "plan_needed": "team" }),
        ),
        (
            "nosuch",
            json!({ "allowed": false, "reason": "unknown_feature" }),
        ),
        (
            "seats?amount=501",
            json!({ "allowed": false, "reason": "not_in_plan" }),
        ),
        (
            "%00",
            json!({ "allowed": false, "reason": "unknown_feature" }),
        ),
    ];
    for who in [ana.as_str(), "did:plc:ana", "did%3Aplc%3Aana"] {
        for (feature, expected) in &table {
            let path = format!("/v1/customers/{who}/check/{feature}");
            let mut said = rig.get(&path).by(READ).send().await.ok(200);
            let until = said.as_object_mut().unwrap().remove("until");
            assert_eq!(said, *expected, "{path}");
            assert!(until.is_none() || expected["allowed"] == Value::Bool(true));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_named() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let ask = |query: &str| {
        rig.get(&format!("/v1/customers/ana/check/projects?{query}"))
            .by(READ)
    };
    for amount in ["-1", "1.5", "x", "", "18446744073709551616"] {
        ask(&format!("amount={amount}"))
            .send()
            .await
            .wrong("amount");
    }
    ask("amount=1&level=x").send().await.wrong("level");
}

#[tokio::test]
async fn pieces_are_handed_out_up_to_the_limit_and_used_beyond_it() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.customer("bob").await;
    rig.buys(&ana, "team-monthly").await;
    let path = |who: &str| format!("/v1/customers/{who}/check/seats");
    let asks = async |who: &str, body: Value| rig.post(&path(who)).by(READ).json(body).send().await;
    let limit = rig.get(&path("ana")).by(READ).send().await.ok(200)["limit"].clone();
    let held = limit.as_u64().unwrap();
    for (held, adding) in [(0, 1), (held - 1, 1), (held, 0), (held + 5, 0)] {
        let said = asks("ana", json!({ "held": held, "adding": adding }))
            .await
            .ok(200);
        assert_eq!(said["allowed"], true, "{held} and {adding}");
    }
    for adding in [1, u64::MAX] {
        let body = json!({ "held": held, "adding": adding });
        let refused = asks("ana", body).await.refused(402, "seats_exhausted");
        assert_eq!(
            (&refused["limit"], &refused["held"]),
            (&limit, &json!(held))
        );
    }
    let refused = asks("bob", json!({ "adding": 1 }))
        .await
        .refused(403, "plan_upgrade_required");
    assert_eq!(refused["required_plan"], "team");
    for wrong in [json!(-1), json!(1.5), json!("1")] {
        asks("ana", json!({ "held": wrong })).await.wrong("held");
    }
}

#[tokio::test]
async fn an_unknown_customer_is_told_from_a_denial() {
    let rig = Rig::new().await;
    let nobody = format!("cus_{}", "0".repeat(32));
    for who in [nobody.as_str(), "nobody", "sub_x", "%00", "a%2Fb"] {
        for path in ["check/projects", "entitlements", "journal", "grants"] {
            rig.get(&format!("/v1/customers/{who}/{path}"))
                .by(READ)
                .send()
                .await
                .refused(404, "customer_not_found");
        }
    }
}

#[tokio::test]
async fn entitlements_are_merged_and_dated() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let path = format!("/v1/customers/{ana}/entitlements");
    let held = rig.get(&path).by(READ).send().await.ok(200);
    insta::assert_json_snapshot!(held, @r#"
    {
      "access": {
        "entitlements": [
          {
            "feature": "editor",
            "kind": "level",
            "level": "write",
            "name": "Editor"
          },
          {
            "feature": "projects",
            "kind": "count",
            "limit": 20,
            "name": "Projects",
            "unlimited": false
          },
          {
            "feature": "storage",
            "kind": "bytes",
            "limit": 100000000000,
            "name": "Storage",
            "unlimited": false
          }
        ],
        "lost": [],
        "plan": "personal",
        "until": null
      }
    }
    "#);
}
