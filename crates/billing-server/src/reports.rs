//! Figures that were counted a moment ago, so that a dashboard costs one count and not one
//! a visitor. Knows no route, and counts nothing itself.

use std::sync::Arc;

use billing_domain::report::Figures;
use billing_domain::time::{Timestamp, shifted};
use billing_engine::{Billing, EngineError};
use billing_ports::store::{Holding, Store, StoreError};
use jiff::SignedDuration;
use tokio::sync::Mutex;

/// How old figures may be: nobody steers a business by the minute, and a hundred thousand
/// customers are counted in some seconds.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);

/// What was counted last, in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reports {
    figures: Counted<Figures>,
    holdings: Counted<Vec<Holding>>,
}

impl Reports {
    /// The figures as of `now`, or of a few minutes before.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub(crate) async fn figures(
        &self,
        billing: &Billing,
        now: Timestamp,
    ) -> Result<Arc<Figures>, EngineError> {
        let counted = self.figures.fresh(now, billing.figures()).await?;
        Ok(counted.what)
    }

    /// Who holds what as of `now`, or of a few minutes before.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    pub(crate) async fn holdings(
        &self,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Count<Vec<Holding>>, StoreError> {
        self.holdings.fresh(now, store.holdings()).await
    }
}

/// What a count came to.
#[derive(Debug)]
pub(crate) struct Count<T> {
    /// When it began.
    pub(crate) at: Timestamp,
    pub(crate) what: Arc<T>,
}

/// One thing that is counted.
#[derive(Debug)]
struct Counted<T> {
    /// Held while it is counted: whoever asks meanwhile waits for the same count.
    last: Arc<Mutex<Option<Count<T>>>>,
}

impl<T: Send + Sync> Counted<T> {
    /// What was counted last, or else what `counting` comes to.
    async fn fresh<E>(
        &self,
        now: Timestamp,
        counting: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<Count<T>, E> {
        let mut last = self.last.lock().await;
        if let Some(held) = last.as_ref().filter(|held| is_fresh(held.at, now)) {
            return Ok(held.clone());
        }
        let counted = Count {
            at: now,
            what: Arc::new(counting.await?),
        };
        *last = Some(counted.clone());
        Ok(counted)
    }
}

impl<T> Clone for Count<T> {
    fn clone(&self) -> Self {
        Self {
            at: self.at,
            what: Arc::clone(&self.what),
        }
    }
}

impl<T> Clone for Counted<T> {
    fn clone(&self) -> Self {
        Self {
            last: Arc::clone(&self.last),
        }
    }
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self {
            last: Arc::default(),
        }
    }
}

/// A clock that was set back makes nothing fresh.
fn is_fresh(counted: Timestamp, now: Timestamp) -> bool {
    counted <= now && now < shifted(counted, FRESH_FOR)
}
