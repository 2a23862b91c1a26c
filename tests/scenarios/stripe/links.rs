//! What ties an event to a customer, and what becomes of one that is tied to nobody.

use billing_testkit::fakes::rig::SignedWebhook;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    Shop, bought, dashboard, days, opened, pays, plan_of, reasons, session_of, shop, sold,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-02: what a page costs is the catalog's, whatever a client says.
    h_02_the_price_is_the_catalog_s;
    /// H-03: one correlation goes to every object and comes back, renewals included.
    h_03_one_correlation_goes_all_the_way_round;
    /// H-04: a correlation that cannot be read waits for a person, who links it.
    h_04_what_cannot_be_tied_waits_and_is_linked_by_hand;
    /// H-04: one that contradicts the known customer is refused, and can be seen.
    h_04_a_contradiction_is_for_a_person;
    /// G-04: the correlation first, then the subscription, then the payer; never the mailbox.
    g_04_the_order_of_matching;
    /// H-14: a page for exactly the caller's subscription; another's is not there.
    h_14_a_page_to_change_the_payment_method;
}

/// The webhooks that wait, each body changed.
fn changed(shop: &Shop, change: impl Fn(&mut Value)) -> Vec<SignedWebhook> {
    let sent = shop.fake.deliveries().take();
    let changed = sent.into_iter().map(|webhook| {
        let mut event = webhook.event;
        let mut body: Value = serde_json::from_slice(&event.body).unwrap();
        change(&mut body);
        event.body = body.to_string().into();
        shop.fake.deliveries().sign(event)
    });
    changed.collect()
}

