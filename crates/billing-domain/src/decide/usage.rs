//! Metered use: its periods are opened as it is reported, follow what is held until
//! they end, and are charged once, an hour after. How much was used is kept elsewhere,
//! and is told to the decision only when nothing is added to it any more.

use jiff::SignedDuration;

use crate::catalog::CatalogRevision;
use crate::decide::balance::{add_to_balance, draw, given_back, set_balance};
use crate::decision::Draft;
use crate::effect::{CreateInvoice, EffectKey, Order};
use crate::entitlement::FeatureKey;
use crate::ids::{InvoiceId, SubscriptionId, UsagePeriodId};
use crate::invoice::{Invoice, InvoiceState, Issuer, Purpose, Unpayable};
use crate::journal::Event;
use crate::money::{Currency, Money, MoneyError};
use crate::parked::ParkReason;
use crate::provider::ProviderAccount;
use crate::time::{Period, shifted};
use crate::usage::{Charge, Standing, UsagePeriod, standing_at};

/// Periods that are open at once at most: the present one, the last one, and those that
/// a purchase in between cut off. Use beyond waits until one is charged.
const MAX_OPEN_PERIODS: usize = 8;

/// Why a spending limit was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsageRefusal {
    /// It is below zero.
    #[error("a spending limit is zero or more")]
    BelowZero,
}

/// Opens the period that use falls into now, unless it is open already. Nothing is
/// opened where nothing that is held is metered.
pub fn open_usage(draft: &mut Draft, catalog: &CatalogRevision) {
    stand(draft, catalog, true);
}

/// The rules of the period that lasts are those that hold now, and it lasts no longer than
/// what it counts for. The cycle of a subscription is opened with it, so that what was used
/// in it counts though it is reported only afterwards; a calendar month is opened by the
/// first report.
pub fn follow_usage(draft: &mut Draft, catalog: &CatalogRevision) {
    stand(draft, catalog, false);
}

fn stand(draft: &mut Draft, catalog: &CatalogRevision, reported: bool) {
    let now = draft.now();
    let unnamed = UsagePeriodId::from(uuid::Uuid::nil());
    let account = &draft.account;
    let Standing { period, cut } =
        standing_at(account, draft.beside(), &catalog.catalog, now, unnamed);
    let usage = &mut draft.account.customer.usage;
    let open = usage
        .periods
        .iter_mut()
        .find(|held| held.period.contains(now));
    match (open, cut) {
        (Some(open), Some(cut)) => open.period.end = cut,
        (Some(open), None) => {
            if let Some(period) = period {
                *open = period;
            }
            return;
        }
        (None, _) => {}
    }
    let opens = |period: &UsagePeriod| reported || period.subscription.is_some();
    let full = usage.periods.len() >= MAX_OPEN_PERIODS;
    if let Some(mut period) = period.filter(|period| !full && opens(period)) {
        period.id = draft.id();
        draft.account.customer.usage.periods.push(period);
    }
}

/// The paid time of a subscription was moved by so much, and what is left of its cycle
/// with it.
pub(super) fn move_usage(draft: &mut Draft, subscription: SubscriptionId, by: SignedDuration) {
    let now = draft.now();
    let periods = &mut draft.account.customer.usage.periods;
    let of_it = periods
        .iter_mut()
        .filter(|held| held.subscription == Some(subscription) && held.period.contains(now));
    for held in of_it {
        held.period.end = shifted(held.period.end, by);
    }
}

/// Tells that no more of a feature may be used in a period, once.
pub fn note_usage_reached(draft: &mut Draft, period: UsagePeriodId, feature: &FeatureKey) {
    let mut periods = draft.account.customer.usage.periods.iter_mut();
    let Some(held) = periods.find(|held| held.id == period) else {
        return;
    };
    let subscription = held.subscription;
    if held.reached.insert(feature.clone()) {
        draft.note(Event::UsageLimitReached, |entry| {
            entry.subscription = subscription;
            entry.note = Some(feature.to_string());
        });
    }
}

/// From now on no more than `limit` is charged for one period (`None`: whatever is
/// used), in `currency`. What was used before is charged as it would have been, as far as
/// the draft knows what was reported so far in the periods that are open.
///
/// # Errors
///
/// [`UsageRefusal`], and nothing is changed.
pub fn set_spending_limit(
    draft: &mut Draft,
    currency: Currency,
    limit: Option<i64>,
) -> Result<(), UsageRefusal> {
    let limit = limit.map(|amount| Money::new(amount, currency));
    if limit.is_some_and(|limit| limit.amount < 0) {
        return Err(UsageRefusal::BelowZero);
    }
    let used = draft.used().clone();
    let usage = &mut draft.account.customer.usage;
    let before = usage.spending_limit(currency);
    if before == limit {
        return Ok(());
    }
    for held in &mut usage.periods {
        let figures = used.get(&held.id);
        let charge = figures.map(|figures| held.charge(figures, before));
        // What cannot be worked out is no less when it is charged.
        if let Some(Ok(Some(charge))) = charge
            && charge.amount.currency == currency
        {
            held.floor = Some(charge.amount);
        }
    }
    usage
        .spending_limits
        .retain(|held| held.currency != currency);
    usage.spending_limits.extend(limit);
    usage.spending_limits.sort_by_key(|held| held.currency);
    // What was reached may have room again.
    for held in &mut usage.periods {
        if held.currency() == Some(currency) {
            held.reached.clear();
        }
    }
    draft.note(Event::UsageLimitSet, |entry| entry.money = limit);
    Ok(())
}

