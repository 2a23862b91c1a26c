//! The sources: where each is asked, and how its answer is read. Knows no network.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use billing_domain::money::Currency;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::options::RatesOptions;

/// Somebody who says what a bitcoin costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The BTCPay Server that is paid through, by the rules of its store.
    BtcPay,
    /// The exchange Kraken: the price of its last trade.
    Kraken,
    /// The exchange Coinbase: its spot price.
    Coinbase,
    /// `CoinGecko`: an average over exchanges.
    CoinGecko,
}

/// A text that names no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown source of rates (expected btcpay, kraken, coinbase or coingecko)")]
pub struct UnknownSource;

impl Source {
    /// All of them, in the order that is asked where nobody chooses another: the
    /// store's own rate first, so that its invoices and ours agree.
    pub const ALL: [Self; 4] = [Self::BtcPay, Self::Kraken, Self::Coinbase, Self::CoinGecko];

    /// Its name in settings, records and errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BtcPay => "btcpay",
            Self::Kraken => "kraken",
            Self::Coinbase => "coinbase",
            Self::CoinGecko => "coingecko",
        }
    }

    /// What it is asked. `None`: it is not set up.
    pub(crate) fn url(self, options: &RatesOptions, currency: Currency) -> Option<Url> {
        let code = upper(currency);
        let (base, path, query) = match self {
            Self::BtcPay => {
                let store = options.btcpay.as_ref()?;
                let path = ["api", "v1", "stores", &store.store_id, "rates"];
                let query = vec![("currencyPair", format!("BTC_{code}"))];
                return below(&store.base_url, &path, &query);
            }
            Self::Kraken => (
                &options.kraken_url,
                vec!["0", "public", "Ticker"],
                vec![("pair", format!("XBT{code}"))],
            ),
            Self::Coinbase => {
                let pair = format!("BTC-{code}");
                let path = ["v2", "prices", &pair, "spot"];
                return below(&options.coinbase_url, &path, &[]);
            }
            Self::CoinGecko => (
                &options.coingecko_url,
                vec!["api", "v3", "simple", "price"],
                vec![
                    ("ids", "bitcoin".to_owned()),
                    ("vs_currencies", currency.code().to_owned()),
                    ("precision", "full".to_owned()),
                ],
            ),
        };
        below(base, &path, &query)
    }

    /// The price in an answer, digit by digit.
    pub(crate) fn read(self, body: &[u8], currency: Currency) -> Result<String, ReadError> {
        match self {
            Self::BtcPay => btcpay(body, currency),
            Self::Kraken => kraken(body, currency),
            Self::Coinbase => coinbase(body, currency),
            Self::CoinGecko => coingecko(body, currency),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let mut all = Self::ALL.into_iter();
        all.find(|source| source.name() == text)
            .ok_or(UnknownSource)
    }
}

/// Why no price is in an answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is not in the shape of the source.
    #[error("answered something else than a rate")]
    Shape,
    /// It says that it does not know.
    #[error("does not know it")]
    Unknown,
    /// It is about something else.
    #[error("answered about another pair")]
    OtherPair,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoreRate {
    currency_pair: String,
    #[serde(default)]
    errors: Option<Vec<String>>,
    #[serde(default)]
    rate: Option<Box<RawValue>>,
}

fn btcpay(body: &[u8], currency: Currency) -> Result<String, ReadError> {
    let rates: Vec<StoreRate> = parse(body)?;
    let pair = format!("BTC_{}", upper(currency));
    let mut rates = rates.into_iter();
    let rate = rates.find(|one| one.currency_pair == pair);
    let rate = rate.ok_or(ReadError::OtherPair)?;
    if rate.errors.is_some_and(|errors| !errors.is_empty()) {
        return Err(ReadError::Unknown);
    }
    text(&rate.rate.ok_or(ReadError::Unknown)?)
}

#[derive(Deserialize)]
struct Tickers {
    #[serde(default)]
    error: Vec<String>,
    #[serde(default)]
    result: BTreeMap<String, Ticker>,
}

