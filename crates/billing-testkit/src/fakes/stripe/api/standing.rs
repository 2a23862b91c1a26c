//! Ending, pausing and resuming a subscription.

use super::super::bill;
use super::super::change;
use super::super::collect;
use super::super::lifecycle;
use super::super::options::BillingMode;
use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{Line, Reason, Status, Subscription, Verdict};
use super::super::world::World;
use super::Done;
use super::asked::take_anchor;

pub(super) fn cancel(world: &mut World, id: &str, params: &mut Params) -> Done {
    let invoice_now = params.flag("invoice_now")?.unwrap_or(false);
    let prorate = params.flag("prorate")?.unwrap_or(false);
    let _comment = params.text("cancellation_details[comment]");
    let _feedback = params.text("cancellation_details[feedback]");
    params.finish()?;
    let mut of = world.subscription(id)?.clone();
    if of.status.over() {
        return Err(Refusal::no_such("subscription", id));
    }
    let now = world.now();
    let trialing = of.status == Status::Trialing;
    if prorate && !trialing && now < of.period.end {
        let items = of.items.clone();
        let lines = change::split(world, &of, &items, &[], now)?;
        of.pending_lines.extend(lines);
    }
    // What waits is dropped unless it is invoiced now.
    let lines = std::mem::take(&mut of.pending_lines);
    of.canceled_at = Some(now);
    of.cancel_reason = Some("cancellation_requested");
    lifecycle::end(world, of, "cancellation_requested");
    if invoice_now && !lines.is_empty() {
        let invoice = bill::make(world, id, lines, Reason::Update);
        bill::finalize(world, &invoice);
        lifecycle::retry(world, &invoice);
    }
    Ok(render::subscription(world, world.subscription(id)?))
}

pub(super) fn pause(world: &mut World, id: &str, params: &mut Params) -> Done {
    let words = ["pending_invoice_item", "invoice"];
    let invoicing = params.word("invoicing_behavior", &words)?;
    let _type = params.word("type", &["subscription"])?;
    params.finish()?;
    let mut of = world.subscription(id)?.clone();
    if world.rules.billing_mode == BillingMode::Classic {
        let why = "Only subscriptions with `billing_mode` set to `flexible` can be paused.";
        return Err(Refusal::state(why));
    }
    if of.schedule.is_some() {
        let why = "Subscriptions with an attached schedule cannot be paused.";
        return Err(Refusal::state(why));
    }
    if !matches!(of.status, Status::Active | Status::Trialing) {
        let why = format!(
            "Cannot pause a subscription in `{}` status.",
            of.status.word()
        );
        return Err(Refusal::state(why));
    }
    let now = world.now();
    if invoicing.is_some() && of.status == Status::Active {
        let items = of.items.clone();
        let lines = change::split(world, &of, &items, &[], now)?;
        of.pending_lines.extend(lines);
    }
    of.status = Status::Paused;
    of.paused_at = Some(now);
    let lines = if invoicing == Some("invoice") {
        std::mem::take(&mut of.pending_lines)
    } else {
        Vec::new()
    };
    world.put(of);
    if !lines.is_empty() {
        let invoice = bill::make(world, id, lines, Reason::Update);
        bill::finalize(world, &invoice);
    }
    lifecycle::told(world, id, "customer.subscription.updated");
    lifecycle::told(world, id, "customer.subscription.paused");
    Ok(render::subscription(world, world.subscription(id)?))
}

pub(super) fn resume(world: &mut World, id: &str, params: &mut Params) -> Done {
    let anchored = params.has("billing_cycle_anchor");
    // A new cycle begins unless the old one is asked for.
    let anew = take_anchor(params, "billing_cycle_anchor")? || !anchored;
    let words = ["create_prorations", "always_invoice", "none"];
    let prorate = params.word("proration_behavior", &words)? != Some("none");
    let words = ["resume_on_payment_attempt", "resume_on_payment_success"];
    let behavior = params.word("payment_behavior", &words)?;
    params.finish()?;
    let of = world.subscription(id)?.clone();
    let (mut of, lines) = resumed(world, &of, anew, prorate)?;
    let waits = behavior == Some("resume_on_payment_success");
    if !waits || lines.is_empty() {
        of.status = Status::Active;
        of.paused_at = None;
    }
    world.put(of);
    if lines.is_empty() {
        lifecycle::told(world, id, "customer.subscription.updated");
        lifecycle::told(world, id, "customer.subscription.resumed");
        return Ok(render::subscription(world, world.subscription(id)?));
    }
    let invoice = bill::make(world, id, lines, Reason::Update);
    bill::finalize(world, &invoice);
    let held = world.invoice(&invoice)?.clone();
    if held.amount_due > 0 {
        let verdict = collect::verdict(world, &held);
        let verdict = collect::collect(world, &invoice, verdict);
        if !waits && verdict != Verdict::Paid {
            lifecycle::on_failed(world, &invoice, verdict);
        }
    }
    lifecycle::told(world, id, "customer.subscription.updated");
    if !waits {
        lifecycle::told(world, id, "customer.subscription.resumed");
    }
    Ok(render::subscription(world, world.subscription(id)?))
}

/// A paused subscription as it goes on, and what is billed for that.
pub(super) fn resumed(
    world: &mut World,
    of: &Subscription,
    anew: bool,
    prorate: bool,
) -> Result<(Subscription, Vec<Line>), Refusal> {
    let mut of = of.clone();
    if of.status != Status::Paused {
        let why = format!(
            "Cannot resume a subscription in `{}` status.",
            of.status.word()
        );
        return Err(Refusal::state(why));
    }
    let now = world.now();
    let interval = change::interval(world, &of.items)?;
    let items = of.items.clone();
    let mut lines = std::mem::take(&mut of.pending_lines);
    if anew || now >= of.period.end {
        let anchor = if anew { now } else { of.anchor };
        let mut cycle = 0;
        let mut period = change::first_period(interval, anchor);
        while period.end <= now && period.end > period.start {
            cycle += 1;
            period = change::period(interval, anchor, cycle);
        }
        of.anchor = anchor;
        of.cycle = cycle;
        of.period = period;
        lines.extend(bill::full_lines(world, &of, &items, period));
    } else if prorate && !lines.is_empty() {
        // The time not used was credited at the pause: the rest is charged again.
        lines.extend(change::split(world, &of, &[], &items, now)?);
    }
    Ok((of, lines))
}
