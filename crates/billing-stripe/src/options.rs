//! What a Stripe account needs to be told. Knows nothing of where it is read from.

use billing_domain::provider::ProviderAccount;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where Stripe is reached.
pub const DEFAULT_BASE_URL: &str = "https://api.stripe.com";

/// The version of the interface that every call asks for and every body is read as.
/// A constant, so that an upgrade is a change of this crate and of its tests.
pub const API_VERSION: &str = "2026-09-30.endive";

/// The release that the version belongs to: within one, later versions only add.
pub const API_RELEASE: &str = "endive";

/// Which of Stripe's two worlds a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Real money.
    Live,
    /// Stripe's test mode and its sandboxes.
    Test,
}

impl Mode {
    /// The mode of a secret or restricted key, by its prefix. `None`: it is no such key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let starts = |prefixes: [&str; 2]| prefixes.iter().any(|it| key.starts_with(it));
        if starts(["sk_live_", "rk_live_"]) {
            Some(Self::Live)
        } else if starts(["sk_test_", "rk_test_"]) {
            Some(Self::Test)
        } else {
            None
        }
    }

    /// The words for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Live => "live mode",
            Self::Test => "test mode",
        }
    }

    /// What Stripe's objects say in `livemode`.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live)
    }
}

/// How a subscription is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PauseStyle {
    /// Its collection is paused and its invoices are void; Stripe goes on calling it
    /// `active`, and we call it paused. Works for every subscription.
    #[default]
    Collection,
    /// The subscription itself is paused. Only in flexible billing mode, and not
    /// while a change waits for the period's end. A paused collection is then
    /// somebody's leniency, and leaves the subscription active.
    Subscription,
}

/// What a trial asks of the buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialStyle {
    /// A payment method, before the trial begins.
    MethodFirst,
    /// Nothing; then this happens at its end where there is no method by then.
    MethodLater(MissingMethod),
}

impl Default for TrialStyle {
    /// Nothing is asked, and a trial without a method ends.
    fn default() -> Self {
        Self::MethodLater(MissingMethod::Cancel)
    }
}

/// What becomes of a trial that ends without a payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingMethod {
    /// It is canceled.
    Cancel,
    /// It is invoiced, and past due.
    CreateInvoice,
    /// It is paused until there is one.
    Pause,
}

/// One Stripe account.
///
/// `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct StripeOptions {
    /// Which account of ours it is: `stripe/eu`.
    pub account: ProviderAccount,
    /// The secret or restricted key. Its prefix says which mode is expected.
    pub secret_key: SecretString,
    /// The signing secrets of the webhook endpoint: one, or two while one is rotated.
    pub webhook_secrets: Vec<SecretString>,
    /// Where Stripe is reached, without a path.
    pub base_url: Url,
    /// This deployment's name: what others that share the account are told from.
    pub operator: String,
    /// The public address of our webhook endpoint, for the doctor. `None`: any
    /// endpoint may be ours.
    pub webhook_url: Option<String>,
    /// The portal configuration. `None`: the account's default.
    pub portal_configuration: Option<String>,
    /// How a subscription is paused.
    pub pause: PauseStyle,
    /// What a trial asks of the buyer.
    pub trial: TrialStyle,
}

/// Why options cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StripeOptionsError {
    /// The key is none of Stripe's secret or restricted keys.
    #[error("use the key: expected sk_live_, rk_live_, sk_test_ or rk_test_")]
    Key,
    /// The key has a character that a header cannot carry.
    #[error("send the key as a header")]
    KeyCharacters,
    /// There is no webhook secret, or an empty one.
    #[error("verify webhooks: a signing secret is missing or empty")]
    WebhookSecrets,
    /// The base URL is none.
    #[error("reach Stripe: the base URL is not an absolute http or https URL")]
    BaseUrl,
    /// The operator's name is empty or too long.
    #[error("mark objects: the operator's name must have 1 to {max} characters", max = OPERATOR_MAX_CHARS)]
    Operator,
}

/// Longest operator name: a value of Stripe's metadata has at most 500 characters,
/// and a name that people read has far fewer.
pub const OPERATOR_MAX_CHARS: usize = 100;

impl StripeOptions {
    /// An account with every other setting at its default.
    ///
    /// # Errors
    ///
    /// [`StripeOptionsError`] when a setting cannot be used.
    pub fn new(
        account: ProviderAccount,
        secret_key: SecretString,
        webhook_secrets: Vec<SecretString>,
        operator: String,
    ) -> Result<Self, StripeOptionsError> {
        let base_url =
            Url::parse(DEFAULT_BASE_URL).map_err(|_never| StripeOptionsError::BaseUrl)?;
        let options = Self {
            account,
            secret_key,
            webhook_secrets,
            base_url,
            operator,
            webhook_url: None,
            portal_configuration: None,
            pause: PauseStyle::default(),
            trial: TrialStyle::default(),
        };
        options.mode()?;
        Ok(options)
    }

    /// The mode that the key belongs to.
    ///
    /// # Errors
    ///
    /// [`StripeOptionsError`] when a setting cannot be used.
    pub fn mode(&self) -> Result<Mode, StripeOptionsError> {
        let http = matches!(self.base_url.scheme(), "http" | "https");
        if !http || self.base_url.cannot_be_a_base() {
            return Err(StripeOptionsError::BaseUrl);
        }
        let name = self.operator.chars().count();
        if name == 0 || name > OPERATOR_MAX_CHARS {
            return Err(StripeOptionsError::Operator);
        }
        let key = self.secret_key.expose_secret();
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(StripeOptionsError::KeyCharacters);
        }
        Mode::of_key(key).ok_or(StripeOptionsError::Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_in_the_key() {
        assert_eq!(Mode::of_key("sk_live_1"), Some(Mode::Live));
        assert_eq!(Mode::of_key("rk_live_1"), Some(Mode::Live));
        assert_eq!(Mode::of_key("sk_test_1"), Some(Mode::Test));
        assert_eq!(Mode::of_key("rk_test_1"), Some(Mode::Test));
        assert_eq!(Mode::of_key("pk_test_1"), None);
        assert_eq!(Mode::of_key("whsec_1"), None);
    }

    #[test]
    fn the_pinned_version_is_of_the_pinned_release() {
        assert!(API_VERSION.ends_with(&format!(".{API_RELEASE}")));
    }

    #[test]
    fn no_secret_is_shown() {
        let options = crate::forms::testing::options();
        let shown = format!("{options:?}");
        assert!(!shown.contains("sk_test_secret"), "{shown}");
        assert!(!shown.contains("whsec_"), "{shown}");
    }
}
