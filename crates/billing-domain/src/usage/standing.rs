//! Where a customer stands: the period that use falls into now, and when the one before
//! it ended.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::access::{Effective, granted_by};
use crate::catalog::Catalog;
use crate::customer::Account;
use crate::entitlement::{Entitlement, Entitlements, FeatureKey};
use crate::grant::Grant;
use crate::ids::{CustomerId, UsagePeriodId};
use crate::invoice::Issuer;
use crate::subscription::{Schedule, State, Subscription};
use crate::time::{Interval, Period, Timestamp, shifted, shifted_back};
use crate::usage::{AHEAD, Metered, Overage, UsagePeriod};

/// How far the end of a cycle that a provider runs may be from what was foreseen of it: by as
/// much as months differ.
const FORESEEN_WITHIN: SignedDuration = SignedDuration::from_hours(4 * 24);

/// Cycles after an unpaid one that access may go on through: as many as the longest grace
/// has days.
const MAX_UNPAID: u32 = 3_660;

/// What others hold for a customer: the guests attached to it, and its owner where it is a
/// member. It adds to what is included, and pays for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// Their subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Their grants.
    pub grants: Vec<Grant>,
}

/// Into which period use falls at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The period, with its rules as they are now. `None`: nothing that is held is metered.
    pub period: Option<UsagePeriod>,
    /// When the one that is open ended before its time. `None`: it lasts, or none is open.
    pub cut: Option<Timestamp>,
}

/// The period into which what is used at `now` falls: the open one, or the one that would be
/// opened under `id`.
///
/// The open one lasts as long as the cycle that it is. It ends before where its subscription
/// is over, where the cycle began anew, and where another subscription pays from now on.
#[must_use]
pub fn standing_at(
    account: &Account,
    beside: &Beside,
    catalog: &Catalog,
    now: Timestamp,
    id: UsagePeriodId,
) -> Standing {
    let planned = planned_period(account, beside, catalog, now, id);
    let usage = &account.customer.usage;
    let Some(open) = usage.period_at(now) else {
        // What was charged, and what is added up already, stays what it is.
        let known = usage.periods.iter().map(|held| held.period.end);
        let known = known.chain(usage.charged_until).filter(|end| *end <= now);
        let begins = known.max().unwrap_or(Timestamp::MIN);
        return Standing {
            period: planned.map(|planned| planned.beginning(begins)),
            cut: None,
        };
    };
    let continues = |planned: &&UsagePeriod| planned.continues(open, account);
    if let Some(planned) = planned.as_ref().filter(continues) {
        return Standing {
            period: Some(open.following(planned)),
            cut: None,
        };
    }
    let Some(cut) = cut_at(account, open, planned.as_ref(), now) else {
        return Standing {
            period: Some(open.clone()),
            cut: None,
        };
    };
    Standing {
        period: planned.map(|planned| planned.beginning(cut)),
        cut: Some(cut),
    }
}

/// When `open` ended, since what is held now is not what it counts for. `None`: it lasts.
fn cut_at(
    account: &Account,
    open: &UsagePeriod,
    planned: Option<&UsagePeriod>,
    now: Timestamp,
) -> Option<Timestamp> {
    let counted = open.subscription.and_then(|id| account.subscription(id));
    let over = counted.and_then(|held| over_since(held, now));
    // A calendar month takes the place of no cycle that may go on.
    let paying = planned.filter(|planned| planned.subscription.is_some());
    // Another that had begun before pays from when this one gave nothing any more, as where
    // it was paused; until then what was used counted here.
    let ended = counted.and_then(|held| held.access_ended(now));
    let begun = paying.map(|planned| {
        let other = planned.subscription != open.subscription;
        let from = ended.filter(|_| other).unwrap_or(Timestamp::MIN);
        planned.period.start.max(from)
    });
    let cut = over.or(begun)?;
    let Period { start, .. } = open.period;
    let within = start < cut && cut <= now;
    // One that has begun this instant is cut by what comes next.
    (start < now).then_some(if within { cut } else { now })
}

/// Since when a subscription is over. `None`: it is not, or it may go on.
fn over_since(held: &Subscription, now: Timestamp) -> Option<Timestamp> {
    let to_come = held.cancellation.map(|to_come| to_come.ends_at);
    let ended = match held.state {
        State::Canceled { ends_at } => Some(ends_at),
        State::Expired { at } | State::Lapsed { at } => Some(at),
        State::Incomplete
        | State::Trialing { .. }
        | State::Active
        | State::PastDue { .. }
        | State::Paused { .. } => None,
    };
    ended.or(to_come).filter(|at| *at <= now)
}

