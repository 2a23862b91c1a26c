//! Bringing over what was sold elsewhere. It goes on here as it was agreed there: at a
//! price of the catalog's, or at one that is promised to its holder alone.
//!
//! What is here already is compared, and never overwritten. Nobody is to pay twice: what these
//! books would charge beside another is refused, what its provider charges anyway set aside.

mod agreed;

use crate::catalog::{Billing, CatalogRevision, Plan, PriceKey};
use crate::customer::{Account, AtProvider};
use crate::decide::cancel::{CancelWhen, cancel};
use crate::decide::grant::put_grant;
use crate::decide::license::issue;
use crate::decide::mirror::find;
use crate::decide::promise::{count_cycle, take_up_promise};
use crate::decide::start::charged_beside;
use crate::decision::Draft;
use crate::ids::SubscriptionId;
use crate::import::{
    GrantImport, ImportOutcome, ImportRefusal, Imported, Payee, SubscriptionImport,
};
use crate::journal::Event;
use crate::money::Money;
use crate::negotiated::{MAX_NEGOTIATED, Negotiated};
use crate::parked::ParkReason;
use crate::provider::ProviderAccount;
use crate::subscription::{PaidPeriod, Promise, Schedule, State, Subscription, Times};
use crate::terms::{Seller, Terms, TermsError};
use crate::time::{Interval, Period, Timestamp, shifted_back};

use agreed::{Agreed, agreed};

/// Periods by which a guess at the number of one may be off: months are shorter and longer
/// than the nominal one.
const GUESSED_OFF: u32 = 3;

/// Has the customer be known at a provider by this name of that provider's.
///
/// # Errors
///
/// [`ImportRefusal::OtherReference`] when it is known there by another.
pub fn know_at_provider(
    draft: &mut Draft,
    account: &ProviderAccount,
    reference: &str,
) -> Result<(), ImportRefusal> {
    match draft.account.reference_at(account) {
        Some(held) if held == reference => Ok(()),
        Some(_) => Err(ImportRefusal::OtherReference),
        None => {
            draft.account.customer.at_providers.push(AtProvider {
                account: account.clone(),
                reference: reference.to_owned(),
                told_at: None,
            });
            Ok(())
        }
    }
}

/// Brings over a subscription. Brought before, it is compared.
///
/// # Errors
///
/// [`ImportRefusal`], and nothing changes.
pub fn import_subscription(
    draft: &mut Draft,
    ask: &SubscriptionImport,
    catalog: &CatalogRevision,
) -> Result<ImportOutcome, ImportRefusal> {
    if let Some(held) = draft.account.subscription(ask.id) {
        return Ok(compared(held, ask));
    }
    let payee = ask.payee.as_ref().ok_or(ImportRefusal::NoSuchProvider)?;
    let plan = catalog.catalog.plan(ask.plan.as_str());
    let plan = plan.ok_or(ImportRefusal::NoSuchPlan)?;
    let agreed = agreed(&catalog.catalog, plan, ask, draft.now())?;
    if ask.started_at.is_some_and(|at| at > draft.now()) {
        return Err(ImportRefusal::StartsLater);
    }
    let ends = ask.ends.unwrap_or(false);
    let hung = match agreed.billing() {
        Billing::Once if ask.paid_through.is_some() || ends => {
            return Err(ImportRefusal::NotRecurring);
        }
        Billing::Once => None,
        Billing::Recurring(_) if payee.owns_schedule => {
            return Err(ImportRefusal::ProviderRunsSchedule);
        }
        Billing::Recurring(interval) => Some(hung(draft.now(), ask, interval)?),
    };
    let charged = hung.is_some() && !ends && !agreed.unit().is_zero();
    if charged && is_charged_already(&draft.account, Some(ask.id)) {
        return Err(ImportRefusal::AlreadySubscribed);
    }
    let (terms, promised) = terms(draft, plan, &agreed, ask, payee, catalog)?;
    let paid = terms.amount().map_err(|_large| ImportRefusal::Amount)?;
    let mut brought = brought(draft, ask, terms, hung.as_ref(), paid);
    take_up_promise(&draft.account, &mut brought, None, catalog);
    if let Some(hung) = &hung {
        // What others of the customer's have used of the promise is the same time.
        let taken_up = std::mem::take(&mut brought.promise.cycles);
        count_cycles(&mut brought, hung, catalog);
        brought.promise.cycles = brought.promise.cycles.max(taken_up);
    }
    draft.account.put_subscription(brought);
    for event in [Event::SubscriptionCreated, Event::SubscriptionActivated] {
        draft.note(event, |entry| {
            entry.subscription = Some(ask.id);
            entry.note = Some(format!("imported: {}", ask.external));
        });
    }
    if ends {
        cancel(draft, ask.id, CancelWhen::PeriodEnd);
    }
    issue(draft, ask.id);
    Ok(ImportOutcome::Created { promised, charged })
}

