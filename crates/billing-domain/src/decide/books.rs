//! Mirroring the invoices of a provider that runs its own schedule: recorded as
//! it states them, and moved forward only.

use jiff::SignedDuration;

use crate::change::Change;
use crate::customer::Account;
use crate::decide::fact::Verdict;
use crate::decide::mirror::find;
use crate::decision::Draft;
use crate::fact::{Fact, Observed, ProviderInvoiceState};
use crate::ids::InvoiceId;
use crate::invoice::{Invoice, InvoiceState, Issuer, Payment, Purpose, Unpayable};
use crate::journal::Event;
use crate::line::{LineKind, sum};
use crate::money::Money;
use crate::parked::ParkReason;
use crate::provider::ProviderAccount;
use crate::quote::{Source, Timing};
use crate::time::{Period, Timestamp, shifted};

/// Records a provider's own invoice. What is paid stays paid, in any order of facts.
pub(super) fn mirror_invoice(
    draft: &mut Draft,
    account: &ProviderAccount,
    observed: &Observed,
) -> Verdict {
    let Fact::ProviderInvoiceSeen {
        reference,
        subscription_ref,
        amount,
        period,
        state,
        purpose,
        collected,
        opened_at,
        tried,
    } = &observed.fact
    else {
        return Verdict::Decided;
    };
    let checkout = observed
        .link
        .checkout
        .and_then(|id| draft.account.checkout(id));
    let from_checkout = checkout.map(|checkout| (checkout.id, checkout.subscription));
    let subscription = subscription_ref
        .as_ref()
        .and_then(|reference| find(draft, account, reference).map(|held| held.id))
        .or(from_checkout.map(|(_, subscription)| subscription));
    let known = draft.account.invoices.iter().find(|held| {
        held.reference.as_ref() == Some(reference) && held.provider.as_ref() == Some(account)
    });
    let mut invoice = match known {
        Some(known) => known.clone(),
        None => Invoice {
            id: draft.id(),
            purpose: purpose.unwrap_or(Purpose::Renewal),
            subscription,
            subscription_ref: None,
            checkout: from_checkout.map(|(checkout, _)| checkout),
            provider: Some(account.clone()),
            reference: Some(reference.clone()),
            issuer: Issuer::Provider,
            amount: *amount,
            lines: Vec::new(),
            conversion: None,
            change: None,
            period: *period,
            cycle: None,
            attempt: 1,
            pay_url: None,
            paged_at: None,
            unpayable: Unpayable::default(),
            unconfirmed: Vec::new(),
            awaited: Vec::new(),
            forgone: None,
            unclear: Vec::new(),
            said: Vec::new(),
            state: InvoiceState::Open,
            payments: Vec::new(),
            opened_at: observed.at,
            returned: Vec::new(),
            promised: Vec::new(),
            failed: false,
            tried: None,
            tried_at: None,
            stalled: None,
        },
    };
    invoice.subscription = invoice.subscription.or(subscription);
    if invoice.subscription_ref.is_none() {
        invoice.subscription_ref.clone_from(subscription_ref);
    }
    let first_told = invoice.opened_at.min(observed.at);
    invoice.opened_at = opened_at.unwrap_or(first_told);
    let event = settle_mirrored(
        &mut invoice,
        *state,
        (*amount, *collected),
        *period,
        observed.at,
    );
    invoice.failed &= invoice.is_open();
    invoice.hear_of_tries(*tried, observed.at);
    invoice.period = invoice.period.or(*period);
    let (id, subscription) = (invoice.id, invoice.subscription);
    draft.account.put_invoice(invoice);
    if let Some(event) = event {
        draft.note(event, |entry| {
            entry.invoice = Some(id);
            entry.subscription = subscription;
            entry.money = Some(*amount);
        });
    }
    if event == Some(Event::InvoiceSettled) {
        compare_with_quote(draft, id, *amount, observed.at);
    }
    Verdict::Decided
}

/// Ties the invoices to a subscription that its provider made for it, and told of
/// before the subscription. What was paid through a checkout is tied already. A
/// change needs a subscription that is known: so none is matched by its quote here.
pub(super) fn tie_invoices(draft: &mut Draft, account: &ProviderAccount, reference: &str) {
    let Some(id) = find(draft, account, reference).map(|held| held.id) else {
        return;
    };
    for invoice in &mut draft.account.invoices {
        let theirs = invoice.subscription_ref.as_deref() == Some(reference)
            && invoice.provider.as_ref() == Some(account);
        if theirs && invoice.subscription.is_none() {
            invoice.subscription = Some(id);
        }
    }
}

