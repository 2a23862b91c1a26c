//! Checkouts: one attempt to pay, whose id is the correlation carried through
//! every provider. Knows no provider's words.

use serde::{Deserialize, Serialize};

use crate::catalog::Billing;
use crate::ids::{CheckoutId, InvoiceId, SubscriptionId};
use crate::invoice::Conversion;
use crate::money::{Money, MoneyError};
use crate::provider::{ProviderAccount, ProviderRef, RefKind};
use crate::terms::Terms;
use crate::time::Timestamp;

/// One attempt to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// Our id, carried through the provider.
    pub id: CheckoutId,
    /// The subscription that it becomes when paid. Chosen when the checkout is
    /// made, so that facts in any order make the same one.
    pub subscription: SubscriptionId,
    /// The invoice that it settles when the engine runs the schedule.
    pub invoice: InvoiceId,
    /// What is bought, snapshotted from the catalog.
    pub terms: Terms,
    /// Where it is paid. `None`: nothing is owed and no provider is asked.
    pub provider: Option<ProviderAccount>,
    /// Whether that provider runs the schedule of what is bought.
    pub owns_schedule: bool,
    /// Where the buyer returns after paying.
    pub success_url: String,
    /// Where the buyer returns without paying.
    pub cancel_url: String,
    /// A hash of the one-time secret that its creator was given, in hexadecimal.
    pub secret_hash: String,
    /// How what is owed today is collected in another currency, as its page was ordered.
    /// `None`: it is not, its page is not known yet, or it was kept by a version that did
    /// not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// How far it has come.
    pub state: CheckoutState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be paid.
    pub expires_at: Timestamp,
}

/// How far a checkout has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CheckoutState {
    /// The provider has been asked for a page and has not answered yet.
    Opening,
    /// The buyer can pay.
    Open {
        /// The page to pay at.
        url: String,
        /// The provider's id.
        reference: String,
    },
    /// The buyer has finished; the money is not there yet.
    Pending {
        /// The provider's id.
        reference: String,
    },
    /// Paid, or nothing was owed.
    Completed {
        /// When, by the provider's clock.
        at: Timestamp,
        /// The provider's id. `None` when no provider was asked.
        reference: Option<String>,
    },
    /// Not paid in time.
    Expired {
        /// When.
        at: Timestamp,
        /// The provider's id, if it had one.
        reference: Option<String>,
    },
    /// Given up by the buyer, or refused by the provider.
    Canceled {
        /// When.
        at: Timestamp,
        /// The provider's id, if it had one.
        reference: Option<String>,
    },
}

impl Checkout {
    /// Whether it may still be paid.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(
            self.state,
            CheckoutState::Opening | CheckoutState::Open { .. } | CheckoutState::Pending { .. }
        )
    }

    /// What is owed today: nothing where a trial comes first, else one period,
    /// or the whole of what is bought once.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when that does not fit.
    pub fn owed_today(&self) -> Result<Money, MoneyError> {
        match self.terms.trial {
            Some(_) => Ok(Money::zero(self.terms.unit.currency)),
            None => Ok(self.terms.priced(0)?.rate),
        }
    }

    /// Whether its completion makes the subscription. `false`: the provider runs
    /// the schedule, and its own word makes it. What is bought once has none.
    pub(crate) const fn starts_here(&self) -> bool {
        !self.owns_schedule || matches!(self.terms.billing, Billing::Once)
    }

    /// The provider's id, once it has one.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match &self.state {
            CheckoutState::Opening => None,
            CheckoutState::Open { reference, .. } | CheckoutState::Pending { reference } => {
                Some(reference)
            }
            CheckoutState::Completed { reference, .. }
            | CheckoutState::Expired { reference, .. }
            | CheckoutState::Canceled { reference, .. } => reference.as_deref(),
        }
    }

    pub(crate) fn provider_ref(&self) -> Option<ProviderRef> {
        Some(ProviderRef {
            account: self.provider.clone()?,
            kind: RefKind::Checkout,
            id: self.reference()?.to_owned(),
        })
    }

    /// An open checkout is looked at again when it expires; a pending one waits
    /// for the provider, however long that takes.
    pub(crate) const fn wake_at(&self) -> Option<Timestamp> {
        match self.state {
            CheckoutState::Opening | CheckoutState::Open { .. } => Some(self.expires_at),
            CheckoutState::Pending { .. }
            | CheckoutState::Completed { .. }
            | CheckoutState::Expired { .. }
            | CheckoutState::Canceled { .. } => None,
        }
    }
}
