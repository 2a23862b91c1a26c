//! The ring's door: load, receive, claim, release, commit.

use async_trait::async_trait;
use billing_domain::customer::Customer;
use billing_domain::ids::{CustomerId, InboxId, ParkedId};
use billing_domain::parked::Parked;
use billing_domain::provider::ProviderRef;
use billing_domain::time::Timestamp;
use billing_ports::delivery::Delivery;
use billing_ports::store::{
    Also, Claimed, Claiming, Commit, CommitError, DueCustomer, Fence, InboxItem, InboxMark, Loaded,
    Locator, MAX_OF_MAILBOX, NextWork, OutboxItem, OutboxMark, Received, Release, Resolution,
    Revision, Ring, StoreError, Sweep,
};

use super::snapshot::RowState;
use super::{Call, MemoryStore, State};

#[async_trait]
impl Ring for MemoryStore {
    async fn find(&self, by: &Locator) -> Result<Option<CustomerId>, StoreError> {
        self.call(Call::Load, |state| Ok(state.books.find(by)))
    }

    async fn is_shared(&self, object: &ProviderRef) -> Result<bool, StoreError> {
        self.call(Call::Load, |state| Ok(state.books.is_shared(object)))
    }

    async fn of_mailbox(&self, mailbox: &str) -> Result<Vec<Customer>, StoreError> {
        let limit = usize::try_from(MAX_OF_MAILBOX).unwrap_or(usize::MAX);
        self.call(Call::Load, |state| {
            let shelves = state.books.shelves.values();
            let found = shelves.filter(|held| held.customer.mailbox().as_deref() == Some(mailbox));
            let found = found.map(|held| held.customer.clone());
            Ok(found.take(limit).collect())
        })
    }

    async fn load(&self, id: CustomerId, also: &Also) -> Result<Option<Loaded>, StoreError> {
        self.call(Call::Load, |state| {
            state.loads = state.loads.saturating_add(1);
            Ok(state.books.shelves.get(&id).map(|shelf| shelf.load(also)))
        })
    }

    async fn commit(&self, commit: Commit) -> Result<Revision, CommitError> {
        let customer = Some(commit.customer);
        let committed = self.record(
            Call::Commit,
            customer,
            |_| true,
            |state| state.commit(commit),
        );
        self.wake();
        committed
    }

    async fn receive(
        &self,
        id: InboxId,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<Received, StoreError> {
        let received = self.call(Call::Receive, |state| {
            if state.mail.knows_event(&delivery) {
                return Ok(Received::Known);
            }
            state.mail.store(id, delivery, now, false);
            Ok(Received::New(id))
        });
        self.wake();
        received
    }

    async fn claim_due(&self, ask: Claiming) -> Result<Vec<DueCustomer>, StoreError> {
        self.call(Call::Claim, |state| {
            let claims = state.books.due.claim(ask).into_iter();
            let due = claims.map(|claim| DueCustomer {
                customer: claim.key,
                due_at: claim.due,
                fence: claim.fence,
            });
            Ok(due.collect())
        })
    }

    async fn claim_inbox(&self, ask: Claiming) -> Result<Vec<InboxItem>, StoreError> {
        self.call(Call::Claim, |state| {
            let mail = &mut state.mail;
            let claims = mail.inbox_queue.claim(ask).into_iter();
            let items = claims.filter_map(|claim| {
                let row = mail.inbox.get(&claim.key)?;
                Some(InboxItem {
                    id: claim.key,
                    delivery: row.delivery.clone(),
                    linked: row.linked,
                    received_at: row.received_at,
                    attempts: claim.attempts,
                    fence: claim.fence,
                })
            });
            Ok(items.collect())
        })
    }

    async fn claim_outbox(&self, ask: Claiming) -> Result<Vec<OutboxItem>, StoreError> {
        self.call(Call::Claim, |state| {
            let mail = &mut state.mail;
            let claims = mail.outbox_queue.claim(ask).into_iter();
            let items = claims.filter_map(|claim| {
                let row = mail.outbox.get(&claim.key)?;
                Some(OutboxItem {
                    customer: row.customer,
                    effect: row.effect.clone(),
                    attempts: claim.attempts,
                    fence: claim.fence,
                })
            });
            Ok(items.collect())
        })
    }

    async fn release(&self, release: Release) -> Result<bool, StoreError> {
        self.call(Call::Release, |state| Ok(state.release(release)))
    }

    async fn park_inbox(
        &self,
        id: InboxId,
        fence: Fence,
        parked: Parked,
    ) -> Result<bool, StoreError> {
        self.call(Call::Park, |state| {
            let held = state.mail.inbox_queue.holds(id, fence);
            if held {
                state.mail.settle_inbox(id, RowState::Parked);
                state.mail.park(parked);
            }
            Ok(held)
        })
    }

    async fn settle_effect(&self, mark: OutboxMark, now: Timestamp) -> Result<bool, StoreError> {
        self.call(Call::Settle, |state| {
            let held = state.mail.outbox_queue.holds(mark.id, mark.fence);
            if held {
                let state_now = if mark.dead {
                    RowState::Dead
                } else {
                    RowState::Done
                };
                state.mail.settle_outbox(mark.id, state_now, now);
            }
            Ok(held)
        })
    }

    async fn settle_inbox(&self, mark: InboxMark, _now: Timestamp) -> Result<bool, StoreError> {
        self.call(Call::Settle, |state| {
            let held = state.mail.inbox_queue.holds(mark.id, mark.fence);
            if held {
                let state_now = if mark.parked {
                    RowState::Parked
                } else {
                    RowState::Done
                };
                state.mail.settle_inbox(mark.id, state_now);
            }
            Ok(held)
        })
    }

    async fn resolve_parked(
        &self,
        id: ParkedId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let customer = match resolution {
            Resolution::Link(customer) => Some(customer),
            Resolution::Replay | Resolution::Discard => None,
        };
        let resolved = self.record(
            Call::Resolve,
            customer,
            |resolved| *resolved,
            |state| Ok(state.mail.resolve(id, resolution, now)),
        );
        self.wake();
        resolved
    }

    async fn next_work(&self) -> Result<NextWork, StoreError> {
        self.call(Call::Load, |state| {
            Ok(NextWork {
                due: state.books.due.next(),
                inbox: state.mail.inbox_queue.next(),
                outbox: state.mail.outbox_queue.next(),
            })
        })
    }

    async fn sweep(&self, sweep: Sweep) -> Result<u64, StoreError> {
        self.call(Call::Sweep, |state| Ok(state.sweep(sweep)))
    }

    async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call(Call::Read, |_| Ok(()))
    }
}

impl State {
    fn release(&mut self, release: Release) -> bool {
        let Release {
            row,
            fence,
            retry_at,
            counts,
        } = release;
        match row {
            Claimed::Customer(id) => self.books.due.release(id, fence, retry_at, counts),
            Claimed::Inbox(id) => self.mail.inbox_queue.release(id, fence, retry_at, counts),
            Claimed::Outbox(id) => self.mail.outbox_queue.release(id, fence, retry_at, counts),
        }
    }
}
