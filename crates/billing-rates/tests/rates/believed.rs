//! Who is asked in which order, and what is not believed.

use std::time::Duration;

use billing_domain::money::{Currency, Money};
use billing_domain::time::days;
use billing_http::{HttpClient, HttpOptions};
use billing_ports::rate::RateSource as _;
use billing_rates::{OptionsError, Rates, RatesOptions, Source};
use http::StatusCode;
use jiff::SignedDuration;
use wiremock::ResponseTemplate;

use crate::world::{COINBASE, COINGECKO, KRAKEN, World, coinbase, coingecko, kraken};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

fn said(source: &str, price: u64) -> (u64, String) {
    (price, source.to_owned())
}

#[tokio::test]
async fn sources_are_asked_in_the_order_of_the_settings() {
    let world = World::new(&[Source::Coinbase, Source::Kraken]).await;
    world.says(KRAKEN, &kraken("67000.15")).await;
    world.says(COINBASE, &coinbase("67100.00")).await;
    assert_eq!(world.told().await, said("coinbase", 6_710_000));
    assert_eq!(world.asked().await, [COINBASE]);
}

#[tokio::test]
async fn the_next_one_is_asked_where_one_fails() {
    let world = World::new(&[Source::Kraken, Source::Coinbase, Source::CoinGecko]).await;
    world.says(KRAKEN, &kraken("0")).await;
    world
        .answers(COINBASE, StatusCode::BAD_GATEWAY, "<html>")
        .await;
    world.says(COINGECKO, &coingecko("67000")).await;
    assert_eq!(world.told().await, said("coingecko", 6_700_000));
    // Nobody is asked twice.
    assert_eq!(world.asked().await, [KRAKEN, COINBASE, COINGECKO]);
}

#[tokio::test]
async fn an_error_names_every_source_and_why() {
    let world = World::new(&[Source::Kraken, Source::Coinbase]).await;
    world.says(KRAKEN, &kraken("-1")).await;
    let error = world.ask().await.unwrap_err();
    let text = "no rate of usd: kraken (says less than zero); coinbase (answered 404)";
    assert_eq!(error.to_string(), text);
    let nobody = World::new(&[]).await;
    assert_eq!(nobody.failed().await, []);
}

#[tokio::test]
async fn a_slow_source_has_its_time_and_no_more() {
    let order = [Source::Kraken, Source::Coinbase];
    let world = World::with(&order, |options| {
        options.time_limit = Duration::from_millis(300);
    })
    .await;
    let late = ResponseTemplate::new(200).set_body_raw(kraken("67000.15"), "application/json");
    world
        .replies(KRAKEN, late.set_delay(Duration::from_mins(1)))
        .await;
    let failed = world.failed().await;
    let slow = ("kraken".to_owned(), "took longer than 300 ms".to_owned());
    assert_eq!(failed[0], slow);
    world.says(COINBASE, &coinbase("67100.00")).await;
    assert_eq!(world.told().await, said("coinbase", 6_710_000));
}

#[tokio::test]
async fn a_source_that_is_gone_is_passed_over() {
    let order = [Source::Kraken, Source::Coinbase];
    let world = World::with(&order, |options| {
        // Nobody listens there.
        options.kraken_url = "http://127.0.0.1:9/".parse().unwrap();
    })
    .await;
    world.says(COINBASE, &coinbase("67100.00")).await;
    assert_eq!(world.told().await, said("coinbase", 6_710_000));
}

#[tokio::test]
async fn ten_times_off_the_last_rate_is_not_believed() {
    for (jump, believed) in [
        ("670000.00", false),
        ("669999.99", true),
        ("6700.00", false),
        ("6700.01", true),
    ] {
        let mut world = World::new(&[Source::Kraken]).await;
        world.says(KRAKEN, &kraken("67000.00")).await;
        world.told().await;
        world.wait(MINUTE);
        world.says(KRAKEN, &kraken(jump)).await;
        if believed {
            assert_eq!(world.told().await.1, "kraken");
        } else {
            let why = (
                "kraken".to_owned(),
                "is 10 times off the last rate".to_owned(),
            );
            assert_eq!(world.failed().await, [why], "{jump}");
        }
    }
}

