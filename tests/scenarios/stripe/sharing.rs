//! An account that is shared: with another deployment, with other products, with
//! somebody who tries its triggers. And what is somebody else's.

use std::sync::Arc;

use billing_testkit::fakes::stripe::{Card, FakeOptions, FakeStripe};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    PLANS, Shop, account, bought, dashboard, days, event, opened, options, pays, plan_of,
    session_of, shop, sold, with,
};
use crate::rig::{KEY, StoreKind};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// S-09: two deployments on one account never see each other's events.
    s_09_two_operators_on_one_account;
    /// S-10: no read of a page or of a customer asks Stripe.
    s_10_reads_ask_stripe_nothing;
    /// S-11: what is sold beside us in the same account is accepted and ignored.
    s_11_other_products_are_ignored;
    /// S-11: so are the events of Stripe's own samples, of whatever kind.
    s_11_samples_are_accepted_and_ignored;
    /// what is somebody else's answers like what is not there.
    x_07_not_yours_is_not_there;
}

async fn operator(kind: StoreKind, fake: &Arc<FakeStripe>, name: &str) -> Shop {
    let options = options(fake, name);
    with(kind.fresh().await, Arc::clone(fake), options, PLANS).await
}

/// Everything that waits goes to both, as two endpoints of one account get it.
async fn to_both(one: &Shop, other: &Shop) {
    for _ in 0..20 {
        let sent = one.fake.deliveries().take();
        one.deliver_each(&sent).await;
        other.deliver_each(&sent).await;
        one.work().await;
        other.work().await;
        if sent.is_empty() {
            return;
        }
    }
    panic!("still busy");
}

async fn s_09_two_operators_on_one_account(kind: StoreKind) {
    let fake = account(FakeOptions::default()).await;
    let cellar = operator(kind, &fake, "cellar").await;
    let attic = operator(kind, &fake, "attic").await;
    let ana = cellar.customer("ana").await;
    let of_ana = opened(&cellar, &ana, "bosun-monthly").await;
    let ben = attic.customer("ben").await;
    let of_ben = opened(&attic, &ben, "deckhand-monthly").await;
    pays(&cellar, &of_ana);
    pays(&attic, &of_ben);
    to_both(&cellar, &attic).await;
    let payers = [&of_ana, &of_ben].map(|checkout| {
        let session = fake.object(&session_of(checkout)).unwrap();
        let metadata = &fake.object(session["customer"].as_str().unwrap()).unwrap()["metadata"];
        (
            metadata["billing_operator"].clone(),
            metadata["billing_customer"].clone(),
        )
    });
    assert_eq!(payers[0], (json!("cellar"), json!(ana)));
    assert_eq!(payers[1], (json!("attic"), json!(ben)));

    // A whole life on one side: renewed, failed, refunded, disputed, ended.
    let session = fake.object(&session_of(&of_ben)).unwrap();
    let (payer, first) = (
        session["customer"].as_str().unwrap(),
        session["invoice"].as_str().unwrap(),
    );
    fake.refund(first, Some(100)).unwrap();
    fake.dispute(first).unwrap();
    to_both(&cellar, &attic).await;
    fake.set_card(payer, Some(Card::FailsLater)).unwrap();
    for _ in 0..60 {
        fake.advance(days(1));
        to_both(&cellar, &attic).await;
    }
    let path = format!("customers/{payer}");
    dashboard(&fake, "DELETE", &path, &[]).await;
    to_both(&cellar, &attic).await;

    for (shop, who, invoices) in [(&cellar, &ana, 3), (&attic, &ben, 2)] {
        let all = shop.rows("/v1/customers?limit=100").await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["id"], json!(who));
        assert_eq!(shop.rows("/v1/subscriptions?limit=100").await.len(), 1);
        let seen = shop.rows("/v1/invoices?limit=100").await;
        assert_eq!(seen.len(), invoices, "{seen:?}");
        shop.ends_well().await;
    }
    assert_eq!(plan_of(&cellar, &ana).await, "bosun");
    assert_eq!(plan_of(&attic, &ben).await, "free");
}

