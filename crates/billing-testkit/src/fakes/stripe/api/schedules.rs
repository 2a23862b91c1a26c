//! Subscription schedules: made from a subscription, changed, let go.

use billing_domain::time::{Interval, Unit};
use serde_json::Value;

use super::super::change;
use super::super::lifecycle;
use super::super::params::{Params, merge};
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{Phase, Schedule, ScheduleStatus, Span};
use super::super::world::World;
use super::Done;
use super::list::Page;

/// The most phases of a schedule, as the real one has it.
const PHASES_MAX: usize = 10;

pub(super) fn create(world: &mut World, params: &mut Params) -> Done {
    let subscription = params.required("from_subscription")?;
    // Nothing may stand beside it.
    params.finish()?;
    let mut of = world
        .subscription(&subscription)
        .map_err(|no| no.of_param("from_subscription"))?
        .clone();
    if of.status.over() {
        let why = "You cannot create a schedule from a subscription that has ended.";
        return Err(Refusal::state(why));
    }
    if of.schedule.is_some() {
        let why = "You cannot migrate a subscription that is already attached to a schedule.";
        return Err(Refusal::state(why));
    }
    let now = world.now();
    let items = of.items.iter();
    let schedule = Schedule {
        id: world.id("sub_sched"),
        customer: of.customer.clone(),
        subscription,
        status: ScheduleStatus::Active,
        phases: vec![Phase {
            span: of.period,
            items: items
                .map(|item| (item.price.clone(), item.quantity))
                .collect(),
            proration: "create_prorations",
            trial_end: of.trial.map(|trial| trial.end).filter(|end| *end > now),
            discounts: of.discounts.iter().map(|one| one.id.clone()).collect(),
            metadata: super::super::thing::Metadata::new(),
        }],
        cancels: of.cancel_at_period_end,
        metadata: super::super::thing::Metadata::new(),
        created: world.now(),
        ended_at: None,
    };
    of.schedule = Some(schedule.id.clone());
    let object = render::schedule(world, &schedule);
    world.schedules.insert(schedule.id.clone(), schedule);
    world.tell("subscription_schedule.created", object.clone());
    lifecycle::updated(world, of);
    Ok(object)
}

pub(super) fn read(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    Ok(render::schedule(world, world.schedule(id)?))
}

pub(super) fn list(world: &World, params: &mut Params) -> Done {
    let customer = params.text("customer");
    let page = Page::take(params)?;
    params.finish()?;
    let fits = |one: &&Schedule| customer.as_ref().is_none_or(|id| one.customer == *id);
    let found = world.schedules.values().rev().filter(fits);
    let found: Vec<Value> = found.map(|one| render::schedule(world, one)).collect();
    page.of(found, "/v1/subscription_schedules")
}

pub(super) fn update(world: &mut World, id: &str, params: &mut Params) -> Done {
    let mut schedule = world.schedule(id)?.clone();
    let end = params.word("end_behavior", &["release", "cancel"])?;
    let words = ["create_prorations", "always_invoice", "none"];
    let _at_this_change = params.word("proration_behavior", &words)?;
    let metadata = params.metadata("metadata")?;
    let elements = params.elements("phases")?;
    let mut phases: Vec<Phase> = Vec::new();
    for element in &elements {
        let start = phases.last().map(|before| before.span.end);
        phases.push(take_phase(world, params, element, start)?);
    }
    params.finish()?;
    active(&schedule, "update")?;
    if !phases.is_empty() {
        check(world, &schedule, &phases)?;
        keep_discounts(world, &schedule, &phases);
        schedule.phases = phases;
    }
    if let Some(end) = end {
        schedule.cancels = end == "cancel";
    }
    merge(&mut schedule.metadata, metadata);
    let object = render::schedule(world, &schedule);
    world.schedules.insert(id.to_owned(), schedule);
    world.tell("subscription_schedule.updated", object.clone());
    Ok(object)
}

fn take_phase(
    world: &World,
    params: &mut Params,
    element: &str,
    before: Option<i64>,
) -> Result<Phase, Refusal> {
    let field = |name: &str| format!("{element}{name}");
    let start = params.integer(&field("[start_date]"))?;
    let start = start.or(before);
    let start = start.ok_or_else(|| Refusal::missing(&field("[start_date]")))?;
    if before.is_some_and(|before| before != start) {
        let why = "Phases must follow each other without a gap.";
        return Err(Refusal::invalid(&field("[start_date]"), why));
    }
    let end = params.integer(&field("[end_date]"))?;
    let duration = take_duration(params, &field("[duration]"))?;
    let end = match (end, duration) {
        (Some(end), None) => end,
        (None, Some(duration)) => change::first_period(duration, start).end,
        (Some(_), Some(_)) => {
            let why = "You may only specify one of these parameters: end_date, duration.";
            return Err(Refusal::invalid(&field("[duration]"), why));
        }
        (None, None) => return Err(Refusal::missing(&field("[end_date]"))),
    };
    if end <= start {
        return Err(Refusal::invalid(
            &field("[end_date]"),
            "Must be after start_date",
        ));
    }
    let mut items = Vec::new();
    for item in params.elements(&field("[items]"))? {
        let name = format!("{item}[price]");
        let price = params.required(&name)?;
        world.price(&price).map_err(|no| no.of_param(&name))?;
        let quantity = params.count(&format!("{item}[quantity]"))?;
        items.push((price, quantity.unwrap_or(1)));
    }
    if items.is_empty() {
        return Err(Refusal::missing(&field("[items]")));
    }
    let words = ["create_prorations", "always_invoice", "none"];
    let proration = params.word(&field("[proration_behavior]"), &words)?;
    let metadata = params.metadata(&field("[metadata]"))?;
    let trial_end = params.integer(&field("[trial_end]"))?;
    let mut discounts = Vec::new();
    let none = params.take(&field("[discounts]"));
    if none.is_some_and(|none| !none.is_empty()) {
        return Err(Refusal::invalid(&field("[discounts]"), "Invalid array"));
    }
    for discount in params.elements(&field("[discounts]"))? {
        discounts.push(params.required(&format!("{discount}[discount]"))?);
    }
    Ok(Phase {
        span: Span { start, end },
        items,
        proration: proration.unwrap_or("create_prorations"),
        trial_end,
        discounts,
        metadata: metadata.unwrap_or_default(),
    })
}

