//! Who may take a retired price up again: its holders, for a while.

use crate::catalog::{CatalogRevision, PriceKey};
use crate::customer::Account;
use crate::subscription::Subscription;
use crate::time::{Timestamp, shifted};

use super::outlook::Promised;
use super::rejoin_window;

/// Whether this customer may buy a price again at `now` that is no longer sold:
/// it was held when its time ended, no change of plan gave it up, its promise is
/// not over, and access ended no longer ago than the promise's `rejoin`.
///
/// While it is held there is nothing to buy again.
#[must_use]
pub fn may_rejoin(
    account: &Account,
    catalog: &CatalogRevision,
    price: &PriceKey,
    now: Timestamp,
) -> bool {
    let at_price = || {
        account
            .subscriptions
            .iter()
            .filter(|held| held.terms_at(now).price.as_ref() == Some(price))
    };
    let lives = |held: &Subscription| !held.is_over() && held.gives_access(now);
    if at_price().any(lives) {
        return false;
    }
    let lost = |held: &&Subscription| {
        let Some(ended) = held.access_ended(now) else {
            return false;
        };
        let Some(promised) = Promised::of(held, &catalog.catalog) else {
            return false;
        };
        // What nobody held when it was retired, nobody was promised.
        let held_then = promised.retired <= now && ended >= promised.retired;
        let in_time = now <= shifted(ended, rejoin_window(held, catalog));
        held_then && in_time && promised.coverage(held).covers_next(now)
    };
    at_price().any(|held| lost(&held))
}
