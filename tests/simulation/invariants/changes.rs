//! What must hold of changes, prices, promises and codes.

use std::collections::BTreeMap;

use billing::sandbox::Mode;
use billing_domain::change::ChangeState;
use billing_domain::checkout::CheckoutState;
use billing_domain::customer::Account;
use billing_domain::ids::SubscriptionId;
use billing_domain::invoice::{Invoice, InvoiceState, Purpose};
use billing_domain::journal::Event;
use billing_domain::line::LineKind;
use billing_domain::subscription::{Schedule, State, Why};
use billing_domain::terms::Terms;
use billing_domain::time::{Timestamp, shifted_back};
use billing_ports::Clock;
use billing_ports::store::PageAsk;
use billing_testkit::memory::Snapshot;
use jiff::SignedDuration;

use crate::simulation::world::World;

/// How old the notice of a dearer cycle is at least; every promise of a run says so.
const NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Codes looked at; a run has two.
const CODES: u16 = 10;

pub(super) fn check(world: &World, held: &Snapshot) -> Result<(), String> {
    if let Some(broken) = &world.changing.broken {
        return Err(broken.clone());
    }
    for customer in &held.accounts {
        let account = &customer.account;
        one_change_a_quote(account)?;
        applied_at_most_once(account, held)?;
        every_change_ends(account, world.clock.now())?;
        scheduled_changes_are_waited_for(account)?;
        no_dearer_cycle_without_notice(account, held)?;
        no_dearer_period_without_notice(account, world, held)?;
        both_sides_hold_the_same(account, world)?;
    }
    Ok(())
}

/// Codes are never used more often than they allow, counted by who holds them. A
/// page that was paid in time and told of when it had expired here is honored all
/// the same, though its use may have gone to another.
pub(super) async fn codes_are_kept(world: &World, held: &Snapshot) -> Result<(), String> {
    let page = PageAsk {
        after: None,
        limit: CODES,
    };
    for code in world.billing().list_codes(page).await.unwrap().rows {
        let allowed = code.code.max_uses.unwrap_or(u32::MAX);
        let held_by = |terms: &Terms| {
            let discount = terms.discount.as_ref();
            discount.is_some_and(|held| held.code == Some(code.code.id))
        };
        let accounts = || held.accounts.iter().map(|customer| &customer.account);
        let holders = accounts()
            .flat_map(|account| &account.subscriptions)
            .filter(|held| held_by(&held.terms))
            .count();
        let told_late = accounts()
            .flat_map(|account| &account.checkouts)
            .filter(|checkout| {
                held_by(&checkout.terms)
                    && matches!(checkout.state, CheckoutState::Completed { .. })
                    && held.journal.iter().any(|entry| {
                        entry.event == Event::CheckoutExpired && entry.checkout == Some(checkout.id)
                    })
            })
            .count();
        let (holders, told_late) = (
            u32::try_from(holders).unwrap(),
            u32::try_from(told_late).unwrap(),
        );
        let most = allowed.saturating_add(told_late);
        if code.used > most || holders > most || holders > code.used {
            return Err(format!(
                "held by {holders}, {told_late} told late: {code:?}"
            ));
        }
    }
    Ok(())
}

fn one_change_a_quote(account: &Account) -> Result<(), String> {
    let mut by_quote = BTreeMap::new();
    for change in &account.changes {
        if let Some(other) = by_quote.insert(change.quote.id, change.id) {
            return Err(format!("one quote became {other} and {change:?}"));
        }
    }
    Ok(())
}

fn applied_at_most_once(account: &Account, held: &Snapshot) -> Result<(), String> {
    for change in &account.changes {
        let told = held
            .journal
            .iter()
            .filter(|entry| entry.event == Event::PlanChanged && entry.change == Some(change.id))
            .count();
        if told != usize::from(change.applied_at().is_some()) {
            return Err(format!("applied {told} times: {change:?}"));
        }
    }
    Ok(())
}

/// A calm month has passed: nothing awaits its payment, and what was to take
/// effect by now has, unless it stands still.
fn every_change_ends(account: &Account, now: Timestamp) -> Result<(), String> {
    for change in &account.changes {
        if change.state == ChangeState::AwaitingPayment {
            return Err(format!("still awaits its payment: {change:?}"));
        }
        let held = account.subscription(change.quote.subscription);
        let still = held.is_none_or(|held| {
            matches!(
                held.state,
                State::Paused { .. } | State::PastDue { .. } | State::Lapsed { .. }
            ) || matches!(held.schedule, Schedule::Provider { .. })
        });
        let due = change.quote.effective_at < now;
        if change.state == ChangeState::Scheduled && due && !still {
            return Err(format!("was to take effect: {change:?}, {held:?}"));
        }
    }
    Ok(())
}

