//! What a change of a subscription's items costs, by the provider's own rules.
//!
//! One plan serves the preview and the update, so that they cannot differ.

use billing_domain::money::Money;
use billing_domain::proration::{self, Change, Dialect, Side, TaxRate, Zones};
use billing_domain::time::{Interval, Period};

use super::bill;
use super::params::Params;
use super::refusal::Refusal;
use super::thing::{CouponOff, Item, Line, Metadata, Span, Status, Subscription};
use super::world::{World, instant};

/// How a change is prorated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prorate {
    Next,
    Now,
    None,
}

impl Prorate {
    /// Takes the parameter; prorations wait for the next invoice unless it says otherwise.
    pub(super) fn take(params: &mut Params, name: &str) -> Result<Self, Refusal> {
        let words = ["create_prorations", "always_invoice", "none"];
        Ok(match params.word(name, &words)? {
            Some("always_invoice") => Self::Now,
            Some("none") => Self::None,
            _ => Self::Next,
        })
    }
}

/// What a change does and costs.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) items: Vec<Item>,
    /// Prorations: credits, then charges.
    pub(super) lines: Vec<Line>,
    /// A whole period, where a new one begins.
    pub(super) full: Vec<Line>,
    /// The new anchor and period. `None`: they stay.
    pub(super) restart: Option<(i64, Span)>,
    /// Whether it is billed now.
    pub(super) immediate: bool,
}

impl Plan {
    /// What is billed now, with what has waited.
    pub(super) fn billed(&self, of: &Subscription) -> Vec<Line> {
        let waiting = of.pending_lines.iter();
        let all = waiting.chain(&self.lines).chain(&self.full);
        all.cloned().collect()
    }
}

/// Reads the items that a change wants beneath `name`. An element without an
/// item's id adds a second item.
pub(super) fn wanted(
    world: &mut World,
    of: &Subscription,
    params: &mut Params,
    name: &str,
) -> Result<Vec<Item>, Refusal> {
    let mut items = of.items.clone();
    for element in params.elements(name)? {
        let id = params.text(&format!("{element}[id]"));
        let price = params.text(&format!("{element}[price]"));
        let quantity = params.count(&format!("{element}[quantity]"))?;
        let deleted = params.flag(&format!("{element}[deleted]"))? == Some(true);
        let _metadata = params.metadata(&format!("{element}[metadata]"))?;
        if let Some(price) = &price {
            world
                .price(price)
                .map_err(|no| no.of_param(&format!("{element}[price]")))?;
        }
        let Some(id) = id else {
            let price = price.ok_or_else(|| Refusal::missing(&format!("{element}[price]")))?;
            if items.iter().any(|item| item.price == price) {
                let why = "Cannot add multiple subscription items with the same plan";
                return Err(Refusal::invalid(&format!("{element}[price]"), why));
            }
            let created = world.now();
            items.push(Item {
                id: world.id("si"),
                price,
                quantity: quantity.unwrap_or(1),
                metadata: Metadata::new(),
                created,
            });
            continue;
        };
        let Some(place) = items.iter().position(|item| item.id == id) else {
            let no = Refusal::no_such("subscription_item", &id);
            return Err(no.of_param(&format!("{element}[id]")));
        };
        if deleted {
            items.remove(place);
        } else if let Some(item) = items.get_mut(place) {
            item.price = price.unwrap_or_else(|| item.price.clone());
            item.quantity = quantity.unwrap_or(item.quantity);
        }
    }
    interval(world, &items)?;
    Ok(items)
}

/// The one interval of items: all recur, in one currency and one rhythm.
pub(super) fn interval(world: &World, items: &[Item]) -> Result<Interval, Refusal> {
    let mut found = None;
    for item in items {
        let price = world.price(&item.price)?;
        let Some(interval) = price.interval else {
            let why = "The price specified is set to `type=one_time` but this field only \
                accepts prices with `type=recurring`.";
            return Err(Refusal::invalid("items[0][price]", why));
        };
        if found.is_some_and(|held| held != (interval, price.currency)) {
            let why = "Currency and interval fields must match across all plans on this \
                subscription.";
            return Err(Refusal::state(why));
        }
        found = Some((interval, price.currency));
    }
    let none = || Refusal::state("A subscription must have at least one active plan.");
    found.map(|(interval, _)| interval).ok_or_else(none)
}

/// The period that begins at `anchor`.
pub(super) fn first_period(interval: Interval, anchor: i64) -> Span {
    period(interval, anchor, 0)
}

/// Period number `cycle` from `anchor`.
pub(super) fn period(interval: Interval, anchor: i64, cycle: u32) -> Span {
    let bounds = Period::at(instant(anchor), interval, cycle);
    bounds.map_or(
        Span {
            start: anchor,
            end: i64::MAX,
        },
        |period| Span {
            start: period.start.as_second(),
            end: period.end.as_second(),
        },
    )
}

