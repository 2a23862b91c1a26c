//! The money of a change: every paid period worked anew from its segments, so
//! that rounding never accumulates, and nothing is credited that was not paid.

use std::borrow::Cow;

use crate::catalog::{Billing, ChangeMoney};
use crate::customer::Account;
use crate::decide::quote::{Planned, QuoteRefusal};
use crate::line::{Line, LineKind, Share};
use crate::money::{Money, MoneyError};
use crate::proration::{self, Change, Dialect, Item, Reason, TaxRate, Zones, prorate};
use crate::quote::Timing;
use crate::subscription::{PaidPeriod, Schedule, Subscription};
use crate::terms::Terms;
use crate::time::{Period, Timestamp};

/// What a change costs, and the paid periods afterward.
pub(super) struct Worked {
    pub(super) lines: Vec<Line>,
    pub(super) paid: Vec<PaidPeriod>,
    pub(super) restart: Option<Period>,
}

pub(super) fn work(
    planned: &Planned,
    account: &Account,
    now: Timestamp,
) -> Result<Worked, QuoteRefusal> {
    let held = &planned.subscription;
    let unmoved = Worked {
        lines: Vec::new(),
        paid: held.paid.clone(),
        restart: None,
    };
    let free = planned.timing == Timing::PeriodEnd
        || planned.money == ChangeMoney::None
        || planned.in_trial();
    if free {
        return Ok(unmoved);
    }
    if planned.terms.billing == Billing::Once {
        return perpetual(planned);
    }
    if let Schedule::Provider { .. } = held.schedule {
        // The provider's preview says the money; the period it begins is its own.
        return Ok(unmoved);
    }
    let paid = paid_periods(held, account, now)?;
    let restarts = planned.restarts(now);
    if !restarts && planned.turns(now) {
        // Only in the customer's favor, and rates of other lengths do not compare.
        return Ok(unmoved);
    }
    if paid.iter().any(PaidPeriod::is_returned) {
        return Err(QuoteRefusal::PaymentReturned);
    }
    if restarts {
        let cycle = present_cycle(held, account, now);
        return restarted(planned, &paid, cycle, now);
    }
    let worked = repriced(planned, account, paid, now)?;
    let charged: i128 = worked
        .lines
        .iter()
        .map(|line| i128::from(line.amount.amount))
        .sum();
    if planned.money == ChangeMoney::Credit && charged > 0 {
        return Ok(unmoved);
    }
    Ok(worked)
}

/// Bought once, and changed to something else bought once: the difference of its
/// price and what was kept of the old one's, or the full price; never below zero.
fn perpetual(planned: &Planned) -> Result<Worked, QuoteRefusal> {
    let new = planned.terms.priced(0)?.rate;
    // As really charged, less what went back.
    let held = &planned.subscription;
    let old = held.kept(held.terms.priced(0)?.rate)?;
    let less = match planned.money {
        ChangeMoney::Full => Money::zero(new.currency),
        ChangeMoney::Charge | ChangeMoney::Credit | ChangeMoney::None => old,
    };
    let difference = new.checked_sub(less)?;
    let owed = match planned.money {
        ChangeMoney::Credit => 0,
        ChangeMoney::Charge | ChangeMoney::Full | ChangeMoney::None => difference.amount.max(0),
    };
    let line = Line {
        kind: LineKind::Difference,
        plan: Some(planned.terms.plan.clone()),
        quantity: planned.terms.quantity,
        base: new,
        share: None,
        charged: Some(less),
        amount: Money::new(owed, new.currency),
        used: None,
    };
    Ok(Worked {
        lines: vec![line],
        paid: Vec::new(),
        restart: None,
    })
}

/// A new period at the full price, less what is left of those that were paid.
fn restarted(
    planned: &Planned,
    paid: &[PaidPeriod],
    cycle: u32,
    now: Timestamp,
) -> Result<Worked, QuoteRefusal> {
    let beyond = MoneyError::OutOfRange;
    let interval = planned.terms.billing.interval().ok_or(beyond)?;
    let period = Period::at(now, interval, 0).map_err(|_off_the_calendar| beyond)?;
    let rate = planned.terms.priced(cycle)?;
    let mut lines = Vec::new();
    if planned.money != ChangeMoney::Full {
        for held in paid {
            let change = Change {
                period: Some(held.period),
                at: now.max(held.period.start),
                ends: &ended(held),
                begins: &[],
                tax: TaxRate::default(),
                zones: Zones::default(),
            };
            let (from, _) = terms_of(planned, held);
            lines.extend(worked_lines(from, &planned.terms, &change)?);
        }
    }
    lines.extend(rate.lines);
    Ok(Worked {
        lines,
        paid: vec![PaidPeriod::new(period, rate.rate).of(interval)],
        restart: Some(period),
    })
}

