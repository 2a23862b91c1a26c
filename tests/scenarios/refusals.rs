//! What cannot be asked for is refused by name, and nothing is written.

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::books::differing;
use super::harbor::{Held, bought, ends_well};
use super::offers::{Holder, books};
use super::on_both_stores;
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// H-10: quantities below, above and between are refused everywhere.
    h_10_quantities_out_of_bounds_are_refused;
    /// K-02: an unknown, retired, unranked or present target is refused by name.
    k_02_a_target_that_cannot_be_is_named;
    /// a quote of another customer is not there.
    x_07_a_quote_of_another_is_not_there;
}

/// A checked body, and how it is refused there.
async fn refuses(site: &Site, who: &str, url: &str, body: &Value, status: StatusCode, code: &str) {
    let seen = site.post_as(who, url, body).await;
    assert_eq!(
        (seen.status, &seen.json()["code"]),
        (status, &json!(code)),
        "{url} {body}"
    );
    if code == "invalid_request" {
        let errors = seen.json()["errors"].take();
        assert_eq!(errors[0]["field"], "quantity", "{url} {body}: {errors}");
    }
}

async fn h_10_quantities_out_of_bounds_are_refused(kind: StoreKind) {
    let (books, site) = books(kind).await;
    let fleet = json!({ "price": "fleet-monthly", "quantity": 4 });
    let fleet = Holder::of(&site, "bob", fleet).await.here(&site).await;
    let deck = bought(&site, "deck-monthly").await;
    let session = fleet.session.as_str();
    let quotes = format!("/v1/me/subscriptions/{}/quotes", fleet.subscription);
    let force = format!("/v1/subscriptions/{}/change-plan", fleet.subscription);
    let licensed = format!("/v1/admin/licenses/{}/change-plan", deck.id);
    let before = books.dump().await;
    let nonsense = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("2"),
        json!(4_294_967_296_u64),
    ];
    // min−1, max+1, and what lies between two steps.
    let outside = [
        json!(1),
        json!(11),
        json!(12),
        json!(3),
        json!(4_294_967_295_u64),
    ];
    for (quantities, status, code) in [
        (nonsense, StatusCode::BAD_REQUEST, "invalid_request"),
        (
            outside,
            StatusCode::UNPROCESSABLE_ENTITY,
            "quantity_out_of_bounds",
        ),
    ] {
        for quantity in quantities {
            let wanted = json!({ "quantity": quantity });
            refuses(&site, session, &quotes, &wanted, status, code).await;
            let forced = json!({ "quantity": quantity, "collect": "none", "reason": "x" });
            refuses(&site, KEY, &force, &forced, status, code).await;
            let up = json!({
                "license_key": deck.key, "price": "fleet-monthly", "quantity": quantity,
            });
            refuses(&site, "", "/v1/upgrade-quote", &up, status, code).await;
            refuses(&site, "", "/v1/upgrade", &up, status, code).await;
            let comp = json!({
                "plan": "fleet", "quantity": quantity, "collect": "none", "reason": "x",
            });
            refuses(&site, KEY, &licensed, &comp, status, code).await;
            let new = json!({ "price": "fleet-monthly", "quantity": quantity });
            let (bad, wrong) = (StatusCode::BAD_REQUEST, "invalid_request");
            refuses(&site, "", "/v1/checkouts", &new, bad, wrong).await;
        }
    }
    // A plan that is not sold by the piece has one.
    let two = json!({ "plan": "bridge", "quantity": 2, "license_key": deck.key });
    let (status, code) = (StatusCode::UNPROCESSABLE_ENTITY, "quantity_out_of_bounds");
    refuses(&site, "", "/v1/upgrade-quote", &two, status, code).await;
    assert_eq!(differing(&before, &books.dump().await), []);
    for quantity in [2, 10] {
        let wanted = json!({ "quantity": quantity });
        fleet.asks(&site, &wanted).await.is(StatusCode::CREATED);
    }
    ends_well(&site).await;
}

