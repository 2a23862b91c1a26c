//! The dearer price that a notice told of, as it is to come by now: the amount, the day and the
//! plan may have changed since, and it may not come at all. Knows no words.

use billing_domain::catalog::{CatalogRevision, PlanKey};
use billing_domain::customer::Account;
use billing_domain::forecast::{ForecastEntry, Horizon, MAX_CYCLES, forecast};
use billing_domain::ids::SubscriptionId;
use billing_domain::money::Money;
use billing_domain::time::Timestamp;

use super::writer::About;

/// A dearer price that is to come.
pub(super) struct Rise {
    pub(super) plan: PlanKey,
    /// What the first cycle at it costs, whatever is drawn from a balance.
    pub(super) amount: Money,
    /// When that cycle starts.
    pub(super) from: Timestamp,
}

impl Rise {
    /// The rise that the entry's notice told of, as it stands. `None`: it does not come any
    /// more, has come, or a later notice tells of it.
    pub(super) fn to_come(about: &About<'_>, now: Timestamp) -> Option<Self> {
        let entry = about.entry;
        let (price, from) = entry.note.as_deref()?.rsplit_once(" from ")?;
        let from: Timestamp = from.parse().ok()?;
        let held = about.account.subscription(entry.subscription?)?;
        let notice = held.promise.notice.as_ref()?;
        if notice.price.as_str() != price || notice.at > entry.at {
            return None;
        }
        // What is drawn from a balance makes no price another.
        let mut account = about.account.clone();
        account.customer.balances.clear();
        // It mostly comes when it was to. One that was postponed is looked for beyond.
        let near = Horizon::until(from);
        let far = Horizon::cycles(MAX_CYCLES);
        let first = |horizon| first_at(&account, about.revision?, held.id, price, horizon, now);
        let first = first(near).or_else(|| first(far))?;
        Some(Self {
            plan: first.plan,
            amount: first.amount,
            from: first.at,
        })
    }
}

/// The first cycle at a price that is foretold.
fn first_at(
    account: &Account,
    revision: &CatalogRevision,
    id: SubscriptionId,
    price: &str,
    horizon: Horizon,
    now: Timestamp,
) -> Option<ForecastEntry> {
    let foretold = forecast(account, revision, id, horizon, now)?;
    let mut entries = foretold.entries.into_iter();
    let first = entries.find(|to_come| {
        let sold = to_come.price.as_ref();
        sold.is_some_and(|sold| sold.as_str() == price)
    })?;
    (first.at > now).then_some(first)
}
