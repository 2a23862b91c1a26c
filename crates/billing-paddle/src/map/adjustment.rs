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

/// It comes no more, or has come all the same.
const WARNING_REVERSE: &str = "chargeback_warning_reverse";

/// The bank has taken the money.
const CHARGEBACK: &str = "chargeback";

/// It was taken back by an adjustment of its own.
const REVERSED: &str = "reversed";

impl Teller {
    /// What it tells. `None`: nothing that is billing's.
    pub(crate) fn adjustment(&self, adjustment: &Adjustment) -> Option<Observed> {
        let transaction = adjustment.transaction_id.clone();
        let fact = match told(adjustment) {
            Ok(told) => told?,
            Err(why) => Fact::Unreadable {
                object: self.object(RefKind::Payment, &adjustment.id),
                why: why.to_owned(),
            },
        };
        let refs = [
            (RefKind::Subscription, adjustment.subscription_id.clone()),
            (RefKind::Invoice, transaction.clone()),
            (RefKind::Checkout, transaction),
            (RefKind::Customer, adjustment.customer_id.clone()),
        ];
        // A warning and a chargeback are of the moment they were given: whatever is noted
        // on them afterwards is no word of what has become of the payment since.
        let stands = matches!(adjustment.action.as_str(), WARNING | CHARGEBACK)
            && adjustment.status != REVERSED;
        let updated_at = adjustment.updated_at.filter(|_| !stands);
        Some(Observed {
            fact,
            at: instant(adjustment.created_at, updated_at),
            link: link(&self.account, None, refs, Vec::new()),
        })
    }
}

/// What it tells. `None`: it is a credit, or a dispute that was turned away.
fn told(adjustment: &Adjustment) -> Result<Option<Fact>, &'static str> {
    let (action, status) = (adjustment.action.as_str(), adjustment.status.as_str());
    let is_credit = matches!(action, "credit" | "credit_reverse");
    if is_credit || (action != "refund" && status == "rejected") {
        return Ok(None);
    }
    let transaction = adjustment.transaction_id.clone();
    let transaction = transaction.ok_or("an adjustment of no transaction")?;
    let total = adjustment.totals.total.ok_or("an adjustment of no sum")?;
    let code = adjustment.currency_code.as_deref().unwrap_or_default();
    let amount = money(total, code).ok_or("an adjustment in an unknown currency")?;
    let of = vec![transaction.clone()];
    Ok(Some(if action == "refund" {
        Fact::RefundSeen(RefundSnapshot {
            ordered: adjustment.ordered(),
            refund: adjustment.id.clone(),
            of,
            amount,
            state: refund_state(status).ok_or("a refund of an unknown status")?,
        })
    } else {
        // A chargeback and what takes it back are two adjustments of one dispute,
        // which has no id of its own: its transaction's serves.
        Fact::DisputeSeen(DisputeSnapshot {
            dispute: transaction,
            of,
            amount,
            state: dispute_state(action, status).ok_or("an adjustment of an unknown kind")?,
            warning: matches!(action, WARNING | WARNING_REVERSE),
        })
    }))
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
        (CHARGEBACK | WARNING, REVERSED) | ("chargeback_reverse" | WARNING_REVERSE, _) => {
            Some(DisputeState::Won)
        }
        (CHARGEBACK, _) => Some(DisputeState::Lost),
        (WARNING, _) => Some(DisputeState::Open),
        _ => None,
    }
}
