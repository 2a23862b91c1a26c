//! `receive` and replies: a delivery is stored once, for ever.

use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::time::shifted;
use billing_ports::Store;
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::store::{CommitError, NewReply, Received, Taken};

use super::support::{
    CALLERS, claim_inbox, newcomer, receive_and_claim, reload, second, taken, together,
};
use crate::fixtures::{Maker, next_commit, provider};

/// "`receive` MUST store a delivery once per (provider account, event id), for ever."
pub async fn an_event_is_received_once_however_many_bring_it(store: &dyn Store) {
    let mut make = Maker::new(1);
    let delivery = make.delivery();
    let ids: Vec<_> = (0..CALLERS).map(|_| make.id()).collect();
    let answers = together(CALLERS, |caller| {
        store.receive(ids[caller], delivery.clone(), second(0))
    });
    let stored: Vec<_> = answers
        .iter()
        .filter(|answer| **answer != Ok(Received::Known))
        .collect();
    assert_eq!(stored.len(), 1, "one is new: {answers:?}");
    let waiting = claim_inbox(store, second(1)).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(stored, [&Ok(Received::New(waiting[0].id))]);
    let again = store.receive(make.id(), delivery, second(99)).await;
    assert_eq!(again, Ok(Received::Known), "known while it is claimed");
}

/// "Once per (provider account, event id)": two accounts may use one id.
pub async fn the_same_event_id_of_another_account_is_another_event(store: &dyn Store) {
    let mut make = Maker::new(2);
    let here = make.delivery();
    for account in ["stripe/main", "stripe/eu", "sandbox/eu"] {
        let there = Delivery {
            account: provider(account),
            ..here.clone()
        };
        let id = make.id();
        let received = store.receive(id, there, make.now).await;
        assert_eq!(received, Ok(Received::New(id)), "{account}");
    }
    assert_eq!(claim_inbox(store, make.now).await.len(), 3);
}

/// "`receive` MUST store a delivery", whatever characters its words have: what is
/// genuine is not sent back because a database has no place for a zero.
pub async fn a_delivery_is_stored_whatever_characters_it_has(store: &dyn Store) {
    let mut make = Maker::new(5);
    let fact = Observed {
        fact: Fact::PaymentFailed {
            invoice: make.id(),
            reason: "declined\0\u{1}\u{1f980}".to_owned(),
        },
        at: make.now,
        link: Link::default(),
    };
    let told = Delivery {
        event_id: "evt\0".to_owned(),
        kind: "payment\0failed".to_owned(),
        reading: Reading::Facts(vec![fact]),
        ..make.delivery()
    };
    let unreadable = Delivery {
        reading: Reading::Unreadable {
            why: "unknown kind `\0`".to_owned(),
            at: None,
        },
        ..make.delivery()
    };
    for delivery in [told, unreadable] {
        let item = receive_and_claim(store, &mut make, delivery.clone()).await;
        assert_eq!(item.delivery.body, delivery.body, "the evidence is exact");
        let again = store.receive(make.id(), delivery, make.now).await;
        assert_eq!(again, Ok(Received::Known));
    }
}

/// What is claimed is what was received: every kind of fact, what could not be
/// read, and the exact bytes.
pub async fn a_delivery_is_claimed_as_it_was_received(store: &dyn Store) {
    let mut make = Maker::new(3);
    let facts = Delivery {
        reading: Reading::Facts(make.every_fact()),
        ..make.delivery()
    };
    let nothing = Delivery {
        reading: Reading::Facts(Vec::new()),
        body: bytes::Bytes::new(),
        ..make.delivery()
    };
    let sent_at = Some(shifted(make.now, -super::support::LEASE));
    for delivery in [
        facts,
        nothing,
        make.unreadable(sent_at),
        make.unreadable(None),
    ] {
        let item = receive_and_claim(store, &mut make, delivery.clone()).await;
        assert_eq!(item.delivery, delivery);
        assert_eq!(item.received_at, make.now);
        assert_eq!((item.linked, item.attempts), (None, 0));
    }
}

/// "Answers to our own calls, received and decided in one step: stored as
/// done", in the same transaction; "the event has been received before"
/// refuses the commit, whole.
pub async fn a_reply_is_stored_with_its_commit_or_not_at_all(store: &dyn Store) {
    let mut make = Maker::new(4);
    let held = newcomer(store, &mut make).await;
    let reply = make.delivery();
    let mut commit = next_commit(&held, &held.account, second(1));
    commit.replies.push(NewReply {
        id: make.id(),
        delivery: reply.clone(),
    });
    let revision = store.commit(commit.clone()).await.expect("a fresh reply");
    assert_eq!(claim_inbox(store, second(9)).await, [], "stored as done");
    let again = store.receive(make.id(), reply, second(9)).await;
    assert_eq!(again, Ok(Received::Known));

    let mut after = held.account.clone();
    after.customer.email = None;
    let loaded = reload(store, &held.account).await;
    let mut repeated = next_commit(&loaded, &after, second(2));
    repeated.replies = commit.replies;
    for reply in &mut repeated.replies {
        reply.id = make.id();
    }
    let refused: Result<_, CommitError> = store.commit(repeated).await;
    assert_eq!(refused, taken(Taken::Delivery));
    let now = reload(store, &held.account).await;
    assert_eq!((now.account, now.revision), (held.account, revision));
}
