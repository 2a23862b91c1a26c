//! Paddle, as it is configured.

use std::sync::Arc;

use billing_paddle::{DEFAULT_TOLERANCE, Mode, Paddle, PaddleDecoder, PaddleOptions};
use billing_ports::Clock;
use jiff::SignedDuration;
use url::Url;

use super::{client, main_account, unusable, webhook_url};
use crate::config::PaddleConfig;
use crate::wiring::{Attached, WiringError};

const NAME: &str = "paddle";

/// This server's page that opens Paddle's checkout.
const PAGE: &str = "/checkout/pay";

/// Token and key are of different worlds, and no checkout of the one opens in the other.
#[derive(Debug, thiserror::Error)]
#[error("open checkouts: paddle.client_token is not of the world of paddle.api_key ({})", of.as_str())]
struct ForeignToken {
    of: Mode,
}

pub(super) fn attach(
    told: &PaddleConfig,
    operator: &str,
    public_url: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Attached, WiringError> {
    let account = main_account(NAME)?;
    let mut options = PaddleOptions::new(account, told.api_key.clone(), operator.to_owned());
    options.webhook_secrets.clone_from(&told.webhook_secrets);
    options.base_url.clone_from(&told.base_url);
    options.checkout_url = checkout_url(told, public_url)?;
    if let Some(tolerance) = told.webhook_tolerance {
        options.tolerance = SignedDuration::try_from(tolerance).unwrap_or(DEFAULT_TOLERANCE);
    }
    let webhooks = Url::parse(&webhook_url(public_url, NAME));
    options.webhook_url = Some(webhooks.map_err(|error| unusable(NAME, &error))?);
    let decoder = PaddleDecoder::new(&options);
    let provider = Paddle::new(&options, client(NAME)?, Arc::clone(clock))
        .map_err(|error| unusable(NAME, &error))?;
    Ok(Attached {
        provider: Arc::new(provider),
        decoder: Arc::new(decoder),
    })
}

/// Where checkouts open. `None`: at the account's default payment link.
fn checkout_url(told: &PaddleConfig, public_url: &str) -> Result<Option<Url>, WiringError> {
    let Some(token) = &told.client_token else {
        return Ok(told.checkout_url.clone());
    };
    let named = match token.split_once('_') {
        Some(("live", _)) => Mode::Live,
        _ => Mode::Sandbox,
    };
    if let Some(of) = Mode::of_key(&told.api_key).filter(|of| *of != named) {
        return Err(unusable(NAME, &ForeignToken { of }));
    }
    if told.checkout_url.is_some() {
        return Ok(told.checkout_url.clone());
    }
    let page = format!("{}{PAGE}", public_url.trim_end_matches('/'));
    let page = Url::parse(&page).map_err(|error| unusable(NAME, &error))?;
    Ok(Some(page))
}