/// Every metadata within a value.
fn each_metadata(value: &mut Value, change: &dyn Fn(&mut Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == "metadata" && field.is_object() {
                    change(field);
                } else {
                    each_metadata(field, change);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| each_metadata(one, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn h_02_the_price_is_the_catalog_s(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    let wish = json!({
        "plan": "bosun", "interval": "year", "amount": 1, "currency": "jpy", "product": "prod_x",
        "unit_amount": 1,
    });
    let asked = shop.post_as(&session, "/v1/checkouts", &wish).await;
    asked.refused(StatusCode::BAD_REQUEST, "invalid_request");
    let wish = json!({ "plan": "bosun", "interval": "year" });
    let asked = shop.post_as(&session, "/v1/checkouts", &wish).await;
    let made = asked.is(StatusCode::CREATED).json();
    let page = shop.fake.object(&session_of(&made)).unwrap();
    assert_eq!(page["amount_total"], 8_000);
    assert_eq!(page["currency"], "usd");
    let lines = format!("checkout/sessions/{}/line_items", session_of(&made));
    let lines = dashboard(&shop.fake, "GET", &lines, &[]).await;
    assert_eq!(lines["data"][0]["price"]["id"], "price_bosun_year");
    assert_eq!(lines["data"][0]["quantity"], 1);
    for unknown in ["price_bosun", "price_mug", "bosun-weekly"] {
        let body = json!({ "price": unknown });
        let refused = shop.post_as(&session, "/v1/checkouts", &body).await;
        refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    }
}

/// Where an object of this event says what its subscription was sold with. `None`: it is
/// none of a subscription's.
fn words_of_subscription(body: &Value) -> Option<&Value> {
    let object = &body["data"]["object"];
    match object["object"].as_str().unwrap() {
        "subscription" => Some(&object["metadata"]),
        "invoice" => Some(&object["parent"]["subscription_details"]["metadata"]),
        _ => None,
    }
}

async fn h_03_one_correlation_goes_all_the_way_round(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let carried = |words: &Value, checkout: &Value| {
        assert_eq!(words["billing_checkout"], checkout["id"]);
        assert_eq!(words["billing_customer"], json!(ana));
        assert_eq!(words["billing_ref"], "ana");
        assert_eq!(words["billing_operator"], "cellar");
    };
    let mut checkouts = Vec::new();
    for price in ["bosun-monthly", "lifetime-once"] {
        let checkout = opened(&shop, &ana, price).await;
        pays(&shop, &checkout);
        let page = shop.fake.object(&session_of(&checkout)).unwrap();
        assert_eq!(page["client_reference_id"], checkout["id"]);
        let sold = page["subscription"]
            .as_str()
            .or(page["payment_intent"].as_str());
        let sold = shop.fake.object(sold.unwrap()).unwrap();
        for object in [&page, &sold] {
            carried(&object["metadata"], &checkout);
        }
        // Each event carries it, so that any one of them would do.
        shop.settle().await;
        let id = checkout["id"].as_str().unwrap();
        let seen = shop.get(&format!("/v1/checkouts/{id}")).await;
        assert_eq!(seen.is(StatusCode::OK).json()["status"], "completed");
        checkouts.push(checkout);
    }
    let held = shop
        .rows(&format!("/v1/subscriptions?customer={ana}&limit=10"))
        .await;
    assert_eq!(held.len(), 2);

    // And each of what Stripe tells of a renewal, which is ana's by it.
    for (renewals, later) in [(1, days(32)), (2, days(31))] {
        shop.fake.advance(later);
        let told = shop.fake.deliveries().take();
        let mut paid = 0;
        for webhook in &told {
            let body: Value = serde_json::from_slice(&webhook.event.body).unwrap();
            if let Some(words) = words_of_subscription(&body) {
                carried(words, &checkouts[0]);
            }
            paid += usize::from(webhook.event.kind == "invoice.paid");
        }
        assert_eq!(paid, 1);
        shop.deliver_each(&told).await;
        shop.settle().await;
        assert_eq!(shop.told("subscription.renewed"), renewals);
        let mut invoices = shop
            .rows(&format!("/v1/invoices?customer={ana}&limit=10"))
            .await;
        invoices.retain(|row| row["purpose"] == "renewal");
        assert_eq!(invoices.len(), renewals);
        assert!(invoices.iter().all(|row| row["status"] == "settled"));
    }
    shop.ends_well().await;
}

async fn h_04_what_cannot_be_tied_waits_and_is_linked_by_hand(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    // Sold by hand in the dashboard: a price of ours, and words that nobody can read.
    let fields = [
        ("mode", "subscription"),
        ("line_items[0][price]", "price_bosun"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://elsewhere.test/thanks"),
        ("metadata[billing_customer]", "ana?"),
        ("subscription_data[metadata][billing_customer]", "ana?"),
    ];
    let page = dashboard(&shop.fake, "POST", "checkout/sessions", &fields).await;
    let page = page["id"].as_str().unwrap();
    let card = billing_testkit::fakes::stripe::Card::Good;
    shop.fake.pay(page, card).unwrap();
    shop.settle().await;
    assert_eq!(
        shop.rows("/v1/subscriptions?limit=10").await,
        Vec::<Value>::new()
    );
    assert_eq!(
        shop.rows("/v1/licenses?limit=10").await,
        Vec::<Value>::new()
    );
    let waits = shop.rows("/v1/parked?reason=unlinked&limit=100").await;
    assert!(!waits.is_empty(), "{:?}", reasons(&shop).await);
    let evidence = waits[0]["evidence"].as_str().unwrap();
    assert!(
        evidence.contains("correlation that cannot be read"),
        "{evidence}"
    );

    // A person says whose it is, one after the other; what follows from one needs no word.
    let mut linked = 0;
    while let Some(row) = shop.rows("/v1/parked?limit=100").await.last() {
        let url = format!("/v1/parked/{}/link", row["id"].as_str().unwrap());
        let answer = shop.operate(&url, &json!({ "customer": "ana" })).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        shop.work().await;
        linked += 1;
        assert!(linked <= waits.len(), "it waits again");
    }
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    assert_eq!(reasons(&shop).await, Vec::<String>::new());
    // From now on its events are ana's by themselves.
    shop.pass(days(33)).await;
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    shop.ends_well().await;
}

async fn h_04_a_contradiction_is_for_a_person(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "bosun-monthly").await;
    let ben = shop.customer("ben").await;
    let other = sold(&shop, "cem", "deckhand-monthly").await;
    shop.fake.cancel_in_portal(&other.subscription).unwrap();
    let told = changed(&shop, |body| {
        each_metadata(body, &|words| words["billing_customer"] = json!(ben));
    });
    shop.deliver_each(&told).await;
    shop.work().await;
    let waits = shop.rows("/v1/parked?limit=100").await;
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert_eq!(waits[0]["reason"], "conflict");
    assert!(
        waits[0]["evidence"]
            .as_str()
            .unwrap()
            .contains("different customers")
    );
    assert!(other.stands(&shop).await["ends_at"].is_null());
    assert_eq!(plan_of(&shop, &ben).await, "free");
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    shop.is_sound().await;
}

async fn g_04_the_order_of_matching(kind: StoreKind) {
    let shop = shop(kind).await;
    // By the correlation alone: the first events of a purchase name nothing else known.
    let ana = sold(&shop, "ana", "deckhand-monthly").await;
    let bare = |body: &mut Value| {
        each_metadata(body, &|words| *words = json!({}));
        body["data"]["object"]["client_reference_id"] = Value::Null;
    };
    // By the subscription, without a word of ours, and with another payer's name.
    shop.fake
        .switch_in_portal(&ana.subscription, "price_bosun")
        .unwrap();
    let told = changed(&shop, |body| {
        bare(body);
        if body["data"]["object"]["object"] == "subscription" {
            body["data"]["object"]["customer"] = "cus_of_nobody".into();
        }
    });
    shop.deliver_each(&told).await;
    shop.work().await;
    assert_eq!(ana.plan(&shop).await, "bosun");
    assert_eq!(reasons(&shop).await, Vec::<String>::new());

    // By the payer: a second subscription, made in the dashboard for the same customer.
    let fields = [
        ("mode", "subscription"),
        ("line_items[0][price]", "price_deckhand"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://elsewhere.test/thanks"),
        ("customer", ana.payer.as_str()),
    ];
    let page = dashboard(&shop.fake, "POST", "checkout/sessions", &fields).await;
    let card = billing_testkit::fakes::stripe::Card::Good;
    shop.fake.pay(page["id"].as_str().unwrap(), card).unwrap();
    shop.settle().await;
    let held = shop
        .rows(&format!(
            "/v1/subscriptions?customer={}&limit=10",
            ana.customer
        ))
        .await;
    assert_eq!(held.len(), 2, "{held:?}");

    // Never by the mailbox: somebody else's purchase with a known address is not theirs.
    let known = json!({ "external_ref": "ben", "email": "ben@buyers.test" });
    let ben = shop
        .operate("/v1/customers", &known)
        .await
        .is(StatusCode::CREATED);
    let ben = ben.json()["id"].as_str().unwrap().to_owned();
    let fields = [
        ("mode", "subscription"),
        ("line_items[0][price]", "price_deckhand"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://elsewhere.test/thanks"),
        ("customer_email", "ben@buyers.test"),
    ];
    let page = dashboard(&shop.fake, "POST", "checkout/sessions", &fields).await;
    shop.fake.pay(page["id"].as_str().unwrap(), card).unwrap();
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ben).await, "free");
    assert!(
        reasons(&shop)
            .await
            .iter()
            .any(|reason| reason == "unlinked")
    );
}

async fn h_14_a_page_to_change_the_payment_method(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = sold(&shop, "ana", "bosun-monthly").await;
    let ben = sold(&shop, "ben", "bosun-monthly").await;
    let session = shop.session(&ana.customer).await;
    let path = |id: &str| format!("/v1/me/subscriptions/{id}/payment-method");
    shop.fake.requests().clear();
    let made = shop.post_as(&session, &path(&ana.id), &json!({})).await;
    let made = made.is(StatusCode::CREATED).json();
    assert!(made["url"].as_str().unwrap().starts_with("http"));
    let asked = shop.fake.requests().last().unwrap();
    assert_eq!(asked.path, "/v1/billing_portal/sessions");
    let form = asked.form();
    let field = |name: &str| {
        let found = form.iter().find(|(held, _)| held == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(field("customer"), Some(ana.payer.as_str()));
    assert_eq!(field("flow_data[type]"), Some("payment_method_update"));
    shop.fake.requests().clear();
    for id in [
        ben.id.as_str(),
        "sub_00000000000000000000000000000000",
        "nonsense",
    ] {
        let refused = shop.post_as(&session, &path(id), &json!({})).await;
        refused.refused(StatusCode::NOT_FOUND, "not_found");
    }
    let evil = json!({ "return_url": "https://evil.test/" });
    let refused = shop.post_as(&session, &path(&ana.id), &evil).await;
    refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    assert!(shop.fake.requests().all().is_empty());
    shop.ends_well().await;
}
