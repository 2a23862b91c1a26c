//! What is sold.

use crate::rig::{ORIGIN, Rig};

#[tokio::test]
async fn plans_come_by_rank_with_what_longer_intervals_save() {
    let rig = Rig::new().await;
    let plans = rig.get("/v1/plans").send().await.ok(200);
    let shown: Vec<String> = plans["plans"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|plan| {
            let line = |price: &serde_json::Value| {
                format!(
                    "{} {} {}: {} {}, a month {}, saves {}",
                    plan["rank"],
                    plan["plan"],
                    price["price"],
                    price["amount"]["amount"],
                    price["interval"],
                    price["per_month"]["amount"],
                    price["saving_percent"],
                )
            };
            let prices = plan["prices"].as_array().unwrap();
            if prices.is_empty() {
                vec![format!(
                    "{} {} free: {}",
                    plan["rank"], plan["plan"], plan["free"]
                )]
            } else {
                prices.iter().map(line).collect()
            }
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    0 "free" free: true
    10 "personal" "personal-monthly": 500 "month", a month 500, saves null
    10 "personal" "personal-yearly": 5000 "year", a month 417, saves 16
    20 "team" "team-monthly": 1200 "month", a month 1200, saves null
    null "lifetime" "lifetime-once": 9900 "once", a month null, saves null
    "#);
}

#[tokio::test]
async fn a_plan_says_what_it_allows() {
    let rig = Rig::new().await;
    let plans = rig.get("/v1/plans").send().await.ok(200);
    insta::assert_json_snapshot!(plans["plans"][2], @r#"
    {
      "description": "For people who work together, priced by the seat",
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
          "name": "Projects",
          "unlimited": true
        },
        {
          "enabled": true,
          "feature": "sso",
          "kind": "flag",
          "name": "Single sign-on"
        },
        {
          "feature": "storage",
          "kind": "bytes",
          "limit": 1000000000000,
          "name": "Storage",
          "unlimited": false
        }
      ],
      "free": false,
      "name": "Team",
      "newcomer": false,
      "plan": "team",
      "prices": [
        {
          "amount": {
            "amount": 1200,
            "currency": "usd"
          },
          "interval": "month",
          "name": "Team",
          "per_month": {
            "amount": 1200,
            "currency": "usd"
          },
          "price": "team-monthly",
          "saving_percent": null
        }
      ],
      "quantity": {
        "feature": "seats",
        "max": 500,
        "min": 1,
        "step": 1
      },
      "rank": 20,
      "trial_days": 14
    }
    "#);
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let rig = Rig::new().await;
    let first = rig.get("/v1/plans").send().await;
    assert_eq!(first.header("cache-control"), "public, max-age=60");
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 10, "{tag}");
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let again = rig
            .get("/v1/plans")
            .header("if-none-match", &known)
            .send()
            .await;
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{known}");
        assert_eq!(again.header("etag"), tag);
    }
    let other = rig
        .get("/v1/plans")
        .header("if-none-match", "\"x\"")
        .send()
        .await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_it() {
    let rig = Rig::new().await;
    let got = rig.get("/v1/plans").header("origin", ORIGIN).send().await;
    assert_eq!(got.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(got.header("vary"), "Origin");
    let got = rig
        .get("/v1/plans")
        .header("origin", "https://evil.example")
        .send()
        .await;
    assert_eq!(got.header("access-control-allow-origin"), "");
}