fn scheduled_changes_are_waited_for(account: &Account) -> Result<(), String> {
    for held in account.subscriptions.iter().filter(|held| held.is_over()) {
        let open = account.changes.iter().find(|change| {
            change.quote.subscription == held.id && change.state == ChangeState::AwaitingPayment
        });
        if let Some(change) = open {
            return Err(format!("{} is over, and waits for {change:?}", held.id));
        }
    }
    Ok(())
}

/// Whether a notice was given, old enough at `start`.
fn was_told(held: &Snapshot, id: SubscriptionId, start: Timestamp) -> bool {
    let latest = shifted_back(start, NOTICE);
    held.journal.iter().any(|entry| {
        entry.event == Event::PriceChangeUpcoming
            && entry.subscription == Some(id)
            && entry.at <= latest
    })
}

/// Whether somebody asked for other terms that came into effect in that time.
fn was_asked_for(account: &Account, id: SubscriptionId, from: Timestamp, to: Timestamp) -> bool {
    account.changes.iter().any(|change| {
        // A provider may apply it long before we hear of it.
        let held = change.applied_at().is_some_and(|at| at >= from);
        change.quote.subscription == id && change.accepted_at <= to && held
    })
}

/// What one piece costs on an invoice before discounts, in minor units.
fn piece(invoice: &Invoice) -> Option<i64> {
    let line = invoice
        .lines
        .iter()
        .find(|line| line.kind == LineKind::Plan)?;
    Some(line.base.amount / i64::from(line.quantity))
}

fn no_dearer_cycle_without_notice(account: &Account, held: &Snapshot) -> Result<(), String> {
    for subscription in &account.subscriptions {
        let mut cycles: Vec<&Invoice> = account
            .invoices
            .iter()
            .filter(|invoice| {
                invoice.subscription == Some(subscription.id)
                    && matches!(invoice.purpose, Purpose::Renewal | Purpose::Purchase)
                    && invoice.period.is_some()
                    // Taken back, it was charged to nobody.
                    && !matches!(invoice.state, InvoiceState::Void { .. })
            })
            .collect();
        cycles.sort_by_key(|invoice| invoice.period.map(|period| period.start));
        for pair in cycles.windows(2) {
            let (Some(before), Some(after)) = (piece(pair[0]), piece(pair[1])) else {
                continue;
            };
            let start = pair[1].period.unwrap().start;
            let asked = was_asked_for(account, subscription.id, pair[0].opened_at, start);
            if after > before && !asked && !was_told(held, subscription.id, start) {
                return Err(format!("dearer, and nobody was told: {:?}", pair[1]));
            }
        }
    }
    Ok(())
}

/// The same in the provider's books, where it runs the schedule.
fn no_dearer_period_without_notice(
    account: &Account,
    world: &World,
    held: &Snapshot,
) -> Result<(), String> {
    let books = world.sandbox.books();
    for subscription in &account.subscriptions {
        let Schedule::Provider { reference, .. } = &subscription.schedule else {
            continue;
        };
        let mut periods: Vec<_> = books
            .invoices
            .values()
            .filter(|invoice| {
                let cycle = matches!(invoice.purpose, Some(Purpose::Renewal | Purpose::Purchase));
                invoice.subscription.as_ref() == Some(reference) && cycle
            })
            .filter_map(|invoice| {
                let listed = invoice.amount.amount + invoice.drawn.amount;
                Some((invoice.period?.start, listed))
            })
            .collect();
        periods.sort_unstable();
        for pair in periods.windows(2) {
            let ((from, before), (start, after)) = (pair[0], pair[1]);
            let asked = was_asked_for(account, subscription.id, from, start);
            if after > before && !asked && !was_told(held, subscription.id, start) {
                return Err(format!("{after} after {before}, untold: {subscription:?}"));
            }
        }
    }
    Ok(())
}

/// A provider that runs the schedule has the price and the pieces that we hold,
/// and what we wait for.
fn both_sides_hold_the_same(account: &Account, world: &World) -> Result<(), String> {
    if world.mode != Mode::OwnSchedule {
        return Ok(());
    }
    let books = world.sandbox.books();
    for held in &account.subscriptions {
        let (Schedule::Provider { reference, .. }, State::Active) = (&held.schedule, held.state)
        else {
            continue;
        };
        let Some(theirs) = books.subscriptions.get(reference) else {
            return Err(format!("the provider knows nothing of {held:?}"));
        };
        if theirs.period.end <= world.clock.now() {
            // Its next period has begun, and is charged for within the hour over there.
            continue;
        }
        if theirs.price_ref != held.terms.price_ref || theirs.quantity != held.terms.quantity {
            return Err(format!("theirs is {theirs:?}, ours {held:?}"));
        }
        let by_change = held
            .scheduled
            .as_ref()
            .filter(|to_come| matches!(to_come.why, Why::Change { .. }));
        let awaited = by_change.and_then(|to_come| to_come.terms.price_ref.clone());
        if awaited.is_some() && theirs.next_price_ref != awaited {
            return Err(format!("{theirs:?} is to be followed by {awaited:?}"));
        }
    }
    Ok(())
}