/// Charges the periods that are over and sealed.
pub(super) fn charge_usage(draft: &mut Draft, catalog: &CatalogRevision) {
    let now = draft.now();
    let due = draft.account.customer.usage.periods.clone();
    for held in due.iter().filter(|held| held.closes_at() <= now) {
        let figures = draft.sealed(held.id).cloned();
        if figures.is_none() && !draft.is_imagined() {
            // It is looked at again once it is sealed.
            continue;
        }
        let limit = held.currency();
        let usage = &mut draft.account.customer.usage;
        let limit = limit.and_then(|currency| usage.spending_limit(currency));
        usage.periods.retain(|other| other.id != held.id);
        usage.charged_until = usage.charged_until.max(Some(held.period.end));
        match figures.map(|figures| held.charge(&figures, limit)) {
            None | Some(Ok(None)) => {}
            Some(Ok(Some(charge))) => invoice(draft, held, charge, catalog),
            Some(Err(error)) => {
                let evidence = format!("the use of {} cannot be charged: {error}", said(held));
                draft.park(ParkReason::Conflict, evidence);
            }
        }
    }
}

/// A period, for a person.
fn said(held: &UsagePeriod) -> String {
    let Period { start, end } = held.period;
    format!("{} from {start} to {end}", held.id)
}

fn invoice(draft: &mut Draft, held: &UsagePeriod, charge: Charge, catalog: &CatalogRevision) {
    let subscription = held.subscription;
    let paying = subscription.and_then(|id| draft.account.subscription(id));
    let provider = paying.and_then(|paying| paying.provider.clone());
    let theirs = paying.and_then(|paying| paying.reference());
    let payer = provider.map(|provider| (provider, theirs.map(str::to_owned)));
    match opened(draft, held, charge, payer, catalog) {
        Ok(()) => {}
        Err(error) => {
            let evidence = format!("the use of {} cannot be charged: {error}", said(held));
            draft.park(ParkReason::Conflict, evidence);
        }
    }
}

fn opened(
    draft: &mut Draft,
    held: &UsagePeriod,
    charge: Charge,
    payer: Option<(ProviderAccount, Option<String>)>,
    catalog: &CatalogRevision,
) -> Result<(), MoneyError> {
    let (provider, subscription_ref) = payer.unzip();
    let currency = charge.amount.currency;
    let rules = catalog.catalog.rules();
    // One is owed at a time: what comes beside it, or has nowhere to be paid, is carried
    // to the next invoice.
    let owing = draft.account.invoices.iter().any(|other| {
        other.subscription == held.subscription
            && other.purpose == Purpose::Usage
            && other.is_open()
    });
    let minimum = if owing || provider.is_none() {
        Some(Money::new(i64::MAX, currency))
    } else {
        rules.minimum_charge.get(&currency).copied()
    };
    let drawn = draw(
        charge.lines,
        draft.account.customer.balance(currency),
        minimum,
    )?;
    let (now, id): (_, InvoiceId) = (draft.now(), draft.id());
    set_balance(draft, drawn.balance, Some(id), "usage");
    let amount = drawn.owed;
    let mut invoice = Invoice {
        id,
        purpose: Purpose::Usage,
        subscription: held.subscription,
        subscription_ref: None,
        checkout: None,
        provider: provider.clone(),
        reference: None,
        issuer: Issuer::Engine,
        amount,
        lines: drawn.lines,
        conversion: None,
        change: None,
        period: Some(held.period),
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
    };
    let noted = |draft: &mut Draft, event| {
        draft.note(event, |entry| {
            entry.invoice = Some(id);
            entry.subscription = held.subscription;
            entry.money = Some(amount);
        });
    };
    noted(draft, Event::InvoiceOpened);
    match (provider, held.subscription) {
        (Some(provider), Some(subscription)) if !amount.is_zero() => {
            let plan = held.plan.as_ref().map_or("", |plan| plan.as_str());
            let order = CreateInvoice {
                customer_ref: draft.account.reference_at(&provider).map(str::to_owned),
                provider,
                invoice: id,
                customer: draft.account.customer.id,
                subscription,
                subscription_ref: subscription_ref.flatten(),
                cycle: None,
                description: format!("{}, usage", catalog.catalog.billed_as(plan)),
                amount,
            };
            draft.order(EffectKey::usage(held.id), Order::CreateInvoice(order));
        }
        // Nothing is owed now: it came from the balance, or is carried.
        _ => {
            invoice.state = InvoiceState::Settled { at: now };
            noted(draft, Event::InvoiceSettled);
        }
    }
    draft.account.put_invoice(invoice);
    Ok(())
}

/// An invoice of use can no longer be paid where it was: what it comes to is carried
/// to the next invoice.
pub(super) fn carry_usage(draft: &mut Draft, invoice: Invoice) {
    if !invoice.is_open() {
        return;
    }
    let (id, at, subscription) = (invoice.id, draft.now(), invoice.subscription);
    let before = draft.account.customer.balance(invoice.amount.currency);
    // What it had drawn comes back, and what it came to before that is a debt.
    let own = given_back(before, &invoice.lines).and_then(|back| {
        let drawn = before.checked_sub(back)?;
        invoice.amount.checked_sub(drawn).map(|own| (back, own))
    });
    let Ok((back, own)) = own else {
        return;
    };
    set_balance(draft, back, Some(id), "invoice voided");
    let debt = Money::new(own.amount.saturating_neg(), own.currency);
    if !add_to_balance(draft, debt, Some(id), "usage that was not paid") {
        return;
    }
    draft.account.put_invoice(Invoice {
        state: InvoiceState::Void { at },
        ..invoice
    });
    draft.note(Event::InvoiceVoided, |entry| {
        entry.invoice = Some(id);
        entry.subscription = subscription;
    });
}
