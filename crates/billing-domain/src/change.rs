//! Changes: accepted quotes on their way. Whether one has been applied is a
//! fact of the change, never a comparison of plans.

use serde::{Deserialize, Serialize};

use crate::ids::{ChangeId, CustomerId, InvoiceId};
use crate::quote::Quote;
use crate::time::Timestamp;

/// A quote that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Our id.
    pub id: ChangeId,
    /// Whose.
    pub customer: CustomerId,
    /// What was accepted. Applying reads it, and computes nothing anew.
    pub quote: Quote,
    /// How far it has come.
    pub state: ChangeState,
    /// What has to be paid first. `None`: nothing, or the provider collects it.
    pub invoice: Option<InvoiceId>,
    /// The invoice by which a provider that runs the schedule charged it.
    /// `None`: it was not seen, or our own is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<InvoiceId>,
    /// Who wanted it.
    pub by: ChangedBy,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Until when it waits for its payment. `None`: it waits for none.
    pub pay_by: Option<Timestamp>,
    /// Until when money for it is on its way that was seen in time. `None`: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Timestamp>,
    /// What it would have changed when its time ran out, as a digest: what turns out to
    /// have been paid in time applies to that, and to nothing else. `None`: its time has
    /// not run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_out: Option<String>,
    /// Why the provider refused it, by its stable code. `None`: it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChangeState {
    /// It applies once it is paid.
    AwaitingPayment,
    /// It takes effect at its instant.
    Scheduled,
    /// It is in effect.
    Applied {
        /// Since when.
        at: Timestamp,
    },
    /// Another change took its place.
    Superseded {
        /// When.
        at: Timestamp,
    },
    /// It was taken back, or its time ran out.
    Canceled {
        /// When.
        at: Timestamp,
    },
    /// The provider refused it.
    Failed {
        /// When.
        at: Timestamp,
    },
}

/// Who wanted a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ChangedBy {
    /// The customer.
    Buyer,
    /// An operator.
    Operator {
        /// Why, in the operator's words.
        reason: String,
    },
}

impl ChangeState {
    /// The word that stores and interfaces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting_payment",
            Self::Scheduled => "scheduled",
            Self::Applied { .. } => "applied",
            Self::Superseded { .. } => "superseded",
            Self::Canceled { .. } => "canceled",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether it is still to come.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::AwaitingPayment | Self::Scheduled)
    }
}

impl Change {
    /// Since when it is in effect. `None`: it is not.
    #[must_use]
    pub const fn applied_at(&self) -> Option<Timestamp> {
        match self.state {
            ChangeState::Applied { at } => Some(at),
            ChangeState::AwaitingPayment
            | ChangeState::Scheduled
            | ChangeState::Superseded { .. }
            | ChangeState::Canceled { .. }
            | ChangeState::Failed { .. } => None,
        }
    }

    /// A change that waits for its payment waits until its time runs out.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.payable_until()
            .filter(|_| self.state == ChangeState::AwaitingPayment)
    }

    /// What is paid before then applies it. `None`: its time does not run out.
    pub(crate) fn payable_until(&self) -> Option<Timestamp> {
        self.pay_by.map(|end| self.awaits.unwrap_or(end).max(end))
    }
}
