//! Invoices of ours that a provider collects slowly: money on its way suspends the
//! lapse, and a page that has closed unpaid makes room for another.

use jiff::SignedDuration;

use crate::catalog::{CatalogRevision, OnPastDue};
use crate::change::{Change, ChangeState};
use crate::customer::Account;
use crate::decide::fact::Verdict;
use crate::decide::usage::carry_usage;
use crate::decision::Draft;
use crate::effect::{CreateInvoice, EffectKey, Order};
use crate::ids::InvoiceId;
use crate::invoice::{Awaited, Invoice, Purpose, Unpayable};
use crate::journal::Event;
use crate::subscription::{Schedule, State, Status, Subscription};
use crate::time::{Period, Timestamp, shifted};

/// How soon a page that has closed has another, where nothing is wrong: at once, or
/// within the hour in which what is open is asked about. So long nobody's grace is
/// prolonged, unless that was its end.
const MADE_ANEW_WITHIN: SignedDuration = SignedDuration::from_hours(2);

/// Money has been seen in time that is not final, as its page stood at `at`: what it pays
/// for does not lapse before the provider stops waiting for it. Heard of too late, it is as
/// if nothing had lapsed: what counts is when it was seen.
pub(super) fn payment_pending(
    draft: &mut Draft,
    id: InvoiceId,
    page: Option<String>,
    (until, seen): (Timestamp, Option<Timestamp>),
    at: Timestamp,
) -> Verdict {
    let Some(mut invoice) = draft.account.invoice(id).cloned() else {
        return Verdict::Unlinked;
    };
    let now = draft.now();
    // The provider's clock may be ahead of ours.
    let seen = seen.map_or(now, |seen| seen.min(now));
    let page = page.or_else(|| invoice.reference.clone());
    if !invoice.is_news_of(page.as_deref(), Some(at)) {
        return Verdict::Decided;
    }
    let awaited = Awaited {
        page,
        until,
        told_at: Some(at),
        over: false,
        closed_at: None,
    };
    if let Some(change) = awaiting(draft, &invoice) {
        if change.payable_until().is_some_and(|ends| seen < ends) {
            invoice.look_at(awaited);
            keep_change(draft, change, invoice);
        }
        return Verdict::Decided;
    }
    let in_time = |held: &Subscription| held.times.grace_ends_at.is_none_or(|ends| seen < ends);
    let held = owing(draft, &invoice).or_else(|| unlapsed(draft, &invoice));
    let Some(mut held) = held.filter(in_time) else {
        return Verdict::Decided;
    };
    invoice.look_at(awaited);
    draft.account.put_invoice(invoice);
    let ends = held.times.grace_ends_at;
    if ends.is_some_and(|ends| ends < until) {
        held.times.grace_ends_at = Some(until);
        goes_on_again(draft, held);
    }
    Verdict::Decided
}

/// The cycle that money pays for which is on its way at `now`, so that its invoice is not
/// to be voided. `None`: none is, or it pays for no cycle that could still be had.
pub(super) fn on_its_way(account: &Account, held: &Subscription, now: Timestamp) -> Option<Period> {
    let open = account.open_invoice(held.id)?;
    let waits = held.is_engine_run() && open.awaits().is_some_and(|until| now < until);
    let period = open.period.filter(|period| waits && now < period.end)?;
    matches!(
        held.state,
        State::Trialing { .. } | State::Active | State::PastDue { .. }
    )
    .then_some(period)
}

/// The change that waits for the payment of this invoice.
fn awaiting(draft: &Draft, invoice: &Invoice) -> Option<Change> {
    let change = draft.account.change(invoice.change?)?;
    let waits = invoice.is_open() && change.state == ChangeState::AwaitingPayment;
    waits.then(|| change.clone())
}

/// A change waits as long as money for it is on its way.
fn keep_change(draft: &mut Draft, change: Change, invoice: Invoice) {
    let awaits = invoice.awaits();
    draft.account.put_invoice(invoice);
    draft.account.put_change(Change { awaits, ..change });
}

/// Keeps a subscription that goes on; where it had lapsed, that is told.
fn goes_on_again(draft: &mut Draft, held: Subscription) {
    let known = draft.account.subscription(held.id);
    let had_lapsed = known.is_some_and(|known| known.status() == Status::Lapsed);
    let (id, gives_access) = (held.id, held.gives_access(draft.now()));
    draft.account.put_subscription(held);
    if had_lapsed && gives_access {
        draft.note(Event::SubscriptionActivated, |entry| {
            entry.subscription = Some(id);
        });
    }
}

