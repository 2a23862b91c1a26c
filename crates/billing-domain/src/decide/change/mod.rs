//! Changes: accepting a quote, applying it, and ending one that is to come.
//!
//! Accepting charges exactly what the quote says, or refuses. Settling its
//! invoice and applying it are two functions of one decision. Applying reads the
//! quote and computes nothing anew.

mod apply;
mod end;
mod force;

use crate::catalog::CatalogRevision;
use crate::change::{Change, ChangeState, ChangedBy};
use crate::decide::balance::set_balance;
use crate::decide::checkout::CHECKOUT_LIFETIME;
use crate::decide::promise::{displace, keep_promise};
use crate::decide::quote::{ChangeAsk, Force, Planned, QuoteRefusal, at_provider, plan_change};
use crate::decide::step::accept_step;
use crate::decision::Draft;
use crate::effect::{ChangeWhen, CreateInvoice, EffectKey, Order};
use crate::ids::{ChangeId, EffectId, InvoiceId};
use crate::invoice::{Invoice, InvoiceState, Issuer, Purpose, Unpayable};
use crate::journal::Event;
use crate::quote::{Quote, Step, Timing};
use crate::subscription::{Schedule, Scheduled, Subscription, Why};
use crate::time::shifted;

pub use apply::after;
pub(super) use apply::{apply_change, in_effect, remake_cycle, take_effect};
pub use end::{TakeBackRefusal, take_back};
pub(super) use end::{
    change_expires, end_awaiting, fail_change, may_apply_after_all, order_again, run_out,
    supersede_scheduled,
};
pub use force::{ForceRefusal, force_change};

/// A change that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The change.
    pub change: ChangeId,
    /// The effect that asks the provider for its invoice, or to make the change.
    /// `None`: nothing is asked.
    pub effect: Option<EffectId>,
}

/// Why a quote was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptRefusal {
    /// The customer has no such quote.
    #[error("no such quote")]
    NotFound,
    /// Its time is over.
    #[error("the quote has expired")]
    Expired,
    /// What priced it has changed.
    #[error("what the quote was priced from has changed")]
    Stale,
    /// What it changes can no longer be changed so.
    #[error(transparent)]
    Refused(#[from] QuoteRefusal),
}

/// Accepts `quote`: applies it, schedules it, or asks for its payment. A quote
/// that was accepted before is the same change.
///
/// # Errors
///
/// [`AcceptRefusal`], and nothing changes.
pub fn accept(
    draft: &mut Draft,
    quote: &Quote,
    force: Option<Force>,
    by: ChangedBy,
    catalog: &CatalogRevision,
) -> Result<Accepted, AcceptRefusal> {
    let now = draft.now();
    if quote.customer != draft.account.customer.id {
        return Err(AcceptRefusal::NotFound);
    }
    let known = draft
        .account
        .changes
        .iter()
        .find(|change| change.quote.id == quote.id);
    if let Some(known) = known {
        return Ok(Accepted {
            change: known.id,
            effect: None,
        });
    }
    if quote.expires_at <= now {
        return Err(AcceptRefusal::Expired);
    }
    if quote.step != Step::Change {
        return accept_step(draft, quote, by, catalog);
    }
    still_so(draft, quote, force, catalog)?;
    // What was to hold by now holds, whether or not anybody looked.
    take_effect(draft, quote.subscription, now, catalog);
    let held = draft
        .account
        .subscription(quote.subscription)
        .cloned()
        .ok_or(AcceptRefusal::NotFound)?;
    // Only one change may await its payment.
    end_awaiting(draft, held.id, |at| ChangeState::Superseded { at });
    let change = Change {
        id: draft.id(),
        customer: quote.customer,
        quote: quote.clone(),
        state: ChangeState::AwaitingPayment,
        invoice: None,
        charged: None,
        by,
        accepted_at: now,
        pay_by: None,
        refused: None,
        awaits: None,
        ran_out: None,
    };
    let id = change.id;
    let effect = match (quote.timing, &held.schedule) {
        (Timing::PeriodEnd, _) => {
            schedule(draft, change, held, catalog);
            None
        }
        (Timing::AtOnce, Schedule::Provider { .. }) => {
            Some(ask_provider(draft, change, &held, force))
        }
        (Timing::AtOnce, Schedule::Engine { .. } | Schedule::Perpetual) => {
            if quote.owed_now.is_zero() {
                set_balance(draft, quote.balance_after, None, "change of plan");
                draft.account.put_change(change);
                apply_change(draft, id, now, catalog);
                None
            } else {
                Some(invoice(draft, change, &held, catalog))
            }
        }
    };
    Ok(Accepted { change: id, effect })
}

/// Whether the quote would be priced from the same things now.
fn still_so(
    draft: &Draft,
    quote: &Quote,
    force: Option<Force>,
    catalog: &CatalogRevision,
) -> Result<(), AcceptRefusal> {
    let ask = ChangeAsk {
        subscription: quote.subscription,
        plan: Some(quote.terms.plan.clone()),
        price: quote.terms.price.clone(),
        quantity: Some(quote.terms.quantity),
    };
    let now = draft.now();
    // Another quantity may have come by no price that was named.
    let resized = ChangeAsk {
        price: None,
        ..ask.clone()
    };
    let alike = plan_change(&draft.account, &resized, force, catalog, now);
    if alike.is_ok_and(|planned| is_quoted(draft, &planned, quote, catalog)) {
        return Ok(());
    }
    let planned = plan_change(&draft.account, &ask, force, catalog, now);
    let planned = planned.map_err(|refusal| {
        if refusal == QuoteRefusal::NoSubscription {
            AcceptRefusal::NotFound
        } else if matches!(
            refusal,
            QuoteRefusal::NotActive(_) | QuoteRefusal::InvoiceOpen | QuoteRefusal::MoneyOnItsWay
        ) {
            refusal.into()
        } else {
            // It did not stand against it when it was quoted.
            AcceptRefusal::Stale
        }
    })?;
    if is_quoted(draft, &planned, quote, catalog) {
        Ok(())
    } else {
        Err(AcceptRefusal::Stale)
    }
}

