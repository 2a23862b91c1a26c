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
    let options = options(told, operator, public_url)?;
    let decoder = PaddleDecoder::new(&options);
    let provider = Paddle::new(&options, client(NAME)?, Arc::clone(clock))
        .map_err(|error| unusable(NAME, &error))?;
    Ok(Attached {
        provider: Arc::new(provider),
        decoder: Arc::new(decoder),
    })
}

fn options(
    told: &PaddleConfig,
    operator: &str,
    public_url: &str,
) -> Result<PaddleOptions, WiringError> {
    let account = main_account(NAME)?;
    let mut options = PaddleOptions::new(account, told.api_key.clone(), operator.to_owned());
    options.webhook_secrets.clone_from(&told.webhook_secrets);
    options.note_keys.clone_from(&told.note_keys);
    options.base_url.clone_from(&told.base_url);
    options.checkout_url = checkout_url(told, public_url)?;
    if let Some(tolerance) = told.webhook_tolerance {
        options.tolerance = SignedDuration::try_from(tolerance).unwrap_or(DEFAULT_TOLERANCE);
    }
    let webhooks = Url::parse(&webhook_url(public_url, NAME));
    options.webhook_url = Some(webhooks.map_err(|error| unusable(NAME, &error))?);
    Ok(options)
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

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret, SecretString};

    use super::*;

    #[test]
    fn every_key_that_is_configured_reaches_the_adapter() {
        let secrets = |these: &[&str]| -> Vec<SecretString> {
            these.iter().map(|it| SecretString::from(*it)).collect()
        };
        let told = PaddleConfig {
            api_key: SecretString::from("pdl_sdbx_apikey_one"),
            webhook_secrets: secrets(&["new", "old"]),
            note_keys: secrets(&["newest", "oldest"]),
            base_url: None,
            checkout_url: None,
            client_token: None,
            webhook_tolerance: None,
        };
        let options = options(&told, "acme", "https://billing.example.com").unwrap();
        let shown = |these: &[SecretString]| -> Vec<String> {
            let shown = these.iter().map(ExposeSecret::expose_secret);
            shown.map(str::to_owned).collect()
        };
        assert_eq!(options.api_key.expose_secret(), "pdl_sdbx_apikey_one");
        assert_eq!(shown(&options.webhook_secrets), ["new", "old"]);
        assert_eq!(shown(&options.note_keys), ["newest", "oldest"]);
    }
}
