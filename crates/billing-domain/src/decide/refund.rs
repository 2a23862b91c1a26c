//! Refunds and disputes: kept on the invoice whose payment they are about, and
//! what they do to access. A full return of a renewal takes its time, one of a
//! purchase undoes it while its first period runs, and a partial one takes nothing.
//!
//! What follows is worked out from all that is kept, whenever something changes,
//! so that facts may come late, twice and in any order.

use crate::catalog::Billing;
use crate::change::ChangeState;
use crate::customer::Account;
use crate::decide::balance::add_to_balance;
use crate::decide::cancel::{CancelWhen, cancel};
use crate::decide::change::end_awaiting;
use crate::decide::fact::Verdict;
use crate::decide::license::revoke;
use crate::decide::refund_sent::follow_order;
use crate::decision::Draft;
use crate::fact::{DisputeState, Fact, Observed, RefundState};
use crate::ids::{InvoiceId, ParkedId, SubscriptionId};
use crate::invoice::{Invoice, Payment, Purpose, ReturnKind, Returned};
use crate::journal::Event;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::provider::ProviderAccount;
use crate::subscription::{Schedule, State, Subscription, Withheld};
use crate::time::{Period, Timestamp};

/// Keeps a refund or a dispute as it stands.
pub(super) fn return_seen(
    draft: &mut Draft,
    account: &ProviderAccount,
    observed: &Observed,
) -> Verdict {
    let told = |id: &str, kind, amount, of: &[String]| Returned {
        id: id.to_owned(),
        kind,
        amount,
        at: observed.at,
        of: of.to_vec(),
        warning: matches!(&observed.fact, Fact::DisputeSeen(seen) if seen.warning),
    };
    let told = if let Fact::RefundSeen(seen) = &observed.fact {
        let kind = ReturnKind::Refund(seen.state);
        let verdict = keep(
            draft,
            account,
            told(&seen.refund, kind, seen.amount, &seen.of),
        );
        if let (Verdict::Decided, Some(key)) = (&verdict, &seen.ordered) {
            follow_order(draft, key, &seen.refund);
        }
        return verdict;
    } else if let Fact::DisputeSeen(seen) = &observed.fact {
        let kind = ReturnKind::Dispute(seen.state);
        told(&seen.dispute, kind, seen.amount, &seen.of)
    } else {
        return Verdict::Decided;
    };
    keep(draft, account, told)
}

/// Keeps what is told of a return, unless something newer is known of it.
pub(super) fn keep(draft: &mut Draft, account: &ProviderAccount, told: Returned) -> Verdict {
    let Some(mut invoice) = invoice_of(&draft.account, account, &told.of).cloned() else {
        return Verdict::Unlinked;
    };
    // What it pays for is not known yet: so it waits to be.
    let unknown = invoice
        .subscription
        .is_some_and(|held| draft.account.subscription(held).is_none());
    if unknown {
        return Verdict::Unlinked;
    }
    let known = invoice.known_return(&told).cloned();
    if known.as_ref().is_some_and(|known| !told.follows(known)) {
        return Verdict::Decided;
    }
    let foreign = told.amount.currency != invoice.paid_in() && !invoice.payments.is_empty();
    if foreign && known.is_none() {
        let evidence = format!(
            "{} {} of {} is in another currency than what was paid for invoice {}",
            told.kind.name(),
            told.id,
            told.amount,
            invoice.id
        );
        draft.park(ParkReason::CurrencyMismatch, evidence);
    }
    tell(draft, &invoice, known.as_ref(), &told);
    invoice.put_return(told);
    draft.account.put_invoice(invoice);
    Verdict::Decided
}

/// The invoice that one of these names is of: its own, a payment's, or that of
/// the checkout it was paid through; the strongest name first.
fn invoice_of<'a>(
    held: &'a Account,
    account: &ProviderAccount,
    of: &[String],
) -> Option<&'a Invoice> {
    let theirs = || {
        let invoices = held.invoices.iter();
        invoices.filter(|invoice| invoice.provider.as_ref() == Some(account))
    };
    of.iter().find_map(|name| {
        let by_own = theirs().find(|invoice| invoice.reference.as_ref() == Some(name));
        let by_payment = || theirs().find(|invoice| invoice.has_payment(name));
        let by_checkout = || {
            let checkouts = held.checkouts.iter();
            let paid = checkouts
                .filter(|checkout| checkout.provider.as_ref() == Some(account))
                .find(|checkout| checkout.reference() == Some(name))?;
            theirs().find(|invoice| {
                let bought = matches!(invoice.purpose, Purpose::Purchase | Purpose::OneTime);
                invoice.checkout == Some(paid.id) && bought
            })
        };
        by_own.or_else(by_payment).or_else(by_checkout)
    })
}

