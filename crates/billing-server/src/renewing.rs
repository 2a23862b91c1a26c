//! How far the collection of what is owed has come: of a page of rows, read at once, and of an
//! account at hand. Decides nothing, and shows nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::customer::Account;
use billing_domain::ids::{CustomerId, InvoiceId, SubscriptionId};
use billing_domain::invoice::Invoice;
use billing_domain::subscription::{Collection, Subscription};
use billing_domain::time::Timestamp;
use billing_ports::store::{Store, StoreError};

/// Of a page of invoices, those that are renewals to be paid.
///
/// # Errors
///
/// [`StoreError`] when the store fails.
pub(crate) async fn of_invoices(
    store: &dyn Store,
    rows: &[(CustomerId, Invoice)],
    now: Timestamp,
) -> Result<BTreeMap<InvoiceId, Collection>, StoreError> {
    let invoices = rows.iter().map(|(_, invoice)| invoice);
    let owed: Vec<(&Invoice, SubscriptionId)> = invoices
        .filter(|invoice| invoice.is_open() && invoice.is_renewal())
        .filter_map(|invoice| Some((invoice, invoice.subscription?)))
        .collect();
    let ids: BTreeSet<SubscriptionId> = owed.iter().map(|(_, id)| *id).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<SubscriptionId> = ids.into_iter().collect();
    let held = store.subscriptions_of(&ids).await?.into_iter();
    let held: BTreeMap<SubscriptionId, Subscription> = held.map(|held| (held.id, held)).collect();
    let found = owed.into_iter().filter_map(|(invoice, id)| {
        let collection = held.get(&id)?.collection(Some(invoice), now)?;
        Some((invoice.id, collection))
    });
    Ok(found.collect())
}

/// Of a page of subscriptions, those that owe a cycle.
///
/// # Errors
///
/// [`StoreError`] when the store fails.
pub(crate) async fn of_subscriptions(
    store: &dyn Store,
    rows: &[Subscription],
    now: Timestamp,
) -> Result<BTreeMap<SubscriptionId, Collection>, StoreError> {
    let ids = rows.iter().filter(|held| !held.is_over());
    let ids: Vec<SubscriptionId> = ids.map(|held| held.id).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let owed: BTreeMap<SubscriptionId, Invoice> =
        store.renewals_of(&ids).await?.into_iter().collect();
    let held = rows.iter().filter(|held| !held.is_over());
    let found = held.filter_map(|held| {
        let collection = held.collection(owed.get(&held.id), now)?;
        Some((held.id, collection))
    });
    Ok(found.collect())
}

/// Of an invoice of `account`, as it was loaded. `None`: it is no renewal to be paid.
pub(crate) fn of_invoice(
    account: &Account,
    invoice: &Invoice,
    now: Timestamp,
) -> Option<Collection> {
    if !invoice.is_open() || !invoice.is_renewal() {
        return None;
    }
    let held = account.subscription(invoice.subscription?)?;
    held.collection(Some(invoice), now)
}

/// Of one subscription of `account`, as it was loaded.
pub(crate) fn within(account: &Account, held: &Subscription, now: Timestamp) -> Option<Collection> {
    let owed = account.invoices.iter();
    let owed = owed.filter(|invoice| invoice.subscription == Some(held.id));
    let owed = owed.filter(|invoice| invoice.is_open() && invoice.is_renewal());
    held.collection(owed.max_by_key(|invoice| invoice.id), now)
}
