//! Invoices: previewed, read, listed and acted on.

use serde_json::Value;

use super::super::bill;
use super::super::change::{self, Prorate};
use super::super::collect;
use super::super::lifecycle;
use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{Invoice, InvoiceStatus, Reason, Status, Subscription, Verdict};
use super::super::world::World;
use super::Done;
use super::asked::take_anchor;
use super::list::{Bounds, Page};
use super::standing;

/// What an invoice would say: of a change that is billed now, or of the next renewal.
pub(super) fn preview(world: &mut World, params: &mut Params) -> Done {
    let subscription = params.required("subscription")?;
    let customer = params.text("customer");
    let mode = params.word("preview_mode", &["next", "recurring"])?;
    let details = "subscription_details";
    let of = world
        .subscription(&subscription)
        .map_err(|no| no.of_param("subscription"))?
        .clone();
    let has_items = params.has(&format!("{details}[items]"));
    let items = change::wanted(world, &of, params, &format!("{details}[items]"))?;
    let prorate = Prorate::take(params, &format!("{details}[proration_behavior]"))?;
    let at = params.integer(&format!("{details}[proration_date]"))?;
    let anchored = params.has(&format!("{details}[billing_cycle_anchor]"));
    let anew = take_anchor(params, &format!("{details}[billing_cycle_anchor]"))?;
    let cancel_now = params.flag(&format!("{details}[cancel_now]"))? == Some(true);
    let resumes = params
        .word(&format!("{details}[resume_at]"), &["now"])?
        .is_some();
    let at_end = params.flag(&format!("{details}[cancel_at_period_end]"))? == Some(true);
    // Without the parameter, the subscription's own are taken off.
    let undiscounted = params
        .take("discounts")
        .is_some_and(|unset| unset.is_empty());
    params.finish()?;
    if customer.is_some_and(|customer| customer != of.customer) {
        return Err(Refusal::no_such("subscription", &subscription).of_param("subscription"));
    }
    if of.status.over() {
        let why = "No upcoming invoices for customer";
        return Err(Refusal::state(why).coded("invoice_upcoming_none"));
    }
    let now = world.now();
    let at = at.unwrap_or(now);
    if resumes {
        let (_, lines) =
            standing::resumed(world, &of, anew || !anchored, prorate != Prorate::None)?;
        return Ok(upcoming(world, &of, lines));
    }
    if cancel_now {
        let mut lines = of.pending_lines.clone();
        if prorate != Prorate::None && of.status != Status::Trialing {
            lines.extend(change::split(world, &of, &of.items, &[], at)?);
        }
        return Ok(upcoming(world, &of, lines));
    }
    let plan = if has_items || anew {
        let how = (anew, undiscounted);
        change::plan(world, &of, items.clone(), prorate, at, how)?
    } else {
        let how = (false, undiscounted);
        change::plan(world, &of, of.items.clone(), Prorate::None, at, how)?
    };
    let mut of = of;
    if undiscounted {
        of.discounts.clear();
    }
    if mode == Some("recurring") {
        let lines = bill::full_lines(world, &of, &plan.items, of.period);
        return Ok(upcoming(world, &of, lines));
    }
    if plan.immediate {
        let lines = plan.billed(&of);
        return Ok(upcoming(world, &of, lines));
    }
    if of.cancel_at_period_end || at_end {
        let why = "No upcoming invoices for customer";
        return Err(Refusal::state(why).coded("invoice_upcoming_none"));
    }
    let interval = change::interval(world, &plan.items)?;
    let cycle = if of.status == Status::Trialing {
        0
    } else {
        of.cycle.saturating_add(1)
    };
    let next = change::period(interval, of.anchor, cycle);
    let mut lines = plan.billed(&of);
    lines.extend(bill::full_lines(world, &of, &plan.items, next));
    Ok(upcoming(world, &of, lines))
}

fn upcoming(world: &mut World, of: &Subscription, lines: Vec<super::super::thing::Line>) -> Value {
    let mut invoice = bill::drafted(world, of, lines, Reason::Upcoming);
    invoice.id = world.id("upcoming_in");
    let (_, left) = bill::due(&invoice, invoice.starting_balance);
    invoice.ending_balance = Some(left);
    let mut object = render::invoice(world, &invoice);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("hosted_invoice_url".to_owned(), Value::Null);
        fields.insert("number".to_owned(), Value::Null);
    }
    object
}