async fn s_10_reads_ask_stripe_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    let session = shop.session(&held.customer).await;
    let of_ana = format!("/v1/customers/{}", held.customer);
    shop.fake.requests().clear();
    for path in [
        "/v1/plans".to_owned(),
        "/pricing".to_owned(),
        "/v1/me".to_owned(),
        "/v1/me/entitlements".to_owned(),
        "/v1/me/entitlements/storage".to_owned(),
        "/v1/me/changes".to_owned(),
        format!("/v1/me/subscriptions/{}/forecast", held.id),
    ] {
        shop.get_as(&session, &path).await.is(StatusCode::OK);
    }
    for path in [
        "/v1/customers".to_owned(),
        of_ana.clone(),
        format!("{of_ana}/entitlements"),
        format!("{of_ana}/check/storage"),
        format!("{of_ana}/journal"),
        "/v1/subscriptions".to_owned(),
        format!("/v1/subscriptions/{}", held.id),
        "/v1/invoices".to_owned(),
        "/v1/parked".to_owned(),
        "/v1/catalog".to_owned(),
    ] {
        shop.get_as(KEY, &path).await.is(StatusCode::OK);
    }
    let asked: Vec<String> = shop
        .fake
        .requests()
        .all()
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert_eq!(asked, Vec::<String>::new());
}

/// Something that another program sells in the same account.
async fn sells(shop: &Shop, mode: &str, fields: &[(&str, &str)]) -> Value {
    let mut all = vec![
        ("mode", mode),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://elsewhere.test/thanks"),
    ];
    all.extend(fields);
    let page = dashboard(&shop.fake, "POST", "checkout/sessions", &all).await;
    let id = page["id"].as_str().unwrap();
    shop.fake.pay(id, Card::Good).unwrap();
    shop.fake.object(id).unwrap()
}

async fn s_11_other_products_are_ignored(kind: StoreKind) {
    let shop = shop(kind).await;
    let ours = bought(&shop, "ana", "bosun-monthly").await;
    let month = Some(billing_domain::time::Interval::MONTH);
    let usd = billing_domain::money::Currency::USD;
    shop.fake
        .price("price_course", "prod_course", 5_000, usd, month);
    shop.fake.price("price_mug", "prod_mug", 900, usd, None);
    let course = sells(
        &shop,
        "subscription",
        &[("line_items[0][price]", "price_course")],
    )
    .await;
    let once = [
        ("line_items[0][price]", "price_mug"),
        ("customer_creation", "always"),
        ("metadata[order]", "17"),
    ];
    let mug = sells(&shop, "payment", &once).await;
    shop.settle().await;
    shop.fake
        .refund(mug["payment_intent"].as_str().unwrap(), None)
        .unwrap();
    shop.settle().await;
    let invoice = course["invoice"].as_str().unwrap();
    shop.fake.refund(invoice, Some(100)).unwrap();
    shop.fake.dispute(invoice).unwrap();
    shop.settle().await;
    shop.fake
        .cancel_in_portal(course["subscription"].as_str().unwrap())
        .unwrap();
    shop.pass(days(33)).await;
    let path = format!("customers/{}", mug["customer"].as_str().unwrap());
    dashboard(&shop.fake, "DELETE", &path, &[]).await;
    shop.settle().await;

    assert_eq!(shop.rows("/v1/customers?limit=100").await.len(), 1);
    assert_eq!(shop.rows("/v1/subscriptions?limit=100").await.len(), 1);
    assert_eq!(plan_of(&shop, &ours).await, "bosun");
    shop.ends_well().await;
}

const SAMPLES: &str = include_str!("fixtures/resources.json");

