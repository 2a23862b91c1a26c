//! Four sources on loopback, and somebody who asks them.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use billing_domain::money::Currency;
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions};
use billing_ports::rate::{Rate, RateError, RateSource as _};
use billing_rates::{BtcPayStore, Rates, RatesOptions, Source};
use http::StatusCode;
use jiff::SignedDuration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// One server that is all sources: their paths differ.
pub(crate) struct World {
    pub(crate) server: MockServer,
    pub(crate) rates: Rates,
    pub(crate) now: Timestamp,
    later: AtomicU8,
}

pub(crate) const KRAKEN: &str = "/0/public/Ticker";
pub(crate) const COINBASE: &str = "/v2/prices/BTC-USD/spot";
pub(crate) const COINGECKO: &str = "/api/v3/simple/price";
pub(crate) const BTCPAY: &str = "/api/v1/stores/store1/rates";

/// What each source answers where a bitcoin costs so much in dollars.
pub(crate) fn btcpay(price: &str) -> String {
    format!(r#"[{{"currencyPair":"BTC_USD","errors":[],"rate":"{price}"}}]"#)
}

pub(crate) fn kraken(price: &str) -> String {
    format!(
        r#"{{"error":[],"result":{{"XXBTZUSD":{{"a":["67001.2","1","1.000"],"c":["{price}","0.003"]}}}}}}"#
    )
}

pub(crate) fn coinbase(price: &str) -> String {
    format!(r#"{{"data":{{"amount":"{price}","base":"BTC","currency":"USD"}}}}"#)
}

pub(crate) fn coingecko(price: &str) -> String {
    format!(r#"{{"bitcoin":{{"usd":{price}}}}}"#)
}

/// What a bitcoin cost in cents, by nobody in particular.
pub(crate) fn rate(per_bitcoin: u64, at: &str) -> Rate {
    Rate {
        currency: Currency::USD,
        per_bitcoin,
        source: "before".to_owned(),
        at: at.parse().unwrap(),
    }
}

impl World {
    /// The sources in this order, each of which knows nothing yet.
    pub(crate) async fn new(order: &[Source]) -> Self {
        Self::with(order, |_options| {}).await
    }

    /// Sources that are held against what was believed yesterday.
    pub(crate) async fn remembering(order: &[Source], per_bitcoin: u64) -> Self {
        let remembered = vec![rate(per_bitcoin, "2026-02-28T12:00:00Z")];
        Self::with(order, |options| options.remembered = remembered).await
    }

    pub(crate) async fn with(order: &[Source], change: impl FnOnce(&mut RatesOptions)) -> Self {
        let server = MockServer::start().await;
        let here: url::Url = server.uri().parse().unwrap();
        let mut options = RatesOptions {
            order: order.to_vec(),
            pins: Vec::new(),
            btcpay: Some(BtcPayStore {
                base_url: here.clone(),
                store_id: "store1".to_owned(),
                api_key: "hush".into(),
            }),
            kraken_url: here.clone(),
            coinbase_url: here.clone(),
            coingecko_url: here,
            remembered: Vec::new(),
            time_limit: Duration::from_secs(5),
        };
        change(&mut options);
        let http = HttpClient::new(HttpOptions {
            circuit_failures: 0,
            ..HttpOptions::default()
        });
        Self {
            server,
            rates: Rates::new(options, http.unwrap()).unwrap(),
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            later: AtomicU8::new(100),
        }
    }

    /// From now on this is answered at a path.
    pub(crate) async fn says(&self, at: &str, body: &str) {
        self.answers(at, StatusCode::OK, body).await;
    }

    pub(crate) async fn answers(&self, at: &str, status: StatusCode, body: &str) {
        let answer = ResponseTemplate::new(status.as_u16());
        self.replies(at, answer.set_body_raw(body, "application/json"))
            .await;
    }

    pub(crate) async fn replies(&self, at: &str, answer: ResponseTemplate) {
        let mock = Mock::given(method("GET")).and(path(at));
        // The latest word counts: lower goes first.
        mock.respond_with(answer)
            .with_priority(self.later.fetch_sub(1, Ordering::Relaxed))
            .mount(&self.server)
            .await;
    }

    pub(crate) async fn ask(&self) -> Result<Rate, RateError> {
        self.rates.rate(Currency::USD, self.now).await
    }

    /// Price in minor units, and who said it.
    pub(crate) async fn told(&self) -> (u64, String) {
        let rate = self.ask().await.unwrap();
        assert_eq!(rate.currency, Currency::USD);
        (rate.per_bitcoin, rate.source)
    }

    /// Why nobody is believed: who failed, and how.
    pub(crate) async fn failed(&self) -> Vec<(String, String)> {
        let error = self.ask().await.unwrap_err();
        assert_eq!(error.currency, Currency::USD);
        error.failed
    }

    pub(crate) fn wait(&mut self, by: SignedDuration) {
        self.now = self.now.checked_add(by).unwrap();
    }

    /// The paths that were asked, in order.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let paths = requests.iter().map(|one| one.url.path().to_owned());
        paths.collect()
    }
}
