//! What is lost by a change: promises, discounts, features.

use crate::catalog::{CatalogRevision, LockEnd};
use crate::entitlement::Entitlements;
use crate::quote::Loss;
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

fn price_lock(from: &Terms, catalog: &CatalogRevision, now: Timestamp) -> Option<Loss> {
    let price = catalog.catalog.price(from.price.as_ref()?.as_str())?;
    if catalog.catalog.is_sold_at(price.key.as_str(), now) {
        return None;
    }
    let until = match price.effective_lock().until {
        LockEnd::Until(end) if end <= now => return None,
        LockEnd::Until(end) => Some(end),
        LockEnd::Forever | LockEnd::Cycles(_) | LockEnd::UntilChange => None,
    };
    Some(Loss::PriceLock {
        price: price.key.clone(),
        unit: from.unit,
        until,
    })
}

fn features<'a>(
    from: &'a Terms,
    to: &Terms,
    catalog: &CatalogRevision,
) -> impl Iterator<Item = Loss> + use<'a> {
    let before = granted(from, catalog);
    let after = granted(to, catalog);
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

fn granted(terms: &Terms, catalog: &CatalogRevision) -> Entitlements {
    crate::access::granted_by(terms, &catalog.catalog)
}
