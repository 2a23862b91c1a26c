//! Connections: calls go over those that there are.

use billing_domain::provider::RefKind;
use billing_ports::{PaymentProvider, Previewed};
use billing_testkit::fakes::paddle::Card;

use super::rig::{LARGE, Rig, SMALL};

/// Five calls and more, of as many kinds, are made one after the other, in each round.
const ROUNDS: usize = 12;

/// Connections that four at the same time may take at most: where one is given back while
/// another is being made, both stay.
const FOUR_TAKE: u64 = 8;

/// One of everything that asks.
async fn round(rig: &Rig, held: &str) {
    let paddle = &rig.paddle;
    assert!(!rig.read(RefKind::Subscription, held).await.is_empty());
    // What is not there gives its connection back as well.
    let missing = "txn_01hv8wptq8987qeep44cyrewp9";
    assert!(rig.read(RefKind::Invoice, missing).await.is_empty());
    let listed = paddle.list_subscriptions(None).await.unwrap();
    assert_eq!(listed.rows.len(), 1);
    let since = "2025-12-31T00:00:00Z".parse().unwrap();
    assert!(
        !paddle
            .list_events(since, None)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    let change = rig.change(held, LARGE, rig.prorated(None));
    let preview = paddle.preview(&change).await.unwrap();
    assert!(matches!(preview, Previewed::Costs(_)), "{preview:?}");
}

#[tokio::test]
async fn calls_share_a_connection() {
    let rig = Rig::start().await;
    let held = rig.buys(SMALL, Card::Pays).await;
    for _ in 0..ROUNDS {
        round(&rig, &held).await;
    }
    let asked = rig.fake.requests().all().len();
    assert!(asked >= 5 * ROUNDS, "{asked} calls");
    assert_eq!(rig.fake.connections(), 1, "of {asked} calls");
    for _ in 0..ROUNDS {
        let one = || round(&rig, &held);
        tokio::join!(one(), one(), one(), one());
    }
    let taken = rig.fake.connections();
    assert!(taken <= FOUR_TAKE, "{taken} for four at a time");
}
