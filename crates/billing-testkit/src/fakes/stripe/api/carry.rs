//! Carrying out a change of items, whether its payment succeeds or not.

use super::super::bill;
use super::super::change::Plan;
use super::super::collect;
use super::super::lifecycle::{self, INCOMPLETE_SECONDS};
use super::super::refusal::Refusal;
use super::super::thing::{PendingUpdate, Reason, Status, Subscription, Verdict};
use super::super::world::World;

/// 402 when what is due now would not be paid.
pub(super) fn refuse_unpaid(world: &World, of: &Subscription, plan: &Plan) -> Result<(), Refusal> {
    match unpaid(world, of, plan) {
        // A bank that takes its time is no refusal.
        None | Some(Verdict::Paid | Verdict::Processing) => Ok(()),
        Some(Verdict::Action) => Err(Refusal::card(
            "subscription_payment_intent_requires_action",
            None,
        )),
        Some(Verdict::Declined(why)) => Err(Refusal::card("card_declined", Some(why))),
        Some(Verdict::NoMethod) => {
            let why = "This customer has no attached payment source or default payment method.";
            Err(Refusal::state(why).coded("resource_missing"))
        }
    }
}

/// What would come of charging a plan. `None`: nothing is to be charged.
pub(super) fn unpaid(world: &World, of: &Subscription, plan: &Plan) -> Option<Verdict> {
    if !plan.immediate {
        return None;
    }
    let invoice = bill::drafted(world, of, plan.billed(of), Reason::Update);
    (invoice.amount_due > 0).then(|| collect::verdict(world, &invoice))
}

pub(super) fn carry_out(world: &mut World, mut of: Subscription, plan: Plan, behavior: &str) {
    let id = of.id.clone();
    if !plan.immediate {
        of.items = plan.items;
        of.pending_lines.extend(plan.lines);
        return lifecycle::updated(world, of);
    }
    let verdict = unpaid(world, &of, &plan);
    let lines = plan.billed(&of);
    let waits = behavior == "pending_if_incomplete"
        && !matches!(verdict, None | Some(Verdict::Paid | Verdict::Processing));
    if !waits {
        of.items.clone_from(&plan.items);
        of.pending_lines.clear();
        if let Some((anchor, period)) = plan.restart {
            lifecycle::restart(&mut of, anchor, period);
        }
    }
    world.put(of);
    let invoice = bill::make(world, &id, lines, Reason::Update);
    if waits && let Some(of) = world.subscriptions.get_mut(&id) {
        of.pending_update = Some(PendingUpdate {
            invoice: invoice.clone(),
            items: plan.items,
            restart: plan.restart,
            expires_at: world
                .clock
                .now()
                .as_second()
                .saturating_add(INCOMPLETE_SECONDS),
        });
    }
    bill::finalize(world, &invoice);
    let Some(verdict) = verdict else {
        return lifecycle::told(world, &id, "customer.subscription.updated");
    };
    if behavior == "default_incomplete" {
        if let Some(of) = world.subscriptions.get_mut(&id) {
            of.status = Status::PastDue;
        }
    } else {
        let verdict = collect::collect(world, &invoice, verdict);
        if !waits {
            lifecycle::on_failed(world, &invoice, verdict);
        }
    }
    lifecycle::told(world, &id, "customer.subscription.updated");
}
