//! The store's contract, on PostgreSQL.
#![cfg(test)]

mod support;

billing_testkit::store_contract!(support::fresh());
