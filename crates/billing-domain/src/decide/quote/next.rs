//! What a change draws on, and the invoice that follows it.

use crate::customer::Account;
use crate::decide::balance::{draw, given_back};
use crate::decide::change::after;
use crate::decide::quote::QuoteRefusal;
use crate::money::{Currency, Money, MoneyError};
use crate::quote::{NextCharge, Quote};
use crate::subscription::{Schedule, Subscription};

/// The balance that a change of `held` can draw on: accepting it voids the one
/// that awaits its payment, and gives back what that had drawn.
pub(super) fn available(
    account: &Account,
    held: &Subscription,
    currency: Currency,
) -> Result<Money, MoneyError> {
    let balance = account.customer.balance(currency);
    let awaiting = account.awaiting_change(held.id);
    let invoice = awaiting.and_then(|change| account.invoice(change.invoice?));
    match invoice.filter(|invoice| invoice.is_open() && invoice.amount.currency == currency) {
        Some(invoice) => given_back(balance, &invoice.lines),
        None => Ok(balance),
    }
}

/// The invoice that follows once `quote` is applied. One that is open already is
/// made anew.
pub(super) fn next_charge(
    held: &Subscription,
    quote: &Quote,
    account: &Account,
    minimum: Option<Money>,
) -> Result<Option<NextCharge>, QuoteRefusal> {
    let mut changed = after(held.clone(), quote, None);
    let mut balance = quote.balance_after;
    let open = account
        .open_invoice(held.id)
        .filter(|_| held.is_engine_run());
    if let Some(invoice) = open {
        changed.take_cycle_back();
        balance = given_back(balance, &invoice.lines)?;
    }
    upcoming(&changed, balance, minimum)
}

/// The next invoice of a subscription, with `balance` to draw on. `None`: none
/// will follow.
fn upcoming(
    held: &Subscription,
    balance: Money,
    minimum: Option<Money>,
) -> Result<Option<NextCharge>, QuoteRefusal> {
    if held.cancellation.is_some() || !held.terms.renews {
        return Ok(None);
    }
    if let Schedule::Provider { .. } = held.schedule {
        let Some(at) = held.times.paid_through else {
            return Ok(None);
        };
        let terms = held.terms_for(at);
        let amount = terms.priced(terms.number_there(at))?.rate;
        return Ok(Some(NextCharge { at, amount }));
    }
    let Some(next) = held.next_cycle() else {
        return Ok(None);
    };
    let priced = next.terms.priced(next.number)?;
    let amount = if priced.rate.currency == balance.currency {
        draw(priced.lines, balance, minimum)?.owed
    } else {
        priced.rate
    };
    Ok(Some(NextCharge {
        at: next.period.start,
        amount,
    }))
}
