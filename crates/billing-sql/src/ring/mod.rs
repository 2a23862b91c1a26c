//! The ring's door over SQL; each method in a module of its own below.

mod claim;
mod commit;
mod find;
pub(crate) mod kept;
mod links;
pub(crate) mod load;
mod next_work;
mod park;
mod parts;
pub(crate) mod receive;
mod refusal;
mod release;
mod sweep;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::customer::Customer;
use billing_domain::ids::{CustomerId, InboxId, ParkedId};
use billing_domain::parked::Parked;
use billing_domain::provider::ProviderRef;
use billing_domain::time::Timestamp;
use billing_ports::delivery::Delivery;
use billing_ports::store::{
    Also, Claiming, Commit, CommitError, DueCustomer, Fence, InboxItem, InboxMark, Loaded, Locator,
    NextWork, OutboxItem, OutboxMark, Received, Release, Resolution, Revision, Ring, StoreError,
    Sweep,
};
use sea_orm::ConnectionTrait;

use crate::bound::bounded;
use crate::database::Database;
use crate::fault::Fault;
use crate::store::SqlStore;
use crate::time::column;

#[async_trait]
impl<D: Database> Ring for SqlStore<D> {
    async fn find(&self, by: &Locator) -> Result<Option<CustomerId>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| find::find(on, by)).await?)
    }

    async fn is_shared(&self, object: &ProviderRef) -> Result<bool, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| find::is_shared(on, object)).await?)
    }

    async fn of_mailbox(&self, mailbox: &str) -> Result<Vec<Customer>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| find::of_mailbox(on, mailbox)).await?)
    }

    async fn load(&self, id: CustomerId, also: &Also) -> Result<Option<Loaded>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| load::load(on, id, also)).await?)
    }

    async fn commit(&self, commit: Commit) -> Result<Revision, CommitError> {
        let commit = Arc::new(commit);
        let write = commit::Write(Arc::clone(&commit));
        let fault = match self.record(write, Some(commit.customer), |_| true).await {
            Ok(revision) => {
                self.database().wake();
                return Ok(revision);
            }
            Err(fault) => fault,
        };
        if !fault.is_unmet() && !fault.is_unique() {
            return Err(fault.into());
        }
        let (on, taken) = (self.database().reader(), fault.taken());
        let refusal = self.read(|| refusal::refusal(on, &commit, taken)).await;
        Err(refusal.unwrap_or_else(|fault| CommitError::Store(fault.into())))
    }

    async fn receive(
        &self,
        id: InboxId,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<Received, StoreError> {
        let row = receive::row(id, &delivery, column(now))?;
        if !bounded(self.database().receive(row)).await? {
            return Ok(Received::Known);
        }
        self.database().wake();
        Ok(Received::New(id))
    }

    async fn claim_due(&self, ask: Claiming) -> Result<Vec<DueCustomer>, StoreError> {
        Ok(self.write(claim::ClaimDue(ask)).await?)
    }

    async fn claim_inbox(&self, ask: Claiming) -> Result<Vec<InboxItem>, StoreError> {
        Ok(self.write(claim::ClaimInbox(ask)).await?)
    }

    async fn claim_outbox(&self, ask: Claiming) -> Result<Vec<OutboxItem>, StoreError> {
        Ok(self.write(claim::ClaimOutbox(ask)).await?)
    }

    async fn release(&self, release: Release) -> Result<bool, StoreError> {
        let released = self.write(release::GiveBack(release)).await?;
        if released {
            self.database().wake();
        }
        Ok(released)
    }

    async fn park_inbox(
        &self,
        id: InboxId,
        fence: Fence,
        parked: Parked,
    ) -> Result<bool, StoreError> {
        held(self.write(park::SetAside { id, fence, parked }).await)
    }

    async fn settle_effect(&self, mark: OutboxMark, now: Timestamp) -> Result<bool, StoreError> {
        let settled = self.write(release::SettleEffect(mark, column(now))).await;
        Ok(settled?)
    }

    async fn settle_inbox(&self, mark: InboxMark, _now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.write(release::SettleInbox(mark)).await?)
    }

    async fn resolve_parked(
        &self,
        id: ParkedId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let at = column(now);
        let customer = match resolution {
            Resolution::Link(customer) => Some(customer),
            Resolution::Replay | Resolution::Discard => None,
        };
        let resolve = park::Resolve { id, resolution, at };
        let resolved = held(self.record(resolve, customer, |()| true).await)?;
        if resolved {
            self.database().wake();
        }
        Ok(resolved)
    }

    async fn next_work(&self) -> Result<NextWork, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| next_work::next_work(on)).await?)
    }

    async fn sweep(&self, sweep: Sweep) -> Result<u64, StoreError> {
        Ok(self.write(sweep::Remove(sweep)).await?)
    }

    async fn changed(&self) {
        self.database().changed().await;
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let on = self.database().reader();
        let ping = || async {
            on.execute_unprepared("select 1").await?;
            Ok(())
        };
        Ok(self.read(ping).await?)
    }
}

/// Whether a write happened that needs a row to be as it was.
fn held(result: Result<(), Fault>) -> Result<bool, StoreError> {
    match result {
        Ok(()) => Ok(true),
        Err(fault) if fault.is_unmet() => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}
