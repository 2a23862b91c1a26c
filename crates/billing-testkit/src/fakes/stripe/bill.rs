//! Invoices: made, finalized, closed.
//!
//! Knows amounts; taking money is in `collect`, and what a payment means to a
//! subscription in `lifecycle`.

use billing_domain::proration::{Ratio, Rounding};

use super::lifecycle;
use super::refusal::Refusal;
use super::render;
use super::thing::{
    CouponLasts, CouponOff, Discount, Invoice, InvoiceStatus, Item, Line, Metadata, Reason,
    Session, Span, Subscription,
};
use super::world::World;

/// What is taken off a subscription's lines at `now`.
pub(super) fn discount_at(world: &World, of: &Subscription, now: i64) -> Option<CouponOff> {
    let open = |one: &&Discount| one.end.is_none_or(|end| now < end);
    let held = of.discounts.iter().find(open)?;
    world.coupons.get(&held.coupon).map(|coupon| coupon.off)
}

/// How much `off` takes of `amount`.
pub(super) fn taken_off(off: CouponOff, amount: i64) -> i64 {
    match off {
        CouponOff::BasisPoints(points) => {
            let part = Ratio::new(i128::from(points), 10_000);
            let part = part.and_then(|part| part.checked_mul(i128::from(amount)));
            let part = part.and_then(|part| part.round(Rounding::HalfAwayFromZero));
            part.and_then(|part| i64::try_from(part).ok()).unwrap_or(0)
        }
        CouponOff::Amount(off, _) => off.min(amount),
    }
}

/// The lines of a whole period.
pub(super) fn full_lines(
    world: &mut World,
    of: &Subscription,
    items: &[Item],
    period: Span,
) -> Vec<Line> {
    let mut off = discount_at(world, of, world.now());
    let mut lines = Vec::new();
    for item in items {
        let Some(price) = world.prices.get(&item.price).cloned() else {
            continue;
        };
        let amount = price.unit_amount.saturating_mul(i64::from(item.quantity));
        let discount = off.map_or(0, |off| taken_off(off, amount));
        if let Some(CouponOff::Amount(left, _)) = &mut off {
            *left = left.saturating_sub(discount);
        }
        lines.push(Line {
            id: world.id("il"),
            amount,
            discount,
            description: format!("{} × {}", item.quantity, price.product),
            period,
            price: Some(price.id),
            quantity: item.quantity,
            item: Some(item.id.clone()),
            proration: false,
        });
    }
    lines
}

/// An invoice that was not made: what [`make`] would make.
pub(super) fn drafted(
    world: &World,
    of: &Subscription,
    lines: Vec<Line>,
    reason: Reason,
) -> Invoice {
    let first = of
        .items
        .first()
        .and_then(|one| world.prices.get(&one.price));
    let balance = world
        .customers
        .get(&of.customer)
        .map_or(0, |one| one.balance);
    let mut invoice = Invoice {
        id: String::new(),
        customer: of.customer.clone(),
        subscription: Some(of.id.clone()),
        subscription_metadata: of.metadata.clone(),
        status: InvoiceStatus::Draft,
        reason,
        currency: first
            .map(|one| render::code(one.currency))
            .unwrap_or_default(),
        lines,
        starting_balance: balance,
        ending_balance: None,
        amount_due: 0,
        amount_paid: 0,
        attempts: 0,
        finalizes_at: None,
        next_attempt: None,
        intent: None,
        card: None,
        period: of.period,
        metadata: Metadata::new(),
        created: world.now(),
        paid_at: None,
    };
    invoice.amount_due = due(&invoice, balance).0;
    invoice
}

/// What is to be paid, and the balance behind it.
pub(super) fn due(invoice: &Invoice, balance: i64) -> (i64, i64) {
    let sum = invoice.total().saturating_add(balance);
    (sum.max(0), sum.min(0))
}

/// Makes a draft and puts it on its subscription as the latest.
pub(super) fn make(world: &mut World, id: &str, lines: Vec<Line>, reason: Reason) -> String {
    let Some(mut of) = world.subscriptions.get(id).cloned() else {
        return String::new();
    };
    let mut invoice = drafted(world, &of, lines, reason);
    invoice.id = world.id("in");
    of.latest_invoice = Some(invoice.id.clone());
    // One that is taken off once is gone with the first charge that it lowers.
    if invoice.lines.iter().any(|line| line.discount > 0) {
        of.discounts.retain(|held| {
            let coupon = world.coupons.get(&held.coupon);
            coupon.is_none_or(|coupon| coupon.lasts != CouponLasts::Once)
        });
    }
    world.put(of);
    keep(world, invoice, "invoice.created")
}

