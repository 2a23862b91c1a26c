//! Which kinds of change one is, and what the table says of them. Rank decides
//! first; at equal rank the interval; at equal interval the quantity.

use std::cmp::Ordering;

use crate::catalog::{Billing, CatalogRevision, ChangeKind, ChangeMoney, ChangeRule};
use crate::decide::quote::{Force, QuoteRefusal};
use crate::quote::Timing;
use crate::subscription::{State, Subscription};
use crate::terms::Terms;

/// The kinds of a change, the deciding one first.
pub(super) fn kinds(
    from: &Terms,
    to: &Terms,
    catalog: &CatalogRevision,
    forced: bool,
) -> Result<Vec<ChangeKind>, QuoteRefusal> {
    let mut kinds = Vec::new();
    if from.plan != to.plan {
        let rank = |terms: &Terms| catalog.catalog.plan(terms.plan.as_str())?.rank;
        match (rank(from), rank(to)) {
            (Some(from), Some(to)) => kinds.push(match to.cmp(&from) {
                Ordering::Greater => ChangeKind::Upgrade,
                Ordering::Less => ChangeKind::Downgrade,
                Ordering::Equal => ChangeKind::Lateral,
            }),
            (None, _) | (_, None) if forced => kinds.push(ChangeKind::Lateral),
            (None, _) | (_, None) => return Err(QuoteRefusal::Unranked),
        }
    }
    if let (Billing::Recurring(from), Billing::Recurring(to)) = (from.billing, to.billing) {
        match to.nominal_seconds().cmp(&from.nominal_seconds()) {
            Ordering::Greater => kinds.push(ChangeKind::Longer),
            Ordering::Less => kinds.push(ChangeKind::Shorter),
            // Twelve months and a year are one length.
            Ordering::Equal => {}
        }
    }
    let by_the_piece = |terms: &Terms| {
        let plan = catalog.catalog.plan(terms.plan.as_str());
        terms.bounds.is_some() || plan.is_some_and(|plan| plan.quantity.is_some())
    };
    if by_the_piece(from) && by_the_piece(to) {
        match to.quantity.cmp(&from.quantity) {
            Ordering::Greater => kinds.push(ChangeKind::QuantityUp),
            Ordering::Less => kinds.push(ChangeKind::QuantityDown),
            Ordering::Equal => {}
        }
    }
    let mixed = kinds.contains(&ChangeKind::Upgrade) && kinds.contains(&ChangeKind::QuantityDown);
    if mixed && !forced {
        return Err(QuoteRefusal::MixedChange);
    }
    if kinds.is_empty() {
        // Another price of the same plan, charged alike: neither up nor down.
        kinds.push(ChangeKind::Lateral);
    }
    Ok(kinds)
}

/// When a change takes effect, and with what money.
pub(super) fn rule(
    held: &Subscription,
    kinds: &[ChangeKind],
    force: Option<Force>,
    catalog: &CatalogRevision,
) -> Result<(Timing, ChangeMoney), QuoteRefusal> {
    match force {
        Some(Force::Free) => return Ok((Timing::AtOnce, ChangeMoney::None)),
        Some(Force::Collected) => return Ok((Timing::AtOnce, ChangeMoney::Charge)),
        None => {}
    }
    let perpetual = held.terms.billing == Billing::Once;
    let row = |kind: ChangeKind| {
        let plan = held.terms.plan.as_str();
        let stated = catalog.catalog.stated_rule(plan, kind);
        match (stated, kind) {
            (Some(rule), _) => rule,
            // What is held for good goes down only where somebody said how.
            (None, ChangeKind::Downgrade | ChangeKind::QuantityDown) if perpetual => {
                ChangeRule::Forbidden
            }
            (None, kind) => kind.default_rule(),
        }
    };
    if let Some(kind) = kinds
        .iter()
        .find(|kind| row(**kind) == ChangeRule::Forbidden)
    {
        return Err(QuoteRefusal::Forbidden(*kind));
    }
    let deciding = kinds.first().copied().unwrap_or(ChangeKind::Lateral);
    if matches!(held.state, State::Trialing { .. }) {
        return Ok((Timing::AtOnce, ChangeMoney::None));
    }
    Ok(match row(deciding) {
        ChangeRule::Now(money) => (Timing::AtOnce, money),
        // What never ends has no end to wait for.
        ChangeRule::PeriodEnd if perpetual => (Timing::AtOnce, ChangeMoney::None),
        ChangeRule::PeriodEnd => (Timing::PeriodEnd, ChangeMoney::None),
        ChangeRule::Forbidden => return Err(QuoteRefusal::Forbidden(deciding)),
    })
}
