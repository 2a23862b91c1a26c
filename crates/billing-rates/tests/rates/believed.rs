//! Who is asked in which order, and what is not believed.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use billing_domain::money::{Currency, Money};
use billing_domain::time::days;
use billing_http::{HttpClient, HttpOptions};
use billing_ports::rate::RateSource as _;
use billing_rates::{OptionsError, Rates, RatesOptions, Source, TIME_LIMIT};
use http::StatusCode;
use jiff::SignedDuration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wiremock::ResponseTemplate;

use crate::world::{COINBASE, COINGECKO, KRAKEN, World, coinbase, coingecko, kraken, rate};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

const YESTERDAY: &str = "2026-02-28T12:00:00Z";

/// Why a first answer alone is not believed.
const ALONE: &str = "is the first word, and no other source bears it out";

fn said(source: &str, price: u64) -> (u64, String) {
    (price, source.to_owned())
}

#[tokio::test]
async fn sources_are_asked_in_the_order_of_the_settings() {
    let world = World::remembering(&[Source::Coinbase, Source::Kraken], 6_500_000).await;
    world.says(KRAKEN, &kraken("67000.15")).await;
    world.says(COINBASE, &coinbase("67100.00")).await;
    assert_eq!(world.told().await, said("coinbase", 6_710_000));
    assert_eq!(world.asked().await, [COINBASE]);
}

#[tokio::test]
async fn the_next_one_is_asked_where_one_fails() {
    let order = [Source::Kraken, Source::Coinbase, Source::CoinGecko];
    let world = World::remembering(&order, 6_500_000).await;
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
        options.remembered = vec![rate(6_500_000, YESTERDAY)];
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
        options.remembered = vec![rate(6_500_000, YESTERDAY)];
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
    // A last rate that was wrong must not refuse every right one.
    let mut world = World::remembering(&[Source::Kraken, Source::Coinbase], 67_000).await;
    world.says(KRAKEN, &kraken("67000.00")).await;
    world.says(COINBASE, &coinbase("90000.00")).await;
    assert_eq!(world.failed().await.len(), 2);
    world.says(COINBASE, &coinbase("67100.00")).await;
    assert_eq!(world.told().await, said("coinbase", 6_710_000));
    world.wait(MINUTE);
    assert_eq!(world.told().await, said("kraken", 6_700_000));
}

/// What Kraken and Coinbase say at first, and who is believed. Digits too many or too few
/// are what a slipped point makes of a price.
#[tokio::test]
async fn a_first_rate_needs_another_source_that_bears_it_out() {
    for (first, second, third, believed) in [
        ("67000.00", "67100.00", "0", Some(("kraken", 6_700_000))),
        ("67000.00", "73000.00", "0", Some(("kraken", 6_700_000))),
        // Exchanges differ, so that a slipped point is not always quite ten times off.
        ("670000.00", "67100.00", "0", None),
        ("67000.00", "6700.01", "0", None),
        // One of two is wrong, and nobody knows which.
        ("670000.00", "67000.00", "0", None),
        ("6700.00", "67000.00", "0", None),
        ("67000.00", "670000.00", "0", None),
        // A third one tells.
        (
            "670000.00",
            "67000.00",
            "67200",
            Some(("coinbase", 6_700_000)),
        ),
        (
            "67000.00",
            "670000.00",
            "67200",
            Some(("kraken", 6_700_000)),
        ),
        // Who says nothing bears nobody out.
        ("67000.00", "0", "0", None),
        ("0", "67000.00", "67200", Some(("coinbase", 6_700_000))),
        ("0", "0", "67200", None),
    ] {
        let order = [Source::Kraken, Source::Coinbase, Source::CoinGecko];
        let mut world = World::new(&order).await;
        world.says(KRAKEN, &kraken(first)).await;
        world.says(COINBASE, &coinbase(second)).await;
        world.says(COINGECKO, &coingecko(third)).await;
        let case = format!("{first}, {second}, {third}");
        let Some((source, price)) = believed else {
            let failed = world.failed().await;
            assert_eq!(failed.len(), 3, "{case}");
            assert!(
                failed.iter().any(|(_, why)| why == ALONE),
                "{case}: {failed:?}"
            );
            // It is asked anew, and nothing was learned from it.
            world.says(KRAKEN, &kraken("67000.00")).await;
            world.says(COINBASE, &coinbase("67100.00")).await;
            assert_eq!(world.told().await, said("kraken", 6_700_000), "{case}");
            continue;
        };
        assert_eq!(world.told().await, said(source, price), "{case}");
        // From then on one is enough.
        let asked = world.asked().await.len();
        world.wait(MINUTE);
        world.says(KRAKEN, &kraken("68000.00")).await;
        assert_eq!(world.told().await, said("kraken", 6_800_000), "{case}");
        assert_eq!(world.asked().await.len(), asked + 1, "{case}");
    }
}

