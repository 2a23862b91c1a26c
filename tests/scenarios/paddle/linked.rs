//! Whose an event is: by its correlation, then by Paddle's objects, never by a mailbox.

use billing_domain::parked::ParkReason;
use billing_testkit::fakes::paddle::Card;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    Shop, at_paddle, bought, dashboard, days, held, id, invoices, only, only_at_paddle, opened,
    pays, plan_of, shop, transaction_of,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-04: what carries no correlation, one that cannot be read, or one of nobody,
    /// waits for a person, who links it.
    h_04_what_is_not_linked_waits_for_a_person;
    /// H-04: a correlation that disagrees with itself is refused and kept.
    h_04_a_correlation_that_disagrees_is_refused;
    /// H-04: what another deployment sells in the same account is none of ours.
    h_04_another_deployment_s_sale_is_ignored;
    /// G-04: by correlation, then by subscription, then by customer; never by e-mail.
    g_04_who_pays_is_known_by_ids_alone;
    /// G-04: two who share Paddle's customer are told apart by what comes before it.
    g_04_two_may_share_paddle_s_customer;
    /// G-04: what is sold by hand to one of whom two are is nobody's, until a person
    /// says whose.
    g_04_a_sale_to_whom_two_share_waits_for_a_person;
}

/// Buys at Paddle past our checkout, with this custom data; the transaction.
async fn sold(shop: &Shop, price: &str, custom: &Value, customer: Option<&str>) -> String {
    let mut body = json!({
        "items": [{ "price_id": price, "quantity": 1 }],
        "collection_mode": "automatic",
        "custom_data": custom,
    });
    if let Some(customer) = customer {
        body["customer_id"] = customer.into();
    }
    let made = dashboard(shop, "POST", "transactions", &body).await;
    let transaction = id(&made).to_owned();
    assert!(shop.fake.pay(&transaction, Card::Pays).unwrap());
    transaction
}

async fn h_04_what_is_not_linked_waits_for_a_person(kind: StoreKind) {
    for custom in [
        Value::Null,
        json!({ "cart": "17" }),
        json!({ "billing_checkout": "a checkout", "billing_customer": 7 }),
        json!({ "billing_checkout": "chk_00000000000000000000000000000001",
                "billing_customer": "cus_00000000000000000000000000000001" }),
    ] {
        let shop = shop(kind).await;
        let ana = shop.customer("ana").await;
        sold(&shop, "pri_solo", &custom, None).await;
        // Every webhook is answered with 200.
        shop.settle().await;
        let parked = shop.rows("/v1/parked?reason=unlinked&limit=100").await;
        assert!(!parked.is_empty(), "{custom}");
        assert_eq!(
            parked.len(),
            shop.parked().await.len(),
            "for no other reason"
        );
        assert_eq!(plan_of(&shop, &ana).await, "", "nobody has bought anything");
        assert_eq!(shop.told("license.issued"), 0);

        // By whoever is no operator, nothing is linked.
        let first = format!("/v1/parked/{}/link", id(parked.last().unwrap()));
        let linked = json!({ "customer": ana });
        let session = shop.session(&ana).await;
        let refused = shop.post_as(&session, &first, &linked).await;
        assert!(refused.status.is_client_error(), "{}", refused.text);

        for row in parked.iter().rev() {
            let url = format!("/v1/parked/{}/link", id(row));
            let done = shop.operate(&url, &linked).await;
            assert!(
                done.status == StatusCode::NO_CONTENT || done.status == StatusCode::NOT_FOUND,
                "linked, or woken by the one before: {}",
                done.text
            );
            shop.settle().await;
        }
        assert_eq!(plan_of(&shop, &ana).await, "solo", "{custom}");
        let bought = only(&shop, &ana).await;
        assert_eq!(bought["status"], "active");
        assert_eq!(shop.told("license.issued"), 1);
        // From then on its own objects link it.
        shop.pass(days(32)).await;
        let paid = invoices(&shop, &ana).await;
        assert_eq!(paid.len(), 2, "{paid:?}");
        assert_eq!(paid[0].0, "renewal");
        shop.ends_well().await;
    }
}