fn tell(draft: &mut Draft, invoice: &Invoice, known: Option<&Returned>, told: &Returned) {
    let (id, subscription, change) = (invoice.id, invoice.subscription, invoice.change);
    let (event, note) = match told.kind {
        _ if known.is_some_and(|known| known.kind == told.kind) => return,
        ReturnKind::Refund(RefundState::Done) => (Event::InvoiceRefunded, told.id.clone()),
        ReturnKind::Refund(RefundState::Pending | RefundState::Failed) => return,
        ReturnKind::Dispute(DisputeState::Open) => (Event::InvoiceDisputed, told.id.clone()),
        ReturnKind::Dispute(DisputeState::Won | DisputeState::Lost) => {
            (Event::InvoiceDisputeClosed, told.kind.state().to_owned())
        }
    };
    draft.note(event, |entry| {
        entry.invoice = Some(id);
        entry.subscription = subscription;
        entry.change = change;
        entry.money = Some(told.amount);
        entry.note = Some(note);
    });
}

/// What was so before a fact, to tell what it has changed.
pub(super) struct Before {
    full: Vec<InvoiceId>,
    beyond: Vec<InvoiceId>,
    /// Payments that settled nothing and had gone back, all of it, by their names.
    gone: Vec<(InvoiceId, String)>,
}

/// How the returns of the loaded invoices stand.
pub(super) fn returns_before(account: &Account) -> Before {
    let returned = || {
        let invoices = account.invoices.iter();
        invoices.filter(|invoice| !invoice.returned.is_empty())
    };
    Before {
        full: returned()
            // Of what is tied to nothing yet, nothing was undone.
            .filter(|invoice| invoice.subscription.is_some() || invoice.subscription_ref.is_none())
            .filter(|invoice| invoice.returned_since().is_some())
            .map(|invoice| invoice.id)
            .collect(),
        beyond: returned()
            .filter(|invoice| invoice.is_returned_beyond())
            .map(|invoice| invoice.id)
            .collect(),
        gone: returned()
            .flat_map(|invoice| {
                let payments = invoice.payments.iter();
                let gone = payments.filter(|payment| is_gone_aside(invoice, payment));
                gone.map(|payment| (invoice.id, payment.reference.clone()))
            })
            .collect(),
    }
}

/// Brings access in line with what went back.
pub(super) fn follow_returns(draft: &mut Draft, before: &Before) {
    let returned: Vec<_> = draft
        .account
        .invoices
        .iter()
        .filter(|invoice| !invoice.returned.is_empty())
        .cloned()
        .collect();
    for invoice in returned {
        if invoice.is_returned_beyond() && !before.beyond.contains(&invoice.id) {
            park_beyond(draft, &invoice);
        }
        follow_in_balance(draft, &invoice);
        follow_aside(draft, invoice.id, before);
        let held = invoice
            .subscription
            .and_then(|held| draft.account.subscription(held).cloned());
        if let Some(held) = held {
            follow(draft, &invoice, held, before.full.contains(&invoice.id));
        }
    }
}

/// Takes off the balance what went there and has gone back since; what was spent
/// meanwhile becomes a debt. Back it comes where a return fails.
fn follow_in_balance(draft: &mut Draft, invoice: &Invoice) {
    let mut kept = invoice.clone();
    for payment in &mut kept.payments {
        let Some(worth) = payment.to_balance else {
            continue;
        };
        let off = payment.off_balance.unwrap_or(Money::zero(worth.currency));
        let gone = invoice.gone_of(payment);
        let part = match i64::try_from(gone) {
            Ok(gone) if gone < payment.amount.amount => {
                worth.share_half_away_from_zero(gone, payment.amount.amount)
            }
            Ok(_) | Err(_) => Ok(worth),
        };
        let moved = part.and_then(|part| off.checked_sub(part).map(|moved| (part, moved)));
        let Ok((part, moved)) = moved else { continue };
        let why = "late payment went back";
        if !moved.is_zero() && add_to_balance(draft, moved, Some(invoice.id), why) {
            payment.off_balance = Some(part).filter(|part| !part.is_zero());
        }
    }
    draft.account.put_invoice(kept);
}

