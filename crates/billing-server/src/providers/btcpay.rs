//! BTCPay, as it is configured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use billing_btcpay::{BtcPay, BtcPayDecoder, BtcPayOptions, SpeedPolicy};
use billing_domain::money::{Currency, Money};
use billing_domain::time::Timestamp;
use billing_ports::{Clock, Rate, RateError, RateSource};
use jiff::SignedDuration;
use url::Url;

use super::{client, main_account, unusable, webhook_url};
use crate::config::{BtcPayConfig, BtcPaySpeed};
use crate::wiring::{Attached, WiringError};

const NAME: &str = "btcpay";

/// What a pinned rate is called where it is kept.
const PIN: &str = "pin";

pub(super) fn attach(
    told: &BtcPayConfig,
    operator: &str,
    public_url: &str,
    clock: &Arc<dyn Clock>,
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
    let rates = Arc::new(Pins::new(&told.rate_pins));
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

/// What an operator says that a bitcoin costs.
#[derive(Debug)]
struct Pins(BTreeMap<Currency, u64>);

impl Pins {
    fn new(pins: &[Money]) -> Self {
        let pins = pins.iter();
        let pins = pins.filter_map(|pin| Some((pin.currency, u64::try_from(pin.amount).ok()?)));
        Self(pins.collect())
    }
}

#[async_trait]
impl RateSource for Pins {
    async fn rate(&self, currency: Currency, now: Timestamp) -> Result<Rate, RateError> {
        let pinned = self.0.get(&currency).copied().filter(|price| *price > 0);
        let missing = || RateError {
            currency,
            failed: vec![(PIN.to_owned(), "none is set".to_owned())],
        };
        let per_bitcoin = pinned.ok_or_else(missing)?;
        Ok(Rate {
            currency,
            per_bitcoin,
            source: PIN.to_owned(),
            at: now,
        })
    }
}
