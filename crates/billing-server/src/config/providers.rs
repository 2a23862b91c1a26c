//! The accounts at providers that move money: how they are told of.
//!
//! A provider is on where anything of it is said; then what it cannot do without
//! must be said as well. A program built without it cannot be asked for it.

use std::collections::BTreeSet;
use std::time::Duration;

use billing_domain::money::{Currency, Money};
use billing_rates::Source;
use secrecy::SecretString;
use url::Url;

use super::built::Built;
use super::keys::keys_of;
use super::reader::Reader;
use super::values::{duration, public_url};

/// The name of a deployment that has not been given one.
const DEFAULT_OPERATOR: &str = "billing";

/// Longest `operator`, in characters: the name is in every object of ours.
const MAX_OPERATOR: usize = 100;

/// Most secrets of one kind: two while one is rotated, and one more that was forgotten.
const MAX_SECRETS: usize = 3;

/// Shortest key of notes at Paddle, in characters. Whoever pays can read a note with its
/// seal in the browser, and try keys on it for years.
const MIN_NOTE_KEY: usize = 32;

/// What `btcpay.rate_sources` says where nobody is to be asked.
const NO_SOURCES: &str = "none";

/// How far off a webhook of Paddle's may be told to be: what Paddle's own libraries take
/// is 5 seconds, and beyond minutes it is a clock that is wrong, and to be set right.
const TOLERANCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// How long a checkout at BTCPay can be paid: a wallet has to be opened, and nothing
/// here outlives a checkout of ours.
const CHECKOUT_LIVES: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(24));

/// How long a renewal there can be paid: a mail has to be read, and a rate of a month
/// ago is nobody's price.
const INVOICE_LIVES: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(720));

/// A Stripe account.
#[derive(Debug, Clone)]
pub struct StripeConfig {
    /// The secret or restricted key.
    pub secret_key: SecretString,
    /// The signing secrets of the webhook endpoint.
    pub webhook_secrets: Vec<SecretString>,
    /// Where Stripe is reached. `None`: where it is.
    pub base_url: Option<Url>,
    /// The portal configuration. `None`: the account's default.
    pub portal_configuration: Option<String>,
    /// How subscriptions are paused.
    pub pause: StripePause,
    /// What a trial asks of the buyer.
    pub trial: StripeTrial,
}

/// How subscriptions at Stripe are paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StripePause {
    /// Their collection is paused.
    #[default]
    Collection,
    /// They are paused themselves.
    Subscription,
}

/// What a trial at Stripe asks of the buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeTrial {
    /// A payment method, before it begins.
    MethodFirst,
    /// Nothing; this happens at its end where there is none by then.
    MethodLater(MissingMethod),
}

/// What becomes of a trial that ends without a payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingMethod {
    /// It is canceled.
    Cancel,
    /// It is invoiced, and past due.
    Invoice,
    /// It is paused.
    Pause,
}

/// A Paddle account.
#[derive(Debug, Clone)]
pub struct PaddleConfig {
    /// The API key.
    pub api_key: SecretString,
    /// The secrets of the notification destinations.
    pub webhook_secrets: Vec<SecretString>,
    /// Keys of this deployment's own that seal its notes at Paddle, the newest first.
    /// Empty: the API key and the webhook secrets do so alone.
    pub note_keys: Vec<SecretString>,
    /// Where Paddle is reached. `None`: where the key says.
    pub base_url: Option<Url>,
    /// The page that opens Paddle's checkout. `None`: this server's, where there is
    /// a client token, else the account's default payment link.
    pub checkout_url: Option<Url>,
    /// What this server's page names the account with to Paddle's script. Public.
    /// `None`: there is no such page.
    pub client_token: Option<String>,
    /// How far a webhook's signature may be from its arrival, either way. `None`: 30
    /// seconds.
    pub webhook_tolerance: Option<Duration>,
}

/// A BTCPay store.
#[derive(Debug, Clone)]
pub struct BtcPayConfig {
    /// The API key.
    pub api_key: SecretString,
    /// The secrets of the store's webhook.
    pub webhook_secrets: Vec<SecretString>,
    /// Where the instance is.
    pub base_url: Url,
    /// The store's id.
    pub store_id: String,
    /// How many confirmations settle a payment. `None`: as the store is set.
    pub speed: Option<BtcPaySpeed>,
    /// How long a checkout can be paid at its rate. `None`: the adapter's default.
    pub checkout_lifetime: Option<Duration>,
    /// How long a renewal can be paid at its rate. `None`: the adapter's default.
    pub invoice_lifetime: Option<Duration>,
    /// What a bitcoin costs, each in another currency, above zero. They win over
    /// every source of rates.
    pub rate_pins: Vec<Money>,
    /// Who is asked for the rates of other currencies, in order, each once. Empty:
    /// nobody.
    pub rate_sources: Vec<Source>,
    /// Where Kraken is asked. `None`: where it is.
    pub kraken_url: Option<Url>,
    /// Where Coinbase is asked. `None`: where it is.
    pub coinbase_url: Option<Url>,
    /// Where `CoinGecko` is asked. `None`: where it is.
    pub coingecko_url: Option<Url>,
}

