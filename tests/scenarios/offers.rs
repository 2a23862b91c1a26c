//! What may be changed: every allowed change is listed with what its quote says,
//! and what was promised is not edited away.

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::books::{Books, differing};
use super::harbor::{
    MIDDLE, PAGES, PLANS, bought, ends_well, harbor, listed, over, pays, read, text, until, usd,
};
use super::on_both_stores;
use crate::rig::{Seen, Site, StoreKind};

on_both_stores! {
    /// K-01: every allowed change is listed, with the time and the cost that its quote says.
    k_01_every_change_is_listed_as_it_is_quoted;
    /// K-09: a change that the catalog forbids is neither listed nor quoted.
    k_09_what_is_forbidden_is_not_on_the_list;
    /// K-27: an edit that would break a promise is refused with the edit that works.
    k_27_a_promise_is_not_edited_away;
}

/// Everything on sale or not, in the catalog's order.
const PRICES: [&str; 8] = [
    "deck-monthly",
    "bridge-monthly",
    "bridge-yearly",
    "bridge-euro",
    "bridge-old",
    "fleet-monthly",
    "buoy-sats",
    "raft-monthly",
];

pub(super) async fn books(kind: StoreKind) -> (Books, Site) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    (books, site)
}

/// Somebody who holds a subscription: who, of which, and a session.
pub(super) struct Holder {
    customer: String,
    pub(super) subscription: String,
    pub(super) session: String,
}

impl Holder {
    pub(super) async fn of(site: &Site, name: &str, bought: Value) -> Self {
        let mut body = bought;
        let new = json!({ "external_ref": name });
        let made = site.operate("/v1/customers", &new).await;
        let customer = text(&made.is(StatusCode::CREATED).json()["id"]);
        body["customer"] = customer.as_str().into();
        let opened = site.operate("/v1/checkouts", &body).await;
        let opened = opened.is(StatusCode::CREATED).json();
        pays(site, &text(&opened["url"])).await;
        let held = listed(site, &format!("/v1/subscriptions?customer={customer}")).await;
        let subscription = text(&held[0]["id"]);
        let session = String::new();
        Self {
            customer,
            subscription,
            session,
        }
    }

    /// With a session that is good now.
    pub(super) async fn here(mut self, site: &Site) -> Self {
        self.session = site.session(&self.customer).await;
        self
    }

    pub(super) async fn asks(&self, site: &Site, wanted: &Value) -> Seen {
        let path = format!("/v1/me/subscriptions/{}/quotes", self.subscription);
        site.post_as(&self.session, &path, wanted).await
    }

    async fn changes(&self, site: &Site) -> Vec<Value> {
        let path = format!("/v1/me/subscriptions/{}/changes", self.subscription);
        let list = site.get_as(&self.session, &path).await;
        let mut list = list.is(StatusCode::OK).json();
        assert_eq!(list["next_cursor"], Value::Null);
        list["data"].as_array_mut().unwrap().drain(..).collect()
    }

    /// The list, after quoting each of it and finding the same.
    async fn quoted(&self, site: &Site) -> Vec<(String, u64)> {
        let changes = self.changes(site).await;
        for row in &changes {
            let wanted = json!({ "price": row["price"], "quantity": row["quantity"] });
            let quote = self.asks(site, &wanted).await;
            let quote = quote.is(StatusCode::CREATED).json();
            for field in [
                "plan",
                "price",
                "quantity",
                "kinds",
                "timing",
                "effective_at",
                "owed_now",
            ] {
                assert_eq!(row[field], quote[field], "{field} of {row}");
            }
            assert_eq!(row["next_amount"], quote["next_charge"]["amount"], "{row}");
        }
        let targets = changes.iter();
        targets
            .map(|row| (text(&row["price"]), row["quantity"].as_u64().unwrap()))
            .collect()
    }
}

async fn k_01_every_change_is_listed_as_it_is_quoted(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let deck = Holder::of(&site, "ana", json!({ "price": "deck-monthly" })).await;
    let fleet = json!({ "price": "fleet-monthly", "quantity": 4 });
    let fleet = Holder::of(&site, "bob", fleet).await;
    let yearly = Holder::of(&site, "cid", json!({ "price": "bridge-yearly" })).await;
    until(&site, MIDDLE).await;
    let table: [(Holder, &[(&str, u64)]); 3] = [
        (
            deck,
            &[
                ("bridge-monthly", 1),
                ("bridge-yearly", 1),
                ("fleet-monthly", 2),
            ],
        ),
        (
            fleet,
            &[
                ("deck-monthly", 1),
                ("bridge-monthly", 1),
                ("bridge-yearly", 1),
                ("fleet-monthly", 2),
                ("fleet-monthly", 6),
            ],
        ),
        (
            yearly,
            &[
                ("deck-monthly", 1),
                ("bridge-monthly", 1),
                ("fleet-monthly", 2),
            ],
        ),
    ];
    for (holder, expected) in table {
        let holder = holder.here(&site).await;
        let mut found = holder.quoted(&site).await;
        let mut expected: Vec<(String, u64)> = expected
            .iter()
            .map(|(price, quantity)| ((*price).to_owned(), *quantity))
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        // What is not on the list is not quoted.
        for price in PRICES {
            if found.iter().any(|(listed, _)| listed == price) {
                continue;
            }
            let refused = holder.asks(&site, &json!({ "price": price })).await;
            assert!(
                refused.status.is_client_error(),
                "{price}: {}",
                refused.text
            );
        }
    }
    ends_well(&site).await;
}

