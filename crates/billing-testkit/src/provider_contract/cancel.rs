//! A cancellation at the period's end, and taking it back.
//!
//! Laws of providers that run the schedule and prorate: the same hand on the far side
//! as for their changes. Of any other, each behavior holds that it says so.

use billing_domain::effect::{ChangeSubscription, Order, TOO_LATE};
use billing_domain::ids::IdSeq;
use billing_domain::subscription::Status;
use billing_ports::{Answer, PerformError, Refusal};

use super::ProviderRig;
use super::change::{changes, snapshot, told};
use super::perform::{done, perform};
use crate::fixtures::Maker;

/// A cancellation that is taken back leaves the subscription as it was, once and again,
/// and the next period begins.
pub async fn a_cancellation_taken_back_is_none(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let (change, mut maker) = (far.charged_change(), Maker::new(1));
    let before = told(rig, &change).await;
    assert_eq!(before.cancel_at, None);
    let ends = done(perform(rig, &maker.ordered(cancel(&change, false))).await);
    assert!(snapshot(&ends, &change).cancel_at.is_some());
    let undo = maker.ordered(undo(rig, &change));
    for _ in 0..2 {
        let facts = done(perform(rig, &undo).await);
        assert_eq!(snapshot(&facts, &change), before, "told by the answer");
        assert_eq!(told(rig, &change).await, before, "and by a read");
    }
    far.pass_period().await;
    let now = told(rig, &change).await;
    assert_eq!((now.status, now.cancel_at), (Status::Active, None));
    assert!(now.period.map(|period| period.start) > before.period.map(|period| period.start));
}

/// Canceled once more, the answer to an undo from before is not given again.
pub async fn a_cancellation_after_one_that_was_taken_back_stands(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let (change, mut maker) = (far.charged_change(), Maker::new(1));
    done(perform(rig, &maker.ordered(cancel(&change, false))).await);
    done(perform(rig, &maker.ordered(undo(rig, &change))).await);
    let ends = done(perform(rig, &maker.ordered(cancel(&change, false))).await);
    assert!(snapshot(&ends, &change).cancel_at.is_some());
    assert_eq!(
        told(rig, &change).await.cancel_at,
        snapshot(&ends, &change).cancel_at
    );
}

/// What does not end is as good as taken back: it is told, and nothing is changed.
pub async fn where_nothing_ends_nothing_is_taken_back(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let (change, mut maker) = (far.charged_change(), Maker::new(1));
    let before = told(rig, &change).await;
    let facts = done(perform(rig, &maker.ordered(undo(rig, &change))).await);
    assert_eq!(snapshot(&facts, &change), before);
    assert_eq!(told(rig, &change).await, before);
}

/// A lost answer is asked for again under the same key, and comes to the same.
pub async fn an_undo_whose_answer_is_lost_is_done_all_the_same(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let (change, mut maker) = (far.charged_change(), Maker::new(1));
    let before = told(rig, &change).await;
    done(perform(rig, &maker.ordered(cancel(&change, false))).await);
    let undo = maker.ordered(undo(rig, &change));
    rig.lose_next_answer().await;
    match perform(rig, &undo).await {
        // An adapter may have asked again by itself, under the same key; or lost the
        // answer of a read, after which nothing was done.
        Ok(Answer::Done(_)) | Err(PerformError::Unknown(_) | PerformError::NotSent(_)) => {}
        other => panic!("a lost answer is unknown, not {other:?}"),
    }
    let facts = done(perform(rig, &undo).await);
    assert_eq!(snapshot(&facts, &change), before);
    assert_eq!(told(rig, &change).await, before);
}

/// What has ended is refused: nobody goes on by it.
pub async fn what_has_ended_is_not_taken_back(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let (change, mut maker) = (far.charged_change(), Maker::new(1));
    done(perform(rig, &maker.ordered(cancel(&change, true))).await);
    let answer = perform(rig, &maker.ordered(undo(rig, &change))).await;
    let Ok(Answer::Refused(Refusal { code, .. })) = answer else {
        panic!("what has ended is refused, not {answer:?}");
    };
    assert_eq!(code, TOO_LATE);
    assert_eq!(told(rig, &change).await.status, Status::Canceled);
}

/// Canceled at its period's end, what is paused ends at once where `paused_ends_at_once`
/// says so, and with its period where it does not.
pub async fn what_is_paused_ends_as_its_capabilities_say(rig: &impl ProviderRig) {
    let Some(far) = changes(rig).await else {
        return;
    };
    let (change, mut maker) = (far.charged_change(), Maker::new(1));
    let pause = Order::PauseSubscription {
        provider: change.provider.clone(),
        reference: change.reference.clone(),
        change: None,
    };
    done(perform(rig, &maker.ordered(pause)).await);
    let paused = told(rig, &change).await;
    assert_eq!(paused.status, Status::Paused);
    let at_once = rig.provider().capabilities().paused_ends_at_once;
    done(perform(rig, &maker.ordered(cancel(&change, false))).await);
    let ends = told(rig, &change).await;
    if at_once {
        assert_eq!(ends.status, Status::Canceled);
    } else {
        let end = paused.period.map(|period| period.end);
        assert_eq!((ends.status, ends.cancel_at), (Status::Paused, end));
    }
}

fn cancel(change: &ChangeSubscription, at_once: bool) -> Order {
    Order::CancelSubscription {
        provider: change.provider.clone(),
        reference: change.reference.clone(),
        at_once,
    }
}

fn undo(rig: &impl ProviderRig, change: &ChangeSubscription) -> Order {
    Order::UndoCancellation {
        provider: change.provider.clone(),
        reference: change.reference.clone(),
        subscription: IdSeq::new(rig.now(), 1).draw(),
    }
}
