//! What must hold after every run, whatever went wrong in it.

mod changes;
mod money;

use std::collections::{BTreeMap, BTreeSet};

use billing::{Gate, Need};
use billing_domain::access::Effective;
use billing_domain::customer::Account;
use billing_domain::ids::SubscriptionId;
use billing_domain::invoice::{InvoiceState, Issuer, Purpose};
use billing_domain::journal::Event;
use billing_domain::subscription::{Schedule, State};
use billing_domain::time::{Period, Timestamp, shifted};
use billing_ports::Clock;
use billing_testkit::memory::{RowState, Snapshot};
use jiff::SignedDuration;

use super::world::World;
use crate::rig::findings;

/// Checks them all; says which is broken.
pub(super) async fn check(world: &World) -> Result<(), String> {
    let held = world.store.snapshot();
    if let Some(found) = findings(world.billing()).await.unwrap().first() {
        return Err(format!("the audit found {found}"));
    }
    changes::check(world, &held)?;
    changes::codes_are_kept(world, &held).await?;
    queues_are_empty(&held)?;
    for customer in &held.accounts {
        let account = &customer.account;
        one_open_invoice_per_subscription_and_purpose(account)?;
        no_cycle_is_credited_twice(account)?;
        paid_periods_do_not_overlap(account)?;
        paid_time_gives_access(account, world.clock.now())?;
        access_is_backed(account, world.clock.now())?;
        paid_through_is_what_was_paid_for(account, &held)?;
        money::check(world, account)?;
    }
    every_payment_is_known_once(world, &held)?;
    journal_and_values_agree(&held)?;
    everything_was_told(world, &held)
}

fn queues_are_empty(held: &Snapshot) -> Result<(), String> {
    if let Some(row) = held.inbox.iter().find(|row| row.state == RowState::Waiting) {
        return Err(format!("an event waits: {row:?}"));
    }
    match held
        .outbox
        .iter()
        .find(|row| row.state == RowState::Waiting)
    {
        Some(row) => Err(format!("an effect waits: {row:?}")),
        None => Ok(()),
    }
}

fn one_open_invoice_per_subscription_and_purpose(account: &Account) -> Result<(), String> {
    let mut open = BTreeSet::new();
    for invoice in account.invoices.iter().filter(|held| held.is_open()) {
        if invoice.issuer == Issuer::Engine
            && !open.insert((invoice.subscription, invoice.is_renewal()))
        {
            return Err(format!("two open invoices: {:?}", account.invoices));
        }
    }
    Ok(())
}

fn no_cycle_is_credited_twice(account: &Account) -> Result<(), String> {
    let mut cycles = BTreeSet::new();
    for invoice in &account.invoices {
        let credited = invoice
            .payments
            .iter()
            .filter(|payment| payment.credited)
            .count();
        if credited > 1 {
            return Err(format!("credited twice: {invoice:?}"));
        }
        let renewal = matches!(invoice.purpose, Purpose::Renewal | Purpose::Purchase)
            && invoice.issuer == Issuer::Engine
            && matches!(invoice.state, InvoiceState::Settled { .. });
        if renewal && !cycles.insert((invoice.subscription, invoice.cycle)) {
            return Err(format!("cycle settled twice: {invoice:?}"));
        }
    }
    Ok(())
}

fn paid_periods_do_not_overlap(account: &Account) -> Result<(), String> {
    for held in &account.subscriptions {
        let mut list = paid_periods(account, held.id);
        list.sort_by_key(|period| period.start);
        if let Some(pair) = list.windows(2).find(|pair| pair[0].end > pair[1].start) {
            return Err(format!("paid twice for the same time: {pair:?}"));
        }
    }
    Ok(())
}

