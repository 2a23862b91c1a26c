//! `sweep`: what has been kept long enough goes, what is pending never does.

use billing_domain::change::{Change, ChangeState};
use billing_domain::fact::Link;
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::quote::Quote;
use billing_domain::time::Timestamp;
use billing_ports::Store;
use billing_ports::store::{
    InboxMark, NewEffect, OutboxMark, Received, Remembered, Resolution, Session, Sweep,
};

use super::support::{
    PLENTY, claim_inbox, claim_outbox, newcomer, receive_and_claim, reload, second,
};
use crate::fixtures::{Maker, next_commit, secret};

/// After everything that these tests write.
const LATER: i64 = 100_000;

/// "Bodies of settled inbox rows received before this are emptied; the rows'
/// event ids stay for ever": a repeated delivery is known after any sweep.
pub async fn an_event_is_known_after_its_body_is_gone(store: &dyn Store) {
    let mut make = Maker::new(1);
    let mut deliveries = Vec::new();
    for _ in 0..3 {
        let delivery = make.delivery();
        let row = receive_and_claim(store, &mut make, delivery.clone()).await;
        let mark = InboxMark {
            id: row.id,
            fence: row.fence,
            parked: false,
        };
        assert_eq!(store.settle_inbox(mark, second(1)).await, Ok(true));
        deliveries.push(delivery);
    }
    assert_eq!(store.sweep(before(make.now, 2)).await, Ok(0), "not yet old");
    for swept in [2, 1, 0] {
        let sweep = before(second(LATER), 2);
        assert_eq!(store.sweep(sweep).await, Ok(swept), "by the limit");
    }
    for delivery in deliveries {
        let again = store.receive(make.id(), delivery, second(LATER)).await;
        assert_eq!(again, Ok(Received::Known));
    }
    assert_eq!(claim_inbox(store, second(LATER)).await, []);
}

/// "Settled outbox rows … from before this are removed", "at most so many rows of each".
pub async fn settled_effects_are_removed(store: &dyn Store) {
    let mut make = Maker::new(2);
    order(store, &mut make, 3).await;
    for item in claim_outbox(store, second(1)).await {
        let mark = OutboxMark {
            id: item.effect.id,
            fence: item.fence,
            dead: false,
        };
        assert_eq!(store.settle_effect(mark, second(1)).await, Ok(true));
    }
    assert_eq!(store.sweep(before(make.now, 2)).await, Ok(0), "not yet old");
    for swept in [2, 1, 0] {
        let sweep = before(second(LATER), 2);
        assert_eq!(store.sweep(sweep).await, Ok(swept), "by the limit");
    }
}

/// "Idempotency answers and ended sessions from before this are removed": the
/// key may be used again.
pub async fn answers_and_ended_sessions_are_removed(store: &dyn Store) {
    let mut make = Maker::new(3);
    let held = newcomer(store, &mut make).await;
    let fresh = remember(store, 0).await;
    assert_eq!(fresh, Remembered::Fresh);
    let answered = store.answer("key_1", "a", 200, None).await;
    assert_eq!(answered, Ok(()));
    let session = Session {
        id: make.id(),
        customer: held.account.customer.id,
        expires_at: second(10),
    };
    store.add_session(session, secret(1)).await.expect("stored");
    assert_eq!(store.sweep(before(make.now, PLENTY)).await, Ok(0));
    let sweep = before(second(LATER), PLENTY);
    assert_eq!(store.sweep(sweep).await, Ok(2));
    assert_eq!(store.sweep(sweep).await, Ok(0));
    assert_eq!(remember(store, LATER).await, Remembered::Fresh);
}

