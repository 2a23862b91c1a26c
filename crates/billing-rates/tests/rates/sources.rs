//! Each source by itself: what it is asked, and what is read of its answer.

use billing_domain::money::Currency;
use billing_ports::rate::RateSource as _;
use billing_rates::Source;
use http::StatusCode;

use crate::world::{
    BTCPAY, COINBASE, COINGECKO, KRAKEN, World, btcpay, coinbase, coingecko, kraken,
};

/// A source that is asked alone, and answers so: price, or why there is none.
async fn alone(source: Source, at: &str, body: &str) -> Result<u64, String> {
    let world = World::new(&[source]).await;
    world.says(at, body).await;
    match world.ask().await {
        Ok(rate) => {
            assert_eq!(rate.source, source.name());
            assert_eq!(rate.at, world.now);
            Ok(rate.per_bitcoin)
        }
        Err(error) => {
            assert_eq!(error.failed.len(), 1);
            assert_eq!(error.failed[0].0, source.name());
            Err(error.failed[0].1.clone())
        }
    }
}

#[tokio::test]
async fn every_source_is_read_to_the_last_digit() {
    for (source, at, body) in [
        (Source::BtcPay, BTCPAY, btcpay("67000.15")),
        (Source::Kraken, KRAKEN, kraken("67000.15000")),
        (Source::Coinbase, COINBASE, coinbase("67000.145")),
        (Source::CoinGecko, COINGECKO, coingecko("67000.1450000001")),
    ] {
        assert_eq!(alone(source, at, &body).await, Ok(6_700_015), "{source}");
    }
    // As a float it would end in 92.
    let long = coingecko("9007199254740.93");
    let read = alone(Source::CoinGecko, COINGECKO, &long).await;
    assert_eq!(read, Ok(900_719_925_474_093));
}

#[tokio::test]
async fn absurd_prices_are_refused() {
    type Shape = fn(&str) -> String;
    let sources: [(Source, &str, Shape); 4] = [
        (Source::BtcPay, BTCPAY, btcpay),
        (Source::Kraken, KRAKEN, kraken),
        (Source::Coinbase, COINBASE, coinbase),
        (Source::CoinGecko, COINGECKO, coingecko),
    ];
    for (source, at, shape) in sources {
        for (price, why) in [
            ("0", "says zero"),
            ("0.0000", "says zero"),
            ("-67000.15", "says less than zero"),
            ("1e40", "says a number beyond all bounds"),
        ] {
            let read = alone(source, at, &shape(price)).await;
            assert_eq!(read, Err(why.to_owned()), "{source} {price}");
        }
    }
    for (source, at, body) in [
        (Source::BtcPay, BTCPAY, btcpay("NaN")),
        (Source::Kraken, KRAKEN, kraken("Infinity")),
        (Source::Coinbase, COINBASE, coinbase("67,000.15")),
        (Source::CoinGecko, COINGECKO, coingecko(r#""NaN""#)),
    ] {
        let read = alone(source, at, &body).await;
        assert_eq!(read, Err("says no number".to_owned()), "{source}");
    }
}

#[tokio::test]
async fn an_answer_about_another_pair_is_refused() {
    let other = "answered about another pair".to_owned();
    for (source, at, body) in [
        (Source::BtcPay, BTCPAY, btcpay("1").replace("USD", "EUR")),
        (
            Source::Kraken,
            KRAKEN,
            kraken("1").replace("XXBTZUSD", "XETHZUSD"),
        ),
        (Source::Kraken, KRAKEN, kraken("1").replace("ZUSD", "ZEUR")),
        (
            Source::Coinbase,
            COINBASE,
            coinbase("1").replace("USD", "EUR"),
        ),
        (
            Source::Coinbase,
            COINBASE,
            coinbase("1").replace("BTC", "ETH"),
        ),
        (
            Source::CoinGecko,
            COINGECKO,
            coingecko("1").replace("usd", "eur"),
        ),
        (
            Source::CoinGecko,
            COINGECKO,
            coingecko("1").replace("bitcoin", "ether"),
        ),
    ] {
        let read = alone(source, at, &body).await;
        assert_eq!(read, Err(other.clone()), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_rate_and_who_does_not_know_are_told_apart() {
    let shape = "answered something else than a rate";
    let unknown = "does not know it";
    for (source, at, body, why) in [
        (Source::BtcPay, BTCPAY, "<html>", shape),
        (Source::BtcPay, BTCPAY, "{}", shape),
        (
            Source::BtcPay,
            BTCPAY,
            r#"[{"currencyPair":"BTC_USD","errors":["RateFetchError"],"rate":null}]"#,
            unknown,
        ),
        (
            Source::Kraken,
            KRAKEN,
            r#"{"error":["EQuery:Unknown asset pair"]}"#,
            unknown,
        ),
        (Source::Coinbase, COINBASE, r#"{"data":{}}"#, shape),
        (
            Source::CoinGecko,
            COINGECKO,
            r#"{"bitcoin":{"usd":null}}"#,
            unknown,
        ),
        (
            Source::CoinGecko,
            COINGECKO,
            r#"{"bitcoin":{"usd":tru"#,
            shape,
        ),
    ] {
        let read = alone(source, at, body).await;
        assert_eq!(read, Err(why.to_owned()), "{body}");
    }
    let world = World::new(&[Source::Kraken]).await;
    world
        .answers(KRAKEN, StatusCode::TOO_MANY_REQUESTS, &kraken("67000.15"))
        .await;
    let busy = ("kraken".to_owned(), "answered 429".to_owned());
    assert_eq!(world.failed().await, [busy]);
}

#[tokio::test]
async fn the_store_alone_is_shown_its_key() {
    let world = World::new(&[Source::BtcPay, Source::Kraken]).await;
    world
        .answers(BTCPAY, StatusCode::FORBIDDEN, r#"{"code":"hush"}"#)
        .await;
    let failed = world.failed().await;
    assert_eq!(failed[0], ("btcpay".to_owned(), "answered 403".to_owned()));
    let requests = world.server.received_requests().await.unwrap();
    let key = |index: usize| requests[index].headers.get("authorization");
    assert_eq!(key(0).unwrap(), "token hush");
    assert_eq!(key(1), None);
    assert_eq!(requests[0].url.query(), Some("currencyPair=BTC_USD"));
    assert_eq!(requests[1].url.query(), Some("pair=XBTUSD"));
    assert!(!format!("{failed:?} {:?}", world.rates).contains("hush"));
}

#[tokio::test]
async fn other_currencies_have_other_pairs_and_places() {
    let world = World::new(&[Source::Kraken]).await;
    let yen: Currency = "jpy".parse().unwrap();
    let body = kraken("10400000.5").replace("ZUSD", "ZJPY");
    world.says(KRAKEN, &body).await;
    let rate = world.rates.rate(yen, world.now).await.unwrap();
    assert_eq!(rate.per_bitcoin, 10_400_001);
    // A pair of this kind bears no prefixes.
    let francs: Currency = "chf".parse().unwrap();
    let body = kraken("59000.10").replace("XXBTZUSD", "XBTCHF");
    world.says(KRAKEN, &body).await;
    let rate = world.rates.rate(francs, world.now).await.unwrap();
    assert_eq!(rate.per_bitcoin, 5_900_010);
    let requests = world.server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.query(), Some("pair=XBTJPY"));
}
