//! What people and banks do beside the API: in the portal, in the dashboard,
//! on an invoice's page.

use super::api;
use super::collect;
use super::lifecycle;
use super::params::Params;
use super::render;
use super::sale::{ActError, Payment};
use super::thing::{Card, Dispute, InvoiceStatus, Metadata, Subscription, Verdict};
use super::world::World;

fn subscription(world: &World, id: &str) -> Result<Subscription, ActError> {
    let held = world.subscriptions.get(id);
    let held = held.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    if held.status.over() {
        return Err(ActError::State("the subscription has ended".to_owned()));
    }
    Ok(held.clone())
}

/// Cancels as the portal does: by a date, not by the flag.
pub(super) fn cancel_in_portal(world: &mut World, id: &str) -> Result<(), ActError> {
    let mut of = subscription(world, id)?;
    of.cancel_at_period_end = false;
    of.cancel_at = Some(of.period.end);
    of.canceled_at = Some(world.now());
    of.cancel_reason = Some("cancellation_requested");
    lifecycle::updated(world, of);
    Ok(())
}

/// Takes a cancellation back as the portal does.
pub(super) fn renew_in_portal(world: &mut World, id: &str) -> Result<(), ActError> {
    let mut of = subscription(world, id)?;
    if of.cancel_at.is_none() {
        return Err(ActError::State("no cancellation is pending".to_owned()));
    }
    of.cancel_at_period_end = false;
    of.cancel_at = None;
    of.canceled_at = None;
    of.cancel_reason = None;
    lifecycle::updated(world, of);
    Ok(())
}

/// Switches the first item to a price, prorated and billed now.
pub(super) fn switch_in_portal(world: &mut World, id: &str, price: &str) -> Result<(), ActError> {
    let of = subscription(world, id)?;
    let item = of.items.first().map(|item| item.id.clone());
    let item = item.ok_or_else(|| ActError::State("no item".to_owned()))?;
    let fields = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("items[0][id]", &item)
        .append_pair("items[0][price]", price)
        .append_pair("proration_behavior", "always_invoice")
        .finish();
    let params = Params::parse(fields.as_bytes());
    api::answer(world, "POST", &["subscriptions", id], params)?;
    Ok(())
}

/// Puts a means of payment on file, for the customer and all subscriptions.
pub(super) fn set_card(world: &mut World, id: &str, card: Option<Card>) -> Result<(), ActError> {
    let customer = world.customers.get_mut(id);
    let customer = customer.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    customer.card = card;
    let customer = customer.clone();
    for of in world.subscriptions.values_mut() {
        if of.customer == id {
            of.card = card;
        }
    }
    let object = render::customer(world, &customer);
    world.tell("customer.updated", object);
    Ok(())
}

/// Pays an open invoice on its page, where the customer also authenticates.
pub(super) fn pay_invoice(world: &mut World, id: &str, card: Card) -> Result<Payment, ActError> {
    let invoice = world.invoices.get(id);
    let invoice = invoice.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    if !matches!(
        invoice.status,
        InvoiceStatus::Open | InvoiceStatus::Uncollectible
    ) {
        let status = invoice.status.word();
        return Err(ActError::State(format!("the invoice is {status}")));
    }
    let (customer, subscription) = (invoice.customer.clone(), invoice.subscription.clone());
    let verdict = match card.verdict() {
        Verdict::Paid | Verdict::Action => Verdict::Paid,
        verdict @ (Verdict::Declined(_) | Verdict::Processing | Verdict::NoMethod) => verdict,
    };
    if card.keeps() {
        if let Some(customer) = world.customers.get_mut(&customer) {
            customer.card = Some(card);
        }
        let of = subscription.and_then(|id| world.subscriptions.get_mut(&id));
        if let Some(of) = of {
            of.card = Some(card);
        }
    }
    Ok(match collect::collect(world, id, verdict) {
        Verdict::Paid | Verdict::Action => Payment::Complete,
        Verdict::Processing => Payment::Processing,
        Verdict::Declined(_) | Verdict::NoMethod => Payment::Declined,
    })
}

