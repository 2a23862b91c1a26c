//! The catalog in force, and applying a new revision.

use std::sync::{Arc, PoisonError, RwLock};

use billing_domain::catalog::{
    Catalog, CatalogDiff, CatalogRevision, Holdings, PriceKey, diff, refusals,
};
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// How long a revision is believed to be the newest. Another process's is seen
/// after so long at the latest.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_secs(5);

/// The revision in force, as this process last saw it.
#[derive(Default)]
pub(crate) struct CatalogSlot {
    held: RwLock<Option<(Arc<CatalogRevision>, Timestamp)>>,
}

impl CatalogSlot {
    fn held(&self, now: Timestamp) -> Option<Arc<CatalogRevision>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let (revision, seen_at) = held.as_ref()?;
        let fresh = *seen_at <= now && now < shifted(*seen_at, BELIEVED_FOR);
        fresh.then(|| Arc::clone(revision))
    }

    fn hold(&self, revision: Arc<CatalogRevision>, now: Timestamp) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        // A slow read of an older revision does not undo what was applied meanwhile.
        let older = |(known, _): &(Arc<CatalogRevision>, _)| revision.number < known.number;
        if !held.as_ref().is_some_and(older) {
            *held = Some((revision, now));
        }
    }
}

impl Parts {
    /// The catalog in force at `now`.
    pub(crate) async fn catalog(
        &self,
        now: Timestamp,
    ) -> Result<Arc<CatalogRevision>, EngineError> {
        if let Some(held) = self.catalog.held(now) {
            return Ok(held);
        }
        let stored = self
            .store
            .current_catalog()
            .await?
            .ok_or(EngineError::NoCatalog)?;
        let revision = Arc::new(stored);
        self.catalog.hold(Arc::clone(&revision), now);
        Ok(revision)
    }
}

/// Why a catalog was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// It would break what somebody was promised; each entry names the edit that works.
    #[error("the catalog would break what was promised")]
    Refused(Vec<String>),
    /// Somebody else applied another revision meanwhile.
    #[error("another revision was applied meanwhile")]
    Overtaken,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What applying came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyOutcome {
    /// It is what is in force already.
    Unchanged(u64),
    /// It is in force as this revision.
    Applied(u64),
}

impl Billing {
    /// The catalog in force.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoCatalog`] before the first was applied.
    pub async fn catalog(&self) -> Result<Arc<CatalogRevision>, EngineError> {
        let parts = self.parts()?;
        parts.catalog(parts.now()).await
    }

    /// What applying `catalog` would change, and what stands against it.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn diff_catalog(
        &self,
        catalog: &Catalog,
    ) -> Result<(CatalogDiff, Vec<String>), EngineError> {
        let parts = self.parts()?;
        let holdings = holdings(parts).await?;
        let current = parts
            .store
            .current_catalog()
            .await?
            .map(|revision| revision.catalog);
        Ok(compared(current.as_ref(), catalog, &holdings))
    }

    /// Puts `catalog` in force, unless it breaks what somebody was promised.
    ///
    /// # Errors
    ///
    /// [`CatalogError`], and nothing is written.
    pub async fn apply_catalog(&self, catalog: &Catalog) -> Result<ApplyOutcome, CatalogError> {
        let parts = self.parts()?;
        let now = parts.now();
        let current = parts
            .store
            .current_catalog()
            .await
            .map_err(EngineError::from)?;
        let number = current.as_ref().map_or(0, |revision| revision.number);
        let current = current.map(|revision| revision.catalog);
        if current.as_ref() == Some(catalog) {
            return Ok(ApplyOutcome::Unchanged(number));
        }
        let holdings = holdings(parts).await?;
        let (_, refusals) = compared(current.as_ref(), catalog, &holdings);
        if !refusals.is_empty() {
            return Err(CatalogError::Refused(refusals));
        }
        let applied = parts
            .store
            .apply_catalog(catalog, number, now)
            .await
            .map_err(EngineError::from)?
            .ok_or(CatalogError::Overtaken)?;
        let number = applied.number;
        parts.catalog.hold(Arc::new(applied), now);
        parts.gates.clear();
        let touched = touched(current.as_ref(), catalog);
        if !touched.is_empty() {
            // A promise that begins or ends is looked at, whatever else is due: once
            // every process has stopped believing the revision before.
            let due = shifted(now, BELIEVED_FOR);
            let woken = parts.store.wake_holders(&touched, due).await;
            let woken = woken.map_err(EngineError::from)?;
            tracing::info!(holders = woken, "holders of retired prices woken");
            parts.wake.notify_one();
        }
        tracing::info!(revision = number, "catalog applied");
        Ok(ApplyOutcome::Applied(number))
    }
}

/// The prices whose promise to their holders may be another.
fn touched(before: Option<&Catalog>, after: &Catalog) -> Vec<PriceKey> {
    let promised = |catalog: &Catalog, key: &PriceKey| {
        let price = catalog.price(key.as_str())?;
        let plan = catalog.plan(price.plan.as_str())?;
        Some((price.retired, plan.retired, price.lock.clone()))
    };
    let other = |key: &&PriceKey| {
        before.is_some_and(|before| promised(before, key) != promised(after, key))
    };
    let keys = after.prices().map(|price| &price.key);
    keys.filter(other).cloned().collect()
}

async fn holdings(parts: &Parts) -> Result<Holdings, EngineError> {
    let mut holdings = Holdings::default();
    for row in parts.store.holdings().await? {
        let of_plan = holdings.plans.entry(row.plan).or_insert(0);
        *of_plan = of_plan.saturating_add(row.holders);
        if let Some(price) = row.price {
            let of_price = holdings.prices.entry(price).or_insert(0);
            *of_price = of_price.saturating_add(row.holders);
        }
    }
    Ok(holdings)
}

fn compared(
    current: Option<&Catalog>,
    new: &Catalog,
    holdings: &Holdings,
) -> (CatalogDiff, Vec<String>) {
    let against = current
        .map(|current| refusals(current, new, holdings))
        .unwrap_or_default();
    (
        diff(current, new),
        against.iter().map(ToString::to_string).collect(),
    )
}
