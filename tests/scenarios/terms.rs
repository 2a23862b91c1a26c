//! What was negotiated with one customer, beside the public catalog.

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{PAGES, START, ends_well, harbor, listed, read, text, until, usd};
use super::on_both_stores;
use crate::rig::{Seen, Site, StoreKind};

on_both_stores! {
    /// H-12: own price, own first cycle, own seats, paid by invoices that an operator marks paid.
    h_12_negotiated_terms_are_paid_by_manual_invoice;
    /// H-12: the public sees nothing of them, and another customer cannot use them.
    h_12_negotiated_terms_are_one_customer_s;
}

async fn customer(site: &Site, name: &str) -> String {
    let new = json!({ "external_ref": name });
    let made = site.operate("/v1/customers", &new).await;
    text(&made.is(StatusCode::CREATED).json()["id"])
}

/// Nine dollars a seat, five in the first month, for three to fifty seats.
async fn agreed(site: &Site, with: &str) -> String {
    let terms = json!({
        "plan": "fleet", "amount": 900, "currency": "usd", "interval": "month",
        "first_cycle": 500, "quantity": { "min": 3, "max": 50 }, "provider": "manual",
    });
    let path = format!("/v1/customers/{with}/negotiated-terms");
    let made = site.operate(&path, &terms).await;
    text(&made.is(StatusCode::CREATED).json()["id"])
}

async fn buys(site: &Site, who: &str, terms: &str, quantity: u32) -> Seen {
    let body = json!({ "customer": who, "terms": terms, "quantity": quantity });
    site.operate("/v1/checkouts", &body).await
}

/// An operator marks the only open invoice paid; gives it as it was.
async fn marked_paid(site: &Site, who: &str, reference: &str, at: &str) -> Value {
    let rows = listed(site, &format!("/v1/invoices?customer={who}&limit=100")).await;
    let mut open = rows.into_iter().filter(|row| row["status"] == "open");
    let owed = open.next().expect("an open invoice");
    assert_eq!(open.next(), None, "one open invoice");
    assert_eq!(owed["provider"], "manual/main");
    let path = format!("/v1/invoices/{}/payments", text(&owed["id"]));
    let body = json!({ "reference": reference, "paid_at": at });
    let paid = site.operate(&path, &body).await.is(StatusCode::OK).json();
    assert_eq!(paid["status"], "settled");
    let payment = &paid["payments"][0];
    assert_eq!(
        (&payment["reference"], &payment["at"]),
        (&json!(reference), &json!(at))
    );
    assert_eq!(payment["amount"], owed["amount"]);
    // The same line of the bank's twice is one payment.
    let again = site.operate(&path, &body).await.is(StatusCode::OK).json();
    assert_eq!(again, paid);
    site.rig.settle().await;
    owed
}