fn take_duration(params: &mut Params, name: &str) -> Result<Option<Interval>, Refusal> {
    let words = ["day", "week", "month", "year"];
    let unit = match params.word(&format!("{name}[interval]"), &words)? {
        None => return Ok(None),
        Some("day") => Unit::Day,
        Some("week") => Unit::Week,
        Some("year") => Unit::Year,
        Some(_) => Unit::Month,
    };
    let count = params.count(&format!("{name}[interval_count]"))?;
    let count = u16::try_from(count.unwrap_or(1)).unwrap_or(u16::MAX);
    let interval = Interval::new(unit, count);
    let interval = interval.map_err(|_long| Refusal::invalid(name, "Duration too long"))?;
    Ok(Some(interval))
}

/// The phase that holds must be sent again, from where it began.
fn check(world: &World, schedule: &Schedule, phases: &[Phase]) -> Result<(), Refusal> {
    let now = world.now();
    if phases.len() > PHASES_MAX {
        return Err(Refusal::invalid("phases", "Ten phases at most"));
    }
    let Some(current) = schedule.current(now) else {
        return Ok(());
    };
    let first = phases.iter().find(|phase| phase.span.end > now);
    if first.is_none_or(|phase| phase.span.start != current.span.start) {
        let why = "You can not modify the start date of the current phase.";
        return Err(Refusal::invalid("phases[0][start_date]", why));
    }
    let of = world.subscription(&schedule.subscription)?;
    let ends = first.map(|phase| phase.span.end);
    if ends != Some(of.period.end) {
        let why = "The fake changes phases at the end of the current period only.";
        return Err(Refusal::invalid("phases[0][end_date]", why));
    }
    let trial_end = of.trial.map(|trial| trial.end).filter(|end| *end > now);
    if first.and_then(|phase| phase.trial_end) != trial_end {
        let why = "The fake does not move the trial of the current phase: send it again.";
        return Err(Refusal::invalid("phases[0][trial_end]", why));
    }
    for id in phases.iter().flat_map(|phase| &phase.discounts) {
        if !of.discounts.iter().any(|held| held.id == *id) {
            let no = Refusal::no_such("discount", id);
            return Err(no.of_param("phases[0][discounts][0][discount]"));
        }
    }
    let held: Vec<(&str, u32)> = of
        .items
        .iter()
        .map(|item| (item.price.as_str(), item.quantity))
        .collect();
    let given = first.map(|phase| {
        let items = phase.items.iter();
        items
            .map(|(price, quantity)| (price.as_str(), *quantity))
            .collect::<Vec<_>>()
    });
    if given.is_some_and(|given| given != held) {
        let why = "The fake does not change the items of the current phase: change the \
            subscription before its schedule is made.";
        return Err(Refusal::invalid("phases[0][items]", why));
    }
    Ok(())
}

/// Takes away the discounts that the current phase does not name.
fn keep_discounts(world: &mut World, schedule: &Schedule, phases: &[Phase]) {
    let Some(first) = phases.first() else { return };
    let of = world.subscriptions.get(&schedule.subscription).cloned();
    let Some(mut of) = of else { return };
    let before = of.discounts.len();
    of.discounts
        .retain(|held| first.discounts.contains(&held.id));
    if of.discounts.len() != before {
        lifecycle::updated(world, of);
    }
}

fn active(schedule: &Schedule, act: &str) -> Result<(), Refusal> {
    if schedule.status == ScheduleStatus::Active {
        return Ok(());
    }
    let why = format!(
        "You cannot {act} a subscription schedule that is currently in the `{}` status.",
        schedule.status.word()
    );
    Err(Refusal::state(why))
}

pub(super) fn release(world: &mut World, id: &str, params: &mut Params) -> Done {
    let _keep = params.flag("preserve_cancel_date")?;
    params.finish()?;
    let schedule = world.schedule(id)?.clone();
    active(&schedule, "release")?;
    if let Some(mut of) = world.subscriptions.get(&schedule.subscription).cloned() {
        of.schedule = None;
        lifecycle::updated(world, of);
    }
    lifecycle::end_schedule(world, id, ScheduleStatus::Released);
    Ok(render::schedule(world, world.schedule(id)?))
}

pub(super) fn cancel(world: &mut World, id: &str, params: &mut Params) -> Done {
    let _invoice = params.flag("invoice_now")?;
    let _prorate = params.flag("prorate")?;
    params.finish()?;
    let schedule = world.schedule(id)?.clone();
    active(&schedule, "cancel")?;
    if let Some(of) = world.subscriptions.get(&schedule.subscription).cloned() {
        lifecycle::end(world, of, "cancellation_requested");
    }
    Ok(render::schedule(world, world.schedule(id)?))
}