/// Nothing is on its way any more at this page, as it stood when it was looked at: unless
/// it is at another, grace, and the time of a change, end when they were to end. What is
/// older than what is known of the page says nothing.
pub(super) fn await_no_more(
    draft: &mut Draft,
    invoice: &mut Invoice,
    page: &str,
    read_at: Option<Timestamp>,
) {
    if !invoice.is_open() || !invoice.is_news_of(Some(page), read_at) {
        return;
    }
    let before = invoice.awaited.clone();
    // What was told of no page was told of this one.
    invoice.awaited.retain(|held| held.page.is_some());
    invoice.look_at(Awaited {
        page: Some(page.to_owned()),
        until: read_at.unwrap_or(draft.now()),
        told_at: read_at,
        over: true,
        closed_at: None,
    });
    if invoice.awaited != before {
        draft.account.put_invoice(invoice.clone());
    }
    if let Some(change) = awaiting(draft, invoice) {
        keep_change(draft, change, invoice.clone());
        return;
    }
    let Some(mut held) = owing(draft, invoice) else {
        return;
    };
    let ends = kept_until(&held, invoice);
    if ends < held.times.grace_ends_at {
        held.times.grace_ends_at = ends;
        draft.account.put_subscription(held);
    }
}

/// When the grace of an open renewal is over by itself, whatever money is on its way:
/// what time it could not be paid in does not count, up to the limit of every outage.
/// `None`: it could not be paid yet.
#[must_use]
pub fn grace_end(held: &Subscription, invoice: &Invoice) -> Option<Timestamp> {
    Some(grace_of(held, held.times.due_at?, invoice.unpayable))
}

/// Until when the grace of the cycle that is to be paid goes on for sure: as if it could
/// be paid from `now` on, and no money were on its way. It may go on longer, and that is
/// over as soon as there is a page, or the money is gone. `None`: nothing was ever paid.
#[must_use]
pub fn sure_until(held: &Subscription, unpayable: Unpayable, now: Timestamp) -> Option<Timestamp> {
    let first_link = || held.times.paid_through.map(|end| end.max(now));
    let due_at = held.times.due_at.or_else(first_link)?;
    if held.terms.on_past_due == OnPastDue::Cut {
        return Some(due_at);
    }
    Some(grace_of(
        held,
        due_at,
        payable_from(held, due_at, unpayable, now),
    ))
}

/// The end of a grace that begins at `due_at`.
fn grace_of(held: &Subscription, due_at: Timestamp, unpayable: Unpayable) -> Timestamp {
    let own = shifted(due_at, held.terms.grace);
    let limit = own.max(stall_end(held).unwrap_or(own));
    match unpayable.since {
        Some(_) => limit,
        None => shifted(own, unpayable.before).min(limit),
    }
}

/// What remains of an outage, where it can be paid again from `at` on. Before it was due
/// nobody had to.
fn payable_from(
    held: &Subscription,
    due_at: Timestamp,
    unpayable: Unpayable,
    at: Timestamp,
) -> Unpayable {
    let Some(since) = unpayable.since else {
        return unpayable;
    };
    let mut after = Unpayable {
        since: None,
        again_at: Some(at),
        ..unpayable
    };
    let away = at
        .duration_since(since.max(due_at))
        .max(SignedDuration::ZERO);
    let is_over = grace_of(held, due_at, after) <= at;
    if away > MADE_ANEW_WITHIN || is_over {
        after.before = after.before.saturating_add(away);
    }
    after
}

/// When the grace of an open renewal is over, with money on its way at any of its pages.
fn kept_until(held: &Subscription, invoice: &Invoice) -> Option<Timestamp> {
    let own = grace_end(held, invoice)?;
    Some(invoice.awaits().map_or(own, |until| until.max(own)))
}

/// Until when an outage costs nobody anything, at most.
fn stall_end(held: &Subscription) -> Option<Timestamp> {
    let paid_through = held.times.paid_through?;
    Some(shifted(paid_through, held.terms.stall_limit))
}

/// The page of an invoice was open at `at` already, before what had told of it. The due date
/// of a cycle, and the end of its grace, are those of the first look at its first page,
/// whichever is heard first.
pub(super) fn due_by(draft: &mut Draft, invoice: &mut Invoice, page: &str, at: Timestamp) {
    let is_its = invoice.is_open() && invoice.reference.as_deref() == Some(page);
    if !is_its || invoice.paged_at.is_none_or(|known| known <= at) {
        return;
    }
    invoice.paged_at = Some(at);
    draft.account.put_invoice(invoice.clone());
    if invoice.unpayable.since.is_some() || invoice.unpayable.again_at.is_some() {
        return;
    }
    let Some(mut held) = owing(draft, invoice) else {
        return;
    };
    let earlier = held.times.paid_through.map_or(at, |end| end.max(at));
    if held.times.due_at.is_none_or(|due_at| due_at <= earlier) {
        return;
    }
    held.times.due_at = Some(earlier);
    held.times.grace_ends_at = kept_until(&held, invoice);
    if held.reminded.is_some_and(|told| !told.due && !told.end) {
        held.told_by_link(invoice, at.min(draft.now()));
    }
    draft.account.put_subscription(held);
}

