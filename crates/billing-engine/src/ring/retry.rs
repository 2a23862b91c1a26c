//! When a call is made again that got no answer, or whose answer could not be kept. Knows
//! no store and no provider.

use billing_domain::effect::Order;
use billing_domain::time::Timestamp;
use billing_ports::store::{OutboxItem, StoreError};
use jiff::SignedDuration;

use crate::error::EngineError;
use crate::limits::{MAX_REFUSED, OUTAGE, REFUSED_RETRY, RETRY_AFTER};

/// How long an effect waits whose answer could not be kept. `None`: as long as
/// its claim, since a store that is gone comes back. Anything else is a defect
/// that keeps the customer from being decided, and from being parked as well:
/// so the provider is asked again ever more seldom, and never given up.
pub(super) fn wait_after(error: &EngineError, attempts: u16) -> Option<SignedDuration> {
    if matches!(error, EngineError::Store(StoreError::Unavailable(_))) {
        return None;
    }
    let [.., longest] = RETRY_AFTER;
    let wait = RETRY_AFTER.get(usize::from(attempts)).copied();
    Some(wait.unwrap_or(longest))
}

/// How long to wait before the next try. `None`: that was the last. Nobody
/// waits for a checkout's page any more after the first. What has waited for somebody to
/// mend our key, as so many tries in so short a time tell, goes on at the pace of that.
pub(super) fn next_try(item: &OutboxItem, now: Timestamp) -> Option<SignedDuration> {
    if is_of_the_moment(&item.effect.order) {
        return None;
    }
    let tried = usize::from(item.attempts);
    let waited = now.duration_since(item.effect.due_at);
    let for_a_key = tried > RETRY_AFTER.len() || waited < OUTAGE;
    if tried >= RETRY_AFTER.len() && for_a_key {
        return next_try_at_the_door(item);
    }
    RETRY_AFTER.get(tried).copied()
}

/// The same for a call whose key or settings the provider does not take: soon, should it
/// be a slip, and then each hour.
pub(super) fn next_try_at_the_door(item: &OutboxItem) -> Option<SignedDuration> {
    let tried = item.attempts.saturating_add(1);
    let order = &item.effect.order;
    let in_vain = item.attempts == 0 && is_awaited(order);
    if in_vain || is_of_the_moment(order) || tried >= MAX_REFUSED {
        return None;
    }
    let soon = RETRY_AFTER.get(usize::from(item.attempts));
    let soon = soon.copied().unwrap_or(REFUSED_RETRY);
    Some(soon.min(REFUSED_RETRY))
}

/// Whether it is good for nothing once its caller has gone.
const fn is_of_the_moment(order: &Order) -> bool {
    matches!(order, Order::OpenCheckout(_))
}

/// Whether somebody waits for it who is told at once that it was refused, and who is not to
/// be charged for it when the key is mended days later.
const fn is_awaited(order: &Order) -> bool {
    match order {
        Order::ChangeSubscription(order) => order.change.is_some(),
        Order::PauseSubscription { change, .. } | Order::ResumeSubscription { change, .. } => {
            change.is_some()
        }
        Order::OpenCheckout(_)
        | Order::ExpireCheckout { .. }
        | Order::CreateInvoice(_)
        | Order::VoidInvoice { .. }
        | Order::PromiseRefund(_)
        | Order::UndoChange { .. }
        | Order::SettleCode { .. }
        | Order::CancelSubscription { .. }
        | Order::UndoCancellation { .. }
        | Order::ReadSubscription { .. }
        | Order::MailClaim
        | Order::AttachClaim { .. }
        | Order::Notify { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_failing_is_asked_for_ever_more_seldom() {
        let gone = EngineError::Store(StoreError::Unavailable("gone".to_owned()));
        let broken = EngineError::Store(StoreError::Corrupt {
            table: "customers",
            row: "1".to_owned(),
            why: "no such currency".to_owned(),
        });
        assert_eq!(wait_after(&gone, 9), None);
        for error in [broken, EngineError::Contended] {
            let waits: Vec<_> = (0..8)
                .filter_map(|tries| wait_after(&error, tries))
                .collect();
            assert_eq!(waits[..5], RETRY_AFTER);
            assert_eq!(waits[5..], [RETRY_AFTER[4]; 3]);
        }
    }
}