async fn k_09_what_is_forbidden_is_not_on_the_list(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = Holder::of(&site, "ana", json!({ "price": "bridge-monthly" })).await;
    let held = held.here(&site).await;
    let down = json!({ "plan": "deck" });
    let row = |rows: Vec<Value>| rows.into_iter().find(|row| row["plan"] == "deck");
    let listed = row(held.changes(&site).await).expect("a downgrade");
    assert_eq!(
        (&listed["timing"], &listed["owed_now"]),
        (&json!("period_end"), &usd(0))
    );
    held.asks(&site, &down).await.is(StatusCode::CREATED);
    let strict = format!("{PLANS}rules:\n  changes:\n    downgrade: {{ when: forbidden }}\n");
    site.apply(&strict).await.is(StatusCode::OK);
    assert_eq!(row(held.changes(&site).await), None);
    let refused = held.asks(&site, &down).await;
    refused.refused(StatusCode::FORBIDDEN, "downgrade_forbidden");
    assert!(!held.quoted(&site).await.is_empty());
    ends_well(&site).await;
}

async fn k_27_a_promise_is_not_edited_away(kind: StoreKind) {
    let (books, site) = books(kind).await;
    let held = bought(&site, "deck-monthly").await;
    let line = "deck-monthly: { amount: 25.00, interval: month }";
    let then = |retired: &str| {
        let prices = format!("{retired}\n      deck-dearer: {{ amount: 30.00, interval: month }}");
        PLANS.replace(line, &prices)
    };
    let promised = |lock: &str| {
        then(&format!(
            "deck-monthly: {{ amount: 25.00, interval: month, retired: 2026-03-02, \
             lock: {{ {lock}, then: deck-dearer, notice: 30d }} }}"
        ))
    };
    // Sold is sold; an edit that works is named.
    let edits = [
        PLANS.replace(line, "deck-monthly: { amount: 26.00, interval: month }"),
        PLANS.replace(line, "deck-monthly: { amount: 25.00, interval: year }"),
        PLANS.replace(
            line,
            "deck-monthly: { amount: 25.00, currency: eur, interval: month }",
        ),
        PLANS.replace(line, "deck-dearer: { amount: 30.00, interval: month }"),
    ];
    refused(&site, &books, &edits, "retired").await;
    // That edit, with a promise of a year.
    site.apply(&promised("cycles: 12")).await.is(StatusCode::OK);
    // A promise is made better and never worse, and what follows gets no dearer.
    let edits = [
        promised("cycles: 11"),
        promised("until: 2026-12-01"),
        promised("cycles: 12").replace("notice: 30d", "notice: 29d"),
        promised("cycles: 12").replace("amount: 30.00", "amount: 31.00"),
    ];
    refused(&site, &books, &edits, "can only be made better").await;
    site.apply(&promised("cycles: 13")).await.is(StatusCode::OK);
    assert_eq!(held.stands(&site).await["unit"], usd(2_500));

    until(&site, "2026-04-02T00:00:00Z").await;
    let invoices = held.invoices(&site).await;
    assert_eq!(invoices[1]["amount"], usd(2_500), "as it was sold");
    pays(&site, &text(&invoices[1]["pay_url"])).await;
    ends_well(&site).await;
}

/// Neither compared nor applied without saying what would work; nothing is written.
async fn refused(site: &Site, books: &Books, edits: &[String], advice: &str) {
    let revision = read(site, "/v1/catalog").await["revision"].take();
    let before = books.dump().await;
    for edit in edits {
        let seen = site.apply(edit).await;
        seen.refused(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable");
        let refusals = seen.json()["refusals"].take();
        let told = text(&refusals[0]);
        assert!(told.contains("plans.deck.prices.deck-monthly"), "{told}");
        assert!(told.contains(advice), "{told}");
        let compared = site.compare(edit).await.is(StatusCode::OK).json();
        assert_eq!(
            compared["refusals"], refusals,
            "the comparison says the same"
        );
    }
    assert_eq!(differing(&before, &books.dump().await), []);
    assert_eq!(read(site, "/v1/catalog").await["revision"], revision);
}