async fn h_12_negotiated_terms_are_paid_by_manual_invoice(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let ana = customer(&site, "ana").await;
    let terms = agreed(&site, "ana").await;
    for seats in [0, 2, 51] {
        let refused = buys(&site, &ana, &terms, seats).await;
        refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
        assert_eq!(refused.json()["errors"][0]["field"], "quantity");
    }
    // Five is not one of the catalog's pairs, and fifteen more than its ten.
    let opened = buys(&site, &ana, &terms, 15).await;
    let opened = opened.is(StatusCode::CREATED).json();
    assert_eq!(
        (&opened["status"], &opened["url"]),
        (&json!("pending"), &Value::Null)
    );
    site.rig.settle().await;
    let check = "/v1/customers/ana/check/editor?level=write";
    assert_eq!(read(&site, check).await["allowed"], false, "not paid yet");
    let owed = marked_paid(&site, &ana, "bank 17", START).await;
    assert_eq!(
        (&owed["purpose"], &owed["amount"]),
        (&json!("purchase"), &usd(7_500))
    );
    assert_eq!(read(&site, check).await["allowed"], true);
    let seats = read(&site, "/v1/customers/ana/check/seats").await;
    assert_eq!(seats["limit"], 15);

    let held = listed(&site, "/v1/subscriptions?customer=ana").await;
    assert_eq!(held.len(), 1);
    let held = &held[0];
    assert_eq!((&held["price"], &held["unit"]), (&Value::Null, &usd(900)));

    // The second month costs what was agreed; so do seats that are added.
    let path = format!("/v1/me/subscriptions/{}/quotes", text(&held["id"]));
    let session = site.session("ana").await;
    for quantity in [2, 51] {
        let refused = site
            .post_as(&session, &path, &json!({ "quantity": quantity }))
            .await;
        refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "quantity_out_of_bounds");
    }
    until(&site, "2026-04-02T00:00:00Z").await;
    let owed = marked_paid(&site, &ana, "bank 18", "2026-04-01T18:00:00Z").await;
    assert_eq!(
        (&owed["purpose"], &owed["amount"]),
        (&json!("renewal"), &usd(13_500))
    );
    let quote = site
        .post_as(&session, &path, &json!({ "quantity": 16 }))
        .await;
    let session = site.session("ana").await;
    assert_eq!(
        quote.status,
        StatusCode::UNAUTHORIZED,
        "a session of last month"
    );
    let quote = site
        .post_as(&session, &path, &json!({ "quantity": 16 }))
        .await;
    let quote = quote.is(StatusCode::CREATED).json();
    assert_eq!(quote["unit"], usd(900));
    assert_eq!(quote["next_charge"]["amount"], usd(14_400));
    let accept = format!("/v1/me/quotes/{}/accept", text(&quote["id"]));
    let change = site.post_as(&session, &accept, &json!({})).await;
    let change = change.is(StatusCode::OK).json();
    assert_eq!(change["status"], "awaiting_payment");
    let owed = marked_paid(&site, &ana, "bank 19", "2026-04-02T00:00:00Z").await;
    assert_eq!(
        (&owed["purpose"], &owed["amount"]),
        (&json!("change"), &quote["owed_now"])
    );
    let seats = read(&site, "/v1/customers/ana/check/seats").await;
    assert_eq!(seats["limit"], 16);
    // Nothing of all that was asked of the provider that others pay at.
    let books = site.rig.sandbox.books();
    assert!(books.checkouts.is_empty() && books.invoices.is_empty());
    ends_well(&site).await;
}

async fn h_12_negotiated_terms_are_one_customer_s(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let plans = site.get("/v1/plans").await.is(StatusCode::OK).json();
    let (ana, bob) = (customer(&site, "ana").await, customer(&site, "bob").await);
    let terms = agreed(&site, "ana").await;
    let seen = site.get("/v1/plans").await.is(StatusCode::OK);
    assert_eq!(seen.json(), plans);
    assert!(!seen.text.contains(&terms) && !seen.text.contains("900}"));
    let of_bob = read(&site, "/v1/customers/bob").await;
    assert_eq!(of_bob["negotiated_terms"], json!([]));
    let of_ana = read(&site, "/v1/customers/ana").await;
    assert_eq!(of_ana["negotiated_terms"][0]["id"], terms.as_str());

    let foreign = buys(&site, &bob, &terms, 15).await;
    let missing = buys(&site, &bob, &format!("trm_{}", "0".repeat(32)), 15).await;
    foreign.refused(StatusCode::BAD_REQUEST, "invalid_request");
    let mut bodies = [foreign.json(), missing.json()];
    for body in &mut bodies {
        body["instance"] = Value::Null;
    }
    assert_eq!(bodies[0], bodies[1], "not yours and not there are one");
    for (who, status, code) in [
        (String::new(), StatusCode::UNAUTHORIZED, "unauthorized"),
        (
            site.session(&bob).await,
            StatusCode::FORBIDDEN,
            "insufficient_scope",
        ),
        (
            site.session(&ana).await,
            StatusCode::FORBIDDEN,
            "insufficient_scope",
        ),
    ] {
        let body = json!({ "terms": terms, "customer": ana, "quantity": 15 });
        site.post_as(&who, "/v1/checkouts", &body)
            .await
            .refused(status, code);
    }
    assert_eq!(listed(&site, "/v1/subscriptions").await, [] as [Value; 0]);
    assert_eq!(listed(&site, "/v1/invoices").await, [] as [Value; 0]);
    // For everybody else it is the catalog's price, at the provider.
    let body = json!({ "customer": bob, "plan": "fleet", "quantity": 4 });
    let public = site.operate("/v1/checkouts", &body).await;
    assert!(public.is(StatusCode::CREATED).json()["url"].is_string());
    let page = site.rig.sandbox.books();
    let amounts: Vec<i64> = page
        .checkouts
        .values()
        .map(|entry| entry.amount.amount)
        .collect();
    assert_eq!(amounts, [4_800]);
    ends_well(&site).await;
}
