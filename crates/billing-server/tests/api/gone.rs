//! A store that can be gone: every call then takes as long as a store may, and fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogRevision, PriceKey};
use billing_domain::change::Change;
use billing_domain::customer::Customer;
use billing_domain::discount::DiscountCode;
use billing_domain::ids::{
    ChangeId, CheckoutId, CustomerId, DeliveryId, DiscountCodeId, EndpointId, InboxId, InvoiceId,
    KeyId, MigrationId, ParkedId, QuoteId, SubscriptionId, UsagePeriodId,
};
use billing_domain::invoice::Invoice;
use billing_domain::journal::JournalEntry;
use billing_domain::license::License;
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::{ProviderAccount, ProviderRef};
use billing_domain::quote::Quote;
use billing_domain::subscription::Subscription;
use billing_domain::time::Timestamp;
use billing_domain::usage::Figures;
use billing_ports::Store;
use billing_ports::delivery::Delivery;
use billing_ports::store::*;
use tokio::sync::Mutex;
use uuid::Uuid;

/// A store in memory behind a network that can be cut.
pub(crate) struct Far {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gone: Arc<AtomicBool>,
    /// Whoever reads holders waits for it.
    pub(crate) holders: Arc<Mutex<()>>,
}

impl Far {
    /// Waits as long as a store may, where it is gone.
    async fn reach(&self) -> Result<(), StoreError> {
        if !self.gone.load(Ordering::Relaxed) {
            return Ok(());
        }
        tokio::time::sleep(STORE_TIMEOUT).await;
        Err(StoreError::Unavailable("gone on purpose".to_owned()))
    }
}

/// Passes calls on to the store in memory, once it is reached.
macro_rules! far {
    ($port:ident { $($name:ident($($arg:ident: $of:ty),*) -> $answer:ty, $error:ty;)* } $($more:item)*) => {
        #[async_trait]
        impl $port for Far {
            $(async fn $name(&self, $($arg: $of),*) -> Result<$answer, $error> {
                self.reach().await?;
                self.store.$name($($arg),*).await
            })*
            $($more)*
        }
    };
}

far!(Ring {
    find(by: &Locator) -> Option<CustomerId>, StoreError;
    is_shared(object: &ProviderRef) -> bool, StoreError;
    of_mailbox(mailbox: &str) -> Vec<Customer>, StoreError;
    load(id: CustomerId, also: &Also) -> Option<Loaded>, StoreError;
    commit(commit: Commit) -> Revision, CommitError;
    receive(id: InboxId, delivery: Delivery, now: Timestamp) -> Received, StoreError;
    claim_due(ask: Claiming) -> Vec<DueCustomer>, StoreError;
    claim_inbox(ask: Claiming) -> Vec<InboxItem>, StoreError;
    claim_outbox(ask: Claiming) -> Vec<OutboxItem>, StoreError;
    release(release: Release) -> bool, StoreError;
    park_inbox(id: InboxId, fence: Fence, parked: Parked) -> bool, StoreError;
    settle_effect(mark: OutboxMark, now: Timestamp) -> bool, StoreError;
    settle_inbox(mark: InboxMark, now: Timestamp) -> bool, StoreError;
    resolve_parked(id: ParkedId, resolution: Resolution, now: Timestamp) -> bool, StoreError;
    next_work() -> NextWork, StoreError;
    sweep(sweep: Sweep) -> u64, StoreError;
    ping() -> (), StoreError;
} async fn changed(&self) {
    self.store.changed().await;
});

far!(ReadModels {
    list_customers(page: PageAsk) -> Page<Customer>, StoreError;
    list_subscriptions(filter: SubscriptionFilter, page: PageAsk) -> Page<Subscription>, StoreError;
    list_invoices(filter: InvoiceFilter, page: PageAsk) -> Page<(CustomerId, Invoice)>, StoreError;
    subscriptions_of(ids: &[SubscriptionId]) -> Vec<Subscription>, StoreError;
    renewals_of(ids: &[SubscriptionId]) -> Vec<(SubscriptionId, Invoice)>, StoreError;
    get_invoice(id: InvoiceId) -> Option<(CustomerId, Invoice)>, StoreError;
    list_changes(filter: ChangeFilter, page: PageAsk) -> Page<Change>, StoreError;
    get_change(id: ChangeId) -> Option<Change>, StoreError;
    list_licenses(customer: Option<CustomerId>, page: PageAsk) -> Page<(CustomerId, License)>, StoreError;
    list_parked(reason: Option<ParkReason>, page: PageAsk) -> Page<Parked>, StoreError;
    get_parked(id: ParkedId) -> Option<Parked>, StoreError;
    list_journal(customer: CustomerId, page: PageAsk) -> Page<JournalEntry>, StoreError;
    list_events(filter: EventFilter, page: PageAsk) -> Page<JournalEntry>, StoreError;
    walk_inbox(after: Option<InboxId>, limit: u16) -> Vec<KeptDelivery>, StoreError;
    has_received(account: &ProviderAccount, event_id: &str) -> bool, StoreError;
    holdings() -> Vec<Holding>, StoreError;
});

far!(Catalogs {
    current_catalog() -> Option<CatalogRevision>, StoreError;
    apply_catalog(catalog: &Catalog, after: u64, now: Timestamp) -> Option<CatalogRevision>, StoreError;
    wake_holders(prices: &[PriceKey], now: Timestamp) -> u64, StoreError;
});

