//! Reads, lists, and the doctor.

use billing_domain::catalog::Catalog;
use billing_domain::fact::Fact;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::RefKind;
use billing_ports::{FindingLevel, PaymentProvider, PortalAsk, PortalPurpose};
use billing_stripe::{API_VERSION, HANDLED_EVENTS};
use serde_json::{Value, json};

use crate::support::{Far, at, brief, no, ok};

fn missing() -> Value {
    json!({ "error": { "type": "invalid_request_error", "code": "resource_missing" } })
}

#[tokio::test]
async fn what_is_not_there_reads_as_nothing() {
    let far = Far::start().await;
    for (kind, id, path) in [
        (RefKind::Subscription, "sub_0", "/v1/subscriptions/sub_0"),
        (RefKind::Invoice, "in_0", "/v1/invoices/in_0"),
        (RefKind::Checkout, "cs_0", "/v1/checkout/sessions/cs_0"),
        (RefKind::Payment, "pi_0", "/v1/payment_intents/pi_0"),
    ] {
        far.answers("GET", path, no(404, &missing())).await;
        assert_eq!(far.read(kind, id).await, [], "{id}");
    }
    let asked = far.calls().await.len();
    assert_eq!(far.read(RefKind::Subscription, "../customers").await, []);
    assert_eq!(
        far.calls().await.len(),
        asked,
        "an id leads to no other path"
    );
}

#[tokio::test]
async fn a_refund_says_which_invoice_it_pays_back() {
    let far = Far::start().await;
    let intent = json!({ "id": "pi_1", "customer": "cus_9" });
    far.answers(
        "GET",
        "/v1/charges/ch_1",
        ok(&json!({ "id": "ch_1", "payment_intent": "pi_1" })),
    )
    .await;
    far.answers("GET", "/v1/payment_intents/pi_1", ok(&intent))
        .await;
    let payments = json!({ "data": [{ "invoice": "in_1" }] });
    far.answers("GET", "/v1/invoice_payments", ok(&payments))
        .await;
    let invoice = json!({ "id": "in_1", "status": "paid", "currency": "usd", "total": 2000,
        "customer": "cus_9", "parent": { "subscription_details": { "subscription": "sub_1" } } });
    far.answers("GET", "/v1/invoices/in_1", ok(&invoice)).await;
    let refunds = json!({ "data": [
        { "id": "re_1", "status": "succeeded", "amount": 500, "currency": "usd", "charge": "ch_1" },
    ]});
    far.answers("GET", "/v1/refunds", ok(&refunds)).await;
    let disputes = json!({ "data": [
        { "id": "du_1", "status": "lost", "amount": 1500, "currency": "usd", "charge": "ch_1" },
    ]});
    far.answers("GET", "/v1/disputes", ok(&disputes)).await;
    for payment in ["pi_1", "ch_1"] {
        let facts = far.read(RefKind::Payment, payment).await;
        assert_eq!(brief(&facts), ["in_1 Paid", "re_1 Done", "du_1 Lost"]);
        let Fact::RefundSeen(refund) = &facts[1].fact else {
            panic!("a refund: {facts:?}");
        };
        assert_eq!(refund.of, ["in_1", "pi_1", "ch_1"]);
        assert_eq!(facts[1].link.refs[0].id, "sub_1", "tied as its invoice is");
    }
}

#[tokio::test]
async fn what_goes_back_of_another_deployments_invoice_is_not_told() {
    let far = Far::start().await;
    let intent = json!({ "id": "pi_1", "customer": "cus_9" });
    far.answers("GET", "/v1/payment_intents/pi_1", ok(&intent))
        .await;
    let payments = json!({ "data": [{ "invoice": "in_1" }] });
    far.answers("GET", "/v1/invoice_payments", ok(&payments))
        .await;
    let invoice = json!({ "id": "in_1", "status": "paid", "currency": "usd", "total": 2000,
        "customer": "cus_9", "parent": { "subscription_details": { "subscription": "sub_1",
            "metadata": { "billing_operator": "somebody" } } } });
    far.answers("GET", "/v1/invoices/in_1", ok(&invoice)).await;
    let refunds = json!({ "data": [{ "id": "re_1", "amount": 500, "currency": "usd" }] });
    far.answers("GET", "/v1/refunds", ok(&refunds)).await;
    far.answers("GET", "/v1/disputes", ok(&json!({ "data": [] })))
        .await;
    assert_eq!(far.read(RefKind::Payment, "pi_1").await, []);
}

