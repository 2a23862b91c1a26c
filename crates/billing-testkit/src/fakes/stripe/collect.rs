//! Taking money: payment intents, charges, and what they mean to an invoice.

use super::bill::{paid, told};
use super::render;
use super::thing::{Card, Charge, Intent, Invoice, Metadata, Verdict};
use super::world::World;

/// What comes of charging the means of payment of an invoice.
pub(super) fn verdict(world: &World, invoice: &Invoice) -> Verdict {
    card_of(world, invoice).map_or(Verdict::NoMethod, Card::verdict)
}

fn card_of(world: &World, invoice: &Invoice) -> Option<Card> {
    let subscription = invoice.subscription.as_ref();
    let subscription = subscription.and_then(|id| world.subscriptions.get(id));
    let own = subscription.and_then(|subscription| subscription.card);
    let customer = || world.customers.get(&invoice.customer)?.card;
    invoice.card.or(own).or_else(customer)
}

/// Tries to take the money of an open invoice. A payment takes its effects;
/// what a failure means is the caller's to decide.
pub(super) fn collect(world: &mut World, id: &str, verdict: Verdict) -> Verdict {
    let Some(mut invoice) = world.invoices.get(id).cloned() else {
        return Verdict::NoMethod;
    };
    invoice.attempts = invoice.attempts.saturating_add(1);
    let intent = match invoice.intent.clone() {
        Some(intent) => intent,
        None => make_intent(
            world,
            Some(invoice.customer.clone()),
            invoice.amount_due,
            &invoice.currency,
            Metadata::new(),
        ),
    };
    invoice.intent = Some(intent.clone());
    world.invoices.insert(id.to_owned(), invoice);
    charge(world, &intent, verdict);
    match verdict {
        Verdict::Paid => paid(world, id),
        Verdict::Processing => {}
        Verdict::Action => {
            told(world, id, "invoice.payment_action_required");
            told(world, id, "invoice.payment_failed");
        }
        Verdict::Declined(_) | Verdict::NoMethod => told(world, id, "invoice.payment_failed"),
    }
    verdict
}

/// Makes a payment intent that nothing was done with.
pub(super) fn make_intent(
    world: &mut World,
    customer: Option<String>,
    amount: i64,
    currency: &str,
    metadata: Metadata,
) -> String {
    let id = world.id("pi");
    let intent = Intent {
        id: id.clone(),
        customer,
        amount,
        currency: currency.to_owned(),
        status: "requires_payment_method",
        decline: None,
        charge: None,
        metadata,
        created: world.now(),
    };
    let object = render::intent(world, &intent);
    world.intents.insert(id.clone(), intent);
    world.tell("payment_intent.created", object);
    id
}

/// Charges an intent, with a known outcome, and tells of it.
pub(super) fn charge(world: &mut World, id: &str, verdict: Verdict) {
    let Some(mut intent) = world.intents.get(id).cloned() else {
        return;
    };
    let customer = intent.customer.clone().unwrap_or_default();
    let mut attempt = Charge {
        id: world.id("ch"),
        customer: intent.customer.clone(),
        intent: intent.id.clone(),
        amount: intent.amount,
        refunded: 0,
        currency: intent.currency.clone(),
        paid: false,
        decline: None,
        disputed: false,
        metadata: intent.metadata.clone(),
        created: world.now(),
    };
    let (told, of_charge) = match verdict {
        Verdict::Paid => {
            attempt.paid = true;
            intent.status = "succeeded";
            intent.decline = None;
            intent.charge = Some(attempt.id.clone());
            world
                .books
                .charge(&customer, &intent.currency, intent.amount);
            ("payment_intent.succeeded", Some("charge.succeeded"))
        }
        Verdict::Declined(why) => {
            attempt.decline = Some(why);
            intent.status = "requires_payment_method";
            intent.decline = Some(why);
            intent.charge = Some(attempt.id.clone());
            world.books.decline(&customer);
            ("payment_intent.payment_failed", Some("charge.failed"))
        }
        Verdict::Action => {
            intent.status = "requires_action";
            ("payment_intent.requires_action", None)
        }
        Verdict::Processing => {
            intent.status = "processing";
            ("payment_intent.processing", None)
        }
        Verdict::NoMethod => return,
    };
    if let Some(kind) = of_charge {
        let object = render::charge(world, &attempt);
        world.charges.insert(attempt.id.clone(), attempt);
        world.tell(kind, object);
    }
    let object = render::intent(world, &intent);
    world.intents.insert(intent.id.clone(), intent);
    world.tell(told, object);
}
