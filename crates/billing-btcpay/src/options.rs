//! Settings of one BTCPay store. Knows nothing of where they come from.

use billing_domain::provider::ProviderAccount;
use jiff::SignedDuration;
use secrecy::SecretString;
use url::Url;

/// How long the page of a purchase can be paid at its rate: a buyer is at the screen,
/// may have to fetch another wallet, and the price of bitcoin moves.
pub const DEFAULT_CHECKOUT_LIFETIME: SignedDuration = SignedDuration::from_mins(60);

/// How long a renewal can be paid at its rate. Nobody is at the screen: the link is
/// mailed, and a weekend has to fit. Afterwards another is made at the rate of that day.
pub const DEFAULT_INVOICE_LIFETIME: SignedDuration = SignedDuration::from_hours(72);

/// How long a change of plan can be paid at its rate: as long as it waits for it.
pub const DEFAULT_CHANGE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// How long BTCPay goes on looking for payments of an invoice that is out of time, and
/// for confirmations of those it has seen: a transaction at a low fee may take days.
pub const DEFAULT_MONITORING: SignedDuration = SignedDuration::from_hours(72);

/// How many confirmations settle a payment on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeedPolicy {
    /// None: seen is settled. A double spend is the seller's loss.
    High,
    /// One.
    Medium,
    /// Two.
    LowMedium,
    /// Six.
    Low,
}

impl SpeedPolicy {
    /// BTCPay's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "HighSpeed",
            Self::Medium => "MediumSpeed",
            Self::LowMedium => "LowMediumSpeed",
            Self::Low => "LowSpeed",
        }
    }
}

/// Settings of one BTCPay store. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct BtcPayOptions {
    /// Which account this is.
    pub account: ProviderAccount,
    /// The API key of the Greenfield API.
    pub api_key: SecretString,
    /// The store's id.
    pub store_id: String,
    /// The secrets of the store's webhook: more than one during a rotation. Empty: no
    /// webhook is believed.
    pub webhook_secrets: Vec<SecretString>,
    /// Where the instance is, with the path it is served under, if any.
    pub base_url: Url,
    /// The deployment's name, carried through: an invoice that names another is
    /// somebody else's.
    pub operator: String,
    /// How many confirmations settle a payment. `None`: as the store is set.
    pub speed_policy: Option<SpeedPolicy>,
    /// How long the page of a purchase can be paid, in whole minutes.
    pub checkout_lifetime: SignedDuration,
    /// How long a renewal can be paid, in whole minutes.
    pub invoice_lifetime: SignedDuration,
    /// How long a change of plan can be paid, in whole minutes.
    pub change_lifetime: SignedDuration,
    /// How long payments are looked for after that, in whole minutes.
    pub monitoring: SignedDuration,
    /// Where BTCPay is to send its webhooks, for the doctor. `None`: not checked.
    pub webhook_url: Option<Url>,
    /// Whether the store's own rates are asked with this key, for the doctor: the key
    /// has to be allowed that.
    pub tells_rates: bool,
}

impl BtcPayOptions {
    /// Settings with everything optional left to its default.
    #[must_use]
    pub const fn new(
        account: ProviderAccount,
        base_url: Url,
        api_key: SecretString,
        store_id: String,
        operator: String,
    ) -> Self {
        Self {
            account,
            api_key,
            store_id,
            webhook_secrets: Vec::new(),
            base_url,
            operator,
            speed_policy: None,
            checkout_lifetime: DEFAULT_CHECKOUT_LIFETIME,
            invoice_lifetime: DEFAULT_INVOICE_LIFETIME,
            change_lifetime: DEFAULT_CHANGE_LIFETIME,
            monitoring: DEFAULT_MONITORING,
            webhook_url: None,
            tells_rates: false,
        }
    }

    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let web = matches!(self.base_url.scheme(), "http" | "https");
        if !web || self.base_url.cannot_be_a_base() {
            return Err(OptionsError::NoBase);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if self.store_id.is_empty() || !self.store_id.bytes().all(plain) {
            return Err(OptionsError::Store);
        }
        let lives = [
            self.checkout_lifetime,
            self.invoice_lifetime,
            self.change_lifetime,
            self.monitoring,
        ];
        if lives.iter().any(|lives| lives.as_mins() < 1) {
            return Err(OptionsError::Lifetime);
        }
        Ok(())
    }
}

/// Why settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The address is none that paths can be added to.
    #[error("use the base URL: it is no http address")]
    NoBase,
    /// The key cannot stand in a header.
    #[error("use the API key: it has characters that a header cannot carry")]
    Key,
    /// The store's id cannot stand in an address.
    #[error("use the store's id: it is empty, or has other characters than letters and digits")]
    Store,
    /// Something is to live less than a minute.
    #[error("use the lifetimes: each has to be a minute at least")]
    Lifetime,
}