impl UsagePeriod {
    /// Whether it is the period that `open` is.
    fn continues(&self, open: &Self, account: &Account) -> bool {
        let held = self.subscription.and_then(|id| account.subscription(id));
        // What a provider's cycle ends with is foreseen until it is told.
        let within = if held.is_some_and(|held| !held.is_engine_run()) {
            FORESEEN_WITHIN
        } else {
            SignedDuration::ZERO
        };
        let apart = self.period.end.duration_since(open.period.end).abs();
        self.subscription == open.subscription && (held.is_none() || apart <= within)
    }

    /// The same, by the rules of `planned`. A feature whose meter was changed goes on as it
    /// began: figures of two meters do not add up.
    fn following(&self, planned: &Self) -> Self {
        let mut follows = self.clone();
        for (feature, metered) in &planned.meters {
            let other = self.meters.get(feature);
            if other.is_none_or(|held| held.meter == metered.meter) {
                follows.meters.insert(feature.clone(), *metered);
            }
        }
        follows.plan.clone_from(&planned.plan);
        follows.period.end = planned.period.end;
        follows
    }

    /// The same, from `instant` on at the earliest.
    fn beginning(mut self, instant: Timestamp) -> Self {
        self.period.start = self.period.start.max(instant);
        self
    }
}

/// The period that the terms held at `now` make, whatever was reported before: the
/// cycle of the subscription that pays, whoever runs its schedule, or the calendar month.
/// `None`: nothing that is held is metered.
#[must_use]
pub fn planned_period(
    account: &Account,
    beside: &Beside,
    catalog: &Catalog,
    now: Timestamp,
    id: UsagePeriodId,
) -> Option<UsagePeriod> {
    if !is_metered(catalog) {
        return None;
    }
    let effective = Effective::of(&beside.joined(account), catalog, now);
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
    let Some((held, period)) = paying(account, catalog, now) else {
        let period = month_of(now)?;
        return Some(UsagePeriod {
            id,
            subscription: None,
            plan: None,
            period,
            meters,
            reached: BTreeSet::new(),
            floor: None,
        });
    };
    for (feature, overage) in overages(held, catalog, now) {
        if let Some(metered) = meters.get_mut(feature) {
            metered.overage = Some(*overage);
        }
    }
    Some(UsagePeriod {
        id,
        subscription: Some(held.id),
        plan: Some(held.terms_at(now).plan.clone()),
        period,
        meters,
        reached: BTreeSet::new(),
        floor: None,
    })
}

/// Whether anything in `catalog` has a meter.
#[must_use]
pub fn is_metered(catalog: &Catalog) -> bool {
    let mut features = catalog.features().values();
    features.any(|feature| feature.meter.is_some())
}

/// Whether a customer held something metered at `at` by a subscription or a grant of its own,
/// as far as is known at `now`: of access that ended and came back, only that it is there.
fn held_metered(account: &Account, catalog: &Catalog, at: Timestamp, now: Timestamp) -> bool {
    let metered = |granted: &Entitlements| {
        let mut features = catalog.features().iter();
        features
            .any(|(key, feature)| feature.meter.is_some() && granted.get(key.as_str()).is_some())
    };
    let mut subscriptions = account.subscriptions.iter();
    let mut grants = account.grants.iter().filter(|grant| grant.is_live(at));
    subscriptions
        .any(|held| gave_access(held, at, now) && metered(&granted_by(held.terms_at(at), catalog)))
        || grants.any(|grant| {
            let plan = catalog.plan(grant.plan.as_str());
            plan.is_some_and(|plan| metered(&plan.entitlements))
        })
}

/// Whose use it is that is reported of a customer for `at`: its own, where it held something
/// metered by itself or was nobody's member, which is `None`; else that of the customer
/// under whose plan it acted. `alone` is the customer with what its guests hold, and `owner`
/// whose member it is now.
#[must_use]
pub fn used_under(
    alone: &Account,
    owner: Option<CustomerId>,
    catalog: &Catalog,
    at: Timestamp,
    now: Timestamp,
) -> Option<CustomerId> {
    let under = alone.customer.usage.acted_under(at, owner)?;
    (!held_metered(alone, catalog, at, now)).then_some(under)
}

/// Whether a subscription gave access at `at`, as far as is known at `now`.
fn gave_access(held: &Subscription, at: Timestamp, now: Timestamp) -> bool {
    if at >= now {
        return held.gives_access(now);
    }
    let lasted = held.access_ended(now).is_some_and(|ended| at < ended);
    held.created_at <= at && (lasted || held.gives_access(now))
}

impl Beside {
    /// The account with what others hold for it.
    fn joined<'a>(&self, account: &'a Account) -> Cow<'a, Account> {
        if self.subscriptions.is_empty() && self.grants.is_empty() {
            return Cow::Borrowed(account);
        }
        let mut joined = account.clone();
        joined.subscriptions.extend(self.subscriptions.clone());
        joined.grants.extend(self.grants.clone());
        Cow::Owned(joined)
    }
}