async fn h_04_a_correlation_that_disagrees_is_refused(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, bob) = (shop.customer("ana").await, shop.customer("bob").await);
    let checkout = opened(&shop, &ana, &json!({ "price": "solo-monthly" })).await;
    let custom = json!({ "billing_checkout": checkout["id"], "billing_customer": bob });
    sold(&shop, "pri_solo", &custom, None).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    assert_eq!(plan_of(&shop, &bob).await, "");
    assert_eq!(shop.told("license.issued"), 0);
    let parked = shop.parked().await;
    assert!(!parked.is_empty());
    for row in &parked {
        assert_eq!(row.reason, ParkReason::Conflict, "{row:?}");
        assert!(
            row.evidence.contains("different customers"),
            "{}",
            row.evidence
        );
    }
    // The link that was made for ana still sells.
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.is_sound().await;
}

async fn h_04_another_deployment_s_sale_is_ignored(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let theirs = json!({ "billing_operator": "another", "billing_customer": ana });
    let mut sales = Vec::new();
    // And what somebody sells there without any deployment of this.
    for (price, custom) in [("pri_solo", &theirs), ("pri_foreign", &Value::Null)] {
        for _ in 0..2 {
            sales.push(sold(&shop, price, custom, None).await);
        }
    }
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    assert!(held(&shop, &ana).await.is_empty());
    assert_eq!(at_paddle(&shop).len(), 4);
    shop.ends_well().await;

    // Nor is what goes back of it.
    for pair in sales.chunks(2) {
        goes_back(&shop, &pair[0], &pair[1]).await;
        shop.ends_well().await;
    }
    // Not even where Paddle knows the payer as ours: it keeps one customer of an address.
    let ben = bought(&shop, "ben", "solo-monthly").await;
    let world = shop.fake.world();
    let ours = world.subscriptions.values();
    let payer = ours.max_by_key(|one| one.created_at).unwrap();
    let theirs = json!({ "billing_operator": "another", "billing_customer": ana });
    let mut sales = Vec::new();
    for _ in 0..2 {
        sales.push(sold(&shop, "pri_solo", &theirs, Some(&payer.customer_id)).await);
    }
    shop.settle().await;
    goes_back(&shop, &sales[0], &sales[1]).await;
    assert_eq!(plan_of(&shop, &ben).await, "solo");
    assert_eq!(held(&shop, &ben).await.len(), 1);
    assert_eq!(invoices(&shop, &ben).await.len(), 1);
    assert!(held(&shop, &ana).await.is_empty());
    shop.ends_well().await;
}

/// The one is refunded, the other is taken back by the bank and given again.
async fn goes_back(shop: &Shop, refunded: &str, disputed: &str) {
    let refund = shop.fake.refund(refunded).unwrap();
    shop.settle().await;
    shop.fake.decide_refund(&refund, true).unwrap();
    shop.fake.dispute(disputed).unwrap();
    shop.settle().await;
    shop.fake.win_dispute(disputed).unwrap();
    shop.settle().await;
}

async fn g_04_who_pays_is_known_by_ids_alone(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "solo-monthly").await;
    let mailbox = shop
        .fake
        .world()
        .customers
        .values()
        .next()
        .unwrap()
        .email
        .clone();
    let of_ana = only_at_paddle(&shop);
    // By its subscription: the correlation was wiped off there.
    let path = format!("subscriptions/{}", of_ana.id);
    dashboard(&shop, "PATCH", &path, &json!({ "custom_data": null })).await;
    shop.pass(days(32)).await;
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
    // By its customer: sold by hand to whom Paddle knows as ana's.
    sold(&shop, "pri_team", &Value::Null, Some(&of_ana.customer_id)).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(held(&shop, &ana).await.len(), 2);
    shop.ends_well().await;

    // By its mailbox: nobody, though somebody of ours has the very same.
    let asked = json!({ "external_ref": "bob", "email": mailbox });
    let bob = shop.operate("/v1/customers", &asked).await;
    let bob = bob.is(StatusCode::CREATED).json();
    let other = json!({ "external_ref": "eve", "email": "eve@buyers.test" });
    let eve = shop.operate("/v1/customers", &other).await;
    let eve = eve.is(StatusCode::CREATED).json();
    let made = dashboard(
        &shop,
        "POST",
        "customers",
        &json!({ "email": "eve@buyers.test" }),
    )
    .await;
    sold(&shop, "pri_solo", &Value::Null, Some(id(&made))).await;
    shop.settle().await;
    for nobody in [&bob, &eve] {
        assert_eq!(plan_of(&shop, id(nobody)).await, "");
    }
    let parked = shop.parked().await;
    assert!(!parked.is_empty());
    assert!(parked.iter().all(|row| row.reason == ParkReason::Unlinked));
    shop.is_sound().await;
}

