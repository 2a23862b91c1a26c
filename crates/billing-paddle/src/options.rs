//! Settings of one Paddle account. Knows nothing of where they come from.

use billing_domain::provider::ProviderAccount;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where live accounts are served.
pub const LIVE_URL: &str = "https://api.paddle.com";

/// Where sandbox accounts are served.
pub const SANDBOX_URL: &str = "https://sandbox-api.paddle.com";

/// How far a webhook's signature may be from its arrival, either way. Paddle's own
/// libraries take 5 s, which a short queue or a clock that is off already breaks;
/// 30 s is lenient, and a replay within it is recognized by its event id.
pub const DEFAULT_TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// How the keys of the two environments begin.
const SANDBOX_PREFIX: &str = "pdl_sdbx_";
const LIVE_PREFIX: &str = "pdl_live_";

/// The two environments of Paddle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No real money moves.
    Sandbox,
    /// Real money.
    Live,
}

impl Mode {
    /// The environment that a key is of. `None`: a key of before May 2025, which
    /// does not say.
    #[must_use]
    pub fn of_key(key: &SecretString) -> Option<Self> {
        let key = key.expose_secret();
        if key.starts_with(SANDBOX_PREFIX) {
            Some(Self::Sandbox)
        } else if key.starts_with(LIVE_PREFIX) {
            Some(Self::Live)
        } else {
            None
        }
    }

    /// The environment that an address is of. `None`: neither (a test's).
    #[must_use]
    pub fn of_url(url: &Url) -> Option<Self> {
        match url.host_str() {
            Some("sandbox-api.paddle.com") => Some(Self::Sandbox),
            Some("api.paddle.com") => Some(Self::Live),
            _ => None,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// Where it is served.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::Sandbox => SANDBOX_URL,
            Self::Live => LIVE_URL,
        }
    }
}

/// Settings of one Paddle account. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct PaddleOptions {
    /// Which account this is.
    pub account: ProviderAccount,
    /// The API key, `pdl_sdbx_…` or `pdl_live_…`.
    pub api_key: SecretString,
    /// The secrets of the notification destinations, `pdl_ntfset_…`: more than one
    /// during a rotation. Empty: no webhook is believed.
    pub webhook_secrets: Vec<SecretString>,
    /// Keys of our own that seal the notes at Paddle on changes that are to come, beside
    /// the API key and the webhook secrets: the first is the newest, and each is believed.
    /// Empty: those alone.
    pub note_keys: Vec<SecretString>,
    /// Where the account is served. `None`: where the key says.
    pub base_url: Option<Url>,
    /// The deployment's name, carried through: an object that names another is
    /// somebody else's.
    pub operator: String,
    /// The page that opens Paddle's checkout, on an approved domain. `None`: the
    /// account's default payment link.
    pub checkout_url: Option<Url>,
    /// Where Paddle is to send its webhooks, for the doctor. `None`: not checked.
    pub webhook_url: Option<Url>,
    /// How far a webhook's signature may be from its arrival, either way.
    pub tolerance: SignedDuration,
}

impl PaddleOptions {
    /// Settings with everything optional left to Paddle's defaults.
    #[must_use]
    pub const fn new(account: ProviderAccount, api_key: SecretString, operator: String) -> Self {
        Self {
            account,
            api_key,
            webhook_secrets: Vec::new(),
            note_keys: Vec::new(),
            base_url: None,
            operator,
            checkout_url: None,
            webhook_url: None,
            tolerance: DEFAULT_TOLERANCE,
        }
    }

    /// Where the account is served.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when key and address contradict each other, or neither says.
    pub fn resolved_url(&self) -> Result<Url, OptionsError> {
        let by_key = Mode::of_key(&self.api_key);
        match (&self.base_url, by_key) {
            (Some(url), by_key) => {
                if url.cannot_be_a_base() {
                    return Err(OptionsError::NoBase);
                }
                match (Mode::of_url(url), by_key) {
                    (Some(url), Some(key)) if url != key => {
                        Err(OptionsError::ModeMismatch { key, url })
                    }
                    _ => Ok(url.clone()),
                }
            }
            (None, Some(mode)) => {
                Url::parse(mode.base_url()).map_err(|_unreachable| OptionsError::NoBase)
            }
            (None, None) => Err(OptionsError::UnknownMode),
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The key is of one environment, the address of the other.
    #[error("use a {} key at Paddle's {} address", key.as_str(), url.as_str())]
    ModeMismatch {
        /// The key's environment.
        key: Mode,
        /// The address's.
        url: Mode,
    },
    /// An old key does not say its environment, and no address was given.
    #[error(
        "tell sandbox from live: the key begins neither with pdl_sdbx_ nor with pdl_live_, and no base URL is set"
    )]
    UnknownMode,
    /// The address is none that paths can be added to.
    #[error("use the base URL: it is no http address")]
    NoBase,
    /// The key cannot stand in a header.
    #[error("use the API key: it has characters that a header cannot carry")]
    Key,
}
