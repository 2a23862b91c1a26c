//! Connections: calls go over those that there are.

use billing_domain::effect::Order;
use billing_domain::provider::RefKind;
use billing_ports::PaymentProvider;

use super::rig::{Rig, usd};

/// Five calls and more, of four kinds, are made one after the other, in each round.
const ROUNDS: usize = 12;

/// Connections that four at the same time may take at most: where one is given back while
/// another is being made, both stay.
const FOUR_TAKE: u64 = 8;

/// One of everything.
async fn round(rig: &Rig) {
    let (_, id) = rig.invoices().await;
    assert_eq!(rig.told(&id).await, ["opened"]);
    let (key, order) = rig.renewal(usd(2_500));
    let order = Order::CreateInvoice(order);
    let first = rig.done(&key, &order).await;
    assert_eq!(rig.done(&key, &order).await.len(), first.len());
    // What is not there gives its connection back as well.
    assert_eq!(rig.look(RefKind::Invoice, "missing").await, Ok(vec![]));
    let since = "2025-12-31T00:00:00Z".parse().unwrap();
    assert!(rig.btcpay.list_events(since, None).await.is_ok());
}

#[tokio::test]
async fn calls_share_a_connection() {
    let rig = Rig::start().await;
    for _ in 0..ROUNDS {
        round(&rig).await;
    }
    let asked = rig.fake.requests().all().len();
    assert!(asked >= 5 * ROUNDS, "{asked} calls");
    assert_eq!(rig.fake.connections(), 1, "of {asked} calls");
    for _ in 0..ROUNDS {
        tokio::join!(round(&rig), round(&rig), round(&rig), round(&rig));
    }
    let taken = rig.fake.connections();
    assert!(taken <= FOUR_TAKE, "{taken} for four at a time");
}
