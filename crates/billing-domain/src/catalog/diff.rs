//! What a new catalog changes, what it must not change, and what it is worth.
//!
//! Deliberately changes nothing and moves nobody: holders keep their snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::flatten::flatten;
use super::weakened::{Weakened, weakened};
use super::{Billing, Catalog, Path, PlanKey, Price, PriceKey};
use crate::money::{Currency, Money, MoneyError};
use crate::time::Interval;

/// What a new catalog changes, in the order of places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogDiff {
    /// Every difference.
    pub changes: Vec<CatalogChange>,
}

/// One difference between two catalogs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogChange {
    /// Where.
    pub at: Path,
    /// What stood there; `None`: nothing, it is new.
    pub from: Option<String>,
    /// What stands there now; `None`: nothing, it is gone.
    pub to: Option<String>,
}

impl CatalogDiff {
    /// Whether the catalogs are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl fmt::Display for CatalogDiff {
    /// One line a difference: `+` new, `-` gone, `~` changed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no changes\n");
        }
        self.changes
            .iter()
            .try_for_each(|change| writeln!(f, "{change}"))
    }
}

impl fmt::Display for CatalogChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "~ {}: {from} -> {to}", self.at),
            (None, Some(to)) => write!(f, "+ {}: {to}", self.at),
            (Some(from), None) => write!(f, "- {}: {from}", self.at),
            (None, None) => Ok(()),
        }
    }
}

/// Compares `new` with `old`; `None`: nothing was applied before.
///
/// A plan, price or feature that is new or gone is one line, not one for each
/// of its fields.
#[must_use]
pub fn diff(old: Option<&Catalog>, new: &Catalog) -> CatalogDiff {
    let old = old.map(flatten).unwrap_or_default();
    let new = flatten(new);
    let places: BTreeSet<&Path> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    // The thing that is new or gone as a whole, while its fields go by.
    let mut whole: Option<&Path> = None;
    for at in places {
        let (from, to) = (old.get(at), new.get(at));
        let text = |entry: Option<&super::flatten::Entry>| entry.map(|entry| entry.text.clone());
        if text(from) == text(to) || whole.is_some_and(|whole| at.is_within(whole)) {
            continue;
        }
        let is_thing = from.or(to).is_some_and(|entry| entry.is_thing);
        if is_thing && (from.is_none() || to.is_none()) {
            whole = Some(at);
        }
        changes.push(CatalogChange {
            at: at.clone(),
            from: text(from),
            to: text(to),
        });
    }
    CatalogDiff { changes }
}

/// Who holds what, as counted by a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Pieces held at each price. A price that is present with zero was bought
    /// once and is held by nobody now: it is immutable and may disappear.
    pub prices: BTreeMap<PriceKey, u64>,
    /// Holders of each plan, by subscription or grant.
    pub plans: BTreeMap<PlanKey, u64>,
}

/// An edit that would break a promise, with the edit that works.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedEdit {
    /// A price that somebody has bought is another one now.
    #[error(
        "plans.{plan}.prices.{price}: {field} changes from {from} to {to}, but the price has been bought (held: {held}); \
         restore it, add `retired: <date>` to it, and add a new price under another key"
    )]
    PriceChanged {
        /// The price.
        price: PriceKey,
        /// Its plan before.
        plan: PlanKey,
        /// What changes: `amount`, `currency`, `interval`, `plan` or `overage`.
        field: &'static str,
        /// What it was.
        from: String,
        /// What it would be.
        to: String,
        /// Pieces held.
        held: u64,
    },
    /// A price disappears while somebody holds it.
    #[error(
        "plans.{plan}.prices.{price}: disappears while held (held: {held}); \
         restore it and add `retired: <date>` to it"
    )]
    PriceGone {
        /// The price.
        price: PriceKey,
        /// Its plan before.
        plan: PlanKey,
        /// Pieces held.
        held: u64,
    },
    /// The holders of a retired price would be promised less than they were.
    #[error(
        "plans.{plan}.prices.{price}: {field} of its promise changes from {from} to {to} while held (held: {held}); \
         restore it, since a promise can only be made better, and let a new price under another key promise less"
    )]
    PromiseWeakened {
        /// The price.
        price: PriceKey,
        /// Its plan.
        plan: PlanKey,
        /// What is less: a key of its `lock`, or `retired`.
        field: &'static str,
        /// What was promised.
        from: String,
        /// What would be.
        to: String,
        /// Pieces held.
        held: u64,
    },
    /// A plan disappears while somebody holds it.
    #[error(
        "plans.{plan}: disappears while held (holders: {holders}); \
         restore it and add `retired: <date>` to it"
    )]
    PlanGone {
        /// The plan.
        plan: PlanKey,
        /// How many hold it.
        holders: u64,
    },
}

