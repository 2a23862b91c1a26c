//! What a subscription's transactions prove: which period is paid for.
//!
//! At a renewal Paddle shows the new period as active first, and past due when the
//! money does not come. So an active subscription alone proves nothing; a completed
//! transaction for its period does. What is charged beside its items bears the period
//! that it falls into, and pays for none.

use billing_domain::money::Money;
use billing_domain::time::{Period, Timestamp};
use jiff::SignedDuration;

use crate::money::charged;
use crate::wire::{Span, Transaction};

/// How far the edges of a period and of its transaction may be apart: they are
/// dated by different steps of one act, and no period is shorter than a day.
const EDGES_DIFFER: SignedDuration = SignedDuration::from_hours(1);

/// What transactions prove of a subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The newest period that is paid for. `None`: none is.
    pub(crate) paid: Option<Period>,
    /// Whether that period was a trial: nothing was charged for it, of a price that
    /// begins with one.
    pub(crate) paid_by_trial: bool,
    /// Whether what the subscription calls its current period is paid for.
    pub(crate) current_paid: bool,
    /// Whether money for the current, or else the last, period is overdue.
    pub(crate) overdue: bool,
    /// When the newest of them was touched. `None`: there are none.
    pub(crate) at: Option<Timestamp>,
}

/// What `transactions` prove of a subscription in period `current`.
pub(crate) fn prove(current: Option<Period>, transactions: &[Transaction]) -> Proof {
    let of_items = || transactions.iter().filter(|txn| !txn.is_beside());
    let periods = |of: fn(&Transaction) -> bool| {
        let of = of_items().filter(move |txn| of(txn));
        of.filter_map(|txn| txn.billing_period.map(Span::period))
    };
    let completed = of_items().filter(|txn| is_completed(txn));
    let last = completed
        .filter_map(|txn| Some((txn, txn.billing_period?.period())))
        .max_by_key(|(_, period)| period.end);
    let paid = last.map(|(_, period)| period);
    let current_paid =
        current.is_some_and(|current| periods(is_completed).any(|paid| covers(paid, current)));
    let owed = periods(is_owed).max_by_key(|period| period.end);
    let overdue = owed.is_some_and(|owed| match current {
        Some(current) => !current_paid && covers(owed, current),
        None => paid.is_none_or(|paid| paid.end < owed.end),
    });
    Proof {
        paid,
        paid_by_trial: last.is_some_and(|(txn, _)| is_trial(txn)),
        current_paid,
        overdue,
        at: transactions.iter().map(Transaction::at).max(),
    }
}

fn is_completed(transaction: &Transaction) -> bool {
    transaction.status == "completed"
}

/// Whether it is for a period that was begun and never paid for. Paddle cancels such
/// a renewal's transaction together with its subscription; one of a change that was
/// refused is canceled too, and owes nothing.
fn is_owed(transaction: &Transaction) -> bool {
    let renews = transaction.origin.as_deref() == Some("subscription_recurring");
    match transaction.status.as_str() {
        "past_due" => true,
        "canceled" => renews,
        _ => false,
    }
}

fn is_trial(transaction: &Transaction) -> bool {
    let free = charged(transaction).is_some_and(Money::is_zero);
    let mut priced = transaction.items.iter().filter_map(|it| it.price.as_ref());
    free && priced.any(|price| price.trial_period.is_some())
}

/// Whether a transaction for `billed` is for `period`: they begin together (its end
/// may have been moved since), or it was charged within it, up to its end.
fn covers(billed: Period, period: Period) -> bool {
    let near = |a: Timestamp, b: Timestamp| a.duration_since(b).abs() <= EDGES_DIFFER;
    let overlap = billed.start < period.end && period.start < billed.end;
    let to_the_end = billed.end >= period.end || near(billed.end, period.end);
    near(billed.start, period.start) || (overlap && to_the_end)
}
