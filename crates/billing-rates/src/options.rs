//! The settings: which sources in which order, and pins. Knows no file format.

use std::fmt;
use std::time::Duration;

use billing_domain::money::Money;
use billing_ports::rate::Rate;
use secrecy::SecretString;
use url::Url;

use crate::TIME_LIMIT;
use crate::source::Source;

/// Where Kraken is asked.
const KRAKEN: &str = "https://api.kraken.com/";
/// Where Coinbase is asked.
const COINBASE: &str = "https://api.coinbase.com/";
/// Where `CoinGecko` is asked.
const COINGECKO: &str = "https://api.coingecko.com/";

/// How rates are found.
#[derive(Debug, Clone)]
pub struct RatesOptions {
    /// Who is asked, in order. Empty: nobody; only pins count then.
    pub order: Vec<Source>,
    /// What one bitcoin costs by the operator's own word, at most once for each
    /// currency. Nobody is asked about those.
    pub pins: Vec<Money>,
    /// The store whose rates [`Source::BtcPay`] tells. `None`: it is not asked.
    pub btcpay: Option<BtcPayStore>,
    /// Where [`Source::Kraken`] is asked.
    pub kraken_url: Url,
    /// Where [`Source::Coinbase`] is asked.
    pub coinbase_url: Url,
    /// Where [`Source::CoinGecko`] is asked.
    pub coingecko_url: Url,
    /// Rates that were believed before, such as those on the newest invoices: the
    /// newest of each currency is what the first answers are held against.
    pub remembered: Vec<Rate>,
    /// How long one source may take; [`TIME_LIMIT`] unless somebody knows better.
    pub time_limit: Duration,
}

/// A store of a BTCPay Server.
#[derive(Clone)]
pub struct BtcPayStore {
    /// The server.
    pub base_url: Url,
    /// The store.
    pub store_id: String,
    /// A key that may view the store's settings.
    pub api_key: SecretString,
}

impl fmt::Debug for BtcPayStore {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BtcPayStore")
            .field("host", &self.base_url.host_str())
            .field("store_id", &self.store_id)
            .finish_non_exhaustive()
    }
}

impl RatesOptions {
    /// The public sources in [`Source::ALL`]'s order, and the store before them
    /// where there is one.
    ///
    /// # Errors
    ///
    /// [`OptionsError::Address`] when a source's own address is no URL.
    pub fn new(btcpay: Option<BtcPayStore>) -> Result<Self, OptionsError> {
        let asked = |source: &Source| *source != Source::BtcPay || btcpay.is_some();
        Ok(Self {
            order: Source::ALL.into_iter().filter(asked).collect(),
            pins: Vec::new(),
            btcpay,
            kraken_url: KRAKEN.parse()?,
            coinbase_url: COINBASE.parse()?,
            coingecko_url: COINGECKO.parse()?,
            remembered: Vec::new(),
            time_limit: TIME_LIMIT,
        })
    }

    /// Says what is wrong with them.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        for (place, pin) in self.pins.iter().enumerate() {
            if pin.amount <= 0 {
                return Err(OptionsError::PinNotAbove(pin.currency.code().to_owned()));
            }
            let mut before = self.pins.iter().take(place);
            if before.any(|other| other.currency == pin.currency) {
                return Err(OptionsError::PinTwice(pin.currency.code().to_owned()));
            }
        }
        for (place, source) in self.order.iter().enumerate() {
            if self.order.iter().take(place).any(|other| other == source) {
                return Err(OptionsError::SourceTwice(*source));
            }
        }
        if self.order.contains(&Source::BtcPay) && self.btcpay.is_none() {
            return Err(OptionsError::NoStore);
        }
        Ok(())
    }
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A pin is zero or below.
    #[error("pin the rate of {0} at or below zero")]
    PinNotAbove(String),
    /// A currency has two pins.
    #[error("pin the rate of {0} twice")]
    PinTwice(String),
    /// A source is in the order twice.
    #[error("ask {0} for rates twice")]
    SourceTwice(Source),
    /// The store is to be asked, and there is none.
    #[error("ask btcpay for rates without a store")]
    NoStore,
    /// An address is no URL.
    #[error("read the address of a source of rates")]
    Address(#[from] url::ParseError),
}