async fn k_02_a_target_that_cannot_be_is_named(kind: StoreKind) {
    let (books, site) = books(kind).await;
    let deck = bought(&site, "deck-monthly").await;
    let session = site.session(&deck.customer).await;
    let quotes = format!("/v1/me/subscriptions/{}/quotes", deck.subscription);
    let force = format!("/v1/admin/licenses/{}/change-plan", deck.id);
    let before = books.dump().await;
    for (wanted, code) in [
        (json!({ "plan": "nosuch" }), "unknown_target"),
        (json!({ "plan": "../etc" }), "unknown_target"),
        (json!({ "price": "nosuch" }), "unknown_target"),
        (
            json!({ "plan": "deck", "price": "bridge-monthly" }),
            "unknown_target",
        ),
        (json!({ "price": "bridge-old" }), "target_retired"),
        (json!({ "plan": "raft" }), "unranked_target"),
        (json!({ "price": "raft-monthly" }), "unranked_target"),
        (json!({ "plan": "deck" }), "nothing_changes"),
        (json!({ "price": "deck-monthly" }), "nothing_changes"),
        (json!({ "quantity": 1 }), "nothing_changes"),
        (json!({ "price": "bridge-euro" }), "currency_mismatch"),
        (json!({ "price": "buoy-sats" }), "currency_mismatch"),
        (json!({ "plan": "buoy" }), "currency_mismatch"),
    ] {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let seen = site.post_as(&session, &quotes, &wanted).await;
        assert_eq!(seen.json()["code"], code, "{wanted}");
        seen.refused(status, code);
        // An operator may move somebody beside the ladder, and no further.
        if code != "unranked_target" {
            let mut forced = wanted.clone();
            forced["collect"] = "none".into();
            forced["reason"] = "x".into();
            let seen = site.operate(&force, &forced).await;
            assert_eq!(seen.json()["code"], code, "forced {wanted}");
            seen.refused(status, code);
        }
        for path in ["/v1/upgrade-quote", "/v1/upgrade"] {
            let seen = deck.asks(&site, path, &wanted).await;
            if code == "unknown_target" {
                seen.refused(StatusCode::NOT_FOUND, "not_found");
            } else {
                seen.refused(status, code);
            }
        }
    }
    for (body, field) in [
        (json!({}), "plan"),
        (json!({ "plan": 7 }), "plan"),
        (json!({ "plan": "bridge", "interval": "year" }), "interval"),
    ] {
        let seen = site.post_as(&session, &quotes, &body).await;
        seen.refused(StatusCode::BAD_REQUEST, "invalid_request");
        assert_eq!(seen.json()["errors"][0]["field"], field);
    }
    assert_eq!(differing(&before, &books.dump().await), []);
    ends_well(&site).await;
}

async fn x_07_a_quote_of_another_is_not_there(kind: StoreKind) {
    let (books, site) = books(kind).await;
    let (ana, bob): (Held, Held) = (
        bought(&site, "deck-monthly").await,
        bought(&site, "deck-monthly").await,
    );
    let quote = ana.quote(&site, json!({ "plan": "bridge" })).await;
    let session = site.session(&bob.customer).await;
    let before = books.dump().await;
    let mut bodies = Vec::new();
    let missing = format!("qte_{}", "0".repeat(32));
    for id in [quote["id"].as_str().unwrap(), &missing, "x"] {
        let path = format!("/v1/me/quotes/{id}/accept");
        bodies.push(site.post_as(&session, &path, &json!({})).await);
        bodies.push(bob.upgrade(&site, json!({ "quote": id })).await);
    }
    let path = format!("/v1/me/subscriptions/{}/quotes", ana.subscription);
    let wanted = json!({ "plan": "bridge" });
    bodies.push(site.post_as(&session, &path, &wanted).await);
    let path = format!("/v1/me/subscriptions/{}/changes", ana.subscription);
    bodies.push(site.get_as(&session, &path).await);
    let mut told: Vec<Value> = bodies
        .iter()
        .map(|seen| {
            seen.refused(StatusCode::NOT_FOUND, "not_found");
            let mut body = seen.json();
            body["instance"] = Value::Null;
            body
        })
        .collect();
    told.dedup();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(differing(&before, &books.dump().await), []);
    ana.upgrade(&site, json!({ "quote": quote["id"] }))
        .await
        .is(StatusCode::OK);
    ends_well(&site).await;
}