#[tokio::test]
async fn a_refund_of_something_paid_once_says_which_checkout() {
    let far = Far::start().await;
    let intent = json!({ "id": "pi_1", "customer": "cus_9", "metadata": {
        "billing_checkout": "chk_00000000000000000000000000000001" } });
    far.answers("GET", "/v1/payment_intents/pi_1", ok(&intent))
        .await;
    far.answers("GET", "/v1/invoice_payments", ok(&json!({ "data": [] })))
        .await;
    let sessions = json!({ "data": [{ "id": "cs_1" }] });
    far.answers("GET", "/v1/checkout/sessions", ok(&sessions))
        .await;
    let refunds = json!({ "data": [{ "id": "re_1", "amount": 500, "currency": "usd" }] });
    far.answers("GET", "/v1/refunds", ok(&refunds)).await;
    far.answers("GET", "/v1/disputes", ok(&json!({ "data": [] })))
        .await;
    let facts = far.read(RefKind::Payment, "pi_1").await;
    assert_eq!(brief(&facts), ["re_1 Pending"]);
    let Fact::RefundSeen(refund) = &facts[0].fact else {
        panic!("a refund: {facts:?}");
    };
    assert_eq!(refund.of, ["pi_1", "cs_1"]);
    assert!(facts[0].link.checkout.is_some());
}

#[tokio::test]
async fn the_page_of_a_subscription_is_its_own_customer_s() {
    let far = Far::start().await;
    let linked = json!({ "id": "sub_1", "status": "active", "customer": "cus_linked" });
    far.answers("GET", "/v1/subscriptions/sub_1", ok(&linked))
        .await;
    let page = json!({ "id": "bps_1", "url": "https://pages.example.com/1" });
    far.answers("POST", "/v1/billing_portal/sessions", ok(&page))
        .await;
    let ask = PortalAsk {
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        customer_ref: "cus_9".to_owned(),
        subscription_ref: Some("sub_1".to_owned()),
        purpose: PortalPurpose::PaymentMethod,
        return_url: "https://app.example.com/".to_owned(),
    };
    far.stripe.portal(&ask).await.unwrap();
    let asked = far.asked().await;
    assert!(String::from_utf8_lossy(&asked[1].body).contains("customer=cus_linked"));
}

#[tokio::test]
async fn a_status_without_a_translation_leaves_everything_as_it_is() {
    let far = Far::start().await;
    let odd = json!({ "id": "sub_1", "status": "hibernating", "customer": "cus_9",
        "items": { "data": [{ "id": "si_1", "price": "price_team" }] } });
    far.answers("GET", "/v1/subscriptions/sub_1", ok(&odd))
        .await;
    assert_eq!(
        brief(&far.read(RefKind::Subscription, "sub_1").await),
        ["unreadable: a subscription of an unknown status"]
    );
}

