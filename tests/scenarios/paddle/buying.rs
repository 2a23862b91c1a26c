//! Buying through Paddle: what a checkout says, and what comes back with it.

use billing_testkit::fakes::paddle::{Card, Rules, TransactionStatus};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    OPERATOR, Shop, accepted, at_paddle, bought, days, held, id, invoices, only, only_at_paddle,
    opened, pays, plan_of, quoted, shop, shop_of, transaction_of,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-02: plan, interval and pieces are asked for; amount and product are the catalog's.
    h_02_a_pay_link_is_made_of_the_catalog;
    /// H-03: one correlation id goes all the way round, renewals included.
    h_03_one_correlation_goes_all_the_way_round;
    /// H-14: another payment method, for exactly one's own subscription.
    h_14_a_payment_method_for_one_s_own_subscription;
    /// W-03: who is known is filled in, and carried along.
    w_03_a_signed_in_checkout_at_paddle_is_prefilled;
    /// W-12: captured is not paid: nothing is given until Paddle has the money.
    w_12_what_paddle_still_processes_gives_nothing;
    /// what is somebody else's answers like what is not there, and Paddle is not asked.
    x_07_not_yours_is_not_there_with_paddle;
}

async fn h_02_a_pay_link_is_made_of_the_catalog(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    for (own, field) in [
        (
            json!({ "price": "crew-monthly", "quantity": 3, "amount": 1 }),
            "amount",
        ),
        (
            json!({ "price": "crew-monthly", "quantity": 3, "product": "Gift" }),
            "product",
        ),
        (json!({ "price": "pri_crew", "quantity": 3 }), "price"),
        (
            json!({ "price": "crew-monthly", "quantity": 1 }),
            "quantity",
        ),
    ] {
        let refused = shop.post_as(&session, "/v1/checkouts", &own).await;
        refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
        assert!(refused.text.contains(field), "{}", refused.text);
    }
    assert!(shop.fake.world().transactions.is_empty(), "nothing is made");

    let asked = json!({ "plan": "crew", "interval": "month", "quantity": 3 });
    let checkout = opened(&shop, &ana, &asked).await;
    let world = shop.fake.world();
    let made = &world.transactions[&transaction_of(&checkout)];
    let [line] = made.lines.as_slice() else {
        panic!("one line: {:?}", made.lines);
    };
    assert_eq!((line.totals.total, line.bought.quantity), (2_100, 3));
    assert_eq!(line.bought.price.id, "pri_crew");
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "crew");
    assert_eq!(
        invoices(&shop, &ana).await,
        [("purchase".into(), "settled".into(), 2_100)]
    );
    shop.ends_well().await;
}

async fn h_03_one_correlation_goes_all_the_way_round(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, &json!({ "price": "solo-monthly" })).await;
    let carried = |custom: &Value| {
        assert_eq!(custom["billing_checkout"], checkout["id"]);
        assert_eq!(custom["billing_customer"], ana);
        assert_eq!(custom["billing_ref"], "ana");
        assert_eq!(custom["billing_operator"], OPERATOR);
    };
    let reference = transaction_of(&checkout);
    carried(&shop.fake.world().transactions[&reference].custom_data);
    pays(&shop, &checkout, Card::Pays);
    // It is bought with somebody's else mailbox, and is ana's all the same.
    shop.settle().await;
    carried(&only_at_paddle(&shop).custom_data);
    let bought = only(&shop, &ana).await;
    assert_eq!(bought["status"], "active");
    assert_eq!(bought["provider"], "paddle/main");
    let of = format!("/v1/checkouts/{}", checkout["id"].as_str().unwrap());
    assert_eq!(shop.read(&of).await["status"], "completed");

    shop.pass(days(32)).await;
    let world = shop.fake.world();
    assert_eq!(world.transactions.len(), 2);
    for transaction in world.transactions.values() {
        carried(&transaction.custom_data);
    }
    let paid = invoices(&shop, &ana).await;
    assert_eq!(paid[0], ("renewal".into(), "settled".into(), 1_000));
    assert_eq!(paid.len(), 2);
    shop.ends_well().await;
}

async fn method_page(shop: &Shop, customer: &str, subscription: &str) -> crate::rig::Seen {
    let session = shop.session(customer).await;
    let url = format!("/v1/me/subscriptions/{subscription}/payment-method");
    shop.post_as(&session, &url, &json!({})).await
}

async fn h_14_a_payment_method_for_one_s_own_subscription(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "solo-monthly").await;
    let bob = bought(&shop, "bob", "team-monthly").await;
    let (of_ana, of_bob) = (only(&shop, &ana).await, only(&shop, &bob).await);
    let mut pages = Vec::new();
    for (customer, subscription, price) in
        [(&ana, &of_ana, "pri_solo"), (&bob, &of_bob, "pri_team")]
    {
        let page = method_page(&shop, customer, id(subscription)).await;
        assert_eq!(page.header("cache-control"), "no-store");
        let page = page.is(StatusCode::CREATED).json();
        let url = page["url"].as_str().unwrap().to_owned();
        let there = at_paddle(&shop);
        let own = there
            .iter()
            .find(|it| it.items[0].bought.price.id == price)
            .unwrap();
        assert!(url.contains(&own.id), "{url}");
        pages.push(url);
    }
    assert_ne!(pages[0], pages[1]);
    // Somebody else's is not there, as what never was is not.
    shop.fake.requests().clear();
    let others = method_page(&shop, &ana, id(&of_bob)).await;
    let nobodys = method_page(&shop, &ana, "sub_00000000000000000000000000000001").await;
    others.refused(StatusCode::NOT_FOUND, "not_found");
    nobodys.refused(StatusCode::NOT_FOUND, "not_found");
    assert!(shop.fake.requests().all().is_empty(), "Paddle is not asked");
    let url = format!("/v1/me/subscriptions/{}/payment-method", id(&of_ana));
    shop.post_as("", &url, &json!({}))
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");
    assert_eq!(held(&shop, &ana).await.len(), 1);
    shop.ends_well().await;
}

