//! What happened to anybody, and what balances are made of.

use billing_domain::ids::CustomerId;
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_ports::Clock as _;
use billing_ports::store::{Also, Ring as _};
use billing_testkit::fixtures::{Maker, next_commit};
use serde_json::{Value, json};

use crate::rig::{READ, Rig, text};
use crate::shop::{PAGES, shop, usd};

async fn all(rig: &Rig, path: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = String::new();
    loop {
        let page = rig.get(&format!("{path}{next}")).by(READ).send().await;
        let page = page.ok(200);
        rows.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else {
            return rows;
        };
        next = format!("&cursor={cursor}");
    }
}

#[tokio::test]
async fn what_happened_is_listed_over_everybody_newest_first() {
    let rig = shop(PAGES).await;
    let mut expected = Vec::new();
    for name in ["ana", "ben"] {
        let customer = rig.customer(name).await;
        rig.buys(&customer, "pro-monthly").await;
        let journal = all(&rig, &format!("/v1/customers/{name}/journal?limit=100")).await;
        assert!(
            journal
                .iter()
                .all(|entry| entry["customer"] == customer.as_str())
        );
        expected.splice(0..0, journal);
    }
    // Of one instant, the ids say which comes first.
    expected.sort_by(|a, b| text(&b["id"]).cmp(&text(&a["id"])));
    assert_eq!(all(&rig, "/v1/events?limit=3").await, expected);
    let ana = rig.get("/v1/customers/ana").by(READ).send().await.ok(200)["id"].clone();
    for (query, keep) in [
        (
            "customer=ana",
            Box::new(|row: &Value| row["customer"] == ana) as Box<dyn Fn(&Value) -> bool>,
        ),
        (
            "event=invoice.settled",
            Box::new(|row: &Value| row["event"] == "invoice.settled"),
        ),
        (
            "event=invoice.settled&customer=ana",
            Box::new(|row: &Value| row["event"] == "invoice.settled" && row["customer"] == ana),
        ),
    ] {
        let mut wanted = expected.clone();
        wanted.retain(|row| keep(row));
        assert!(!wanted.is_empty(), "{query}");
        assert_eq!(
            all(&rig, &format!("/v1/events?limit=2&{query}")).await,
            wanted
        );
    }
    for (query, wrong) in [
        ("event=nosuch", "event"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let got = rig
            .get(&format!("/v1/events?{query}"))
            .by(READ)
            .send()
            .await;
        got.wrong(wrong);
    }
    let got = rig.get("/v1/events?customer=nobody").by(READ).send().await;
    got.refused(404, "customer_not_found");
}

#[tokio::test]
async fn a_balance_is_shown_with_the_changes_that_made_it() {
    let rig = shop(PAGES).await;
    let id: CustomerId = rig.customer("ana").await.parse().unwrap();
    let path = "/v1/customers/ana/balance?limit=2";
    let empty = rig.get(path).by(READ).send().await.ok(200);
    let none = json!({ "balances": [], "data": [], "next_cursor": null });
    assert_eq!(empty, none);

    let held = rig.store.load(id, &Also::default()).await.unwrap().unwrap();
    let mut after = held.account.clone();
    let (usd_held, eur_held) = (Money::new(300, Currency::USD), Money::new(5, Currency::EUR));
    after.customer.balances = vec![eur_held, usd_held];
    let mut commit = next_commit(&held, &after, rig.clock.now());
    let mut make = Maker::new(5);
    for (event, amount) in [
        (Event::BalanceChanged, Money::new(500, Currency::USD)),
        (Event::InvoiceOpened, Money::new(900, Currency::USD)),
        (Event::BalanceChanged, eur_held),
        (Event::BalanceChanged, Money::new(-200, Currency::USD)),
    ] {
        let mut entry = make.journal(id, event);
        entry.money = Some(amount);
        entry.renewal = None;
        commit.journal.push(entry);
    }
    rig.store.commit(commit).await.unwrap();

    let got = rig.get(path).by(READ).send().await.ok(200);
    let eur = json!({ "amount": 5, "currency": "eur" });
    assert_eq!(got["balances"], json!([eur, usd(300)]));
    let changes = all(&rig, path).await;
    let moved: Vec<_> = changes.iter().map(|row| row["money"].clone()).collect();
    assert_eq!(moved, [usd(-200), eur, usd(500)]);
    assert!(changes.iter().all(|row| row["event"] == "balance.changed"));
    let got = rig
        .get("/v1/customers/nobody/balance")
        .by(READ)
        .send()
        .await;
    got.refused(404, "customer_not_found");
}