/// What was set aside and has gone back, all of it, waits for nobody any more. Where
/// that fails, it waits for a person again.
fn follow_aside(draft: &mut Draft, id: InvoiceId, before: &Before) {
    let Some(mut invoice) = draft.account.invoice(id).cloned() else {
        return;
    };
    let as_told = invoice.clone();
    for payment in &mut invoice.payments {
        let was_gone = before
            .gone
            .iter()
            .any(|(of, name)| *of == id && *name == payment.reference);
        if is_gone_aside(&as_told, payment) {
            if let Some(parked) = payment.parked.take() {
                draft.solve(parked);
            }
        } else if was_gone && !payment.credited && payment.parked.is_none() {
            payment.parked = park_back(draft, &as_told, payment);
        }
    }
    draft.account.put_invoice(invoice);
}

/// Whether a payment settled nothing, and all of it went back.
fn is_gone_aside(invoice: &Invoice, payment: &Payment) -> bool {
    !payment.credited && invoice.gone_of(payment) >= i128::from(payment.amount.amount)
}

fn park_back(draft: &mut Draft, invoice: &Invoice, payment: &Payment) -> Option<ParkedId> {
    let gone = i64::try_from(invoice.gone_of(payment)).unwrap_or(i64::MAX);
    let left = payment.amount.amount.saturating_sub(gone);
    let left = Money::new(left, payment.amount.currency);
    let evidence = format!(
        "payment {} of invoice {}, which paid for nothing, had gone back, and {left} of it did not \
         after all",
        payment.reference, invoice.id
    );
    draft.park(ParkReason::Conflict, evidence)
}

fn park_beyond(draft: &mut Draft, invoice: &Invoice) {
    let (id, subscription) = (invoice.id, invoice.subscription);
    let (gone, paid, currency) = (invoice.gone(), invoice.paid(), invoice.paid_in());
    draft.note(Event::InvoiceAmountMismatch, |entry| {
        entry.invoice = Some(id);
        entry.subscription = subscription;
    });
    let evidence = format!(
        "{gone} minor units of {currency} went back for invoice {id}, of which {paid} were paid"
    );
    draft.park(ParkReason::AmountMismatch, evidence);
}

fn follow(draft: &mut Draft, invoice: &Invoice, mut held: Subscription, was_full: bool) {
    let (id, now) = (held.id, draft.now());
    let gave_access = held.gives_access(now);
    held.disputed.retain(|disputed| *disputed != invoice.id);
    if invoice.is_disputed() {
        held.disputed.push(invoice.id);
        held.disputed.sort_unstable();
    }
    let since = invoice.returned_since();
    let known = held.withheld.iter().position(|of| of.invoice == invoice.id);
    let known = known.map(|place| held.withheld.remove(place));
    let undone = known.as_ref().is_some_and(|known| known.period.is_none());
    let next = draft.account.open_invoice(id).map(|next| next.id);
    let is_short = invoice.is_short();
    let mut newly_short = false;
    for paid in &mut held.paid {
        newly_short |= paid.mark_returned(invoice.id, is_short);
    }
    let for_good = held.terms.billing == Billing::Once;
    if for_good {
        let more = held.follow_gone(invoice.id, invoice.gone_of_amount());
        // What does not fit is another currency's: such a change is refused.
        newly_short |= more.unwrap_or(true);
    }
    // What it was taken for once, it stays.
    let over = match (since, &known) {
        (Some(_), Some(known)) => known.period.is_some(),
        (Some(since), None) => is_past(invoice, &held, next.is_some(), since.min(now)),
        (None, _) => false,
    };
    let purpose = if over && invoice.purpose == Purpose::Purchase {
        Purpose::Renewal
    } else {
        invoice.purpose
    };
    // What is charged beside a subscription is none of what it is held for.
    let bought = match purpose {
        Purpose::Purchase => true,
        Purpose::OneTime => for_good,
        Purpose::Renewal | Purpose::Change | Purpose::Usage => false,
    };
    let withheld = match (since, purpose) {
        // An undone purchase stays so, whatever becomes of the money.
        (None, _) => known.filter(|_| undone),
        (Some(since), _) if bought => Some(of(invoice, None, since, now)),
        (Some(_), Purpose::Purchase | Purpose::OneTime | Purpose::Change | Purpose::Usage) => None,
        (Some(since), Purpose::Renewal) => {
            let known = known.and_then(|known| known.period);
            let period = known.or_else(|| time_of(invoice, &held, next.is_some()));
            period.map(|period| of(invoice, Some(period), since, now))
        }
    };
    let (is_withheld, ours) = (withheld.is_some(), held.is_engine_run());
    held.withheld.extend(withheld);
    held.withheld.sort_by_key(|of| of.invoice);
    let gives_access = held.gives_access(now);
    draft.account.put_subscription(held);
    if !gave_access && gives_access {
        draft.note(Event::SubscriptionActivated, |entry| {
            entry.subscription = Some(id);
        });
    }
    if newly_short && (ours || for_good) {
        // Its price had been worked from what was paid.
        end_awaiting(draft, id, |at| ChangeState::Canceled { at });
    }
    match (was_full, since.is_some()) {
        (false, true) if bought => undo(draft, id),
        // What a provider was asked to change, it changes.
        (false, true) if is_withheld && !ours => {}
        (false, true) if is_withheld => {
            // Its price had been worked from what was paid.
            end_awaiting(draft, id, |at| ChangeState::Canceled { at });
        }
        (false, true) => park(draft, invoice, "what it paid for stays as it is"),
        (true, false) if undone => park(
            draft,
            invoice,
            "the money stays after all, and the purchase was undone already",
        ),
        _ => {}
    }
}

