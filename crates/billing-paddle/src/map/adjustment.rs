//! Adjustments: refunds and chargebacks. Credits against what is not paid yet are
//! no money that goes back, and tell nothing.

use billing_domain::fact::{
    DisputeSnapshot, DisputeState, Fact, Observed, RefundSnapshot, RefundState,
};
use billing_domain::provider::RefKind;

use super::Teller;
use crate::correlation::link;
use crate::money::money;
use crate::wire::{Adjustment, instant};

/// The bank says that a chargeback may come; no money has moved.
const WARNING: &str = "chargeback_warning";

/// It was taken back by an adjustment of its own.
const REVERSED: &str = "reversed";

impl Teller {
    /// What it tells. `None`: nothing that is billing's, or not enough to tell it.
    pub(crate) fn adjustment(&self, adjustment: &Adjustment) -> Option<Observed> {
        let transaction = adjustment.transaction_id.clone()?;
        let amount = money(
            adjustment.totals.total?,
            adjustment.currency_code.as_deref()?,
        )?;
        let of = vec![transaction.clone()];
        let fact = match adjustment.action.as_str() {
            "refund" => Fact::RefundSeen(RefundSnapshot {
                refund: adjustment.id.clone(),
                of,
                amount,
                state: refund_state(&adjustment.status)?,
            }),
            // A chargeback and what takes it back are two adjustments of one
            // dispute, which has no id of its own: its transaction's serves.
            action => Fact::DisputeSeen(DisputeSnapshot {
                dispute: transaction.clone(),
                of,
                amount,
                state: dispute_state(action, &adjustment.status)?,
            }),
        };
        let refs = [
            (RefKind::Subscription, adjustment.subscription_id.clone()),
            (RefKind::Invoice, Some(transaction.clone())),
            (RefKind::Checkout, Some(transaction)),
            (RefKind::Customer, adjustment.customer_id.clone()),
        ];
        // A warning is of the moment it was given: whatever is noted on it afterwards is
        // no word of what has become of the payment since.
        let stands = adjustment.action == WARNING && adjustment.status != REVERSED;
        let updated_at = adjustment.updated_at.filter(|_| !stands);
        Some(Observed {
            fact,
            at: instant(adjustment.created_at, updated_at),
            link: link(&self.account, None, refs, Vec::new()),
        })
    }
}

fn refund_state(status: &str) -> Option<RefundState> {
    match status {
        "pending_approval" => Some(RefundState::Pending),
        "approved" => Some(RefundState::Done),
        "rejected" | REVERSED => Some(RefundState::Failed),
        _ => None,
    }
}

/// Paddle takes the money at a chargeback and fights for it; a warning comes first
/// where the bank gives one.
fn dispute_state(action: &str, status: &str) -> Option<DisputeState> {
    match (action, status) {
        (_, "rejected") => None,
        ("chargeback" | WARNING, REVERSED)
        | ("chargeback_reverse" | "chargeback_warning_reverse", _) => Some(DisputeState::Won),
        ("chargeback", _) => Some(DisputeState::Lost),
        (WARNING, _) => Some(DisputeState::Open),
        _ => None,
    }
}
