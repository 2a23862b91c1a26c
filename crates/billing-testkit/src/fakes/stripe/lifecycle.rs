//! What happens to subscriptions: they begin, renew, fall behind, pause and end.
//!
//! Knows no endpoint and no clock of its own: when something is due is in `due`.

use super::bill;
use super::change;
use super::collect;
use super::options::AfterRetries;
use super::render;
use super::thing::{
    Invoice, InvoiceStatus, MissingMethod, Reason, Schedule, ScheduleStatus, Status, Subscription,
    Verdict,
};
use super::world::World;

/// How long a draft of a renewal waits before it is finalized: an hour, as the
/// real one does.
pub(super) const DRAFT_SECONDS: i64 = 3_600;

/// How long a first payment, or a pending update, may be outstanding: 23 hours,
/// as the real one has it.
pub(super) const INCOMPLETE_SECONDS: i64 = 23 * 3_600;

/// Tells of a subscription as it is.
pub(super) fn told(world: &mut World, id: &str, kind: &'static str) {
    if let Some(of) = world.subscriptions.get(id) {
        let object = render::subscription(world, of);
        world.tell(kind, object);
    }
}

/// Puts a subscription back and tells that it was updated.
pub(super) fn updated(world: &mut World, of: Subscription) {
    let id = of.id.clone();
    world.put(of);
    told(world, &id, "customer.subscription.updated");
}

/// What a paid invoice means to its subscription.
pub(super) fn on_paid(world: &mut World, invoice: &Invoice) {
    let id = invoice.subscription.as_deref().unwrap_or_default();
    let Some(mut of) = world.subscriptions.get(id).cloned() else {
        return;
    };
    if let Some(pending) = of.pending_update.clone()
        && pending.invoice == invoice.id
    {
        of.items = pending.items;
        if let Some((anchor, period)) = pending.restart {
            restart(&mut of, anchor, period);
        }
        of.pending_lines.clear();
        of.pending_update = None;
        world.put(of.clone());
        told(world, id, "customer.subscription.pending_update_applied");
        updated(world, of);
        return;
    }
    let recovers = match of.status {
        Status::Incomplete => true,
        // Any other invoice that is owed keeps it where it is.
        Status::PastDue | Status::Unpaid => {
            let owed = |other: &&Invoice| {
                other.subscription.as_deref() == Some(id) && other.status == InvoiceStatus::Open
            };
            !world.invoices.values().any(|other| owed(&other))
        }
        Status::Paused => of.latest_invoice.as_deref() == Some(invoice.id.as_str()),
        Status::Active | Status::Trialing | Status::Canceled | Status::IncompleteExpired => false,
    };
    if !recovers {
        return;
    }
    let resumed = of.status == Status::Paused;
    of.status = Status::Active;
    of.paused_at = None;
    updated(world, of);
    if resumed {
        told(world, id, "customer.subscription.resumed");
    }
}

/// Begins a new cycle at `anchor`.
pub(super) fn restart(of: &mut Subscription, anchor: i64, period: super::thing::Span) {
    of.anchor = anchor;
    of.cycle = 0;
    of.period = period;
}

