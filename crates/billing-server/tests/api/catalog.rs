//! The catalog over HTTP.

use billing_catalog::SAMPLE;
use serde_json::json;

use crate::rig::{ADMIN, READ, Rig};

const YAML: &str = "application/yaml";

#[tokio::test]
async fn a_plan_file_is_compared_and_applied() {
    let rig = Rig::new().await;
    let now = rig.get("/v1/catalog").by(READ).send().await.ok(200);
    assert_eq!(now["revision"], 1);
    assert_eq!(now["catalog"]["product"], "Acme Storage");
    let file = SAMPLE.replace("name: Personal", "name: Solo");
    let diff = rig
        .post("/v1/catalog/diff")
        .by(READ)
        .bytes(YAML, file.clone())
        .send()
        .await;
    insta::assert_json_snapshot!(diff.ok(200), @r#"
    {
      "changes": [
        {
          "at": "checkout.allowed_origins.https://app.example.com",
          "from": "https://app.example.com",
          "to": null
        },
        {
          "at": "plans.personal.name",
          "from": "Personal",
          "to": "Solo"
        }
      ],
      "refusals": []
    }
    "#);
    let ask = || {
        rig.post("/v1/catalog/apply")
            .by(ADMIN)
            .bytes(YAML, file.clone())
    };
    assert_eq!(
        ask().send().await.ok(200),
        json!({ "revision": 2, "changed": true })
    );
    assert_eq!(
        ask().send().await.ok(200),
        json!({ "revision": 2, "changed": false })
    );
    let plans = rig.get("/v1/plans").send().await.ok(200);
    assert_eq!(plans["plans"][1]["name"], "Solo");
}

#[tokio::test]
async fn what_somebody_bought_cannot_be_edited_away() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    rig.buys("ana", "personal-monthly").await;
    let file = SAMPLE.replace("amount: 5.00", "amount: 6.00");
    let got = rig
        .post("/v1/catalog/apply")
        .by(ADMIN)
        .bytes(YAML, file)
        .send()
        .await;
    let body = got.refused(422, "unprocessable");
    let refusals = body["refusals"].as_array().unwrap();
    assert!(refusals[0].as_str().unwrap().contains("retired"), "{body}");
    assert_eq!(
        rig.get("/v1/catalog").by(READ).send().await.ok(200)["revision"],
        1
    );
}

#[tokio::test]
async fn mistakes_of_a_file_have_places() {
    let rig = Rig::new().await;
    let file = SAMPLE.replace("rank: 10", "rnk: 10");
    let got = rig
        .post("/v1/catalog/diff")
        .by(READ)
        .bytes(YAML, file)
        .send()
        .await;
    let body = got.refused(400, "invalid_request");
    insta::assert_json_snapshot!(body["errors"], @r#"
    [
      {
        "column": 5,
        "field": "plans.personal.rnk",
        "line": 25,
        "message": "found the unknown key `rnk`, expected a known key (did you mean `rank`?)"
      }
    ]
    "#);
    for (content_type, body) in [("application/json", "{}"), ("image/png", "x")] {
        rig.post("/v1/catalog/diff")
            .by(READ)
            .bytes(content_type, body)
            .send()
            .await
            .refused(415, "unsupported_media_type");
    }
    for hostile in [
        vec![0xff, 0xfe],
        b"[".repeat(100_000),
        b"a: &a [*a]".to_vec(),
    ] {
        let got = rig
            .post("/v1/catalog/diff")
            .by(READ)
            .bytes(YAML, hostile)
            .send()
            .await;
        got.refused(400, "invalid_request");
    }
}