/// Keeps an invoice and tells of it.
pub(super) fn keep(world: &mut World, invoice: Invoice, kind: &'static str) -> String {
    let id = invoice.id.clone();
    world.invoices.insert(id.clone(), invoice);
    told(world, &id, kind);
    id
}

/// Tells of an invoice as it is.
pub(super) fn told(world: &mut World, id: &str, kind: &'static str) {
    if let Some(invoice) = world.invoices.get(id) {
        let object = render::invoice(world, invoice);
        world.tell(kind, object);
    }
}

/// The least that is collected, as in dollars and euro; what is below it becomes a debt.
const LEAST: i64 = 50;

/// Finalizes a draft; what owes nothing is paid at once, and so is what is too little.
pub(super) fn finalize(world: &mut World, id: &str) {
    let Some(mut invoice) = world.invoices.get(id).cloned() else {
        return;
    };
    let balance = world
        .customers
        .get(&invoice.customer)
        .map_or(0, |one| one.balance);
    let (amount, left) = match due(&invoice, balance) {
        (amount, _) if amount < LEAST && amount > 0 => (0, amount),
        due => due,
    };
    invoice.starting_balance = balance;
    invoice.ending_balance = Some(left);
    invoice.amount_due = amount;
    invoice.finalizes_at = None;
    invoice.status = InvoiceStatus::Open;
    if let Some(customer) = world.customers.get_mut(&invoice.customer)
        && customer.balance != left
    {
        customer.balance = left;
        let customer = customer.clone();
        let object = render::customer(world, &customer);
        world.tell("customer.updated", object);
    }
    keep(world, invoice, "invoice.finalized");
    if amount == 0 {
        paid(world, id);
    }
}

/// The invoice of a sale without a subscription, paid as it is made.
pub(super) fn of_sale(world: &mut World, session: &Session, lines: Vec<Line>) -> String {
    let now = world.now();
    let id = world.id("in");
    let invoice = Invoice {
        id: id.clone(),
        customer: session.customer.clone().unwrap_or_default(),
        subscription: None,
        subscription_metadata: Metadata::new(),
        status: InvoiceStatus::Open,
        reason: Reason::Manual,
        currency: session.currency.clone(),
        lines,
        starting_balance: 0,
        ending_balance: Some(0),
        amount_due: session.amount_total,
        amount_paid: 0,
        attempts: 1,
        finalizes_at: None,
        next_attempt: None,
        intent: session.intent.clone(),
        card: None,
        period: Span {
            start: now,
            end: now,
        },
        metadata: Metadata::new(),
        created: now,
        paid_at: None,
    };
    keep(world, invoice, "invoice.finalized");
    paid(world, &id);
    id
}

/// An invoice is paid, or owes nothing.
pub(super) fn paid(world: &mut World, id: &str) {
    let now = world.now();
    let Some(invoice) = world.invoices.get_mut(id) else {
        return;
    };
    invoice.status = InvoiceStatus::Paid;
    invoice.amount_paid = invoice.amount_due;
    invoice.paid_at = Some(now);
    invoice.next_attempt = None;
    let invoice = invoice.clone();
    told(world, id, "invoice.paid");
    told(world, id, "invoice.payment_succeeded");
    for payment in render::invoice_payments(world, &invoice) {
        world.tell("invoice_payment.paid", payment);
    }
    lifecycle::on_paid(world, &invoice);
}

/// Voids an open invoice, or writes it off.
pub(super) fn close(world: &mut World, id: &str, status: InvoiceStatus) -> Result<(), Refusal> {
    let invoice = world.invoice(id)?;
    let closes = matches!(
        invoice.status,
        InvoiceStatus::Open | InvoiceStatus::Uncollectible
    );
    if !closes || invoice.status == status {
        let why = "This invoice cannot be closed in its current status";
        return Err(Refusal::state(why).coded("invoice_not_editable"));
    }
    close_quietly(world, id, status);
    Ok(())
}

/// The same whatever the invoice is, for what happens by itself.
pub(super) fn close_quietly(world: &mut World, id: &str, status: InvoiceStatus) {
    let Some(invoice) = world.invoices.get_mut(id) else {
        return;
    };
    invoice.status = status;
    invoice.next_attempt = None;
    invoice.finalizes_at = None;
    let kind = if status == InvoiceStatus::Void {
        "invoice.voided"
    } else {
        "invoice.marked_uncollectible"
    };
    told(world, id, kind);
}