far!(Quotes {
    put_quote(quote: &Quote, at: Revision) -> bool, StoreError;
    get_quote(id: QuoteId) -> Option<Quote>, StoreError;
});

far!(Codes {
    create_code(code: &DiscountCode) -> bool, StoreError;
    find_code(text: &str) -> Option<DiscountCode>, StoreError;
    list_codes(page: PageAsk, now: Timestamp) -> Page<CodeUses>, StoreError;
    retire_code(id: DiscountCodeId, now: Timestamp) -> bool, StoreError;
    reserve_code(id: DiscountCodeId, checkout: CheckoutId, until: Timestamp, now: Timestamp) -> bool, StoreError;
    settle_code(id: DiscountCodeId, checkout: CheckoutId, used: bool) -> (), StoreError;
});

far!(Bookmarks {
    get_bookmark(account: &ProviderAccount, book: Book) -> Option<Bookmark>, StoreError;
    put_bookmark(account: &ProviderAccount, book: Book, mark: &Bookmark) -> (), StoreError;
});

far!(Endpoints {
    add_endpoint(endpoint: &Endpoint) -> bool, StoreError;
    list_endpoints() -> Vec<Endpoint>, StoreError;
    get_endpoint(id: EndpointId) -> Option<Endpoint>, StoreError;
    rotate_secret(id: EndpointId, secret: EndpointSecret, old_until: Timestamp) -> bool, StoreError;
    switch_endpoint(id: EndpointId, disabled: Option<Disabled>) -> bool, StoreError;
    remove_endpoint(id: EndpointId) -> bool, StoreError;
    add_deliveries(deliveries: &[EventDelivery]) -> (), StoreError;
    endpoints_due(now: Timestamp) -> Vec<EndpointId>, StoreError;
    claim_deliveries(endpoint: EndpointId, ask: Claiming) -> Vec<ClaimedDelivery>, StoreError;
    record_attempt(attempted: &Attempted) -> bool, StoreError;
    list_deliveries(filter: DeliveryFilter, page: PageAsk) -> Page<EventDelivery>, StoreError;
    get_delivery(id: DeliveryId) -> Option<EventDelivery>, StoreError;
    revive_delivery(id: DeliveryId, now: Timestamp) -> bool, StoreError;
    sweep_deliveries(before: DeliveryId, limit: u16) -> u64, StoreError;
});

far!(Usages {
    record_usage(batch: &UsageBatch) -> UsageRecorded, StoreError;
    usage_figures(period: UsagePeriodId) -> Figures, StoreError;
    seal_usage(customer: CustomerId, period: UsagePeriodId, now: Timestamp) -> Figures, StoreError;
});

far!(Migrations {
    put_migration(row: &MigrationRow) -> (), StoreError;
    get_migration(id: MigrationId) -> Option<MigrationRow>, StoreError;
    list_migrations(page: PageAsk) -> Page<MigrationRow>, StoreError;
    walk_customers(after: Option<CustomerId>, limit: u16) -> Vec<CustomerId>, StoreError;
} async fn list_holders(
    &self,
    price: &PriceKey,
    after: Option<Uuid>,
    limit: u16,
) -> Result<Vec<Subscription>, StoreError> {
    self.reach().await?;
    drop(self.holders.lock().await);
    self.store.list_holders(price, after, limit).await
});

far!(Acts {
    list_acts(filter: &ActFilter, page: PageAsk) -> Page<KeptAct>, StoreError;
} fn recording(&self, act: Act) -> Arc<dyn Store> {
    Arc::new(Self {
        store: self.store.recording(act),
        gone: Arc::clone(&self.gone),
        holders: Arc::clone(&self.holders),
    })
});

far!(Credentials {
    add_key(key: OperatorKey, secret: SecretHash) -> (), StoreError;
    find_key(secret: SecretHash) -> Option<OperatorKey>, StoreError;
    get_key(id: KeyId) -> Option<OperatorKey>, StoreError;
    list_keys(limit: u16) -> Vec<OperatorKey>, StoreError;
    revoke_key(id: KeyId, now: Timestamp) -> bool, StoreError;
    rotate_key(old: KeyId, old_until: Timestamp, key: OperatorKey, secret: SecretHash) -> bool, StoreError;
    add_session(session: Session, token: SecretHash) -> (), StoreError;
    add_link(session: Session, link: SecretHash, link_expires_at: Timestamp) -> (), StoreError;
    find_link(link: SecretHash, now: Timestamp) -> Option<Session>, StoreError;
    open_link(link: SecretHash, token: SecretHash, now: Timestamp) -> Option<Session>, StoreError;
    find_session(token: SecretHash, now: Timestamp) -> Option<Session>, StoreError;
    end_session(token: SecretHash) -> bool, StoreError;
    add_operator_session(session: OperatorSession, token: SecretHash) -> (), StoreError;
    find_operator_session(token: SecretHash, now: Timestamp) -> Option<OperatorKey>, StoreError;
    end_operator_session(token: SecretHash) -> bool, StoreError;
    remember(caller: &str, key: &str, request: SecretHash, now: Timestamp, reserved_until: Timestamp) -> Remembered, StoreError;
    answer(caller: &str, key: &str, status: u16, body: Option<Vec<u8>>) -> (), StoreError;
    forget(caller: &str, key: &str) -> (), StoreError;
});