#[derive(Deserialize)]
struct Ticker {
    /// The last trade: price, then volume.
    c: Vec<Box<RawValue>>,
}

fn kraken(body: &[u8], currency: Currency) -> Result<String, ReadError> {
    let Tickers { error, result } = parse(body)?;
    // Those that begin with W are warnings.
    if error.iter().any(|error| error.starts_with('E')) {
        return Err(ReadError::Unknown);
    }
    // Older pairs bear the exchange's own prefixes, newer ones do not.
    let code = upper(currency);
    let names = [format!("XXBTZ{code}"), format!("XBT{code}")];
    let ticker = names.iter().find_map(|name| result.get(name));
    let ticker = ticker.ok_or(ReadError::OtherPair)?;
    text(ticker.c.first().ok_or(ReadError::Shape)?)
}

#[derive(Deserialize)]
struct Spot {
    data: SpotPrice,
}

#[derive(Deserialize)]
struct SpotPrice {
    amount: Box<RawValue>,
    base: String,
    currency: String,
}

fn coinbase(body: &[u8], currency: Currency) -> Result<String, ReadError> {
    let Spot { data } = parse(body)?;
    if data.base != "BTC" || data.currency != upper(currency) {
        return Err(ReadError::OtherPair);
    }
    text(&data.amount)
}

fn coingecko(body: &[u8], currency: Currency) -> Result<String, ReadError> {
    let coins: BTreeMap<String, BTreeMap<String, Box<RawValue>>> = parse(body)?;
    let bitcoin = coins.get("bitcoin").ok_or(ReadError::OtherPair)?;
    text(bitcoin.get(currency.code()).ok_or(ReadError::OtherPair)?)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ReadError> {
    serde_json::from_slice(body).map_err(|_other_shape| ReadError::Shape)
}

/// A number as it stands, or what a text says.
fn text(raw: &RawValue) -> Result<String, ReadError> {
    let raw = raw.get();
    match raw.bytes().next() {
        Some(b'"') => serde_json::from_str(raw).map_err(|_no_text| ReadError::Shape),
        Some(b'-' | b'0'..=b'9') => Ok(raw.to_owned()),
        Some(b'n') => Err(ReadError::Unknown),
        _ => Err(ReadError::Shape),
    }
}

fn upper(currency: Currency) -> String {
    currency.code().to_ascii_uppercase()
}

/// An address below another one, which may have a path of its own. `None`: there
/// can be nothing below it.
fn below(base: &Url, path: &[&str], query: &[(&str, String)]) -> Option<Url> {
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_and_read_back() {
        for source in Source::ALL {
            assert_eq!(source.name().parse(), Ok(source));
        }
        assert_eq!("mtgox".parse::<Source>(), Err(UnknownSource));
    }

    #[test]
    fn numbers_keep_their_digits_and_texts_lose_their_quotes() {
        let read = |body: &str| Source::CoinGecko.read(body.as_bytes(), Currency::USD);
        let number = r#"{"bitcoin":{"usd":9007199254740993.12345678901}}"#;
        assert_eq!(read(number), Ok("9007199254740993.12345678901".to_owned()));
        let text = r#"{"bitcoin":{"usd":"67000.15"}}"#;
        assert_eq!(read(text), Ok("67000.15".to_owned()));
        assert_eq!(read(r#"{"bitcoin":{"usd":null}}"#), Err(ReadError::Unknown));
        assert_eq!(read(r#"{"bitcoin":{"usd":[1]}}"#), Err(ReadError::Shape));
        assert_eq!(read("<html>"), Err(ReadError::Shape));
    }

    #[test]
    fn an_instance_below_a_path_stays_below_it() {
        let base: Url = "https://shop.example.com/btcpay/".parse().unwrap();
        let url = below(&base, &["api", "v1"], &[("a", "b c".to_owned())]).unwrap();
        assert_eq!(url.as_str(), "https://shop.example.com/btcpay/api/v1?a=b+c");
    }
}
