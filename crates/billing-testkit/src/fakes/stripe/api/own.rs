//! Invoices that a program makes by itself, and their lines.

use serde_json::json;

use super::super::bill;
use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{Card, Invoice, InvoiceStatus, Line, Metadata, Reason, Span};
use super::super::world::World;
use super::Done;

/// Makes a draft for a customer. Of what waits for the customer nothing is taken up, as was
/// asked for.
pub(super) fn create(world: &mut World, params: &mut Params) -> Done {
    let customer = params.required("customer")?;
    let currency = params.required("currency")?;
    let _description = params.text("description");
    params.word("collection_method", &["charge_automatically"])?;
    params.word("pending_invoice_items_behavior", &["exclude"])?;
    if params
        .take("discounts")
        .is_some_and(|said| !said.is_empty())
    {
        return Err(Refusal::invalid("discounts", "Not in this fake."));
    }
    let advance = params.flag("auto_advance")?;
    let method = params.text("default_payment_method");
    let metadata = params.metadata("metadata")?;
    params.finish()?;
    if advance == Some(true) {
        return Err(Refusal::invalid("auto_advance", "Not in this fake."));
    }
    if !world.customers.contains_key(&customer) {
        return Err(Refusal::no_such("customer", &customer).of_param("customer"));
    }
    let card = match method {
        None => None,
        Some(method) => Some(
            card_of(world, &customer).ok_or_else(|| Refusal::no_such("PaymentMethod", &method))?,
        ),
    };
    let now = world.now();
    let invoice = Invoice {
        id: world.id("in"),
        customer,
        subscription: None,
        subscription_metadata: Metadata::new(),
        status: InvoiceStatus::Draft,
        reason: Reason::Manual,
        currency,
        lines: Vec::new(),
        starting_balance: 0,
        ending_balance: None,
        amount_due: 0,
        amount_paid: 0,
        attempts: 0,
        finalizes_at: None,
        next_attempt: None,
        intent: None,
        card,
        period: Span {
            start: now,
            end: now,
        },
        metadata: metadata.unwrap_or_default(),
        created: now,
        paid_at: None,
    };
    let id = bill::keep(world, invoice, "invoice.created");
    Ok(render::invoice(world, world.invoice(&id)?))
}

/// The card of the customer's subscriptions, all of which have the same method here.
fn card_of(world: &World, customer: &str) -> Option<Card> {
    let held = world.subscriptions.values();
    let mut held = held.filter(|of| of.customer == customer);
    held.find_map(|of| of.card)
}

/// Puts a line onto a draft.
pub(super) fn add_line(world: &mut World, params: &mut Params) -> Done {
    let customer = params.required("customer")?;
    let id = params.required("invoice")?;
    let amount = params.integer("amount")?;
    let amount = amount.ok_or_else(|| Refusal::missing("amount"))?;
    let currency = params.required("currency")?;
    let description = params.text("description").unwrap_or_default();
    params.finish()?;
    let invoice = world.invoice(&id)?.clone();
    if invoice.customer != customer || invoice.currency != currency {
        return Err(Refusal::invalid(
            "invoice",
            "It is of another customer or currency.",
        ));
    }
    if invoice.status != InvoiceStatus::Draft {
        let why = "This invoice is no longer editable";
        return Err(Refusal::state(why).coded("invoice_not_editable"));
    }
    let line = Line {
        id: world.id("ii"),
        amount,
        discount: 0,
        description,
        period: invoice.period,
        price: None,
        quantity: 1,
        item: None,
        proration: false,
    };
    let object = json!({
        "id": line.id, "object": "invoiceitem", "amount": amount, "currency": currency,
        "customer": customer, "invoice": id, "description": line.description,
    });
    if let Some(invoice) = world.invoices.get_mut(&id) {
        invoice.lines.push(line);
        invoice.amount_due = invoice.total().max(0);
    }
    bill::told(world, &id, "invoice.updated");
    Ok(object)
}