/// Every paid period with the new rate for the rest of it.
fn repriced(
    planned: &Planned,
    account: &Account,
    paid: Vec<PaidPeriod>,
    now: Timestamp,
) -> Result<Worked, QuoteRefusal> {
    let open = u32::from(account.open_invoice(planned.subscription.id).is_some());
    let count = u32::try_from(paid.len()).unwrap_or(u32::MAX);
    let (mut lines, mut after) = (Vec::new(), Vec::new());
    for (held, left) in paid.into_iter().zip((0..count).rev()) {
        let cycle = cycle_of(&planned.subscription, left.saturating_add(open), now);
        let (from, to) = terms_of(planned, &held);
        let rate = to.priced(cycle)?.rate;
        let at = now.max(held.period.start);
        let change = Change {
            period: Some(held.period),
            at,
            ends: &ended(&held),
            begins: &[Item::new(rate, 1)],
            tax: TaxRate::default(),
            zones: Zones::default(),
        };
        let worked = worked_lines(from, &to, &change)?;
        let net = crate::line::sum(&worked, rate.currency)?;
        let charged = held.charged.checked_add(net)?;
        after.push(held.with_rate(at, rate, charged));
        lines.extend(worked);
    }
    Ok(Worked {
        lines,
        paid: after,
        restart: None,
    })
}

/// The segments of a paid period as things that end. What was charged is told of
/// the last one: it was charged for all of them together.
fn ended(held: &PaidPeriod) -> Vec<Item> {
    let mut items: Vec<Item> = held
        .covered()
        .map(|(part, rate)| Item {
            part: Some(part),
            paid: Some(0),
            ..Item::new(rate, 1)
        })
        .collect();
    if let Some(last) = items.last_mut() {
        last.paid = Some(held.charged.amount);
    }
    items
}

/// The terms that a paid period was charged by, and those that hold in it after
/// the change: another quantity of the same price is, in what was paid ahead, one
/// of the price that follows.
fn terms_of<'a>(planned: &'a Planned, paid: &PaidPeriod) -> (&'a Terms, Cow<'a, Terms>) {
    let held = &planned.subscription;
    let follows = held
        .comes_by_itself()
        .filter(|to_come| to_come.at <= paid.period.start);
    let from = follows.map_or(&held.terms, |to_come| &to_come.terms);
    if follows.is_none() || planned.terms.price != held.terms.price {
        return (from, Cow::Borrowed(&planned.terms));
    }
    let to = Terms {
        quantity: planned.terms.quantity,
        ..from.clone()
    };
    (from, Cow::Owned(to))
}

fn worked_lines(from: &Terms, to: &Terms, change: &Change<'_>) -> Result<Vec<Line>, QuoteRefusal> {
    let worked = prorate(change, Dialect::Engine.choices())?;
    Ok(worked
        .lines
        .iter()
        .map(|line| told(from, to, line))
        .collect())
}

fn told(from: &Terms, to: &Terms, line: &proration::Line) -> Line {
    let begins = line.reason == Reason::Begins;
    let terms = if begins { to } else { from };
    let currency = line.amount.currency;
    let seconds = |units: i128| u64::try_from(units).unwrap_or(0);
    Line {
        kind: if begins {
            LineKind::Begins
        } else {
            LineKind::Unused
        },
        plan: Some(terms.plan.clone()),
        quantity: terms.quantity,
        base: Money::new(line.base, currency),
        share: Some(Share {
            part: seconds(line.counted.part),
            whole: seconds(line.counted.whole),
        }),
        charged: (!begins).then(|| Money::new(line.charged, currency)),
        amount: line.amount,
        used: None,
    }
}

/// The paid periods that are not over. One that was paid before its money was
/// kept is taken as charged in full.
fn paid_periods(
    held: &Subscription,
    account: &Account,
    now: Timestamp,
) -> Result<Vec<PaidPeriod>, QuoteRefusal> {
    let open = u32::from(account.open_invoice(held.id).is_some());
    let mut paid: Vec<PaidPeriod> = held.paid.clone();
    paid.retain(|paid| paid.period.end > now);
    if paid.is_empty()
        && let Some(period) = held.current_period().filter(|period| period.end > now)
    {
        let rate = held.terms.priced(cycle_of(held, open, now))?.rate;
        paid.push(PaidPeriod::new(period, rate));
    }
    Ok(paid)
}

/// The number of the cycle that is running, where the next one may be invoiced.
pub(super) fn present_cycle(held: &Subscription, account: &Account, now: Timestamp) -> u32 {
    let open = u32::from(account.open_invoice(held.id).is_some());
    cycle_of(held, open, now)
}

/// The number of the cycle that is `back` before the last one opened.
fn cycle_of(held: &Subscription, back: u32, now: Timestamp) -> u32 {
    match held.schedule {
        Schedule::Engine { cycle, .. } => cycle.saturating_sub(back),
        Schedule::Provider { .. } => held.terms.number_there(now),
        Schedule::Perpetual => 0,
    }
}