/// The charge of a payment, which is named by itself, its intent or its invoice.
fn charge_of(world: &World, id: &str) -> Result<String, ActError> {
    let invoice = world.invoices.get(id).and_then(|one| one.intent.as_deref());
    let intent = world.intents.get(invoice.unwrap_or(id));
    let charge = intent.and_then(|one| one.charge.as_deref()).unwrap_or(id);
    let known = world.charges.contains_key(charge);
    known
        .then(|| charge.to_owned())
        .ok_or_else(|| ActError::Unknown(id.to_owned()))
}

/// Gives money back in the dashboard; the refund's id.
pub(super) fn refund(
    world: &mut World,
    payment: &str,
    amount: Option<i64>,
) -> Result<String, ActError> {
    let charge = charge_of(world, payment)?;
    Ok(api::give_back(
        world,
        &charge,
        amount,
        None,
        Metadata::new(),
    )?)
}

/// The bank has given the money back that was pending.
pub(super) fn settle_refund(world: &mut World, id: &str) -> Result<(), ActError> {
    let refund = world.refunds.get_mut(id);
    let refund = refund.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    if refund.status != "pending" {
        return Err(ActError::State("the refund is not pending".to_owned()));
    }
    refund.status = "succeeded";
    let object = render::refund(refund);
    world.tell("refund.updated", object);
    Ok(())
}

/// The bank could not give the money back.
pub(super) fn fail_refund(world: &mut World, id: &str) -> Result<(), ActError> {
    let refund = world.refunds.get_mut(id);
    let refund = refund.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    if refund.status == "failed" {
        return Err(ActError::State("the refund has failed".to_owned()));
    }
    refund.status = "failed";
    let refund = refund.clone();
    if let Some(charge) = world.charges.get_mut(&refund.charge) {
        charge.refunded = charge.refunded.saturating_sub(refund.amount);
        let customer = charge.customer.clone().unwrap_or_default();
        let (currency, amount) = (&refund.currency, refund.amount);
        world.books.take_back(&customer, currency, amount);
    }
    world.tell("refund.updated", render::refund(&refund));
    world.tell("refund.failed", render::refund(&refund));
    Ok(())
}

/// The cardholder disputes a payment; the dispute's id.
pub(super) fn dispute(world: &mut World, payment: &str) -> Result<String, ActError> {
    let charge = charge_of(world, payment)?;
    let now = world.now();
    let id = world.id("du");
    let charge = world.charges.get_mut(&charge);
    let charge = charge.ok_or_else(|| ActError::Unknown(payment.to_owned()))?;
    if charge.disputed || !charge.paid {
        return Err(ActError::State("the charge cannot be disputed".to_owned()));
    }
    charge.disputed = true;
    let dispute = Dispute {
        id: id.clone(),
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        amount: charge.amount.saturating_sub(charge.refunded),
        currency: charge.currency.clone(),
        status: "needs_response",
        created: now,
    };
    let object = render::dispute(world, &dispute);
    world.disputes.insert(id.clone(), dispute);
    world.tell("charge.dispute.created", object);
    Ok(id)
}

/// The bank has decided a dispute. Lost: the money is gone.
pub(super) fn close_dispute(world: &mut World, id: &str, won: bool) -> Result<(), ActError> {
    let dispute = world.disputes.get_mut(id);
    let dispute = dispute.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
    if dispute.status != "needs_response" {
        return Err(ActError::State("the dispute is closed".to_owned()));
    }
    dispute.status = if won { "won" } else { "lost" };
    let dispute = dispute.clone();
    if !won && let Some(charge) = world.charges.get(&dispute.charge) {
        let customer = charge.customer.clone().unwrap_or_default();
        let (currency, amount) = (&dispute.currency, dispute.amount);
        world.books.refund(&customer, currency, amount);
    }
    let object = render::dispute(world, &dispute);
    world.tell("charge.dispute.closed", object);
    Ok(())
}
