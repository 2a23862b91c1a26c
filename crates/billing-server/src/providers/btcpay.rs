//! BTCPay, as it is configured.

use std::sync::Arc;
use std::time::Duration;

use billing_btcpay::{BtcPay, BtcPayDecoder, BtcPayOptions, SpeedPolicy};
use billing_ports::Clock;
use billing_ports::rate::Rate;
use billing_rates::{BtcPayStore, Rates, RatesOptions, Source};
use jiff::SignedDuration;
use url::Url;

use super::{client, main_account, unusable, webhook_url};
use crate::config::{BtcPayConfig, BtcPaySpeed};
use crate::wiring::{Attached, WiringError};

const NAME: &str = "btcpay";

pub(super) fn attach(
    told: &BtcPayConfig,
    operator: &str,
    public_url: &str,
    clock: &Arc<dyn Clock>,
    remembered: Vec<Rate>,
) -> Result<Attached, WiringError> {
    let mut options = BtcPayOptions::new(
        main_account(NAME)?,
        told.base_url.clone(),
        told.api_key.clone(),
        told.store_id.clone(),
        operator.to_owned(),
    );
    options.webhook_secrets.clone_from(&told.webhook_secrets);
    options.speed_policy = told.speed.map(|speed| match speed {
        BtcPaySpeed::High => SpeedPolicy::High,
        BtcPaySpeed::Medium => SpeedPolicy::Medium,
        BtcPaySpeed::LowMedium => SpeedPolicy::LowMedium,
        BtcPaySpeed::Low => SpeedPolicy::Low,
    });
    if let Some(lives) = told.checkout_lifetime {
        options.checkout_lifetime = signed(lives);
    }
    if let Some(lives) = told.invoice_lifetime {
        options.invoice_lifetime = signed(lives);
    }
    let webhooks = Url::parse(&webhook_url(public_url, NAME));
    options.webhook_url = Some(webhooks.map_err(|error| unusable(NAME, &error))?);
    options.tells_rates = told.rate_sources.contains(&Source::BtcPay);
    let rates = RatesOptions {
        remembered,
        ..rates(told)?
    };
    let rates = Rates::new(rates, client(NAME)?).map_err(|error| unusable(NAME, &error))?;
    let rates = Arc::new(rates);
    let decoder = BtcPayDecoder::new(&options);
    let provider = BtcPay::new(&options, client(NAME)?, rates, Arc::clone(clock))
        .map_err(|error| unusable(NAME, &error))?;
    Ok(Attached {
        provider: Arc::new(provider),
        decoder: Arc::new(decoder),
    })
}

fn signed(lives: Duration) -> SignedDuration {
    SignedDuration::try_from(lives).unwrap_or(SignedDuration::MAX)
}

/// Pins, the store's own rates, and the public ones.
fn rates(told: &BtcPayConfig) -> Result<RatesOptions, WiringError> {
    let store = BtcPayStore {
        base_url: told.base_url.clone(),
        store_id: told.store_id.clone(),
        api_key: told.api_key.clone(),
    };
    let mut options = RatesOptions::new(Some(store)).map_err(|error| unusable(NAME, &error))?;
    options.order.clone_from(&told.rate_sources);
    options.pins.clone_from(&told.rate_pins);
    let addresses = [
        (&mut options.kraken_url, &told.kraken_url),
        (&mut options.coinbase_url, &told.coinbase_url),
        (&mut options.coingecko_url, &told.coingecko_url),
    ];
    for (address, told) in addresses {
        if let Some(told) = told {
            address.clone_from(told);
        }
    }
    Ok(options)
}
