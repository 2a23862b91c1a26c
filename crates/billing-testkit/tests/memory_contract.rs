//! The memory store under the contract of every store.

use billing_testkit::MemoryStore;

billing_testkit::store_contract!(std::future::ready(MemoryStore::new()));
