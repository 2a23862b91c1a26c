//! The memory store under the contract of every store.

use billing_testkit::MemoryStore;

async fn fresh() -> MemoryStore {
    MemoryStore::new()
}

billing_testkit::store_contract!(fresh());