/// It can be paid again, at another page that was made known at `at`.
pub(super) fn payable_again(draft: &mut Draft, invoice: &mut Invoice, at: Timestamp) {
    let unpayable = invoice.unpayable;
    if unpayable.since.is_none() {
        return;
    }
    invoice.unpayable.since = None;
    invoice.unpayable.again_at = Some(at);
    let Some(mut held) = owing(draft, invoice) else {
        return;
    };
    if let Some(due_at) = held.times.due_at {
        invoice.unpayable = payable_from(&held, due_at, unpayable, at);
    }
    held.times.grace_ends_at = kept_until(&held, invoice);
    draft.account.put_subscription(held);
}

/// Where it was to be paid, it no longer can be since `at`. A cycle is asked for anew,
/// under the same number as another try: if it closed while it could be paid in time, and
/// nobody waits for an answer already. Heard of too late, nothing has lapsed meanwhile. Until there is another page nobody lapses, since nobody
/// could pay. What waits for the payment of a change ends by itself.
pub(super) fn invoice_closed(
    draft: &mut Draft,
    id: InvoiceId,
    reference: &str,
    at: Timestamp,
    read_at: Option<Timestamp>,
    catalog: &CatalogRevision,
) -> Verdict {
    let Some(mut invoice) = draft.account.invoice(id).cloned() else {
        return Verdict::Unlinked;
    };
    await_no_more(draft, &mut invoice, reference, read_at);
    close_page(draft, &mut invoice, reference, at);
    if invoice.reference.as_deref() != Some(reference) {
        return Verdict::Decided;
    }
    if invoice.purpose == Purpose::Usage {
        carry_usage(draft, invoice);
        return Verdict::Decided;
    }
    let now = draft.now();
    // The provider's clock may be ahead of ours.
    let since = at.min(now);
    // What counts is when it closed, however late that is heard of: nobody could pay since.
    let in_time = |held: &Subscription| grace_end(held, &invoice).is_none_or(|ends| since < ends);
    let held = owing(draft, &invoice).or_else(|| unlapsed(draft, &invoice));
    let held = held.filter(in_time);
    let (Some(mut held), Some(provider)) = (held, invoice.provider.clone()) else {
        return Verdict::Decided;
    };
    if held.cancellation.is_some() {
        // What was on its way when it was canceled pays for it, and nothing else does.
        return Verdict::Decided;
    }
    let (Schedule::Engine { taken_back, .. }, Some(cycle)) = (&mut held.schedule, invoice.cycle)
    else {
        return Verdict::Decided;
    };
    *taken_back = taken_back.saturating_add(1);
    let attempt = taken_back.saturating_add(1);
    invoice.unpayable.since = Some(since);
    held.times.grace_ends_at = kept_until(&held, &invoice);
    if held.times.grace_ends_at.is_some_and(|ends| ends <= now) {
        // Where every outage ends, this one has ended too.
        return Verdict::Decided;
    }
    let order = CreateInvoice {
        customer_ref: draft.account.reference_at(&provider).map(str::to_owned),
        provider,
        invoice: id,
        customer: held.customer,
        subscription: held.id,
        subscription_ref: None,
        cycle: Some(cycle),
        description: catalog.catalog.billed_as(held.terms.plan.as_str()),
        amount: invoice.amount,
    };
    draft.order(
        EffectKey::renewal(held.id, cycle, attempt),
        Order::CreateInvoice(order),
    );
    goes_on_again(draft, held);
    draft.account.put_invoice(Invoice {
        reference: None,
        pay_url: None,
        conversion: None,
        stalled: None,
        attempt,
        ..invoice
    });
    Verdict::Decided
}

/// Nobody can pay at this page any more, whatever else is known of it.
fn close_page(draft: &mut Draft, invoice: &mut Invoice, page: &str, at: Timestamp) {
    let mut pages = invoice.awaited.iter_mut();
    let known = pages.find(|held| held.page.as_deref() == Some(page));
    let Some(known) = known.filter(|held| held.closed_at.is_none()) else {
        return;
    };
    known.closed_at = Some(at);
    draft.account.put_invoice(invoice.clone());
}

/// The subscription that owes an open renewal, as it stood before it lapsed. `None`: it
/// has not.
fn unlapsed(draft: &Draft, invoice: &Invoice) -> Option<Subscription> {
    let held = draft.account.subscription(invoice.subscription?)?.clone();
    let owes = invoice.is_open() && invoice.is_renewal();
    if !owes || held.status() != Status::Lapsed {
        return None;
    }
    let since = invoice.period?.start;
    // What follows a trial, or a pause that outlived what was paid, has no grace.
    let no_grace = held.paid.iter().all(|paid| paid.period.end != since);
    held.moved(State::PastDue { since, no_grace }).ok()
}

/// The subscription that owes an open renewal, if it can still go on.
fn owing(draft: &Draft, invoice: &Invoice) -> Option<Subscription> {
    let held = draft.account.subscription(invoice.subscription?)?;
    let goes_on = match held.state {
        State::Trialing { .. } | State::Active | State::PastDue { .. } => true,
        State::Incomplete
        | State::Paused { .. }
        | State::Lapsed { .. }
        | State::Canceled { .. }
        | State::Expired { .. } => false,
    };
    (invoice.is_open() && invoice.is_renewal() && goes_on).then(|| held.clone())
}