fn is_quoted(draft: &Draft, planned: &Planned, quote: &Quote, catalog: &CatalogRevision) -> bool {
    let digest = planned.digest(&draft.account, catalog);
    digest.is_ok_and(|digest| digest == quote.digest)
}

/// It takes effect at the end of what is paid, by itself.
fn schedule(
    draft: &mut Draft,
    mut change: Change,
    mut held: Subscription,
    catalog: &CatalogRevision,
) {
    supersede_scheduled(draft, &mut held);
    let (id, at) = (change.id, change.quote.effective_at);
    let undone = at_provider(
        &held,
        &change.quote.terms,
        ChangeWhen::NextPeriod { at: Some(at) },
    );
    change.state = ChangeState::Scheduled;
    displace(&mut held);
    held.scheduled = Some(Scheduled {
        at,
        terms: Box::new(change.quote.terms.clone()),
        why: Why::Change { change: id },
    });
    if let Some(mut order) = undone {
        order.change = Some(id);
        draft.order(EffectKey::change(id), Order::ChangeSubscription(order));
    }
    let subscription = held.id;
    remake_cycle(draft, &mut held);
    draft.account.put_subscription(held);
    draft.account.put_change(change);
    draft.note(Event::ChangeScheduled, |entry| {
        entry.subscription = Some(subscription);
        entry.change = Some(id);
        entry.note = Some(at.to_string());
    });
    keep_promise(draft, subscription, catalog);
}

/// The provider computes and charges it. What it then tells applies it.
fn ask_provider(
    draft: &mut Draft,
    mut change: Change,
    held: &Subscription,
    force: Option<Force>,
) -> EffectId {
    let (id, quote) = (change.id, &change.quote);
    let free = force == Some(Force::Free) || quote.source == crate::quote::Source::Engine;
    let when = if free {
        ChangeWhen::Unbilled
    } else {
        ChangeWhen::Prorated {
            at: quote.created_at,
            quoted: Some(quote.owed_now),
        }
    };
    change.pay_by = Some(shifted(draft.now(), CHECKOUT_LIFETIME));
    let order = at_provider(held, &quote.terms, when);
    draft.account.put_change(change);
    match order {
        Some(mut order) => {
            order.change = Some(id);
            draft.order(EffectKey::change(id), Order::ChangeSubscription(order))
        }
        // A provider-run subscription has a provider; without one nobody answers,
        // and the change runs out of time.
        None => draft.id(),
    }
}

/// Opens the invoice of a change: exactly what was quoted.
fn invoice(
    draft: &mut Draft,
    mut change: Change,
    held: &Subscription,
    catalog: &CatalogRevision,
) -> EffectId {
    let now = draft.now();
    let quote = change.quote.clone();
    let id: InvoiceId = draft.id();
    let closes = shifted(now, CHECKOUT_LIFETIME);
    // Money that comes after the period it was priced for, or after the next one
    // was to be invoiced, applies nothing.
    let ends = held.paid.iter().map(|paid| paid.period.end);
    let ends = ends
        .chain(held.times.paid_through)
        .chain(held.times.next_attempt_at);
    change.invoice = Some(id);
    change.pay_by = ends.filter(|end| *end > now).chain([closes]).min();
    set_balance(draft, quote.balance_after, Some(id), "change of plan");
    draft.account.put_invoice(Invoice {
        id,
        purpose: Purpose::Change,
        subscription: Some(held.id),
        subscription_ref: None,
        checkout: None,
        provider: held.provider.clone(),
        reference: None,
        issuer: Issuer::Engine,
        amount: quote.owed_now,
        lines: quote.lines.clone(),
        conversion: None,
        change: Some(change.id),
        period: quote.restart,
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
        opened_at: now,
        returned: Vec::new(),
        promised: Vec::new(),
        failed: false,
        tried: None,
        tried_at: None,
        stalled: None,
    });
    draft.note(Event::InvoiceOpened, |entry| {
        entry.invoice = Some(id);
        entry.subscription = Some(held.id);
        entry.change = Some(change.id);
        entry.money = Some(quote.owed_now);
    });
    let key = EffectKey::change(change.id);
    draft.account.put_change(change);
    match held.provider.clone() {
        Some(provider) => {
            let order = CreateInvoice {
                customer_ref: draft.account.reference_at(&provider).map(str::to_owned),
                provider,
                invoice: id,
                customer: held.customer,
                subscription: held.id,
                subscription_ref: None,
                cycle: None,
                description: catalog.catalog.billed_as(quote.terms.plan.as_str()),
                amount: quote.owed_now,
            };
            draft.order(key, Order::CreateInvoice(order))
        }
        // A change from what has no provider was refused when it was quoted.
        None => draft.id(),
    }
}