#[tokio::test]
async fn the_only_source_is_believed_at_once() {
    let world = World::new(&[Source::Kraken]).await;
    world.says(KRAKEN, &kraken("670000.00")).await;
    assert_eq!(world.told().await, said("kraken", 67_000_000));
}

#[tokio::test]
async fn what_was_believed_before_the_start_is_what_counts() {
    let order = [Source::Kraken, Source::Coinbase];
    // The newest of the currency.
    let world = World::with(&order, |options| {
        options.remembered = vec![
            rate(670_000, "2026-02-01T12:00:00Z"),
            rate(6_700_000, YESTERDAY),
            rate(67_000_000, "2026-02-02T12:00:00Z"),
        ];
    })
    .await;
    world.says(KRAKEN, &kraken("670000.00")).await;
    world.says(COINBASE, &coinbase("67100.00")).await;
    assert_eq!(world.told().await, said("coinbase", 6_710_000));
    // It is no memory of another currency, nor one for ever.
    for (currency, at) in [("jpy", YESTERDAY), ("usd", "2026-01-30T12:00:00Z")] {
        let world = World::with(&order, |options| {
            let mut known = rate(6_700_000, at);
            known.currency = currency.parse().unwrap();
            options.remembered = vec![known];
        })
        .await;
        world.says(KRAKEN, &kraken("67000.00")).await;
        assert_eq!(world.failed().await[0].1, ALONE, "{currency} at {at}");
    }
    // A rate of the last minute is the answer again, a restart or not.
    let world = World::with(&order, |options| {
        options.remembered = vec![rate(6_700_000, "2026-03-01T11:59:01Z")];
    })
    .await;
    assert_eq!(world.told().await, said("before", 6_700_000));
    assert!(world.asked().await.is_empty());
}

/// A source that takes a request, says so, and never answers.
async fn silent() -> (url::Url, oneshot::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let (says, asked) = oneshot::channel();
    tokio::spawn(async move {
        let (mut taken, _) = listener.accept().await.unwrap();
        let mut first = [0];
        taken.read_exact(&mut first).await.unwrap();
        drop(says.send(taken));
    });
    (address.parse().unwrap(), asked)
}

#[tokio::test]
async fn each_source_has_eight_seconds_and_then_the_next_is_asked() {
    assert_eq!(TIME_LIMIT, Duration::from_secs(8));
    let (one, asked_one) = silent().await;
    let (other, asked_other) = silent().await;
    let order = [Source::Kraken, Source::Coinbase, Source::CoinGecko];
    let world = World::with(&order, |options| {
        options.time_limit = TIME_LIMIT;
        options.kraken_url = one;
        options.coinbase_url = other;
        options.remembered = vec![rate(6_500_000, YESTERDAY)];
    })
    .await;
    world.says(COINGECKO, &coingecko("67000")).await;
    let World { rates, now, .. } = &world;
    let asking = rates.rate(Currency::USD, *now);
    tokio::pin!(asking);
    // Kept open, each as silent as the other.
    let mut silent = Vec::new();
    for mut asked in [asked_one, asked_other] {
        let taken = tokio::select! {
            rate = &mut asking => panic!("answered by nobody: {rate:?}"),
            taken = &mut asked => taken.unwrap(),
        };
        silent.push(taken);
        let second = Duration::from_secs(1);
        tokio::time::pause();
        tokio::time::advance(TIME_LIMIT.checked_sub(second).unwrap()).await;
        assert!(looked_at(asking.as_mut()).await.is_none(), "too soon");
        tokio::time::advance(second).await;
        tokio::time::resume();
    }
    assert!(world.asked().await.is_empty());
    let rate = asking.await.unwrap();
    assert_eq!((rate.per_bitcoin, &*rate.source), (6_700_000, "coingecko"));
    assert_eq!(world.asked().await, [COINGECKO]);
    assert_eq!(silent.len(), 2);
}

/// What a future says when it is looked at once. `None`: nothing yet.
async fn looked_at<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(said) => Some(said),
            Poll::Pending => None,
        })
    })
    .await
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
