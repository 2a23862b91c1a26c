//! Prices over time: what is saved by the year, and what stays as it was sold.

use billing_catalog::{SAMPLE, read_plan_file};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::{CARDS, on_both_stores};
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// H-13: both rhythms are prices of one plan, with the saving and the price per month.
    h_13_a_year_says_what_it_saves;
    /// K-27: a catalog's edit touches no price that was sold; it renews as it was sold.
    k_27_what_was_sold_renews_as_it_was_sold;
}

async fn site(kind: StoreKind) -> Site {
    let catalog = read_plan_file("sample.yaml", SAMPLE.as_bytes()).unwrap();
    let start = "2026-01-10T09:00:00Z".parse().unwrap();
    Site::new(kind, CARDS, &catalog, start).await
}

async fn h_13_a_year_says_what_it_saves(kind: StoreKind) {
    let site = site(kind).await;
    let plans = site.get("/v1/plans").await.is(StatusCode::OK).json();
    let plans = plans["plans"].as_array().unwrap();
    let personal = plans
        .iter()
        .find(|plan| plan["plan"] == "personal")
        .unwrap();
    let prices: Vec<Value> = personal["prices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|price| {
            json!([
                price["price"],
                price["per_month"]["amount"],
                price["saving_percent"]
            ])
        })
        .collect();
    // 50.00 a year is 4.17 a month, and saves 10.00 of 60.00: 16.67 percent.
    let wanted = [
        json!(["personal-monthly", 500, null]),
        json!(["personal-yearly", 417, 16]),
    ];
    assert_eq!(prices, wanted);
}

async fn k_27_what_was_sold_renews_as_it_was_sold(kind: StoreKind) {
    let site = site(kind).await;
    let of = site.paid_by("ana", "personal-monthly").await;
    site.rig.settle().await;

    // What somebody holds is not made dearer behind their back.
    let dearer = SAMPLE.replace(
        "personal-monthly: { amount: 5.00",
        "personal-monthly: { amount: 8.00",
    );
    let refused = site.apply(&dearer).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    // Retired and followed by another, it is sold to nobody and held as before.
    let followed = SAMPLE.replace(
        "personal-monthly: { amount: 5.00, interval: month }",
        "personal-monthly: { amount: 5.00, interval: month, retired: 2026-01-10 }\n      \
         personal-monthly-2: { amount: 8.00, interval: month }",
    );
    site.apply(&followed).await.is(StatusCode::OK);
    let again = json!({ "price": "personal-monthly" });
    let again = site.post_as("", "/v1/checkouts", &again).await;
    again.refused(StatusCode::BAD_REQUEST, "invalid_request");

    site.rig
        .run_until("2026-03-15T00:00:00Z".parse().unwrap())
        .await;
    let url = format!("/v1/invoices?customer={of}&limit=100");
    let invoices = site.get_as(KEY, &url).await.is(StatusCode::OK).json();
    let amounts: Vec<&Value> = invoices["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|invoice| &invoice["amount"]["amount"])
        .collect();
    assert_eq!(amounts, [500, 500, 500]);
    site.rig.assert_sound().await;
}
