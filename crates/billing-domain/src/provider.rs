//! Providers as the rules see them: a name, an account, honest capabilities,
//! and references to objects over there. Knows no provider in particular.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use crate::catalog::ProviderKey;

/// One account at one provider: `sandbox/main`, `stripe/eu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderAccount {
    provider: ProviderKey,
    name: String,
}

/// A text that names no provider account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected provider/account, each of lower-case letters, digits, '-' and '_'")]
pub struct AccountNameError;

impl ProviderAccount {
    /// The account's name where a provider has only one.
    pub const MAIN: &'static str = "main";
    /// Longest account name; it stands in addresses and keys.
    pub const MAX_NAME: usize = 64;

    /// The only account at `provider`.
    #[must_use]
    pub fn main(provider: ProviderKey) -> Self {
        Self {
            provider,
            name: Self::MAIN.to_owned(),
        }
    }

    /// The account `name` at `provider`.
    ///
    /// # Errors
    ///
    /// [`AccountNameError`] unless the name has 1 to 64 lower-case letters, digits, `-`, `_`.
    pub fn new(provider: ProviderKey, name: &str) -> Result<Self, AccountNameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        if name.is_empty() || name.len() > Self::MAX_NAME || !name.bytes().all(allowed) {
            return Err(AccountNameError);
        }
        Ok(Self {
            provider,
            name: name.to_owned(),
        })
    }

    /// The provider.
    #[must_use]
    pub const fn provider(&self) -> &ProviderKey {
        &self.provider
    }

    /// The account's name, `main` where there is only one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ProviderAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

impl FromStr for ProviderAccount {
    type Err = AccountNameError;
    fn from_str(text: &str) -> Result<Self, AccountNameError> {
        let (provider, name) = text.split_once('/').ok_or(AccountNameError)?;
        let provider = provider.parse().map_err(|_invalid| AccountNameError)?;
        Self::new(provider, name)
    }
}

impl TryFrom<String> for ProviderAccount {
    type Error = AccountNameError;
    fn try_from(text: String) -> Result<Self, AccountNameError> {
        text.parse()
    }
}

impl From<ProviderAccount> for String {
    fn from(account: ProviderAccount) -> Self {
        account.to_string()
    }
}

/// What a provider can do, told honestly: rules ask this, never a provider's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a capability of its own, told one by one; together they are no state"
)]
pub struct Capabilities {
    /// It charges and retries by itself; we mirror its facts and never invoice.
    /// `false`: our renewal tick makes every invoice.
    pub owns_schedule: bool,
    /// It computes the money of a change itself.
    pub prorates: bool,
    /// It has a page of its own where a buyer pays.
    pub hosted_checkout: bool,
    /// It has pages of its own where a customer manages what was bought.
    pub portal: bool,
    /// It can pause a subscription.
    pub pause: bool,
    /// It keeps a payment method and can charge it without the buyer.
    pub saved_method: bool,
    /// What is paused there ends at once when it is canceled, whatever of it is paid.
    /// `false`: with its period, like everything else.
    pub paused_ends_at_once: bool,
}

/// The kind of a provider's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefKind {
    /// A customer over there.
    Customer,
    /// A subscription over there.
    Subscription,
    /// An invoice over there.
    Invoice,
    /// A hosted checkout over there.
    Checkout,
    /// A payment over there, where it is something else than an invoice.
    Payment,
}

impl RefKind {
    /// The word that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Subscription => "subscription",
            Self::Invoice => "invoice",
            Self::Checkout => "checkout",
            Self::Payment => "payment",
        }
    }

    /// Whether such an object belongs to one customer of ours alone. A customer
    /// over there does not: some providers have one per e-mail address, and
    /// several of ours may give the same one.
    #[must_use]
    pub const fn is_exclusive(self) -> bool {
        !matches!(self, Self::Customer)
    }
}

/// A provider's object: which account, which kind, its id over there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProviderRef {
    /// The provider account.
    pub account: ProviderAccount,
    /// The kind of object.
    pub kind: RefKind,
    /// The provider's id, opaque to us.
    pub id: String,
}