/// An id of the same kind that is nobody's.
fn other_than(id: &str) -> String {
    let (rest, last) = id.split_at(id.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    format!("{rest}{other}")
}

async fn x_07_not_yours_is_not_there_with_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    let bob = bought(&shop, "bob", "solo-monthly").await;
    // A change of ana's that is to come, and a quote that is hers to accept.
    let to_come = quoted(&shop, &ana, &json!({ "plan": "solo" })).await;
    let to_come = accepted(&shop, &ana, &to_come).await;
    let quote = quoted(&shop, &ana, &json!({ "plan": "solo" })).await;
    let owned = only(&shop, &ana).await;
    let hers = [id(&owned), id(&quote), id(&to_come)];
    let nobodys = hers.map(other_than);
    let nobodys = nobodys.each_ref().map(String::as_str);
    let session = shop.session(&bob).await;
    let (empty, plan) = (json!({}), json!({ "plan": "team" }));
    for (method, path, body) in [
        ("GET", "/v1/me/subscriptions/{id}/changes", &empty),
        ("GET", "/v1/me/subscriptions/{id}/forecast", &empty),
        ("POST", "/v1/me/subscriptions/{id}/quotes", &plan),
        ("POST", "/v1/me/subscriptions/{id}/cancel", &empty),
        ("POST", "/v1/me/subscriptions/{id}/payment-method", &empty),
        ("POST", "/v1/me/subscriptions/{id}/pause", &empty),
        ("POST", "/v1/me/subscriptions/{id}/resume", &empty),
        ("POST", "/v1/me/quotes/{quote}/accept", &empty),
        ("DELETE", "/v1/me/changes/{change}", &empty),
    ] {
        let mut answers = Vec::new();
        for [held, quote, change] in [hers, nobodys] {
            let url = path.replace("{id}", held).replace("{quote}", quote);
            let url = url.replace("{change}", change);
            shop.fake.requests().clear();
            let seen = match method {
                "GET" => shop.get_as(&session, &url).await,
                "DELETE" => shop.delete_as(&session, &url).await,
                _ => shop.post_as(&session, &url, body).await,
            };
            seen.refused(StatusCode::NOT_FOUND, "not_found");
            let mut body = seen.json();
            // Each request has a number of its own.
            body["instance"].take();
            let asked = shop.fake.requests().all().len();
            assert_eq!(asked, 0, "{url}: Paddle was asked about what is not theirs");
            answers.push((seen.status, body));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    let held = only(&shop, &ana).await;
    assert_eq!(held["status"], "active");
    assert_eq!(plan_of(&shop, &ana).await, "team");
    shop.ends_well().await;
}

async fn w_03_a_signed_in_checkout_at_paddle_is_prefilled(kind: StoreKind) {
    let shop = shop(kind).await;
    let asked = json!({ "external_ref": "ana", "email": "ana@buyers.test" });
    let ana = shop.operate("/v1/customers", &asked).await;
    let ana = id(&ana.is(StatusCode::CREATED).json()).to_owned();
    let checkout = opened(&shop, &ana, &json!({ "price": "solo-monthly" })).await;
    let world = shop.fake.world();
    let page = &world.transactions[&transaction_of(&checkout)];
    let buyer = &world.customers[page.customer_id.as_ref().unwrap()];
    assert_eq!(buyer.email, "ana@buyers.test");
    assert_eq!(buyer.custom_data["billing_customer"], ana);
    assert_eq!(page.custom_data["billing_customer"], ana);
    assert_eq!(page.custom_data["billing_checkout"], checkout["id"]);
    assert_eq!(page.custom_data["billing_ref"], "ana");
    assert_eq!(page.custom_data["billing_operator"], OPERATOR);
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.ends_well().await;
}

async fn w_12_what_paddle_still_processes_gives_nothing(kind: StoreKind) {
    let hours = jiff::SignedDuration::from_hours;
    let slow = Rules {
        processing: hours(6),
        ..Rules::default()
    };
    let shop = shop_of(kind, slow).await;
    for (who, price, plan) in [
        ("ana", "solo-monthly", "solo"),
        ("ben", "lifetime-once", "lifetime"),
    ] {
        let customer = shop.customer(who).await;
        let checkout = opened(&shop, &customer, &json!({ "price": price })).await;
        pays(&shop, &checkout, Card::Pays);
        shop.settle().await;
        shop.pass(hours(4)).await;
        let world = shop.fake.world();
        let page = &world.transactions[&transaction_of(&checkout)];
        assert_eq!(page.status, TransactionStatus::Paid);
        assert_eq!(plan_of(&shop, &customer).await, "", "{who}");
        shop.pass(hours(4)).await;
        assert_eq!(plan_of(&shop, &customer).await, plan, "{who}");
        let of = format!("/v1/checkouts/{}", id(&checkout));
        assert_eq!(shop.read(&of).await["status"], "completed");
    }
    shop.ends_well().await;
}
