//! Bringing over what was sold elsewhere. It goes on here as it was agreed there: at a
//! price of the catalog's, or at one that is promised to its holder alone.
//!
//! What is here already is compared, and never overwritten.

use crate::catalog::{Billing, Catalog, CatalogRevision, Plan, Price, PriceKey};
use crate::decide::cancel::{CancelWhen, cancel};
use crate::decide::grant::put_grant;
use crate::decide::license::issue;
use crate::decide::promise::{count_cycle, take_up_promise};
use crate::decision::Draft;
use crate::import::{GrantImport, ImportOutcome, ImportRefusal, Imported, SubscriptionImport};
use crate::journal::Event;
use crate::money::Money;
use crate::negotiated::{MAX_NEGOTIATED, Negotiated};
use crate::subscription::{PaidPeriod, Promise, Schedule, State, Subscription, Times};
use crate::terms::{Seller, Terms, TermsError};
use crate::time::{Interval, Period, Timestamp, shifted_back};

/// Periods by which a guess at the number of one may be off: months are shorter and longer
/// than the nominal one.
const GUESSED_OFF: u32 = 3;

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
    let plan = catalog.catalog.plan(ask.plan.as_str());
    let plan = plan.ok_or(ImportRefusal::NoSuchPlan)?;
    let agreed = agreed(&catalog.catalog, plan, ask, draft.now())?;
    if ask.started_at > draft.now() {
        return Err(ImportRefusal::StartsLater);
    }
    let hung = match agreed.billing() {
        Billing::Once if ask.paid_through.is_some() || ask.ends => {
            return Err(ImportRefusal::NotRecurring);
        }
        Billing::Once => None,
        Billing::Recurring(_) if ask.owns_schedule => {
            return Err(ImportRefusal::ProviderRunsSchedule);
        }
        Billing::Recurring(interval) => Some(hung(draft.now(), ask, interval)?),
    };
    let (terms, promised) = terms(draft, plan, &agreed, ask, catalog)?;
    let paid = terms.amount().map_err(|_large| ImportRefusal::Amount)?;
    let mut brought = brought(draft, ask, terms, hung.as_ref(), paid);
    take_up_promise(&draft.account, &mut brought, None, catalog);
    if let Some(hung) = &hung {
        // What others of the customer's have used of the promise is the same time.
        let taken_up = std::mem::take(&mut brought.promise.cycles);
        count_cycles(&mut brought, ask.started_at, hung, catalog);
        brought.promise.cycles = brought.promise.cycles.max(taken_up);
    }
    draft.account.put_subscription(brought);
    for event in [Event::SubscriptionCreated, Event::SubscriptionActivated] {
        draft.note(event, |entry| {
            entry.subscription = Some(ask.id);
            entry.note = Some(format!("imported: {}", ask.external));
        });
    }
    if ask.ends {
        cancel(draft, ask.id, CancelWhen::PeriodEnd);
    }
    issue(draft, ask.id);
    Ok(ImportOutcome::Created { promised })
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
    Ok(ImportOutcome::Created { promised: None })
}

/// Whether a subscription is as it was brought. Until when it is paid is none of it:
/// that moves on here.
fn compared(held: &Subscription, ask: &SubscriptionImport) -> ImportOutcome {
    let terms = &held.terms;
    let (price, unit) = (terms.price.as_ref(), terms.unit);
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
        ("provider", held.provider.as_ref() == Some(&ask.provider)),
    ])
}

/// What it was agreed to cost.
enum Agreed<'a> {
    /// A price of the catalog's, and what it promises to its holders.
    Price(&'a Price),
    /// So much, whatever the catalog says.
    Alone { unit: Money, billing: Billing },
}

impl Agreed<'_> {
    const fn billing(&self) -> Billing {
        match self {
            Self::Price(price) => price.interval,
            Self::Alone { billing, .. } => *billing,
        }
    }
}

