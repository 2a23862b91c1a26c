//! No money comes from nowhere, and none goes there.

use billing::sandbox::Mode;
use billing_domain::change::ChangeState;
use billing_domain::customer::Account;
use billing_domain::invoice::InvoiceState;
use billing_domain::line::Line;
use billing_domain::money::Currency;

use crate::simulation::world::World;

pub(super) fn check(world: &World, account: &Account) -> Result<(), String> {
    if world.mode == Mode::OwnSchedule {
        credit_was_charged(world, account)
    } else {
        money_is_conserved(world, account)
    }
}

/// Every minor unit that was charged is what something cost, or in the balance,
/// or has been drawn from it by an invoice that is open, or went back. Exactly: what was
/// rounded is in the lines.
fn money_is_conserved(world: &World, account: &Account) -> Result<(), String> {
    let customer = account.customer.id;
    let charged = world.sandbox.books().charged(customer);
    let charged: i64 = charged.iter().map(|money| money.amount).sum();
    let mut cost = 0;
    let mut drawn = 0;
    let mut waits = 0;
    let mut gone = 0;
    for invoice in &account.invoices {
        let of_balance = of_balance(&invoice.lines);
        match invoice.state {
            InvoiceState::Settled { .. } if invoice.change.is_none() => {
                cost += invoice.amount.amount - of_balance;
            }
            InvoiceState::Open => drawn -= of_balance,
            InvoiceState::Settled { .. } | InvoiceState::Void { .. } => {}
        }
        // Set aside for a person, where it came for what was voided by mistake.
        let void = matches!(invoice.state, InvoiceState::Void { .. });
        let credited = |paid: &&billing_domain::invoice::Payment| paid.credited && void;
        waits += invoice.payments.iter().filter(credited).count();
        // What went back of a payment that was put on the balance left it again.
        let off = invoice.payments.iter().filter_map(|paid| paid.off_balance);
        gone += off.map(|money| money.amount).sum::<i64>();
    }
    for change in &account.changes {
        if let ChangeState::Applied { .. } = change.state {
            let lines = &change.quote.lines;
            let all: i64 = lines.iter().map(|line| line.amount.amount).sum();
            cost += all - of_balance(lines);
        }
    }
    let balance = account.customer.balance(Currency::USD).amount;
    if waits == 0 && charged == cost + balance + drawn + gone && cost >= 0 {
        return Ok(());
    }
    Err(format!(
        "charged {charged}, worth {cost}, balance {balance}, drawn {drawn}, gone {gone}: {account:#?}"
    ))
}

fn of_balance(lines: &[Line]) -> i64 {
    lines
        .iter()
        .filter(|line| line.kind.is_of_balance())
        .map(|line| line.amount.amount)
        .sum()
}

/// A provider that runs the schedule gives nobody more than they paid.
fn credit_was_charged(world: &World, account: &Account) -> Result<(), String> {
    let books = world.sandbox.books();
    let customer = account.customer.id;
    let charged = books.charged(customer);
    let charged: i64 = charged.iter().map(|money| money.amount).sum();
    let credit = books.credit(customer, Currency::USD).amount;
    if credit > charged {
        return Err(format!("{charged} was charged, and {credit} is left"));
    }
    Ok(())
}
