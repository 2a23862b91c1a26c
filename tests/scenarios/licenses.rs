//! A license's plan changes: quoted, paid, applied once, and the same license for life.

use billing::sandbox::Fault;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::books::{Books, differing};
use super::harbor::{
    END, Held, MIDDLE, PAGES, PLANS, bought, ends_well, in_bitcoin, listed, over, pay, pays, read,
    sat, text, until, usd,
};
use super::on_both_stores;
use crate::rig::{Site, StoreKind};

on_both_stores! {
    /// K-01: a quote says what is owed, when, what comes next and what is lost; it is all that is written.
    k_01_a_quote_writes_nothing_but_itself;
    /// K-05: an upgrade takes a quote or makes one; its price is the catalog's, paid in satoshi.
    k_05_an_upgrade_is_priced_here_and_paid_in_satoshi;
    /// K-05: what is not an increase is refused, and nothing is written.
    k_05_what_does_not_go_up_is_refused;
    /// K-05: the invoice and the change stand together, whatever the provider does.
    k_05_invoice_and_change_are_stored_together;
    /// K-06: from start to settlement the license shows what it did.
    k_06_nothing_changes_before_settlement;
}

async fn k_01_a_quote_writes_nothing_but_itself(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    let held = bought(&site, "deck-monthly").await;
    // What is held is sold to nobody any more, and a dearer price instead.
    let followed = PLANS.replace(
        "deck-monthly: { amount: 25.00, interval: month }",
        "deck-monthly: { amount: 25.00, interval: month, retired: 2026-03-10 }\n      \
         deck-dearer: { amount: 30.00, interval: month }",
    );
    site.apply(&followed).await.is(StatusCode::OK);
    until(&site, MIDDLE).await;

    let before = books.dump().await;
    let first = held.quote(&site, json!({ "plan": "bridge" })).await;
    let after = books.dump().await;
    // The first quote of a day draws the key that signs that day's.
    let of_first = [("idempotency".to_owned(), 1), ("quotes".to_owned(), 1)];
    assert_eq!(differing(&before, &after), of_first);
    let quote = held.quote(&site, json!({ "plan": "bridge" })).await;
    let again = books.dump().await;
    assert_eq!(differing(&after, &again), [("quotes".to_owned(), 1)]);

    // Half of 75.00 less the unused half of 25.00, at once.
    assert_eq!(quote["owed_now"], usd(2500));
    assert_eq!(quote["timing"], "now");
    assert_eq!(quote["effective_at"], MIDDLE);
    assert_eq!(
        quote["next_charge"],
        json!({ "at": END, "amount": usd(7500) })
    );
    let lost = json!([{ "kind": "price_lock", "price": "deck-monthly", "unit": usd(2500) }]);
    assert_eq!(quote["loses"], lost);
    for field in ["owed_now", "lines", "loses", "next_charge"] {
        assert_eq!(quote[field], first[field], "{field}");
    }
    // What is refused writes nothing at all.
    let wish = json!({ "plan": "raft" });
    let refused = held.asks(&site, "/v1/upgrade-quote", &wish).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "unranked_target");
    assert_eq!(differing(&again, &books.dump().await), []);
    ends_well(&site).await;
}

async fn k_05_an_upgrade_is_priced_here_and_paid_in_satoshi(kind: StoreKind) {
    let site = in_bitcoin(kind).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let wish = json!({
        "plan": "bridge", "amount": 1, "currency": "eur", "unit": { "amount": 1 },
        "owed_now": { "amount": 1, "currency": "usd" },
    });
    let change = held.upgrade(&site, wish).await.is(StatusCode::OK).json();
    assert_eq!(change["status"], "awaiting_payment");
    assert_eq!(change["owed"], usd(2500));
    let invoice = read(&site, &format!("/v1/invoices/{}", text(&change["invoice"]))).await;
    assert_eq!(invoice["purpose"], "change");
    assert_eq!(invoice["status"], "open");
    assert_eq!(invoice["change"], change["id"]);
    assert_eq!(invoice["amount"], usd(2500));
    assert_eq!(invoice["lines"], change["lines"]);
    assert_eq!(invoice["pay_url"], change["checkout_url"]);
    let conversion = &invoice["conversion"];
    assert_eq!(conversion["listed"], usd(2500));
    assert_eq!(conversion["collected"], sat(50_000));
    assert_eq!(conversion["rate"], 5_000_000);
    // A word that is not known is no amount either.
    let unknown = json!({ "plan": "bridge", "price_amount": 1 });
    let refused = held.upgrade(&site, unknown).await;
    refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    pays(&site, &text(&change["checkout_url"])).await;
    assert_eq!(held.says(&site).await.0, "bridge");

    // A quote is taken as it stands, and makes no other.
    let other = bought(&site, "buoy-sats").await;
    let refused = other.upgrade(&site, json!({ "plan": "bridge" })).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "currency_mismatch");
    let third = bought(&site, "deck-monthly").await;
    let quote = third
        .quote(&site, json!({ "price": "bridge-yearly" }))
        .await;
    let body = json!({ "quote": quote["id"] });
    let taken = third.upgrade(&site, body.clone()).await;
    let taken = taken.is(StatusCode::OK).json();
    assert_eq!(taken["quote"], quote["id"]);
    assert_eq!(taken["owed"], quote["owed_now"]);
    assert_eq!(taken["lines"], quote["lines"]);
    let again = third.upgrade(&site, body).await.is(StatusCode::OK).json();
    assert_eq!(again, taken, "one quote, one change");
    pays(&site, &text(&taken["checkout_url"])).await;
    assert_eq!(third.stands(&site).await["price"], "bridge-yearly");
    ends_well(&site).await;
}