/// The subscription whose cycle counts, and that cycle: one that sells something beyond
/// before one that sells nothing, then of the highest rank, the oldest of equals.
fn paying<'a>(
    account: &'a Account,
    catalog: &Catalog,
    now: Timestamp,
) -> Option<(&'a Subscription, Period)> {
    let metered = |held: &Subscription| {
        let granted = granted_by(held.terms_at(now), catalog);
        let mut features = catalog.features().iter();
        features
            .any(|(key, feature)| feature.meter.is_some() && granted.get(key.as_str()).is_some())
    };
    let subscriptions = account.subscriptions.iter().filter_map(|held| {
        let counts = held.gives_access(now) && metered(held);
        Some((held, cycle_at(account, held, now).filter(|_| counts)?))
    });
    subscriptions.min_by_key(|(held, _)| {
        let plan = catalog.plan(held.terms_at(now).plan.as_str());
        let sells = overages(held, catalog, now).next().is_some();
        Reverse((sells, plan.and_then(|plan| plan.rank)))
    })
}

/// What a subscription sells beyond what is included.
fn overages<'a>(
    held: &Subscription,
    catalog: &'a Catalog,
    now: Timestamp,
) -> impl Iterator<Item = (&'a FeatureKey, &'a Overage)> {
    let price = held.terms_at(now).price.as_ref();
    let price = price.and_then(|key| catalog.price(key.as_str()));
    price.into_iter().flat_map(|price| &price.overage)
}

/// The cycle that contains `now`: paid, or to be paid. One that begins in a moment counts
/// from now on: the provider's clock may be ahead of ours.
fn cycle_at(account: &Account, held: &Subscription, now: Timestamp) -> Option<Period> {
    if matches!(held.schedule, Schedule::Provider { .. }) {
        return mirrored_cycle_at(account, held, now);
    }
    let paid = held.paid.iter().map(|paid| paid.period);
    let next = held.next_cycle().map(|next| next.period);
    let known: Vec<Period> = paid.chain(held.current_period()).chain(next).collect();
    let lasts = known.iter().find(|period| period.contains(now)).copied();
    let begins = |period: &&Period| now < period.start && period.start <= shifted(now, AHEAD);
    let ahead = || {
        let period = known.iter().find(begins)?;
        Some(Period {
            start: now,
            end: period.end,
        })
    };
    lasts.or_else(ahead).or_else(|| unpaid_cycle_at(held, now))
}

/// The cycle that contains `now` where the one before it is not paid yet, and there is access
/// all the same: a grace may last longer than a cycle.
fn unpaid_cycle_at(held: &Subscription, now: Timestamp) -> Option<Period> {
    let next = held.next_cycle()?;
    let interval = next.terms.billing.interval()?;
    cycle_of(now, |ahead| next.after(ahead, interval))
}

/// The first of so many cycles, each told by how many are before it, that contains `now`.
fn cycle_of(now: Timestamp, cycle: impl Fn(u32) -> Option<Period>) -> Option<Period> {
    let begun = (0..MAX_UNPAID).map_while(cycle);
    let mut begun = begun.take_while(|period| period.start <= now);
    begun.find(|period| period.contains(now))
}

/// The cycle of a schedule that its provider runs, as far as it was told: that of the
/// invoice which pays for `now`, or what lasts until it is paid through, or is to follow.
/// `None`: that is not known, or it is a trial, which is no cycle here either.
fn mirrored_cycle_at(account: &Account, held: &Subscription, now: Timestamp) -> Option<Period> {
    if matches!(held.state, State::Trialing { .. }) {
        return None;
    }
    let end = held.times.paid_through?;
    let interval = held.terms_at(now).billing.interval()?;
    let follows = Period::at(end, interval, 0).ok()?;
    if now < end {
        let invoices = account.invoices.iter();
        let theirs = invoices
            .filter(|told| told.subscription == Some(held.id) && told.issuer == Issuer::Provider);
        let told = theirs.filter_map(|told| told.period);
        // What is charged for a part of a cycle begins later.
        let lasts = told.filter(|period| period.contains(now) && period.end == end);
        // About as long as the next one, where nobody said so; what is charged already, and
        // what is counted elsewhere, it does not reach back to.
        let length = follows.end.duration_since(follows.start);
        let about = shifted_back(end, length).max(held.created_at).min(now);
        let start = lasts.map(|period| period.start).min().unwrap_or(about);
        return Some(Period { start, end });
    }
    cycle_of(now, |ahead| Period::at(end, interval, ahead).ok())
}

/// The calendar month of `now`, in UTC.
fn month_of(now: Timestamp) -> Option<Period> {
    let civil = jiff::tz::Offset::UTC.to_datetime(now);
    let first = civil.date().first_of_month();
    let first = first.to_datetime(jiff::civil::Time::midnight());
    let start = jiff::tz::Offset::UTC.to_timestamp(first).ok()?;
    Period::at(start, Interval::MONTH, 0).ok()
}
