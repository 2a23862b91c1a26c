//! The inbox as it is kept: walked whole, in the order of receipt.

use billing_domain::ids::InboxId;
use billing_domain::parked::ParkReason;
use billing_ports::Store;
use billing_ports::delivery::Delivery;
use billing_ports::store::{KeptDelivery, KeptState, NewReply, Resolution};
use bytes::Bytes;

use super::support::{claim_inbox, newcomer, second};
use crate::fixtures::{Maker, next_commit, provider};

/// "The inbox in the order of receipt, everybody's …; replies to our own calls among
/// them": every row once, however few are asked for, with how far it has come and
/// without its bytes. "Whether a delivery of this event was stored, however far it has
/// come": each of them, at its own account and no other.
pub async fn the_inbox_is_walked_in_the_order_of_receipt(store: &dyn Store) {
    let mut make = Maker::new(41);
    let held = newcomer(store, &mut make).await;
    let mut kept = Vec::new();
    let states = [
        KeptState::Parked,
        KeptState::Discarded,
        KeptState::Waiting,
        KeptState::Waiting,
    ];
    for (state, at) in states.into_iter().zip(0_i64..) {
        let delivery = if state == KeptState::Discarded {
            make.unreadable(Some(make.now))
        } else {
            make.delivery()
        };
        let id: InboxId = make.id();
        let received = store.receive(id, delivery.clone(), second(at)).await;
        assert!(received.is_ok(), "{received:?}");
        kept.push(KeptDelivery {
            id,
            delivery: Delivery {
                body: Bytes::new(),
                ..delivery
            },
            linked: None,
            received_at: second(at),
            state,
        });
    }
    let reply = make.delivery();
    let mut commit = next_commit(&held, &held.account, second(9));
    let id = make.id();
    commit.replies.push(NewReply {
        id,
        delivery: reply.clone(),
    });
    store.commit(commit).await.expect("a fresh reply");
    kept.push(KeptDelivery {
        id,
        delivery: Delivery {
            body: Bytes::new(),
            ..reply
        },
        linked: None,
        received_at: second(9),
        state: KeptState::Decided,
    });
    for item in claim_inbox(store, second(99)).await {
        let parked = make.parked_row(ParkReason::Unreadable, item.id);
        let state = kept.iter().find(|row| row.id == item.id);
        let state = state.expect("one of these").state;
        if state == KeptState::Waiting {
            continue;
        }
        let aside = store.park_inbox(item.id, item.fence, parked.clone()).await;
        assert_eq!(aside, Ok(true));
        if state == KeptState::Discarded {
            let done = store.resolve_parked(parked.id, Resolution::Discard, second(99));
            assert_eq!(done.await, Ok(true));
        }
    }
    // The last one that waits is linked by hand.
    let last = kept.iter_mut().rfind(|row| row.state == KeptState::Waiting);
    let last = last.expect("one waits");
    let item = claim_inbox(store, second(9_999)).await;
    let item = item.iter().find(|item| item.id == last.id);
    let parked = make.parked_row(ParkReason::Unlinked, last.id);
    let fence = item.expect("its lease is over").fence;
    let aside = store.park_inbox(last.id, fence, parked.clone()).await;
    assert_eq!(aside, Ok(true));
    let customer = held.account.customer.id;
    let linked = store.resolve_parked(parked.id, Resolution::Link(customer), second(9_999));
    assert_eq!(linked.await, Ok(true));
    last.linked = Some(customer);

    for limit in [1, 2, 100] {
        let mut walked: Vec<KeptDelivery> = Vec::new();
        loop {
            let after = walked.last().map(|row| row.id);
            let rows = store.walk_inbox(after, limit).await.expect("a page");
            assert!(rows.len() <= usize::from(limit));
            if rows.is_empty() {
                break;
            }
            walked.extend(rows);
        }
        assert_eq!(walked, kept, "by {limit}");
    }
    let elsewhere = provider("sandbox/elsewhere");
    for row in &kept {
        let event = &row.delivery.event_id;
        let known = store.has_received(&row.delivery.account, event).await;
        assert_eq!(known, Ok(true), "{row:?}");
        let unknown = store.has_received(&elsewhere, event).await;
        assert_eq!(unknown, Ok(false), "of another account");
        let longer = format!("{event}0");
        let unknown = store.has_received(&row.delivery.account, &longer).await;
        assert_eq!(unknown, Ok(false), "no event of this name came");
    }
}