#[tokio::test]
async fn a_jump_is_held_against_the_same_currency_alone() {
    let mut world = World::new(&[Source::Kraken]).await;
    world.says(KRAKEN, &kraken("67000.00")).await;
    world.told().await;
    world.wait(MINUTE);
    let yen: Currency = "jpy".parse().unwrap();
    let body = kraken("10400000").replace("ZUSD", "ZJPY");
    world.says(KRAKEN, &body).await;
    let rate = world.rates.rate(yen, world.now).await.unwrap();
    assert_eq!(rate.per_bitcoin, 10_400_000);
}

#[tokio::test]
async fn two_that_agree_on_a_jump_are_believed() {
    let mut world = World::new(&[Source::Kraken, Source::Coinbase]).await;
    // A first answer that was wrong must not refuse every right one.
    world.says(KRAKEN, &kraken("670.00")).await;
    assert_eq!(world.told().await, said("kraken", 67_000));
    world.wait(MINUTE);
    world.says(KRAKEN, &kraken("67000.00")).await;
    world.says(COINBASE, &coinbase("90000.00")).await;
    assert_eq!(world.failed().await.len(), 2);
    world.says(COINBASE, &coinbase("67100.00")).await;
    assert_eq!(world.told().await, said("coinbase", 6_710_000));
    world.wait(MINUTE);
    assert_eq!(world.told().await, said("kraken", 6_700_000));
}

#[tokio::test]
async fn a_rate_of_long_ago_is_held_against_nobody() {
    let mut world = World::new(&[Source::Kraken]).await;
    world.says(KRAKEN, &kraken("6700.00")).await;
    world.told().await;
    world.says(KRAKEN, &kraken("67000.00")).await;
    world.wait(days(30) - SignedDuration::from_secs(1));
    assert_eq!(world.failed().await.len(), 1);
    world.wait(SignedDuration::from_secs(1));
    assert_eq!(world.told().await, said("kraken", 6_700_000));
}

#[tokio::test]
async fn a_pin_wins_and_nobody_is_asked() {
    let order = [Source::Kraken];
    let world = World::with(&order, |options| {
        options.pins = vec![Money::new(5_000_000, Currency::USD)];
    })
    .await;
    world.says(KRAKEN, &kraken("67000.15")).await;
    assert_eq!(world.told().await, said("pin", 5_000_000));
    assert!(world.asked().await.is_empty());
    // Of another currency it says nothing.
    let body = kraken("61000.00").replace("ZUSD", "ZEUR");
    world.says(KRAKEN, &body).await;
    let rate = world.rates.rate(Currency::EUR, world.now).await.unwrap();
    assert_eq!(
        (rate.per_bitcoin, rate.source.as_str()),
        (6_100_000, "kraken")
    );
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let plain = || RatesOptions::new(None).unwrap();
    let http = || HttpClient::new(HttpOptions::default()).unwrap();
    let order = [Source::Kraken, Source::Coinbase, Source::CoinGecko];
    assert_eq!(plain().order, order);
    assert!(Rates::new(plain(), http()).is_ok());
    let refused = |options: RatesOptions| Rates::new(options, http()).unwrap_err();
    let pins = |pins: Vec<Money>| RatesOptions { pins, ..plain() };
    let dollars = |amount| Money::new(amount, Currency::USD);
    let zero = refused(pins(vec![dollars(0)]));
    assert_eq!(zero, OptionsError::PinNotAbove("usd".to_owned()));
    let twice = refused(pins(vec![dollars(1), dollars(2)]));
    assert_eq!(twice, OptionsError::PinTwice("usd".to_owned()));
    let order = |order: Vec<Source>| RatesOptions { order, ..plain() };
    let twice = refused(order(vec![Source::Kraken, Source::Kraken]));
    assert_eq!(twice, OptionsError::SourceTwice(Source::Kraken));
    assert_eq!(refused(order(vec![Source::BtcPay])), OptionsError::NoStore);
}
