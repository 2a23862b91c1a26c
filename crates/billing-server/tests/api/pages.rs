//! Every list, page by page.

use std::collections::BTreeSet;

use billing_domain::parked::ParkReason;
use billing_ports::store::{Commit, Ring};
use billing_testkit::fixtures;
use serde_json::{Value, json};

use crate::rig::{ADMIN, Rig, WRITE, text};

/// Three customers who bought, and three things that wait.
async fn filled() -> Rig {
    let rig = Rig::new().await;
    for (seed, name) in ["ana", "bob", "eve"].into_iter().enumerate() {
        rig.customer(name).await;
        rig.buys(name, "personal-monthly").await;
        let mut make = fixtures::Maker::new(u64::try_from(seed).unwrap() + 1);
        let account = make.subscriber();
        let commit = Commit {
            parked: vec![make.parked(ParkReason::AmountMismatch)],
            ..fixtures::creation(&account, make.now)
        };
        rig.store.commit(commit).await.unwrap();
        let code = json!({ "code": format!("SPRING{seed}"), "basis_points": 2_500 });
        let sale = rig.post("/v1/discount-codes").by(WRITE).json(code);
        sale.send().await.ok(201);
        rig.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    rig
}

/// Lists that [`filled`] fills: they are read page by page.
const LISTS: [&str; 8] = [
    "/v1/customers",
    "/v1/subscriptions",
    "/v1/invoices",
    "/v1/customers/ana/journal",
    "/v1/parked",
    "/v1/events",
    "/v1/audit",
    "/v1/discount-codes",
];

/// Has a bound of its own, and its own tests.
const LONG: &str = "/v1/price-migrations/moves";

/// Every other list of the document, with a credential that reads it and another kind of id than
/// its rows have.
async fn lists(rig: &Rig) -> Vec<(String, String, &'static str)> {
    let session = rig.session("ana").await;
    let document: Value = serde_json::from_str(billing_server::openapi_document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let lists = paths.filter(|(path, said)| {
        let asked = said["get"]["parameters"].as_array().into_iter().flatten();
        *path != LONG && asked.into_iter().any(|one| one["name"] == "cursor")
    });
    let asked = lists.map(|(path, _)| {
        let mine = path.starts_with("/v1/me/");
        let by = if mine { session.as_str() } else { ADMIN };
        let other = if path == "/v1/customers" {
            "sub"
        } else {
            "cus"
        };
        (path.replace("{customer}", "ana"), by.to_owned(), other)
    });
    asked.collect()
}

#[tokio::test]
async fn every_list_goes_on_where_its_cursor_says() {
    let rig = filled().await;
    for list in LISTS {
        let whole = rig
            .get(&format!("{list}?limit=100"))
            .by(ADMIN)
            .send()
            .await
            .ok(200);
        assert_eq!(whole["next_cursor"], Value::Null, "{list}");
        let whole: Vec<String> = ids(&whole);
        assert!(whole.len() >= 3, "{list}: {whole:?}");
        assert_eq!(
            whole.iter().collect::<BTreeSet<_>>().len(),
            whole.len(),
            "{list}"
        );
        for limit in 1..=whole.len() {
            let mut seen: Vec<String> = Vec::new();
            let mut cursor = String::new();
            let mut requests = 0;
            loop {
                let path = format!("{list}?limit={limit}{cursor}");
                let page = rig.get(&path).by(ADMIN).send().await.ok(200);
                let rows = ids(&page);
                assert!((1..=limit).contains(&rows.len()), "{path}: {rows:?}");
                seen.extend(rows);
                requests += 1;
                let Some(next) = page["next_cursor"].as_str() else {
                    break;
                };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(seen, whole, "{list} by {limit}");
            assert_eq!(requests, whole.len().div_ceil(limit), "{list} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_cursor_is_one_of_this_list() {
    let rig = filled().await;
    let lists = lists(&rig).await;
    assert!(lists.len() > LISTS.len(), "{lists:?}");
    for (list, by, other) in &lists {
        let of_another = format!("{other}_{}", "0".repeat(32));
        let long = "x".repeat(10_000);
        for bad in ["", "x", "%00", "..", "1", &of_another, &long] {
            let path = format!("{list}?cursor={bad}");
            rig.get(&path).by(by).send().await.wrong("cursor");
        }
        for bad in ["", "0", "-1", "101", "1.5", "x", "9223372036854775808"] {
            let path = format!("{list}?limit={bad}");
            rig.get(&path).by(by).send().await.wrong("limit");
        }
    }
}

/// Money is a whole number of minor units beside its currency, in every answer.
#[tokio::test]
async fn money_is_whole_and_has_its_currency_in_every_answer() {
    let rig = filled().await;
    let mut found = 0;
    for path in LISTS.into_iter().chain(["/v1/plans", "/v1/catalog"]) {
        let answer = rig.get(path).by(ADMIN).send().await.ok(200);
        check_money(path, &answer, &mut found);
    }
    assert!(found > 10, "{found} amounts of money");
    let invoices = rig.get("/v1/invoices").by(ADMIN).send().await.ok(200);
    for invoice in invoices["data"].as_array().unwrap() {
        let payments = invoice["payments"].as_array().unwrap();
        if invoice["status"] == "settled" {
            let paid: i64 = payments
                .iter()
                .map(|p| p["amount"]["amount"].as_i64().unwrap())
                .sum();
            assert_eq!(
                paid,
                invoice["amount"]["amount"].as_i64().unwrap(),
                "{invoice}"
            );
        }
    }
}

fn check_money(place: &str, value: &Value, found: &mut usize) {
    match value {
        Value::Number(number) => assert!(!number.is_f64(), "{place}: {number}"),
        Value::Array(values) => values
            .iter()
            .for_each(|value| check_money(place, value, found)),
        Value::Object(object) => {
            if let Some(amount) = object.get("amount").filter(|amount| amount.is_number()) {
                assert!(amount.is_i64(), "{place}: {amount}");
                let currency = object["currency"].as_str().unwrap();
                assert_eq!(currency.len(), 3, "{place}: {currency}");
                *found += 1;
            }
            for (name, value) in object {
                check_money(&format!("{place}.{name}"), value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    rows.iter().map(|row| text(&row["id"])).collect()
}