/// Whether the customer is charged again for a subscription `beside` this one, if it has it.
#[must_use]
pub fn is_charged_already(account: &Account, beside: Option<SubscriptionId>) -> bool {
    goes_on_beside(account, beside).is_some()
}

/// What the customer is charged again for `beside` this one: whether or not it gives access
/// just now, as what is paused or owed goes on. What is canceled does not: it runs out beside
/// what came after it.
fn goes_on_beside(account: &Account, beside: Option<SubscriptionId>) -> Option<&Subscription> {
    charged_beside(account, beside).find(|held| held.cancellation.is_none())
}

/// Sets aside for a person that its provider charges what it calls `reference` beside another
/// subscription of the customer's. It is held all the same: its provider has the money.
pub fn park_charged_twice(draft: &mut Draft, account: &ProviderAccount, reference: &str) {
    let adopted = find(draft, account, reference).map(|held| held.id);
    let other = goes_on_beside(&draft.account, adopted).map(|held| held.id);
    let (Some(adopted), Some(other)) = (adopted, other) else {
        return;
    };
    let evidence = format!(
        "subscription {adopted}, which {account} calls {reference}, was adopted while subscription \
         {other} is charged too; end one of the two"
    );
    draft.park(ParkReason::Duplicate, evidence);
}

/// Brings over a grant, which begins now. Brought before, it is compared.
///
/// # Errors
///
/// [`ImportRefusal`], and nothing changes.
pub fn import_grant(
    draft: &mut Draft,
    ask: &GrantImport,
    catalog: &CatalogRevision,
) -> Result<ImportOutcome, ImportRefusal> {
    let mut grants = draft.account.grants.iter();
    if let Some(held) = grants.find(|held| held.id == ask.id) {
        let same = [
            ("plan", held.plan == ask.plan),
            ("reason", held.reason == ask.reason),
            ("until", held.ends_at == ask.ends_at),
        ];
        return Ok(ImportOutcome::compared(&same));
    }
    if catalog.catalog.plan(ask.plan.as_str()).is_none() {
        return Err(ImportRefusal::NoSuchPlan);
    }
    if ask.ends_at.is_some_and(|end| end <= draft.now()) {
        return Err(ImportRefusal::GrantOver);
    }
    put_grant(draft, ask.id, ask.plan.clone(), ask.reason, ask.ends_at);
    Ok(ImportOutcome::CREATED)
}

/// Whether a subscription is as it was brought. Until when it is paid is none of it:
/// that moves on here.
fn compared(held: &Subscription, ask: &SubscriptionImport) -> ImportOutcome {
    let terms = &held.terms;
    let (price, unit) = (terms.price.as_ref(), terms.unit);
    let provider = held.provider.as_ref();
    let ends = held.cancellation.is_some() || held.is_over();
    ImportOutcome::compared(&[
        ("plan", terms.plan == ask.plan),
        // One that was promised alone is no price of the catalog's.
        (
            "price",
            (ask.price.as_ref()).is_none_or(|it| price.is_none_or(|held| held == it)),
        ),
        ("interval", ask.billing.is_none_or(|it| terms.billing == it)),
        ("amount", ask.unit.is_none_or(|it| unit == it)),
        ("quantity", terms.quantity == ask.quantity),
        (
            "started_at",
            ask.started_at.is_none_or(|it| held.created_at == it),
        ),
        ("ends", ask.ends.is_none_or(|it| ends == it)),
        (
            "provider",
            (ask.provider.as_ref()).is_none_or(|it| provider == Some(it)),
        ),
    ])
}

/// A period that is paid, and the number of the one after it.
struct Hung {
    anchor: Timestamp,
    period: Period,
    next: u32,
    interval: Interval,
}

/// The period that ends with what is paid, counted from where the subscription began.
fn hung(
    now: Timestamp,
    ask: &SubscriptionImport,
    interval: Interval,
) -> Result<Hung, ImportRefusal> {
    let end = ask.paid_through.ok_or(ImportRefusal::NoPaidThrough)?;
    if end <= now {
        return Err(ImportRefusal::NotPaid);
    }
    let anchor = ask.started_at.unwrap_or(now);
    let lasts = end.duration_since(anchor).as_secs();
    let lasts = u64::try_from(lasts).map_err(|_before| ImportRefusal::OffAnchor)?;
    let guess = lasts.checked_div(interval.nominal_seconds()).unwrap_or(0);
    let guess = u32::try_from(guess).map_err(|_far| ImportRefusal::OffAnchor)?;
    let (from, to) = (
        guess.saturating_sub(GUESSED_OFF),
        guess.saturating_add(GUESSED_OFF),
    );
    let found = (from..=to).find_map(|number| {
        let period = Period::at(anchor, interval, number).ok()?;
        (period.end == end).then_some((number, period))
    });
    let (number, period) = found.ok_or(ImportRefusal::OffAnchor)?;
    if period.start > now {
        return Err(ImportRefusal::PaidAhead);
    }
    let next = number.checked_add(1).ok_or(ImportRefusal::OffAnchor)?;
    Ok(Hung {
        anchor,
        period,
        next,
        interval,
    })
}

