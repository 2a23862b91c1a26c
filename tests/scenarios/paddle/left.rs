//! What a process that died has left at Paddle: whoever only compares tells of it, and
//! leaves it where it is.

use billing::Difference;
use billing_domain::audit::{Drift, DriftCode, Remedy, Side};
use billing_testkit::fakes::paddle::{Card, SubscriptionStatus};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::shop::{
    Shop, accepted, dashboard, days, id, only, only_at_paddle, opened, pays, quoted, shop,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a dry run and an audit write nothing at Paddle, and say what they would do.
    x_10_whoever_only_compares_writes_nothing_at_paddle;
}

/// Everything that Paddle holds, to the last instant.
fn all_of(shop: &Shop) -> String {
    format!("{:?}", shop.fake.world())
}

/// The custom data of the moment in which what is paid for is back in place, as it was
/// written for an upgrade that the card then did not pay: nobody else can seal it.
async fn note_while_lifted(shop: &Shop, customer: &str, subscription: &str) -> Value {
    shop.fake.set_card(subscription, Card::Declined).unwrap();
    let up = json!({ "plan": "team", "quantity": 1 });
    let up = quoted(shop, customer, &up).await;
    shop.fake.requests().clear();
    let session = shop.session(customer).await;
    let url = format!("/v1/me/quotes/{}/accept", id(&up));
    shop.post_as(&session, &url, &json!({})).await;
    shop.settle().await;
    shop.fake.set_card(subscription, Card::Pays).unwrap();
    let path = format!("/subscriptions/{subscription}");
    let sent = shop.fake.requests().to("PATCH", &path);
    let bodies = sent.iter().map(|sent| serde_json::from_slice(&sent.body));
    let mut bodies = bodies.map(|body: Result<Value, _>| body.unwrap());
    let lifted = bodies.find(|body| body["custom_data"]["billing_deferred"]["lifted"] == true);
    lifted.unwrap()["custom_data"].take()
}

async fn x_10_whoever_only_compares_writes_nothing_at_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let asked = json!({ "price": "crew-monthly", "quantity": 3 });
    let checkout = opened(&shop, &ana, &asked).await;
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    shop.pass(days(5)).await;
    let down = quoted(&shop, &ana, &json!({ "quantity": 2 })).await;
    accepted(&shop, &ana, &down).await;
    shop.settle().await;
    // Somebody computed on what is paid for, and died before the change was back.
    let held = only_at_paddle(&shop);
    assert_eq!(held.status, SubscriptionStatus::Active);
    let custom = note_while_lifted(&shop, &ana, &held.id).await;
    let lifted = json!({
        "items": [{ "price_id": "pri_crew", "quantity": 3 }],
        "proration_billing_mode": "do_not_bill", "custom_data": custom,
    });
    let path = format!("subscriptions/{}", held.id);
    dashboard(&shop, "PATCH", &path, &lifted).await;
    let _lost = shop.fake.deliveries().take();
    shop.fake.advance(SignedDuration::from_mins(11));

    let before = all_of(&shop);
    let account = "paddle/main".parse().unwrap();
    let mut told: Vec<Difference> = Vec::new();
    let dry = shop
        .billing
        .reread_dry(&account, |one| told.push(one.clone()));
    assert!(dry.await.unwrap().finished);
    assert_eq!(all_of(&shop), before, "a dry run writes nothing");
    let mut audited: Vec<Drift> = Vec::new();
    let audit = shop.billing.drift(None, |_, one| audited.push(one.clone()));
    assert!(audit.await.unwrap().unanswered.is_empty());
    assert_eq!(all_of(&shop), before, "an audit writes nothing");
    let left = |all: Vec<Drift>| {
        let mut left = all.into_iter();
        left.find(|one| one.code == DriftCode::Unfinished).unwrap()
    };
    assert!(told.iter().all(|one| one.customer.is_some()), "{told:?}");
    let told = left(told.into_iter().map(|one| one.drift).collect());
    assert_eq!(told, left(audited));
    assert_eq!((told.right, told.remedy), (Side::Ours, Remedy::PutRight));
    assert_eq!(told.theirs, "pri_crew x 3");
    assert!(told.ours.starts_with("pri_crew x 2 from "), "{told:?}");
    assert_eq!(told.row.as_deref(), Some(id(&only(&shop, &ana).await)));

    // Whoever reads it to act puts it right.
    shop.billing.reread(&account, |_| ()).await.unwrap();
    let placed = only_at_paddle(&shop);
    assert_eq!(placed.items[0].bought.quantity, 2);
    shop.settle().await;
    shop.is_sound().await;
}
