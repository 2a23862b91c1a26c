//! How long a rate is used again.

use std::time::Duration;

use billing_domain::money::Currency;
use billing_ports::rate::RateSource as _;
use billing_rates::Source;
use jiff::SignedDuration;
use wiremock::ResponseTemplate;

use crate::world::{KRAKEN, World, kraken};

#[tokio::test]
async fn a_rate_is_used_again_for_a_minute() {
    let mut world = World::new(&[Source::Kraken]).await;
    let start = world.now;
    world.says(KRAKEN, &kraken("67000.00")).await;
    world.told().await;
    world.says(KRAKEN, &kraken("68000.00")).await;
    world.wait(SignedDuration::from_secs(59));
    let rate = world.ask().await.unwrap();
    assert_eq!((rate.per_bitcoin, rate.at), (6_700_000, start));
    assert_eq!(world.asked().await.len(), 1);
    world.wait(SignedDuration::from_secs(1));
    let rate = world.ask().await.unwrap();
    assert_eq!((rate.per_bitcoin, rate.at), (6_800_000, world.now));
}

#[tokio::test]
async fn a_failure_is_not_kept_and_an_old_rate_is_not_used() {
    let mut world = World::new(&[Source::Kraken]).await;
    world.says(KRAKEN, &kraken("67000.00")).await;
    world.told().await;
    world.wait(SignedDuration::from_secs(60));
    world.says(KRAKEN, &kraken("0")).await;
    assert_eq!(world.failed().await.len(), 1);
    world.says(KRAKEN, &kraken("68000.00")).await;
    assert_eq!(world.told().await.0, 6_800_000);
}

#[tokio::test]
async fn many_who_ask_at_once_cost_one_call() {
    let world = World::new(&[Source::Kraken]).await;
    let answer = ResponseTemplate::new(200).set_body_raw(kraken("67000.00"), "application/json");
    world
        .replies(KRAKEN, answer.set_delay(Duration::from_millis(20)))
        .await;
    let ask = || world.rates.rate(Currency::USD, world.now);
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(three.unwrap().per_bitcoin, 6_700_000);
    assert_eq!(world.asked().await.len(), 1);
}