/// A payment that was due failed: what follows for the subscription.
pub(super) fn on_failed(world: &mut World, invoice_id: &str, verdict: Verdict) {
    if matches!(verdict, Verdict::Paid | Verdict::Processing) {
        return;
    }
    let Some(mut invoice) = world.invoices.get(invoice_id).cloned() else {
        return;
    };
    let retry = usize::try_from(invoice.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let retry = world.rules.retries.get(retry).copied();
    invoice.next_attempt = retry.map(|pause| world.now().saturating_add(pause.as_secs()));
    let exhausted = invoice.next_attempt.is_none();
    let id = invoice.subscription.clone().unwrap_or_default();
    world.invoices.insert(invoice_id.to_owned(), invoice);
    bill::told(world, invoice_id, "invoice.updated");
    let Some(mut of) = world.subscriptions.get(&id).cloned() else {
        return;
    };
    if of.status == Status::Active {
        of.status = Status::PastDue;
        updated(world, of.clone());
    }
    if !exhausted || of.status.over() {
        return;
    }
    match world.rules.after_retries {
        AfterRetries::Cancel => {
            of.canceled_at = Some(world.now());
            end(world, of, "payment_failed");
        }
        AfterRetries::Unpaid => {
            of.status = Status::Unpaid;
            updated(world, of);
        }
        AfterRetries::PastDue => {}
    }
}

/// Ends a subscription now; its schedule ends with it.
pub(super) fn end(world: &mut World, mut of: Subscription, reason: &'static str) {
    let now = world.now();
    of.status = Status::Canceled;
    of.ended_at = Some(now);
    of.canceled_at = of.canceled_at.or(Some(now));
    of.cancel_reason = Some(of.cancel_reason.unwrap_or(reason));
    of.pending_update = None;
    of.pending_lines.clear();
    of.paused_at = None;
    let schedule = of.schedule.take();
    let id = of.id.clone();
    world.put(of);
    told(world, &id, "customer.subscription.deleted");
    if let Some(schedule) = schedule {
        end_schedule(world, &schedule, ScheduleStatus::Canceled);
    }
    // What was only drafted is not asked for any more.
    let drafts = world.invoices.values_mut();
    for draft in drafts.filter(|one| one.subscription.as_deref() == Some(id.as_str())) {
        draft.next_attempt = None;
        draft.finalizes_at = None;
    }
}

/// Ends a schedule and tells of it.
pub(super) fn end_schedule(world: &mut World, id: &str, status: ScheduleStatus) {
    let now = world.now();
    let Some(schedule) = world.schedules.get_mut(id) else {
        return;
    };
    schedule.status = status;
    schedule.ended_at = Some(now);
    let schedule = schedule.clone();
    let object = render::schedule(world, &schedule);
    world.tell(
        match status {
            ScheduleStatus::Released => "subscription_schedule.released",
            ScheduleStatus::Canceled => "subscription_schedule.canceled",
            ScheduleStatus::Completed | ScheduleStatus::Active => "subscription_schedule.completed",
        },
        object,
    );
}

/// The period of a subscription has ended: it ends, or the next one begins.
pub(super) fn renew(world: &mut World, id: &str) {
    let Some(mut of) = world.subscriptions.get(id).cloned() else {
        return;
    };
    let ending = of.cancel_at.is_some_and(|at| at <= of.period.end);
    if of.cancel_at_period_end || ending {
        end(world, of, "cancellation_requested");
        return;
    }
    advance_schedule(world, &mut of);
    if of.status == Status::Canceled {
        return;
    }
    let Ok(interval) = change::interval(world, &of.items) else {
        return;
    };
    if change::period(interval, of.anchor, of.cycle) == of.period {
        of.cycle = of.cycle.saturating_add(1);
        of.period = change::period(interval, of.anchor, of.cycle);
    } else {
        // The schedule has brought another rhythm.
        let anchor = of.period.end;
        restart(&mut of, anchor, change::first_period(interval, anchor));
    }
    bill_period(world, of);
}

/// Drafts the invoice of the period that has begun.
fn bill_period(world: &mut World, mut of: Subscription) {
    let items = of.items.clone();
    let full = bill::full_lines(world, &of, &items, of.period);
    let mut lines = std::mem::take(&mut of.pending_lines);
    lines.extend(full);
    let id = of.id.clone();
    let drafts = of.status == Status::Unpaid
        || of
            .pause_collection
            .is_some_and(|pause| pause.behavior == "keep_as_draft");
    // One whose time is over is no longer told of.
    let now = world.now();
    of.discounts
        .retain(|held| held.end.is_none_or(|end| now < end));
    world.put(of);
    let invoice = bill::make(world, &id, lines, Reason::Cycle);
    let finalizes = world.now().saturating_add(DRAFT_SECONDS);
    if let Some(invoice) = world.invoices.get_mut(&invoice) {
        invoice.finalizes_at = (!drafts).then_some(finalizes);
    }
    told(world, &id, "customer.subscription.updated");
}

/// A draft's hour is over: it is finalized, and its money taken.
pub(super) fn finalize_renewal(world: &mut World, id: &str) {
    let Some(invoice) = world.invoices.get(id).cloned() else {
        return;
    };
    let subscription = invoice.subscription.as_deref().unwrap_or_default();
    let pause = world.subscriptions.get(subscription);
    let pause = pause.and_then(|of| of.pause_collection);
    bill::finalize(world, id);
    match pause.map(|pause| pause.behavior) {
        Some("void") => return bill::close_quietly(world, id, InvoiceStatus::Void),
        Some("mark_uncollectible") => {
            return bill::close_quietly(world, id, InvoiceStatus::Uncollectible);
        }
        Some(_) | None => {}
    }
    retry(world, id);
}

/// Tries an open invoice with what is on file.
pub(super) fn retry(world: &mut World, id: &str) {
    let Some(invoice) = world.invoices.get(id).cloned() else {
        return;
    };
    if invoice.status != InvoiceStatus::Open {
        return;
    }
    let verdict = collect::verdict(world, &invoice);
    let verdict = collect::collect(world, id, verdict);
    on_failed(world, id, verdict);
}

/// A trial is over.
pub(super) fn end_trial(world: &mut World, id: &str) {
    let Some(mut of) = world.subscriptions.get(id).cloned() else {
        return;
    };
    if of.cancel_at_period_end || of.cancel_at.is_some_and(|at| at <= of.period.end) {
        return end(world, of, "cancellation_requested");
    }
    let on_file = world.customers.get(&of.customer).and_then(|one| one.card);
    if of.card.or(on_file).is_none() {
        match of.missing_method {
            MissingMethod::Cancel => return end(world, of, "cancellation_requested"),
            MissingMethod::Pause => {
                of.status = Status::Paused;
                of.paused_at = Some(world.now());
                updated(world, of);
                return told(world, id, "customer.subscription.paused");
            }
            MissingMethod::CreateInvoice => {}
        }
    }
    advance_schedule(world, &mut of);
    let Ok(interval) = change::interval(world, &of.items) else {
        return;
    };
    let anchor = of.period.end;
    of.status = Status::Active;
    restart(&mut of, anchor, change::first_period(interval, anchor));
    bill_period(world, of);
}

/// Applies the phase that begins at the end of the current period, and ends a
/// schedule that has no further one.
fn advance_schedule(world: &mut World, of: &mut Subscription) {
    let Some(mut schedule) = of
        .schedule
        .as_ref()
        .and_then(|id| world.schedules.get(id))
        .cloned()
    else {
        return;
    };
    let at = of.period.end;
    let Some(phase) = schedule.current(at).cloned() else {
        return leave_schedule(world, of, &schedule);
    };
    if phase.span.start == at {
        apply_phase(world, of, &phase.items);
        of.discounts
            .retain(|held| phase.discounts.contains(&held.id));
        super::params::merge(
            &mut of.metadata,
            Some(phase.metadata.clone()).filter(|new| !new.is_empty()),
        );
        schedule.phases.retain(|held| held.span.end > at);
        let object = render::schedule(world, &schedule);
        world.schedules.insert(schedule.id.clone(), schedule);
        world.tell("subscription_schedule.updated", object);
    }
}

fn leave_schedule(world: &mut World, of: &mut Subscription, schedule: &Schedule) {
    of.schedule = None;
    if schedule.cancels {
        end_schedule(world, &schedule.id, ScheduleStatus::Completed);
        end(world, of.clone(), "cancellation_requested");
        of.status = Status::Canceled;
    } else {
        end_schedule(world, &schedule.id, ScheduleStatus::Released);
    }
}

/// Puts a phase's items on a subscription; items keep their ids by place.
fn apply_phase(world: &mut World, of: &mut Subscription, items: &[(String, u32)]) {
    let held = std::mem::take(&mut of.items);
    let mut held = held.into_iter();
    for (price, quantity) in items {
        let mut item = held.next().unwrap_or_else(|| super::thing::Item {
            id: world.id("si"),
            price: price.clone(),
            quantity: *quantity,
            metadata: super::thing::Metadata::new(),
            created: world.now(),
        });
        item.price.clone_from(price);
        item.quantity = *quantity;
        of.items.push(item);
    }
}

/// Nobody paid in time: an incomplete subscription expires.
pub(super) fn expire_incomplete(world: &mut World, id: &str) {
    let Some(mut of) = world.subscriptions.get(id).cloned() else {
        return;
    };
    of.status = Status::IncompleteExpired;
    of.ended_at = Some(world.now());
    let invoice = of.latest_invoice.clone();
    updated(world, of);
    if let Some(invoice) = invoice {
        bill::close_quietly(world, &invoice, InvoiceStatus::Void);
    }
}

/// Nobody paid in time: a pending update is dropped.
pub(super) fn expire_pending(world: &mut World, id: &str) {
    let Some(mut of) = world.subscriptions.get(id).cloned() else {
        return;
    };
    let Some(pending) = of.pending_update.take() else {
        return;
    };
    world.put(of.clone());
    bill::close_quietly(world, &pending.invoice, InvoiceStatus::Void);
    told(world, id, "customer.subscription.pending_update_expired");
    updated(world, of);
}
