//! What is lost by a change: promises, discounts, features. And the promise that
//! is kept.

use crate::catalog::{CatalogRevision, Lock, LockEnd, PriceKey};
use crate::entitlement::Entitlements;
use crate::quote::{KeptLock, Loss};
use crate::subscription::{Subscription, Why};
use crate::terms::Terms;
use crate::time::Timestamp;

/// What `held`, as it stands in the cycle of this number, loses to the terms `to`.
pub(super) fn of(
    held: &Subscription,
    to: &Terms,
    catalog: &CatalogRevision,
    cycle: u32,
    now: Timestamp,
) -> Vec<Loss> {
    let from = &held.terms;
    let mut lost = Vec::new();
    let follows = held
        .comes_by_itself()
        .is_some_and(|to_come| to_come.terms.price == to.price);
    if from.price != to.price && !follows {
        lost.extend(price_lock(from, catalog, now));
    }
    let discounted = from
        .discount
        .as_ref()
        .is_some_and(|held| held.covers(cycle));
    if discounted && to.discount.is_none() {
        lost.push(Loss::Discount);
    }
    let scheduled = held.scheduled.as_ref().map(|scheduled| scheduled.why);
    if matches!(scheduled, Some(Why::Change { .. })) {
        lost.push(Loss::ScheduledChange);
    }
    lost.extend(features(from, to, catalog));
    lost
}

/// The price lock of `held` that goes on at the terms `to`.
pub(super) fn kept(
    held: &Subscription,
    to: &Terms,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Option<KeptLock> {
    let from = &held.terms;
    let (price, lock) = locked(from, catalog, now).filter(|_| from.price == to.price)?;
    let cycles_left = match lock.until {
        LockEnd::Cycles(cycles) => Some(cycles.saturating_sub(held.promise.cycles)),
        LockEnd::Forever | LockEnd::Until(_) | LockEnd::UntilChange => None,
    };
    Some(KeptLock {
        price,
        unit: to.unit,
        lasts: lock.until,
        cycles_left,
    })
}

fn price_lock(from: &Terms, catalog: &CatalogRevision, now: Timestamp) -> Option<Loss> {
    let (price, lock) = locked(from, catalog, now)?;
    Some(Loss::PriceLock {
        price,
        unit: from.unit,
        until: match lock.until {
            LockEnd::Until(end) => Some(end),
            LockEnd::Forever | LockEnd::Cycles(_) | LockEnd::UntilChange => None,
        },
    })
}

/// The price of these terms, where it is no longer sold, and the lock on it that
/// is not over.
fn locked(terms: &Terms, catalog: &CatalogRevision, now: Timestamp) -> Option<(PriceKey, Lock)> {
    let price = catalog.catalog.price(terms.price.as_ref()?.as_str())?;
    if catalog.catalog.is_sold_at(price.key.as_str(), now) {
        return None;
    }
    let lock = price.effective_lock();
    let over = matches!(lock.until, LockEnd::Until(end) if end <= now);
    (!over).then(|| (price.key.clone(), lock))
}

fn features(
    from: &Terms,
    to: &Terms,
    catalog: &CatalogRevision,
) -> impl Iterator<Item = Loss> + use<> {
    granted_less(granted(from, catalog), &granted(to, catalog))
}

/// What of `before` is not in `after` any more.
pub(super) fn granted_less(
    before: Entitlements,
    after: &Entitlements,
) -> impl Iterator<Item = Loss> + use<> {
    let after = after.clone();
    before
        .by_feature
        .into_iter()
        .filter_map(move |(feature, held)| {
            let then = after.by_feature.get(&feature);
            if then.is_some_and(|then| then.allows(&held)) {
                return None;
            }
            Some(Loss::Entitlement {
                to: then.cloned(),
                feature,
                from: held,
            })
        })
}

/// The price lock and the discount that go with a subscription, as it stands in the
/// cycle of this number.
pub(super) fn promised(
    held: &Subscription,
    catalog: &CatalogRevision,
    cycle: u32,
    now: Timestamp,
) -> Vec<Loss> {
    let lock = price_lock(&held.terms, catalog, now);
    let discounted = held
        .terms
        .discount
        .as_ref()
        .is_some_and(|held| held.covers(cycle));
    lock.into_iter()
        .chain(discounted.then_some(Loss::Discount))
        .collect()
}

fn granted(terms: &Terms, catalog: &CatalogRevision) -> Entitlements {
    crate::access::granted_by(terms, &catalog.catalog)
}
