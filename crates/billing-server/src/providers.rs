//! The providers that move money, as this server is built: the only place that
//! asks whether it was built with them (cargo features `stripe`,
//! `paddle` and `btcpay`).
//!
//! A configuration that asks for one that is not there has been refused before.

#[cfg(feature = "btcpay")]
mod btcpay;
#[cfg(feature = "paddle")]
mod paddle;
mod remembered;
#[cfg(feature = "stripe")]
mod stripe;

use std::sync::Arc;

use billing_ports::Clock;
use billing_ports::rate::Rate;

pub(crate) use self::remembered::remembered;

use crate::config::Config;
use crate::wiring::{Attached, WiringError};

/// The Stripe account, if there is one.
#[cfg(feature = "stripe")]
pub(crate) fn stripe(
    config: &Config,
    public_url: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Attached>, WiringError> {
    let told = config.stripe.as_ref();
    told.map(|told| stripe::attach(told, &config.operator, public_url, clock))
        .transpose()
}

/// There is none: it was refused where it was configured.
#[cfg(not(feature = "stripe"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same door as where it is built in"
)]
pub(crate) fn stripe(
    _config: &Config,
    _public_url: &str,
    _clock: &Arc<dyn Clock>,
) -> Result<Option<Attached>, WiringError> {
    Ok(None)
}

/// The Paddle account, if there is one.
#[cfg(feature = "paddle")]
pub(crate) fn paddle(
    config: &Config,
    public_url: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Attached>, WiringError> {
    let told = config.paddle.as_ref();
    told.map(|told| paddle::attach(told, &config.operator, public_url, clock))
        .transpose()
}

/// There is none: it was refused where it was configured.
#[cfg(not(feature = "paddle"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same door as where it is built in"
)]
pub(crate) fn paddle(
    _config: &Config,
    _public_url: &str,
    _clock: &Arc<dyn Clock>,
) -> Result<Option<Attached>, WiringError> {
    Ok(None)
}

/// The BTCPay store, if there is one.
#[cfg(feature = "btcpay")]
pub(crate) fn btcpay(
    config: &Config,
    public_url: &str,
    clock: &Arc<dyn Clock>,
    remembered: Vec<Rate>,
) -> Result<Option<Attached>, WiringError> {
    let told = config.btcpay.as_ref();
    told.map(|told| btcpay::attach(told, &config.operator, public_url, clock, remembered))
        .transpose()
}

/// There is none: it was refused where it was configured.
#[cfg(not(feature = "btcpay"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same door as where it is built in"
)]
pub(crate) fn btcpay(
    _config: &Config,
    _public_url: &str,
    _clock: &Arc<dyn Clock>,
    _remembered: Vec<Rate>,
) -> Result<Option<Attached>, WiringError> {
    Ok(None)
}

/// The client that a provider is called with, a pool of connections each.
#[cfg(any(feature = "btcpay", feature = "paddle", feature = "stripe"))]
fn client(provider: &'static str) -> Result<billing_http::HttpClient, WiringError> {
    let client = billing_http::HttpClient::new(billing_http::HttpOptions::default());
    client.map_err(|error| unusable(provider, &error))
}

#[cfg(any(feature = "btcpay", feature = "paddle", feature = "stripe"))]
fn unusable(provider: &'static str, error: &dyn std::error::Error) -> WiringError {
    WiringError::Provider {
        provider,
        problem: error.to_string(),
    }
}

/// The account of a provider that has one here.
#[cfg(any(feature = "btcpay", feature = "paddle", feature = "stripe"))]
fn main_account(
    provider: &'static str,
) -> Result<billing_domain::provider::ProviderAccount, WiringError> {
    let key: Result<billing_domain::provider::ProviderKey, _> = provider.parse();
    key.map(billing_domain::provider::ProviderAccount::main)
        .map_err(|error| unusable(provider, &error))
}

/// Where a provider sends its webhooks.
#[cfg(any(feature = "btcpay", feature = "paddle", feature = "stripe"))]
fn webhook_url(public_url: &str, provider: &str) -> String {
    format!(
        "{}/v1/webhooks/{provider}",
        public_url.trim_end_matches('/')
    )
}