/// How many confirmations settle a payment at BTCPay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BtcPaySpeed {
    /// None.
    High,
    /// One.
    Medium,
    /// Two.
    LowMedium,
    /// Six.
    Low,
}

pub(super) fn operator(reader: &mut Reader<'_>) -> String {
    let expected = "a name of 1 to 100 letters, digits, '-', '_' and '.'";
    let named = reader.value("operator", expected, |text| {
        let fits = (1..=MAX_OPERATOR).contains(&text.len());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        (fits && text.bytes().all(plain)).then(|| text.to_owned())
    });
    named.unwrap_or_else(|| DEFAULT_OPERATOR.to_owned())
}

/// What each key of `section` must be, unless the program was built with `feature`.
pub(super) fn built_without(reader: &mut Reader<'_>, section: &str, feature: &str) {
    let expected =
        format!("nothing, since this program was built without it (cargo feature `{feature}`)");
    for key in keys_of(section) {
        let _noted = reader.hidden_value(key, &expected, |_| None::<()>);
    }
}

pub(super) fn stripe(reader: &mut Reader<'_>, built: Built) -> Option<StripeConfig> {
    if !built.stripe {
        built_without(reader, "stripe", "stripe");
        return None;
    }
    if !keys_of("stripe").any(|key| reader.says(key)) {
        return None;
    }
    let key = "a secret or restricted key: sk_live_…, sk_test_…, rk_live_… or rk_test_…";
    let secret_key = secret(reader, "stripe.secret_key", key);
    let webhook_secrets = secrets(
        reader,
        "stripe.webhook_secrets",
        "the signing secret of the webhook endpoint, whsec_…; several apart by commas",
    );
    let base_url = reader.value("stripe.base_url", "an http or https address", public_url);
    let portal_configuration = reader.value(
        "stripe.portal_configuration",
        "the id of a portal configuration, bpc_…",
        |text| text.starts_with("bpc_").then(|| text.to_owned()),
    );
    let pause = reader.value(
        "stripe.pause",
        "collection or subscription",
        |text| match text {
            "collection" => Some(StripePause::Collection),
            "subscription" => Some(StripePause::Subscription),
            _ => None,
        },
    );
    let trial = reader.value(
        "stripe.trial",
        "method-first, or what becomes of a trial without a payment method: cancel, invoice or pause",
        |text| match text {
            "method-first" => Some(StripeTrial::MethodFirst),
            "cancel" => Some(StripeTrial::MethodLater(MissingMethod::Cancel)),
            "invoice" => Some(StripeTrial::MethodLater(MissingMethod::Invoice)),
            "pause" => Some(StripeTrial::MethodLater(MissingMethod::Pause)),
            _ => None,
        },
    );
    Some(StripeConfig {
        secret_key: secret_key?,
        webhook_secrets: webhook_secrets?,
        base_url,
        portal_configuration,
        pause: pause.unwrap_or_default(),
        trial: trial.unwrap_or(StripeTrial::MethodLater(MissingMethod::Cancel)),
    })
}

pub(super) fn paddle(reader: &mut Reader<'_>, built: Built) -> Option<PaddleConfig> {
    if !built.paddle {
        built_without(reader, "paddle", "paddle");
        return None;
    }
    if !keys_of("paddle").any(|key| reader.says(key)) {
        return None;
    }
    let api_key = secret(
        reader,
        "paddle.api_key",
        "an API key: pdl_live_apikey_… or pdl_sdbx_apikey_…",
    );
    let webhook_secrets = secrets(
        reader,
        "paddle.webhook_secrets",
        "the secret of the notification destination, pdl_ntfset_…; several apart by commas",
    );
    let note_keys = reader.hidden_value(
        "paddle.note_keys",
        "a key of at least 32 random characters; several apart by commas",
        |text| listed(text, MIN_NOTE_KEY),
    );
    let address = "an http or https address";
    let base_url = reader.value("paddle.base_url", address, public_url);
    let checkout_url = reader.value("paddle.checkout_url", address, public_url);
    // Public, and shown all the same as little as the key that may be pasted here.
    let client_token = reader.hidden_value(
        "paddle.client_token",
        "a client-side token: live_… or test_…",
        |text| {
            let kind = text.starts_with("live_") || text.starts_with("test_");
            let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            (kind && plain).then(|| text.to_owned())
        },
    );
    let tolerance = "a time from 1s to 5m";
    let webhook_tolerance = duration(reader, "paddle.webhook_tolerance", tolerance, TOLERANCE);
    Some(PaddleConfig {
        api_key: api_key?,
        webhook_secrets: webhook_secrets?,
        note_keys: note_keys.unwrap_or_default(),
        base_url,
        checkout_url,
        client_token,
        webhook_tolerance,
    })
}

