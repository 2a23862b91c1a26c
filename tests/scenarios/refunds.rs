//! What goes back of a license's payment, and what an operator and the buyer see of it.

use billing::sandbox::Mode;
use billing_domain::fact::RefundState;
use billing_domain::money::{Currency, Money};
use poem::http::StatusCode;
use serde_json::json;

use super::harbor::{Held, bought, harbor, read, told, usd};
use super::{CARDS, on_both_stores};
use crate::rig::{Site, StoreKind};

on_both_stores! {
    /// a refunded purchase revokes its license, where the engine runs the schedule.
    x_11_a_refunded_purchase_revokes_its_license;
    /// and where the provider does.
    x_11_a_refunded_purchase_revokes_its_license_there;
    /// an opened dispute is shown, and a lost one takes the license's time.
    x_11_a_dispute_is_shown_until_it_is_decided;
}

async fn x_11_a_refunded_purchase_revokes_its_license(kind: StoreKind) {
    revoked(&harbor(kind, CARDS).await).await;
}

async fn x_11_a_refunded_purchase_revokes_its_license_there(kind: StoreKind) {
    revoked(&harbor(kind, Mode::OwnSchedule).await).await;
}

async fn revoked(site: &Site) {
    let held = bought(site, "deck-monthly").await;
    let other = bought(site, "bridge-monthly").await;
    let part = Money::new(1_000, Currency::USD);
    refund(site, &held, Some(part)).await;
    assert_eq!(held.says(site).await.0, "deck");
    refund(site, &held, None).await;

    let license = read(site, &format!("/v1/licenses/{}", held.id)).await;
    assert_eq!(license["status"], "revoked");
    assert!(license["revoked_at"].is_string(), "{license}");
    let body = json!({ "checkout_secret": held.secret });
    let exchange = site.post_as("", "/v1/licenses/exchange", &body).await;
    exchange.refused(StatusCode::PAYMENT_REQUIRED, "payment_required");
    let wish = json!({ "plan": "bridge" });
    let upgrade = held.asks(site, "/v1/upgrade-quote", &wish).await;
    upgrade.refused(StatusCode::UNAUTHORIZED, "unauthorized");

    let stands = held.stands(site).await;
    assert_eq!(stands["status"], "canceled");
    assert_eq!(stands["gives_access"], false);
    assert_eq!(stands["withheld"][0]["period_end"], json!(null));
    let invoices = held.invoices(site).await;
    assert_eq!(stands["withheld"][0]["invoice"], invoices[0]["id"]);
    let returned = invoices[0]["returned"].as_array().unwrap();
    let seen = returned.iter().map(|back| {
        let (kind, state) = (back["kind"].as_str(), back["state"].as_str());
        (kind.unwrap(), state.unwrap(), back["amount"].clone())
    });
    let expected = [
        ("refund", "done", usd(1_000)),
        ("refund", "done", usd(1_500)),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(held.happened(site, "license.revoked").await.len(), 1);
    assert_eq!(told(site, "invoice.refunded"), 2);

    // Nobody else's.
    assert_eq!(other.says(site).await.0, "bridge");
    site.rig.assert_nothing_left().await;
    assert_eq!(site.rig.parked().await, []);
    site.rig.assert_sound().await;
}

async fn x_11_a_dispute_is_shown_until_it_is_decided(kind: StoreKind) {
    let site = harbor(kind, CARDS).await;
    let held = bought(&site, "deck-monthly").await;
    let paid = payment_of(&site, &held);
    let dispute = site.rig.sandbox.dispute(&paid, None).await.unwrap();
    site.rig.settle().await;
    let invoice = held.invoices(&site).await[0].clone();
    assert_eq!(invoice["disputed"], true);
    assert_eq!(invoice["returned"][0]["state"], "open");
    let stands = held.stands(&site).await;
    assert_eq!(stands["disputed"], json!([invoice["id"]]));
    assert_eq!(stands["gives_access"], true);
    let dispute = dispute.unwrap();
    assert!(
        site.rig
            .sandbox
            .dispute_ends(&dispute, false)
            .await
            .unwrap()
    );
    site.rig.settle().await;
    let invoice = held.invoices(&site).await[0].clone();
    assert_eq!(invoice["disputed"], false);
    assert_eq!(invoice["returned"][0]["state"], "lost");
    let stands = held.stands(&site).await;
    assert_eq!(stands["disputed"], json!([]));
    assert_eq!(stands["gives_access"], false);
    site.rig.assert_nothing_left().await;
    site.rig.assert_sound().await;
}

/// Money goes back of what a license was bought with.
async fn refund(site: &Site, held: &Held, amount: Option<Money>) {
    let paid = payment_of(site, held);
    let refund = site.rig.sandbox.refund(&paid, amount, RefundState::Done);
    assert!(refund.await.unwrap().is_some());
    site.rig.settle().await;
}

/// The sandbox's id of the one payment of a license's customer.
fn payment_of(site: &Site, held: &Held) -> String {
    let payments = site.rig.sandbox.books().payments;
    let mut theirs = payments
        .into_iter()
        .filter(|(_, paid)| paid.customer.to_string() == held.customer);
    theirs.next().unwrap().0
}