#[tokio::test]
async fn subscriptions_are_listed_a_page_at_a_time() {
    let far = Far::start().await;
    let one = |id: &str, status: &str| {
        json!({ "id": id, "status": status, "customer": "cus_9",
            "items": { "data": [{ "id": "si", "price": "price_team", "quantity": 1 }] } })
    };
    let first = json!({ "has_more": true, "data": [
        one("sub_1", "active"), one("sub_2", "canceled"), one("sub_3", "hibernating") ] });
    far.answers_once("GET", "/v1/subscriptions", ok(&first))
        .await;
    let last = json!({ "has_more": false, "data": [one("sub_4", "trialing")] });
    far.answers("GET", "/v1/subscriptions", ok(&last)).await;
    let page = far.stripe.list_subscriptions(None).await.unwrap();
    assert_eq!(
        brief(&page.rows),
        ["sub_1 active", "sub_2 canceled", "read subscription sub_3"]
    );
    assert_eq!(
        page.next.as_deref(),
        Some("sub_3"),
        "what cannot be told holds nothing up, and is read"
    );
    let page = far.stripe.list_subscriptions(page.next).await.unwrap();
    assert_eq!(brief(&page.rows), ["sub_4 trialing"]);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn customers_are_listed_a_page_at_a_time_and_anew_where_a_page_is_gone() {
    let far = Far::start().await;
    let eve = json!({ "id": "cus_1", "email": "eve@x.test", "created": 1_795_255_140,
        "preferred_locales": ["de", "en"], "metadata": { "user_id": "eve" } });
    let ours = json!({ "id": "cus_2", "email": "", "metadata": { "billing_operator": "acme",
        "billing_customer": "cus_00000000000000000000000000000007" } });
    let another = json!({ "id": "cus_3", "metadata": { "billing_operator": "globex" } });
    let deleted = json!({ "id": "cus_4", "deleted": true });
    let first = json!({ "has_more": true, "data": [eve, ours, another, deleted] });
    far.answers_once("GET", "/v1/customers", ok(&first)).await;
    let gone = json!({ "error": { "type": "invalid_request_error", "code": "resource_missing",
        "message": "No such customer: 'cus_4'", "param": "starting_after" } });
    far.answers_once("GET", "/v1/customers", no(400, &gone))
        .await;
    let last = json!({ "has_more": false, "data": [{ "id": "cus_5" }] });
    far.answers("GET", "/v1/customers", ok(&last)).await;
    let page = far.stripe.list_buyers(None).await.unwrap();
    let [eve, ours] = &page.rows[..] else {
        panic!("{page:?}")
    };
    assert_eq!((eve.reference.as_str(), eve.customer), ("cus_1", None));
    assert_eq!(eve.buyer.email.as_deref(), Some("eve@x.test"));
    assert_eq!(eve.buyer.lang.as_deref(), Some("de"));
    assert_eq!(eve.buyer.since, Some(at("2026-11-21T09:59:00Z")));
    assert_eq!(eve.buyer.metadata["user_id"], "eve");
    assert_eq!(
        (ours.reference.as_str(), &ours.buyer.email),
        ("cus_2", &None)
    );
    assert!(ours.customer.is_some());
    assert_eq!(page.next.as_deref(), Some("cus_4"));
    let page = far.stripe.list_buyers(page.next).await.unwrap();
    assert_eq!(
        (page.rows[0].reference.as_str(), page.next),
        ("cus_5", None)
    );
    let asked = far.asked().await;
    let asked: Vec<&str> = asked.iter().filter_map(|it| it.url.query()).collect();
    assert_eq!(
        asked,
        ["limit=100", "limit=100&starting_after=cus_4", "limit=100"]
    );
}

#[tokio::test]
async fn events_are_listed_as_their_webhooks_are() {
    let far = Far::start().await;
    let event = |id: &str| {
        json!({ "id": id, "object": "event", "type": "customer.deleted", "created": 1_795_255_140,
            "api_version": API_VERSION, "livemode": false, "data": { "object": { "id": "cus_9" } } })
    };
    let first = json!({ "has_more": true, "data": [event("evt_2"), event("evt_1")] });
    far.answers_once("GET", "/v1/events", ok(&first)).await;
    let rest = json!({ "has_more": false, "data": [event("evt_3")] });
    far.answers("GET", "/v1/events", ok(&rest)).await;
    let since = at("2026-11-20T00:00:00Z");
    let (mut ids, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = far.stripe.list_events(since, after).await.unwrap();
        ids.extend(page.rows.into_iter().map(|row| row.event_id));
        after = page.next;
        pages += 1;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids, ["evt_1", "evt_2", "evt_3", "evt_3"]);
    assert_eq!(
        pages, 3,
        "two of the first bundle of types, one of the second"
    );
    let types: usize = far
        .asked()
        .await
        .iter()
        .skip(1)
        .map(|asked| {
            asked
                .url
                .query_pairs()
                .filter(|(name, _)| name.starts_with("types"))
                .count()
        })
        .sum();
    assert_eq!(types, HANDLED_EVENTS.len());
    assert!(
        far.stripe
            .list_events(since, Some("9:".to_owned()))
            .await
            .is_err()
    );
}

fn catalog(references: &[(&str, &str)]) -> Catalog {
    let amount = Money::new(2_000, Currency::USD);
    let catalog = Catalog::builder("Acme", Currency::USD);
    let catalog = catalog.plan("team", "Team", |plan| {
        references.iter().fold(plan, |plan, (key, reference)| {
            plan.monthly(key, amount).provider_ref("stripe", reference)
        })
    });
    catalog.build().unwrap()
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong() {
    let far = Far::with(|mut options| {
        options.webhook_url = Some("https://app.example.com/hook".to_owned());
        options
    })
    .await;
    let endpoint = |url: &str, version: &str, events: &[&str]| {
        json!({ "id": "we_1", "url": url, "status": "enabled", "api_version": version,
            "enabled_events": events, "livemode": false })
    };
    let ours = "https://app.example.com/hook";
    let endpoints = json!({ "data": [
        endpoint("https://other.example.com/", "2020-01-01", &["charge.failed"]),
        endpoint(ours, API_VERSION, &["*"]),
        endpoint(ours, "2024-06-20", &HANDLED_EVENTS),
        endpoint(ours, API_VERSION, &["invoice.paid"]),
    ]});
    far.answers("GET", "/v1/webhook_endpoints", ok(&endpoints))
        .await;
    let price = |amount: i64, interval: &str| {
        json!({ "id": "price_1", "active": true, "currency": "usd", "unit_amount": amount,
            "livemode": false, "recurring": { "interval": interval, "interval_count": 1 } })
    };
    far.answers("GET", "/v1/prices/price_good", ok(&price(2_000, "month")))
        .await;
    far.answers("GET", "/v1/prices/price_dear", ok(&price(2_100, "year")))
        .await;
    far.answers("GET", "/v1/prices/price_gone", no(404, &missing()))
        .await;
    let catalog = catalog(&[
        ("good", "price_good"),
        ("dear", "price_dear"),
        ("gone", "price_gone"),
        ("product", "price_product"),
    ]);
    // A stored catalog is believed; one that was stored before a check was made may
    // have what the check refuses.
    let stored = serde_json::to_string(&catalog).unwrap();
    let catalog = serde_json::from_str(&stored.replace("price_product", "prod_1")).unwrap();
    let findings = far.stripe.doctor(&catalog).await;
    let levels: Vec<FindingLevel> = findings.iter().map(|it| it.level).collect();
    let (good, warning, bad) = (FindingLevel::Good, FindingLevel::Warning, FindingLevel::Bad);
    assert_eq!(
        levels,
        [good, good, warning, bad, good, bad, bad, bad],
        "{findings:#?}"
    );
    let said = |number: usize, words: &str| {
        assert!(
            findings[number].text.contains(words),
            "{:?}",
            findings[number]
        );
    };
    said(2, "2024-06-20");
    said(3, "checkout.session.completed");
    said(5, "USD 21.00, not USD 20.00; it recurs every 1 year");
    said(6, "no such price");
    said(7, "this is a product");
}

#[tokio::test]
async fn the_doctor_says_that_the_key_is_not_accepted() {
    let far = Far::start().await;
    let expired =
        json!({ "error": { "type": "invalid_request_error", "code": "api_key_expired" } });
    far.answers("GET", "/v1/webhook_endpoints", no(401, &expired))
        .await;
    let findings = far.stripe.doctor(&catalog(&[("good", "price_good")])).await;
    assert_eq!(findings[0].level, FindingLevel::Bad);
    assert!(findings[0].text.contains("api_key_expired"), "{findings:?}");
}
