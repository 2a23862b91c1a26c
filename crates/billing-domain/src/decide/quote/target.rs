//! What a change leads to: the terms that would hold, from the catalog as it is
//! sold now, or from the retired price that is held.

use crate::catalog::{Billing, CatalogRevision, Plan, Price};
use crate::customer::Account;
use crate::decide::quote::{ChangeAsk, QuoteRefusal};
use crate::subscription::{Schedule, Scheduled, Subscription};
use crate::terms::{Seller, Terms, TermsError};
use crate::time::Timestamp;

pub(super) fn terms(
    account: &Account,
    held: &Subscription,
    ask: &ChangeAsk,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Result<Terms, QuoteRefusal> {
    let present = held.terms_at(now);
    if present.is_free() && held.provider.is_none() {
        return Err(QuoteRefusal::IsPurchase);
    }
    let same_price = match (&ask.price, &ask.plan) {
        (Some(price), _) => present.price.as_ref() == Some(price),
        (None, Some(plan)) => present.plan == *plan,
        (None, None) => true,
    };
    if same_price && ask.plan.as_ref().is_none_or(|plan| *plan == present.plan) {
        return resized(held, present, ask, catalog, now);
    }
    let (plan, price) = wanted(present, ask, catalog, now)?;
    if !catalog.catalog.is_sold_at(price.key.as_str(), now) {
        return Err(QuoteRefusal::Retired);
    }
    let granted = account
        .grants
        .iter()
        .any(|grant| grant.plan == plan.key && grant.is_live(now) && grant.ends_at.is_none());
    if granted {
        return Err(QuoteRefusal::AlreadyGranted);
    }
    fits(present, price)?;
    let terms = of(
        held,
        plan,
        price,
        quantity(present, ask, plan),
        catalog,
        now,
    )?;
    if *present
        == (Terms {
            catalog_revision: present.catalog_revision,
            ..terms.clone()
        })
    {
        return Err(QuoteRefusal::NothingChanges);
    }
    Ok(terms)
}

/// The same price in another quantity: a retired price stays, unless its promise
/// is only for the pieces held.
fn resized(
    held: &Subscription,
    present: &Terms,
    ask: &ChangeAsk,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Result<Terms, QuoteRefusal> {
    let quantity = match ask.quantity {
        Some(quantity) if quantity != present.quantity => quantity,
        Some(_) | None => return Err(QuoteRefusal::NothingChanges),
    };
    let plan = catalog
        .catalog
        .plan(present.plan.as_str())
        .ok_or(QuoteRefusal::UnknownTarget)?;
    if !present.allows(plan, quantity) {
        return Err(QuoteRefusal::Quantity);
    }
    let price = present
        .price
        .as_ref()
        .and_then(|key| catalog.catalog.price(key.as_str()));
    let ends_promise = quantity > present.quantity
        && price.is_some_and(|price| {
            catalog
                .catalog
                .retired_at(price)
                .is_some_and(|at| at <= now)
                && price.effective_lock().quantity_held
        });
    if ends_promise {
        let price = alike(plan, present, catalog, now).ok_or(QuoteRefusal::Retired)?;
        return of(held, plan, price, quantity, catalog, now);
    }
    let terms = Terms {
        quantity,
        trial: present.trial,
        ..present.clone()
    };
    terms.amount()?;
    Ok(terms)
}

/// What `terms` are at the start of the next cycle: another quantity of the same
/// price is one of the price that follows by itself by then.
pub(super) fn at_its_start(held: &Subscription, terms: Terms, to_come: &Scheduled) -> Terms {
    let by_then = held.times.paid_through.is_some_and(|end| to_come.at <= end);
    if by_then && terms.price == held.terms.price {
        return Terms {
            quantity: terms.quantity,
            ..(*to_come.terms).clone()
        };
    }
    terms
}

fn of(
    held: &Subscription,
    plan: &Plan,
    price: &Price,
    quantity: u32,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Result<Terms, QuoteRefusal> {
    let account = held.provider.as_ref().ok_or(QuoteRefusal::NotSoldThere)?;
    let provider = account.provider();
    let sells = price.provider_refs.is_empty() || price.provider_refs.contains_key(provider);
    if !sells {
        return Err(QuoteRefusal::NotSoldThere);
    }
    let seller = Seller {
        provider: provider.clone(),
        owns_schedule: matches!(held.schedule, Schedule::Provider { .. }),
    };
    let mut terms =
        Terms::of(catalog, plan, price, quantity, &seller, now).map_err(|error| match error {
            TermsError::Retired => QuoteRefusal::Retired,
            TermsError::Quantity => QuoteRefusal::Quantity,
            TermsError::Money(error) => QuoteRefusal::Money(error),
        })?;
    // A trial is of what was bought first; its end is the subscription's.
    terms.trial = held.terms.trial;
    Ok(terms)
}

fn wanted<'a>(
    present: &Terms,
    ask: &ChangeAsk,
    catalog: &'a CatalogRevision,
    now: Timestamp,
) -> Result<(&'a Plan, &'a Price), QuoteRefusal> {
    let catalog = &catalog.catalog;
    let unknown = QuoteRefusal::UnknownTarget;
    if let Some(key) = &ask.price {
        let price = catalog.price(key.as_str()).ok_or(unknown)?;
        let plan = catalog.plan(price.plan.as_str()).ok_or(unknown)?;
        if ask.plan.as_ref().is_some_and(|named| *named != plan.key) {
            return Err(unknown);
        }
        return Ok((plan, price));
    }
    let key = ask.plan.as_ref().unwrap_or(&present.plan);
    let plan = catalog.plan(key.as_str()).ok_or(unknown)?;
    if plan.is_free() {
        // What is free is fallen back to by canceling.
        return Err(QuoteRefusal::IsPurchase);
    }
    let sold = |price: &&Price| catalog.is_sold_at(price.key.as_str(), now);
    let on_sale: Vec<&Price> = plan.prices.iter().filter(sold).collect();
    if on_sale.is_empty() {
        return Err(QuoteRefusal::Retired);
    }
    let currency = present.unit.currency;
    let mut alike = on_sale
        .iter()
        .filter(|price| price.amount.currency == currency);
    let same_interval = alike
        .clone()
        .find(|price| price.interval == present.billing);
    let price = same_interval.or_else(|| alike.next());
    // In another currency, the refusal names that.
    let price = price.or(on_sale.first()).ok_or(QuoteRefusal::Retired)?;
    Ok((plan, price))
}

/// The price of `plan` that is sold as `present` is charged.
fn alike<'a>(
    plan: &'a Plan,
    present: &Terms,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Option<&'a Price> {
    plan.prices.iter().find(|price| {
        catalog.catalog.is_sold_at(price.key.as_str(), now)
            && price.amount.currency == present.unit.currency
            && price.interval == present.billing
    })
}

fn fits(present: &Terms, price: &Price) -> Result<(), QuoteRefusal> {
    if price.amount.currency != present.unit.currency {
        return Err(QuoteRefusal::CurrencyDiffers);
    }
    match (present.billing, price.interval) {
        (Billing::Once, Billing::Recurring(_)) | (Billing::Recurring(_), Billing::Once) => {
            Err(QuoteRefusal::IsPurchase)
        }
        (Billing::Once, Billing::Once) | (Billing::Recurring(_), Billing::Recurring(_)) => Ok(()),
    }
}

/// As many pieces as are asked for, else as are held, else the plan's least.
fn quantity(present: &Terms, ask: &ChangeAsk, plan: &Plan) -> u32 {
    match (&plan.quantity, ask.quantity) {
        (_, Some(asked)) => asked,
        (Some(rule), None) if rule.allows(present.quantity) => present.quantity,
        (Some(rule), None) => rule.min,
        (None, None) => 1,
    }
}
