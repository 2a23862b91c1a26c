//! Where a customer stands: the period that use falls into now, and whether there is
//! room for more.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::access::{Effective, granted_by};
use crate::catalog::Catalog;
use crate::customer::Account;
use crate::entitlement::{Entitlement, FeatureKey};
use crate::ids::UsagePeriodId;
use crate::money::{Money, MoneyError};
use crate::subscription::{Access, Subscription};
use crate::time::{Interval, Period, Timestamp, shifted};
use crate::usage::{AHEAD, Figures, Metered, UsagePeriod};

/// Whether more may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It is included.
    Included,
    /// It is charged at the period's end, within the spending limit.
    Charged,
    /// It is neither included nor sold, or the spending limit is reached.
    Exhausted,
}

/// The period into which what is used at `now` falls, with its rules as they are now: the
/// open one, or the one that would be opened under `id`. `None`: nothing that is held is
/// metered.
#[must_use]
pub fn standing_at(
    account: &Account,
    catalog: &Catalog,
    now: Timestamp,
    id: UsagePeriodId,
) -> Option<UsagePeriod> {
    let planned = planned_period(account, catalog, now, id);
    let Some(open) = account.customer.usage.period_at(now) else {
        let mut planned = planned?;
        // What was charged, and what is added up already, stays what it is.
        let usage = &account.customer.usage;
        let known = usage.periods.iter().map(|held| held.period.end);
        let known = known.filter(|end| *end <= now).chain(usage.charged_until);
        let begins = known.max().filter(|end| *end <= now);
        planned.period.start = planned.period.start.max(begins.unwrap_or(Timestamp::MIN));
        return Some(planned);
    };
    let Some(planned) = planned else {
        return Some(open.clone());
    };
    if open.subscription == planned.subscription {
        let mut open = open.clone();
        open.meters.extend(planned.meters);
        open.plan = planned.plan;
        return Some(open);
    }
    if open.subscription.is_none() {
        // What was free until now is a subscription's from now on.
        let start = planned.period.start.max(now);
        let period = Period {
            start,
            ..planned.period
        };
        return Some(UsagePeriod { period, ..planned });
    }
    Some(open.clone())
}

/// The period that the terms held at `now` make, whatever was reported before: the
/// cycle of the highest subscription that grants something metered, where the engine
/// runs its schedule, or the calendar month. `None`: nothing that is held is metered.
#[must_use]
pub fn planned_period(
    account: &Account,
    catalog: &Catalog,
    now: Timestamp,
    id: UsagePeriodId,
) -> Option<UsagePeriod> {
    let effective = Effective::of(account, catalog, now);
    let mut meters = BTreeMap::new();
    for (key, feature) in catalog.features() {
        let held = effective.entitlements.get(key.as_str());
        if let (Some(meter), Some(Entitlement::Limit(included))) = (feature.meter, held) {
            let metered = Metered {
                meter,
                included: *included,
                overage: None,
            };
            meters.insert(key.clone(), metered);
        }
    }
    if meters.is_empty() {
        return None;
    }
    let paying = paying(account, catalog, &meters, now);
    let cycle = paying.and_then(|held| Some((held, cycle_at(held, now)?)));
    let Some((held, period)) = cycle else {
        let period = month_of(now)?;
        return Some(UsagePeriod {
            id,
            subscription: None,
            plan: None,
            period,
            meters,
            reached: std::collections::BTreeSet::new(),
        });
    };
    let terms = held.terms_at(now);
    let price = terms.price.as_ref();
    let price = price.and_then(|key| catalog.price(key.as_str()));
    for (feature, overage) in price.into_iter().flat_map(|price| &price.overage) {
        if let Some(metered) = meters.get_mut(feature) {
            metered.overage = Some(*overage);
        }
    }
    Some(UsagePeriod {
        id,
        subscription: Some(held.id),
        plan: Some(terms.plan.clone()),
        period,
        meters,
        reached: std::collections::BTreeSet::new(),
    })
}