/// The price of `plan` that fits: the one that is named, the one on sale, or one that was.
/// An amount that none of them has is promised to this holder alone.
fn agreed<'a>(
    catalog: &'a Catalog,
    plan: &Plan,
    ask: &SubscriptionImport,
    now: Timestamp,
) -> Result<Agreed<'a>, ImportRefusal> {
    if let Some(unit) = ask.unit {
        let mut sold_in = catalog.prices().map(|price| price.amount.currency);
        let known = unit.currency == catalog.currency()
            || sold_in.any(|currency| currency == unit.currency);
        if !known {
            return Err(ImportRefusal::Currency);
        }
        if unit.amount < 0 {
            return Err(ImportRefusal::Amount);
        }
    }
    let fits = |price: &&'a Price| {
        price.plan == plan.key
            && ask.price.as_ref().is_none_or(|it| price.key == *it)
            && ask.billing.is_none_or(|it| price.interval == it)
    };
    let mut of_plan: Vec<&Price> = catalog.prices().filter(fits).collect();
    if of_plan.is_empty() && ask.price.is_some() {
        return Err(ImportRefusal::NoSuchPrice);
    }
    let named = one_interval(&of_plan, ask.billing);
    if let Some(unit) = ask.unit {
        of_plan.retain(|price| price.amount == unit);
    }
    let is_sold = |price: &&&Price| catalog.is_sold_at(price.key.as_str(), now);
    let sold: Vec<&Price> = of_plan.iter().filter(is_sold).copied().collect();
    // What was sold once is held at what it promises to its holders, where it is meant.
    let is_meant = ask.unit.is_some() || ask.price.is_some();
    let fitting = if sold.is_empty() && is_meant {
        of_plan
    } else {
        sold
    };
    match (fitting.as_slice(), ask.unit, named) {
        ([price], ..) => Ok(Agreed::Price(price)),
        ([], Some(unit), Some(billing)) => Ok(Agreed::Alone { unit, billing }),
        ([], ..) => Err(ImportRefusal::NoSuchPrice),
        _ => Err(ImportRefusal::AmbiguousPrice),
    }
}

/// How often it is charged: as is said, or as every price that fits says.
fn one_interval(fitting: &[&Price], said: Option<Billing>) -> Option<Billing> {
    let first = fitting.first().map(|price| price.interval);
    let one = fitting.iter().all(|price| Some(price.interval) == first);
    said.or(first.filter(|_| one))
}

/// A period that is paid, and the number of the one after it.
struct Hung {
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
    let lasts = end.duration_since(ask.started_at).as_secs();
    let lasts = u64::try_from(lasts).map_err(|_before| ImportRefusal::OffAnchor)?;
    let guess = lasts.checked_div(interval.nominal_seconds()).unwrap_or(0);
    let guess = u32::try_from(guess).map_err(|_far| ImportRefusal::OffAnchor)?;
    let (from, to) = (
        guess.saturating_sub(GUESSED_OFF),
        guess.saturating_add(GUESSED_OFF),
    );
    let found = (from..=to).find_map(|number| {
        let period = Period::at(ask.started_at, interval, number).ok()?;
        (period.end == end).then_some((number, period))
    });
    let (number, period) = found.ok_or(ImportRefusal::OffAnchor)?;
    if period.start > now {
        return Err(ImportRefusal::PaidAhead);
    }
    let next = number.checked_add(1).ok_or(ImportRefusal::OffAnchor)?;
    Ok(Hung {
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
    catalog: &CatalogRevision,
) -> Result<(Terms, Option<Money>), ImportRefusal> {
    let seller = Seller {
        provider: ask.provider.provider().clone(),
        owns_schedule: ask.owns_schedule,
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
        provider: Some(ask.provider.provider().clone()),
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
        anchor: ask.started_at,
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
        provider: Some(ask.provider.clone()),
        schedule,
        state: State::Active,
        times,
        cancellation: None,
        scheduled: None,
        paid: periods.into_iter().collect(),
        promise: Promise::default(),
        replaced: None,
        reminded: None,
        created_at: ask.started_at,
        disputed: Vec::new(),
        went_on_at: None,
        imported: Some(Imported {
            external: ask.external.clone(),
            paid,
        }),
        withheld: Vec::new(),
        short: None,
    }
}

/// Counts what was settled elsewhere of a promise that lasts for a number of cycles.
fn count_cycles(
    brought: &mut Subscription,
    anchor: Timestamp,
    hung: &Hung,
    catalog: &CatalogRevision,
) {
    let price = brought.terms.price.as_ref().map(PriceKey::as_str);
    let price = price.and_then(|key| catalog.catalog.price(key));
    let Some(retired_at) = price.and_then(|price| catalog.catalog.retired_at(price)) else {
        return;
    };
    // From the newest back, since few lie after the retirement.
    let starts = (0..hung.next)
        .rev()
        .map_while(|number| Period::start_of(anchor, hung.interval, number).ok());
    let mut after: Vec<Timestamp> = starts.take_while(|start| *start >= retired_at).collect();
    after.reverse();
    for start in after {
        count_cycle(brought, start, catalog);
    }
}
