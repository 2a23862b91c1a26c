//! Connections: calls go over those that there are.

use billing_domain::catalog::Catalog;
use billing_domain::effect::{ChangeSubscription, ChangeWhen};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::Interval;
use billing_ports::{PaymentProvider, Previewed};

use crate::contract::Contracted;
use crate::support::account;

/// Six calls and more, of five kinds, are made one after the other, in each round.
const ROUNDS: usize = 12;

/// Connections that four at the same time may take at most: where one is given back while
/// another is being made, both stay.
const FOUR_TAKE: u64 = 8;

/// One of everything that asks.
async fn round(bench: &Contracted) {
    let stripe = &bench.stripe;
    let object = |kind, id: &str| ProviderRef {
        account: account(),
        kind,
        id: id.to_owned(),
    };
    let held = object(RefKind::Subscription, bench.held());
    assert!(!stripe.read(&held).await.unwrap().is_empty());
    let missing = object(RefKind::Invoice, "in_missing");
    assert!(stripe.read(&missing).await.unwrap().is_empty());
    let listed = stripe.list_subscriptions(None).await.unwrap();
    assert_eq!(listed.rows.len(), 2);
    let since = "2020-01-01T00:00:00Z".parse().unwrap();
    let events = stripe.list_events(since, None).await.unwrap();
    assert!(!events.rows.is_empty());
    let change = ChangeSubscription {
        provider: account(),
        reference: bench.held().to_owned(),
        change: None,
        description: "Pro".to_owned(),
        price_ref: "price_pro".to_owned(),
        amount: Money::new(5_000, Currency::USD),
        quantity: 1,
        interval: Some(Interval::MONTH),
        when: ChangeWhen::Prorated {
            at: bench.fake.now(),
            quoted: None,
        },
        ends_discount: false,
    };
    let preview = stripe.preview(&change).await.unwrap();
    assert!(matches!(preview, Previewed::Costs(_)), "{preview:?}");
    // A refusal gives its connection back as well.
    let unknown = ChangeSubscription {
        price_ref: "price_unknown".to_owned(),
        ..change
    };
    let preview = stripe.preview(&unknown).await.unwrap();
    assert!(matches!(preview, Previewed::Refused(_)), "{preview:?}");
}

#[tokio::test]
async fn calls_share_a_connection() {
    let bench = Contracted::start().await;
    for _ in 0..ROUNDS {
        round(&bench).await;
    }
    let catalog = Catalog::builder("Acme", Currency::USD)
        .plan("free", "Free", |plan| plan.rank(0))
        .newcomer("free")
        .build()
        .unwrap();
    assert!(!bench.stripe.doctor(&catalog).await.is_empty());
    let asked = bench.fake.requests().all().len();
    assert!(asked >= 6 * ROUNDS, "{asked} calls");
    assert_eq!(bench.fake.connections(), 1, "of {asked} calls");
    for _ in 0..ROUNDS {
        tokio::join!(round(&bench), round(&bench), round(&bench), round(&bench));
    }
    let taken = bench.fake.connections();
    assert!(taken <= FOUR_TAKE, "{taken} for four at a time");
}