async fn s_11_samples_are_accepted_and_ignored(kind: StoreKind) {
    let shop = shop(kind).await;
    let ours = bought(&shop, "ana", "bosun-monthly").await;
    let samples: Value = serde_json::from_str(SAMPLES).unwrap();
    let mut sent = Vec::new();
    for kind in billing_stripe::HANDLED_EVENTS.into_iter().chain([
        "customer.created",
        "price.updated",
        "product.created",
        "payment_intent.succeeded",
        "charge.succeeded",
        "a.kind.of.tomorrow",
    ]) {
        let sample = match kind {
            kind if kind.starts_with("checkout.session.") => "checkout.session",
            kind if kind.starts_with("customer.subscription.") => "subscription",
            kind if kind.starts_with("subscription_schedule.") => "subscription_schedule",
            kind if kind.starts_with("invoice.") => "invoice",
            kind if kind.starts_with("refund.") => "refund",
            kind if kind.starts_with("charge.dispute.") => "dispute",
            kind if kind.starts_with("charge.") => "charge",
            kind if kind.starts_with("payment_intent.") => "payment_intent",
            kind if kind.starts_with("price.") => "price",
            kind if kind.starts_with("product.") => "product",
            "customer.deleted" => "customer",
            _ => "deleted_customer",
        };
        let id = format!("evt_{}", kind.replace('.', "_"));
        sent.push(event(&shop, &id, kind, &samples[sample]));
    }
    // A thin event of the second interface, whose body is another.
    let mut thin = event(&shop, "evt_thin", "v2.core.event", &json!({}));
    thin.event.body = json!({
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found",
        "created": "2026-01-15T12:00:00.000Z", "livemode": false, "related_object": null,
    })
    .to_string()
    .into();
    sent.push(shop.fake.deliveries().sign(thin.event));
    shop.deliver_each(&sent).await;
    shop.settle().await;
    let waiting = shop.rows("/v1/parked?limit=100").await;
    assert_eq!(waiting, Vec::<Value>::new());
    assert_eq!(shop.rows("/v1/customers?limit=100").await.len(), 1);
    assert_eq!(shop.rows("/v1/subscriptions?limit=100").await.len(), 1);
    assert_eq!(plan_of(&shop, &ours).await, "bosun");
    shop.ends_well().await;
}

/// An id of the same kind that is nobody's.
fn other_than(id: &str) -> String {
    let (rest, last) = id.split_at(id.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    format!("{rest}{other}")
}

async fn x_07_not_yours_is_not_there(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = sold(&shop, "ana", "bosun-monthly").await;
    let ben = sold(&shop, "ben", "deckhand-monthly").await;
    let session = shop.session(&ben.customer).await;
    let nothing = other_than(&ana.id);
    let quote = json!({ "plan": "deckhand" });
    let empty = json!({});
    // What is quoted to ana is hers to accept.
    let as_ana = shop.session(&ana.customer).await;
    let url = format!("/v1/me/subscriptions/{}/quotes", ana.id);
    let quoted = shop.post_as(&as_ana, &url, &quote).await;
    let quoted = quoted.is(StatusCode::CREATED).json();
    let of_ana = quoted["id"].as_str().unwrap().to_owned();
    let no_quote = other_than(&of_ana);
    for (method, path, body) in [
        ("GET", "/v1/me/subscriptions/{id}/changes", &empty),
        ("GET", "/v1/me/subscriptions/{id}/forecast", &empty),
        ("POST", "/v1/me/subscriptions/{id}/quotes", &quote),
        ("POST", "/v1/me/subscriptions/{id}/cancel", &empty),
        ("POST", "/v1/me/subscriptions/{id}/payment-method", &empty),
        ("POST", "/v1/me/subscriptions/{id}/pause", &empty),
        ("POST", "/v1/me/subscriptions/{id}/resume", &empty),
        ("POST", "/v1/me/quotes/{quote}/accept", &empty),
    ] {
        let mut answers = Vec::new();
        for (id, quote) in [(&ana.id, &of_ana), (&nothing, &no_quote)] {
            let path = path.replace("{quote}", quote);
            let url = path.replace("{id}", id);
            shop.fake.requests().clear();
            let seen = if method == "GET" {
                shop.get_as(&session, &url).await
            } else {
                shop.post_as(&session, &url, body).await
            };
            seen.refused(StatusCode::NOT_FOUND, "not_found");
            let mut body = seen.json();
            // Each request has a number of its own.
            body["instance"].take();
            let asked = shop.fake.requests().all().len();
            answers.push((seen.status, body, asked));
        }
        assert_eq!(answers[0], answers[1], "{path}");
        assert_eq!(answers[0].2, 0, "Stripe was asked about what is not theirs");
    }
    assert_eq!(ana.status(&shop).await, "active");
    shop.ends_well().await;
}
