//! What a bitcoin costs, when those who are asked are wrong, slow or away.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_domain::money::{Currency, Money};
use billing_rates::{RatesOptions, Source};
use poem::http::StatusCode;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::shop::{Shop, bought, days, dollars, opens, pays, shop_of};
use crate::rig::StoreKind;
use crate::scenarios::harbor::{sat, usd};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-26: the first source that can be believed says what is charged.
    k_26_the_next_source_is_asked_where_one_is_wrong;
    /// K-26: a pin wins over everybody.
    k_26_a_pin_wins_over_every_source;
    /// K-26: where nobody knows, nobody is charged, and the error names every source.
    k_26_nobody_is_charged_where_nobody_knows;
}

const KRAKEN: &str = "/0/public/Ticker";
const COINBASE: &str = "/v2/prices/BTC-USD/spot";
const COINGECKO: &str = "/api/v3/simple/price";

/// The public sources, on loopback.
async fn world() -> MockServer {
    MockServer::start().await
}

/// From now on this is answered at a path, and nothing else.
async fn says(world: &MockServer, answers: &[(&str, u16, String)]) {
    world.reset().await;
    for (at, status, body) in answers {
        let answer = ResponseTemplate::new(*status).set_body_raw(body.clone(), "application/json");
        let mock = Mock::given(method("GET"))
            .and(path(*at))
            .respond_with(answer);
        mock.mount(world).await;
    }
}

fn kraken(price: &str) -> (&'static str, u16, String) {
    let body = json!({ "error": [], "result": { "XXBTZUSD": { "c": [price, "0.003"] } } });
    (KRAKEN, 200, body.to_string())
}

fn coinbase(price: &str) -> (&'static str, u16, String) {
    let body = json!({ "data": { "amount": price, "base": "BTC", "currency": "USD" } });
    (COINBASE, 200, body.to_string())
}

fn coingecko(price: &str) -> (&'static str, u16, String) {
    (
        COINGECKO,
        200,
        format!(r#"{{"bitcoin":{{"usd":{price}}}}}"#),
    )
}

fn asks(world: &MockServer) -> impl FnOnce(&mut RatesOptions) {
    let here: url::Url = world.uri().parse().unwrap();
    move |options| {
        options.order = Source::ALL.to_vec();
        options.kraken_url = here.clone();
        options.coinbase_url = here.clone();
        options.coingecko_url = here;
        options.time_limit = Duration::from_secs(5);
    }
}

type Log = Arc<Mutex<Vec<u8>>>;

/// Writes what this thread logs into `log`.
fn log_into(log: &Log) -> impl tracing::Subscriber + Send + Sync + 'static {
    let log = Arc::clone(log);
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || Pen(Arc::clone(&log)))
        .finish()
}

struct Pen(Log);

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The store's own rate is not known any more.
fn store_knows_nothing(shop: &Shop) {
    shop.fake.rules(|rules| {
        rules.rates.remove("USD");
    });
    shop.fake.advance(jiff::SignedDuration::from_mins(2));
}

