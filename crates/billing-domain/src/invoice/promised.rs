//! What was promised back of an invoice by a link, where a provider sends nothing by
//! itself. A promise takes nothing: what is claimed of it and sent does, and is told
//! like every refund.

use serde::{Deserialize, Serialize};

use crate::fact::{DisputeState, RefundState};
use crate::ids::EffectId;
use crate::invoice::{Invoice, ReturnKind};
use crate::money::Money;
use crate::time::Timestamp;

/// A promise to pay back, ordered at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPromise {
    /// Counts the promises of one invoice, from 1.
    pub number: u32,
    /// The effect that makes it.
    pub effect: EffectId,
    /// How much, in the currency that was collected.
    pub amount: Money,
    /// What was gone again, or on its way back, before: the rest of what goes back
    /// from then on is claimed of this.
    pub before: Money,
    /// When it was ordered.
    pub at: Timestamp,
    /// Why there is none, or none any more: the provider's code. `None`: it is made, or
    /// will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl Invoice {
    /// What settled it and can be promised back, with the provider's name of the
    /// payment. `None`: nothing did.
    pub(crate) fn refundable(&self) -> Option<(Money, &str)> {
        let paid = self.payments.iter().find(|payment| payment.credited)?;
        Some((paid.amount, paid.reference.as_str()))
    }

    /// What of that is gone again, or on its way back.
    pub(crate) fn going(&self) -> i128 {
        let going = self.apportioned(|kind| {
            matches!(
                kind,
                ReturnKind::Refund(RefundState::Pending | RefundState::Done)
                    | ReturnKind::Dispute(DisputeState::Lost)
            )
        });
        going.settling()
    }

    /// The newest promise of which something is still to be claimed.
    pub(crate) fn open_promise(&self) -> Option<&RefundPromise> {
        let last = self.promised.iter().rfind(|held| held.failed.is_none())?;
        let claimed = self.going().saturating_sub(i128::from(last.before.amount));
        (claimed < i128::from(last.amount.amount)).then_some(last)
    }
}
