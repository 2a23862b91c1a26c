//! Tiers in one file: what it says is what is sold, and every mistake has a place.

use billing_catalog::read_plan_file;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::{CARDS, on_both_stores};
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// S-02: one file gives the tiers, their quotas, and the provider's price ids.
    s_02_one_file_gives_the_tiers;
    /// S-02: a file with mistakes is refused with all of them, and nothing changes.
    s_02_every_mistake_has_its_place;
}

const TIERS: &str = r#"product: "Harbor"
currency: eur
defaults: { newcomer: dinghy }
features:
  storage: { kind: bytes, name: "Storage" }
plans:
  dinghy:
    name: Dinghy
    description: "A place to start"
    rank: 0
    entitlements: { storage: 5GB }
  cutter:
    name: Cutter
    rank: 10
    entitlements: { storage: 250GB }
    prices:
      cutter-monthly: { amount: 4.00, interval: month, stripe: price_1AbC }
      cutter-yearly:  { amount: 40.00, interval: year, stripe: price_2DeF }
"#;

async fn site(kind: StoreKind) -> Site {
    let catalog = read_plan_file("tiers.yaml", TIERS.as_bytes()).unwrap();
    let start = "2026-01-10T09:00:00Z".parse().unwrap();
    Site::new(kind, CARDS, &catalog, start).await
}

async fn s_02_one_file_gives_the_tiers(kind: StoreKind) {
    let site = site(kind).await;
    let plans = site.get("/v1/plans").await.is(StatusCode::OK).json();
    let [dinghy, cutter] = plans["plans"].as_array().unwrap().as_slice() else {
        panic!("not two plans: {plans}");
    };
    assert_eq!(dinghy["free"], true);
    assert_eq!(dinghy["newcomer"], true);
    assert_eq!(dinghy["description"], "A place to start");
    assert_eq!(cutter["free"], false);
    let amounts: Vec<&Value> = cutter["prices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|price| &price["amount"])
        .collect();
    let euro = |cents: i64| json!({ "amount": cents, "currency": "eur" });
    assert_eq!(amounts, [&euro(400), &euro(4_000)]);

    let ana = json!({ "external_ref": "ana" });
    site.operate("/v1/customers", &ana)
        .await
        .is(StatusCode::CREATED);
    let quota = site.get_as(KEY, "/v1/customers/ana/check/storage").await;
    assert_eq!(quota.is(StatusCode::OK).json()["limit"], 5_000_000_000_i64);
    site.rig.assert_sound().await;
}

async fn s_02_every_mistake_has_its_place(kind: StoreKind) {
    let site = site(kind).await;
    let before = site.get("/v1/plans").await.is(StatusCode::OK).json();
    let wrong = TIERS
        .replace("storage: 5GB", "storage: 5 gigs")
        .replace("price_1AbC", "prod_1AbC")
        .replace("newcomer: dinghy", "newcomer: kayak")
        .replace("    rank: 10\n", "    rank: 10\n    rank: 11\n");
    let refused = site.apply(&wrong).await;
    refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    let errors = refused.json()["errors"].take();
    let errors = errors.as_array().unwrap();
    for (line, words) in [(3, "kayak"), (11, "5 gigs"), (15, "rank"), (18, "prod_")] {
        let found = errors.iter().any(|error| {
            let message = error["message"].as_str().unwrap();
            error["line"] == line && message.contains(words)
        });
        assert!(found, "nothing of {words} in line {line}: {errors:#?}");
    }
    let after = site.get("/v1/plans").await.is(StatusCode::OK).json();
    assert_eq!(after, before);
    site.rig.assert_sound().await;
}
