//! Settling: a claim ends with the commit that proves it, and a late worker
//! writes nothing.

use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_ports::Store;
use billing_ports::store::{
    CommitError, DueCustomer, Fence, NewEffect, OutboxMark, PageAsk, Revision,
};

use super::claims::{Claims, all_claimed, claim_again};
use super::support::{PLENTY, claim_inbox, claim_outbox, everything, newcomer, reload, second};
use crate::fixtures::{Maker, next_commit};

/// "`commit` MUST refuse … a claim whose fence is not the present one", of a
/// customer, an inbox row and an outbox row, and writes nothing; the present
/// holder's commit is accepted afterwards.
pub async fn a_late_workers_commit_is_refused_and_writes_nothing(store: &dyn Store) {
    let mut make = Maker::new(1);
    let (held, late) = all_claimed(store, &mut make, 0).await;
    let now = claim_again(store, 60).await;
    let nobodys = Claims {
        due: DueCustomer {
            fence: Fence(now.due.fence.0 + 1),
            ..now.due
        },
        ..now.clone()
    };
    for claims in [
        now.clone().with_due(&late),
        now.clone().with_inbox(&late),
        now.clone().with_outbox(&late),
        nobodys,
    ] {
        let mut commit = claims.settling(&held, false);
        commit.changes.customer = Some(held.account.customer.clone());
        let customer = held.account.customer.id;
        commit
            .journal
            .push(make.journal(customer, Event::PlanChanged));
        commit.effects.push(NewEffect {
            effect: make.effect(),
            leased_until: None,
        });
        assert_eq!(store.commit(commit).await, Err(CommitError::ClaimLost));
        assert_eq!(reload(store, &held.account).await, held);
        let all = PageAsk {
            after: None,
            limit: PLENTY,
        };
        let journal = store.list_journal(customer, all).await.expect("a page");
        assert_eq!(journal.rows, []);
        assert_eq!(claim_outbox(store, second(61)).await, []);
        assert_eq!(claim_inbox(store, second(61)).await, []);
    }
    assert_eq!(
        store.commit(now.settling(&held, false)).await,
        Ok(Revision(3))
    );
}

/// "The commit ends the claim": what it settled is never given again, and its
/// fences prove nothing any more, however the commit is repeated.
pub async fn what_is_settled_stays_settled(store: &dyn Store) {
    let mut make = Maker::new(2);
    let (held, claims) = all_claimed(store, &mut make, 0).await;
    store
        .commit(claims.settling(&held, false))
        .await
        .expect("the claims stand");
    let loaded = reload(store, &held.account).await;
    for again in [
        claims.settling_only_due(&loaded),
        claims.settling_only_inbox(&loaded),
        claims.settling_only_outbox(&loaded),
    ] {
        assert_eq!(store.commit(again).await, Err(CommitError::ClaimLost));
    }
    let (inbox, outbox) = (claims.inbox_mark(false), claims.outbox_mark(false));
    let later = second(9_999);
    assert_eq!(store.settle_inbox(inbox, later).await, Ok(false));
    assert_eq!(store.settle_effect(outbox, later).await, Ok(false));
    assert_eq!(claim_inbox(store, later).await, []);
    assert_eq!(claim_outbox(store, later).await, []);
    let due = store.claim_due(everything(later)).await;
    assert_eq!(due, Ok(Vec::new()), "nothing of the customer's falls due");
    assert_eq!(reload(store, &held.account).await, loaded);
}

/// "Proof that the customer is claimed …; the commit ends the claim", and
/// `wake_at` says when the next one may be had, lease or no lease.
pub async fn a_customer_wakes_when_its_commit_says(store: &dyn Store) {
    let mut make = Maker::new(3);
    let (held, claims) = all_claimed(store, &mut make, 0).await;
    let mut commit = claims.settling_only_due(&held);
    commit.wake_at = Some(second(30));
    store.commit(commit).await.expect("the claim stands");
    let sooner = store.claim_due(everything(second(29))).await;
    assert_eq!(sooner, Ok(Vec::new()));
    let due = store
        .claim_due(everything(second(30)))
        .await
        .expect("it answers");
    assert_eq!(due.len(), 1, "the lease ended with the commit");
    assert_eq!(due[0].due_at, second(30));
    assert!(due[0].fence > claims.due.fence);
}