/// How far a provider's clock may be behind ours: it dates its invoices in whole
/// seconds, and clocks that are kept right differ by less than a minute.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// What a provider charged for a change is compared with what was quoted: a
/// difference beyond what the quote admits is for a person. Nothing is undone, since the money was taken.
fn compare_with_quote(draft: &mut Draft, id: InvoiceId, charged: Money, at: Timestamp) {
    let Some(invoice) = draft
        .account
        .invoice(id)
        .filter(|held| held.purpose == Purpose::Change)
    else {
        return;
    };
    let Some(change) = charged_for(&draft.account, invoice, at) else {
        return;
    };
    // They know each other from now on: neither is matched again.
    let (invoice, change) = (
        Invoice {
            change: Some(change.id),
            ..invoice.clone()
        },
        Change {
            charged: Some(id),
            ..change.clone()
        },
    );
    draft.account.put_invoice(invoice.clone());
    draft.account.put_change(change.clone());
    // A debt that is collected with it was quoted with it, and is counted where it came from.
    let debts = change.quote.lines.iter();
    let debts = debts.filter(|line| line.kind == LineKind::Balance && line.amount.amount > 0);
    let with_debt = sum(debts, charged.currency).and_then(|debt| charged.checked_add(debt));
    let admitted = with_debt.is_ok_and(|both| change.quote.admits(both));
    if change.quote.admits(charged) || admitted {
        return;
    }
    let (subscription, change_id) = (invoice.subscription, change.id);
    let (reason, evidence) = difference(&change, &invoice, charged);
    draft.note(Event::InvoiceAmountMismatch, |entry| {
        entry.invoice = Some(id);
        entry.subscription = subscription;
        entry.change = Some(change_id);
        entry.money = Some(charged);
    });
    draft.park(reason, evidence);
}

/// How long after a change is in effect its charge may still be dated: a provider
/// makes the two within minutes, and what it charges later is for something else.
const CHARGED_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// The change that a provider's invoice of instant `at` is for: the newest of
/// those that were accepted by then, were not in effect for long, and have no
/// invoice yet.
fn charged_for<'a>(account: &'a Account, invoice: &Invoice, at: Timestamp) -> Option<&'a Change> {
    let by = shifted(at, CLOCKS_DIFFER);
    account
        .changes
        .iter()
        .filter(|change| Some(change.quote.subscription) == invoice.subscription)
        .filter(|change| change.state.is_open() || change.applied_at().is_some())
        // What waits for the end of its period is charged with the next one.
        .filter(|change| change.quote.timing == Timing::AtOnce)
        .filter(|change| change.charged.is_none() && change.accepted_at <= by)
        .filter(|change| {
            let applied = change.applied_at();
            applied.is_none_or(|applied| at <= shifted(applied, CHARGED_WITHIN))
        })
        // What was to cost nothing is charged for only where nothing else can be.
        .max_by_key(|change| (change.quote.source == Source::Provider, change.id))
}

/// What a person needs to decide about another amount than was quoted.
fn difference(change: &Change, invoice: &Invoice, charged: Money) -> (ParkReason, String) {
    let (quote, quoted) = (change.quote.id, change.quote.owed_now);
    let (reason, by) = match (charged.checked_sub(quoted), quoted.checked_sub(charged)) {
        _ if charged.currency != quoted.currency => {
            (ParkReason::CurrencyMismatch, "another currency".to_owned())
        }
        (Ok(more), _) if more.amount > 0 => (ParkReason::AmountMismatch, format!("{more} more")),
        (_, Ok(less)) => (ParkReason::AmountMismatch, format!("{less} less")),
        _ => (ParkReason::AmountMismatch, "another amount".to_owned()),
    };
    let reference = invoice.reference.as_deref().unwrap_or("unnamed");
    let evidence = format!(
        "the provider charged {charged} for change {} ({}), which quote {quote} put at {quoted}: \
         {by}. Its invoice {reference} is kept as charged, as {}; what is to be given back \
         or asked for is settled at the provider",
        change.id,
        change.state.as_str(),
        invoice.id,
    );
    (reason, evidence)
}

/// Moves a mirrored invoice, forward only: paid beats void, void beats open.
fn settle_mirrored(
    invoice: &mut Invoice,
    state: ProviderInvoiceState,
    (amount, collected): (Money, Option<Money>),
    period: Option<Period>,
    at: Timestamp,
) -> Option<Event> {
    match (state, invoice.state) {
        (ProviderInvoiceState::Paid, InvoiceState::Settled { at: known }) => {
            let first = known.min(at);
            invoice.state = InvoiceState::Settled { at: first };
            for payment in &mut invoice.payments {
                payment.at = first;
            }
            None
        }
        (ProviderInvoiceState::Paid, _) => {
            invoice.amount = amount;
            invoice.period = period.or(invoice.period);
            invoice.state = InvoiceState::Settled { at };
            let reference = invoice.reference.clone().unwrap_or_default();
            invoice.payments = vec![Payment {
                reference,
                // What goes back is told of what was taken, not of what is ours.
                amount: collected.unwrap_or(amount),
                at,
                credited: true,
                to_balance: None,
                page: None,
                parked: None,
                off_balance: None,
                said_at: None,
                parts: Vec::new(),
            }];
            Some(Event::InvoiceSettled)
        }
        (ProviderInvoiceState::Void, InvoiceState::Void { at: known }) => {
            invoice.state = InvoiceState::Void { at: known.min(at) };
            None
        }
        (ProviderInvoiceState::Void, InvoiceState::Open) => {
            invoice.state = InvoiceState::Void { at };
            Some(Event::InvoiceVoided)
        }
        // Once for each: its provider tries again, and may tell of every try.
        (ProviderInvoiceState::Failed, InvoiceState::Open) if !invoice.failed => {
            invoice.failed = true;
            let renews = invoice.is_renewal();
            Some(if renews {
                Event::SubscriptionRenewalFailed
            } else {
                Event::InvoicePaymentFailed
            })
        }
        _ => None,
    }
}
