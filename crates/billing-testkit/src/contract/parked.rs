//! Setting aside: nothing is lost, a person decides once, and what waited for
//! something unknown goes on when it becomes known.

use billing_domain::checkout::CheckoutState;
use billing_domain::fact::Link;
use billing_domain::ids::{CustomerId, InboxId, ParkedId};
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::RefKind;
use billing_ports::Store;
use billing_ports::store::{
    Claimed, InboxMark, NewEffect, OutboxMark, PageAsk, Release, Resolution,
};

use super::support::{
    CALLERS, PLENTY, claim_inbox, claim_outbox, create, newcomer, receive_and_claim, reload,
    second, together,
};
use crate::fixtures::{Maker, next_commit};

/// "Sets a claimed inbox row aside": it leaves its queue, and the entry is read
/// back as it was written.
pub async fn a_row_set_aside_leaves_its_queue(store: &dyn Store) {
    let mut make = Maker::new(1);
    let (row, parked) = set_aside(store, &mut make, ParkReason::Unreadable, Link::default()).await;
    assert_eq!(claim_inbox(store, second(9_999)).await, []);
    assert_eq!(store.get_parked(parked.id).await, Ok(Some(parked.clone())));
    let all = PageAsk {
        after: None,
        limit: PLENTY,
    };
    let listed = store.list_parked(None, all).await.expect("a page");
    assert_eq!(listed.rows, [parked]);
    let work = store.next_work().await.map(|work| work.inbox);
    assert_eq!(work, Ok(None), "{row} waits for a person only");
}

/// "Try again: the inbox row … goes back to its queue, its attempts counted
/// from none"; "`false`: there is no such thing, or it has been resolved before".
pub async fn a_replayed_row_begins_anew(store: &dyn Store) {
    let mut make = Maker::new(2);
    let delivery = make.delivery();
    let row = receive_and_claim(store, &mut make, delivery.clone()).await;
    let release = Release {
        row: Claimed::Inbox(row.id),
        fence: row.fence,
        retry_at: second(1),
        counts: true,
    };
    assert_eq!(store.release(release).await, Ok(true));
    let again = claim_inbox(store, second(1)).await.remove(0);
    assert_eq!(again.attempts, 1);
    let parked = make.parked_row(ParkReason::AttemptsExhausted, row.id);
    let aside = store.park_inbox(row.id, again.fence, parked.clone()).await;
    assert_eq!(aside, Ok(true));

    let replay = async |at| {
        store
            .resolve_parked(parked.id, Resolution::Replay, second(at))
            .await
    };
    assert_eq!(replay(5).await, Ok(true));
    assert_eq!(replay(5).await, Ok(false), "resolved before");
    assert_eq!(store.get_parked(parked.id).await, Ok(None));
    let replayed = claim_inbox(store, second(5)).await;
    assert_eq!(replayed.len(), 1);
    assert_eq!((replayed[0].attempts, replayed[0].linked), (0, None));
    assert_eq!(replayed[0].delivery, delivery);
    assert!(replayed[0].fence > again.fence);
    let nothing = store.resolve_parked(make.id(), Resolution::Replay, second(5));
    assert_eq!(nothing.await, Ok(false), "there is no such thing");
}

/// "It belongs to this customer: like replay, with the customer given."
pub async fn a_linked_row_names_its_customer(store: &dyn Store) {
    let mut make = Maker::new(3);
    let held = newcomer(store, &mut make).await;
    let customer = held.account.customer.id;
    let (row, parked) = set_aside(store, &mut make, ParkReason::Unlinked, Link::default()).await;
    let link = store.resolve_parked(parked.id, Resolution::Link(customer), second(5));
    assert_eq!(link.await, Ok(true));
    let replayed = claim_inbox(store, second(5)).await;
    assert_eq!(replayed.len(), 1);
    assert_eq!((replayed[0].id, replayed[0].linked), (row, Some(customer)));
    assert_eq!(store.get_parked(parked.id).await, Ok(None));
}

/// "Nothing is to be done": it is gone from the list and never comes back.
pub async fn a_discarded_row_never_comes_back(store: &dyn Store) {
    let mut make = Maker::new(4);
    let (_, parked) = set_aside(store, &mut make, ParkReason::Duplicate, Link::default()).await;
    let discard = async || {
        store
            .resolve_parked(parked.id, Resolution::Discard, second(5))
            .await
    };
    assert_eq!(discard().await, Ok(true));
    assert_eq!(discard().await, Ok(false));
    assert_eq!(store.get_parked(parked.id).await, Ok(None));
    assert_eq!(claim_inbox(store, second(9_999)).await, []);
}

