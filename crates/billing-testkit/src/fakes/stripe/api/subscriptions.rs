//! Subscriptions: read, listed and changed.

use serde_json::Value;

use super::super::bill;
use super::super::change;
use super::super::lifecycle;
use super::super::params::{Params, Set, merge};
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{CouponLasts, Discount, Reason, Span, Status, Subscription};
use super::super::world::World;
use super::Done;
use super::asked::{Asked, TrialEnd};
use super::carry::{carry_out, refuse_unpaid};
use super::list::{Bounds, Page};

pub(super) fn read(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    Ok(render::subscription(world, world.subscription(id)?))
}

pub(super) fn list(world: &World, params: &mut Params) -> Done {
    let customer = params.text("customer");
    let price = params.text("price");
    let status = params.text("status");
    let created = Bounds::take(params)?;
    let page = Page::take(params)?;
    params.finish()?;
    let status = status.as_deref();
    let fits = |of: &&Subscription| {
        let in_status = match status {
            // Canceled ones are hidden unless asked for.
            None => of.status != Status::Canceled,
            Some("all") => true,
            Some("ended") => of.status.over(),
            Some(status) => of.status.word() == status,
        };
        in_status
            && customer
                .as_ref()
                .is_none_or(|customer| of.customer == *customer)
            && price
                .as_ref()
                .is_none_or(|price| of.items.iter().any(|item| item.price == *price))
            && created.hold(of.created)
    };
    let found = world.subscriptions.values().rev().filter(fits);
    let found: Vec<Value> = found.map(|of| render::subscription(world, of)).collect();
    page.of(found, "/v1/subscriptions")
}

pub(super) fn update(world: &mut World, id: &str, params: &mut Params) -> Done {
    let of = world.subscription(id)?.clone();
    let asked = Asked::take(world, params)?;
    let has_items = params.has("items");
    let items = if has_items {
        change::wanted(world, &of, params, "items")?
    } else {
        of.items.clone()
    };
    params.finish()?;
    allowed(&of, &asked, has_items)?;
    let plan = if has_items || asked.anchor_now {
        let at = asked.at.unwrap_or_else(|| world.now());
        if at > world.now() {
            let why = "Cannot specify a `proration_date` in the future.";
            return Err(Refusal::invalid("proration_date", why));
        }
        Some(change::plan(
            world,
            &of,
            items,
            asked.prorate,
            at,
            (asked.anchor_now, asked.coupon == Set::Unset),
        )?)
    } else {
        None
    };
    // A card that says no must leave everything as it was.
    if let Some(plan) = &plan
        && asked.behavior == "error_if_incomplete"
    {
        refuse_unpaid(world, &of, plan)?;
    }
    let mut of = with_fields(world, of, &asked)?;
    match asked.trial_end {
        Some(TrialEnd::At(end)) => set_trial(world, &mut of, end)?,
        Some(TrialEnd::Now) if of.status == Status::Trialing => {
            world.put(of);
            leave_trial(world, id);
            return Ok(render::subscription(world, world.subscription(id)?));
        }
        Some(TrialEnd::Now) | None => {}
    }
    match plan {
        Some(plan) => carry_out(world, of, plan, asked.behavior),
        None => lifecycle::updated(world, of),
    }
    Ok(render::subscription(world, world.subscription(id)?))
}

fn allowed(of: &Subscription, asked: &Asked, has_items: bool) -> Result<(), Refusal> {
    let cancels = asked.at_period_end.is_some() || asked.cancel_at != Set::Keep;
    if of.status.over() && (has_items || cancels || asked.pause != Set::Keep || asked.anchor_now) {
        let why = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(Refusal::state(why));
    }
    if of.status == Status::Incomplete && has_items {
        let why = "Cannot update items of a subscription in `incomplete` status.";
        return Err(Refusal::state(why));
    }
    if let Some(schedule) = &of.schedule
        && (has_items || cancels)
    {
        let why = format!(
            "The subscription is managed by the subscription schedule `{schedule}`, and updating \
             it directly is not allowed. Please update the schedule instead."
        );
        return Err(Refusal::state(why));
    }
    if asked.at_period_end == Some(true) && matches!(asked.cancel_at, Set::To(_)) {
        let why = "You may only specify one of these parameters: cancel_at, cancel_at_period_end.";
        return Err(Refusal::state(why));
    }
    Ok(())
}