async fn k_26_the_next_source_is_asked_where_one_is_wrong(kind: StoreKind) {
    let world = world().await;
    let shop = shop_of(kind, asks(&world)).await;
    // The store's word first, and at first one more, who bears it out.
    says(
        &world,
        &[kraken("51000"), coinbase("61000"), coingecko("62000")],
    )
    .await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    assert_eq!(ana.newest(&shop).await["conversion"]["source"], "btcpay");
    assert_eq!(world.received_requests().await.unwrap().len(), 1);
    // From then on nobody else is asked.
    dollars(&shop, 50_000);
    let amy = bought(&shop, "amy", "deck-monthly").await;
    assert_eq!(amy.newest(&shop).await["conversion"]["source"], "btcpay");
    assert_eq!(world.received_requests().await.unwrap().len(), 1);
    // It knows nothing, the next is down, and the third is a hundred times off.
    store_knows_nothing(&shop);
    let down = (KRAKEN, 503, "{}".to_owned());
    says(&world, &[down, coinbase("500.00"), coingecko("62500")]).await;
    let ben = bought(&shop, "ben", "deck-monthly").await;
    let conversion = &ben.newest(&shop).await["conversion"];
    assert_eq!(conversion["source"], "coingecko");
    assert_eq!(conversion["rate"], 6_250_000);
    assert_eq!(conversion["collected"], sat(40_000));
    assert_eq!(ben.at_btcpay(&shop)[0].due(), 40_000);
    // A minute later the first of them is well again.
    shop.fake.advance(jiff::SignedDuration::from_mins(2));
    says(&world, &[kraken("62500.00"), coinbase("1"), coingecko("1")]).await;
    let eve = bought(&shop, "eve", "deck-monthly").await;
    assert_eq!(eve.newest(&shop).await["conversion"]["source"], "kraken");
    shop.ends_well().await;
}

async fn k_26_a_pin_wins_over_every_source(kind: StoreKind) {
    let world = world().await;
    let ask = asks(&world);
    let shop = shop_of(kind, |options| {
        ask(options);
        options.pins = vec![Money::new(2_500_000, Currency::USD)];
    })
    .await;
    says(
        &world,
        &[kraken("60000"), coinbase("61000"), coingecko("62000")],
    )
    .await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    dollars(&shop, 90_000);
    shop.pass(days(32)).await;
    let owed = ana.owes(&shop).await;
    for invoice in ana.invoices(&shop).await {
        let conversion = &invoice["conversion"];
        assert_eq!(conversion["source"], "pin");
        assert_eq!(conversion["rate"], 2_500_000);
        assert_eq!(conversion["collected"], sat(100_000));
    }
    pays(&shop, &owed).await;
    assert_eq!(world.received_requests().await.unwrap().len(), 0);
    shop.ends_well().await;
}

async fn k_26_nobody_is_charged_where_nobody_knows(kind: StoreKind) {
    let log = Log::default();
    let _listening = tracing::subscriber::set_default(log_into(&log));
    let world = world().await;
    let shop = shop_of(kind, asks(&world)).await;
    says(&world, &[kraken("50000")]).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let ben = opens(&shop, "ben", "buoy-sats").await;
    pays(&shop, &ben.page).await;
    store_knows_nothing(&shop);
    says(&world, &[kraken("0"), (COINBASE, 500, String::new())]).await;
    let made = shop.fake.world().invoices.len();
    let session = shop.session(&shop.customer("eve").await).await;
    let asked = json!({ "price": "deck-monthly" });
    let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
    refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
    assert_eq!(shop.fake.world().invoices.len(), made);
    // A renewal waits, and lapses nobody; what is listed in satoshi asks nobody.
    shop.pass(days(33)).await;
    assert_eq!(ana.at_btcpay(&shop).len(), 1);
    assert_eq!(ben.at_btcpay(&shop).len(), 2);
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(shop.told("subscription.lapsed"), 0);
    let owed = ana.newest(&shop).await;
    assert_eq!(owed["conversion"], Value::Null);
    assert_eq!(owed["amount"], usd(2_500));
    let parked = shop.parked().await;
    let stalled = parked
        .iter()
        .find(|row| row.reason.as_str() == "attempts_exhausted");
    assert!(stalled.is_some(), "{parked:#?}");
    // Who looks into the log finds who was asked, and what was wrong with each.
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    let told = log.lines().find(|line| line.contains("no rate of"));
    let told = told.unwrap_or_else(|| panic!("{log}"));
    for source in ["btcpay", "kraken", "coinbase", "coingecko"] {
        assert!(told.contains(source), "{source} in {told}");
    }
    pays(&shop, &ben.owes(&shop).await).await;
    assert_eq!(ben.stands(&shop).await["status"], "active");
    shop.is_sound().await;
}
