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
    insta::assert_snapshot!(shown.join("\n"), @r"");
}

#[tokio::test]
async fn a_plan_says_what_it_allows() {
    let rig = Rig::new().await;
    let plans = rig.get("/v1/plans").send().await.ok(200);
    insta::assert_json_snapshot!(plans["plans"][2], @r"");
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
