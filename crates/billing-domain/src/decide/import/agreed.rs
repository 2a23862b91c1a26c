//! What was agreed elsewhere, found in the catalog: a price that it has or had, or an amount
//! that none of its prices has.

use crate::catalog::{Billing, Catalog, Plan, Price};
use crate::import::{ImportRefusal, SubscriptionImport};
use crate::money::Money;
use crate::time::Timestamp;

/// What it was agreed to cost.
pub(super) enum Agreed<'a> {
    /// A price of the catalog's, and what it promises to its holders.
    Price(&'a Price),
    /// So much, whatever the catalog says.
    Alone { unit: Money, billing: Billing },
}

impl Agreed<'_> {
    pub(super) const fn billing(&self) -> Billing {
        match self {
            Self::Price(price) => price.interval,
            Self::Alone { billing, .. } => *billing,
        }
    }

    /// What one piece costs.
    pub(super) const fn unit(&self) -> Money {
        match self {
            Self::Price(price) => price.amount,
            Self::Alone { unit, .. } => *unit,
        }
    }
}

/// The price of `plan` that fits: the one that is named, the one on sale, or one that was.
/// An amount that none of them has is promised to this holder alone.
pub(super) fn agreed<'a>(
    catalog: &'a Catalog,
    plan: &Plan,
    ask: &SubscriptionImport,
    now: Timestamp,
) -> Result<Agreed<'a>, ImportRefusal> {
    if let Some(unit) = ask.unit {
        let mut sold_in = catalog.prices().map(|price| price.amount.currency);
        let known = unit.currency == catalog.currency()
            || sold_in.any(|currency| currency == unit.currency);
        if !known {
            return Err(ImportRefusal::Currency);
        }
        if unit.amount < 0 {
            return Err(ImportRefusal::Amount);
        }
    }
    let fits = |price: &&'a Price| {
        price.plan == plan.key
            && ask.price.as_ref().is_none_or(|it| price.key == *it)
            && ask.billing.is_none_or(|it| price.interval == it)
    };
    let mut of_plan: Vec<&Price> = catalog.prices().filter(fits).collect();
    if of_plan.is_empty() && ask.price.is_some() {
        return Err(ImportRefusal::NoSuchPrice);
    }
    let named = one_interval(&of_plan, ask.billing);
    if let Some(unit) = ask.unit {
        of_plan.retain(|price| price.amount == unit);
    }
    let is_sold = |price: &&&Price| catalog.is_sold_at(price.key.as_str(), now);
    let sold: Vec<&Price> = of_plan.iter().filter(is_sold).copied().collect();
    // What was sold once is held at what it promises to its holders, where it is meant.
    let is_meant = ask.unit.is_some() || ask.price.is_some();
    let fitting = if sold.is_empty() && is_meant {
        of_plan
    } else {
        sold
    };
    match (fitting.as_slice(), ask.unit, named) {
        ([price], ..) => Ok(Agreed::Price(price)),
        ([], Some(unit), Some(billing)) => Ok(Agreed::Alone { unit, billing }),
        ([], ..) => Err(ImportRefusal::NoSuchPrice),
        _ => Err(ImportRefusal::AmbiguousPrice),
    }
}

/// How often it is charged: as is said, or as every price that fits says.
fn one_interval(fitting: &[&Price], said: Option<Billing>) -> Option<Billing> {
    let first = fitting.first().map(|price| price.interval);
    let one = fitting.iter().all(|price| Some(price.interval) == first);
    said.or(first.filter(|_| one))
}
