//! Forecasts over HTTP: what is foretold is what then happens.

use billing_domain::time::Timestamp;
use billing_sandbox::Mode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::migrations::{Books, dearer, executed};
use crate::rig::{Making, READ, Rig, text};

/// What an invoice and an entry of a forecast have in common.
fn owed(row: &Value) -> Value {
    json!([row["period_start"], row["period_end"], row["amount"]])
}

/// Lets time pass to each entry's start, and gives the invoices that came about,
/// oldest first.
async fn lived(rig: &Rig, customer: &str, entries: &[Value]) -> Vec<Value> {
    let listed = format!("/v1/invoices?customer={customer}&limit=100");
    let before = rig.get(&listed).by(READ).send().await.ok(200);
    let before = before["data"].as_array().unwrap().len();
    for entry in entries {
        let at: Timestamp = text(&entry["at"]).parse().unwrap();
        // What the engine has to tell a provider before then.
        rig.clock.set(at - SignedDuration::from_hours(1));
        rig.state.billing.work_until_idle().await.unwrap();
        // What a provider sells it settles within the hour.
        rig.clock.set(at + SignedDuration::from_hours(1));
        // Orders, what is paid for them, and what follows from that.
        for _ in 0..3 {
            rig.deliver().await;
        }
    }
    let after = rig.get(&listed).by(READ).send().await.ok(200);
    let mut rows = after["data"].as_array().unwrap().clone();
    rows.reverse();
    rows.split_off(before)
}

#[tokio::test]
async fn what_is_foretold_is_what_then_happens() {
    for mode in [
        Mode::OwnSchedule,
        Mode::EngineSchedule { saves_cards: true },
    ] {
        let rig = Rig::made(Making {
            mode,
            ..Making::default()
        })
        .await;
        dearer(&rig).await;
        let books = Books::with(&rig, &["ana"]).await;
        let (ana, id) = &books.holders[0];
        executed(&rig).await;
        let path = format!("/v1/subscriptions/{id}/forecast?cycles=4");
        let told = rig.get(&path).by(READ).send().await.ok(200);
        assert_eq!(told["subscription"], id.as_str());
        assert_eq!(told["more"], true);
        let entries = told["entries"].as_array().unwrap();
        let whys: Vec<&Value> = entries.iter().map(|entry| &entry["why"]).collect();
        assert_eq!(
            whys,
            ["price_change", "renewal", "renewal", "renewal"],
            "{mode:?}"
        );
        let expected: Vec<Value> = entries.iter().map(owed).collect();
        assert_eq!(expected[0][2], json!({"amount": 600, "currency": "usd"}));
        let came: Vec<Value> = lived(&rig, ana, entries).await.iter().map(owed).collect();
        assert_eq!(came, expected, "{mode:?}");
    }
}

#[tokio::test]
async fn a_cancellation_is_foretold_as_the_end() {
    let rig = Rig::new().await;
    let books = Books::with(&rig, &["ana"]).await;
    let (ana, id) = &books.holders[0];
    let session = rig.session(ana).await;
    let cancel = format!("/v1/me/subscriptions/{id}/cancel");
    rig.post(&cancel).by(&session).send().await.ok(200);
    let path = format!("/v1/me/subscriptions/{id}/forecast");
    let told = rig.get(&path).by(&session).send().await.ok(200);
    assert_eq!(told["more"], false);
    let entries = told["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{told}");
    assert_eq!(entries[0]["why"], "ends");
    assert_eq!(entries[0]["at"], "2026-04-01T12:00:00Z");
    assert_eq!(entries[0]["period_start"], Value::Null);
}

#[tokio::test]
async fn a_customer_sees_its_own_alone_and_so_many_cycles() {
    let rig = Rig::new().await;
    let books = Books::with(&rig, &["ana", "bob"]).await;
    let (ana, id) = &books.holders[0];
    let (bob, _) = &books.holders[1];
    let (ana, bob) = (rig.session(ana).await, rig.session(bob).await);
    let path = format!("/v1/me/subscriptions/{id}/forecast");
    let told = rig.get(&path).by(&ana).send().await.ok(200);
    assert_eq!(told["entries"].as_array().unwrap().len(), 12);
    let one = rig.get(&format!("{path}?cycles=1")).by(&ana).send().await;
    assert_eq!(one.ok(200)["entries"].as_array().unwrap().len(), 1);
    let most = rig.get(&format!("{path}?cycles=60")).by(&ana).send().await;
    assert_eq!(most.ok(200)["entries"].as_array().unwrap().len(), 60);
    for cycles in ["0", "61", "-1", "x", ""] {
        let asked = format!("{path}?cycles={cycles}");
        rig.get(&asked).by(&ana).send().await.wrong("cycles");
        let asked = format!("/v1/subscriptions/{id}/forecast?cycles={cycles}");
        rig.get(&asked).by(READ).send().await.wrong("cycles");
    }
    let foreign = rig.get(&path).by(&bob).send().await;
    foreign.refused(404, "not_found");
    for id in ["sub_x".to_owned(), format!("sub_{}", "0".repeat(32))] {
        for (path, by) in [
            (format!("/v1/me/subscriptions/{id}/forecast"), ana.as_str()),
            (format!("/v1/subscriptions/{id}/forecast"), READ),
        ] {
            let nobody = rig.get(&path).by(by).send().await;
            nobody.refused(404, "not_found");
        }
    }
}
