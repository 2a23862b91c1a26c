//! The fake's books: what tests hold the engine's own record against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often and how much everybody was charged, and how much there is of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// By the provider's id of the customer.
    pub customers: BTreeMap<String, Account>,
    /// How many objects there are, by kind.
    pub objects: BTreeMap<String, u64>,
}

/// One customer's account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// How often money was taken.
    pub charges: u64,
    /// How much was taken, in minor units, by lower-case currency.
    pub charged: BTreeMap<String, i64>,
    /// How often taking money failed.
    pub declined: u64,
    /// How often money was given back.
    pub refunds: u64,
    /// How much was given back, in minor units, by lower-case currency.
    pub refunded: BTreeMap<String, i64>,
}

impl Books {
    /// Writes down that money was taken.
    pub fn charge(&mut self, customer: &str, currency: &str, amount: i64) {
        let account = self.customers.entry(customer.to_owned()).or_default();
        account.charges = account.charges.saturating_add(1);
        add(&mut account.charged, currency, amount);
    }

    /// Writes down that taking money failed.
    pub fn decline(&mut self, customer: &str) {
        let account = self.customers.entry(customer.to_owned()).or_default();
        account.declined = account.declined.saturating_add(1);
    }

    /// Writes down that money was given back.
    pub fn refund(&mut self, customer: &str, currency: &str, amount: i64) {
        let account = self.customers.entry(customer.to_owned()).or_default();
        account.refunds = account.refunds.saturating_add(1);
        add(&mut account.refunded, currency, amount);
    }

    /// Writes down that money given back came back again.
    pub fn take_back(&mut self, customer: &str, currency: &str, amount: i64) {
        let account = self.customers.entry(customer.to_owned()).or_default();
        account.refunds = account.refunds.saturating_sub(1);
        add(&mut account.refunded, currency, amount.saturating_neg());
    }

    /// One customer's account; an empty one where nothing happened.
    #[must_use]
    pub fn of(&self, customer: &str) -> Account {
        self.customers.get(customer).cloned().unwrap_or_default()
    }

    /// How many objects of a kind there are.
    #[must_use]
    pub fn count(&self, kind: &str) -> u64 {
        self.objects.get(kind).copied().unwrap_or(0)
    }
}

fn add(sums: &mut BTreeMap<String, i64>, currency: &str, amount: i64) {
    let sum = sums.entry(currency.to_lowercase()).or_default();
    *sum = sum.saturating_add(amount);
}
