//! The books of the fake: how many invoices there are of what, and how much was paid.

use super::super::rig::Books;
use super::things::PaymentStatus;
use super::world::World;

/// The unit that everything is counted in.
const SATOSHI: &str = "sat";

/// Everything that was confirmed and sent back, in satoshi, by customer; and how
/// many invoices there are, of each order (`order:…`) and of each customer
/// (`customer:…`), too. A payment that was spent elsewhere counts as declined.
pub(super) fn books(world: &World) -> Books {
    let mut books = Books::default();
    for invoice in world.invoices.values() {
        for payment in &invoice.payments {
            match payment.status {
                PaymentStatus::Settled => {
                    books.charge(invoice.customer(), SATOSHI, minor(payment.sats));
                }
                PaymentStatus::Invalid => books.decline(invoice.customer()),
                PaymentStatus::Processing => {}
            }
        }
        let order = invoice.order_id().map(|order| format!("order:{order}"));
        for kind in order
            .into_iter()
            .chain([format!("customer:{}", invoice.customer())])
        {
            let count = books.objects.entry(kind).or_default();
            *count = count.saturating_add(1);
        }
    }
    for pull in world.pulls.values() {
        let invoice = world.invoices.get(&pull.invoice_id);
        let sent = pull.payout.as_ref().filter(|payout| payout.sent);
        if let Some((invoice, payout)) = invoice.zip(sent) {
            books.refund(invoice.customer(), SATOSHI, minor(payout.sats));
        }
    }
    let counts = [
        ("invoices", world.invoices.len()),
        ("pull_payments", world.pulls.len()),
        ("webhooks", world.hooks.len()),
        ("deliveries", world.deliveries.len()),
    ];
    for (kind, count) in counts {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        books.objects.insert(kind.to_owned(), count);
    }
    books
}

fn minor(sats: i128) -> i64 {
    i64::try_from(sats).unwrap_or(i64::MAX)
}
