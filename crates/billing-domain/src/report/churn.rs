//! Who came, who left and who moved, month by month: everybody, and by plan or by price.
//!
//! A subscription is new at the price at which it began and lost at the one at which it
//! ended; in between it is held at each for as long as it was. A move from one to another is
//! neither new nor lost: it has left the one and arrived at the other. What a part comes to is
//! worked out price by price and rounded there, so that parts add up to the whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Money, MoneyError};

use super::life::{Held, PriceOf, Spell};
use super::month::Month;
use super::sum::Sums;

/// Parts of a report at most: more than anybody reads, and few enough for one answer. Those
/// of which the least is told are told together, as [`Part::Others`].
pub const MAX_PARTS: usize = 100;

/// By what a report is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// By plan: a move from one price of a plan to another is none.
    Plan,
    /// By price, each with those who hold it: one that is no longer sold is apart.
    Price,
}

/// A part of everybody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Those who hold a plan.
    Plan(PlanKey),
    /// Those who hold a price of a plan. `None`: the plan has none.
    Price(PlanKey, Option<PriceKey>),
    /// Those of all parts that are not told by themselves.
    Others,
}

impl Part {
    /// The part that holds this price of this plan. `None`: the plan has none.
    #[must_use]
    pub fn of(plan: &PlanKey, price: Option<&PriceKey>, by: Split) -> Self {
        match by {
            Split::Plan => Self::Plan(plan.clone()),
            Split::Price => Self::Price(plan.clone(), price.cloned()),
        }
    }
}

/// A month: who came, who left, and what recurs less or more for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Churn {
    /// The month, in UTC.
    pub month: Month,
    /// Everybody. Where it is split, the parts add up to it; where not, nobody moves.
    pub all: Flow,
    /// The parts of which anything is to be told; [`Part::Others`] last. Empty where it is
    /// not split.
    pub parts: Vec<(Part, Flow)>,
}

/// What came and went within a month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Subscriptions that were held when it began.
    pub at_start: u64,
    /// Subscriptions that began in it.
    pub new: u64,
    /// Moves to here from another part, of subscriptions that are neither new nor lost by it.
    pub arrived: u64,
    /// Moves from here to another part.
    pub left: u64,
    /// Subscriptions that were lost in it.
    pub lost: u64,
    /// What the new ones come to in a month, by currency: at their present terms, or those
    /// with which they moved on.
    pub new_recurring: Vec<Money>,
    /// What those who arrived come to in a month, by currency, likewise.
    pub arrived_recurring: Vec<Money>,
    /// What those who left came to in a month, by currency: at the terms with which they left.
    pub left_recurring: Vec<Money>,
    /// What the lost ones came to in a month, by currency: at the terms they last had.
    pub lost_recurring: Vec<Money>,
}

/// A whole, in basis points.
const WHOLE: u64 = 10_000;

impl Flow {
    /// Subscriptions that were held when the month ended, or are now.
    #[must_use]
    pub const fn at_end(&self) -> u64 {
        self.at_start
            .saturating_add(self.new)
            .saturating_add(self.arrived)
            .saturating_sub(self.left)
            .saturating_sub(self.lost)
    }

    /// Of ten thousand that were held when the month began, how many were lost, cut to the
    /// whole. `None`: none was held.
    #[must_use]
    pub fn basis_points(&self) -> Option<u64> {
        self.lost.saturating_mul(WHOLE).checked_div(self.at_start)
    }

    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, price: &Moves, moves: Told) -> Result<(), MoneyError> {
        let (arrived, left) = (price.arrived.told(moves), price.left.told(moves));
        for (sum, tallies) in [
            (&mut self.new, [&price.new].as_slice()),
            (&mut self.arrived, arrived.as_slice()),
            (&mut self.left, left.as_slice()),
            (&mut self.lost, [&price.lost].as_slice()),
        ] {
            for tally in tallies {
                *sum = sum.saturating_add(tally.subscriptions);
            }
        }
        for (sums, tallies) in [
            (&mut self.new_recurring, [&price.new].as_slice()),
            (&mut self.arrived_recurring, arrived.as_slice()),
            (&mut self.left_recurring, left.as_slice()),
            (&mut self.lost_recurring, [&price.lost].as_slice()),
        ] {
            for tally in tallies {
                add_all(sums, &tally.recurring.all()?)?;
            }
        }
        Ok(())
    }
}

/// Adds amounts to sums by currency.
fn add_all(sums: &mut Vec<Money>, more: &[Money]) -> Result<(), MoneyError> {
    for money in more {
        match sums.binary_search_by_key(&money.currency, |sum| sum.currency) {
            Ok(at) => {
                if let Some(sum) = sums.get_mut(at) {
                    *sum = sum.checked_add(*money)?;
                }
            }
            Err(at) => sums.insert(at, *money),
        }
    }
    Ok(())
}

/// What moved, price by price and month by month.
#[derive(Debug, Clone, Default)]
pub(super) struct Churned {
    prices: BTreeMap<PriceOf, BTreeMap<Month, Moves>>,
}

/// What moved at one price within one month.
#[derive(Debug, Clone, Default)]
struct Moves {
    new: Tally,
    arrived: Moved,
    left: Moved,
    lost: Tally,
}

#[derive(Debug, Clone, Default)]
struct Moved {
    between_plans: Tally,
    /// From one price of a plan to another.
    within_plan: Tally,
}

#[derive(Debug, Clone, Default)]
struct Tally {
    subscriptions: u64,
    recurring: Sums,
}

/// Which moves are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    None,
    BetweenPlans,
    All,
}

