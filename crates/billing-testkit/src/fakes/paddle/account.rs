//! The books of the fake: who was charged how often and how much.

use billing_domain::money::Currency;

use super::super::rig::Books;
use super::things::AdjustmentAction;
use super::world::World;

/// Everything that was taken and given back, and how much there is of everything.
pub(super) fn books(world: &World) -> Books {
    let mut books = Books::default();
    let code = |currency: Currency| currency.code().to_ascii_lowercase();
    for transaction in world.transactions.values() {
        let customer = transaction.customer_id.as_deref().unwrap_or_default();
        for payment in &transaction.payments {
            if payment.captured {
                books.charge(customer, &code(transaction.currency), payment.amount);
            } else {
                books.decline(customer);
            }
        }
    }
    let adjustments = world.adjustments.values();
    for adjustment in adjustments.filter(|one| one.status.was_done()) {
        let (amount, currency) = (adjustment.totals().total, code(adjustment.currency));
        match adjustment.action {
            AdjustmentAction::Refund | AdjustmentAction::Chargeback => {
                books.refund(&adjustment.customer_id, &currency, amount);
            }
            AdjustmentAction::ChargebackReverse => {
                books.take_back(&adjustment.customer_id, &currency, amount);
            }
            AdjustmentAction::Credit
            | AdjustmentAction::ChargebackWarning
            | AdjustmentAction::ChargebackWarningReverse => {}
        }
    }
    let counts = [
        ("customers", world.customers.len()),
        ("transactions", world.transactions.len()),
        ("subscriptions", world.subscriptions.len()),
        ("adjustments", world.adjustments.len()),
        ("events", world.events.len()),
        ("notifications", world.notifications.len()),
    ];
    for (kind, count) in counts {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        books.objects.insert(kind.to_owned(), count);
    }
    books
}