/// Every edit from `old` to `new` that would break a promise to holders, plans
/// first. Empty: `new` may be applied.
#[must_use]
pub fn refusals(old: &Catalog, new: &Catalog, holdings: &Holdings) -> Vec<RefusedEdit> {
    let mut refused = Vec::new();
    for (key, holders) in &holdings.plans {
        let gone = old.plan(key.as_str()).is_some() && new.plan(key.as_str()).is_none();
        if gone && *holders > 0 {
            let (plan, holders) = (key.clone(), *holders);
            refused.push(RefusedEdit::PlanGone { plan, holders });
        }
    }
    for (key, held) in &holdings.prices {
        let Some(before) = old.price(key.as_str()) else {
            continue;
        };
        match new.price(key.as_str()) {
            Some(after) => {
                refused.extend(changed(before, after, *held));
                if *held > 0 {
                    let less = weakened((old, before), (new, after));
                    refused.extend(less.into_iter().map(|less| broken(before, less, *held)));
                }
            }
            None if *held > 0 => refused.push(RefusedEdit::PriceGone {
                price: key.clone(),
                plan: before.plan.clone(),
                held: *held,
            }),
            None => {}
        }
    }
    refused
}

fn broken(before: &Price, less: Weakened, held: u64) -> RefusedEdit {
    let Weakened { field, from, to } = less;
    RefusedEdit::PromiseWeakened {
        price: before.key.clone(),
        plan: before.plan.clone(),
        field,
        from,
        to,
        held,
    }
}

/// What use costs beyond what is included.
fn said_overage(price: &Price) -> String {
    if price.overage.is_empty() {
        return "nothing".to_owned();
    }
    let said = price.overage.iter();
    let said: Vec<String> = said
        .map(|(feature, overage)| format!("{feature} {overage}"))
        .collect();
    said.join(", ")
}

fn changed(before: &Price, after: &Price, held: u64) -> Vec<RefusedEdit> {
    let facts = |price: &Price| {
        [
            ("plan", price.plan.to_string()),
            ("currency", price.amount.currency.to_string()),
            ("amount", price.amount.to_string()),
            ("interval", price.interval.to_string()),
            ("overage", said_overage(price)),
        ]
    };
    let mut refused: Vec<RefusedEdit> = facts(before)
        .into_iter()
        .zip(facts(after))
        .filter(|((_, from), (_, to))| from != to)
        .map(|((field, from), (_, to))| RefusedEdit::PriceChanged {
            price: before.key.clone(),
            plan: before.plan.clone(),
            field,
            from,
            to,
            held,
        })
        .collect();
    // Another currency is another amount too; one line says both.
    if before.amount.currency != after.amount.currency {
        refused.retain(
            |edit| !matches!(edit, RefusedEdit::PriceChanged { field, .. } if *field == "amount"),
        );
    }
    refused
}

/// What applying `new` does to revenue a month, by currency, once every lock
/// that can end has ended. Currencies without an effect are absent.
///
/// A month is 2 629 746 s, a twelfth of the mean year, so a yearly price counts
/// a twelfth and a price of 30 days a little more than itself; each held price
/// is rounded once, half away from zero. Prices paid once, and prices that are
/// gone, count nothing.
///
/// # Errors
///
/// [`MoneyError::OutOfRange`] when an effect does not fit 64 bits.
pub fn monthly_revenue_effect(
    old: &Catalog,
    new: &Catalog,
    holdings: &Holdings,
) -> Result<BTreeMap<Currency, Money>, MoneyError> {
    let mut effect: BTreeMap<Currency, Money> = BTreeMap::new();
    for (key, held) in &holdings.prices {
        for (catalog, is_gain) in [(old, false), (new, true)] {
            let Some(price) = lasting_price(catalog, key) else {
                continue;
            };
            let monthly = monthly_half_away_from_zero(price, *held)?;
            let sum = effect
                .entry(monthly.currency)
                .or_insert(Money::zero(monthly.currency));
            *sum = if is_gain {
                sum.checked_add(monthly)?
            } else {
                sum.checked_sub(monthly)?
            };
        }
    }
    effect.retain(|_, sum| !sum.is_zero());
    Ok(effect)
}

/// What holders of `key` pay once every lock that can end has ended.
fn lasting_price<'a>(catalog: &'a Catalog, key: &PriceKey) -> Option<&'a Price> {
    let mut price = catalog.price(key.as_str())?;
    // A checked catalog has no circle of locks; the bound holds for a damaged one.
    for _ in 0..super::MAX_PRICES {
        let then = price.lock.as_ref().and_then(|lock| lock.then.as_ref());
        match then.and_then(|next| catalog.price(next.as_str())) {
            Some(next) => price = next,
            None => break,
        }
    }
    Some(price)
}

/// What `held` pieces bring in a nominal month.
fn monthly_half_away_from_zero(price: &Price, held: u64) -> Result<Money, MoneyError> {
    let currency = price.amount.currency;
    let Billing::Recurring(interval) = price.interval else {
        return Ok(Money::zero(currency));
    };
    let seconds =
        |interval: Interval| i64::try_from(interval.nominal_seconds()).unwrap_or(i64::MAX);
    let held = i64::try_from(held).map_err(|_too_many| MoneyError::OutOfRange)?;
    let whole = price.amount.amount.checked_mul(held);
    Money::new(whole.ok_or(MoneyError::OutOfRange)?, currency)
        .share_half_away_from_zero(seconds(Interval::MONTH), seconds(interval))
}