/// What is pending is never swept: rows and effects that wait, what a person
/// may still replay, requests at hand, sessions that have not ended.
pub async fn what_is_pending_is_never_swept(store: &dyn Store) {
    let mut make = Maker::new(4);
    // An unlinked row, set aside.
    let delivery = make.linked_delivery(Link::default());
    let row = receive_and_claim(store, &mut make, delivery.clone()).await;
    let parked = make.parked_row(ParkReason::Unlinked, row.id);
    let aside = store.park_inbox(row.id, row.fence, parked.clone()).await;
    assert_eq!(aside, Ok(true));
    // An effect that was given up, and one that waits.
    order(store, &mut make, 1).await;
    let given_up = claim_outbox(store, second(1)).await.remove(0);
    let dead = Parked {
        effect: Some(given_up.effect.id),
        ..make.parked(ParkReason::AttemptsExhausted)
    };
    give_up(store, &given_up, dead.clone()).await;
    order(store, &mut make, 1).await;
    // A row that waits, a request at hand, a session.
    let waiting = make.delivery();
    let id = make.id();
    let received = store.receive(id, waiting.clone(), second(1)).await;
    assert_eq!(received, Ok(Received::New(id)));
    assert_eq!(remember(store, 0).await, Remembered::Fresh);
    let session = Session {
        id: make.id(),
        customer: given_up.customer,
        expires_at: second(LATER + 1),
    };
    let stored = store.add_session(session.clone(), secret(1)).await;
    assert_eq!(stored, Ok(()));

    let sweep = before(second(LATER), PLENTY);
    assert_eq!(store.sweep(sweep).await, Ok(0));

    for held in [parked, dead] {
        let replay = store.resolve_parked(held.id, Resolution::Replay, second(LATER));
        assert_eq!(replay.await, Ok(true));
    }
    let inbox = claim_inbox(store, second(LATER)).await;
    let mut bodies: Vec<_> = inbox.into_iter().map(|item| item.delivery).collect();
    bodies.sort_by_key(|held| held.event_id != delivery.event_id);
    assert_eq!(bodies, [delivery, waiting], "with their bodies");
    assert_eq!(claim_outbox(store, second(LATER)).await.len(), 2);
    assert_eq!(remember(store, LATER).await, Remembered::Busy);
    let found = store.find_session(secret(1), second(LATER)).await;
    assert_eq!(found, Ok(Some(session)));
}

/// "Quotes that ended before this are removed", by the limit; one that can
/// still be accepted stays, and so does what a quote became.
pub async fn expired_quotes_are_removed(store: &dyn Store) {
    let mut make = Maker::new(5);
    let held = newcomer(store, &mut make).await;
    let (customer, subscription) = (held.account.customer.id, make.id());
    let mut quotes = Vec::new();
    for expires in [10, 10, 10, 20] {
        let quote = Quote {
            expires_at: second(expires),
            ..make.quote(customer, subscription)
        };
        assert_eq!(store.put_quote(&quote, held.revision).await, Ok(true));
        quotes.push(quote);
    }
    let mut after = held.account.clone();
    after.put_change(Change {
        quote: quotes[0].clone(),
        ..make.change(customer, subscription, ChangeState::Scheduled)
    });
    let commit = next_commit(&held, &after, second(1));
    store.commit(commit).await.expect("stored");
    let sweep = before(second(10), PLENTY);
    assert_eq!(store.sweep(sweep).await, Ok(0), "not before this");
    for swept in [2, 1, 0] {
        let sweep = before(second(20), 2);
        assert_eq!(store.sweep(sweep).await, Ok(swept), "by the limit");
    }
    for quote in &quotes[..3] {
        assert_eq!(store.get_quote(quote.id).await, Ok(None));
    }
    let kept = quotes[3].clone();
    assert_eq!(store.get_quote(kept.id).await, Ok(Some(kept)));
    let account = reload(store, &held.account).await.account;
    assert_eq!(account.changes, after.changes);
}

const fn before(instant: Timestamp, limit: u16) -> Sweep {
    Sweep {
        inbox_bodies_before: instant,
        rows_before: instant,
        limit,
    }
}

async fn remember(store: &dyn Store, at: i64) -> Remembered {
    let until = second(LATER + 1);
    let begun = store.remember("key_1", "a", secret(9), second(at), until);
    begun.await.expect("the store answers")
}

/// A customer with so many effects, due at once.
async fn order(store: &dyn Store, make: &mut Maker, count: usize) {
    let held = newcomer(store, make).await;
    let mut commit = next_commit(&held, &held.account, second(0));
    for _ in 0..count {
        commit.effects.push(NewEffect {
            effect: make.effect(),
            leased_until: None,
        });
    }
    commit.wake_at = None;
    store.commit(commit).await.expect("effects are stored");
}

async fn give_up(store: &dyn Store, item: &billing_ports::store::OutboxItem, parked: Parked) {
    let also = billing_ports::store::Also::default();
    let held = store.load(item.customer, &also).await;
    let held = held.expect("the store answers").expect("it is known");
    let mut commit = next_commit(&held, &held.account, second(2));
    commit.parked.push(parked);
    commit.outbox.push(OutboxMark {
        id: item.effect.id,
        fence: item.fence,
        dead: true,
    });
    store.commit(commit).await.expect("the claim stands");
    assert_eq!(reload(store, &held.account).await.account, held.account);
}
