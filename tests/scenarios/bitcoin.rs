//! Prices in dollars that are paid in satoshi, at the pin of the day.

use billing_domain::money::Currency;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{
    RATE, START, bought, ends_well, in_bitcoin, listed, pays, read, sat, text, until, usd,
};
use super::on_both_stores;
use crate::rig::StoreKind;

on_both_stores! {
    /// K-14: 25 dollars are as many satoshi as on the day of the invoice, exactly.
    k_14_fiat_is_requoted_each_cycle;
    /// K-14: a price in satoshi knows no rate.
    k_14_a_price_in_satoshi_has_no_rate;
    /// K-14: without a rate nothing is invoiced wrongly, and nobody loses by it.
    k_14_without_a_rate_nobody_is_charged;
}

/// The path of a number that is not whole. `None`: there is none.
fn broken(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::Number(number) if number.is_f64() => Some(path.to_owned()),
        Value::Array(rows) => rows
            .iter()
            .enumerate()
            .find_map(|(place, row)| broken(row, &format!("{path}[{place}]"))),
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, field)| broken(field, &format!("{path}.{name}"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

async fn k_14_fiat_is_requoted_each_cycle(kind: StoreKind) {
    let site = in_bitcoin(kind).await;
    let held = bought(&site, "deck-monthly").await;
    // 2 500 cents × 100 000 000 ÷ 6 400 003 is 39 062.48…: rounded once, to the whole.
    let days = [
        (0, START, RATE, 50_000),
        (1, "2026-04-01T13:00:00Z", 10_000_000, 25_000),
        (2, "2026-05-01T13:00:00Z", 6_400_003, 39_062),
    ];
    for (cycle, day, rate, satoshi) in days {
        assert!(site.rig.sandbox.pin(Currency::USD, rate));
        until(&site, day).await;
        let invoices = held.invoices(&site).await;
        assert_eq!(invoices.len(), cycle + 1);
        let invoice = &invoices[cycle];
        let id = text(&invoice["id"]);
        if cycle > 0 {
            // Whatever the rate does next, what was asked for stays.
            assert!(site.rig.sandbox.pin(Currency::USD, 1));
            pays(&site, &text(&invoice["pay_url"])).await;
        }
        let invoice = read(&site, &format!("/v1/invoices/{id}")).await;
        assert_eq!(invoice["status"], "settled");
        assert_eq!(invoice["amount"], usd(2_500));
        let conversion = &invoice["conversion"];
        assert_eq!(conversion["listed"], usd(2_500));
        assert_eq!(conversion["collected"], sat(satoshi));
        assert_eq!(conversion["rate"], rate);
        assert_eq!(conversion["source"], "sandbox pin");
        let at = text(&conversion["at"]);
        assert!(at.starts_with(&day[..10]), "{at} on {day}");
        let payments = invoice["payments"].as_array().unwrap();
        assert_eq!(payments.len(), 1);
        assert_eq!(payments[0]["amount"], sat(satoshi));
        assert_eq!(broken(&invoice, "invoice"), None);
    }
    let paid = site.rig.sandbox.books();
    let paid: i64 = paid
        .payments
        .values()
        .map(|payment| payment.amount.amount)
        .sum();
    assert_eq!(paid, 50_000 + 25_000 + 39_062);
    ends_well(&site).await;
}

async fn k_14_a_price_in_satoshi_has_no_rate(kind: StoreKind) {
    let site = in_bitcoin(kind).await;
    let held = bought(&site, "buoy-sats").await;
    until(&site, "2026-04-01T13:00:00Z").await;
    let open = held.invoices(&site).await[1].clone();
    assert_eq!(open["conversion"], Value::Null);
    pays(&site, &text(&open["pay_url"])).await;
    let invoices = held.invoices(&site).await;
    assert_eq!(invoices.len(), 2);
    for invoice in &invoices {
        assert_eq!(invoice["amount"], sat(50_000));
        assert_eq!(invoice["payments"][0]["amount"], sat(50_000));
        assert_eq!(invoice["conversion"], Value::Null);
        assert!(!invoice.to_string().contains("\"rate\""), "{invoice}");
    }
    ends_well(&site).await;
}

async fn k_14_without_a_rate_nobody_is_charged(kind: StoreKind) {
    let site = in_bitcoin(kind).await;
    let held = bought(&site, "deck-monthly").await;
    // Nobody sells what cannot be told in satoshi.
    assert!(site.rig.sandbox.pin(Currency::USD, 0));
    let wanted = json!({ "price": "deck-monthly" });
    let refused = site.post_as("", "/v1/checkouts", &wanted).await;
    assert!(!refused.status.is_success(), "{refused:?}");
    let upgrade = held.upgrade(&site, json!({ "plan": "bridge" })).await;
    upgrade.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    assert_eq!(held.says(&site).await.0, "deck");
    let open = listed(&site, "/v1/invoices?limit=100").await;
    let open = open.iter().filter(|row| row["status"] == "open");
    assert_eq!(open.count(), 0);
    site.rig.settle().await;
    site.rig.assert_sound().await;
}