pub(super) fn btcpay(reader: &mut Reader<'_>, built: Built) -> Option<BtcPayConfig> {
    if !built.btcpay {
        built_without(reader, "btcpay", "btcpay");
        return None;
    }
    if !keys_of("btcpay").any(|key| reader.says(key)) {
        return None;
    }
    let api_key = secret(reader, "btcpay.api_key", "an API key of the store");
    let webhook_secrets = secrets(
        reader,
        "btcpay.webhook_secrets",
        "the secret of the store's webhook; several apart by commas",
    );
    let address = "an http or https address";
    reader.require("btcpay.base_url", address);
    let base_url = reader.value("btcpay.base_url", address, public_url);
    let store = "the id of a store, of letters and digits";
    reader.require("btcpay.store_id", store);
    let store_id = reader.value("btcpay.store_id", store, |text| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
        plain.then(|| text.to_owned())
    });
    let speeds = "high, medium, low-medium or low";
    let speed = reader.value("btcpay.speed", speeds, |text| match text {
        "high" => Some(BtcPaySpeed::High),
        "medium" => Some(BtcPaySpeed::Medium),
        "low-medium" => Some(BtcPaySpeed::LowMedium),
        "low" => Some(BtcPaySpeed::Low),
        _ => None,
    });
    let lives = "a time from 1m to 24h";
    let checkout_lifetime = duration(reader, "btcpay.checkout_lifetime", lives, CHECKOUT_LIVES);
    let lives = "a time from 1h to 720h";
    let invoice_lifetime = duration(reader, "btcpay.invoice_lifetime", lives, INVOICE_LIVES);
    let pins = "what a bitcoin costs, such as usd=64000.00; several apart by commas";
    let rate_pins = reader.value("btcpay.rate_pins", pins, rate_pins);
    let sources = "who is asked for rates, in order and each once: btcpay, kraken, coinbase or \
                   coingecko, apart by commas; or none";
    let rate_sources = reader.value("btcpay.rate_sources", sources, rate_sources);
    let kraken_url = reader.value("btcpay.kraken_url", address, public_url);
    let coinbase_url = reader.value("btcpay.coinbase_url", address, public_url);
    let coingecko_url = reader.value("btcpay.coingecko_url", address, public_url);
    Some(BtcPayConfig {
        api_key: api_key?,
        webhook_secrets: webhook_secrets?,
        base_url: base_url?,
        store_id: store_id?,
        speed,
        checkout_lifetime,
        invoice_lifetime,
        rate_pins: rate_pins.unwrap_or_default(),
        rate_sources: rate_sources.unwrap_or_else(|| Source::ALL.to_vec()),
        kraken_url,
        coinbase_url,
        coingecko_url,
    })
}

/// What a bitcoin costs, in several currencies.
fn rate_pins(text: &str) -> Option<Vec<Money>> {
    let pin = |one: &str| {
        let (currency, price) = one.split_once('=')?;
        let currency: Currency = currency.trim().parse().ok()?;
        let price = Money::parse_decimal(price.trim(), currency).ok()?;
        (price.amount > 0 && currency != Currency::SAT).then_some(price)
    };
    let pins: Vec<Money> = text.split(',').map(pin).collect::<Option<_>>()?;
    let mut seen = BTreeSet::new();
    pins.iter()
        .all(|pin| seen.insert(pin.currency))
        .then_some(pins)
}

/// Who is asked for rates, in order.
fn rate_sources(text: &str) -> Option<Vec<Source>> {
    if text.trim() == NO_SOURCES {
        return Some(Vec::new());
    }
    let one = |one: &str| one.trim().parse().ok();
    let sources: Vec<Source> = text.split(',').map(one).collect::<Option<_>>()?;
    let mut seen = BTreeSet::new();
    sources
        .iter()
        .all(|source| seen.insert(*source))
        .then_some(sources)
}

/// Whether anything is said of a provider that moves money.
pub(super) fn any_is_said(reader: &Reader<'_>) -> bool {
    let mut keys = ["stripe", "paddle", "btcpay"].into_iter().flat_map(keys_of);
    keys.any(|key| reader.says(key))
}

pub(super) fn secret(reader: &mut Reader<'_>, key: &str, expected: &str) -> Option<SecretString> {
    reader.require(key, expected);
    reader.hidden_value(key, expected, |text| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        plain.then(|| SecretString::from(text.to_owned()))
    })
}

/// One secret, or several while one is rotated.
fn secrets(reader: &mut Reader<'_>, key: &str, expected: &str) -> Option<Vec<SecretString>> {
    reader.require(key, expected);
    reader.hidden_value(key, expected, |text| listed(text, 1))
}

/// Secrets apart by commas, each at least so long. `None`: some is none.
fn listed(text: &str, shortest: usize) -> Option<Vec<SecretString>> {
    let each: Vec<&str> = text.split(',').map(str::trim).collect();
    let plain = |one: &&str| one.len() >= shortest && one.bytes().all(|b| b.is_ascii_graphic());
    let fit = each.len() <= MAX_SECRETS && each.iter().all(plain);
    let owned = |one: &str| SecretString::from(one.to_owned());
    fit.then(|| each.into_iter().map(owned).collect())
}