/// The time that was paid for. A change that begins a period gives back what was
/// left of those before it.
fn paid_periods(account: &Account, id: SubscriptionId) -> Vec<Period> {
    let mut paid: Vec<(Timestamp, Period)> = account
        .invoices
        .iter()
        .filter(|invoice| invoice.subscription == Some(id) && invoice.purpose != Purpose::Change)
        .filter_map(|invoice| match (invoice.state, invoice.period) {
            (InvoiceState::Settled { at }, Some(period)) => Some((at, period)),
            _ => None,
        })
        .collect();
    let mut restarts: Vec<(Timestamp, Period)> = account
        .changes
        .iter()
        .filter(|change| change.quote.subscription == id)
        .filter_map(|change| Some((change.applied_at()?, change.quote.restart?)))
        .collect();
    // A provider's own, of which it gave back what was left in the same way.
    let begun_there = account.invoices.iter().filter(|invoice| {
        invoice.subscription == Some(id)
            && invoice.issuer == Issuer::Provider
            && invoice.purpose == Purpose::Change
    });
    restarts.extend(begun_there.filter_map(|invoice| match invoice.state {
        InvoiceState::Settled { at } => Some((at, invoice.period?)),
        InvoiceState::Open | InvoiceState::Void { .. } => None,
    }));
    restarts.sort_by_key(|(applied, _)| *applied);
    // Which of two came last at one instant, only the subscription knows.
    let mut starts = BTreeSet::new();
    if !restarts.iter().all(|(_, begun)| starts.insert(begun.start)) {
        return Vec::new();
    }
    for (applied, begun) in restarts {
        for (since, period) in &mut paid {
            // The provider's clock is ahead of ours by an instant.
            if *since <= shifted(applied, SignedDuration::from_secs(1)) {
                period.end = period.end.min(begun.start);
            }
        }
        paid.retain(|(_, period)| period.start < period.end);
        paid.push((applied, begun));
    }
    paid.retain(|(_, period)| period.start < period.end);
    paid.into_iter().map(|(_, period)| period).collect()
}

fn paid_time_gives_access(account: &Account, now: Timestamp) -> Result<(), String> {
    for held in &account.subscriptions {
        let paid = held.times.paid_through.is_none_or(|end| now < end)
            || matches!(held.schedule, Schedule::Perpetual);
        let alive = matches!(held.state, State::Active | State::Trialing { .. });
        let withheld = held.withheld_since(now).is_some();
        if paid && alive && !withheld && !held.gives_access(now) {
            return Err(format!("paid, and without access: {held:?}"));
        }
    }
    Ok(())
}

/// Who has access has paid for now, is tried or in grace, bought for ever, or
/// waits for what only an outage of ours or a provider's silence holds up.
fn access_is_backed(account: &Account, now: Timestamp) -> Result<(), String> {
    for held in &account.subscriptions {
        let times = held.times;
        let backed = times.paid_through.is_some_and(|end| now < end)
            || times.grace_ends_at.is_some_and(|end| now < end)
            || matches!(held.state, State::Trialing { ends_at, .. } if now < ends_at)
            || matches!(held.schedule, Schedule::Perpetual)
            // A provider charges some hours into its period.
            || matches!(held.schedule, Schedule::Provider { .. })
                && times.next_attempt_at.is_some_and(|asked| now < asked);
        // A calm month has passed: nothing is held up any more.
        if held.gives_access(now) && !backed {
            return Err(format!("access that nobody paid for: {held:?}"));
        }
    }
    Ok(())
}

/// Where we run the schedule, what is held is paid through the end of the last
/// period that was paid for; only a pause moves it, and then later.
fn paid_through_is_what_was_paid_for(account: &Account, held: &Snapshot) -> Result<(), String> {
    for subscription in &account.subscriptions {
        let goes_on = matches!(
            subscription.state,
            State::Active | State::PastDue { .. } | State::Lapsed { .. }
        );
        if !goes_on || !matches!(subscription.schedule, Schedule::Engine { .. }) {
            continue;
        }
        let paid = paid_periods(account, subscription.id);
        let Some(paid_for) = paid.iter().map(|period| period.end).max() else {
            continue;
        };
        let was_paused = held.journal.iter().any(|entry| {
            entry.event == Event::SubscriptionResumed && entry.subscription == Some(subscription.id)
        });
        let through = subscription.times.paid_through;
        let fits = if was_paused {
            through >= Some(paid_for)
        } else {
            through == Some(paid_for)
        };
        if !fits {
            return Err(format!("paid for until {paid_for}: {subscription:?}"));
        }
    }
    Ok(())
}

