//! Moving one holder of a price to another, as a migration's plan judges it.

use crate::catalog::CatalogRevision;
use crate::decide::promise::{give, tell_provider};
use crate::decision::Draft;
use crate::ids::{MigrationId, SubscriptionId};
use crate::migration::{Judged, KeptReason, MigrationAsk, MigrationRefusal, Move, Route, judge};
use crate::money::MoneyError;
use crate::subscription::{Scheduled, Why};

/// What became of a holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Migrated {
    /// It moves.
    Moved(Move),
    /// This migration moved it before.
    Already,
    /// It is kept at its price.
    Kept(KeptReason),
}

/// Why a holder could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrateError {
    /// The customer has no such subscription.
    #[error("no such subscription")]
    NoSubscription,
    /// The migration itself is refused.
    #[error(transparent)]
    Refused(#[from] MigrationRefusal),
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Schedules the move of `id` for the first cycle that may be charged at the new
/// price, and gives the notice of a dearer one. Repeated for the same
/// `migration`, it changes nothing.
///
/// # Errors
///
/// [`MigrateError`], and nothing changes.
pub fn migrate(
    draft: &mut Draft,
    id: SubscriptionId,
    ask: &MigrationAsk,
    migration: MigrationId,
    catalog: &CatalogRevision,
) -> Result<Migrated, MigrateError> {
    let held = draft.account.subscription(id).cloned();
    let held = held.ok_or(MigrateError::NoSubscription)?;
    let why = Why::Migration { migration };
    if held
        .scheduled
        .as_ref()
        .is_some_and(|to_come| to_come.why == why)
    {
        return Ok(Migrated::Already);
    }
    let route = Route::new(ask, catalog, draft.now())?;
    let Judged { told, to } = judge(&held, &route, draft.now())?;
    let (Some((terms, notice)), Some(at)) = (to, told.at) else {
        let reason = told.why_kept.unwrap_or(KeptReason::NotActive);
        return Ok(Migrated::Kept(reason));
    };
    let mut moved = held.clone();
    moved.scheduled = Some(Scheduled {
        at,
        terms: Box::new(terms),
        why,
    });
    moved.promise.look_at = None;
    give(draft, &mut moved, notice, at);
    tell_provider(draft, &held, &mut moved);
    draft.account.put_subscription(moved);
    Ok(Migrated::Moved(told))
}