/// Somebody new who has bought `price`, and typed this address in the checkout.
async fn typed(shop: &Shop, who: &str, price: &str, email: &str) -> String {
    let customer = shop.customer(who).await;
    let checkout = opened(shop, &customer, &json!({ "price": price })).await;
    let transaction = transaction_of(&checkout);
    shop.fake.give_email(&transaction, email).unwrap();
    pays(shop, &checkout, Card::Pays);
    shop.settle().await;
    customer
}

async fn g_04_two_may_share_paddle_s_customer(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = typed(&shop, "ana", "solo-monthly", "home@buyers.test").await;
    let ben = typed(&shop, "ben", "team-monthly", "Home@buyers.test").await;
    let customers = shop.fake.world().customers;
    assert_eq!(customers.len(), 1, "one of each address: {customers:?}");
    let shared = customers.into_keys().next().unwrap();
    let of = |price: &str| {
        let mut all = at_paddle(&shop).into_iter();
        let found = all.find(|one| one.items[0].bought.price.id == price);
        found.unwrap()
    };
    for price in ["pri_solo", "pri_team"] {
        assert_eq!(of(price).customer_id, shared);
    }
    // By what their checkouts carried.
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    assert_eq!(plan_of(&shop, &ben).await, "team");
    for who in [&ana, &ben] {
        only(&shop, who).await;
        assert_eq!(invoices(&shop, who).await.len(), 1);
    }

    // By the subscription, where that was wiped off.
    for price in ["pri_solo", "pri_team"] {
        let path = format!("subscriptions/{}", of(price).id);
        dashboard(&shop, "PATCH", &path, &json!({ "custom_data": null })).await;
    }
    shop.pass(days(32)).await;
    for (who, amount) in [(&ana, 1_000), (&ben, 3_000)] {
        let paid = invoices(&shop, who).await;
        assert_eq!(paid.len(), 2, "{paid:?}");
        assert_eq!(paid[0], ("renewal".into(), "settled".into(), amount));
    }
    // What goes back of the one is nothing to the other.
    let team = of("pri_team").id;
    let world = shop.fake.world();
    let renewals = world.transactions.values();
    let of_team = renewals.filter(|one| one.subscription_id.as_ref() == Some(&team));
    let newest = of_team.max_by_key(|one| one.created_at).unwrap();
    let refund = shop.fake.refund(&newest.id).unwrap();
    shop.fake.decide_refund(&refund, true).unwrap();
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ben).await, "");
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.ends_well().await;
}

async fn g_04_a_sale_to_whom_two_share_waits_for_a_person(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = typed(&shop, "ana", "solo-monthly", "home@buyers.test").await;
    let ben = typed(&shop, "ben", "team-monthly", "Home@buyers.test").await;
    let shared = shop.fake.world().customers.into_keys().next().unwrap();
    sold(&shop, "pri_solo", &Value::Null, Some(&shared)).await;
    shop.settle().await;
    for who in [&ana, &ben] {
        only(&shop, who).await;
        assert_eq!(invoices(&shop, who).await.len(), 1);
    }
    let parked = shop.parked().await;
    assert!(!parked.is_empty());
    for row in &parked {
        assert_eq!(row.reason, ParkReason::SharedCustomer, "{row:?}");
        assert!(row.evidence.contains("link it to one"), "{}", row.evidence);
    }
    let rows = shop
        .rows("/v1/parked?reason=shared_customer&limit=100")
        .await;
    assert_eq!(rows.len(), parked.len());
    // It was for ben, as the operator who sold it knows.
    for row in rows.iter().rev() {
        let url = format!("/v1/parked/{}/link", id(row));
        let done = shop.operate(&url, &json!({ "customer": ben })).await;
        assert!(
            done.status == StatusCode::NO_CONTENT || done.status == StatusCode::NOT_FOUND,
            "linked, or woken by the one before: {}",
            done.text
        );
        shop.settle().await;
    }
    assert_eq!(held(&shop, &ben).await.len(), 2);
    only(&shop, &ana).await;
    assert_eq!(invoices(&shop, &ben).await.len(), 2);
    // From then on its own objects link it, renewals and all.
    shop.pass(days(32)).await;
    assert_eq!(invoices(&shop, &ben).await.len(), 4);
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
    shop.ends_well().await;
}