pub(super) fn read(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    Ok(render::invoice(world, world.invoice(id)?))
}

pub(super) fn list(world: &World, params: &mut Params) -> Done {
    let customer = params.text("customer");
    let subscription = params.text("subscription");
    let words = ["draft", "open", "paid", "uncollectible", "void"];
    let status = params.word("status", &words)?;
    let created = Bounds::take(params)?;
    let page = Page::take(params)?;
    params.finish()?;
    let fits = |one: &&Invoice| {
        customer.as_ref().is_none_or(|id| one.customer == *id)
            && (subscription.is_none() || one.subscription == subscription)
            && status.is_none_or(|status| one.status.word() == status)
            && created.hold(one.created)
    };
    let found = world.invoices.values().rev().filter(fits);
    let found: Vec<Value> = found.map(|one| render::invoice(world, one)).collect();
    page.of(found, "/v1/invoices")
}

pub(super) fn payments(world: &World, params: &mut Params) -> Done {
    let invoice = params.text("invoice");
    let intent = params.text("payment[payment_intent]");
    let _kind = params.word("payment[type]", &["payment_intent"])?;
    let page = Page::take(params)?;
    params.finish()?;
    let fits = |one: &&Invoice| {
        invoice.as_ref().is_none_or(|id| one.id == *id)
            && (intent.is_none() || one.intent == intent)
    };
    let found = world.invoices.values().rev().filter(fits);
    let found = found.flat_map(|one| render::invoice_payments(world, one));
    page.of(found.collect(), "/v1/invoice_payments")
}

/// `pay`, `void`, `mark_uncollectible`, `finalize`.
pub(super) fn act(world: &mut World, id: &str, act: &str, params: &mut Params) -> Done {
    let advance = params.flag("auto_advance")?;
    params.finish()?;
    let invoice = world.invoice(id)?.clone();
    match act {
        "pay" => {
            if invoice.status == InvoiceStatus::Draft {
                bill::finalize(world, id);
            }
            pay(world, id)?;
        }
        "finalize" if invoice.status == InvoiceStatus::Draft => {
            bill::finalize(world, id);
            if advance == Some(true) {
                lifecycle::retry(world, id);
            }
        }
        "finalize" => {
            let why = "This invoice is already finalized.";
            return Err(Refusal::state(why).coded("invoice_not_editable"));
        }
        "void" => bill::close(world, id, InvoiceStatus::Void)?,
        "mark_uncollectible" => bill::close(world, id, InvoiceStatus::Uncollectible)?,
        _ => return Err(Refusal::path("POST", &format!("/v1/invoices/{id}/{act}"))),
    }
    Ok(render::invoice(world, world.invoice(id)?))
}

fn pay(world: &mut World, id: &str) -> Result<(), Refusal> {
    let invoice = world.invoice(id)?.clone();
    match invoice.status {
        InvoiceStatus::Paid if invoice.amount_due == 0 => return Ok(()),
        InvoiceStatus::Paid => {
            let why = "Invoice is already paid";
            return Err(Refusal::state(why).coded("invoice_already_paid"));
        }
        InvoiceStatus::Void => {
            return Err(Refusal::state("Invoice is voided").coded("invoice_not_editable"));
        }
        InvoiceStatus::Draft | InvoiceStatus::Open | InvoiceStatus::Uncollectible => {}
    }
    let verdict = collect::verdict(world, &invoice);
    if verdict == Verdict::NoMethod {
        let why = "There is no `default_payment_method` set on this Customer or Invoice.";
        return Err(Refusal::state(why));
    }
    match collect::collect(world, id, verdict) {
        Verdict::Declined(why) => Err(Refusal::card("card_declined", Some(why))),
        Verdict::Action => Err(Refusal::card(
            "invoice_payment_intent_requires_action",
            None,
        )),
        Verdict::Paid | Verdict::Processing | Verdict::NoMethod => {
            lifecycle::told(
                world,
                invoice.subscription.as_deref().unwrap_or_default(),
                "customer.subscription.updated",
            );
            Ok(())
        }
    }
}
