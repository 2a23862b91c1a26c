//! The order to pay back, where the provider sends the money: once under its key, known
//! again by it, and never beside what nobody here has heard of.
//!
//! Laws of providers that send. Of any other, each behavior holds that it says so.

use billing_domain::effect::{Effect, EffectKey, Order, PromiseRefund};
use billing_domain::fact::{Fact, Observed, RefundSnapshot, RefundState};
use billing_ports::{Answer, PerformError, Refunds};

use super::perform::{assert_linked, done, perform};
use super::{ProviderRig, RefundRig};
use crate::fixtures::Maker;

/// "What it tells of such a refund MUST carry the key of the order", and whose it is.
pub async fn a_refund_carries_the_key_of_its_order(rig: &impl ProviderRig) {
    let Some(far) = refunds(rig) else { return };
    let order = far.refundable();
    let effect = sends(1, &order);
    let facts = done(perform(rig, &effect).await);
    let told = only(&facts);
    assert_eq!(told.ordered.as_ref(), Some(&effect.key));
    assert_eq!(told.amount, order.amount);
    assert_ne!(told.state, RefundState::Failed, "{told:?}");
    assert!(told.of.contains(&order.reference), "{told:?}");
    for fact in &facts {
        assert_linked(fact);
    }
    assert_eq!(far.sent().await, 1);
}

/// "The same key and order again" is the same refund, also where its answer was lost.
pub async fn the_same_refund_is_sent_once(rig: &impl ProviderRig) {
    let Some(far) = refunds(rig) else { return };
    let effect = sends(1, &far.refundable());
    far.lose_next_refund().await;
    match perform(rig, &effect).await {
        // An adapter may have asked again by itself, under the same key.
        Ok(Answer::Done(_)) | Err(PerformError::Unknown(_)) => {}
        other => panic!("a lost answer is unknown, not {other:?}"),
    }
    let first = done(perform(rig, &effect).await);
    let again = done(perform(rig, &effect).await);
    assert_eq!(only(&first), only(&again));
    assert_eq!(far.sent().await, 1, "never a second refund");
}

/// What went back by another's order, and was not known when this was ordered, is told with a
/// refusal, and nothing is sent; what was known stands in nobody's way.
pub async fn nothing_is_sent_beside_what_nobody_had_heard_of(rig: &impl ProviderRig) {
    let Some(far) = refunds(rig) else { return };
    let order = far.refundable();
    done(perform(rig, &sends(7, &order)).await);
    far.carries_out().await;
    let facts = done(perform(rig, &sends(1, &order)).await);
    assert_eq!(refunded(&facts).len(), 1, "{facts:?}");
    let is_refused = |told: &Observed| matches!(told.fact, Fact::Refused { .. });
    assert!(facts.iter().any(is_refused), "{facts:?}");
    assert_eq!(far.sent().await, 1, "nothing is sent");

    let known = PromiseRefund {
        before: Some(order.amount),
        ..order
    };
    let facts = done(perform(rig, &sends(2, &known)).await);
    assert!(!facts.iter().any(is_refused), "{facts:?}");
    assert_eq!(far.sent().await, 2);
}

/// The hand on the far side, where the provider says that it sends money back.
fn refunds(rig: &impl ProviderRig) -> Option<&dyn RefundRig> {
    let far = rig.refunds();
    let sends = rig.provider().refunds() == Refunds::Sent;
    assert_eq!(
        sends,
        far.is_some(),
        "a provider that sends money back is held to it, and no other"
    );
    far
}

/// The order as an effect; another number is another order.
fn sends(number: u32, order: &PromiseRefund) -> Effect {
    let ordered = Maker::new(u64::from(number)).ordered(Order::PromiseRefund(order.clone()));
    Effect {
        key: EffectKey::refund(order.invoice, number),
        ..ordered
    }
}

fn refunded(facts: &[Observed]) -> Vec<&RefundSnapshot> {
    let told = facts.iter().filter_map(|told| {
        if let Fact::RefundSeen(seen) = &told.fact {
            Some(seen)
        } else {
            None
        }
    });
    told.collect()
}

fn only(facts: &[Observed]) -> &RefundSnapshot {
    let told = refunded(facts);
    assert_eq!(told.len(), 1, "{facts:?}");
    told[0]
}