/// "Set aside (with an entry in `Commit::parked`) rather than done": by a
/// decision, in its transaction; and put back like any other.
pub async fn a_commit_sets_aside_what_it_could_not_decide(store: &dyn Store) {
    let mut make = Maker::new(5);
    let held = newcomer(store, &mut make).await;
    let delivery = make.delivery();
    let row = receive_and_claim(store, &mut make, delivery).await;
    let parked = Parked {
        customer: Some(held.account.customer.id),
        ..make.parked_row(ParkReason::AmountMismatch, row.id)
    };
    // Something set aside without any row, as a payment that is too late.
    let bare = make.parked(ParkReason::LatePayment);
    let mut commit = next_commit(&held, &held.account, second(1));
    commit.parked = vec![parked.clone(), bare.clone()];
    commit.inbox.push(InboxMark {
        id: row.id,
        fence: row.fence,
        parked: true,
    });
    store.commit(commit).await.expect("the claim stands");
    assert_eq!(claim_inbox(store, second(9_999)).await, []);
    for held in [&parked, &bare] {
        let found = store.get_parked(held.id).await;
        assert_eq!(found, Ok(Some(held.clone())));
        let replay = store.resolve_parked(held.id, Resolution::Replay, second(2));
        assert_eq!(replay.await, Ok(true));
    }
    let replayed = claim_inbox(store, second(2)).await;
    assert_eq!(replayed.len(), 1);
    assert_eq!(replayed[0].id, row.id);
}

/// "Waits for nobody any more": what a decision has solved leaves the list, and is
/// resolved no more; what there is not, or is resolved, is nothing.
pub async fn a_commit_closes_what_it_has_solved(store: &dyn Store) {
    let mut make = Maker::new(5);
    let held = newcomer(store, &mut make).await;
    let (first, second_one) = (
        make.parked(ParkReason::AmountMismatch),
        make.parked(ParkReason::AmountMismatch),
    );
    let mut commit = next_commit(&held, &held.account, second(1));
    commit.parked = vec![first.clone(), second_one.clone()];
    store.commit(commit).await.expect("the first");
    for at in [2, 3] {
        let held = reload(store, &held.account).await;
        let mut commit = next_commit(&held, &held.account, second(at));
        commit.solved = vec![first.id, make.id::<ParkedId>()];
        store.commit(commit).await.expect("solved");
        assert_eq!(store.get_parked(first.id).await, Ok(None));
        let kept = store.get_parked(second_one.id).await;
        assert_eq!(kept, Ok(Some(second_one.clone())));
    }
    let over = store.resolve_parked(first.id, Resolution::Discard, second(4));
    assert_eq!(over.await, Ok(false));
}

/// "Given up rather than done; an operator may have it tried again": under its
/// own key, its attempts counted from none.
pub async fn a_dead_effect_can_be_tried_again(store: &dyn Store) {
    let mut make = Maker::new(6);
    let held = newcomer(store, &mut make).await;
    let effect = make.effect();
    let mut commit = next_commit(&held, &held.account, second(0));
    commit.effects.push(NewEffect {
        effect: effect.clone(),
        leased_until: None,
    });
    store.commit(commit).await.expect("the effect is stored");
    let claimed = claim_outbox(store, second(0)).await.remove(0);
    let release = Release {
        row: Claimed::Outbox(effect.id),
        fence: claimed.fence,
        retry_at: second(1),
        counts: true,
    };
    assert_eq!(store.release(release).await, Ok(true));
    let claimed = claim_outbox(store, second(1)).await.remove(0);
    assert_eq!(claimed.attempts, 1);

    let parked = Parked {
        customer: Some(held.account.customer.id),
        effect: Some(effect.id),
        ..make.parked(ParkReason::AttemptsExhausted)
    };
    let loaded = reload(store, &held.account).await;
    let mut giving_up = next_commit(&loaded, &loaded.account, second(2));
    giving_up.parked.push(parked.clone());
    giving_up.outbox.push(OutboxMark {
        id: effect.id,
        fence: claimed.fence,
        dead: true,
    });
    store.commit(giving_up).await.expect("the claim stands");
    assert_eq!(claim_outbox(store, second(9_999)).await, []);
    assert_eq!(store.get_parked(parked.id).await, Ok(Some(parked.clone())));

    let replay = store.resolve_parked(parked.id, Resolution::Replay, second(3));
    assert_eq!(replay.await, Ok(true));
    let again = claim_outbox(store, second(3)).await;
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].effect, again[0].attempts), (&effect, 0));
    assert!(again[0].fence > claimed.fence);
}

/// "A parked `unlinked` inbox row MUST go back to its queue when a commit makes
/// one of its provider references … known": that one and no other, once.
pub async fn an_unlinked_row_wakes_when_its_reference_is_known(store: &dyn Store) {
    let mut make = Maker::new(7);
    let held = newcomer(store, &mut make).await;
    let (known, unknown) = (
        make.reference(RefKind::Subscription),
        make.reference(RefKind::Subscription),
    );
    let to = |refs| Link {
        refs,
        ..Link::default()
    };
    let both = to(vec![unknown.clone(), known.clone()]);
    let (row, parked) = set_aside(store, &mut make, ParkReason::Unlinked, both).await;
    let other = to(vec![unknown]);
    let (_, waits) = set_aside(store, &mut make, ParkReason::Unlinked, other).await;
    // Whoever waits for a person is not woken by a reference.
    let same = to(vec![known.clone()]);
    let (_, conflict) = set_aside(store, &mut make, ParkReason::Conflict, same).await;

    let mut commit = next_commit(&held, &held.account, second(5));
    commit.changes.refs.push(known);
    store.commit(commit).await.expect("a free reference");
    woken(store, row, &parked).await;
    for still in [waits, conflict] {
        let found = store.get_parked(still.id).await;
        assert_eq!(found, Ok(Some(still)));
    }
}