/// Every payment that the provider took is on exactly one invoice, once: in
/// full credited, or set aside for a person.
fn every_payment_is_known_once(world: &World, held: &Snapshot) -> Result<(), String> {
    let books = world.sandbox.books();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_invoice: BTreeMap<String, usize> = BTreeMap::new();
    for invoice in held
        .accounts
        .iter()
        .flat_map(|customer| &customer.account.invoices)
    {
        for payment in &invoice.payments {
            *known.entry(payment.reference.clone()).or_default() += 1;
        }
        if let (Issuer::Provider, Some(reference)) = (invoice.issuer, &invoice.reference) {
            *by_invoice.entry(reference.clone()).or_default() += 1;
        }
    }
    for (id, payment) in &books.payments {
        let times = known
            .get(id)
            .or_else(|| by_invoice.get(&payment.paid_for))
            .copied();
        // A checkout that the provider's own schedule goes on from is told by its invoice.
        let through_checkout = payment.paid_for.starts_with("sbx_chk")
            && held.accounts.iter().any(|customer| {
                customer.account.checkouts.iter().any(|checkout| {
                    checkout.reference() == Some(&payment.paid_for)
                        && checkout.owns_schedule
                        && !checkout.is_open()
                })
            });
        if times != Some(1) && !through_checkout {
            return Err(format!(
                "payment {id} is known {times:?} times: {payment:?}"
            ));
        }
    }
    let charged: Vec<_> = books
        .invoices
        .values()
        .filter_map(|invoice| invoice.invoice)
        .collect();
    let once: BTreeSet<_> = charged.iter().collect();
    if once.len() != charged.len() {
        return Err("the provider has two invoices for one of ours".to_owned());
    }
    Ok(())
}

fn journal_and_values_agree(held: &Snapshot) -> Result<(), String> {
    let count = |event: Event| {
        held.journal
            .iter()
            .filter(|entry| entry.event == event)
            .count()
    };
    let accounts = || held.accounts.iter().map(|customer| &customer.account);
    let subscriptions = accounts()
        .map(|account| account.subscriptions.len())
        .sum::<usize>();
    let settled = accounts()
        .flat_map(|account| &account.invoices)
        .filter(|invoice| matches!(invoice.state, InvoiceState::Settled { .. }))
        .count();
    for (event, values) in [
        (Event::SubscriptionCreated, subscriptions),
        (Event::InvoiceSettled, settled),
    ] {
        if count(event) != values {
            return Err(format!(
                "{} {} in the journal, {values} held",
                count(event),
                event.as_str()
            ));
        }
    }
    Ok(())
}

/// What is in the journal was told, all of it, each under one id.
fn everything_was_told(world: &World, held: &Snapshot) -> Result<(), String> {
    let mut told = BTreeSet::new();
    for (_, delivery) in world.notifier.deliveries() {
        for entry in delivery.entries {
            if !told.insert(entry.id) {
                return Err(format!("told under two ids: {entry:?}"));
            }
        }
    }
    match held.journal.iter().find(|entry| !told.contains(&entry.id)) {
        Some(entry) => Err(format!("never told: {entry:?}")),
        None => Ok(()),
    }
}

#[test]
fn the_gate_agrees_with_the_values() {
    // The gate is a pure function of what is held; a run's end is as good a place as any.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(3).await;
        for _ in 0..super::STEPS {
            world.step().await;
        }
        world.calm().await;
        let catalog = world.billing().catalog().await.unwrap();
        let now = world.clock.now();
        for customer in &world.store.snapshot().accounts {
            let id = customer.account.customer.id;
            let gate = world
                .billing()
                .gate(&id.into(), "sso", Need::Some)
                .await
                .unwrap();
            let effective = Effective::of(&customer.account, &catalog.catalog, now);
            let holds = effective.entitlements.get("sso").is_some();
            assert_eq!(matches!(gate, Gate::Allowed { .. }), holds);
        }
    });
}