/// The terms, and the price that is promised beside the catalog, if one is.
fn terms(
    draft: &mut Draft,
    plan: &Plan,
    agreed: &Agreed<'_>,
    ask: &SubscriptionImport,
    payee: &Payee,
    catalog: &CatalogRevision,
) -> Result<(Terms, Option<Money>), ImportRefusal> {
    let seller = Seller {
        provider: payee.account.provider().clone(),
        owns_schedule: payee.owns_schedule,
    };
    let (unit, billing) = match agreed {
        Agreed::Price(price) => {
            let terms = Terms::taken(catalog, plan, price, ask.quantity, &seller);
            if !terms.allows(plan, ask.quantity) {
                return Err(ImportRefusal::Quantity);
            }
            // It was tried, if ever, where it was sold.
            return Ok((
                Terms {
                    trial: None,
                    ..terms
                },
                None,
            ));
        }
        Agreed::Alone { unit, billing } => (*unit, *billing),
    };
    if draft.account.customer.negotiated.len() >= MAX_NEGOTIATED {
        return Err(ImportRefusal::TooManyTerms);
    }
    let now = draft.now();
    let promised = Negotiated {
        id: draft.id(),
        plan: plan.key.clone(),
        unit,
        billing,
        first_cycle: None,
        quantity: None,
        provider: Some(payee.account.provider().clone()),
        // It is held, and not to be bought once more.
        expires_at: Some(now),
        created_at: now,
    };
    let terms = Terms::negotiated(catalog, plan, &promised, ask.quantity, &seller);
    let terms = terms.map_err(|error| match error {
        TermsError::Quantity => ImportRefusal::Quantity,
        TermsError::Money(_) | TermsError::Retired => ImportRefusal::Amount,
    })?;
    let id = promised.id;
    draft.account.customer.negotiated.push(promised);
    draft.note(Event::TermsNegotiated, |entry| {
        entry.money = Some(unit);
        entry.note = Some(id.to_string());
    });
    Ok((terms, Some(unit)))
}

fn brought(
    draft: &Draft,
    ask: &SubscriptionImport,
    terms: Terms,
    hung: Option<&Hung>,
    paid: Money,
) -> Subscription {
    let schedule = hung.map_or(Schedule::Perpetual, |hung| Schedule::Engine {
        anchor: hung.anchor,
        next_period: hung.next,
        cycle: 0,
        failures: 0,
        elapsed_months: 0,
        taken_back: 0,
    });
    let times = hung.map_or_else(Times::default, |hung| Times {
        paid_through: Some(hung.period.end),
        due_at: None,
        next_attempt_at: Some(shifted_back(hung.period.end, terms.lead)),
        grace_ends_at: None,
    });
    let periods = hung.map(|hung| PaidPeriod::new(hung.period, paid));
    Subscription {
        id: ask.id,
        customer: draft.account.customer.id,
        checkout: None,
        terms,
        provider: ask.payee.as_ref().map(|payee| payee.account.clone()),
        schedule,
        state: State::Active,
        times,
        cancellation: None,
        scheduled: None,
        paid: periods.into_iter().collect(),
        promise: Promise::default(),
        replaced: None,
        reminded: None,
        held_before: Vec::new(),
        began_at: None,
        created_at: ask.started_at.unwrap_or_else(|| draft.now()),
        disputed: Vec::new(),
        went_on_at: None,
        imported: Some(Imported {
            external: ask.external.clone(),
            paid,
            machines: false,
        }),
        withheld: Vec::new(),
        short: None,
    }
}

/// Counts what was settled elsewhere of a promise that lasts for a number of cycles.
fn count_cycles(brought: &mut Subscription, hung: &Hung, catalog: &CatalogRevision) {
    let price = brought.terms.price.as_ref().map(PriceKey::as_str);
    let price = price.and_then(|key| catalog.catalog.price(key));
    let Some(retired_at) = price.and_then(|price| catalog.catalog.retired_at(price)) else {
        return;
    };
    // From the newest back, since few lie after the retirement.
    let starts = (0..hung.next)
        .rev()
        .map_while(|number| Period::start_of(hung.anchor, hung.interval, number).ok());
    let mut after: Vec<Timestamp> = starts.take_while(|start| *start >= retired_at).collect();
    after.reverse();
    for start in after {
        count_cycle(brought, start, catalog);
    }
}
