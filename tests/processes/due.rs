//! Customers whose subscriptions are due, put straight into a store.

use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::store::Store;
use billing_testkit::catalogs;
use billing_testkit::fixtures::{creation, due_subscriber};

/// When they all fall due.
pub(super) const DUE_AT: &str = "2026-02-10T00:00:00Z";

/// `count` of them, who pay at `provider`.
pub(super) async fn fill(store: &dyn Store, count: usize, provider: &ProviderAccount) {
    let due_at: Timestamp = DUE_AT.parse().unwrap();
    store
        .apply_catalog(&catalogs::storage(), 0, due_at)
        .await
        .unwrap()
        .unwrap();
    for number in 0..count {
        let mut account = due_subscriber(u64::try_from(number).unwrap(), due_at);
        for held in &mut account.subscriptions {
            held.provider = Some(provider.clone());
        }
        store.commit(creation(&account, due_at)).await.unwrap();
    }
}