/// "… when a commit makes one of its … checkout … known".
pub async fn an_unlinked_row_wakes_when_its_checkout_is_known(store: &dyn Store) {
    let mut make = Maker::new(8);
    let held = newcomer(store, &mut make).await;
    let checkout = make.checkout(CheckoutState::Opening);
    let link = Link {
        checkout: Some(checkout.id),
        ..Link::default()
    };
    let (row, parked) = set_aside(store, &mut make, ParkReason::Unlinked, link).await;
    let mut after = held.account.clone();
    after.put_checkout(checkout);
    let commit = next_commit(&held, &after, second(5));
    store.commit(commit).await.expect("a new checkout");
    woken(store, row, &parked).await;
}

/// "… when a commit makes one of its … customer known".
pub async fn an_unlinked_row_wakes_when_its_customer_is_known(store: &dyn Store) {
    let mut make = Maker::new(9);
    let account = make.account();
    let customer: CustomerId = account.customer.id;
    let link = Link {
        customer: Some(customer),
        ..Link::default()
    };
    let (row, parked) = set_aside(store, &mut make, ParkReason::Unlinked, link).await;
    newcomer(store, &mut make).await;
    let found = store.get_parked(parked.id).await;
    assert_eq!(found, Ok(Some(parked.clone())), "another customer's coming");
    create(store, &account, second(5)).await;
    woken(store, row, &parked).await;
}

/// "Back to its queue", once: whoever was put back and is set aside anew, for
/// another reason, waits for a person and not for what it named before.
pub async fn a_row_set_aside_anew_waits_for_its_new_reason(store: &dyn Store) {
    let mut make = Maker::new(10);
    let held = newcomer(store, &mut make).await;
    let reference = make.reference(RefKind::Subscription);
    let link = Link {
        refs: vec![reference.clone()],
        ..Link::default()
    };
    let (row, parked) = set_aside(store, &mut make, ParkReason::Unlinked, link).await;
    let replay = store.resolve_parked(parked.id, Resolution::Replay, second(1));
    assert_eq!(replay.await, Ok(true));
    let claimed = claim_inbox(store, second(1)).await;
    let anew = make.parked_row(ParkReason::Conflict, row);
    let aside = store.park_inbox(row, claimed[0].fence, anew.clone());
    assert_eq!(aside.await, Ok(true));

    let mut commit = next_commit(&held, &held.account, second(5));
    commit.changes.refs.push(reference);
    store.commit(commit).await.expect("a free reference");
    assert_eq!(claim_inbox(store, second(9_999)).await, []);
    assert_eq!(store.get_parked(anew.id).await, Ok(Some(anew)));
}

/// "`false`: … it has been resolved before": of many who decide at the same
/// instant, one is heard.
pub async fn of_many_resolutions_at_once_one_is_carried_out(store: &dyn Store) {
    let mut make = Maker::new(11);
    let (_, parked) = set_aside(store, &mut make, ParkReason::Conflict, Link::default()).await;
    let answers = together(CALLERS, |_| {
        store.resolve_parked(parked.id, Resolution::Replay, second(1))
    });
    let heard = answers.iter().filter(|answer| **answer == Ok(true)).count();
    let late = answers
        .iter()
        .filter(|answer| **answer == Ok(false))
        .count();
    assert_eq!((heard, late), (1, CALLERS - 1), "{answers:?}");
    assert_eq!(claim_inbox(store, second(1)).await.len(), 1);
}

async fn woken(store: &dyn Store, row: InboxId, parked: &Parked) {
    let woken = claim_inbox(store, second(5)).await;
    assert_eq!(woken.len(), 1, "only what is known now");
    assert_eq!(woken[0].id, row);
    assert_eq!(store.get_parked(parked.id).await, Ok(None));
    let again = store.resolve_parked(parked.id, Resolution::Replay, second(5));
    assert_eq!(again.await, Ok(false), "it has been resolved");
}

/// Receives something tied to `link` and sets it aside.
async fn set_aside(
    store: &dyn Store,
    make: &mut Maker,
    reason: ParkReason,
    link: Link,
) -> (InboxId, Parked) {
    let delivery = make.linked_delivery(link);
    let row = receive_and_claim(store, make, delivery).await;
    let parked = make.parked_row(reason, row.id);
    let aside = store.park_inbox(row.id, row.fence, parked.clone()).await;
    assert_eq!(aside, Ok(true), "the claim stands");
    (row.id, parked)
}