async fn k_05_what_does_not_go_up_is_refused(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    let held = bought(&site, "bridge-yearly").await;
    let quote = held.quote(&site, json!({ "plan": "deck" })).await;
    held.quote(&site, json!({ "price": "bridge-monthly" }))
        .await;
    let before = books.dump().await;
    let refused = held.upgrade(&site, json!({ "quote": quote["id"] })).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "not_an_increase");
    assert_eq!(differing(&before, &books.dump().await), []);
    for wish in [
        json!({ "plan": "deck" }),
        json!({ "price": "bridge-monthly" }),
    ] {
        let refused = held.upgrade(&site, wish).await;
        refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "not_an_increase");
    }
    let same = held.upgrade(&site, json!({ "plan": "bridge" })).await;
    same.refused(StatusCode::UNPROCESSABLE_ENTITY, "nothing_changes");
    // A quote that was made to be refused is all that is left of it.
    let left = differing(&before, &books.dump().await);
    assert_eq!(left, [("quotes".to_owned(), 2)]);
    assert_eq!(listed(&site, "/v1/changes").await, [] as [Value; 0]);
    ends_well(&site).await;
}

async fn k_05_invoice_and_change_are_stored_together(kind: StoreKind) {
    let site = in_bitcoin(kind).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let quote = held.quote(&site, json!({ "plan": "bridge" })).await;
    let wish = json!({ "quote": quote["id"] });
    // The answer is lost on the way: nobody knows a page, and both are there.
    site.rig.sandbox.inject(Fault::LoseAnswer);
    let lost = held.upgrade(&site, wish.clone()).await;
    lost.refused(StatusCode::BAD_GATEWAY, "provider_error");
    let changes = listed(&site, "/v1/changes").await;
    let [change] = changes.as_slice() else {
        panic!("not one change: {changes:?}");
    };
    assert_eq!(change["status"], "awaiting_payment");
    let invoices = held.invoices(&site).await;
    assert_eq!(invoices.len(), 2);
    assert_eq!(invoices[1]["id"], change["invoice"]);
    assert_eq!(invoices[1]["change"], change["id"]);
    assert_eq!(invoices[1]["status"], "open");

    // Asked again under the same key, the provider made it once.
    until(&site, "2026-03-17T00:10:00Z").await;
    let there = held.upgrade(&site, wish).await.is(StatusCode::OK).json();
    assert_eq!(there["id"], change["id"]);
    pays(&site, &text(&there["checkout_url"])).await;
    assert_eq!(site.rig.sandbox.books().invoices.len(), 1);
    assert_eq!(held.says(&site).await.0, "bridge");

    // Refused, both are over.
    let other = bought(&site, "deck-monthly").await;
    let code = "amount_too_large".to_owned();
    site.rig.sandbox.inject(Fault::Refuse { code });
    let refused = other.upgrade(&site, json!({ "plan": "bridge" })).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    let newest = &other.invoices(&site).await[1];
    assert_eq!(newest["status"], "void");
    let change = read(&site, &format!("/v1/changes/{}", text(&newest["change"]))).await;
    assert_eq!(change["status"], "failed");
    assert_eq!(other.says(&site).await.0, "deck");
    site.rig.settle().await;
    site.rig.assert_sound().await;
}

/// All that shows what somebody may do, wherever it can be asked.
async fn shown_everywhere(site: &Site, held: &Held, token: &str) -> Value {
    let body = json!({ "token": token });
    let refreshed = site.post_as("", "/v1/licenses/refresh", &body).await;
    let refreshed = refreshed.is(StatusCode::OK).json()["license"].take();
    let refreshed = site.says(&text(&refreshed["token"])).await;
    let (plan, entitlements, end) = held.says(site).await;
    let check = format!("/v1/customers/{}/check/editor?level=write", held.customer);
    json!({
        "exchanged": [plan, entitlements, end.map(|end| end.to_string())],
        "refreshed": [refreshed.plan, refreshed.entitlements, refreshed.exp, refreshed.serial],
        "row": read(site, &format!("/v1/licenses/{}", held.id)).await,
        "plan": held.stands(site).await["plan"],
        "may_write": read(site, &check).await["allowed"],
    })
}

async fn k_06_nothing_changes_before_settlement(kind: StoreKind) {
    let site = in_bitcoin(kind).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let token = text(&held.shown(&site).await["token"]);
    let before = shown_everywhere(&site, &held, &token).await;
    assert_eq!(before["exchanged"][1], json!({ "editor": "read" }));
    assert_eq!(before["may_write"], false);

    let change = held.upgrade(&site, json!({ "plan": "bridge" })).await;
    let change = change.is(StatusCode::OK).json();
    assert_eq!(
        shown_everywhere(&site, &held, &token).await,
        before,
        "started"
    );
    let page = text(&change["checkout_url"]);
    site.get(&page).await.is(StatusCode::OK);
    site.rig.settle().await;
    assert_eq!(
        shown_everywhere(&site, &held, &token).await,
        before,
        "looked at"
    );
    pay(&site, &page).await;
    assert_eq!(
        shown_everywhere(&site, &held, &token).await,
        before,
        "paid, not told"
    );

    site.rig.settle().await;
    let after = shown_everywhere(&site, &held, &token).await;
    assert_eq!(after["exchanged"][0], "bridge");
    assert_eq!(after["exchanged"][1], json!({ "editor": "write" }));
    assert_eq!(after["refreshed"][0], "bridge");
    assert_eq!(after["row"]["plan"], "bridge");
    assert_eq!(after["may_write"], true);
    ends_well(&site).await;
}