fn with_fields(
    world: &mut World,
    mut of: Subscription,
    asked: &Asked,
) -> Result<Subscription, Refusal> {
    let now = world.now();
    match asked.at_period_end {
        Some(true) => {
            of.cancel_at_period_end = true;
            of.cancel_at = Some(of.period.end);
            of.canceled_at = Some(now);
            of.cancel_reason = Some("cancellation_requested");
        }
        // Leaves alone what the portal has set as a date.
        Some(false) if of.cancel_at_period_end => {
            of.cancel_at_period_end = false;
            of.cancel_at = None;
        }
        Some(false) | None => {}
    }
    match asked.cancel_at {
        Set::To(at) if at <= now => {
            return Err(Refusal::invalid("cancel_at", "Must be in the future"));
        }
        Set::To(at) => {
            of.cancel_at_period_end = false;
            of.cancel_at = Some(at);
            of.canceled_at = Some(now);
            of.cancel_reason = Some("cancellation_requested");
        }
        Set::Unset if !of.cancel_at_period_end => of.cancel_at = None,
        Set::Unset | Set::Keep => {}
    }
    if of.cancel_at.is_none() && !of.status.over() {
        of.canceled_at = None;
        of.cancel_reason = None;
    }
    match asked.pause {
        Set::Keep => {}
        Set::Unset => of.pause_collection = None,
        Set::To(pause) => of.pause_collection = Some(pause),
    }
    merge(&mut of.metadata, asked.metadata.clone());
    of.description = asked.description.clone().or(of.description);
    match &asked.coupon {
        Set::Keep => {}
        Set::Unset => of.discounts.clear(),
        Set::To(coupon) => of.discounts = vec![discount(world, coupon)],
    }
    Ok(of)
}

/// A coupon put on a subscription now.
pub(in super::super) fn discount(world: &mut World, coupon: &str) -> Discount {
    let now = world.now();
    let lasts = world.coupons.get(coupon).map(|coupon| coupon.lasts);
    let end = match lasts {
        Some(CouponLasts::Months(months)) => {
            let months = billing_domain::time::Interval::new(
                billing_domain::time::Unit::Month,
                months.max(1),
            );
            months
                .ok()
                .map(|months| change::first_period(months, now).end)
        }
        Some(CouponLasts::Once | CouponLasts::Forever) | None => None,
    };
    Discount {
        id: world.id("di"),
        coupon: coupon.to_owned(),
        start: now,
        end,
    }
}

/// A trial that ends at another time, or begins.
fn set_trial(world: &World, of: &mut Subscription, end: i64) -> Result<(), Refusal> {
    let now = world.now();
    if end <= now {
        let why = "Invalid timestamp: must be an integer Unix timestamp in the future";
        return Err(Refusal::invalid("trial_end", why));
    }
    of.trial = Some(Span {
        start: of.trial.map_or(now, |trial| trial.start),
        end,
    });
    of.status = Status::Trialing;
    let start = of.period.start;
    lifecycle::restart(of, end, Span { start, end });
    of.trial_end_told = false;
    Ok(())
}

/// The trial ends now and the first period is billed at once.
fn leave_trial(world: &mut World, id: &str) {
    let Some(mut of) = world.subscriptions.get(id).cloned() else {
        return;
    };
    let now = world.now();
    let Ok(interval) = change::interval(world, &of.items) else {
        return;
    };
    let period = change::first_period(interval, now);
    if let Some(trial) = &mut of.trial {
        trial.end = now;
    }
    of.status = Status::Active;
    lifecycle::restart(&mut of, now, period);
    let items = of.items.clone();
    let lines = bill::full_lines(world, &of, &items, period);
    world.put(of);
    let invoice = bill::make(world, id, lines, Reason::Update);
    bill::finalize(world, &invoice);
    lifecycle::retry(world, &invoice);
    lifecycle::told(world, id, "customer.subscription.updated");
}
