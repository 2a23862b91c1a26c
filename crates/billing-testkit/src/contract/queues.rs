//! The three queues as one: their laws are the same, and are proved on each.

use billing_domain::time::Timestamp;
use billing_ports::Store;
use billing_ports::store::{Claimed, Claiming, Fence, NewEffect, NextWork, Received};
use uuid::Uuid;

use super::support::{newcomer, second};
use crate::fixtures::{Maker, commit_of, creation};

/// A queue that workers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Due,
    Inbox,
    Outbox,
}

/// A row of any queue, claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) fence: Fence,
    /// Customers count none.
    pub(super) attempts: Option<u16>,
}

impl Queue {
    pub(super) const ALL: [Self; 3] = [Self::Due, Self::Inbox, Self::Outbox];

    /// Puts in `count` rows, the one of place `n` at second `n`; gives their
    /// ids by place. Made last to first, so that ids do not ascend with time.
    pub(super) async fn fill(self, store: &dyn Store, make: &mut Maker, count: usize) -> Vec<Uuid> {
        let mut ids = Vec::with_capacity(count);
        let mut effects = Vec::new();
        for second_of in (0..count).rev() {
            let at = second(i64::try_from(second_of).expect("a small number"));
            ids.push(match self {
                Self::Due => {
                    let mut commit = creation(&make.account(), make.now);
                    commit.wake_at = Some(at);
                    let id = commit.customer;
                    store.commit(commit).await.expect("a new customer");
                    id.uuid()
                }
                Self::Inbox => {
                    let id = make.id();
                    let received = store.receive(id, make.delivery(), at).await;
                    assert_eq!(received, Ok(Received::New(id)));
                    id.uuid()
                }
                Self::Outbox => {
                    let mut effect = make.effect();
                    effect.due_at = at;
                    let id = effect.id;
                    effects.push(NewEffect {
                        effect,
                        leased_until: None,
                    });
                    id.uuid()
                }
            });
        }
        if !effects.is_empty() {
            let held = newcomer(store, make).await;
            let mut commit = commit_of(held.account.customer.id, Some(held.revision), make.now);
            commit.effects = effects;
            store.commit(commit).await.expect("effects are stored");
        }
        ids.reverse();
        ids
    }

    pub(super) async fn claim(self, store: &dyn Store, ask: Claiming) -> Vec<Row> {
        match self {
            Self::Due => {
                let claimed = store.claim_due(ask).await.expect("customers are claimed");
                let rows = claimed.into_iter().map(|due| Row {
                    id: due.customer.uuid(),
                    fence: due.fence,
                    attempts: None,
                });
                rows.collect()
            }
            Self::Inbox => {
                let claimed = store.claim_inbox(ask).await.expect("inbox is claimed");
                let rows = claimed.into_iter().map(|item| Row {
                    id: item.id.uuid(),
                    fence: item.fence,
                    attempts: Some(item.attempts),
                });
                rows.collect()
            }
            Self::Outbox => {
                let claimed = store.claim_outbox(ask).await.expect("outbox is claimed");
                let rows = claimed.into_iter().map(|item| Row {
                    id: item.effect.id.uuid(),
                    fence: item.fence,
                    attempts: Some(item.attempts),
                });
                rows.collect()
            }
        }
    }

    /// The row of this queue with that id, to be released.
    pub(super) fn row(self, id: Uuid) -> Claimed {
        match self {
            Self::Due => Claimed::Customer(id.into()),
            Self::Inbox => Claimed::Inbox(id.into()),
            Self::Outbox => Claimed::Outbox(id.into()),
        }
    }

    /// What the store says of this queue.
    pub(super) const fn next(self, work: NextWork) -> Option<Timestamp> {
        match self {
            Self::Due => work.due,
            Self::Inbox => work.inbox,
            Self::Outbox => work.outbox,
        }
    }
}
