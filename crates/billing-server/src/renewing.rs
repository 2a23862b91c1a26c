//! How far the collection of what is owed has come, for lists over everybody: the renewals of
//! a page of rows, read at once. Decides nothing, and shows nothing itself.

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
    let held = read(store, ids).await?;
    let found = owed.into_iter().filter_map(|(invoice, id)| {
        let (held, _) = held.get(&id)?;
        Some((invoice.id, held.collection(Some(invoice), now)?))
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
    let held = read(store, ids.map(|held| held.id).collect()).await?;
    let found = held.into_iter().filter_map(|(id, (held, owed))| {
        let collection = held.collection(owed.as_ref(), now)?;
        Some((id, collection))
    });
    Ok(found.collect())
}

/// Of one subscription of `account`, as it was loaded.
pub(crate) fn within(account: &Account, held: &Subscription, now: Timestamp) -> Option<Collection> {
    let owed = account.invoices.iter();
    let owed = owed.filter(|invoice| invoice.subscription == Some(held.id));
    let owed = owed.filter(|invoice| invoice.is_open() && invoice.is_renewal());
    held.collection(owed.max_by_key(|invoice| invoice.id), now)
}

type Renewing = (Subscription, Option<Invoice>);

async fn read(
    store: &dyn Store,
    ids: BTreeSet<SubscriptionId>,
) -> Result<BTreeMap<SubscriptionId, Renewing>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<SubscriptionId> = ids.into_iter().collect();
    let found = store.renewals_of(&ids).await?;
    let found = found
        .into_iter()
        .map(|(held, owed)| (held.id, (held, owed)));
    Ok(found.collect())
}
