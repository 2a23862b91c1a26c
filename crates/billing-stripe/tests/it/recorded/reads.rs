//! Reads, lists, the portal and the doctor, as `record.py` says them.

use billing_domain::catalog::Catalog;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::RefKind;
use billing_ports::{PaymentProvider, PortalAnswer, PortalAsk, PortalPurpose};
use serde_json::{Value, json};

use super::Recording;
use crate::support::{Far, NOW, at, ok};

/// A Stripe of a handful of objects.
async fn far() -> Far {
    let far = Far::with(|mut options| {
        options.portal_configuration = Some("bpc_1".to_owned());
        options
    })
    .await;
    let subscription = json!({ "id": "sub_1", "status": "active", "customer": "cus_9",
        "items": { "data": [{ "id": "si_1", "price": { "id": "price_team" }, "quantity": 1,
            "current_period_start": 1_795_200_000, "current_period_end": 1_797_792_000 }] },
        "latest_invoice": { "id": "in_2", "status": "paid",
            "billing_reason": "subscription_update" } });
    let invoice = json!({ "id": "in_1", "status": "paid", "currency": "usd", "total": 2_000,
        "customer": "cus_9", "parent": { "subscription_details": { "subscription": "sub_1" } } });
    let page = json!({ "url": "https://billing.stripe.com/p/session/1" });
    let price = json!({ "id": "price_team", "active": true, "currency": "usd",
        "unit_amount": 2_000, "recurring": { "interval": "month", "interval_count": 1 } });
    for (verb, path, answer) in [
        ("GET", "/v1/subscriptions/sub_1", &subscription),
        ("GET", "/v1/invoices/in_1", &invoice),
        (
            "GET",
            "/v1/charges/ch_1",
            &json!({ "id": "ch_1", "payment_intent": "pi_1" }),
        ),
        ("GET", "/v1/payment_intents/pi_1", &json!({ "id": "pi_1" })),
        ("GET", "/v1/payment_intents/pi_2", &json!({ "id": "pi_2" })),
        ("GET", "/v1/prices/price_team", &price),
        ("GET", "/v1/customers/cus_9", &json!({ "id": "cus_9" })),
        ("POST", "/v1/billing_portal/sessions", &page),
        ("GET", "/v1/invoices", &listed(&[])),
        ("GET", "/v1/checkout/sessions", &listed(&[])),
        ("GET", "/v1/refunds", &listed(&[])),
        ("GET", "/v1/disputes", &listed(&[])),
        ("GET", "/v1/webhook_endpoints", &listed(&[])),
        ("GET", "/v1/subscriptions", &listed(&[])),
        ("GET", "/v1/events", &listed(&[])),
    ] {
        far.answers(verb, path, ok(answer)).await;
    }
    far
}

fn listed(rows: &[Value]) -> Value {
    json!({ "data": rows, "has_more": false })
}

pub(super) async fn objects(recording: &mut Recording) {
    let far = far().await;
    far.read(RefKind::Invoice, "in_1").await;
    // Its latest invoice is not that of its period, which is looked for.
    far.read(RefKind::Subscription, "sub_1").await;
    far.read(RefKind::Customer, "cus_9").await;
    // Whose subscription is adopted.
    let buyer = far.stripe.buyer("cus_9").await;
    assert!(matches!(buyer, Ok(Some(_))), "{buyer:?}");
    let names = [
        "read an invoice",
        "read a subscription",
        "list the invoices of a subscription",
        "list a customer's subscriptions",
        "read a customer",
    ];
    recording.has(&far, &names).await;
}

pub(super) async fn payments(recording: &mut Recording) {
    let far = far().await;
    let payments = "/v1/invoice_payments";
    let one = listed(&[json!({ "invoice": "in_1" })]);
    far.answers_once("GET", payments, ok(&one)).await;
    far.answers("GET", payments, ok(&listed(&[]))).await;
    far.read(RefKind::Payment, "ch_1").await;
    far.read(RefKind::Payment, "pi_2").await;
    let names = [
        "read a charge",
        "read a payment",
        "list what pi_1 paid",
        "read an invoice",
        "list what pi_1 went back",
        "list what pi_1 was disputed",
        "read a payment without an invoice",
        "list what pi_2 paid",
        "find the page of a payment",
        "list what pi_2 went back",
        "list what pi_2 was disputed",
    ];
    recording.has(&far, &names).await;
}

pub(super) async fn lists(recording: &mut Recording) {
    let far = far().await;
    let row = json!({ "id": "sub_1", "status": "active", "customer": "cus_9" });
    let first = json!({ "data": [row], "has_more": true });
    far.answers_once("GET", "/v1/subscriptions", ok(&first))
        .await;
    let page = far.stripe.list_subscriptions(None).await.unwrap();
    far.stripe.list_subscriptions(page.next).await.unwrap();
    let event = json!({ "id": "evt_1", "object": "event", "type": "customer.deleted" });
    let first = json!({ "data": [event], "has_more": true });
    far.answers_once("GET", "/v1/events", ok(&first)).await;
    let mut after = None;
    loop {
        after = far.stripe.list_events(at(NOW), after).await.unwrap().next;
        if after.is_none() {
            break;
        }
    }
    let names = [
        "list subscriptions",
        "list subscriptions, further",
        "list events",
        "list events, further",
        "list other events",
    ];
    recording.has(&far, &names).await;
}

pub(super) async fn portal(recording: &mut Recording) {
    let far = far().await;
    for purpose in [PortalPurpose::Overview, PortalPurpose::PaymentMethod] {
        let ask = PortalAsk {
            customer: "cus_00000000000000000000000000000002".parse().unwrap(),
            customer_ref: "cus_9".to_owned(),
            subscription_ref: None,
            purpose,
            return_url: "https://app.example.com/".to_owned(),
        };
        let answer = far.stripe.portal(&ask).await;
        assert!(
            matches!(answer, Ok(PortalAnswer::Page { .. })),
            "{answer:?}"
        );
    }
    let names = ["open the portal", "open the portal for another card"];
    recording.has(&far, &names).await;
}

pub(super) async fn doctor(recording: &mut Recording) {
    let far = far().await;
    let amount = Money::new(2_000, Currency::USD);
    let catalog = Catalog::builder("Acme", Currency::USD).plan("team", "Team", |plan| {
        plan.monthly("team", amount)
            .provider_ref("stripe", "price_team")
    });
    far.stripe.doctor(&catalog.build().unwrap()).await;
    let names = ["list webhook endpoints", "read a price"];
    recording.has(&far, &names).await;
}
