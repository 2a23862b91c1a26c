//! Payments as they are read, refunds and disputes.

use serde_json::Value;

use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{Dispute, Refund};
use super::super::world::{World, find};
use super::Done;
use super::list::{Bounds, Page};

pub(super) fn intent(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let intent = find(&world.intents, "payment_intent", id)?;
    Ok(render::intent(world, intent))
}

pub(super) fn charge(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let charge = find(&world.charges, "charge", id)?;
    Ok(render::charge(world, charge))
}

pub(super) fn dispute(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let dispute = find(&world.disputes, "dispute", id)?;
    Ok(render::dispute(world, dispute))
}

pub(super) fn disputes(world: &World, params: &mut Params) -> Done {
    let charge = params.text("charge");
    let intent = params.text("payment_intent");
    let created = Bounds::take(params)?;
    let page = Page::take(params)?;
    params.finish()?;
    let fits = |one: &&Dispute| {
        charge.as_ref().is_none_or(|charge| one.charge == *charge)
            && intent.as_ref().is_none_or(|intent| one.intent == *intent)
            && created.hold(one.created)
    };
    let found = world.disputes.values().rev().filter(fits);
    let found: Vec<Value> = found.map(|one| render::dispute(world, one)).collect();
    page.of(found, "/v1/disputes")
}

pub(super) fn refund(world: &mut World, params: &mut Params) -> Done {
    let intent = params.text("payment_intent");
    let charge = params.text("charge");
    let amount = params.integer("amount")?;
    let reason = params.word(
        "reason",
        &["duplicate", "fraudulent", "requested_by_customer"],
    )?;
    let metadata = params.metadata("metadata")?.unwrap_or_default();
    params.finish()?;
    let charge = match (intent, charge) {
        (Some(intent), None) => {
            let held = find(&world.intents, "payment_intent", &intent)
                .map_err(|no| no.of_param("payment_intent"))?;
            let none = "This PaymentIntent does not have a successful charge to refund.";
            held.charge.clone().ok_or_else(|| Refusal::state(none))?
        }
        (None, Some(charge)) => charge,
        _ => {
            let why = "Pass exactly one of payment_intent and charge.";
            return Err(Refusal::state(why).coded("parameter_missing"));
        }
    };
    let id = give_back(world, &charge, amount, reason, metadata)?;
    Ok(render::refund(find(&world.refunds, "refund", &id)?))
}

/// Gives back what was charged, in whole or in part.
pub(in super::super) fn give_back(
    world: &mut World,
    charge: &str,
    amount: Option<i64>,
    reason: Option<&str>,
    metadata: super::super::thing::Metadata,
) -> Result<String, Refusal> {
    let mut charge = find(&world.charges, "charge", charge)
        .map_err(|no| no.of_param("charge"))?
        .clone();
    let left = charge.amount.saturating_sub(charge.refunded);
    if !charge.paid {
        return Err(Refusal::state("This charge did not succeed.").coded("charge_not_refundable"));
    }
    if charge.disputed {
        return Err(Refusal::state("This charge is disputed.").coded("charge_disputed"));
    }
    if left == 0 {
        let why = format!("Charge {} has already been refunded.", charge.id);
        return Err(Refusal::state(why).coded("charge_already_refunded"));
    }
    let amount = amount.unwrap_or(left);
    if amount <= 0 || amount > left {
        let why = "Refund amount is greater than unrefunded amount on charge";
        return Err(Refusal::invalid("amount", why));
    }
    charge.refunded = charge.refunded.saturating_add(amount);
    let refund = Refund {
        id: world.id("re"),
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        amount,
        currency: charge.currency.clone(),
        status: if world.rules.hold_refunds {
            "pending"
        } else {
            "succeeded"
        },
        reason: reason.map(str::to_owned),
        metadata,
        created: world.now(),
    };
    let customer = charge.customer.clone().unwrap_or_default();
    world.books.refund(&customer, &charge.currency, amount);
    let id = refund.id.clone();
    let (of_refund, of_charge) = (render::refund(&refund), render::charge(world, &charge));
    world.refunds.insert(id.clone(), refund);
    world.charges.insert(charge.id.clone(), charge);
    world.tell("refund.created", of_refund);
    world.tell("charge.refunded", of_charge);
    Ok(id)
}

pub(super) fn read_refund(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    Ok(render::refund(find(&world.refunds, "refund", id)?))
}

pub(super) fn refunds(world: &World, params: &mut Params) -> Done {
    let charge = params.text("charge");
    let intent = params.text("payment_intent");
    let created = Bounds::take(params)?;
    let page = Page::take(params)?;
    params.finish()?;
    let fits = |refund: &&Refund| {
        charge
            .as_ref()
            .is_none_or(|charge| refund.charge == *charge)
            && intent
                .as_ref()
                .is_none_or(|intent| refund.intent == *intent)
            && created.hold(refund.created)
    };
    let found = world.refunds.values().rev().filter(fits);
    let found: Vec<Value> = found.map(render::refund).collect();
    page.of(found, "/v1/refunds")
}
