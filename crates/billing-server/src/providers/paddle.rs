//! Paddle, as it is configured.

use std::sync::Arc;

use billing_paddle::{Paddle, PaddleDecoder, PaddleOptions};
use url::Url;

use super::{client, main_account, unusable, webhook_url};
use crate::config::PaddleConfig;
use crate::wiring::{Attached, WiringError};

const NAME: &str = "paddle";

pub(super) fn attach(
    told: &PaddleConfig,
    operator: &str,
    public_url: &str,
) -> Result<Attached, WiringError> {
    let account = main_account(NAME)?;
    let mut options = PaddleOptions::new(account, told.api_key.clone(), operator.to_owned());
    options.webhook_secrets.clone_from(&told.webhook_secrets);
    options.base_url.clone_from(&told.base_url);
    options.checkout_url.clone_from(&told.checkout_url);
    let webhooks = Url::parse(&webhook_url(public_url, NAME));
    options.webhook_url = Some(webhooks.map_err(|error| unusable(NAME, &error))?);
    let decoder = PaddleDecoder::new(&options);
    let provider = Paddle::new(&options, client(NAME)?).map_err(|error| unusable(NAME, &error))?;
    Ok(Attached {
        provider: Arc::new(provider),
        decoder: Arc::new(decoder),
    })
}