/// What changing to `items` at `at` does and costs. `now_anchor`: the cycle is
/// to begin anew whatever changes. `undiscounted`: what begins is without the discounts
/// that what ends was charged with.
pub(super) fn plan(
    world: &mut World,
    of: &Subscription,
    items: Vec<Item>,
    prorate: Prorate,
    at: i64,
    (now_anchor, undiscounted): (bool, bool),
) -> Result<Plan, Refusal> {
    if at < of.period.start || at > of.period.end {
        let why = "Cannot specify a `proration_date` outside of the current period.";
        return Err(Refusal::invalid("proration_date", why));
    }
    let (before, after) = (interval(world, &of.items)?, interval(world, &items)?);
    if of.trial.is_some() && of.status == Status::Trialing || of.paused_at.is_some() {
        return Ok(Plan {
            items,
            lines: Vec::new(),
            full: Vec::new(),
            restart: None,
            immediate: false,
        });
    }
    let free_before = worth(world, &of.items) == 0;
    let restarts = now_anchor || before != after || (free_before && worth(world, &items) > 0);
    let now = world.now();
    let mut then = of.clone();
    if undiscounted {
        then.discounts.clear();
    }
    let restart = restarts.then(|| (now, first_period(after, now)));
    let lines = if prorate == Prorate::None {
        Vec::new()
    } else {
        prorations(world, (of, &then), &items, at, restarts)?
    };
    let full = match restart {
        Some((_, period)) => bill::full_lines(world, &then, &items, period),
        None => Vec::new(),
    };
    let immediate = restarts || (prorate == Prorate::Now && !lines.is_empty());
    Ok(Plan {
        items,
        lines,
        full,
        restart,
        immediate,
    })
}

fn worth(world: &World, items: &[Item]) -> i64 {
    let amounts = items.iter().map(|item| {
        let amount = world
            .prices
            .get(&item.price)
            .map_or(0, |one| one.unit_amount);
        amount.saturating_mul(i64::from(item.quantity))
    });
    amounts.fold(0, i64::saturating_add)
}

/// The lines for the rest of the period: all that is held ends where a new
/// period begins; otherwise only what differs ends and begins.
fn prorations(
    world: &mut World,
    (of, after): (&Subscription, &Subscription),
    items: &[Item],
    at: i64,
    restarts: bool,
) -> Result<Vec<Line>, Refusal> {
    let same = |a: &Item, b: &Item| a.id == b.id && a.price == b.price && a.quantity == b.quantity;
    let ends: Vec<Item> = of
        .items
        .iter()
        .filter(|held| restarts || !items.iter().any(|new| same(held, new)))
        .cloned()
        .collect();
    let begins: Vec<Item> = items
        .iter()
        .filter(|new| !restarts && !of.items.iter().any(|held| same(held, new)))
        .cloned()
        .collect();
    split_from(world, (of, after), &ends, &begins, at)
}

/// The lines of what ends and what begins at `at`, for the rest of the period.
pub(super) fn split(
    world: &mut World,
    of: &Subscription,
    ends: &[Item],
    begins: &[Item],
    at: i64,
) -> Result<Vec<Line>, Refusal> {
    split_from(world, (of, of), ends, begins, at)
}

/// The same, where what begins is discounted as `after` is.
fn split_from(
    world: &mut World,
    (of, after): (&Subscription, &Subscription),
    ends: &[Item],
    begins: &[Item],
    at: i64,
) -> Result<Vec<Line>, Refusal> {
    if ends.is_empty() && begins.is_empty() {
        return Ok(Vec::new());
    }
    let given = |items: &[Item], of| -> Result<Vec<proration::Item>, Refusal> {
        let off = bill::discount_at(world, of, at);
        let items = items.iter().enumerate();
        items
            .map(|(place, item)| input(world, item, off, place))
            .collect()
    };
    let (ending, beginning) = (given(ends, of)?, given(begins, after)?);
    let change = Change {
        period: Some(Period {
            start: instant(of.period.start),
            end: instant(of.period.end),
        }),
        at: instant(at),
        ends: &ending,
        begins: &beginning,
        tax: TaxRate::default(),
        zones: Zones::default(),
    };
    let prorated = proration::prorate(&change, Dialect::Stripe.choices());
    let prorated = prorated.map_err(|error| Refusal::state(format!("Not prorated: {error}")))?;
    let mut lines = Vec::new();
    for line in prorated.lines {
        let (side, what) = match line.side {
            Side::Credit => (ends, "Unused time on"),
            Side::Charge => (begins, "Remaining time on"),
        };
        let Some(item) = side.get(line.item) else {
            continue;
        };
        lines.push(Line {
            id: world.id("il"),
            amount: line.amount.amount,
            discount: 0,
            description: format!(
                "{what} {} × {} after {}",
                item.quantity,
                item.price,
                instant(at)
            ),
            period: Span {
                start: at,
                end: of.period.end,
            },
            price: Some(item.price.clone()),
            quantity: item.quantity,
            item: Some(item.id.clone()),
            proration: true,
        });
    }
    Ok(lines)
}

fn input(
    world: &World,
    item: &Item,
    off: Option<CouponOff>,
    place: usize,
) -> Result<proration::Item, Refusal> {
    let price = world.price(&item.price)?;
    let money = Money::new(price.unit_amount, price.currency);
    let mut input = proration::Item::new(money, item.quantity);
    input.discount = match off {
        Some(CouponOff::BasisPoints(points)) => Some(proration::Discount::BasisPoints(points)),
        // An amount is taken off once, from the first item.
        Some(CouponOff::Amount(amount, _)) if place == 0 => {
            Some(proration::Discount::Amount(amount))
        }
        Some(CouponOff::Amount(..)) | None => None,
    };
    Ok(input)
}