fn of(invoice: &Invoice, period: Option<Period>, since: Timestamp, now: Timestamp) -> Withheld {
    Withheld {
        invoice: invoice.id,
        period,
        // The provider's clock may be ahead of ours.
        since: since.min(now),
    }
}

/// The purchase never was: nothing of it recurs, and nothing shows it any more.
fn undo(draft: &mut Draft, id: SubscriptionId) {
    cancel(draft, id, CancelWhen::AtOnce);
    revoke(draft, id);
}

/// Whether the time that a purchase paid for is over at `at`, or what follows it
/// is paid: then there is more to the subscription than its purchase.
fn is_past(invoice: &Invoice, held: &Subscription, next_is_open: bool, at: Timestamp) -> bool {
    let Some(period) = time_of(invoice, held, next_is_open) else {
        return false;
    };
    // Time stands still in a pause.
    let at = match held.state {
        State::Paused { since, .. } => at.min(since),
        State::Incomplete
        | State::Trialing { .. }
        | State::Active
        | State::PastDue { .. }
        | State::Lapsed { .. }
        | State::Canceled { .. }
        | State::Expired { .. } => at,
    };
    let mut paid = held.paid.iter();
    period.end <= at || paid.any(|paid| period.end <= paid.period.start)
}

/// The time that an invoice paid for, where a pause has moved it to.
fn time_of(invoice: &Invoice, held: &Subscription, next_is_open: bool) -> Option<Period> {
    let period = invoice.period?;
    let Schedule::Engine { cycle, .. } = held.schedule else {
        return Some(period);
    };
    let last_paid = cycle.saturating_sub(u32::from(next_is_open));
    let as_paid = |paid: &Period| *paid == period;
    let mut paid = held.paid.iter().map(|paid| paid.period);
    if paid.clone().any(|paid| as_paid(&paid)) || invoice.cycle != Some(last_paid) {
        return Some(period);
    }
    // Moved as a whole, it is as long as it was.
    let moved = paid.rfind(|paid| paid.start > period.start && paid.length() == period.length());
    Some(moved.unwrap_or(period))
}

fn park(draft: &mut Draft, invoice: &Invoice, why: &str) {
    let returned = invoice.returned.iter().map(|held| {
        let (kind, state) = (held.kind.name(), held.kind.state());
        format!("{kind} {} of {}: {state}", held.id, held.amount)
    });
    let returned: Vec<_> = returned.collect();
    let evidence = format!(
        "the payment of invoice {} ({}): {why}",
        invoice.id,
        returned.join(", ")
    );
    draft.park(ParkReason::Conflict, evidence);
}