/// The subscription whose cycle counts: of the highest rank, the oldest of equals.
fn paying<'a>(
    account: &'a Account,
    catalog: &Catalog,
    meters: &BTreeMap<FeatureKey, Metered>,
    now: Timestamp,
) -> Option<&'a Subscription> {
    let subscriptions = account.subscriptions.iter().filter(|held| {
        let granted = granted_by(held.terms_at(now), catalog);
        let metered = meters.keys().any(|key| granted.get(key.as_str()).is_some());
        let given = matches!(held.access(now), Access::Given { .. });
        metered && given && held.is_engine_run()
    });
    subscriptions.min_by_key(|held| {
        let plan = catalog.plan(held.terms_at(now).plan.as_str());
        Reverse(plan.and_then(|plan| plan.rank))
    })
}

/// The cycle that contains `now`: paid, or to be paid. One that begins in a moment counts
/// from now on: the provider's clock may be ahead of ours.
fn cycle_at(held: &Subscription, now: Timestamp) -> Option<Period> {
    let paid = held.paid.iter().map(|paid| paid.period);
    let next = held.next_cycle().map(|next| next.period);
    let known: Vec<Period> = paid.chain(held.current_period()).chain(next).collect();
    let lasts = known.iter().find(|period| period.contains(now)).copied();
    let begins = |period: &&Period| now < period.start && period.start <= shifted(now, AHEAD);
    lasts.or_else(|| {
        let period = known.iter().find(begins)?;
        Some(Period {
            start: now,
            end: period.end,
        })
    })
}

/// The calendar month of `now`, in UTC.
fn month_of(now: Timestamp) -> Option<Period> {
    let civil = jiff::tz::Offset::UTC.to_datetime(now);
    let first = civil.date().first_of_month();
    let first = first.to_datetime(jiff::civil::Time::midnight());
    let start = jiff::tz::Offset::UTC.to_timestamp(first).ok()?;
    Period::at(start, Interval::MONTH, 0).ok()
}

impl UsagePeriod {
    /// Whether `value` more of `feature` may be used, beside what was, when the customer
    /// spends no more than `limit` (`None`: whatever it costs). `None`: it is not
    /// metered here.
    #[must_use]
    pub fn room(
        &self,
        feature: &str,
        figures: &Figures,
        value: u64,
        limit: Option<Money>,
    ) -> Option<Room> {
        let (key, metered) = self.meters.get_key_value(feature)?;
        let used = figures.get(feature).copied().unwrap_or(0);
        let after = metered.meter.add(used, value);
        if metered.over(after) == 0 {
            return Some(Room::Included);
        }
        if metered.overage.is_none() {
            return Some(Room::Exhausted);
        }
        let mut then = figures.clone();
        then.insert(key.clone(), after);
        let room = match (self.whole_cost(&then), limit) {
            (Ok(_), None) => Room::Charged,
            (Ok(Some(cost)), Some(limit)) if cost.checked_sub(limit).is_ok_and(is_within) => {
                Room::Charged
            }
            _ => Room::Exhausted,
        };
        Some(room)
    }

    /// Whether no further piece of `feature` may be used.
    #[must_use]
    pub fn is_reached(&self, feature: &str, figures: &Figures, limit: Option<Money>) -> bool {
        let used = figures.get(feature).copied().unwrap_or(0);
        // The next one of a level counts from what there is.
        let next = used.saturating_add(1);
        let value = match self.meters.get(feature).map(|metered| metered.meter) {
            Some(super::Meter::Max) => next,
            Some(super::Meter::Sum | super::Meter::Unique) => 1,
            None => return false,
        };
        self.room(feature, figures, value, limit) == Some(Room::Exhausted)
    }

    fn whole_cost(&self, figures: &Figures) -> Result<Option<Money>, MoneyError> {
        let charge = self.charge(figures, None)?;
        Ok(charge.map(|charge| charge.amount))
    }
}

const fn is_within(above: Money) -> bool {
    above.amount <= 0
}
