//! The balance: what a customer has to its credit, drawn on when an invoice
//! opens and given back when it is voided. Below zero it is a debt.

use crate::decision::Draft;
use crate::ids::InvoiceId;
use crate::journal::Event;
use crate::line::{Line, LineKind, sum};
use crate::money::{Money, MoneyError};

/// What lines come to once the balance has been drawn on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawn {
    /// The lines, with what came from the balance or goes there.
    pub(super) lines: Vec<Line>,
    /// What is owed; never below zero.
    pub(super) owed: Money,
    /// The balance afterward.
    pub(super) balance: Money,
}

/// Draws on `balance` for `lines`. A sum in the customer's favor goes to the
/// balance; a debt is charged with what is owed; and what stays below the
/// smallest amount that is charged is carried as a debt.
pub(super) fn draw(
    mut lines: Vec<Line>,
    balance: Money,
    minimum: Option<Money>,
) -> Result<Drawn, MoneyError> {
    let zero = Money::zero(balance.currency);
    let net = sum(&lines, balance.currency)?;
    if net.amount <= 0 {
        let balance = balance.checked_sub(net)?;
        return Ok(Drawn {
            lines,
            owed: zero,
            balance,
        });
    }
    // All of a debt, and of a credit no more than is owed.
    let drawn = Money::new(balance.amount.min(net.amount), balance.currency);
    let mut owed = net.checked_sub(drawn)?;
    let mut rest = balance.checked_sub(drawn)?;
    if !drawn.is_zero() {
        let amount = zero.checked_sub(drawn)?;
        lines.push(Line::whole(LineKind::Balance, None, 1, amount));
    }
    let too_small = minimum.is_some_and(|least| owed.amount > 0 && owed.amount < least.amount);
    if too_small {
        rest = rest.checked_sub(owed)?;
        let amount = zero.checked_sub(owed)?;
        lines.push(Line::whole(LineKind::Carried, None, 1, amount));
        owed = zero;
    }
    Ok(Drawn {
        lines,
        owed,
        balance: rest,
    })
}

/// What `balance` would be without an invoice of these lines.
pub(super) fn given_back(balance: Money, lines: &[Line]) -> Result<Money, MoneyError> {
    let drawn = lines.iter().filter(|line| line.kind.is_of_balance());
    balance.checked_sub(sum(drawn, balance.currency)?)
}

/// The balance in that currency is `to` from now on.
pub(super) fn set_balance(draft: &mut Draft, to: Money, invoice: Option<InvoiceId>, why: &str) {
    let before = draft.account.customer.balance(to.currency);
    if before == to {
        return;
    }
    let balances = &mut draft.account.customer.balances;
    balances.retain(|held| held.currency != to.currency);
    if !to.is_zero() {
        balances.push(to);
        balances.sort_by_key(|held| held.currency);
    }
    // Both fit, and so does their difference but at the end of all money.
    let moved = to.checked_sub(before).ok();
    draft.note(Event::BalanceChanged, |entry| {
        entry.invoice = invoice;
        entry.money = moved;
        entry.note = Some(why.to_owned());
    });
}

/// Adds to the balance what came in and settles nothing. `false`: it does not fit.
pub(super) fn add_to_balance(
    draft: &mut Draft,
    amount: Money,
    invoice: Option<InvoiceId>,
    why: &str,
) -> bool {
    let before = draft.account.customer.balance(amount.currency);
    let Ok(after) = before.checked_add(amount) else {
        return false;
    };
    set_balance(draft, after, invoice, why);
    true
}

/// Gives back what an invoice had drawn.
pub(super) fn give_back(draft: &mut Draft, lines: &[Line], invoice: InvoiceId) {
    for line in lines.iter().filter(|line| line.kind.is_of_balance()) {
        let before = draft.account.customer.balance(line.amount.currency);
        if let Ok(after) = before.checked_sub(line.amount) {
            set_balance(draft, after, Some(invoice), "invoice voided");
        }
    }
}

/// Draws once more what an invoice had drawn, and had given back. `false`: a credit that
/// it drew is no longer there, and nothing is drawn.
pub(super) fn draw_again(draft: &mut Draft, lines: &[Line], invoice: InvoiceId) -> bool {
    let mut drawn = lines.iter().filter(|line| line.kind.is_of_balance());
    let Some(currency) = drawn.clone().map(|line| line.amount.currency).next() else {
        return true;
    };
    let before = draft.account.customer.balance(currency);
    let Ok(after) = drawn.try_fold(before, |rest, line| rest.checked_add(line.amount)) else {
        return false;
    };
    let fell = after.amount < before.amount;
    if fell && after.amount < 0 {
        return false;
    }
    set_balance(draft, after, Some(invoice), "paid in time");
    true
}
