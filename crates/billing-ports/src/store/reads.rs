//! Read models: lists and pages. Nothing here is decided upon.

use async_trait::async_trait;
use billing_domain::catalog::{PlanKey, PriceKey};
use billing_domain::change::Change;
use billing_domain::customer::Customer;
use billing_domain::ids::{ChangeId, CustomerId, InboxId, InvoiceId, ParkedId, SubscriptionId};
use billing_domain::invoice::Invoice;
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::license::License;
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::ProviderAccount;
use billing_domain::subscription::{Status, Subscription};
use billing_domain::time::Timestamp;
use uuid::Uuid;

use crate::delivery::Delivery;
use crate::store::error::StoreError;

/// One page of a list that is ordered by id, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageAsk {
    /// Only what comes after this id in the list's order. `None`: from the start.
    pub after: Option<Uuid>,
    /// At most so many; the caller bounds it.
    pub limit: u16,
}

/// Rows of a list, and whether more follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether more follow; the last row's id leads to them.
    pub more: bool,
}

/// Which subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Of this customer only.
    pub customer: Option<CustomerId>,
    /// With this status, as last decided.
    pub status: Option<Status>,
    /// Of this plan only.
    pub plan: Option<PlanKey>,
    /// At this price only.
    pub price: Option<PriceKey>,
}

/// Which invoices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InvoiceFilter {
    /// Of this customer only.
    pub customer: Option<CustomerId>,
    /// Of this subscription only.
    pub subscription: Option<SubscriptionId>,
    /// Open ones only, or closed ones only. `None`: all.
    pub open: Option<bool>,
    /// Those of renewals only, or those of anything else only. `None`: all.
    pub renewal: Option<bool>,
}

/// Which changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Of this customer only.
    pub customer: Option<CustomerId>,
    /// Of this subscription only.
    pub subscription: Option<SubscriptionId>,
    /// Those to come only, or those that are over only. `None`: all.
    pub open: Option<bool>,
}

/// Which entries of everybody's journals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// What happened to this customer only.
    pub customer: Option<CustomerId>,
    /// This event only.
    pub event: Option<Event>,
}

/// How many hold something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The plan.
    pub plan: PlanKey,
    /// The price. `None`: held by a grant, or a plan without prices.
    pub price: Option<PriceKey>,
    /// Subscriptions that can still give access, or live grants.
    pub holders: u64,
}

/// A row of the inbox, as it is kept: without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDelivery {
    /// Our id.
    pub id: InboxId,
    /// What arrived. Its body is always empty, swept or not.
    pub delivery: Delivery,
    /// The customer that an operator linked it to by hand. `None`: nobody did.
    pub linked: Option<CustomerId>,
    /// When it arrived, by our clock.
    pub received_at: Timestamp,
    /// How far it has come.
    pub state: KeptState,
}

/// How far a row of the inbox has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptState {
    /// It waits to be decided.
    Waiting,
    /// It was set aside for a person.
    Parked,
    /// It is decided.
    Decided,
    /// A person decided that nothing is to be done.
    Discarded,
}

/// Lists and pages. A list MUST be complete and without repetition when its
/// pages are read one after the other while nothing is written.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ReadModels: Send + Sync {
    /// Customers, newest first.
    async fn list_customers(&self, page: PageAsk) -> Result<Page<Customer>, StoreError>;

    /// Subscriptions, newest first.
    async fn list_subscriptions(
        &self,
        filter: SubscriptionFilter,
        page: PageAsk,
    ) -> Result<Page<Subscription>, StoreError>;

    /// The subscriptions with these ids, by id. What there is not is left out; the caller
    /// bounds the ids.
    async fn subscriptions_of(
        &self,
        ids: &[SubscriptionId],
    ) -> Result<Vec<Subscription>, StoreError>;

    /// The newest renewal that is open of each of these subscriptions, by their ids. Those
    /// without one are left out; the caller bounds the ids.
    async fn renewals_of(
        &self,
        ids: &[SubscriptionId],
    ) -> Result<Vec<(SubscriptionId, Invoice)>, StoreError>;

    /// Invoices, newest first.
    async fn list_invoices(
        &self,
        filter: InvoiceFilter,
        page: PageAsk,
    ) -> Result<Page<(CustomerId, Invoice)>, StoreError>;

    /// One invoice. `None`: there is none with this id.
    async fn get_invoice(&self, id: InvoiceId)
    -> Result<Option<(CustomerId, Invoice)>, StoreError>;

    /// Changes, newest first.
    async fn list_changes(
        &self,
        filter: ChangeFilter,
        page: PageAsk,
    ) -> Result<Page<Change>, StoreError>;

    /// One change. `None`: there is none with this id.
    async fn get_change(&self, id: ChangeId) -> Result<Option<Change>, StoreError>;

    /// Licenses, newest first; of one customer, or of all.
    async fn list_licenses(
        &self,
        customer: Option<CustomerId>,
        page: PageAsk,
    ) -> Result<Page<(CustomerId, License)>, StoreError>;

    /// What waits for a person, newest first.
    async fn list_parked(
        &self,
        reason: Option<ParkReason>,
        page: PageAsk,
    ) -> Result<Page<Parked>, StoreError>;

    /// One thing that waits for a person. `None`: there is none, or it has been resolved.
    async fn get_parked(&self, id: ParkedId) -> Result<Option<Parked>, StoreError>;

    /// What happened to a customer, newest first.
    async fn list_journal(
        &self,
        customer: CustomerId,
        page: PageAsk,
    ) -> Result<Page<JournalEntry>, StoreError>;

    /// What happened to anybody, newest first.
    async fn list_events(
        &self,
        filter: EventFilter,
        page: PageAsk,
    ) -> Result<Page<JournalEntry>, StoreError>;

    /// The inbox in the order of receipt, everybody's, from after this row on and so
    /// many rows at most; replies to our own calls among them. `after` `None`: from
    /// the first.
    async fn walk_inbox(
        &self,
        after: Option<InboxId>,
        limit: u16,
    ) -> Result<Vec<KeptDelivery>, StoreError>;

    /// Whether a delivery of this event was stored, however far it has come.
    async fn has_received(
        &self,
        account: &ProviderAccount,
        event_id: &str,
    ) -> Result<bool, StoreError>;

    /// Who holds what, over everybody.
    async fn holdings(&self) -> Result<Vec<Holding>, StoreError>;
}
