//! `perform` and `read`: one key, one object; a refusal is an answer.

use billing_domain::effect::{Effect, Order};
use billing_domain::fact::Observed;
use billing_domain::provider::ProviderRef;
use billing_ports::{Answer, PerformError};

use super::ProviderRig;
use crate::fixtures::Maker;

/// "The same key and order again give the same object, never a second one."
pub async fn the_same_key_gives_the_same_object(rig: &impl ProviderRig) {
    let effect = effect(rig.accepted_order());
    let before = rig.objects_made().await;
    let first = done(perform(rig, &effect).await);
    let again = done(perform(rig, &effect).await);
    assert!(!refs(&first).is_empty(), "the answer names the object");
    assert_eq!(refs(&first), refs(&again), "the same object");
    assert_eq!(rig.objects_made().await, before + 1, "never a second one");
}

/// "It is not known whether the provider acted: retried under the same key
/// only", and then there is one object still. "A provider without idempotency
/// keys MUST be searched before anything is created."
pub async fn a_lost_answer_is_asked_for_again_under_the_same_key(rig: &impl ProviderRig) {
    let effect = effect(rig.accepted_order());
    let before = rig.objects_made().await;
    rig.lose_next_answer().await;
    match perform(rig, &effect).await {
        // An adapter may have asked again by itself, under the same key.
        Ok(Answer::Done(_)) | Err(PerformError::Unknown(_)) => {}
        other => panic!("a lost answer is unknown, not {other:?}"),
    }
    let facts = done(perform(rig, &effect).await);
    assert!(!refs(&facts).is_empty(), "the answer names the object");
    assert_eq!(rig.objects_made().await, before + 1, "never a second one");
}

/// "A refusal MUST be an `Answer::Refused`; an `Err` means that the outcome is
/// open", and it refuses again.
pub async fn a_refusal_is_an_answer(rig: &impl ProviderRig) {
    let effect = effect(rig.refused_order());
    let before = rig.objects_made().await;
    for _ in 0..2 {
        match perform(rig, &effect).await {
            Ok(Answer::Refused(refusal)) => {
                let code = refusal.code.as_bytes();
                let stable =
                    |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_' || byte.is_ascii_digit();
                assert!(!code.is_empty() && code.iter().all(stable), "{refusal:?}");
            }
            other => panic!("a refusal is an answer, not {other:?}"),
        }
    }
    assert_eq!(rig.objects_made().await, before, "nothing was made");
}

/// "Every fact MUST carry the provider's own instant", and what ties it to a customer.
pub async fn an_answer_carries_instant_and_link(rig: &impl ProviderRig) {
    let facts = done(perform(rig, &effect(rig.accepted_order())).await);
    assert!(!facts.is_empty(), "it tells what it did");
    for fact in facts {
        assert_eq!(fact.at, rig.now(), "the provider's own instant: {fact:?}");
        assert_linked(&fact);
    }
}

/// "Reads an object as it stands now": what an answer named can be read.
pub async fn what_was_made_can_be_read(rig: &impl ProviderRig) {
    let facts = done(perform(rig, &effect(rig.accepted_order())).await);
    let object = refs(&facts).into_iter().next();
    let object = object.expect("the answer names the object");
    let read = rig.provider().read(&object).await;
    let read = read.expect("the provider answers");
    assert!(!read.is_empty(), "{object:?} is there");
    for fact in read {
        assert_linked(&fact);
    }
}

/// "Empty: there is no such object." Not an error, nor a refusal.
pub async fn an_unknown_object_reads_as_nothing(rig: &impl ProviderRig) {
    let read = rig.provider().read(&rig.unknown_object()).await;
    assert_eq!(read, Ok(Vec::new()));
}

pub(super) fn assert_linked(fact: &Observed) {
    let link = &fact.link;
    let tied = link.checkout.is_some() || link.customer.is_some() || !link.refs.is_empty();
    assert!(tied, "tied to a customer: {fact:?}");
}

pub(super) fn effect(order: Order) -> Effect {
    Maker::new(1).ordered(order)
}

pub(super) async fn perform(
    rig: &impl ProviderRig,
    effect: &Effect,
) -> Result<Answer, PerformError> {
    let provider = rig.provider();
    provider
        .perform(effect.id, &effect.key, &effect.order)
        .await
}

pub(super) fn done(answer: Result<Answer, PerformError>) -> Vec<Observed> {
    match answer {
        Ok(Answer::Done(facts)) => facts,
        other => panic!("the order is carried out, not {other:?}"),
    }
}

fn refs(facts: &[Observed]) -> Vec<ProviderRef> {
    let refs = facts.iter().flat_map(|fact| fact.link.refs.clone());
    refs.collect()
}