impl Moved {
    fn of(&mut self, within: bool) -> &mut Tally {
        if within {
            &mut self.within_plan
        } else {
            &mut self.between_plans
        }
    }

    fn told(&self, told: Told) -> Vec<&Tally> {
        match told {
            Told::None => Vec::new(),
            Told::BetweenPlans => vec![&self.between_plans],
            Told::All => vec![&self.between_plans, &self.within_plan],
        }
    }

    const fn count(&self) -> u64 {
        let plans = self.between_plans.subscriptions;
        plans.saturating_add(self.within_plan.subscriptions)
    }
}

impl Tally {
    fn add(&mut self, held: &Held) {
        self.subscriptions = self.subscriptions.saturating_add(1);
        self.recurring.add(held.rate, held.interval);
    }
}

impl Moves {
    /// How many more are held after it.
    fn change(&self) -> (u64, u64) {
        let came = self.new.subscriptions.saturating_add(self.arrived.count());
        let went = self.lost.subscriptions.saturating_add(self.left.count());
        (came, went)
    }
}

impl Churned {
    /// Counts a time through which one subscription recurred.
    pub(super) fn count(&mut self, spell: &Spell<'_>) {
        let mut before: Option<&Held> = None;
        for &(since, held) in &spell.stays {
            if let Some(before) = before {
                let within = before.at.0 == held.at.0;
                self.at(before, since).left.of(within).add(before);
                self.at(held, since).arrived.of(within).add(held);
            } else {
                self.at(held, since).new.add(held);
            }
            before = Some(held);
        }
        if let Some((held, month)) = before.zip(spell.ended) {
            self.at(held, month).lost.add(held);
        }
    }

    fn at(&mut self, held: &Held, month: Month) -> &mut Moves {
        let months = self.prices.entry(held.at.clone()).or_default();
        months.entry(month).or_default()
    }

    /// The `months` months up to `present`, with at most `most` parts and the others.
    pub(super) fn months(
        &self,
        present: Month,
        months: u16,
        split: Option<(Split, usize)>,
    ) -> Result<Vec<Churn>, MoneyError> {
        let span: Vec<Month> = (0..months).rev().map(|back| present.back(back)).collect();
        let first = present.back(months.saturating_sub(1));
        let named = split.map(|(by, most)| self.named(by, most.min(MAX_PARTS), first));
        let told = match split {
            None => Told::None,
            Some((Split::Plan, _)) => Told::BetweenPlans,
            Some((Split::Price, _)) => Told::All,
        };
        let mut all: Vec<Flow> = span.iter().map(|_| Flow::default()).collect();
        let mut parts: BTreeMap<Part, Vec<Flow>> = BTreeMap::new();
        for ((plan, price), moved) in &self.prices {
            let part = split.map(|(by, _)| Part::of(plan, price.as_ref(), by));
            let is_named = part.as_ref().zip(named.as_ref());
            let is_named = is_named.is_none_or(|(part, named)| named.contains(part));
            let part = part.map(|part| if is_named { part } else { Part::Others });
            add_price(&mut all, moved, &span, told)?;
            if let Some(part) = part {
                let flows = parts.entry(part).or_insert_with(|| {
                    let flows = span.iter().map(|_| Flow::default());
                    flows.collect()
                });
                add_price(flows, moved, &span, told)?;
            }
        }
        let rows = span.into_iter().zip(all).enumerate();
        let rows = rows.map(|(index, (month, all))| {
            let flows = parts.iter().filter_map(|(part, flows)| {
                let flow = flows.get(index).filter(|flow| !flow.is_nothing())?;
                Some((part.clone(), flow.clone()))
            });
            Churn {
                month,
                all,
                parts: flows.collect(),
            }
        });
        Ok(rows.collect())
    }

    /// The parts that are told by themselves: those at which most was held or moved since
    /// `first`.
    fn named(&self, by: Split, most: usize, first: Month) -> BTreeSet<Part> {
        let mut weights: BTreeMap<Part, u64> = BTreeMap::new();
        for ((plan, price), moved) in &self.prices {
            let before = held(moved.range(..first));
            let since = moved.range(first..).map(|(_, moves)| moves.change());
            let weight = since.fold(before, |sum, (came, went)| {
                sum.saturating_add(came).saturating_add(went)
            });
            let sum = weights
                .entry(Part::of(plan, price.as_ref(), by))
                .or_default();
            *sum = sum.saturating_add(weight);
        }
        let mut parts: Vec<(Part, u64)> = weights.into_iter().collect();
        // Stable: of two that weigh the same the first by name goes first.
        parts.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        parts.into_iter().take(most).map(|(part, _)| part).collect()
    }
}

/// How many are held after all of these.
fn held<'a>(moved: impl Iterator<Item = (&'a Month, &'a Moves)>) -> u64 {
    let (came, went) = moved.fold((0_u64, 0_u64), |(came, went), (_, moves)| {
        let (more, less) = moves.change();
        (came.saturating_add(more), went.saturating_add(less))
    });
    came.saturating_sub(went)
}

/// Adds what moved at one price to the flows of the months of `span`.
fn add_price(
    flows: &mut [Flow],
    moved: &BTreeMap<Month, Moves>,
    span: &[Month],
    told: Told,
) -> Result<(), MoneyError> {
    let mut at_start = span.first().map_or(0, |first| held(moved.range(..first)));
    for (flow, month) in flows.iter_mut().zip(span) {
        flow.at_start = flow.at_start.saturating_add(at_start);
        if let Some(moves) = moved.get(month) {
            flow.add(moves, told)?;
            let (came, went) = moves.change();
            at_start = at_start.saturating_add(came).saturating_sub(went);
        }
    }
    Ok(())
}
