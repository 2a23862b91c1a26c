//! Stripe's secrets: two while one replaces the other, and none of them told.

use billing_stripe::StripeOptions;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::fakes::stripe::FakeOptions;
use poem::http::StatusCode;
use secrecy::SecretString;
use serde_json::json;

use super::shop::{
    API_KEY, PLANS, SECRET, account, bought, days, opened, options, pays, plan_of, shop, with,
};
use crate::rig::{KEY, StoreKind, alone, listen, logged};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// two secrets are believed while Stripe replaces one by the other.
    x_08_stripe_s_secret_is_rotated;
    /// whatever goes wrong, neither key nor secret is in a log or an answer.
    x_08_stripe_s_secrets_are_told_nowhere;
}

const NEXT: &str = "whsec_the_next_secret_of_the_tests";

async fn x_08_stripe_s_secret_is_rotated(kind: StoreKind) {
    let fake = account(FakeOptions::default()).await;
    let both = StripeOptions {
        webhook_secrets: vec![SecretString::from(NEXT), SecretString::from(SECRET)],
        ..options(&fake, "cellar")
    };
    let shop = with(kind.fresh().await, fake, both, PLANS).await;
    // The old alone, both as Stripe signs for a day, the new alone; then one that is neither.
    for (number, signs) in [vec![SECRET], vec![SECRET, NEXT], vec![NEXT]]
        .into_iter()
        .enumerate()
    {
        let signs = signs.into_iter().map(str::to_owned).collect();
        shop.fake.deliveries().set_secrets(signs);
        let customer = bought(&shop, &format!("buyer-{number}"), "bosun-monthly").await;
        assert_eq!(plan_of(&shop, &customer).await, "bosun");
    }
    shop.fake
        .deliveries()
        .set_secrets(vec!["whsec_neither".to_owned()]);
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    pays(&shop, &checkout);
    for webhook in shop.fake.deliveries().take() {
        let refused = shop.deliver("stripe", &webhook.request()).await;
        refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    shop.work().await;
    assert_eq!(plan_of(&shop, &ana).await, "free");
    shop.is_sound().await;
}

async fn x_08_stripe_s_secrets_are_told_nowhere(kind: StoreKind) {
    alone(match kind {
        StoreKind::Memory => unreachable!("on both stores that keep their rows"),
        StoreKind::Sqlite => "scenarios::stripe::secrets::alone_on_sqlite",
        StoreKind::Postgres => "scenarios::stripe::secrets::alone_on_postgres",
    });
}

#[tokio::test]
#[ignore = "started by another test, as a process of its own"]
async fn alone_on_sqlite() {
    told_nowhere(StoreKind::Sqlite).await;
}

#[tokio::test]
#[ignore = "started by another test, as a process of its own"]
async fn alone_on_postgres() {
    told_nowhere(StoreKind::Postgres).await;
}

async fn told_nowhere(kind: StoreKind) {
    listen();
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "bosun-monthly").await;
    let session = shop.session(&ana).await;
    let portal = shop.post_as(&session, "/v1/me/portal", &json!({})).await;
    portal.is(StatusCode::CREATED);
    // Everything that can go wrong on the wire.
    let mut answers = Vec::new();
    for fault in [
        FaultKind::HtmlBadGateway,
        FaultKind::CutBody,
        FaultKind::LostAnswer,
        FaultKind::Conflict,
        FaultKind::RateLimited { retry_after: None },
        FaultKind::Fixed {
            status: 401,
            body: json!({ "error": { "type": "invalid_request_error",
                "message": format!("Invalid API Key provided: {API_KEY}") } }),
        },
    ] {
        shop.fake.fault(Fault::next(fault.clone()));
        let seen = shop.post_as(&session, "/v1/me/portal", &json!({})).await;
        answers.push(seen.text);
        shop.fake.fault(Fault::next(fault).times(3));
        let body = json!({ "price": "deckhand-monthly" });
        let seen = shop.post_as(&session, "/v1/checkouts", &body).await;
        answers.push(seen.text);
        shop.fake.faults().clear();
        shop.pass(days(1)).await;
    }
    let mut forged = shop
        .fake
        .deliveries()
        .sign(billing_testkit::fakes::rig::Webhook {
            id: "evt_forged".to_owned(),
            kind: "invoice.paid".to_owned(),
            at: shop.now(),
            body: format!("{{\"id\":\"{SECRET}").into(),
        });
    forged
        .headers
        .push(("authorization".to_owned(), format!("Bearer {API_KEY}")));
    answers.push(shop.deliver("stripe", &forged.request()).await.text);
    answers.push(format!("{:?}", shop.billing));
    for path in [
        "/v1/parked",
        "/v1/subscriptions",
        "/v1/invoices",
        "/v1/customers",
    ] {
        answers.push(shop.get_as(KEY, path).await.text);
    }
    let log = logged();
    assert!(log.contains("/v1/me/portal"), "the log listens");
    for (name, secret) in [("key", API_KEY), ("webhook secret", SECRET)] {
        assert!(!log.contains(secret), "the log tells the {name}");
        let told = answers.iter().find(|text| text.contains(secret));
        assert_eq!(told, None, "an answer tells the {name}");
    }
}
