//! The store as the engine's ring uses it: load, receive, claim, release, commit.

use async_trait::async_trait;
use billing_domain::customer::Customer;
use billing_domain::ids::{
    ChangeId, CheckoutId, CustomerId, InboxId, InvoiceId, LicenseId, ParkedId, SubscriptionId,
};
use billing_domain::parked::Parked;
use billing_domain::provider::ProviderRef;
use billing_domain::time::Timestamp;

use crate::delivery::Delivery;
use crate::store::commit::{Also, Commit, InboxMark, Loaded, OutboxMark, Revision};
use crate::store::error::{CommitError, StoreError};
use crate::store::queues::{
    Claiming, DueCustomer, Fence, InboxItem, OutboxItem, Received, Release,
};

/// What leads to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// Its own id.
    Customer(CustomerId),
    /// The host's name for it.
    ExternalRef(String),
    /// A checkout of its.
    Checkout(CheckoutId),
    /// A subscription of its.
    Subscription(SubscriptionId),
    /// An invoice of its.
    Invoice(InvoiceId),
    /// A change of its.
    Change(ChangeId),
    /// A license of its.
    License(LicenseId),
    /// A provider's object of its.
    Provider(ProviderRef),
}

/// Customers of one mailbox that are told: a family or a small office. Those
/// beyond are the youngest, who are found once the older ones are claimed.
pub const MAX_OF_MAILBOX: u64 = 32;

/// What a person decided about something parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Try again: the inbox row or the effect goes back to its queue, its
    /// attempts counted from none.
    Replay,
    /// It belongs to this customer: like replay, with the customer given.
    Link(CustomerId),
    /// Nothing is to be done.
    Discard,
}

/// When work of any queue is next there to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NextWork {
    /// A customer falls due. `None`: none ever does.
    pub due: Option<Timestamp>,
    /// An inbox row may be claimed. `None`: none waits.
    pub inbox: Option<Timestamp>,
    /// An outbox row may be claimed. `None`: none waits.
    pub outbox: Option<Timestamp>,
}

/// How long finished rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Bodies of settled inbox rows received before this are emptied; the rows'
    /// event ids stay for ever, since some providers' signatures carry no time.
    pub inbox_bodies_before: Timestamp,
    /// Settled outbox rows, idempotency answers, and sessions and quotes that
    /// ended before this are removed.
    pub rows_before: Timestamp,
    /// At most so many rows of each.
    pub limit: u16,
}

/// The store as the engine's ring uses it.
///
/// - `commit` MUST write everything in one transaction, or nothing.
/// - `commit` MUST refuse a revision that is not the present one, and a claim
///   whose fence is not the present one.
/// - `commit` MUST refuse a provider's object of an exclusive kind that is
///   another's; one of the other kinds that a second customer names MUST lead to
///   nobody from then on, and MUST be told as shared.
/// - `receive` MUST store a delivery once per (provider account, event id), for ever.
/// - `claim_*` MUST give a row to one worker at a time, oldest first, skip
///   nothing, and give it again when its lease has run out.
/// - `of_mailbox` MUST find by what a customer's last commit says, and by no
///   other likeness than that of equal names.
/// - An inbox row parked as `unlinked` or `shared_customer` MUST go back to its queue when a commit makes
///   one of its provider references, checkout or customer known.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Ring: Send + Sync {
    /// Whose it is. `None`: nobody's that is known.
    async fn find(&self, by: &Locator) -> Result<Option<CustomerId>, StoreError>;

    /// Whether several customers have named this object as theirs: it leads to none.
    async fn is_shared(&self, object: &ProviderRef) -> Result<bool, StoreError>;

    /// The customers found by this mailbox, as
    /// [`Customer::mailbox`](billing_domain::customer::Customer::mailbox) names
    /// it, oldest first, [`MAX_OF_MAILBOX`] at most.
    async fn of_mailbox(&self, mailbox: &str) -> Result<Vec<Customer>, StoreError>;

    /// A customer with everything open, and with what is asked for besides.
    async fn load(&self, id: CustomerId, also: &Also) -> Result<Option<Loaded>, StoreError>;

    /// Writes a decision; gives the new revision.
    async fn commit(&self, commit: Commit) -> Result<Revision, CommitError>;

    /// Stores what arrived, before anybody decides. `id` is used if it is new.
    async fn receive(
        &self,
        id: InboxId,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<Received, StoreError>;

    /// Claims customers of whom something falls due.
    async fn claim_due(&self, ask: Claiming) -> Result<Vec<DueCustomer>, StoreError>;

    /// Claims inbox rows.
    async fn claim_inbox(&self, ask: Claiming) -> Result<Vec<InboxItem>, StoreError>;

    /// Claims effects that are due.
    async fn claim_outbox(&self, ask: Claiming) -> Result<Vec<OutboxItem>, StoreError>;

    /// Gives a claimed row back. `false`: the claim had passed to another worker.
    async fn release(&self, release: Release) -> Result<bool, StoreError>;

    /// Sets a claimed inbox row aside without a decision about any customer.
    /// `false`: the claim had passed to another worker, and nothing was written.
    async fn park_inbox(
        &self,
        id: InboxId,
        fence: Fence,
        parked: Parked,
    ) -> Result<bool, StoreError>;

    /// Marks an effect as done or dead where its performance told nothing to
    /// decide on. `false`: the claim had passed to another worker.
    async fn settle_effect(&self, mark: OutboxMark, now: Timestamp) -> Result<bool, StoreError>;

    /// Marks an inbox row as done where it told nothing to decide on. `false`:
    /// the claim had passed to another worker.
    async fn settle_inbox(&self, mark: InboxMark, now: Timestamp) -> Result<bool, StoreError>;

    /// Carries out what a person decided about something parked. `false`: there
    /// is no such thing, or it has been resolved before.
    async fn resolve_parked(
        &self,
        id: ParkedId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// When there is next something to claim.
    async fn next_work(&self) -> Result<NextWork, StoreError>;

    /// Removes what has been kept long enough; gives how many rows.
    async fn sweep(&self, sweep: Sweep) -> Result<u64, StoreError>;

    /// Waits until another process, or another part of this one, has written
    /// work. May return early or late: a hint, never a promise. A store that
    /// cannot tell never returns.
    async fn changed(&self);

    /// Whether it answers.
    async fn ping(&self) -> Result<(), StoreError>;
}
