//! Stripe, as it is configured.

use std::sync::Arc;

use billing_ports::Clock;
use billing_stripe::{MissingMethod, PauseStyle, Stripe, StripeDecoder, StripeOptions, TrialStyle};

use super::{client, main_account, unusable, webhook_url};
use crate::config::{self, StripeConfig, StripePause, StripeTrial};
use crate::wiring::{Attached, WiringError};

const NAME: &str = "stripe";

pub(super) fn attach(
    told: &StripeConfig,
    operator: &str,
    public_url: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Attached, WiringError> {
    let account = main_account(NAME)?;
    let options = StripeOptions::new(
        account,
        told.secret_key.clone(),
        told.webhook_secrets.clone(),
        operator.to_owned(),
    );
    let mut options = options.map_err(|error| unusable(NAME, &error))?;
    if let Some(base_url) = &told.base_url {
        options.base_url = base_url.clone();
    }
    options.webhook_url = Some(webhook_url(public_url, NAME));
    options
        .portal_configuration
        .clone_from(&told.portal_configuration);
    options.pause = match told.pause {
        StripePause::Collection => PauseStyle::Collection,
        StripePause::Subscription => PauseStyle::Subscription,
    };
    options.trial = match told.trial {
        StripeTrial::MethodFirst => TrialStyle::MethodFirst,
        StripeTrial::MethodLater(missing) => TrialStyle::MethodLater(match missing {
            config::MissingMethod::Cancel => MissingMethod::Cancel,
            config::MissingMethod::Invoice => MissingMethod::CreateInvoice,
            config::MissingMethod::Pause => MissingMethod::Pause,
        }),
    };
    let decoder = StripeDecoder::new(&options).map_err(|error| unusable(NAME, &error))?;
    let provider = Stripe::new(options, client(NAME)?, Arc::clone(clock));
    Ok(Attached {
        provider: Arc::new(provider.map_err(|error| unusable(NAME, &error))?),
        decoder: Arc::new(decoder),
    })
}