/// "Give a row to one worker at a time": somebody else's commit, which relies
/// on no claim, takes the claim from nobody.
pub async fn a_commit_without_a_claim_leaves_claims_alone(store: &dyn Store) {
    let mut make = Maker::new(4);
    let (held, claims) = all_claimed(store, &mut make, 0).await;
    let mut foreground = next_commit(&held, &held.account, second(1));
    foreground.wake_at = Some(second(0));
    store
        .commit(foreground)
        .await
        .expect("it relies on no claim");
    let second_worker = store.claim_due(everything(second(2))).await;
    assert_eq!(second_worker, Ok(Vec::new()), "the claim stands");
    let stale = claims.settling(&held, false);
    assert_eq!(store.commit(stale).await, Err(CommitError::Conflict));
    let loaded = reload(store, &held.account).await;
    assert!(store.commit(claims.settling(&loaded, false)).await.is_ok());
}

/// "Marks an effect as done or dead …", "marks an inbox row as done …
/// `false`: the claim had passed to another worker"; and a late worker sets
/// nothing aside either.
pub async fn settling_without_a_decision_needs_the_claim(store: &dyn Store) {
    let mut make = Maker::new(5);
    let (_, late) = all_claimed(store, &mut make, 0).await;
    let now = claim_again(store, 60).await;
    let parked = make.parked_row(ParkReason::Unreadable, late.inbox.id);
    let at = second(61);
    let (inbox, outbox) = (late.inbox_mark(false), late.outbox_mark(false));
    assert_eq!(store.settle_inbox(inbox, at).await, Ok(false));
    assert_eq!(store.settle_effect(outbox, at).await, Ok(false));
    let setting_aside = store.park_inbox(late.inbox.id, late.inbox.fence, parked.clone());
    assert_eq!(setting_aside.await, Ok(false));
    assert_eq!(store.get_parked(parked.id).await, Ok(None));

    let (inbox, outbox) = (now.inbox_mark(false), now.outbox_mark(false));
    assert_eq!(store.settle_inbox(inbox, at).await, Ok(true));
    assert_eq!(store.settle_effect(outbox, at).await, Ok(true));
    let later = second(9_999);
    assert_eq!(claim_inbox(store, later).await, []);
    assert_eq!(claim_outbox(store, later).await, []);
}

/// "Until when the committing caller performs it by itself; then anybody's. …
/// A leased effect's first fence is `Fence(1)`."
pub async fn a_foreground_effect_is_its_callers_until_the_lease_ends(store: &dyn Store) {
    let mut make = Maker::new(6);
    let held = newcomer(store, &mut make).await;
    let effects = [make.effect(), make.effect()];
    let mut commit = next_commit(&held, &held.account, second(0));
    commit.effects = effects
        .iter()
        .map(|effect| NewEffect {
            effect: effect.clone(),
            leased_until: Some(second(30)),
        })
        .collect();
    store.commit(commit).await.expect("effects are stored");
    assert_eq!(claim_outbox(store, second(29)).await, [], "the caller's");
    let next = store.next_work().await.map(|work| work.outbox);
    assert_eq!(next, Ok(Some(second(30))));
    let mark = |place: usize| OutboxMark {
        id: effects[place].id,
        fence: Fence(1),
        dead: false,
    };
    assert_eq!(store.settle_effect(mark(0), second(29)).await, Ok(true));
    let claimed = claim_outbox(store, second(30)).await;
    assert_eq!(claimed.len(), 1, "one is left, and anybody's");
    assert_eq!(claimed[0].effect, effects[1]);
    assert!(claimed[0].fence > Fence(1));
    assert_eq!(store.settle_effect(mark(1), second(31)).await, Ok(false));
}

/// An effect is claimed as it was ordered, whatever the order.
pub async fn every_order_is_claimed_as_it_was_written(store: &dyn Store) {
    let mut make = Maker::new(7);
    let held = newcomer(store, &mut make).await;
    let customer = held.account.customer.id;
    let mut expected = Vec::new();
    for order in make.every_order(customer) {
        expected.push(make.ordered(order));
    }
    let mut commit = next_commit(&held, &held.account, second(0));
    commit.effects = expected
        .iter()
        .map(|effect| NewEffect {
            effect: effect.clone(),
            leased_until: None,
        })
        .collect();
    store.commit(commit).await.expect("effects are stored");
    let mut claimed = claim_outbox(store, second(0)).await;
    claimed.sort_by_key(|item| item.effect.id);
    assert!(claimed.iter().all(|item| item.customer == customer));
    let effects: Vec<_> = claimed.into_iter().map(|item| item.effect).collect();
    assert_eq!(effects, expected);
}
